"""Which faults a simulated tenant plays, how often and how hard: the named plans, and plans from a TOML file.

A fault is a *form* (`throttled/429_date`) of a *kind* (`throttled`). A plan file may hold, all optional:

    rate = 0.1                     # share of the requests, 0 to 1
    in_a_row = 2                   # the same request is never hit more often than this in succession
    only = ["connection", "throttled/429_date"]    # kinds or forms; without it all
    without = ["denied/403"]       # kinds or forms to leave out
    stall_s = 1.0                  # how long a stalled answer takes
    drip_s = 1.0                   # how long a dripping answer takes
    retry_after_s = 1              # Retry-After in seconds and as a date (rounded up to whole seconds)
    very_long_s = 31536000         # the Retry-After that is very long
    back_off_ms = 800              # Exchange's BackOffMilliseconds
    overlong_bytes = 262144        # what follows the end of an over-long body
    largest_page = 50              # users on a page of Graph at most, so that small tenants have pages too

    [origins.graph]                # rate, in_a_row, only, without for one origin
    rate = 0.3

    [[always]]                     # besides the rate: the first asks of every request that fits
    origin = "exchange"
    form = "soap/busy_200"
    match = "adele@"               # a regular expression, searched in method, path and query (or mailbox); "" fits all
    times = 1                      # how many asks of each such request; `times = "ever"` for all of them

    [[always]]                     # an answer of one's own instead of a form
    origin = "graph"
    form = "own/answer"
    match = "/photo$"
    status = 404                   # 200 unless told otherwise
    content_type = "application/json"
    headers = { ETag = "1" }
    body = "{}"                    # text; or file = "answer.json", read from the plan's folder
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from auditor.simulator.asgi import Response

YEAR = 31_536_000


class PlanError(ValueError):
    """A plan that cannot be used; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of one kind of fault."""

    kind: str
    name: str
    rare: bool = False
    """It can cost a patient client the answer for good. Named plans play it once in a block of requests, for users
    of the scope only and only where a user's workload is asked first."""
    first_only: bool = False
    """Played on the first ask of a request only (and every sixteenth after)."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def _forms(kind: str, names: str) -> tuple[Form, ...]:
    return tuple(Form(kind, name) for name in names.split())


FORMS: tuple[Form, ...] = (
    *_forms("connection", "refused reset_before reset_inside"),
    *_forms("slow", "stall drip"),
    *_forms("damaged", "truncated chunk_cut overlong corrupted wrong_length"),
    *_forms("wrong_answer", "content_type sign_in_page"),
    *_forms("throttled", "429_seconds 429_date 429_zero 429_negative 429_garbage 429_absent"),
    *_forms("throttled", "503_seconds 503_date 503_zero 503_negative 503_garbage 503_absent"),
    Form("throttled", "very_long", rare=True),
    *_forms("server_error", "500 502 504"),
    Form("denied", "401", first_only=True),
    Form("denied", "403", rare=True),
    *_forms("batch", "throttled throttled_absent missing duplicate failed"),
    Form("batch", "throttled_very_long", rare=True),
    *_forms("pages", "expired_token repeated endless duplicate_users vanished_users"),
    *_forms("soap", "fault busy_200 busy_500 moving objects inner_busy error_page"),
)
KINDS = tuple(dict.fromkeys(form.kind for form in FORMS))
OWN = Form("own", "answer")
"""Whatever a plan's author writes down, for `always` alone."""
BY_NAME = {str(form): form for form in (*FORMS, OWN)}


@dataclass(frozen=True, slots=True)
class Rule:
    """Faults for just these requests."""

    origin: str
    form: Form
    match: re.Pattern[str]
    times: int | None = 1
    """How many asks; None for all."""
    answer: Response | None = None
    """What is answered; only of the form `OWN`."""


