"""template.yaml as the tests see it.

Its parts by name, intrinsic functions in their long form, and its rules as EventBridge applies them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


class _Loader(yaml.SafeLoader):
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


_Loader.add_multi_constructor("!", _Loader.intrinsic)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTION: dict[str, Any] = RESOURCES["Function"]["Properties"]
# The event rules, each by its name in the template.
RULES: dict[str, dict[str, Any]] = {name: rule["Properties"] for name, rule in FUNCTION["Events"].items()}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the function's role allows: policy name and statement."""
    for policy in RESOURCES["Role"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield policy["PolicyName"], statement


def actions(statement: Mapping[str, Any]) -> list[str]:
    action: str | list[str] = statement["Action"]
    return [action] if isinstance(action, str) else action


def granted_actions(policy: str) -> set[str]:
    """The actions of one policy of the role. `scaling` grants what the code calls."""
    return {action for name, statement in statements() if name == policy for action in actions(statement)}


def nodes(value: Any) -> Iterator[Any]:
    """A part of the template and all that is inside it."""
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def resolved(value: Any, pseudo: Mapping[str, str]) -> Any:
    """A part of the template with its parameters at their defaults, and the pseudo parameters given."""
    if isinstance(value, list):
        return [resolved(inner, pseudo) for inner in value]
    if not isinstance(value, dict):
        return value
    names = {name: parameter["Default"] for name, parameter in PARAMETERS.items()} | dict(pseudo)
    match value:
        case {"Ref": name}:
            return names[name]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(names[found[1]]), text)
    return {key: resolved(inner, pseudo) for key, inner in value.items()}


def matching_rules(event: Any) -> list[str]:
    """The names of the rules that would hand this event to the function."""
    if not isinstance(event, dict):
        return []
    # A stack in the account and Region that the event comes from.
    pseudo = {
        "AWS::Partition": "aws",
        "AWS::Region": event.get("region", ""),
        "AWS::AccountId": event.get("account", ""),
    }
    return [name for name, rule in RULES.items() if _matches(resolved(rule["Pattern"], pseudo), event)]


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
