//! What SageMaker says of the endpoint as a whole: whether there is one, what it is doing, and whether it is of a kind that
//! can go to zero at all.

use super::super::SkipReason;
use super::super::activities::{Obstacle, median_start, refusal};
use super::super::endpoint::{Endpoint, EndpointStatus, Variant};
use super::super::settings::{Key, Rules};
use super::Facts;
use super::activities::start_time;
use super::finding::{About, Finding, FindingCode, count, sentence_end};

/// The way through where SageMaker refuses to change the instance type of a variant that is a scalable target
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>); its message doesn't say it. `None`
/// where the failure is about something else, a lack of capacity among it.
#[must_use]
pub fn way_to_another_instance_type(rules: &Rules, failure_reason: &str) -> Option<String> {
    let reason = failure_reason.to_ascii_lowercase();
    let is_about_the_target =
        reason.contains("scalable target") || (reason.contains("deregister") && reason.contains("scal"));
    (is_about_the_target && refusal(&reason) == Obstacle::Other).then(|| way_through(rules))
}

pub(super) fn way_through(rules: &Rules) -> String {
    format!(
        "to change the instance type, set the tag {} to false, wait until the answer is removed, update the endpoint, and \
         set the tag to true again",
        rules.tag(Key::Enabled)
    )
}

/// What helps against the failure of an update; `None` where only its message can say so.
fn way_out(rules: &Rules, failure_reason: &str) -> Option<String> {
    match refusal(failure_reason) {
        Obstacle::Capacity => Some(
            "AWS has no capacity of the instance type: try again later, or name instance pools or another instance type in \
             the endpoint's configuration"
                .to_owned(),
        ),
        Obstacle::Quota => Some("ask for more in Service Quotas, or end what else runs on the instance type".to_owned()),
        Obstacle::None | Obstacle::Other => way_to_another_instance_type(rules, failure_reason),
    }
}

pub(super) fn not_found(facts: &Facts) -> Vec<Finding> {
    let left = if facts.decision.plans().is_empty() {
        "and nothing is left that this function made for one"
    } else {
        "but something is left that this function made for one; the next sweep takes it away"
    };
    let sentence = format!("There is no endpoint of this name in this account and Region, {left}.");
    vec![
        Finding::new(FindingCode::NotFound, About::All, sentence)
            .advice("check the name, which is case-sensitive, the account and the Region"),
    ]
}

pub(super) fn deleting(endpoint: &Endpoint) -> Finding {
    let sentence =
        format!("Endpoint {} is being deleted; its scaling is removed with it, or by the next sweep.", endpoint.name);
    Finding::new(FindingCode::Deleting, About::All, sentence)
}

/// While an endpoint is being made, or where that failed, SageMaker names none; its status says so then.
pub(super) fn no_variants(endpoint: &Endpoint) -> Finding {
    let sentence = format!(
        "Endpoint {} is in service, and SageMaker names no variant of it: whether it sleeps or wakes isn't known.",
        endpoint.name
    );
    Finding::new(FindingCode::Unreadable, About::All, sentence).advice("look again in some minutes")
}

