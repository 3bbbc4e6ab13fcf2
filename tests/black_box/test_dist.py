"""The promise: a release is installed without a compiler, and its installer refuses what is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import hcl2
import pytest
from cfnlint.api import lint
from samtranslator.yaml_helper import yaml_parse

from tests.black_box.template import PARAMETERS, ROOT
from tools.packaging import dist, release, sar, terraform

ARM, INTEL = 0xB7, 0x3E
ARM_ZIP = "sagemaker-scale-to-zero-arm64.zip"
ACCOUNT = "123456789012"


def executable(machine: int, glibc: str = "2.34", tags: tuple[int, ...] = ()) -> bytes:
    """As much of an ELF file as is looked at: machine, dynamic section, and versions it asks for."""
    header = bytearray(64)
    header[:4] = b"\x7fELF"
    header[18:20] = machine.to_bytes(2, "little")
    header[32:40] = (64).to_bytes(8, "little")
    header[54:56], header[56:58] = (56).to_bytes(2, "little"), (1).to_bytes(2, "little")
    section = b"".join(tag.to_bytes(8, "little") + bytes(8) for tag in (*tags, 0))
    segment = bytearray(56)
    segment[0:4] = (2).to_bytes(4, "little")
    segment[8:16], segment[32:40] = (120).to_bytes(8, "little"), len(section).to_bytes(8, "little")
    return bytes(header) + bytes(segment) + section + f"\0GLIBC_{glibc}\0".encode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("release") / "dist"
    dist.make([executable(INTEL), executable(ARM)], to)
    return to


# What a release holds.


def test_a_release_holds_all_that_an_installation_needs_and_the_sums_of_it(made: Path) -> None:
    names = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert names == {
        *(ARM_ZIP, "sagemaker-scale-to-zero-x86_64.zip", "template.yaml", "stack.json", "SHA256SUMS"),
        *("sbom.cdx.json", "install.sh", "LICENSE", "README-SAR.md"),
        *(f"terraform/{path.name}" for path in (ROOT / "terraform").iterdir()),
    }
    sums = dict(line.split()[::-1] for line in (made / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == names - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest


def test_the_same_executables_make_the_same_release(made: Path, tmp_path: Path) -> None:
    dist.make([executable(ARM), executable(INTEL)], tmp_path / "again")
    archive = "sagemaker-scale-to-zero.tar.gz"
    assert (tmp_path / "again" / "SHA256SUMS").read_text() == (made / "SHA256SUMS").read_text()
    assert (tmp_path / archive).read_bytes() == (made.parent / archive).read_bytes()

    dist.make([executable(ARM, "2.17"), executable(INTEL)], tmp_path / "other")
    assert (tmp_path / "other" / "SHA256SUMS").read_text() != (made / "SHA256SUMS").read_text()


def test_the_archive_unpacks_into_a_folder_that_the_sums_hold_for(made: Path, tmp_path: Path) -> None:
    version = release.versions()["Cargo.toml"]
    with tarfile.open(made.parent / "sagemaker-scale-to-zero.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    [folder] = tmp_path.iterdir()
    assert folder.name == f"sagemaker-scale-to-zero-{version}"
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    assert os.access(folder / "install.sh", os.X_OK)
    assert not os.access(folder / "stack.json", os.X_OK)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"#!/bin/sh\n", "none for Linux"),
        (executable(0x28), "none for Linux"),
        (executable(ARM, "2.35"), "GLIBC_2.35"),
        (executable(ARM, "2.39"), "GLIBC_2.39"),
        (executable(ARM, tags=(1, 15)), "rpath"),
        (executable(INTEL, tags=(29,)), "rpath"),
    ],
)
def test_what_amazon_linux_could_not_run_makes_no_release(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(dist.Unfit, match=why):
        dist.make([content], tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_the_code_is_the_zip_beside_the_template(made: Path) -> None:
    template = yaml_parse((made / "template.yaml").read_text())
    function = template["Resources"]["Function"]
    assert function["Properties"]["CodeUri"] == ARM_ZIP
    assert "BuildMethod" not in function["Metadata"]
    assert template["Parameters"]["Architecture"]["AllowedValues"] == ["arm64"]
    assert zipfile.ZipFile(made / ARM_ZIP).namelist() == ["bootstrap"]
    own = yaml_parse((ROOT / "template.yaml").read_text())
    assert {name: part for name, part in template["Resources"].items() if name != "Function"} == {
        name: part for name, part in own["Resources"].items() if name != "Function"
    }


def without_cargo(folder: Path) -> dict[str, str]:
    """An environment whose path has Python and SAM, and neither cargo nor a compiler."""
    tools = folder / "bin"
    tools.mkdir()
    for tool in ("sam", "python3"):
        (tools / tool).symlink_to(Path(sys.executable).with_name(tool))
    return {
        "PATH": str(tools),
        "HOME": str(folder),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


@pytest.mark.full
def test_sam_takes_it_without_a_compiler_and_builds_nothing(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "release"
    shutil.copytree(made, copy)
    environment = without_cargo(tmp_path)
    sam = str(Path(sys.executable).with_name("sam"))
    for command in (["validate", "--lint"], ["build"]):
        done = subprocess.run([sam, *command], cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / ARM_ZIP).read_bytes() == (made / ARM_ZIP).read_bytes()
    built = yaml_parse((copy / ".aws-sam" / "build" / "template.yaml").read_text())
    assert built["Resources"]["Function"]["Properties"]["CodeUri"].endswith(ARM_ZIP)


@pytest.mark.full
def test_the_stack_for_the_aws_cli_has_nothing_to_mend_and_no_transform(made: Path) -> None:
    text = (made / "stack.json").read_text()
    stack = json.loads(text)
    assert "Transform" not in stack
    assert stack["Resources"]["Function"]["Properties"]["Code"] == {
        "S3Bucket": {"Ref": "CodeBucket"},
        "S3Key": {"Ref": "CodeKey"},
    }
    assert set(stack["Parameters"]) == {*PARAMETERS, "CodeBucket", "CodeKey"}
    found = [match for match in lint(text, regions=["eu-west-1"]) if match.rule.id.startswith("E")]
    assert found == []


def test_the_bill_of_materials_is_the_lock_file(made: Path) -> None:
    bill = json.loads((made / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    locked = re.findall(r'^checksum = "(\w+)"', (ROOT / "Cargo.lock").read_text(), re.MULTILINE)
    assert sorted(it["hashes"][0]["content"] for it in bill["components"]) == sorted(locked)


# Its installer.

AWS = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$1 $2" in
"sts get-caller-identity") [ -z "$NO_CREDENTIALS" ] || exit 255; echo 123456789012 ;;
"cloudformation describe-stacks")
    if [ -n "$DENIED" ]; then echo "An error occurred (AccessDenied)" >&2; exit 254; fi
    if [ -z "$STACK_STATUS" ]; then echo "Stack with id $6 does not exist" >&2; exit 254; fi
    echo "a warning" >&2
    echo "$STACK_STATUS" ;;
"s3api head-bucket") exit "${NO_BUCKET:-0}" ;;
"cloudformation deploy") exit "${FAILS:-0}" ;;
esac
"""


