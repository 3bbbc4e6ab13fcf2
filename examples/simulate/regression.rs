//! The table of the documents, and what it must never fall behind.

use std::time::Duration;

use sagemaker_scale_to_zero::simulate::{Shape, Summary, World};

use crate::candidates::{all, parse_tags, rules};
use crate::comparison::{Comparison, Overview};

const WEEKS: u32 = 4;
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// Of each shape AWS's example, no tags, `2m` and `none`, in this order.
fn comparisons() -> Vec<Comparison> {
    let rules = rules().unwrap();
    let none = parse_tags("", &rules.tag_prefix).unwrap();
    let of = |shape: Shape| {
        let weeks: Vec<_> = shape.weeks(WEEKS).collect();
        let candidates = all(&none, &rules, weeks[0].start).unwrap();
        Comparison::of(shape.name(), &weeks, &candidates, &World::default()).unwrap()
    };
    Shape::ALL.map(of).to_vec()
}

#[test]
fn the_outcome_does_not_fall_behind_the_example_of_aws_nor_far_behind_the_limit() {
    let comparisons = comparisons();
    for Comparison { trace, rows, foreseen } in &comparisons {
        let [(_, example), (_, ours), (_, short), ..] = &rows[..] else { panic!("{trace}: {} rows", rows.len()) };
        let hours = |summary: &Summary| summary.weekly(summary.instance_hours);
        for percent in [50, 99] {
            assert!(ours.percentile(percent) <= example.percentile(percent), "{trace}: p{percent}");
        }
        assert!(ours.killed <= example.killed, "{trace}: {} and {}", ours.killed, example.killed);
        assert_eq!(ours.stranded(), 0, "{trace}");
        let most = match trace.as_str() {
            "burst" | "surges" | "short" => 1.0,
            "plateau" | "nightly-batch" => 1.12,
            _ => f64::INFINITY,
        };
        assert!(hours(ours) <= most * hours(example), "{trace}: {} and {}", hours(ours), hours(example));
        if ["steady", "office-hours"].contains(&trace.as_str()) {
            assert!(hours(short) <= 1.1 * hours(example), "{trace}: {} and {}", hours(short), hours(example));
        }
        let of_the_limit = match trace.as_str() {
            "steady" | "plateau" | "surges" => 1.2,
            // Lone requests: ten minutes of idling for each. AWS would have to bill by the request, or start in seconds.
            "sporadic" => 2.4,
            _ => 2.2,
        };
        assert!(hours(ours) <= of_the_limit * hours(foreseen), "{trace}: {} and {}", hours(ours), hours(foreseen));
    }
    let page = std::fs::read_to_string(format!("{DOCS}/when-it-sleeps-and-wakes.md")).unwrap();
    let overview = Overview(&comparisons).to_string();
    for line in overview.lines().skip(2) {
        assert!(page.contains(line), "when-it-sleeps-and-wakes.md lacks {line}");
    }
}

#[test]
fn the_picture_of_the_documents_is_what_the_simulator_draws() {
    let trace = Shape::OfficeHours.weeks(1).next().unwrap();
    let rules = rules().unwrap();
    let none = parse_tags("", &rules.tag_prefix).unwrap();
    let candidates = all(&none, &rules, trace.start).unwrap();
    let drawn = std::env::temp_dir().join(format!("simulation-{}.svg", std::process::id()));
    let day = Duration::from_hours(24);
    crate::draw(Shape::OfficeHours.name(), &trace, &candidates, &World::default(), Some(day), &drawn).unwrap();

    let picture = std::fs::read_to_string(&drawn).unwrap();
    std::fs::remove_file(drawn).unwrap();
    // Not assert_eq, which would print both.
    assert!(
        std::fs::read_to_string(format!("{DOCS}/simulation.svg")).unwrap() == picture,
        "draw it anew: make simulate COMPARE=1 TRACE=office-hours WEEKS=1 OPTIONS=\"--show 24h --out docs/simulation.svg\""
    );
}
