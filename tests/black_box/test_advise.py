"""Advice from whatever CloudWatch remembers: a reason where nothing can be said, never a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import VARIANT, Json, autoscaling, put_foreign_tracking
from test_lookback import browsed, metric

from local.aws import LocalAws
from local.runtime import Function
from local.services import metrics
from local.services.metrics import Minutes, Sampled
from tools.lookback.pages import advice_page

DAYS = 14
ADVISE = {"action": "advise", "endpoint": "demo", "days": DAYS}
MINUTES = DAYS * 24 * 60
LATEST = 120
OLD = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
QUEUE = ("ApproximateBacklogSize", "HasBacklogWithoutCapacity")


def newest() -> int:
    now = int(datetime.now(UTC).timestamp())
    return now - now % 60


def each_minute(value: float, samples: float = 1.0, every: int = 1) -> Minutes:
    """A value in each minute of 15 days, or in every so many-th one."""
    return {
        newest() - 60 * ago: Sampled(samples, value * samples, value, value)
        for ago in range(0, MINUTES + 1440, every)
    }


def put(aws: LocalAws, name: str, minutes: Minutes, variant: str = VARIANT) -> None:
    metrics.replace(aws.account(), metric("demo", name, name not in QUEUE, variant), minutes)


@pytest.fixture
def lived(aws: LocalAws) -> LocalAws:
    """An endpoint without a tag, which has run one instance for weeks and done a request every hour."""
    aws.create_endpoint("demo")
    for operation in ("DescribeEndpoint", "DescribeEndpointConfig"):
        aws.amendments[operation] = lambda answer: {**answer, "CreationTime": OLD}
    live(aws)
    return aws


def live(
    aws: LocalAws, variant: str = VARIANT, samples: float = 1.0, done: float = 1.0, every: int = 60
) -> None:
    for name in QUEUE:
        put(aws, name, each_minute(0.0))
    put(aws, "CPUUtilization", each_minute(1.0, samples), variant)
    put(aws, "InvocationsProcessed", each_minute(1.0, done, every), variant)
    put(aws, "TotalProcessingTime", each_minute(20_000.0 / done, done, every), variant)
    put(aws, "TimeInBacklog", each_minute(0.0, done, every), variant)


def refused(answer: Json) -> str:
    assert answer["outcome"] == "skipped", answer["outcome"]
    assert "rows" not in answer
    reason: str = answer["reason"]
    return reason


def test_what_one_instance_that_always_runs_would_have_been_with_our_tags(
    lived: LocalAws, function: Function, tmp_path: Path
) -> None:
    lived.clear_calls()
    answer = function.invoke(ADVISE | {"price": 1.0, "course": True})

    assert lived.writes() == []
    assert (answer["outcome"], answer["requests"]) == ("advised", DAYS * 24)
    assert abs(answer["model"]["cloudwatch"] - DAYS * 24) < 1
    assert abs(answer["model"]["difference"]) < 0.01
    now, *others = answer["rows"]
    assert (now["now"], now["waited"], round(now["usd"])) == (True, 0, DAYS * 24)
    # An instance for a request an hour: it starts, works, idles and goes.
    assert others
    assert {"enabled": "true"}.items() <= others[0]["settings"].items()
    assert others[0]["instanceHours"] < now["instanceHours"] / 2
    assert others[0]["waited"] > 300
    assert answer["tags"] == [], "somebody would wait, so it is a choice"
    assert function.peak_memory < 100 * 2**20
    # What the executable has answered makes a page.
    page = advice_page(answer)
    rows = (
        'return [document.querySelectorAll("canvas").length, document.querySelectorAll("#rows tr").length];'
    )
    assert browsed(page, rows, tmp_path) == [2, 1 + len(others)]


def test_samples_every_ten_seconds_are_no_six_instances(lived: LocalAws, function: Function) -> None:
    lived.publish_every("demo", 10)
    live(lived, samples=6.0)
    answer = function.invoke(ADVISE | {"days": 2})
    assert answer["outcome"] == "advised"
    assert abs(answer["model"]["cloudwatch"] - 48) < 1


@pytest.mark.full
def test_a_million_requests_are_more_than_is_replayed_and_fit_the_memory(
    lived: LocalAws, function: Function
) -> None:
    """50 a minute: of these the last 100,000."""
    live(lived, done=50.0, every=1)
    answer = function.invoke(ADVISE, 300.0)
    if answer["outcome"] == "advised":
        assert answer["requests"] == 100_000
        assert any("only the last" in it for it in answer["assumptions"])
    assert function.peak_memory < 100 * 2**20


# What can't be judged.


def forget_all(aws: LocalAws) -> None:
    aws.account().datapoints.clear()


def do_nothing_for_fifteen_days(aws: LocalAws) -> None:
    put(aws, "InvocationsProcessed", each_minute(0.0))


def lose_minutes(aws: LocalAws) -> None:
    """A tenth of them, of everything."""
    for found in aws.account().datapoints.values():
        for minute in [minute for minute in found if minute // 60 % 10 == 0]:
            del found[minute]


def rename_the_variant(aws: LocalAws) -> None:
    """The metrics are those of the old name."""
    aws.account().datapoints.clear()
    live(aws, variant="before")


def update_yesterday(aws: LocalAws) -> None:
    made = (datetime.now(UTC) - timedelta(days=1)).timestamp()
    aws.amendments["DescribeEndpointConfig"] = lambda answer: {**answer, "CreationTime": made}


def jump_ahead(aws: LocalAws) -> None:
    """Its configuration is of next year, by its own clock."""
    made = (datetime.now(UTC) + timedelta(days=365)).timestamp()
    aws.amendments["DescribeEndpointConfig"] = lambda answer: {**answer, "CreationTime": made}


def report_three_times_as_many_instances(aws: LocalAws) -> None:
    put(aws, "CPUUtilization", each_minute(1.0, 3.0))


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        (forget_all, "no-data"),
        (do_nothing_for_fifteen_days, "few-requests"),
        (rename_the_variant, "few-requests"),
        (lose_minutes, "gaps"),
        (update_yesterday, "updated"),
        (jump_ahead, "updated"),
        (report_three_times_as_many_instances, "model-differs"),
    ],
)
def test_what_cannot_be_judged_has_a_reason_and_no_number(
    lived: LocalAws, function: Function, arrange: Callable[[LocalAws], Any], reason: str
) -> None:
    arrange(lived)
    answer = function.invoke(ADVISE)
    assert refused(answer) == reason
    assert len(answer["note"]) > 10


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -1.0, 1e300])
def test_nonsense_among_the_values_is_left_out(lived: LocalAws, function: Function, nonsense: float) -> None:
    for name in ("InvocationsProcessed", "TotalProcessingTime", "CPUUtilization", "ApproximateBacklogSize"):
        found = lived.account().datapoints[metrics._key(metric("demo", name, name not in QUEUE))]
        found[newest() - 3600 * 5] = Sampled(nonsense, nonsense, nonsense, nonsense)
    answer = function.invoke(ADVISE | {"days": 1})
    if answer["outcome"] == "advised":
        assert all(0 <= row["instanceHours"] < 1000 for row in answer["rows"])
    else:
        assert refused(answer)


def test_of_what_another_owner_scales_there_is_no_advice(lived: LocalAws, function: Function) -> None:
    autoscaling(lived, "register_scalable_target", MinCapacity=1, MaxCapacity=4)
    put_foreign_tracking(lived)
    answer = function.invoke(ADVISE)
    assert (answer["outcome"], "rows" in answer) == ("conflict", False)
