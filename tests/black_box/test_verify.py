"""`make verify` against the local AWS: what is as expected, what differs, and what keeps it from looking."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber
from support import ENABLED, NOTHING, PREFIX, VARIANT, Json, apply, client, put_foreign_tracking, tags

from local.aws import FUNCTION_ACCESS_KEY, REGION, LocalAws
from local.faults import Fault
from local.runtime import Function, FunctionError
from tools.verify import __main__ as verify
from tools.verify.rows import AS_EXPECTED, DIFFERS, NOT_NOW

# With a capital: the ARN of an endpoint is in lower case all the same.
NAME = "Demo"
ACCOUNT_ID = "123456789012"

OUT_OF_REACH = {
    "a changed tag reaches the function by aws.tag",
    "the first request at zero instances wakes the endpoint",
    "scaling in spares an instance that works on a long request",
}
METRICS = (
    "HasBacklogWithoutCapacity",
    "ApproximateBacklogSize",
    "ApproximateBacklogSizePerInstance",
    "ApproximateAgeOfOldestRequest",
)
# What nothing has happened to show, where there is a ladder alarm.
LADDER_ACTS = "activity of the ladder alarm"
NOT_YET = {LADDER_ACTS, "the backlog while a request of over 2 minutes ran, in 14 days"}


@pytest.fixture
def healthy(aws: LocalAws) -> LocalAws:
    """A tagged endpoint that has run one idle instance for an hour."""
    make_healthy(aws, ENABLED)
    return aws


def make_healthy(aws: LocalAws, endpoint_tags: dict[str, str]) -> None:
    aws.create_endpoint(NAME, tags=endpoint_tags)
    endpoint = aws.account().endpoint(NAME)
    endpoint.creation_time = endpoint.last_modified_time = datetime.now(UTC) - timedelta(hours=1)
    for metric in METRICS:
        put_metric(aws, metric)
    report(aws)


def report(aws: LocalAws) -> None:
    """One instance, once a minute, for 20 minutes."""
    publish(aws, "CPUUtilization", {ago: [5.0] for ago in range(20)})


def publish(aws: LocalAws, name: str, values: dict[int, list[float]], of_variant: bool = True) -> None:
    """What AWS has published of a metric, by how many minutes ago."""
    namespace = "/aws/sagemaker/Endpoints" if name == "CPUUtilization" else "AWS/SageMaker"
    dimensions = {"EndpointName": NAME} | ({"VariantName": VARIANT} if of_variant else {})
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": pairs}
    now = datetime.now(UTC)
    for ago, samples in values.items():
        aws.publish(metric, now - timedelta(minutes=ago), *samples)


def put_metric(aws: LocalAws, metric: str, value: float = 0.0, **more_dimensions: str) -> None:
    """A datapoint a minute, for the last 20 minutes."""
    dimensions = {"EndpointName": NAME, **more_dimensions}
    client(aws, "cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": given} for name, given in dimensions.items()],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=minutes),
                "Value": value,
            }
            for minutes in range(20)
        ],
    )


def evaluate_alarms(aws: LocalAws) -> Callable[[float], None]:
    """What CloudWatch does while somebody waits, and the local AWS does not."""

    def sleep(_: float) -> None:
        for alarm in aws.account().cloudwatch.alarms.values():
            alarm.state_value = "OK"

    return sleep


class Verified:
    """One run, by way of its command line: the exit code and the rows of its file."""

    def __init__(self, path: Path, code: int) -> None:
        self.code = code
        self.text = path.read_text() if path.exists() else ""
        self.rows: list[dict[str, str]] = json.loads(self.text)["rows"] if self.text else []

    def having(self, verdict: str) -> set[tuple[str, str]]:
        return {(row["about"], row["what"]) for row in self.rows if row["verdict"] == verdict}

    def of(self, about: str, what: str) -> dict[str, str]:
        [found] = [row for row in self.rows if (row["about"], row["what"]) == (about, what)]
        return found


@pytest.fixture
def run(aws: LocalAws, function: Function, tmp_path: Path) -> Callable[..., Verified]:
    def run(*arguments: str, **given: Any) -> Verified:
        path = tmp_path / "verify.json"
        path.unlink(missing_ok=True)
        given = {"invoke": function.invoke, "client": aws.client, "sleep": evaluate_alarms(aws), **given}
        return Verified(path, verify.main(["--endpoint", NAME, "--json", str(path), *arguments], **given))

    return run


def as_the_function(aws: LocalAws) -> Callable[[str], Any]:
    """Clients that sign as the function does: amendments and faults are for them too."""

    @cache
    def client_of(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=aws.url,
            region_name=REGION,
            aws_access_key_id=FUNCTION_ACCESS_KEY,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    return client_of


# As expected.


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"idle_timeout": "10m", "wake_instances": "2"}, id="an idle timeout"),
        pytest.param({"min_capacity": "1", "max_capacity": "3"}, id="an instance always runs"),
        pytest.param({"warm_hours": "MON-FRI 08:00-18:00 Europe/Berlin"}, id="warm hours"),
        pytest.param({"pause": "true", "backlog_per_instance": "0.7"}, id="paused"),
    ],
)
def test_all_is_as_expected_of_a_healthy_endpoint(
    aws: LocalAws, function: Function, run: Callable[..., Verified], settings: dict[str, str]
) -> None:
    make_healthy(aws, tags(**settings))

    def invoke(payload: Json) -> Json:
        answer = function.invoke(payload)
        evaluate_alarms(aws)(0)
        return answer

    verified = run("--yes", invoke=invoke)
    assert verified.having(DIFFERS) == set()
    not_yet = (
        NOT_YET if settings.keys().isdisjoint({"wake_instances", "min_capacity"}) else NOT_YET - {LADDER_ACTS}
    )
    assert {what for _, what in verified.having(NOT_NOW)} == OUT_OF_REACH | not_yet
    assert len(verified.having(AS_EXPECTED)) > 60
    assert verified.code == 0


def test_an_endpoint_that_is_configured_already_is_only_read(
    healthy: LocalAws, function: Function, run: Callable[..., Verified]
) -> None:
    function.invoke(apply(NAME))
    healthy.clear_calls()

    verified = run("--yes")
    assert verified.having(DIFFERS) == set()
    assert verified.of("the function's answers", "outcome of apply")["found"] == "unchanged"
    assert healthy.writes() == []
    assert verified.code == 0


def test_it_writes_what_apply_writes_and_nothing_else(
    healthy: LocalAws, function: Function, run: Callable[..., Verified]
) -> None:
    run("--yes")
    verified = healthy.state(NAME)
    healthy.reset()
    make_healthy(healthy, ENABLED)
    function.invoke(apply(NAME))

    assert verified == healthy.state(NAME)


def test_whether_the_metric_comes_at_zero_instances_is_told_and_judged_neither_way(
    healthy: LocalAws, run: Callable[..., Verified]
) -> None:
    healthy.set_instances(NAME, 0)

    verified = run("--yes")
    asked = verified.of(
        "metric ApproximateBacklogSizePerInstance", "datapoints in 15 minutes with 0 instances"
    )
    assert (asked["expected"], asked["verdict"]) == ("any number", AS_EXPECTED)
    assert int(asked["found"]) >= 12
    assert verified.code == 0


def test_of_a_new_endpoint_without_a_datapoint_the_metrics_are_not_to_be_seen(
    aws: LocalAws, run: Callable[..., Verified]
) -> None:
    aws.create_endpoint(NAME, tags=ENABLED)

    verified = run("--yes")
    unseen = verified.having(NOT_NOW)
    assert {(f"metric {metric}", "listed under") for metric in METRICS} <= unseen
    assert verified.having(DIFFERS) == set()
    assert verified.code == 0


def test_a_list_of_tags_that_lags_behind_gets_its_time(
    healthy: LocalAws, run: Callable[..., Verified]
) -> None:
    healthy.amendments = {"GetResources": lambda answer: {**answer, "ResourceTagMappingList": []}}

    def sleep(seconds: float) -> None:
        healthy.amendments = {}
        evaluate_alarms(healthy)(seconds)

    verified = run("--yes", sleep=sleep, client=as_the_function(healthy))
    assert verified.having(DIFFERS) == set()
    assert verified.code == 0


def test_an_alarm_that_has_no_state_yet_is_not_judged(
    healthy: LocalAws, run: Callable[..., Verified]
) -> None:
    verified = run("--yes", "--wait", "0")
    about = f"alarm scale-to-zero/{NAME}/{VARIANT}/wake"
    assert (about, "StateValue, given a minute or two") in verified.having(NOT_NOW)
    assert verified.code == 0


# What differs.


def every(member: str, change: Callable[[Json], object]) -> Callable[[Json], Json]:
    """Changes every item of an answer's list that has what is to be changed."""

    def amend(answer: Json) -> Json:
        # A copy, since the local AWS answers from its memory.
        answer = json.loads(json.dumps(answer, default=_seconds))
        for item in answer[member]:
            change(item)
        return answer

    return amend


