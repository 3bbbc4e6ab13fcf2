"""Words of the black-box tests: payloads, answers and what AWS holds then, all as whole values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies import (
    VARIANT,
    alarm_name,
    alarm_names,
    alarms_of,
    backlog_policy,
    idle_alarm,
    idle_policy,
    ladder_alarm,
    policies_of,
    put_alarm,
    put_policy,
    putting,
    spare_alarm,
    spare_policy,
    wake_alarm,
    wake_policy,
    with_words,
)

from local.aws import LocalAws
from local.runtime import Function, FunctionError

Json = dict[str, Any]

PREFIX = "scale-to-zero:"
ENABLED = {f"{PREFIX}enabled": "true"}
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
STATUS_TAG = "scale-to-zero-status"
# For tests of something else: the tag is a write and a member of the answer more in every refusal.
WITHOUT_STATUS_TAG = {"STATUS_TAG": "off"}
# What the waits between attempts are divided by, so that no test sits them out; they grow as they do without.
QUICK = {"DIVIDE_WAITS_BY": "20"}
NOTHING: Json = {"targets": {}, "policies": {}, "alarms": {}, "actions": {}, "foreign": {}}

# The writes of a first configuration, in their order.
CONFIGURING = [
    "RegisterScalableTarget",
    "PutScalingPolicy",
    "PutMetricAlarm",
    "PutMetricAlarm",
    *["PutScalingPolicy", "PutMetricAlarm"] * 2,
    "PutScalingPolicy",
]


def tags(**settings: str) -> dict[str, str]:
    """`max_capacity="3"` is the tag scale-to-zero:max-capacity; the endpoint is opted in too."""
    return ENABLED | {PREFIX + name.replace("_", "-"): value for name, value in settings.items()}


# What a removal by hand says.
STILL_ASKED = (
    "the endpoint's tags still ask for this scaling, so the next event or sweep makes it again; set the tag "
    f"{PREFIX}enabled to false to keep it away"
)


def executable(aws: LocalAws, environment: Mapping[str, str] | None = None) -> Function:
    """The executable before this local AWS; a context that it runs in."""
    return Function(aws_url=aws.url, environment={**QUICK, **(environment or {})})


# Payloads.


def apply(endpoint: str = "demo") -> Json:
    return {"action": "apply", "endpoint": endpoint}


def plan(endpoint: str = "demo") -> Json:
    return {"action": "plan", "endpoint": endpoint}


def explain(endpoint: str = "demo") -> Json:
    return {"action": "explain", "endpoint": endpoint}


def remove(endpoint: str = "demo") -> Json:
    return {"action": "remove", "endpoint": endpoint}


def state_change(endpoint: str = "demo", status: str = "IN_SERVICE") -> Json:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Endpoint State Change",
        "time": "1583831889050",
        "detail": {"EndpointName": endpoint, "EndpointStatus": status, "Tags": {}},
    }


def tag_change(arn: str, *keys: str, service: str = "sagemaker") -> Json:
    return {
        "source": "aws.tag",
        "detail-type": "Tag Change on Resource",
        "resources": [arn],
        "detail": {"changed-tag-keys": list(keys), "service": service, "resource-type": "endpoint"},
    }


def add_tags_call(arn: str, *keys: str, **detail: Any) -> Json:
    tags = [{"key": key, "value": "any"} for key in keys]
    return _api_call("AddTags", {"resourceArn": arn, "tags": tags}, detail)


def delete_tags_call(arn: str, *keys: str, **detail: Any) -> Json:
    return _api_call("DeleteTags", {"resourceArn": arn, "tagKeys": list(keys)}, detail)


def _api_call(name: str, parameters: Json, detail: Json) -> Json:
    return {
        "source": "aws.sagemaker",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {"eventName": name, "requestParameters": parameters, **detail},
    }


# Answers.


def resource_id(endpoint: str = "demo", variant: str = VARIANT) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"


def answer(outcome: str, *changes: Json, endpoint: str = "demo", variant: str = VARIANT, **more: Any) -> Json:
    """The answer about an endpoint with one variant."""
    return answer_of(outcome, {variant: changes}, endpoint=endpoint, **more)


def answer_of(
    outcome: str, variants: Mapping[str, Sequence[Json]], endpoint: str = "demo", **more: Any
) -> Json:
    return {
        "endpoint": endpoint,
        "outcome": outcome,
        "variants": [
            {"variant": variant, "resourceId": resource_id(endpoint, variant), "changes": with_words(changes)}
            for variant, changes in variants.items()
        ],
        **more,
    }


def skipped(reason: str, endpoint: str = "demo", **more: Any) -> Json:
    return {"endpoint": endpoint, "outcome": "skipped", "reason": reason, **more}


def registered(
    min_capacity: int = 0,
    max_capacity: int = 5,
    scale_in: bool = False,
    scale_out: bool = False,
    scheduled: bool = False,
) -> Json:
    """The three flags tell what is suspended."""
    return {
        "change": "register-scalable-target",
        "minCapacity": min_capacity,
        "maxCapacity": max_capacity,
        "suspendedState": {
            "dynamicScalingInSuspended": scale_in,
            "dynamicScalingOutSuspended": scale_out,
            "scheduledScalingSuspended": scheduled,
        },
    }


def configuring(endpoint: str = "demo", variant: str = VARIANT, **settings: Any) -> list[Json]:
    """The changes of a first configuration; `settings` as for `scaling`."""
    state = scaling(endpoint, [variant], **settings)
    target = state["targets"][variant]
    suspended = target["SuspendedState"]
    register = registered(
        target["MinCapacity"],
        target["MaxCapacity"],
        scale_in=suspended["DynamicScalingInSuspended"],
        scale_out=suspended["DynamicScalingOutSuspended"],
        scheduled=suspended["ScheduledScalingSuspended"],
    )
    policies = {name.removeprefix("scale-to-zero-"): it for name, it in state["policies"][variant].items()}
    alarms = {name.rsplit("/", 1)[1]: alarm for name, alarm in state["alarms"].items()}
    return [register, *putting(policies, alarms, endpoint, variant)]


def put_wake_policy(instances: int | None = None, max_capacity: int = 5) -> Json:
    return put_policy("wake", wake_policy(instances, max_capacity))


def put_spare_policy(instances: int = 1) -> Json:
    return put_policy("spare", spare_policy(instances))


def put_idle_policy(instances: int = 0) -> Json:
    return put_policy("idle", idle_policy(instances))


def put_backlog_policy(**settings: Any) -> Json:
    return put_policy("backlog", backlog_policy(**settings))


def put_wake_alarms(endpoint: str = "demo", variant: str = VARIANT) -> list[Json]:
    """The two that drive the wake policy."""
    alarms = {"wake": wake_alarm(endpoint), "ladder": ladder_alarm(endpoint)}
    return [put_alarm(kind, alarm, endpoint, variant) for kind, alarm in alarms.items()]


def put_idle_alarm(minutes: int = 10, endpoint: str = "demo", variant: str = VARIANT) -> Json:
    return put_alarm("idle", idle_alarm(endpoint, variant, minutes), endpoint, variant)


def put_spare_alarm(minutes: int = 5, endpoint: str = "demo", variant: str = VARIANT) -> Json:
    return put_alarm("spare", spare_alarm(endpoint, variant, minutes), endpoint, variant)


def delete_policy(name: str) -> Json:
    return {"change": "delete-scaling-policy", "policyName": name}


def delete_action(name: str) -> Json:
    return {"change": "delete-scheduled-action", "scheduledActionName": name}


def delete_alarms(*kinds: str, endpoint: str = "demo", variant: str = VARIANT) -> Json:
    """All four where no kind is named."""
    return {"change": "delete-alarms", "alarmNames": alarm_names(*kinds, endpoint=endpoint, variant=variant)}


# Stands on a variant at zero that is removed by hand: the next event or sweep finishes the removal.
REMOVAL_MARK: Json = {
    "scale-to-zero-warm-start..removing": {
        "Schedule": "cron(0 0 ? * MON *)",
        "Timezone": "UTC",
        "ScalableTargetAction": {"MinCapacity": 1},
    }
}

DEREGISTERED: Json = {"change": "deregister-scalable-target"}


# What AWS holds, as `LocalAws.state` tells it.


def wake_alarm_name(endpoint: str = "demo", variant: str = VARIANT) -> str:
    return alarm_name("wake", endpoint, variant)


def capacity(
    min_capacity: int = 0,
    max_capacity: int = 5,
    scale_in: bool = False,
    scale_out: bool = False,
    scheduled: bool = False,
) -> Json:
    return {
        "MinCapacity": min_capacity,
        "MaxCapacity": max_capacity,
        "SuspendedState": {
            "DynamicScalingInSuspended": scale_in,
            "DynamicScalingOutSuspended": scale_out,
            "ScheduledScalingSuspended": scheduled,
        },
    }


def scaling(
    endpoint: str = "demo",
    variants: Iterable[str] = (VARIANT,),
    *,
    target: Json | None = None,
    backlog: Json | None = None,
    wake: bool = True,
    wake_instances: int | None = None,
    idle: int | None = 10,
    spare: int | None = None,
    has_gpu: bool = True,
) -> Json:
    """All that is there for a configured endpoint, by the default settings where nothing else is said.

    `idle` and `spare` are minutes; `idle=None` is the own way of AWS to scale in. With `wake=False` nothing
    wakes the endpoint: its tag says so, or its MinCapacity keeps an instance.
    """
    target = target or capacity()
    most, least = target["MaxCapacity"], 0 if wake else target["MinCapacity"]
    backlog = backlog or backlog_policy(endpoint, scales_in=idle is None)
    climbs = wake and wake_instances is None and most > 1
    shrinks = idle is not None and most > max(1, least)
    state: Json = {**NOTHING, "targets": {}, "policies": {}, "alarms": {}}
    for variant in variants:
        policies = policies_of(
            endpoint,
            backlog=backlog,
            wake=wake_policy(wake_instances, most) if wake else None,
            spare=spare_policy(max(1, least)) if shrinks else None,
            idle=idle_policy(least) if idle is not None else None,
        )
        alarms = alarms_of(
            endpoint,
            variant,
            wake=wake_alarm(endpoint, 2 if climbs else 1) if wake else None,
            ladder=ladder_alarm(endpoint, backlog["TargetValue"]) if climbs else None,
            spare=spare_alarm(endpoint, variant, spare or min(5, idle or 5)) if shrinks else None,
            idle=idle_alarm(endpoint, variant, idle, has_gpu) if idle is not None else None,
        )
        state["targets"][variant] = target
        state["policies"][variant] = {f"scale-to-zero-{name}": policy for name, policy in policies.items()}
        state["alarms"] |= {alarm_name(kind, endpoint, variant): alarm for kind, alarm in alarms.items()}
    return state


# What happens by other hands than the function's, and what the function did.


def client(aws: LocalAws, service: str) -> Any:
    return aws.client(service)


def autoscaling(aws: LocalAws, operation: str, resource: str = resource_id(), **params: Any) -> Json:
    """An operation of Application Auto Scaling on one variant."""
    return getattr(client(aws, "application-autoscaling"), operation)(
        ServiceNamespace="sagemaker", ScalableDimension=DIMENSION, ResourceId=resource, **params
    )


def policy_arn(aws: LocalAws, name: str, resource: str = resource_id()) -> str:
    found = autoscaling(aws, "describe_scaling_policies", resource, PolicyNames=[name])["ScalingPolicies"]
    return found[0]["PolicyARN"]


def put_tracking(aws: LocalAws, name: str, resource: str = resource_id(), **of: Any) -> None:
    """A target-tracking policy by hand, like the function's but for `of`, which `backlog_policy` takes."""
    configuration = {key: value for key, value in backlog_policy(**of).items() if key != "PolicyType"}
    autoscaling(
        aws,
        "put_scaling_policy",
        resource,
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )


def put_foreign_tracking(aws: LocalAws, name: str = "theirs", resource: str = resource_id()) -> None:
    """Another owner's policy, on the very metric that ours goes by: AWS has only one of those on a target."""
    put_tracking(aws, name, resource, target=9.0)


def put_foreign_step(aws: LocalAws, name: str = "their-wake") -> None:
    """Another owner's way to wake the variant, with its alarm."""
    put = autoscaling(
        aws,
        "put_scaling_policy",
        PolicyName=name,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    alarm = wake_alarm() | {"AlarmDescription": "theirs", "AlarmActions": [put["PolicyARN"]]}
    client(aws, "cloudwatch").put_metric_alarm(AlarmName=f"{name}-alarm", **alarm)


def put_foreign_action(aws: LocalAws, name: str = "nightly", resource: str = resource_id()) -> None:
    autoscaling(
        aws,
        "put_scheduled_action",
        resource,
        ScheduledActionName=name,
        Schedule="cron(0 22 * * ? *)",
        ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 1},
    )


def written(aws: LocalAws) -> list[str]:
    return [call.operation for call in aws.writes()]


def settled(aws: LocalAws, function: Function) -> None:
    """Another delivery of the event finds nothing to do."""
    aws.settle()
    aws.clear_calls()
    assert function.invoke(state_change())["outcome"] == "unchanged"
    assert written(aws) == []


