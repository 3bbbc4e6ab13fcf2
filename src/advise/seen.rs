//! What AWS leaves open and the metrics of an endpoint show.

use super::reconstruct::{at, number};
use super::{History, Series};

/// Whether the backlog is published while no instance reports. Where that hasn't been, it is taken to be, as AWS documents.
pub(super) fn backlog_at_zero(history: &History) -> bool {
    let is_at_zero =
        |minute: &usize| at(&history.samples, *minute).is_none() && at(&history.without_capacity, *minute).is_some();
    let at_zero: Vec<usize> = (0..history.minutes).filter(is_at_zero).collect();
    let shown = at_zero.iter().filter(|minute| at(&history.backlog, **minute).is_some()).count();
    shown * 2 >= at_zero.len()
}

/// Of the minutes in which a request was done, so many may show no backlog although SageMaker looks at it all the time.
const BLIND: f64 = 0.05;

/// Whether each request shows in the backlog of the minute in which it was done: SageMaker looks at it all the time, and it
/// counts what is in flight. Looked at once a minute, most of those that are done in it have gone.
pub(super) fn each_request(history: &History) -> bool {
    let done = (0..history.minutes).filter(|minute| at(&history.processed, *minute).is_some_and(|done| done > 0.0));
    let backlogs: Vec<f64> = done.filter_map(|minute| at(&history.backlog, minute)).collect();
    let blind = backlogs.iter().filter(|backlog| **backlog < 1.0).count();
    !backlogs.is_empty() && number(blind) <= BLIND * number(backlogs.len())
}

/// So many minutes are needed in which what is in flight would show, to say whether it does.
const FEWEST_MINUTES: f64 = 3.0;

/// Whether the backlog counts what is in flight, where the metrics tell. A request that hadn't to wait was in flight at the
/// end of the minute before the one in which it was done, the likelier the longer it took.
pub(super) fn in_flight(history: &History) -> Option<bool> {
    let total = |series: &Series, minute: usize| at(series, minute).unwrap_or(0.0);
    let is_without_waiting = |minute: usize| total(&history.time_in_backlog, minute) < 1000.0;
    let (mut expected, mut shown) = (0.0, 0.0);
    for minute in 1..history.minutes.saturating_sub(1) {
        let Some(backlog) = at(&history.backlog, minute - 1) else { continue };
        let done = total(&history.processed, minute);
        if done > 0.0 && (minute - 1..=minute + 1).all(is_without_waiting) {
            expected += (total(&history.processing_time, minute) / done / 60_000.0).min(1.0);
            shown += backlog.min(1.0);
        }
    }
    if expected >= FEWEST_MINUTES {
        return Some(shown >= expected / 2.0);
    }
    is_less_than_in_flight(history).then_some(false)
}

/// By Little's law the requests in each minute's backlog, summed up, are the minutes that requests spent in it: from arrival
/// to end, or only until an instance took them. The largest of a minute is more than that, and never less.
fn is_less_than_in_flight(history: &History) -> bool {
    let sum = |series: &Series| (0..history.minutes).filter_map(|minute| at(series, minute)).sum::<f64>();
    let minutes = |series: &Series| sum(series) / 60_000.0;
    let (whole, waited) = (minutes(&history.processing_time), minutes(&history.time_in_backlog));
    backlog_at_zero(history) && sum(&history.backlog) < f64::midpoint(whole, waited)
}
