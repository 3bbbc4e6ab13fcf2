//! From a value a minute back to requests.

use std::time::Duration;

use crate::simulate::{PERIOD, Request, Trace};

use super::{COURSE_STEP, Course, History, Refusal, Series};

/// More requests than this aren't replayed: of a busier endpoint only the last days are, so that memory and time stay
/// within those of the function.
const MOST_REQUESTS: usize = 100_000;

/// CloudWatch may still lack the last minutes.
const MINUTES_LATE: usize = 10;

#[derive(Debug)]
pub(super) struct Reconstructed {
    pub(super) trace: Trace,
    /// Of the history, the first one that is replayed.
    pub(super) first_minute: usize,
}

/// A count as the numbers of metrics are.
pub(super) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A value that makes sense; CloudWatch has no negative counts or times.
pub(super) fn at(series: &Series, minute: usize) -> Option<f64> {
    series.get(minute).copied().flatten().filter(|value| value.is_finite() && *value >= 0.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast to an integer stops at its bounds")]
pub(super) fn count(value: f64) -> usize {
    value.round() as usize
}

/// The requests that were done, each minute's at even distances within it. Each has come as long before as the minute's
/// took on average, and an instance worked on it for what is left of that without the time in the backlog.
pub(super) fn trace(history: &History) -> Result<Reconstructed, (Refusal, String)> {
    let done = |minute: usize| at(&history.processed, minute).map_or(0, count);
    let mut total = 0_usize;
    let mut first_minute = history.minutes;
    while first_minute > 0 && total.saturating_add(done(first_minute - 1)) <= MOST_REQUESTS {
        first_minute -= 1;
        total += done(first_minute);
    }
    if first_minute > 0 && history.minutes - first_minute < 60 {
        return Err((Refusal::NoData, format!("more than {MOST_REQUESTS} requests an hour are too many to replay")));
    }
    let mut requests = Vec::with_capacity(total);
    let mut groups = Vec::new();
    for minute in first_minute..history.minutes {
        let requests_done = done(minute);
        if requests_done == 0 {
            continue;
        }
        let each = |series: &Series| {
            let milliseconds = at(series, minute).unwrap_or(0.0) / number(requests_done);
            Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
        };
        let (whole, waited) = (each(&history.processing_time), each(&history.time_in_backlog));
        let begins = PERIOD * u32::try_from(minute - first_minute).unwrap_or(u32::MAX);
        groups.push(Group { minute, begins, requests: requests_done, whole, waited });
    }
    for (place, group) in groups.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &groups[before]).filter(|it| it.minute + 1 == group.minute);
        let after = groups.get(place + 1).filter(|it| it.minute == group.minute + 1);
        group.spread(group.pace(before, after), &mut requests);
    }
    requests.sort_unstable();
    come_as_counted(history, first_minute, &mut requests);
    requests.sort_unstable();
    let minutes = u32::try_from(history.minutes - first_minute).unwrap_or(u32::MAX);
    let skipped = PERIOD * u32::try_from(first_minute).unwrap_or(u32::MAX);
    let start = history.start.checked_add(skipped).unwrap_or(history.start);
    Ok(Reconstructed { trace: Trace { start, until: PERIOD * minutes, requests }, first_minute })
}

/// How far the time at which a request came may be off: a minute's requests were done at some time in it.
const OFF: Duration = PERIOD;

/// While no instance runs nothing is done, and the backlog counts how many have come by the end of each minute. That is when
/// an endpoint is woken, and how many instances for, so requests are moved into the minutes in which they were counted.
fn come_as_counted(history: &History, first_minute: usize, requests: &mut [Request]) {
    let mut next = 0;
    let mut counted = 0;
    for minute in first_minute..history.minutes {
        let has_instance = at(&history.samples, minute).is_some_and(|reports| reports > 0.0);
        let waiting = match at(&history.backlog, minute) {
            Some(backlog) if !has_instance => count(backlog),
            _ => 0,
        };
        if waiting == 0 {
            counted = 0;
            continue;
        }
        let begins = PERIOD * u32::try_from(minute - first_minute).unwrap_or(u32::MAX);
        let (earliest, latest) = (begins, begins + PERIOD.saturating_sub(Duration::from_secs(1)));
        next = next.max(requests.partition_point(|request| request.arrives + OFF < earliest));
        for _ in counted..waiting {
            // One that was never done is in no minute.
            let Some(request) = requests.get_mut(next).filter(|request| request.arrives <= latest + OFF) else { break };
            request.arrives = request.arrives.clamp(earliest, latest);
            next += 1;
        }
        counted = waiting;
    }
}

