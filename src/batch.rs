//! Work of the queue: batches of messages, work that a message puts off, and copies of failed messages that are dropped.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde_json::Value;

use crate::answer::{Answer, Reply};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::handler::Function;
use crate::payload::{self, FleetVerb, Invocation, Verb};
use crate::reconcile::EndpointName;
use crate::telemetry;

/// How often work is put off before it counts as failed. With the delays below that is an hour and a half on average. AWS's rate
/// limits delay nothing for so long that the queue's concurrency lets through.
const MOST_TIMES_PUT_OFF: u32 = 12;

/// Seconds of the first delay. Each further one is twice as long, up to the longest that SQS takes. The jitter keeps messages
/// that were refused together from coming back together.
const SHORTEST_DELAY: u64 = 10;
const LONGEST_FIRST_DELAY: u64 = 60;
const LONGEST_DELAY: u64 = 900;
const MOST_DOUBLINGS: u32 = 5;

/// How long a message that has failed stands for its endpoint's other copies: longer than it stays hidden in the queue,
/// which is an hour and a half with the longest time-out.
const STANDS_FOR_COPIES: Duration = Duration::from_hours(3);

/// Who brought a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// A person, who waits for the answer.
    Person,
    /// EventBridge.
    Event(&'a Value),
    /// The work queue, where it has been put off so many times.
    Queue(&'a Value, u32),
}

impl Origin<'_> {
    fn can_be_put_off(self, invocation: &Invocation) -> bool {
        match (self, invocation) {
            (Self::Queue(_, times), _) if times >= MOST_TIMES_PUT_OFF => false,
            (Self::Event(_) | Self::Queue(..), Invocation::Endpoint { verb, .. }) => *verb != Verb::Plan,
            (Self::Queue(..), Invocation::Fleet { verb, .. }) => *verb != FleetVerb::Plan,
            // The next sweep comes anyway.
            (Self::Event(_), Invocation::Fleet { .. })
            | (Self::Person, _)
            | (
                _,
                Invocation::Explain { .. }
                | Invocation::Advise { .. }
                | Invocation::Savings { .. }
                | Invocation::Status { .. }
                | Invocation::FleetStatus { .. }
                | Invocation::ByHand { .. }
                | Invocation::MayWake { .. }
                | Invocation::Batch(_)
                | Invocation::Stack(_)
                | Invocation::Ignored { .. },
            ) => false,
        }
    }
}

/// For each endpoint, the message that failed last and went back to the queue.
///
/// A sweep can't know that an earlier sweep found the same work and that it fails. It hands the work over again every quarter of
/// an hour. A copy that fails as well says nothing new, and isn't put back. This is the memory of one process, and a guess: if
/// it is lost, a few more copies go round.
pub(crate) type FailedWork = Mutex<HashMap<EndpointName, (String, Instant)>>;

impl Function {
    /// Handles the messages one after the other, because the queue's concurrency is what keeps to AWS's rate limits. Each gets
    /// its share of the time, so that one which hangs takes nothing from those behind it. A failed message goes back to the
    /// queue, and in the end to the queue of dead letters.
    pub(crate) async fn handle_batch(
        &self,
        batch: &SqsEvent,
        deadline: Option<Deadline>,
        request_id: &str,
    ) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        let left = (1..=batch.records.len()).rev();
        for (record, left) in batch.records.iter().zip(left) {
            let id = record.message_id.clone().unwrap_or_default();
            let share = deadline.map(|deadline| deadline.share(left));
            if !self.handle_message(record.body.as_deref().unwrap_or_default(), &id, share, request_id).await {
                response.add_failure(id);
            }
        }
        response
    }

    /// Whether the queue may forget the message.
    async fn handle_message(&self, body: &str, id: &str, deadline: Option<Deadline>, request_id: &str) -> bool {
        let (payload, times) = match payload::read_message(body) {
            Ok(read) => read,
            Err(error) => {
                let nothing = Value::Null;
                _ = self.handle_one(Err(error), Origin::Queue(&nothing, 0), deadline, request_id).await;
                return false;
            }
        };
        let invocation = payload::parse(&payload, &self.config.rules);
        let endpoint = invocation.as_ref().ok().and_then(Invocation::endpoint).cloned();
        let result = self.handle_one(invocation, Origin::Queue(&payload, times), deadline, request_id).await;
        let Some(endpoint) = endpoint.filter(|_| payload::is_work(&payload)) else { return result.is_ok() };
        let mut failed = self.failed_work.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_ok() {
            failed.remove(&endpoint);
            return true;
        }
        let is_copy = |(other, since): &(String, Instant)| other != id && since.elapsed() < STANDS_FOR_COPIES;
        if failed.get(&endpoint).is_some_and(is_copy) {
            telemetry::copy_let_go(request_id, &endpoint);
            return true;
        }
        failed.insert(endpoint, (id.to_owned(), Instant::now()));
        false
    }

    /// Puts work that AWS was too busy for into the queue, whose concurrency is the brake. `None` if that isn't possible.
    pub(crate) async fn put_off(
        &self,
        invocation: &Invocation,
        origin: Origin<'_>,
        error: &Error,
        deadline: Option<Deadline>,
    ) -> Option<Reply> {
        let url = self.config.work_queue_url.as_ref()?;
        let (payload, times) = match origin {
            Origin::Person => return None,
            Origin::Event(payload) => (payload, 0),
            Origin::Queue(payload, times) => (payload, times),
        };
        if !error.is_busy() || !origin.can_be_put_off(invocation) {
            return None;
        }
        let message = [payload::put_off_message(payload, times + 1)];
        let sent = self.aws.enqueue(url, &message, delay(times));
        let sent = match deadline {
            Some(limit) => tokio::time::timeout_at(limit.end, sent).await.ok()?,
            None => sent.await,
        };
        if let Err(failed) = sent {
            telemetry::put_off_failed(&failed.into());
            return None;
        }
        Some(Reply::Endpoint(Answer::queued(invocation.endpoint().cloned(), error)))
    }
}

fn delay(times: u32) -> Duration {
    let seconds = |first: u64| first.saturating_mul(1 << times.min(MOST_DOUBLINGS)).min(LONGEST_DELAY);
    Duration::from_secs(fastrand::u64(seconds(SHORTEST_DELAY)..=seconds(LONGEST_FIRST_DELAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_sqs_takes_the_longest() {
        for (times, range) in [(0, 10..=60), (1, 20..=120), (4, 160..=900), (5, 320..=900), (u32::MAX, 320..=900)] {
            for _ in 0..100 {
                let seconds = delay(times).as_secs();
                assert!(range.contains(&seconds), "{seconds} after {times} times");
            }
        }
    }
}
