"""The template as a stack of a CloudFormation that isn't AWS's: deployed, changed and deleted."""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import ClientError

from local.cloudformation import Stack
from local.runtime import ROOT, Function
from tools.packaging.stackset import processed
from tools.second_opinion.emulator import REGION, Emulator, Json
from tools.second_opinion.report import Report

STACK = "scale-to-zero"
BUCKET = "code"
KEY = "code.zip"

# What the stack leaves out where it is told no address of mail.
WITHOUT_AN_ADDRESS = {"AlarmSubscription"}
# Which sample events each rule takes, as `events/README.md` has it.
TAKES = {
    "EndpointStateChange": {"in-service", "in-service-tags-map", "in-service-minimal", "deleting"},
    "EndpointUpdating": {"updating", "updating-from-zero"},
    "TagChange": {"tag-change"},
    "TagCall": {"cloudtrail-add-tags", "cloudtrail-delete-tags"},
}
SAMPLES = sorted(
    {
        *(sample for samples in TAKES.values() for sample in samples),
        *("creating", "failed", "rolling-back", "tag-change-other-keys", "tag-change-other-service"),
        *("cloudtrail-denied", "scheduled-event", "bad-other-source", "bad-deployment-state-change"),
    }
)


def run(report: Report, emulator: Emulator, executable: str) -> None:
    template = processed((ROOT / "template.yaml").read_text(), BUCKET, KEY, "x86_64")
    emulator.client("s3").create_bucket(
        Bucket=f"{BUCKET}-{REGION}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    # Nothing runs it here. CloudFormation only wants it to be there.
    emulator.client("s3").put_object(Bucket=f"{BUCKET}-{REGION}", Key=KEY, Body=b"PK\x05\x06" + bytes(18))
    Deployment(report, emulator, template).run(executable)


class Deployment:
    """The processed template as a stack."""

    def __init__(self, report: Report, emulator: Emulator, template: Json) -> None:
        self.report = report
        self.emulator = emulator
        self.template = template
        self.cloudformation = emulator.client("cloudformation")

    def run(self, executable: str) -> None:
        report = self.report
        report.part("The template, as a stack")
        # Nothing runs the function here, and so nothing answers its custom resource.
        self.deploy({})
        resources = self.resources()
        report.known_difference("custom-resource", "Check" in resources, True)
        types = {name: it["Type"] for name, it in self.template["Resources"].items()}
        wanted = {name: kind for name, kind in types.items() if name not in WITHOUT_AN_ADDRESS}
        for name, kind in sorted(wanted.items()):
            report.same(f"{name} is a {kind}", resources.get(name, {}).get("ResourceType"), kind)
        report.same("and nothing else", sorted(set(resources) - set(wanted)), [])
        stack = self.described()
        report.same("the stack is complete", stack["StackStatus"], "CREATE_COMPLETE")
        outputs = {it["OutputKey"]: it["OutputValue"] for it in stack.get("Outputs", [])}
        report.same("its outputs", sorted(outputs), sorted(self.template["Outputs"]))

        environment = self.function_of(resources)
        self.rules(resources)
        self.queues(resources)
        self.alarms(resources)
        self.self_check(executable, environment)

        report.part("The stack, changed and deleted")
        changed = {"Alarms": "off", "SweepSchedule": "off", "MemorySize": "256"}
        self.deploy(changed)
        report.same("it is updated", self.described()["StackStatus"], "UPDATE_COMPLETE")
        report.same(
            "without alarms", sorted(self.resources()), sorted(it for it in wanted if "Alarm" not in it)
        )
        sweep = self.emulator.client("events").describe_rule(
            Name=self.resources()["FunctionSweep"]["PhysicalResourceId"]
        )
        report.same("the sweep's rule is switched off", sweep["State"], "DISABLED")
        self.cloudformation.delete_stack(StackName=STACK)
        report.holds("the stack is gone", self.is_gone())

    def deploy(self, parameters: Json) -> None:
        # It is longer than what CloudFormation takes in the request.
        bucket = f"{BUCKET}-{REGION}"
        body = json.dumps(self.template).encode()
        self.emulator.client("s3").put_object(Bucket=bucket, Key="template.json", Body=body)
        arguments = {
            "StackName": STACK,
            "TemplateURL": f"https://{bucket}.s3.{REGION}.amazonaws.com/template.json",
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        try:
            self.cloudformation.describe_stacks(StackName=STACK)
        except ClientError:
            self.cloudformation.create_stack(**arguments)
            self.cloudformation.get_waiter("stack_create_complete").wait(
                StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        else:
            self.cloudformation.update_stack(**arguments)
            self.cloudformation.get_waiter("stack_update_complete").wait(
                StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )

    def described(self) -> Json:
        [stack] = self.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        found: Json = stack
        return found

    def is_gone(self) -> bool:
        try:
            return str(self.described()["StackStatus"]) == "DELETE_COMPLETE"
        except ClientError:
            return True

    def resources(self) -> dict[str, Json]:
        found = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        return {it["LogicalResourceId"]: it for it in found}

    def function_of(self, resources: dict[str, Json]) -> Json:
        """The environment that the function would have."""
        report = self.report
        name = resources["Function"]["PhysicalResourceId"]
        configuration = self.emulator.client("lambda").get_function_configuration(FunctionName=name)
        for key, value in {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Architectures": ["x86_64"],
        }.items():
            report.same(f"the function's {key}", configuration.get(key), value)
        timeout = int(self.template["Parameters"]["Timeout"]["Default"])
        report.known_difference("numbers", configuration["Timeout"] == timeout, False)
        environment: Json = configuration["Environment"]["Variables"]
        wanted = self.template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
        report.same("its variables", sorted(environment), sorted(wanted))
        unresolved = [key for key, value in environment.items() if not isinstance(value, str) or "{" in value]
        report.same("all of them resolved", unresolved, [])
        queue = resources["Work"]["PhysicalResourceId"]
        report.same("its queue", environment["WORK_QUEUE_URL"], queue)
        mappings = self.emulator.client("lambda").list_event_source_mappings(FunctionName=name)
        [mapping] = mappings["EventSourceMappings"]
        report.same("fed by the queue", mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"])
        role = resources["Role"]["PhysicalResourceId"]
        report.known_difference("role", role.startswith("arn:"), True)
        policy = self.emulator.client("iam").get_role_policy(
            RoleName=role.rpartition("/")[2], PolicyName="scaling"
        )["PolicyDocument"]
        arns = [arn for statement in policy["Statement"] for arn in as_list(statement["Resource"])]
        unresolved = [arn for arn in arns if arn != "*" and not re.match(r"arn:aws:[a-z-]+:", arn)]
        report.same("ARNs of its role", unresolved, [])
        return environment

    def rules(self, resources: dict[str, Json]) -> None:
        report, events = self.report, self.emulator.client("events")
        for name, takes in TAKES.items():
            rule = events.describe_rule(Name=resources[f"Function{name}"]["PhysicalResourceId"])
            matched = {sample for sample in SAMPLES if self.matches(rule["EventPattern"], sample)}
            report.same(f"rule {name}: what it takes", sorted(matched), sorted(takes))
            state = "DISABLED" if name == "EndpointUpdating" else "ENABLED"
            report.same(f"rule {name}: {state}", rule["State"], state)
            targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            report.same(f"rule {name}: one target", len(targets), 1)
            report.holds(f"rule {name}: what can't be delivered is kept", targets[0].get("DeadLetterConfig"))
        sweep = events.describe_rule(Name=resources["FunctionSweep"]["PhysicalResourceId"])
        report.same("rule Sweep: its schedule", sweep["ScheduleExpression"], "rate(15 minutes)")

    def matches(self, pattern: str, sample: str) -> bool:
        event = json.loads((ROOT / "events" / f"{sample}.json").read_text())
        # The samples' account and Region are others than the stack's.
        text = json.dumps(event).replace("us-west-2", REGION).replace("111122223333", "123456789012")
        answer = self.emulator.client("events").test_event_pattern(EventPattern=pattern, Event=text)
        return bool(answer["Result"])

    def queues(self, resources: dict[str, Json]) -> None:
        report, sqs = self.report, self.emulator.client("sqs")
        work, failed = (resources[name]["PhysicalResourceId"] for name in ("Work", "FailedWork"))
        attributes = sqs.get_queue_attributes(QueueUrl=work, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(attributes["RedrivePolicy"])
        arn = sqs.get_queue_attributes(QueueUrl=failed, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        report.same("work that fails goes to its queue", redrive["deadLetterTargetArn"], arn)
        report.same("after so many times", int(redrive["maxReceiveCount"]), 5)
        timeout = int(self.template["Parameters"]["Timeout"]["Default"])
        report.holds(
            "no message comes back while it is worked on", int(attributes["VisibilityTimeout"]) >= 6 * timeout
        )

    def alarms(self, resources: dict[str, Json]) -> None:
        report = self.report
        names = {
            it["PhysicalResourceId"]
            for it in resources.values()
            if it["ResourceType"] == "AWS::CloudWatch::Alarm"
        }
        found = self.emulator.client("cloudwatch").describe_alarms(AlarmNames=sorted(names))["MetricAlarms"]
        report.same("its alarms are there", len(found), len(names))
        topic = resources["AlarmTopic"]["PhysicalResourceId"]
        silent = [alarm["AlarmName"] for alarm in found if alarm["AlarmActions"] != [topic]]
        report.same("all of them ring", silent, [])
        dashboard = resources["FleetDashboard"]["PhysicalResourceId"]
        body = self.emulator.client("cloudwatch").get_dashboard(DashboardName=dashboard)["DashboardBody"]
        report.holds("the dashboard is one", json.loads(body)["widgets"])

    def self_check(self, executable: str, environment: Json) -> None:
        """What CloudFormation would have asked the function, with the variables that it would have."""
        report = self.report
        with (
            Function(executable, aws_url=self.emulator.url, environment=environment) as function,
            Stack() as stack,
        ):
            for request in ("Create", "Update", "Delete"):
                answer = stack.request(function, request)
                report.same(
                    f"its own check: {request}",
                    (answer["Status"], answer.get("Reason")),
                    ("SUCCESS", answer.get("Reason")),
                )


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
