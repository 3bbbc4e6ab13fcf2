"""What AWS does and moto does not: the operations that are answered here, from moto's memory.

Each function restores a fact of AWS, named in its docstring. Every other operation is moto's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.account import Account
from local.services import activities, autoscaling, cloudwatch, events, metrics, sagemaker, sqs, tagging

Perform = Callable[[Account, dict[str, Any]], dict[str, Any]]

OPERATIONS: dict[tuple[str, str], Perform] = {
    ("sagemaker", "CreateEndpointConfig"): sagemaker.create_endpoint_config,
    ("sagemaker", "DescribeEndpointConfig"): sagemaker.describe_endpoint_config,
    ("sagemaker", "CreateEndpoint"): sagemaker.create_endpoint,
    ("sagemaker", "DescribeEndpoint"): sagemaker.describe_endpoint,
    ("sagemaker", "ListEndpoints"): sagemaker.list_endpoints,
    ("sagemaker", "UpdateEndpoint"): sagemaker.update_endpoint,
    ("sagemaker", "UpdateEndpointWeightsAndCapacities"): sagemaker.update_weights_and_capacities,
    ("sagemaker", "DeleteEndpoint"): sagemaker.delete_endpoint,
    ("sagemaker", "ListTags"): sagemaker.list_tags,
    ("sagemaker", "AddTags"): sagemaker.add_tags,
    ("sagemaker", "DeleteTags"): sagemaker.delete_tags,
    ("application-autoscaling", "RegisterScalableTarget"): autoscaling.register_scalable_target,
    ("application-autoscaling", "DescribeScalableTargets"): autoscaling.describe_scalable_targets,
    ("application-autoscaling", "DeregisterScalableTarget"): autoscaling.deregister_scalable_target,
    ("application-autoscaling", "PutScalingPolicy"): autoscaling.put_scaling_policy,
    ("application-autoscaling", "DescribeScalingPolicies"): autoscaling.describe_scaling_policies,
    ("application-autoscaling", "DeleteScalingPolicy"): autoscaling.delete_scaling_policy,
    ("application-autoscaling", "PutScheduledAction"): autoscaling.put_scheduled_action,
    ("application-autoscaling", "DescribeScheduledActions"): autoscaling.describe_scheduled_actions,
    ("application-autoscaling", "DeleteScheduledAction"): autoscaling.delete_scheduled_action,
    ("application-autoscaling", "DescribeScalingActivities"): activities.describe_scaling_activities,
    ("application-autoscaling", "TagResource"): autoscaling.tag_resource,
    ("application-autoscaling", "UntagResource"): autoscaling.untag_resource,
    ("application-autoscaling", "ListTagsForResource"): autoscaling.list_tags_for_resource,
    ("cloudwatch", "PutMetricAlarm"): cloudwatch.put_metric_alarm,
    ("cloudwatch", "DescribeAlarms"): cloudwatch.describe_alarms,
    ("cloudwatch", "DeleteAlarms"): cloudwatch.delete_alarms,
    ("cloudwatch", "TagResource"): cloudwatch.tag_resource,
    ("cloudwatch", "UntagResource"): cloudwatch.untag_resource,
    ("cloudwatch", "ListTagsForResource"): cloudwatch.list_tags_for_resource,
    ("cloudwatch", "GetMetricData"): metrics.get_metric_data,
    ("events", "PutEvents"): events.put_events,
    ("resourcegroupstaggingapi", "GetResources"): tagging.get_resources,
    ("sqs", "SendMessageBatch"): sqs.send_message_batch,
}
