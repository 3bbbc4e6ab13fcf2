//! What Application Auto Scaling and CloudWatch hold for one variant. One shape stands for what is there and for what should
//! be. It has every field that we write, so that a comparison of two values finds every drift.

mod alarm;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{AlarmKind, PolicyName};

pub use alarm::{Alarm, AlarmInput, Comparison, Metric, MetricMath, MissingData, Namespace, OtherActions, Statistic};
pub use policy::{
    Adjustment, Aggregation, PolicyType, ScalingPolicy, ScheduledAction, StepAdjustment, StepScaling, TargetTracking,
};

/// The scaling of one variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scaling {
    pub target: Option<ScalableTarget>,
    pub policies: BTreeMap<PolicyName, ScalingPolicy>,
    pub alarms: BTreeMap<AlarmKind, Alarm>,
    /// The scheduled actions under our names.
    pub actions: BTreeMap<String, ScheduledAction>,
    /// What has one of our names, but isn't what we would write.
    pub strays: Strays,
    /// What another owner keeps on the same scalable target.
    pub foreign: BTreeSet<Foreign>,
}

/// Under our names, but with fields that we never write. Somebody has edited them, and they differ from any settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strays {
    pub policies: BTreeMap<PolicyName, PolicyType>,
    pub actions: BTreeSet<String>,
    /// Also alarms that drive no policy, another one, or one that has been replaced since. Each with the actions on it
    /// that are not ours.
    pub alarms: BTreeMap<AlarmKind, OtherActions>,
    /// Policies that are as they should be, but have lost an alarm that AWS made for them.
    pub without_alarm: BTreeSet<PolicyName>,
}

impl Scaling {
    /// Whether anything here was made by the function. A scalable target alone doesn't say whose it is.
    #[must_use]
    pub fn has_ours(&self) -> bool {
        let strays = &self.strays;
        let has_policies = !self.policies.is_empty() || !strays.policies.is_empty();
        let has_alarms = !self.alarms.is_empty() || !strays.alarms.is_empty();
        has_policies || has_alarms || self.has_actions()
    }

    fn has_actions(&self) -> bool {
        !self.actions.is_empty() || !self.strays.actions.is_empty()
    }

    /// Whether an instance starts when a request waits and none runs. Only the plain wake alarm counts: it rests on nothing
    /// that AWS leaves open.
    #[must_use]
    pub fn can_wake(&self) -> bool {
        self.has_a_way_to_wake() && self.target.as_ref().is_some_and(|target| !target.suspended.scale_out)
    }

    /// The policy and the alarm for it are there, whether scaling out is suspended or not.
    pub(super) fn has_a_way_to_wake(&self) -> bool {
        let (Some(ScalingPolicy::Step(policy)), Some(alarm)) =
            (self.policies.get(&PolicyName::Wake), self.alarms.get(&AlarmKind::Wake))
        else {
            return false;
        };
        // The metric is 1 while a request waits and no instance runs.
        alarm.fires_at(1.0)
            && policy.adjustment == Adjustment::ChangeInCapacity
            && policy.amount_at(1.0 - alarm.threshold).is_some_and(|amount| amount > 0)
    }

    /// Whether any policy, ours or another's, may take instances away.
    #[must_use]
    pub fn can_scale_in(&self) -> bool {
        self.policies.values().any(ScalingPolicy::can_scale_in) || self.has_what_nobody_knows()
    }

    /// Whether any policy or action, ours or another's, would take the last instance if `MinCapacity` let it.
    #[must_use]
    pub fn can_take_the_last(&self) -> bool {
        self.policies.values().any(ScalingPolicy::can_take_the_last) || self.has_what_nobody_knows()
    }

    /// Something that may do anything: another owner's, or edited by hand.
    fn has_what_nobody_knows(&self) -> bool {
        !self.strays.policies.is_empty() || !self.strays.actions.is_empty() || !self.foreign.is_empty()
    }

    /// Whether `MinCapacity` lets the last instance be taken away, now or when a scheduled action has lowered it.
    #[must_use]
    pub fn may_reach_zero(&self) -> bool {
        let is_lowered = |target: &ScalableTarget| {
            let to_zero = self.actions.values().any(|action| action.min_capacity == 0);
            !target.suspended.scheduled && (to_zero || !self.strays.actions.is_empty())
        };
        self.target
            .as_ref()
            .is_some_and(|target| !target.suspended.scale_in && (target.min_capacity == 0 || is_lowered(target)))
    }

    /// The type of the policy under this name, whether it is one of ours or a stray.
    #[must_use]
    pub fn policy_type(&self, name: PolicyName) -> Option<PolicyType> {
        self.policies.get(&name).map(ScalingPolicy::policy_type).or_else(|| self.strays.policies.get(&name).copied())
    }

    /// The alarms under our names, as they should be or not.
    #[must_use]
    pub fn alarm_kinds(&self) -> BTreeSet<AlarmKind> {
        self.alarms.keys().chain(self.strays.alarms.keys()).copied().collect()
    }

    /// What others have hung on an alarm of ours.
    #[must_use]
    pub fn other_actions(&self, kind: AlarmKind) -> OtherActions {
        let of_alarm = self.alarms.get(&kind).map(|alarm| &alarm.other_actions);
        of_alarm.or_else(|| self.strays.alarms.get(&kind)).cloned().unwrap_or_default()
    }
}

/// A scalable target (`RegisterScalableTarget`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalableTarget {
    pub min_capacity: i32,
    pub max_capacity: i32,
    pub suspended: Suspended,
}

/// `SuspendedState`: what Application Auto Scaling is told not to do for now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suspended {
    pub scale_in: bool,
    pub scale_out: bool,
    pub scheduled: bool,
}

/// A policy or scheduled action of another owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    pub kind: ForeignKind,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForeignKind {
    ScalingPolicy,
    ScheduledAction,
}

impl fmt::Display for ForeignKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScalingPolicy => "scaling policy",
            Self::ScheduledAction => "scheduled action",
        })
    }
}

#[cfg(test)]
mod tests;
