"""The measurements. Both functions take turns at every step, so that the machine's noise hits both."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from local.recording import round_trips
from local.runtime import Function
from tools.bench import processor
from tools.bench.processor import Limiter
from tools.bench.replay import Log, Replay, Service
from tools.bench.subjects import Subject, unzipped_bytes, zipped_bytes
from tools.bench.world import EVENTS, SWEEP, SWEEP_DEADLINE, DifferentWork

# Of a Lambda function with 128 MB, which has a whole processor at 1,769 MB.
SHARE_OF_128_MB = 128 / 1769
MIB = 2.0**20
MB = 1e6

_EVENTS_TO_WARM_UP = 5
EVENTS_OF_A_TURN = 10


@dataclass(frozen=True)
class Measure:
    """One quantity: all values that were measured, by the function's name."""

    unit: str
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, subject: Subject) -> float:
        return statistics.median(self.values[subject.name])


# Takes a title, a unit and a value.
Add = Callable[[str, str, float], None]


class Measures(dict[tuple[str, str], Measure]):
    """By group and title, in the order in which they were measured."""

    def adder(self, group: str, subject: Subject) -> Add:
        def add(title: str, unit: str, value: float) -> None:
            self.setdefault((group, title), Measure(unit)).values[subject.name].append(value)

        return add


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

    def starts(self, group: str, service: Service, outcome: str, count: int) -> None:
        """From nothing to the answer to an event that waits already, as it does when Lambda starts one."""
        for _ in range(count):
            for subject in self.subjects:
                self._log()
                with self.start(subject, service) as function:
                    _invoke(function, outcome)
                    peak = function.peak_memory
                    log = self._log()
                add = self.measures.adder(group, subject)
                add("start → first poll", "ms", _milliseconds(function.init_seconds))
                add("start → first answer", "ms", _milliseconds(function.first_answer_seconds))
                add("connections opened", "", log.connections)
                add("peak memory", "MiB", peak / MIB)

    def limited_starts(self, group: str, service: Service, share: float, count: int) -> None:
        """With a share of a processor: from the start on, and from the first event on."""
        for _ in range(count):
            for subject in self.subjects:
                add = self.measures.adder(group, subject)
                with self.start(subject, service) as function:
                    self.limiter.hold(function.pid, share, from_its_start=True)
                    _invoke(function, "unchanged")
                    self.limiter.release()
                add("start → first answer", "ms", _milliseconds(function.first_answer_seconds))
                with self.start(subject, service) as function:
                    function.wait_until_ready()
                    self.limiter.hold(function.pid, share, from_its_start=False)
                    _invoke(function, "unchanged")
                    self.limiter.release()
                add("first event, limited from there on", "ms", _milliseconds(function.durations[0]))

    def warm_events(self, group: str, service: Service, outcome: str, turns: int) -> None:
        with ExitStack() as running:
            functions = [
                (subject, running.enter_context(self.start(subject, service))) for subject in self.subjects
            ]
            for _, function in functions:
                for _ in range(_EVENTS_TO_WARM_UP):
                    _invoke(function, outcome)
            for _ in range(turns):
                for subject, function in functions:
                    self._turn(self.measures.adder(group, subject), function, service, outcome)
            for subject, function in functions:
                self.measures.adder(group, subject)("peak memory", "MiB", function.peak_memory / MIB)

    def _turn(self, add: Add, function: Function, service: Service, outcome: str) -> None:
        """A few events in a row, because the other function's turn leaves cold caches behind."""
        self._log()
        used = processor.seconds(function.pid)
        for _ in range(EVENTS_OF_A_TURN):
            _invoke(function, outcome)
        used = processor.seconds(function.pid) - used
        calls = self._log().calls
        for duration in function.durations[-EVENTS_OF_A_TURN:]:
            add("event → answer", "ms", _milliseconds(duration))
        add("processor time", "ms", _milliseconds(used / EVENTS_OF_A_TURN))
        add("AWS calls", "", len(calls) / EVENTS_OF_A_TURN)
        # Without a delay, a call is over before another can begin beside it.
        if service.delay:
            add("round trips", "", round_trips(calls) / EVENTS_OF_A_TURN)

    def sweeps(self, group: str, service: Service, count: int) -> None:
        """Of the fleet that the server now speaks of, each by a process that has just started."""
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
                add = self.measures.adder(group, subject)
                add("event → answer", "ms", _milliseconds(function.durations[0]))
                add("processor time", "ms", _milliseconds(used))
                add("AWS calls", "", len(log.calls))
                add("peak memory", "MiB", peak / MIB)

    def sizes(self, group: str) -> None:
        for subject in self.subjects:
            add = self.measures.adder(group, subject)
            add("deployed", "MB", unzipped_bytes(subject.deployed) / MB)
            add("deployed, zipped", "MB", zipped_bytes(subject.deployed) / MB)
            whole = {**subject.deployed, **subject.brought_by_the_runtime()}
            add("with what it runs on", "MB", unzipped_bytes(whole) / MB)
            add("with what it runs on, zipped", "MB", zipped_bytes(whole) / MB)

    def _log(self) -> Log:
        """What was asked since the last time, all of which must have been recorded."""
        log = self.replay.take_log()
        missing = sorted({call.operation for call in log.calls if not call.recorded})
        if missing:
            raise DifferentWork(f"a replay asked for what was not recorded: {missing}")
        return log


def _milliseconds(seconds: float | None) -> float:
    assert seconds is not None, "the function did not come that far"
    return seconds * 1000


def _invoke(function: Function, outcome: str) -> None:
    answer: Any = function.invoke(EVENTS[outcome])
    if answer["outcome"] != outcome:
        raise DifferentWork(f"should have answered {outcome}: {answer}")
