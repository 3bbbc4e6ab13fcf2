"""Words of the fleet's tests: worlds of many endpoints, and what AWS holds for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies import alarm_names, policies_of
from support import ENABLED, PREFIX, VARIANT, Json, client, scaling, tags, wake_alarm, wake_alarm_name

from local.aws import LocalAws
from local.faults import DROP, DROP_AFTER, Fault
from local.queue import WorkQueue
from local.runtime import Function
from local.services import autoscaling, cloudwatch
from local.services.targets import DIMENSION, NAMESPACE, resource_id

SWEEP: Json = {"action": "sweep"}
PLAN: Json = {"action": "plan"}
REMOVE: Json = {"action": "remove"}

OPTED_OUT = {f"{PREFIX}enabled": "false"}
BAD = tags(max_capacity="lots")


# Worlds.


def put_orphan_alarm(aws: LocalAws, endpoint: str) -> None:
    """The alarm of an endpoint that is gone, as earlier tools leave it behind."""
    action = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:0:policyName/scale-to-zero-wake"
    alarm = wake_alarm(endpoint) | {"AlarmActions": [action]}
    client(aws, "cloudwatch").put_metric_alarm(AlarmName=wake_alarm_name(endpoint), **alarm)


def create_configured(aws: LocalAws, name: str) -> None:
    """A tagged endpoint, and around it at once what the function would put there."""
    aws.create_endpoint(name, tags=ENABLED)
    resource = {
        "ServiceNamespace": NAMESPACE,
        "ScalableDimension": DIMENSION,
        "ResourceId": resource_id(name, VARIANT),
    }
    state = scaling(name)
    with aws._lock:
        account = aws.account()
        autoscaling.register_scalable_target(account, {**resource, **state["targets"][VARIANT]})
        for policy_name, policy in state["policies"][VARIANT].items():
            kind = policy.pop("PolicyType")
            autoscaling.put_scaling_policy(
                account,
                {
                    **resource,
                    "PolicyName": policy_name,
                    "PolicyType": kind,
                    f"{kind}PolicyConfiguration": policy,
                },
            )
        for alarm_name, alarm in state["alarms"].items():
            actions = [
                account.policies[resource["ResourceId"]][it].policy_arn for it in alarm["AlarmActions"]
            ]
            cloudwatch.put_metric_alarm(account, alarm | {"AlarmName": alarm_name, "AlarmActions": actions})


def delete_at_once(aws: LocalAws, name: str) -> None:
    """By a user who may not deregister scalable targets, so that these and their policies stay."""
    aws.delete_endpoint(name, deregister=False)
    aws.settle()


def create_fleet(aws: LocalAws, size: int) -> list[str]:
    """Every second endpoint is tagged; answers the names of those that are to be managed in the end.

    On top: `bad` with bad tags, `orphan` and `ghost` that are gone and left scaling and an alarm behind, and
    `bare` that has lost its tags but not its scaling.
    """
    for name in ("orphan", "bare"):
        create_configured(aws, name)
    delete_at_once(aws, "orphan")
    aws.untag("bare", [*ENABLED])
    put_orphan_alarm(aws, "ghost")
    aws.create_endpoint("bad", tags=BAD)
    managed = []
    for number in range(size):
        name = f"endpoint-{number:05}"
        if number % 2:
            managed.append(name)
        aws.create_endpoint(name, tags=ENABLED if number % 2 else {"team": "search"})
    return managed


# What AWS holds.


def names_of_all(endpoints: Iterable[str]) -> set[str]:
    """The names of all that belongs to configured endpoints."""
    found: set[str] = set()
    for endpoint in endpoints:
        resource = resource_id(endpoint, VARIANT)
        policies = {f"{resource} scale-to-zero-{policy}" for policy in policies_of(endpoint)}
        found |= {resource, *alarm_names(endpoint=endpoint)} | policies
    return found


def names_held(aws: LocalAws) -> set[str]:
    """The names of all scalable targets, policies and scheduled actions, and of our alarms."""
    account = aws.account()
    with aws._lock:
        targets = set(account.autoscaling.targets.get(DIMENSION, {}))
        policies = {
            f"{policy.resource_id} {policy.policy_name}" for policy in account.autoscaling.policies.values()
        }
        actions = {
            f"{action.resource_id} {action.scheduled_action_name}"
            for action in account.autoscaling.scheduled_actions
        }
        alarms = {name for name in account.cloudwatch.alarms if name.startswith("scale-to-zero/")}
    return targets | policies | actions | alarms


def states(aws: LocalAws, names: Iterable[str]) -> dict[str, Json]:
    return {name: aws.state(name) for name in names}


def stranded(aws: LocalAws) -> list[str]:
    """The variants that may be put to sleep and that no alarm can wake, read from memory in no time."""
    account = aws.account()
    with aws._lock:
        found = []
        for resource, target in account.autoscaling.targets.get(DIMENSION, {}).items():
            own = account.policies.get(resource, {}).values()
            suspended = target.suspended_state
            may_sleep = (
                target.min_capacity == 0
                and not suspended["DynamicScalingInSuspended"]
                and any(_takes_the_last(policy) for policy in own)
            )
            may_wake = not suspended["DynamicScalingOutSuspended"] and any(
                _adds_instances(policy) and _is_driven(account, policy) for policy in own
            )
            if may_sleep and not may_wake:
                found.append(resource)
        return found


def _takes_the_last(policy: Any) -> bool:
    """A policy that sets an exact capacity of one or more leaves an instance."""
    body = policy._policy_body
    if policy.policy_type == "TargetTrackingScaling":
        return not body.get("DisableScaleIn", False)
    steps = [step["ScalingAdjustment"] for step in body["StepAdjustments"]]
    return any(step < (1 if body["AdjustmentType"] == "ExactCapacity" else 0) for step in steps)


def _adds_instances(policy: Any) -> bool:
    """An exact capacity only shrinks."""
    body = policy._policy_body
    steps = body.get("StepAdjustments", [])
    is_exact = body.get("AdjustmentType") == "ExactCapacity"
    return not is_exact and any(step["ScalingAdjustment"] > 0 for step in steps)


def _is_driven(account: Any, policy: Any) -> bool:
    alarms = account.alarms_by_action.get(policy.policy_arn, [])
    return any(account.cloudwatch.alarms[name].parameters.get("ActionsEnabled", True) for name in alarms)


# What happens at a call.


class Watch(Fault):
    """No fault: looks before each call of the function at what the calls before it have left."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__("*", DROP)
        self._aws = aws
        self.found: list[str] = []

    def strikes(self, operation: str, params: dict[str, Any]) -> bool:
        self.found += [f"{variant} before {operation}" for variant in stranded(self._aws)]
        return False


class Killing(Fault):
    """Ends the function's process at its nth call, which AWS performs (`is_performed`) or never gets."""

    def __init__(self, function: Function, nth: int, *, is_performed: bool) -> None:
        super().__init__("*", DROP_AFTER if is_performed else DROP, nth)
        self._function = function

    def strikes(self, operation: str, params: dict[str, Any]) -> bool:
        is_due = super().strikes(operation, params)
        if is_due:
            self._function.kill()
        return is_due


# What the function is asked for.


def sweep(function: Function, queue: WorkQueue | None = None) -> Json:
    """One sweep and, where there is one, the queue that it fills; the sweep's own answer."""
    return fleet(function, SWEEP, queue)


def fleet(function: Function, payload: Json, queue: WorkQueue | None = None) -> Json:
    answer = function.invoke(payload)
    if queue:
        queue.drain(function)
        assert queue.dead_letters == []
    return answer


def results(answer: Json) -> dict[str, Json]:
    """The results of an answer by endpoint: their order is of no account."""
    found = {result["endpoint"]: result for result in answer["results"]}
    assert len(found) == len(answer["results"])
    return found
