//! Compares what is there with what should be, and makes a list of changes that leaves nothing to choose.
//!
//! The order is the point: whatever fails in between, a variant that can lose its last instance can also be woken.

use std::collections::BTreeSet;

use super::endpoint::Tags;
use super::names::{AlarmKind, PolicyName, REMOVAL_MARK, VariantName, is_warm_start};
use super::scaling::{Alarm, ForeignKind, ScalableTarget, Scaling, ScalingPolicy, ScheduledAction, Suspended};
use super::settings::Pause;

/// One write to AWS, on one variant.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    RegisterScalableTarget(ScalableTarget),
    PutScalingPolicy(PolicyName, ScalingPolicy),
    PutMetricAlarm(AlarmKind, Alarm),
    PutScheduledAction(String, ScheduledAction),
    /// By name: in a takeover the policy is another owner's.
    DeleteScalingPolicy(String),
    /// By name: in a takeover the action is another owner's.
    DeleteScheduledAction(String),
    DeleteAlarms(Vec<AlarmKind>),
    /// Takes the target's policies and scheduled actions with it.
    DeregisterScalableTarget,
    /// Copies tags of the endpoint to a resource that exists.
    TagResource(Tagged, Tags),
    /// The number of instances, by a person's wish and never by a setting. Always the last of its variant.
    SetDesiredInstances(i32),
}

/// What can carry a tag of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tagged {
    ScalableTarget,
    Alarm(AlarmKind),
}

/// The changes of one variant, in the order in which they are made.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantPlan {
    pub variant: VariantName,
    pub changes: Vec<Change>,
}

/// The changes that turn `observed` into `desired`. They take away what another owner has there: the caller has made sure that
/// this is wanted. `running` is how many instances the variant runs, if that is known.
pub(super) fn configure(observed: &Scaling, desired: &Scaling, running: Option<i32>) -> Vec<Change> {
    let mut changes = Vec::new();
    let register = desired
        .target
        .as_ref()
        .filter(|target| observed.target.as_ref() != Some(*target) || is_below(target, running))
        .map(|target| Change::RegisterScalableTarget(target.clone()));
    // Policies need a target, so registering comes first. There is one exception: if registering lets existing policies take
    // the last instance, the policy and alarms that wake come before it.
    let registered = Scaling { target: desired.target.clone(), ..observed.clone() };
    let opens_the_way_to_zero = observed.target.is_some()
        && observed.can_take_the_last()
        && !observed.may_reach_zero()
        && registered.may_reach_zero();
    let (first, later) = if opens_the_way_to_zero { (None, register) } else { (register, None) };

    changes.extend(first);
    put(&mut changes, PolicyName::Wake, observed, desired);
    // AWS refuses two target-tracking policies on one metric. A policy that shouldn't be there is deleted before ours is put.
    changes.extend(observed.foreign.iter().map(|foreign| match foreign.kind {
        ForeignKind::ScalingPolicy => Change::DeleteScalingPolicy(foreign.name.clone()),
        ForeignKind::ScheduledAction => Change::DeleteScheduledAction(foreign.name.clone()),
    }));
    // A policy that was edited by hand may keep fields that we don't write when it is put again.
    changes.extend(observed.strays.actions.iter().cloned().map(Change::DeleteScheduledAction));
    let strands = |action: &ScheduledAction| action.min_capacity == 0 && !desired.can_wake();
    let unwanted = observed.actions.iter().filter(|(name, action)| match desired.actions.get(*name) {
        None => true,
        Some(wanted) => strands(action) && !strands(wanted),
    });
    changes.extend(unwanted.map(|(name, _)| Change::DeleteScheduledAction(name.clone())));
    for name in PolicyName::ALL {
        if observed.policy_type(name).is_some() && !desired.policies.contains_key(&name) {
            changes.push(Change::DeleteScalingPolicy(name.to_string()));
        }
    }
    changes.extend(later);
    // Once it can wake, it may sleep.
    for name in [PolicyName::Spare, PolicyName::Idle, PolicyName::Backlog] {
        put(&mut changes, name, observed, desired);
    }
    delete_alarms(&mut changes, observed, desired);
    // Last: a time zone that AWS doesn't know then costs only the warm hours.
    let drifted = desired.actions.iter().filter(|(name, action)| observed.actions.get(*name) != Some(*action));
    changes.extend(drifted.map(|(name, action)| Change::PutScheduledAction(name.clone(), action.clone())));
    changes
}

