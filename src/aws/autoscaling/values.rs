//! Conversions between the types of Application Auto Scaling's SDK and the values of the core, both ways. A value that AWS has
//! filled in with its documented default reads back as the value that we send.
#![expect(clippy::wildcard_enum_match_arm, reason = "AWS's enums are open; here they are narrowed to ours")]

use aws_sdk_applicationautoscaling::error::BuildError;
use aws_sdk_applicationautoscaling::types::{
    AdjustmentType, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic,
    PolicyType as SdkPolicyType, ScalableTarget as SdkTarget, ScalingActivity as SdkActivity,
    ScalingActivityStatusCode, ScalingPolicy as SdkPolicy, ScheduledAction as SdkAction, StepAdjustment as SdkStep,
    StepScalingPolicyConfiguration, SuspendedState, TargetTrackingScalingPolicyConfiguration,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::super::{ENDPOINT_DIMENSION, NAMESPACE};
use super::PolicyArns;
use crate::reconcile::{
    ActivityStatus, Adjustment, Aggregation, Foreign, ForeignKind, METRIC_PERIOD, Metric, Namespace, PolicyName,
    PolicyType, ScalableTarget, Scaling, ScalingActivity, ScalingPolicy, ScheduledAction, Statistic, StepAdjustment,
    StepScaling, Suspended, TargetTracking, is_owned_action,
};

/// Seconds, where a policy was put without a cooldown: the default for endpoint variants
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>).
const DEFAULT_COOLDOWN: i32 = 300;

/// Adds a policy to what is known of its variant.
pub(in super::super) fn add_policy(scaling: &mut Scaling, arns: &mut PolicyArns, policy: SdkPolicy) {
    let Some(name) = PolicyName::owned(&policy.policy_name) else {
        scaling.foreign.insert(Foreign { kind: ForeignKind::ScalingPolicy, name: policy.policy_name });
        return;
    };
    match recognise_policy(&policy) {
        Some(recognised) => {
            if lacks_an_alarm(&recognised, &policy) {
                scaling.strays.without_alarm.insert(name);
            }
            scaling.policies.insert(name, recognised);
        }
        None => _ = scaling.strays.policies.insert(name, policy_type(&policy.policy_type)),
    }
    arns.insert(name, policy.policy_arn);
}

/// Whether target tracking has lost an alarm that it needs. It makes two, and needs the low one only if it may scale in. Their
/// names hold `AlarmHigh` and `AlarmLow`
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/create-target-tracking-policy-cli.html>).
fn lacks_an_alarm(recognised: &ScalingPolicy, policy: &SdkPolicy) -> bool {
    let ScalingPolicy::TargetTracking(tracking) = recognised else { return false };
    let has = |word: &str| policy.alarms().iter().any(|alarm| alarm.alarm_name.contains(word));
    // Alarms of other names are ones that we know nothing of.
    let are_unheard_of = !policy.alarms().is_empty() && !has("AlarmHigh") && !has("AlarmLow");
    !are_unheard_of && !(has("AlarmHigh") && (tracking.disable_scale_in || has("AlarmLow")))
}

/// Adds a scheduled action to what is known of its variant.
pub(in super::super) fn add_action(scaling: &mut Scaling, action: &SdkAction) {
    let name = action.scheduled_action_name.clone();
    if !is_owned_action(&name) {
        scaling.foreign.insert(Foreign { kind: ForeignKind::ScheduledAction, name });
        return;
    }
    match recognise_action(action) {
        Some(recognised) => _ = scaling.actions.insert(name, recognised),
        None => _ = scaling.strays.actions.insert(name),
    }
}

/// `None`: nothing that we would write.
fn recognise_action(action: &SdkAction) -> Option<ScheduledAction> {
    let capacity = action.scalable_target_action()?;
    let is_plain = capacity.max_capacity().is_none() && action.start_time().is_none() && action.end_time().is_none();
    is_plain.then_some(())?;
    Some(ScheduledAction {
        schedule: action.schedule.clone(),
        timezone: action.timezone().unwrap_or("UTC").to_owned(),
        min_capacity: capacity.min_capacity()?,
    })
}

pub(super) fn scaling_activity(activity: SdkActivity) -> ScalingActivity {
    ScalingActivity {
        start: timestamp(&activity.start_time),
        end: activity.end_time.as_ref().map(timestamp),
        status: match activity.status_code {
            ScalingActivityStatusCode::Successful => ActivityStatus::Successful,
            ScalingActivityStatusCode::Overridden => ActivityStatus::Overridden,
            ScalingActivityStatusCode::Failed | ScalingActivityStatusCode::Unfulfilled => ActivityStatus::Failed,
            // In progress or pending; a status that isn't known yet is neither fulfilled nor refused.
            _ => ActivityStatus::InProgress,
        },
        cause: activity.cause,
        description: activity.description,
        message: activity.status_message,
    }
}

