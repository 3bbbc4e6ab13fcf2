//! The clock: joins queue, metrics, alarms and scaling, event by event. Nothing is rounded to a tick; the minute is AWS's.

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
            starting: Duration::from_secs(6 * 60),
            // CloudWatch promises nothing.
            metric_delay: Duration::from_secs(60),
            sampling: Sampling::Once,
            at_zero: AtZero::Backlog,
            backlog_counts_in_flight: true,
            // AWS's default (`InvokeEndpointAsync` in the API reference).
            time_to_live: Some(Duration::from_secs(6 * 3600)),
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
        metrics.pass(next - now, &endpoint);
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
