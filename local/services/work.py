"""The requests of asynchronous endpoints: they wait, are worked off, and show in the metrics of each minute.

Each instance works on one request at a time. Where an instance goes, a busy one goes first and its request is
lost: AWS promises nothing better.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.sagemaker.models import FakeEndpoint

from local.account import Account
from local.services import metrics, sagemaker

_QUEUE_METRICS = "AWS/SageMaker"
_INSTANCE_METRICS = "/aws/sagemaker/Endpoints"
_GPU_FAMILIES = ("ml.g", "ml.p")


@dataclass
class Request:
    arrived: datetime
    seconds: float
    started: datetime | None = None


@dataclass
class Work:
    """`waits` are the seconds from a request's arrival to its start, in the order of the starts."""

    waiting: deque[Request] = field(default_factory=deque)
    running: list[Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    processed: int = 0
    killed: int = 0
    processed_this_minute: int = 0

    @property
    def backlog(self) -> int:
        """AWS: "currently being processed or yet to be processed"."""
        return len(self.waiting) + len(self.running)

    def step(self, now: datetime, instances: int) -> None:
        """What ends, is cut off, and begins at this second."""
        for request in [request for request in self.running if _ends(request) <= now]:
            self.running.remove(request)
            self.processed += 1
            self.processed_this_minute += 1
        while len(self.running) > instances:
            self.running.pop(0)
            self.killed += 1
        while self.waiting and self.waiting[0].arrived <= now and len(self.running) < instances:
            request = self.waiting.popleft()
            request.started = now
            self.waits.append((now - request.arrived).total_seconds())
            self.running.append(request)

    def arrived(self, now: datetime) -> list[Request]:
        return [request for request in self.waiting if request.arrived <= now]


def _ends(request: Request) -> datetime:
    assert request.started is not None
    return request.started + timedelta(seconds=request.seconds)


def send(account: Account, endpoint: str, arrived: datetime, seconds: float) -> None:
    work = account.work.setdefault(endpoint, Work())
    work.waiting.append(Request(arrived, seconds))
    work.waiting = deque(sorted(work.waiting, key=lambda request: request.arrived))


def step(account: Account, now: datetime) -> None:
    for name, work in account.work.items():
        if name in account.sagemaker.endpoints:
            work.step(now, instances(account.endpoint(name)))


def instances(endpoint: FakeEndpoint) -> int:
    return sum(variant.get("CurrentInstanceCount", 0) for variant in endpoint.production_variants)


def publish(account: Account, minute: datetime, now: datetime) -> None:
    """What SageMaker publishes of a minute at its end, one sample of each queue metric.

    The backlog per instance is missing without an instance, as three public projects say.
    """
    for name, endpoint in account.sagemaker.endpoints.items():
        config = account.sagemaker.endpoint_configs.get(endpoint.endpoint_config_name)
        if endpoint.endpoint_status in ("Creating", "Failed") or not (
            config and config.async_inference_config
        ):
            continue
        work = account.work.setdefault(name, Work())
        arrived = work.arrived(now)
        backlog, count = len(arrived) + len(work.running), instances(endpoint)
        oldest = max(((now - request.arrived).total_seconds() for request in arrived), default=0.0)
        queue = {
            "HasBacklogWithoutCapacity": float(backlog > 0 and count == 0),
            "ApproximateBacklogSize": float(backlog),
            "ApproximateAgeOfOldestRequest": oldest,
            **({"ApproximateBacklogSizePerInstance": backlog / count} if count else {}),
        }
        for metric, value in queue.items():
            metrics.publish(account, _metric(_QUEUE_METRICS, metric, EndpointName=name), minute, value)
        _publish_variants(account, endpoint, work, minute)


def _publish_variants(account: Account, endpoint: FakeEndpoint, work: Work, minute: datetime) -> None:
    """One sample of 1 for each processed request, none between; of CPU and GPU, those of each instance."""
    processed, work.processed_this_minute = work.processed_this_minute, 0
    busy = len(work.running) or processed
    for variant in endpoint.production_variants:
        name = variant["VariantName"]
        dimensions = {"EndpointName": endpoint.endpoint_name, "VariantName": name}
        count = variant.get("CurrentInstanceCount", 0)
        use = [90.0] * min(busy, count) + [0.0] * max(count - busy, 0)
        use *= 60 // account.publish_frequencies.get(endpoint.endpoint_name, 60)
        if processed and count:
            done = _metric(_QUEUE_METRICS, "InvocationsProcessed", **dimensions)
            metrics.publish(account, done, minute, *[1.0] * processed)
            processed = 0
        if count:
            cpu = _metric(_INSTANCE_METRICS, "CPUUtilization", **dimensions)
            metrics.publish(account, cpu, minute, *(value + 1.0 for value in use))
        kind = sagemaker.instance_type(account, endpoint, name) or ""
        if count and kind.startswith(_GPU_FAMILIES):
            gpu = _metric(_INSTANCE_METRICS, "GPUUtilization", **dimensions)
            metrics.publish(account, gpu, minute, *use)


def _metric(namespace: str, name: str, **dimensions: str) -> dict[str, Any]:
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
