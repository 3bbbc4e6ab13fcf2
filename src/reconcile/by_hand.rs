//! What a person asks for by hand: to wake a variant, or to put it to sleep now. Tags and bounds hold here too,
//! and a variant is put to sleep only if something wakes it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::endpoint::{Endpoint, EndpointStatus};
use super::names::VariantName;
use super::plan::{Change, VariantPlan};
use super::scaling::{ScalableTarget, Scaling};
use super::settings::{Key, Pause, Problem, Rules, Settings, WakeInstances, Wish};
use super::state::State;
use super::{Conflict, Decision, Request, SkipReason, decide};

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
