//! How variants stand, as JSON: of one endpoint, and of all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::endpoint::{Answer, Outcome};
use super::results::Results;
use crate::reconcile::{ActivityStatus, Author, EndpointName, Scaled, VariantState, clock};

/// The answer about how all managed endpoints stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetStatus {
    pub endpoints: usize,
    /// By the state of their variants, or by the outcome where there is none.
    counts: BTreeMap<&'static str, usize>,
    results: Results,
    /// The endpoint behind which there was no time left.
    pub after: Option<EndpointName>,
}

impl FleetStatus {
    pub fn add(&mut self, answer: &Answer) {
        self.endpoints += 1;
        let counted: Vec<&'static str> = if let Outcome::Status(states) = &answer.outcome {
            states.iter().map(|it| it.state.as_str()).collect()
        } else {
            vec![answer.outcome.as_str()]
        };
        for state in counted {
            *self.counts.entry(state).or_default() += 1;
        }
        self.results.add(answer.to_json());
    }

    pub(super) fn to_json(&self) -> Value {
        let mut answer = json!({
            "outcome": "status",
            "endpoints": self.endpoints,
            "counts": self.counts,
        });
        self.results.add_to(&mut answer);
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
