"""Status costs three calls; wake and sleep keep to the tags, and sleep leaves a way to wake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import (
    ENABLED,
    PREFIX,
    VARIANT,
    Json,
    answer,
    apply,
    client,
    failure,
    put_foreign_step,
    remove,
    skipped,
    state_change,
    tags,
    wake_alarm_name,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function
from local.services import cloudwatch, metrics, targets

SET = "UpdateEndpointWeightsAndCapacities"
WAKE_CAUSE = (
    "monitor alarm scale-to-zero/demo/AllTraffic/wake in state ALARM triggered policy scale-to-zero-wake"
)
IDLE_CAUSE = (
    "monitor alarm scale-to-zero/demo/AllTraffic/idle in state ALARM triggered policy scale-to-zero-idle"
)


def status(endpoint: str = "demo") -> Json:
    return {"action": "status", "endpoint": endpoint}


def wake(endpoint: str = "demo", **more: Any) -> Json:
    return {"action": "wake", "endpoint": endpoint, **more}


def sleep(endpoint: str = "demo", **more: Any) -> Json:
    return {"action": "sleep", "endpoint": endpoint, **more}


def instances(count: int) -> Json:
    return {"change": "set-desired-instances", "instances": count}


def counts(aws: LocalAws, endpoint: str = "demo") -> tuple[int, int]:
    """How many instances run and how many are asked for."""
    [variant] = aws.account().endpoint(endpoint).production_variants
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def publish(aws: LocalAws, name: str, value: float, namespace: str = "AWS/SageMaker") -> None:
    """A datapoint of the last minute, of the variant."""
    dimensions = [{"Name": "EndpointName", "Value": "demo"}, {"Name": "VariantName", "Value": VARIANT}]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    metrics.put_datapoint(aws.account(), metric, minute, value)


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> Callable[..., None]:
    """Makes an endpoint that is configured, with so many instances."""

    def make(instances: int = 0, **settings: str) -> None:
        aws.create_endpoint("demo", tags=tags(**settings), instances=max(instances, 1))
        assert function.invoke(apply())["outcome"] == "configured"
        aws.set_instances("demo", instances)
        aws.publish_backlog("demo", 0)
        aws.clear_calls()

    return make


# Status.


@pytest.mark.parametrize(
    ("current", "desired", "endpoint_status", "state"),
    [
        (0, 0, "InService", "asleep"),
        (0, 2, "Updating", "waking"),
        (0, 2, "InService", "waking"),
        (2, 2, "InService", "awake"),
        (1, 3, "Updating", "awake"),
        (2, 0, "Updating", "falling-asleep"),
        (2, 2, "Updating", "updating"),
        (0, 0, "Updating", "updating"),
        (0, 1, "RollingBack", "updating"),
    ],
)
def test_a_state_follows_from_the_counts_and_the_status(
    aws: LocalAws, function: Function, current: int, desired: int, endpoint_status: str, state: str
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.set_instances("demo", current, desired)
    aws.set_status("demo", endpoint_status)
    [variant] = function.invoke(status())["variants"]
    assert (variant["state"], variant["instances"], variant["wanted"]) == (state, current, desired)


def test_an_endpoint_with_a_new_configuration_on_its_way_is_updating(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.set_instances("demo", 0, 1)
    aws.update_endpoint("demo")
    [variant] = function.invoke(status())["variants"]
    assert variant["state"] == "updating"


def test_status_tells_since_when_how_many_wait_and_how_long_waking_takes(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0)
    aws.publish_backlog("demo", 7, 3)
    for minutes_ago, seconds in ((300, 400), (200, 500), (100, 900)):
        aws.add_activity(
            "demo", 1, "Successful", "done", minutes_ago=minutes_ago, seconds=seconds, cause=WAKE_CAUSE
        )
        aws.add_activity(
            "demo", 0, "Successful", "done", minutes_ago=minutes_ago - 50, seconds=60, cause=IDLE_CAUSE
        )
    answered = function.invoke(status())
    [variant] = answered["variants"]
    fell_asleep = datetime.now(UTC) - timedelta(minutes=49)
    assert abs(datetime.fromisoformat(variant.pop("since")) - fell_asleep) < timedelta(seconds=30)
    last = variant.pop("lastAction")
    assert abs(datetime.fromisoformat(last.pop("at")) - fell_asleep) < timedelta(seconds=90)
    assert last == {
        "by": "policy",
        "name": "scale-to-zero-idle",
        "ours": True,
        "instances": 0,
        "status": "successful",
        "cause": IDLE_CAUSE,
        "message": "done",
    }
    assert answered == {
        "endpoint": "demo",
        "outcome": "status",
        "variants": [
            {
                "variant": VARIANT,
                "state": "asleep",
                "instances": 0,
                "wanted": 0,
                "wakesIn": {"seconds": 500, "of": 3},
                "waiting": 3.0,
            }
        ],
    }
    assert written(aws) == []


def test_what_nobody_can_tell_is_null(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    [variant] = function.invoke(status())["variants"]
    assert (variant["wakesIn"], variant["waiting"]) == (None, None)
    assert "lastAction" not in variant


def test_a_number_that_was_set_by_hand_is_told_so(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(3)
    aws.add_activity("demo", 1, "Successful", "done", minutes_ago=90, seconds=300, cause=WAKE_CAUSE)
    [variant] = function.invoke(status())["variants"]
    assert variant["lastAction"]["by"] == "hand"


def test_one_endpoint_costs_three_calls_in_two_round_trips(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0)
    function.invoke(status())
    calls = sorted(call.operation for call in aws.calls)
    assert calls == ["DescribeEndpoint", "DescribeScalingActivities", "GetMetricData"]


@pytest.mark.parametrize("current", [0, 3])
def test_thousands_of_refusals_hide_much_and_status_claims_nothing_about_it(
    aws: LocalAws, function: Function, configured: Callable[..., None], current: int
) -> None:
    """A quota is tried again every ten seconds. Three calls don't reach behind that."""
    configured(current, max_capacity="4")
    aws.add_activity("demo", 1, "Successful", "done", minutes_ago=900, seconds=420, cause=WAKE_CAUSE)
    for ten_seconds in range(2000):
        aws.add_activity(
            "demo", 4, "Failed", "quota", minutes_ago=1 + ten_seconds / 6, seconds=1, cause=WAKE_CAUSE
        )

    [variant] = function.invoke(status())["variants"]

    assert (variant["state"], variant["wakesIn"]) == ("awake" if current else "asleep", None)
    # When it fell asleep is when SageMaker last changed it; when it woke, no one can tell.
    assert (variant["since"] is None) == bool(current)
    assert (variant["lastAction"]["status"], variant["lastAction"]["instances"]) == ("failed", 4)
    assert len(aws.calls) == 3