def install(made: Path, folder: Path, *given: str, answer: str = "y\n", **environment: str) -> Any:
    """Runs the installer with a stand-in of the AWS CLI; `calls` are what it was asked."""
    (folder / "bin").mkdir()
    (folder / "bin" / "aws").write_text(AWS)
    (folder / "bin" / "aws").chmod(0o755)
    (folder / "calls").touch()
    done: Any = subprocess.run(
        ["sh", made / "install.sh", *given],
        env={
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "CALLS": str(folder / "calls"),
            "AWS_REGION": "eu-west-1",
            **environment,
        },
        input=answer,
        capture_output=True,
        text=True,
    )
    done.calls = (folder / "calls").read_text().splitlines()
    return done


def deployments(done: Any) -> list[str]:
    return [call for call in done.calls if not re.match(r"sts |cloudformation describe-|s3api head-", call)]


def test_it_shows_what_it_will_do_asks_and_deploys(made: Path, tmp_path: Path) -> None:
    done = install(made, tmp_path, "OnDelete=remove", NO_BUCKET="255")

    assert done.returncode == 0, done.stderr
    assert f"Account {ACCOUNT}, Region eu-west-1" in done.stdout
    assert "given   OnDelete=remove" in done.stdout
    digest = hashlib.sha256((made / ARM_ZIP).read_bytes()).hexdigest()[:16]
    made_bucket, blocked, put, deployed = deployments(done)
    bucket = f"sagemaker-scale-to-zero-{ACCOUNT}-eu-west-1"
    assert made_bucket == f"s3 mb s3://{bucket} --region eu-west-1"
    assert "BlockPublicPolicy=true" in blocked
    assert f"--key sagemaker-scale-to-zero-{digest}.zip --body {ARM_ZIP}" in put
    assert "--capabilities CAPABILITY_IAM" in deployed
    assert deployed.endswith(
        f"CodeBucket={bucket} CodeKey=sagemaker-scale-to-zero-{digest}.zip OnDelete=remove"
    )


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_deployed(made: Path, tmp_path: Path, answer: str) -> None:
    done = install(made, tmp_path, answer=answer)
    assert (done.returncode, deployments(done)) == (1, [])
    assert "nothing was deployed" in done.stderr


