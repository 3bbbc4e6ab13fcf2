//! From what is there and what should be to a list of changes that leaves nothing to choose.
//!
//! The order is the point: whatever fails in between, a variant that can lose its last instance can also be woken.

use std::collections::BTreeSet;

use super::endpoint::Tags;
use super::names::{AlarmKind, PolicyName, VariantName};
use super::scaling::{Alarm, ForeignKind, ScalableTarget, Scaling, ScalingPolicy, ScheduledAction, Suspended};

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
    /// Gives something that exists the endpoint's tags that are to go along.
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

/// The changes that turn `observed` into `desired`. What another owner has there is taken away: the caller has made
/// sure that this is wanted.
#[must_use]
pub fn configure(observed: &Scaling, desired: &Scaling) -> Vec<Change> {
    let mut changes = Vec::new();
    let register = desired
        .target
        .as_ref()
        .filter(|target| observed.target.as_ref() != Some(*target))
        .map(|target| Change::RegisterScalableTarget(target.clone()));
    // Policies need a target, so registering comes first, unless it is what lets policies that are there already take
    // the last instance: then waking comes before it.
    let registered = Scaling { target: desired.target.clone(), ..observed.clone() };
    let opens_the_way_to_zero = observed.can_scale_in() && !observed.may_reach_zero() && registered.may_reach_zero();
    let (first, later) = if opens_the_way_to_zero { (None, register) } else { (register, None) };

    changes.extend(first);
    put_policy(&mut changes, PolicyName::Wake, observed, desired);
    put_alarm(&mut changes, AlarmKind::Wake, observed, desired);
    // Two target-tracking policies on one metric are refused, so what shouldn't be there goes before ours comes.
    changes.extend(observed.foreign.iter().map(|foreign| match foreign.kind {
        ForeignKind::ScalingPolicy => Change::DeleteScalingPolicy(foreign.name.clone()),
        ForeignKind::ScheduledAction => Change::DeleteScheduledAction(foreign.name.clone()),
    }));
    // What was edited by hand beyond our fields may keep some of that when it is put again.
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
    // Once it can wake, for the end of warm hours may let it sleep.
    let drifted = desired.actions.iter().filter(|(name, action)| observed.actions.get(*name) != Some(*action));
    changes.extend(drifted.map(|(name, action)| Change::PutScheduledAction(name.clone(), action.clone())));
    put_policy(&mut changes, PolicyName::Idle, observed, desired);
    put_alarm(&mut changes, AlarmKind::Idle, observed, desired);
    put_policy(&mut changes, PolicyName::Backlog, observed, desired);

    delete_alarms(&mut changes, observed, desired);
    changes
}

fn put_policy(changes: &mut Vec<Change>, name: PolicyName, observed: &Scaling, desired: &Scaling) {
    let Some(policy) = desired.policies.get(&name).filter(|policy| observed.policies.get(&name) != Some(*policy))
    else {
        return;
    };
    // A policy keeps its type for life.
    if observed.policy_type(name).is_some_and(|present| present != policy.policy_type()) {
        changes.push(Change::DeleteScalingPolicy(name.to_string()));
    }
    changes.push(Change::PutScalingPolicy(name, policy.clone()));
}

/// After its policy: the alarm's action is the ARN that the policy got.
fn put_alarm(changes: &mut Vec<Change>, kind: AlarmKind, observed: &Scaling, desired: &Scaling) {
    let Some(alarm) = desired.alarms.get(&kind) else { return };
    let policy_is_another =
        observed.policy_type(kind.policy()) != desired.policies.get(&kind.policy()).map(ScalingPolicy::policy_type);
    if observed.alarms.get(&kind) != Some(alarm) || policy_is_another {
        changes.push(Change::PutMetricAlarm(kind, alarm.clone()));
    }
}

/// Alarms go last: after a call that failed in between they still show whose the rest is.
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
pub enum Standing {
    Running,
    AtZero,
    /// The variant, or its whole endpoint, is gone or going.
    Gone,
}

