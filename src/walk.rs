//! The walk of one endpoint: observe, decide, do, answer.

use std::collections::BTreeMap;

use crate::answer::{Answer, Explanation, Outcome};
use crate::aws::{Aws, Observed, Refused};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::handler::Function;
use crate::payload::Verb;
use crate::reconcile::{
    Decision, Endpoint, EndpointName, EndpointStatus, Facts, Hints, Key, Manage, Pause, Problem, Removal, Request,
    Scaling, SkipReason, VariantName, VariantPlan, WHAT_COMPONENTS_NEED, after_the_second_look, before_the_second_look,
    decide, notes, plan_tags, status_tag, tags_along,
};
use crate::telemetry;

impl Function {
    /// Reads what AWS says about an endpoint, decides, does it, and answers.
    pub(crate) async fn handle_endpoint(
        &self,
        aws: &Aws,
        verb: Verb,
        name: &EndpointName,
        arn: Option<&str>,
        hints: Hints,
    ) -> Result<Answer, Error> {
        let observed = self.observe(aws, verb, name, arn, hints).await?;
        let decision = self.decide(aws, verb, &observed).await?;
        let planned = self.planned(&observed.name, observed.endpoint.as_ref(), &observed.scaling, &decision);
        match verb {
            Verb::Plan => Ok(planned),
            Verb::Apply | Verb::Event | Verb::Work | Verb::Remove => {
                let mut answer = self.apply(aws, &observed, &decision, planned).await?;
                let status_tag = answer.status_tag.clone();
                Self::write_status_tag(aws, &observed, &mut answer).await;
                self.tell(aws, verb, &observed, status_tag.as_ref(), &mut answer).await;
                Ok(answer)
            }
        }
    }

    async fn observe(
        &self,
        aws: &Aws,
        verb: Verb,
        name: &EndpointName,
        arn: Option<&str>,
        mut hints: Hints,
    ) -> Result<Observed, Error> {
        let rules = &self.config.rules;
        hints.is_likely_ours |= rules.manage == Manage::All || self.was_managed(name);
        let mut observed = aws.observe(name, rules, &hints).await?;
        if let (None, Some(arn)) = (&observed.endpoint, arn)
            && let Some(name) = aws.endpoint_of_arn(arn, name).await?
        {
            observed = aws.observe(&name, rules, &hints).await?;
        }
        self.complete(&mut observed, verb);
        Ok(observed)
    }

    async fn decide(&self, aws: &Aws, verb: Verb, observed: &Observed) -> Result<Decision, Error> {
        let request = match verb {
            Verb::Apply | Verb::Plan => Request::Apply,
            Verb::Event | Verb::Work => Request::Event,
            Verb::Remove => Request::Remove,
        };
        let endpoint = observed.endpoint.as_ref();
        let mut decision = decide(request, &self.config.rules, endpoint, &observed.scaling, self.time());
        if let (Decision::Configure(plans, _), false) = (&mut decision, observed.tags_along.is_empty()) {
            plan_tags(plans, &observed.tags_along, &aws.tags_present(observed).await?);
        }
        self.remember(&observed.name, &decision);
        Ok(decision)
    }

    /// Makes the changes; the answer says what came of them.
    async fn apply(
        &self,
        aws: &Aws,
        observed: &Observed,
        decision: &Decision,
        planned: Answer,
    ) -> Result<Answer, Error> {
        let Some((plans, outcome)) = to_do(decision) else { return Ok(planned) };
        let endpoint = observed.endpoint.as_ref();
        if let (Decision::Remove(_, Removal::Complete), Some(endpoint)) = (decision, endpoint) {
            return Ok(Answer { outcome: self.remove(aws, observed, endpoint, plans).await?, ..planned });
        }
        let refused = aws.apply(observed, plans, |change| self.made(change)).await?;
        if refused.is_empty() {
            return Ok(Answer { outcome: outcome(plans.to_vec()), ..planned });
        }
        let invalid = Decision::Invalid(self.problems_of(&refused, endpoint));
        let Answer { outcome, status_tag, .. } = self.planned(&observed.name, endpoint, &observed.scaling, &invalid);
        Ok(Answer { outcome, status_tag, ..planned })
    }

