"""What AWS has really answered is understood, and the local AWS answers in the same form."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import (
    WITHOUT_STATUS_TAG,
    Json,
    apply,
    explain,
    plan,
    resource_id,
    skipped,
    tags,
    wake_alarm_name,
    written,
)
from test_local_aws import send_cbor

from local.aws import LocalAws
from local.runtime import Function

ENVIRONMENT = WITHOUT_STATUS_TAG
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


def recording(name: str, **replaced: str) -> bytes:
    """The file's bytes, with other names in them where a test needs them to fit together."""
    body = (RECORDINGS / f"{name}.json").read_bytes()
    for old, new in replaced.items():
        assert old.encode() in body
        body = body.replace(old.encode(), new.encode())
    return body


TAGGED = json.dumps({"Tags": [{"Key": key, "Value": value} for key, value in tags().items()]}).encode()
NOTHING_YET = {
    "DescribeScalableTargets": recording("application-autoscaling.DescribeScalableTargets.empty"),
    "DescribeScalingPolicies": recording("application-autoscaling.DescribeScalingPolicies.empty"),
    "DescribeAlarms": recording("cloudwatch.DescribeAlarms.none"),
}


def replay_endpoint(aws: LocalAws, name: str) -> str:
    """The recorded endpoint, tagged, with a recorded configuration on a GPU; answers the endpoint's name."""
    body = recording(f"sagemaker.DescribeEndpoint.{name}")
    variants = re.findall(rb'"VariantName":"([^"]+)"', body) or [b"none"]
    config = recording("sagemaker.DescribeEndpointConfig").replace(b"variant-name-1", variants[0])
    aws.recordings |= {
        "DescribeEndpoint": body,
        "DescribeEndpointConfig": config.replace(b"ml.t2.medium", b"ml.g5.xlarge"),
        "ListTags": TAGGED,
    }
    return str(json.loads(body)["EndpointName"])


# The executable understands what AWS has answered.


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("in-service-async", "default-variant-name"),
        ("async-2026", "AllTraffic"),
        ("async-2026-idle", "AllTraffic"),
    ],
)
def test_a_recorded_asynchronous_endpoint_is_planned(
    aws: LocalAws, function: Function, name: str, variant: str
) -> None:
    aws.recordings = dict(NOTHING_YET)
    endpoint = replay_endpoint(aws, name)

    answer = function.invoke(plan(endpoint))

    assert (answer["outcome"], answer["endpoint"]) == ("planned", endpoint)
    [planned] = answer["variants"]
    assert (planned["variant"], planned["resourceId"]) == (variant, resource_id(endpoint, variant))
    assert planned["changes"][0]["change"] == "register-scalable-target"


def test_a_recorded_endpoint_is_configured_and_then_as_it_should_be(
    aws: LocalAws, function: Function
) -> None:
    endpoint = replay_endpoint(aws, "async-2026")
    aws.create_endpoint(endpoint)

    assert function.invoke(apply(endpoint))["outcome"] == "configured"
    aws.clear_calls()
    assert function.invoke(apply(endpoint))["outcome"] == "unchanged"
    assert written(aws) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("creating", "not-in-service"),
        ("deleting", "not-in-service"),
        ("in-service-2018", "not-async"),
        ("in-service-mixed-case", "not-async"),
        ("real-time-2026", "not-async"),
        ("component-2026", "not-async"),
        ("serverless", "serverless"),
    ],
)
def test_a_recorded_endpoint_of_another_kind_is_left_alone(
    aws: LocalAws, function: Function, name: str, reason: str
) -> None:
    endpoint = replay_endpoint(aws, name)

    answer = function.invoke(apply(endpoint))

    assert (answer["outcome"], answer["reason"], answer["endpoint"]) == ("skipped", reason, endpoint)
    assert written(aws) == []


def test_a_recorded_failure_is_told_without_the_blank_that_aws_begins_it_with(
    aws: LocalAws, function: Function
) -> None:
    endpoint = replay_endpoint(aws, "failed")

    assert function.invoke(apply(endpoint)) == skipped(
        "not-in-service",
        endpoint,
        note="the endpoint's last update failed: The primary container for production variant "
        "variant-name-1 did not pass the ping health check.",
    )


def test_recorded_burstable_instances_are_left_alone(aws: LocalAws, function: Function) -> None:
    endpoint = replay_endpoint(aws, "in-service-async")
    aws.recordings["DescribeEndpointConfig"] = recording(
        "sagemaker.DescribeEndpointConfig", **{"variant-name-1": "default-variant-name"}
    )

    assert function.invoke(apply(endpoint))["reason"] == "burstable-instance"


