"""Tallies and shares of a run: pure counting over its verdicts.

What the words mean here:

- *The same everywhere*: users with a reference photo who have at least two copies that apply to them and were
  read separately, and whose copies all match. The reference's own photo is one of the two: a workload *keeps a
  copy*, the reference is a workload, and where two copies are read through one answer they "are not two". So
  `entra` and one more copy are enough; `entra` alone is not. A copy that was not read (verdict `unchecked`)
  or does not apply is no part of the sentence; `same_as_far_as_read` says for how many users that matters.
- *No photo*: users for whom at least one workload says "no photo" and none of those that were read holds one.
- *Not fully checked*: users with at least one copy that is `unchecked`, for whatever reason, or without any
  answer at all. It overlaps with the others and with drift.

A user's own verdict is the gravest of the user's copies' (`GRAVITY`), so that it is a match only when everything
was checked; a copy that is *not separately readable* is no copy of its own and is left aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.model import DRIFT, Reason, Status, Verdict, Workload
from auditor.runs.view import RunView

GRAVITY = (
    Verdict.MISMATCH,
    Verdict.UNEXPECTED,
    Verdict.MISSING,
    Verdict.BROKEN,
    Verdict.PLACEHOLDER,
    Verdict.VARIANT,
    Verdict.UNCHECKED,
    Verdict.MATCH,
    Verdict.REFERENCE,
    Verdict.NO_PHOTO,
    Verdict.NOT_APPLICABLE,
)
"""Verdicts from grave to harmless; a user's verdict is the first that one of the user's copies has."""

REFERENCE_UNCHECKED = "reference_unchecked"
"""Stands for the reason where the copy was read and the reference was not."""
NO_ANSWER = "no_answer"
"""Stands for the reason where a user has no row at all."""


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    whole: int


@dataclass(frozen=True)
class WorkloadTally:
    """How often each verdict was given in one workload."""

    workload: str
    verdicts: Mapping[str, int]
    accepted: int = 0
    """Of the copies that drifted: how many are accepted exceptions."""

    @property
    def rows(self) -> int:
        """Users with an answer from this workload."""
        return sum(self.verdicts.values())

    @property
    def drifting(self) -> int:
        """Copies that drifted."""
        return sum(number for verdict, number in self.verdicts.items() if verdict in DRIFT)

    @property
    def compared(self) -> int:
        """Copies that could have drifted: they apply and were checked."""
        return self.rows - sum(self.verdicts.get(verdict, 0) for verdict in _NOT_COMPARED)


@dataclass(frozen=True)
class Unchecked:
    """Copies of one workload that could not be checked for one reason."""

    workload: str
    reason: str
    copies: int
    detail: str
    """One of the answers as a sentence."""


@dataclass(frozen=True)
class CauseTally:
    """How often one cause was found."""

    cause: str
    users: int
    copies: Mapping[str, int]
    """By workload."""


@dataclass(frozen=True)
class Group:
    """A department or a domain."""

    name: str
    users: int
    drifting: Share
    """Users with drift, among those with a copy that could have drifted."""
    workloads: Mapping[str, Share]
    """Copies that drifted among those that could have, by workload."""


@dataclass(frozen=True)
class Tally:
    """Everything a report counts."""

    users: int
    drifting: int
    drifting_copies: int
    same_everywhere: Share
    same_as_far_as_read: int
    """Of those the same everywhere: users with a further copy that could not be checked."""
    no_photo: Share
    not_fully_checked: Share
    workloads: tuple[WorkloadTally, ...]
    unchecked: tuple[Unchecked, ...]
    causes: tuple[CauseTally, ...]
    departments: tuple[Group, ...]
    domains: tuple[Group, ...]
    verdicts: pd.Series[Any]
    """Each user's own verdict, by user id, in the order of the directory."""
    accepted_copies: int = 0
    """Of the copies that drifted: how many are accepted exceptions."""
    accepted_users: int = 0
    """Of the drifting users: those all of whose drift is accepted."""


