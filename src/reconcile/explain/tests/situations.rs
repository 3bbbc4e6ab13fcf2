//! Situations of a variant, each with the sentences that are told about it and the advice beside them.

use jiff::SignedDuration;

use super::super::super::activities::{ActivityStatus, ScalingActivity};
use super::super::super::names::REMOVAL_MARK;
use super::super::super::scaling::{ScalingPolicy, Suspended};
use super::*;

const NOW: i64 = 1_000_000;

fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - seconds_ago).unwrap()
}

/// As [`World::explain`], at [`NOW`].
fn explained(world: &World) -> Vec<Finding> {
    explained_with(world, "InService")
}

fn explained_with(world: &World, status: &str) -> Vec<Finding> {
    explain(&Facts {
        rules: &Rules::default(),
        endpoint: Some(&world.endpoint),
        status: Some(status),
        scaling: &BTreeMap::from([(all_traffic(), world.scaling.clone())]),
        decision: &world.decision,
        readings: &world.readings,
        now: at(0),
    })
}

#[track_caller]
fn found(world: &World, code: FindingCode) -> Finding {
    let findings = explained(world);
    let of_code: Vec<&Finding> = findings.iter().filter(|finding| finding.code == code).collect();
    assert_eq!(of_code.len(), 1, "{findings:#?}");
    of_code[0].clone()
}

#[track_caller]
fn assert_silent(world: &World, code: FindingCode) {
    let findings = explained(world);
    assert!(findings.iter().all(|finding| finding.code != code), "{findings:#?}");
}

/// What is told of the variant: the sentence behind its name, the tag and the advice.
fn told(finding: &Finding) -> (&str, Option<&str>, Option<&str>) {
    let sentence = finding.sentence.strip_prefix("Variant AllTraffic ").unwrap_or(&finding.sentence);
    (sentence, finding.tag.as_deref(), finding.advice.as_deref())
}

fn tagged(mut world: World, tags: &[(&str, &str)]) -> World {
    for (key, value) in tags {
        world.endpoint.tags.insert(format!("scale-to-zero:{key}"), (*value).to_owned());
    }
    let Ok(Wish::Managed(settings)) = Rules::default().read(&world.endpoint.tags) else { panic!("{tags:?}") };
    world.scaling = desired(&world.endpoint.name, &world.endpoint.variants[0], &settings, at(0));
    world
}

fn counting(mut world: World, current: i32, desired: i32) -> World {
    world.endpoint.variants[0].current_instances = Some(current);
    world.endpoint.variants[0].desired_instances = Some(desired);
    world
}

fn with_activities(mut world: World, activities: &[ScalingActivity]) -> World {
    world.readings.activities.insert(all_traffic(), activities.to_vec());
    world
}

fn order(seconds_ago: i64, instances: i32, status: ActivityStatus, message: Option<&str>) -> ScalingActivity {
    ScalingActivity {
        start: at(seconds_ago),
        end: (status != ActivityStatus::InProgress).then(|| at(seconds_ago - 1)),
        status,
        cause: "monitor alarm scale-to-zero/demo/AllTraffic/wake in state ALARM triggered policy scale-to-zero-wake"
            .to_owned(),
        description: format!("Setting desired instance count to {instances}."),
        message: message.map(str::to_owned),
    }
}

fn started(seconds_ago: i64, took: i64) -> ScalingActivity {
    ScalingActivity { end: Some(at(seconds_ago - took)), ..order(seconds_ago, 1, ActivityStatus::Successful, None) }
}

fn failed(seconds_ago: i64, message: &str) -> ScalingActivity {
    order(seconds_ago, 1, ActivityStatus::Failed, Some(message))
}

fn minute(minutes_ago: i64, value: f64) -> Minute {
    Minute { at: at(minutes_ago * 60), value }
}

fn with_sign(mut world: World, sign: Sign, minutes: &[Minute]) -> World {
    world.readings.signs.insert((all_traffic(), sign), minutes.to_vec());
    world
}

fn with_minutes(mut world: World, backlog: &[(i64, f64)]) -> World {
    let size = |&(minutes_ago, requests): &(i64, f64)| BacklogSize { at: clock(at(minutes_ago * 60)), requests };
    world.readings.backlog = backlog.iter().map(size).collect();
    world
}

fn with_alarm(mut world: World, role: AlarmRole, state: AlarmState, drives: bool, seconds_ago: i64) -> World {
    let reading = AlarmReading {
        name: format!("{role:?}"),
        role,
        state,
        since: Some(at(seconds_ago)),
        reason: String::new(),
        drives_its_policy: drives,
    };
    world.readings.alarms.get_or_insert_default().entry(all_traffic()).or_default().push(reading);
    world
}

/// Both alarms that AWS makes for target tracking are there.
fn with_tracking_alarms(world: World) -> World {
    let out = with_alarm(world, AlarmRole::ScaleOut, AlarmState::Ok, true, 0);
    with_alarm(out, AlarmRole::ScaleIn, AlarmState::Ok, true, 0)
}

const HELPS: &str = "wait, or name instance pools (several instance types; AWS takes the first that it has) or another \
                     instance type in the endpoint's configuration: to change the instance type, set the tag \
                     scale-to-zero:enabled to false, wait until the answer is removed, update the endpoint, and set the tag \
                     to true again";

