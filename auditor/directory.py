"""Who is audited: the directory of Entra ID, or a list of named users, and who of them is left out."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from auditor.model import User
from auditor.services.errors import ServiceError
from auditor.services.graph import PAGE, Collected, Graph, GraphError, refusal_remedy
from auditor.services.text import LONGEST, identity, told, writable
from auditor.settings import Scope

T = TypeVar("T")

SELECT = (
    "id,userPrincipalName,mail,displayName,userType,accountEnabled,assignedLicenses,assignedPlans,"
    "department,onPremisesSyncEnabled,proxyAddresses"
)
"""Named one by one: Graph gives none of the last seven unless asked."""
EXCHANGE = "exchange"
MAILBOX_PLANS = frozenset(
    {
        "efb87545-963c-4e0d-99df-69c6916d9eb0",  # EXCHANGE_S_ENTERPRISE
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c",  # EXCHANGE_S_STANDARD
        "4a82b400-a79f-41a4-b4e2-e94f5787b113",  # EXCHANGE_S_DESKLESS
        "1126bef5-da20-4f07-b45e-ad25d2581aa8",  # EXCHANGE_S_ESSENTIALS
        "90927877-dcff-4af6-b346-2332c0b15bb7",  # EXCHANGE_B_STANDARD (POP)
        "d42bdbd6-c335-4231-ab3d-c8f348d5aff5",  # EXCHANGE_L_STANDARD
        "fc52cc4b-ed7d-472d-bbe7-b081c23ecc56",  # EXCHANGE_S_STANDARD_MIDMARKET
        "8c3069c0-ccdb-44be-ab77-986203a67df2",  # EXCHANGE_S_ENTERPRISE_GOV
        "e9b4930a-925f-45e2-ac2a-3f7788ca6fdd",  # EXCHANGE_S_STANDARD_GOV
    }
)
"""Service plans that come with a mailbox (Microsoft's licensing service plan reference). Many others, such as
EXCHANGE_S_FOUNDATION, are plans of the service `exchange` and come without one."""
KIOSK_PLAN = "4a82b400-a79f-41a4-b4e2-e94f5787b113"
"""Service plan EXCHANGE_S_DESKLESS (Microsoft's licensing service plan reference)."""
LIVE = frozenset({"enabled", "warning"})
"""capabilityStatus of a plan that works; suspended, deleted and lockedOut ones do not."""


class ScopeError(Exception):
    """Whom to audit cannot be told; the message names who or what, and the remedy."""


NAMELESS = "without id or user principal name"


@dataclass(frozen=True, slots=True)
class Listed:
    """The users to audit, and how many of each class were left out."""

    users: tuple[User, ...]
    directory: int
    """How many accounts were read."""
    excluded: Mapping[str, int]
    accounts: Mapping[str, str] | None = None
    """Every account of the whole directory that was read, by id: its UPN. None where less was asked for."""
    before: int | None = None
    """The directory's own count when the list was begun; None where it was not asked or did not say."""
    notes: tuple[str, ...] = ()
    """What a reader of the run should know of how the list was read."""


@dataclass(frozen=True, slots=True)
class Census:
    """The directory when the audit ended, held against the list that the audit began with."""

    listed: int
    before: int | None
    after: int | None
    joined: tuple[str, ...] = ()
    """UPNs of accounts that were not in the list."""
    left: tuple[str, ...] = ()
    """UPNs of accounts that were in the list and are no more."""
    problem: str = ""
    """Why the list cannot be taken for complete; empty where it can."""


async def list_users(graph: Graph, scope: Scope) -> Listed:
    """Read whom to audit.

    Named users are audited whatever class they are of; groups and the whole directory by class. A list
    that cannot be read to its end raises; a partial list is never returned.
    """
    if scope.users:
        named = {name: await _named(graph, name) for name in dict.fromkeys(scope.users)}
        if unknown := [f"'{name}'" for name, user in named.items() if user is None]:
            more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
            raise ScopeError(
                f"There is no user {', '.join(unknown[:20])}{more} in this tenant."
                " Name users by user principal name, object id or mail address."
            )
        unique = tuple({user.id: user for user in named.values() if user is not None}.values())
        return Listed(unique, len(unique), {})
    unwanted = {identity for name in scope.exclude_groups for identity in (await _members(graph, name, _id)).entries}
    before: int | None = None
    if scope.groups:
        lists = [await _members(graph, name, _account) for name in scope.groups]
    else:
        before = await graph.count("/users")
        lists = [await graph.every(f"/users?{_query(SELECT)}", _account)]
    found: dict[str, User | None] = {}
    for one in lists:
        for own, account in one.entries:
            found.setdefault(own, account)
    users: list[User] = []
    excluded: Counter[str] = Counter()
    for own, user in found.items():
        if user is None:
            excluded[NAMELESS] += 1
        elif own in unwanted:
            excluded["excluded groups"] += 1
        elif reason := await _excluded(graph, user, scope.include):
            excluded[reason] += 1
        else:
            users.append(user)
    nameless = sum(one.nameless for one in lists)
    excluded[NAMELESS] += nameless
    excluded += Counter()
    accounts = {identity: user.upn if user else "" for identity, user in found.items()}
    return Listed(
        tuple(users),
        len(found) + nameless,
        dict(sorted(excluded.items())),
        accounts=None if scope.groups else accounts,
        before=before,
        notes=tuple(_notes(lists)),
    )


def _notes(lists: Sequence[Collected[Any]]) -> Iterable[str]:
    if repeated := sum(one.repeated for one in lists):
        yield f"The list of users named {repeated} account(s) more than once; each is audited once."
    if restarts := sum(one.restarts for one in lists):
        yield f"The list of users expired or never ended while it was read, and was read anew {restarts} time(s)."


async def census(
    graph: Graph,
    listed: int,
    before: int | None,
    accounts: Mapping[str, str],
    unnamed: Callable[[str], bool] = lambda _: False,
) -> Census:
    """Count the directory again when everyone was asked; name who joined and left if anything changed.

    `unnamed`: whose object ids are in no list here although they were listed, and stay so.

    The list is complete where the directory's own counts, before and after, differ from it and from each other
    by no more than `tolerance`. Counts are eventually consistent, so small differences say nothing.
    """
    after = await graph.count("/users")
    counts = [count for count in (before, after) if count is not None]
    if counts and all(count == listed for count in counts):
        return Census(listed, before, after)
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problem = ""
    try:
        now = {
            one.id: one.upn for one in (await graph.every(f"/users?{_query('id,userPrincipalName')}", parse)).entries
        }
        new = (one for one in now if one not in accounts and not unnamed(one))
        joined = tuple(sorted(now[identity] for identity in new))
        left = tuple(sorted(upn for identity, upn in accounts.items() if identity not in now and upn))
        counts.append(len(now))
    except ServiceError as error:
        problem = f"who joined or left meanwhile could not be learned: {error.sentence}" if not counts else ""
    most = tolerance(listed)
    if any(abs(count - listed) > most for count in counts):
        told = ", ".join(
            f"{count} {when}" for count, when in ((before, "before"), (after, "after")) if count is not None
        )  # fmt: skip
        problem = (
            f"{listed} accounts were listed, and the directory counts {told or f'{counts[-1]} now'}:"
            f" {len(joined)} joined and {len(left)} left meanwhile"
        )
    return Census(listed, before, after, joined, left, problem)


def tolerance(count: int) -> float:
    """How many accounts a directory's counts may differ by: five, or half a percent of a large one."""
    return max(5.0, 0.005 * count)


def _account(entry: Mapping[str, Any]) -> tuple[str, User | None] | None:
    """An entry's id, and the user that it is where it has a UPN too; None where it is nobody."""
    own = _id(entry)
    return (own, parse(entry)) if own else None


def _id(entry: Mapping[str, Any]) -> str | None:
    return identity(entry.get("id"))


def _query(select: str, **more: str) -> str:
    return urlencode({"$select": select, "$top": PAGE, **more}, safe="$,")


def parse(entry: Mapping[str, Any]) -> User | None:
    """One element of `/users`; None where it is no user with an id and a UPN."""
    own, upn = _id(entry), entry.get("userPrincipalName")
    if own is None or not isinstance(upn, str) or not 0 < len(upn) <= LONGEST:
        return None
    plans = [
        str(plan.get("servicePlanId", "")).lower()
        for plan in _list(entry.get("assignedPlans"))
        if isinstance(plan, dict)
        and str(plan.get("service", "")).lower() == EXCHANGE
        and str(plan.get("capabilityStatus", "")).lower() in LIVE
        and str(plan.get("servicePlanId", "")).lower() in MAILBOX_PLANS
    ]
    proxies = [told(one).partition(":") for one in _list(entry.get("proxyAddresses"))]
    return User(
        id=own,
        upn=writable(upn),
        mail=told(entry.get("mail")),
        display_name=told(entry.get("displayName")),
        user_type=told(entry.get("userType")) or "Member",
        enabled=entry.get("accountEnabled") is not False,
        licensed=bool(entry.get("assignedLicenses")),
        department=told(entry.get("department")),
        synced=entry.get("onPremisesSyncEnabled") is True,
        exchange_plan=bool(plans),
        kiosk=bool(plans) and set(plans) == {KIOSK_PLAN},
        addresses=tuple(
            # One with a space in it would be read back as two, and one of them be somebody else's.
            dict.fromkeys(
                address.lower() for kind, _, address in proxies if kind.lower() == "smtp" and len(address.split()) == 1
            )
        ),
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


async def _excluded(graph: Graph, user: User, include: Sequence[str]) -> str:
    """The class for which a user is left out; empty where the user is in scope."""
    if user.user_type.lower() == "guest":
        return "" if "guests" in include else "guests"
    if "#EXT#" in user.upn:
        return "" if "external-members" in include else "external-members"
    if not user.enabled:
        # Shared and room mailboxes are disabled accounts; only the mailbox says which. It is asked where it matters.
        if not user.licensed and ("shared" in include or "rooms" in include):
            purpose = await _purpose(graph, user)
            named = {"shared": "shared", "room": "rooms", "equipment": "rooms"}.get(purpose, "")
            if named:
                return "" if named in include else named
        return "" if "disabled" in include else "disabled"
    if not user.licensed:
        return "" if "unlicensed" in include else "unlicensed"
    return ""


async def _purpose(graph: Graph, user: User) -> str:
    answer = await graph.get(f"/users/{quote(user.id, safe='')}/mailboxSettings?$select=userPurpose")
    if answer.status == 403:
        raise ScopeError(
            "Shared and room mailboxes can only be told apart with the Graph application permission"
            " MailboxSettings.Read: a person's sign-in reads this person's own mailbox only. Grant it to the app that"
            " signs in as itself, or leave --include shared,rooms out."
        )
    if answer.status != 200 and not answer.error_code.startswith("Mailbox"):
        told = answer.error_code or f"HTTP {answer.status}"
        raise GraphError(f"Graph answered {told} when asked for the purpose of the mailbox of {user.upn}", told)
    purpose = answer.json().get("userPurpose")
    if isinstance(purpose, dict):
        purpose = purpose.get("value")
    return str(purpose or "")


async def _members(graph: Graph, name: str, read: Callable[[Mapping[str, Any]], T | None]) -> Collected[T]:
    identity = await _group(graph, name)
    # Casting the members of a group is an advanced query: it needs the count and eventual consistency.
    path = f"/groups/{identity}/transitiveMembers/microsoft.graph.user?{_query(SELECT, **{'$count': 'true'})}"
    try:
        return await graph.every(path, read, eventual=True)
    except GraphError as error:
        raise ScopeError(
            f"The members of the group '{name}' cannot be read ({error.code or error.sentence})."
            " Check its name or object id, and that the app has GroupMember.Read.All."
        ) from None


async def _group(graph: Graph, name: str) -> str:
    if len(name) == 36 and name.count("-") == 4:
        return quote(name, safe="")
    literal = name.replace("'", "''")
    query = urlencode({"$filter": f"displayName eq '{literal}'", "$select": "id,displayName"}, safe="$,")
    try:
        found = [entry async for page in graph.pages(f"/groups?{query}") for entry in page]
    except GraphError as error:
        raise ScopeError(f"Groups cannot be read ({error.code}): grant the app GroupMember.Read.All.") from None
    if len(found) != 1:
        many = "there is no group" if not found else f"{len(found)} groups are"
        raise ScopeError(f"{many} called '{name}'. Name the group by its object id.")
    group = identity(found[0].get("id"))
    if group is None:
        raise ScopeError(f"Graph names no usable object id for the group '{name}'. Name the group by its object id.")
    return quote(group, safe="")


async def _named(graph: Graph, name: str) -> User | None:
    """The user of this name: by object id or UPN, else by address; None where Graph says that there is none."""
    if identity(name) is None:
        return None
    answer = await graph.get(f"/users/{quote(name, safe='@')}?{urlencode({'$select': SELECT}, safe='$,')}")
    if answer.status == 200:
        user = parse(answer.json())
        if user is not None:
            return user
    if answer.status == 404:
        return await _addressed(graph, name) if "@" in name else None
    code = answer.error_code
    raise GraphError(
        f"Graph answered {answer.status}{f' ({code})' if code else ''} when asked for '{name}'", code,
        remedy=refusal_remedy(answer),
    )  # fmt: skip


async def _addressed(graph: Graph, address: str) -> User | None:
    """The user with this mail or other address: who asks for one person often knows nothing else.

    Assumption: Graph finds `mail` and `proxyAddresses` in one filter. Where it refuses, nobody is found.
    """
    literal = address.replace("'", "''")
    wanted = f"mail eq '{literal}' or proxyAddresses/any(one:one eq 'smtp:{literal}')"
    query = urlencode({"$filter": wanted, "$select": SELECT}, safe="$,")
    try:
        entries = [entry async for page in graph.pages(f"/users?{query}") for entry in page]
    except GraphError:
        return None
    users = {user.id: user for user in map(parse, entries) if user is not None}
    if len(users) > 1:
        who = ", ".join(f"{user.upn} ({user.id})" for user in users.values())
        raise ScopeError(f"{len(users)} users have the address '{address}': {who}. Name one by its object id.")
    return next(iter(users.values()), None)


def read_users_file(file: Path) -> tuple[str, ...]:
    """UPNs or object ids from a file: one a line, a CSV with a column `upn`, `userPrincipalName`, `user_id` or
    `id`, or JSON lines with such a key. Raises `ScopeError`."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ScopeError(f"There is no file {file} (--users-from).") from None
    except (OSError, UnicodeDecodeError):
        raise ScopeError(f"The file {file} (--users-from) cannot be read as UTF-8 text.") from None
    filled = [line for line in lines if line.strip() and not line.lstrip().startswith("# ")]
    names = tuple(dict.fromkeys(name for name in _names(filled, file) if name))
    if not names:
        raise ScopeError(f"The file {file} (--users-from) names no users.")
    return names


_KEYS = ("upn", "userprincipalname", "user principal name", "user_id", "id", "object id")


def _names(lines: Sequence[str], file: Path) -> Iterable[str]:
    if lines and lines[0].lstrip().startswith("{"):
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
            except ValueError:
                raise ScopeError(f"{file}: line {number} is not a JSON object.") from None
            lowered = {str(key).lower(): value for key, value in entry.items()} if isinstance(entry, dict) else {}
            yield next((str(lowered[key]).strip() for key in _KEYS if lowered.get(key)), "")
        return
    # Excel writes semicolons where the comma is the decimal sign.
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    header = [cell.strip().lower() for cell in next(csv.reader(lines[:1], delimiter=delimiter), [])]
    column = next((header.index(key) for key in _KEYS if key in header), None)
    if column is None:
        if len(header) > 1:
            raise ScopeError(f"{file}: the CSV has none of the columns {', '.join(_KEYS)}.")
        yield from (line.strip() for line in lines)
        return
    for row in csv.reader(lines[1:], delimiter=delimiter):
        yield row[column].strip() if len(row) > column else ""
