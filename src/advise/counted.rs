//! How many requests have come by the end of each minute, as far as the backlog tells.

use std::time::Duration;

use crate::simulate::{PERIOD, Sampling, World};

use super::History;
use super::reconstruct::{at, count, instances};

/// What the backlog is taken to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) sampling: Sampling,
    pub(super) counts_in_flight: bool,
}

impl Queue {
    pub(super) fn of(world: &World) -> Self {
        Self { sampling: world.sampling, counts_in_flight: world.backlog_counts_in_flight }
    }
}

/// Of the requests that were done: how many of them had come by the end of each minute, at least and at the most.
#[derive(Debug)]
pub(super) struct Counted {
    least: Vec<usize>,
    most: Vec<usize>,
}

impl Counted {
    pub(super) fn of(history: &History, first_minute: usize, queue: Queue) -> Self {
        let (mut least, mut most) = (Vec::new(), Vec::new());
        let mut done = 0_usize;
        for minute in first_minute..history.minutes {
            let before = done;
            done = done.saturating_add(at(&history.processed, minute).map_or(0, count));
            let (fewest, largest) = left(history, minute, queue);
            let at_once = if queue.sampling == Sampling::Continuous { peak(history, minute, queue) } else { 0 };
            least.push(done.saturating_add(fewest).max(before.saturating_add(at_once)));
            most.push(done.saturating_add(largest));
        }
        // Those that are left at the end of a minute and never done haven't come: fewer are done and left later.
        let mut fewest = done;
        for most in most.iter_mut().rev() {
            fewest = fewest.min(*most);
            *most = fewest;
        }
        let mut largest = 0;
        for (least, most) in least.iter_mut().zip(&most) {
            largest = largest.max(*least).min(*most);
            *least = largest;
        }
        Self { least, most }
    }

    /// From when to when each request may have come, in the order in which they came.
    pub(super) fn windows(&self) -> impl Iterator<Item = (Duration, Duration)> {
        let requests = self.most.last().copied().unwrap_or(0);
        let (mut earliest, mut latest) = (0, 0);
        (1..=requests).map(move |request| {
            while self.most.get(earliest).is_some_and(|most| *most < request) {
                earliest += 1;
            }
            while self.least.get(latest).is_some_and(|least| *least < request) {
                latest += 1;
            }
            let begins = |minute: usize| PERIOD * u32::try_from(minute).unwrap_or(u32::MAX);
            (begins(earliest) + Duration::from_secs(1), begins(latest) + PERIOD.saturating_sub(Duration::from_secs(1)))
        })
    }
}

fn running(history: &History, minute: usize) -> usize {
    count(instances(history, minute))
}

/// How many requests waited or were in flight at the end of a minute, at least and at the most.
fn left(history: &History, minute: usize, queue: Queue) -> (usize, usize) {
    let running_now = running(history, minute);
    let Some(backlog) = at(&history.backlog, minute).map(count) else {
        return match at(&history.without_capacity, minute) {
            Some(none) if none <= 0.0 && running_now == 0 => (0, 0),
            Some(some) if some > 0.0 && queue.sampling == Sampling::Once => (1, usize::MAX),
            _ => (0, usize::MAX),
        };
    };
    // While something waits, all instances are busy.
    let busy = if queue.counts_in_flight { 0 } else { running_now };
    let most = backlog.saturating_add(busy);
    match queue.sampling {
        Sampling::Once if backlog == 0 => (0, most),
        Sampling::Once => (most, most),
        // Nothing was done in it.
        Sampling::Continuous if running_now == 0 && minute > 0 && running(history, minute - 1) == 0 => (most, most),
        Sampling::Continuous => {
            let next = at(&history.backlog, minute + 1).map_or(usize::MAX, count);
            (0, most.min(next.saturating_add(busy)))
        }
    }
}

/// How many waited or were in flight at some time in a minute, at least.
fn peak(history: &History, minute: usize, queue: Queue) -> usize {
    let Some(backlog) = at(&history.backlog, minute).map(count).filter(|backlog| *backlog > 0) else { return 0 };
    let before = minute.checked_sub(1).map_or(0, |before| running(history, before));
    let busy = if queue.counts_in_flight { 0 } else { running(history, minute).min(before) };
    backlog.saturating_add(busy)
}
