"""Why does it not sleep, wake or change? Each code of a finding, as the executable answers it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from book import plain, table
from support import (
    CONFIGURING,
    ENABLED,
    NOTHING,
    PREFIX,
    VARIANT,
    Json,
    alarm_name,
    apply,
    autoscaling,
    client,
    explain,
    failure,
    policy_arn,
    put_foreign_action,
    put_foreign_tracking,
    remove,
    tags,
    wake_alarm,
    wake_alarm_name,
    written,
)
from test_answers_of_aws import without_models

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import Function

IDLE_ALARM = "scale-to-zero/demo/AllTraffic/idle"
LADDER_ALARM = "scale-to-zero/demo/AllTraffic/ladder"
INSTANCES = "/aws/sagemaker/Endpoints"

# What differs from one run to the next: times, ids.
VARIABLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


# What happened before somebody asks.


@dataclass
class World:
    aws: LocalAws
    function: Function

    def create(self, instances: int = 1, settings: dict[str, str] | None = None, **endpoint: Any) -> None:
        """An endpoint that is not configured."""
        self.aws.create_endpoint("demo", tags=tags(**(settings or {})), instances=instances, **endpoint)

    def configure(self, instances: int = 1, quiet: bool = True, **settings: str) -> None:
        """A configured one, of which all alarms have been looked at."""
        self.create(instances, settings)
        self.function.invoke(apply())
        if quiet:
            for alarm in client(self.aws, "cloudwatch").describe_alarms()["MetricAlarms"]:
                self.aws.set_alarm_state(alarm["AlarmName"], "OK")

    def asleep(self, **settings: str) -> None:
        self.configure(instances=0, **settings)

    def explain(self) -> Json:
        self.aws.clear_calls()
        answered: Json = self.function.invoke(explain())
        assert written(self.aws) == []
        return answered


@pytest.fixture
def world(aws: LocalAws, function: Function) -> World:
    return World(aws, function)


def configure_and_opt_out(world: World) -> None:
    world.configure()
    world.aws.retag("demo", {f"{PREFIX}enabled": "false"})


def begin_removal(world: World) -> None:
    world.asleep()
    assert world.function.invoke(remove())["outcome"] == "removing"
    world.aws.settle()


def fail_an_update_of_the_instance_type(world: World) -> None:
    world.asleep()
    world.aws.fail("demo", "the variant is a scalable target", "InService")


def put_anothers_things(world: World) -> None:
    world.create()
    autoscaling(world.aws, "register_scalable_target", MinCapacity=0, MaxCapacity=4)
    put_foreign_tracking(world.aws)
    put_foreign_action(world.aws)


def begin_to_wake(world: World) -> None:
    world.asleep()
    world.aws.set_instances("demo", current=0, desired=1)
    world.aws.set_status("demo", "Updating")


def suspend_scaling_out_by_hand(world: World) -> None:
    world.asleep()
    suspend(world.aws, DynamicScalingOutSuspended=True)


def suspend(aws: LocalAws, **suspended: bool) -> None:
    autoscaling(aws, "register_scalable_target", SuspendedState=suspended)


def wake_in_vain(world: World) -> None:
    world.asleep()
    world.aws.publish_backlog("demo", 2)
    world.aws.set_alarm_state(wake_alarm_name(), "ALARM")


BY_OUR_POLICY = (
    "monitor alarm scale-to-zero/demo/AllTraffic/wake in state ALARM triggered policy scale-to-zero-wake"
)
BY_TRACKING = (
    "monitor alarm "
    "TargetTracking-endpoint/demo/variant/AllTraffic-AlarmHigh-a9ace065-59c2-4875-a224-6ca6acdb15b3 in "
    "state ALARM triggered policy scale-to-zero-backlog"
)
TAKEN = "Successfully set desired instance count to 1. Waiting for change to be fulfilled by sagemaker."
FULFILLED = "Successfully set desired instance count to 1. Change successfully fulfilled by sagemaker."
NO_CAPACITY = "Failed to set desired instance count to 1. Reason: Insufficient capacity for ml.g5.xlarge."
OVER_QUOTA = (
    "Failed to set desired instance count to 4. Reason: The account-level service limit 'ml.g5.xlarge for "
    "endpoint usage' is 4 Instances, with current utilization of 3 Instances and a request delta of 3 "
    "Instances. Please use AWS Service Quotas to request an increase for this quota."
)


def start(world: World, minutes_ago: float, seconds: float, cause: str = BY_OUR_POLICY) -> None:
    """An instance that started so long ago, after so long."""
    world.aws.add_activity(
        "demo", 1, "Successful", FULFILLED, minutes_ago=minutes_ago, seconds=seconds, cause=cause
    )


def order(world: World, minutes_ago: float, status: str, message: str, **more: Any) -> None:
    world.aws.add_activity("demo", 1, status, message, minutes_ago=minutes_ago, cause=BY_OUR_POLICY, **more)


def fail_to_scale(world: World) -> None:
    world.asleep()
    order(world, 60, "Successful", FULFILLED, seconds=500)
    order(world, 5, "Failed", "Failed to set desired instance count to 1. Reason: Try again.", seconds=1)


def scale_again(world: World) -> None:
    world.asleep()
    order(world, 60, "Failed", NO_CAPACITY, seconds=1)
    start(world, 50, 480)
    world.aws.add_activity("demo", 0, "Successful", "Done.", minutes_ago=20, seconds=60)


def be_on_the_way(world: World) -> None:
    world.asleep()
    for minutes_ago, seconds in ((900, 540), (800, 420), (700, 620)):
        start(world, minutes_ago, seconds)
    order(world, 4, "InProgress", TAKEN)
    world.aws.set_instances("demo", current=0, desired=1)


def be_on_the_way_for_the_first_time(world: World) -> None:
    world.asleep()
    order(world, 4, "InProgress", TAKEN)
    world.aws.set_instances("demo", current=0, desired=1)
    world.aws.set_status("demo", "Updating")


def be_set_by_hand(world: World) -> None:
    world.asleep()
    start(world, 900, 540)
    world.aws.set_instances("demo", current=0, desired=2)


def wait_for_capacity(world: World) -> None:
    """As a log of an account shows it: in progress for 34 minutes, and never failed."""
    world.asleep()
    start(world, 900, 540)
    order(world, 34, "InProgress", TAKEN)
    world.aws.set_instances("demo", current=0, desired=1)
    world.aws.set_alarm_state(wake_alarm_name(), "ALARM")
    world.aws.publish_backlog("demo", 2)


def wait_for_capacity_while_updating(world: World) -> None:
    wait_for_capacity(world)
    world.aws.set_status("demo", "Updating")


def wait_for_capacity_with_a_longer_order(world: World) -> None:
    """A second order took the place of the first, and a schedule has left a note since."""
    world.configure()
    order(world, 50, "Overridden", TAKEN, seconds=45 * 60)
    world.aws.add_activity("demo", 2, "InProgress", TAKEN, minutes_ago=5, cause=BY_TRACKING)
    world.aws.add_schedule_note("demo", "scale-to-zero-warm-start", minutes_ago=1)
    world.aws.set_instances("demo", current=1, desired=2)


def be_refused_for_capacity(world: World) -> None:
    """The note of a schedule is newer than the refusal."""
    world.asleep()
    order(world, 300, "Failed", NO_CAPACITY, seconds=1)
    for minutes_ago in (7, 6, 5):
        order(world, minutes_ago, "Failed", NO_CAPACITY, seconds=1)
    world.aws.add_schedule_note("demo", "scale-to-zero-warm-end", minutes_ago=1)


def reach_the_quota(world: World, times: int = 12) -> None:
    """Every ten seconds, as a log of an account shows it."""
    world.configure(instances=3, max_capacity="4")
    for ten_seconds in range(times):
        world.aws.add_activity(
            "demo", 4, "Failed", OVER_QUOTA, minutes_ago=2 + ten_seconds / 6, seconds=0.5, cause=BY_TRACKING
        )


def publish(
    world: World, name: str, *values: float, namespace: str = "AWS/SageMaker", samples: int = 1
) -> None:
    """A metric of the variant, of the last minutes, each value so many times."""
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [
            {"Name": "EndpointName", "Value": "demo"},
            {"Name": "VariantName", "Value": VARIANT},
        ],
    }
    newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    for ago, value in enumerate(reversed(values)):
        world.aws.publish(metric, newest - timedelta(minutes=ago), *[value] * samples)


def finish_short_requests(world: World) -> None:
    """Short ones show in no sample of the backlog."""
    world.configure()
    world.aws.publish_backlog("demo", 0, 0, 0, 0)
    publish(world, "InvocationsProcessed", 1, 0, 0, samples=2)


def keep_a_gpu_busy(world: World) -> None:
    world.configure()
    world.aws.publish_backlog("demo", 0, 0)
    publish(world, "GPUUtilization", 3, 41.5, namespace=INSTANCES)


def climb_in_vain(world: World) -> None:
    """The plain wake alarm has started an instance, and the ladder nothing."""
    world.asleep()
    world.aws.set_alarm_state(LADDER_ALARM, "ALARM")
    alarm = world.aws.account().cloudwatch.alarms[LADDER_ALARM]
    alarm.state_updated_timestamp = datetime.now(UTC) - timedelta(minutes=7)
    start(world, 5, 200)
    world.aws.set_instances("demo", 1)


def report_twice(world: World) -> None:
    world.configure()
    publish(world, "CPUUtilization", 5, 5, 5, 5, namespace=INSTANCES, samples=2)


def report_every(world: World, seconds: int) -> None:
    """As the endpoint says that its instances do."""
    world.aws.publish_every("demo", seconds)
    world.configure()


def report_once_while_the_endpoint_says_six_times(world: World) -> None:
    report_every(world, 10)
    publish(world, "CPUUtilization", 5, 5, 5, 5, namespace=INSTANCES, samples=1)


def report_every_other_minute(world: World) -> None:
    report_every(world, 120)


def run_a_request_that_the_backlog_does_not_count(world: World) -> None:
    world.configure()
    world.aws.publish_backlog("demo", 1, 0, 0, 0)
    publish(world, "ModelLatency", 150_000_000, 0)


def stay_below_the_minimum(world: World) -> None:
    """MinCapacity was registered, and then somebody took the instance away."""
    world.configure(min_capacity="1")
    world.aws.set_instances("demo", 0)


def lose_a_tracking_alarm(which: str) -> Callable[[World], object]:
    def arrange(world: World) -> None:
        world.configure(idle_timeout="none")
        name = world.aws.tracking_alarms("demo")[which]
        client(world.aws, "cloudwatch").delete_alarms(AlarmNames=[name])

    return arrange


def lose_the_way_to_wake(world: World) -> None:
    world.asleep()
    autoscaling(world.aws, "delete_scaling_policy", PolicyName="scale-to-zero-wake")
    client(world.aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name()])


def lose_the_wake_alarm(world: World) -> None:
    world.asleep()
    client(world.aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name()])


def lose_the_way_to_sleep(world: World) -> None:
    world.configure(idle_timeout="none")
    autoscaling(world.aws, "delete_scaling_policy", PolicyName="scale-to-zero-backlog")


def lose_the_idle_alarm(world: World) -> None:
    world.configure(idle_timeout="10m")
    client(world.aws, "cloudwatch").delete_alarms(AlarmNames=[IDLE_ALARM])


def put_wake_alarm(world: World, **changed: Any) -> None:
    world.asleep()
    arn = policy_arn(world.aws, "scale-to-zero-wake")
    alarm = wake_alarm() | {"AlarmName": wake_alarm_name(), "AlarmActions": [arn]} | changed
    client(world.aws, "cloudwatch").put_metric_alarm(**alarm)


def switch_the_low_alarm_off(world: World) -> None:
    world.configure(idle_timeout="none")
    low = world.aws.tracking_alarms("demo")["Low"]
    world.aws.account().cloudwatch.alarms[low].parameters["ActionsEnabled"] = False


def have_too_much_to_do(world: World) -> None:
    world.configure(instances=5)
    world.aws.publish_backlog("demo", 3, 26)


def shrink_by_hand(world: World) -> None:
    world.asleep()
    autoscaling(world.aws, "register_scalable_target", MaxCapacity=2)


def raise_the_minimum_by_hand(world: World) -> None:
    world.asleep()
    autoscaling(world.aws, "register_scalable_target", MinCapacity=1)
    world.aws.settle()


def lose_the_metric(world: World) -> None:
    world.configure(idle_timeout="none")
    world.aws.set_alarm_state(world.aws.tracking_alarms("demo")["Low"], "INSUFFICIENT_DATA")


def lose_the_metric_of_the_idle_alarm(world: World) -> None:
    world.configure(idle_timeout="10m")
    world.aws.set_alarm_state(IDLE_ALARM, "INSUFFICIENT_DATA")


def be_idle_for_a_while(world: World) -> None:
    world.configure(instances=3, idle_timeout="10m")
    world.aws.publish_backlog("demo", 5, 1, 0, 0, 0)


def be_idle_for_long_enough(world: World) -> None:
    world.configure(instances=3, idle_timeout="10m")
    world.aws.set_alarm_state(IDLE_ALARM, "ALARM")


def be_idle_without_a_timeout(world: World) -> None:
    world.configure(instances=2, idle_timeout="none")
    world.aws.publish_backlog("demo", 4, 0)


def have_a_request_at_zero(world: World) -> None:
    world.asleep()
    world.aws.publish_backlog("demo", 0, 1)


def configure_a_moment_ago(world: World) -> None:
    world.configure(instances=0, quiet=False)


def deny(*operations: str) -> Callable[[World], object]:
    def arrange(world: World) -> None:
        world.asleep()
        world.aws.faults = [Fault(operation, "access_denied", when=_is_extra) for operation in operations]

    return arrange


def _is_extra(params: Json) -> bool:
    """Not the look-up of our alarms by prefix, which a decision depends on."""
    return "AlarmNamePrefix" not in params


def host_components(world: World) -> None:
    """Its configuration has a role of its own, and its variants name no model."""
    world.create(asynchronous=False, managed_instance_scaling=True)
    world.aws.amendments = {"DescribeEndpointConfig": without_models}


def do_nothing(world: World) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """The findings that a situation has: the codes of all, and all of the first with this one's code."""

    arrange: Callable[[World], object]
    codes: list[str]
    about: str
    sentence: str
    tag: str | None = None
    advice: str | None = None
    of: str = field(default="")


