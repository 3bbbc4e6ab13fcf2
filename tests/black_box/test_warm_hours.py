"""Warm hours: scheduled actions raise and lower MinCapacity, and the plan knows whether a window is open.

The executable's clock is the real one, so the windows here are laid around the present: one that is open for
half a day on both sides, and one that is as far away as a week allows. What happens at the very second of a
boundary, at midnight and when summer time changes, is tested beside the pure functions that decide it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
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
    configuring,
    delete_action,
    delete_alarms,
    failure,
    plan,
    registered,
    remove,
    resource_id,
    scaling,
    settled,
    state_change,
    stranded,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function, FunctionDied

DAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
HOURS, CAPACITY = f"{PREFIX}warm-hours", f"{PREFIX}warm-capacity"
START, END = "scale-to-zero-warm-start", "scale-to-zero-warm-end"
ENVIRONMENT = WITHOUT_STATUS_TAG


@dataclass(frozen=True)
class Window:
    """A window of one day of the week, and the schedules that open and close it."""

    opens: datetime
    closes: datetime
    zone: str

    @property
    def tag(self) -> str:
        return f"{DAYS[self.opens.weekday()]} {self.opens:%H:%M}-{self.closes:%H:%M} {self.zone}"

    @property
    def actions(self) -> dict[str, str]:
        return {START: self._cron(self.opens), END: self._cron(self.closes)}

    def _cron(self, time: datetime) -> str:
        return f"cron({time.minute} {time.hour} ? * {DAYS[time.weekday()]} *)"


def window(begins: timedelta, ends: timedelta, zone: str = "UTC") -> Window:
    """From and to so long after now; in local time, which is what windows go by."""
    now = datetime.now(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)
    return Window(now + begins, now + ends, zone)


def open_window(zone: str = "UTC") -> Window:
    return window(timedelta(hours=-11), timedelta(hours=11), zone)


def closed_window(zone: str = "UTC") -> Window:
    return window(timedelta(days=3), timedelta(days=3, hours=8), zone)


OPEN, CLOSED = "MON-SUN 00:00-24:00 UTC", closed_window().tag


def put_action(name: str, schedule: str, min_capacity: int, zone: str = "UTC") -> Json:
    return {
        "change": "put-scheduled-action",
        "scheduledActionName": name,
        "schedule": schedule,
        "timezone": zone,
        "minCapacity": min_capacity,
    }


def put_actions(of: Window, warm: int = 1, cold: int = 0) -> list[Json]:
    return [
        put_action(END, of.actions[END], cold, of.zone),
        put_action(START, of.actions[START], warm, of.zone),
    ]


def held_actions(of: Window, warm: int = 1, cold: int = 0) -> Json:
    return {
        name: {
            "Schedule": of.actions[name],
            "Timezone": of.zone,
            "ScalableTargetAction": {"MinCapacity": minimum},
        }
        for name, minimum in [(START, warm), (END, cold)]
    }


def with_window(of: Window, min_capacity: int, warm: int = 1, cold: int = 0) -> Json:
    """All that belongs to an endpoint with one window, with this `min_capacity` now."""
    state = scaling(target=capacity(min_capacity))
    return state | {"actions": {VARIANT: held_actions(of, warm, cold)}}


def run_action(aws: LocalAws, name: str) -> None:
    """As Application Auto Scaling does when its time has come."""
    [action] = autoscaling(aws, "describe_scheduled_actions", ScheduledActionNames=[name])["ScheduledActions"]
    minimum = action["ScalableTargetAction"]["MinCapacity"]
    autoscaling(aws, "register_scalable_target", MinCapacity=minimum)


# Opened, closed, and in between.


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_a_variant_is_registered_warm_where_its_window_is_open(
    aws: LocalAws, function: Function, zone: str, is_open: bool
) -> None:
    of = open_window(zone) if is_open else closed_window(zone)
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag, warm_capacity="2"))
    minimum = 2 if is_open else 0
    changes = [*configuring(target=capacity(minimum)), *put_actions(of, warm=2)]

    assert function.invoke(plan()) == answer("planned", *changes)
    assert aws.state("demo") == NOTHING
    assert function.invoke(state_change()) == answer("configured", *changes)
    assert aws.state("demo") == with_window(of, minimum, warm=2)
    settled(aws, function)


def test_what_a_scheduled_action_has_done_is_no_drift(aws: LocalAws, function: Function) -> None:
    of = open_window()
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag))
    function.invoke(apply())
    autoscaling(aws, "register_scalable_target", MinCapacity=0)
    run_action(aws, START)

    settled(aws, function)
    assert aws.state("demo") == with_window(of, 1)


@pytest.mark.parametrize(
    ("value", "action", "minimum"), [(OPEN, START, 1), (CLOSED, END, 0)], ids=["open", "closed"]
)
def test_a_minimum_that_the_clock_contradicts_is_put_right(
    aws: LocalAws, function: Function, value: str, action: str, minimum: int
) -> None:
    aws.create_endpoint("demo", tags=tags(warm_hours=value))
    function.invoke(apply())
    autoscaling(aws, "register_scalable_target", MinCapacity=1 - minimum)

    assert function.invoke(state_change()) == answer("configured", registered(minimum))
    run_action(aws, action)
    settled(aws, function)


def test_a_window_that_never_closes_has_no_end(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(warm_hours=OPEN))

    function.invoke(apply())

    assert list(aws.state("demo")["actions"][VARIANT]) == [START]
    settled(aws, function)


def test_windows_of_several_labels_have_actions_of_their_own(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint(
        "demo",
        tags={
            HOURS: "MON-FRI 08:00-18:00 Europe/Berlin",
            f"{HOURS}.late": "FRI 16:00-22:00 Europe/Berlin",
            f"{HOURS}.New_York-2": "SAT+SUN 22:00-06:00 America/New_York",
        },
    )

    function.invoke(apply())

    held = aws.state("demo")["actions"][VARIANT]
    assert {name: (action["Schedule"], action["Timezone"]) for name, action in held.items()} == {
        START: ("cron(0 8 ? * MON,TUE,WED,THU,FRI *)", "Europe/Berlin"),
        # On Fridays it would close in the window of the late shift.
        END: ("cron(0 18 ? * MON,TUE,WED,THU *)", "Europe/Berlin"),
        f"{START}.late": ("cron(0 16 ? * FRI *)", "Europe/Berlin"),
        f"{END}.late": ("cron(0 22 ? * FRI *)", "Europe/Berlin"),
        f"{START}.New_York-2": ("cron(0 22 ? * SAT,SUN *)", "America/New_York"),
        # On Mondays it would close in the window of Berlin.
        f"{END}.New_York-2": ("cron(0 6 ? * SUN *)", "America/New_York"),
    }
    settled(aws, function)


# With other settings.


def test_the_minimum_outside_is_the_one_that_is_tagged(aws: LocalAws, function: Function) -> None:
    of = open_window()
    wanted = tags(warm_hours=of.tag, warm_capacity="3", min_capacity="1", idle_timeout="10m")
    aws.create_endpoint("demo", tags=wanted)

    function.invoke(apply())

    state = aws.state("demo")
    assert state["targets"] == {VARIANT: capacity(3)}
    assert state["actions"] == {VARIANT: held_actions(of, warm=3, cold=1)}
    idle = state["policies"][VARIANT]["scale-to-zero-idle"]
    assert idle["StepAdjustments"][0]["ScalingAdjustment"] == 1, "MinCapacity bounds it in the warm hours"
    settled(aws, function)


def test_a_pause_suspends_the_schedule_and_leaves_the_minimum(aws: LocalAws, function: Function) -> None:
    suspended = {"scale_in": True, "scale_out": True, "scheduled": True}
    of = open_window()
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag))
    function.invoke(apply())
    aws.retag("demo", tags(pause="true"))

    assert function.invoke(apply()) == answer("configured", registered(1, **suspended), paused=True)
    aws.retag("demo", {HOURS: CLOSED})
    changed = [change["change"] for change in function.invoke(apply())["variants"][0]["changes"]]
    assert changed == ["put-scheduled-action"] * 2
    assert aws.state("demo")["targets"] == {VARIANT: capacity(1, **suspended)}

    aws.retag("demo", tags(pause="false"))
    assert function.invoke(apply()) == answer("configured", registered(0))


def test_an_endpoint_that_is_paused_from_the_start_starts_cold(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(warm_hours=OPEN, pause="true"))

    function.invoke(apply())

    assert aws.state("demo")["targets"][VARIANT]["MinCapacity"] == 0


def test_every_variant_has_its_own_actions(aws: LocalAws, function: Function) -> None:
    of = open_window()
    variants = ["Blue", "Green"]
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag), variants=variants)

    changes = {
        variant: [*configuring(variant=variant, target=capacity(1)), *put_actions(of)] for variant in variants
    }
    assert function.invoke(apply()) == answer_of("configured", changes)
    settled(aws, function)


def test_warm_hours_can_be_a_default_that_a_tag_takes_away(aws: LocalAws, start_function: Any) -> None:
    of = open_window()
    function = start_function(DEFAULT_WARM_HOURS=of.tag, DEFAULT_WARM_CAPACITY="2")
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    assert aws.state("demo") == with_window(of, 2, warm=2)

    aws.settle()
    aws.retag("demo", tags(warm_hours="none"))
    assert function.invoke(apply())["outcome"] == "configured"
    assert aws.state("demo") == scaling()


@pytest.mark.parametrize(
    "variable", [{"DEFAULT_WARM_HOURS": "office hours"}, {"DEFAULT_WARM_CAPACITY": "0"}], ids=str
)
def test_a_bad_default_stops_the_function_by_its_name(start_function: Any, variable: Json) -> None:
    with pytest.raises(FunctionDied) as died:
        start_function(**variable).invoke(apply())

    assert next(iter(variable)) in str(died.value)


def test_a_default_above_the_largest_maximum_gives_way_with_a_warning(
    aws: LocalAws, start_function: Any
) -> None:
    function = start_function(DEFAULT_WARM_HOURS=OPEN, DEFAULT_WARM_CAPACITY="6")
    aws.create_endpoint("demo", tags=ENABLED)

    function.invoke(apply())

    assert aws.state("demo")["targets"] == {VARIANT: capacity(5, 5)}
    [warning] = [line for line in function.logs if line["level"] == "WARN"]
    assert 'DEFAULT_WARM_CAPACITY="6"' in warning["message"]


# Mistakes.

EXAMPLE = "must be days, times and a time zone, such as MON-FRI 08:00-18:00 Europe/Berlin"
BAD_WINDOWS = {
    "": EXAMPLE,
    "MON-FRI": EXAMPLE,
    "08:00-18:00 Europe/Berlin": EXAMPLE,
    "MON-FRI 08:00-18:00 Europe/Berlin 2026": EXAMPLE,
    "Mon-Fri 08:00-18:00 UTC": "must begin with days such as MON-FRI, SAT or MON+WED+FRI, "
    'but "Mon-Fri" is not that',
    "MON-FRI 8-18 UTC": "must have two different times such as 08:00-18:00, or 22:00-06:00 across midnight, "
    'or 00:00-24:00, but "8-18" is not that',
    "MON-FRI 08:00-18:00 Mars/Phobos": "must end with a time zone of the IANA database such as Europe/Berlin "
    'or UTC, but "Mars/Phobos" is not one',
}


@pytest.mark.parametrize(("value", "problem"), BAD_WINDOWS.items(), ids=repr)
@pytest.mark.parametrize("key", [HOURS, f"{HOURS}.late"])
def test_a_window_that_cannot_be_read_is_refused_with_what_would_be_accepted(
    aws: LocalAws, function: Function, key: str, value: str, problem: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED | {key: value})

    assert function.invoke(apply()) == {
        "endpoint": "demo",
        "outcome": "invalid",
        "problems": [{"tag": key, "value": value, "problem": problem}],
    }
    assert aws.state("demo") == NOTHING


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"warm_capacity": "0"}, "must be an integer from 1 to 100 (the CAPACITY_LIMIT of the deployment)"),
        ({"warm_capacity": "3", "max_capacity": "2"}, "must be at most max-capacity, which is 2"),
        ({"warm_capacity": "1", "min_capacity": "2"}, "must be at least min-capacity, which is 2"),
        (
            {"warm_capacity": "6"},
            "must be at most max-capacity, which is 5 by default; "
            "set scale-to-zero:max-capacity as well to allow more",
        ),
    ],
)
def test_a_warm_capacity_stays_between_the_other_two(
    aws: LocalAws, function: Function, wanted: dict[str, str], problem: str
) -> None:
    aws.create_endpoint("demo", tags=tags(**wanted))

    value = wanted["warm_capacity"]
    assert function.invoke(apply())["problems"] == [{"tag": CAPACITY, "value": value, "problem": problem}]


@pytest.mark.parametrize("label", ["", "two words", "a/b", "a.b", "x" * 65])
def test_a_label_that_no_action_could_bear_is_refused(aws: LocalAws, function: Function, label: str) -> None:
    aws.create_endpoint("demo", tags={f"{HOURS}.{label}": OPEN})

    [problem] = function.invoke(apply())["problems"]
    assert problem["problem"] == "has a label that is not 1 to 64 letters, digits, - and _"


# Drift.

WINDOW = "MON-FRI 08:00-18:00 Europe/Berlin"
START_CRON = "cron(0 8 ? * MON,TUE,WED,THU,FRI *)"


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> LocalAws:
    aws.create_endpoint("demo", tags=tags(warm_hours=WINDOW))
    function.invoke(apply())
    aws.clear_calls()
    return aws


def edit_start(aws: LocalAws, **changes: Any) -> None:
    members = {
        "Schedule": START_CRON,
        "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 1},
        **changes,
    }
    autoscaling(aws, "put_scheduled_action", ScheduledActionName=START, **members)


PUT_START = put_action(START, START_CRON, 1, "Europe/Berlin")
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        pytest.param({"Schedule": "cron(0 9 ? * MON *)"}, [PUT_START], id="Schedule"),
        pytest.param({"Timezone": "UTC"}, [PUT_START], id="Timezone"),
        pytest.param({"ScalableTargetAction": {"MinCapacity": 4}}, [PUT_START], id="MinCapacity"),
        # What we never write goes whole, as a put may leave it in place.
        pytest.param(
            {"ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 9}},
            [delete_action(START), PUT_START],
            id="MaxCapacity",
        ),
        pytest.param({"StartTime": TOMORROW}, [delete_action(START), PUT_START], id="StartTime"),
        pytest.param({"EndTime": TOMORROW}, [delete_action(START), PUT_START], id="EndTime"),
    ],
)
def test_a_field_of_an_action_changed_by_hand_is_repaired(
    configured: LocalAws, function: Function, edit: Json, changes: list[Json]
) -> None:
    before = configured.state("demo")
    edit_start(configured, **edit)

    assert function.invoke(state_change()) == answer("configured", *changes)
    assert configured.state("demo") == before
    settled(configured, function)


def test_an_action_that_a_person_deletes_comes_back(configured: LocalAws, function: Function) -> None:
    before = configured.state("demo")
    autoscaling(configured, "delete_scheduled_action", ScheduledActionName=START)

    assert function.invoke(state_change()) == answer("configured", PUT_START)
    assert configured.state("demo") == before


def test_an_action_of_ours_that_no_tag_asks_for_goes(configured: LocalAws, function: Function) -> None:
    autoscaling(
        configured,
        "put_scheduled_action",
        ScheduledActionName=f"{START}.old",
        Schedule=START_CRON,
        ScalableTargetAction={"MinCapacity": 1},
    )

    assert function.invoke(state_change()) == answer("configured", delete_action(f"{START}.old"))
    settled(configured, function)


def test_a_sweep_sees_the_drift_of_an_action(configured: LocalAws, function: Function) -> None:
    edit_start(configured, Timezone="UTC")

    assert function.invoke({"action": "sweep"})["results"] == [answer("configured", PUT_START)]
    assert function.invoke({"action": "sweep"})["counts"] == {"unchanged": 1}


# Another window, and none.


def test_another_window_takes_two_puts(configured: LocalAws, function: Function) -> None:
    configured.retag("demo", {HOURS: "SAT 10:00-12:00 UTC"})

    changes = [
        put_action(END, "cron(0 12 ? * SAT *)", 0),
        put_action(START, "cron(0 10 ? * SAT *)", 1),
    ]
    answered = function.invoke(apply())
    assert [change for change in answered["variants"][0]["changes"] if change in changes] == changes
    settled(configured, function)


def test_without_the_tag_the_endpoint_is_as_if_it_had_never_been_there(
    aws: LocalAws, function: Function
) -> None:
    of = open_window()
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag))
    function.invoke(apply())
    aws.untag("demo", [HOURS])

    assert function.invoke(apply()) == answer(
        "configured", registered(), delete_action(END), delete_action(START)
    )
    assert aws.state("demo") == scaling()
    settled(aws, function)


@pytest.mark.parametrize("how", ["remove", "opt out", "delete"])
def test_nothing_of_the_warm_hours_stays_behind(configured: LocalAws, function: Function, how: str) -> None:
    if how == "delete":
        configured.delete_endpoint("demo")
        assert function.invoke(state_change(status="DELETING")) == answer("removed", delete_alarms())
    else:
        if how == "opt out":
            configured.retag("demo", {f"{PREFIX}enabled": "false"})
        answered = function.invoke(remove() if how == "remove" else apply())
        note = {"note": STILL_ASKED} if how == "remove" else {}
        assert answered == answer("removed", DEREGISTERED, delete_alarms(), **note)

    assert configured.state("demo") == NOTHING


def test_another_owners_action_is_a_conflict_and_gives_way_to_a_takeover(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(warm_hours=WINDOW))
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=5)
    autoscaling(
        aws,
        "put_scheduled_action",
        ScheduledActionName="office-hours",
        Schedule=START_CRON,
        ScalableTargetAction={"MinCapacity": 1},
    )

    assert function.invoke(apply())["conflicts"] == [
        {
            "variant": VARIANT,
            "resourceId": resource_id(),
            "type": "scheduled-action",
            "name": "office-hours",
        }
    ]
    aws.retag("demo", tags(takeover="true"))
    function.invoke(apply())
    assert list(aws.state("demo")["actions"][VARIANT]) == [END, START]
    assert aws.state("demo")["foreign"] == {}


# Every write in turn fails.


@pytest.mark.parametrize("index", range(len(CONFIGURING) + 2))
def test_a_configuration_that_is_cut_off_strands_nothing_and_the_next_event_finishes(
    aws: LocalAws, function: Function, index: int
) -> None:
    writes = [*CONFIGURING, "PutScheduledAction", "PutScheduledAction"]
    of = closed_window()
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag))
    operation = writes[index]
    aws.faults = [Fault(operation, "access_denied", writes[: index + 1].count(operation))]

    assert failure(function, state_change()).error_type == "AccessDenied"
    assert written(aws) == writes[: index + 1]
    assert stranded(aws) == []

    aws.faults = []
    function.invoke(state_change())
    assert aws.state("demo") == with_window(of, 0)


def test_an_action_that_is_put_too_soon_behind_its_target_is_tried_again(
    aws: LocalAws, function: Function
) -> None:
    of = closed_window()
    aws.create_endpoint("demo", tags=tags(warm_hours=of.tag))
    aws.faults = [Fault("PutScheduledAction", "object_not_found", 1)]

    assert function.invoke(state_change())["outcome"] == "configured"
    assert written(aws).count("PutScheduledAction") == 3
    assert aws.state("demo") == with_window(of, 0)


def test_the_first_configuration_without_warm_hours_is_what_it_was(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(apply()) == answer("configured", *configuring())
