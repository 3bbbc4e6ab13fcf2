"""The status tag: what an endpoint says about itself, for whom it says it, and when it stops."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fleet import OPTED_OUT, PLAN, REMOVE, SWEEP, create_configured, fleet, results
from support import (
    ENABLED,
    NOTHING,
    PREFIX,
    STATUS_TAG,
    WITHOUT_STATUS_TAG,
    Json,
    add_tags_call,
    apply,
    autoscaling,
    delete_tags_call,
    plan,
    put_foreign_action,
    put_foreign_tracking,
    remove,
    scaling,
    skipped,
    state_change,
    tag_change,
    tags,
    written,
)

from local.aws import LocalAws
from local.faults import Fault
from local.queue import WorkQueue
from local.runtime import Function

BAD = {f"{PREFIX}max-capcity": "8"}
INVALID = f"invalid: {PREFIX}max-capcity is not a setting"
CONFLICT = "conflict: another owner has scaling policy theirs on AllTraffic"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/demo"

# A tag value in the SageMaker API reference, as far as the function uses it.
TAG_VALUE = re.compile(r"[A-Za-z0-9 _.:/=+\-@]{1,256}")


@pytest.fixture(params=["alone", "with a queue"])
def sweeper(
    request: pytest.FixtureRequest, aws: LocalAws, start_function: Callable[..., Function]
) -> tuple[Function, WorkQueue | None]:
    if request.param == "alone":
        return start_function(), None
    queue = WorkQueue(aws)
    return start_function(WORK_QUEUE_URL=queue.url), queue


def status(aws: LocalAws, endpoint: str = "demo") -> str | None:
    return tags_of(aws, endpoint).get(STATUS_TAG)


def tags_of(aws: LocalAws, endpoint: str = "demo") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in aws.account().endpoint(endpoint).tags}


def put_in_conflict(aws: LocalAws) -> None:
    autoscaling(aws, "register_scalable_target", MinCapacity=1, MaxCapacity=5)
    put_foreign_tracking(aws)


def end_conflict(aws: LocalAws) -> None:
    autoscaling(aws, "delete_scaling_policy", PolicyName="theirs")


# It comes.


@pytest.mark.parametrize(
    "payload", [apply(), state_change(), tag_change(ARN, *BAD)], ids=["apply", "event", "tag"]
)
def test_an_endpoint_with_a_bad_tag_says_so_once(aws: LocalAws, function: Function, payload: Json) -> None:
    aws.create_endpoint("demo", tags={**BAD, "team": "speech"})

    first = function.invoke(payload)

    assert (first["outcome"], first["statusTag"], "note" in first) == ("invalid", INVALID, False)
    assert tags_of(aws) == {**BAD, "team": "speech", STATUS_TAG: INVALID}
    [write] = aws.writes()
    assert (write.operation, write.params) == (
        "AddTags",
        {"ResourceArn": ARN, "Tags": [{"Key": STATUS_TAG, "Value": INVALID}]},
    )

    aws.clear_calls()
    second = function.invoke(payload)

    assert (second["outcome"], "statusTag" in second) == ("invalid", False)
    assert second == {key: value for key, value in first.items() if key != "statusTag"}
    assert written(aws) == []


def test_a_conflict_names_the_other_owners_things(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    put_in_conflict(aws)
    state = aws.state("demo")

    answered = function.invoke(state_change())

    assert (answered["outcome"], answered["statusTag"]) == ("conflict", CONFLICT)
    assert (status(aws), written(aws)) == (CONFLICT, ["AddTags"])

    put_foreign_action(aws, "nightly (all)")
    answered = function.invoke(state_change())

    assert status(aws) == answered["statusTag"]
    assert status(aws) == f"{CONFLICT} and another owner has scheduled action nightly all on AllTraffic"
    assert aws.state("demo")["policies"] == state["policies"], "nothing else is written"


@pytest.mark.parametrize(
    ("problem", "endpoint"),
    [
        ("a value", {"tags": tags(scale_in_cooldown="5 minutes")}),
        ("many", {"tags": {f"{PREFIX}no-such-key-{number}": "x" * 256 for number in range(40)}}),
        ("another alphabet", {"tags": {f"{PREFIX}größe": "zwölf"}}),
        ("surprise", {"tags": ENABLED, "instances": 7}),
        ("the longest key", {"tags": {PREFIX + "k" * (128 - len(PREFIX)): "x"}}),
    ],
)
def test_whatever_is_wrong_fits_into_a_tag(
    aws: LocalAws, function: Function, problem: str, endpoint: Json
) -> None:
    aws.create_endpoint("demo", **endpoint)

    answered = function.invoke(apply())

    assert answered["statusTag"] == status(aws)
    assert TAG_VALUE.fullmatch(answered["statusTag"])
    assert answered["statusTag"].startswith("invalid: ")
    aws.clear_calls()
    assert "statusTag" not in function.invoke(apply())
    assert written(aws) == []


def test_a_bad_tag_on_a_configured_endpoint_writes_nothing_else(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    function.invoke(apply())
    aws.retag("demo", BAD)
    aws.clear_calls()

    function.invoke(state_change())

    assert written(aws) == ["AddTags"]
    assert aws.state("demo") == scaling()
    # The reads are those of a decision without a status tag.
    assert len(aws.calls) == 8


# It goes.


def mend_the_tag(aws: LocalAws) -> None:
    aws.untag("demo", [*BAD])


def opt_out(aws: LocalAws) -> None:
    aws.retag("demo", OPTED_OUT)


def untag(aws: LocalAws) -> None:
    aws.untag("demo", [key for key in tags_of(aws) if key.startswith(PREFIX)])


@pytest.mark.parametrize(
    ("act", "payload", "outcome"),
    [
        pytest.param(mend_the_tag, state_change(), "configured", id="mended"),
        pytest.param(opt_out, state_change(), "skipped", id="opted out"),
        pytest.param(untag, state_change(), "skipped", id="untagged"),
        pytest.param(untag, apply(), "skipped", id="untagged, apply"),
        pytest.param(lambda aws: None, remove(), "removed", id="removed"),
    ],
)
@pytest.mark.parametrize("is_known", [True, False], ids=["same process", "another process"])
def test_it_goes_when_there_is_nothing_to_complain_about(
    aws: LocalAws,
    function: Function,
    start_function: Callable[..., Function],
    act: Callable[[LocalAws], None],
    payload: Json,
    outcome: str,
    is_known: bool,
) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, **BAD, "team": "speech"})
    function.invoke(state_change())
    assert status(aws) == INVALID
    act(aws)
    kept = {key: value for key, value in tags_of(aws).items() if key != STATUS_TAG}
    aws.clear_calls()

    answered = (function if is_known else start_function()).invoke(payload)

    assert (answered["outcome"], answered["statusTag"]) == (outcome, None)
    assert tags_of(aws) == kept
    # After the scaling: as long as that isn't done, all isn't well.
    assert (aws.writes()[-1].operation, aws.writes()[-1].params) == (
        "DeleteTags",
        {"ResourceArn": ARN, "TagKeys": [STATUS_TAG]},
    )
    aws.clear_calls()
    if payload != remove():
        assert "statusTag" not in function.invoke(payload)
        assert written(aws) == []


def test_it_goes_when_the_conflict_is_over(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags=ENABLED)
    put_in_conflict(aws)
    function.invoke(state_change())
    end_conflict(aws)

    answered = function.invoke(state_change())

    assert (answered["outcome"], answered["statusTag"], status(aws)) == ("configured", None, None)
    assert aws.state("demo") == scaling()


def test_it_stays_until_the_scaling_is_in_place(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, **BAD})
    function.invoke(apply())
    mend_the_tag(aws)
    aws.faults = [Fault("PutMetricAlarm", "access_denied")]
    with pytest.raises(Exception, match="AccessDenied"):
        function.invoke(apply())
    assert status(aws) == INVALID

    aws.faults = []
    assert function.invoke(apply())["statusTag"] is None
    assert status(aws) is None


def test_an_endpoint_that_needs_no_change_is_unchanged_with_it(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, STATUS_TAG: "invalid: long ago"})
    first = function.invoke(apply())
    assert (first["outcome"], first["statusTag"]) == ("configured", None)
    aws.retag("demo", {STATUS_TAG: "invalid: long ago"})
    aws.clear_calls()

    answered = function.invoke(state_change())

    assert (answered["outcome"], answered["statusTag"]) == ("unchanged", None)
    assert written(aws) == ["DeleteTags"]


@pytest.mark.parametrize("status_of_endpoint", ["Updating", "Deleting", "Failed"])
def test_nothing_is_written_on_an_endpoint_that_is_not_in_service(
    aws: LocalAws, function: Function, status_of_endpoint: str
) -> None:
    create_configured(aws, "demo")
    aws.retag("demo", {**BAD, STATUS_TAG: "invalid: long ago"})
    aws.set_status("demo", status_of_endpoint)

    for payload in (state_change(), remove(), SWEEP):
        assert "statusTag" not in function.invoke(payload)
    assert not {"AddTags", "DeleteTags"} & set(written(aws))


# A plan.


def test_a_plan_says_what_would_become_of_it_and_writes_nothing(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, **BAD})
    planned = function.invoke(plan())
    assert (planned["statusTag"], function.invoke(PLAN)["results"]) == (INVALID, [planned])
    assert (written(aws), status(aws)) == ([], None)
    assert function.invoke(apply()) == planned

    assert "statusTag" not in function.invoke(plan())
    mend_the_tag(aws)
    aws.clear_calls()
    planned = function.invoke(plan())
    assert (planned["outcome"], planned["statusTag"]) == ("planned", None)
    assert written(aws) == []
    assert function.invoke(apply()) == {**planned, "outcome": "configured"}


# A sweep.


def test_a_sweep_writes_them_and_the_next_finds_nothing_to_do(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, queue = sweeper
    aws.create_endpoint("demo", tags=ENABLED)
    put_in_conflict(aws)
    aws.create_endpoint("bad", tags=BAD)
    create_configured(aws, "mended")
    aws.create_endpoint("untagged")
    aws.create_endpoint("real-time", tags=ENABLED, asynchronous=False)
    aws.create_endpoint("opted-out", tags=OPTED_OUT)
    stale = ("mended", "untagged", "real-time", "opted-out")
    for name in stale:
        aws.retag(name, {STATUS_TAG: "invalid: long ago"})
    want = {"demo": CONFLICT, "bad": INVALID} | dict.fromkeys(stale)
    planned = results(function.invoke(PLAN))
    assert {name: result["statusTag"] for name, result in planned.items()} == want
    assert written(aws) == []

    first = fleet(function, SWEEP, queue)

    assert {name: result["statusTag"] for name, result in results(first).items()} == want
    assert first["counts"] == {"conflict": 1, "invalid": 1, "skipped": 3, "unchanged": 1}
    assert first.get("queued", 0) == (6 if queue else 0)
    assert {name: status(aws, name) for name in want} == want
    writes = sorted(name for name in written(aws) if name != "SendMessageBatch")
    assert writes == ["AddTags"] * 2 + ["DeleteTags"] * 4

    aws.clear_calls()
    second = fleet(function, SWEEP, queue)

    assert (written(aws), second["counts"]) == ([], first["counts"])
    assert all("statusTag" not in result for result in second["results"])
    assert "queued" not in second


def test_a_sweep_that_removes_all_takes_them_away(
    aws: LocalAws, sweeper: tuple[Function, WorkQueue | None]
) -> None:
    function, queue = sweeper
    create_configured(aws, "demo")
    aws.retag("demo", BAD)
    aws.create_endpoint("bad", tags=BAD)
    fleet(function, SWEEP, queue)
    assert (status(aws), status(aws, "bad")) == (INVALID, INVALID)

    fleet(function, REMOVE, queue)

    assert (status(aws), status(aws, "bad")) == (None, None)
    assert aws.state("demo") == NOTHING


def test_a_sweep_does_not_pay_for_endpoints_without_it(aws: LocalAws, function: Function) -> None:
    """An invalid endpoint that says so already costs what it cost before."""
    aws.create_endpoint("bad", tags=BAD)
    aws.create_endpoint("other", tags={"team": "speech"})
    function.invoke(SWEEP)
    aws.clear_calls()

    function.invoke(SWEEP)

    described = [call.params["EndpointName"] for call in aws.calls if call.operation == "DescribeEndpoint"]
    assert (described, written(aws)) == (["bad"], [])


# It starts nothing.


def test_its_own_change_asks_for_nothing(aws: LocalAws, start_function: Callable[..., Function]) -> None:
    aws.create_endpoint("demo", tags=BAD)
    for prefix in (PREFIX, "scale-to-zero", "scale-to-zero-"):
        function = start_function(TAG_PREFIX=prefix)
        for event in (
            tag_change(ARN, STATUS_TAG),
            add_tags_call(ARN, STATUS_TAG),
            delete_tags_call(ARN, STATUS_TAG),
        ):
            assert function.invoke(event) == skipped("ignored-event"), prefix
    assert aws.calls == []


def test_it_is_no_setting_though_the_prefix_covers_it(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(TAG_PREFIX="scale-to-zero-")
    aws.create_endpoint("demo", tags={"scale-to-zero-max-capcity": "8"})

    assert function.invoke(apply())["statusTag"] == "invalid: scale-to-zero-max-capcity is not a setting"
    aws.untag("demo", ["scale-to-zero-max-capcity"])

    answered = function.invoke(apply())
    assert answered == skipped("not-managed", statusTag=None)
    assert tags_of(aws) == {}


# It is not to be had.


@pytest.mark.parametrize(
    ("kind", "error_type", "code"),
    [
        ("access_denied", "AccessDenied", "AccessDeniedException"),
        ("throttle", "Throttled", "ThrottlingException"),
        ("internal", "AwsServerError", "InternalFailure"),
    ],
)
def test_a_write_that_fails_is_a_note_and_a_warning_and_no_failure(
    aws: LocalAws, function: Function, kind: str, error_type: str, code: str
) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, **BAD})
    aws.faults = [Fault("AddTags", kind)]

    answered = function.invoke(state_change())

    assert (answered["outcome"], "statusTag" in answered) == ("invalid", False)
    assert answered["note"].startswith(
        f"the status tag could not be written: AddTags for endpoint demo: {code}: "
    )
    warning, line = function.last_logs
    assert (warning["level"], warning["endpoint"], warning["error_type"]) == ("WARN", "demo", error_type)
    assert warning["message"].split(" (request id")[0] == answered["note"].split(" (request id")[0]
    assert (line["level"], line["outcome"]) == ("INFO", "invalid")


def test_one_that_cannot_be_taken_away_does_not_hide_what_was_done(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, STATUS_TAG: "invalid: long ago"})
    aws.faults = [Fault("DeleteTags", "access_denied")]

    answered = function.invoke(state_change())

    assert answered["outcome"] == "configured"
    assert "DeleteTags for endpoint demo: AccessDeniedException: " in answered["note"]
    assert aws.state("demo") == scaling()


def test_an_endpoint_with_as_many_tags_as_aws_allows_is_judged_all_the_same(
    aws: LocalAws, function: Function
) -> None:
    others = {f"cost-centre-{number}": "x" for number in range(49)}
    aws.create_endpoint("demo", tags={**BAD, **others})

    answered = function.invoke(apply())

    assert answered["outcome"] == "invalid"
    assert "ValidationException: A resource has at most 50 tags." in answered["note"]
    assert tags_of(aws) == {**BAD, **others}

    swept = function.invoke(SWEEP)
    assert swept["counts"] == {"invalid": 1}
    assert results(swept)["demo"].keys() == answered.keys()


def test_a_note_about_a_failed_update_is_kept_beside_it(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo", tags={**ENABLED, **BAD})
    aws.account().endpoint("demo").failure_reason = "Out of instances"
    aws.faults = [Fault("AddTags", "access_denied")]

    note = function.invoke(state_change())["note"]

    update, tag = note.split("; ")[:2]
    assert update == "the endpoint's last update failed: Out of instances"
    assert tag.startswith("the status tag could not be written: ")


# It is switched off.


def test_switched_off_it_is_neither_written_nor_taken_away(
    aws: LocalAws, start_function: Callable[..., Function]
) -> None:
    function = start_function(**WITHOUT_STATUS_TAG)
    aws.create_endpoint("demo", tags={**ENABLED, **BAD})
    aws.create_endpoint("untagged", tags={STATUS_TAG: "invalid: long ago"})
    create_configured(aws, "mended")
    aws.retag("mended", {STATUS_TAG: "invalid: long ago"})

    for payload in (apply(), plan(), SWEEP, PLAN, apply("mended"), apply("untagged")):
        assert "statusTag" not in str(function.invoke(payload)), payload

    assert written(aws) == []
    assert status(aws, "demo") is None
    assert status(aws, "untagged") == status(aws, "mended") == "invalid: long ago"
