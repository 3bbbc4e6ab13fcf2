//! The changes of a plan as JSON: their codes, and the fields of each.

use serde_json::{Value, json};

use crate::reconcile::{
    Adjustment, Aggregation, Alarm, AlarmInput, Change, EndpointName, Metric, MissingData, PolicyName, ScalingPolicy,
    StepAdjustment, Tagged, VariantPlan, alarm_name, ladder_in_words, resource_id,
};

/// The fixed code of a change.
#[must_use]
pub fn change_code(change: &Change) -> &'static str {
    match change {
        Change::RegisterScalableTarget(_) => "register-scalable-target",
        Change::PutScalingPolicy(..) => "put-scaling-policy",
        Change::PutMetricAlarm(..) => "put-metric-alarm",
        Change::PutScheduledAction(..) => "put-scheduled-action",
        Change::DeleteScalingPolicy(_) => "delete-scaling-policy",
        Change::DeleteScheduledAction(_) => "delete-scheduled-action",
        Change::DeleteAlarms(_) => "delete-alarms",
        Change::DeregisterScalableTarget => "deregister-scalable-target",
        Change::TagResource(..) => "tag-resource",
        Change::SetDesiredInstances(_) => "set-desired-instances",
    }
}

pub(super) fn variant(endpoint: &EndpointName, plan: &VariantPlan) -> Value {
    let changes: Vec<Value> = plan.changes.iter().map(|change| change_json(endpoint, plan, change)).collect();
    json!({
        "variant": plan.variant.as_str(),
        "resourceId": resource_id(endpoint, &plan.variant),
        "changes": changes,
    })
}

fn change_json(endpoint: &EndpointName, plan: &VariantPlan, change: &Change) -> Value {
    let mut json = json!({ "change": change_code(change) });
    let fields = match change {
        Change::RegisterScalableTarget(target) => json!({
            "minCapacity": target.min_capacity,
            "maxCapacity": target.max_capacity,
            "suspendedState": {
                "dynamicScalingInSuspended": target.suspended.scale_in,
                "dynamicScalingOutSuspended": target.suspended.scale_out,
                "scheduledScalingSuspended": target.suspended.scheduled,
            },
        }),
        Change::PutScalingPolicy(name, policy) => {
            json["policyName"] = json!(name.as_str());
            policy_json(policy)
        }
        Change::PutMetricAlarm(kind, alarm) => {
            json["alarmName"] = json!(alarm_name(endpoint, &plan.variant, *kind));
            let mut fields = alarm_json(alarm, kind.policy());
            if let Some(words) = most_to_wake(plan).and_then(|most| ladder_in_words(alarm, most)) {
                fields["inWords"] = json!(words);
            }
            fields
        }
        Change::PutScheduledAction(name, action) => json!({
            "scheduledActionName": name,
            "schedule": action.schedule,
            "timezone": action.timezone,
            "minCapacity": action.min_capacity,
        }),
        Change::DeleteScalingPolicy(name) => json!({ "policyName": name }),
        Change::DeleteScheduledAction(name) => json!({ "scheduledActionName": name }),
        Change::DeleteAlarms(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| alarm_name(endpoint, &plan.variant, *kind)).collect();
            json!({ "alarmNames": names })
        }
        Change::DeregisterScalableTarget => json!({}),
        Change::TagResource(Tagged::ScalableTarget, tags) => json!({ "tags": tags }),
        Change::TagResource(Tagged::Alarm(kind), tags) => {
            json!({ "alarmName": alarm_name(endpoint, &plan.variant, *kind), "tags": tags })
        }
        Change::SetDesiredInstances(instances) => json!({ "instances": instances }),
    };
    merge(&mut json, fields);
    json
}

/// The most instances that the wake policy of the plan starts.
fn most_to_wake(plan: &VariantPlan) -> Option<i32> {
    plan.changes.iter().find_map(|change| {
        let Change::PutScalingPolicy(PolicyName::Wake, policy) = change else { return None };
        policy.most()
    })
}

fn alarm_json(alarm: &Alarm, policy: PolicyName) -> Value {
    let mut json = match &alarm.input {
        AlarmInput::Metric(metric) => metric_json(metric),
        AlarmInput::Expression(math) => {
            let metric = |(id, metric): &(String, Metric)| {
                let mut json = json!({ "id": id });
                merge(&mut json, metric_json(metric));
                json
            };
            json!({ "expression": math.expression, "metrics": math.metrics.iter().map(metric).collect::<Vec<_>>() })
        }
    };
    let fields = json!({
        "comparisonOperator": alarm.comparison.as_str(),
        "threshold": alarm.threshold,
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "treatMissingData": match alarm.missing_data {
            MissingData::NotBreaching => "notBreaching",
            MissingData::Missing => "missing",
        },
        "policyName": policy.as_str(),
        "usdPerMonth": usd_per_month(alarm),
        "priceOf": PRICE_OF,
    });
    merge(&mut json, fields);
    json
}

/// US cents a month for each metric that a standard alarm looks at, an expression's own metrics among them, in us-east-1 and
/// most other Regions (<https://aws.amazon.com/cloudwatch/pricing/>).
const CENTS_PER_ALARM_METRIC: usize = 10;

/// The day on which that was looked up.
const PRICE_OF: &str = "2026-11-25";

fn usd_per_month(alarm: &Alarm) -> Value {
    let cents = alarm.metrics().len() * CENTS_PER_ALARM_METRIC;
    json!(u32::try_from(cents).map(|cents| f64::from(cents) / 100.0).unwrap_or_default())
}

fn metric_json(metric: &Metric) -> Value {
    json!({
        "namespace": metric.namespace.as_str(),
        "metricName": metric.name,
        "statistic": metric.statistic.as_str(),
        "period": metric.period,
    })
}

fn policy_json(policy: &ScalingPolicy) -> Value {
    match policy {
        ScalingPolicy::TargetTracking(tracking) => json!({
            "policyType": "TargetTrackingScaling",
            "targetValue": tracking.target_value,
            "metricName": tracking.metric.name,
            "statistic": tracking.metric.statistic.as_str(),
            "scaleInCooldown": tracking.scale_in_cooldown,
            "scaleOutCooldown": tracking.scale_out_cooldown,
            "disableScaleIn": tracking.disable_scale_in,
        }),
        ScalingPolicy::Step(policy) => {
            let mut json = json!({
                "policyType": "StepScaling",
                "adjustmentType": match policy.adjustment {
                    Adjustment::ChangeInCapacity => "ChangeInCapacity",
                    Adjustment::ExactCapacity => "ExactCapacity",
                },
                "metricAggregationType": match policy.aggregation {
                    Aggregation::Average => "Average",
                    Aggregation::Maximum => "Maximum",
                },
            });
            if let [step] = &policy.steps[..] {
                json["scalingAdjustment"] = json!(step.amount);
            } else {
                json["stepAdjustments"] = policy.steps.iter().map(step_json).collect();
            }
            json["cooldown"] = json!(policy.cooldown);
            json
        }
    }
}

/// The bounds are differences to the alarm's threshold; an open one is left out.
fn step_json(step: &StepAdjustment) -> Value {
    let mut json = json!({});
    if let Some(lower) = step.lower {
        json["metricIntervalLowerBound"] = json!(lower);
    }
    if let Some(upper) = step.upper {
        json["metricIntervalUpperBound"] = json!(upper);
    }
    json["scalingAdjustment"] = json!(step.amount);
    json
}

/// Adds the fields of an object to another.
fn merge(json: &mut Value, fields: Value) {
    if let (Value::Object(json), Value::Object(fields)) = (json, fields) {
        json.extend(fields);
    }
}
