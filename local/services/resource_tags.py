"""Tags of resources that are known by an ARN: scalable targets and alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from local.account import Account
from local.errors import AwsError

_MOST = 50


def add(account: Account, arn: str, tags: Mapping[str, str]) -> None:
    """A key that is there already gets the new value."""
    whole = account.resource_tags.get(arn, {}) | dict(tags)
    if len(whole) > _MOST:
        raise AwsError("TooManyTagsException", f"A resource has at most {_MOST} tags.")
    account.resource_tags[arn] = whole


def remove(account: Account, arn: str, keys: Iterable[str]) -> None:
    for key in keys:
        account.resource_tags.get(arn, {}).pop(key, None)


def of(account: Account, arn: str) -> dict[str, str]:
    return account.resource_tags.get(arn, {})


def forget(account: Account, arn: str) -> None:
    """Tags go with their resource."""
    account.resource_tags.pop(arn, None)