    /// Takes away what was made for an endpoint that lives on, and looks at it once more before the last trace goes: an alarm
    /// may have taken its last instance just before nothing could any more.
    async fn remove(
        &self,
        aws: &Aws,
        observed: &Observed,
        endpoint: &Endpoint,
        plans: &[VariantPlan],
    ) -> Result<Outcome, Error> {
        let first = |plan: &VariantPlan| VariantPlan {
            variant: plan.variant.clone(),
            changes: before_the_second_look(&plan.changes).0.to_vec(),
        };
        let mut done: Vec<VariantPlan> = plans.iter().map(first).collect();
        aws.apply(observed, &done, |change| self.made(change)).await?;
        let again = if done.iter().all(|plan| plan.changes.is_empty()) {
            Some(endpoint.clone())
        } else {
            aws.look(&observed.name, &endpoint.tags).await?
        };
        let (rests, removal) =
            after_the_second_look(&self.config.rules, endpoint, again.as_ref(), &observed.scaling, plans);
        aws.apply(observed, &rests, |change| self.made(change)).await?;
        for (plan, rest) in done.iter_mut().zip(rests) {
            plan.changes.extend(rest.changes);
        }
        Ok(match removal {
            Removal::Complete => Outcome::Removed(done),
            Removal::AwaitsInstance => Outcome::Removing(done),
        })
    }

