//! What others have measured on real endpoints: the model, set as they were, gives their numbers within the spread that
//! the second of the minute makes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use sagemaker_scale_to_zero::reconcile::{
    Adjustment, Aggregation, Alarm, AlarmInput, AlarmKind, Comparison, Metric, MissingData, Namespace, OtherActions,
    PolicyName, ScalableTarget, Scaling, ScalingPolicy, Statistic, StepAdjustment, StepScaling, Suspended,
};
use sagemaker_scale_to_zero::simulate::{
    AtZero, MONDAY, Request, Run, Trace, World, example_of_aws, run, tracking_alone,
};

/// When the first request comes, so that the alarms have seen some minutes of nothing; then at each second of a minute.
const BEGINNING: u64 = 1800;

/// Seconds from the first request to the first change of the number of instances that are wanted.
fn to_the_action(run: &Run<'_>) -> u64 {
    let first = run.standings[0].wanted;
    let changed = run.standings.iter().find(|standing| standing.wanted != first).unwrap();
    (changed.since.saturating_sub(run.outcome.requests[0].arrives)).as_secs()
}

/// The least and the most of a number over the seconds of the minute in which the first request comes.
fn spread(mut of: impl FnMut(u64) -> u64) -> RangeInclusive<u64> {
    let all: Vec<u64> = (0..60).map(|second| of(BEGINNING + second)).collect();
    *all.iter().min().unwrap()..=*all.iter().max().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn trace(requests: Vec<Request>) -> Trace {
    Trace { start: MONDAY, until: Duration::from_hours(4), requests }
}

/// everything-studios, document of a TRELLIS endpoint: from none to one instance by AWS's alarm of two datapoints. The
/// action came 207 s after the request, the first invocation 643 s after that, so after 850 s in the queue.
#[test]
fn one_request_wakes_an_endpoint_with_the_example_of_aws_in_207_seconds() {
    let world = World { starting: seconds(643), ..World::default() };
    let one = |arrives| trace(vec![Request { arrives: seconds(arrives), work: seconds(396) }]);
    let action = spread(|arrives| to_the_action(&run(&example_of_aws(0, 1), &one(arrives), &world).unwrap()));
    assert!(action.contains(&207), "{action:?}");
    let queued = spread(|arrives| {
        let trace = one(arrives);
        let waits: Vec<_> = run(&example_of_aws(0, 1), &trace, &world).unwrap().outcome.waits().collect();
        waits[0].waited.as_secs()
    });
    assert!(queued.contains(&850), "{queued:?}");
}

/// A worker of `YomiToku`, an OCR: from none to one and back by AWS's example. 2 to 3 minutes to the alarm, 3 to 5 until it
/// serves, and 15 minutes of quiet until it sleeps. That fits a world in which the backlog per instance is missing at zero:
/// where it isn't, the low alarm has its fifteen datapoints from before.
#[test]
fn an_instance_that_has_nothing_to_do_sleeps_after_fifteen_minutes_where_the_metric_begins_with_it() {
    let world = World { at_zero: AtZero::WithoutPerInstance, starting: seconds(240), ..World::default() };
    let one = |arrives| trace(vec![Request { arrives: seconds(arrives), work: seconds(20) }]);
    let action = spread(|arrives| to_the_action(&run(&example_of_aws(0, 1), &one(arrives), &world).unwrap()));
    assert!(action.contains(&160) && *action.end() < 240, "{action:?}");
    let quiet = spread(|arrives| {
        let trace = one(arrives);
        let run = run(&example_of_aws(0, 1), &trace, &world).unwrap();
        let last = run.standings.last().unwrap();
        let started = run.outcome.fates[0].started().unwrap();
        (last.since.saturating_sub(started + seconds(20))).as_secs()
    });
    assert!((14 * 60..18 * 60).contains(quiet.start()) && *quiet.end() < 18 * 60, "{quiet:?}");
}

/// A workshop's demonstration: target tracking from one to four instances. The metric showed after 2 to 3 minutes, the
/// high alarm about 5 minutes after the requests, and it was one action.
#[test]
fn target_tracking_deliberates_for_about_five_minutes_and_then_makes_one_step() {
    let world = World { metric_delay: seconds(120), ..World::default() };
    let flood = |arrives| trace(vec![Request { arrives: seconds(arrives), work: seconds(900) }; 20]);
    let action = spread(|arrives| to_the_action(&run(&tracking_alone(1, 4), &flood(arrives), &world).unwrap()));
    assert!((240..=300).contains(action.start()) && action.contains(&299), "{action:?}");
    let trace = flood(BEGINNING);
    let run = run(&tracking_alone(1, 4), &trace, &world).unwrap();
    let wanted: Vec<usize> = run.standings.iter().map(|standing| standing.wanted).collect();
    assert_eq!(wanted.iter().copied().find(|wanted| *wanted != 1), Some(4));
}

/// Application Auto Scaling's log of one activity: 02:28:13 to 02:35:19.
#[test]
fn an_instance_starts_in_about_as_long_as_a_log_shows() {
    assert!(World::default().starting.abs_diff(seconds(426)) < seconds(30));
}

fn metric(name: &str) -> Metric {
    Metric {
        namespace: Namespace::Invocations,
        name: name.to_owned(),
        endpoint: "ray".to_owned(),
        variant: None,
        statistic: Statistic::Average,
        period: 60,
    }
}

/// ray-project/ray, `doc/source/serve/tutorials/video-indexing`: step policies of their own, to four instances at five
/// requests a piece and to one at none, by alarms of one datapoint.
fn of_ray() -> Scaling {
    let exact = |amount| {
        let steps = vec![
            StepAdjustment { lower: None, upper: Some(0.0), amount },
            StepAdjustment { lower: Some(0.0), upper: None, amount },
        ];
        let aggregation = Aggregation::Average;
        ScalingPolicy::Step(StepScaling { adjustment: Adjustment::ExactCapacity, aggregation, steps, cooldown: 60 })
    };
    let alarm = |name, comparison, threshold| Alarm {
        description: String::new(),
        input: AlarmInput::Metric(metric(name)),
        comparison,
        threshold,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        missing_data: MissingData::NotBreaching,
        other_actions: OtherActions::default(),
    };
    let more = alarm("ApproximateBacklogSizePerInstance", Comparison::GreaterThanOrEqualToThreshold, 5.0);
    let fewer = alarm("ApproximateBacklogSize", Comparison::LessThanThreshold, 1.0);
    Scaling {
        target: Some(ScalableTarget { min_capacity: 1, max_capacity: 4, suspended: Suspended::default() }),
        policies: BTreeMap::from([(PolicyName::Wake, exact(4)), (PolicyName::Idle, exact(1))]),
        alarms: BTreeMap::from([(AlarmKind::Wake, more), (AlarmKind::Idle, fewer)]),
        ..Scaling::default()
    }
}

/// Their load: seconds, and requests a second at the beginning and at the end of them, each of 0.3 s.
const LOAD: [(u32, f64, f64); 7] = [
    (60, 0.0, 50.0),
    (360, 50.0, 50.0),
    (180, 100.0, 100.0),
    (360, 50.0, 50.0),
    (60, 75.0, 75.0),
    (120, 50.0, 50.0),
    (60, 50.0, 0.0),
];

fn load(begins: u64) -> Vec<Request> {
    let mut requests = Vec::new();
    let (mut from, mut owed) = (Duration::from_secs(begins), 0.0);
    for (length, first, last) in LOAD {
        // In steps of a tenth of a second.
        for step in 0..length * 10 {
            owed += (first + (last - first) * f64::from(step) / f64::from(length * 10)) / 10.0;
            while owed >= 1.0 {
                requests.push(Request { arrives: from, work: Duration::from_millis(300) });
                owed -= 1.0;
            }
            from += Duration::from_millis(100);
        }
    }
    requests
}

/// The whole fleet stood 589 s after the first request, and went 104 s after the last one was done. Nothing was lost.
#[test]
fn the_fleet_of_ray_stands_after_589_seconds_and_goes_after_104() {
    let world = World { concurrency: 4, starting: seconds(500), metric_delay: seconds(60), ..World::default() };
    let (mut stands, mut goes) = (Vec::new(), Vec::new());
    for second in (0..60).step_by(20) {
        let trace = trace(load(BEGINNING + second));
        let run = run(&of_ray(), &trace, &world).unwrap();
        assert!(run.outcome.fates.iter().all(|fate| !fate.is_stranded() && !fate.is_killed()));
        let first = trace.requests[0].arrives;
        let all = run.standings.iter().find(|standing| standing.running == 4).unwrap();
        stands.push(all.since.saturating_sub(first).as_secs());
        let done = run.outcome.requests.iter().zip(&run.outcome.fates);
        let done = done.map(|(request, fate)| fate.started().unwrap() + request.work).max().unwrap();
        let alone = run.standings.iter().find(|standing| standing.since > all.since && standing.wanted == 1).unwrap();
        goes.push(alone.since.saturating_sub(done).as_secs());
    }
    let within = |all: &[u64], measured| all.iter().min() <= Some(&measured) && Some(&measured) <= all.iter().max();
    assert!(within(&stands, 589), "{stands:?} {goes:?}");
    assert!(within(&goes, 104), "{goes:?}");
}
