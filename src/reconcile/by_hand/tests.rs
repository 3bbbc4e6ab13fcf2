//! How a variant stands, and what a person's wish for instances comes to, by tables.

use super::super::activities::*;
use super::super::endpoint::Variant;
use super::super::state::*;
use super::super::{
    AlarmKind, EndpointName, Foreign, ForeignKind, Hosting, Inference, PolicyName, Suspended, Tags, desired,
};
use super::*;

fn name() -> VariantName {
    VariantName::new("AllTraffic").unwrap()
}

fn counting(current: i32, desired: i32) -> Variant {
    Variant {
        name: name(),
        current_instances: Some(current),
        desired_instances: Some(desired),
        hosting: Hosting::Instances,
        instance_type: Some("ml.g5.xlarge".to_owned()),
        publish_frequency: None,
    }
}

fn endpoint(current: i32, desired: i32, tags: &[(&str, &str)]) -> Endpoint {
    let tag = |(key, value): &(&str, &str)| (format!("scale-to-zero:{key}"), (*value).to_owned());
    let mut all: Tags = tags.iter().map(tag).collect();
    all.insert("scale-to-zero:enabled".to_owned(), "true".to_owned());
    Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status: EndpointStatus::InService,
        failure_reason: None,
        inference: Inference::Asynchronous,
        variants: vec![counting(current, desired)],
        tags: all,
    }
}

fn updating(endpoint: Endpoint) -> Endpoint {
    Endpoint { status: EndpointStatus::Other, ..endpoint }
}

/// As the tags want it.
fn as_tagged(endpoint: &Endpoint) -> Scaling {
    let Ok(Wish::Managed(settings)) = Rules::default().read(&endpoint.tags) else { panic!() };
    desired(&endpoint.name, &endpoint.variants[0], &settings, Timestamp::UNIX_EPOCH)
}

fn wished(wanted: Wanted, endpoint: Option<&Endpoint>, is_deploying: bool, scaling: Scaling) -> ByHand {
    let observed = BTreeMap::from([(name(), scaling)]);
    by_hand(wanted, &Rules::default(), endpoint, is_deploying, &observed, Timestamp::UNIX_EPOCH)
}

fn plan(changes: Vec<Change>) -> Vec<VariantPlan> {
    vec![VariantPlan { variant: name(), changes }]
}