@pytest.mark.parametrize("given", ["--help", "-h", "OnDelete", "=remove", ""])
def test_what_is_no_parameter_is_refused(made: Path, tmp_path: Path, given: str) -> None:
    done = install(made, tmp_path, "OnDelete=remove", given)
    assert (done.returncode, done.calls) == (1, [])
    assert f"install.sh: {given} " in done.stderr
    assert "Name=value" in done.stderr


@pytest.mark.parametrize("name", [ARM_ZIP, "stack.json"])
def test_a_file_of_another_sum_is_not_deployed(made: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "release"
    shutil.copytree(made, copy)
    with (copy / name).open("ab") as file:
        file.write(b" ")
    done = install(copy, tmp_path)
    assert (done.returncode, done.calls) == (1, [])
    assert name in done.stderr
    assert "a file is not the one of the release" in done.stderr


def test_without_credentials_it_says_what_helps(made: Path, tmp_path: Path) -> None:
    done = install(made, tmp_path, NO_CREDENTIALS="1")
    assert (done.returncode, deployments(done)) == (1, [])
    assert "no credentials that work" in done.stderr


def test_a_stack_that_cannot_be_looked_at_is_not_taken_for_none(made: Path, tmp_path: Path) -> None:
    done = install(made, tmp_path, DENIED="1")
    assert (done.returncode, deployments(done)) == (1, [])
    assert "could not be looked at: An error occurred (AccessDenied)" in done.stderr


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("ROLLBACK_COMPLETE", "delete it first"),
        ("REVIEW_IN_PROGRESS", "delete it first"),
        ("UPDATE_IN_PROGRESS", "wait until it is over"),
        ("UPDATE_ROLLBACK_FAILED", "or mend it"),
    ],
)
def test_a_stack_that_takes_no_update_is_named(made: Path, tmp_path: Path, status: str, what: str) -> None:
    done = install(made, tmp_path, STACK_STATUS=status)
    assert (done.returncode, deployments(done)) == (1, [])
    assert status in done.stderr
    assert what in done.stderr


def test_a_deployment_that_fails_says_where_the_reason_is(made: Path, tmp_path: Path) -> None:
    done = install(made, tmp_path, FAILS="1", STACK_STATUS="UPDATE_COMPLETE")
    assert done.returncode == 1
    assert "describe-stack-events" in done.stderr
    assert "update of what is there" in done.stdout


# Terraform.


def blocks(file: Path, kind: str) -> dict[str, Any]:
    """The blocks of a kind in a file of Terraform, by their labels."""
    with file.open() as text:
        found = hcl2.load(text).get(kind, [])
    return {label.strip('"'): block for entry in found for label, block in entry.items()}


MODULE = sorted((ROOT / "terraform").glob("*.tf"))


def test_variables_and_outputs_of_the_terraform_module_are_those_of_the_template() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    folder = ROOT / "terraform"
    assert (folder / "variables.tf").read_text() == terraform.variables(template["Parameters"])
    assert (folder / "outputs.tf").read_text() == terraform.outputs(template["Outputs"])

    # As Terraform reads them.
    named = terraform.in_terraform
    assert set(blocks(folder / "variables.tf", "variable")) == {named(it) for it in PARAMETERS} - {
        "architecture"
    }
    assert set(blocks(folder / "outputs.tf", "output")) == {named(it) for it in template["Outputs"]}
    with (folder / "variables.tf").open() as text:
        [values] = hcl2.load(text)["locals"]
    assert {name: value for name, value in values["parameters"].items() if name in PARAMETERS} == {
        name: f"${{var.{named(name)}}}" for name in PARAMETERS if name != "Architecture"
    }


