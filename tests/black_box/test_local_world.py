"""The local AWS lets time pass: alarms change as AWS's tables say, and policies act as its guide says."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws import LocalAws
from local.services.alarms import state_of
from local.services.scaling import step_amount

VARIANT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/demo/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TYPE = "ml.g5.xlarge"


# Missing data, as on AWS's page alarms-and-missing-data: X breaches, 0 doesn't, - is missing.


@pytest.mark.parametrize(
    ("datapoints", "to_alarm", "missing", "ignore", "breaching", "not_breaching"),
    [
        ("0-X-X", 3, "OK", "OK", "OK", "OK"),
        ("0----", 3, "OK", "OK", "OK", "OK"),
        ("-----", 3, "INSUFFICIENT_DATA", "before", "ALARM", "OK"),
        ("0XX-X", 3, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("--X--", 3, "ALARM", "before", "ALARM", "OK"),
        ("0-X-X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("00X0X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("0-X--", 2, "OK", "OK", "ALARM", "OK"),
        ("----0", 2, "OK", "OK", "ALARM", "OK"),
        ("---X-", 2, "ALARM", "before", "ALARM", "OK"),
        ("----X", 3, "before", "before", "ALARM", "OK"),
        ("---X-", 3, "before", "before", "ALARM", "OK"),
    ],
)
def test_missing_data_are_treated_as_in_the_tables_of_aws(
    datapoints: str, to_alarm: int, missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    values = [{"X": True, "0": False}.get(mark) for mark in datapoints]
    wanted = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treatment, state in wanted.items():
        assert state_of(values, 3, to_alarm, treatment, "before") == state, treatment


LADDER_STEPS = [
    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 1.5, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 1.5, "MetricIntervalUpperBound": 2.5, "ScalingAdjustment": 2},
    {"MetricIntervalLowerBound": 2.5, "ScalingAdjustment": 3},
]
DOWNWARD = [
    {"MetricIntervalUpperBound": -10.0, "ScalingAdjustment": -2},
    {"MetricIntervalLowerBound": -10.0, "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -1},
]


@pytest.mark.parametrize(
    ("steps", "aggregation", "datapoints", "threshold", "amount"),
    [
        (LADDER_STEPS, "Maximum", [0.0], 0.0, 1),
        (LADDER_STEPS, "Maximum", [1.0], 0.0, 1),
        (LADDER_STEPS, "Maximum", [1.5], 0.0, 2),
        (LADDER_STEPS, "Maximum", [1.0, 2.0], 0.0, 2),
        (LADDER_STEPS, "Average", [1.0, 2.0], 0.0, 2),
        (LADDER_STEPS, "Average", [1.0, 1.9], 0.0, 1),
        (LADDER_STEPS, "Minimum", [1.0, 5.0], 0.0, 1),
        (LADDER_STEPS, "Maximum", [40.0], 0.0, 3),
        (LADDER_STEPS, "Maximum", [1.0], 1.0, 1),
        (LADDER_STEPS, "Maximum", [0.9], 1.0, None),
        (LADDER_STEPS, "Maximum", [], 0.0, None),
        (DOWNWARD, "Average", [45.0], 50.0, -1),
        (DOWNWARD, "Average", [40.0], 50.0, -2),
        (DOWNWARD, "Average", [40.1], 50.0, -1),
        (DOWNWARD, "Average", [50.1], 50.0, None),
    ],
)
def test_the_step_is_the_one_that_the_value_above_the_threshold_is_in(
    steps: list[dict[str, Any]],
    aggregation: str,
    datapoints: list[float],
    threshold: float,
    amount: int | None,
) -> None:
    configuration = {"StepAdjustments": steps, "MetricAggregationType": aggregation}
    assert step_amount(configuration, datapoints, threshold) == amount


# Policies and alarms by hand.


def metric(name: str, statistic: str) -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": "demo"}]
    if name in ("InvocationsProcessed", "CPUUtilization"):
        dimensions.append({"Name": "VariantName", "Value": "AllTraffic"})
    namespace = "/aws/sagemaker/Endpoints" if name == "CPUUtilization" else "AWS/SageMaker"
    return {
        "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions},
        "Period": 60,
        "Stat": statistic,
    }


METRICS = {
    "w": metric("HasBacklogWithoutCapacity", "Average"),
    "b": metric("ApproximateBacklogSize", "Maximum"),
    "a": metric("ApproximateAgeOfOldestRequest", "Maximum"),
    "m": metric("InvocationsProcessed", "Sum"),
    "c": metric("CPUUtilization", "SampleCount"),
}


def put_policy(aws: LocalAws, name: str, adjustment: str, *steps: dict[str, Any], **more: Any) -> str:
    configuration = {"AdjustmentType": adjustment, "StepAdjustments": list(steps), **more}
    put = aws.client("application-autoscaling").put_scaling_policy(
        **VARIANT, PolicyName=name, PolicyType="StepScaling", StepScalingPolicyConfiguration=configuration
    )
    return str(put["PolicyARN"])


def put_alarm(
    aws: LocalAws, name: str, expression: str, action: str, periods: int = 1, below: float | None = None
) -> None:
    used = [key for key in METRICS if key in expression.replace("CEIL", "")]
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmActions=[action],
        Metrics=[
            {"Id": "e", "Expression": expression, "ReturnData": True},
            *({"Id": key, "MetricStat": METRICS[key], "ReturnData": False} for key in used),
        ],
        EvaluationPeriods=periods,
        DatapointsToAlarm=periods,
        Threshold=0.0 if below is None else below,
        ComparisonOperator="GreaterThanThreshold" if below is None else "LessThanThreshold",
        TreatMissingData="notBreaching" if below is None else "missing",
    )


@pytest.fixture
def world(aws: LocalAws) -> LocalAws:
    """An endpoint with a wake alarm, its ladder, and an idle alarm of three minutes; 0 to 5 instances."""
    aws.create_endpoint("demo")
    aws.client("application-autoscaling").register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    steps = [*LADDER_STEPS[:2], LADDER_STEPS[2]]
    wake = put_policy(aws, "wake", "ChangeInCapacity", *steps, Cooldown=180, MetricAggregationType="Maximum")
    put_alarm(aws, "wake", "w", wake, periods=2)
    put_alarm(aws, "ladder", "(w > 0) + (w > 0)*(b > 5)*(a <= 60)*(CEIL(0.4*b) - 1)", wake)
    down = {"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 0}
    idle = put_policy(aws, "idle", "ExactCapacity", down, Cooldown=60)
    put_alarm(aws, "idle", "b + m", idle, periods=3, below=1.0)
    aws.set_instances("demo", 0)
    return aws


def activities(aws: LocalAws) -> list[tuple[str, str]]:
    """The oldest first."""
    describe = aws.client("application-autoscaling").describe_scaling_activities
    found = describe(**VARIANT)["ScalingActivities"]
    return [(item["StatusCode"], item["Description"]) for item in reversed(found)]


@pytest.mark.parametrize(("requests", "instances"), [(1, 1), (5, 1), (6, 3), (20, 3)])
def test_requests_at_zero_start_as_many_instances_as_the_step_says(
    world: LocalAws, requests: int, instances: int
) -> None:
    world.pass_minutes(5)
    world.send_requests("demo", requests, seconds=5, after=30)

    minutes = world.pass_until(lambda: world.wanted("demo") > 0)

    assert (world.wanted("demo"), world.instances("demo")) == (instances, 0)
    assert minutes == 2, "the minute, and one more until its datapoint can be seen"
    assert world.pass_until(lambda: world.instances("demo") == instances) == 7
    assert activities(world) == [("Successful", f"Setting desired instance count to {instances}.")]
    world.pass_until(lambda: world.work("demo").processed == requests)
    world.pass_until(lambda: world.wanted("demo") == 0)
    assert world.work("demo").killed == 0


def test_an_endpoint_without_requests_stays_asleep(world: LocalAws) -> None:
    world.pass_minutes(30)
    assert activities(world) == []


def test_the_idle_alarm_waits_for_the_requests_that_run(world: LocalAws) -> None:
    world.set_instances("demo", 1)
    world.send_requests("demo", seconds=600)
    world.pass_minutes(12)
    assert (world.instances("demo"), world.work("demo").processed) == (1, 1)
    assert world.pass_until(lambda: world.wanted("demo") == 0) <= 4


def test_an_order_above_the_quota_fails_and_the_smaller_one_comes_through(world: LocalAws) -> None:
    world.limits.quotas[TYPE] = 1
    world.pass_minutes(3)
    world.send_requests("demo", 20, seconds=5)

    world.pass_until(lambda: world.wanted("demo") == 1)

    refused, taken = activities(world)[0], activities(world)[-1]
    assert refused == ("Failed", "Setting desired instance count to 3.")
    assert taken == ("InProgress", "Setting desired instance count to 1.")
    found = world.client("application-autoscaling").describe_scaling_activities(**VARIANT)
    assert "limit 'ml.g5.xlarge for endpoint usage' is 1" in found["ScalingActivities"][-1]["StatusMessage"]


def test_instances_that_aws_does_not_have_are_waited_for(world: LocalAws) -> None:
    world.limits.available[TYPE] = 0
    world.send_requests("demo")
    world.pass_until(lambda: world.wanted("demo") == 1)
    world.pass_minutes(60)
    assert activities(world) == [("InProgress", "Setting desired instance count to 1.")]
    assert world.account().endpoint("demo").endpoint_status == "Updating"

    world.limits.available.clear()
    world.pass_until(lambda: world.instances("demo") == 1)
    assert activities(world) == [("Successful", "Setting desired instance count to 1.")]


def test_an_endpoint_that_is_updating_takes_no_second_order(world: LocalAws) -> None:
    world.send_requests("demo")
    world.pass_until(lambda: world.wanted("demo") == 1)
    world.send_requests("demo", 50)
    world.pass_minutes(5)
    assert (world.wanted("demo"), len(activities(world))) == (1, 1)


def test_in_the_cooldown_only_what_is_more_than_the_last_order_is_added(world: LocalAws) -> None:
    """The alarm is in ALARM a minute or two longer than there is no instance."""
    world.send_requests("demo", 3, seconds=1200)
    world.pass_until(lambda: world.instances("demo") == 1)
    world.pass_minutes(3)
    assert world.wanted("demo") == 1


@pytest.mark.parametrize(
    ("suspended", "instances", "wanted"),
    [("DynamicScalingOutSuspended", 0, 0), ("DynamicScalingInSuspended", 2, 2)],
)
def test_what_is_suspended_does_not_happen(
    world: LocalAws, suspended: str, instances: int, wanted: int
) -> None:
    world.client("application-autoscaling").register_scalable_target(
        **VARIANT, SuspendedState={suspended: True}
    )
    world.set_instances("demo", instances)
    if not instances:
        world.send_requests("demo", 9)
    world.pass_minutes(20)
    assert world.wanted("demo") == wanted


def test_target_tracking_grows_in_proportion_and_waits_for_three_datapoints(aws: LocalAws) -> None:
    aws.create_endpoint("demo")
    autoscaling = aws.client("application-autoscaling")
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=8)
    autoscaling.put_scaling_policy(
        **VARIANT,
        PolicyName="backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 5.0,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
                "Statistic": "Average",
            },
        },
    )
    aws.send_requests("demo", 14, seconds=3600)
    assert aws.pass_until(lambda: aws.wanted("demo") > 1) == 4
    assert aws.wanted("demo") == 3


def test_alarms_say_why_in_the_words_of_aws(world: LocalAws) -> None:
    world.send_requests("demo")
    world.pass_minutes(2)
    found = world.client("cloudwatch").describe_alarms(AlarmNames=["ladder"])["MetricAlarms"][0]
    assert found["StateValue"] == "ALARM"
    assert found["StateReason"].startswith("Threshold Crossed: 1 datapoint [1.0 (")
    assert found["StateReason"].endswith(")] was greater than the threshold (0.0).")


def test_a_value_that_does_not_reach_the_policy_leaves_the_net(world: LocalAws) -> None:
    """Nobody has shown an account in which the value of an expression reaches a step policy."""
    world.takes_values = False
    cloudwatch = world.client("cloudwatch")
    plain = METRICS["w"]
    [action] = cloudwatch.describe_alarms(AlarmNames=["wake"])["MetricAlarms"][0]["AlarmActions"]
    cloudwatch.put_metric_alarm(
        AlarmName="wake",
        AlarmActions=[action],
        **plain["Metric"],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=2,
        Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    world.send_requests("demo", 20)
    assert world.pass_until(lambda: world.wanted("demo") > 0) == 3
    assert world.wanted("demo") == 1
