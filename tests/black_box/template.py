"""template.yaml as the tests see it.

Its parts by name, intrinsic functions in their long form, and its events as AWS hands them over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags: `!GetAtt Role.Arn` becomes `{"Fn::GetAtt": ["Role", "Arn"]}`."""

    def intrinsic(self, name: str, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.SequenceNode):
            argument: Any = self.construct_sequence(node, deep=True)
        elif isinstance(node, yaml.MappingNode):
            argument = self.construct_mapping(node, deep=True)
        else:
            argument = self.construct_scalar(node)
        if name == "GetAtt":
            argument = argument.split(".", 1)
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": argument}


Loader.add_multi_constructor("!", Loader.intrinsic)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTION: dict[str, Any] = RESOURCES["Function"]["Properties"]


def _of_type(parts: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of some parts of the template, each by its name."""
    return {name: part["Properties"] for name, part in parts.items() if part["Type"] == kind}


PATTERNS = _of_type(FUNCTION["Events"], "EventBridgeRule")
SCHEDULES = _of_type(FUNCTION["Events"], "Schedule")
# SAM makes EventBridge rules of both.
RULES = PATTERNS | SCHEDULES
# Resources that SAM adds: a rule or an event source for each event of the function.
GENERATED = {f"Function{name}" for name in FUNCTION["Events"]}
EVENT_SOURCES = _of_type(FUNCTION["Events"], "SQS")
QUEUES = _of_type(RESOURCES, "AWS::SQS::Queue")
ALARMS = _of_type(RESOURCES, "AWS::CloudWatch::Alarm")

# What can be left out: parameters, and the resources that go with them.
TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call"
OF_TOPIC = {"AlarmKey", "AlarmTopic", "AlarmTopicPolicy"}
ALL_THERE = {
    "AlarmEmail": "on-call@example.com",
    "SubnetIds": "subnet-0a1b2c3d",
    "SecurityGroupIds": "sg-0a1b2c3d",
}
LEFT_OUT: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({}, set()),
    "dashboard": ({"Dashboard": "off"}, {"FleetDashboard"}),
    "alarms": ({"Alarms": "off"}, {*ALARMS, *OF_TOPIC, "AlarmSubscription"}),
    "sweep": ({"SweepSchedule": "off"}, {"SweepAlarm"}),
    "alarm about waking": ({"WakeAlarmMinutes": "0"}, {"WakeAlarm"}),
    "alarm about endpoints": ({"EndpointAlarm": "off"}, {"InvalidEndpointsAlarm"}),
    "own topic": ({"AlarmTopicArn": TOPIC}, {*OF_TOPIC, "AlarmSubscription"}),
    "any topic": ({"AlarmTopicArn": "none"}, {*OF_TOPIC, "AlarmSubscription"}),
    "e-mail": ({"AlarmEmail": ""}, {"AlarmSubscription"}),
    "all of it": (
        {"Dashboard": "off", "Alarms": "off", "SweepSchedule": "off", "AlarmTopicArn": "none"},
        {"FleetDashboard", *ALARMS, *OF_TOPIC, "AlarmSubscription"},
    ),
}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the function's role says, also under a condition: policy name and statement."""
    for policy in RESOURCES["Role"]["Properties"]["Policies"]:
        policy = policy.get("Fn::If", [None, policy])[1]
        for statement in policy["PolicyDocument"]["Statement"]:
            yield policy["PolicyName"], statement


def actions(statement: Mapping[str, Any]) -> list[str]:
    action: str | list[str] = statement["Action"]
    return [action] if isinstance(action, str) else action


def granted_actions(policy: str) -> set[str]:
    """The actions of one policy of the role. `scaling` grants what the code calls."""
    return {
        action
        for name, statement in statements()
        if name == policy and statement["Effect"] == "Allow"
        for action in actions(statement)
    }


def nodes(value: Any) -> Iterator[Any]:
    """A part of the template and all that is inside it."""
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def resolved(value: Any, given: Mapping[str, str]) -> Any:
    """A part of the template with the parameters and pseudo parameters given, and defaults for the rest."""
    names = {name: parameter["Default"] for name, parameter in PARAMETERS.items()} | dict(given)
    match value:
        case list():
            return [resolved(inner, given) for inner in value]
        case {"Ref": name}:
            return names.get(name, value)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(names.get(found[1], found[1])), text)
        case {"Fn::Join": [separator, parts]}:
            return separator.join(resolved(parts, given))
        case {"Fn::FindInMap": [table, *keys]}:
            found: Any = TEMPLATE["Mappings"][table]
            for key in keys:
                found = found[str(resolved(key, given))]
            return found
        case {"Fn::If": [condition, then, otherwise]}:
            return resolved(then if holds(condition, given) else otherwise, given)
        case {"Condition": str(condition)}:
            return holds(condition, given)
        case {"Fn::And": conditions}:
            return all(resolved(condition, given) for condition in conditions)
        case {"Fn::Not": [condition]}:
            return not resolved(condition, given)
        case {"Fn::Equals": [one, other]}:
            # All parameters are text to CloudFormation.
            return str(resolved(one, given)) == str(resolved(other, given))
        case dict():
            return {key: resolved(inner, given) for key, inner in value.items()}
    return value


