//! One invocation: understand the payload, read what AWS says, decide, do it, answer. This file, the sweep and the look
//! back alone see both the core and the shell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use crate::answer::{Answer, Explanation, Outcome, Reply};
use crate::aws::{Aws, Observed, Refused};
use crate::batch::{FailedWork, Origin};
use crate::config::Config;
use crate::error::Error;
use crate::metrics::{self, Cost, Tally};
use crate::payload::{self, InvalidPayload, Invocation, Verb};
use crate::reconcile::{
    Change, Decision, Endpoint, EndpointName, EndpointStatus, Facts, Hints, Key, Manage, Pause, Problem, Removal,
    Request, Scaling, SkipReason, Tags, VariantName, VariantPlan, WHAT_COMPONENTS_NEED, after_the_second_look,
    before_the_second_look, decide, notes, plan_tags, status_tag, tags_along,
};
use crate::telemetry;

/// The function, as it lives over the invocations of one execution environment.
#[derive(Debug)]
pub struct Function {
    pub(crate) aws: Aws,
    pub(crate) config: Config,
    /// The clock.
    pub(crate) now: fn() -> SystemTime,
    /// Endpoints that were managed when last seen: worth reading whole at once, and again after they opt out.
    managed: Mutex<BTreeSet<EndpointName>>,
    /// Variants whose target tracking had lost an alarm and has been put again.
    put_again: Mutex<BTreeSet<(EndpointName, VariantName)>>,
    /// Of the invocation that is going on. There is one at a time.
    tally: Mutex<Tally>,
    pub(crate) failed_work: FailedWork,
}

impl Function {
    #[must_use]
    pub fn new(aws: Aws, config: Config, now: fn() -> SystemTime) -> Self {
        Self {
            aws,
            config,
            now,
            managed: Mutex::default(),
            put_again: Mutex::default(),
            tally: Mutex::default(),
            failed_work: FailedWork::default(),
        }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// What another try may mend or somebody has to see, with a fixed `errorType`.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let deadline = time_left(event.context.deadline(), (self.now)()).map(Deadline::after);
        let request_id = event.context.request_id.as_str();
        let origin = if payload::is_event(&event.payload) { Origin::Event(&event.payload) } else { Origin::Person };
        let reply = match payload::parse(&event.payload, &self.config.rules) {
            Ok(Invocation::Batch(batch)) => Ok(Reply::Batch(self.handle_batch(&batch, deadline, request_id).await)),
            invocation => self.handle_one(invocation, origin, deadline, request_id).await,
        };
        Ok(reply?.to_json())
    }

    /// Handles one payload, logs its one line and writes its metrics.
    pub(crate) async fn handle_one(
        &self,
        invocation: Result<Invocation, InvalidPayload>,
        origin: Origin<'_>,
        deadline: Option<Deadline>,
        request_id: &str,
    ) -> Result<Reply, Error> {
        let started = Instant::now();
        let (calls_before, throttled_before) = (self.aws.calls(), self.aws.throttled_calls());
        let (endpoint, reply) = match invocation {
            Ok(invocation) => {
                let endpoint = invocation.endpoint().cloned();
                let reply = match self.reply_in_time(&invocation, deadline).await {
                    Ok(reply) => Ok(reply),
                    Err(error) => self.put_off(&invocation, origin, &error, deadline).await.ok_or(error),
                };
                (endpoint, reply)
            }
            Err(error) => (None, Err(error.into())),
        };
        let cost = Cost {
            aws_calls: self.aws.calls() - calls_before,
            throttled_calls: self.aws.throttled_calls() - throttled_before,
            took: started.elapsed(),
        };
        match &reply {
            Ok(reply) => telemetry::answered(request_id, reply, cost),
            Err(error) => telemetry::failed(request_id, endpoint.as_ref(), error, cost),
        }
        if let Origin::Queue(..) = origin {
            self.tally(|tally| tally.took_from_queue(reply.is_err()));
        }
        let tally = self.tally(std::mem::take);
        if let (true, Some(outcome)) = (self.config.metrics, metrics::outcome(&reply)) {
            for line in metrics::lines(outcome, cost, &tally, (self.now)()) {
                telemetry::metrics(request_id, line);
            }
        }
        reply
    }