#[test]
fn an_order_that_is_open_is_told_by_what_hinders_it() {
    use ActivityStatus::{InProgress, Overridden};
    let waking = || counting(world(0), 0, 1);
    let since = |seconds_ago: i64| clock(at(seconds_ago));
    for (activities, code, sentence, advice) in [
        (
            vec![order(300, 1, InProgress, None)],
            FindingCode::Starting,
            format!("runs 0 instances and should have 1: AWS has been starting them since {} (5 min).", since(300)),
            "wait: users measured starts of 7 to 15 minutes".to_owned(),
        ),
        (
            vec![order(300, 1, InProgress, None), started(9000, 420)],
            FindingCode::Starting,
            format!("runs 0 instances and should have 1: AWS has been starting them since {} (5 min).", since(300)),
            "wait: its last start took 7 min".to_owned(),
        ),
        (
            vec![order(40, 1, InProgress, None), started(9000, 420), started(20_000, 540)],
            FindingCode::Starting,
            format!("runs 0 instances and should have 1: AWS has been starting them since {} (40 s).", since(40)),
            "wait: its last 2 starts took 8 min, by the median".to_owned(),
        ),
        (
            vec![order(4000, 1, InProgress, None)],
            FindingCode::NoCapacity,
            format!(
                "runs 0 instances and should have 1: AWS has been trying since {} (1 h 6 min), longer than a start takes (users \
                 measured starts of 7 to 15 minutes). Probably AWS has no capacity of its instance type. It then reports no \
                 failure, and goes on trying.",
                since(4000)
            ),
            HELPS.to_owned(),
        ),
        (
            vec![failed(7200, "Insufficient capacity.")],
            FindingCode::NoCapacity,
            format!(
                "runs 0 instances and can't get 1: AWS has been trying since {} (2 h), and has no capacity of its instance \
                 type. Its last answer, at {}: Insufficient capacity.",
                since(7200),
                since(7200)
            ),
            HELPS.to_owned(),
        ),
        (
            vec![failed(60, "the account-level service limit is 0")],
            FindingCode::Quota,
            format!(
                "runs 0 instances and can't get 1: AWS has been trying since {} (1 min), and your quota for its instance type is \
                 used up. Its last answer, at {}: the account-level service limit is 0.",
                since(60),
                since(60)
            ),
            "ask for more in Service Quotas, end what else runs on its instance type, or set the tag \
             scale-to-zero:max-capacity to what the quota allows"
                .to_owned(),
        ),
        (
            vec![failed(60, "the role is gone")],
            FindingCode::ScalingFailed,
            format!(
                "could not be scaled when Application Auto Scaling last tried, at {} (Setting desired instance count to 1): \
                 the role is gone.",
                since(60)
            ),
            "mend what the message says".to_owned(),
        ),
        (
            vec![ScalingActivity { message: None, ..failed(60, "") }],
            FindingCode::ScalingFailed,
            format!(
                "could not be scaled when Application Auto Scaling last tried, at {} (Setting desired instance count to 1): AWS \
                 gives no reason.",
                since(60)
            ),
            "mend what the message says".to_owned(),
        ),
        (
            vec![order(60, 1, Overridden, None), order(90, 1, InProgress, None)],
            FindingCode::Starting,
            format!("runs 0 instances and should have 1: AWS has been starting them since {} (1 min).", since(90)),
            "wait: users measured starts of 7 to 15 minutes".to_owned(),
        ),
    ] {
        let world = with_activities(waking(), &activities);
        let finding = found(&world, code);
        assert_eq!(told(&finding), (sentence.as_str(), None, Some(advice.as_str())), "{activities:?}");
        let about = if code == FindingCode::ScalingFailed { About::All } else { About::Wake };
        assert_eq!(finding.about, about);
    }
}

#[test]
fn a_full_page_of_failures_is_told_as_the_least_that_is_known() {
    let page: Vec<ScalingActivity> = (1..=50).map(|nth| failed(nth * 10, "Insufficient capacity.")).collect();
    let world = with_activities(counting(world(0), 0, 1), &page);
    let sentence = found(&world, FindingCode::NoCapacity).sentence;
    assert!(sentence.contains(&format!("trying since at least {} (8 min)", clock(at(500)))), "{sentence}");
}

#[test]
fn what_was_fulfilled_is_no_open_order_but_a_refusal_is_told_all_the_same() {
    let runs = |activities: &[ScalingActivity]| with_activities(counting(world(1), 1, 1), activities);
    for code in [FindingCode::NoCapacity, FindingCode::Starting] {
        assert_silent(&runs(&[failed(60, "Insufficient capacity.")]), code);
        assert_silent(&runs(&[order(60, 1, ActivityStatus::InProgress, None)]), code);
    }
    found(&runs(&[failed(60, "the role is gone")]), FindingCode::ScalingFailed);
    let one_lacks = with_activities(
        counting(world(1), 1, 2),
        &[order(60, 2, ActivityStatus::Failed, Some("Insufficient capacity."))],
    );
    assert!(found(&one_lacks, FindingCode::NoCapacity).sentence.contains("runs 1 instance and can't get 2"));
}

#[test]
fn instances_that_nobody_is_known_to_have_ordered_are_told_as_starting() {
    let finding = found(&counting(world(1), 1, 3), FindingCode::Starting);
    let advice = format!("wait: users measured starts of 7 to 15 minutes; if it takes much longer, {HELPS}");
    assert_eq!(
        told(&finding),
        (
            "runs 1 instance and should have 3, and no scaling activity says since when: they are starting, or AWS has no \
             capacity of its instance type.",
            None,
            Some(advice.as_str())
        )
    );
    let mut typed = counting(world(1), 1, 3);
    typed.endpoint.variants[0].instance_type = Some("ml.g5.xlarge".to_owned());
    assert!(found(&typed, FindingCode::Starting).sentence.ends_with("capacity of ml.g5.xlarge."));
    for (what, world) in [
        ("as many as are wanted", counting(world(1), 2, 2)),
        ("more than are wanted", counting(world(1), 3, 1)),
        ("while it is updated, that is told for the endpoint", {
            let mut updating = counting(world(1), 1, 3);
            updating.endpoint.status = EndpointStatus::Other;
            updating
        }),
    ] {
        let findings = explained(&world);
        assert!(findings.iter().all(|it| it.code != FindingCode::Starting), "{what}: {findings:#?}");
    }
}

#[test]
fn a_variant_that_ought_to_have_more_by_its_minimum_is_told() {
    let below = |current, desired| {
        let mut world = tagged(counting(world(0), current, desired), &[("min-capacity", "2")]);
        world.scaling.target = Some(target(2));
        world
    };
    let finding = found(&below(1, 1), FindingCode::BelowMinCapacity);
    assert_eq!(
        told(&finding),
        (
            "runs 1 instance, below its MinCapacity of 2: AWS starts instances for a minimum only when it is registered or \
             changed, and that order failed or was undone.",
            None,
            Some(
                "it is registered again: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or wait for the next sweep"
            )
        )
    );
    assert_silent(&below(2, 2), FindingCode::BelowMinCapacity);
    assert_silent(&below(1, 2), FindingCode::BelowMinCapacity);
    assert_silent(&below(2, 1), FindingCode::BelowMinCapacity);
    let tried = with_activities(below(1, 1), &[order(60, 2, ActivityStatus::InProgress, None)]);
    assert_silent(&tried, FindingCode::BelowMinCapacity);
}

#[test]
fn a_pause_is_told_by_what_it_holds_and_by_who_asked_for_it() {
    let suspended = |scale_in, scale_out, tags: &[(&str, &str)]| {
        let mut world = tagged(world(1), tags);
        let suspended = Suspended { scale_in, scale_out, scheduled: false };
        world.scaling.target = Some(ScalableTarget { suspended, ..target(0) });
        world
    };
    let by_tag = (Some("scale-to-zero:pause"), Some("set the tag scale-to-zero:pause to false"));
    let by_hand = (
        Some("scale-to-zero:pause"),
        Some("no tag asks for it: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or wait for the next sweep"),
    );
    for (world, about, sentence, (tag, advice)) in [
        (
            suspended(true, false, &[("pause", "scale-in")]),
            About::Sleep,
            "is paused: scaling in is suspended, so no instance is taken away.",
            by_tag,
        ),
        (
            suspended(false, true, &[("pause", "true")]),
            About::Wake,
            "is paused: scaling out is suspended, so no instance is started.",
            by_tag,
        ),
        (
            suspended(true, true, &[]),
            About::All,
            "is paused: scaling is suspended, so no instance is started and none taken away.",
            by_hand,
        ),
    ] {
        let finding = found(&world, FindingCode::Paused);
        assert_eq!((finding.about, told(&finding)), (about, (sentence, tag, advice)));
    }
    assert_silent(&suspended(false, false, &[]), FindingCode::Paused);
}

