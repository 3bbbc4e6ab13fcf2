"""The idle timeout: an alarm on the backlog and its step policy scale in, and target tracking only out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from support import (
    CONFIGURING,
    DEREGISTERED,
    NOTHING,
    PREFIX,
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
    delete_policy,
    failure,
    plan,
    policy_arn,
    put_backlog_policy,
    put_wake_alarms,
    put_wake_policy,
    registered,
    remove,
    scaling,
    settled,
    state_change,
    stranded,
    tags,
    wake_alarm_name,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function, FunctionDied

IDLE_ALARM = f"scale-to-zero/demo/{VARIANT}/idle"
TIMEOUT, LONGEST = f"{PREFIX}idle-timeout", f"{PREFIX}longest-request"
TOO_SHORT = "a request that takes so long could be killed by scaling in"
ENVIRONMENT = WITHOUT_STATUS_TAG


# What the timeout adds to answers and to what AWS holds.


def put_idle_policy(min_capacity: int = 0) -> Json:
    return {
        "change": "put-scaling-policy",
        "policyName": "scale-to-zero-idle",
        "policyType": "StepScaling",
        "adjustmentType": "ExactCapacity",
        "scalingAdjustment": min_capacity,
        "cooldown": 60,
    }


def put_idle_alarm(minutes: int = 10, endpoint: str = "demo", variant: str = VARIANT) -> Json:
    return {
        "change": "put-metric-alarm",
        "alarmName": f"scale-to-zero/{endpoint}/{variant}/idle",
        "metricName": "ApproximateBacklogSize",
        "statistic": "Maximum",
        "comparisonOperator": "LessThanThreshold",
        "threshold": 1.0,
        "period": 60,
        "evaluationPeriods": minutes,
        "datapointsToAlarm": minutes,
        "treatMissingData": "missing",
        "policyName": "scale-to-zero-idle",
    }


def put_outward_policy() -> Json:
    return {**put_backlog_policy(), "disableScaleIn": True}


def delete_alarms(*names: str) -> Json:
    return {"change": "delete-alarms", "alarmNames": list(names)}


def idle_policy(min_capacity: int = 0) -> Json:
    return {
        "PolicyType": "StepScaling",
        "AdjustmentType": "ExactCapacity",
        "StepAdjustments": [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": min_capacity}],
        "Cooldown": 60,
        "MetricAggregationType": "Average",
    }


def idle_alarm(minutes: int = 10) -> Json:
    return {
        "AlarmDescription": "Takes all instances above MinCapacity away "
        f"after {minutes} min without a request. Kept by sagemaker-scale-to-zero.",
        "ActionsEnabled": True,
        "AlarmActions": ["scale-to-zero-idle"],
        "MetricName": "ApproximateBacklogSize",
        "Namespace": "AWS/SageMaker",
        "Statistic": "Maximum",
        "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
        "Period": 60,
        "EvaluationPeriods": minutes,
        "DatapointsToAlarm": minutes,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "missing",
    }


def with_timeout(minutes: int = 10, min_capacity: int = 0, wake: bool | None = None) -> Json:
    """All that stands around an endpoint with a timeout. Where an instance always runs, nothing wakes."""
    wakes = min_capacity == 0 if wake is None else wake
    outward = {**backlog_policy(), "DisableScaleIn": True}
    state = scaling(target=capacity(min_capacity), backlog=outward, wake=wakes)
    state["policies"][VARIANT]["scale-to-zero-idle"] = idle_policy(min_capacity)
    state["alarms"][IDLE_ALARM] = idle_alarm(minutes)
    return state


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> LocalAws:
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m"))
    function.invoke(apply())
    aws.clear_calls()
    return aws


# Switched on, to another value, and off.

FROM_THE_START = [
    registered(),
    put_wake_policy(),
    *put_wake_alarms(),
    put_idle_policy(),
    put_idle_alarm(),
    put_outward_policy(),
]


def test_with_a_timeout_from_the_start_target_tracking_only_scales_out(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m"))

    assert function.invoke(plan()) == answer("planned", *FROM_THE_START)
    assert aws.state("demo") == NOTHING
    assert function.invoke(state_change()) == answer("configured", *FROM_THE_START)
    assert aws.state("demo") == with_timeout()
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

    assert aws.state("demo") == with_timeout(minutes)


@pytest.mark.parametrize("value", ["", "0", "59s", "90s", "1441m", "25h", "-10m", "10 m", "10min", "0.5h"])
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
                "problem": "must be a duration from 1m to 24h in whole minutes",
            }
        ],
    }
    assert aws.state("demo") == NOTHING


def test_a_timeout_that_is_switched_on_later_comes_before_target_tracking_stops_scaling_in(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags())
    function.invoke(apply())
    aws.retag("demo", tags(idle_timeout="10m"))

    assert function.invoke(apply()) == answer(
        "configured", put_idle_policy(), put_idle_alarm(), put_outward_policy()
    )
    assert aws.state("demo") == with_timeout()
    settled(aws, function)


def test_another_timeout_is_just_another_alarm(configured: LocalAws, function: Function) -> None:
    configured.retag("demo", tags(idle_timeout="2h"))

    assert function.invoke(apply()) == answer("configured", put_idle_alarm(120))
    assert configured.state("demo") == with_timeout(120)
    settled(configured, function)


def test_without_the_timeout_target_tracking_scales_in_again(
    configured: LocalAws, function: Function
) -> None:
    configured.untag("demo", [TIMEOUT])

    assert function.invoke(apply()) == answer(
        "configured", delete_policy("scale-to-zero-idle"), put_backlog_policy(), delete_alarms(IDLE_ALARM)
    )
    assert configured.state("demo") == scaling()
    settled(configured, function)


# With other settings.


def test_where_an_instance_always_runs_there_is_an_idle_alarm_but_none_that_wakes(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m", min_capacity="1"))

    assert function.invoke(apply()) == answer(
        "configured", registered(1), put_idle_policy(1), put_idle_alarm(), put_outward_policy()
    )
    assert aws.state("demo") == with_timeout(min_capacity=1)
    settled(aws, function)


def test_a_minimum_that_is_raised_or_lowered_takes_the_idle_policy_along(
    configured: LocalAws, function: Function
) -> None:
    configured.set_instances("demo", 3)
    configured.retag("demo", tags(min_capacity="2"))
    assert function.invoke(apply()) == answer(
        "configured",
        registered(2),
        delete_policy("scale-to-zero-wake"),
        put_idle_policy(2),
        delete_alarms(wake_alarm_name()),
    )
    assert configured.state("demo") == with_timeout(min_capacity=2)

    configured.retag("demo", tags(min_capacity="0"))
    assert function.invoke(apply()) == answer(
        "configured", put_wake_policy(), *put_wake_alarms(), registered(), put_idle_policy()
    )
    assert configured.state("demo") == with_timeout()


def test_an_endpoint_that_is_not_to_be_woken_can_have_a_timeout(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m", wake="false"))

    function.invoke(apply())

    assert aws.state("demo") == with_timeout(wake=False)
    settled(aws, function)


def test_a_pause_leaves_the_idle_alarm_in_place(configured: LocalAws, function: Function) -> None:
    configured.retag("demo", tags(pause="scale-in"))

    assert function.invoke(apply()) == answer("configured", registered(scale_in=True), paused="scale-in")
    assert configured.state("demo") == with_timeout() | {"targets": {VARIANT: capacity(scale_in=True)}}


def test_every_variant_has_a_policy_and_an_alarm_of_its_own(aws: LocalAws, function: Function) -> None:
    variants = ["Blue", "Green"]
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m"), variants=variants)

    assert function.invoke(apply()) == answer_of(
        "configured",
        {
            variant: [
                registered(),
                put_wake_policy(),
                *put_wake_alarms(variant=variant),
                put_idle_policy(),
                put_idle_alarm(variant=variant),
                put_outward_policy(),
            ]
            for variant in variants
        },
    )
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
    assert configured.state("demo") == with_timeout()


@pytest.mark.parametrize("longest", ["1s", "599s", "10m"])
def test_a_timeout_as_long_as_the_longest_request_is_long_enough(
    configured: LocalAws, function: Function, longest: str
) -> None:
    configured.retag("demo", tags(longest_request=longest))

    assert function.invoke(apply()) == answer("unchanged")


def test_without_a_timeout_the_longest_request_changes_nothing(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(longest_request="1h"))

    function.invoke(apply())

    assert aws.state("demo") == scaling()


@pytest.mark.parametrize("value", ["0", "61m", "2h", "long"])
def test_a_longest_request_that_aws_would_not_process_is_refused(
    aws: LocalAws, function: Function, value: str
) -> None:
    aws.create_endpoint("demo", tags=tags(longest_request=value))

    assert function.invoke(apply())["problems"] == [
        {"tag": LONGEST, "value": value, "problem": "must be a duration from 1s to 1h"}
    ]


def test_a_timeout_by_default_gives_way_to_a_longer_request_in_whole_minutes(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(DEFAULT_IDLE_TIMEOUT="10m")
    aws.create_endpoint("demo", tags=tags(longest_request="601s"))

    function.invoke(apply())

    assert aws.state("demo") == with_timeout(11)


def test_a_tag_is_held_to_the_longest_request_by_default(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(DEFAULT_LONGEST_REQUEST="15m", **WITHOUT_STATUS_TAG)
    aws.create_endpoint("demo", tags=tags(idle_timeout="600s"))

    assert function.invoke(apply()) == refusal(
        "600s", f"must not be shorter than longest-request, which is 900s by default: {TOO_SHORT}"
    )


def test_defaults_that_contradict_each_other_stop_the_function_at_start(
    start_function: Callable[..., Function],
) -> None:
    with pytest.raises(FunctionDied) as died:
        start_function(DEFAULT_IDLE_TIMEOUT="5m", DEFAULT_LONGEST_REQUEST="10m").invoke(apply())

    assert "DEFAULT_IDLE_TIMEOUT" in str(died.value)


def test_empty_defaults_are_none(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    """As the template sets them."""
    function = start_function(DEFAULT_IDLE_TIMEOUT="", DEFAULT_LONGEST_REQUEST="")
    aws.create_endpoint("demo", tags=tags())

    function.invoke(apply())

    assert aws.state("demo") == scaling()


# Drift.


def repair(aws: LocalAws, function: Function, *changes: Json) -> None:
    assert aws.state("demo") != with_timeout(), "the edit has changed nothing"
    assert function.invoke(state_change()) == answer("configured", *changes)
    assert aws.state("demo") == with_timeout()
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


def edit_alarm(aws: LocalAws, changes: dict[str, Any]) -> None:
    """A change to None takes the member away."""
    action = policy_arn(aws, "scale-to-zero-idle")
    alarm = {"AlarmName": IDLE_ALARM, **idle_alarm(), "AlarmActions": [action], **changes}
    client(aws, "cloudwatch").put_metric_alarm(
        **{name: value for name, value in alarm.items() if value is not None}
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"AlarmDescription": "mine"}, id="AlarmDescription"),
        pytest.param({"AlarmDescription": None}, id="no AlarmDescription"),
        pytest.param({"ActionsEnabled": False}, id="actions disabled"),
        pytest.param({"AlarmActions": []}, id="no action"),
        pytest.param({"AlarmActions": [OTHER_ARN]}, id="another action"),
        pytest.param({"OKActions": [OTHER_ARN]}, id="OKActions"),
        pytest.param({"InsufficientDataActions": [OTHER_ARN]}, id="InsufficientDataActions"),
        pytest.param({"MetricName": "ApproximateBacklogSizePerInstance"}, id="MetricName"),
        pytest.param({"Namespace": "Other/SageMaker"}, id="Namespace"),
        pytest.param({"Statistic": "Average"}, id="Statistic"),
        pytest.param({"Statistic": None, "ExtendedStatistic": "p90"}, id="ExtendedStatistic"),
        pytest.param({"Unit": "Count"}, id="Unit"),
        pytest.param({"Period": 120}, id="Period"),
        pytest.param({"EvaluationPeriods": 11}, id="EvaluationPeriods"),
        pytest.param({"DatapointsToAlarm": 9}, id="DatapointsToAlarm"),
        pytest.param({"Threshold": 2.0}, id="Threshold"),
        pytest.param({"ComparisonOperator": "LessThanOrEqualToThreshold"}, id="ComparisonOperator"),
        pytest.param({"TreatMissingData": "breaching"}, id="missing data breaching"),
        pytest.param({"TreatMissingData": "notBreaching"}, id="missing data not breaching"),
        pytest.param({"TreatMissingData": "ignore"}, id="missing data ignored"),
        pytest.param({"Dimensions": []}, id="no dimension"),
        pytest.param(
            {"Dimensions": [{"Name": "EndpointName", "Value": "Demo"}]}, id="value of the dimension"
        ),
        pytest.param({"Dimensions": [{"Name": "VariantName", "Value": "demo"}]}, id="name of the dimension"),
    ],
)
def test_a_field_of_the_idle_alarm_changed_by_hand_is_repaired_by_one_put(
    configured: LocalAws, function: Function, changes: dict[str, Any]
) -> None:
    edit_alarm(configured, changes)

    repair(configured, function, put_idle_alarm())


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
    configuration = {key: value for key, value in backlog_policy().items() if key != "PolicyType"}
    autoscaling(
        configured,
        "put_scaling_policy",
        PolicyName="scale-to-zero-backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )

    repair(configured, function, put_outward_policy())


# The end.


@pytest.mark.parametrize("how", ["remove", "opt out", "delete"])
def test_nothing_of_the_timeout_stays_behind(configured: LocalAws, function: Function, how: str) -> None:
    both = delete_alarms(wake_alarm_name(), IDLE_ALARM)
    if how == "delete":
        configured.delete_endpoint("demo")
        answered = function.invoke(state_change(status="DELETING"))
        assert answered == answer("removed", both)
    elif how == "opt out":
        configured.retag("demo", {f"{PREFIX}enabled": "false"})
        assert function.invoke(apply()) == answer("removed", DEREGISTERED, both)
    else:
        assert function.invoke(remove()) == answer("removed", DEREGISTERED, both)

    assert configured.state("demo") == NOTHING


def test_an_endpoint_that_sleeps_by_the_timeout_is_raised_before_it_leaves(
    configured: LocalAws, function: Function
) -> None:
    configured.set_instances("demo", 0)

    assert function.invoke(remove()) == answer("removing", registered(1, 5, scale_in=True, scheduled=True))
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


PUT_IDLE = ["PutScalingPolicy", "PutMetricAlarm"]
TURNS = {
    "on from the start": Turn(
        None, tags(idle_timeout="10m"), [*CONFIGURING[:3], *PUT_IDLE, "PutScalingPolicy"], with_timeout()
    ),
    "on": Turn(tags(), tags(idle_timeout="10m"), [*PUT_IDLE, "PutScalingPolicy"], with_timeout()),
    "off": Turn(
        tags(idle_timeout="10m"),
        tags(),
        ["DeleteScalingPolicy", "PutScalingPolicy", "DeleteAlarms"],
        scaling(),
    ),
    "down to zero": Turn(
        tags(idle_timeout="10m", min_capacity="1"),
        tags(idle_timeout="10m"),
        ["PutScalingPolicy", "PutMetricAlarm", "RegisterScalableTarget", "PutScalingPolicy"],
        with_timeout(),
    ),
    "down to zero, and on": Turn(
        tags(min_capacity="1"),
        tags(idle_timeout="10m"),
        ["PutScalingPolicy", "PutMetricAlarm", "RegisterScalableTarget", *PUT_IDLE, "PutScalingPolicy"],
        with_timeout(),
    ),
    "up from zero": Turn(
        tags(idle_timeout="10m"),
        tags(idle_timeout="10m", min_capacity="1"),
        ["RegisterScalableTarget", "DeleteScalingPolicy", "PutScalingPolicy", "DeleteAlarms"],
        with_timeout(min_capacity=1),
    ),
    "out": Turn(
        tags(idle_timeout="10m"),
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
