//! Named traces, a week each, drawn anew for every week and the same each time.

use std::iter::repeat_n;
use std::time::Duration;

use fastrand::Rng;

use super::endpoint::Request;
use super::trace::{MONDAY, Trace};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(168);

/// When the shapes without an hour of their own end, so that the last hours of the week are quiet: longer than any request
/// waits before it expires.
const LAST: Duration = Duration::from_hours(156);

/// The seed of the first week, and how far the next one's is from it.
const SEED: u64 = 20_260_105;
const NEXT_SEED: u64 = 7919;

/// An instance takes from a third of a minute to a minute for a request of the shapes, unless they say otherwise.
const WORK: (Duration, Duration) = (Duration::from_secs(20), Duration::from_mins(1));

/// What comes in a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A request every five minutes on average, day and night.
    Steady,
    /// From Monday to Friday, 08:00 to 18:00 UTC, a request every four minutes on average.
    OfficeHours,
    /// Once a day, at some time between 09:00 and 17:00 UTC, a hundred requests within five minutes.
    Burst,
    /// At about 02:00 UTC each night, sixty requests of five minutes' work at once.
    NightlyBatch,
    /// From Monday to Friday at 09:00 UTC sixty requests within five minutes, then one every fifty seconds until 17:00.
    Plateau,
    /// Eight times a day, two to six requests at once.
    SmallBatches,
    /// A request a minute, and four times a day sixty more within three minutes.
    Surges,
    /// Six requests of ten to forty minutes' work a day.
    LongJobs,
    /// A request a minute, of three to eight seconds' work.
    Short,
    /// A request every two hours on average.
    Sporadic,
    /// A request every twenty minutes on average.
    Trickle,
}

impl Shape {
    pub const ALL: [Self; 11] = [
        Self::Steady,
        Self::OfficeHours,
        Self::Burst,
        Self::NightlyBatch,
        Self::Plateau,
        Self::SmallBatches,
        Self::Surges,
        Self::LongJobs,
        Self::Short,
        Self::Sporadic,
        Self::Trickle,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::OfficeHours => "office-hours",
            Self::Burst => "burst",
            Self::NightlyBatch => "nightly-batch",
            Self::Plateau => "plateau",
            Self::SmallBatches => "small-batches",
            Self::Surges => "surges",
            Self::LongJobs => "long-jobs",
            Self::Short => "short",
            Self::Sporadic => "sporadic",
            Self::Trickle => "trickle",
        }
    }

    /// So many weeks, each drawn by itself.
    pub fn weeks(self, number: u32) -> impl Iterator<Item = Trace> {
        (0..number).map(move |week| self.week(week))
    }

    #[must_use]
    pub fn week(self, week: u32) -> Trace {
        let mut random = Rng::with_seed(SEED + NEXT_SEED * u64::from(week));
        let random = &mut random;
        let mut requests: Vec<Request> = match self {
            Self::Steady => spread(random, Duration::ZERO, LAST, 5 * MINUTE),
            Self::OfficeHours => {
                days(5).flat_map(|day| spread(random, day + 8 * HOUR, day + 18 * HOUR, 4 * MINUTE)).collect()
            }
            Self::Burst => days(7)
                .flat_map(|day| {
                    let begins = between(random, day + 9 * HOUR, day + 16 * HOUR + 55 * MINUTE);
                    crowd(random, 100, begins, 5 * MINUTE)
                })
                .collect(),
            Self::NightlyBatch => {
                // At another second of the minute each week, as nothing is in step with CloudWatch.
                let begins = 2 * HOUR + between(random, Duration::ZERO, MINUTE);
                let request = |day| Request { arrives: day + begins, work: 5 * MINUTE };
                days(7).flat_map(|day| repeat_n(request(day), 60)).collect()
            }
            Self::Plateau => days(5)
                .flat_map(|day| {
                    let mut requests = crowd(random, 60, day + 9 * HOUR, 5 * MINUTE);
                    requests.extend(spread(random, day + 9 * HOUR, day + 17 * HOUR, 50 * SECOND));
                    requests
                })
                .collect(),
            Self::SmallBatches => days(7)
                .flat_map(|day| repeat_n(day, 8))
                .flat_map(|day| {
                    let begins = between(random, day + 7 * HOUR, (day + 22 * HOUR).min(LAST));
                    let count = random.usize(2..=6);
                    crowd(random, count, begins, 20 * SECOND)
                })
                .collect(),
            Self::Surges => {
                let mut requests = spread(random, Duration::ZERO, LAST, MINUTE);
                for day in days(6).flat_map(|day| repeat_n(day, 4)) {
                    let begins = between(random, day, day + 23 * HOUR);
                    requests.extend(crowd(random, 60, begins, 3 * MINUTE));
                }
                requests
            }
            Self::LongJobs => days(6)
                .flat_map(|day| repeat_n(day, 6))
                .map(|day| Request {
                    arrives: between(random, day + 8 * HOUR, day + 20 * HOUR),
                    work: between(random, 10 * MINUTE, 40 * MINUTE),
                })
                .collect(),
            Self::Short => {
                let mut requests = spread(random, 8 * HOUR, LAST, MINUTE);
                for request in &mut requests {
                    request.work = between(random, 3 * SECOND, 8 * SECOND);
                }
                requests
            }
            Self::Sporadic => spread(random, Duration::ZERO, LAST, 2 * HOUR),
            Self::Trickle => spread(random, Duration::ZERO, LAST, 20 * MINUTE),
        };
        requests.sort();
        Trace { start: MONDAY, until: WEEK, requests }
    }
}