@dataclass(frozen=True, slots=True)
class Share:
    """How often, and what, at one origin."""

    rate: float = 0.0
    in_a_row: int = 2
    forms: tuple[Form, ...] = FORMS


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan."""

    share: Share = Share()
    origins: Mapping[str, Share] = field(default_factory=dict)
    always: tuple[Rule, ...] = ()
    stall_s: float = 1.0
    drip_s: float = 1.0
    retry_after_s: float = 1.0
    very_long_s: float = YEAR
    back_off_ms: int = 800
    overlong_bytes: int = 256 * 1024
    largest_page: int = 50

    def at(self, origin: str) -> Share:
        """What holds for this origin."""
        return self.origins.get(origin, self.share)


def _named(rate: float, in_a_row: int) -> Plan:
    share = Share(rate, in_a_row)
    # A token that was handed out ready cannot be renewed: refusing it once ends that workload for good.
    yammer = replace(share, forms=tuple(form for form in FORMS if str(form) != "denied/401"))
    return Plan(share, {"identity": replace(share, in_a_row=1), "yammer": yammer})


NAMED: Mapping[str, Plan] = {"light": _named(0.02, 1), "heavy": _named(0.20, 2), "hostile": _named(0.40, 3)}
"""The plans known by name. No wait that they ask for or make is longer than two seconds, but for the Retry-After of
a year: nobody can obey that, and the service does not insist on it."""


def read_plan(text: str, origins: Sequence[str]) -> Plan:
    """The plan of this name, else from the TOML file of this path. Raises `PlanError`."""
    if text in NAMED:
        return NAMED[text]
    path = Path(text)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(NAMED)
        raise PlanError(f"there is no plan {text!r}: name one of {known}, or a TOML file that exists") from None
    except (OSError, UnicodeDecodeError):
        raise PlanError(f"{text} cannot be read as a text file") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{text} is no TOML: {error}") from None
    try:
        return _plan(table, origins, path.parent)
    except PlanError as error:
        raise PlanError(f"{text}: {error}") from None


_NUMBERS: Mapping[str, type] = {
    "stall_s": float,
    "drip_s": float,
    "retry_after_s": float,
    "very_long_s": float,
    "back_off_ms": int,
    "overlong_bytes": int,
    "largest_page": int,
}
_SHARE = ("rate", "in_a_row", "only", "without")


def _plan(table: dict[str, Any], origins: Sequence[str], folder: Path) -> Plan:
    _known(table, (*_SHARE, *_NUMBERS, "origins", "always"), "")
    share = _share(table, Share(), "")
    numbers = {name: kind(_number(table[name], kind, name)) for name, kind in _NUMBERS.items() if name in table}
    if numbers.get("largest_page", 1) < 1:
        raise PlanError("largest_page must be at least 1")
    special = table.get("origins", {})
    if not isinstance(special, dict) or not all(isinstance(one, dict) for one in special.values()):
        raise PlanError("origins holds tables: write [origins.graph]")
    _known(special, origins, "origins.")
    shares = {}
    for name, entry in special.items():
        _known(entry, _SHARE, f"origins.{name}.")
        shares[name] = _share(entry, share, f"origins.{name}.")
    rules = table.get("always", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise PlanError("always holds tables: write [[always]]")
    return Plan(share, shares, tuple(_rule(rule, origins, folder) for rule in rules), **numbers)


def _known(table: Mapping[str, Any], names: Sequence[str], prefix: str) -> None:
    for name in table:
        if name not in names:
            raise PlanError(f"{prefix}{name} is not known here; known are {', '.join(names)}")


def _number(value: object, kind: type, name: str) -> float:
    right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right or (kind is int and not isinstance(value, int)):
        raise PlanError(f"{name} must be a {'whole ' if kind is int else ''}number")
    assert isinstance(value, int | float)
    if not 0 <= value < float("inf"):
        raise PlanError(f"{name} must not be negative")
    return value


def _share(table: Mapping[str, Any], base: Share, prefix: str) -> Share:
    rate = _number(table.get("rate", base.rate), float, prefix + "rate")
    if rate > 1:
        raise PlanError(f"{prefix}rate is a share between 0 and 1")
    in_a_row = int(_number(table.get("in_a_row", base.in_a_row), int, prefix + "in_a_row"))
    forms = _named_forms(table["only"], prefix + "only") if "only" in table else base.forms
    left_out = _named_forms(table.get("without", []), prefix + "without")
    return Share(rate, in_a_row, tuple(form for form in forms if form not in left_out))


def _named_forms(names: object, where: str) -> tuple[Form, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PlanError(f"{where} is a list of kinds or forms")
    found: list[Form] = []
    for name in names:
        forms = [form for form in FORMS if name in (form.kind, str(form))]
        if not forms:
            raise PlanError(f"{where}: there is no fault {name!r}; kinds are {', '.join(KINDS)}")
        found += forms
    return tuple(dict.fromkeys(found))


def _rule(table: Mapping[str, Any], origins: Sequence[str], folder: Path) -> Rule:
    own = table.get("form") == str(OWN)
    _known(table, ("origin", "form", "match", "times", *(_ANSWER if own else ())), "always.")
    if table.get("origin") not in origins:
        raise PlanError(f"always.origin must be one of {', '.join(origins)}")
    form = BY_NAME.get(str(table.get("form")))
    if form is None:
        raise PlanError(f"always.form: there is no fault {table.get('form')!r}; write it as kind/form")
    try:
        match = re.compile(str(table.get("match", "")))
    except re.error as error:
        raise PlanError(f"always.match is no regular expression: {error}") from None
    times = table.get("times", 1)
    count = None if times == "ever" else int(_number(times, int, 'always.times (or "ever")'))
    return Rule(str(table["origin"]), form, match, count, _answer(table, folder) if own else None)


_ANSWER = ("status", "content_type", "headers", "body", "file")


def _answer(table: Mapping[str, Any], folder: Path) -> Response:
    status = int(_number(table.get("status", 200), int, "always.status"))
    if not 200 <= status <= 599:
        raise PlanError("always.status must be between 200 and 599")
    headers = table.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise PlanError('always.headers is a table of texts: write headers = { Location = "…" }')
    body = str(table.get("body", "")).encode()
    if "file" in table:
        try:
            body = (folder / str(table["file"])).read_bytes()
        except OSError:
            raise PlanError(f"always.file: {table['file']} cannot be read") from None
    return Response(status, body, str(table.get("content_type", "")), tuple(headers.items()))
