"""What cannot or must not be managed is left alone, and the answer says why in a fixed word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import (
    ENABLED,
    NOTHING,
    STILL_ASKED,
    Json,
    answer,
    apply,
    capacity,
    configuring,
    failure,
    plan,
    remove,
    scaling,
    skipped,
    state_change,
    tag_change,
    tags,
    written,
)

from local.account import Account
from local.aws import LocalAws
from local.runtime import Function, FunctionError
from local.services import OPERATIONS, sagemaker

SKIPPED: dict[str, tuple[dict[str, Any], str]] = {
    "untagged": ({}, "not-managed"),
    "with the tags of others": ({"tags": {"team": "speech", "scale-to-zero": "true"}}, "not-managed"),
    "opted out": ({"tags": tags(enabled="false", max_capacity="3")}, "not-managed"),
    "real-time": ({"tags": ENABLED, "asynchronous": False}, "not-async"),
    "serverless": ({"tags": ENABLED, "serverless": True, "asynchronous": False}, "serverless"),
    "managed instance scaling": (
        {"tags": ENABLED, "managed_instance_scaling": True, "asynchronous": False},
        "not-async",
    ),
    "ml.t2.medium": ({"tags": ENABLED, "instance_type": "ml.t2.medium"}, "burstable-instance"),
    "ml.t3.2xlarge": ({"tags": ENABLED, "instance_type": "ml.t3.2xlarge"}, "burstable-instance"),
    "real-time with bad tags": ({"tags": tags(max_capacity="x"), "asynchronous": False}, "not-async"),
}

EVERY_WAY = pytest.mark.parametrize(
    "payload", [state_change(), apply(), plan()], ids=["in-service event", "apply", "plan"]
)


@EVERY_WAY
@pytest.mark.parametrize(("endpoint", "reason"), SKIPPED.values(), ids=SKIPPED.keys())
def test_an_endpoint_that_is_not_to_be_managed_is_skipped_with_the_reason(
    aws: LocalAws, function: Function, endpoint: dict[str, Any], reason: str, payload: Json
) -> None:
    aws.create_endpoint("demo", **endpoint)

    assert function.invoke(payload) == skipped(reason)
    assert written(aws) == []
    assert aws.state("demo") == NOTHING


def test_an_instance_type_that_only_begins_like_a_burstable_one_is_managed(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED, instance_type="ml.trn1.2xlarge")

    assert function.invoke(apply())["outcome"] == "configured"


@EVERY_WAY
@pytest.mark.parametrize(
    "status",
    [
        "Creating",
        "Updating",
        "SystemUpdating",
        "RollingBack",
        "Deleting",
        "Failed",
        "OutOfService",
        "UpdateRollbackFailed",
    ],
)
def test_an_endpoint_that_is_not_in_service_is_skipped(
    aws: LocalAws, function: Function, status: str, payload: Json
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.set_status("demo", status)

    assert function.invoke(payload) == skipped("not-in-service")
    assert written(aws) == []


@pytest.mark.parametrize(
    "payload",
    [state_change(), state_change(status="DELETING"), apply(), plan(), remove()],
    ids=["in-service event", "deleting event", "apply", "plan", "remove"],
)
def test_an_endpoint_that_does_not_exist_is_not_found(
    aws: LocalAws, function: Function, payload: Json
) -> None:
    aws.create_endpoint("demo-2", tags=ENABLED)

    assert function.invoke(payload) == skipped("not-found")
    assert written(aws) == []


@pytest.mark.parametrize(
    "status",
    [
        "CREATING",
        "UPDATING",
        "SYSTEM_UPDATING",
        "ROLLING_BACK",
        "FAILED",
        "OUT_OF_SERVICE",
        "UPDATE_ROLLBACK_FAILED",
        "Updating",
        "HIBERNATING",
        "",
    ],
)
def test_an_event_of_another_status_is_ignored_without_a_call(
    aws: LocalAws, function: Function, status: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(state_change(status=status)) == skipped("ignored-event")
    assert aws.calls == []


@pytest.mark.parametrize("status", ["IN_SERVICE", "InService", "in_service", "DELETING", "DELETED"])
def test_every_spelling_of_a_status_that_asks_for_action_is_understood(
    aws: LocalAws, function: Function, status: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(state_change(status=status))["outcome"] == "configured"


def test_the_tags_in_the_event_are_no_more_than_a_hint(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(max_capacity="3"))
    event = state_change()
    event["detail"]["Tags"] = tags(max_capacity="9", enabled="false")

    function.invoke(event)

    assert aws.state("demo") == scaling(target=capacity(0, 3))


def test_an_untagged_endpoint_stays_unmanaged_whatever_tags_the_event_has(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo")
    event = state_change()
    event["detail"]["Tags"] = ENABLED

    assert function.invoke(event) == skipped("not-managed")
    assert aws.state("demo") == NOTHING


def test_an_endpoint_whose_configuration_is_deleted_is_still_managed(
    aws: LocalAws, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS allows that, and goes on to say in DescribeEndpoint that the endpoint is asynchronous."""
    aws.create_endpoint("demo", tags=ENABLED)
    account = aws.account()
    config = account.sagemaker.endpoint_configs.pop(account.endpoint("demo").endpoint_config_name)
    describe = OPERATIONS["sagemaker", "DescribeEndpoint"]

    def describe_endpoint(account: Account, params: Json) -> Json:
        return {**describe(account, params), "AsyncInferenceConfig": config.async_inference_config}

    monkeypatch.setitem(OPERATIONS, ("sagemaker", "DescribeEndpoint"), describe_endpoint)
    # The local AWS looks for the instance type in the configuration when a target is registered.
    monkeypatch.setattr(sagemaker, "instance_type", lambda *_: "ml.g5.xlarge")

    assert function.invoke(apply()) == answer("configured", *configuring())


