//! The limit: what somebody would need who knows the future.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::endpoint::{Fate, Request};
use super::summary::Summary;
use super::trace::Trace;
use super::world::World;

/// The fewest instance-hours with which nobody waits for an instance to start and nothing is killed, with so many
/// instances at the most. Requests are taken when they would be if all those instances ran all the time; each instance is
/// started in time, and kept through a gap only where that is cheaper than to start anew.
///
/// With several requests at once on an instance it is a lower bound: they would have to move from one to another.
#[must_use]
pub fn foreseen(trace: &Trace, instances: usize, world: &World) -> Summary {
    let (started, ends) = served(&trace.requests, instances * world.concurrency);
    let levels = levels(&started, &ends, world.concurrency);
    let (mut billed, mut in_service, mut wakes) = (Duration::ZERO, Duration::ZERO, 0);
    for (level, spells) in levels.iter().enumerate() {
        for (place, (from, to)) in spells.iter().enumerate() {
            let gap = match place.checked_sub(1) {
                Some(before) => from.saturating_sub(spells[before].1),
                None => Duration::MAX,
            };
            let is_kept = gap < world.starting;
            billed += to.saturating_sub(*from) + if is_kept { gap } else { world.starting };
            in_service += to.saturating_sub(*from) + if is_kept { gap } else { Duration::ZERO };
            wakes += usize::from(level == 0 && !is_kept);
        }
    }
    let fates: Vec<Fate> = started.into_iter().map(|started| Fate::Served { started }).collect();
    Summary::new(&trace.requests, &fates, wakes, trace.until, billed, in_service)
}

/// When each request is taken, first come, first served, by so many hands that are always there; and when it is done.
fn served(requests: &[Request], hands: usize) -> (Vec<Duration>, Vec<Duration>) {
    let mut busy: BinaryHeap<Reverse<Duration>> = BinaryHeap::new();
    let (mut started, mut ends) = (Vec::new(), Vec::new());
    for request in requests {
        while busy.peek().is_some_and(|Reverse(free)| *free <= request.arrives) {
            busy.pop();
        }
        let is_busy = busy.len() >= hands;
        let begins = if is_busy { busy.pop().map_or(request.arrives, |Reverse(free)| free) } else { request.arrives };
        busy.push(Reverse(begins + request.work));
        started.push(begins);
        ends.push(begins + request.work);
    }
    (started, ends)
}

/// For each instance the spells in which at least so many are needed: the first one whenever there is work, the second one
/// whenever there is more than one can do, and so on. No other assignment has cheaper gaps, for the price of a gap grows
/// the slower the longer it is.
fn levels(started: &[Duration], ends: &[Duration], concurrency: usize) -> Vec<Vec<(Duration, Duration)>> {
    let mut changes: Vec<(Duration, bool)> = started.iter().map(|at| (*at, true)).collect();
    // A request without any work is there for a moment, too.
    let moment = Duration::from_millis(1);
    changes.extend(started.iter().zip(ends).map(|(from, to)| ((*to).max(*from + moment), false)));
    // What ends makes room for what begins at the same moment.
    changes.sort_unstable();
    let mut levels: Vec<Vec<(Duration, Duration)>> = Vec::new();
    let (mut busy, mut in_flight) = (0_usize, 0_usize);
    let mut open: Vec<Duration> = Vec::new();
    for (at, begins) in changes {
        in_flight = if begins { in_flight + 1 } else { in_flight - 1 };
        let needed = in_flight.div_ceil(concurrency);
        while busy < needed {
            busy += 1;
            open.push(at);
        }
        while busy > needed {
            busy -= 1;
            if levels.len() <= busy {
                levels.resize(busy + 1, Vec::new());
            }
            let from = open.pop().unwrap_or(at);
            levels[busy].push((from, at));
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::super::trace::MONDAY;
    use super::*;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    /// Of requests by arrival and work in minutes, where starting takes seven.
    fn of(pairs: &[(u64, u64)], instances: usize, concurrency: usize) -> Summary {
        let requests = pairs.iter().map(|(arrives, work)| Request { arrives: minutes(*arrives), work: minutes(*work) });
        let trace = Trace { start: MONDAY, until: minutes(600), requests: requests.collect() };
        foreseen(&trace, instances, &World { concurrency, ..World::default() })
    }

    #[track_caller]
    fn assert_minutes(summary: &Summary, billed: u32, in_service: u32) {
        let rounded = |hours: f64| format!("{:.0}", hours * 60.0);
        assert_eq!(
            [rounded(summary.instance_hours), rounded(summary.in_service_hours)],
            [billed, in_service].map(|minutes| minutes.to_string())
        );
    }

    #[test]
    fn an_instance_is_started_in_time_and_kept_through_short_gaps_only() {
        assert_minutes(&of(&[(60, 1)], 5, 1), 8, 1);
        assert_minutes(&of(&[(60, 1), (67, 1)], 5, 1), 7 + 1 + 6 + 1, 8);
        assert_minutes(&of(&[(60, 1), (68, 1)], 5, 1), 8 + 8, 2);
    }

    #[test]
    fn two_at_once_need_two_and_the_second_one_is_kept_by_its_own_gaps() {
        assert_minutes(&of(&[(60, 10), (65, 10)], 5, 1), (7 + 15) + (7 + 5), 20);
        // The first goes on from 60 to 82; the second works from 61 to 62 and from 81 to 82.
        assert_minutes(&of(&[(60, 22), (61, 1), (81, 1)], 5, 1), (7 + 22) + (7 + 1) + (7 + 1), 24);
        assert_minutes(&of(&[(60, 10), (65, 10)], 5, 2), 7 + 15, 15);
    }

    #[test]
    fn beyond_the_maximum_requests_wait_for_their_turn_and_for_nothing_else() {
        let summary = of(&[(60, 10), (60, 10), (60, 10)], 2, 1);
        assert_minutes(&summary, (7 + 20) + (7 + 10), 30);
        assert_eq!(summary.percentile(100), Some(minutes(10)));
        assert_eq!((summary.wakes, summary.killed, summary.stranded()), (1, 0, 0));
    }

    #[test]
    fn nothing_needs_nothing() {
        assert_minutes(&of(&[], 5, 1), 0, 0);
        assert_minutes(&of(&[(60, 0)], 5, 1), 7, 0);
    }
}
