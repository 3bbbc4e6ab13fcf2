"""What another owner keeps on an endpoint is left alone, or taken over where a tag says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from policies import alarm_names
from support import (
    CONFIGURING,
    DEREGISTERED,
    ENABLED,
    NOTHING,
    PREFIX,
    STILL_ASKED,
    VARIANT,
    WITHOUT_STATUS_TAG,
    Json,
    answer,
    answer_of,
    apply,
    autoscaling,
    capacity,
    client,
    configuring,
    delete_action,
    delete_alarms,
    delete_policy,
    plan,
    put_foreign_action,
    put_foreign_step,
    put_foreign_tracking,
    put_wake_alarms,
    put_wake_policy,
    registered,
    remove,
    resource_id,
    scaling,
    skipped,
    state_change,
    stranded,
    tag_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.runtime import Function

OPTED_OUT = {f"{PREFIX}enabled": "false"}
ADVICE = (
    "another owner scales this endpoint, so nothing was written; set the tag scale-to-zero:takeover to true "
    "to have these replaced, or take them away, or opt the endpoint out"
)
ENVIRONMENT = WITHOUT_STATUS_TAG


def register(aws: LocalAws, least: int, most: int, resource: str = resource_id()) -> None:
    autoscaling(aws, "register_scalable_target", resource, MinCapacity=least, MaxCapacity=most)


def conflict(*found: tuple[str, str], variant: str = VARIANT, **more: Any) -> Json:
    """Each with its type and name."""
    return {
        "endpoint": "demo",
        "outcome": "conflict",
        "conflicts": [
            {"variant": variant, "resourceId": resource_id("demo", variant), "type": kind, "name": name}
            for kind, name in found
        ],
        "advice": ADVICE,
        **more,
    }


def everything(aws: LocalAws, name: str = "demo") -> tuple[Json, list[Json]]:
    """What belongs to the endpoint, and all alarms of the account, AWS's and other owners' too."""
    return aws.state(name), client(aws, "cloudwatch").describe_alarms()["MetricAlarms"]


TRACKING = ("scaling-policy", "theirs")
STEP = ("scaling-policy", "their-wake")
ACTION = ("scheduled-action", "nightly")

FOREIGN = [
    pytest.param([put_foreign_tracking], [TRACKING], id="target-tracking policy"),
    pytest.param([put_foreign_step], [STEP], id="step policy"),
    pytest.param([put_foreign_action], [ACTION], id="scheduled action"),
    pytest.param(
        [put_foreign_action, put_foreign_tracking, put_foreign_step], [STEP, TRACKING, ACTION], id="all three"
    ),
]

Put = Callable[[LocalAws], None]


# Conflicts.


@pytest.mark.parametrize("payload", [state_change(), apply(), plan()], ids=["event", "apply", "plan"])
@pytest.mark.parametrize(("puts", "found"), FOREIGN)
def test_what_another_owner_has_is_named_and_nothing_is_written(
    aws: LocalAws, function: Function, puts: list[Put], found: list[tuple[str, str]], payload: Json
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    register(aws, 1, 3)
    for put in puts:
        put(aws)
    before = everything(aws)

    assert function.invoke(payload) == conflict(*found)
    assert written(aws) == []
    assert everything(aws) == before


@pytest.mark.parametrize("name", ["scale-to-zero-wake2", "Scale-To-Zero-Wake", "scale-to-zero"])
def test_a_policy_with_nearly_our_name_is_another_owners(
    aws: LocalAws, function: Function, name: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    register(aws, 1, 3)
    put_foreign_tracking(aws, name)

    assert function.invoke(state_change()) == conflict(("scaling-policy", name))


def test_another_owner_who_comes_later_stops_all_writing_to_what_we_have_configured(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    put_foreign_action(aws)
    aws.retag("demo", tags(max_capacity="3"))
    before = everything(aws)
    aws.clear_calls()

    assert function.invoke(state_change()) == conflict(ACTION)
    assert written(aws) == []
    assert everything(aws) == before


def test_a_conflict_on_one_variant_keeps_all_of_the_endpoint_from_being_written(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED, variants=["Blue", "Green"])
    green = resource_id("demo", "Green")
    register(aws, 1, 3, green)
    put_foreign_tracking(aws, "theirs", green)

    assert function.invoke(state_change()) == conflict(TRACKING, variant="Green")
    assert written(aws) == []


def test_when_the_other_owner_has_gone_the_endpoint_is_configured(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    register(aws, 1, 5)
    put_foreign_tracking(aws)
    function.invoke(state_change())
    autoscaling(aws, "delete_scaling_policy", PolicyName="theirs")

    assert function.invoke(state_change()) == answer("configured", *configuring())
    assert aws.state("demo") == scaling()


# Takeovers.

SCALING_IN = configuring()[4:]
TAKEN_OVER = (
    "another owner's scaling is deleted: take it out of that owner's code first (Terraform: a removed block, "
    'CloudFormation: DeletionPolicy: Retain), or its next deployment fails with "Only one '
    'TargetTrackingScaling policy" or puts it back'
)


def test_a_takeover_puts_the_way_to_wake_in_place_before_it_deletes_and_before_it_opens_the_way_to_zero(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"))
    register(aws, 1, 5)
    for put in (put_foreign_tracking, put_foreign_step, put_foreign_action):
        put(aws)
    changes = [
        put_wake_policy(),
        *put_wake_alarms(),
        delete_policy("their-wake"),
        delete_policy("theirs"),
        delete_action("nightly"),
        registered(),
        *SCALING_IN,
    ]

    assert function.invoke(plan()) == answer("planned", *changes, note=TAKEN_OVER)
    assert function.invoke(state_change()) == answer("configured", *changes, note=TAKEN_OVER)
    assert written(aws) == [
        "PutScalingPolicy",
        "PutMetricAlarm",
        "PutMetricAlarm",
        "DeleteScalingPolicy",
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
        "RegisterScalableTarget",
        *CONFIGURING[4:],
    ]
    assert aws.state("demo") == scaling()
    aws.clear_calls()
    assert function.invoke(state_change()) == answer("unchanged")
    assert written(aws) == []


def test_a_takeover_at_min_capacity_zero_wakes_before_it_deletes_the_other_way_to_wake(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"), instances=0)
    register(aws, 0, 5)
    put_foreign_tracking(aws)
    put_foreign_step(aws)
    assert stranded(aws) == []

    assert function.invoke(state_change()) == answer(
        "configured",
        put_wake_policy(),
        *put_wake_alarms(),
        delete_policy("their-wake"),
        delete_policy("theirs"),
        *SCALING_IN,
        note=TAKEN_OVER,
    )
    assert aws.state("demo") == scaling()


def test_a_takeover_leaves_the_alarms_of_the_other_owner(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"))
    register(aws, 1, 5)
    put_foreign_step(aws)
    cloudwatch = client(aws, "cloudwatch")
    theirs = cloudwatch.describe_alarms(AlarmNames=["their-wake-alarm"])["MetricAlarms"]
    assert len(theirs) == 1

    function.invoke(state_change())

    assert cloudwatch.describe_alarms(AlarmNames=["their-wake-alarm"])["MetricAlarms"] == theirs


def test_a_takeover_to_min_capacity_one_needs_no_way_to_wake(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true", min_capacity="1"))
    register(aws, 0, 5)
    put_foreign_tracking(aws)

    assert function.invoke(state_change()) == answer(
        "configured",
        registered(1),
        delete_policy("theirs"),
        *configuring(target=capacity(1), wake=False)[1:],
        note=TAKEN_OVER,
    )
    assert aws.state("demo") == scaling(target=capacity(1), wake=False)


def test_takeover_changes_nothing_where_there_is_nobody_else(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"))

    assert function.invoke(state_change()) == answer("configured", *configuring())


def test_a_takeover_does_not_shrink_a_variant_by_surprise(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true"), instances=7)
    register(aws, 1, 10)
    put_foreign_tracking(aws)

    answered = function.invoke(state_change())

    assert (answered["outcome"], written(aws)) == ("invalid", [])


# Bare targets.


@pytest.mark.parametrize(
    ("bounds", "changes"),
    [
        pytest.param((1, 5), configuring(), id="with another minimum"),
        pytest.param((0, 5), configuring()[1:], id="with our bounds"),
    ],
)
def test_a_target_without_any_policy_is_adopted(
    aws: LocalAws, function: Function, bounds: tuple[int, int], changes: list[Json]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    register(aws, *bounds)

    assert function.invoke(state_change()) == answer("configured", *changes)
    assert aws.state("demo") == scaling()


def test_adopting_a_target_does_not_shrink_a_variant_by_surprise(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, instances=7)
    register(aws, 1, 10)

    assert function.invoke(state_change())["outcome"] == "invalid"
    assert aws.state("demo") == {**NOTHING, "targets": {VARIANT: capacity(1, 10)}}


# Endpoints that are not ours.


@pytest.mark.parametrize("endpoint_tags", [{}, OPTED_OUT], ids=["untagged", "opted out"])
def test_the_scaling_of_an_endpoint_that_is_not_ours_is_never_touched(
    aws: LocalAws, start_function: Callable[..., Function], endpoint_tags: dict[str, str]
) -> None:
    arn = aws.create_endpoint("demo", tags=endpoint_tags)
    register(aws, 0, 3)
    for put in (put_foreign_tracking, put_foreign_step, put_foreign_action):
        put(aws)
    before = everything(aws)
    function = start_function()

    for payload in (state_change(), apply(), plan(), remove(), tag_change(arn, f"{PREFIX}enabled")):
        assert function.invoke(payload) == skipped("not-managed"), payload
    assert written(aws) == []
    assert everything(aws) == before


def test_a_bare_target_of_an_endpoint_that_is_not_ours_is_never_touched(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo")
    register(aws, 0, 3)

    for payload in (state_change(), apply(), remove()):
        assert function.invoke(payload) == skipped("not-managed"), payload
    assert aws.state("demo") == {**NOTHING, "targets": {VARIANT: capacity(0, 3)}}


def test_a_function_that_manages_all_respects_other_owners_too(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    aws.create_endpoint("demo")
    register(aws, 1, 3)
    put_foreign_tracking(aws)

    function = start_function(MANAGE="all", **WITHOUT_STATUS_TAG)
    assert function.invoke(state_change()) == conflict(TRACKING)


def test_alarms_with_nearly_our_names_outlive_a_removal(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    cloudwatch = client(aws, "cloudwatch")
    names = [
        "scale-to-zero/demo/AllTraffic/awake",
        "scale-to-zero/demo/AllTraffic/wake/up",
        "scale-to-zero/demo/wake",
    ]
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="HasBacklogWithoutCapacity",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )

    assert function.invoke(state_change()) == answer("unchanged")
    assert function.invoke(remove())["outcome"] == "removed"
    assert sorted(aws.state("demo")["alarms"]) == sorted(names)


def test_over_a_whole_life_no_alarm_is_written_but_by_our_names(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    for settings in ({"backlog_per_instance": "2"}, {"min_capacity": "1"}, {"wake_instances": "2"}):
        aws.retag("demo", tags(**settings))
        function.invoke(state_change())
    aws.untag("demo", [f"{PREFIX}min-capacity"])
    function.invoke(state_change())
    aws.set_instances("demo", 0)
    function.invoke(remove())
    aws.settle()
    assert function.invoke(state_change())["outcome"] == "removed"

    alarms = [
        name
        for call in aws.writes()
        if call.service == "cloudwatch"
        for name in call.params.get("AlarmNames", [call.params.get("AlarmName")])
    ]
    assert set(alarms) == set(alarm_names())
    assert client(aws, "cloudwatch").describe_alarms()["MetricAlarms"] == []


# Leaving a target that another owner uses.


THEIRS = pytest.mark.parametrize(
    "put",
    [
        pytest.param(put_foreign_step, id="their policy"),
        pytest.param(put_foreign_action, id="their scheduled action"),
    ],
)
LEAVING = [
    *[delete_policy(f"scale-to-zero-{name}") for name in ("backlog", "wake", "spare", "idle")],
    delete_alarms(),
]


def shared(aws: LocalAws, function: Function, put: Put) -> Json:
    """A configured endpoint on which another owner has put something too; answers what is theirs."""
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    put(aws)
    theirs: Json = aws.state("demo")["foreign"]
    assert theirs
    return theirs


@pytest.mark.parametrize("leave", ["opted out", "removed"])
@THEIRS
def test_leaving_keeps_the_target_that_another_owner_uses_but_not_at_zero(
    aws: LocalAws, function: Function, put: Put, leave: str
) -> None:
    theirs = shared(aws, function, put)
    if leave == "opted out":
        aws.retag("demo", OPTED_OUT)

    answered = function.invoke(remove() if leave == "removed" else state_change())
    note = {"note": STILL_ASKED} if leave == "removed" else {}

    assert answered == answer("removed", registered(1), *LEAVING, **note)
    assert aws.state("demo") == {**NOTHING, "targets": {VARIANT: capacity(1)}, "foreign": theirs}


@THEIRS
def test_opting_out_at_zero_of_a_target_that_another_owner_uses_waits_for_the_instance(
    aws: LocalAws, function: Function, put: Put
) -> None:
    """Our way to wake stays until the instance runs: starting it may fail for want of capacity."""
    theirs = shared(aws, function, put)
    aws.set_instances("demo", 0)
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(state_change()) == answer("removing", registered(1))
    aws.settle()
    assert function.invoke(state_change()) == answer("removed", *LEAVING)
    assert aws.state("demo") == {**NOTHING, "targets": {VARIANT: capacity(1)}, "foreign": theirs}


def test_leaving_does_not_write_a_shared_target_that_cannot_reach_zero(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(min_capacity="2"), instances=2)
    function.invoke(state_change())
    put_foreign_action(aws)
    aws.retag("demo", OPTED_OUT)
    theirs = aws.state("demo")["foreign"]

    assert function.invoke(state_change()) == answer(
        "removed",
        *[delete_policy(f"scale-to-zero-{name}") for name in ("backlog", "spare", "idle")],
        delete_alarms("spare", "idle"),
    )
    assert aws.state("demo") == {**NOTHING, "targets": {VARIANT: capacity(2)}, "foreign": theirs}


def test_of_two_variants_only_the_shared_one_keeps_its_target(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, variants=["Blue", "Green"])
    function.invoke(state_change())
    put_foreign_action(aws, "nightly", resource_id("demo", "Green"))
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(state_change()) == answer_of(
        "removed",
        {
            "Blue": [DEREGISTERED, delete_alarms(variant="Blue")],
            "Green": [registered(1), *LEAVING[:4], delete_alarms(variant="Green")],
        },
    )
    state = aws.state("demo")
    assert state["targets"] == {"Green": capacity(1)}
    assert list(state["foreign"]["actions"]) == ["Green"]