#[test]
fn what_is_missing_is_named_with_its_consequence() {
    let lacking = |what: &dyn Fn(&mut Scaling)| {
        let mut world = world(1);
        what(&mut world.scaling);
        world
    };
    let advice = Some(
        "it was deleted by hand, or is not made yet: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or wait for the \
         next sweep",
    );
    for (world, code, sentence) in [
        (
            lacking(&|scaling| drop(scaling.alarms.remove(&AlarmKind::Wake))),
            FindingCode::WakeMissing,
            "lacks its wake alarm, so nothing starts an instance when a request comes at zero.",
        ),
        (
            lacking(&|scaling| {
                scaling.alarms.remove(&AlarmKind::Wake);
                scaling.policies.remove(&PolicyName::Wake);
            }),
            FindingCode::WakeMissing,
            "lacks its policy scale-to-zero-wake and its wake alarm, so nothing starts an instance when a request comes at zero.",
        ),
        (
            lacking(&|scaling| drop(scaling.policies.remove(&PolicyName::Idle))),
            FindingCode::SleepMissing,
            "lacks its policy scale-to-zero-idle, so nothing takes the last instance away.",
        ),
        (
            lacking(&|scaling| drop(scaling.alarms.remove(&AlarmKind::Idle))),
            FindingCode::SleepMissing,
            "lacks its idle alarm, so nothing takes the last instance away.",
        ),
        (
            {
                let mut world = tagged(world(1), &[("idle-timeout", "none")]);
                world.scaling.policies.remove(&PolicyName::Backlog);
                world
            },
            FindingCode::SleepMissing,
            "lacks its policy scale-to-zero-backlog, so nothing takes the last instance away.",
        ),
    ] {
        let finding = found(&world, code);
        assert_eq!(told(&finding), (sentence, None, advice));
        let about = if code == FindingCode::WakeMissing { About::Wake } else { About::Sleep };
        assert_eq!(finding.about, about);
    }
    // With an idle timeout target tracking takes nothing away, and where an instance is kept nothing has to wake.
    assert_silent(&lacking(&|scaling| drop(scaling.policies.remove(&PolicyName::Backlog))), FindingCode::SleepMissing);
    for tags in [&[("min-capacity", "1")][..], &[("wake", "false")]] {
        assert_silent(&tagged(world(1), tags), FindingCode::WakeMissing);
    }
    for code in [FindingCode::WakeMissing, FindingCode::SleepMissing] {
        assert_silent(&world(1), code);
    }
}

#[test]
fn an_alarm_of_target_tracking_that_is_gone_is_told() {
    let without = |role: AlarmRole, tags: &[(&str, &str)]| {
        let mut world = with_tracking_alarms(tagged(world(1), tags));
        for alarms in world.readings.alarms.as_mut().unwrap().values_mut() {
            alarms.retain(|alarm| alarm.role != role);
        }
        world
    };
    let both_ways = &[("idle-timeout", "none")][..];
    let advice = Some(
        "somebody deleted it, and AWS makes it anew when the policy is put again: invoke {\"action\": \"apply\", \
         \"endpoint\": \"demo\"}, or wait for the next sweep",
    );
    let finding = found(&without(AlarmRole::ScaleOut, &[]), FindingCode::TrackingAlarmMissing);
    assert_eq!(
        (finding.about, told(&finding)),
        (
            About::Wake,
            (
                "has the policy scale-to-zero-backlog without its alarm that scales out, so no instance is added however many \
                 requests wait.",
                None,
                advice
            )
        )
    );
    let finding = found(&without(AlarmRole::ScaleIn, both_ways), FindingCode::TrackingAlarmMissing);
    assert_eq!(
        (finding.about, told(&finding)),
        (
            About::Sleep,
            (
                "has the policy scale-to-zero-backlog without its alarm that scales in, so no instance is taken away.",
                None,
                advice
            )
        )
    );
    assert_silent(&without(AlarmRole::ScaleIn, &[]), FindingCode::TrackingAlarmMissing);
    assert_silent(&with_tracking_alarms(tagged(world(1), both_ways)), FindingCode::TrackingAlarmMissing);
    // What couldn't be read is not told as missing.
    assert_silent(&tagged(world(1), both_ways), FindingCode::TrackingAlarmMissing);
}

#[test]
fn an_alarm_that_does_nothing_when_it_fires_is_told() {
    let idle = AlarmRole::Own(AlarmKind::Idle);
    for (role, tags, about, advice) in [
        (
            AlarmRole::Own(AlarmKind::Wake),
            &[][..],
            About::Wake,
            "it was changed by hand: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or wait for the next sweep"
                .to_owned(),
        ),
        (
            idle,
            &[],
            About::Sleep,
            "it was changed by hand: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or wait for the next sweep"
                .to_owned(),
        ),
        (
            AlarmRole::ScaleOut,
            &[],
            About::Wake,
            "AWS made this alarm and its actions were switched off by hand: aws cloudwatch enable-alarm-actions --alarm-names \
             ScaleOut"
                .to_owned(),
        ),
        // With an idle timeout it has nothing to do with sleeping.
        (
            AlarmRole::ScaleIn,
            &[],
            About::Wake,
            "AWS made this alarm and its actions were switched off by hand: aws cloudwatch enable-alarm-actions --alarm-names \
             ScaleIn"
                .to_owned(),
        ),
        (
            AlarmRole::ScaleIn,
            &[("idle-timeout", "none")],
            About::Sleep,
            "AWS made this alarm and its actions were switched off by hand: aws cloudwatch enable-alarm-actions --alarm-names \
             ScaleIn"
                .to_owned(),
        ),
    ] {
        let world = with_alarm(tagged(world(1), tags), role, AlarmState::Ok, false, 0);
        let finding = found(&world, FindingCode::AlarmWithoutAction);
        let sentence = format!(
            "has the alarm {role:?}, but the alarm's actions are switched off or don't include its policy: when it fires, \
             nothing happens."
        );
        assert_eq!((finding.about, told(&finding)), (about, (&*sentence, None, Some(&*advice))), "{role:?}");
    }
    assert_silent(&with_alarm(world(1), idle, AlarmState::Ok, true, 0), FindingCode::AlarmWithoutAction);
}

