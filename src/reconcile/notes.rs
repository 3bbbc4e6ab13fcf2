//! What a person should know beside an outcome: that it does not last, or that they have to do something themselves.

use super::endpoint::{Endpoint, EndpointStatus};
use super::explain::way_to_another_instance_type;
use super::names::{PolicyName, is_owned_action};
use super::plan::Change;
use super::settings::{Key, Rules, Wish};
use super::{Decision, ineligible};

/// The notes to a decision about an endpoint, as clauses without an end.
#[must_use]
pub fn notes(rules: &Rules, endpoint: Option<&Endpoint>, decision: &Decision) -> Vec<String> {
    let Some(endpoint) = endpoint else { return Vec::new() };
    [failed_update(rules, endpoint), takeover(decision), removal(rules, endpoint, decision)]
        .into_iter()
        .flatten()
        .collect()
}

fn failed_update(rules: &Rules, endpoint: &Endpoint) -> Option<String> {
    let reason = endpoint.failure_reason.as_deref()?;
    let way_through = way_to_another_instance_type(rules, reason).map(|way| format!("; {way}"));
    Some(format!("the endpoint's last update failed: {reason}{}", way_through.unwrap_or_default()))
}

/// Application Auto Scaling has one target-tracking policy for a metric
/// (<https://github.com/hashicorp/terraform-provider-aws/issues/41179>).
fn takeover(decision: &Decision) -> Option<String> {
    let Decision::Configure(plans, _) = decision else { return None };
    let is_theirs = |change: &Change| match change {
        Change::DeleteScalingPolicy(name) => PolicyName::owned(name).is_none(),
        Change::DeleteScheduledAction(name) => !is_owned_action(name),
        Change::RegisterScalableTarget(_)
        | Change::PutScalingPolicy(..)
        | Change::PutMetricAlarm(..)
        | Change::PutScheduledAction(..)
        | Change::DeleteAlarms(_)
        | Change::DeregisterScalableTarget
        | Change::TagResource(..)
        | Change::SetDesiredInstances(_) => false,
    };
    plans.iter().flat_map(|plan| &plan.changes).any(is_theirs).then(|| {
        "another owner's scaling is deleted: take it out of that owner's code first (Terraform: a removed block, \
         CloudFormation: DeletionPolicy: Retain), or its next deployment fails with \"Only one TargetTrackingScaling \
         policy\" or puts it back"
            .to_owned()
    })
}

/// SageMaker may deliver an event twice, and a sweep looks at every endpoint.
fn removal(rules: &Rules, endpoint: &Endpoint, decision: &Decision) -> Option<String> {
    let is_removal = matches!(decision, Decision::Remove(..)) && endpoint.status == EndpointStatus::InService;
    let still_ask = matches!(rules.read(&endpoint.tags), Ok(Wish::Managed(_))) && ineligible(endpoint).is_none();
    (is_removal && still_ask).then(|| {
        format!(
            "the endpoint's tags still ask for this scaling, so the next event or sweep makes it again; set the tag {} to \
             false to keep it away",
            rules.tag(Key::Enabled)
        )
    })
}

#[cfg(test)]
mod tests;
