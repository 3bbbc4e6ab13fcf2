//! What an invocation can fail with. An invocation fails if another try may mend it, or if somebody has to see it in the failure
//! queue. That an endpoint can't be managed as its tags say is no failure, but an answer.

use std::time::Duration;

use lambda_runtime::Diagnostic;

use crate::aws::{ApiError, ApiErrorKind};
use crate::config::InvalidConfiguration;
use crate::payload::InvalidPayload;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    InvalidPayload(#[from] InvalidPayload),
    #[error(transparent)]
    InvalidConfiguration(#[from] InvalidConfiguration),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(
        "{subject}: no result after {} ms, just before the function's time-out; AWS answers slowly or not at all, and \
         the next delivery or sweep goes on from what has been done",
        after.as_millis()
    )]
    DeadlineExceeded { subject: String, after: Duration },
    #[error(
        "{request} of the stack: the answer {status} could not be delivered to {why}; CloudFormation waits for it until \
         ServiceTimeout, and Lambda tries again meanwhile; check that the function reaches S3 (a gateway endpoint, in \
         private subnets); the answer's reason was: {reason}"
    )]
    StackUnanswered { request: &'static str, status: &'static str, reason: String, why: String },
    #[error("{failed} of {endpoints} endpoints failed, the others are done; the first failure: {first}")]
    Fleet { failed: usize, endpoints: usize, first: Box<Error> },
    #[error(
        "endpoint {endpoint} was put to sleep while what wakes it was taken away by somebody else, and there was no time \
         to start an instance again ({source}); set its DesiredInstanceCount to 1, or let the function manage it again"
    )]
    LeftAsleep { endpoint: String, source: Box<ApiError> },
}

impl Error {
    /// Whether AWS was too busy. The same work succeeds later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Api(error) => matches!(error.kind, ApiErrorKind::Throttled | ApiErrorKind::ConcurrentUpdate),
            Self::Fleet { first, .. } => first.is_busy(),
            Self::InvalidPayload(_)
            | Self::InvalidConfiguration(_)
            | Self::DeadlineExceeded { .. }
            | Self::StackUnanswered { .. }
            | Self::LeftAsleep { .. } => false,
        }
    }

    /// Fixed names. Alarms rest on them, and people who empty a failure queue.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidPayload(_) => "InvalidPayload",
            Self::Api(error) => error.kind.error_type(),
            Self::InvalidConfiguration(_) => InvalidConfiguration::ERROR_TYPE,
            Self::StackUnanswered { .. } => "StackUnanswered",
            Self::DeadlineExceeded { .. } => "DeadlineExceeded",
            Self::Fleet { first, .. } => first.error_type(),
            Self::LeftAsleep { .. } => "LeftAsleep",
        }
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.error_type().to_owned(), error_message: error.to_string() }
    }
}
