//! What the function answers, as JSON: `changes` is the very list of the plan, so `plan` prints what `apply` does.

use std::collections::BTreeMap;

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::{Value, json};

use crate::explanation::Explanation;
use crate::reconcile::{
    Adjustment, Change, Comparison, Conflict, EndpointName, ForeignKind, MissingData, Pause, Problem, ScalingPolicy,
    SkipReason, Statistic, StatusTag, Tagged, VariantPlan, alarm_name, resource_id,
};

/// What an invocation answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Endpoint(Answer),
    Fleet(FleetAnswer),
    /// For Lambda's SQS event source, which puts the failed messages back.
    Batch(SqsBatchResponse),
}

impl Reply {
    /// `None` for a batch: each message of it has its own.
    #[must_use]
    pub fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Endpoint(answer) => Some(answer.outcome.as_str()),
            Self::Fleet(_) => Some("swept"),
            Self::Batch(_) => None,
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Endpoint(answer) => answer.to_json(),
            Self::Fleet(answer) => answer.to_json(),
            Self::Batch(response) => json!(response),
        }
    }
}

/// The answer about all endpoints.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetAnswer {
    pub endpoints: usize,
    pub counts: BTreeMap<&'static str, usize>,
    /// Those that are neither `unchanged` nor `skipped`, or whose status tag changes; as far as they fit.
    results: Vec<Value>,
    results_bytes: usize,
    /// How many results didn't fit.
    left_off: usize,
    /// The first of those that somebody has to see to, each with its outcome: for the log.
    pub concerns: Vec<String>,
    /// How many endpoints were handed to the work queue.
    pub queued: usize,
    /// The endpoint behind which there was no time left.
    pub after: Option<EndpointName>,
}

/// Lambda's answers hold 6 MB; the rest is for what surrounds the results.
const MOST_RESULT_BYTES: usize = 5_000_000;

/// As many as a line of the log may name.
const MOST_CONCERNS: usize = 20;

impl FleetAnswer {
    pub fn add(&mut self, answer: &Answer) {
        self.endpoints += 1;
        *self.counts.entry(answer.outcome.as_str()).or_default() += 1;
        let is_idle = matches!(answer.outcome, Outcome::Unchanged(_) | Outcome::Skipped(_));
        if is_idle && answer.status_tag.is_none() {
            return;
        }
        let is_concern = matches!(answer.outcome, Outcome::Invalid(_) | Outcome::Conflict { .. });
        if let (true, Some(endpoint)) = (is_concern && self.concerns.len() < MOST_CONCERNS, &answer.endpoint) {
            self.concerns.push(format!("{endpoint} {}", answer.outcome.as_str()));
        }
        let result = answer.to_json();
        let bytes = result.to_string().len();
        if self.results_bytes + bytes > MOST_RESULT_BYTES {
            self.left_off += 1;
        } else {
            self.results_bytes += bytes;
            self.results.push(result);
        }
    }

    fn to_json(&self) -> Value {
        let mut answer = json!({
            "outcome": "swept",
            "endpoints": self.endpoints,
            "counts": self.counts,
            "results": self.results,
        });
        if self.left_off > 0 {
            answer["leftOff"] = json!(self.left_off);
        }
        if self.queued > 0 {
            answer["queued"] = json!(self.queued);
        }
        if let Some(after) = &self.after {
            answer["after"] = json!(after.as_str());
        }
        answer
    }
}

/// The answer about one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `None` only for an ignored event about no endpoint at all.
    pub endpoint: Option<EndpointName>,
    pub outcome: Outcome,
    pub pause: Pause,
    /// What becomes of the status tag; `None` where it stays as it is.
    pub status_tag: Option<StatusTag>,
    /// Something that the user should know beside the outcome.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Configured(Vec<VariantPlan>),
    Unchanged(Vec<VariantPlan>),
    Planned(Vec<VariantPlan>),
    Removed(Vec<VariantPlan>),
    Removing(Vec<VariantPlan>),
    Skipped(SkipReason),
    Invalid(Vec<Problem>),
    Conflict { conflicts: Vec<Conflict>, takeover_tag: String },
    Explained(Explanation),
}

