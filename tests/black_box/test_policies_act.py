"""From tags to what happens: AWS's evaluation of what the function has written wakes, grows and sleeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import VARIANT, WITHOUT_STATUS_TAG, apply, autoscaling, state_change, tags, written

from local.aws import LocalAws
from local.runtime import Function

ENVIRONMENT = WITHOUT_STATUS_TAG
TYPE = "ml.g5.xlarge"

Configure = Callable[..., LocalAws]


@pytest.fixture
def configure(aws: LocalAws, function: Function) -> Configure:
    """An endpoint with these tags and so many instances, as the function has configured it."""

    def configured(instances: int = 0, **settings: str) -> LocalAws:
        aws.create_endpoint("demo", tags=tags(**settings), instance_type=TYPE, instances=max(instances, 1))
        assert function.invoke(apply())["outcome"] == "configured"
        aws.set_instances("demo", instances)
        # Every change of the endpoint's state reaches the function, which must leave well alone.
        aws.on_state_change = lambda name, status: function.invoke(
            state_change(name, "IN_SERVICE" if status == "InService" else status.upper())
        )
        aws.clear_calls()
        return aws

    return configured


def activities(aws: LocalAws) -> list[tuple[str, int, str]]:
    """Of each its status, the number of instances and the policy that asked for them, the oldest first."""
    found = autoscaling(aws, "describe_scaling_activities")["ScalingActivities"]
    return [
        (
            item["StatusCode"],
            int(item["Description"].rpartition(" ")[2].rstrip(".")),
            item["Cause"].rpartition(" ")[2],
        )
        for item in reversed(found)
    ]


WAKE, IDLE, SPARE, BACKLOG = (f"scale-to-zero-{name}" for name in ("wake", "idle", "spare", "backlog"))


@pytest.mark.parametrize(
    ("requests", "settings", "instances"),
    [
        (1, {}, 1),
        (5, {}, 1),
        (6, {}, 3),
        (8, {}, 4),
        (11, {}, 5),
        (100, {}, 5),
        (100, {"max_capacity": "30"}, 20),
        (6, {"backlog_per_instance": "1"}, 5),
        (6, {"backlog_per_instance": "20"}, 1),
        (50, {"wake_instances": "2"}, 2),
        (50, {"max_capacity": "1"}, 1),
    ],
)
def test_a_backlog_at_zero_starts_as_many_instances_as_it_asks_for(
    configure: Configure, requests: int, settings: dict[str, str], instances: int
) -> None:
    aws = configure(**settings)
    aws.pass_minutes(15)
    assert activities(aws) == [], "asleep, and nothing to do"
    aws.send_requests("demo", requests, seconds=5, after=20)

    assert aws.pass_until(lambda: aws.wanted("demo") > 0) == 2
    assert aws.wanted("demo") == instances
    aws.pass_until(lambda: aws.instances("demo") == instances)
    assert activities(aws) == [("Successful", instances, WAKE)]

    aws.pass_until(lambda: aws.work("demo").processed == requests)
    aws.pass_until(lambda: aws.instances("demo") == 0)
    assert aws.work("demo").killed == 0
    assert written(aws) == [], "what AWS does is no drift"


def test_requests_that_come_while_instances_start_order_no_more_before_those_run(
    configure: Configure,
) -> None:
    aws = configure()
    aws.send_requests("demo", 1, seconds=5)
    aws.send_requests("demo", 40, seconds=5, after=120)
    aws.pass_until(lambda: aws.instances("demo") > 0)
    assert activities(aws) == [("Successful", 1, WAKE)]
    aws.pass_until(lambda: aws.work("demo").processed == 41)


def test_an_instance_that_has_just_come_stays_until_it_has_been_idle_for_the_timeout(
    configure: Configure,
) -> None:
    aws = configure(idle_timeout="10m")
    aws.send_requests("demo", 1, seconds=30)
    aws.pass_until(lambda: aws.work("demo").processed == 1)

    minutes = aws.pass_until(lambda: aws.wanted("demo") == 0)

    assert 10 <= minutes <= 12, "the timeout, and two minutes at most"
    assert activities(aws)[-1] == ("InProgress", 0, IDLE)


@pytest.mark.parametrize("seconds", [1, 3600], ids=["too short for the backlog to show", "an hour long"])
def test_neither_short_nor_long_requests_let_an_endpoint_fall_asleep(
    configure: Configure, seconds: int
) -> None:
    """One of a second shows only where completions are counted, one of an hour only in what is in flight."""
    aws = configure(instances=1, idle_timeout="5m")
    for minute in range(0, 40, 4 if seconds == 1 else 100):
        aws.send_requests("demo", 1, seconds=seconds, after=60 * minute + 5)
    aws.pass_minutes(40)
    assert (aws.instances("demo"), aws.work("demo").killed, activities(aws)) == (1, 0, [])


def test_spare_instances_go_while_one_is_enough_and_the_last_one_only_when_idle(configure: Configure) -> None:
    aws = configure(instances=4)
    aws.pass_until(lambda: aws.wanted("demo") == 1, minutes=8)
    assert activities(aws) == [("InProgress", 1, SPARE)]
    aws.pass_until(lambda: aws.wanted("demo") == 0, minutes=8)
    assert [(instances, policy) for _, instances, policy in activities(aws)] == [(1, SPARE), (0, IDLE)]


@pytest.mark.parametrize("frequency", [10, 30])
def test_instances_that_report_more_than_once_a_minute_are_counted_right(
    aws: LocalAws, configure: Configure, frequency: int
) -> None:
    """Else one instance would look like several, and the spare alarm wake what has just gone to sleep."""
    aws.publish_every("demo", frequency)
    configure()
    aws.send_requests("demo", 8, seconds=5)
    aws.pass_until(lambda: aws.work("demo").processed == 8)
    aws.pass_until(lambda: aws.instances("demo") == 0)
    aws.pass_minutes(30)
    assert [(instances, policy) for _, instances, policy in activities(aws)] == [
        (4, WAKE),
        (1, SPARE),
        (0, IDLE),
    ]
    assert written(aws) == [], "it reads back as it was put"


def test_a_minimum_above_zero_is_where_idle_ends(configure: Configure) -> None:
    aws = configure(instances=5, min_capacity="2")
    aws.pass_minutes(40)
    assert aws.instances("demo") == 2
    assert written(aws) == []


@pytest.mark.parametrize("quota", [1, 2])
def test_an_order_that_is_refused_never_hides_the_one_instance_of_the_net(
    configure: Configure, quota: int
) -> None:
    aws = configure()
    aws.limits.quotas[TYPE] = quota
    aws.pass_minutes(3)
    aws.send_requests("demo", 30, seconds=5)

    aws.pass_until(lambda: aws.wanted("demo") > 0, minutes=5)

    assert activities(aws)[0] == ("Failed", 5, WAKE)
    assert activities(aws)[-1] == ("InProgress", 1, WAKE)
    aws.pass_until(lambda: aws.work("demo").processed == 30)


def test_where_the_value_of_an_expression_does_not_arrive_the_net_wakes(configure: Configure) -> None:
    aws = configure()
    aws.takes_values = False
    aws.send_requests("demo", 30, seconds=5)
    aws.pass_until(lambda: aws.wanted("demo") > 0, minutes=5)
    assert activities(aws) == [("InProgress", 1, WAKE)]


def test_an_action_that_repeats_its_first_value_orders_nothing_twice(configure: Configure) -> None:
    aws = configure(max_capacity="10")
    aws.repeats_value = True
    aws.send_requests("demo", 8, seconds=900)
    aws.pass_until(lambda: aws.instances("demo") == 4)
    aws.pass_minutes(4)
    assert activities(aws) == [("Successful", 4, WAKE)]


def test_instances_that_aws_does_not_have_are_waited_for_and_then_work(configure: Configure) -> None:
    aws = configure()
    aws.limits.available[TYPE] = 0
    aws.send_requests("demo", 3, seconds=5)
    aws.pass_minutes(60)
    assert activities(aws) == [("InProgress", 1, WAKE)]
    aws.limits.available.clear()
    aws.pass_until(lambda: aws.work("demo").processed == 3)


def test_target_tracking_adds_instances_while_they_are_needed_and_never_takes_any(
    configure: Configure,
) -> None:
    aws = configure(instances=1)
    aws.send_requests("demo", 14, seconds=1500)
    aws.pass_until(lambda: aws.wanted("demo") > 1, minutes=6)
    assert activities(aws) == [("InProgress", 3, BACKLOG)]
    aws.pass_until(lambda: aws.work("demo").processed == 14, minutes=200)
    aws.pass_until(lambda: aws.instances("demo") == 0)
    assert {policy for _, _, policy in activities(aws)} == {BACKLOG, SPARE, IDLE}
    assert aws.work("demo").killed == 0


def test_a_paused_endpoint_is_not_scaled(configure: Configure) -> None:
    aws = configure(instances=2, pause="true")
    aws.send_requests("demo", 40, seconds=60)
    aws.pass_minutes(40)
    assert activities(aws) == []


def test_a_wake_alarm_that_was_deleted_is_put_again_and_wakes(
    configure: Configure, function: Function
) -> None:
    aws = configure()
    names = [f"scale-to-zero/demo/{VARIANT}/{kind}" for kind in ("wake", "ladder")]
    aws.client("cloudwatch").delete_alarms(AlarmNames=names)
    aws.send_requests("demo", 8, seconds=5)
    aws.pass_minutes(10)
    assert aws.wanted("demo") == 0, "nothing wakes it"

    function.invoke(state_change())

    aws.pass_until(lambda: aws.instances("demo") > 0, minutes=12)


def test_an_endpoint_that_was_opted_out_at_zero_comes_back_and_stays(
    configure: Configure, function: Function
) -> None:
    aws = configure()
    aws.retag("demo", {"scale-to-zero:enabled": "false"})
    assert function.invoke(apply())["outcome"] == "removing"

    aws.pass_minutes(40)

    assert aws.instances("demo") == 1
    assert aws.state("demo")["targets"] == {}
    assert aws.state("demo")["alarms"] == {}