#[test]
fn an_alarm_without_data_is_told_by_what_it_holds_up() {
    let without_data = |instances, role| with_alarm(world(instances), role, AlarmState::InsufficientData, true, 0);
    let (wake, idle) = (AlarmRole::Own(AlarmKind::Wake), AlarmRole::Own(AlarmKind::Idle));
    let finding = found(&without_data(1, wake), FindingCode::WakeAlarmNew);
    assert_eq!(
        told(&finding),
        ("has a wake alarm in INSUFFICIENT_DATA, which is normal for some minutes after it was made.", None, None)
    );
    let finding = found(&without_data(1, idle), FindingCode::InsufficientData);
    let sentence = format!(
        "is not scaled in while the alarm {idle:?} is in INSUFFICIENT_DATA: without data nobody knows whether it is idle. That \
         is normal for the first minutes."
    );
    assert_eq!(
        told(&finding),
        (&*sentence, None, Some("if it stays, see in CloudWatch whether the endpoint publishes its backlog metrics"))
    );
    assert_silent(&without_data(0, idle), FindingCode::InsufficientData);
    assert_silent(&without_data(1, AlarmRole::ScaleOut), FindingCode::InsufficientData);
    for state in [AlarmState::Ok, AlarmState::Alarm] {
        assert_silent(&with_alarm(world(1), idle, state, true, 0), FindingCode::InsufficientData);
        assert_silent(&with_alarm(world(1), wake, state, true, 0), FindingCode::WakeAlarmNew);
    }
}

#[test]
fn work_of_the_minutes_that_the_idle_alarm_goes_by_is_told() {
    let finished = |minutes: &[Minute]| with_sign(world(1), Sign::Completions, minutes);
    let finding = found(&finished(&[minute(2, 3.0), minute(3, 9.0)]), FindingCode::Completions);
    let sentence = format!("is not idle: it finished 3 requests in the minute from {}.", clock(at(120)));
    assert_eq!(told(&finding), (&*sentence, None, None));
    let gpu = with_sign(world(1), Sign::GpuUse, &[minute(1, 0.0), minute(2, 40.0)]);
    let sentence = format!("is not idle: a GPU was up to 40 % busy in the minute from {}.", clock(at(120)));
    assert_eq!(told(&found(&gpu, FindingCode::GpuUse)), (&*sentence, None, None));
    // The idle alarm looks at ten minutes.
    found(&finished(&[minute(10, 1.0)]), FindingCode::Completions);
    assert_silent(&finished(&[minute(11, 1.0)]), FindingCode::Completions);
    assert_silent(&finished(&[minute(2, 0.9)]), FindingCode::Completions);
    // Where nothing takes it away, nothing has to keep it.
    let mut kept = finished(&[minute(2, 3.0)]);
    kept.scaling.target = Some(target(1));
    assert_silent(&kept, FindingCode::Completions);
    let mut without_alarm = finished(&[minute(2, 3.0)]);
    without_alarm.scaling.alarms.remove(&AlarmKind::Idle);
    assert_silent(&without_alarm, FindingCode::Completions);
}

#[test]
fn what_goes_when_it_is_idle_is_told_with_how_long_it_has_been() {
    let idle = AlarmRole::Own(AlarmKind::Idle);
    let to_a_shorter_time =
        (Some("scale-to-zero:idle-timeout"), Some("set the tag scale-to-zero:idle-timeout to a shorter time, or wait"));
    let quiet_but_for = |sign, value| {
        let world = with_minutes(counting(world(2), 2, 2), &[(1, 0.0), (2, 0.0), (3, 0.9), (4, 1.0)]);
        with_sign(world, sign, &[minute(3, value)])
    };
    let goes = |so_far: &str| {
        format!("runs 2 instances; all above 0 go at once when 10 minutes in a row show no work{so_far}.")
    };
    for (world, sentence) in [
        (counting(world(2), 2, 2), goes("")),
        (with_minutes(counting(world(2), 2, 2), &[(1, 1.0), (2, 0.0)]), goes("")),
        (
            with_minutes(counting(world(2), 2, 2), &[(1, 0.0), (2, 1.0), (3, 0.0)]),
            goes("; so far, the last minute showed none"),
        ),
        (quiet_but_for(Sign::Completions, 0.9), goes("; so far, the last 3 minutes showed none")),
        (quiet_but_for(Sign::Completions, 1.0), goes("; so far, the last 2 minutes showed none")),
        (quiet_but_for(Sign::GpuUse, 1.0), goes("; so far, the last 2 minutes showed none")),
        (quiet_but_for(Sign::Reports, 2.0), goes("; so far, the last 3 minutes showed none")),
        (with_alarm(counting(world(2), 2, 2), idle, AlarmState::Ok, true, 0), goes("")),
        (
            with_alarm(counting(world(2), 2, 2), idle, AlarmState::Alarm, true, 0),
            "runs 2 instances and has been idle for 10 minutes: AWS is taking all above 0 away now.".to_owned(),
        ),
    ] {
        let finding = found(&world, FindingCode::IdleTimeout);
        let (tag, advice) = to_a_shorter_time;
        assert_eq!(told(&finding), (&*sentence, tag, advice));
    }
    let finding = found(&tagged(world(1), &[("idle-timeout", "none")]), FindingCode::TargetTracking);
    assert_eq!(
        told(&finding),
        (
            "runs 1 instance; target tracking takes instances away step by step, once its alarm has seen too little backlog for \
             long enough (users report 15 minutes, and the minutes before the endpoint was tagged count) and 300s \
             (scale-in-cooldown) have passed since the last step.",
            Some("scale-to-zero:idle-timeout"),
            Some("set the tag scale-to-zero:idle-timeout to an idle time of your own, or wait")
        )
    );
    // Nothing takes instances away where none is above the minimum, scaling in is suspended, or the policy doesn't.
    let mut held = world(1);
    held.scaling.target =
        Some(ScalableTarget { suspended: Suspended { scale_in: true, ..Suspended::default() }, ..target(0) });
    let mut kept = world(1);
    kept.scaling.target = Some(target(1));
    let mut grows_only = world(1);
    grows_only.scaling.alarms.remove(&AlarmKind::Idle);
    for world in [world(0), held, kept, grows_only] {
        assert_silent(&world, FindingCode::IdleTimeout);
        assert_silent(&world, FindingCode::TargetTracking);
    }
}

#[test]
fn a_backlog_keeps_what_runs_and_nothing_that_sleeps() {
    let finding = found(&with_minutes(world(1), &[(1, 2.0)]), FindingCode::Backlog);
    let sentence = format!("is not idle: its endpoint has a backlog of 2 requests ({}).", clock(at(60)));
    assert_eq!(told(&finding), (&*sentence, None, None));
    assert_silent(&with_minutes(world(0), &[(1, 2.0)]), FindingCode::Backlog);
}

