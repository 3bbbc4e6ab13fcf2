//! Advice made of the metrics of a run that is known: how near it comes to what was, and whether what it promises comes true
//! on the requests that there really were.

use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use sagemaker_scale_to_zero::advise::{Advice, History, Question, Report, Row, advise};
use sagemaker_scale_to_zero::reconcile::{Rules, Statistic, Tags};
use sagemaker_scale_to_zero::simulate::{
    AtZero, CpuSamples, MONDAY, Metric, Minute, Request, Sampling, Shape, Standing, Summary, Tally, Trace, Witness,
    World, simulate,
};

use super::drawn::all_open_questions;
use super::{DAY, MINUTE, is_full, parsed, planned_in};

/// What CloudWatch would have of a run, and what came of it.
#[derive(Default)]
struct Recorded {
    tally: Tally,
    minutes: Vec<Minute>,
}

impl Witness for Recorded {
    fn stood(&mut self, standing: &Standing, until: Duration) {
        self.tally.stood(standing, until);
    }

    fn minute(&mut self, minute: &Minute) {
        self.minutes.push(*minute);
    }
}

/// Requests, the tags in force, and what AWS really does.
struct Life {
    name: String,
    trace: Trace,
    tags: &'static str,
    world: World,
}

const IN_FORCE: [&str; 6] = [
    "",
    "idle-timeout=30m",
    "idle-timeout=none",
    "idle-timeout=2m, max-capacity=2",
    "min-capacity=1, idle-timeout=5m",
    "wake-instances=2, backlog-per-instance=2",
];

/// A week, or of the shapes with thousands of requests three days.
fn begun(shape: Shape, week: u32) -> Trace {
    let mut trace = shape.week(week);
    if trace.requests.len() > 3000 {
        trace.until = DAY * 3;
        trace.requests.retain(|request| request.arrives < trace.until);
    }
    trace
}

/// Crowds and single requests, short and long, at random.
fn random_trace(random: &mut Rng) -> Trace {
    let until = DAY * 7;
    let (mut arrives, mut requests) = (Duration::ZERO, Vec::new());
    let apart = random.u64(120..7200);
    let longest = random.u64(5..600);
    let crowds = random.u8(0..4);
    while arrives + Duration::from_hours(8) < until {
        for _ in 0..if random.u8(0..4) < crowds { random.usize(1..12) } else { 1 } {
            requests.push(Request { arrives, work: Duration::from_secs(random.u64(2..=longest)) });
        }
        arrives += Duration::from_secs(random.u64(1..2 * apart));
    }
    Trace { start: MONDAY, until, requests }
}

/// Whatever AWS leaves open, but that the reports of instances count them: nothing is made of others.
fn random_world(random: &mut Rng, questions: &[World]) -> World {
    let pick = |random: &mut Rng, seconds: &[u64]| Duration::from_secs(seconds[random.usize(0..seconds.len())]);
    World {
        starting: pick(random, &[180, 420, 600, 900]),
        metric_delay: pick(random, &[60, 90, 120]),
        stopping: pick(random, &[0, 30, 90]),
        time_to_live: World::default().time_to_live,
        ..questions[random.usize(0..questions.len())]
    }
}

/// Each shape with some settings, and random requests, where AWS does as it documents but for what each fleet can't know; or
/// where it does whatever it may.
#[derive(Clone, Copy, PartialEq)]
enum Worlds {
    Likely,
    Any,
}

fn likely() -> [World; 3] {
    let documented = World::default();
    [
        documented,
        World { sampling: Sampling::Continuous, ..documented },
        World { at_zero: AtZero::WithoutPerInstance, starting: Duration::from_mins(10), ..documented },
    ]
}

fn lives(worlds: Worlds) -> Vec<Life> {
    let counts = [CpuSamples::OnePerInstance, CpuSamples::SixPerInstance];
    let mut questions = all_open_questions();
    questions.retain(|world| counts.contains(&world.cpu_samples));
    let mut random = Rng::with_seed(20_261_125);
    let random = &mut random;
    let likely = likely();
    let (of_shapes, of_random) = if is_full() { (11, 19) } else { (2, 3) };
    let mut all = Vec::new();
    for number in 0..of_shapes + of_random {
        let world = match worlds {
            Worlds::Likely => likely[number % likely.len()],
            Worlds::Any => random_world(random, &questions),
        };
        let tags = IN_FORCE[number % IN_FORCE.len()];
        let (name, trace) = if number < of_shapes {
            let shape = Shape::ALL[number * 5 % Shape::ALL.len()];
            (shape.name().to_owned(), begun(shape, 0))
        } else {
            (format!("random {number}"), random_trace(random))
        };
        all.push(Life { name, trace, tags, world });
    }
    all
}

impl Life {
    /// Its history with these tags in force, and what really came of it.
    fn lived(&self) -> (History, Summary) {
        let mut recorded = Recorded::default();
        let scaling = planned_in(&parsed(self.tags), &self.world);
        let outcome = simulate(&scaling, &self.trace, &self.world, &mut recorded).unwrap();
        let summary = Summary::of(&outcome, recorded.tally);
        let series = |metric, statistic| recorded.minutes.iter().map(|it| it.datapoint(metric, statistic)).collect();
        let history = History {
            start: self.trace.start,
            minutes: recorded.minutes.len(),
            processed: series(Metric::InvocationsProcessed, Statistic::Sum),
            processing_time: series(Metric::TotalProcessingTime, Statistic::Sum),
            time_in_backlog: series(Metric::TimeInBacklog, Statistic::Sum),
            backlog: series(Metric::BacklogSize, Statistic::Maximum),
            without_capacity: series(Metric::HasBacklogWithoutCapacity, Statistic::Maximum),
            samples: series(Metric::CpuUtilization, Statistic::SampleCount),
            publish_frequency: if self.world.cpu_samples == CpuSamples::SixPerInstance { 10 } else { 60 },
            starts: vec![self.world.starting; 3],
            created: Timestamp::UNIX_EPOCH,
            configured: Timestamp::UNIX_EPOCH,
        };
        (history, summary)
    }

