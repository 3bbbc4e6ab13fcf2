//! SageMaker: what an endpoint is. Nothing of it is written but the status tag and, by hand, numbers of instances.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::Timestamp;

use aws_sdk_sagemaker::operation::RequestId;
use aws_sdk_sagemaker::operation::describe_endpoint::DescribeEndpointOutput;
use aws_sdk_sagemaker::operation::describe_endpoint_config::DescribeEndpointConfigOutput;
use aws_sdk_sagemaker::types::{
    AsyncInferenceConfig, DesiredWeightAndCapacity, EndpointStatus as SdkStatus, ManagedInstanceScalingStatus,
    MetricsConfig, ProductionVariantSummary, Tag,
};

use super::autoscaling::timestamp;
use super::lists::List;
use super::{ApiError, Aws, Observed, Particulars};
use crate::reconcile::{
    Endpoint, EndpointName, EndpointStatus, Hosting, Inference, STATUS_TAG, StatusTag, Tags, Variant, VariantName,
};

/// What `DescribeEndpoint` alone tells, and what the next reads need.
pub(super) struct Described {
    /// Without tags and instance types.
    pub(super) endpoint: Endpoint,
    pub(super) status: Option<String>,
    pub(super) arn: String,
    pub(super) config_name: Option<String>,
    /// Another configuration is on its way, or the endpoint is changed otherwise than by its numbers of instances.
    pub(super) is_deploying: bool,
    pub(super) particulars: Particulars,
}

/// What the endpoint's configuration adds.
#[derive(Debug, Clone, Default)]
pub(super) struct EndpointConfig {
    is_asynchronous: bool,
    created: Option<Timestamp>,
    concurrency: Option<i32>,
    publish_frequency: Option<i32>,
    /// Inference components run with this role; models that a variant names bring their own.
    has_execution_role: bool,
    variants: BTreeMap<String, ConfiguredVariant>,
}

#[derive(Debug, Clone)]
struct ConfiguredVariant {
    instance_type: Option<String>,
    is_serverless: bool,
    has_model: bool,
}

impl EndpointConfig {
    pub(super) fn add_to(&self, particulars: &mut Particulars) {
        particulars.configured = self.created;
        particulars.concurrency = particulars.concurrency.or(self.concurrency);
    }

    pub(super) fn complete(&self, endpoint: &mut Endpoint) {
        if self.is_asynchronous {
            endpoint.inference = Inference::Asynchronous;
        }
        for variant in &mut endpoint.variants {
            let Some(configured) = self.variants.get(variant.name.as_str()) else { continue };
            variant.instance_type.clone_from(&configured.instance_type);
            variant.publish_frequency = variant.publish_frequency.or(self.publish_frequency);
            let hosts_components = self.has_execution_role && !configured.has_model;
            variant.hosting = match variant.hosting {
                _ if configured.is_serverless => Hosting::Serverless,
                Hosting::Serverless => Hosting::Serverless,
                Hosting::Instances | Hosting::ManagedInstanceScaling
                    if endpoint.inference == Inference::RealTime && hosts_components =>
                {
                    Hosting::ManagedInstanceScaling
                }
                // Configured in earlier years for endpoints with models of their own, where it has no effect.
                Hosting::ManagedInstanceScaling if configured.has_model => Hosting::Instances,
                hosting @ (Hosting::Instances | Hosting::ManagedInstanceScaling) => hosting,
            };
        }
    }
}

impl Aws {
    /// `None` where no endpoint of this name exists.
    pub(super) async fn describe_endpoint(&self, name: &EndpointName) -> Result<Option<Described>, ApiError> {
        const OPERATION: &str = "DescribeEndpoint";
        let resource = format!("endpoint {name}");
        match self.sagemaker.describe_endpoint().endpoint_name(name.as_str()).send().await {
            Ok(output) => {
                let request_id = output.request_id().map(str::to_owned);
                described(output)
                    .map(Some)
                    .map_err(|what| ApiError::incomplete(OPERATION, &resource, what).of_request(request_id.as_deref()))
            }
            Err(error) => match ApiError::new(OPERATION, &resource, &error) {
                error if error.is_not_found() => Ok(None),
                error => Err(error),
            },
        }
    }

    /// A configuration may be deleted while its endpoint lives on; then there is nothing to add.
    pub(super) async fn describe_endpoint_config(
        &self,
        endpoint: &EndpointName,
        config_name: &str,
    ) -> Result<EndpointConfig, ApiError> {
        const OPERATION: &str = "DescribeEndpointConfig";
        match self.sagemaker.describe_endpoint_config().endpoint_config_name(config_name).send().await {
            Ok(output) => {
                let request_id = output.request_id().map(str::to_owned);
                let config = endpoint_config(output).map_err(|what| {
                    let resource = format!("endpoint {endpoint}, configuration {config_name}");
                    ApiError::incomplete(OPERATION, &resource, what).of_request(request_id.as_deref())
                })?;
                let mut remembered = self.endpoint_configs.lock().unwrap_or_else(PoisonError::into_inner);
                remembered.insert(config_name.to_owned(), config.clone());
                Ok(config)
            }
            Err(error) => {
                let resource = format!("endpoint {endpoint}, configuration {config_name}");
                match ApiError::new(OPERATION, &resource, &error) {
                    error if error.is_not_found() => Ok(EndpointConfig::default()),
                    error => Err(error),
                }
            }
        }
    }

