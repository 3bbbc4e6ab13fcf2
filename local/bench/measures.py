"""The measurements. Both functions take turns at every step, so that the machine's noise hits both."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.bench import processor
from local.bench.processor import Limiter
from local.bench.replay import Log, Replay, Service
from local.bench.subjects import Subject, unzipped_bytes, zipped_bytes
from local.bench.world import EVENTS, SWEEP, SWEEP_DEADLINE, DifferentWork
from local.recording import round_trips
from local.runtime import Function

# Of a Lambda function with 128 MB, which has a whole processor at 1,769 MB.
SHARE_OF_128_MB = 128 / 1769
MILLISECONDS = 1000.0
MIB = 2.0**20
MB = 1e6

_EVENTS_TO_WARM_UP = 5


@dataclass(frozen=True)
class Measure:
    """One quantity of both functions: all values that were measured, by the function's name."""

    title: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, subject: str) -> float:
        return statistics.median(self.values[subject])


class Measures(dict[str, Measure]):
    """By a fixed name each, in the order in which they were first asked for."""

    def add(self, name: str, title: str, unit: str, subject: Subject, value: float) -> None:
        self.setdefault(name, Measure(title, unit)).values[subject.name].append(value)


@dataclass
class Bench:
    subjects: Sequence[Subject]
    replay: Replay
    limiter: Limiter
    # Of both functions, beside what each needs itself.
    environment: Mapping[str, str]
    measures: Measures = field(default_factory=Measures)

    def start(self, subject: Subject, service: Service) -> Function:
        return subject.start(self.replay.url(service), self.environment)

    def starts(self, name: str, where: str, service: Service, outcome: str, count: int) -> None:
        """From nothing to the answer to an event that is there already, as Lambda has it when it starts a process."""
        for _ in range(count):
            for subject in self.subjects:
                self.replay.take_log()
                with self.start(subject, service) as function:
                    _invoke(function, outcome)
                    peak = function.peak_memory
                    log = self._log()
                assert function.init_seconds is not None
                assert function.first_answer_seconds is not None

                def add(what: str, title: str, unit: str, value: float, subject: Subject = subject) -> None:
                    self.measures.add(f"{name}/{what}", f"{title}, {where}", unit, subject, value)

                add("first poll", "start → first poll", "ms", function.init_seconds * MILLISECONDS)
                add(
                    "first answer", "start → first answer", "ms", function.first_answer_seconds * MILLISECONDS
                )
                add("connections", "connections opened", "", log.connections)
                add("peak", "peak memory after one event", "MiB", peak / MIB)

    def limited_starts(self, name: str, where: str, service: Service, count: int) -> None:
        """The same with a small function's share of a processor: from the start, and from the first event on."""
        for _ in range(count):
            for subject in self.subjects:
                with self.start(subject, service) as function:
                    self.limiter.hold(function.pid, SHARE_OF_128_MB, from_its_start=True)
                    _invoke(function, "unchanged")
                    self.limiter.release()
                assert function.first_answer_seconds is not None
                self.measures.add(
                    f"{name}/first answer",
                    f"start → first answer, {where}",
                    "ms",
                    subject,
                    function.first_answer_seconds * MILLISECONDS,
                )
                with self.start(subject, service) as function:
                    function.wait_until_ready()
                    self.limiter.hold(function.pid, SHARE_OF_128_MB, from_its_start=False)
                    _invoke(function, "unchanged")
                    self.limiter.release()
                self.measures.add(
                    f"{name}/first event",
                    f"first event after an unlimited start, {where}",
                    "ms",
                    subject,
                    function.durations[0] * MILLISECONDS,
                )

    def warm_events(self, name: str, where: str, service: Service, outcome: str, count: int) -> None:
        functions = [(subject, self.start(subject, service)) for subject in self.subjects]
        with functions[0][1], functions[1][1]:
            for _, function in functions:
                for _ in range(_EVENTS_TO_WARM_UP):
                    _invoke(function, outcome)
            for _ in range(count):
                for subject, function in functions:
                    self._log()
                    used = processor.seconds(function.pid)
                    _invoke(function, outcome)
                    used = processor.seconds(function.pid) - used
                    log = self._log()

                    def add(
                        what: str, title: str, unit: str, value: float, subject: Subject = subject
                    ) -> None:
                        self.measures.add(f"{name}/{what}", f"{title}, {where}", unit, subject, value)

                    add("duration", "warm event", "ms", function.durations[-1] * MILLISECONDS)
                    add("processor", "processor time per warm event", "ms", used * MILLISECONDS)
                    add("calls", "AWS calls", "", len(log.calls))
                    if service.delay:
                        add("round trips", "round trips", "", round_trips(log.calls))
            for subject, function in functions:
                title = f"peak memory after {count} events, {where}"
                self.measures.add(f"{name}/peak", title, "MiB", subject, function.peak_memory / MIB)

    def sweeps(self, name: str, where: str, service: Service, count: int) -> None:
        """Of the fleet that the server now speaks of, by a process that has just started."""
        for _ in range(count):
            for subject in self.subjects:
                with self.start(subject, service) as function:
                    function.wait_until_ready()
                    self._log()
                    used = processor.seconds(function.pid)
                    function.invoke(SWEEP, SWEEP_DEADLINE)
                    used = processor.seconds(function.pid) - used
                    log = self._log()
                    peak = function.peak_memory

                def add(what: str, title: str, unit: str, value: float, subject: Subject = subject) -> None:
                    self.measures.add(f"{name}/{what}", f"{title}, {where}", unit, subject, value)

                add("duration", "sweep", "s", function.durations[0])
                add("calls", "AWS calls", "", len(log.calls))
                add("processor", "processor time", "s", used)
                add("peak", "peak memory", "MiB", peak / MIB)

    def sizes(self) -> None:
        for subject in self.subjects:
            unzipped, zipped = unzipped_bytes(subject.files) / MB, zipped_bytes(subject.files) / MB
            self.measures.add("size/unzipped", "what is deployed, unzipped", "MB", subject, unzipped)
            self.measures.add("size/zipped", "what is deployed, zipped", "MB", subject, zipped)

    def _log(self) -> Log:
        log = self.replay.take_log()
        missing = sorted({call.operation for call in log.calls if not call.recorded})
        if missing:
            raise DifferentWork(f"a replay asked for what was not recorded: {missing}")
        return log


def _invoke(function: Function, outcome: str) -> None:
    answer: Any = function.invoke(EVENTS[outcome])
    if answer["outcome"] != outcome:
        raise DifferentWork(f"should have answered {outcome}: {answer}")
