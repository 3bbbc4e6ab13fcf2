"""The idle timeout: alarms and step policies scale in, target tracking only out; with `none` it does both."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from policies import QUEUE, alarm_name, alarm_names, idle_alarm
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
    backlog_policy,
    capacity,
    client,
    configuring,
    delete_alarms,
    delete_policy,
    failure,
    plan,
    policy_arn,
    put_backlog_policy,
    put_idle_alarm,
    put_idle_policy,
    put_spare_alarm,
    put_spare_policy,
    put_wake_alarms,
    put_wake_policy,
    registered,
    remove,
    scaling,
    settled,
    state_change,
    stranded,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

IDLE_ALARM = alarm_name("idle")
TIMEOUT, LONGEST = f"{PREFIX}idle-timeout", f"{PREFIX}longest-request"
TOO_SHORT = "a request that takes so long could be killed by scaling in"
ENVIRONMENT = WITHOUT_STATUS_TAG


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> LocalAws:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    aws.clear_calls()
    return aws


# On from the start, to another value, off and on again.


@pytest.mark.parametrize("settings", [{}, {"idle_timeout": "10m"}], ids=["by default", "tagged"])
def test_with_a_timeout_target_tracking_only_scales_out(
    aws: LocalAws, function: Function, settings: dict[str, str]
) -> None:
    aws.create_endpoint("demo", tags=tags(**settings))

    assert function.invoke(plan()) == answer("planned", *configuring())
    assert aws.state("demo") == NOTHING
    assert function.invoke(state_change()) == answer("configured", *configuring())
    assert aws.state("demo") == scaling()
    backlog = aws.state("demo")["policies"][VARIANT]["scale-to-zero-backlog"]
    assert backlog["DisableScaleIn"] is True
    settled(aws, function)


@pytest.mark.parametrize(
    ("value", "minutes"),
    [("1m", 1), ("60", 1), ("120s", 2), ("10m", 10), ("1h", 60), ("24h", 1440), ("1440m", 1440)],
)
def test_a_timeout_is_as_many_datapoints_as_it_has_minutes(
    aws: LocalAws, function: Function, value: str, minutes: int
) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout=value))

    function.invoke(apply())

    assert aws.state("demo") == scaling(idle=minutes)


@pytest.mark.parametrize(
    "value", ["", "0", "59s", "90s", "1441m", "25h", "-10m", "10 m", "10min", "0.5h", "never"]
)
def test_a_timeout_that_is_no_whole_minutes_of_a_day_is_refused(
    aws: LocalAws, function: Function, value: str
) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout=value))

    assert function.invoke(apply()) == {
        "endpoint": "demo",
        "outcome": "invalid",
        "problems": [
            {
                "tag": TIMEOUT,
                "value": value,
                "problem": "must be a duration from 1m to 24h in whole minutes, or none",
            }
        ],
    }
    assert aws.state("demo") == NOTHING


def test_without_a_timeout_target_tracking_scales_in_by_itself(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="none"))

    assert function.invoke(apply()) == answer("configured", *configuring(idle=None))
    assert aws.state("demo") == scaling(idle=None)
    backlog = aws.state("demo")["policies"][VARIANT]["scale-to-zero-backlog"]
    assert backlog["DisableScaleIn"] is False
    settled(aws, function)


def test_a_timeout_that_is_switched_on_later_comes_before_target_tracking_stops_scaling_in(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="none"))
    function.invoke(apply())
    aws.untag("demo", [TIMEOUT])

    assert function.invoke(apply()) == answer(
        "configured",
        put_spare_policy(),
        put_spare_alarm(),
        put_idle_policy(),
        put_idle_alarm(),
        put_backlog_policy(),
    )
    assert aws.state("demo") == scaling()
    settled(aws, function)


def test_another_timeout_is_just_another_alarm(configured: LocalAws, function: Function) -> None:
    configured.retag("demo", tags(idle_timeout="2h"))

    assert function.invoke(apply()) == answer("configured", put_idle_alarm(120))
    assert configured.state("demo") == scaling(idle=120)
    settled(configured, function)


def test_a_timeout_below_five_minutes_takes_the_spare_alarm_along(
    configured: LocalAws, function: Function
) -> None:
    configured.retag("demo", tags(idle_timeout="2m"))

    assert function.invoke(apply()) == answer("configured", put_spare_alarm(2), put_idle_alarm(2))
    assert configured.state("demo") == scaling(idle=2)
    settled(configured, function)


def test_with_none_target_tracking_scales_in_again(configured: LocalAws, function: Function) -> None:
    configured.retag("demo", tags(idle_timeout="none"))

    assert function.invoke(apply()) == answer(
        "configured",
        delete_policy("scale-to-zero-spare"),
        delete_policy("scale-to-zero-idle"),
        put_backlog_policy(scales_in=True),
        delete_alarms("spare", "idle"),
    )
    assert configured.state("demo") == scaling(idle=None)
    settled(configured, function)


# With other settings.


def test_where_an_instance_always_runs_there_are_alarms_that_scale_in_but_none_that_wakes(
    aws: LocalAws, function: Function
) -> None:
    always = {"target": capacity(1), "wake": False}
    aws.create_endpoint("demo", tags=tags(min_capacity="1"))

    assert function.invoke(apply()) == answer("configured", *configuring(**always))
    assert aws.state("demo") == scaling(**always)
    assert aws.state("demo")["alarms"].keys() == set(alarm_names("spare", "idle"))
    settled(aws, function)


def test_a_minimum_that_is_raised_or_lowered_takes_both_policies_along(
    configured: LocalAws, function: Function
) -> None:
    configured.set_instances("demo", 3)
    configured.retag("demo", tags(min_capacity="2"))
    assert function.invoke(apply()) == answer(
        "configured",
        registered(2),
        delete_policy("scale-to-zero-wake"),
        put_spare_policy(2),
        put_idle_policy(2),
        delete_alarms("wake", "ladder"),
    )
    assert configured.state("demo") == scaling(target=capacity(2), wake=False)

    configured.retag("demo", tags(min_capacity="0"))
    assert function.invoke(apply()) == answer(
        "configured",
        registered(),
        put_wake_policy(),
        *put_wake_alarms(),
        put_spare_policy(),
        put_idle_policy(),
    )
    assert configured.state("demo") == scaling()


@pytest.mark.parametrize("minimum", [0, 2])
def test_where_nothing_is_spare_there_is_no_spare_alarm(
    aws: LocalAws, function: Function, minimum: int
) -> None:
    most = max(1, minimum)
    aws.create_endpoint("demo", tags=tags(min_capacity=str(minimum), max_capacity=str(most)))

    function.invoke(apply())

    assert aws.state("demo") == scaling(target=capacity(minimum, most), wake=minimum == 0)
    assert alarm_name("spare") not in aws.state("demo")["alarms"]
    settled(aws, function)


def test_an_endpoint_that_is_not_to_be_woken_can_have_a_timeout(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(wake="false"))

    function.invoke(apply())

    assert aws.state("demo") == scaling(wake=False)
    settled(aws, function)


def test_a_pause_leaves_the_alarms_in_place(configured: LocalAws, function: Function) -> None:
    configured.retag("demo", tags(pause="scale-in"))

    assert function.invoke(apply()) == answer("configured", registered(scale_in=True), paused="scale-in")
    assert configured.state("demo") == scaling(target=capacity(scale_in=True))


def test_every_variant_has_policies_and_alarms_of_its_own(aws: LocalAws, function: Function) -> None:
    variants = ["Blue", "Green"]
    aws.create_endpoint("demo", tags=ENABLED, variants=variants)

    assert function.invoke(apply()) == answer_of(
        "configured", {variant: configuring(variant=variant) for variant in variants}
    )
    assert aws.state("demo") == scaling(variants=variants)
    settled(aws, function)


# The longest request.


def refusal(timeout: str, problem: str) -> Json:
    return {
        "endpoint": "demo",
        "outcome": "invalid",
        "problems": [{"tag": TIMEOUT, "value": timeout, "problem": problem}],
    }


def test_a_timeout_shorter_than_the_longest_request_is_refused_and_changes_nothing(
    configured: LocalAws, function: Function
) -> None:
    configured.retag("demo", tags(idle_timeout="600s", longest_request="40m"))

    assert function.invoke(apply()) == refusal(
        "600s", f"must not be shorter than longest-request, which is 2400s: {TOO_SHORT}"
    )
    assert written(configured) == []
    assert configured.state("demo") == scaling()


def test_none_beside_a_longest_request_is_refused_and_changes_nothing(
    configured: LocalAws, function: Function
) -> None:
    configured.retag("demo", tags(idle_timeout="none", longest_request="1s"))

    assert function.invoke(apply()) == refusal(
        "none", f"must not be none beside longest-request, which is 1s: {TOO_SHORT}"
    )
    assert written(configured) == []
    assert configured.state("demo") == scaling()


@pytest.mark.parametrize(("longest", "spare"), [("1s", 5), ("5m", 5), ("301s", 6), ("599s", 10), ("10m", 10)])
def test_a_timeout_as_long_as_the_longest_request_is_long_enough(
    configured: LocalAws, function: Function, longest: str, spare: int
) -> None:
    configured.retag("demo", tags(idle_timeout="10m", longest_request=longest))

    function.invoke(apply())

    assert configured.state("demo") == scaling(spare=spare)
    settled(configured, function)


@pytest.mark.parametrize(("longest", "minutes"), [("601s", 11), ("40m", 40), ("1h", 60)])
def test_the_default_gives_way_to_a_longer_request_in_whole_minutes(
    aws: LocalAws, function: Function, longest: str, minutes: int
) -> None:
    """Both alarms that take instances away wait for as long as a request takes."""
    aws.create_endpoint("demo", tags=tags(longest_request=longest))

    function.invoke(apply())

    assert aws.state("demo") == scaling(idle=minutes, spare=minutes)
    settled(aws, function)


@pytest.mark.parametrize("value", ["0", "61m", "2h", "long"])
def test_a_longest_request_that_aws_would_not_process_is_refused(
    aws: LocalAws, function: Function, value: str
) -> None:
    aws.create_endpoint("demo", tags=tags(longest_request=value))

    assert function.invoke(apply())["problems"] == [
        {"tag": LONGEST, "value": value, "problem": "must be a duration from 1s to 1h"}
    ]


@pytest.mark.parametrize("default", ["5m", "none"])
def test_a_default_of_the_deployment_gives_way_to_a_longer_request(
    aws: LocalAws, start_function: Callable[..., Function], default: str
) -> None:
    function = start_function(DEFAULT_IDLE_TIMEOUT=default)
    aws.create_endpoint("demo", tags=tags(longest_request="361s"))

    function.invoke(apply())

    assert aws.state("demo") == scaling(idle=7, spare=7)


def test_a_tag_is_held_to_the_longest_request_by_default(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(DEFAULT_LONGEST_REQUEST="15m", **WITHOUT_STATUS_TAG)
    aws.create_endpoint("demo", tags=tags(idle_timeout="600s"))

    assert function.invoke(apply()) == refusal(
        "600s", f"must not be shorter than longest-request, which is 900s by default: {TOO_SHORT}"
    )


@pytest.mark.parametrize("timeout", ["5m", "none"])
def test_defaults_that_contradict_each_other_protect_the_longest_request(
    aws: LocalAws, start_function: Callable[..., Function], timeout: str
) -> None:
    function = start_function(DEFAULT_IDLE_TIMEOUT=timeout, DEFAULT_LONGEST_REQUEST="10m")
    aws.create_endpoint("demo", tags=ENABLED)

    function.invoke(apply())

    assert aws.state("demo") == scaling(idle=10, spare=10)


def test_a_deployment_can_leave_scaling_in_to_target_tracking(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(DEFAULT_IDLE_TIMEOUT="none")
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    assert aws.state("demo") == scaling(idle=None)

    aws.retag("demo", tags(idle_timeout="30m"))
    function.invoke(apply())
    assert aws.state("demo") == scaling(idle=30)


def test_empty_defaults_are_as_if_they_were_not_set(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    """As the template sets them."""
    function = start_function(DEFAULT_IDLE_TIMEOUT="", DEFAULT_LONGEST_REQUEST="")
    aws.create_endpoint("demo", tags=tags())

    function.invoke(apply())

    assert aws.state("demo") == scaling()


# Drift.


def repair(aws: LocalAws, function: Function, *changes: Json) -> None:
    assert aws.state("demo") != scaling(), "the edit has changed nothing"
    assert function.invoke(state_change()) == answer("configured", *changes)
    assert aws.state("demo") == scaling()
    settled(aws, function)


STEP = {"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 0}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"AdjustmentType": "ChangeInCapacity"}, id="AdjustmentType"),
        pytest.param({"StepAdjustments": [STEP | {"ScalingAdjustment": 1}]}, id="ScalingAdjustment"),
        pytest.param({"StepAdjustments": [STEP | {"MetricIntervalUpperBound": -1.0}]}, id="upper bound"),
        pytest.param({"StepAdjustments": [STEP | {"MetricIntervalLowerBound": -5.0}]}, id="lower bound"),
        pytest.param(
            {"StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 0}]}, id="upward"
        ),
        pytest.param(
            {
                "StepAdjustments": [
                    {"MetricIntervalUpperBound": -1.0, "ScalingAdjustment": 0},
                    {
                        "MetricIntervalLowerBound": -1.0,
                        "MetricIntervalUpperBound": 0.0,
                        "ScalingAdjustment": 1,
                    },
                ]
            },
            id="another step",
        ),
        pytest.param({"Cooldown": 300}, id="Cooldown"),
        pytest.param({"MetricAggregationType": "Maximum"}, id="MetricAggregationType"),
    ],
)
def test_a_field_of_the_idle_policy_changed_by_hand_is_repaired_by_one_put(
    configured: LocalAws, function: Function, edit: dict[str, Any]
) -> None:
    found = autoscaling(configured, "describe_scaling_policies", PolicyNames=["scale-to-zero-idle"])
    autoscaling(
        configured,
        "put_scaling_policy",
        PolicyName="scale-to-zero-idle",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration=found["ScalingPolicies"][0]["StepScalingPolicyConfiguration"] | edit,
    )

    repair(configured, function, put_idle_policy())


OTHER_ARN = "arn:aws:sns:eu-west-1:123456789012:pager"
ENDPOINT = [{"Name": "EndpointName", "Value": "demo"}]
PLAIN = {"Metrics": None, "MetricName": "ApproximateBacklogSize", "Namespace": QUEUE, "Period": 60}


def edit_alarm(aws: LocalAws, changes: dict[str, Any]) -> None:
    """A change to None takes the member away."""
    action = policy_arn(aws, "scale-to-zero-idle")
    alarm = {"AlarmName": IDLE_ALARM, **idle_alarm(), "AlarmActions": [action], **changes}
    client(aws, "cloudwatch").put_metric_alarm(
        **{name: value for name, value in alarm.items() if value is not None}
    )


def edited(*path: str | int, to: Any) -> dict[str, Any]:
    """The metrics of the idle alarm with another member; None takes it away."""
    metrics = deepcopy(idle_alarm()["Metrics"])
    at: Any = metrics
    for step in path[:-1]:
        at = at[step]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return {"Metrics": metrics}


def slower() -> dict[str, Any]:
    """All metrics of an alarm have one period."""
    metrics = deepcopy(idle_alarm()["Metrics"])
    for query in metrics[1:]:
        query["MetricStat"]["Period"] = 120
    return {"Metrics": metrics}


EXPRESSION, BACKLOG = 0, (1, "MetricStat")
THEIR_DIMENSION = [{"Name": "EndpointName", "Value": "Demo"}]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"AlarmDescription": "mine"}, id="AlarmDescription"),
        pytest.param({"AlarmDescription": None}, id="no AlarmDescription"),
        pytest.param({"ActionsEnabled": False}, id="actions disabled"),
        pytest.param({"AlarmActions": []}, id="no action"),
        pytest.param({"EvaluationPeriods": 11}, id="EvaluationPeriods"),
        pytest.param({"DatapointsToAlarm": 9}, id="DatapointsToAlarm"),
        pytest.param({"Threshold": 2.0}, id="Threshold"),
        pytest.param({"ComparisonOperator": "LessThanOrEqualToThreshold"}, id="ComparisonOperator"),
        pytest.param({"TreatMissingData": "breaching"}, id="missing data breaching"),
        pytest.param({"TreatMissingData": "notBreaching"}, id="missing data not breaching"),
        pytest.param({"TreatMissingData": "ignore"}, id="missing data ignored"),
        pytest.param(edited(EXPRESSION, "Expression", to="b + g"), id="Expression"),
        pytest.param(
            edited(*BACKLOG, "Metric", "MetricName", to="HasBacklogWithoutCapacity"), id="MetricName"
        ),
        pytest.param(edited(*BACKLOG, "Metric", "Namespace", to="Other/SageMaker"), id="Namespace"),
        pytest.param(
            edited(*BACKLOG, "Metric", "Dimensions", to=THEIR_DIMENSION), id="value of the dimension"
        ),
        pytest.param(
            edited(*BACKLOG, "Metric", "Dimensions", 0, "Name", to="VariantName"), id="name of the dimension"
        ),
        pytest.param(edited(*BACKLOG, "Metric", "Dimensions", to=[]), id="no dimension"),
        pytest.param(edited(*BACKLOG, "Stat", to="Average"), id="Stat"),
        pytest.param(edited(*BACKLOG, "Stat", to="p90"), id="a percentile"),
        pytest.param(slower(), id="Period"),
        pytest.param(edited(*BACKLOG, "Unit", to="Count"), id="Unit"),
        pytest.param(PLAIN | {"Statistic": "Maximum", "Dimensions": ENDPOINT}, id="no expression"),
        pytest.param(
            PLAIN | {"ExtendedStatistic": "p90", "Dimensions": ENDPOINT}, id="a percentile and no expression"
        ),
    ],
)
def test_a_field_of_the_idle_alarm_changed_by_hand_is_repaired_by_one_put(
    configured: LocalAws, function: Function, changes: dict[str, Any]
) -> None:
    edit_alarm(configured, changes)

    repair(configured, function, put_idle_alarm())


OTHERS = {"OKActions": [OTHER_ARN], "InsufficientDataActions": [OTHER_ARN]}


def test_an_action_that_a_person_hung_on_the_idle_alarm_is_no_drift_and_outlives_a_repair(
    configured: LocalAws, function: Function
) -> None:
    policy = policy_arn(configured, "scale-to-zero-idle")
    edit_alarm(configured, {**OTHERS, "AlarmActions": [policy, OTHER_ARN]})
    assert function.invoke(state_change()) == answer("unchanged")

    edit_alarm(configured, {**OTHERS, "AlarmActions": [OTHER_ARN]})
    assert function.invoke(state_change()) == answer("configured", put_idle_alarm())
    found = client(configured, "cloudwatch").describe_alarms(AlarmNames=[IDLE_ALARM])["MetricAlarms"][0]
    assert set(found["AlarmActions"]) == {policy, OTHER_ARN}
    assert {name: found[name] for name in OTHERS} == OTHERS
    assert function.invoke(state_change()) == answer("unchanged")


def test_an_idle_alarm_that_drives_the_policy_that_wakes_is_repaired(
    configured: LocalAws, function: Function
) -> None:
    edit_alarm(configured, {"AlarmActions": [policy_arn(configured, "scale-to-zero-wake")]})

    repair(configured, function, put_idle_alarm())


def test_an_idle_policy_or_alarm_that_a_person_deletes_comes_back(
    configured: LocalAws, function: Function
) -> None:
    client(configured, "cloudwatch").delete_alarms(AlarmNames=[IDLE_ALARM])
    repair(configured, function, put_idle_alarm())

    autoscaling(configured, "delete_scaling_policy", PolicyName="scale-to-zero-idle")
    repair(configured, function, put_idle_policy(), put_idle_alarm())


def test_target_tracking_that_scales_in_again_by_hand_is_repaired(
    configured: LocalAws, function: Function
) -> None:
    configuration = {
        key: value for key, value in backlog_policy(scales_in=True).items() if key != "PolicyType"
    }
    autoscaling(
        configured,
        "put_scaling_policy",
        PolicyName="scale-to-zero-backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )

    repair(configured, function, put_backlog_policy())


# The end.


@pytest.mark.parametrize("how", ["remove", "opt out", "delete"])
def test_nothing_of_the_timeout_stays_behind(configured: LocalAws, function: Function, how: str) -> None:
    every = delete_alarms()
    if how == "delete":
        configured.delete_endpoint("demo")
        answered = function.invoke(state_change(status="DELETING"))
        assert answered == answer("removed", every)
    elif how == "opt out":
        configured.retag("demo", {f"{PREFIX}enabled": "false"})
        assert function.invoke(apply()) == answer("removed", DEREGISTERED, every)
    else:
        assert function.invoke(remove()) == answer("removed", DEREGISTERED, every, note=STILL_ASKED)

    assert configured.state("demo") == NOTHING


@pytest.mark.parametrize("how", ["remove", "opt out"])
def test_an_endpoint_that_sleeps_by_the_timeout_is_raised_before_it_leaves(
    configured: LocalAws, function: Function, how: str
) -> None:
    configured.set_instances("demo", 0)
    if how == "opt out":
        configured.retag("demo", {f"{PREFIX}enabled": "false"})

    answered = function.invoke(remove() if how == "remove" else apply())
    assert answered["outcome"] == "removing"
    changes = answered["variants"][0]["changes"]
    assert changes[0] == registered(1, 5)
    # A removal by hand also notes that it waits.
    assert [change["change"] for change in changes[1:]] == ["put-scheduled-action"] * (how == "remove")
    assert stranded(configured) == []
    configured.settle()
    assert function.invoke(state_change())["outcome"] == "removed"
    assert configured.state("demo") == NOTHING


# Every write in turn fails.


@dataclass(frozen=True)
class Turn:
    """From some tags to others, by these writes."""

    before: dict[str, str] | None
    after: dict[str, str]
    writes: list[str]
    state: Json


# A policy and its alarm.
PAIR = ["PutScalingPolicy", "PutMetricAlarm"]
WAKE = [*PAIR, "PutMetricAlarm"]
NO_TIMEOUT = tags(idle_timeout="none")
TURNS = {
    "on from the start": Turn(None, ENABLED, CONFIGURING, scaling()),
    "off from the start": Turn(
        None,
        NO_TIMEOUT,
        ["RegisterScalableTarget", *WAKE, "PutScalingPolicy"],
        scaling(idle=None),
    ),
    "on": Turn(NO_TIMEOUT, ENABLED, [*PAIR, *PAIR, "PutScalingPolicy"], scaling()),
    "off": Turn(
        ENABLED,
        NO_TIMEOUT,
        [*["DeleteScalingPolicy"] * 2, "PutScalingPolicy", "DeleteAlarms"],
        scaling(idle=None),
    ),
    "down to zero": Turn(
        tags(min_capacity="1"), ENABLED, ["RegisterScalableTarget", *WAKE, "PutScalingPolicy"], scaling()
    ),
    "down to zero, and on": Turn(
        tags(min_capacity="1", idle_timeout="none"),
        ENABLED,
        [*WAKE, "RegisterScalableTarget", *PAIR, *PAIR, "PutScalingPolicy"],
        scaling(),
    ),
    "down to zero, and off": Turn(
        tags(min_capacity="1"),
        NO_TIMEOUT,
        ["RegisterScalableTarget", *WAKE, *["DeleteScalingPolicy"] * 2, "PutScalingPolicy", "DeleteAlarms"],
        scaling(idle=None),
    ),
    "up from zero": Turn(
        ENABLED,
        tags(min_capacity="1"),
        ["RegisterScalableTarget", "DeleteScalingPolicy", "PutScalingPolicy", "DeleteAlarms"],
        scaling(target=capacity(1), wake=False),
    ),
    "out": Turn(
        ENABLED,
        {f"{PREFIX}enabled": "false"},
        ["DeregisterScalableTarget", "DeleteAlarms"],
        NOTHING,
    ),
}


def turn_tags(aws: LocalAws, function: Function, turn: Turn) -> None:
    aws.create_endpoint("demo", tags=turn.before or turn.after)
    if turn.before is not None:
        function.invoke(apply())
        aws.untag("demo", sorted(turn.before.keys() - turn.after.keys()))
        aws.retag("demo", turn.after)
    aws.clear_calls()


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
def test_without_a_fault_a_turn_takes_just_its_writes(aws: LocalAws, function: Function, turn: Turn) -> None:
    turn_tags(aws, function, turn)

    function.invoke(state_change())

    assert written(aws) == turn.writes
    assert aws.state("demo") == turn.state
    assert stranded(aws) == []


@pytest.mark.each(5)
@pytest.mark.parametrize(
    ("turn", "index"),
    [
        pytest.param(turn, index, id=f"{name}: {index + 1} {operation}")
        for name, turn in TURNS.items()
        for index, operation in enumerate(turn.writes)
    ],
)
def test_a_turn_that_is_cut_off_strands_nothing_and_the_next_event_finishes(
    aws: LocalAws, function: Function, turn: Turn, index: int
) -> None:
    turn_tags(aws, function, turn)
    operation = turn.writes[index]
    aws.faults = [Fault(operation, "access_denied", turn.writes[: index + 1].count(operation))]

    assert failure(function, state_change()).error_type == "AccessDenied"
    assert written(aws) == turn.writes[: index + 1]
    assert stranded(aws) == []

    aws.faults = []
    function.invoke(state_change())
    assert aws.state("demo") == turn.state
    assert stranded(aws) == []
