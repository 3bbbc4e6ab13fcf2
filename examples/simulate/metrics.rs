//! The metrics that SageMaker publishes about an asynchronous endpoint, a datapoint a minute
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>).

use std::time::Duration;

use sagemaker_scale_to_zero::reconcile::Statistic;

use crate::endpoint::Endpoint;
use crate::number;

pub(crate) const PERIOD: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Requests that wait and, as AWS documents it, requests in flight.
    BacklogSize,
    /// The same by the number of instances that run.
    BacklogSizePerInstance,
    /// 1 while a request waits and no instance runs, otherwise 0. An instance that is being started doesn't run yet
    /// (assumption).
    HasBacklogWithoutCapacity,
}

impl Metric {
    const COUNT: usize = 3;

    /// By its name in the namespace `AWS/SageMaker`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "ApproximateBacklogSize" => Some(Self::BacklogSize),
            "ApproximateBacklogSizePerInstance" => Some(Self::BacklogSizePerInstance),
            "HasBacklogWithoutCapacity" => Some(Self::HasBacklogWithoutCapacity),
            _ => None,
        }
    }
}

/// How often SageMaker looks at the queue for the datapoint of a minute. AWS doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// At the end of the minute; what comes and goes in between is never seen.
    Once,
    /// All the time: an average over the time of the minute, and its true maximum.
    Continuous,
}

/// What there is of `ApproximateBacklogSizePerInstance` while no instance runs. AWS doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtZero {
    /// The whole backlog, as if there were one instance. It fits AWS's words that target tracking starts from zero "after
    /// the number of backlog requests exceeds the target tracking value".
    Backlog,
    Missing,
}

/// A minute of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Datapoint {
    average: f64,
    maximum: f64,
}

/// What has been seen of a metric in the present minute.
#[derive(Debug, Clone, Copy, Default)]
struct Accumulator {
    /// The sum of the values, each times the seconds that it stood.
    area: f64,
    seconds: f64,
    maximum: f64,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    sampling: Sampling,
    at_zero: AtZero,
    /// AWS says that it does; users report endpoints that were taken for idle in the middle of a long job.
    backlog_counts_in_flight: bool,
    present: [Accumulator; Metric::COUNT],
    averages: [Vec<Option<f64>>; Metric::COUNT],
    maxima: [Vec<Option<f64>>; Metric::COUNT],
}

impl Metrics {
    pub(crate) fn new(sampling: Sampling, at_zero: AtZero, backlog_counts_in_flight: bool) -> Self {
        Self {
            sampling,
            at_zero,
            backlog_counts_in_flight,
            present: Default::default(),
            averages: Default::default(),
            maxima: Default::default(),
        }
    }

    /// The endpoint has been as it is for `span`.
    pub(crate) fn pass(&mut self, span: Duration, endpoint: &Endpoint<'_>) {
        if self.sampling == Sampling::Once || span.is_zero() {
            return;
        }
        let values = self.values(endpoint);
        for (seen, value) in self.present.iter_mut().zip(values) {
            if let Some(value) = value {
                seen.area += value * span.as_secs_f64();
                seen.seconds += span.as_secs_f64();
                seen.maximum = seen.maximum.max(value);
            }
        }
    }

    /// A minute is over.
    pub(crate) fn close(&mut self, endpoint: &Endpoint<'_>) {
        let datapoints = match self.sampling {
            Sampling::Once => self.values(endpoint).map(|value| {
                let value = value?;
                Some(Datapoint { average: value, maximum: value })
            }),
            Sampling::Continuous => std::mem::take(&mut self.present).map(|seen| {
                (seen.seconds > 0.0).then(|| Datapoint { average: seen.area / seen.seconds, maximum: seen.maximum })
            }),
        };
        for (metric, datapoint) in datapoints.into_iter().enumerate() {
            self.averages[metric].push(datapoint.map(|datapoint| datapoint.average));
            self.maxima[metric].push(datapoint.map(|datapoint| datapoint.maximum));
        }
    }

