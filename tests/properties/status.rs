//! The status tag, whatever is wrong with an endpoint: AWS takes it, it is written once, and it goes.

use proptest::collection::vec;
use proptest::prelude::*;
use sagemaker_scale_to_zero::reconcile::{
    Conflict, Decision, Endpoint, EndpointName, EndpointStatus, Foreign, ForeignKind, Inference, Pause, Problem,
    STATUS_TAG, StatusTag, Tags, VariantName, status_tag,
};

/// Keys, names and texts of any length and script, and of AWS's own alphabets.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "\\PC{0,40}", "[a-zA-Z0-9-]{0,300}", "[ -~]{0,60}"]
}

fn any_complaint() -> impl Strategy<Value = (&'static str, Decision)> {
    let problem = (any_text(), any_text()).prop_map(|(tag, problem)| Problem { tag, value: None, problem });
    let conflict = (any_text(), any::<bool>()).prop_map(|(name, is_policy)| Conflict {
        variant: VariantName::new("AllTraffic").unwrap(),
        foreign: Foreign {
            kind: if is_policy { ForeignKind::ScalingPolicy } else { ForeignKind::ScheduledAction },
            name,
        },
    });
    prop_oneof![
        vec(problem, 1..5).prop_map(|problems| ("invalid:", Decision::Invalid(problems))),
        vec(conflict, 1..5).prop_map(|conflicts| ("conflict:", Decision::Conflict(conflicts, Pause::No))),
    ]
}

fn endpoint(tag: Option<String>) -> Endpoint {
    Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status: EndpointStatus::InService,
        failure_reason: None,
        inference: Inference::Asynchronous,
        variants: Vec::new(),
        tags: tag.map(|value| (STATUS_TAG.to_owned(), value)).into_iter().collect::<Tags>(),
    }
}

proptest! {
    #[test]
    fn the_status_tag_is_one_that_aws_takes_and_is_written_once((code, decision) in any_complaint()) {
        let Some(StatusTag::Set(text)) = status_tag(&decision, Some(&endpoint(None))) else {
            panic!("{decision:?} is worth a status tag");
        };
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || " _.:/=+-@".contains(letter);
        prop_assert!(text.chars().all(is_allowed), "{text:?}");
        prop_assert!(text.chars().count() <= 256, "{text:?}");
        prop_assert!(text.starts_with(code) && text.trim() == text && !text.contains("  "), "{text:?}");
        prop_assert_eq!(status_tag(&decision, Some(&endpoint(Some(text)))), None);
    }

    #[test]
    fn the_status_tag_goes_when_all_is_well(text in any_text()) {
        let all_is_well = Decision::Configure(Vec::new(), Pause::No);
        prop_assert_eq!(status_tag(&all_is_well, Some(&endpoint(Some(text)))), Some(StatusTag::Delete));
        prop_assert_eq!(status_tag(&all_is_well, Some(&endpoint(None))), None);
    }
}