    /// Warm hours that AWS refuses are a problem of their tags: AWS would refuse another try as well.
    fn problems_of(&self, refused: &[Refused], endpoint: Option<&Endpoint>) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for Refused { label, message } in refused {
            let tag = self.config.rules.tag(Key::WarmHours);
            let tag = if label.is_empty() { tag } else { format!("{tag}.{label}") };
            let value = endpoint.and_then(|endpoint| endpoint.tags.get(&tag)).cloned();
            // Its start and its end are refused for the same reason.
            if problems.iter().all(|problem| problem.tag != tag) {
                problems.push(Problem { tag, value, problem: format!("is refused by AWS: {message}") });
            }
        }
        problems
    }

    /// A status tag that can't be written is no failure: the outcome doesn't depend on it, and an endpoint that has as
    /// many tags as AWS allows would fail for ever.
    async fn write_status_tag(aws: &Aws, observed: &Observed, answer: &mut Answer) {
        let Some(tag) = &answer.status_tag else { return };
        if let Err(error) = aws.write_status_tag(observed, tag).await {
            let error = Error::from(error);
            telemetry::status_tag_failed(&observed.name, &error);
            let failed = format!("the status tag could not be written: {error}");
            answer.note = Some(answer.note.take().map_or(failed.clone(), |note| format!("{note}; {failed}")));
            answer.status_tag = None;
        }
    }

    /// The answer while nothing has been done yet: what `plan` says.
    pub(crate) fn planned(
        &self,
        name: &EndpointName,
        endpoint: Option<&Endpoint>,
        scaling: &BTreeMap<VariantName, Scaling>,
        decision: &Decision,
    ) -> Answer {
        let has_changes = to_do(decision).is_some();
        let outcome = match decision.clone() {
            Decision::Skip(reason) => Outcome::Skipped(reason),
            Decision::Invalid(problems) => Outcome::Invalid(problems),
            Decision::Conflict(conflicts, _) => {
                Outcome::Conflict { conflicts, takeover_tag: self.config.rules.tag(Key::Takeover) }
            }
            Decision::Configure(plans, _) | Decision::Remove(plans, _) if has_changes => Outcome::Planned(plans),
            Decision::Configure(plans, _) => Outcome::Unchanged(plans),
            Decision::Remove(plans, _) => Outcome::Removed(plans),
        };
        let pause = match decision {
            Decision::Conflict(_, pause) | Decision::Configure(_, pause) => *pause,
            // The tags can't be read, but what they once asked for still holds.
            Decision::Invalid(_) => {
                let targets = scaling.values().filter_map(|scaling| scaling.target.as_ref());
                targets.map(|target| Pause::of(target.suspended)).find(|pause| *pause != Pause::No).unwrap_or(Pause::No)
            }
            Decision::Skip(_) | Decision::Remove(..) => Pause::No,
        };
        let mut notes = notes(&self.config.rules, endpoint, decision);
        if *decision == Decision::Skip(SkipReason::ManagedInstanceScaling) {
            notes.push(format!("the endpoint hosts inference components; {WHAT_COMPONENTS_NEED}"));
        }
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        let status_tag = if self.config.status_tag { status_tag(decision, endpoint) } else { None };
        Answer { endpoint: Some(name.clone()), outcome, pause, status_tag, note }
    }

    /// The endpoint's tags that go along to what is made for it.
    /// Adds to what AWS says what this process and its deployment know: what it has put in vain, and which tags are copied.
    pub(crate) fn complete(&self, observed: &mut Observed, verb: Verb) {
        self.leave_what_stays_lost(observed, verb);
        let endpoint = observed.endpoint.as_ref();
        observed.tags_along = endpoint.map(|it| tags_along(&self.config.copy_tags, it)).unwrap_or_default();
    }

    /// Reads what AWS says about an endpoint and why nothing more happens with it, and writes nothing.
    pub(crate) async fn explain(&self, name: &EndpointName, deadline: Option<Deadline>) -> Result<Answer, Error> {
        let rules = &self.config.rules;
        let observed = self.observe_whole(name).await?;
        let settled = observed.endpoint.clone().map(settled);
        let decision = decide(Request::Event, rules, settled.as_ref(), &observed.scaling, self.time());
        let readings = self.aws.readings(&observed, rules, (self.now)(), deadline.map(Deadline::half_left)).await;
        let explanation = Explanation::new(&Facts {
            rules,
            endpoint: observed.endpoint.as_ref(),
            status: observed.status.as_deref(),
            scaling: &observed.scaling,
            decision: &decision,
            readings: &readings,
            now: self.time(),
        });
        Ok(Answer {
            endpoint: Some(observed.name),
            outcome: Outcome::Explained(explanation),
            pause: Pause::No,
            status_tag: None,
            note: None,
        })
    }
}

/// The endpoint as it will be once nothing is in progress: what stands in the way beside its status is of interest too.
pub(crate) fn settled(endpoint: Endpoint) -> Endpoint {
    match endpoint.status {
        EndpointStatus::Failed | EndpointStatus::Other => Endpoint { status: EndpointStatus::InService, ..endpoint },
        EndpointStatus::InService | EndpointStatus::Deleting => endpoint,
    }
}

/// The outcome of changes that have been made.
pub(crate) type OutcomeOf = fn(Vec<VariantPlan>) -> Outcome;

/// The changes to make, and what to answer once they are made; `None` where there are none.
pub(crate) fn to_do(decision: &Decision) -> Option<(&[VariantPlan], OutcomeOf)> {
    let (plans, outcome): (_, OutcomeOf) = match decision {
        Decision::Configure(plans, _) => (plans, Outcome::Configured),
        Decision::Remove(plans, Removal::Complete) => (plans, Outcome::Removed),
        Decision::Remove(plans, Removal::AwaitsInstance) => (plans, Outcome::Removing),
        Decision::Skip(_) | Decision::Invalid(_) | Decision::Conflict(..) => return None,
    };
    plans.iter().any(|plan| !plan.changes.is_empty()).then_some((plans, outcome))
}