#[test]
fn at_its_maximum_more_than_the_target_of_each_is_told() {
    let finding = found(&with_minutes(world(5), &[(1, 26.0)]), FindingCode::AtMaxCapacity);
    let sentence = format!(
        "has the 5 instances that max-capacity allows, with a backlog of 26 requests ({}): more than the 5 for each instance that \
         backlog-per-instance asks for.",
        clock(at(60))
    );
    let tag = "scale-to-zero:max-capacity";
    let advice = "set the tag scale-to-zero:max-capacity higher to allow more instances";
    assert_eq!(told(&finding), (&*sentence, Some(tag), Some(advice)));
}

#[test]
fn an_endpoint_that_no_request_wakes_says_what_does() {
    let off = &[("wake", "false")][..];
    let finding = found(&tagged(world(1), off), FindingCode::WakeOff);
    let set = (Some("scale-to-zero:wake"), Some("set the tag scale-to-zero:wake to true"));
    let sentence =
        "is not woken by the first request, and sleeps until more than 5 requests wait (backlog-per-instance).";
    assert_eq!(told(&finding), (sentence, set.0, set.1));
    let mut without_tracking = tagged(world(1), off);
    without_tracking.scaling.policies.remove(&PolicyName::Backlog);
    let finding = found(&without_tracking, FindingCode::WakeOff);
    assert_eq!(told(&finding), ("is not woken by the first request.", set.0, set.1));
    assert_silent(&tagged(world(1), &[("wake", "false"), ("min-capacity", "1")]), FindingCode::WakeOff);
    assert_silent(&world(1), FindingCode::WakeOff);
}

#[test]
fn a_sleeping_endpoint_with_work_is_told_by_what_its_alarm_does() {
    let wake = AlarmRole::Own(AlarmKind::Wake);
    let asleep = |state| with_alarm(with_minutes(world(0), &[(1, 1.0)]), wake, state, true, 0);
    let finding = found(&asleep(AlarmState::Ok), FindingCode::Waking);
    let sentence = format!(
        "runs no instance, with a backlog of 1 request ({}): its wake alarm has not fired yet. It fires once the metric has \
         arrived, 1 to 3 minutes after the request.",
        clock(at(60))
    );
    let advice = "look again in some minutes; users measured starts of 7 to 15 minutes";
    assert_eq!(told(&finding), (&*sentence, None, Some(advice)));
    let finding = found(&asleep(AlarmState::Alarm), FindingCode::WakeStuck);
    assert_eq!(
        told(&finding),
        (
            "runs no instance although requests wait and its wake alarm is in ALARM, and no scaling activity says that AWS is at \
             work on it.",
            None,
            Some("look again in some minutes: an alarm in ALARM repeats its action once a minute")
        )
    );
    let tried = with_activities(asleep(AlarmState::Alarm), &[order(30, 1, ActivityStatus::InProgress, None)]);
    assert_silent(&tried, FindingCode::WakeStuck);
    for world in [
        counting(asleep(AlarmState::Alarm), 1, 1),
        counting(asleep(AlarmState::Alarm), 0, 1),
        counting(asleep(AlarmState::Alarm), 1, 0),
    ] {
        assert_silent(&world, FindingCode::WakeStuck);
    }
}

#[test]
fn a_ladder_that_rings_in_vain_is_told() {
    let ladder = AlarmRole::Own(AlarmKind::Ladder);
    let rings = |seconds| with_alarm(world(0), ladder, AlarmState::Alarm, true, seconds);
    let finding = found(&rings(300), FindingCode::LadderWithoutEffect);
    let sentence = format!(
        "has a ladder alarm in ALARM since {} (5 min), and no scaling activity of it followed: AWS doesn't seem to take the value \
         of its expression. The plain wake alarm starts one instance all the same.",
        clock(at(300))
    );
    let advice = "set the tag scale-to-zero:wake-instances to a number, which needs no ladder, and report it";
    assert_eq!(told(&finding), (&*sentence, Some("scale-to-zero:wake-instances"), Some(advice)));
    // Its own orders name it; those of the plain wake alarm are not its.
    let by_it = |seconds_ago| ScalingActivity {
        cause: format!("monitor alarm {ladder:?} in state ALARM triggered policy scale-to-zero-wake"),
        ..order(seconds_ago, 1, ActivityStatus::Successful, None)
    };
    found(
        &with_activities(rings(300), &[order(200, 1, ActivityStatus::Successful, None)]),
        FindingCode::LadderWithoutEffect,
    );
    found(&with_activities(rings(300), &[by_it(361)]), FindingCode::LadderWithoutEffect);
    assert_silent(&with_activities(rings(300), &[by_it(360)]), FindingCode::LadderWithoutEffect);
    assert_silent(&with_activities(rings(300), &[by_it(200)]), FindingCode::LadderWithoutEffect);
    assert_silent(&rings(299), FindingCode::LadderWithoutEffect);
    let mut suspended = rings(300);
    suspended.scaling.target =
        Some(ScalableTarget { suspended: Suspended { scale_out: true, ..Suspended::default() }, ..target(0) });
    let quiet = with_alarm(world(0), ladder, AlarmState::Ok, true, 300);
    let undriven = with_alarm(world(0), ladder, AlarmState::Alarm, false, 300);
    let another = with_alarm(world(0), AlarmRole::Own(AlarmKind::Wake), AlarmState::Alarm, true, 300);
    for world in [suspended, quiet, undriven, another] {
        assert_silent(&world, FindingCode::LadderWithoutEffect);
    }
}