/// The requests that were done in a minute, each as long after its arrival as all of them were on average.
#[derive(Debug)]
struct Group {
    minute: usize,
    /// Of the minute, since the first one that is replayed.
    begins: Duration,
    requests: usize,
    whole: Duration,
    waited: Duration,
}

impl Group {
    /// When they came on average: the middle of the minute, less how long they took. Seconds.
    fn came(&self) -> f64 {
        (self.begins + PERIOD / 2).as_secs_f64() - self.whole.as_secs_f64()
    }

    /// How quickly they came, beside how quickly they were done: 0 all at once, 1 in the same time. A queue is worked off in
    /// the order of arrival, so the groups before and after tell. Alone, those that waited for an instance came at once, and
    /// those that didn't came one after the other.
    fn pace(&self, before: Option<&Self>, after: Option<&Self>) -> f64 {
        let minute = PERIOD.as_secs_f64();
        let pace = match (before, after) {
            (Some(before), Some(after)) => (after.came() - before.came()) / (2.0 * minute),
            (Some(before), None) => (self.came() - before.came()) / minute,
            (None, Some(after)) => (after.came() - self.came()) / minute,
            (None, None) if self.waited > PERIOD => 0.0,
            (None, None) => 1.0,
        };
        pace.clamp(0.0, 1.0)
    }

    /// At even distances, around the time at which they came on average.
    fn spread(&self, pace: f64, requests: &mut Vec<Request>) {
        let work = self.whole.saturating_sub(self.waited);
        for place in 0..self.requests {
            let from_the_middle = ((number(place) + 0.5) / number(self.requests) - 0.5) * PERIOD.as_secs_f64();
            let arrives = Duration::try_from_secs_f64(self.came() + pace * from_the_middle).unwrap_or_default();
            requests.push(Request { arrives, work });
        }
    }
}

/// Instances in a minute, by their samples.
pub(super) fn instances(history: &History, minute: usize) -> f64 {
    at(&history.samples, minute).unwrap_or(0.0) * f64::from(history.publish_frequency.max(1)) / PERIOD.as_secs_f64()
}

/// How long requests waited on average.
pub(super) fn mean_wait(history: &History, first_minute: usize) -> Duration {
    let sum = |series: &Series| (first_minute..history.minutes).filter_map(|minute| at(series, minute)).sum::<f64>();
    let milliseconds = sum(&history.time_in_backlog) / sum(&history.processed).max(1.0);
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

/// Minutes of the endpoint's life without any datapoint of a metric that is always there, and how many minutes that are.
pub(super) fn gaps(history: &History) -> (usize, usize) {
    let born = history.created.duration_since(history.start).as_secs().max(0) / 60;
    let born = usize::try_from(born).unwrap_or(usize::MAX).saturating_add(MINUTES_LATE);
    let first = if history.created > history.start { born } else { 0 };
    let minutes = first..history.minutes.saturating_sub(MINUTES_LATE);
    // With an instance there are its reports, and without one it is there whether anything waits.
    let always = [&history.backlog, &history.without_capacity, &history.samples];
    let is_gap = |minute: &usize| always.iter().all(|series| at(series, *minute).is_none());
    (minutes.clone().filter(is_gap).count(), minutes.count())
}

/// What CloudWatch has, for the picture.
pub(super) fn course(history: &History, first_minute: usize) -> Course {
    let step = usize::try_from(COURSE_STEP.as_secs() / PERIOD.as_secs()).unwrap_or(1);
    let mut course = Course::default();
    let minutes: Vec<usize> = (first_minute..history.minutes).collect();
    for part in minutes.chunks(step) {
        let sum: f64 = part.iter().map(|minute| instances(history, *minute)).sum();
        let backlog = part.iter().filter_map(|minute| at(&history.backlog, *minute)).fold(0.0, f64::max);
        course.instances.push(as_drawn(sum / number(part.len())));
        course.backlog.push(as_drawn(backlog));
    }
    course
}

#[expect(clippy::cast_possible_truncation, reason = "a picture needs no more digits")]
pub(super) fn as_drawn(value: f64) -> f32 {
    value as f32
}
