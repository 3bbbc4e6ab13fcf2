"""fakecloud, started for a run and ended with it, and the function against it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import boto3
import cbor2
from botocore.config import Config

from local.runtime import Function
from local.server import Answer, Request, Served, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

REGION = "eu-west-1"
ACCOUNT = "123456789012"
# Seconds. It has every service of AWS to set up.
START = 60

# How operations that list things are told the size of a page.
PAGE_SIZES = {
    "ListEndpoints": "MaxResults",
    "GetResources": "ResourcesPerPage",
    "DescribeScalableTargets": "MaxResults",
    "DescribeScalingPolicies": "MaxResults",
    "DescribeScheduledActions": "MaxResults",
    "DescribeAlarms": "MaxRecords",
}
# Headers that belong to one connection and not to what goes over it.
_OF_CONNECTION = {"connection", "content-length", "host", "transfer-encoding", "keep-alive", "date"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Emulator:
    """A process of fakecloud, while the `with` block runs. It keeps all in memory and talks to nobody."""

    def __init__(self, executable: Path, *, verifies_signatures: bool) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._command = [
            *(str(executable), "--addr", f"127.0.0.1:{self._port}", "--region", REGION),
            *("--account-id", ACCOUNT, "--log-level", "warn"),
            *(["--verify-sigv4"] if verifies_signatures else []),
        ]

    def __enter__(self) -> Self:
        self._log: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"fakecloud did not start:\n{self.log()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/_fakecloud/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    @cache  # noqa: B019 - there are two in a run
    def client(self, service: str) -> Any:
        """As the account's root, whose signature fakecloud doesn't look at."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def credentials(self, user: str = "function") -> Json:
        """Of a user whose signatures are verified."""
        iam = self.client("iam")
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    @contextmanager
    def function(
        self, executable: str, environment: Json | None = None, *, url: str | None = None
    ) -> Iterator[Function]:
        with Function(executable, aws_url=url or self.url, environment=environment) as function:
            yield function


class SmallPages(Served):
    """Stands before the emulator, asks for small pages whatever the function asks for, and counts the calls.

    A request that is changed no longer fits its signature, so the emulator behind it must not verify them.
    """

    def __init__(self, url: str, size: int) -> None:
        self._address = url.removeprefix("http://")
        self._size = size
        self._server = Server(self._forward)
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()

    def _forward(self, request: Request) -> Answer:
        operation = operation_of(request)
        with self._lock:
            self.calls[operation] += 1
        body = with_page_size(request, operation, self._size)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _OF_CONNECTION}
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            connection.request(request.method, request.path, body, headers)
            answer = connection.getresponse()
            kept = {key: value for key, value in answer.getheaders() if key.lower() not in _OF_CONNECTION}
            return Answer(answer.status, answer.read(), kept)
        finally:
            connection.close()


def operation_of(request: Request) -> str:
    """By the header of AWS's JSON protocols, or by the path of its CBOR protocol."""
    target = request.headers.get("X-Amz-Target")
    return target.rpartition(".")[2] if target else request.path.rpartition("/")[2]


def with_page_size(request: Request, operation: str, size: int) -> bytes:
    parameter = PAGE_SIZES.get(operation)
    if parameter is None:
        return request.body
    if request.headers.get("X-Amz-Target"):
        return json.dumps({**json.loads(request.body or b"{}"), parameter: size}).encode()
    return bytes(cbor2.dumps({**(cbor2.loads(request.body) if request.body else {}), parameter: size}))
