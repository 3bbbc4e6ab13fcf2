//! AWS's events about an endpoint: a change of its state, of its tags, and the calls that make one.

use serde_json::{Map, Value};

use super::{InvalidPayload, Invocation, Verb, endpoint_name, invalid};
use crate::reconcile::{EndpointName, Hints, Manage, Rules};

/// Statuses come in `UPPER_SNAKE` and, in the API, in `CamelCase`; AWS publishes no list of the event's.
fn asks_for_action(status: &str) -> bool {
    let status: String = status.chars().filter(|letter| *letter != '_').collect();
    ["inservice", "deleting", "deleted"].iter().any(|known| status.eq_ignore_ascii_case(known))
}

pub(super) fn state_change(object: &Map<String, Value>, rules: &Rules) -> Result<Invocation, InvalidPayload> {
    let detail = object.get("detail");
    let field = |key: &str| detail.and_then(|detail| detail.get(key));
    let name = endpoint_name(field("EndpointName"), "detail.EndpointName")?;
    let is_likely_ours = tag_keys(field("Tags")).iter().any(|key| rules.is_own_tag(key));
    // Without a status there is no reason not to look.
    if let Some(status) = field("EndpointStatus").and_then(Value::as_str).filter(|status| !asks_for_action(status)) {
        let is_likely_ours = is_likely_ours || field("Tags").is_none() || rules.manage == Manage::All;
        return Ok(if status.eq_ignore_ascii_case("updating") && may_wake(field("ProductionVariants")) {
            Invocation::MayWake { name, is_likely_ours }
        } else {
            Invocation::Ignored { endpoint: Some(name) }
        });
    }
    let hints = Hints { is_likely_ours, ..Hints::default() };
    Ok(Invocation::Endpoint { verb: Verb::Event, name, arn: None, hints })
}

/// Whether a variant has no instance and is to get some, as far as the event tells: AWS's own sample has the wanted number
/// alone, and its schema neither.
fn may_wake(variants: Option<&Value>) -> bool {
    let Some(variants) = variants.and_then(Value::as_array) else { return true };
    variants.iter().any(|variant| {
        let count = |key: &str| variant.get(key).and_then(Value::as_f64);
        count("CurrentInstanceCount").is_none_or(|current| current == 0.0)
            && count("DesiredInstanceCount").is_none_or(|desired| desired > 0.0)
    })
}

/// The keys of tags that come as a map, as a list of objects with a `key`, or as a list of keys.
fn tag_keys(tags: Option<&Value>) -> Vec<&str> {
    match tags {
        Some(Value::Object(map)) => map.keys().map(String::as_str).collect(),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|tag| tag.as_str().or_else(|| tag.get("key").or_else(|| tag.get("Key"))?.as_str()))
            .collect(),
        _ => Vec::new(),
    }
}

fn endpoint_of_arn(arn: &str) -> Option<EndpointName> {
    let (head, name) = arn.split_once(":endpoint/")?;
    head.contains(":sagemaker:").then(|| EndpointName::new(name)).flatten()
}

/// Looks at the endpoint again if a tag of the prefix has changed on one.
fn retagged<'a>(arns: impl Iterator<Item = &'a str>, changed_keys: &[&str], rules: &Rules) -> Invocation {
    let mut endpoints = arns.filter_map(|arn| Some((arn.to_owned(), endpoint_of_arn(arn)?)));
    match endpoints.next() {
        Some((arn, name)) if changed_keys.iter().any(|key| rules.is_own_tag(key)) => {
            let hints = Hints { is_likely_ours: true, ..Hints::default() };
            Invocation::Endpoint { verb: Verb::Apply, name, arn: Some(arn), hints }
        }
        other => Invocation::Ignored { endpoint: other.map(|(_, name)| name) },
    }
}

/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tag-changes.html>
pub(super) fn tag_change(object: &Map<String, Value>, rules: &Rules) -> Result<Invocation, InvalidPayload> {
    let Some(detail) = object.get("detail").and_then(Value::as_object) else {
        return invalid("the event \"Tag Change on Resource\" has no detail");
    };
    let arns = object.get("resources").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    Ok(retagged(arns, &tag_keys(detail.get("changed-tag-keys")), rules))
}

/// `AddTags` carries `tags`, `DeleteTags` carries `tagKeys`; a call that failed carries an `errorCode`.
pub(super) fn api_call(object: &Map<String, Value>, rules: &Rules) -> Result<Invocation, InvalidPayload> {
    let Some(detail) = object.get("detail").and_then(Value::as_object) else {
        return invalid("the event \"AWS API Call via CloudTrail\" has no detail");
    };
    let is_tagging = matches!(detail.get("eventName").and_then(Value::as_str), Some("AddTags" | "DeleteTags"));
    if !is_tagging || detail.get("errorCode").is_some_and(|code| !code.is_null()) {
        return Ok(Invocation::Ignored { endpoint: None });
    }
    let parameter = |key: &str| detail.get("requestParameters").and_then(|parameters| parameters.get(key));
    let mut changed_keys = tag_keys(parameter("tags"));
    changed_keys.extend(tag_keys(parameter("tagKeys")));
    let arn = parameter("resourceArn").and_then(Value::as_str);
    Ok(retagged(arn.into_iter(), &changed_keys, rules))
}
