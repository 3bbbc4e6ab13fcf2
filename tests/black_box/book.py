"""The book: README.md, and the pages of docs/ in the order of its SUMMARY.md.

A comment before a block or table says what it is, on whichever page it stands: `<!-- answer: plan -->` or
`<!-- table: tags -->`. Tests compare these with the sources, the template and the executable.
"""

from __future__ import annotations

import json
import re
from typing import Any

from template import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
SUMMARY = DOCS / "SUMMARY.md"
PAGES = [DOCS / page for page in re.findall(r"^ *- \[.+?\]\((.+?)\)$", SUMMARY.read_text(), re.MULTILINE)]

BOOK = "\n".join(page.read_text() for page in [README, *PAGES])


def blocks(kind: str) -> dict[str, str]:
    """The blocks of which the comment before says `kind`, by what it says they are."""
    found = re.findall(rf"<!-- {kind}: (.+?) -->\n```\w+\n(.*?)\n```\n", BOOK, re.DOTALL)
    names = [name for name, _ in found]
    assert len(set(names)) == len(names), f"shown twice: {names}"
    return dict(found)


def shell_blocks(text: str = BOOK) -> list[str]:
    """Those inside a list as well."""
    return re.findall(r"```sh\n(.*?) *```\n", text, re.DOTALL)


def table(name: str) -> list[list[str]]:
    """The cells of a table's rows, without the heading."""
    found = re.findall(rf"<!-- table: {name} -->\n((?:\|.*\n)+)", BOOK)
    assert len(found) == 1, f"there are {len(found)} tables of {name}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[0].splitlines()[2:]]


def plain(cell: str) -> str:
    return cell.strip().strip("`")


# As wide as the lines of the book.
WIDTH = 120


def laid_out(value: Any, column: int = 0, room: int = WIDTH) -> str:
    """JSON on as few lines as fit, the members of what does not fit below each other."""
    whole = json.dumps(value, ensure_ascii=False)
    if column + len(whole) <= room or not value or not isinstance(value, dict | list):
        return whole
    if isinstance(value, list):
        items = [laid_out(item, column + 2, room - 2) for item in value]
        return "[\n" + ",\n".join(f"{' ' * (column + 2)}{item}" for item in items) + "]"
    lines, line = [], ""
    for key, member in value.items():
        name = f"{json.dumps(key)}: "
        one = name + json.dumps(member, ensure_ascii=False)
        if line and column + 1 + len(line) + len(one) + 2 <= room:
            line += f", {one}"
            continue
        if line:
            lines.append(line)
        line = one
        if column + 1 + len(one) > room:
            line = name + laid_out(member, column + 1, room)
    return "{" + f",\n{' ' * (column + 1)}".join([*lines, line]) + "}"


def show(kind: str, name: str, text: str) -> None:
    """Writes a block anew, on whichever page it stands: `make docs`."""
    for page in [README, *PAGES]:
        old = page.read_text()
        block = rf"(<!-- {kind}: {re.escape(name)} -->\n```\w+\n).*?(\n```\n)"
        new = re.sub(block, lambda found: found[1] + text + found[2], old, flags=re.DOTALL)
        if new != old:
            page.write_text(new)
