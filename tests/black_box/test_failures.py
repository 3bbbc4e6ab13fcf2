"""Whichever call fails, and however: nothing is stranded at zero, and the next delivery finishes the work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from policies import alarm_names
from support import (
    CONFIGURING,
    ENABLED,
    NOTHING,
    PREFIX,
    REMOVAL_MARK,
    VARIANT,
    Json,
    answer,
    apply,
    autoscaling,
    capacity,
    client,
    configuring,
    executable,
    failure,
    put_foreign_action,
    put_foreign_step,
    put_foreign_tracking,
    remove,
    scaling,
    skipped,
    state_change,
    stranded,
    tag_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

OPTED_OUT = {f"{PREFIX}enabled": "false"}
SET = "UpdateEndpointWeightsAndCapacities"
READS = [
    "DescribeEndpoint",
    "DescribeAlarms",
    "ListTags",
    "DescribeEndpointConfig",
    "DescribeScalableTargets",
    "DescribeScalingPolicies",
    "DescribeScheduledActions",
]


# The works that the function does, each of several writes.


def first_seen(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)


def first_seen_at_zero(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, instances=0)


def two_variants(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, variants=["Blue", "Green"])


def configured(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())


def lowered_to_zero(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(min_capacity="1"))
    function.invoke(state_change())
    aws.untag("demo", [f"{PREFIX}min-capacity"])


def raised_above_zero(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    aws.retag("demo", tags(min_capacity="1"))


def target_deregistered_by_hand(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    autoscaling(aws, "deregister_scalable_target")


def variant_renamed(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    aws.rename_variant("demo", VARIANT, "Blue")
    aws.settle()


def to_be_taken_over(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"))
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=5)
    put_foreign_tracking(aws)
    put_foreign_step(aws)
    put_foreign_action(aws)


def to_be_taken_over_at_zero(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"), instances=0)
    autoscaling(aws, "register_scalable_target", MinCapacity=0, MaxCapacity=5)
    put_foreign_tracking(aws)
    put_foreign_step(aws)


def at_zero(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    aws.set_instances("demo", 0)


def deregistered_at_zero(aws: LocalAws, function: Function) -> None:
    at_zero(aws, function)
    autoscaling(aws, "deregister_scalable_target")


def idle(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    aws.publish_backlog("demo", 0)


def idle_and_deregistered(aws: LocalAws, function: Function) -> None:
    idle(aws, function)
    autoscaling(aws, "deregister_scalable_target")


def opted_out(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    aws.retag("demo", OPTED_OUT)


def opted_out_at_zero_and_raised(aws: LocalAws, function: Function) -> None:
    at_zero(aws, function)
    aws.retag("demo", OPTED_OUT)
    function.invoke(state_change())
    aws.settle()


def removed_at_zero_and_raised(aws: LocalAws, function: Function) -> None:
    at_zero(aws, function)
    function.invoke(remove())
    aws.settle()


def opted_out_of_a_shared_target(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    put_foreign_tracking_on_another_metric(aws)
    aws.retag("demo", OPTED_OUT)


def put_foreign_tracking_on_another_metric(aws: LocalAws) -> None:
    """A policy that could put the variant to sleep when our way to wake it is gone."""
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="theirs",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 50.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    )


def deleted_with_its_target_left(aws: LocalAws, function: Function) -> None:
    configured(aws, function)
    aws.delete_endpoint("demo", deregister=False)


@dataclass(frozen=True)
class Work:
    arrange: Callable[[LocalAws, Function], None]
    writes: list[str]
    # What belongs to the endpoint in the end, without what others have there.
    state: Json
    # What the invocation is asked for. Lambda delivers a payload again when the invocation has failed.
    payload: Json


REMOVING = ["DeregisterScalableTarget", "DeleteAlarms"]
EVENT = state_change()

WORKS = {
    "configure": Work(first_seen, CONFIGURING, scaling(), EVENT),
    "configure at zero": Work(first_seen_at_zero, CONFIGURING, scaling(), EVENT),
    "configure two variants": Work(two_variants, CONFIGURING * 2, scaling("demo", ["Blue", "Green"]), EVENT),
    "repair": Work(target_deregistered_by_hand, CONFIGURING, scaling(), EVENT),
    "lower to zero": Work(
        lowered_to_zero,
        # Nothing that stands there takes the last instance, until the idle policy is put again at the end.
        [
            "RegisterScalableTarget",
            "PutScalingPolicy",
            "PutMetricAlarm",
            "PutMetricAlarm",
            "PutScalingPolicy",
        ],
        scaling(),
        EVENT,
    ),
    "raise above zero": Work(
        raised_above_zero,
        ["RegisterScalableTarget", "DeleteScalingPolicy", "PutScalingPolicy", "DeleteAlarms"],
        scaling(target=capacity(1), wake=False),
        EVENT,
    ),
    "follow a renamed variant": Work(
        variant_renamed, CONFIGURING + REMOVING, scaling("demo", ["Blue"]), EVENT
    ),
    "take over": Work(
        to_be_taken_over,
        [
            "PutScalingPolicy",
            "PutMetricAlarm",
            "PutMetricAlarm",
            "DeleteScalingPolicy",
            "DeleteScalingPolicy",
            "DeleteScheduledAction",
            "RegisterScalableTarget",
            *CONFIGURING[4:],
        ],
        scaling(),
        EVENT,
    ),
    "take over at zero": Work(
        to_be_taken_over_at_zero,
        [
            "PutScalingPolicy",
            "PutMetricAlarm",
            "PutMetricAlarm",
            "DeleteScalingPolicy",
            "DeleteScalingPolicy",
            *CONFIGURING[4:],
        ],
        scaling(),
        EVENT,
    ),
    "opt out": Work(opted_out, REMOVING, NOTHING, EVENT),
    "opt out once raised": Work(opted_out_at_zero_and_raised, REMOVING, NOTHING, EVENT),
    "opt out of a shared target": Work(
        opted_out_of_a_shared_target,
        ["RegisterScalableTarget", *["DeleteScalingPolicy"] * 4, "DeleteAlarms"],
        {**NOTHING, "targets": {VARIANT: capacity(1)}},
        EVENT,
    ),
    "remove": Work(configured, REMOVING, NOTHING, remove()),
    "remove at zero": Work(
        at_zero,
        ["RegisterScalableTarget", "PutScheduledAction"],
        {**scaling(target=capacity(1)), "actions": {VARIANT: REMOVAL_MARK}},
        remove(),
    ),
    "remove once raised": Work(removed_at_zero_and_raised, REMOVING, NOTHING, remove()),
    "wake": Work(at_zero, [SET], scaling(), {"action": "wake", "endpoint": "demo"}),
    "wake what has drifted": Work(
        deregistered_at_zero, [*CONFIGURING, SET], scaling(), {"action": "wake", "endpoint": "demo"}
    ),
    "sleep": Work(idle, [SET], scaling(), {"action": "sleep", "endpoint": "demo"}),
    "sleep what has drifted": Work(
        idle_and_deregistered, [*CONFIGURING, SET], scaling(), {"action": "sleep", "endpoint": "demo"}
    ),
    "clean up after a deletion": Work(
        deleted_with_its_target_left, REMOVING, NOTHING, state_change(status="DELETING")
    ),
}

EVERY_WRITE = [
    pytest.param(work, index, id=f"{name}: {index + 1} {operation}")
    for name, work in WORKS.items()
    for index, operation in enumerate(work.writes)
    # By then the instance starts, and no answer is the same; it has a test of its own.
    if operation != "PutScheduledAction"
]


def ours(aws: LocalAws) -> Json:
    return {**aws.state("demo"), "foreign": {}}


def nth(writes: list[str], index: int) -> int:
    """Which call of its operation the write is."""
    return writes[: index + 1].count(writes[index])


ACCESS_DENIED = (
    r"{operation} for endpoint demo(, [^:]+)?: AccessDenied(Exception)?: "
    r"User is not authorized to perform this action\. \(request id [0-9a-f-]{{36}}\); "
    r"allow the function's role this operation \(the template does\)"
)


def test_the_check_for_stranded_variants_finds_one(aws: LocalAws, function: Function) -> None:
    """Here a person takes the way to wake away, in each of its parts."""
    configured(aws, function)
    cloudwatch = client(aws, "cloudwatch")
    for break_it in (
        lambda: cloudwatch.delete_alarms(AlarmNames=alarm_names("wake", "ladder")),
        lambda: autoscaling(aws, "delete_scaling_policy", PolicyName="scale-to-zero-wake"),
        lambda: autoscaling(
            aws, "register_scalable_target", SuspendedState={"DynamicScalingOutSuspended": True}
        ),
    ):
        assert stranded(aws) == []
        break_it()
        assert stranded(aws) == ["endpoint/demo/variant/AllTraffic"]
        function.invoke(state_change())
    assert stranded(aws) == []


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
def test_without_a_fault_each_work_is_done_by_just_its_writes(
    aws: LocalAws, function: Function, work: Work
) -> None:
    work.arrange(aws, function)
    assert stranded(aws) == []
    aws.clear_calls()

    function.invoke(work.payload)

    assert written(aws) == work.writes
    assert ours(aws) == work.state
    assert stranded(aws) == []


@pytest.mark.each(5)
@pytest.mark.parametrize(("work", "index"), EVERY_WRITE)
def test_a_write_that_is_denied_fails_the_invocation_and_strands_nothing_and_the_next_finishes(
    aws: LocalAws, function: Function, work: Work, index: int
) -> None:
    work.arrange(aws, function)
    operation = work.writes[index]
    aws.faults = [Fault(operation, "access_denied", nth(work.writes, index))]
    aws.clear_calls()

    error = failure(function, work.payload)

    assert error.error_type == "AccessDenied"
    assert re.fullmatch(ACCESS_DENIED.format(operation=operation), error.message), error.message
    assert written(aws) == work.writes[: index + 1]
    assert stranded(aws) == []

    aws.clear_calls()
    function.invoke(work.payload)
    assert stranded(aws) == []
    assert ours(aws) == work.state
    aws.clear_calls()
    function.invoke(work.payload)
    assert written(aws) == []


@pytest.mark.parametrize("next_payload", [EVENT, remove()], ids=["event", "remove"])
def test_a_removal_at_zero_that_cannot_be_noted_down_leaves_an_instance_and_is_asked_for_again(
    aws: LocalAws, function: Function, next_payload: Json
) -> None:
    at_zero(aws, function)
    aws.faults = [Fault("PutScheduledAction", "access_denied", 1)]
    aws.clear_calls()

    error = failure(function, remove())

    assert error.error_type == "AccessDenied"
    assert re.fullmatch(ACCESS_DENIED.format(operation="PutScheduledAction"), error.message), error.message
    assert written(aws) == ["RegisterScalableTarget", "PutScheduledAction"]
    assert ours(aws) == scaling(target=capacity(1))
    assert stranded(aws) == []

    assert function.invoke(remove()) == skipped("not-in-service")
    aws.settle()
    if next_payload == EVENT:
        assert function.invoke(EVENT)["outcome"] == "configured", "it was not asked for in the end"
        assert ours(aws) == scaling()
    else:
        assert function.invoke(remove())["outcome"] == "removed"
        assert ours(aws) == NOTHING


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(
    "work", [WORKS["configure"], WORKS["opt out"], WORKS["remove"]], ids=["configure", "opt out", "remove"]
)
def test_a_read_that_is_denied_fails_the_invocation_and_nothing_is_written(
    aws: LocalAws, function: Function, work: Work, operation: str
) -> None:
    work.arrange(aws, function)
    aws.faults = [Fault(operation, "access_denied", 1)]
    aws.clear_calls()

    error = failure(function, work.payload)

    assert error.error_type == "AccessDenied"
    assert re.fullmatch(ACCESS_DENIED.format(operation=operation), error.message), error.message
    assert written(aws) == []

    function.invoke(work.payload)
    assert written(aws) == work.writes
    assert ours(aws) == work.state


def test_listing_endpoints_that_is_denied_fails_the_invocation(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("Demo", tags=ENABLED)
    event = tag_change(aws.account().endpoint_arn("Demo"), f"{PREFIX}enabled")
    aws.faults = [Fault("ListEndpoints", "access_denied", 1)]

    error = failure(function, event)

    assert error.error_type == "AccessDenied"
    assert re.fullmatch(ACCESS_DENIED.format(operation="ListEndpoints"), error.message), error.message
    assert function.invoke(event)["outcome"] == "configured"


def test_a_message_names_endpoint_variant_and_policy_or_alarm(aws: LocalAws, function: Function) -> None:
    subjects = {
        "RegisterScalableTarget": "endpoint demo, variant AllTraffic",
        "PutScalingPolicy": "endpoint demo, variant AllTraffic, policy scale-to-zero-wake",
        "PutMetricAlarm": "endpoint demo, variant AllTraffic, alarm scale-to-zero/demo/AllTraffic/wake",
    }
    aws.create_endpoint("demo", tags=ENABLED)
    for operation, subject in subjects.items():
        aws.faults = [Fault(operation, "access_denied", 1)]
        message = failure(function, state_change()).message
        assert message.startswith(f"{operation} for {subject}: "), operation


# Failures that pass: tried again within the invocation. Each test has a process of its own, as the SDK slows
# down for a while after AWS has asked it to.

ALL_CALLS = [*READS, "RegisterScalableTarget", "PutScalingPolicy", "PutMetricAlarm"]
PASSING = {
    "internal": [Fault(operation, "internal", 1) for operation in ALL_CALLS],
    "drop": [Fault(operation, "drop", 1) for operation in ALL_CALLS],
    "answer lost": [Fault(operation, "drop_after", 1) for operation in ALL_CALLS],
    "several in a row": [Fault("RegisterScalableTarget", "internal", range(1, 4))],
    "throttle": [Fault("PutScalingPolicy", "throttle", 2)],
    "concurrent update": [Fault("RegisterScalableTarget", "concurrent_update", 1)],
    "alarm busy": [Fault("PutMetricAlarm", "alarm_busy", 1)],
    "target not known yet": [Fault("PutScalingPolicy", "object_not_found", range(1, 3))],
}


@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_passes_is_not_even_noticed(
    aws: LocalAws, start_function: Callable[..., Function], name: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [replace(fault) for fault in PASSING[name]]

    assert start_function().invoke(apply()) == answer("configured", *configuring())
    assert aws.state("demo") == scaling()
    struck = sum(len(fault.nth) if isinstance(fault.nth, range) else 1 for fault in PASSING[name])
    assert len([call for call in aws.calls if call.error]) == struck
    assert len(aws.calls) == len(READS) + len(CONFIGURING) + struck


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        pytest.param("opt out", {"DeregisterScalableTarget": "concurrent_update"}, id="busy"),
        pytest.param("opt out", dict.fromkeys(REMOVING, "drop_after"), id="answers lost"),
        pytest.param(
            "opt out of a shared target",
            dict.fromkeys(["RegisterScalableTarget", "DeleteScalingPolicy", "DeleteAlarms"], "drop_after"),
            id="answers lost on a shared target",
        ),
        pytest.param(
            "take over",
            dict.fromkeys(["DeleteScalingPolicy", "DeleteScheduledAction"], "drop_after"),
            id="answers lost in a takeover",
        ),
    ],
)
def test_taking_away_outlasts_failures_that_pass(
    aws: LocalAws, start_function: Callable[..., Function], name: str, faults: dict[str, str]
) -> None:
    """Each operation fails once. Where only the answer was lost, there is nothing left for the second try."""
    work = WORKS[name]
    function = start_function()
    work.arrange(aws, function)
    aws.faults = [Fault(operation, kind, 1) for operation, kind in faults.items()]
    aws.clear_calls()

    function.invoke(work.payload)

    assert len(written(aws)) == len(work.writes) + len(faults)
    assert ours(aws) == work.state


# What changes between a read and the write that follows from it.


def meanwhile(operation: str, act: Callable[[], object]) -> Fault:
    """No fault, but something that happens just before the first call of the operation is served."""

    def first_acts(params: Json) -> bool:
        if not done:
            done.append(operation)
            act()
        return False

    done: list[str] = []
    return Fault(operation, "drop", when=first_acts)


@pytest.mark.parametrize("name", ["opt out", "opt out of a shared target", "remove", "take over"])
def test_what_somebody_else_deletes_meanwhile_is_as_good_as_deleted(
    aws: LocalAws, function: Function, name: str
) -> None:
    work = WORKS[name]
    work.arrange(aws, function)
    others = {
        "DeregisterScalableTarget": lambda: autoscaling(aws, "deregister_scalable_target"),
        "DeleteAlarms": lambda: client(aws, "cloudwatch").delete_alarms(AlarmNames=alarm_names()),
        "DeleteScalingPolicy": lambda: autoscaling(
            aws,
            "delete_scaling_policy",
            PolicyName="their-wake" if name == "take over" else "scale-to-zero-backlog",
        ),
        "DeleteScheduledAction": lambda: autoscaling(
            aws, "delete_scheduled_action", ScheduledActionName="nightly"
        ),
    }
    deletions = [operation for operation in dict.fromkeys(work.writes) if operation in others]
    aws.faults = [meanwhile(operation, others[operation]) for operation in deletions]
    aws.clear_calls()

    function.invoke(work.payload)

    assert ours(aws) == work.state
    refused = [call.operation for call in aws.calls if call.error]
    assert refused == deletions
    assert written(aws) == work.writes


def test_an_endpoint_that_is_deleted_meanwhile_fails_once_and_is_not_found_then(
    aws: LocalAws, function: Function
) -> None:
    first_seen(aws, function)
    sagemaker = client(aws, "sagemaker")
    deleted = [lambda: sagemaker.delete_endpoint(EndpointName="demo"), aws.settle]
    aws.faults = [meanwhile("RegisterScalableTarget", lambda: [act() for act in deleted])]

    assert failure(function, state_change()).error_type == "Rejected"
    assert function.invoke(state_change()) == skipped("not-found")
    assert aws.state("demo") == NOTHING


# Failures that do not pass.


@pytest.mark.parametrize("operation", ["RegisterScalableTarget", "PutScalingPolicy", "PutMetricAlarm"])
def test_a_quota_that_is_used_up_is_tried_once(aws: LocalAws, function: Function, operation: str) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, "limit_exceeded")]

    error = failure(function, state_change())

    assert error.error_type == "LimitExceeded"
    assert error.message.startswith(f"{operation} for endpoint demo, variant AllTraffic")
    assert "have it raised in Service Quotas" in error.message
    assert written(aws).count(operation) == 1
    assert stranded(aws) == []


ERROR_TYPES = [
    ("RegisterScalableTarget", "throttle", "Throttled"),
    ("RegisterScalableTarget", "concurrent_update", "ConcurrentUpdate"),
    ("RegisterScalableTarget", "internal", "AwsServerError"),
    ("RegisterScalableTarget", "drop", "NoAnswer"),
    ("PutScalingPolicy", "object_not_found", "NotFound"),
    ("PutMetricAlarm", "throttle", "Throttled"),
    ("PutMetricAlarm", "alarm_busy", "Rejected"),
    ("PutMetricAlarm", "internal", "AwsServerError"),
    ("DescribeEndpoint", "throttle", "Throttled"),
    ("DescribeEndpoint", "internal", "AwsServerError"),
    ("DescribeAlarms", "drop", "NoAnswer"),
]


@pytest.fixture(scope="module")
def impatient(local_aws: LocalAws) -> Iterator[Function]:
    """The SDKs' own variable says how often to try, and is heeded."""
    with executable(local_aws, {"AWS_MAX_ATTEMPTS": "1"}) as function:
        yield function


@pytest.mark.parametrize(
    ("operation", "kind", "error_type"), ERROR_TYPES, ids=[f"{row[0]} {row[1]}" for row in ERROR_TYPES]
)
def test_a_failure_that_stays_has_a_fixed_error_type(
    aws: LocalAws, impatient: Function, operation: str, kind: str, error_type: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind)]

    error = failure(impatient, state_change())

    assert error.error_type == error_type
    assert error.message.startswith(f"{operation} for endpoint demo")
    assert "\n" not in error.message
    assert [call.operation for call in aws.calls].count(operation) == 1


@pytest.mark.parametrize(
    "operation", ["DescribeEndpoint", "PutMetricAlarm"], ids=["a read hangs", "a write hangs"]
)
def test_an_invocation_ends_with_an_error_before_lambda_ends_it(
    aws: LocalAws, function: Function, operation: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, "hang")]

    error = failure(function, state_change(), deadline_seconds=1)

    assert error.error_type == "DeadlineExceeded"
    assert error.message.startswith("endpoint demo: no result after ")
    assert function.durations[-1] < 1
    assert stranded(aws) == []

    aws.faults = []
    assert function.invoke(state_change())["outcome"] == "configured"
    assert aws.state("demo") == scaling()
