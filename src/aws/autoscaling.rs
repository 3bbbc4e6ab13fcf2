//! Application Auto Scaling: scalable targets, scaling policies and scheduled actions, each with both conversions. A value that
//! AWS has filled in with its documented default reads back as the value that we send.
#![expect(clippy::wildcard_enum_match_arm, reason = "AWS's enums are open; here they are narrowed to ours")]

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::error::BuildError;
use aws_sdk_applicationautoscaling::operation::describe_scaling_activities::DescribeScalingActivitiesOutput;
use aws_sdk_applicationautoscaling::types::{
    AdjustmentType, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic,
    PolicyType as SdkPolicyType, ScalableDimension, ScalableTarget as SdkTarget, ScalableTargetAction,
    ScalingActivity as SdkActivity, ScalingActivityStatusCode, ScalingPolicy as SdkPolicy,
    ScheduledAction as SdkAction, ServiceNamespace, StepAdjustment as SdkStep, StepScalingPolicyConfiguration,
    SuspendedState, TargetTrackingScalingPolicyConfiguration,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use tokio::time::Instant;

use super::lists::List;
use super::{ApiError, Aws, ENDPOINT_DIMENSION, NAMESPACE};
use crate::reconcile::{
    ActivityStatus, Adjustment, Aggregation, Foreign, ForeignKind, METRIC_PERIOD, Metric, Namespace, PolicyName,
    PolicyType, ScalableTarget, Scaling, ScalingActivity, ScalingPolicy, ScheduledAction, Statistic, StepAdjustment,
    StepScaling, Suspended, Tags, TargetTracking, hide_what_was_fulfilled, is_owned_action,
};

const DIMENSION: ScalableDimension = ScalableDimension::SageMakerVariantDesiredInstanceCount;

/// Seconds, where a policy was put without a cooldown: the default for endpoint variants
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>).
const DEFAULT_COOLDOWN: i32 = 300;

/// The ARNs of the policies of our names on one resource.
pub(super) type PolicyArns = BTreeMap<PolicyName, String>;

/// The one resource that a call is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resource<'a> {
    /// `endpoint/<endpoint>/variant/<variant>`.
    pub(super) id: &'a str,
    /// For error messages.
    pub(super) label: &'a str,
}

/// How far back activities are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach {
    /// One call, as often as somebody may ask.
    OnePage,
    /// Until an order was fulfilled, as long as there is time. A quota's refusals come every ten seconds, and hide it behind
    /// thousands.
    ToTheLastFulfilled { until: Instant },
}

/// With fifty on a page, eight hours of refusals.
const MOST_PAGES: usize = 60;

/// A scalable target as it is read.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) target: ScalableTarget,
    /// Only tags are written by it.
    pub(super) arn: Option<String>,
}

