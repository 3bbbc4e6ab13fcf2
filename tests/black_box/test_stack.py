"""The promise: the stack checks itself at deployment, and leaves as its deployer wants when it is deleted.

CloudFormation is played by `local.cloudformation`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fleet import create_configured, names_held, put_orphan_alarm, stranded
from support import ENABLED, NOTHING, apply, failure, tags

from local.aws import LocalAws
from local.cloudformation import Stack
from local.faults import HANG, Fault
from local.runtime import Function

Json = dict[str, Any]
Start = Callable[..., Function]

KEPT = "kept all that the function made: endpoints go on sleeping and waking (OnDelete=keep)"
REMOVED = "removed all that the function made"
PHYSICAL_ID = "sagemaker-scale-to-zero"
ABSENT = "absent"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


def queue_url(aws: LocalAws) -> str:
    return aws.client("sqs").create_queue(QueueName="work")["QueueUrl"]


# What it checks.

READS = [
    "DescribeAlarms",
    "DescribeEndpoint",
    "DescribeEndpointConfig",
    "DescribeScalableTargets",
    "DescribeScalingActivities",
    "DescribeScalingPolicies",
    "DescribeScheduledActions",
    "GetMetricData",
    "GetQueueAttributes",
    "GetResources",
    "ListEndpoints",
    "ListTags",
]


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_stack_that_works_is_let_through_after_each_read_has_been_tried_once(
    aws: LocalAws, start_function: Start, stack: Stack, request_type: str
) -> None:
    function = start_function(ON_DELETE="keep", WORK_QUEUE_URL=queue_url(aws))
    aws.create_endpoint("demo", tags=ENABLED)
    stack.physical_id = PHYSICAL_ID

    answer = stack.request(function, request_type)

    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] == "the parameters go together, and 12 reads are allowed"
    assert answer["PhysicalResourceId"] == PHYSICAL_ID
    assert sorted(call.operation for call in aws.calls) == READS
    assert aws.writes() == []


def test_in_an_account_without_endpoints_there_are_no_tags_to_read(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    answer = stack.request(start_function(ON_DELETE="keep"), "Create")

    assert (answer["Status"], answer["Reason"]) == (
        "SUCCESS",
        "the parameters go together, and 10 reads are allowed",
    )
    assert sorted(call.operation for call in aws.calls) == [
        read for read in READS if read not in ("ListTags", "GetQueueAttributes")
    ]


@pytest.mark.parametrize("operation", READS)
def test_a_read_that_is_denied_fails_the_deployment_by_its_name_and_statement(
    aws: LocalAws, start_function: Start, stack: Stack, operation: str
) -> None:
    function = start_function(ON_DELETE="keep", WORK_QUEUE_URL=queue_url(aws))
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault(operation, "access_denied")]

    answer = stack.request(function, "Create", deadline_seconds=4)

    assert answer["Status"] == "FAILED"
    assert f":{operation}, which the statement " in answer["Reason"]
    assert answer["Reason"].count("may not call") == 1


def test_what_iam_does_not_know_yet_everywhere_is_asked_for_again(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    aws.faults = [Fault("DescribeAlarms", "access_denied", nth=1)]

    assert stack.request(start_function(ON_DELETE="keep"), "Create")["Status"] == "SUCCESS"
    assert [call.operation for call in aws.calls].count("DescribeAlarms") == 2
    assert [call.operation for call in aws.calls].count("GetResources") == 1


def test_a_service_that_cannot_be_reached_fails_the_deployment_in_time(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    aws.faults = [Fault("GetMetricData", HANG)]

    answer = stack.request(start_function(ON_DELETE="keep"), "Create", deadline_seconds=4)

    assert answer["Status"] == "FAILED"
    assert "GetMetricData for the check of the stack: no answer after" in answer["Reason"]
    assert "check that the function reaches this service (VPC, DNS, endpoint)" in answer["Reason"]


@pytest.mark.parametrize("kind", ["throttle", "internal"])
def test_a_service_that_is_busy_fails_no_deployment(
    aws: LocalAws, start_function: Start, stack: Stack, kind: str
) -> None:
    aws.faults = [Fault("GetResources", kind)]

    answer = stack.request(start_function(ON_DELETE="keep", AWS_MAX_ATTEMPTS="2"), "Create")

    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"].startswith(
        "the parameters go together, and 9 reads are allowed; not known of 1: "
    )
    assert "GetResources for the check of the stack" in answer["Reason"]


def test_a_queue_that_is_not_there_fails_the_deployment(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    function = start_function(ON_DELETE="keep", WORK_QUEUE_URL=f"{aws.url}/123456789012/gone")

    answer = stack.request(function, "Create")

    assert answer["Status"] == "FAILED"
    assert "GetQueueAttributes for the check of the stack" in answer["Reason"]


@pytest.mark.parametrize(
    ("topic", "is_fine"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:on-call", True),
        # Of another account: a policy of the topic may allow it.
        ("arn:aws:sns:eu-west-1:210987654321:on-call", True),
        ("own", True),
        ("none", True),
        ("arn:aws:sns:us-east-1:123456789012:on-call", False),
        ("arn:aws-cn:sns:cn-north-1:123456789012:on-call", False),
    ],
)
def test_the_topic_of_the_alarms_has_to_be_in_the_region_of_the_stack(
    aws: LocalAws, start_function: Start, topic: str, is_fine: bool
) -> None:
    with Stack(AlarmTopicArn=topic) as stack:
        answer = stack.request(start_function(ON_DELETE="keep"), "Create")

    assert (answer["Status"] == "SUCCESS") is is_fine
    if not is_fine:
        assert answer["Reason"] == (
            f'parameter AlarmTopicArn="{topic}" must be a topic of the stack\'s own Region, eu-west-1: '
            "alarms notify no other"
        )


def test_everything_that_is_wrong_is_said_at_once_and_fits(aws: LocalAws, start_function: Start) -> None:
    for operation in READS:
        aws.faults.append(Fault(operation, "access_denied"))
    with Stack(AlarmTopicArn="arn:aws:sns:us-east-1:123456789012:on-call") as stack:
        answer = stack.request(start_function(ON_DELETE="keep"), "Create", deadline_seconds=4)

    assert answer["Status"] == "FAILED"
    assert "AlarmTopicArn" in answer["Reason"]
    assert answer["Reason"].count("may not call") >= 9


# Parameters that can't be used.


def test_a_parameter_that_cannot_be_used_fails_the_deployment_by_its_name(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    function = start_function(ON_DELETE="keep", DEFAULT_MAX_CAPACITY="1000")

    answer = stack.request(function, "Create")

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith('parameter DefaultMaxCapacity: DEFAULT_MAX_CAPACITY="1000" must be ')
    assert aws.calls == []


def test_a_function_with_such_a_parameter_refuses_everything_else(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    function = start_function(ON_DELETE="remove", MANAGE="some", CAPACITY_LIMIT="none")
    batch = {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "{}"}]}

    for payload in (apply(), {"action": "sweep"}, batch):
        error = failure(function, payload)
        assert error.error_type == "InvalidConfiguration"
        assert 'environment variable MANAGE="some" must be' in error.message
        assert 'environment variable CAPACITY_LIMIT="none" must be' in error.message
    assert aws.calls == []


def test_a_stack_with_such_a_parameter_can_still_be_deleted(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    create_configured(aws, "demo")
    stack.physical_id = PHYSICAL_ID

    answer = stack.request(start_function(ON_DELETE="remove", MANAGE="some"), "Delete")

    assert answer["Status"] == "SUCCESS"
    assert "kept all" in answer["Reason"]
    assert 'parameter Manage: MANAGE="some"' in answer["Reason"]
    assert names_held(aws) != set()


def test_an_update_that_fails_is_rolled_back_to_what_worked(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    """CloudFormation updates the function and asks, and after a failure does both once more with what was."""
    assert stack.request(start_function(ON_DELETE="keep"), "Create")["Status"] == "SUCCESS"

    assert stack.request(start_function(ON_DELETE="keep", MANAGE="some"), "Update")["Status"] == "FAILED"
    assert stack.request(start_function(ON_DELETE="keep"), "Update")["Status"] == "SUCCESS"
    assert stack.physical_id == PHYSICAL_ID


# Leaving.


def test_by_default_a_stack_that_is_deleted_leaves_everything_as_it_is(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    create_configured(aws, "demo")
    before = aws.state("demo")
    stack.physical_id = PHYSICAL_ID
    for environment in ({}, {"ON_DELETE": "keep"}):
        answer = stack.request(start_function(**environment), "Delete")
        assert (answer["Status"], answer["Reason"]) == ("SUCCESS", KEPT)
    assert aws.state("demo") == before
    assert aws.calls == []


def test_on_request_a_stack_that_is_deleted_takes_away_all_that_the_function_made(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    for name in ("one", "two"):
        create_configured(aws, name)
    put_orphan_alarm(aws, "ghost")
    aws.create_endpoint("bad", tags=tags(max_capcity="5"))
    stack.physical_id = PHYSICAL_ID
    function = start_function(ON_DELETE="remove", WORK_QUEUE_URL=queue_url(aws))

    answer = stack.request(function, "Delete", deadline_seconds=10)

    assert (answer["Status"], answer["Reason"]) == ("SUCCESS", REMOVED)
    assert names_held(aws) == set()
    # Nothing is left to a queue that is deleted too.
    assert "SendMessageBatch" not in {call.operation for call in aws.calls}
    progress = [line for line in function.last_logs if "endpoints" in line]
    assert [line["endpoints"] for line in progress] == [0, 0]


def test_endpoints_at_zero_are_raised_before_what_wakes_them_is_taken_away(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    for name in ("awake", "asleep"):
        create_configured(aws, name)
    aws.set_instances("asleep", 0)
    stack.physical_id = PHYSICAL_ID
    function = start_function(ON_DELETE="remove")
    # The instance that the removal asks for takes its time to start.
    starting = threading.Timer(3, aws.settle)
    starting.start()

    answer = stack.request(function, "Delete", deadline_seconds=20)

    starting.join()
    assert (answer["Status"], answer["Reason"]) == ("SUCCESS", REMOVED)
    assert aws.state("asleep") == NOTHING
    assert stranded(aws) == []
    progress = [line for line in function.last_logs if "endpoints" in line]
    assert progress[0]["endpoints"] == 1
    assert progress[0]["names"] == "asleep"


def test_what_cannot_be_removed_in_time_is_named_and_the_stack_goes_all_the_same(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    for name in ("awake", "asleep"):
        create_configured(aws, name)
    aws.set_instances("asleep", 0)
    stack.physical_id = PHYSICAL_ID

    answer = stack.request(start_function(ON_DELETE="remove"), "Delete", deadline_seconds=4)

    assert answer["Status"] == "SUCCESS"
    assert "1 endpoints still have scaling of the function: asleep; " in answer["Reason"]
    assert aws.state("awake") == NOTHING
    assert aws.state("asleep")["targets"]["AllTraffic"]["MinCapacity"] == 1
    assert stranded(aws) == []


@pytest.mark.each(3)
@pytest.mark.parametrize("operation", ["ListEndpoints", "DeleteAlarms", "DeregisterScalableTarget"])
@pytest.mark.parametrize("kind", ["access_denied", HANG])
def test_a_stack_can_be_deleted_whatever_fails(
    aws: LocalAws, start_function: Start, stack: Stack, operation: str, kind: str
) -> None:
    create_configured(aws, "demo")
    stack.physical_id = PHYSICAL_ID
    aws.faults = [Fault(operation, kind)]

    answer = stack.request(start_function(ON_DELETE="remove"), "Delete", deadline_seconds=4)

    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] != REMOVED
    assert stranded(aws) == []


def test_a_creation_that_failed_takes_nothing_away_when_it_is_rolled_back(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    """What there is of ours in the Region then is another stack's."""
    create_configured(aws, "demo")
    before = aws.state("demo")
    aws.faults = [Fault("ListEndpoints", "access_denied")]
    function = start_function(ON_DELETE="remove")
    assert stack.request(function, "Create", deadline_seconds=4)["Status"] == "FAILED"
    aws.faults = []

    answer = stack.request(function, "Delete")

    assert (answer["Status"], answer["Reason"]) == ("SUCCESS", "nothing to do: it was never created")
    assert aws.state("demo") == before


