"""The fleet: what a sweep finds, does itself or hands to its queue, and what is left when it is cut short."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from fleet import (
    BAD,
    OPTED_OUT,
    PLAN,
    REMOVE,
    SWEEP,
    Killing,
    create_configured,
    create_fleet,
    delete_at_once,
    fleet,
    names_held,
    names_of_all,
    put_orphan_alarm,
    results,
    states,
    stranded,
    sweep,
)
from support import (
    DEREGISTERED,
    ENABLED,
    NOTHING,
    PREFIX,
    REMOVAL_MARK,
    STATUS_TAG,
    VARIANT,
    Json,
    answer,
    answer_of,
    apply,
    autoscaling,
    backlog_policy,
    capacity,
    configuring,
    delete_alarms,
    executable,
    failure,
    put_foreign_tracking,
    remove,
    resource_id,
    scaling,
    state_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.queue import MAX_RECEIVE_COUNT, WorkQueue
from local.runtime import Function, FunctionDied

PROBLEM: Json = {
    "endpoint": "bad",
    "outcome": "invalid",
    "problems": [
        {
            "tag": f"{PREFIX}max-capacity",
            "value": "lots",
            "problem": "must be an integer from 1 to 100 (the CAPACITY_LIMIT of the deployment)",
        }
    ],
}


@pytest.fixture
def queue(aws: LocalAws) -> WorkQueue:
    return WorkQueue(aws)


@pytest.fixture(scope="module")
def queueing(local_aws: LocalAws) -> Iterator[Function]:
    """With the work queue, whose URL is the same in every test."""
    with executable(local_aws, _with_queue(local_aws)) as function:
        yield function
        assert function.stray_output == []


def _with_queue(aws: LocalAws) -> dict[str, str]:
    return {"WORK_QUEUE_URL": WorkQueue(aws).url}


@pytest.fixture(params=["alone", "with a queue"])
def sweeper(
    request: pytest.FixtureRequest, aws: LocalAws, function: Function, queueing: Function
) -> tuple[Function, WorkQueue | None]:
    """A function and its queue, if it has one."""
    return (function, None) if request.param == "alone" else (queueing, WorkQueue(aws))


def carriers_of_the_status_tag(aws: LocalAws) -> dict[str, str]:
    return {
        name: tag["Value"]
        for name, endpoint in aws.account().sagemaker.endpoints.items()
        for tag in endpoint.tags
        if tag["Key"] == STATUS_TAG
    }


def calls(aws: LocalAws) -> Counter[str]:
    return Counter(call.operation for call in aws.calls)


# The whole fleet, from the first sweep to the removal.


@pytest.mark.full
def test_a_thousand_endpoints_are_set_up_kept_at_little_cost_and_left_without_a_trace(
    aws: LocalAws, start_function: Callable[..., Function], queue: WorkQueue
) -> None:
    functions = [start_function(WORK_QUEUE_URL=queue.url) for _ in range(2)]
    managed = create_fleet(aws, 1000)
    untouched = sorted(aws.account().sagemaker.endpoints.keys() - {*managed, "bare", "bad"})
    before = states(aws, untouched[:5])

    first = functions[0].invoke(SWEEP)
    queue.drain(*functions)

    assert queue.dead_letters == []
    assert first["counts"] == {"planned": 501, "removed": 2, "invalid": 1, "skipped": 500}
    assert (first["endpoints"], first["queued"]) == (1004, 502)
    status = (
        f"invalid: {PREFIX}max-capacity must be an integer from 1 to 100 the CAPACITY_LIMIT of the deployment"
    )
    assert results(first)["bad"] == {**PROBLEM, "statusTag": status}
    assert carriers_of_the_status_tag(aws) == {"bad": status}
    assert names_held(aws) == names_of_all(managed)
    assert states(aws, managed[::50]) == {name: scaling(name) for name in managed[::50]}
    assert states(aws, untouched[:5]) == before

    aws.clear_calls()
    second = functions[0].invoke(SWEEP)

    assert second == {
        "outcome": "swept",
        "endpoints": 1002,
        "counts": {"unchanged": 500, "invalid": 1, "skipped": 501},
        "results": [PROBLEM],
    }
    assert written(aws) == []
    # The lists at their largest pages: of policies ten, of all else a hundred. And one look at each endpoint.
    assert calls(aws) == {
        "ListEndpoints": 11,
        "GetResources": 11,
        "DescribeScalableTargets": 10,
        "DescribeScalingPolicies": 200,
        "DescribeScheduledActions": 1,
        "DescribeAlarms": 20,
        "DescribeEndpoint": len([*managed, "bad"]),
    }

    functions[0].invoke(REMOVE)
    queue.drain(*functions)

    assert queue.dead_letters == []
    assert names_held(aws) == set()
    assert carriers_of_the_status_tag(aws) == {}


@pytest.mark.parametrize(
    ("managed", "others", "cold", "warm"),
    [
        pytest.param(100, 0, 2.5, 1.5, id="all managed"),
        pytest.param(50, 50, 1.26, 0.76, id="every second one managed"),
    ],
)
def test_a_sweep_that_finds_nothing_to_do_takes_so_many_calls_an_endpoint(
    aws: LocalAws,
    start_function: Callable[..., Function],
    managed: int,
    others: int,
    cold: float,
    warm: float,
) -> None:
    """Policies come ten to a page and are four an endpoint: 0.4. A warm process remembers configurations."""
    for number in range(managed):
        create_configured(aws, f"managed-{number:03}")
    for number in range(others):
        aws.create_endpoint(f"other-{number:03}")
    # Configurations are as many as endpoints, as where each is deployed by itself.
    names = {endpoint.endpoint_config_name for endpoint in aws.account().sagemaker.endpoints.values()}
    assert len(names) == managed + others
    function = start_function()
    found = []
    for _ in range(2):
        aws.clear_calls()
        answered = function.invoke(SWEEP)
        assert answered["counts"].get("unchanged") == managed, answered
        found.append(len(aws.calls) / (managed + others))
    assert written(aws) == []
    assert found[0] <= cold, calls(aws)
    assert found[1] <= warm, calls(aws)


@pytest.mark.full
@pytest.mark.parametrize("page_size", range(1, 8))
def test_the_life_of_a_fleet_is_the_same_with_pages_of_any_size(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], page_size: int
) -> None:
    function, queue = sweeper
    managed = create_fleet(aws, 12)
    aws.page_size = page_size

    planned = function.invoke(PLAN)
    assert planned["counts"] == {"planned": 9, "invalid": 1, "skipped": 6}
    first = sweep(function, queue)
    outcomes = {"planned": 7, "removed": 2} if queue else {"configured": 6, "removed": 3}
    assert first["counts"] == {**outcomes, "invalid": 1, "skipped": 6}
    assert results(first).keys() == {*managed, "orphan", "ghost", "bare", "bad"}
    assert names_held(aws) == names_of_all(managed)
    assert states(aws, managed) == {name: scaling(name) for name in managed}

    aws.clear_calls()
    assert sweep(function, queue)["counts"] == {"unchanged": 6, "invalid": 1, "skipped": 7}
    assert written(aws) == []

    fleet(function, REMOVE, queue)
    assert names_held(aws) == set()


def test_an_account_without_endpoints_is_swept_too(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, _ = sweeper
    assert function.invoke(SWEEP) == {"outcome": "swept", "endpoints": 0, "counts": {}, "results": []}
    assert written(aws) == []


# What is found, endpoint by endpoint.


def create_mixed(aws: LocalAws) -> list[str]:
    """One endpoint of every kind; answers their names."""
    aws.create_endpoint("new", tags=ENABLED)
    aws.create_endpoint("new-at-zero", tags=ENABLED, instances=0)
    aws.create_endpoint("new-with-two", tags=ENABLED, variants=["Blue", "Green"])
    for name in ("kept", "retagged", "drifted", "opted-out", "opted-out-at-zero", "bare", "orphan"):
        create_configured(aws, name)
    aws.retag("retagged", tags(max_capacity="3"))
    autoscaling(aws, "delete_scaling_policy", resource_id("drifted"), PolicyName="scale-to-zero-backlog")
    aws.retag("opted-out", OPTED_OUT)
    aws.retag("opted-out-at-zero", OPTED_OUT)
    aws.set_instances("opted-out-at-zero", 0)
    aws.untag("bare", [*ENABLED])
    delete_at_once(aws, "orphan")
    put_orphan_alarm(aws, "ghost")
    aws.create_endpoint("bad", tags=BAD)
    aws.create_endpoint("theirs", tags=ENABLED)
    aws.create_endpoint("theirs-untagged")
    for name in ("theirs", "theirs-untagged"):
        autoscaling(aws, "register_scalable_target", resource_id(name), MinCapacity=1, MaxCapacity=3)
        put_foreign_tracking(aws, resource=resource_id(name))
    aws.create_endpoint("real-time", tags=ENABLED, asynchronous=False)
    aws.create_endpoint("serverless", tags=ENABLED, serverless=True)
    aws.create_endpoint("burstable", tags=ENABLED, instance_type="ml.t3.medium")
    aws.create_endpoint("untagged")
    return [*aws.account().sagemaker.endpoints, "orphan", "ghost"]


THEIR_TARGET = {VARIANT: capacity(1, 3)}
THEIR_POLICY = {"policies": {VARIANT: {"theirs": backlog_policy(target=9.0)}}}

# What stands in the end around the endpoints of a mixed fleet that have anything.
MIXED_END: dict[str, Json] = {
    "new": scaling("new"),
    "new-at-zero": scaling("new-at-zero"),
    "new-with-two": scaling("new-with-two", ["Blue", "Green"]),
    "kept": scaling("kept"),
    "retagged": scaling("retagged", target=capacity(0, 3)),
    "drifted": scaling("drifted"),
    "theirs": {**NOTHING, "targets": THEIR_TARGET, "foreign": THEIR_POLICY},
    "theirs-untagged": {**NOTHING, "targets": THEIR_TARGET, "foreign": THEIR_POLICY},
}


def end_of(names: list[str]) -> dict[str, Json]:
    return {name: MIXED_END.get(name, NOTHING) for name in names}


MIXED_OUTCOMES = {
    **dict.fromkeys(["new", "new-at-zero", "new-with-two", "retagged", "drifted"], "configured"),
    **dict.fromkeys(["opted-out", "bare", "orphan", "ghost"], "removed"),
    "opted-out-at-zero": "removing",
    "bad": "invalid",
    "theirs": "conflict",
}


def test_a_sweep_treats_each_endpoint_as_its_own_event_would(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, queue = sweeper
    names = create_mixed(aws)

    found = sweep(function, queue)

    if queue:
        done_at_once = {"orphan", "ghost", "bad", "theirs"}
        want = {name: it if name in done_at_once else "planned" for name, it in MIXED_OUTCOMES.items()}
    else:
        want = MIXED_OUTCOMES
    assert {name: result["outcome"] for name, result in results(found).items()} == want
    assert found["endpoints"] == len(names)
    assert found["counts"] == Counter(want.values()) + Counter(unchanged=1, skipped=5)
    assert stranded(aws) == []

    aws.settle()
    sweep(function, queue)
    assert states(aws, names) == end_of(names)
    aws.clear_calls()
    sweep(function, queue)
    assert written(aws) == []


def test_the_plan_of_a_fleet_is_what_a_sweep_then_does(aws: LocalAws, function: Function) -> None:
    names = create_mixed(aws)
    before = states(aws, names)
    aws.clear_calls()

    planned = function.invoke(PLAN)

    assert written(aws) == []
    assert states(aws, names) == before
    done = function.invoke(SWEEP)
    acting = ("configured", "removed", "removing")
    expected = {
        name: result | {"outcome": "planned"} if result["outcome"] in acting else result
        for name, result in results(done).items()
    }
    assert results(planned) == expected
    assert planned["outcome"] == done["outcome"] == "swept"
    assert planned["endpoints"] == done["endpoints"]
    assert planned["counts"] == {"planned": 10, "invalid": 1, "conflict": 1, "unchanged": 1, "skipped": 5}
    assert results(done)["new"] == answer("configured", *configuring("new"), endpoint="new")
    assert results(done)["new-with-two"] == answer_of(
        "configured",
        {variant: configuring("new-with-two", variant) for variant in ("Blue", "Green")},
        endpoint="new-with-two",
    )
    assert results(done)["orphan"] == answer(
        "removed", DEREGISTERED, delete_alarms(endpoint="orphan"), endpoint="orphan"
    )
    assert results(done)["ghost"] == answer(
        "removed", delete_alarms("wake", endpoint="ghost"), endpoint="ghost"
    )


def test_a_plan_with_a_queue_hands_nothing_over(
    aws: LocalAws, function: Function, queueing: Function, queue: WorkQueue
) -> None:
    create_mixed(aws)
    alone = function.invoke(PLAN)
    aws.clear_calls()

    planned = queueing.invoke(PLAN)

    assert results(planned) == results(alone)
    assert {**planned, "results": []} == {**alone, "results": []}
    assert written(aws) == []
    assert queue.bodies == []


def test_a_sweep_with_a_queue_writes_only_for_endpoints_that_are_gone(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    create_mixed(aws)
    aws.clear_calls()

    queueing.invoke(SWEEP)

    assert calls(aws)["SendMessageBatch"] == 1
    assert sorted(written(aws)) == ["DeleteAlarms", "DeregisterScalableTarget", "SendMessageBatch"]
    handed_over = [name for name in MIXED_OUTCOMES if name not in ("orphan", "ghost")]
    assert sorted(body["endpoint"] for body in queue.bodies) == sorted(handed_over)
    assert {body["action"] for body in queue.bodies} == {"reconcile"}


@pytest.mark.full
def test_removing_a_fleet_leaves_nothing_of_ours_and_all_of_others(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, queue = sweeper
    names = create_mixed(aws)
    sweep(function, queue)
    aws.settle()
    aws.set_instances("kept", 0)

    fleet(function, REMOVE, queue)
    assert stranded(aws) == []
    kept = aws.state("kept")
    assert (kept["targets"], kept["actions"]) == ({VARIANT: capacity(1)}, {VARIANT: REMOVAL_MARK})
    aws.settle()
    fleet(function, REMOVE, queue)

    their_own = {name: MIXED_END[name] for name in ("theirs", "theirs-untagged")}
    assert states(aws, names) == {**dict.fromkeys(names, NOTHING), **their_own}
    aws.clear_calls()
    fleet(function, REMOVE, queue)
    assert written(aws) == []


@pytest.mark.full
def test_alarms_of_endpoints_that_are_gone_are_deleted_a_hundred_at_a_time(
    aws: LocalAws, function: Function
) -> None:
    for number in range(250):
        put_orphan_alarm(aws, f"ghost-{number}")

    assert function.invoke(SWEEP)["counts"] == {"removed": 250}

    assert names_held(aws) == set()
    # Endpoints are looked at a hundred at a time too.
    assert calls(aws)["DeleteAlarms"] == 3


def test_manage_all_takes_in_untagged_endpoints_and_lets_out_those_that_opted_out(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(MANAGE="all")
    aws.create_endpoint("untagged")
    aws.create_endpoint("tagged", tags=tags(max_capacity="3"))
    aws.create_endpoint("real-time", asynchronous=False)
    aws.create_endpoint("never-in", tags=OPTED_OUT)
    create_configured(aws, "opted-out")
    aws.retag("opted-out", OPTED_OUT)

    assert function.invoke(SWEEP)["counts"] == {"configured": 2, "removed": 1, "skipped": 2}

    assert states(aws, ["untagged", "tagged", "real-time", "never-in", "opted-out"]) == {
        "untagged": scaling("untagged"),
        "tagged": scaling("tagged", target=capacity(0, 3)),
        **dict.fromkeys(["real-time", "never-in", "opted-out"], NOTHING),
    }
    aws.clear_calls()
    assert function.invoke(SWEEP)["counts"] == {"unchanged": 2, "skipped": 3}
    assert written(aws) == []


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Failed"])
def test_an_endpoint_that_is_not_in_service_is_left_for_the_next_sweep(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], status: str
) -> None:
    function, queue = sweeper
    aws.create_endpoint("new", tags=ENABLED)
    create_configured(aws, "opted-out")
    aws.retag("opted-out", OPTED_OUT)
    for name in ("new", "opted-out"):
        aws.set_status(name, status)
    aws.clear_calls()

    assert sweep(function, queue)["counts"] == {"skipped": 2}
    assert written(aws) == []

    for name in ("new", "opted-out"):
        aws.set_status(name, "InService")
    sweep(function, queue)
    assert states(aws, ["new", "opted-out"]) == {"new": scaling("new"), "opted-out": NOTHING}


def test_what_an_endpoint_under_deletion_has_goes_at_once(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, queue = sweeper
    create_configured(aws, "going")
    aws.delete_endpoint("going", deregister=False)

    sweep(function, queue)

    assert names_held(aws) == set()


@pytest.mark.parametrize("payload", [remove(), REMOVE], ids=["of one endpoint", "of the fleet"])
def test_a_sweep_finishes_a_removal_under_way(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], payload: Json
) -> None:
    function, queue = sweeper
    create_configured(aws, "demo")
    aws.set_instances("demo", 0)
    fleet(function, payload, queue)
    assert aws.state("demo") == {**scaling(target=capacity(1)), "actions": {VARIANT: REMOVAL_MARK}}

    assert sweep(function, queue)["counts"] == {"skipped": 1}
    aws.settle()
    sweep(function, queue)

    assert aws.state("demo") == NOTHING


# Lists that lag behind.


def without(member: str, key: str, *values: str) -> Callable[[Json], Json]:
    """An amendment: the list doesn't have these yet."""
    return lambda found: {**found, member: [item for item in found[member] if item[key] not in values]}


