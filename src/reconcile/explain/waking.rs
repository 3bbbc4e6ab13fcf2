//! Why a variant gets no instance, or no more instances.

use super::super::names::AlarmKind;
use super::super::settings::Key;
use super::activities::start_time;
use super::finding::{About, Finding, FindingCode, count};
use super::readings::{AlarmRole, AlarmState};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    pub(super) fn wake(&self) -> Option<Finding> {
        if self.settings.is_some_and(|settings| !settings.wake && settings.min_capacity == 0) {
            let waits_for = self.tracking().map_or(String::new(), |tracking| {
                format!(", and sleeps until more than {} requests wait (backlog-per-instance)", tracking.target_value)
            });
            let sentence = format!("is not woken by the first request{waits_for}.");
            let finding = self.finding(FindingCode::WakeOff, About::Wake, &sentence);
            return Some(finding.set(self.tag(Key::Wake), "to true"));
        }
        if self.variant.current_instances != Some(0) || self.variant.desired_instances != Some(0) {
            return None;
        }
        match self.state(AlarmRole::Own(AlarmKind::Wake))? {
            AlarmState::Alarm if self.attempt().is_some() => None,
            AlarmState::Alarm => Some(
                self.finding(
                    FindingCode::WakeStuck,
                    About::Wake,
                    "runs no instance although requests wait and its wake alarm is in ALARM, and no scaling activity says \
                     that AWS is at work on it.",
                )
                .advice("look again in some minutes: an alarm in ALARM repeats its action once a minute"),
            ),
            AlarmState::Ok | AlarmState::InsufficientData => {
                let requests = self.requests()?;
                let sentence = format!(
                    "runs no instance, with a backlog of {} ({}): its wake alarm has not fired yet. It fires once the metric \
                     has arrived, 1 to 3 minutes after the request.",
                    count(requests.requests, "request"),
                    requests.at
                );
                let finding = self.finding(FindingCode::Waking, About::Wake, &sentence);
                Some(finding.advice(format!("look again in some minutes; {}", start_time(self.activities()))))
            }
        }
    }

    /// Application Auto Scaling acts on a bound when it is registered or changed, and never again. It does not repeat an order
    /// that failed.
    pub(super) fn below_minimum(&self) -> Option<Finding> {
        if self.is_below_minimum() != Some(true) || self.attempt().is_some() {
            return None;
        }
        let sentence = format!(
            "runs {}, below its MinCapacity of {}: AWS starts instances for a minimum only when it is registered or changed, \
             and that order failed or was undone.",
            count(self.instances().into(), "instance"),
            self.target.min_capacity
        );
        let finding = self.finding(FindingCode::BelowMinCapacity, About::Wake, &sentence);
        Some(finding.advice(self.apply("it is registered again")))
    }

    pub(super) fn at_max_capacity(&self) -> Option<Finding> {
        let max = self.target.max_capacity;
        let (requests, tracking) = (self.requests()?, self.tracking()?);
        let is_at_most = self.variant.desired_instances.is_some_and(|desired| desired >= max);
        if !is_at_most || requests.requests <= tracking.target_value * f64::from(max) {
            return None;
        }
        let sentence = format!(
            "has the {max} instances that max-capacity allows, with a backlog of {} ({}): more than the {} for each instance \
             that backlog-per-instance asks for.",
            count(requests.requests, "request"),
            requests.at,
            tracking.target_value
        );
        let finding = self.finding(FindingCode::AtMaxCapacity, About::Wake, &sentence);
        Some(finding.set(self.tag(Key::MaxCapacity), "higher to allow more instances"))
    }
}