/// The beginnings of the first days of the week.
fn days(number: u32) -> impl Iterator<Item = Duration> {
    (0..number).map(|day| DAY * day)
}

/// Requests that come independently of one another, so many apart on average.
fn spread(random: &mut Rng, from: Duration, to: Duration, apart: Duration) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut arrives = from;
    loop {
        // The time to the next arrival of a Poisson process; `1 - f64()` is never 0.
        arrives += apart.mul_f64(-(1.0 - random.f64()).ln());
        if arrives >= to {
            return requests;
        }
        requests.push(Request { arrives, work: between(random, WORK.0, WORK.1) });
    }
}

/// So many requests within a time.
fn crowd(random: &mut Rng, count: usize, begins: Duration, within: Duration) -> Vec<Request> {
    let request =
        |_| Request { arrives: between(random, begins, begins + within), work: between(random, WORK.0, WORK.1) };
    (0..count).map(request).collect()
}

fn between(random: &mut Rng, from: Duration, to: Duration) -> Duration {
    from + to.saturating_sub(from).mul_f64(random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any request waits before it expires.
    const QUIET_END: Duration = Duration::from_hours(8);

    #[test]
    fn a_week_is_the_same_each_time_unlike_the_next_and_ends_quietly() {
        for shape in Shape::ALL {
            let [trace, next] = [0, 1].map(|week| shape.week(week));
            assert_eq!(shape.weeks(2).collect::<Vec<_>>(), [trace.clone(), next.clone()]);
            assert_ne!(trace, next, "{shape:?}");
            for trace in [trace, next] {
                assert!(trace.requests.is_sorted(), "{shape:?}");
                let last = trace.requests.last().unwrap();
                assert!(last.arrives + last.work + QUIET_END < trace.until, "{shape:?}");
            }
        }
    }

    #[test]
    fn the_shapes_are_what_they_say() {
        let at = |shape: Shape| shape.week(0).requests;
        // Each expected number of arrivals, give or take some.
        for (shape, count, spread) in [
            (Shape::Steady, 1872, 187),
            (Shape::OfficeHours, 750, 75),
            (Shape::Burst, 700, 0),
            (Shape::NightlyBatch, 420, 0),
            (Shape::Plateau, 300 + 2880, 150),
            (Shape::SmallBatches, 224, 40),
            (Shape::Surges, 9360 + 1440, 300),
            (Shape::LongJobs, 36, 0),
            (Shape::Short, 8880, 300),
            (Shape::Sporadic, 78, 25),
            (Shape::Trickle, 468, 70),
        ] {
            let found = at(shape).len();
            assert!(found.abs_diff(count) <= spread, "{shape:?}: {found}");
        }
        let hour = |request: &Request| request.arrives.as_secs() / 3600;
        assert!(
            at(Shape::OfficeHours).iter().all(|request| (8..18).contains(&(hour(request) % 24)) && hour(request) < 120)
        );
        assert!(
            at(Shape::Plateau).iter().all(|request| (9..17).contains(&(hour(request) % 24)) && hour(request) < 120)
        );
        assert!(at(Shape::Burst).chunks(100).all(|day| day[99].arrives <= day[0].arrives + 5 * MINUTE));
        assert!(at(Shape::NightlyBatch).iter().all(|request| request.arrives.as_secs() % 86_400 / 60 == 120));
        assert!(at(Shape::LongJobs).iter().all(|request| (10 * MINUTE..=40 * MINUTE).contains(&request.work)));
        assert!(at(Shape::Short).iter().all(|request| (3 * SECOND..=8 * SECOND).contains(&request.work)));
    }
}