    fn values(&self, endpoint: &Endpoint<'_>) -> [Option<f64>; Metric::COUNT] {
        let in_flight = if self.backlog_counts_in_flight { endpoint.in_flight() } else { 0 };
        let backlog = number(endpoint.waiting() + in_flight);
        let per_instance = match (endpoint.running(), self.at_zero) {
            (0, AtZero::Backlog) => Some(backlog),
            (0, AtZero::Missing) => None,
            (running, _) => Some(backlog / number(running)),
        };
        let has_backlog_without_capacity = endpoint.waiting() > 0 && endpoint.running() == 0;
        [Some(backlog), per_instance, Some(f64::from(u8::from(has_backlog_without_capacity)))]
    }

    /// The datapoints of the first `minutes`, of which `None` is missing.
    pub(crate) fn datapoints(&self, metric: Metric, statistic: Statistic, minutes: u32) -> &[Option<f64>] {
        let all = match statistic {
            Statistic::Average => &self.averages[metric as usize],
            Statistic::Maximum => &self.maxima[metric as usize],
        };
        &all[..usize::try_from(minutes).unwrap_or(usize::MAX).min(all.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Request;

    /// Two requests of 30 seconds at second 15, on so many instances; the datapoints of the first minute.
    fn first_minute(instances: usize, metrics: Metrics) -> [Option<(f64, f64)>; Metric::COUNT] {
        let request = Request { arrives: Duration::from_secs(15), work: Duration::from_secs(30) };
        let requests = [request, request];
        let mut endpoint = Endpoint::new(&requests, instances, 1, None);
        let mut metrics = metrics;
        let mut now = Duration::ZERO;
        while let Some(next) = endpoint.next_event().filter(|next| *next <= PERIOD) {
            metrics.pass(next.saturating_sub(now), &endpoint);
            endpoint.advance(next);
            now = next;
        }
        metrics.pass(PERIOD.saturating_sub(now), &endpoint);
        metrics.close(&endpoint);
        [Metric::BacklogSize, Metric::BacklogSizePerInstance, Metric::HasBacklogWithoutCapacity].map(|metric| {
            let of = |statistic| metrics.datapoints(metric, statistic, 1)[0];
            of(Statistic::Average).zip(of(Statistic::Maximum))
        })
    }

    #[test]
    fn a_single_sample_sees_the_end_of_the_minute_alone() {
        let with = |instances, counts| first_minute(instances, Metrics::new(Sampling::Once, AtZero::Backlog, counts));
        let both = |value: f64| Some((value, value));
        assert_eq!(with(1, true), [both(1.0), both(1.0), both(0.0)], "one is done at 45 s, the other runs until 75 s");
        assert_eq!(with(1, false), [both(0.0), both(0.0), both(0.0)]);
        assert_eq!(with(2, true), [both(0.0), both(0.0), both(0.0)], "both are done at 45 s");
        assert_eq!(with(0, true), [both(2.0), both(2.0), both(1.0)], "both wait");
    }

    #[test]
    fn continuous_samples_see_the_whole_minute() {
        let with =
            |instances, counts| first_minute(instances, Metrics::new(Sampling::Continuous, AtZero::Backlog, counts));
        // Two for 30 seconds, then one for 15.
        assert_eq!(with(1, true), [Some((1.25, 2.0)), Some((1.25, 2.0)), Some((0.0, 0.0))]);
        assert_eq!(with(1, false)[0], Some((0.5, 1.0)), "one waits for 30 seconds");
        assert_eq!(with(2, true)[1], Some((0.5, 1.0)), "two on two instances for 30 seconds");
        assert_eq!(with(2, false)[0], Some((0.0, 0.0)), "a request that is taken at once never waits");
        assert_eq!(with(0, true)[2], Some((0.75, 1.0)), "waiting for 45 seconds without an instance");
    }

    #[test]
    fn at_zero_instances_the_backlog_per_instance_is_the_backlog_or_missing() {
        for sampling in [Sampling::Once, Sampling::Continuous] {
            assert!(first_minute(0, Metrics::new(sampling, AtZero::Backlog, true))[1].is_some());
            assert_eq!(first_minute(0, Metrics::new(sampling, AtZero::Missing, true))[1], None);
        }
    }
}
