//! Application Auto Scaling, for one scalable target.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::reconcile::{
    Adjustment, Aggregation, PolicyName, Scaling, ScalingPolicy, StepScaling, Suspended, TargetTracking,
};

use super::alarm::{Breach, Watch, Watching};
use super::metrics::Minute;
use super::world::{Contest, LowAlarm, Repeated, World};

/// What a scheduled action does: from then on `MinCapacity` is this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NewMinimum {
    pub(super) at: Duration,
    pub(super) min_capacity: i32,
}

#[derive(Debug)]
pub(super) struct AutoScaling {
    min_capacity: i32,
    max_capacity: i32,
    suspended: Suspended,
    policies: BTreeMap<PolicyName, Policy>,
    alarms: Vec<Alarm>,
    /// In the order of time.
    schedule: VecDeque<NewMinimum>,
    repeated: Repeated,
    contest: Contest,
}

/// An alarm with its one action.
#[derive(Debug)]
struct Alarm {
    watching: Watching,
    policy: PolicyName,
    /// Whether its policy may add instances by it, or take them away.
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The alarms of target tracking: the high one adds instances only, the low one only takes them away.
    Out,
    In,
    /// Of step scaling, where the step itself says it.
    Either,
}

/// A policy with its cooldowns. Each policy has its own (assumption: AWS doesn't say whether they are shared).
#[derive(Debug)]
struct Policy {
    content: ScalingPolicy,
    last_out: Option<ScaleOut>,
    last_in: Option<Duration>,
}

/// A scaling activity that added instances.
#[derive(Debug, Clone, Copy)]
struct ScaleOut {
    added: i32,
    /// The cooldown begins when the activity has succeeded, that is when the instances run.
    done: Duration,
}

/// What a policy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proposal {
    pub(super) capacity: i32,
    pub(super) policy: PolicyName,
}

impl AutoScaling {
    /// # Errors
    /// What of the scaling the model doesn't know.
    pub(super) fn new(scaling: &Scaling, schedule: Vec<NewMinimum>, world: &World) -> Result<Self, String> {
        let target = scaling.target.as_ref().ok_or("no scalable target")?;
        Ok(Self {
            min_capacity: target.min_capacity,
            max_capacity: target.max_capacity,
            suspended: target.suspended,
            policies: scaling.policies.iter().map(|(name, policy)| (*name, Policy::rested(policy.clone()))).collect(),
            alarms: alarms(scaling, world.low_alarm)?,
            schedule: schedule.into(),
            repeated: world.repeated,
            contest: world.contest,
        })
    }

    pub(super) fn min_capacity(&self) -> i32 {
        self.min_capacity
    }

    pub(super) fn next_action(&self) -> Option<Duration> {
        self.schedule.front().map(|action| action.at)
    }

    /// Performs the scheduled actions that are due.
    pub(super) fn act(&mut self, now: Duration) {
        while let Some(action) = self.schedule.pop_front_if(|action| action.at <= now) {
            if !self.suspended.scheduled {
                self.min_capacity = action.min_capacity;
            }
        }
    }

    /// Shows all alarms one more minute. Answers what their policies then ask for, in the order in which it is tried. "It scales
    /// based on the policy that provides the largest capacity for both scale in and scale out"
    /// (<https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-step-scaling-policies.html>).
    pub(super) fn look(&mut self, minute: &Minute, wanted: i32, now: Duration) -> Vec<Proposal> {
        let breaches: Vec<(usize, Breach)> = self
            .alarms
            .iter_mut()
            .enumerate()
            .filter_map(|(place, alarm)| Some((place, alarm.watching.look(minute)?)))
            .collect();
        let proposals = breaches.into_iter().filter_map(|(place, breach)| self.proposal(place, breach, wanted, now));
        match self.contest {
            Contest::Largest => proposals.max().into_iter().collect(),
            Contest::EachInTurn => proposals.collect(),
        }
    }

    /// What an alarm's policy makes of its datapoints; `None` where it leaves the capacity as it is.
    fn proposal(&self, place: usize, breach: Breach, wanted: i32, now: Duration) -> Option<Proposal> {
        let alarm = &self.alarms[place];
        let policy = self.policies.get(&alarm.policy)?;
        let asked = self.asked(&policy.content, alarm.watching.watch.threshold(), breach, wanted)?;
        let capacity = self.allowed(policy, alarm.way, asked, wanted, now)?;
        Some(Proposal { capacity, policy: alarm.policy })
    }

