//! The claims, each about one run.

use std::time::Duration;

use sagemaker_scale_to_zero::reconcile::{Pause, Settings, WakeInstances};
use sagemaker_scale_to_zero::simulate::{
    AtZero, Contest, CpuSamples, Fate, LowAlarm, Repeated, Run, Sampling, Standing, World,
};

use super::MINUTE;

const WAKE_COOLDOWN: Duration = Duration::from_mins(3);
const STEP_COOLDOWN: Duration = Duration::from_mins(1);

#[track_caller]
pub(super) fn assert_all(run: &Run<'_>, settings: &Settings, world: &World) {
    if settings.wake || settings.min_capacity > 0 {
        assert_nothing_is_stranded(run, settings, world);
    }
    // Without a backlog at zero the alarms keep the state with which the last instance went; AWS documents that it is there,
    // and it was seen.
    let has_backlog = world.at_zero != AtZero::Nothing;
    if settings.pause == Pause::No && has_backlog && !spare_may_wake(settings, world) {
        assert_idle_ends_at_the_minimum(run, settings, world);
        assert_spare_instances_go(run, settings, world);
    }
    if settings.idle_timeout.is_some() && has_backlog {
        if world.backlog_counts_in_flight {
            assert_only_the_unseen_is_killed(run, world);
        } else {
            assert_only_what_never_showed_is_killed(run, settings, world);
        }
    }
}

/// Requests that wait while no instance is even wanted: none does for longer than the alarms take, and all are taken in the
/// end. Of orders that a quota refuses, those for one instance aren't.
#[track_caller]
fn assert_nothing_is_stranded(run: &Run<'_>, settings: &Settings, world: &World) {
    // See the known limits.
    let hides_small_orders = world.repeated == Repeated::OfTheTransition && world.contest == Contest::Largest;
    if !is_within_quota(settings, world) || (world.quota.is_some() && hides_small_orders) {
        return;
    }
    let to_the_sample = match world.sampling {
        Sampling::Once => MINUTE,
        // The minute in which the request comes, and a whole one.
        Sampling::Continuous => 2 * MINUTE,
    };
    // A minute more where the first order is refused, or isn't asked for without the age of the request.
    let has_net = world.quota.is_some() || world.at_zero == AtZero::Nothing || !world.stopping.is_zero();
    let net = if has_net { MINUTE } else { Duration::ZERO };
    let within = to_the_sample + world.metric_delay + net + WAKE_COOLDOWN + world.stopping;
    let is_stranded = |standing: &Standing| standing.waiting > 0 && standing.wanted == 0;
    for (from, to) in spells(run, is_stranded, |_| 0) {
        assert!(to <= from + within, "a request waits from {from:?} to {to:?} and nothing wakes");
    }
    assert!(!run.outcome.fates.contains(&Fate::Waiting), "somebody waits still");
}

/// Whether AWS gives the instances that the user asks for by a number.
fn is_within_quota(settings: &Settings, world: &World) -> bool {
    let by_number = match settings.wake_instances {
        WakeInstances::Auto => 1,
        WakeInstances::Fixed(instances) => instances,
    };
    let least = by_number.max(settings.min_capacity).max(settings.warm_capacity);
    world.quota.is_none_or(|quota| usize::try_from(least).unwrap() <= quota)
}

/// While nothing waits, nothing is in flight and `MinCapacity` stays as it is, all instances above that go within the time
/// that the settings promise, and two minutes, after the datapoints are there. What the last datapoints of work have
/// started must run first; it is asked for within minutes.
#[track_caller]
fn assert_idle_ends_at_the_minimum(run: &Run<'_>, settings: &Settings, world: &World) {
    let (idle, cooldown) = match settings.idle_timeout {
        Some(timeout) => (seconds(timeout), STEP_COOLDOWN),
        None => (tracking_idle(world), seconds(settings.scale_in_cooldown)),
    };
    let within = idle.max(cooldown) + 2 * MINUTE + world.metric_delay + world.stopping;
    for quiet in quiet_spells(run, world) {
        for (standing, _) in during(run, quiet.0 + within, quiet.1) {
            assert!(
                standing.wanted <= usize::try_from(standing.min_capacity).unwrap(),
                "idle since {:?}, and at {:?} it still has {} instances",
                quiet.0,
                standing.since,
                standing.wanted
            );
        }
    }
}

/// In the same spells, all but one instance go sooner.
#[track_caller]
fn assert_spare_instances_go(run: &Run<'_>, settings: &Settings, world: &World) {
    let Some(spare) = spare_timeout(settings) else { return };
    let counts_instances = matches!(world.cpu_samples, CpuSamples::OnePerInstance | CpuSamples::SixPerInstance);
    if !counts_instances || !has_spare(settings) {
        return;
    }
    let within = spare.max(STEP_COOLDOWN) + 2 * MINUTE + world.metric_delay + world.stopping;
    for quiet in quiet_spells(run, world) {
        for (standing, _) in during(run, quiet.0 + within, quiet.1) {
            let least = usize::try_from(standing.min_capacity).unwrap().max(1);
            assert!(
                standing.wanted <= least,
                "idle since {:?}, and at {:?} it still has {} instances",
                quiet.0,
                standing.since,
                standing.wanted
            );
        }
    }
}

