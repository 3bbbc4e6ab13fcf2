//! A failed AWS call in one line, and what its error code means to us.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sagemaker::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sagemaker::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::foreign;

/// What kind of failure an error code stands for. Decides the `errorType` that callers and alarms see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiErrorKind {
    AccessDenied,
    /// AWS doesn't accept who signed the request, or when: credentials, clock, signature.
    NotAuthenticated,
    Throttled,
    /// A quota is used up.
    LimitExceeded,
    /// Another write to the same resource is in progress.
    ConcurrentUpdate,
    NotFound,
    /// The request was understood and refused.
    Rejected,
    /// AWS failed, with or without a code.
    ServerError,
    /// No answer came: connection or time-out.
    NoAnswer,
    /// An answer came, and it isn't one of AWS: a proxy's page, say.
    ForeignAnswer,
}

impl ApiErrorKind {
    /// By AWS's error code and message.
    pub(super) fn of(code: &str, message: &str) -> Self {
        let kind = Self::of_code(code);
        if kind == Self::Rejected { Self::of_wrapped(message).unwrap_or(kind) } else { kind }
    }

    /// By AWS's error code, as the service models and the API references of the services spell them.
    fn of_code(code: &str) -> Self {
        match code {
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Self::AccessDenied,
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => Self::NotAuthenticated,
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "SlowDown" => Self::Throttled,
            "LimitExceeded"
            | "LimitExceededException"
            | "LimitExceededFault"
            | "ResourceLimitExceeded"
            | "TooManyTagsException" => Self::LimitExceeded,
            "ConcurrentUpdateException" | "ResourceConflict" | "ConcurrentModificationException" => {
                Self::ConcurrentUpdate
            }
            "ObjectNotFoundException" | "ResourceNotFound" | "ResourceNotFoundException" => Self::NotFound,
            "InternalFailure"
            | "InternalServiceException"
            | "InternalServiceError"
            | "InternalServiceFault"
            | "InternalServerError"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Self::ServerError,
            _ => Self::Rejected,
        }
    }

    /// The error of another service that a refusal passes on. Application Auto Scaling answers CloudWatch's throttling and
    /// denials as a `FailedResourceAccessException` with the whole of CloudWatch's error in its message (reported for
    /// `PutScalingPolicy` and `DescribeScalingPolicies`: hashicorp/terraform-provider-aws#1428, aws/aws-sdk-go#1472),
    /// and what its caller lacks as a `ValidationException`
    /// (<https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html>).
    ///
    /// Each pattern has a blank in it, so that no endpoint's name can match it.
    fn of_wrapped(message: &str) -> Option<Self> {
        let inner = message.split_once("Error Code: ").map(|(_, rest)| {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
            Self::of_code(&rest[..end])
        });
        if let Some(inner) = inner.filter(|inner| *inner != Self::Rejected) {
            return Some(inner);
        }
        let message = message.to_ascii_lowercase();
        let says_any = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        if says_any(&["rate exceeded", "too many requests"]) {
            Some(Self::Throttled)
        } else if says_any(&[
            "not authorized to perform",
            "is not authorized",
            "missing the following permission",
            "missing permissions",
            "missing required permission",
            "does not have permission",
            "validate the caller",
            "validating the caller",
            "permissions of the caller",
        ]) {
            Some(Self::AccessDenied)
        } else {
            None
        }
    }

    /// The fixed `errorType` of an invocation that fails with this.
    #[must_use]
    pub fn error_type(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::NotAuthenticated => "NotAuthenticated",
            Self::Throttled => "Throttled",
            Self::LimitExceeded => "LimitExceeded",
            Self::ConcurrentUpdate => "ConcurrentUpdate",
            Self::NotFound => "NotFound",
            Self::Rejected => "Rejected",
            Self::ServerError => "AwsServerError",
            Self::NoAnswer => "NoAnswer",
            Self::ForeignAnswer => "ForeignAnswer",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::AccessDenied => "allow the function's role this operation (the template does)",
            Self::NotAuthenticated => {
                "AWS does not accept the signature; no permission is missing: look at the credentials and at the clock. In \
                 Lambda both are AWS's own, and the next delivery or sweep signs anew"
            }
            Self::Throttled => "AWS asks to slow down; the next delivery or sweep tries again",
            Self::LimitExceeded => "a quota is used up; have it raised in Service Quotas",
            Self::ConcurrentUpdate | Self::ServerError => "the next delivery or sweep tries again",
            Self::NotFound => "it was deleted meanwhile; the next delivery or sweep looks again",
            Self::Rejected => "AWS refuses the request as it is",
            Self::NoAnswer => "check that the function reaches this service (VPC, DNS, endpoint)",
            Self::ForeignAnswer => {
                "something answers in AWS's place: look at the proxy or firewall on the way, at HTTPS_PROXY and at \
                 AWS_ENDPOINT_URL"
            }
        }
    }
}

