//! The function's part of its own stack. CloudFormation asks it to check the deployment, and to take away what the function made
//! before the stack goes. An answer goes out in every case: without one a deployment would hang until CloudFormation gives up,
//! and a stack that is being deleted would be stuck.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::{Reply, StackAnswer};
use crate::aws::Aws;
use crate::check::{CheckedRead, Read, ReadFinding, judge};
use crate::cloudformation::{StackEvent, StackRequest, Verdict};
use crate::config::{BadVariable, InvalidConfiguration, OnDelete};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::handler::Function;
use crate::metrics::Cost;
use crate::payload::FleetVerb;
use crate::telemetry;

/// How long a denied read is tried again: a role takes seconds until it is known everywhere
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN_CHECKS: Duration = Duration::from_secs(2);

/// The most time that the answer itself is left.
const TO_ANSWER: Duration = Duration::from_secs(15);

/// The longest time between two looks at what a removal has left.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(15);

/// How long the work may take if there is no deadline: some local tools set none.
const WITHOUT_DEADLINE: Duration = Duration::from_mins(5);

/// As many endpoints as a sentence names.
const MOST_NAMED: usize = 20;

impl Function {
    /// Does what CloudFormation asks, and answers it.
    pub(crate) async fn answer_stack(
        &self,
        event: &StackEvent,
        deadline: Option<Deadline>,
    ) -> Result<StackAnswer, Error> {
        let end = work_ends(deadline);
        let verdict = match event.request {
            StackRequest::Create | StackRequest::Update => {
                in_every_case(self.check(event, end), end).await.unwrap_or_else(Verdict::Failed)
            }
            StackRequest::Delete if event.is_about_a_failed_creation() => {
                Verdict::Success("nothing to do: it was never created".to_owned())
            }
            StackRequest::Delete => match self.config.on_delete {
                OnDelete::Keep => Verdict::Success(
                    "kept all that the function made: endpoints go on sleeping and waking (OnDelete=keep)".to_owned(),
                ),
                OnDelete::Remove => {
                    let removed = Box::pin(in_every_case(self.remove_all(end), end)).await;
                    Verdict::Success(removed.unwrap_or_else(|problem| format!("not all was removed: {problem}")))
                }
            },
        };
        let left = |Deadline { end, .. }: Deadline| end.saturating_duration_since(Instant::now()) * 9 / 10;
        respond(&self.aws, event, verdict, deadline.map_or(TO_ANSWER, left)).await
    }

    async fn check(&self, event: &StackEvent, end: Instant) -> Verdict {
        let given_way = self.config.given_way.iter().map(BadVariable::of_parameter);
        let problems: Vec<String> = given_way.collect();
        if !problems.is_empty() {
            return judge(&problems, &[]);
        }
        let problems: Vec<String> = event.problem_of_topic().into_iter().collect();
        let now = Instant::now();
        let pace = self.config.pace;
        let give_up = now + pace.wait(PATIENCE).min(end.saturating_duration_since(now) / 3);
        let mut reads = Read::ALL.to_vec();
        let mut checked: Vec<CheckedRead> = Vec::new();
        loop {
            let limit = end.saturating_duration_since(Instant::now()) * 9 / 10;
            let url = self.config.work_queue_url.as_deref();
            let found = self.aws.check(&reads, url, self.now(), limit).await;
            let is_denied = |checked: &CheckedRead| matches!(checked.finding, ReadFinding::Denied(_));
            let (denied, settled): (Vec<_>, Vec<_>) = found.into_iter().partition(is_denied);
            checked.extend(settled);
            if denied.is_empty() || Instant::now() + pace.wait(BETWEEN_CHECKS) > give_up {
                checked.extend(denied);
                return judge(&problems, &checked);
            }
            reads = denied.iter().map(|denied| denied.read).collect();
            tokio::time::sleep(pace.wait(BETWEEN_CHECKS)).await;
        }
    }

