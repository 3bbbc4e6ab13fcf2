"""CloudWatch alarms: first states, what an update keeps, what AWS refuses beyond its model."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Any

from moto.cloudwatch.models import Alarm

from local.account import Account
from local.errors import AwsError
from local.services import metrics, resource_tags

_NEEDED = ("EvaluationPeriods", "Threshold", "ComparisonOperator")
_METRIC = ("MetricName", "Namespace", "Period")
_MOST_METRICS = 10
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
    tags = dict(resource_tags.of(account, existing.alarm_arn)) if existing else {}
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
    )
    # Reading back gives what was put, so it is kept as it came.
    alarm.parameters = {name: value for name, value in params.items() if name != "Tags"}
    if existing:
        alarm.state_value, alarm.state_reason = existing.state_value, existing.state_reason
        alarm.state_updated_timestamp = existing.state_updated_timestamp
        resource_tags.add(account, alarm.alarm_arn, tags)
    else:
        alarm.state_value = "INSUFFICIENT_DATA"
        resource_tags.add(
            account, alarm.alarm_arn, {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}
        )
    insort(account.alarm_names, alarm.name)
    for action in alarm.alarm_actions:
        account.alarms_by_action[action].append(alarm.name)
    return alarm


def _check(params: dict[str, Any]) -> None:
    """What AWS's documentation demands of a metric alarm, and its model does not say."""
    if "Metrics" in params:
        _check_math(params)
    else:
        _check_metric(params)
    period, periods = period_of(params), params["EvaluationPeriods"]
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


def _check_metric(params: dict[str, Any]) -> None:
    missing = [name for name in (*_METRIC, *_NEEDED) if name not in params]
    if missing or ("Statistic" in params) == ("ExtendedStatistic" in params):
        raise AwsError(
            "ValidationError",
            f"A metric alarm needs {', '.join(missing) or 'one of Statistic and ExtendedStatistic'}.",
        )


def _check_math(params: dict[str, Any]) -> None:
    """An alarm over an expression names no metric beside it, and has metrics of one period under it."""
    queries = params["Metrics"]
    missing = [name for name in _NEEDED if name not in params]
    both = [
        name for name in (*_METRIC, "Dimensions", "Statistic", "ExtendedStatistic", "Unit") if name in params
    ]
    if missing or both:
        raise AwsError(
            "ValidationError",
            f"A metric-math alarm needs {', '.join(missing)} and takes no {', '.join(both)}.",
        )
    metrics.check_queries(queries)
    returned = [query for query in queries if query.get("ReturnData", True)]
    stats = [query["MetricStat"] for query in queries if "MetricStat" in query]
    if len(returned) != 1:
        raise AwsError("ValidationError", "Exactly one element of the metrics list should return data.")
    if not 1 <= len(stats) <= _MOST_METRICS or len({stat["Period"] for stat in stats}) > 1:
        raise AwsError(
            "ValidationError", f"A metric-math alarm has 1 to {_MOST_METRICS} metrics, all of one period."
        )


def period_of(params: dict[str, Any]) -> int:
    """Seconds. An expression has the period of its metrics."""
    if "Metrics" not in params:
        return params["Period"]
    return next(query["MetricStat"]["Period"] for query in params["Metrics"] if "MetricStat" in query)


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
        "StateTransitionedTimestamp": alarm.state_updated_timestamp,
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
        resource_tags.forget(account, alarm.alarm_arn)
        del account.alarm_names[bisect_left(account.alarm_names, name)]
        for action in alarm.alarm_actions:
            account.alarms_by_action[action].remove(name)


def with_action(account: Account, action: str) -> list[Alarm]:
    return [account.cloudwatch.alarms[name] for name in account.alarms_by_action[action]]


def tag_resource(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS takes keys and values as a list here."""
    tags = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    resource_tags.add(account, _known(account, params["ResourceARN"]), tags)
    return {}


def untag_resource(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    resource_tags.remove(account, _known(account, params["ResourceARN"]), params["TagKeys"])
    return {}


def list_tags_for_resource(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    found = resource_tags.of(account, _known(account, params["ResourceARN"]))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def _known(account: Account, arn: str) -> str:
    if arn.partition(":alarm:")[2] not in account.cloudwatch.alarms:
        raise AwsError("ResourceNotFoundException", f"There is no alarm {arn}.", 404)
    return arn
