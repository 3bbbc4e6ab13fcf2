"""Every sample in events/ gets the answer that is written down here for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from unittest.mock import ANY

import pytest
from support import (
    ENABLED,
    NOTHING,
    STILL_ASKED,
    VARIANT,
    Json,
    answer,
    apply,
    configuring,
    failure,
    scaling,
    skipped,
)

from local.aws import LocalAws
from local.cloudformation import Stack
from local.runtime import ROOT, Function

EVENTS = ROOT / "events"

CONFIGURED = answer("configured", *configuring())
IGNORED = skipped("ignored-event")
IGNORED_WITHOUT_ENDPOINT = {"outcome": "skipped", "reason": "ignored-event"}


def failed_messages(*ids: str) -> Json:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in ids]}


NONE_FAILED = failed_messages()

DEMO, OTHER = "demo", "Demo-Endpoint"
PHYSICAL_ID = "sagemaker-scale-to-zero"


def changed(outcome: str, name: str) -> Json:
    return answer(outcome, *configuring(name), endpoint=name)


def swept(outcome: str, *results: Json, endpoints: int | None = None) -> Json:
    """The answer about a fleet in which all endpoints have the same outcome."""
    count = len(results) if endpoints is None else endpoints
    return {"outcome": "swept", "endpoints": count, "counts": {outcome: count}, "results": list(results)}


def awake(name: str) -> Json:
    """How an endpoint stands of which nothing is known but its instances."""
    return {
        "endpoint": name,
        "outcome": "status",
        "variants": [
            {
                "variant": VARIANT,
                "state": "awake",
                "instances": 1,
                "wanted": 1,
                "since": ANY,
                "wakesIn": None,
                "waiting": None,
            }
        ],
    }


# In the order of their names, capitals first.
SWEPT = swept("configured", changed("configured", OTHER), changed("configured", DEMO))

EXPLAINED = {
    "endpoint": "demo",
    "outcome": "explained",
    "summary": "Variant AllTraffic is no scalable target yet, so AWS doesn't scale it at all. "
    'Invoke {"action": "apply", "endpoint": "demo"}, or wait for the next sweep.',
    "findings": [
        {
            "code": "not-configured",
            "about": "all",
            "sentence": "Variant AllTraffic is no scalable target yet, so AWS doesn't scale it at all.",
            "advice": 'invoke {"action": "apply", "endpoint": "demo"}, or wait for the next sweep',
        }
    ],
    "found": {
        "status": "InService",
        "async": True,
        "managed": True,
        "tags": ENABLED,
        "variants": [
            {
                "variant": VARIANT,
                "currentInstances": 1,
                "desiredInstances": 1,
                "minCapacity": None,
                "maxCapacity": None,
                "ladder": None,
                "policies": [],
                "alarms": [],
                "lastAction": None,
                "pendingChanges": [change["change"] for change in configuring()],
            }
        ],
        "backlog": None,
    },
}


def savings_row(name: str) -> Json:
    """Of an endpoint that has just been made."""
    hours = {"instanceHours": 0.0, "alwaysOnHours": 0.0, "idleHours": 0.0, "idleShare": 0.0, "requests": 0}
    return {
        "endpoint": name,
        "managed": True,
        "instanceType": "ml.g5.xlarge",
        **hours,
        "usd": None,
        "alwaysOnUsd": None,
        "idleUsd": None,
        "price": None,
    }


SAVINGS = {
    "outcome": "savings",
    "region": "eu-west-1",
    "days": 30,
    "from": ANY,
    "to": ANY,
    "endpoints": 2,
    "instanceHours": 0.0,
    "idleHours": 0.0,
    "rows": [savings_row(OTHER), savings_row(DEMO)],
    "assumptions": ANY,
    "cost": {"metrics": 6, "calls": 7, "usd": 0.00006},
}

# The answers where the endpoints demo and Demo-Endpoint exist, are in service, tagged and not yet configured.
# There is no work queue, so a sweep does its work itself.
ANSWERS: dict[str, Json] = {
    "advise.json": skipped("no-data", note=ANY),
    "apply.json": CONFIGURED,
    "cloudtrail-add-other-tags.json": IGNORED,
    "cloudtrail-add-tags.json": CONFIGURED,
    "cloudtrail-delete-tags.json": CONFIGURED,
    "cloudtrail-denied.json": IGNORED_WITHOUT_ENDPOINT,
    "creating.json": IGNORED,
    "deleting.json": CONFIGURED,
    "explain.json": EXPLAINED,
    "failed.json": IGNORED,
    "in-service-iso-time.json": CONFIGURED,
    "in-service-minimal.json": CONFIGURED,
    "in-service-mixed-case-name.json": changed("configured", OTHER),
    "in-service-tags-list.json": CONFIGURED,
    "in-service-tags-map.json": CONFIGURED,
    "in-service.json": CONFIGURED,
    "no-status.json": CONFIGURED,
    "plan-fleet.json": swept("planned", changed("planned", OTHER), changed("planned", DEMO)),
    "plan.json": answer("planned", *configuring()),
    "remove-fleet.json": swept("skipped", endpoints=2),
    "remove.json": answer("removed", note=STILL_ASKED),
    "rolling-back.json": IGNORED,
    "savings.json": SAVINGS,
    "scheduled-event.json": SWEPT,
    "scheduler-event.json": SWEPT,
    "sqs-batch-bad-message.json": failed_messages("8e2b7c35-0fa9-47d6-b4e8-61c3f59a2d70"),
    "sqs-batch-nested.json": failed_messages("19d4f0a2-6c1b-4f7e-8b53-d2a07e94c611"),
    "sqs-batch-work.json": NONE_FAILED,
    "sqs-batch.json": NONE_FAILED,
    # Of its backlog nothing is known.
    "sleep.json": skipped("busy", note=ANY),
    "status-fleet.json": {
        "outcome": "status",
        "endpoints": 2,
        "counts": {"awake": 2},
        "results": [awake(OTHER), awake(DEMO)],
    },
    "status-unheard-of.json": IGNORED,
    "status.json": awake(DEMO),
    "sweep-after.json": swept("configured", changed("configured", DEMO)),
    "sweep.json": SWEPT,
    "tag-change-other-keys.json": IGNORED,
    "tag-change-other-service.json": IGNORED_WITHOUT_ENDPOINT,
    "tag-change.json": CONFIGURED,
    "updating-from-zero.json": IGNORED,
    "updating.json": IGNORED,
    "wake.json": answer(
        "waking", *configuring(), {"change": "set-desired-instances", "instances": 2}, note=ANY
    ),
}

# The endpoints that are configured afterwards.
CONFIGURES = {
    "in-service-mixed-case-name.json": {OTHER},
    "scheduled-event.json": {DEMO, OTHER},
    "scheduler-event.json": {DEMO, OTHER},
    "sqs-batch-bad-message.json": {DEMO},
    "sqs-batch-work.json": {DEMO},
    "sqs-batch.json": {DEMO},
    "sweep-after.json": {DEMO},
    "sweep.json": {DEMO, OTHER},
    "wake.json": {DEMO},
} | {sample: {DEMO} for sample, answered in ANSWERS.items() if answered == CONFIGURED}

# What the error of the others begins with.
ERRORS = {
    "bad-advise-days.json": '"days" is 30, not a whole number from 1 to 14',
    "bad-apply-without-endpoint.json": '"endpoint" is missing',
    "bad-deployment-state-change.json": 'received the event "SageMaker Endpoint Deployment State Change" of',
    "bad-empty-object.json": "received an object with no keys",
    "bad-endpoint-name.json": '"endpoint" "../demo endpoint" is not the name of an endpoint',
    "bad-list.json": "received a list",
    "bad-no-endpoint-name.json": "detail.EndpointName is missing",
    "bad-other-records.json": "received records that are not from SQS",
    "bad-other-source.json": 'received the event "EC2 Instance State-change Notification" of "aws.ec2"',
    "bad-string.json": "received a string",
    "bad-sweep-after.json": '"after" "demo/AllTraffic" is not the name of an endpoint',
    "bad-sweep-of-one-endpoint.json": 'received the unknown key "endpoint" beside the action "sweep"',
    "bad-wake-with-no-instances.json": '"instances" is 0, not an integer of 1 or more',
    "bad-unknown-action.json": 'received the unknown action "aply"',
}

# CloudFormation's, with what it asks about the stack.
STACK = {
    "custom-resource-create.json": "Create",
    "custom-resource-delete.json": "Delete",
    "custom-resource-update.json": "Update",
}


@pytest.fixture
def endpoints(aws: LocalAws) -> LocalAws:
    for name in (DEMO, OTHER):
        aws.create_endpoint(name, tags=ENABLED)
    return aws


def test_every_sample_has_its_answer_here() -> None:
    assert sorted(path.name for path in EVENTS.glob("*.json")) == sorted([*ANSWERS, *ERRORS, *STACK])


@pytest.mark.parametrize("sample", ANSWERS)
def test_a_sample_gets_its_answer(endpoints: LocalAws, function: Function, sample: str) -> None:
    answered = function.invoke((EVENTS / sample).read_bytes())

    assert answered == ANSWERS[sample]
    for name in (DEMO, OTHER):
        assert endpoints.state(name) == (scaling(name) if name in CONFIGURES.get(sample, ()) else NOTHING)
    if answered.get("reason") == "ignored-event":
        assert endpoints.calls == []


@pytest.mark.parametrize("sample", ERRORS)
def test_a_bad_sample_fails_as_invalid_payload_without_a_call(
    endpoints: LocalAws, function: Function, sample: str
) -> None:
    error = failure(function, json.loads((EVENTS / sample).read_text()))

    assert error.error_type == "InvalidPayload"
    assert error.message.startswith(ERRORS[sample])
    assert endpoints.calls == []
    assert function.invoke(apply()) == CONFIGURED


@pytest.mark.parametrize("sample", STACK)
def test_a_sample_of_cloudformation_is_answered_at_its_address_and_writes_nothing(
    endpoints: LocalAws, start_function: Callable[..., Function], sample: str
) -> None:
    event = json.loads((EVENTS / sample).read_text())
    with Stack() as stack:
        stack.physical_id = event.get("PhysicalResourceId", PHYSICAL_ID)
        sent = stack.event(STACK[sample])
        event |= {key: sent[key] for key in ("ResponseURL", "RequestId", "StackId")}
        start_function(ON_DELETE="keep").invoke(event)
        answered = stack.answer_to(sent)

    assert (answered["Status"], answered["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
    assert endpoints.writes() == []
