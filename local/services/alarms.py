"""What CloudWatch makes of an alarm: its state, why, and the datapoints that its actions go by."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import Alarm

from local.account import Account
from local.services import cloudwatch, metrics

# How many periods more than it needs an alarm looks at for datapoints that stand in for missing ones. AWS
# says that there are some; its examples of a 3 out of 3 alarm show five
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html).
_EXTRA_PERIODS = 2

_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True)
class Evaluation:
    """`datapoints` are those that there are in the evaluation periods, the newest last."""

    state: str
    reason: str
    datapoints: tuple[float, ...]


def evaluate(account: Account, alarm: Alarm, end: datetime) -> Evaluation:
    """Looks at the periods that are over before `end`; what comes later is not there yet."""
    params = alarm.parameters
    period = timedelta(seconds=cloudwatch.period_of(params))
    needed = params["EvaluationPeriods"]
    last = end - timedelta(seconds=end.timestamp() % period.total_seconds())
    periods = [last - period * ago for ago in range(needed + _EXTRA_PERIODS, 0, -1)]
    points = _series(account, params, periods[0], last)
    values = [points.get(begin) for begin in periods]
    is_breaching, words = _COMPARISONS[params["ComparisonOperator"]]
    threshold = params["Threshold"]
    state = state_of(
        [None if value is None else is_breaching(value, threshold) for value in values],
        needed,
        params.get("DatapointsToAlarm", needed),
        params.get("TreatMissingData", "missing"),
        alarm.state_value,
    )
    known = [(begin, value) for begin, value in zip(periods, values, strict=True) if value is not None]
    recent = known[-needed:]
    return Evaluation(state, _reason(state, recent, words, threshold), tuple(value for _, value in recent))


def _series(account: Account, params: dict[str, Any], start: datetime, end: datetime) -> metrics.Series:
    if "Metrics" in params:
        return metrics.expression(account, params["Metrics"], start, end)
    if "Statistic" not in params:
        # A percentile: nothing of ours goes by one, and nothing is kept to compute it from.
        return {}
    metric = {name: params[name] for name in ("Namespace", "MetricName")}
    metric["Dimensions"] = params.get("Dimensions", [])
    stat = {"Metric": metric, "Period": params["Period"], "Stat": params["Statistic"]}
    return metrics.series(account, stat, start, end)


def state_of(breaching: list[bool | None], needed: int, to_alarm: int, missing: str, before: str) -> str:
    """The state by datapoints of which the newest is the last and None is missing.

    Datapoints that are there win over missing ones; only where there are too few of them, the setting for
    missing data counts. Where all of too few datapoints breach, the state stays as it was until the oldest is
    old enough for an alarm.
    """
    found, is_old_enough = [], False
    for age, breaches in enumerate(reversed(breaching)):
        if breaches is None or len(found) == needed:
            continue
        found.append(breaches)
        is_old_enough |= breaches and to_alarm - 1 <= age < needed
    over = sum(found)
    within = len(found) - over
    if over >= to_alarm:
        return "ALARM"
    if within > needed - to_alarm or missing == "notBreaching":
        return "OK"
    if missing == "breaching":
        return "ALARM" if needed - within >= to_alarm else "OK"
    if within:
        return "OK"
    if missing == "ignore":
        return before
    if not over:
        return "INSUFFICIENT_DATA"
    return "ALARM" if is_old_enough else before


def _reason(state: str, recent: list[tuple[datetime, float]], words: str, threshold: float) -> str:
    """AWS's words."""
    if state == "INSUFFICIENT_DATA" or not recent:
        return "Insufficient Data: no datapoints were received."
    listed = ", ".join(f"{value} ({begin:%d/%m/%y %H:%M:%S})" for begin, value in reversed(recent))
    noun, verb = ("datapoint", "was") if len(recent) == 1 else ("datapoints", "were")
    crossed = f"{verb} {words}" if state == "ALARM" else f"{verb} not {words}"
    return f"Threshold Crossed: {len(recent)} {noun} [{listed}] {crossed} the threshold ({threshold})."


def note(alarm: Alarm, evaluation: Evaluation, now: datetime) -> bool:
    """Gives the alarm its state; whether it is another than before."""
    if evaluation.state == alarm.state_value:
        return False
    alarm.state_value, alarm.state_reason = evaluation.state, evaluation.reason
    alarm.state_reason_data = json.dumps({"version": "1.0", "recentDatapoints": evaluation.datapoints})
    alarm.state_updated_timestamp = now
    return True
