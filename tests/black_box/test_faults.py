"""Every operation of the function, failing in every way: it gets over it or says so, and strands nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fleet import (
    OPTED_OUT,
    SWEEP,
    Watch,
    create_configured,
    delete_at_once,
    names_held,
    names_of_all,
    states,
    stranded,
    sweep,
)
from support import (
    ENABLED,
    NOTHING,
    Json,
    autoscaling,
    capacity,
    executable,
    put_foreign_action,
    put_foreign_step,
    put_foreign_tracking,
    scaling,
    state_change,
    tag_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.queue import WorkQueue
from local.runtime import Function, FunctionError

# What an invocation ends with when one call fails this way once; None is success.
ERROR_TYPES = {
    "throttle": None,
    "internal": None,
    "drop": None,
    "slow": None,
    "access_denied": "AccessDenied",
    # Only some operations fail in these ways.
    "drop_after": None,
    "limit_exceeded": "LimitExceeded",
    "concurrent_update": None,
    "alarm_busy": None,
    "object_not_found": None,
}
SOME_KINDS = {
    # A read without an answer is no different from one that was never sent.
    "drop_after": {
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "PutMetricAlarm",
        "DeregisterScalableTarget",
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
        "DeleteAlarms",
        "SendMessageBatch",
    },
    "limit_exceeded": {"RegisterScalableTarget", "PutScalingPolicy", "PutMetricAlarm"},
    "concurrent_update": {
        "DescribeScalableTargets",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "DeregisterScalableTarget",
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
    },
    "alarm_busy": {"PutMetricAlarm"},
    # A target that has just been registered, and isn't known everywhere yet.
    "object_not_found": {"PutScalingPolicy"},
}


@pytest.fixture(scope="module")
def functions(local_aws: LocalAws) -> Iterator[list[Function]]:
    """Processes with the same work queue, whose URL is the same in every test."""
    environment = {"WORK_QUEUE_URL": WorkQueue(local_aws).url}
    with ExitStack() as running:
        functions = [running.enter_context(executable(local_aws, environment)) for _ in range(4)]
        yield functions
        assert [function.stray_output for function in functions] == [[]] * len(functions)


@pytest.fixture
def function(functions: list[Function]) -> Function:
    return functions[0]


@pytest.fixture
def queue(aws: LocalAws) -> WorkQueue:
    return WorkQueue(aws)


def every(*operations: str) -> list[Any]:
    """Each call, as often as it is named, with each fault that it can have."""
    return [
        pytest.param(
            operation, operations[: index + 1].count(operation), kind, id=f"{operation} {index} {kind}"
        )
        for index, operation in enumerate(operations)
        for kind in ERROR_TYPES
        if operation in SOME_KINDS.get(kind, {operation})
    ]


def error_type(function: Function, payload: Json) -> str | None:
    try:
        function.invoke(payload)
    except FunctionError as error:
        return error.error_type
    return None


def check_one_fault(
    aws: LocalAws, function: Function, operation: str, nth: int, kind: str, end: Json
) -> None:
    """The event of the endpoint `demo`, with the fault and then, as Lambda does after a failure, without."""
    watch, fault = Watch(aws), Fault(operation, kind, nth)
    aws.faults = [watch, fault]

    ended = error_type(function, state_change())

    assert fault.seen >= nth
    assert ended == ERROR_TYPES[kind]
    aws.faults = [watch]
    if ended:
        function.invoke(state_change())
    assert {**aws.state("demo"), "foreign": {}} == end
    aws.clear_calls()
    function.invoke(state_change())
    assert written(aws) == []
    assert watch.found == stranded(aws) == []


@pytest.mark.each(5)
@pytest.mark.parametrize(
    ("operation", "nth", "kind"),
    every(
        "DescribeEndpoint",
        "DescribeAlarms",
        "ListTags",
        "DescribeEndpointConfig",
        "DescribeScalableTargets",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "PutMetricAlarm",
        "PutMetricAlarm",
        *["PutScalingPolicy", "PutMetricAlarm"] * 2,
        "PutScalingPolicy",
    ),
)
def test_configuring(aws: LocalAws, function: Function, operation: str, nth: int, kind: str) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    check_one_fault(aws, function, operation, nth, kind, scaling())


@pytest.mark.each(5)
@pytest.mark.parametrize(
    ("operation", "nth", "kind"),
    every("DeleteScalingPolicy", "DeleteScalingPolicy", "DeleteScheduledAction"),
)
def test_taking_over(aws: LocalAws, function: Function, operation: str, nth: int, kind: str) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"))
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=5)
    put_foreign_tracking(aws)
    put_foreign_step(aws)
    put_foreign_action(aws)
    check_one_fault(aws, function, operation, nth, kind, scaling())


@pytest.mark.each(5)
@pytest.mark.parametrize(("operation", "nth", "kind"), every("DeregisterScalableTarget", "DeleteAlarms"))
def test_opting_out(aws: LocalAws, function: Function, operation: str, nth: int, kind: str) -> None:
    create_configured(aws, "demo")
    aws.retag("demo", OPTED_OUT)
    check_one_fault(aws, function, operation, nth, kind, NOTHING)


SWEEPING = [
    "ListEndpoints",
    "GetResources",
    "DescribeScalableTargets",
    "DescribeScalingPolicies",
    "DescribeScheduledActions",
    "DescribeAlarms",
    "DescribeEndpoint",
    "DescribeEndpointConfig",
    "DeregisterScalableTarget",
    "DeleteAlarms",
    "SendMessageBatch",
]
# An endpoint that fails goes to the queue, which tries it by itself, and the sweep goes on.
OF_ONE_ENDPOINT = {"DescribeEndpoint", "DescribeEndpointConfig", "DeregisterScalableTarget", "DeleteAlarms"}


def check_sweep(
    aws: LocalAws,
    struck: Function,
    function: Function,
    queue: WorkQueue,
    faults: list[Fault],
    expected: str | None,
) -> None:
    """A sweep of one endpoint of each kind by a process that the faults strike; another goes on in quiet."""
    aws.create_endpoint("new", tags=ENABLED)
    create_configured(aws, "opted-out")
    aws.retag("opted-out", OPTED_OUT)
    create_configured(aws, "orphan")
    delete_at_once(aws, "orphan")
    watch = Watch(aws)
    aws.faults = [watch, *faults]

    ended = error_type(struck, SWEEP)

    assert all(fault.seen for fault in faults)
    assert ended == expected
    aws.faults = [watch]
    queue.drain(function)
    if ended:
        sweep(function, queue)
    assert names_held(aws) == names_of_all(["new"])
    aws.clear_calls()
    sweep(function, queue)
    assert written(aws) == []
    assert queue.dead_letters == []
    assert watch.found == stranded(aws) == []


@pytest.mark.each(5)
@pytest.mark.parametrize(
    ("operation", "nth", "kind"), [it for it in every(*SWEEPING) if it.values[2] != "throttle"]
)
def test_sweeping(
    aws: LocalAws, function: Function, queue: WorkQueue, operation: str, nth: int, kind: str
) -> None:
    expected = None if operation in OF_ONE_ENDPOINT else ERROR_TYPES[kind]
    check_sweep(aws, function, function, queue, [Fault(operation, kind, nth)], expected)


@pytest.mark.full
def test_a_sweep_of_which_each_operation_is_throttled_once(
    aws: LocalAws, start_function: Callable[..., Function], function: Function, queue: WorkQueue
) -> None:
    """All in one sweep: each client holds itself back for seconds then, and they do so at the same time."""
    throttled = start_function(WORK_QUEUE_URL=queue.url)
    check_sweep(
        aws, throttled, function, queue, [Fault(operation, "throttle", 1) for operation in SWEEPING], None
    )


# All at once.


def create_forty(aws: LocalAws) -> tuple[dict[str, Json], list[Json]]:
    """Forty endpoints in eight states; answers what has to belong to each in the end, and their events."""
    end: dict[str, Json] = {}
    events: list[Json] = []
    for number in range(5):
        for kind in ("new", "two-variants", "kept", "retagged", "opted-out", "asleep", "deleted", "untagged"):
            name = f"{kind}-{number}"
            end[name] = NOTHING
            events.append(state_change(name))
            match kind:
                case "new":
                    aws.create_endpoint(name, tags=ENABLED)
                    end[name] = scaling(name)
                case "two-variants":
                    aws.create_endpoint(name, tags=ENABLED, variants=["Blue", "Green"])
                    end[name] = scaling(name, ["Blue", "Green"])
                case "untagged":
                    aws.create_endpoint(name)
                case _:
                    create_configured(aws, name)
            match kind:
                case "kept":
                    end[name] = scaling(name)
                case "retagged":
                    aws.retag(name, tags(max_capacity="3", min_capacity="1"))
                    events.append(tag_change(aws.account().endpoint_arn(name), *tags(max_capacity="3")))
                    end[name] = scaling(name, target=capacity(1, 3), wake=False)
                case "opted-out" | "asleep":
                    aws.retag(name, OPTED_OUT)
                    aws.set_instances(name, 0 if kind == "asleep" else 1)
                case "deleted":
                    delete_at_once(aws, name)
                    events.append(state_change(name, "DELETING"))
    return end, events


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_forty_endpoints_with_doubled_and_reordered_events_and_a_tenth_of_all_calls_failing_end_right(
    aws: LocalAws, functions: list[Function], seed: int
) -> None:
    dice = random.Random(seed)
    queue = WorkQueue(aws, disorder=dice, doubling=0.5)
    # A process that AWS has asked to slow down would take its time in the quiet as well.
    quiet, *functions = functions
    end, events = create_forty(aws)
    watch = Watch(aws)
    # Five kinds can strike at any call, and two or three more at the writes.
    share = 0.1 / 6
    aws.faults = [watch] + [
        Fault(operation, kind, when=lambda _: dice.random() < share)
        for kind in ERROR_TYPES
        for operation in SOME_KINDS.get(kind, {"*"})
    ]

    queue.send(*events, SWEEP)
    queue.drain(*functions)

    assert sum(call.error is not None for call in aws.calls) > len(aws.calls) / 20
    # The quiet afterwards: updates end, their events come, and so does the next sweep.
    aws.faults = [watch]
    aws.settle()
    queue.send(SWEEP)
    queue.drain(quiet)
    updated = [name for name in end if name.startswith("asleep")]
    aws.settle()
    queue.send(*map(state_change, updated))
    queue.drain(quiet)
    assert states(aws, end) == end
    assert watch.found == stranded(aws) == []
    aws.clear_calls()
    quiet.invoke(SWEEP)
    assert written(aws) == []
