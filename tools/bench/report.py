"""What the bench tells: a table to read, the same in Markdown and JSON, and what was to be reached."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from typing import Any

from tools.bench.measures import Measure, Measures
from tools.bench.subjects import Subject

STARTS = "start over TLS, endpoint unchanged"
STARTS_NEW = "start over TLS, endpoint new"
STARTS_PLAIN = "start without TLS, endpoint unchanged"
STARTS_LIMITED = "start over TLS, endpoint unchanged, at a 128 MB function's share of a processor"
WARM = "warm, endpoint unchanged"
WARM_DELAYED = "warm, endpoint unchanged, 20 ms a call"
WARM_NEW = "warm, endpoint new"
WARM_NEW_DELAYED = "warm, endpoint new, 20 ms a call"
SIZES = "size"
_SWEEP = "sweep of "

# What docs/speed.md shows of it, with a title that says all.
_SHOWN = [
    (STARTS, "start → first poll", "start of the process → ready for events"),
    (STARTS, "start → first answer", "start → first answer, endpoint unchanged"),
    (STARTS_NEW, "start → first answer", "start → first answer, endpoint configured"),
    (
        STARTS_LIMITED,
        "start → first answer",
        "the same, unchanged, at a 128 MB function's share of a processor",
    ),
    (
        STARTS_LIMITED,
        "first event, limited from there on",
        "first event at that share, the start without limit",
    ),
    (WARM_DELAYED, "event → answer", "later event, unchanged, 20 ms a call"),
    (WARM_NEW_DELAYED, "event → answer", "later event, configured, 20 ms a call"),
    (WARM_DELAYED, "AWS calls", "AWS calls, unchanged"),
    (WARM_DELAYED, "round trips", "one after the other, unchanged"),
    (WARM_NEW_DELAYED, "AWS calls", "AWS calls, configured"),
    (WARM_NEW_DELAYED, "round trips", "one after the other, configured"),
    (WARM, "processor time", "processor time per event, unchanged"),
    (WARM_NEW, "processor time", "processor time per event, configured"),
    (WARM, "peak memory", "peak memory"),
    (SIZES, "deployed, zipped", "zip file that is deployed"),
    (SIZES, "with what it runs on, zipped", "the same with the packages of the runtime that it needs"),
]
_SHOWN_OF_SWEEPS = [("event → answer", "20 ms a call"), ("AWS calls", "AWS calls")]


def sweep_group(size: int) -> str:
    return f"{_SWEEP}{size:,} endpoints, 20 ms a call"


@dataclass(frozen=True)
class Goal:
    what: str
    found: str
    met: bool


def goals(measures: Measures, ours: Subject, other: Subject) -> list[Goal]:
    """What this function is to reach beside the other."""

    def at_most(group: str, title: str, limit: float) -> Goal:
        measure = measures[group, title]
        found = measure.median(ours)
        unit = f" {measure.unit}".rstrip()
        return Goal(f"{group}: {title} at most {limit:g}{unit}", f"{_number(found)}{unit}", found <= limit)

    def times_less(group: str, title: str, factor: float) -> Goal:
        found = _ratio(measures[group, title], ours, other)
        return Goal(
            f"{group}: {title} at least {factor:g} times less", f"{_number(found)} times", found >= factor
        )

    return [
        times_less(STARTS, "start → first answer", 30),
        times_less(STARTS_LIMITED, "start → first answer", 40),
        times_less(WARM, "processor time", 6),
        # Two round trips of 20 ms, and a tenth.
        at_most(WARM_DELAYED, "event → answer", 44),
        at_most(WARM_DELAYED, "AWS calls", 7),
        at_most(WARM_DELAYED, "round trips", 2),
        at_most(WARM_NEW_DELAYED, "AWS calls", 11),
        at_most(WARM_NEW_DELAYED, "round trips", 6),
        at_most(WARM, "peak memory", 14),
        at_most(SIZES, "deployed, zipped", 4.5),
    ]


def machine() -> str:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return (
        f"{day}, {os.cpu_count()} {platform.machine()} processors, Python {platform.python_version()}, "
        f"boto3 {version('boto3')}, awslambdaric {version('awslambdaric')}"
    )


def text(measures: Measures, ours: Subject, other: Subject) -> str:
    lines = [f"{'':<44}{ours.name:>26}{other.name:>30}{'ratio':>10}"]
    for group, titles in groupby(measures, key=lambda key: key[0]):
        lines += ["", group]
        for key in titles:
            cells = _cells(measures[key], ours, other)
            lines.append("  {:<42}{:>26}{:>30}{:>10}".format(key[1], *cells))
    lines.append("")
    for goal in goals(measures, ours, other):
        lines.append(f"{'met' if goal.met else 'NOT MET':<8}{goal.what}: {goal.found}")
    return "\n".join(lines)


def markdown(measures: Measures, ours: Subject, other: Subject) -> str:
    lines = [
        f"Measured {machine()}.",
        "",
        f"| | {ours.name} | {other.name} | ratio |",
        "|---|---|---|---|",
    ]
    rows = [((group, title), shown) for group, title, shown in _SHOWN]
    for group in dict.fromkeys(group for group, _ in measures if group.startswith(_SWEEP)):
        fleet = group.removesuffix(", 20 ms a call")
        rows += [((group, title), f"{fleet}, {shown}") for title, shown in _SHOWN_OF_SWEEPS]
    for key, shown in rows:
        lines.append("| {} | {} | {} | {} |".format(shown, *_cells(measures[key], ours, other)))
    return "\n".join(lines) + "\n"


def as_json(measures: Measures, ours: Subject, other: Subject) -> dict[str, Any]:
    return {
        "machine": machine(),
        "measures": [
            {
                "group": group,
                "title": title,
                "unit": measure.unit,
                "medians": {subject.name: measure.median(subject) for subject in (ours, other)},
                "ratio": _ratio(measure, ours, other),
                "values": measure.values,
            }
            for (group, title), measure in measures.items()
        ],
        "goals": [vars(goal) for goal in goals(measures, ours, other)],
    }


def _cells(measure: Measure, ours: Subject, other: Subject) -> list[str]:
    ratio = _ratio(measure, ours, other)
    return [_spread(measure, ours), _spread(measure, other), f"{_number(ratio)} x"]


def _spread(measure: Measure, subject: Subject) -> str:
    """The median, and the least and the most where they differ."""
    values = measure.values[subject.name]
    unit = f" {measure.unit}".rstrip()
    least, middle, most = map(_number, (min(values), measure.median(subject), max(values)))
    return f"{middle}{unit}" if least == most else f"{middle}{unit} ({least} - {most})"


def _ratio(measure: Measure, ours: Subject, other: Subject) -> float:
    return measure.median(other) / measure.median(ours)


def _number(value: float) -> str:
    """Three digits, and no more than tell something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.{3 if value >= 0.1 else 1}g}"
