"""Does AWS answer as this project expects? Asks the deployed function and AWS itself about one endpoint.

Invokes `plan`, `apply`, `plan` and `explain`, then looks at all that stands around the endpoint, field by
field. Changes only what `apply` would, and asks before it does. Exit code 0: all as expected; 1: something
differs; 2: it could not run.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.runtime import NAME, FunctionError
from tools.session import new_session
from tools.verify import expectations
from tools.verify.expectations import change_name, changes
from tools.verify.rows import AS_EXPECTED, DIFFERS, NOT_NOW, Json, Row, Subject, mask

Invoke = Callable[[Json], Json]
Client = Callable[[str], Any]

# Seconds: a little more than the function's own time-out.
INVOCATION_TIMEOUT = 310
# Characters of the columns what, expected, found and verdict; a number of the source follows.
COLUMNS = (36, 30, 36, 18)


class CannotVerify(Exception):
    """There is nothing to compare; the message says why, and what to do."""


def verify(
    endpoint: str,
    invoke: Invoke,
    client: Client,
    consent: Callable[[Sequence[str]], bool],
    *,
    patience: float = 120,
    sleep: Callable[[float], object] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[list[Row], list[str]]:
    """All rows, and what could not be read. `consent` is shown what `apply` would do."""
    _require_endpoint(endpoint, client("sagemaker"))
    plan = _asked(invoke, "plan", endpoint)
    if plan["outcome"] not in ("planned", "unchanged"):
        raise CannotVerify(f"the function has nothing to keep for {endpoint!r}: {_reason(plan)}")
    planned = [change_name(change) for change in changes(plan)]
    if "deregister-scalable-target" in planned:
        raise CannotVerify(f"endpoint {endpoint!r} has opted out, and apply would take its scaling away")
    if not consent(planned):
        raise CannotVerify("apply was not agreed to; nothing was written (--yes agrees beforehand)")
    applied = _asked(invoke, "apply", endpoint)
    if applied["outcome"] not in ("configured", "unchanged"):
        raise CannotVerify(f"apply left {endpoint!r} without its scaling: {_reason(applied)}")
    plan_after = _asked(invoke, "plan", endpoint)
    return expectations.check(
        Subject(
            name=endpoint,
            client=client,
            plan=plan,
            apply=applied,
            plan_after=plan_after,
            explain=_explained(invoke, endpoint),
            now=now,
            sleep=sleep,
            patience=patience,
        )
    )


def _require_endpoint(name: str, sagemaker: Any) -> None:
    try:
        sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        # SageMaker has no error of its own for it.
        if "Could not find endpoint" in error.response["Error"].get("Message", ""):
            region = sagemaker.meta.region_name
            raise CannotVerify(f"there is no endpoint {name!r} in {region}") from None
        raise


def _asked(invoke: Invoke, action: str, endpoint: str) -> Json:
    try:
        return invoke({"action": action, "endpoint": endpoint})
    except FunctionError as error:
        raise CannotVerify(f"{action} failed: {error}") from None


def _explained(invoke: Invoke, endpoint: str) -> Json | FunctionError:
    """Without an explanation there is still all the rest to look at."""
    try:
        return invoke({"action": "explain", "endpoint": endpoint})
    except FunctionError as error:
        return error


def _reason(answer: Json) -> str:
    details = [answer["outcome"], answer.get("reason"), answer.get("advice")]
    details += [f"{problem['tag']} {problem['problem']}" for problem in answer.get("problems", [])]
    return "; ".join(detail for detail in details if detail)


# By way of AWS.


def invoke_by_lambda(client: Client, function: str) -> Invoke:
    def invoke(payload: Json) -> Json:
        answer = client("lambda").invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(payload).encode()
        )
        body: Json = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionError(body.get("errorType", ""), body.get("errorMessage", ""))
        return body

    return invoke


def clients_of(region: str | None) -> Client:
    session = new_session(region)
    config = Config(read_timeout=INVOCATION_TIMEOUT, retries={"mode": "standard"})
    return lambda service: session.client(service, config=config)


def function_of(stack: str, client: Client) -> str:
    """The name of the function that the stack made."""
    try:
        [found] = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        code = error.response["Error"].get("Code")
        hint = "deploy it with `make deploy`, or name the function with --function"
        raise CannotVerify(f"the stack {stack!r} is not to be read ({code}); {hint}") from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    if "FunctionName" not in outputs:
        raise CannotVerify(
            f"the stack {stack!r} has no output FunctionName; name the function with --function"
        )
    return outputs["FunctionName"]


# By way of the terminal.


def ask(planned: Sequence[str]) -> bool:
    print(
        f"apply will make {len(planned)} changes:" if planned else "By its plan, apply will change nothing."
    )
    for change in planned:
        print(f"  {change}")
    try:
        return input("Have it done? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def show(rows: Sequence[Row]) -> None:
    """A table, a heading for each thing, and the sources below by their numbers."""
    sources = list(dict.fromkeys(row.source for row in rows))
    about = None
    _line("", "expected", "found", "verdict", "source")
    for row in rows:
        if row.about != about:
            about = row.about
            print(f"\n{about}")
        _line(f"  {row.what}", row.expected, row.found, row.verdict, f"[{sources.index(row.source) + 1}]")
    print("\nSources of the expectations")
    for number, source in enumerate(sources, 1):
        print(f"  [{number}] {source}")


def _line(*cells: str) -> None:
    """The last cell is short, the others go on below themselves, as far in as they begin."""
    columns = []
    for cell, width in zip(cells, COLUMNS, strict=False):
        indent = " " * (len(cell) - len(cell.lstrip()))
        wrapped = textwrap.wrap(cell, width, subsequent_indent=indent, break_on_hyphens=False)
        columns.append(wrapped or [""])
    columns.append([cells[-1]])
    for parts in zip_longest(*columns, fillvalue=""):
        padded = [f"{part:<{width}}" for part, width in zip(parts, COLUMNS, strict=False)]
        print("  ".join([*padded, parts[-1]]).rstrip())


def main(
    arguments: Sequence[str] | None = None,
    *,
    invoke: Invoke | None = None,
    client: Client | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """`invoke` and `client` stand in for Lambda and boto3 where the function runs elsewhere."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.verify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--endpoint", required=True, metavar="NAME", help="a tagged asynchronous endpoint")
    parser.add_argument("--function", metavar="NAME", help="by default the one that the stack names")
    parser.add_argument("--stack", default=NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--region", help="by default that of the environment")
    parser.add_argument("--yes", action="store_true", help="agree to apply beforehand")
    parser.add_argument(
        "--wait",
        type=float,
        default=120,
        metavar="SECONDS",
        help="at most, for the wake alarm's first state and the list of tags; default: %(default)s",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="the rows, with account ids masked")
    options = parser.parse_args(arguments)
    try:
        client = cache(client or clients_of(options.region))
        function = options.function
        if invoke is None:
            function = function or function_of(options.stack, client)
            invoke = invoke_by_lambda(client, function)

        def consent(planned: Sequence[str]) -> bool:
            agreed = options.yes or ask(planned)
            if agreed:
                print("Looking. AWS gets up to a few minutes for what it does a moment later.", flush=True)
            return agreed

        rows, unread = verify(options.endpoint, invoke, client, consent, patience=options.wait, sleep=sleep)
    except (CannotVerify, BotoCoreError, ClientError) as error:
        print(f"Could not verify: {mask(str(error))}", file=sys.stderr)
        return 2
    show(rows)
    verdicts = Counter(row.verdict for row in rows)
    print(
        f"\n{verdicts[AS_EXPECTED]} rows as expected, {verdicts[DIFFERS]} that differ, "
        f"{verdicts[NOT_NOW]} not to be seen now."
    )
    if options.json:
        report = {
            "endpoint": options.endpoint,
            "region": client("sagemaker").meta.region_name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": [asdict(row) for row in rows],
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for what in unread:
        print(f"Could not read {what}", file=sys.stderr)
    if verdicts[DIFFERS]:
        return 1
    return 2 if unread else 0


if __name__ == "__main__":
    sys.exit(main())
