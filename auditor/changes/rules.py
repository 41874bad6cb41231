"""Which change a row is: the first that applies. Nothing here reads a run or looks at a picture."""

from __future__ import annotations

from auditor.model import DRIFT, Change, Status, Verdict


def shows_photo(status: str) -> bool:
    """Whether a workload showed a photo; a placeholder, no record and bytes without an image are all none."""
    return status == Status.PHOTO


def change_of(
    before: str | None, after: str | None, *, comparable: bool = True, another: bool = False
) -> Change | None:
    """The change of one row; None where there is nothing to tell.

    `before` and `after` are verdicts, None where the user is not in that run. `comparable`: not two photos whose
    fingerprints cannot be held against each other. `another`: the copy shows another photo than before, or one where
    none was, or none where one was.
    """
    if not comparable or Verdict.UNCHECKED in (before, after):
        return Change.NOT_COMPARABLE
    if before is None or after is None:
        if before == after:
            return None
        return Change.APPEARED if before is None else Change.GONE
    drifted, drifts = before in DRIFT, after in DRIFT
    if drifts and not drifted:
        return Change.NEW
    if drifted and not drifts:
        return Change.FIXED
    if another:
        return Change.CHANGED
    return Change.STILL if drifts else None


def side_of(copy: bool, reference: bool, *, own: bool) -> str:
    """Whose photo is another than before, in one word; `own`: this row is the reference's."""
    if own:
        return "reference" if copy else ""
    return "both" if copy and reference else "copy" if copy else "reference" if reference else ""
