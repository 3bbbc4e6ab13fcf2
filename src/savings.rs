//! What the endpoints of a Region ran and how much of it was idle, from the hours that CloudWatch keeps. Pure: values in,
//! a [`Row`] for each endpoint out. Hours are facts; money is hours times a price, where a price is known.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use crate::prices::Price;
use crate::reconcile::{EndpointName, Problem, SkipReason, Wish};

/// How far back it looks: a month. CloudWatch keeps hours for 455 days.
pub const DAYS: i64 = 30;

/// The hours that are looked at, whole ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

const HOUR: i64 = 3600;

impl Window {
    /// The last [`DAYS`] days, up to the hour that has just ended.
    #[must_use]
    pub fn until(now: Timestamp) -> Self {
        let end = now.as_second().div_euclid(HOUR) * HOUR;
        let at = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { start: at(end.saturating_sub(DAYS * 24 * HOUR)), end: at(end) }
    }

    #[must_use]
    pub fn hours(self) -> usize {
        usize::try_from((self.end.as_second() - self.start.as_second()) / HOUR).unwrap_or(0)
    }

    /// Which of its hours begins at this second.
    #[must_use]
    pub fn index(self, second: i64) -> Option<usize> {
        let index = usize::try_from(second.checked_sub(self.start.as_second())?.div_euclid(HOUR)).ok()?;
        (index < self.hours()).then_some(index)
    }

    fn hours_since(self, begin: Timestamp) -> f64 {
        let begin = begin.clamp(self.start, self.end);
        self.end.duration_since(begin).as_secs_f64() / SignedDuration::from_hours(1).as_secs_f64()
    }
}

/// What CloudWatch has of one endpoint, an hour each from the window's start on; `None` where there is no datapoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// `CPUUtilization`, `SampleCount`, of all variants.
    pub samples: Vec<Option<f64>>,
    /// `InvocationsProcessed`, `Sum`, of all variants.
    pub processed: Vec<Option<f64>>,
    /// `ApproximateBacklogSize`, `Maximum`.
    pub backlog: Vec<Option<f64>>,
    /// Values that are no count of anything, and were left out.
    pub strange: usize,
}

impl Hours {
    #[must_use]
    pub fn none(window: Window) -> Self {
        let empty = vec![None; window.hours()];
        Self { samples: empty.clone(), processed: empty.clone(), backlog: empty, strange: 0 }
    }
}

/// What is known of an endpoint beside its hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub name: EndpointName,
    /// Of its first variant.
    pub instance_type: Option<String>,
    /// What its tags ask for.
    pub wish: Result<Wish, Vec<Problem>>,
    /// Why it couldn't be managed, whatever its tags say.
    pub ineligible: Option<SkipReason>,
    /// Instances that run now.
    pub instances: i32,
    pub created: Option<Timestamp>,
    /// When the configuration that is in use was made.
    pub configured: Option<Timestamp>,
    /// `MetricPublishFrequencyInSeconds`, 60 where the endpoint says nothing.
    pub publish_frequency: i32,
}

/// Whether the function looks after an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing but a tag is missing.
    Unmanaged,
    OptedOut,
    Ineligible(SkipReason),
    Managed,
    /// Its tags ask for the function and can't be read.
    InvalidTags,
}

impl Standing {
    #[must_use]
    pub fn is_managed(self) -> bool {
        match self {
            Self::Managed | Self::InvalidTags => true,
            Self::Unmanaged | Self::OptedOut | Self::Ineligible(_) => false,
        }
    }

    /// The first are those that a tag would help.
    fn rank(self) -> u8 {
        match self {
            Self::Unmanaged | Self::OptedOut => 0,
            Self::Ineligible(_) => 1,
            Self::Managed | Self::InvalidTags => 2,
        }
    }
}

/// What an endpoint ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    pub instance_hours: f64,
    /// The hours of one instance that is always on, since the window's start or the endpoint's creation.
    pub always_on_hours: f64,
    /// The part of the instance-hours in hours in which nothing waited and nothing was finished, neither then nor in the hour
    /// after. SageMaker gives a request up after an hour, so none was under way.
    pub idle_hours: f64,
    pub requests: u64,
}

