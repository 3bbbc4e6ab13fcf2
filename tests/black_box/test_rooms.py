"""The rooms of the Python code: which may import which, and none in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from template import ROOT


def modules(room: str) -> dict[str, Path]:
    """By the name that they are imported by."""
    found = {}
    for path in sorted((ROOT / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str) -> Iterator[str]:
    """The names of modules, and of what is imported from them, which may be a module too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dependencies(room: dict[str, Path]) -> dict[str, set[str]]:
    """Of each module, the modules of its room that it imports."""
    return {
        name: {
            next(module for module in (target, target.rpartition(".")[0]) if module in room)
            for target in imported(path.read_text())
            if target in room or target.rpartition(".")[0] in room
        }
        for name, path in room.items()
    }


@pytest.mark.parametrize("room", ["local", "tools"])
def test_no_modules_import_each_other(room: str) -> None:
    found = dependencies(modules(room))
    assert any(found.values())
    order = list(TopologicalSorter(found).static_order())
    assert set(order) == set(found)


def test_a_circle_is_found() -> None:
    """So that the test above can fail."""
    with pytest.raises(CycleError):
        list(TopologicalSorter({"local.a": {"local.b"}, "local.b": {"local.a"}}).static_order())


def test_the_local_aws_knows_no_tool_and_no_test() -> None:
    names = {name for path in modules("local").values() for name in imported(path.read_text())}
    assert "local.account.Account" in names
    assert not [name for name in names if name.split(".")[0] in ("tools", "tests")]


ROOMS = [path.name for path in (ROOT / "tools").iterdir() if path.is_dir() and path.name != "__pycache__"]


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_says_in_its_first_lines_what_may_be_in_it(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / "tools" / room / "__init__.py").read_text()))
    assert docstring
    assert "belong" in docstring


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "black_box").glob("test_*.py")), ids=lambda path: path.stem
)
def test_a_file_of_tests_says_first_which_promise_it_holds(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    first = said.split("\n")[0]
    assert len(first.split()) >= 8, f"{path.name} says {first!r}"
    assert first[0].isupper() or first.startswith(("`", "template.yaml"))
