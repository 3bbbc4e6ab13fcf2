"""What CloudWatch makes of the lines of metrics, and that it gets them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from book import table
from fleet import PLAN, REMOVE, SWEEP, create_configured, delete_at_once, put_orphan_alarm
from support import (
    ENABLED,
    PREFIX,
    Json,
    apply,
    autoscaling,
    failure,
    plan,
    put_foreign_action,
    remove,
    state_change,
    tags,
)
from template import ROOT

from local.aws import LocalAws
from local.faults import Fault
from local.queue import WorkQueue
from local.runtime import Function

NAMESPACE = "ScaleToZero"
FLEET = ("ManagedEndpoints", "AsleepEndpoints", "InvalidEndpoints", "ConflictingEndpoints", "PausedEndpoints")
COSTS = ("AwsCalls", "ThrottledCalls", "Duration")

# How severe a level is for Lambda, which drops what is below the level of the function.
SEVERITY = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

UNITS = {"Count", "Milliseconds"}

CONFIGURED = {"register-scalable-target": 1, "put-scaling-policy": 4, "put-metric-alarm": 4}


# CloudWatch's side: CloudWatch_Embedded_Metric_Format_Specification in the user guide of CloudWatch.


@dataclass(frozen=True)
class Datum:
    name: str
    dimensions: tuple[tuple[str, str], ...]
    value: float
    unit: str


def extracted(line: Json) -> list[Datum]:
    """The metrics of one line, or an assertion that names the rule of the specification that it breaks."""
    assert len(json.dumps(line)) <= 256 * 1024
    metadata = line["_aws"]
    assert set(metadata) == {"Timestamp", "CloudWatchMetrics"}
    assert type(metadata["Timestamp"]) is int
    assert abs(metadata["Timestamp"] - time.time() * 1000) < 60_000
    assert metadata["CloudWatchMetrics"]
    found = []
    for directive in metadata["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert re.fullmatch(r"[A-Za-z0-9.\-_/#:]{1,255}", directive["Namespace"])
        assert directive["Namespace"] == NAMESPACE
        assert 1 <= len(directive["Metrics"]) <= 100
        [keys] = directive["Dimensions"]
        assert len(keys) <= 30
        for key in keys:
            assert 1 <= len(key) <= 250
            assert isinstance(line[key], str), "a dimension's value is a string at the root"
            assert 1 <= len(line[key]) <= 1024
        for metric in directive["Metrics"]:
            assert set(metric) == {"Name", "Unit"}
            assert metric["Unit"] in UNITS
            assert type(line[metric["Name"]]) in (int, float), "a metric's value is a number at the root"
            dimensions = tuple((key, line[key]) for key in keys)
            found.append(Datum(metric["Name"], dimensions, line[metric["Name"]], metric["Unit"]))
    return found


def emitted(function: Function) -> list[Datum]:
    """All metrics of the last invocation."""
    found = [datum for line in function.last_metrics for datum in extracted(line)]
    # A message of a batch has its own.
    assert all(
        datum.dimensions in [(), ("Outcome",), ("Change",)] or len(datum.dimensions) == 1 for datum in found
    )
    return found


def outcomes(function: Function) -> list[str]:
    found = [datum for datum in emitted(function) if datum.name == "Invocations"]
    assert all((datum.value, datum.unit) == (1, "Count") for datum in found)
    return [dict(datum.dimensions)["Outcome"] for datum in found]


def changes(function: Function) -> dict[str, float]:
    found = [datum for datum in emitted(function) if datum.name == "Changes"]
    assert all(datum.unit == "Count" for datum in found)
    made = {dict(datum.dimensions)["Change"]: datum.value for datum in found}
    assert len(made) == len(found), "the same change in two lines"
    return made


def plain(function: Function) -> dict[str, float]:
    """The metrics without dimension, of an invocation with one payload."""
    found = [datum for datum in emitted(function) if not datum.dimensions]
    assert {datum.name for datum in found if datum.unit == "Milliseconds"} == {"Duration"}
    values = {datum.name: datum.value for datum in found}
    assert len(values) == len(found)
    return values


def fleet_of(function: Function) -> dict[str, float]:
    return {name: value for name, value in plain(function).items() if name not in COSTS}


# What is counted.


def test_each_invocation_is_counted_under_its_outcome_with_what_it_changed_and_cost(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    steps: list[tuple[Callable[[], object], Json, str, dict[str, float]]] = [
        (lambda: None, plan(), "planned", {}),
        (lambda: None, state_change(), "configured", CONFIGURED),
        (lambda: None, state_change(), "unchanged", {}),
        (lambda: None, state_change(status="UPDATING"), "skipped", {}),
        (lambda: None, {"action": "explain", "endpoint": "demo"}, "explained", {}),
        (lambda: aws.retag("demo", tags(max_capacity="x")), state_change(), "invalid", {}),
        (lambda: aws.retag("demo", tags(max_capacity="5")), state_change(), "unchanged", {}),
        (lambda: put_foreign_action(aws), state_change(), "conflict", {}),
        (
            lambda: autoscaling(aws, "delete_scheduled_action", ScheduledActionName="nightly"),
            apply(),
            "unchanged",
            {},
        ),
        (
            lambda: aws.set_instances("demo", 0),
            remove(),
            "removing",
            {"register-scalable-target": 1, "put-scheduled-action": 1},
        ),
        (
            aws.settle,
            state_change(),
            "removed",
            {"deregister-scalable-target": 1, "delete-alarms": 1},
        ),
        (lambda: None, SWEEP, "swept", CONFIGURED),
        (lambda: None, PLAN, "swept", {}),
    ]
    for act, payload, outcome, made in steps:
        act()
        aws.clear_calls()
        function.invoke(payload)

        assert (outcomes(function), changes(function)) == ([outcome], made), payload
        cost = plain(function)
        assert (cost["AwsCalls"], cost["ThrottledCalls"]) == (len(aws.calls), 0)
        assert 0 <= cost["Duration"] <= function.durations[-1] * 1000
        assert set(cost) - set(COSTS) == (set(FLEET) if outcome == "swept" else set())


def test_an_invocation_that_fails_counts_with_the_changes_that_it_has_made(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "access_denied")]

    failure(function, state_change())

    assert outcomes(function) == ["failed"]
    assert changes(function) == {"register-scalable-target": 1, "put-scaling-policy": 1}
    assert plain(function)["AwsCalls"] == len(aws.calls)

    failure(function, {"action": "dance"})

    assert (outcomes(function), changes(function)) == (["failed"], {}), "what came before is counted once"


def test_an_invocation_that_runs_out_of_time_counts_as_failed(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutMetricAlarm", "hang")]

    failure(function, state_change(), deadline_seconds=2)

    assert outcomes(function) == ["failed"]
    assert changes(function) == {"register-scalable-target": 1, "put-scaling-policy": 1}


def test_each_message_of_a_batch_counts_by_itself(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    bodies = [json.dumps(apply()), json.dumps(apply()), "nonsense"]
    records = [
        {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
        for number, body in enumerate(bodies)
    ]

    function.invoke({"Records": records})

    assert outcomes(function) == ["configured", "unchanged", "failed"]
    assert changes(function) == CONFIGURED
    calls = [datum.value for datum in emitted(function) if datum.name == "AwsCalls"]
    assert (sum(calls), len(calls)) == (len(aws.calls), 3)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("ListTags", "throttle", 1), id="sagemaker"),
        pytest.param(Fault("PutScalingPolicy", "throttle", 1), id="application auto scaling"),
        pytest.param(Fault("PutMetricAlarm", "throttle", range(1, 3)), id="cloudwatch, twice"),
    ],
)
def test_calls_that_aws_throttles_are_counted_though_a_retry_mends_them(
    aws: LocalAws, function: Function, fault: Fault
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    fault.seen = 0
    aws.faults = [fault]

    assert function.invoke(apply())["outcome"] == "configured"

    refused = sum(call.status == 400 for call in aws.calls)
    assert refused == (1 if fault.nth == 1 else 2)
    assert plain(function)["ThrottledCalls"] == refused
    assert plain(function)["AwsCalls"] == len(aws.calls)


@pytest.mark.full
def test_the_calls_of_a_sweep_and_its_queue_count_as_throttled_too(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    queue = WorkQueue(aws)
    function = start_function(WORK_QUEUE_URL=queue.url)
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("GetResources", "throttle", 1), Fault("SendMessageBatch", "throttle", 1)]

    function.invoke(SWEEP)

    assert plain(function)["ThrottledCalls"] == 2


def test_other_errors_are_no_throttling(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [
        Fault("ListTags", "internal", 1),
        Fault("RegisterScalableTarget", "concurrent_update", 1),
        Fault("DescribeAlarms", "drop", 1),
    ]
    function.invoke(apply())
    assert plain(function)["ThrottledCalls"] == 0

    # The SDK takes it for throttling.
    aws.untag("demo", [*ENABLED])
    aws.create_endpoint("other", tags=ENABLED)
    aws.faults = [Fault("PutScalingPolicy", "limit_exceeded")]
    failure(function, apply("other"))
    assert plain(function)["ThrottledCalls"] == 0


# The fleet.


def numbers(managed: int, asleep: int = 0, invalid: int = 0, conflicting: int = 0, paused: int = 0) -> Json:
    return dict(zip(FLEET, (managed, asleep, invalid, conflicting, paused), strict=True))


@pytest.mark.parametrize("payload", [SWEEP, PLAN], ids=["sweep", "plan"])
def test_an_empty_fleet_has_zeros_and_not_nothing(aws: LocalAws, function: Function, payload: Json) -> None:
    function.invoke(payload)

    assert fleet_of(function) == numbers(0)


@pytest.mark.parametrize("payload", [SWEEP, PLAN], ids=["sweep", "plan"])
def test_a_sweep_tells_how_its_endpoints_are_doing(
    aws: LocalAws, start_function: Callable[..., Function], payload: Json
) -> None:
    queue = WorkQueue(aws)
    alone, queueing = start_function(), start_function(WORK_QUEUE_URL=queue.url)
    create_configured(aws, "gone")
    delete_at_once(aws, "gone")
    # Managed: as they should be, asleep, falling asleep, waking up, and not configured yet.
    for name in ("fine", "asleep", "falling-asleep", "waking"):
        create_configured(aws, name)
    aws.set_instances("asleep", 0)
    aws.set_instances("falling-asleep", 1, 0)
    aws.set_instances("waking", 0, 1)
    aws.create_endpoint("two-asleep", tags=ENABLED, variants=["Blue", "Green"], instances=0)
    aws.create_endpoint("one-asleep", tags=ENABLED, variants=["Blue", "Green"], instances=0)
    aws.set_instances("one-asleep", 1, variant="Green")
    # Managed, and something is wrong or held back.
    create_configured(aws, "invalid-asleep")
    aws.set_instances("invalid-asleep", 0)
    aws.retag("invalid-asleep", tags(max_capacity="lots"))
    aws.create_endpoint("invalid", tags=tags(wake="never"))
    aws.create_endpoint("conflict", tags=ENABLED)
    register = "endpoint/conflict/variant/AllTraffic"
    autoscaling(aws, "register_scalable_target", register, MinCapacity=1, MaxCapacity=3)
    put_foreign_action(aws, resource=register)
    aws.create_endpoint("paused", tags=tags(pause="true"))
    aws.create_endpoint("half-paused", tags=tags(pause="scale-in"))
    # Managed and just being updated, as by every scaling action.
    for name, settings in (
        ("updating", {}),
        ("updating-paused", {"pause": "true"}),
        ("updating-invalid", {"wake": "never"}),
    ):
        create_configured(aws, name)
        aws.retag(name, tags(**settings))
        aws.set_status(name, "Updating")
    # Not managed.
    aws.create_endpoint("untagged", instances=0)
    aws.create_endpoint("opted-out", tags=tags(enabled="false"), instances=0)
    aws.create_endpoint("real-time", tags=ENABLED, asynchronous=False, instances=0)
    aws.create_endpoint("creating", tags=ENABLED)
    aws.set_status("creating", "Creating")
    create_configured(aws, "leaving")
    aws.retag("leaving", tags(enabled="false"))

    for function in (queueing, alone):
        function.invoke(payload)
        assert outcomes(function) == ["swept"]
        assert fleet_of(function) == numbers(14, asleep=3, invalid=3, conflicting=1, paused=3)


def test_the_fleet_is_counted_though_a_look_at_one_endpoint_fails(aws: LocalAws, function: Function) -> None:
    create_configured(aws, "fine")
    create_configured(aws, "broken")
    aws.create_endpoint("bad", tags=tags(wake="never"))
    aws.faults = [
        Fault("DescribeEndpoint", "access_denied", when=lambda params: params["EndpointName"] == "broken")
    ]

    failure(function, SWEEP)

    assert outcomes(function) == ["failed"]
    assert fleet_of(function) == numbers(2, invalid=1)


def test_a_fleet_that_is_removed_or_could_not_be_read_has_no_numbers(
    aws: LocalAws, function: Function
) -> None:
    create_configured(aws, "fine")
    aws.faults = [Fault("ListEndpoints", "access_denied")]
    failure(function, SWEEP)
    assert (outcomes(function), fleet_of(function)) == (["failed"], {})

    aws.faults = []
    function.invoke(REMOVE)
    assert (outcomes(function), fleet_of(function)) == (["swept"], {})


def test_what_a_sweep_removes_itself_is_counted_once_it_is_gone(aws: LocalAws, function: Function) -> None:
    create_configured(aws, "orphan")
    delete_at_once(aws, "orphan")
    put_orphan_alarm(aws, "ghost")
    aws.faults = [Fault("DeleteAlarms", "access_denied")]
    failure(function, SWEEP)
    assert changes(function) == {"deregister-scalable-target": 1}

    aws.faults = []
    function.invoke(PLAN)
    assert changes(function) == {}
    function.invoke(SWEEP)
    assert changes(function) == {"delete-alarms": 2}

    create_configured(aws, "orphan")
    delete_at_once(aws, "orphan")
    function.invoke(SWEEP)
    assert changes(function) == {"deregister-scalable-target": 1, "delete-alarms": 1}


# The lines.


def test_the_names_are_those_of_the_contract(aws: LocalAws, function: Function) -> None:
    create_configured(aws, "demo")
    aws.retag("demo", tags(max_capacity="8"))
    function.invoke(SWEEP)
    data = emitted(function)
    function.invoke({"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(apply())}]})
    data += emitted(function)
    written = {datum.name for datum in data}
    dimensions = {key for datum in data for key, _ in datum.dimensions}

    source = (ROOT / "src" / "metrics.rs").read_text()
    constants = dict(re.findall(r'pub const (\w+): &str = "(\w+)";', source))
    assert constants.pop("NAMESPACE") == NAMESPACE
    assert constants.pop("FAILED") == "failed"
    assert set(constants.values()) == written | dimensions
    assert written == {"Invocations", "Changes", "FailedWork", *COSTS, *FLEET}
    assert dimensions == {"Outcome", "Change"}

    rows = [[cell.strip(" `") for cell in row[:3]] for row in table("metrics")]
    by_name = {datum.name: datum for datum in data}
    assert {tuple(row) for row in rows} == {
        (name, datum.dimensions[0][0] if datum.dimensions else "\N{EN DASH}", datum.unit)
        for name, datum in by_name.items()
    }


def test_an_endpoint_is_never_a_dimension(aws: LocalAws, function: Function) -> None:
    """Each value of a dimension is a metric that is billed."""
    for name in ("one", "two"):
        aws.create_endpoint(name, tags=ENABLED)
        function.invoke(apply(name))
        assert name not in json.dumps(function.last_metrics)


def test_an_invocation_without_changes_of_several_kinds_is_one_line_beside_the_log(
    aws: LocalAws, function: Function
) -> None:
    create_configured(aws, "demo")
    for payload in (apply(), SWEEP, plan("nobody")):
        function.invoke(payload)
        [log], [metrics] = function.last_logs, function.last_metrics
        assert metrics["request_id"] == log["request_id"]
    autoscaling(aws, "register_scalable_target", MinCapacity=0, MaxCapacity=3)

    function.invoke(apply())

    assert changes(function) == {"register-scalable-target": 1}
    assert len(function.last_metrics) == 1


@pytest.mark.parametrize("level", [*SEVERITY, "info", "", "verbose"])
def test_no_log_level_swallows_the_metrics(
    aws: LocalAws, start_function: Callable[..., Function], level: str
) -> None:
    """Lambda takes a line without level or timestamp for INFO, and drops what is below its own level."""
    function = start_function(AWS_LAMBDA_LOG_LEVEL=level)
    kept = SEVERITY.index(level.upper()) if level.upper() in SEVERITY else SEVERITY.index("INFO")
    aws.create_endpoint("demo", tags=ENABLED)

    function.invoke(apply())

    assert outcomes(function) == ["configured"]
    assert changes(function) == CONFIGURED
    for line in function.last_metrics:
        assert SEVERITY.index(line["level"]) >= kept
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line["timestamp"])
    # Nothing looks worse than it is where Lambda wouldn't drop it.
    assert {line["level"] for line in function.last_metrics} == {
        {3: "WARN", 4: "FATAL", 5: "FATAL"}.get(kept, "INFO")
    }


def test_metrics_can_be_switched_off(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    function = start_function(METRICS="off")
    aws.create_endpoint("demo", tags=ENABLED)

    for payload in (apply(), SWEEP):
        function.invoke(payload)
        assert (len(function.last_logs), function.last_metrics) == (1, [])
    failure(function, {})
    assert function.last_metrics == []


@pytest.mark.parametrize("variable", ["METRICS", "STATUS_TAG"])
def test_neither_on_nor_off_stops_the_function_at_its_start(
    start_function: Callable[..., Function], variable: str
) -> None:
    function = start_function(**{variable: "yes"})
    with pytest.raises(Exception, match="ended"):
        function.wait_until_ready()
    assert function.init_error
    assert function.init_error.error_type == "InvalidConfiguration"
    assert f'{variable}="yes" must be on or off' in function.init_error.message


def test_no_value_of_a_tag_gets_into_the_metrics(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, f"{PREFIX}max-capacity": "secret"})
    function.invoke(apply())
    assert outcomes(function) == ["invalid"]
    assert "secret" not in json.dumps(function.last_metrics)