impl Outcome {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Configured(_) => "configured",
            Self::Unchanged(_) => "unchanged",
            Self::Planned(_) => "planned",
            Self::Removed(_) => "removed",
            Self::Removing(_) => "removing",
            Self::Skipped(_) => "skipped",
            Self::Invalid(_) => "invalid",
            Self::Conflict { .. } => "conflict",
            Self::Explained(_) => "explained",
        }
    }

    /// The plans of all variants; empty for outcomes that have none.
    #[must_use]
    pub fn plans(&self) -> &[VariantPlan] {
        match self {
            Self::Configured(plans)
            | Self::Unchanged(plans)
            | Self::Planned(plans)
            | Self::Removed(plans)
            | Self::Removing(plans) => plans,
            Self::Skipped(_) | Self::Invalid(_) | Self::Conflict { .. } | Self::Explained(_) => &[],
        }
    }
}

/// The fixed code of a reason.
#[must_use]
pub fn reason_code(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NotManaged => "not-managed",
        SkipReason::NotAsync => "not-async",
        SkipReason::Serverless => "serverless",
        SkipReason::ManagedInstanceScaling => "managed-instance-scaling",
        SkipReason::BurstableInstance => "burstable-instance",
        SkipReason::NotInService => "not-in-service",
        SkipReason::NotFound => "not-found",
        SkipReason::IgnoredEvent => "ignored-event",
    }
}

/// The fixed code of a change.
#[must_use]
pub fn change_code(change: &Change) -> &'static str {
    match change {
        Change::RegisterScalableTarget(_) => "register-scalable-target",
        Change::PutScalingPolicy(..) => "put-scaling-policy",
        Change::PutMetricAlarm(..) => "put-metric-alarm",
        Change::PutScheduledAction(..) => "put-scheduled-action",
        Change::DeleteScalingPolicy(_) => "delete-scaling-policy",
        Change::DeleteScheduledAction(_) => "delete-scheduled-action",
        Change::DeleteAlarms(_) => "delete-alarms",
        Change::DeregisterScalableTarget => "deregister-scalable-target",
        Change::TagResource(..) => "tag-resource",
        Change::SetDesiredInstances(_) => "set-desired-instances",
    }
}

impl Answer {
    #[must_use]
    pub fn skipped(endpoint: Option<EndpointName>, reason: SkipReason) -> Self {
        Self { endpoint, outcome: Outcome::Skipped(reason), pause: Pause::No, status_tag: None, note: None }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut answer = json!({});
        if let Some(endpoint) = &self.endpoint {
            answer["endpoint"] = json!(endpoint.as_str());
        }
        answer["outcome"] = json!(self.outcome.as_str());
        if let Some(endpoint) = &self.endpoint {
            self.outcome_fields(endpoint, &mut answer);
        }
        if let Outcome::Skipped(reason) = &self.outcome {
            answer["reason"] = json!(reason_code(*reason));
        }
        match self.pause {
            Pause::No => {}
            Pause::ScaleIn => answer["paused"] = json!("scale-in"),
            Pause::All => answer["paused"] = json!(true),
        }
        match &self.status_tag {
            None => {}
            Some(StatusTag::Set(text)) => answer["statusTag"] = json!(text),
            Some(StatusTag::Delete) => answer["statusTag"] = Value::Null,
        }
        if let Some(note) = &self.note {
            answer["note"] = json!(note);
        }
        answer
    }

    fn outcome_fields(&self, endpoint: &EndpointName, answer: &mut Value) {
        match &self.outcome {
            Outcome::Configured(plans)
            | Outcome::Unchanged(plans)
            | Outcome::Planned(plans)
            | Outcome::Removed(plans)
            | Outcome::Removing(plans) => {
                answer["variants"] = plans.iter().map(|plan| variant(endpoint, plan)).collect();
            }
            Outcome::Skipped(_) => {}
            Outcome::Invalid(problems) => {
                answer["problems"] = problems
                    .iter()
                    .map(|Problem { tag, value, problem }| json!({ "tag": tag, "value": value, "problem": problem }))
                    .collect();
            }
            Outcome::Conflict { conflicts, takeover_tag } => {
                answer["conflicts"] = conflicts.iter().map(|found| conflict(endpoint, found)).collect();
                answer["advice"] = json!(format!(
                    "another owner scales this endpoint, so nothing was written; set the tag {takeover_tag} to true to \
                     have these replaced, or take them away, or opt the endpoint out"
                ));
            }
            Outcome::Explained(explanation) => explanation.add_to(answer),
        }
    }
}

