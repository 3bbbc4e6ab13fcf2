"""moto's memory of one Region, which `local.services` reads and writes, and moto's own answers."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

from moto.applicationautoscaling.models import (
    ApplicationAutoscalingBackend,
    FakeApplicationAutoscalingPolicy,
    applicationautoscaling_backends,
)
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.models import FakeEndpoint, SageMakerModelBackend, sagemaker_backends

from local.errors import AwsError
from local.protocol import Operation
from local.server import Answer, Request

_MOTO = DomainDispatcherApplication(create_backend_app)


class Account:
    """One Region. Endpoints are found by name and, as ListTags wants it, by ARN."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.id = DEFAULT_ACCOUNT_ID
        self.sagemaker: SageMakerModelBackend = sagemaker_backends[self.id][region]
        self.autoscaling: ApplicationAutoscalingBackend = applicationautoscaling_backends[self.id][region]
        self.cloudwatch: CloudWatchBackend = cloudwatch_backends[self.id][region]
        # Indexes over moto's flat dictionaries, which get slow to search with thousands of endpoints.
        self.endpoints_by_arn: dict[str, FakeEndpoint] = {}
        self.policies: defaultdict[str, dict[str, FakeApplicationAutoscalingPolicy]] = defaultdict(dict)
        self.ids_in_policies: dict[str, str] = {}
        self.alarm_names: list[str] = []
        # Alarm names by their action's ARN: AWS lists with a step policy the alarms attached to it.
        self.alarms_by_action: defaultdict[str, list[str]] = defaultdict(list)
        # What services publish about themselves: statistic sets of minutes, and how many of them a page has.
        self.datapoints: dict[tuple[Any, ...], dict[int, Any]] = {}
        self.most_datapoints = 100_800
        # The rest of what had more than a page, by the token of the next one.
        self.metric_pages: dict[str, tuple[Any, list[dict[str, Any]]]] = {}
        # What was done to scalable targets.
        self.activities: list[dict[str, Any]] = []
        # By policy what it did last, by endpoint the order under way and the requests, for `local.world`.
        self.past: dict[str, Any] = {}
        self.orders: dict[str, Any] = {}
        self.work: dict[str, Any] = {}
        # By endpoint, how many seconds it leaves between two reports of an instance.
        self.publish_frequencies: dict[str, int] = {}
        # What was put on the event bus, and the tags of scalable targets and alarms by their ARNs.
        self.events: list[dict[str, Any]] = []
        self.resource_tags: dict[str, dict[str, str]] = {}

    def endpoint_arn(self, name: str) -> str:
        """AWS writes the ARN of an endpoint in lower case, whatever the case of its name."""
        return FakeEndpoint.arn_formatter(name, self.id, self.region).lower()

    def endpoint(self, name: str) -> FakeEndpoint:
        """AWS has no error shape for a missing endpoint: it answers ValidationException with this message."""
        try:
            return self.sagemaker.endpoints[name]
        except KeyError:
            raise AwsError(
                "ValidationException", f'Could not find endpoint "{self.endpoint_arn(name)}".'
            ) from None


def perform(operation: Operation) -> dict[str, Any]:
    """What moto answers to an operation that needs no correction."""
    body = json.dumps(operation.params, default=str).encode()
    headers = {
        "Authorization": operation.authorization,
        "X-Amz-Target": operation.target,
        "Content-Type": "application/x-amz-json-1.0",
        "Host": operation.host,
    }
    answer = forward(Request("POST", "/", headers, body))
    try:
        result = json.loads(answer.body or b"{}")
    except ValueError:
        raise AwsError("InternalFailure", f"moto cannot perform {operation.name}.", 500) from None
    if answer.status >= 300:
        message = result.get("message") or result.get("Message") or ""
        raise AwsError(result.get("__type", "InternalFailure").rpartition("#")[2], message, answer.status)
    return result


def forward(request: Request) -> Answer:
    """moto's own answer to a request, unchanged."""
    url = urlsplit(request.path)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        environ.setdefault(f"HTTP_{name.upper().replace('-', '_')}", value)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        started.append((status, headers))

    chunks = _MOTO(environ, start_response)
    body = b"".join(chunks)
    if close := getattr(chunks, "close", None):
        close()
    status, headers = started[0]
    kept = {name: value for name, value in headers if name.lower() not in ("content-length", "connection")}
    return Answer(int(status.split()[0]), body, kept)