def _seconds(value: datetime) -> float:
    return value.replace(tzinfo=value.tzinfo or UTC).timestamp()


def change_low(alarm: Json) -> None:
    if "-AlarmLow-" in alarm["AlarmName"]:
        alarm["EvaluationPeriods"] = 10


def change_tracking(policy: Json) -> None:
    if policy["PolicyType"] == "TargetTrackingScaling":
        policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Unit"] = "Count"


RESOURCE = f"endpoint/{NAME}/variant/{VARIANT}"
OWN_ALARMS = [f"alarm scale-to-zero/{NAME}/{VARIANT}/{kind}" for kind in ("wake", "ladder", "spare", "idle")]
BACKLOG_POLICY = f"scaling policy scale-to-zero-backlog of {RESOURCE}"
NOT_SETTLED = {
    ("the function's answers", "outcome of the second plan"),
    ("the function's answers", "changes in the second plan"),
}

DRIFTS: dict[str, tuple[str, Callable[[Json], Json], set[tuple[str, str]]]] = {
    "target tracking scales in sooner": (
        "DescribeAlarms",
        every("MetricAlarms", change_low),
        {(f"alarm of target tracking on {RESOURCE}: AlarmLow", "EvaluationPeriods")},
    ),
    "an alarm has a field that nobody sent": (
        "DescribeAlarms",
        every("MetricAlarms", lambda alarm: alarm.update(EvaluateLowSampleCountPercentile="ignore")),
        {(alarm, "fields that AWS filled in") for alarm in OWN_ALARMS},
    ),
    "an alarm has a unit, which the function would take away": (
        "DescribeAlarms",
        every("MetricAlarms", lambda alarm: alarm.update(Unit="Count")),
        {(alarm, "fields that AWS filled in") for alarm in OWN_ALARMS} | NOT_SETTLED,
    ),
    "a policy has a unit, which the function would take away": (
        "DescribeScalingPolicies",
        every("ScalingPolicies", change_tracking),
        {(BACKLOG_POLICY, "fields that AWS filled in"), *NOT_SETTLED},
    ),
    "a policy names no alarm": (
        "DescribeScalingPolicies",
        every("ScalingPolicies", lambda policy: policy.update(Alarms=[])),
        {
            *[(alarm, "named in its policy's Alarms") for alarm in OWN_ALARMS],
            *NOT_SETTLED,
            (f"alarm of target tracking on {RESOURCE}: AlarmHigh", "AlarmName in Alarms"),
        },
    ),
    "a target has another role": (
        "DescribeScalableTargets",
        every("ScalableTargets", lambda target: target.update(RoleARN="arn:aws:iam::123456789012:role/own")),
        {(f"scalable target {RESOURCE}", "RoleARN")},
    ),
    "only the configuration tells that an endpoint is asynchronous": (
        "DescribeEndpoint",
        lambda answer: {**answer, "AsyncInferenceConfig": None},
        {(f"endpoint {NAME}", "AsyncInferenceConfig in DescribeEndpoint")},
    ),
    "an ARN keeps the capitals of the name": (
        "DescribeEndpoint",
        lambda answer: {**answer, "EndpointArn": answer["EndpointArn"].replace("demo", NAME)},
        {
            (f"endpoint {NAME}", "EndpointArn"),
            (f"tags of endpoint {NAME}", "by GetResources, given a minute or two"),
        },
    ),
    "the list of tags lacks the endpoint": (
        "GetResources",
        lambda answer: {**answer, "ResourceTagMappingList": []},
        {(f"tags of endpoint {NAME}", "by GetResources, given a minute or two")},
    ),
}