    /// A configuration that this process has read already.
    pub(super) fn remembered_config(&self, config_name: &str) -> Option<EndpointConfig> {
        self.endpoint_configs.lock().unwrap_or_else(PoisonError::into_inner).get(config_name).cloned()
    }

    pub(super) async fn list_tags(&self, endpoint: &EndpointName, arn: &str) -> Result<Tags, ApiError> {
        let label = format!("endpoint {endpoint}");
        let list = List { operation: "ListTags", label: &label };
        let pages = self.sagemaker.list_tags().resource_arn(arn).into_paginator().send();
        let tags = list.every(pages, |page| {
            let tags = page.tags.ok_or("Tags")?.into_iter();
            tags.map(|tag| Ok((tag.key.ok_or("Key")?, tag.value.ok_or("Value")?))).collect()
        });
        Ok(tags.await?.into_iter().collect())
    }

    /// Sets the status tag of an endpoint that was read whole, or takes it away.
    ///
    /// # Errors
    /// When `AddTags` or `DeleteTags` fails: say, where the endpoint has as many tags as AWS allows.
    pub async fn write_status_tag(&self, observed: &Observed, tag: &StatusTag) -> Result<(), ApiError> {
        let resource = format!("endpoint {}", observed.name);
        let arn = observed.arn.as_deref().ok_or_else(|| ApiError::incomplete("AddTags", &resource, "EndpointArn"))?;
        match tag {
            StatusTag::Set(text) => {
                let tag = Tag::builder().key(STATUS_TAG).value(text).build();
                let sent = self.sagemaker.add_tags().resource_arn(arn).tags(tag).send().await;
                sent.map(|_| ()).map_err(|error| ApiError::new("AddTags", &resource, &error))
            }
            StatusTag::Delete => {
                let sent = self.sagemaker.delete_tags().resource_arn(arn).tag_keys(STATUS_TAG).send().await;
                sent.map(|_| ()).map_err(|error| ApiError::new("DeleteTags", &resource, &error))
            }
        }
    }

    /// Asks for so many instances of each of the variants. The endpoint is Updating then.
    ///
    /// # Errors
    /// When `UpdateEndpointWeightsAndCapacities` fails: say, since the endpoint is being updated already.
    pub(super) async fn set_desired_instances(
        &self,
        observed: &Observed,
        wanted: impl Iterator<Item = (&VariantName, i32)>,
    ) -> Result<(), ApiError> {
        const OPERATION: &str = "UpdateEndpointWeightsAndCapacities";
        let resource = format!("endpoint {}", observed.name);
        let wanted = wanted.map(|(variant, instances)| {
            DesiredWeightAndCapacity::builder().variant_name(variant.as_str()).desired_instance_count(instances).build()
        });
        let sent = self
            .sagemaker
            .update_endpoint_weights_and_capacities()
            .endpoint_name(observed.name.as_str())
            .set_desired_weights_and_capacities(Some(wanted.collect()))
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| ApiError::new(OPERATION, &resource, &error))
    }

    /// The name of the endpoint with this ARN, in its own spelling: ARNs are in lower case, names need not be.
    /// `None` where there is none.
    ///
    /// # Errors
    /// When `ListEndpoints` fails.
    pub async fn endpoint_of_arn(&self, arn: &str, name: &EndpointName) -> Result<Option<EndpointName>, ApiError> {
        let label = format!("endpoint {name}");
        let list = List { operation: "ListEndpoints", label: &label };
        let pages = self.sagemaker.list_endpoints().name_contains(name.as_str()).into_paginator().send();
        let found = list.every(pages, |page| page.endpoints.ok_or("Endpoints")).await?;
        let is_it = |arn_of: &str| arn_of.eq_ignore_ascii_case(arn);
        let endpoint = found.iter().find(|endpoint| endpoint.endpoint_arn().is_some_and(is_it));
        Ok(endpoint.and_then(|endpoint| endpoint.endpoint_name()).and_then(EndpointName::new))
    }
}

pub(super) fn status(status: Option<&SdkStatus>) -> EndpointStatus {
    match status {
        Some(SdkStatus::InService) => EndpointStatus::InService,
        Some(SdkStatus::Deleting) => EndpointStatus::Deleting,
        Some(SdkStatus::Failed | SdkStatus::UpdateRollbackFailed | SdkStatus::OutOfService) => EndpointStatus::Failed,
        _ => EndpointStatus::Other,
    }
}

/// What the SDK puts in the place of a status that isn't there.
const NO_VALUE: &str = "no value was set";