/// Spells without a request and with the same `MinCapacity`, from where all instances run that the last request's
/// datapoints have started.
#[track_caller]
fn quiet_spells(run: &Run<'_>, world: &World) -> Vec<(Duration, Duration)> {
    // The high alarm may go by five minutes, see the extra periods of an alarm.
    let asked_within = 5 * MINUTE + world.metric_delay + MINUTE;
    let is_idle = |standing: &Standing| standing.waiting + standing.in_flight == 0;
    let mut quiet = Vec::new();
    for (from, to) in spells(run, is_idle, |standing| standing.min_capacity) {
        let starting = during(run, from, to).filter(|(standing, _)| standing.running < standing.wanted);
        let started = starting.last().map_or(from, |(_, end)| end);
        // What the last datapoints ask for may have to wait until an order before it is done.
        let within = asked_within + 2 * (world.starting + world.refused_after + world.stopping);
        // An order that is repeated with its first datapoints comes once more than it should.
        let is_asked_anew = world.repeated == Repeated::OfTheTransition;
        assert!(
            is_asked_anew || started <= from + within,
            "idle since {from:?}, and at {started:?} an instance starts"
        );
        quiet.push((started, to));
    }
    quiet
}

fn tracking_idle(world: &World) -> Duration {
    match world.low_alarm {
        LowAlarm::FifteenMinutes => 15 * MINUTE,
        LowAlarm::ThreeMinutes => 3 * MINUTE,
    }
}

fn spare_timeout(settings: &Settings) -> Option<Duration> {
    let idle = seconds(settings.idle_timeout?);
    let longest = settings.longest_request.map_or(Duration::ZERO, seconds);
    // Alarms want whole minutes.
    let longest = MINUTE * u32::try_from(longest.as_secs().div_ceil(60)).unwrap();
    Some(idle.min(5 * MINUTE).max(longest))
}

/// See the known limits.
fn spare_may_wake(settings: &Settings, world: &World) -> bool {
    let Some((idle, spare)) = settings.idle_timeout.map(seconds).zip(spare_timeout(settings)) else { return false };
    // Datapoints that come later than two minutes after their minute also outlast the cooldown of the wake policy.
    let is_late = world.metric_delay > 2 * MINUTE;
    let is_stale = is_late || (world.metric_delay > MINUTE && idle <= spare + world.metric_delay);
    has_spare(settings) && is_stale
}

fn has_spare(settings: &Settings) -> bool {
    settings.max_capacity > settings.min_capacity.max(1)
}

/// What is killed has begun after the last datapoint that the alarm went by, so that no datapoint could have shown it; or,
/// looked at all the time, in its course, so that it was less than one request's work.
#[track_caller]
fn assert_only_the_unseen_is_killed(run: &Run<'_>, world: &World) {
    let unseen = world.metric_delay + if world.sampling == Sampling::Continuous { MINUTE } else { Duration::ZERO };
    for fate in &run.outcome.fates {
        if let Fate::Killed { started, at } = *fate {
            assert!(at <= started + unseen, "killed at {at:?}, in flight since {started:?}");
        }
    }
}

/// What is killed was taken so quickly, or so lately, that no datapoint that the alarm went by showed it waiting. It holds
/// for requests that take no longer than the timeouts.
#[track_caller]
fn assert_only_what_never_showed_is_killed(run: &Run<'_>, settings: &Settings, world: &World) {
    let longest = run.outcome.requests.iter().map(|request| request.work).max().unwrap_or_default();
    let timeout = settings.idle_timeout.map(seconds).into_iter().chain(spare_timeout(settings)).min();
    // Sampled all the time, a request that waits for a part of a minute counts as less than one, and keeps no instance.
    let is_shown_whole = world.sampling == Sampling::Once || !has_spare(settings);
    if timeout.is_none_or(|timeout| longest > timeout) || world.metric_delay < MINUTE || !is_shown_whole {
        return;
    }
    for (request, fate) in run.outcome.requests.iter().zip(&run.outcome.fates) {
        if let Fate::Killed { started, at } = *fate {
            let waited_to = match world.sampling {
                // Only who waits at the end of a minute is in its sample.
                Sampling::Once => started,
                Sampling::Continuous => at,
            };
            let minute = end_of_minute(request.arrives);
            let showed = request.arrives < started && minute < waited_to && minute + world.metric_delay <= at;
            assert!(!showed, "killed at {at:?}, came at {:?}, in flight since {started:?}", request.arrives);
        }
    }
}

/// The spells in which `is` holds and `same` gives the same, each from its beginning to its end.
fn spells<Same: PartialEq>(
    run: &Run<'_>,
    is: impl Fn(&Standing) -> bool,
    same: impl Fn(&Standing) -> Same,
) -> Vec<(Duration, Duration)> {
    let mut spells = Vec::new();
    let mut present: Option<(Duration, Same)> = None;
    for standing in &run.standings {
        let next = is(standing).then(|| same(standing));
        if let (Some((_, now)), Some(next)) = (&present, &next)
            && now == next
        {
            continue;
        }
        spells.extend(present.take().map(|(from, _)| (from, standing.since)));
        present = next.map(|next| (standing.since, next));
    }
    spells.extend(present.map(|(from, _)| (from, run.outcome.until)));
    spells
}

/// The standings at any time from `from` to before `to`, each with its end.
fn during<'a>(run: &'a Run<'_>, from: Duration, to: Duration) -> impl Iterator<Item = (&'a Standing, Duration)> {
    let ends = run.standings.iter().skip(1).map(|standing| standing.since).chain([run.outcome.until]);
    let first = run.standings.partition_point(|standing| standing.since <= from).saturating_sub(1);
    let spans = run.standings.iter().zip(ends).skip(first).take_while(move |(standing, _)| standing.since < to);
    spans.filter(move |(_, end)| from < *end && from < to)
}

/// Of the minute in which a moment is.
fn end_of_minute(moment: Duration) -> Duration {
    Duration::from_secs((moment.as_secs() / 60 + 1) * 60)
}

/// Of a setting.
pub(super) fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap())
}
