"""Sweeps over a fleet whose lists come in pages of three, by themselves and through a queue."""

from __future__ import annotations

import json

from local.runtime import Function
from tools.second_opinion.emulator import Emulator, Json, SmallPages
from tools.second_opinion.endpoints import Endpoint, outcome, settings
from tools.second_opinion.report import Report

MANAGED, OTHERS = 10, 4
PAGE = 3
# Things in each list, once the managed endpoints are configured.
LISTED = {
    "ListEndpoints": MANAGED + OTHERS,
    "GetResources": MANAGED + OTHERS,
    "DescribeScalableTargets": MANAGED,
    "DescribeScalingPolicies": 4 * MANAGED,
    "DescribeScheduledActions": 2 * 2,
    "DescribeAlarms": 4 * MANAGED,
}
WRITES = (
    *("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"),
    *(
        "PutScheduledAction",
        "DeleteScheduledAction",
        "PutMetricAlarm",
        "DeleteAlarms",
        "AddTags",
        "DeleteTags",
    ),
)
# The template's.
BATCH = 5


def run(report: Report, emulator: Emulator, executable: str) -> None:
    fleet = [
        # Two of them have warm hours, so that there are scheduled actions to list.
        Endpoint(
            emulator,
            f"managed-{number}",
            settings(enabled="true", **({"warm_hours": "MON 08:00-18:00 UTC"} if number < 2 else {})),
        )
        for number in range(MANAGED)
    ]
    others = [Endpoint(emulator, f"other-{number}", {"team": "a"}) for number in range(OTHERS)]

    report.part(f"A sweep over {MANAGED} managed and {OTHERS} other endpoints, in pages of {PAGE}")
    listed = listed_by_tags(emulator)
    unlisted = Endpoint(emulator, "unlisted", {})
    unlisted.sagemaker.add_tags(ResourceArn=unlisted.arn, Tags=[{"Key": "team", "Value": "a"}])
    report.known_difference("resource-tags", listed_by_tags(emulator), listed)
    unlisted.delete()

    with SmallPages(emulator.url, PAGE) as pages, Function(executable, aws_url=pages.url) as function:
        planned = function.invoke({"action": "plan"})
        report.same("planned", planned["counts"].get("planned"), MANAGED)
        report.same("a plan writes nothing", writes(pages), 0)
        swept = function.invoke({"action": "sweep"})
        report.same("a sweep", outcome(swept), "swept")
        report.same("sees all of them", swept["endpoints"], MANAGED + OTHERS)
        report.same("configures the managed ones", swept["counts"].get("configured"), MANAGED)
        for endpoint in fleet:
            everything = endpoint.everything()
            found = [len(everything[what]) for what in ("policies", "alarms")]
            report.same(f"{endpoint.name}: four policies, four alarms", found, [4, 4])
            report.holds(f"{endpoint.name}: its target", everything["target"])
        for endpoint in others:
            report.same(f"{endpoint.name}: nothing", endpoint.target(), None)
        # The alarms of target tracking, which seem to be lost, once.
        function.invoke({"action": "sweep"})
        pages.calls.clear()
        swept = function.invoke({"action": "sweep"})
        report.same("the next has nothing to do", swept["counts"], {"unchanged": MANAGED, "skipped": OTHERS})
        report.same("and writes nothing", writes(pages), 0)
        for operation, count in LISTED.items():
            least = -(-count // PAGE)
            report.holds(f"{operation} takes {least} pages or more", pages.calls[operation] >= least)

        report.part("A sweep puts right what others have done")
        emulator.client("cloudwatch").delete_alarms(
            AlarmNames=[f"scale-to-zero/{endpoint.name}/AllTraffic/idle" for endpoint in fleet[3:7]]
        )
        fleet[8].delete()
        fleet[9].tag(enabled="no")
        swept = function.invoke({"action": "sweep"})
        report.same("alarms that were gone", swept["counts"].get("configured"), 4)
        report.same("an endpoint that is gone, and one that was opted out", swept["counts"].get("removed"), 2)
        report.same("the one leaves nothing", fleet[8].alarms(), {})
        report.same("nor does the other", (fleet[9].target(), fleet[9].alarms()), (None, {}))
        status = function.invoke({"action": "status"})
        report.same("the status of the fleet", status["counts"], {"awake": MANAGED - 2})

        report.part("All that was made is removed")
        removed = function.invoke({"action": "remove"})
        report.same("removed", removed["counts"].get("removed"), MANAGED - 2)
        left = [endpoint.name for endpoint in fleet if endpoint.target() or endpoint.alarms()]
        report.same("nothing is left", left, [])

    through_a_queue(report, emulator, executable)


def listed_by_tags(emulator: Emulator) -> list[str]:
    tagging = emulator.client("resourcegroupstaggingapi")
    found = tagging.get_resources(ResourceTypeFilters=["sagemaker:endpoint"])["ResourceTagMappingList"]
    return sorted(mapping["ResourceARN"] for mapping in found)


def through_a_queue(report: Report, emulator: Emulator, executable: str) -> None:
    report.part("A sweep that hands its work to a queue")
    sqs = emulator.client("sqs")
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    with SmallPages(emulator.url, PAGE) as pages:
        # The address of a queue is where it is called.
        here = queue.replace(emulator.url, pages.url)
        with Function(executable, aws_url=pages.url, environment={"WORK_QUEUE_URL": here}) as function:
            swept = function.invoke({"action": "sweep"})
            report.same("a sweep", outcome(swept), "swept")
            handed = messages(sqs, queue)
            report.same("one message for each", len(handed), MANAGED - 2)
            for start in range(0, len(handed), BATCH):
                answer = function.invoke({"Records": handed[start : start + BATCH]})
                report.same("a batch without a failure", answer, {"batchItemFailures": []})
            for message in handed:
                name = json.loads(message["body"])["endpoint"]
                target = emulator.client("application-autoscaling").describe_scalable_targets(
                    ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{name}/variant/AllTraffic"]
                )
                report.same(f"{name} is configured", len(target["ScalableTargets"]), 1)


def writes(pages: SmallPages) -> int:
    return sum(pages.calls[operation] for operation in WRITES)


def messages(sqs: object, queue: str) -> list[Json]:
    """All that are there, as Lambda's event source hands them over."""
    found: dict[str, Json] = {}
    while True:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)  # type: ignore[attr-defined]
        if not received.get("Messages"):
            return list(found.values())
        for message in received["Messages"]:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])  # type: ignore[attr-defined]
            found[message["MessageId"]] = {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
                "awsRegion": "eu-west-1",
            }