#[test]
fn reports_that_are_not_those_of_the_instances_are_told() {
    let reporting = |instances, values: &[f64]| {
        let minutes: Vec<Minute> = (1..).zip(values).map(|(ago, value)| minute(ago, *value)).collect();
        with_sign(counting(world(instances), instances, instances), Sign::Reports, &minutes)
    };
    // The newest minute may not be whole.
    let finding = found(&reporting(1, &[0.0, 6.0, 6.0, 6.0, 1.0]), FindingCode::InstancesMiscounted);
    assert_eq!(
        told(&finding),
        (
            "runs 1 instance, and they sent 6 reports of their CPU use a minute instead of 1 (the endpoint doesn't say how often, \
             so once is assumed): the spare alarm counts instances by these reports, and may keep more than one. It never takes \
             the last.",
            None,
            Some(
                "report it; a MetricsConfig with MetricPublishFrequencyInSeconds of 60 makes it one report each, as AWS documents"
            )
        )
    );
    found(&reporting(3, &[0.0, 2.0, 2.0, 2.0]), FindingCode::InstancesMiscounted);
    for (what, world) in [
        ("as many as run", reporting(2, &[9.0, 2.0, 2.0, 2.0])),
        ("not settled", reporting(1, &[2.0, 2.0, 2.0, 3.0])),
        ("too few minutes", reporting(1, &[2.0, 2.0, 2.0])),
        ("no minutes", reporting(1, &[])),
        ("instances come or go", counting(reporting(1, &[2.0, 2.0, 2.0, 2.0]), 1, 2)),
        ("no spare alarm counts them", {
            let mut world = reporting(1, &[2.0, 2.0, 2.0, 2.0]);
            world.scaling.alarms.remove(&AlarmKind::Spare);
            world
        }),
    ] {
        let findings = explained(&world);
        assert!(findings.iter().all(|it| it.code != FindingCode::InstancesMiscounted), "{what}: {findings:#?}");
    }
    let every = |seconds, instances, reports: f64| {
        let mut world = reporting(instances, &[reports; 4]);
        world.endpoint.variants[0].publish_frequency = Some(seconds);
        world
    };
    assert_silent(&every(10, 2, 12.0), FindingCode::InstancesMiscounted);
    assert_silent(&every(60, 2, 2.0), FindingCode::InstancesMiscounted);
    let finding = found(&every(10, 2, 2.0), FindingCode::InstancesMiscounted);
    assert!(
        finding.sentence.contains("sent 2 reports of their CPU use a minute instead of 12: "),
        "{}",
        finding.sentence
    );
    let finding = found(&every(120, 2, 1.0), FindingCode::InstancesMiscounted);
    assert_eq!(
        told(&finding),
        (
            "has instances that report their CPU use only every 120 s: the spare alarm counts them by the reports of each minute, \
             so it takes none away, and only the idle alarm does.",
            None,
            Some(
                "a MetricsConfig with MetricPublishFrequencyInSeconds of 60 in the endpoint's configuration makes it one report a \
                 minute"
            )
        )
    );
}

#[test]
fn a_backlog_that_did_not_count_what_ran_is_told() {
    let took = |seconds: f64, backlog: &[(i64, f64)]| {
        with_minutes(with_sign(world(1), Sign::LongestRequest, &[minute(5, seconds * 1e6)]), backlog)
    };
    let finding = found(&took(180.0, &[(5, 1.0), (6, 0.0)]), FindingCode::WorkUnseen);
    let sentence = format!(
        "had a backlog of 0 in the minute from {}, in which a request of 180 s was being processed: here the backlog doesn't count \
         what runs.",
        clock(at(360))
    );
    let advice = "set the tag scale-to-zero:longest-request to how long the longest request takes, so that none is cut off, and \
                  report it";
    assert_eq!(told(&finding), (&*sentence, Some("scale-to-zero:longest-request"), Some(advice)));
    for (what, world) in [
        ("it was counted", took(180.0, &[(6, 1.0)])),
        ("of that minute nothing is known", took(180.0, &[(5, 0.0), (7, 0.0)])),
        ("it need not have filled a minute", took(120.0, &[(6, 0.0)])),
    ] {
        let findings = explained(&world);
        assert!(findings.iter().all(|it| it.code != FindingCode::WorkUnseen), "{what}: {findings:#?}");
    }
}

#[test]
fn each_sign_is_a_metric_of_the_variant() {
    let mut endpoint = world(1).endpoint;
    let backlog = backlog_metric(&endpoint);
    assert_eq!(
        (backlog.name.as_str(), backlog.endpoint.as_str(), backlog.variant),
        ("ApproximateBacklogSize", "demo", None)
    );
    assert_eq!(
        (backlog.period, backlog.statistic.as_str(), backlog.namespace.as_str()),
        (60, "Maximum", "AWS/SageMaker")
    );
    let metric = |endpoint: &Endpoint, sign: Sign| {
        let metric = sign.metric(endpoint, &endpoint.variants[0])?;
        assert_eq!(metric.variant, Some(all_traffic()));
        Some(format!("{} {} {}", metric.namespace.as_str(), metric.name, metric.statistic.as_str()))
    };
    let gpu = "/aws/sagemaker/Endpoints GPUUtilization Maximum";
    for (sign, want) in Sign::ALL.into_iter().zip([
        "AWS/SageMaker InvocationsProcessed Sum",
        gpu,
        "/aws/sagemaker/Endpoints CPUUtilization SampleCount",
        "AWS/SageMaker ModelLatency Maximum",
    ]) {
        assert_eq!(metric(&endpoint, sign).as_deref(), Some(want));
    }
    endpoint.variants[0].instance_type = Some("ml.m5.xlarge".to_owned());
    assert_eq!(metric(&endpoint, Sign::GpuUse), None);
    endpoint.variants[0].instance_type = Some("ml.g5.xlarge".to_owned());
    assert_eq!(metric(&endpoint, Sign::GpuUse).as_deref(), Some(gpu));
}

#[test]
fn an_endpoint_of_another_status_is_told_by_it() {
    let of_status = |status, reason: Option<&str>| {
        let mut world = counting(world(1), 1, 2);
        world.endpoint.status = status;
        world.endpoint.failure_reason = reason.map(str::to_owned);
        world
    };
    let first = |world: &World, status: &str| explained_with(world, status).into_iter().next().unwrap();
    let failed = first(&of_status(EndpointStatus::Failed, Some("the image was not found")), "Failed");
    assert_eq!(failed.code, FindingCode::EndpointFailed);
    assert_eq!(
        told(&failed),
        (
            "Endpoint demo has the status Failed, so nothing is written and AWS doesn't scale it: the image was not found.",
            None,
            Some("mend the cause, then update the endpoint or make it anew; it is configured when it is in service")
        )
    );
    let silent = first(&of_status(EndpointStatus::Failed, None), "OutOfService");
    assert!(silent.sentence.ends_with("doesn't scale it: SageMaker gives no reason."), "{}", silent.sentence);
    for (reason, advice) in [
        (
            "Insufficient capacity",
            "AWS has no capacity of the instance type: try again later, or name instance pools or another instance type in the \
             endpoint's configuration",
        ),
        ("ResourceLimitExceeded", "ask for more in Service Quotas, or end what else runs on the instance type"),
        (
            "the variant is a scalable target",
            "to change the instance type, set the tag scale-to-zero:enabled to false, wait until the answer is removed, update \
             the endpoint, and set the tag to true again",
        ),
    ] {
        let finding = first(&of_status(EndpointStatus::Failed, Some(reason)), "Failed");
        assert_eq!(finding.advice.as_deref(), Some(advice));
        let finding = found(&of_status(EndpointStatus::InService, Some(reason)), FindingCode::UpdateFailed);
        let sentence = format!("Endpoint demo is in service, but its last update failed: {reason}.");
        assert_eq!(told(&finding), (&*sentence, None, Some(advice)));
    }
    let plain = found(&of_status(EndpointStatus::InService, Some("why?")), FindingCode::UpdateFailed);
    assert_eq!(plain.advice, None);

    let updating = first(&of_status(EndpointStatus::Other, None), "Updating");
    assert_eq!(updating.code, FindingCode::Updating);
    assert_eq!(
        told(&updating),
        (
            "SageMaker is changing endpoint demo, status Updating (variant AllTraffic runs 1 instance and should have 2); nothing \
             is written and AWS doesn't scale it until it is in service.",
            None,
            Some("wait until it is in service; users measured starts of 7 to 15 minutes")
        )
    );
    let known = with_activities(counting(of_status(EndpointStatus::Other, None), 1, 1), &[started(9000, 420)]);
    let updating = first(&known, "Updating");
    assert!(updating.sentence.contains("endpoint demo, status Updating; nothing"), "{}", updating.sentence);
    assert_eq!(updating.advice.as_deref(), Some("wait until it is in service; its last start took 7 min"));

    let deleting = explained_with(&of_status(EndpointStatus::Deleting, None), "Deleting");
    assert_eq!(deleting.len(), 1, "{deleting:?}");
    let sentence = "Endpoint demo is being deleted; its scaling is removed with it, or by the next sweep.";
    assert_eq!((deleting[0].code, told(&deleting[0])), (FindingCode::Deleting, (sentence, None, None)));
}

