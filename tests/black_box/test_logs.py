"""One line of JSON for each invocation, in the shape by which Lambda filters."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import (
    ENABLED,
    PREFIX,
    Json,
    apply,
    autoscaling,
    failure,
    plan,
    put_foreign_action,
    put_foreign_tracking,
    remove,
    state_change,
    tags,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

LEVELS = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}


def the_line(function: Function) -> Json:
    """The one line of the last invocation, without what differs from run to run; that is checked here."""
    lines = function.last_logs
    assert len(lines) == 1, lines
    line = dict(lines[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line["timestamp"])
    age = datetime.now(UTC) - datetime.fromisoformat(line.pop("timestamp"))
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", line.pop("request_id"))
    assert 0 <= line.pop("milliseconds") <= function.durations[-1] * 1000
    return line


def info(message: str, outcome: str, changes: str, aws_calls: int) -> Json:
    return {
        "level": "INFO",
        "message": message,
        "endpoint": "demo",
        "outcome": outcome,
        "changes": changes,
        "aws_calls": aws_calls,
    }


CONFIGURING = (
    "register-scalable-target put-scaling-policy put-metric-alarm put-metric-alarm put-scaling-policy "
    "put-metric-alarm put-scaling-policy put-metric-alarm put-scaling-policy"
)
PROBLEMS = (
    f'invalid: {PREFIX}max-capacity="x" must be an integer from 1 to 100 (the CAPACITY_LIMIT of the '
    f'deployment); {PREFIX}wake="never" must be true or false'
)


def test_every_invocation_logs_one_line_that_says_what_it_did_and_what_it_cost(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    steps: list[tuple[Callable[[], object], Json, Json]] = [
        (lambda: None, plan(), info("planned", "planned", CONFIGURING, 7)),
        (lambda: None, state_change(), info("configured", "configured", CONFIGURING, 16)),
        (lambda: None, state_change(), info("unchanged", "unchanged", "", 7)),
        (
            lambda: aws.retag("demo", tags(max_capacity="x", wake="never")),
            state_change(),
            info(PROBLEMS, "invalid", "", 8),
        ),
        (
            lambda: aws.retag("demo", tags(max_capacity="5", wake="true")),
            state_change(status="UPDATING"),
            info("skipped: ignored-event", "skipped", "", 0),
        ),
        (
            lambda: put_foreign_action(aws),
            state_change(),
            info("conflict with nightly", "conflict", "", 8),
        ),
        (
            lambda: autoscaling(aws, "delete_scheduled_action", ScheduledActionName="nightly"),
            remove(),
            info("removed", "removed", "deregister-scalable-target delete-alarms", 11),
        ),
        (
            lambda: aws.untag("demo", [f"{PREFIX}{key}" for key in ("enabled", "max-capacity", "wake")]),
            apply(),
            # What was managed a moment ago is read whole, to see whether anything is left.
            info("skipped: not-managed", "skipped", "", 7),
        ),
        (lambda: None, apply(), info("skipped: not-managed", "skipped", "", 3)),
    ]
    for act, payload, line in steps:
        act()
        aws.clear_calls()
        function.invoke(payload)
        assert the_line(function) == line
        assert len(aws.calls) == line["aws_calls"]


def test_a_conflict_names_all_that_stands_in_the_way(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=3)
    put_foreign_tracking(aws)
    put_foreign_action(aws)

    function.invoke(state_change())

    assert the_line(function)["message"] == "conflict with theirs, nightly"


def test_an_ignored_event_about_no_endpoint_names_none(aws: LocalAws, function: Function) -> None:
    function.invoke({"source": "aws.tag", "detail-type": "Tag Change on Resource", "detail": {}})

    assert the_line(function) == {
        "level": "INFO",
        "message": "skipped: ignored-event",
        "outcome": "skipped",
        "changes": "",
        "aws_calls": 0,
    }


def test_an_invocation_that_fails_logs_one_error_line_with_the_message_of_the_answer(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "access_denied")]

    error = failure(function, state_change())

    assert the_line(function) == {
        "level": "ERROR",
        "message": error.message,
        "endpoint": "demo",
        "error_type": "AccessDenied",
        "aws_calls": len(aws.calls),
    }


@pytest.mark.parametrize("payload", [{}, {"action": "a\nb"}, "two\nlines"], ids=["empty", "action", "string"])
def test_a_bad_payload_logs_one_error_line(aws: LocalAws, function: Function, payload: Any) -> None:
    error = failure(function, payload)

    assert the_line(function) == {
        "level": "ERROR",
        "message": error.message,
        "error_type": "InvalidPayload",
        "aws_calls": 0,
    }
    assert "\n" not in error.message


def test_retried_calls_are_counted_too(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("RegisterScalableTarget", "internal", 1), Fault("ListTags", "drop", 1)]

    function.invoke(state_change())

    assert the_line(function) == info("configured", "configured", CONFIGURING, 18)
    assert len(aws.calls) == 18


def test_a_deadline_that_comes_near_logs_one_error_line(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("DescribeAlarms", "hang")]

    error = failure(function, state_change(), deadline_seconds=0.5)

    assert the_line(function) == {
        "level": "ERROR",
        "message": error.message,
        "endpoint": "demo",
        "error_type": "DeadlineExceeded",
        "aws_calls": 2,
    }


# The level, and which levels then show of an invocation that succeeds and one that fails.
SHOWN = {
    "TRACE": (["INFO"], ["ERROR"]),
    "DEBUG": (["INFO"], ["ERROR"]),
    "INFO": (["INFO"], ["ERROR"]),
    "info": (["INFO"], ["ERROR"]),
    "WARN": ([], ["ERROR"]),
    "ERROR": ([], ["ERROR"]),
    "error": ([], ["ERROR"]),
    "FATAL": ([], ["ERROR"]),
    "": (["INFO"], ["ERROR"]),
    "verbose,hyper=trace": (["INFO"], ["ERROR"]),
}


@pytest.mark.parametrize("level", SHOWN)
def test_the_log_level_of_lambda_is_heeded_and_an_unknown_one_silences_nothing(
    aws: LocalAws, start_function: Callable[..., Function], level: str
) -> None:
    function = start_function(AWS_LAMBDA_LOG_LEVEL=level)
    aws.create_endpoint("demo", tags=ENABLED)

    function.invoke(state_change())
    succeeded = function.last_logs
    failure(function, {})
    failed = function.last_logs

    shown = [[line["level"] for line in lines] for lines in (succeeded, failed)]
    shown = [[level for level in levels if level not in ("TRACE", "DEBUG")] for levels in shown]
    assert tuple(shown) == SHOWN[level]
    assert function.stray_output == []
    for line in function.logs:
        assert {"timestamp", "level", "message"} <= set(line), line
        assert line["level"] in LEVELS
        datetime.fromisoformat(line["timestamp"])


def test_neither_the_tags_of_others_nor_credentials_are_logged_at_any_level(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(
        AWS_LAMBDA_LOG_LEVEL="TRACE", RUST_LOG="trace", AWS_SESSION_TOKEN="session-token-of-the-role"
    )
    aws.create_endpoint("demo", tags={**ENABLED, "owner": "somebody@example.com"})

    function.invoke(state_change())
    aws.faults = [Fault("DescribeAlarms", "access_denied")]
    failure(function, state_change())

    written = str(function.logs)
    for secret in ("somebody@example.com", "session-token-of-the-role", "Credential=", "Signature="):
        assert secret not in written
    assert function.stray_output == []
