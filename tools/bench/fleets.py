"""What a fleet costs: calls, seconds and memory of a first and of a converged sweep.

Seconds are context, for the local AWS is a Python process on the same machine; calls and memory are the
result. The sweep against AWS's rates has no queue: several endpoints are changed at the same time then,
which is what runs into them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from local.aws import LocalAws
from local.queue import WorkQueue
from local.runtime import Function, default_executable

TAGS = {"scale-to-zero:enabled": "true"}
SWEEP = {"action": "sweep"}
DEADLINE_SECONDS = 290.0
# AWS's PutMetricAlarm and DescribeAlarms quotas; those of Application Auto Scaling aren't published.
RATES = {"PutMetricAlarm": 3.0, "DescribeAlarms": 9.0, "PutScalingPolicy": 5.0, "RegisterScalableTarget": 5.0}


@dataclass(frozen=True)
class Cost:
    """Of one sweep and the work that it handed to the queue; every second endpoint is managed."""

    sweep: str
    endpoints: int
    calls: int
    calls_per_managed_endpoint: float
    seconds: float
    peak_mib: float
    failed: int


def measure(name: str, size: int, executable: str, rate_factor: float | None = None) -> list[Cost]:
    """A first sweep, with a queue unless there are rates, and the one after it."""
    with LocalAws() as aws:
        for number in range(size):
            aws.create_endpoint(f"endpoint-{number:05}", tags=TAGS if number % 2 == 0 else {})
        if rate_factor:
            aws.rate_limits = {operation: rate * rate_factor for operation, rate in RATES.items()}
        queue = WorkQueue(aws)
        environment = {} if rate_factor else {"WORK_QUEUE_URL": queue.url}
        with Function(executable, aws_url=aws.url, environment=environment) as function:
            return [sweep(f"{name}{kind}", size, aws, queue, function) for kind in ("first", "converged")]


def sweep(name: str, size: int, aws: LocalAws, queue: WorkQueue, function: Function) -> Cost:
    aws.clear_calls()
    started = time.monotonic()
    function.invoke(SWEEP, DEADLINE_SECONDS)
    queue.drain(function, deadline_seconds=DEADLINE_SECONDS)
    return Cost(
        sweep=name,
        endpoints=size,
        calls=len(aws.calls),
        calls_per_managed_endpoint=round(len(aws.calls) / (size / 2), 2),
        seconds=round(time.monotonic() - started, 1),
        peak_mib=round(function.peak_memory / 2**20, 1),
        failed=len(queue.dead_letters) + sum(answer is None for answer in queue.answers),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument(
        "--limited", type=int, default=1000, help="endpoints of the sweep against rate limits"
    )
    parser.add_argument(
        "--rate-factor", type=float, default=20.0, help="how many times AWS's rates that sweep has"
    )
    parser.add_argument("--executable", default=default_executable())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)

    columns = ("sweep", "endpoints", "calls", "calls/managed", "seconds", "peak MiB", "failed")
    print("{:<22}{:>10}{:>9}{:>15}{:>9}{:>10}{:>8}".format(*columns))
    costs: list[Cost] = []
    runs = [("", size, None) for size in options.sizes]
    runs += (
        [(f"{options.rate_factor:g} x rates, ", options.limited, options.rate_factor)]
        if options.limited
        else []
    )
    for name, size, factor in runs:
        for cost in measure(name, size, options.executable, factor):
            print("{:<22}{:>10}{:>9}{:>15}{:>9}{:>10}{:>8}".format(*asdict(cost).values()), flush=True)
            costs.append(cost)
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
    return int(any(cost.failed for cost in costs))


if __name__ == "__main__":
    raise SystemExit(main())
