//! What goes wrong, and is known to. Each of these would be good news if it failed.

use std::time::Duration;

use sagemaker_scale_to_zero::reconcile::{AlarmKind, PolicyName, Scaling};
use sagemaker_scale_to_zero::simulate::{
    AtZero, Contest, CpuSamples, Fate, Repeated, Sampling, World, example_of_aws, run, tracking_alone,
};

use super::claims::seconds;
use super::drawn::all_open_questions;
use super::{is_full, of_requests, parsed, patient, planned, planned_in, ran};

#[test]
fn target_tracking_alone_lets_a_single_request_wait_for_ever() {
    let trace = of_requests(&[(3600, 30)]);
    for world in all_open_questions().into_iter().step_by(if is_full() { 1 } else { 29 }) {
        let alone = run(&tracking_alone(0, 5), &trace, &world).unwrap();
        assert_eq!(alone.outcome.fates, [Fate::Waiting], "{world:?}");
        let example = run(&example_of_aws(0, 5), &trace, &world).unwrap();
        assert!(matches!(example.outcome.fates[..], [Fate::Served { .. }]), "{world:?}");
    }
}

#[test]
fn without_its_datapoint_at_zero_target_tracking_alone_never_wakes() {
    for (at_zero, wakes) in [(AtZero::All, 1), (AtZero::WithoutPerInstance, 0), (AtZero::Nothing, 0)] {
        let world = World { at_zero, ..patient() };
        let trace = of_requests(&[(3600, 30); 6]);
        let run = run(&tracking_alone(0, 5), &trace, &world).unwrap();
        assert_eq!(run.outcome.wakes, wakes, "{at_zero:?}");
    }
}

#[test]
fn a_plan_that_lost_its_wake_policy_or_its_alarms_strands() {
    let trace = of_requests(&[(3600, 30)]);
    let whole = planned(&parsed(""));
    let (mut without_policy, mut without_alarms) = (whole.clone(), whole.clone());
    without_policy.policies.remove(&PolicyName::Wake);
    without_alarms.alarms.retain(|kind, _| kind.policy() != PolicyName::Wake);
    let fates = |scaling: &Scaling| run(scaling, &trace, &patient()).unwrap().outcome.fates;
    for scaling in [without_policy, without_alarms] {
        assert_eq!(fates(&scaling), [Fate::Waiting]);
    }
    // One of the two alarms is enough.
    for kind in [AlarmKind::Wake, AlarmKind::Ladder] {
        let mut scaling = whole.clone();
        scaling.alarms.remove(&kind).unwrap();
        assert!(matches!(fates(&scaling)[..], [Fate::Served { .. }]), "without {kind:?}");
    }
}

/// Five instances, each with a job of an hour, have a backlog of 1 a piece: with a target of 5 that is work for one.
#[test]
fn target_tracking_kills_long_requests_and_an_idle_timeout_does_not() {
    let trace = of_requests(&[(3600, 3600); 25]);
    let killed = |scaling: &Scaling| {
        let run = run(scaling, &trace, &patient()).unwrap();
        run.outcome.fates.iter().filter(|fate| fate.is_killed()).count()
    };
    assert_eq!(killed(&example_of_aws(0, 5)), 4);
    assert_eq!(killed(&planned(&parsed("idle-timeout=none"))), 4);
    assert_eq!(killed(&planned(&parsed(""))), 0);
}

/// The first request comes at 90 s; the sample of 120 s shows it, the alarm sees that at 210 s and the instance runs at
/// 630 s. It is done at 720 s, in the minute that ends then. The samples from 780 to 1020 s see nothing, and the alarm the
/// last of them at 1110 s.
#[test]
fn a_request_that_comes_between_the_last_sample_and_the_alarm_is_cut_off_unless_it_is_short() {
    let settings = parsed("idle-timeout=5m");
    for (work, want) in [
        (100, Fate::Killed { started: seconds(1070), at: seconds(1110) }),
        (60, Fate::Spared { started: seconds(1070), at: seconds(1110) }),
    ] {
        let trace = of_requests(&[(90, 90), (1070, work)]);
        assert_eq!(ran(&settings, &trace, &patient()).outcome.fates[1], want);
    }
}

/// If the backlog did not count requests in flight, a request that is taken at once would show in no datapoint until it is
/// done, however long it is. A GPU would show it.
#[test]
fn were_requests_in_flight_not_counted_one_that_never_waited_could_be_killed() {
    let settings = parsed("idle-timeout=10m, longest-request=10m");
    let trace = of_requests(&[(90, 30), (1200, 400)]);
    let killed = |backlog_counts_in_flight| {
        let run = ran(&settings, &trace, &World { backlog_counts_in_flight, ..patient() });
        run.outcome.fates[1].is_killed()
    };
    assert_eq!((killed(true), killed(false)), (false, true));
}

