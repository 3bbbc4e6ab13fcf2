"""What Application Auto Scaling makes of alarms: which policy asks for what, cooldowns, and the order itself.

It goes by what its guide says; where the guide is silent, the sentence says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.applicationautoscaling.models import FakeApplicationAutoscalingPolicy

from local.account import Account
from local.services import activities, sagemaker
from local.services.targets import DIMENSION

Policy = FakeApplicationAutoscalingPolicy

# Seconds, where a policy names none.
_DEFAULT_COOLDOWN = 300


@dataclass(frozen=True)
class Trigger:
    """An alarm in ALARM that drives a policy; those of target tracking go one `way` only."""

    alarm: str
    policy: Policy
    datapoints: Sequence[float]
    threshold: float
    way: str = "either"

    @property
    def cause(self) -> str:
        return f"monitor alarm {self.alarm} in state ALARM triggered policy {self.policy.policy_name}"


@dataclass
class Past:
    """What a policy has done last, for its cooldown, which begins when the instances run (assumption)."""

    added: int = 0
    out_at: datetime | None = None
    in_at: datetime | None = None


@dataclass
class Order:
    """An order under way: what is to be told when it is fulfilled."""

    activity: activities.Activity
    policy_arn: str
    added: int


@dataclass
class Limits:
    """What stands in the way of an order: the account's quota and the instances that AWS has, by type."""

    quotas: dict[str, int] = field(default_factory=dict)
    available: dict[str, int] = field(default_factory=dict)


def find_policy(account: Account, action: str) -> Policy | None:
    """The policy of an alarm's action; target tracking's own alarms say by whom they were made."""
    arn = action.partition(":createdBy/")[0]
    of_all = (policy for policies in account.policies.values() for policy in policies.values())
    return next((policy for policy in of_all if policy.policy_arn == arn), None)


def act(account: Account, triggers: Sequence[Trigger], now: datetime, limits: Limits) -> None:
    """One order for each scalable target at most: the largest capacity that a policy asks for."""
    for resource, target in account.autoscaling.targets.get(DIMENSION, {}).items():
        proposals = []
        for trigger in triggers:
            if trigger.policy.resource_id == resource:
                asked = _proposal(account, trigger, target, now)
                if asked is not None:
                    proposals.append((asked, trigger))
        if proposals:
            capacity, trigger = max(proposals, key=lambda proposal: proposal[0])
            _order(account, resource, capacity, trigger, now, limits)


def _proposal(account: Account, trigger: Trigger, target: Any, now: datetime) -> int | None:
    """The capacity that the policy asks for, if it is another than there is.

    Of a larger order what the last one added is taken off while its cooldown lasts; then comes the range.
    """
    variant = _variant(account, trigger.policy.resource_id)
    if variant is None:
        return None
    wanted = variant["DesiredInstanceCount"]
    asked = _asked(account, trigger, wanted, now)
    if asked is None:
        return None
    past = account.past.setdefault(trigger.policy.policy_arn, Past())
    suspended = target.suspended_state
    if asked > wanted:
        if _is_cooling(past.out_at, _cooldown(trigger.policy, "Out"), now):
            asked = max(asked - past.added, wanted)
        allowed = trigger.way != "in" and not suspended["DynamicScalingOutSuspended"]
    else:
        is_cooling = _is_cooling(past.in_at, _cooldown(trigger.policy, "In"), now)
        allowed = trigger.way != "out" and not is_cooling and not suspended["DynamicScalingInSuspended"]
    asked = min(max(asked, target.min_capacity), target.max_capacity)
    return asked if allowed and asked != wanted else None


def _variant(account: Account, resource: str) -> dict[str, Any] | None:
    _, endpoint, _, variant = resource.split("/")
    found = account.sagemaker.endpoints.get(endpoint)
    return sagemaker.find_variant(found, variant) if found else None


def _asked(account: Account, trigger: Trigger, wanted: int, now: datetime) -> int | None:
    tracking = trigger.policy.target_tracking_scaling_policy_configuration
    if tracking:
        return _tracked(tracking, trigger, wanted)
    configuration = trigger.policy.step_scaling_policy_configuration
    amount = step_amount(configuration, trigger.datapoints, trigger.threshold)
    if amount is None:
        values = ", ".join(str(value) for value in trigger.datapoints)
        message = (
            f"No step adjustment found for metric value [{values}] and breach threshold {trigger.threshold}"
        )
        activities.add(
            account, trigger.policy.resource_id, wanted, "Failed", message, now, cause=trigger.cause
        )
        return None
    match configuration["AdjustmentType"]:
        case "ExactCapacity":
            return amount
        case "PercentChangeInCapacity":
            return wanted + _away_from_zero(wanted * amount / 100)
        case _:
            return max(wanted + amount, 0)


