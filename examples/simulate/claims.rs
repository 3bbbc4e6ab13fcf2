//! What the function promises, held against the model: for each shape, for settings of all kinds, and for whatever AWS
//! leaves open.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sagemaker_scale_to_zero::reconcile::{AlarmKind, Pause, PolicyName, Rules, Scaling, Settings, Tags};

use crate::candidates::{examples, parse_tags, planned, rules, settings};
use crate::endpoint::{Fate, Request};
use crate::metrics::{AtZero, Sampling};
use crate::simulation::{Assumptions, Run, Standing, simulate};
use crate::trace::{Shape, Trace};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Target tracking's low alarm, as users report it.
const TRACKING_IDLE: Duration = Duration::from_mins(15);

const WAKE_COOLDOWN: Duration = Duration::from_mins(5);
const IDLE_COOLDOWN: Duration = Duration::from_mins(1);

/// Requests wait for ever, so that a stranded one can't hide among the expired.
fn patient() -> Assumptions {
    Assumptions { time_to_live: None, ..Assumptions::default() }
}

/// The first day of a shape, and half a day of quiet.
fn first_day(shape: Shape) -> Trace {
    let mut trace = shape.trace();
    trace.requests.retain(|request| request.arrives < DAY);
    Trace { until: DAY * 3 / 2, ..trace }
}

fn run(settings: &Settings, trace: &Trace, assumptions: &Assumptions) -> Run {
    simulate(&planned(settings, trace.start).unwrap(), trace, assumptions).unwrap()
}

fn parsed(rules: &Rules, tags: &str) -> Settings {
    settings(rules, &parse_tags(tags, &rules.tag_prefix).unwrap()).unwrap()
}

// The claims.

/// Requests that wait while no instance is even wanted: none does for longer than the wake alarm takes, and all are
/// taken in the end.
#[track_caller]
fn assert_nothing_is_stranded(run: &Run, assumptions: &Assumptions) {
    let to_the_sample = match assumptions.sampling {
        Sampling::Once => MINUTE,
        // The average of the first minute is short of 1 if the request comes in the middle of it.
        Sampling::Continuous => 2 * MINUTE,
    };
    let wakes_within = to_the_sample + assumptions.metric_delay + WAKE_COOLDOWN;
    let is_stranded = |standing: &Standing| standing.waiting > 0 && standing.wanted == 0;
    for (from, to) in spells(run, is_stranded, |_| 0) {
        assert!(to <= from + wakes_within, "a request waits from {from:?} to {to:?} and nothing wakes");
    }
    assert!(!run.fates.contains(&Fate::Waiting), "somebody waits still");
}

/// While nothing waits, nothing is in flight and `MinCapacity` stays as it is, all instances above that go within the
/// time that the settings promise. What the last datapoints of work have started must run first; it is asked for within
/// minutes.
#[track_caller]
fn assert_idle_ends_at_the_minimum(run: &Run, settings: &Settings, assumptions: &Assumptions) {
    let (idle, cooldown) = match settings.idle_timeout {
        Some(timeout) => (seconds(timeout), IDLE_COOLDOWN),
        None => (TRACKING_IDLE, seconds(settings.scale_in_cooldown)),
    };
    // Two minutes: to the first sample, and from one look of the alarm to the next.
    let within = idle.max(cooldown) + assumptions.metric_delay + 2 * MINUTE;
    // The high alarm may go by five minutes, see the extra periods of an alarm.
    let started_within = 5 * MINUTE + assumptions.metric_delay + MINUTE + assumptions.starting;
    let is_idle = |standing: &Standing| standing.waiting + standing.in_flight == 0;
    let minimum = |standing: &Standing| standing.min_capacity;
    for (from, to) in spells(run, is_idle, minimum) {
        let starting = during(run, from, to).filter(|(standing, _)| standing.running < standing.wanted);
        let started = starting.last().map_or(from, |(_, end)| end);
        assert!(started <= from + started_within, "idle since {from:?}, and at {started:?} an instance starts");
        for (standing, _) in during(run, started + within, to) {
            assert!(
                standing.wanted <= usize::try_from(standing.min_capacity).unwrap(),
                "idle since {started:?}, and at {:?} it still has {} instances",
                standing.since,
                standing.wanted
            );
        }
    }
}

