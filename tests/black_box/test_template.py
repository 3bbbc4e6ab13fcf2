"""template.yaml against the events, the function's configuration and AWS's own list of operations."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from typing import Any

import botocore.session
import pytest

from tests.black_box.template import (
    FUNCTION,
    PARAMETERS,
    RESOURCES,
    ROOT,
    RULES,
    TEMPLATE,
    actions,
    granted_actions,
    matching_rules,
    nodes,
    statements,
)

# Which rule hands a payload to the function. Those without one are sent by hand, or nothing for it to see.
RULE_BY_EVENT = {
    "apply": None,
    "bad-apply-without-endpoint": None,
    "bad-deployment-state-change": None,
    "bad-empty-object": None,
    "bad-endpoint-name": None,
    "bad-list": None,
    "bad-no-endpoint-name": "EndpointStateChange",
    "bad-other-source": None,
    "bad-string": None,
    "bad-unknown-action": None,
    # A pattern cannot tell whose tags a call is about; the function does, without a call of its own.
    "cloudtrail-add-other-tags": "TagCall",
    "cloudtrail-add-tags": "TagCall",
    "cloudtrail-delete-tags": "TagCall",
    "cloudtrail-denied": None,
    "creating": None,
    "deleting": "EndpointStateChange",
    "failed": None,
    "in-service": "EndpointStateChange",
    "in-service-iso-time": "EndpointStateChange",
    "in-service-minimal": "EndpointStateChange",
    "in-service-mixed-case-name": "EndpointStateChange",
    "in-service-tags-list": "EndpointStateChange",
    "in-service-tags-map": "EndpointStateChange",
    "no-status": None,
    "plan": None,
    "remove": None,
    "rolling-back": None,
    "status-unheard-of": None,
    "tag-change": "TagChange",
    "tag-change-other-keys": None,
    "tag-change-other-service": None,
    "updating": None,
}

# EndpointStatus in SageMaker's API, in the spelling of its events.
STATUSES = {
    "CREATING",
    "DELETING",
    "FAILED",
    "IN_SERVICE",
    "OUT_OF_SERVICE",
    "ROLLING_BACK",
    "SYSTEM_UPDATING",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATING",
}

# What the code calls.
CALLED = {
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:ListEndpoints",
    "sagemaker:ListTags",
}

# Resources that SAM adds: the rule of each event of the function.
GENERATED = {f"Function{name}" for name in RULES}


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def test_every_sample_event_is_listed_here() -> None:
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == set(RULE_BY_EVENT)


def test_every_sample_event_is_explained() -> None:
    explained = re.findall(r"`([a-z-]+)\.json`", (ROOT / "events" / "README.md").read_text())
    assert sorted(explained) == sorted(RULE_BY_EVENT)


@pytest.mark.parametrize(("name", "rule"), RULE_BY_EVENT.items())
def test_a_rule_lets_through_what_asks_for_action_and_nothing_else(name: str, rule: str | None) -> None:
    assert matching_rules(event(name)) == ([rule] if rule else [])


def test_only_two_statuses_reach_the_function() -> None:
    sample = event("in-service")

    def reaches(status: str) -> bool:
        changed = copy.deepcopy(sample)
        changed["detail"]["EndpointStatus"] = status
        return bool(matching_rules(changed))

    assert {status for status in STATUSES if reaches(status)} == {"IN_SERVICE", "DELETING"}


def test_a_tagging_call_reaches_the_function_only_for_an_endpoint() -> None:
    sample = event("cloudtrail-add-tags")
    parameters = sample["detail"]["requestParameters"]
    parameters["resourceArn"] = parameters["resourceArn"].replace(":endpoint/", ":model/")
    assert matching_rules(sample) == []


def test_undelivered_events_and_failed_invocations_are_kept_apart() -> None:
    undelivered = {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
    failed = {"Fn::GetAtt": ["FailedInvocations", "Arn"]}
    assert [rule["DeadLetterConfig"] for rule in RULES.values()] == [{"Arn": undelivered}] * len(RULES)
    assert FUNCTION["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"] == failed
    for queue in ("UndeliveredEvents", "FailedInvocations"):
        properties = RESOURCES[queue]["Properties"]
        assert properties == {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True}


def test_every_rule_may_write_to_the_queue_of_undelivered_events() -> None:
    policy = RESOURCES["UndeliveredEventsPolicy"]["Properties"]
    [statement] = policy["PolicyDocument"]["Statement"]
    senders = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert policy["Queues"] == [{"Ref": "UndeliveredEvents"}]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert senders == [{"Fn::GetAtt": [f"Function{name}", "Arn"]} for name in RULES]


def test_delivery_is_as_patient_as_aws_allows() -> None:
    for rule in RULES.values():
        assert rule["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    assert FUNCTION["EventInvokeConfig"]["MaximumEventAgeInSeconds"] == 21_600
    assert FUNCTION["EventInvokeConfig"]["MaximumRetryAttempts"] == 2


def test_logs_are_json_in_a_group_with_a_retention() -> None:
    logging = FUNCTION["LoggingConfig"]
    assert (logging["LogFormat"], logging["LogGroup"]) == ("JSON", {"Ref": "Logs"})
    assert RESOURCES["Logs"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionInDays"}


def test_the_code_may_do_what_it_calls_and_nothing_else() -> None:
    assert granted_actions("scaling") == CALLED


def test_lambda_and_application_auto_scaling_get_what_they_ask_of_the_role() -> None:
    assert granted_actions("lambda") == {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
    assert granted_actions("vouched-for-by-application-auto-scaling") == {
        "cloudwatch:DeleteAlarms",
        "cloudwatch:PutMetricAlarm",
        "iam:CreateServiceLinkedRole",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    }


def test_every_granted_action_is_an_operation_of_its_service() -> None:
    session = botocore.session.get_session()
    granted = {action for _, statement in statements() for action in actions(statement)}
    for action in granted:
        service, operation = action.split(":")
        assert operation in session.get_service_model(service).operation_names, action


def test_only_lists_and_reads_without_a_resource_in_iam_are_granted_on_everything() -> None:
    wide = [statement for _, statement in statements() if statement["Resource"] == "*"]
    on_everything = {action for statement in wide for action in actions(statement)}
    assert on_everything == {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "sagemaker:ListEndpoints",
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
            r"arn:\$\{AWS::Partition\}:[a-z-]+:(\$\{AWS::Region\})?:\$\{AWS::AccountId\}:", arn
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


@pytest.mark.parametrize(("variable", "value"), FUNCTION["Environment"]["Variables"].items())
def test_an_environment_variable_is_the_parameter_of_its_name(variable: str, value: Any) -> None:
    name = variable.title().replace("_", "")
    assert name in PARAMETERS
    assert value == {"Ref": name}


def test_every_reference_leads_somewhere() -> None:
    known = {"AWS::NoValue", *PARAMETERS, *RESOURCES, *GENERATED}
    for node in nodes([RESOURCES, TEMPLATE["Outputs"], TEMPLATE["Conditions"]]):
        match node:
            case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
                assert name in known
            case {"Fn::If": [condition, *_]}:
                assert condition in TEMPLATE["Conditions"]


def test_the_executable_is_built_by_its_name_in_the_package() -> None:
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    assert RESOURCES["Function"]["Metadata"]["BuildProperties"]["Binary"] == package["name"]
