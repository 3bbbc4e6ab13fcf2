"""What a storm costs: many endpoints tagged at the same moment, against the rate at which AWS takes alarms.

It takes its real time, minutes: what counts is how long it is until all are configured, and that none is
lost. Each tag sends an event, and so many environments of the function take the events at the same time, as
Lambda would have them. What AWS throttles goes into the work queue, whose delays are waited for.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.aws import LocalAws
from local.queue import WorkQueue
from local.runtime import Function, FunctionError, default_executable
from tools.bench.fleets import TAGS

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
PUT_METRIC_ALARM_A_SECOND = 3.0
# The template's defaults of Timeout and WorkConcurrency.
_DEADLINE_SECONDS = 300.0
WORK_CONCURRENCY = 2


@dataclass(frozen=True)
class Storm:
    endpoints: int
    environments: int
    configured: int
    queued: int
    # Endpoints that a look at the end finds something to do for.
    unfinished: int
    failed: int
    calls: int
    throttled: int
    # Until the last event had its answer, and until the last endpoint was configured.
    seconds_of_events: float
    seconds: float
    peak_mib: float


def storm(
    executable: str, endpoints: int, environments: int, rate: float = PUT_METRIC_ALARM_A_SECOND
) -> Storm:
    with ExitStack() as running:
        aws = running.enter_context(LocalAws())
        names = [f"endpoint-{number:03}" for number in range(endpoints)]
        events = []
        for name in names:
            aws.create_endpoint(name, tags=TAGS)
            arn = aws.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointArn"]
            events.append(_tagged(arn))
        aws.rate_limits = {"PutMetricAlarm": rate}
        queue = WorkQueue(aws, delays=True)
        functions = [
            running.enter_context(
                Function(executable, aws_url=aws.url, environment={"WORK_QUEUE_URL": queue.url})
            )
            for _ in range(environments)
        ]
        started = time.monotonic()
        outcomes = _hand_out(events, functions)
        seconds_of_events = time.monotonic() - started
        queue.drain(*functions[:WORK_CONCURRENCY], deadline_seconds=_DEADLINE_SECONDS)
        seconds = time.monotonic() - started
        calls, peak = list(aws.calls), max(function.peak_memory for function in functions)
        aws.rate_limits = {}
        plans = [functions[0].invoke({"action": "plan", "endpoint": name})["outcome"] for name in names]
    return Storm(
        endpoints=endpoints,
        environments=environments,
        configured=outcomes["configured"],
        queued=outcomes["queued"],
        unfinished=sum(outcome != "unchanged" for outcome in plans),
        failed=outcomes["failed"] + len(queue.dead_letters) + sum(answer is None for answer in queue.answers),
        calls=len(calls),
        throttled=sum(call.status >= 400 for call in calls if call.operation == "PutMetricAlarm"),
        seconds_of_events=round(seconds_of_events, 1),
        seconds=round(seconds, 1),
        peak_mib=round(peak / 2**20, 1),
    )


def _tagged(arn: str) -> dict[str, Any]:
    return {
        "source": "aws.tag",
        "detail-type": "Tag Change on Resource",
        "resources": [arn],
        "detail": {"changed-tag-keys": list(TAGS), "service": "sagemaker", "resource-type": "endpoint"},
    }


def _hand_out(events: Sequence[Any], functions: Sequence[Function]) -> Counter[str]:
    """Each environment takes the next event as soon as it is done with the one before."""
    left = iter(list(events))

    def take_all(function: Function) -> list[str]:
        outcomes = []
        for event in left:
            try:
                outcomes.append(function.invoke(event, _DEADLINE_SECONDS)["outcome"])
            except FunctionError:
                outcomes.append("failed")
        return outcomes

    with ThreadPoolExecutor(len(functions)) as environments:
        return Counter(outcome for outcomes in environments.map(take_all, functions) for outcome in outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.storm", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--environments", type=int, default=8, help="that take the events at the same time")
    parser.add_argument(
        "--rate", type=float, default=PUT_METRIC_ALARM_A_SECOND, help="PutMetricAlarm a second"
    )
    parser.add_argument("--executable", default=default_executable())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    found = asdict(storm(options.executable, options.endpoints, options.environments, options.rate))
    for what, value in found.items():
        print(f"{what.replace('_', ' '):<20}{value:>10}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return int(found["failed"] > 0 or found["unfinished"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
