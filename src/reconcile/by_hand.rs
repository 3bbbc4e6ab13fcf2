//! What a person asks for by hand: how a variant stands, and to wake it or put it to sleep now. Tags and bounds hold here too,
//! and a variant is put to sleep only if something wakes it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::activities::{
    ActivityStatus, LastAction, ScalingActivity, Starts, hide_what_was_fulfilled, last_action, median_start,
    open_attempt,
};
use super::endpoint::{Endpoint, EndpointStatus, Variant};
use super::names::VariantName;
use super::plan::{Change, VariantPlan};
use super::scaling::{ScalableTarget, Scaling};
use super::settings::{Key, Pause, Problem, Rules, Settings, WakeInstances, Wish};
use super::{Conflict, Decision, Request, SkipReason, decide};

/// How a variant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Asleep,
    Waking,
    Awake,
    FallingAsleep,
    /// The endpoint is being changed otherwise than by its number of instances.
    Updating,
}

impl State {
    /// `is_changing`: the endpoint isn't InService. `is_deploying`: it is getting another configuration, too.
    #[must_use]
    pub fn of(variant: &Variant, is_changing: bool, is_deploying: bool) -> Self {
        let current = variant.current_instances.unwrap_or(0);
        let desired = variant.desired_instances.unwrap_or(current);
        match (current, desired) {
            _ if is_deploying => Self::Updating,
            (0, 0) if is_changing => Self::Updating,
            (0, 0) => Self::Asleep,
            (0, _) => Self::Waking,
            (_, 0) => Self::FallingAsleep,
            (current, desired) if is_changing && current == desired => Self::Updating,
            // One instance or more serve while others come or go.
            _ => Self::Awake,
        }
    }

    /// The fixed code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Waking => "waking",
            Self::Awake => "awake",
            Self::FallingAsleep => "falling-asleep",
            Self::Updating => "updating",
        }
    }
}

/// How a variant stands, since when, and how long it takes to wake.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantState {
    pub variant: VariantName,
    pub state: State,
    pub instances: i32,
    pub wanted: i32,
    /// `None`: nobody can tell.
    pub since: Option<Timestamp>,
    /// Of this variant's own past starts; `None` where none is known.
    pub wakes_in: Option<Starts>,
    /// Requests, as far as a datapoint of the last minutes says.
    pub waiting: Option<f64>,
    /// Who set the number of instances last, and why.
    pub last: Option<Scaled>,
}

/// The last change of a variant's number of instances, or the attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scaled {
    ByActivity {
        activity: ScalingActivity,
        author: super::Author,
    },
    /// By hand, or by an update of the endpoint: neither leaves an activity.
    Elsewise {
        since: Timestamp,
    },
}

/// Says how a variant stands. `modified` is when SageMaker last changed the endpoint.
#[must_use]
pub fn variant_state(
    variant: &Variant,
    state: State,
    modified: Option<Timestamp>,
    activities: &[ScalingActivity],
    waiting: Option<f64>,
    now: Timestamp,
) -> VariantState {
    VariantState {
        variant: variant.name.clone(),
        state,
        instances: variant.current_instances.unwrap_or(0),
        wanted: variant.desired_instances.or(variant.current_instances).unwrap_or(0),
        since: since(state, variant, modified, activities, now),
        wakes_in: median_start(activities),
        waiting,
        last: last_scaled(variant, activities, modified),
    }
}

/// Who set a variant's number of instances last, and why. `modified` is when SageMaker last changed the endpoint.
#[must_use]
pub fn last_scaled(variant: &Variant, activities: &[ScalingActivity], modified: Option<Timestamp>) -> Option<Scaled> {
    Some(match last_action(activities, variant.desired_instances)? {
        LastAction::Activity { activity, author } => Scaled::ByActivity { activity: activity.clone(), author },
        LastAction::ByHand { since } => Scaled::Elsewise { since: modified.unwrap_or(since).max(since) },
    })
}

