//! What Application Auto Scaling and CloudWatch hold for one variant, in one shape for what is there and for what
//! should be. Every field that we write is here, so that a comparison of two values finds every drift.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{AlarmKind, PolicyName};

/// The scaling of one variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scaling {
    pub target: Option<ScalableTarget>,
    pub policies: BTreeMap<PolicyName, ScalingPolicy>,
    pub alarms: BTreeMap<AlarmKind, Alarm>,
    /// The scheduled actions under our names.
    pub actions: BTreeMap<String, ScheduledAction>,
    /// What stands under one of our names and is nothing that we would write.
    pub strays: Strays,
    /// What another owner keeps on the same scalable target.
    pub foreign: BTreeSet<Foreign>,
}

/// Under our names, but with fields that we never write: edited by hand, so drifted whatever the settings are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strays {
    pub policies: BTreeMap<PolicyName, PolicyType>,
    pub actions: BTreeSet<String>,
    /// Also alarms that drive no policy, another one, or one that has been replaced since.
    pub alarms: BTreeSet<AlarmKind>,
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

    /// Whether an instance is started when a request waits and none runs.
    #[must_use]
    pub fn can_wake(&self) -> bool {
        let adds_instances = |policy: &ScalingPolicy| match policy {
            ScalingPolicy::Step(step) => step.adjustment == Adjustment::ChangeInCapacity && step.amount > 0,
            ScalingPolicy::TargetTracking(_) => false,
        };
        self.policies.get(&PolicyName::Wake).is_some_and(adds_instances)
            && self.alarms.contains_key(&AlarmKind::Wake)
            && self.target.as_ref().is_some_and(|target| !target.suspended.scale_out)
    }

    /// Whether any policy or action, ours or another's, may take instances away.
    #[must_use]
    pub fn can_scale_in(&self) -> bool {
        let by_policy = self.policies.iter().any(|(name, policy)| match (name, policy) {
            (PolicyName::Wake, _) => false,
            (PolicyName::Backlog | PolicyName::Idle, ScalingPolicy::Step(_)) => true,
            (PolicyName::Backlog | PolicyName::Idle, ScalingPolicy::TargetTracking(tracking)) => {
                !tracking.disable_scale_in
            }
        });
        by_policy || self.has_actions() || !self.strays.policies.is_empty() || !self.foreign.is_empty()
    }

    /// Whether the last instance may be taken away, now or when a scheduled action of ours has lowered `MinCapacity`.
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
        self.alarms.keys().chain(&self.strays.alarms).copied().collect()
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

impl Suspended {
    /// A removal is on its way: the variant has been raised to one instance, and nothing may lower it again until it
    /// runs. Kept here because it is set by the same call that raises the variant and goes with the target; no `pause`
    /// setting gives this combination.
    pub const LEAVING: Self = Self { scale_in: true, scale_out: false, scheduled: true };
}

/// A scaling policy as we write them.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalingPolicy {
    TargetTracking(TargetTracking),
    Step(StepScaling),
}

impl ScalingPolicy {
    #[must_use]
    pub fn policy_type(&self) -> PolicyType {
        match self {
            Self::TargetTracking(_) => PolicyType::TargetTracking,
            Self::Step(_) => PolicyType::Step,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    TargetTracking,
    Step,
    Other,
}

/// Target tracking on a metric of the endpoint, by its customized metric specification.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTracking {
    pub target_value: f64,
    pub metric: Metric,
    /// Seconds.
    pub scale_in_cooldown: i32,
    /// Seconds.
    pub scale_out_cooldown: i32,
    pub disable_scale_in: bool,
}

/// Step scaling with one step, from a difference of 0 between metric and threshold upward (or, for an alarm that fires
/// below its threshold, downward).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepScaling {
    pub adjustment: Adjustment,
    /// Instances to add, or the exact number of them, as `adjustment` says.
    pub amount: i32,
    pub step: Step,
    /// Seconds.
    pub cooldown: i32,
}

/// Which side of the alarm's threshold the one step covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    FromThresholdUp,
    FromThresholdDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    ChangeInCapacity,
    ExactCapacity,
}

/// A recurring scheduled action as we write them (`PutScheduledAction`): it sets `MinCapacity` and nothing else, without a
/// first and a last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledAction {
    /// A cron expression of Application Auto Scaling: `cron(0 8 ? * MON,TUE *)`.
    pub schedule: String,
    /// A name of the IANA database.
    pub timezone: String,
    pub min_capacity: i32,
}

/// A metric in namespace `AWS/SageMaker`, of which the one dimension is `EndpointName`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub name: String,
    pub endpoint: String,
    pub statistic: Statistic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Average,
    Maximum,
}

/// A CloudWatch alarm as we write them (`PutMetricAlarm`): enabled, with the ARN of the policy of its kind as the one
/// action. That ARN is made by AWS when the policy is, so it is no field here; the alarm's state is none either.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub description: String,
    pub metric: Metric,
    pub comparison: Comparison,
    pub threshold: f64,
    /// Seconds.
    pub period: i32,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: i32,
    pub missing_data: MissingData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    LessThanThreshold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    NotBreaching,
    Missing,
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
