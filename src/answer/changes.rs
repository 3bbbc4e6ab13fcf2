//! The changes of a plan as JSON: their codes, and the fields of each.

use serde_json::{Value, json};

use crate::reconcile::{
    Adjustment, Change, Comparison, EndpointName, MissingData, ScalingPolicy, Statistic, Tagged, VariantPlan,
    alarm_name, resource_id,
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
        Change::PutMetricAlarm(kind, alarm) => json!({
            "alarmName": alarm_name(endpoint, &plan.variant, *kind),
            "metricName": alarm.metric.name,
            "statistic": statistic(alarm.metric.statistic),
            "comparisonOperator": match alarm.comparison {
                Comparison::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
                Comparison::LessThanThreshold => "LessThanThreshold",
            },
            "threshold": alarm.threshold,
            "period": alarm.period,
            "evaluationPeriods": alarm.evaluation_periods,
            "datapointsToAlarm": alarm.datapoints_to_alarm,
            "treatMissingData": match alarm.missing_data {
                MissingData::NotBreaching => "notBreaching",
                MissingData::Missing => "missing",
            },
            "policyName": kind.policy().as_str(),
        }),
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
    if let (Value::Object(json), Value::Object(fields)) = (&mut json, fields) {
        json.extend(fields);
    }
    json
}

fn policy_json(policy: &ScalingPolicy) -> Value {
    match policy {
        ScalingPolicy::TargetTracking(tracking) => json!({
            "policyType": "TargetTrackingScaling",
            "targetValue": tracking.target_value,
            "metricName": tracking.metric.name,
            "statistic": statistic(tracking.metric.statistic),
            "scaleInCooldown": tracking.scale_in_cooldown,
            "scaleOutCooldown": tracking.scale_out_cooldown,
            "disableScaleIn": tracking.disable_scale_in,
        }),
        ScalingPolicy::Step(step) => json!({
            "policyType": "StepScaling",
            "adjustmentType": match step.adjustment {
                Adjustment::ChangeInCapacity => "ChangeInCapacity",
                Adjustment::ExactCapacity => "ExactCapacity",
            },
            "scalingAdjustment": step.amount,
            "cooldown": step.cooldown,
        }),
    }
}

fn statistic(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Average => "Average",
        Statistic::Maximum => "Maximum",
    }
}
