//! Traces: which requests come when, and how much work each is. Named shapes, or a CSV file.

use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;

use crate::endpoint::Request;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(168);

/// Monday, 5 January 2026, 00:00 UTC: the beginning of the named shapes, and of files that count in seconds.
const MONDAY: Timestamp = Timestamp::constant(1_767_571_200, 0);

/// How long a trace goes on after its last request: longer than any request waits before it expires.
const QUIET_END: Duration = Duration::from_hours(8);

/// The longest trace that a file may hold.
const LONGEST: Duration = Duration::from_hours(2400);

/// `InvocationTimeoutSeconds` of `InvokeEndpointAsync` is 3,600 at the most, so no request takes longer.
const LONGEST_WORK: Duration = HOUR;

/// The seed of the shapes' arrivals, so that they are the same each time.
const SEED: u64 = 20_260_105;

/// Every instance takes from a third of a minute to a minute for a request of the shapes, unless they say otherwise.
const WORK: (Duration, Duration) = (Duration::from_secs(20), Duration::from_mins(1));

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) name: String,
    /// When the simulation begins; schedules and time zones go by it.
    pub(crate) start: Timestamp,
    /// How long it goes on.
    pub(crate) until: Duration,
    /// In the order of their arrival.
    pub(crate) requests: Vec<Request>,
}

/// A week of a named shape. Its last hours are quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A request every five minutes on average, day and night.
    Steady,
    /// From Monday to Friday, 08:00 to 18:00 UTC, a request every four minutes on average.
    OfficeHours,
    /// Once a day, at some time between 09:00 and 17:00 UTC, a hundred requests within five minutes.
    Burst,
    /// At 02:00 UTC each night, sixty requests of five minutes' work at once.
    NightlyBatch,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::Steady, Self::OfficeHours, Self::Burst, Self::NightlyBatch];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::OfficeHours => "office-hours",
            Self::Burst => "burst",
            Self::NightlyBatch => "nightly-batch",
        }
    }

    pub(crate) fn trace(self) -> Trace {
        let mut random = Rng::with_seed(SEED);
        let days = |number: u32| (0..number).map(|day| DAY * day);
        let mut requests = match self {
            Self::Steady => spread(&mut random, Duration::ZERO, 156 * HOUR, 5 * MINUTE),
            Self::OfficeHours => {
                days(5).flat_map(|day| spread(&mut random, day + 8 * HOUR, day + 18 * HOUR, 4 * MINUTE)).collect()
            }
            Self::Burst => days(7)
                .flat_map(|day| {
                    let begins = day + between(&mut random, 9 * HOUR, 16 * HOUR + 55 * MINUTE);
                    (0..100)
                        .map(|_| {
                            let arrives = between(&mut random, begins, begins + 5 * MINUTE);
                            Request { arrives, work: between(&mut random, WORK.0, WORK.1) }
                        })
                        .collect::<Vec<_>>()
                })
                .collect(),
            Self::NightlyBatch => {
                let request = |day| Request { arrives: day + 2 * HOUR, work: 5 * MINUTE };
                days(7).flat_map(|day| std::iter::repeat_n(request(day), 60)).collect::<Vec<_>>()
            }
        };
        requests.sort();
        Trace { name: self.name().to_owned(), start: MONDAY, until: WEEK, requests }
    }
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

fn between(random: &mut Rng, from: Duration, to: Duration) -> Duration {
    from + to.saturating_sub(from).mul_f64(random.f64())
}

impl Trace {
    /// A named shape, or the path of a CSV file.
    ///
    /// # Errors
    /// What is wrong with the file, and in which line.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        match Shape::ALL.into_iter().find(|shape| shape.name() == name) {
            Some(shape) => Ok(shape.trace()),
            None => Self::read_file(Path::new(name)),
        }
    }

    fn read_file(path: &Path) -> Result<Self, String> {
        let shapes = Shape::ALL.map(Shape::name).join(", ");
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} is none of {shapes}, and no file: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Lines of an arrival, in RFC 3339 or in seconds, and the seconds of work; a heading is forgiven.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut lines = csv::ReaderBuilder::new()
            .has_headers(false)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut rows = Vec::new();
        for (place, record) in lines.records().enumerate() {
            let record = record.map_err(|error| error.to_string())?;
            let line = record.position().map_or(0, |position| line_of(text, position));
            let row = row(&record).map_err(|problem| format!("line {line}: {problem}"));
            if place == 0 && row.is_err() && record.iter().all(|field| field.parse::<f64>().is_err()) {
                continue;
            }
            rows.push((line, row?));
        }
        let Some((_, Row { arrival: first, .. })) = rows.first() else {
            return Err("there is no request in it".to_owned());
        };
        let in_seconds = matches!(first, Arrival::Seconds(_));
        if let Some((line, _)) = rows.iter().find(|(_, row)| matches!(row.arrival, Arrival::Seconds(_)) != in_seconds) {
            return Err(format!("line {line}: the arrivals must be all timestamps or all seconds"));
        }
        let start = rows.iter().filter_map(|(_, row)| row.arrival.timestamp()).min().map_or(MONDAY, midnight);
        let mut requests = Vec::new();
        for (line, row) in rows {
            let arrives = row.arrival.since(start).filter(|arrives| *arrives < LONGEST);
            let arrives = arrives.ok_or_else(|| format!("line {line}: a trace is at most 100 days long"))?;
            requests.push(Request { arrives, work: row.work });
        }
        requests.sort();
        let last = requests.last().map_or(Duration::ZERO, |request| request.arrives);
        let until = Duration::from_secs((last + QUIET_END).as_secs().div_ceil(3600) * 3600);
        Ok(Self { name: name.to_owned(), start, until, requests })
    }
}