/// Whether fewer instances run than the target asks for. Application Auto Scaling acts on a bound only when it is
/// registered, so a start that has failed is asked for again.
fn is_below(target: &ScalableTarget, running: Option<i32>) -> bool {
    let is_paused = target.suspended.scale_out;
    !is_paused && running.is_some_and(|running| running < target.min_capacity)
}

/// A policy, and behind it the alarms that drive it: an alarm's action is the ARN that the policy got.
fn put(changes: &mut Vec<Change>, name: PolicyName, observed: &Scaling, desired: &Scaling) {
    put_policy(changes, name, observed, desired);
    for kind in AlarmKind::ALL.into_iter().filter(|kind| kind.policy() == name) {
        put_alarm(changes, kind, observed, desired);
    }
}

fn put_policy(changes: &mut Vec<Change>, name: PolicyName, observed: &Scaling, desired: &Scaling) {
    let Some(policy) = desired.policies.get(&name) else { return };
    // AWS makes the alarms of target tracking anew when its policy is put.
    if observed.policies.get(&name) == Some(policy) && !observed.strays.without_alarm.contains(&name) {
        return;
    }
    // A policy keeps its type for life.
    if observed.policy_type(name).is_some_and(|present| present != policy.policy_type()) {
        changes.push(Change::DeleteScalingPolicy(name.to_string()));
    }
    changes.push(Change::PutScalingPolicy(name, policy.clone()));
}

fn put_alarm(changes: &mut Vec<Change>, kind: AlarmKind, observed: &Scaling, desired: &Scaling) {
    let Some(alarm) = desired.alarms.get(&kind) else { return };
    let policy_is_another =
        observed.policy_type(kind.policy()) != desired.policies.get(&kind.policy()).map(ScalingPolicy::policy_type);
    if observed.alarms.get(&kind) != Some(alarm) || policy_is_another {
        changes.push(Change::PutMetricAlarm(kind, alarm.clone()));
    }
}

/// Alarms go last: if a call in between fails, they still show that the rest is ours.
fn delete_alarms(changes: &mut Vec<Change>, observed: &Scaling, desired: &Scaling) {
    let gone: Vec<AlarmKind> =
        observed.alarm_kinds().into_iter().filter(|kind| !desired.alarms.contains_key(kind)).collect();
    if !gone.is_empty() {
        changes.push(Change::DeleteAlarms(gone));
    }
}

/// How far a removal can go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Complete,
    /// The variant has no instance: it is raised to one first, and the rest follows when it runs.
    AwaitsInstance,
}

/// How a variant stands when the function leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// With so many instances, counting those on their way. `cold` is its `MinCapacity` outside the warm hours.
    Running {
        instances: i32,
        cold: i32,
    },
    AtZero,
    /// The variant, or its whole endpoint, is gone or going.
    Gone,
}

/// What the endpoint's tags say of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The tags ask for the removal too. They are the note of it while it waits for its instance.
    ByTags,
    /// The tags still ask for the function. What the removal waits for has to be written down.
    ByHand,
}

/// The changes that take away what the function made, and nothing else.
pub(super) fn remove(observed: &Scaling, standing: Standing, asked: Asked) -> (Vec<Change>, Removal) {
    if !observed.has_ours() {
        return (Vec::new(), Removal::Complete);
    }
    let mut changes = Vec::new();
    match (&observed.target, standing) {
        (_, Standing::AtZero) => return (raise(observed, asked), Removal::AwaitsInstance),
        // The target stays, because another owner's policies need it. At MinCapacity 0 they could put it to sleep with no way
        // to wake.
        (Some(target), _) if !observed.foreign.is_empty() => {
            let ours = Scaling { foreign: BTreeSet::new(), ..observed.clone() };
            changes = configure(&ours, &Scaling::default(), None);
            if let Standing::Running { instances, cold } = standing {
                let left = left_behind(observed, target, instances, cold);
                // A suspension of ours holds the instances until what is ours has gone.
                let place =
                    if left.suspended == target.suspended { 0 } else { before_the_second_look(&changes).0.len() };
                if left != *target {
                    changes.insert(place, Change::RegisterScalableTarget(left));
                }
            }
            return (changes, Removal::Complete);
        }
        (Some(_), _) => changes.push(Change::DeregisterScalableTarget),
        (None, _) => {}
    }
    delete_alarms(&mut changes, observed, &Scaling::default());
    (changes, Removal::Complete)
}

