//! From a value a minute back to requests.

use std::time::Duration;

use jiff::Timestamp;

use crate::simulate::{PERIOD, Request, Trace, World};

use super::counted::{Counted, Queue};
use super::seen;
use super::{COURSE_STEP, Course, History, Refusal, Series};

/// More requests than this aren't replayed: of a busier endpoint only the last days are, so that memory and time stay
/// within those of the function.
const MOST_REQUESTS: usize = 100_000;

/// CloudWatch may still lack the last minutes.
const MINUTES_LATE: usize = 10;

/// What the metrics tell, by each way in which SageMaker may count the queue.
#[derive(Debug)]
pub(super) struct Readings {
    /// The way that AWS documents first.
    all: Vec<Reading>,
    pub(super) requests: usize,
    pub(super) start: Timestamp,
    /// Of the history, the first one that is replayed.
    pub(super) first_minute: usize,
}

#[derive(Debug)]
struct Reading {
    queue: Queue,
    trace: Trace,
    /// By how much requests had to be moved to fit the backlog, on average. Seconds.
    moved: f64,
}

/// A way to count the queue is ruled out if it makes requests move by so many times as much as another one, and seconds.
const MOVED_MORE: f64 = 1.5;
const MOVED_ANYWAY: f64 = 2.0;

impl Readings {
    /// The ways to count the queue that the metrics don't rule out.
    pub(super) fn likely(&self) -> impl Iterator<Item = Queue> {
        let least = self.all.iter().map(|reading| reading.moved).fold(f64::INFINITY, f64::min);
        let is_likely = move |reading: &&Reading| reading.moved <= MOVED_MORE * least + MOVED_ANYWAY;
        self.all.iter().filter(is_likely).map(|reading| reading.queue)
    }

    /// The requests, where the queue is counted as in this world.
    pub(super) fn of(&self, world: &World) -> &Trace {
        let reading = self.all.iter().find(|reading| reading.queue == Queue::of(world));
        &reading.unwrap_or(&self.all[0]).trace
    }
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
///
/// The backlog says in which minutes they came, each way to count the queue another one.
pub(super) fn readings(history: &History) -> Result<Readings, (Refusal, String)> {
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
    let mut drawn = Vec::with_capacity(total);
    for (place, group) in groups.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &groups[before]).filter(|it| it.minute + 1 == group.minute);
        let after = groups.get(place + 1).filter(|it| it.minute == group.minute + 1);
        group.spread(place, group.pace(before, after), &mut drawn);
    }
    in_turn(&mut drawn, |group| instances(history, groups[group].minute) < 1.5);
    let minutes = u32::try_from(history.minutes - first_minute).unwrap_or(u32::MAX);
    let skipped = PERIOD * u32::try_from(first_minute).unwrap_or(u32::MAX);
    let start = history.start.checked_add(skipped).unwrap_or(history.start);
    let queues = seen::queues(history).iter();
    let all = queues.map(|queue| {
        let counted = Counted::of(history, first_minute, *queue);
        let (requests, moved) = come_as_counted(&groups, drawn.clone(), &counted);
        Reading { queue: *queue, trace: Trace { start, until: PERIOD * minutes, requests }, moved }
    });
    Ok(Readings { all: all.collect(), requests: total, start, first_minute })
}

/// The same requests, but those of a minute came in pairs and took unequally long. The sums of the minute are the same, and a
/// long one keeps an instance that two of the average don't.
pub(super) fn uneven(trace: &Trace) -> Trace {
    let mut requests = trace.requests.clone();
    for pair in requests.chunks_mut(2) {
        if let [one, other] = pair
            && one.work == other.work
            && one.arrives.as_secs() / PERIOD.as_secs() == other.arrives.as_secs() / PERIOD.as_secs()
        {
            other.arrives = one.arrives;
            let more = one.work * 3 / 5;
            (one.work, other.work) = (one.work + more, other.work.saturating_sub(more));
        }
    }
    Trace { requests, ..trace.clone() }
}

