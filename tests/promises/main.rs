//! What the function promises, held against a model of AWS: for each shape of requests and for random ones, for settings
//! of all kinds, and for whatever AWS leaves open. Beside it what is known to go wrong, and what others have measured.

#![expect(clippy::unwrap_used, reason = "a test that can't go on had better stop where it stands")]

mod claims;
mod drawn;
mod known_limits;
mod ladder;
mod published;
mod round_trip;

use std::time::Duration;

use proptest::prelude::*;
use sagemaker_scale_to_zero::reconcile::{
    EndpointName, Hosting, Manage, Rules, Scaling, Settings, Tags, Variant, VariantName, Wish, desired,
};
use sagemaker_scale_to_zero::simulate::{CpuSamples, Fate, MONDAY, Request, Run, Shape, Trace, World, run};

use claims::assert_all;
use drawn::{all_open_questions, any_settings, any_trace, any_world};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// As the function is deployed without any parameter, but for endpoints without a tag.
fn rules() -> Rules {
    Rules { manage: Manage::All, ..Rules::default() }
}

/// Whether those that take a minute are run whole: `FULL=1`.
#[expect(clippy::disallowed_methods, reason = "how much is tested, and nothing that is")]
fn is_full() -> bool {
    std::env::var_os("FULL").is_some_and(|full| !full.is_empty())
}

/// Of tags as they are written here: `idle-timeout=5m, wake-instances=2`. `None` where they contradict each other.
fn settings_of(tags: &str) -> Option<Settings> {
    let pairs = tags.split(',').filter_map(|tag| tag.trim().split_once('='));
    let tags: Tags = pairs.map(|(key, value)| (format!("scale-to-zero:{key}"), value.to_owned())).collect();
    match rules().read(&tags) {
        Ok(Wish::Managed(settings)) => Some(settings),
        Ok(Wish::None | Wish::OptOut) | Err(_) => None,
    }
}

fn parsed(tags: &str) -> Settings {
    settings_of(tags).unwrap_or_else(|| panic!("{tags} are no settings"))
}

fn planned(settings: &Settings) -> Scaling {
    planned_in(settings, &World::default())
}

/// Of an endpoint that says how often its instances report.
fn planned_in(settings: &Settings, world: &World) -> Scaling {
    // A GPU, so that the alarms look at its use; whether there is any is up to the world.
    let variant = Variant {
        name: VariantName::new("AllTraffic").unwrap(),
        current_instances: Some(0),
        desired_instances: Some(0),
        hosting: Hosting::Instances,
        instance_type: Some("ml.g5.xlarge".to_owned()),
        publish_frequency: (world.cpu_samples == CpuSamples::SixPerInstance).then_some(10),
    };
    desired(&EndpointName::new("simulated").unwrap(), &variant, settings, MONDAY)
}

/// Requests wait for ever, so that a stranded one can't hide among the expired.
fn patient() -> World {
    World { time_to_live: None, ..World::default() }
}

fn ran<'a>(settings: &Settings, trace: &'a Trace, world: &World) -> Run<'a> {
    run(&planned_in(settings, world), trace, world).unwrap()
}

/// By arrival and work in seconds, and a day long.
fn of_requests(pairs: &[(u64, u64)]) -> Trace {
    let seconds = Duration::from_secs;
    let requests = pairs.iter().map(|(arrives, work)| Request { arrives: seconds(*arrives), work: seconds(*work) });
    Trace { start: MONDAY, until: DAY, requests: requests.collect() }
}

/// The first day of a shape, and half a day of quiet.
fn first_day(shape: Shape) -> Trace {
    let mut trace = shape.week(0);
    trace.requests.retain(|request| request.arrives < DAY);
    Trace { until: DAY * 3 / 2, ..trace }
}

#[test]
#[expect(clippy::print_stdout, reason = "a failed claim doesn't say of which row it is")]
fn the_promises_hold_for_every_shape_and_the_grid_of_the_main_settings() {
    let questions = all_open_questions();
    let mut number = 0;
    for shape in Shape::ALL {
        let trace = first_day(shape);
        for capacity in ["", "max-capacity=1", "min-capacity=1", "wake-instances=3", "wake=false"] {
            for target in ["", "backlog-per-instance=1"] {
                for idle in ["", "idle-timeout=none", "idle-timeout=1m", "idle-timeout=5m", "idle-timeout=1h"] {
                    let warm = ["", "warm-hours=MON-FRI 07:00-12:00 Europe/Berlin, warm-capacity=1"][number % 2];
                    let tags = [capacity, target, idle, warm].join(",");
                    // One after the other, as all with all would take a hundred times as long.
                    let world = World { time_to_live: None, ..questions[number * 7 % questions.len()] };
                    number += 1;
                    // One of eleven touches each value of each setting.
                    if !is_full() && number % 11 != 0 {
                        continue;
                    }
                    let settings = parsed(&tags);
                    let run = ran(&settings, &trace, &world);
                    println!("{shape:?} with {tags} under {world:?}");
                    assert_all(&run, &settings, &world);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn the_promises_hold_for_any_settings_requests_and_worlds(
        settings in any_settings(), trace in any_trace(), world in any_world()
    ) {
        let run = ran(&settings, &trace, &world);
        assert_all(&run, &settings, &world);
        prop_assert_eq!(run.outcome.fates.len(), trace.requests.len());
        for (request, fate) in run.outcome.requests.iter().zip(&run.outcome.fates) {
            if let Fate::Served { started } = fate {
                prop_assert!(request.arrives <= *started && *started + request.work <= run.outcome.until);
            }
        }
        let bounds = 0..=usize::try_from(settings.max_capacity).unwrap();
        for standing in &run.standings {
            prop_assert!(bounds.contains(&standing.wanted) && standing.running <= standing.wanted);
            prop_assert!(standing.in_flight <= standing.running * world.concurrency);
        }
    }
}

#[test]
fn a_simulation_gives_the_same_each_time() {
    let settings = parsed("idle-timeout=5m");
    for shape in Shape::ALL {
        let trace = first_day(shape);
        assert_eq!(ran(&settings, &trace, &patient()), ran(&settings, &trace, &patient()), "{shape:?}");
    }
}

#[test]
fn in_warm_hours_a_request_waits_for_no_instance() {
    for idle in ["", "idle-timeout=none,", "idle-timeout=5m,"] {
        let settings = parsed(&format!("{idle} warm-hours=MON-FRI 08:00-18:00 UTC"));
        for world in all_open_questions().into_iter().step_by(if is_full() { 11 } else { 101 }) {
            for hour in [8, 12, 17] {
                // Ten minutes past: the instance takes seven to start.
                let trace = of_requests(&[(hour * 3600 + 600, 30)]);
                let run = ran(&settings, &trace, &world);
                assert_eq!(run.outcome.fates, [Fate::Served { started: trace.requests[0].arrives }], "{hour}:10");
            }
        }
    }
}

#[test]
fn paused_for_scaling_in_nothing_goes() {
    let settings = parsed("idle-timeout=1m, pause=scale-in");
    let trace = first_day(Shape::Burst);
    let run = ran(&settings, &trace, &patient());
    assert!(run.standings.is_sorted_by_key(|standing| standing.wanted));
    assert!(run.outcome.wakes == 1 && !run.outcome.fates.contains(&Fate::Waiting));
}
