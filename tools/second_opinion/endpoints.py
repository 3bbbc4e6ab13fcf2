"""Endpoints of the emulator, and what AWS would do with them by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tools.second_opinion.emulator import Emulator, Json

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
VARIANT = "AllTraffic"
PREFIX = "scale-to-zero:"


def settings(**tags: str) -> Json:
    """Tags of ours; `_` stands for the `-` of a key."""
    return {PREFIX + key.replace("_", "-"): value for key, value in tags.items()}


def tag_list(tags: Json) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class Endpoint:
    """An endpoint of one variant."""

    def __init__(
        self,
        emulator: Emulator,
        name: str,
        tags: Json,
        *,
        instances: int | None = 1,
        is_async: bool = True,
    ) -> None:
        self.emulator = emulator
        self.name = name
        self.resource = f"endpoint/{name}/variant/{VARIANT}"
        sagemaker = self.sagemaker = emulator.client("sagemaker")
        sagemaker.create_model(
            ModelName=f"{name}-model",
            ExecutionRoleArn="arn:aws:iam::123456789012:role/sagemaker",
            PrimaryContainer={"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/model:1"},
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=f"{name}-config",
            ProductionVariants=[
                {
                    "VariantName": VARIANT,
                    "ModelName": f"{name}-model",
                    "InstanceType": "ml.g5.xlarge",
                    "InitialInstanceCount": 1,
                }
            ],
            **(
                {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers/"}}}
                if is_async
                else {}
            ),
        )
        created = sagemaker.create_endpoint(
            EndpointName=name, EndpointConfigName=f"{name}-config", Tags=tag_list(tags)
        )
        self.arn: str = created["EndpointArn"]
        self._tag_for_lists(tags)
        if instances is not None:
            self.scale(instances)

    def _tag_for_lists(self, tags: Json) -> None:
        if tags:
            self.emulator.client("resourcegroupstaggingapi").tag_resources(
                ResourceARNList=[self.arn], Tags=tags
            )

    def tag(self, **tags: str) -> None:
        self.sagemaker.add_tags(ResourceArn=self.arn, Tags=tag_list(settings(**tags)))
        self._tag_for_lists(settings(**tags))

    def untag(self, *keys: str) -> None:
        keys_of_tags = list(settings(**dict.fromkeys(keys, "")))
        self.sagemaker.delete_tags(ResourceArn=self.arn, TagKeys=keys_of_tags)
        self.emulator.client("resourcegroupstaggingapi").untag_resources(
            ResourceARNList=[self.arn], TagKeys=keys_of_tags
        )

    def tags(self) -> Json:
        tags = self.sagemaker.list_tags(ResourceArn=self.arn)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    def scale(self, instances: int) -> None:
        """As Application Auto Scaling has SageMaker do it."""
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.name,
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": instances}],
        )

    def instances(self) -> int:
        [variant] = self.describe()["ProductionVariants"]
        count: int = variant["CurrentInstanceCount"]
        return count

    def describe(self) -> Json:
        described: Json = self.sagemaker.describe_endpoint(EndpointName=self.name)
        return described

    def delete(self) -> None:
        self.sagemaker.delete_endpoint(EndpointName=self.name)

    # What belongs to it.

    def target(self) -> Json | None:
        found = self.emulator.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=NAMESPACE, ResourceIds=[self.resource]
        )["ScalableTargets"]
        return found[0] if found else None

    def policies(self) -> dict[str, Json]:
        pages = (
            self.emulator.client("application-autoscaling")
            .get_paginator("describe_scaling_policies")
            .paginate(ServiceNamespace=NAMESPACE, ResourceId=self.resource)
        )
        return {policy["PolicyName"]: policy for page in pages for policy in page["ScalingPolicies"]}

    def actions(self) -> dict[str, Json]:
        found = self.emulator.client("application-autoscaling").describe_scheduled_actions(
            ServiceNamespace=NAMESPACE, ResourceId=self.resource
        )["ScheduledActions"]
        return {action["ScheduledActionName"]: action for action in found}

    def alarms(self) -> dict[str, Json]:
        """By the last part of their names."""
        found = self.emulator.client("cloudwatch").describe_alarms(
            AlarmNamePrefix=f"scale-to-zero/{self.name}/"
        )
        return {alarm["AlarmName"].rpartition("/")[2]: alarm for alarm in found["MetricAlarms"]}

    def everything(self) -> Json:
        """All that the function could have changed, without what changes by itself."""
        target = self.target()
        return {
            "target": target
            and {key: target[key] for key in ("MinCapacity", "MaxCapacity", "SuspendedState")},
            "policies": {name: as_put(policy) for name, policy in self.policies().items()},
            "actions": {name: as_put(action) for name, action in self.actions().items()},
            "alarms": {name: as_put(alarm) for name, alarm in self.alarms().items()},
        }

    def publish(
        self, metric: str, *values: float, namespace: str = "AWS/SageMaker", of_variant: bool = False
    ) -> None:
        """One value a minute, the last one now."""
        dimensions = [{"Name": "EndpointName", "Value": self.name}]
        if of_variant:
            dimensions.append({"Name": "VariantName", "Value": VARIANT})
        now = datetime.now(UTC)
        self.emulator.client("cloudwatch").put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": dimensions,
                    "Timestamp": now - timedelta(minutes=len(values) - 1 - minute),
                    "Value": value,
                }
                for minute, value in enumerate(values)
            ],
        )


# What AWS gives something that is made anew, or changes by itself.
_OF_AWS = {
    "PolicyARN",
    "AlarmArn",
    "AlarmActions",
    "Alarms",
    "ScheduledActionARN",
    "StateValue",
    "StateReason",
    "StateReasonData",
}


def as_put(thing: Json) -> Json:
    """Without what AWS adds by itself."""
    return {key: value for key, value in thing.items() if "Time" not in key and key not in _OF_AWS}


def step_of(policy: Json, threshold: float, value: float) -> int:
    """What a step policy adds, or sets, when the alarm's metric has this value."""
    over = value - threshold
    for step in policy["StepScalingPolicyConfiguration"]["StepAdjustments"]:
        lower = step.get("MetricIntervalLowerBound", float("-inf"))
        upper = step.get("MetricIntervalUpperBound", float("inf"))
        if lower <= over < upper:
            amount: int = step["ScalingAdjustment"]
            return amount
    raise LookupError(f"no step at {over}")


# Payloads.


def state_change(endpoint: Endpoint, status: str = "IN_SERVICE") -> Json:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Endpoint State Change",
        "detail": {"EndpointName": endpoint.name, "EndpointStatus": status, "Tags": {}},
    }


def tag_change(endpoint: Endpoint, *keys: str) -> Json:
    return {
        "source": "aws.tag",
        "detail-type": "Tag Change on Resource",
        "resources": [endpoint.arn],
        "detail": {
            "changed-tag-keys": list(settings(**dict.fromkeys(keys, ""))),
            "service": "sagemaker",
            "resource-type": "endpoint",
        },
    }


def changes(answer: Json) -> list[str]:
    """In one word or two each."""
    found = []
    for variant in answer.get("variants", []):
        for change in variant.get("changes", []):
            name = change.get("alarmName") or change.get("policyName") or change.get("scheduledActionName")
            found.append(f"{change['change']} {name.rpartition('/')[2]}" if name else change["change"])
    return found


def outcome(answer: Any) -> Any:
    return answer.get("outcome") if isinstance(answer, dict) else answer
