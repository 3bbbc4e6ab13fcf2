//! Simulates what AWS would do with the policies, alarms and schedules that tags make: how many instances run when, and
//! how long requests wait.
//!
//! ```text
//! trace ─► endpoint ─► metrics ─► alarm ─► auto_scaling ─► endpoint …      simulation drives them, event by event
//! tags  ─► candidates (the function's own core) ─┘                         summary and plot say what came of it
//! ```
//!
//! The model is made of what AWS documents, each rule with its page, and of assumptions, each called one where it is
//! made. What AWS leaves open and matters is an option of the command line.

mod alarm;
mod auto_scaling;
mod candidates;
#[cfg(test)]
mod claims;
mod endpoint;
mod metrics;
mod plot;
mod schedule;
mod simulation;
mod summary;
mod trace;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::SignedDuration;

use candidates::Candidate;
use metrics::{AtZero, Sampling};
use plot::Picture;
use simulation::{Assumptions, Run, simulate};
use summary::{Summary, Table};
use trace::Trace;

const HELP: &str = "\
Tags are written as key=value, with the prefix scale-to-zero: or without, and separated by commas (no tag value can hold
one) or spaces: --tags 'idle-timeout=10m, warm-hours=MON-FRI 08:00-18:00 Europe/Berlin'. Defaults are those of a stack that
is deployed as it is.

Traces are steady (a request every 5 minutes on average), office-hours (Monday to Friday, 08:00 to 18:00 UTC, every 4
minutes), burst (a hundred requests once a day), nightly-batch (sixty of 5 minutes' work each night), or a CSV file of the
arrival (RFC 3339, or seconds) and the seconds of work of each request.";

fn main() -> ExitCode {
    let matches = command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            _ = writeln!(io::stderr(), "{problem}");
            ExitCode::from(2)
        }
    }
}

fn command() -> Command {
    let defaults = Assumptions::default();
    let in_words = |duration: Duration| format!("{}s", duration.as_secs());
    let option = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    let switch = |name| option(name, "").action(ArgAction::SetTrue);
    Command::new("simulate")
        .about("Simulates what AWS would do with the scaling that tags make.")
        .after_help(HELP)
        .arg(option("tags", "The tags of the endpoint").default_value(""))
        .arg(option("trace", "Which requests come when: a named shape, or a CSV file").default_value("office-hours"))
        .arg(switch("compare").help("Beside AWS's documented example, with and without its policy that wakes"))
        .arg(
            option("out", "Where the picture goes")
                .default_value("target/simulation.svg")
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(duration("show", "How much of the beginning the picture shows, such as 24h [default: all]"))
        .arg(
            option("concurrency", "MaxConcurrentInvocationsPerInstance")
                .default_value(defaults.concurrency.to_string())
                .value_parser(ValueParser::new(at_least_one)),
        )
        .arg(
            duration("starting", "From the scaling action to an instance that serves; users report 3 to 10 minutes")
                .default_value(in_words(defaults.starting)),
        )
        .arg(
            duration("metric-delay", "From the end of a minute to the alarms' look at its datapoint")
                .default_value(in_words(defaults.metric_delay)),
        )
        .arg(
            option("sampling", "When SageMaker looks at the queue: at the end of each minute, or all the time")
                .default_value("once")
                .value_parser(["once", "continuous"]),
        )
        .arg(
            option("at-zero", "ApproximateBacklogSizePerInstance without an instance: the backlog, or no datapoint")
                .default_value("backlog")
                .value_parser(["backlog", "missing"]),
        )
        .arg(
            option("backlog-counts-in-flight", "Whether the backlog counts requests in flight, as AWS says")
                .default_value("true")
                .value_parser(clap::value_parser!(bool)),
        )
        .arg(
            option("request-ttl", "RequestTTLSeconds: how long a request waits until it expires, or off")
                .default_value(defaults.time_to_live.map_or("off".to_owned(), in_words)),
        )
}

fn duration(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).value_parser(ValueParser::new(parse_duration))
}

/// `6m`, `90s`, `1h 30m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| *duration < Duration::from_hours(2400))
        .ok_or_else(|| "it must be a duration such as 6m or 90s".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| "it must be an integer from 1 on".to_owned())
}

fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name| matches.get_one::<String>(name).map_or("", String::as_str);
    let assumptions = assumptions(matches)?;
    let trace = Trace::read(text("trace"))?;
    let candidates = candidates(text("tags"), matches.get_flag("compare"), &trace)?;
    let mut runs: Vec<(&str, Run)> = Vec::new();
    for candidate in &candidates {
        runs.push((&candidate.title, simulate(&candidate.scaling, &trace, &assumptions)?));
    }
    let summaries: Vec<(&str, Summary)> = runs.iter().map(|(title, run)| (*title, Summary::of(run))).collect();
    let out = matches.get_one::<PathBuf>("out").map_or(Path::new("target/simulation.svg"), PathBuf::as_path);
    let shown: Vec<(&str, &Run)> = runs.iter().map(|(title, run)| (*title, run)).collect();
    let span = matches.get_one("show").copied().unwrap_or(trace.until).clamp(Duration::from_mins(1), trace.until);
    let part = if span < trace.until { format!(" The first {}.", summary::in_words(span)) } else { String::new() };
    let title = format!("{}, simulated: {} requests, times in UTC.{part}", trace.name, trace.requests.len());
    let picture = Picture { title, runs: &shown, start: trace.start, span };
    picture.write(out).map_err(|error| error.to_string())?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}, {} requests\n\n{}\n{}", trace.name, trace.requests.len(), Table(&summaries), out.display())
        .map_err(|error| error.to_string())
}

