"""The verbs of a test: make an endpoint, change it, let time pass, and look at what belongs to it.

They act on the account at once and are neither recorded nor refused, unlike the calls of the function.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local.account import Account
from local.services import activities, metrics, sagemaker, targets

OWNED_PREFIX = "scale-to-zero"

_ROLE = "arn:aws:iam::123456789012:role/sagemaker"


class Scenario:
    """What happens to endpoints by the hands of others than the function. `LocalAws` is one."""

    _lock: threading.RLock
    _config_numbers = itertools.count(1)

    def account(self, region: str | None = None) -> Account:
        raise NotImplementedError

    def create_endpoint(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        variants: Sequence[str] = ("AllTraffic",),
        instance_type: str = "ml.g5.xlarge",
        instances: int = 1,
        asynchronous: bool = True,
        serverless: bool = False,
        managed_instance_scaling: bool = False,
        config_name: str | None = None,
    ) -> str:
        """An endpoint that is InService, with that many instances in every variant; answers its ARN."""
        with self._lock:
            account = self.account()
            config_name = self._create_config(
                name, variants, instance_type, asynchronous, serverless, managed_instance_scaling, config_name
            )
            sagemaker.create_endpoint(
                account,
                {"EndpointName": name, "EndpointConfigName": config_name, "Tags": _tag_list(tags or {})},
            )
            endpoint = account.endpoint(name)
            endpoint.endpoint_status = "InService"
            for variant in endpoint.production_variants:
                if not serverless:
                    variant["CurrentInstanceCount"] = variant["DesiredInstanceCount"] = instances
            return endpoint.arn

    def _create_config(
        self,
        endpoint: str,
        variants: Sequence[str],
        instance_type: str = "ml.g5.xlarge",
        asynchronous: bool = True,
        serverless: bool = False,
        managed_instance_scaling: bool = False,
        config_name: str | None = None,
    ) -> str:
        account = self.account()
        if "model" not in account.sagemaker._models:
            account.sagemaker.create_model("model", _ROLE, None, None, None, None)
        capacity: dict[str, Any] = {"InstanceType": instance_type, "InitialInstanceCount": 1}
        if serverless:
            capacity = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
        if managed_instance_scaling:
            capacity["ManagedInstanceScaling"] = {
                "Status": "ENABLED",
                "MinInstanceCount": 1,
                "MaxInstanceCount": 2,
            }
        config_name = config_name or f"{endpoint[:50]}-{next(self._config_numbers)}"
        params: dict[str, Any] = {
            "EndpointConfigName": config_name,
            "ProductionVariants": [
                {"VariantName": variant, "ModelName": "model", "InitialVariantWeight": 1.0, **capacity}
                for variant in variants
            ],
        }
        if asynchronous:
            params["AsyncInferenceConfig"] = {"OutputConfig": {"S3OutputPath": "s3://bucket/answers"}}
        sagemaker.create_endpoint_config(account, params)
        return config_name

    def update_endpoint(
        self,
        name: str,
        variants: Sequence[str] | None = None,
        instance_type: str = "ml.g5.xlarge",
        asynchronous: bool = True,
        keep_counts: bool = False,
    ) -> None:
        """Begins an update to a new configuration, even one that AWS refuses; `settle` ends it."""
        with self._lock:
            endpoint = self.account().endpoint(name)
            variants = variants or [variant["VariantName"] for variant in endpoint.production_variants]
            config_name = self._create_config(name, variants, instance_type, asynchronous)
            sagemaker.begin_update(endpoint, config_name, keep_counts=keep_counts)

    def rename_variant(self, name: str, old: str, new: str) -> None:
        """Begins an update in which one variant has another name; `settle` ends it."""
        with self._lock:
            variants = [
                variant["VariantName"] for variant in self.account().endpoint(name).production_variants
            ]
            self.update_endpoint(name, [new if variant == old else variant for variant in variants])

    def delete_endpoint(self, name: str, deregister: bool = True) -> None:
        """Begins the deletion; `settle` ends it. `deregister=False`: by a user who may not deregister."""
        with self._lock:
            account = self.account()
            if deregister:
                sagemaker.delete_endpoint(account, {"EndpointName": name})
            else:
                sagemaker.set_status(account.endpoint(name), "Deleting")

    def set_status(self, name: str, status: str) -> None:
        with self._lock:
            sagemaker.set_status(self.account().endpoint(name), status)

    def set_instances(
        self, name: str, current: int, desired: int | None = None, variant: str | None = None
    ) -> None:
        """The counts of one variant, or of all."""
        with self._lock:
            for found in self.account().endpoint(name).production_variants:
                if variant in (None, found["VariantName"]):
                    found["CurrentInstanceCount"] = current
                    found["DesiredInstanceCount"] = current if desired is None else desired

    def retag(self, name: str, tags: Mapping[str, str]) -> None:
        """Adds the tags, or gives them new values."""
        with self._lock:
            account = self.account()
            arn = account.endpoint(name).arn
            sagemaker.add_tags(account, {"ResourceArn": arn, "Tags": _tag_list(tags)})

    def untag(self, name: str, keys: Sequence[str]) -> None:
        with self._lock:
            account = self.account()
            sagemaker.delete_tags(account, {"ResourceArn": account.endpoint(name).arn, "TagKeys": keys})

    def fail(self, name: str, reason: str, status: str = "Failed") -> None:
        """The endpoint's creation or update ends in a failure, or in a rollback with status InService."""
        with self._lock:
            endpoint = self.account().endpoint(name)
            endpoint.failure_reason = reason
            sagemaker.set_status(endpoint, status)

    def set_alarm_state(self, name: str, state: str, reason: str = "Threshold Crossed") -> None:
        with self._lock:
            self.account().cloudwatch.set_alarm_state(name, reason, "{}", state)

    def tracking_alarms(self, name: str, variant: str = "AllTraffic") -> dict[str, str]:
        """The names of the alarms that target tracking has made for the variant, by High and Low."""
        prefix = f"TargetTracking-{targets.resource_id(name, variant)}-Alarm"
        with self._lock:
            found = [alarm for alarm in self.account().cloudwatch.alarms if alarm.startswith(prefix)]
            return {alarm.removeprefix(prefix).partition("-")[0]: alarm for alarm in found}

    def publish_backlog(self, name: str, *requests: float) -> datetime:
        """ApproximateBacklogSize of the last minutes, up to the one that is answered and has just ended."""
        metric = {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSize",
            "Dimensions": [{"Name": "EndpointName", "Value": name}],
        }
        newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
        with self._lock:
            for ago, size in enumerate(reversed(requests)):
                metrics.put_datapoint(self.account(), metric, newest - timedelta(minutes=ago), size)
        return newest

    def publish(self, metric: dict[str, Any], minute: datetime, *samples: float) -> None:
        """What a service of AWS publishes in a minute."""
        with self._lock:
            metrics.publish(self.account(), metric, minute, *samples)

    def change_policy_arns(self, name: str, variant: str = "AllTraffic") -> None:
        """From now on AWS gives new policies of the variant another id in their ARNs."""
        with self._lock:
            self.account().ids_in_policies.pop(targets.resource_id(name, variant), None)

    def add_activity(
        self,
        name: str,
        instances: int,
        status: str,
        message: str,
        variant: str = "AllTraffic",
        minutes_ago: float = 5,
        seconds: float = 0.5,
        cause: str = "monitor alarm in state ALARM triggered a policy",
    ) -> None:
        """Something that Application Auto Scaling did or tried to, in so many seconds unless it goes on."""
        started = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        ended = started + timedelta(seconds=seconds)
        with self._lock:
            resource = targets.resource_id(name, variant)
            activities.add(
                self.account(), resource, instances, status, message, started, cause=cause, ended=ended
            )

    def add_schedule_note(
        self, name: str, action: str, variant: str = "AllTraffic", minutes_ago: float = 5
    ) -> None:
        """What a scheduled action leaves among the activities beside its change: it has set the bounds."""
        started = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        with self._lock:
            activities.note(self.account(), targets.resource_id(name, variant), action, started)

    def settle(self) -> None:
        """Ends what is in progress: Updating in InService with the desired instances, Deleting in nothing."""
        with self._lock:
            sagemaker.settle(self.account())

    def state(self, name: str) -> dict[str, Any]:
        """What belongs to an endpoint, without ARNs and times, in plain values to compare as a whole.

        `foreign` holds the policies and scheduled actions that do not bear the function's names.
        """
        with self._lock:
            return _state(self.account(), name)