/// Moves requests into the minutes in which they were counted, and says by how many seconds on average.
fn come_as_counted(groups: &[Group], mut drawn: Vec<Drawn>, counted: &Counted) -> (Vec<Request>, f64) {
    let mut moved = 0.0;
    for (it, (from, to)) in drawn.iter_mut().zip(counted.windows()) {
        let was = it.arrives;
        it.come_within(from, to, groups[it.group].requests == 1);
        moved += it.arrives.abs_diff(was).saturating_sub(PERIOD / 2).as_secs_f64();
    }
    let moved = moved / number(drawn.len().max(1));
    drawn.sort_by_key(|it| (it.group, it.arrives));
    let mut requests = Vec::with_capacity(drawn.len());
    for of_group in drawn.chunk_by(|one, other| one.group == other.group) {
        groups[of_group[0].group].share(of_group, &mut requests);
    }
    requests.sort_unstable();
    (requests, moved)
}

/// Requests are taken in the order of their arrival. When they were taken, to half a minute, and what one instance did one
/// after the other, say in which.
fn in_turn(drawn: &mut [Drawn], is_alone: impl Fn(usize) -> bool) {
    let mut arrivals: Vec<Duration> = drawn.iter().map(|it| it.arrives).collect();
    arrivals.sort_unstable();
    drawn.sort_by_key(|it| (it.done, it.group));
    let mut before = Duration::ZERO;
    for it in drawn.iter_mut() {
        if is_alone(it.group) {
            it.taken = it.taken.max(before);
        }
        before = it.taken;
    }
    drawn.sort_by_key(|it| (it.taken, it.done));
    for (it, arrives) in drawn.iter_mut().zip(arrivals) {
        it.arrives = arrives;
    }
}

/// Seconds that a request takes at least, where it seems to have been done before it came.
const SHORTEST: f64 = 0.5;

/// A request of which it isn't known yet how long an instance worked on it.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    arrives: Duration,
    taken: Duration,
    done: Duration,
    group: usize,
}

impl Drawn {
    /// Moves its arrival into a window. Alone in its minute, it was done at any time of it.
    fn come_within(&mut self, from: Duration, to: Duration, is_alone: bool) {
        let off = if is_alone { PERIOD / 2 } else { Duration::ZERO };
        let (earliest, latest) = (self.arrives.saturating_sub(off).max(from), (self.arrives + off).min(to));
        self.arrives = if earliest <= latest { (earliest + latest) / 2 } else { self.arrives.clamp(from, to) };
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
    fn spread(&self, group: usize, pace: f64, drawn: &mut Vec<Drawn>) {
        let middle = self.begins + PERIOD / 2;
        for place in 0..self.requests {
            let from_the_middle = ((number(place) + 0.5) / number(self.requests) - 0.5) * PERIOD.as_secs_f64();
            let arrives = Duration::try_from_secs_f64(self.came() + pace * from_the_middle).unwrap_or_default();
            let done = Duration::try_from_secs_f64(middle.as_secs_f64() + from_the_middle).unwrap_or_default();
            let taken = done.saturating_sub(self.whole.saturating_sub(self.waited));
            drawn.push(Drawn { arrives, taken, done, group });
        }
    }

    /// Shares the time that instances worked among its requests: equally, but to none more than there was since it came.
    fn share(&self, drawn: &[Drawn], requests: &mut Vec<Request>) {
        let since = |it: &Drawn| it.done.saturating_sub(it.arrives).as_secs_f64().max(SHORTEST);
        let factor = self.whole.as_secs_f64() * number(drawn.len()) / drawn.iter().map(since).sum::<f64>();
        let mut left = self.whole.saturating_sub(self.waited).as_secs_f64() * number(drawn.len());
        let mut shortest_first = drawn.to_vec();
        shortest_first.sort_by(|one, other| since(one).total_cmp(&since(other)));
        for (place, it) in shortest_first.iter().enumerate() {
            let work = (since(it) * factor).min(left / number(drawn.len() - place));
            left -= work;
            let work = Duration::try_from_secs_f64(work).unwrap_or_default();
            requests.push(Request { arrives: it.arrives, work });
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
