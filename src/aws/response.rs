//! The answer to CloudFormation: a PUT to an address that is signed already.

use std::fmt;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;

use super::error::chain;
use super::{Aws, retries, timeouts};

/// What stood in the way of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered(String);

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address answered with another status than that of a success.
#[derive(Debug)]
struct Refused(u16);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answers with HTTP status {}", self.0)
    }
}

impl std::error::Error for Refused {}

impl Aws {
    /// Sends an answer where CloudFormation waits for it: `origin` is scheme, host and port. A connection that doesn't come up and a server's error are tried
    /// again, as with every other call.
    ///
    /// # Errors
    /// What stood in its way to the last.
    pub async fn respond(&self, origin: &str, path_and_query: &str, answer: String) -> Result<(), Undelivered> {
        let path_and_query = path_and_query.to_owned();
        let http = self.config.http_client().ok_or_else(|| Undelivered("there is no HTTP client".to_owned()))?;
        let put = Operation::builder()
            .service_name("CloudFormation")
            .operation_name("Respond")
            .http_client(http)
            .endpoint_url(origin)
            .no_auth()
            .standard_retry(&retries(RetryConfig::standard(), self.pace))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refused>::new())
            .timeout_config(timeouts())
            // The signature is of a request without a content type, and holds for no other.
            .serializer(move |answer: String| {
                let mut request = HttpRequest::new(SdkBody::from(answer));
                request.set_method("PUT")?;
                request.set_uri(path_and_query.as_str())?;
                Ok(request)
            })
            .deserializer(|response: &HttpResponse| match response.status().as_u16() {
                200..=299 => Ok(()),
                status => Err(OrchestratorError::operation(Refused(status))),
            })
            .build();
        put.invoke(answer).await.map_err(|error| {
            let why =
                if let SdkError::ServiceError(refused) = &error { refused.err().to_string() } else { chain(&error) };
            Undelivered(format!("{origin}: {why}"))
        })
    }
}
