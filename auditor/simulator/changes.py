"""What changed from one month to the next, user by user and workload by workload: the truth of `diff`.

Worked out from the uploads that the stores hold, never from pixels and never from the audit's own code.

One row a user and workload, for users whom the audit's default scope holds in at least one of the two months
(a user who leaves the scope is gone, one who enters it appeared), with the first that applies of:

* `not_comparable`: the verdict of a month in which the user is audited is `unchecked`;
* `appeared`, `gone`: the user is audited in one of the two months only; one row a workload, whatever its verdict;
* `new`: no drift before, drift now; `fixed`: the reverse. `not_applicable` is no drift, and `broken` is drift
  for the reference's own row too;
* `changed`: the photograph of this copy is another than before. Whatever is no photo (absent, a placeholder, no
  record, bytes that are no image) is none, and none is none; an edited version is another photograph, another
  size or encoding is not;
* `still`: drift before and now.

There is no row otherwise. Causes that only earlier runs can show stand in `cause`; `needs_month` is the earliest
month whose run it takes to see them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from auditor.model import Verdict, Workload
from auditor.simulator.moments import from_sharepoint, moment
from auditor.simulator.tenant import Account, Table
from auditor.simulator.truth import DRIFT, Photograph, Sighting, sightings

CHANGES_FILE = "changes.csv"
COLUMNS = ("user_id", "workload", "change", "cause", "needs_month", "reference_until", "event")
FRESH = timedelta(hours=72)
"""As long as SharePoint may take to bring a photo over."""

Past = Sequence[tuple[int, Account | None]]
"""What became of one user: from which month on they were so; None after they left."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a copy is as it is, as far as earlier months show it."""

    slug: str = ""
    needs_month: int | None = None


def change_table(
    month: int,
    before: Sequence[Account],
    now: Sequence[Account],
    pasts: Mapping[str, Past],
    events: Mapping[str, str],
    *,
    ews: bool,
) -> Table:
    """`changes.csv` of this month against the one before; the accounts of `now` come with their truth.

    `pasts` has every user who was ever written to, by id; `events` names what happened this month.
    """
    earlier = {account.id: account for account in before}
    later = {account.id for account in now}
    pairs = [(earlier.get(account.id), account) for account in now]
    gone = [(account, None) for account in before if account.id not in later]
    rows: list[tuple[str, ...]] = []
    for was, account in (*pairs, *gone):
        rows += _rows(month, was, account, pasts, events, ews)
    return Table(CHANGES_FILE, COLUMNS, tuple(rows))


def _rows(
    month: int,
    was: Account | None,
    now: Account | None,
    pasts: Mapping[str, Past],
    events: Mapping[str, str],
    ews: bool,
) -> Iterator[tuple[str, ...]]:
    was = was if was and was.in_scope else None
    now = now if now and now.in_scope else None
    either = now or was
    if either is None:
        return
    past = pasts.get(either.id)
    if was and now and past is None:
        # Whoever was never written to shows what they showed.
        for workload, truth in now.truth.items():
            if change := _constant(truth.verdict):
                yield either.id, workload, change, truth.cause, "", "", ""
        return
    seen = sightings(was, ews=ews) if was else {}
    sees = sightings(now, ews=ews) if now else {}
    history: _History | None = None
    for workload in Workload:
        change = change_of(seen.get(workload), sees.get(workload))
        if not change:
            continue
        cause, until = Cause(_told(now, workload, change)), None
        if now and past and change not in {"gone", "not_comparable"}:
            history = history or _History(month, past, ews)
            cause = history.cause(now, workload, change) or cause
            until = history.reference_until(workload)
        yield (
            either.id,
            workload.value,
            change,
            cause.slug,
            _number(cause.needs_month),
            _number(until),
            events.get(either.id, ""),
        )


def _number(month: int | None) -> str:
    return "" if month is None else str(month)


def _constant(verdict: str) -> str:
    """The change of a copy that stayed what it was."""
    if verdict == Verdict.UNCHECKED:
        return "not_comparable"
    return "still" if verdict in DRIFT else ""


def _told(now: Account | None, workload: Workload, change: str) -> str:
    """The cause that one run alone tells of a copy that drifts."""
    if now is None or change in {"not_comparable", "gone"}:
        return ""
    return now.truth[workload.value].cause


