"""What AWS should answer about an endpoint that the function has configured, field by field, and what it
does answer.

The design rests on these facts; some AWS documents, and some nobody does. Only reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from local.runtime import FunctionError
from tools.verify.rows import (
    ALWAYS_SENT,
    ANSWERS,
    API_ENDPOINT,
    API_POLICY,
    ARRIVAL,
    AUTOSCALE,
    EVENTS,
    FIXED,
    MINUTES,
    MISSING_DATA,
    MONITOR,
    PREREQUISITES,
    REPORTED,
    STANDING,
    TARGET_TRACKING,
    UNDOCUMENTED,
    WRITTEN,
    Json,
    Row,
    Subject,
    equal,
    mask,
    row,
)
from tools.verify.self_checks import self_checks

SERVICE_LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
BACKLOG, WAKE = "scale-to-zero-backlog", "scale-to-zero-wake"
SPARE, IDLE = "scale-to-zero-spare", "scale-to-zero-idle"
# The alarms of ours, each with the policy that it drives.
DRIVES = {"wake": WAKE, "ladder": WAKE, "spare": SPARE, "idle": IDLE}
ACTIONS = ("scale-to-zero-warm-start", "scale-to-zero-warm-end")


_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# What an alarm says of itself, beside what was put.
_ALARM_STATUS = {
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "EvaluationState",
    "StateReason",
    "StateReasonData",
    "StateTransitionedTimestamp",
    "StateUpdatedTimestamp",
    "StateValue",
}

# How many of those minutes must have a datapoint for it to come "once a minute".
_ENOUGH = 12


def check(subject: Subject) -> tuple[list[Row], list[str]]:
    """All rows, and what could not be read."""
    rows: list[Row] = []
    unread: list[str] = []
    for section in SECTIONS:
        try:
            rows.extend(section(subject))
        except (ClientError, BotoCoreError) as error:
            what = section.__name__.replace("_", " ")
            rows.append(row(what, "all of it", "an answer", str(error), None, ANSWERS))
            unread.append(f"{what}: {mask(str(error))}")
    return rows, unread


def _as_written(about: str, change: Json | None, key: str, found: Json, member: str) -> Row:
    """A field against what `apply` wrote; where it wrote nothing, the empty plan vouches for it."""
    value = found.get(member)
    if change is None:
        return row(about, member, "as the tags say", value, value is not None, STANDING)
    return equal(about, member, change.get(key), value, WRITTEN)


# What the function answered.


def answers(subject: Subject) -> Iterator[Row]:
    """`plan` shows what `apply` does, and leaves nothing to do."""
    about = "the function's answers"
    outcome = {"planned": "configured", "unchanged": "unchanged"}[subject.plan["outcome"]]
    yield equal(about, "outcome of apply", outcome, subject.apply["outcome"], ANSWERS)
    planned, applied = changes(subject.plan), changes(subject.apply)
    named = f"{len(planned)} as planned" if planned == applied else [change_name(it) for it in applied]
    yield row(
        about, "changes that apply made", f"{len(planned)} as planned", named, planned == applied, ANSWERS
    )
    left = [change_name(change) for change in changes(subject.plan_after)]
    yield equal(about, "outcome of the second plan", "unchanged", subject.plan_after["outcome"], ANSWERS)
    yield row(about, "changes in the second plan", "none", left, not left, ALWAYS_SENT)


def changes(answer: Json) -> list[Json]:
    return [change for variant in answer.get("variants", []) for change in variant["changes"]]


def change_name(change: Json) -> str:
    """Such as "put-metric-alarm scale-to-zero/demo/AllTraffic/wake"."""
    names = (change.get(key) for key in ("policyName", "scheduledActionName"))
    named = [change.get("alarmName"), *change.get("alarmNames", []), *names]
    return " ".join([change["change"], *[name for name in named if name][:1]])


# SageMaker.


def endpoint(subject: Subject) -> Iterator[Row]:
    """What SageMaker says about the endpoint and its configuration."""
    about, found = f"endpoint {subject.name}", subject.endpoint
    config = subject.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=found["EndpointConfigName"]
    )
    yield equal(about, "EndpointStatus", "InService", found["EndpointStatus"], API_ENDPOINT)
    for where, described in (("DescribeEndpoint", found), ("DescribeEndpointConfig", config)):
        there = bool(described.get("AsyncInferenceConfig"))
        seen = "there" if there else "not there"
        yield row(about, f"AsyncInferenceConfig in {where}", "there", seen, there, API_ENDPOINT)
    arn = found["EndpointArn"]
    has_capitals = subject.name != subject.name.lower()
    in_lower_case = arn.endswith(f":endpoint/{subject.name.lower()}")
    yield row(
        about,
        "EndpointArn",
        "the name in lower case",
        arn if has_capitals else f"{arn} (no capitals in the name)",
        in_lower_case if has_capitals or not in_lower_case else None,
        EVENTS,
    )
    types = {variant["VariantName"]: variant.get("InstanceType") for variant in config["ProductionVariants"]}
    for name, variant in subject.variants.items():
        kind = types.get(name)
        is_scalable = kind is not None and not kind.startswith("ml.t")
        yield row(about, f"{name}: InstanceType", "a type, not ml.t…", kind, is_scalable, PREREQUISITES)
        for member in ("CurrentInstanceCount", "DesiredInstanceCount"):
            count = variant.get(member)
            yield row(about, f"{name}: {member}", "a number", count, isinstance(count, int), API_ENDPOINT)


def tags(subject: Subject) -> Iterator[Row]:
    """The two ways to read tags: of the endpoint, and the list that a sweep goes by."""
    arn = subject.endpoint["EndpointArn"]
    own = _by_key(subject.pages("sagemaker", "list_tags", "Tags", ResourceArn=arn))

    def look() -> dict[str, str]:
        answer = subject.client("resourcegroupstaggingapi").get_resources(ResourceARNList=[arn])
        return _by_key([tag for resource in answer["ResourceTagMappingList"] for tag in resource["Tags"]])

    # The list lags behind; a tag may have been set a moment ago.
    in_list = subject.awaited(look, lambda found: found == own)
    # Values may be nobody else's business, so only the keys that differ are named.
    different = sorted({key for key, _ in own.items() ^ in_list.items()})
    about = f"tags of endpoint {subject.name}"
    yield row(about, "by ListTags", "some", f"{len(own)} tags", bool(own) or None, ANSWERS)
    shown = different or f"{len(in_list)} tags, the same"
    expected = f"{len(own)} tags, the same"
    yield row(
        about,
        "by GetResources, given a minute or two",
        expected,
        shown,
        not different,
        "docs/fleet.md",
    )


def _by_key(found: list[Json]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found}


# Application Auto Scaling.


def scalable_targets(subject: Subject) -> Iterator[Row]:
    """The registration reads back as it was sent."""
    for variant in subject.variants:
        target = subject.targets.get(variant)
        about = f"scalable target {subject.resource_id(variant)}"
        yield row(about, "there", "yes", "yes" if target else "no", target is not None, FIXED)
        if target is None:
            continue
        change = subject.written(variant, "register-scalable-target")
        yield _as_written(about, change, "minCapacity", target, "MinCapacity")
        yield _as_written(about, change, "maxCapacity", target, "MaxCapacity")
        suspended = target.get("SuspendedState", {})
        for member in ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling"):
            sent = change and change.get("suspendedState")
            key = f"{member[0].lower()}{member[1:]}Suspended"
            yield _as_written(about, sent, key, suspended, f"{member}Suspended")
        role = target.get("RoleARN", "")
        is_linked = role.endswith(f"/{SERVICE_LINKED_ROLE}")
        yield row(about, "RoleARN", f"…/{SERVICE_LINKED_ROLE}", role, is_linked, PREREQUISITES)


def scaling_policies(subject: Subject) -> Iterator[Row]:
    """The policies read back as they were sent, under an ARN of the form that alarms take for an action."""
    for variant in subject.variants:
        policies = subject.policies[variant]
        foreign = [name for name in policies if name not in (BACKLOG, *DRIVES.values())]
        about = f"scaling policies of {subject.resource_id(variant)}"
        yield row(about, "of other owners", "none", foreign, not foreign, FIXED)
        wanted = {BACKLOG} | {
            name for name in (WAKE, SPARE, IDLE) if subject.written(variant, _PUT_POLICY, name)
        }
        missing = sorted(wanted - set(policies))
        yield row(about, "missing", "none", missing, not missing, WRITTEN)
        for name in sorted(set(policies) - set(foreign)):
            yield from _policy(subject, variant, policies[name])


_PUT_POLICY = "put-scaling-policy"


def _policy(subject: Subject, variant: str, policy: Json) -> Iterator[Row]:
    name = policy["PolicyName"]
    about = f"scaling policy {name} of {subject.resource_id(variant)}"
    change = subject.written(variant, _PUT_POLICY, name)
    kind = "TargetTrackingScaling" if name == BACKLOG else "StepScaling"
    yield equal(about, "PolicyType", kind, policy["PolicyType"], FIXED)
    found = policy.get(f"{kind}PolicyConfiguration", {})
    if name == BACKLOG:
        yield from _tracking(subject, about, change, found)
    else:
        yield from _step(about, name, change, found)
    _, partition, _, region, account, _ = subject.endpoint["EndpointArn"].split(":", 5)
    resource = f"resource/sagemaker/{subject.resource_id(variant)}:policyName/{name}"
    start = re.escape(f"arn:{partition}:autoscaling:{region}:{account}:scalingPolicy:")
    form = re.compile(start + _UUID + re.escape(f":{resource}"))
    expected = f"arn:…:scalingPolicy:<uuid>:resource/sagemaker/…:policyName/{name}"
    is_form = form.fullmatch(policy["PolicyARN"]) is not None
    yield row(about, "PolicyARN", expected, policy["PolicyARN"], is_form, API_POLICY)


def _tracking(subject: Subject, about: str, change: Json | None, found: Json) -> Iterator[Row]:
    metric = {
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Namespace": "AWS/SageMaker",
        "Dimensions": subject.dimensions,
        "Statistic": "Average",
    }
    followed = found.get("CustomizedMetricSpecification", {})
    yield from _fields(about, metric, followed, FIXED)
    yield _as_written(about, change, "targetValue", found, "TargetValue")
    yield _as_written(about, change, "scaleInCooldown", found, "ScaleInCooldown")
    yield _as_written(about, change, "scaleOutCooldown", found, "ScaleOutCooldown")
    yield _as_written(about, change, "disableScaleIn", found, "DisableScaleIn")
    sent = {"TargetValue", "ScaleInCooldown", "ScaleOutCooldown", "DisableScaleIn"}
    beyond = (set(found) - sent - {"CustomizedMetricSpecification"}) | (set(followed) - set(metric))
    yield row(about, "fields that AWS filled in", "none", sorted(beyond), not beyond, ALWAYS_SENT)


def _step(about: str, name: str, change: Json | None, found: Json) -> Iterator[Row]:
    bound, adjustment, cooldown, aggregation = {
        WAKE: ("MetricIntervalLowerBound", "ChangeInCapacity", 180, "Maximum"),
        SPARE: ("MetricIntervalLowerBound", "ExactCapacity", 60, "Average"),
        IDLE: ("MetricIntervalUpperBound", "ExactCapacity", 60, "Average"),
    }[name]
    fixed = {"AdjustmentType": adjustment, "Cooldown": cooldown, "MetricAggregationType": aggregation}
    yield from _fields(about, fixed, found, FIXED)
    steps = found.get("StepAdjustments", [])
    if change is not None and "stepAdjustments" in change:
        read = [{f"{key[0].lower()}{key[1:]}": value for key, value in step.items()} for step in steps]
        yield equal(about, "StepAdjustments", change["stepAdjustments"], read, WRITTEN)
    elif len(steps) == 1 or name != WAKE:
        yield equal(about, "StepAdjustments", 1, len(steps), FIXED)
        for step in steps[:1]:
            yield _as_written(about, change, "scalingAdjustment", step, "ScalingAdjustment")
            bounds = {member: value for member, value in step.items() if member != "ScalingAdjustment"}
            yield equal(about, "bounds of the step", {bound: 0.0}, bounds, ALWAYS_SENT)
    beyond = set(found) - {*fixed, "StepAdjustments"}
    yield row(about, "fields that AWS filled in", "none", sorted(beyond), not beyond, ALWAYS_SENT)


def _fields(about: str, expected: Json, found: Json, source: str) -> Iterator[Row]:
    for member, value in expected.items():
        yield equal(about, member, value, found.get(member), source)


def scheduled_actions(subject: Subject) -> Iterator[Row]:
    """Only ours, and as they were sent."""
    for variant in subject.variants:
        about = f"scheduled actions of {subject.resource_id(variant)}"
        found = subject.actions[variant]
        foreign = [name for name in found if not name.startswith(ACTIONS)]
        yield row(about, "of other owners", "none", foreign, not foreign, FIXED)
        for name in sorted(set(found) - set(foreign)):
            action = found[name]
            change = subject.written(variant, "put-scheduled-action", name)
            flat = {**action, **action.get("ScalableTargetAction", {})}
            for member in ("Schedule", "Timezone", "MinCapacity", "MaxCapacity"):
                key = f"{member[0].lower()}{member[1:]}"
                if (member in flat) if change is None else (key in change):
                    yield _as_written(f"scheduled action {name}", change, key, flat, member)


# CloudWatch's alarms.


def own_alarms(subject: Subject) -> Iterator[Row]:
    """Each alarm reads back as it was sent, drives its policy, and AWS lists it with that policy."""
    alarms = subject.own_alarms()
    for variant in subject.variants:
        for kind, policy in DRIVES.items():
            name = f"scale-to-zero/{subject.name}/{variant}/{kind}"
            driven = subject.policies[variant].get(policy)
            # Only an endpoint that climbs has a ladder.
            if name not in alarms and (driven is None or kind == "ladder"):
                continue
            about = f"alarm {name}"
            is_there = name in alarms
            yield row(about, "there", "yes", "yes" if is_there else "no", is_there, FIXED)
            if is_there:
                yield from _own_alarm(subject, variant, alarms[name], driven)


def _own_alarm(subject: Subject, variant: str, alarm: Json, policy: Json | None) -> Iterator[Row]:
    name = alarm["AlarmName"]
    about, kind = f"alarm {name}", name.rpartition("/")[2]
    change = subject.written(variant, "put-metric-alarm", name)
    comparison, threshold, missing = {
        "wake": ("GreaterThanThreshold", 0.0, "notBreaching"),
        "ladder": ("GreaterThanThreshold", 0.0, "notBreaching"),
        "spare": ("GreaterThanOrEqualToThreshold", 1.0, "missing"),
        "idle": ("LessThanThreshold", 1.0, "missing"),
    }[kind]
    fixed = {
        "ActionsEnabled": True,
        "Threshold": threshold,
        "ComparisonOperator": comparison,
        "TreatMissingData": missing,
    }
    if kind == "wake":
        fixed |= {
            "Namespace": "AWS/SageMaker",
            "MetricName": "HasBacklogWithoutCapacity",
            "Dimensions": subject.dimensions,
            "Statistic": "Average",
            "Period": 60,
        }
    yield from _fields(about, fixed, alarm, FIXED)
    if kind != "wake":
        yield from _math(about, change, alarm.get("Metrics", []))
    actions, arn = alarm.get("AlarmActions", []), (policy or {}).get("PolicyARN")
    # What others have hung on the alarm stays there.
    expected = f"the PolicyARN of {DRIVES[kind]}, beside any of yours"
    yield row(about, "AlarmActions", expected, actions, arn in actions, FIXED)
    for member in ("EvaluationPeriods", "DatapointsToAlarm"):
        yield _as_written(about, change, f"{member[0].lower()}{member[1:]}", alarm, member)
    sent = {"AlarmName", "AlarmDescription", "AlarmActions", "EvaluationPeriods", "DatapointsToAlarm", *fixed}
    sent |= {"OKActions", "InsufficientDataActions"} | (set() if kind == "wake" else {"Metrics"})
    beyond = {member for member, value in alarm.items() if value != []} - sent - _ALARM_STATUS
    yield row(about, "fields that AWS filled in", "none", sorted(beyond), not beyond, ALWAYS_SENT)
    attached = [it["AlarmName"] for it in (policy or {}).get("Alarms", [])]
    driving = [
        alarm_name
        for alarm_name in subject.own_alarms()
        if alarm_name.startswith(f"scale-to-zero/{subject.name}/{variant}/")
        and DRIVES.get(alarm_name.rpartition("/")[2]) == DRIVES[kind]
    ]
    yield equal(about, "named in its policy's Alarms", sorted(driving), sorted(attached), API_POLICY)
    if kind == "wake":
        yield _wake_state(subject, about, name, alarm)


def _math(about: str, change: Json | None, queries: list[Json]) -> Iterator[Row]:
    """An expression over metrics reads back as it was sent, and is the one result."""
    results = [query for query in queries if query.get("ReturnData", True)]
    yield equal(about, "Metrics that are the result", 1, len(results), FIXED)
    for query in results:
        yield _as_written(about, change, "expression", query, "Expression")
    metrics = [
        {
            "id": query["Id"],
            "namespace": query["MetricStat"]["Metric"].get("Namespace"),
            "metricName": query["MetricStat"]["Metric"].get("MetricName"),
            "statistic": query["MetricStat"].get("Stat"),
            "period": query["MetricStat"].get("Period"),
        }
        for query in queries
        if "MetricStat" in query
    ]
    yield _as_written(about, change, "metrics", {"Metrics": metrics}, "Metrics")


def _wake_state(subject: Subject, about: str, name: str, alarm: Json) -> Row:
    """An alarm begins with INSUFFICIENT_DATA; within a minute or two CloudWatch has looked at the metric."""
    alarm = subject.awaited(
        lambda: subject.alarms(AlarmNames=[name]).get(name, alarm),
        lambda found: found["StateValue"] != "INSUFFICIENT_DATA",
    )
    state = alarm["StateValue"]
    is_new = subject.now() - alarm["AlarmConfigurationUpdatedTimestamp"] < timedelta(minutes=1)
    holds = True if state in ("OK", "ALARM") else None if is_new else False
    expected = "OK, or ALARM while a request waits at zero"
    return row(about, "StateValue, given a minute or two", expected, state, holds, MISSING_DATA)


def alarms_of_target_tracking(subject: Subject) -> Iterator[Row]:
    """AWS makes them; how long the endpoint takes to sleep is their doing."""
    for variant in subject.variants:
        policy = subject.policies[variant].get(BACKLOG)
        if policy is None:
            continue
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        listed = [alarm["AlarmName"] for alarm in policy.get("Alarms", [])]
        resource = subject.resource_id(variant)
        alarms = subject.alarms(AlarmNames=listed) if listed else {}
        sides = {
            "High": ("GreaterThanThreshold", 3, tracking["TargetValue"]),
            "Low": ("LessThanThreshold", 15, tracking["TargetValue"] * 0.9),
        }
        for side, expected in sides.items():
            form = re.compile(re.escape(f"TargetTracking-{resource}-Alarm{side}-") + _UUID)
            found = [name for name in listed if form.fullmatch(name)]
            about = f"alarm of target tracking on {resource}: Alarm{side}"
            # Nobody says whether an alarm is made that would have nothing to do.
            may_lack = side == "Low" and tracking.get("DisableScaleIn", False)
            is_one = len(found) == 1 or (may_lack and not found)
            wanted = f"TargetTracking-…-Alarm{side}-<uuid>" + (", or none" if may_lack else "")
            yield row(about, "AlarmName in Alarms", wanted, found, is_one, REPORTED)
            for name in found:
                yield from _tracking_alarm(subject, about, alarms.get(name), *expected)
        known = [name for name in listed if re.search(f"-Alarm(High|Low)-{_UUID}$", name)]
        others = sorted(set(listed) - set(known))
        yield row(
            f"scaling policy {BACKLOG} of {resource}", "other Alarms", "none", others, not others, REPORTED
        )


def _tracking_alarm(
    subject: Subject, about: str, alarm: Json | None, comparison: str, periods: int, threshold: float
) -> Iterator[Row]:
    yield row(about, "by DescribeAlarms", "there", "there" if alarm else "not there", bool(alarm), API_POLICY)
    if alarm is None:
        return
    fields = {
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Dimensions": subject.dimensions,
        "Statistic": "Average",
        "ComparisonOperator": comparison,
        "Period": 60,
        "EvaluationPeriods": periods,
    }
    yield from _fields(about, fields, alarm, REPORTED)
    found = alarm.get("Threshold")
    is_near = found is not None and math.isclose(found, threshold)
    yield row(about, "Threshold", float(threshold), found, is_near, REPORTED)
    missing = alarm.get("TreatMissingData", "missing")
    yield equal(about, "TreatMissingData", "missing", missing, TARGET_TRACKING)
    age = subject.now() - alarm["AlarmConfigurationUpdatedTimestamp"]
    is_known = alarm["StateValue"] != "INSUFFICIENT_DATA"
    # An alarm has no state before it has its datapoints, and none that counts while no instance runs.
    is_due = age > timedelta(minutes=periods + 5) and _instances(subject) > 0
    holds = True if is_known else False if is_due else None
    yield row(about, "StateValue", "OK or ALARM", alarm["StateValue"], holds, TARGET_TRACKING)


def _instances(subject: Subject) -> int:
    return sum(variant.get("CurrentInstanceCount", 0) for variant in subject.variants.values())


# CloudWatch's metrics.


def metrics(subject: Subject) -> Iterator[Row]:
    """That they exist, under the one dimension that policies and alarms name, and come once a minute."""
    for metric in (
        "HasBacklogWithoutCapacity",
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "ApproximateAgeOfOldestRequest",
    ):
        about = f"metric {metric}"
        listed = subject.pages(
            "cloudwatch",
            "list_metrics",
            "Metrics",
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=subject.dimensions,
        )
        under = [[dimension["Name"] for dimension in it["Dimensions"]] for it in listed]
        shown = sorted({" and ".join(names) for names in under}) or "not listed: no data in two weeks"
        holds = ["EndpointName"] in under if under else None
        yield row(about, "listed under", "EndpointName", shown, holds, MONITOR)
        points = _datapoints(subject, metric)
        if metric == "HasBacklogWithoutCapacity":
            values = sorted({point[side] for point in points for side in ("Minimum", "Maximum")})
            fits = set(values) <= {0.0, 1.0} if values else None
            yield row(about, "values", "0 or 1", values or "no data now", fits, MONITOR)
        else:
            yield _once_a_minute(subject, about, metric, len(points))


def _datapoints(subject: Subject, metric: str) -> list[Json]:
    end = subject.now().replace(second=0, microsecond=0) - timedelta(minutes=ARRIVAL)
    answer = subject.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=subject.dimensions,
        StartTime=end - timedelta(minutes=MINUTES),
        EndTime=end,
        Period=60,
        Statistics=["Minimum", "Maximum"],
    )
    return answer["Datapoints"]


def _once_a_minute(subject: Subject, about: str, metric: str, points: int) -> Row:
    running = _instances(subject)
    what = f"datapoints in {MINUTES} minutes with {running} instances"
    found = f"{points}"
    if not subject.settled_for(MINUTES + ARRIVAL):
        found += ", but the endpoint has changed in them"
        return row(about, what, f"at least {_ENOUGH}", found, None, MONITOR)
    if running == 0 and metric != "ApproximateBacklogSize":
        # Nothing rests on them: that is what the plain wake alarm is for.
        return row(about, what, "any number", found, True, UNDOCUMENTED)
    return row(about, what, f"at least {_ENOUGH}", found, points >= _ENOUGH, MONITOR)


# What `explain` says.


def explanation(subject: Subject) -> Iterator[Row]:
    """It tells what AWS tells."""
    about, answer = "the function's explanation", subject.explain
    if isinstance(answer, FunctionError):
        # A function that was deployed before there was the action refuses it.
        is_old = answer.error_type == "InvalidPayload"
        found = "a function that does not know the action yet" if is_old else str(answer)
        yield row(about, "outcome", "explained", found, None if is_old else False, ANSWERS)
        return
    yield equal(about, "outcome", "explained", answer.get("outcome"), ANSWERS)
    findings = answer.get("findings", [])
    are_whole = all({"code", "about", "sentence"} <= set(finding) for finding in findings)
    yield row(about, "findings", "any", [it.get("code") for it in findings], are_whole, ANSWERS)
    unreadable = [it.get("sentence") for it in findings if it.get("code") == "unreadable"]
    yield row(about, "what it could not read", "nothing", unreadable or None, not unreadable, ANSWERS)
    told = answer.get("found", {})
    yield equal(about, "status", subject.endpoint["EndpointStatus"], told.get("status"), ANSWERS)
    yield equal(about, "async", True, told.get("async"), ANSWERS)
    yield equal(about, "managed", True, told.get("managed"), ANSWERS)
    alarms = subject.own_alarms()
    by_variant = {variant.get("variant"): variant for variant in told.get("variants", [])}
    for name, variant in subject.variants.items():
        own, target = by_variant.get(name, {}), subject.targets.get(name, {})
        expected = {
            "currentInstances": variant.get("CurrentInstanceCount"),
            "desiredInstances": variant.get("DesiredInstanceCount"),
            "minCapacity": target.get("MinCapacity"),
            "maxCapacity": target.get("MaxCapacity"),
        }
        for key, value in expected.items():
            yield equal(about, f"{name}: {key}", value, own.get(key), ANSWERS)
        policies = sorted(own.get("policies", []))
        yield equal(about, f"{name}: policies", sorted(subject.policies[name]), policies, ANSWERS)
        mentioned = {alarm.get("alarmName") for alarm in own.get("alarms", [])}
        ours = [alarm for alarm in alarms if alarm.startswith(f"scale-to-zero/{subject.name}/{name}/")]
        missing = [alarm for alarm in ours if alarm not in mentioned]
        yield row(about, f"{name}: alarms not mentioned", "none", missing, not missing, ANSWERS)
        pending = own.get("pendingChanges", [])
        yield row(about, f"{name}: pendingChanges", "none", pending, not pending, ANSWERS)


def out_of_reach(subject: Subject) -> Iterator[Row]:
    """What leaves no trace that could be read, or shows only once somebody does something."""
    about = "not to be seen from here"
    yield row(
        about,
        "a changed tag reaches the function by aws.tag",
        "within seconds",
        "set a tag and look whether `make logs` names the endpoint before the next sweep",
        None,
        UNDOCUMENTED,
    )
    yield row(
        about,
        "the first request at zero instances wakes the endpoint",
        "the ladder alarm in 1 to 2 minutes, the wake alarm behind it in 2 to 3",
        "invoke the endpoint when it has no instance, and look at the history of these alarms",
        None,
        AUTOSCALE,
    )
    yield row(
        about,
        "scaling in spares an instance that works on a long request",
        "while the backlog counts it",
        "keep one long request running for longer than the idle time",
        None,
        MONITOR,
    )


SECTIONS: tuple[Callable[[Subject], Iterator[Row]], ...] = (
    answers,
    endpoint,
    tags,
    scalable_targets,
    scaling_policies,
    own_alarms,
    alarms_of_target_tracking,
    scheduled_actions,
    explanation,
    metrics,
    self_checks,
    out_of_reach,
)
