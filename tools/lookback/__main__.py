"""Asks the executable on this machine, with the credentials of the environment, and writes one page."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.runtime import Function, FunctionError, default_executable
from tools.lookback.pages import advice_page, savings_page
from tools.session import new_session

DEADLINE_SECONDS = 300.0
# What the function reads of its environment, and may be deployed with.
_PASSED_ON = ("TAG_PREFIX", "MANAGE", "CAPACITY_LIMIT", "HTTPS_PROXY", "NO_PROXY", "AWS_CA_BUNDLE")


def environment() -> dict[str, str]:
    """The person's credentials and Region, however they are configured, and the function's own settings."""
    session = new_session()
    credentials = session.get_credentials()
    if credentials is None or session.region_name is None:
        raise SystemExit("AWS credentials and a Region are needed: run `aws configure`, or set AWS_PROFILE")
    frozen = credentials.get_frozen_credentials()
    found = {
        name: os.environ[name] for name in os.environ if name in _PASSED_ON or name.startswith("DEFAULT_")
    }
    found |= {"AWS_REGION": session.region_name, "AWS_DEFAULT_REGION": session.region_name, "METRICS": "off"}
    found |= {"AWS_ACCESS_KEY_ID": frozen.access_key, "AWS_SECRET_ACCESS_KEY": frozen.secret_key}
    return found | ({"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {})


def savings(function: Function) -> dict[str, Any]:
    """The whole Region, in as many invocations as it takes."""
    answer = function.invoke({"action": "savings"}, DEADLINE_SECONDS)
    while "after" in answer:
        more = function.invoke({"action": "savings", "after": answer["after"]}, DEADLINE_SECONDS)
        more["rows"] = answer["rows"] + more["rows"]
        for total in ("endpoints", "instanceHours", "idleHours"):
            more[total] += answer[total]
        more["cost"] = {name: more["cost"][name] + value for name, value in answer["cost"].items()}
        answer = more
    return answer


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.lookback", description=__doc__)
    parser.add_argument("action", choices=["advise", "savings"])
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--days", type=int)
    parser.add_argument("--price", type=float)
    parser.add_argument("--executable", default=default_executable())
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args(arguments)

    aws_url = os.environ.get("AWS_ENDPOINT_URL")
    try:
        with Function(options.executable, aws_url=aws_url, environment=environment()) as function:
            if options.action == "savings":
                answer, page = savings(function), savings_page
            else:
                payload = {"action": "advise", "endpoint": options.endpoint, "course": True}
                asked = {"days": options.days, "price": options.price}
                payload |= {name: value for name, value in asked.items() if value is not None}
                answer, page = function.invoke(payload, DEADLINE_SECONDS), advice_page
    except FunctionError as error:
        print(error, file=sys.stderr)
        return 1
    if answer["outcome"] not in ("advised", "savings"):
        why = answer.get("note") or answer.get("problems") or answer.get("advice") or ""
        print(f"no advice about {options.endpoint}: {answer.get('reason', answer['outcome'])}. {why}")
        return 1
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_text(page(answer), encoding="utf-8")
    print(options.to)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
