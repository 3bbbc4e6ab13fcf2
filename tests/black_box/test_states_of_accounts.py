"""Holds: in the states that real accounts show, no endpoint stays asleep for good and nothing surprises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import (
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
    configuring,
    delete_alarms,
    delete_policy,
    plan,
    put_backlog_policy,
    put_foreign_action,
    put_foreign_step,
    put_foreign_tracking,
    put_idle_policy,
    registered,
    remove,
    scaling,
    settled,
    skipped,
    state_change,
    stranded,
    tag_change,
    tags,
    written,
)

from local.account import Account
from local.aws import LocalAws
from local.runtime import Function
from local.services import OPERATIONS

ENVIRONMENT = WITHOUT_STATUS_TAG
OPTED_OUT = {f"{PREFIX}enabled": "false"}
DAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
ALWAYS = "MON-SUN 00:00-24:00 UTC"
REMOVAL_MARK = "scale-to-zero-warm-start..removing"

Start = Callable[..., Function]
Put = Callable[[LocalAws], None]

THEIRS = pytest.mark.parametrize(
    "put",
    [
        pytest.param(put_foreign_step, id="their policy"),
        pytest.param(put_foreign_action, id="their scheduled action"),
    ],
)


def configured(aws: LocalAws, function: Function, instances: int = 1, **settings: str) -> None:
    aws.create_endpoint("demo", tags=tags(**settings), instances=instances)
    assert function.invoke(state_change())["outcome"] == "configured"
    aws.settle()
    aws.clear_calls()


def asleep(aws: LocalAws, function: Function, **settings: str) -> None:
    configured(aws, function, **settings)
    aws.set_instances("demo", 0)


def start_fails(aws: LocalAws) -> None:
    """AWS had no capacity: the order is given up, and the endpoint is InService as it was."""
    aws.set_instances("demo", 0)
    aws.settle()
    assert aws.wanted("demo") == 0


def open_window() -> str:
    """For eleven hours before now and after."""
    now = datetime.now(UTC)
    opens, closes = now - timedelta(hours=11), now + timedelta(hours=11)
    return f"{DAYS[opens.weekday()]} {opens:%H:%M}-{closes:%H:%M} UTC"


def targets(aws: LocalAws) -> Json:
    found: Json = aws.state("demo")["targets"]
    return found


# A start that fails.


def test_a_minimum_is_asked_for_again_at_each_event_until_an_instance_runs_and_so_long_it_can_be_woken(
    aws: LocalAws, function: Function
) -> None:
    asleep(aws, function)
    ways = ["scale-to-zero/demo/AllTraffic/wake", "scale-to-zero/demo/AllTraffic/ladder"]
    aws.retag("demo", tags(min_capacity="1"))

    for changes in ([registered(1), put_idle_policy(1)], [registered(1)], [registered(1)]):
        assert function.invoke(state_change()) == answer("configured", *changes)
        assert aws.wanted("demo") == 1
        state = aws.state("demo")
        assert "scale-to-zero-wake" in state["policies"][VARIANT]
        assert set(ways) <= set(state["alarms"])
        assert stranded(aws) == []
        start_fails(aws)

    function.invoke(state_change())
    aws.settle()
    assert aws.instances("demo") == 1
    assert function.invoke(state_change()) == answer(
        "configured", delete_policy("scale-to-zero-wake"), delete_alarms("wake", "ladder")
    )
    assert aws.state("demo") == scaling(target=capacity(1), wake=False)
    settled(aws, function)


def test_a_warm_minimum_is_asked_for_again_too(aws: LocalAws, function: Function) -> None:
    asleep(aws, function, warm_hours=ALWAYS, warm_capacity="2")

    for _ in range(2):
        assert function.invoke(state_change()) == answer("configured", registered(2))
        assert aws.wanted("demo") == 2
        start_fails(aws)


def test_a_variant_below_its_minimum_is_raised_to_it(aws: LocalAws, function: Function) -> None:
    """One of the two instances could be had."""
    configured(aws, function, instances=2, min_capacity="2")
    aws.set_instances("demo", 1)

    assert function.invoke(state_change()) == answer("configured", registered(2))
    aws.settle()
    assert aws.instances("demo") == 2
    settled(aws, function)


def test_a_paused_variant_below_its_minimum_is_left_alone(aws: LocalAws, function: Function) -> None:
    asleep(aws, function, min_capacity="1", pause="true")

    assert function.invoke(state_change()) == answer("unchanged", paused=True)
    assert written(aws) == []
    assert aws.wanted("demo") == 0


# What looks like a removal and is none.


@pytest.mark.parametrize(
    "suspended",
    [
        {"DynamicScalingInSuspended": True, "ScheduledScalingSuspended": True},
        {"DynamicScalingInSuspended": True},
        {"ScheduledScalingSuspended": True, "DynamicScalingOutSuspended": True},
    ],
    ids=lambda it: " ".join(it),
)
@pytest.mark.parametrize("settings", [{"warm_hours": ALWAYS}, {"min_capacity": "1"}], ids=["warm", "min 1"])
def test_what_a_person_suspends_is_no_removal(
    aws: LocalAws, function: Function, settings: dict[str, str], suspended: Json
) -> None:
    configured(aws, function, **settings)
    before = aws.state("demo")
    autoscaling(aws, "register_scalable_target", SuspendedState=suspended)

    assert function.invoke(state_change()) == answer("configured", registered(1))
    assert aws.state("demo") == before
    settled(aws, function)


def test_the_mark_of_a_removal_on_a_variant_that_is_gone_does_not_take_the_living_ones_scaling(
    aws: LocalAws, function: Function
) -> None:
    asleep(aws, function)
    assert function.invoke(remove())["outcome"] == "removing"
    assert list(aws.state("demo")["actions"][VARIANT]) == [REMOVAL_MARK]
    aws.settle()
    aws.rename_variant("demo", VARIANT, "Blue")
    aws.settle()

    assert function.invoke(state_change()) == answer_of(
        "configured", {"Blue": configuring("demo", "Blue"), VARIANT: [DEREGISTERED, delete_alarms()]}
    )
    assert aws.state("demo") == scaling("demo", ["Blue"])


# A removal at zero.


@THEIRS
def test_a_removal_at_zero_of_a_shared_target_is_finished_by_the_event(
    aws: LocalAws, function: Function, put: Put
) -> None:
    asleep(aws, function)
    put(aws)
    theirs = aws.state("demo")["foreign"]

    assert function.invoke(remove())["outcome"] == "removing"
    assert stranded(aws) == []
    aws.settle()

    assert function.invoke(state_change())["outcome"] == "removed"
    assert aws.state("demo") == {**NOTHING, "targets": {VARIANT: capacity(1)}, "foreign": theirs}
    assert aws.instances("demo") == 1


@pytest.mark.parametrize(
    "settings", [{"min_capacity": "1"}, {"warm_hours": ALWAYS}, {"min_capacity": "2"}], ids=str
)
def test_a_removal_at_zero_is_finished_by_the_event_where_the_tags_ask_for_an_instance(
    aws: LocalAws, function: Function, settings: dict[str, str]
) -> None:
    asleep(aws, function, **settings)

    assert function.invoke(remove())["outcome"] == "removing"
    aws.settle()

    assert function.invoke(state_change()) == answer(
        "removed", DEREGISTERED, delete_alarms(*alarms_with(settings)), note=STILL_ASKED
    )
    assert aws.state("demo") == NOTHING


def alarms_with(settings: dict[str, str]) -> list[str]:
    return ["spare", "idle"] if "min_capacity" in settings else []


@pytest.mark.parametrize("again", ["doubled event", "sweep", "apply"])
def test_what_comes_behind_a_removal_by_hand_does_what_the_note_says(
    aws: LocalAws, function: Function, again: str
) -> None:
    asleep(aws, function)
    function.invoke(remove())
    aws.settle()

    assert function.invoke(state_change())["note"] == STILL_ASKED
    if again == "sweep":
        assert function.invoke({"action": "sweep"})["counts"] == {"configured": 1}
    else:
        payload = apply() if again == "apply" else state_change()
        assert function.invoke(payload) == answer("configured", *configuring())
    assert aws.state("demo") == scaling()


@pytest.mark.parametrize("leave", ["opted out", "untagged", "removed"])
def test_a_target_deregistered_by_hand_at_zero_is_raised_before_it_is_left(
    aws: LocalAws, function: Function, leave: str
) -> None:
    asleep(aws, function)
    autoscaling(aws, "deregister_scalable_target")
    if leave == "opted out":
        aws.retag("demo", OPTED_OUT)
    elif leave == "untagged":
        aws.untag("demo", list(ENABLED))

    begun = function.invoke(remove() if leave == "removed" else state_change())

    assert begun["outcome"] == "removing"
    assert begun["variants"][0]["changes"][0] == registered(1, 1)
    assert aws.wanted("demo") == 1
    aws.settle()
    note = {"note": STILL_ASKED} if leave == "removed" else {}
    assert function.invoke(state_change()) == answer("removed", DEREGISTERED, delete_alarms(), **note)
    assert aws.state("demo") == NOTHING
    assert aws.instances("demo") == 1


@pytest.mark.parametrize("by_hand", [False, True], ids=["opted out", "removed"])
def test_a_scale_in_between_look_and_deregistration_is_seen_and_made_good(
    aws: LocalAws, function: Function, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    configured(aws, function)
    call = ("application-autoscaling", "DeregisterScalableTarget")
    perform = OPERATIONS[call]

    def scale_in_first(account: Account, params: dict[str, Any]) -> dict[str, Any]:
        aws.set_instances("demo", 0)
        return perform(account, params)

    monkeypatch.setitem(OPERATIONS, call, scale_in_first)
    if not by_hand:
        aws.retag("demo", OPTED_OUT)

    assert function.invoke(remove() if by_hand else state_change())["outcome"] == "removing"
    assert aws.wanted("demo") == 1
    monkeypatch.setitem(OPERATIONS, call, perform)
    aws.settle()

    assert function.invoke(state_change())["outcome"] == "removed"
    assert aws.state("demo") == NOTHING
    assert aws.instances("demo") == 1


# Leaving a target that another owner uses.


@THEIRS
@pytest.mark.parametrize("pause", ["true", "scale-in"])
def test_leaving_a_shared_target_takes_our_suspension_along(
    aws: LocalAws, function: Function, put: Put, pause: str
) -> None:
    configured(aws, function, pause=pause)
    put(aws)
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(state_change())["outcome"] == "removed"
    assert targets(aws) == {VARIANT: capacity(1)}
    assert stranded(aws) == []


@THEIRS
@pytest.mark.parametrize("closes", [True, False], ids=["a window", "a window that never closes"])
@pytest.mark.parametrize(("cold", "left"), [("0", 1), ("1", 1), ("2", 2)])
def test_leaving_a_shared_target_takes_the_warm_minimum_along(
    aws: LocalAws, function: Function, put: Put, cold: str, left: int, closes: bool
) -> None:
    hours = open_window() if closes else ALWAYS
    configured(aws, function, 3, warm_hours=hours, warm_capacity="3", min_capacity=cold)
    assert targets(aws) == {VARIANT: capacity(3)}
    put(aws)
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(state_change())["outcome"] == "removed"
    assert targets(aws) == {VARIANT: capacity(left)}
    assert aws.instances("demo") == aws.wanted("demo") == 3


@THEIRS
def test_leaving_a_shared_target_cuts_no_instances(aws: LocalAws, function: Function, put: Put) -> None:
    """Somebody has set more by hand than MaxCapacity, and registering would cut that down."""
    configured(aws, function)
    put(aws)
    aws.set_instances("demo", 7)
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(state_change())["outcome"] == "removed"
    assert targets(aws) == {VARIANT: capacity(1, 7)}
    assert aws.wanted("demo") == 7


# Defaults that have given way.


@pytest.mark.parametrize(
    ("defaults", "settings", "bounds"),
    [
        pytest.param(
            {"DEFAULT_MIN_CAPACITY": "3"},
            {"max_capacity": "2", "warm_capacity": "2", "warm_hours": ALWAYS},
            (2, 2),
            id="warm-capacity against a minimum that no longer holds",
        ),
        pytest.param(
            {"DEFAULT_MIN_CAPACITY": "3", "DEFAULT_WARM_CAPACITY": "4"},
            {"max_capacity": "1", "wake_instances": "1"},
            (1, 1),
            id="nothing holds but the tagged maximum",
        ),
        pytest.param(
            {"DEFAULT_WARM_CAPACITY": "4"},
            {"max_capacity": "2", "warm_hours": ALWAYS},
            (2, 2),
            id="a warm capacity above the tagged maximum",
        ),
    ],
)
def test_tags_are_not_held_against_a_default_that_gives_way(
    aws: LocalAws,
    start_function: Start,
    defaults: dict[str, str],
    settings: dict[str, str],
    bounds: tuple[int, int],
) -> None:
    aws.create_endpoint("demo", tags=tags(**settings), instances=bounds[0])
    function = start_function(**defaults, **WITHOUT_STATUS_TAG)

    assert function.invoke(state_change())["outcome"] == "configured"
    assert targets(aws) == {VARIANT: capacity(*bounds)}


# Time zones.


@pytest.mark.parametrize(
    ("written_zone", "sent"),
    [
        ("US/Eastern", "America/New_York"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("US/Pacific", "America/Los_Angeles"),
        ("Asia/Saigon", "Asia/Ho_Chi_Minh"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_zone_that_is_a_link_is_sent_as_the_zone_that_it_leads_to(
    aws: LocalAws, function: Function, written_zone: str, sent: str
) -> None:
    configured(aws, function, warm_hours=f"MON 08:00-18:00 {written_zone}")

    actions = aws.state("demo")["actions"][VARIANT].values()
    assert [action["Timezone"] for action in actions] == [sent, sent]
    settled(aws, function)


def test_a_time_zone_that_an_answer_leaves_out_is_utc(aws: LocalAws, function: Function) -> None:
    configured(aws, function, warm_hours="MON 08:00-18:00 UTC")

    def without_zone(found: Json) -> Json:
        actions = [
            {name: value for name, value in action.items() if name != "Timezone"}
            for action in found["ScheduledActions"]
        ]
        return {**found, "ScheduledActions": actions}

    aws.amendments = {"DescribeScheduledActions": without_zone}
    settled(aws, function)


# Another MaxCapacity.

TAKEN_OVER = "another owner's scaling is deleted: take it out of that owner's code first"


def bare_target(aws: LocalAws, most: int) -> None:
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=most)


@pytest.mark.parametrize("most", [3, 10])
@pytest.mark.parametrize("takeover", [False, True], ids=["adoption", "takeover"])
def test_another_maximum_is_named_and_changed_only_where_it_is_tagged(
    aws: LocalAws, function: Function, most: int, takeover: bool
) -> None:
    aws.create_endpoint("demo", tags=tags(takeover="true") if takeover else ENABLED)
    bare_target(aws, most)
    if takeover:
        put_foreign_tracking(aws)
    before = aws.state("demo")

    for payload in (state_change(), apply(), plan()):
        refused = function.invoke(payload)
        assert refused["outcome"] == "invalid"
        [problem] = refused["problems"]
        assert problem["tag"] == f"{PREFIX}max-capacity"
        assert f"set this tag to {most} to keep it, or to 5 to allow the change" in problem["problem"]
    assert written(aws) == []
    assert aws.state("demo") == before

    aws.retag("demo", tags(max_capacity=str(most)))
    answered = function.invoke(state_change())

    assert answered["outcome"] == "configured"
    assert answered.get("note", "").startswith(TAKEN_OVER) is takeover
    assert targets(aws) == {VARIANT: capacity(0, most)}
    assert aws.state("demo")["foreign"] == {}
    settled(aws, function)


# Switches.


@pytest.mark.parametrize("value", ["False", "no", "off", "0", "NO", "Off", " false "])
def test_whoever_plainly_means_to_opt_out_does(aws: LocalAws, function: Function, value: str) -> None:
    configured(aws, function)
    aws.retag("demo", {f"{PREFIX}enabled": value})
    changed = tag_change(aws.account().endpoint_arn("demo"), f"{PREFIX}enabled")

    assert function.invoke(changed) == answer("removed", DEREGISTERED, delete_alarms())
    assert aws.state("demo") == NOTHING
    assert function.invoke(apply()) == skipped("not-managed")


@pytest.mark.parametrize("value", ["True", "yes", "on", "1"])
def test_whoever_plainly_means_to_opt_in_does(aws: LocalAws, function: Function, value: str) -> None:
    aws.create_endpoint("demo", tags={f"{PREFIX}enabled": value})

    assert function.invoke(apply()) == answer("configured", *configuring())


# Lists that lag behind.


@pytest.mark.parametrize(
    "settings", [{}, {"warm_hours": ALWAYS}, {"warm_hours": "MON 08:00-18:00 UTC"}], ids=str
)
@pytest.mark.parametrize(
    "stale",
    [
        ("DescribeScheduledActions",),
        ("DescribeScalingPolicies",),
        (
            "DescribeScheduledActions",
            "DescribeScalingPolicies",
        ),
    ],
    ids=" and ".join,
)
def test_where_the_target_is_gone_and_still_listed_is_what_hung_on_it_registering_comes_first(
    aws: LocalAws,
    function: Function,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    stale: tuple[str, ...],
) -> None:
    configured(aws, function, **settings)
    before = aws.state("demo")
    resource = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/demo/variant/{VARIANT}"}
    for operation in stale:
        listed = OPERATIONS[("application-autoscaling", operation)](aws.account(), resource)
        aws.amendments[operation] = lambda _, listed=listed: listed
    autoscaling(aws, "deregister_scalable_target")

    assert function.invoke(state_change())["outcome"] == "configured"

    assert written(aws)[0] == "RegisterScalableTarget"
    assert [call.error for call in aws.writes() if call.error] == []
    aws.amendments = {}
    function.invoke(state_change())
    assert aws.state("demo") == before
    settled(aws, function)


# Target tracking without its alarms.


@pytest.mark.parametrize("left", [0, 1], ids=["none left", "one left"])
def test_target_tracking_that_lost_its_alarms_is_put_once_and_not_for_ever(
    aws: LocalAws, function: Function, start_function: Start, left: int
) -> None:
    configured(aws, function, idle_timeout="none")

    def without_alarms(found: Json) -> Json:
        policies = [
            {**policy, "Alarms": policy["Alarms"][:left]}
            if policy["PolicyType"] == "TargetTrackingScaling"
            else policy
            for policy in found["ScalingPolicies"]
        ]
        return {**found, "ScalingPolicies": policies}

    aws.amendments = {"DescribeScalingPolicies": without_alarms}

    put = put_backlog_policy(scales_in=True)
    assert function.invoke(plan()) == answer("planned", put)
    assert function.invoke(state_change()) == answer("configured", put)
    settled(aws, function)
    assert function.invoke({"action": "wake", "endpoint": "demo"})["outcome"] == "unchanged"
    assert start_function(**WITHOUT_STATUS_TAG).invoke(state_change()) == answer("configured", put)

    aws.amendments = {}
    settled(aws, function)
