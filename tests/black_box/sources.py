"""What the Rust sources say, for the tests that compare it with documents and answers."""

from __future__ import annotations

import re

from template import ROOT


def source(room: str) -> str:
    """The text of a file in `src`, or of all files in a folder there."""
    path = ROOT / "src" / room
    files = sorted(path.rglob("*.rs")) if path.is_dir() else [path]
    return "\n".join(file.read_text() for file in files)


def arms(room: str, function: str) -> list[str]:
    """The words that a Rust function gives for the variants of an enum, in its order."""
    found = re.findall(rf"^( *)(?:pub )?fn {function}\((.*?)^\1}}$", source(room), re.DOTALL | re.MULTILINE)
    bodies = [body for _, body in found if '=> "' in body]
    assert len(bodies) == 1, f"there are {len(bodies)} functions {function} in {room} that give words"
    return re.findall(r'=> "([^"]+)"', bodies[0])
