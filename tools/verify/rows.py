"""A row of the table, whose source it names, and the endpoint that it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from local.runtime import FunctionError

Json = dict[str, Any]

AS_EXPECTED = "as expected"
DIFFERS = "differs"
NOT_NOW = "not to be seen now"

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
# Where an expectation comes from.
WRITTEN = "what apply answered that it wrote"
STANDING = "the plan was empty, so what stands is what the tags ask for"
FIXED = "docs/what-it-creates.md"
ALWAYS_SENT = "the function sends every field that it means, so that AWS has none to fill in"
ANSWERS = "docs/invocations-and-answers.md"
REPORTED = "seen by users; AWS does not document it"
UNDOCUMENTED = "AWS does not document it"
_DOCS = "https://docs.aws.amazon.com"
API_ENDPOINT = f"{_DOCS}/sagemaker/latest/APIReference/API_DescribeEndpoint.html"
API_TARGET = f"{_DOCS}/autoscaling/application/APIReference/API_ScalableTarget.html"
API_POLICY = f"{_DOCS}/autoscaling/application/APIReference/API_ScalingPolicy.html"
API_ALARM = f"{_DOCS}/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html"
API_LIST_METRICS = f"{_DOCS}/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html"
EVENTS = f"{_DOCS}/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html"
MONITOR = f"{_DOCS}/sagemaker/latest/dg/async-inference-monitor.html"
AUTOSCALE = f"{_DOCS}/sagemaker/latest/dg/async-inference-autoscale.html"
PREREQUISITES = f"{_DOCS}/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html"
TROUBLESHOOTING = f"{_DOCS}/sagemaker/latest/dg/async-inference-troubleshooting.html"
MISSING_DATA = f"{_DOCS}/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"
TARGET_TRACKING = f"{_DOCS}/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html"

_ACCOUNT_ID = re.compile(r"(?<!\d)\d{12}(?!\d)")

# Minutes of metrics that are looked at, and how many of them the newest datapoints may take to arrive.
MINUTES = 15
ARRIVAL = 2
# Seconds between two looks at what has not settled yet.
_LOOK_AGAIN = 10


@dataclass(frozen=True)
class Row:
    """One fact; account ids in it are masked, so that it can be shown to anybody."""

    about: str
    what: str
    expected: str
    found: str
    verdict: str
    source: str


@dataclass
class Subject:
    """The configured endpoint: what the function answered about it, and the means to ask AWS.

    explain   or the error with which the function ended
    patience  seconds that AWS gets for what takes it a moment: a new alarm's state, a list of tags
    """

    name: str
    client: Callable[[str], Any]
    plan: Json
    apply: Json
    plan_after: Json
    explain: Json | FunctionError
    now: Callable[[], datetime]
    sleep: Callable[[float], object]
    patience: float

    def pages(self, service: str, operation: str, member: str, **params: Any) -> list[Json]:
        found = self.client(service).get_paginator(operation).paginate(**params)
        return [item for page in found for item in page[member]]

    @cached_property
    def endpoint(self) -> Json:
        return self.client("sagemaker").describe_endpoint(EndpointName=self.name)

    @cached_property
    def variants(self) -> dict[str, Json]:
        return {variant["VariantName"]: variant for variant in self.endpoint["ProductionVariants"]}

    @property
    def dimensions(self) -> list[Json]:
        return [{"Name": "EndpointName", "Value": self.name}]

    def resource_id(self, variant: str) -> str:
        return f"endpoint/{self.name}/variant/{variant}"

    def of(self, variant: str) -> Json:
        return {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": DIMENSION,
            "ResourceId": self.resource_id(variant),
        }

    @cached_property
    def targets(self) -> dict[str, Json]:
        found = self.pages(
            "application-autoscaling",
            "describe_scalable_targets",
            "ScalableTargets",
            ServiceNamespace="sagemaker",
            ScalableDimension=DIMENSION,
            ResourceIds=[self.resource_id(variant) for variant in self.variants],
        )
        return {target["ResourceId"].rpartition("/")[2]: target for target in found}

    @cached_property
    def policies(self) -> dict[str, dict[str, Json]]:
        return self._on_each_variant("describe_scaling_policies", "ScalingPolicies", "PolicyName")

    @cached_property
    def actions(self) -> dict[str, dict[str, Json]]:
        return self._on_each_variant("describe_scheduled_actions", "ScheduledActions", "ScheduledActionName")

    def _on_each_variant(self, operation: str, member: str, key: str) -> dict[str, dict[str, Json]]:
        return {
            variant: {
                item[key]: item
                for item in self.pages("application-autoscaling", operation, member, **self.of(variant))
            }
            for variant in self.variants
        }

    def alarms(self, **which: Any) -> dict[str, Json]:
        found = self.pages("cloudwatch", "describe_alarms", "MetricAlarms", **which)
        return {alarm["AlarmName"]: alarm for alarm in found}

    def own_alarms(self) -> dict[str, Json]:
        return self.alarms(AlarmNamePrefix=f"scale-to-zero/{self.name}/")

    def awaited(self, look: Callable[[], Any], is_settled: Callable[[Any], bool]) -> Any:
        """What is found once it has settled, or when patience is over."""
        found, waited = look(), 0.0
        while not is_settled(found) and waited < self.patience:
            self.sleep(_LOOK_AGAIN)
            waited += _LOOK_AGAIN
            found = look()
        return found

    def written(self, variant: str, change: str, name: str | None = None) -> Json | None:
        """What `apply` answered that it wrote under this name; None where it had nothing to write."""
        for answered in self.apply.get("variants", []):
            for written in answered["changes"] if answered["variant"] == variant else []:
                names = (written.get(key) for key in ("policyName", "alarmName", "scheduledActionName"))
                if written["change"] == change and (name is None or name in names):
                    return written
        return None

    def settled_for(self, minutes: float) -> bool:
        """Every scaling action, update and creation shows in LastModifiedTime."""
        return self.now() - self.endpoint["LastModifiedTime"] > timedelta(minutes=minutes)


def mask(text: str) -> str:
    return _ACCOUNT_ID.sub("*" * 12, text)


def row(about: str, what: str, expected: object, found: object, holds: bool | None, source: str) -> Row:
    """`holds` is None where it cannot be told now."""
    verdict = NOT_NOW if holds is None else AS_EXPECTED if holds else DIFFERS
    return Row(mask(about), what, mask(_shown(expected)), mask(_shown(found)), verdict, source)


def equal(about: str, what: str, expected: object, found: object, source: str) -> Row:
    return row(about, what, expected, found, found == expected, source)


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat(timespec="seconds")
        case float():
            return f"{value:g}"
        case Mapping():
            return ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) or "nothing"
        case str():
            return value
        case Iterable():
            return ", ".join(_shown(item) for item in value) or "none"
    return str(value)