/// Completions are a sign of life: short requests between samples keep an endpoint awake as long as each comes within the
/// timeout, although no sample of the backlog has one.
#[test]
fn short_requests_between_samples_are_seen_by_their_completion() {
    let trickle: Vec<(u64, u64)> = (0..120).map(|minute| (1200 + minute * 60 + 20, 5)).collect();
    let trace = of_requests(&trickle);
    for sampling in [Sampling::Once, Sampling::Continuous] {
        let world = World { sampling, ..patient() };
        assert_eq!(ran(&parsed("idle-timeout=5m"), &trace, &world).outcome.wakes, 1, "{sampling:?}");
        // Target tracking doesn't look at them, and a sample a minute shows it nothing.
        let of_tracking = run(&example_of_aws(0, 5), &trace, &world).unwrap();
        let sees_nothing = sampling == Sampling::Once;
        assert_eq!(of_tracking.outcome.wakes > 3, sees_nothing, "{sampling:?}: {}", of_tracking.outcome.wakes);
    }
}

/// A number of instances that AWS doesn't give is refused each time. A user who sets a number has to know the quota; with
/// `auto` nobody has to.
#[test]
fn a_number_to_wake_with_above_the_quota_strands_and_auto_does_not() {
    let trace = of_requests(&[(3600, 30)]);
    for (tags, is_served) in [("wake-instances=3", false), ("", true)] {
        let world = World { quota: Some(2), ..patient() };
        let fates = ran(&parsed(tags), &trace, &world).outcome.fates;
        assert_eq!(matches!(fates[..], [Fate::Served { .. }]), is_served, "{tags}");
    }
}

/// Where a shortage keeps the endpoint busy for half an hour with the ladder's order, which fails at last, target tracking
/// has seen enough to ask for as many again. Should the largest of several orders win even though it fails, that goes on
/// for as long as the shortage does. It would end if AWS filled a part of an order.
#[test]
fn a_shortage_that_lasts_strands_a_batch_if_the_largest_order_always_wins() {
    let trace = of_requests(&[(3600, 30); 30]);
    for (contest, want) in [(Contest::Largest, 0), (Contest::EachInTurn, 30)] {
        let refused_after = Duration::from_mins(34);
        let world = World { quota: Some(1), refused_after, contest, ..patient() };
        let run = ran(&parsed(""), &trace, &world);
        let served = run.outcome.fates.iter().filter(|fate| !fate.is_stranded()).count();
        assert_eq!(served, want, "{contest:?}");
    }
}

/// With `MetricPublishFrequencyInSeconds` of 10 an instance has six samples a minute. An endpoint says so, and the spare alarm
/// counts in sixes then. Did one report as often without a word, one instance would look like six.
#[test]
fn where_an_instance_reports_more_often_than_the_endpoint_says_the_spare_alarm_wakes_what_has_just_gone_to_sleep() {
    let trace = of_requests(&[(3600, 30)]);
    let settings = parsed("");
    let once = World { cpu_samples: CpuSamples::OnePerInstance, ..patient() };
    let six_times = World { cpu_samples: CpuSamples::SixPerInstance, ..patient() };
    for (what, scaling, world, sleeps) in [
        ("as is the default", planned_in(&settings, &once), once, true),
        ("as it says", planned_in(&settings, &six_times), six_times, true),
        ("without a word", planned_in(&settings, &once), six_times, false),
    ] {
        let run = run(&scaling, &trace, &world).unwrap();
        assert_eq!(run.outcome.wakes == 1, sleeps, "{what}: {}", run.outcome.wakes);
    }
}

/// If a repeated action went by the datapoint with which the ladder's alarm has gone into ALARM, and the largest order won
/// even though it fails, an order above the quota would hide the plain wake alarm's for as long as somebody waits. Each of
/// the two alone does no harm.
#[test]
fn a_ladder_that_repeats_its_first_order_and_always_wins_strands_above_a_quota() {
    let trace = of_requests(&[(3610, 30); 30]);
    for (repeated, contest, want) in [
        (Repeated::OfTheTransition, Contest::Largest, 0),
        (Repeated::OfTheTransition, Contest::EachInTurn, 30),
        (Repeated::Newest, Contest::Largest, 30),
    ] {
        let run = ran(&parsed(""), &trace, &World { quota: Some(1), repeated, contest, ..patient() });
        let served = run.outcome.fates.iter().filter(|fate| !fate.is_stranded()).count();
        assert_eq!(served, want, "{repeated:?} {contest:?}");
    }
}
