//! What a state of the scaling lets happen, each condition by itself.

use super::*;

fn step_policy(adjustment: Adjustment, steps: &[(Option<f64>, Option<f64>, i32)]) -> StepScaling {
    let steps = steps.iter().map(|&(lower, upper, amount)| StepAdjustment { lower, upper, amount }).collect();
    StepScaling { adjustment, aggregation: Aggregation::Average, steps, cooldown: 60 }
}

fn adds(amount: i32) -> ScalingPolicy {
    ScalingPolicy::Step(step_policy(Adjustment::ChangeInCapacity, &[(Some(0.0), None, amount)]))
}

fn leaves(amount: i32) -> ScalingPolicy {
    ScalingPolicy::Step(step_policy(Adjustment::ExactCapacity, &[(Some(0.0), None, amount)]))
}

fn metric(name: &str) -> Metric {
    Metric {
        namespace: Namespace::Invocations,
        name: name.to_owned(),
        endpoint: "demo".to_owned(),
        variant: None,
        statistic: Statistic::Average,
        period: 60,
    }
}

fn tracking(disable_scale_in: bool) -> ScalingPolicy {
    ScalingPolicy::TargetTracking(TargetTracking {
        target_value: 5.0,
        metric: metric("ApproximateBacklogSizePerInstance"),
        scale_in_cooldown: 300,
        scale_out_cooldown: 300,
        disable_scale_in,
    })
}

fn alarm(comparison: Comparison, threshold: f64) -> Alarm {
    Alarm {
        description: String::new(),
        input: AlarmInput::Metric(metric("HasBacklogWithoutCapacity")),
        comparison,
        threshold,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        missing_data: MissingData::NotBreaching,
        other_actions: OtherActions::default(),
    }
}

fn action(min_capacity: i32) -> ScheduledAction {
    ScheduledAction { schedule: "cron(0 8 ? * MON *)".to_owned(), timezone: "UTC".to_owned(), min_capacity }
}

fn target(min_capacity: i32, suspended: Suspended) -> ScalableTarget {
    ScalableTarget { min_capacity, max_capacity: 5, suspended }
}

fn foreign() -> BTreeSet<Foreign> {
    BTreeSet::from([Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() }])
}

/// Each thing that stands under a name of ours, alone.
fn one_of_ours() -> Vec<(&'static str, Scaling)> {
    let mut found = vec![
        ("a policy", Scaling { policies: BTreeMap::from([(PolicyName::Idle, leaves(0))]), ..Scaling::default() }),
        (
            "an alarm",
            Scaling {
                alarms: BTreeMap::from([(AlarmKind::Wake, alarm(Comparison::GreaterThanThreshold, 0.0))]),
                ..Scaling::default()
            },
        ),
        ("an action", Scaling { actions: BTreeMap::from([("a".to_owned(), action(1))]), ..Scaling::default() }),
    ];
    let stray = |strays| Scaling { strays, ..Scaling::default() };
    found.push((
        "an edited policy",
        stray(Strays { policies: BTreeMap::from([(PolicyName::Idle, PolicyType::Step)]), ..Strays::default() }),
    ));
    found.push((
        "an edited alarm",
        stray(Strays { alarms: BTreeMap::from([(AlarmKind::Idle, OtherActions::default())]), ..Strays::default() }),
    ));
    found.push(("an edited action", stray(Strays { actions: BTreeSet::from(["a".to_owned()]), ..Strays::default() })));
    found
}

#[test]
fn anything_under_a_name_of_ours_is_ours_and_nothing_else_is() {
    for (what, scaling) in one_of_ours() {
        assert!(scaling.has_ours(), "{what}");
        assert_eq!(scaling.has_actions(), what.contains("action"), "{what}");
    }
    assert!(!Scaling::default().has_ours());
    let anothers = Scaling { target: Some(target(0, Suspended::default())), foreign: foreign(), ..Scaling::default() };
    assert!(!anothers.has_ours());
}