def test_a_refusal_does_not_hide_since_when_it_is_awake(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(3, max_capacity="4")
    for instances, minutes_ago in ((0, 90), (1, 60), (3, 30)):
        aws.add_activity(
            "demo", instances, "Successful", "done", minutes_ago=minutes_ago, seconds=300, cause="moon"
        )
    aws.add_activity("demo", 4, "Failed", "quota", minutes_ago=1, seconds=1, cause=WAKE_CAUSE)

    [variant] = function.invoke(status())["variants"]

    woke = datetime.now(UTC) - timedelta(minutes=55)
    assert abs(datetime.fromisoformat(variant["since"]) - woke) < timedelta(seconds=30)


@pytest.mark.parametrize("operation", ["DescribeScalingActivities", "GetMetricData"])
def test_what_cannot_be_read_is_a_note_and_the_rest_is_told(
    aws: LocalAws, function: Function, configured: Callable[..., None], operation: str
) -> None:
    configured(0)
    aws.faults = [Fault(operation, "access_denied")]
    answered = function.invoke(status())
    assert answered["variants"][0]["state"] == "asleep"
    assert f"could not be read: {operation} " in answered["note"]


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        (None, "not-found"),
        ({"asynchronous": False}, "not-async"),
        ({"serverless": True}, "serverless"),
        ({"managed_instance_scaling": True, "asynchronous": False}, "not-async"),
    ],
)
def test_what_has_no_state_answers_why(
    aws: LocalAws, function: Function, endpoint: dict[str, Any] | None, reason: str
) -> None:
    if endpoint is not None:
        aws.create_endpoint("demo", tags=ENABLED, **endpoint)
    assert function.invoke(status()) == skipped(reason)


