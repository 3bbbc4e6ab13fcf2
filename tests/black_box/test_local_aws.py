"""The local AWS itself: the facts of AWS that the function's tests rest on, with boto3 or in plain CBOR."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from local.faults import Fault
from local.recording import Call, round_trips
from local.services import metrics
from local.services.metrics import Sampled, sampled

VARIANT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/Demo/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
BACKLOG = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 5.0,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": "Demo"}],
            "Statistic": "Average",
        },
    },
}
WAKE = {
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    },
}
ALARM = {
    "AlarmName": "scale-to-zero/Demo/AllTraffic/wake",
    "Namespace": "AWS/SageMaker",
    "MetricName": "HasBacklogWithoutCapacity",
    "Dimensions": [{"Name": "EndpointName", "Value": "Demo"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


def error_of(call: Callable[..., Any], **params: Any) -> str:
    """The code of the error that the call is answered with."""
    with pytest.raises(ClientError) as raised:
        call(**params)
    return raised.value.response["Error"]["Code"]


def send_cbor(
    aws: LocalAws, operation: str, params: dict[str, Any], timeout: float = 10
) -> tuple[int, dict[str, str], Any]:
    """Sends what the SDK for Rust would, with the function's key: status, headers and decoded body."""
    connection = http.client.HTTPConnection(aws.url.removeprefix("http://"), timeout=timeout)
    scope = "function/20260101/eu-west-1/monitoring/aws4_request"
    connection.request(
        "POST",
        f"/service/GraniteServiceVersion20100801/operation/{operation}",
        cbor2.dumps(params),
        {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/cbor",
            "smithy-protocol": "rpc-v2-cbor",
        },
    )
    answer = connection.getresponse()
    return answer.status, dict(answer.headers), cbor2.loads(answer.read())


def statuses(aws: LocalAws, name: str = "Demo") -> tuple[str, int, int]:
    """Status of the endpoint, current and desired instances of its first variant."""
    found = aws.client("sagemaker").describe_endpoint(EndpointName=name)
    variant = found["ProductionVariants"][0]
    return found["EndpointStatus"], variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def test_cloudwatch_speaks_cbor_with_float_thresholds_and_tagged_times(aws: LocalAws) -> None:
    status, headers, body = send_cbor(aws, "PutMetricAlarm", {**ALARM, "Threshold": 1.0})
    assert (status, headers["smithy-protocol"], body) == (200, "rpc-v2-cbor", {})

    _, _, body = send_cbor(aws, "DescribeAlarms", {"AlarmNamePrefix": "scale-to-zero/Demo/"})
    alarm = body["MetricAlarms"][0]
    assert {name: alarm[name] for name in ALARM} == ALARM
    assert isinstance(alarm["Threshold"], float)
    assert abs(alarm["StateUpdatedTimestamp"] - datetime.now(UTC)).total_seconds() < 60


def test_cloudwatch_errors_in_cbor_carry_the_shape_and_the_query_code(aws: LocalAws) -> None:
    status, headers, body = send_cbor(aws, "DeleteAlarms", {"AlarmNames": ["nowhere"]})
    assert (status, body["__type"]) == (404, "ResourceNotFound")
    assert headers["x-amzn-query-error"] == "ResourceNotFound;Sender"
    assert "x-amzn-RequestId" in headers