    fn advice(&self, history: &History) -> Result<Report, String> {
        let (rules, tags) = (Rules::default(), in_words(self.tags, &[]));
        let question = Question { rules: &rules, tags: &tags, fixed_instances: 1, concurrency: None, price: None };
        match advise(history, &question) {
            Advice::Advised(report) => Ok(report),
            Advice::Skipped(refusal, why) => Err(format!("{refusal:?}: {why}")),
        }
    }

    /// What would really have come of a row's settings.
    fn under(&self, row: &Row) -> Summary {
        let changes: Vec<String> = row.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let is_kept = |tag: &&str| !row.settings.iter().any(|(key, _)| tag.trim().starts_with(&format!("{key}=")));
        let kept: Vec<&str> = self.tags.split(',').filter(is_kept).collect();
        let settings = parsed(&[kept.join(","), changes.join(",")].join(","));
        let mut tally = Tally::default();
        let outcome = simulate(&planned_in(&settings, &self.world), &self.trace, &self.world, &mut tally).unwrap();
        Summary::of(&outcome, tally)
    }
}

fn in_words(tags: &str, more: &[(String, String)]) -> Tags {
    let pairs = tags.split(',').filter_map(|tag| tag.trim().split_once('='));
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).chain(more.iter().cloned());
    let on = ("enabled".to_owned(), "true".to_owned());
    [on].into_iter().chain(pairs).map(|(key, value)| (format!("scale-to-zero:{key}"), value)).collect()
}

/// How often what was made of the metrics is near to what was, and how often what was promised came true.
#[derive(Debug, Default)]
struct Outcome {
    lives: usize,
    /// Hours within 5 %, and the median of the waits within a minute.
    near: usize,
    promises: usize,
    kept: usize,
    recommended: usize,
    recommended_kept: usize,
}

impl Outcome {
    fn assert_kept(&self) {
        let Self { promises, kept, recommended, recommended_kept, .. } = self;
        assert!(kept * 10 >= promises * 9, "{kept} of {promises}");
        assert!(recommended_kept * 10 >= recommended * 9, "{recommended_kept} of {recommended}");
    }
}

#[expect(clippy::print_stdout, reason = "a failed claim doesn't say of which lives it is")]
fn outcome(lives: &[Life]) -> Outcome {
    let mut all = Outcome { lives: lives.len(), ..Outcome::default() };
    for life in lives {
        let (history, truth) = life.lived();
        let done: f64 = history.processed.iter().flatten().sum();
        let report = match life.advice(&history) {
            Ok(report) => report,
            Err(why) => {
                println!("{} with {} under {:?} is refused: {why}", life.name, life.tags, life.world);
                continue;
            }
        };
        assert_eq!(report.requests.to_string(), done.to_string(), "{}", life.name);
        let p50_off = report.rows[0].wait_p50.abs_diff(truth.percentile(50).unwrap());
        let is_near = report.model.difference.abs() <= 0.05 && p50_off <= MINUTE;
        all.near += usize::from(is_near);
        if !is_near {
            let off = (report.model.difference, p50_off);
            println!("{} with {} under {:?} is off by {off:?}", life.name, life.tags, life.world);
        }
        for row in &report.rows[1..] {
            let real = life.under(row);
            let is_kept = real.instance_hours <= row.instance_hours * 1.05 + 0.5
                && real.waited_over(MINUTE) <= row.waited + row.waited / 10 + 3
                && real.stranded() == 0;
            all.promises += 1;
            all.kept += usize::from(is_kept);
            all.recommended += usize::from(row.recommended);
            all.recommended_kept += usize::from(row.recommended && is_kept);
            if !is_kept {
                let promised = (row.instance_hours, row.waited);
                let came = (real.instance_hours, real.waited_over(MINUTE));
                println!("{} with {:?}: promised {promised:?}, came {came:?}", life.name, row.settings);
            }
        }
    }
    println!("{all:?}");
    all
}

/// In all cases the number of requests is exact. What a minute's sums don't tell is how much the requests of that minute
/// differed: one that takes long keeps instances that the average doesn't.
#[test]
fn what_is_made_of_the_metrics_is_what_was_and_what_is_promised_comes_true() {
    let of_likely = outcome(&lives(Worlds::Likely));
    let Outcome { lives, near, .. } = of_likely;
    assert!(near * 10 >= lives * 9, "{near} of {lives}");
    of_likely.assert_kept();
}

/// Requests that were cut off leave no trace in CloudWatch, and there are more of them.
#[test]
fn whatever_aws_does_most_of_it_is_what_was() {
    let of_any = outcome(&lives(Worlds::Any));
    let Outcome { lives, near, .. } = of_any;
    assert!(near * 10 >= lives * 8, "{near} of {lives}");
    of_any.assert_kept();
}
