"""The Microsoft 365 photo as Microsoft Graph serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from auditor.collectors.contract import (
    NOBODY_KNOWN,
    Keep,
    Known,
    Permission,
    Seen,
    Unchanged,
    at_once,
    observed,
    same_signals,
    unknown,
)
from auditor.collectors.pictures import look
from auditor.model import Observation, Reason, Status, User, Way, Workload
from auditor.services.errors import FinalForWorkload, ServiceError
from auditor.services.graph import BATCH, Graph, GraphAnswer, photo_path
from auditor.services.retries import one_user

NO_PHOTO_CODES = frozenset({"ImageNotFound", "ErrorItemNotFound"})
"""Codes that say 'no photo' and nothing else."""
NO_PHOTO_EXCEPTION = "ImageNotFoundException"
"""Told with the code ErrorEntityNotFound too: the exception's name then says which entity."""
UNTYPED = frozenset({"", "text/plain"})
"""How Graph's own bare 404 for a size comes (microsoft-graph-docs#2319): with no body, as plain text or untyped."""
PERMISSION_CODES = frozenset({"ErrorInsufficientPermissionsInAccessToken", "Authorization_RequestDenied"})


@dataclass
class Entra:
    """Metadata first, then the picture where there is one that is not known; in batches of 20 or one by one.

    What tells that a picture is known is the media ETag of its metadata. Whether Graph honours `If-None-Match` for
    the bytes is not known (docs/assumptions.md), so it is never asked to.
    """

    graph: Graph
    keep: Keep
    batch: bool = True
    learned: str = field(default="", init=False)
    batches_at_once: int = 2
    """One at Graph, which runs four of its requests at a time and so all that an app may have under way; the other
    has its pictures decoded meanwhile."""
    workload = Workload.ENTRA
    permissions = (
        Permission(
            "Microsoft Graph",
            "User.Read.All",
            "application",
            "the full profile of every user: the list of users is read with it",
        ),
        Permission("Microsoft Graph", "ProfilePhoto.Read.All", "application", "the photos of groups too"),
    )
    # profilephoto-get: User.Read suffices for the photo alone. The narrower User.ReadBasic.All does not tell licences
    # and plans, without which no scope and no "no mailbox" can be told.
    delegated_permissions = (
        Permission(
            "Microsoft Graph",
            "User.Read.All",
            "delegated",
            "the full profile of every user, as far as the person who signs in may read it",
        ),
        Permission(
            "Microsoft Graph",
            "ProfilePhoto.Read.All",
            "delegated",
            "the photos of groups too, as far as that person may see them",
        ),
    )
    tells_apart = "photo, no photo, refused (with the code); never why there is none"
    requests_per_user = 2.0

    async def prepare(self, users: Iterable[User]) -> None:
        """Nothing to ask: the list of users has shown that Graph answers."""

    async def collect(
        self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN
    ) -> AsyncGenerator[Seen, None]:
        """One observation a user."""
        size = BATCH if self.batch else 4
        chunks = [users[start : start + size] for start in range(0, len(users), size)]
        work = (self._batched(chunk, known) if self.batch else self._singly(chunk, known) for chunk in chunks)
        async with aclosing(at_once(work, self.batches_at_once if self.batch else 1)) as results:
            async for observations in results:
                for observation in observations:
                    yield observation

    async def _batched(self, users: Sequence[User], known: Mapping[str, Known]) -> list[Seen]:
        metadata = await self._ask([photo_path(user.id) for user in users])
        values = [
            photo_path(user.id) + "/$value"
            for user in users
            if _to_read(metadata.get(photo_path(user.id)), known.get(user.id))
        ]
        pictures = await self._ask(values) if values else {}
        return await self._observe_all(users, metadata, pictures, known)

    async def _singly(self, users: Sequence[User], known: Mapping[str, Known]) -> list[Seen]:
        return await self._observe_all(users, {}, {}, known)

    async def _observe_all(
        self,
        users: Sequence[User],
        metadata: Mapping[str, GraphAnswer],
        pictures: Mapping[str, GraphAnswer],
        known: Mapping[str, Known],
    ) -> list[Seen]:
        seen = await asyncio.gather(
            *(self._observe(user, metadata.get(photo_path(user.id)), pictures, known.get(user.id)) for user in users)
        )
        return [one for of_a_user in seen for one in of_a_user]

    async def _ask(self, paths: Sequence[str]) -> dict[str, GraphAnswer]:
        # A batch that is refused or damaged is read singly; what it leaves out is asked alone.
        try:
            return await self.graph.batch(paths)
        except FinalForWorkload:
            raise
        except ServiceError:
            return {}

    async def _observe(
        self, user: User, metadata: GraphAnswer | None, pictures: Mapping[str, GraphAnswer], known: Known | None
    ) -> list[Seen]:
        with one_user():
            return await self._photo(user, metadata, pictures, known)

    async def _photo(
        self, user: User, metadata: GraphAnswer | None, pictures: Mapping[str, GraphAnswer], known: Known | None
    ) -> list[Seen]:
        path = photo_path(user.id)
        way = Way.GRAPH_BATCH if self.batch else Way.GRAPH_SINGLE
        seen: list[Seen] = []
        try:
            if metadata is None or _says_nothing(metadata):
                way = Way.GRAPH_SINGLE
                metadata = await self.graph.get(path)
            told = meaning(metadata)
            if told is not None:
                status, reason, detail = told
                return [
                    observed(user, self.workload, status, way, reason=reason, detail=detail, signals=_codes(metadata))
                ]
            if known is not None and _unchanged(metadata, known):
                seen.append(Unchanged(user.id, _codes(metadata)))
                if not known.recheck:
                    return seen
            answer = pictures.get(path + "/$value")
            if answer is None or picture_flaw(answer):
                way = Way.GRAPH_SINGLE
                answer = await self.graph.value(path + "/$value")
            return [*seen, await self._picture(user, metadata, answer, way)]
        except FinalForWorkload:
            raise
        except ServiceError as error:
            return [*seen, unknown(user, self.workload, way, error)]

    async def _picture(self, user: User, metadata: GraphAnswer, answer: GraphAnswer, way: Way) -> Observation:
        signals = _codes(metadata)
        if answer.status != 200:
            told = meaning(answer, value=True)
            status, reason, detail = told or (
                Status.UNKNOWN, Reason.UNEXPECTED_ANSWER, f"Graph answered {answer.status} to the picture",
            )  # fmt: skip
            if status is Status.ABSENT:
                # Metadata says there is a photo and the picture's own address says there is none.
                status, reason = Status.UNKNOWN, Reason.PICTURE_NOT_READ
                detail = "Graph describes a photo and answers 404 for its bytes"
            return observed(user, self.workload, status, way, reason=reason, detail=detail, signals=signals)

        async def again() -> bytes | None:
            second = await self.graph.value(photo_path(user.id) + "/$value")
            return second.body if second.status == 200 else None

        seen = await look(answer.body, again, self.keep, content_type=answer.content_type)
        if (other := _tag(answer.etag)) not in {"", signals["media_etag"]}:
            # The bytes are of another moment than the metadata: their ETag says nothing of these.
            signals["value_etag"] = other
        return observed(
            user, self.workload, seen.status, way, reason=seen.reason, detail=seen.detail,
            fingerprint=seen.fingerprint, digest=seen.digest, signals=signals | {"looks": seen.looks},
        )  # fmt: skip


