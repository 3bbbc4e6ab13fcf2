"""Measures both functions and tells what came of it; see `make bench`."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from local.aws import LocalAws
from local.runtime import default_executable
from tools.bench import certificates, report, world
from tools.bench.measures import EVENTS_OF_A_TURN, SHARE_OF_128_MB, Bench, Measures
from tools.bench.processor import Limiter
from tools.bench.replay import Replay, Service
from tools.bench.subjects import Subject, boto3_function, this_function
from tools.bench.world import Recordings

PLAIN = Service(tls=False, delay=0.0)
TLS = Service(tls=True, delay=0.0)
# Assumed for a call inside AWS, so that waiting counts and not only work.
DELAYED = Service(tls=True, delay=0.02)


def measure(
    subjects: Sequence[Subject],
    recordings: Recordings,
    *,
    starts: int,
    turns: int,
    delayed_turns: int,
    share: float = SHARE_OF_128_MB,
) -> Measures:
    """Everything, with that many starts and turns of warm events of each kind and function.

    `share`: of a processor, for the limited starts.
    """
    with ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        issued = certificates.make(Path(folder))
        replay = running.enter_context(Replay([PLAIN, TLS, DELAYED], issued))
        bench = Bench(subjects, replay, running.enter_context(Limiter()), issued.environment)
        replay.say(recordings.events)
        _progress("starts")
        bench.starts(report.STARTS, TLS, "unchanged", starts)
        bench.starts(report.STARTS_NEW, TLS, "configured", starts)
        bench.starts(report.STARTS_PLAIN, PLAIN, "unchanged", starts)
        _progress("starts at a share of a processor")
        bench.limited_starts(report.STARTS_LIMITED, TLS, share, starts)
        _progress("warm events")
        bench.warm_events(report.WARM, TLS, "unchanged", turns)
        bench.warm_events(report.WARM_DELAYED, DELAYED, "unchanged", delayed_turns)
        bench.warm_events(report.WARM_NEW, TLS, "configured", turns)
        bench.warm_events(report.WARM_NEW_DELAYED, DELAYED, "configured", delayed_turns)
        for size, recording in recordings.sweeps.items():
            _progress(f"sweeps of {size:,} endpoints")
            replay.say(recording)
            bench.sweeps(report.sweep_group(size), DELAYED, 3 if size <= 100 else 1)
        bench.sizes(report.SIZES)
    return bench.measures


def _progress(what: str) -> None:
    print(f"… {what}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--executable", default=default_executable())
    parser.add_argument("--starts", type=int, default=10, help="of each kind and function")
    parser.add_argument(
        "--events", type=int, default=500, help="warm ones of each kind and function; a tenth with a delay"
    )
    parser.add_argument("--fleets", type=int, nargs="*", default=[100, 1000], help="endpoints of a sweep")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path, help="the table as it stands in docs/speed.md")
    options = parser.parse_args(arguments)

    ours, other = this_function(options.executable), boto3_function()
    _progress("recording what AWS answers")
    with LocalAws() as aws:
        recordings = world.record(aws, (ours, other), options.fleets)
    measures = measure(
        (ours, other),
        recordings,
        starts=options.starts,
        turns=max(1, options.events // EVENTS_OF_A_TURN),
        delayed_turns=max(1, options.events // 10 // EVENTS_OF_A_TURN),
    )
    print(report.machine(), "", report.text(measures, ours, other), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(measures, ours, other), indent=2) + "\n")
    if options.markdown:
        options.markdown.write_text(report.markdown(measures, ours, other))


if __name__ == "__main__":
    main()
