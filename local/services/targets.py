"""Scalable targets and what hangs on them, in moto's memory.

Application Auto Scaling keeps them; SageMaker asks for them and takes them away with their endpoint.
"""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import (
    FakeApplicationAutoscalingPolicy,
    FakeScalableTarget,
    FakeScheduledAction,
)

from local.account import Account
from local.errors import AwsError
from local.services import cloudwatch, resource_tags

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def resource_id(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"


def find_target(account: Account, endpoint: str, variant: str) -> FakeScalableTarget | None:
    return account.autoscaling.targets.get(DIMENSION, {}).get(resource_id(endpoint, variant))


def actions_of(account: Account, resource: str) -> list[FakeScheduledAction]:
    return [action for action in account.autoscaling.scheduled_actions if action.resource_id == resource]


def drop_target(account: Account, endpoint: str, variant: str) -> bool:
    """Whether there was a target to drop."""
    resource = resource_id(endpoint, variant)
    target = account.autoscaling.targets.get(DIMENSION, {}).pop(resource, None)
    if target is None:
        return False
    resource_tags.forget(account, target.arn)
    account.ids_in_policies.pop(resource, None)
    for policy in list(account.policies[resource].values()):
        drop_policy(account, policy)
    for action in actions_of(account, resource):
        account.autoscaling.scheduled_actions.remove(action)
    return True


def drop_policy(account: Account, policy: FakeApplicationAutoscalingPolicy) -> None:
    drop_alarms(account, policy)
    del account.policies[policy.resource_id][policy.policy_name]
    account.autoscaling.delete_scaling_policy(policy.policy_name, NAMESPACE, policy.resource_id, DIMENSION)


def drop_alarms(account: Account, policy: FakeApplicationAutoscalingPolicy) -> None:
    cloudwatch.delete(account, [alarm.name for alarm in policy.alarms])


def resource_goes_with_dimension(params: dict[str, Any], member: str) -> None:
    """AWS: with a scalable dimension, the resource must be given too."""
    if "ScalableDimension" in params and member not in params:
        raise AwsError("ValidationException", f"With ScalableDimension, {member} must be given too.")