/// What is killed has begun after the last datapoint that the alarm went by, so that no datapoint could have shown it.
#[track_caller]
fn assert_only_the_unseen_is_killed(run: &Run, assumptions: &Assumptions) {
    for fate in &run.fates {
        if let Fate::Killed { started, at } = *fate {
            assert!(at <= started + assumptions.metric_delay, "killed at {at:?}, in flight since {started:?}");
        }
    }
}

/// What is killed was taken so quickly, or so lately, that no datapoint that the alarm went by showed it waiting.
#[track_caller]
fn assert_only_what_never_showed_is_killed(run: &Run, assumptions: &Assumptions) {
    for (request, fate) in run.requests.iter().zip(&run.fates) {
        if let Fate::Killed { started, at } = *fate {
            let waited_to = match assumptions.sampling {
                // Only who waits at the end of a minute is in its sample.
                Sampling::Once => started,
                Sampling::Continuous => at,
            };
            let minute = end_of_minute(request.arrives);
            let showed = request.arrives < started && minute < waited_to && minute + assumptions.metric_delay <= at;
            assert!(!showed, "killed at {at:?}, came at {:?}, in flight since {started:?}", request.arrives);
        }
    }
}

/// The spells in which `is` holds and `same` gives the same, each from its beginning to its end.
fn spells<Same: PartialEq>(
    run: &Run,
    is: impl Fn(&Standing) -> bool,
    same: impl Fn(&Standing) -> Same,
) -> Vec<(Duration, Duration)> {
    let mut spells = Vec::new();
    let mut present: Option<(Duration, Same)> = None;
    for standing in &run.standings {
        let next = is(standing).then(|| same(standing));
        if let (Some((_, now)), Some(next)) = (&present, &next)
            && now == next
        {
            continue;
        }
        spells.extend(present.take().map(|(from, _)| (from, standing.since)));
        present = next.map(|next| (standing.since, next));
    }
    spells.extend(present.map(|(from, _)| (from, run.until)));
    spells
}

/// The standings at any time from `from` to before `to`, each with its end.
fn during(run: &Run, from: Duration, to: Duration) -> impl Iterator<Item = (&Standing, Duration)> {
    let ends = run.standings.iter().skip(1).map(|standing| standing.since).chain([run.until]);
    let first = run.standings.partition_point(|standing| standing.since <= from).saturating_sub(1);
    let spans = run.standings.iter().zip(ends).skip(first).take_while(move |(standing, _)| standing.since < to);
    spans.filter(move |(_, end)| from < *end && from < to)
}

/// Of the minute in which a moment is.
fn end_of_minute(moment: Duration) -> Duration {
    Duration::from_secs((moment.as_secs() / 60 + 1) * 60)
}

/// Of a setting.
fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap())
}

#[track_caller]
fn assert_all(run: &Run, settings: &Settings, assumptions: &Assumptions) {
    if settings.wake || settings.min_capacity > 0 {
        assert_nothing_is_stranded(run, assumptions);
    }
    if settings.pause == Pause::No {
        assert_idle_ends_at_the_minimum(run, settings, assumptions);
    }
    if settings.idle_timeout.is_some() {
        if assumptions.backlog_counts_in_flight {
            assert_only_the_unseen_is_killed(run, assumptions);
        } else {
            let longest = run.requests.iter().map(|request| request.work).max().unwrap_or_default();
            let covers = |timeout| longest <= seconds(timeout);
            if settings.idle_timeout.is_some_and(covers) && assumptions.metric_delay >= MINUTE {
                assert_only_what_never_showed_is_killed(run, assumptions);
            }
        }
    }
}

// For all settings.

/// What AWS leaves open, in every combination, with the delays that go with each.
fn all_assumptions() -> Vec<Assumptions> {
    let mut all = Vec::new();
    for sampling in [Sampling::Once, Sampling::Continuous] {
        for at_zero in [AtZero::Backlog, AtZero::Missing] {
            for backlog_counts_in_flight in [true, false] {
                all.push(Assumptions { sampling, at_zero, backlog_counts_in_flight, ..patient() });
            }
        }
    }
    all
}

