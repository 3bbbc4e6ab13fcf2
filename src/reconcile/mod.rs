//! The pure core: from what AWS says now to what is to be done. No I/O, no clock, no environment, no AWS type.
//!
//! An [`Endpoint`] and its tags give a [`Wish`], a managed one's [`Settings`] give the [`desired`] [`Scaling`] of each
//! variant, and the difference to the observed one is a plan, a list of [`Change`]s that leaves nothing to choose.

mod activities;
mod along;
mod desired;
mod endpoint;
mod explain;
mod names;
mod plan;
mod scaling;
mod settings;
mod status;
mod values;
mod warm;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use activities::{
    ACTIVITIES_ON_A_PAGE, ActivityStatus, Attempt, Author, LastAction, Obstacle, ScalingActivity, Starts, author,
    last_action, median_start, open_attempt, refusal, starts,
};
pub use along::{Present, plan_tags, tags_along};
pub use desired::{BACKLOG_METRIC, METRIC_PERIOD, desired, desired_beside};
pub use endpoint::{Endpoint, EndpointStatus, Hosting, Inference, Tags, Variant};
pub use explain::{
    About, AlarmReading, AlarmRole, AlarmState, BacklogSize, Facts, Finding, FindingCode, Readings, Unreadable,
    backlog_window, explain, pending_changes, way_to_another_instance_type,
};
pub use names::{
    ALARM_PREFIX, AlarmKind, EndpointName, PolicyName, VariantName, alarm_name, is_owned_action, owned_alarm,
    resource_id, variant_of,
};
pub use plan::{Change, Removal, Standing, Tagged, VariantPlan, configure, remove};
pub use scaling::{
    Adjustment, Alarm, Comparison, Foreign, ForeignKind, Metric, MissingData, PolicyType, ScalableTarget, Scaling,
    ScalingPolicy, ScheduledAction, Statistic, Step, StepScaling, Strays, Suspended, TargetTracking,
};
pub use settings::{Key, Manage, Pause, Problem, Rules, STATUS_TAG, Settings, Wish};
pub use status::{StatusTag, status_tag};
pub use warm::{WarmHours, WarmWindow, is_warm};

/// Why an endpoint is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Make it as its tags say.
    Apply,
    /// The same, but finish a removal that was begun by [`Request::Remove`].
    Event,
    /// Take away what the function made, whatever the tags say.
    Remove,
}

/// Guesses about an endpoint, from whatever made us look at it. They steer what is read, never what is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Worth reading whole at once: saves a round trip where it is right, costs some reads where it is wrong.
    pub is_likely_ours: bool,
    /// Variants that may have left something behind, beside those that the endpoint has and those of its alarms.
    pub variants: Vec<VariantName>,
    /// Worth reading whole even while nothing may be written: somebody asks what is there.
    pub in_any_status: bool,
}

/// Why nothing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    NotManaged,
    NotAsync,
    Serverless,
    ManagedInstanceScaling,
    BurstableInstance,
    NotInService,
    NotFound,
    IgnoredEvent,
}

/// What is to be done about an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    Skip(SkipReason),
    Invalid(Vec<Problem>),
    Conflict(Vec<Conflict>, Pause),
    Configure(Vec<VariantPlan>, Pause),
    Remove(Vec<VariantPlan>, Removal),
}

impl Decision {
    /// What is to be done about each variant; empty where nothing is, whatever the reason.
    #[must_use]
    pub fn plans(&self) -> &[VariantPlan] {
        match self {
            Self::Configure(plans, _) | Self::Remove(plans, _) => plans,
            Self::Skip(_) | Self::Invalid(_) | Self::Conflict(..) => &[],
        }
    }
}

/// Something of another owner on a variant that the tags want managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub variant: VariantName,
    pub foreign: Foreign,
}

/// Decides what is to be done about one endpoint. `endpoint` is `None` when SageMaker doesn't know it; `observed` has
/// the scaling of each of its variants, and of variants that are gone but left something behind; `now` says whether its warm
/// hours are on.
#[must_use]
pub fn decide(
    request: Request,
    rules: &Rules,
    endpoint: Option<&Endpoint>,
    observed: &BTreeMap<VariantName, Scaling>,
    now: Timestamp,
) -> Decision {
    let Some(endpoint) = endpoint else {
        return clean_up(observed, SkipReason::NotFound);
    };
    match endpoint.status {
        EndpointStatus::InService => {}
        EndpointStatus::Deleting => return clean_up(observed, SkipReason::NotInService),
        EndpointStatus::Failed | EndpointStatus::Other => return Decision::Skip(SkipReason::NotInService),
    }
    let wish = rules.read(&endpoint.tags);
    let finishes_removal = request == Request::Event && observed.values().any(|scaling| is_leaving(scaling, &wish));
    let unwanted = match (&wish, ineligible(endpoint)) {
        (Ok(Wish::None | Wish::OptOut), _) => Some(SkipReason::NotManaged),
        (_, Some(reason)) => Some(reason),
        _ => None,
    };
    if request == Request::Remove || finishes_removal || unwanted.is_some() {
        // Where the tags still ask for us, the wish to leave has to be written down for the event that finishes it.
        let leaving = if unwanted.is_none() { Suspended::LEAVING } else { Suspended::default() };
        let (plans, removal) = remove_all(endpoint, observed, leaving);
        return match unwanted {
            Some(reason) if plans.iter().all(|plan| plan.changes.is_empty()) => Decision::Skip(reason),
            _ => Decision::Remove(plans, removal),
        };
    }
    match wish {
        Err(problems) => Decision::Invalid(problems),
        Ok(Wish::Managed(settings)) => configure_all(rules, endpoint, &settings, observed, now),
        Ok(Wish::None | Wish::OptOut) => Decision::Skip(SkipReason::NotManaged),
    }
}

