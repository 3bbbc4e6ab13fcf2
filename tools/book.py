"""`make book`: what mdBook needs beside the pages, and whether the links of the built book lead somewhere.

As a preprocessor of mdBook (book.toml), it turns links to files outside docs/ into their text, because these
files are not in the book. `check` looks at the built pages.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)\s]*\)")


def without_outside(page: str) -> str:
    """Not in blocks of code, where nothing is a link."""
    parts = re.split(r"(^ *```.*?^ *```$)", page, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.lstrip().startswith("```") else _OUTSIDE.sub(r"\1", part) for part in parts)


def preprocessed(items: Any) -> None:
    """All chapters, whatever mdBook calls the lists that they are in."""
    if isinstance(items, dict):
        if isinstance(content := items.get("content"), str):
            items["content"] = without_outside(content)
        for value in items.values():
            preprocessed(value)
    elif isinstance(items, list):
        for item in items:
            preprocessed(item)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if (tag, name) in {("a", "href"), ("img", "src")} and value:
                self.links.append(value)


def broken(folder: Path) -> list[str]:
    """Links inside the book, of all its pages, that lead nowhere."""
    pages = {}
    for path in sorted(folder.glob("*.html")):
        pages[path.name] = _Page()
        pages[path.name].feed(path.read_text())
    found = []
    for name, page in pages.items():
        # This page is all others in one, with their links as they are.
        for link in page.links if name != "print.html" else []:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = file or name
            is_there = (folder / target).exists()
            has_anchor = not anchor or (target in pages and anchor in pages[target].ids)
            if not (is_there and has_anchor):
                found.append(f"{name}: {link}")
    return found


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["supports"]:
        return 0
    if arguments[:1] == ["check"]:
        folder = Path(arguments[1])
        links = broken(folder)
        for link in links:
            print(f"leads nowhere: {link}", file=sys.stderr)
        print(f"{len(list(folder.glob('*.html')))} pages, {len(links)} broken links: {folder}/index.html")
        return 1 if links else 0
    _, book = json.load(sys.stdin)
    preprocessed(book)
    json.dump(book, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
