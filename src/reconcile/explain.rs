//! Why an endpoint doesn't sleep, doesn't wake or isn't as its tags say: what is there, as a list of findings in
//! sentences. Decides nothing; it only reads a [`Decision`] and what else AWS says.

use std::collections::BTreeMap;

use super::endpoint::{Endpoint, EndpointStatus, Variant};
use super::names::{AlarmKind, EndpointName, PolicyName, VariantName};
use super::plan::{Change, Removal, VariantPlan};
use super::scaling::{ScalableTarget, Scaling, ScalingPolicy, TargetTracking};
use super::settings::{Key, Pause, Problem, Rules, Settings, Wish};
use super::{Conflict, Decision, SkipReason, ineligible};

/// Seconds. Target tracking scales in after about as long
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>
/// leaves it open; 15 one-minute datapoints are what users report).
const TARGET_TRACKING_WINDOW: i32 = 15 * 60;

/// All that an explanation goes by.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub rules: &'a Rules,
    /// `None`: there is no such endpoint.
    pub endpoint: Option<&'a Endpoint>,
    /// `EndpointStatus` in SageMaker's own word.
    pub status: Option<&'a str>,
    pub scaling: &'a BTreeMap<VariantName, Scaling>,
    /// What an event about the endpoint would have done, were the endpoint in service.
    pub decision: &'a Decision,
    pub readings: &'a Readings,
}

/// What no decision depends on, and an explanation does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Ours, and those that target tracking has made for our policy.
    pub alarms: BTreeMap<VariantName, Vec<AlarmReading>>,
    /// The newest of each variant.
    pub activities: BTreeMap<VariantName, ScalingActivity>,
    /// By minute, the newest first; minutes without data are left out.
    pub backlog: Vec<BacklogSize>,
    pub unreadable: Vec<Unreadable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmReading {
    pub name: String,
    pub role: AlarmRole,
    pub state: AlarmState,
    /// CloudWatch's `StateReason`.
    pub reason: String,
    /// Its actions are enabled, and the policy is one of them.
    pub drives_its_policy: bool,
}

/// What an alarm is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmRole {
    Own(AlarmKind),
    /// Made by target tracking, `AlarmHigh`.
    ScaleOut,
    /// Made by target tracking, `AlarmLow`.
    ScaleIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

/// What Application Auto Scaling did, or tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingActivity {
    /// `Failed` or `Unfulfilled`.
    pub has_failed: bool,
    /// ISO 8601, UTC.
    pub started: String,
    pub description: String,
    pub message: Option<String>,
}

/// The greatest `ApproximateBacklogSize` of a minute: requests that wait and requests in flight.
#[derive(Debug, Clone, PartialEq)]
pub struct BacklogSize {
    /// ISO 8601, UTC.
    pub at: String,
    pub requests: f64,
}

/// A read that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The beginning of a sentence: `The states of the alarms`.
    pub what: &'static str,
    pub why: String,
}

/// A cause, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: FindingCode,
    pub about: About,
    pub sentence: String,
    /// The whole key of the tag that decides it.
    pub tag: Option<String>,
    pub advice: Option<String>,
}

/// The question that a finding answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Why doesn't it go to zero?
    Sleep,
    /// Why doesn't it get instances?
    Wake,
    /// Why isn't it as its tags say?
    Change,
    All,
}

/// In the order of importance, by which findings are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingCode {
    NotFound,
    Deleting,
    Serverless,
    ManagedInstanceScaling,
    NotAsync,
    BurstableInstance,
    OptedOut,
    NotManaged,
    Removing,
    EndpointFailed,
    InvalidTags,
    Conflict,
    UpdateFailed,
    Updating,
    NotConfigured,
    Paused,
    WakeStuck,
    ScalingFailed,
    WakeMissing,
    SleepMissing,
    AlarmWithoutAction,
    WakeOff,
    AtMaxCapacity,
    Drift,
    MinCapacity,
    WarmHours,
    Backlog,
    InsufficientData,
    IdleTimeout,
    TargetTracking,
    Waking,
    WakeAlarmNew,
    Unreadable,
    AllWell,
}

impl Finding {
    fn new(code: FindingCode, about: About, sentence: impl Into<String>) -> Self {
        Self { code, about, sentence: sentence.into(), tag: None, advice: None }
    }

    fn tag(self, tag: String) -> Self {
        Self { tag: Some(tag), ..self }
    }

    /// The tag decides it, and is what to change.
    fn set(self, tag: String, to_what: &str) -> Self {
        let advice = format!("set the tag {tag} {to_what}");
        self.tag(tag).advice(advice)
    }

    fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// How far back the backlog has to be read: seconds.
#[must_use]
pub fn backlog_window(rules: &Rules, endpoint: &Endpoint) -> i32 {
    let idle_timeout = match rules.read(&endpoint.tags) {
        Ok(Wish::Managed(settings)) => settings.idle_timeout,
        Ok(Wish::None | Wish::OptOut) | Err(_) => None,
    };
    idle_timeout.unwrap_or_default().max(TARGET_TRACKING_WINDOW)
}

/// The way through where SageMaker refuses to change the instance type of a variant that is a scalable target
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>); its message doesn't say it. `None`
/// where the failure is about something else.
#[must_use]
pub fn way_to_another_instance_type(rules: &Rules, failure_reason: &str) -> Option<String> {
    let reason = failure_reason.to_ascii_lowercase();
    ["scaling", "scalable"].iter().any(|word| reason.contains(word)).then(|| {
        format!(
            "to change the instance type, set the tag {} to false, wait until the answer is removed, update the \
             endpoint, and set the tag to true again",
            rules.tag(Key::Enabled)
        )
    })
}

/// The findings about an endpoint, the most important first; never none.
#[must_use]
pub fn explain(facts: &Facts) -> Vec<Finding> {
    let mut findings = match facts.endpoint {
        None => not_found(facts),
        Some(endpoint) if endpoint.status == EndpointStatus::Deleting => vec![deleting(endpoint)],
        Some(endpoint) => of_endpoint(facts, endpoint),
    };
    findings.extend(facts.readings.unreadable.iter().map(unreadable));
    if let (true, Some(endpoint)) = (findings.is_empty(), facts.endpoint) {
        findings.push(all_well(endpoint));
    }
    findings.sort_by_key(|finding| finding.code);
    findings
}

fn not_found(facts: &Facts) -> Vec<Finding> {
    let left = if facts.decision.plans().is_empty() {
        "and nothing of ours is left of one"
    } else {
        "but something of ours is left of one, which the next sweep takes away"
    };
    let sentence = format!("There is no endpoint of this name in this account and Region, {left}.");
    vec![
        Finding::new(FindingCode::NotFound, About::All, sentence)
            .advice("check the name, which is case-sensitive, the account and the Region"),
    ]
}

fn deleting(endpoint: &Endpoint) -> Finding {
    let sentence = format!(
        "Endpoint {} is being deleted; what was made for its scaling is taken away with it, or by the next sweep.",
        endpoint.name
    );
    Finding::new(FindingCode::Deleting, About::All, sentence)
}

fn unreadable(unread: &Unreadable) -> Finding {
    let sentence = format!("{} couldn't be read: {}.", unread.what, unread.why);
    Finding::new(FindingCode::Unreadable, About::All, sentence)
}

fn all_well(endpoint: &Endpoint) -> Finding {
    let sleeps = |variant: &Variant| variant.most_instances() == 0;
    let sentence = if endpoint.variants.iter().all(sleeps) {
        format!("All is well: endpoint {} sleeps, and wakes on the first request.", endpoint.name)
    } else {
        format!("All is well: endpoint {} is as its tags say.", endpoint.name)
    };
    Finding::new(FindingCode::AllWell, About::All, sentence)
}

/// The changes that are to be made to a variant; `None` where there is no plan, as something else stands in the way.
#[must_use]
pub fn pending_changes<'a>(decision: &'a Decision, variant: &VariantName) -> Option<&'a [Change]> {
    let plan = decision.plans().iter().find(|plan| plan.variant == *variant)?;
    Some(&plan.changes)
}

fn of_endpoint(facts: &Facts, endpoint: &Endpoint) -> Vec<Finding> {
    let Facts { rules, decision, .. } = *facts;
    let mut findings = Vec::new();
    findings.extend(of_status(facts, endpoint));
    let ineligible = ineligible(endpoint).and_then(|reason| of_ineligible(endpoint, reason));
    let wish = rules.read(&endpoint.tags);
    let is_managed = ineligible.is_none() && !matches!(wish, Ok(Wish::None | Wish::OptOut));
    findings.extend(ineligible);
    match &wish {
        Ok(Wish::None) => findings.push(not_managed(rules, endpoint)),
        Ok(Wish::OptOut) => findings.push(opted_out(rules, endpoint)),
        Ok(Wish::Managed(_)) | Err(_) => {}
    }
    if let Decision::Remove(plans, removal) = decision {
        findings.extend(removing(endpoint, plans, *removal));
        return findings;
    }
    if !is_managed {
        return findings;
    }
    let problems = match (decision, &wish) {
        (Decision::Invalid(problems), _) | (_, Err(problems)) => &problems[..],
        _ => &[],
    };
    findings.extend(problems.iter().map(invalid));
    if let Decision::Conflict(conflicts, _) = decision {
        findings.extend(conflicts.iter().map(|found| conflict(rules, found)));
    }
    let settings = wish.as_ref().ok().and_then(|wish| match wish {
        Wish::Managed(settings) => Some(settings),
        Wish::None | Wish::OptOut => None,
    });
    let none = Scaling::default();
    for variant in &endpoint.variants {
        let scaling = facts.scaling.get(&variant.name).unwrap_or(&none);
        let Some(target) = &scaling.target else {
            findings.push(not_configured(&endpoint.name, &variant.name));
            continue;
        };
        VariantFacts { facts, settings, variant, scaling, target }.explain(&mut findings);
    }
    // What variants that are gone left behind counts as drift too.
    for plan in decision.plans() {
        let is_configured = |variant: &Variant| {
            variant.name != plan.variant
                || facts.scaling.get(&variant.name).is_some_and(|scaling| scaling.target.is_some())
        };
        if !plan.changes.is_empty() && endpoint.variants.iter().all(is_configured) {
            findings.push(drift(&endpoint.name, plan));
        }
    }
    findings
}

