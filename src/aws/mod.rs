//! The shell: every AWS SDK type lives and dies here. What goes out are the values of [`crate::reconcile`].

mod apply;
mod autoscaling;
mod checks;
mod cloudwatch;
mod error;
mod events;
mod foreign;
mod lists;
mod memory;
mod metric_data;
mod observe;
mod queue;
mod readings;
mod response;
mod retry;
mod sagemaker;
mod states;
mod survey;
mod tags;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_applicationautoscaling::config::retry::RetryConfig;
use aws_sdk_applicationautoscaling::config::timeout::TimeoutConfig;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::pace::Pace;

pub use apply::{Gone, Refused};
pub use error::{ApiError, ApiErrorKind};
pub use memory::{Particulars, Remembered};
pub use observe::Observed;
pub use response::Undelivered;
pub use states::Standing;
pub use survey::{Listed, Survey};

/// Where SageMaker publishes the metrics of asynchronous endpoints, and the one dimension that they have
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>).
const NAMESPACE: &str = "AWS/SageMaker";
const ENDPOINT_DIMENSION: &str = "EndpointName";
/// The second one of those that each variant has of its own.
const VARIANT_DIMENSION: &str = "VariantName";

/// With the waits below, a write that AWS is too busy for is tried for about five seconds.
const MAX_ATTEMPTS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// A connection inside AWS takes milliseconds; one that doesn't come up in this time won't.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Of one attempt. The slowest of our calls takes about a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients of the services that the function calls.
#[derive(Debug, Clone)]
pub struct Aws {
    sagemaker: aws_sdk_sagemaker::Client,
    autoscaling: aws_sdk_applicationautoscaling::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    sqs: aws_sdk_sqs::Client,
    eventbridge: aws_sdk_eventbridge::Client,
    config: SdkConfig,
    has_own_retries: bool,
    pace: Pace,
    calls: CallCount,
    endpoint_configs: EndpointConfigs,
}

/// Endpoint configurations by name, for sweeps. They never change once made.
type EndpointConfigs = Arc<Mutex<HashMap<String, sagemaker::EndpointConfig>>>;

fn retries(mode: RetryConfig, pace: Pace) -> RetryConfig {
    mode.with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(pace.wait(FIRST_WAIT))
        .with_max_backoff(pace.wait(LONGEST_WAIT))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

impl Aws {
    /// Makes the clients from the standard environment of the AWS SDKs. With `has_own_retries`, this environment says how often
    /// to retry (`AWS_MAX_ATTEMPTS`, `AWS_RETRY_MODE`), and the clients do so.
    pub async fn connect(has_own_retries: bool, pace: Pace) -> Self {
        // ring starts in a tenth of the time that aws-lc needs for its entropy. The SDK's own client knows no proxy.
        let http = aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
            let mut connector = Connector::builder()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                .proxy_config(ProxyConfig::from_env());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.build()
        });
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).timeout_config(timeouts());
        let loader = if has_own_retries { loader } else { loader.retry_config(retries(RetryConfig::standard(), pace)) };
        Self::new(loader.load().await, has_own_retries, pace, CallCount::default(), Arc::default())
    }

    /// The same clients for many endpoints at a time: once AWS has asked to slow down, each holds itself back to what
    /// AWS lets through. For a single endpoint that would only be slow, seconds for one throttled call.
    #[must_use]
    pub fn for_fleet(&self) -> Self {
        if self.has_own_retries {
            return self.clone();
        }
        let config = self.config.to_builder().retry_config(retries(RetryConfig::adaptive(), self.pace)).build();
        Self::new(config, false, self.pace, self.calls.clone(), Arc::clone(&self.endpoint_configs))
    }

    fn new(
        config: SdkConfig,
        has_own_retries: bool,
        pace: Pace,
        calls: CallCount,
        endpoint_configs: EndpointConfigs,
    ) -> Self {
        Self {
            sagemaker: aws_sdk_sagemaker::Client::from_conf(
                aws_sdk_sagemaker::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .interceptor(foreign::OnlyAws)
                    .retry_classifier(retry::ByErrorCode)
                    .build(),
            ),
            autoscaling: aws_sdk_applicationautoscaling::Client::from_conf(
                aws_sdk_applicationautoscaling::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .interceptor(foreign::OnlyAws)
                    .retry_classifier(retry::ByErrorCode)
                    .build(),
            ),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(
                aws_sdk_cloudwatch::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .interceptor(foreign::OnlyAws)
                    .retry_classifier(retry::ByErrorCode)
                    .build(),
            ),
            tagging: aws_sdk_resourcegroupstagging::Client::from_conf(
                aws_sdk_resourcegroupstagging::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .interceptor(foreign::OnlyAws)
                    .retry_classifier(retry::ByErrorCode)
                    .build(),
            ),
            sqs: aws_sdk_sqs::Client::from_conf(
                aws_sdk_sqs::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .interceptor(foreign::OnlyAws)
                    .retry_classifier(retry::ByErrorCode)
                    .build(),
            ),
            eventbridge: aws_sdk_eventbridge::Client::from_conf(
                aws_sdk_eventbridge::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .interceptor(foreign::OnlyAws)
                    .retry_classifier(retry::ByErrorCode)
                    .build(),
            ),
            config,
            has_own_retries,
            pace,
            calls,
            endpoint_configs,
        }
    }

    /// The Region that the clients speak to.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// How many requests have been sent so far, retries included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.sent.load(Ordering::Relaxed)
    }

    /// How many of them AWS has answered by asking to slow down.
    #[must_use]
    pub fn throttled_calls(&self) -> u64 {
        self.calls.throttled.load(Ordering::Relaxed)
    }
}

/// Counts the requests that all clients send.
#[derive(Debug, Clone, Default)]
struct CallCount {
    sent: Arc<AtomicU64>,
    throttled: Arc<AtomicU64>,
}

#[dyn_dispatch_hint]
impl Intercept for CallCount {
    fn name(&self) -> &'static str {
        "CallCount"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        if error.and_then(|error| error.as_operation_error()).is_some_and(retry::is_throttling) {
            self.throttled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
