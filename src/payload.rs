//! The border to the caller: JSON in, [`Invocation`] out. Nothing of an event but the name of the endpoint is believed.
//! `aws_lambda_events` understands SQS batches. Its types for EventBridge are of no use here: AWS's own sample of the endpoint
//! event has a `time` of epoch milliseconds in a string, and they refuse the whole event for that
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html>).

mod events;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::events::{api_call, state_change, tag_change};
use crate::cloudformation::StackEvent;
use crate::reconcile::{EndpointName, Hints, Rules, VariantName, Wanted};

/// What the function was invoked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    Endpoint {
        verb: Verb,
        name: EndpointName,
        /// Known where the event names the endpoint by its ARN alone. The ARN is in lower case, the name need not be.
        arn: Option<String>,
        hints: Hints,
    },
    /// Asks why an endpoint is as it is.
    Explain { name: EndpointName },
    /// Asks how an endpoint stands.
    Status { name: EndpointName },
    /// Asks it of all endpoints that are managed, or of those behind a name.
    FleetStatus { after: Option<EndpointName> },
    /// Asks for instances now, or to let them go.
    ByHand { name: EndpointName, wanted: Wanted, force: bool },
    /// An event that an endpoint may be waking. The function changes nothing then.
    MayWake {
        name: EndpointName,
        /// What the event's tags say.
        is_likely_ours: bool,
    },
    /// Asks what other settings would have done.
    Advise { name: EndpointName, about: AdviceAsked },
    /// Asks what all asynchronous endpoints ran, or those behind `after`.
    Savings { after: Option<EndpointName> },
    Fleet {
        verb: FleetVerb,
        /// Where an earlier sweep ran out of time: only endpoints behind this name are left.
        after: Option<EndpointName>,
    },
    /// Messages of a queue, each with a payload of its own.
    Batch(SqsEvent),
    /// CloudFormation asks about the function's own stack.
    Stack(StackEvent),
    /// An event that asks for nothing.
    Ignored { endpoint: Option<EndpointName> },
}

/// What advice is to go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdviceAsked {
    /// How far to look back.
    pub days: u8,
    /// US$ for an hour of one instance, in place of the table's.
    pub price: Option<f64>,
    /// Whether to answer backlog and instances over time, too.
    pub course: bool,
}

/// CloudWatch keeps minutes for 15 days. Two weeks of these: no weekday counts more often than another.
const MOST_DAYS: u8 = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Apply,
    /// As [`Verb::Apply`], told by the endpoint's own change of state.
    Event,
    /// As [`Verb::Event`], told by a sweep.
    Work,
    Plan,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetVerb {
    Sweep,
    Plan,
    Remove,
}

impl Invocation {
    /// The endpoint that it is about.
    #[must_use]
    pub fn endpoint(&self) -> Option<&EndpointName> {
        match self {
            Self::Endpoint { name, .. }
            | Self::Explain { name }
            | Self::Advise { name, .. }
            | Self::Status { name }
            | Self::ByHand { name, .. }
            | Self::MayWake { name, .. } => Some(name),
            Self::Ignored { endpoint } => endpoint.as_ref(),
            Self::Fleet { .. } | Self::FleetStatus { .. } | Self::Savings { .. } | Self::Batch(_) | Self::Stack(_) => {
                None
            }
        }
    }
}

/// A payload that says nothing that the function understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{problem}; accepted are {{\"action\": \"apply\", \"plan\", \"explain\", \"advise\", \"status\", \"wake\", \"sleep\" or \"remove\", \
     \"endpoint\": name}}, {{\"action\": \"sweep\", \"plan\", \"status\", \"savings\" or \"remove\"}} for all endpoints, SQS batches of these, and the EventBridge events \"SageMaker Endpoint State \
     Change\" of aws.sagemaker, \"Tag Change on Resource\" of aws.tag, \"AWS API Call via CloudTrail\" of aws.sagemaker for \
     AddTags and DeleteTags, \"Scheduled Event\", and the requests of a custom resource of CloudFormation"
)]
pub struct InvalidPayload {
    problem: String,
}

impl InvalidPayload {
    /// A message of a queue can't be a batch of messages.
    #[must_use]
    pub fn nested_batch() -> Self {
        Self { problem: "received an SQS batch inside an SQS message".to_owned() }
    }
}

fn invalid<T>(problem: impl Into<String>) -> Result<T, InvalidPayload> {
    Err(InvalidPayload { problem: problem.into() })
}

