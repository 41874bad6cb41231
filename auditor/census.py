"""Checks whether the list of users that an audit began with is whole.

The list is compared with the directory's own counts. Where these do not settle it, it is compared with a second list,
read in pages of another size. A gateway that drops the link to the next page leaves a list that looks like a short one.
No single list shows that, but two such lists break off in different places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from auditor.services.errors import BadAnswer, ServiceError
from auditor.services.graph import PAGE, Collected, Graph, other_page
from auditor.services.text import identity, told

T = TypeVar("T")
_ASKED_SINGLY = 20
"""Maximum number of accounts missing from the second list, or from both, that are asked for by id, as a sample."""


@dataclass(frozen=True, slots=True)
class First:
    """The list that an audit began with."""

    listed: int
    """How many entries it had."""
    before: int | None
    """The directory's own count when the list was begun; None where the directory was not asked or did not say."""
    largest_page: int = PAGE
    full_end: bool = False
    """As `Collected.full_end`."""
    begun: datetime | None = None
    """When the list was begun; None where that is not known. Then no account is known to have joined since."""


@dataclass(frozen=True, slots=True)
class Census:
    """The directory at the end of the audit, compared with the list that the audit began with."""

    listed: int
    before: int | None
    after: int | None
    joined: tuple[str, ...] = ()
    """UPNs of accounts that were not in the list."""
    left: tuple[str, ...] = ()
    """UPNs of accounts that were in the list and have left the directory."""
    problem: str = ""
    """Why the list cannot be taken for complete; empty where it can."""


@dataclass(frozen=True, slots=True)
class _Named:
    """An account of the second list."""

    id: str
    upn: str
    created: datetime | None


async def census(
    graph: Graph,
    first: First,
    accounts: Mapping[str, str],
    unnamed: Callable[[str], bool] = lambda _: False,
    known: Iterable[str] = (),
) -> Census:
    """Count the directory again after all users were asked; read a second list unless both counts equal the first list.

    `accounts`: UPNs of the first list by object id. `unnamed`: whether an object id belongs to an account that was
    erased from this run; such accounts are ignored. `known`: object ids of users of an earlier run. Such a user who is
    in neither list, but still in the directory, was missed by both.

    Accounts that joined or left explain differences between the two lists and the two counts. Where they do not explain
    a difference greater than `tolerance`, that is the problem. An account is believed to have joined where the count
    before, or its date of creation, says so. It is believed to have left where the count after says so, or where Graph
    does not find it by its id. Without any count, the first list is whole where the second one agrees with it and at
    least one of the two ends with a short page.
    """
    after = await graph.count("/users")
    counts = [count for count in (first.before, after) if count is not None]
    if len(counts) > 1 and all(count == first.listed for count in counts):
        return Census(first.listed, first.before, after)
    top = other_page(first.listed, first.largest_page)
    try:
        second = by_pages_of(top, await graph.every(_second_list(top), _named))
    except ServiceError as error:
        return Census(first.listed, first.before, after, problem=_alone(first, counts, error))
    now = {one.id: one for one in second.entries}
    new = [one for one in now.values() if one.id not in accounts and not unnamed(one.id)]
    gone = [own for own in accounts if own not in now]
    size, most = len(now) + second.nameless, tolerance(first.listed)
    problems: list[str] = []
    if not new or _agree(first.before, first.listed):
        joined = new
    else:
        joined = [one for one in new if first.begun and one.created and one.created >= first.begun]
        if (missed := len(new) - len(joined)) <= most:
            joined = new
        else:
            problems.append(f"{missed} accounts that were there before are in the second list alone")
    if len(gone) > most and not _agree(after, size):
        still = await _still_there(graph, gone)
        if still > most:
            problems.append(f"about {still} accounts that are still there are in the first list alone")
            gone = []
    before_fits = first.before is None or abs(first.before - first.listed) <= most
    # Accounts join and leave meanwhile, so any count between the sizes of the two lists fits.
    low, high = sorted((first.listed, size))
    after_fits = after is None or low - most <= after <= high + most
    away = [own for own in known if own not in accounts and own not in now and not unnamed(own)]
    if len(away) > most and (missed := await _still_there(graph, away)) > most:
        problems.append(f"about {missed} users of an earlier run are still there and in neither list")
    if not counts and first.full_end and second.full_end and not problems:
        problems.append("both lists end with a full page that names no next one")
    left = [upn for own in gone if (upn := accounts[own])]
    if problems or not (before_fits and after_fits):
        when = ((first.before, "before"), (after, "after"))
        said = ", ".join(f"{count} {word}" for count, word in when if count is not None)
        problems.insert(
            0,
            f"{first.listed} accounts were listed, {size} in a second list, and the directory"
            f" {f'counts {said}' if said else 'does not say how many there are'}:"
            f" {len(joined)} joined and {len(left)} left meanwhile",
        )
    return Census(
        first.listed,
        first.before,
        after,
        tuple(sorted(one.upn for one in joined if one.upn)),
        tuple(sorted(left)),
        "; ".join(problems),
    )