fn wakeable(policy: ScalingPolicy, alarm: Alarm) -> Scaling {
    Scaling {
        target: Some(target(0, Suspended::default())),
        policies: BTreeMap::from([(PolicyName::Wake, policy)]),
        alarms: BTreeMap::from([(AlarmKind::Wake, alarm)]),
        ..Scaling::default()
    }
}

/// The metric is 1 while a request waits and no instance runs.
#[test]
fn a_variant_can_wake_by_an_alarm_that_fires_at_one_and_a_step_there_that_adds() {
    let above = |threshold| alarm(Comparison::GreaterThanThreshold, threshold);
    let two_steps = ScalingPolicy::Step(step_policy(
        Adjustment::ChangeInCapacity,
        &[(Some(0.0), Some(0.7), 0), (Some(0.7), None, 2)],
    ));
    for (what, policy, alarm, want) in [
        ("one is added", adds(1), above(0.0), true),
        ("several are", adds(3), above(0.0), true),
        ("none is", adds(0), above(0.0), false),
        ("one goes", adds(-1), above(0.0), false),
        ("a number is set", leaves(1), above(0.0), false),
        ("target tracking has no step", tracking(true), above(0.0), false),
        ("it doesn't fire at 1", adds(1), above(1.0), false),
        ("it fires at 1", adds(1), alarm(Comparison::GreaterThanOrEqualToThreshold, 1.0), true),
        ("it fires below 1", adds(1), alarm(Comparison::LessThanThreshold, 1.0), false),
        ("the step is by how far it is over", two_steps.clone(), above(0.0), true),
        ("the step there adds none", two_steps, above(0.5), false),
        (
            "no step reaches so far",
            ScalingPolicy::Step(step_policy(Adjustment::ChangeInCapacity, &[(Some(0.0), Some(0.5), 1)])),
            above(0.0),
            false,
        ),
    ] {
        let scaling = wakeable(policy, alarm);
        assert_eq!((scaling.has_a_way_to_wake(), scaling.can_wake()), (want, want), "{what}");
    }
    let full = wakeable(adds(1), above(0.0));
    for (what, scaling) in [
        ("no policy", Scaling { policies: BTreeMap::new(), ..full.clone() }),
        ("no alarm", Scaling { alarms: BTreeMap::new(), ..full.clone() }),
    ] {
        assert!(!scaling.has_a_way_to_wake() && !scaling.can_wake(), "{what}");
    }
    let suspended = Suspended { scale_out: true, ..Suspended::default() };
    for (what, target) in [("no target", None), ("scaling out is suspended", Some(target(0, suspended)))] {
        let scaling = Scaling { target, ..full.clone() };
        assert!(scaling.has_a_way_to_wake() && !scaling.can_wake(), "{what}");
    }
    let all_else_suspended = Suspended { scale_in: true, scheduled: true, scale_out: false };
    assert!(Scaling { target: Some(target(0, all_else_suspended)), ..full }.can_wake());
}

#[test]
fn which_policies_take_instances_away_and_which_the_last() {
    let (up, down) = (Some(0.0), Some(0.0));
    let change = |steps: &[_]| ScalingPolicy::Step(step_policy(Adjustment::ChangeInCapacity, steps));
    for (what, policy, some, last) in [
        ("target tracking both ways", tracking(false), true, true),
        ("target tracking that only grows", tracking(true), false, false),
        ("one more", adds(1), false, false),
        ("none more", adds(0), false, false),
        ("one fewer", adds(-1), true, true),
        ("more, and far below fewer", change(&[(None, down, -1), (up, None, 1)]), true, true),
        ("none at all", leaves(0), true, true),
        ("a single one", leaves(1), true, false),
        ("two", leaves(2), true, false),
    ] {
        let scaling = Scaling { policies: BTreeMap::from([(PolicyName::Idle, policy)]), ..Scaling::default() };
        assert_eq!((scaling.can_scale_in(), scaling.can_take_the_last()), (some, last), "{what}");
    }
    let nobody_knows = ["an edited policy", "an edited action"];
    for (what, scaling) in one_of_ours().into_iter().filter(|(what, _)| *what != "a policy") {
        let want = nobody_knows.contains(&what);
        assert_eq!((scaling.can_scale_in(), scaling.can_take_the_last()), (want, want), "{what}");
    }
    let anothers = Scaling { foreign: foreign(), ..Scaling::default() };
    assert!(anothers.can_scale_in() && anothers.can_take_the_last(), "another's may do anything");
    assert!(!Scaling::default().can_scale_in() && !Scaling::default().can_take_the_last());
}

