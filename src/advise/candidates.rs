//! Which settings are tried.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::reconcile::{
    EndpointName, Hosting, Key, ScalableTarget, Scaling, Settings, Suspended, Tags, Variant, VariantName, WarmWindow,
    Wish, desired,
};
use crate::simulate::Trace;

use super::Question;

/// A scaling, with the tags that make the difference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) settings: Vec<(String, String)>,
    pub(super) scaling: Scaling,
}

const IDLE_TIMEOUTS: [&str; 7] = ["2m", "3m", "5m", "10m", "15m", "30m", "1h"];

/// An hour of the day is busy if requests came in it on so many days: a fortnight has too few weeks to go by.
const BUSY_SHARE: f64 = 0.8;

/// Fewer days show no custom.
const FEWEST_DAYS: usize = 5;

/// What the endpoint has: the scaling that its tags ask for, or so many instances all the time.
///
/// # Errors
/// Tags that can't be honoured.
pub(super) fn in_force(question: &Question<'_>, start: Timestamp) -> Result<Candidate, String> {
    match question.rules.read(question.tags) {
        Ok(Wish::Managed(settings)) => {
            let prefix = question.rules.tag_prefix.as_str();
            let own = question.tags.iter().filter(|(key, _)| question.rules.is_own_tag(key));
            let own = own.filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())));
            Ok(Candidate { settings: own.collect(), scaling: planned(&settings, start) })
        }
        Ok(Wish::None | Wish::OptOut) => {
            let instances = i32::try_from(question.fixed_instances).unwrap_or(i32::MAX);
            let target =
                ScalableTarget { min_capacity: instances, max_capacity: instances, suspended: Suspended::default() };
            Ok(Candidate { settings: Vec::new(), scaling: Scaling { target: Some(target), ..Scaling::default() } })
        }
        Err(problems) => Err(problems.first().map_or_else(String::new, |it| format!("{}: {}", it.tag, it.problem))),
    }
}

/// Everything that is tried beside it and that the rules allow.
pub(super) fn others(question: &Question<'_>, trace: &Trace) -> Vec<Candidate> {
    let tag = |key: Key, value: &str| (key.as_str().to_owned(), value.to_owned());
    let mut tried: Vec<Vec<(String, String)>> =
        IDLE_TIMEOUTS.iter().map(|timeout| vec![tag(Key::IdleTimeout, timeout)]).collect();
    let most = settings(question, &[]).map_or(1, |settings| settings.max_capacity);
    let default = tag(Key::IdleTimeout, "10m");
    tried.push(vec![tag(Key::BacklogPerInstance, "2"), default.clone()]);
    if most > 1 {
        tried.push(vec![tag(Key::WakeInstances, &most.to_string()), default.clone()]);
        tried.push(vec![tag(Key::MaxCapacity, &(most / 2).to_string()), default.clone()]);
    }
    tried.push(vec![tag(Key::MaxCapacity, &(most * 2).to_string()), default.clone()]);
    for window in busy_hours(trace, &zone(question)) {
        tried.push(vec![tag(Key::WarmHours, &window), default.clone()]);
        tried.push(vec![tag(Key::WarmHours, &window), tag(Key::IdleTimeout, "2m")]);
    }
    tried.into_iter().filter_map(|changes| candidate(question, changes, trace.start)).collect()
}

fn candidate(question: &Question<'_>, mut changes: Vec<(String, String)>, start: Timestamp) -> Option<Candidate> {
    let is_managed = matches!(question.rules.read(question.tags), Ok(Wish::Managed(_)));
    if !is_managed {
        changes.insert(0, (Key::Enabled.as_str().to_owned(), "true".to_owned()));
    }
    let settings = settings(question, &changes)?;
    // What is there already is no change.
    let is_new = |(key, value): &(String, String)| {
        question.tags.get(&format!("{}{key}", question.rules.tag_prefix)) != Some(value)
    };
    let changes: Vec<_> = changes.into_iter().filter(is_new).collect();
    (!changes.is_empty()).then(|| Candidate { settings: changes, scaling: planned(&settings, start) })
}