fn since(
    state: State,
    variant: &Variant,
    modified: Option<Timestamp>,
    activities: &[ScalingActivity],
    now: Timestamp,
) -> Option<Timestamp> {
    // The activity that gave the variant the number that it has or is getting. Orders that came to nothing may be newer.
    let newest = match last_action(activities, variant.desired_instances) {
        Some(LastAction::Activity { activity, .. }) => Some(activity),
        Some(LastAction::ByHand { .. }) | None => None,
    };
    let done = fulfilled(activities).pop().map(|(activity, _)| activity);
    let explains = [newest, done].into_iter().flatten().find(|it| it.instances() == variant.desired_instances);
    match (state, explains) {
        // They hide what woke it, and each attempt may count as a change.
        (State::Awake, None) if hide_what_was_fulfilled(activities) => None,
        (State::Updating, _) | (_, None) => modified,
        (State::Asleep, Some(activity)) => Some(activity.end.unwrap_or(activity.start)),
        (State::Waking, Some(activity)) => match open_attempt(activities, now) {
            Some(attempt) => (!attempt.is_since_at_least).then_some(attempt.since),
            None => Some(activity.start),
        },
        (State::FallingAsleep, Some(activity)) => Some(activity.start),
        (State::Awake, Some(_)) => woke_up(activities).map(|activity| activity.end.unwrap_or(activity.start)),
    }
}

/// The activities that were fulfilled, the oldest first.
fn fulfilled(activities: &[ScalingActivity]) -> Vec<(&ScalingActivity, i32)> {
    let done = activities.iter().filter(|activity| activity.status == ActivityStatus::Successful);
    let mut done: Vec<_> = done.filter_map(|activity| Some((activity, activity.instances()?))).collect();
    done.sort_by_key(|(activity, _)| activity.start);
    done
}

/// The newest activity that gave a variant without instances some. The variant has some now.
fn woke_up(activities: &[ScalingActivity]) -> Option<&ScalingActivity> {
    let done = fulfilled(activities);
    done.windows(2).rev().find_map(|pair| match pair {
        [(_, 0), (activity, _)] => Some(*activity),
        _ => None,
    })
}

/// How long after its end an activity is what an event tells of.
const EVENT_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// What a variant was before it was as it is now.
#[must_use]
pub fn state_before(state: State, activities: &[ScalingActivity], now: Timestamp) -> Before {
    let done = fulfilled(activities);
    let Some((newest, instances)) = done.last().copied() else { return Before::Unknown };
    let is_fresh = now.duration_since(newest.end.unwrap_or(newest.start)) <= EVENT_DELAY;
    match state {
        State::Asleep if instances > 0 => Before::Was(State::Awake),
        State::Asleep if is_fresh => Before::Was(State::Awake),
        // Its last activity put it to sleep. Something else has woken it.
        State::Awake if instances == 0 => Before::Was(State::Asleep),
        State::Awake if is_fresh => match woke_up(activities) {
            Some(woke) if woke.start == newest.start => Before::Was(State::Asleep),
            _ => Before::Was(State::Awake),
        },
        State::Waking => Before::Was(State::Asleep),
        State::FallingAsleep => Before::Was(State::Awake),
        State::Asleep | State::Awake | State::Updating => Before::Unknown,
    }
}

/// What is known of an earlier state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Was(State),
    Unknown,
}

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Instances now: so many, or as many as the endpoint wakes with.
    Wake(Option<i32>),
    /// None above those that `MinCapacity` keeps.
    Sleep,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub enum ByHand {
    Skip(SkipReason),
    /// The tag `pause` holds it.
    Paused(Pause),
    Invalid(Vec<Problem>),
    Conflict(Vec<Conflict>, Pause),
    /// The pause that holds, where scaling in alone is paused.
    Wake(Vec<VariantPlan>, Pause),
    Sleep(Vec<VariantPlan>),
    /// It is so already.
    Unchanged(Vec<VariantPlan>),
}

