"""Faults and rate limits: how AWS fails, in the codes and statuses of each service."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from local.errors import AwsError
from local.server import Answer

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
    # CloudWatch's own error in one of Application Auto Scaling
    # (reported: hashicorp/terraform-provider-aws#1428, aws/aws-sdk-go#1472).
    "wrapped_throttle": AwsError(
        "FailedResourceAccessException",
        "Unable to create alarms for scaling policy scale-to-zero-backlog due to reason: Rate exceeded "
        "(Service: AmazonCloudWatch; Status Code: 400; Error Code: Throttling; Request ID: 9ad5ae8f)",
    ),
    # The same without the inner code, as newer SDKs write it.
    "wrapped_throttle_without_code": AwsError(
        "FailedResourceAccessException",
        "Unable to retrieve alarms for scaling policy due to reason: Rate exceeded "
        "(Service: CloudWatch, Status Code: 400, Request ID: 9ad5ae8f)",
    ),
    "wrapped_failure": AwsError(
        "FailedResourceAccessException",
        "Unable to create alarms for scaling policy scale-to-zero-backlog due to reason: null "
        "(Service: AmazonCloudWatch; Status Code: 500; Error Code: InternalFailure; Request ID: 9ad5ae8f)",
    ),
    "wrapped_denial": AwsError(
        "FailedResourceAccessException",
        "Unable to retrieve alarms for scaling policy due to reason: User: "
        "arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: cloudwatch:DescribeAlarms "
        "(Service: AmazonCloudWatch; Status Code: 403; Error Code: AccessDenied; Request ID: 9ad5ae8f)",
    ),
    # Application Auto Scaling's check of what its caller may do
    # (reported: aws/aws-auto-scaling-custom-resource#25, hashicorp/terraform-provider-aws#46385).
    "missing_permissions": AwsError(
        "ValidationException",
        "User is missing the following permissions: cloudwatch:PutMetricAlarm, cloudwatch:DeleteAlarms",
    ),
    "caller_not_validated": AwsError(
        "ValidationException", "Application Auto Scaling was unable to validate the caller's permissions."
    ),
    "signature_expired": AwsError(
        "InvalidSignatureException",
        "Signature expired: 20261125T100000Z is now earlier than 20261125T101500Z "
        "(20261125T102000Z - 5 min.)",
    ),
    "request_expired": AwsError("RequestExpired", "Request has expired."),
    "signature_wrong": AwsError(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
    ),
    "token_expired": AwsError(
        "ExpiredTokenException", "The security token included in the request is expired"
    ),
    "token_unknown": AwsError(
        "UnrecognizedClientException", "The security token included in the request is invalid."
    ),
    "time_zone_refused": AwsError("ValidationException", "Invalid timezone"),
}

_HTML = {"Content-Type": "text/html; charset=utf-8"}

# What something else answers in AWS's place.
FOREIGN: dict[str, Answer] = {
    "proxy_page": Answer(403, b"<html>\n<head><title>Blocked</title></head></html>", _HTML),
    "missing_page": Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"}),
    "sign_in_page": Answer(200, b"<!DOCTYPE html>\n<title>Sign in</title>", _HTML),
    "other_json": Answer(200, b'{"status": "ok"}', {"Content-Type": "application/json"}),
    "empty_page": Answer(200),
    "gateway_page": Answer(502, b"<h1>Bad Gateway</h1>", _HTML),
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

KINDS = frozenset(_ERRORS) | frozenset(FOREIGN) | {DROP, HANG, DROP_AFTER, SLOW}


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