_NOT_COMPARED = (Verdict.UNCHECKED, Verdict.NOT_APPLICABLE, Verdict.REFERENCE)
_Flags = npt.NDArray[np.bool_]
_Counts = npt.NDArray[np.int64]


def tally(view: RunView) -> Tally:
    """Count the run."""
    rows = view.verdicts
    users = _users(view)
    of = users.get_indexer(pd.Index(rows["user_id"]))
    verdict = rows["verdict"].fillna("").to_numpy(dtype=object)
    reason = rows["reason"].fillna("").to_numpy(dtype=object)

    def number(where: _Flags) -> _Counts:
        """For each user, how many of the user's rows are so."""
        return np.bincount(of[where], minlength=len(users)).astype(np.int64)

    unchecked = _is(verdict, Verdict.UNCHECKED)
    aside = unchecked & _is(reason, Reason.NOT_SEPARATELY_READABLE)
    drift = np.isin(verdict, [item.value for item in DRIFT])
    copies = number(~unchecked & ~_is(verdict, Verdict.NOT_APPLICABLE))
    referenced = number(_is(verdict, Verdict.REFERENCE)) > 0
    same = referenced & (copies >= 2) & (number(_is(verdict, Verdict.MATCH)) == copies - 1)
    without = number(_is(verdict, Verdict.NO_PHOTO))
    partly = (number(unchecked) > 0) | (number(np.ones(len(rows), dtype=bool)) == 0)
    drifting = number(drift) > 0
    accepted = drift & excepted(rows)
    ranks = np.full(len(users), GRAVITY.index(Verdict.UNCHECKED))
    answered = number(~aside) > 0
    ranks[answered] = len(GRAVITY) - 1
    rank = np.array([_RANK.get(item, _RANK[Verdict.UNCHECKED]) for item in verdict], dtype=np.int64)
    np.minimum.at(ranks, of[~aside], rank[~aside])
    comparable = number(~np.isin(verdict, [item.value for item in _NOT_COMPARED])) > 0
    shown = _workloads(rows)
    shown_rows = [(name, _is(rows["workload"].to_numpy(), name)) for name in shown]
    return Tally(
        users=len(users),
        drifting=int(drifting.sum()),
        drifting_copies=int(drift.sum()),
        same_everywhere=Share(int(same.sum()), int(referenced.sum())),
        same_as_far_as_read=int((same & (number(unchecked & ~aside) > 0)).sum()),
        no_photo=Share(int(((without > 0) & (without == copies)).sum()), len(users)),
        not_fully_checked=Share(int(partly.sum()), len(users)),
        workloads=tuple(_workload(name, verdict[own], accepted[own]) for name, own in shown_rows),
        unchecked=_unchecked(rows[unchecked], int((number(np.ones(len(rows), dtype=bool)) == 0).sum())),
        causes=_causes(rows[drift]),
        departments=_groups(view, users, drifting, comparable, _departments, shown),
        domains=_groups(view, users, drifting, comparable, _domains, shown),
        verdicts=pd.Series([GRAVITY[rank].value for rank in ranks], index=users, dtype=object),
        accepted_copies=int(accepted.sum()),
        accepted_users=int((drifting & (number(accepted) == number(drift))).sum()),
    )


_RANK = {verdict.value: rank for rank, verdict in enumerate(GRAVITY)}


def _is(values: npt.NDArray[Any], value: str) -> _Flags:
    return np.asarray(values == str(value), dtype=bool)


def _users(view: RunView) -> pd.Index[Any]:
    """The ids of everybody audited: the listed users, and any other that has a verdict."""
    listed = view.users["user_id"].drop_duplicates()
    judged = view.verdicts["user_id"].drop_duplicates()
    everybody: pd.Index[Any] = pd.Index([*listed, *judged[~judged.isin(listed)]], dtype=object)
    return everybody


def _workloads(rows: pd.DataFrame) -> list[str]:
    present = set(rows["workload"].unique())
    known = [workload.value for workload in Workload if workload in present]
    return known + sorted(present - set(known))