fn set(instances: i32) -> Vec<VariantPlan> {
    plan(vec![Change::SetDesiredInstances(instances)])
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn activity(minute: i64, instances: i32, status: ActivityStatus, took: Option<i64>) -> ScalingActivity {
    ScalingActivity {
        start: at(minute),
        end: took.map(|minutes| at(minute + minutes)),
        status,
        cause: "monitor alarm a in state ALARM triggered policy scale-to-zero-wake".to_owned(),
        description: format!("Setting desired instance count to {instances}."),
        message: None,
    }
}

fn done(minute: i64, instances: i32) -> ScalingActivity {
    activity(minute, instances, ActivityStatus::Successful, Some(5))
}

#[test]
fn a_variant_stands_as_its_numbers_of_instances_say() {
    let unknown = Variant { current_instances: None, desired_instances: None, ..counting(0, 0) };
    let undesired = Variant { desired_instances: None, ..counting(2, 0) };
    for (variant, is_changing, is_deploying, want) in [
        (counting(0, 0), false, false, State::Asleep),
        (counting(0, 0), true, false, State::Updating),
        (counting(0, 1), false, false, State::Waking),
        (counting(0, 3), true, false, State::Waking),
        (counting(2, 0), false, false, State::FallingAsleep),
        (counting(2, 0), true, false, State::FallingAsleep),
        (counting(1, 1), false, false, State::Awake),
        (counting(1, 1), true, false, State::Updating),
        (counting(1, 2), true, false, State::Awake),
        (counting(2, 1), true, false, State::Awake),
        (counting(1, 2), false, false, State::Awake),
        (counting(0, 1), false, true, State::Updating),
        (counting(1, 1), false, true, State::Updating),
        (unknown, false, false, State::Asleep),
        (undesired, false, false, State::Awake),
    ] {
        let row = (variant.current_instances, variant.desired_instances, is_changing, is_deploying);
        assert_eq!(State::of(&variant, is_changing, is_deploying), want, "{row:?}");
    }
}

#[test]
fn the_states_have_fixed_codes() {
    let states = [State::Asleep, State::Waking, State::Awake, State::FallingAsleep, State::Updating];
    assert_eq!(states.map(State::as_str), ["asleep", "waking", "awake", "falling-asleep", "updating"]);
}

#[test]
fn a_variant_is_counted_as_it_runs_and_as_it_is_wanted() {
    let state = |variant: &Variant| variant_state(variant, State::Awake, None, &[], Some(3.0), at(0));
    let found = state(&counting(1, 4));
    assert_eq!((found.variant, found.instances, found.wanted, found.waiting), (name(), 1, 4, Some(3.0)));
    let undesired = state(&Variant { desired_instances: None, ..counting(2, 0) });
    assert_eq!((undesired.instances, undesired.wanted), (2, 2), "as many are wanted as run");
    assert_eq!(undesired.wakes_in, None);
}

#[test]
fn a_state_is_as_old_as_what_made_it() {
    let (running, failed) = (ActivityStatus::InProgress, ActivityStatus::Failed);
    let modified = Some(at(500));
    let overnight = [done(300, 2), done(200, 1), done(100, 0)];
    for (what, state, variant, activities, want) in [
        ("asleep since it ended", State::Asleep, counting(0, 0), vec![done(100, 0), done(90, 1)], Some(at(105))),
        (
            "it ended, but nobody knows when",
            State::Asleep,
            counting(0, 0),
            vec![ScalingActivity { end: None, ..done(100, 0) }],
            Some(at(100)),
        ),
        ("asleep by other hands", State::Asleep, counting(0, 0), vec![done(100, 1)], modified),
        ("nothing is known", State::Asleep, counting(0, 0), vec![], modified),
        (
            "waking since it was ordered",
            State::Waking,
            counting(0, 1),
            vec![activity(100, 1, running, None)],
            Some(at(100)),
        ),
        (
            "waking since it was first tried",
            State::Waking,
            counting(0, 1),
            vec![activity(100, 1, running, None), activity(95, 1, failed, Some(0))],
            Some(at(95)),
        ),
        (
            "falling asleep since it was ordered",
            State::FallingAsleep,
            counting(1, 0),
            vec![activity(100, 0, running, None)],
            Some(at(100)),
        ),
        ("awake since it woke, however it grew", State::Awake, counting(2, 2), overnight.to_vec(), Some(at(205))),
        ("awake since nobody knows when", State::Awake, counting(2, 2), vec![done(300, 2), done(200, 1)], None),
        ("an update is as old as the endpoint's change", State::Updating, counting(2, 2), overnight.to_vec(), modified),
    ] {
        let found = variant_state(&variant, state, modified, &activities, None, at(101));
        assert_eq!(found.since, want, "{what}");
    }
}

#[test]
fn failures_hide_since_when_it_is_awake() {
    let failed = activity(100, 3, ActivityStatus::Failed, Some(0));
    let since = |activities: &[ScalingActivity]| {
        variant_state(&counting(2, 2), State::Awake, Some(at(500)), activities, None, at(101)).since
    };
    assert_eq!(since(std::slice::from_ref(&failed)), None, "each attempt may have changed the endpoint");
    assert_eq!(since(&[failed, done(50, 3)]), Some(at(500)), "by other hands");
    assert_eq!(since(&[]), Some(at(500)));
}

#[test]
fn who_scaled_last_is_told() {
    let last = |desired, activities: &[ScalingActivity], modified| {
        variant_state(&counting(desired, desired), State::Awake, modified, activities, None, at(900)).last
    };
    let woken = done(100, 1);
    let Some(Scaled::ByActivity { activity, .. }) = last(1, std::slice::from_ref(&woken), Some(at(500))) else {
        panic!()
    };
    assert_eq!(activity, woken);
    let elsewise = |minute| Some(Scaled::Elsewise { since: at(minute) });
    assert_eq!(last(3, std::slice::from_ref(&woken), Some(at(500))), elsewise(500));
    assert_eq!(last(3, std::slice::from_ref(&woken), Some(at(50))), elsewise(105), "not before the activity ended");
    assert_eq!(last(3, &[woken], None), elsewise(105));
    assert_eq!(last(3, &[], Some(at(500))), None);
}

/// What the tags ask for beside it is for the next look: nobody has asked for it now.
#[test]
fn a_wish_that_has_come_true_changes_nothing_else() {
    let demo = endpoint(1, 1, &[]);
    let mut drifted = as_tagged(&demo);
    drifted.alarms.remove(&AlarmKind::Idle);
    assert_eq!(wished(Wanted::Wake(None), Some(&demo), false, drifted), ByHand::Unchanged(plan(vec![])));
}

#[test]
fn what_a_variant_was_before_goes_by_its_activities() {
    let unknown = Before::Unknown;
    let was = Before::Was;
    for (what, state, activities, now, want) in [
        ("no activity is known", State::Asleep, vec![], 100, unknown),
        ("only one that failed", State::Asleep, vec![activity(99, 0, ActivityStatus::Failed, Some(1))], 100, unknown),
        ("asleep by other hands", State::Asleep, vec![done(1, 1)], 1000, was(State::Awake)),
        ("asleep just now", State::Asleep, vec![done(80, 0)], 100, was(State::Awake)),
        ("asleep for long", State::Asleep, vec![done(80, 0)], 101, unknown),
        ("awake by other hands", State::Awake, vec![done(1, 0)], 1000, was(State::Asleep)),
        ("woken just now", State::Awake, vec![done(80, 1), done(60, 0)], 100, was(State::Asleep)),
        ("grown just now", State::Awake, vec![done(80, 2), done(60, 1), done(40, 0)], 100, was(State::Awake)),
        ("the first number that is known", State::Awake, vec![done(80, 1)], 100, was(State::Awake)),
        ("awake for long", State::Awake, vec![done(80, 1), done(60, 0)], 101, unknown),
        ("waking", State::Waking, vec![done(1, 0)], 1000, was(State::Asleep)),
        ("falling asleep", State::FallingAsleep, vec![done(1, 1)], 1000, was(State::Awake)),
        ("updating", State::Updating, vec![done(1, 1)], 2, unknown),
    ] {
        assert_eq!(state_before(state, &activities, at(now)), want, "{what}");
    }
}

#[test]
fn a_wish_to_wake_starts_what_is_lacking_within_the_bounds() {
    let (asleep, at_least_two) = (&[][..], &[("min-capacity", "2")][..]);
    let fixed = &[("wake-instances", "3")][..];
    for (what, tags, current, wanted, want) in [
        ("one", asleep, 0, None, ByHand::Wake(set(1), Pause::No)),
        ("as many as it wakes with", fixed, 0, None, ByHand::Wake(set(3), Pause::No)),
        ("as many as are asked for", fixed, 0, Some(2), ByHand::Wake(set(2), Pause::No)),
        ("as many as it may have", asleep, 0, Some(5), ByHand::Wake(set(5), Pause::No)),
        ("more than run", asleep, 1, Some(2), ByHand::Wake(set(2), Pause::No)),
        ("as many as run", asleep, 2, Some(2), ByHand::Unchanged(plan(vec![]))),
        ("fewer than run", asleep, 3, Some(2), ByHand::Unchanged(plan(vec![]))),
        ("no fewer than MinCapacity", at_least_two, 2, Some(1), ByHand::Unchanged(plan(vec![]))),
    ] {
        let demo = endpoint(current, current, tags);
        assert_eq!(wished(Wanted::Wake(wanted), Some(&demo), false, as_tagged(&demo)), want, "{what}");
    }
    let demo = endpoint(0, 0, &[]);
    let ByHand::Invalid(problems) = wished(Wanted::Wake(Some(6)), Some(&demo), false, as_tagged(&demo)) else {
        panic!()
    };
    let [Problem { tag, value, problem }] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((tag.as_str(), value.as_deref()), ("instances", Some("6")));
    assert_eq!(
        problem,
        "must be at most 5, the endpoint's maximum; set its tag scale-to-zero:max-capacity to allow more"
    );
}

#[test]
fn a_wish_to_sleep_leaves_what_the_minimum_keeps() {
    for (what, tags, current, want) in [
        ("all go", &[][..], 3, ByHand::Sleep(set(0))),
        ("all but the minimum", &[("min-capacity", "2")], 3, ByHand::Sleep(set(2))),
        ("the minimum stays", &[("min-capacity", "2")], 2, ByHand::Unchanged(plan(vec![]))),
        ("it sleeps", &[], 0, ByHand::Unchanged(plan(vec![]))),
        ("nothing has to wake what is kept", &[("min-capacity", "1"), ("wake", "false")], 2, ByHand::Sleep(set(1))),
        ("it sleeps for good already", &[("wake", "false")], 0, ByHand::Unchanged(plan(vec![]))),
    ] {
        let demo = endpoint(current, current, tags);
        assert_eq!(wished(Wanted::Sleep, Some(&demo), false, as_tagged(&demo)), want, "{what}");
    }
    let demo = endpoint(1, 1, &[("wake", "false")]);
    let ByHand::Invalid(problems) = wished(Wanted::Sleep, Some(&demo), false, as_tagged(&demo)) else { panic!() };
    let [Problem { tag, value, problem }] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((tag.as_str(), value.as_deref()), ("scale-to-zero:wake", Some("false")));
    assert!(problem.starts_with("leaves nothing that wakes the endpoint for its first request"), "{problem}");
}

/// What is there already, or on its way, is answered as such and asked for once.
#[test]
fn a_wish_that_is_being_fulfilled_is_not_asked_for_again() {
    let nothing = || plan(vec![]);
    let not_now = || ByHand::Skip(SkipReason::NotInService);
    for (what, demo, wanted, is_deploying, want) in [
        ("waking", updating(endpoint(0, 1, &[])), Wanted::Wake(None), false, ByHand::Wake(nothing(), Pause::No)),
        ("waking, and soon more", updating(endpoint(0, 1, &[])), Wanted::Wake(Some(2)), false, not_now()),
        ("falling asleep", updating(endpoint(1, 0, &[])), Wanted::Sleep, false, ByHand::Sleep(nothing())),
        ("losing one of three", updating(endpoint(3, 2, &[])), Wanted::Sleep, false, not_now()),
        (
            "losing to the minimum",
            updating(endpoint(3, 2, &[("min-capacity", "2")])),
            Wanted::Sleep,
            false,
            ByHand::Sleep(nothing()),
        ),
        ("asleep and updated", updating(endpoint(0, 0, &[])), Wanted::Sleep, false, not_now()),
        ("awake and updated", updating(endpoint(1, 1, &[])), Wanted::Wake(None), false, not_now()),
        ("awake and deployed", updating(endpoint(1, 1, &[])), Wanted::Wake(None), true, not_now()),
        ("waking and deployed", updating(endpoint(0, 1, &[])), Wanted::Wake(None), true, not_now()),
        ("growing", endpoint(1, 2, &[]), Wanted::Wake(Some(2)), false, ByHand::Unchanged(nothing())),
    ] {
        let scaling = as_tagged(&demo);
        assert_eq!(wished(wanted, Some(&demo), is_deploying, scaling), want, "{what}");
    }
}

#[test]
fn a_pause_holds_a_wish_as_far_as_it_reaches() {
    let all = endpoint(1, 1, &[("pause", "true")]);
    let scale_in = endpoint(1, 1, &[("pause", "scale-in")]);
    for (what, demo, wanted, want) in [
        ("all is paused", &all, Wanted::Wake(Some(2)), ByHand::Paused(Pause::All)),
        ("all is paused", &all, Wanted::Sleep, ByHand::Paused(Pause::All)),
        ("scaling in is paused", &scale_in, Wanted::Wake(Some(2)), ByHand::Wake(set(2), Pause::ScaleIn)),
        ("scaling in is paused", &scale_in, Wanted::Sleep, ByHand::Paused(Pause::ScaleIn)),
    ] {
        assert_eq!(wished(wanted, Some(demo), false, as_tagged(demo)), want, "{what}, {wanted:?}");
    }
}

#[test]
fn a_wish_about_what_isnt_managed_is_not_fulfilled() {
    let of_status = |status| Endpoint { status, ..endpoint(1, 1, &[]) };
    let opted_out = endpoint(1, 1, &[("enabled", "false")]);
    let mut opted_out_at_last = opted_out;
    opted_out_at_last.tags.insert("scale-to-zero:enabled".to_owned(), "false".to_owned());
    let real_time = Endpoint { inference: Inference::RealTime, ..endpoint(1, 1, &[]) };
    let configured = || as_tagged(&endpoint(1, 1, &[]));
    for (what, demo, scaling, want) in [
        ("gone", None, Scaling::default(), SkipReason::NotFound),
        ("gone, with something of ours left", None, configured(), SkipReason::NotInService),
        ("going", Some(of_status(EndpointStatus::Deleting)), Scaling::default(), SkipReason::NotInService),
        ("going, with all of ours", Some(of_status(EndpointStatus::Deleting)), configured(), SkipReason::NotInService),
        ("failed", Some(of_status(EndpointStatus::Failed)), configured(), SkipReason::NotInService),
        ("opted out", Some(opted_out_at_last.clone()), Scaling::default(), SkipReason::NotManaged),
        ("opted out, and not cleaned up", Some(opted_out_at_last), configured(), SkipReason::NotManaged),
        ("not asynchronous", Some(real_time), Scaling::default(), SkipReason::NotAsync),
    ] {
        for wanted in [Wanted::Wake(None), Wanted::Sleep] {
            let decision = wished(wanted, demo.as_ref(), false, scaling.clone());
            assert_eq!(decision, ByHand::Skip(want), "{what}, {wanted:?}");
        }
    }
    let misspelt = endpoint(1, 1, &[("max-capcity", "2")]);
    assert!(matches!(wished(Wanted::Sleep, Some(&misspelt), false, configured()), ByHand::Invalid(_)));
    let theirs = Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() };
    let shared = Scaling { foreign: [theirs].into(), ..configured() };
    assert!(matches!(wished(Wanted::Sleep, Some(&endpoint(1, 1, &[])), false, shared), ByHand::Conflict(..)));
}

