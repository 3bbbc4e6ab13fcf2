"""CloudFormation as far as an installation meets it: change sets, the function's code out of its bucket, and
the question to the custom resource, which the function answers before the stack counts as made.

No other resource is made. Everything else that is asked goes to the local AWS.
"""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from local.aws import LocalAws
from local.cloudformation import Stack
from local.runtime import Function
from local.server import Answer, Request, Served, Server

Json = dict[str, Any]
# A part of a template without its intrinsic functions, by the values of the parameters.
Resolve = Callable[[Any, dict[str, str]], Any]

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


class Refused(Exception):
    """What CloudFormation would not take, as its own sentence."""


@dataclass
class Deployed:
    """A stack; `reason` is the custom resource's."""

    template: Json
    parameters: dict[str, str]
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    pending: dict[str, str] = field(default_factory=dict)


class Deployments(Served):
    """Serves the local AWS and CloudFormation while the `with` block runs; `stacks` are by name."""

    def __init__(self, aws: LocalAws, resolve: Resolve) -> None:
        self._aws, self._resolve = aws, resolve
        self._server = Server(self._answer)
        self.stacks: dict[str, Deployed] = {}

    def _answer(self, request: Request) -> Answer | None:
        asked = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        perform = {
            "DescribeStacks": self._describe,
            "CreateChangeSet": self._create_change_set,
            "DescribeChangeSet": self._describe_change_set,
            "ExecuteChangeSet": self._execute,
            "GetTemplateSummary": self._summary,
        }.get(asked.get("Action", ""))
        if perform is None:
            return self._aws._answer(request)
        try:
            result = perform(asked)
        except Refused as refused:
            error = (
                f"<Type>Sender</Type><Code>ValidationError</Code><Message>{escape(str(refused))}</Message>"
            )
            return Answer(
                400, f'<ErrorResponse xmlns="{_NAMESPACE}"><Error>{error}</Error></ErrorResponse>'.encode()
            )
        action = asked["Action"]
        result = f"<{action}Result>{result}</{action}Result>"
        whole = f'<{action}Response xmlns="{_NAMESPACE}">{result}</{action}Response>'
        return Answer(200, whole.encode(), {"Content-Type": "text/xml"})

    def _stack(self, asked: dict[str, str]) -> Deployed:
        name = asked["StackName"]
        if name not in self.stacks:
            raise Refused(f"Stack with id {name} does not exist")
        return self.stacks[name]

    def _describe(self, asked: dict[str, str]) -> str:
        stack = self._stack(asked)
        return (
            f"<Stacks><member><StackName>{asked['StackName']}</StackName><StackStatus>{stack.status}</StackStatus>"
            f"<StackStatusReason>{escape(stack.reason)}</StackStatusReason>"
            "<CreationTime>2026-11-25T12:00:00Z</CreationTime></member></Stacks>"
        )

    def _summary(self, asked: dict[str, str]) -> str:
        names = "".join(
            f"<member><ParameterKey>{name}</ParameterKey></member>" for name in self._stack(asked).parameters
        )
        return f"<Parameters>{names}</Parameters>"

    def _create_change_set(self, asked: dict[str, str]) -> str:
        _, bucket, key = urlsplit(asked["TemplateURL"]).path.split("/", 2)
        template = json.loads(self._object(bucket, key))
        if len(json.dumps(template)) > 1_000_000:
            raise Refused("Template may not exceed 1000000 bytes in size.")
        stack = self.stacks.setdefault(asked["StackName"], Deployed(template, {}))
        stack.template = template
        stack.pending = self._values(asked, template["Parameters"], stack.parameters)
        if template.get("Resources", {}).get("Role") and "CAPABILITY_IAM" not in asked.values():
            raise Refused("Requires capabilities : [CAPABILITY_IAM]")
        return f"<Id>{asked['ChangeSetName']}</Id><StackId>{asked['StackName']}</StackId>"

    def _values(self, asked: dict[str, str], parameters: Json, before: dict[str, str]) -> dict[str, str]:
        values = {name: str(it["Default"]) for name, it in parameters.items() if "Default" in it}
        numbered = (re.fullmatch(r"Parameters\.member\.(\d+)\.ParameterKey", name) for name in asked)
        for number in (found[1] for found in numbered if found):
            name = asked[f"Parameters.member.{number}.ParameterKey"]
            if name not in parameters:
                raise Refused(f"Parameters: [{name}] do not exist in the template")
            value = asked.get(f"Parameters.member.{number}.ParameterValue", before.get(name))
            values[name] = value if value is not None else values[name]
        for name, parameter in parameters.items():
            if name not in values:
                raise Refused(f"Parameters: [{name}] must have values")
            allowed = [str(value) for value in parameter.get("AllowedValues", [values[name]])]
            if values[name] not in allowed or not re.search(
                parameter.get("AllowedPattern", ""), values[name]
            ):
                why = parameter.get("ConstraintDescription", "it is none of the allowed values")
                raise Refused(f"Parameter '{name}' must match what is allowed: {why}")
        return values

    def _describe_change_set(self, asked: dict[str, str]) -> str:
        return f"<Status>CREATE_COMPLETE</Status><ChangeSetName>{asked['ChangeSetName']}</ChangeSetName>"

    def _execute(self, asked: dict[str, str]) -> str:
        stack = self._stack(asked)
        request = "Create" if stack.status == "REVIEW_IN_PROGRESS" else "Update"
        answer = self._ask(stack, request)
        is_fine = answer["Status"] == "SUCCESS"
        stack.reason = answer["Reason"]
        if is_fine:
            stack.parameters = stack.pending
        rolled_back = "ROLLBACK_COMPLETE" if request == "Create" else "UPDATE_ROLLBACK_COMPLETE"
        stack.status = f"{request.upper()}_COMPLETE" if is_fine else rolled_back
        return ""

    def _ask(self, stack: Deployed, request: str) -> Json:
        """Starts the function of the template out of its bucket, and has the custom resource answered."""
        values = stack.pending
        function = stack.template["Resources"]["Function"]["Properties"]
        code = self._resolve(function["Code"], values)
        asked = self._resolve(stack.template["Resources"]["Check"]["Properties"], values)
        queue = self._aws.client("sqs").create_queue(QueueName="work")["QueueUrl"]
        variables = self._resolve(function["Environment"]["Variables"], values)
        # What a resource of its own makes of itself is only known of the work queue.
        environment = {name: it for name, it in variables.items() if isinstance(it, str)} | {
            "WORK_QUEUE_URL": queue
        }
        properties = {name: it for name, it in asked.items() if isinstance(it, str)}
        with tempfile.TemporaryDirectory(prefix="function-") as folder:
            package = Path(folder, "code.zip")
            package.write_bytes(self._object(code["S3Bucket"], code["S3Key"]))
            with zipfile.ZipFile(package) as archive:
                bootstrap = Path(archive.extract("bootstrap", folder))
            bootstrap.chmod(0o755)
            with (
                Stack(**properties) as custom,
                Function(str(bootstrap), aws_url=self._aws.url, environment=environment) as running,
            ):
                custom.physical_id = None if request == "Create" else "sagemaker-scale-to-zero"
                return custom.request(running, request)

    def _object(self, bucket: str, key: str) -> bytes:
        content: bytes = self._aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content
