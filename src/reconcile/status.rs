//! The status tag: on an endpoint that can't be managed as its tags say, a word about why.

use super::endpoint::{Endpoint, EndpointStatus};
use super::scaling::Foreign;
use super::settings::{Problem, STATUS_TAG};
use super::{Conflict, Decision, SkipReason};

/// The most characters that a tag value holds (`TagValue` in the SageMaker API reference).
const LONGEST_VALUE: usize = 256;

const ELLIPSIS: &str = "...";

/// What is to be done about the status tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusTag {
    Set(String),
    Delete,
}

/// Decides about the status tag. `None` where it is as it should be, or nothing is known about the endpoint's tags.
#[must_use]
pub fn status_tag(decision: &Decision, endpoint: Option<&Endpoint>) -> Option<StatusTag> {
    // The tags of an endpoint that is being made, updated or deleted have not been read.
    let tags = &endpoint.filter(|endpoint| endpoint.status == EndpointStatus::InService)?.tags;
    let text = match decision {
        Decision::Skip(SkipReason::NotInService | SkipReason::NotFound | SkipReason::IgnoredEvent) => return None,
        Decision::Invalid(problems) => Some(value("invalid", problems.iter().map(problem))),
        Decision::Conflict(conflicts, _) => Some(value("conflict", conflicts.iter().map(conflict))),
        Decision::Configure(..)
        | Decision::Remove(..)
        | Decision::Skip(
            SkipReason::NotManaged
            | SkipReason::NotAsync
            | SkipReason::Serverless
            | SkipReason::ManagedInstanceScaling
            | SkipReason::BurstableInstance
            // Of wishes by hand, which leave the tag alone.
            | SkipReason::Busy
            | SkipReason::Paused,
        ) => None,
    };
    match (text, tags.get(STATUS_TAG)) {
        (Some(text), present) if present != Some(&text) => Some(StatusTag::Set(text)),
        (None, Some(_)) => Some(StatusTag::Delete),
        (Some(_) | None, _) => None,
    }
}

/// What is wrong; what would be accepted is for the answer, which has room for it.
fn problem(problem: &Problem) -> String {
    let what = problem.problem.split(';').next().unwrap_or_default();
    format!("{} {what}", problem.tag)
}

fn conflict(Conflict { variant, foreign: Foreign { kind, name } }: &Conflict) -> String {
    format!("another owner has {kind} {name} on {variant}")
}

/// A tag value: the code and the clauses, as far as they fit.
fn value(code: &str, clauses: impl Iterator<Item = String>) -> String {
    let clauses: Vec<String> = clauses.collect();
    let text = format!("{code}: {}", clauses.join(" and "));
    // AWS allows letters of all scripts, by Unicode classes that the standard library doesn't have.
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.:/=+-@".contains(letter);
    let words: Vec<&str> = text.split(|letter| !allowed(letter)).filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    if text.len() <= LONGEST_VALUE {
        return text;
    }
    let room = &text[..LONGEST_VALUE - ELLIPSIS.len()];
    // A word that was cut off might be taken for a name.
    let whole_words = room.rfind(' ').filter(|end| *end > code.len() + 1).unwrap_or(room.len());
    format!("{}{ELLIPSIS}", &room[..whole_words])
}

#[cfg(test)]
mod tests {
    use super::super::{EndpointName, ForeignKind, Inference, Pause, Removal, Tags, VariantName};
    use super::*;

    fn endpoint(status: EndpointStatus, tag: Option<&str>) -> Endpoint {
        Endpoint {
            name: EndpointName::new("demo").unwrap(),
            status,
            failure_reason: None,
            inference: Inference::Asynchronous,
            variants: Vec::new(),
            tags: tag.map(|value| (STATUS_TAG.to_owned(), value.to_owned())).into_iter().collect::<Tags>(),
        }
    }

    fn decided(decision: &Decision, tag: Option<&str>) -> Option<StatusTag> {
        status_tag(decision, Some(&endpoint(EndpointStatus::InService, tag)))
    }

