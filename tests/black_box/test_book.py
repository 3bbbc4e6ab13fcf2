"""The book (README.md and docs/) against the sources, the template and the executable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
import pytest
from book import BOOK, PAGES, README, blocks, laid_out, plain, shell_blocks, show, table
from botocore import xform_name
from sources import arms, source
from support import (
    ENABLED,
    PREFIX,
    VARIANT,
    Json,
    apply,
    autoscaling,
    client,
    explain,
    failure,
    plan,
    tags,
    wake_alarm_name,
)
from template import ALARMS, PARAMETERS, QUEUES, ROOT, TEMPLATE, actions, statements

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function
from tools.verify.rows import AS_EXPECTED, DIFFERS, NOT_NOW

# What a cell without a value holds.
NONE = "\N{EN DASH}"

# What differs from one run to the next.
VARIABLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d+ ms\b")


# `make docs` has the blocks written anew where they differ; otherwise that is a failure.
WRITE = os.environ.get("WRITE_BOOK") == "1"
UNTIMED = {"milliseconds": 0}

# What the executable answers.


def add_tags(aws: LocalAws, function: Function) -> Json:
    answered = client(aws, "sagemaker").add_tags(
        ResourceArn=aws.create_endpoint("demo"),
        Tags=[{"Key": key, "Value": value} for key, value in ENABLED.items()],
    )
    return {"Tags": answered["Tags"]}


def planned(aws: LocalAws, function: Function) -> Json:
    aws.create_endpoint("demo", tags=ENABLED)
    return function.invoke(plan())


def scalable_targets(aws: LocalAws, function: Function) -> Any:
    """By the very query that is written down."""
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    query = re.search(r"describe-scalable-targets .*?--query '(.+?)'", BOOK, re.DOTALL)
    assert query
    found = client(aws, "application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    return jmespath.search(query[1], found)


def bad_tags(aws: LocalAws, function: Function) -> Json:
    wrong = {f"{PREFIX}max-capcity": "8", f"{PREFIX}scale-in-cooldown": "5 minutes"}
    for key, value in wrong.items():
        assert f"`{key}` = `{value}`" in BOOK
    aws.create_endpoint("demo", tags=wrong)
    return function.invoke(apply())


def put_tracking_of_another_owner(aws: LocalAws) -> None:
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=4)
    autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName="backlog-tracking",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 4,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": "demo"}],
                "Statistic": "Average",
            },
        },
    )


def conflict(aws: LocalAws, function: Function) -> Json:
    aws.create_endpoint("demo", tags=ENABLED)
    put_tracking_of_another_owner(aws)
    return function.invoke(apply())


def denied(aws: LocalAws, function: Function) -> Json:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("PutScalingPolicy", "access_denied")]
    error = failure(function, apply())
    return {"errorType": error.error_type, "errorMessage": error.message}


def sweep(aws: LocalAws, function: Function) -> Json:
    """Over an endpoint that is fine, one without tags, and three that are not as they should be."""
    for name in ("demo", "llama", "whisper"):
        aws.create_endpoint(name, tags=ENABLED)
    aws.create_endpoint("plain")
    aws.create_endpoint("bert", tags={f"{PREFIX}max-capacity": "0"})
    function.invoke({"action": "sweep"})
    client(aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name("llama")])
    aws.delete_endpoint("whisper")
    aws.settle()
    return function.invoke({"action": "sweep"})


def forgotten_pause(aws: LocalAws, function: Function) -> Json:
    aws.create_endpoint("demo", tags=ENABLED | {f"{PREFIX}pause": "scale-in"})
    function.invoke(apply())
    for alarm in [wake_alarm_name(), *aws.tracking_alarms("demo").values()]:
        state = "ALARM" if "Low" in alarm else "OK"
        aws.set_alarm_state(alarm, state, "Threshold Crossed: …")
    aws.publish_backlog("demo", 0)
    return function.invoke(explain())


def first_apply(aws: LocalAws, function: Function) -> Json:
    aws.create_endpoint("demo", tags=ENABLED)
    return function.invoke(apply())


def asleep(aws: LocalAws, function: Function) -> Json:
    aws.create_endpoint("demo", tags=ENABLED)
    aws.set_instances("demo", 0)
    cause = (
        "monitor alarm scale-to-zero/demo/AllTraffic/{0} in state ALARM triggered policy scale-to-zero-{0}"
    )
    message = "Successfully set desired instance count to {}. Change successfully fulfilled by sagemaker."
    for minutes, seconds in ((300, 400), (200, 500), (100, 900)):
        wake, sleep = cause.format("wake"), cause.format("idle")
        aws.add_activity(
            "demo", 1, "Successful", message.format(1), minutes_ago=minutes, seconds=seconds, cause=wake
        )
        aws.add_activity("demo", 0, "Successful", message.format(0), minutes_ago=minutes - 50, cause=sleep)
    aws.publish_backlog("demo", 2)
    return function.invoke({"action": "status", "endpoint": "demo"})


# What leaves the log lines that are shown.
LOGGED = {"apply": first_apply, "sweep": sweep}

ANSWERS: dict[str, Callable[[LocalAws, Function], Any]] = {
    "add-tags": add_tags,
    "plan": planned,
    "describe-scalable-targets": scalable_targets,
    "bad tags": bad_tags,
    "conflict": conflict,
    "denied": denied,
    "sweep": sweep,
    "explain": forgotten_pause,
    "status": asleep,
}


def test_every_json_block_is_one_that_is_compared() -> None:
    assert set(blocks("answer")) == set(ANSWERS)
    assert BOOK.count("```json") == len(ANSWERS) + len(blocks("log"))


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_the_executable_answers(aws: LocalAws, function: Function, name: str) -> None:
    shown = json.loads(blocks("answer")[name])

    answered = ANSWERS[name](aws, function)
    # As text, since the order of the members is shown too.
    is_shown = VARIABLE.sub("…", json.dumps(shown)) == VARIABLE.sub("…", json.dumps(answered))
    if WRITE and not is_shown:
        show("answer", name, laid_out(answered))
        return
    assert VARIABLE.sub("…", json.dumps(shown)) == VARIABLE.sub("…", json.dumps(answered))


@pytest.mark.parametrize("name", LOGGED)
def test_a_log_line_is_what_the_executable_writes(aws: LocalAws, function: Function, name: str) -> None:
    assert set(blocks("log")) == set(LOGGED)
    shown = json.loads(blocks("log")[name])
    LOGGED[name](aws, function)

    [line] = function.last_logs
    if WRITE and VARIABLE.sub("…", json.dumps(shown | UNTIMED)) != VARIABLE.sub(
        "…", json.dumps(line | UNTIMED)
    ):
        show("log", name, laid_out(line))
        return
    for log in (shown, line):
        assert isinstance(log.pop("milliseconds"), int)
    assert VARIABLE.sub("…", json.dumps(shown)) == VARIABLE.sub("…", json.dumps(line))


@pytest.mark.full
def test_the_demo_prints_what_is_shown() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "local.demo"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    shown = blocks("output")["make demo"]
    if WRITE and VARIABLE.sub("…", ran.stdout.strip("\n")) != VARIABLE.sub("…", shown):
        show("output", "make demo", ran.stdout.strip("\n"))
        return
    assert VARIABLE.sub("…", ran.stdout.strip("\n")) == VARIABLE.sub("…", shown)


NAMES = ("policyName", "alarmName", "scheduledActionName")


def test_the_names_are_those_that_the_executable_uses(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="10m", warm_hours="SAT 10:00-12:00 UTC"))
    [variant] = function.invoke(plan())["variants"]
    used = {variant["resourceId"]}
    for change in variant["changes"]:
        used |= {change[key] for key in NAMES if key in change}

    written = [re.search(r"`(.+?)`", row[1]) for row in table("names")]
    assert used == {
        name[1].replace("<endpoint>", "demo").replace("<variant>", VARIANT) for name in written if name
    }


# Tags.


def test_the_defaults_of_the_tags_are_those_of_the_executable(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    [variant] = function.invoke(plan())["variants"]
    target = variant["changes"][0]
    policies = {it["policyName"]: it for it in variant["changes"] if it["change"] == "put-scaling-policy"}
    alarms = {it["alarmName"].split("/")[-1]: it for it in variant["changes"] if "alarmName" in it}
    backlog = policies["scale-to-zero-backlog"]
    put_tracking_of_another_owner(aws)
    is_taken_over = function.invoke(plan())["outcome"] != "conflict"
    aws.create_endpoint("warm", tags=tags(warm_hours="MON-SUN 00:00-24:00 UTC"))
    warm = function.invoke(plan("warm"))["variants"][0]["changes"][0]

    assert {plain(row[0]): plain(row[1]) for row in table("tags")} == {
        "enabled": NONE,
        "min-capacity": str(target["minCapacity"]),
        "max-capacity": str(target["maxCapacity"]),
        "backlog-per-instance": f"{backlog['targetValue']:g}",
        "scale-in-cooldown": f"{backlog['scaleInCooldown']}s",
        "scale-out-cooldown": f"{backlog['scaleOutCooldown']}s",
        "wake": str("scale-to-zero-wake" in policies).lower(),
        # The alarm that counts what waits.
        "wake-instances": "auto" if "ladder" in alarms else "1",
        "idle-timeout": f"{alarms['idle']['evaluationPeriods']}m",
        # No scheduled action is among the changes.
        "warm-hours": NONE,
        "warm-capacity": str(warm["minCapacity"]),
        "longest-request": NONE,
        "pause": str(any(target["suspendedState"].values())).lower(),
        "takeover": str(is_taken_over).lower(),
    }


def test_every_value_that_is_written_down_is_accepted(aws: LocalAws, function: Function) -> None:
    kinds = {}
    for kind in ("duration", "switch"):
        found = re.search(rf"^- A {kind} is (.+?)(?:\.|, in upper)", BOOK, re.MULTILINE)
        assert found
        kinds[kind] = found[1]
    keys = {plain(row[0]) for row in table("tags")} | set(PARAMETERS)
    for row in table("tags"):
        where = kinds.get(row[2].split(",")[0], "") + row[2]
        values = [value for value in re.findall(r"`(.+?)`", f"{row[1]} {where}") if value not in keys]
        assert values, row
        for value in values:
            aws.reset()
            aws.create_endpoint("demo", tags=ENABLED | {f"{PREFIX}{plain(row[0])}": value})
            assert function.invoke(plan())["outcome"] in ("planned", "skipped"), (row[0], value)


# Words of the answers.


def test_the_outcomes_are_those_of_the_sources() -> None:
    of_all = re.findall(r'"outcome": "(\w+)"', source("answer"))
    # That of one endpoint and that of all of them may be called the same.
    known = list(dict.fromkeys(arms("answer", "as_str") + of_all))
    assert [plain(row[0]) for row in table("outcomes")] == known


def test_the_reasons_are_those_of_the_sources() -> None:
    assert [plain(row[0]) for row in table("reasons")] == arms("answer", "reason_code")


def test_the_refusals_of_advice_are_those_of_the_sources() -> None:
    assert [plain(row[0]) for row in table("refusals")] == arms("advise", "as_str")


def test_every_change_is_named() -> None:
    for change in arms("answer", "change_code"):
        assert f"`{change}`" in BOOK


def test_the_error_types_are_those_of_the_sources() -> None:
    at_start = re.findall(r'ERROR_TYPE: &str = "(\w+)"', source("config.rs"))
    known = arms("error.rs", "error_type") + arms("aws/error.rs", "error_type") + at_start

    assert sorted(plain(row[0]) for row in table("errors")) == sorted(known)


def test_the_verdicts_are_those_of_the_check() -> None:
    assert [plain(row[0]) for row in table("verdicts")] == [AS_EXPECTED, DIFFERS, NOT_NOW]


# The template.


def test_the_parameters_are_those_of_the_template() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    rows = []
    for name in [name for group in groups for name in group["Parameters"]]:
        parameter = PARAMETERS[name]
        default = f"`{parameter['Default']}`" if parameter["Default"] != "" else NONE
        description = " ".join(parameter["Description"].split())
        rows.append([f"`{name}`", default, description, parameter["ConstraintDescription"]])

    assert table("parameters") == rows


def test_the_permissions_are_those_of_the_template() -> None:
    written = [
        (plain(policy), plain(statement), re.findall(r"`(.+?)`", allowed))
        for policy, statement, allowed, *_ in table("permissions")
    ]

    assert written == [(policy, statement["Sid"], actions(statement)) for policy, statement in statements()]


def test_the_queues_and_alarms_are_those_of_the_template() -> None:
    assert {plain(row[0]) for row in table("queues")} == set(QUEUES)
    assert [plain(row[0]) for row in table("alarms")] == list(ALARMS)


def test_the_outputs_are_those_of_the_template() -> None:
    outputs = [[f"`{name}`", output["Description"]] for name, output in TEMPLATE["Outputs"].items()]
    queried = re.findall(r"OutputKey=='(\w+)'", BOOK)

    assert table("outputs") == outputs
    assert queried
    assert set(queried) <= set(TEMPLATE["Outputs"])


# Commands.


@pytest.mark.parametrize("block", shell_blocks(), ids=lambda block: block.split("\n")[0])
def test_the_shell_understands_every_block(block: str) -> None:
    parsed = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def leaning(page: str) -> set[str]:
    """What the commands of a page use and none of them has set before: functions of ours, and variables."""
    missing: set[str] = set()
    known: set[str] = set()
    for block in shell_blocks(page):
        for line in block.splitlines():
            used = set(re.findall(r"\$\{?([A-Za-z_]\w*)", line)) | set(re.findall(r"^ *(invoke) ", line))
            missing |= used - known - set(re.findall(r"^ *for (\w+) in", line))
            known |= set(re.findall(r"^ *(?:for )?(\w+)(?:=| in |\(\) \{)", line))
    # In the prose as well.
    return missing | (set(re.findall(r"`(invoke) ", page)) - known)


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_the_commands_of_a_page_work_in_a_new_terminal(page: Path) -> None:
    assert leaning(page.read_text()) == set()


def test_a_command_that_leans_on_another_page_is_found() -> None:
    """So that the test above can fail."""
    assert leaning('```sh\ninvoke plan\naws x "$ARN"\n```\n') == {"invoke", "ARN"}
    assert leaning("Ask with `invoke explain demo`.\n") == {"invoke"}
    assert leaning('```sh\nARN=1\ninvoke() {\n  x "$ARN"\n}\ninvoke plan\n```\n') == set()


def test_the_function_that_invokes_is_the_same_on_every_page() -> None:
    assert len(set(re.findall(r"^invoke\(\) \{\n.*?^\}$", BOOK, re.DOTALL | re.MULTILINE))) == 1


# What the AWS CLI takes with every operation, and what belongs to its own commands.
CLI_OPTIONS = {"query", "output", "region", "cli-binary-format", "cli-read-timeout"}


def test_every_option_of_an_aws_command_is_one_of_its_operation() -> None:
    session = botocore.session.get_session()
    commands = re.findall(
        r"\baws ([a-z-]+) ([a-z-]+)((?: [^\n|]*)?)", "\n".join(shell_blocks()).replace("\\\n", " ")
    )
    checked = [command for command in commands if command[0] != "s3" and command[1] != "wait"]
    assert len(checked) > 10
    for service, operation, rest in checked:
        model = session.get_service_model(service)
        [name] = [name for name in model.operation_names if xform_name(name, "-") == operation]
        known = {xform_name(member, "-") for member in model.operation_model(name).input_shape.members}
        options = {option.removeprefix("no-") for option in re.findall(r" --([a-z-]+)", rest)}
        assert options - CLI_OPTIONS <= known, (service, operation)
