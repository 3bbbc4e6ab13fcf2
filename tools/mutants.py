"""Breaks the core in each way that cargo-mutants knows, and sees whether the Rust tests notice.

What is asked first is what answers soonest: the core's own unit tests, then the properties, and all the rest
only of what has survived both. 3 % at most may survive, each with its reason in .cargo/mutants-accepted.txt.
A reason for something that the tests notice has to go.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACCEPTED = ROOT / ".cargo" / "mutants-accepted.txt"
OUTPUT = ROOT / "target" / "mutants"
MOST_SHARE = 0.03

# What each pass builds, and which of its tests it runs. Most of a mutant's time is its build, so nothing else
# is built for it.
PASSES: list[tuple[list[str], list[str]]] = [
    (["--lib"], ["reconcile::", "payload::", "config::"]),
    (["--test=properties"], []),
    (["--all-targets"], []),
]
# A mutant that survives, or that runs out of time, ends cargo-mutants with a code of its own.
_RAN = {0, 2, 3}

_PLACE = re.compile(r":\d+:\d+: ")

Outcomes = dict[str, str]


def name(mutant: str) -> str:
    """Without line and column, which move with every change."""
    return _PLACE.sub(": ", mutant, count=1)


def file_of(mutant: str) -> str:
    return mutant.split(":", 1)[0]


def read_accepted(text: str) -> dict[str, str]:
    """By mutant the reason; a line is `mutant  # reason`."""
    accepted = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            mutant, _, reason = line.partition("  # ")
            if not reason.strip():
                raise ValueError(f"there is no reason for {line!r}")
            accepted[mutant.strip()] = reason.strip()
    return accepted


def judge(outcomes: Outcomes, accepted: dict[str, str]) -> list[str]:
    """What is wrong with a run; nothing, if it is empty."""
    survived = [mutant for mutant, outcome in outcomes.items() if outcome == "MissedMutant"]
    viable = sum(outcome != "Unviable" for outcome in outcomes.values())
    if not viable:
        return ["no mutant could be tried"]
    problems = [f"survived without a reason: {mutant}" for mutant in survived if name(mutant) not in accepted]
    noticed = {name(mutant) for mutant, outcome in outcomes.items() if outcome in ("CaughtMutant", "Timeout")}
    noticed -= {name(mutant) for mutant in survived}
    problems += [f"accepted, but noticed by the tests: {mutant}" for mutant in accepted if mutant in noticed]
    if len(survived) > MOST_SHARE * viable:
        problems.append(f"{len(survived)} of {viable} survived, which is more than {MOST_SHARE:.0%}")
    return problems


def read_outcomes(text: str) -> Outcomes:
    """What became of each mutant of one pass."""
    found = {}
    for outcome in json.loads(text)["outcomes"]:
        if isinstance(outcome["scenario"], dict):
            found[outcome["scenario"]["Mutant"]["name"]] = outcome["summary"]
        elif outcome["summary"] != "Success":
            raise ValueError("the tests fail without any mutant")
    return found


def table(outcomes: Outcomes) -> list[str]:
    """How many of each file could be tried, and how many of these survived."""
    viable = Counter(file_of(mutant) for mutant, outcome in outcomes.items() if outcome != "Unviable")
    survived = Counter(file_of(mutant) for mutant, outcome in outcomes.items() if outcome == "MissedMutant")
    return [f"{survived[file]:5} of {count:4} survived  {file}" for file, count in sorted(viable.items())]


def command(tool: str, number: int, file: str | None) -> list[str]:
    """cargo-mutants, for one pass. Each but the first leaves out what has been noticed before."""
    targets, filters = PASSES[number]
    # With a file of one's own, the globs of the configuration don't count.
    scope = ["--no-config", "--no-default-features", "--cargo-arg=--locked", "--file", file] if file else []
    return [
        *(tool, "mutants", "--jobs", "2", "--output", str(OUTPUT), *scope),
        *(["--iterate"] if number else []),
        *(f"--cargo-arg={target}" for target in targets),
        *(["--", "--", *filters] if filters else []),
    ]


def run(tool: str, file: str | None) -> Outcomes:
    outcomes: Outcomes = {}
    for number in range(len(PASSES)):
        started = time.monotonic()
        # Only the simulator's weeks of the last pass are worth optimizing.
        quick_build = {} if number == len(PASSES) - 1 else {"CARGO_PROFILE_TEST_OPT_LEVEL": "0"}
        environment = os.environ | {"PROPTEST_CASES": "64"} | quick_build
        ended = subprocess.run(command(tool, number, file), env=environment, check=False).returncode
        if ended not in _RAN:
            raise SystemExit(f"cargo-mutants ended with {ended}")
        outcomes |= read_outcomes((OUTPUT / "mutants.out" / "outcomes.json").read_text())
        survived = sum(outcome == "MissedMutant" for outcome in outcomes.values())
        print(f"pass {number + 1}: {survived} survive, {time.monotonic() - started:.0f} s", flush=True)
        if not survived:
            break
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("tool", help="the executable of cargo-mutants")
    parser.add_argument("--file", help="only this source, and not all of the core")
    options = parser.parse_args(arguments)
    outcomes = run(options.tool, options.file)
    print(*table(outcomes), sep="\n")
    problems = judge(outcomes, read_accepted(ACCEPTED.read_text()))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
