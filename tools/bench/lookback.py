"""What looking back costs: calls, seconds, memory and price of `savings` and `advise`.

The endpoints have two weeks of metrics of each minute. The function is held to a 128 MB function's share of a
processor, as in the rest of the bench. The local AWS beside it isn't, and its time is in the seconds too.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.aws import LocalAws
from local.runtime import Function, default_executable
from local.services import metrics
from local.services.metrics import Minutes, Sampled
from tools.bench import processor
from tools.bench.fleets import TAGS
from tools.bench.measures import MIB, SHARE_OF_128_MB
from tools.bench.processor import Limiter

DAYS = 14
# The longest that Lambda lets a function run; the template's default is a third of it.
_DEADLINE_SECONDS = 900.0
# Of an arm64 function in us-east-1: https://aws.amazon.com/lambda/pricing/
_USD_A_GB_SECOND, _USD_AN_INVOCATION = 0.0000133334, 0.0000002
_GB = 0.125


@dataclass(frozen=True)
class Look:
    action: str
    endpoints: int
    requests: int
    calls: int
    metrics: int
    seconds: float
    processor_seconds: float
    peak_mib: float
    # CloudWatch's and Lambda's.
    usd: float


def look(executable: str, endpoints: int, share: float | None = SHARE_OF_128_MB) -> list[Look]:
    """`savings` of all, and `advise` about one of them, each by a process that has just started."""
    with ExitStack() as running:
        aws = running.enter_context(LocalAws())
        limiter = running.enter_context(Limiter())
        requests = _fill(aws, endpoints)
        return [
            _measure(aws, limiter, executable, payload, about, requests * about, share)
            for payload, about in (
                ({"action": "savings"}, endpoints),
                ({"action": "advise", "endpoint": _name(0)}, 1),
            )
        ]


def _measure(
    aws: LocalAws,
    limiter: Limiter,
    executable: str,
    payload: dict[str, Any],
    endpoints: int,
    requests: int,
    share: float | None,
) -> Look:
    with Function(executable, aws_url=aws.url) as function:
        function.wait_until_ready()
        aws.clear_calls()
        used = processor.seconds(function.pid)
        if share:
            limiter.hold(function.pid, share, from_its_start=False)
        answer = function.invoke(payload, _DEADLINE_SECONDS)
        if share:
            limiter.release()
        used = processor.seconds(function.pid) - used
        seconds, peak = function.durations[0], function.peak_memory
    if answer["outcome"] not in ("savings", "advised"):
        raise ValueError(f"there should have been figures: {answer}")
    usd = answer["cost"]["usd"] + seconds * _GB * _USD_A_GB_SECOND + _USD_AN_INVOCATION
    return Look(
        action=payload["action"],
        endpoints=endpoints,
        requests=requests,
        calls=len(aws.calls),
        metrics=answer["cost"]["metrics"],
        seconds=round(seconds, 2),
        processor_seconds=round(used, 2),
        peak_mib=round(peak / MIB, 1),
        usd=round(usd, 5),
    )


def _name(number: int) -> str:
    return f"endpoint-{number:03}"


def _fill(aws: LocalAws, endpoints: int) -> int:
    """Endpoints with one instance that is always on, and requests in office hours; answers how many each."""
    made = (datetime.now(UTC) - timedelta(days=2 * DAYS)).timestamp()
    for operation in ("DescribeEndpoint", "DescribeEndpointConfig"):
        aws.amendments[operation] = lambda answer: {**answer, "CreationTime": made}
    seen = _fortnight()
    for number in range(endpoints):
        name = _name(number)
        aws.create_endpoint(name, tags={} if number % 2 == 0 else TAGS)
        for metric, minutes in seen.items():
            metrics.replace(aws.account(), _metric(name, metric), minutes)
    return int(sum(minute.total for minute in seen["InvocationsProcessed"].values()))


def _fortnight() -> dict[str, Minutes]:
    chance = random.Random(14)
    now = int(datetime.now(UTC).timestamp()) // 60 * 60
    seen: dict[str, Minutes] = {name: {} for name in _PER_VARIANT | {"ApproximateBacklogSize"}}
    for minute in range(now - DAYS * 86400, now, 60):
        done = 0
        time = datetime.fromtimestamp(minute, UTC)
        if time.weekday() < 5 and 8 <= time.hour < 18 and chance.random() < 0.5:
            done = chance.randint(1, 4)
        seen["CPUUtilization"][minute] = Sampled(1, 20.0, 20.0, 20.0)
        seen["ApproximateBacklogSize"][minute] = Sampled(6, float(done), 0.0, float(done))
        if done:
            seen["InvocationsProcessed"][minute] = Sampled(done, float(done), 1.0, 1.0)
            seen["TotalProcessingTime"][minute] = Sampled(done, done * 12_000.0, 12_000.0, 12_000.0)
            seen["TimeInBacklog"][minute] = Sampled(done, done * 4_000.0, 4_000.0, 4_000.0)
    return seen


_PER_VARIANT = {"CPUUtilization", "InvocationsProcessed", "TotalProcessingTime", "TimeInBacklog"}


def _metric(endpoint: str, name: str) -> dict[str, Any]:
    dimensions = {"EndpointName": endpoint} | ({"VariantName": "AllTraffic"} if name in _PER_VARIANT else {})
    return {
        "Namespace": "/aws/sagemaker/Endpoints" if name == "CPUUtilization" else "AWS/SageMaker",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.lookback", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=200)
    parser.add_argument("--executable", default=default_executable())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows = []
    columns = ("", "endpoints", "requests", "calls", "metrics", "seconds", "processor s", "peak MiB", "US$")
    print("{:<10}{:>11}{:>10}{:>7}{:>9}{:>9}{:>13}{:>10}{:>9}".format(*columns))
    for row in look(options.executable, options.endpoints):
        print("{:<10}{:>11}{:>10}{:>7}{:>9}{:>9}{:>13}{:>10}{:>9}".format(*asdict(row).values()), flush=True)
        rows.append(asdict(row))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