def failure(function: Function, payload: Any, deadline_seconds: float = 60) -> FunctionError:
    """The error with which an invocation ends that must not succeed."""
    try:
        answered = function.invoke(payload, deadline_seconds)
    except FunctionError as error:
        return error
    raise AssertionError(f"the invocation succeeded with {answered}")


def stranded(aws: LocalAws) -> list[str]:
    """The variants that policies may put to sleep and no alarm can wake, whoever owns policies and alarms."""
    service = "application-autoscaling"
    targets = _all(aws, service, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="sagemaker")
    policies = _all(
        aws, service, "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="sagemaker"
    )
    alarms = _all(aws, "cloudwatch", "describe_alarms", "MetricAlarms")
    driven = {
        action for alarm in alarms if alarm["ActionsEnabled"] for action in alarm.get("AlarmActions", [])
    }
    found = []
    for scaled in targets:
        own = [policy for policy in policies if policy["ResourceId"] == scaled["ResourceId"]]
        suspended = scaled["SuspendedState"]
        may_sleep = (
            scaled["MinCapacity"] == 0
            and not suspended["DynamicScalingInSuspended"]
            and any(_takes_the_last(policy) for policy in own)
        )
        may_wake = not suspended["DynamicScalingOutSuspended"] and any(
            _adds_instances(policy) and policy["PolicyARN"] in driven for policy in own
        )
        if may_sleep and not may_wake:
            found.append(scaled["ResourceId"])
    return found


def _all(aws: LocalAws, service: str, operation: str, key: str, **params: Any) -> list[Json]:
    pages = client(aws, service).get_paginator(operation).paginate(**params)
    return [item for page in pages for item in page[key]]


def _steps(policy: Json) -> list[int]:
    steps = policy.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])
    return [step["ScalingAdjustment"] for step in steps]


def _takes_the_last(policy: Json) -> bool:
    """A policy that sets an exact capacity of one or more leaves an instance."""
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if tracking is not None:
        return not tracking.get("DisableScaleIn", False)
    is_exact = policy["StepScalingPolicyConfiguration"]["AdjustmentType"] == "ExactCapacity"
    return any(step < (1 if is_exact else 0) for step in _steps(policy))


def _adds_instances(policy: Json) -> bool:
    """Target tracking has no metric to go by where no instance runs, and an exact capacity only shrinks."""
    configuration = policy.get("StepScalingPolicyConfiguration", {})
    is_exact = configuration.get("AdjustmentType") == "ExactCapacity"
    return not is_exact and any(step > 0 for step in _steps(policy))
