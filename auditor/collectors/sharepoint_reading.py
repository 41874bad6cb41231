"""Reads one picture of SharePoint, and compares two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from auditor.collectors.contract import Keep
from auditor.collectors.pictures import Looked, look
from auditor.model import Decision, Fingerprint, Reason, Status
from auditor.photos import compare
from auditor.services.errors import BadAnswer, FinalForWorkload, ServiceError
from auditor.services.http import Answer
from auditor.services.sharepoint import no_such_file


async def read(ask: Callable[[], Awaitable[Answer]], keep: Keep) -> Looked:
    """Read a picture: `absent` where SharePoint says that there is no such file, `unknown` where it was not read."""
    try:
        answer = await ask()
        if no_such_file(answer):
            return Looked(Status.ABSENT)
        if answer.status != 200:
            raise BadAnswer(f"SharePoint answered {answer.status} instead of a picture", reason=Reason.PICTURE_NOT_READ)

        async def again() -> bytes | None:
            second = await ask()
            return second.body if second.status == 200 else None

        return await look(answer.body, again, keep, content_type=answer.content_type)
    except FinalForWorkload:
        raise
    except ServiceError as error:
        return Looked(Status.UNKNOWN, reason=error.reason, detail=error.sentence)


def alike(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether two pictures are the same photograph."""
    if a.sha256 == b.sha256:
        return True
    # The comparison costs much. Most portraits' hashes are far from the default person's, which spares it for them.
    near = (int(a.phash, 16) ^ int(b.phash, 16)).bit_count() <= 12
    return near and compare(a, b).decision is Decision.SAME
