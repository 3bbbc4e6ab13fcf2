//! Scalings side by side, over several weeks of a trace, and how far each is from what somebody could do who knows the
//! future.

use std::fmt;
use std::time::Duration;

use sagemaker_scale_to_zero::simulate::{Summary, Tally, Trace, World, foreseen, in_words, simulate};

use crate::candidates::Candidate;

/// What came of each scaling in all the weeks of a trace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) trace: String,
    pub(crate) rows: Vec<(String, Summary)>,
    /// With the instances of the last scaling's `MaxCapacity`.
    pub(crate) foreseen: Summary,
}

impl Comparison {
    /// # Errors
    /// What of a scaling the model doesn't know.
    pub(crate) fn of(trace: &str, weeks: &[Trace], candidates: &[Candidate], world: &World) -> Result<Self, String> {
        let mut rows = Vec::new();
        let mut instances = 1;
        for Candidate { title, scaling } in candidates {
            let mut summary = Summary::default();
            for week in weeks {
                let mut tally = Tally::default();
                let outcome = simulate(scaling, week, world, &mut tally)?;
                summary = summary.and(Summary::of(&outcome, tally));
            }
            rows.push((title.clone(), summary));
            let maximum = scaling.target.as_ref().map_or(1, |target| target.max_capacity);
            instances = usize::try_from(maximum).unwrap_or(1);
        }
        let foreseen = weeks.iter().map(|week| foreseen(week, instances, world)).fold(Summary::default(), Summary::and);
        Ok(Self { trace: trace.to_owned(), rows, foreseen })
    }
}

/// The rows of comparisons as a table in Markdown, so much a week.
pub(crate) struct Table<'a>(pub(crate) &'a [Comparison]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| trace | scaling | instance-hours | in service | of the limit | wakes | wait p50 | p99 | never taken | killed \
             | without grace |\n|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for Comparison { trace, rows, foreseen } in self.0 {
            let limit = [("knows the future".to_owned(), foreseen.clone())];
            for (title, summary) in rows.iter().chain(&limit) {
                let wait = |percent| summary.percentile(percent).map_or("–".to_owned(), in_words);
                writeln!(
                    formatter,
                    "| {trace} | {title} | {:.1} | {:.1} | {:.2} | {:.1} | {} | {} | {:.1} | {:.1} | {:.1} |",
                    summary.weekly(summary.instance_hours),
                    summary.weekly(summary.in_service_hours),
                    summary.instance_hours / foreseen.instance_hours,
                    summary.weekly_count(summary.wakes),
                    wait(50),
                    wait(99),
                    summary.weekly_count(summary.stranded()),
                    summary.weekly_count(summary.killed),
                    summary.weekly_count(summary.killed + summary.spared),
                )?;
            }
        }
        Ok(())
    }
}

/// The same, a row a trace and a column a scaling, for readers in a hurry: hours, the median and the 99th percentile of
/// the waits, and how many were killed.
pub(crate) struct Overview<'a>(pub(crate) &'a [Comparison]);

impl fmt::Display for Overview<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = self.0.first().map_or(&[][..], |first| &first.rows);
        let titles = titles.iter().map(|(title, _)| title.as_str()).chain(["knows the future"]);
        let heads: Vec<String> = titles.map(|title| format!(" {title} |")).collect();
        writeln!(formatter, "| trace |{}\n|---|{}", heads.concat(), "---|".repeat(heads.len()))?;
        for Comparison { trace, rows, foreseen } in self.0 {
            write!(formatter, "| {trace} |")?;
            for summary in rows.iter().map(|(_, summary)| summary).chain([foreseen]) {
                let wait = |percent| short(summary.percentile(percent).unwrap_or_default());
                let hours = summary.weekly(summary.instance_hours);
                let killed = summary.weekly_count(summary.killed);
                write!(formatter, " {hours:.1} h, {} / {}, {killed:.1} |", wait(50), wait(99))?;
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

/// `0:42`, `8:05`, `1:09:00`.
fn short(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500)).as_secs();
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use sagemaker_scale_to_zero::simulate::Shape;

    use super::*;

    #[test]
    fn a_comparison_has_a_row_for_each_scaling_and_the_limit_last() {
        let rules = crate::candidates::rules().unwrap();
        let tags = crate::candidates::parse_tags("max-capacity=2", &rules.tag_prefix).unwrap();
        let weeks: Vec<Trace> = Shape::Sporadic.weeks(2).collect();
        let candidates = crate::candidates::all(&tags, &rules, weeks[0].start).unwrap();
        let comparison = Comparison::of("sporadic", &weeks, &candidates, &World::default()).unwrap();
        assert_eq!(
            comparison.foreseen,
            weeks.iter().fold(Summary::default(), |sum, week| { sum.and(foreseen(week, 2, &World::default())) })
        );
        let table = Table(std::slice::from_ref(&comparison)).to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2 + 5 + 1);
        assert!(lines[2].starts_with("| sporadic | AWS's example | "), "{table}");
        assert!(lines[7].starts_with("| sporadic | knows the future | "), "{table}");
        assert!(lines[7].contains(" | 1.00 | "), "{table}");
        let overview = Overview(&[comparison]).to_string();
        assert!(overview.starts_with("| trace | AWS's example | no tags |"), "{overview}");
        assert_eq!(overview.lines().count(), 3);
    }

    #[test]
    fn waits_are_written_as_on_a_clock() {
        for (seconds, want) in [(0, "0:00"), (42, "0:42"), (485, "8:05"), (4140, "1:09:00")] {
            assert_eq!(short(Duration::from_secs(seconds)), want);
        }
    }
}