def test_a_creation_that_is_given_up_takes_nothing_away(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    """Another resource failed meanwhile. CloudFormation makes up a name then."""
    create_configured(aws, "demo")
    before = aws.state("demo")
    stack.physical_id = "sagemaker-scale-to-zero-Check-1M9N3K8Z5QXLE"

    answer = stack.request(start_function(ON_DELETE="remove"), "Delete")

    assert (answer["Status"], answer["Reason"]) == ("SUCCESS", "nothing to do: it was never created")
    assert answer["PhysicalResourceId"] == stack.physical_id
    assert aws.state("demo") == before


def test_a_stack_whose_deletion_is_asked_for_twice_is_answered_twice(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    create_configured(aws, "demo")
    stack.physical_id = PHYSICAL_ID
    function = start_function(ON_DELETE="remove")
    event = stack.event("Delete")

    answers = [function.invoke(event, 10) for _ in range(2)]

    assert [(answer["status"], answer["reason"]) for answer in answers] == [("SUCCESS", REMOVED)] * 2
    assert stack.puts == 2
    assert names_held(aws) == set()


def test_a_removal_that_time_cuts_short_is_answered_in_time_and_said(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    for name in ("one", "two", "three"):
        create_configured(aws, name)
    stack.physical_id = PHYSICAL_ID
    # In the middle: the first endpoint is done, and then nothing answers any more.
    aws.faults = [Fault("DeregisterScalableTarget", HANG, nth=nth) for nth in range(2, 20)]

    started = time.monotonic()
    answer = stack.request(start_function(ON_DELETE="remove"), "Delete", deadline_seconds=6)

    assert time.monotonic() - started < 6
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] != REMOVED
    assert stranded(aws) == []


# The conversation.


def test_a_request_that_comes_twice_is_answered_twice_and_alike(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    function = start_function(ON_DELETE="keep")
    event = stack.event("Create")

    answers = [function.invoke(event) for _ in range(2)]

    assert (
        answers
        == [
            {
                "outcome": "answered",
                "request": "Create",
                "status": "SUCCESS",
                "reason": "the parameters go together, and 10 reads are allowed",
            }
        ]
        * 2
    )
    assert stack.puts == 2
    assert stack.physical_id == PHYSICAL_ID


def test_the_physical_id_stays_over_the_whole_life_of_a_stack(
    aws: LocalAws, start_function: Start, stack: Stack
) -> None:
    function = start_function(ON_DELETE="keep")
    ids = set()
    for request_type in ("Create", "Update", "Update", "Delete"):
        stack.request(function, request_type)
        ids.add(stack.physical_id)
    assert ids == {PHYSICAL_ID}


@pytest.mark.parametrize("refusal", [500, 503, None])
def test_an_answer_that_is_not_taken_at_once_is_sent_again(
    aws: LocalAws, start_function: Start, stack: Stack, refusal: int | None
) -> None:
    stack.refusals = [refusal, refusal]

    assert stack.request(start_function(ON_DELETE="keep"), "Create")["Status"] == "SUCCESS"
    assert stack.puts == 3


@pytest.mark.each(3)
@pytest.mark.parametrize(
    ("refusal", "what"),
    [
        (403, "HTTP status 403"),
        # The signature holds for no other address.
        (307, "HTTP status 307"),
        (None, ""),
        (HANG, "no answer"),
    ],
)
def test_an_answer_that_cannot_be_delivered_fails_the_invocation_so_that_lambda_tries_again(
    aws: LocalAws, start_function: Start, stack: Stack, refusal: int | str | None, what: str
) -> None:
    stack.refusals = [refusal] * 100
    function = start_function(ON_DELETE="keep")
    event = stack.event("Create")

    error = failure(function, event, deadline_seconds=10)

    assert error.error_type == "StackUnanswered"
    assert "the answer SUCCESS could not be delivered to http://127.0.0.1:" in error.message
    assert what in error.message
    [line] = function.last_logs
    assert (line["level"], line["error_type"]) == ("ERROR", "StackUnanswered")
    # Whoever knows the address can answer in the function's place.
    assert "Signature" not in str(function.logs) + error.message
    # Lambda's next attempt.
    stack.refusals = []
    assert function.invoke(event)["status"] == "SUCCESS"
    assert stack.answer_to(event)["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"RequestType": "Stop"}, 'of the unknown type "Stop"'),
        ({"ResponseURL": ABSENT}, "whose ResponseURL is missing or not a string"),
        ({"ResponseURL": ""}, "whose ResponseURL is missing or not a string"),
        ({"RequestId": None}, "whose RequestId is missing or not a string"),
        ({"ResponseURL": "http://169.254.169.254/latest"}, "whose ResponseURL is not an HTTPS address"),
        ({"ResponseURL": "ftp://example.com/"}, "whose ResponseURL is not an HTTPS address"),
        ({"ResponseURL": 1}, "whose ResponseURL is missing or not a string"),
    ],
    ids=str,
)
def test_a_request_that_nobody_could_be_answered_is_refused(
    aws: LocalAws, start_function: Start, stack: Stack, change: Json, problem: str
) -> None:
    event = {key: value for key, value in (stack.event("Create") | change).items() if value != ABSENT}

    error = failure(start_function(), event)

    assert error.error_type == "InvalidPayload"
    assert problem in error.message
    assert (stack.puts, aws.calls) == (0, [])
