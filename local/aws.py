"""A local AWS: moto in this process, behind checks and corrections that make it as strict as AWS.

`LocalAws` is for tests; `python -m local.aws --port 4566` serves one to play with.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.model import OperationNotFoundError
from moto.core.base_backend import BackendDict
from moto.core.exceptions import ServiceException
from moto.core.model_instances import reset_model_data
from moto.core.utils import utcnow

from local import account as moto
from local import faults, protocol, strict
from local.account import Account
from local.errors import AwsError
from local.faults import Fault, TokenBucket
from local.paging import PAGED, Pages
from local.protocol import Operation
from local.recording import Call
from local.server import Answer, Request, Server
from local.services import OPERATIONS, sagemaker
from local.world import World

# The function signs with this key. Only its calls are recorded, delayed and made to fail.
FUNCTION_ACCESS_KEY = "function"
REGION = "eu-west-1"

Amendment = Callable[[dict[str, Any]], dict[str, Any]]


class LocalAws(World):
    """Serves while the `with` block runs. moto's memory belongs to the process, so there is one at a time.

    latency      seconds that each call of the function takes before anything else happens
    page_size    the longest page of any answer; None is AWS's own
    faults       the `Fault`s that may strike, first match first
    rate_limits  calls a second by operation; above it the answer is a throttling error
    amendments   by operation, what changes its whole answer to the function: say, a list that lags behind
    settle_after seconds after which an update or deletion ends by itself; None waits for `settle`
    recordings   by operation, the recorded answer of AWS that the function gets, byte for byte
    violations   what the function sent that AWS's model of the operation does not allow
    calls        the function's calls so far, in the order of their ends
    """

    def __init__(self, port: int = 0, settle_after: float | None = None) -> None:
        self._lock = threading.RLock()
        self._records = threading.Lock()
        self._server = Server(self._answer, port)
        self._accounts: dict[str, Account] = {}
        self._pages = Pages()
        self._clients: dict[str, Any] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._closing = threading.Event()
        self._released = threading.Event()
        self._life = object()
        self._settle_after = settle_after
        self.latency = 0.0
        self.page_size: int | None = None
        self.faults: list[Fault] = []
        self.rate_limits: dict[str, float] = {}
        self.amendments: dict[str, Amendment] = {}
        self.recordings: dict[str, bytes] = {}
        self.violations: list[str] = []
        self.calls: list[Call] = []

    def __enter__(self) -> Self:
        self.reset()
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.release()
        self._server.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        return f"http://{self._server.address}"

    def client(self, service: str) -> Any:
        """A boto3 client of the test's own: neither recorded nor delayed nor made to fail.

        boto3 takes its time to make one, so each is made once.
        """
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                # No proxy, whatever the environment says: the server is on this machine.
                config=Config(retries={"total_max_attempts": 1}, proxies={}),
            )
        return self._clients[service]

    def account(self, region: str | None = None) -> Account:
        region = region or REGION
        if region not in self._accounts:
            self._accounts[region] = Account(region)
        return self._accounts[region]

    def reset(self) -> None:
        """An empty account, no knob turned, nothing recorded."""
        self.release()
        with self._lock:
            self._life = object()
            BackendDict.reset()
            reset_model_data()
            self._accounts.clear()
            self._pages.clear()
            self.restart()
        with self._records:
            self._buckets.clear()
            self.latency, self.page_size = 0.0, None
            self.faults, self.rate_limits, self.amendments, self.recordings = [], {}, {}, {}
            self.violations, self.calls = [], []

    def release(self) -> None:
        """Lets go of the calls that hang; their connections close without an answer."""
        self._released.set()
        self._released = threading.Event()

    def clear_calls(self) -> None:
        self.calls = []

    def writes(self) -> list[Call]:
        """The function's calls that change something, or tried to."""
        return [call for call in self.calls if call.is_write]

    def _answer(self, request: Request) -> Answer | None:
        try:
            operation = protocol.read(request)
        except ValueError:
            return Answer(400, b'{"__type": "SerializationException"}')
        if operation is None:
            return moto.forward(request)
        if operation.access_key != FUNCTION_ACCESS_KEY:
            return self._result(operation)[0]
        started, life, released = time.monotonic(), self._life, self._released
        if self.latency:
            self._closing.wait(self.latency)
        if life is not self._life:
            # Sent before a reset: what it asks for belongs to an account that is no more.
            return None
        kind = self._next_fault(operation)
        answer, code = self._answer_or_fail(operation, kind)
        call = Call(
            service=operation.service,
            operation=operation.name,
            params=operation.params,
            status=answer.status if answer else 0,
            started=started,
            ended=time.monotonic(),
            error=code,
            user_agent=operation.user_agent,
        )
        with self._records:
            self.calls.append(call)
        if kind == faults.HANG:
            released.wait()
        return answer

    def _answer_or_fail(self, operation: Operation, kind: str | None) -> tuple[Answer | None, str | None]:
        """The answer, or None for a connection that drops, and the error code, if any."""
        match kind:
            case None:
                return self._result(operation)
            case faults.DROP | faults.HANG:
                return None, kind
            case faults.SLOW:
                self._closing.wait(faults.SLOWNESS)
                return self._result(operation)
            case faults.DROP_AFTER:
                self._result(operation)
                return None, kind
            case _ if kind in faults.FOREIGN:
                return faults.FOREIGN[kind], kind
            case _:
                return self._failure(operation, faults.error(kind, operation.service))

    def _next_fault(self, operation: Operation) -> str | None:
        with self._records:
            for fault in self.faults:
                if fault.strikes(operation.name, operation.params):
                    return fault.kind
            rate = self.rate_limits.get(operation.name)
            if rate is not None and not self._buckets.setdefault(operation.name, TokenBucket(rate)).take():
                return "throttle"
        return None

    def _result(self, operation: Operation) -> tuple[Answer, str | None]:
        try:
            self._check(operation)
            recorded = self.recordings.get(operation.name)
            if recorded is not None and operation.access_key == FUNCTION_ACCESS_KEY:
                return protocol.recorded(operation, recorded), None
            with self._lock:
                return protocol.success(operation, self._perform(operation)), None
        except AwsError as failed:
            return self._failure(operation, failed)
        except ServiceException as failed:
            return self._failure(operation, AwsError(failed.code, failed.message))

    def _failure(self, operation: Operation, failed: AwsError) -> tuple[Answer, str]:
        return protocol.failure(operation, failed), failed.code

    def _check(self, operation: Operation) -> None:
        """Refuses what AWS's model of the operation does not allow; notes it when the function sent it."""
        try:
            found = strict.problems(operation.service, operation.name, operation.params)
        except OperationNotFoundError:
            raise AwsError("UnknownOperationException", f"There is no operation {operation.name}.") from None
        if not found:
            return
        if operation.access_key == FUNCTION_ACCESS_KEY:
            with self._records:
                self.violations += [f"{operation.service} {operation.name}: {problem}" for problem in found]
        code = "ValidationError" if operation.service == "cloudwatch" else "ValidationException"
        raise AwsError(code, f"{len(found)} validation error(s) detected: {'; '.join(found)}")

    def _perform(self, operation: Operation) -> dict[str, Any]:
        account = self.account(operation.region)
        if self._settle_after is not None:
            sagemaker.settle(account, utcnow() - timedelta(seconds=self._settle_after))
        perform = OPERATIONS.get((operation.service, operation.name))
        if perform is None:
            return moto.perform(operation)

        def whole() -> dict[str, Any]:
            answer = perform(account, operation.params)
            amend = self.amendments.get(operation.name)
            return amend(answer) if amend and operation.access_key == FUNCTION_ACCESS_KEY else answer

        if operation.name not in PAGED:
            return whole()
        return self._pages.page(operation.name, operation.params, self.page_size, whole)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.aws", description="Serves a local AWS until Ctrl-C."
    )
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument(
        "--endpoint", action="append", default=[], metavar="NAME", help="make a tagged asynchronous endpoint"
    )
    options = parser.parse_args(arguments)
    with LocalAws(options.port, settle_after=5.0) as aws:
        for name in options.endpoint:
            aws.create_endpoint(name, tags={"scale-to-zero:enabled": "true"})
            print(f"endpoint {name} is InService, tagged scale-to-zero:enabled=true", flush=True)
        print(f"local AWS at {aws.url}, region {REGION}; stop it with Ctrl-C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
