"""What the settings make of a variant: policies and alarms, as answers tell them and as AWS holds them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

Json = dict[str, Any]

VARIANT = "AllTraffic"
QUEUE, INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
KEPT = "Kept by sagemaker-scale-to-zero."

# The policies in the order in which they are put, each with the alarms that drive it.
DRIVES = {
    "wake": ["wake", "ladder"],
    "spare": ["spare"],
    "idle": ["idle"],
}


def alarm_name(kind: str, endpoint: str = "demo", variant: str = VARIANT) -> str:
    return f"scale-to-zero/{endpoint}/{variant}/{kind}"


def alarm_names(*kinds: str, endpoint: str = "demo", variant: str = VARIANT) -> list[str]:
    return [alarm_name(kind, endpoint, variant) for kind in kinds or ("wake", "ladder", "spare", "idle")]


# Step policies. A number of instances to wake with stands for itself, `None` for the ladder.


def _ladder(max_capacity: int) -> list[Json]:
    steps = []
    for instances in range(1, min(max_capacity, 20) + 1):
        step: Json = {"MetricIntervalLowerBound": instances - 0.5 if instances > 1 else 0.0}
        if instances < min(max_capacity, 20):
            step["MetricIntervalUpperBound"] = instances + 0.5
        steps.append(step | {"ScalingAdjustment": instances})
    return steps


def _step_policy(adjustment: str, steps: list[Json], cooldown: int, aggregation: str = "Average") -> Json:
    return {
        "PolicyType": "StepScaling",
        "AdjustmentType": adjustment,
        "StepAdjustments": steps,
        "Cooldown": cooldown,
        "MetricAggregationType": aggregation,
    }


def wake_policy(instances: int | None = None, max_capacity: int = 5) -> Json:
    steps = _ladder(max_capacity) if instances is None else _up(instances)
    return _step_policy("ChangeInCapacity", steps, 180, "Maximum")


def spare_policy(instances: int = 1) -> Json:
    return _step_policy("ExactCapacity", _up(instances), 60)


def idle_policy(instances: int = 0) -> Json:
    return _step_policy(
        "ExactCapacity", [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": instances}], 60
    )


def _up(instances: int) -> list[Json]:
    return [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": instances}]


def backlog_policy(
    endpoint: str = "demo",
    target: float = 5.0,
    scale_in_cooldown: int = 300,
    scale_out_cooldown: int = 300,
    scales_in: bool = False,
) -> Json:
    return {
        "PolicyType": "TargetTrackingScaling",
        "TargetValue": target,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": QUEUE,
            "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
            "Statistic": "Average",
        },
        "ScaleOutCooldown": scale_out_cooldown,
        "ScaleInCooldown": scale_in_cooldown,
        "DisableScaleIn": not scales_in,
    }


# Alarms.


def _alarm(
    policy: str, says: str, comparison: str, threshold: float, minutes: int, missing: str, **of: Any
) -> Json:
    return {
        "AlarmDescription": f"{says} {KEPT}",
        "ActionsEnabled": True,
        "AlarmActions": [f"scale-to-zero-{policy}"],
        **of,
        "EvaluationPeriods": minutes,
        "DatapointsToAlarm": minutes,
        "Threshold": threshold,
        "ComparisonOperator": comparison,
        "TreatMissingData": missing,
    }


def _dimensions(endpoint: str, variant: str | None = None) -> list[Json]:
    found = [{"Name": "EndpointName", "Value": endpoint}]
    return found if variant is None else [*found, {"Name": "VariantName", "Value": variant}]


def _queries(expression: str, endpoint: str, **metrics: tuple[str, str, str, str | None]) -> list[Json]:
    """Each metric is its namespace, name, statistic and variant."""
    found: list[Json] = [{"Id": "e", "Expression": expression, "ReturnData": True}]
    for id_, (namespace, name, statistic, variant) in metrics.items():
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": _dimensions(endpoint, variant),
        }
        stat = {"Metric": metric, "Period": 60, "Stat": statistic}
        found.append({"Id": id_, "MetricStat": stat, "ReturnData": False})
    return found


def wake_alarm(endpoint: str = "demo", minutes: int = 2) -> Json:
    return _alarm(
        "wake",
        "Starts an instance when a request waits and none runs.",
        "GreaterThanThreshold",
        0.0,
        minutes,
        "notBreaching",
        MetricName="HasBacklogWithoutCapacity",
        Namespace=QUEUE,
        Statistic="Average",
        Dimensions=_dimensions(endpoint),
        Period=60,
    )


def ladder_alarm(endpoint: str = "demo", target: float = 5.0) -> Json:
    waiting, backlog = "HasBacklogWithoutCapacity", "ApproximateBacklogSize"
    share = f"{min(1, 2 / target):.16g}"
    return _alarm(
        "wake",
        "Starts as many instances as the backlog asks for when requests wait and none runs.",
        "GreaterThanThreshold",
        0.0,
        1,
        "notBreaching",
        Metrics=_queries(
            f"(w > 0) + (w > 0)*(b > {target:g})*(a <= 60)*(CEIL({share}*b) - 1)",
            endpoint,
            w=(QUEUE, waiting, "Average", None),
            b=(QUEUE, backlog, "Maximum", None),
            a=(QUEUE, "ApproximateAgeOfOldestRequest", "Maximum", None),
        ),
    )


def spare_alarm(endpoint: str = "demo", variant: str = VARIANT, minutes: int = 5) -> Json:
    return _alarm(
        "spare",
        f"Leaves a single instance, or MinCapacity, after {minutes} min in which that was enough.",
        "GreaterThanOrEqualToThreshold",
        1.0,
        minutes,
        "missing",
        Metrics=_queries(
            "(b < 1)*(c - 1)",
            endpoint,
            b=(QUEUE, "ApproximateBacklogSize", "Average", None),
            c=(INSTANCES, "CPUUtilization", "SampleCount", variant),
        ),
    )


def idle_alarm(
    endpoint: str = "demo", variant: str = VARIANT, minutes: int = 10, has_gpu: bool = True
) -> Json:
    gpu = {"g": (INSTANCES, "GPUUtilization", "Maximum", variant)} if has_gpu else {}
    return _alarm(
        "idle",
        f"Takes all instances above MinCapacity away after {minutes} min without work.",
        "LessThanThreshold",
        1.0,
        minutes,
        "missing",
        Metrics=_queries(
            " + ".join(["b", "m", *gpu]),
            endpoint,
            b=(QUEUE, "ApproximateBacklogSize", "Maximum", None),
            m=(QUEUE, "InvocationsProcessed", "Sum", variant),
            **gpu,
        ),
    )


# The same as changes of a plan.


def put_policy(name: str, policy: Json) -> Json:
    put: Json = {
        "change": "put-scaling-policy",
        "policyName": f"scale-to-zero-{name}",
        "policyType": policy["PolicyType"],
    }
    if policy["PolicyType"] == "TargetTrackingScaling":
        metric = policy["CustomizedMetricSpecification"]
        return put | {
            "targetValue": policy["TargetValue"],
            "metricName": metric["MetricName"],
            "statistic": metric["Statistic"],
            "scaleInCooldown": policy["ScaleInCooldown"],
            "scaleOutCooldown": policy["ScaleOutCooldown"],
            "disableScaleIn": policy["DisableScaleIn"],
        }
    put |= {
        "adjustmentType": policy["AdjustmentType"],
        "metricAggregationType": policy["MetricAggregationType"],
        "cooldown": policy["Cooldown"],
    }
    match policy["StepAdjustments"]:
        case [step]:
            return put | {"scalingAdjustment": step["ScalingAdjustment"]}
        case steps:
            return put | {"stepAdjustments": [_lower_first(step) for step in steps]}


def put_alarm(kind: str, alarm: Json, endpoint: str = "demo", variant: str = VARIANT) -> Json:
    def metric(of: Json, statistic: str, period: int) -> Json:
        return {
            "namespace": of["Namespace"],
            "metricName": of["MetricName"],
            "statistic": statistic,
            "period": period,
        }

    if "Metrics" in alarm:
        expression, *metrics = alarm["Metrics"]
        stats = [(query["Id"], query["MetricStat"]) for query in metrics]
        looks_at: Json = {
            "expression": expression["Expression"],
            "metrics": [
                {"id": id_} | metric(stat["Metric"], stat["Stat"], stat["Period"]) for id_, stat in stats
            ],
        }
    else:
        looks_at = metric(alarm, alarm["Statistic"], alarm["Period"])
    return {
        "change": "put-metric-alarm",
        "alarmName": alarm_name(kind, endpoint, variant),
        **looks_at,
        "comparisonOperator": alarm["ComparisonOperator"],
        "threshold": alarm["Threshold"],
        "evaluationPeriods": alarm["EvaluationPeriods"],
        "datapointsToAlarm": alarm["DatapointsToAlarm"],
        "treatMissingData": alarm["TreatMissingData"],
        "policyName": alarm["AlarmActions"][0],
        "usdPerMonth": (len(alarm["Metrics"]) - 1 if "Metrics" in alarm else 1) / 10,
        "priceOf": "2026-11-25",
    }


def ladder_in_words(target: float = 5.0, most: int = 5) -> str:
    """By counting requests one by one."""
    share = min(1, 2 / target)
    rungs: dict[int, list[int]] = {}
    requests = 1
    while most not in rungs:
        started = min(most, ceil(share * requests) if requests > target else 1)
        rungs.setdefault(started, []).append(requests)
        requests += 1
    said = []
    for started, of in rungs.items():
        span = str(of[0]) if len(of) == 1 else f"{of[0]} {'or' if len(of) == 2 else 'to'} {of[-1]}"
        said.append(f"{of[0]} or more start {started}" if started == most else f"{span} start {started}")
    of = rungs[1]
    said[0] = (
        "1 request starts 1 instance"
        if len(of) == 1
        else said[0].replace(" start 1", " requests start 1 instance")
    )
    return f"Asleep, {', '.join(said)}."


def _lower_first(step: Json) -> Json:
    return {key[0].lower() + key[1:]: value for key, value in step.items()}


# All of a variant.


def policies_of(endpoint: str = "demo", **over: Json | None) -> dict[str, Json]:
    """By their short names; `None` leaves one out."""
    usual = {
        "wake": wake_policy(),
        "spare": spare_policy(),
        "idle": idle_policy(),
        "backlog": backlog_policy(endpoint),
    }
    return {name: policy for name, policy in (usual | over).items() if policy is not None}


def alarms_of(endpoint: str = "demo", variant: str = VARIANT, **over: Json | None) -> dict[str, Json]:
    """By their kinds; `None` leaves one out."""
    usual = {
        "wake": wake_alarm(endpoint),
        "ladder": ladder_alarm(endpoint),
        "spare": spare_alarm(endpoint, variant),
        "idle": idle_alarm(endpoint, variant),
    }
    return {kind: alarm for kind, alarm in (usual | over).items() if alarm is not None}


def putting(policies: dict[str, Json], alarms: dict[str, Json], endpoint: str, variant: str) -> list[Json]:
    """The changes that make these policies and alarms, in their order."""
    changes = []
    for name in ("wake", "spare", "idle", "backlog"):
        if name in policies:
            changes.append(put_policy(name, policies[name]))
        kinds = [kind for kind in DRIVES.get(name, []) if kind in alarms]
        changes += [put_alarm(kind, alarms[kind], endpoint, variant) for kind in kinds]
    return changes


def with_words(changes: Sequence[Json]) -> list[Json]:
    """A plan that puts the wake policy too knows how far the ladder goes, and says so."""
    wake = [it for it in changes if it.get("policyName") == "scale-to-zero-wake" and "stepAdjustments" in it]
    if not wake:
        return list(changes)
    most = max(step["scalingAdjustment"] for step in wake[0]["stepAdjustments"])

    def said(change: Json) -> Json:
        if change["change"] != "put-metric-alarm" or not change["alarmName"].endswith("/ladder"):
            return change
        target = float(change["expression"].partition("(b > ")[2].partition(")")[0])
        return change | {"inWords": ladder_in_words(target, most)}

    return [said(change) for change in changes]