    fn asked(&self, policy: &ScalingPolicy, threshold: f64, breach: Breach, wanted: i32) -> Option<i32> {
        match policy {
            // Bounded before a cooldown takes off what has been added already. That is an assumption: the other way round,
            // AWS's example would start more.
            ScalingPolicy::TargetTracking(tracking) => Some(tracked(tracking, breach, wanted).min(self.max_capacity)),
            ScalingPolicy::Step(step) => self.stepped(step, breach, threshold, wanted),
        }
    }

    /// What cooldowns and then bounds leave of it, in the guide's order.
    fn allowed(&self, policy: &Policy, way: Way, asked: i32, wanted: i32, now: Duration) -> Option<i32> {
        let within = |capacity: i32| capacity.clamp(self.min_capacity, self.max_capacity);
        if asked > wanted {
            let capacity = within(policy.cooled_out(asked, wanted, now));
            (way != Way::In && !self.suspended.scale_out && capacity > wanted).then_some(capacity)
        } else {
            let is_free = !self.suspended.scale_in && policy.may_scale_in(now);
            let capacity = within(asked);
            (way != Way::Out && is_free && capacity < wanted).then_some(capacity)
        }
    }

    /// "Application Auto Scaling aggregates the most recent metric data points" as the policy says, and chooses the step
    /// by the difference to the threshold. Without a step the action fails ("No step adjustment found").
    fn stepped(&self, step: &StepScaling, breach: Breach, threshold: f64, wanted: i32) -> Option<i32> {
        let seen = match self.repeated {
            Repeated::Newest => breach.now,
            Repeated::OfTheTransition => breach.at_first,
        };
        let value = match step.aggregation {
            Aggregation::Average => seen.average,
            Aggregation::Maximum => seen.maximum,
        };
        let amount = step.amount_at(value - threshold)?;
        Some(match step.adjustment {
            Adjustment::ChangeInCapacity => wanted.saturating_add(amount),
            Adjustment::ExactCapacity => amount,
        })
    }

    /// Notes an activity of a policy, which ends at `done`, for its cooldowns.
    pub(super) fn note(&mut self, proposal: Proposal, before: i32, done: Duration) {
        if let Some(policy) = self.policies.get_mut(&proposal.policy) {
            if proposal.capacity > before {
                policy.last_out = Some(ScaleOut { added: proposal.capacity - before, done });
                // "The scale-in cooldown period stops and doesn't complete."
                policy.last_in = None;
            } else {
                policy.last_in = Some(done);
            }
        }
    }
}

/// The alarms of the plan, and those that AWS makes for target tracking. An alarm without its policy does nothing.
fn alarms(scaling: &Scaling, low: LowAlarm) -> Result<Vec<Alarm>, String> {
    let mut alarms = Vec::new();
    let mut add = |watch, policy, way| alarms.push(Alarm { watching: Watching::new(watch), policy, way });
    for (kind, alarm) in &scaling.alarms {
        if scaling.policies.contains_key(&kind.policy()) {
            add(Watch::of(alarm)?, kind.policy(), Way::Either);
        }
    }
    for (name, policy) in &scaling.policies {
        if let ScalingPolicy::TargetTracking(tracking) = policy {
            for (watch, way) in Watch::of_tracking(tracking, low)?.into_iter().zip([Way::Out, Way::In]) {
                add(watch, *name, way);
            }
        }
    }
    Ok(alarms)
}

impl Policy {
    fn rested(content: ScalingPolicy) -> Self {
        Self { content, last_out: None, last_in: None }
    }

    fn out_cooldown(&self) -> Duration {
        seconds(match &self.content {
            ScalingPolicy::TargetTracking(tracking) => tracking.scale_out_cooldown,
            ScalingPolicy::Step(step) => step.cooldown,
        })
    }

    /// "The scaling policy won't increase the desired capacity again unless either a larger scale out is triggered or the
    /// cooldown period ends". From a larger one, what has been added already is taken off
    /// (<https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html>). That another
    /// policy has taken those instances away since changes nothing (assumption; the worse of two).
    fn cooled_out(&self, asked: i32, wanted: i32, now: Duration) -> i32 {
        match self.last_out {
            Some(last) if now < last.done + self.out_cooldown() => asked.saturating_sub(last.added).max(wanted),
            _ => asked,
        }
    }

