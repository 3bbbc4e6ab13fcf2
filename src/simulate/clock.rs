//! The clock: joins queue, metrics, alarms and scaling, event by event. Nothing is rounded to a tick; the minute is
//! AWS's.

use std::collections::VecDeque;
use std::time::Duration;

use crate::reconcile::Scaling;

use super::auto_scaling::{AutoScaling, Proposal};
use super::endpoint::{Endpoint, Fate, Request};
use super::metrics::{Metrics, Minute, PERIOD};
use super::trace::Trace;
use super::world::World;
use super::{count, index, schedule};

/// The endpoint from one moment to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub since: Duration,
    pub waiting: usize,
    pub in_flight: usize,
    pub running: usize,
    pub wanted: usize,
    pub min_capacity: i32,
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

    fn lasts_as(&self, other: &Self) -> bool {
        *self == Self { since: self.since, ..*other }
    }
}

/// What has become of the requests, and how often instances were started for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'a> {
    pub requests: &'a [Request],
    /// Of each request.
    pub fates: Vec<Fate>,
    /// How often instances were started from none.
    pub wakes: usize,
    pub until: Duration,
}

/// Who looks on.
pub trait Witness {
    /// The endpoint was like this until then. Each differs from the one before it.
    fn stood(&mut self, standing: &Standing, until: Duration);

    /// What CloudWatch has of one more minute.
    fn minute(&mut self, minute: &Minute) {
        _ = minute;
    }
}

/// Runs a trace on an endpoint with this scaling, which begins idle at its `MinCapacity`.
///
/// # Errors
/// What of the scaling the model doesn't know.
pub fn simulate<'a>(
    scaling: &Scaling,
    trace: &'a Trace,
    world: &World,
    witness: &mut impl Witness,
) -> Result<Outcome<'a>, String> {
    let schedule = schedule::moments(&scaling.actions, trace.start, trace.until)?;
    let auto_scaling = AutoScaling::new(scaling, schedule, world)?;
    let endpoint = Endpoint::new(&trace.requests, index(auto_scaling.min_capacity()), world);
    let standing = Standing::of(&endpoint, &auto_scaling, Duration::ZERO);
    let clock = Clock { world, auto_scaling, metrics: Metrics::new(world), endpoint, standing, wakes: 0, witness };
    Ok(clock.run(trace))
}

struct Clock<'a, 'w, W> {
    world: &'w World,
    auto_scaling: AutoScaling,
    metrics: Metrics,
    endpoint: Endpoint<'a>,
    standing: Standing,
    wakes: usize,
    witness: &'w mut W,
}

impl<'a, W: Witness> Clock<'a, '_, W> {
    fn run(mut self, trace: &'a Trace) -> Outcome<'a> {
        let mut now = Duration::ZERO;
        let (mut closed, mut looked) = (0, 0);
        // Those whose datapoints are still on their way.
        let mut unseen = VecDeque::new();
        loop {
            let minute = PERIOD * (closed + 1);
            let look = PERIOD * (looked + 1) + self.world.metric_delay;
            let events = [self.endpoint.next_event(), self.auto_scaling.next_action()].into_iter().flatten();
            let next = events.fold(minute.min(look), Duration::min).max(now);
            if next > trace.until {
                break;
            }
            self.metrics.pass(next.saturating_sub(now), &self.endpoint, next);
            now = next;
            self.endpoint.advance(now);
            self.auto_scaling.act(now);
            if now == minute {
                let done = self.endpoint.take_finished();
                let minute = self.metrics.close(&self.endpoint, done, now);
                self.witness.minute(&minute);
                unseen.push_back(minute);
                closed += 1;
            }
            let mut proposals = Vec::new();
            if now == look
                && let Some(minute) = unseen.pop_front()
            {
                proposals = self.auto_scaling.look(&minute, count(self.endpoint.wanted()), now);
                looked += 1;
            }
            self.scale(proposals, now);
            self.show(now);
        }
        self.witness.stood(&self.standing, trace.until);
        let fates = self.endpoint.into_fates();
        Outcome { requests: &trace.requests[..fates.len()], fates, wakes: self.wakes, until: trace.until }
    }

    /// Changes the capacity to what the first policy asks for that isn't refused, or to `MinCapacity` if the capacity is below it
    /// (because a scheduled action has raised it).
    fn scale(&mut self, proposals: Vec<Proposal>, now: Duration) {
        let least = self.auto_scaling.min_capacity();
        let has_proposal = !proposals.is_empty();
        for proposal in proposals {
            if self.order(proposal.capacity.max(least), Some(proposal), now) {
                return;
            }
        }
        if !has_proposal && count(self.endpoint.wanted()) < least {
            self.order(least, None, now);
        }
    }

    /// Whether the order keeps SageMaker busy. SageMaker refuses one while another change is under way, and one above a quota; it may
    /// be busy with the latter for a while.
    fn order(&mut self, capacity: i32, proposal: Option<Proposal>, now: Duration) -> bool {
        let before = count(self.endpoint.wanted());
        if self.endpoint.is_updating() || capacity == before {
            return false;
        }
        if capacity > before && self.world.quota.is_some_and(|quota| index(capacity) > quota) {
            if self.world.refused_after.is_zero() {
                return false;
            }
            self.endpoint.try_in_vain(now + self.world.refused_after);
            return true;
        }
        let done = now + if capacity > before { self.world.starting } else { self.world.stopping };
        if capacity > before {
            self.endpoint.start(index(capacity - before), done);
            self.wakes += usize::from(before == 0);
        } else {
            self.endpoint.take_away(index(before - capacity), now, done);
        }
        if let Some(proposal) = proposal {
            self.auto_scaling.note(proposal, before, done);
        }
        // What has been started in no time takes requests now.
        self.endpoint.advance(now);
        true
    }

    fn show(&mut self, now: Duration) {
        let standing = Standing::of(&self.endpoint, &self.auto_scaling, now);
        if standing.lasts_as(&self.standing) {
            return;
        }
        if self.standing.since < now {
            self.witness.stood(&self.standing, now);
        }
        self.standing = standing;
    }
}

/// A run, and everything that was observed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<'a> {
    pub outcome: Outcome<'a>,
    /// Never empty.
    pub standings: Vec<Standing>,
}

/// Like [`simulate`], and remembers everything.
///
/// # Errors
/// What of the scaling the model doesn't know.
pub fn run<'a>(scaling: &Scaling, trace: &'a Trace, world: &World) -> Result<Run<'a>, String> {
    let mut standings = Vec::new();
    let outcome = simulate(scaling, trace, world, &mut standings)?;
    Ok(Run { outcome, standings })
}

impl Witness for Vec<Standing> {
    fn stood(&mut self, standing: &Standing, _until: Duration) {
        self.push(*standing);
    }
}
