"""What both functions are invoked about, and AWS's answers to it, recorded from the local AWS.

Recording is the proof that both do the same work, too: each has to find nothing to do where the other was,
and to leave the same scaling behind.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.aws import LocalAws
from local.runtime import ROOT
from tools.bench.recording import Recorder, Recording
from tools.bench.subjects import Subject

# AWS's own way to scale, which both functions know.
TAGS = {
    "scale-to-zero:enabled": "true",
    "scale-to-zero:idle-timeout": "none",
    "scale-to-zero:wake-instances": "1",
}
SWEEP = {"action": "sweep"}
# Seconds. A loop over a thousand endpoints takes minutes.
SWEEP_DEADLINE = 850.0


class DifferentWork(Exception):
    """The functions don't do the same, so there is nothing to compare."""


def in_service(endpoint: str) -> dict[str, Any]:
    """The event of an endpoint that is InService and tagged; AWS puts the tags into the event."""
    event = json.loads((ROOT / "events" / "in-service.json").read_text())
    event["detail"] |= {"EndpointName": endpoint, "Tags": TAGS}
    return event


# What an event finds, by the outcome that it has. In a replay the new endpoint is new every time.
CONFIGURED, NEW = "configured", "new"
EVENTS = {"unchanged": in_service(CONFIGURED), "configured": in_service(NEW)}


@dataclass(frozen=True)
class Recordings:
    """The answers to all that the subjects ask for; those about fleets by their size."""

    events: Recording
    sweeps: dict[int, Recording]


def record(aws: LocalAws, subjects: Sequence[Subject], sizes: Sequence[int]) -> Recordings:
    """Raises `DifferentWork` where the subjects do not do the same."""
    recordings = Recordings(
        _record_events(aws, subjects), {size: _record_sweep(aws, subjects, size) for size in sizes}
    )
    if aws.violations:
        raise DifferentWork(f"requests that AWS's models do not allow: {aws.violations}")
    return recordings


def _record_events(aws: LocalAws, subjects: Sequence[Subject]) -> Recording:
    """The answers to the calls that the subjects make for `EVENTS`."""
    recording: Recording = {}
    left_behind = []
    for subject in subjects:
        aws.reset()
        for name in (CONFIGURED, NEW):
            aws.create_endpoint(name, tags=TAGS, config_name=f"{name}-config")
        for other in subjects:
            if other != subject:
                _expect(other, aws.url, {"configured": EVENTS["unchanged"]})
        with Recorder(aws.url) as recorder:
            _expect(subject, recorder.url, EVENTS)
        recording |= recorder.recording
        left_behind.append(aws.state(NEW))
    if any(state != left_behind[0] for state in left_behind):
        raise DifferentWork(f"the functions leave different scaling behind: {left_behind}")
    return recording


def _record_sweep(aws: LocalAws, subjects: Sequence[Subject], size: int) -> Recording:
    """The answers to the calls of a sweep; every second endpoint of the fleet is tagged, and configured."""
    aws.reset()
    for number in range(size):
        aws.create_endpoint(f"endpoint-{number:05}", tags=TAGS if number % 2 == 0 else {})
    recording: Recording = {}
    _sweep(subjects[0], aws.url)
    for subject in subjects:
        writes = len(aws.writes())
        with Recorder(aws.url) as recorder:
            _sweep(subject, recorder.url)
        if len(aws.writes()) != writes:
            raise DifferentWork(f"{subject.name} changed a fleet that {subjects[0].name} had configured")
        recording |= recorder.recording
    return recording


def _expect(subject: Subject, aws_url: str, events: dict[str, Any]) -> None:
    with subject.start(aws_url, {}) as function:
        for outcome, event in events.items():
            answer = function.invoke(event)
            if answer["outcome"] != outcome:
                raise DifferentWork(f"{subject.name} should have answered {outcome}: {answer}")


def _sweep(subject: Subject, aws_url: str) -> None:
    with subject.start(aws_url, {}) as function:
        function.invoke(SWEEP, SWEEP_DEADLINE)
