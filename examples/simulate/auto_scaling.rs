//! Application Auto Scaling, for one scalable target.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sagemaker_scale_to_zero::reconcile::{
    Adjustment, PolicyName, Scaling, ScalingPolicy, Step, StepScaling, Suspended, TargetTracking,
};

use crate::alarm::{State, Watch};
use crate::metrics::Metrics;

/// What a scheduled action does: from then on `MinCapacity` is this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewMinimum {
    pub(crate) at: Duration,
    pub(crate) min_capacity: i32,
}

#[derive(Debug)]
pub(crate) struct AutoScaling {
    min_capacity: i32,
    max_capacity: i32,
    suspended: Suspended,
    policies: BTreeMap<PolicyName, Policy>,
    alarms: Vec<Alarm>,
    /// In the order of time.
    schedule: VecDeque<NewMinimum>,
}

/// An alarm with its one action.
#[derive(Debug)]
struct Alarm {
    watch: Watch,
    policy: PolicyName,
    /// Which way its policy may go by it.
    way: Way,
    state: State,
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
pub(crate) struct Proposal {
    pub(crate) capacity: i32,
    pub(crate) policy: PolicyName,
}

impl AutoScaling {
    /// # Errors
    /// What of the scaling the model doesn't know.
    pub(crate) fn new(scaling: &Scaling, schedule: Vec<NewMinimum>) -> Result<Self, String> {
        let target = scaling.target.as_ref().ok_or("no scalable target")?;
        let mut alarms = Vec::new();
        let mut add = |watch, policy, way| alarms.push(Alarm { watch, policy, way, state: State::InsufficientData });
        for (kind, alarm) in &scaling.alarms {
            add(Watch::of(alarm)?, kind.policy(), Way::Either);
        }
        for (name, policy) in &scaling.policies {
            if let ScalingPolicy::TargetTracking(tracking) = policy {
                for (watch, way) in Watch::of_tracking(tracking)?.into_iter().zip([Way::Out, Way::In]) {
                    add(watch, *name, way);
                }
            }
        }
        // An alarm without its policy would do nothing.
        alarms.retain(|alarm| scaling.policies.contains_key(&alarm.policy));
        let rested = |content| Policy { content, last_out: None, last_in: None };
        Ok(Self {
            min_capacity: target.min_capacity,
            max_capacity: target.max_capacity,
            suspended: target.suspended,
            policies: scaling.policies.iter().map(|(name, policy)| (*name, rested(policy.clone()))).collect(),
            alarms,
            schedule: schedule.into(),
        })
    }

    pub(crate) fn min_capacity(&self) -> i32 {
        self.min_capacity
    }

    pub(crate) fn next_action(&self) -> Option<Duration> {
        self.schedule.front().map(|action| action.at)
    }

    /// Performs the scheduled actions that are due.
    pub(crate) fn act(&mut self, now: Duration) {
        while let Some(action) = self.schedule.pop_front_if(|action| action.at <= now) {
            if !self.suspended.scheduled {
                self.min_capacity = action.min_capacity;
            }
        }
    }

    /// Looks at the first `minutes` datapoints of all alarms. An alarm's action is repeated each minute for as long as
    /// it is in ALARM: "Except for Auto Scaling actions, the actions happen only on state transitions"
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>). Where several
    /// policies ask for something, the largest capacity wins, also where all of them scale in
    /// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html>).
    pub(crate) fn evaluate(&mut self, metrics: &Metrics, minutes: u32, wanted: i32, now: Duration) -> Option<Proposal> {
        let mut values = Vec::new();
        for alarm in &mut self.alarms {
            let datapoints = metrics.datapoints(alarm.watch.metric, alarm.watch.statistic, minutes);
            alarm.state = alarm.watch.evaluate(datapoints, alarm.state);
            if alarm.state == State::Alarm {
                values.extend(alarm.watch.newest(datapoints).map(|value| (alarm.policy, alarm.way, value)));
            }
        }
        values.into_iter().filter_map(|(policy, way, value)| self.proposal(policy, way, value, wanted, now)).max()
    }

    /// What a policy makes of a metric's `value`; `None` where it leaves the capacity as it is.
    fn proposal(&self, name: PolicyName, way: Way, value: f64, wanted: i32, now: Duration) -> Option<Proposal> {
        let policy = self.policies.get(&name)?;
        let asked = match &policy.content {
            ScalingPolicy::TargetTracking(tracking) => tracked(tracking, value, wanted, self.max_capacity),
            ScalingPolicy::Step(step) => stepped(step, wanted),
        };
        let asked = asked.clamp(self.min_capacity, self.max_capacity);
        let capacity = if asked > wanted {
            let capacity = policy.cooled_out(asked, wanted, now).clamp(self.min_capacity, self.max_capacity);
            (way != Way::In && !self.suspended.scale_out && capacity > wanted).then_some(capacity)
        } else {
            let is_free = !self.suspended.scale_in && policy.may_scale_in(now);
            (way != Way::Out && is_free && asked < wanted).then_some(asked)
        };
        capacity.map(|capacity| Proposal { capacity, policy: name })
    }

