//! Warm hours: weekly windows, each in a time zone of its own, in which a variant keeps instances ready. Application Auto
//! Scaling opens and closes them by scheduled actions; the plan knows the clock, so that it takes neither for a drift.
//!
//! A window opens and closes at the local time on the wall. Where summer time skips that time, it is the skipped hour
//! later; where it comes twice, it is the first. (AWS doesn't say what its schedules do in those hours; should it differ,
//! the next sweep makes up for it.) A window stays open until it has closed, on whatever day, and windows may overlap: the
//! variant is warm while any is open, and only a closing at which no other window is open lowers `MinCapacity`.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::names::{warm_end, warm_start};
use super::scaling::ScheduledAction;
use super::zones::canonical;

/// The windows of one endpoint by their labels; the one of the tag without a label has an empty one.
pub type WarmHours = BTreeMap<String, WarmWindow>;

/// Whether any window is open.
#[must_use]
pub fn is_warm(windows: &WarmHours, now: Timestamp) -> bool {
    windows.values().any(|window| window.is_open(now))
}

/// The scheduled actions that open and close the windows, by name. Those that close one hold for a week from `now`: which
/// of them fall into another window can change with summer time, where the time zones differ.
#[must_use]
pub(super) fn scheduled_actions(
    windows: &WarmHours,
    warm_capacity: i32,
    min_capacity: i32,
    now: Timestamp,
) -> BTreeMap<String, ScheduledAction> {
    let mut actions = BTreeMap::new();
    for (label, window) in windows {
        actions.insert(warm_start(label), window.action(window.days, window.opens, warm_capacity));
        let last_to_close = window.closings(now).filter(|closing| !is_warm(windows, closing.at));
        let days: Days = last_to_close.map(|closing| closing.day).collect();
        if days != Days::default() {
            actions.insert(warm_end(label), window.action(days, window.closes, min_capacity));
        }
    }
    actions
}

/// A window of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmWindow {
    /// Those on which it opens.
    days: Days,
    opens: Time,
    /// On the next day, where this is not after `opens`.
    closes: Time,
    zone: TimeZone,
}

/// The end of a window.
struct Closing {
    at: Timestamp,
    day: Weekday,
}

impl WarmWindow {
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        self.zone.clone()
    }

    /// Reads `MON-FRI 08:00-18:00 Europe/Berlin`.
    ///
    /// # Errors
    /// What the value must be, as the end of a sentence: `must be …`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split_whitespace();
        let (Some(days), Some(times), Some(zone), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("must be days, times and a time zone, such as MON-FRI 08:00-18:00 Europe/Berlin".to_owned());
        };
        let days = Days::parse(days).ok_or_else(|| {
            format!("must begin with days such as MON-FRI, SAT or MON+WED+FRI, but {days:?} is not that")
        })?;
        let (opens, closes) = times.split_once('-').and_then(|(opens, closes)| span(opens, closes)).ok_or_else(|| {
            format!(
                "must have two different times such as 08:00-18:00, or 22:00-06:00 across midnight, or 00:00-24:00, but \
                 {times:?} is not that"
            )
        })?;
        let unknown = || {
            format!(
                "must end with a time zone of the IANA database such as Europe/Berlin or UTC, but {zone:?} is not one"
            )
        };
        let zone = real_zone(zone).ok_or_else(unknown)?;
        Ok(Self { days, opens, closes, zone })
    }

    fn is_open(&self, now: Timestamp) -> bool {
        let today = self.zone.to_datetime(now).date();
        [today.yesterday().ok(), Some(today)].into_iter().flatten().any(|day| {
            let is_between = |(opens, closes)| (opens..closes).contains(&now);
            self.days.has(day.weekday()) && self.opened_on(day).is_some_and(is_between)
        })
    }

    /// The closings of a week from `now`, one for each day of the week at the most.
    fn closings(&self, now: Timestamp) -> impl Iterator<Item = Closing> {
        let today = self.zone.to_datetime(now).date();
        let mut seen = Days::default();
        (-1..=8).filter_map(move |days| {
            let opens_on = today.checked_add(i64::from(days).days()).ok()?;
            let (_, at) = self.opened_on(opens_on).filter(|_| self.days.has(opens_on.weekday()))?;
            let day = self.closing_day(opens_on)?.weekday();
            (at >= now && seen.insert(day)).then_some(Closing { at, day })
        })
    }

    /// From when to when the window is open that opens on `day`. `None` at the end of time.
    fn opened_on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let at = |day: Date, time: Time| self.zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok();
        Some((at(day, self.opens)?, at(self.closing_day(day)?, self.closes)?))
    }

    fn closing_day(&self, opens_on: Date) -> Option<Date> {
        if self.closes > self.opens { Some(opens_on) } else { opens_on.tomorrow().ok() }
    }

    fn action(&self, days: Days, time: Time, min_capacity: i32) -> ScheduledAction {
        ScheduledAction {
            schedule: format!("cron({} {} ? * {} *)", time.minute(), time.hour(), days.to_cron()),
            timezone: self.zone.iana_name().unwrap_or("UTC").to_owned(),
            min_capacity,
        }
    }
}

