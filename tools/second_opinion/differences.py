"""Where fakecloud 0.51.0 answers otherwise than AWS, why nothing follows from it here, and what stands in.

Each is seen in a run, or the run fails: what fakecloud learns has to leave this list.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """aws and fakecloud say what each does; stands_in what the run does about it."""

    aws: str
    fakecloud: str
    stands_in: str


DIFFERENCES = {
    "variants": Difference(
        "CreateEndpoint makes the variants of the configuration, and takes minutes",
        "the endpoint is InService at once and described without variants",
        "the run sets the number of instances, which makes the variant",
    ),
    "async": Difference(
        "DescribeEndpoint has the AsyncInferenceConfig",
        "only DescribeEndpointConfig has it",
        "nothing: the function looks at both",
    ),
    "tracking-alarms": Difference(
        "target tracking makes its own alarms, and DescribeScalingPolicies lists them",
        "the list is empty",
        "the function takes the alarms for lost and puts the policy again, once in its life",
    ),
    "scaling": Difference(
        "Application Auto Scaling follows its policies",
        "it does so for DynamoDB and ECS only",
        "the run does what the step of the policy says when the alarm rings",
    ),
    "metric-math": Difference(
        "alarms of metric math are evaluated",
        "they keep their state, and expressions with a comparison have no value in GetMetricData",
        "the run evaluates the one expression that fakecloud understands, and does what the alarms would",
    ),
    "resource-tags": Difference(
        "GetResources lists the endpoints' tags",
        "it lists only what TagResources has set",
        "the run sets each endpoint's tags by both",
    ),
    "custom-resource": Difference(
        "CloudFormation waits for what the function answers to the stack's custom resource",
        "it doesn't, and runs no function where there is no container engine",
        "the run sends the custom resource's requests itself, and takes the answers",
    ),
    "role": Difference(
        "the physical id of a role is its name",
        "it is the role's ARN",
        "the run takes the name out of it",
    ),
    "numbers": Difference(
        "CloudFormation makes numbers of the texts that parameters are, where a property is a number",
        "time-out and memory of the function stay at its own defaults",
        "the run gives the function a time of its own",
    ),
}