@pytest.mark.parametrize(
    ("params", "violation"),
    [
        ({"AlarmName": "a", "Perod": 60}, "Perod is not a member of PutMetricAlarmInput"),
        ({}, "AlarmName is missing"),
        ({"AlarmName": ""}, "AlarmName has length 0, less than 1"),
        ({"AlarmName": "a", "Period": "60"}, "Period is '60', not of type integer"),
        ({"AlarmName": "a", "Period": 0}, "Period has value 0, less than 1"),
        ({"AlarmName": "a", "Namespace": ":x"}, "Namespace is ':x', which does not match [^:].*"),
        ({"AlarmName": "a", "AlarmActions": ["a"] * 6}, "AlarmActions has length 6, more than 5"),
        (
            {"AlarmName": "a", "Dimensions": [{"Name": "EndpointName"}]},
            "Dimensions[0].Value is missing",
        ),
        (
            {"AlarmName": "a", "Statistic": "Mean"},
            "Statistic is 'Mean', not one of SampleCount, Average, Sum, Minimum, Maximum",
        ),
    ],
)
def test_what_the_model_does_not_allow_is_refused_and_noted(
    aws: LocalAws, params: dict[str, Any], violation: str
) -> None:
    status, headers, _ = send_cbor(aws, "PutMetricAlarm", params)
    assert (status, headers["x-amzn-query-error"]) == (400, "ValidationError;Sender")
    assert aws.violations == [f"cloudwatch PutMetricAlarm: {violation}"]
    aws.violations.clear()


def test_an_asynchronous_endpoint_shows_it_and_has_its_arn_in_lower_case(aws: LocalAws) -> None:
    arn = aws.create_endpoint("Demo", tags={"scale-to-zero:enabled": "true"})
    sagemaker = aws.client("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName="Demo")
    assert arn == found["EndpointArn"] == "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/demo"
    assert found["AsyncInferenceConfig"]["OutputConfig"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "scale-to-zero:enabled", "Value": "true"}]


def test_an_endpoint_without_asynchronous_inference_does_not_show_it(aws: LocalAws) -> None:
    aws.create_endpoint("Demo", asynchronous=False)
    assert "AsyncInferenceConfig" not in aws.client("sagemaker").describe_endpoint(EndpointName="Demo")


def test_an_unknown_endpoint_or_arn_is_a_validation_exception(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    with pytest.raises(
        ClientError, match=r'Could not find endpoint "arn:aws:sagemaker:.*:endpoint/nowhere"\.'
    ):
        sagemaker.describe_endpoint(EndpointName="nowhere")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/nowhere"
    assert error_of(sagemaker.list_tags, ResourceArn=arn) == "ValidationException"


def test_an_endpoint_is_created_updated_and_deleted_over_time(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    aws.create_endpoint("Other")
    config = sagemaker.describe_endpoint(EndpointName="Other")["EndpointConfigName"]
    sagemaker.create_endpoint(EndpointName="Demo", EndpointConfigName=config)
    creating = sagemaker.describe_endpoint(EndpointName="Demo")
    assert (creating["EndpointStatus"], "ProductionVariants" in creating) == ("Creating", False)
    create = sagemaker.create_endpoint
    assert error_of(create, EndpointName="demo", EndpointConfigName=config) == "ValidationException"
    aws.settle()

    aws.set_instances("Demo", 3)
    sagemaker.update_endpoint(EndpointName="Demo", EndpointConfigName=config)
    assert statuses(aws) == ("Updating", 3, 3)
    assert error_of(sagemaker.delete_endpoint, EndpointName="Demo") == "ValidationException"
    aws.settle()
    assert statuses(aws) == ("InService", 1, 1)

    sagemaker.delete_endpoint(EndpointName="Demo")
    assert statuses(aws)[0] == "Deleting"
    aws.settle()
    assert error_of(sagemaker.describe_endpoint, EndpointName="Demo") == "ValidationException"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ResourceId": "endpoint/Nowhere/variant/AllTraffic"}, "no such endpoint"),
        ({"ResourceId": "endpoint/Demo/variant/Nowhere"}, "no such variant"),
        ({"ResourceId": "Demo"}, "no resource ID of a variant"),
        ({"MinCapacity": 6}, "more than the maximum"),
        ({"MinCapacity": -1}, "below zero"),
    ],
)
def test_a_target_needs_a_variant_and_a_range(aws: LocalAws, change: dict[str, Any], why: str) -> None:
    aws.create_endpoint("Demo")
    params = {**VARIANT, "MinCapacity": 0, "MaxCapacity": 5, **change}
    register = aws.client("application-autoscaling").register_scalable_target
    assert error_of(register, **params) == "ValidationException", why


