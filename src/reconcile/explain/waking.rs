//! Why a variant gets no instance, or no more of them.

use super::super::names::AlarmKind;
use super::super::settings::Key;
use super::finding::{About, Finding, FindingCode, count};
use super::readings::{AlarmRole, AlarmState};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    pub(super) fn wake(&self) -> Option<Finding> {
        if self.settings.is_some_and(|settings| !settings.wake && settings.min_capacity == 0) {
            let waits_for = self.tracking().map_or(String::new(), |tracking| {
                format!(", and sleeps on until more requests wait than backlog-per-instance, {}", tracking.target_value)
            });
            let sentence = format!("is not woken by the first request{waits_for}.");
            let finding = self.finding(FindingCode::WakeOff, About::Wake, &sentence);
            return Some(finding.set(self.tag(Key::Wake), "to true"));
        }
        if self.variant.current_instances != Some(0) || self.variant.desired_instances != Some(0) {
            return None;
        }
        match self.state(AlarmRole::Own(AlarmKind::Wake))? {
            AlarmState::Alarm => Some(
                self.finding(
                    FindingCode::WakeStuck,
                    About::Wake,
                    "runs no instance although requests wait and its wake alarm is in ALARM.",
                )
                .advice(
                    "look again in some minutes; if it stays so, AWS has no capacity or your quota for the instance type \
                     is used up: see the scaling activities of the variant",
                ),
            ),
            AlarmState::Ok | AlarmState::InsufficientData => {
                let requests = self.requests()?;
                let sentence = format!(
                    "runs no instance, with {} waiting ({}): the wake alarm fires 1 to 2 minutes after the first request, and \
                     an instance takes 3 to 10 minutes to start.",
                    count(requests.requests, "request"),
                    requests.at
                );
                Some(self.finding(FindingCode::Waking, About::Wake, &sentence).advice("look again in some minutes"))
            }
        }
    }

    pub(super) fn at_max_capacity(&self) -> Option<Finding> {
        let max = self.target.max_capacity;
        let (requests, tracking) = (self.requests()?, self.tracking()?);
        let is_at_most = self.variant.desired_instances.is_some_and(|desired| desired >= max);
        if !is_at_most || requests.requests <= tracking.target_value * f64::from(max) {
            return None;
        }
        let sentence = format!(
            "has the {max} instances that max-capacity allows, with {} waiting or in flight ({}): more than the {} for each \
             instance that backlog-per-instance asks for.",
            count(requests.requests, "request"),
            requests.at,
            tracking.target_value
        );
        let finding = self.finding(FindingCode::AtMaxCapacity, About::Wake, &sentence);
        Some(finding.set(self.tag(Key::MaxCapacity), "higher to allow more instances"))
    }
}