    pub(crate) fn tally<T>(&self, count: impl FnOnce(&mut Tally) -> T) -> T {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a change that has been made.
    pub(crate) fn made(&self, change: &Change) {
        self.tally(|tally| tally.made(change));
    }

    async fn reply_in_time(&self, invocation: &Invocation, deadline: Option<Deadline>) -> Result<Reply, Error> {
        let subject = match invocation.endpoint() {
            Some(name) => format!("endpoint {name}"),
            None => "all endpoints".to_owned(),
        };
        // Boxed: futures so many layers deep are too much for the compiler, and a box is cheaper to move.
        let reply = Box::pin(self.reply(invocation, deadline));
        let Some(limit) = deadline else {
            return reply.await;
        };
        tokio::time::timeout_at(limit.end, reply)
            .await
            .unwrap_or(Err(Error::DeadlineExceeded { subject, after: limit.total }))
    }

    async fn reply(&self, invocation: &Invocation, deadline: Option<Deadline>) -> Result<Reply, Error> {
        match invocation {
            Invocation::Ignored { endpoint } => {
                Ok(Reply::Endpoint(Answer::skipped(endpoint.clone(), SkipReason::IgnoredEvent)))
            }
            Invocation::Endpoint { verb, name, arn, hints } => {
                self.handle_endpoint(&self.aws, *verb, name, arn.as_deref(), hints.clone()).await.map(Reply::Endpoint)
            }
            Invocation::Status { name } => self.status(name).await.map(Reply::Endpoint),
            Invocation::FleetStatus { after } => {
                self.fleet_status(after.as_ref(), deadline).await.map(Reply::FleetStatus)
            }
            Invocation::ByHand { name, wanted, force } => {
                self.set_by_hand(name, *wanted, *force, deadline).await.map(Reply::Endpoint)
            }
            Invocation::MayWake { name, is_likely_ours } => {
                self.may_wake(&self.aws, name, *is_likely_ours).await.map(Reply::Endpoint)
            }
            Invocation::Explain { name } => self.explain(name, deadline).await.map(Reply::Endpoint),
            Invocation::Advise { name, about } => self.advise(name, *about).await.map(Reply::Endpoint),
            Invocation::Savings { after } => self.savings(after.as_ref(), deadline).await.map(Reply::Savings),
            Invocation::Fleet { verb, after } => self
                .sweep(*verb, after.as_ref(), self.config.work_queue_url.as_deref(), deadline)
                .await
                .map(Reply::Fleet),
            Invocation::Stack(event) => Box::pin(self.answer_stack(event, deadline)).await.map(Reply::Stack),
            Invocation::Batch(_) => Err(InvalidPayload::nested_batch().into()),
        }
    }

    /// Reads what AWS says about an endpoint, decides, and does it.
    pub(crate) async fn handle_endpoint(
        &self,
        aws: &Aws,
        verb: Verb,
        name: &EndpointName,
        arn: Option<&str>,
        mut hints: Hints,
    ) -> Result<Answer, Error> {
        hints.is_likely_ours |= self.config.rules.manage == Manage::All || self.was_managed(name);
        let mut observed = self.observe(aws, name, arn, &hints).await?;
        self.leave_what_stays_lost(&mut observed, verb);
        let mut decision = decide(
            match verb {
                Verb::Apply | Verb::Plan => Request::Apply,
                Verb::Event | Verb::Work => Request::Event,
                Verb::Remove => Request::Remove,
            },
            &self.config.rules,
            observed.endpoint.as_ref(),
            &observed.scaling,
            self.time(),
        );
        observed.tags_along = self.tags_along(&observed);
        if let (Decision::Configure(plans, _), false) = (&mut decision, observed.tags_along.is_empty()) {
            plan_tags(plans, &observed.tags_along, &aws.tags_present(&observed).await?);
        }
        self.remember(&observed.name, &decision);
        let mut answer = self.planned(&observed.name, observed.endpoint.as_ref(), &observed.scaling, &decision);
        match verb {
            Verb::Plan => {}
            Verb::Apply | Verb::Event | Verb::Work | Verb::Remove => {
                if let Some((plans, outcome)) = to_do(&decision) {
                    let endpoint = observed.endpoint.as_ref();
                    answer.outcome =
                        if let (Decision::Remove(_, Removal::Complete), Some(endpoint)) = (&decision, endpoint) {
                            self.remove(aws, &observed, endpoint, plans).await?
                        } else {
                            let refused = aws.apply(&observed, plans, |change| self.made(change)).await?;
                            if refused.is_empty() {
                                outcome(plans.to_vec())
                            } else {
                                let invalid = Decision::Invalid(self.problems_of(&refused, endpoint));
                                let told = self.planned(name, endpoint, &observed.scaling, &invalid);
                                answer.status_tag = told.status_tag;
                                told.outcome
                            }
                        };
                }
                let status_tag = answer.status_tag.clone();
                Self::write_status_tag(aws, &observed, &mut answer).await;
                self.tell(aws, verb, &observed, status_tag.as_ref(), &mut answer).await;
            }
        }
        Ok(answer)
    }

    /// A policy that has lost AWS's alarms is put again, but only once in the life of this process.
    fn leave_what_stays_lost(&self, observed: &mut Observed, verb: Verb) {
        let mut put_again = self.put_again.lock().unwrap_or_else(PoisonError::into_inner);
        for (variant, scaling) in &mut observed.scaling {
            let key = (observed.name.clone(), variant.clone());
            if scaling.strays.without_alarm.is_empty() {
                put_again.remove(&key);
            } else if put_again.contains(&key) {
                scaling.strays.without_alarm.clear();
            } else if verb != Verb::Plan {
                put_again.insert(key);
            }
        }
    }

    /// Warm hours that AWS refuses are a problem of their tags: AWS would refuse another try as well.
    fn problems_of(&self, refused: &[Refused], endpoint: Option<&Endpoint>) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for Refused { label, message } in refused {
            let tag = self.config.rules.tag(Key::WarmHours);
            let tag = if label.is_empty() { tag } else { format!("{tag}.{label}") };
            let value = endpoint.and_then(|endpoint| endpoint.tags.get(&tag)).cloned();
            // Its start and its end are refused for the same reason.
            if problems.iter().all(|problem| problem.tag != tag) {
                problems.push(Problem { tag, value, problem: format!("is refused by AWS: {message}") });
            }
        }
        problems
    }