fn of_status(facts: &Facts, endpoint: &Endpoint) -> Option<Finding> {
    let status = facts.status.unwrap_or("unknown");
    let reason = endpoint.failure_reason.as_deref();
    let way_through = reason.and_then(|reason| way_to_another_instance_type(facts.rules, reason));
    match endpoint.status {
        EndpointStatus::InService => {
            let sentence = format!(
                "Endpoint {} is in service, but its last update failed: {}",
                endpoint.name,
                sentence_end(reason?)
            );
            let finding = Finding::new(FindingCode::UpdateFailed, About::Change, sentence);
            Some(Finding { advice: way_through, ..finding })
        }
        EndpointStatus::Failed => {
            let reason = reason.unwrap_or("SageMaker gives no reason");
            let sentence = format!(
                "Endpoint {} has the status {status}, so nothing is written and AWS doesn't scale it: {}",
                endpoint.name,
                sentence_end(reason)
            );
            let advice = way_through.unwrap_or_else(|| {
                "mend the cause, then update the endpoint or make it anew; it is configured when it is in service"
                    .to_owned()
            });
            Some(Finding::new(FindingCode::EndpointFailed, About::All, sentence).advice(advice))
        }
        EndpointStatus::Other => {
            let scaled: Vec<String> = endpoint.variants.iter().filter_map(instances_on_their_way).collect();
            let scaled = if scaled.is_empty() { String::new() } else { format!(" ({})", scaled.join("; ")) };
            let sentence = format!(
                "SageMaker is at work on endpoint {}, status {status}{scaled}; nothing is written and AWS doesn't scale \
                 it until it is in service.",
                endpoint.name
            );
            let advice = "wait until it is in service; an instance takes 3 to 10 minutes to start";
            Some(Finding::new(FindingCode::Updating, About::Change, sentence).advice(advice))
        }
        EndpointStatus::Deleting => None,
    }
}

fn instances_on_their_way(variant: &Variant) -> Option<String> {
    let (current, desired) = (variant.current_instances?, variant.desired_instances?);
    (current != desired).then(|| {
        format!("variant {} runs {} and is to have {desired}", variant.name, count(current.into(), "instance"))
    })
}

