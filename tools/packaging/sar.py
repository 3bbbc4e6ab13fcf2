"""Makes of an unpacked release what the AWS Serverless Application Repository takes.

Its page has no files beside it, so links have to be absolute. Only the pipeline that publishes the sources
knows where they are.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def readme(text: str, sources: str) -> str:
    """README-SAR.md whose links go to the sources, without its comment on that."""
    text = re.sub(r"\A<!--.*?-->\n", "", text, flags=re.DOTALL)
    return re.sub(r"\]\((?!https?://|#)([^)]+)\)", rf"]({sources}/\1)", text)


def template(text: str, repository: str, sources: str) -> str:
    """The template whose metadata name the sources."""
    made, count = re.subn(
        r"^(    SemanticVersion: .+\n)",
        rf"\g<1>    HomePageUrl: {repository}\n    SourceCodeUrl: {sources}\n",
        text,
        flags=re.MULTILINE,
    )
    if count != 1:
        raise ValueError("template.yaml is not laid out as expected")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True, help="the folder of an unpacked release")
    parser.add_argument("--repository", required=True, help="its address, https://…")
    parser.add_argument("--tag", required=True, help="of the release")
    given = parser.parse_args()
    repository, tag = given.repository.rstrip("/"), given.tag
    file = given.release / "README-SAR.md"
    file.write_text(readme(file.read_text(), f"{repository}/blob/{tag}"))
    file = given.release / "template.yaml"
    file.write_text(template(file.read_text(), repository, f"{repository}/tree/{tag}"))


if __name__ == "__main__":
    main()