/// The settings with these changes, where the rules allow them.
fn settings(question: &Question<'_>, changes: &[(String, String)]) -> Option<Settings> {
    let mut tags: Tags = question.tags.clone();
    tags.extend(changes.iter().map(|(key, value)| (format!("{}{key}", question.rules.tag_prefix), value.clone())));
    match question.rules.read(&tags) {
        Ok(Wish::Managed(settings)) => Some(settings),
        Ok(Wish::None | Wish::OptOut) | Err(_) => None,
    }
}

fn planned(settings: &Settings, start: Timestamp) -> Scaling {
    let (Some(endpoint), Some(name)) = (EndpointName::new("advised"), VariantName::new("advised")) else {
        return Scaling::default();
    };
    let variant = Variant {
        name,
        current_instances: Some(settings.min_capacity),
        desired_instances: Some(settings.min_capacity),
        hosting: Hosting::Instances,
        instance_type: None,
        publish_frequency: None,
    };
    desired(&endpoint, &variant, settings, start)
}

/// The time zone of the endpoint's warm hours, or of those that all endpoints have by default; else nobody has said one.
pub(super) fn zone(question: &Question<'_>) -> TimeZone {
    let on = (Key::Enabled.as_str().to_owned(), "true".to_owned());
    let zone = settings(question, &[on]).and_then(|settings| settings.warm_hours.values().next().map(WarmWindow::zone));
    zone.filter(|zone| zone.iana_name().is_some()).unwrap_or(TimeZone::UTC)
}

/// Hours of the day in which requests came on nearly every day: of working days, and of all days.
pub(super) fn busy_hours(trace: &Trace, zone: &TimeZone) -> Vec<String> {
    let local = |since: Duration| trace.start.checked_add(since).map(|moment| zone.to_datetime(moment)).ok();
    let (Some(first), Some(last)) = (local(Duration::ZERO), local(trace.until)) else { return Vec::new() };
    // The first and the last day may be parts of one.
    let dates = first.date().series(1.day()).skip(1).take_while(|date| *date < last.date());
    let mut busy: BTreeMap<Date, [bool; 24]> = dates.map(|date| (date, [false; 24])).collect();
    for moment in trace.requests.iter().filter_map(|request| local(request.arrives)) {
        if let (Some(hours), Ok(hour)) = (busy.get_mut(&moment.date()), usize::try_from(moment.hour())) {
            hours[hour] = true;
        }
    }
    let is_working_day = |date: &Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    let working: Vec<[bool; 24]> =
        busy.iter().filter(|(date, _)| is_working_day(date)).map(|(_, hours)| *hours).collect();
    let all: Vec<[bool; 24]> = busy.into_values().collect();
    let name = zone.iana_name().unwrap_or("UTC");
    let windows = [("MON-FRI", working), ("MON-SUN", all)].into_iter().filter_map(|(days, busy)| {
        let (from, to) = longest_busy(&busy)?;
        Some(format!("{days} {from:02}:00-{to:02}:00 {name}"))
    });
    windows.collect()
}

/// From which hour to which, at least two and not around the clock.
fn longest_busy(days: &[[bool; 24]]) -> Option<(usize, usize)> {
    if days.len() < FEWEST_DAYS {
        return None;
    }
    let is_busy = |hour: usize| {
        let count = days.iter().filter(|busy| busy[hour]).count();
        super::reconstruct::number(count) >= BUSY_SHARE * super::reconstruct::number(days.len())
    };
    let mut longest = (0, 0);
    let mut from = 0;
    for hour in 0..=24 {
        if hour < 24 && is_busy(hour) {
            continue;
        }
        if hour - from > longest.1 - longest.0 {
            longest = (from, hour);
        }
        from = hour + 1;
    }
    (2..=20).contains(&(longest.1 - longest.0)).then_some(longest)
}