/// Understands a payload.
///
/// # Errors
/// What was received instead of something that is accepted.
pub fn parse(payload: &Value, rules: &Rules) -> Result<Invocation, InvalidPayload> {
    let Value::Object(object) = payload else {
        return invalid(format!("received {}", kind_of(payload)));
    };
    if object.contains_key("action") {
        return action(object);
    }
    if object.contains_key("Records") {
        return batch(payload);
    }
    if let Some(event) = StackEvent::parse(object) {
        return event.map(Invocation::Stack).map_err(|problem| InvalidPayload { problem });
    }
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    match (text("source"), text("detail-type")) {
        (Some("aws.sagemaker"), Some("SageMaker Endpoint State Change")) => state_change(object, rules),
        (Some(_), Some("Scheduled Event")) => Ok(Invocation::Fleet { verb: FleetVerb::Sweep, after: None }),
        (Some("aws.tag"), Some("Tag Change on Resource")) => tag_change(object, rules),
        (Some("aws.sagemaker"), Some("AWS API Call via CloudTrail")) => api_call(object, rules),
        (Some(source), Some(detail_type)) => invalid(format!("received the event {detail_type:?} of {source:?}")),
        _ => invalid(format!("received an object with {}", keys_of(object))),
    }
}

/// Reads the body of a queue's message: its payload, and how often the work has been put off so far.
///
/// # Errors
/// Where the body is no JSON.
pub fn read_message(body: &str) -> Result<(Value, u32), InvalidPayload> {
    let mut payload: Value = match serde_json::from_str(body) {
        Ok(payload) => payload,
        Err(error) => return invalid(format!("received a message that is not JSON: {error}")),
    };
    let put_off = payload.as_object_mut().and_then(|object| object.shift_remove(PUT_OFF));
    let times = put_off.as_ref().and_then(Value::as_u64).and_then(|times| u32::try_from(times).ok());
    Ok((payload, times.unwrap_or(0)))
}

/// The message that puts a payload off, with the number of times so far.
#[must_use]
pub fn put_off_message(payload: &Value, times: u32) -> String {
    let mut message = payload.clone();
    if let Value::Object(object) = &mut message {
        object.insert(PUT_OFF.to_owned(), json!(times));
    }
    message.to_string()
}

/// Whether EventBridge sent it, rather than a person or a sweep.
#[must_use]
pub fn is_event(payload: &Value) -> bool {
    payload.get("detail-type").is_some() && payload.get("action").is_none()
}