    /// Takes away what was made for an endpoint that lives on, and looks at it once more before the last trace goes: an alarm
    /// may have taken its last instance just before nothing could any more.
    async fn remove(
        &self,
        aws: &Aws,
        observed: &Observed,
        endpoint: &Endpoint,
        plans: &[VariantPlan],
    ) -> Result<Outcome, Error> {
        let first = |plan: &VariantPlan| VariantPlan {
            variant: plan.variant.clone(),
            changes: before_the_second_look(&plan.changes).0.to_vec(),
        };
        let mut done: Vec<VariantPlan> = plans.iter().map(first).collect();
        aws.apply(observed, &done, |change| self.made(change)).await?;
        let again = if done.iter().all(|plan| plan.changes.is_empty()) {
            Some(endpoint.clone())
        } else {
            aws.look(&observed.name, &endpoint.tags).await?
        };
        let (rests, removal) =
            after_the_second_look(&self.config.rules, endpoint, again.as_ref(), &observed.scaling, plans);
        aws.apply(observed, &rests, |change| self.made(change)).await?;
        for (plan, rest) in done.iter_mut().zip(rests) {
            plan.changes.extend(rest.changes);
        }
        Ok(match removal {
            Removal::Complete => Outcome::Removed(done),
            Removal::AwaitsInstance => Outcome::Removing(done),
        })
    }

    /// The endpoint's tags that go along to what is made for it.
    pub(crate) fn tags_along(&self, observed: &Observed) -> Tags {
        observed.endpoint.as_ref().map(|endpoint| tags_along(&self.config.copy_tags, endpoint)).unwrap_or_default()
    }

    /// A status tag that can't be written is no failure: the outcome doesn't depend on it, and an endpoint that has as
    /// many tags as AWS allows would fail for ever.
    async fn write_status_tag(aws: &Aws, observed: &Observed, answer: &mut Answer) {
        let Some(tag) = &answer.status_tag else { return };
        if let Err(error) = aws.write_status_tag(observed, tag).await {
            let error = Error::from(error);
            telemetry::status_tag_failed(&observed.name, &error);
            let failed = format!("the status tag could not be written: {error}");
            answer.note = Some(answer.note.take().map_or(failed.clone(), |note| format!("{note}; {failed}")));
            answer.status_tag = None;
        }
    }

    /// Reads what AWS says about an endpoint and why nothing more happens with it, and writes nothing.
    async fn explain(&self, name: &EndpointName, deadline: Option<Deadline>) -> Result<Answer, Error> {
        let rules = &self.config.rules;
        let hints = Hints { is_likely_ours: true, in_any_status: true, ..Hints::default() };
        let observed = self.aws.observe(name, rules, &hints).await?;
        let settled = observed.endpoint.clone().map(settled);
        let decision = decide(Request::Event, rules, settled.as_ref(), &observed.scaling, self.time());
        let readings = self.aws.readings(&observed, rules, (self.now)(), deadline.map(Deadline::half_left)).await;
        let explanation = Explanation::new(&Facts {
            rules,
            endpoint: observed.endpoint.as_ref(),
            status: observed.status.as_deref(),
            scaling: &observed.scaling,
            decision: &decision,
            readings: &readings,
            now: self.time(),
        });
        Ok(Answer {
            endpoint: Some(observed.name),
            outcome: Outcome::Explained(explanation),
            pause: Pause::No,
            status_tag: None,
            note: None,
        })
    }

    async fn observe(
        &self,
        aws: &Aws,
        name: &EndpointName,
        arn: Option<&str>,
        hints: &Hints,
    ) -> Result<Observed, Error> {
        let rules = &self.config.rules;
        let observed = aws.observe(name, rules, hints).await?;
        if let (None, Some(arn)) = (&observed.endpoint, arn)
            && let Some(name) = aws.endpoint_of_arn(arn, name).await?
        {
            return Ok(aws.observe(&name, rules, hints).await?);
        }
        Ok(observed)
    }

