"""Who is audited: the directory of Entra ID, or a list of named users, and who of them is left out."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from auditor.addresses import Owners, askable, in_order, smtp_addresses, trimmed
from auditor.census import by_pages_of, tolerance, unlike
from auditor.mailboxes import is_open, purposes
from auditor.model import User
from auditor.services.errors import ServiceError
from auditor.services.graph import PAGE, Collected, Graph, GraphError, Unfinished, other_page, refusal_remedy
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
OWNERS_ASKED = 200
"""For so many users of a partial list Graph is asked whose their `mail` is; the `mail` of the others is left out."""


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
    problem: str = ""
    """Why the list cannot be taken for complete, as far as it can be seen now; the census tells more."""
    largest_page: int = 0
    full_end: bool = False
    """As `Collected`, of the list of the whole directory."""


async def list_users(graph: Graph, scope: Scope, *, mailboxes: bool = False) -> Listed:
    """Read whom to audit.

    Named users are audited whatever class they are of; groups and the whole directory by class. A list whose pages
    cannot be read to the last one raises; a list of which it is doubtful whether it is whole says so in `problem`.
    `mailboxes`: learn what the mailboxes are for of audited users of whom the directory cannot tell whether they have
    one; what cannot be learned is `unreadable`, and nobody else waits for it.
    """
    listed = await _named_users(graph, scope.users) if scope.users else await _by_class(graph, scope)
    if mailboxes and (unsure := [user for user in listed.users if is_open(user) and not user.mailbox]):
        heard = await purposes(graph, unsure)
        users = (replace(user, mailbox=heard[user.id].mailbox) if user.id in heard else user for user in listed.users)
        listed = replace(listed, users=tuple(users))
    return listed


async def _named_users(graph: Graph, names: Sequence[str]) -> Listed:
    named = {name: await _named(graph, name) for name in dict.fromkeys(one.strip() for one in names)}
    if unknown := [f"'{name}'" for name, user in named.items() if user is None]:
        more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
        raise ScopeError(
            f"There is no user {', '.join(unknown[:20])}{more} in this tenant."
            " Name users by user principal name, object id or mail address."
        )
    unique = {user.id: user for user in named.values() if user is not None}
    return Listed(tuple(await _settled_among_all(graph, tuple(unique.values()))), len(unique), {})


async def _by_class(graph: Graph, scope: Scope) -> Listed:
    left_out = [await _members(graph, name, _id) for name in scope.exclude_groups]
    unwanted = {own for one in left_out for own in one.list.entries}
    problems = [one.problem for one in left_out]
    before: int | None = None
    if scope.groups:
        members = [await _members(graph, name, _account) for name in scope.groups]
        problems += [one.problem for one in members]
        lists = [one.list for one in members]
    else:
        before = await graph.count("/users")
        lists = [await graph.every(f"/users?{_query(SELECT)}", _account)]
        if not lists[0].entries and not lists[0].nameless:
            raise Unfinished(
                "Graph's list of users names nobody, and a tenant has at least the account of whoever asks"
            )
    found: dict[str, _Account] = {}
    for one in lists:
        for account in one.entries:
            found.setdefault(account.id, account)
    asked, untold = await _told_apart(graph, found.values(), scope.include)
    users: list[User] = []
    excluded: Counter[str] = Counter()
    without_licences = 0
    for own, account in found.items():
        user = asked.get(own, account.user)
        if user is None:
            excluded[NAMELESS] += 1
        elif own in unwanted:
            excluded["excluded groups"] += 1
        elif reason := _excluded(user, scope.include):
            excluded[reason] += 1
            without_licences += reason == "unlicensed" and not account.licences_told
        else:
            users.append(user)
    if untold > tolerance(len(found)):
        problems.append(f"what {untold} mailboxes are for could not be learned, and their users count as disabled")
    if without_licences > tolerance(len(found)):
        problems.append(f"Graph did not tell the licences of {without_licences} accounts, which are left out")
    nameless = sum(one.nameless for one in lists)
    excluded[NAMELESS] += nameless
    excluded += Counter()
    if scope.groups:
        users = await _settled_among_all(graph, users, found.values())
    else:
        owners = Owners(one.user for one in found.values() if one.user is not None)
        users = [owners.settled(user) for user in users]
    upns = {own: account.user.upn if account.user else "" for own, account in found.items()}
    return Listed(
        tuple(users),
        len(found) + nameless,
        dict(sorted(excluded.items())),
        accounts=None if scope.groups else upns,
        before=before,
        notes=tuple(_notes(lists)),
        problem="; ".join(filter(None, problems)),
        largest_page=max(one.largest_page for one in lists),
        full_end=any(one.full_end for one in lists) and not scope.groups,
    )


@dataclass(frozen=True, slots=True)
class _Account:
    """An entry of a list of users."""

    id: str
    user: User | None
    """The user that it is, where it has a user principal name too."""
    licences_told: bool


@dataclass(frozen=True, slots=True)
class _Group(Generic[T]):
    """A group's list, and why it may not be whole."""

    list: Collected[T]
    problem: str


