"""Makes of template.yaml what StackSets take that are managed by an organization.

They refuse transforms, SAM's among them, so it is processed here as CloudFormation would process it:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
The code is looked for in a bucket of the stack's own Region, for Lambda reads it from no other:
https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

NAME = "sagemaker-scale-to-zero"
FUNCTION = "Function"

# The `e_machine` of an ELF header, by Lambda's names.
MACHINES = {0xB7: "arm64", 0x3E: "x86_64"}

# Of Amazon Linux 2023, on which provided.al2023 runs: https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
GLIBC_OF_LAMBDA = (2, 34)


def architecture(executable: bytes) -> str:
    """The processors that it runs on."""
    machine = int.from_bytes(executable[18:20], "little")
    if executable[:4] != b"\x7fELF" or machine not in MACHINES:
        raise ValueError("the executable is none for Linux on arm64 or x86_64")
    return MACHINES[machine]


def needs_newer_library(executable: bytes) -> str | None:
    """The version of glibc that it needs and Lambda doesn't have: it was linked for the builder's machine.

    The names of the versions that it needs stand in its table of strings.
    """
    needed = {(int(major), int(minor)) for major, minor in re.findall(rb"\0GLIBC_(\d+)\.(\d+)", executable)}
    newest = max(needed, default=GLIBC_OF_LAMBDA)
    return f"GLIBC_{newest[0]}.{newest[1]}" if newest > GLIBC_OF_LAMBDA else None


def processed(template: str, bucket: str, key: str, built_for: str) -> dict[str, Any]:
    """A SAM template without SAM.

    The code is the object `key` of the bucket `<bucket>-<Region>`. Parameters stay parameters, but for the
    processors: they are those that the executable was built for.
    """
    fragment = yaml_parse(template)
    # SAM takes no intrinsic function here.
    fragment["Resources"][FUNCTION]["Properties"]["CodeUri"] = f"s3://{bucket}/{key}"
    # The Region is of no consequence: what depends on it stays a pseudo parameter.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="eu-west-1"))
    whole: dict[str, Any] = translator.translate(
        sam_template=fragment, parameter_values={}, passthrough_metadata=True
    )
    code = whole["Resources"][FUNCTION]["Properties"]["Code"]
    code["S3Bucket"] = {"Fn::Sub": f"{bucket}-${{AWS::Region}}"}
    whole["Parameters"]["Architecture"] |= {"Default": built_for, "AllowedValues": [built_for]}
    return whole


def archive(executable: bytes, to: Path) -> None:
    """A deployment package whose bytes depend on the executable alone."""
    entry = zipfile.ZipInfo("bootstrap")
    entry.create_system, entry.external_attr = 3, 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(to, "w") as package:
        package.writestr(entry, executable)


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the template and the code for a StackSet.")
    parser.add_argument("--template", type=Path, default=Path("template.yaml"))
    parser.add_argument("--executable", type=Path, required=True, help="the bootstrap of a release build")
    parser.add_argument("--bucket", required=True, help="name of the buckets, without -<Region> at their end")
    parser.add_argument("--to", type=Path, required=True, help="the folder to write to")
    given = parser.parse_args()

    executable = given.executable.read_bytes()
    if newer := needs_newer_library(executable):
        parser.error(
            f"the executable needs {newer} and Lambda has GLIBC_2.34: it is linked for this machine. "
            "Build it for another machine, with ARCH, or by `sam build`; both link with zig"
        )
    # Another name for another build, or CloudFormation would see no change in an update.
    key = f"{NAME}-{hashlib.sha256(executable).hexdigest()[:16]}.zip"
    template = processed(given.template.read_text(), given.bucket, key, architecture(executable))
    given.to.mkdir(parents=True, exist_ok=True)
    for stale in given.to.glob(f"{NAME}-*.zip"):
        stale.unlink()
    archive(executable, given.to / key)
    (given.to / f"{NAME}.json").write_text(json.dumps(template, indent=1) + "\n")
    print(given.to / key, given.to / f"{NAME}.json", sep="\n")


if __name__ == "__main__":
    main()
