//! Advice: what other settings would have done with the requests that CloudWatch remembers. Pure: values in, an
//! [`Advice`] out; whoever calls reads the metrics and writes the answer.
//!
//! ```text
//! History ─► a trace ─► the settings in force, simulated ─► as many hours as CloudWatch has?
//!                   └─► other settings, simulated ─► the rows that are worth showing
//! ```

use std::time::Duration;

use jiff::Timestamp;

use crate::reconcile::{Rules, Tags};

/// A value for each minute from [`History::start`] on; `None` where CloudWatch has no datapoint.
pub type Series = Vec<Option<f64>>;

/// What CloudWatch, SageMaker and Application Auto Scaling remember of one variant. A series that is shorter than
/// [`History::minutes`] has no datapoints at its end, and one that is longer is cut.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The beginning of the first minute.
    pub start: Timestamp,
    pub minutes: usize,
    /// `InvocationsProcessed`, `Sum`.
    pub processed: Series,
    /// `TotalProcessingTime`, `Sum`, in milliseconds: from the arrival of a request to its end, so the backlog is
    /// included.
    pub processing_time: Series,
    /// `TimeInBacklog`, `Sum`, in milliseconds.
    pub time_in_backlog: Series,
    /// `ApproximateBacklogSize`, `Maximum`.
    pub backlog: Series,
    /// `CPUUtilization`, `SampleCount`.
    pub samples: Series,
    /// `MetricPublishFrequencyInSeconds` of the endpoint, 60 where it says nothing.
    pub publish_frequency: i32,
    /// How long each past start of instances took, from its order to its end (Application Auto Scaling's activities).
    pub starts: Vec<Duration>,
    /// `CreationTime` of the endpoint and of the configuration that it has now.
    pub created: Timestamp,
    pub configured: Timestamp,
}

/// What is asked about, and what is known of it beside its metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Question<'a> {
    pub rules: &'a Rules,
    /// The endpoint's own; they needn't be any of ours.
    pub tags: &'a Tags,
    /// Where none of our tags is there: how many instances run all the time.
    pub fixed_instances: usize,
    /// `MaxConcurrentInvocationsPerInstance`, where the configuration says it.
    pub concurrency: Option<usize>,
    /// US$ for an instance-hour, where it is known.
    pub price: Option<f64>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Advice {
    Advised(Report),
    /// Why there is none, as a fixed code, and in a sentence with the numbers.
    Skipped(Refusal, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoData,
    FewRequests,
    Gaps,
    Updated,
    ModelDiffers,
}

impl Refusal {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoData => "no-data",
            Self::FewRequests => "few-requests",
            Self::Gaps => "gaps",
            Self::Updated => "updated",
            Self::ModelDiffers => "model-differs",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub days: f64,
    pub requests: usize,
    pub model: Model,
    /// The one as now first, then three at the most: thriftier, balanced, quicker.
    pub rows: Vec<Row>,
    /// What CloudWatch has, for the picture.
    pub observed: Course,
    /// Those to set, with their whole keys; empty where the advice is to leave it.
    pub tags: Vec<(String, String)>,
    pub assumptions: Vec<String>,
    /// Why what is recommended is, or why nothing is.
    pub reasons: Vec<String>,
}

/// The settings in force, simulated, beside what CloudWatch has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    pub instance_hours: f64,
    pub cloudwatch: f64,
    /// Of CloudWatch's hours, -0.04 for four percent fewer.
    pub difference: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Now,
    Thriftier,
    Balanced,
    Quicker,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub kind: Kind,
    /// The tags, without their prefix, that make the difference; of the row as now, those that are in force.
    pub settings: Vec<(String, String)>,
    pub recommended: bool,
    /// From the order of an instance on.
    pub instance_hours: f64,
    /// Of the hours, at the price.
    pub usd: Option<f64>,
    /// Alarm-metrics of these settings, each of which costs the same a month.
    pub alarm_metrics: usize,
    /// Requests that waited for more than a minute, or were never taken.
    pub waited: usize,
    pub wait_p50: Duration,
    pub wait_p99: Duration,
    pub wait_max: Duration,
    /// Requests whose instance was taken away under them.
    pub cut_off: usize,
    pub wakes: usize,
    pub course: Course,
}

/// What a picture shows: a value for each ten minutes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// Instances on average; of a simulation, also those that start.
    pub instances: Vec<f32>,
    /// The largest number of requests that waited or were in flight.
    pub backlog: Vec<f32>,
}

/// How long each value of a [`Course`] stands for.
pub const COURSE_STEP: Duration = Duration::from_mins(10);

/// Advice about one variant.
#[must_use]
pub fn advise(history: &History, question: &Question<'_>) -> Advice {
    _ = question;
    Advice::Skipped(Refusal::NoData, format!("{} minutes hold no datapoint", history.minutes))
}
