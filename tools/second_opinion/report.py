"""Checks, counted and printed as they are made. That the emulator differs as is known is a check too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Characters of what is shown of a value that differs.
LONGEST = 600


@dataclass
class Report:
    """What was compared so far.

    differs  what was not as expected, in words
    known    names of the known differences that showed
    """

    checks: int = 0
    differs: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    def part(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def same(self, what: str, found: Any, wanted: Any) -> bool:
        """Compares, counts and prints."""
        self.checks += 1
        agrees = bool(found == wanted)
        print(f"  {'agrees ' if agrees else 'DIFFERS'}  {what}", flush=True)
        if not agrees:
            self.differs.append(f"{what}: found {shown(found)}, expected {shown(wanted)}")
        return agrees

    def holds(self, what: str, condition: object) -> bool:
        return self.same(what, bool(condition), True)

    def known_difference(self, name: str, found: Any, wanted: Any) -> None:
        """That the emulator still differs from AWS in this. One that is gone has to leave the list."""
        if self.same(f"known difference: {name}", found, wanted):
            self.known.append(name)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
