"""Every sample in events/ gets the answer that is written down here for it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support import (
    ENABLED,
    NOTHING,
    Json,
    answer,
    apply,
    configuring,
    failure,
    scaling,
    skipped,
)

from local.aws import LocalAws
from local.runtime import ROOT, Function

EVENTS = ROOT / "events"

CONFIGURED = answer("configured", *configuring())
IGNORED = skipped("ignored-event")
IGNORED_WITHOUT_ENDPOINT = {"outcome": "skipped", "reason": "ignored-event"}

# The answers where the endpoints demo and Demo-Endpoint exist, are in service, tagged and not yet configured.
ANSWERS: dict[str, Json] = {
    "apply.json": CONFIGURED,
    "cloudtrail-add-other-tags.json": IGNORED,
    "cloudtrail-add-tags.json": CONFIGURED,
    "cloudtrail-delete-tags.json": CONFIGURED,
    "cloudtrail-denied.json": IGNORED_WITHOUT_ENDPOINT,
    "creating.json": IGNORED,
    "deleting.json": CONFIGURED,
    "failed.json": IGNORED,
    "in-service-iso-time.json": CONFIGURED,
    "in-service-minimal.json": CONFIGURED,
    "in-service-mixed-case-name.json": answer(
        "configured", *configuring("Demo-Endpoint"), endpoint="Demo-Endpoint"
    ),
    "in-service-tags-list.json": CONFIGURED,
    "in-service-tags-map.json": CONFIGURED,
    "in-service.json": CONFIGURED,
    "no-status.json": CONFIGURED,
    "plan.json": answer("planned", *configuring()),
    "remove.json": answer("removed"),
    "rolling-back.json": IGNORED,
    "status-unheard-of.json": IGNORED,
    "tag-change-other-keys.json": IGNORED,
    "tag-change-other-service.json": IGNORED_WITHOUT_ENDPOINT,
    "tag-change.json": CONFIGURED,
    "updating.json": IGNORED,
}

# What the error of the others begins with.
ERRORS = {
    "bad-apply-without-endpoint.json": '"endpoint" is missing',
    "bad-deployment-state-change.json": 'received the event "SageMaker Endpoint Deployment State Change" of',
    "bad-empty-object.json": "received an object with no keys",
    "bad-endpoint-name.json": '"endpoint" "../demo endpoint" is no name of an endpoint',
    "bad-list.json": "received a list",
    "bad-no-endpoint-name.json": "detail.EndpointName is missing",
    "bad-other-source.json": 'received the event "EC2 Instance State-change Notification" of "aws.ec2"',
    "bad-string.json": "received a string",
    "bad-unknown-action.json": 'received the unknown action "aply"',
}


@pytest.fixture(scope="module")
def function(local_aws: LocalAws) -> Iterator[Function]:
    with Function(aws_url=local_aws.url) as function:
        yield function
        assert function.stray_output == []


@pytest.fixture
def endpoints(aws: LocalAws) -> LocalAws:
    for name in ("demo", "Demo-Endpoint"):
        aws.create_endpoint(name, tags=ENABLED)
    return aws


def test_every_sample_has_its_answer_here() -> None:
    assert sorted(path.name for path in EVENTS.glob("*.json")) == sorted([*ANSWERS, *ERRORS])


@pytest.mark.parametrize("sample", ANSWERS)
def test_a_sample_gets_its_answer(endpoints: LocalAws, function: Function, sample: str) -> None:
    answered = function.invoke((EVENTS / sample).read_bytes())

    assert answered == ANSWERS[sample]
    name = "Demo-Endpoint" if sample == "in-service-mixed-case-name.json" else "demo"
    assert endpoints.state(name) == (scaling(name) if answered["outcome"] == "configured" else NOTHING)
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
