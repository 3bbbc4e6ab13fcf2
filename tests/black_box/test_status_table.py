"""`make status` shows what the function answers about the fleet as a table, with colours on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from support import ENABLED

from local.aws import LocalAws
from local.runtime import Function
from tools.status import table


def test_every_managed_endpoint_has_a_line(aws: LocalAws, function: Function) -> None:
    for name, instances in (("demo", 0), ("whisper", 2)):
        aws.create_endpoint(name, tags=ENABLED)
        aws.set_instances(name, instances)
    aws.set_instances("whisper", 1, 3)
    cause = "monitor alarm some in state ALARM triggered policy theirs"
    aws.add_activity("demo", 1, "Successful", "done", minutes_ago=400, seconds=540, cause=cause)
    aws.add_activity("demo", 0, "Successful", "done", minutes_ago=130, seconds=60, cause=cause)
    aws.publish_backlog("whisper", 12)
    answer = function.invoke({"action": "status"})
    # When SageMaker last changed it is a matter of this run.
    for result in answer["results"]:
        if result["endpoint"] == "whisper":
            result["variants"][0]["since"] = None

    assert table(answer, datetime.now(UTC), coloured=False).splitlines() == [
        "ENDPOINT  VARIANT     STATE   INSTANCES  SINCE           WAKES IN  WAITING  LAST",
        "demo      AllTraffic  asleep          0  2 h 09 min ago         -        -  theirs (another's)",
        "whisper   AllTraffic  awake      1 of 3  -                      -       12  -",
        "2 endpoints: 1 asleep, 1 awake",
    ]


def test_a_terminal_gets_colours(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    answer = function.invoke({"action": "status"})
    coloured = table(answer, datetime.now(UTC), coloured=True)
    plain = table(answer, datetime.now(UTC), coloured=False)
    assert coloured.replace("\033[32m", "").replace("\033[0m", "") == plain != coloured


def test_an_account_without_endpoints_says_so(function: Function) -> None:
    answer = function.invoke({"action": "status"})
    assert table(answer, datetime.now(UTC), coloured=False).endswith("0 endpoints: none is managed")
