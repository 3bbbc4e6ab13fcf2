"""Tags of the endpoint go along to alarms and scalable targets, as they are made and where they exist."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import SWEEP
from support import (
    ENABLED,
    apply,
    client,
    failure,
    plan,
    resource_id,
    state_change,
    wake_alarm_name,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function
from local.services import resource_tags, targets

ENVIRONMENT = {"COPY_TAGS": "CostCenter, Owner"}
OURS = {"CostCenter": "42", "Owner": "a-team@example.com"}
TAGGED = ENABLED | OURS | {"Other": "stays"}


def present(aws: LocalAws) -> list[dict[str, str]]:
    """The tags of the scalable target and of each alarm of ours."""
    account = aws.account()
    target = targets.find_target(account, "demo", "AllTraffic")
    alarms = [alarm for name, alarm in account.cloudwatch.alarms.items() if name.startswith("scale-to-zero/")]
    arns = [target.arn, *(alarm.alarm_arn for alarm in alarms)]
    assert len(arns) > 1
    return [dict(resource_tags.of(account, arn)) for arn in arns]


def clear(aws: LocalAws) -> None:
    """What exists was made before tags were to go along."""
    account = aws.account()
    target = targets.find_target(account, "demo", "AllTraffic")
    for arn in [target.arn, *(alarm.alarm_arn for alarm in account.cloudwatch.alarms.values())]:
        resource_tags.forget(account, arn)


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=TAGGED)
    assert function.invoke(apply())["outcome"] == "configured"


@pytest.mark.usefixtures("configured")
def test_what_is_made_has_them_at_once(aws: LocalAws, function: Function) -> None:
    assert all(tags == OURS for tags in present(aws))
    assert "TagResource" not in written(aws)
    aws.clear_calls()
    assert function.invoke(state_change())["outcome"] == "unchanged"
    assert written(aws) == []


@pytest.mark.usefixtures("configured")
def test_what_exists_gets_them_at_the_next_look(aws: LocalAws, function: Function) -> None:
    clear(aws)
    planned = function.invoke(plan())
    assert planned["outcome"] == "planned"
    answered = function.invoke(state_change())
    changes = answered["variants"][0]["changes"]
    assert changes == planned["variants"][0]["changes"]
    assert {change["change"] for change in changes} == {"tag-resource"}
    assert changes[0] == {"change": "tag-resource", "tags": OURS}
    assert {change.get("alarmName") for change in changes} >= {None, wake_alarm_name()}
    assert all(tags == OURS for tags in present(aws))
    aws.clear_calls()
    assert function.invoke(state_change())["outcome"] == "unchanged"


@pytest.mark.usefixtures("configured")
def test_a_new_value_is_copied_and_a_tag_of_somebody_else_stays(aws: LocalAws, function: Function) -> None:
    target = targets.find_target(aws.account(), "demo", "AllTraffic")
    client(aws, "application-autoscaling").tag_resource(ResourceARN=target.arn, Tags={"Mine": "too"})
    aws.retag("demo", {"Owner": "b-team"})
    answered = function.invoke(state_change())
    assert all(change["tags"] == {"Owner": "b-team"} for change in answered["variants"][0]["changes"])
    assert present(aws)[0] == OURS | {"Owner": "b-team", "Mine": "too"}


@pytest.mark.usefixtures("configured")
def test_a_sweep_finds_what_lacks_them_and_is_quiet_when_nothing_does(
    aws: LocalAws, function: Function
) -> None:
    aws.clear_calls()
    assert function.invoke(SWEEP)["counts"] == {"unchanged": 1}
    assert written(aws) == []
    assert [call.operation for call in aws.calls].count("GetResources") == 2
    assert "ListTagsForResource" not in {call.operation for call in aws.calls}
    clear(aws)
    assert function.invoke(SWEEP)["counts"] == {"configured": 1}
    assert all(tags == OURS for tags in present(aws))
    assert function.invoke(SWEEP)["counts"] == {"unchanged": 1}


@pytest.mark.usefixtures("configured")
def test_an_endpoint_without_such_tags_costs_nothing(aws: LocalAws, function: Function) -> None:
    aws.untag("demo", list(OURS))
    aws.clear_calls()
    assert function.invoke(state_change())["outcome"] == "unchanged"
    assert "ListTagsForResource" not in {call.operation for call in aws.calls}


def test_nothing_is_read_or_tagged_unless_asked(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function()
    aws.create_endpoint("demo", tags=TAGGED)
    function.invoke(apply())
    function.invoke(SWEEP)
    assert all(tags == {} for tags in present(aws))
    tagging = {"ListTagsForResource", "TagResource"}
    assert not tagging & {call.operation for call in aws.calls}
    assert all("Tags" not in call.params for call in aws.writes())


@pytest.mark.parametrize("operation", ["ListTagsForResource", "TagResource"])
@pytest.mark.usefixtures("configured")
def test_a_refusal_fails_the_invocation_by_its_name(
    aws: LocalAws, function: Function, operation: str
) -> None:
    clear(aws)
    aws.faults = [Fault(operation, "access_denied")]
    error = failure(function, state_change())
    assert error.error_type == "AccessDenied"
    assert error.message.startswith(f"{operation} for endpoint demo, variant AllTraffic")
    assert aws.state("demo")["targets"]


def test_a_target_that_was_adopted_is_tagged_too(aws: LocalAws, function: Function) -> None:
    """A target that somebody else has registered is tagged as ours is, once it is managed."""
    aws.create_endpoint("demo", tags=TAGGED)
    client(aws, "application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=resource_id(),
        ScalableDimension=targets.DIMENSION,
        MinCapacity=0,
        MaxCapacity=5,
    )
    function.invoke(apply())
    assert all(tags == OURS for tags in present(aws))


def test_registering_again_sends_no_tags(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=TAGGED)
    function.invoke(apply())
    aws.retag("demo", {"scale-to-zero:max-capacity": "3"})
    aws.clear_calls()
    function.invoke(state_change())
    [registered] = [call for call in aws.writes() if call.operation == "RegisterScalableTarget"]
    assert "Tags" not in registered.params