impl Usage {
    #[must_use]
    pub fn idle_share(self) -> f64 {
        if self.instance_hours > 0.0 { self.idle_hours / self.instance_hours } else { 0.0 }
    }
}

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoUsage {
    /// Instances run, and CloudWatch has not one sample of them.
    NoData,
    /// An hour's samples can't be told from this frequency.
    PublishFrequency,
}

impl NoUsage {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoData => "no-data",
            Self::PublishFrequency => "publish-frequency",
        }
    }
}

/// One endpoint of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub endpoint: EndpointName,
    pub standing: Standing,
    pub instance_type: Option<String>,
    pub usage: Result<Usage, NoUsage>,
    pub price: Option<Price>,
    pub notes: Vec<String>,
}

/// Those that a tag would help come first, and of these the ones that idled most.
pub fn sort(rows: &mut [Row]) {
    let idle = |row: &Row| row.usage.map_or(-1.0, |usage| usage.idle_hours);
    rows.sort_by(|left, right| {
        let by_idle = idle(right).partial_cmp(&idle(left)).unwrap_or(Ordering::Equal);
        left.standing.rank().cmp(&right.standing.rank()).then(by_idle).then_with(|| left.endpoint.cmp(&right.endpoint))
    });
}

/// AWS takes 10 to 300 seconds (`MetricsConfig` in the SageMaker API reference).
const FREQUENCIES: std::ops::RangeInclusive<i32> = 10..=300;

/// The row of one endpoint.
#[must_use]
pub fn row(window: Window, subject: Subject, hours: &Hours, price: Option<Price>) -> Row {
    let standing = match (&subject.wish, subject.ineligible) {
        (_, Some(reason)) => Standing::Ineligible(reason),
        (Ok(Wish::None), None) => Standing::Unmanaged,
        (Ok(Wish::OptOut), None) => Standing::OptedOut,
        (Ok(Wish::Managed(_)), None) => Standing::Managed,
        (Err(_), None) => Standing::InvalidTags,
    };
    let notes = notes(window, &subject, standing, hours);
    let usage = usage(window, &subject, hours);
    Row { endpoint: subject.name, standing, instance_type: subject.instance_type, usage, price, notes }
}

/// More samples or requests than any endpoint has in an hour.
const MOST_IN_AN_HOUR: f64 = 1e9;

/// Whether this can be the number of samples or requests of an hour.
#[must_use]
pub fn is_count(value: f64) -> bool {
    (0.0..=MOST_IN_AN_HOUR).contains(&value)
}

/// A count that CloudWatch gave as a number with decimals.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are 0 or more, and `as` saturates")]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

fn usage(window: Window, subject: &Subject, hours: &Hours) -> Result<Usage, NoUsage> {
    if !FREQUENCIES.contains(&subject.publish_frequency) {
        return Err(NoUsage::PublishFrequency);
    }
    let hours_a_sample = f64::from(subject.publish_frequency) / 3600.0;
    let first = hours.samples.iter().position(Option::is_some);
    // What has just started may not have reported yet.
    let is_young = subject.created.is_some_and(|created| window.hours_since(created) < 1.0);
    if first.is_none() && subject.instances > 0 && !is_young {
        return Err(NoUsage::NoData);
    }
    // An endpoint that was made anew under its old name has hours from before.
    let seen = first.map(|hour| window.start + SignedDuration::from_hours(i64::try_from(hour).unwrap_or(0)));
    let begin = [subject.created, seen].into_iter().flatten().min().unwrap_or(window.start);
    let is_quiet = |hour: usize| {
        let counted = |values: &[Option<f64>], hour: usize| values.get(hour).copied().flatten().unwrap_or(0.0);
        // Nobody knows yet whether requests of the last hour are still under way.
        hour + 1 < hours.samples.len()
            && counted(&hours.processed, hour) + counted(&hours.processed, hour + 1) == 0.0
            && counted(&hours.backlog, hour) == 0.0
    };
    let ran = |hour: usize| hours.samples[hour].unwrap_or(0.0) * hours_a_sample;
    let all = 0..hours.samples.len();
    Ok(Usage {
        instance_hours: all.clone().map(ran).sum(),
        always_on_hours: if subject.created.is_none() && seen.is_none() {
            window.hours_since(window.start)
        } else {
            window.hours_since(begin)
        },
        idle_hours: all.filter(|hour| is_quiet(*hour)).map(ran).sum(),
        requests: whole(hours.processed.iter().flatten().sum()),
    })
}

