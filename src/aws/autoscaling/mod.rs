//! The calls of Application Auto Scaling: scalable targets, scaling policies, scheduled actions and activities.

mod values;

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::error::BuildError;
use aws_sdk_applicationautoscaling::operation::describe_scaling_activities::DescribeScalingActivitiesOutput;
use aws_sdk_applicationautoscaling::types::{
    PolicyType as SdkPolicyType, ScalableDimension, ScalableTarget as SdkTarget, ScalableTargetAction,
    ScalingPolicy as SdkPolicy, ScheduledAction as SdkAction, ServiceNamespace, SuspendedState,
};
use tokio::time::Instant;

use self::values::{scalable_target, scaling_activity, step_scaling, target_tracking};
use super::lists::List;
use super::{ApiError, Aws};
use crate::reconcile::{
    PolicyName, ScalableTarget, ScalingActivity, ScalingPolicy, ScheduledAction, Tags, hide_what_was_fulfilled,
};

pub(super) use self::values::{add_action, add_policy, timestamp};

const DIMENSION: ScalableDimension = ScalableDimension::SageMakerVariantDesiredInstanceCount;

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

pub(super) fn ignore_not_found<T>(result: Result<T, ApiError>) -> Result<(), ApiError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
