//! The answer to "why doesn't it sleep, wake or change?" as JSON: the findings, and what they rest on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::changes::change_code;
use super::state::last_action;
use crate::reconcile::{
    AlarmKind, AlarmReading, AlarmState, Endpoint, Facts, Finding, ForeignKind, Inference, PolicyName, Scaling,
    ScalingPolicy, VariantName, Wish, explain, ladder_in_words, last_scaled, pending_changes,
};

/// What was found about one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The most important first; never none.
    findings: Vec<Finding>,
    /// What they rest on.
    found: Value,
}

impl Explanation {
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        Self { findings: explain(facts), found: found(facts) }
    }

    /// The codes of the findings, the most important first.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.findings.iter().map(|finding| finding.code.kind().name)
    }

    pub(crate) fn add_to(&self, answer: &mut Value) {
        answer["summary"] = json!(self.findings.first().map(summary));
        answer["findings"] = self.findings.iter().map(finding).collect();
        answer["found"] = self.found.clone();
    }
}

/// The cause, and what to do, as sentences.
fn summary(finding: &Finding) -> String {
    let Some(advice) = &finding.advice else { return finding.sentence.clone() };
    let (first, rest) = advice.split_at_checked(1).unwrap_or_default();
    format!("{} {}{rest}.", finding.sentence, first.to_ascii_uppercase())
}

fn finding(finding: &Finding) -> Value {
    let mut json = json!({
        "code": finding.code.kind().name,
        "about": finding.about.as_str(),
        "sentence": finding.sentence,
    });
    if let Some(tag) = &finding.tag {
        json["tag"] = json!(tag);
    }
    if let Some(advice) = &finding.advice {
        json["advice"] = json!(advice);
    }
    json
}

/// What isn't known is null.
fn found(facts: &Facts) -> Value {
    let endpoint = facts.endpoint;
    let own_tags = |endpoint: &Endpoint| -> Value {
        let own = endpoint.tags.iter().filter(|(key, _)| facts.rules.is_own_tag(key));
        own.map(|(key, value)| (key.clone(), json!(value))).collect()
    };
    let is_managed = |endpoint: &Endpoint| !matches!(facts.rules.read(&endpoint.tags), Ok(Wish::None | Wish::OptOut));
    let newest = facts.readings.backlog.first();
    let present = endpoint.iter().flat_map(|endpoint| &endpoint.variants).map(|variant| &variant.name);
    let variants: BTreeSet<&VariantName> = present.chain(facts.scaling.keys()).collect();
    json!({
        "status": facts.status,
        "async": endpoint.map(|endpoint| endpoint.inference == Inference::Asynchronous),
        "managed": endpoint.map(is_managed),
        "tags": endpoint.map(own_tags),
        "variants": variants.into_iter().map(|name| variant(facts, name)).collect::<Vec<_>>(),
        "backlog": newest.map(|newest| json!({ "approximateBacklogSize": newest.requests, "at": newest.at })),
    })
}

fn variant(facts: &Facts, name: &VariantName) -> Value {
    let variant = facts.endpoint.and_then(|endpoint| endpoint.variants.iter().find(|variant| variant.name == *name));
    let scaling = facts.scaling.get(name);
    let target = scaling.and_then(|scaling| scaling.target.as_ref());
    let alarms = facts.readings.alarms.as_ref().and_then(|alarms| alarms.get(name)).map_or(&[][..], Vec::as_slice);
    let changes = pending_changes(facts.decision, name).unwrap_or_default();
    let activities = facts.readings.activities.get(name).map_or(&[][..], Vec::as_slice);
    let last = variant.and_then(|variant| last_scaled(variant, activities, facts.readings.modified));
    json!({
        "variant": name.as_str(),
        "currentInstances": variant.and_then(|variant| variant.current_instances),
        "desiredInstances": variant.and_then(|variant| variant.desired_instances),
        "minCapacity": target.map(|target| target.min_capacity),
        "maxCapacity": target.map(|target| target.max_capacity),
        "ladder": scaling.and_then(ladder),
        "policies": scaling.map(policies).unwrap_or_default(),
        "alarms": alarms.iter().map(alarm).collect::<Vec<_>>(),
        "lastAction": last.as_ref().map(last_action),
        "pendingChanges": changes.iter().map(change_code).collect::<Vec<_>>(),
    })
}

fn ladder(scaling: &Scaling) -> Option<String> {
    let most = scaling.policies.get(&PolicyName::Wake).and_then(ScalingPolicy::most)?;
    let most = most.min(scaling.target.as_ref()?.max_capacity);
    ladder_in_words(scaling.alarms.get(&AlarmKind::Ladder)?, most)
}

/// Ours, and then those of others.
fn policies(scaling: &Scaling) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    names.extend(PolicyName::ALL.iter().filter(|name| scaling.policy_type(**name).is_some()).map(|name| name.as_str()));
    let foreign = scaling.foreign.iter().filter(|foreign| foreign.kind == ForeignKind::ScalingPolicy);
    names.extend(foreign.map(|foreign| foreign.name.as_str()));
    names
}

fn alarm(alarm: &AlarmReading) -> Value {
    let state = match alarm.state {
        AlarmState::Ok => "OK",
        AlarmState::Alarm => "ALARM",
        AlarmState::InsufficientData => "INSUFFICIENT_DATA",
    };
    json!({ "alarmName": alarm.name, "state": state, "reason": alarm.reason })
}