/// The zone of this name, in whatever case. `None` for names that are of no place: `Factory` stands for a clock that nobody
/// has set.
fn real_zone(name: &str) -> Option<TimeZone> {
    let known = TimeZone::get(name).ok()?;
    let name = canonical(known.iana_name()?);
    (name != "Factory").then(|| TimeZone::get(name).ok()).flatten()
}

/// `24:00` is the end of the day. Two equal times are refused, as they could mean a whole day or none.
fn span(opens: &str, closes: &str) -> Option<(Time, Time)> {
    let opens = time(opens)?;
    let closes = if closes == "24:00" { Time::midnight() } else { time(closes).filter(|closes| *closes != opens)? };
    Some((opens, closes))
}

/// `HH:MM`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i8>().ok()).flatten()
    };
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

/// In the order and with the names of AWS's cron expressions
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>).
const DAYS: [(&str, Weekday); 7] = [
    ("MON", Weekday::Monday),
    ("TUE", Weekday::Tuesday),
    ("WED", Weekday::Wednesday),
    ("THU", Weekday::Thursday),
    ("FRI", Weekday::Friday),
    ("SAT", Weekday::Saturday),
    ("SUN", Weekday::Sunday),
];

/// Days of the week, from Monday.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Days([bool; 7]);

impl Days {
    /// `MON-FRI`, `SAT`, `MON+WED+FRI`, and ranges over the end of the week, `FRI-MON`.
    fn parse(text: &str) -> Option<Self> {
        let position = |name: &str| DAYS.iter().position(|(known, _)| *known == name);
        let mut days = Self::default();
        for part in text.split('+') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (position(first)?, position(last)?);
            for day in 0..=(last + 7 - first) % 7 {
                days.0[(first + day) % 7] = true;
            }
        }
        Some(days)
    }

    fn has(self, day: Weekday) -> bool {
        self.0[Self::place(day)]
    }

    /// Whether the day is new.
    fn insert(&mut self, day: Weekday) -> bool {
        !std::mem::replace(&mut self.0[Self::place(day)], true)
    }

    fn to_cron(self) -> String {
        let names: Vec<&str> = DAYS.iter().filter(|(_, day)| self.has(*day)).map(|(name, _)| *name).collect();
        names.join(",")
    }

    fn place(day: Weekday) -> usize {
        usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()
    }
}

