"""Faults and rate limits: how AWS fails, in the codes and statuses of each service."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from local.errors import AwsError

# Faults of the connection rather than of the service.
DROP, HANG, DROP_AFTER, SLOW = "drop", "hang", "drop_after", "slow"

# Seconds that a slow answer takes.
SLOWNESS = 0.1

_ERRORS: dict[str, AwsError] = {
    "throttle": AwsError("ThrottlingException", "Rate exceeded"),
    "concurrent_update": AwsError(
        "ConcurrentUpdateException", "You already have a pending update to an Auto Scaling resource."
    ),
    "alarm_busy": AwsError("ValidationError", "A separate request to update this alarm is in progress"),
    "internal": AwsError("InternalServiceException", "An internal error occurred.", 500),
    "limit_exceeded": AwsError("LimitExceededException", "The quota of this account is reached."),
    "access_denied": AwsError("AccessDeniedException", "User is not authorized to perform this action."),
    "object_not_found": AwsError("ObjectNotFoundException", "No scalable target registered."),
}

# Where a service has a code or status of its own for a fault.
_SERVICE_ERRORS: dict[tuple[str, str], tuple[str, int]] = {
    ("cloudwatch", "throttle"): ("Throttling", 400),
    ("cloudwatch", "internal"): ("InternalServiceError", 500),
    ("cloudwatch", "limit_exceeded"): ("LimitExceeded", 400),
    ("cloudwatch", "access_denied"): ("AccessDenied", 403),
    ("sagemaker", "internal"): ("InternalFailure", 500),
    ("sagemaker", "limit_exceeded"): ("ResourceLimitExceeded", 400),
    ("sqs", "internal"): ("InternalFailure", 500),
    ("sqs", "throttle"): ("RequestThrottled", 403),
    ("resourcegroupstaggingapi", "throttle"): ("ThrottledException", 400),
}

KINDS = frozenset(_ERRORS) | {DROP, HANG, DROP_AFTER, SLOW}


def error(kind: str, service: str) -> AwsError:
    """The error by which a service reports this kind of fault."""
    general = _ERRORS[kind]
    code, status = _SERVICE_ERRORS.get((service, kind), (general.code, general.status))
    return AwsError(code, general.message, status)


@dataclass
class Fault:
    """Makes calls of an operation fail: all of them, or the nth (counted from 1), or those that `when` picks.

    `operation` is its name, or `*` for every one. `nth` may be a range: `range(1, 3)` is the first two.
    """

    operation: str
    kind: str
    nth: int | Container[int] | None = None
    when: Callable[[dict[str, Any]], bool] | None = None
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of fault; there are {', '.join(sorted(KINDS))}")

    def strikes(self, operation: str, params: dict[str, Any]) -> bool:
        """Whether this call fails. Counts the call, so it is asked once for each."""
        if self.operation not in ("*", operation) or (self.when and not self.when(params)):
            return False
        self.seen += 1
        match self.nth:
            case None:
                return True
            case int():
                return self.seen == self.nth
            case _:
                return self.seen in self.nth


@dataclass
class TokenBucket:
    """Lets `rate` calls a second through, and as many at once after a rest (at least one)."""

    rate: float
    tokens: float = field(init=False)
    filled: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = max(self.rate, 1.0)
        self.filled = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self.tokens = min(max(self.rate, 1.0), self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
