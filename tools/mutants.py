"""Whether the Rust tests notice what cargo-mutants breaks: 3 % at most may survive, each with its reason.

The reasons stand in `.cargo/mutants-accepted.txt`. A reason for something that the tests notice has to go.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACCEPTED = ROOT / ".cargo" / "mutants-accepted.txt"
MOST_SHARE = 0.03

_PLACE = re.compile(r":\d+:\d+: ")


def name(mutant: str) -> str:
    """Without line and column, which move with every change."""
    return _PLACE.sub(": ", mutant, count=1)


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


def judge(outcomes: dict[str, list[str]], accepted: dict[str, str]) -> list[str]:
    """What is wrong with a run; nothing, if it is empty."""
    survived = outcomes["MissedMutant"]
    viable = sum(len(found) for kind, found in outcomes.items() if kind != "Unviable")
    if not viable:
        return ["no mutant could be tried"]
    problems = [f"survived without a reason: {mutant}" for mutant in survived if name(mutant) not in accepted]
    noticed = {name(mutant) for kind in ("CaughtMutant", "Timeout") for mutant in outcomes[kind]}
    noticed -= {name(mutant) for mutant in survived}
    problems += [f"accepted, but noticed by the tests: {mutant}" for mutant in accepted if mutant in noticed]
    if len(survived) > MOST_SHARE * viable:
        problems.append(f"{len(survived)} of {viable} survived, which is more than {MOST_SHARE:.0%}")
    return problems


def read_outcomes(text: str) -> dict[str, list[str]]:
    """The mutants of a run by what became of them."""
    found: dict[str, list[str]] = {
        kind: [] for kind in ("CaughtMutant", "MissedMutant", "Timeout", "Unviable")
    }
    for outcome in json.loads(text)["outcomes"]:
        if isinstance(outcome["scenario"], dict):
            found[outcome["summary"]].append(outcome["scenario"]["Mutant"]["name"])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("folder", type=Path, help="mutants.out of cargo-mutants")
    options = parser.parse_args(arguments)
    outcomes = read_outcomes((options.folder / "outcomes.json").read_text())
    viable = sum(len(found) for kind, found in outcomes.items() if kind != "Unviable")
    print(f"{len(outcomes['MissedMutant'])} of {viable} mutants survived")
    problems = judge(outcomes, read_accepted(ACCEPTED.read_text()))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