@pytest.mark.parametrize(("operation", "amend", "expected"), DRIFTS.values(), ids=DRIFTS)
def test_a_field_that_aws_answers_otherwise_differs(
    healthy: LocalAws,
    function: Function,
    run: Callable[..., Verified],
    operation: str,
    amend: Callable[[Json], Json],
    expected: set[tuple[str, str]],
) -> None:
    """Only after `apply`, as drift that it had found it would have mended."""

    def invoke(payload: Json) -> Json:
        answer = function.invoke(payload)
        if payload["action"] == "apply":
            healthy.amendments = {operation: amend}
        return answer

    verified = run("--yes", invoke=invoke, client=as_the_function(healthy))
    explained = {row for row in verified.having(DIFFERS) if row[0] == "the function's explanation"}
    assert verified.having(DIFFERS) - explained == expected
    assert verified.code == 1


def test_the_table_shows_what_differs(
    healthy: LocalAws,
    function: Function,
    run: Callable[..., Verified],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def invoke(payload: Json) -> Json:
        answer = function.invoke(payload)
        if payload["action"] == "apply":
            client(healthy, "application-autoscaling").register_scalable_target(
                ServiceNamespace="sagemaker",
                ScalableDimension="sagemaker:variant:DesiredInstanceCount",
                ResourceId=RESOURCE,
                MaxCapacity=9,
            )
        return answer

    assert run("--yes", invoke=invoke).code == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["MaxCapacity", "5", "9", "differs"] in [words[:4] for words in lines]


def test_a_metric_under_other_dimensions_only_differs(aws: LocalAws, run: Callable[..., Verified]) -> None:
    aws.create_endpoint(NAME, tags=ENABLED)
    put_metric(aws, "ApproximateBacklogSize", VariantName=VARIANT)

    verified = run("--yes")
    assert verified.having(DIFFERS) == {("metric ApproximateBacklogSize", "listed under")}
    assert (
        verified.of("metric ApproximateBacklogSize", "listed under")["found"]
        == "EndpointName and VariantName"
    )
    assert verified.code == 1


def test_a_metric_that_has_gaps_differs(healthy: LocalAws, run: Callable[..., Verified]) -> None:
    healthy.account().cloudwatch.metric_data = []
    put_metric(healthy, "HasBacklogWithoutCapacity", value=2.0)

    verified = run("--yes")
    assert verified.having(DIFFERS) == {
        ("metric HasBacklogWithoutCapacity", "values"),
        ("metric ApproximateBacklogSize", "datapoints in 15 minutes with 1 instances"),
        ("metric ApproximateBacklogSizePerInstance", "datapoints in 15 minutes with 1 instances"),
        ("metric ApproximateAgeOfOldestRequest", "datapoints in 15 minutes with 1 instances"),
    }
    assert verified.code == 1


def test_an_alarm_that_gets_no_state_differs(
    healthy: LocalAws, function: Function, run: Callable[..., Verified]
) -> None:
    function.invoke(apply(NAME))
    for alarm in healthy.account().cloudwatch.alarms.values():
        alarm.configuration_updated_timestamp -= timedelta(minutes=30)

    verified = run("--yes", sleep=lambda _: None)
    assert {about for about, _ in verified.having(DIFFERS)} == {
        OWN_ALARMS[0],
        f"alarm of target tracking on {RESOURCE}: AlarmHigh",
        f"alarm of target tracking on {RESOURCE}: AlarmLow",
    }
    assert verified.code == 1


def test_what_somebody_has_hung_on_an_alarm_is_no_difference(
    healthy: LocalAws, function: Function, run: Callable[..., Verified]
) -> None:
    function.invoke(apply(NAME))
    cloudwatch, topic = client(healthy, "cloudwatch"), "arn:aws:sns:eu-west-1:123456789012:own"
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[OWN_ALARMS[0].removeprefix("alarm ")])["MetricAlarms"]
    kept = {
        key: alarm[key]
        for key in (
            *("AlarmName", "AlarmDescription", "MetricName", "Namespace", "Dimensions", "Statistic"),
            *("Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator"),
            "TreatMissingData",
        )
    }
    cloudwatch.put_metric_alarm(**kept, AlarmActions=[*alarm["AlarmActions"], topic], OKActions=[topic])

    verified = run("--yes")
    assert verified.having(DIFFERS) == set()
    assert verified.of("the function's answers", "outcome of apply")["found"] == "unchanged"


