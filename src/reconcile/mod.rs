//! The pure core: it decides what to do from what AWS says now. No I/O, no clock, no environment, no AWS type.
//!
//! An [`Endpoint`] and its tags give a [`Wish`], a managed one's [`Settings`] give the [`desired`] [`Scaling`] of each
//! variant, and the difference to the observed one is a plan, a list of [`Change`]s that leaves nothing to choose.

mod activities;
mod along;
mod by_hand;
mod desired;
mod endpoint;
mod explain;
mod names;
mod news;
mod notes;
mod plan;
mod scaling;
mod settings;
mod state;
mod status;
mod values;
mod warm;
mod zones;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::plan::{Asked, Standing, configure, is_leaving, raise, remove};

pub use activities::{
    ACTIVITIES_ON_A_PAGE, ActivityStatus, Attempt, Author, LastAction, Obstacle, ScalingActivity, Starts, author,
    hide_what_was_fulfilled, last_action, median_start, open_attempt, refusal, starts,
};
pub use along::{Present, plan_tags, tags_along};
pub use by_hand::{ByHand, Wanted, Work, at_work, by_hand, cannot_wake};
pub use desired::{BACKLOG_METRIC, METRIC_PERIOD, desired, desired_beside, ladder_in_words};
pub use endpoint::{DEFAULT_PUBLISH_FREQUENCY, Endpoint, EndpointStatus, Hosting, Inference, Tags, Variant};
pub use explain::{
    About, AlarmReading, AlarmRole, AlarmState, BacklogSize, FINDINGS, Facts, Finding, FindingCode, FindingKind,
    Minute, Readings, Sign, Unreadable, WHAT_COMPONENTS_NEED, backlog_metric, backlog_window, clock, explain,
    pending_changes, way_to_another_instance_type,
};
pub use names::{
    ALARM_PREFIX, AlarmKind, EndpointName, PolicyName, VariantName, alarm_name, is_owned_action, owned_alarm,
    resource_id, variant_of, warm_label,
};
pub use news::{Attention, News, state_news, waking};
pub use notes::notes;
pub use plan::{Change, Removal, Tagged, VariantPlan, before_the_second_look};
pub use scaling::{
    Adjustment, Aggregation, Alarm, AlarmInput, Comparison, Foreign, ForeignKind, Metric, MetricMath, MissingData,
    Namespace, OtherActions, PolicyType, ScalableTarget, Scaling, ScalingPolicy, ScheduledAction, Statistic,
    StepAdjustment, StepScaling, Strays, Suspended, TargetTracking,
};
pub use settings::{
    Key, Kind, Manage, Pause, Problem, Rules, SETTINGS, STATUS_TAG, Setting, Settings, WakeInstances, Wish, Word,
};
pub use state::{Before, Scaled, State, VariantState, last_scaled, state_before, variant_state};
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

/// Guesses about an endpoint, from the event or action that names it. They steer what is read, never what is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Worth reading whole at once. A right guess saves a round trip, a wrong one costs some reads.
    pub is_likely_ours: bool,
    /// Variants that may have left something behind, beside those that the endpoint has and those of its alarms.
    pub variants: Vec<VariantName>,
    /// Worth reading whole even while nothing may be written: somebody asks what is there.
    pub in_any_status: bool,
}

/// Why there is nothing to do.
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
    /// A person asks it to sleep while it works.
    Busy,
    /// A person asks it to wake or sleep, and its tag `pause` holds it.
    Paused,
}

/// What to do about an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    Skip(SkipReason),
    Invalid(Vec<Problem>),
    Conflict(Vec<Conflict>, Pause),
    Configure(Vec<VariantPlan>, Pause),
    Remove(Vec<VariantPlan>, Removal),
}

