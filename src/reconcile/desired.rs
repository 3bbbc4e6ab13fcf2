//! From settings to the scaling that a variant should have.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::names::{AlarmKind, EndpointName, PolicyName};
use super::scaling::{
    Adjustment, Alarm, Comparison, Metric, MissingData, ScalableTarget, Scaling, ScalingPolicy, Statistic, Step,
    StepScaling, TargetTracking,
};
use super::settings::{Pause, Settings};
use super::warm;

/// Seconds. The metrics of asynchronous endpoints arrive once a minute; a shorter period would leave the alarm without
/// data (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>).
pub const METRIC_PERIOD: i32 = 60;

/// Requests that wait and requests in flight.
pub const BACKLOG_METRIC: &str = "ApproximateBacklogSize";

/// Seconds. AWS's own example of a wake policy has the same
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html>).
const WAKE_COOLDOWN: i32 = 300;

/// Seconds. One minute of the metric: the policy has nothing to do again before a new datapoint is there.
const IDLE_COOLDOWN: i32 = METRIC_PERIOD;

/// The scaling that `settings` ask for at the time `now`.
#[must_use]
pub fn desired(endpoint: &EndpointName, settings: &Settings, now: Timestamp) -> Scaling {
    let mut policies = BTreeMap::from([(PolicyName::Backlog, backlog_policy(endpoint, settings))]);
    let mut alarms = BTreeMap::new();
    // Where an instance always runs there is nothing to wake, and the metric would never be 1.
    if settings.wake && settings.min_capacity == 0 {
        policies.insert(PolicyName::Wake, wake_policy(settings));
        alarms.insert(AlarmKind::Wake, wake_alarm(endpoint));
    }
    if let Some(timeout) = settings.idle_timeout {
        policies.insert(PolicyName::Idle, idle_policy(settings));
        alarms.insert(AlarmKind::Idle, idle_alarm(endpoint, timeout));
    }
    Scaling {
        target: Some(ScalableTarget {
            min_capacity: min_capacity(settings, now),
            max_capacity: settings.max_capacity,
            suspended: settings.pause.suspended(),
        }),
        policies,
        alarms,
        actions: warm::scheduled_actions(&settings.warm_hours, settings.warm_capacity, settings.min_capacity, now),
        ..Scaling::default()
    }
}

/// The scaling that `settings` ask for of a variant that has `observed` already: while it is paused, the warm hours are too,
/// and `MinCapacity` stays as it was when that began.
#[must_use]
pub fn desired_beside(endpoint: &EndpointName, settings: &Settings, observed: &Scaling, now: Timestamp) -> Scaling {
    let mut scaling = desired(endpoint, settings, now);
    if let (Pause::All, Some(present), Some(target)) = (settings.pause, &observed.target, &mut scaling.target)
        && [settings.min_capacity, settings.warm_capacity].contains(&present.min_capacity)
    {
        target.min_capacity = present.min_capacity;
    }
    scaling
}

/// A variant that is paused when it is first seen gets none of its warm hours.
fn min_capacity(settings: &Settings, now: Timestamp) -> i32 {
    let is_warm = settings.pause != Pause::All && warm::is_warm(&settings.warm_hours, now);
    if is_warm { settings.warm_capacity } else { settings.min_capacity }
}

fn metric(endpoint: &EndpointName, name: &str, statistic: Statistic) -> Metric {
    Metric { name: name.to_owned(), endpoint: endpoint.to_string(), statistic }
}

fn backlog_policy(endpoint: &EndpointName, settings: &Settings) -> ScalingPolicy {
    ScalingPolicy::TargetTracking(TargetTracking {
        target_value: settings.backlog_per_instance,
        metric: metric(endpoint, "ApproximateBacklogSizePerInstance", Statistic::Average),
        scale_in_cooldown: settings.scale_in_cooldown,
        scale_out_cooldown: settings.scale_out_cooldown,
        // With an idle timeout, that alone decides when to scale in.
        disable_scale_in: settings.idle_timeout.is_some(),
    })
}

fn wake_policy(settings: &Settings) -> ScalingPolicy {
    ScalingPolicy::Step(StepScaling {
        adjustment: Adjustment::ChangeInCapacity,
        amount: settings.wake_instances,
        step: Step::FromThresholdUp,
        cooldown: WAKE_COOLDOWN,
    })
}

/// One datapoint is enough: the metric is 1 only when a request waits and no instance runs, so there is no false alarm
/// to wait out, and the first request is served a minute sooner than with AWS's example of two.
fn wake_alarm(endpoint: &EndpointName) -> Alarm {
    Alarm {
        description: "Starts an instance when a request waits and none runs. Kept by sagemaker-scale-to-zero."
            .to_owned(),
        metric: metric(endpoint, "HasBacklogWithoutCapacity", Statistic::Average),
        comparison: Comparison::GreaterThanOrEqualToThreshold,
        threshold: 1.0,
        period: METRIC_PERIOD,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        missing_data: MissingData::NotBreaching,
    }
}

/// To `MinCapacity` at once, however many instances run: there was nothing to do for any of them.
fn idle_policy(settings: &Settings) -> ScalingPolicy {
    ScalingPolicy::Step(StepScaling {
        adjustment: Adjustment::ExactCapacity,
        amount: settings.min_capacity,
        step: Step::FromThresholdDown,
        cooldown: IDLE_COOLDOWN,
    })
}