def test_the_configuration_alone_may_tell_that_an_endpoint_is_asynchronous(
    aws: LocalAws, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    describe = OPERATIONS["sagemaker", "DescribeEndpoint"]

    def describe_endpoint(account: Account, params: Json) -> Json:
        return {**describe(account, params), "AsyncInferenceConfig": None}

    monkeypatch.setitem(OPERATIONS, ("sagemaker", "DescribeEndpoint"), describe_endpoint)

    assert function.invoke(apply()) == answer("configured", *configuring())


def test_removing_what_was_never_configured_removes_nothing(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(remove()) == answer("removed", note=STILL_ASKED)
    assert written(aws) == []


def test_removing_from_an_untagged_endpoint_is_skipped(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo")

    assert function.invoke(remove()) == skipped("not-managed")


# Payloads that make no sense.

ACCEPTED = [
    '{"action": "apply", "plan", "explain", "advise", "status", "wake", "sleep" or "remove", '
    '"endpoint": name}',
    '{"action": "sweep", "plan", "status", "savings" or "remove"} for all endpoints',
    '"SageMaker Endpoint State Change" of aws.sagemaker',
    '"Tag Change on Resource" of aws.tag',
    '"AWS API Call via CloudTrail" of aws.sagemaker',
]
NO_NAME = "is not the name of an endpoint (1 to 63 letters, digits and hyphens)"

BAD_PAYLOADS: dict[str, tuple[Any, str]] = {
    "null": (None, "received null"),
    "boolean": (True, "received a boolean"),
    "number": (3.5, "received a number"),
    "string": ("apply", "received a string"),
    "list": ([apply()], "received a list"),
    "empty object": ({}, "received an object with no keys"),
    "other object": ({"b": 1, "a": 2}, 'received an object with the keys "b", "a"'),
    "object of many keys": (
        dict.fromkeys("abcdefghij"),
        'received an object with the keys "a", "b", "c", "d", "e", "f", "g", "h", …',
    ),
    "unknown action": ({"action": "aply", "endpoint": "demo"}, 'received the unknown action "aply"'),
    "action of another type": ({"action": 1, "endpoint": "demo"}, '"action" is a number, not a string'),
    "action null": ({"action": None}, '"action" is null, not a string'),
    "unknown key": (
        {**apply(), "dryRun": True},
        'received the unknown key "dryRun" beside the action "apply"',
    ),
    "unknown key of remove": (
        {**remove(), "force": 1},
        'received the unknown key "force" beside the action "remove"',
    ),
    "apply without endpoint": ({"action": "apply"}, '"endpoint" is missing'),
    "endpoint null": ({"action": "apply", "endpoint": None}, '"endpoint" is null, not a string'),
    "endpoint a number": (apply(7), '"endpoint" is a number, not a string'),  # type: ignore[arg-type]
    "endpoint empty": (apply(""), f'"endpoint" "" {NO_NAME}'),
    "endpoint too long": (apply("x" * 64), f'"endpoint" "{"x" * 64}" {NO_NAME}'),
    "endpoint with a slash": (apply("demo/variant"), f'"endpoint" "demo/variant" {NO_NAME}'),
    "endpoint with a hyphen at its end": (apply("demo-"), f'"endpoint" "demo-" {NO_NAME}'),
    "endpoint an ARN": (
        apply("arn:aws:sagemaker:eu-west-1:1:endpoint/demo"),
        f'"endpoint" "arn:aws:sagemaker:eu-west-1:1:endpoint/demo" {NO_NAME}',
    ),
    "event of another service": (
        {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"},
        'received the event "EC2 Instance State-change Notification" of "aws.ec2"',
    ),
    "event of another kind": (
        {**state_change(), "detail-type": "SageMaker Endpoint Deployment State Change"},
        'received the event "SageMaker Endpoint Deployment State Change" of "aws.sagemaker"',
    ),
    "event without detail-type": (
        {"source": "aws.sagemaker"},
        'received an object with the keys "source"',
    ),
    "event without detail": (
        {"source": "aws.sagemaker", "detail-type": "SageMaker Endpoint State Change"},
        "detail.EndpointName is missing",
    ),
    "event without a name": (
        {**state_change(), "detail": {"EndpointStatus": "IN_SERVICE"}},
        "detail.EndpointName is missing",
    ),
    "event with a bad name": (state_change("a b"), f'detail.EndpointName "a b" {NO_NAME}'),
    "tag event without detail": (
        {"source": "aws.tag", "detail-type": "Tag Change on Resource"},
        'the event "Tag Change on Resource" has no detail',
    ),
    "tag event with a detail that is no object": (
        {**tag_change("arn"), "detail": "none"},
        'the event "Tag Change on Resource" has no detail',
    ),
    "CloudTrail event without detail": (
        {"source": "aws.sagemaker", "detail-type": "AWS API Call via CloudTrail"},
        'the event "AWS API Call via CloudTrail" has no detail',
    ),
}


@pytest.mark.parametrize(("payload", "problem"), BAD_PAYLOADS.values(), ids=BAD_PAYLOADS.keys())
def test_a_payload_that_makes_no_sense_fails_with_what_was_received_and_what_is_accepted(
    aws: LocalAws, function: Function, payload: Any, problem: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    error = failure(function, payload)

    found, _, accepted = error.message.partition("; accepted are ")
    assert (error.error_type, found) == ("InvalidPayload", problem)
    assert [form for form in ACCEPTED if form not in accepted] == []
    assert aws.calls == []


def test_after_payloads_that_are_no_json_or_too_deep_the_function_goes_on(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    for payload in (b"", b"not json", b'{"action": "apply"', b"[" * 10_000):
        with pytest.raises(FunctionError):
            function.invoke(payload)
        assert aws.calls == [], payload[:20]

    assert function.invoke(apply())["outcome"] == "configured"


def test_a_large_payload_is_understood(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    """EventBridge delivers up to 256 KB."""
    aws.create_endpoint("demo", tags=ENABLED)
    event = {**state_change(), "ballast": ["x" * 1000] * 250}

    assert start_function().invoke(event)["outcome"] == "configured"
