//! What a run comes to: a table in Markdown.

use std::fmt;
use std::time::Duration;

use crate::endpoint::Fate;
use crate::number;
use crate::simulation::Run;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// Of the instances that were wanted, so also of those that were starting (assumption: AWS bills from there).
    pub(crate) instance_hours: f64,
    /// Of what one instance around the clock has.
    pub(crate) share_of_always_on: f64,
    /// How long the requests that were taken waited for it, sorted.
    waits: Vec<Duration>,
    pub(crate) wakes: usize,
    pub(crate) served: usize,
    pub(crate) waiting: usize,
    pub(crate) killed: usize,
    pub(crate) expired: usize,
}

impl Summary {
    pub(crate) fn of(run: &Run) -> Self {
        let ends = run.standings.iter().skip(1).map(|standing| standing.since).chain([run.until]);
        let instance_seconds: f64 = run
            .standings
            .iter()
            .zip(ends)
            .map(|(standing, end)| number(standing.wanted) * end.saturating_sub(standing.since).as_secs_f64())
            .sum();
        let mut waits: Vec<Duration> = run.waits().filter(|wait| wait.was_taken).map(|wait| wait.waited).collect();
        waits.sort();
        let how_many = |is: fn(&Fate) -> bool| run.fates.iter().filter(|fate| is(fate)).count();
        Self {
            instance_hours: instance_seconds / 3600.0,
            share_of_always_on: instance_seconds / run.until.as_secs_f64(),
            waits,
            wakes: run.wakes,
            // What is in flight when the trace ends has been taken, and nothing is going to stop it.
            served: how_many(|fate| matches!(fate, Fate::Served { .. } | Fate::InFlight { .. })),
            waiting: how_many(|fate| matches!(fate, Fate::Waiting)),
            killed: how_many(|fate| matches!(fate, Fate::Killed { .. })),
            expired: how_many(|fate| matches!(fate, Fate::Expired { .. })),
        }
    }

    /// By nearest rank; `None` where no request was taken.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.waits.len() * percent).div_ceil(100);
        self.waits.get(rank.max(1) - 1).copied()
    }
}

/// How long a request waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) arrived: Duration,
    pub(crate) waited: Duration,
    /// By an instance; otherwise it expired, or waits still.
    pub(crate) was_taken: bool,
    pub(crate) was_killed: bool,
}

impl Wait {
    pub(crate) fn was_served(&self) -> bool {
        self.was_taken && !self.was_killed
    }
}

impl Run {
    pub(crate) fn waits(&self) -> impl Iterator<Item = Wait> {
        self.requests.iter().zip(&self.fates).map(|(request, fate)| {
            let (until, was_taken) = match *fate {
                Fate::InFlight { started } | Fate::Served { started } | Fate::Killed { started, .. } => (started, true),
                Fate::Expired { at } => (at, false),
                Fate::Waiting => (self.until, false),
            };
            Wait {
                arrived: request.arrives,
                waited: until.saturating_sub(request.arrives),
                was_taken,
                was_killed: matches!(fate, Fate::Killed { .. }),
            }
        })
    }
}

/// Summaries with their titles, as the rows of a table.
pub(crate) struct Table<'a>(pub(crate) &'a [(&'a str, Summary)]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| scaling | instance-hours | of one always on | wakes | wait p50 | p95 | p99 | max | served | still waiting \
             | expired | killed |"
        )?;
        writeln!(formatter, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for (title, summary) in self.0 {
            let [half, most, nearly_all, longest] =
                [50, 95, 99, 100].map(|percent| summary.percentile(percent).map_or("–".to_owned(), in_words));
            writeln!(
                formatter,
                "| {title} | {:.1} | {:.0} % | {} | {half} | {most} | {nearly_all} | {longest} | {} | {} | {} | {} |",
                summary.instance_hours,
                summary.share_of_always_on * 100.0,
                summary.wakes,
                summary.served,
                summary.waiting,
                summary.expired,
                summary.killed,
            )?;
        }
        Ok(())
    }
}

/// `42 s`, `8 min 05 s`, `5 h 59 min`.
pub(crate) fn in_words(duration: Duration) -> String {
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
    use crate::endpoint::Request;
    use crate::simulation::Standing;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_run_is_summed_up() {
        let standing = |since, wanted| Standing {
            since: seconds(since),
            waiting: 0,
            in_flight: 0,
            running: 0,
            wanted,
            min_capacity: 0,
        };
        let served = |started| Fate::Served { started: seconds(started) };
        let run = Run {
            requests: vec![Request { arrives: seconds(100), work: seconds(1) }; 6],
            fates: vec![
                served(100),
                served(400),
                served(110),
                Fate::Killed { started: seconds(120), at: seconds(121) },
                Fate::Expired { at: seconds(21_700) },
                Fate::Waiting,
            ],
            standings: vec![standing(0, 0), standing(3600, 2), standing(7200, 1), standing(10_800, 0)],
            wakes: 1,
            until: seconds(36_000),
        };
        let summary = Summary::of(&run);
        assert_eq!(
            summary,
            Summary {
                instance_hours: 3.0,
                share_of_always_on: 0.3,
                waits: [0, 10, 20, 300].map(seconds).to_vec(),
                wakes: 1,
                served: 3,
                waiting: 1,
                killed: 1,
                expired: 1,
            }
        );
        assert_eq!(
            [50, 95, 100].map(|percent| summary.percentile(percent)),
            [10, 300, 300].map(|at| Some(seconds(at)))
        );
        assert_eq!(
            Table(&[("ours", summary)]).to_string().lines().last(),
            Some("| ours | 3.0 | 30 % | 1 | 10 s | 5 min 00 s | 5 min 00 s | 5 min 00 s | 3 | 1 | 1 | 1 |")
        );
    }

    #[test]
    fn where_nothing_was_served_there_is_no_wait() {
        let run = Run { requests: vec![], fates: vec![], standings: vec![], wakes: 0, until: seconds(60) };
        assert_eq!(Summary::of(&run).percentile(50), None);
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
