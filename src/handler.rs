//! One invocation: understand the payload, read what AWS says, decide, do it, answer. The only file that sees both the
//! core and the shell.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use crate::answer::{Answer, Outcome};
use crate::aws::{Aws, Observed};
use crate::config::Config;
use crate::error::Error;
use crate::payload::{self, Invocation, Verb};
use crate::reconcile::{
    Decision, Endpoint, EndpointName, Key, Manage, Pause, Removal, Request, SkipReason, VariantPlan, decide,
};
use crate::telemetry::{self, Cost};

/// The function, as it lives over the invocations of one execution environment.
#[derive(Debug)]
pub struct Function {
    aws: Aws,
    config: Config,
    /// The clock, read once an invocation.
    now: fn() -> SystemTime,
    /// Endpoints that were managed when last seen: worth reading whole at once, and again after they opt out.
    managed: Mutex<BTreeSet<EndpointName>>,
}

impl Function {
    #[must_use]
    pub fn new(aws: Aws, config: Config, now: fn() -> SystemTime) -> Self {
        Self { aws, config, now, managed: Mutex::default() }
    }

    /// Handles one invocation and logs its one line.
    ///
    /// # Errors
    /// What another try may mend or somebody has to see, with a fixed `errorType`.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let started = Instant::now();
        let calls_before = self.aws.calls();
        let request_id = event.context.request_id.as_str();
        let (endpoint, answer) = match payload::parse(&event.payload, &self.config.rules) {
            Ok(invocation) => {
                let endpoint = invocation.endpoint().cloned();
                (endpoint, self.answer_in_time(invocation, event.context.deadline()).await)
            }
            Err(error) => (None, Err(error.into())),
        };
        let cost = Cost { aws_calls: self.aws.calls() - calls_before, took: started.elapsed() };
        match answer {
            Ok(answer) => {
                telemetry::answered(request_id, &answer, cost);
                Ok(answer.to_json())
            }
            Err(error) => {
                telemetry::failed(request_id, endpoint.as_ref(), &error, cost);
                Err(error.into())
            }
        }
    }

    async fn answer_in_time(&self, invocation: Invocation, deadline: SystemTime) -> Result<Answer, Error> {
        let Some(after) = time_left(deadline, (self.now)()) else {
            return self.answer(invocation).await;
        };
        let subject = invocation.endpoint().map_or_else(String::new, |name| format!("endpoint {name}"));
        tokio::time::timeout(after, self.answer(invocation))
            .await
            .unwrap_or(Err(Error::DeadlineExceeded { subject, after }))
    }

    async fn answer(&self, invocation: Invocation) -> Result<Answer, Error> {
        match invocation {
            Invocation::Ignored { endpoint } => Ok(Answer::skipped(endpoint, SkipReason::IgnoredEvent)),
            Invocation::Endpoint { verb, name, arn, is_likely_ours } => {
                let is_likely_ours = is_likely_ours || verb == Verb::Remove || self.config.rules.manage == Manage::All;
                let observed = self.observe(&name, arn.as_deref(), is_likely_ours).await?;
                self.reconcile(verb, &observed).await
            }
        }
    }

    async fn observe(&self, name: &EndpointName, arn: Option<&str>, is_likely_ours: bool) -> Result<Observed, Error> {
        let rules = &self.config.rules;
        let is_likely_ours = is_likely_ours || self.was_managed(name);
        let observed = self.aws.observe(name, rules, is_likely_ours).await?;
        if let (None, Some(arn)) = (&observed.endpoint, arn)
            && let Some(name) = self.aws.endpoint_of_arn(arn, name).await?
        {
            return Ok(self.aws.observe(&name, rules, is_likely_ours).await?);
        }
        Ok(observed)
    }

    async fn reconcile(&self, verb: Verb, observed: &Observed) -> Result<Answer, Error> {
        let request = match verb {
            Verb::Apply | Verb::Plan => Request::Apply,
            Verb::Event => Request::Event,
            Verb::Remove => Request::Remove,
        };
        let rules = &self.config.rules;
        let decision = decide(request, rules, observed.endpoint.as_ref(), &observed.scaling);
        self.remember(&observed.name, &decision);
        let (outcome, pause) = match decision {
            Decision::Skip(reason) => (Outcome::Skipped(reason), Pause::No),
            Decision::Invalid(problems) => (Outcome::Invalid(problems), Pause::No),
            Decision::Conflict(conflicts, pause) => {
                (Outcome::Conflict { conflicts, takeover_tag: rules.tag(Key::Takeover) }, pause)
            }
            Decision::Configure(plans, pause) => {
                let changed = Outcome::Configured as fn(Vec<VariantPlan>) -> Outcome;
                (self.perform(verb, observed, plans, changed, Outcome::Unchanged).await?, pause)
            }
            Decision::Remove(plans, removal) => {
                let changed = match removal {
                    Removal::Complete => Outcome::Removed,
                    Removal::AwaitsInstance => Outcome::Removing,
                };
                (self.perform(verb, observed, plans, changed, changed).await?, Pause::No)
            }
        };
        let note = observed.endpoint.as_ref().and_then(|endpoint| self.failed_update(endpoint));
        Ok(Answer { endpoint: Some(observed.name.clone()), outcome, pause, note })
    }

    /// Does the plan, unless it was only asked for.
    async fn perform(
        &self,
        verb: Verb,
        observed: &Observed,
        plans: Vec<VariantPlan>,
        changed: fn(Vec<VariantPlan>) -> Outcome,
        unchanged: fn(Vec<VariantPlan>) -> Outcome,
    ) -> Result<Outcome, Error> {
        if plans.iter().all(|plan| plan.changes.is_empty()) {
            return Ok(unchanged(plans));
        }
        if verb == Verb::Plan {
            return Ok(Outcome::Planned(plans));
        }
        self.aws.apply(observed, &plans).await?;
        Ok(changed(plans))
    }

    /// SageMaker refuses to change the instance type of a variant that is a scalable target
    /// (<https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>), and its message doesn't say the
    /// way through.
    fn failed_update(&self, endpoint: &Endpoint) -> Option<String> {
        let reason = endpoint.failure_reason.as_deref()?;
        let is_about_scaling = ["scaling", "scalable"].iter().any(|word| reason.to_ascii_lowercase().contains(word));
        let way_through = format!(
            "; to change the instance type, set the tag {} to false, wait until the answer is removed, update the \
             endpoint, and set the tag to true again",
            self.config.rules.tag(Key::Enabled)
        );
        Some(format!("the endpoint's last update failed: {reason}{}", if is_about_scaling { &way_through } else { "" }))
    }

    fn was_managed(&self, name: &EndpointName) -> bool {
        self.managed.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn remember(&self, name: &EndpointName, decision: &Decision) {
        let mut managed = self.managed.lock().unwrap_or_else(PoisonError::into_inner);
        match decision {
            Decision::Configure(..) | Decision::Conflict(..) | Decision::Invalid(_) => _ = managed.insert(name.clone()),
            Decision::Skip(SkipReason::NotInService) | Decision::Remove(..) => {}
            Decision::Skip(_) => _ = managed.remove(name),
        }
    }
}

/// How long an invocation may take so that its failure can still be reported. A deadline that is over already
/// is none: some local tools don't set it.
fn time_left(deadline: SystemTime, now: SystemTime) -> Option<Duration> {
    let left = deadline.duration_since(now).ok().filter(|left| !left.is_zero())?;
    let to_report = (left / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
    Some(left.saturating_sub(to_report))
}
