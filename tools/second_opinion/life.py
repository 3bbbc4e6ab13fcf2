"""An endpoint's life: tagged, configured, woken, asleep, changed, shared, given up and deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local.runtime import Function, FunctionError
from tools.second_opinion.emulator import Emulator, Json
from tools.second_opinion.endpoints import (
    DIMENSION,
    NAMESPACE,
    PREFIX,
    Endpoint,
    changes,
    outcome,
    settings,
    state_change,
    step_of,
    tag_change,
)
from tools.second_opinion.report import Report

CONFIGURING = [
    "register-scalable-target",
    "put-scaling-policy scale-to-zero-wake",
    "put-metric-alarm wake",
    "put-metric-alarm ladder",
    "put-scaling-policy scale-to-zero-spare",
    "put-metric-alarm spare",
    "put-scaling-policy scale-to-zero-idle",
    "put-metric-alarm idle",
    "put-scaling-policy scale-to-zero-backlog",
]
NOTHING: Json = {"target": None, "policies": {}, "actions": {}, "alarms": {}}
STATUS = "scale-to-zero-status"
DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
RUNNING = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
# Which policy each alarm drives, as its action names it.
DRIVEN_BY = {"wake": "wake", "ladder": "wake", "spare": "spare", "idle": "idle"}


class Life:
    """One endpoint with the default settings, and the function that looks after it."""

    def __init__(self, report: Report, emulator: Emulator, function: Function) -> None:
        self.report = report
        self.emulator = emulator
        self.function = function

    def run(self) -> None:
        self.report.part("An endpoint that is tagged")
        self.endpoint = Endpoint(self.emulator, "demo", settings(enabled="true"), instances=None)
        self.born()
        self.report.part("It is configured")
        self.configured()
        self.report.part("Nothing changes where nothing has to")
        self.settled()
        self.report.part("A request comes while it sleeps")
        self.woken()
        self.report.part("Nothing is at work")
        self.idle()
        self.report.part("By hand")
        self.by_hand()
        self.report.part("Its tags change")
        self.retagged()
        self.report.part("Somebody else's policy")
        self.shared()
        self.report.part("Somebody edits what is ours")
        self.edited()
        self.report.part("It is opted out while it sleeps")
        self.opted_out()
        self.report.part("It is deleted")
        self.deleted()
        self.report.part("What isn't to be managed")
        self.others()

    def ask(self, payload: Any) -> Json:
        answer: Json = self.function.invoke(payload)
        return answer

    def act(self, action: str, **more: Any) -> Json:
        return self.ask({"action": action, "endpoint": self.endpoint.name, **more})

    def born(self) -> None:
        report, endpoint = self.report, self.endpoint
        report.known_difference("variants", "ProductionVariants" in endpoint.describe(), False)
        try:
            error = str(self.act("apply"))
        except FunctionError as failed:
            error = failed.message
        report.holds("an answer without variants is incomplete", "has no ProductionVariants" in error)
        report.same("and no reason to do anything", endpoint.everything(), NOTHING)
        endpoint.scale(1)
        report.same("one instance runs", endpoint.instances(), 1)
        report.known_difference("async", "AsyncInferenceConfig" in endpoint.describe(), False)

    def configured(self) -> None:
        report, endpoint = self.report, self.endpoint
        planned = self.act("plan")
        report.same("a plan is only a plan", outcome(planned), "planned")
        report.same("it names what is to be done, in order", changes(planned), CONFIGURING)
        report.same("it writes nothing", endpoint.everything(), NOTHING)
        answer = self.ask(state_change(endpoint))
        report.same("the event configures it", outcome(answer), "configured")
        report.same("by what was planned", changes(answer), CONFIGURING)
        self.as_it_should_be()
        report.holds("there is nothing to say by a status tag", STATUS not in endpoint.tags())

    def as_it_should_be(self) -> None:
        """Field by field, as the contract has it."""
        report, endpoint = self.report, self.endpoint
        target, policies, alarms = endpoint.target() or {}, endpoint.policies(), endpoint.alarms()
        want = {"MinCapacity": 0, "MaxCapacity": 5, "SuspendedState": RUNNING}
        for key, value in want.items():
            report.same(f"scalable target: {key}", target.get(key), value)
        report.same(
            "four policies",
            sorted(policies),
            [f"scale-to-zero-{it}" for it in ("backlog", "idle", "spare", "wake")],
        )
        report.same("four alarms", sorted(alarms), ["idle", "ladder", "spare", "wake"])
        backlog = policies["scale-to-zero-backlog"]
        report.same("backlog: type", backlog["PolicyType"], "TargetTrackingScaling")
        tracking = backlog["TargetTrackingScalingPolicyConfiguration"]
        for key, value in {
            "TargetValue": 5.0,
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 300,
            "DisableScaleIn": True,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint.name}],
                "Statistic": "Average",
            },
        }.items():
            report.same(f"backlog: {key}", tracking.get(key), value)
        report.known_difference("tracking-alarms", backlog.get("Alarms", []), [])
        for kind, adjustment, cooldown, steps in (
            ("wake", "ChangeInCapacity", 180, {1.0: 1, 2.0: 2, 3.0: 3, 4.0: 4, 5.0: 5, 9.0: 5}),
            ("spare", "ExactCapacity", 60, {1.0: 1, 4.0: 1}),
            ("idle", "ExactCapacity", 60, {}),
        ):
            policy = policies[f"scale-to-zero-{kind}"]
            step = policy["StepScalingPolicyConfiguration"]
            report.same(f"{kind}: type", policy["PolicyType"], "StepScaling")
            report.same(f"{kind}: AdjustmentType", step["AdjustmentType"], adjustment)
            report.same(f"{kind}: Cooldown", step["Cooldown"], cooldown)
            threshold = alarms[kind]["Threshold"]
            for value, amount in steps.items():
                report.same(f"{kind}: the step at {value:g}", step_of(policy, threshold, value), amount)
        idle = policies["scale-to-zero-idle"]
        report.same("idle: the step at 0", step_of(idle, alarms["idle"]["Threshold"], 0.0), 0)
        self.alarms_as_they_should_be(policies, alarms)

    def alarms_as_they_should_be(self, policies: Json, alarms: Json) -> None:
        report, endpoint = self.report, self.endpoint
        for kind, driven in DRIVEN_BY.items():
            alarm = alarms[kind]
            arn = policies[f"scale-to-zero-{driven}"]["PolicyARN"]
            report.same(f"alarm {kind}: drives the policy {driven}", alarm["AlarmActions"], [arn])
            report.same(f"alarm {kind}: its actions are on", alarm["ActionsEnabled"], True)
        wake = alarms["wake"]
        for key, value in {
            "Namespace": "AWS/SageMaker",
            "MetricName": "HasBacklogWithoutCapacity",
            "Dimensions": [{"Name": "EndpointName", "Value": endpoint.name}],
            "Statistic": "Average",
            "Period": 60,
            "Threshold": 0.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 2,
            "DatapointsToAlarm": 2,
            "TreatMissingData": "notBreaching",
        }.items():
            report.same(f"alarm wake: {key}", wake.get(key), value)
        for kind, minutes in (("ladder", 1), ("spare", 5), ("idle", 10)):
            alarm = alarms[kind]
            report.same(f"alarm {kind}: EvaluationPeriods", alarm["EvaluationPeriods"], minutes)
            report.same(f"alarm {kind}: DatapointsToAlarm", alarm["DatapointsToAlarm"], minutes)
            returned = [query for query in alarm["Metrics"] if query.get("ReturnData") is not False]
            report.same(
                f"alarm {kind}: one expression decides", ["Expression" in query for query in returned], [True]
            )

    def settled(self) -> None:
        report, endpoint = self.report, self.endpoint
        before = endpoint.everything()
        # Once, as AWS's alarms of target tracking seem to be lost.
        answer = self.ask(state_change(endpoint))
        report.same(
            "what seems lost is put again", changes(answer), ["put-scaling-policy scale-to-zero-backlog"]
        )
        for what, payload in (
            ("the event once more", state_change(endpoint)),
            ("a tag event", tag_change(endpoint, "enabled")),
            ("by hand", {"action": "apply", "endpoint": endpoint.name}),
        ):
            answer = self.ask(payload)
            report.same(f"{what}: unchanged", outcome(answer), "unchanged")
            report.same(f"{what}: no change", changes(answer), [])
        report.same("all is as it was", endpoint.everything(), before)
        planned = self.act("plan")
        report.same("a plan has nothing to do", changes(planned), [])
        explained = self.act("explain")
        report.same("it is explained", outcome(explained), "explained")
        report.holds("in sentences", all(finding["sentence"] for finding in explained["findings"]))

    def woken(self) -> None:
        report, endpoint = self.report, self.endpoint
        endpoint.scale(0)
        report.same("it sleeps", self.state(), "asleep")
        report.same("asleep, nothing has to change", outcome(self.ask(state_change(endpoint))), "unchanged")
        endpoint.publish("HasBacklogWithoutCapacity", 0, 0, 0)
        report.same("nobody waits: the alarm is quiet", endpoint.alarms()["wake"]["StateValue"], "OK")
        # The minute in which it is looked at may not have begun when the values were made.
        endpoint.publish("HasBacklogWithoutCapacity", 1, 1, 1)
        wake = endpoint.alarms()["wake"]
        report.same("a request waits: the alarm rings", wake["StateValue"], "ALARM")
        policy = endpoint.policies()["scale-to-zero-wake"]
        report.same("it rings for the policy that wakes", wake["AlarmActions"], [policy["PolicyARN"]])
        wanted = endpoint.instances() + step_of(policy, wake["Threshold"], 1.0)
        report.same("that starts one instance", wanted, 1)
        activities = self.emulator.client("application-autoscaling").describe_scaling_activities(
            ServiceNamespace=NAMESPACE, ResourceId=endpoint.resource
        )["ScalingActivities"]
        by_policy = [activity for activity in activities if "scale-to-zero-wake" in activity["Cause"]]
        report.known_difference("scaling", (by_policy, endpoint.instances()), ([], 0))
        endpoint.scale(wanted)
        report.same("awake, nothing has to change", outcome(self.ask(state_change(endpoint))), "unchanged")
        report.same("it is awake", self.state(), "awake")
        endpoint.publish("HasBacklogWithoutCapacity", 0, 0, 0)

    def state(self) -> str:
        [variant] = self.act("status")["variants"]
        state: str = variant["state"]
        return state

    def idle(self) -> None:
        report, endpoint = self.report, self.endpoint
        idle = endpoint.alarms()["idle"]
        for backlog, want in ((0.0, [0.0]), (2.0, [2.0])):
            for query in idle["Metrics"]:
                if "MetricStat" in query:
                    metric = query["MetricStat"]["Metric"]
                    is_backlog = metric["MetricName"] == "ApproximateBacklogSize"
                    self.put(metric, backlog if is_backlog else 0.0)
            report.same(f"its expression with a backlog of {backlog:g}", self.evaluated(idle)[-1:], want)
        rings = want[0] < idle["Threshold"]
        report.same("work keeps the alarm quiet", rings, False)
        report.holds("no work lets it ring", idle["Threshold"] > 0)
        ladder = endpoint.alarms()["ladder"]
        for query in ladder["Metrics"]:
            if "MetricStat" in query:
                self.put(query["MetricStat"]["Metric"], 1.0)
        found = (endpoint.alarms()["ladder"]["StateValue"], self.evaluated(ladder))
        report.known_difference("metric-math", found, ("INSUFFICIENT_DATA", []))
        endpoint.scale(step_of(endpoint.policies()["scale-to-zero-idle"], idle["Threshold"], 0.0))
        report.same("then it sleeps", (endpoint.instances(), self.state()), (0, "asleep"))

    def put(self, metric: Json, value: float) -> None:
        self.emulator.client("cloudwatch").put_metric_data(
            Namespace=metric["Namespace"],
            MetricData=[
                {"MetricName": metric["MetricName"], "Dimensions": metric["Dimensions"], "Value": value}
            ],
        )

    def evaluated(self, alarm: Json) -> list[float]:
        """The values that CloudWatch gives the alarm's own queries, oldest first."""
        now = datetime.now(UTC)
        answer = self.emulator.client("cloudwatch").get_metric_data(
            MetricDataQueries=alarm["Metrics"],
            StartTime=now - timedelta(minutes=2),
            EndTime=now + timedelta(minutes=1),
            ScanBy="TimestampAscending",
        )
        [result] = answer["MetricDataResults"]
        values: list[float] = result["Values"]
        return values

    def by_hand(self) -> None:
        report, endpoint = self.report, self.endpoint
        answer = self.act("wake")
        report.same("wake", outcome(answer), "waking")
        report.same(
            "SageMaker is asked for an instance at last", changes(answer)[-1:], ["set-desired-instances"]
        )
        report.same("it gets one", endpoint.instances(), 1)
        endpoint.publish("ApproximateBacklogSize", 0, 0, 0)
        answer = self.act("sleep", force=True)
        report.same("sleep", outcome(answer), "sleeping")
        report.same("the instance goes", endpoint.instances(), 0)
        answer = self.act("wake", instances=3)
        report.same("wake with more", (outcome(answer), endpoint.instances()), ("waking", 3))
        report.same("more than its maximum is refused", outcome(self.act("wake", instances=6)), "invalid")
        report.same("and changes nothing", endpoint.instances(), 3)
        endpoint.scale(1)

    def retagged(self) -> None:
        report, endpoint = self.report, self.endpoint
        endpoint.tag(max_capacity="3", idle_timeout="15m")
        answer = self.ask(tag_change(endpoint, "max-capacity"))
        report.same("a smaller maximum, a longer wait", outcome(answer), "configured")
        report.same("MaxCapacity", (endpoint.target() or {})["MaxCapacity"], 3)
        report.same("the idle alarm waits longer", endpoint.alarms()["idle"]["EvaluationPeriods"], 15)
        wake = endpoint.policies()["scale-to-zero-wake"]
        report.same("no step asks for more", step_of(wake, 0.0, 9.0), 3)
        # Days from now, so that no window is open meanwhile.
        day = DAYS[(datetime.now(UTC).weekday() + 3) % len(DAYS)]
        endpoint.tag(warm_hours=f"{day} 08:00-18:00 Europe/Berlin", warm_capacity="2")
        report.same("warm hours", outcome(self.ask(tag_change(endpoint, "warm-hours"))), "configured")
        actions = endpoint.actions()
        names = ["scale-to-zero-warm-end", "scale-to-zero-warm-start"]
        report.same("two scheduled actions", sorted(actions), names)
        for name, schedule, least in (
            ("scale-to-zero-warm-start", f"cron(0 8 ? * {day} *)", 2),
            ("scale-to-zero-warm-end", f"cron(0 18 ? * {day} *)", 0),
        ):
            action = actions.get(name, {})
            report.same(f"{name}: Schedule", action.get("Schedule"), schedule)
            report.same(f"{name}: Timezone", action.get("Timezone"), "Europe/Berlin")
            report.same(f"{name}: MinCapacity", action.get("ScalableTargetAction"), {"MinCapacity": least})
        report.same("nothing more to do", outcome(self.act("apply")), "unchanged")
        before = endpoint.everything()
        endpoint.tag(max_capcity="4", backlog_per_instance="0")
        answer = self.act("apply")
        report.same("tags that make no sense", outcome(answer), "invalid")
        wrong = sorted(problem["tag"] for problem in answer["problems"])
        report.same("are all named", wrong, [f"{PREFIX}backlog-per-instance", f"{PREFIX}max-capcity"])
        report.same("and change nothing", endpoint.everything(), before)
        report.holds("the status tag says so", endpoint.tags().get(STATUS, "").startswith("invalid: "))
        endpoint.untag("max-capcity", "backlog-per-instance", "warm-hours", "warm-capacity")
        report.same("without warm hours", outcome(self.act("apply")), "configured")
        report.same("their actions go", endpoint.actions(), {})
        report.holds("and so does the status tag", STATUS not in endpoint.tags())
        endpoint.tag(pause="true")
        self.act("apply")
        report.same("paused", set((endpoint.target() or {})["SuspendedState"].values()), {True})
        endpoint.untag("pause")
        self.act("apply")
        report.same("no longer paused", (endpoint.target() or {})["SuspendedState"], RUNNING)

    def shared(self) -> None:
        report, endpoint = self.report, self.endpoint
        put = self.emulator.client("application-autoscaling").put_scaling_policy
        put(
            PolicyName="theirs",
            ServiceNamespace=NAMESPACE,
            ResourceId=endpoint.resource,
            ScalableDimension=DIMENSION,
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            },
        )
        before = endpoint.everything()
        answer = self.act("apply")
        report.same("a conflict", outcome(answer), "conflict")
        report.same("that names it", [it["name"] for it in answer["conflicts"]], ["theirs"])
        report.same("nothing is written", endpoint.everything(), before)
        endpoint.tag(takeover="true")
        answer = self.act("apply")
        report.same("taken over", changes(answer), ["delete-scaling-policy theirs"])
        report.holds("it is gone", "theirs" not in endpoint.policies())
        endpoint.untag("takeover")
        report.same("and stays so", outcome(self.act("apply")), "unchanged")

    def edited(self) -> None:
        report, endpoint = self.report, self.endpoint
        want = endpoint.everything()
        cloudwatch, autoscaling = (
            self.emulator.client("cloudwatch"),
            self.emulator.client("application-autoscaling"),
        )
        target = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": endpoint.resource,
            "ScalableDimension": DIMENSION,
        }
        for what, edit in (
            (
                "an alarm is deleted",
                lambda: cloudwatch.delete_alarms(AlarmNames=[alarm_name(endpoint, "wake")]),
            ),
            (
                "all alarms are",
                lambda: cloudwatch.delete_alarms(
                    AlarmNames=[alarm_name(endpoint, kind) for kind in DRIVEN_BY]
                ),
            ),
            (
                "a policy is deleted",
                lambda: autoscaling.delete_scaling_policy(PolicyName="scale-to-zero-idle", **target),
            ),
            ("the maximum is changed", lambda: autoscaling.register_scalable_target(MaxCapacity=9, **target)),
            (
                "scaling is suspended",
                lambda: autoscaling.register_scalable_target(
                    SuspendedState={**RUNNING, "DynamicScalingInSuspended": True}, **target
                ),
            ),
            ("the target is deregistered", lambda: autoscaling.deregister_scalable_target(**target)),
        ):
            edit()
            report.same(f"{what}: put right", outcome(self.act("apply")), "configured")
            report.same(f"{what}: all is as it was", endpoint.everything(), want)

    def opted_out(self) -> None:
        report, endpoint = self.report, self.endpoint
        endpoint.scale(0)
        endpoint.tag(enabled="Off")
        answer = self.ask(tag_change(endpoint, "enabled"))
        report.same("it may not stay asleep", outcome(answer), "removing")
        report.same("so an instance is asked for first", changes(answer), ["register-scalable-target"])
        report.same("by its minimum", (endpoint.target() or {})["MinCapacity"], 1)
        report.same(
            "the way to wake is still there", sorted(endpoint.alarms()), ["idle", "ladder", "spare", "wake"]
        )
        endpoint.scale(1)
        answer = self.ask(state_change(endpoint))
        report.same("when it runs, all goes", outcome(answer), "removed")
        report.same(
            "first the target, then the alarms",
            changes(answer),
            ["deregister-scalable-target", "delete-alarms"],
        )
        report.same("nothing is left", endpoint.everything(), NOTHING)
        report.same("nor to do", outcome(self.act("apply")), "skipped")
        report.same("the instance stays", endpoint.instances(), 1)

    def deleted(self) -> None:
        report, endpoint = self.report, self.endpoint
        endpoint.tag(enabled="true")
        report.same("opted in again", outcome(self.act("apply")), "configured")
        report.same("removed by hand", outcome(self.act("remove")), "removed")
        report.same("nothing is left", endpoint.everything(), NOTHING)
        report.same("an event brings it back", outcome(self.ask(state_change(endpoint))), "configured")
        endpoint.delete()
        answer = self.ask(state_change(endpoint, "DELETING"))
        report.same("the endpoint goes, and all of ours", outcome(answer), "removed")
        report.same("nothing is left of it", endpoint.everything(), NOTHING)
        answer = self.ask(state_change(endpoint, "DELETED"))
        report.same("later events find nothing", answer.get("reason"), "not-found")

    def others(self) -> None:
        report = self.report
        untagged = Endpoint(self.emulator, "untagged", {"team": "a"})
        report.same("an untagged one", self.ask(state_change(untagged)).get("reason"), "not-managed")
        report.same("nothing is made for it", untagged.everything(), NOTHING)
        real_time = Endpoint(self.emulator, "real-time", settings(enabled="true"), is_async=False)
        answer = self.ask(state_change(real_time))
        report.same("a tagged one that isn't asynchronous", answer.get("reason"), "not-async")
        answer = self.ask({"action": "apply", "endpoint": "nobody"})
        report.same("one that isn't there", answer.get("reason"), "not-found")


def alarm_name(endpoint: Endpoint, kind: str) -> str:
    return f"scale-to-zero/{endpoint.name}/AllTraffic/{kind}"
