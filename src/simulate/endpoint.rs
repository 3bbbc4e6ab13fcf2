//! An asynchronous endpoint: its queue, its instances, and what becomes of each request.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::world::{Leaving, World};

/// An invocation (`InvokeEndpointAsync`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Since the beginning of the simulation.
    pub arrives: Duration,
    /// How long an instance takes for it.
    pub work: Duration,
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Waiting,
    InFlight {
        started: Duration,
    },
    Served {
        started: Duration,
    },
    /// Its instance was asked to end at `at`, and it was done within the grace that is left then. A container that ends
    /// at once on SIGTERM would have killed it.
    Spared {
        started: Duration,
        at: Duration,
    },
    /// Its instance was asked to end at `at`, and it wasn't done in time. AWS doesn't say whether such a request is tried
    /// again, so it counts as lost.
    Killed {
        started: Duration,
        at: Duration,
    },
    /// It waited for longer than its `RequestTTLSeconds`.
    Expired {
        at: Duration,
    },
}

impl Fate {
    /// When an instance took it, if one did.
    #[must_use]
    pub fn started(self) -> Option<Duration> {
        match self {
            Self::InFlight { started }
            | Self::Served { started }
            | Self::Spared { started, .. }
            | Self::Killed { started, .. } => Some(started),
            Self::Waiting | Self::Expired { .. } => None,
        }
    }

    /// Nobody has taken it, and nobody will.
    #[must_use]
    pub fn is_stranded(self) -> bool {
        matches!(self, Self::Waiting | Self::Expired { .. })
    }

    #[must_use]
    pub fn is_killed(self) -> bool {
        matches!(self, Self::Killed { .. })
    }
}

/// The requests that were finished in a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) requests: usize,
    /// Of all of them, the time from arrival to end, and the part of it before an instance took them.
    pub(super) since_arrival: Duration,
    pub(super) waited: Duration,
}

/// Instances that have been asked for and don't run yet.
#[derive(Debug, Clone, Copy)]
struct Starting {
    count: usize,
    ready: Duration,
}

#[derive(Debug)]
pub(super) struct Endpoint<'a> {
    /// In the order of their arrival.
    requests: &'a [Request],
    concurrency: usize,
    time_to_live: Option<Duration>,
    grace: Duration,
    leaving: Leaving,
    /// Of the requests that have arrived.
    fates: Vec<Fate>,
    waiting: VecDeque<usize>,
    /// The requests in flight of each instance that runs.
    instances: Vec<Vec<usize>>,
    in_flight: usize,
    /// Requests that use up their grace on instances that have gone.
    in_grace: usize,
    starting: Option<Starting>,
    /// Until then it is `Updating`, and no instance starts.
    busy_until: Option<Duration>,
    finished: Finished,
    /// Also of requests that have been killed since.
    finishing: BinaryHeap<Reverse<(Duration, usize)>>,
}

