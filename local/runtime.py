"""A local Lambda: starts an executable and drives it over the Lambda Runtime API, as the real one would.

The function's output goes to files: every line written before it asks for its next event is there to read.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.server import Answer, Request, Server

ROOT = Path(__file__).resolve().parent.parent
NAME = "sagemaker-scale-to-zero"
ARN = f"arn:aws:lambda:eu-west-1:123456789012:function:{NAME}"

_API = "/2018-06-01/runtime"
# Lambda's limit for an answer: 6 MB and a little.
_LONGEST_ANSWER = 6_291_556


def default_executable() -> str:
    return os.environ.get("EXECUTABLE") or str(ROOT / "target" / "debug" / NAME)


class FunctionError(Exception):
    """The function answered an invocation, or its start, with an error."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message


class FunctionDied(Exception):
    """The process ended, or did not answer before the deadline and was killed."""

    def __init__(self, reason: str, exit_code: int | None, output: str) -> None:
        super().__init__(f"{reason}, exit code {exit_code}\n{output}")
        self.exit_code = exit_code
        self.output = output


@dataclass
class _Invocation:
    payload: bytes
    deadline: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    handed_out: bool = False
    answered_at: float | None = None
    answer: Any = None
    error: FunctionError | None = None


class Function:
    """A process that takes one invocation after another; the `with` block starts and kills it.

    init_seconds          from the start of the process to its first request for an event
    first_answer_seconds  from the start of the process to its answer to the first event
    durations             seconds of each invocation, from the event handed out to the answer
    """

    def __init__(
        self,
        command: str | Sequence[str] | None = None,
        *,
        aws_url: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [command] if isinstance(command, str) else list(command or [default_executable()])
        self._server = Server(self._answer)
        # Guards what follows; notified at every step of the conversation.
        self._step = threading.Condition()
        self._current: _Invocation | None = None
        self._waiting = False
        self._exited = False
        self._log_mark = 0
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{NAME}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_RUNTIME_API": self._server.address,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "function",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TZ": ":UTC",
            "_HANDLER": "bootstrap",
            **({"AWS_ENDPOINT_URL": aws_url} if aws_url else {}),
            **(environment or {}),
        }
        self.init_seconds: float | None = None
        self.first_answer_seconds: float | None = None
        self.init_error: FunctionError | None = None
        self.durations: list[float] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="function-")
        self._stdout = Path(self._folder.name, "stdout")
        self._stderr = Path(self._folder.name, "stderr")
        self._server.__enter__()
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._started = time.monotonic()
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._server.__exit__(kind, error, trace)
        self._folder.cleanup()

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Waits for the first request for an event; raises FunctionDied when it does not come."""
        with self._step:
            self._wait_for(lambda: self.init_seconds is not None, time.monotonic() + seconds)

    def invoke(self, payload: Any, deadline_seconds: float = 60) -> Any:
        """The function's answer, once it has asked for its next event too, so that all its logs are there."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._log_mark = self._stdout.stat().st_size
        deadline = time.monotonic() + deadline_seconds
        with self._step:
            invocation = self._current = _Invocation(body, time.time() + deadline_seconds)
            self._step.notify_all()
            self._wait_for(lambda: invocation.answered_at is not None and self._waiting, deadline)
        if invocation.error:
            raise invocation.error
        return invocation.answer

    def kill(self) -> None:
        """Ends the process at once, as Lambda ends a sandbox."""
        self._process.kill()
        self._process.wait()
        with self._step:
            self._step.wait_for(lambda: self._exited)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def peak_memory(self) -> int:
        """The most memory that the process has had so far, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The JSON lines that the function has logged so far."""
        return _logged(self._lines())

    @property
    def last_logs(self) -> list[dict[str, Any]]:
        """The JSON lines of the last invocation."""
        return _logged(self._lines(self._log_mark))

    @property
    def last_metrics(self) -> list[dict[str, Any]]:
        """The lines of the last invocation of which CloudWatch makes metrics."""
        return [line for line in _objects(self._lines(self._log_mark)) if "_aws" in line]

    @property
    def stray_output(self) -> list[str]:
        """What the function wrote and is no JSON line: to standard output, and all of standard error."""
        stray = [line for line in self._lines() if not isinstance(_parsed(line), dict)]
        return stray + self._stderr.read_text(errors="replace").splitlines()

    def _lines(self, start: int = 0) -> list[str]:
        return self._stdout.read_bytes()[start:].decode(errors="replace").splitlines()

    def _wait_for(self, condition: Any, deadline: float) -> None:
        """Waits, with the lock held, until the condition holds; kills a process that is late."""
        done = self._step.wait_for(lambda: self._exited or condition(), deadline - time.monotonic())
        if done and condition():
            return
        late = not done
        if late:
            self._process.kill()
            self._step.wait_for(lambda: self._exited)
        output = "\n".join(self._lines() + self._stderr.read_text(errors="replace").splitlines())
        reason = "the function did not answer before its deadline" if late else "the function's process ended"
        raise FunctionDied(reason, self._process.returncode, output)

    def _watch(self) -> None:
        self._process.wait()
        with self._step:
            self._exited = True
            self._step.notify_all()

    def _answer(self, request: Request) -> Answer | None:
        path = request.path.removeprefix(_API)
        if path == "/invocation/next":
            return self._next()
        if path == "/init/error":
            self.init_error = _reported(request.body)
            return Answer(202, b"{}")
        _, _, request_id, outcome = path.split("/")
        return self._outcome(request_id, outcome, request.body)

    def _next(self) -> Answer | None:
        """Holds the request until there is an event, as Lambda does."""
        with self._step:
            if self.init_seconds is None:
                self.init_seconds = time.monotonic() - self._started
            self._waiting = True
            self._step.notify_all()
            self._step.wait_for(lambda: self._exited or self._has_event())
            if self._exited:
                return None
            self._waiting = False
            invocation = self._current
            assert invocation is not None
            invocation.handed_out = True
            self._handed_out_at = time.monotonic()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }
        return Answer(200, invocation.payload, headers)

    def _has_event(self) -> bool:
        return self._current is not None and not self._current.handed_out

    def _outcome(self, request_id: str, outcome: str, body: bytes) -> Answer:
        with self._step:
            invocation = self._current
            if invocation is None or invocation.id != request_id or invocation.answered_at is not None:
                return Answer(400, b'{"errorType": "InvalidRequestID"}')
            if outcome == "response" and len(body) > _LONGEST_ANSWER:
                invocation.error = FunctionError("Function.ResponseSizeTooLarge", f"{len(body)} bytes")
            elif outcome == "response":
                invocation.answer = json.loads(body)
            else:
                invocation.error = _reported(body)
            invocation.answered_at = time.monotonic()
            if self.first_answer_seconds is None:
                self.first_answer_seconds = invocation.answered_at - self._started
            self.durations.append(invocation.answered_at - self._handed_out_at)
            self._step.notify_all()
        return Answer(202, b'{"status": "OK"}')


def _reported(body: bytes) -> FunctionError:
    report = json.loads(body or b"{}")
    return FunctionError(report.get("errorType", ""), report.get("errorMessage", ""))


def _objects(lines: list[str]) -> list[dict[str, Any]]:
    return [line for line in map(_parsed, lines) if isinstance(line, dict)]


def _logged(lines: list[str]) -> list[dict[str, Any]]:
    """Without the lines of metrics."""
    return [line for line in _objects(lines) if "_aws" not in line]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