impl Decision {
    /// What to do about each variant; empty if there is nothing to do, whatever the reason.
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
    // What a deleted variant has left says nothing about the variants that are there.
    let is_leaving = |variant: &Variant| observed.get(&variant.name).is_some_and(is_leaving);
    let finishes_removal = request == Request::Event && endpoint.variants.iter().any(is_leaving);
    let unwanted = match (&wish, ineligible(endpoint)) {
        (Ok(Wish::None | Wish::OptOut), _) => Some(SkipReason::NotManaged),
        (_, Some(reason)) => Some(reason),
        _ => None,
    };
    if request == Request::Remove || finishes_removal || unwanted.is_some() {
        let asked = if unwanted.is_none() { Asked::ByHand } else { Asked::ByTags };
        let (plans, removal) = remove_all(rules, endpoint, observed, asked);
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

/// For an endpoint that is deleted or being deleted: nobody else deletes the alarms of its step policies.
fn clean_up(observed: &BTreeMap<VariantName, Scaling>, reason: SkipReason) -> Decision {
    let plans = leftovers(observed, |_| true);
    if plans.is_empty() { Decision::Skip(reason) } else { Decision::Remove(plans, Removal::Complete) }
}

/// What variants left behind that the endpoint no longer has.
fn vanished(endpoint: &Endpoint, observed: &BTreeMap<VariantName, Scaling>) -> Vec<VariantPlan> {
    // An answer without any variant is incomplete. It is no reason to take anything away.
    leftovers(observed, |name| {
        !endpoint.variants.is_empty() && !endpoint.variants.iter().any(|variant| variant.name == *name)
    })
}

/// The removal of everything that the function made for variants that are gone.
fn leftovers(observed: &BTreeMap<VariantName, Scaling>, is_gone: impl Fn(&VariantName) -> bool) -> Vec<VariantPlan> {
    observed
        .iter()
        .filter(|(name, _)| is_gone(name))
        .map(|(name, scaling)| VariantPlan {
            variant: name.clone(),
            changes: remove(scaling, Standing::Gone, Asked::ByTags).0,
        })
        .filter(|plan| !plan.changes.is_empty())
        .collect()
}

fn remove_all(
    rules: &Rules,
    endpoint: &Endpoint,
    observed: &BTreeMap<VariantName, Scaling>,
    asked: Asked,
) -> (Vec<VariantPlan>, Removal) {
    let mut slowest = Removal::Complete;
    let mut plans = Vec::new();
    for variant in &endpoint.variants {
        let scaling = observed.get(&variant.name).cloned().unwrap_or_default();
        let (changes, removal) = remove(&scaling, standing(rules, endpoint, variant), asked);
        if removal == Removal::AwaitsInstance {
            slowest = removal;
        }
        plans.push(VariantPlan { variant: variant.name.clone(), changes });
    }
    plans.extend(vanished(endpoint, observed));
    (plans, slowest)
}

fn standing(rules: &Rules, endpoint: &Endpoint, variant: &Variant) -> Standing {
    if variant.is_at_zero() {
        Standing::AtZero
    } else {
        Standing::Running { instances: variant.most_instances(), cold: rules.min_capacity(&endpoint.tags) }
    }
}

/// What is left of a removal when all changes have been made [before the second look](before_the_second_look). `endpoint` is
/// as it was when the removal was decided, `again` as it is now; `None` when it is gone.
#[must_use]
pub fn after_the_second_look(
    rules: &Rules,
    endpoint: &Endpoint,
    again: Option<&Endpoint>,
    observed: &BTreeMap<VariantName, Scaling>,
    plans: &[VariantPlan],
) -> (Vec<VariantPlan>, Removal) {
    let asked = match rules.read(&endpoint.tags) {
        Ok(Wish::Managed(_)) if ineligible(endpoint).is_none() => Asked::ByHand,
        Ok(_) | Err(_) => Asked::ByTags,
    };
    let mut slowest = Removal::Complete;
    let mut rests = Vec::new();
    for VariantPlan { variant, changes } in plans {
        let (before, rest) = before_the_second_look(changes);
        let live = again.and_then(|again| {
            let is_going = again.status == EndpointStatus::Deleting;
            again.variants.iter().find(|it| it.name == *variant && !is_going).map(|it| (again.status, it))
        });
        let changes = match live {
            // Nothing has been taken away from a variant on which only alarms were left.
            Some((EndpointStatus::InService, live)) if live.is_at_zero() && !before.is_empty() => {
                slowest = Removal::AwaitsInstance;
                let target = left_target(before, observed.get(variant));
                raise(&Scaling { target, ..Scaling::default() }, asked)
            }
            // SageMaker is changing the number of instances. Its event comes when that is done.
            Some((EndpointStatus::Other | EndpointStatus::Failed, _)) if !before.is_empty() => {
                slowest = Removal::AwaitsInstance;
                Vec::new()
            }
            _ => rest.to_vec(),
        };
        rests.push(VariantPlan { variant: variant.clone(), changes });
    }
    (rests, slowest)
}

/// The scalable target that is there after these changes.
fn left_target(changes: &[Change], observed: Option<&Scaling>) -> Option<ScalableTarget> {
    let mut target = observed.and_then(|scaling| scaling.target.clone());
    for change in changes {
        match change {
            Change::RegisterScalableTarget(registered) => target = Some(registered.clone()),
            Change::DeregisterScalableTarget => target = None,
            Change::PutScalingPolicy(..)
            | Change::PutMetricAlarm(..)
            | Change::PutScheduledAction(..)
            | Change::DeleteScalingPolicy(_)
            | Change::DeleteScheduledAction(_)
            | Change::DeleteAlarms(_)
            | Change::TagResource(..)
            | Change::SetDesiredInstances(_) => {}
        }
    }
    target
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
        let wanted = desired_beside(&endpoint.name, variant, settings, &scaling, now);
        let changes = configure(&scaling, &wanted, variant.current_instances);
        problems.extend(surprise_in_size(rules, variant, settings, &scaling, &changes));
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

/// Registering makes AWS cut a variant down to `MaxCapacity` at once, and another `MaxCapacity` than before halves the next burst
/// or lets the bill grow. With a maximum that the user has tagged, that is what they want. With a mere default it would
/// be a surprise.
fn surprise_in_size(
    rules: &Rules,
    variant: &Variant,
    settings: &Settings,
    observed: &Scaling,
    changes: &[Change],
) -> Option<Problem> {
    let registers = changes.iter().any(|change| matches!(change, Change::RegisterScalableTarget(_)));
    if !registers || settings.max_capacity_is_tagged {
        return None;
    }
    let max = settings.max_capacity;
    let instances = variant.most_instances();
    let is_anothers = !observed.has_ours() || !observed.foreign.is_empty();
    let present = observed.target.as_ref().map(|target| target.max_capacity).filter(|_| is_anothers);
    let problem = match present {
        _ if instances > max => format!(
            "is not set, and variant {} runs {instances} instances: the default of {max} would cut them down at once; set \
             this tag to {instances} or more to keep them, or to less to allow the cut",
            variant.name
        ),
        Some(present) if present != max => format!(
            "is not set, and the scalable target of variant {} has the MaxCapacity {present}: the default of {max} would \
             change it; set this tag to {present} to keep it, or to {max} to allow the change",
            variant.name
        ),
        _ => return None,
    };
    Some(Problem { tag: rules.tag(Key::MaxCapacity), value: None, problem })
}

#[cfg(test)]
mod tests;