APPLY = 'invoke {"action": "apply", "endpoint": "demo"}, or wait for the next sweep'

CAPACITY_HELPS = (
    "wait, or name instance pools (several instance types; AWS takes the first that it has) or another "
    "instance type in the endpoint's configuration: to change the instance type, set the tag "
    "scale-to-zero:enabled to false, wait until the answer is removed, update the endpoint, and set the "
    "tag to true again"
)

COMPONENTS_NEED = (
    "this function scales asynchronous endpoints only. For components to go to zero, give the variant a "
    "ManagedInstanceScaling with MinInstanceCount 0; register each component (inference-component/<name>, "
    "sagemaker:inference-component:DesiredCopyCount) with MinCapacity 0 and target tracking; and wake it "
    "by a step policy whose alarm goes by NoCapacityInvocationFailures >= 1 (with > 1 a second request has "
    "to be refused first)"
)

CASES: dict[str, Case] = {
    "not-found": Case(
        do_nothing,
        ["not-found"],
        "all",
        "There is no endpoint of this name in this account and Region, and nothing is left that this "
        "function made for one.",
        advice="check the name, which is case-sensitive, the account and the Region",
    ),
    "deleting": Case(
        lambda world: (world.asleep(), world.aws.delete_endpoint("demo")),
        ["deleting"],
        "all",
        "Endpoint demo is being deleted; its scaling is removed with it, or by the next sweep.",
    ),
    "serverless": Case(
        lambda world: world.create(serverless=True),
        ["serverless"],
        "all",
        "Endpoint demo has a serverless variant, which has no instances that could be scaled.",
    ),
    "managed-instance-scaling": Case(
        host_components,
        ["managed-instance-scaling"],
        "all",
        "Endpoint demo hosts inference components: SageMaker's managed instance scaling sets how many "
        "instances it has.",
        advice=COMPONENTS_NEED,
    ),
    "not-async": Case(
        lambda world: world.create(asynchronous=False),
        ["not-async"],
        "all",
        "Endpoint demo is not asynchronous: a real-time endpoint can't go to zero instances this way, and is "
        "left alone whatever its tags say.",
        advice="make the endpoint anew from a configuration with an AsyncInferenceConfig",
    ),
    "burstable-instance": Case(
        lambda world: world.create(instance_type="ml.t3.medium"),
        ["burstable-instance"],
        "all",
        "Endpoint demo runs on ml.t3.medium, and Application Auto Scaling takes no burstable instance types.",
        advice="update the endpoint to another instance type",
    ),
    "opted-out": Case(
        lambda world: world.create(settings={"enabled": "false"}),
        ["opted-out"],
        "all",
        "Endpoint demo has opted out: its tag scale-to-zero:enabled is false.",
        tag="scale-to-zero:enabled",
        advice="set the tag scale-to-zero:enabled to true",
    ),
    "not-managed": Case(
        lambda world: world.aws.create_endpoint("demo", tags={"team": "speech"}),
        ["not-managed"],
        "all",
        "Endpoint demo has no tag that begins with scale-to-zero:, so it is left alone.",
        tag="scale-to-zero:enabled",
        advice="set the tag scale-to-zero:enabled to true",
    ),
    "removing": Case(
        configure_and_opt_out,
        ["opted-out", "removing"],
        "all",
        "The scaling of endpoint demo is being removed: the next event or sweep does it.",
        advice="invoke remove to have it done now",
    ),
    "removing, at zero": Case(
        lambda world: (world.asleep(), world.function.invoke(remove())),
        ["removing", "updating"],
        "all",
        "The scaling of endpoint demo is being removed: an instance starts first, so that the endpoint isn't "
        "left at zero, and the rest is removed once it runs.",
        advice="wait for the instance, or invoke apply to call the removal off, if the tags still ask for "
        "scaling",
        of="removing",
    ),
    "removing, by hand": Case(
        begin_removal,
        ["removing"],
        "all",
        "The scaling of endpoint demo is being removed: the next event or sweep does it.",
        advice="invoke remove to have it done now",
        of="removing",
    ),
    "endpoint-failed": Case(
        lambda world: (world.asleep(), world.aws.fail("demo", "The image cannot be pulled")),
        ["endpoint-failed"],
        "all",
        "Endpoint demo has the status Failed, so nothing is written and AWS doesn't scale it: The image "
        "cannot be pulled.",
        advice="mend the cause, then update the endpoint or make it anew; it is configured when it is in "
        "service",
    ),
    "invalid-tags": Case(
        lambda world: (world.asleep(), world.aws.retag("demo", tags(max_capcity="8", wake="never"))),
        ["invalid-tags", "invalid-tags"],
        "change",
        'The tag scale-to-zero:max-capcity = "8" is not a setting; did you mean scale-to-zero:max-capacity? '
        "Known settings: enabled, min-capacity, max-capacity, backlog-per-instance, scale-in-cooldown, "
        "scale-out-cooldown, wake, wake-instances, idle-timeout, warm-hours, warm-capacity, "
        "longest-request, pause, takeover. Until "
        "then nothing is written, and the endpoint keeps the scaling that it has.",
        tag="scale-to-zero:max-capcity",
        advice="mend the tag scale-to-zero:max-capcity",
    ),
    "invalid-tags, by the instances that run": Case(
        lambda world: world.create(instances=8),
        ["invalid-tags", "not-configured"],
        "change",
        "The tag scale-to-zero:max-capacity is not set, and variant AllTraffic runs 8 instances: the "
        "default of 5 would cut them down at once; set this tag to 8 or more to keep them, or to less to "
        "allow the cut. Until then nothing is written, and the endpoint keeps the scaling that it has.",
        tag="scale-to-zero:max-capacity",
        advice="mend the tag scale-to-zero:max-capacity",
        of="invalid-tags",
    ),
    "conflict": Case(
        put_anothers_things,
        ["conflict", "conflict"],
        "change",
        'Variant AllTraffic has the scaling policy "theirs" of another owner, so nothing is written.',
        tag="scale-to-zero:takeover",
        advice="set the tag scale-to-zero:takeover to true to have it replaced, or take it away",
    ),
    "update-failed": Case(
        fail_an_update_of_the_instance_type,
        ["update-failed"],
        "change",
        "Endpoint demo is in service, but its last update failed: the variant is a scalable target.",
        advice="to change the instance type, set the tag scale-to-zero:enabled to false, wait until the "
        "answer is removed, update the endpoint, and set the tag to true again",
    ),
    "updating": Case(
        begin_to_wake,
        ["updating"],
        "change",
        "SageMaker is changing endpoint demo, status Updating (variant AllTraffic runs 0 instances and "
        "should have 1); nothing is written and AWS doesn't scale it until it is in service.",
        advice="wait until it is in service; users measured starts of 7 to 15 minutes",
    ),
    "not-configured": Case(
        lambda world: world.create(),
        ["not-configured"],
        "all",
        "Variant AllTraffic is no scalable target yet, so AWS doesn't scale it at all.",
        advice=APPLY,
    ),
    "paused": Case(
        lambda world: world.asleep(pause="true"),
        ["paused"],
        "all",
        "Variant AllTraffic is paused: scaling is suspended, so no instance is started and none taken away.",
        tag="scale-to-zero:pause",
        advice="set the tag scale-to-zero:pause to false",
    ),
    "paused, scale-in": Case(
        lambda world: world.configure(pause="scale-in"),
        ["paused"],
        "sleep",
        "Variant AllTraffic is paused: scaling in is suspended, so no instance is taken away.",
        tag="scale-to-zero:pause",
        advice="set the tag scale-to-zero:pause to false",
        of="paused",
    ),
    "paused, by hand": Case(
        suspend_scaling_out_by_hand,
        ["paused", "drift"],
        "wake",
        "Variant AllTraffic is paused: scaling out is suspended, so no instance is started.",
        tag="scale-to-zero:pause",
        advice=f"no tag asks for it: {APPLY}",
        of="paused",
    ),
    "wake-stuck": Case(
        wake_in_vain,
        ["wake-stuck"],
        "wake",
        "Variant AllTraffic runs no instance although requests wait and its wake alarm is in ALARM, and no "
        "scaling activity says that AWS is at work on it.",
        advice="look again in some minutes: an alarm in ALARM repeats its action once a minute",
    ),
    "no-capacity": Case(
        wait_for_capacity,
        ["no-capacity"],
        "wake",
        "Variant AllTraffic runs 0 instances and should have 1: AWS has been trying since … (34 min), "
        "longer than a start takes (its last start took 9 min). Probably AWS has no capacity of "
        "ml.g5.xlarge. It then reports no failure, and goes on trying.",
        advice=CAPACITY_HELPS,
    ),
    "no-capacity, while updating": Case(
        wait_for_capacity_while_updating,
        ["no-capacity", "updating"],
        "wake",
        "Variant AllTraffic runs 0 instances and should have 1: AWS has been trying since … (34 min), "
        "longer than a start takes (its last start took 9 min). Probably AWS has no capacity of "
        "ml.g5.xlarge. It then reports no failure, and goes on trying.",
        advice=CAPACITY_HELPS,
        of="no-capacity",
    ),
    "no-capacity, of an order that another overrode": Case(
        wait_for_capacity_with_a_longer_order,
        ["no-capacity", "idle-timeout"],
        "wake",
        "Variant AllTraffic runs 1 instance and should have 2: AWS has been trying since … (50 min), longer "
        "than a start takes (users measured starts of 7 to 15 minutes). Probably AWS has no capacity of "
        "ml.g5.xlarge. It then reports no failure, and goes on trying.",
        advice=CAPACITY_HELPS,
        of="no-capacity",
    ),
    "no-capacity, as AWS says": Case(
        be_refused_for_capacity,
        ["no-capacity"],
        "wake",
        "Variant AllTraffic runs 0 instances and can't get 1: AWS has been trying since … (7 min), and has "
        f"no capacity of ml.g5.xlarge. Its last answer, at …: {NO_CAPACITY}",
        advice=CAPACITY_HELPS,
        of="no-capacity",
    ),
    "quota": Case(
        reach_the_quota,
        ["quota", "idle-timeout"],
        "wake",
        "Variant AllTraffic runs 3 instances and can't get 4: AWS has been trying since … (3 min), and "
        f"your quota for ml.g5.xlarge is used up. Its last answer, at …: {OVER_QUOTA}",
        advice="ask for more in Service Quotas, end what else runs on ml.g5.xlarge, or set the tag "
        "scale-to-zero:max-capacity to what the quota allows",
    ),
    "quota, and nothing before it is known": Case(
        lambda world: reach_the_quota(world, 60),
        ["quota", "idle-timeout"],
        "wake",
        "Variant AllTraffic runs 3 instances and can't get 4: AWS has been trying since at least … (11 "
        f"min), and your quota for ml.g5.xlarge is used up. Its last answer, at …: {OVER_QUOTA}",
        advice="ask for more in Service Quotas, end what else runs on ml.g5.xlarge, or set the tag "
        "scale-to-zero:max-capacity to what the quota allows",
        of="quota",
    ),
    "scaling-failed": Case(
        fail_to_scale,
        ["scaling-failed"],
        "all",
        "Variant AllTraffic could not be scaled when Application Auto Scaling last tried, at … (Setting "
        "desired instance count to 1): Failed to set desired instance count to 1. Reason: Try again.",
        advice="mend what the message says",
    ),
    "below-min-capacity": Case(
        stay_below_the_minimum,
        ["below-min-capacity", "drift", "min-capacity"],
        "wake",
        "Variant AllTraffic runs 0 instances, below its MinCapacity of 1: AWS starts instances for a minimum "
        "only when it is registered or changed, and that order failed or was undone.",
        advice=f"it is registered again: {APPLY}",
    ),
    "wake-missing": Case(
        lose_the_way_to_wake,
        ["wake-missing", "alarm-without-action", "drift"],
        "wake",
        "Variant AllTraffic lacks its policy scale-to-zero-wake and its wake alarm, so nothing starts an "
        "instance when a request comes at zero.",
        advice=f"it was deleted by hand, or is not made yet: {APPLY}",
    ),
    "wake-missing, alarm": Case(
        lose_the_wake_alarm,
        ["wake-missing", "drift"],
        "wake",
        "Variant AllTraffic lacks its wake alarm, so nothing starts an instance when a request comes at "
        "zero.",
        advice=f"it was deleted by hand, or is not made yet: {APPLY}",
        of="wake-missing",
    ),
    "sleep-missing": Case(
        lose_the_way_to_sleep,
        ["sleep-missing", "drift"],
        "sleep",
        "Variant AllTraffic lacks its policy scale-to-zero-backlog, so nothing takes the last instance away.",
        advice=f"it was deleted by hand, or is not made yet: {APPLY}",
    ),
    "sleep-missing, idle alarm": Case(
        lose_the_idle_alarm,
        ["sleep-missing", "drift"],
        "sleep",
        "Variant AllTraffic lacks its idle alarm, so nothing takes the last instance away.",
        advice=f"it was deleted by hand, or is not made yet: {APPLY}",
        of="sleep-missing",
    ),
    "tracking-alarm-missing": Case(
        lose_a_tracking_alarm("High"),
        ["tracking-alarm-missing", "target-tracking"],
        "wake",
        "Variant AllTraffic has the policy scale-to-zero-backlog without its alarm that scales out, so no "
        "instance is added however many requests wait.",
        advice=f"somebody deleted it, and AWS makes it anew when the policy is put again: {APPLY}",
    ),
    "tracking-alarm-missing, to scale in": Case(
        lose_a_tracking_alarm("Low"),
        ["tracking-alarm-missing", "target-tracking"],
        "sleep",
        "Variant AllTraffic has the policy scale-to-zero-backlog without its alarm that scales in, so no "
        "instance is taken away.",
        advice=f"somebody deleted it, and AWS makes it anew when the policy is put again: {APPLY}",
        of="tracking-alarm-missing",
    ),
    "alarm-without-action": Case(
        lambda world: put_wake_alarm(world, AlarmActions=[]),
        ["alarm-without-action", "drift"],
        "wake",
        "Variant AllTraffic has the alarm scale-to-zero/demo/AllTraffic/wake, but the alarm's actions are "
        "switched off or don't include its policy: when it fires, nothing happens.",
        advice=f"it was changed by hand: {APPLY}",
    ),
    "alarm-without-action, switched off": Case(
        lambda world: put_wake_alarm(world, ActionsEnabled=False),
        ["alarm-without-action", "drift"],
        "wake",
        "Variant AllTraffic has the alarm scale-to-zero/demo/AllTraffic/wake, but the alarm's actions are "
        "switched off or don't include its policy: when it fires, nothing happens.",
        advice=f"it was changed by hand: {APPLY}",
        of="alarm-without-action",
    ),
    "alarm-without-action, of target tracking": Case(
        switch_the_low_alarm_off,
        ["alarm-without-action", "target-tracking"],
        "sleep",
        "Variant AllTraffic has the alarm TargetTracking-endpoint/demo/variant/AllTraffic-AlarmLow-…, but "
        "the alarm's actions are switched off or don't include its policy: when it fires, nothing happens.",
        advice="AWS made this alarm and its actions were switched off by hand: aws cloudwatch "
        "enable-alarm-actions --alarm-names TargetTracking-endpoint/demo/variant/AllTraffic-AlarmLow-…",
        of="alarm-without-action",
    ),
    "ladder-without-effect": Case(
        climb_in_vain,
        ["ladder-without-effect", "idle-timeout"],
        "wake",
        "Variant AllTraffic has a ladder alarm in ALARM since … (7 min), and no scaling activity of it "
        "followed: AWS doesn't seem to take the value of its expression. The plain wake alarm starts one "
        "instance all the same.",
        tag="scale-to-zero:wake-instances",
        advice="set the tag scale-to-zero:wake-instances to a number, which needs no ladder, and report it",
    ),
    "work-unseen": Case(
        run_a_request_that_the_backlog_does_not_count,
        ["work-unseen", "idle-timeout"],
        "sleep",
        "Variant AllTraffic had a backlog of 0 in the minute from …, in which a request of 150 s was being "
        "processed: here the backlog doesn't count what runs.",
        tag="scale-to-zero:longest-request",
        advice="set the tag scale-to-zero:longest-request to how long the longest request takes, so that "
        "none is cut off, and report it",
    ),
    "wake-off": Case(
        lambda world: world.asleep(wake="false"),
        ["wake-off"],
        "wake",
        "Variant AllTraffic is not woken by the first request, and sleeps until more than 5 requests wait "
        "(backlog-per-instance).",
        tag="scale-to-zero:wake",
        advice="set the tag scale-to-zero:wake to true",
    ),
    "at-max-capacity": Case(
        have_too_much_to_do,
        ["at-max-capacity", "backlog", "idle-timeout"],
        "wake",
        "Variant AllTraffic has the 5 instances that max-capacity allows, with a backlog of 26 requests (…): "
        "more than the 5 for each instance that backlog-per-instance asks for.",
        tag="scale-to-zero:max-capacity",
        advice="set the tag scale-to-zero:max-capacity higher to allow more instances",
    ),
    "drift": Case(
        shrink_by_hand,
        ["drift"],
        "change",
        "The scaling of variant AllTraffic is not as its tags say: one change is pending.",
        advice=APPLY,
    ),
    "min-capacity": Case(
        lambda world: world.configure(min_capacity="1"),
        ["min-capacity"],
        "sleep",
        "Variant AllTraffic always keeps 1 instance, because min-capacity is 1.",
        tag="scale-to-zero:min-capacity",
        advice="set the tag scale-to-zero:min-capacity to 0 to let it sleep",
    ),
    "warm-hours": Case(
        lambda world: world.configure(warm_hours="MON-SUN 00:00-24:00 UTC", warm_capacity="2", instances=2),
        ["warm-hours"],
        "sleep",
        "Variant AllTraffic keeps 2 instances for now: its MinCapacity is 2, above the 0 of min-capacity.",
        tag="scale-to-zero:warm-hours",
        advice="set the tag scale-to-zero:warm-hours to other hours, or wait until they end",
    ),
    "warm-hours, by hand": Case(
        raise_the_minimum_by_hand,
        ["drift", "warm-hours"],
        "sleep",
        "Variant AllTraffic keeps 1 instance for now: its MinCapacity is 1, above the 0 of min-capacity.",
        advice=f"neither a tag nor the clock asks for it: {APPLY}",
        of="warm-hours",
    ),
    "backlog": Case(
        lambda world: (world.configure(), world.aws.publish_backlog("demo", 0, 0, 3)),
        ["backlog", "idle-timeout"],
        "sleep",
        "Variant AllTraffic is not idle: its endpoint has a backlog of 3 requests (…).",
    ),
    "completions": Case(
        finish_short_requests,
        ["completions", "idle-timeout"],
        "sleep",
        "Variant AllTraffic is not idle: it finished 2 requests in the minute from ….",
    ),
    "gpu-use": Case(
        keep_a_gpu_busy,
        ["gpu-use", "idle-timeout"],
        "sleep",
        "Variant AllTraffic is not idle: a GPU was up to 41.5 % busy in the minute from ….",
    ),
    "insufficient-data": Case(
        lose_the_metric,
        ["insufficient-data", "target-tracking"],
        "sleep",
        "Variant AllTraffic is not scaled in while the alarm TargetTracking-endpoint/demo/variant/AllTraffic-"
        "AlarmLow-… is in INSUFFICIENT_DATA: without data nobody knows whether it is idle. That is normal "
        "for the first "
        "minutes.",
        advice="if it stays, see in CloudWatch whether the endpoint publishes its backlog metrics",
    ),
    "insufficient-data, idle alarm": Case(
        lose_the_metric_of_the_idle_alarm,
        ["insufficient-data", "idle-timeout"],
        "sleep",
        "Variant AllTraffic is not scaled in while the alarm scale-to-zero/demo/AllTraffic/idle is in "
        "INSUFFICIENT_DATA: without data nobody knows whether it is idle. That is normal for the first "
        "minutes.",
        advice="if it stays, see in CloudWatch whether the endpoint publishes its backlog metrics",
        of="insufficient-data",
    ),
    "idle-timeout": Case(
        be_idle_for_a_while,
        ["idle-timeout"],
        "sleep",
        "Variant AllTraffic runs 3 instances; all above 0 go at once when 10 minutes in a row show no work; "
        "so far, the last 3 minutes showed none.",
        tag="scale-to-zero:idle-timeout",
        advice="set the tag scale-to-zero:idle-timeout to a shorter time, or wait",
    ),
    "idle-timeout, over": Case(
        be_idle_for_long_enough,
        ["idle-timeout"],
        "sleep",
        "Variant AllTraffic runs 3 instances and has been idle for 10 minutes: AWS is taking all above 0 "
        "away now.",
        tag="scale-to-zero:idle-timeout",
        advice="set the tag scale-to-zero:idle-timeout to a shorter time, or wait",
        of="idle-timeout",
    ),
    "target-tracking": Case(
        be_idle_without_a_timeout,
        ["target-tracking"],
        "sleep",
        "Variant AllTraffic runs 2 instances; target tracking takes instances away step by step, once its "
        "alarm has seen too little backlog for long enough (users report 15 minutes, and the minutes before "
        "the endpoint was tagged count) and 300s (scale-in-cooldown) have passed since the last step; so "
        "far, the last minute showed none.",
        tag="scale-to-zero:idle-timeout",
        advice="set the tag scale-to-zero:idle-timeout to an idle time of your own, or wait",
    ),
    "starting": Case(
        be_on_the_way,
        ["starting"],
        "wake",
        "Variant AllTraffic runs 0 instances and should have 1: AWS has been starting them since … (4 min).",
        advice="wait: its last 3 starts took 9 min, by the median",
    ),
    "starting, for the first time": Case(
        be_on_the_way_for_the_first_time,
        ["updating", "starting"],
        "wake",
        "Variant AllTraffic runs 0 instances and should have 1: AWS has been starting them since … (4 min).",
        advice="wait: users measured starts of 7 to 15 minutes",
        of="starting",
    ),
    "starting, set by hand": Case(
        be_set_by_hand,
        ["starting"],
        "wake",
        "Variant AllTraffic runs 0 instances and should have 2, and no scaling activity says since when: "
        "they are starting, or AWS has no capacity of ml.g5.xlarge.",
        advice=f"wait: its last start took 9 min; if it takes much longer, {CAPACITY_HELPS}",
        of="starting",
    ),
    "waking": Case(
        have_a_request_at_zero,
        ["waking"],
        "wake",
        "Variant AllTraffic runs no instance, with a backlog of 1 request (…): its wake alarm has not fired "
        "yet. It fires once the metric has arrived, 1 to 3 minutes after the request.",
        advice="look again in some minutes; users measured starts of 7 to 15 minutes",
    ),
    "wake-alarm-new": Case(
        configure_a_moment_ago,
        ["wake-alarm-new"],
        "wake",
        "Variant AllTraffic has a wake alarm in INSUFFICIENT_DATA, which is normal for some minutes after it "
        "was made.",
    ),
    "instances-miscounted": Case(
        report_twice,
        ["idle-timeout", "instances-miscounted"],
        "sleep",
        "Variant AllTraffic runs 1 instance, and they sent 2 reports of their CPU use a minute instead of "
        "1 (the endpoint doesn't say how often, so once is assumed): the spare alarm counts instances by "
        "these reports, and may keep more than one. It never takes the last.",
        advice="report it; a MetricsConfig with MetricPublishFrequencyInSeconds of 60 makes it one report "
        "each, as AWS documents",
    ),
    "instances-miscounted, though the endpoint says how often they report": Case(
        report_once_while_the_endpoint_says_six_times,
        ["idle-timeout", "instances-miscounted"],
        "sleep",
        "Variant AllTraffic runs 1 instance, and they sent 1 report of their CPU use a minute instead of "
        "6: the spare alarm counts instances by these reports, and may keep more than one. It never takes "
        "the last.",
        advice="report it; a MetricsConfig with MetricPublishFrequencyInSeconds of 60 makes it one report "
        "each, as AWS documents",
        of="instances-miscounted",
    ),
    "instances-miscounted, as they report too seldom": Case(
        report_every_other_minute,
        ["idle-timeout", "instances-miscounted"],
        "sleep",
        "Variant AllTraffic has instances that report their CPU use only every 120 s: the spare alarm "
        "counts them by the reports of each minute, so it takes none away, and only the idle alarm does.",
        advice="a MetricsConfig with MetricPublishFrequencyInSeconds of 60 in the endpoint's configuration "
        "makes it one report a minute",
        of="instances-miscounted",
    ),
    "unreadable": Case(
        deny("GetMetricData"),
        ["unreadable"],
        "all",
        "The backlog couldn't be read: GetMetricData for endpoint demo: AccessDenied: User is not "
        "authorized to perform this action. (request id …); allow the function's role this operation (the "
        "template does).",
    ),
    "unreadable, all of it": Case(
        deny("GetMetricData", "DescribeScalingActivities", "DescribeAlarms"),
        ["unreadable", "unreadable", "unreadable"],
        "all",
        "The states of the alarms couldn't be read: DescribeAlarms for endpoint demo: AccessDenied: User is "
        "not authorized to perform this action. (request id …); allow the function's role this operation "
        "(the template does).",
        of="unreadable",
    ),
    "all-well": Case(
        lambda world: world.asleep(),
        ["all-well"],
        "all",
        "All is well: endpoint demo sleeps, and wakes on the first request.",
    ),
    "all-well, after a failure": Case(
        scale_again,
        ["all-well"],
        "all",
        "All is well: endpoint demo sleeps, and wakes on the first request.",
        of="all-well",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_situation_has_its_findings(world: World, name: str) -> None:
    case = CASES[name]
    case.arrange(world)
    before = world.aws.state("demo")

    answered = world.explain()

    findings = answered["findings"]
    assert [finding["code"] for finding in findings] == case.codes
    shown = next(finding for finding in findings if finding["code"] == (case.of or name))
    expected = {"code": case.of or name, "about": case.about, "sentence": case.sentence}
    expected |= {key: value for key in ("tag", "advice") if (value := getattr(case, key)) is not None}
    assert json.loads(VARIABLE.sub("…", json.dumps(shown))) == expected
    assert answered["summary"].startswith(findings[0]["sentence"])
    assert world.aws.state("demo") == before


def test_every_code_has_a_situation() -> None:
    assert {case.of or name for name, case in CASES.items()} == {plain(row[0]) for row in table("findings")}


def test_a_finding_answers_the_questions_that_the_book_says() -> None:
    documented = {plain(row[0]): set(row[1].split(", ")) for row in table("findings")}
    shown: dict[str, set[str]] = {}
    for name, case in CASES.items():
        shown.setdefault(case.of or name, set()).add(case.about)
    assert shown == documented


def test_findings_come_in_the_order_of_the_codes(world: World) -> None:
    """As the table of the book has them; and advice becomes a sentence of the summary."""
    world.configure(instances=3, min_capacity="1", idle_timeout="10m")
    world.aws.publish_backlog("demo", 7)
    autoscaling(world.aws, "register_scalable_target", MaxCapacity=9)
    suspend(world.aws, DynamicScalingInSuspended=True)

    answered = world.explain()

    codes = [finding["code"] for finding in answered["findings"]]
    assert codes == ["paused", "drift", "min-capacity", "backlog"]
    order = [plain(row[0]) for row in table("findings")]
    assert codes == sorted(codes, key=order.index)
    assert answered["summary"] == (
        "Variant AllTraffic is paused: scaling in is suspended, so no instance is taken away. No tag asks "
        f"for it: {APPLY}."
    )


# Under a quota AWS tries again every ten seconds, so thousands of activities hide what was before.

ACTIVITIES_ON_A_PAGE = 50


def start_and_then_reach_the_quota(world: World, times: int) -> datetime:
    """Answers when the first of the refusals came."""
    world.configure(instances=3, max_capacity="4")
    minutes_ago = 2 + (times - 1) / 6
    start(world, minutes_ago + 60, 420)
    world.aws.add_activity(
        "demo", 3, "Successful", FULFILLED, minutes_ago=minutes_ago + 30, seconds=540, cause=BY_TRACKING
    )
    for ten_seconds in range(times):
        world.aws.add_activity(
            "demo", 4, "Failed", OVER_QUOTA, minutes_ago=2 + ten_seconds / 6, seconds=0.5, cause=BY_TRACKING
        )
    return datetime.now(UTC) - timedelta(minutes=minutes_ago)


def since(sentence: str) -> datetime:
    [found] = re.findall(r"since (?:at least )?([0-9-]+T[0-9:]+Z)", sentence)
    return datetime.fromisoformat(found)


@pytest.mark.parametrize(("times", "pages"), [(49, 1), (50, 2), (2000, 41)])
def test_the_first_of_thousands_of_refusals_is_found_and_what_was_fulfilled_before(
    world: World, times: int, pages: int
) -> None:
    first = start_and_then_reach_the_quota(world, times)
    world.aws.clear_calls()

    answered = world.explain()

    [quota] = [finding for finding in answered["findings"] if finding["code"] == "quota"]
    assert "at least" not in quota["sentence"]
    assert abs(since(quota["sentence"]) - first) < timedelta(seconds=15)
    last = answered["found"]["variants"][0]["lastAction"]
    assert (last["by"], last["name"], last["status"]) == ("policy", "scale-to-zero-backlog", "failed")
    assert [call.operation for call in world.aws.calls].count("DescribeScalingActivities") == pages


def test_of_more_refusals_than_are_read_the_time_is_a_bound(world: World) -> None:
    start_and_then_reach_the_quota(world, 60 * ACTIVITIES_ON_A_PAGE)
    world.aws.clear_calls()

    [quota] = [finding for finding in world.explain()["findings"] if finding["code"] == "quota"]

    assert "AWS has been trying since at least " in quota["sentence"]
    assert [call.operation for call in world.aws.calls].count("DescribeScalingActivities") == 60


@pytest.mark.parametrize("kind", ["access_denied", "hang"])
def test_pages_that_cannot_be_read_cost_only_what_they_hold(world: World, kind: str) -> None:
    start_and_then_reach_the_quota(world, 200)
    world.aws.faults = [Fault("DescribeScalingActivities", kind, range(3, 100))]

    answered = world.function.invoke({"action": "explain", "endpoint": "demo"}, 8)

    codes = [finding["code"] for finding in answered["findings"]]
    assert "unreadable" not in codes
    [quota] = [finding for finding in answered["findings"] if finding["code"] == "quota"]
    assert "AWS has been trying since at least " in quota["sentence"]


# What the findings go by.


def test_what_is_found_is_answered_as_fields(world: World) -> None:
    world.configure(instances=1, quiet=False, max_capacity="4")
    newest = world.aws.publish_backlog("demo", 0, 3)
    autoscaling(world.aws, "register_scalable_target", MaxCapacity=9)
    tracking = world.aws.tracking_alarms("demo")
    world.aws.set_alarm_state(tracking["High"], "OK", "1 datapoint was not greater")

    answered = world.explain()

    assert list(answered) == ["endpoint", "outcome", "summary", "findings", "found"]
    assert (answered["endpoint"], answered["outcome"]) == ("demo", "explained")
    new = "Unchecked: Initial alarm creation"
    ours = [alarm_name(kind) for kind in ("wake", "ladder", "spare", "idle")]
    alarms = [
        *({"alarmName": name, "state": "INSUFFICIENT_DATA", "reason": new} for name in ours),
        {"alarmName": tracking["High"], "state": "OK", "reason": "1 datapoint was not greater"},
        {"alarmName": tracking["Low"], "state": "INSUFFICIENT_DATA", "reason": new},
    ]
    assert answered["found"] == {
        "status": "InService",
        "async": True,
        "managed": True,
        "tags": tags(max_capacity="4"),
        "variants": [
            {
                "variant": VARIANT,
                "currentInstances": 1,
                "desiredInstances": 1,
                "minCapacity": 0,
                "maxCapacity": 9,
                "ladder": "Asleep, 1 to 5 requests start 1 instance, 6 or 7 start 3, 8 or more start 4.",
                "policies": [
                    "scale-to-zero-backlog",
                    "scale-to-zero-wake",
                    "scale-to-zero-spare",
                    "scale-to-zero-idle",
                ],
                "alarms": alarms,
                "lastAction": None,
                "pendingChanges": ["register-scalable-target"],
            }
        ],
        "backlog": {"approximateBacklogSize": 3, "at": newest.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }


@pytest.mark.parametrize(
    ("cause", "instances", "who"),
    [
        (BY_OUR_POLICY, 1, {"by": "policy", "name": "scale-to-zero-wake", "ours": True}),
        (
            "monitor alarm busy in state ALARM triggered policy theirs",
            1,
            {"by": "policy", "name": "theirs", "ours": False},
        ),
        ("minimum capacity was set to 1", 1, {"by": "bound"}),
        ("somebody pulled a lever", 1, {"by": "unknown"}),
        (BY_OUR_POLICY, 3, {"by": "hand"}),
    ],
    ids=["our policy", "another owner's policy", "a bound", "an unheard-of cause", "by hand"],
)
def test_explain_and_status_tell_who_scaled_last_and_why(
    world: World, cause: str, instances: int, who: Json
) -> None:
    world.configure(instances=instances)
    start(world, minutes_ago=30, seconds=300, cause=cause)

    [explained] = world.explain()["found"]["variants"]
    [stands] = world.function.invoke({"action": "status", "endpoint": "demo"})["variants"]

    last = explained["lastAction"]
    assert last == stands["lastAction"]
    assert {key: last.get(key) for key in who} == who
    if who["by"] == "hand":
        assert set(last) == {"by", "at"}
    else:
        assert (last["instances"], last["status"], last["cause"]) == (1, "successful", cause)


def test_a_schedule_that_scaled_last_is_told_by_its_name(world: World) -> None:
    world.configure(instances=2)
    world.aws.add_activity(
        "demo",
        2,
        "Successful",
        FULFILLED,
        minutes_ago=30,
        seconds=300,
        cause="minimum capacity was set to 2",
    )
    world.aws.add_schedule_note("demo", "nightly", minutes_ago=30.2)

    [explained] = world.explain()["found"]["variants"]

    last = explained["lastAction"]
    assert (last["by"], last["name"], last["ours"]) == ("scheduled-action", "nightly", False)


def test_only_tags_of_the_prefix_are_answered(world: World) -> None:
    world.aws.create_endpoint("demo", tags={**ENABLED, "owner": "somebody@example.com"})

    assert world.explain()["found"]["tags"] == ENABLED


def test_what_is_not_known_is_null(world: World) -> None:
    assert world.explain()["found"] == {
        "status": None,
        "async": None,
        "managed": None,
        "tags": None,
        "variants": [],
        "backlog": None,
    }


def test_what_a_deleted_endpoint_left_behind_is_told(world: World) -> None:
    world.asleep()
    world.aws.delete_endpoint("demo")
    world.aws.settle()

    answered = world.explain()

    assert answered["summary"].startswith(
        "There is no endpoint of this name in this account and Region, but something is left that this "
        "function made for one; the next sweep takes it away."
    )
    [variant] = answered["found"]["variants"]
    assert (variant["variant"], variant["currentInstances"]) == (VARIANT, None)
    assert variant["pendingChanges"] == ["delete-alarms"]


def test_policies_of_another_owner_are_listed_after_ours(world: World) -> None:
    world.configure()
    autoscaling(
        world.aws,
        "put_scaling_policy",
        PolicyName="a-step",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )

    answered = world.explain()

    [variant] = answered["found"]["variants"]
    assert variant["policies"] == [
        "scale-to-zero-backlog",
        "scale-to-zero-wake",
        "scale-to-zero-spare",
        "scale-to-zero-idle",
        "a-step",
    ]
    assert answered["findings"][0]["code"] == "conflict"


def test_each_variant_is_explained(world: World) -> None:
    world.create(variants=["Blue", "Green"])
    world.function.invoke(apply())
    world.aws.set_instances("demo", 0, variant="Green")
    client(world.aws, "cloudwatch").delete_alarms(AlarmNames=[wake_alarm_name(variant="Green")])
    for alarm in client(world.aws, "cloudwatch").describe_alarms()["MetricAlarms"]:
        world.aws.set_alarm_state(alarm["AlarmName"], "OK")

    answered = world.explain()

    found = [(finding["code"], finding["sentence"].split(" ")[1]) for finding in answered["findings"]]
    assert found == [("wake-missing", "Green"), ("drift", "scaling"), ("idle-timeout", "Blue")]
    assert [variant["pendingChanges"] for variant in answered["found"]["variants"]] == [
        [],
        ["put-metric-alarm"],
    ]


def test_what_a_renamed_variant_left_behind_is_drift(world: World) -> None:
    world.configure()
    world.aws.rename_variant("demo", VARIANT, "Blue")
    world.aws.settle()

    answered = world.explain()

    found = [(finding["code"], finding["sentence"]) for finding in answered["findings"]]
    assert found == [
        ("not-configured", "Variant Blue is no scalable target yet, so AWS doesn't scale it at all."),
        ("drift", "The scaling of variant AllTraffic is not as its tags say: 2 changes are pending."),
    ]


def test_what_stands_in_the_way_beside_an_update_is_told_too(world: World) -> None:
    world.asleep()
    world.aws.retag("demo", {f"{PREFIX}pause": "perhaps"})
    world.aws.set_status("demo", "SystemUpdating")

    answered = world.explain()

    assert [finding["code"] for finding in answered["findings"]] == ["invalid-tags", "updating"]
    assert answered["found"]["status"] == "SystemUpdating"


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService"])
def test_a_status_that_does_not_pass_by_itself_is_a_failure(world: World, status: str) -> None:
    world.asleep()
    world.aws.set_status("demo", status)

    answered = world.explain()

    assert answered["summary"].startswith(
        f"Endpoint demo has the status {status}, so nothing is written and AWS doesn't scale it: SageMaker "
        "gives no reason."
    )


def test_an_old_backlog_is_no_backlog(world: World) -> None:
    """Behind the window there may be anything."""
    world.configure()
    world.aws.publish_backlog("demo", 9, *[0] * 20)

    answered = world.explain()

    assert [finding["code"] for finding in answered["findings"]] == ["idle-timeout"]
    assert answered["found"]["backlog"]["approximateBacklogSize"] == 0


def test_the_backlog_is_read_as_far_back_as_the_idle_timeout_goes(world: World) -> None:
    world.configure(instances=1, idle_timeout="2h")
    world.aws.publish_backlog("demo", *[0] * 60)

    [finding] = world.explain()["findings"]

    assert finding["sentence"].endswith("so far, the last 60 minutes showed none.")


# What it costs, and what happens when it fails.


def test_the_line_of_the_log_has_the_codes(world: World) -> None:
    world.configure(min_capacity="1")
    autoscaling(world.aws, "register_scalable_target", MaxCapacity=9)

    world.explain()

    [line] = world.function.last_logs
    assert (line["message"], line["outcome"], line["changes"]) == ("explained", "explained", "")
    assert (line["endpoint"], line["findings"]) == ("demo", "drift min-capacity")


def test_only_explanations_log_findings(world: World) -> None:
    world.asleep()

    [line] = world.function.last_logs
    assert "findings" not in line


@pytest.mark.parametrize("operation", ["DescribeEndpoint", "ListTags", "DescribeScalableTargets"])
def test_without_a_read_that_decisions_need_the_invocation_fails(world: World, operation: str) -> None:
    world.asleep()
    world.aws.faults = [Fault(operation, "access_denied")]

    assert failure(world.function, explain()).error_type == "AccessDenied"


@pytest.mark.parametrize("kind", ["throttle", "internal", "drop", "concurrent_update"])
def test_a_read_that_fails_once_is_read_again(world: World, kind: str) -> None:
    world.asleep()
    operations = ["DescribeScalingActivities"]
    if kind != "concurrent_update":
        operations += ["GetMetricData"]
    world.aws.faults = [Fault(operation, kind, 1) for operation in operations]

    assert [finding["code"] for finding in world.explain()["findings"]] == ["all-well"]


def test_a_read_without_an_answer_is_told_before_the_time_is_over(world: World) -> None:
    world.asleep()
    world.aws.faults = [Fault("GetMetricData", "hang")]

    answered = world.function.invoke(explain(), deadline_seconds=2)

    assert [finding["code"] for finding in answered["findings"]] == ["unreadable"]
    assert re.match(r"The backlog couldn't be read: no answer within \d+ ms\.", answered["summary"])


def test_pages_of_alarms_are_read_to_the_end(world: World) -> None:
    world.asleep()
    world.aws.page_size = 1

    [variant] = world.explain()["found"]["variants"]

    assert len(variant["alarms"]) == 6


def test_an_explanation_needs_its_endpoint(world: World) -> None:
    error = failure(world.function, {"action": "explain"})

    assert error.error_type == "InvalidPayload"
    assert error.message.startswith(
        '"endpoint" is missing; accepted are {"action": "apply", "plan", "explain", '
    )
    assert world.aws.calls == []


def test_an_option_that_it_does_not_know_is_refused(world: World) -> None:
    error = failure(world.function, {**explain(), "after": "demo"})

    assert error.message.startswith('received the unknown key "after" beside the action "explain"')


def test_asking_changes_nothing_for_the_next_event(world: World) -> None:
    world.create()

    assert world.explain()["findings"][0]["code"] == "not-configured"
    assert world.aws.state("demo") == NOTHING
    world.function.invoke(apply())
    assert written(world.aws) == CONFIGURING


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "Failed", "UpdateRollbackFailed"])
def test_without_variants_nothing_is_told_as_well(world: World, status: str) -> None:
    world.asleep()
    world.aws.account().endpoint("demo").production_variants = []
    world.aws.set_status("demo", status)

    codes = [finding["code"] for finding in world.explain()["findings"]]

    assert codes
    assert "all-well" not in codes


def test_an_answer_that_names_no_variant_is_no_good_news(world: World) -> None:
    world.asleep()
    world.aws.account().endpoint("demo").production_variants = []

    error = failure(world.function, explain())

    assert error.error_type == "AwsServerError"
    assert "the answer has no ProductionVariants" in error.message
