"""What watches the function: dashboard, alarms and their topic; and what the stack can do without."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.black_box.template import (
    ALARMS,
    ALL_THERE,
    FUNCTION,
    GENERATED,
    LEFT_OUT,
    PARAMETERS,
    QUEUES,
    RESOURCES,
    ROOT,
    RULES,
    TEMPLATE,
    TOPIC,
    holds,
    referred_to,
    resolved,
    settled,
    statements,
)

Metric = tuple[str, str]

METRICS_RS = ROOT / "src" / "metrics.rs"

# What AWS publishes, with the names of its dimensions.
PUBLISHED: dict[Metric, tuple[str, ...]] = {
    # https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
    ("AWS/SageMaker", "ApproximateBacklogSize"): ("EndpointName",),
    ("AWS/SageMaker", "ApproximateAgeOfOldestRequest"): ("EndpointName",),
    ("AWS/SageMaker", "HasBacklogWithoutCapacity"): ("EndpointName",),
    # https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    ("/aws/sagemaker/Endpoints", "CPUUtilization"): ("EndpointName", "VariantName"),
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Duration"): ("FunctionName",),
    ("AWS/Lambda", "Errors"): ("FunctionName",),
    ("AWS/Lambda", "Throttles"): ("FunctionName",),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName",),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName",),
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    ("AWS/Events", "Invocations"): ("RuleName",),
}

# What the function counts.
COUNTED: dict[Metric, tuple[str, ...]] = {
    ("ScaleToZero", "Invocations"): ("Outcome",),
    ("ScaleToZero", "Changes"): ("Change",),
    ("ScaleToZero", "AwsCalls"): (),
    ("ScaleToZero", "ThrottledCalls"): (),
    ("ScaleToZero", "Duration"): (),
    ("ScaleToZero", "FailedWork"): (),
    ("ScaleToZero", "ManagedEndpoints"): (),
    ("ScaleToZero", "AsleepEndpoints"): (),
    ("ScaleToZero", "InvalidEndpoints"): (),
    ("ScaleToZero", "ConflictingEndpoints"): (),
    ("ScaleToZero", "PausedEndpoints"): (),
}

METRICS = PUBLISHED | COUNTED


def test_what_the_function_counts_is_what_its_source_names() -> None:
    constants = dict(re.findall(r'^pub const (\w+): &str = "(\w+)";', METRICS_RS.read_text(), re.MULTILINE))
    dimensions = {constants.pop("OUTCOME"), constants.pop("CHANGE")}
    namespace = constants.pop("NAMESPACE")
    assert constants.pop("FAILED") == "failed"
    assert {(namespace, name) for name in constants.values()} == set(COUNTED)
    assert {dimension for names in COUNTED.values() for dimension in names} == dimensions


# What a dimension of a metric of the stack's own parts has to name.
NAMED_BY = {
    "FunctionName": {"Function"},
    "QueueName": {f"{queue}.QueueName" for queue in QUEUES},
    "RuleName": {f"Function{rule}" for rule in RULES},
}

# As far as widgets of text and metrics go:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
STATISTIC = {"enum": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]}
PERIOD = {"type": "integer", "minimum": 60, "multipleOf": 60}
AXIS = {
    "type": "object",
    "properties": {
        "label": {"type": "string"},
        "min": {"type": "number"},
        "max": {"type": "number"},
        "showUnits": {"type": "boolean"},
    },
    "additionalProperties": False,
}
RENDERING = {
    "type": "object",
    "properties": {
        "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        "expression": {"type": "string", "maxLength": 1024},
        "id": {"type": "string", "pattern": "^[a-z][A-Za-z0-9_]*$"},
        "label": {"type": "string"},
        "period": PERIOD,
        "region": {"type": "string"},
        "stat": STATISTIC,
        "visible": {"type": "boolean"},
        "yAxis": {"enum": ["left", "right"]},
    },
    "additionalProperties": False,
}
WIDGET_TYPES: dict[str, Any] = {
    "text": {
        "type": "object",
        "properties": {
            "markdown": {"type": "string"},
            "background": {"enum": ["transparent", "solid"]},
        },
        "required": ["markdown"],
        "additionalProperties": False,
    },
    "metric": {
        "type": "object",
        "properties": {
            "legend": {
                "type": "object",
                "properties": {"position": {"enum": ["right", "bottom", "hidden"]}},
                "additionalProperties": False,
            },
            "liveData": {"type": "boolean"},
            "metrics": {
                "type": "array",
                "maxItems": 500,
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"anyOf": [{"type": "string"}, RENDERING]},
                },
            },
            "period": PERIOD,
            "region": {"type": "string"},
            "setPeriodToTimeRange": {"type": "boolean"},
            "singleValueFullPrecision": {"type": "boolean"},
            "sparkline": {"type": "boolean"},
            "stacked": {"type": "boolean"},
            "stat": STATISTIC,
            "title": {"type": "string"},
            "view": {"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie"]},
            "yAxis": {
                "type": "object",
                "properties": {"left": AXIS, "right": AXIS},
                "additionalProperties": False,
            },
        },
        "required": ["metrics", "region"],
        "additionalProperties": False,
    },
}
DASHBOARD_SCHEMA = {
    "type": "object",
    "properties": {
        "start": {"type": "string", "pattern": "^-P(T[0-9]+[MH]|[0-9]+[DWM])$"},
        "periodOverride": {"enum": ["auto", "inherit"]},
        "widgets": {
            "type": "array",
            "maxItems": 500,
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": sorted(WIDGET_TYPES)},
                    "x": {"type": "integer", "minimum": 0, "maximum": 23},
                    "y": {"type": "integer", "minimum": 0},
                    "width": {"type": "integer", "minimum": 1, "maximum": 24},
                    "height": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "properties": {"type": "object"},
                },
                "required": ["type", "properties"],
                "additionalProperties": False,
                "allOf": [
                    {
                        "if": {"properties": {"type": {"const": name}}},
                        "then": {"properties": {"properties": properties}},
                    }
                    for name, properties in WIDGET_TYPES.items()
                ],
            },
        },
    },
    "required": ["widgets"],
    "additionalProperties": False,
}


def dashboard() -> dict[str, Any]:
    """Its body, where a reference reads as the name of what it refers to."""
    text = RESOURCES["FleetDashboard"]["Properties"]["DashboardBody"]
    body: dict[str, Any] = json.loads(resolved(text, {"AWS::Region": "eu-west-1"}))
    return body


WIDGETS = dashboard()["widgets"]
GRAPHS = [widget["properties"] for widget in WIDGETS if widget["type"] == "metric"]


def searched(expression: str) -> tuple[Metric, tuple[str, ...]]:
    """The metric of a search, and the names of its dimensions."""
    search = re.fullmatch(
        r"SEARCH\('\{(\"[^\"]+\"|[A-Za-z0-9/]+)((?:,\w+)*)\} (?:MetricName=\"(\w+)\"|(\w+))', '(\w+)'\)",
        expression,
    )
    assert search, expression
    assert search[5] in STATISTIC["enum"]
    return (search[1].strip('"'), search[3] or search[4]), tuple(search[2].split(",")[1:])


def shown() -> Iterator[tuple[Metric, dict[str, str | None]]]:
    """Every metric on the dashboard, with its dimensions; a search gives them no values."""
    for graph in GRAPHS:
        for line in graph["metrics"]:
            match line:
                case [{"expression": expression}]:
                    metric, dimensions = searched(expression)
                    yield metric, dict.fromkeys(dimensions)
                case [str(namespace), str(name), *rest]:
                    pairs = [part for part in rest if isinstance(part, str)]
                    yield (namespace, name), dict(zip(pairs[::2], pairs[1::2], strict=True))


def watched(alarm: dict[str, Any]) -> Iterator[tuple[Metric, dict[str, Any]]]:
    """Every metric that an alarm goes by, with its dimensions; a query gives them no values."""
    for source in alarm.get("Metrics", [{"MetricStat": {"Metric": alarm}}]):
        match source:
            case {"MetricStat": {"Metric": metric}}:
                dimensions = {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions", [])}
                yield (metric["Namespace"], metric["MetricName"]), dimensions
            case {"Expression": str(text)} if text.startswith("SELECT"):
                query = re.fullmatch(
                    r"SELECT MAX\((\w+)\) FROM SCHEMA\(\"([^\"]+)\", (\w+)\) "
                    r"GROUP BY \3 ORDER BY MAX\(\) DESC",
                    " ".join(text.split()),
                )
                assert query, text
                yield (query[2], query[1]), {query[3]: None}


# The dashboard.


def test_the_body_of_the_dashboard_is_one_that_cloudwatch_understands() -> None:
    jsonschema.Draft202012Validator.check_schema(DASHBOARD_SCHEMA)
    jsonschema.validate(dashboard(), DASHBOARD_SCHEMA)


@pytest.mark.parametrize(
    "broken",
    [
        {"widgets": [{"type": "metrics", "properties": {"metrics": [], "region": "eu-west-1"}}]},
        {"widgets": [{"type": "metric", "properties": {"metrics": []}}]},
        {"widgets": [{"type": "metric", "properties": {"metrics": [], "region": "r", "views": "pie"}}]},
        {"widgets": [{"type": "metric", "properties": {"metrics": [[{"id": "A"}]], "region": "r"}}]},
        {"widgets": [{"type": "text", "x": 24, "properties": {"markdown": ""}}]},
    ],
    ids=["type", "no region", "property", "id", "column"],
)
def test_a_body_that_cloudwatch_does_not_understand_is_told(broken: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(DASHBOARD_SCHEMA).is_valid(broken)


def test_no_widget_lies_on_another_or_beyond_the_edge() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in WIDGETS:
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not taken & cells, widget["properties"].get("title")
        taken |= cells
    assert len(taken) == 24 * (1 + max(y for _, y in taken)), "there are gaps"


def test_every_metric_on_the_dashboard_is_published_with_these_dimensions() -> None:
    for metric, dimensions in shown():
        assert tuple(dimensions) == METRICS[metric], metric
        for name, value in dimensions.items():
            assert value is None or value in NAMED_BY[name], (metric, value)


def test_every_graph_has_a_title_of_its_own_and_shows_the_region_of_the_stack() -> None:
    titles = [graph["title"] for graph in GRAPHS]
    assert len(set(titles)) == len(titles)
    assert {graph["region"] for graph in GRAPHS} == {"eu-west-1"}


def test_the_dashboard_shows_all_that_has_to_be_seen() -> None:
    metrics = list(shown())
    assert {metric for metric, _ in metrics} == METRICS.keys() - {("ScaleToZero", "Duration")}
    assert {d["QueueName"] for _, d in metrics if "QueueName" in d} == NAMED_BY["QueueName"]


def test_dashboards_of_two_regions_have_different_names() -> None:
    # They are global: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    name = RESOURCES["FleetDashboard"]["Properties"]["DashboardName"]
    assert name == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}


# Alarms.


@pytest.mark.parametrize("name", ALARMS)
def test_every_metric_of_an_alarm_is_published_with_these_dimensions(name: str) -> None:
    metrics = list(watched(ALARMS[name]))
    assert metrics
    for metric, dimensions in metrics:
        assert tuple(dimensions) == METRICS[metric], metric
        for dimension, value in dimensions.items():
            match value:
                case {"Ref": text}:
                    assert text in NAMED_BY[dimension]
                case {"Fn::GetAtt": parts}:
                    assert ".".join(parts) in NAMED_BY[dimension]
                case _:
                    assert value is None


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_what_to_do(name: str) -> None:
    description = ALARMS[name]["AlarmDescription"]
    assert len(description) <= 1024
    assert len(re.findall(r"[^.]+\.(?= |$)", description)) > 1, "only what has happened"


@pytest.mark.parametrize("name", ALARMS)
def test_the_period_of_an_alarm_is_one_that_cloudwatch_accepts(name: str) -> None:
    alarm = ALARMS[name]
    sources = [source.get("MetricStat", source) for source in alarm.get("Metrics", [alarm])]
    periods = {source["Period"] for source in sources if "Period" in source}
    [period] = periods
    given = alarm["EvaluationPeriods"]
    longest = PARAMETERS[given["Ref"]]["MaxValue"] if isinstance(given, dict) else given
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html and for queries
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
    is_query = any("SELECT" in source.get("Expression", "") for source in alarm.get("Metrics", []))
    limit = 3 * 3600 if is_query else 24 * 3600 if period < 3600 else 7 * 24 * 3600
    assert period % 60 == 0
    assert period * longest <= limit


@pytest.mark.parametrize("name", [name for name in ALARMS if "Metrics" in ALARMS[name]])
def test_an_alarm_watches_one_of_its_metrics(name: str) -> None:
    returned = [source for source in ALARMS[name]["Metrics"] if source["ReturnData"]]
    assert len(returned) == 1


def test_a_request_that_waits_for_no_instance_is_told_for_each_endpoint_by_itself() -> None:
    alarm = ALARMS["WakeAlarm"]
    [(metric, dimensions)] = watched(alarm)
    assert metric == ("AWS/SageMaker", "HasBacklogWithoutCapacity")
    assert list(dimensions) == ["EndpointName"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    # Every minute of them, so that an endpoint which just takes its time to start is none.
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == {"Ref": "WakeAlarmMinutes"}
    assert alarm["TreatMissingData"] == "notBreaching"
    assert holds("HasWakeAlarm", {}) is True
    assert holds("HasWakeAlarm", {"WakeAlarmMinutes": "0"}) is False


def test_endpoints_that_want_a_person_are_told_until_a_sweep_finds_none() -> None:
    alarm = ALARMS["InvalidEndpointsAlarm"]
    assert {metric for (_, metric), _ in watched(alarm)} == {"InvalidEndpoints", "ConflictingEndpoints"}
    ids = {source["Id"] for source in alarm["Metrics"] if "MetricStat" in source}
    [sum_of_both] = [source["Expression"] for source in alarm["Metrics"] if "Expression" in source]
    assert set(sum_of_both.split(" + ")) == ids
    assert alarm["TreatMissingData"] == "ignore"


# Their topic.


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_notifies_the_topic_that_the_deployer_wants(name: str) -> None:
    notified = ALARMS[name]["AlarmActions"]
    assert resolved(notified, {}) == [{"Ref": "AlarmTopic"}]
    assert resolved(notified, {"AlarmTopicArn": TOPIC}) == [TOPIC]
    assert resolved(notified, {"AlarmTopicArn": "none"}) == {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize("value", ["own", "none", TOPIC, TOPIC.replace("aws:", "aws-cn:", 1)])
def test_a_topic_is_accepted(value: str) -> None:
    assert re.fullmatch(PARAMETERS["AlarmTopicArn"]["AllowedPattern"], value)


@pytest.mark.parametrize("value", ["", "on-call", TOPIC.replace("sns", "sqs"), f"{TOPIC}.fifo"])
def test_what_no_alarm_can_notify_is_refused(value: str) -> None:
    assert not re.fullmatch(PARAMETERS["AlarmTopicArn"]["AllowedPattern"], value)


def test_alarms_may_use_the_key_of_the_topic_and_nobody_else_but_by_iam() -> None:
    assert RESOURCES["AlarmTopic"]["Properties"]["KmsMasterKeyId"] == {"Ref": "AlarmKey"}
    key = RESOURCES["AlarmKey"]["Properties"]
    assert key["EnableKeyRotation"] is True
    by_iam, by_alarms = key["KeyPolicy"]["Statement"]
    assert by_iam["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    # https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
    assert by_alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(by_alarms["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert by_alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_only_alarms_of_this_account_and_region_may_publish() -> None:
    policy = RESOURCES["AlarmTopicPolicy"]["Properties"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert policy["Topics"] == [{"Ref": "AlarmTopic"}]
    assert (statement["Principal"], statement["Action"], statement["Resource"]) == (
        {"Service": "cloudwatch.amazonaws.com"},
        "sns:Publish",
        {"Ref": "AlarmTopic"},
    )
    alarms = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
    assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": {"Fn::Sub": alarms}}}


# What can be left out.


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_left_out_is_gone_and_nothing_else(what: str) -> None:
    given, gone = LEFT_OUT[what]
    assert set(settled(RESOURCES, ALL_THERE | given)) == set(RESOURCES) - gone


@pytest.mark.parametrize("what", LEFT_OUT)
def test_nothing_refers_to_what_is_left_out(what: str) -> None:
    given, _ = LEFT_OUT[what]
    for parameters in (given, ALL_THERE | given):
        resources = settled(RESOURCES, parameters)
        needed = referred_to([resources, settled(TEMPLATE["Outputs"], parameters)])
        assert {name for name in needed if not name.startswith("AWS::")} <= {
            *PARAMETERS,
            *resources,
            *GENERATED,
        }


def test_every_resource_that_has_a_condition_can_be_left_out_by_a_parameter() -> None:
    optional = {name for name, resource in RESOURCES.items() if "Condition" in resource}
    assert optional == set().union(*(gone for _, gone in LEFT_OUT.values()))


def test_without_parameters_the_function_is_in_no_subnet_and_reserves_nothing() -> None:
    function = settled(FUNCTION, {})
    assert "VpcConfig" not in function
    assert "ReservedConcurrentExecutions" not in function
    role = settled(RESOURCES["Role"]["Properties"], {})
    assert "subnets" not in {policy["PolicyName"] for policy in role["Policies"]}
    assert "PermissionsBoundary" not in role


def test_with_subnets_the_role_may_make_network_interfaces_but_the_code_may_not() -> None:
    given = {"SubnetIds": "subnet-0a1b2c3d", "SecurityGroupIds": "sg-0a1b2c3d"}
    assert settled(FUNCTION, given)["VpcConfig"] == {
        "SubnetIds": {"Fn::Split": [",", {"Ref": "SubnetIds"}]},
        "SecurityGroupIds": {"Fn::Split": [",", {"Ref": "SecurityGroupIds"}]},
    }
    allowed, denied = set[str](), set[str]()
    for policy, statement in statements():
        if policy == "subnets":
            (allowed if statement["Effect"] == "Allow" else denied).update(statement["Action"])
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html
    assert allowed == denied
    assert allowed == {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    }


@pytest.mark.parametrize(
    ("parameter", "value", "is_accepted"),
    [
        ("AlarmEmail", "on-call@example.com", True),
        ("AlarmEmail", "on-call", False),
        ("AlarmEmail", "a@example.com b@example.com", False),
        ("SubnetIds", "subnet-0a1b2c3d4e5f60718", True),
        ("SubnetIds", "subnet-0a1b2c3d,subnet-1a1b2c3d", True),
        ("SubnetIds", "subnet-0a1b2c3d, subnet-1a1b2c3d", False),
        ("SubnetIds", "vpc-0a1b2c3d", False),
        ("SecurityGroupIds", "sg-0a1b2c3d", True),
        ("SecurityGroupIds", "default", False),
        ("ReservedConcurrency", "10", True),
        ("ReservedConcurrency", "0", False),
        # The event source takes at least two.
        ("ReservedConcurrency", "2", False),
        ("HttpsProxy", "http://proxy.example.com:3128", True),
        ("HttpsProxy", "proxy.example.com", False),
        ("NoProxy", ".example.com,10.0.0.0/8", True),
        ("NoProxy", ".example.com, 10.0.0.0/8", False),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_deployed(
    parameter: str, value: str, is_accepted: bool
) -> None:
    assert bool(re.fullmatch(PARAMETERS[parameter]["AllowedPattern"], value)) is is_accepted


# Publishing.

APPLICATION = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]


def test_the_versions_of_package_template_and_changelog_are_the_same() -> None:
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert APPLICATION["SemanticVersion"] == package["version"] == released[0]
    assert (APPLICATION["Name"], APPLICATION["SpdxLicenseId"]) == (package["name"], package["license"])


def test_the_repository_of_serverless_applications_takes_the_metadata() -> None:
    # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-publishing-applications-metadata-properties.html
    assert re.fullmatch(r"[a-zA-Z0-9\-]{1,140}", APPLICATION["Name"])
    assert 1 <= len(APPLICATION["Description"]) <= 256
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", APPLICATION["Author"])
    assert len(APPLICATION["Labels"]) <= 10
    for label in APPLICATION["Labels"]:
        assert re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label)
    for file in ("LicenseUrl", "ReadmeUrl"):
        assert (ROOT / APPLICATION[file]).stat().st_size <= 5_000_000
    assert all(isinstance(value, str | list) for value in APPLICATION.values()), "no intrinsic functions"
