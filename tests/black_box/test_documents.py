"""All documents: every link inside the project leads somewhere, every test and make target named exists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from book import DOCS, PAGES, README, SUMMARY
from template import ROOT

# What others have made, and what is built.
NOT_OURS = {"target", "node_modules"}


def documents() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.md")):
        folders = path.relative_to(ROOT).parts[:-1]
        if not any(folder.startswith(".") or folder in NOT_OURS for folder in folders):
            yield path


DOCUMENTS = list(documents())
EACH_DOCUMENT = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def prose(path: Path) -> str:
    """The text without blocks of code, where neither a heading nor a link is one."""
    return re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """Those that GitHub makes of the headings; of equal ones, the second gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+?) *$", prose(path), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def links(path: Path) -> list[str]:
    """Without those to other sites."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(path)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def broken(path: Path) -> list[str]:
    missing = []
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        is_inside = target.is_relative_to(ROOT) and target.exists()
        if not is_inside or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            missing.append(link)
    return missing


def test_the_documents_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    expected = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert expected | {"events/README.md"} <= names
    assert not any(name.startswith((".venv", "target")) for name in names)


def test_the_summary_lists_every_page_of_the_book_once() -> None:
    assert sorted(PAGES) == sorted(set(DOCS.rglob("*.md")) - {SUMMARY})


def test_the_readme_leads_to_every_page() -> None:
    linked = {(README.parent / link.partition("#")[0]).resolve() for link in links(README)}
    assert set(PAGES) - linked == set()


# Bytes. What needs more room than that has a page of the book, or gets one.
MOST = {"README.md": 10_000, "ARCHITECTURE.md": 12_000}


@pytest.mark.parametrize("name", MOST)
def test_a_document_that_is_read_first_stays_short(name: str) -> None:
    assert len((ROOT / name).read_bytes()) <= MOST[name]


# Of src: what the crate is called by, and what is no source.
NOT_A_ROOM = {"lib.rs", "payload", "prices.csv"}


def test_the_map_of_the_architecture_has_every_room_of_the_sources() -> None:
    architecture = ROOT / "ARCHITECTURE.md"
    mapped = {(ROOT / link.partition("#")[0]).resolve() for link in links(architecture)}
    shown = {path.parent if path.name in ("mod.rs", "__init__.py") else path for path in mapped}
    rooms = {path for path in (ROOT / "src").iterdir() if path.name not in NOT_A_ROOM}
    assert sorted(str(room.relative_to(ROOT)) for room in rooms - shown) == []


@EACH_DOCUMENT
def test_every_link_leads_somewhere(path: Path) -> None:
    assert broken(path) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above can fail."""
    monkeypatch.setattr("test_documents.ROOT", tmp_path)
    (tmp_path / "code.rs").write_text("# A heading\n")
    (tmp_path / "other.md").write_text("# Once more: `it`\n\n# Once more: it\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n\n[a](#here) [b](other.md) [c](other.md#once-more-it-1) [d](code.rs) [e](https://example.org/x)\n"
        "[f](#there) [g](gone.md) [h](other.md#twice) [i](code.rs#a-heading) [j](../outside.md)\n"
        "```sh\n# there\n[k](in-code.md)\n```\n`[l](in-code.md)`\n"
    )

    assert broken(page) == ["#there", "gone.md", "other.md#twice", "code.rs#a-heading", "../outside.md"]


@cache
def names_of_tests() -> set[str]:
    """The names of all functions, tests among them."""
    sources = [
        *(ROOT / "src").rglob("*.rs"),
        *(ROOT / "tests").rglob("*.rs"),
        *(ROOT / "tests").rglob("*.py"),
    ]
    return set(re.findall(r"^ *(?:fn|def) (\w+)\(", "\n".join(map(Path.read_text, sources)), re.MULTILINE))


# What readers had to read twice: words of this project that no page explains.
RIDDLES = re.compile(r"the next look|stands? around|wants? a person|\bof ours\b|\bso-manieth\b")
FOR_USERS = [README, *PAGES, *(ROOT / name for name in ("SECURITY.md", "README-SAR.md", "template.yaml"))]


@pytest.mark.parametrize("path", FOR_USERS, ids=lambda path: path.name)
def test_no_page_for_users_speaks_in_riddles(path: Path) -> None:
    assert RIDDLES.findall(path.read_text()) == []


@EACH_DOCUMENT
def test_every_test_that_is_named_exists(path: Path) -> None:
    """Names of four words and more, which only tests have here, and resources of Terraform."""
    named = set(re.findall(r"`((?!aws_)[a-z]\w*(?:_\w+){3,})`", path.read_text()))
    named |= set(re.findall(r"^cargo test --locked (\w+)$", path.read_text(), re.MULTILINE))

    assert named - names_of_tests() == set()


@EACH_DOCUMENT
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE))

    assert named - targets == set()
    assert path != README or {"demo", "deploy", "help", "test"} <= named


def test_the_documents_that_name_tests_name_many() -> None:
    """An expression that fits nothing would pass above."""
    for name, least in {"ARCHITECTURE.md": 20, "CONTRIBUTING.md": 15, "SECURITY.md": 5}.items():
        found = re.findall(r"`([a-z]\w*(?:_\w+){3,})`", (ROOT / name).read_text())
        assert len(set(found)) >= least, name
