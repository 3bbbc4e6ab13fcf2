"""Checks a request against AWS's own model of the operation, as botocore ships it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

_SESSION = botocore.session.Session()

# The Unicode classes of AWS's Java patterns, in the words of Python's `re`. \w is all letters, digits and the
# underscore; the pattern that uses these classes allows the underscore too.
_JAVA_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{Print}": "[ -~]",
    r"\uD800\uDC00-\uDBFF\uDFFF": "\U00010000-\U0010ffff",
}

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "double": (float, int),
    "float": (float, int),
    "boolean": (bool,),
    "timestamp": (float, int, datetime),
    "blob": (str, bytes),
}


@cache
def service_model(service: str) -> ServiceModel:
    return _SESSION.get_service_model(service)


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """Raises botocore's OperationNotFoundError for an operation that the service does not have."""
    return service_model(service).operation_model(operation)


def problems(service: str, operation: str, params: Any) -> list[str]:
    """All that is wrong with the request, each with the path of the member and what AWS accepts."""
    shape = operation_model(service, operation).input_shape
    if shape is None:
        return []
    return list(_problems(shape, params, ""))


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    expected = _TYPES[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        yield f"{path or 'request'} is {value!r}, not of type {shape.type_name}"
        return
    match shape.type_name:
        case "structure":
            yield from _structure_problems(shape, value, path)
        case "list":
            yield from _size_problems(shape, len(value), path, "length")
            for index, item in enumerate(value):
                yield from _problems(shape.member, item, f"{path}[{index}]")
        case "map":
            yield from _size_problems(shape, len(value), path, "length")
            for key, item in value.items():
                yield from _problems(shape.key, key, f"{path} key {key!r}")
                yield from _problems(shape.value, item, f"{path}.{key}")
        case "string":
            yield from _string_problems(shape, value, path)
        case "integer" | "long" | "double" | "float":
            yield from _size_problems(shape, value, path, "value")


def _structure_problems(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield f"{prefix}{name} is missing"
    for name, item in value.items():
        if name in shape.members:
            yield from _problems(shape.members[name], item, f"{prefix}{name}")
        else:
            yield f"{prefix}{name} is not a member of {shape.name}"


def _string_problems(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _size_problems(shape, len(value), path, "length")
    if shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}, not one of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path} is {value!r}, which does not match {pattern}"


def _size_problems(shape: Shape, size: float, path: str, noun: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < float(least):
        yield f"{path} has {noun} {size}, less than {least}"
    if most is not None and size > float(most):
        yield f"{path} has {noun} {size}, more than {most}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
