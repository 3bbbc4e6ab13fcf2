//! Why a variant's instances stay, and when they go.

use super::super::desired::METRIC_PERIOD;
use super::super::names::AlarmKind;
use super::super::plan::Change;
use super::super::settings::{Key, Settings};
use super::finding::{About, Finding, FindingCode, count};
use super::pending_changes;
use super::readings::{AlarmRole, AlarmState};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    pub(super) fn minimum(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(settings) = self.settings else { return findings };
        if settings.min_capacity > 0 {
            let sentence = format!(
                "{} {}, because min-capacity is {}.",
                if self.keeps(settings.min_capacity) { "always keeps" } else { "should always keep" },
                count(settings.min_capacity.into(), "instance"),
                settings.min_capacity
            );
            let finding = self.finding(FindingCode::MinCapacity, About::Sleep, &sentence);
            findings.push(finding.set(self.tag(Key::MinCapacity), "to 0 to let it sleep"));
        }
        if self.target.min_capacity > settings.min_capacity {
            findings.push(self.raised_minimum(settings));
        }
        findings
    }

    /// Whether so many instances run, and `MinCapacity` keeps them.
    fn keeps(&self, instances: i32) -> bool {
        self.target.min_capacity >= instances && self.instances() >= instances
    }

    /// The one place about warm hours. The plan knows the time: a raised `MinCapacity` that it leaves alone is right.
    fn raised_minimum(&self, settings: &Settings) -> Finding {
        let sentence = format!(
            "{} {} for now: its MinCapacity is {}, above the {} of min-capacity.",
            if self.keeps(self.target.min_capacity) { "keeps" } else { "should keep" },
            count(self.target.min_capacity.into(), "instance"),
            self.target.min_capacity,
            settings.min_capacity
        );
        let finding = self.finding(FindingCode::WarmHours, About::Sleep, &sentence);
        let lowers = |change: &Change| matches!(change, Change::RegisterScalableTarget(target) if target.min_capacity < self.target.min_capacity);
        match pending_changes(self.facts.decision, &self.variant.name) {
            None => finding,
            Some(changes) if changes.iter().any(lowers) => {
                finding.advice(self.apply("neither a tag nor the clock asks for it"))
            }
            Some(_) => finding.set(self.tag(Key::WarmHours), "to other hours, or wait until they end"),
        }
    }

    pub(super) fn backlog(&self) -> Option<Finding> {
        let requests = self.requests().filter(|_| self.instances() > 0)?;
        let sentence = format!(
            "is not idle: its endpoint has a backlog of {} ({}).",
            count(requests.requests, "request"),
            requests.at
        );
        Some(self.finding(FindingCode::Backlog, About::Sleep, &sentence))
    }

    /// How long there has been no sign of work; nothing where there was one just now, or the backlog isn't known.
    fn idle_so_far(&self) -> String {
        match self.facts.readings.backlog.iter().take_while(|minute| self.shows_nothing(minute)).count() {
            0 => String::new(),
            1 => "; so far, the last minute showed none".to_owned(),
            minutes => format!("; so far, the last {minutes} minutes showed none"),
        }
    }

    pub(super) fn scale_in(&self) -> Option<Finding> {
        if !self.may_scale_in() {
            return None;
        }
        let min = self.target.min_capacity;
        let running = count(self.instances().into(), "instance");
        if let Some(alarm) = self.scaling.alarms.get(&AlarmKind::Idle) {
            let minutes = count((alarm.evaluation_periods * METRIC_PERIOD / 60).into(), "minute");
            let sentence = if self.state(AlarmRole::Own(AlarmKind::Idle)) == Some(AlarmState::Alarm) {
                format!("runs {running} and has been idle for {minutes}: AWS is taking all above {min} away now.")
            } else {
                format!(
                    "runs {running}; all above {min} go at once when {minutes} in a row show no work{}.",
                    self.idle_so_far()
                )
            };
            let finding = self.finding(FindingCode::IdleTimeout, About::Sleep, &sentence);
            return Some(finding.set(self.tag(Key::IdleTimeout), "to a shorter time, or wait"));
        }
        let tracking = self.tracking().filter(|tracking| !tracking.disable_scale_in)?;
        let sentence = format!(
            "runs {running}; target tracking takes instances away step by step, once its alarm has seen too little backlog \
             for long enough (users report 15 minutes, and the minutes before the endpoint was tagged count) and {}s \
             (scale-in-cooldown) have passed since the last step{}.",
            tracking.scale_in_cooldown,
            self.idle_so_far()
        );
        let finding = self.finding(FindingCode::TargetTracking, About::Sleep, &sentence);
        Some(finding.set(self.tag(Key::IdleTimeout), "to an idle time of your own, or wait"))
    }
}