def test_burstable_variants_and_endpoints_in_creation_cannot_be_registered(aws: LocalAws) -> None:
    register = aws.client("application-autoscaling").register_scalable_target
    aws.create_endpoint("Demo", instance_type="ml.t2.medium")
    assert error_of(register, **VARIANT, MinCapacity=0, MaxCapacity=5) == "ValidationException"
    aws.reset()
    aws.create_endpoint("Demo")
    aws.set_status("Demo", "Creating")
    assert error_of(register, **VARIANT, MinCapacity=0, MaxCapacity=5) == "ValidationException"


def test_registering_again_keeps_what_is_left_out_and_brings_instances_into_range(aws: LocalAws) -> None:
    aws.create_endpoint("Demo", instances=7)
    autoscaling = aws.client("application-autoscaling")
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    assert statuses(aws) == ("Updating", 7, 5)
    aws.settle()
    assert statuses(aws) == ("InService", 5, 5)

    autoscaling.register_scalable_target(**VARIANT, SuspendedState={"DynamicScalingInSuspended": True})
    assert aws.state("Demo")["targets"]["AllTraffic"] == {
        "MinCapacity": 0,
        "MaxCapacity": 5,
        "SuspendedState": {
            "DynamicScalingInSuspended": True,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
    }


def test_a_policy_or_action_without_a_target_is_object_not_found(aws: LocalAws) -> None:
    aws.create_endpoint("Demo")
    autoscaling = aws.client("application-autoscaling")
    action = {**VARIANT, "ScheduledActionName": "a"}
    for call, params in [
        (autoscaling.put_scaling_policy, {**VARIANT, "PolicyName": "p", **WAKE}),
        (autoscaling.delete_scaling_policy, {**VARIANT, "PolicyName": "p"}),
        (autoscaling.put_scheduled_action, {**action, "Schedule": "cron(0 8 ? * MON-FRI *)"}),
        (autoscaling.delete_scheduled_action, action),
        (autoscaling.deregister_scalable_target, VARIANT),
    ]:
        assert error_of(call, **params) == "ObjectNotFoundException", call


def test_the_arn_of_a_policy_lasts_and_has_the_id_of_its_target(aws: LocalAws) -> None:
    aws.create_endpoint("Demo")
    autoscaling = aws.client("application-autoscaling")
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)

    def put() -> str:
        return autoscaling.put_scaling_policy(**VARIANT, PolicyName="p", **WAKE)["PolicyARN"]

    first = put()
    assert put() == first
    other = autoscaling.put_scaling_policy(**VARIANT, PolicyName="other", **WAKE)["PolicyARN"]
    assert other == first.removesuffix("p") + "other", "one id in all policies of a target"


def test_target_tracking_has_two_alarms_that_come_and_go_with_it(aws: LocalAws) -> None:
    aws.create_endpoint("Demo")
    autoscaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    put = autoscaling.put_scaling_policy(**VARIANT, PolicyName="p", **BACKLOG)
    names = [alarm["AlarmName"] for alarm in put["Alarms"]]
    prefix = "TargetTracking-endpoint/Demo/variant/AllTraffic-Alarm"
    assert [name.removeprefix(prefix).partition("-")[0] for name in names] == ["High", "Low"]
    found = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == sorted(names)

    other = {**VARIANT, "PolicyName": "other", **BACKLOG}
    assert error_of(autoscaling.put_scaling_policy, **other) == "ValidationException", (
        "one policy for a metric"
    )
    retyped = {**VARIANT, "PolicyName": "p", **WAKE}
    assert error_of(autoscaling.put_scaling_policy, **retyped) == "ValidationException", "the type stays"

    autoscaling.delete_scaling_policy(**VARIANT, PolicyName="p")
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_deregistering_takes_policies_and_actions_but_leaves_the_alarm_of_a_step_policy(
    aws: LocalAws,
) -> None:
    aws.create_endpoint("Demo")
    autoscaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    autoscaling.put_scaling_policy(**VARIANT, PolicyName="scale-to-zero-backlog", **BACKLOG)
    wake = autoscaling.put_scaling_policy(**VARIANT, PolicyName="scale-to-zero-wake", **WAKE)["PolicyARN"]
    cloudwatch.put_metric_alarm(**ALARM, AlarmActions=[wake])
    autoscaling.put_scheduled_action(**VARIANT, ScheduledActionName="theirs", Schedule="rate(1 day)")
    before = aws.state("Demo")
    assert before["alarms"][ALARM["AlarmName"]]["AlarmActions"] == ["scale-to-zero-wake"]
    assert list(before["foreign"]["actions"]["AllTraffic"]) == ["theirs"]

    autoscaling.deregister_scalable_target(**VARIANT)
    after = aws.state("Demo")
    assert after["alarms"].pop(ALARM["AlarmName"])["AlarmActions"] == ["dangling"]
    assert after == {"targets": {}, "policies": {}, "alarms": {}, "actions": {}, "foreign": {}}