@pytest.mark.parametrize("name", ["sagemaker.ListTags", "sagemaker.ListTags.empty"])
def test_recorded_tags_that_are_not_ours_opt_nothing_in(aws: LocalAws, function: Function, name: str) -> None:
    endpoint = replay_endpoint(aws, "async-2026")
    aws.recordings["ListTags"] = recording(name)

    assert function.invoke(apply(endpoint))["reason"] == "not-managed"


@pytest.mark.parametrize(
    ("name", "endpoint", "variant", "policies"),
    [
        (
            "async-step-and-tracking",
            "demo-c356f91",
            "prod",
            ["CPUUtil-ScalingPolicy", "HasBacklogWithoutCapacity-ScalingPolicy"],
        ),
        (
            "target-tracking",
            "Example-Endpoint-MixedCase",
            "variant-name-1",
            ["SageMakerEndpointInvocationScalingPolicy"],
        ),
    ],
)
def test_recorded_policies_of_another_owner_are_a_conflict(
    aws: LocalAws, function: Function, name: str, endpoint: str, variant: str, policies: list[str]
) -> None:
    aws.create_endpoint(endpoint, tags=tags(), variants=[variant])
    targets = recording(
        "application-autoscaling.DescribeScalableTargets",
        **{"endpoint/Example-Endpoint-MixedCase/variant/variant-name-1": resource_id(endpoint, variant)},
    )
    aws.recordings = {
        "DescribeScalingPolicies": recording(f"application-autoscaling.DescribeScalingPolicies.{name}"),
        "DescribeScalableTargets": targets,
    }

    answer = function.invoke(apply(endpoint))

    assert answer["outcome"] == "conflict"
    assert sorted(found["name"] for found in answer["conflicts"]) == policies
    assert written(aws) == []


@pytest.mark.parametrize("name", ["minimal", "datapoints-to-alarm", "in-alarm-missing"])
def test_a_recorded_alarm_under_our_name_is_put_as_it_should_be(
    aws: LocalAws, function: Function, name: str
) -> None:
    """Members are missing where nobody sent them, which is no reason to stumble."""
    aws.create_endpoint("demo", tags=tags())
    function.invoke(apply())
    aws.recordings = {
        "DescribeAlarms": recording(f"cloudwatch.DescribeAlarms.{name}", **{"demo-alarm": wake_alarm_name()})
    }
    aws.clear_calls()

    assert function.invoke(apply())["outcome"] == "configured"

    put = [call.params["AlarmName"] for call in aws.writes() if call.operation == "PutMetricAlarm"]
    assert wake_alarm_name() in put


def test_a_recorded_alarm_of_somebody_else_is_not_ours(aws: LocalAws, function: Function) -> None:
    aws.recordings = {"DescribeAlarms": recording("cloudwatch.DescribeAlarms.in-alarm-missing")}
    aws.create_endpoint("demo")

    assert function.invoke(apply()) == skipped("not-managed")


def explained(aws: LocalAws, function: Function, activities: str) -> Json:
    aws.create_endpoint("demo", tags=tags(), variants=["primary"])
    function.invoke(apply())
    aws.recordings = {
        "DescribeScalingActivities": recording(
            f"application-autoscaling.DescribeScalingActivities.{activities}",
            **(
                {"demo-async-5/variant/variant1": "demo/variant/primary"}
                if activities == "successful"
                else {}
            ),
        )
    }
    answer: Json = function.invoke(explain())
    return answer


def test_a_recorded_quota_is_told_in_the_words_of_aws(aws: LocalAws, function: Function) -> None:
    answer = explained(aws, function, "quota.assembled")

    assert "limit 'ml.g5.xlarge for endpoint usage' is 4 Instances" in answer["summary"]


@pytest.mark.parametrize("activities", ["successful", "capacity-shortage.assembled"])
def test_a_recorded_activity_that_has_not_failed_is_told_as_no_failure(
    aws: LocalAws, function: Function, activities: str
) -> None:
    answer = explained(aws, function, activities)

    assert "scaling-failed" not in [finding["code"] for finding in answer["findings"]]


def test_a_recorded_list_of_endpoints_is_swept(aws: LocalAws, function: Function) -> None:
    for name in ("demo-async-idle", "demo-async-busy"):
        aws.create_endpoint(name, tags=tags())
    aws.recordings = {"ListEndpoints": recording("sagemaker.ListEndpoints.async-2026")}

    answer = function.invoke({"action": "sweep"})

    assert (answer["outcome"], answer["endpoints"]) == ("swept", 2)