def excepted(rows: pd.DataFrame) -> _Flags:
    """Which rows are accepted exceptions."""
    if "accepted" not in rows:
        return np.zeros(len(rows), dtype=bool)
    return (rows["accepted"].astype(object).fillna("") != "").to_numpy(dtype=bool)


def _workload(name: str, verdicts: npt.NDArray[Any], accepted: _Flags) -> WorkloadTally:
    counts = {verdict.value: int(_is(verdicts, verdict).sum()) for verdict in GRAVITY}
    return WorkloadTally(name, {verdict: number for verdict, number in counts.items() if number}, int(accepted.sum()))


def _unchecked(rows: pd.DataFrame, unanswered: int) -> tuple[Unchecked, ...]:
    # A copy that was read lacks nothing but a reference to hold it against; its row repeats the reference's reason.
    was_read = rows["status"].notna() & (rows["status"] != Status.UNKNOWN.value)
    own = rows.fillna({"reason": ""}).assign(reason=lambda frame: frame["reason"].mask(was_read, REFERENCE_UNCHECKED))
    found = [
        Unchecked(str(workload), str(reason), len(part), _first(part["detail"]))
        for (workload, reason), part in own.groupby(["workload", "reason"], sort=True)
    ]
    if unanswered:
        found.append(Unchecked("", NO_ANSWER, unanswered, ""))
    return tuple(sorted(found, key=lambda item: (-item.copies, item.workload, item.reason)))


def _first(texts: pd.Series[Any]) -> str:
    return next((str(text) for text in texts if isinstance(text, str) and text), "")


def _causes(rows: pd.DataFrame) -> tuple[CauseTally, ...]:
    found = [
        CauseTally(
            str(cause),
            int(part["user_id"].nunique()),
            {str(workload): int(number) for workload, number in part.groupby("workload").size().items()},
        )
        for cause, part in rows.fillna({"cause": ""}).groupby("cause", sort=True)
    ]
    return tuple(sorted(found, key=lambda item: (-sum(item.copies.values()), item.cause)))


def _departments(users: pd.DataFrame) -> pd.Series[Any]:
    return users["department"].fillna("").str.strip()


def _domains(users: pd.DataFrame) -> pd.Series[Any]:
    return users["upn"].fillna("").str.rpartition("@")[2].str.lower()


def _groups(
    view: RunView, users: pd.Index[Any], drifting: _Flags, comparable: _Flags, key: Any, workloads: list[str]
) -> tuple[Group, ...]:
    listed = view.users.drop_duplicates("user_id").set_index("user_id", drop=False)
    if listed.empty:
        return ()
    names = key(listed).reindex(users).fillna("")
    people = pd.DataFrame({"group": names.to_numpy(), "drifting": drifting, "comparable": comparable, "users": 1})
    counted = people.groupby("group").sum()
    rows = view.verdicts
    compared = rows[~rows["verdict"].isin([item.value for item in _NOT_COMPARED])]
    copies = pd.DataFrame(
        {
            "group": names.reindex(compared["user_id"]).to_numpy(),
            "workload": compared["workload"].to_numpy(),
            "drift": compared["verdict"].isin([item.value for item in DRIFT]).to_numpy(),
        }
    )
    cells = copies.groupby(["group", "workload"])["drift"].agg(["sum", "count"])
    by_group: dict[str, dict[str, Share]] = {}
    for (group, workload), drifted, whole in cells.itertuples():
        by_group.setdefault(str(group), {})[str(workload)] = Share(int(drifted), int(whole))
    found = [
        Group(
            str(name),
            int(people_in),
            Share(int(drifted), int(comparable_in)),
            {item: by_group.get(str(name), {}).get(item, Share(0, 0)) for item in workloads},
        )
        for name, drifted, comparable_in, people_in in counted.itertuples()
    ]
    return tuple(sorted(found, key=lambda group: (-group.drifting.part, -group.users, group.name)))
