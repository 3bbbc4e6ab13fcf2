"""Holds: an error is told for what it is, and tried again only where that helps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fleet import SWEEP
from support import ENABLED, apply, executable, failure, scaling, state_change, stranded, written

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

PERMISSIONS = "allow the function's role this operation"


@pytest.fixture(scope="module")
def impatient(local_aws: LocalAws) -> Iterator[Function]:
    """One try for each call, so that a failure that would pass shows."""
    with executable(local_aws, {"AWS_MAX_ATTEMPTS": "1"}) as function:
        yield function


def throttled_calls(function: Function) -> int:
    return sum(line.get("ThrottledCalls", 0) for line in function.last_metrics)


# What one service hands on of another.

WRAPPED = [
    ("PutScalingPolicy", "wrapped_throttle", 1),
    ("PutScalingPolicy", "wrapped_throttle_without_code", 1),
    ("RegisterScalableTarget", "wrapped_throttle", 1),
    ("DescribeScalingPolicies", "wrapped_throttle", 1),
    ("DescribeScalingPolicies", "wrapped_throttle_without_code", 1),
    ("PutScalingPolicy", "wrapped_failure", 0),
]


@pytest.mark.parametrize(("operation", "kind", "throttled"), WRAPPED)
def test_what_another_service_was_too_busy_for_is_tried_again_and_counted(
    aws: LocalAws, start_function: Callable[..., Function], operation: str, kind: str, throttled: int
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind, 1)]
    function = start_function()

    assert function.invoke(state_change())["outcome"] == "configured"

    assert aws.state("demo") == scaling()
    assert throttled_calls(function) == throttled


@pytest.mark.parametrize("kind", ["wrapped_throttle", "wrapped_throttle_without_code", "wrapped_failure"])
def test_a_sweep_outlasts_what_another_service_was_too_busy_for(
    aws: LocalAws, start_function: Callable[..., Function], kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("DescribeScalingPolicies", kind, 1)]

    assert start_function().invoke(SWEEP)["counts"] == {"configured": 1}


@pytest.mark.parametrize(
    ("operation", "kind", "error_type"),
    [
        ("PutScalingPolicy", "wrapped_throttle", "Throttled"),
        ("DescribeScalingPolicies", "wrapped_throttle_without_code", "Throttled"),
        ("PutScalingPolicy", "wrapped_failure", "AwsServerError"),
    ],
)
def test_what_another_service_stays_too_busy_for_is_told_as_that(
    aws: LocalAws, impatient: Function, operation: str, kind: str, error_type: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind)]

    error = failure(impatient, apply())

    assert error.error_type == error_type
    assert "FailedResourceAccessException" in error.message


DENIALS = [
    ("PutScalingPolicy", "wrapped_denial"),
    ("DescribeScalingPolicies", "wrapped_denial"),
    ("RegisterScalableTarget", "missing_permissions"),
    ("PutScalingPolicy", "missing_permissions"),
    ("PutScalingPolicy", "caller_not_validated"),
]


@pytest.mark.parametrize(("operation", "kind"), DENIALS)
def test_a_denial_in_another_code_is_one_and_is_tried_once(
    aws: LocalAws, function: Function, operation: str, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind)]

    error = failure(function, state_change())

    assert error.error_type == "AccessDenied"
    assert PERMISSIONS in error.message
    assert [call.operation for call in aws.calls].count(operation) == 1
    assert stranded(aws) == []


@pytest.mark.parametrize("name", ["Throttling", "AccessDenied", "not-authorized", "Rate-exceeded"])
def test_a_name_in_a_message_is_no_kind_of_error(aws: LocalAws, function: Function, name: str) -> None:
    assert function.invoke(apply(name)) == {"endpoint": name, "outcome": "skipped", "reason": "not-found"}


# Credentials, clocks and signatures.


@pytest.mark.parametrize("operation", ["DescribeEndpoint", "PutMetricAlarm", "PutScalingPolicy"])
@pytest.mark.parametrize("kind", ["signature_expired", "request_expired"])
def test_a_signature_that_has_grown_old_is_made_anew(
    aws: LocalAws, function: Function, operation: str, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind, 1)]

    assert function.invoke(state_change())["outcome"] == "configured"

    assert aws.state("demo") == scaling()


@pytest.mark.parametrize("operation", ["DescribeEndpoint", "PutMetricAlarm", "RegisterScalableTarget"])
@pytest.mark.parametrize(
    "kind", ["signature_expired", "request_expired", "signature_wrong", "token_expired", "token_unknown"]
)
def test_what_stays_wrong_with_the_signature_is_no_lack_of_permissions(
    aws: LocalAws, impatient: Function, operation: str, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind)]

    error = failure(impatient, state_change())

    assert error.error_type == "NotAuthenticated"
    assert PERMISSIONS not in error.message
    assert "no permission is missing: look at the credentials and at the clock" in error.message


@pytest.mark.parametrize("kind", ["signature_wrong", "token_expired", "token_unknown"])
def test_credentials_that_are_wrong_are_tried_once(aws: LocalAws, function: Function, kind: str) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("ListTags", kind)]

    assert failure(function, state_change()).error_type == "NotAuthenticated"
    assert [call.operation for call in aws.calls].count("ListTags") == 1


def test_no_credentials_at_all_are_no_question_of_the_network(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")

    error = failure(function, apply())

    assert error.error_type == "NotAuthenticated"
    assert "look at the credentials" in error.message


# Answers that aren't AWS's.

FOREIGN = {
    "proxy_page": 'HTTP 403 with text/html; charset=utf-8, beginning with "<html> <head><title>Blocked',
    "missing_page": 'HTTP 404 with text/plain, beginning with "404 page not found"',
    "sign_in_page": 'HTTP 200 with text/html; charset=utf-8, beginning with "<!DOCTYPE html> <title>Sign in',
    "other_json": r'HTTP 200 with application/json, beginning with "{\"status\": \"ok\"}"',
    "empty_page": "HTTP 200 with no type of content, and nothing in it",
    "gateway_page": "HTTP 502 with text/html; charset=utf-8, beginning with",
}


@pytest.mark.parametrize(
    "operation", ["DescribeEndpoint", "DescribeAlarms", "PutMetricAlarm", "PutScalingPolicy"]
)
@pytest.mark.parametrize("kind", FOREIGN)
def test_an_answer_that_is_not_one_of_aws_is_told_by_what_it_looks_like(
    aws: LocalAws, impatient: Function, operation: str, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, kind)]

    error = failure(impatient, apply())

    assert error.error_type == "ForeignAnswer"
    assert error.message.startswith(f"{operation} for endpoint demo")
    assert FOREIGN[kind] in error.message
    assert "something answers in AWS's place: look at the proxy or firewall" in error.message
    assert "AWS refuses" not in error.message


@pytest.mark.parametrize("operation", ["DeleteScalingPolicy", "DeregisterScalableTarget", "DeleteAlarms"])
@pytest.mark.parametrize("kind", ["sign_in_page", "other_json", "empty_page"])
def test_a_page_with_http_200_is_no_success_of_a_write(
    aws: LocalAws, function: Function, operation: str, kind: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    changed = {"min-capacity": "1"} if operation == "DeleteScalingPolicy" else {"enabled": "false"}
    aws.retag("demo", {f"scale-to-zero:{key}": value for key, value in changed.items()})
    aws.faults = [Fault(operation, kind)]

    assert failure(function, state_change()).error_type == "ForeignAnswer"

    aws.faults = []
    function.invoke(state_change())
    aws.clear_calls()
    function.invoke(state_change())
    assert written(aws) == []


# Proxies.


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """Its URL, and the first lines of what it is asked. It refuses everything."""
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096).decode("latin-1").split("\r\n")[0])
                connection.sendall(
                    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.close()


AWS_BEHIND_A_PROXY = "https://aws.invalid"


def test_the_proxy_of_the_environment_is_asked(start_function: Callable[..., Function]) -> None:
    with proxy() as (url, asked):
        function = start_function(AWS_ENDPOINT_URL=AWS_BEHIND_A_PROXY, HTTPS_PROXY=url, AWS_MAX_ATTEMPTS="1")

        assert failure(function, apply()).error_type == "NoAnswer"

        assert set(asked) == {"CONNECT aws.invalid:443 HTTP/1.1"}


@pytest.mark.parametrize("no_proxy", ["aws.invalid", ".invalid", "example.com,aws.invalid", "*"])
def test_hosts_that_need_no_proxy_are_asked_directly(
    start_function: Callable[..., Function], no_proxy: str
) -> None:
    with proxy() as (url, asked):
        function = start_function(
            AWS_ENDPOINT_URL=AWS_BEHIND_A_PROXY, HTTPS_PROXY=url, NO_PROXY=no_proxy, AWS_MAX_ATTEMPTS="1"
        )

        assert failure(function, apply()).error_type == "NoAnswer"

        assert asked == []


def test_empty_variables_are_no_proxy(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    """The template always sets them."""
    aws.create_endpoint("demo", tags=ENABLED)
    assert start_function(HTTPS_PROXY="", NO_PROXY="").invoke(apply())["outcome"] == "configured"
