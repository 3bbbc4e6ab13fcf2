"""`make status`: how all managed endpoints stand, as a table.

It asks the function that `samconfig.toml` deploys, or the one in `FUNCTION`, in the account and Region of
the environment.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.session import new_session

SAMCONFIG = Path(__file__).resolve().parent.parent / "samconfig.toml"

HEADINGS = ("ENDPOINT", "VARIANT", "STATE", "INSTANCES", "SINCE", "WAKES IN", "WAITING", "LAST")
# The columns with numbers, which are aligned to the right.
NUMBERS = {"INSTANCES", "WAKES IN", "WAITING"}
COLOURS = {"asleep": 34, "waking": 33, "awake": 32, "falling-asleep": 36, "updating": 35}
UNKNOWN = "-"

Json = dict[str, Any]


def table(answer: Json, now: datetime, *, coloured: bool) -> str:
    """The answer to `{"action": "status"}` as lines, and below them what it doesn't list."""
    rows = [row for result in answer["results"] for row in _rows(result, now)]
    widths = [max(len(row[column]) for row in [HEADINGS, *rows]) for column in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths)]
    for row in rows:
        line = _line(row, widths)
        colour = COLOURS.get(row[HEADINGS.index("STATE")])
        lines.append(f"\033[{colour}m{line}\033[0m" if coloured and colour else line)
    counts = ", ".join(f"{count} {state}" for state, count in answer["counts"].items())
    lines.append(f"{answer['endpoints']} endpoints: {counts or 'none is managed'}")
    lines += sorted({f"note: {result['note']}" for result in answer["results"] if "note" in result})
    if "leftOff" in answer:
        lines.append(f"{answer['leftOff']} more didn't fit into the answer.")
    if "after" in answer:
        lines.append(f"The time was over behind {answer['after']}.")
    return "\n".join(lines)


def _rows(result: Json, now: datetime) -> Iterator[tuple[str, ...]]:
    if result["outcome"] != "status":
        why = result.get("reason", result["outcome"])
        yield (result["endpoint"], UNKNOWN, why, *[UNKNOWN] * (len(HEADINGS) - 3))
        return
    for variant in result["variants"]:
        running, wanted = variant["instances"], variant["wanted"]
        starts, waiting = variant["wakesIn"], variant["waiting"]
        yield (
            result["endpoint"],
            variant["variant"],
            variant["state"],
            str(running) if running == wanted else f"{running} of {wanted}",
            _ago(variant.get("since"), now),
            _duration(starts["seconds"]) if starts else UNKNOWN,
            UNKNOWN if waiting is None else f"{waiting:g}",
            _last(variant.get("lastAction")),
        )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    placed = [
        cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
        for cell, width, heading in zip(cells, widths, HEADINGS, strict=True)
    ]
    return "  ".join(placed).rstrip()


def _ago(since: str | None, now: datetime) -> str:
    return f"{_duration((now - datetime.fromisoformat(since)).total_seconds())} ago" if since else UNKNOWN


def _duration(seconds: float) -> str:
    minutes = max(round(seconds / 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d"


def _last(action: Json | None) -> str:
    if action is None:
        return UNKNOWN
    whose = "" if action.get("ours", True) else " (another's)"
    return action.get("name", action["by"]) + whose


def _function() -> str:
    """The name of the deployed function."""
    if name := os.environ.get("FUNCTION"):
        return name
    stack = tomllib.loads(SAMCONFIG.read_text())["default"]["global"]["parameters"]["stack_name"]
    [found] = new_session().client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    return outputs["FunctionName"]


def main() -> int:
    try:
        answered = (
            new_session()
            .client("lambda")
            .invoke(FunctionName=_function(), Payload=json.dumps({"action": "status"}))
        )
    except (BotoCoreError, ClientError) as error:
        print(f"The function can't be asked: {error}", file=sys.stderr)
        return 1
    answer = json.loads(answered["Payload"].read())
    if "FunctionError" in answered:
        print(f"{answer.get('errorType')}: {answer.get('errorMessage')}", file=sys.stderr)
        return 1
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(table(answer, datetime.now(UTC), coloured=coloured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