def test_recorded_answers_to_writes_of_tags_are_understood(aws: LocalAws, function: Function) -> None:
    """The status tag is written and deleted, and what AWS answers is more than the model says."""
    aws.create_endpoint("demo", tags=tags(max_capcity="5"))
    aws.recordings = {
        "AddTags": recording("sagemaker.AddTags"),
        "DeleteTags": recording("sagemaker.DeleteTags"),
    }

    assert function.invoke(apply())["outcome"] == "invalid"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("eventbridge.endpoint-state-change.in-service", "not-managed"),
        ("eventbridge.tag-change.2025", "ignored-event"),
    ],
)
def test_a_recorded_event_is_understood(aws: LocalAws, function: Function, name: str, reason: str) -> None:
    aws.create_endpoint("demo")

    answer = function.invoke(json.loads(recording(name)))

    assert (answer["outcome"], answer["reason"]) == ("skipped", reason)


def test_a_recorded_call_that_only_reads_tags_is_ignored(aws: LocalAws, function: Function) -> None:
    event = {
        "source": "aws.sagemaker",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": json.loads(recording("cloudtrail.sagemaker-list-tags")),
    }
    assert function.invoke(event) == {"outcome": "skipped", "reason": "ignored-event"}


def test_recorded_metrics_that_nobody_asked_for_explain_nothing(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags())
    function.invoke(apply())
    without = function.invoke(explain())
    aws.recordings = {"GetMetricData": recording("cloudwatch.GetMetricData.with-zero")}

    assert function.invoke(explain())["outcome"] == without["outcome"] == "explained"


def test_a_recorded_batch_of_messages_is_understood(aws: LocalAws, function: Function) -> None:
    """Its body asks for an action that there isn't: that is no reason to have it delivered again."""
    assert function.invoke(json.loads(recording("sqs.event"))) == {"batchItemFailures": []}


# The local AWS answers in the form of AWS.

_NUMBER_OR_TIME = re.compile(r"\b\d\.\d+E9\b")


def form(body: bytes) -> Any:
    """Which members there are, and of which kind: a time, a float, a count, a text, a switch."""
    return _form(json.loads(_NUMBER_OR_TIME.sub('"TIME"', body.decode())))


def _form(value: Any) -> Any:
    match value:
        case dict():
            return {name: _form(item) for name, item in value.items()}
        case list():
            return [_form(value[0])] if value else []
        case "TIME":
            return "time"
        case _:
            return type(value).__name__


def send(aws: LocalAws, target: str, params: Json) -> bytes:
    """The bytes of an answer in JSON."""
    connection = http.client.HTTPConnection(aws.url.removeprefix("http://"), timeout=10)
    scope = "test/20260101/eu-west-1/any/aws4_request"
    connection.request(
        "POST",
        "/",
        json.dumps(params),
        {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": target,
        },
    )
    body = connection.getresponse().read()
    assert b"__type" not in body, body
    return body


STATUS = {"creating": "Creating", "failed": "Failed", "deleting": "Deleting", "async-2026": "InService"}


@pytest.mark.parametrize("name", ["creating", "failed", "deleting", "async-2026", "serverless"])
def test_an_endpoint_is_described_in_the_form_of_aws(aws: LocalAws, name: str) -> None:
    aws.create_endpoint("demo", serverless=name == "serverless", asynchronous=name == "async-2026")
    aws.set_status("demo", STATUS.get(name, "InService"))
    if name == "failed":
        aws.fail("demo", "The primary container did not pass the ping health check.")

    body = send(aws, "SageMaker.DescribeEndpoint", {"EndpointName": "demo"})

    ours, theirs = form(body), form(recording(f"sagemaker.DescribeEndpoint.{name}"))
    if name != "async-2026":
        # The older recordings are of before 2026, and of before images were shown.
        assert ours.pop("MetricsConfig") == {"EnableDetailedObservability": "bool"}
        if "ProductionVariants" in ours and "DeployedImages" not in theirs["ProductionVariants"][0]:
            del ours["ProductionVariants"][0]["DeployedImages"]
    assert ours == theirs


def test_failures_begin_with_a_blank(aws: LocalAws) -> None:
    aws.create_endpoint("demo")
    aws.fail("demo", "No capacity.")
    body = send(aws, "SageMaker.DescribeEndpoint", {"EndpointName": "demo"})
    assert json.loads(body)["FailureReason"] == " No capacity."
    assert json.loads(recording("sagemaker.DescribeEndpoint.failed"))["FailureReason"].startswith(" ")


