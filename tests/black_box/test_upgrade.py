"""Holds: one look makes of what version 0.1.0 made what this version makes, and never strands a variant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support import (
    ENABLED,
    VARIANT,
    WITHOUT_STATUS_TAG,
    Json,
    answer,
    autoscaling,
    client,
    failure,
    plan,
    policy_arn,
    put_tracking,
    scaling,
    state_change,
    stranded,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

ENVIRONMENT = WITHOUT_STATUS_TAG


# What 0.1.0 sent, in its order.


def put_step(aws: LocalAws, name: str, adjustment: str, step: Json, cooldown: int) -> None:
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName=f"scale-to-zero-{name}",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": adjustment,
            "StepAdjustments": [step],
            "Cooldown": cooldown,
            "MetricAggregationType": "Average",
        },
    )


def put_backlog(aws: LocalAws, scales_in: bool) -> None:
    put_tracking(aws, "scale-to-zero-backlog", scales_in=scales_in)


def put_alarm(aws: LocalAws, kind: str, says: str, minutes: int, **of: object) -> None:
    client(aws, "cloudwatch").put_metric_alarm(
        AlarmName=f"scale-to-zero/demo/{VARIANT}/{kind}",
        AlarmDescription=f"{says} Kept by sagemaker-scale-to-zero.",
        ActionsEnabled=True,
        AlarmActions=[policy_arn(aws, f"scale-to-zero-{kind}")],
        Namespace="AWS/SageMaker",
        Dimensions=[{"Name": "EndpointName", "Value": "demo"}],
        Period=60,
        EvaluationPeriods=minutes,
        DatapointsToAlarm=minutes,
        Threshold=1.0,
        **of,
    )


def put_way_to_wake(aws: LocalAws) -> None:
    autoscaling(aws, "register_scalable_target", MinCapacity=0, MaxCapacity=5)
    up = {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}
    put_step(aws, "wake", "ChangeInCapacity", up, cooldown=300)
    put_alarm(
        aws,
        "wake",
        "Starts an instance when a request waits and none runs.",
        1,
        MetricName="HasBacklogWithoutCapacity",
        Statistic="Average",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def by_default(aws: LocalAws) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    put_way_to_wake(aws)
    put_backlog(aws, scales_in=True)


def with_an_idle_timeout(aws: LocalAws) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m"))
    put_way_to_wake(aws)
    down = {"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 0}
    put_step(aws, "idle", "ExactCapacity", down, cooldown=60)
    put_alarm(
        aws,
        "idle",
        "Takes all instances above MinCapacity away after 10 min without a request.",
        10,
        MetricName="ApproximateBacklogSize",
        Statistic="Maximum",
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="missing",
    )
    put_backlog(aws, scales_in=False)


@dataclass(frozen=True)
class Upgrade:
    arrange: Callable[[LocalAws], None]
    writes: list[str]


WAKE_AND_SPARE = [
    "PutScalingPolicy",
    "PutMetricAlarm",
    "PutMetricAlarm",
    "PutScalingPolicy",
    "PutMetricAlarm",
]
UPGRADES = {
    "by default": Upgrade(
        by_default, [*WAKE_AND_SPARE, "PutScalingPolicy", "PutMetricAlarm", "PutScalingPolicy"]
    ),
    # Its idle policy and its backlog policy are as they should be already.
    "with an idle timeout": Upgrade(with_an_idle_timeout, [*WAKE_AND_SPARE, "PutMetricAlarm"]),
}
EVERY_WRITE = [
    pytest.param(upgrade, index, id=f"{name}: {index + 1} {operation}")
    for name, upgrade in UPGRADES.items()
    for index, operation in enumerate(upgrade.writes)
]
BOTH = pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
INSTANCES = pytest.mark.parametrize("instances", [0, 1, 3], ids=lambda count: f"{count} instances")


@INSTANCES
@BOTH
def test_one_look_makes_of_it_what_this_version_makes_and_the_second_writes_nothing(
    aws: LocalAws, function: Function, upgrade: Upgrade, instances: int
) -> None:
    upgrade.arrange(aws)
    aws.set_instances("demo", instances)
    assert stranded(aws) == []
    assert aws.state("demo") != scaling()

    planned = function.invoke(plan())
    assert written(aws) == []
    answered = function.invoke(state_change())

    assert answered == {**planned, "outcome": "configured"}
    assert written(aws) == upgrade.writes
    assert aws.state("demo") == scaling()
    assert aws.instances("demo") == instances
    aws.clear_calls()
    assert function.invoke(state_change()) == answer("unchanged")
    assert written(aws) == []


@pytest.mark.each(5)
@pytest.mark.parametrize(("upgrade", "index"), EVERY_WRITE)
def test_cut_off_at_any_write_it_can_be_woken_and_the_next_event_finishes(
    aws: LocalAws, function: Function, upgrade: Upgrade, index: int
) -> None:
    upgrade.arrange(aws)
    operation = upgrade.writes[index]
    nth = upgrade.writes[: index + 1].count(operation)
    aws.faults = [Fault(operation, "access_denied", nth)]

    assert failure(function, state_change()).error_type == "AccessDenied"

    assert written(aws) == upgrade.writes[: index + 1]
    assert stranded(aws) == []
    aws.faults = []
    aws.clear_calls()
    assert function.invoke(state_change())["outcome"] == "configured"
    assert written(aws) == upgrade.writes[index:]
    assert aws.state("demo") == scaling()


@BOTH
def test_opting_out_before_the_upgrade_takes_all_of_it_away(
    aws: LocalAws, function: Function, upgrade: Upgrade
) -> None:
    upgrade.arrange(aws)
    aws.retag("demo", tags(enabled="false"))

    assert function.invoke(state_change())["outcome"] == "removed"

    assert not any(aws.state("demo").values())