/// Whatever is put to sleep has its way to wake, as the same plan makes it, and first.
#[test]
fn a_wish_comes_last_behind_all_that_the_tags_ask_for() {
    let demo = endpoint(1, 1, &[]);
    for (wanted, count) in [(Wanted::Sleep, 0), (Wanted::Wake(Some(2)), 2)] {
        let decision = wished(wanted, Some(&demo), false, Scaling::default());
        let (ByHand::Sleep(plans) | ByHand::Wake(plans, _)) = decision else { panic!("{decision:?}") };
        let (last, rest) = plans[0].changes.split_last().unwrap();
        assert_eq!(*last, Change::SetDesiredInstances(count));
        assert!(matches!(rest[0], Change::RegisterScalableTarget(_)), "{rest:?}");
        assert!(rest.iter().any(|change| matches!(change, Change::PutMetricAlarm(AlarmKind::Wake, _))), "{rest:?}");
    }
}

/// AWS moves the number by itself when a target is registered that it isn't within. SageMaker would refuse a second change.
#[test]
fn what_registering_moves_is_not_moved_again() {
    let bound =
        |min_capacity, max_capacity| ScalableTarget { min_capacity, max_capacity, suspended: Suspended::default() };
    for (what, tags, instances, present, wanted, is_set) in [
        ("raised to the minimum", &[("min-capacity", "2")][..], 1, bound(0, 5), Wanted::Wake(None), false),
        ("lowered to the maximum", &[("max-capacity", "3")], 4, bound(0, 5), Wanted::Sleep, false),
        ("within the bounds", &[("max-capacity", "3")], 3, bound(0, 5), Wanted::Sleep, true),
        ("registered as it is", &[], 1, bound(0, 5), Wanted::Sleep, true),
    ] {
        let demo = endpoint(instances, instances, tags);
        let scaling = Scaling { target: Some(present), ..as_tagged(&demo) };
        let decision = wished(wanted, Some(&demo), false, scaling);
        let (ByHand::Sleep(plans) | ByHand::Wake(plans, _)) = decision else { panic!("{what}: {decision:?}") };
        let sets = plans[0].changes.iter().any(|change| matches!(change, Change::SetDesiredInstances(_)));
        assert_eq!(sets, is_set, "{what}: {plans:?}");
    }
}

