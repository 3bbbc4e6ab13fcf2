"""The world of the black-box tests: one local AWS, emptied for each test, and the real executable."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support import executable

from local.aws import LocalAws
from local.runtime import Function


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: takes long, so only the full run has it (make test FULL=1)")
    config.addinivalue_line(
        "markers", "each(n): has many cases; the quick run has each nth, the full one all"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves most cases of a test with many to the full run."""
    seen: Counter[str] = Counter()
    for item in items:
        marker = item.get_closest_marker("each")
        if marker is None:
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % marker.args[0]:
            item.add_marker("full")
        seen[test] += 1


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def aws(local_aws: LocalAws) -> Iterator[LocalAws]:
    """An empty AWS. At the end, the function must have sent nothing that AWS's models do not allow."""
    local_aws.reset()
    yield local_aws
    violations = local_aws.violations
    local_aws.reset()
    assert violations == []


@pytest.fixture
def start_function(aws: LocalAws) -> Iterator[Callable[..., Function]]:
    """Starts the executable with the given environment variables, as often as it is called."""
    with ExitStack() as running:

        def start(**environment: str) -> Function:
            return running.enter_context(executable(aws, environment))

        yield start


@pytest.fixture(scope="module")
def function(request: pytest.FixtureRequest, local_aws: LocalAws) -> Iterator[Function]:
    """The executable, with the environment variables of the module's `ENVIRONMENT`.

    One process for all tests of a module: what it remembers of one must not matter to the next.
    """
    environment = getattr(request.module, "ENVIRONMENT", {})
    with executable(local_aws, environment) as function:
        yield function
        assert function.stray_output == []
