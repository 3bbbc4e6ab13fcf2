"""The commands of each page run in a new terminal: nothing is unset, and nothing is left to another page."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from book import PAGES, README, shell_blocks

# Commands of others. Stand-ins answer one word, and note what they got.
OF_OTHERS = ("bin/aws", "bin/make", "bin/tar")
# Commands by a path, from where the reader stands: of the project or of an unpacked release.
OF_OURS = re.compile(r"^ *((?:\.?[\w.-]+/)+[\w.-]+)(?= |$)", re.MULTILINE)
STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*" >> "$LOG"\necho answer\n'


@pytest.fixture
def terminal(tmp_path: Path) -> Path:
    for name in [*OF_OTHERS, *OF_OURS.findall("\n".join(shell_blocks()))]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)
    # What `aws lambda invoke` would write.
    (tmp_path / "answer.json").write_text("{}")
    return tmp_path


def run(folder: Path, blocks: list[str]) -> subprocess.CompletedProcess[str]:
    script = "\n".join(["set -euo pipefail", *map(textwrap.dedent, blocks)])
    environment = {"PATH": f"{folder / 'bin'}:{os.defpath}", "LOG": str(folder / "log")}
    return subprocess.run(
        ["bash"], input=script, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


WITH_COMMANDS = [page for page in [README, *PAGES] if shell_blocks(page.read_text())]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_from_the_first_to_the_last(page: Path, terminal: Path) -> None:
    ran = run(terminal, shell_blocks(page.read_text()))

    assert (ran.returncode, ran.stderr) == (0, "")
    assert (terminal / "log").read_text()


@pytest.mark.parametrize("block", ['aws "$UNSET"', "invoke plan", "aws x | jq ."])
def test_a_command_that_leans_on_something_else_fails(block: str, terminal: Path) -> None:
    """So that the test above can fail."""
    assert run(terminal, [block]).returncode != 0