def test_what_a_description_says_is_no_template_of_terraform() -> None:
    made = terraform.variables({"A": {"Description": 'a "${b}" and %{c}'}})
    assert r'description = "a \"$${b}\" and %%{c}"' in made


def test_the_terraform_module_refers_to_nothing_that_it_lacks() -> None:
    declared = {f"var.{name}" for file in MODULE for name in blocks(file, "variable")}
    for file in MODULE:
        for kind in blocks(file, "resource"):
            declared |= {f"{kind}.{name}" for name in re.findall(rf'"{kind}" "(\w+)"', file.read_text())}
        for kind in blocks(file, "data"):
            declared |= {f"data.{kind}.{name}" for name in re.findall(rf'"{kind}" "(\w+)"', file.read_text())}
        with file.open() as text:
            declared |= {f"local.{name}" for part in hcl2.load(text).get("locals", []) for name in part}
    text = "".join(file.read_text() for file in MODULE)
    used = re.findall(r"(?<![\w.])((?:data\.aws_\w+|aws_\w+|var|local)\.\w+)", text)
    assert used
    assert set(used) <= declared


def test_the_settings_of_the_terraform_readme_are_variables() -> None:
    readme = (ROOT / "terraform" / "README.md").read_text()
    [block] = re.findall(r"```hcl\n(.*?)```", readme, re.DOTALL)
    [module] = hcl2.loads(block)["module"]
    [settings] = module.values()
    given = {name for name in settings if not name.startswith("__")} - {"source"}
    variables = {name: it for file in MODULE for name, it in blocks(file, "variable").items()}
    assert given <= set(variables)
    # What has no default has to be among them.
    assert {name for name, it in variables.items() if "default" not in it} <= given
    version = release.versions()["Cargo.toml"]
    assert settings["source"] == f'"./sagemaker-scale-to-zero-{version}/terraform"'


# The Serverless Application Repository.


def test_its_page_links_to_the_sources_of_the_release(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "release"
    shutil.copytree(made, copy)
    subprocess.run(
        [
            *(sys.executable, "-m", "tools.packaging.sar", "--release", copy),
            *("--repository", "https://example.com/owner/name", "--tag", "v1.2.3"),
        ],
        cwd=ROOT,
        check=True,
    )

    text = (copy / "README-SAR.md").read_text()
    assert text.startswith("# sagemaker-scale-to-zero\n")
    links = re.findall(r"\]\((.*?)\)", text)
    assert links
    for link in links:
        path = link.removeprefix("https://example.com/owner/name/blob/v1.2.3/")
        assert (ROOT / path).is_file(), link
    metadata = yaml_parse((copy / "template.yaml").read_text())["Metadata"]
    application = metadata["AWS::ServerlessRepo::Application"]
    assert application["HomePageUrl"] == "https://example.com/owner/name"
    assert application["SourceCodeUrl"] == "https://example.com/owner/name/tree/v1.2.3"
    assert lint((copy / "template.yaml").read_text(), regions=["eu-west-1"]) == []


def test_a_link_that_is_absolute_stays() -> None:
    text = "<!-- a\nb -->\n# A [a](https://a.example) [b](docs/b.md#c) [d](#d)\n"
    assert sar.readme(text, "https://x") == "# A [a](https://a.example) [b](https://x/docs/b.md#c) [d](#d)\n"


# Versions and workflows.


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert len(set(release.versions().values())) == 1, release.versions()


def test_a_tag_of_another_version_makes_no_release(tmp_path: Path) -> None:
    def check(tag: str) -> Any:
        command = [sys.executable, ROOT / "tools/packaging/release.py", "--tag", tag]
        return subprocess.run(
            [*command, "--notes", tmp_path / "notes"], capture_output=True, text=True, env=os.environ
        )

    version = release.versions()["Cargo.toml"]
    assert check(f"v{version}").returncode == 0
    assert (tmp_path / "notes").read_text().strip()
    refused = check("v99.0.0")
    assert refused.returncode == 1
    assert f"Cargo.toml has {version}" in refused.stderr


def test_every_action_is_pinned_by_its_digest_and_names_its_version() -> None:
    uses = [
        line.split("uses:")[1].strip()
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