    /// Takes away all that the function made, until none is left or the time is over. Says how far it came.
    ///
    /// Endpoints at zero are raised first, and are removed once their instance runs. The rules of the stack are deleted
    /// meanwhile, and their last events may put something back. That nothing is left is therefore believed only the second time.
    async fn remove_all(&self, end: Instant) -> String {
        let total = end.saturating_duration_since(Instant::now());
        let pause = (total / 10).min(BETWEEN_REMOVALS);
        let mut was_empty = false;
        loop {
            let pass = self.sweep(FleetVerb::Remove, None, None, Some(Deadline { end, total })).await;
            let left = self.endpoints_with_ours().await;
            let problem = pass.err().or_else(|| left.as_ref().err().cloned());
            let left = left.ok();
            telemetry::removing(left.as_deref(), problem.as_ref());
            let is_empty = left.as_ref().is_some_and(Vec::is_empty) && problem.is_none();
            if is_empty && was_empty {
                return "removed all that the function made".to_owned();
            }
            was_empty = is_empty;
            if Instant::now() + pause * 2 > end {
                return unfinished(left.as_deref(), problem.as_ref());
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// What a removal leaves behind, and what helps.
fn unfinished(left: Option<&[String]>, problem: Option<&Error>) -> String {
    let what = match left {
        None => "could not see what is left of what the function made".to_owned(),
        Some([]) => "removed all that the function made, as far as AWS shows yet".to_owned(),
        Some(names) => {
            let first = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if names.len() > MOST_NAMED { ", …" } else { "" };
            format!(
                "not all was removed in the function's time: {} endpoints still have scaling of the function: {first}{more}; \
                 those that were at zero keep one instance; deploy the stack again, which takes them over as they are, or \
                 deregister their scalable targets and delete the alarms scale-to-zero/<endpoint>/",
                names.len()
            )
        }
    };
    match problem {
        Some(problem) => format!("{what}; the last problem: {problem}"),
        None => what,
    }
}

/// A function whose parameters can't be used. It answers its stack, which can then say why, and refuses everything else.
#[derive(Debug)]
pub struct Misconfigured {
    aws: Aws,
    error: InvalidConfiguration,
}

impl Misconfigured {
    #[must_use]
    pub fn new(aws: Aws, error: InvalidConfiguration) -> Self {
        Self { aws, error }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// Always, unless CloudFormation asks and can be answered.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let request_id = event.context.request_id.as_str();
        let none = Cost { aws_calls: 0, throttled_calls: 0, took: Duration::ZERO };
        let reply = match event.payload.as_object().and_then(StackEvent::parse) {
            Some(Ok(event)) => {
                let verdict = match event.request {
                    StackRequest::Create | StackRequest::Update => Verdict::Failed(self.error.of_parameters()),
                    StackRequest::Delete => {
                        let why = self.error.of_parameters();
                        Verdict::Success(format!("kept all that the function made, which can't work: {why}"))
                    }
                };
                respond(&self.aws, &event, verdict, TO_ANSWER).await.map(Reply::Stack)
            }
            _ => Err(Error::InvalidConfiguration(self.error.clone())),
        };
        match &reply {
            Ok(reply) => telemetry::answered(request_id, reply, none),
            Err(error) => telemetry::failed(request_id, None, error, none),
        }
        Ok(reply?.to_json())
    }
}

/// Sends the answer, for which there is so much time.
async fn respond(aws: &Aws, event: &StackEvent, verdict: Verdict, limit: Duration) -> Result<StackAnswer, Error> {
    let url = &event.response_url;
    let sending = aws.respond(url.origin(), url.path_and_query(), event.answer(&verdict));
    let answer = StackAnswer { request: event.request, verdict };
    let why = match tokio::time::timeout(limit, sending).await {
        Ok(Ok(())) => return Ok(answer),
        Ok(Err(why)) => why.to_string(),
        Err(_) => format!("{}: no answer before the function's time-out", url.origin()),
    };
    Err(Error::StackUnanswered {
        request: answer.request.as_str(),
        status: answer.verdict.status(),
        reason: answer.verdict.reason().to_owned(),
        why,
    })
}

/// When the work has to be over, so that there is time for the answer.
fn work_ends(deadline: Option<Deadline>) -> Instant {
    deadline
        .map_or_else(|| Instant::now() + WITHOUT_DEADLINE, |Deadline { end, total }| end - (total / 4).min(TO_ANSWER))
}

/// Runs work that may panic or take too long.
async fn in_every_case<T>(work: impl Future<Output = T>, end: Instant) -> Result<T, String> {
    match tokio::time::timeout_at(end, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("the function panicked; its log says where".to_owned()),
        Err(_) => Err("no result just before the function's time-out; AWS answers slowly or not at all".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_or_hangs_has_a_result_all_the_same() {
        let soon = || Instant::now() + Duration::from_millis(20);
        assert_eq!(in_every_case(async { 1 }, soon()).await, Ok(1));
        let panics = async { [1][usize::from(std::hint::black_box(1_u8))] };
        assert_eq!(in_every_case(panics, soon()).await, Err("the function panicked; its log says where".to_owned()));
        assert!(in_every_case(std::future::pending::<u8>(), soon()).await.is_err());
    }
}
