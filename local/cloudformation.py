"""CloudFormation's side of a custom resource: it asks about a stack, and takes the answer at an address.

It invokes the function as an event, so what counts is not what the invocation returns but what is put to the
address. The first answer to a request counts, others are too late. What it asks and what it takes:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import json
import threading
import uuid
from types import TracebackType
from typing import Any

from local.faults import HANG
from local.runtime import Function
from local.server import Answer, Request, Served, Server

STACK_ID = (
    "arn:aws:cloudformation:eu-west-1:123456789012:stack/sagemaker-scale-to-zero/"
    "4e4e8c50-8d3f-11ee-b9d1-0242ac120002"
)
LOGICAL_ID = "Check"
_LONGEST_ANSWER = 4096
# As CloudFormation's: what identifies the request is encoded, and the signature is in the query.
_PATH = "/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack/sagemaker-scale-to-zero%7CCheck%7C"
_SIGNATURE = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7199&X-Amz-Signature=5f2a%2Bb"

Json = dict[str, Any]


class Stack(Served):
    """A stack of the template, while the `with` block runs.

    physical_id  of the custom resource, once CloudFormation has been told one
    answers      what CloudFormation has accepted, by request
    refusals     HTTP statuses in place of taking the next answers; None drops the connection, HANG
                 says nothing
    puts         how often something was put to the address
    """

    def __init__(self, **properties: str) -> None:
        self._server = Server(self._take)
        self._properties = properties
        self._pending: dict[str, Json] = {}
        self.physical_id: str | None = None
        self.answers: dict[str, Json] = {}
        self.refusals: list[int | str | None] = []
        self._over = threading.Event()
        self.puts = 0
        self.violations: list[str] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        super().__exit__(kind, error, trace)
        if error is None:
            assert self.violations == []

    def event(self, request_type: str, **more: Any) -> Json:
        """A request, as it comes to the function."""
        request_id = str(uuid.uuid4())
        event = {
            "RequestType": request_type,
            "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:sagemaker-scale-to-zero",
            "ResponseURL": f"http://{self._server.address}{_PATH}{request_id}{_SIGNATURE}",
            "StackId": STACK_ID,
            "RequestId": request_id,
            "LogicalResourceId": LOGICAL_ID,
            "ResourceType": "Custom::ScaleToZeroCheck",
            "ResourceProperties": {"ServiceToken": "…", **self._properties},
            **more,
        }
        if request_type != "Create":
            assert self.physical_id is not None
            event["PhysicalResourceId"] = self.physical_id
        self._pending[request_id] = event
        return event

    def request(self, function: Function, request_type: str, deadline_seconds: float = 60) -> Json:
        """Has the function do what is asked, and gives what CloudFormation has been told."""
        event = self.event(request_type)
        function.invoke(event, deadline_seconds)
        return self.answer_to(event)

    def answer_to(self, event: Json) -> Json:
        return self.answers[event["RequestId"]]

    def _take(self, request: Request) -> Answer | None:
        self.puts += 1
        if self.refusals:
            refusal = self.refusals.pop(0)
            if not isinstance(refusal, int):
                self._over.wait(60 if refusal == HANG else 0)
                return None
            # Where S3 would send on who asks at the wrong place.
            elsewhere = {"Location": f"http://{self._server.address}/elsewhere"} if refusal < 400 else {}
            return Answer(refusal, b"<Error><Code>AccessDenied</Code></Error>", elsewhere)
        request_id, _, signature = request.path.removeprefix(_PATH).partition("?")
        self._check(request, f"?{signature}", request_id)
        answer = json.loads(request.body)
        if request_id not in self.answers:
            self.answers[request_id] = answer
            self.physical_id = answer["PhysicalResourceId"]
        return Answer(200)

    def _check(self, request: Request, signature: str, request_id: str) -> None:
        """What S3 and CloudFormation would not take."""

        def expect(is_so: bool, what: str) -> None:
            if not is_so:
                self.violations.append(what)

        expect(request.method == "PUT", f"the method is {request.method}")
        expect(signature == _SIGNATURE, f"the address was changed to {request.path}")
        # The signature holds for a request without one.
        expect(not request.headers.get("Content-Type"), "there is a content type")
        expect(request.headers.get("Authorization") is None, "it is signed twice")
        expect(len(request.body) <= _LONGEST_ANSWER, f"{len(request.body)} bytes are too many")
        answer = json.loads(request.body)
        event = self._pending.get(request_id, {})
        for key in ("StackId", "RequestId", "LogicalResourceId"):
            expect(answer.get(key) == event.get(key), f"{key} is {answer.get(key)}")
        expect(answer.get("Status") in ("SUCCESS", "FAILED"), f"Status is {answer.get('Status')}")
        expect(bool(answer.get("Reason")) or answer.get("Status") == "SUCCESS", "FAILED without a reason")
        expect(0 < len(answer.get("PhysicalResourceId") or "") <= 1024, "PhysicalResourceId")
        if "PhysicalResourceId" in event:
            is_same = answer.get("PhysicalResourceId") == event["PhysicalResourceId"]
            expect(is_same, "another PhysicalResourceId, which CloudFormation takes for a replacement")
