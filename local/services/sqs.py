"""SQS: the one operation that the function calls."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any

from moto.sqs.models import Message, sqs_backends

from local.account import Account
from local.errors import AwsError

_MOST_ENTRIES = 10
# Bytes of one batch.
_LARGEST_BATCH = 1_048_576
_LONGEST_DELAY = 900


def send_message_batch(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS takes ten messages at most, each with its own id. moto goes through the whole queue for each."""
    queue = sqs_backends[account.id][account.region].get_queue(params["QueueUrl"].rpartition("/")[2])
    entries = params["Entries"]
    _check(entries)
    sent = []
    for entry in entries:
        message = Message(str(uuid.uuid4()), entry["MessageBody"])
        message.mark_sent(delay_seconds=entry.get("DelaySeconds", 0))
        queue.add_message(message)
        body_hash = hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest()
        sent.append({"Id": entry["Id"], "MessageId": message.id, "MD5OfMessageBody": body_hash})
    return {"Successful": sent, "Failed": []}


def _check(entries: list[dict[str, Any]]) -> None:
    """What AWS's documentation demands of a batch, and its model does not say."""
    ids = [entry["Id"] for entry in entries]
    if not ids:
        raise AwsError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(ids) > _MOST_ENTRIES:
        raise AwsError("TooManyEntriesInBatchRequest", f"{len(ids)} entries are more than {_MOST_ENTRIES}.")
    if len(set(ids)) < len(ids):
        raise AwsError("BatchEntryIdsNotDistinct", "Two entries have the same id.")
    if not all(re.fullmatch(r"[\w-]{1,80}", name, re.ASCII) for name in ids):
        raise AwsError("InvalidBatchEntryId", "An id has up to 80 letters, digits, hyphens and underscores.")
    delays = [entry.get("DelaySeconds", 0) for entry in entries]
    if not all(0 <= delay <= _LONGEST_DELAY for delay in delays):
        raise AwsError("InvalidParameterValue", f"DelaySeconds must be from 0 to {_LONGEST_DELAY}.")
    size = sum(len(entry["MessageBody"].encode()) for entry in entries)
    if size > _LARGEST_BATCH:
        raise AwsError("BatchRequestTooLong", f"{size} bytes are more than {_LARGEST_BATCH}.")
