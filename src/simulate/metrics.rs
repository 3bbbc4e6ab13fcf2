//! The metrics that SageMaker publishes about an asynchronous endpoint, a datapoint a minute
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>).

use std::time::Duration;

use crate::reconcile::Statistic;

use super::endpoint::{Endpoint, Finished};
use super::number;
use super::world::{AtZero, CpuSamples, Sampling, World};

pub const PERIOD: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Requests that wait and, as AWS documents it, requests in flight.
    BacklogSize,
    /// The same by the number of instances that run.
    BacklogSizePerInstance,
    /// 1 while a request waits and no instance runs, otherwise 0. An instance that is being started doesn't run yet: it
    /// was seen to stay 1 through a whole start.
    HasBacklogWithoutCapacity,
    /// Seconds since the oldest of the requests that wait has come.
    AgeOfOldestRequest,
    /// A sample of 1 for each request that is done, and nothing in between (recorded from a live endpoint).
    InvocationsProcessed,
    /// Milliseconds from a request's arrival to its end, when it ends.
    TotalProcessingTime,
    /// Milliseconds that it waited.
    TimeInBacklog,
    CpuUtilization,
    GpuUtilization,
}

impl Metric {
    const COUNT: usize = 9;

    /// By its name, which no other namespace has.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ApproximateBacklogSize" => Some(Self::BacklogSize),
            "ApproximateBacklogSizePerInstance" => Some(Self::BacklogSizePerInstance),
            "HasBacklogWithoutCapacity" => Some(Self::HasBacklogWithoutCapacity),
            "ApproximateAgeOfOldestRequest" => Some(Self::AgeOfOldestRequest),
            "InvocationsProcessed" => Some(Self::InvocationsProcessed),
            "TotalProcessingTime" => Some(Self::TotalProcessingTime),
            "TimeInBacklog" => Some(Self::TimeInBacklog),
            "CPUUtilization" => Some(Self::CpuUtilization),
            "GPUUtilization" => Some(Self::GpuUtilization),
            _ => None,
        }
    }
}

/// A minute of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datapoint {
    pub average: f64,
    pub maximum: f64,
    pub sum: f64,
    pub samples: f64,
}

impl Datapoint {
    fn of_one(value: f64) -> Self {
        Self { average: value, maximum: value, sum: value, samples: 1.0 }
    }

    /// Samples of which the sum is known, each about as large.
    fn of_sum(sum: f64, samples: f64) -> Self {
        Self { average: sum / samples, maximum: sum / samples, sum, samples }
    }
}

/// All metrics of one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Minute([Option<Datapoint>; Metric::COUNT]);

impl Minute {
    #[must_use]
    pub fn datapoint(&self, metric: Metric, statistic: Statistic) -> Option<f64> {
        self.0[metric as usize].map(|datapoint| match statistic {
            Statistic::Average => datapoint.average,
            Statistic::Maximum => datapoint.maximum,
            Statistic::Sum => datapoint.sum,
            Statistic::SampleCount => datapoint.samples,
        })
    }
}

#[cfg(test)]
impl Minute {
    pub(super) fn set(&mut self, metric: Metric, value: f64) {
        self.0[metric as usize] = Some(Datapoint::of_one(value));
    }
}

/// What has been seen of a metric in the present minute.
#[derive(Debug, Clone, Copy, Default)]
struct Accumulator {
    /// The sum of the values, each times the seconds that it stood.
    area: f64,
    seconds: f64,
    maximum: f64,
}

/// Metrics of states that last; the others are of requests that are done.
const STATES: [Metric; 5] = [
    Metric::BacklogSize,
    Metric::BacklogSizePerInstance,
    Metric::HasBacklogWithoutCapacity,
    Metric::AgeOfOldestRequest,
    Metric::GpuUtilization,
];

#[derive(Debug)]
pub(super) struct Metrics {
    world: World,
    present: [Accumulator; STATES.len()],
}

impl Metrics {
    pub(super) fn new(world: &World) -> Self {
        Self { world: *world, present: Default::default() }
    }

    /// The endpoint has been as it is for `span`, until `now`.
    pub(super) fn pass(&mut self, span: Duration, endpoint: &Endpoint<'_>, now: Duration) {
        if self.world.sampling == Sampling::Once || span.is_zero() {
            return;
        }
        let values = self.values(endpoint, now);
        for (seen, value) in self.present.iter_mut().zip(values) {
            if let Some(value) = value {
                seen.area += value * span.as_secs_f64();
                seen.seconds += span.as_secs_f64();
                seen.maximum = seen.maximum.max(value);
            }
        }
    }

