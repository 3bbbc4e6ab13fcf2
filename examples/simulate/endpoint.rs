//! An asynchronous endpoint: its queue, its instances, and what becomes of each request.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// An invocation (`InvokeEndpointAsync`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    /// Since the beginning of the simulation.
    pub(crate) arrives: Duration,
    /// How long an instance takes for it.
    pub(crate) work: Duration,
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    InFlight {
        started: Duration,
    },
    Served {
        started: Duration,
    },
    /// Its instance was taken away under it. AWS doesn't say whether such a request is tried again, so it counts as lost.
    Killed {
        started: Duration,
        at: Duration,
    },
    /// It waited for longer than its `RequestTTLSeconds`.
    Expired {
        at: Duration,
    },
}

/// Instances that have been asked for and don't run yet.
#[derive(Debug, Clone, Copy)]
struct Starting {
    count: usize,
    ready: Duration,
}

#[derive(Debug)]
pub(crate) struct Endpoint<'a> {
    /// In the order of their arrival.
    requests: &'a [Request],
    /// `MaxConcurrentInvocationsPerInstance`.
    concurrency: usize,
    time_to_live: Option<Duration>,
    /// Of the requests that have arrived.
    fates: Vec<Fate>,
    waiting: VecDeque<usize>,
    /// The requests in flight of each instance that runs.
    instances: Vec<Vec<usize>>,
    in_flight: usize,
    starting: Option<Starting>,
    /// Also of requests that have been killed since.
    finishing: BinaryHeap<Reverse<(Duration, usize)>>,
}

impl<'a> Endpoint<'a> {
    pub(crate) fn new(
        requests: &'a [Request],
        instances: usize,
        concurrency: usize,
        time_to_live: Option<Duration>,
    ) -> Self {
        Self {
            requests,
            concurrency,
            time_to_live,
            fates: Vec::with_capacity(requests.len()),
            waiting: VecDeque::new(),
            instances: vec![Vec::new(); instances],
            in_flight: 0,
            starting: None,
            finishing: BinaryHeap::new(),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// `CurrentInstanceCount`.
    pub(crate) fn running(&self) -> usize {
        self.instances.len()
    }

    /// `DesiredInstanceCount`.
    pub(crate) fn wanted(&self) -> usize {
        self.running() + self.starting.map_or(0, |starting| starting.count)
    }

    /// SageMaker refuses another change of capacity until the present one is done: `Cannot update in-progress endpoint`,
    /// and automatic scaling is blocked meanwhile
    /// (<https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>).
    pub(crate) fn is_updating(&self) -> bool {
        self.starting.is_some()
    }

    pub(crate) fn into_fates(self) -> Vec<Fate> {
        self.fates
    }

    /// When something happens by itself next.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        let arrival = self.requests.get(self.fates.len()).map(|request| request.arrives);
        let finish = self.finishing.peek().map(|Reverse((at, _))| *at);
        let ready = self.starting.map(|starting| starting.ready);
        [arrival, finish, ready, self.next_expiry()].into_iter().flatten().min()
    }

    /// The queue is in the order of arrival and all requests live equally long, so its head expires first.
    fn next_expiry(&self) -> Option<Duration> {
        Some(self.requests[*self.waiting.front()?].arrives + self.time_to_live?)
    }

    /// Lets happen what is due at `now`, and hands waiting requests to instances, first come, first served.
    pub(crate) fn advance(&mut self, now: Duration) {
        while let Some(Reverse((at, request))) = self.finishing.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.finishing.pop();
            self.finish(request, at);
        }
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
        let Fate::InFlight { started } = self.fates[request] else { return };
        debug_assert_eq!(started + self.requests[request].work, at, "a request is done when its work is");
        self.fates[request] = Fate::Served { started };
        self.in_flight -= 1;
        for instance in &mut self.instances {
            instance.retain(|busy_with| *busy_with != request);
        }
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
    pub(crate) fn start(&mut self, count: usize, ready: Duration) {
        debug_assert!(!self.is_updating(), "SageMaker refuses a second change");
        self.starting = Some(Starting { count, ready });
    }

    /// Takes `count` instances away, at once. Which ones go isn't documented. Here it is the busiest, so that the
    /// number of killed requests is the worst that can come of it.
    pub(crate) fn take_away(&mut self, count: usize, now: Duration) {
        debug_assert!(!self.is_updating(), "SageMaker refuses a second change");
        self.instances.sort_by_key(Vec::len);
        for request in self.instances.split_off(self.instances.len() - count).into_iter().flatten() {
            if let Fate::InFlight { started } = self.fates[request] {
                self.fates[request] = Fate::Killed { started, at: now };
                self.in_flight -= 1;
            }
        }
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

    /// Lets all happen that happens by itself, up to and at `until`.
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
        let mut endpoint = Endpoint::new(&requests, 1, 1, None);
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(0), served(30), served(35)]);
    }

    #[test]
    fn an_instance_takes_as_many_at_once_as_it_may() {
        let requests = requests(&[(0, 30), (10, 5), (20, 5)]);
        let mut endpoint = Endpoint::new(&requests, 1, 2, None);
        advance(&mut endpoint, 12);
        assert_eq!((endpoint.waiting(), endpoint.in_flight()), (0, 2));
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(0), served(10), served(20)]);
    }

    #[test]
    fn without_an_instance_requests_wait_until_one_is_ready() {
        let requests = requests(&[(0, 10), (5, 10)]);
        let mut endpoint = Endpoint::new(&requests, 0, 1, None);
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
        let mut endpoint = Endpoint::new(&requests, 3, 1, None);
        advance(&mut endpoint, 50);
        endpoint.take_away(2, seconds(50));
        assert_eq!((endpoint.in_flight(), endpoint.running(), endpoint.waiting()), (1, 1, 1));
        advance(&mut endpoint, 1000);
        let fates = endpoint.into_fates();
        let killed = Fate::Killed { started: seconds(0), at: seconds(50) };
        assert_eq!(fates.iter().filter(|fate| **fate == killed).count(), 2);
        assert_eq!(fates.iter().filter(|fate| **fate == served(0)).count(), 1);
        assert_eq!(fates[3], served(100));
    }

    #[test]
    fn the_busiest_instance_goes_first() {
        let requests = requests(&[(0, 100)]);
        let mut endpoint = Endpoint::new(&requests, 3, 1, None);
        advance(&mut endpoint, 50);
        endpoint.take_away(1, seconds(50));
        assert_eq!((endpoint.in_flight(), endpoint.running()), (0, 2));
    }

    #[test]
    fn a_request_expires_while_it_waits_and_not_in_flight() {
        let requests = requests(&[(0, 500), (10, 1)]);
        let mut endpoint = Endpoint::new(&requests, 1, 1, Some(seconds(100)));
        advance(&mut endpoint, 1000);
        assert_eq!(endpoint.into_fates(), [served(0), Fate::Expired { at: seconds(110) }]);
    }
}
