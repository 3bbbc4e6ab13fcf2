//! Makes each read of the function once, as small as it can be: is it allowed, and can the service be reached from here?

use std::time::{Duration, SystemTime};

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_types::DateTime;
use futures_util::future::join_all;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::{ApiError, ApiErrorKind, Aws, ENDPOINT_DIMENSION, NAMESPACE};
use crate::check::{CheckedRead, Read, ReadFinding};
use crate::reconcile::ALARM_PREFIX;

/// In error messages, what these reads are for.
const RESOURCE: &str = "the check of the stack";

/// Names for which AWS answers that they don't exist, or that we may not ask.
const NO_ENDPOINT: &str = "scale-to-zero-no-such-endpoint";
const NO_CONFIG: &str = "scale-to-zero-no-such-endpoint-config";

/// Some endpoint of the Region.
#[derive(Debug, Default)]
struct Sample {
    name: Option<String>,
    arn: Option<String>,
}

impl Aws {
    /// Makes each of these reads once, and says what came of it. One without an answer after `limit` has failed.
    ///
    /// It reads the first endpoint of the Region. If there is none, it asks `DescribeEndpoint` about one that doesn't exist, and
    /// leaves out `ListTags`, which takes an ARN. It leaves out the queue if there is none.
    pub async fn check(
        &self,
        reads: &[Read],
        queue_url: Option<&str>,
        now: SystemTime,
        limit: Duration,
    ) -> Vec<CheckedRead> {
        let until = Instant::now() + limit;
        let mut sample = Sample::default();
        let mut checked = Vec::new();
        if reads.contains(&Read::ListEndpoints) || reads.contains(&Read::ListTags) {
            let listed = tokio::time::timeout_at(until, self.first_endpoint()).await;
            let listed = listed.map(|listed| listed.map(|found| sample = found));
            if reads.contains(&Read::ListEndpoints) {
                checked.push(found(Read::ListEndpoints, listed, limit));
            }
        }
        let sample = &sample;
        let others = reads.iter().copied().filter(|read| match read {
            Read::ListEndpoints => false,
            Read::ListTags => sample.arn.is_some(),
            Read::GetQueueAttributes => queue_url.is_some(),
            Read::DescribeEndpoint
            | Read::DescribeEndpointConfig
            | Read::GetResources
            | Read::DescribeScalableTargets
            | Read::DescribeScalingPolicies
            | Read::DescribeScheduledActions
            | Read::DescribeScalingActivities
            | Read::DescribeAlarms
            | Read::GetMetricData => true,
        });
        let others = others.map(async |read| {
            let asked = tokio::time::timeout_at(until, self.ask(read, sample, queue_url, now)).await;
            found(read, asked, limit)
        });
        checked.extend(join_all(others).await);
        checked
    }

    async fn first_endpoint(&self) -> Result<Sample, ApiError> {
        let sent = self.sagemaker.list_endpoints().max_results(1).send().await;
        let listed = sent.map_err(|error| ApiError::new("ListEndpoints", RESOURCE, &error))?;
        let first = listed.endpoints.unwrap_or_default().into_iter().next();
        Ok(first.map(|first| Sample { name: first.endpoint_name, arn: first.endpoint_arn }).unwrap_or_default())
    }

    async fn ask(&self, read: Read, sample: &Sample, queue_url: Option<&str>, now: SystemTime) -> Result<(), ApiError> {
        /// Sends a request, and keeps only whether AWS took it.
        macro_rules! ask {
            ($request:expr) => {
                $request.send().await.map(|_| ()).map_err(|error| ApiError::new(read.operation(), RESOURCE, &error))
            };
        }
        let name = sample.name.as_deref().unwrap_or(NO_ENDPOINT);
        let namespace = ServiceNamespace::Sagemaker;
        match read {
            Read::ListEndpoints => ask!(self.sagemaker.list_endpoints().max_results(1)),
            Read::DescribeEndpoint => ask!(self.sagemaker.describe_endpoint().endpoint_name(name)),
            Read::DescribeEndpointConfig => {
                ask!(self.sagemaker.describe_endpoint_config().endpoint_config_name(NO_CONFIG))
            }
            Read::ListTags => ask!(self.sagemaker.list_tags().set_resource_arn(sample.arn.clone())),
            Read::GetResources => {
                ask!(self.tagging.get_resources().resource_type_filters("sagemaker:endpoint").resources_per_page(1))
            }
            Read::DescribeScalableTargets => {
                ask!(self.autoscaling.describe_scalable_targets().service_namespace(namespace).max_results(1))
            }
            Read::DescribeScalingPolicies => {
                ask!(self.autoscaling.describe_scaling_policies().service_namespace(namespace).max_results(1))
            }
            Read::DescribeScheduledActions => {
                ask!(self.autoscaling.describe_scheduled_actions().service_namespace(namespace).max_results(1))
            }
            Read::DescribeScalingActivities => {
                ask!(self.autoscaling.describe_scaling_activities().service_namespace(namespace).max_results(1))
            }
            Read::DescribeAlarms => {
                ask!(self.cloudwatch.describe_alarms().alarm_name_prefix(ALARM_PREFIX).max_records(1))
            }
            Read::GetMetricData => {
                let (end, start) = (DateTime::from(now), DateTime::from(now - Duration::from_mins(1)));
                let request = self.cloudwatch.get_metric_data().start_time(start).end_time(end);
                ask!(request.metric_data_queries(backlog_of(name)))
            }
            Read::GetQueueAttributes => {
                let request = self.sqs.get_queue_attributes().set_queue_url(queue_url.map(str::to_owned));
                ask!(request.attribute_names(QueueAttributeName::QueueArn))
            }
        }
    }
}

fn backlog_of(endpoint: &str) -> MetricDataQuery {
    let dimension = Dimension::builder().name(ENDPOINT_DIMENSION).value(endpoint).build();
    let metric =
        Metric::builder().namespace(NAMESPACE).metric_name("ApproximateBacklogSize").dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(60).stat("Maximum").build();
    MetricDataQuery::builder().id("backlog").metric_stat(stat).return_data(true).build()
}

fn found(read: Read, asked: Result<Result<(), ApiError>, Elapsed>, limit: Duration) -> CheckedRead {
    let finding = match asked {
        Ok(Ok(())) => ReadFinding::Allowed,
        Ok(Err(error)) if error.is_not_found() => ReadFinding::Allowed,
        Ok(Err(error)) => match error.kind {
            ApiErrorKind::AccessDenied => ReadFinding::Denied(error.to_string()),
            ApiErrorKind::Throttled
            | ApiErrorKind::LimitExceeded
            | ApiErrorKind::ConcurrentUpdate
            | ApiErrorKind::ServerError => ReadFinding::Unknown(error.to_string()),
            ApiErrorKind::NotAuthenticated
            | ApiErrorKind::NotFound
            | ApiErrorKind::Rejected
            | ApiErrorKind::NoAnswer
            | ApiErrorKind::ForeignAnswer => ReadFinding::Failed(error.to_string()),
        },
        Err(_) => ReadFinding::Failed(format!(
            "{} for {RESOURCE}: no answer after {} ms; check that the function reaches this service (VPC, DNS, endpoint)",
            read.operation(),
            limit.as_millis()
        )),
    };
    CheckedRead { read, finding }
}