/// Starts an instance for a variant at zero, so that the function can leave it. The target is registered again even if its
/// `MinCapacity` is 1 already, or if somebody has deregistered it: this call makes AWS look at the capacity.
///
/// A removal by hand is noted down after that, because the instance matters more. If AWS refuses the note, the caller gets the
/// error, and the next event makes the variant as its tags say.
pub(super) fn raise(observed: &Scaling, asked: Asked) -> Vec<Change> {
    let raised = match &observed.target {
        Some(target) => ScalableTarget {
            min_capacity: target.min_capacity.max(1),
            max_capacity: target.max_capacity.max(1),
            // What holds instances goes on holding them.
            suspended: Suspended { scale_out: false, ..target.suspended },
        },
        None => ScalableTarget { min_capacity: 1, max_capacity: 1, suspended: Suspended::default() },
    };
    let mut changes = vec![Change::RegisterScalableTarget(raised)];
    let (name, action) = removal_mark();
    if asked == Asked::ByHand && observed.actions.get(&name) != Some(&action) {
        changes.push(Change::PutScheduledAction(name, action));
    }
    changes
}

/// A scalable target that another owner goes on using, without our suspension and our warm `MinCapacity`. It can no longer
/// reach zero, because nothing would wake it. Registering it cuts off no instance.
fn left_behind(observed: &Scaling, target: &ScalableTarget, instances: i32, cold: i32) -> ScalableTarget {
    // Not by the end of a window, as one that never closes has none.
    let is_warm =
        observed.actions.iter().any(|(name, it)| is_warm_start(name) && it.min_capacity == target.min_capacity);
    let min_capacity = if is_warm { cold.min(target.min_capacity) } else { target.min_capacity }.max(1);
    let suspended = without_ours(target.suspended);
    if min_capacity == target.min_capacity && suspended == target.suspended {
        return target.clone();
    }
    ScalableTarget { min_capacity, max_capacity: target.max_capacity.max(instances).max(min_capacity), suspended }
}

/// Any suspension that a `pause` can set is ours: no other stays on a target while it is managed.
fn without_ours(suspended: Suspended) -> Suspended {
    if [Pause::ScaleIn, Pause::All].iter().any(|pause| pause.suspended() == suspended) {
        Suspended::default()
    } else {
        suspended
    }
}

/// The note that a removal by hand waits for its instance. It is a scheduled action: AWS deletes it with the target, it hinders
/// no other owner, and nobody makes one of this name by accident. If it ever runs, it holds the variant at one instance.
fn removal_mark() -> (String, ScheduledAction) {
    let schedule = "cron(0 0 ? * MON *)".to_owned();
    (REMOVAL_MARK.to_owned(), ScheduledAction { schedule, timezone: "UTC".to_owned(), min_capacity: 1 })
}

/// Whether a removal by hand waits for its instance.
pub(super) fn is_leaving(observed: &Scaling) -> bool {
    observed.actions.contains_key(REMOVAL_MARK) || observed.strays.actions.contains(REMOVAL_MARK)
}

