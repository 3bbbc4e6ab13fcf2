"""What the alarms rest on, and AWS documents too little of. `explain` looks at it, too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tools.verify.rows import (
    ARRIVAL,
    MINUTES,
    MONITOR,
    TROUBLESHOOTING,
    UNDOCUMENTED,
    Json,
    Row,
    Subject,
    row,
)

INSTANCES = "/aws/sagemaker/Endpoints"
# An alarm that starts something does so at once, and again each minute.
_LONGEST_WITHOUT_ACTIVITY = timedelta(minutes=5)
# A request in service for so long fills the whole minute before the one in which it ends.
_LONG_REQUEST = timedelta(minutes=2)
# How far back long requests are looked for: CloudWatch keeps minutes for 15 days.
_DAYS = 14


def self_checks(subject: Subject) -> Iterator[Row]:
    """That the ladder's value arrives, reports count instances, and the backlog counts what runs."""
    alarms = subject.own_alarms()
    for variant in subject.variants:
        about = f"what the alarms of {subject.resource_id(variant)} rest on"
        ladder = alarms.get(f"scale-to-zero/{subject.name}/{variant}/ladder")
        if ladder:
            yield _ladder_acts(subject, about, variant, ladder)
        yield _reports_count_instances(subject, about, variant)
        yield _backlog_counts_what_runs(subject, about, variant)


def _ladder_acts(subject: Subject, about: str, variant: str, alarm: Json) -> Row:
    """The activities of six weeks, by whose alarm they are."""
    activities = subject.pages(
        "application-autoscaling",
        "describe_scaling_activities",
        "ScalingActivities",
        **subject.of(variant),
    )
    own = [activity for activity in activities if alarm["AlarmName"] in activity.get("Cause", "")]
    newest = max(own, key=lambda activity: activity["StartTime"], default=None)
    fired = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
    is_firing = alarm["StateValue"] == "ALARM"
    has_acted = bool(newest) and (not is_firing or newest["StartTime"] >= fired - timedelta(minutes=1))
    is_overdue = is_firing and subject.now() - fired >= _LONGEST_WITHOUT_ACTIVITY
    if newest and has_acted:
        found = f"{newest['StartTime']:%Y-%m-%dT%H:%MZ}: {newest.get('Description', '')}"
    elif is_firing:
        found = f"none, in ALARM since {fired:%Y-%m-%dT%H:%MZ}"
    else:
        found = "none; it has started nothing in six weeks"
    holds = True if has_acted else False if is_overdue else None
    expected = "one, within 5 minutes of ALARM"
    return row(about, "activity of the ladder alarm", expected, found, holds, UNDOCUMENTED)


def _reports_count_instances(subject: Subject, about: str, variant: str) -> Row:
    """In the minutes in which nothing has changed, but the newest two, which may not be whole."""
    frequency = subject.endpoint.get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", 60)
    instances = subject.variants[variant].get("CurrentInstanceCount", 0)
    end = subject.now().replace(second=0, microsecond=0) - timedelta(minutes=ARRIVAL)
    counts = _minutes(
        subject, end - timedelta(minutes=MINUTES), end, ("CPUUtilization", "SampleCount", variant)
    )[0]
    what = f"SampleCount of CPUUtilization with {instances} instances, every {frequency} s"
    expected = f"{instances * 60 / frequency:g} a minute"
    seen = sorted(set(counts.values()))
    found = ", ".join(f"{count:g} in {list(counts.values()).count(count)} min" for count in seen) or "no data"
    can_tell = instances > 0 and counts and frequency <= 60 and subject.settled_for(MINUTES + ARRIVAL)
    is_right = [count for count in counts.values() if count * frequency == instances * 60]
    # A report may come a moment too late for its minute.
    holds = len(is_right) * 2 > len(counts) if can_tell else None
    return row(about, what, expected, found, holds, TROUBLESHOOTING)


def _backlog_counts_what_runs(subject: Subject, about: str, variant: str) -> Row:
    end = subject.now().replace(second=0, microsecond=0)
    longest, backlog = _minutes(
        subject,
        end - timedelta(days=_DAYS),
        end,
        ("ModelLatency", "Maximum", variant),
        ("ApproximateBacklogSize", "Maximum", None),
    )
    microseconds = _LONG_REQUEST / timedelta(microseconds=1)
    before = [minute - timedelta(minutes=1) for minute, took in longest.items() if took > microseconds]
    running = [backlog[minute] for minute in before if minute in backlog]
    unseen = sum(requests < 1 for requests in running)
    what = f"the backlog while a request of over 2 minutes ran, in {_DAYS} days"
    found = f"0 in {unseen} of {len(running)} minutes" if running else "no such request"
    return row(about, what, "1 or more", found, unseen == 0 if running else None, MONITOR)


def _minutes(
    subject: Subject, start: datetime, end: datetime, *which: tuple[str, str, str | None]
) -> list[dict[datetime, float]]:
    """Of each metric, statistic and variant, the values by minute."""
    queries = [
        {
            "Id": f"m{index}",
            "MetricStat": {
                "Metric": {
                    "Namespace": INSTANCES if metric == "CPUUtilization" else "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": subject.dimensions
                    + ([{"Name": "VariantName", "Value": variant}] if variant else []),
                },
                "Period": 60,
                "Stat": statistic,
            },
        }
        for index, (metric, statistic, variant) in enumerate(which)
    ]
    found: list[dict[datetime, float]] = [{} for _ in which]
    for result in subject.pages(
        "cloudwatch",
        "get_metric_data",
        "MetricDataResults",
        MetricDataQueries=queries,
        StartTime=start,
        EndTime=end,
    ):
        values = zip(result["Timestamps"], result["Values"], strict=True)
        found[int(result["Id"][1:])].update(values)
    return found