def holds(condition: str, given: Mapping[str, str]) -> bool:
    return bool(resolved(TEMPLATE["Conditions"][condition], given))


def settled(part: Any, given: Mapping[str, str]) -> Any:
    """A template, or a part of one, without conditions: what doesn't hold is gone, references stay."""
    match part:
        case {"Fn::If": [condition, then, otherwise]}:
            return settled(then if holds(condition, given) else otherwise, given)
        case dict():
            return {
                name: settled({key: inner for key, inner in value.items() if key != "Condition"}, given)
                if isinstance(value, dict) and isinstance(value.get("Condition"), str)
                else settled(value, given)
                for name, value in part.items()
                if not _is_absent(value, given)
            }
        case list():
            return [settled(inner, given) for inner in part if not _is_absent(inner, given)]
    return part


def _is_absent(value: Any, given: Mapping[str, str]) -> bool:
    match value:
        case {"Fn::If": [condition, then, otherwise]}:
            return _is_absent(then if holds(condition, given) else otherwise, given)
        case {"Ref": "AWS::NoValue"}:
            return True
        case {"Condition": str(condition)}:
            return not holds(condition, given)
    return False


def referred_to(part: Any) -> set[str]:
    """The names of parameters, pseudo parameters and resources that a part of the template needs."""
    found = set()
    for node in nodes(part):
        match node:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
                found.add(name)
            case {"Fn::Sub": [str(text), dict(own)]}:
                found |= set(re.findall(r"\$\{([^}.]+)", text)) - set(own)
            case {"Fn::Sub": str(text)}:
                found |= set(re.findall(r"\$\{([^}.]+)", text))
    return found


def invoked_by(event: Any) -> list[str]:
    """The names of what would hand this payload to the function."""
    if not isinstance(event, dict):
        return []
    # A stack in the account and Region that the event comes from.
    pseudo = {
        "AWS::Partition": "aws",
        "AWS::Region": event.get("region", ""),
        "AWS::AccountId": event.get("account", ""),
    }
    patterns = {name: resolved(rule["Pattern"], pseudo) for name, rule in PATTERNS.items()}
    patterns |= {name: {"source": ["aws.events"], "detail-type": ["Scheduled Event"]} for name in SCHEDULES}
    names = [name for name, pattern in patterns.items() if _matches(pattern, event)]
    return names + [name for name, source in EVENT_SOURCES.items() if _is_batch_of(source, event)]


def _is_batch_of(source: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether all records are messages of the queue, by the name that CloudFormation gives it."""
    arn = re.compile(
        rf"arn:aws:sqs:[a-z0-9-]+:\d{{12}}:[A-Za-z0-9-]+-{source['Queue']['Fn::GetAtt'][0]}-[A-Z0-9]+"
    )
    records = event.get("Records", [])
    return bool(records) and all(arn.fullmatch(record.get("eventSourceARN", "")) for record in records)


_ABSENT = object()


def _matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """EventBridge's matching, as far as the template uses it: every field of the pattern has to fit."""
    for name, wanted in pattern.items():
        found = event.get(name, _ABSENT)
        if isinstance(wanted, dict):
            if not isinstance(found, dict) or not _matches(wanted, found):
                return False
        elif not any(_fits(condition, value) for condition in wanted for value in _values(found)):
            return False
    return True


def _values(found: Any) -> list[Any]:
    """Of a list it is enough that one element fits."""
    return found if isinstance(found, list) else [found]


def _fits(condition: Any, value: Any) -> bool:
    match condition:
        case {"prefix": prefix}:
            return isinstance(value, str) and value.startswith(prefix)
        case {"exists": exists}:
            return exists is (value is not _ABSENT)
        case dict():
            raise NotImplementedError(f"a condition that these tests cannot apply: {condition}")
    return bool(value == condition)
