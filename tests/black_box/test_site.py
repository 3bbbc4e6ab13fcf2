"""`make book`: links out of docs/ become text, and a link of the built book that leads nowhere is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from template import ROOT

from tools.book import broken, main


def preprocessed(content: str) -> str:
    """By the command of book.toml, as mdBook calls it."""
    [command] = re.findall(r'^command = "(.+)"$', (ROOT / "book.toml").read_text(), re.MULTILINE)
    python, script = command.split()
    assert python == "python3"
    chapter = {"Chapter": {"name": "One", "content": content, "sub_items": []}}
    given = json.dumps([{"root": "."}, {"items": [chapter]}])
    ran = subprocess.run(
        [sys.executable, script], cwd=ROOT, input=given, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)["items"][0]["Chapter"]["content"]


def test_a_link_out_of_the_book_becomes_text() -> None:
    page = "[Deployed](../README.md#install), see [tags](tags.md) and [`here`](#here).\n"
    assert preprocessed(page) == "Deployed, see [tags](tags.md) and [`here`](#here).\n"


def test_code_stays_as_it_is() -> None:
    page = "```sh\n[a](../b.md)\n```\n"
    assert preprocessed(page) == page


def test_every_kind_of_output_is_supported() -> None:
    assert main(["supports", "html"]) == 0


def test_a_broken_link_of_the_built_book_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.html").write_text(
        '<h2 id="here">Here</h2><a href="#here">a</a><a href="two.html#there">b</a><img src="gone.png">'
        '<a href="#nowhere">c</a><a href="https://example.org/x">d</a><a href="three.html">e</a>'
    )
    (tmp_path / "two.html").write_text('<h2 id="there">There</h2><a href="one.html#there">f</a>')

    assert broken(tmp_path) == [
        "one.html: gone.png",
        "one.html: #nowhere",
        "one.html: three.html",
        "two.html: one.html#there",
    ]
    assert main(["check", str(tmp_path)]) == 1
    assert "leads nowhere: two.html: one.html#there" in capsys.readouterr().err
