//! How a variant stands, since when, and how it stood before.

use jiff::{SignedDuration, Timestamp};

use super::activities::{
    ActivityStatus, LastAction, ScalingActivity, Starts, hide_what_was_fulfilled, last_action, median_start,
    open_attempt,
};
use super::endpoint::Variant;
use super::names::VariantName;

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
