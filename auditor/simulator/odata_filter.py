"""A small, real parser for the `$filter` of Microsoft Graph.

It knows comparisons, `in`, `and`/`or`/`not`, parentheses, `startswith`, `endswith`, `any` over a collection of
strings or of objects, and `collection/$count`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Getter = Callable[[str], Any]
Test = Callable[[Getter], bool]


class FilterError(ValueError):
    """The text is no filter, or names a property that does not exist."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter."""

    test: Test
    advanced: bool
    """Whether the directory only answers it with ConsistencyLevel: eventual and $count=true."""


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    | (?P<time>\d{4}-\d\d-\d\dT[0-9:.]+Z)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<sign>[(),/:])
    )""",
    re.VERBOSE,
)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": lambda text, part: part in text,
}
_ORDER = frozenset({"lt", "le", "gt", "ge"})
_COMPARISONS = frozenset({"eq", "ne", *_ORDER})


def parse(text: str, known: frozenset[str]) -> Filter:
    """Parse a filter whose top-level properties must be among the known ones."""
    parser = _Parser(_tokens(text), known)
    test = parser.disjunction()
    parser.end()
    return Filter(test, parser.advanced)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"Syntax error at position {at} in '{text}'.")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], known: frozenset[str]) -> None:
        self._tokens = tokens
        self._known = {name.lower(): name for name in known}
        self._at = 0
        self.advanced = False

    # Grammar

    def disjunction(self) -> Test:
        parts = [self._conjunction()]
        while self._word("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda get: any(part(get) for part in parts)

    def _conjunction(self) -> Test:
        parts = [self._negation()]
        while self._word("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda get: all(part(get) for part in parts)

    def _negation(self) -> Test:
        if self._word("not"):
            self.advanced = True
            inner = self._negation()
            return lambda get: not inner(get)
        if self._sign("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        name = self._name()
        function = _FUNCTIONS.get(name.lower())
        if function is not None and self._sign("("):
            return self._function(name.lower(), function)
        path = self._path(name)
        if isinstance(path, _Any):
            return path.test
        if self._word("in"):
            return self._membership(path)
        operator = self._name().lower()
        if operator not in _COMPARISONS:
            raise FilterError(f"'{operator}' is not a comparison.")
        value = self._value()
        if operator == "ne":
            self.advanced = True
        return lambda get: _compare(path(get), operator, value)

    def _function(self, name: str, function: Callable[[str, str], bool]) -> Test:
        path = self._path(self._name())
        if isinstance(path, _Any):
            raise FilterError(f"{name} takes a property.")
        self._expect(",")
        part = self._value()
        self._expect(")")
        if not isinstance(part, str):
            raise FilterError(f"{name} takes a string.")
        if name != "startswith":
            self.advanced = True
        lowered = part.lower()

        def test(get: Getter) -> bool:
            value = path(get)
            return isinstance(value, str) and function(value.lower(), lowered)

        return test

    def _membership(self, path: Callable[[Getter], Any]) -> Test:
        self._expect("(")
        values = [_fold(self._value())]
        while self._sign(","):
            values.append(_fold(self._value()))
        self._expect(")")
        wanted = frozenset(values)
        return lambda get: _fold(path(get)) in wanted

    def _path(self, name: str) -> Callable[[Getter], Any] | _Any:
        steps = [self._property(name)]
        while self._sign("/"):
            step = self._name()
            if step.lower() in {"any", "all"} and self._sign("("):
                return self._lambda(step.lower(), steps)
            if step == "$count":
                self.advanced = True
            steps.append(step)
        return lambda get: _walk(get, steps)

    def _lambda(self, quantifier: str, steps: list[str]) -> _Any:
        variable = self._name()
        self._expect(":")
        inner_known = self._known
        # Inside, the only name is the variable itself.
        self._known = {variable.lower(): variable}
        inner = self.disjunction()
        self._known = inner_known
        self._expect(")")
        chosen = any if quantifier == "any" else all

        def test(get: Getter) -> bool:
            items = _walk(get, steps) or ()
            return chosen(inner(lambda _name, item=item: item) for item in items)  # type: ignore[misc]

        return _Any(test)

    # Tokens

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise FilterError(f"'{self._tokens[self._at][1]}' was not expected.")

    def _property(self, name: str) -> str:
        found = self._known.get(name.lower())
        if found is None:
            raise FilterError(f"Could not find a property named '{name}' on type 'microsoft.graph.user'.")
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _word(self, word: str) -> bool:
        kind, text = self._peek()
        if kind == "name" and text.lower() == word:
            self._at += 1
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self._peek() == ("sign", sign):
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise FilterError(f"'{sign}' was expected.")

    def _name(self) -> str:
        kind, text = self._peek()
        if kind != "name":
            raise FilterError(f"A name was expected instead of '{text}'.")
        self._at += 1
        return text

    def _value(self) -> Any:
        kind, text = self._peek()
        self._at += 1
        match kind:
            case "text":
                return text[1:-1].replace("''", "'")
            case "guid" | "time":
                return text
            case "number":
                return float(text)
            case "name" if text.lower() in _WORDS:
                return _WORDS[text.lower()]
            case _:
                raise FilterError(f"A value was expected instead of '{text}'.")


@dataclass(frozen=True, slots=True)
class _Any:
    test: Test


def _walk(get: Getter, steps: list[str]) -> Any:
    value = get(steps[0])
    for step in steps[1:]:
        if step == "$count":
            value = len(value or ())
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _compare(value: Any, operator: str, wanted: Any) -> bool:
    left, right = _fold(value), _fold(wanted)
    if operator == "eq":
        return bool(left == right)
    if operator == "ne":
        return bool(left != right)
    if left is None or right is None or isinstance(left, bool) or isinstance(left, str) != isinstance(right, str):
        return False
    match operator:
        case "lt":
            return bool(left < right)
        case "le":
            return bool(left <= right)
        case "gt":
            return bool(left > right)
        case _:
            return bool(left >= right)
