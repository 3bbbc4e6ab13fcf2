"""A mutant that survives fails `make mutants` unless a reason stands for it, and never more than 3 % may."""

from __future__ import annotations

import json

import pytest

from tools import mutants

PLAN = "src/reconcile/plan.rs"


def outcomes(**counts: int) -> dict[str, list[str]]:
    kinds = ("CaughtMutant", "MissedMutant", "Timeout", "Unviable")
    return {
        kind: [f"{PLAN}:{line}:5: replace it{kind}{line}" for line in range(counts.get(kind, 0))]
        for kind in kinds
    }


def test_a_run_in_which_all_is_noticed_passes() -> None:
    assert mutants.judge(outcomes(CaughtMutant=9, Timeout=1, Unviable=5), {}) == []


def test_a_survivor_needs_a_reason_wherever_its_line_has_moved() -> None:
    run = outcomes(CaughtMutant=99, MissedMutant=1)
    assert mutants.judge(run, {}) == [f"survived without a reason: {PLAN}:0:5: replace itMissedMutant0"]
    assert mutants.judge(run, {f"{PLAN}: replace itMissedMutant0": "the same to AWS"}) == []


def test_more_than_three_in_a_hundred_fail_whatever_the_reasons() -> None:
    run = outcomes(CaughtMutant=96, MissedMutant=4)
    accepted = {mutants.name(mutant): "a reason" for mutant in run["MissedMutant"]}
    assert mutants.judge(run, accepted) == ["4 of 100 survived, which is more than 3%"]


def test_a_reason_that_is_needed_no_longer_has_to_go() -> None:
    run = outcomes(CaughtMutant=1)
    assert mutants.judge(run, {f"{PLAN}: replace itCaughtMutant0": "a reason"}) == [
        f"accepted, but noticed by the tests: {PLAN}: replace itCaughtMutant0"
    ]


def test_a_run_of_nothing_is_no_success() -> None:
    assert mutants.judge(outcomes(Unviable=3), {}) == ["no mutant could be tried"]


def test_the_outcomes_of_cargo_mutants_are_read() -> None:
    text = json.dumps(
        {
            "outcomes": [
                {"scenario": "Baseline", "summary": "Success"},
                {"scenario": {"Mutant": {"name": "a"}}, "summary": "MissedMutant"},
            ]
        }
    )
    assert mutants.read_outcomes(text)["MissedMutant"] == ["a"]


def test_every_accepted_survivor_has_its_reason() -> None:
    mutants.read_accepted(mutants.ACCEPTED.read_text())
    with pytest.raises(ValueError, match="no reason"):
        mutants.read_accepted(f"{PLAN}: replace it with that")