/// Decides what a person's wish for instances comes to. `is_deploying` as for [`State::of`]. What the tags ask for is put
/// right in the same plan, and first: so whatever is put to sleep can wake.
#[must_use]
pub fn by_hand(
    wanted: Wanted,
    rules: &Rules,
    endpoint: Option<&Endpoint>,
    is_deploying: bool,
    observed: &BTreeMap<VariantName, Scaling>,
    now: Timestamp,
) -> ByHand {
    let is_changing = endpoint.is_some_and(|endpoint| endpoint.status != EndpointStatus::InService);
    let settled = endpoint.map(|endpoint| match endpoint.status {
        EndpointStatus::Other => Endpoint { status: EndpointStatus::InService, ..endpoint.clone() },
        EndpointStatus::InService | EndpointStatus::Deleting | EndpointStatus::Failed => endpoint.clone(),
    });
    let (plans, pause) = match decide(Request::Event, rules, settled.as_ref(), observed, now) {
        Decision::Configure(plans, pause) => (plans, pause),
        Decision::Skip(reason) => return ByHand::Skip(reason),
        Decision::Invalid(problems) => return ByHand::Invalid(problems),
        Decision::Conflict(conflicts, pause) => return ByHand::Conflict(conflicts, pause),
        // It is leaving, or what it left behind waits to be taken away.
        Decision::Remove(..) => {
            let is_there = settled.is_some_and(|endpoint| endpoint.status == EndpointStatus::InService);
            return ByHand::Skip(if is_there { SkipReason::NotManaged } else { SkipReason::NotInService });
        }
    };
    let Some(endpoint) = settled else { return ByHand::Skip(SkipReason::NotFound) };
    let Ok(Wish::Managed(settings)) = rules.read(&endpoint.tags) else { return ByHand::Skip(SkipReason::NotManaged) };
    match (pause, wanted) {
        (Pause::No, _) | (Pause::ScaleIn, Wanted::Wake(_)) => {}
        (Pause::All, _) | (Pause::ScaleIn, Wanted::Sleep) => return ByHand::Paused(pause),
    }
    let nothing: Vec<VariantPlan> =
        plans.iter().map(|plan| VariantPlan { changes: Vec::new(), ..plan.clone() }).collect();
    let states = || endpoint.variants.iter().map(|variant| State::of(variant, is_changing, is_deploying));
    let steps = match steps(wanted, rules, &endpoint, &settings, &plans, observed) {
        Ok(steps) => steps,
        Err(problem) => return ByHand::Invalid(vec![problem]),
    };
    let is_on_its_way = match wanted {
        Wanted::Wake(_) => states().any(|state| state == State::Waking),
        Wanted::Sleep => endpoint.variants.iter().any(|it| it.current_instances > it.desired_instances),
    };
    let done = |plans| match wanted {
        Wanted::Wake(_) => ByHand::Wake(plans, pause),
        Wanted::Sleep => ByHand::Sleep(plans),
    };
    if steps.iter().all(Option::is_none) {
        let is_deployed = !is_deploying && (!is_changing || is_on_its_way);
        return match (is_deployed, is_on_its_way) {
            (false, _) => ByHand::Skip(SkipReason::NotInService),
            (true, true) => done(nothing),
            (true, false) => ByHand::Unchanged(nothing),
        };
    }
    if is_changing {
        return ByHand::Skip(SkipReason::NotInService);
    }
    let with_step = |mut plan: VariantPlan| {
        let index = endpoint.variants.iter().position(|variant| variant.name == plan.variant);
        if let Some(Some(Step::Set(instances))) = index.and_then(|index| steps.get(index)) {
            plan.changes.push(Change::SetDesiredInstances(*instances));
        }
        plan
    };
    done(plans.into_iter().map(with_step).collect())
}

/// What makes a variant's number of instances the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Set(i32),
    /// Registering its target, which the plan does anyhow, makes AWS change the number at once; a second change would be
    /// refused.
    LeaveToAws,
}

