//! What CloudFormation has been answered.

use serde_json::{Value, json};

use crate::cloudformation::{StackRequest, Verdict};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackAnswer {
    pub request: StackRequest,
    pub verdict: Verdict,
}

impl StackAnswer {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "outcome": "answered",
            "request": self.request.as_str(),
            "status": self.verdict.status(),
            "reason": self.verdict.reason(),
        })
    }
}
