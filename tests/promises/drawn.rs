//! Settings, requests and worlds to draw from.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sagemaker_scale_to_zero::reconcile::Settings;
use sagemaker_scale_to_zero::simulate::{
    AtZero, Contest, CpuSamples, Leaving, LowAlarm, MONDAY, Repeated, Request, Sampling, Trace, World,
};

use super::{patient, settings_of};

const SAMPLING: [Sampling; 2] = [Sampling::Once, Sampling::Continuous];
const AT_ZERO: [AtZero; 3] = [AtZero::All, AtZero::WithoutPerInstance, AtZero::Nothing];
const CPU_SAMPLES: [CpuSamples; 4] =
    [CpuSamples::OnePerInstance, CpuSamples::SixPerInstance, CpuSamples::One, CpuSamples::Missing];
const LOW_ALARM: [LowAlarm; 2] = [LowAlarm::FifteenMinutes, LowAlarm::ThreeMinutes];
const REPEATED: [Repeated; 2] = [Repeated::Newest, Repeated::OfTheTransition];
const CONTEST: [Contest; 2] = [Contest::Largest, Contest::EachInTurn];
const LEAVING: [Leaving; 2] = [Leaving::Busiest, Leaving::Idlest];

/// What AWS leaves open, in every combination.
pub(super) fn all_open_questions() -> Vec<World> {
    let mut all = vec![patient()];
    let mut each = |vary: &dyn Fn(World) -> Vec<World>| all = all.iter().flat_map(|world| vary(*world)).collect();
    each(&|world| SAMPLING.map(|sampling| World { sampling, ..world }).to_vec());
    each(&|world| AT_ZERO.map(|at_zero| World { at_zero, ..world }).to_vec());
    each(&|world| [true, false].map(|counts| World { backlog_counts_in_flight: counts, ..world }).to_vec());
    each(&|world| CPU_SAMPLES.map(|cpu_samples| World { cpu_samples, ..world }).to_vec());
    each(&|world| LOW_ALARM.map(|low_alarm| World { low_alarm, ..world }).to_vec());
    each(&|world| REPEATED.map(|repeated| World { repeated, ..world }).to_vec());
    each(&|world| CONTEST.map(|contest| World { contest, ..world }).to_vec());
    each(&|world| LEAVING.map(|leaving| World { leaving, ..world }).to_vec());
    all
}

/// Any of these, and any model and container.
pub(super) fn any_world() -> impl Strategy<Value = World> {
    let seconds = |values: &[u64]| select(values.iter().copied().map(Duration::from_secs).collect::<Vec<_>>());
    let times =
        (seconds(&[60, 180, 420, 900]), seconds(&[0, 30, 90]), seconds(&[0, 30, 60, 90, 120, 150]), seconds(&[0, 30]));
    let quota = select(vec![None, None, Some(1), Some(2)]);
    (select(all_open_questions()), times, select(vec![1, 4]), quota).prop_map(
        |(world, (starting, stopping, metric_delay, grace), concurrency, quota)| World {
            concurrency,
            starting,
            stopping,
            metric_delay,
            grace,
            quota,
            ..world
        },
    )
}

/// Of tags that the function can honour.
pub(super) fn any_settings() -> impl Strategy<Value = Settings> {
    let tag = |key: &'static str, values: &'static [&'static str]| {
        select(values.to_vec()).prop_map(move |value| format!("{key}={value}"))
    };
    let any = prop_oneof![
        tag("min-capacity", &["0", "1", "2"]),
        tag("max-capacity", &["1", "2", "5", "8", "30"]),
        tag("backlog-per-instance", &["0.5", "1", "2.5", "5", "20"]),
        tag("scale-in-cooldown", &["0", "5m", "1h"]),
        tag("scale-out-cooldown", &["0", "5m", "1h"]),
        tag("wake", &["true", "false"]),
        tag("wake-instances", &["auto", "1", "2", "5"]),
        tag("idle-timeout", &["none", "1m", "2m", "5m", "15m", "1h"]),
        tag("idle-timeout", &["3m", "10m", "20m"]),
        tag("longest-request", &["1m", "10m", "1h"]),
        tag("warm-hours", &["MON-FRI 08:00-18:00 UTC", "MON 00:00-24:00 UTC", "MON+TUE 22:00-06:00 Asia/Tokyo"]),
        tag("warm-hours.late", &["MON 12:30-20:45 America/New_York"]),
        tag("warm-capacity", &["1", "2"]),
        tag("pause", &["scale-in"]),
    ];
    vec(any, 0..6).prop_filter_map("tags that contradict each other", |tags| settings_of(&tags.join(",")))
}

/// A few requests, close together and far apart.
pub(super) fn any_trace() -> impl Strategy<Value = Trace> {
    let gap = prop_oneof![0..5_u64, 0..240_u64, 0..7200_u64];
    let work = prop_oneof![1..60_u64, 1..3600_u64];
    vec((gap, work), 1..24).prop_map(|pairs| {
        let mut arrives = Duration::ZERO;
        let requests: Vec<Request> = pairs
            .into_iter()
            .map(|(gap, work)| {
                arrives += Duration::from_secs(gap);
                Request { arrives, work: Duration::from_secs(work) }
            })
            .collect();
        // The work of all on one instance that had to start anew for each of them, and quiet.
        let work: Duration = requests.iter().map(|request| request.work).sum();
        let starts = Duration::from_mins(25) * u32::try_from(requests.len()).unwrap();
        let until = arrives + work + starts + Duration::from_hours(3);
        Trace { start: MONDAY, until, requests }
    })
}