# What the alarms rest on.

RESTS_ON = f"what the alarms of {RESOURCE} rest on"
ONE_REPORT = "SampleCount of CPUUtilization with 1 instances, every 60 s"
LONG_REQUEST = "the backlog while a request of over 2 minutes ran, in 14 days"


def fire_the_ladder(aws: LocalAws, minutes_ago: float) -> None:
    alarm = aws.account().cloudwatch.alarms[OWN_ALARMS[1].removeprefix("alarm ")]
    alarm.state_value = "ALARM"
    since = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    alarm.state_updated_timestamp = alarm.state_transitioned_timestamp = since


@pytest.mark.parametrize(
    ("fired", "acted", "verdict"),
    [
        (None, None, NOT_NOW),
        (None, 900, AS_EXPECTED),
        (2, None, NOT_NOW),
        (7, None, DIFFERS),
        (7, 900, DIFFERS),
        (7, 6.5, AS_EXPECTED),
    ],
)
def test_a_ladder_that_fires_has_to_start_something(
    healthy: LocalAws,
    function: Function,
    run: Callable[..., Verified],
    fired: float | None,
    acted: float | None,
    verdict: str,
) -> None:
    function.invoke(apply(NAME))
    evaluate_alarms(healthy)(0)
    if fired is not None:
        fire_the_ladder(healthy, fired)
    if acted is not None:
        cause = f"monitor alarm {OWN_ALARMS[1].removeprefix('alarm ')} in state ALARM triggered policy"
        healthy.add_activity(NAME, 3, "Successful", "done", minutes_ago=acted, cause=cause)
    healthy.add_activity(NAME, 1, "Successful", "done", minutes_ago=1)

    verified = run("--yes", sleep=lambda _: None)
    assert verified.of(RESTS_ON, LADDER_ACTS)["verdict"] == verdict, verified.of(RESTS_ON, LADDER_ACTS)


