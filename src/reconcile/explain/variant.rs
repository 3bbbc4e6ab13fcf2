//! One variant that is a scalable target, of a managed endpoint: what its findings rest on, and what suspends all its scaling.

use super::super::endpoint::{EndpointStatus, Variant};
use super::super::names::PolicyName;
use super::super::scaling::{ScalableTarget, Scaling, ScalingPolicy, TargetTracking};
use super::super::settings::{Key, Pause, Settings};
use super::Facts;
use super::finding::{About, Finding, FindingCode};
use super::ownership::apply;
use super::readings::{AlarmReading, AlarmRole, AlarmState, BacklogSize};

/// One variant that is a scalable target, of an endpoint that is managed.
pub(super) struct VariantFacts<'a> {
    pub(super) facts: &'a Facts<'a>,
    /// `None` where the tags can't be read.
    pub(super) settings: Option<&'a Settings>,
    pub(super) variant: &'a Variant,
    pub(super) scaling: &'a Scaling,
    pub(super) target: &'a ScalableTarget,
}

impl VariantFacts<'_> {
    pub(super) fn explain(&self, findings: &mut Vec<Finding>) {
        findings.extend(self.paused());
        findings.extend(self.capacity());
        findings.extend(self.below_minimum());
        findings.extend(self.missing());
        findings.extend(self.wake());
        findings.extend(self.at_max_capacity());
        findings.extend(self.minimum());
        findings.extend(self.backlog());
        findings.extend(self.work());
        findings.extend(self.self_checks());
        findings.extend(self.scale_in());
        findings.extend(self.lost_tracking_alarm());
        findings.extend(self.alarms().iter().filter_map(|alarm| self.alarm(alarm)));
    }

    pub(super) fn finding(&self, code: FindingCode, about: About, sentence: &str) -> Finding {
        Finding::new(code, about, format!("Variant {} {sentence}", self.variant.name))
    }

    pub(super) fn tag(&self, key: Key) -> String {
        self.facts.rules.tag(key)
    }

    /// `None` where they couldn't be read.
    pub(super) fn known_alarms(&self) -> Option<&[AlarmReading]> {
        let alarms = self.facts.readings.alarms.as_ref()?;
        Some(alarms.get(&self.variant.name).map_or(&[], Vec::as_slice))
    }

    pub(super) fn alarms(&self) -> &[AlarmReading] {
        self.known_alarms().unwrap_or_default()
    }

    /// `None` where the alarm isn't there, or its state couldn't be read.
    pub(super) fn state(&self, role: AlarmRole) -> Option<AlarmState> {
        self.alarms().iter().find(|alarm| alarm.role == role).map(|alarm| alarm.state)
    }

    pub(super) fn instances(&self) -> i32 {
        self.variant.current_instances.unwrap_or(0)
    }

    pub(super) fn is_in_service(&self) -> bool {
        self.facts.endpoint.is_some_and(|endpoint| endpoint.status == EndpointStatus::InService)
    }

    /// Fewer instances are ordered than `MinCapacity` asks for. `None` where the number isn't known.
    pub(super) fn is_below_minimum(&self) -> Option<bool> {
        Some(self.variant.current_instances?.max(self.variant.desired_instances?) < self.target.min_capacity)
    }

    /// The backlog of the newest minute, if it isn't empty.
    pub(super) fn requests(&self) -> Option<&BacklogSize> {
        self.facts.readings.backlog.first().filter(|newest| newest.requests >= 1.0)
    }

    pub(super) fn tracking(&self) -> Option<&TargetTracking> {
        match self.scaling.policies.get(&PolicyName::Backlog)? {
            ScalingPolicy::TargetTracking(tracking) => Some(tracking),
            ScalingPolicy::Step(_) => None,
        }
    }

    /// Whether a policy of ours may take instances away now.
    pub(super) fn may_scale_in(&self) -> bool {
        self.instances() > self.target.min_capacity && !self.target.suspended.scale_in
    }

    fn paused(&self) -> Option<Finding> {
        let (about, what) = match (self.target.suspended.scale_in, self.target.suspended.scale_out) {
            (false, false) => return None,
            (true, false) => (About::Sleep, "scaling in is suspended, so no instance is taken away"),
            (false, true) => (About::Wake, "scaling out is suspended, so no instance is started"),
            (true, true) => (About::All, "scaling is suspended, so no instance is started and none taken away"),
        };
        let is_asked_for = self.settings.is_none_or(|settings| settings.pause != Pause::No);
        let finding = self.finding(FindingCode::Paused, about, &format!("is paused: {what}."));
        let tag = self.tag(Key::Pause);
        Some(if is_asked_for {
            finding.set(tag, "to false")
        } else {
            finding.tag(tag).advice(self.apply("no tag asks for it"))
        })
    }

    pub(super) fn apply(&self, why: &str) -> String {
        let advice = self.facts.endpoint.map(|endpoint| apply(&endpoint.name)).unwrap_or_default();
        format!("{why}: {advice}")
    }
}
