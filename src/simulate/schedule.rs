//! Scheduled actions: from the cron expressions of a plan to moments of the simulation.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::reconcile::ScheduledAction;

use super::auto_scaling::NewMinimum;

/// When the actions of a plan change `MinCapacity`, from `start` on and for `span`, in the order of time.
///
/// # Errors
/// A schedule that no plan has.
pub(super) fn moments(
    actions: &BTreeMap<String, ScheduledAction>,
    start: Timestamp,
    span: Duration,
) -> Result<Vec<NewMinimum>, String> {
    let mut moments = Vec::new();
    for action in actions.values() {
        let weekly = Weekly::parse(&action.schedule, &action.timezone)
            .ok_or_else(|| format!("the schedule {} {}", action.schedule, action.timezone))?;
        let within = weekly.firings(start, span);
        moments.extend(within.map(|at| NewMinimum { at, min_capacity: action.min_capacity }));
    }
    // Of two at the same moment, one that opens a window is the one that is meant to stay.
    moments.sort_by_key(|moment| (moment.at, moment.min_capacity));
    Ok(moments)
}

/// `cron(minute hour ? * days *)` in a time zone, the one form that plans have
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>).
#[derive(Debug, Clone, PartialEq)]
struct Weekly {
    time: Time,
    days: Vec<Weekday>,
    zone: TimeZone,
}

impl Weekly {
    fn parse(schedule: &str, timezone: &str) -> Option<Self> {
        let fields: Vec<&str> = schedule.strip_prefix("cron(")?.strip_suffix(')')?.split(' ').collect();
        let [minute, hour, "?", "*", days, "*"] = fields[..] else { return None };
        Some(Self {
            time: Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?,
            days: days.split(',').map(weekday).collect::<Option<_>>()?,
            zone: TimeZone::get(timezone).ok()?,
        })
    }

    fn firings(&self, start: Timestamp, span: Duration) -> impl Iterator<Item = Duration> {
        let first = self.zone.to_datetime(start).date();
        // A day of an hour more or less, and the days that the zone is ahead or behind.
        let days = i64::try_from(span.as_secs() / 86_400).unwrap_or(0) + 2;
        (-1..=days).filter_map(move |day| {
            let date = first.checked_add(day.days()).ok().filter(|date| self.days.contains(&date.weekday()))?;
            let at = self.zone.to_ambiguous_timestamp(date.to_datetime(self.time)).compatible().ok()?;
            let since = Duration::try_from(at.duration_since(start)).ok()?;
            (since < span).then_some(since)
        })
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "MON" => Weekday::Monday,
        "TUE" => Weekday::Tuesday,
        "WED" => Weekday::Wednesday,
        "THU" => Weekday::Thursday,
        "FRI" => Weekday::Friday,
        "SAT" => Weekday::Saturday,
        "SUN" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(schedule: &str, timezone: &str, min_capacity: i32) -> ScheduledAction {
        ScheduledAction { schedule: schedule.to_owned(), timezone: timezone.to_owned(), min_capacity }
    }

    /// Hours since `start` and minimum, for a week.
    fn hours(actions: &[ScheduledAction], start: &str) -> Vec<(f64, i32)> {
        let named = actions.iter().cloned().enumerate().map(|(place, action)| (place.to_string(), action));
        moments(&named.collect(), start.parse().unwrap(), Duration::from_hours(168))
            .unwrap()
            .into_iter()
            .map(|moment| (moment.at.as_secs_f64() / 3600.0, moment.min_capacity))
            .collect()
    }

    #[test]
    fn a_window_raises_and_lowers_the_minimum_at_its_local_times() {
        let opens = action("cron(0 8 ? * MON,WED *)", "Europe/Berlin", 2);
        let closes = action("cron(30 18 ? * MON,WED *)", "Europe/Berlin", 0);
        assert_eq!(
            hours(&[opens, closes], "2026-01-05T00:00:00Z"),
            [(7.0, 2), (17.5, 0), (55.0, 2), (65.5, 0)],
            "Monday and Wednesday, an hour earlier in UTC"
        );
    }

    #[test]
    fn what_lies_before_the_beginning_is_left_out_and_comes_a_week_later() {
        let opens = action("cron(0 8 ? * MON *)", "UTC", 1);
        assert_eq!(hours(std::slice::from_ref(&opens), "2026-01-05T08:00:00Z"), [(0.0, 1)]);
        assert_eq!(hours(&[opens], "2026-01-05T09:00:00Z"), [(167.0, 1)]);
    }

    #[test]
    fn far_zones_are_another_day() {
        let opens = action("cron(0 8 ? * MON *)", "Pacific/Kiritimati", 1);
        assert_eq!(hours(&[opens], "2026-01-04T00:00:00Z"), [(18.0, 1)], "14 hours ahead of UTC");
    }

    #[test]
    fn an_hour_that_summer_time_skips_is_the_next_one() {
        let opens = action("cron(30 2 ? * SUN *)", "Europe/Berlin", 1);
        assert_eq!(hours(&[opens], "2026-03-29T00:00:00Z"), [(1.5, 1)], "03:30 in summer time");
    }

    #[test]
    fn another_form_of_schedule_is_refused() {
        for schedule in ["rate(1 hour)", "cron(0 8 * * ? *)", "cron(0 8 ? * 2 *)", "cron(0 25 ? * MON *)", "at(x)"] {
            let actions = BTreeMap::from([(String::new(), action(schedule, "UTC", 1))]);
            let refused = moments(&actions, Timestamp::UNIX_EPOCH, Duration::from_secs(1));
            assert_eq!(refused, Err(format!("the schedule {schedule} UTC")));
        }
    }
}
