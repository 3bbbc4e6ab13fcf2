"""Savings say what ran and idled, never a wrong number; their pages sort and copy; prices have a source."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import ENABLED, VARIANT, executable, failure

from local.aws import LocalAws
from local.faults import Fault
from local.runtime import ROOT, Function
from local.services import metrics
from local.services.metrics import Sampled
from tools import prices
from tools.lookback import __main__ as lookback
from tools.lookback.pages import advice_page, savings_page

HOUR = 3600
SAVINGS = {"action": "savings"}


def metric(endpoint: str, name: str, of_variant: bool = True, variant: str = VARIANT) -> dict[str, Any]:
    namespace = "/aws/sagemaker/Endpoints" if name == "CPUUtilization" else "AWS/SageMaker"
    dimensions = {"EndpointName": endpoint} | ({"VariantName": variant} if of_variant else {})
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": pairs}


def hours_ago(count: int) -> int:
    now = int(datetime.now(UTC).timestamp())
    return now - now % HOUR - count * HOUR


def run(aws: LocalAws, endpoint: str, hours: int, samples: float = 60.0, **more: Any) -> None:
    """Instances that have published so many samples in each of the last hours."""
    minutes = {hours_ago(ago): Sampled(samples, samples, 1.0, 1.0) for ago in range(1, hours + 1)}
    metrics.replace(aws.account(), metric(endpoint, "CPUUtilization", **more), minutes)


def test_savings_are_of_asynchronous_endpoints_those_first_that_a_tag_would_help(
    aws: LocalAws, function: Function
) -> None:
    for name, tags in {"busy": {}, "idle": {}, "managed": ENABLED}.items():
        aws.create_endpoint(name, tags=tags)
        run(aws, name, 100)
    aws.create_endpoint("real-time", asynchronous=False)
    done = {hours_ago(ago): Sampled(2, 2, 1, 1) for ago in range(1, 101)}
    metrics.replace(aws.account(), metric("busy", "InvocationsProcessed"), done)

    answer = function.invoke(SAVINGS)

    rows = {row["endpoint"]: row for row in answer["rows"]}
    assert list(rows) == ["idle", "busy", "managed"]
    assert (answer["outcome"], answer["endpoints"]) == ("savings", 4)
    assert [rows[name]["instanceHours"] for name in rows] == [100, 100, 100]
    assert [rows[name]["idleHours"] for name in rows] == [99, 0, 99], "nobody knows about the last hour yet"
    assert (rows["busy"]["requests"], rows["busy"]["managed"]) == (200, False)
    assert rows["idle"]["tag"] == {"Key": "scale-to-zero:enabled", "Value": "true"}
    assert "tag" not in rows["managed"]
    assert rows["managed"]["managed"]
    assert answer["cost"]["metrics"] == 9
    assert aws.violations == []


@pytest.mark.parametrize("frequency", [10, 30, 300])
def test_samples_are_corrected_by_how_often_the_endpoint_publishes(
    aws: LocalAws, function: Function, frequency: int
) -> None:
    aws.create_endpoint("demo")
    run(aws, "demo", 50, samples=HOUR / frequency)
    aws.publish_every("demo", frequency)

    [row] = function.invoke(SAVINGS)["rows"]

    assert row["instanceHours"] == 50


def test_what_publishes_nothing_has_a_reason_and_no_number(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo")
    old = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    aws.amendments["DescribeEndpoint"] = lambda answer: {**answer, "CreationTime": old}

    [row] = function.invoke(SAVINGS)["rows"]

    assert (row["reason"], row["instanceHours"], row["usd"], row["idleShare"]) == (
        "no-data",
        None,
        None,
        None,
    )


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -60.0, 1e300])
@pytest.mark.parametrize("name", ["CPUUtilization", "InvocationsProcessed", "ApproximateBacklogSize"])
def test_nonsense_in_an_hour_makes_no_wrong_number(
    aws: LocalAws, function: Function, nonsense: float, name: str
) -> None:
    aws.create_endpoint("demo")
    run(aws, "demo", 50)
    found = metric("demo", name, of_variant=name != "ApproximateBacklogSize")
    of_hours = dict(aws.account().datapoints.get(metrics._key(found), {}))
    metrics.replace(aws.account(), found, of_hours | {hours_ago(10): Sampled(*[nonsense] * 4)})

    [row] = function.invoke(SAVINGS)["rows"]

    assert row["instanceHours"] is None or 49 <= row["instanceHours"] <= 50
    assert row["idleHours"] is None or 0 <= row["idleHours"] <= row["instanceHours"]
    assert row["requests"] in (None, 0)


def test_a_variant_that_was_renamed_counts_from_its_new_name_on(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo")
    run(aws, "demo", 50, variant="before")
    run(aws, "demo", 20)
    [row] = function.invoke(SAVINGS)["rows"]
    assert row["instanceHours"] == 20


def test_an_endpoint_of_the_future_has_no_hours_of_an_instance_that_is_always_on(
    aws: LocalAws, function: Function
) -> None:
    aws.create_endpoint("demo")
    made = datetime.now(UTC).timestamp() + 365 * 24 * HOUR
    aws.amendments["DescribeEndpoint"] = lambda answer: {**answer, "CreationTime": made}
    [row] = function.invoke(SAVINGS)["rows"]
    assert (row["alwaysOnHours"] or 0) == 0
    assert (row["instanceHours"] or 0) == 0


def test_a_million_requests_are_counted_exactly(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo")
    run(aws, "demo", 100)
    done = {hours_ago(ago): Sampled(10_000, 10_000, 1, 1) for ago in range(1, 101)}
    metrics.replace(aws.account(), metric("demo", "InvocationsProcessed"), done)
    [row] = function.invoke(SAVINGS)["rows"]
    assert row["requests"] == 1_000_000


def test_a_read_that_fails_fails_the_report(aws: LocalAws, function: Function) -> None:
    aws.create_endpoint("demo")
    aws.faults = [Fault("GetMetricData", "access_denied")]
    assert failure(function, SAVINGS).error_type == "AccessDenied"


def test_the_credentials_and_the_region_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(SystemExit, match="a Region"):
        lookback.environment()
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    found = lookback.environment()
    assert (found["AWS_REGION"], found["AWS_ACCESS_KEY_ID"]) == ("eu-west-3", "key")


@pytest.mark.full
def test_many_endpoints_take_few_calls_and_pages_lose_nothing(aws: LocalAws, function: Function) -> None:
    for number in range(200):
        name = f"endpoint-{number:03}"
        aws.create_endpoint(name)
        run(aws, name, 24 * 14)
    answer = function.invoke(SAVINGS)
    assert [row["instanceHours"] for row in answer["rows"]] == [24 * 14] * 200
    reads = [call for call in aws.calls if call.operation == "GetMetricData"]
    assert len(reads) <= 6
    assert answer["cost"] | {"calls": 0} == {"metrics": 600, "calls": 0, "usd": 0.006}
    assert function.peak_memory < 100 * 2**20


def test_a_price_of_the_table_makes_money_of_hours(aws: LocalAws) -> None:
    aws.create_endpoint("demo", instance_type="ml.g6.xlarge")
    run(aws, "demo", 10)
    # The account of the other Region has the same endpoint.
    aws._accounts["eu-west-3"] = aws.account()
    with executable(aws, {"AWS_REGION": "eu-west-3"}) as function:
        [row] = function.invoke(SAVINGS)["rows"]
    assert (row["usd"], row["price"]["usdPerHour"], row["price"]["date"]) == (14.3, 1.4302, "2026-10-04")
    with executable(aws) as function:
        [row] = function.invoke(SAVINGS)["rows"]
    assert (row["usd"], row["price"], row["instanceHours"]) == (None, None, 10), "not known in eu-west-1"


# The table of prices.

OFFER = {
    "publicationDate": "2026-11-01T00:00:00Z",
    "products": {
        sku: {"sku": sku, "attributes": {"regionCode": region, "usagetype": usage}}
        for sku, (region, usage) in {
            "A": ("us-east-1", "USE1-AsyncInf:ml.g5.xlarge"),
            "B": ("us-east-1", "USE1-Host:ml.g5.2xlarge"),
            "C": ("eu-west-1", "EU-AsyncInf:ml.g4dn.2xlarge"),
            "D": ("us-east-1", "USE1-AsyncInf:ml.free"),
        }.items()
    },
    "terms": {
        "OnDemand": {
            sku: {f"{sku}.T": {"priceDimensions": {"P": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}}}
            for sku, usd in {"A": "1.4080000000", "B": "9", "C": "1.0500000000", "D": "0.0"}.items()
        }
    },
}


def test_prices_are_those_of_asynchronous_inference_and_other_regions_stay(tmp_path: Path) -> None:
    table, offer = tmp_path / "prices.csv", tmp_path / "index.json"
    table.write_text(
        "region,instance_type,usd_per_hour,source,date\neu-west-3,ml.g6.xlarge,1.4302,x,2026-10-04\n"
    )
    offer.write_text(json.dumps(OFFER))

    prices.main([str(offer), "--table", str(table)])

    assert table.read_text().splitlines() == [
        "region,instance_type,usd_per_hour,source,date",
        "eu-west-1,ml.g4dn.2xlarge,1.0500,AWS price list AmazonSageMaker,2026-11-01",
        "eu-west-3,ml.g6.xlarge,1.4302,x,2026-10-04",
        "us-east-1,ml.g5.xlarge,1.4080,AWS price list AmazonSageMaker,2026-11-01",
    ]


def test_a_file_without_prices_changes_nothing(tmp_path: Path) -> None:
    table, offer = tmp_path / "prices.csv", tmp_path / "index.json"
    table.write_text("unchanged")
    offer.write_text(json.dumps(OFFER | {"products": {}}))
    with pytest.raises(SystemExit, match="AsyncInf"):
        prices.main([str(offer), "--table", str(table)])
    assert table.read_text() == "unchanged"


# The pages, in a browser.


def browsed(page: str, steps: str, folder: Path) -> Any:
    """What `steps`, an expression of JavaScript, is worth in the page."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert browser, "Chromium is needed: apt-get install chromium"
    probe = f"""<pre id="probe"></pre><script>addEventListener("load", async () => {{
      document.getElementById("probe").textContent = JSON.stringify(await (async () => {{ {steps} }})());
    }});</script></body>"""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", probe), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}"]
    flags += ["--virtual-time-budget=5000", "--window-size=400,900", "--dump-dom", file.as_uri()]
    dom = subprocess.run([browser, *flags], capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom[-2000:]
    assert found[1], dom[-2000:]
    return json.loads(found[1].replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))


