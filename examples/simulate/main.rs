//! Simulates what AWS would do with the policies, alarms and schedules that tags make: how many instances run when, and
//! how long requests wait. The command line, the tables and the picture; the model is the library's `simulate`.
//!
//! ```text
//! command ─► world, traces ──┐
//! tags ─► candidates (core) ─┴► comparison ─► tables      plot: the first week as a picture
//! ```

mod candidates;
mod command;
mod comparison;
mod file;
mod plot;
#[cfg(test)]
mod regression;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::ArgMatches;
use sagemaker_scale_to_zero::simulate::{Run, Shape, Trace, World, in_words, run};

use candidates::Candidate;
use comparison::{Comparison, Overview, Table};
use plot::Picture;

fn main() -> ExitCode {
    let matches = command::command().get_matches();
    match tell(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            _ = writeln!(io::stderr(), "{problem}");
            ExitCode::from(2)
        }
    }
}

fn tell(matches: &ArgMatches) -> Result<(), String> {
    let text = |name| matches.get_one::<String>(name).map_or("", String::as_str);
    let world = command::world(matches)?;
    let weeks = matches.get_one("weeks").copied().unwrap_or(1);
    let names = match text("trace") {
        "" if matches.get_flag("compare") => Shape::ALL.map(Shape::name).to_vec(),
        "" => vec![Shape::OfficeHours.name()],
        name => vec![name],
    };
    let mut comparisons = Vec::new();
    for name in &names {
        let traces = file::read(name, weeks)?;
        let candidates = candidates(text("tags"), matches.get_flag("compare"), &traces[0])?;
        comparisons.push(Comparison::of(name, &traces, &candidates, &world)?);
        if let [name] = names[..] {
            let out = matches.get_one::<PathBuf>("out").map_or(Path::new("target/simulation.svg"), PathBuf::as_path);
            draw(name, &traces[0], &candidates, &world, matches.get_one("show").copied(), out)?;
            print(&format_args!("The first week is drawn in {}.\n\n", out.display()))?;
        }
    }
    if matches.get_flag("overview") {
        return print(&Overview(&comparisons));
    }
    let average = if weeks > 1 { format!(" on average of {weeks}") } else { String::new() };
    print(&format_args!("Simulated, a week{average}:\n\n{}", Table(&comparisons)))
}

/// What the tags ask for; in a comparison AWS's example and some of ours beside it.
fn candidates(tags: &str, compare: bool, trace: &Trace) -> Result<Vec<Candidate>, String> {
    let rules = candidates::rules()?;
    let tags = candidates::parse_tags(tags, &rules.tag_prefix)?;
    if compare {
        candidates::all(&tags, &rules, trace.start)
    } else {
        Ok(vec![candidates::of_tags(&tags, &rules, trace.start)?])
    }
}

fn draw(
    name: &str,
    trace: &Trace,
    candidates: &[Candidate],
    world: &World,
    show: Option<Duration>,
    out: &Path,
) -> Result<(), String> {
    let mut runs: Vec<(&str, Run<'_>)> = Vec::new();
    for candidate in candidates {
        runs.push((&candidate.title, run(&candidate.scaling, trace, world)?));
    }
    let shown: Vec<(&str, &Run<'_>)> = runs.iter().map(|(title, run)| (*title, run)).collect();
    let span = show.unwrap_or(trace.until).clamp(Duration::from_mins(1), trace.until);
    let part = if span < trace.until { format!(" The first {}.", in_words(span)) } else { String::new() };
    let title = format!("{name}, simulated: {} requests, times in UTC.{part}", trace.requests.len());
    let picture = Picture { title, runs: &shown, start: trace.start, span };
    picture.write(out).map_err(|error| error.to_string())
}

fn print(what: &impl std::fmt::Display) -> Result<(), String> {
    write!(io::stdout().lock(), "{what}").map_err(|error| error.to_string())
}