def _state(account: Account, name: str) -> dict[str, Any]:
    prefix = targets.resource_id(name, "")
    state: dict[str, Any] = {"targets": {}, "policies": {}, "alarms": {}, "actions": {}, "foreign": {}}
    for resource, target in account.autoscaling.targets.get(targets.DIMENSION, {}).items():
        if resource.startswith(prefix):
            state["targets"][resource.removeprefix(prefix)] = {
                "MinCapacity": target.min_capacity,
                "MaxCapacity": target.max_capacity,
                "SuspendedState": target.suspended_state,
            }
    for policy in account.autoscaling.policies.values():
        if policy.resource_id.startswith(prefix):
            variant = policy.resource_id.removeprefix(prefix)
            content = {"PolicyType": policy.policy_type, **policy._policy_body}
            _place(state, "policies", variant, policy.policy_name, content)
    for action in account.autoscaling.scheduled_actions:
        if action.resource_id.startswith(prefix):
            content = {
                "Schedule": action.schedule,
                "Timezone": action.timezone,
                "ScalableTargetAction": action.scalable_target_action,
            }
            _place(
                state,
                "actions",
                action.resource_id.removeprefix(prefix),
                action.scheduled_action_name,
                content,
            )
    names = {policy.policy_arn: policy.policy_name for policy in account.autoscaling.policies.values()}
    for alarm_name, alarm in account.cloudwatch.alarms.items():
        if alarm_name.startswith(f"{OWNED_PREFIX}/{name}/"):
            actions = [names.get(action, "dangling") for action in alarm.alarm_actions]
            content = {key: value for key, value in alarm.parameters.items() if key != "AlarmName"}
            state["alarms"][alarm_name] = {**content, "AlarmActions": actions}
    return state


def _place(state: dict[str, Any], kind: str, variant: str, name: str, content: dict[str, Any]) -> None:
    """Ours under its kind, everybody else's under `foreign`; by variant and name."""
    home = state if name.startswith(f"{OWNED_PREFIX}-") else state["foreign"]
    home.setdefault(kind, {}).setdefault(variant, {})[name] = content


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
