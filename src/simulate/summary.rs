//! What a run comes to.

use std::time::Duration;

use super::clock::{Outcome, Run, Standing, Witness};
use super::endpoint::{Fate, Request};
use super::number;

const WEEK: Duration = Duration::from_hours(168);

/// The sums of one run, or of several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Of the instances that were wanted, so also of those that were starting. What AWS bills is not documented; it is
    /// between these hours and the next.
    pub instance_hours: f64,
    /// Of the instances that ran.
    pub in_service_hours: f64,
    /// How often instances were started from none.
    pub wakes: usize,
    pub served: usize,
    pub waiting: usize,
    pub expired: usize,
    /// Of an instance that went, and not done within the grace.
    pub killed: usize,
    /// Of an instance that went, and done within the grace. A container without any would have killed these too.
    pub spared: usize,
    /// How long the requests that were taken waited for it, sorted.
    waits: Vec<Duration>,
    /// How long it went on.
    pub span: Duration,
}

impl Summary {
    pub(super) fn new(
        requests: &[Request],
        fates: &[Fate],
        wakes: usize,
        span: Duration,
        wanted: Duration,
        in_service: Duration,
    ) -> Self {
        let taken = requests
            .iter()
            .zip(fates)
            .filter_map(|(request, fate)| Some(fate.started()?.saturating_sub(request.arrives)));
        let mut waits: Vec<Duration> = taken.collect();
        waits.sort_unstable();
        let how_many = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
        Self {
            instance_hours: wanted.as_secs_f64() / 3600.0,
            in_service_hours: in_service.as_secs_f64() / 3600.0,
            wakes,
            // What is in flight when the trace ends has been taken, and nothing is going to stop it.
            served: how_many(|fate| matches!(fate, Fate::Served { .. } | Fate::Spared { .. } | Fate::InFlight { .. })),
            waiting: how_many(|fate| matches!(fate, Fate::Waiting)),
            expired: how_many(|fate| matches!(fate, Fate::Expired { .. })),
            killed: how_many(|fate| matches!(fate, Fate::Killed { .. })),
            spared: how_many(|fate| matches!(fate, Fate::Spared { .. })),
            waits,
            span,
        }
    }

    #[must_use]
    pub fn of(outcome: &Outcome<'_>, tally: Tally) -> Self {
        Self::new(outcome.requests, &outcome.fates, outcome.wakes, outcome.until, tally.wanted, tally.running)
    }

    #[must_use]
    pub fn of_run(run: &Run<'_>) -> Self {
        let mut tally = Tally::default();
        let ends = run.standings.iter().skip(1).map(|standing| standing.since).chain([run.outcome.until]);
        for (standing, end) in run.standings.iter().zip(ends) {
            tally.stood(standing, end);
        }
        Self::of(&run.outcome, tally)
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.waits.extend(other.waits);
        self.waits.sort_unstable();
        Self {
            instance_hours: self.instance_hours + other.instance_hours,
            in_service_hours: self.in_service_hours + other.in_service_hours,
            wakes: self.wakes + other.wakes,
            served: self.served + other.served,
            waiting: self.waiting + other.waiting,
            expired: self.expired + other.expired,
            killed: self.killed + other.killed,
            spared: self.spared + other.spared,
            waits: self.waits,
            span: self.span + other.span,
        }
    }

    /// By nearest rank; `None` where no request was taken.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.waits.len() * percent).div_ceil(100);
        self.waits.get(rank.max(1) - 1).copied()
    }

    /// Of the requests that were taken; zero where there was none.
    #[must_use]
    pub fn mean_wait(&self) -> Duration {
        let count = u32::try_from(self.waits.len()).unwrap_or(u32::MAX).max(1);
        self.waits.iter().sum::<Duration>() / count
    }

    /// How many waited for longer than that, until they were taken or for good.
    #[must_use]
    pub fn waited_over(&self, limit: Duration) -> usize {
        self.waits.len() - self.waits.partition_point(|wait| *wait <= limit) + self.stranded()
    }

    /// Those that nobody took.
    #[must_use]
    pub fn stranded(&self) -> usize {
        self.waiting + self.expired
    }

    /// Of what one instance around the clock has.
    #[must_use]
    pub fn share_of_always_on(&self) -> f64 {
        self.instance_hours / (self.span.as_secs_f64() / 3600.0)
    }

    /// A sum as so much a week.
    #[must_use]
    pub fn weekly(&self, sum: f64) -> f64 {
        sum * WEEK.as_secs_f64() / self.span.as_secs_f64()
    }

    /// The same of a count.
    #[must_use]
    pub fn weekly_count(&self, count: usize) -> f64 {
        self.weekly(number(count))
    }
}