@pytest.mark.parametrize(("a_minute", "verdict"), [(1, AS_EXPECTED), (2, DIFFERS)])
def test_reports_have_to_count_the_instances(
    aws: LocalAws, run: Callable[..., Verified], a_minute: int, verdict: str
) -> None:
    make_healthy(aws, ENABLED)
    for _ in range(1, a_minute):
        report(aws)

    found = run("--yes").of(RESTS_ON, ONE_REPORT)
    assert (found["expected"], found["found"], found["verdict"]) == (
        "1 a minute",
        f"{a_minute} in 15 min",
        verdict,
    )


def test_reports_are_counted_by_how_often_the_endpoint_says_that_they_come(
    healthy: LocalAws, run: Callable[..., Verified]
) -> None:
    healthy.publish_every(NAME, 30)
    report(healthy)

    found = run("--yes").of(RESTS_ON, ONE_REPORT.replace("60 s", "30 s"))
    assert (found["expected"], found["verdict"]) == ("2 a minute", AS_EXPECTED)


@pytest.mark.parametrize(
    ("seconds", "backlog", "verdict"),
    [(119, 0, NOT_NOW), (150, 1, AS_EXPECTED), (150, 0, DIFFERS), (150, None, NOT_NOW)],
)
def test_the_backlog_has_to_count_what_runs(
    healthy: LocalAws, run: Callable[..., Verified], seconds: float, backlog: float | None, verdict: str
) -> None:
    """Ten days ago, that is: long requests are seldom."""
    ended = 10 * 24 * 60
    publish(healthy, "ModelLatency", {ended: [seconds * 1e6]})
    if backlog is not None:
        publish(healthy, "ApproximateBacklogSize", {ended + 1: [backlog]}, of_variant=False)

    verified = run("--yes")
    assert verified.of(RESTS_ON, LONG_REQUEST)["verdict"] == verdict
    assert verified.code == (1 if verdict == DIFFERS else 0)