#[test]
fn an_endpoint_that_isnt_there_says_whether_anything_is_left() {
    let of_nobody = |decision: &Decision| {
        let findings = explain(&Facts {
            rules: &Rules::default(),
            endpoint: None,
            status: None,
            scaling: &BTreeMap::new(),
            decision,
            readings: &Readings::default(),
            now: at(0),
        });
        assert_eq!((findings.len(), findings[0].code), (1, FindingCode::NotFound));
        findings[0].sentence.clone()
    };
    let nothing = of_nobody(&Decision::Skip(super::super::super::SkipReason::NotFound));
    let ends = "and nothing is left that this function made for one.";
    assert_eq!(nothing, format!("There is no endpoint of this name in this account and Region, {ends}"));
    let plan = VariantPlan { variant: all_traffic(), changes: vec![Change::DeregisterScalableTarget] };
    let left = of_nobody(&Decision::Remove(vec![plan], super::super::super::Removal::Complete));
    assert!(
        left.ends_with("but something is left that this function made for one; the next sweep takes it away."),
        "{left}"
    );
}

#[test]
fn an_endpoint_that_cant_be_managed_says_why_and_what_would_do() {
    use super::super::super::endpoint::Hosting;
    let hosted = |hosting| {
        let mut world = world(1);
        world.endpoint.variants[0].hosting = hosting;
        world
    };
    let mut real_time = world(1);
    real_time.endpoint.inference = Inference::RealTime;
    let mut burstable = world(1);
    burstable.endpoint.variants[0].instance_type = Some("ml.t3.medium".to_owned());
    for (world, code, sentence, advice) in [
        (
            hosted(Hosting::Serverless),
            FindingCode::Serverless,
            "Endpoint demo has a serverless variant, which has no instances that could be scaled.",
            None,
        ),
        (
            hosted(Hosting::ManagedInstanceScaling),
            FindingCode::ManagedInstanceScaling,
            "Endpoint demo hosts inference components: SageMaker's managed instance scaling sets how many instances it has.",
            Some(WHAT_COMPONENTS_NEED),
        ),
        (
            real_time,
            FindingCode::NotAsync,
            "Endpoint demo is not asynchronous: a real-time endpoint can't go to zero instances this way, and is left alone \
             whatever its tags say.",
            Some("make the endpoint anew from a configuration with an AsyncInferenceConfig"),
        ),
        (
            burstable,
            FindingCode::BurstableInstance,
            "Endpoint demo runs on ml.t3.medium, and Application Auto Scaling takes no burstable instance types.",
            Some("update the endpoint to another instance type"),
        ),
    ] {
        let findings = explained(&world);
        // Nothing else is told of a variant that isn't scaled.
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!((findings[0].code, told(&findings[0])), (code, (sentence, None, advice)));
    }
}

#[test]
fn whose_the_endpoint_is_is_told_first() {
    use super::super::super::{Problem, Removal};
    let mut untagged = world(1);
    untagged.endpoint.tags.clear();
    let mut opted_out = world(1);
    opted_out.endpoint.tags.insert("scale-to-zero:enabled".to_owned(), "false".to_owned());
    let enable = "set the tag scale-to-zero:enabled to true";
    for (world, code, sentence) in [
        (
            &untagged,
            FindingCode::NotManaged,
            "Endpoint demo has no tag that begins with scale-to-zero:, so it is left alone.",
        ),
        (&opted_out, FindingCode::OptedOut, "Endpoint demo has opted out: its tag scale-to-zero:enabled is false."),
    ] {
        let findings = explained(world);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(
            (findings[0].code, told(&findings[0])),
            (code, (sentence, Some("scale-to-zero:enabled"), Some(enable)))
        );
    }
    let plan = |changes| vec![VariantPlan { variant: all_traffic(), changes }];
    for (removal, what, advice) in [
        (Removal::Complete, "the next event or sweep does it", "invoke remove to have it done now"),
        (
            Removal::AwaitsInstance,
            "an instance starts first, so that the endpoint isn't left at zero, and the rest is removed once it runs",
            "wait for the instance, or invoke apply to call the removal off, if the tags still ask for scaling",
        ),
    ] {
        let decision = Decision::Remove(plan(vec![Change::DeregisterScalableTarget]), removal);
        let leaving = World { decision, ..world(1) };
        let findings = explained(&leaving);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let sentence = format!("The scaling of endpoint demo is being removed: {what}.");
        assert_eq!((findings[0].code, told(&findings[0])), (FindingCode::Removing, (&*sentence, None, Some(advice))));
    }
    opted_out.decision = Decision::Remove(plan(vec![]), Removal::Complete);
    assert_silent(&opted_out, FindingCode::Removing);

    let problem = |value: Option<&str>| Problem {
        tag: "scale-to-zero:max-capacity".to_owned(),
        value: value.map(str::to_owned),
        problem: "must be at least 1".to_owned(),
    };
    for (value, shown) in [(Some("0"), " = \"0\""), (None, "")] {
        let invalid = World { decision: Decision::Invalid(vec![problem(value)]), ..world(1) };
        let sentence = format!(
            "The tag scale-to-zero:max-capacity{shown} must be at least 1. Until then nothing is written, and the endpoint keeps \
             the scaling that it has."
        );
        let finding = found(&invalid, FindingCode::InvalidTags);
        let tag = "scale-to-zero:max-capacity";
        assert_eq!(told(&finding), (&*sentence, Some(tag), Some("mend the tag scale-to-zero:max-capacity")));
    }
    // While nothing may be written, the tags are read all the same.
    let mut misspelt = world(1);
    misspelt.endpoint.tags.insert("scale-to-zero:max-capcity".to_owned(), "2".to_owned());
    misspelt.decision = Decision::Skip(super::super::super::SkipReason::NotInService);
    assert_eq!(found(&misspelt, FindingCode::InvalidTags).tag.as_deref(), Some("scale-to-zero:max-capcity"));

    let foreign = Foreign { kind: ForeignKind::ScheduledAction, name: "nightly".to_owned() };
    let conflict = Decision::Conflict(vec![Conflict { variant: all_traffic(), foreign }], Pause::No);
    let finding = found(&World { decision: conflict, ..world(1) }, FindingCode::Conflict);
    assert_eq!(
        told(&finding),
        (
            "has the scheduled action \"nightly\" of another owner, so nothing is written.",
            Some("scale-to-zero:takeover"),
            Some("set the tag scale-to-zero:takeover to true to have it replaced, or take it away")
        )
    );
}

