"""Holds: an answer of AWS that is incomplete, old or refused does no more harm than it has to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support import ENABLED, NOTHING, Json, autoscaling, failure, skipped, state_change, tags, written

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function


def changed(**members: Any) -> Callable[[Json], Json]:
    return lambda found: {**found, **members}


@pytest.mark.parametrize("members", [{"ProductionVariants": []}, {"ProductionVariants": [{}]}])
@pytest.mark.parametrize("payload", [state_change(), {"action": "sweep"}], ids=["event", "sweep"])
def test_an_endpoint_in_service_without_variants_loses_nothing(
    aws: LocalAws, function: Function, members: Json, payload: Json
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    before = aws.state("demo")
    assert before != NOTHING
    aws.amendments = {"DescribeEndpoint": changed(**members)}
    aws.clear_calls()

    assert failure(function, payload).error_type == "AwsServerError"

    assert written(aws) == []
    assert aws.state("demo") == before


def without(*members: str) -> Callable[[Json], Json]:
    return lambda found: {key: value for key, value in found.items() if key not in members}


def each(items: str, change: Callable[[Json], Json]) -> Callable[[Json], Json]:
    return lambda found: {**found, items: [change(it) for it in found[items]]}


HALF_EMPTY = [
    ("ListTags", without("Tags"), "Tags", "event"),
    ("ListTags", each("Tags", without("Key")), "Key", "event"),
    ("ListTags", each("Tags", without("Value")), "Value", "event"),
    ("DescribeScalableTargets", without("ScalableTargets"), "ScalableTargets", "event"),
    ("DescribeScalingPolicies", without("ScalingPolicies"), "ScalingPolicies", "event"),
    ("DescribeScheduledActions", without("ScheduledActions"), "ScheduledActions", "event"),
    ("DescribeAlarms", without("MetricAlarms"), "MetricAlarms", "event"),
    ("DescribeAlarms", each("MetricAlarms", without("AlarmName")), "AlarmName", "event"),
    ("DescribeEndpointConfig", without("ProductionVariants"), "ProductionVariants", "event"),
    ("DescribeEndpointConfig", changed(ProductionVariants=[]), "ProductionVariants", "event"),
    ("DescribeEndpoint", without("EndpointStatus"), "EndpointStatus", "event"),
    ("DescribeEndpoint", without("EndpointArn"), "EndpointArn", "event"),
    ("DescribeEndpoint", without("EndpointName"), "EndpointName", "event"),
    (
        "DescribeEndpoint",
        without("EndpointConfigName", "AsyncInferenceConfig"),
        "EndpointConfigName",
        "event",
    ),
    (
        "DescribeEndpoint",
        each("ProductionVariants", without("CurrentInstanceCount")),
        "CurrentInstanceCount",
        "event",
    ),
    (
        "DescribeEndpoint",
        each("ProductionVariants", without("DesiredInstanceCount")),
        "DesiredInstanceCount",
        "event",
    ),
    ("GetResources", without("ResourceTagMappingList"), "ResourceTagMappingList", "sweep"),
    ("DescribeScalableTargets", without("ScalableTargets"), "ScalableTargets", "sweep"),
    ("DescribeScalingPolicies", without("ScalingPolicies"), "ScalingPolicies", "sweep"),
    ("DescribeScheduledActions", without("ScheduledActions"), "ScheduledActions", "sweep"),
    ("DescribeAlarms", without("MetricAlarms"), "MetricAlarms", "sweep"),
]


@pytest.mark.parametrize(
    ("operation", "amend", "member", "by"),
    HALF_EMPTY,
    ids=[f"{by}, {operation} without {member}" for operation, _, member, by in HALF_EMPTY],
)
def test_a_half_empty_answer_is_an_error_and_nothing_is_written(
    aws: LocalAws,
    function: Function,
    operation: str,
    amend: Callable[[Json], Json],
    member: str,
    by: str,
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    before = aws.state("demo")
    aws.amendments = {operation: amend}
    aws.clear_calls()

    error = failure(function, state_change() if by == "event" else {"action": "sweep"})

    assert error.error_type == "AwsServerError"
    half = re.search(
        rf"{operation} for .*: the answer has no (.*) \(request id [0-9A-Za-z-]+\)", error.message
    )
    assert half, error.message
    assert member in half[1]
    assert written(aws) == []
    assert aws.state("demo") == before


@pytest.mark.parametrize(
    "amend",
    [
        without("Endpoints"),
        changed(Endpoints=[]),
        each("Endpoints", without("EndpointName")),
        each("Endpoints", without("EndpointArn")),
        each("Endpoints", without("EndpointStatus")),
    ],
    ids=["no list", "an empty list", "no name", "no ARN", "no status"],
)
def test_half_a_list_of_endpoints_takes_nothing_away(
    aws: LocalAws, function: Function, amend: Callable[[Json], Json]
) -> None:
    """The SDK puts an empty list or text where one is missing; DescribeEndpoint is asked by name."""
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    before = aws.state("demo")
    aws.amendments = {"ListEndpoints": amend}
    aws.clear_calls()

    function.invoke({"action": "sweep"})

    assert written(aws) == []
    assert aws.state("demo") == before


@pytest.mark.parametrize(
    "amend",
    [
        without("MetricDataResults"),
        changed(MetricDataResults=[]),
        each("MetricDataResults", lambda it: {**it, "StatusCode": "InternalError"}),
        lambda found: {**found, "MetricDataResults": found["MetricDataResults"][:1]},
    ],
    ids=["no list", "nothing in it", "not read", "one result of three"],
)
def test_no_endpoint_is_put_to_sleep_by_half_an_answer(
    aws: LocalAws, function: Function, amend: Callable[[Json], Json]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    aws.publish_backlog("demo", 0)
    aws.amendments = {"GetMetricData": amend}
    aws.clear_calls()

    assert failure(function, {"action": "sleep", "endpoint": "demo"}).error_type == "AwsServerError"

    assert written(aws) == []


@pytest.mark.parametrize(
    ("operation", "member", "what"),
    [
        ("DescribeScalingActivities", "ScalingActivities", "The scaling activities"),
        ("GetMetricData", "MetricDataResults", "The backlog"),
    ],
)
def test_half_an_answer_that_no_decision_needs_is_told(
    aws: LocalAws, function: Function, operation: str, member: str, what: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    aws.amendments = {operation: without(member)}

    told = function.invoke({"action": "explain", "endpoint": "demo"})["findings"]
    note = function.invoke({"action": "status", "endpoint": "demo"})["note"]

    [unread] = [finding["sentence"] for finding in told if finding["code"] == "unreadable"]
    assert unread.startswith(f"{what} couldn't be read: {operation} for ")
    assert note.startswith(f"{what} could not be read: {operation} for ")
    assert f"the answer has no {member}" in unread
    assert f"the answer has no {member}" in note


def test_a_time_zone_that_aws_refuses_is_the_problem_of_its_tag(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(warm_hours="MON-FRI 08:00-18:00 Europe/Berlin"))
    aws.faults = [Fault("PutScheduledAction", "time_zone_refused")]

    answer = function.invoke(state_change())

    assert answer["outcome"] == "invalid"
    [problem] = answer["problems"]
    assert (problem["tag"], problem["value"]) == (
        "scale-to-zero:warm-hours",
        "MON-FRI 08:00-18:00 Europe/Berlin",
    )
    assert "Invalid timezone" in problem["problem"]
    # All else is in place.
    state = aws.state("demo")
    assert state["policies"]
    assert state["alarms"]
    assert not state["actions"]


def test_one_refused_window_costs_only_itself(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint(
        "demo",
        tags=ENABLED
        | {
            "scale-to-zero:warm-hours.day": "MON-FRI 08:00-18:00 Europe/Berlin",
            "scale-to-zero:warm-hours.night": "MON-FRI 20:00-22:00 Asia/Tokyo",
        },
    )
    aws.faults = [
        Fault("PutScheduledAction", "time_zone_refused", when=lambda it: it["Timezone"] == "Asia/Tokyo")
    ]

    answer = function.invoke(state_change())

    assert [it["tag"] for it in answer["problems"]] == ["scale-to-zero:warm-hours.night"]
    assert len(aws.state("demo")["actions"]["AllTraffic"]) == 2


@pytest.mark.parametrize("kind", ["access_denied", "missing_permissions", "limit_exceeded"])
def test_another_refusal_of_an_action_is_a_failure(aws: LocalAws, function: Function, kind: str) -> None:
    aws.create_endpoint("demo", tags=tags(warm_hours="MON-FRI 08:00-18:00 Europe/Berlin"))
    aws.faults = [Fault("PutScheduledAction", kind)]

    assert failure(function, state_change()).error_type in ("AccessDenied", "LimitExceeded")


@pytest.mark.parametrize("kind", ["wake", "spare", "idle"])
def test_a_policy_with_another_arn_takes_its_alarm_along(
    aws: LocalAws, function: Function, kind: str
) -> None:
    """Only the policy has drifted; its alarm is as it should be, but for the policy that it drives."""
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    name = f"scale-to-zero-{kind}"
    found = autoscaling(aws, "describe_scaling_policies", PolicyNames=[name])["ScalingPolicies"][0]
    steps = {**found["StepScalingPolicyConfiguration"], "Cooldown": 7}
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName=name,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration=steps,
    )
    moved = f"arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:moved:policyName/{name}"
    aws.amendments = {
        "PutScalingPolicy": lambda put: (
            {**put, "PolicyARN": moved} if put["PolicyARN"].endswith(kind) else put
        )
    }
    aws.clear_calls()

    function.invoke(state_change())

    put = [call.params for call in aws.calls if call.operation == "PutMetricAlarm"]
    driven = ["ladder", "wake"] if kind == "wake" else [kind]
    assert sorted(alarm["AlarmName"].rsplit("/")[-1] for alarm in put) == driven
    assert all(moved in alarm["AlarmActions"] for alarm in put)


MANAGED = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 4}


def variants_with(scaling: Json) -> Callable[[Json], Json]:
    return lambda found: {
        **found,
        "ProductionVariants": [
            {**it, "ManagedInstanceScaling": scaling} for it in found["ProductionVariants"]
        ],
    }


def test_an_old_asynchronous_endpoint_with_managed_instance_scaling_is_managed(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.amendments = {"DescribeEndpoint": variants_with(MANAGED)}

    assert function.invoke(state_change())["outcome"] == "configured"


def without_models(found: Json) -> Json:
    variants = [
        {key: value for key, value in it.items() if key != "ModelName"} for it in found["ProductionVariants"]
    ]
    return {**found, "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r", "ProductionVariants": variants}


@pytest.mark.parametrize("managed", [True, False], ids=["managed", "not managed"])
def test_an_endpoint_of_components_is_told_what_it_needs(
    aws: LocalAws, function: Function, managed: bool
) -> None:
    aws.create_endpoint("demo", tags=ENABLED, asynchronous=False)
    aws.amendments = {"DescribeEndpointConfig": without_models}
    if managed:
        aws.amendments["DescribeEndpoint"] = variants_with(MANAGED)

    answer = function.invoke(state_change())

    assert {key: answer[key] for key in ("endpoint", "outcome", "reason")} == skipped(
        "managed-instance-scaling"
    )
    for trap in ("MinInstanceCount 0", "inference-component/", "NoCapacityInvocationFailures >= 1"):
        assert trap in answer["note"]


def test_a_real_time_endpoint_with_its_own_model_is_not_async_whatever_scaling_it_has(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED, asynchronous=False)
    aws.amendments = {"DescribeEndpoint": variants_with(MANAGED)}

    assert function.invoke(state_change())["reason"] == "not-async"