def _tracked(tracking: dict[str, Any], trigger: Trigger, wanted: int) -> int | None:
    """In proportion to the newest datapoint, rounded up: AWS says it of scaling out, of in it is assumed."""
    if trigger.way == "in" and tracking.get("DisableScaleIn", False):
        return None
    return math.ceil(max(wanted, 1) * trigger.datapoints[-1] / tracking["TargetValue"])


def step_amount(configuration: dict[str, Any], datapoints: Sequence[float], threshold: float) -> int | None:
    """The adjustment of the step that the aggregated value is in; the bound nearer to 0 counts in."""
    if not datapoints:
        return None
    match configuration.get("MetricAggregationType", "Average"):
        case "Maximum":
            value = max(datapoints)
        case "Minimum":
            value = min(datapoints)
        case _:
            value = sum(datapoints) / len(datapoints)
    difference = value - threshold
    for step in configuration["StepAdjustments"]:
        lower = step.get("MetricIntervalLowerBound", -math.inf)
        upper = step.get("MetricIntervalUpperBound", math.inf)
        is_within = lower <= difference < upper if difference >= 0 else lower < difference <= upper
        if is_within:
            return int(step["ScalingAdjustment"])
    return None


def _away_from_zero(change: float) -> int:
    """AWS: a value between 0 and 1 is 1, one above is rounded down; the other way round below 0."""
    if change == 0:
        return 0
    return int(math.copysign(max(math.floor(abs(change)), 1), change))


def _cooldown(policy: Policy, way: str) -> timedelta:
    tracking = policy.target_tracking_scaling_policy_configuration
    if tracking:
        return timedelta(seconds=tracking.get(f"Scale{way}Cooldown", _DEFAULT_COOLDOWN))
    return timedelta(seconds=policy.step_scaling_policy_configuration.get("Cooldown", _DEFAULT_COOLDOWN))


def _is_cooling(since: datetime | None, cooldown: timedelta, now: datetime) -> bool:
    return since is not None and now < since + cooldown


def _order(
    account: Account, resource: str, capacity: int, trigger: Trigger, now: datetime, limits: Limits
) -> None:
    """SageMaker takes no order while the endpoint is Updating, and none above the quota."""
    _, name, _, variant_name = resource.split("/")
    endpoint = account.endpoint(name)
    variant = sagemaker.find_variant(endpoint, variant_name)
    if endpoint.endpoint_status != "InService" or variant is None:
        return
    wanted = variant["DesiredInstanceCount"]
    kind = sagemaker.instance_type(account, endpoint, variant_name) or ""
    quota = limits.quotas.get(kind)
    used = running(account, kind)
    if quota is not None and capacity > wanted and used + capacity - wanted > quota:
        reason = (
            f"The account-level service limit '{kind} for endpoint usage' is {quota} Instances, with current "
            f"utilization of {used} Instances and a request delta of {capacity - wanted} Instances. "
            "Please use AWS Service Quotas to request an increase for this quota."
        )
        activities.refuse(account, resource, capacity, reason, trigger.cause, now)
        return
    sagemaker.scale(endpoint, variant, capacity)
    activity = activities.begin(account, resource, capacity, trigger.cause, now)
    account.orders[endpoint.arn] = Order(activity, trigger.policy.policy_arn, capacity - wanted)


def fulfilled(account: Account, arn: str, now: datetime) -> None:
    """The endpoint has its instances: the activity ends and the cooldown begins."""
    order = account.orders.pop(arn, None)
    if order is None:
        return
    activities.fulfil(order.activity, now)
    past = account.past.setdefault(order.policy_arn, Past())
    if order.added > 0:
        # "The scale-in cooldown period stops and doesn't complete."
        past.added, past.out_at, past.in_at = order.added, now, None
    else:
        past.in_at = now


def running(account: Account, instance_type: str) -> int:
    """The instances of a type that count against its quota."""
    return sum(
        variant.get("DesiredInstanceCount", 0)
        for endpoint in account.sagemaker.endpoints.values()
        for variant in endpoint.production_variants
        if sagemaker.instance_type(account, endpoint, variant["VariantName"]) == instance_type
    )


def lacks_capacity(account: Account, arn: str, limits: Limits) -> bool:
    """Whether AWS has not the instances that an endpoint under way has ordered: it goes on waiting."""
    endpoint = account.endpoints_by_arn[arn]
    for variant in endpoint.production_variants:
        more = variant.get("DesiredInstanceCount", 0) > variant.get("CurrentInstanceCount", 0)
        kind = sagemaker.instance_type(account, endpoint, variant["VariantName"]) or ""
        if more and kind in limits.available and running(account, kind) > limits.available[kind]:
            return True
    return False