#[test]
#[expect(clippy::print_stdout, reason = "a failed claim doesn't say of which row it is")]
fn the_promises_hold_for_every_shape_and_the_grid_of_the_main_settings() {
    let rules = rules().unwrap();
    let all_assumptions = all_assumptions();
    let mut number = 0;
    for shape in Shape::ALL {
        let trace = first_day(shape);
        for capacity in ["", "max-capacity=1", "min-capacity=1", "wake-instances=3", "wake=false"] {
            for target in ["", "backlog-per-instance=1"] {
                for idle in ["", "idle-timeout=1m", "idle-timeout=5m", "idle-timeout=15m", "idle-timeout=1h"] {
                    for warm in ["", "warm-hours=MON-FRI 07:00-12:00 Europe/Berlin, warm-capacity=1"] {
                        let tags = [capacity, target, idle, warm].join(",");
                        let settings = parsed(&rules, &tags);
                        // One after the other, as all with all would take eight times as long.
                        let assumptions = &all_assumptions[number % all_assumptions.len()];
                        number += 1;
                        let run = run(&settings, &trace, assumptions);
                        println!("{shape:?} with {tags} under {assumptions:?}");
                        assert_all(&run, &settings, assumptions);
                    }
                }
            }
        }
    }
}

/// Tags that the function can honour.
fn any_settings() -> impl Strategy<Value = Settings> {
    let tag = |key: &'static str, values: &'static [&'static str]| {
        select(values.to_vec()).prop_map(move |value| (key.to_owned(), value.to_owned()))
    };
    let any = prop_oneof![
        tag("min-capacity", &["0", "1", "2"]),
        tag("max-capacity", &["1", "2", "5", "8"]),
        tag("backlog-per-instance", &["0.5", "1", "5", "20"]),
        tag("scale-in-cooldown", &["0", "5m", "1h"]),
        tag("scale-out-cooldown", &["0", "5m", "1h"]),
        tag("wake", &["true", "false"]),
        tag("wake-instances", &["1", "2", "5"]),
        tag("idle-timeout", &["1m", "2m", "5m", "15m", "1h"]),
        tag("idle-timeout", &["3m", "10m", "20m"]),
        tag("longest-request", &["1m", "10m", "1h"]),
        tag("warm-hours", &["MON-FRI 08:00-18:00 UTC", "MON 00:00-24:00 UTC", "MON+TUE 22:00-06:00 Asia/Tokyo"]),
        tag("warm-hours.late", &["MON 12:30-20:45 America/New_York"]),
        tag("warm-capacity", &["1", "2"]),
        tag("pause", &["scale-in"]),
    ];
    let tags = vec(any, 0..6).prop_map(|tags| {
        tags.into_iter().map(|(key, value)| (format!("scale-to-zero:{key}"), value)).collect::<Tags>()
    });
    tags.prop_filter_map("tags that contradict each other", |tags| settings(&rules().ok()?, &tags).ok())
}

/// A few requests, close together and far apart.
fn any_trace() -> impl Strategy<Value = Trace> {
    let gap = prop_oneof![0..5_u64, 0..240_u64, 0..7200_u64];
    let work = prop_oneof![0..60_u64, 0..3600_u64];
    vec((gap, work), 1..16).prop_map(|pairs| {
        let mut arrives = Duration::ZERO;
        let requests: Vec<Request> = pairs
            .into_iter()
            .map(|(gap, work)| {
                arrives += Duration::from_secs(gap);
                Request { arrives, work: Duration::from_secs(work) }
            })
            .collect();
        // The work of all on one instance that had to start first, and quiet.
        let work: Duration = requests.iter().map(|request| request.work).sum();
        let until = arrives + work + Duration::from_hours(3);
        Trace { name: "any".to_owned(), start: Shape::Steady.trace().start, until, requests }
    })
}

fn any_assumptions() -> impl Strategy<Value = Assumptions> {
    let seconds = |values: &[u64]| select(values.iter().copied().map(Duration::from_secs).collect::<Vec<_>>());
    (any::<Index>(), seconds(&[60, 180, 360, 600]), seconds(&[0, 30, 60, 90, 120]), select(vec![1, 4])).prop_map(
        |(index, starting, metric_delay, concurrency)| Assumptions {
            concurrency,
            starting,
            metric_delay,
            ..*index.get(&all_assumptions())
        },
    )
}

