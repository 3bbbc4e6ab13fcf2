//! Why an endpoint doesn't sleep, doesn't wake or isn't as its tags say, as a list of findings in sentences. This room decides
//! nothing: it reads a [`Decision`], and what else AWS says.

mod activities;
mod alarms;
mod finding;
mod ownership;
mod readings;
mod signs;
mod sleeping;
mod status;
mod table;
mod variant;
mod waking;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::endpoint::{Endpoint, EndpointStatus, Variant};
use super::names::VariantName;
use super::plan::Change;
use super::scaling::Scaling;
use super::settings::{Rules, Wish};
use super::{Decision, ineligible};

pub use self::finding::{About, Finding, FindingCode, clock};
pub use self::readings::{AlarmReading, AlarmRole, AlarmState, BacklogSize, Readings, Unreadable, backlog_window};
pub use self::signs::{Minute, Sign, backlog_metric};
pub use self::status::{WHAT_COMPONENTS_NEED, way_to_another_instance_type};
pub use self::table::{FINDINGS, FindingKind};

use self::variant::VariantFacts;

/// Everything that an explanation rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub rules: &'a Rules,
    /// `None`: there is no such endpoint.
    pub endpoint: Option<&'a Endpoint>,
    /// `EndpointStatus` in SageMaker's own word.
    pub status: Option<&'a str>,
    pub scaling: &'a BTreeMap<VariantName, Scaling>,
    /// What an event about the endpoint would do if the endpoint were in service.
    pub decision: &'a Decision,
    pub readings: &'a Readings,
    pub now: Timestamp,
}

/// The findings about an endpoint, the most important first; never none.
#[must_use]
pub fn explain(facts: &Facts) -> Vec<Finding> {
    let mut findings = match facts.endpoint {
        None => status::not_found(facts),
        Some(endpoint) if endpoint.status == EndpointStatus::Deleting => vec![status::deleting(endpoint)],
        Some(endpoint) => of_endpoint(facts, endpoint),
    };
    findings.extend(facts.readings.unreadable.iter().map(readings::unreadable));
    if let (true, Some(endpoint)) = (findings.is_empty(), facts.endpoint) {
        findings.push(all_well(facts, endpoint));
    }
    findings.sort_by_key(|finding| finding.code);
    findings
}

/// Says that all is well only if all that it takes is known.
fn all_well(facts: &Facts, endpoint: &Endpoint) -> Finding {
    let name = &endpoint.name;
    let wakes = |variant: &Variant| facts.scaling.get(&variant.name).is_some_and(Scaling::can_wake);
    let sentence = if endpoint.is_asleep() && endpoint.variants.iter().all(wakes) {
        format!("All is well: endpoint {name} sleeps, and wakes on the first request.")
    } else {
        format!("All is well: endpoint {name} is as its tags say.")
    };
    Finding::new(FindingCode::AllWell, About::All, sentence)
}

/// The changes that a plan makes to a variant; `None` if there is no plan because something stands in the way.
#[must_use]
pub fn pending_changes<'a>(decision: &'a Decision, variant: &VariantName) -> Option<&'a [Change]> {
    let plan = decision.plans().iter().find(|plan| plan.variant == *variant)?;
    Some(&plan.changes)
}

fn of_endpoint(facts: &Facts, endpoint: &Endpoint) -> Vec<Finding> {
    let Facts { rules, decision, .. } = *facts;
    let mut findings = Vec::new();
    findings.extend(status::of_status(facts, endpoint));
    let ineligible = ineligible(endpoint).and_then(|reason| status::of_ineligible(endpoint, reason));
    let wish = rules.read(&endpoint.tags);
    let is_managed = ineligible.is_none() && !matches!(wish, Ok(Wish::None | Wish::OptOut));
    findings.extend(ineligible);
    match &wish {
        Ok(Wish::None) => findings.push(ownership::not_managed(rules, endpoint)),
        Ok(Wish::OptOut) => findings.push(ownership::opted_out(rules, endpoint)),
        Ok(Wish::Managed(_)) | Err(_) => {}
    }
    if let Decision::Remove(plans, removal) = decision {
        findings.extend(ownership::removing(endpoint, plans, *removal));
        return findings;
    }
    if !is_managed {
        return findings;
    }
    let problems = match (decision, &wish) {
        (Decision::Invalid(problems), _) | (_, Err(problems)) => &problems[..],
        _ => &[],
    };
    findings.extend(problems.iter().map(ownership::invalid));
    if let Decision::Conflict(conflicts, _) = decision {
        findings.extend(conflicts.iter().map(|found| ownership::conflict(rules, found)));
    }
    let settings = wish.as_ref().ok().and_then(|wish| match wish {
        Wish::Managed(settings) => Some(settings),
        Wish::None | Wish::OptOut => None,
    });
    if endpoint.variants.is_empty() && endpoint.status == EndpointStatus::InService {
        findings.push(status::no_variants(endpoint));
    }
    let none = Scaling::default();
    for variant in &endpoint.variants {
        let scaling = facts.scaling.get(&variant.name).unwrap_or(&none);
        let Some(target) = &scaling.target else {
            findings.push(ownership::not_configured(&endpoint.name, &variant.name));
            continue;
        };
        VariantFacts { facts, settings, variant, scaling, target }.explain(&mut findings);
    }
    // SageMaker describes an endpoint without variants while it is Creating, and once it has Failed. They are not gone.
    if endpoint.variants.is_empty() {
        return findings;
    }
    // What deleted variants left behind counts as drift too.
    for plan in decision.plans() {
        let is_configured = |variant: &Variant| {
            variant.name != plan.variant
                || facts.scaling.get(&variant.name).is_some_and(|scaling| scaling.target.is_some())
        };
        if !plan.changes.is_empty() && endpoint.variants.iter().all(is_configured) {
            findings.push(ownership::drift(&endpoint.name, plan));
        }
    }
    findings
}

#[cfg(test)]
mod tests;
