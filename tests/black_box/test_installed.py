"""The promise: one command makes of an unpacked release a stack that has checked itself, without a compiler.

The AWS CLI is stood in for by what asks the same of the same services; CloudFormation by `local.deployment`.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import LocalAws
from local.deployment import Deployments
from local.runtime import default_executable
from tests.black_box.template import resolved
from tools.packaging import dist

# Each command of the installer is a Python process.
pytestmark = pytest.mark.full

STACK = "sagemaker-scale-to-zero"

# The few commands that the installer uses, by the same calls as the AWS CLI's.
AWS = f"""#!{sys.executable}
import os, sys, boto3
from botocore.exceptions import ClientError

def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None

def client(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])

def run():
    match sys.argv[1:3]:
        case ["sts", "get-caller-identity"]:
            print(client("sts").get_caller_identity()["Account"])
        case ["cloudformation", "describe-stacks"]:
            found = client("cloudformation").describe_stacks(StackName=option("--stack-name"))
            print(found["Stacks"][0]["StackStatus"])
        case ["s3api", "head-bucket"]:
            client("s3").head_bucket(Bucket=option("--bucket"))
        case ["s3", "mb"]:
            bucket = sys.argv[3].removeprefix("s3://")
            where = {{"LocationConstraint": option("--region")}}
            client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        case ["s3api", "put-public-access-block"]:
            pairs = (it.split("=") for it in option("--public-access-block-configuration").split(","))
            blocked = {{name: value == "true" for name, value in pairs}}
            client("s3").put_public_access_block(
                Bucket=option("--bucket"), PublicAccessBlockConfiguration=blocked)
        case ["s3api", "put-object"]:
            with open(option("--body"), "rb") as body:
                client("s3").put_object(Bucket=option("--bucket"), Key=option("--key"), Body=body)
        case ["cloudformation", "deploy"]:
            bucket, name = option("--s3-bucket"), option("--stack-name")
            with open(option("--template-file"), "rb") as body:
                client("s3").put_object(Bucket=bucket, Key="template", Body=body)
            overrides = sys.argv[sys.argv.index("--parameter-overrides") + 1:]
            pairs = [it.split("=", 1) for it in overrides]
            formation = client("cloudformation")
            formation.create_change_set(
                StackName=name, ChangeSetName="deploy",
                TemplateURL=f"{{os.environ['AWS_ENDPOINT_URL']}}/{{bucket}}/template",
                Capabilities=[option("--capabilities")],
                Parameters=[{{"ParameterKey": key, "ParameterValue": value}} for key, value in pairs])
            formation.execute_change_set(StackName=name, ChangeSetName="deploy")
            status = formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            sys.exit("ROLLBACK" in status)
        case other:
            sys.exit(f"the AWS CLI is not asked for {{other}}")

try:
    run()
except ClientError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked, with the executable under test as its code."""
    folder = tmp_path_factory.mktemp("installed")
    with pytest.MonkeyPatch.context() as patched:
        # It is linked for this machine, whose C library may be newer than Lambda's.
        patched.setattr(dist, "NEWEST_GLIBC", (99, 0))
        dist.make([Path(default_executable()).read_bytes()], folder / "dist")
    with tarfile.open(folder / "sagemaker-scale-to-zero.tar.gz") as archive:
        archive.extractall(folder / "unpacked", filter="data")
    [unpacked] = (folder / "unpacked").iterdir()
    return unpacked


@pytest.fixture
def deployments(aws: LocalAws) -> Iterator[Deployments]:
    with Deployments(aws, resolved) as deployments:
        yield deployments


def install(release: Path, folder: Path, url: str, *given: str) -> subprocess.CompletedProcess[str]:
    """Neither cargo nor a compiler is on the path."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "aws").write_text(AWS)
    (tools / "aws").chmod(0o755)
    return subprocess.run(
        [release / "install.sh", *given],
        env={
            "PATH": f"{tools}:/usr/bin:/bin",
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "YES": "1",
        },
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_a_release_is_installed_and_has_checked_itself(
    aws: LocalAws, deployments: Deployments, release: Path, tmp_path: Path
) -> None:
    done = install(release, tmp_path, deployments.url, "DefaultMaxCapacity=3", "OnDelete=remove")

    assert done.returncode == 0, done.stderr
    stack = deployments.stacks[STACK]
    assert (stack.status, stack.reason) == (
        "CREATE_COMPLETE",
        "the parameters go together, and 11 reads are allowed",
    )
    assert (stack.parameters["DefaultMaxCapacity"], stack.parameters["OnDelete"]) == ("3", "remove")
    assert aws.writes() == []

    again = install(release, tmp_path, deployments.url, "DefaultMaxCapacity=4")

    assert again.returncode == 0, again.stderr
    assert "update of what is there" in again.stdout
    assert deployments.stacks[STACK].status == "UPDATE_COMPLETE"


def test_parameters_that_do_not_go_together_stop_the_deployment(
    aws: LocalAws, deployments: Deployments, release: Path, tmp_path: Path
) -> None:
    done = install(release, tmp_path, deployments.url, "DefaultMinCapacity=5", "DefaultMaxCapacity=2")

    assert done.returncode == 1
    assert "describe-stack-events" in done.stderr
    stack = deployments.stacks[STACK]
    assert stack.status == "ROLLBACK_COMPLETE"
    assert "DefaultMinCapacity" in stack.reason

    assert "delete it first" in install(release, tmp_path, deployments.url).stderr


def test_a_parameter_that_there_is_not_stops_the_deployment(
    deployments: Deployments, release: Path, tmp_path: Path
) -> None:
    done = install(release, tmp_path, deployments.url, "DefaultMaxCapacty=2")

    assert done.returncode == 1
    assert "[DefaultMaxCapacty] do not exist in the template" in done.stderr


def test_a_service_that_cannot_be_asked_is_no_reason_to_deploy(release: Path, tmp_path: Path) -> None:
    done = install(release, tmp_path, "http://127.0.0.1:1")

    assert done.returncode == 1
    assert "no credentials that work" in done.stderr
