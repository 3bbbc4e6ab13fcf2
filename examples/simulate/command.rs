//! The command line: every assumption of the model is an option.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::SignedDuration;
use sagemaker_scale_to_zero::simulate::{AtZero, Contest, CpuSamples, Leaving, LowAlarm, Repeated, Sampling, World};

const HELP: &str = "\
Tags are written as key=value, with the prefix scale-to-zero: or without, and separated by commas (no tag value can hold
one) or spaces: --tags 'idle-timeout=10m, warm-hours=MON-FRI 08:00-18:00 Europe/Berlin'. Defaults are those of a stack that
is deployed as it is.

Traces are
  steady         a request every 5 minutes on average, day and night
  office-hours   Monday to Friday, 08:00 to 18:00 UTC, every 4 minutes on average
  burst          a hundred requests within five minutes, once a day
  nightly-batch  sixty requests of 5 minutes' work at once, each night
  plateau        on weekdays sixty at 09:00, then one every 50 s until 17:00
  small-batches  two to six at once, eight times a day
  surges         one a minute, and sixty more four times a day
  long-jobs      six a day of 10 to 40 minutes' work
  short          one a minute, of 3 to 8 seconds' work
  sporadic       one every 2 hours on average
  trickle        one every 20 minutes on average
or a CSV file of the arrival (RFC 3339, or seconds) and the seconds of work of each request. Requests take 20 to 60 seconds
unless said otherwise.

\"Knows the future\" is the limit: the fewest instance-hours with which nobody waits for an instance to start.";

const SAMPLING: [(&str, Sampling); 2] = [("once", Sampling::Once), ("continuous", Sampling::Continuous)];
const AT_ZERO: [(&str, AtZero); 3] =
    [("all", AtZero::All), ("without-per-instance", AtZero::WithoutPerInstance), ("nothing", AtZero::Nothing)];
const CPU_SAMPLES: [(&str, CpuSamples); 4] = [
    ("one-per-instance", CpuSamples::OnePerInstance),
    ("six-per-instance", CpuSamples::SixPerInstance),
    ("one", CpuSamples::One),
    ("missing", CpuSamples::Missing),
];
const LOW_ALARM: [(&str, LowAlarm); 2] = [("15m", LowAlarm::FifteenMinutes), ("3m", LowAlarm::ThreeMinutes)];
const REPEATED: [(&str, Repeated); 2] = [("newest", Repeated::Newest), ("transition", Repeated::OfTheTransition)];
const CONTEST: [(&str, Contest); 2] = [("largest", Contest::Largest), ("each", Contest::EachInTurn)];
const LEAVING: [(&str, Leaving); 2] = [("busiest", Leaving::Busiest), ("idlest", Leaving::Idlest)];

pub(crate) fn command() -> Command {
    let defaults = World::default();
    let in_words = |duration: Duration| format!("{}s", duration.as_secs());
    let switch = |name| option(name, "").action(ArgAction::SetTrue);
    Command::new("simulate")
        .about("Simulates what AWS would do with the scaling that tags make.")
        .after_help(HELP)
        .arg(option("tags", "The tags of the endpoint").default_value(""))
        .arg(
            option(
                "trace",
                "Which requests come when: a named shape, or a CSV file [default: office-hours, and all \
                             shapes in a comparison]",
            )
            .default_value("")
            .hide_default_value(true),
        )
        .arg(
            option("weeks", "How many weeks of a named shape, each drawn by itself")
                .default_value("1")
                .value_parser(clap::value_parser!(u32).range(1..=1000)),
        )
        .arg(switch("compare").help("Beside AWS's documented example, two idle timeouts and the limit"))
        .arg(switch("overview").help("A row a trace and a column a scaling: hours, waits (median / 99 %), killed"))
        .arg(
            option("out", "Where the picture goes, if there is one trace")
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
            duration("starting", "From the scaling action to an instance that serves; 3 to 15 minutes are reported")
                .default_value(in_words(defaults.starting)),
        )
        .arg(
            duration("stopping", "From the order to let instances go until the endpoint is InService again")
                .default_value(in_words(defaults.stopping)),
        )
        .arg(
            duration("metric-delay", "From the end of a minute to the alarms' look at its datapoint")
                .default_value(in_words(defaults.metric_delay)),
        )
        .arg(
            duration("grace", "From SIGTERM to SIGKILL; 0s for a container that ends at once")
                .default_value(in_words(defaults.grace)),
        )
        .arg(choice(
            "sampling",
            "When SageMaker looks at the queue: at the end of each minute, or all the time",
            &SAMPLING,
        ))
        .arg(choice("at-zero", "Which metrics of the queue there are without an instance", &AT_ZERO))
        .arg(flag("backlog-counts-in-flight", "Whether the backlog counts requests in flight, as AWS says", true))
        .arg(flag("gpu", "Whether the instances have GPUs, whose use is a metric", false))
        .arg(choice("cpu-samples", "The SampleCount of CPUUtilization", &CPU_SAMPLES))
        .arg(
            option("request-ttl", "RequestTTLSeconds: how long a request waits until it expires, or off")
                .default_value(defaults.time_to_live.map_or("off".to_owned(), in_words)),
        )
        .arg(
            option("quota", "Orders that lead to more instances than this are refused [default: none are]")
                .value_parser(ValueParser::new(at_least_one)),
        )
        .arg(
            duration("refused-after", "How long a refused order keeps the endpoint busy; 34m was seen for a shortage")
                .default_value(in_words(defaults.refused_after)),
        )
        .arg(choice("low-alarm", "How many minutes target tracking's alarm for scaling in wants", &LOW_ALARM))
        .arg(choice("repeated", "Which datapoints a repeated action of an alarm goes by", &REPEATED))
        .arg(choice("contest", "Of policies that ask at once the largest wins, or each asks in turn", &CONTEST))
        .arg(choice("leaving", "Which instances go first", &LEAVING))
}

