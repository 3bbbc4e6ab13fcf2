//! Does what a plan says, change by change, and stops at the first that fails. The order is what keeps a variant able
//! to wake.

use super::autoscaling::Resource;
use super::{ApiError, Aws, Observed};
use crate::reconcile::{
    Alarm, AlarmKind, Change, EndpointName, PolicyName, Tagged, Tags, VariantPlan, alarm_name, resource_id, warm_label,
};

/// An endpoint that is gone, and the removal of what it left behind.
pub type Gone = (EndpointName, Vec<VariantPlan>);

/// A scheduled action of warm hours that AWS won't have as the tags ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The label of the warm hours, which may be empty.
    pub label: String,
    /// What AWS says.
    pub message: String,
}

impl Aws {
    /// Removes what deleted endpoints left behind, their alarms last and in batches. Answers which endpoints are done and which
    /// failed. If a target couldn't be deregistered, its endpoint keeps its alarms, which show that it is ours. `made` is called
    /// with each change.
    pub async fn apply_to_gone(&self, gone: Vec<Gone>, made: impl Fn(&Change)) -> (Vec<Gone>, Vec<(Gone, ApiError)>) {
        let mut done = Vec::new();
        let mut failures = Vec::new();
        let mut alarms = Vec::new();
        for (name, plans) in gone {
            let mut without_alarms = plans.clone();
            let mut names = Vec::new();
            for plan in &mut without_alarms {
                plan.changes.retain(|change| {
                    let Change::DeleteAlarms(kinds) = change else { return true };
                    names.extend(kinds.iter().map(|kind| alarm_name(&name, &plan.variant, *kind)));
                    false
                });
            }
            match self.apply(&Observed::bare(name.clone()), &without_alarms, &made).await {
                Ok(_) => {
                    alarms.append(&mut names);
                    done.push((name, plans));
                }
                Err(error) => failures.push(((name, plans), error)),
            }
        }
        if let Err(error) = self.delete_alarms("endpoints that are gone", &alarms).await {
            failures.extend(done.drain(..).map(|gone| (gone, error.clone())));
        }
        let changes = done.iter().flat_map(|(_, plans)| plans).flat_map(|plan| &plan.changes);
        changes.filter(|change| matches!(change, Change::DeleteAlarms(_))).for_each(&made);
        (done, failures)
    }

    /// Makes the changes of all variants, in order. `made` is called with each change that is made. Answers the warm hours whose
    /// value AWS refuses.
    ///
    /// # Errors
    /// The change that failed for good; those after it have not been tried.
    pub async fn apply(
        &self,
        observed: &Observed,
        plans: &[VariantPlan],
        made: impl Fn(&Change),
    ) -> Result<Vec<Refused>, ApiError> {
        let mut wanted = Vec::new();
        let mut refused = Vec::new();
        for plan in plans {
            let id = resource_id(&observed.name, &plan.variant);
            let label = format!("endpoint {}, variant {}", observed.name, plan.variant);
            let resource = Resource { id: &id, label: &label };
            let mut arns = observed.policy_arns.get(&plan.variant).cloned().unwrap_or_default();
            for change in &plan.changes {
                match change {
                    Change::RegisterScalableTarget(target) => {
                        let is_new = !observed.taggable.contains_key(&(plan.variant.clone(), Tagged::ScalableTarget));
                        let tags = if is_new { &observed.tags_along } else { &Tags::new() };
                        self.register_target(resource, target, tags).await?;
                    }
                    Change::PutScalingPolicy(name, policy) => {
                        let arn = self.put_policy(resource, *name, policy).await?;
                        let old = arns.insert(*name, arn.clone());
                        if old.is_some_and(|old| old != arn) {
                            for (kind, alarm) in left_behind(observed, plan, *name) {
                                let name = alarm_name(&observed.name, &plan.variant, kind);
                                self.put_alarm(resource, &name, alarm, &arn, &Tags::new()).await?;
                                made(&Change::PutMetricAlarm(kind, alarm.clone()));
                            }
                        }
                    }
                    Change::PutMetricAlarm(kind, alarm) => {
                        let name = alarm_name(&observed.name, &plan.variant, *kind);
                        let action = arns.get(&kind.policy()).ok_or_else(|| {
                            ApiError::incomplete("PutMetricAlarm", &label, "policy for the alarm to drive")
                        })?;
                        self.put_alarm(resource, &name, alarm, action, &observed.tags_along).await?;
                    }
                    Change::PutScheduledAction(name, action) => match self.put_action(resource, name, action).await {
                        Ok(()) => {}
                        // If AWS refuses the tag's value, only this action is left out.
                        Err(error) => match warm_label(name) {
                            Some(label) if error.is_about_the_value() => {
                                refused.push(Refused { label: label.to_owned(), message: error.to_string() });
                                continue;
                            }
                            _ => return Err(error),
                        },
                    },
                    Change::DeleteScalingPolicy(name) => self.delete_policy(resource, name).await?,
                    Change::DeleteScheduledAction(name) => self.delete_action(resource, name).await?,
                    Change::DeleteAlarms(kinds) => {
                        let name = |kind: &AlarmKind| alarm_name(&observed.name, &plan.variant, *kind);
                        self.delete_alarms(&label, &kinds.iter().map(name).collect::<Vec<_>>()).await?;
                    }
                    Change::DeregisterScalableTarget => self.deregister_target(resource).await?,
                    Change::TagResource(what, tags) => {
                        let arn = observed.taggable.get(&(plan.variant.clone(), *what));
                        let arn = arn.ok_or_else(|| ApiError::incomplete("TagResource", &label, "ARN to tag"))?;
                        self.tag(*what, arn, tags, &label).await?;
                    }
                    // One call for all variants, after everything else: it makes the endpoint Updating, and AWS would refuse
                    // a second one.
                    Change::SetDesiredInstances(instances) => {
                        wanted.push((change, &plan.variant, *instances));
                        continue;
                    }
                }
                made(change);
            }
        }
        if !wanted.is_empty() {
            self.set_desired_instances(observed, wanted.iter().map(|(_, variant, count)| (*variant, *count))).await?;
            for (change, ..) in &wanted {
                made(change);
            }
        }
        Ok(refused)
    }
}

/// The alarms of a policy that the plan leaves as they are. Should a put have given the policy another ARN, they would drive
/// one that is no more.
fn left_behind<'a>(
    observed: &'a Observed,
    plan: &'a VariantPlan,
    name: PolicyName,
) -> impl Iterator<Item = (AlarmKind, &'a Alarm)> {
    let alarms = observed.scaling.get(&plan.variant).into_iter().flat_map(|scaling| &scaling.alarms);
    let is_changed = |kind: AlarmKind| {
        plan.changes.iter().any(|change| {
            matches!(change, Change::PutMetricAlarm(other, _) if *other == kind)
                || matches!(change, Change::DeleteAlarms(kinds) if kinds.contains(&kind))
        })
    };
    alarms.filter(move |(kind, _)| kind.policy() == name && !is_changed(**kind)).map(|(kind, alarm)| (*kind, alarm))
}