fn of_ineligible(endpoint: &Endpoint, reason: SkipReason) -> Option<Finding> {
    let (code, what, advice) = match reason {
        SkipReason::Serverless => (
            FindingCode::Serverless,
            "has a serverless variant, which has no instances that could be scaled".to_owned(),
            None,
        ),
        SkipReason::ManagedInstanceScaling => (
            FindingCode::ManagedInstanceScaling,
            "hosts inference components: SageMaker's managed instance scaling sets how many instances it has".to_owned(),
            None,
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
        SkipReason::NotManaged | SkipReason::NotInService | SkipReason::NotFound | SkipReason::IgnoredEvent => {
            return None;
        }
    };
    let finding = Finding::new(code, About::All, format!("Endpoint {} {what}.", endpoint.name));
    Some(Finding { advice: advice.map(str::to_owned), ..finding })
}

fn not_managed(rules: &Rules, endpoint: &Endpoint) -> Finding {
    let sentence =
        format!("Endpoint {} has no tag that begins with {}, so it is left alone.", endpoint.name, rules.tag_prefix);
    Finding::new(FindingCode::NotManaged, About::All, sentence).set(rules.tag(Key::Enabled), "to true")
}

fn opted_out(rules: &Rules, endpoint: &Endpoint) -> Finding {
    let tag = rules.tag(Key::Enabled);
    let sentence = format!("Endpoint {} has opted out: its tag {tag} is false.", endpoint.name);
    Finding::new(FindingCode::OptedOut, About::All, sentence).set(tag, "to true")
}

fn removing(endpoint: &Endpoint, plans: &[VariantPlan], removal: Removal) -> Option<Finding> {
    if plans.iter().all(|plan| plan.changes.is_empty()) {
        return None;
    }
    let name = &endpoint.name;
    let (what, advice) = match removal {
        Removal::Complete => ("the next event or sweep takes it away", "invoke remove to have it done now"),
        Removal::AwaitsInstance => (
            "an instance is started first, so that it isn't left at zero, and the rest is taken away once that runs",
            "wait for the instance, or invoke apply to call the removal off, where the tags still ask for scaling",
        ),
    };
    let sentence = format!("What was made for the scaling of endpoint {name} is on its way out: {what}.");
    Some(Finding::new(FindingCode::Removing, About::All, sentence).advice(advice))
}

fn invalid(problem: &Problem) -> Finding {
    let value = problem.value.as_ref().map(|value| format!(" = {value:?}")).unwrap_or_default();
    let sentence = format!(
        "The tag {}{value} {} Until then nothing is written, and the endpoint keeps the scaling that it has.",
        problem.tag,
        sentence_end(&problem.problem)
    );
    let advice = format!("mend the tag {}", problem.tag);
    Finding::new(FindingCode::InvalidTags, About::Change, sentence).tag(problem.tag.clone()).advice(advice)
}

fn conflict(rules: &Rules, conflict: &Conflict) -> Finding {
    let sentence = format!(
        "Variant {} has the {} {:?} of another owner, so nothing is written.",
        conflict.variant, conflict.foreign.kind, conflict.foreign.name
    );
    Finding::new(FindingCode::Conflict, About::Change, sentence)
        .set(rules.tag(Key::Takeover), "to true to have it replaced, or take it away")
}

fn not_configured(endpoint: &EndpointName, variant: &VariantName) -> Finding {
    let sentence = format!("Variant {variant} is no scalable target yet, so AWS doesn't scale it at all.");
    Finding::new(FindingCode::NotConfigured, About::All, sentence).advice(apply(endpoint))
}

fn drift(endpoint: &EndpointName, plan: &VariantPlan) -> Finding {
    let sentence = format!(
        "The scaling of variant {} is not as its tags say: {} pending.",
        plan.variant,
        match plan.changes.len() {
            1 => "one change is".to_owned(),
            changes => format!("{changes} changes are"),
        }
    );
    Finding::new(FindingCode::Drift, About::Change, sentence).advice(apply(endpoint))
}

fn apply(endpoint: &EndpointName) -> String {
    format!("invoke {{\"action\": \"apply\", \"endpoint\": \"{endpoint}\"}}, or wait for the next sweep")
}

/// One variant that is a scalable target, of an endpoint that is managed.
struct VariantFacts<'a> {
    facts: &'a Facts<'a>,
    /// `None` where the tags can't be read.
    settings: Option<&'a Settings>,
    variant: &'a Variant,
    scaling: &'a Scaling,
    target: &'a ScalableTarget,
}