fn option(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help)
}

fn duration(name: &'static str, help: &'static str) -> Arg {
    option(name, help).value_parser(ValueParser::new(parse_duration))
}

fn flag(name: &'static str, help: &'static str, default: bool) -> Arg {
    option(name, help).default_value(if default { "true" } else { "false" }).value_parser(clap::value_parser!(bool))
}

/// One of a few words, of which the first is the default.
fn choice<T>(name: &'static str, help: &'static str, choices: &[(&'static str, T)]) -> Arg {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    option(name, help).default_value(words[0]).value_parser(words)
}

fn chosen<T: Copy>(matches: &ArgMatches, name: &str, choices: &[(&str, T)]) -> T {
    let word = matches.get_one::<String>(name).map_or("", String::as_str);
    choices.iter().find(|(known, _)| *known == word).unwrap_or(&choices[0]).1
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

/// What the options say of AWS, the endpoint and its container.
///
/// # Errors
/// The time to live, if it is neither a duration nor off.
pub(crate) fn world(matches: &ArgMatches) -> Result<World, String> {
    let defaults = World::default();
    let duration = |name, default| matches.get_one::<Duration>(name).copied().unwrap_or(default);
    let flag = |name, default| matches.get_one::<bool>(name).copied().unwrap_or(default);
    let time_to_live = match matches.get_one::<String>("request-ttl").map_or("off", String::as_str) {
        "off" => None,
        limit => Some(parse_duration(limit).map_err(|problem| format!("--request-ttl {limit}: {problem}, or off"))?),
    };
    Ok(World {
        concurrency: matches.get_one("concurrency").copied().unwrap_or(defaults.concurrency),
        starting: duration("starting", defaults.starting),
        stopping: duration("stopping", defaults.stopping),
        metric_delay: duration("metric-delay", defaults.metric_delay),
        grace: duration("grace", defaults.grace),
        sampling: chosen(matches, "sampling", &SAMPLING),
        at_zero: chosen(matches, "at-zero", &AT_ZERO),
        backlog_counts_in_flight: flag("backlog-counts-in-flight", defaults.backlog_counts_in_flight),
        has_gpu: flag("gpu", defaults.has_gpu),
        cpu_samples: chosen(matches, "cpu-samples", &CPU_SAMPLES),
        time_to_live,
        quota: matches.get_one("quota").copied(),
        refused_after: duration("refused-after", defaults.refused_after),
        low_alarm: chosen(matches, "low-alarm", &LOW_ALARM),
        repeated: chosen(matches, "repeated", &REPEATED),
        contest: chosen(matches, "contest", &CONTEST),
        leaving: chosen(matches, "leaving", &LEAVING),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn without_options_the_world_is_the_default_one() {
        assert_eq!(world(&matches("").unwrap()), Ok(World::default()));
    }

    #[test]
    fn every_assumption_has_an_option() {
        let line = "--concurrency 4 --starting 3m --stopping 0s --metric-delay 30s --grace 0s --sampling continuous \
                    --at-zero nothing --backlog-counts-in-flight false --gpu true --cpu-samples one --request-ttl off \
                    --quota 2 --refused-after 34m --low-alarm 3m --repeated transition --contest each --leaving idlest";
        let want = World {
            concurrency: 4,
            starting: Duration::from_mins(3),
            stopping: Duration::ZERO,
            metric_delay: Duration::from_secs(30),
            grace: Duration::ZERO,
            sampling: Sampling::Continuous,
            at_zero: AtZero::Nothing,
            backlog_counts_in_flight: false,
            has_gpu: true,
            cpu_samples: CpuSamples::One,
            time_to_live: None,
            quota: Some(2),
            refused_after: Duration::from_mins(34),
            low_alarm: LowAlarm::ThreeMinutes,
            repeated: Repeated::OfTheTransition,
            contest: Contest::EachInTurn,
            leaving: Leaving::Idlest,
        };
        assert_eq!(world(&matches(line).unwrap()), Ok(want));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--concurrency 0",
            "--starting soon",
            "--starting -5m",
            "--sampling twice",
            "--colour red",
            "--quota 0",
            "--weeks 0",
            "--gpu maybe",
        ] {
            assert!(matches(line).is_err(), "{line}");
        }
        assert!(world(&matches("--request-ttl never").unwrap()).is_err());
    }
}
