"""Application Auto Scaling for SageMaker variants: what must exist, what goes with what, which ARN stays."""

from __future__ import annotations

import re
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from moto.applicationautoscaling.models import (
    FakeApplicationAutoscalingPolicy,
    FakeScalableTarget,
    FakeScheduledAction,
)

from local.account import Account
from local.errors import AwsError
from local.services import cloudwatch, resource_tags, sagemaker
from local.services.targets import (
    DIMENSION,
    NAMESPACE,
    actions_of,
    drop_alarms,
    drop_policy,
    drop_target,
    find_target,
    resource_goes_with_dimension,
)

_RESOURCE_ID = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_CONFIGURATION = {
    "StepScaling": "StepScalingPolicyConfiguration",
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
}


def register_scalable_target(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS looks at the variant before it registers it, and brings its instances into the new range at once.

    What a second registration leaves out stays as it was, and its tags count for nothing. AWS does not
    publish its texts for the refusals.
    """
    endpoint, variant = _variant(account, params)
    existing = find_target(account, endpoint.endpoint_name, variant["VariantName"])
    least = params.get("MinCapacity", existing.min_capacity if existing else None)
    most = params.get("MaxCapacity", existing.max_capacity if existing else None)
    if least is None or most is None:
        raise AwsError(
            "ValidationException", "MinCapacity and MaxCapacity are needed for a new scalable target."
        )
    if not 0 <= least <= most:
        raise AwsError("ValidationException", f"MinCapacity {least} and MaxCapacity {most} are no range.")
    target = account.autoscaling.register_scalable_target(
        NAMESPACE,
        params["ResourceId"],
        DIMENSION,
        min_capacity=least,
        max_capacity=most,
        role_arn=params.get("RoleARN", _service_linked_role(account)),
        suspended_state=_suspended_state(existing, params.get("SuspendedState", {})),
    )
    if existing is None:
        resource_tags.add(account, target.arn, params.get("Tags", {}))
    _bring_into_range(endpoint, variant, least, most)
    return {"ScalableTargetARN": target.arn}


def _variant(account: Account, params: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """AWS checks that the variant exists, can be scaled, and is not of a burstable type."""
    name, variant_name = _names(params)
    endpoint = account.endpoint(name)
    variant = sagemaker.find_variant(endpoint, variant_name)
    if variant is None or "CurrentInstanceCount" not in variant:
        raise AwsError("ValidationException", f"{params['ResourceId']} has no instances to scale.")
    if endpoint.endpoint_status in ("Creating", "Deleting", "Failed", "OutOfService"):
        raise AwsError("ValidationException", f"Endpoint {name} is {endpoint.endpoint_status}.")
    if re.match(r"ml\.t\d", sagemaker.instance_type(account, endpoint, variant_name) or ""):
        raise AwsError("ValidationException", f"{params['ResourceId']} is of a burstable instance type.")
    return endpoint, variant


def _names(params: dict[str, Any]) -> tuple[str, str]:
    found = _RESOURCE_ID.fullmatch(params["ResourceId"])
    if found is None or params["ServiceNamespace"] != NAMESPACE or params["ScalableDimension"] != DIMENSION:
        raise AwsError(
            "ValidationException", "Unsupported service namespace, resource type or scalable dimension"
        )
    return found.group(1), found.group(2)


def _service_linked_role(account: Account) -> str:
    """AWS registers with the service-linked role and says so in every answer."""
    return (
        f"arn:aws:iam::{account.id}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )


def _suspended_state(existing: FakeScalableTarget | None, wanted: dict[str, bool]) -> dict[str, bool]:
    """AWS always answers all three, and keeps those that are not named."""
    state = dict.fromkeys(_SUSPENSIONS, False)
    return {**state, **(existing.suspended_state if existing else {}), **wanted}


def _bring_into_range(endpoint: Any, variant: dict[str, Any], least: int, most: int) -> None:
    """AWS changes the capacity only of an endpoint that is active."""
    desired = min(max(variant["DesiredInstanceCount"], least), most)
    if endpoint.endpoint_status == "InService" and desired != variant["DesiredInstanceCount"]:
        sagemaker.scale(endpoint, variant, desired)


def describe_scalable_targets(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS wants the resource with a dimension."""
    resource_goes_with_dimension(params, "ResourceIds")
    targets = account.autoscaling.targets.get(DIMENSION, {})
    wanted = params.get("ResourceIds")
    found = targets.values() if wanted is None else [targets[name] for name in wanted if name in targets]
    return {
        "ScalableTargets": [
            {
                "ServiceNamespace": target.service_namespace,
                "ResourceId": target.resource_id,
                "ScalableDimension": target.scalable_dimension,
                "MinCapacity": target.min_capacity,
                "MaxCapacity": target.max_capacity,
                "RoleARN": target.role_arn,
                "CreationTime": target.creation_time,
                "SuspendedState": target.suspended_state,
                "ScalableTargetARN": target.arn,
            }
            for target in found
        ]
    }


def deregister_scalable_target(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS deletes the policies and scheduled actions of the target with it."""
    endpoint, variant = _names(params)
    if not drop_target(account, endpoint, variant):
        raise AwsError("ObjectNotFoundException", f"No scalable target found for {_described(params)}")
    return {}


def tag_resource(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS tags scalable targets alone here, and takes tags as a map."""
    resource_tags.add(account, _known(account, params), params["Tags"])
    return {}


def untag_resource(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    resource_tags.remove(account, _known(account, params), params["TagKeys"])
    return {}


def list_tags_for_resource(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": resource_tags.of(account, _known(account, params))}


def _known(account: Account, params: dict[str, Any]) -> str:
    arn = params["ResourceARN"]
    if all(target.arn != arn for target in account.autoscaling.targets.get(DIMENSION, {}).values()):
        raise AwsError("ResourceNotFoundException", f"There is no scalable target {arn}.")
    return arn


def put_scaling_policy(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS wants a target first, keeps the ARN over updates, and makes the alarms of target tracking."""
    _names(params)
    _require_target(account, params)
    existing = account.policies[params["ResourceId"]].get(params["PolicyName"])
    kind = params.get("PolicyType", existing.policy_type if existing else "StepScaling")
    configuration = params.get(_CONFIGURATION.get(kind, ""))
    _check_policy(account, params, kind, configuration, existing)
    policy = account.autoscaling.put_scaling_policy(
        policy_name=params["PolicyName"],
        service_namespace=NAMESPACE,
        resource_id=params["ResourceId"],
        scalable_dimension=DIMENSION,
        policy_body=configuration,
        policy_type=kind,
    )
    account.policies[policy.resource_id][policy.policy_name] = policy
    if existing:
        policy.policy_arn, policy.creation_time = existing.policy_arn, existing.creation_time
        drop_alarms(account, existing)
    else:
        own = _id_in_policies(account, policy.resource_id)
        policy.policy_arn = policy.policy_arn.replace(str(policy._guid), own)
    if kind == "TargetTrackingScaling":
        policy.alarms = _target_tracking_alarms(account, policy)
    return {"PolicyARN": policy.policy_arn, "Alarms": _alarms(account, policy)}


def _id_in_policies(account: Account, resource: str) -> str:
    """AWS gives the policies of a scalable target one id in their ARNs."""
    return account.ids_in_policies.setdefault(resource, str(uuid.uuid4()))


def _check_policy(
    account: Account,
    params: dict[str, Any],
    kind: str,
    configuration: dict[str, Any] | None,
    existing: FakeApplicationAutoscalingPolicy | None,
) -> None:
    """AWS keeps the type of a policy, wants the configuration of that type, and one policy for a metric."""
    if existing and existing.policy_type != kind:
        raise AwsError(
            "ValidationException", f"Policy {params['PolicyName']} is of type {existing.policy_type}."
        )
    others = [name for name in _CONFIGURATION.values() if name in params and name != _CONFIGURATION.get(kind)]
    if configuration is None or others:
        raise AwsError(
            "ValidationException", f"A policy of type {kind} has its own configuration and no other."
        )
    if kind == "StepScaling":
        _check_steps(configuration)
        return
    _check_one_metric(configuration)
    for other in account.policies[params["ResourceId"]].values():
        tracked = other.target_tracking_scaling_policy_configuration
        if (
            other.policy_name != params["PolicyName"]
            and tracked
            and _metric(tracked) == _metric(configuration)
        ):
            raise AwsError(
                "ValidationException",
                "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
            )


def _check_steps(configuration: dict[str, Any]) -> None:
    """A step policy says how it adjusts, and each of its steps has a bound."""
    steps = configuration.get("StepAdjustments")
    bounds = ("MetricIntervalLowerBound", "MetricIntervalUpperBound")
    if "AdjustmentType" not in configuration or not steps:
        raise AwsError("ValidationException", "A step policy needs an AdjustmentType and StepAdjustments.")
    if not all(any(bound in step for bound in bounds) for step in steps):
        raise AwsError("ValidationException", "Every step adjustment needs an interval bound.")


def _check_one_metric(configuration: dict[str, Any]) -> None:
    """A target-tracking policy follows one metric, predefined or customized."""
    specifications = [name for name in configuration if name.endswith("MetricSpecification")]
    if len(specifications) != 1:
        raise AwsError(
            "ValidationException", "A target-tracking policy needs exactly one metric specification."
        )


def _metric(configuration: dict[str, Any]) -> dict[str, Any]:
    name = next(name for name in configuration if name.endswith("MetricSpecification"))
    return {"specification": name, **configuration[name]}


def _target_tracking_alarms(account: Account, policy: FakeApplicationAutoscalingPolicy) -> list[Any]:
    """AWS makes one alarm to scale out and one, over 15 minutes, to scale in."""
    configuration = policy.target_tracking_scaling_policy_configuration
    metric = configuration.get(
        "CustomizedMetricSpecification", {"MetricName": "Predefined", "Dimensions": []}
    )
    action = f"{policy.policy_arn}:createdBy/{uuid.uuid4()}"
    sides = (
        ("High", "GreaterThanThreshold", configuration["TargetValue"], 3),
        ("Low", "LessThanThreshold", configuration["TargetValue"] * 0.9, 15),
    )
    return [
        cloudwatch.put(
            account,
            {
                "AlarmName": f"TargetTracking-{policy.resource_id}-Alarm{side}-{uuid.uuid4()}",
                "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}.",
                "Namespace": metric.get("Namespace", "AWS/SageMaker"),
                "MetricName": metric.get("MetricName", "Metrics"),
                "Dimensions": metric.get("Dimensions", []),
                "Statistic": metric.get("Statistic", "Average"),
                "Period": 60,
                "EvaluationPeriods": periods,
                "Threshold": threshold,
                "ComparisonOperator": comparison,
                "AlarmActions": [action],
            },
        )
        for side, comparison, threshold, periods in sides
    ]


def describe_scaling_policies(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS filters by name too."""
    resource_goes_with_dimension(params, "ResourceId")
    wanted = params.get("PolicyNames")
    resources = [params["ResourceId"]] if "ResourceId" in params else list(account.policies)
    found = [policy for resource in resources for policy in account.policies[resource].values()]
    return {
        "ScalingPolicies": [
            _policy(account, policy) for policy in found if wanted is None or policy.policy_name in wanted
        ]
    }


def _policy(account: Account, policy: FakeApplicationAutoscalingPolicy) -> dict[str, Any]:
    return {
        "PolicyARN": policy.policy_arn,
        "PolicyName": policy.policy_name,
        "ServiceNamespace": policy.service_namespace,
        "ResourceId": policy.resource_id,
        "ScalableDimension": policy.scalable_dimension,
        "PolicyType": policy.policy_type,
        _CONFIGURATION[policy.policy_type]: policy._policy_body,
        "Alarms": _alarms(account, policy),
        "CreationTime": policy.creation_time,
    }


def _alarms(account: Account, policy: FakeApplicationAutoscalingPolicy) -> list[dict[str, str]]:
    """AWS names the alarms it made for target tracking, and those that the user attached to a step policy."""
    alarms = policy.alarms
    if policy.policy_type == "StepScaling":
        alarms = cloudwatch.with_action(account, policy.policy_arn)
    return [{"AlarmName": alarm.name, "AlarmARN": alarm.alarm_arn} for alarm in alarms]


def delete_scaling_policy(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS deletes the alarms of target tracking with the policy, but not the alarm of a step policy."""
    _names(params)
    policy = account.policies[params["ResourceId"]].get(params["PolicyName"])
    if policy is None:
        raise AwsError(
            "ObjectNotFoundException",
            f"No scaling policy found for {_described(params)}, policy name: {params['PolicyName']}",
        )
    drop_policy(account, policy)
    return {}


def put_scheduled_action(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS wants a target first, a schedule it can read and a time zone that exists."""
    _names(params)
    _require_target(account, params)
    existing = _find_action(account, params)
    schedule = params.get("Schedule", existing.schedule if existing else "")
    if not re.fullmatch(r"(cron|rate|at)\(.+\)", schedule):
        raise AwsError("ValidationException", f"{schedule!r} is no schedule expression.")
    try:
        ZoneInfo(params.get("Timezone", "UTC"))
    except (KeyError, ValueError):
        raise AwsError("ValidationException", f"{params['Timezone']!r} is no time zone.") from None
    account.autoscaling.put_scheduled_action(
        service_namespace=NAMESPACE,
        schedule=schedule,
        timezone=params.get("Timezone", existing.timezone if existing else None),
        scheduled_action_name=params["ScheduledActionName"],
        resource_id=params["ResourceId"],
        scalable_dimension=DIMENSION,
        start_time=params.get("StartTime"),
        end_time=params.get("EndTime"),
        scalable_target_action=params.get("ScalableTargetAction"),
    )
    return {}


def describe_scheduled_actions(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS wants the resource with a dimension, as for policies, and echoes Timezone only if it was sent."""
    resource_goes_with_dimension(params, "ResourceId")
    found = account.autoscaling.describe_scheduled_actions(
        params.get("ScheduledActionNames"),
        NAMESPACE,
        params.get("ResourceId"),
        params.get("ScalableDimension"),
    )
    actions = [
        {
            "ScheduledActionName": action.scheduled_action_name,
            "ScheduledActionARN": action.arn,
            "ServiceNamespace": action.service_namespace,
            "Schedule": action.schedule,
            "Timezone": action.timezone,
            "ResourceId": action.resource_id,
            "ScalableDimension": action.scalable_dimension,
            "StartTime": action.start_time,
            "EndTime": action.end_time,
            "ScalableTargetAction": action.scalable_target_action,
            "CreationTime": action.creation_time,
        }
        for action in found
    ]
    return {"ScheduledActions": [{k: v for k, v in action.items() if v is not None} for action in actions]}


def delete_scheduled_action(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS answers ObjectNotFoundException for an action that is not there."""
    _names(params)
    action = _find_action(account, params)
    if action is None:
        raise AwsError(
            "ObjectNotFoundException",
            f"No scheduled action found for {_described(params)}, "
            f"scheduled action name: {params['ScheduledActionName']}",
        )
    account.autoscaling.scheduled_actions.remove(action)
    return {}


def _find_action(account: Account, params: dict[str, Any]) -> FakeScheduledAction | None:
    actions = actions_of(account, params["ResourceId"])
    return next((a for a in actions if a.scheduled_action_name == params["ScheduledActionName"]), None)


def _require_target(account: Account, params: dict[str, Any]) -> None:
    """AWS has policies and scheduled actions only on a registered target."""
    if params["ResourceId"] not in account.autoscaling.targets.get(DIMENSION, {}):
        raise AwsError("ObjectNotFoundException", f"No scalable target registered for {_described(params)}")


def _described(params: dict[str, Any]) -> str:
    return (
        f"service namespace: {params['ServiceNamespace']}, resource ID: {params['ResourceId']}, "
        f"scalable dimension: {params['ScalableDimension']}"
    )
