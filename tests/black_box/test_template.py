"""template.yaml against the events, the function's sources and AWS's own list of operations."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from local.aws import LocalAws
from local.runtime import Function
from tests.black_box.support import ENABLED, plan
from tests.black_box.template import (
    ALARMS,
    EVENT_SOURCES,
    FUNCTION,
    GENERATED,
    PARAMETERS,
    PATTERNS,
    QUEUES,
    RESOURCES,
    ROOT,
    RULES,
    SCHEDULES,
    TEMPLATE,
    actions,
    granted_actions,
    holds,
    invoked_by,
    nodes,
    referred_to,
    resolved,
    statements,
)

# What hands a payload to the function. Those without are sent by hand, or nothing for it to see.
INVOKED_BY = {
    "advise": None,
    "apply": None,
    "bad-advise-days": None,
    "bad-apply-without-endpoint": None,
    "bad-deployment-state-change": None,
    "bad-empty-object": None,
    "bad-endpoint-name": None,
    "bad-list": None,
    "bad-no-endpoint-name": "EndpointStateChange",
    "bad-other-records": None,
    "bad-other-source": None,
    "bad-string": None,
    "bad-sweep-after": None,
    "bad-sweep-of-one-endpoint": None,
    "bad-unknown-action": None,
    "bad-wake-with-no-instances": None,
    # A pattern cannot tell whose tags a call is about; the function does, without a call of its own.
    "cloudtrail-add-other-tags": "TagCall",
    "cloudtrail-add-tags": "TagCall",
    "cloudtrail-delete-tags": "TagCall",
    "cloudtrail-denied": None,
    "creating": None,
    "deleting": "EndpointStateChange",
    # CloudFormation calls it, with the rights of the person who deploys.
    "custom-resource-create": None,
    "custom-resource-delete": None,
    "custom-resource-update": None,
    "explain": None,
    "failed": None,
    "in-service": "EndpointStateChange",
    "in-service-iso-time": "EndpointStateChange",
    "in-service-minimal": "EndpointStateChange",
    "in-service-mixed-case-name": "EndpointStateChange",
    "in-service-tags-list": "EndpointStateChange",
    "in-service-tags-map": "EndpointStateChange",
    "no-status": None,
    "plan": None,
    "plan-fleet": None,
    "remove": None,
    "remove-fleet": None,
    "rolling-back": None,
    "savings": None,
    "scheduled-event": "Sweep",
    # A schedule of the user's own making.
    "scheduler-event": None,
    "sqs-batch": "WorkMessages",
    "sqs-batch-bad-message": "WorkMessages",
    "sqs-batch-nested": "WorkMessages",
    "sqs-batch-work": "WorkMessages",
    "sleep": None,
    "status": None,
    "status-fleet": None,
    "status-unheard-of": None,
    "sweep": None,
    "sweep-after": None,
    "tag-change": "TagChange",
    "tag-change-other-keys": None,
    "tag-change-other-service": None,
    "updating": "EndpointUpdating",
    "updating-from-zero": "EndpointUpdating",
    "wake": None,
}

# EndpointStatus in SageMaker's API, in the spelling of its events.
STATUSES = {
    "CREATING",
    "DELETED",
    "DELETING",
    "FAILED",
    "IN_SERVICE",
    "OUT_OF_SERVICE",
    "ROLLING_BACK",
    "SYSTEM_UPDATING",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATING",
}

# What the code calls. IAM knows SendMessageBatch as SendMessage.
CALLED = {
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingActivities",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:ListTagsForResource",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:TagResource",
    "events:PutEvents",
    "sagemaker:AddTags",
    "sagemaker:DeleteTags",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:ListEndpoints",
    "sagemaker:ListTags",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "sqs:GetQueueAttributes",
    "sqs:SendMessage",
    "tag:GetResources",
}

# The detail types of the events that the function puts.
NEWS = (ROOT / "src" / "reconcile" / "news.rs").read_text()

# Services whose name in IAM is not that of their API.
SERVICES = {"tag": "resourcegroupstaggingapi"}

# What somebody has to look at when there is something in it.
FAILURES = ("UndeliveredEvents", "FailedInvocations", "FailedWork")


def arn_of(resource: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, "Arn"]}


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def test_every_sample_event_is_listed_here() -> None:
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == set(INVOKED_BY)


def test_every_sample_event_is_explained() -> None:
    explained = re.findall(r"`([a-z-]+)\.json`", (ROOT / "events" / "README.md").read_text())
    assert sorted(explained) == sorted(INVOKED_BY)


@pytest.mark.parametrize(("name", "source"), INVOKED_BY.items())
def test_the_function_is_invoked_with_what_asks_for_action_and_nothing_else(
    name: str, source: str | None
) -> None:
    assert invoked_by(event(name)) == ([source] if source else [])


def test_only_three_statuses_reach_the_function_and_a_fourth_where_others_are_told() -> None:
    sample = event("in-service")

    def reached_by(status: str) -> list[str]:
        changed = copy.deepcopy(sample)
        changed["detail"]["EndpointStatus"] = status
        return invoked_by(changed)

    assert {status: reached_by(status) for status in STATUSES if reached_by(status)} == {
        "IN_SERVICE": ["EndpointStateChange"],
        "DELETED": ["EndpointStateChange"],
        "DELETING": ["EndpointStateChange"],
        "UPDATING": ["EndpointUpdating"],
    }
    rule = PATTERNS["EndpointUpdating"]["State"]
    assert [resolved(rule, {"Events": events}) for events in ("off", "on")] == ["DISABLED", "ENABLED"]


@pytest.mark.parametrize("detail_type", sorted(re.findall(r'"(Endpoint [A-Z][A-Za-z ]+)"', NEWS)))
def test_no_rule_is_set_off_by_an_event_of_our_own(detail_type: str) -> None:
    own = {"source": "sagemaker-scale-to-zero", "detail-type": detail_type}
    for sample in INVOKED_BY:
        if isinstance(event(sample), dict):
            assert invoked_by(event(sample) | own) in ([], ["WorkMessages"])


def test_what_is_asked_for_alone_is_allowed() -> None:
    policies = RESOURCES["Role"]["Properties"]["Policies"]
    optional = {}
    for policy in policies:
        if "Fn::If" in policy:
            condition, then, otherwise = policy["Fn::If"]
            assert otherwise == {"Ref": "AWS::NoValue"}
            optional[then["PolicyName"]] = condition
    assert optional == {"events": "HasEvents", "copy-tags": "HasCopyTags", "subnets": "HasSubnets"}
    assert [holds(condition, {}) for condition in optional.values()] == [False] * len(optional)


def test_a_tagging_call_reaches_the_function_only_for_an_endpoint() -> None:
    sample = event("cloudtrail-add-tags")
    parameters = sample["detail"]["requestParameters"]
    parameters["resourceArn"] = parameters["resourceArn"].replace(":endpoint/", ":model/")
    assert invoked_by(sample) == []


def test_what_fails_is_kept_apart_by_where_it_failed() -> None:
    assert [rule["DeadLetterConfig"] for rule in RULES.values()] == [
        {"Arn": arn_of("UndeliveredEvents")}
    ] * len(RULES)
    on_failure = FUNCTION["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert on_failure == {"Type": "SQS", "Destination": arn_of("FailedInvocations")}
    assert QUEUES["Work"]["RedrivePolicy"] == {
        "deadLetterTargetArn": arn_of("FailedWork"),
        "maxReceiveCount": 5,
    }
    for queue in FAILURES:
        assert QUEUES[queue] == {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True}


def test_every_rule_may_write_to_the_queue_of_undelivered_events() -> None:
    policy = RESOURCES["UndeliveredEventsPolicy"]["Properties"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == [{"Ref": "UndeliveredEvents"}]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == arn_of("UndeliveredEvents")
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [arn_of(f"Function{name}") for name in RULES]}
    }


def test_delivery_of_events_is_as_patient_as_aws_allows() -> None:
    for rule in PATTERNS.values():
        assert rule["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    assert FUNCTION["EventInvokeConfig"]["MaximumEventAgeInSeconds"] == 21_600
    assert FUNCTION["EventInvokeConfig"]["MaximumRetryAttempts"] == 2


# The sweep.


def test_all_endpoints_are_swept_every_quarter_of_an_hour_by_default() -> None:
    [rule] = SCHEDULES.values()
    assert resolved(rule, {})["Schedule"] == "rate(15 minutes)"
    assert resolved(rule, {})["State"] == "ENABLED"
    assert "Input" not in rule, "the function understands the event as it is"
    # Sweeps that were missed are made up for by one.
    assert rule["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185}


def test_a_schedule_of_the_deployer_is_followed() -> None:
    [rule] = SCHEDULES.values()
    given = resolved(rule, {"SweepSchedule": "cron(0 6 * * ? *)"})
    assert (given["Schedule"], given["State"]) == ("cron(0 6 * * ? *)", "ENABLED")


def test_the_sweep_can_be_switched_off() -> None:
    [rule] = SCHEDULES.values()
    off = resolved(rule, {"SweepSchedule": "off"})
    assert off["State"] == "DISABLED"
    assert re.fullmatch(r"rate\(.+\)", off["Schedule"]), "no schedule that EventBridge takes"


@pytest.mark.parametrize(
    "schedule",
    [
        "off",
        "rate(1 minute)",
        "rate(15 minutes)",
        "rate(1 hour)",
        "rate(10 days)",
        "cron(0/30 8-18 ? * MON-FRI *)",
    ],
)
def test_a_schedule_that_eventbridge_takes_is_accepted(schedule: str) -> None:
    assert re.fullmatch(PARAMETERS["SweepSchedule"]["AllowedPattern"], schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "on",
        "15 minutes",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(15 minute)",
        "rate(5 weeks)",
        "cron(0 6 * * *)",
        "cron(0 6 * * ? * *)",
        "cron(0 6 * * ? *",
        "at(2026-03-10T09:30:00)",
    ],
)
def test_a_schedule_that_eventbridge_refuses_is_refused_before_anything_is_deployed(schedule: str) -> None:
    assert not re.fullmatch(PARAMETERS["SweepSchedule"]["AllowedPattern"], schedule)


# The work that it finds.


def test_the_work_queue_feeds_the_function_a_few_messages_at_a_time() -> None:
    [source] = EVENT_SOURCES.values()
    assert source == {
        "Queue": arn_of("Work"),
        "BatchSize": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "WorkConcurrency"}},
    }
    concurrency = PARAMETERS["WorkConcurrency"]
    # Lambda's own bounds.
    assert (concurrency["Default"], concurrency["MinValue"], concurrency["MaxValue"]) == (2, 2, 1000)


@pytest.mark.parametrize("time_out", PARAMETERS["Timeout"]["AllowedValues"])
def test_a_message_stays_hidden_for_six_time_outs_of_the_function(time_out: str) -> None:
    assert FUNCTION["Timeout"] == {"Ref": "Timeout"}
    hidden = resolved(QUEUES["Work"]["VisibilityTimeout"], {"Timeout": time_out})
    assert hidden == 6 * int(time_out)


@pytest.mark.parametrize("time_out", PARAMETERS["Timeout"]["AllowedValues"])
def test_work_is_given_up_only_after_its_last_attempt(time_out: str) -> None:
    work = resolved(QUEUES["Work"], {"Timeout": time_out})
    assert work["MessageRetentionPeriod"] == 4 * 24 * 3600
    assert (
        work["VisibilityTimeout"] * work["RedrivePolicy"]["maxReceiveCount"] < work["MessageRetentionPeriod"]
    )
    assert work["SqsManagedSseEnabled"] is True


def test_only_the_queues_that_are_used_can_be_used_and_only_as_they_are() -> None:
    granted = [
        (policy, action, statement["Resource"])
        for policy, statement in statements()
        for action in actions(statement)
        if action.startswith("sqs:")
    ]
    assert granted == [
        ("lambda", "sqs:SendMessage", arn_of("FailedInvocations")),
        ("lambda", "sqs:ReceiveMessage", arn_of("Work")),
        ("lambda", "sqs:DeleteMessage", arn_of("Work")),
        ("lambda", "sqs:GetQueueAttributes", arn_of("Work")),
        ("scaling", "sqs:SendMessage", arn_of("Work")),
        ("scaling", "sqs:GetQueueAttributes", arn_of("Work")),
    ]


def test_the_outputs_have_the_url_of_every_queue() -> None:
    urls = {
        name: output["Value"] for name, output in TEMPLATE["Outputs"].items() if name.endswith("QueueUrl")
    }
    assert urls == {f"{queue}QueueUrl": {"Ref": queue} for queue in QUEUES}


# Alarms.


def test_every_queue_of_failures_has_an_alarm_that_watches_it() -> None:
    for queue in FAILURES:
        alarm = ALARMS[f"{queue}Alarm"]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
        assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
            "Maximum",
            "GreaterThanOrEqualToThreshold",
            1,
        )
        assert alarm["TreatMissingData"] == "notBreaching"
        assert queue in alarm["AlarmDescription"]


def test_an_alarm_watches_for_errors_that_a_retry_does_not_mend() -> None:
    alarm = ALARMS["ErrorsAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Function"}}]
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["Threshold"] == 1 + FUNCTION["EventInvokeConfig"]["MaximumRetryAttempts"]


def test_an_alarm_watches_for_sweeps_that_do_not_come() -> None:
    alarm = ALARMS["SweepAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == (
        "AWS/Events",
        "Invocations",
        "Sum",
    )
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": "FunctionSweep"}}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["EvaluationPeriods"] == {"Ref": "SweepAlarmHours"}
    assert alarm["Period"] == 3600
    # CloudWatch refuses to look back further than a week.
    assert PARAMETERS["SweepAlarmHours"]["MaxValue"] * alarm["Period"] <= 7 * 24 * 3600


def test_sweeps_that_are_switched_off_are_not_missed() -> None:
    condition = RESOURCES["SweepAlarm"]["Condition"]
    assert holds(condition, {}) is True
    assert holds(condition, {"SweepSchedule": "off"}) is False


def test_the_function_cannot_take_an_alarm_of_the_stack_for_its_own() -> None:
    for alarm in ALARMS.values():
        assert "AlarmName" not in alarm, "only CloudFormation's own names surely have no slash"


# Logs, permissions and parameters.


def test_logs_are_json_in_a_group_with_a_retention() -> None:
    logging = FUNCTION["LoggingConfig"]
    assert (logging["LogFormat"], logging["LogGroup"]) == ("JSON", {"Ref": "Logs"})
    assert RESOURCES["Logs"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionInDays"}


def test_the_code_may_do_what_it_calls_and_nothing_else() -> None:
    assert granted_actions("scaling") | granted_actions("events") | granted_actions("copy-tags") == CALLED


def test_the_code_calls_what_it_names_in_its_errors() -> None:
    named = set()
    for path in [*(ROOT / "src" / "aws").rglob("*.rs"), ROOT / "src" / "check.rs"]:
        named |= set(
            re.findall(
                r'"((?:Add|Delete|Deregister|Describe|Get|List|Put|Register|Send|Tag|Update)[A-Z]\w+)"',
                path.read_text(),
            )
        )
    assert named - {"SendMessageBatch"} | {"SendMessage"} == {action.split(":")[1] for action in CALLED}


def test_every_read_that_is_granted_is_tried_when_the_stack_is_checked() -> None:
    checked = re.findall(r'=> \("([a-z-]+:\w+)", "(\w+)"\)', (ROOT / "src" / "check.rs").read_text())
    granted = [
        (action, statement["Sid"])
        for policy, statement in statements()
        for action in actions(statement)
        if policy == "scaling" and re.match(r"[a-z-]+:(Describe|Get|List)", action)
    ]
    assert sorted(checked) == sorted(granted)


# The check of the stack.


def test_the_check_is_asked_again_whenever_something_has_changed_that_it_depends_on() -> None:
    check = RESOURCES["Check"]["Properties"]
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    seen = set(referred_to(FUNCTION["Environment"]["Variables"])) & set(PARAMETERS)
    assert set(check) == {
        *("ServiceToken", "ServiceTimeout", "Version", "AlarmTopicArn"),
        *seen,
        *("PermissionsBoundary", "SubnetIds", "SecurityGroupIds"),
    }
    assert check["Version"] == version
    assert all(check[name] == {"Ref": name} for name in set(check) & set(PARAMETERS))


def test_the_check_goes_before_what_the_function_needs_and_not_before_what_invokes_it() -> None:
    """CloudFormation deletes what refers to something before that."""

    def needed(name: str, found: set[str]) -> set[str]:
        for other in referred_to(RESOURCES[name]) & set(RESOURCES) - found:
            found |= {other} | needed(other, found | {other})
        return found

    assert {"Function", "Role", "Logs", "Work", "FailedInvocations"} <= needed("Check", set())
    assert not needed("Check", set()) & GENERATED
    assert "Check" not in referred_to({name: part for name, part in RESOURCES.items() if name != "Check"})


@pytest.mark.parametrize("time_out", PARAMETERS["Timeout"]["AllowedValues"])
def test_cloudformation_waits_for_two_attempts_of_the_function(time_out: str) -> None:
    waits = resolved(RESOURCES["Check"]["Properties"]["ServiceTimeout"], {"Timeout": time_out})
    assert 2 * int(time_out) + 60 < waits <= 3600


# Permissions.


def test_lambda_and_application_auto_scaling_get_what_they_ask_of_the_role() -> None:
    assert granted_actions("lambda") == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    }
    assert granted_actions("needed-by-application-auto-scaling") == {
        "cloudwatch:DeleteAlarms",
        "cloudwatch:PutMetricAlarm",
        "iam:CreateServiceLinkedRole",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    }


def test_every_granted_action_is_an_operation_of_its_service() -> None:
    session = botocore.session.get_session()
    granted = {action for _, statement in statements() for action in actions(statement)}
    for action in sorted(granted):
        service, operation = action.split(":")
        model = session.get_service_model(SERVICES.get(service, service))
        assert operation in model.operation_names, action


def test_only_lists_and_reads_without_a_resource_in_iam_are_granted_on_everything() -> None:
    wide = [
        statement
        for _, statement in statements()
        if statement["Resource"] == "*" and statement["Effect"] == "Allow"
    ]
    on_everything = {action for statement in wide for action in actions(statement)}
    assert on_everything == {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "cloudwatch:GetMetricData",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "sagemaker:ListEndpoints",
        "tag:GetResources",
    }


def test_writes_to_scaling_are_confined_to_instance_counts_of_sagemaker() -> None:
    [condition] = [
        statement["Condition"] for _, statement in statements() if statement["Sid"] == "WriteScaling"
    ]
    assert condition == {
        "StringEquals": {
            "application-autoscaling:service-namespace": "sagemaker",
            "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
        }
    }


def test_the_only_tag_that_can_be_written_is_the_status_tag() -> None:
    key = re.search(r'const STATUS_TAG: &str = "(.+)"', (ROOT / "src/reconcile/settings/mod.rs").read_text())
    assert key
    tagging = {"sagemaker:AddTags", "sagemaker:DeleteTags"}
    [statement] = [statement for _, statement in statements() if tagging & set(actions(statement))]
    assert set(actions(statement)) == tagging
    # Without the second operator a request that names no key at all would be allowed.
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"aws:TagKeys": [key[1]]},
        "Null": {"aws:TagKeys": "false"},
    }


def test_the_only_role_that_can_be_created_is_that_of_application_auto_scaling() -> None:
    action = "iam:CreateServiceLinkedRole"
    conditions = [statement["Condition"] for _, statement in statements() if action in actions(statement)]
    service = "sagemaker.application-autoscaling.amazonaws.com"
    assert conditions == [{"StringEquals": {"iam:AWSServiceName": service}}]


def test_every_statement_has_a_name_of_its_own() -> None:
    names = [statement["Sid"] for _, statement in statements()]
    assert len(set(names)) == len(names)


def test_no_arn_names_a_partition_region_or_account() -> None:
    arns = [node for node in nodes(RESOURCES) if isinstance(node, str) and "arn:" in node]
    assert len(arns) > 0
    for arn in arns:
        assert re.match(
            # Subnets may be shared by another account, and which function of this one it is can't be told.
            r"arn:\$\{AWS::Partition\}:"
            r"([a-z0-9-]+:(\$\{AWS::Region\})?:\$\{AWS::AccountId\}"
            r"|ec2:\$\{AWS::Region\}:\*|lambda:\*:\$\{AWS::AccountId\}):",
            arn,
        ), arn


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS.items())
def test_a_parameter_explains_itself_and_has_a_legal_default(name: str, parameter: dict[str, Any]) -> None:
    default = parameter["Default"]
    assert parameter["Description"].endswith(".")
    assert parameter["ConstraintDescription"].endswith(".")
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), "anything goes"
    assert default in parameter.get("AllowedValues", [default])
    assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(default))
    if "MinValue" in parameter:
        assert parameter["MinValue"] <= default <= parameter.get("MaxValue", default)


def test_the_console_shows_every_parameter_in_a_group_and_with_a_label() -> None:
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)
    assert set(interface["ParameterLabels"]) == set(PARAMETERS)


# Values of parameters that the function refuses, or did once, and whether the template lets them through.
VALUES = [
    ("CapacityLimit", "2.5", False),
    ("CapacityLimit", "99999999999", False),
    ("CapacityLimit", "7", True),
    ("DefaultMinCapacity", "0.5", False),
    ("DefaultMaxCapacity", "0", False),
    ("DefaultWarmCapacity", "1e3", False),
    ("DefaultBacklogPerInstance", "0.0", False),
    ("DefaultBacklogPerInstance", "0.25", True),
    ("DefaultBacklogPerInstance", "9" * 400, False),
    ("DefaultScaleInCooldown", "99999999999h", False),
    ("DefaultScaleOutCooldown", "99999h", True),
    ("DefaultWakeInstances", "auto", True),
    ("DefaultWakeInstances", "0", False),
    ("DefaultIdleTimeout", "none", True),
    ("DefaultIdleTimeout", "1440m", True),
    ("DefaultIdleTimeout", "1441m", False),
    ("DefaultIdleTimeout", "25h", False),
    ("DefaultIdleTimeout", "90s", False),
    ("DefaultIdleTimeout", "0m", False),
    ("DefaultWarmHours", "MON-FRI 08:00-24:00 Europe/Berlin", True),
    ("DefaultWarmHours", "MON-FRI 08:00-25:00 Europe/Berlin", False),
    ("DefaultLongestRequest", "61m", False),
    ("DefaultLongestRequest", "3600", True),
    ("DefaultLongestRequest", "3601s", False),
    ("DefaultLongestRequest", "0s", False),
]


@pytest.mark.parametrize(("parameter", "value", "passes"), VALUES)
def test_the_template_lets_through_what_the_function_starts_with(
    start_function: Callable[..., Function], parameter: str, value: str, passes: bool
) -> None:
    assert bool(re.fullmatch(PARAMETERS[parameter]["AllowedPattern"], value)) is passes
    if passes:
        variable = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()
        start_function(**{variable: value}).wait_until_ready()


def test_the_defaults_of_the_template_are_those_of_the_function(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    variables = {
        name: str(resolved(value, {}))
        for name, value in FUNCTION["Environment"]["Variables"].items()
        if name != "WORK_QUEUE_URL" and name != "ON_DELETE"
    }
    aws.create_endpoint("demo", tags=ENABLED)
    answers = [start_function(**given).invoke(plan()) for given in ({}, variables)]
    assert answers[0] == answers[1]


def test_a_combination_that_makes_no_sense_is_refused_before_anything_is_deployed() -> None:
    def broken(**given: str) -> list[str]:
        return [
            assertion["AssertDescription"]
            for rule in TEMPLATE["Rules"].values()
            if resolved(rule["RuleCondition"], given)
            for assertion in rule["Assertions"]
            if not resolved(assertion["Assert"], given)
        ]

    groups = {"SecurityGroupIds": "sg-0a1b2c3d"}
    subnets = {"SubnetIds": "subnet-0a1b2c3d"}
    email = {"AlarmEmail": "a@example.com"}
    assert broken() == broken(**groups, **subnets) == broken(**email) == []
    for given in (groups, subnets, {**email, "AlarmTopicArn": "none"}, {**email, "Alarms": "off"}):
        assert len(broken(**given)) == 1, given


def test_no_condition_needs_more_than_comparisons_of_text() -> None:
    """Other implementations of CloudFormation know no Fn::Join there."""
    for node in nodes([TEMPLATE["Conditions"], TEMPLATE["Rules"]]):
        if isinstance(node, dict):
            functions = {"Ref", "Condition", "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"}
            assert {key for key in node if key.startswith("Fn::")} <= functions
    assert {PARAMETERS[name]["Type"] for name in ("Timeout", "SubnetIds", "SecurityGroupIds")} == {"String"}


def test_the_permission_check_of_application_auto_scaling_may_ask_about_an_alarm_without_a_name() -> None:
    [statement] = [it for _, it in statements() if it["Sid"] == "WriteNamelessAlarm"]
    assert set(actions(statement)) == {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"}
    assert statement["Resource"]["Fn::Sub"].endswith(":alarm:")


def test_work_that_fails_rings_within_a_quarter_of_an_hour_and_so_does_work_that_waits() -> None:
    failing, waiting = ALARMS["WorkAlarm"], ALARMS["WorkAgeAlarm"]
    assert (failing["MetricName"], failing["Threshold"], failing["DatapointsToAlarm"]) == ("FailedWork", 1, 1)
    assert failing["Period"] <= 900
    # It stays from one sweep to the next, or it would ring with each.
    assert failing["Period"] * failing["EvaluationPeriods"] > 900
    assert holds(RESOURCES["WorkAlarm"]["Condition"], {"Metrics": "off"}) is False
    assert waiting["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert waiting["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Work", "QueueName"]}}]


@pytest.mark.parametrize(("variable", "value"), FUNCTION["Environment"]["Variables"].items())
def test_an_environment_variable_is_the_queue_or_the_parameter_of_its_name(variable: str, value: Any) -> None:
    name = variable.removesuffix("_QUEUE_URL").title().replace("_", "")
    assert name in (QUEUES if variable.endswith("_QUEUE_URL") else PARAMETERS)
    assert value == {"Ref": name}


def test_every_reference_leads_somewhere() -> None:
    parts = [RESOURCES, TEMPLATE["Outputs"], TEMPLATE["Conditions"]]
    names = {name for name in referred_to(parts) if not name.startswith("AWS::")}
    assert names <= {*PARAMETERS, *RESOURCES, *GENERATED}
    for node in nodes(parts):
        match node:
            case {"Fn::If": [str(condition), *_]} | {"Type": str(), "Condition": str(condition)}:
                assert condition in TEMPLATE["Conditions"]


def test_the_executable_is_built_by_its_name_in_the_package() -> None:
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    assert RESOURCES["Function"]["Metadata"]["BuildProperties"]["Binary"] == package["name"]