    /// Notes an activity of a policy, which ends at `done`, for its cooldowns.
    pub(crate) fn note(&mut self, proposal: Proposal, before: i32, done: Duration) {
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

impl Policy {
    fn out_cooldown(&self) -> Duration {
        seconds(match &self.content {
            ScalingPolicy::TargetTracking(tracking) => tracking.scale_out_cooldown,
            ScalingPolicy::Step(step) => step.cooldown,
        })
    }

    /// "The scaling policy won't increase the desired capacity again unless either a larger scale out is triggered or the
    /// cooldown period ends", and of a larger one what has been added already is taken off
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

/// The capacity that would bring the metric to its target: AWS says "proportional to the metric value" for scaling out;
/// that scaling in is proportional too is an assumption, and so is that no instance counts as one.
fn tracked(tracking: &TargetTracking, value: f64, wanted: i32, max_capacity: i32) -> i32 {
    let capacity = f64::from(wanted.max(1)) * value / tracking.target_value;
    // A count above the maximum would be clamped to it anyway.
    (0..max_capacity).find(|count| f64::from(*count) >= capacity).unwrap_or(max_capacity)
}

/// The policies of a plan have one step, without an end: whatever made the alarm fire is within it.
fn stepped(step: &StepScaling, wanted: i32) -> i32 {
    match (step.adjustment, step.step) {
        (Adjustment::ChangeInCapacity, Step::FromThresholdUp | Step::FromThresholdDown) => {
            wanted.saturating_add(step.amount)
        }
        (Adjustment::ExactCapacity, Step::FromThresholdUp | Step::FromThresholdDown) => step.amount,
    }
}

#[cfg(test)]
mod tests {
    use sagemaker_scale_to_zero::reconcile::{Metric, ScalableTarget, Statistic};

    use super::*;

    const AT_START: Duration = Duration::ZERO;

    fn tracking(target_value: f64) -> TargetTracking {
        TargetTracking {
            target_value,
            metric: Metric {
                name: "ApproximateBacklogSizePerInstance".to_owned(),
                endpoint: "demo".to_owned(),
                statistic: Statistic::Average,
            },
            scale_in_cooldown: 600,
            scale_out_cooldown: 300,
            disable_scale_in: false,
        }
    }

    fn step(adjustment: Adjustment, amount: i32) -> ScalingPolicy {
        ScalingPolicy::Step(StepScaling { adjustment, amount, step: Step::FromThresholdUp, cooldown: 300 })
    }

    /// With the policies that are tested, between 0 and 10 instances.
    fn auto_scaling(name: PolicyName, policy: ScalingPolicy, suspended: Suspended) -> AutoScaling {
        let scaling = Scaling {
            target: Some(ScalableTarget { min_capacity: 0, max_capacity: 10, suspended }),
            policies: BTreeMap::from([(name, policy)]),
            ..Scaling::default()
        };
        AutoScaling::new(&scaling, Vec::new()).unwrap()
    }

    fn asked(scaling: &AutoScaling, value: f64, wanted: i32, now: u64) -> Option<i32> {
        by(Way::Either, scaling, value, wanted, now)
    }

    fn by(way: Way, scaling: &AutoScaling, value: f64, wanted: i32, now: u64) -> Option<i32> {
        let name = *scaling.policies.keys().next().unwrap();
        scaling.proposal(name, way, value, wanted, Duration::from_secs(now)).map(|proposal| proposal.capacity)
    }

    #[test]
    fn target_tracking_is_proportional_and_rounds_up() {
        let policy = ScalingPolicy::TargetTracking(tracking(5.0));
        let scaling = auto_scaling(PolicyName::Backlog, policy, Suspended::default());
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
    fn the_high_alarm_only_adds_and_the_low_one_only_takes_away() {
        let policy = ScalingPolicy::TargetTracking(tracking(5.0));
        let scaling = auto_scaling(PolicyName::Backlog, policy, Suspended::default());
        // Between the two, 1 request at 0 instances would round up to 1 instance.
        for (way, value, wanted, want) in [
            (Way::Out, 6.0, 0, Some(2)),
            (Way::In, 1.0, 0, None),
            (Way::In, 6.0, 1, None),
            (Way::Out, 1.0, 3, None),
            (Way::In, 1.0, 3, Some(1)),
        ] {
            assert_eq!(by(way, &scaling, value, wanted, 0), want, "{way:?}, {value} a piece on {wanted}");
        }
    }

    #[test]
    fn a_step_adds_or_sets() {
        for (policy, wanted, want) in [
            (step(Adjustment::ChangeInCapacity, 2), 0, Some(2)),
            (step(Adjustment::ChangeInCapacity, 2), 9, Some(10)),
            (step(Adjustment::ChangeInCapacity, 2), 10, None),
            (step(Adjustment::ExactCapacity, 0), 7, Some(0)),
            (step(Adjustment::ExactCapacity, 0), 0, None),
        ] {
            let scaling = auto_scaling(PolicyName::Wake, policy.clone(), Suspended::default());
            assert_eq!(asked(&scaling, 1.0, wanted, 0), want, "{policy:?} on {wanted}");
        }
    }

    #[test]
    fn in_the_cooldown_of_a_scale_out_only_a_larger_one_counts_and_adds_the_difference() {
        let policy = ScalingPolicy::TargetTracking(tracking(5.0));
        let mut scaling = auto_scaling(PolicyName::Backlog, policy, Suspended::default());
        // From 1 to 3; the instances run at second 360, so the cooldown ends at 660.
        scaling.note(Proposal { capacity: 3, policy: PolicyName::Backlog }, 1, Duration::from_mins(6));
        assert_eq!(asked(&scaling, 8.0, 3, 659), None, "2 more: no more than were added");
        assert_eq!(asked(&scaling, 10.0, 3, 659), Some(4), "3 more, of which 2 are there");
        assert_eq!(asked(&scaling, 8.0, 3, 660), Some(5));
    }

    #[test]
    fn in_the_cooldown_of_a_scale_in_nothing_goes_unless_a_scale_out_came_between() {
        let policy = ScalingPolicy::TargetTracking(tracking(5.0));
        let mut scaling = auto_scaling(PolicyName::Backlog, policy, Suspended::default());
        scaling.note(Proposal { capacity: 3, policy: PolicyName::Backlog }, 5, AT_START);
        assert_eq!(asked(&scaling, 0.0, 3, 599), None);
        assert_eq!(asked(&scaling, 10.0, 3, 1), Some(6), "scaling out doesn't wait for it");
        assert_eq!(asked(&scaling, 0.0, 3, 600), Some(0));
        scaling.note(Proposal { capacity: 6, policy: PolicyName::Backlog }, 3, Duration::from_secs(100));
        assert_eq!(asked(&scaling, 0.0, 6, 101), Some(0));
    }

    #[test]
    fn what_is_suspended_does_not_happen() {
        let policy = ScalingPolicy::TargetTracking(tracking(5.0));
        let scale_in = Suspended { scale_in: true, ..Suspended::default() };
        let scale_out = Suspended { scale_out: true, ..Suspended::default() };
        for (suspended, more, fewer) in
            [(Suspended::default(), Some(4), Some(0)), (scale_in, Some(4), None), (scale_out, None, Some(0))]
        {
            let scaling = auto_scaling(PolicyName::Backlog, policy.clone(), suspended);
            assert_eq!(asked(&scaling, 10.0, 2, 0), more, "{suspended:?}");
            assert_eq!(asked(&scaling, 0.0, 2, 0), fewer, "{suspended:?}");
        }
    }

    #[test]
    fn a_scheduled_action_sets_the_minimum_unless_that_is_suspended() {
        for (suspended, want) in [(Suspended::default(), 2), (Suspended { scheduled: true, ..Suspended::default() }, 0)]
        {
            let mut scaling = auto_scaling(PolicyName::Idle, step(Adjustment::ExactCapacity, 0), suspended);
            scaling.schedule = VecDeque::from([NewMinimum { at: Duration::from_secs(10), min_capacity: 2 }]);
            scaling.act(Duration::from_secs(9));
            assert_eq!(scaling.min_capacity(), 0);
            scaling.act(Duration::from_secs(10));
            assert_eq!((scaling.min_capacity(), scaling.next_action()), (want, None));
        }
    }

    #[test]
    fn in_warm_hours_the_idle_policy_goes_down_to_their_minimum_only() {
        let mut scaling = auto_scaling(PolicyName::Idle, step(Adjustment::ExactCapacity, 0), Suspended::default());
        scaling.min_capacity = 2;
        assert_eq!(asked(&scaling, 0.0, 5, 0), Some(2));
        assert_eq!(asked(&scaling, 0.0, 2, 0), None);
    }
}