pub(super) fn of_status(facts: &Facts, endpoint: &Endpoint) -> Option<Finding> {
    let status = facts.status.unwrap_or("unknown");
    let reason = endpoint.failure_reason.as_deref();
    let way_out = reason.and_then(|reason| way_out(facts.rules, reason));
    match endpoint.status {
        EndpointStatus::InService => {
            let sentence = format!(
                "Endpoint {} is in service, but its last update failed: {}",
                endpoint.name,
                sentence_end(reason?)
            );
            let finding = Finding::new(FindingCode::UpdateFailed, About::Change, sentence);
            Some(Finding { advice: way_out, ..finding })
        }
        EndpointStatus::Failed => {
            let reason = reason.unwrap_or("SageMaker gives no reason");
            let sentence = format!(
                "Endpoint {} has the status {status}, so nothing is written and AWS doesn't scale it: {}",
                endpoint.name,
                sentence_end(reason)
            );
            let advice = way_out.unwrap_or_else(|| {
                "mend the cause, then update the endpoint or make it anew; it is configured when it is in service"
                    .to_owned()
            });
            Some(Finding::new(FindingCode::EndpointFailed, About::All, sentence).advice(advice))
        }
        EndpointStatus::Other => {
            let scaled: Vec<String> = endpoint.variants.iter().filter_map(instances_on_their_way).collect();
            let scaled = if scaled.is_empty() { String::new() } else { format!(" ({})", scaled.join("; ")) };
            let sentence = format!(
                "SageMaker is changing endpoint {}, status {status}{scaled}; nothing is written and AWS doesn't scale \
                 it until it is in service.",
                endpoint.name
            );
            let advice = format!("wait until it is in service; {}", start_times(facts, endpoint));
            Some(Finding::new(FindingCode::Updating, About::Change, sentence).advice(advice))
        }
        EndpointStatus::Deleting => None,
    }
}

/// Of the first variant of which a start is known; an asynchronous endpoint has one variant.
fn start_times(facts: &Facts, endpoint: &Endpoint) -> String {
    let of_variant = |variant: &Variant| facts.readings.activities.get(&variant.name).map(Vec::as_slice);
    let mut known = endpoint.variants.iter().filter_map(of_variant);
    start_time(known.find(|activities| median_start(activities).is_some()).unwrap_or_default())
}

fn instances_on_their_way(variant: &Variant) -> Option<String> {
    let (current, desired) = (variant.current_instances?, variant.desired_instances?);
    (current != desired).then(|| {
        format!("variant {} runs {} and should have {desired}", variant.name, count(current.into(), "instance"))
    })
}

/// What brings an endpoint of inference components to zero, which this function does not do
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html>).
pub const WHAT_COMPONENTS_NEED: &str = "this function scales asynchronous endpoints only. For components to go to zero, give \
     the variant a ManagedInstanceScaling with MinInstanceCount 0; register each component (inference-component/<name>, \
     sagemaker:inference-component:DesiredCopyCount) with MinCapacity 0 and target tracking; and wake it by a step policy \
     whose alarm goes by NoCapacityInvocationFailures >= 1 (with > 1 a second request has to be refused first)";

pub(super) fn of_ineligible(endpoint: &Endpoint, reason: SkipReason) -> Option<Finding> {
    let (code, what, advice) = match reason {
        SkipReason::Serverless => (
            FindingCode::Serverless,
            "has a serverless variant, which has no instances that could be scaled".to_owned(),
            None,
        ),
        SkipReason::ManagedInstanceScaling => (
            FindingCode::ManagedInstanceScaling,
            "hosts inference components: SageMaker's managed instance scaling sets how many instances it has".to_owned(),
            Some(WHAT_COMPONENTS_NEED),
        ),
        SkipReason::NotAsync => (
            FindingCode::NotAsync,
            "is not asynchronous: a real-time endpoint can't go to zero instances this way, and is left alone whatever \
             its tags say"
                .to_owned(),
            Some("make the endpoint anew from a configuration with an AsyncInferenceConfig"),
        ),
        SkipReason::BurstableInstance => {
            let burstable = endpoint.variants.iter().filter(|variant| variant.is_burstable());
            let types: Vec<&str> = burstable.filter_map(|variant| variant.instance_type.as_deref()).collect();
            (
                FindingCode::BurstableInstance,
                format!("runs on {}, and Application Auto Scaling takes no burstable instance types", types.join(", ")),
                Some("update the endpoint to another instance type"),
            )
        }
        SkipReason::NotManaged
        | SkipReason::NotInService
        | SkipReason::NotFound
        | SkipReason::IgnoredEvent
        | SkipReason::Busy
        | SkipReason::Paused => {
            return None;
        }
    };
    let finding = Finding::new(code, About::All, format!("Endpoint {} {what}.", endpoint.name));
    Some(Finding { advice: advice.map(str::to_owned), ..finding })
}