def test_the_fleet_is_all_that_is_managed_and_costs_two_calls_an_endpoint(
    aws: LocalAws, function: Function
) -> None:
    for number in range(3):
        aws.create_endpoint(f"managed-{number}", tags=ENABLED)
        aws.set_instances(f"managed-{number}", min(number, 1))
    aws.create_endpoint("another")
    aws.create_endpoint("opted-out", tags={f"{PREFIX}enabled": "false"})
    aws.publish_backlog("managed-1", 4)
    answered = function.invoke({"action": "status"})
    assert (answered["outcome"], answered["endpoints"]) == ("status", 3)
    assert answered["counts"] == {"asleep": 1, "awake": 2}
    waiting = {found["endpoint"]: found["variants"][0]["waiting"] for found in answered["results"]}
    assert waiting == {"managed-0": None, "managed-1": 4.0, "managed-2": None}
    lists = ["GetMetricData", "GetResources", "ListEndpoints"]
    each = ["DescribeEndpoint", "DescribeScalingActivities"]
    assert sorted(call.operation for call in aws.calls) == sorted(lists + 3 * each)
    assert function.invoke({"action": "status", "after": "managed-1"})["endpoints"] == 1


# Wake.


@pytest.mark.parametrize(("asked", "wanted"), [({}, 1), ({"instances": 1}, 1), ({"instances": 5}, 5)])
def test_wake_starts_instances_and_writes_nothing_else(
    aws: LocalAws, function: Function, configured: Callable[..., None], asked: Json, wanted: int
) -> None:
    configured(0)
    before = aws.state("demo")
    answered = function.invoke(wake(**asked))
    note = answered.pop("note")
    assert answered == answer("waking", instances(wanted))
    assert "send its first request while it starts" in note
    assert written(aws) == [SET]
    assert counts(aws) == (0, wanted)
    assert aws.state("demo") == before


def test_a_second_wake_finds_the_first_on_its_way_and_later_done(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0)
    function.invoke(wake())
    aws.clear_calls()
    assert function.invoke(wake())["outcome"] == "waking"
    assert function.invoke(wake(instances=3)) == skipped("not-in-service")
    aws.settle()
    assert function.invoke(wake()) == answer("unchanged")
    assert written(aws) == []


