"""What ends with Exchange Web Services, and how to keep what they still tell.

Source: Microsoft's announcements (techcommunity 4492361, MC1227454, read as summaries): off for good in Exchange Online
on 2027-04-01; Exchange servers on premises are not touched.
"""

from __future__ import annotations

from datetime import date

ENDS = date(2027, 4, 1)
"""From this day on Exchange Online serves no Exchange Web Services, to anybody."""

ENDING = f"Microsoft ends Exchange Web Services in Exchange Online on {ENDS.isoformat()}, for every tenant and app."
FACTS = (
    "From then on nobody can tell the mailbox's own copy of a photo from what Microsoft Graph shows: not that the two"
    " differ, not that a mailbox has no photo, not that it has only a small thumbnail from the directory, and not what"
    " became of its photo since an earlier run."
)
KEEP = (
    "To keep a last full baseline of Exchange, shortly before that day: run an audit with Exchange, with --photos all"
    " and without --baseline, so that every picture is read; see that it is complete; and save it: photo-auditor"
    " baseline save RUN --name last-exchange. The baseline holds fingerprints and verdicts. The pictures stay in the"
    " run's folder: keep that too."
)


def before_the_end(day: date) -> tuple[str, ...]:
    """What somebody should know who has Exchange read on this day, a sentence or more each; empty from the end on."""
    return (ENDING, FACTS, KEEP) if day < ENDS else ()
