"""The two functions that are compared: how each is started, and what it weighs."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from local.runtime import ROOT, Function

_BOTO3_FUNCTION = ROOT / "local" / "boto3_function" / "lambda_function.py"
# What Lambda's Python runtime brings beside the function.
_RUNTIME_PACKAGES = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)


@dataclass(frozen=True)
class Subject:
    name: str
    command: list[str]
    environment: Mapping[str, str]
    # What is deployed, by its name in the zip file.
    files: Mapping[str, Path]

    def start(self, aws_url: str, environment: Mapping[str, str]) -> Function:
        """Starts in the `with` block."""
        return Function(self.command, aws_url=aws_url, environment={**environment, **self.environment})


def ours(executable: str) -> Subject:
    return Subject("this function", [executable], {}, {"bootstrap": Path(executable)})


def boto3_function() -> Subject:
    """On Lambda's own runtime client for Python, and the Python that runs the bench."""
    return Subject(
        "Python + boto3",
        [sys.executable, "-m", "awslambdaric", "lambda_function.lambda_handler"],
        {"PYTHONPATH": str(_BOTO3_FUNCTION.parent)},
        {_BOTO3_FUNCTION.name: _BOTO3_FUNCTION},
    )


def unzipped_bytes(files: Mapping[str, Path]) -> int:
    return sum(path.stat().st_size for path in files.values())


def zipped_bytes(files: Mapping[str, Path]) -> int:
    """As `sam deploy` uploads them."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, path in files.items():
            zipped.write(path, name)
    return archive.tell()


def runtime_package_files() -> dict[str, Path]:
    """Files of boto3, all that it needs, and the runtime client, without compiled bytecode."""
    return {
        str(file): Path(os.fspath(file.locate()))
        for file in _files(_RUNTIME_PACKAGES)
        if file.suffix != ".pyc" and ".." not in file.parts
    }


def _files(packages: Iterable[str]) -> Iterable:
    for package in packages:
        yield from distribution(package).files or ()
