"""Holds: what AWS is too busy for waits in the queue; what can't be done neither hides nor piles up there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fleet import REMOVE, SWEEP, create_configured, delete_at_once, names_held, put_orphan_alarm, results
from support import (
    ENABLED,
    NOTHING,
    Json,
    add_tags_call,
    apply,
    executable,
    failure,
    plan,
    remove,
    resource_id,
    scaling,
    state_change,
    stranded,
    tag_change,
)

from local.aws import LocalAws
from local.faults import Fault
from local.queue import WorkQueue
from local.runtime import Function

BUSY = {"throttle": "Throttled", "concurrent_update": "ConcurrentUpdate", "wrapped_throttle": "Throttled"}


@pytest.fixture
def queue(aws: LocalAws) -> WorkQueue:
    return WorkQueue(aws)


@pytest.fixture(scope="module")
def impatient(local_aws: LocalAws) -> Iterator[Function]:
    """With the queue, and one try for each call."""
    environment = {"WORK_QUEUE_URL": WorkQueue(local_aws).url, "AWS_MAX_ATTEMPTS": "1"}
    with executable(local_aws, environment) as function:
        yield function
        assert function.stray_output == []


@pytest.fixture
def queueing(aws: LocalAws, start_function: Callable[..., Function], queue: WorkQueue) -> Function:
    """A process of its own, because a process remembers what has failed."""
    return start_function(WORK_QUEUE_URL=queue.url)


def delays(aws: LocalAws) -> list[int]:
    sent = [call.params["Entries"] for call in aws.calls if call.operation == "SendMessageBatch"]
    return [entry.get("DelaySeconds", 0) for entries in sent for entry in entries]


def failed_work(function: Function) -> list[int]:
    return [line["FailedWork"] for line in function.last_metrics if "FailedWork" in line]


# What AWS is too busy for.


@pytest.mark.parametrize("operation", ["PutMetricAlarm", "PutScalingPolicy", "DescribeScalableTargets"])
@pytest.mark.parametrize("kind", ["throttle", "concurrent_update"])
def test_an_event_that_aws_is_too_busy_for_hands_itself_to_the_queue(
    aws: LocalAws, impatient: Function, queue: WorkQueue, operation: str, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind)]

    answer = impatient.invoke(state_change())

    assert (answer["endpoint"], answer["outcome"]) == ("demo", "queued")
    assert answer["error"].startswith(f"{operation} for endpoint demo")
    assert stranded(aws) == []
    assert queue.bodies == [{**state_change(), "putOff": 1}]
    [delay] = delays(aws)
    assert 10 <= delay <= 60
    [line] = impatient.last_logs
    assert (line["level"], line["outcome"], line["endpoint"]) == ("INFO", "queued", "demo")
    assert [metric["Outcome"] for metric in impatient.last_metrics if "Outcome" in metric] == ["queued"]

    aws.faults = []
    queue.drain(impatient)
    assert queue.dead_letters == []
    assert aws.state("demo") == scaling()


@pytest.mark.parametrize("event", [tag_change, add_tags_call], ids=["aws.tag", "CloudTrail"])
def test_an_event_that_names_the_endpoint_in_lower_case_is_put_off_as_it_came(
    aws: LocalAws, impatient: Function, queue: WorkQueue, event: Callable[..., Json]
) -> None:
    aws.create_endpoint("Demo", tags=ENABLED)
    payload = event(aws.account().endpoint_arn("Demo"), *ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "throttle", 1)]

    assert impatient.invoke(payload)["outcome"] == "queued"
    queue.drain(impatient)

    assert aws.state("Demo") == scaling("Demo")


def test_the_local_queue_keeps_a_message_for_its_delay(aws: LocalAws, function: Function) -> None:
    """Or a storm would seem to be over sooner than it is."""
    queue = WorkQueue(aws, "slow", delays=True)
    body = json.dumps({"action": "plan", "endpoint": "demo"})
    aws.client("sqs").send_message_batch(
        QueueUrl=queue.url,
        Entries=[{"Id": "late", "MessageBody": body, "DelaySeconds": 2}, {"Id": "now", "MessageBody": body}],
    )

    started = time.monotonic()
    assert queue.deliver(function)
    assert not queue.deliver(function)
    assert queue.drain(function) == 1
    assert time.monotonic() - started > 1


def test_delays_differ(aws: LocalAws, impatient: Function, queue: WorkQueue) -> None:
    """What was refused together would otherwise come back together."""
    names = [f"endpoint-{number}" for number in range(12)]
    for name in names:
        aws.create_endpoint(name, tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "throttle")]

    for name in names:
        impatient.invoke(state_change(name))

    assert len(set(delays(aws))) > 4


@pytest.mark.parametrize("kind", ["access_denied", "internal", "limit_exceeded", "drop"])
def test_another_failure_of_an_event_is_one(
    aws: LocalAws, impatient: Function, queue: WorkQueue, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", kind)]

    failure(impatient, state_change())

    assert queue.bodies == []


@pytest.mark.parametrize("payload", [apply(), remove()], ids=["apply", "remove"])
def test_a_person_is_told_at_once(
    aws: LocalAws, impatient: Function, queue: WorkQueue, payload: Json
) -> None:
    create_configured(aws, "demo")
    aws.faults = [Fault("DescribeScalableTargets", "throttle")]

    assert failure(impatient, payload).error_type == "Throttled"
    assert queue.bodies == []


def test_without_a_queue_the_event_fails_as_before(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "throttle")]

    assert failure(start_function(AWS_MAX_ATTEMPTS="1"), state_change()).error_type == "Throttled"


def test_where_the_queue_refuses_too_the_event_fails_by_what_it_failed_of(
    aws: LocalAws, impatient: Function, queue: WorkQueue
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "throttle"), Fault("SendMessageBatch", "access_denied")]

    error = failure(impatient, state_change())

    assert error.error_type == "Throttled"
    assert error.message.startswith("PutMetricAlarm for endpoint demo")


@pytest.mark.parametrize("kind", BUSY)
def test_work_is_put_off_longer_each_time_and_fails_in_the_end(
    aws: LocalAws, impatient: Function, queue: WorkQueue, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutScalingPolicy", kind)]
    queue.send({"action": "reconcile", "endpoint": "demo"})

    queue.drain(impatient)

    waited = delays(aws)
    assert len(waited) == 12
    for times, delay in enumerate(waited):
        assert min(10 * 2**times, 320) <= delay <= min(60 * 2**times, 900)
    [dead] = queue.dead_letters
    assert json.loads(dead.body) == {"action": "reconcile", "endpoint": "demo", "putOff": 12}
    assert impatient.last_logs[-1]["error_type"] == BUSY[kind]


@pytest.mark.parametrize("payload", [apply(), remove(), SWEEP, {"action": "sweep", "after": "a"}, REMOVE])
def test_whatever_the_queue_brings_is_put_off(
    aws: LocalAws, impatient: Function, queue: WorkQueue, payload: Json
) -> None:
    create_configured(aws, "demo")
    aws.faults = [Fault("DescribeScalableTargets", "throttle", 1)]
    queue.send(payload)

    queue.deliver(impatient)

    assert queue.answers == [{"batchItemFailures": []}]
    assert queue.bodies == [{**payload, "putOff": 1}]


@pytest.mark.parametrize("put_off", [-1, 1.5, "many", None, 2**40, [], {}])
def test_whatever_a_message_says_of_being_put_off_it_is_handled(
    aws: LocalAws, impatient: Function, queue: WorkQueue, put_off: Any
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    queue.send({**apply(), "putOff": put_off})

    queue.drain(impatient)

    assert queue.dead_letters == []
    assert aws.state("demo") == scaling()


def test_a_plan_in_the_queue_is_not_put_off(aws: LocalAws, impatient: Function, queue: WorkQueue) -> None:
    """Nobody would get its answer."""
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("DescribeEndpoint", "throttle", 1)]
    (sent,) = queue.send(plan())

    queue.deliver(impatient)

    assert queue.answers == [{"batchItemFailures": [{"itemIdentifier": sent.id}]}]


# What can't be done.


def deny(aws: LocalAws, endpoint: str) -> None:
    aws.faults = [
        Fault("PutScalingPolicy", "access_denied", when=lambda it: it["ResourceId"] == resource_id(endpoint))
    ]


def test_a_message_that_fails_is_counted(aws: LocalAws, queueing: Function, queue: WorkQueue) -> None:
    for name in ("one", "two", "three"):
        aws.create_endpoint(name, tags=ENABLED)
    deny(aws, "two")
    queueing.invoke(SWEEP)
    assert failed_work(queueing) == []

    queue.deliver(queueing)

    assert sorted(failed_work(queueing)) == [0, 0, 1]


@pytest.mark.full
def test_a_day_of_sweeps_leaves_one_copy_of_what_cannot_be_done(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    for name in ("one", "two"):
        aws.create_endpoint(name, tags=ENABLED)
    deny(aws, "two")

    for _ in range(96):
        queueing.invoke(SWEEP)
        queue.deliver(queueing)
        assert len(queue.bodies) <= 1
    queue.drain(queueing)

    assert [json.loads(message.body)["endpoint"] for message in queue.dead_letters] == ["two"]
    assert aws.state("one") == scaling("one")


def test_once_it_can_be_done_it_is_and_a_later_failure_is_kept_again(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    aws.create_endpoint("two", tags=ENABLED)
    deny(aws, "two")
    queueing.invoke(SWEEP)
    queue.deliver(queueing)
    assert len(queue.bodies) == 1
    aws.faults = []
    queueing.invoke(SWEEP)
    queue.drain(queueing)
    assert aws.state("two") == scaling("two")

    aws.retag("two", {"scale-to-zero:backlog-per-instance": "7"})
    deny(aws, "two")
    queueing.invoke(SWEEP)
    queue.deliver(queueing)

    assert len(queue.bodies) == 1


def test_only_the_work_of_sweeps_has_copies(aws: LocalAws, queueing: Function, queue: WorkQueue) -> None:
    """A message that somebody else has put there comes but once."""
    aws.create_endpoint("two", tags=ENABLED)
    deny(aws, "two")
    sent = queue.send(apply("two"), state_change("two"))

    queue.drain(queueing)

    assert sorted(message.id for message in queue.dead_letters) == sorted(message.id for message in sent)


# A sweep.


@pytest.mark.parametrize("kind", ["access_denied", "internal", "wrapped_denial"])
def test_an_endpoint_that_fails_in_a_sweep_goes_to_the_queue_by_itself(
    aws: LocalAws, start_function: Callable[..., Function], queue: WorkQueue, kind: str
) -> None:
    function = start_function(WORK_QUEUE_URL=queue.url, AWS_MAX_ATTEMPTS="1")
    for name in ("one", "two", "three"):
        aws.create_endpoint(name, tags=ENABLED)
    aws.faults = [Fault("DescribeEndpoint", kind, when=lambda it: it["EndpointName"] == "two")]

    found = function.invoke(SWEEP)

    assert found["counts"] == {"planned": 2, "queued": 1}
    assert (found["endpoints"], found["queued"]) == (3, 3)
    assert results(found)["two"]["outcome"] == "queued"
    assert results(found)["two"]["error"].startswith("DescribeEndpoint for endpoint two: ")
    [warning] = [line for line in function.last_logs if line["level"] == "WARN"]
    assert warning["endpoint"] == "two"
    aws.faults = []
    queue.drain(function)
    assert aws.state("two") == scaling("two")


@pytest.mark.parametrize("operation", ["DeregisterScalableTarget", "DeleteAlarms"])
def test_what_cannot_be_cleaned_up_goes_to_the_queue_by_itself(
    aws: LocalAws, queueing: Function, queue: WorkQueue, operation: str
) -> None:
    for name in ("one", "two"):
        create_configured(aws, name)
        delete_at_once(aws, name)
    put_orphan_alarm(aws, "ghost")
    aws.faults = [Fault(operation, "access_denied", 1)]

    found = queueing.invoke(SWEEP)

    assert found["endpoints"] == 3
    assert found["counts"]["queued"] == len(queue.bodies) > 0
    queue.drain(queueing)
    assert queue.dead_letters == []
    assert names_held(aws) == set()


def test_a_removal_of_all_hands_on_what_fails_as_well(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    for name in ("one", "two"):
        create_configured(aws, name)
    aws.faults = [Fault("DescribeEndpoint", "access_denied", when=lambda it: it["EndpointName"] == "two")]

    assert queueing.invoke(REMOVE)["counts"] == {"planned": 1, "queued": 1}

    aws.faults = []
    queue.drain(queueing)
    assert [aws.state(name) for name in ("one", "two")] == [NOTHING, NOTHING]


# The time of a batch.


@pytest.mark.each(3)
@pytest.mark.parametrize("hanging", [0, 2, 4])
def test_a_message_that_hangs_takes_no_time_from_the_others(
    aws: LocalAws, function: Function, queue: WorkQueue, hanging: int
) -> None:
    names = [f"endpoint-{number}" for number in range(5)]
    for name in names:
        aws.create_endpoint(name, tags=ENABLED)
    hangs = names[hanging]
    aws.faults = [Fault("DescribeEndpoint", "hang", when=lambda it: it["EndpointName"] == hangs)]
    sent = queue.send(*[state_change(name) for name in names])

    queue.deliver(function, deadline_seconds=8)

    assert queue.answers == [{"batchItemFailures": [{"itemIdentifier": sent[hanging].id}]}]
    [error] = [line for line in function.last_logs if line["level"] == "ERROR"]
    assert (error["error_type"], error["endpoint"]) == ("DeadlineExceeded", hangs)
    assert [aws.state(name) for name in names if name != hangs] == [
        scaling(name) for name in names if name != hangs
    ]


@pytest.mark.full
def test_two_messages_that_hang_leave_time_for_the_third(
    aws: LocalAws, function: Function, queue: WorkQueue
) -> None:
    for name in ("one", "two", "three"):
        aws.create_endpoint(name, tags=ENABLED)
    aws.faults = [Fault("DescribeEndpoint", "hang", when=lambda it: it["EndpointName"] != "three")]
    sent = queue.send(state_change("one"), state_change("two"), state_change("three"))

    queue.deliver(function, deadline_seconds=6)

    assert queue.answers == [{"batchItemFailures": [{"itemIdentifier": it.id} for it in sent[:2]]}]
    assert aws.state("three") == scaling("three")
