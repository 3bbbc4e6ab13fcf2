"""The function that `make bench` compares with: what this project does for an endpoint, in Python with boto3.

It makes the same seven reads and the same four writes, compares before it writes, and understands the event
of an endpoint that is InService and `{"action": "sweep"}`. `make bench` checks that both functions leave the
same scaling behind, and that each finds nothing to do where the other was.

As in the public examples for asynchronous endpoints (AWS's documentation, notebooks and sample functions):
clients at module level, made while Lambda initialises the function; calls one after the other; one endpoint
per event; boto3's own retries. Not taken from them: it reads before it writes, any name of a variant will do,
an endpoint without the tag costs two calls, and a sweep goes through `ListEndpoints` and does for each
endpoint what the event would.
"""

import json
import logging

import boto3

logger = logging.getLogger()
logger.setLevel("INFO")

sagemaker = boto3.client("sagemaker")
autoscaling = boto3.client("application-autoscaling")
cloudwatch = boto3.client("cloudwatch")

PREFIX = "scale-to-zero:"
SCALABLE = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
WAKE_POLICY = "scale-to-zero-wake"
BACKLOG_POLICY = "scale-to-zero-backlog"


def lambda_handler(event, context):
    if event.get("action") == "sweep":
        answer = sweep()
    elif event.get("detail", {}).get("EndpointStatus") == "IN_SERVICE":
        answer = reconcile(event["detail"]["EndpointName"])
    else:
        answer = {"outcome": "skipped", "reason": "ignored-event"}
    logger.info(json.dumps(answer))
    return answer


def sweep():
    counts = {}
    for page in sagemaker.get_paginator("list_endpoints").paginate():
        for endpoint in page["Endpoints"]:
            outcome = reconcile(endpoint["EndpointName"])["outcome"]
            counts[outcome] = counts.get(outcome, 0) + 1
    return {"outcome": "swept", "counts": counts}


def reconcile(name):
    """Gives an asynchronous endpoint the scaling that its tags ask for."""
    endpoint = sagemaker.describe_endpoint(EndpointName=name)
    tags = sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
    settings = {
        tag["Key"].removeprefix(PREFIX): tag["Value"] for tag in tags if tag["Key"].startswith(PREFIX)
    }
    if settings.get("enabled") != "true":
        return {"endpoint": name, "outcome": "skipped", "reason": "not-managed"}
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    if "AsyncInferenceConfig" not in config:
        return {"endpoint": name, "outcome": "skipped", "reason": "not-async"}

    changes = []
    for variant in endpoint["ProductionVariants"]:
        changes += configure(name, variant["VariantName"], settings)
    return {"endpoint": name, "outcome": "configured" if changes else "unchanged", "changes": changes}


def configure(endpoint, variant, settings):
    """Writes what is not as it should be, so that the variant can always wake; answers what it wrote."""
    resource_id = f"endpoint/{endpoint}/variant/{variant}"
    resource = {**SCALABLE, "ResourceId": resource_id}
    alarm_name = f"scale-to-zero/{endpoint}/{variant}/wake"

    targets = autoscaling.describe_scalable_targets(**SCALABLE, ResourceIds=[resource_id])["ScalableTargets"]
    found = autoscaling.describe_scaling_policies(**resource)["ScalingPolicies"]
    policies = {policy["PolicyName"]: policy for policy in found}
    actions = autoscaling.describe_scheduled_actions(**resource)["ScheduledActions"]
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=alarm_name)["MetricAlarms"]
    if actions or not policies.keys() <= {WAKE_POLICY, BACKLOG_POLICY}:
        raise RuntimeError(f"{resource_id} has scaling of another owner")

    changes = []

    target = {
        "MinCapacity": int(settings.get("min-capacity", 0)),
        "MaxCapacity": int(settings.get("max-capacity", 5)),
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
    }
    if not targets or differs(targets[0], target):
        autoscaling.register_scalable_target(**resource, **target)
        changes.append("register-scalable-target")

    wake = {
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [
                {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": int(settings.get("wake-instances", 1))}
            ],
            "Cooldown": 180,
            "MetricAggregationType": "Maximum",
        },
    }
    policy = policies.get(WAKE_POLICY)
    wake_arn = policy["PolicyARN"] if policy else None
    if not policy or differs(policy, wake):
        put = autoscaling.put_scaling_policy(**resource, PolicyName=WAKE_POLICY, **wake)
        wake_arn = put["PolicyARN"]
        changes.append("put-scaling-policy")

    alarm = {
        "AlarmName": alarm_name,
        "AlarmDescription": "Starts an instance when a request waits and none runs. "
        "Kept by sagemaker-scale-to-zero.",
        "ActionsEnabled": True,
        "AlarmActions": [wake_arn],
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    if not alarms or differs(alarms[0], alarm):
        cloudwatch.put_metric_alarm(**alarm)
        changes.append("put-metric-alarm")

    backlog = {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(settings.get("backlog-per-instance", 5)),
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                "Statistic": "Average",
            },
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 300,
            "DisableScaleIn": False,
        },
    }
    policy = policies.get(BACKLOG_POLICY)
    if not policy or differs(policy, backlog):
        autoscaling.put_scaling_policy(**resource, PolicyName=BACKLOG_POLICY, **backlog)
        changes.append("put-scaling-policy")

    return changes


def differs(found, wanted):
    """Whether anything of `wanted` is not so in `found`, which may hold more."""
    return any(found.get(key) != value for key, value in wanted.items())