def change_of(before: Sighting | None, now: Sighting | None) -> str:
    """The change of one copy; None for a month in which the user is not audited, '' for no row."""
    verdicts = [one.verdict for one in (before, now) if one]
    if Verdict.UNCHECKED in verdicts:
        return "not_comparable"
    if before is None or now is None:
        return "gone" if before else "appeared" if now else ""
    drifted, drifts = before.verdict in DRIFT, now.verdict in DRIFT
    if drifted is not drifts:
        return "new" if drifts else "fixed"
    if before.photograph != now.photograph:
        return "changed"
    return "still" if drifts else ""


class _History:
    """One user's copies over the months."""

    def __init__(self, month: int, past: Past, ews: bool) -> None:
        self._month = month
        self._seen: list[Mapping[Workload, Sighting] | None] = []
        starts = [start for start, _ in past]
        for (start, account), end in zip(past, [*starts[1:], month + 1], strict=True):
            # A month in which the user was out of scope has no run that shows them.
            shown = sightings(account, ews=ews) if account and account.in_scope else None
            self._seen += [None] * (start - len(self._seen)) + [shown] * (end - start)

    def _photo(self, workload: Workload, month: int) -> Photograph | None:
        """What the copy showed; None too where it could not be judged."""
        seen = self._seen[month]
        if seen is None or seen[workload].verdict is Verdict.UNCHECKED:
            return None
        return seen[workload].photograph

    def _drifting(self, workload: Workload) -> bool:
        seen = self._seen[self._month]
        return seen is not None and seen[workload].verdict in DRIFT

    def reference_until(self, workload: Workload) -> int | None:
        """The last month in which the reference held what this copy shows and the reference does not."""
        shown = self._photo(workload, self._month)
        if shown is None or workload is Workload.ENTRA or not self._drifting(workload):
            return None
        held = [month for month in range(self._month) if self._photo(Workload.ENTRA, month) == shown]
        return held[-1] if held else None

    def cause(self, now: Account, workload: Workload, change: str) -> Cause | None:
        """A cause that only earlier months show."""
        return (
            self._older_photo(workload)
            or self._feed(workload, change)
            or self._removed(now, workload)
            or self._pending(now, workload)
        )

    def _older_photo(self, workload: Workload) -> Cause | None:
        """The copy shows what it showed in step once, and showed a later photo of the reference in between."""
        shown = self._photo(workload, self._month)
        if shown is None or workload is Workload.ENTRA or not self._drifting(workload):
            return None
        once = later = None
        for month in range(self._month - 1, -1, -1):
            copy, reference = self._photo(workload, month), self._photo(Workload.ENTRA, month)
            if copy is None or copy != reference:
                continue
            if copy != shown:
                later = month
                continue
            if later is not None:
                once = month
            break
        return None if once is None else Cause("older_photo_returned", once)

    def _feed(self, workload: Workload, change: str) -> Cause | None:
        """One photo, another, and the first again, the last of them now."""
        if change not in {"new", "fixed", "changed"}:
            return None
        turns: list[tuple[Photograph, int]] = []
        for month in range(self._month + 1):
            photo = self._photo(workload, month)
            if photo is None:
                continue
            if turns and turns[-1][0] == photo:
                turns[-1] = photo, month
            else:
                turns.append((photo, month))
        if len(turns) < 3 or turns[-1][0] != turns[-3][0] or turns[-1][1] != self._month:
            return None
        return Cause("rewritten_by_feed", turns[-3][1])

    def _removed(self, now: Account, workload: Workload) -> Cause | None:
        """The reference is empty, and the copy is what it held."""
        truth, until = now.truth[workload.value], self.reference_until(workload)
        if truth.cause != "removed_at_reference" or until is None:
            return None
        return Cause(truth.cause, until)

    def _pending(self, now: Account, workload: Workload) -> Cause | None:
        """The copy is the photo that the reference held last month, and SharePoint looked within the last days."""
        truth = now.truth[workload.value]
        if workload is not Workload.SHAREPOINT or truth.verdict != Verdict.MISMATCH or now.profile is None:
            return None
        looked = from_sharepoint(now.profile.timestamp)
        last = self._photo(Workload.ENTRA, self._month - 1)
        if looked is None or looked < moment(self._month) - FRESH or self._photo(workload, self._month) != last:
            return None
        return Cause("sync_pending", self._month - 1)
