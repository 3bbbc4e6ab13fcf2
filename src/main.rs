//! Wiring: environment, clients, runtime.

use std::env;
use std::process::ExitCode;
use std::time::SystemTime;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use sagemaker_scale_to_zero::aws::Aws;
use sagemaker_scale_to_zero::config::{Config, InvalidConfiguration};
use sagemaker_scale_to_zero::handler::Function;
use sagemaker_scale_to_zero::pace::Pace;
use sagemaker_scale_to_zero::stack::Misconfigured;
use sagemaker_scale_to_zero::telemetry;
use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "environment and clock are read here and handed on")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::start(env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let config = match Config::read(|name| env::var(name).ok()) {
        // CloudFormation waits for an answer, and a function that stops here can't give one.
        Err(error) if !error.is_of_stack => return refuse_to_start(&error).await,
        config => config,
    };
    let has_own_retries = ["AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"].iter().any(|name| env::var_os(name).is_some());
    let pace = config.as_ref().map_or_else(|_| Pace::default(), |config| config.pace);
    let aws = Aws::connect(has_own_retries, pace).await;
    let ended = match config {
        Ok(config) => {
            config.given_way.iter().for_each(|default| telemetry::default_gave_way(&default.to_string()));
            let function = Function::new(aws, config, SystemTime::now);
            lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| function.handle(event))).await
        }
        Err(error) => {
            tracing::error!(error_type = InvalidConfiguration::ERROR_TYPE, "{error}");
            let function = Misconfigured::new(aws, error);
            lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| function.handle(event))).await
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error_type = "RuntimeFailed", "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells Lambda and the log why. A person who deployed a bad value then sees its name, and not just an exit status.
async fn refuse_to_start(error: &InvalidConfiguration) -> ExitCode {
    let error_type = InvalidConfiguration::ERROR_TYPE;
    tracing::error!(error_type, "{error}");
    let diagnostic = Diagnostic { error_type: error_type.to_owned(), error_message: error.to_string() };
    if let Err(error) = report_init_error(&diagnostic).await {
        tracing::error!(error_type = "RuntimeFailed", "{error}");
    }
    ExitCode::FAILURE
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>
async fn report_init_error(diagnostic: &Diagnostic) -> Result<(), lambda_runtime::Error> {
    let request = lambda_runtime_api_client::build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", &diagnostic.error_type)
        .body(serde_json::to_vec(diagnostic)?.into())?;
    lambda_runtime_api_client::Client::builder().build()?.call(request).await?;
    Ok(())
}
