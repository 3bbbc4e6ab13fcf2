//! What AWS leaves open and the metrics of an endpoint show.

use super::reconstruct::{at, number};
use crate::simulate::Sampling;

use super::History;
use super::counted::Queue;

/// Whether the backlog is published while no instance reports. Where that hasn't been, it is taken to be, as AWS documents.
pub(super) fn backlog_at_zero(history: &History) -> bool {
    let is_at_zero =
        |minute: &usize| at(&history.samples, *minute).is_none() && at(&history.without_capacity, *minute).is_some();
    let at_zero: Vec<usize> = (0..history.minutes).filter(is_at_zero).collect();
    let shown = at_zero.iter().filter(|minute| at(&history.backlog, **minute).is_some()).count();
    shown * 2 >= at_zero.len()
}

/// The ways in which SageMaker may count the queue: as AWS documents it first.
pub(super) fn queues(history: &History) -> &'static [Queue] {
    const fn queue(sampling: Sampling, counts_in_flight: bool) -> Queue {
        Queue { sampling, counts_in_flight }
    }
    const EACH_REQUEST: [Queue; 1] = [queue(Sampling::Continuous, true)];
    const NOT_EACH: [Queue; 3] =
        [queue(Sampling::Once, true), queue(Sampling::Once, false), queue(Sampling::Continuous, false)];
    if each_request(history) { &EACH_REQUEST } else { &NOT_EACH }
}

/// Of the minutes in which a request was done, so many may show no backlog although SageMaker looks at it all the time.
const BLIND: f64 = 0.05;

/// Whether each request shows in the backlog of the minute in which it was done: SageMaker looks at it all the time, and it
/// counts what is in flight. Looked at once a minute, most of those that are done in it have gone.
fn each_request(history: &History) -> bool {
    let done = (0..history.minutes).filter(|minute| at(&history.processed, *minute).is_some_and(|done| done > 0.0));
    let backlogs: Vec<f64> = done.filter_map(|minute| at(&history.backlog, minute)).collect();
    let blind = backlogs.iter().filter(|backlog| **backlog < 1.0).count();
    !backlogs.is_empty() && number(blind) <= BLIND * number(backlogs.len())
}
