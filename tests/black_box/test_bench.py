"""The bench measures what it says, and compares only functions that do the same work."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.aws import LocalAws
from local.runtime import default_executable
from tools.bench import lookback, processor, report, storm, world
from tools.bench.__main__ import measure
from tools.bench.processor import Limiter
from tools.bench.subjects import boto3_function, this_function

OURS = this_function(default_executable())
OTHER = boto3_function()


@pytest.mark.full
def test_both_functions_are_measured_in_all_that_is_told(aws: LocalAws) -> None:
    recordings = world.record(aws, (OURS, OTHER), [4])

    measures = measure((OURS, OTHER), recordings, starts=1, turns=1, delayed_turns=1, share=0.5)

    calls = {
        group: (measure.values[OURS.name], measure.values[OTHER.name])
        for (group, title), measure in measures.items()
        if title == "AWS calls"
    }
    seven, eleven = [7.0], [11.0]
    assert calls == {
        report.WARM: (seven, seven),
        report.WARM_DELAYED: (seven, seven),
        report.WARM_NEW: (eleven, eleven),
        report.WARM_NEW_DELAYED: (eleven, eleven),
        # Six lists and a look at each of two tagged endpoints, three times; the other reads every endpoint.
        report.sweep_group(4): ([10] * 3, [1 + 2 * 7 + 2 * 2] * 3),
    }
    assert measures[report.WARM_DELAYED, "round trips"].values[OTHER.name] == seven
    assert all(
        value > 0 for found in measures.values() for values in found.values.values() for value in values
    )
    for told in (report.text(measures, OURS, OTHER), report.markdown(measures, OURS, OTHER)):
        assert "sweep of 4 endpoints" in told
    assert len(report.as_json(measures, OURS, OTHER)["measures"]) == len(measures)


@pytest.mark.full
def test_functions_that_do_different_work_are_not_compared(aws: LocalAws) -> None:
    another = replace(OURS, environment={"DEFAULT_MAX_CAPACITY": "3"})

    with pytest.raises(world.DifferentWork):
        world.record(aws, (another, OTHER), [])


@pytest.mark.full
def test_looking_back_is_measured_by_calls_time_memory_and_price() -> None:
    savings, advise = lookback.look(default_executable(), 2, share=None)

    assert (savings.action, savings.endpoints, savings.metrics) == ("savings", 2, 6)
    assert (advise.action, advise.endpoints, advise.metrics) == ("advise", 1, 6)
    assert savings.requests == 2 * advise.requests > 0
    for row in (savings, advise):
        # A cent for a thousand metrics, and what Lambda takes for the time; rounded, that may be nothing.
        assert row.metrics / 100_000 <= row.usd < row.metrics / 100_000 + 0.001
        assert min(row.calls, row.seconds, row.peak_mib) > 0
    # Of two endpoints savings may take less than the clock of processor time tells.
    assert advise.processor_seconds > 0


@pytest.mark.full
def test_a_storm_is_over_when_every_endpoint_is_configured_late_as_it_may_be() -> None:
    # Eight alarms, six of them too many at once: somebody has to wait.
    found = storm.storm(default_executable(), endpoints=2, environments=2, rate=1.5)

    assert found.configured + found.queued == 2
    assert (found.unfinished, found.failed) == (0, 0)
    assert found.throttled > 0
    assert found.seconds > 2


@pytest.fixture
def busy_process() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.full
def test_a_process_at_a_share_is_stopped_again_and_again_and_then_left_alone(busy_process: int) -> None:
    with Limiter() as limiter:
        limiter.hold(busy_process, 0.1, from_its_start=True)
        for state in ("T", "R", "T", "R"):
            _wait_for_state(busy_process, state)
        limiter.release()

        before = processor.seconds(busy_process)
        # More than a period's share, without a stop.
        while processor.seconds(busy_process) < before + 0.1:
            assert _state(busy_process) == "R"


def _wait_for_state(pid: int, state: str) -> None:
    deadline = time.monotonic() + 60
    while _state(pid) != state:
        assert time.monotonic() < deadline, f"never was in state {state}"
        time.sleep(0.0005)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