proptest! {
    #[test]
    fn the_promises_hold_for_any_settings_requests_and_assumptions(
        settings in any_settings(), trace in any_trace(), assumptions in any_assumptions()
    ) {
        let run = run(&settings, &trace, &assumptions);
        assert_all(&run, &settings, &assumptions);
        prop_assert_eq!(run.fates.len(), trace.requests.len());
        for (request, fate) in run.requests.iter().zip(&run.fates) {
            if let Fate::Served { started } = fate {
                prop_assert!(request.arrives <= *started && *started + request.work <= run.until);
            }
        }
        let bounds = 0..=usize::try_from(settings.max_capacity).unwrap();
        for standing in &run.standings {
            prop_assert!(bounds.contains(&standing.wanted) && standing.running <= standing.wanted);
            prop_assert!(standing.in_flight <= standing.running * assumptions.concurrency);
        }
    }
}

#[test]
fn a_simulation_gives_the_same_each_time() {
    let settings = parsed(&rules().unwrap(), "idle-timeout=5m");
    for shape in Shape::ALL {
        let first = run(&settings, &first_day(shape), &patient());
        assert_eq!(run(&settings, &first_day(shape), &patient()), first, "{shape:?}");
    }
}

#[test]
fn a_wake_policy_never_meets_its_cooldown_from_five_idle_minutes_on() {
    let rules = rules().unwrap();
    for (idle, meets) in [("1m", true), ("5m", false)] {
        let settings = parsed(&rules, &format!("idle-timeout={idle}"));
        let mut longest = Duration::ZERO;
        // The second request, at each second after the instance has gone that the first one started.
        for second in 0..60 {
            let first = run(&settings, &of_requests(&[(0, 1)]), &patient());
            let slept = first.standings.iter().rfind(|standing| standing.wanted == 0).unwrap().since;
            let trace = of_requests(&[(0, 1), (slept.as_secs() + second, 1)]);
            let run = run(&settings, &trace, &patient());
            assert_nothing_is_stranded(&run, &patient());
            let waits: Vec<Duration> = run.waits().map(|wait| wait.waited).collect();
            longest = longest.max(waits[1]);
        }
        // A minute to the sample, one to the alarm, six to start.
        assert_eq!(longest > 8 * MINUTE, meets, "{idle}: {longest:?}");
    }
}

#[test]
fn in_warm_hours_a_request_waits_for_no_instance() {
    let rules = rules().unwrap();
    for idle in ["", "idle-timeout=5m,"] {
        let settings = parsed(&rules, &format!("{idle} warm-hours=MON-FRI 08:00-18:00 UTC"));
        for assumptions in all_assumptions() {
            for hour in 8..18 {
                // Ten minutes past, for the instance takes six to start.
                let trace = of_requests(&[(hour * 3600 + 600, 30)]);
                let run = run(&settings, &trace, &assumptions);
                assert_eq!(run.fates, [Fate::Served { started: trace.requests[0].arrives }], "{hour}:10");
            }
        }
    }
}

// What goes wrong, and is known to. Each of these would be good news if it failed.

fn of_requests(pairs: &[(u64, u64)]) -> Trace {
    let seconds = Duration::from_secs;
    let requests: Vec<Request> =
        pairs.iter().map(|(arrives, work)| Request { arrives: seconds(*arrives), work: seconds(*work) }).collect();
    Trace { name: "a few".to_owned(), start: Shape::Steady.trace().start, until: DAY, requests }
}

/// AWS's documented example: target tracking alone, and with the policy that wakes.
fn example(place: usize) -> Scaling {
    let settings = parsed(&rules().unwrap(), "");
    examples(&settings, Shape::Steady.trace().start).unwrap()[place].scaling.clone()
}

#[test]
fn target_tracking_alone_lets_a_single_request_wait_for_ever() {
    for assumptions in all_assumptions() {
        let run = simulate(&example(0), &of_requests(&[(3600, 30)]), &assumptions).unwrap();
        assert_eq!(run.fates, [Fate::Waiting], "{assumptions:?}");
        let run = simulate(&example(1), &of_requests(&[(3600, 30)]), &assumptions).unwrap();
        assert!(matches!(run.fates[..], [Fate::Served { .. }]), "{assumptions:?}");
    }
}