/// An AWS call that failed for good, after the retries that made sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub operation: &'static str,
    /// What it was about: `endpoint demo, variant AllTraffic`.
    pub resource: String,
    pub kind: ApiErrorKind,
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
}

impl ApiError {
    pub(super) fn new<E>(operation: &'static str, resource: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let code = error.code().map(str::to_owned);
        let message = error.message().map_or_else(|| chain(error), str::to_owned);
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let (kind, message) = match (&code, status, response.and_then(foreign::description)) {
            (_, _, Some(description)) => (ApiErrorKind::ForeignAnswer, description),
            (Some(code), _, None) => (ApiErrorKind::of(code, &message), message),
            (None, Some(401), None) => (ApiErrorKind::NotAuthenticated, message),
            (None, Some(403), None) => (ApiErrorKind::AccessDenied, message),
            (None, Some(429), None) => (ApiErrorKind::Throttled, message),
            // From AWS, but in a form that nobody could understand.
            (None, Some(200..=299 | 500..), None) => (ApiErrorKind::ServerError, message),
            (None, Some(_), None) => (ApiErrorKind::Rejected, message),
            (None, None, None) if has_no_credentials(error) => (ApiErrorKind::NotAuthenticated, message),
            (None, None, None) => (ApiErrorKind::NoAnswer, message),
        };
        let request_id = error.request_id().map(str::to_owned);
        Self { operation, resource: resource.to_owned(), kind, code, message, request_id }
    }

    /// For an answer that lacks what AWS documents as always there.
    pub(super) fn incomplete(operation: &'static str, resource: &str, what: &str) -> Self {
        Self {
            operation,
            resource: resource.to_owned(),
            kind: ApiErrorKind::ServerError,
            code: None,
            message: format!("the answer has no {what}"),
            request_id: None,
        }
    }

    /// With the id by which AWS knows the answer.
    pub(super) fn of_request(self, request_id: Option<&str>) -> Self {
        Self { request_id: request_id.map(str::to_owned), ..self }
    }

    /// For an answer that didn't come in the time that there was for it.
    pub(super) fn no_answer(operation: &'static str, resource: &str, within: Duration) -> Self {
        Self {
            operation,
            resource: resource.to_owned(),
            kind: ApiErrorKind::NoAnswer,
            code: None,
            message: format!("no answer within {} ms", within.as_millis()),
            request_id: None,
        }
    }

    /// For a part of a request that AWS refused by itself.
    pub(super) fn refused(operation: &'static str, resource: &str, code: &str, message: &str) -> Self {
        Self {
            operation,
            resource: resource.to_owned(),
            kind: ApiErrorKind::of_code(code),
            code: Some(code.to_owned()),
            message: message.to_owned(),
            request_id: None,
        }
    }

    /// The endpoint is being changed already: SageMaker has no error of its own for it either. Its text is `Cannot update
    /// in-progress endpoint`, by AWS's own operator for Kubernetes.
    #[must_use]
    pub fn is_being_updated(&self) -> bool {
        self.operation == "UpdateEndpointWeightsAndCapacities"
            && self.code.as_deref() == Some("ValidationException")
            && self.message.contains("in-progress")
    }

    /// Whether AWS refuses the value of something, rather than the request at this time or by this caller.
    pub(super) fn is_about_the_value(&self) -> bool {
        self.kind == ApiErrorKind::Rejected && self.code.as_deref() == Some("ValidationException")
    }

    /// SageMaker has no error of its own for a name that it doesn't know.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == ApiErrorKind::NotFound
            || (self.code.as_deref() == Some("ValidationException") && self.message.contains("Could not find"))
    }
}

fn has_no_credentials(error: &(dyn StdError + 'static)) -> bool {
    error.is::<CredentialsError>() || error.source().is_some_and(has_no_credentials)
}

/// The error and its causes on one line; `SdkError` itself says no more than "dispatch failure".
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}: ", self.operation, self.resource)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message.replace(['\n', '\r'], " "))?;
        if let Some(request_id) = &self.request_id {
            write!(f, " (request id {request_id})")?;
        }
        write!(f, "; {}", self.kind.advice())
    }
}

impl StdError for ApiError {}
