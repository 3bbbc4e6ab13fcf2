"""CloudWatch metrics: what services publish, minute by minute, and GetMetricData over it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.account import Account
from local.errors import AwsError
from local.services import metric_math
from local.services.metric_math import Series

STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "SampleCount": lambda samples: float(len(samples)),
    "Sum": sum,
    "Average": lambda samples: sum(samples) / len(samples),
    "Maximum": max,
    "Minimum": min,
}


def publish(account: Account, metric: dict[str, Any], time: datetime, *samples: float) -> None:
    """What a service of AWS publishes in a minute: nobody else may write to its namespace."""
    account.datapoints[_key(metric)].setdefault(_minute(time), []).extend(float(value) for value in samples)


def put_datapoint(account: Account, metric: dict[str, Any], time: datetime, value: float) -> None:
    """The one sample of a minute, whatever was there."""
    account.datapoints[_key(metric)][_minute(time)] = [float(value)]


def series(account: Account, stat: dict[str, Any], start: datetime, end: datetime) -> Series:
    """The statistic of each period that has samples, from `start` on and before `end`."""
    compute = STATISTICS.get(stat["Stat"])
    if compute is None:
        raise AwsError("ValidationError", f"The statistic {stat['Stat']} is not served here.")
    periods: defaultdict[datetime, list[float]] = defaultdict(list)
    for minute, samples in account.datapoints.get(_key(stat["Metric"]), {}).items():
        begin = _begin(minute, stat["Period"])
        if start <= begin < end:
            periods[begin] += samples
    return {time: compute(periods[time]) for time in sorted(periods)}


def expression(account: Account, queries: Iterable[dict[str, Any]], start: datetime, end: datetime) -> Series:
    """The series of the one query that returns data, over those that it uses."""
    by_id = {query["Id"]: query for query in queries}
    returned = next(query for query in by_id.values() if query.get("ReturnData", True))
    return _query(account, by_id, returned, start, end)


def _query(
    account: Account, by_id: dict[str, dict[str, Any]], query: dict[str, Any], start: datetime, end: datetime
) -> Series:
    if "MetricStat" in query:
        return series(account, query["MetricStat"], start, end)
    used = {
        name: _query(account, by_id, by_id[name], start, end)
        for name in metric_math.names(query["Expression"])
    }
    value = metric_math.evaluate(query["Expression"], used)
    if isinstance(value, float):
        raise AwsError("ValidationError", f"{query['Expression']!r} is a number, and no series of them.")
    return value


def check_queries(queries: list[dict[str, Any]]) -> None:
    """What AWS's documentation demands of queries, and its model does not say."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) < len(ids):
        raise AwsError("ValidationError", "The value for Id must be unique.")
    for query in queries:
        if not query["Id"][0].islower() or not query["Id"].replace("_", "").isalnum():
            raise AwsError("ValidationError", f"{query['Id']!r} is no id: it begins with a lowercase letter.")
        if ("MetricStat" in query) == ("Expression" in query):
            raise AwsError("ValidationError", "A query has either MetricStat or Expression.")
        unknown = metric_math.names(query.get("Expression", "0")) - set(ids)
        if unknown:
            raise AwsError("ValidationError", f"The expression uses {', '.join(sorted(unknown))}, not there.")


def get_metric_data(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS takes the start in and leaves the end out, and answers the newest datapoint first by default.

    A metric is known by its namespace, its name and all of its dimensions. A query that returns no data is
    there for the expressions.
    """
    start, end = _utc(params["StartTime"]), _utc(params["EndTime"])
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    queries = params["MetricDataQueries"]
    check_queries(queries)
    by_id = {query["Id"]: query for query in queries}
    results = []
    for query in queries:
        if not query.get("ReturnData", True):
            continue
        points = _query(account, by_id, query, start, end)
        times = sorted(points, reverse=params.get("ScanBy") != "TimestampAscending")
        metric = query.get("MetricStat", {}).get("Metric", {})
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", metric.get("MetricName", query["Id"])),
                "Timestamps": times,
                "Values": [points[time] for time in times],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


def _key(metric: dict[str, Any]) -> tuple[Any, ...]:
    dimensions = sorted((item["Name"], item["Value"]) for item in metric.get("Dimensions", []))
    return (metric["Namespace"], metric["MetricName"], *dimensions)


def _minute(time: datetime) -> datetime:
    return _utc(time).replace(second=0, microsecond=0)


def _begin(time: datetime, period: int) -> datetime:
    """The begin of the period that a time is in: periods are counted from 1970 on."""
    return time - timedelta(seconds=time.timestamp() % period)


def _utc(time: Any) -> datetime:
    if not isinstance(time, datetime):
        return datetime.fromtimestamp(time, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