# The explanation.


def explanation(aws: LocalAws) -> Json:
    """As the function gives it, of an endpoint that is configured."""
    return {
        "endpoint": NAME,
        "outcome": "explained",
        "summary": "All is well.",
        "findings": [{"code": "all-well", "about": "all", "sentence": "All is well."}],
        "found": {
            "status": "InService",
            "async": True,
            "managed": True,
            "tags": ENABLED,
            "variants": [
                {
                    "variant": VARIANT,
                    "currentInstances": 1,
                    "desiredInstances": 1,
                    "minCapacity": 0,
                    "maxCapacity": 5,
                    "policies": [f"scale-to-zero-{name}" for name in ("backlog", "wake", "spare", "idle")],
                    "alarms": [{"alarmName": name, "state": "OK"} for name in aws.state(NAME)["alarms"]],
                    "pendingChanges": [],
                }
            ],
        },
    }


def explaining(function: Function, explain: Callable[[], Json]) -> verify.Invoke:
    return lambda payload: explain() if payload["action"] == "explain" else function.invoke(payload)


def test_an_explanation_that_tells_what_aws_tells_is_as_expected(
    healthy: LocalAws, function: Function, run: Callable[..., Verified]
) -> None:
    verified = run("--yes", invoke=explaining(function, lambda: explanation(healthy)))
    assert verified.of("the function's explanation", "findings")["found"] == "all-well"
    assert verified.having(DIFFERS) == set()
    assert verified.code == 0


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("currentInstances", 0, "currentInstances"),
        ("maxCapacity", 4, "maxCapacity"),
        ("policies", [], "policies"),
        ("alarms", [], "alarms not mentioned"),
        ("pendingChanges", ["put-metric-alarm"], "pendingChanges"),
    ],
)
def test_an_explanation_that_tells_something_else_differs(
    healthy: LocalAws, function: Function, run: Callable[..., Verified], key: str, value: object, what: str
) -> None:
    def explain() -> Json:
        told = explanation(healthy)
        told["found"]["variants"][0][key] = value
        return told

    verified = run("--yes", invoke=explaining(function, explain))
    assert verified.having(DIFFERS) == {("the function's explanation", f"{VARIANT}: {what}")}
    assert verified.code == 1