/// The changes that take away what the function made, and nothing else. `leaving` is the state in which a variant that
/// has to be raised waits for its instance.
#[must_use]
pub fn remove(observed: &Scaling, standing: Standing, leaving: Suspended) -> (Vec<Change>, Removal) {
    if !observed.has_ours() {
        return (Vec::new(), Removal::Complete);
    }
    let raised = |target: &ScalableTarget, suspended: Suspended| {
        Change::RegisterScalableTarget(ScalableTarget {
            min_capacity: target.min_capacity.max(1),
            max_capacity: target.max_capacity.max(1),
            suspended,
        })
    };
    let mut changes = Vec::new();
    match &observed.target {
        // Written again even where MinCapacity is 1 already: it is the call that makes AWS look at the capacity.
        Some(target) if standing == Standing::AtZero => {
            let suspended = if observed.foreign.is_empty() { leaving } else { target.suspended };
            changes.push(raised(target, suspended));
            return (changes, Removal::AwaitsInstance);
        }
        // The target stays, as another's policies need it; at MinCapacity 0 they could put it to sleep with no way to wake.
        Some(target) if !observed.foreign.is_empty() => {
            if target.min_capacity == 0 && standing != Standing::Gone {
                changes.push(raised(target, target.suspended));
            }
            let ours = Scaling { foreign: BTreeSet::new(), ..observed.clone() };
            changes.extend(configure(&ours, &Scaling::default()));
            return (changes, Removal::Complete);
        }
        Some(_) => changes.push(Change::DeregisterScalableTarget),
        None => {}
    }
    delete_alarms(&mut changes, observed, &Scaling::default());
    (changes, Removal::Complete)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::names::EndpointName;
    use super::super::scaling::Foreign;
    use super::super::{Settings, desired};
    use super::*;

    fn configured() -> Scaling {
        desired(&EndpointName::new("demo").unwrap(), &Settings::default(), Timestamp::UNIX_EPOCH)
    }

    fn shared() -> Scaling {
        let theirs = Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() };
        Scaling { foreign: BTreeSet::from([theirs]), ..configured() }
    }

    fn raised() -> Change {
        Change::RegisterScalableTarget(ScalableTarget {
            min_capacity: 1,
            max_capacity: 5,
            suspended: Suspended::default(),
        })
    }

    fn own_policies_and_alarm() -> [Change; 3] {
        [
            Change::DeleteScalingPolicy("scale-to-zero-backlog".to_owned()),
            Change::DeleteScalingPolicy("scale-to-zero-wake".to_owned()),
            Change::DeleteAlarms(vec![AlarmKind::Wake]),
        ]
    }

    #[test]
    fn configuring_registers_first_and_puts_to_sleep_last() {
        let kinds: Vec<&str> = configure(&Scaling::default(), &configured())
            .iter()
            .map(|change| match change {
                Change::RegisterScalableTarget(_) => "register",
                Change::PutScalingPolicy(name, _) => name.as_str(),
                Change::PutMetricAlarm(..) => "alarm",
                Change::PutScheduledAction(..) => "schedule",
                Change::DeleteScalingPolicy(_)
                | Change::DeleteScheduledAction(_)
                | Change::DeleteAlarms(_)
                | Change::DeregisterScalableTarget => "delete",
                Change::TagResource(..) => "tag",
                Change::SetDesiredInstances(_) => "count",
            })
            .collect();
        assert_eq!(kinds, ["register", "scale-to-zero-wake", "alarm", "scale-to-zero-backlog"]);
    }

    #[test]
    fn removing_deregisters_first_and_deletes_alarms_last() {
        for standing in [Standing::Running, Standing::Gone] {
            assert_eq!(
                remove(&configured(), standing, Suspended::default()),
                (
                    vec![Change::DeregisterScalableTarget, Change::DeleteAlarms(vec![AlarmKind::Wake])],
                    Removal::Complete
                ),
                "{standing:?}"
            );
        }
    }

    #[test]
    fn a_variant_at_zero_is_raised_before_anything_is_taken_away() {
        for observed in [configured(), shared()] {
            let (changes, removal) = remove(&observed, Standing::AtZero, Suspended::default());
            assert_eq!((changes, removal), (vec![raised()], Removal::AwaitsInstance));
        }
    }

    #[test]
    fn a_target_that_another_owner_uses_stays_and_can_no_longer_reach_zero() {
        let (changes, _) = remove(&shared(), Standing::Running, Suspended::default());
        assert_eq!(changes, [&[raised()], &own_policies_and_alarm()[..]].concat());
    }

    #[test]
    fn nothing_is_registered_for_a_variant_that_is_gone() {
        let (changes, _) = remove(&shared(), Standing::Gone, Suspended::default());
        assert_eq!(changes, own_policies_and_alarm());
    }
}
