"""The main job, shown: an asynchronous endpoint with two tags learns to sleep at zero instances and to wake.

Runs the real executable against a local AWS, and exits with 1 where anything differs from what is expected.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.aws import LocalAws
from local.runtime import ROOT, Function, FunctionDied, FunctionError, default_executable
from local.services.targets import NAMESPACE, resource_id

ENDPOINT = "demo"
VARIANT = "AllTraffic"
ALARMS = f"scale-to-zero/{ENDPOINT}/{VARIANT}"
TAGS = {"scale-to-zero:enabled": "true", "scale-to-zero:max-capacity": "5"}
NONSENSE = {"scale-to-zero:max-capcity": "five"}

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
EVENT = ROOT / "events" / "in-service.json"

COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
}

# Characters.
LINE = 110
FIRST_COLUMN = 18

Row = tuple[str, ...]

NOTHING: list[Row] = [("scalable target", "none"), ("scaling policies", "none"), ("alarm", "none")]
CONFIGURED: list[Row] = [
    ("scalable target", resource_id(ENDPOINT, VARIANT), "0 to 5 instances"),
    ("scaling policy", "scale-to-zero-backlog", "keeps ApproximateBacklogSizePerInstance at 5.0"),
    ("scaling policy", "scale-to-zero-idle", "leaves 0 instances"),
    ("scaling policy", "scale-to-zero-spare", "leaves 1 instance"),
    ("scaling policy", "scale-to-zero-wake", "adds 1 to 5 instances"),
    ("alarm", f"{ALARMS}/idle", "b + m + g < 1 runs scale-to-zero-idle"),
    (
        "alarm",
        f"{ALARMS}/ladder",
        "(w > 0) + (w > 0)*(b > 5)*(a <= 60)*(CEIL(0.4*b) - 1) > 0 runs scale-to-zero-wake",
    ),
    ("alarm", f"{ALARMS}/spare", "(b < 1)*(c - 1) >= 1 runs scale-to-zero-spare"),
    ("alarm", f"{ALARMS}/wake", "HasBacklogWithoutCapacity > 0 runs scale-to-zero-wake"),
]
# What AWS does with that, by itself: orders of instances and the policies that ask for them.
ACTIVITIES: list[Row] = [
    ("0 instances", "scale-to-zero-idle"),
    ("4 instances", "scale-to-zero-wake"),
    ("1 instance", "scale-to-zero-spare"),
    ("0 instances", "scale-to-zero-idle"),
]
REQUESTS = 8


class Demo:
    """The local AWS, the function, and what has differed so far."""

    def __init__(self, aws: LocalAws, function: Function) -> None:
        self.aws = aws
        self.function = function
        self.differences: list[str] = []

    def run(self) -> None:
        heading("An asynchronous endpoint, tagged")
        self.create_endpoint()
        table([("endpoint", ENDPOINT), *(("tag", f"{key} = {value}") for key, value in TAGS.items())])
        self.show_scaling(NOTHING)
        self.show_status("awake")

        heading("It comes into service: the function gets the event")
        answer = self.deliver("configured")
        table([change_row(change) for change in changes(answer)])
        self.show_scaling(CONFIGURED)

        heading("The same event once more")
        self.deliver("unchanged")
        self.expect("writes to AWS", len(self.aws.writes()), 0)

        heading("Nothing is at work: it is put to sleep by hand, and woken again")
        for action, outcome, state in (("sleep", "sleeping", "asleep"), ("wake", "waking", "awake")):
            self.aws.publish_backlog(ENDPOINT, 0)
            answer = self.function.invoke({"action": action, "endpoint": ENDPOINT})
            table([("answer", str(answer.get("outcome")), f"to {action}")])
            self.expect(action, answer.get("outcome"), outcome)
            self.aws.settle()
            self.show_status(state)

        heading("Nothing comes, then eight requests, then nothing (time is made quick: a minute takes none)")
        self.let_time_pass()
        self.show_status("asleep")

        heading(
            "A tag that makes no sense: " + ", ".join(f"{key} = {value}" for key, value in NONSENSE.items())
        )
        self.aws.retag(ENDPOINT, NONSENSE)
        answer = self.deliver("invalid")
        problems = answer.get("problems", [])
        table([("refused", f"{problem['tag']} {problem['problem']}") for problem in problems])
        table([("status tag", str(answer.get("statusTag")))])
        self.expect("tags refused", [problem["tag"] for problem in problems], list(NONSENSE))
        self.expect("writes to AWS", [call.operation for call in self.aws.writes()], ["AddTags"])
        self.expect("scaling", self.scaling(), CONFIGURED)

    def let_time_pass(self) -> None:
        """Requests, metrics, alarms and policies, and each change of state delivered as EventBridge would."""
        aws, work = self.aws, self.aws.work(ENDPOINT)
        aws.clear_calls()
        aws.on_state_change = self.deliver_state
        started = aws.clock = aws.clock - timedelta(hours=3)
        aws.pass_until(lambda: aws.instances(ENDPOINT) == 0)
        arrived = aws.clock
        aws.send_requests(ENDPOINT, REQUESTS, seconds=90)
        aws.pass_until(lambda: work.processed == REQUESTS)
        done = aws.clock
        aws.pass_until(lambda: aws.instances(ENDPOINT) == 0)
        aws.on_state_change = None
        orders = [activity for activity in aws.account().activities if activity["StartTime"] >= started]
        moments = [(arrived, f"{REQUESTS} requests", "arrive"), (done, f"{REQUESTS} requests", "are done")]
        for order in orders:
            count, policy = order_of(order)
            moments += [
                (order["StartTime"], policy, f"asks for {count}"),
                (order["EndTime"], "SageMaker", f"runs {count}"),
            ]
        moments.sort(key=lambda moment: moment[0])
        table([(f"minute {minutes(when - started)}", who, what) for when, who, what in moments])
        self.expect("orders", [order_of(order) for order in orders], ACTIVITIES)
        self.expect("requests cut off", work.killed, 0)
        self.expect("writes to AWS", [call.operation for call in aws.writes()], [])

    def deliver_state(self, name: str, status: str) -> None:
        sent = event()
        state = {"InService": "IN_SERVICE"}.get(status, status.upper())
        self.function.invoke({**sent, "detail": {**sent["detail"], "EndpointStatus": state}})

    def create_endpoint(self) -> None:
        sagemaker = self.aws.client("sagemaker")
        sagemaker.create_model(ModelName="demo-model", ExecutionRoleArn=ROLE)
        sagemaker.create_endpoint_config(
            EndpointConfigName="demo-config",
            ProductionVariants=[
                {
                    "VariantName": VARIANT,
                    "ModelName": "demo-model",
                    "InstanceType": "ml.g5.xlarge",
                    "InitialInstanceCount": 1,
                }
            ],
            AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://demo-bucket/answers"}},
        )
        sagemaker.create_endpoint(
            EndpointName=ENDPOINT,
            EndpointConfigName="demo-config",
            Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
        )
        self.aws.settle()

    def deliver(self, outcome: str) -> dict[str, Any]:
        """Sends the state-change event, as Lambda would, and shows the answer's outcome."""
        self.aws.clear_calls()
        started = time.monotonic()
        answer: dict[str, Any] = self.function.invoke(event())
        milliseconds = round((time.monotonic() - started) * 1000)
        calls = f"{len(self.aws.calls)} AWS calls, {len(self.aws.writes())} of them writes, {milliseconds} ms"
        table([("answer", str(answer.get("outcome")), calls)])
        self.expect("outcome", answer.get("outcome"), outcome)
        return answer

    def show_status(self, expected: str) -> None:
        """What `status` answers about the endpoint."""
        [variant] = self.function.invoke({"action": "status", "endpoint": ENDPOINT})["variants"]
        running, wanted = variant["instances"], variant["wanted"]
        table([("status", variant["state"], f"{running} instances run, {wanted} are wanted")])
        self.expect("status", variant["state"], expected)

    def show_scaling(self, expected: list[Row]) -> None:
        rows = self.scaling()
        table(rows)
        self.expect("scaling", rows, expected)

    def scaling(self) -> list[Row]:
        """What AWS says about the variant's scaling, one row for each thing."""
        autoscaling, cloudwatch = self.aws.client("application-autoscaling"), self.aws.client("cloudwatch")
        resource = resource_id(ENDPOINT, VARIANT)
        targets = autoscaling.describe_scalable_targets(ServiceNamespace=NAMESPACE, ResourceIds=[resource])
        policies = autoscaling.describe_scaling_policies(ServiceNamespace=NAMESPACE, ResourceId=resource)
        alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"scale-to-zero/{ENDPOINT}/")
        names = {policy["PolicyARN"]: policy["PolicyName"] for policy in policies["ScalingPolicies"]}
        by_name = sorted(policies["ScalingPolicies"], key=lambda policy: policy["PolicyName"])
        return [
            *([target_row(target) for target in targets["ScalableTargets"]] or NOTHING[:1]),
            *([policy_row(policy) for policy in by_name] or NOTHING[1:2]),
            *([alarm_row(alarm, names) for alarm in alarms["MetricAlarms"]] or NOTHING[2:]),
        ]

    def expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.differences.append(f"{what}: {found!r}, expected {expected!r}")