def meaning(answer: GraphAnswer, *, value: bool = False) -> tuple[Status, str, str] | None:
    """What an answer about a photo says: (status, reason, sentence), or None where it says there is one.

    `absent` only where the answer says so in one of the documented ways: everything else that is no
    photo is `unknown`, with the service's own code as the reason.
    """
    if answer.status == 200:
        if value:
            return None
        metadata = answer.json()
        if _one_pixel(metadata):
            return Status.ABSENT, "", ""
        if not _describes(answer):
            return Status.UNKNOWN, Reason.UNEXPECTED_ANSWER, "Graph answered 200 without a photo's metadata"
        return None
    code, message = answer.error_code, answer.error_message
    if answer.status == 404:
        if code in NO_PHOTO_CODES or (code == "ErrorEntityNotFound" and NO_PHOTO_EXCEPTION in message):
            return Status.ABSENT, "", ""
        if not answer.body.strip() and answer.content_type in UNTYPED:
            return Status.ABSENT, "", ""
    if code in PERMISSION_CODES:
        return (
            Status.UNKNOWN, Reason.PERMISSION_MISSING,
            f"Graph refuses the photo ({code}): the app lacks ProfilePhoto.Read.All or User.Read.All",
        )  # fmt: skip
    if 300 <= answer.status < 400:
        # Whoever redirects is something else than Graph: it says nothing about a photo.
        return Status.UNKNOWN, Reason.UNEXPECTED_ANSWER, f"Graph redirected ({answer.status}), which it never does"
    told = code or f"HTTP {answer.status}"
    if "ProfileNotFoundException" in message:
        told = "ProfileNotFound"
    return Status.UNKNOWN, told, f"Graph answered {answer.status} ({told}) instead of a photo"


def _describes(answer: GraphAnswer) -> bool:
    """Whether an answer holds a photo's metadata."""
    metadata = answer.json()
    return "id" in metadata or "width" in metadata


def _says_nothing(answer: GraphAnswer) -> bool:
    """Whether an item of a batch is to be asked alone: no metadata, or a 404 that only calls itself JSON."""
    if answer.status == 404:
        return not answer.body.strip() and answer.content_type not in UNTYPED
    return answer.status == 200 and not _describes(answer)


def picture_flaw(answer: GraphAnswer) -> bool:
    """Whether an item of a batch claims to be a picture and is a text or nothing."""
    return answer.status == 200 and (not answer.body or answer.content_type.startswith("text/"))


def _to_read(metadata: GraphAnswer | None, known: Known | None) -> bool:
    """Whether metadata tells of a photo whose bytes are wanted."""
    if metadata is None or meaning(metadata) is not None:
        return False
    return known is None or known.recheck or not _unchanged(metadata, known)


def _unchanged(metadata: GraphAnswer, known: Known) -> bool:
    now = _codes(metadata)
    return (
        bool(now["media_etag"])
        and "value_etag" not in known.signals
        and same_signals(known.signals, now, ("media_etag", "size"))
    )


def _tag(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _one_pixel(metadata: dict[str, object]) -> bool:
    # Documented for 'no photo': id 1x1 (any letter case), width 1, an empty media ETag, each with status 200.
    width, etag = metadata.get("width"), metadata.get("@odata.mediaEtag")
    return (
        str(metadata.get("id", "")).lower() == "1x1"
        or (isinstance(width, int) and width <= 1)
        or (isinstance(etag, str) and not etag.strip('"'))
    )


def _codes(answer: GraphAnswer) -> dict[str, str]:
    metadata = answer.json()
    return {
        "media_etag": str(metadata.get("@odata.mediaEtag") or "").strip('"'),
        "size": str(metadata.get("id") or "").lower(),
        "code": answer.error_code,
    }
