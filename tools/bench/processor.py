"""The processor time that another process has used, and a way to give it no more than a share.

Lambda gives a function processor time in proportion to its memory, a whole processor at 1,769 MB
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). Linux would do the same with a
control group, which takes privileges. Stopping and continuing the process needs none.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

# Seconds. What a process has not used of its share in one period it has lost, and what it took too much is
# kept from the following ones, as Linux's scheduler does.
_PERIOD = 0.02
_SHORTEST_SLEEP = 0.0001


def seconds(pid: int) -> float:
    """Processor time of all threads of a process so far, by the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True)
class _Subject:
    pid: int
    share: float
    # Processor seconds that it had used before it came under the limit.
    used_before: float


class Limiter:
    """A process that holds one other to its share at a time; runs in a `with` block."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_obey, args=(other,), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def hold(self, pid: int, share: float, *, from_its_start: bool) -> None:
        """Until `release`. `from_its_start`: what it has used already counts too."""
        self._pipe.send(_Subject(pid, share, 0.0 if from_its_start else seconds(pid)))

    def release(self) -> None:
        """The process is as free as before, if there still is one."""
        self._pipe.send(None)
        self._pipe.recv()


def _obey(pipe: Connection) -> None:
    pipe.send(None)
    while True:
        try:
            subject: _Subject | None = pipe.recv()
        except EOFError:
            return
        if subject is not None:
            try:
                _hold(subject, pipe)
            except OSError:
                # It ended.
                pipe.recv()
        pipe.send(None)


def _hold(subject: _Subject, pipe: Connection) -> None:
    """Until there is word from the pipe. Raises OSError once the process is gone."""
    quota = subject.share * _PERIOD
    left, used = quota, subject.used_before
    end = time.monotonic() + _PERIOD
    stopped = False
    while not pipe.poll():
        used_before, used = used, seconds(subject.pid)
        left -= used - used_before
        now = time.monotonic()
        if now >= end:
            periods = 1 + int((now - end) / _PERIOD)
            left = min(quota, left + periods * quota)
            end += periods * _PERIOD
        if (left <= 0) != stopped:
            os.kill(subject.pid, signal.SIGCONT if stopped else signal.SIGSTOP)
            stopped = not stopped
        # It can't use up what is left sooner.
        time.sleep(max(min(end - now, end - now if stopped else left), _SHORTEST_SLEEP))
    pipe.recv()
    if stopped:
        with suppress(ProcessLookupError):
            os.kill(subject.pid, signal.SIGCONT)