impl Aws {
    /// The scalable targets of the given resources, or of the whole Region, by resource id.
    pub(super) async fn describe_targets(
        &self,
        resource_ids: Option<&[String]>,
        label: &str,
    ) -> Result<BTreeMap<String, Registered>, ApiError> {
        let list = List { operation: "DescribeScalableTargets", label };
        let pages = self
            .autoscaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Sagemaker)
            .set_scalable_dimension(resource_ids.map(|_| DIMENSION))
            .set_resource_ids(resource_ids.map(<[String]>::to_vec))
            .into_paginator()
            .send();
        let found = list
            .every(pages, |page| {
                let targets = page.scalable_targets.ok_or("ScalableTargets")?;
                let is_named = |target: &SdkTarget| !target.resource_id.is_empty();
                if targets.iter().all(is_named) { Ok(targets) } else { Err("ResourceId") }
            })
            .await?;
        let ours = found.into_iter().filter(|target| target.scalable_dimension == DIMENSION);
        let registered = ours.map(|target| {
            (
                target.resource_id.clone(),
                Registered { target: scalable_target(&target), arn: target.scalable_target_arn },
            )
        });
        Ok(registered.collect())
    }

    /// The policies of a resource, or of the whole Region.
    pub(super) async fn describe_policies(
        &self,
        resource_id: Option<&str>,
        label: &str,
    ) -> Result<Vec<SdkPolicy>, ApiError> {
        let list = List { operation: "DescribeScalingPolicies", label };
        let pages = self
            .autoscaling
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Sagemaker)
            .set_scalable_dimension(resource_id.map(|_| DIMENSION))
            .set_resource_id(resource_id.map(str::to_owned))
            .into_paginator()
            .send();
        let found = list.every(pages, |page| page.scaling_policies.ok_or("ScalingPolicies")).await?;
        Ok(found.into_iter().filter(|policy| policy.scalable_dimension == DIMENSION).collect())
    }

    /// The scheduled actions of a resource, or of the whole Region.
    pub(super) async fn describe_actions(
        &self,
        resource_id: Option<&str>,
        label: &str,
    ) -> Result<Vec<SdkAction>, ApiError> {
        let list = List { operation: "DescribeScheduledActions", label };
        let pages = self
            .autoscaling
            .describe_scheduled_actions()
            .service_namespace(ServiceNamespace::Sagemaker)
            .set_scalable_dimension(resource_id.map(|_| DIMENSION))
            .set_resource_id(resource_id.map(str::to_owned))
            .into_paginator()
            .send();
        let found = list.every(pages, |page| page.scheduled_actions.ok_or("ScheduledActions")).await?;
        Ok(found.into_iter().filter(|action| action.scalable_dimension == Some(DIMENSION)).collect())
    }

    /// What was done to a resource in the last six weeks, or tried, the newest first. The first page is enough, unless orders
    /// that came to nothing fill it.
    pub(super) async fn describe_activities(
        &self,
        resource: Resource<'_>,
        reach: Reach,
    ) -> Result<Vec<ScalingActivity>, ApiError> {
        let label = resource.label;
        let list = List { operation: "DescribeScalingActivities", label };
        let activities = |page: DescribeScalingActivitiesOutput| {
            let activities = page.scaling_activities.ok_or("ScalingActivities")?;
            Ok(activities.into_iter().map(scaling_activity).collect())
        };
        let mut pages = self
            .autoscaling
            .describe_scaling_activities()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .into_paginator()
            .send();
        let Some(first) = pages.next().await else { return Ok(Vec::new()) };
        let mut found: Vec<ScalingActivity> = list.of_page(first, activities)?;
        let Reach::ToTheLastFulfilled { until } = reach else { return Ok(found) };
        for _ in 1..MOST_PAGES {
            if !hide_what_was_fulfilled(&found) {
                break;
            }
            // What is known already is worth telling, whatever becomes of the rest.
            let Ok(Some(page)) = tokio::time::timeout_at(until, pages.next()).await else { break };
            let Ok(more) = list.of_page(page, activities) else { break };
            found.extend(more);
        }
        Ok(found)
    }

    pub(super) async fn register_target(
        &self,
        resource: Resource<'_>,
        target: &ScalableTarget,
        tags: &Tags,
    ) -> Result<(), ApiError> {
        let suspended = SuspendedState::builder()
            .dynamic_scaling_in_suspended(target.suspended.scale_in)
            .dynamic_scaling_out_suspended(target.suspended.scale_out)
            .scheduled_scaling_suspended(target.suspended.scheduled)
            .build();
        self.autoscaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .min_capacity(target.min_capacity)
            .max_capacity(target.max_capacity)
            .suspended_state(suspended)
            .set_tags((!tags.is_empty()).then(|| tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(|error| ApiError::new("RegisterScalableTarget", resource.label, &error))?;
        Ok(())
    }

    /// Answers the policy's ARN, which an alarm needs as its action.
    pub(super) async fn put_policy(
        &self,
        resource: Resource<'_>,
        name: PolicyName,
        policy: &ScalingPolicy,
    ) -> Result<String, ApiError> {
        const OPERATION: &str = "PutScalingPolicy";
        let request = self
            .autoscaling
            .put_scaling_policy()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .policy_name(name.as_str());
        let unbuilt = |error: BuildError| ApiError::incomplete(OPERATION, resource.label, &error.to_string());
        let request = match policy {
            ScalingPolicy::TargetTracking(tracking) => request
                .policy_type(SdkPolicyType::TargetTrackingScaling)
                .target_tracking_scaling_policy_configuration(target_tracking(tracking).map_err(unbuilt)?),
            ScalingPolicy::Step(step) => request
                .policy_type(SdkPolicyType::StepScaling)
                .step_scaling_policy_configuration(step_scaling(step).map_err(unbuilt)?),
        };
        let label = format!("{}, policy {name}", resource.label);
        let output = request.send().await.map_err(|error| ApiError::new(OPERATION, &label, &error))?;
        Ok(output.policy_arn)
    }

    /// A policy that is gone already is as good as deleted.
    pub(super) async fn delete_policy(&self, resource: Resource<'_>, name: &str) -> Result<(), ApiError> {
        let deleted = self
            .autoscaling
            .delete_scaling_policy()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .policy_name(name)
            .send()
            .await
            .map_err(|error| {
                ApiError::new("DeleteScalingPolicy", &format!("{}, policy {name}", resource.label), &error)
            });
        ignore_not_found(deleted)
    }

    pub(super) async fn put_action(
        &self,
        resource: Resource<'_>,
        name: &str,
        action: &ScheduledAction,
    ) -> Result<(), ApiError> {
        self.autoscaling
            .put_scheduled_action()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .scheduled_action_name(name)
            .schedule(&action.schedule)
            .timezone(&action.timezone)
            .scalable_target_action(ScalableTargetAction::builder().min_capacity(action.min_capacity).build())
            .send()
            .await
            .map_err(|error| {
                ApiError::new("PutScheduledAction", &format!("{}, action {name}", resource.label), &error)
            })?;
        Ok(())
    }

    /// An action that is gone already is as good as deleted.
    pub(super) async fn delete_action(&self, resource: Resource<'_>, name: &str) -> Result<(), ApiError> {
        let deleted = self
            .autoscaling
            .delete_scheduled_action()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .scheduled_action_name(name)
            .send()
            .await
            .map_err(|error| {
                ApiError::new("DeleteScheduledAction", &format!("{}, action {name}", resource.label), &error)
            });
        ignore_not_found(deleted)
    }

    /// A target that is gone already is as good as deregistered.
    pub(super) async fn deregister_target(&self, resource: Resource<'_>) -> Result<(), ApiError> {
        let deregistered = self
            .autoscaling
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .scalable_dimension(DIMENSION)
            .resource_id(resource.id)
            .send()
            .await
            .map_err(|error| ApiError::new("DeregisterScalableTarget", resource.label, &error));
        ignore_not_found(deregistered)
    }
}

/// Adds a policy to what is known of its variant.
pub(super) fn add_policy(scaling: &mut Scaling, arns: &mut PolicyArns, policy: SdkPolicy) {
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
pub(super) fn add_action(scaling: &mut Scaling, action: &SdkAction) {
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

fn scaling_activity(activity: SdkActivity) -> ScalingActivity {
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
pub(super) fn timestamp(time: &DateTime) -> Timestamp {
    let nanos = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    Timestamp::new(time.secs(), nanos).unwrap_or(if time.secs() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

fn scalable_target(target: &SdkTarget) -> ScalableTarget {
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

pub(super) fn ignore_not_found<T>(result: Result<T, ApiError>) -> Result<(), ApiError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
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

fn target_tracking(tracking: &TargetTracking) -> Result<TargetTrackingScalingPolicyConfiguration, BuildError> {
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

fn step_scaling(policy: &StepScaling) -> Result<StepScalingPolicyConfiguration, BuildError> {
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