def _second_list(top: int) -> str:
    return "/users?" + urlencode({"$select": "id,userPrincipalName,createdDateTime", "$top": top}, safe="$,")


def by_pages_of(top: int, second: Collected[T]) -> Collected[T]:
    """A second list that came in pages of the requested size. Raises `BadAnswer` where pages are larger than `$top`
    allows: then the question was not read, and a cache may have answered with the first list."""
    if second.largest_page > top:
        raise BadAnswer(f"Graph gave {second.largest_page} entries on a page that may have {top}")
    return second


def tolerance(count: int) -> float:
    """Number of accounts by which lists and counts may differ unexplained: one, or half a percent of a large directory.

    The directory's counts are eventually consistent (aad-advanced-queries), so a small difference says nothing.
    """
    return max(1.0, 0.005 * count)


def unlike(first: Collected[Any], again: Collected[Any], ids: Callable[[Any], str], counted: int | None) -> str:
    """Why two lists of one group differ or may not be whole, as a part of a sentence; empty where all is well.

    A group has no other count than its list's own (`counted`), and no dates on which members joined.
    """
    one, other = ({ids(entry) for entry in found.entries} for found in (first, again))
    most = tolerance(max(len(one), len(other)))
    if len(one ^ other) > most:
        return f"{len(one)} members were listed and {len(other)} in a second list"
    size = len(one | other) + max(first.nameless, again.nameless)
    if counted is not None and abs(counted - size) > most:
        return f"{size} members were listed, and the list counts {counted}"
    if counted is None and first.full_end and again.full_end:
        return "both lists end with a full page that names no next one"
    return ""


def _alone(first: First, counts: Sequence[int], error: ServiceError) -> str:
    """The problem with a first list where no second one could be read; empty where there is no problem."""
    most = tolerance(first.listed)
    if others := [count for count in counts if abs(count - first.listed) > most]:
        return (
            f"{first.listed} accounts were listed, and the directory counts {others[-1]}; a second list could not be"
            f" had ({error.sentence})"
        )
    if counts:
        return ""
    full = "it ends with a full page that names no next one, " if first.full_end else ""
    return f"{full}the directory does not say how many accounts there are, and a second list could not be had: " + (
        error.sentence
    )


async def _still_there(graph: Graph, ids: Sequence[str]) -> int:
    """How many of these accounts Graph still finds, estimated from a sample. An account counts as gone only where Graph
    says that it does not exist."""
    step = max(1, len(ids) // _ASKED_SINGLY)
    asked = ids[::step][:_ASKED_SINGLY]
    there = 0
    for own in asked:
        try:
            answer = await graph.get(f"/users/{quote(own, safe='')}?$select=id")
        except ServiceError:
            there += 1
        else:
            there += (answer.status, answer.error_code) != (404, "Request_ResourceNotFound")
    return round(there * len(ids) / len(asked))


def _agree(count: int | None, listed: int) -> bool:
    return count is not None and abs(count - listed) <= tolerance(listed)


def _named(entry: Mapping[str, Any]) -> _Named | None:
    own, upn = identity(entry.get("id")), told(entry.get("userPrincipalName"))
    return _Named(own, upn, _moment(entry.get("createdDateTime"))) if own is not None else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
