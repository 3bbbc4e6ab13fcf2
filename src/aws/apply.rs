//! Does what a plan says, change by change, and stops at the first that fails: the order is what keeps a variant able
//! to wake.

use super::autoscaling::Resource;
use super::{ApiError, Aws, Observed};
use crate::reconcile::{Change, VariantPlan, alarm_name, resource_id};

impl Aws {
    /// Makes the changes of all variants, in order.
    ///
    /// # Errors
    /// The change that failed for good; those after it have not been tried.
    pub async fn apply(&self, observed: &Observed, plans: &[VariantPlan]) -> Result<(), ApiError> {
        for plan in plans {
            let id = resource_id(&observed.name, &plan.variant);
            let label = format!("endpoint {}, variant {}", observed.name, plan.variant);
            let resource = Resource { id: &id, label: &label };
            let mut arns = observed.policy_arns.get(&plan.variant).cloned().unwrap_or_default();
            for change in &plan.changes {
                match change {
                    Change::RegisterScalableTarget(target) => self.register_target(resource, target).await?,
                    Change::PutScalingPolicy(name, policy) => {
                        arns.insert(*name, self.put_policy(resource, *name, policy).await?);
                    }
                    Change::PutMetricAlarm(kind, alarm) => {
                        let name = alarm_name(&observed.name, &plan.variant, *kind);
                        let action = arns.get(&kind.policy()).ok_or_else(|| {
                            ApiError::incomplete("PutMetricAlarm", &label, "policy for the alarm to drive")
                        })?;
                        self.put_alarm(resource, &name, alarm, action).await?;
                    }
                    Change::DeleteScalingPolicy(name) => self.delete_policy(resource, name).await?,
                    Change::DeleteScheduledAction(name) => self.delete_action(resource, name).await?,
                    Change::DeleteAlarms(kinds) => {
                        let names = kinds.iter().map(|kind| alarm_name(&observed.name, &plan.variant, *kind)).collect();
                        self.delete_alarms(resource, names).await?;
                    }
                    Change::DeregisterScalableTarget => self.deregister_target(resource).await?,
                }
            }
        }
        Ok(())
    }
}