    /// A minute is over, in which these requests were done.
    pub(super) fn close(&mut self, endpoint: &Endpoint<'_>, done: Finished, now: Duration) -> Minute {
        let states = match self.world.sampling {
            Sampling::Once => self.values(endpoint, now).map(|value| value.map(Datapoint::of_one)),
            Sampling::Continuous => std::mem::take(&mut self.present).map(|seen| {
                let average = seen.area / seen.seconds;
                let whole = Datapoint { average, maximum: seen.maximum, sum: average, samples: 1.0 };
                (seen.seconds > 0.0).then_some(whole)
            }),
        };
        let mut minute = Minute::default();
        for (metric, datapoint) in STATES.into_iter().zip(states) {
            minute.0[metric as usize] = datapoint;
        }
        if done.requests > 0 {
            let count = number(done.requests);
            let milliseconds = |time: Duration| Some(Datapoint::of_sum(time.as_secs_f64() * 1000.0, count));
            minute.0[Metric::InvocationsProcessed as usize] = Some(Datapoint::of_sum(count, count));
            minute.0[Metric::TotalProcessingTime as usize] = milliseconds(done.since_arrival);
            minute.0[Metric::TimeInBacklog as usize] = milliseconds(done.waited);
        }
        minute.0[Metric::CpuUtilization as usize] = self.cpu(endpoint);
        minute
    }

    /// Nothing but the number of samples is made use of: containers that poll keep a CPU busy without a request.
    fn cpu(&self, endpoint: &Endpoint<'_>) -> Option<Datapoint> {
        let instances = number(endpoint.running());
        let samples = match self.world.cpu_samples {
            CpuSamples::OnePerInstance => instances,
            CpuSamples::SixPerInstance => 6.0 * instances,
            CpuSamples::One => instances.min(1.0),
            CpuSamples::Missing => 0.0,
        };
        (samples > 0.0).then(|| Datapoint::of_sum(samples, samples))
    }

