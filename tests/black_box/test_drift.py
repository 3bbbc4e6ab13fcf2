"""What a person changes by hand in what the function owns is repaired by just the writes that it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import (
    ENABLED,
    answer,
    apply,
    autoscaling,
    client,
    configuring,
    delete_policy,
    plan,
    policy_arn,
    put_backlog_policy,
    put_wake_alarms,
    put_wake_policy,
    scaling,
    state_change,
    wake_alarm_name,
    written,
)

from local.aws import LocalAws
from local.runtime import Function

REGISTER = ["RegisterScalableTarget"]
PUT_POLICY = ["PutScalingPolicy"]
PUT_ALARM = ["PutMetricAlarm"]

TOPIC = "arn:aws:sns:eu-west-1:123456789012:pager"


def edited(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with the member at `path` set to `new`; None takes it away."""
    if not path:
        return new
    if isinstance(value, list):
        return [edited(item, path[1:], new) if index == path[0] else item for index, item in enumerate(value)]
    child = edited(value.get(path[0]), path[1:], new)
    rest = {name: item for name, item in value.items() if name != path[0]}
    return rest if child is None else {**rest, path[0]: child}


def edit_policy(aws: LocalAws, name: str, path: tuple[Any, ...], new: Any) -> None:
    found = autoscaling(aws, "describe_scaling_policies", PolicyNames=[name])["ScalingPolicies"][0]
    configuration = f"{found['PolicyType']}PolicyConfiguration"
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName=name,
        PolicyType=found["PolicyType"],
        **{configuration: edited(found[configuration], path, new)},
    )


def edit_alarm(aws: LocalAws, changes: dict[str, Any]) -> None:
    """A change to None takes the member away."""
    cloudwatch = client(aws, "cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[wake_alarm_name()])["MetricAlarms"][0]
    read_only = ("AlarmArn", "AlarmConfigurationUpdatedTimestamp", "StateTransitionedTimestamp")
    alarm = {
        name: value
        for name, value in {**found, **changes}.items()
        if value is not None and name not in read_only and not name.startswith("State")
    }
    cloudwatch.put_metric_alarm(**alarm)


def repair(aws: LocalAws, function: Function, writes: list[str]) -> None:
    """One delivery of the event repairs what has drifted by just these writes; the next does nothing."""
    assert aws.state("demo") != scaling(), "the edit has changed nothing"
    aws.clear_calls()
    answered = function.invoke(state_change())
    assert (answered["outcome"], written(aws)) == ("configured", writes)
    assert aws.state("demo") == scaling()
    aws.clear_calls()
    assert function.invoke(state_change()) == answer("unchanged")
    assert written(aws) == []


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> LocalAws:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    return aws


def suspended(**flags: bool) -> dict[str, Any]:
    return {"SuspendedState": flags}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"MinCapacity": 1}, id="MinCapacity"),
        pytest.param({"MaxCapacity": 4}, id="MaxCapacity"),
        pytest.param(suspended(DynamicScalingInSuspended=True), id="scale-in suspended"),
        pytest.param(suspended(DynamicScalingOutSuspended=True), id="scale-out suspended"),
        pytest.param(suspended(ScheduledScalingSuspended=True), id="scheduled scaling suspended"),
        pytest.param(
            suspended(DynamicScalingInSuspended=True, ScheduledScalingSuspended=True),
            id="scale-in and scheduled scaling suspended",
        ),
    ],
)
def test_a_field_of_the_target_changed_by_hand_is_repaired_by_registering(
    configured: LocalAws, function: Function, edit: dict[str, Any]
) -> None:
    autoscaling(configured, "register_scalable_target", **edit)

    repair(configured, function, REGISTER)


STEP = ("StepAdjustments", 0)
METRIC = ("CustomizedMetricSpecification",)
DIMENSIONS = (*METRIC, "Dimensions")


