//! Traces by the name of a shape, or from a CSV file.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sagemaker_scale_to_zero::simulate::{MONDAY, Request, Shape, Trace};

/// How long a trace goes on after its last request: longer than any request waits before it expires.
const QUIET_END: Duration = Duration::from_hours(8);

/// The longest trace that a file may hold.
const LONGEST: Duration = Duration::from_hours(2400);

/// `InvocationTimeoutSeconds` of `InvokeEndpointAsync` is 3,600 at the most, so no request takes longer.
const LONGEST_WORK: Duration = Duration::from_hours(1);

/// The weeks of a named shape, or the one trace of a CSV file.
///
/// # Errors
/// What is wrong with the file, and in which line.
pub(crate) fn read(name: &str, weeks: u32) -> Result<Vec<Trace>, String> {
    match Shape::ALL.into_iter().find(|shape| shape.name() == name) {
        Some(shape) => Ok(shape.weeks(weeks).collect()),
        None => Ok(vec![read_file(Path::new(name))?]),
    }
}

fn read_file(path: &Path) -> Result<Trace, String> {
    let shapes = Shape::ALL.map(Shape::name).join(", ");
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} is none of {shapes}, and no file: {error}", path.display()))?;
    parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Lines of an arrival, in RFC 3339 or in seconds, and the seconds of work; a heading is forgiven.
fn parse(text: &str) -> Result<Trace, String> {
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
    Ok(Trace { start, until, requests })
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
        let trace = parse(text).unwrap();
        assert_eq!(trace.start, "2026-03-03T00:00:00Z".parse().unwrap());
        assert_eq!(trace.requests, [request(0.0, 0.5), request(9.0 * 3600.0 + 5.0, 30.0)]);
        assert_eq!(trace.until, Duration::from_hours(18), "eight hours later, to the full hour");
    }

    #[test]
    fn a_file_of_seconds_begins_on_a_monday() {
        let trace = parse("60,5\n0.25,10").unwrap();
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
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(says), "{text:?}: {problem}");
        }
    }

    #[test]
    fn what_is_neither_a_shape_nor_a_file_is_refused() {
        let problem = read("no-such-shape", 1).unwrap_err();
        assert!(problem.contains("none of steady, office-hours, burst, nightly-batch"), "{problem}");
        assert_eq!(read("burst", 2), Ok(vec![Shape::Burst.week(0), Shape::Burst.week(1)]));
    }
}