    /// Of each of [`STATES`].
    fn values(&self, endpoint: &Endpoint<'_>, now: Duration) -> [Option<f64>; STATES.len()] {
        let in_flight = if self.world.backlog_counts_in_flight { endpoint.in_process() } else { 0 };
        let backlog = number(endpoint.waiting() + in_flight);
        let (runs, at_zero) = (endpoint.running() > 0, self.world.at_zero);
        let has_queue = runs || at_zero != AtZero::Nothing;
        let per_instance = (runs || at_zero == AtZero::All).then(|| backlog / number(endpoint.running().max(1)));
        let without_capacity = f64::from(u8::from(endpoint.waiting() > 0 && !runs));
        let age = endpoint.oldest().map_or(0.0, |arrived| now.saturating_sub(arrived).as_secs_f64());
        let gpu = (runs && self.world.has_gpu).then(|| if endpoint.in_flight() > 0 { 100.0 } else { 0.0 });
        [has_queue.then_some(backlog), per_instance, Some(without_capacity), has_queue.then_some(age), gpu]
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::Request;
    use super::*;

    /// Two requests of 30 seconds at second 15, on so many instances; the first minute.
    fn first_minute(instances: usize, world: World) -> Minute {
        let request = Request { arrives: Duration::from_secs(15), work: Duration::from_secs(30) };
        let requests = [request, request];
        let mut endpoint = Endpoint::new(&requests, instances, &world);
        let mut metrics = Metrics::new(&world);
        let mut now = Duration::ZERO;
        while let Some(next) = endpoint.next_event().filter(|next| *next <= PERIOD) {
            metrics.pass(next.saturating_sub(now), &endpoint, next);
            endpoint.advance(next);
            now = next;
        }
        metrics.pass(PERIOD.saturating_sub(now), &endpoint, PERIOD);
        let done = endpoint.take_finished();
        metrics.close(&endpoint, done, PERIOD)
    }

    /// Average and maximum of backlog, backlog per instance, and backlog without capacity.
    fn queue(minute: &Minute) -> [Option<(f64, f64)>; 3] {
        [Metric::BacklogSize, Metric::BacklogSizePerInstance, Metric::HasBacklogWithoutCapacity].map(|metric| {
            let of = |statistic| minute.datapoint(metric, statistic);
            of(Statistic::Average).zip(of(Statistic::Maximum))
        })
    }

    fn world(sampling: Sampling, backlog_counts_in_flight: bool) -> World {
        World { sampling, backlog_counts_in_flight, ..World::default() }
    }

    #[test]
    fn a_single_sample_sees_the_end_of_the_minute_alone() {
        let with = |instances, counts| queue(&first_minute(instances, world(Sampling::Once, counts)));
        let both = |value: f64| Some((value, value));
        assert_eq!(with(1, true), [both(1.0), both(1.0), both(0.0)], "one is done at 45 s, the other runs until 75 s");
        assert_eq!(with(1, false), [both(0.0), both(0.0), both(0.0)]);
        assert_eq!(with(2, true), [both(0.0), both(0.0), both(0.0)], "both are done at 45 s");
        assert_eq!(with(0, true), [both(2.0), both(2.0), both(1.0)], "both wait");
    }

    #[test]
    fn continuous_samples_see_the_whole_minute() {
        let with = |instances, counts| queue(&first_minute(instances, world(Sampling::Continuous, counts)));
        // Two for 30 seconds, then one for 15.
        assert_eq!(with(1, true), [Some((1.25, 2.0)), Some((1.25, 2.0)), Some((0.0, 0.0))]);
        assert_eq!(with(1, false)[0], Some((0.5, 1.0)), "one waits for 30 seconds");
        assert_eq!(with(2, true)[1], Some((0.5, 1.0)), "two on two instances for 30 seconds");
        assert_eq!(with(2, false)[0], Some((0.0, 0.0)), "a request that is taken at once never waits");
        assert_eq!(with(0, true)[2], Some((0.75, 1.0)), "waiting for 45 seconds without an instance");
    }

    #[test]
    fn what_there_is_at_zero_instances_is_a_world_of_its_own() {
        for sampling in [Sampling::Once, Sampling::Continuous] {
            for (at_zero, want) in [
                (AtZero::All, [true, true, true, true]),
                (AtZero::WithoutPerInstance, [true, false, true, true]),
                (AtZero::Nothing, [false, false, true, false]),
            ] {
                let minute = first_minute(0, World { sampling, at_zero, ..World::default() });
                let is_there = |metric: Metric| minute.datapoint(metric, Statistic::Maximum).is_some();
                assert_eq!([STATES[0], STATES[1], STATES[2], STATES[3]].map(is_there), want, "{at_zero:?}");
            }
        }
    }

    #[test]
    fn what_is_done_is_counted_once_with_its_times_and_else_there_is_nothing() {
        for sampling in [Sampling::Once, Sampling::Continuous] {
            let minute = first_minute(1, world(sampling, true));
            let of = |metric| minute.datapoint(metric, Statistic::Sum);
            assert_eq!(of(Metric::InvocationsProcessed), Some(1.0), "one of two within the minute");
            assert_eq!(of(Metric::TotalProcessingTime), Some(30_000.0));
            assert_eq!(of(Metric::TimeInBacklog), Some(0.0));
            let idle = first_minute(0, world(sampling, true));
            assert_eq!(idle.datapoint(Metric::InvocationsProcessed, Statistic::Sum), None);
        }
    }

    #[test]
    fn instances_are_counted_by_the_samples_of_their_cpus() {
        for (cpu_samples, want) in [
            (CpuSamples::OnePerInstance, [None, Some(1.0), Some(3.0)]),
            (CpuSamples::SixPerInstance, [None, Some(6.0), Some(18.0)]),
            (CpuSamples::One, [None, Some(1.0), Some(1.0)]),
            (CpuSamples::Missing, [None, None, None]),
        ] {
            let samples = [0, 1, 3].map(|instances| {
                let minute = first_minute(instances, World { cpu_samples, ..World::default() });
                minute.datapoint(Metric::CpuUtilization, Statistic::SampleCount)
            });
            assert_eq!(samples, want, "{cpu_samples:?}");
        }
    }

    #[test]
    fn the_age_is_that_of_the_oldest_that_waits_and_a_gpu_is_busy_with_what_is_in_flight() {
        let gpu = World { has_gpu: true, ..World::default() };
        let of = |instances, world, metric| first_minute(instances, world).datapoint(metric, Statistic::Maximum);
        assert_eq!(of(0, gpu, Metric::AgeOfOldestRequest), Some(45.0));
        assert_eq!(of(1, gpu, Metric::AgeOfOldestRequest), Some(0.0));
        assert_eq!(
            [0, 1, 2].map(|instances| of(instances, gpu, Metric::GpuUtilization)),
            [None, Some(100.0), Some(0.0)]
        );
        assert_eq!(of(1, World::default(), Metric::GpuUtilization), None);
    }
}
