"""The Resource Groups Tagging API, for SageMaker endpoints."""

from __future__ import annotations

from typing import Any

from moto.core.resource_tagging import make_tag_matcher

from local.account import Account
from local.errors import AwsError


def get_resources(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS lists what is tagged or once was, and takes a list of ARNs or filters, not both."""
    arns = params.get("ResourceARNList")
    if arns is not None and (set(params) & {"ResourceTypeFilters", "TagFilters", "ResourcesPerPage"}):
        raise AwsError("InvalidParameterException", "ResourceARNList excludes filters and pages.")
    types = params.get("ResourceTypeFilters") or ["sagemaker"]
    if not {"sagemaker", "sagemaker:endpoint"} & set(types):
        return {"ResourceTagMappingList": []}
    matches = make_tag_matcher(params.get("TagFilters"))
    found = []
    for endpoint in account.endpoints_by_arn.values():
        tags = {tag["Key"]: tag["Value"] for tag in endpoint.tags}
        if endpoint.was_tagged and (arns is None or endpoint.arn in arns) and matches(tags):
            found.append({"ResourceARN": endpoint.arn, "Tags": list(endpoint.tags)})
    return {"ResourceTagMappingList": found}
