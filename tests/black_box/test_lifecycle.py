"""What happens to a configured endpoint: retagged, opted out, removed, deleted, updated, paused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from policies import ladder_alarm, put_alarm
from support import (
    CONFIGURING,
    DEREGISTERED,
    ENABLED,
    NOTHING,
    PREFIX,
    STILL_ASKED,
    VARIANT,
    Json,
    add_tags_call,
    answer,
    answer_of,
    apply,
    autoscaling,
    capacity,
    client,
    configuring,
    delete_action,
    delete_alarms,
    delete_tags_call,
    plan,
    put_backlog_policy,
    put_foreign_action,
    put_wake_policy,
    registered,
    remove,
    scaling,
    skipped,
    state_change,
    stranded,
    tag_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.runtime import Function

OPTED_OUT = {f"{PREFIX}enabled": "false"}
REMOVING = [DEREGISTERED, delete_alarms()]
REMOVAL_MARK = "scale-to-zero-warm-start..removing"
LEAVING = [
    registered(1),
    {
        "change": "put-scheduled-action",
        "scheduledActionName": REMOVAL_MARK,
        "schedule": "cron(0 0 ? * MON *)",
        "timezone": "UTC",
        "minCapacity": 1,
    },
]

Start = Callable[..., Function]


@pytest.fixture
def fresh(start_function: Start) -> Function:
    """A process that has not seen the endpoint before. It knows only what AWS says."""
    return start_function()


@pytest.fixture
def configured(aws: LocalAws, function: Function) -> LocalAws:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(state_change())
    aws.clear_calls()
    return aws


def arn(aws: LocalAws, name: str = "demo") -> str:
    return aws.account().endpoint_arn(name)


def sleep(aws: LocalAws) -> None:
    """Nothing was to do, and the policies have taken the last instance."""
    aws.set_instances("demo", 0)


def instances(aws: LocalAws, name: str = "demo") -> list[int]:
    return [variant["DesiredInstanceCount"] for variant in aws.account().endpoint(name).production_variants]


def settled(aws: LocalAws, function: Function, *payloads: Json) -> None:
    """Whatever is delivered now, nothing is written."""
    aws.clear_calls()
    for payload in payloads or (state_change(), apply()):
        function.invoke(payload)
    assert written(aws) == []


# Retagged.

TAG_EVENTS = [
    pytest.param(tag_change, id="Tag Change on Resource"),
    pytest.param(add_tags_call, id="AddTags by CloudTrail"),
    pytest.param(delete_tags_call, id="DeleteTags by CloudTrail"),
]


@pytest.mark.parametrize("event", TAG_EVENTS)
def test_the_event_of_a_changed_tag_of_ours_reconciles(
    configured: LocalAws, function: Function, event: Callable[..., Json]
) -> None:
    configured.retag("demo", tags(max_capacity="3"))

    answered = function.invoke(event(arn(configured), "team", f"{PREFIX}max-capacity"))

    assert answered == answer("configured", registered(0, 3), put_wake_policy(max_capacity=3))
    assert configured.state("demo") == scaling(target=capacity(0, 3))


@pytest.mark.parametrize("event", TAG_EVENTS)
def test_the_event_of_a_first_tag_of_ours_configures(
    aws: LocalAws, function: Function, event: Callable[..., Json]
) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(event(arn(aws), f"{PREFIX}enabled")) == answer("configured", *configuring())


@pytest.mark.parametrize("event", TAG_EVENTS)
@pytest.mark.parametrize(
    "keys",
    [("team",), ("team", "cost-center"), ("scale-to-zero-status",), ("scale-to-zero",), ()],
    ids=lambda keys: " ".join(keys) or "none",
)
def test_the_event_of_the_tags_of_others_is_answered_without_a_call(
    configured: LocalAws, function: Function, event: Callable[..., Json], keys: tuple[str, ...]
) -> None:
    assert function.invoke(event(arn(configured), *keys)) == skipped("ignored-event")
    assert configured.calls == []


def test_the_event_of_a_tag_on_something_else_than_an_endpoint_is_ignored(
    aws: LocalAws, function: Function
) -> None:
    for other in (
        "arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/demo",
        "arn:aws:sagemaker:eu-west-1:123456789012:model/demo",
        "arn:aws:ec2:eu-west-1:123456789012:instance/i-0",
        "",
    ):
        for event in (tag_change, add_tags_call, delete_tags_call):
            answered = function.invoke(event(other, f"{PREFIX}enabled"))
            assert answered == {"outcome": "skipped", "reason": "ignored-event"}, other
    assert aws.calls == []


@pytest.mark.parametrize(
    "detail",
    [{"errorCode": "AccessDenied"}, {"eventName": "CreateEndpoint"}, {"requestParameters": None}],
    ids=["denied", "another call", "without parameters"],
)
def test_a_call_that_changed_no_tag_is_ignored(aws: LocalAws, function: Function, detail: Json) -> None:
    answered = function.invoke(add_tags_call(arn(aws), f"{PREFIX}enabled", **detail))

    assert answered == {"outcome": "skipped", "reason": "ignored-event"}
    assert aws.calls == []


@pytest.mark.parametrize("event", TAG_EVENTS)
def test_an_endpoint_known_by_its_lower_case_arn_is_found_in_its_own_spelling(
    aws: LocalAws, function: Function, event: Callable[..., Json]
) -> None:
    aws.create_endpoint("Demo-Endpoint", tags=ENABLED)
    for other in ("demo-endpoint-2", "my-demo-endpoint"):
        aws.create_endpoint(other, tags=ENABLED)
    aws.page_size = 1
    assert arn(aws, "Demo-Endpoint").endswith(":endpoint/demo-endpoint")

    answered = function.invoke(event(arn(aws, "Demo-Endpoint"), f"{PREFIX}enabled"))

    assert answered == answer("configured", *configuring("Demo-Endpoint"), endpoint="Demo-Endpoint")
    assert aws.state("Demo-Endpoint") == scaling("Demo-Endpoint")
    assert aws.state("demo-endpoint") == NOTHING


def test_the_tag_event_of_an_endpoint_that_is_gone_is_not_found(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo-2", tags=ENABLED)

    assert function.invoke(tag_change(arn(aws), f"{PREFIX}enabled")) == skipped("not-found")
    assert written(aws) == []


# Opted out.


def opt_out_by_tag(aws: LocalAws) -> None:
    aws.retag("demo", OPTED_OUT)


def opt_out_by_untagging(aws: LocalAws) -> None:
    aws.untag("demo", [f"{PREFIX}enabled"])


OPT_OUTS = pytest.mark.parametrize(
    "opt_out",
    [pytest.param(opt_out_by_tag, id="enabled=false"), pytest.param(opt_out_by_untagging, id="untagged")],
)


def deliveries(aws: LocalAws) -> dict[str, Json]:
    return {
        "in-service event": state_change(),
        "tag event": tag_change(arn(aws), f"{PREFIX}enabled"),
        "apply": apply(),
        "remove": remove(),
    }


@OPT_OUTS
@pytest.mark.parametrize("delivery", ["in-service event", "tag event", "apply", "remove"])
def test_opting_out_takes_away_all_that_the_function_made(
    configured: LocalAws, fresh: Function, opt_out: Callable[[LocalAws], None], delivery: str
) -> None:
    opt_out(configured)

    assert fresh.invoke(deliveries(configured)[delivery]) == answer("removed", *REMOVING)
    assert written(configured) == ["DeregisterScalableTarget", "DeleteAlarms"]
    assert configured.state("demo") == NOTHING
    assert fresh.invoke(apply()) == skipped("not-managed")
    settled(configured, fresh)


def test_opting_out_takes_a_running_variant_none_of_its_instances(
    configured: LocalAws, function: Function
) -> None:
    configured.set_instances("demo", 4)
    configured.retag("demo", OPTED_OUT)

    function.invoke(state_change())

    assert instances(configured) == [4]


@pytest.mark.parametrize("delivery", ["in-service event", "tag event", "apply", "remove"])
@pytest.mark.parametrize("settings", [{"min_capacity": "1"}, {"wake": "false"}], ids=["min 1", "wake off"])
def test_opting_out_leaves_nothing_behind_where_there_was_no_alarm(
    aws: LocalAws, function: Function, fresh: Function, settings: dict[str, str], delivery: str
) -> None:
    aws.create_endpoint("demo", tags=tags(idle_timeout="none", **settings))
    function.invoke(state_change())
    assert aws.state("demo")["alarms"] == {}
    aws.retag("demo", OPTED_OUT)

    answered = fresh.invoke(deliveries(aws)[delivery])

    assert answered == answer("removed", DEREGISTERED)
    assert aws.state("demo") == NOTHING


@OPT_OUTS
def test_opting_out_at_zero_raises_the_variant_first_and_finishes_when_it_runs(
    configured: LocalAws, start_function: Start, opt_out: Callable[[LocalAws], None]
) -> None:
    sleep(configured)
    opt_out(configured)

    assert start_function().invoke(state_change()) == answer("removing", registered(1))
    assert configured.state("demo") == scaling(target=capacity(1))
    assert instances(configured) == [1]
    assert stranded(configured) == []

    assert start_function().invoke(state_change()) == skipped("not-in-service")
    configured.settle()

    assert start_function().invoke(state_change()) == answer("removed", *REMOVING)
    assert configured.state("demo") == NOTHING
    assert instances(configured) == [1]
    settled(configured, start_function())


def test_opting_out_at_zero_without_an_alarm_finishes_too(
    aws: LocalAws, function: Function, fresh: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(wake="false", idle_timeout="none"))
    function.invoke(state_change())
    sleep(aws)
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(tag_change(arn(aws), f"{PREFIX}enabled")) == answer("removing", registered(1))
    aws.settle()
    assert fresh.invoke(state_change()) == answer("removed", DEREGISTERED)
    assert aws.state("demo") == NOTHING


def test_a_variant_that_is_losing_its_last_instance_is_raised_first_too(
    configured: LocalAws, function: Function
) -> None:
    configured.set_instances("demo", current=1, desired=0)
    configured.retag("demo", OPTED_OUT)

    assert function.invoke(state_change()) == answer("removing", registered(1))
    assert instances(configured) == [1]


def test_of_two_variants_only_the_one_at_zero_is_waited_for(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, variants=["Blue", "Green"])
    function.invoke(state_change())
    aws.set_instances("demo", 0, variant="Green")
    aws.retag("demo", OPTED_OUT)

    assert function.invoke(state_change()) == answer_of(
        "removing",
        {"Blue": [DEREGISTERED, delete_alarms(variant="Blue")], "Green": [registered(1)]},
    )
    aws.settle()
    assert function.invoke(state_change()) == answer_of(
        "removed", {"Blue": [], "Green": [DEREGISTERED, delete_alarms(variant="Green")]}
    )
    assert aws.state("demo") == NOTHING


def test_opting_in_again_while_a_removal_waits_brings_everything_back(
    configured: LocalAws, function: Function
) -> None:
    sleep(configured)
    configured.retag("demo", OPTED_OUT)
    function.invoke(state_change())

    configured.retag("demo", ENABLED)
    configured.settle()

    assert function.invoke(state_change()) == answer("configured", registered())
    assert configured.state("demo") == scaling()
    settled(configured, function)


def test_opting_out_of_a_paused_endpoint_at_zero_resumes_it_so_that_it_can_be_raised(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(pause="true"))
    function.invoke(state_change())
    sleep(aws)
    aws.retag("demo", OPTED_OUT)

    # What holds the instances goes on holding them.
    raised = registered(1, scale_in=True, scheduled=True)
    assert function.invoke(state_change()) == answer("removing", raised)
    aws.settle()
    assert function.invoke(state_change()) == answer("removed", *REMOVING)
    assert instances(aws) == [1]


def test_an_endpoint_that_became_one_that_cannot_be_managed_is_left_without_anything_of_ours(
    configured: LocalAws, function: Function
) -> None:
    configured.update_endpoint("demo", instance_type="ml.t2.medium")
    configured.settle()

    assert function.invoke(state_change()) == answer("removed", *REMOVING)
    assert function.invoke(state_change()) == skipped("burstable-instance")
    assert configured.state("demo") == NOTHING


# Removed by hand.


def test_remove_undoes_what_the_tags_still_ask_for(configured: LocalAws, function: Function) -> None:
    assert function.invoke(remove()) == answer("removed", *REMOVING, note=STILL_ASKED)
    assert configured.state("demo") == NOTHING
    configured.clear_calls()
    assert function.invoke(remove()) == answer("removed", note=STILL_ASKED)
    assert written(configured) == []


def test_remove_at_zero_is_finished_by_the_event_though_the_tags_still_ask_for_us(
    configured: LocalAws, start_function: Start
) -> None:
    sleep(configured)

    assert start_function().invoke(remove()) == answer("removing", *LEAVING, note=STILL_ASKED)
    raised = scaling(target=capacity(1)) | {"actions": configured.state("demo")["actions"]}
    assert configured.state("demo") == raised
    assert list(raised["actions"][VARIANT]) == [REMOVAL_MARK]
    assert instances(configured) == [1]
    configured.settle()

    assert start_function().invoke(state_change()) == answer("removed", *REMOVING, note=STILL_ASKED)
    assert configured.state("demo") == NOTHING


def test_a_removal_that_waits_is_finished_by_remove_too(configured: LocalAws, function: Function) -> None:
    sleep(configured)
    function.invoke(remove())
    assert function.invoke(remove()) == skipped("not-in-service")
    configured.settle()

    assert function.invoke(remove()) == answer("removed", *REMOVING, note=STILL_ASKED)
    assert configured.state("demo") == NOTHING


def test_apply_calls_a_removal_that_waits_off(configured: LocalAws, function: Function) -> None:
    sleep(configured)
    function.invoke(remove())
    configured.settle()

    assert function.invoke(apply()) == answer("configured", delete_action(REMOVAL_MARK), registered())
    assert configured.state("demo") == scaling()
    settled(configured, function)


# Deleted.


def test_the_deletion_takes_the_alarm_that_nobody_else_deletes(
    configured: LocalAws, function: Function
) -> None:
    configured.delete_endpoint("demo")

    assert function.invoke(state_change(status="DELETING")) == answer("removed", delete_alarms())
    assert configured.state("demo") == NOTHING
    assert function.invoke(state_change(status="DELETING")) == skipped("not-in-service")
    configured.settle()
    assert function.invoke(state_change(status="DELETING")) == skipped("not-found")
    settled(configured, function, state_change(status="DELETING"), apply(), remove())


@pytest.mark.parametrize("gone", [False, True], ids=["going", "gone"])
def test_a_target_that_the_deletion_left_is_deregistered(
    configured: LocalAws, function: Function, gone: bool
) -> None:
    configured.delete_endpoint("demo", deregister=False)
    if gone:
        configured.settle()

    assert function.invoke(state_change(status="DELETING")) == answer("removed", *REMOVING)
    assert configured.state("demo") == NOTHING


@pytest.mark.parametrize("payload", [state_change(), apply(), remove()], ids=["event", "apply", "remove"])
def test_whatever_names_an_endpoint_that_is_gone_cleans_up_after_it(
    configured: LocalAws, function: Function, payload: Json
) -> None:
    configured.delete_endpoint("demo")
    configured.settle()

    assert function.invoke(plan()) == answer("planned", delete_alarms())
    assert function.invoke(payload) == answer("removed", delete_alarms())
    assert configured.state("demo") == NOTHING


def test_a_deletion_at_zero_waits_for_no_instance(configured: LocalAws, function: Function) -> None:
    sleep(configured)
    configured.delete_endpoint("demo", deregister=False)

    assert function.invoke(state_change(status="DELETING")) == answer("removed", *REMOVING)
    assert configured.state("demo") == NOTHING


def test_a_deletion_without_an_alarm_leaves_no_target(
    aws: LocalAws, function: Function, fresh: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(min_capacity="1", idle_timeout="none"))
    function.invoke(state_change())
    aws.delete_endpoint("demo", deregister=False)

    answered = fresh.invoke(state_change(status="DELETING"))

    assert answered == answer("removed", DEREGISTERED)
    assert aws.state("demo") == NOTHING


def test_a_late_deleting_event_for_an_endpoint_made_anew_only_reconciles(
    configured: LocalAws, function: Function
) -> None:
    configured.delete_endpoint("demo")
    configured.settle()
    configured.create_endpoint("demo", tags=ENABLED)

    assert function.invoke(state_change(status="DELETING")) == answer("configured", *configuring())
    assert configured.state("demo") == scaling()
    assert function.invoke(state_change(status="DELETING")) == answer("unchanged")


def test_an_untagged_endpoint_made_anew_gets_rid_of_what_its_namesake_left(
    configured: LocalAws, function: Function
) -> None:
    configured.delete_endpoint("demo")
    configured.settle()
    configured.create_endpoint("demo")

    assert function.invoke(state_change()) == answer("removed", delete_alarms())
    assert configured.state("demo") == NOTHING


@pytest.mark.parametrize("leave", ["opted out", "removed", "deleted", "gone"])
def test_endpoints_whose_names_begin_alike_do_not_mix(
    aws: LocalAws, function: Function, fresh: Function, leave: str
) -> None:
    names = ["demo", "demo-2", "demo2", "Demo-3", "de"]
    for name in names:
        aws.create_endpoint(name, tags=ENABLED)
        function.invoke(state_change(name))
    if leave == "opted out":
        aws.retag("demo", OPTED_OUT)
    if leave in ("deleted", "gone"):
        aws.delete_endpoint("demo", deregister=False)
    if leave == "gone":
        aws.settle()

    answered = fresh.invoke(remove() if leave == "removed" else state_change())

    note = {"note": STILL_ASKED} if leave == "removed" else {}
    assert answered == answer("removed", *REMOVING, **note)
    assert {name: aws.state(name) for name in names} == {
        name: NOTHING if name == "demo" else scaling(name) for name in names
    }


# Updated.


def test_a_renamed_variant_is_configured_and_its_old_name_leaves_nothing_behind(
    configured: LocalAws, function: Function
) -> None:
    configured.rename_variant("demo", VARIANT, "Blue")
    configured.settle()

    assert function.invoke(state_change()) == answer_of(
        "configured", {"Blue": configuring("demo", "Blue"), VARIANT: REMOVING}
    )
    assert configured.state("demo") == scaling("demo", ["Blue"])
    settled(configured, function)


def test_a_variant_that_is_no_more_leaves_nothing_behind(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED, variants=["Blue", "Green"])
    function.invoke(state_change())
    aws.update_endpoint("demo", variants=["Blue"])
    aws.settle()

    assert function.invoke(state_change()) == answer_of(
        "configured", {"Blue": [], "Green": [DEREGISTERED, delete_alarms(variant="Green")]}
    )
    assert aws.state("demo") == scaling("demo", ["Blue"])


def test_opting_out_takes_away_what_a_variant_that_is_no_more_has_left(
    configured: LocalAws, function: Function
) -> None:
    configured.rename_variant("demo", VARIANT, "Blue")
    configured.settle()
    configured.retag("demo", OPTED_OUT)

    function.invoke(state_change())

    assert configured.state("demo") == NOTHING


@pytest.mark.parametrize(
    "status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Failed", "UpdateRollbackFailed"]
)
def test_nothing_is_written_while_something_else_changes_the_endpoint(
    configured: LocalAws, function: Function, status: str
) -> None:
    autoscaling(configured, "register_scalable_target", MaxCapacity=9)
    configured.set_status("demo", status)

    for delivery, payload in deliveries(configured).items():
        assert function.invoke(payload) == skipped("not-in-service"), delivery
    assert written(configured) == []


def test_the_way_through_an_update_of_the_instance_type_strands_nothing(
    configured: LocalAws, function: Function
) -> None:
    """Opt out, update, opt in, from zero: with a target registered AWS refuses the update."""
    sagemaker = client(configured, "sagemaker")
    sleep(configured)
    sagemaker.create_endpoint_config(
        EndpointConfigName="bigger",
        ProductionVariants=[
            {
                "VariantName": VARIANT,
                "ModelName": "model",
                "InstanceType": "ml.g5.4xlarge",
                "InitialInstanceCount": 1,
            }
        ],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://bucket/answers"}},
    )
    with pytest.raises(ClientError, match="deregister it before the update"):
        sagemaker.update_endpoint(EndpointName="demo", EndpointConfigName="bigger")

    configured.retag("demo", OPTED_OUT)
    assert function.invoke(state_change())["outcome"] == "removing"
    configured.settle()
    assert function.invoke(state_change())["outcome"] == "removed"
    sagemaker.update_endpoint(EndpointName="demo", EndpointConfigName="bigger")
    assert function.invoke(state_change()) == skipped("not-in-service")
    configured.settle()
    assert function.invoke(state_change()) == skipped("not-managed")
    configured.retag("demo", ENABLED)

    assert function.invoke(state_change()) == answer("configured", *configuring())
    assert configured.state("demo") == scaling()
    assert instances(configured) == [1]


SCALING_REASON = "The variant AllTraffic is a scalable target: deregister it before the update."
WAY_THROUGH = (
    "; to change the instance type, set the tag scale-to-zero:enabled to false, wait until the answer is "
    "removed, update the endpoint, and set the tag to true again"
)


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        pytest.param(SCALING_REASON, WAY_THROUGH, id="for a registered target"),
        pytest.param("The image could not be pulled.", "", id="for another reason"),
    ],
)
@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        pytest.param("InService", answer("unchanged"), id="InService"),
        pytest.param("Failed", skipped("not-in-service"), id="Failed"),
        pytest.param("UpdateRollbackFailed", skipped("not-in-service"), id="UpdateRollbackFailed"),
    ],
)
def test_why_an_update_failed_is_said_in_the_answer(
    configured: LocalAws, function: Function, status: str, wanted: Json, reason: str, way: str
) -> None:
    configured.account().endpoint("demo").failure_reason = reason
    configured.set_status("demo", status)

    note = f"the endpoint's last update failed: {reason}{way}"
    assert function.invoke(state_change()) == {**wanted, "note": note}


# Paused.

ALL_SUSPENDED = {"scale_in": True, "scale_out": True, "scheduled": True}


def test_pause_suspends_and_false_resumes_and_all_else_stays(
    configured: LocalAws, function: Function
) -> None:
    for pause, suspended, shown in (
        ("true", ALL_SUSPENDED, {"paused": True}),
        ("scale-in", {"scale_in": True}, {"paused": "scale-in"}),
        ("true", ALL_SUSPENDED, {"paused": True}),
        ("false", {}, {}),
    ):
        configured.retag("demo", tags(pause=pause))
        configured.clear_calls()

        answered = function.invoke(state_change())

        assert answered == answer("configured", registered(**suspended), **shown), pause
        assert configured.state("demo") == scaling(target=capacity(**suspended)), pause
        assert written(configured) == ["RegisterScalableTarget"], pause
        assert function.invoke(state_change()) == answer("unchanged", **shown), pause


def test_an_endpoint_can_be_configured_paused(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(pause="true"))
    changes = [registered(**ALL_SUSPENDED), *configuring()[1:]]

    assert function.invoke(plan()) == answer("planned", *changes, paused=True)
    assert function.invoke(apply()) == answer("configured", *changes, paused=True)
    assert written(aws) == CONFIGURING


def test_other_settings_change_while_an_endpoint_is_paused(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(pause="true"))
    function.invoke(state_change())
    aws.retag("demo", tags(backlog_per_instance="2"))

    assert function.invoke(state_change()) == answer(
        "configured",
        put_alarm("ladder", ladder_alarm(target=2.0)),
        put_backlog_policy(target=2.0),
        paused=True,
    )


def test_a_paused_endpoint_shows_as_paused_where_its_tags_are_bad(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=tags(pause="true"))
    function.invoke(state_change())
    aws.retag("demo", tags(max_capacity="x"))

    answered = function.invoke(state_change())

    assert (answered["outcome"], answered.get("paused")) == ("invalid", True)


def test_a_paused_endpoint_shows_as_paused_where_another_owner_scales_it(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo", tags=tags(pause="scale-in"))
    function.invoke(state_change())
    put_foreign_action(aws)

    answered = function.invoke(state_change())

    assert (answered["outcome"], answered.get("paused")) == ("conflict", "scale-in")
