"""CloudWatch's metric math as alarms of scaling use it: arithmetic, comparisons, CEIL, FLOOR, ABS and IF.

AWS: "Missing values in a time series are treated as 0." What is divided by 0 is dropped.
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html)
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from local.errors import AwsError

Series = dict[datetime, float]
Value = Series | float
Evaluate = Callable[[Mapping[str, Series]], Value]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z]\w*)"
    r"|(?P<operator><=|>=|==|!=|&&|\|\||[-+*/^<>(),]))"
)

_NUMERIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&&": lambda left, right: bool(left) and bool(right),
    "AND": lambda left, right: bool(left) and bool(right),
    "||": lambda left, right: bool(left) or bool(right),
    "OR": lambda left, right: bool(left) or bool(right),
}
# Operators from the loosest to the tightest.
_LEVELS = (("||", "OR"), ("&&", "AND"), ("<", "<=", ">", ">=", "==", "!="), ("+", "-"), ("*", "/"), ("^",))
_FUNCTIONS: dict[str, Callable[[float], float]] = {"CEIL": math.ceil, "FLOOR": math.floor, "ABS": abs}


def names(expression: str) -> set[str]:
    """The ids that the expression uses; raises AwsError where it is none."""
    return _Parser(expression).ids


def evaluate(expression: str, series: Mapping[str, Series]) -> Value:
    """The value at each time at which any of the series that count has one."""
    return _Parser(expression).tree(series)


class _Parser:
    """Recursive descent over the tokens; `tree` computes, `ids` are the names on the way."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._next = 0
        self.ids: set[str] = set()
        self.tree = self._level(0)
        if self._next < len(self._tokens):
            raise self._error(f"unexpected {self._tokens[self._next]!r}")

    def _split(self) -> list[str]:
        tokens, text = [], self._expression.rstrip()
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._error(f"unexpected {text[position:]!r}")
            tokens.append(found.group(found.lastgroup or 0))
            position = found.end()
        return tokens

    def _error(self, problem: str) -> AwsError:
        return AwsError("ValidationError", f"Error in expression '{self._expression}': {problem}")

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise self._error("unexpected end")
        self._next += 1
        return token

    def _expect(self, token: str) -> None:
        if (found := self._take()) != token:
            raise self._error(f"{found!r} where {token!r} is expected")

    def _level(self, level: int) -> Evaluate:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            left = _binary(_NUMERIC[self._take()], left, self._level(level + 1))
        return left

    def _unary(self) -> Evaluate:
        if self._peek() == "-":
            self._take()
            return _binary(operator.sub, lambda _: 0.0, self._unary())
        return self._primary()

    def _primary(self) -> Evaluate:
        token = self._take()
        if token == "(":
            inner = self._level(0)
            self._expect(")")
            return inner
        if token[0].isdigit() or token[0] == ".":
            number = float(token)
            return lambda _: number
        if self._peek() == "(":
            return self._call(token)
        if not re.fullmatch(r"[a-z]\w*", token):
            raise self._error(f"{token!r} is no id")
        self.ids.add(token)
        return lambda series: series[token]

    def _call(self, function: str) -> Evaluate:
        self._expect("(")
        arguments = [self._level(0)]
        while self._peek() == ",":
            self._take()
            arguments.append(self._level(0))
        self._expect(")")
        if function == "IF" and len(arguments) == 3:
            return _if(*arguments)
        if function in _FUNCTIONS and len(arguments) == 1:
            compute = _FUNCTIONS[function]
            return _binary(lambda value, _: compute(value), arguments[0], lambda _: 0.0)
        raise self._error(f"there is no {function} of {len(arguments)} here")


def _binary(compute: Callable[[float, float], float], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda series: _combine(compute, left(series), right(series))


def _if(condition: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    """AWS: where the condition has no value, it is false."""

    def choose(series: Mapping[str, Series]) -> Value:
        values = decided, chosen, left_over = condition(series), then(series), otherwise(series)
        if not any(isinstance(value, dict) for value in values):
            return chosen if decided else left_over
        times = {time for value in values if isinstance(value, dict) for time in value}
        return {time: _at(chosen if _at(decided, time) else left_over, time) for time in times}

    return choose


def _combine(compute: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if not isinstance(left, dict) and not isinstance(right, dict):
        return _computed(compute, left, right)
    times = {time for value in (left, right) if isinstance(value, dict) for time in value}
    result = {time: _computed(compute, _at(left, time), _at(right, time)) for time in times}
    return {time: value for time, value in result.items() if not math.isnan(value)}


def _at(value: Value, time: datetime) -> float:
    return value.get(time, 0.0) if isinstance(value, dict) else value


def _computed(compute: Callable[[float, float], float], left: float, right: float) -> float:
    """Not a number stands for a datapoint that is dropped."""
    try:
        value = compute(left, right)
    except (ArithmeticError, ValueError):
        return math.nan
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