/// `ApproximateBacklogSize` counts requests that wait and requests in flight, so the maximum of a minute is below 1 only
/// when there was neither (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>). No data is no
/// proof of that.
fn idle_alarm(endpoint: &EndpointName, timeout: i32) -> Alarm {
    let minutes = timeout / METRIC_PERIOD;
    Alarm {
        description: format!(
            "Takes all instances above MinCapacity away after {minutes} min without a request. Kept by \
             sagemaker-scale-to-zero."
        ),
        metric: metric(endpoint, BACKLOG_METRIC, Statistic::Maximum),
        comparison: Comparison::LessThanThreshold,
        threshold: 1.0,
        period: METRIC_PERIOD,
        evaluation_periods: minutes,
        datapoints_to_alarm: minutes,
        missing_data: MissingData::Missing,
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::super::WarmWindow;
    use super::super::scaling::Suspended;
    use super::*;

    /// A Thursday.
    const NOON: Timestamp = Timestamp::constant(43_200, 0);

    fn demo() -> EndpointName {
        EndpointName::new("demo").unwrap()
    }

    #[test]
    fn the_defaults_give_target_tracking_from_zero_and_a_way_to_wake() {
        let scaling = desired(&demo(), &Settings::default(), NOON);
        let average =
            |name: &str| Metric { name: name.to_owned(), endpoint: "demo".to_owned(), statistic: Statistic::Average };
        assert_eq!(
            scaling.target,
            Some(ScalableTarget { min_capacity: 0, max_capacity: 5, suspended: Suspended::default() })
        );
        assert_eq!(
            scaling.policies,
            BTreeMap::from([
                (
                    PolicyName::Backlog,
                    ScalingPolicy::TargetTracking(TargetTracking {
                        target_value: 5.0,
                        metric: average("ApproximateBacklogSizePerInstance"),
                        scale_in_cooldown: 300,
                        scale_out_cooldown: 300,
                        disable_scale_in: false,
                    })
                ),
                (
                    PolicyName::Wake,
                    ScalingPolicy::Step(StepScaling {
                        adjustment: Adjustment::ChangeInCapacity,
                        amount: 1,
                        step: Step::FromThresholdUp,
                        cooldown: 300,
                    })
                ),
            ])
        );
        let alarm = &scaling.alarms[&AlarmKind::Wake];
        assert_eq!(alarm.metric, average("HasBacklogWithoutCapacity"));
        assert_eq!((alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm), (60, 1, 1));
        assert!(scaling.can_wake() && scaling.can_scale_in());
    }

    #[test]
    fn with_an_idle_timeout_target_tracking_only_scales_out() {
        let settings = Settings { min_capacity: 2, idle_timeout: Some(600), ..Settings::default() };
        let scaling = desired(&demo(), &settings, NOON);
        let ScalingPolicy::TargetTracking(tracking) = &scaling.policies[&PolicyName::Backlog] else {
            panic!("{scaling:?}")
        };
        assert!(tracking.disable_scale_in);
        assert_eq!(
            scaling.policies[&PolicyName::Idle],
            ScalingPolicy::Step(StepScaling {
                adjustment: Adjustment::ExactCapacity,
                amount: 2,
                step: Step::FromThresholdDown,
                cooldown: 60,
            })
        );
        let alarm = &scaling.alarms[&AlarmKind::Idle];
        assert_eq!((alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm), (60, 10, 10));
        assert!(scaling.can_scale_in());
    }

    #[test]
    fn nothing_wakes_where_an_instance_always_runs_or_the_user_said_no() {
        for settings in
            [Settings { min_capacity: 1, ..Settings::default() }, Settings { wake: false, ..Settings::default() }]
        {
            let scaling = desired(&demo(), &settings, NOON);
            assert_eq!(scaling.policies.keys().copied().collect::<Vec<_>>(), [PolicyName::Backlog], "{settings:?}");
            assert!(scaling.alarms.is_empty(), "{settings:?}");
        }
    }

    fn office_hours() -> Settings {
        let mut settings = Settings { warm_capacity: 2, ..Settings::default() };
        settings.warm_hours.insert(String::new(), WarmWindow::parse("MON-FRI 08:00-18:00 UTC").unwrap());
        settings
    }

    fn min_capacity(scaling: &Scaling) -> i32 {
        scaling.target.as_ref().unwrap().min_capacity
    }

    #[test]
    fn in_warm_hours_the_warm_minimum_is_right_and_the_way_to_wake_stays() {
        let night = NOON + 12.hours();
        let (warm, cold) = (desired(&demo(), &office_hours(), NOON), desired(&demo(), &office_hours(), night));
        assert_eq!((min_capacity(&warm), min_capacity(&cold)), (2, 0));
        assert_eq!((&warm.actions, &warm.policies, &warm.alarms), (&cold.actions, &cold.policies, &cold.alarms));
        assert!(warm.can_wake() && warm.can_scale_in());
        assert_eq!(warm.actions.keys().collect::<Vec<_>>(), ["scale-to-zero-warm-end", "scale-to-zero-warm-start"]);
    }

    #[test]
    fn a_pause_holds_the_minimum_that_it_found() {
        let paused = Settings { pause: Pause::All, ..office_hours() };
        assert_eq!(min_capacity(&desired_beside(&demo(), &paused, &Scaling::default(), NOON)), 0, "not registered yet");
        for (present, want) in [(0, 0), (2, 2), (1, 0)] {
            let target = ScalableTarget { min_capacity: present, max_capacity: 5, suspended: Suspended::default() };
            let observed = Scaling { target: Some(target), ..Scaling::default() };
            assert_eq!(min_capacity(&desired_beside(&demo(), &paused, &observed, NOON)), want);
            let only_scale_in = Settings { pause: Pause::ScaleIn, ..office_hours() };
            assert_eq!(min_capacity(&desired_beside(&demo(), &only_scale_in, &observed, NOON)), 2);
        }
    }
}
