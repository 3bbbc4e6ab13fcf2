//! The world that fits an endpoint's own past best, among those that AWS's documents leave open.

use std::time::Duration;

use super::candidates::Candidate;
use super::counted::Queue;
use super::reconstruct::{self, Readings};
use super::replay::Replay;
use super::{History, Question, median, seen};
use crate::simulate::{AtZero, Contest, Leaving, LowAlarm, Repeated, World};

/// As AWS documents it, with what is known of this endpoint: the likeliest first, and those that its metrics don't rule out.
pub(super) fn worlds(history: &History, question: &Question<'_>, readings: &Readings) -> Vec<World> {
    let defaults = World::default();
    let at_zero = if seen::backlog_at_zero(history) { defaults.at_zero } else { AtZero::Nothing };
    let known = World {
        at_zero,
        concurrency: question.concurrency.unwrap_or(defaults.concurrency).max(1),
        starting: median(&history.starts).unwrap_or(defaults.starting),
        ..defaults
    };
    let queues = readings.likely();
    queues
        .map(|Queue { sampling, counts_in_flight }| World {
            sampling,
            backlog_counts_in_flight: counts_in_flight,
            ..known
        })
        .collect()
}

/// What CloudWatch has, to compare a replay with.
#[derive(Debug)]
pub(super) struct Measured {
    /// Of each minute.
    instances: Vec<f64>,
    mean_wait: Duration,
}

impl Measured {
    pub(super) fn of(history: &History, first_minute: usize) -> Self {
        let minutes = first_minute..history.minutes;
        let instances = minutes.map(|minute| reconstruct::instances(history, minute)).collect();
        Self { instances, mean_wait: reconstruct::mean_wait(history, first_minute) }
    }

    pub(super) fn instance_hours(&self) -> f64 {
        self.instances.iter().sum::<f64>() / 60.0
    }

    /// How far a replay is from it: by the instances of each minute, and by the waits, each as a share.
    fn distance(&self, replay: &Replay) -> f64 {
        let replayed = replay.running.iter().copied().map(f64::from).chain(std::iter::repeat(0.0));
        let off: f64 = self.instances.iter().zip(replayed).map(|(there, replayed)| (there - replayed).abs()).sum();
        let wait = replay.mean_wait.abs_diff(self.mean_wait).as_secs_f64() / self.mean_wait.as_secs_f64().max(60.0);
        off / 60.0 / self.instance_hours().max(1.0) + wait
    }
}

/// What AWS leaves open and the metrics don't show is taken to be as it fits this endpoint's own minutes and waits best, one
/// question after the other.
pub(super) fn likeliest(
    in_force: &Candidate,
    readings: &Readings,
    worlds: &[World],
    measured: &Measured,
) -> Result<Fit, String> {
    let mut tried: Vec<(World, f64)> = Vec::new();
    let mut best: Option<(World, Replay, f64)> = None;
    let mut ask = |world: World, best: &mut Option<(World, Replay, f64)>| -> Result<(), String> {
        let replay = Replay::of(in_force, readings.of(&world), &world)?;
        let distance = measured.distance(&replay);
        tried.push((world, distance));
        if best.as_ref().is_none_or(|(_, _, closest)| distance < MUCH_NEARER * closest) {
            *best = Some((world, replay, distance));
        }
        Ok(())
    };
    for world in worlds {
        ask(*world, &mut best)?;
    }
    // Not at all where a replay takes its time.
    let takes_its_time = readings.requests > MOST_TO_FIT;
    // Both together, as each of them changes what the other one shows.
    let together = if takes_its_time { &[] } else { worlds };
    for world in together {
        let at_zero = without_per_instance(*world);
        ask(World { low_alarm: LowAlarm::ThreeMinutes, ..*world }, &mut best)?;
        ask(World { at_zero, ..*world }, &mut best)?;
        ask(World { low_alarm: LowAlarm::ThreeMinutes, at_zero, ..*world }, &mut best)?;
    }
    // Twice, as an answer may fit better once another one does.
    let questions = if takes_its_time { Vec::new() } else { open_questions().to_vec() };
    let again = questions.len().min(3);
    for answers in questions.iter().chain(&questions[..again]) {
        let Some(was) = best.as_ref().map(|(world, ..)| *world) else { break };
        for other in answers.iter().map(|answer| answer(was)).filter(|other| *other != was) {
            ask(other, &mut best)?;
        }
        // The kind of queue may, too.
        let Some(was) = best.as_ref().map(|(world, ..)| *world) else { break };
        for world in worlds {
            let queue = (world.sampling, world.backlog_counts_in_flight);
            if queue != (was.sampling, was.backlog_counts_in_flight) {
                let other = World { sampling: queue.0, backlog_counts_in_flight: queue.1, ..was };
                ask(other, &mut best)?;
            }
        }
    }
    let (world, now, closest) = best.ok_or_else(|| "there is no world to replay in".to_owned())?;
    let is_as_near = |(other, distance): &(World, f64)| *other != world && *distance * MUCH_NEARER <= closest;
    tried.retain(is_as_near);
    tried.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let mut others: Vec<World> = tried.into_iter().map(|(world, _)| world).collect();
    others.dedup();
    others.truncate(if takes_its_time { 0 } else { MOST_OTHERS });
    Ok(Fit { world, now, others })
}

/// The world that fits best, the settings in force in it, and other worlds that fit about as well.
pub(super) struct Fit {
    pub(super) world: World,
    pub(super) now: Replay,
    pub(super) others: Vec<World>,
}

/// So many of them, so that time stays within that of the function.
const MOST_OTHERS: usize = 2;

/// With more requests only what the metrics show is gone by, so that time stays within that of the function.
const MOST_TO_FIT: usize = 30_000;

/// An answer that AWS doesn't document must bring the replay so much nearer.
const MUCH_NEARER: f64 = 0.95;

type Answer = fn(World) -> World;

/// What AWS leaves open and shows in hours or waits, each with its answers.
fn open_questions() -> [Vec<Answer>; 6] {
    [
        vec![|it| World { low_alarm: LowAlarm::ThreeMinutes, ..it }, |it| World {
            low_alarm: LowAlarm::FifteenMinutes,
            ..it
        }],
        vec![|it| World { at_zero: without_per_instance(it), ..it }, |it| World {
            at_zero: if it.at_zero == AtZero::WithoutPerInstance { AtZero::All } else { it.at_zero },
            ..it
        }],
        vec![
            |it| World { metric_delay: Duration::from_mins(1), ..it },
            |it| World { metric_delay: Duration::from_secs(90), ..it },
            |it| World { metric_delay: Duration::from_mins(2), ..it },
        ],
        vec![|it| World { contest: Contest::EachInTurn, ..it }],
        vec![|it| World { repeated: Repeated::OfTheTransition, ..it }],
        vec![|it| World { leaving: Leaving::Idlest, ..it }],
    ]
}

fn without_per_instance(world: World) -> AtZero {
    if world.at_zero == AtZero::All { AtZero::WithoutPerInstance } else { world.at_zero }
}
