//! The clock: joins queue, metrics, alarms and scaling, event by event. Nothing is rounded to a tick; the minute is
//! AWS's.

use std::time::Duration;

use sagemaker_scale_to_zero::reconcile::Scaling;

use crate::auto_scaling::{AutoScaling, Proposal};
use crate::endpoint::{Endpoint, Fate, Request};
use crate::metrics::{AtZero, Metrics, PERIOD, Sampling};
use crate::schedule;
use crate::trace::Trace;
use crate::{count, index};

/// What AWS leaves open, or leaves to the model and its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Assumptions {
    /// `MaxConcurrentInvocationsPerInstance`.
    pub(crate) concurrency: usize,
    /// From the scaling action to an instance that serves.
    pub(crate) starting: Duration,
    /// From the end of a minute to the alarms' look at its datapoint.
    pub(crate) metric_delay: Duration,
    pub(crate) sampling: Sampling,
    pub(crate) at_zero: AtZero,
    pub(crate) backlog_counts_in_flight: bool,
    /// `RequestTTLSeconds`; without it requests wait for ever.
    pub(crate) time_to_live: Option<Duration>,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            // Users report 3 to 10 minutes. Application Auto Scaling's log of one activity, from its beginning to its
            // success, shows 7.
            starting: Duration::from_mins(6),
            // CloudWatch promises nothing.
            metric_delay: Duration::from_mins(1),
            sampling: Sampling::Once,
            at_zero: AtZero::Backlog,
            backlog_counts_in_flight: true,
            // AWS's default (`InvokeEndpointAsync` in the API reference).
            time_to_live: Some(Duration::from_hours(6)),
        }
    }
}

/// The endpoint from one moment to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) since: Duration,
    pub(crate) waiting: usize,
    pub(crate) in_flight: usize,
    pub(crate) running: usize,
    pub(crate) wanted: usize,
    pub(crate) min_capacity: i32,
}

impl Standing {
    fn of(endpoint: &Endpoint<'_>, auto_scaling: &AutoScaling, since: Duration) -> Self {
        Self {
            since,
            waiting: endpoint.waiting(),
            in_flight: endpoint.in_flight(),
            running: endpoint.running(),
            wanted: endpoint.wanted(),
            min_capacity: auto_scaling.min_capacity(),
        }
    }
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) requests: Vec<Request>,
    /// Of each request.
    pub(crate) fates: Vec<Fate>,
    /// Never empty; each one differs from the one before it.
    pub(crate) standings: Vec<Standing>,
    /// How often instances were started from none.
    pub(crate) wakes: usize,
    pub(crate) until: Duration,
}

/// Runs a trace on an endpoint with this scaling, which begins idle at its `MinCapacity`.
///
/// # Errors
/// What of the scaling the model doesn't know.
pub(crate) fn simulate(scaling: &Scaling, trace: &Trace, assumptions: &Assumptions) -> Result<Run, String> {
    let schedule = schedule::moments(&scaling.actions, trace.start, trace.until)?;
    let mut auto_scaling = AutoScaling::new(scaling, schedule)?;
    let mut metrics = Metrics::new(assumptions.sampling, assumptions.at_zero, assumptions.backlog_counts_in_flight);
    let mut endpoint = Endpoint::new(
        &trace.requests,
        index(auto_scaling.min_capacity()),
        assumptions.concurrency,
        assumptions.time_to_live,
    );
    let mut standings = vec![Standing::of(&endpoint, &auto_scaling, Duration::ZERO)];
    let mut wakes = 0;
    let mut now = Duration::ZERO;
    let (mut closed, mut evaluated) = (0_u32, 0_u32);
    loop {
        let minute = PERIOD * (closed + 1);
        let evaluation = PERIOD * (evaluated + 1) + assumptions.metric_delay;
        let next = [endpoint.next_event(), auto_scaling.next_action()].into_iter().flatten();
        let next = next.fold(minute.min(evaluation), Duration::min).max(now);
        if next > trace.until {
            break;
        }
        metrics.pass(next.saturating_sub(now), &endpoint);
        now = next;
        endpoint.advance(now);
        auto_scaling.act(now);
        if now == minute {
            metrics.close(&endpoint);
            closed += 1;
        }
        let mut proposal = None;
        if now == evaluation {
            evaluated += 1;
            proposal = auto_scaling.evaluate(&metrics, evaluated, count(endpoint.wanted()), now);
        }
        if !endpoint.is_updating() {
            let before = endpoint.wanted();
            let done = scale(&mut endpoint, &mut auto_scaling, proposal, now, assumptions.starting);
            wakes += usize::from(before == 0 && endpoint.wanted() > 0);
            if done {
                // What has been started in no time takes requests now.
                endpoint.advance(now);
            }
        }
        let standing = Standing::of(&endpoint, &auto_scaling, now);
        if standings.last().is_some_and(|last| *last != Standing { since: last.since, ..standing }) {
            standings.push(standing);
        }
    }
    let fates = endpoint.into_fates();
    let requests = trace.requests[..fates.len()].to_vec();
    Ok(Run { requests, fates, standings, wakes, until: trace.until })
}

