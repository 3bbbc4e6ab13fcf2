use jiff::Timestamp;

use super::counted::{Counted, Queue};
use super::*;
use crate::reconcile::{Statistic, Tags};
use crate::simulate::{Metric, Minute, Request, Shape, Standing, Summary, Tally, Trace, Witness, simulate};

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

fn tags(text: &str) -> Tags {
    let pairs = text.split(',').filter_map(|tag| tag.trim().split_once('='));
    pairs.map(|(key, value)| (format!("scale-to-zero:{key}"), value.to_owned())).collect()
}

fn question<'a>(rules: &'a Rules, tags: &'a Tags) -> Question<'a> {
    Question { rules, tags, fixed_instances: 1, concurrency: None, price: None }
}

/// A week, or of the shapes with thousands of requests three days.
fn begun(shape: Shape) -> Trace {
    let mut trace = shape.week(0);
    if trace.requests.len() > 3000 {
        trace.until = Duration::from_hours(72);
        trace.requests.retain(|request| request.arrives < trace.until);
    }
    trace
}

/// The history of a trace with these tags in force, in that world; and what really came of it.
fn lived(trace: &Trace, text: &str, world: &World) -> (History, Summary) {
    let (rules, tags) = (Rules::default(), tags(text));
    let in_force = candidates::in_force(&question(&rules, &tags), trace.start).unwrap();
    let mut recorded = Recorded::default();
    let outcome = simulate(&in_force.scaling, trace, world, &mut recorded).unwrap();
    let summary = Summary::of(&outcome, recorded.tally);
    let series = |metric, statistic| recorded.minutes.iter().map(|it| it.datapoint(metric, statistic)).collect();
    let history = History {
        start: trace.start,
        minutes: recorded.minutes.len(),
        processed: series(Metric::InvocationsProcessed, Statistic::Sum),
        processing_time: series(Metric::TotalProcessingTime, Statistic::Sum),
        time_in_backlog: series(Metric::TimeInBacklog, Statistic::Sum),
        backlog: series(Metric::BacklogSize, Statistic::Maximum),
        without_capacity: series(Metric::HasBacklogWithoutCapacity, Statistic::Maximum),
        samples: series(Metric::CpuUtilization, Statistic::SampleCount),
        publish_frequency: 60,
        starts: vec![world.starting; 3],
        created: Timestamp::UNIX_EPOCH,
        configured: Timestamp::UNIX_EPOCH,
    };
    (history, summary)
}

fn advised(history: &History, text: &str) -> Advice {
    let (rules, tags) = (Rules::default(), tags(text));
    advise(history, &question(&rules, &tags))
}

fn of_default() -> History {
    lived(&Shape::OfficeHours.week(0), "enabled=true", &World::default()).0
}

#[track_caller]
fn assert_refused(history: &History, want: Refusal) {
    match advised(history, "enabled=true") {
        Advice::Skipped(refusal, why) => assert!(refusal == want && !why.is_empty(), "{refusal:?}: {why}"),
        Advice::Advised(report) => panic!("{:?}", report.model),
    }
}

#[test]
fn what_cannot_be_judged_is_refused_with_a_reason() {
    let good = of_default();
    let nothing = vec![None; good.minutes];
    let zeros = vec![Some(0.0); good.minutes];
    let empty = History {
        processed: nothing.clone(),
        samples: nothing.clone(),
        backlog: nothing.clone(),
        without_capacity: nothing.clone(),
        ..good.clone()
    };
    assert_refused(&empty, Refusal::NoData);
    assert_refused(&History { minutes: 0, ..good.clone() }, Refusal::NoData);
    assert_refused(&History { processed: zeros, ..good.clone() }, Refusal::FewRequests);
    assert_refused(&History { processed: nothing.clone(), ..good.clone() }, Refusal::FewRequests);
    let later = good.start + Duration::from_hours(40);
    assert_refused(&History { configured: later, ..good.clone() }, Refusal::Updated);
    let without_signs = History { backlog: nothing.clone(), without_capacity: nothing.clone(), ..good.clone() };
    assert_refused(&without_signs, Refusal::Gaps);
    // Where only the backlog is missing at zero, the minutes are there all the same.
    let at_zero = good.samples.iter().zip(&good.backlog).map(|(reports, backlog)| reports.and(*backlog));
    let unseen = History { backlog: at_zero.collect(), ..good.clone() };
    assert!(matches!(advised(&unseen, "enabled=true"), Advice::Advised(_)));
    let busier = good.samples.iter().map(|it| it.map(|it| it * 1.5)).collect();
    assert_refused(&History { samples: busier, ..good.clone() }, Refusal::ModelDiffers);
    assert!(matches!(advised(&good, "enabled=true"), Advice::Advised(_)));
    let born = History { created: good.start, configured: good.start, ..good };
    assert!(matches!(advised(&born, "enabled=true"), Advice::Advised(_)), "made with this configuration");
}