impl FromIterator<Weekday> for Days {
    fn from_iter<T: IntoIterator<Item = Weekday>>(days: T) -> Self {
        let mut found = Self::default();
        for day in days {
            found.insert(day);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> WarmWindow {
        WarmWindow::parse(text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The schedules of all actions for `MinCapacity` 0 and 1 in warm hours, by what follows `scale-to-zero-warm-`.
    fn schedules(windows: &[(&str, &str)], now: &str) -> Vec<(String, String)> {
        let windows = windows.iter().map(|(label, text)| ((*label).to_owned(), window(text))).collect();
        let actions = scheduled_actions(&windows, 1, 0, at(now));
        actions
            .into_iter()
            .map(|(name, action)| {
                assert_eq!(action.min_capacity, i32::from(name.contains("start")), "{name}");
                (name.replace("scale-to-zero-warm-", ""), format!("{} {}", action.schedule, action.timezone))
            })
            .collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, schedule)| ((*name).to_owned(), (*schedule).to_owned())).collect()
    }

    const MONDAY: &str = "2026-11-23T12:00:00Z";

    #[test]
    fn a_window_becomes_two_actions_in_its_time_zone() {
        assert_eq!(
            schedules(&[("", "MON-FRI 08:00-18:30 Europe/Berlin")], MONDAY),
            owned(&[
                ("end", "cron(30 18 ? * MON,TUE,WED,THU,FRI *) Europe/Berlin"),
                ("start", "cron(0 8 ? * MON,TUE,WED,THU,FRI *) Europe/Berlin"),
            ])
        );
    }

    #[test]
    fn days_are_ranges_and_lists() {
        for (days, want) in [
            ("SAT", "SAT"),
            ("MON+WED+FRI", "MON,WED,FRI"),
            ("FRI-MON", "MON,FRI,SAT,SUN"),
            ("SUN+MON-TUE+MON", "MON,TUE,SUN"),
            ("MON-SUN", "MON,TUE,WED,THU,FRI,SAT,SUN"),
        ] {
            assert_eq!(Days::parse(days).map(Days::to_cron).as_deref(), Some(want), "{days}");
        }
    }

    #[test]
    fn only_the_documented_spelling_is_accepted() {
        for (text, says) in [
            ("", "such as MON-FRI 08:00-18:00 Europe/Berlin"),
            ("MON-FRI 08:00-18:00", "such as MON-FRI 08:00-18:00 Europe/Berlin"),
            ("MON-FRI 08:00-18:00 Europe/Berlin please", "such as"),
            ("Mon-Fri 08:00-18:00 UTC", "\"Mon-Fri\" is not that"),
            ("MON- 08:00-18:00 UTC", "days"),
            ("MON++TUE 08:00-18:00 UTC", "days"),
            ("MON-TUE-WED 08:00-18:00 UTC", "days"),
            ("MON 8:00-18:00 UTC", "\"8:00-18:00\" is not that"),
            ("MON 08:00 UTC", "times"),
            ("MON 08:60-18:00 UTC", "times"),
            ("MON 24:00-06:00 UTC", "times"),
            ("MON 08:00-08:00 UTC", "two different times"),
            ("MON 08:00-18:00 Europe/Berln", "\"Europe/Berln\" is not one"),
            ("MON 08:00-18:00 CET-1", "time zone"),
        ] {
            let problem = WarmWindow::parse(text).expect_err(text);
            assert!(problem.starts_with("must ") && problem.contains(says), "{text:?}: {problem}");
        }
        assert_eq!(window(" MON  08:00-18:00 europe/berlin"), window("MON 08:00-18:00 Europe/Berlin"));
        assert_eq!(window("MON 08:00-18:00 us/eastern"), window("MON 08:00-18:00 America/New_York"));
        assert!(WarmWindow::parse("MON 08:00-18:00 Factory").is_err());
    }

    /// Whether the window is open at each time, of which the second of two neighbours is a second later.
    fn assert_open(text: &str, times: &[(&str, bool)]) {
        for (time, want) in times {
            assert_eq!(window(text).is_open(at(time)), *want, "{text} at {time}");
        }
    }

    #[test]
    fn a_window_opens_and_closes_on_the_second() {
        assert_open(
            "MON-FRI 08:00-18:00 Europe/Berlin",
            &[
                ("2026-11-23T07:59:59+01:00", false),
                ("2026-11-23T08:00:00+01:00", true),
                ("2026-11-23T17:59:59+01:00", true),
                ("2026-11-23T18:00:00+01:00", false),
                ("2026-11-22T12:00:00+01:00", false),
                ("2026-07-20T08:00:00+02:00", true),
                ("2026-07-20T18:00:00+02:00", false),
            ],
        );
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_on_which_it_opens() {
        let text = "FRI 22:00-06:00 UTC";
        assert_open(
            text,
            &[
                ("2026-11-27T21:59:59Z", false),
                ("2026-11-27T22:00:00Z", true),
                ("2026-11-27T23:59:59Z", true),
                ("2026-11-28T00:00:00Z", true),
                ("2026-11-28T05:59:59Z", true),
                ("2026-11-28T06:00:00Z", false),
                ("2026-11-27T05:00:00Z", false),
            ],
        );
        assert_eq!(
            schedules(&[("", text)], MONDAY),
            owned(&[("end", "cron(0 6 ? * SAT *) UTC"), ("start", "cron(0 22 ? * FRI *) UTC")])
        );
    }

    #[test]
    fn whole_days_close_only_where_no_other_follows() {
        let text = "SAT-SUN 00:00-24:00 UTC";
        assert_open(
            text,
            &[
                ("2026-11-27T23:59:59Z", false),
                ("2026-11-28T00:00:00Z", true),
                ("2026-11-29T00:00:00Z", true),
                ("2026-11-29T23:59:59Z", true),
                ("2026-11-30T00:00:00Z", false),
            ],
        );
        assert_eq!(
            schedules(&[("", text)], MONDAY),
            owned(&[("end", "cron(0 0 ? * MON *) UTC"), ("start", "cron(0 0 ? * SAT,SUN *) UTC")])
        );
        assert_eq!(
            schedules(&[("", "MON-SUN 00:00-24:00 UTC")], MONDAY),
            owned(&[("start", "cron(0 0 ? * MON,TUE,WED,THU,FRI,SAT,SUN *) UTC")]),
            "always warm"
        );
    }

    #[test]
    fn a_window_that_closes_in_another_leaves_the_closing_to_it() {
        let (day, evening) = (("day", "MON-FRI 08:00-18:00 UTC"), ("evening", "FRI 18:00-22:00 UTC"));
        assert_eq!(
            schedules(&[day, evening], MONDAY),
            owned(&[
                ("end.day", "cron(0 18 ? * MON,TUE,WED,THU *) UTC"),
                ("end.evening", "cron(0 22 ? * FRI *) UTC"),
                ("start.day", "cron(0 8 ? * MON,TUE,WED,THU,FRI *) UTC"),
                ("start.evening", "cron(0 18 ? * FRI *) UTC"),
            ])
        );
        let twice = schedules(&[("a", "MON 08:00-18:00 UTC"), ("b", "MON 08:00-18:00 UTC")], MONDAY);
        assert_eq!(twice.iter().filter(|(name, _)| name.starts_with("end")).count(), 2, "either may close: {twice:?}");
    }

    /// For two weeks and a half in autumn, New York is an hour nearer to Berlin than for the rest of the winter.
    #[test]
    fn windows_of_different_zones_overlap_as_the_week_has_it() {
        let windows = [("berlin", "MON 08:00-14:30 Europe/Berlin"), ("york", "MON 09:00-17:00 America/New_York")];
        let has_berlin_end = |now: &str| schedules(&windows, now).iter().any(|(name, _)| name.as_str() == "end.berlin");
        assert!(has_berlin_end("2026-11-23T00:00:00Z"), "14:30 in Berlin is 08:30 in New York");
        assert!(!has_berlin_end("2026-10-25T12:00:00Z"), "on 26 October it is 09:30");
        assert!(has_berlin_end("2026-10-27T00:00:00Z"), "on 2 November it is 08:30 again");
    }

    /// New York changes to summer time on March 8, Berlin later. Until then Berlin's hours end before New York's begin.
    #[test]
    fn the_closing_that_comes_first_decides_whether_another_window_takes_it_over() {
        let windows = [("", "SUN 08:00-18:00 Europe/Berlin"), ("us", "SUN 12:30-20:00 America/New_York")];
        let ends = |now: &str| {
            let all = schedules(&windows, now).into_iter();
            all.map(|(name, _)| name).filter(|name| name.starts_with("end")).collect::<Vec<_>>()
        };
        assert_eq!(ends("2026-03-01T10:00:00Z"), ["end", "end.us"], "this evening");
        assert_eq!(ends("2026-03-01T17:00:01Z"), ["end.us"], "this evening's is over");
        assert_eq!(ends("2026-03-02T10:00:00Z"), ["end.us"], "next Sunday New York has opened by then");
    }

    #[test]
    fn in_the_hour_that_summer_time_skips_a_window_opens_and_closes_an_hour_later() {
        // On 29 March 2026, 02:00 in Berlin is followed by 03:00.
        let (before, after) = ("2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00");
        assert_open("SUN 01:00-02:30 Europe/Berlin", &[(before, true), (after, true)]);
        assert_open(
            "SUN 01:00-02:30 Europe/Berlin",
            &[("2026-03-29T03:29:59+02:00", true), ("2026-03-29T03:30:00+02:00", false)],
        );
        assert_open("SUN 02:30-04:00 Europe/Berlin", &[(after, false), ("2026-03-29T03:30:00+02:00", true)]);
        assert_open("SAT 22:00-06:00 Europe/Berlin", &[(before, true), (after, true)]);
        assert_open(
            "SAT 22:00-06:00 Europe/Berlin",
            &[("2026-03-29T05:59:59+02:00", true), ("2026-03-29T06:00:00+02:00", false)],
        );
    }

    #[test]
    fn in_the_hour_that_comes_twice_a_window_opens_and_closes_the_first_time() {
        // On 25 October 2026, 03:00 in Berlin is followed by 02:00.
        let (first, second) = ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00");
        assert_open("SUN 02:30-04:00 Europe/Berlin", &[("2026-10-25T02:29:59+02:00", false), (first, true)]);
        assert_open("SUN 02:30-04:00 Europe/Berlin", &[("2026-10-25T02:29:59+01:00", true), (second, true)]);
        assert_open("SUN 01:00-02:30 Europe/Berlin", &[("2026-10-25T02:29:59+02:00", true), (first, false)]);
        assert_open("SUN 01:00-02:30 Europe/Berlin", &[("2026-10-25T02:00:00+01:00", false), (second, false)]);
    }

    #[test]
    fn a_leap_day_is_a_day_like_any_other() {
        // 29 February 2028 is a Tuesday.
        assert_open(
            "TUE 22:00-06:00 UTC",
            &[
                ("2028-02-29T21:59:59Z", false),
                ("2028-02-29T22:00:00Z", true),
                ("2028-03-01T05:59:59Z", true),
                ("2028-03-01T06:00:00Z", false),
            ],
        );
    }

    #[test]
    fn the_schedules_are_the_same_on_every_day_of_an_ordinary_week() {
        let windows = [("", "MON-FRI 22:00-06:00 Asia/Kolkata"), ("x", "SAT+SUN 00:00-24:00 America/New_York")];
        let want = schedules(&windows, "2026-07-06T00:00:00Z");
        for hour in 0..7 * 24i64 {
            let now = at("2026-07-06T00:00:00Z") + hour.hours();
            assert_eq!(schedules(&windows, &now.to_string()), want, "{now}");
        }
    }

    #[test]
    fn no_time_is_too_early_or_too_late() {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            let windows = WarmHours::from([(String::new(), window("MON-SUN 00:00-24:00 Pacific/Kiritimati"))]);
            let _ = is_warm(&windows, now);
            let _ = scheduled_actions(&windows, 1, 0, now);
        }
    }
}