/// Counts the time of instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    wanted: Duration,
    running: Duration,
}

impl Witness for Tally {
    fn stood(&mut self, standing: &Standing, until: Duration) {
        let span = until.saturating_sub(standing.since);
        let times = |instances: usize| span * u32::try_from(instances).unwrap_or(u32::MAX);
        self.wanted += times(standing.wanted);
        self.running += times(standing.running);
    }
}

/// How long a request waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub arrived: Duration,
    /// Until it was taken or expired, or to the end.
    pub waited: Duration,
    /// Taken, and not killed.
    pub was_served: bool,
}

impl Outcome<'_> {
    pub fn waits(&self) -> impl Iterator<Item = Wait> {
        self.requests.iter().zip(&self.fates).map(|(request, fate)| {
            let until = match *fate {
                Fate::InFlight { started }
                | Fate::Served { started }
                | Fate::Spared { started, .. }
                | Fate::Killed { started, .. } => started,
                Fate::Expired { at } => at,
                Fate::Waiting => self.until,
            };
            Wait {
                arrived: request.arrives,
                waited: until.saturating_sub(request.arrives),
                was_served: !fate.is_stranded() && !fate.is_killed(),
            }
        })
    }
}

/// `42 s`, `8 min 05 s`, `5 h 59 min`.
#[must_use]
pub fn in_words(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500)).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_run_is_summed_up_and_two_are_added() {
        let standing = |since, running, wanted| Standing {
            since: seconds(since),
            waiting: 0,
            in_flight: 0,
            running,
            wanted,
            min_capacity: 0,
        };
        let served = |started| Fate::Served { started: seconds(started) };
        let requests = [Request { arrives: seconds(100), work: seconds(1) }; 7];
        let run = Run {
            outcome: Outcome {
                requests: &requests,
                fates: vec![
                    served(100),
                    served(400),
                    served(110),
                    Fate::Killed { started: seconds(120), at: seconds(121) },
                    Fate::Spared { started: seconds(120), at: seconds(121) },
                    Fate::Expired { at: seconds(21_700) },
                    Fate::Waiting,
                ],
                wakes: 1,
                until: seconds(36_000),
            },
            standings: vec![standing(0, 0, 0), standing(3600, 0, 2), standing(7200, 1, 1), standing(10_800, 0, 0)],
        };
        let summary = Summary::of_run(&run);
        let want = Summary {
            instance_hours: 3.0,
            in_service_hours: 1.0,
            wakes: 1,
            served: 4,
            waiting: 1,
            expired: 1,
            killed: 1,
            spared: 1,
            waits: [0, 10, 20, 20, 300].map(seconds).to_vec(),
            span: seconds(36_000),
        };
        assert_eq!(summary, want);
        assert_eq!(
            [50, 95, 100].map(|percent| summary.percentile(percent)),
            [20, 300, 300].map(|at| Some(seconds(at)))
        );
        assert_eq!(
            (summary.stranded(), summary.waited_over(seconds(10)), summary.waited_over(seconds(300))),
            (2, 5, 2)
        );
        assert_eq!(format!("{:.1}", summary.share_of_always_on()), "0.3");
        let both = want.clone().and(summary);
        assert_eq!((both.instance_hours, both.served, both.waits.len(), both.span), (6.0, 8, 10, seconds(72_000)));
        assert_eq!((both.weekly(6.0), both.weekly_count(both.killed)), (50.4, 16.8));
        assert_eq!(both.percentile(50), Some(seconds(20)));
    }

    #[test]
    fn where_nothing_was_served_there_is_no_wait() {
        let outcome = Outcome { requests: &[], fates: vec![], wakes: 0, until: seconds(60) };
        assert_eq!(Summary::of(&outcome, Tally::default()).percentile(50), None);
    }

    #[test]
    fn durations_are_written_as_people_say_them() {
        for (milliseconds, want) in
            [(0, "0 s"), (59_400, "59 s"), (59_500, "1 min 00 s"), (485_000, "8 min 05 s"), (21_599_000, "5 h 59 min")]
        {
            assert_eq!(in_words(Duration::from_millis(milliseconds)), want);
        }
    }
}
