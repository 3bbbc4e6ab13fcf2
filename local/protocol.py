"""Reads a signed AWS request and writes its answer, in awsJson and in Smithy's rpc-v2-cbor.

CloudWatch's SDK for Rust speaks only rpc-v2-cbor, which moto does not know.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import cbor2
from botocore.model import Shape

from local import strict
from local.errors import AwsError
from local.server import Answer, Request

# What stands before the operation's name in X-Amz-Target and in the path of rpc-v2-cbor. Requests to other
# services, and those in the Query protocol, go to moto unchecked.
SERVICES = {
    "SageMaker": "sagemaker",
    "AnyScaleFrontendService": "application-autoscaling",
    "GraniteServiceVersion20100801": "cloudwatch",
    "ResourceGroupsTaggingAPI_20170126": "resourcegroupstaggingapi",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
}

_CBOR_PATH = re.compile(r"/service/(\w+)/operation/(\w+)")
# What a JSON encoder can only write as a string, and has to stand there as a number.
_MARK = "\x00"
_TIME = re.compile(r'"\\u0000([^"]+)"')
_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Operation:
    """One request, whatever protocol it came by."""

    service: str
    name: str
    region: str
    params: Any
    access_key: str
    authorization: str
    target: str
    content_type: str
    user_agent: str
    host: str

    @property
    def is_cbor(self) -> bool:
        return self.content_type == "application/cbor"


def read(request: Request) -> Operation | None:
    """The operation that a request asks for, or None where it is not one of the checked services."""
    cbor = _CBOR_PATH.fullmatch(request.path)
    if cbor:
        prefix, name = cbor.groups()
    else:
        prefix, _, name = request.headers.get("X-Amz-Target", "").partition(".")
    service = SERVICES.get(prefix)
    credential = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    if service is None or credential is None:
        return None
    return Operation(
        service=service,
        name=name,
        region=credential.group(2),
        params=_params(request.body, is_cbor=cbor is not None),
        access_key=credential.group(1),
        authorization=request.headers["Authorization"],
        target=f"{prefix}.{name}",
        content_type="application/cbor" if cbor else request.headers.get("Content-Type", ""),
        user_agent=request.headers.get("User-Agent", ""),
        host=request.headers.get("Host", "127.0.0.1"),
    )


def _params(body: bytes, *, is_cbor: bool) -> Any:
    if is_cbor:
        try:
            return cbor2.loads(body) if body else {}
        except cbor2.CBORDecodeError as error:
            raise ValueError("not CBOR") from error
    return json.loads(body or b"{}")


def success(operation: Operation, result: dict[str, Any]) -> Answer:
    output = strict.operation_model(operation.service, operation.name).output_shape
    whole = _typed(output, result) if output else {}
    return _cbor_answer(200, whole) if operation.is_cbor else _json_answer(operation, 200, whole)


def recorded(operation: Operation, body: bytes) -> Answer:
    """A recorded answer of AWS: byte for byte, or in CBOR with the values of the recording."""
    if operation.is_cbor:
        return success(operation, json.loads(body))
    return Answer(200, body, _json_headers(operation))


def failure(operation: Operation, error: AwsError) -> Answer:
    body = {"__type": error.code, "message": error.message}
    headers = {}
    if operation.service == "cloudwatch":
        # CloudWatch began with the Query protocol: its errors keep their old codes in a header, and the body
        # names the shape.
        body["__type"] = _error_shapes("cloudwatch").get(error.code, error.code)
        headers["x-amzn-query-error"] = f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}"
    if operation.is_cbor:
        return _cbor_answer(error.status, body, headers)
    return _json_answer(operation, error.status, body, headers)


@cache
def _error_shapes(service: str) -> dict[str, str]:
    shapes = strict.service_model(service).error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}


def _json_answer(
    operation: Operation, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> Answer:
    text = json.dumps(body, default=_json_value)
    return Answer(status, _TIME.sub(r"\1", text).encode(), {**_json_headers(operation), **(headers or {})})


def _json_headers(operation: Operation) -> dict[str, str]:
    return {"Content-Type": operation.content_type, "x-amzn-RequestId": str(uuid.uuid4())}


def _json_value(value: Any) -> Any:
    """AWS writes times as Java writes doubles, with milliseconds: 1516306056.71 as 1.51630605671E9."""
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} has no form in JSON")
    seconds = Decimal(round(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000)) / 1000
    digits = f"{seconds.scaleb(-seconds.adjusted()):f}".rstrip("0")
    return f"{_MARK}{digits}{'0' if digits.endswith('.') else ''}E{seconds.adjusted()}"


def _cbor_answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        status,
        cbor2.dumps(body, datetime_as_timestamp=True, timezone=UTC),
        {
            "Content-Type": "application/cbor",
            "smithy-protocol": "rpc-v2-cbor",
            "x-amzn-RequestId": str(uuid.uuid4()),
            **(headers or {}),
        },
    )


def _typed(shape: Shape, value: Any) -> Any:
    """The value in the types of AWS's model: a Threshold of 5 is a float, and None isn't there."""
    match shape.type_name:
        case "structure":
            return {
                name: _typed(shape.members[name], item)
                for name, item in value.items()
                if name in shape.members and item is not None
            }
        case "list":
            return [_typed(shape.member, item) for item in value]
        case "map":
            return {key: _typed(shape.value, item) for key, item in value.items()}
        case "double" | "float":
            return float(value)
        case "timestamp" if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        case "timestamp" if isinstance(value, str):
            return datetime.fromisoformat(value)
        case _:
            return value
