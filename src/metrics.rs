//! Metrics in CloudWatch's embedded metric format: lines of JSON on standard output, of which CloudWatch Logs makes
//! metrics
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//! The names are a contract with the template's dashboard and alarms. No endpoint's name is ever a dimension: each value
//! of a dimension is a metric that is billed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Outcome, Reply, change_code};
use crate::reconcile::{Change, Decision, Endpoint, Pause, Problem, Wish};

pub const NAMESPACE: &str = "ScaleToZero";

/// By outcome.
pub const INVOCATIONS: &str = "Invocations";
pub const OUTCOME: &str = "Outcome";
/// The outcome of an invocation that failed, beside those of the answers.
pub const FAILED: &str = "failed";

/// The dimension of changes that have been made, by their kind.
pub const CHANGES: &str = "Changes";
pub const CHANGE: &str = "Change";

pub const AWS_CALLS: &str = "AwsCalls";
pub const THROTTLED_CALLS: &str = "ThrottledCalls";
pub const DURATION: &str = "Duration";

/// For each message of the work queue: 1 if it failed, else 0.
pub const FAILED_WORK: &str = "FailedWork";

/// Of a sweep, or the plan of one.
pub const MANAGED_ENDPOINTS: &str = "ManagedEndpoints";
pub const ASLEEP_ENDPOINTS: &str = "AsleepEndpoints";
pub const INVALID_ENDPOINTS: &str = "InvalidEndpoints";
pub const CONFLICTING_ENDPOINTS: &str = "ConflictingEndpoints";
pub const PAUSED_ENDPOINTS: &str = "PausedEndpoints";

const COUNT: &str = "Count";
const MILLISECONDS: &str = "Milliseconds";

/// How the endpoints that a sweep has looked at are doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Those that the function is asked to scale and could, whether their tags let it or not.
    pub managed: u64,
    /// Managed, and no instance runs or is asked for.
    pub asleep: u64,
    pub invalid: u64,
    pub conflicting: u64,
    pub paused: u64,
}

impl Census {
    /// One endpoint that has been looked at, and what is planned for it.
    #[must_use]
    pub fn of(endpoint: Option<&Endpoint>, decision: &Decision, planned: &Answer) -> Self {
        match decision {
            Decision::Skip(_) | Decision::Remove(..) => Self::default(),
            Decision::Configure(..) | Decision::Invalid(_) | Decision::Conflict(..) => Self {
                managed: 1,
                asleep: endpoint.is_some_and(Endpoint::is_asleep).into(),
                invalid: matches!(planned.outcome, Outcome::Invalid(_)).into(),
                conflicting: matches!(planned.outcome, Outcome::Conflict { .. }).into(),
                paused: (planned.pause != Pause::No).into(),
            },
        }
    }

    /// One endpoint that the function scales and that is being updated, as it is by every scaling action. It is counted by its
    /// tags alone, so that the numbers don't waver.
    #[must_use]
    pub fn of_updating(wish: &Result<Wish, Vec<Problem>>) -> Self {
        match wish {
            Ok(Wish::None | Wish::OptOut) => Self::default(),
            Ok(Wish::Managed(settings)) => {
                Self { managed: 1, paused: (settings.pause != Pause::No).into(), ..Self::default() }
            }
            Err(_) => Self { managed: 1, invalid: 1, ..Self::default() },
        }
    }

    pub fn add(&mut self, other: Self) {
        self.managed += other.managed;
        self.asleep += other.asleep;
        self.invalid += other.invalid;
        self.conflicting += other.conflicting;
        self.paused += other.paused;
    }
}

/// What is counted while an invocation goes on. The counts hold even if the invocation fails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The changes that have been made, by their code.
    changes: BTreeMap<&'static str, u64>,
    census: Option<Census>,
    /// For a message of the work queue: whether it failed.
    has_failed_work: Option<bool>,
}

impl Tally {
    pub fn made(&mut self, change: &Change) {
        *self.changes.entry(change_code(change)).or_default() += 1;
    }

    pub fn took_from_queue(&mut self, has_failed: bool) {
        self.has_failed_work = Some(has_failed);
    }

    pub fn took(&mut self, census: Census) {
        self.census = Some(census);
    }
}

/// What one invocation cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Requests sent, retries included.
    pub aws_calls: u64,
    /// Those of them that AWS answered by asking to slow down.
    pub throttled_calls: u64,
    pub took: Duration,
}

impl Cost {
    #[must_use]
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The value of the dimension [`OUTCOME`]; `None` for a batch, each of whose messages counts by itself.
#[must_use]
pub fn outcome<E>(reply: &Result<Reply, E>) -> Option<&'static str> {
    match reply {
        Ok(reply) => reply.outcome(),
        Err(_) => Some(FAILED),
    }
}

/// The lines of one invocation that ended at `now`. There is one, unless changes of several kinds have been made: a line
/// holds one value of a dimension.
#[must_use]
pub fn lines(outcome: &str, cost: Cost, tally: &Tally, now: SystemTime) -> Vec<Map<String, Value>> {
    let mut first = Line::default();
    first.text(OUTCOME, outcome);
    first.metrics(&[OUTCOME], &[(INVOCATIONS, COUNT, 1)]);
    let mut plain = vec![
        (AWS_CALLS, COUNT, cost.aws_calls),
        (THROTTLED_CALLS, COUNT, cost.throttled_calls),
        (DURATION, MILLISECONDS, cost.milliseconds()),
    ];
    plain.extend(tally.has_failed_work.map(|has_failed| (FAILED_WORK, COUNT, has_failed.into())));
    if let Some(census) = tally.census {
        plain.extend([
            (MANAGED_ENDPOINTS, COUNT, census.managed),
            (ASLEEP_ENDPOINTS, COUNT, census.asleep),
            (INVALID_ENDPOINTS, COUNT, census.invalid),
            (CONFLICTING_ENDPOINTS, COUNT, census.conflicting),
            (PAUSED_ENDPOINTS, COUNT, census.paused),
        ]);
    }
    first.metrics(&[], &plain);
    let mut lines = vec![first];
    for (index, (change, count)) in tally.changes.iter().enumerate() {
        if index > 0 {
            lines.push(Line::default());
        }
        if let Some(line) = lines.last_mut() {
            line.text(CHANGE, change);
            line.metrics(&[CHANGE], &[(CHANGES, COUNT, *count)]);
        }
    }
    lines.into_iter().map(|line| line.finish(now)).collect()
}

/// A line in the making.
#[derive(Debug, Default)]
struct Line {
    directives: Vec<Value>,
    /// What the directives speak of. It has to stand at the root of the line.
    members: Map<String, Value>,
}

impl Line {
    fn text(&mut self, name: &str, value: &str) {
        self.members.insert(name.to_owned(), json!(value));
    }

    /// Metrics, each with its name, unit and value, under one set of dimensions.
    fn metrics(&mut self, dimensions: &[&str], metrics: &[(&str, &str, u64)]) {
        let definitions: Vec<Value> =
            metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        self.directives.push(json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": definitions }));
        self.members.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    }

    fn finish(self, now: SystemTime) -> Map<String, Value> {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let metadata = json!({ "Timestamp": milliseconds, "CloudWatchMetrics": self.directives });
        let mut line = Map::from_iter([("_aws".to_owned(), metadata)]);
        line.extend(self.members);
        line
    }
}
