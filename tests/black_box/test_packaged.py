"""The template as it reaches AWS: packaged, processed by SAM, and made for StackSets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from local.aws import LocalAws
from tests.black_box.template import ALL_THERE, LEFT_OUT, ROOT, nodes, referred_to, settled
from tools.packaging.stackset import architecture, archive, processed

# Packaging, processing and building take seconds each.
pytestmark = pytest.mark.full

BUCKET = "code"
REGION = "eu-west-1"

# The property that names a resource of each type. Without it, CloudFormation makes up a new one.
NAMED_BY = {
    "AWS::CloudFormation::CustomResource": None,
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::EventInvokeConfig": None,
    "AWS::Lambda::EventSourceMapping": None,
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::Permission": None,
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::KMS::Key": None,
    "AWS::SNS::Subscription": None,
    "AWS::SNS::Topic": "TopicName",
    "AWS::SNS::TopicPolicy": None,
    "AWS::SQS::Queue": "QueueName",
    "AWS::SQS::QueuePolicy": None,
}


def executable(machine: int) -> bytes:
    """As much of one as tells what it runs on."""
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little")


@pytest.fixture(scope="module")
def for_stacksets() -> dict[str, Any]:
    return processed((ROOT / "template.yaml").read_text(), BUCKET, "key.zip", "arm64")


def findings(template: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """What cfn-lint says of a template with these parameters, its conditions being settled."""
    parameters = {
        name: {"Type": parameter["Type"], "Default": given.get(name, parameter["Default"])}
        for name, parameter in template["Parameters"].items()
    }
    whole = {section: part for section, part in template.items() if section != "Conditions"}
    # Parameters and mappings of what has been left out are used no more, and that is all right.
    config = ManualArgs(regions=[REGION], ignore_checks=["W2001", "W7001"])
    found = lint(json.dumps(whole | {"Parameters": parameters}), config=config)
    return [f"{match.rule.id} {match.message}" for match in found]


# Packaged.


@dataclass(frozen=True)
class Packaged:
    text: str
    uploaded: set[str]


@pytest.fixture(scope="module")
def packaged(local_aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """By SAM, into a bucket of the local AWS. `sam build` leaves the executable beside the template."""
    folder = tmp_path_factory.mktemp("built")
    for file in ("template.yaml", "README.md", "LICENSE"):
        (folder / file).write_bytes((ROOT / file).read_bytes())
    (folder / "bootstrap").write_bytes(executable(0xB7))
    local_aws.reset()
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    sam = Path(sys.executable).with_name("sam")
    to = folder / "packaged.yaml"
    subprocess.run(
        [sam, "package", "--s3-bucket", BUCKET, "--output-template-file", to],
        cwd=folder,
        env=os.environ
        | {
            "AWS_ENDPOINT_URL": local_aws.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
        },
        check=True,
        capture_output=True,
    )
    return Packaged(to.read_text(), {found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]})


def test_a_packaged_template_names_what_has_been_uploaded(packaged: Packaged) -> None:
    named = re.findall(rf"(\w+): s3://{BUCKET}/(\w+)", packaged.text)
    assert {name for name, _ in named} == {"CodeUri", "LicenseUrl", "ReadmeUrl"}
    assert {key for _, key in named} == packaged.uploaded


def test_a_packaged_template_has_nothing_to_mend(packaged: Packaged) -> None:
    assert lint(packaged.text, regions=[REGION]) == []


# Processed.


@pytest.mark.parametrize("what", LEFT_OUT)
def test_a_processed_template_has_nothing_to_mend_whatever_is_left_out(
    for_stacksets: dict[str, Any], what: str
) -> None:
    given, gone = LEFT_OUT[what]
    template = settled(for_stacksets, ALL_THERE | given)
    assert not gone & set(template["Resources"])
    assert findings(template, ALL_THERE | given) == []


def test_a_processed_template_without_parameters_has_nothing_to_mend(for_stacksets: dict[str, Any]) -> None:
    assert findings(settled(for_stacksets, {}), {}) == []


def test_a_mistake_would_be_found(for_stacksets: dict[str, Any]) -> None:
    template = settled(for_stacksets, {})
    del template["Resources"]["AlarmTopic"]
    template["Resources"]["SweepAlarm"]["Properties"]["Statistics"] = "Sum"
    found = "\n".join(findings(template, {}))
    assert "'AlarmTopic' is not one of" in found
    assert "'Statistics'" in found


def test_stacksets_of_an_organization_find_no_transform(for_stacksets: dict[str, Any]) -> None:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
    assert "Transform" not in for_stacksets
    assert not [node for node in nodes(for_stacksets) if isinstance(node, dict) and "Fn::Transform" in node]
    types = {resource["Type"] for resource in for_stacksets["Resources"].values()}
    assert not [kind for kind in types if kind.startswith("AWS::Serverless")]
    # The most that CloudFormation takes from a bucket.
    assert len(json.dumps(for_stacksets, indent=1)) < 1_000_000


def test_every_parameter_is_still_one(for_stacksets: dict[str, Any]) -> None:
    used = referred_to([for_stacksets["Resources"], for_stacksets["Conditions"]])
    assert set(for_stacksets["Parameters"]) <= used


def test_no_name_is_the_same_in_two_regions_or_stacks(for_stacksets: dict[str, Any]) -> None:
    names = {}
    for name, resource in for_stacksets["Resources"].items():
        key = NAMED_BY[resource["Type"]]
        if key in resource.get("Properties", {}):
            names[name] = resource["Properties"][key]
    assert names == {
        "Logs": {"Fn::Sub": "/aws/lambda/${AWS::StackName}"},
        # Dashboards are global, unlike all the rest but the role.
        "FleetDashboard": {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"},
    }


def test_no_account_region_or_partition_is_written_down(for_stacksets: dict[str, Any]) -> None:
    texts = [node for node in nodes(for_stacksets["Resources"]) if isinstance(node, str)]
    for text in texts:
        assert not re.search(r"arn:aws|\b\d{12}\b|\b(us|eu|ap)-[a-z]+-\d\b", text), text


# Made for StackSets.


def test_the_code_is_in_a_bucket_of_the_region(for_stacksets: dict[str, Any]) -> None:
    assert for_stacksets["Resources"]["Function"]["Properties"]["Code"] == {
        "S3Bucket": {"Fn::Sub": "code-${AWS::Region}"},
        "S3Key": "key.zip",
    }


@pytest.mark.parametrize(("machine", "name"), [(0xB7, "arm64"), (0x3E, "x86_64")])
def test_the_function_runs_on_the_processors_that_it_was_built_for(
    tmp_path: Path, machine: int, name: str
) -> None:
    (tmp_path / "bootstrap").write_bytes(executable(machine))
    subprocess.run(
        [
            *(sys.executable, "-m", "tools.packaging.stackset", "--executable", tmp_path / "bootstrap"),
            *("--bucket", BUCKET, "--to", tmp_path / "stackset"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    template = json.loads((tmp_path / "stackset" / "sagemaker-scale-to-zero.json").read_text())
    parameter = template["Parameters"]["Architecture"]
    assert (parameter["Default"], parameter["AllowedValues"]) == (name, [name])
    [package] = (tmp_path / "stackset").glob("*.zip")
    assert template["Resources"]["Function"]["Properties"]["Code"]["S3Key"] == package.name


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", executable(0x28)], ids=["empty", "script", "arm"])
def test_what_lambda_cannot_run_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="none for Linux"):
        architecture(content)


@pytest.mark.parametrize(("needed", "refused"), [("2.17", None), ("2.34", None), ("2.35", "GLIBC_2.35")])
def test_what_is_linked_for_a_newer_library_than_that_of_lambda_is_refused(
    tmp_path: Path, needed: str, refused: str | None
) -> None:
    content = executable(0x3E) + b"\0GLIBC_2.2.5\0GLIBC_" + needed.encode() + b"\0libc.so.6\0"
    (tmp_path / "bootstrap").write_bytes(content)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tools.packaging.stackset", "--executable", tmp_path / "bootstrap"),
            *("--bucket", BUCKET, "--to", tmp_path / "stackset"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == (2 if refused else 0)
    assert not refused or refused in ended.stderr


def test_what_a_machine_adds_to_builds_stays_out_of_them(tmp_path: Path) -> None:
    """cargo itself is stood in for by what shows its environment."""
    (tmp_path / "cargo").write_text("#!/bin/sh\nenv\n")
    (tmp_path / "cargo").chmod(0o755)
    shown = subprocess.run(
        ["make", "--silent", "build", "--old-file=.venv/.build-stamp", "--old-file=.venv/.cross-stamp"],
        cwd=ROOT,
        env=os.environ
        | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "RUSTFLAGS": "-C target-cpu=native",
            "CARGO_ENCODED_RUSTFLAGS": "-Ctarget-cpu=native",
        },
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert "RUSTFLAGS=" in shown
    assert not [line for line in shown if "target-cpu=native" in line]


def test_the_deployment_package_is_the_same_each_time_and_can_be_run(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        archive(executable(0xB7), tmp_path / name)

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as package:
        [entry] = package.infolist()
        assert (entry.filename, package.read(entry)) == ("bootstrap", executable(0xB7))
        assert entry.external_attr >> 16 & 0o777 == 0o755
