"""Scaling activities: what Application Auto Scaling did to scalable targets, and tried to, in AWS's words."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from local.account import Account
from local.services.targets import DIMENSION, NAMESPACE, resource_goes_with_dimension

Activity = dict[str, Any]

# A refusal comes at once.
_REFUSED_AFTER = timedelta(milliseconds=500)


def describe_scaling_activities(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS keeps them for six weeks; the newest comes first."""
    resource_goes_with_dimension(params, "ResourceId")
    wanted = params.get("ResourceId")
    found = [activity for activity in account.activities if wanted in (None, activity["ResourceId"])]
    return {"ScalingActivities": sorted(found, key=lambda activity: activity["StartTime"], reverse=True)}


def add(
    account: Account,
    resource: str,
    instances: int,
    status: str,
    message: str,
    started: datetime,
    *,
    cause: str,
    ended: datetime | None = None,
) -> Activity:
    """A change of the number of instances. What is in progress has no end."""
    activity = {
        "ActivityId": str(uuid.uuid4()),
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": DIMENSION,
        "Description": f"Setting desired instance count to {instances}.",
        "Cause": cause,
        "StartTime": started,
        "StatusCode": status,
        "StatusMessage": message,
    }
    if status not in ("Pending", "InProgress"):
        activity["EndTime"] = ended or started + _REFUSED_AFTER
    account.activities.append(activity)
    return activity


def note(account: Account, resource: str, action: str, started: datetime) -> None:
    """A scheduled action has set the bounds. Such an activity never gets an end."""
    bounds = "min capacity to 1 and max capacity to 5"
    cause = f"scheduled action name {action} was triggered"
    activity = add(account, resource, 1, "Successful", f"Successfully set {bounds}", started, cause=cause)
    activity["Description"] = f"Setting {bounds}"
    del activity["EndTime"]


def begin(account: Account, resource: str, instances: int, cause: str, started: datetime) -> Activity:
    """SageMaker has taken the order."""
    message = (
        f"Successfully set desired instance count to {instances}. "
        "Waiting for change to be fulfilled by sagemaker."
    )
    return add(account, resource, instances, "InProgress", message, started, cause=cause)


def fulfil(activity: Activity, ended: datetime) -> None:
    instances = activity["Description"].rpartition(" ")[2].rstrip(".")
    activity["StatusCode"] = "Successful"
    activity["StatusMessage"] = (
        f"Successfully set desired instance count to {instances}. Change successfully fulfilled by sagemaker."
    )
    activity["EndTime"] = ended


def refuse(
    account: Account, resource: str, instances: int, reason: str, cause: str, started: datetime
) -> Activity:
    """SageMaker has not taken the order."""
    message = f"Failed to set desired instance count to {instances}. Reason: {reason}"
    return add(account, resource, instances, "Failed", message, started, cause=cause)