def test_what_an_explanation_could_not_read_differs(
    healthy: LocalAws, function: Function, run: Callable[..., Verified]
) -> None:
    def explain() -> Json:
        sentence = "The scaling activities couldn't be read: AccessDeniedException."
        findings = [{"code": "unreadable", "about": "all", "sentence": sentence}]
        return explanation(healthy) | {"findings": findings}

    verified = run("--yes", invoke=explaining(function, explain))
    assert verified.having(DIFFERS) == {("the function's explanation", "what it could not read")}
    assert verified.code == 1


@pytest.mark.parametrize(
    ("error_type", "verdict", "code"), [("InvalidPayload", NOT_NOW, 0), ("AccessDenied", DIFFERS, 1)]
)
def test_a_function_that_does_not_know_the_action_is_old_and_any_other_error_differs(
    healthy: LocalAws,
    function: Function,
    run: Callable[..., Verified],
    error_type: str,
    verdict: str,
    code: int,
) -> None:
    def explain() -> Json:
        raise FunctionError(error_type, "explain is none of mine")

    verified = run("--yes", invoke=explaining(function, explain))
    assert verified.of("the function's explanation", "outcome")["verdict"] == verdict
    assert verified.code == code


# What keeps it from looking.


def test_an_unknown_endpoint_is_named_and_nothing_is_invoked(
    aws: LocalAws, run: Callable[..., Verified], capsys: pytest.CaptureFixture[str]
) -> None:
    def invoke(_: Json) -> Json:
        raise AssertionError("the function must not be invoked")

    verified = run("--yes", invoke=invoke)
    assert (verified.code, verified.rows) == (2, [])
    assert capsys.readouterr().err == "Could not verify: there is no endpoint 'Demo' in eu-west-1\n"


