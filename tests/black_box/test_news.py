"""What happens to an endpoint is told on EventBridge when it changes, and nothing depends on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from book import BOOK
from fleet import SWEEP
from moto.events.models import EventPattern
from support import (
    ENABLED,
    PREFIX,
    Json,
    apply,
    plan,
    put_foreign_step,
    skipped,
    state_change,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function
from tests.black_box.template import Loader

ENVIRONMENT = {"EVENTS": "on"}
SOURCE = "sagemaker-scale-to-zero"
WAKE = "monitor alarm scale-to-zero/demo/AllTraffic/wake in state ALARM triggered policy scale-to-zero-wake"
IDLE = "monitor alarm scale-to-zero/demo/AllTraffic/idle in state ALARM triggered policy scale-to-zero-idle"


def told(aws: LocalAws) -> list[tuple[str, Any, Any]]:
    """The events so far: the type of each, what was before and what is now. They are forgotten then."""
    events = list(aws.account().events)
    aws.account().events.clear()
    assert {event["Source"] for event in events} <= {SOURCE}
    return [(event["DetailType"], event["Detail"]["old"], event["Detail"]["new"]) for event in events]


def updating(current: float, desired: float, **more: Any) -> Json:
    event = state_change(status="UPDATING")
    variants = [{"CurrentInstanceCount": current, "DesiredInstanceCount": desired}]
    event["detail"] |= {"ProductionVariants": variants, "Tags": ENABLED, **more}
    return event


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    told(aws)
    aws.clear_calls()


def activity(aws: LocalAws, instances: int, minutes_ago: float, cause: str = WAKE) -> None:
    aws.add_activity(
        "demo", instances, "Successful", "done", minutes_ago=minutes_ago, seconds=60, cause=cause
    )


def test_what_was_configured_is_told_with_the_answer_of_the_invocation(
    aws: LocalAws, function: Function
) -> None:
    arn = aws.create_endpoint("demo", tags=ENABLED)
    answered = function.invoke(apply())
    [event] = aws.account().events
    assert event == {
        "Source": SOURCE,
        "DetailType": "Endpoint Configured",
        "Resources": [arn],
        "Detail": {**answered, "old": None, "new": None},
    }
    assert answered["variants"][0]["changes"]
    told(aws)
    function.invoke(apply())
    assert told(aws) == [], "nothing was written"


@pytest.mark.usefixtures("configured")
def test_a_night_and_a_morning_are_told_once_each(aws: LocalAws, function: Function) -> None:
    activity(aws, 0, 12, IDLE)
    aws.set_instances("demo", 0)
    function.invoke(state_change())
    assert told(aws) == [("Endpoint Asleep", "awake", "asleep")]

    aws.set_instances("demo", 0, 1)
    aws.set_status("demo", "Updating")
    assert function.invoke(updating(0, 1)) == skipped("ignored-event")
    assert told(aws) == [("Endpoint Waking", "asleep", "waking")]

    activity(aws, 1, 2)
    aws.settle()
    function.invoke(state_change())
    assert told(aws) == [("Endpoint Awake", "asleep", "awake")]

    activity(aws, 3, 1, WAKE)
    aws.set_instances("demo", 3)
    function.invoke(state_change())
    assert told(aws) == [], "it was awake before"
    assert written(aws) == ["PutEvents"] * 3


@pytest.mark.usefixtures("configured")
def test_what_was_before_a_change_by_hand_is_told_where_it_is_known(
    aws: LocalAws, function: Function
) -> None:
    activity(aws, 0, 60, IDLE)
    function.invoke(state_change())
    assert told(aws) == [("Endpoint Awake", "asleep", "awake")]
    activity(aws, 2, 50)
    function.invoke(state_change())
    assert told(aws) == [("Endpoint Awake", None, "awake")], "in doubt it is told"


@pytest.mark.usefixtures("configured")
def test_a_sweep_tells_nothing_of_endpoints_that_stay_as_they_are(aws: LocalAws, function: Function) -> None:
    aws.set_instances("demo", 0)
    function.invoke(SWEEP)
    assert told(aws) == []


@pytest.mark.parametrize(
    ("message", "attention"),
    [
        ("The account-level service limit 'ml.g5.xlarge for endpoint usage' is 4 Instances", "quota"),
        (
            "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.",
            "no-capacity",
        ),
    ],
)
@pytest.mark.usefixtures("configured")
def test_instances_that_aws_does_not_start_need_attention(
    aws: LocalAws, function: Function, message: str, attention: str
) -> None:
    activity(aws, 0, 60, IDLE)
    aws.add_activity("demo", 1, "Failed", message, minutes_ago=1, cause=WAKE)
    aws.set_instances("demo", 0)
    function.invoke(state_change())
    [event] = aws.account().events
    assert event["DetailType"] == "Endpoint Needs Attention"
    assert (event["Detail"]["attention"], event["Detail"]["message"]) == (attention, message)


def bad_tag(aws: LocalAws) -> None:
    aws.retag("demo", {f"{PREFIX}max-capcity": "3"})


@pytest.mark.parametrize(("spoil", "attention"), [(bad_tag, "invalid"), (put_foreign_step, "conflict")])
@pytest.mark.usefixtures("configured")
def test_an_endpoint_that_needs_somebody_is_told_once(
    aws: LocalAws, function: Function, spoil: Callable[[LocalAws], None], attention: str
) -> None:
    spoil(aws)
    for _ in range(3):
        function.invoke(SWEEP)
    [event] = aws.account().events
    assert (event["DetailType"], event["Detail"]["attention"]) == ("Endpoint Needs Attention", attention)
    assert event["Detail"]["outcome"] == attention


def test_without_a_status_tag_whoever_looks_is_told_and_a_sweep_is_quiet(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(EVENTS="on", STATUS_TAG="off")
    aws.create_endpoint("demo", tags=ENABLED)
    bad_tag(aws)
    function.invoke(SWEEP)
    assert told(aws) == []
    function.invoke(apply())
    assert told(aws) == [("Endpoint Needs Attention", None, None)]


@pytest.mark.parametrize(
    "fault", [Fault("PutEvents", "access_denied"), Fault("PutEvents", "hang"), Fault("PutEvents", "drop")]
)
def test_an_event_that_cannot_be_put_fails_nothing(aws: LocalAws, function: Function, fault: Fault) -> None:
    fault.seen = 0
    aws.faults = [fault]
    aws.create_endpoint("demo", tags=ENABLED)
    answered = function.invoke(apply())
    assert answered["outcome"] == "configured"
    assert "an event could not be put: PutEvents for endpoint demo" in answered["note"]


def test_an_event_that_the_bus_refuses_by_itself_is_noted(aws: LocalAws, function: Function) -> None:
    def refuse(whole: Json) -> Json:
        entries = [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"} for _ in whole["Entries"]]
        return {"FailedEntryCount": len(entries), "Entries": entries}

    aws.amendments = {"PutEvents": refuse}
    aws.create_endpoint("demo", tags=ENABLED)
    assert "InternalFailure: try again" in function.invoke(apply())["note"]


@pytest.mark.usefixtures("configured")
def test_activities_that_cannot_be_read_fail_nothing(aws: LocalAws, function: Function) -> None:
    aws.faults = [Fault("DescribeScalingActivities", "access_denied")]
    answered = function.invoke(state_change())
    assert (answered["outcome"], told(aws)) == ("unchanged", [])
    assert "an event could not be put" in answered["note"]


# What an update costs.


@pytest.mark.parametrize(
    ("event", "calls"),
    [
        (updating(0, 1, Tags={}), 0),
        (updating(0, 1, Tags={"Owner": "me"}), 0),
        (updating(1, 3), 0),
        (updating(1, 0), 0),
        (updating(0, 0), 0),
        (updating(0.0, 1.0), 2),
        # Neither counts nor tags are promised by AWS's schema.
        (state_change(status="UPDATING"), 0),
        ({**state_change(), "detail": {"EndpointName": "demo", "EndpointStatus": "UPDATING"}}, 2),
    ],
)
def test_an_update_that_may_be_a_waking_costs_two_calls_and_any_other_none(
    aws: LocalAws, start_function: Callable[..., Function], event: Json, calls: int
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    assert start_function(EVENTS="on").invoke(event) == skipped("ignored-event")
    assert len(aws.calls) == calls
    assert told(aws) == [], "the endpoint itself says that it is InService"


@pytest.mark.parametrize("endpoint_tags", [{}, {f"{PREFIX}enabled": "false"}])
def test_an_endpoint_that_is_not_managed_is_not_told(
    aws: LocalAws, function: Function, endpoint_tags: dict[str, str]
) -> None:
    aws.create_endpoint("demo", tags=endpoint_tags)
    aws.set_instances("demo", 0, 1)
    aws.set_status("demo", "Updating")
    function.invoke(updating(0, 1))
    aws.settle()
    function.invoke(state_change())
    assert told(aws) == []


def test_nothing_is_told_unless_asked(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    function = start_function()
    aws.create_endpoint("demo", tags=ENABLED)
    for payload in (apply(), state_change(), updating(0, 1)):
        function.invoke(payload)
    assert told(aws) == []
    assert not {"PutEvents", "DescribeScalingActivities"} & {call.operation for call in aws.calls}


def test_asking_tells_nothing(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    for action in ("explain", "status"):
        function.invoke({"action": action, "endpoint": "demo"})
    function.invoke(plan())
    assert told(aws) == []


# Rules of others.


def test_the_rule_in_the_documents_fits_what_needs_attention_and_nothing_else(
    aws: LocalAws, function: Function
) -> None:
    [shown] = re.findall(r"<!-- rule: attention -->\n```yaml\n(.+?)\n```", BOOK, re.DOTALL)
    pattern = EventPattern.load(
        json.dumps(yaml.load(shown, Loader)["AttentionRule"]["Properties"]["EventPattern"])
    )
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    bad_tag(aws)
    function.invoke(apply())
    fits = {
        event["DetailType"]: pattern.matches_event(
            {"source": event["Source"], "detail-type": event["DetailType"], "detail": event["Detail"]}
        )
        for event in aws.account().events
    }
    assert fits == {"Endpoint Configured": False, "Endpoint Needs Attention": True}