    /// Scaling in is blocked until the cooldown of the last scaling in is over.
    fn may_scale_in(&self, now: Duration) -> bool {
        let cooldown = seconds(match &self.content {
            ScalingPolicy::TargetTracking(tracking) => tracking.scale_in_cooldown,
            ScalingPolicy::Step(step) => step.cooldown,
        });
        self.last_in.is_none_or(|last| now >= last + cooldown)
    }
}

fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The capacity that would bring the metric to its target. AWS says "proportional to the metric value" for scaling out. Two
/// assumptions: scaling in is proportional too, and no instance counts as one. Rounded up, the capacity never takes an instance
/// whose absence would bring the metric above the target, which AWS promises not to do (`AutoScalingAnticipatedFlapping`). It
/// rests on the newest datapoint: otherwise a repeated action would multiply what the first one has multiplied.
fn tracked(tracking: &TargetTracking, breach: Breach, wanted: i32) -> i32 {
    ceiling(f64::from(wanted.max(1)) * breach.now.newest / tracking.target_value)
}

/// The smallest count that isn't below the value.
#[expect(clippy::cast_possible_truncation, reason = "a cast to an integer stops at its bounds")]
fn ceiling(value: f64) -> i32 {
    value.ceil() as i32
}

#[cfg(test)]
mod tests {
    use crate::reconcile::{Metric, Namespace, ScalableTarget, Statistic, StepAdjustment};

    use super::super::alarm::Seen;
    use super::*;

    const AT_START: Duration = Duration::ZERO;

    fn tracking() -> ScalingPolicy {
        ScalingPolicy::TargetTracking(TargetTracking {
            target_value: 5.0,
            metric: Metric {
                namespace: Namespace::Invocations,
                name: "ApproximateBacklogSizePerInstance".to_owned(),
                endpoint: "demo".to_owned(),
                variant: None,
                statistic: Statistic::Average,
                period: 60,
            },
            scale_in_cooldown: 600,
            scale_out_cooldown: 300,
            disable_scale_in: false,
        })
    }

    fn step(adjustment: Adjustment, steps: &[(Option<f64>, Option<f64>, i32)]) -> ScalingPolicy {
        let steps =
            steps.iter().map(|(lower, upper, amount)| StepAdjustment { lower: *lower, upper: *upper, amount: *amount });
        let aggregation = Aggregation::Maximum;
        ScalingPolicy::Step(StepScaling { adjustment, aggregation, steps: steps.collect(), cooldown: 300 })
    }

    /// With the policies that are tested, between 0 and 10 instances.
    fn auto_scaling(policy: ScalingPolicy, suspended: Suspended) -> AutoScaling {
        let scaling = Scaling {
            target: Some(ScalableTarget { min_capacity: 0, max_capacity: 10, suspended }),
            policies: BTreeMap::from([(PolicyName::Backlog, policy)]),
            ..Scaling::default()
        };
        AutoScaling::new(&scaling, Vec::new(), &World::default()).unwrap()
    }

    fn of(policy: ScalingPolicy) -> AutoScaling {
        auto_scaling(policy, Suspended::default())
    }

    fn seen(value: f64) -> Seen {
        Seen { newest: value, average: value, maximum: value }
    }

    fn asked(scaling: &AutoScaling, value: f64, wanted: i32, now: u64) -> Option<i32> {
        by(Way::Either, scaling, Breach { now: seen(value), at_first: seen(value) }, wanted, now)
    }

    /// With a threshold of 1.
    fn by(way: Way, scaling: &AutoScaling, breach: Breach, wanted: i32, now: u64) -> Option<i32> {
        let policy = scaling.policies.values().next().unwrap();
        let asked = scaling.asked(&policy.content, 1.0, breach, wanted)?;
        scaling.allowed(policy, way, asked, wanted, Duration::from_secs(now))
    }

    #[test]
    fn target_tracking_is_proportional_and_rounds_up() {
        let scaling = of(tracking());
        for (value, wanted, want) in [
            (10.0, 2, Some(4)),
            (5.1, 2, Some(3)),
            (5.0, 2, None),
            (1000.0, 2, Some(10)),
            (4.4, 5, None),
            (4.0, 5, Some(4)),
            (1.0, 5, Some(1)),
            (0.0, 5, Some(0)),
            (6.0, 0, Some(2)),
            (1.0, 1, None),
        ] {
            assert_eq!(asked(&scaling, value, wanted, 0), want, "{value} a piece on {wanted}");
        }
    }