#[test]
fn nonsense_is_no_value_and_no_panic() {
    let good = History { minutes: 1440, ..of_default() };
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300, f64::MIN_POSITIVE] {
        for series in 0..6 {
            let mut history = good.clone();
            let place = [
                &mut history.processed,
                &mut history.processing_time,
                &mut history.time_in_backlog,
                &mut history.backlog,
                &mut history.without_capacity,
                &mut history.samples,
            ]
            .into_iter()
            .nth(series)
            .unwrap();
            place[800] = Some(nonsense);
            place.truncate(1300);
            match advised(&history, "enabled=true") {
                Advice::Advised(report) => assert!(report.rows.iter().all(|row| row.instance_hours.is_finite())),
                Advice::Skipped(_, why) => assert!(!why.is_empty()),
            }
        }
    }
    let strange = History { publish_frequency: 0, starts: vec![Duration::MAX / 4; 2], created: Timestamp::MAX, ..good };
    match advised(&strange, "enabled=true") {
        Advice::Advised(report) => assert!(report.rows.iter().all(|row| row.instance_hours.is_finite())),
        Advice::Skipped(_, why) => assert!(!why.is_empty()),
    }
}

/// Three requests wait while nothing runs, and are done later: the backlog tells when they came, as no other metric does.
#[test]
fn requests_came_in_the_minutes_in_which_the_backlog_counted_them() {
    let of = |backlog: &[f64], samples: &[f64], processed: &[f64]| {
        let series = |values: &[f64]| values.iter().map(|value| (*value >= 0.0).then_some(*value)).collect::<Series>();
        let (backlog, samples, processed) = (series(backlog), series(samples), series(processed));
        let without_capacity = samples.iter().map(|it: &Option<f64>| Some(f64::from(it.is_none()))).collect();
        History { minutes: backlog.len(), backlog, samples, processed, without_capacity, ..of_default() }
    };
    let minutes_of = |history: &History, queue: Queue| -> Vec<(u64, u64)> {
        let counted = Counted::of(history, 0, queue);
        counted.windows().map(|(from, to)| (from.as_secs() / 60, to.as_secs() / 60)).collect()
    };
    let once = Queue { sampling: Sampling::Once, counts_in_flight: true };
    let asleep = of(&[1.0, 3.0, 3.0, 2.0, 0.0], &[-1.0, -1.0, -1.0, 1.0, 1.0], &[-1.0, -1.0, -1.0, 1.0, 2.0]);
    assert_eq!(minutes_of(&asleep, once), [(0, 0), (1, 1), (1, 1)]);
    // While an instance works, one that isn't counted in flight may have come earlier.
    let awake = of(&[0.0, 1.0, 0.0], &[1.0, 1.0, 1.0], &[-1.0, -1.0, 2.0]);
    assert_eq!(minutes_of(&awake, once), [(1, 1), (2, 2)]);
    assert_eq!(minutes_of(&awake, Queue { counts_in_flight: false, ..once }), [(0, 1), (1, 1)]);
    // Numbers that can't all be true leave a window for each request all the same.
    let odd = of(&[1e18, 0.0, 5.0], &[1.0, -1.0, 1.0], &[2.0, -1.0, 1.0]);
    for queue in [once, Queue { sampling: Sampling::Continuous, counts_in_flight: false }] {
        let windows = minutes_of(&odd, queue);
        assert!(windows.len() == 3 && windows.iter().all(|(from, to)| from <= to && *to < 3), "{windows:?}");
    }
}

#[test]
fn requests_that_are_made_uneven_take_as_long_together() {
    let request = |arrives, work| Request { arrives: Duration::from_secs(arrives), work: Duration::from_secs(work) };
    let even = [request(10, 50), request(40, 50), request(70, 50), request(80, 20), request(100, 50)].to_vec();
    let trace = Trace { start: Timestamp::UNIX_EPOCH, until: Duration::from_mins(3), requests: even.clone() };
    let uneven = reconstruct::uneven(&trace).requests;
    assert_eq!(uneven[..2], [request(10, 80), request(10, 20)]);
    assert_eq!(uneven[2..], even[2..], "of those no two are of the same minute and length");
}

