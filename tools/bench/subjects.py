"""The two functions that are compared: how each is started, and what it weighs."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from local.runtime import Function

_BOTO3_FUNCTION = Path(__file__).parent / "boto3_function" / "lambda_function.py"
_PYTHON_RUNTIME_PACKAGES = (
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
    # By the name in the zip file that is deployed.
    deployed: Mapping[str, Path]
    # Python packages that Lambda's runtime has beside the function.
    runtime_packages: Sequence[str] = ()

    def start(self, aws_url: str, environment: Mapping[str, str]) -> Function:
        """Starts in the `with` block."""
        return Function(self.command, aws_url=aws_url, environment={**environment, **self.environment})

    def brought_by_the_runtime(self) -> dict[str, Path]:
        """Without the interpreter, its standard library, and compiled bytecode."""
        files = [file for package in self.runtime_packages for file in distribution(package).files or ()]
        return {
            str(file): Path(str(file.locate()))
            for file in files
            if file.suffix != ".pyc" and ".." not in file.parts
        }


def this_function(executable: str) -> Subject:
    return Subject("this function", [executable], {}, {"bootstrap": Path(executable)})


def boto3_function() -> Subject:
    """On Lambda's own runtime client for Python, and the Python that runs the bench."""
    return Subject(
        "Python and boto3",
        [sys.executable, "-m", "awslambdaric", "lambda_function.lambda_handler"],
        {"PYTHONPATH": str(_BOTO3_FUNCTION.parent)},
        {_BOTO3_FUNCTION.name: _BOTO3_FUNCTION},
        _PYTHON_RUNTIME_PACKAGES,
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
