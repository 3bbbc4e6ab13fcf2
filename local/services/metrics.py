"""CloudWatch metrics: what services publish, how long it is kept, and what GetMetricData makes of it.

Of a minute CloudWatch keeps a statistic set, of which it makes every statistic of longer periods.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from local.account import Account
from local.errors import AwsError
from local.services import metric_math
from local.services.metric_math import Series

_MINUTE = 60
# For how long datapoints of a period are kept, by what divides the period ("Metrics retention" in the
# CloudWatch guide).
_KEPT = ((3600, timedelta(days=455)), (300, timedelta(days=63)), (_MINUTE, timedelta(days=15)))
_MOST_QUERIES = 500

STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")


class Sampled(NamedTuple):
    """The statistic set of a period."""

    count: float
    total: float
    least: float
    most: float

    def joined(self, other: Sampled) -> Sampled:
        return Sampled(
            self.count + other.count,
            self.total + other.total,
            min(self.least, other.least),
            max(self.most, other.most),
        )

    def statistic(self, name: str) -> float:
        match name:
            case "SampleCount":
                return float(self.count)
            case "Sum":
                return float(self.total)
            case "Average":
                return self.total / self.count
            case "Minimum":
                return float(self.least)
            case _:
                return float(self.most)


def sampled(*values: float) -> Sampled:
    return Sampled(len(values), sum(values), min(values), max(values))


# By the minute's begin, in seconds since 1970.
Minutes = dict[int, Sampled]


def publish(account: Account, metric: dict[str, Any], time: datetime, *samples: float) -> None:
    """What a service of AWS publishes in a minute: nobody else may write to its namespace."""
    minutes, minute = _minutes(account, metric), _minute(time)
    new = sampled(*samples)
    minutes[minute] = minutes[minute].joined(new) if minute in minutes else new


def put_datapoint(account: Account, metric: dict[str, Any], time: datetime, value: float) -> None:
    """The one sample of a minute, whatever was there."""
    _minutes(account, metric)[_minute(time)] = sampled(value)


def replace(account: Account, metric: dict[str, Any], minutes: Minutes) -> None:
    """All of a metric at once, whatever was there; the same minutes may stand behind several metrics."""
    account.datapoints[_key(metric)] = minutes


def series(account: Account, stat: dict[str, Any], start: datetime, end: datetime) -> Series:
    """The statistic of each period that has samples, from `start` on and before `end`, oldest first."""
    statistic, period = stat["Stat"], stat["Period"]
    if statistic not in STATISTICS:
        raise AwsError("ValidationError", f"The statistic {statistic} is not served here.")
    if period % _MINUTE:
        raise AwsError("ValidationError", "Only periods of whole minutes are served here.")
    now = datetime.now(UTC)
    oldest = (now - next(kept for divisor, kept in _KEPT if period % divisor == 0)).timestamp()
    first = max(_rounded_start(start, now), oldest)
    last = end.timestamp()
    periods: dict[int, Sampled] = {}
    for minute, found in account.datapoints.get(_key(stat["Metric"]), {}).items():
        begin = minute - minute % period
        if first <= begin < last:
            periods[begin] = periods[begin].joined(found) if begin in periods else found
    return {
        datetime.fromtimestamp(begin, UTC): periods[begin].statistic(statistic) for begin in sorted(periods)
    }


def _rounded_start(start: datetime, now: datetime) -> float:
    """CloudWatch rounds the start down, the more the longer ago it is (StartTime of GetMetricData)."""
    ago, seconds = now - start, start.timestamp()
    step = 3600 if ago > timedelta(days=63) else 300 if ago > timedelta(days=15) else _MINUTE
    return seconds - seconds % step


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
    """Up to 500 metrics a call and 100,800 datapoints a page, newest first by default; the end is left out.

    A metric is known by its namespace, its name and all of its dimensions; one without datapoints has a
    result without values. A query that returns no data is there for the expressions.
    """
    query = {name: value for name, value in params.items() if name != "NextToken"}
    token = params.get("NextToken")
    if token:
        asked, results = account.metric_pages.pop(token, (None, []))
        if asked != query:
            raise AwsError("InvalidNextToken", "The token is not one of this query.")
    else:
        results = _results(account, params)
    page, rest = _split(
        results, min(params.get("MaxDatapoints", account.most_datapoints), account.most_datapoints)
    )
    answer: dict[str, Any] = {"MetricDataResults": page, "Messages": []}
    if rest:
        answer["NextToken"] = uuid.uuid4().hex
        account.metric_pages[answer["NextToken"]] = (query, rest)
    return answer


def _results(account: Account, params: dict[str, Any]) -> list[dict[str, Any]]:
    start, end = _utc(params["StartTime"]), _utc(params["EndTime"])
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    queries = params["MetricDataQueries"]
    if len(queries) > _MOST_QUERIES:
        raise AwsError("ValidationError", f"A call has at most {_MOST_QUERIES} queries.")
    check_queries(queries)
    by_id = {query["Id"]: query for query in queries}
    known: dict[Any, Series] = {}
    results = []
    for query in queries:
        if not query.get("ReturnData", True):
            continue
        stat = query.get("MetricStat", {})
        metric = stat.get("Metric", {})
        # Metrics behind which the same minutes stand share the work.
        minutes = account.datapoints.get(_key(metric)) if metric else None
        same = (id(minutes), stat["Period"], stat["Stat"]) if minutes else query["Id"]
        if same not in known:
            known[same] = _query(account, by_id, query, start, end)
        points = known[same]
        times = sorted(points, reverse=params.get("ScanBy") != "TimestampAscending")
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", metric.get("MetricName", query["Id"])),
                "Timestamps": times,
                "Values": [points[time] for time in times],
            }
        )
    return results


def _split(results: list[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """As many datapoints as a page has room for, and the rest: a metric may go on with the next page."""
    page, rest = [], []
    for result in results:
        count = len(result["Timestamps"])
        if count <= room:
            page.append({**result, "StatusCode": "Complete"})
            room -= count
            continue
        if room:
            page.append({**_cut(result, 0, room), "StatusCode": "PartialData"})
        rest.append(_cut(result, room, count))
        room = 0
    return page, rest


def _cut(result: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    return {**result, **{key: result[key][start:end] for key in ("Timestamps", "Values")}}


def _minutes(account: Account, metric: dict[str, Any]) -> Minutes:
    return account.datapoints.setdefault(_key(metric), {})


def _key(metric: Mapping[str, Any]) -> tuple[Any, ...]:
    dimensions = sorted((item["Name"], item["Value"]) for item in metric.get("Dimensions", []))
    return (metric["Namespace"], metric["MetricName"], *dimensions)


def _minute(time: datetime) -> int:
    seconds = int(_utc(time).timestamp())
    return seconds - seconds % _MINUTE


def _utc(time: Any) -> datetime:
    if not isinstance(time, datetime):
        return datetime.fromtimestamp(time, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
