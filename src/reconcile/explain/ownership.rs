//! Who owns the endpoint's scaling, and what its tags ask for: opted out, being removed, invalid tags, another owner, and drift.

use super::super::Conflict;
use super::super::endpoint::Endpoint;
use super::super::names::{EndpointName, VariantName};
use super::super::plan::{Removal, VariantPlan};
use super::super::settings::{Key, Problem, Rules};
use super::finding::{About, Finding, FindingCode, sentence_end};

pub(super) fn not_managed(rules: &Rules, endpoint: &Endpoint) -> Finding {
    let sentence =
        format!("Endpoint {} has no tag that begins with {}, so it is left alone.", endpoint.name, rules.tag_prefix);
    Finding::new(FindingCode::NotManaged, About::All, sentence).set(rules.tag(Key::Enabled), "to true")
}

pub(super) fn opted_out(rules: &Rules, endpoint: &Endpoint) -> Finding {
    let tag = rules.tag(Key::Enabled);
    let sentence = format!("Endpoint {} has opted out: its tag {tag} is false.", endpoint.name);
    Finding::new(FindingCode::OptedOut, About::All, sentence).set(tag, "to true")
}

pub(super) fn removing(endpoint: &Endpoint, plans: &[VariantPlan], removal: Removal) -> Option<Finding> {
    if plans.iter().all(|plan| plan.changes.is_empty()) {
        return None;
    }
    let name = &endpoint.name;
    let (what, advice) = match removal {
        Removal::Complete => ("the next event or sweep does it", "invoke remove to have it done now"),
        Removal::AwaitsInstance => (
            "an instance starts first, so that the endpoint isn't left at zero, and the rest is removed once it runs",
            "wait for the instance, or invoke apply to call the removal off, if the tags still ask for scaling",
        ),
    };
    let sentence = format!("The scaling of endpoint {name} is being removed: {what}.");
    Some(Finding::new(FindingCode::Removing, About::All, sentence).advice(advice))
}

pub(super) fn invalid(problem: &Problem) -> Finding {
    let value = problem.value.as_ref().map(|value| format!(" = {value:?}")).unwrap_or_default();
    let sentence = format!(
        "The tag {}{value} {} Until then nothing is written, and the endpoint keeps the scaling that it has.",
        problem.tag,
        sentence_end(&problem.problem)
    );
    let advice = format!("mend the tag {}", problem.tag);
    Finding::new(FindingCode::InvalidTags, About::Change, sentence).tag(problem.tag.clone()).advice(advice)
}

pub(super) fn conflict(rules: &Rules, conflict: &Conflict) -> Finding {
    let sentence = format!(
        "Variant {} has the {} {:?} of another owner, so nothing is written.",
        conflict.variant, conflict.foreign.kind, conflict.foreign.name
    );
    Finding::new(FindingCode::Conflict, About::Change, sentence)
        .set(rules.tag(Key::Takeover), "to true to have it replaced, or take it away")
}

pub(super) fn not_configured(endpoint: &EndpointName, variant: &VariantName) -> Finding {
    let sentence = format!("Variant {variant} is no scalable target yet, so AWS doesn't scale it at all.");
    Finding::new(FindingCode::NotConfigured, About::All, sentence).advice(apply(endpoint))
}

pub(super) fn drift(endpoint: &EndpointName, plan: &VariantPlan) -> Finding {
    let sentence = format!(
        "The scaling of variant {} is not as its tags say: {} pending.",
        plan.variant,
        match plan.changes.len() {
            1 => "one change is".to_owned(),
            changes => format!("{changes} changes are"),
        }
    );
    Finding::new(FindingCode::Drift, About::Change, sentence).advice(apply(endpoint))
}

pub(super) fn apply(endpoint: &EndpointName) -> String {
    format!("invoke {{\"action\": \"apply\", \"endpoint\": \"{endpoint}\"}}, or wait for the next sweep")
}