#[test]
fn zero_is_reached_by_the_minimum_or_by_a_schedule_that_lowers_it() {
    let none = Suspended::default();
    let no_scale_in = Suspended { scale_in: true, ..none };
    let no_schedule = Suspended { scheduled: true, ..none };
    let no_scale_out = Suspended { scale_out: true, ..none };
    let to = |min| BTreeMap::from([("a".to_owned(), action(min))]);
    let two = BTreeMap::from([("a".to_owned(), action(1)), ("b".to_owned(), action(0))]);
    let edited = || Strays { actions: BTreeSet::from(["a".to_owned()]), ..Strays::default() };
    for (what, target, actions, strays, want) in [
        ("no target", None, to(0), edited(), false),
        ("at 0", Some(target(0, none)), BTreeMap::new(), Strays::default(), true),
        ("at 1", Some(target(1, none)), BTreeMap::new(), Strays::default(), false),
        ("lowered to 0", Some(target(1, none)), to(0), Strays::default(), true),
        ("one of two lowers it", Some(target(1, none)), two, Strays::default(), true),
        ("raised to 2", Some(target(1, none)), to(2), Strays::default(), false),
        ("nobody knows what an edited action does", Some(target(1, none)), BTreeMap::new(), edited(), true),
        ("at 0, scaling in is suspended", Some(target(0, no_scale_in)), to(0), edited(), false),
        ("at 0, schedules are suspended", Some(target(0, no_schedule)), BTreeMap::new(), Strays::default(), true),
        ("lowered to 0, but suspended", Some(target(1, no_schedule)), to(0), Strays::default(), false),
        ("edited, but suspended", Some(target(1, no_schedule)), BTreeMap::new(), edited(), false),
        ("scaling out plays no part", Some(target(0, no_scale_out)), BTreeMap::new(), Strays::default(), true),
    ] {
        let scaling = Scaling { target, actions, strays, ..Scaling::default() };
        assert_eq!(scaling.may_reach_zero(), want, "{what}");
    }
}

#[test]
fn what_stands_under_a_name_is_known_whether_it_was_edited_or_not() {
    let topic = |arn: &str| OtherActions { ok: vec![arn.to_owned()], ..OtherActions::default() };
    let mut scaling = wakeable(adds(1), alarm(Comparison::GreaterThanThreshold, 0.0));
    scaling.policies.insert(PolicyName::Backlog, tracking(true));
    scaling.alarms.get_mut(&AlarmKind::Wake).unwrap().other_actions = topic("a");
    scaling.strays.policies = BTreeMap::from([(PolicyName::Idle, PolicyType::Other)]);
    scaling.strays.alarms = BTreeMap::from([(AlarmKind::Idle, topic("b"))]);
    for (name, want) in [
        (PolicyName::Wake, Some(PolicyType::Step)),
        (PolicyName::Backlog, Some(PolicyType::TargetTracking)),
        (PolicyName::Idle, Some(PolicyType::Other)),
        (PolicyName::Spare, None),
    ] {
        assert_eq!(scaling.policy_type(name), want, "{name}");
    }
    assert_eq!(scaling.alarm_kinds(), BTreeSet::from([AlarmKind::Wake, AlarmKind::Idle]));
    for (kind, want) in
        [(AlarmKind::Wake, topic("a")), (AlarmKind::Idle, topic("b")), (AlarmKind::Spare, OtherActions::default())]
    {
        assert_eq!(scaling.other_actions(kind), want, "{kind:?}");
    }
}