    /// The answer while nothing has been done yet: what `plan` says.
    pub(crate) fn planned(
        &self,
        name: &EndpointName,
        endpoint: Option<&Endpoint>,
        scaling: &BTreeMap<VariantName, Scaling>,
        decision: &Decision,
    ) -> Answer {
        let has_changes = to_do(decision).is_some();
        let outcome = match decision.clone() {
            Decision::Skip(reason) => Outcome::Skipped(reason),
            Decision::Invalid(problems) => Outcome::Invalid(problems),
            Decision::Conflict(conflicts, _) => {
                Outcome::Conflict { conflicts, takeover_tag: self.config.rules.tag(Key::Takeover) }
            }
            Decision::Configure(plans, _) | Decision::Remove(plans, _) if has_changes => Outcome::Planned(plans),
            Decision::Configure(plans, _) => Outcome::Unchanged(plans),
            Decision::Remove(plans, _) => Outcome::Removed(plans),
        };
        let pause = match decision {
            Decision::Conflict(_, pause) | Decision::Configure(_, pause) => *pause,
            // The tags can't be read, but what they once asked for still holds.
            Decision::Invalid(_) => {
                let targets = scaling.values().filter_map(|scaling| scaling.target.as_ref());
                targets.map(|target| Pause::of(target.suspended)).find(|pause| *pause != Pause::No).unwrap_or(Pause::No)
            }
            Decision::Skip(_) | Decision::Remove(..) => Pause::No,
        };
        let mut notes = notes(&self.config.rules, endpoint, decision);
        if *decision == Decision::Skip(SkipReason::ManagedInstanceScaling) {
            notes.push(format!("the endpoint hosts inference components; {WHAT_COMPONENTS_NEED}"));
        }
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        let status_tag = if self.config.status_tag { status_tag(decision, endpoint) } else { None };
        Answer { endpoint: Some(name.clone()), outcome, pause, status_tag, note }
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.now)()
    }

    /// For decisions: the years that a timestamp can't hold are none in which this runs.
    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::try_from((self.now)()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(crate) fn was_managed(&self, name: &EndpointName) -> bool {
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

/// The endpoint as it will be once nothing is in progress: what stands in the way beside its status is of interest too.
pub(crate) fn settled(endpoint: Endpoint) -> Endpoint {
    match endpoint.status {
        EndpointStatus::Failed | EndpointStatus::Other => Endpoint { status: EndpointStatus::InService, ..endpoint },
        EndpointStatus::InService | EndpointStatus::Deleting => endpoint,
    }
}

/// The outcome of changes that have been made.
pub(crate) type OutcomeOf = fn(Vec<VariantPlan>) -> Outcome;

/// The changes to make, and what to answer once they are made; `None` where there are none.
pub(crate) fn to_do(decision: &Decision) -> Option<(&[VariantPlan], OutcomeOf)> {
    let (plans, outcome): (_, OutcomeOf) = match decision {
        Decision::Configure(plans, _) => (plans, Outcome::Configured),
        Decision::Remove(plans, Removal::Complete) => (plans, Outcome::Removed),
        Decision::Remove(plans, Removal::AwaitsInstance) => (plans, Outcome::Removing),
        Decision::Skip(_) | Decision::Invalid(_) | Decision::Conflict(..) => return None,
    };
    plans.iter().any(|plan| !plan.changes.is_empty()).then_some((plans, outcome))
}

/// When an invocation has to be over so that its failure can still be reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) end: tokio::time::Instant,
    pub(crate) total: Duration,
}

impl Deadline {
    fn after(total: Duration) -> Self {
        Self { end: tokio::time::Instant::now() + total, total }
    }

    /// For the first of so many things that are left to do.
    pub(crate) fn share(self, left: usize) -> Self {
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        Self::after(self.end.saturating_duration_since(tokio::time::Instant::now()) / left)
    }

    /// Half of the time that is left.
    fn half_left(self) -> Duration {
        self.end.saturating_duration_since(tokio::time::Instant::now()) / 2
    }

    /// Less than a quarter of the time is left.
    pub(crate) fn is_near(self) -> bool {
        self.end.saturating_duration_since(tokio::time::Instant::now()) < self.total / 4
    }
}

/// How long an invocation may take so that its failure can still be reported. A deadline that is over already
/// is none: some local tools don't set it.
fn time_left(deadline: SystemTime, now: SystemTime) -> Option<Duration> {
    let left = deadline.duration_since(now).ok().filter(|left| !left.is_zero())?;
    let to_report = (left / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
    Some(left.saturating_sub(to_report))
}
