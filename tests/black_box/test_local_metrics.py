"""The local AWS's CloudWatch: metric math, statistics and alarms over expressions are what AWS documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from test_local_aws import send_cbor

from local.aws import LocalAws
from local.errors import AwsError
from local.services import metric_math, metrics

# Minutes are kept for 15 days.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
LADDER = "(w > 0) + (w > 0)*(b > 5)*(a <= 60)*(CEIL(0.4*b) - 1)"


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def value(expression: str, **series: float) -> Any:
    """The value at one minute; a series that is left out has none then."""
    names = metric_math.names(expression)
    every = {name: {NOON: series[name]} if name in series else {} for name in names}
    result = metric_math.evaluate(expression, every)
    return result.get(NOON) if isinstance(result, dict) else result


@pytest.mark.parametrize(
    ("expression", "series", "expected"),
    [
        ("1 + 2 * 3", {}, 7.0),
        ("(1 + 2) * 3", {}, 9.0),
        ("7 - 2 - 1", {}, 4.0),
        ("-b + 1", {"b": 3.0}, -2.0),
        ("a + b", {"a": 1.0, "b": 2.0}, 3.0),
        ("a + b", {"a": 1.0}, 1.0),
        ("a * b", {"a": 5.0}, 0.0),
        ("a + b", {}, None),
        ("a / b", {"a": 1.0, "b": 0.0}, None),
        ("a / b", {"a": 1.0}, None),
        ("b < 1", {"b": 0.0}, 1.0),
        ("b < 1", {"b": 1.0}, 0.0),
        ("b < 1", {}, None),
        ("b <= 1 AND b >= 1", {"b": 1.0}, 1.0),
        ("b > 5 || b == 1", {"b": 1.0}, 1.0),
        ("CEIL(0.4*b)", {"b": 6.0}, 3.0),
        ("FLOOR(b)", {"b": 2.9}, 2.0),
        ("ABS(b - 3)", {"b": 1.0}, 2.0),
        ("IF(b > 1, b, 7)", {"b": 3.0}, 3.0),
        ("IF(b > 1, b, 7)", {"b": 1.0}, 7.0),
        ("IF(b, a, 7)", {"a": 3.0}, 7.0),
        ("(avg < 1)*(c - 1)", {"avg": 0.5, "c": 3.0}, 2.0),
        ("b + m + g", {"b": 0.0, "m": 2.0}, 2.0),
        (LADDER, {"w": 1.0, "b": 5.0, "a": 10.0}, 1.0),
        (LADDER, {"w": 1.0, "b": 6.0, "a": 10.0}, 3.0),
        (LADDER, {"w": 1.0, "b": 100.0, "a": 10.0}, 40.0),
        (LADDER, {"w": 1.0, "b": 100.0, "a": 61.0}, 1.0),
        (LADDER, {"w": 1.0, "b": 100.0}, 1.0),
        (LADDER, {"w": 1.0, "a": 10.0}, 1.0),
        (LADDER, {"w": 0.0, "b": 100.0, "a": 10.0}, 0.0),
    ],
)
def test_an_expression_has_the_value_that_cloudwatch_documents(
    expression: str, series: dict[str, float], expected: float | None
) -> None:
    assert value(expression, **series) == expected


@pytest.mark.parametrize(
    "expression", ["", "1 +", "(b", "b b", "b ? 1", "SUM(b)", "CEIL(b, 1)", "B + 1", "b,1"]
)
def test_what_is_no_expression_is_refused_with_its_text(expression: str) -> None:
    with pytest.raises(AwsError, match="Error in expression"):
        metric_math.names(expression)


def metric(name: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": name,
        "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
    }


def stat(query: str, name: str, statistic: str, period: int = 60, **more: Any) -> dict[str, Any]:
    return {"Id": query, "MetricStat": {"Metric": metric(name), "Period": period, "Stat": statistic}, **more}


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("SampleCount", 3.0), ("Sum", 9.0), ("Average", 3.0), ("Maximum", 6.0), ("Minimum", 1.0)],
)
def test_a_statistic_is_of_all_samples_of_its_period(aws: LocalAws, statistic: str, expected: float) -> None:
    metrics.publish(aws.account(), metric("m"), minute(0), 1, 2)
    metrics.publish(aws.account(), metric("m"), minute(4), 6)
    metrics.publish(aws.account(), metric("m"), minute(5), 100)
    found = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[stat("m", "m", statistic, period=300)], StartTime=NOON, EndTime=minute(5)
    )
    result = found["MetricDataResults"][0]
    assert (result["Timestamps"], result["Values"]) == ([NOON], [expected])


def test_a_query_that_returns_no_data_is_there_for_an_expression(aws: LocalAws) -> None:
    metrics.publish(aws.account(), metric("b"), minute(0), 2)
    metrics.publish(aws.account(), metric("m"), minute(1), 1, 1)
    queries = [
        {"Id": "e", "Expression": "b + m"},
        stat("b", "b", "Maximum", ReturnData=False),
        stat("m", "m", "Sum", ReturnData=False),
    ]
    found = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=NOON, EndTime=minute(2), ScanBy="TimestampAscending"
    )
    assert [(result["Id"], result["Values"]) for result in found["MetricDataResults"]] == [("e", [2.0, 2.0])]


MATH_ALARM = {
    "AlarmName": "scale-to-zero/demo/AllTraffic/idle",
    "EvaluationPeriods": 10,
    "DatapointsToAlarm": 10,
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
    "TreatMissingData": "missing",
    "Metrics": [
        {"Id": "e", "Expression": "b + m", "ReturnData": True},
        stat("b", "ApproximateBacklogSize", "Maximum", ReturnData=False),
        stat("m", "InvocationsProcessed", "Sum", ReturnData=False),
    ],
}


def test_an_alarm_over_an_expression_reads_back_as_it_was_put(aws: LocalAws) -> None:
    status, _, body = send_cbor(aws, "PutMetricAlarm", MATH_ALARM)
    assert (status, body) == (200, {})
    _, _, body = send_cbor(aws, "DescribeAlarms", {"AlarmNames": [MATH_ALARM["AlarmName"]]})
    alarm = body["MetricAlarms"][0]
    assert {name: alarm[name] for name in MATH_ALARM} == MATH_ALARM
    assert not {"MetricName", "Namespace", "Statistic", "Period"} & set(alarm)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Namespace": "AWS/SageMaker"}, "a metric beside the expression"),
        ({"Period": 60}, "a period beside those of the metrics"),
        ({"Metrics": [{"Id": "e", "Expression": "1 + 1"}]}, "no metric"),
        (
            {"Metrics": [{"Id": "e", "Expression": "b + x"}, stat("b", "b", "Sum", ReturnData=False)]},
            "unknown id",
        ),
        ({"Metrics": [{"Id": "e", "Expression": "b"}, stat("b", "b", "Sum")]}, "two return data"),
        ({"Metrics": [stat("b", "b", "Sum", ReturnData=False)]}, "none returns data"),
        (
            {"Metrics": [{"Id": "E", "Expression": "b"}, stat("b", "b", "Sum", ReturnData=False)]},
            "an id in capitals",
        ),
        (
            {"Metrics": [{"Id": "e", "Expression": "b +"}, stat("b", "b", "Sum", ReturnData=False)]},
            "no expression",
        ),
        (
            {
                "Metrics": [
                    {"Id": "e", "Expression": "b + c"},
                    stat("b", "b", "Sum", ReturnData=False),
                    stat("c", "c", "Sum", period=120, ReturnData=False),
                ]
            },
            "two periods",
        ),
        (
            {
                "Metrics": [
                    {"Id": "e", "Expression": "m0"},
                    *(stat(f"m{number}", "b", "Sum", ReturnData=False) for number in range(11)),
                ]
            },
            "more than ten metrics",
        ),
    ],
)
def test_an_alarm_over_an_expression_that_aws_does_not_take_is_refused(
    aws: LocalAws, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ClientError) as refused:
        aws.client("cloudwatch").put_metric_alarm(**{**MATH_ALARM, **changes})
    assert refused.value.response["Error"]["Code"] == "ValidationError", why


def test_tags_of_targets_and_alarms_stay_over_updates_and_go_with_their_resource(aws: LocalAws) -> None:
    aws.create_endpoint("demo")
    autoscaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    variant = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/demo/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    for number in ("1", "2"):
        target = autoscaling.register_scalable_target(
            **variant, MinCapacity=0, MaxCapacity=5, Tags={"put": number}
        )["ScalableTargetARN"]
        cloudwatch.put_metric_alarm(**MATH_ALARM, Tags=[{"Key": "put", "Value": number}])
    alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    assert autoscaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"put": "1"}
    assert cloudwatch.list_tags_for_resource(ResourceARN=alarm)["Tags"] == [{"Key": "put", "Value": "1"}]

    autoscaling.tag_resource(ResourceARN=target, Tags={"team": "ml"})
    cloudwatch.tag_resource(ResourceARN=alarm, Tags=[{"Key": "put", "Value": "3"}])
    autoscaling.untag_resource(ResourceARN=target, TagKeys=["put"])
    assert autoscaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"team": "ml"}
    assert cloudwatch.list_tags_for_resource(ResourceARN=alarm)["Tags"] == [{"Key": "put", "Value": "3"}]

    autoscaling.deregister_scalable_target(**variant)
    cloudwatch.delete_alarms(AlarmNames=[MATH_ALARM["AlarmName"]])
    for call, params in [
        (autoscaling.list_tags_for_resource, {"ResourceARN": target}),
        (cloudwatch.list_tags_for_resource, {"ResourceARN": alarm}),
    ]:
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call(**params)


def test_an_event_is_kept_and_a_bad_one_fails_alone(aws: LocalAws) -> None:
    good = {"Source": "scale-to-zero", "DetailType": "Asleep", "Detail": '{"endpoint": "demo"}'}
    answer = aws.client("events").put_events(
        Entries=[good, {**good, "Detail": "[]"}, {**good, "Source": "aws.sagemaker"}, {"Source": "x"}]
    )
    assert answer["FailedEntryCount"] == 3
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "InvalidArgument",
    ]
    assert aws.account().events == [{**good, "Detail": {"endpoint": "demo"}}]
    with pytest.raises(ClientError, match="ValidationException"):
        aws.client("events").put_events(Entries=[good] * 11)
