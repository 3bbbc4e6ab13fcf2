"""However often AWS is too busy, the function asks a fixed number of times, and waits longer each time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from support import ENABLED, failure, state_change
from template import ROOT

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

ATTEMPTS = 6
ROUNDS = 8


def test_the_last_wait_is_longer_than_the_first(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    """Each wait is drawn between nothing and a bound that doubles, so a single one says little."""
    function = start_function(DIVIDE_WAITS_BY="10")
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("DescribeEndpoint", "throttle")]
    first, last = 0.0, 0.0
    for _ in range(ROUNDS):
        aws.clear_calls()
        assert failure(function, state_change()).error_type == "Throttled"
        asked = [call for call in aws.calls if call.operation == "DescribeEndpoint"]
        waits = [later.started - earlier.ended for earlier, later in pairwise(asked)]
        assert len(waits) == ATTEMPTS - 1
        first, last = first + waits[0], last + waits[-1]
    assert first < last


def test_nothing_that_is_deployed_divides_the_waits() -> None:
    """Only the tests set the variable. Their messages can name it."""
    for file in (ROOT / "template.yaml", *(ROOT / "terraform").rglob("*.tf")):
        assert "DIVIDE_WAITS_BY" not in file.read_text(), file