def test_lists_and_configurations_are_answered_in_the_form_of_aws(aws: LocalAws) -> None:
    arn = aws.create_endpoint("demo", tags=tags(), asynchronous=False)
    config = aws.account().endpoint("demo").endpoint_config_name
    for operation, params, name in [
        ("ListEndpoints", {}, "ListEndpoints.async-2026"),
        ("ListTags", {"ResourceArn": arn}, "ListTags"),
        ("DescribeEndpointConfig", {"EndpointConfigName": config}, "DescribeEndpointConfig"),
        ("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]}, "AddTags"),
        ("DeleteTags", {"ResourceArn": arn, "TagKeys": ["a"]}, "DeleteTags"),
    ]:
        body = send(aws, f"SageMaker.{operation}", params)
        assert form(body) == form(recording(f"sagemaker.{name}")), operation


def test_scaling_is_answered_in_the_form_of_aws(aws: LocalAws) -> None:
    aws.create_endpoint("demo")
    variant = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource_id(),
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    autoscaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    autoscaling.register_scalable_target(**variant, MinCapacity=0, MaxCapacity=5)
    recorded = json.loads(
        recording("application-autoscaling.DescribeScalingPolicies.async-step-and-tracking")
    )["ScalingPolicies"]
    for policy in recorded:
        content = {name: item for name, item in policy.items() if name.endswith(("Configuration", "Type"))}
        put = autoscaling.put_scaling_policy(**variant, PolicyName=policy["PolicyName"], **content)
        if policy["PolicyType"] == "StepScaling":
            cloudwatch.put_metric_alarm(**{**WAKE_ALARM, "AlarmActions": [put["PolicyARN"]]})
    aws.add_activity("demo", 48, "Successful", "Successfully set desired instance count to 48.")

    for operation, name in [
        ("DescribeScalableTargets", "DescribeScalableTargets"),
        ("DescribeScalingPolicies", "DescribeScalingPolicies.async-step-and-tracking"),
        ("DescribeScalingActivities", "DescribeScalingActivities.successful"),
    ]:
        body = send(aws, f"AnyScaleFrontendService.{operation}", {"ServiceNamespace": "sagemaker"})
        # AWS has answered the ARNs of targets since 2023; the recording is of 2021.
        found, theirs = json.loads(body), recording(f"application-autoscaling.{name}")
        if operation == "DescribeScalableTargets":
            assert found["ScalableTargets"][0].pop("ScalableTargetARN")
            body = re.sub(rb',? *"ScalableTargetARN": *"[^"]+"', b"", body)
        assert form(body) == form(theirs), operation
        if operation == "DescribeScalingPolicies":
            ids = {
                re.search(r"scalingPolicy:([^:]+):", policy["PolicyARN"])
                for policy in found["ScalingPolicies"]
            }
            assert len({match.group(1) for match in ids if match}) == 1, "one id in all policies of a target"
            assert [len(policy["Alarms"]) for policy in found["ScalingPolicies"]] == [
                len(policy["Alarms"]) for policy in recorded
            ]


WAKE_ALARM: Json = {
    "AlarmName": "demo-alarm",
    "Namespace": "demo",
    "MetricName": "demo-metric",
    "Dimensions": [],
    "Statistic": "Sum",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 30.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "ActionsEnabled": True,
    "AlarmActions": [],
}


def test_an_alarm_is_described_with_the_members_of_aws_and_those_that_were_sent(aws: LocalAws) -> None:
    sent = {name: value for name, value in WAKE_ALARM.items() if name not in ("Dimensions", "AlarmActions")}
    send_cbor(aws, "PutMetricAlarm", sent)
    _, _, body = send_cbor(aws, "DescribeAlarms", {})
    recorded = json.loads(recording("cloudwatch.DescribeAlarms.minimal"))["MetricAlarms"][0]
    [found] = body["MetricAlarms"]
    assert set(found) == set(recorded)
    assert {name: found[name] for name in WAKE_ALARM} == WAKE_ALARM
    assert (found["StateValue"], found["StateReason"]) == (recorded["StateValue"], recorded["StateReason"])


def test_every_recording_is_replayed_and_its_source_is_told() -> None:
    source, readme = Path(__file__).read_text(), (RECORDINGS / "README.md").read_text()
    for path in RECORDINGS.glob("*.json"):
        service, operation, what = [*path.stem.split(".", 2), ""][:3]
        assert f"{service}.{operation}" in source or f"{operation}.{what}" in source, path.name
        assert what in source, path.name
        assert f"|{path.stem}|" in readme, path.name
