//! The results of a fleet's answer, as far as they fit.

use serde_json::{Value, json};

/// Results, and how many more there would be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Results {
    found: Vec<Value>,
    bytes: usize,
    left_off: usize,
}

/// Lambda's answers hold 6 MB; the rest is for what surrounds the results.
const MOST_BYTES: usize = 5_000_000;

impl Results {
    pub(super) fn add(&mut self, result: Value) {
        let bytes = result.to_string().len();
        if self.bytes + bytes > MOST_BYTES {
            self.left_off += 1;
        } else {
            self.bytes += bytes;
            self.found.push(result);
        }
    }

    /// As members of the answer.
    pub(super) fn add_to(&self, answer: &mut Value) {
        answer["results"] = json!(self.found);
        if self.left_off > 0 {
            answer["leftOff"] = json!(self.left_off);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut results = Results::default();
        let half = "x".repeat(MOST_BYTES / 2);
        for result in [json!(half), json!(half), json!(half), json!("small")] {
            results.add(result);
        }
        let mut answer = json!({ "outcome": "swept" });
        results.add_to(&mut answer);
        assert_eq!((answer["results"].as_array().unwrap().len(), &answer["leftOff"]), (2, &json!(2)));

        let mut answer = json!({});
        Results::default().add_to(&mut answer);
        assert_eq!(answer, json!({ "results": [] }), "nothing is left off");
    }
}