/// A step for each variant; `None` where it has what is wanted.
fn steps(
    wanted: Wanted,
    rules: &Rules,
    endpoint: &Endpoint,
    settings: &Settings,
    plans: &[VariantPlan],
    observed: &BTreeMap<VariantName, Scaling>,
) -> Result<Vec<Option<Step>>, Problem> {
    let mut steps = Vec::new();
    for variant in &endpoint.variants {
        let scaling = observed.get(&variant.name);
        let plan = plans.iter().find(|plan| plan.variant == variant.name);
        let registered = plan.and_then(|plan| plan.changes.iter().rev().find_map(registers));
        let Some(target) = registered.or(scaling.and_then(|scaling| scaling.target.as_ref())) else {
            steps.push(None);
            continue;
        };
        let desired = variant.desired_instances.or(variant.current_instances).unwrap_or(0);
        let instances = match wanted {
            Wanted::Wake(instances) => {
                let instances = instances.unwrap_or_else(|| default_instances(settings)).max(target.min_capacity);
                if instances > target.max_capacity {
                    return Err(too_many(rules, instances, target));
                }
                instances
            }
            Wanted::Sleep => target.min_capacity,
        };
        let is_so = match wanted {
            Wanted::Wake(_) => desired >= instances,
            Wanted::Sleep => desired <= instances,
        };
        if wanted == Wanted::Sleep && instances == 0 && !is_so && !settings.wake {
            return Err(would_not_wake(rules));
        }
        let is_moved = registered.is_some() && !(target.min_capacity..=target.max_capacity).contains(&desired);
        steps.push(match (is_so, is_moved) {
            (true, _) => None,
            (false, true) => Some(Step::LeaveToAws),
            (false, false) => Some(Step::Set(instances)),
        });
    }
    Ok(steps)
}

fn registers(change: &Change) -> Option<&ScalableTarget> {
    if let Change::RegisterScalableTarget(target) = change { Some(target) } else { None }
}

/// How many instances a wish without a number asks for.
fn default_instances(settings: &Settings) -> i32 {
    match settings.wake_instances {
        WakeInstances::Fixed(instances) => instances,
        WakeInstances::Auto => 1,
    }
}

fn too_many(rules: &Rules, instances: i32, target: &ScalableTarget) -> Problem {
    Problem {
        tag: "instances".to_owned(),
        value: Some(instances.to_string()),
        problem: format!(
            "must be at most {}, the endpoint's maximum; set its tag {} to allow more",
            target.max_capacity,
            rules.tag(Key::MaxCapacity)
        ),
    }
}

fn would_not_wake(rules: &Rules) -> Problem {
    Problem {
        tag: rules.tag(Key::Wake),
        value: Some("false".to_owned()),
        problem:
            "leaves nothing that wakes the endpoint for its first request, so it is not put to sleep; set this tag \
                  to true"
                .to_owned(),
    }
}

/// Whether a variant has no instance, is to get none, and nothing would start one for a request.
#[must_use]
pub fn cannot_wake(endpoint: &Endpoint, observed: &BTreeMap<VariantName, Scaling>) -> bool {
    let can_wake = |name: &VariantName| {
        observed.get(name).is_some_and(|scaling| {
            scaling.can_wake() || scaling.target.as_ref().is_some_and(|target| target.min_capacity > 0)
        })
    };
    endpoint.variants.iter().any(|variant| variant.desired_instances == Some(0) && !can_wake(&variant.name))
}

/// What shows that an endpoint is at work.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// The largest backlog of the last minutes; `None` where no datapoint is there.
    pub waiting: Option<f64>,
    /// The most requests that were finished in one of the last minutes.
    pub finished: f64,
    /// The largest use of a GPU in the last minutes, in percent; `None` where there is no GPU.
    pub gpu: Option<f64>,
}

/// Why an endpoint is not put to sleep, if so. An endpoint of which the backlog isn't known may have one.
#[must_use]
pub fn at_work(work: &Work) -> Option<String> {
    match *work {
        Work { waiting: None, .. } => Some("CloudWatch has no datapoint of its backlog".to_owned()),
        Work { waiting: Some(waiting), .. } if waiting > 0.0 => {
            Some(format!("its backlog was {waiting} in the last minutes"))
        }
        Work { finished, .. } if finished > 0.0 => Some("a request ended in the last minutes".to_owned()),
        Work { gpu: Some(gpu), .. } if gpu >= 1.0 => Some(format!("a GPU is used to {gpu:.0} %")),
        Work { .. } => None,
    }
}

#[cfg(test)]
mod tests;
