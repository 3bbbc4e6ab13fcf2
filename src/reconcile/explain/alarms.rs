//! Policies and alarms of ours that are missing, and alarms that can't do their work.

use super::super::Decision;
use super::super::names::{AlarmKind, PolicyName};
use super::finding::{About, Finding, FindingCode};
use super::readings::{AlarmReading, AlarmRole, AlarmState};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    /// Policies and alarms of ours that are missing. While another owner stands in the way, none of them is expected.
    pub(super) fn missing(&self) -> Vec<Finding> {
        let Some(settings) = self.settings.filter(|_| !matches!(self.facts.decision, Decision::Conflict(..))) else {
            return Vec::new();
        };
        let lacks = |kind: AlarmKind| {
            let policy = self.scaling.policy_type(kind.policy()).is_none().then(|| format!("policy {}", kind.policy()));
            let alarm = (!self.scaling.alarm_kinds().contains(&kind)).then(|| match kind {
                AlarmKind::Wake => "wake alarm".to_owned(),
                AlarmKind::Ladder => "ladder alarm".to_owned(),
                AlarmKind::Spare => "spare alarm".to_owned(),
                AlarmKind::Idle => "idle alarm".to_owned(),
            });
            policy.into_iter().chain(alarm).collect::<Vec<_>>()
        };
        let mut findings = Vec::new();
        let mut add = |code, about, lacking: Vec<String>, consequence: &str| {
            if !lacking.is_empty() {
                let sentence = format!("lacks its {}, so {consequence}.", lacking.join(" and its "));
                let advice = self.apply("it was deleted by hand, or is not made yet");
                findings.push(self.finding(code, about, &sentence).advice(advice));
            }
        };
        if settings.wake && settings.min_capacity == 0 {
            let consequence = "nothing starts an instance when a request comes at zero";
            add(FindingCode::WakeMissing, About::Wake, lacks(AlarmKind::Wake), consequence);
        }
        let consequence = "nothing takes the last instance away";
        if settings.idle_timeout.is_some() {
            add(FindingCode::SleepMissing, About::Sleep, lacks(AlarmKind::Idle), consequence);
        } else if self.scaling.policy_type(PolicyName::Backlog).is_none() {
            let lacking = vec![format!("policy {}", PolicyName::Backlog)];
            add(FindingCode::SleepMissing, About::Sleep, lacking, consequence);
        }
        findings
    }

    /// Target tracking's policy without an alarm that it needs: somebody deleted it. AWS names the alarms with the policy,
    /// and makes them anew when the policy is put.
    pub(super) fn lost_tracking_alarm(&self) -> Option<Finding> {
        let (tracking, alarms) = (self.tracking()?, self.known_alarms()?);
        let lacks = |role: AlarmRole| alarms.iter().all(|alarm| alarm.role != role);
        let (about, consequence) = if lacks(AlarmRole::ScaleOut) {
            (About::Wake, "scales out, so no instance is added however many requests wait")
        } else if !tracking.disable_scale_in && lacks(AlarmRole::ScaleIn) {
            (About::Sleep, "scales in, so no instance is taken away")
        } else {
            return None;
        };
        let sentence = format!("has the policy {} without its alarm that {consequence}.", PolicyName::Backlog);
        let advice = self.apply("somebody deleted it, and AWS makes it anew when the policy is put again");
        Some(self.finding(FindingCode::TrackingAlarmMissing, about, &sentence).advice(advice))
    }

    pub(super) fn alarm(&self, alarm: &AlarmReading) -> Option<Finding> {
        let scales_in = match alarm.role {
            AlarmRole::Own(AlarmKind::Wake | AlarmKind::Ladder) | AlarmRole::ScaleOut => false,
            AlarmRole::Own(AlarmKind::Spare | AlarmKind::Idle) => true,
            AlarmRole::ScaleIn => self.tracking().is_none_or(|tracking| !tracking.disable_scale_in),
        };
        let about = if scales_in { About::Sleep } else { About::Wake };
        if !alarm.drives_its_policy {
            let sentence = format!(
                "has the alarm {}, but the alarm's actions are switched off or don't include its policy: when it fires, \
                 nothing happens.",
                alarm.name
            );
            let advice = match alarm.role {
                AlarmRole::Own(_) => self.apply("it was changed by hand"),
                AlarmRole::ScaleOut | AlarmRole::ScaleIn => format!(
                    "AWS made this alarm and its actions were switched off by hand: aws cloudwatch enable-alarm-actions \
                     --alarm-names {}",
                    alarm.name
                ),
            };
            return Some(self.finding(FindingCode::AlarmWithoutAction, about, &sentence).advice(advice));
        }
        match (alarm.state, alarm.role) {
            (AlarmState::InsufficientData, AlarmRole::Own(AlarmKind::Wake)) => Some(self.finding(
                FindingCode::WakeAlarmNew,
                About::Wake,
                "has a wake alarm in INSUFFICIENT_DATA, which is normal for some minutes after it was made.",
            )),
            (AlarmState::InsufficientData, _) if scales_in && self.may_scale_in() => {
                let sentence = format!(
                    "is not scaled in while the alarm {} is in INSUFFICIENT_DATA: without data nobody knows whether it is \
                     idle. That is normal for the first minutes.",
                    alarm.name
                );
                Some(
                    self.finding(FindingCode::InsufficientData, About::Sleep, &sentence)
                        .advice("if it stays, see in CloudWatch whether the endpoint publishes its backlog metrics"),
                )
            }
            (AlarmState::Ok | AlarmState::Alarm | AlarmState::InsufficientData, _) => None,
        }
    }
}