/// Whether a removal was begun by hand and waits for its instance. A drift of `SuspendedState` alone must not be taken
/// for it, so `MinCapacity` has to be raised too, where the tags ask for 0.
fn is_leaving(scaling: &Scaling, wish: &Result<Wish, Vec<Problem>>) -> bool {
    let may_have_been_raised = !matches!(wish, Ok(Wish::Managed(settings)) if settings.min_capacity > 0);
    let is_marked = |target: &ScalableTarget| target.suspended == Suspended::LEAVING && target.min_capacity > 0;
    may_have_been_raised && scaling.has_ours() && scaling.target.as_ref().is_some_and(is_marked)
}

/// Why the endpoint can't be managed, if so: only asynchronous endpoints on instances of a fixed type can.
#[must_use]
pub fn ineligible(endpoint: &Endpoint) -> Option<SkipReason> {
    let any = |is: fn(&Variant) -> bool| endpoint.variants.iter().any(is);
    if any(|variant| variant.hosting == Hosting::Serverless) {
        Some(SkipReason::Serverless)
    } else if any(|variant| variant.hosting == Hosting::ManagedInstanceScaling) {
        Some(SkipReason::ManagedInstanceScaling)
    } else if endpoint.inference == Inference::RealTime {
        Some(SkipReason::NotAsync)
    } else if any(Variant::is_burstable) {
        Some(SkipReason::BurstableInstance)
    } else {
        None
    }
}

/// For an endpoint that is gone or going: nobody else deletes the alarms of its step policies.
fn clean_up(observed: &BTreeMap<VariantName, Scaling>, reason: SkipReason) -> Decision {
    let plans = leftovers(observed, |_| true);
    if plans.is_empty() { Decision::Skip(reason) } else { Decision::Remove(plans, Removal::Complete) }
}

/// What variants left behind that the endpoint no longer has.
fn vanished(endpoint: &Endpoint, observed: &BTreeMap<VariantName, Scaling>) -> Vec<VariantPlan> {
    leftovers(observed, |name| !endpoint.variants.iter().any(|variant| variant.name == *name))
}

/// The removal of everything that the function made for variants that are gone.
fn leftovers(observed: &BTreeMap<VariantName, Scaling>, is_gone: impl Fn(&VariantName) -> bool) -> Vec<VariantPlan> {
    observed
        .iter()
        .filter(|(name, _)| is_gone(name))
        .map(|(name, scaling)| VariantPlan {
            variant: name.clone(),
            changes: remove(scaling, Standing::Gone, Suspended::default()).0,
        })
        .filter(|plan| !plan.changes.is_empty())
        .collect()
}

fn remove_all(
    endpoint: &Endpoint,
    observed: &BTreeMap<VariantName, Scaling>,
    leaving: Suspended,
) -> (Vec<VariantPlan>, Removal) {
    let mut slowest = Removal::Complete;
    let mut plans = Vec::new();
    for variant in &endpoint.variants {
        let scaling = observed.get(&variant.name).cloned().unwrap_or_default();
        let standing = if variant.is_at_zero() { Standing::AtZero } else { Standing::Running };
        let (changes, removal) = remove(&scaling, standing, leaving);
        if removal == Removal::AwaitsInstance {
            slowest = removal;
        }
        plans.push(VariantPlan { variant: variant.name.clone(), changes });
    }
    plans.extend(vanished(endpoint, observed));
    (plans, slowest)
}

fn configure_all(
    rules: &Rules,
    endpoint: &Endpoint,
    settings: &Settings,
    observed: &BTreeMap<VariantName, Scaling>,
    now: Timestamp,
) -> Decision {
    let mut conflicts = Vec::new();
    let mut problems = Vec::new();
    let mut plans = Vec::new();
    for variant in &endpoint.variants {
        let scaling = observed.get(&variant.name).cloned().unwrap_or_default();
        if !settings.takeover {
            conflicts.extend(
                scaling
                    .foreign
                    .iter()
                    .map(|foreign| Conflict { variant: variant.name.clone(), foreign: foreign.clone() }),
            );
        }
        let changes = configure(&scaling, &desired_beside(&endpoint.name, settings, &scaling, now));
        problems.extend(surprise_shrink(rules, variant, settings, &changes));
        plans.push(VariantPlan { variant: variant.name.clone(), changes });
    }
    plans.extend(vanished(endpoint, observed));
    if !conflicts.is_empty() {
        Decision::Conflict(conflicts, settings.pause)
    } else if !problems.is_empty() {
        Decision::Invalid(problems)
    } else {
        Decision::Configure(plans, settings.pause)
    }
}

/// Registering makes AWS cut a variant down to `MaxCapacity` at once. With a maximum that the user has tagged, that is
/// what they want; with a mere default it would be a surprise.
fn surprise_shrink(rules: &Rules, variant: &Variant, settings: &Settings, changes: &[Change]) -> Option<Problem> {
    let registers = changes.iter().any(|change| matches!(change, Change::RegisterScalableTarget(_)));
    let instances = variant.most_instances();
    (registers && !settings.max_capacity_is_tagged && instances > settings.max_capacity).then(|| Problem {
        tag: rules.tag(Key::MaxCapacity),
        value: None,
        problem: format!(
            "is not set, and variant {} runs {instances} instances: the default of {} would cut them down at once; \
             set this tag to {instances} or more to keep them, or to less to allow the cut",
            variant.name, settings.max_capacity
        ),
    })
}