    fn invalid(problems: &[(&str, &str)]) -> Decision {
        let problem = |(tag, problem): &(&str, &str)| Problem {
            tag: (*tag).to_owned(),
            value: Some("x".to_owned()),
            problem: (*problem).to_owned(),
        };
        Decision::Invalid(problems.iter().map(problem).collect())
    }

    fn in_conflict(names: &[(ForeignKind, &str)]) -> Decision {
        let conflict = |(kind, name): &(ForeignKind, &str)| Conflict {
            variant: VariantName::new("AllTraffic").unwrap(),
            foreign: Foreign { kind: *kind, name: (*name).to_owned() },
        };
        Decision::Conflict(names.iter().map(conflict).collect(), Pause::No)
    }

    fn set(text: &str) -> StatusTag {
        StatusTag::Set(text.to_owned())
    }

    #[test]
    fn it_says_what_is_wrong_in_the_alphabet_of_tags() {
        for (decision, want) in [
            (
                invalid(&[("scale-to-zero:max-capcity", "is not a setting; did you mean scale-to-zero:max-capacity?")]),
                "invalid: scale-to-zero:max-capcity is not a setting",
            ),
            (
                invalid(&[
                    ("zero:scale-in-cooldown", "must be a duration such as 300s, 10m, 1h or plain seconds, 300"),
                    ("zero:max-capacity", "must be an integer from 1 to 100 (the CAPACITY_LIMIT of the deployment)"),
                ]),
                "invalid: zero:scale-in-cooldown must be a duration such as 300s 10m 1h or plain seconds 300 and \
                 zero:max-capacity must be an integer from 1 to 100 the CAPACITY_LIMIT of the deployment",
            ),
            (
                in_conflict(&[(ForeignKind::ScalingPolicy, "my-policy"), (ForeignKind::ScheduledAction, "at (night)")]),
                "conflict: another owner has scaling policy my-policy on AllTraffic and another owner has scheduled \
                 action at night on AllTraffic",
            ),
        ] {
            assert_eq!(decided(&decision, None), Some(set(want)));
            assert_eq!(decided(&decision, Some("invalid: as before")), Some(set(want)));
            assert_eq!(decided(&decision, Some(want)), None, "it already says so");
        }
    }

    #[test]
    fn it_goes_when_all_is_well_or_the_endpoint_leaves() {
        for decision in [
            Decision::Configure(Vec::new(), Pause::No),
            Decision::Remove(Vec::new(), Removal::Complete),
            Decision::Remove(Vec::new(), Removal::AwaitsInstance),
            Decision::Skip(SkipReason::NotManaged),
            Decision::Skip(SkipReason::BurstableInstance),
        ] {
            assert_eq!(decided(&decision, Some("invalid: as before")), Some(StatusTag::Delete), "{decision:?}");
            assert_eq!(decided(&decision, None), None, "{decision:?}");
        }
    }

    #[test]
    fn nothing_is_done_where_the_tags_have_not_been_read() {
        let skip = Decision::Skip(SkipReason::NotInService);
        let leftovers = Decision::Remove(Vec::new(), Removal::Complete);
        for status in [EndpointStatus::Deleting, EndpointStatus::Failed, EndpointStatus::Other] {
            for decision in [&skip, &leftovers] {
                assert_eq!(status_tag(decision, Some(&endpoint(status, Some("invalid: as before")))), None);
            }
        }
        assert_eq!(status_tag(&leftovers, None), None);
    }

    #[test]
    fn what_does_not_fit_is_cut_between_words() {
        let tag = "t".repeat(128);
        let Some(StatusTag::Set(text)) = decided(&invalid(&[(&tag, "must be this"), (&tag, "or that")]), None) else {
            panic!("there is a problem");
        };
        assert_eq!(text, format!("invalid: {tag} must be this and..."));
        let Some(StatusTag::Set(text)) = decided(&invalid(&[(&"t".repeat(500), "")]), None) else {
            panic!("there is a problem");
        };
        assert_eq!(text, format!("invalid: {}...", "t".repeat(LONGEST_VALUE - "invalid: ...".len())));
    }
}
