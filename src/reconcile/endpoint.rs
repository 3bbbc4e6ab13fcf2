//! What SageMaker says about an endpoint, as plain values.

use std::collections::BTreeMap;

use super::names::{EndpointName, VariantName};

/// All tags of the endpoint, whether they are settings or not.
pub type Tags = BTreeMap<String, String>;

/// An endpoint as SageMaker describes it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// In the spelling that SageMaker keeps: CloudWatch dimensions are case-sensitive.
    pub name: EndpointName,
    pub status: EndpointStatus,
    /// Present after a failed creation or update.
    pub failure_reason: Option<String>,
    pub inference: Inference,
    pub variants: Vec<Variant>,
    pub tags: Tags,
}

impl Endpoint {
    /// No instance runs or starts.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        let has_none = |it: &Variant| it.current_instances == Some(0) && it.desired_instances == Some(0);
        !self.variants.is_empty() && self.variants.iter().all(has_none)
    }
}

/// How the endpoint is invoked: asynchronous ones carry an `AsyncInferenceConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inference {
    Asynchronous,
    RealTime,
}

/// As much of `EndpointStatus` as a decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStatus {
    InService,
    Deleting,
    /// Failed, `UpdateRollbackFailed`, `OutOfService`: nothing may be written until somebody updates the endpoint.
    Failed,
    /// Creating, Updating, `RollingBack`, … : nothing may be written now.
    Other,
}

/// A production variant of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    pub name: VariantName,
    /// `CurrentInstanceCount`; serverless variants have none.
    pub current_instances: Option<i32>,
    /// `DesiredInstanceCount`; differs from the current one while a scaling action runs.
    pub desired_instances: Option<i32>,
    pub hosting: Hosting,
    /// From the endpoint's configuration, e.g. `ml.g5.xlarge`.
    pub instance_type: Option<String>,
    /// Seconds between two reports of an instance, `MetricPublishFrequencyInSeconds`. `None`: the endpoint doesn't say.
    pub publish_frequency: Option<i32>,
}

/// Seconds: SageMaker's own default (`MetricsConfig` in its API reference).
pub const DEFAULT_PUBLISH_FREQUENCY: i32 = 60;

/// Who decides the number of instances of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosting {
    /// Application Auto Scaling may.
    Instances,
    Serverless,
    /// `ManagedInstanceScaling`, of endpoints that host inference components.
    ManagedInstanceScaling,
}

impl Variant {
    /// The most instances that run now or are asked for.
    #[must_use]
    pub fn most_instances(&self) -> i32 {
        self.current_instances.unwrap_or(0).max(self.desired_instances.unwrap_or(0))
    }

    /// No instance runs, or the last one is going.
    #[must_use]
    pub fn is_at_zero(&self) -> bool {
        self.current_instances == Some(0) || self.desired_instances == Some(0)
    }

    /// Application Auto Scaling refuses burstable instance types (`ml.t2`, `ml.t3`, …):
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html>.
    #[must_use]
    pub fn is_burstable(&self) -> bool {
        // Not `ml.trn1`: the letter of a burstable family is followed by its generation.
        let generation =
            |kind: &str| kind.strip_prefix("ml.t").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        self.instance_type.as_deref().is_some_and(generation)
    }

    /// Seconds between two reports of an instance about itself.
    #[must_use]
    pub fn publish_frequency(&self) -> i32 {
        self.publish_frequency.unwrap_or(DEFAULT_PUBLISH_FREQUENCY)
    }

    /// Whether its instances may have a GPU, and publish `GPUUtilization`. A type that isn't known may: the
    /// configuration has been deleted, or it names pools of several types.
    #[must_use]
    pub fn may_have_gpu(&self) -> bool {
        let Some(family) = self.instance_type.as_deref().and_then(|kind| kind.strip_prefix("ml.")) else { return true };
        let letters = family.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default();
        ["p", "g", "gr"].contains(&letters)
    }
}

#[cfg(test)]
mod tests;