def test_policies_are_found_by_name_with_the_alarms_attached_to_them(aws: LocalAws) -> None:
    aws.create_endpoint("Demo")
    autoscaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    autoscaling.put_scaling_policy(**VARIANT, PolicyName="backlog", **BACKLOG)
    wake = autoscaling.put_scaling_policy(**VARIANT, PolicyName="wake", **WAKE)["PolicyARN"]
    cloudwatch.put_metric_alarm(**ALARM, AlarmActions=[wake])
    describe = autoscaling.describe_scaling_policies
    found = describe(ServiceNamespace="sagemaker", PolicyNames=["wake"])["ScalingPolicies"]
    assert [policy["PolicyName"] for policy in found] == ["wake"]
    assert [alarm["AlarmName"] for alarm in found[0]["Alarms"]] == [ALARM["AlarmName"]]
    assert error_of(describe, ServiceNamespace="sagemaker", MaxResults=11) == "ValidationException"


def test_an_update_cannot_change_the_instance_type_of_a_scalable_target(aws: LocalAws) -> None:
    aws.create_endpoint("Demo")
    aws.create_endpoint("Other", instance_type="ml.g5.2xlarge")
    sagemaker, autoscaling = aws.client("sagemaker"), aws.client("application-autoscaling")
    config = sagemaker.describe_endpoint(EndpointName="Other")["EndpointConfigName"]
    autoscaling.register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    update = sagemaker.update_endpoint
    assert error_of(update, EndpointName="Demo", EndpointConfigName=config) == "ValidationException"
    autoscaling.deregister_scalable_target(**VARIANT)
    update(EndpointName="Demo", EndpointConfigName=config)


def test_a_renamed_variant_leaves_its_target_behind(aws: LocalAws) -> None:
    aws.create_endpoint("Demo")
    aws.client("application-autoscaling").register_scalable_target(**VARIANT, MinCapacity=0, MaxCapacity=5)
    aws.rename_variant("Demo", "AllTraffic", "Blue")
    aws.settle()
    found = aws.client("sagemaker").describe_endpoint(EndpointName="Demo")
    assert [variant["VariantName"] for variant in found["ProductionVariants"]] == ["Blue"]
    assert list(aws.state("Demo")["targets"]) == ["AllTraffic"]


def test_an_alarm_begins_without_data_and_an_update_keeps_its_state(aws: LocalAws) -> None:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**ALARM)
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA"
    cloudwatch.set_alarm_state(AlarmName=ALARM["AlarmName"], StateValue="ALARM", StateReason="test")
    cloudwatch.put_metric_alarm(**{**ALARM, "Threshold": 2.0})
    alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 2.0)