/// The changes up to the point where AWS has to be read once more, and those after it. An alarm may take the last instance after
/// the first read and before nothing can take it any more. Our alarms stay until it is known that this has not happened,
/// because they show that the endpoint was ours.
#[must_use]
pub fn before_the_second_look(changes: &[Change]) -> (&[Change], &[Change]) {
    let is_alarms = |change: &Change| matches!(change, Change::DeleteAlarms(_));
    match changes {
        [rest @ .., last] if is_alarms(last) => (rest, std::slice::from_ref(last)),
        _ => (changes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::super::desired_beside;
    use super::super::endpoint::{Hosting, Variant};
    use super::super::names::EndpointName;
    use super::super::scaling::Foreign;
    use super::super::settings::{Key, Settings};
    use super::*;

    fn demo(current_instances: i32) -> Variant {
        Variant {
            name: VariantName::new("AllTraffic").unwrap(),
            current_instances: Some(current_instances),
            desired_instances: Some(current_instances),
            hosting: Hosting::Instances,
            instance_type: Some("ml.g5.xlarge".to_owned()),
            publish_frequency: None,
        }
    }

    fn wanted(settings: &Settings, observed: &Scaling, instances: i32) -> Scaling {
        let endpoint = EndpointName::new("demo").unwrap();
        desired_beside(&endpoint, &demo(instances), settings, observed, Timestamp::UNIX_EPOCH)
    }

    fn configured() -> Scaling {
        wanted(&Settings::default(), &Scaling::default(), 1)
    }

    fn shared() -> Scaling {
        let theirs = Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() };
        Scaling { foreign: BTreeSet::from([theirs]), ..configured() }
    }

    fn target(min_capacity: i32, max_capacity: i32) -> ScalableTarget {
        ScalableTarget { min_capacity, max_capacity, suspended: Suspended::default() }
    }

    fn raised() -> Change {
        Change::RegisterScalableTarget(target(1, 5))
    }

    fn own_alarms() -> Change {
        Change::DeleteAlarms(AlarmKind::ALL.to_vec())
    }

    fn own_policies_and_alarms() -> Vec<Change> {
        let policies = PolicyName::ALL.iter().map(|name| Change::DeleteScalingPolicy(name.to_string()));
        policies.chain([own_alarms()]).collect()
    }

    /// Each change in a word or two.
    fn words(changes: &[Change]) -> Vec<String> {
        let word = |change: &Change| match change {
            Change::RegisterScalableTarget(target) => format!("register {}", target.min_capacity),
            Change::PutScalingPolicy(name, _) => name.to_string(),
            Change::PutMetricAlarm(kind, _) => format!("alarm {kind:?}"),
            Change::PutScheduledAction(name, _) => name.clone(),
            Change::DeleteScalingPolicy(name) | Change::DeleteScheduledAction(name) => format!("delete {name}"),
            Change::DeleteAlarms(kinds) => format!("delete alarms {kinds:?}"),
            Change::DeregisterScalableTarget => "deregister".to_owned(),
            Change::TagResource(what, _) => format!("tag {what:?}"),
            Change::SetDesiredInstances(count) => format!("set {count}"),
        };
        changes.iter().map(word).collect()
    }

    /// A window's end that lowers `MinCapacity` to 0 could put a variant to sleep that has lost its way to wake, should the
    /// plan be cut off before the end's new content is put. One that keeps an instance, or with a way to wake, may stay.
    #[test]
    fn a_windows_end_that_would_strand_goes_before_the_way_to_wake_does_and_no_other() {
        let end = |min_capacity| {
            let schedule = "cron(0 18 ? * MON *)".to_owned();
            let action = ScheduledAction { schedule, timezone: "UTC".to_owned(), min_capacity };
            BTreeMap::from([("scale-to-zero-warm-end".to_owned(), action)])
        };
        let delete = "delete scale-to-zero-warm-end".to_owned();
        let awake = Settings { min_capacity: 1, ..Settings::default() };
        let changes = |before: i32, settings: &Settings, after: i32| {
            let observed = Scaling { actions: end(before), ..configured() };
            // Two instances run, so that the way to wake isn't kept until one does.
            let desired = Scaling { actions: end(after), ..wanted(settings, &observed, 2) };
            words(&configure(&observed, &desired, Some(2)))
        };

        let raised = changes(0, &awake, 1);
        let place = |word: &str| raised.iter().position(|it| it == word);
        assert!(place(&delete).is_some() && place(&delete) < place("delete scale-to-zero-wake"), "{raised:?}");
        assert!(!changes(2, &awake, 1).contains(&delete), "it never leads to zero");
        assert!(!changes(0, &Settings::default(), 1).contains(&delete), "there is a way to wake");
        assert!(!changes(0, &awake, 0).contains(&delete), "its new content would strand as much");
    }

    #[test]
    fn configuring_registers_first_and_puts_to_sleep_last() {
        let mut settings = Settings::default();
        settings.set(Key::WarmHours, "MON 08:00-18:00 UTC", 100).unwrap();
        let changes = configure(&Scaling::default(), &wanted(&settings, &Scaling::default(), 1), Some(1));
        assert_eq!(
            words(&changes),
            [
                "register 0",
                "scale-to-zero-wake",
                "alarm Wake",
                "alarm Ladder",
                "scale-to-zero-spare",
                "alarm Spare",
                "scale-to-zero-idle",
                "alarm Idle",
                "scale-to-zero-backlog",
                "scale-to-zero-warm-end",
                "scale-to-zero-warm-start",
            ]
        );
    }

    #[test]
    fn below_the_minimum_the_target_is_registered_again_and_the_way_to_wake_stays() {
        let one = Settings { min_capacity: 1, ..Settings::default() };
        let asleep = configured();
        let changes = configure(&asleep, &wanted(&one, &asleep, 0), Some(0));
        assert_eq!(words(&changes), ["register 1", "scale-to-zero-idle"]);

        let failed = wanted(&one, &asleep, 0);
        assert!(failed.can_wake());
        assert_eq!(words(&configure(&failed, &wanted(&one, &failed, 0), Some(0))), ["register 1"], "asked for again");
        let paused = Settings { pause: Pause::All, ..one.clone() };
        let held = wanted(&paused, &failed, 0);
        assert_eq!(words(&configure(&held, &held, Some(0))), Vec::<String>::new());

        let runs = configure(&failed, &wanted(&one, &failed, 1), Some(1));
        assert_eq!(words(&runs), ["delete scale-to-zero-wake", "delete alarms [Wake, Ladder]"]);
    }

    #[test]
    fn nothing_is_put_before_its_target_is_registered() {
        let mut settings = Settings { min_capacity: 0, ..Settings::default() };
        settings.set(Key::WarmHours, "MON 08:00-18:00 UTC", 100).unwrap();
        let full = wanted(&settings, &Scaling::default(), 1);
        // Lists that lag behind a removal.
        for lagging in [
            Scaling { target: None, ..full.clone() },
            Scaling { target: None, policies: BTreeMap::new(), ..full.clone() },
            Scaling { foreign: shared().foreign, ..Scaling::default() },
        ] {
            let changes = configure(&lagging, &full, Some(1));
            assert_eq!(changes.first(), Some(&Change::RegisterScalableTarget(target(0, 5))), "{changes:?}");
        }
    }

    #[test]
    fn target_tracking_that_has_lost_an_alarm_is_put_again() {
        let mut observed = configured();
        observed.strays.without_alarm.insert(PolicyName::Backlog);
        assert_eq!(words(&configure(&observed, &configured(), Some(1))), ["scale-to-zero-backlog"]);
    }

    #[test]
    fn removing_deregisters_first_and_deletes_alarms_last() {
        for standing in [Standing::Running { instances: 1, cold: 0 }, Standing::Gone] {
            assert_eq!(
                remove(&configured(), standing, Asked::ByTags),
                (vec![Change::DeregisterScalableTarget, own_alarms()], Removal::Complete),
                "{standing:?}"
            );
        }
        let changes = [Change::DeregisterScalableTarget, own_alarms()];
        assert_eq!(before_the_second_look(&changes), (&changes[..1], &changes[1..]));
        assert_eq!(before_the_second_look(&changes[..1]), (&changes[..1], &[][..]));
    }

    #[test]
    fn a_variant_at_zero_is_raised_before_anything_is_taken_away() {
        let deregistered = Scaling { target: None, policies: BTreeMap::new(), ..configured() };
        for (observed, want) in [(configured(), 5), (shared(), 5), (deregistered, 1)] {
            let (changes, removal) = remove(&observed, Standing::AtZero, Asked::ByTags);
            let want = Change::RegisterScalableTarget(target(1, want));
            assert_eq!((changes, removal), (vec![want], Removal::AwaitsInstance));
        }
    }

    /// A start that is suspended would never come, and what keeps instances would let the one go again.
    #[test]
    fn a_start_for_a_removal_is_not_suspended_and_what_holds_instances_goes_on_holding_them() {
        for (scale_in, scheduled) in [(true, true), (false, true), (true, false), (false, false)] {
            for scale_out in [true, false] {
                let suspended = Suspended { scale_in, scale_out, scheduled };
                let paused = Scaling { target: Some(ScalableTarget { suspended, ..target(0, 5) }), ..configured() };
                let want = ScalableTarget { suspended: Suspended { scale_out: false, ..suspended }, ..target(1, 5) };
                assert_eq!(raise(&paused, Asked::ByTags), [Change::RegisterScalableTarget(want)], "{suspended:?}");
            }
        }
    }

    #[test]
    fn a_removal_by_hand_is_written_down_once() {
        let (changes, _) = remove(&shared(), Standing::AtZero, Asked::ByHand);
        assert_eq!(words(&changes), ["register 1", REMOVAL_MARK]);
        let deregistered = Scaling { target: None, policies: BTreeMap::new(), ..configured() };
        let (changes, _) = remove(&deregistered, Standing::AtZero, Asked::ByHand);
        assert_eq!(words(&changes), ["register 1", REMOVAL_MARK], "an action needs a target");
        let (name, action) = removal_mark();
        let marked = Scaling { actions: BTreeMap::from([(name, action)]), ..configured() };
        assert!(is_leaving(&marked) && !is_leaving(&configured()));
        assert_eq!(words(&remove(&marked, Standing::AtZero, Asked::ByHand).0), ["register 1"]);
    }

    #[test]
    fn a_target_that_another_owner_uses_stays_and_can_no_longer_reach_zero() {
        let (changes, _) = remove(&shared(), Standing::Running { instances: 1, cold: 0 }, Asked::ByTags);
        assert_eq!(changes, [&[raised()], &own_policies_and_alarms()[..]].concat());
    }

    #[test]
    fn a_target_that_another_owner_uses_loses_what_was_ours_and_no_instance() {
        let settings = |hours: &str| {
            let mut settings = Settings { min_capacity: 0, warm_capacity: 3, ..Settings::default() };
            settings.set(Key::WarmHours, hours, 100).unwrap();
            settings
        };
        let (office, always) = (settings("MON 08:00-18:00 UTC"), settings("MON-SUN 00:00-24:00 UTC"));
        let theirs_beside = |settings: &Settings, min_capacity, suspended| Scaling {
            target: Some(ScalableTarget { suspended, ..target(min_capacity, 5) }),
            foreign: shared().foreign,
            ..wanted(settings, &Scaling::default(), 1)
        };
        let theirs = |min_capacity, suspended| theirs_beside(&office, min_capacity, suspended);
        let running = Suspended::default();
        assert_eq!(theirs_beside(&always, 3, running).actions.len(), 1, "it has no end");
        let odd = Suspended { scale_in: false, scale_out: true, scheduled: false };
        for (observed, instances, cold, want) in [
            (theirs(3, running), 3, 0, Some(target(1, 5))),
            (theirs(3, running), 3, 2, Some(target(2, 5))),
            (theirs(3, running), 3, 4, None),
            (theirs_beside(&always, 3, running), 3, 0, Some(target(1, 5))),
            (theirs_beside(&always, 3, running), 6, 2, Some(target(2, 6))),
            (theirs_beside(&always, 2, running), 3, 0, None),
            (theirs(2, running), 3, 0, None),
            (theirs(2, Pause::All.suspended()), 3, 0, Some(target(2, 5))),
            (theirs(2, Pause::ScaleIn.suspended()), 7, 0, Some(target(2, 7))),
            (theirs(0, odd), 1, 0, Some(ScalableTarget { suspended: odd, ..target(1, 5) })),
        ] {
            let (changes, _) = remove(&observed, Standing::Running { instances, cold }, Asked::ByTags);
            let registered = changes.iter().find_map(|change| {
                if let Change::RegisterScalableTarget(target) = change { Some(target.clone()) } else { None }
            });
            assert_eq!(registered, want, "{:?}", observed.target);
        }
    }

    #[test]
    fn nothing_is_registered_for_a_variant_that_is_gone() {
        let (changes, _) = remove(&shared(), Standing::Gone, Asked::ByTags);
        assert_eq!(changes, own_policies_and_alarms());
    }
}
