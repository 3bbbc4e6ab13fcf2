"""The work queue of a sweep, and Lambda's event source mapping, which feeds its messages to the function.

Time plays no part: a message that failed is back at once, as if its visibility timeout were over. Only where
it is asked for, a message stays away for the delay that it was sent with.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

from local.aws import REGION, LocalAws
from local.runtime import Function, FunctionDied, FunctionError

# As the template has them.
BATCH_SIZE = 5
MAX_RECEIVE_COUNT = 5


@dataclass(eq=False)
class Message:
    """A message, and how often it has been handed to the function."""

    body: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent_at: float = field(default_factory=time.time)
    receives: int = 0
    # By time.time().
    due: float = 0.0

    def record(self, queue_arn: str) -> dict[str, Any]:
        """The message as Lambda puts it into an event."""
        milliseconds = str(int(self.sent_at * 1000))
        return {
            "messageId": self.id,
            "receiptHandle": f"{self.id}#{self.receives}",
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": str(self.receives),
                "SentTimestamp": milliseconds,
                "SenderId": "AROAEXAMPLEEXAMPLE:function",
                "ApproximateFirstReceiveTimestamp": milliseconds,
            },
            "messageAttributes": {},
            "md5OfBody": hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": REGION,
        }


class WorkQueue:
    """A queue of the local AWS, made anew; the account forgets it when it is reset.

    disorder      where given, messages arrive in an order of its choice, as SQS promises none
    doubling      the share of messages that arrive twice, as SQS delivers at least once
    delays        whether DelaySeconds is heeded
    dead_letters  the messages that failed as often as the queue allows
    answers       what the function answered to each batch, in order; None where the invocation failed
    """

    def __init__(
        self,
        aws: LocalAws,
        name: str = "work",
        *,
        batch_size: int = BATCH_SIZE,
        max_receive_count: int = MAX_RECEIVE_COUNT,
        disorder: random.Random | None = None,
        doubling: float = 0.0,
        delays: bool = False,
    ) -> None:
        self._aws = aws
        self._batch_size = batch_size
        self._max_receive_count = max_receive_count
        self._disorder = disorder
        self._doubling = doubling
        self._delays = delays
        self._queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].create_queue(name)
        # moto looks through all of a queue at each receive, so the messages wait here.
        self._waiting: deque[Message] = deque()
        self._lock = threading.RLock()
        self.url = f"{aws.url}/{DEFAULT_ACCOUNT_ID}/{name}"
        self.dead_letters: list[Message] = []
        self.answers: list[Any] = []

    def send(self, *payloads: Any) -> list[Message]:
        """Puts payloads into the queue by other hands than the function's; text is sent as it is."""
        messages = [
            Message(payload if isinstance(payload, str) else json.dumps(payload)) for payload in payloads
        ]
        self._arrive(messages)
        return messages

    @property
    def bodies(self) -> list[Any]:
        """What waits in the queue, in the order of its sending unless it is disordered."""
        with self._lock:
            self._collect()
            return [json.loads(message.body) for message in self._waiting]

    def drain(self, *functions: Function, deadline_seconds: float = 60) -> int:
        """Delivers until nothing is left, what the functions send meanwhile too; answers how many batches.

        Each function takes a batch as soon as it is done with the one before: Lambda's concurrency.
        """

        def batches(function: Function) -> int:
            count = 0
            while True:
                while self.deliver(function, deadline_seconds):
                    count += 1
                if not self._wait_for_the_next():
                    return count

        with ThreadPoolExecutor(len(functions)) as environments:
            return sum(environments.map(batches, functions))

    def deliver(self, function: Function, deadline_seconds: float = 60) -> bool:
        """Hands one batch to the function; False where there is nothing to hand over.

        Where the process dies, the messages go back before FunctionDied is raised.
        """
        batch = self._receive()
        if not batch:
            return False
        event = {"Records": [message.record(self._queue.queue_arn) for message in batch]}
        failed = set(batch)
        try:
            answer = function.invoke(event, deadline_seconds)
            self.answers.append(answer)
            failed = _failed(batch, answer)
        except FunctionError:
            self.answers.append(None)
        except FunctionDied:
            self.answers.append(None)
            raise
        finally:
            self._put_back([message for message in batch if message in failed])
        return True

    def _collect(self) -> None:
        """Takes over what the function has sent."""
        with self._aws._lock:
            sent, self._queue._messages = self._queue._messages, []
        self._arrive(
            [Message(it.body, it.id, due=it.delayed_until / 1000 if self._delays else 0.0) for it in sent]
        )

    def _wait_for_the_next(self) -> bool:
        """Waits until the first of the delayed messages is due; False where none waits."""
        with self._lock:
            self._collect()
            due = min((message.due for message in self._waiting), default=None)
        if due is not None:
            time.sleep(max(0.0, due - time.time()))
        return due is not None

    def _arrive(self, messages: list[Message]) -> None:
        with self._lock:
            self._waiting.extend(messages)
            if messages and self._disorder:
                self._waiting.extend(it for it in messages if self._disorder.random() < self._doubling)
                self._disorder.shuffle(self._waiting)

    def _receive(self) -> list[Message]:
        with self._lock:
            self._collect()
            # A message that is there twice doesn't come twice in one batch.
            batch: dict[Message, None] = {}
            now = time.time()
            for message in self._waiting:
                if len(batch) == self._batch_size or message in batch:
                    break
                if message.due <= now:
                    batch[message] = None
            for message in batch:
                self._waiting.remove(message)
            for message in batch:
                message.receives += 1
            return list(batch)

    def _put_back(self, messages: list[Message]) -> None:
        with self._lock:
            for message in messages:
                if message.receives < self._max_receive_count:
                    self._waiting.append(message)
                else:
                    self.dead_letters.append(message)


def _failed(batch: list[Message], answer: Any) -> set[Message]:
    """As Lambda reads the answer: none is success, and a name that isn't in the batch fails all of it."""
    failures = (answer or {}).get("batchItemFailures") or []
    by_id = {message.id: message for message in batch}
    names = [failure.get("itemIdentifier") for failure in failures]
    if any(name not in by_id for name in names):
        return set(batch)
    return {by_id[name] for name in names}