def test_deleting_alarms_deletes_those_that_there_are(aws: LocalAws) -> None:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**ALARM)
    names = [ALARM["AlarmName"], "nowhere"]
    assert error_of(cloudwatch.delete_alarms, AlarmNames=names) == "ResourceNotFound"
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_the_backlog_is_answered_newest_first_with_the_start_and_without_the_end(aws: LocalAws) -> None:
    newest = aws.publish_backlog("Demo", 4, 0, 3)
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "ApproximateBacklogSize"}
    stat = {"Metric": {**metric, "Dimensions": [{"Name": "EndpointName", "Value": "Demo"}]}}
    query = {"Id": "q", "MetricStat": {**stat, "Period": 60, "Stat": "Maximum"}}
    read = aws.client("cloudwatch").get_metric_data

    def values(start: int, end: int, **more: Any) -> list[float]:
        """Between minutes before the newest."""
        times = {"StartTime": newest - timedelta(minutes=start), "EndTime": newest - timedelta(minutes=end)}
        return read(MetricDataQueries=[query], **times, **more)["MetricDataResults"][0]["Values"]

    assert values(2, -1) == [3, 0, 4]
    assert values(2, 0) == [0, 4]
    assert values(1, -1, ScanBy="TimestampAscending") == [0, 3]
    query["MetricStat"]["Metric"]["Dimensions"][0]["Value"] = "demo"
    assert values(2, -1) == [], "dimensions are case-sensitive"
    assert error_of(read, MetricDataQueries=[query], StartTime=newest, EndTime=newest) == "ValidationError"


def _cpu(aws: LocalAws, start: datetime, end: datetime, **more: Any) -> list[tuple[datetime, float]]:
    """The datapoints of CPUUtilization, oldest first, from as many pages as there are."""
    query = {"Id": "q", "MetricStat": {"Metric": CPU, "Period": 60, "Stat": "SampleCount", **more}}
    pages = aws.client("cloudwatch").get_paginator("get_metric_data")
    found = []
    for page in pages.paginate(MetricDataQueries=[query], StartTime=start, EndTime=end):
        for result in page["MetricDataResults"]:
            found += zip(result["Timestamps"], result["Values"], strict=True)
    return sorted(found)


CPU = {
    "Namespace": "/aws/sagemaker/Endpoints",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "EndpointName", "Value": "Demo"}, {"Name": "VariantName", "Value": "AllTraffic"}],
}


def minutes_at(*times: datetime) -> metrics.Minutes:
    """A sample in each of these minutes."""
    return {int(time.timestamp()): sampled(5.0) for time in times}


def test_a_longer_period_is_made_of_the_minutes_with_every_statistic(aws: LocalAws) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    at = int(hour.timestamp())
    minutes = {at: Sampled(2, 30, 10, 20), at + 3540: Sampled(1, 5, 5, 5), at + 3600: Sampled(1, 50, 50, 50)}
    metrics.replace(aws.account(), CPU, minutes)
    end = hour + timedelta(hours=2)
    for statistic, value in {
        "SampleCount": 3,
        "Sum": 35,
        "Average": 35 / 3,
        "Minimum": 5,
        "Maximum": 20,
    }.items():
        assert _cpu(aws, hour, end, Period=3600, Stat=statistic)[0] == (hour, value), statistic
    assert [value for _, value in _cpu(aws, hour, end, Period=3600)] == [3, 1]
    assert _cpu(aws, hour, hour + timedelta(minutes=2)) == [(hour, 2)], (
        "a minute without a sample has no datapoint"
    )


def test_minutes_are_kept_for_15_days_and_hours_for_longer(aws: LocalAws) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    old = now - timedelta(days=20)
    metrics.replace(aws.account(), CPU, minutes_at(old, now - timedelta(days=1)))
    assert [time for time, _ in _cpu(aws, old, now)] == [now - timedelta(days=1)]
    assert [time for time, _ in _cpu(aws, old, now, Period=3600)] == [old, now - timedelta(days=1)]


