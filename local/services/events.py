"""EventBridge: the one operation that the function calls. What was put is kept in `account.events`."""

from __future__ import annotations

import json
import uuid
from typing import Any

from local.account import Account
from local.errors import AwsError

_MOST_ENTRIES = 10
_NEEDED = ("Source", "DetailType", "Detail")


def put_events(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS answers for each entry by itself: a bad one fails alone, with HTTP 200 for the call."""
    entries = params["Entries"]
    if not 1 <= len(entries) <= _MOST_ENTRIES:
        raise AwsError(
            "ValidationException",
            f"There are {len(entries)} entries; 1 to {_MOST_ENTRIES} are accepted.",
        )
    answers = [_put(account, entry) for entry in entries]
    return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}


def _put(account: Account, entry: dict[str, Any]) -> dict[str, str]:
    missing = [name for name in _NEEDED if not entry.get(name)]
    if missing:
        return _refused(
            "InvalidArgument", f"Parameter {missing[0]} is not valid. Reason: {missing[0]} is required."
        )
    if entry["Source"].startswith("aws."):
        return _refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return _refused("MalformedDetail", "Detail is malformed.")
    account.events.append({**entry, "Detail": detail})
    return {"EventId": str(uuid.uuid4())}


def _refused(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}
