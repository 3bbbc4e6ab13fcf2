//! What the function answers, in words and as JSON: `changes` is the very list of the plan, so `plan` prints what `apply`
//! does.

mod advice;
mod changes;
mod endpoint;
mod explanation;
mod fleet;
mod reading;
mod results;
mod savings;
mod stack;
mod state;

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::{Value, json};

pub use self::advice::Advised;
pub use self::changes::change_code;
pub use self::endpoint::{Answer, Outcome, reason_code};
pub use self::explanation::Explanation;
pub use self::fleet::FleetAnswer;
pub use self::reading::ReadingCost;
pub use self::savings::SavingsReport;
pub use self::stack::StackAnswer;
pub use self::state::FleetStatus;

/// What an invocation answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Endpoint(Answer),
    Fleet(FleetAnswer),
    FleetStatus(FleetStatus),
    Savings(SavingsReport),
    /// For Lambda's SQS event source, which puts the failed messages back.
    Batch(SqsBatchResponse),
    Stack(StackAnswer),
}

impl Reply {
    /// `None` for a batch: each message of it has its own.
    #[must_use]
    pub fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Endpoint(answer) => Some(answer.outcome.as_str()),
            Self::Fleet(_) => Some("swept"),
            Self::FleetStatus(_) => Some("status"),
            Self::Savings(_) => Some("savings"),
            Self::Batch(_) => None,
            Self::Stack(_) => Some("answered"),
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Endpoint(answer) => answer.to_json(),
            Self::Fleet(answer) => answer.to_json(),
            Self::FleetStatus(status) => status.to_json(),
            Self::Savings(report) => report.to_json(),
            Self::Batch(response) => json!(response),
            Self::Stack(answer) => answer.to_json(),
        }
    }
}