impl VariantFacts<'_> {
    fn explain(&self, findings: &mut Vec<Finding>) {
        findings.extend(self.paused());
        findings.extend(self.activity());
        findings.extend(self.missing());
        findings.extend(self.wake());
        findings.extend(self.capacity());
        findings.extend(self.backlog());
        findings.extend(self.scale_in());
        findings.extend(self.alarms().iter().filter_map(|alarm| self.alarm(alarm)));
    }

    fn finding(&self, code: FindingCode, about: About, sentence: &str) -> Finding {
        Finding::new(code, about, format!("Variant {} {sentence}", self.variant.name))
    }

    fn tag(&self, key: Key) -> String {
        self.facts.rules.tag(key)
    }

    fn alarms(&self) -> &[AlarmReading] {
        self.facts.readings.alarms.get(&self.variant.name).map_or(&[], Vec::as_slice)
    }

    /// `None` where the alarm isn't there, or its state couldn't be read.
    fn state(&self, role: AlarmRole) -> Option<AlarmState> {
        self.alarms().iter().find(|alarm| alarm.role == role).map(|alarm| alarm.state)
    }

    fn instances(&self) -> i32 {
        self.variant.current_instances.unwrap_or(0)
    }

    /// Requests that wait or are in flight, in the newest minute there is.
    fn requests(&self) -> Option<&BacklogSize> {
        self.facts.readings.backlog.first().filter(|newest| newest.requests >= 1.0)
    }

    fn tracking(&self) -> Option<&TargetTracking> {
        match self.scaling.policies.get(&PolicyName::Backlog)? {
            ScalingPolicy::TargetTracking(tracking) => Some(tracking),
            ScalingPolicy::Step(_) => None,
        }
    }

    /// Whether a policy of ours may take instances away now.
    fn may_scale_in(&self) -> bool {
        self.instances() > self.target.min_capacity && !self.target.suspended.scale_in
    }

    fn paused(&self) -> Option<Finding> {
        let (about, what) = match (self.target.suspended.scale_in, self.target.suspended.scale_out) {
            (false, false) => return None,
            (true, false) => (About::Sleep, "scaling in is suspended, so no instance is taken away"),
            (false, true) => (About::Wake, "scaling out is suspended, so no instance is started"),
            (true, true) => (About::All, "scaling is suspended, so no instance is started and none taken away"),
        };
        let is_asked_for = self.settings.is_none_or(|settings| settings.pause != Pause::No);
        let finding = self.finding(FindingCode::Paused, about, &format!("is paused: {what}."));
        let tag = self.tag(Key::Pause);
        Some(if is_asked_for {
            finding.set(tag, "to false")
        } else {
            finding.tag(tag).advice(self.apply("no tag asks for it"))
        })
    }

    fn apply(&self, why: &str) -> String {
        let advice = self.facts.endpoint.map(|endpoint| apply(&endpoint.name)).unwrap_or_default();
        format!("{why}: {advice}")
    }

    fn activity(&self) -> Option<Finding> {
        let activity = self.facts.readings.activities.get(&self.variant.name).filter(|activity| activity.has_failed)?;
        let sentence = format!(
            "could not be scaled when Application Auto Scaling last tried, at {} ({}): {}",
            activity.started,
            activity.description.trim_end_matches('.'),
            sentence_end(activity.message.as_deref().unwrap_or("AWS gives no reason"))
        );
        Some(self.finding(FindingCode::ScalingFailed, About::All, &sentence).advice(
            "mend what the message says; for capacity or a quota, another instance type or Service Quotas help",
        ))
    }

    /// What of ours isn't there at all. While another owner stands in the way, nothing of ours is expected.
    fn missing(&self) -> Vec<Finding> {
        let Some(settings) = self.settings.filter(|_| !matches!(self.facts.decision, Decision::Conflict(..))) else {
            return Vec::new();
        };
        let lacks = |kind: AlarmKind| {
            let policy = self.scaling.policy_type(kind.policy()).is_none().then(|| format!("policy {}", kind.policy()));
            let alarm = (!self.scaling.alarm_kinds().contains(&kind)).then(|| match kind {
                AlarmKind::Wake => "wake alarm".to_owned(),
                AlarmKind::Idle => "idle alarm".to_owned(),
            });
            policy.into_iter().chain(alarm).collect::<Vec<_>>()
        };
        let mut findings = Vec::new();
        let mut add = |code, about, lacking: Vec<String>, consequence: &str| {
            if !lacking.is_empty() {
                let sentence = format!("lacks its {}, so {consequence}.", lacking.join(" and its "));
                let advice = self.apply("it was deleted by hand, or is not made yet");
                findings.push(self.finding(code, about, &sentence).advice(advice));
            }
        };
        if settings.wake && settings.min_capacity == 0 {
            let consequence = "nothing starts an instance when a request comes at zero";
            add(FindingCode::WakeMissing, About::Wake, lacks(AlarmKind::Wake), consequence);
        }
        let consequence = "nothing takes the last instance away";
        if settings.idle_timeout.is_some() {
            add(FindingCode::SleepMissing, About::Sleep, lacks(AlarmKind::Idle), consequence);
        } else if self.scaling.policy_type(PolicyName::Backlog).is_none() {
            let lacking = vec![format!("policy {}", PolicyName::Backlog)];
            add(FindingCode::SleepMissing, About::Sleep, lacking, consequence);
        }
        findings
    }

    fn wake(&self) -> Option<Finding> {
        if self.settings.is_some_and(|settings| !settings.wake && settings.min_capacity == 0) {
            let waits_for = self.tracking().map_or(String::new(), |tracking| {
                format!(", and sleeps on until more requests wait than backlog-per-instance, {}", tracking.target_value)
            });
            let sentence = format!("is not woken by the first request{waits_for}.");
            let finding = self.finding(FindingCode::WakeOff, About::Wake, &sentence);
            return Some(finding.set(self.tag(Key::Wake), "to true"));
        }
        if self.variant.current_instances != Some(0) || self.variant.desired_instances != Some(0) {
            return None;
        }
        match self.state(AlarmRole::Own(AlarmKind::Wake))? {
            AlarmState::Alarm => Some(
                self.finding(
                    FindingCode::WakeStuck,
                    About::Wake,
                    "runs no instance although requests wait and its wake alarm is in ALARM.",
                )
                .advice(
                    "look again in some minutes; if it stays so, AWS has no capacity or your quota for the instance type \
                     is used up: see the scaling activities of the variant",
                ),
            ),
            AlarmState::Ok | AlarmState::InsufficientData => {
                let requests = self.requests()?;
                let sentence = format!(
                    "runs no instance, with {} waiting ({}): the wake alarm fires 1 to 2 minutes after the first request, and \
                     an instance takes 3 to 10 minutes to start.",
                    count(requests.requests, "request"),
                    requests.at
                );
                Some(self.finding(FindingCode::Waking, About::Wake, &sentence).advice("look again in some minutes"))
            }
        }
    }

    fn capacity(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (min, max) = (self.target.min_capacity, self.target.max_capacity);
        if let (Some(requests), Some(tracking)) = (self.requests(), self.tracking())
            && self.variant.desired_instances.is_some_and(|desired| desired >= max)
            && requests.requests > tracking.target_value * f64::from(max)
        {
            let sentence = format!(
                "has the {max} instances that max-capacity allows, with {} waiting or in flight ({}): more than the {} for each \
                 instance that backlog-per-instance asks for.",
                count(requests.requests, "request"),
                requests.at,
                tracking.target_value
            );
            let finding = self.finding(FindingCode::AtMaxCapacity, About::Wake, &sentence);
            findings.push(finding.set(self.tag(Key::MaxCapacity), "higher to allow more instances"));
        }
        let Some(settings) = self.settings else { return findings };
        if settings.min_capacity > 0 {
            let sentence = format!(
                "always keeps {}, for min-capacity is {}.",
                count(settings.min_capacity.into(), "instance"),
                settings.min_capacity
            );
            let finding = self.finding(FindingCode::MinCapacity, About::Sleep, &sentence);
            findings.push(finding.set(self.tag(Key::MinCapacity), "to 0 to let it sleep"));
        }
        if min > settings.min_capacity {
            findings.push(self.raised_minimum(settings));
        }
        findings
    }

    /// The one place about warm hours. The plan knows the clock: a raised `MinCapacity` that it leaves alone is meant.
    fn raised_minimum(&self, settings: &Settings) -> Finding {
        let sentence = format!(
            "keeps {} for now: its MinCapacity is {}, above the {} of min-capacity.",
            count(self.target.min_capacity.into(), "instance"),
            self.target.min_capacity,
            settings.min_capacity
        );
        let finding = self.finding(FindingCode::WarmHours, About::Sleep, &sentence);
        let lowers = |change: &Change| matches!(change, Change::RegisterScalableTarget(target) if target.min_capacity < self.target.min_capacity);
        match pending_changes(self.facts.decision, &self.variant.name) {
            None => finding,
            Some(changes) if changes.iter().any(lowers) => {
                finding.advice(self.apply("neither a tag nor the clock asks for it"))
            }
            Some(_) => finding.set(self.tag(Key::WarmHours), "to other hours, or wait until they end"),
        }
    }

    fn backlog(&self) -> Option<Finding> {
        let requests = self.requests().filter(|_| self.instances() > 0)?;
        let sentence = format!(
            "is not idle: its endpoint has {} waiting or in flight ({}).",
            count(requests.requests, "request"),
            requests.at
        );
        Some(self.finding(FindingCode::Backlog, About::Sleep, &sentence))
    }

    /// How long there has been no request; nothing where there was one just now, or the backlog isn't known.
    fn idle_so_far(&self) -> String {
        match self.facts.readings.backlog.iter().take_while(|minute| minute.requests < 1.0).count() {
            0 => String::new(),
            1 => "; so far, the last minute had none".to_owned(),
            minutes => format!("; so far, the last {minutes} minutes had none"),
        }
    }

    fn scale_in(&self) -> Option<Finding> {
        if !self.may_scale_in() {
            return None;
        }
        let min = self.target.min_capacity;
        let running = count(self.instances().into(), "instance");
        if let Some(alarm) = self.scaling.alarms.get(&AlarmKind::Idle) {
            let minutes = count((alarm.evaluation_periods * alarm.period / 60).into(), "minute");
            let sentence = if self.state(AlarmRole::Own(AlarmKind::Idle)) == Some(AlarmState::Alarm) {
                format!("runs {running} and has been idle for {minutes}: AWS is taking all above {min} away now.")
            } else {
                format!(
                    "runs {running}; all above {min} go at once when {minutes} in a row had no request{}.",
                    self.idle_so_far()
                )
            };
            let finding = self.finding(FindingCode::IdleTimeout, About::Sleep, &sentence);
            return Some(finding.set(self.tag(Key::IdleTimeout), "to a shorter time, or wait"));
        }
        let tracking = self.tracking().filter(|tracking| !tracking.disable_scale_in)?;
        let sentence = format!(
            "runs {running}; target tracking takes instances away step by step, not before {}s (scale-in-cooldown) are over \
             since the last step, and after about 15 minutes of too few requests{}.",
            tracking.scale_in_cooldown,
            self.idle_so_far()
        );
        let finding = self.finding(FindingCode::TargetTracking, About::Sleep, &sentence);
        Some(finding.set(self.tag(Key::IdleTimeout), "to an idle time of your own, or wait"))
    }

    fn alarm(&self, alarm: &AlarmReading) -> Option<Finding> {
        let scales_in = match alarm.role {
            AlarmRole::Own(AlarmKind::Wake) | AlarmRole::ScaleOut => false,
            AlarmRole::Own(AlarmKind::Idle) => true,
            AlarmRole::ScaleIn => self.tracking().is_none_or(|tracking| !tracking.disable_scale_in),
        };
        let about = if scales_in { About::Sleep } else { About::Wake };
        if !alarm.drives_its_policy {
            let sentence = format!(
                "has the alarm {}, of which the actions are switched off or don't include its policy: it can fire, and \
                 nothing happens.",
                alarm.name
            );
            let advice = match alarm.role {
                AlarmRole::Own(_) => self.apply("it was changed by hand"),
                AlarmRole::ScaleOut | AlarmRole::ScaleIn => format!(
                    "AWS made this alarm and its actions were switched off by hand: aws cloudwatch enable-alarm-actions \
                     --alarm-names {}",
                    alarm.name
                ),
            };
            return Some(self.finding(FindingCode::AlarmWithoutAction, about, &sentence).advice(advice));
        }
        match (alarm.state, alarm.role) {
            (AlarmState::InsufficientData, AlarmRole::Own(AlarmKind::Wake)) => Some(self.finding(
                FindingCode::WakeAlarmNew,
                About::Wake,
                "has a wake alarm in INSUFFICIENT_DATA, which is normal until it has been looked at for the first time, \
                 some minutes after it was made.",
            )),
            (AlarmState::InsufficientData, _) if scales_in && self.may_scale_in() => {
                let sentence = format!(
                    "is not scaled in while the alarm {} is in INSUFFICIENT_DATA: no data is no proof of idleness. That is \
                     normal for the first minutes.",
                    alarm.name
                );
                Some(
                    self.finding(FindingCode::InsufficientData, About::Sleep, &sentence)
                        .advice("if it stays, see in CloudWatch whether the endpoint publishes its backlog metrics"),
                )
            }
            (AlarmState::Ok | AlarmState::Alarm | AlarmState::InsufficientData, _) => None,
        }
    }
}

