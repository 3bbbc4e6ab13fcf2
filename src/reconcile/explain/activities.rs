//! What Application Auto Scaling tried last.

use super::super::activities::{ActivityStatus, ScalingActivity};
use super::finding::{About, Finding, FindingCode, clock, sentence_end};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    pub(super) fn activities(&self) -> &[ScalingActivity] {
        self.facts.readings.activities.get(&self.variant.name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn activity(&self) -> Option<Finding> {
        let newest = self.activities().iter().max_by_key(|activity| activity.start);
        let activity = newest.filter(|activity| activity.status == ActivityStatus::Failed)?;
        let sentence = format!(
            "could not be scaled when Application Auto Scaling last tried, at {} ({}): {}",
            clock(activity.start),
            activity.description.trim_end_matches('.'),
            sentence_end(activity.message.as_deref().unwrap_or("AWS gives no reason"))
        );
        Some(self.finding(FindingCode::ScalingFailed, About::All, &sentence).advice(
            "mend what the message says; for capacity or a quota, another instance type or Service Quotas help",
        ))
    }
}