#[test]
fn the_greatest_step_is_the_most_that_a_policy_asks_for() {
    let ladder = step_policy(Adjustment::ChangeInCapacity, &[(Some(0.0), Some(1.5), 1), (Some(1.5), None, 4)]);
    assert_eq!(ScalingPolicy::Step(ladder).most(), Some(4));
    assert_eq!(ScalingPolicy::Step(step_policy(Adjustment::ChangeInCapacity, &[])).most(), None);
    assert_eq!(tracking(true).most(), None);
}

/// Above the threshold a lower bound belongs to its step and an upper one doesn't; below, it is the other way round.
#[test]
fn a_bound_belongs_to_one_step_alone() {
    let policy = step_policy(
        Adjustment::ChangeInCapacity,
        &[
            (None, Some(-10.0), -2),
            (Some(-10.0), Some(0.0), -1),
            (Some(0.0), Some(10.0), 1),
            (Some(10.0), Some(20.0), 2),
        ],
    );
    for (difference, want) in [
        (-11.0, Some(-2)),
        (-10.0, Some(-2)),
        (-9.9, Some(-1)),
        (-0.1, Some(-1)),
        (0.1, Some(1)),
        (9.9, Some(1)),
        (10.0, Some(2)),
        (19.9, Some(2)),
        (20.0, None),
        (21.0, None),
    ] {
        assert_eq!(policy.amount_at(difference), want, "at {difference}");
    }
    let near = step_policy(Adjustment::ChangeInCapacity, &[(Some(-10.0), Some(-5.0), -1)]);
    assert_eq!([near.amount_at(-10.0), near.amount_at(-5.0), near.amount_at(-4.9)], [None, Some(-1), None]);
    let up = step_policy(Adjustment::ChangeInCapacity, &[(Some(0.0), None, 1)]);
    assert_eq!([up.amount_at(-0.1), up.amount_at(0.0), up.amount_at(1e9)], [None, Some(1), Some(1)]);
    let down = step_policy(Adjustment::ChangeInCapacity, &[(None, Some(0.0), -1)]);
    assert_eq!([down.amount_at(-1e9), down.amount_at(0.0), down.amount_at(0.1)], [Some(-1), Some(-1), None]);
}

#[test]
fn an_alarm_fires_as_its_comparison_says() {
    for (comparison, below, at, above) in [
        (Comparison::GreaterThanThreshold, false, false, true),
        (Comparison::GreaterThanOrEqualToThreshold, false, true, true),
        (Comparison::LessThanThreshold, true, false, false),
    ] {
        let alarm = alarm(comparison, 2.0);
        assert_eq!(
            [alarm.fires_at(1.9), alarm.fires_at(2.0), alarm.fires_at(2.1)],
            [below, at, above],
            "{comparison:?}"
        );
    }
}

#[test]
fn an_alarm_looks_at_its_metrics() {
    let single = alarm(Comparison::GreaterThanThreshold, 0.0);
    assert_eq!(single.metrics(), [&metric("HasBacklogWithoutCapacity")]);
    let metrics = vec![("b".to_owned(), metric("One")), ("m".to_owned(), metric("Two"))];
    let math = MetricMath { expression: "b + m".to_owned(), metrics };
    let double = Alarm { input: AlarmInput::Expression(math), ..single };
    assert_eq!(double.metrics(), [&metric("One"), &metric("Two")]);
}

/// These are AWS's words: another one would be refused, or be another's metric.
#[test]
fn the_words_of_aws_are_spelled_as_it_spells_them() {
    assert_eq!(Namespace::ALL.map(Namespace::as_str), ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]);
    assert_eq!(Statistic::ALL.map(Statistic::as_str), ["Average", "Maximum", "Sum", "SampleCount"]);
    assert_eq!(
        Comparison::ALL.map(Comparison::as_str),
        ["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]
    );
    assert_eq!(ForeignKind::ScalingPolicy.to_string(), "scaling policy");
    assert_eq!(ForeignKind::ScheduledAction.to_string(), "scheduled action");
}