def test_more_datapoints_than_a_page_holds_come_in_pages(aws: LocalAws) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    minutes = [now - timedelta(minutes=ago) for ago in range(1, 8)]
    metrics.replace(aws.account(), CPU, minutes_at(*minutes))
    aws.account().most_datapoints = 3
    assert [time for time, _ in _cpu(aws, now - timedelta(hours=1), now)] == sorted(minutes)
    query = {"Id": "q", "MetricStat": {"Metric": CPU, "Period": 60, "Stat": "SampleCount"}}
    read = aws.client("cloudwatch").get_metric_data
    first = read(MetricDataQueries=[query], StartTime=now - timedelta(hours=1), EndTime=now)
    assert first["MetricDataResults"][0]["StatusCode"] == "PartialData"
    too_many = [{**query, "Id": f"q{number}"} for number in range(501)]
    times = {"StartTime": now - timedelta(hours=1), "EndTime": now}
    assert error_of(read, MetricDataQueries=too_many, **times) == "ValidationError"


def test_scaling_activities_are_answered_newest_first_and_for_their_resource(aws: LocalAws) -> None:
    aws.add_activity("Demo", 1, "Failed", "Insufficient capacity.", minutes_ago=9)
    aws.add_activity("Demo", 0, "Successful", "Done.", minutes_ago=2)
    aws.add_activity("Other", 3, "Successful", "Done.", minutes_ago=1)
    describe = aws.client("application-autoscaling").describe_scaling_activities
    found = describe(**VARIANT)["ScalingActivities"]
    assert [(activity["StatusCode"], activity["Description"]) for activity in found] == [
        ("Successful", "Setting desired instance count to 0."),
        ("Failed", "Setting desired instance count to 1."),
    ]
    assert len(describe(ServiceNamespace="sagemaker")["ScalingActivities"]) == 3
    without = {name: value for name, value in VARIANT.items() if name != "ResourceId"}
    assert error_of(describe, **without) == "ValidationException"


@pytest.mark.parametrize("page_size", [1, 2, 3, None])
def test_every_page_size_gives_the_same_whole(aws: LocalAws, page_size: int | None) -> None:
    tags = {f"scale-to-zero:{i}": "x" for i in range(4)}
    autoscaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    for name in ("a", "b", "c"):
        arn = aws.create_endpoint(name, tags)
        variant = {**VARIANT, "ResourceId": f"endpoint/{name}/variant/AllTraffic"}
        autoscaling.register_scalable_target(**variant, MinCapacity=0, MaxCapacity=5)
        autoscaling.put_scaling_policy(**variant, PolicyName="p", **BACKLOG)
        autoscaling.put_scheduled_action(**variant, ScheduledActionName="a", Schedule="rate(1 day)")
    aws.page_size = page_size
    namespace = {"ServiceNamespace": "sagemaker"}
    filters = {"ResourceTypeFilters": ["sagemaker:endpoint"]}
    for client, operation, items, params, total in [
        (autoscaling, "describe_scalable_targets", "ScalableTargets", namespace, 3),
        (autoscaling, "describe_scaling_policies", "ScalingPolicies", namespace, 3),
        (autoscaling, "describe_scheduled_actions", "ScheduledActions", namespace, 3),
        (cloudwatch, "describe_alarms", "MetricAlarms", {"AlarmNamePrefix": "TargetTracking-"}, 6),
        (aws.client("sagemaker"), "list_tags", "Tags", {"ResourceArn": arn}, 4),
        (aws.client("sagemaker"), "list_endpoints", "Endpoints", {}, 3),
        (aws.client("resourcegroupstaggingapi"), "get_resources", "ResourceTagMappingList", filters, 3),
    ]:
        pages = [page[items] for page in client.get_paginator(operation).paginate(**params)]
        assert all(len(page) <= (page_size or total) for page in pages), operation
        found = [str(item) for page in pages for item in page]
        assert len(found) == len(set(found)) == total, operation