#[test]
fn each_variant_gets_its_own_number() {
    let mut demo = endpoint(0, 0, &[]);
    let other = VariantName::new("Other").unwrap();
    demo.variants.push(Variant { name: other.clone(), ..counting(2, 2) });
    let observed = BTreeMap::from([
        (name(), as_tagged(&demo)),
        (other.clone(), {
            let of_other = Endpoint { variants: vec![demo.variants[1].clone()], ..demo.clone() };
            as_tagged(&of_other)
        }),
    ]);
    let decision = by_hand(Wanted::Wake(Some(1)), &Rules::default(), Some(&demo), false, &observed, at(0));
    let idle = VariantPlan { variant: other.clone(), changes: vec![] };
    assert_eq!(decision, ByHand::Wake([set(1), vec![idle]].concat(), Pause::No));
    let decision = by_hand(Wanted::Sleep, &Rules::default(), Some(&demo), false, &observed, at(0));
    let sleeps = VariantPlan { variant: other, changes: vec![Change::SetDesiredInstances(0)] };
    assert_eq!(decision, ByHand::Sleep([plan(vec![]), vec![sleeps]].concat()));
}

#[test]
fn an_endpoint_is_at_work_while_anything_says_so_or_nobody_knows() {
    let work = |waiting, finished, gpu| Work { waiting, finished, gpu };
    for (work, want) in [
        (work(None, 0.0, None), Some("CloudWatch has no datapoint of its backlog")),
        (work(Some(2.0), 3.0, Some(50.0)), Some("its backlog was 2 in the last minutes")),
        (work(Some(0.0), 3.0, Some(50.0)), Some("a request ended in the last minutes")),
        (work(Some(0.0), 0.0, Some(49.6)), Some("a GPU is used to 50 %")),
        (work(Some(0.0), 0.0, Some(1.0)), Some("a GPU is used to 1 %")),
        (work(Some(0.0), 0.0, Some(0.9)), None),
        (work(Some(0.0), 0.0, None), None),
    ] {
        assert_eq!(at_work(&work).as_deref(), want, "{work:?}");
    }
}

#[test]
fn asleep_it_needs_a_way_to_wake_or_a_minimum() {
    let demo = endpoint(0, 0, &[]);
    let full = as_tagged(&demo);
    let target = |min_capacity| Some(ScalableTarget { min_capacity, ..full.target.clone().unwrap() });
    let mut without_policy = full.clone();
    without_policy.policies.remove(&PolicyName::Wake);
    for (what, scaling, variant, want) in [
        ("it can wake", Some(full.clone()), counting(0, 0), false),
        ("nothing wakes it", Some(without_policy.clone()), counting(0, 0), true),
        ("its minimum raises it", Some(Scaling { target: target(1), ..without_policy.clone() }), counting(0, 0), false),
        ("nothing is there", None, counting(0, 0), true),
        ("it runs", Some(without_policy.clone()), counting(1, 1), false),
        ("its last instance goes", Some(without_policy.clone()), counting(1, 0), true),
        ("it is being started", Some(without_policy), counting(0, 1), false),
    ] {
        let observed: BTreeMap<_, _> = scaling.map(|scaling| (name(), scaling)).into_iter().collect();
        let demo = Endpoint { variants: vec![variant], ..demo.clone() };
        assert_eq!(cannot_wake(&demo, &observed), want, "{what}");
    }
}
