"""A tagged asynchronous endpoint is configured, once, and exactly as the contract says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import (
    CONFIGURING,
    ENABLED,
    NOTHING,
    answer,
    answer_of,
    apply,
    autoscaling,
    capacity,
    client,
    configuring,
    plan,
    policy_arn,
    registered,
    scaling,
    state_change,
    tags,
    wake_alarm,
    wake_alarm_name,
    written,
)

from local.account import Account
from local.aws import LocalAws
from local.runtime import Function
from local.services import OPERATIONS

BOTH_WAYS = pytest.mark.parametrize(
    "payload", [state_change("demo"), apply("demo")], ids=["in-service event", "apply"]
)


@BOTH_WAYS
def test_a_tagged_endpoint_gets_its_target_a_way_to_wake_and_then_what_scales_in(
    aws: LocalAws, function: Function, payload: object
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(payload) == answer("configured", *configuring())
    assert aws.state("demo") == scaling()
    put = [
        (call.operation, call.params.get("PolicyName") or call.params.get("AlarmName"))
        for call in aws.writes()
    ]
    assert put == [
        ("RegisterScalableTarget", None),
        ("PutScalingPolicy", "scale-to-zero-wake"),
        ("PutMetricAlarm", "scale-to-zero/demo/AllTraffic/wake"),
        ("PutMetricAlarm", "scale-to-zero/demo/AllTraffic/ladder"),
        ("PutScalingPolicy", "scale-to-zero-spare"),
        ("PutMetricAlarm", "scale-to-zero/demo/AllTraffic/spare"),
        ("PutScalingPolicy", "scale-to-zero-idle"),
        ("PutMetricAlarm", "scale-to-zero/demo/AllTraffic/idle"),
        ("PutScalingPolicy", "scale-to-zero-backlog"),
    ]


@BOTH_WAYS
def test_the_second_delivery_writes_nothing(aws: LocalAws, function: Function, payload: object) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(payload)
    aws.clear_calls()

    assert function.invoke(payload) == answer("unchanged")
    assert written(aws) == []


def test_a_second_process_finds_what_the_first_has_written(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    start_function().invoke(state_change())
    aws.clear_calls()

    assert start_function().invoke(state_change()) == answer("unchanged")
    assert written(aws) == []


def test_plan_prints_what_apply_does_and_only_reads(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(plan()) == answer("planned", *configuring())
    assert written(aws) == []
    assert aws.state("demo") == NOTHING
    assert function.invoke(apply()) == answer("configured", *configuring())


def test_after_an_apply_the_plan_is_empty(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())

    assert function.invoke(plan()) == answer("unchanged")


def test_every_variant_is_configured_one_after_the_other(aws: LocalAws, function: Function) -> None:
    variants = ["Blue", "Green", "Red"]
    aws.create_endpoint("demo", tags=ENABLED, variants=variants)

    configured = {variant: configuring("demo", variant) for variant in variants}
    assert function.invoke(state_change()) == answer_of("configured", configured)
    assert aws.state("demo") == scaling("demo", variants)
    assert written(aws) == CONFIGURING * 3
    aws.clear_calls()
    assert function.invoke(state_change()) == answer_of("unchanged", {name: [] for name in variants})
    assert written(aws) == []


def test_only_the_variant_that_has_drifted_is_written(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, variants=["Blue", "Green"])
    function.invoke(state_change())
    autoscaling(aws, "register_scalable_target", "endpoint/demo/variant/Green", MaxCapacity=9)
    aws.clear_calls()

    assert function.invoke(state_change()) == answer_of("configured", {"Blue": [], "Green": [registered()]})
    assert [call.params["ResourceId"] for call in aws.writes()] == ["endpoint/demo/variant/Green"]


def test_two_endpoints_are_configured_each_with_its_own_metric_dimension(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("one", tags=ENABLED)
    aws.create_endpoint("Two", tags=ENABLED)

    function.invoke(state_change("one"))
    function.invoke(state_change("Two"))

    assert aws.state("one") == scaling("one")
    assert aws.state("Two") == scaling("Two")


def test_an_endpoint_at_zero_instances_is_configured_as_any_other(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, instances=0)

    assert function.invoke(state_change()) == answer("configured", *configuring())
    assert aws.state("demo") == scaling()


def test_pages_of_one_item_change_nothing_about_the_result(aws: LocalAws, function: Function) -> None:
    aws.page_size = 1
    others = {f"team-{number}": "speech" for number in range(5)}
    aws.create_endpoint("demo", tags=others | tags(max_capacity="3"), variants=["Blue", "Green"])
    function.invoke(apply())
    aws.clear_calls()

    assert function.invoke(apply()) == answer_of("unchanged", {"Blue": [], "Green": []})
    assert aws.state("demo") == scaling("demo", ["Blue", "Green"], target=capacity(0, 3))
    assert written(aws) == []
    assert {call.operation for call in aws.calls if "NextToken" in call.params} == {
        "ListTags",
        "DescribeScalableTargets",
        "DescribeScalingPolicies",
        "DescribeAlarms",
    }


def test_the_alarms_of_target_tracking_are_never_written(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    made_by_aws = client(aws, "cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]

    function.invoke(state_change())
    function.invoke(plan())

    assert len(made_by_aws) == 2
    found = client(aws, "cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
    assert found == made_by_aws


def test_what_a_person_left_to_the_defaults_of_aws_is_not_written_again(
    aws: LocalAws, function: Function
) -> None:
    """The same scaling, put with no more than AWS demands."""
    aws.create_endpoint("demo", tags=tags(idle_timeout="none", wake_instances="1"))
    autoscaling(aws, "register_scalable_target", MinCapacity=0, MaxCapacity=5)
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="scale-to-zero-wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": 180,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="scale-to-zero-backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 5,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
                "Statistic": "Average",
            },
        },
    )
    client(aws, "cloudwatch").put_metric_alarm(
        AlarmName=wake_alarm_name(),
        **{
            name: value
            for name, value in wake_alarm(minutes=1).items()
            if name not in ("ActionsEnabled", "DatapointsToAlarm", "AlarmActions")
        },
        AlarmActions=[policy_arn(aws, "scale-to-zero-wake")],
    )

    assert function.invoke(state_change()) == answer("unchanged")
    assert written(aws) == []


# What AWS may say beside what was put: documented members of the answers, with nothing in them that differs.
FILLED_IN = {
    ("application-autoscaling", "DescribeScalableTargets"): ("ScalableTargets", {"PredictedCapacity": 1}),
    ("application-autoscaling", "DescribeScalingPolicies"): ("ScalingPolicies", {"SomethingNew": {}}),
    ("cloudwatch", "DescribeAlarms"): (
        "MetricAlarms",
        {
            "OKActions": [],
            "InsufficientDataActions": [],
            "Metrics": [],
            "StateReasonData": "{}",
            "EvaluationState": "PARTIAL_DATA",
        },
    ),
}


@pytest.mark.parametrize("call", FILLED_IN, ids=lambda call: call[1])
def test_members_that_aws_adds_to_its_answers_cause_no_rewriting(
    aws: LocalAws, function: Function, monkeypatch: pytest.MonkeyPatch, call: tuple[str, str]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    key, members = FILLED_IN[call]
    perform = OPERATIONS[call]

    def fill_in(account: Account, params: dict[str, Any]) -> dict[str, Any]:
        described = perform(account, params)
        return {**described, key: [{**members, **item} for item in described[key]]}

    monkeypatch.setitem(OPERATIONS, call, fill_in)
    aws.clear_calls()

    assert function.invoke(state_change()) == answer("unchanged")
    assert written(aws) == []