/// A million requests in the window: only the last days are replayed, and the numbers are those of these days.
#[test]
fn of_more_requests_than_fit_the_last_days_are_replayed() {
    let minutes = 14 * 1440;
    let history = History {
        minutes,
        processed: vec![Some(50.0); minutes],
        processing_time: vec![Some(50_000.0); minutes],
        time_in_backlog: vec![Some(0.0); minutes],
        backlog: vec![Some(1.0); minutes],
        without_capacity: vec![Some(0.0); minutes],
        samples: vec![Some(1.0); minutes],
        ..of_default()
    };
    let reconstructed = reconstruct::readings(&history).unwrap();
    assert_eq!(reconstructed.of(&World::default()).requests.len(), 100_000);
    assert_eq!(reconstructed.first_minute, minutes - 2000);
    assert_eq!(reconstructed.of(&World::default()).until, Duration::from_mins(2000));
    let hours = Measured::of(&history, reconstructed.first_minute).instance_hours();
    assert!((hours - 2000.0 / 60.0).abs() < 0.01, "{hours}");
    let busier = History { processed: vec![Some(5000.0); minutes], ..history };
    assert!(matches!(reconstruct::readings(&busier), Err((Refusal::NoData, _))));
}

#[test]
fn an_endpoint_without_our_tags_is_compared_with_instances_that_run_all_the_time() {
    let trace = Shape::OfficeHours.week(0);
    let (mut history, _) = lived(&trace, "min-capacity=1, max-capacity=1", &World::default());
    history.starts.clear();
    let (rules, tags) = (Rules::default(), Tags::from([("team".to_owned(), "ml".to_owned())]));
    let Advice::Advised(report) = advise(&history, &question(&rules, &tags)) else { panic!("advice") };
    assert!(report.rows[0].settings.is_empty());
    assert!((report.rows[0].instance_hours - 168.0).abs() < 0.1);
    let row = &report.rows[1];
    assert_eq!(row.settings[0], ("enabled".to_owned(), "true".to_owned()));
    assert!(row.kind == Kind::Thriftier && row.instance_hours < 60.0 && !row.recommended, "{row:?}");
    assert!(report.tags.is_empty(), "somebody would wait, so it is a choice and no verdict");
}

#[test]
fn money_is_the_hours_at_the_price() {
    let (rules, tags) = (Rules::default(), tags("idle-timeout=none"));
    let (history, _) = lived(&begun(Shape::Surges), "idle-timeout=none", &World::default());
    let asked = Question { price: Some(1.5), ..question(&rules, &tags) };
    let Advice::Advised(report) = advise(&history, &asked) else { panic!("advice") };
    for row in &report.rows {
        assert!((row.usd.unwrap() - row.instance_hours * 1.5).abs() < 1e-9);
        assert!(row.alarm_metrics >= 2);
        assert_eq!(row.course.instances.len(), 3 * 144);
    }
    let recommended: Vec<&Row> = report.rows.iter().filter(|row| row.recommended).collect();
    assert_eq!(recommended.len(), 1);
    let now = &report.rows[0];
    assert!(recommended[0].waited <= now.waited && recommended[0].instance_hours < now.instance_hours * 0.95);
    let tagged = |(key, value): &(String, String)| (format!("scale-to-zero:{key}"), value.clone());
    assert_eq!(report.tags, recommended[0].settings.iter().map(tagged).collect::<Vec<_>>());
}

/// From 08:00 to 18:00 UTC on working days, in winter.
#[test]
fn busy_hours_are_those_of_the_clock_that_the_tags_name() {
    let trace = Shape::OfficeHours.week(0);
    for (warm, want) in [
        ("", "MON-FRI 08:00-18:00 UTC"),
        (", warm-hours=MON 08:00-09:00 Europe/Berlin", "MON-FRI 09:00-19:00 Europe/Berlin"),
        (", warm-hours.late=SUN 08:00-09:00 America/New_York", "MON-FRI 03:00-13:00 America/New_York"),
    ] {
        let (rules, tags) = (Rules::default(), tags(&format!("enabled=true{warm}")));
        let zone = candidates::zone(&question(&rules, &tags));
        let fortnight = Trace {
            until: trace.until * 2,
            requests: trace
                .requests
                .iter()
                .copied()
                .chain(
                    trace.requests.iter().map(|request| Request { arrives: request.arrives + trace.until, ..*request }),
                )
                .collect(),
            ..trace.clone()
        };
        assert_eq!(candidates::busy_hours(&fortnight, &zone), [want]);
    }
}