    #[test]
    fn target_tracking_takes_nothing_that_it_would_bring_back() {
        let scaling = of(tracking());
        for wanted in 2..=10 {
            for tenth in 0..50_u8 {
                let value = f64::from(tenth) / 10.0;
                if let Some(capacity) = asked(&scaling, value, wanted, 0).filter(|capacity| *capacity > 0) {
                    let after = value * f64::from(wanted) / f64::from(capacity);
                    assert!(after <= 5.0, "from {wanted} to {capacity} at {value}: {after}");
                }
            }
        }
    }

    #[test]
    fn the_high_alarm_only_adds_and_the_low_one_only_takes_away() {
        let scaling = of(tracking());
        // Between the two, 1 request at 0 instances would round up to 1 instance.
        for (way, value, wanted, want) in [
            (Way::Out, 6.0, 0, Some(2)),
            (Way::In, 1.0, 0, None),
            (Way::In, 6.0, 1, None),
            (Way::Out, 1.0, 3, None),
            (Way::In, 1.0, 3, Some(1)),
        ] {
            let breach = Breach { now: seen(value), at_first: seen(value) };
            assert_eq!(by(way, &scaling, breach, wanted, 0), want, "{way:?}, {value} a piece on {wanted}");
        }
    }

    #[test]
    fn a_step_adds_or_sets() {
        let one = |adjustment, amount| step(adjustment, &[(Some(0.0), None, amount)]);
        for (policy, wanted, want) in [
            (one(Adjustment::ChangeInCapacity, 2), 0, Some(2)),
            (one(Adjustment::ChangeInCapacity, 2), 9, Some(10)),
            (one(Adjustment::ChangeInCapacity, 2), 10, None),
            (one(Adjustment::ExactCapacity, 0), 7, Some(0)),
            (one(Adjustment::ExactCapacity, 0), 0, None),
        ] {
            assert_eq!(asked(&of(policy.clone()), 1.0, wanted, 0), want, "{policy:?} on {wanted}");
        }
    }

    #[test]
    fn the_step_is_chosen_by_the_difference_to_the_threshold() {
        let ladder = step(
            Adjustment::ChangeInCapacity,
            &[(Some(0.0), Some(1.5), 1), (Some(1.5), Some(2.5), 2), (Some(2.5), None, 3)],
        );
        // The threshold is 1.
        for (value, want) in
            [(1.0, Some(1)), (2.4, Some(1)), (2.5, Some(2)), (3.5, Some(3)), (99.0, Some(3)), (0.5, None)]
        {
            assert_eq!(asked(&of(ladder.clone()), value, 0, 0), want, "{value}");
        }
        let below = step(Adjustment::ExactCapacity, &[(None, Some(-0.5), 1), (Some(-0.5), Some(0.0), 4)]);
        for (value, want) in [(0.9, Some(4)), (0.5, Some(1)), (0.51, Some(4)), (-7.0, Some(1)), (1.5, None)] {
            assert_eq!(asked(&of(below.clone()), value, 6, 0), want, "{value}");
        }
    }

    /// Each differs from the others in the step that it would choose.
    #[test]
    fn a_step_goes_by_the_aggregation_of_the_newest_datapoints_or_of_those_of_the_transition() {
        let steps =
            [(Some(0.0), Some(1.0), 1), (Some(1.0), Some(2.0), 2), (Some(2.0), Some(3.0), 3), (Some(3.0), None, 4)];
        let breach = Breach {
            now: Seen { newest: 9.0, average: 1.5, maximum: 2.5 },
            at_first: Seen { newest: 9.0, average: 3.5, maximum: 4.5 },
        };
        for (aggregation, repeated, want) in [
            (Aggregation::Average, Repeated::Newest, 1),
            (Aggregation::Maximum, Repeated::Newest, 2),
            (Aggregation::Average, Repeated::OfTheTransition, 3),
            (Aggregation::Maximum, Repeated::OfTheTransition, 4),
        ] {
            let ScalingPolicy::Step(policy) = step(Adjustment::ChangeInCapacity, &steps) else {
                panic!("a step policy")
            };
            let scaling = Scaling {
                target: Some(ScalableTarget { min_capacity: 0, max_capacity: 10, suspended: Suspended::default() }),
                policies: BTreeMap::from([(
                    PolicyName::Wake,
                    ScalingPolicy::Step(StepScaling { aggregation, ..policy }),
                )]),
                ..Scaling::default()
            };
            let scaling = AutoScaling::new(&scaling, Vec::new(), &World { repeated, ..World::default() }).unwrap();
            assert_eq!(by(Way::Either, &scaling, breach, 0, 0), Some(want), "{aggregation:?} {repeated:?}");
        }
    }

