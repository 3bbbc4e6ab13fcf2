"""CloudWatch alarms and metrics: first states, what an update keeps, what AWS refuses beyond its model."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from moto.cloudwatch.models import Alarm

from local.account import Account
from local.errors import AwsError

_NEEDED = ("MetricName", "Namespace", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator")
_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
_DAY = 86_400


def put_metric_alarm(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS checks more than its model says: see `_check`."""
    _check(params)
    put(account, params)
    return {}


def put(account: Account, params: dict[str, Any]) -> Alarm:
    """A new alarm begins with INSUFFICIENT_DATA; an update overwrites all but the state and the tags."""
    existing = account.cloudwatch.alarms.get(params["AlarmName"])
    delete(account, [params["AlarmName"]])
    alarm = account.cloudwatch.put_metric_alarm(
        name=params["AlarmName"],
        namespace=params.get("Namespace", ""),
        metric_name=params.get("MetricName", ""),
        comparison_operator=params["ComparisonOperator"],
        evaluation_periods=params["EvaluationPeriods"],
        datapoints_to_alarm=params.get("DatapointsToAlarm"),
        period=params.get("Period", 0),
        threshold=params.get("Threshold", 0.0),
        statistic=params.get("Statistic", ""),
        extended_statistic=params.get("ExtendedStatistic"),
        description=params.get("AlarmDescription", ""),
        dimensions=params.get("Dimensions", []),
        alarm_actions=params.get("AlarmActions", []),
        ok_actions=params.get("OKActions"),
        insufficient_data_actions=params.get("InsufficientDataActions"),
        unit=params.get("Unit"),
        actions_enabled=params.get("ActionsEnabled", True),
        treat_missing_data=params.get("TreatMissingData"),
        tags=None if existing else params.get("Tags"),
    )
    # Reading back gives what was put, so it is kept as it came.
    alarm.parameters = {name: value for name, value in params.items() if name != "Tags"}
    if existing:
        alarm.state_value, alarm.state_reason = existing.state_value, existing.state_reason
        alarm.state_updated_timestamp = existing.state_updated_timestamp
    else:
        alarm.state_value = "INSUFFICIENT_DATA"
    insort(account.alarm_names, alarm.name)
    for action in alarm.alarm_actions:
        account.alarms_by_action[action].append(alarm.name)
    return alarm


def _check(params: dict[str, Any]) -> None:
    """What AWS's documentation demands of a metric alarm, and its model does not say."""
    if "Metrics" in params:
        raise AwsError("ValidationError", "Metric math is not served here.")
    missing = [name for name in _NEEDED if name not in params]
    if missing or ("Statistic" in params) == ("ExtendedStatistic" in params):
        raise AwsError(
            "ValidationError",
            f"A metric alarm needs {', '.join(missing) or 'one of Statistic and ExtendedStatistic'}.",
        )
    period, periods = params["Period"], params["EvaluationPeriods"]
    if period not in (10, 20, 30) and period % 60:
        raise AwsError("ValidationError", f"Period {period} is not 10, 20, 30 or a multiple of 60.")
    if period * periods > (_DAY if period < 3600 else 7 * _DAY):
        raise AwsError(
            "ValidationError", "Metrics cannot be checked across more than a day (or a week of hours)."
        )
    if params.get("DatapointsToAlarm", 1) > periods:
        raise AwsError("ValidationError", "DatapointsToAlarm is more than EvaluationPeriods.")
    if params.get("TreatMissingData", "missing") not in _MISSING_DATA:
        raise AwsError("ValidationError", f"TreatMissingData is none of {', '.join(_MISSING_DATA)}.")
    for action in params.get("AlarmActions", []):
        if not action.startswith("arn:"):
            raise AwsError("ValidationError", f"Invalid arn syntax: {action}")


