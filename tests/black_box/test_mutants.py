"""A mutant that survives fails `make mutants` unless a reason stands for it, and never more than 3 % may."""

from __future__ import annotations

import json

import pytest

from tools import mutants

PLAN = "src/reconcile/plan.rs"


def outcomes(**counts: int) -> mutants.Outcomes:
    return {
        f"{PLAN}:{line}:5: replace it{kind}{line}": kind
        for kind, count in counts.items()
        for line in range(count)
    }


def test_a_run_in_which_all_is_noticed_passes() -> None:
    assert mutants.judge(outcomes(CaughtMutant=9, Timeout=1, Unviable=5), {}) == []


def test_a_survivor_needs_a_reason_wherever_its_line_has_moved() -> None:
    run = outcomes(CaughtMutant=99, MissedMutant=1)
    assert mutants.judge(run, {}) == [f"survived without a reason: {PLAN}:0:5: replace itMissedMutant0"]
    assert mutants.judge(run, {f"{PLAN}: replace itMissedMutant0": "the same to AWS"}) == []


def test_more_than_three_in_a_hundred_fail_whatever_the_reasons() -> None:
    run = outcomes(CaughtMutant=96, MissedMutant=4)
    accepted = {mutants.name(mutant): "a reason" for mutant in run}
    assert "4 of 100 survived, which is more than 3%" in mutants.judge(run, accepted)


def test_a_reason_that_is_needed_no_longer_has_to_go() -> None:
    run = outcomes(CaughtMutant=1)
    assert mutants.judge(run, {f"{PLAN}: replace itCaughtMutant0": "a reason"}) == [
        f"accepted, but noticed by the tests: {PLAN}: replace itCaughtMutant0"
    ]


def test_a_run_of_nothing_is_no_success() -> None:
    assert mutants.judge(outcomes(Unviable=3), {}) == ["no mutant could be tried"]


def outcomes_of_cargo_mutants(baseline: str, **found: str) -> str:
    """As cargo-mutants writes them."""
    return json.dumps(
        {
            "outcomes": [
                {"scenario": "Baseline", "summary": baseline},
                *({"scenario": {"Mutant": {"name": name}}, "summary": kind} for name, kind in found.items()),
            ]
        }
    )


def test_the_outcomes_of_cargo_mutants_are_read() -> None:
    assert mutants.read_outcomes(outcomes_of_cargo_mutants("Success", a="MissedMutant")) == {
        "a": "MissedMutant"
    }


def test_tests_that_fail_by_themselves_notice_nothing() -> None:
    with pytest.raises(ValueError, match="without any mutant"):
        mutants.read_outcomes(outcomes_of_cargo_mutants("Failure"))


def test_each_pass_builds_what_it_runs_and_leaves_out_what_was_noticed() -> None:
    first, second, last = (mutants.command("cargo-mutants", number, None) for number in range(3))
    assert ["--iterate" in it for it in (first, second, last)] == [False, True, True]
    assert "--cargo-arg=--lib" in first
    assert first[-4:] == ["--", "reconcile::", "payload::", "config::"]
    assert "--cargo-arg=--test=properties" in second
    assert "--cargo-arg=--all-targets" in last
    assert mutants.command("cargo-mutants", 0, PLAN)[5:10] == [
        *(str(mutants.OUTPUT), "--no-config", "--no-default-features", "--cargo-arg=--locked", "--file")
    ]


def test_what_was_tried_and_survived_is_counted_by_file() -> None:
    run = {
        "src/a.rs:1:1: replace x": "CaughtMutant",
        "src/a.rs:2:1: replace y": "MissedMutant",
        "src/b.rs:1:1: replace z": "Unviable",
    }
    assert mutants.table(run) == ["    1 of    2 survived  src/a.rs"]


def test_every_accepted_survivor_has_its_reason_and_its_source() -> None:
    for mutant in mutants.read_accepted(mutants.ACCEPTED.read_text()):
        assert (mutants.ROOT / mutants.file_of(mutant)).is_file(), mutant
    with pytest.raises(ValueError, match="no reason"):
        mutants.read_accepted(f"{PLAN}: replace it with that")