def test_an_endpoint_that_is_awake_gets_the_instances_that_it_lacks_and_loses_none(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(2)
    assert function.invoke(wake(instances=1)) == answer("unchanged")
    assert function.invoke(wake(instances=4))["outcome"] == "waking"
    assert counts(aws) == (2, 4)


def test_no_more_instances_than_the_maximum_are_started(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0, max_capacity="3")
    for asked in (4, 10**12):
        answered = function.invoke(wake(instances=asked))
        [problem] = answered["problems"]
        assert (answered["outcome"], problem["tag"]) == ("invalid", "instances")
        assert "at most 3" in problem["problem"]
    assert written(aws) == []


@pytest.mark.parametrize("asked", [0, -1, 1.5, "2", None, True, [1]])
def test_a_number_that_is_none_is_refused(aws: LocalAws, function: Function, asked: Any) -> None:
    error = failure(function, wake(instances=asked))
    assert error.error_type == "InvalidPayload"
    assert "instances" in error.message
    assert aws.calls == []


@pytest.mark.parametrize(
    "payload",
    [wake(force=True), wake(count=1), sleep(instances=1), sleep(now=True), status() | {"after": "a"}],
)
def test_an_unknown_member_is_refused(aws: LocalAws, function: Function, payload: Json) -> None:
    assert "unknown key" in failure(function, payload).message
    assert aws.calls == []


@pytest.mark.parametrize("force", ["yes", 1, None])
def test_force_is_a_boolean(aws: LocalAws, function: Function, force: Any) -> None:
    assert '"force" is' in failure(function, sleep(force=force)).message


# Sleep.


def test_sleep_takes_the_instances_away_and_leaves_what_wakes_it(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(2)
    before = aws.state("demo")
    assert function.invoke(sleep()) == answer("sleeping", instances(0))
    assert written(aws) == [SET]
    assert counts(aws) == (2, 0)
    assert aws.state("demo") == before
    assert function.invoke(sleep())["outcome"] == "sleeping"
    aws.settle()
    assert function.invoke(sleep()) == answer("unchanged")


def test_what_aws_has_to_bring_within_the_bounds_first_is_put_to_sleep_when_asked_again(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    """A second change of an endpoint that is being changed would be refused."""
    configured(7, max_capacity="8")
    aws.retag("demo", tags(max_capacity="5"))

    first = function.invoke(sleep())

    assert first["outcome"] == "sleeping"
    assert "AWS changes it to the nearest bound first; ask again" in first["note"]
    assert counts(aws) == (7, 5)
    aws.settle()
    second = function.invoke(sleep())
    assert (second["outcome"], second.get("note")) == ("sleeping", None)
    assert counts(aws) == (5, 0)


def test_no_instance_that_the_minimum_keeps_is_taken_away(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(4, min_capacity="2")
    assert function.invoke(sleep()) == answer("sleeping", instances(2))
    aws.settle()
    assert function.invoke(sleep()) == answer("unchanged")
    assert counts(aws) == (2, 2)


def busy_backlog(aws: LocalAws) -> None:
    aws.publish_backlog("demo", 2, 0)


def busy_lately(aws: LocalAws) -> None:
    publish(aws, "InvocationsProcessed", 1)


def busy_gpu(aws: LocalAws) -> None:
    publish(aws, "GPUUtilization", 37, "/aws/sagemaker/Endpoints")


@pytest.mark.parametrize(
    ("work", "why"),
    [(busy_backlog, "its backlog was 2"), (busy_lately, "a request ended"), (busy_gpu, "used to 37 %")],
)
def test_an_endpoint_at_work_is_busy_unless_forced(
    aws: LocalAws,
    function: Function,
    configured: Callable[..., None],
    work: Callable[[LocalAws], None],
    why: str,
) -> None:
    configured(1)
    work(aws)
    answered = function.invoke(sleep())
    assert why in answered.pop("note")
    assert answered == skipped("busy")
    assert written(aws) == []
    assert function.invoke(sleep(force=True))["outcome"] == "sleeping"


def test_an_endpoint_of_which_the_backlog_is_not_known_is_busy(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    answered = function.invoke(sleep())
    assert (answered["reason"], counts(aws)) == ("busy", (1, 1))


def test_what_nothing_would_wake_is_not_put_to_sleep(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(1, wake="false")
    answered = function.invoke(sleep(force=True))
    [problem] = answered["problems"]
    assert (answered["outcome"], problem["tag"], problem["value"]) == ("invalid", f"{PREFIX}wake", "false")
    assert written(aws) == []


def test_a_way_to_wake_that_is_missing_is_put_right_before_the_instances_go(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(1)
    client(aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name()])
    answered = function.invoke(sleep())
    assert [change["change"] for change in answered["variants"][0]["changes"]] == [
        "put-metric-alarm",
        "set-desired-instances",
    ]
    assert written(aws) == ["PutMetricAlarm", SET]


def test_a_way_to_wake_that_cannot_be_put_right_keeps_the_endpoint_awake(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(1)
    client(aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name()])
    aws.faults = [Fault("PutMetricAlarm", "access_denied")]
    assert failure(function, sleep(force=True)).error_type == "AccessDenied"
    assert counts(aws) == (1, 1)


def test_an_endpoint_that_loses_its_way_to_wake_meanwhile_gets_an_instance_again(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    """Another invocation takes everything away between the look of a sleep and its write."""
    configured(1)

    def interfere(whole: Json) -> Json:
        # As the answer to the last read before the write, so that the write still comes.
        aws.amendments = {}
        targets.drop_target(aws.account(), "demo", VARIANT)
        cloudwatch.delete(aws.account(), [wake_alarm_name()])
        aws.untag("demo", list(ENABLED))
        return whole

    aws.amendments = {"GetMetricData": interfere}
    asked = []

    def is_at_rest_at_the_third(params: Json) -> bool:
        """AWS lets nobody change the endpoint while it falls asleep, until it has come to rest."""
        asked.append(params)
        if len(asked) == 3:
            aws.settle()
        return False

    aws.faults = [Fault(SET, "throttle", when=is_at_rest_at_the_third)]
    answered = function.invoke(sleep())
    assert answered["outcome"] == "waking"
    assert "took away what wakes it" in answered["note"]
    assert (len(asked), counts(aws)) == (3, (0, 1))


# Both.


def paused(aws: LocalAws) -> None:
    aws.retag("demo", {f"{PREFIX}pause": "true"})


def untagged(aws: LocalAws) -> None:
    aws.untag("demo", list(ENABLED))


def updating(aws: LocalAws) -> None:
    aws.update_endpoint("demo")


def failed(aws: LocalAws) -> None:
    aws.fail("demo", "no such image")


def bad_tag(aws: LocalAws) -> None:
    aws.retag("demo", {f"{PREFIX}max-capcity": "3"})


@pytest.mark.parametrize("payload", [wake(instances=3), sleep(), sleep(force=True)])
@pytest.mark.parametrize(
    ("change", "outcome", "reason"),
    [
        (paused, "skipped", "paused"),
        (untagged, "skipped", "not-managed"),
        (updating, "skipped", "not-in-service"),
        (failed, "skipped", "not-in-service"),
        (bad_tag, "invalid", None),
        (put_foreign_step, "conflict", None),
    ],
)
def test_an_endpoint_that_is_not_to_be_changed_answers_why(
    aws: LocalAws,
    function: Function,
    configured: Callable[..., None],
    payload: Json,
    change: Callable[[LocalAws], None],
    outcome: str,
    reason: str | None,
) -> None:
    configured(2)
    change(aws)
    before = counts(aws)
    answered = function.invoke(payload)
    assert (answered["outcome"], answered.get("reason")) == (outcome, reason)
    assert answered.get("paused") == (True if reason == "paused" else None)
    assert (written(aws), counts(aws)) == ([], before)


def test_an_endpoint_whose_scaling_in_is_paused_can_be_woken_and_not_be_put_to_sleep(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(1, pause="scale-in")
    assert function.invoke(sleep(force=True)) == skipped("paused", paused="scale-in")
    answered = function.invoke(wake(instances=2))
    assert (answered["outcome"], answered["paused"]) == ("waking", "scale-in")


@pytest.mark.parametrize("payload", [wake(), sleep()])
def test_an_endpoint_that_does_not_exist_answers_so(function: Function, payload: Json) -> None:
    assert function.invoke(payload) == skipped("not-found")


@pytest.mark.parametrize(("count", "payload"), [(0, wake(instances=2)), (2, sleep())])
def test_a_change_that_somebody_else_has_just_begun_goes_first(
    aws: LocalAws, function: Function, configured: Callable[..., None], count: int, payload: Json
) -> None:
    configured(count)

    def begin(whole: Json) -> Json:
        aws.amendments = {}
        aws.set_status("demo", "Updating")
        return whole

    # DescribeEndpoint comes first; whatever is read later sees the same endpoint.
    aws.amendments = {"DescribeScalableTargets": begin}
    answered = function.invoke(payload)
    assert (answered["outcome"], answered["reason"]) == ("skipped", "not-in-service")
    assert "somebody else" in answered["note"]
    assert counts(aws) == (count, count)


def test_sleep_does_not_stop_a_wake(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0)
    function.invoke(wake())
    assert function.invoke(sleep(force=True)) == skipped("not-in-service")
    assert counts(aws) == (0, 1)


def test_after_both_nothing_is_left_to_configure(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0)
    for payload in (wake(instances=2), sleep()):
        function.invoke(payload)
        aws.settle()
        aws.clear_calls()
        assert function.invoke(state_change())["outcome"] == "unchanged"
        assert written(aws) == []


def test_an_endpoint_that_is_leaving_is_not_changed_by_hand(
    aws: LocalAws, function: Function, configured: Callable[..., None]
) -> None:
    configured(0)
    assert function.invoke(remove())["outcome"] == "removing"
    aws.settle()
    aws.clear_calls()
    assert function.invoke(wake(instances=2)) == skipped("not-managed")
    assert written(aws) == []
