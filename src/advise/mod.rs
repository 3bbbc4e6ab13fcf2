//! Advice: what other settings would have done with the requests that CloudWatch remembers. Pure: values in, an
//! [`Advice`] out. The caller reads the metrics and writes the answer.
//!
//! ```text
//! History ─► a trace ─► the settings in force, simulated ─► as many hours as CloudWatch has?
//!                   └─► other settings, simulated ─► the rows that are worth showing
//! ```

mod candidates;
mod counted;
mod likeliest;
mod reconstruct;
mod replay;
mod seen;

use std::time::Duration;

use jiff::Timestamp;

use crate::reconcile::{Rules, Tags};
use crate::simulate::{Sampling, World};

use candidates::Candidate;
use likeliest::{Fit, Measured, likeliest, worlds};
use replay::Replay;

/// Fewer requests say nothing about the next ones.
const FEWEST_REQUESTS: usize = 20;

/// The share of minutes that may lack all their datapoints.
const MOST_GAPS: f64 = 0.05;

/// By how much the replay of the settings in force may differ from what CloudWatch has.
const MOST_DIFFERENCE: f64 = 0.15;

/// Better by less than this share of the hours, and by less than so many US$ a month, is not worth a change.
const LEAST_SHARE: f64 = 0.05;
const LEAST_USD: f64 = 5.0;
const HOURS_A_MONTH: f64 = 720.0;

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
    /// `HasBacklogWithoutCapacity`, `Maximum`: it is published also where nothing waits and nothing runs.
    pub without_capacity: Series,
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

impl History {
    fn signs_of_life(&self) -> [&Series; 4] {
        [&self.processed, &self.backlog, &self.without_capacity, &self.samples]
    }
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
    match considered(history, question) {
        Ok(report) => Advice::Advised(report),
        Err((refusal, why)) => Advice::Skipped(refusal, why),
    }
}

fn considered(history: &History, question: &Question<'_>) -> Result<Report, (Refusal, String)> {
    check_window(history)?;
    let readings = reconstruct::readings(history)?;
    let first_minute = readings.first_minute;
    let requests = readings.requests;
    if requests < FEWEST_REQUESTS {
        return Err((Refusal::FewRequests, format!("{requests} requests; advice needs at least {FEWEST_REQUESTS}")));
    }
    let no_replay = |problem: String| (Refusal::NoData, problem);
    let in_force = candidates::in_force(question, readings.start).map_err(no_replay)?;
    let measured = Measured::of(history, first_minute);
    let cloudwatch = measured.instance_hours();
    let Fit { world, now, others: worlds } =
        likeliest(&in_force, &readings, &worlds(history, question, &readings), &measured).map_err(no_replay)?;
    let trace = readings.of(&world);
    let model = compared(&now, cloudwatch)?;
    let factor = if model.instance_hours > 0.0 && cloudwatch > 0.0 { cloudwatch / model.instance_hours } else { 1.0 };
    let now = now.corrected(factor, question.price);
    // What is promised is the worst of what fits the metrics about as well.
    let uneven = reconstruct::uneven(trace);
    let at_worst = |candidate: &Candidate| -> Result<Replay, (Refusal, String)> {
        let mut replay = Replay::of(candidate, trace, &world)
            .map_err(no_replay)?
            .or_worse(Replay::of(candidate, &uneven, &world).map_err(no_replay)?);
        for other in &worlds {
            replay = replay.or_worse(Replay::of(candidate, readings.of(other), other).map_err(no_replay)?);
        }
        Ok(replay.corrected(factor, question.price))
    };
    let now_at_worst = at_worst(&in_force)?;
    let others = candidates::others(question, trace).iter().map(at_worst).collect::<Result<Vec<_>, _>>()?;
    let days = trace.until.as_secs_f64() / 86_400.0;
    let (rows, reasons) = chosen(&now, &now_at_worst, &others, trace.until, question.price);
    let recommended = rows.iter().find(|row| row.recommended);
    let tags = recommended.map_or_else(Vec::new, |row| {
        row.settings.iter().map(|(key, value)| (format!("{}{key}", question.rules.tag_prefix), value.clone())).collect()
    });
    let assumptions = assumptions(history, question, &world, first_minute);
    let observed = reconstruct::course(history, first_minute);
    Ok(Report { days, requests, model, rows, observed, tags, assumptions, reasons })
}

