//! Which errors are worth another try, where the SDK's own judgement is wrong for our calls.

use aws_sdk_applicationautoscaling::operation as autoscaling;
use aws_sdk_cloudwatch::operation as cloudwatch;
use aws_sdk_eventbridge::operation as events;
use aws_sdk_resourcegroupstagging::operation as tagging;
use aws_sdk_sagemaker::operation as sagemaker;
use aws_sdk_sqs::operation as sqs;
use aws_smithy_runtime_api::client::interceptors::context::{Error as OperationError, InterceptorContext};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::ApiErrorKind;

/// Retries what AWS answers while it is still busy with an earlier write, and never a quota that is used up.
#[derive(Debug)]
pub(super) struct ByErrorCode;

impl ClassifyRetry for ByErrorCode {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let Some(error) = error.as_operation_error() else { return RetryAction::NoActionIndicated };
        let Some(metadata) = metadata(error) else { return RetryAction::NoActionIndicated };
        let (code, message) = (metadata.code().unwrap_or_default(), metadata.message().unwrap_or_default());
        match code {
            // The SDK takes a used-up quota of Application Auto Scaling for throttling.
            "LimitExceededException" | "LimitExceeded" | "LimitExceededFault" => RetryAction::RetryForbidden,
            // "You already have a pending update to an Auto Scaling resource", an HTTP 400.
            "ConcurrentUpdateException" => RetryAction::transient_error(),
            // Application Auto Scaling is eventually consistent: a target just registered may be unknown to it yet.
            "ObjectNotFoundException" if needs_a_target(error) => RetryAction::transient_error(),
            _ if message.contains("request to update this alarm is in progress") => RetryAction::transient_error(),
            // A process that Lambda has frozen between signing and sending. Every attempt is signed anew.
            _ if is_out_of_time(code, message) => RetryAction::transient_error(),
            // Of another service, in an error of the one that was called.
            _ => match ApiErrorKind::of(code, message) {
                ApiErrorKind::Throttled => RetryAction::throttling_error(),
                ApiErrorKind::ConcurrentUpdate | ApiErrorKind::ServerError => RetryAction::transient_error(),
                ApiErrorKind::AccessDenied
                | ApiErrorKind::NotAuthenticated
                | ApiErrorKind::LimitExceeded
                | ApiErrorKind::NotFound
                | ApiErrorKind::Rejected
                | ApiErrorKind::NoAnswer
                | ApiErrorKind::ForeignAnswer => RetryAction::NoActionIndicated,
            },
        }
    }

    fn name(&self) -> &'static str {
        "Busy services and used-up quotas"
    }

    /// Last of all, so that its verdict stands.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Code and message of an error of any of our operations.
fn metadata(error: &OperationError) -> Option<&ErrorMetadata> {
    macro_rules! first_of {
        ($($operation:ty),+ $(,)?) => {
            None$(.or_else(|| error.downcast_ref::<$operation>().map(ProvideErrorMetadata::meta)))+
        };
    }
    first_of![
        autoscaling::register_scalable_target::RegisterScalableTargetError,
        autoscaling::deregister_scalable_target::DeregisterScalableTargetError,
        autoscaling::put_scaling_policy::PutScalingPolicyError,
        autoscaling::put_scheduled_action::PutScheduledActionError,
        autoscaling::delete_scaling_policy::DeleteScalingPolicyError,
        autoscaling::delete_scheduled_action::DeleteScheduledActionError,
        autoscaling::describe_scalable_targets::DescribeScalableTargetsError,
        autoscaling::describe_scaling_policies::DescribeScalingPoliciesError,
        autoscaling::describe_scheduled_actions::DescribeScheduledActionsError,
        autoscaling::describe_scaling_activities::DescribeScalingActivitiesError,
        autoscaling::list_tags_for_resource::ListTagsForResourceError,
        autoscaling::tag_resource::TagResourceError,
        cloudwatch::describe_alarms::DescribeAlarmsError,
        cloudwatch::put_metric_alarm::PutMetricAlarmError,
        cloudwatch::delete_alarms::DeleteAlarmsError,
        cloudwatch::get_metric_data::GetMetricDataError,
        cloudwatch::list_tags_for_resource::ListTagsForResourceError,
        cloudwatch::tag_resource::TagResourceError,
        events::put_events::PutEventsError,
        sagemaker::add_tags::AddTagsError,
        sagemaker::delete_tags::DeleteTagsError,
        sagemaker::describe_endpoint::DescribeEndpointError,
        sagemaker::describe_endpoint_config::DescribeEndpointConfigError,
        sagemaker::list_endpoints::ListEndpointsError,
        sagemaker::list_tags::ListTagsError,
        sagemaker::update_endpoint_weights_and_capacities::UpdateEndpointWeightsAndCapacitiesError,
        tagging::get_resources::GetResourcesError,
        sqs::send_message_batch::SendMessageBatchError,
    ]
}

/// Whether AWS asks to slow down.
pub(super) fn is_throttling(error: &OperationError) -> bool {
    metadata(error).is_some_and(|metadata| {
        let (code, message) = (metadata.code().unwrap_or_default(), metadata.message().unwrap_or_default());
        ApiErrorKind::of(code, message) == ApiErrorKind::Throttled
    })
}

/// Whether the signature is refused for its age alone: "Signature expired: 20261125T100000Z is now earlier than …".
fn is_out_of_time(code: &str, message: &str) -> bool {
    matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
        || (ApiErrorKind::of(code, message) == ApiErrorKind::NotAuthenticated
            && ["Signature expired", "Signature not yet current"].iter().any(|text| message.contains(text)))
}

/// Whether the operation puts something on a scalable target that we registered before.
fn needs_a_target(error: &OperationError) -> bool {
    error.downcast_ref::<autoscaling::put_scaling_policy::PutScalingPolicyError>().is_some()
        || error.downcast_ref::<autoscaling::put_scheduled_action::PutScheduledActionError>().is_some()
}
