"""The Resource Groups Tagging API, for SageMaker endpoints, alarms and scalable targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import make_tag_matcher

from local.account import Account
from local.errors import AwsError
from local.services import resource_tags
from local.services.targets import DIMENSION


def get_resources(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS lists what is tagged or once was, and takes a list of ARNs or filters, not both."""
    arns = params.get("ResourceARNList")
    if arns is not None and (set(params) & {"ResourceTypeFilters", "TagFilters", "ResourcesPerPage"}):
        raise AwsError("InvalidParameterException", "ResourceARNList excludes filters and pages.")
    types = params.get("ResourceTypeFilters") or list(_KINDS)
    matches = make_tag_matcher(params.get("TagFilters"))
    found = []
    for kind, tagged in _KINDS.items():
        if not {kind, kind.partition(":")[0]} & set(types):
            continue
        for arn, tags in tagged(account):
            if (arns is None or arn in arns) and matches(tags):
                listed = [{"Key": key, "Value": value} for key, value in tags.items()]
                found.append({"ResourceARN": arn, "Tags": listed})
    return {"ResourceTagMappingList": found}


def _endpoints(account: Account) -> Iterator[tuple[str, dict[str, str]]]:
    for endpoint in account.endpoints_by_arn.values():
        if endpoint.was_tagged:
            yield endpoint.arn, {tag["Key"]: tag["Value"] for tag in endpoint.tags}


def _alarms(account: Account) -> Iterator[tuple[str, dict[str, str]]]:
    for alarm in account.cloudwatch.alarms.values():
        if tags := resource_tags.of(account, alarm.alarm_arn):
            yield alarm.alarm_arn, tags


def _targets(account: Account) -> Iterator[tuple[str, dict[str, str]]]:
    for target in account.autoscaling.targets.get(DIMENSION, {}).values():
        if tags := resource_tags.of(account, target.arn):
            yield target.arn, tags


_KINDS = {
    "sagemaker:endpoint": _endpoints,
    "cloudwatch:alarm": _alarms,
    "application-autoscaling:scalable-target": _targets,
}
