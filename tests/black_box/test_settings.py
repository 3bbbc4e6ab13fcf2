"""What the tags and the deployment say shows in AWS; what they say wrongly is refused, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from book import plain, table
from policies import ladder_alarm, put_alarm, wake_alarm
from support import (
    ENABLED,
    NOTHING,
    PREFIX,
    WITHOUT_STATUS_TAG,
    Json,
    answer,
    apply,
    backlog_policy,
    capacity,
    delete_alarms,
    delete_policy,
    plan,
    put_backlog_policy,
    put_idle_policy,
    put_wake_alarms,
    put_wake_policy,
    registered,
    remove,
    scaling,
    skipped,
    state_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.runtime import Function, FunctionDied

ENVIRONMENT = WITHOUT_STATUS_TAG


def refused(*problems: tuple[str, str | None, str], **more: Any) -> Json:
    """Each problem is the key after the prefix, the value and the text."""
    return {
        "endpoint": "demo",
        "outcome": "invalid",
        "problems": [
            {"tag": PREFIX + key, "value": value, "problem": problem} for key, value, problem in problems
        ],
        **more,
    }


# Good tags.

SETTINGS = [
    ("opted in alone", {}, scaling()),
    ("min-capacity 0", {"min_capacity": "0"}, scaling()),
    ("min-capacity 1", {"min_capacity": "1"}, scaling(target=capacity(1), wake=False)),
    ("max-capacity 8", {"max_capacity": "8"}, scaling(target=capacity(0, 8))),
    ("max-capacity at its limit", {"max_capacity": "100"}, scaling(target=capacity(0, 100))),
    ("backlog-per-instance 1", {"backlog_per_instance": "1"}, scaling(backlog=backlog_policy(target=1.0))),
    (
        "backlog-per-instance 0.25",
        {"backlog_per_instance": "0.25"},
        scaling(backlog=backlog_policy(target=0.25)),
    ),
    (
        "scale-in-cooldown 10m",
        {"scale_in_cooldown": "10m"},
        scaling(backlog=backlog_policy(scale_in_cooldown=600)),
    ),
    (
        "scale-in-cooldown 0",
        {"scale_in_cooldown": "0"},
        scaling(backlog=backlog_policy(scale_in_cooldown=0)),
    ),
    (
        "scale-out-cooldown 1h",
        {"scale_out_cooldown": "1h"},
        scaling(backlog=backlog_policy(scale_out_cooldown=3600)),
    ),
    (
        "scale-out-cooldown 45s",
        {"scale_out_cooldown": "45s"},
        scaling(backlog=backlog_policy(scale_out_cooldown=45)),
    ),
    ("wake true", {"wake": "true"}, scaling()),
    ("wake false", {"wake": "false"}, scaling(wake=False)),
    *(
        (f"wake {value}", {"wake": value}, scaling(wake=wakes))
        for values, wakes in [
            (("True", "yes", "YES", "on", "1"), True),
            (("FALSE", "no", "Off", "0"), False),
        ]
        for value in values
    ),
    ("enabled On", {"enabled": "On"}, scaling()),
    ("takeover YES", {"takeover": "YES"}, scaling()),
    ("pause No", {"pause": "No"}, scaling()),
    ("wake-instances auto", {"wake_instances": "auto"}, scaling()),
    ("wake-instances Auto", {"wake_instances": "Auto"}, scaling()),
    ("max-capacity 1, with nothing to climb to", {"max_capacity": "1"}, scaling(target=capacity(0, 1))),
    ("idle-timeout none", {"idle_timeout": "none"}, scaling(idle=None)),
    ("wake-instances 3", {"wake_instances": "3"}, scaling(wake_instances=3)),
    ("pause false", {"pause": "false"}, scaling()),
    ("pause scale-in", {"pause": "scale-in"}, scaling(target=capacity(scale_in=True))),
    (
        "pause true",
        {"pause": "true"},
        scaling(target=capacity(scale_in=True, scale_out=True, scheduled=True)),
    ),
    ("takeover true", {"takeover": "true"}, scaling()),
    ("takeover false", {"takeover": "false"}, scaling()),
    ("blanks around a value", {"max_capacity": " 8 ", "enabled": " true "}, scaling(target=capacity(0, 8))),
    (
        "everything at once",
        {
            "min_capacity": "0",
            "max_capacity": "7",
            "backlog_per_instance": "2.5",
            "scale_in_cooldown": "120",
            "scale_out_cooldown": "2m",
            "wake": "true",
            "wake_instances": "7",
            "pause": "scale-in",
            "takeover": "true",
        },
        scaling(
            target=capacity(0, 7, scale_in=True),
            backlog=backlog_policy(target=2.5, scale_in_cooldown=120, scale_out_cooldown=120),
            wake_instances=7,
        ),
    ),
]


@pytest.mark.parametrize(
    ("settings", "state"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS]
)
def test_every_tag_shows_in_aws_and_is_found_there_again(
    aws: LocalAws, function: Function, settings: dict[str, str], state: Json
) -> None:
    aws.create_endpoint("demo", tags=tags(**settings))

    assert function.invoke(apply())["outcome"] == "configured"
    assert aws.state("demo") == state
    aws.clear_calls()
    assert function.invoke(apply())["outcome"] == "unchanged"
    assert written(aws) == []


@pytest.mark.parametrize(
    "setting", ["min-capacity", "max-capacity", "wake", "pause", "takeover", "scale-in-cooldown"]
)
def test_any_tag_of_the_prefix_opts_in(aws: LocalAws, function: Function, setting: str) -> None:
    value = {"min-capacity": "0", "max-capacity": "5", "scale-in-cooldown": "300"}.get(setting, "false")
    aws.create_endpoint("demo", tags={PREFIX + setting: value})

    assert function.invoke(apply())["outcome"] == "configured"


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        pytest.param(
            {"max_capacity": "3"}, [registered(0, 3), put_wake_policy(max_capacity=3)], id="max-capacity"
        ),
        pytest.param(
            {"backlog_per_instance": "2"},
            [put_alarm("ladder", ladder_alarm(target=2.0)), put_backlog_policy(target=2.0)],
            id="backlog-per-instance",
        ),
        pytest.param(
            {"scale_in_cooldown": "1m"}, [put_backlog_policy(scale_in_cooldown=60)], id="scale-in-cooldown"
        ),
        pytest.param(
            {"scale_out_cooldown": "1m"}, [put_backlog_policy(scale_out_cooldown=60)], id="scale-out-cooldown"
        ),
        pytest.param(
            {"wake_instances": "2"},
            [put_wake_policy(2), put_alarm("wake", wake_alarm(minutes=1)), delete_alarms("ladder")],
            id="wake-instances",
        ),
        pytest.param(
            {"wake": "false"},
            [delete_policy("scale-to-zero-wake"), delete_alarms("wake", "ladder")],
            id="wake off",
        ),
        pytest.param(
            {"min_capacity": "1"},
            [
                registered(1),
                delete_policy("scale-to-zero-wake"),
                put_idle_policy(1),
                delete_alarms("wake", "ladder"),
            ],
            id="min-capacity above 0 takes the wake policy and alarm away",
        ),
    ],
)
def test_a_changed_tag_causes_just_the_writes_it_needs_and_so_does_its_way_back(
    aws: LocalAws, function: Function, settings: dict[str, str], changes: list[Json]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())

    aws.retag("demo", tags(**settings))
    assert function.invoke(apply()) == answer("configured", *changes)
    aws.untag("demo", [PREFIX + name.replace("_", "-") for name in settings])
    assert function.invoke(apply())["outcome"] == "configured"
    assert aws.state("demo") == scaling()


def test_lowering_min_capacity_to_zero_puts_the_way_to_wake_in_place_before_the_way_to_zero(
    aws: LocalAws, function: Function
) -> None:
    """Until the idle policy is put, it keeps the one instance, whatever the target allows."""
    aws.create_endpoint("demo", tags=tags(min_capacity="1"))
    function.invoke(apply())

    aws.untag("demo", [f"{PREFIX}min-capacity"])
    assert function.invoke(apply()) == answer(
        "configured", registered(), put_wake_policy(), *put_wake_alarms(), put_idle_policy()
    )
    assert aws.state("demo") == scaling()


def test_where_target_tracking_scales_in_the_way_to_wake_comes_before_the_lower_minimum(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(min_capacity="1", idle_timeout="none"))
    function.invoke(apply())

    aws.untag("demo", [f"{PREFIX}min-capacity"])
    assert function.invoke(apply()) == answer(
        "configured", put_wake_policy(), *put_wake_alarms(), registered()
    )
    assert aws.state("demo") == scaling(idle=None)


# Bad tags.

INTEGER = "must be an integer from {} to 100 (the CAPACITY_LIMIT of the deployment)"
WAKE_INSTANCES = "must be auto or an integer from 1 to 100 (the CAPACITY_LIMIT of the deployment)"
NUMBER = "must be a number above 0, such as 5 or 0.5"
DURATION = "must be a duration such as 300s, 10m, 1h or plain seconds, 300"
SWITCH = "must be true or false"
ABOVE_DEFAULT = (
    "must be at most max-capacity, which is 5 by default; "
    "set scale-to-zero:max-capacity as well to allow more"
)
KNOWN = "Known settings: " + ", ".join(plain(row[0]) for row in table("tags"))


def unknown(nearest: str) -> str:
    return f"is not a setting; did you mean {PREFIX}{nearest}? {KNOWN}"


BAD_TAGS = [
    ("enabled", "enabled", SWITCH),
    ("enabled", "Ture", SWITCH),
    ("enabled", "", SWITCH),
    ("min-capacity", "-1", INTEGER.format(0)),
    ("min-capacity", "none", INTEGER.format(0)),
    ("max-capacity", "0", INTEGER.format(1)),
    ("max-capacity", "2.5", INTEGER.format(1)),
    ("max-capacity", "101", INTEGER.format(1)),
    ("max-capacity", "99999999999", INTEGER.format(1)),
    ("backlog-per-instance", "0", NUMBER),
    ("backlog-per-instance", "-5", NUMBER),
    ("backlog-per-instance", "1e3", NUMBER),
    ("backlog-per-instance", "NaN", NUMBER),
    ("scale-in-cooldown", "5 minutes", DURATION),
    ("scale-in-cooldown", "-5m", DURATION),
    ("scale-out-cooldown", "", DURATION),
    ("scale-out-cooldown", "999999999h", DURATION),
    ("wake", "2", SWITCH),
    ("wake-instances", "0", WAKE_INSTANCES),
    ("wake-instances", "two", WAKE_INSTANCES),
    ("wake-instances", "automatic", WAKE_INSTANCES),
    ("pause", "scale-out", "must be true, scale-in or false"),
    ("takeover", "t", SWITCH),
    ("max-capcity", "5", unknown("max-capacity")),
    ("Enabled", "true", unknown("enabled")),
    ("backlog", "5", unknown("backlog-per-instance")),
    ("wake-instance", "1", unknown("wake-instances")),
    ("takover", "true", unknown("takeover")),
    (
        "min-capacity",
        "6",
        f"must be at most max-capacity, which is 5 by default; set {PREFIX}max-capacity as "
        "well to allow more",
    ),
    (
        "wake-instances",
        "6",
        f"must be at most max-capacity, which is 5 by default; set {PREFIX}max-capacity as "
        "well to allow more",
    ),
]


@pytest.mark.parametrize(
    ("key", "value", "problem"), BAD_TAGS, ids=[f"{row[0]}={row[1]}" for row in BAD_TAGS]
)
def test_a_bad_tag_is_named_with_its_value_and_what_would_be_accepted(
    aws: LocalAws, function: Function, key: str, value: str, problem: str
) -> None:
    aws.create_endpoint("demo", tags={f"{PREFIX}{key}": value})

    assert function.invoke(apply()) == refused((key, value, problem))
    assert written(aws) == []
    assert aws.state("demo") == NOTHING


ALL_BAD = {
    "Enabled": ("true", unknown("enabled")),
    "backlog-per-instance": ("five", NUMBER),
    "enabled": ("y", SWITCH),
    "max-capacity": ("1000", INTEGER.format(1)),
    "max-capcity": ("5", unknown("max-capacity")),
    "min-capacity": ("-1", INTEGER.format(0)),
    "pause": ("maybe", "must be true, scale-in or false"),
    "scale-in-cooldown": ("5 min", DURATION),
    "scale-out-cooldown": ("fast", DURATION),
    "takeover": ("please", SWITCH),
    "wake": ("awake", SWITCH),
    "wake-instances": ("0", WAKE_INSTANCES),
}


@pytest.mark.parametrize(
    "payload", [state_change(), apply(), plan()], ids=["in-service event", "apply", "plan"]
)
def test_all_bad_tags_are_reported_at_once_and_the_scaling_there_is_stays(
    aws: LocalAws, function: Function, payload: Json
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    aws.retag("demo", {PREFIX + key: value for key, (value, _) in ALL_BAD.items()})
    aws.clear_calls()

    answered = function.invoke(payload)

    assert answered == refused(*((key, value, problem) for key, (value, problem) in sorted(ALL_BAD.items())))
    assert len(answered["problems"]) == 12
    assert written(aws) == []
    assert aws.state("demo") == scaling()


CONTRADICTIONS = [
    (
        "min above max",
        {"min_capacity": "3", "max_capacity": "2"},
        [("max-capacity", "2", "must be at least min-capacity, which is 3")],
    ),
    (
        "wake-instances above max",
        {"wake_instances": "3", "max_capacity": "2"},
        [("wake-instances", "3", "must be at most max-capacity, which is 2")],
    ),
    (
        "both above max",
        {"min_capacity": "4", "wake_instances": "3", "max_capacity": "2"},
        [
            ("max-capacity", "2", "must be at least min-capacity, which is 4"),
            ("wake-instances", "3", "must be at most max-capacity, which is 2"),
        ],
    ),
    (
        "a maximum that cannot be read is compared with nothing",
        {"min_capacity": "6", "max_capacity": "many"},
        [("max-capacity", "many", INTEGER.format(1))],
    ),
]


@pytest.mark.parametrize(
    ("settings", "problems"), [row[1:] for row in CONTRADICTIONS], ids=[row[0] for row in CONTRADICTIONS]
)
def test_tags_that_contradict_each_other_are_refused(
    aws: LocalAws, function: Function, settings: dict[str, str], problems: list[tuple[str, str, str]]
) -> None:
    aws.create_endpoint("demo", tags=tags(**settings))

    assert function.invoke(apply()) == refused(*problems)
    assert written(aws) == []


def test_opting_out_wins_over_bad_tags(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(enabled="false", max_capcity="x"))

    assert function.invoke(apply()) == skipped("not-managed")
    assert written(aws) == []


def test_a_mended_tag_is_heeded_at_the_next_delivery(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(max_capacity="five"))
    function.invoke(state_change())

    aws.retag("demo", tags(max_capacity="3"))
    function.invoke(state_change())

    assert aws.state("demo") == scaling(target=capacity(0, 3))


def test_bad_tags_do_not_keep_an_endpoint_from_being_removed(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    aws.retag("demo", tags(max_capacity="five"))

    assert function.invoke(remove())["outcome"] == "removed"
    assert aws.state("demo") == NOTHING


# More instances than MaxCapacity.


def test_a_variant_that_runs_more_than_the_default_maximum_is_refused_by_the_name_of_the_tag(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED, instances=7)

    assert function.invoke(state_change()) == refused(
        (
            "max-capacity",
            None,
            "is not set, and variant AllTraffic runs 7 instances: the default of 5 would cut them down at "
            "once; set this tag to 7 or more to keep them, or to less to allow the cut",
        )
    )
    assert written(aws) == []


@pytest.mark.parametrize(
    ("max_capacity", "desired"), [("7", 7), ("9", 7), ("5", 5)], ids=["as many", "more", "fewer, as wished"]
)
def test_with_a_tagged_maximum_such_a_variant_is_configured(
    aws: LocalAws, function: Function, max_capacity: str, desired: int
) -> None:
    aws.create_endpoint("demo", tags=tags(max_capacity=max_capacity), instances=7)

    function.invoke(state_change())

    assert aws.state("demo") == scaling(target=capacity(0, int(max_capacity)))
    assert aws.account().endpoint("demo").production_variants[0]["DesiredInstanceCount"] == desired


def test_a_variant_on_its_way_up_counts_with_the_instances_it_is_to_have(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.set_instances("demo", current=1, desired=6)

    assert function.invoke(state_change())["outcome"] == "invalid"
    assert written(aws) == []


# The deployment.

DEPLOYMENTS = [
    ("DEFAULT_MIN_CAPACITY", {"DEFAULT_MIN_CAPACITY": "1"}, scaling(target=capacity(1), wake=False)),
    ("DEFAULT_MAX_CAPACITY", {"DEFAULT_MAX_CAPACITY": "9"}, scaling(target=capacity(0, 9))),
    (
        "DEFAULT_BACKLOG_PER_INSTANCE",
        {"DEFAULT_BACKLOG_PER_INSTANCE": "2.5"},
        scaling(backlog=backlog_policy(target=2.5)),
    ),
    (
        "DEFAULT_SCALE_IN_COOLDOWN",
        {"DEFAULT_SCALE_IN_COOLDOWN": "10m"},
        scaling(backlog=backlog_policy(scale_in_cooldown=600)),
    ),
    (
        "DEFAULT_SCALE_OUT_COOLDOWN",
        {"DEFAULT_SCALE_OUT_COOLDOWN": "30"},
        scaling(backlog=backlog_policy(scale_out_cooldown=30)),
    ),
    ("DEFAULT_WAKE", {"DEFAULT_WAKE": "false"}, scaling(wake=False)),
    ("DEFAULT_WAKE_INSTANCES", {"DEFAULT_WAKE_INSTANCES": "2"}, scaling(wake_instances=2)),
    ("CAPACITY_LIMIT lowers the default maximum", {"CAPACITY_LIMIT": "3"}, scaling(target=capacity(0, 3))),
    (
        "an empty variable counts as unset",
        {"MANAGE": "", "TAG_PREFIX": "", "CAPACITY_LIMIT": "", "DEFAULT_MAX_CAPACITY": ""},
        scaling(),
    ),
]


@pytest.mark.parametrize(
    ("environment", "state"), [row[1:] for row in DEPLOYMENTS], ids=[row[0] for row in DEPLOYMENTS]
)
def test_every_default_of_the_deployment_shows_in_aws(
    aws: LocalAws, start_function: Callable[..., Function], environment: dict[str, str], state: Json
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert start_function(**environment).invoke(apply())["outcome"] == "configured"
    assert aws.state("demo") == state


def test_the_tag_wins_over_the_default_of_the_deployment(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(DEFAULT_MAX_CAPACITY="9", DEFAULT_WAKE="false")
    aws.create_endpoint("demo", tags=tags(max_capacity="2", wake="true"))

    function.invoke(apply())

    assert aws.state("demo") == scaling(target=capacity(0, 2))


def test_a_default_gives_way_to_a_tagged_maximum(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(DEFAULT_WAKE_INSTANCES="4")
    aws.create_endpoint("demo", tags=tags(max_capacity="2"))

    function.invoke(apply())

    assert aws.state("demo") == scaling(target=capacity(0, 2), wake_instances=2)


def test_a_deployed_default_maximum_covers_what_runs(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED, instances=7)

    start_function(DEFAULT_MAX_CAPACITY="7").invoke(apply())

    assert aws.state("demo") == scaling(target=capacity(0, 7))


def test_no_tag_may_ask_for_more_than_the_capacity_limit(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(CAPACITY_LIMIT="3", **WITHOUT_STATUS_TAG)
    aws.create_endpoint("demo", tags=tags(max_capacity="4", wake_instances="4", min_capacity="4"))
    problem = "an integer from {} to 3 (the CAPACITY_LIMIT of the deployment)"

    assert function.invoke(apply()) == refused(
        ("max-capacity", "4", "must be " + problem.format(1)),
        ("min-capacity", "4", "must be " + problem.format(0)),
        ("wake-instances", "4", "must be auto or " + problem.format(1)),
    )
    assert written(aws) == []


def test_another_tag_prefix_makes_other_tags_count(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(TAG_PREFIX="ml team/zero:")
    aws.create_endpoint("ours", tags={"ml team/zero:max-capacity": "3"})
    aws.create_endpoint("theirs", tags=tags(max_capacity="3"))
    aws.create_endpoint("wrong", tags={"ml team/zero:max": "3"})

    assert function.invoke(apply("ours"))["outcome"] == "configured"
    assert aws.state("ours") == scaling("ours", target=capacity(0, 3))
    assert function.invoke(apply("theirs")) == skipped("not-managed", "theirs")
    assert function.invoke(apply("wrong"))["problems"][0]["tag"] == "ml team/zero:max"


@pytest.mark.parametrize("prefix", ["team/zero:", "Scale-To-Zero:"])
@pytest.mark.parametrize("instances", [0, 1], ids=["asleep", "awake"])
@pytest.mark.parametrize("fleet", [True, False], ids=["the fleet", "one endpoint"])
def test_a_plan_shows_what_a_changed_prefix_would_take_away(
    aws: LocalAws, start_function: Callable[..., Function], fleet: bool, instances: int, prefix: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    start_function().invoke(state_change())
    aws.set_instances("demo", instances)
    before = aws.state("demo")
    aws.clear_calls()

    payload = {"action": "plan"} if fleet else {"action": "plan", "endpoint": "demo"}
    planned = start_function(TAG_PREFIX=prefix).invoke(payload)

    [result] = planned["results"] if fleet else [planned]
    assert result["outcome"] == "planned"
    changes = [change["change"] for change in result["variants"][0]["changes"]]
    wanted = ["deregister-scalable-target", "delete-alarms"] if instances else ["register-scalable-target"]
    assert changes == wanted
    assert written(aws) == []
    assert aws.state("demo") == before


def test_the_status_tag_is_no_setting_whatever_the_prefix(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    aws.create_endpoint("demo", tags={"scale-to-zero-status": "whatever"})

    for prefix in ("scale-to-zero:", "scale-to-zero-"):
        function = start_function(TAG_PREFIX=prefix, **WITHOUT_STATUS_TAG)
        assert function.invoke(apply()) == skipped("not-managed"), prefix


@pytest.mark.parametrize(
    ("endpoint", "outcome"),
    [
        pytest.param({}, "configured", id="untagged"),
        pytest.param({"tags": {"team": "speech"}}, "configured", id="with the tags of others"),
        pytest.param({"tags": ENABLED}, "configured", id="tagged"),
        pytest.param({"tags": tags(enabled="false")}, "not-managed", id="opted out"),
        pytest.param({"asynchronous": False}, "not-async", id="real-time"),
        pytest.param({"instances": 7}, "invalid", id="with more instances than the default allows"),
        pytest.param({"tags": tags(wake="nope")}, "invalid", id="with bad tags"),
    ],
)
def test_a_function_that_manages_all_leaves_out_who_opts_out_or_cannot_be_managed(
    aws: LocalAws, start_function: Callable[..., Function], endpoint: dict[str, Any], outcome: str
) -> None:
    aws.create_endpoint("demo", **endpoint)

    answered = start_function(MANAGE="all").invoke(state_change())

    assert answered.get("reason", answered["outcome"]) == outcome
    assert aws.state("demo") == (scaling() if outcome == "configured" else NOTHING)


BAD_VARIABLES = [
    ("TAG_PREFIX", "aws:zero"),
    ("TAG_PREFIX", "a,b"),
    ("TAG_PREFIX", "x" * 65),
    ("MANAGE", "some"),
    ("CAPACITY_LIMIT", "0"),
    ("CAPACITY_LIMIT", "lots"),
    ("DEFAULT_MIN_CAPACITY", "few"),
    ("DEFAULT_MAX_CAPACITY", "0"),
    ("DEFAULT_BACKLOG_PER_INSTANCE", "0"),
    ("DEFAULT_SCALE_IN_COOLDOWN", "soon"),
    ("DEFAULT_SCALE_OUT_COOLDOWN", "-1"),
    ("DEFAULT_WAKE", "ja"),
    ("DEFAULT_WAKE_INSTANCES", "few"),
]


@pytest.mark.parametrize(
    ("variable", "value"), BAD_VARIABLES, ids=[f"{row[0]}={row[1][:10]}" for row in BAD_VARIABLES]
)
def test_a_bad_variable_stops_the_function_at_start_by_name(
    aws: LocalAws, start_function: Callable[..., Function], variable: str, value: str
) -> None:
    function = start_function(**{variable: value})

    with pytest.raises(FunctionDied) as died:
        function.wait_until_ready()

    assert died.value.exit_code == 1
    assert function.init_error is not None
    assert function.init_error.error_type == "InvalidConfiguration"
    assert f'environment variable {variable}="{value}" must be' in function.init_error.message
    assert [(line["level"], line["error_type"], line["message"]) for line in function.logs] == [
        ("ERROR", "InvalidConfiguration", function.init_error.message)
    ]
    assert function.stray_output == []
    assert aws.calls == []


def test_all_bad_variables_are_named_at_once(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    function = start_function(MANAGE="some", DEFAULT_WAKE="ja", CAPACITY_LIMIT="-1")

    with pytest.raises(FunctionDied):
        function.wait_until_ready()

    assert function.init_error is not None
    for variable in ("MANAGE", "DEFAULT_WAKE", "CAPACITY_LIMIT"):
        assert f"environment variable {variable}=" in function.init_error.message


@pytest.mark.parametrize(
    ("given", "named", "most"),
    [
        ({"DEFAULT_MIN_CAPACITY": "6"}, "DEFAULT_MIN_CAPACITY", 5),
        ({"DEFAULT_MAX_CAPACITY": "101"}, "DEFAULT_MAX_CAPACITY", 100),
        ({"CAPACITY_LIMIT": "3", "DEFAULT_MAX_CAPACITY": "5"}, "DEFAULT_MAX_CAPACITY", 3),
        ({"DEFAULT_WAKE_INSTANCES": "6"}, "DEFAULT_WAKE_INSTANCES", 5),
    ],
)
def test_defaults_that_do_not_go_together_give_way_with_a_warning(
    aws: LocalAws, start_function: Callable[..., Function], given: dict[str, str], named: str, most: int
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function = start_function(**given)

    answer = function.invoke(state_change())

    assert answer["outcome"] == "configured"
    assert answer["variants"][0]["changes"][0]["maxCapacity"] == most
    [warning] = [line for line in function.logs if line["level"] == "WARN"]
    assert f"{named}=" in warning["message"]
