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


NO_DRIFT: dict[str, tuple[str, Callable[[Answer], Answer]]] = {
    "target tracking without its flag": (
        "DescribeScalingPolicies",
        policies(lambda it: it.pop("DisableScaleIn"), "TargetTrackingScaling"),
    ),
    "target tracking without cooldowns, which default to what we send": (
        "DescribeScalingPolicies",
        policies(lambda it: (it.pop("ScaleInCooldown"), it.pop("ScaleOutCooldown")), "TargetTrackingScaling"),
    ),
    "step scaling without its aggregation": (
        "DescribeScalingPolicies",
        policies(lambda it: it.pop("MetricAggregationType"), "StepScaling"),
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


def test_a_default_that_differs_from_what_the_tags_ask_for_is_a_drift(
    aws: LocalAws, function: Function
) -> None:
    """The counterpart: the same answer, where the tags ask for another cooldown than AWS's default."""
    aws.create_endpoint("demo", tags=ENABLED | {"scale-to-zero:scale-in-cooldown": "60s"})
    function.invoke(apply())
    operation, amend = NO_DRIFT["target tracking without cooldowns, which default to what we send"]
    aws.amendments = {operation: amend}

    assert function.invoke(apply())["outcome"] == "configured"