@pytest.mark.parametrize("payload", [SWEEP, PLAN], ids=["sweep", "plan"])
@pytest.mark.parametrize("list_name", ["ListEndpoints", "GetResources", "both"])
def test_an_endpoint_that_a_list_does_not_have_yet_loses_nothing(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], list_name: str, payload: Json
) -> None:
    function, queue = sweeper
    for name in ("demo", "other"):
        create_configured(aws, name)
    arn = aws.account().endpoint_arn("demo")
    amendments = {
        "ListEndpoints": without("Endpoints", "EndpointName", "demo"),
        "GetResources": without("ResourceTagMappingList", "ResourceARN", arn),
    }
    aws.amendments = {name: amend for name, amend in amendments.items() if list_name in (name, "both")}
    aws.clear_calls()

    fleet(function, payload, queue)

    assert set(written(aws)) <= {"SendMessageBatch"}
    assert states(aws, ["demo", "other"]) == {"demo": scaling("demo"), "other": scaling("other")}
    aws.amendments = {}
    assert sweep(function, queue)["counts"] == {"unchanged": 2}


@pytest.mark.parametrize(
    ("old", "now", "state"),
    [
        pytest.param(OPTED_OUT, ENABLED, scaling(), id="opted in again"),
        pytest.param(tags(max_capacity="9"), ENABLED, scaling(), id="changed back"),
        pytest.param(ENABLED, OPTED_OUT, scaling(), id="opted out"),
    ],
)
def test_tags_that_lag_behind_are_not_acted_upon(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], old: Json, now: Json, state: Json
) -> None:
    """What the old ones ask for isn't done; what the new ones ask for is, by the next sweep at the latest."""
    function, queue = sweeper
    create_configured(aws, "demo")
    aws.retag("demo", now)
    lagging = [{"Key": key, "Value": value} for key, value in old.items()]
    arn = aws.account().endpoint_arn("demo")
    aws.amendments = {
        "GetResources": lambda _: {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": lagging}]}
    }

    sweep(function, queue)
    assert aws.state("demo") == state

    aws.amendments = {}
    sweep(function, queue)
    assert aws.state("demo") == (NOTHING if now == OPTED_OUT else scaling())


def test_an_endpoint_that_lists_still_have_is_cleaned_up_after(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, queue = sweeper
    create_configured(aws, "demo")
    aws.create_endpoint("bare", tags=ENABLED)
    listed = aws.client("sagemaker").list_endpoints()["Endpoints"]
    tagged = aws.client("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
    for name in ("demo", "bare"):
        delete_at_once(aws, name)
    aws.amendments = {
        "ListEndpoints": lambda _: {"Endpoints": listed},
        "GetResources": lambda _: {"ResourceTagMappingList": tagged},
    }

    assert sweep(function, queue)["counts"].get("skipped") == 1

    assert names_held(aws) == set()


# Answers.


@pytest.mark.full
def test_an_answer_has_as_many_results_as_fit(aws: LocalAws, function: Function) -> None:
    """50 tags with values of 256 characters are the worst that an endpoint can have."""
    size = 240
    for number in range(size):
        nonsense = {f"{PREFIX}no-such-key-{key}": "x" * 256 for key in range(50)}
        aws.create_endpoint(f"bad-{number}", tags=nonsense)

    found = function.invoke(SWEEP)

    assert found["counts"] == {"invalid": size}
    assert found["leftOff"] > 0
    assert len(found["results"]) + found["leftOff"] == size
    assert len(json.dumps(found)) > 4_500_000
    # Of the status tag, for which there is no room.
    assert {(call.operation, call.status) for call in aws.writes()} == {("AddTags", 400)}


# Payloads.


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(
            {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, id="a rule's schedule"
        ),
        pytest.param(
            {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"},
            id="EventBridge Scheduler",
        ),
        pytest.param(SWEEP, id="by hand"),
        pytest.param({"action": "sweep", "after": "a"}, id="the rest"),
    ],
)
def test_every_form_of_a_sweep_sets_up_what_it_finds(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], payload: Json
) -> None:
    function, queue = sweeper
    aws.create_endpoint("demo", tags=ENABLED)

    assert fleet(function, payload, queue)["outcome"] == "swept"

    assert aws.state("demo") == scaling()


# Batches of messages.


def test_of_a_batch_just_the_bad_messages_come_back(
    aws: LocalAws, function: Function, queue: WorkQueue
) -> None:
    for name in ("one", "two", "three", "opted-out"):
        aws.create_endpoint(name, tags=ENABLED if name != "opted-out" else OPTED_OUT)
    aws.create_endpoint("bad", tags=BAD)
    sent = queue.send(
        apply("one"),
        "no JSON",
        {"action": "reconcile", "endpoint": "two"},
        {"action": "explode", "endpoint": "two"},
        state_change("three"),
    )

    queue.deliver(function)

    assert queue.answers == [
        {"batchItemFailures": [{"itemIdentifier": sent[1].id}, {"itemIdentifier": sent[3].id}]}
    ]
    assert states(aws, ["one", "two", "three"]) == {
        "one": scaling("one"),
        "two": scaling("two"),
        "three": scaling("three"),
    }
    logged = [line for line in function.last_logs if line.get("level") == "ERROR"]
    assert [line["error_type"] for line in logged] == ["InvalidPayload", "InvalidPayload"]

    queue.drain(function)
    assert queue.dead_letters == [sent[1], sent[3]]
    assert [message.receives for message in queue.dead_letters] == [MAX_RECEIVE_COUNT] * 2

    queue.send(apply("bad"), apply("opted-out"), apply("nowhere"), state_change("one", "UPDATING"))
    queue.drain(function)
    assert queue.answers[-1] == {"batchItemFailures": []}


def test_a_batch_inside_a_message_is_refused(aws: LocalAws, function: Function, queue: WorkQueue) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    nested = {"Records": [{"messageId": "1", "body": json.dumps(apply()), "eventSource": "aws:sqs"}]}
    (sent,) = queue.send(nested)

    queue.drain(function)

    assert queue.dead_letters == [sent]
    assert aws.calls == []


def test_a_batch_without_messages_is_no_failure(aws: LocalAws, function: Function) -> None:
    assert function.invoke({"Records": []}) == {"batchItemFailures": []}


def test_a_message_that_keeps_failing_ends_among_the_dead_letters(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    """And the sweep after the cause is mended makes up for it."""
    for name in ("one", "two", "three"):
        aws.create_endpoint(name, tags=ENABLED)
    aws.faults = [
        Fault("PutScalingPolicy", "access_denied", when=lambda it: it["ResourceId"] == resource_id("two"))
    ]

    assert queueing.invoke(SWEEP)["counts"] == {"planned": 3}
    queue.drain(queueing)

    assert [json.loads(message.body) for message in queue.dead_letters] == [
        {"action": "reconcile", "endpoint": "two"}
    ]
    assert states(aws, ["one", "three"]) == {"one": scaling("one"), "three": scaling("three")}
    assert stranded(aws) == []

    aws.faults, queue.dead_letters = [], []
    sweep(queueing, queue)
    assert aws.state("two") == scaling("two")


# One endpoint that fails.


@pytest.mark.parametrize(
    ("operation", "is_about"),
    [
        ("DescribeEndpoint", lambda it: it["EndpointName"] == "two"),
        ("PutScalingPolicy", lambda it: it["ResourceId"] == resource_id("two")),
    ],
)
def test_an_endpoint_that_fails_stops_no_other_and_fails_the_sweep(
    aws: LocalAws, function: Function, operation: str, is_about: Callable[[Json], bool]
) -> None:
    for name in ("one", "two", "three", "four"):
        aws.create_endpoint(name, tags=ENABLED)
    aws.create_endpoint("untagged")
    aws.faults = [Fault(operation, "access_denied", when=is_about)]

    error = failure(function, SWEEP)

    assert error.error_type == "AccessDenied"
    assert error.message.startswith(
        f"1 of 5 endpoints failed, the others are done; the first failure: {operation} for endpoint two"
    )
    assert states(aws, ["one", "three", "four"]) == {
        "one": scaling("one"),
        "three": scaling("three"),
        "four": scaling("four"),
    }
    assert stranded(aws) == []
    aws.faults = []
    assert function.invoke(SWEEP)["counts"] == {"configured": 1, "unchanged": 3, "skipped": 1}


def test_an_orphan_that_fails_stops_no_other(aws: LocalAws, function: Function) -> None:
    for name in ("one", "two"):
        create_configured(aws, name)
        delete_at_once(aws, name)
    put_orphan_alarm(aws, "ghost")
    aws.create_endpoint("new", tags=ENABLED)
    resource = resource_id("one")
    aws.faults = [
        Fault("DeregisterScalableTarget", "access_denied", when=lambda it: it["ResourceId"] == resource)
    ]

    error = failure(function, SWEEP)

    assert error.error_type == "AccessDenied"
    assert error.message.startswith("1 of 4 endpoints failed")
    assert names_held(aws) == names_of_all(["one", "new"])
    aws.faults = []
    function.invoke(SWEEP)
    assert names_held(aws) == names_of_all(["new"])


@pytest.mark.parametrize(
    "operation",
    [
        "ListEndpoints",
        "GetResources",
        "DescribeScalableTargets",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
        "DescribeAlarms",
    ],
)
def test_a_sweep_that_cannot_read_the_region_writes_nothing(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None], operation: str
) -> None:
    function, _ = sweeper
    create_mixed(aws)
    aws.faults = [Fault(operation, "access_denied")]
    aws.clear_calls()

    error = failure(function, SWEEP)

    assert error.error_type == "AccessDenied"
    assert error.message.startswith(f"{operation} for all endpoints: AccessDenied")
    assert written(aws) == []


def test_a_queue_that_is_gone_fails_the_sweep(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    aws.create_endpoint("demo", tags=ENABLED)

    error = failure(start_function(WORK_QUEUE_URL=f"{aws.url}/123456789012/no-such-queue"), SWEEP)

    assert error.error_type == "Rejected"
    assert error.message.startswith("SendMessageBatch for the work queue: ")
    assert aws.state("demo") == NOTHING


def test_a_message_that_the_queue_refuses_fails_the_sweep(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    """SQS answers a batch with success even if it took none of its messages."""
    aws.create_endpoint("demo", tags=ENABLED)
    refusal = {"Id": "0", "SenderFault": False, "Code": "InternalError", "Message": "Try again."}
    aws.amendments = {"SendMessageBatch": lambda _: {"Successful": [], "Failed": [refusal]}}

    error = failure(queueing, SWEEP)

    assert error.error_type == "AwsServerError"
    assert "InternalError: Try again." in error.message


# Too little time.


def hold(aws: LocalAws, operation: str, nth: int, until: float) -> None:
    """The nth call of the operation is served only at that time, by the monotonic clock."""

    def waits(_: Json) -> bool:
        nonlocal seen
        seen += 1
        if seen == nth:
            time.sleep(max(0.0, until - time.monotonic()))
        return False

    seen = 0
    aws.faults = [Fault(operation, "drop", when=waits)]


# Seconds. A sweep stops when less than a quarter of its time is left.
SHORT = 5.0
NEARLY_OVER = 3.8


def create_two_hundred(aws: LocalAws) -> list[str]:
    """Endpoints are looked at a hundred at a time; ten of each hundred are to be managed."""
    names = [f"endpoint-{number:03}" for number in range(200)]
    for number, name in enumerate(names):
        aws.create_endpoint(name, tags=ENABLED if number % 10 == 0 else None)
    return names[::10]


@pytest.mark.full
def test_a_sweep_that_runs_out_of_time_hands_the_rest_to_the_queue(
    aws: LocalAws, queueing: Function, queue: WorkQueue
) -> None:
    managed = create_two_hundred(aws)
    hold(aws, "SendMessageBatch", 1, time.monotonic() + NEARLY_OVER)

    found = queueing.invoke(SWEEP, SHORT)

    assert found["after"] == "endpoint-099"
    assert (found["endpoints"], found["queued"]) == (100, 10)
    assert queue.bodies[-1] == {"action": "sweep", "after": "endpoint-099"}
    queue.drain(queueing)
    assert queue.dead_letters == []
    assert names_held(aws) == names_of_all(managed)


@pytest.mark.full
def test_without_a_queue_the_answer_says_where_to_go_on(aws: LocalAws, function: Function) -> None:
    managed = create_two_hundred(aws)
    # The last write of the tenth endpoint.
    hold(aws, "PutScalingPolicy", 20, time.monotonic() + NEARLY_OVER)

    found = function.invoke(SWEEP, SHORT)

    assert found["after"] == "endpoint-099"
    assert found["counts"] == {"configured": 10, "skipped": 90}
    assert names_held(aws) == names_of_all(managed[:10])
    rest = function.invoke({"action": "sweep", "after": found["after"]})
    assert rest["counts"] == {"configured": 10, "skipped": 90}
    assert "after" not in rest
    assert names_held(aws) == names_of_all(managed)


def test_a_sweep_that_gets_no_answer_fails_before_its_time_is_over(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, _ = sweeper
    aws.create_endpoint("demo", tags=ENABLED)
    aws.faults = [Fault("DescribeScalingPolicies", "hang")]

    error = failure(function, SWEEP, deadline_seconds=1)

    assert error.error_type == "DeadlineExceeded"
    assert error.message.startswith("all endpoints: no result after ")


# A process that dies.


def kill_points(last: int, many: int) -> list[int]:
    """So many numbers of calls, evenly from the first to the last."""
    return [round(1 + (last - 1) * step / (many - 1)) for step in range(many)]


def finish(aws: LocalAws, function: Function, queue: WorkQueue | None) -> None:
    """What happens anyway after a process died: the queue goes on, updates end, the next sweeps come."""
    if queue:
        queue.drain(function)
        assert queue.dead_letters == []
    for _ in range(2):
        sweep(function, queue)
        aws.settle()


@pytest.mark.full
@pytest.mark.parametrize("where", ["sweep alone", "sweep with a queue", "queue"])
def test_wherever_the_process_is_killed_the_next_ones_reach_the_same_end(
    aws: LocalAws, function: Function, queueing: Function, where: str
) -> None:
    survivor = function if where == "sweep alone" else queueing
    environment = {} if where == "sweep alone" else _with_queue(aws)

    def run(kill_at: int | None) -> int:
        """Answers how many calls the part took in which the process may be killed."""
        aws.reset()
        queue = WorkQueue(aws) if environment else None
        names = create_mixed(aws)
        if where == "queue":
            queueing.invoke(SWEEP)
        with executable(aws, environment) as doomed:
            doomed.wait_until_ready()
            aws.clear_calls()
            if kill_at:
                aws.faults = [Killing(doomed, kill_at, is_performed=kill_at % 2 == 0)]
            try:
                if where == "queue":
                    assert queue
                    queue.drain(doomed)
                else:
                    doomed.invoke(SWEEP)
            except FunctionDied:
                assert kill_at
            taken = len(aws.calls)
        assert (aws.faults == []) == (kill_at is None)
        assert stranded(aws) == []
        aws.faults = []
        finish(aws, survivor, queue)
        assert states(aws, names) == end_of(names), f"killed at call {kill_at}"
        return taken

    for kill_at in kill_points(run(None), 9):
        run(kill_at)


# Rate limits.


@pytest.mark.full
@pytest.mark.parametrize("with_queue", [False, True], ids=["alone", "with a queue"])
def test_a_first_sweep_keeps_to_rate_limits_without_a_failed_endpoint(
    aws: LocalAws, start_function: Callable[..., Function], queue: WorkQueue, with_queue: bool
) -> None:
    functions = [
        start_function(DIVIDE_WAITS_BY="1", **({"WORK_QUEUE_URL": queue.url} if with_queue else {}))
        for _ in range(2 if with_queue else 1)
    ]
    names = [f"endpoint-{number:03}" for number in range(120)]
    for name in names:
        aws.create_endpoint(name, tags=ENABLED)
    aws.rate_limits = {
        "DescribeAlarms": 60.0,
        "DescribeScalingPolicies": 60.0,
        "PutMetricAlarm": 25.0,
        "RegisterScalableTarget": 30.0,
        "PutScalingPolicy": 40.0,
    }

    found = functions[0].invoke(SWEEP)
    queue.drain(*functions)

    assert found["counts"] == {"planned" if with_queue else "configured": len(names)}
    assert queue.dead_letters == []
    assert names_held(aws) == names_of_all(names)
