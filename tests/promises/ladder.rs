//! The ladder on paper: what it asks for at every backlog, for settings of all kinds.

use proptest::prelude::*;
use sagemaker_scale_to_zero::reconcile::{
    Adjustment, AlarmInput, AlarmKind, PolicyName, Scaling, ScalingPolicy, Settings, StepScaling, WakeInstances,
};
use sagemaker_scale_to_zero::simulate::Expression;

use super::drawn::any_settings;
use super::{parsed, planned};

fn wake_policy(scaling: &Scaling) -> Option<&StepScaling> {
    match scaling.policies.get(&PolicyName::Wake)? {
        ScalingPolicy::Step(step) => Some(step),
        ScalingPolicy::TargetTracking(_) => panic!("the wake policy tracks a target"),
    }
}

/// What the ladder's expression gives for this backlog, and an age of the oldest request in seconds.
fn value(scaling: &Scaling, backlog: f64, age: f64) -> Option<f64> {
    let AlarmInput::Expression(math) = &scaling.alarms.get(&AlarmKind::Ladder)?.input else {
        panic!("the ladder has no expression")
    };
    let ids: Vec<&str> = math.metrics.iter().map(|(id, _)| id.as_str()).collect();
    let datapoints: Vec<Option<f64>> = math
        .metrics
        .iter()
        .map(|(_, metric)| match metric.name.as_str() {
            "HasBacklogWithoutCapacity" => Some(1.0),
            "ApproximateBacklogSize" => Some(backlog),
            "ApproximateAgeOfOldestRequest" => Some(age),
            other => panic!("the ladder looks at {other}"),
        })
        .collect();
    Expression::parse(&math.expression, &ids).unwrap().evaluate(&datapoints)
}

/// How many instances an alarm with this value starts.
fn started(scaling: &Scaling, value: f64) -> i32 {
    let steps = &wake_policy(scaling).unwrap().steps;
    let chosen = steps
        .iter()
        .find(|step| step.lower.is_none_or(|lower| lower <= value) && step.upper.is_none_or(|upper| value < upper));
    chosen.unwrap_or_else(|| panic!("no step for {value}")).amount
}

proptest! {
    #[test]
    fn the_ladder_never_lowers_and_has_a_step_for_every_value(settings in any_settings()) {
        let scaling = planned(&settings);
        let Some(policy) = wake_policy(&scaling) else {
            prop_assert!(!settings.wake || settings.min_capacity > 0);
            return Ok(());
        };
        prop_assert_eq!(policy.adjustment, Adjustment::ChangeInCapacity);
        prop_assert!(policy.steps.len() <= 20, "AWS's quota");
        prop_assert!(policy.steps.iter().all(|step| step.amount >= 1));
        prop_assert_eq!(policy.steps.first().unwrap().lower, Some(0.0));
        prop_assert_eq!(policy.steps.last().unwrap().upper, None);
        for pair in policy.steps.windows(2) {
            prop_assert_eq!(pair[0].upper, pair[1].lower, "a gap would be an order that fails");
            prop_assert!(pair[0].amount < pair[1].amount);
        }
    }

    #[test]
    fn more_requests_never_start_fewer_instances_and_up_to_the_target_one(settings in any_settings()) {
        let scaling = planned(&settings);
        if !scaling.alarms.contains_key(&AlarmKind::Ladder) {
            let is_by_number = settings.wake_instances != WakeInstances::Auto;
            prop_assert!(is_by_number || !settings.wake || settings.min_capacity > 0 || settings.max_capacity == 1);
            return Ok(());
        }
        let mut before = 0;
        for backlog in 1..200 {
            let asked = started(&scaling, value(&scaling, f64::from(backlog), 30.0).unwrap());
            prop_assert!(asked >= before, "{backlog} requests start {asked}, one fewer {before}");
            prop_assert!(asked <= settings.max_capacity);
            if f64::from(backlog) <= settings.backlog_per_instance {
                prop_assert_eq!(asked, 1);
            }
            before = asked;
        }
        // A policy has twenty steps at the most.
        let most = settings.max_capacity.min(20);
        prop_assert_eq!(started(&scaling, value(&scaling, 1e9, 30.0).unwrap()), most);
    }
}

/// By default, and with a target so high that one instance is the right number for longer.
#[test]
fn the_ladder_starts_twice_the_share_of_what_is_above_the_target() {
    let of = |tags| {
        let scaling = planned(&parsed(tags));
        move |backlog| started(&scaling, value(&scaling, backlog, 30.0).unwrap())
    };
    let default = of("");
    assert_eq!([1.0, 5.0, 6.0, 8.0, 10.0, 11.0, 100.0].map(default), [1, 1, 3, 4, 4, 5, 5]);
    let of_twenty = of("backlog-per-instance=20, max-capacity=8");
    assert_eq!([20.0, 21.0, 40.0, 80.0].map(of_twenty), [1, 3, 4, 8]);
    let of_one = of("backlog-per-instance=1, max-capacity=3");
    assert_eq!([1.0, 2.0, 3.0, 4.0].map(of_one), [1, 2, 3, 3]);
}

/// Later than in its first minute, so that no order that AWS has refused hides a smaller one.
#[test]
fn the_ladder_asks_for_many_only_while_the_oldest_request_is_young() {
    let scaling = planned(&Settings::default());
    let asked = |age| value(&scaling, 100.0, age).unwrap();
    assert!(asked(60.0) >= 5.0, "{}", asked(60.0));
    for age in [61.0, 90.0, 3600.0] {
        assert!(asked(age) <= 1.0, "at {age} s: {}", asked(age));
    }
}