fn assumptions(matches: &ArgMatches) -> Result<Assumptions, String> {
    let defaults = Assumptions::default();
    let text = |name| matches.get_one::<String>(name).map_or("", String::as_str);
    let duration = |name, default| matches.get_one::<Duration>(name).copied().unwrap_or(default);
    let time_to_live = match text("request-ttl") {
        "off" => None,
        limit => Some(parse_duration(limit).map_err(|problem| format!("--request-ttl {limit}: {problem}, or off"))?),
    };
    Ok(Assumptions {
        concurrency: matches.get_one("concurrency").copied().unwrap_or(defaults.concurrency),
        starting: duration("starting", defaults.starting),
        metric_delay: duration("metric-delay", defaults.metric_delay),
        sampling: if text("sampling") == "continuous" { Sampling::Continuous } else { Sampling::Once },
        at_zero: if text("at-zero") == "missing" { AtZero::Missing } else { AtZero::Backlog },
        backlog_counts_in_flight: matches.get_one("backlog-counts-in-flight").copied().unwrap_or(true),
        time_to_live,
    })
}

/// What the tags ask for; in a comparison also AWS's example, and where there are no tags two idle timeouts.
fn candidates(tags: &str, compare: bool, trace: &Trace) -> Result<Vec<Candidate>, String> {
    let rules = candidates::rules()?;
    let parse = |text: &str| candidates::parse_tags(text, &rules.tag_prefix);
    let given = parse(tags)?;
    if !compare {
        return Ok(vec![candidates::of_tags(&given, &rules, trace.start)?]);
    }
    let mut all = candidates::examples(&candidates::settings(&rules, &given)?, trace.start)?;
    let ours = if given.is_empty() { vec![parse("idle-timeout=5m")?, parse("idle-timeout=15m")?] } else { vec![given] };
    for tags in ours {
        all.push(candidates::of_tags(&tags, &rules, trace.start)?);
    }
    Ok(all)
}

/// A count as the numbers of metrics and pictures are.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A count of instances as Application Auto Scaling has it.
fn count(instances: usize) -> i32 {
    i32::try_from(instances).unwrap_or(i32::MAX)
}

/// And the other way round; capacities are never negative.
fn index(capacity: i32) -> usize {
    usize::try_from(capacity).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use summary::in_words;
    use trace::Shape;

    fn matches(line: &str) -> Result<ArgMatches, String> {
        command()
            .try_get_matches_from(["simulate"].into_iter().chain(line.split_whitespace()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn without_options_the_assumptions_are_the_default_ones() {
        assert_eq!(assumptions(&matches("").unwrap()), Ok(Assumptions::default()));
    }

    #[test]
    fn every_assumption_has_an_option() {
        let line = "--concurrency 4 --starting 3m --metric-delay 30s --sampling continuous --at-zero missing \
                    --backlog-counts-in-flight false --request-ttl off";
        let want = Assumptions {
            concurrency: 4,
            starting: Duration::from_mins(3),
            metric_delay: Duration::from_secs(30),
            sampling: Sampling::Continuous,
            at_zero: AtZero::Missing,
            backlog_counts_in_flight: false,
            time_to_live: None,
        };
        assert_eq!(assumptions(&matches(line).unwrap()), Ok(want));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["--concurrency 0", "--starting soon", "--starting -5m", "--sampling twice", "--colour red"] {
            assert!(matches(line).is_err(), "{line}");
        }
        assert!(assumptions(&matches("--request-ttl never").unwrap()).is_err());
    }

    /// Each row of the table in `docs/simulator.md`, of each shape. After a change to the model, `make simulate TRACE=… COMPARE=1`
    /// has them.
    #[test]
    fn the_book_shows_what_is_simulated() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/simulator.md")).unwrap();
        for shape in Shape::ALL {
            let trace = shape.trace();
            for candidate in candidates("", true, &trace).unwrap() {
                let run = simulate(&candidate.scaling, &trace, &Assumptions::default()).unwrap();
                let summary = Summary::of(&run);
                let wait = |percent| in_words(summary.percentile(percent).unwrap());
                let row = format!(
                    "| {} | {} | {:.1} | {} | {} | {} | {} | {} |",
                    shape.name(),
                    candidate.title,
                    summary.instance_hours,
                    summary.wakes,
                    wait(50),
                    wait(99),
                    summary.waiting + summary.expired,
                    summary.killed,
                );
                assert!(page.contains(&row), "the page lacks {row}");
            }
        }
    }

    #[test]
    fn a_comparison_has_the_examples_and_the_tags_or_two_idle_timeouts() {
        let trace = Trace::read("burst").unwrap();
        let titles = |tags, compare| {
            let candidates = candidates(tags, compare, &trace).unwrap();
            candidates.into_iter().map(|candidate| candidate.title).collect::<Vec<_>>()
        };
        assert_eq!(titles("", false), ["no tags"]);
        let examples = ["target tracking alone", "with AWS's wake policy"];
        assert_eq!(titles("", true), [examples[0], examples[1], "idle-timeout=5m", "idle-timeout=15m"]);
        let tags = "wake-instances=2, idle-timeout=10m";
        assert_eq!(titles(tags, true), [examples[0], examples[1], "idle-timeout=10m, wake-instances=2"]);
        assert!(candidates("wake=maybe", true, &trace).unwrap_err().contains("must be true or false"));
    }
}
