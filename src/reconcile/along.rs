//! Tags of the endpoint that go along to what is made for it: for cost allocation, and for organisations that refuse what
//! has no tags.

use std::collections::BTreeMap;

use super::endpoint::{Endpoint, Tags};
use super::names::VariantName;
use super::plan::{Change, Tagged, VariantPlan};

/// The tags of what exists already and can carry some.
pub type Present = BTreeMap<(VariantName, Tagged), Tags>;

/// The endpoint's tags of the given keys. AWS keeps `aws:` for itself.
#[must_use]
pub fn tags_along(keys: &[String], endpoint: &Endpoint) -> Tags {
    let wanted = |(key, value): (&String, &String)| keys.contains(key).then(|| (key.clone(), value.clone()));
    endpoint.tags.iter().filter_map(wanted).collect()
}

/// Adds to the plans the changes that give the tags to resources that exist and lack them. A resource that a plan makes anew gets
/// them as it is made, and one that it deletes needs none. Tags that somebody else has put on them stay.
pub fn plan_tags(plans: &mut [VariantPlan], along: &Tags, present: &Present) {
    for plan in plans {
        let existing = present.iter().filter(|((variant, _), _)| *variant == plan.variant);
        let missing: Vec<Change> = existing
            .filter(|((_, what), _)| !goes(&plan.changes, *what))
            .filter_map(|((_, what), tags)| {
                let lacking: Tags = along
                    .iter()
                    .filter(|(key, value)| tags.get(*key) != Some(*value))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                (!lacking.is_empty()).then_some(Change::TagResource(*what, lacking))
            })
            .collect();
        plan.changes.extend(missing);
    }
}

fn goes(changes: &[Change], what: Tagged) -> bool {
    changes.iter().any(|change| match (change, what) {
        (Change::DeregisterScalableTarget, Tagged::ScalableTarget) => true,
        (Change::DeleteAlarms(kinds), Tagged::Alarm(kind)) => kinds.contains(&kind),
        (
            Change::RegisterScalableTarget(_)
            | Change::PutScalingPolicy(..)
            | Change::PutMetricAlarm(..)
            | Change::PutScheduledAction(..)
            | Change::DeleteScalingPolicy(_)
            | Change::DeleteScheduledAction(_)
            | Change::DeleteAlarms(_)
            | Change::DeregisterScalableTarget
            | Change::TagResource(..)
            | Change::SetDesiredInstances(_),
            _,
        ) => false,
    })
}

#[cfg(test)]
mod tests;