fn described(output: DescribeEndpointOutput) -> Result<Described, &'static str> {
    let inference = match output.async_inference_config {
        Some(_) => Inference::Asynchronous,
        None => Inference::RealTime,
    };
    let publish_frequency = publish_frequency(output.metrics_config());
    let variants = output.production_variants().iter();
    let variants: Option<Vec<Variant>> =
        variants.map(|it| Some(Variant { publish_frequency, ..variant(it, inference)? })).collect();
    if output.endpoint_status().is_none_or(|status| status.as_str() == NO_VALUE) {
        return Err("EndpointStatus");
    }
    let status = status(output.endpoint_status());
    // An incomplete answer must not be taken for variants that are gone.
    if status == EndpointStatus::InService && output.production_variants().is_empty() {
        return Err("ProductionVariants");
    }
    let is_counted = |summary: &ProductionVariantSummary| {
        let is_serverless = summary.current_serverless_config.is_some() || summary.desired_serverless_config.is_some();
        is_serverless || (summary.current_instance_count.is_some() && summary.desired_instance_count.is_some())
    };
    // One that isn't known to run an instance must not be taken for one that does, nor the other way round.
    if status == EndpointStatus::InService
        && inference == Inference::Asynchronous
        && !output.production_variants().iter().all(is_counted)
    {
        return Err("CurrentInstanceCount or DesiredInstanceCount");
    }
    // Whether it is asynchronous isn't known then.
    if status == EndpointStatus::InService && inference == Inference::RealTime && output.endpoint_config_name.is_none()
    {
        return Err("EndpointConfigName");
    }
    let is_scaling_or_still = matches!(output.endpoint_status(), Some(SdkStatus::InService | SdkStatus::Updating));
    let particulars = Particulars {
        created: output.creation_time.as_ref().map(timestamp),
        modified: output.last_modified_time.as_ref().map(timestamp),
        configured: None,
        concurrency: concurrency(output.async_inference_config()),
    };
    Ok(Described {
        is_deploying: output.pending_deployment_summary.is_some() || !is_scaling_or_still,
        status: output.endpoint_status().map(|status| status.as_str().to_owned()),
        endpoint: Endpoint {
            name: output.endpoint_name().and_then(EndpointName::new).ok_or("EndpointName")?,
            status,
            // AWS begins it with a blank.
            failure_reason: output.failure_reason.map(|reason| reason.trim().to_owned()),
            inference,
            variants: variants.ok_or("VariantName")?,
            tags: Tags::new(),
        },
        particulars,
        arn: output.endpoint_arn.filter(|arn| !arn.is_empty()).ok_or("EndpointArn")?,
        config_name: output.endpoint_config_name,
    })
}

fn publish_frequency(config: Option<&MetricsConfig>) -> Option<i32> {
    config?.metric_publish_frequency_in_seconds()
}

fn concurrency(config: Option<&AsyncInferenceConfig>) -> Option<i32> {
    config?.client_config()?.max_concurrent_invocations_per_instance()
}

fn variant(summary: &ProductionVariantSummary, inference: Inference) -> Option<Variant> {
    // Components answer at once, so an asynchronous endpoint hosts none, whatever an old configuration says.
    let is_managed = inference == Inference::RealTime
        && summary
            .managed_instance_scaling()
            .is_some_and(|scaling| scaling.status() != Some(&ManagedInstanceScalingStatus::Disabled));
    let hosting = if summary.current_serverless_config.is_some() || summary.desired_serverless_config.is_some() {
        Hosting::Serverless
    } else if is_managed {
        Hosting::ManagedInstanceScaling
    } else {
        Hosting::Instances
    };
    Some(Variant {
        name: VariantName::new(summary.variant_name()?)?,
        current_instances: summary.current_instance_count,
        desired_instances: summary.desired_instance_count,
        hosting,
        instance_type: None,
        publish_frequency: None,
    })
}

/// What SageMaker documents as always there: a configuration without variants would let any of them pass for one that can be
/// scaled.
fn endpoint_config(output: DescribeEndpointConfigOutput) -> Result<EndpointConfig, &'static str> {
    Ok(EndpointConfig {
        is_asynchronous: output.async_inference_config.is_some(),
        created: output.creation_time.as_ref().map(timestamp),
        concurrency: concurrency(output.async_inference_config()),
        publish_frequency: publish_frequency(output.metrics_config()),
        has_execution_role: output.execution_role_arn.is_some(),
        variants: output
            .production_variants
            .filter(|variants| !variants.is_empty())
            .ok_or("ProductionVariants")?
            .into_iter()
            .map(|variant| {
                let configured = ConfiguredVariant {
                    instance_type: variant.instance_type().map(|kind| kind.as_str().to_owned()),
                    is_serverless: variant.serverless_config.is_some(),
                    has_model: variant.model_name.is_some(),
                };
                let name = variant.variant_name.ok_or("VariantName")?;
                Ok((name, configured))
            })
            .collect::<Result<_, &'static str>>()?,
    })
}
