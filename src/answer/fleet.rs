//! The answer about all endpoints, as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::endpoint::{Answer, Outcome};
use super::results::Results;
use crate::reconcile::EndpointName;

/// The answer about all endpoints.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetAnswer {
    pub endpoints: usize,
    pub counts: BTreeMap<&'static str, usize>,
    /// Those that are neither `unchanged` nor `skipped`, or whose status tag changes; as far as they fit.
    results: Results,
    /// The first endpoints that need a person, each with its outcome, for the log.
    pub concerns: Vec<String>,
    /// How many endpoints were handed to the work queue.
    pub queued: usize,
    /// The endpoint behind which there was no time left.
    pub after: Option<EndpointName>,
}

/// As many as a line of the log may name.
const MOST_CONCERNS: usize = 20;

impl FleetAnswer {
    pub fn add(&mut self, answer: &Answer) {
        self.endpoints += 1;
        *self.counts.entry(answer.outcome.as_str()).or_default() += 1;
        let is_idle = matches!(answer.outcome, Outcome::Unchanged(_) | Outcome::Skipped(_));
        if is_idle && answer.status_tag.is_none() {
            return;
        }
        let is_concern = matches!(answer.outcome, Outcome::Invalid(_) | Outcome::Conflict { .. });
        if let (true, Some(endpoint)) = (is_concern && self.concerns.len() < MOST_CONCERNS, &answer.endpoint) {
            self.concerns.push(format!("{endpoint} {}", answer.outcome.as_str()));
        }
        self.results.add(answer.to_json());
    }

    pub(super) fn to_json(&self) -> Value {
        let mut answer = json!({
            "outcome": "swept",
            "endpoints": self.endpoints,
            "counts": self.counts,
        });
        self.results.add_to(&mut answer);
        if self.queued > 0 {
            answer["queued"] = json!(self.queued);
        }
        if let Some(after) = &self.after {
            answer["after"] = json!(after.as_str());
        }
        answer
    }
}
