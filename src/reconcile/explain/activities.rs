//! What Application Auto Scaling tried last.

use super::finding::{About, Finding, FindingCode, sentence_end};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    pub(super) fn activity(&self) -> Option<Finding> {
        let activity = self.facts.readings.activities.get(&self.variant.name).filter(|activity| activity.has_failed)?;
        let sentence = format!(
            "could not be scaled when Application Auto Scaling last tried, at {} ({}): {}",
            activity.started,
            activity.description.trim_end_matches('.'),
            sentence_end(activity.message.as_deref().unwrap_or("AWS gives no reason"))
        );
        Some(self.finding(FindingCode::ScalingFailed, About::All, &sentence).advice(
            "mend what the message says; for capacity or a quota, another instance type or Service Quotas help",
        ))
    }
}