@pytest.mark.parametrize(
    ("path", "new"),
    [
        pytest.param(("AdjustmentType",), "ExactCapacity", id="AdjustmentType"),
        pytest.param((*STEP, "ScalingAdjustment"), 3, id="ScalingAdjustment"),
        pytest.param((*STEP, "MetricIntervalLowerBound"), 1.0, id="lower bound"),
        pytest.param((*STEP, "MetricIntervalUpperBound"), 1.25, id="upper bound"),
        pytest.param(
            ("StepAdjustments",), [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 1}], id="downward"
        ),
        pytest.param(
            ("StepAdjustments",),
            [
                {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 5.0, "ScalingAdjustment": 1},
                {"MetricIntervalLowerBound": 5.0, "ScalingAdjustment": 2},
            ],
            id="another step",
        ),
        pytest.param(("Cooldown",), 60, id="Cooldown"),
        pytest.param(("MetricAggregationType",), "Average", id="MetricAggregationType"),
        pytest.param(("MinAdjustmentMagnitude",), 2, id="MinAdjustmentMagnitude"),
    ],
)
def test_a_field_of_the_wake_policy_changed_by_hand_is_repaired_by_one_put(
    configured: LocalAws, function: Function, path: tuple[Any, ...], new: Any
) -> None:
    edit_policy(configured, "scale-to-zero-wake", path, new)

    repair(configured, function, PUT_POLICY)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        pytest.param(("TargetValue",), 6.0, id="TargetValue"),
        pytest.param(("ScaleInCooldown",), 60, id="ScaleInCooldown"),
        pytest.param(("ScaleOutCooldown",), 60, id="ScaleOutCooldown"),
        pytest.param(("DisableScaleIn",), False, id="DisableScaleIn"),
        pytest.param((*METRIC, "MetricName"), "ApproximateBacklogSize", id="MetricName"),
        pytest.param((*METRIC, "Namespace"), "Other/SageMaker", id="Namespace"),
        pytest.param((*METRIC, "Statistic"), "Maximum", id="Statistic"),
        pytest.param((*METRIC, "Unit"), "Count", id="Unit"),
        pytest.param((*DIMENSIONS, 0, "Name"), "VariantName", id="name of the dimension"),
        pytest.param((*DIMENSIONS, 0, "Value"), "Demo", id="value of the dimension"),
        pytest.param(
            DIMENSIONS,
            [{"Name": "EndpointName", "Value": "demo"}, {"Name": "VariantName", "Value": "AllTraffic"}],
            id="another dimension",
        ),
        pytest.param(DIMENSIONS, None, id="no dimension"),
        pytest.param(
            METRIC,
            {
                "Metrics": [
                    {
                        "Id": "m1",
                        "MetricStat": {
                            "Metric": {
                                "MetricName": "ApproximateBacklogSizePerInstance",
                                "Namespace": "AWS/SageMaker",
                                "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
                            },
                            "Stat": "Average",
                        },
                    }
                ]
            },
            id="metric math",
        ),
        pytest.param(
            (),
            {
                "TargetValue": 5.0,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
            },
            id="predefined metric",
        ),
    ],
)
def test_a_field_of_the_backlog_policy_changed_by_hand_is_repaired_by_one_put(
    configured: LocalAws, function: Function, path: tuple[Any, ...], new: Any
) -> None:
    edit_policy(configured, "scale-to-zero-backlog", path, new)

    repair(configured, function, PUT_POLICY)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"AlarmDescription": "mine"}, id="AlarmDescription"),
        pytest.param({"AlarmDescription": None}, id="no AlarmDescription"),
        pytest.param({"ActionsEnabled": False}, id="actions disabled"),
        pytest.param({"AlarmActions": []}, id="no action"),
        pytest.param({"MetricName": "ApproximateBacklogSize"}, id="MetricName"),
        pytest.param({"Namespace": "Other/SageMaker"}, id="Namespace"),
        pytest.param({"Statistic": "Maximum"}, id="Statistic"),
        pytest.param({"Statistic": None, "ExtendedStatistic": "p90"}, id="ExtendedStatistic"),
        pytest.param({"Unit": "Count"}, id="Unit"),
        pytest.param({"Period": 300}, id="Period"),
        pytest.param({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, id="EvaluationPeriods"),
        pytest.param({"EvaluationPeriods": 2, "DatapointsToAlarm": 1}, id="DatapointsToAlarm"),
        pytest.param({"Threshold": 2.0}, id="Threshold"),
        pytest.param({"ComparisonOperator": "GreaterThanOrEqualToThreshold"}, id="ComparisonOperator"),
        pytest.param({"TreatMissingData": "missing"}, id="missing data missing"),
        pytest.param({"TreatMissingData": "breaching"}, id="missing data breaching"),
        pytest.param({"TreatMissingData": None}, id="missing data by default"),
        pytest.param({"Dimensions": []}, id="no dimension"),
        pytest.param(
            {"Dimensions": [{"Name": "EndpointName", "Value": "Demo"}]}, id="value of the dimension"
        ),
        pytest.param({"Dimensions": [{"Name": "VariantName", "Value": "demo"}]}, id="name of the dimension"),
        pytest.param(
            {
                "Dimensions": [
                    {"Name": "EndpointName", "Value": "demo"},
                    {"Name": "VariantName", "Value": "AllTraffic"},
                ]
            },
            id="another dimension",
        ),
    ],
)
def test_a_field_of_the_wake_alarm_changed_by_hand_is_repaired_by_one_put(
    configured: LocalAws, function: Function, changes: dict[str, Any]
) -> None:
    edit_alarm(configured, changes)

    repair(configured, function, PUT_ALARM)


OTHERS = {"OKActions": [TOPIC], "InsufficientDataActions": [TOPIC]}