@pytest.mark.parametrize("typed", ["", "n\n", "\n", "yess\n"])
def test_without_consent_nothing_is_written(
    healthy: LocalAws,
    run: Callable[..., Verified],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    assert run().code == 2
    shown = capsys.readouterr()
    assert "apply will make 9 changes:\n  register-scalable-target\n" in shown.out
    assert f"  put-metric-alarm scale-to-zero/{NAME}/{VARIANT}/wake\n" in shown.out
    assert "nothing was written" in shown.err
    assert healthy.writes() == []
    assert healthy.state(NAME) == NOTHING


def test_consent_has_it_written(
    healthy: LocalAws, run: Callable[..., Verified], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    assert run().code == 0
    assert len(healthy.writes()) == 9


def opt_out(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint(NAME, tags=ENABLED)
    function.invoke(apply(NAME))
    aws.retag(NAME, {f"{PREFIX}enabled": "false"})
    aws.clear_calls()


def conflict(aws: LocalAws, _: Function) -> None:
    aws.create_endpoint(NAME, tags=ENABLED)
    client(aws, "application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        ResourceId=RESOURCE,
        MinCapacity=1,
        MaxCapacity=4,
    )
    aws.set_instances(NAME, 1)
    put_foreign_tracking(aws, resource=RESOURCE)


REFUSALS: dict[str, tuple[Callable[[LocalAws, Function], object], str]] = {
    "not managed": (lambda aws, _: aws.create_endpoint(NAME), "skipped; not-managed"),
    "real-time": (
        lambda aws, _: aws.create_endpoint(NAME, tags=ENABLED, asynchronous=False),
        "skipped; not-async",
    ),
    "a bad tag": (
        lambda aws, _: aws.create_endpoint(NAME, tags=tags(max_capacity="0")),
        f"invalid; {PREFIX}max-capacity must be an integer",
    ),
    "of another owner": (conflict, "conflict; another owner scales this endpoint"),
    "opted out": (opt_out, "has opted out"),
}


@pytest.mark.parametrize(("prepare", "message"), REFUSALS.values(), ids=REFUSALS)
def test_an_endpoint_that_the_function_does_not_keep_is_refused_with_the_reason(
    aws: LocalAws,
    function: Function,
    run: Callable[..., Verified],
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[LocalAws, Function], object],
    message: str,
) -> None:
    prepare(aws, function)

    assert run("--yes").code == 2
    assert message in capsys.readouterr().err
    assert aws.writes() == []


def test_a_failed_apply_is_told(
    healthy: LocalAws, run: Callable[..., Verified], capsys: pytest.CaptureFixture[str]
) -> None:
    healthy.faults = [Fault("PutMetricAlarm", "access_denied")]

    assert run("--yes").code == 2
    assert "apply failed: AccessDenied: PutMetricAlarm for endpoint Demo" in capsys.readouterr().err


def test_what_may_not_be_read_is_told_and_the_rest_is_compared(
    healthy: LocalAws, run: Callable[..., Verified], capsys: pytest.CaptureFixture[str]
) -> None:
    healthy.faults = [Fault("GetResources", "access_denied")]

    verified = run("--yes", client=as_the_function(healthy))
    assert ("tags", "all of it") in verified.having(NOT_NOW)
    assert len(verified.having(AS_EXPECTED)) > 60
    assert "Could not read tags: An error occurred (AccessDeniedException)" in capsys.readouterr().err
    assert verified.code == 2


# The report, and the way by Lambda.


def test_the_report_holds_every_column_and_no_account_id(
    healthy: LocalAws, run: Callable[..., Verified], capsys: pytest.CaptureFixture[str]
) -> None:
    verified = run("--yes")
    report = json.loads(verified.text)
    assert (report["endpoint"], report["region"]) == (NAME, REGION)
    assert {tuple(row) for row in report["rows"]} == {
        ("about", "what", "expected", "found", "verdict", "source")
    }
    assert all(row["source"] for row in report["rows"])
    arn = verified.of(BACKLOG_POLICY, "PolicyARN")["found"]
    assert arn.startswith(f"arn:aws:autoscaling:{REGION}:{'*' * 12}:scalingPolicy:")
    assert ACCOUNT_ID not in verified.text + capsys.readouterr().out


def stubbed(service: str) -> tuple[Any, Stubber]:
    own = boto3.client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    return own, Stubber(own)


@pytest.mark.parametrize("failed", [False, True])
def test_the_function_is_invoked_by_lambda_and_its_errors_are_told_apart(failed: bool) -> None:
    own, stubber = stubbed("lambda")
    body = json.dumps(
        {"errorType": "Throttled", "errorMessage": "slow down"} if failed else {"outcome": "unchanged"}
    ).encode()
    answer = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body))}
    stubber.add_response(
        "invoke",
        answer | ({"FunctionError": "Unhandled"} if failed else {}),
        {
            "FunctionName": "scaler",
            "InvocationType": "RequestResponse",
            "Payload": b'{"action": "plan", "endpoint": "demo"}',
        },
    )
    invoke = verify.invoke_by_lambda(lambda _: own, "scaler")
    payload = {"action": "plan", "endpoint": "demo"}
    with stubber:
        if failed:
            with pytest.raises(FunctionError, match="Throttled: slow down"):
                invoke(payload)
        else:
            assert invoke(payload) == {"outcome": "unchanged"}


def test_the_functions_name_is_the_output_of_its_stack() -> None:
    own, stubber = stubbed("cloudformation")
    stack = {
        "StackName": "scaling",
        "CreationTime": datetime.now(UTC),
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": "FunctionName", "OutputValue": "scaling-Function-1A2B"}],
    }
    stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "scaling"})
    stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id none does not exist")
    with stubber:
        assert verify.function_of("scaling", lambda _: own) == "scaling-Function-1A2B"
        with pytest.raises(verify.CannotVerify, match="make deploy"):
            verify.function_of("none", lambda _: own)


def test_the_region_is_that_of_the_environment_or_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")

    assert verify.clients_of(None)("sagemaker").meta.region_name == "eu-west-3"
    assert verify.clients_of("us-east-2")("sagemaker").meta.region_name == "us-east-2"