#[test]
fn without_its_datapoint_at_zero_target_tracking_alone_never_wakes() {
    for (at_zero, wakes) in [(AtZero::Backlog, 1), (AtZero::Missing, 0)] {
        let assumptions = Assumptions { at_zero, ..patient() };
        let run = simulate(&example(0), &of_requests(&[(3600, 30); 6]), &assumptions).unwrap();
        assert_eq!(run.wakes, wakes, "{at_zero:?}");
    }
}

#[test]
fn a_plan_that_lost_its_wake_policy_or_its_alarm_strands() {
    let settings = parsed(&rules().unwrap(), "idle-timeout=5m");
    let trace = of_requests(&[(3600, 30)]);
    let whole = planned(&settings, trace.start).unwrap();
    let (mut without_policy, mut without_alarm) = (whole.clone(), whole);
    without_policy.policies.remove(&PolicyName::Wake);
    without_alarm.alarms.remove(&AlarmKind::Wake);
    for scaling in [without_policy, without_alarm] {
        assert_eq!(simulate(&scaling, &trace, &patient()).unwrap().fates, [Fate::Waiting]);
    }
}

/// Five instances, each with a job of an hour, have a backlog of 1 a piece: with a target of 5 that is work for one.
#[test]
fn target_tracking_kills_long_requests_and_an_idle_timeout_does_not() {
    let jobs: Vec<(u64, u64)> = vec![(3600, 3600); 25];
    let killed = |scaling: &Scaling| {
        let run = simulate(scaling, &of_requests(&jobs), &patient()).unwrap();
        run.fates.iter().filter(|fate| matches!(fate, Fate::Killed { .. })).count()
    };
    assert_eq!(killed(&example(1)), 4);
    let settings = parsed(&rules().unwrap(), "idle-timeout=5m");
    assert_eq!(killed(&planned(&settings, Shape::Steady.trace().start).unwrap()), 0);
}

/// A request comes at 930 s, after the sample of 900 s, and the alarm looks at that one at 960 s.
#[test]
fn a_request_that_comes_between_the_last_sample_and_the_alarm_is_killed() {
    let settings = parsed(&rules().unwrap(), "idle-timeout=5m");
    // Served from 540 s on and done at 630 s: the samples from 660 to 900 s see nothing.
    let run = run(&settings, &of_requests(&[(90, 90), (930, 60)]), &patient());
    assert_eq!(run.fates[1], Fate::Killed { started: seconds(930), at: seconds(960) });
}

/// If the backlog did not count requests in flight, a request that is taken at once would show in no datapoint, however
/// short it is.
#[test]
fn were_requests_in_flight_not_counted_one_that_never_waited_could_be_killed() {
    let settings = parsed(&rules().unwrap(), "idle-timeout=10m, longest-request=10m");
    let trace = of_requests(&[(90, 30), (1000, 400)]);
    let killed = |backlog_counts_in_flight| {
        let run = run(&settings, &trace, &Assumptions { backlog_counts_in_flight, ..patient() });
        matches!(run.fates[1], Fate::Killed { .. })
    };
    assert_eq!((killed(true), killed(false)), (false, true));
}

/// Short requests between samples are seen by nobody, so an endpoint with a steady trickle of them may look idle.
#[test]
fn short_requests_between_samples_look_like_idleness() {
    let settings = parsed(&rules().unwrap(), "idle-timeout=5m");
    let trickle: Vec<(u64, u64)> = (0..120).map(|minute| (600 + minute * 60 + 20, 5)).collect();
    let wakes = |sampling| run(&settings, &of_requests(&trickle), &Assumptions { sampling, ..patient() }).wakes;
    assert_eq!(wakes(Sampling::Continuous), 1);
    assert!(wakes(Sampling::Once) > 5);
}

#[test]
fn paused_for_scaling_in_nothing_goes() {
    let settings = parsed(&rules().unwrap(), "idle-timeout=1m, pause=scale-in");
    let run = run(&settings, &first_day(Shape::Burst), &patient());
    assert!(run.standings.is_sorted_by_key(|standing| standing.wanted));
    assert!(run.wakes == 1 && !run.fates.contains(&Fate::Waiting));
}
