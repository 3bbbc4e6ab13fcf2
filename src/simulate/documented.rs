//! AWS's documented example, to compare with
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html>).

use std::collections::BTreeMap;

use crate::reconcile::{
    Adjustment, Aggregation, Alarm, AlarmInput, AlarmKind, Comparison, Metric, MissingData, Namespace, OtherActions,
    PolicyName, ScalableTarget, Scaling, ScalingPolicy, Statistic, StepAdjustment, StepScaling, Suspended,
    TargetTracking,
};

use super::metrics::PERIOD;

/// The example without its optional policy that scales up from zero.
#[must_use]
pub fn tracking_alone(min_capacity: i32, max_capacity: i32) -> Scaling {
    let tracking = TargetTracking {
        target_value: 5.0,
        metric: metric("ApproximateBacklogSizePerInstance"),
        scale_in_cooldown: 600,
        scale_out_cooldown: 300,
        disable_scale_in: false,
    };
    Scaling {
        target: Some(ScalableTarget { min_capacity, max_capacity, suspended: Suspended::default() }),
        policies: BTreeMap::from([(PolicyName::Backlog, ScalingPolicy::TargetTracking(tracking))]),
        ..Scaling::default()
    }
}

/// The example with it.
#[must_use]
pub fn example_of_aws(min_capacity: i32, max_capacity: i32) -> Scaling {
    let mut scaling = tracking_alone(min_capacity, max_capacity);
    let wake = StepScaling {
        adjustment: Adjustment::ChangeInCapacity,
        aggregation: Aggregation::Average,
        steps: vec![StepAdjustment { lower: Some(0.0), upper: None, amount: 1 }],
        cooldown: 300,
    };
    let alarm = Alarm {
        description: String::new(),
        input: AlarmInput::Metric(metric("HasBacklogWithoutCapacity")),
        comparison: Comparison::GreaterThanOrEqualToThreshold,
        threshold: 1.0,
        evaluation_periods: 2,
        datapoints_to_alarm: 2,
        missing_data: MissingData::Missing,
        other_actions: OtherActions::default(),
    };
    scaling.policies.insert(PolicyName::Wake, ScalingPolicy::Step(wake));
    scaling.alarms.insert(AlarmKind::Wake, alarm);
    scaling
}

fn metric(name: &str) -> Metric {
    Metric {
        namespace: Namespace::Invocations,
        name: name.to_owned(),
        endpoint: "simulated".to_owned(),
        variant: None,
        statistic: Statistic::Average,
        period: i32::try_from(PERIOD.as_secs()).unwrap_or(i32::MAX),
    }
}
