//! Logs: JSON lines with `timestamp`, `level` and `message` at the top level. Lambda filters by these, and takes a line
//! that lacks a valid timestamp for INFO
//! (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>).

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::answer::{
    Answer, FleetAnswer, FleetStatus, Outcome, Reply, SavingsReport, StackAnswer, change_code, reason_code,
};
use crate::cloudformation::Verdict;
use crate::error::Error;
use crate::metrics::Cost;
use crate::reconcile::EndpointName;

/// Starts logging to standard output. `level` is that of `AWS_LAMBDA_LOG_LEVEL`.
pub fn start(level: Option<&str>) {
    let level = level_filter(level);
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        // The runtime logs every failed invocation a second time, without fields.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        .with_default(level.min(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_filter(targets);
    tracing_subscriber::registry().with(lines).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(error_type = "Panic", "{panic}")));
}

/// Lambda's levels; there is nothing that only FATAL would show. An unknown one must not silence the function.
fn level_filter(level: Option<&str>) -> LevelFilter {
    match level.unwrap_or_default().to_ascii_uppercase().as_str() {
        "TRACE" => LevelFilter::TRACE,
        "DEBUG" => LevelFilter::DEBUG,
        "WARN" => LevelFilter::WARN,
        "ERROR" | "FATAL" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// Writes a line of metrics. `tracing` can't nest objects. The line has a timestamp and a level, because without both Lambda would
/// take it for INFO, and drop it if only more severe lines are kept.
pub fn metrics(request_id: &str, line: Map<String, Value>) {
    let mut timestamp = String::new();
    // Into a string, so that it can't fail.
    _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let mut whole = Map::from_iter([
        ("timestamp".to_owned(), Value::from(timestamp)),
        ("level".to_owned(), Value::from(level_that_is_kept())),
    ]);
    whole.extend(line);
    whole.insert("request_id".to_owned(), Value::from(request_id));
    // A line that can't be written is no reason to fail an invocation that has done its work.
    _ = writeln!(io::stdout(), "{}", Value::Object(whole));
}

/// The level of a line of metrics: INFO, unless Lambda drops that.
fn level_that_is_kept() -> &'static str {
    match LevelFilter::current() {
        // The function's own filter takes ERROR and FATAL for the same, Lambda's does not.
        LevelFilter::OFF | LevelFilter::ERROR => "FATAL",
        LevelFilter::WARN => "WARN",
        _ => "INFO",
    }
}

/// The status tag couldn't be written, and the invocation goes on.
pub fn status_tag_failed(endpoint: &EndpointName, error: &Error) {
    tracing::warn!(%endpoint, error_type = error.error_type(), "the status tag could not be written: {error}");
}

/// News of an endpoint couldn't be put on the bus, and the invocation goes on.
pub fn news_failed(endpoint: &EndpointName, error: &Error) {
    tracing::warn!(%endpoint, error_type = error.error_type(), "an event could not be put: {error}");
}

/// An endpoint failed in a sweep, and the work queue asks for it again.
pub fn endpoint_failed(endpoint: &EndpointName, error: &Error) {
    tracing::warn!(%endpoint, error_type = error.error_type(), "{error}");
}

/// Work that AWS was too busy for couldn't be put off, and fails.
pub fn put_off_failed(error: &Error) {
    tracing::warn!(error_type = error.error_type(), "the work could not be put off: {error}");
}

/// A message has failed, and a copy of it is in the queue. It is dropped.
pub fn copy_let_go(request_id: &str, endpoint: &EndpointName) {
    tracing::info!(%endpoint, request_id, "the message is dropped: a copy that failed earlier is still in the queue");
}

/// A deployment's defaults that can't all hold.
pub fn default_gave_way(what: &str) {
    tracing::warn!("{what}; the nearest legal value is used instead");
}

/// The one line of an invocation that ended with an answer.
pub fn answered(request_id: &str, reply: &Reply, cost: Cost) {
    match reply {
        Reply::Endpoint(answer) => endpoint_answered(request_id, answer, cost),
        Reply::Fleet(answer) => fleet_answered(request_id, answer, cost),
        Reply::FleetStatus(status) => fleet_status_answered(request_id, status, cost),
        Reply::Savings(report) => savings_answered(request_id, report, cost),
        // Each message has a line of its own.
        Reply::Batch(_) => {}
        Reply::Stack(answer) => stack_answered(request_id, answer, cost),
    }
}

fn stack_answered(request_id: &str, answer: &StackAnswer, cost: Cost) {
    let outcome = "answered";
    let (request, status, reason) = (answer.request.as_str(), answer.verdict.status(), answer.verdict.reason());
    let (aws_calls, milliseconds) = (cost.aws_calls, cost.milliseconds());
    match &answer.verdict {
        Verdict::Success(_) => {
            tracing::info!(outcome, aws_calls, milliseconds, request_id, "{request} of the stack: {status}: {reason}");
        }
        Verdict::Failed(_) => {
            tracing::error!(outcome, aws_calls, milliseconds, request_id, "{request} of the stack: {status}: {reason}");
        }
    }
}

/// How far the removal of everything has come, where the stack is being deleted.
pub fn removing(left: Option<&[String]>, problem: Option<&Error>) {
    let endpoints = left.map(<[String]>::len);
    let names = left.map(|left| left.join(" "));
    let problem = problem.map(tracing::field::display);
    if endpoints == Some(0) {
        tracing::info!(endpoints, problem, "nothing that the function made is left");
    } else {
        tracing::info!(endpoints, names, problem, "removing what the function made");
    }
}

fn fleet_answered(request_id: &str, answer: &FleetAnswer, cost: Cost) {
    let counts: Vec<String> = answer.counts.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
    let counts = counts.join(", ");
    let (endpoints, queued) = (answer.endpoints, answer.queued);
    let after = answer.after.as_ref().map(tracing::field::display);
    let concerns = answer.concerns.join(", ");
    let (aws_calls, milliseconds) = (cost.aws_calls, cost.milliseconds());
    tracing::info!(
        outcome = "swept",
        endpoints,
        queued,
        concerns,
        after,
        aws_calls,
        milliseconds,
        request_id,
        "swept {endpoints} endpoints: {counts}"
    );
}

fn savings_answered(request_id: &str, report: &SavingsReport, cost: Cost) {
    let (endpoints, asynchronous) = (report.endpoints, report.rows.len());
    let after = report.after.as_ref().map(tracing::field::display);
    let (aws_calls, milliseconds) = (cost.aws_calls, cost.milliseconds());
    tracing::info!(
        outcome = "savings",
        endpoints,
        after,
        aws_calls,
        milliseconds,
        request_id,
        "savings of {asynchronous} asynchronous endpoints"
    );
}

fn fleet_status_answered(request_id: &str, status: &FleetStatus, cost: Cost) {
    let (endpoints, counts) = (status.endpoints, status.counts());
    let after = status.after.as_ref().map(tracing::field::display);
    let (aws_calls, milliseconds) = (cost.aws_calls, cost.milliseconds());
    tracing::info!(
        outcome = "status",
        endpoints,
        after,
        aws_calls,
        milliseconds,
        request_id,
        "looked at {endpoints} endpoints: {counts}"
    );
}

fn endpoint_answered(request_id: &str, answer: &Answer, cost: Cost) {
    let endpoint = answer.endpoint.as_ref().map(tracing::field::display);
    let outcome = answer.outcome.as_str();
    let changes: Vec<&str> = answer.outcome.plans().iter().flat_map(|plan| &plan.changes).map(change_code).collect();
    let changes = changes.join(" ");
    let findings = findings(&answer.outcome);
    let detail = detail(&answer.outcome);
    let (aws_calls, milliseconds) = (cost.aws_calls, cost.milliseconds());
    tracing::info!(endpoint, outcome, changes, findings, aws_calls, milliseconds, request_id, "{outcome}{detail}");
}

/// The codes of what was found, where somebody asked.
fn findings(outcome: &Outcome) -> Option<String> {
    let Outcome::Explained(explanation) = outcome else { return None };
    Some(explanation.codes().collect::<Vec<_>>().join(" "))
}

/// The one line of an invocation that failed.
pub fn failed(request_id: &str, endpoint: Option<&EndpointName>, error: &Error, cost: Cost) {
    let endpoint = endpoint.map(tracing::field::display);
    let (aws_calls, milliseconds) = (cost.aws_calls, cost.milliseconds());
    tracing::error!(endpoint, error_type = error.error_type(), aws_calls, milliseconds, request_id, "{error}");
}

/// What a person wants to read beside the outcome.
fn detail(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Skipped(reason) => format!(": {}", reason_code(*reason)),
        Outcome::NotAdvised(refusal, why) => format!(": {}: {why}", refusal.as_str()),
        Outcome::Invalid(problems) => {
            let problems: Vec<String> = problems
                .iter()
                .map(|found| match &found.value {
                    Some(value) => format!("{}={value:?} {}", found.tag, found.problem),
                    None => format!("{} {}", found.tag, found.problem),
                })
                .collect();
            format!(": {}", problems.join("; "))
        }
        Outcome::Conflict { conflicts, .. } => {
            let names: Vec<&str> = conflicts.iter().map(|conflict| conflict.foreign.name.as_str()).collect();
            format!(" with {}", names.join(", "))
        }
        Outcome::Queued(why) => format!(": {why}"),
        Outcome::Configured(_)
        | Outcome::Unchanged(_)
        | Outcome::Planned(_)
        | Outcome::Removed(_)
        | Outcome::Removing(_)
        | Outcome::Waking(_)
        | Outcome::Sleeping(_)
        | Outcome::Explained(_)
        | Outcome::Advised(_) => String::new(),
        Outcome::Status(states) => {
            let states: Vec<&str> = states.iter().map(|it| it.state.as_str()).collect();
            format!(": {}", states.join(", "))
        }
    }
}
