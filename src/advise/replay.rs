//! One scaling, run through the requests of a history.

use std::time::Duration;

use crate::reconcile::{AlarmInput, Scaling, ScalingPolicy, Statistic};
use crate::simulate::{Metric, Minute, Standing, Summary, Tally, Trace, Witness, World, simulate};

use super::candidates::Candidate;
use super::reconstruct::{as_drawn, number};
use super::{COURSE_STEP, Course, Kind, Row};

/// Who waits for longer than this waited.
const PATIENCE: Duration = Duration::from_mins(1);

/// What came of it.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    pub(super) settings: Vec<(String, String)>,
    pub(super) instance_hours: f64,
    pub(super) waited: usize,
    pub(super) wait_p99: Duration,
    pub(super) mean_wait: Duration,
    pub(super) stranded: usize,
    /// Instances that run, at the end of each minute.
    pub(super) running: Vec<u16>,
    cut_off: usize,
    wait_p50: Duration,
    wait_max: Duration,
    wakes: usize,
    usd: Option<f64>,
    alarm_metrics: usize,
    course: Course,
}

impl Replay {
    /// # Errors
    /// What of the scaling the model doesn't know.
    pub(super) fn of(candidate: &Candidate, trace: &Trace, world: &World) -> Result<Self, String> {
        let mut seen = Seen::default();
        let outcome = simulate(&candidate.scaling, trace, world, &mut seen)?;
        let summary = Summary::of(&outcome, std::mem::take(&mut seen.tally));
        let running = std::mem::take(&mut seen.running);
        let wait = |percent| summary.percentile(percent).unwrap_or_default();
        Ok(Self {
            settings: candidate.settings.clone(),
            instance_hours: summary.instance_hours,
            waited: summary.waited_over(PATIENCE),
            wait_p50: wait(50),
            wait_p99: wait(99),
            wait_max: wait(100),
            mean_wait: summary.mean_wait(),
            stranded: summary.stranded(),
            running,
            cut_off: summary.killed,
            wakes: summary.wakes,
            usd: None,
            alarm_metrics: alarm_metrics(&candidate.scaling),
            course: seen.course(trace.until),
        })
    }

    /// Of two replays of the same settings what is worse in each, as nobody knows which of them comes true.
    pub(super) fn or_worse(self, other: Self) -> Self {
        let course = if other.instance_hours > self.instance_hours { other.course } else { self.course };
        Self {
            instance_hours: self.instance_hours.max(other.instance_hours),
            waited: self.waited.max(other.waited),
            wait_p50: self.wait_p50.max(other.wait_p50),
            wait_p99: self.wait_p99.max(other.wait_p99),
            wait_max: self.wait_max.max(other.wait_max),
            stranded: self.stranded.max(other.stranded),
            cut_off: self.cut_off.max(other.cut_off),
            wakes: self.wakes.max(other.wakes),
            course,
            ..self
        }
    }

    /// With as many hours more or less as the replay of the settings in force is off, and with its price, where that is
    /// known.
    pub(super) fn corrected(self, factor: f64, price: Option<f64>) -> Self {
        let instance_hours = self.instance_hours * factor;
        Self { instance_hours, usd: price.map(|price| instance_hours * price), ..self }
    }

    /// Of instances that run, counted as CloudWatch counts them: at the end of each minute.
    pub(super) fn reported_hours(&self) -> f64 {
        self.running.iter().copied().map(f64::from).sum::<f64>() / 60.0
    }

    /// As few wait, not for longer, and as few are cut off.
    pub(super) fn hurts_nobody_of(&self, now: &Self) -> bool {
        self.waited <= now.waited && self.wait_p99 <= now.wait_p99 && self.cut_off <= now.cut_off
    }

    pub(super) fn is_quicker_than(&self, now: &Self) -> bool {
        self.waited < now.waited && self.wait_p99 <= now.wait_p99
    }

    pub(super) fn row(&self, kind: Kind, recommended: bool) -> Row {
        Row {
            kind,
            settings: self.settings.clone(),
            recommended,
            instance_hours: self.instance_hours,
            usd: self.usd,
            alarm_metrics: self.alarm_metrics,
            waited: self.waited,
            wait_p50: self.wait_p50,
            wait_p99: self.wait_p99,
            wait_max: self.wait_max,
            cut_off: self.cut_off,
            wakes: self.wakes,
            course: self.course.clone(),
        }
    }
}

/// Each metric of an alarm costs the same, and target tracking has two alarms of one.
fn alarm_metrics(scaling: &Scaling) -> usize {
    let ours = scaling.alarms.values().map(|alarm| match &alarm.input {
        AlarmInput::Metric(_) => 1,
        AlarmInput::Expression(math) => math.metrics.len(),
    });
    let of_aws = scaling.policies.values().map(|policy| match policy {
        ScalingPolicy::TargetTracking(_) => 2,
        ScalingPolicy::Step(_) => 0,
    });
    ours.sum::<usize>() + of_aws.sum::<usize>()
}

#[derive(Debug, Default)]
struct Seen {
    tally: Tally,
    running: Vec<u16>,
    /// Instance-seconds and the most requests, of each step.
    steps: Vec<(f64, usize)>,
}

impl Witness for Seen {
    fn stood(&mut self, standing: &Standing, until: Duration) {
        self.tally.stood(standing, until);
        let step = COURSE_STEP.as_secs();
        let (first, last) = (standing.since.as_secs() / step, until.as_secs() / step);
        for place in first..=last {
            let place_begins = Duration::from_secs(place * step);
            let from = standing.since.max(place_begins);
            let to = until.min(place_begins + COURSE_STEP);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if self.steps.len() <= place {
                self.steps.resize(place + 1, (0.0, 0));
            }
            let (area, backlog) = &mut self.steps[place];
            *area += number(standing.wanted) * to.saturating_sub(from).as_secs_f64();
            *backlog = (*backlog).max(standing.waiting + standing.in_flight);
        }
    }

    fn minute(&mut self, minute: &Minute) {
        let reports = minute.datapoint(Metric::CpuUtilization, Statistic::SampleCount).unwrap_or_default();
        self.running.push(as_counted(reports));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and `as` stops at its bounds")]
fn as_counted(reports: f64) -> u16 {
    reports as u16
}

impl Seen {
    fn course(self, until: Duration) -> Course {
        let steps = usize::try_from(until.as_secs().div_ceil(COURSE_STEP.as_secs())).unwrap_or(0);
        let step = COURSE_STEP.as_secs_f64();
        let shown = || self.steps.iter().take(steps);
        Course {
            instances: shown().map(|(area, _)| as_drawn(area / step)).collect(),
            backlog: shown().map(|(_, backlog)| as_drawn(number(*backlog))).collect(),
        }
    }
}