def test_a_token_holds_only_for_its_own_query(aws: LocalAws) -> None:
    aws.page_size = 1
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**{**ALARM, "AlarmName": "x1"})
    cloudwatch.put_metric_alarm(**{**ALARM, "AlarmName": "x2"})
    token = cloudwatch.describe_alarms(AlarmNamePrefix="x")["NextToken"]
    other = {"AlarmNamePrefix": "y", "NextToken": token}
    assert error_of(cloudwatch.describe_alarms, **other) == "InvalidNextToken"


def test_only_calls_of_the_function_are_recorded_and_made_to_fail(aws: LocalAws) -> None:
    aws.faults = [
        Fault("DescribeAlarms", "throttle", nth=1),
        Fault("*", "internal", when=lambda p: "StateValue" in p),
    ]
    aws.client("cloudwatch").describe_alarms()
    first, second = send_cbor(aws, "DescribeAlarms", {}), send_cbor(aws, "DescribeAlarms", {})
    third = send_cbor(aws, "DescribeAlarms", {"StateValue": "OK"})
    assert [first[0], second[0], third[0]] == [400, 200, 500]
    assert [(call.operation, call.error) for call in aws.calls] == [
        ("DescribeAlarms", "Throttling"),
        ("DescribeAlarms", None),
        ("DescribeAlarms", "InternalServiceError"),
    ]
    assert aws.writes() == []


def test_a_dropped_answer_may_come_before_or_after_the_deed(aws: LocalAws) -> None:
    aws.faults = [Fault("PutMetricAlarm", "drop", nth=1), Fault("PutMetricAlarm", "drop_after", nth=1)]
    alarms = aws.account().cloudwatch.alarms
    for expected in (0, 1):
        with pytest.raises(http.client.RemoteDisconnected):
            send_cbor(aws, "PutMetricAlarm", ALARM)
        assert len(alarms) == expected


def test_a_call_that_hangs_is_let_go_without_an_answer(aws: LocalAws) -> None:
    aws.faults = [Fault("DescribeAlarms", "hang")]
    with pytest.raises(TimeoutError):
        send_cbor(aws, "DescribeAlarms", {}, timeout=0.1)
    releasing = threading.Timer(0.1, aws.release)
    releasing.start()
    with pytest.raises(http.client.RemoteDisconnected):
        send_cbor(aws, "DescribeAlarms", {})
    releasing.join()


def test_calls_above_the_rate_limit_are_throttled(aws: LocalAws) -> None:
    aws.rate_limits = {"PutMetricAlarm": 3.0}
    statuses = [send_cbor(aws, "PutMetricAlarm", ALARM)[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 400, 400]


def test_latency_delays_the_function_alone(aws: LocalAws) -> None:
    aws.latency = 0.05
    send_cbor(aws, "DescribeAlarms", {})
    assert aws.calls[0].ended - aws.calls[0].started >= 0.05

    aws.latency = 30.0
    started = time.monotonic()
    aws.client("cloudwatch").describe_alarms()
    assert time.monotonic() - started < 30.0


@pytest.mark.parametrize(
    ("spans", "depth"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (0, 1)], 1),
        ([(0, 1), (1, 2)], 2),
        ([(0, 3), (0, 1), (1, 2), (2, 3)], 3),
        ([(0, 1), (0.5, 2), (1.5, 3)], 2),
    ],
)
def test_round_trips_are_the_longest_chain_of_calls(spans: list[tuple[float, float]], depth: int) -> None:
    calls = [Call("sagemaker", "DescribeEndpoint", {}, 200, begin, end, None, "") for begin, end in spans]
    assert round_trips(calls) == depth


def test_resources_are_listed_while_tagged_and_afterwards(aws: LocalAws) -> None:
    tagged, untagged = aws.create_endpoint("once", tags={"key": "x"}), aws.create_endpoint("never")
    aws.untag("once", ["key"])
    found = aws.client("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["sagemaker:endpoint"])
    assert [item["ResourceARN"] for item in found["ResourceTagMappingList"]] == [tagged]
    assert untagged not in str(found)
    assert found["PaginationToken"] == ""


def test_queues_work(aws: LocalAws) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    assert url.startswith(aws.url)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
