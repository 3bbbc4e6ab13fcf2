"""What `make second-opinion` says by itself, without the emulator: pages, steps, its list of differences."""

from __future__ import annotations

import json
from pathlib import Path

import cbor2
import pytest
from sources import ROOT

from local.server import Request
from tools.second_opinion import emulator, endpoints, stack
from tools.second_opinion.differences import DIFFERENCES
from tools.second_opinion.report import Report


def request(operation: str, **parameters: object) -> Request:
    headers = {"X-Amz-Target": f"AnyScaleFrontendService.{operation}"}
    return Request("POST", "/", headers, json.dumps(parameters).encode())


def test_a_check_that_differs_is_counted_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    assert report.same("one", 1, 1)
    assert not report.same("two", 1, 2)
    report.known_difference("metric-math", "refused", "refused")
    assert (report.checks, report.differs) == (3, ["two: found 1, expected 2"])
    assert report.known == ["metric-math"]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "agrees",
        "DIFFERS",
        "agrees",
    ]


def test_a_known_difference_that_is_gone_differs() -> None:
    report = Report()
    report.known_difference("metric-math", "evaluated", "refused")
    assert report.known == []
    assert len(report.differs) == 1


def test_every_known_difference_is_looked_for() -> None:
    sources = "".join(path.read_text() for path in Path(ROOT, "tools", "second_opinion").glob("*.py"))
    for name in DIFFERENCES:
        calls = sources.split("known_difference(")[1:]
        assert any(call.lstrip().startswith(f'"{name}"') for call in calls), name


def test_pages_are_made_small_in_both_protocols_and_nothing_else_is_touched() -> None:
    asked = request("DescribeScalableTargets", MaxResults=50, ServiceNamespace="sagemaker")
    small = json.loads(emulator.with_page_size(asked, emulator.operation_of(asked), 3))
    assert small == {"MaxResults": 3, "ServiceNamespace": "sagemaker"}
    path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"
    alarms = Request("POST", path, {}, cbor2.dumps({"AlarmNamePrefix": "a"}))
    assert emulator.operation_of(alarms) == "DescribeAlarms"
    assert cbor2.loads(emulator.with_page_size(alarms, "DescribeAlarms", 3)) == {
        "AlarmNamePrefix": "a",
        "MaxRecords": 3,
    }
    put = request("PutScalingPolicy", PolicyName="a")
    assert emulator.with_page_size(put, emulator.operation_of(put), 3) == put.body


def test_a_step_is_found_by_how_far_the_value_is_over_the_threshold() -> None:
    steps = [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 1.5, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 1.5, "ScalingAdjustment": 2},
    ]
    policy = {"StepScalingPolicyConfiguration": {"StepAdjustments": steps}}
    assert [endpoints.step_of(policy, 1.0, value) for value in (1.0, 2.4, 2.5, 99.0)] == [1, 1, 2, 2]
    with pytest.raises(LookupError):
        endpoints.step_of(policy, 1.0, 0.9)


def test_every_sample_that_a_rule_is_asked_about_is_there() -> None:
    assert [sample for sample in stack.SAMPLES if not (ROOT / "events" / f"{sample}.json").is_file()] == []


def test_the_known_differences_are_those_of_the_book() -> None:
    page = (ROOT / "docs" / "what-the-local-aws-assumes.md").read_text()
    for name, difference in DIFFERENCES.items():
        row = f"| {difference.aws} | {difference.fakecloud} | {difference.stands_in} |"
        assert row in page, name
