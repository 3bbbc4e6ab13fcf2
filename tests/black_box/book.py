"""The book: README.md, and the pages of docs/ in the order of its SUMMARY.md.

A comment before a block or table says what it is, on whichever page it stands: `<!-- answer: plan -->` or
`<!-- table: tags -->`. Tests compare these with the sources, the template and the executable.
"""

from __future__ import annotations

import re

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
