"""Answers as AWS may give them: defaults left out or filled in, fields that nobody asked about. No drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import ENABLED, apply

from local.aws import LocalAws
from local.runtime import Function

Answer = dict[str, Any]


def policies(change: Callable[[Answer], object], kind: str) -> Callable[[Answer], Answer]:
    """Changes the configuration of every policy of a kind."""

    def amend(answer: Answer) -> Answer:
        for policy in answer["ScalingPolicies"]:
            if f"{kind}PolicyConfiguration" in policy:
                change(policy[f"{kind}PolicyConfiguration"])
        return answer

    return amend


def each(member: str, change: Callable[[Answer], object]) -> Callable[[Answer], Answer]:
    """Changes every item of an answer's list."""

    def amend(answer: Answer) -> Answer:
        for item in answer[member]:
            change(item)
        return answer

    return amend


WITHOUT_FLAG = policies(lambda it: it.pop("DisableScaleIn"), "TargetTrackingScaling")
WITHOUT_AGGREGATION = policies(lambda it: it.pop("MetricAggregationType"), "StepScaling")
WITHOUT_COOLDOWNS = policies(
    lambda it: (it.pop("ScaleInCooldown"), it.pop("ScaleOutCooldown")), "TargetTrackingScaling"
)


def pop_average(policy: Answer) -> None:
    if policy["MetricAggregationType"] == "Average":
        del policy["MetricAggregationType"]


NO_DRIFT: dict[str, tuple[str, Callable[[Answer], Answer]]] = {
    "target tracking without cooldowns, which default to what we send": (
        "DescribeScalingPolicies",
        WITHOUT_COOLDOWNS,
    ),
    "step scaling without its aggregation, where that is the average": (
        "DescribeScalingPolicies",
        policies(pop_average, "StepScaling"),
    ),
    "a target without its suspended state": (
        "DescribeScalableTargets",
        each("ScalableTargets", lambda it: it.pop("SuspendedState")),
    ),
    "a target with a predicted capacity": (
        "DescribeScalableTargets",
        each("ScalableTargets", lambda it: it.update(PredictedCapacity=3)),
    ),
    "an alarm without its datapoints": (
        "DescribeAlarms",
        each("MetricAlarms", lambda it: it.pop("DatapointsToAlarm", None)),
    ),
    "an alarm in another state": (
        "DescribeAlarms",
        each("MetricAlarms", lambda it: it.update(StateValue="ALARM", StateReason="1 out of 1 datapoints")),
    ),
}


@pytest.mark.parametrize(("operation", "amend"), NO_DRIFT.values(), ids=NO_DRIFT)
def test_what_aws_leaves_out_or_fills_in_is_no_drift(
    aws: LocalAws, function: Function, operation: str, amend: Callable[[Answer], Answer]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    aws.amendments = {operation: amend}
    aws.clear_calls()

    assert function.invoke(apply())["outcome"] == "unchanged"
    assert aws.writes() == []


def test_target_tracking_without_its_flag_scales_in(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED | {"scale-to-zero:idle-timeout": "none"})
    function.invoke(apply())
    aws.amendments = {"DescribeScalingPolicies": WITHOUT_FLAG}
    aws.clear_calls()

    assert function.invoke(apply())["outcome"] == "unchanged"
    assert aws.writes() == []


@pytest.mark.parametrize(
    ("tags", "amend", "policy"),
    [
        pytest.param(
            {"scale-to-zero:scale-in-cooldown": "60s"}, WITHOUT_COOLDOWNS, "backlog", id="another cooldown"
        ),
        pytest.param({}, WITHOUT_FLAG, "backlog", id="no scaling in"),
        pytest.param({}, WITHOUT_AGGREGATION, "wake", id="the maximum"),
    ],
)
def test_a_default_that_differs_from_what_is_asked_for_is_a_drift(
    aws: LocalAws, function: Function, tags: dict[str, str], amend: Callable[[Answer], Answer], policy: str
) -> None:
    """The counterpart: the same answers, where something else than AWS's default is asked for."""
    aws.create_endpoint("demo", tags=ENABLED | tags)
    function.invoke(apply())
    aws.amendments = {"DescribeScalingPolicies": amend}

    answered = function.invoke(apply())
    assert answered["outcome"] == "configured"
    put = [change["policyName"] for change in answered["variants"][0]["changes"]]
    assert put == [f"scale-to-zero-{policy}"]