impl<'a> Endpoint<'a> {
    pub(super) fn new(requests: &'a [Request], instances: usize, world: &World) -> Self {
        Self {
            requests,
            concurrency: world.concurrency,
            time_to_live: world.time_to_live,
            grace: world.grace,
            leaving: world.leaving,
            fates: Vec::with_capacity(requests.len()),
            waiting: VecDeque::new(),
            instances: vec![Vec::new(); instances],
            in_flight: 0,
            in_grace: 0,
            starting: None,
            busy_until: None,
            finished: Finished::default(),
            finishing: BinaryHeap::new(),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// On the instances that run.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The same, and what uses up its grace.
    pub(super) fn in_process(&self) -> usize {
        self.in_flight + self.in_grace
    }

    /// `CurrentInstanceCount`.
    pub(super) fn running(&self) -> usize {
        self.instances.len()
    }

    /// `DesiredInstanceCount`.
    pub(super) fn wanted(&self) -> usize {
        self.running() + self.starting.map_or(0, |starting| starting.count)
    }

    /// Since when the oldest of the requests that wait does.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.waiting.front().map(|request| self.requests[*request].arrives)
    }

    /// SageMaker refuses another change of capacity until the present one is done: `Cannot update in-progress endpoint`,
    /// and automatic scaling is blocked meanwhile
    /// (<https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>).
    pub(super) fn is_updating(&self) -> bool {
        self.starting.is_some() || self.busy_until.is_some()
    }

    /// What has been done since this was last asked for.
    pub(super) fn take_finished(&mut self) -> Finished {
        std::mem::take(&mut self.finished)
    }

    pub(super) fn into_fates(self) -> Vec<Fate> {
        self.fates
    }

    /// When something happens by itself next.
    pub(super) fn next_event(&self) -> Option<Duration> {
        let arrival = self.requests.get(self.fates.len()).map(|request| request.arrives);
        let finish = self.finishing.peek().map(|Reverse((at, _))| *at);
        let ready = self.starting.map(|starting| starting.ready);
        [arrival, finish, ready, self.busy_until, self.next_expiry()].into_iter().flatten().min()
    }

    /// The queue is in the order of arrival and all requests live equally long, so its head expires first.
    fn next_expiry(&self) -> Option<Duration> {
        Some(self.requests[*self.waiting.front()?].arrives + self.time_to_live?)
    }

    /// Lets happen what is due at `now`, and hands waiting requests to instances, first come, first served.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(Reverse((at, request))) = self.finishing.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.finishing.pop();
            self.finish(request, at);
        }
        self.busy_until.take_if(|until| *until <= now);
        if let Some(starting) = self.starting.take_if(|starting| starting.ready <= now) {
            self.instances.resize_with(self.instances.len() + starting.count, Vec::new);
        }
        while self.requests.get(self.fates.len()).is_some_and(|request| request.arrives <= now) {
            self.waiting.push_back(self.fates.len());
            self.fates.push(Fate::Waiting);
        }
        self.dispatch(now);
        while self.next_expiry().is_some_and(|at| at <= now)
            && let Some(request) = self.waiting.pop_front()
        {
            self.fates[request] = Fate::Expired { at: now };
        }
    }

    fn finish(&mut self, request: usize, at: Duration) {
        let Request { arrives, work } = self.requests[request];
        let started = match self.fates[request] {
            Fate::InFlight { started } => {
                self.fates[request] = Fate::Served { started };
                self.in_flight -= 1;
                for instance in &mut self.instances {
                    instance.retain(|busy_with| *busy_with != request);
                }
                started
            }
            Fate::Spared { started, .. } => {
                self.in_grace -= 1;
                started
            }
            Fate::Waiting | Fate::Served { .. } | Fate::Killed { .. } | Fate::Expired { .. } => return,
        };
        debug_assert_eq!(started + work, at, "a request is done when its work is");
        self.finished.requests += 1;
        self.finished.since_arrival += at.saturating_sub(arrives);
        self.finished.waited += started.saturating_sub(arrives);
    }

    /// Which instance takes a request isn't documented; here it is the one with the least to do.
    fn dispatch(&mut self, now: Duration) {
        while !self.waiting.is_empty()
            && let Some(instance) = self.instances.iter_mut().min_by_key(|instance| instance.len())
            && instance.len() < self.concurrency
            && let Some(request) = self.waiting.pop_front()
        {
            instance.push(request);
            self.in_flight += 1;
            self.fates[request] = Fate::InFlight { started: now };
            self.finishing.push(Reverse((now + self.requests[request].work, request)));
        }
    }

    /// Asks for `count` more instances.
    pub(super) fn start(&mut self, count: usize, ready: Duration) {
        debug_assert!(!self.is_updating(), "SageMaker refuses a second change");
        self.starting = Some(Starting { count, ready });
    }

    /// Is `Updating` until then, and gets no instance.
    pub(super) fn try_in_vain(&mut self, until: Duration) {
        debug_assert!(!self.is_updating(), "SageMaker refuses a second change");
        self.busy_until = Some(until);
    }

    /// Takes `count` instances away, which is done at `done`. What is in flight on them has its grace.
    pub(super) fn take_away(&mut self, count: usize, now: Duration, done: Duration) {
        debug_assert!(!self.is_updating(), "SageMaker refuses a second change");
        match self.leaving {
            Leaving::Busiest => self.instances.sort_by_key(Vec::len),
            Leaving::Idlest => self.instances.sort_by_key(|instance| Reverse(instance.len())),
        }
        for request in self.instances.split_off(self.instances.len() - count).into_iter().flatten() {
            if let Fate::InFlight { started } = self.fates[request] {
                self.in_flight -= 1;
                let is_spared = started + self.requests[request].work <= now + self.grace;
                self.in_grace += usize::from(is_spared);
                self.fates[request] =
                    if is_spared { Fate::Spared { started, at: now } } else { Fate::Killed { started, at: now } };
            }
        }
        self.busy_until = (done > now).then_some(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn requests(pairs: &[(u64, u64)]) -> Vec<Request> {
        pairs.iter().map(|(arrives, work)| Request { arrives: seconds(*arrives), work: seconds(*work) }).collect()
    }

    fn endpoint(requests: &[Request], instances: usize) -> Endpoint<'_> {
        Endpoint::new(requests, instances, &World { time_to_live: None, ..World::default() })
    }

    /// Lets everything happen that happens by itself, up to and at `until`.
    fn advance(endpoint: &mut Endpoint<'_>, until: u64) {
        while let Some(next) = endpoint.next_event().filter(|next| *next <= seconds(until)) {
            endpoint.advance(next);
        }
    }

    fn served(started: u64) -> Fate {
        Fate::Served { started: seconds(started) }
    }

    #[test]
    fn an_instance_serves_one_after_the_other_in_the_order_of_arrival() {
        let requests = requests(&[(0, 30), (10, 5), (20, 5)]);
        let mut endpoint = endpoint(&requests, 1);
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(0), served(30), served(35)]);
    }

    #[test]
    fn an_instance_takes_as_many_at_once_as_it_may() {
        let requests = requests(&[(0, 30), (10, 5), (20, 5)]);
        let mut endpoint = Endpoint::new(&requests, 1, &World { concurrency: 2, ..World::default() });
        advance(&mut endpoint, 12);
        assert_eq!((endpoint.waiting(), endpoint.in_flight()), (0, 2));
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(0), served(10), served(20)]);
    }

    #[test]
    fn without_an_instance_requests_wait_until_one_is_ready() {
        let requests = requests(&[(0, 10), (5, 10)]);
        let mut endpoint = endpoint(&requests, 0);
        advance(&mut endpoint, 60);
        assert_eq!((endpoint.waiting(), endpoint.running(), endpoint.wanted()), (2, 0, 0));
        endpoint.start(1, seconds(400));
        assert!(endpoint.is_updating());
        assert_eq!((endpoint.running(), endpoint.wanted()), (0, 1));
        advance(&mut endpoint, 400);
        assert_eq!((endpoint.waiting(), endpoint.in_flight(), endpoint.running()), (1, 1, 1));
        assert!(!endpoint.is_updating());
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(400), served(410)]);
    }

    #[test]
    fn taking_an_instance_away_kills_what_runs_on_it_and_nothing_else() {
        let requests = requests(&[(0, 100), (0, 100), (0, 100), (1, 100)]);
        let mut endpoint = endpoint(&requests, 3);
        advance(&mut endpoint, 50);
        endpoint.take_away(2, seconds(50), seconds(50));
        assert_eq!((endpoint.in_flight(), endpoint.running(), endpoint.waiting()), (1, 1, 1));
        advance(&mut endpoint, 1000);
        let fates = endpoint.into_fates();
        let killed = Fate::Killed { started: seconds(0), at: seconds(50) };
        assert_eq!(fates.iter().filter(|fate| **fate == killed).count(), 2);
        assert_eq!(fates.iter().filter(|fate| **fate == served(0)).count(), 1);
        assert_eq!(fates[3], served(100));
    }

    #[test]
    fn the_busiest_instance_goes_first_or_the_idlest() {
        let requests = requests(&[(0, 100)]);
        for (leaving, in_flight) in [(Leaving::Busiest, 0), (Leaving::Idlest, 1)] {
            let mut endpoint = Endpoint::new(&requests, 3, &World { leaving, ..World::default() });
            advance(&mut endpoint, 50);
            endpoint.take_away(1, seconds(50), seconds(50));
            assert_eq!((endpoint.in_flight(), endpoint.running()), (in_flight, 2));
        }
    }

    /// At second 80, when 30 are left to the one that has begun at 10, and 40 to the other.
    #[test]
    fn what_is_done_within_the_grace_is_spared() {
        let requests = requests(&[(10, 100), (20, 100)]);
        let mut endpoint = endpoint(&requests, 2);
        advance(&mut endpoint, 80);
        endpoint.take_away(2, seconds(80), seconds(110));
        assert_eq!((endpoint.in_flight(), endpoint.in_process(), endpoint.is_updating()), (0, 1, true));
        advance(&mut endpoint, 110);
        assert_eq!((endpoint.in_process(), endpoint.is_updating()), (0, false));
        let done = Finished { requests: 1, since_arrival: seconds(100), waited: seconds(0) };
        assert_eq!(endpoint.take_finished(), done);
        let (spared, killed) = (seconds(10), seconds(20));
        assert_eq!(
            endpoint.into_fates(),
            [Fate::Spared { started: spared, at: seconds(80) }, Fate::Killed { started: killed, at: seconds(80) }]
        );
    }

    #[test]
    fn a_request_expires_while_it_waits_and_not_in_flight() {
        let requests = requests(&[(0, 500), (10, 1)]);
        let mut endpoint = Endpoint::new(&requests, 1, &World { time_to_live: Some(seconds(100)), ..World::default() });
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(0), Fate::Expired { at: seconds(110) }]);
    }
}