/// Whether it is work that a sweep handed over, and that every sweep hands over again until it is done.
#[must_use]
pub fn is_work(payload: &Value) -> bool {
    payload.get("action").and_then(Value::as_str) == Some(RECONCILE)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// As many keys as tell what kind of object it is.
fn keys_of(object: &Map<String, Value>) -> String {
    const SHOWN: usize = 8;
    if object.is_empty() {
        return "no keys".to_owned();
    }
    let shown: Vec<String> = object.keys().take(SHOWN).map(|key| format!("{key:?}")).collect();
    let more = if object.len() > SHOWN { ", …" } else { "" };
    format!("the keys {}{more}", shown.join(", "))
}

fn endpoint_name(value: Option<&Value>, place: &str) -> Result<EndpointName, InvalidPayload> {
    match value {
        None => invalid(format!("{place} is missing")),
        Some(Value::String(name)) => match EndpointName::new(name) {
            Some(name) => Ok(name),
            None => invalid(format!(
                "{place} {name:?} is not the name of an endpoint (1 to 63 letters, digits and hyphens)"
            )),
        },
        Some(other) => invalid(format!("{place} is {}, not a string", kind_of(other))),
    }
}

/// Strict, because a person wrote it: an option that the function doesn't know may have been meant to hold it back.
fn action(object: &Map<String, Value>) -> Result<Invocation, InvalidPayload> {
    let action = match object.get("action") {
        Some(Value::String(action)) => action.as_str(),
        other => return invalid(format!("\"action\" is {}, not a string", other.map_or("missing", kind_of))),
    };
    let is_fleet =
        action == "sweep" || (matches!(action, "plan" | "remove" | "status") && !object.contains_key("endpoint"));
    let options: &[&str] = match action {
        _ if is_fleet => &["action", "after"],
        "savings" => &["action", "after"],
        "advise" => &["action", "endpoint", "days", "price", "course"],
        RECONCILE | "remove" => &["action", "endpoint", "variants"],
        "wake" => &["action", "endpoint", "instances"],
        "sleep" => &["action", "endpoint", "force"],
        _ => &["action", "endpoint"],
    };
    if let Some(unknown) = object.keys().find(|key| !options.contains(&key.as_str())) {
        return invalid(format!("received the unknown key {unknown:?} beside the action {action:?}"));
    }
    let after = || object.get("after").map(|after| endpoint_name(Some(after), "\"after\"")).transpose();
    let fleet = |verb: FleetVerb| Ok(Invocation::Fleet { verb, after: after()? });
    let name = || endpoint_name(object.get("endpoint"), "\"endpoint\"");
    let endpoint = |verb: Verb, hints: Hints| Ok(Invocation::Endpoint { verb, name: name()?, arn: None, hints });
    match action {
        "apply" => endpoint(Verb::Apply, Hints::default()),
        RECONCILE => {
            endpoint(Verb::Work, Hints { is_likely_ours: true, variants: variants(object), ..Hints::default() })
        }
        "plan" if is_fleet => fleet(FleetVerb::Plan),
        "plan" => endpoint(Verb::Plan, Hints::default()),
        "explain" => Ok(Invocation::Explain { name: name()? }),
        "status" if is_fleet => Ok(Invocation::FleetStatus { after: after()? }),
        "status" => Ok(Invocation::Status { name: name()? }),
        "wake" => {
            let wanted = Wanted::Wake(object.get("instances").map(instances).transpose()?);
            Ok(Invocation::ByHand { name: name()?, wanted, force: false })
        }
        "sleep" => {
            let force = match object.get("force") {
                None => false,
                Some(Value::Bool(force)) => *force,
                Some(other) => return invalid(format!("\"force\" is {}, not a boolean", kind_of(other))),
            };
            Ok(Invocation::ByHand { name: name()?, wanted: Wanted::Sleep, force })
        }
        "advise" => Ok(Invocation::Advise { name: name()?, about: advice_asked(object)? }),
        "savings" => Ok(Invocation::Savings { after: after()? }),
        "remove" if is_fleet => fleet(FleetVerb::Remove),
        "remove" => {
            endpoint(Verb::Remove, Hints { is_likely_ours: true, variants: variants(object), ..Hints::default() })
        }
        "sweep" => fleet(FleetVerb::Sweep),
        other => invalid(format!("received the unknown action {other:?}")),
    }
}

/// The endpoint's maximum refuses numbers that are too large.
fn instances(value: &Value) -> Result<i32, InvalidPayload> {
    let whole = match value {
        Value::Number(number) => number.as_u64().filter(|count| *count > 0),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match whole {
        Some(count) => Ok(i32::try_from(count).unwrap_or(i32::MAX)),
        None => invalid(format!("\"instances\" is {value}, not an integer of 1 or more")),
    }
}

fn advice_asked(object: &Map<String, Value>) -> Result<AdviceAsked, InvalidPayload> {
    let days = match object.get("days") {
        None => MOST_DAYS,
        Some(days) => match days.as_u64().and_then(|days| u8::try_from(days).ok()) {
            Some(days @ 1..=MOST_DAYS) => days,
            _ => return invalid(format!("\"days\" is {days}, not a whole number from 1 to {MOST_DAYS}")),
        },
    };
    let price = match object.get("price") {
        None => None,
        Some(price) => match price.as_f64() {
            Some(usd) if usd > 0.0 => Some(usd),
            _ => return invalid(format!("\"price\" is {price}, not a number of US$ above 0 for an instance-hour")),
        },
    };
    let course = match object.get("course") {
        None => false,
        Some(Value::Bool(course)) => *course,
        Some(other) => return invalid(format!("\"course\" is {other}, not true or false")),
    };
    Ok(AdviceAsked { days, price, course })
}

/// Variants on which a sweep found something of ours. The endpoint may no longer have them.
fn variants(object: &Map<String, Value>) -> Vec<VariantName> {
    let names = object.get("variants").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).filter_map(VariantName::new).collect()
}

/// The action by which a sweep hands an endpoint to the work queue: an endpoint's event, and the promise that there is
/// something to do.
const RECONCILE: &str = "reconcile";

/// How often work has been put off, in a message of the work queue.
const PUT_OFF: &str = "putOff";

/// The message with which a sweep hands over one endpoint.
#[must_use]
pub fn work_message(verb: FleetVerb, endpoint: &EndpointName, variants: &[VariantName]) -> String {
    let action = match verb {
        FleetVerb::Sweep | FleetVerb::Plan => RECONCILE,
        FleetVerb::Remove => "remove",
    };
    let mut message = json!({ "action": action, "endpoint": endpoint.as_str() });
    if !variants.is_empty() {
        message["variants"] = variants.iter().map(VariantName::as_str).collect();
    }
    message.to_string()
}

/// The message with which a sweep that runs out of time hands over the rest.
#[must_use]
pub fn rest_message(verb: FleetVerb, after: &EndpointName) -> String {
    let action = match verb {
        FleetVerb::Sweep => "sweep",
        FleetVerb::Plan => "plan",
        FleetVerb::Remove => "remove",
    };
    json!({ "action": action, "after": after.as_str() }).to_string()
}

fn batch(payload: &Value) -> Result<Invocation, InvalidPayload> {
    let is_of_sqs = |record: &SqsMessage| {
        record.message_id.is_some() && record.event_source.as_deref().is_none_or(|source| source == "aws:sqs")
    };
    match SqsEvent::deserialize(payload) {
        Ok(batch) if batch.records.iter().all(is_of_sqs) => Ok(Invocation::Batch(batch)),
        Ok(_) => invalid("received records that are not from SQS"),
        Err(error) => invalid(format!("received records that are not an SQS batch: {error}")),
    }
}

#[cfg(test)]
mod tests;
