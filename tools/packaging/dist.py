"""Makes of executables what a release holds: installed with SAM or the AWS CLI alone, without a compiler.

The same executables give the same bytes: nothing depends on the clock, the machine or the order of files.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
import tomllib
import uuid
from pathlib import Path
from typing import Any

from tools.packaging.stackset import NAME, architecture, archive, processed

ROOT = Path(__file__).resolve().parents[2]
# The bucket that stack.json looks for its code in, without -<Region>: a parameter takes its place.
_PLACEHOLDER = "code"
# Amazon Linux 2023's: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
NEWEST_GLIBC = (2, 34)
# What a release holds beside what is made here.
FILES = ["dist/install.sh", "LICENSE", "README-SAR.md"]
TERRAFORM = ["README.md", "main.tf", "outputs.tf", "variables.tf"]
# 1980-01-01: the first day that a zip can name, for whatever zips these files again.
_TIME = 315532800


class Unfit(Exception):
    """An executable that Lambda could not run, or that tells where it was built."""


def check(executable: bytes) -> str:
    """The processors of an executable that runs on Amazon Linux 2023, wherever it was built."""
    try:
        machine = architecture(executable)
    except ValueError as error:
        raise Unfit(str(error)) from error
    needed = {(int(major), int(minor)) for major, minor in re.findall(rb"\bGLIBC_(\d+)\.(\d+)", executable)}
    too_new = sorted(version for version in needed if version > NEWEST_GLIBC)
    if too_new:
        versions = ", ".join(f"GLIBC_{major}.{minor}" for major, minor in too_new)
        raise Unfit(f"the executable needs {versions}; Amazon Linux 2023 has 2.34: link it with zig")
    if _has_run_path(executable):
        raise Unfit("the executable has a path of its own to look for libraries in (rpath)")
    return machine


def _has_run_path(executable: bytes) -> bool:
    """Whether the dynamic section has DT_RPATH (15) or DT_RUNPATH (29), in 64 bits and little-endian."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(executable[at : at + size], "little")

    headers, size, count = number(32, 8), number(54, 2), number(56, 2)
    for at in range(headers, headers + size * count, size or 1):
        if number(at, 4) != 2:
            continue
        start, length = number(at + 8, 8), number(at + 32, 8)
        for entry in range(start, start + length, 16):
            tag = number(entry, 8)
            if tag in (15, 29):
                return True
            if tag == 0:
                break
    return False


def sam_template(template: str, machine: str) -> str:
    """template.yaml whose code is the zip beside it. `sam build` builds nothing then."""
    made, metadata = re.subn(
        r"    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: .*\n",
        "    Metadata:\n",
        template,
    )
    made, code = re.subn(r"(\n      CodeUri: ).*\n", rf"\g<1>{NAME}-{machine}.zip\n", made)
    made, default = re.subn(
        r"(\n  Architecture:\n(?:    .*\n)*?    Default: ).*\n    AllowedValues:\n(?:      - .*\n)+",
        rf"\g<1>{machine}\n    AllowedValues:\n      - {machine}\n",
        made,
    )
    made, readme = re.subn(r"(\n    ReadmeUrl: ).*\n", r"\g<1>README-SAR.md\n", made)
    if (metadata, code, default, readme) != (1, 1, 1, 1):
        raise ValueError("template.yaml is not laid out as expected")
    return made


def stack_template(template: str, machine: str, key: str) -> dict[str, Any]:
    """The template without SAM: the code is an object of a bucket that the deployer names."""
    whole = processed(template, _PLACEHOLDER, key, machine)
    whole["Parameters"] = {
        "CodeBucket": {
            "Type": "String",
            "Description": "The bucket, in the Region of the stack, that holds the code.",
            "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            "ConstraintDescription": "The name of a bucket.",
        },
        "CodeKey": {
            "Type": "String",
            "Description": "The object in the bucket that is the code.",
            "Default": key,
            "AllowedPattern": "^.{1,1024}$",
            "ConstraintDescription": "The key of an object.",
        },
    } | whole["Parameters"]
    whole["Resources"]["Function"]["Properties"]["Code"] = {
        "S3Bucket": {"Ref": "CodeBucket"},
        "S3Key": {"Ref": "CodeKey"},
    }
    return whole


def bill_of_materials(lock: str, version: str) -> dict[str, Any]:
    """What the executable is made of, by Cargo.lock, in CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/).

    Cargo.lock holds the crates of the tests and of other systems too: all that may be in the executable.
    """
    packages = tomllib.loads(lock)["package"]
    # The same for the same lock file, as everything else here.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(lock.encode()).hexdigest())
    own = {"type": "application", "name": NAME, "version": version, "bom-ref": NAME}
    components = [
        {
            "type": "library",
            "name": package["name"],
            "version": package["version"],
            "bom-ref": f"{package['name']}@{package['version']}",
            "purl": f"pkg:cargo/{package['name']}@{package['version']}",
            "hashes": [{"alg": "SHA-256", "content": package["checksum"]}],
        }
        for package in packages
        if "checksum" in package
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": own},
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }


def make(executables: list[bytes], to: Path) -> None:
    """Writes a release, and beside it the archive of it that is published.

    The templates are for the first machine of `arm64`, `x86_64` that there is.
    """
    built = {check(executable): executable for executable in executables}
    machine = min(built)
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    template = (ROOT / "template.yaml").read_text()
    if to.exists():
        shutil.rmtree(to)
    to.mkdir(parents=True)
    for name, executable in sorted(built.items()):
        archive(executable, to / f"{NAME}-{name}.zip")
    digest = hashlib.sha256((to / f"{NAME}-{machine}.zip").read_bytes()).hexdigest()
    # Another name for another build, or CloudFormation would see no change in an update.
    stack = stack_template(template, machine, f"{NAME}-{digest[:16]}.zip")
    (to / "template.yaml").write_text(sam_template(template, machine))
    (to / "stack.json").write_text(json.dumps(stack, indent=1) + "\n")
    bill = bill_of_materials((ROOT / "Cargo.lock").read_text(), version)
    (to / "sbom.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
    for file in FILES:
        shutil.copy(ROOT / file, to / Path(file).name)
    (to / "terraform").mkdir()
    for file in TERRAFORM:
        shutil.copy(ROOT / "terraform" / file, to / "terraform" / file)
    sums = [f"{hashlib.sha256((to / name).read_bytes()).hexdigest()}  {name}" for name in _files(to)]
    (to / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    pack(to, f"{NAME}-{version}", to.parent / f"{NAME}.tar.gz")


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, name: str, to: Path) -> None:
    """One file to fetch, which unpacks into a folder of that name. Its bytes depend on its files alone."""
    with (
        to.open("wb") as written,
        gzip.GzipFile("", "wb", fileobj=written, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as packing,
    ):
        for file in _files(folder):
            content = (folder / file).read_bytes()
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size, entry.mtime = len(content), _TIME
            entry.mode = 0o755 if file.endswith(".sh") else 0o644
            packing.addfile(entry, io.BytesIO(content))


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes what a release holds.")
    parser.add_argument("executables", type=Path, nargs="+", help="one for each kind of processors")
    parser.add_argument("--to", type=Path, default=Path("target/dist"))
    given = parser.parse_args()
    try:
        make([path.read_bytes() for path in given.executables], given.to)
    except Unfit as error:
        print(error, file=sys.stderr)
        return 1
    print((given.to / "SHA256SUMS").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
