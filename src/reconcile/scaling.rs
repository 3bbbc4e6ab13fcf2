//! What Application Auto Scaling and CloudWatch hold for one variant. One shape stands for what is there and for what should
//! be. It has every field that we write, so that a comparison of two values finds every drift.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{AlarmKind, PolicyName, VariantName};

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

/// A scaling policy as we write them.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalingPolicy {
    TargetTracking(TargetTracking),
    Step(StepScaling),
}

impl ScalingPolicy {
    /// The greatest number of its steps; `None` where it has none.
    #[must_use]
    pub fn most(&self) -> Option<i32> {
        match self {
            Self::TargetTracking(_) => None,
            Self::Step(policy) => policy.steps.iter().map(|step| step.amount).max(),
        }
    }

    #[must_use]
    pub fn policy_type(&self) -> PolicyType {
        match self {
            Self::TargetTracking(_) => PolicyType::TargetTracking,
            Self::Step(_) => PolicyType::Step,
        }
    }

    fn can_scale_in(&self) -> bool {
        match self {
            Self::TargetTracking(tracking) => !tracking.disable_scale_in,
            Self::Step(step) => step.adjustment == Adjustment::ExactCapacity || step.amounts().any(|amount| amount < 0),
        }
    }

    fn can_take_the_last(&self) -> bool {
        match self {
            Self::TargetTracking(tracking) => !tracking.disable_scale_in,
            Self::Step(step) => {
                let least = i32::from(step.adjustment == Adjustment::ExactCapacity);
                step.amounts().any(|amount| amount < least)
            }
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

/// Step scaling: the distance of the metric from the alarm's threshold decides how many instances.
#[derive(Debug, Clone, PartialEq)]
pub struct StepScaling {
    pub adjustment: Adjustment,
    pub aggregation: Aggregation,
    /// By rising bounds, without a gap.
    pub steps: Vec<StepAdjustment>,
    /// Seconds.
    pub cooldown: i32,
}

/// One step. The bounds are differences between metric and threshold; `None` is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepAdjustment {
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    /// Instances to add, or the exact number of them, as the policy's [`Adjustment`] says.
    pub amount: i32,
}

impl StepScaling {
    /// What the policy asks for at this difference between metric and threshold; `None` where no step covers it.
    ///
    /// Above the threshold a lower bound belongs to its step and an upper one doesn't, below it is the other way round
    /// (<https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html>).
    #[must_use]
    pub fn amount_at(&self, difference: f64) -> Option<i32> {
        let covers = |step: &&StepAdjustment| {
            let (lower, upper) = (step.lower.unwrap_or(f64::NEG_INFINITY), step.upper.unwrap_or(f64::INFINITY));
            if difference >= 0.0 && lower >= 0.0 {
                lower <= difference && difference < upper
            } else {
                lower < difference && difference <= upper
            }
        };
        self.steps.iter().find(covers).map(|step| step.amount)
    }

    fn amounts(&self) -> impl Iterator<Item = i32> {
        self.steps.iter().map(|step| step.amount)
    }
}

/// How several datapoints of a metric become the one that a step policy goes by (`MetricAggregationType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    Average,
    Maximum,
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

/// A metric of an endpoint, or of one of its variants, and what is made of the values of each period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub namespace: Namespace,
    pub name: String,
    /// The dimension `EndpointName`.
    pub endpoint: String,
    /// The dimension `VariantName`, of metrics that have one.
    pub variant: Option<VariantName>,
    pub statistic: Statistic,
    /// Seconds.
    pub period: i32,
}

/// Where SageMaker publishes the metrics of endpoints
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// Of requests and their queue.
    Invocations,
    /// Of instances.
    Instances,
}

impl Namespace {
    pub const ALL: [Self; 2] = [Self::Invocations, Self::Instances];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invocations => "AWS/SageMaker",
            Self::Instances => "/aws/sagemaker/Endpoints",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Average,
    Maximum,
    Sum,
    SampleCount,
}

impl Statistic {
    pub const ALL: [Self; 4] = [Self::Average, Self::Maximum, Self::Sum, Self::SampleCount];

    /// As CloudWatch spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Average => "Average",
            Self::Maximum => "Maximum",
            Self::Sum => "Sum",
            Self::SampleCount => "SampleCount",
        }
    }
}

/// A CloudWatch alarm as we write them (`PutMetricAlarm`): enabled, with the ARN of the policy of its kind as an action.
/// That ARN is made by AWS when the policy is, so it is no field here; the alarm's state is none either.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub description: String,
    pub input: AlarmInput,
    pub comparison: Comparison,
    pub threshold: f64,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: i32,
    pub missing_data: MissingData,
    pub other_actions: OtherActions,
}

impl Alarm {
    /// Whether a datapoint of this value breaches the threshold.
    #[must_use]
    pub fn fires_at(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterThanThreshold => value > self.threshold,
            Comparison::GreaterThanOrEqualToThreshold => value >= self.threshold,
            Comparison::LessThanThreshold => value < self.threshold,
        }
    }

    /// The metrics that it looks at, which is what CloudWatch bills.
    #[must_use]
    pub fn metrics(&self) -> Vec<&Metric> {
        match &self.input {
            AlarmInput::Metric(metric) => vec![metric],
            AlarmInput::Expression(math) => math.metrics.iter().map(|(_, metric)| metric).collect(),
        }
    }
}

/// What an alarm compares with its threshold.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmInput {
    Metric(Metric),
    Expression(MetricMath),
}

/// A metric-math expression in CloudWatch's own text, and the metrics behind its ids
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).
#[derive(Debug, Clone, PartialEq)]
pub struct MetricMath {
    pub expression: String,
    pub metrics: Vec<(String, Metric)>,
}

/// An action that somebody else has put on an alarm of ours, such as a topic of theirs. It is kept, also when the alarm is
/// written anew.
/// By ARN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherActions {
    pub alarm: Vec<String>,
    pub ok: Vec<String>,
    pub insufficient_data: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
    LessThanThreshold,
}

impl Comparison {
    pub const ALL: [Self; 3] =
        [Self::GreaterThanThreshold, Self::GreaterThanOrEqualToThreshold, Self::LessThanThreshold];

    /// As CloudWatch spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
        }
    }
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

#[cfg(test)]
mod tests;
