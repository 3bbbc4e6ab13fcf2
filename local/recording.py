"""What the function asked of AWS: the list of its calls, and how many of them had to wait for each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_READS = ("Describe", "List", "Get", "Receive")


@dataclass(frozen=True)
class Call:
    """One attempt of an SDK client. A retried call counts as often as it was tried."""

    service: str
    operation: str
    params: dict[str, Any]
    status: int
    started: float
    ended: float
    error: str | None
    user_agent: str

    @property
    def is_write(self) -> bool:
        return not self.operation.startswith(_READS)


def round_trips(calls: Iterable[Call]) -> int:
    """The length of the longest chain of calls in which each began after the one before had ended.

    A call without latency is over before the next can begin, so a test that counts sets `aws.latency`.
    """
    depth = 0
    ended: float | None = None
    # Taking the call that ends first, again and again, gives the longest such chain.
    for call in sorted(calls, key=lambda call: call.ended):
        if ended is None or call.started >= ended:
            depth += 1
            ended = call.ended
    return depth