fn notes(window: Window, subject: &Subject, standing: Standing, hours: &Hours) -> Vec<String> {
    let mut notes = Vec::new();
    let first = hours.samples.iter().position(Option::is_some);
    let first = first.map(|hour| window.start + SignedDuration::from_hours(i64::try_from(hour).unwrap_or(0)));
    if let (Some(configured), Some(first)) = (subject.configured, first)
        && configured > first + SignedDuration::from_hours(1)
    {
        notes.push(format!(
            "its configuration dates from {configured:.0}: the hours before are counted and priced as if it had had the \
             same instance type and the same publication of metrics"
        ));
    }
    if hours.strange > 0 {
        notes.push(format!("{} values of its metrics are not counts, and were left out", hours.strange));
    }
    match standing {
        Standing::InvalidTags => notes.push("its tags can't be read; the action explain says which".to_owned()),
        Standing::OptedOut => notes.push("it has been opted out by its tag".to_owned()),
        Standing::Unmanaged | Standing::Ineligible(_) | Standing::Managed => {}
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::Settings;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window() -> Window {
        Window::until(at("2026-11-25T12:34:56Z"))
    }

    fn subject() -> Subject {
        Subject {
            name: EndpointName::new("demo").unwrap(),
            instance_type: Some("ml.g5.xlarge".to_owned()),
            wish: Ok(Wish::None),
            ineligible: None,
            instances: 1,
            created: Some(at("2026-01-01T00:00:00Z")),
            configured: Some(at("2026-01-01T00:00:00Z")),
            publish_frequency: 60,
        }
    }

    /// One instance all the time, and nothing to do.
    fn idle() -> Hours {
        let mut hours = Hours::none(window());
        hours.samples.fill(Some(60.0));
        hours.backlog.fill(Some(0.0));
        hours
    }

    fn used(subject: Subject, hours: &Hours) -> Usage {
        row(window(), subject, hours, None).usage.unwrap()
    }

    #[test]
    fn a_window_is_a_month_of_whole_hours() {
        let window = window();
        assert_eq!((window.start, window.end), (at("2026-10-26T12:00:00Z"), at("2026-11-25T12:00:00Z")));
        assert_eq!(window.hours(), 720);
        let index = |text: &str| window.index(at(text).as_second());
        assert_eq!(index("2026-10-26T12:00:00Z"), Some(0));
        assert_eq!(index("2026-11-25T11:00:00Z"), Some(719));
        assert_eq!(index("2026-11-25T12:00:00Z"), None, "not over yet");
        assert_eq!(index("2026-10-26T11:00:00Z"), None, "before it");
        for strange in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
            _ = Window::until(strange).index(i64::MIN);
        }
    }

    #[test]
    fn an_idle_instance_idles_all_hours_but_the_last_of_which_nobody_knows_yet() {
        let want = Usage { instance_hours: 720.0, always_on_hours: 720.0, idle_hours: 719.0, requests: 0 };
        assert_eq!(used(subject(), &idle()), want);
    }

    #[test]
    fn samples_count_for_as_long_as_the_endpoint_leaves_between_them() {
        for (frequency, samples) in [(10, 360.0), (30, 120.0), (60, 60.0), (300, 12.0)] {
            let mut hours = idle();
            hours.samples.fill(Some(samples));
            let subject = Subject { publish_frequency: frequency, ..subject() };
            assert!((used(subject, &hours).instance_hours - 720.0).abs() < 1e-6, "every {frequency} seconds");
        }
    }

    #[test]
    fn an_hour_with_a_request_and_the_one_before_are_not_idle() {
        let mut hours = idle();
        hours.processed[100] = Some(3.0);
        hours.backlog[200] = Some(1.0);
        let used = used(subject(), &hours);
        assert_eq!((used.idle_hours, used.requests), (719.0 - 3.0, 3));
    }

    #[test]
    fn an_endpoint_is_compared_with_an_instance_that_is_as_old_as_itself() {
        let young = Subject { created: Some(at("2026-11-22T12:00:00Z")), ..subject() };
        let mut hours = Hours::none(window());
        hours.samples[720 - 72..].fill(Some(60.0));
        let unknown = Subject { created: None, instances: 0, ..subject() };
        for (what, subject, hours, want) in [
            ("three days old", young.clone(), hours, 72.0),
            ("made anew under its old name", young, idle(), 720.0),
            ("of unknown age", unknown, Hours::none(window()), 720.0),
        ] {
            assert!((used(subject, &hours).always_on_hours - want).abs() < 1e-9, "{what}");
        }
    }

    #[test]
    fn without_samples_there_is_a_reason_and_no_number_unless_nothing_runs() {
        let nothing = Hours::none(window());
        let usage = |subject: Subject| row(window(), subject, &nothing, None).usage;
        assert_eq!(usage(subject()), Err(NoUsage::NoData));
        assert_eq!(usage(Subject { instances: 0, ..subject() }).map(|it| it.instance_hours), Ok(0.0));
        let new = Subject { created: Some(at("2026-11-25T12:20:00Z")), ..subject() };
        assert_eq!(usage(new).map(|it| it.instance_hours), Ok(0.0));
        for frequency in [0, -1, 7, i32::MIN, i32::MAX] {
            let subject = Subject { publish_frequency: frequency, ..subject() };
            assert_eq!(row(window(), subject, &idle(), None).usage, Err(NoUsage::PublishFrequency), "{frequency}");
        }
    }

    #[test]
    fn those_that_a_tag_would_help_come_first_and_of_these_the_idlest() {
        let named = |name: &str, wish: Wish, ineligible: Option<SkipReason>, idle_samples: f64| {
            let mut hours = idle();
            hours.samples.fill(Some(idle_samples));
            let subject = Subject { name: EndpointName::new(name).unwrap(), wish: Ok(wish), ineligible, ..subject() };
            row(window(), subject, &hours, None)
        };
        let managed = || Wish::Managed(Settings::default());
        let mut rows = vec![
            named("managed", managed(), None, 600.0),
            named("burstable", Wish::None, Some(SkipReason::BurstableInstance), 500.0),
            named("b", Wish::None, None, 60.0),
            named("a", Wish::None, None, 60.0),
            named("out", Wish::OptOut, None, 120.0),
            named("two", Wish::None, None, 180.0),
        ];
        sort(&mut rows);
        let order: Vec<&str> = rows.iter().map(|row| row.endpoint.as_str()).collect();
        assert_eq!(order, ["two", "out", "a", "b", "burstable", "managed"]);
    }

    #[test]
    fn what_is_assumed_is_noted() {
        let changed = Subject { configured: Some(at("2026-11-20T00:00:00Z")), ..subject() };
        let hours = Hours { strange: 2, ..idle() };
        let notes = row(window(), changed, &hours, None).notes;
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("2026-11-20T00:00:00Z"), "{}", notes[0]);
        assert_eq!(row(window(), subject(), &idle(), None).notes, Vec::<String>::new());
    }

    #[test]
    fn a_million_requests_are_counted_exactly() {
        let mut hours = idle();
        hours.processed.fill(Some(1_000_000.0));
        assert_eq!(used(subject(), &hours).requests, 720_000_000);
        assert!(![f64::NAN, f64::INFINITY, -1.0].into_iter().any(is_count) && is_count(0.0));
    }
}
