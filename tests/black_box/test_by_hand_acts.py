"""After a wake or a sleep by hand, what AWS makes of the policies goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import ENABLED, WITHOUT_STATUS_TAG, Json, apply, state_change

from local.aws import LocalAws
from local.runtime import Function

ENVIRONMENT = WITHOUT_STATUS_TAG


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> Callable[[int], LocalAws]:
    """An endpoint each of whose changes reaches the function."""

    def make(instances: int) -> LocalAws:
        aws.create_endpoint("demo", tags=ENABLED)
        function.invoke(apply())
        aws.set_instances("demo", instances)
        aws.on_state_change = lambda name, status: function.invoke(
            state_change(name, "IN_SERVICE" if status == "InService" else status.upper())
        )
        return aws

    return make


def by_hand(function: Function, action: str, **more: Json | int | bool) -> str:
    answered = function.invoke({"action": action, "endpoint": "demo", **more})
    return str(answered["outcome"])


def test_a_woken_endpoint_that_gets_no_request_sleeps_again_by_itself(
    configured: Callable[[int], LocalAws], function: Function
) -> None:
    aws = configured(0)
    aws.pass_minutes(15)
    assert by_hand(function, "wake", instances=3) == "waking"
    aws.pass_until(lambda: aws.instances("demo") == 3)
    minutes = aws.pass_until(lambda: aws.wanted("demo") == 0)
    assert minutes <= 12, "the timeout, and two minutes at most"


def test_an_endpoint_that_gets_its_requests_while_it_starts_works_them_off(
    configured: Callable[[int], LocalAws], function: Function
) -> None:
    aws = configured(0)
    aws.pass_minutes(15)
    by_hand(function, "wake", instances=3)
    aws.send_requests("demo", 12, seconds=60, after=90)
    aws.pass_until(lambda: aws.instances("demo") == 3)
    aws.pass_until(lambda: aws.work("demo").processed == 12)
    assert aws.work("demo").killed == 0
    aws.pass_until(lambda: aws.instances("demo") == 0)


def test_an_endpoint_that_was_put_to_sleep_wakes_on_the_first_request(
    configured: Callable[[int], LocalAws], function: Function
) -> None:
    aws = configured(2)
    assert by_hand(function, "sleep", force=True) == "sleeping"
    aws.pass_until(lambda: aws.instances("demo") == 0)
    aws.send_requests("demo", 1, seconds=5)
    aws.pass_until(lambda: aws.work("demo").processed == 1)