def event() -> dict[str, Any]:
    """The sample event, about the demo's endpoint."""
    sent: dict[str, Any] = json.loads(EVENT.read_text())
    arn = sent["resources"][0].rpartition("/")[0] + f"/{ENDPOINT}"
    return {
        **sent,
        "resources": [arn],
        "detail": {**sent["detail"], "EndpointName": ENDPOINT, "EndpointArn": arn},
    }


def changes(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [change for variant in answer.get("variants", []) for change in variant.get("changes", [])]


def change_row(change: dict[str, Any]) -> Row:
    return "wrote", change["change"], change.get("alarmName") or change.get("policyName") or ""


def target_row(target: dict[str, Any]) -> Row:
    return (
        "scalable target",
        target["ResourceId"],
        f"{target['MinCapacity']} to {target['MaxCapacity']} instances",
    )


def policy_row(policy: dict[str, Any]) -> Row:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if tracking:
        metric = tracking["CustomizedMetricSpecification"]["MetricName"]
        return "scaling policy", policy["PolicyName"], f"keeps {metric} at {tracking['TargetValue']}"
    step = policy["StepScalingPolicyConfiguration"]
    amounts = [adjustment["ScalingAdjustment"] for adjustment in step["StepAdjustments"]]
    verb = "adds" if step["AdjustmentType"] == "ChangeInCapacity" else "leaves"
    count = instances(amounts[0]) if len(amounts) == 1 else f"{min(amounts)} to {max(amounts)} instances"
    return "scaling policy", policy["PolicyName"], f"{verb} {count}"


def instances(count: int) -> str:
    return f"{count} instance" + ("" if count == 1 else "s")


def alarm_row(alarm: dict[str, Any], policies: dict[str, str]) -> Row:
    comparison = COMPARISONS.get(alarm["ComparisonOperator"], alarm["ComparisonOperator"])
    runs = ", ".join(policies.get(action, "nothing that exists") for action in alarm["AlarmActions"])
    expressions = [query["Expression"] for query in alarm.get("Metrics", []) if "Expression" in query]
    watched = expressions[0] if expressions else alarm["MetricName"]
    return "alarm", alarm["AlarmName"], f"{watched} {comparison} {alarm['Threshold']:g} runs {runs}"


def order_of(activity: dict[str, Any]) -> Row:
    """How many instances, and the policy that asked for them."""
    count = int(activity["Description"].rpartition(" ")[2].rstrip("."))
    return instances(count), activity["Cause"].rpartition(" ")[2]


def minutes(passed: timedelta) -> int:
    return round(passed.total_seconds() / 60)


def heading(text: str) -> None:
    print(f"\n{text}", flush=True)


def table(rows: Sequence[Row]) -> None:
    """Aligned columns: the first is as wide in every table, the last goes on below itself."""
    second = max((len(row[1]) for row in rows if len(row) > 2), default=0)
    for first, *cells in rows:
        start = f"  {first:<{FIRST_COLUMN}}" + (f"{cells[0]:<{second + 2}}" if len(cells) > 1 else "")
        lines = textwrap.wrap(cells[-1], max(LINE - len(start), 40)) or [""]
        print((start + f"\n{' ' * len(start)}".join(lines)).rstrip(), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--executable", default=default_executable())
    options = parser.parse_args(arguments)
    if not Path(options.executable).is_file():
        print(f"{options.executable} is not there: build it first", file=sys.stderr)
        return 2
    with LocalAws() as aws, Function(options.executable, aws_url=aws.url) as function:
        demo = Demo(aws, function)
        try:
            demo.run()
        except (FunctionError, FunctionDied) as error:
            demo.differences.append(str(error))
        demo.expect("requests that AWS's models refuse", aws.violations, [])
    if demo.differences:
        print("\nThis is not what was expected:", *demo.differences, sep="\n  ", file=sys.stderr)
        return 1
    print("\nAll as expected. Everything that was started is stopped again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