SAMPLE = json.loads((ROOT / "tests" / "black_box" / "lookback_sample.json").read_text(encoding="utf-8"))
COPY = """let copied = null;
  Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { copied = text; } } });
  const button = document.querySelector("button.copy"); button.click();
  await new Promise((done) => setTimeout(done, 50)); return [copied, button.textContent];"""
NAMES = '[...document.querySelectorAll("#rows strong")].map((it) => it.textContent)'
FITS = "return document.documentElement.scrollWidth <= innerWidth;"


@pytest.mark.full
def test_the_page_of_savings_sorts_copies_and_fits_a_phone(tmp_path: Path) -> None:
    page = savings_page(SAMPLE["savings"])
    first, hours, again, by_name = browsed(
        page,
        f"""const click = (at) => {{
          document.querySelectorAll("#head button")[at].click();
          return {NAMES};
        }};
        return [{NAMES}, click(1), click(1), click(0)];""",
        tmp_path,
    )
    assert first == [row["endpoint"] for row in SAMPLE["savings"]["rows"]]
    assert again == hours[::-1]
    assert by_name == sorted(by_name)
    assert hours[0] == "segmentation-large"
    assert browsed(page, COPY, tmp_path) == ["Key=scale-to-zero:enabled,Value=true", "Copied"]
    assert browsed(page, FITS, tmp_path)
    assert "http" not in re.sub(r"http://www.w3.org\S+", "", page.split("@license")[0])


@pytest.mark.full
def test_the_page_of_advice_draws_copies_and_fits_a_phone(tmp_path: Path) -> None:
    page = advice_page(SAMPLE["advice"])
    drawn = browsed(page, 'return [document.querySelectorAll("canvas").length, ' + NAMES + "];", tmp_path)
    assert drawn == [2, ["now", "balanced, recommended"]]
    assert browsed(page, COPY, tmp_path) == ["Key=scale-to-zero:idle-timeout,Value=10m", "Copied"]
    assert browsed(page, FITS, tmp_path)


@pytest.mark.full
def test_no_text_of_an_answer_can_end_the_script_of_its_page(tmp_path: Path) -> None:
    evil = SAMPLE["savings"] | {"assumptions": ["</script><b id='evil'>"]}
    assert browsed(savings_page(evil), 'return document.getElementById("evil") === null;', tmp_path)
