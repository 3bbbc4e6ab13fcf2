//! The answer about one endpoint, as JSON.

use serde_json::{Value, json};

use super::advice::Advised;
use super::changes::variant;
use super::explanation::Explanation;
use super::state::state;
use crate::advise::Refusal;
use crate::reconcile::{
    Conflict, EndpointName, ForeignKind, Pause, Problem, SkipReason, StatusTag, VariantPlan, VariantState, resource_id,
};

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
    Conflict {
        conflicts: Vec<Conflict>,
        takeover_tag: String,
    },
    /// It couldn't be done now, and a message of the work queue asks for it again; why, in words.
    Queued(String),
    Explained(Explanation),
    /// How each variant stands.
    Status(Vec<VariantState>),
    Waking(Vec<VariantPlan>),
    Sleeping(Vec<VariantPlan>),
    Advised(Box<Advised>),
    /// No advice, and why in a sentence.
    NotAdvised(Refusal, String),
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
            Self::Skipped(_) | Self::NotAdvised(..) => "skipped",
            Self::Invalid(_) => "invalid",
            Self::Conflict { .. } => "conflict",
            Self::Queued(_) => "queued",
            Self::Explained(_) => "explained",
            Self::Status(_) => "status",
            Self::Waking(_) => "waking",
            Self::Sleeping(_) => "sleeping",
            Self::Advised(_) => "advised",
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
            | Self::Removing(plans)
            | Self::Waking(plans)
            | Self::Sleeping(plans) => plans,
            Self::Skipped(_)
            | Self::Invalid(_)
            | Self::Conflict { .. }
            | Self::Queued(_)
            | Self::Explained(_)
            | Self::Status(_)
            | Self::Advised(_)
            | Self::NotAdvised(..) => &[],
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
        SkipReason::Busy => "busy",
        SkipReason::Paused => "paused",
    }
}

impl Answer {
    #[must_use]
    pub fn skipped(endpoint: Option<EndpointName>, reason: SkipReason) -> Self {
        Self { endpoint, outcome: Outcome::Skipped(reason), pause: Pause::No, status_tag: None, note: None }
    }

    /// What couldn't be done now, and why; the work queue asks for it again.
    #[must_use]
    pub fn queued(endpoint: Option<EndpointName>, why: &impl ToString) -> Self {
        let outcome = Outcome::Queued(why.to_string());
        Self { endpoint, outcome, pause: Pause::No, status_tag: None, note: None }
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
        if let Outcome::Queued(why) = &self.outcome {
            answer["error"] = json!(why);
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
            | Outcome::Removing(plans)
            | Outcome::Waking(plans)
            | Outcome::Sleeping(plans) => {
                answer["variants"] = plans.iter().map(|plan| variant(endpoint, plan)).collect();
            }
            Outcome::Skipped(_) | Outcome::Queued(_) => {}
            Outcome::Advised(advised) => advised.add_to(answer),
            Outcome::NotAdvised(refusal, why) => {
                answer["reason"] = json!(refusal.as_str());
                answer["note"] = json!(why);
            }
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
            Outcome::Status(states) => answer["variants"] = states.iter().map(state).collect(),
        }
    }
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