    #[test]
    fn in_the_cooldown_of_a_scale_out_only_a_larger_one_counts_and_adds_the_difference() {
        let mut scaling = of(tracking());
        // From 1 to 3; the instances run at second 360, so the cooldown ends at 660.
        scaling.note(Proposal { capacity: 3, policy: PolicyName::Backlog }, 1, Duration::from_mins(6));
        assert_eq!(asked(&scaling, 8.0, 3, 659), None, "2 more: no more than were added");
        assert_eq!(asked(&scaling, 10.0, 3, 659), Some(4), "3 more, of which 2 are there");
        assert_eq!(asked(&scaling, 8.0, 3, 660), Some(5));
        assert_eq!(asked(&scaling, 100.0, 3, 659), Some(8), "up to the maximum it is 7 more, of which 2 are there");
    }

    /// The ladder above the maximum: of 12 more, 4 are there already, and 8 more on 4 are too many for the maximum of 10.
    #[test]
    fn what_a_cooldown_takes_off_a_step_comes_off_before_the_maximum_does() {
        let mut scaling = of(step(Adjustment::ChangeInCapacity, &[(Some(0.0), None, 12)]));
        scaling.note(Proposal { capacity: 4, policy: PolicyName::Backlog }, 0, Duration::from_mins(6));
        assert_eq!(asked(&scaling, 1.0, 4, 0), Some(10));
    }

    #[test]
    fn in_the_cooldown_of_a_scale_in_nothing_goes_unless_a_scale_out_came_between() {
        let mut scaling = of(tracking());
        scaling.note(Proposal { capacity: 3, policy: PolicyName::Backlog }, 5, AT_START);
        assert_eq!(asked(&scaling, 0.0, 3, 599), None);
        assert_eq!(asked(&scaling, 10.0, 3, 1), Some(6), "scaling out doesn't wait for it");
        assert_eq!(asked(&scaling, 0.0, 3, 600), Some(0));
        scaling.note(Proposal { capacity: 6, policy: PolicyName::Backlog }, 3, Duration::from_secs(100));
        assert_eq!(asked(&scaling, 0.0, 6, 101), Some(0));
    }

    #[test]
    fn what_is_suspended_does_not_happen() {
        let scale_in = Suspended { scale_in: true, ..Suspended::default() };
        let scale_out = Suspended { scale_out: true, ..Suspended::default() };
        for (suspended, more, fewer) in
            [(Suspended::default(), Some(4), Some(0)), (scale_in, Some(4), None), (scale_out, None, Some(0))]
        {
            let scaling = auto_scaling(tracking(), suspended);
            assert_eq!(asked(&scaling, 10.0, 2, 0), more, "{suspended:?}");
            assert_eq!(asked(&scaling, 0.0, 2, 0), fewer, "{suspended:?}");
        }
    }

    fn idle() -> ScalingPolicy {
        step(Adjustment::ExactCapacity, &[(None, Some(0.0), 0)])
    }

    #[test]
    fn a_scheduled_action_sets_the_minimum_unless_that_is_suspended() {
        for (suspended, want) in [(Suspended::default(), 2), (Suspended { scheduled: true, ..Suspended::default() }, 0)]
        {
            let mut scaling = auto_scaling(idle(), suspended);
            scaling.schedule = VecDeque::from([NewMinimum { at: Duration::from_secs(10), min_capacity: 2 }]);
            scaling.act(Duration::from_secs(9));
            assert_eq!(scaling.min_capacity(), 0);
            scaling.act(Duration::from_secs(10));
            assert_eq!((scaling.min_capacity(), scaling.next_action()), (want, None));
        }
    }

    #[test]
    fn in_warm_hours_the_idle_policy_goes_down_to_their_minimum_only() {
        let mut scaling = of(idle());
        scaling.min_capacity = 2;
        assert_eq!(asked(&scaling, 0.0, 5, 0), Some(2));
        assert_eq!(asked(&scaling, 0.0, 2, 0), None);
    }
}
