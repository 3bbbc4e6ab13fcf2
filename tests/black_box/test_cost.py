"""Holds: the book counts as many alarms and metrics as there are, and its sums are right."""

from __future__ import annotations

import re

from book import plain, table
from sources import arms, source
from support import ENABLED, Json, plan
from template import ALARMS

from local.aws import LocalAws
from local.runtime import Function

# US$ a month in us-east-1: https://aws.amazon.com/cloudwatch/pricing/ and https://aws.amazon.com/kms/pricing/
ALARM_METRIC = 0.10
METRIC = 0.30
KEY = 1.00
DASHBOARD = 3.00

OF_ONE_METRIC = sum("MetricName" in alarm for alarm in ALARMS.values())
OF_THE_CENSUS = len(re.findall(r'pub const \w+_ENDPOINTS: &str = "', source("metrics.rs")))
# Calls, throttled calls, duration; and the outcome of a sweep.
OF_A_SWEEP = OF_THE_CENSUS + 3 + 1


def metrics_of(alarm: Json) -> int:
    return sum("MetricStat" in metric for metric in alarm["Metrics"])


def own_metrics() -> int:
    """Each value of a dimension is one: every outcome, `failed` among them, and every kind of change."""
    outcomes = set(arms("answer", "as_str")) | set(re.findall(r'"outcome": "(\w+)"', source("answer")))
    messages_that_failed = 1
    return OF_THE_CENSUS + 3 + messages_that_failed + len(outcomes) + 1 + len(arms("answer", "change_code"))


def test_the_stack_costs_what_its_alarms_and_metrics_cost() -> None:
    rows = {plain(row[0]): row[1] for row in table("stack costs")}
    alarms = f"{OF_ONE_METRIC} alarms on queues, errors and sweep"
    of_endpoints = metrics_of(ALARMS["InvalidEndpointsAlarm"])

    assert OF_ONE_METRIC > 3
    assert rows[alarms].startswith(f"{OF_ONE_METRIC * ALARM_METRIC:.2f};")
    assert (
        rows["InvalidEndpointsAlarm"] == f"{of_endpoints * ALARM_METRIC:.2f} for its {of_endpoints} metrics"
    )
    assert rows["key of the alarm topic"] == f"{KEY:.2f}"
    assert rows["dashboard"].startswith(f"{DASHBOARD:.2f};")
    own = rows["the function's own metrics"]
    assert f"{OF_A_SWEEP * METRIC:.2f} for the {OF_A_SWEEP} that every sweep writes" in own
    assert f"{own_metrics() * METRIC:.2f} for all {own_metrics()}," in own


def test_the_sums_are_those_of_so_many_endpoints(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    [variant] = function.invoke(plan())["variants"]
    # And the two alarms that AWS makes for target tracking.
    endpoint = sum(change.get("usdPerMonth", 0.0) for change in variant["changes"]) + 2 * ALARM_METRIC
    of_endpoints = metrics_of(ALARMS["InvalidEndpointsAlarm"])
    stack = (OF_ONE_METRIC + of_endpoints) * ALARM_METRIC + KEY + DASHBOARD
    metrics = own_metrics() * METRIC
    rows = {row[0].strip("*"): [cell.strip("*") for cell in row[1:]] for row in table("costs")}

    counts = (1, 20, 200)
    assert rows["alarms of the endpoints, default settings, on a GPU"] == [
        f"{count * endpoint:.2f}" for count in counts
    ]
    assert rows["`WakeAlarm`"] == [f"{count * ALARM_METRIC:.2f}" for count in counts]
    assert rows["the stack's other alarms, key and dashboard"] == [f"{stack:.2f}"] * 3
    assert rows["with everything switched on, at the most"] == [
        f"{count * (endpoint + ALARM_METRIC) + stack + metrics:.2f}" for count in counts
    ]
    assert rows["with all that is optional in the stack switched off"] == [
        f"{count * endpoint:.2f}" for count in counts
    ]
