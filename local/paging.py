"""Pages of the operations that list things: opaque tokens over a snapshot of the whole answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError


@dataclass(frozen=True)
class Paged:
    """How an operation pages: its items, its size parameter with default and maximum, its tokens."""

    items: str
    size: str
    default: int
    most: int
    token_in: str = "NextToken"
    token_out: str = "NextToken"
    bad_token: str = "InvalidNextTokenException"


PAGED = {
    "DescribeScalableTargets": Paged("ScalableTargets", "MaxResults", 50, 50),
    "DescribeScalingPolicies": Paged("ScalingPolicies", "MaxResults", 10, 10),
    "DescribeScheduledActions": Paged("ScheduledActions", "MaxResults", 50, 50),
    "DescribeScalingActivities": Paged("ScalingActivities", "MaxResults", 50, 50),
    "DescribeAlarms": Paged("MetricAlarms", "MaxRecords", 50, 100, bad_token="InvalidNextToken"),
    "ListTags": Paged("Tags", "MaxResults", 50, 50, bad_token="ValidationException"),
    "ListEndpoints": Paged("Endpoints", "MaxResults", 10, 100, bad_token="ValidationException"),
    "GetResources": Paged(
        "ResourceTagMappingList",
        "ResourcesPerPage",
        50,
        100,
        "PaginationToken",
        "PaginationToken",
        "PaginationTokenExpiredException",
    ),
}


@dataclass(frozen=True)
class _Rest:
    operation: str
    query: dict[str, Any]
    answer: dict[str, Any]
    start: int


class Pages:
    """The tokens given out so far. A `limit` shortens every page, so that paging shows in small tests."""

    def __init__(self) -> None:
        self._rests: dict[str, _Rest] = {}

    def clear(self) -> None:
        self._rests.clear()

    def page(
        self,
        operation: str,
        params: dict[str, Any],
        limit: int | None,
        whole: Callable[[], dict[str, Any]],
    ) -> dict[str, Any]:
        paged = PAGED[operation]
        size = params.get(paged.size, paged.default)
        if not 1 <= size <= paged.most:
            raise AwsError("ValidationException", f"{paged.size} must be between 1 and {paged.most}.")
        size = min(size, limit or size)
        query = {name: value for name, value in params.items() if name not in (paged.size, paged.token_in)}
        rest = self._rest(operation, query, params.get(paged.token_in), whole)
        # An answer that a test has robbed of its list.
        if paged.items not in rest.answer:
            return rest.answer
        items = rest.answer[paged.items]
        end = rest.start + size
        answer = {**rest.answer, paged.items: items[rest.start : end]}
        if end < len(items):
            token = uuid.uuid4().hex
            self._rests[token] = _Rest(operation, query, rest.answer, end)
            answer[paged.token_out] = token
        elif paged.token_out == "PaginationToken":
            # The tagging API ends with an empty token, where the others send none.
            answer[paged.token_out] = ""
        return answer

    def _rest(
        self, operation: str, query: dict[str, Any], token: str | None, whole: Callable[[], dict[str, Any]]
    ) -> _Rest:
        if not token:
            return _Rest(operation, query, whole(), 0)
        rest = self._rests.get(token)
        if rest is None or (rest.operation, rest.query) != (operation, query):
            raise AwsError(PAGED[operation].bad_token, "The token is not one of this query.")
        return rest
