//! How variants stand, as JSON: of one endpoint, and of all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::endpoint::{Answer, Outcome};
use super::fleet::MOST_RESULT_BYTES;
use crate::reconcile::{ActivityStatus, Author, EndpointName, Scaled, VariantState, clock};

/// The answer about how all managed endpoints stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetStatus {
    pub endpoints: usize,
    /// By the state of their variants, or by the outcome where there is none.
    counts: BTreeMap<&'static str, usize>,
    results: Vec<Value>,
    results_bytes: usize,
    /// How many results didn't fit.
    left_off: usize,
    /// The endpoint behind which there was no time left.
    pub after: Option<EndpointName>,
}

impl FleetStatus {
    pub fn add(&mut self, answer: &Answer) {
        self.endpoints += 1;
        let counted: Vec<&'static str> = match &answer.outcome {
            Outcome::Status(states) => states.iter().map(|it| it.state.as_str()).collect(),
            Outcome::Configured(_)
            | Outcome::Unchanged(_)
            | Outcome::Planned(_)
            | Outcome::Removed(_)
            | Outcome::Removing(_)
            | Outcome::Skipped(_)
            | Outcome::Invalid(_)
            | Outcome::Conflict { .. }
            | Outcome::Queued(_)
            | Outcome::Explained(_)
            | Outcome::Advised(_)
            | Outcome::NotAdvised(..)
            | Outcome::Waking(_)
            | Outcome::Sleeping(_) => vec![answer.outcome.as_str()],
        };
        for state in counted {
            *self.counts.entry(state).or_default() += 1;
        }
        let result = answer.to_json();
        let bytes = result.to_string().len();
        if self.results_bytes + bytes > MOST_RESULT_BYTES {
            self.left_off += 1;
        } else {
            self.results_bytes += bytes;
            self.results.push(result);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut answer = json!({
            "outcome": "status",
            "endpoints": self.endpoints,
            "counts": self.counts,
            "results": self.results,
        });
        if self.left_off > 0 {
            answer["leftOff"] = json!(self.left_off);
        }
        if let Some(after) = &self.after {
            answer["after"] = json!(after.as_str());
        }
        answer
    }

    /// For the log: how many variants stand how.
    #[must_use]
    pub fn counts(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(state, count)| format!("{state} {count}")).collect();
        counts.join(", ")
    }
}

/// How one variant stands.
pub(super) fn state(found: &VariantState) -> Value {
    let mut json = json!({
        "variant": found.variant.as_str(),
        "state": found.state.as_str(),
        "instances": found.instances,
        "wanted": found.wanted,
        "since": found.since.map(clock),
        "wakesIn": found.wakes_in.map(|starts| json!({ "seconds": starts.seconds, "of": starts.of })),
        "waiting": found.waiting,
    });
    if let Some(last) = &found.last {
        json["lastAction"] = last_action(last);
    }
    json
}

/// Who set a number of instances last, and why.
pub(super) fn last_action(last: &Scaled) -> Value {
    match last {
        Scaled::Elsewise { since } => json!({ "by": "hand", "at": clock(*since) }),
        Scaled::ByActivity { activity, author } => {
            let mut json = match author {
                Author::Policy { name, is_ours } => json!({ "by": "policy", "name": name, "ours": is_ours }),
                Author::ScheduledAction { name, is_ours } => {
                    json!({ "by": "scheduled-action", "name": name, "ours": is_ours })
                }
                Author::Bound => json!({ "by": "bound" }),
                Author::Unknown => json!({ "by": "unknown" }),
            };
            json["at"] = json!(clock(activity.start));
            json["instances"] = json!(activity.instances());
            json["status"] = json!(match activity.status {
                ActivityStatus::InProgress => "in-progress",
                ActivityStatus::Successful => "successful",
                ActivityStatus::Overridden => "overridden",
                ActivityStatus::Failed => "failed",
            });
            json["cause"] = json!(activity.cause);
            if let Some(message) = &activity.message {
                json["message"] = json!(message);
            }
            json
        }
    }
}