/// Changes the capacity as a policy asks, or to `MinCapacity` where it has fallen below it (a scheduled action has raised
/// it). Whether anything has changed.
fn scale(
    endpoint: &mut Endpoint<'_>,
    auto_scaling: &mut AutoScaling,
    proposal: Option<Proposal>,
    now: Duration,
    starting: Duration,
) -> bool {
    let before = count(endpoint.wanted());
    let least = auto_scaling.min_capacity();
    let capacity = proposal.map_or(before, |proposal| proposal.capacity).max(least);
    let done = if capacity > before { now + starting } else { now };
    if capacity > before {
        endpoint.start(index(capacity - before), done);
    } else if capacity < before {
        endpoint.take_away(index(before - capacity), now);
    }
    if let Some(proposal) = proposal {
        auto_scaling.note(proposal, before, done);
    }
    capacity != before
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::candidates::{examples, of_tags, parse_tags, rules, settings};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// On a Monday from 00:00 UTC on.
    fn trace(requests: &[(u64, u64)], until: u64) -> Trace {
        Trace {
            name: "test".to_owned(),
            start: Timestamp::constant(1_767_571_200, 0),
            until: seconds(until),
            requests: requests
                .iter()
                .map(|(arrives, work)| Request { arrives: seconds(*arrives), work: seconds(*work) })
                .collect(),
        }
    }

    fn run(tags: &str, trace: &Trace, assumptions: Assumptions) -> Run {
        let rules = rules().unwrap();
        let tags = parse_tags(tags, &rules.tag_prefix).unwrap();
        simulate(&of_tags(&tags, &rules, trace.start).unwrap().scaling, trace, &assumptions).unwrap()
    }

    fn example(place: usize, trace: &Trace) -> Run {
        let rules = rules().unwrap();
        let examples = examples(&settings(&rules, &parse_tags("", "").unwrap()).unwrap(), trace.start).unwrap();
        simulate(&examples[place].scaling, trace, &Assumptions::default()).unwrap()
    }

    /// When the number of wanted instances changed, in seconds, and to what.
    fn capacities(run: &Run) -> Vec<(u64, usize)> {
        let mut all: Vec<(u64, usize)> =
            run.standings.iter().map(|standing| (standing.since.as_secs(), standing.wanted)).collect();
        all.dedup_by_key(|(_, wanted)| *wanted);
        all
    }

    fn served(started: u64) -> Fate {
        Fate::Served { started: seconds(started) }
    }

    /// The request comes at 90 s. The sample at 120 s sees it, the alarm does at 180 s, the instance runs six minutes
    /// later, at 540 s, and is done at 570 s. The samples at 600, 660, 720, 780 and 840 s see nothing, and the alarm
    /// the last of them at 900 s.
    #[test]
    fn one_request_wakes_the_endpoint_and_five_idle_minutes_let_it_sleep() {
        let run = run("idle-timeout=5m", &trace(&[(90, 30)], 3600), Assumptions::default());
        assert_eq!(run.fates, [served(540)]);
        assert_eq!(capacities(&run), [(0, 0), (180, 1), (900, 0)]);
        assert_eq!(run.wakes, 1);
    }

    /// As above, but a datapoint is seen with the end of its minute, and an instance starts in one.
    #[test]
    fn delays_are_what_the_assumptions_say() {
        let quick = Assumptions { metric_delay: Duration::ZERO, starting: seconds(60), ..Assumptions::default() };
        let run = run("idle-timeout=5m", &trace(&[(90, 30)], 3600), quick);
        assert_eq!(run.fates, [served(180)]);
        assert_eq!(capacities(&run), [(0, 0), (120, 1), (480, 0)], "samples from 240 to 480 s see nothing");
    }

    /// Looked at all the time, the minute that ends at 120 s has only half an average of 1; the next one has a whole.
    #[test]
    fn an_average_over_a_minute_wants_a_whole_minute() {
        let continuous = Assumptions { sampling: Sampling::Continuous, ..Assumptions::default() };
        let run = run("idle-timeout=5m", &trace(&[(90, 30)], 3600), continuous);
        assert_eq!(capacities(&run), [(0, 0), (240, 1), (1020, 0)], "served from 600 to 630 s, idle from 660 to 960 s");
    }

    /// Its alarm wants the samples of 120 and 180 s. The low alarm goes by 15 samples below 4.5, and one request never
    /// is more: so it fires as soon as there are 15, at 960 s, and the newest one, of 900 s, says that no instance is
    /// needed.
    #[test]
    fn the_example_of_aws_wakes_a_minute_later_and_counts_light_work_as_idle() {
        let run = example(1, &trace(&[(90, 30)], 3600));
        assert_eq!(run.fates, [served(600)]);
        assert_eq!(capacities(&run), [(0, 0), (240, 1), (960, 0)]);
    }

    /// Six requests at 90 s: samples of 6 at 120, 180 and 240 s are above the target of 5, so at 300 s it starts two
    /// instances.
    #[test]
    fn target_tracking_alone_wakes_for_more_requests_than_its_target() {
        let run = example(0, &trace(&[(90, 30); 6], 1500));
        assert_eq!(capacities(&run)[..2], [(0, 0), (300, 2)]);
        assert_eq!(run.fates.iter().filter(|fate| **fate == served(660)).count(), 2);
    }

    #[test]
    fn target_tracking_alone_lets_fewer_wait_until_they_expire() {
        let run = example(0, &trace(&[(90, 30); 5], 7 * 3600));
        assert_eq!(run.fates, [Fate::Expired { at: seconds(90 + 6 * 3600) }; 5]);
        assert_eq!(capacities(&run), [(0, 0)]);
    }

    /// Twenty requests of ten minutes at 0 s. The wake policy asks for one instance at 120 s and target tracking, with
    /// three samples of 20 above 5, for four; but SageMaker refuses while it starts the first, until 480 s. At 480 s
    /// the newest sample, of 420 s, still says 20 for no instance, so for the one that runs now it asks for four.
    #[test]
    fn while_instances_start_nothing_else_is_started() {
        let run = run("idle-timeout=5m", &trace(&[(0, 600); 20], 1800), Assumptions::default());
        assert_eq!(capacities(&run)[..3], [(0, 0), (120, 1), (480, 4)]);
    }

    /// Warm from 01:00 to 02:00, so from second 3,600 to 7,200. The request at 5,400 s waits for nobody.
    #[test]
    fn warm_hours_start_an_instance_at_their_beginning_and_let_it_go_after_their_end() {
        let tags = "idle-timeout=5m, warm-hours=MON 01:00-02:00 UTC";
        let run = run(tags, &trace(&[(5400, 30)], 10_800), Assumptions::default());
        assert_eq!(run.fates, [served(5400)]);
        assert_eq!(capacities(&run), [(0, 0), (3600, 1), (7200, 0)], "idle for long when they end");
    }

    #[test]
    fn a_warm_minimum_that_comes_during_a_start_follows_when_that_is_done() {
        let tags = "idle-timeout=5m, warm-hours=MON 01:00-02:00 UTC, warm-capacity=3";
        let run = run(tags, &trace(&[(3400, 30)], 7200), Assumptions::default());
        assert_eq!(capacities(&run), [(0, 0), (3480, 1), (3840, 3)]);
    }

    #[test]
    fn paused_nothing_changes() {
        let run = run(
            "pause=true, idle-timeout=5m, warm-hours=MON 01:00-02:00 UTC",
            &trace(&[(90, 30)], 7200),
            Assumptions::default(),
        );
        assert_eq!(capacities(&run), [(0, 0)]);
        assert_eq!(run.fates, [Fate::Waiting]);
    }
}