struct Row {
    arrival: Arrival,
    work: Duration,
}

enum Arrival {
    At(Timestamp),
    Seconds(Duration),
}

impl Arrival {
    fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::At(timestamp) => Some(*timestamp),
            Self::Seconds(_) => None,
        }
    }

    fn since(&self, start: Timestamp) -> Option<Duration> {
        match self {
            Self::At(timestamp) => Duration::try_from(timestamp.duration_since(start)).ok(),
            Self::Seconds(seconds) => Some(*seconds),
        }
    }
}

/// The reader's position is where it began to look for the record, so before comments and empty lines.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let skipped = rest.lines().take_while(|line| line.is_empty() || line.starts_with('#'));
    position.line() + skipped.map(|_| 1).sum::<u64>()
}

fn row(record: &csv::StringRecord) -> Result<Row, String> {
    let fields: Vec<&str> = record.iter().collect();
    let [arrival, work] = fields[..] else {
        return Err(format!("must have two fields, arrival and seconds of work, and has {}", fields.len()));
    };
    let arrival = match (seconds(arrival), arrival.parse()) {
        (Some(seconds), _) => Arrival::Seconds(seconds),
        (None, Ok(timestamp)) => Arrival::At(timestamp),
        (None, Err(_)) => {
            return Err(format!("{arrival:?} is no arrival, such as 2026-01-05T08:00:00Z, or seconds from 0 on"));
        }
    };
    let work = seconds(work)
        .filter(|work| *work <= LONGEST_WORK)
        .ok_or_else(|| format!("{work:?} is no work in seconds, from 0 to 3600 (the longest that AWS lets it take)"))?;
    Ok(Row { arrival, work })
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// The midnight before, in UTC.
fn midnight(first: Timestamp) -> Timestamp {
    let into_the_day = first.as_second().rem_euclid(86_400);
    Timestamp::from_second(first.as_second() - into_the_day).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arrives: f64, work: f64) -> Request {
        Request { arrives: Duration::from_secs_f64(arrives), work: Duration::from_secs_f64(work) }
    }

    #[test]
    fn a_file_of_timestamps_begins_at_the_midnight_before() {
        let text = "arrival,seconds\n# a comment\n2026-03-03T10:00:05+01:00, 30\n2026-03-03T00:00:00Z,0.5\n";
        let trace = Trace::parse("file", text).unwrap();
        assert_eq!(trace.start, "2026-03-03T00:00:00Z".parse().unwrap());
        assert_eq!(trace.requests, [request(0.0, 0.5), request(9.0 * 3600.0 + 5.0, 30.0)]);
        assert_eq!(trace.until, Duration::from_hours(18), "eight hours later, to the full hour");
    }

    #[test]
    fn a_file_of_seconds_begins_on_a_monday() {
        let trace = Trace::parse("file", "60,5\n0.25,10").unwrap();
        assert_eq!(trace.start.to_string(), "2026-01-05T00:00:00Z");
        assert_eq!(trace.requests, [request(0.25, 10.0), request(60.0, 5.0)]);
    }

    #[test]
    fn a_bad_line_is_refused_by_its_number() {
        for (text, says) in [
            ("", "there is no request in it"),
            ("arrival,seconds\n", "there is no request in it"),
            ("0,1\n10", "line 2: must have two fields"),
            ("0,1\n10,1,2", "line 2: must have two fields"),
            ("0,1\nnoon,1", "line 2: \"noon\" is no arrival"),
            ("0,1\n-5,1", "line 2: \"-5\" is no arrival"),
            ("0,1\n\n# so\n5,x", "line 4: \"x\" is no work"),
            ("0,3601", "line 1: \"3601\" is no work"),
            ("0,-1", "line 1: \"-1\" is no work"),
            ("0,NaN", "line 1: \"NaN\" is no work"),
            ("0,1\n2026-03-03T00:00:00Z,1", "line 2: the arrivals must be all timestamps or all seconds"),
            ("0,1\n8640000,1", "line 2: a trace is at most 100 days long"),
        ] {
            let problem = Trace::parse("file", text).unwrap_err();
            assert!(problem.contains(says), "{text:?}: {problem}");
        }
    }

    #[test]
    fn what_is_neither_a_shape_nor_a_file_is_refused() {
        let problem = Trace::read("no-such-shape").unwrap_err();
        assert!(problem.contains("none of steady, office-hours, burst, nightly-batch"), "{problem}");
    }

    #[test]
    fn a_shape_is_the_same_each_time_and_ends_quietly() {
        for shape in Shape::ALL {
            let trace = shape.trace();
            assert_eq!(trace, Trace::read(shape.name()).unwrap());
            assert!(trace.requests.is_sorted(), "{shape:?}");
            let last = trace.requests.last().unwrap().arrives;
            assert!(last + QUIET_END < trace.until, "{shape:?}");
        }
    }

    #[test]
    fn the_shapes_are_what_they_say() {
        let at = |shape: Shape| shape.trace().requests;
        // Each expected number of arrivals, give or take a tenth.
        let steady = at(Shape::Steady).len();
        assert!((1684..=2058).contains(&steady), "{steady} in 156 hours");
        let office = at(Shape::OfficeHours);
        assert!((675..=825).contains(&office.len()), "{} in 50 hours", office.len());
        let hour = |request: &Request| request.arrives.as_secs() / 3600;
        assert!(office.iter().all(|request| (8..18).contains(&(hour(request) % 24)) && hour(request) < 120));
        let burst = at(Shape::Burst);
        assert_eq!(burst.len(), 700);
        assert!(burst.chunks(100).all(|day| day[99].arrives <= day[0].arrives + 5 * MINUTE));
        assert!(at(Shape::NightlyBatch).iter().all(|request| request.arrives.as_secs() % 86_400 == 7200));
    }
}