fn variant(endpoint: &EndpointName, plan: &VariantPlan) -> Value {
    let changes: Vec<Value> = plan.changes.iter().map(|change| change_json(endpoint, plan, change)).collect();
    json!({
        "variant": plan.variant.as_str(),
        "resourceId": resource_id(endpoint, &plan.variant),
        "changes": changes,
    })
}

fn conflict(endpoint: &EndpointName, conflict: &Conflict) -> Value {
    let kind = match conflict.foreign.kind {
        ForeignKind::ScalingPolicy => "scaling-policy",
        ForeignKind::ScheduledAction => "scheduled-action",
    };
    json!({
        "variant": conflict.variant.as_str(),
        "resourceId": resource_id(endpoint, &conflict.variant),
        "type": kind,
        "name": conflict.foreign.name,
    })
}

fn change_json(endpoint: &EndpointName, plan: &VariantPlan, change: &Change) -> Value {
    let mut json = json!({ "change": change_code(change) });
    let fields = match change {
        Change::RegisterScalableTarget(target) => json!({
            "minCapacity": target.min_capacity,
            "maxCapacity": target.max_capacity,
            "suspendedState": {
                "dynamicScalingInSuspended": target.suspended.scale_in,
                "dynamicScalingOutSuspended": target.suspended.scale_out,
                "scheduledScalingSuspended": target.suspended.scheduled,
            },
        }),
        Change::PutScalingPolicy(name, policy) => {
            json["policyName"] = json!(name.as_str());
            policy_json(policy)
        }
        Change::PutMetricAlarm(kind, alarm) => json!({
            "alarmName": alarm_name(endpoint, &plan.variant, *kind),
            "metricName": alarm.metric.name,
            "statistic": statistic(alarm.metric.statistic),
            "comparisonOperator": match alarm.comparison {
                Comparison::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
                Comparison::LessThanThreshold => "LessThanThreshold",
            },
            "threshold": alarm.threshold,
            "period": alarm.period,
            "evaluationPeriods": alarm.evaluation_periods,
            "datapointsToAlarm": alarm.datapoints_to_alarm,
            "treatMissingData": match alarm.missing_data {
                MissingData::NotBreaching => "notBreaching",
                MissingData::Missing => "missing",
            },
            "policyName": kind.policy().as_str(),
        }),
        Change::PutScheduledAction(name, action) => json!({
            "scheduledActionName": name,
            "schedule": action.schedule,
            "timezone": action.timezone,
            "minCapacity": action.min_capacity,
        }),
        Change::DeleteScalingPolicy(name) => json!({ "policyName": name }),
        Change::DeleteScheduledAction(name) => json!({ "scheduledActionName": name }),
        Change::DeleteAlarms(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| alarm_name(endpoint, &plan.variant, *kind)).collect();
            json!({ "alarmNames": names })
        }
        Change::DeregisterScalableTarget => json!({}),
        Change::TagResource(Tagged::ScalableTarget, tags) => json!({ "tags": tags }),
        Change::TagResource(Tagged::Alarm(kind), tags) => {
            json!({ "alarmName": alarm_name(endpoint, &plan.variant, *kind), "tags": tags })
        }
        Change::SetDesiredInstances(instances) => json!({ "instances": instances }),
    };
    if let (Value::Object(json), Value::Object(fields)) = (&mut json, fields) {
        json.extend(fields);
    }
    json
}

fn policy_json(policy: &ScalingPolicy) -> Value {
    match policy {
        ScalingPolicy::TargetTracking(tracking) => json!({
            "policyType": "TargetTrackingScaling",
            "targetValue": tracking.target_value,
            "metricName": tracking.metric.name,
            "statistic": statistic(tracking.metric.statistic),
            "scaleInCooldown": tracking.scale_in_cooldown,
            "scaleOutCooldown": tracking.scale_out_cooldown,
            "disableScaleIn": tracking.disable_scale_in,
        }),
        ScalingPolicy::Step(step) => json!({
            "policyType": "StepScaling",
            "adjustmentType": match step.adjustment {
                Adjustment::ChangeInCapacity => "ChangeInCapacity",
                Adjustment::ExactCapacity => "ExactCapacity",
            },
            "scalingAdjustment": step.amount,
            "cooldown": step.cooldown,
        }),
    }
}

fn statistic(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Average => "Average",
        Statistic::Maximum => "Maximum",
    }
}
