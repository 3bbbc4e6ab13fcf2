//! What Application Auto Scaling is told to do, and when: policies and scheduled actions.

use super::Metric;

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

    pub(super) fn can_scale_in(&self) -> bool {
        match self {
            Self::TargetTracking(tracking) => !tracking.disable_scale_in,
            Self::Step(step) => step.adjustment == Adjustment::ExactCapacity || step.amounts().any(|amount| amount < 0),
        }
    }

    pub(super) fn can_take_the_last(&self) -> bool {
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