#[test]
fn what_is_not_made_yet_or_not_as_the_tags_say_is_told_once() {
    let apply = "invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or wait for the next sweep";
    let changes = |count: usize| vec![Change::DeregisterScalableTarget; count];
    let mut new = World { decision: planned(changes(2)), ..world(1) };
    new.scaling = Scaling::default();
    let findings = explained(&new);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let sentence = "is no scalable target yet, so AWS doesn't scale it at all.";
    assert_eq!((findings[0].code, told(&findings[0])), (FindingCode::NotConfigured, (sentence, None, Some(apply))));

    for (count, pending) in [(1, "one change is"), (3, "3 changes are")] {
        let drifted = World { decision: planned(changes(count)), ..world(1) };
        let finding = found(&drifted, FindingCode::Drift);
        let sentence = format!("The scaling of variant AllTraffic is not as its tags say: {pending} pending.");
        assert_eq!(told(&finding), (&*sentence, None, Some(apply)));
    }
    assert_silent(&World { decision: planned(vec![]), ..world(1) }, FindingCode::Drift);
    // What a variant that is gone left behind counts too.
    let old = VariantPlan { variant: VariantName::new("Old").unwrap(), changes: changes(1) };
    let left = World { decision: Decision::Configure(vec![old], Pause::No), ..world(1) };
    assert!(found(&left, FindingCode::Drift).sentence.contains("variant Old"));
    let mut creating = World { decision: planned(changes(1)), ..world(1) };
    creating.endpoint.variants.clear();
    creating.endpoint.status = EndpointStatus::Other;
    assert_silent(&creating, FindingCode::Drift);
    assert_silent(&creating, FindingCode::Unreadable);
}

#[test]
fn a_read_that_failed_and_a_missing_variant_are_told() {
    let mut unread = world(0);
    unread.readings.unreadable = vec![Unreadable { what: "The states of the alarms", why: "AccessDenied".to_owned() }];
    let findings = explained(&unread);
    assert_eq!(findings.len(), 1, "what isn't known is no good news: {findings:#?}");
    let sentence = "The states of the alarms couldn't be read: AccessDenied.";
    assert_eq!((findings[0].code, told(&findings[0])), (FindingCode::Unreadable, (sentence, None, None)));
    let mut nameless = world(0);
    nameless.endpoint.variants.clear();
    let finding = found(&nameless, FindingCode::Unreadable);
    assert_eq!(
        told(&finding),
        (
            "Endpoint demo is in service, and SageMaker names no variant of it: whether it sleeps or wakes isn't known.",
            None,
            Some("look again in some minutes")
        )
    );
}

#[test]
fn all_is_well_where_it_sleeps_and_can_wake() {
    let sentence = |world: &World| found(world, FindingCode::AllWell).sentence;
    assert_eq!(sentence(&world(0)), "All is well: endpoint demo sleeps, and wakes on the first request.");
    let as_tagged = "All is well: endpoint demo is as its tags say.";
    let kept = tagged(world(1), &[("min-capacity", "1"), ("idle-timeout", "none")]);
    assert_silent(&kept, FindingCode::AllWell);
    let mut asleep_without_wake = world(0);
    asleep_without_wake.scaling.policies.insert(
        PolicyName::Wake,
        match &world(0).scaling.policies[&PolicyName::Wake] {
            ScalingPolicy::Step(step) => {
                let mut step = step.clone();
                step.steps.iter_mut().for_each(|step| step.amount = 0);
                ScalingPolicy::Step(step)
            }
            ScalingPolicy::TargetTracking(_) => panic!(),
        },
    );
    assert_eq!(sentence(&asleep_without_wake), as_tagged);
}

#[test]
fn a_minimum_above_that_of_the_tags_is_told_by_what_runs() {
    let raised = |instances| {
        let mut world = world(instances);
        world.scaling.target = Some(target(2));
        world
    };
    for (instances, words) in [(2, "keeps"), (3, "keeps"), (1, "should keep")] {
        let sentence = found(&raised(instances), FindingCode::WarmHours).sentence;
        let want = format!(
            "Variant AllTraffic {words} 2 instances for now: its MinCapacity is 2, above the 0 of min-capacity."
        );
        assert_eq!(sentence, want);
    }
    assert_silent(&world(1), FindingCode::WarmHours);
    assert_silent(&world(1), FindingCode::MinCapacity);
    let kept = tagged(world(2), &[("min-capacity", "2")]);
    let finding = found(&kept, FindingCode::MinCapacity);
    assert_eq!(
        told(&finding),
        (
            "always keeps 2 instances, because min-capacity is 2.",
            Some("scale-to-zero:min-capacity"),
            Some("set the tag scale-to-zero:min-capacity to 0 to let it sleep")
        )
    );
    assert_silent(&kept, FindingCode::WarmHours);
}

#[test]
fn times_are_told_in_few_words() {
    use super::super::finding::time_span;
    for (seconds, want) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (7325, "2 h 2 min"),
        (90_000, "25 h"),
    ] {
        assert_eq!(time_span(seconds), want);
    }
    assert_eq!(clock(Timestamp::UNIX_EPOCH + SignedDuration::from_millis(1999)), "1970-01-01T00:00:01Z");
    assert!(REMOVAL_MARK.starts_with("scale-to-zero-"));
}

#[test]
fn the_questions_have_fixed_words() {
    let all = [About::Sleep, About::Wake, About::Change, About::All];
    assert_eq!(all.map(About::as_str), ["sleep", "wake", "change", "all"]);
}