def _notes(lists: Sequence[Collected[Any]]) -> Iterable[str]:
    if repeated := sum(one.repeated for one in lists):
        yield f"The list of users named {repeated} account(s) more than once; each is audited once."
    if restarts := sum(one.restarts for one in lists):
        yield f"The list of users expired or never ended while it was read, and was read anew {restarts} time(s)."


def _account(entry: Mapping[str, Any]) -> _Account | None:
    """The account of an entry; None where it has no id."""
    own = _id(entry)
    told_licences = isinstance(entry.get("assignedLicenses"), list)
    return _Account(own, parse(entry), told_licences) if own is not None else None


def _id(entry: Mapping[str, Any]) -> str | None:
    return identity(entry.get("id"))


def _query(select: str, top: int = PAGE, **more: str) -> str:
    return urlencode({"$select": select, "$top": top, **more}, safe="$,")


def parse(entry: Mapping[str, Any]) -> User | None:
    """One element of `/users`; None where it is no user with an id and a UPN.

    `asked_by` holds all the addresses of the entry: whether one is another's is not for an entry to say (`Owners`).
    A member that is missing or null is not known; an empty list is known.
    """
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
    primary, addresses = smtp_addresses(_list(entry.get("proxyAddresses")))
    mail = trimmed(entry.get("mail"))
    return User(
        id=own,
        upn=writable(upn),
        mail=mail,
        display_name=told(entry.get("displayName")),
        user_type=told(entry.get("userType")) or "Member",
        enabled=entry.get("accountEnabled") is not False,
        licensed=bool(entry.get("assignedLicenses")),
        department=told(entry.get("department")),
        synced=entry.get("onPremisesSyncEnabled") is True,
        exchange_plan=bool(plans),
        kiosk=bool(plans) and set(plans) == {KIOSK_PLAN},
        addresses=addresses,
        asked_by=in_order(primary, upn, mail, addresses),
        plans_known=isinstance(entry.get("assignedPlans"), list),
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _excluded(user: User, include: Sequence[str]) -> str:
    """The class for which a user is left out; empty where the user is in scope."""
    if user.user_type.lower() == "guest":
        return "" if "guests" in include else "guests"
    if "#EXT#" in user.upn:
        return "" if "external-members" in include else "external-members"
    if not user.enabled:
        named = _MAILBOX_CLASSES.get(user.mailbox, "")
        if named and not user.licensed:
            return "" if named in include else named
        return "" if "disabled" in include else "disabled"
    if not user.licensed:
        return "" if "unlicensed" in include else "unlicensed"
    return ""


_MAILBOX_CLASSES = {"shared": "shared", "room": "rooms", "equipment": "rooms"}


async def _told_apart(
    graph: Graph, accounts: Iterable[_Account], include: Sequence[str]
) -> tuple[dict[str, User], int]:
    """The users of whom only the mailbox says of which class they are, by object id, with what it says; and of how
    many it could not be learned.

    Shared and room mailboxes are disabled accounts without a licence. They are told apart where it matters. Raises
    where nobody's mailbox tells it.
    """
    if "shared" not in include and "rooms" not in include:
        return {}, 0
    users = [one.user for one in accounts if one.user is not None]
    unsure = [user for user in users if not user.licensed and _excluded(user, ()) == "disabled"]
    heard = await purposes(graph, unsure)
    untold = [user for user in unsure if heard[user.id].forbidden or heard[user.id].failed]
    if untold and len(untold) == len(unsure):
        if any(purpose.forbidden for purpose in heard.values()):
            raise ScopeError(
                "Shared and room mailboxes can only be told apart with the Graph application permission"
                " MailboxSettings.Read: a person's sign-in reads this person's own mailbox only. Grant it to the app"
                " that signs in as itself, or leave --include shared,rooms out."
            )
        first = untold[0]
        raise GraphError(f"{heard[first.id].failed} when asked for the purpose of the mailbox of {first.upn}", "")
    return {user.id: replace(user, mailbox=heard[user.id].mailbox) for user in unsure}, len(untold)


async def _members(graph: Graph, name: str, read: Callable[[Mapping[str, Any]], T | None]) -> _Group[T]:
    group = await _group(graph, name)

    def path(top: int) -> str:
        # Casting the members of a group is an advanced query: it needs the count and eventual consistency.
        members = f"/groups/{group}/transitiveMembers/microsoft.graph.user"
        return f"{members}?{_query(SELECT, top, **{'$count': 'true'})}"

    try:
        first = await graph.every(path(PAGE), read, eventual=True)
    except GraphError as error:
        raise ScopeError(
            f"The members of the group '{name}' cannot be read ({error.code or error.sentence})."
            " Check its name or object id, and that the app has GroupMember.Read.All."
        ) from None
    size = len(first.entries) + first.nameless
    if size == first.counted or (first.counted is None and not first.full_end):
        return _Group(first, "")
    top = other_page(size, first.largest_page)
    try:
        again = by_pages_of(top, await graph.every(path(top), read, eventual=True))
    except ServiceError as error:
        said = f"counts {first.counted} members" if first.counted is not None else "ends with a full page"
        return _Group(first, f"of the group '{name}' {size} were listed, the list {said}, and: {error.sentence}")
    problem = unlike(first, again, _own, first.counted)
    entries = {_own(one): one for one in (*first.entries, *again.entries)}
    return _Group(
        replace(first, entries=tuple(entries.values())), f"of the group '{name}' {problem}" if problem else ""
    )


def _own(entry: object) -> str:
    return entry.id if isinstance(entry, _Account) else str(entry)


async def _group(graph: Graph, name: str) -> str:
    own = identity(name)
    if own is not None and len(own) == 36 and own.count("-") == 4:
        return quote(own, safe="")
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
    key = identity(name)
    if key is None:
        return None
    answer = await graph.get(f"/users/{quote(key, safe='@')}?{urlencode({'$select': SELECT}, safe='$,')}")
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
    """The user with this mail or other address: who asks for one person often knows nothing else."""
    users = await _who_claim(graph, address) or {}
    if len(users) > 1:
        who = ", ".join(f"{user.upn} ({user.id})" for user in users.values())
        raise ScopeError(f"{len(users)} users have the address '{address}': {who}. Name one by its object id.")
    return next(iter(users.values()), None)


async def _who_claim(graph: Graph, address: str) -> dict[str, User] | None:
    """The users who have this address as user principal name, mail or proxy address, by object id; None where Graph
    does not tell.

    Assumption: Graph finds all three in one filter, in whatever case.
    """
    literal = address.replace("'", "''")
    wanted = (
        f"userPrincipalName eq '{literal}' or mail eq '{literal}' or proxyAddresses/any(one:one eq 'smtp:{literal}')"
    )
    query = urlencode({"$filter": wanted, "$select": SELECT}, safe="$,")
    try:
        entries = [entry async for page in graph.pages(f"/users?{query}") for entry in page]
    except ServiceError:
        return None
    return {user.id: user for user in map(parse, entries) if user is not None}


async def _settled_among_all(graph: Graph, users: Sequence[User], accounts: Iterable[_Account] = ()) -> list[User]:
    """Users of a partial list, asked for by no address that is another's; `accounts`: others who were read.

    User principal names and proxy addresses are one account's by Entra ID's own rules. `mail` is not: where it is
    neither the user principal name nor the primary SMTP address, Graph is asked who else claims it. Where that cannot
    be learned, a `mail` that is no proxy address of the user's own is left out.
    """
    others = {one.id: one.user for one in accounts if one.user is not None} | {user.id: user for user in users}
    unsure: list[User] = []
    for user in users:
        mail, upn = askable(user.mail), askable(user.upn)
        if mail and mail != upn and mail != user.asked_by[0]:
            unsure.append(user)
    untold: set[str] = set()
    for number, user in enumerate(unsure):
        claiming = await _who_claim(graph, askable(user.mail)) if number < OWNERS_ASKED else None
        if claiming is None:
            untold.add(user.id)
        others = (claiming or {}) | others
    owners = Owners(others.values())
    settled: list[User] = []
    for one in map(owners.settled, users):
        mail = askable(one.mail)
        if one.id in untold and mail in one.asked_by and mail not in one.addresses:
            one = replace(one, asked_by=tuple(address for address in one.asked_by if address != mail))
        settled.append(one)
    return settled


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
