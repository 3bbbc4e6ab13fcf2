//! One invocation: it walks an endpoint, sweeps all of them, or answers a question. It ends in time, and is logged and counted.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use crate::answer::{Answer, Reply};
use crate::aws::{Aws, Observed};
use crate::batch::{FailedWork, Origin};
use crate::config::Config;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::metrics::{self, Cost, Tally};
use crate::payload::{self, InvalidPayload, Invocation, Verb};
use crate::reconcile::{Change, Decision, EndpointName, SkipReason, VariantName};
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
        let deadline = Deadline::of(event.context.deadline(), self.now());
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
        let endpoint = invocation.as_ref().ok().and_then(Invocation::endpoint).cloned();
        // Boxed, as below.
        let reply = Box::pin(self.reply_or_put_off(invocation, origin, deadline)).await;
        let cost = Cost {
            aws_calls: self.aws.calls() - calls_before,
            throttled_calls: self.aws.throttled_calls() - throttled_before,
            took: started.elapsed(),
        };
        match &reply {
            Ok(reply) => telemetry::answered(request_id, reply, cost),
            Err(error) => telemetry::failed(request_id, endpoint.as_ref(), error, cost),
        }
        self.write_metrics(&reply, origin, cost, request_id);
        reply
    }

    /// What the work queue may outlast is no failure yet.
    async fn reply_or_put_off(
        &self,
        invocation: Result<Invocation, InvalidPayload>,
        origin: Origin<'_>,
        deadline: Option<Deadline>,
    ) -> Result<Reply, Error> {
        let invocation = invocation?;
        match self.reply_in_time(&invocation, deadline).await {
            Ok(reply) => Ok(reply),
            Err(error) => self.put_off(&invocation, origin, &error, deadline).await.ok_or(error),
        }
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

    fn write_metrics(&self, reply: &Result<Reply, Error>, origin: Origin<'_>, cost: Cost, request_id: &str) {
        if let Origin::Queue(..) = origin {
            self.tally(|tally| tally.took_from_queue(reply.is_err()));
        }
        let tally = self.tally(std::mem::take);
        if let (true, Some(outcome)) = (self.config.metrics, metrics::outcome(reply)) {
            for line in metrics::lines(outcome, cost, &tally, self.now()) {
                telemetry::metrics(request_id, line);
            }
        }
    }

    pub(crate) fn tally<T>(&self, count: impl FnOnce(&mut Tally) -> T) -> T {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a change that has been made.
    pub(crate) fn made(&self, change: &Change) {
        self.tally(|tally| tally.made(change));
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

    pub(crate) fn remember(&self, name: &EndpointName, decision: &Decision) {
        let mut managed = self.managed.lock().unwrap_or_else(PoisonError::into_inner);
        match decision {
            Decision::Configure(..) | Decision::Conflict(..) | Decision::Invalid(_) => _ = managed.insert(name.clone()),
            Decision::Skip(SkipReason::NotInService) | Decision::Remove(..) => {}
            Decision::Skip(_) => _ = managed.remove(name),
        }
    }

    /// A policy that has lost AWS's alarms is put again, but only once in the life of this process.
    pub(crate) fn leave_what_stays_lost(&self, observed: &mut Observed, verb: Verb) {
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
}