/// A time that no calendar has becomes the nearest that one has.
pub(in super::super) fn timestamp(time: &DateTime) -> Timestamp {
    let nanos = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    Timestamp::new(time.secs(), nanos).unwrap_or(if time.secs() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

pub(super) fn scalable_target(target: &SdkTarget) -> ScalableTarget {
    let suspended = target.suspended_state.as_ref();
    let is_set = |flag: fn(&SuspendedState) -> Option<bool>| suspended.and_then(flag).unwrap_or(false);
    ScalableTarget {
        min_capacity: target.min_capacity,
        max_capacity: target.max_capacity,
        suspended: Suspended {
            scale_in: is_set(|state| state.dynamic_scaling_in_suspended),
            scale_out: is_set(|state| state.dynamic_scaling_out_suspended),
            scheduled: is_set(|state| state.scheduled_scaling_suspended),
        },
    }
}

fn policy_type(policy_type: &SdkPolicyType) -> PolicyType {
    match policy_type {
        SdkPolicyType::TargetTrackingScaling => PolicyType::TargetTracking,
        SdkPolicyType::StepScaling => PolicyType::Step,
        _ => PolicyType::Other,
    }
}

/// `None`: nothing that we would write.
fn recognise_policy(policy: &SdkPolicy) -> Option<ScalingPolicy> {
    match policy_type(&policy.policy_type) {
        PolicyType::TargetTracking => recognise_tracking(policy.target_tracking_scaling_policy_configuration()?)
            .map(ScalingPolicy::TargetTracking),
        PolicyType::Step => recognise_step(policy.step_scaling_policy_configuration()?).map(ScalingPolicy::Step),
        PolicyType::Other => None,
    }
}

fn recognise_tracking(config: &TargetTrackingScalingPolicyConfiguration) -> Option<TargetTracking> {
    let custom = config.customized_metric_specification()?;
    let [dimension] = custom.dimensions() else { return None };
    let is_plain = config.predefined_metric_specification().is_none()
        && custom.metrics().is_empty()
        && custom.unit().is_none()
        && custom.namespace() == Some(NAMESPACE)
        && dimension.name() == ENDPOINT_DIMENSION;
    is_plain.then_some(())?;
    let statistic = custom.statistic()?.as_str();
    Some(TargetTracking {
        target_value: config.target_value,
        metric: Metric {
            namespace: Namespace::Invocations,
            name: custom.metric_name()?.to_owned(),
            endpoint: dimension.value().to_owned(),
            variant: None,
            statistic: Statistic::ALL.into_iter().find(|known| known.as_str() == statistic)?,
            // Target tracking looks at each minute; no policy says otherwise.
            period: METRIC_PERIOD,
        },
        scale_in_cooldown: config.scale_in_cooldown().unwrap_or(DEFAULT_COOLDOWN),
        scale_out_cooldown: config.scale_out_cooldown().unwrap_or(DEFAULT_COOLDOWN),
        disable_scale_in: config.disable_scale_in().unwrap_or(false),
    })
}

pub(super) fn target_tracking(
    tracking: &TargetTracking,
) -> Result<TargetTrackingScalingPolicyConfiguration, BuildError> {
    let metric = &tracking.metric;
    let dimension = MetricDimension::builder().name(ENDPOINT_DIMENSION).value(&metric.endpoint).build()?;
    let custom = CustomizedMetricSpecification::builder()
        .metric_name(&metric.name)
        .namespace(metric.namespace.as_str())
        .dimensions(dimension)
        .statistic(MetricStatistic::from(metric.statistic.as_str()))
        .build();
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(tracking.target_value)
        .customized_metric_specification(custom)
        .scale_in_cooldown(tracking.scale_in_cooldown)
        .scale_out_cooldown(tracking.scale_out_cooldown)
        .disable_scale_in(tracking.disable_scale_in)
        .build()
}

fn recognise_step(config: &StepScalingPolicyConfiguration) -> Option<StepScaling> {
    config.min_adjustment_magnitude().is_none().then_some(())?;
    let step = |step: &SdkStep| StepAdjustment {
        lower: step.metric_interval_lower_bound(),
        upper: step.metric_interval_upper_bound(),
        amount: step.scaling_adjustment(),
    };
    Some(StepScaling {
        adjustment: match config.adjustment_type()? {
            AdjustmentType::ChangeInCapacity => Adjustment::ChangeInCapacity,
            AdjustmentType::ExactCapacity => Adjustment::ExactCapacity,
            _ => return None,
        },
        aggregation: match config.metric_aggregation_type() {
            Some(MetricAggregationType::Average) | None => Aggregation::Average,
            Some(MetricAggregationType::Maximum) => Aggregation::Maximum,
            Some(_) => return None,
        },
        steps: config.step_adjustments().iter().map(step).collect(),
        cooldown: config.cooldown().unwrap_or(DEFAULT_COOLDOWN),
    })
}

pub(super) fn step_scaling(policy: &StepScaling) -> Result<StepScalingPolicyConfiguration, BuildError> {
    let step = |step: &StepAdjustment| {
        SdkStep::builder()
            .set_metric_interval_lower_bound(step.lower)
            .set_metric_interval_upper_bound(step.upper)
            .scaling_adjustment(step.amount)
            .build()
    };
    let steps: Result<Vec<SdkStep>, BuildError> = policy.steps.iter().map(step).collect();
    Ok(StepScalingPolicyConfiguration::builder()
        .adjustment_type(match policy.adjustment {
            Adjustment::ChangeInCapacity => AdjustmentType::ChangeInCapacity,
            Adjustment::ExactCapacity => AdjustmentType::ExactCapacity,
        })
        .set_step_adjustments(Some(steps?))
        .cooldown(policy.cooldown)
        .metric_aggregation_type(match policy.aggregation {
            Aggregation::Average => MetricAggregationType::Average,
            Aggregation::Maximum => MetricAggregationType::Maximum,
        })
        .build())
}
