"""Whether a tag is the version that all of the project speaks of, and what the CHANGELOG says about it."""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def versions(root: Path = ROOT) -> dict[str, str]:
    """By place, the version that it names."""
    template = (root / "template.yaml").read_text()
    changelog = (root / "CHANGELOG.md").read_text()
    lock = tomllib.loads((root / "Cargo.lock").read_text())["package"]
    return {
        "Cargo.toml": tomllib.loads((root / "Cargo.toml").read_text())["package"]["version"],
        "Cargo.lock": next(it["version"] for it in lock if it["name"] == "sagemaker-scale-to-zero"),
        "SemanticVersion in template.yaml": re.findall(r"^    SemanticVersion: (.+)$", template, re.M)[0],
        "Version in template.yaml": re.findall(r"^      Version: (\d+\.\d+\.\d+)$", template, re.M)[0],
        "CHANGELOG.md": re.findall(r"^## \[(\d[^]]*)\]", changelog, re.M)[0],
    }


def notes(changelog: str, version: str) -> str:
    """What the CHANGELOG says about a version."""
    found = re.search(rf"^## \[{re.escape(version)}\].*\n((?:(?!## \[).*\n?)*)", changelog, re.M)
    return found[1].strip() + "\n" if found else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--notes", type=Path, help="where to write what the CHANGELOG says")
    given = parser.parse_args()
    version = given.tag.removeprefix("v")
    others = [f"{place} has {found}" for place, found in versions().items() if found != version]
    if others:
        print(f"the tag is {given.tag}, but {', '.join(others)}", file=sys.stderr)
        return 1
    text = notes((ROOT / "CHANGELOG.md").read_text(), version)
    if not text.strip():
        print(f"CHANGELOG.md says nothing about {version}", file=sys.stderr)
        return 1
    if given.notes:
        given.notes.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