def describe_alarms(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS takes names or a prefix, not both, and sorts by name."""
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    if names is not None and prefix is not None:
        raise AwsError("ValidationError", "AlarmNames and AlarmNamePrefix exclude each other.")
    alarms = account.cloudwatch.alarms
    if names is not None:
        found = [alarms[name] for name in sorted(names) if name in alarms]
    else:
        found = [alarms[name] for name in _names_with(account, prefix or "")]
    state, action = params.get("StateValue"), params.get("ActionPrefix", "")
    return {
        "MetricAlarms": [
            _described(alarm)
            for alarm in found
            if state in (None, alarm.state_value)
            and (not action or any(own.startswith(action) for own in alarm.alarm_actions))
        ],
        "CompositeAlarms": [],
    }


def _names_with(account: Account, prefix: str) -> Iterable[str]:
    start = bisect_left(account.alarm_names, prefix)
    return takewhile(lambda name: name.startswith(prefix), islice(account.alarm_names, start, None))


def _described(alarm: Alarm) -> dict[str, Any]:
    """AWS answers the lists of actions and dimensions even when they are empty, and ActionsEnabled always."""
    return {
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "Dimensions": [],
        **alarm.parameters,
        "AlarmArn": alarm.alarm_arn,
        "AlarmConfigurationUpdatedTimestamp": alarm.configuration_updated_timestamp,
        "StateValue": alarm.state_value,
        "StateReason": alarm.state_reason,
        "StateUpdatedTimestamp": alarm.state_updated_timestamp,
    }


def delete_alarms(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS deletes the alarms that there are and answers ResourceNotFound for the others."""
    unknown = [name for name in params["AlarmNames"] if name not in account.cloudwatch.alarms]
    delete(account, params["AlarmNames"])
    if unknown:
        raise AwsError("ResourceNotFound", f"Alarms not found: {', '.join(unknown)}", 404)
    return {}


def delete(account: Account, names: Iterable[str]) -> None:
    """Deletes those of the alarms that there are."""
    for name in names:
        alarm = account.cloudwatch.alarms.pop(name, None)
        if alarm is None:
            continue
        del account.alarm_names[bisect_left(account.alarm_names, name)]
        for action in alarm.alarm_actions:
            account.alarms_by_action[action].remove(name)


def with_action(account: Account, action: str) -> list[Alarm]:
    return [account.cloudwatch.alarms[name] for name in account.alarms_by_action[action]]


def get_metric_data(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS takes the start in and leaves the end out, and answers the newest datapoint first by default.

    A metric is known by its namespace, its name and all of its dimensions. A query for another period or
    statistic than the one in which datapoints are kept here is not served.
    """
    start, end = _utc(params["StartTime"]), _utc(params["EndTime"])
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    results = []
    for query in params["MetricDataQueries"]:
        statistic = query.get("MetricStat", {})
        if (statistic.get("Period"), statistic.get("Stat")) != (60, "Maximum"):
            raise AwsError("ValidationError", "Only the maximum of a minute is served here.")
        metric = statistic["Metric"]
        points = account.datapoints[_metric_key(metric)]
        times = sorted((time for time in points if start <= time < end), reverse=True)
        if params.get("ScanBy") == "TimestampAscending":
            times.reverse()
        results.append(
            {
                "Id": query["Id"],
                "Label": metric["MetricName"],
                "Timestamps": times,
                "Values": [points[time] for time in times],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


def put_datapoint(account: Account, metric: dict[str, Any], time: datetime, value: float) -> None:
    """What a service of AWS publishes: nobody else may write to its namespace."""
    account.datapoints[_metric_key(metric)][time] = value


def _metric_key(metric: dict[str, Any]) -> tuple[Any, ...]:
    dimensions = sorted((item["Name"], item["Value"]) for item in metric.get("Dimensions", []))
    return (metric["Namespace"], metric["MetricName"], *dimensions)


def _utc(time: Any) -> datetime:
    if not isinstance(time, datetime):
        return datetime.fromtimestamp(time, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