def test_an_action_that_a_person_hung_on_the_wake_alarm_is_no_drift_and_outlives_a_repair(
    configured: LocalAws, function: Function
) -> None:
    policy = policy_arn(configured, "scale-to-zero-wake")
    edit_alarm(configured, {**OTHERS, "AlarmActions": [policy, TOPIC]})
    assert function.invoke(state_change()) == answer("unchanged")

    # Also where ours is gone from the alarm, or the alarm is switched off.
    for edit in ({"Threshold": 2.0}, {"AlarmActions": [TOPIC]}, {"ActionsEnabled": False}):
        edit_alarm(configured, edit)
        assert function.invoke(state_change())["outcome"] == "configured"
        cloudwatch = client(configured, "cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=[wake_alarm_name()])["MetricAlarms"][0]
        assert set(found["AlarmActions"]) == {policy, TOPIC}
        assert {name: found[name] for name in OTHERS} == OTHERS
        assert function.invoke(state_change()) == answer("unchanged")


def test_five_actions_of_others_leave_room_for_ours(configured: LocalAws, function: Function) -> None:
    topics = [f"{TOPIC}-{number}" for number in range(5)]
    edit_alarm(configured, {"AlarmActions": topics})

    assert function.invoke(state_change())["outcome"] == "configured"
    found = client(configured, "cloudwatch").describe_alarms(AlarmNames=[wake_alarm_name()])
    assert found["MetricAlarms"][0]["AlarmActions"] == [
        policy_arn(configured, "scale-to-zero-wake"),
        *topics[:4],
    ]


def test_an_alarm_that_drives_the_other_policy_is_repaired(configured: LocalAws, function: Function) -> None:
    edit_alarm(configured, {"AlarmActions": [policy_arn(configured, "scale-to-zero-backlog")]})

    repair(configured, function, PUT_ALARM)


def delete_wake_policy(aws: LocalAws) -> None:
    autoscaling(aws, "delete_scaling_policy", PolicyName="scale-to-zero-wake")


def delete_backlog_policy(aws: LocalAws) -> None:
    autoscaling(aws, "delete_scaling_policy", PolicyName="scale-to-zero-backlog")


def delete_wake_alarm(aws: LocalAws) -> None:
    client(aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name()])


def deregister(aws: LocalAws) -> None:
    autoscaling(aws, "deregister_scalable_target")


def recreate_wake_policy(aws: LocalAws) -> None:
    """The same policy, but with another ARN, so that the alarm drives what is no more."""
    found = autoscaling(aws, "describe_scaling_policies", PolicyNames=["scale-to-zero-wake"])
    aws.change_policy_arns("demo")
    delete_wake_policy(aws)
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="scale-to-zero-wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration=found["ScalingPolicies"][0]["StepScalingPolicyConfiguration"],
    )


def recreate_backlog_policy_as_step_policy(aws: LocalAws) -> None:
    delete_backlog_policy(aws)
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="scale-to-zero-backlog",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -1}],
        },
    )


def recreate_wake_policy_as_target_tracking(aws: LocalAws) -> None:
    delete_wake_policy(aws)
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="scale-to-zero-wake",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 1.0,
            "CustomizedMetricSpecification": {
                "MetricName": "HasBacklogWithoutCapacity",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
                "Statistic": "Average",
            },
        },
    )


@pytest.mark.parametrize(
    ("drift", "changes"),
    [
        pytest.param(delete_backlog_policy, [put_backlog_policy()], id="backlog policy deleted"),
        pytest.param(delete_wake_alarm, put_wake_alarms()[:1], id="wake alarm deleted"),
        pytest.param(delete_wake_policy, [put_wake_policy(), *put_wake_alarms()], id="wake policy deleted"),
        pytest.param(recreate_wake_policy, put_wake_alarms(), id="wake policy deleted and made again"),
        pytest.param(
            deregister,
            configuring(),
            id="target deregistered",
        ),
        pytest.param(
            recreate_wake_policy_as_target_tracking,
            [delete_policy("scale-to-zero-wake"), put_wake_policy(), *put_wake_alarms()],
            id="wake policy of the other type",
        ),
        pytest.param(
            recreate_backlog_policy_as_step_policy,
            [delete_policy("scale-to-zero-backlog"), put_backlog_policy()],
            id="backlog policy of the other type",
        ),
    ],
)
def test_what_a_person_deletes_or_replaces_comes_back(
    configured: LocalAws, function: Function, drift: Callable[[LocalAws], None], changes: list[dict[str, Any]]
) -> None:
    drift(configured)

    assert function.invoke(plan()) == answer("planned", *changes)
    assert function.invoke(state_change()) == answer("configured", *changes)
    assert configured.state("demo") == scaling()
    configured.clear_calls()
    assert function.invoke(state_change()) == answer("unchanged")
    assert written(configured) == []


def test_all_drift_at_once_is_repaired_at_once(configured: LocalAws, function: Function) -> None:
    autoscaling(configured, "register_scalable_target", MaxCapacity=9)
    edit_policy(configured, "scale-to-zero-wake", ("Cooldown",), 60)
    edit_policy(configured, "scale-to-zero-backlog", ("TargetValue",), 50.0)
    edit_alarm(configured, {"Threshold": 2.0})

    repair(configured, function, [*REGISTER, *PUT_POLICY, *PUT_ALARM, *PUT_POLICY])