fn check_window(history: &History) -> Result<(), (Refusal, String)> {
    let is_there = |series: &Series| series.iter().any(|value| value.is_some_and(f64::is_finite));
    if history.minutes == 0 || !history.signs_of_life().into_iter().any(is_there) {
        return Err((Refusal::NoData, format!("CloudWatch has no datapoint in {} minutes", history.minutes)));
    }
    if history.configured > history.created && history.configured > history.start {
        return Err((
            Refusal::Updated,
            format!(
                "it was updated at {:.0}, within these days: the days before say little about it",
                history.configured
            ),
        ));
    }
    let (gaps, minutes) = reconstruct::gaps(history);
    if reconstruct::number(gaps) > MOST_GAPS * reconstruct::number(minutes) {
        return Err((Refusal::Gaps, format!("{gaps} of {minutes} minutes have neither a backlog nor an instance")));
    }
    Ok(())
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// CloudWatch counts instances that run, so the replay's are counted so too.
fn compared(now: &Replay, cloudwatch: f64) -> Result<Model, (Refusal, String)> {
    let instance_hours = now.reported_hours();
    // Of next to nothing, a little is much.
    let difference = (instance_hours - cloudwatch) / cloudwatch.max(1.0);
    if difference.abs() > MOST_DIFFERENCE {
        return Err((
            Refusal::ModelDiffers,
            format!(
                "the settings in force, replayed, give {instance_hours:.1} instance-hours and CloudWatch has \
                 {cloudwatch:.1}: whatever made the difference, other settings would be misjudged too"
            ),
        ));
    }
    Ok(Model { instance_hours, cloudwatch, difference })
}

/// The row as now and the others that are worth showing, one of which may be recommended; and why.
/// What the others would do at worst is compared with what is at worst now: whoever waits longer only in a world that may not
/// be theirs would wait longer with the settings in force, too.
fn chosen(
    now: &Replay,
    now_at_worst: &Replay,
    others: &[Replay],
    span: Duration,
    price: Option<f64>,
) -> (Vec<Row>, Vec<String>) {
    let months = span.as_secs_f64() / 3600.0 / HOURS_A_MONTH;
    let saves = |other: &Replay| now.instance_hours - other.instance_hours;
    let is_worth_it = |other: &Replay| {
        let usd = price.map_or(0.0, |price| saves(other) * price / months);
        saves(other) > LEAST_SHARE * now.instance_hours || usd > LEAST_USD
    };
    let fewest_hours = |one: &&Replay, other: &&Replay| one.instance_hours.total_cmp(&other.instance_hours);
    let least_waiting = |one: &&Replay, other: &&Replay| {
        one.waited.cmp(&other.waited).then(one.wait_p99.cmp(&other.wait_p99)).then_with(|| fewest_hours(one, other))
    };
    let sound = || others.iter().filter(|other| other.stranded <= now_at_worst.stranded);
    let balanced =
        sound().filter(|other| other.hurts_nobody_of(now_at_worst) && is_worth_it(other)).min_by(fewest_hours);
    let is_other = |other: &&Replay| balanced.is_none_or(|balanced| balanced.settings != other.settings);
    let thriftier = sound().filter(is_other).filter(|other| is_worth_it(other)).min_by(fewest_hours);
    let thriftier = thriftier.filter(|it| balanced.is_none_or(|balanced| it.instance_hours < balanced.instance_hours));
    let quicker = sound().filter(|other| other.is_quicker_than(now)).filter(is_other).min_by(least_waiting);
    let mut reasons = Vec::new();
    match balanced {
        Some(it) => reasons.push(format!(
            "{:.1} instance-hours fewer than now, and nobody waits longer or is cut off more often",
            saves(it)
        )),
        None => reasons.push(
            "leave it: nothing is better by more than 5 % or US$5 a month without making somebody wait longer"
                .to_owned(),
        ),
    }
    let mut rows = Vec::new();
    let shown = [(Kind::Thriftier, thriftier), (Kind::Balanced, balanced), (Kind::Quicker, quicker)];
    for (kind, replay) in shown {
        rows.extend(replay.map(|replay| replay.row(kind, kind == Kind::Balanced)));
    }
    rows.insert(0, now.row(Kind::Now, false));
    (rows, reasons)
}

fn assumptions(history: &History, question: &Question<'_>, world: &World, first_minute: usize) -> Vec<String> {
    let starting = crate::simulate::in_words(world.starting);
    let mut all = vec![match history.starts.len() {
        0 => format!("an instance starts in {starting}: none of this endpoint's own starts is known"),
        starts => format!("an instance starts in {starting}, the median of {starts} starts of this endpoint"),
    }];
    all.push(match question.concurrency {
        Some(concurrency) => format!("an instance takes {concurrency} requests at once"),
        None => "an instance takes one request at a time, as MaxConcurrentInvocationsPerInstance isn't set".to_owned(),
    });
    all.push(
        "requests of the same minute took equally long and were done at even distances: the grain is a minute"
            .to_owned(),
    );
    let sampling = match world.sampling {
        Sampling::Once => "once a minute",
        Sampling::Continuous => "all the time",
    };
    let counts = if world.backlog_counts_in_flight { "counts" } else { "doesn't count" };
    all.push(format!(
        "SageMaker looks at the queue {sampling}, the backlog {counts} what is in flight, and alarms see a minute {} after its \
         end: of what AWS leaves open, this fits the metrics best",
        crate::simulate::in_words(world.metric_delay)
    ));
    all.push(
        "hours count from the order of an instance on, corrected by what the replay of the settings in force is off; \
         CloudWatch counts instances that run"
            .to_owned(),
    );
    all.push(
        "a container goes on working for 30 s after SIGTERM; requests that aren't done by then are cut off".to_owned(),
    );
    all.push(format!(
        "warm hours are tried where requests came in that hour on four of five days, or of five working days, by the clock of {}",
        candidates::zone(question).iana_name().unwrap_or("UTC")
    ));
    if first_minute > 0 {
        all.push(format!(
            "only the last {:.1} days are replayed: before that there were more requests than fit",
            reconstruct::number(history.minutes - first_minute) / 1440.0
        ));
    }
    all
}

#[cfg(test)]
mod tests;