/// `1 instance`, `2 instances`.
fn count(number: f64, noun: &str) -> String {
    format!("{number} {noun}{}", if (number - 1.0).abs() < f64::EPSILON { "" } else { "s" })
}

/// Another's text as the end of a sentence of ours.
fn sentence_end(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::endpoint::{Hosting, Inference, Tags};
    use super::super::{Foreign, ForeignKind, desired};
    use super::*;

    fn all_traffic() -> VariantName {
        VariantName::new("AllTraffic").unwrap()
    }

    /// Runs as many instances, with the scaling that the default settings give it.
    struct World {
        endpoint: Endpoint,
        scaling: Scaling,
        decision: Decision,
        readings: Readings,
    }

    fn world(instances: i32) -> World {
        let endpoint = Endpoint {
            name: EndpointName::new("demo").unwrap(),
            status: EndpointStatus::InService,
            failure_reason: None,
            inference: Inference::Asynchronous,
            variants: vec![Variant {
                name: all_traffic(),
                current_instances: Some(instances),
                desired_instances: Some(instances),
                hosting: Hosting::Instances,
                instance_type: None,
            }],
            tags: Tags::from([("scale-to-zero:enabled".to_owned(), "true".to_owned())]),
        };
        let scaling = desired(&endpoint.name, &Settings::default(), Timestamp::UNIX_EPOCH);
        World { endpoint, scaling, decision: planned(Vec::new()), readings: Readings::default() }
    }

    fn planned(changes: Vec<Change>) -> Decision {
        Decision::Configure(vec![VariantPlan { variant: all_traffic(), changes }], Pause::No)
    }

    impl World {
        fn explain(&self) -> Vec<Finding> {
            explain(&Facts {
                rules: &Rules::default(),
                endpoint: Some(&self.endpoint),
                status: Some("InService"),
                scaling: &BTreeMap::from([(all_traffic(), self.scaling.clone())]),
                decision: &self.decision,
                readings: &self.readings,
            })
        }

        fn codes(&self) -> Vec<FindingCode> {
            self.explain().iter().map(|finding| finding.code).collect()
        }

        fn with_backlog(mut self, minutes: &[f64]) -> Self {
            let at = "2026-11-24T10:00:00Z".to_owned();
            self.readings.backlog = minutes.iter().map(|&requests| BacklogSize { at: at.clone(), requests }).collect();
            self
        }

        fn with_wake_alarm(mut self, state: AlarmState) -> Self {
            let reading = AlarmReading {
                name: "wake".to_owned(),
                role: AlarmRole::Own(AlarmKind::Wake),
                state,
                reason: String::new(),
                drives_its_policy: true,
            };
            self.readings.alarms.insert(all_traffic(), vec![reading]);
            self
        }
    }

    fn target(min_capacity: i32) -> ScalableTarget {
        ScalableTarget { min_capacity, ..world(0).scaling.target.unwrap() }
    }

    #[test]
    fn a_raised_minimum_is_of_the_warm_hours_where_the_plan_leaves_it_alone() {
        let mut warm = world(1);
        warm.scaling.target = Some(target(1));
        for (decision, tag, advice) in [
            (
                planned(Vec::new()),
                Some("scale-to-zero:warm-hours"),
                Some("set the tag scale-to-zero:warm-hours to other hours, or wait until they end"),
            ),
            (
                planned(vec![Change::RegisterScalableTarget(target(0))]),
                None,
                Some(
                    "neither a tag nor the clock asks for it: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or \
                     wait for the next sweep",
                ),
            ),
            (Decision::Conflict(Vec::new(), Pause::No), None, None),
        ] {
            warm.decision = decision;
            let findings = warm.explain();
            let found = findings.iter().find(|finding| finding.code == FindingCode::WarmHours).unwrap();
            assert_eq!((found.tag.as_deref(), found.advice.as_deref()), (tag, advice), "{:?}", warm.decision);
            assert_eq!(
                found.sentence,
                "Variant AllTraffic keeps 1 instance for now: its MinCapacity is 1, above the 0 of min-capacity."
            );
        }
    }

    #[test]
    fn one_request_is_backlog_and_less_is_none() {
        assert_eq!(world(1).with_backlog(&[1.0]).codes(), [FindingCode::Backlog, FindingCode::TargetTracking]);
        assert_eq!(world(1).with_backlog(&[0.0, 9.0]).codes(), [FindingCode::TargetTracking]);
    }

    #[test]
    fn the_maximum_is_too_low_only_above_the_target_of_all_instances() {
        let is_too_low =
            |instances, requests| world(instances).with_backlog(&[requests]).codes()[0] == FindingCode::AtMaxCapacity;
        assert!(is_too_low(5, 26.0));
        assert!(!is_too_low(5, 25.0));
        assert!(!is_too_low(4, 26.0), "target tracking adds one");
    }

    #[test]
    fn at_zero_a_request_waits_for_the_alarm_and_the_alarm_for_an_instance() {
        let asleep = |state| world(0).with_wake_alarm(state);
        assert_eq!(asleep(AlarmState::Ok).codes(), [FindingCode::AllWell]);
        assert_eq!(asleep(AlarmState::Ok).with_backlog(&[2.0]).codes(), [FindingCode::Waking]);
        assert_eq!(asleep(AlarmState::Alarm).with_backlog(&[2.0]).codes(), [FindingCode::WakeStuck]);
        let mut starting = asleep(AlarmState::Alarm);
        starting.endpoint.variants[0].desired_instances = Some(1);
        assert_eq!(starting.explain()[0].sentence, "All is well: endpoint demo is as its tags say.");
    }

    #[test]
    fn what_a_lost_alarm_means_is_not_said_where_another_owner_stands_in_the_way() {
        let mut lost = world(0);
        lost.scaling.alarms.clear();
        assert_eq!(lost.codes(), [FindingCode::WakeMissing]);
        let foreign = Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() };
        lost.decision = Decision::Conflict(vec![Conflict { variant: all_traffic(), foreign }], Pause::No);
        assert_eq!(lost.codes(), [FindingCode::Conflict]);
    }

    #[test]
    fn only_a_failure_about_scaling_has_to_do_with_the_instance_type() {
        for (reason, is_about_scaling) in [
            ("Cannot update: the variant is registered as a Scalable target", true),
            ("deregister it from auto scaling first", true),
            ("the image can't be pulled", false),
        ] {
            assert_eq!(way_to_another_instance_type(&Rules::default(), reason).is_some(), is_about_scaling, "{reason}");
        }
    }

    #[test]
    fn the_backlog_is_read_as_far_back_as_it_can_matter() {
        let mut endpoint = world(1).endpoint;
        for (timeout, seconds) in [("5m", 900), ("15m", 900), ("2h", 7200), ("soon", 900)] {
            endpoint.tags.insert("scale-to-zero:idle-timeout".to_owned(), timeout.to_owned());
            assert_eq!(backlog_window(&Rules::default(), &endpoint), seconds, "{timeout}");
        }
    }

    #[test]
    fn the_text_of_another_ends_a_sentence_of_ours() {
        for (text, end) in [("why", "why."), (" why. ", "why."), ("why?", "why?"), ("", ".")] {
            assert_eq!(sentence_end(text), end);
        }
        assert_eq!([count(0.0, "minute"), count(1.0, "minute")], ["0 minutes", "1 minute"]);
    }
}
