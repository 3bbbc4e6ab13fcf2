"""How many calls an event costs, and how many of them wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support import (
    CONFIGURING,
    ENABLED,
    PREFIX,
    Json,
    apply,
    explain,
    plan,
    remove,
    state_change,
    tag_change,
    tags,
)

from local.aws import LocalAws
from local.recording import round_trips
from local.runtime import Function

# Seconds. Long enough that calls of one round trip overlap on a slow machine too.
LATENCY = 0.2

ALL = [
    "DescribeAlarms",
    "DescribeEndpoint",
    "DescribeEndpointConfig",
    "DescribeScalableTargets",
    "DescribeScalingPolicies",
    "DescribeScheduledActions",
    "ListTags",
]
FIRST = ["DescribeAlarms", "DescribeEndpoint"]
WITH_TAGS = [*FIRST, "ListTags"]


@pytest.fixture(scope="module")
def earlier(local_aws: LocalAws) -> Iterator[Function]:
    """Another process than the one under test, which so has not seen the endpoint before."""
    with Function(aws_url=local_aws.url) as function:
        yield function


@pytest.fixture
def function(aws: LocalAws, start_function: Callable[..., Function]) -> Function:
    """Past its first invocation, so that its start does not count."""
    function = start_function()
    function.invoke(apply("warm-up"))
    aws.clear_calls()
    return function


@dataclass(frozen=True)
class Cost:
    endpoint: dict[str, Any]
    payload: Json
    reads: list[str]
    trips: int
    writes: list[str] = field(default_factory=list)


def with_tags(event: Json) -> Json:
    return {**event, "detail": {**event["detail"], "Tags": ENABLED}}


ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/demo"
RETAGGED = tag_change(ARN, f"{PREFIX}enabled")
MANAGED: dict[str, Any] = {"tags": ENABLED}
NO_ALARM = tags(wake="false", idle_timeout="none")

# The least that is possible. Each of the seven calls of ALL tells something that no other does, and all of
# it can drift: status and variants; whether it is asynchronous and on which instances; the tags; the
# target; its policies; its scheduled actions; our alarms. DescribeEndpoint has to come first: it gives the
# names of the variants and of the configuration, and the ARN for the tags. Nothing else depends on another
# answer, which makes two round trips. Only the alarms go by the endpoint's name and are read in the first,
# which is how a process that has never seen the endpoint knows that it is worth reading whole; without such
# a sign the tags are read before the rest, as most endpoints of an account may be none of ours: a third
# round trip, the first time. Writes wait for each other, as AWS refuses them otherwise.
COSTS_OF_A_CONFIGURED_ENDPOINT = {
    "in-service event": Cost(MANAGED, state_change(), ALL, 2),
    "in-service event with tags": Cost(MANAGED, with_tags(state_change()), ALL, 2),
    "tag event": Cost(MANAGED, RETAGGED, ALL, 2),
    "apply": Cost(MANAGED, apply(), ALL, 2),
    "plan": Cost(MANAGED, plan(), ALL, 2),
    "explain": Cost(
        MANAGED, explain(), sorted([*ALL, "DescribeAlarms", "DescribeScalingActivities", "GetMetricData"]), 3
    ),
    # Once deregistered, the endpoint is looked at once more before its alarms go.
    "remove": Cost(
        MANAGED,
        remove(),
        sorted([*ALL, "DescribeEndpoint"]),
        3,
        ["DeregisterScalableTarget", "DeleteAlarms"],
    ),
    # There is no alarm that would tell at once that the endpoint is one of ours.
    "event without tags, where there is no alarm": Cost({"tags": NO_ALARM}, state_change(), ALL, 3),
    "event with tags, where there is no alarm": Cost({"tags": NO_ALARM}, with_tags(state_change()), ALL, 2),
    "warm hours": Cost({"tags": tags(warm_hours="MON 08:00-18:00 UTC")}, state_change(), ALL, 2),
    "two variants": Cost(
        {**MANAGED, "variants": ["Blue", "Green"]},
        state_change(),
        sorted([*ALL, "DescribeScalingPolicies", "DescribeScheduledActions"]),
        2,
    ),
}

COSTS_OF_ANOTHER = {
    "first in-service event": Cost(MANAGED, state_change(), ALL, 3, CONFIGURING),
    "first in-service event with tags": Cost(MANAGED, with_tags(state_change()), ALL, 2, CONFIGURING),
    "first tag event": Cost(MANAGED, RETAGGED, ALL, 2, CONFIGURING),
    "first apply": Cost(MANAGED, apply(), ALL, 3, CONFIGURING),
    "bad tags": Cost({"tags": tags(wake="never")}, state_change(), ALL, 3, ["AddTags"]),
    "untagged, in-service event": Cost({}, state_change(), WITH_TAGS, 2),
    "untagged, apply": Cost({}, apply(), WITH_TAGS, 2),
    "tags of others": Cost({"tags": {"team": "speech"}}, state_change(), WITH_TAGS, 2),
    "no such endpoint": Cost(MANAGED, state_change("demo-2"), FIRST, 1),
}


def check(aws: LocalAws, function: Function, cost: Cost) -> None:
    aws.clear_calls()
    aws.latency = LATENCY
    function.invoke(cost.payload)
    reads = [call for call in aws.calls if not call.is_write]
    assert sorted(call.operation for call in reads) == cost.reads
    assert round_trips(reads) == cost.trips
    # Application Auto Scaling refuses a policy whose target is still being registered.
    assert [call.operation for call in aws.writes()] == cost.writes
    assert round_trips(aws.calls) == cost.trips + len(cost.writes)


@pytest.mark.parametrize(
    "cost", COSTS_OF_A_CONFIGURED_ENDPOINT.values(), ids=COSTS_OF_A_CONFIGURED_ENDPOINT.keys()
)
def test_a_configured_endpoint_costs(
    aws: LocalAws, earlier: Function, function: Function, cost: Cost
) -> None:
    aws.create_endpoint("demo", **cost.endpoint)
    earlier.invoke(state_change())

    check(aws, function, cost)


@pytest.mark.parametrize("cost", COSTS_OF_ANOTHER.values(), ids=COSTS_OF_ANOTHER.keys())
def test_an_endpoint_that_is_not_configured_costs(aws: LocalAws, function: Function, cost: Cost) -> None:
    aws.create_endpoint("demo", **cost.endpoint)

    check(aws, function, cost)


def test_the_same_process_needs_no_alarm_to_know_an_endpoint_again(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=NO_ALARM)
    function.invoke(state_change())

    check(aws, function, Cost({}, state_change(), ALL, 2))


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "Failed"])
def test_an_endpoint_that_is_not_in_service_costs_two_reads_at_once(
    aws: LocalAws, function: Function, status: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.set_status("demo", status)

    check(aws, function, Cost({}, state_change(), FIRST, 1))


def test_an_event_whose_status_needs_no_action_costs_nothing(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    for status in ("CREATING", "UPDATING", "SYSTEM_UPDATING", "ROLLING_BACK", "FAILED", "OUT_OF_SERVICE"):
        check(aws, function, Cost({}, state_change(status=status), [], 0))


def test_a_function_that_manages_all_reads_everything_at_once(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(MANAGE="all")
    function.invoke(apply("warm-up"))
    aws.create_endpoint("demo")

    check(aws, function, Cost({}, state_change(), ALL, 2, CONFIGURING))
