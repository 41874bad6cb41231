"""The Microsoft 365 photo as Microsoft Graph serves it."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
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
from auditor.services.errors import BadAnswer, FinalForWorkload, ServiceError
from auditor.services.graph import (
    BATCH,
    FINAL_CODES,
    UNTYPED,
    Graph,
    GraphAnswer,
    named_users,
    photo_path,
    photos_path,
    user_path,
)
from auditor.services.limits import GRAPH_AT_ONCE
from auditor.services.retries import one_user

NO_PHOTO_CODES = frozenset({"ImageNotFound", "ErrorItemNotFound"})
"""Codes that say 'no photo' and nothing else."""
NO_PHOTO_EXCEPTION = "imagenotfoundexception"
"""An exception's name, in lower case. It comes also with the code ErrorEntityNotFound, and then names the entity."""
NO_PHOTO_MESSAGE = "the photo wasn't found"
"""The message with the code GetUserPhoto where there is no photo (microsoft-graph-docs#2248). For a personal account
the message is that the operation is not supported (omniauth-microsoft-office365#3)."""
PERMISSION_CODES = frozenset({"ErrorInsufficientPermissionsInAccessToken", "Authorization_RequestDenied"})
PROOFS = 3
"""How often a user with a bare 404 is asked for again together with a companion."""
HOLDERS = 8
"""Number of users known to have a photo that are remembered: the last ones read."""
ANOTHERS = "Graph answered with the photo of another user, whom its metadata names"
BYTES_OF_ANOTHER = "Graph answered with the picture of another user: its ETag is that of the other's metadata"
_SIZE = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")

Heard = GraphAnswer | ServiceError
"""The result of asking for one user: an answer, or the reason why there is none that can be believed."""


@dataclass
class Entra:
    """Reads the metadata, then the picture where it is not known yet; in batches of 20 or one by one.

    The media ETag in the metadata tells whether a picture is known. `If-None-Match` is never sent: it is not known
    whether Graph honours it for the bytes (docs/assumptions.md).
    """

    graph: Graph
    keep: Keep
    batch: bool = True
    learned: str = field(default="", init=False)
    batches_at_once: int = 2
    """One batch is at Graph, which runs four of its requests at a time: an app may have no more under way. Meanwhile
    the pictures of the other batch are decoded."""
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
    # profilephoto-get: User.Read suffices for the photo alone. The narrower User.ReadBasic.All does not show licences
    # and plans. Without them neither the scope nor "no mailbox" can be decided.
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

    _asked: frozenset[str] = field(default=frozenset(), init=False)
    """Ids, in lower case, of the users of the current call."""
    _audited: set[str] = field(default_factory=set, init=False)
    """Ids, in lower case, of the run's users that were taken from `_unread`."""
    _unread: Iterator[User] = field(default_factory=lambda: iter(()), init=False)
    """The rest of the run's users."""
    _holders: deque[str] = field(default_factory=lambda: deque(maxlen=HOLDERS), init=False)
    """Ids of users whose photo this run has read, or found unchanged."""
    _tags: set[str] = field(default_factory=set, init=False)
    """The media ETags in the metadata of this run's users."""

    async def prepare(self, users: Iterable[User]) -> None:
        """Keep `users` for later. Nothing needs to be asked: the list of users has shown that Graph answers."""
        # They are read only where an answer names another user, which no ordinary answer does.
        self._unread = iter(users)

    async def collect(
        self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN
    ) -> AsyncGenerator[Seen, None]:
        """One observation a user."""
        self._asked = frozenset(user.id.lower() for user in users)
        size = BATCH if self.batch else GRAPH_AT_ONCE
        chunks = [users[start : start + size] for start in range(0, len(users), size)]
        work = (self._observe(chunk, known) for chunk in chunks)
        async with aclosing(at_once(work, self.batches_at_once if self.batch else 1)) as results:
            async for observations in results:
                for observation in observations:
                    yield observation

    async def ask_again(
        self, users: Sequence[User], heard: Mapping[str, Observation]
    ) -> AsyncGenerator[Observation, None]:
        """One observation a user: each is asked alone for the list of sizes, and for a size that was not read."""
        self._asked = frozenset(user.id.lower() for user in users)
        for user_id, observation in heard.items():
            if observation.status is Status.PHOTO and user_id not in self._holders and len(self._holders) < HOLDERS:
                self._holders.append(user_id)
        work = (self._another_size(user, heard.get(user.id)) for user in users)
        async with aclosing(at_once(work, GRAPH_AT_ONCE)) as results:
            async for observation in results:
                yield observation

    # -- what the metadata says ------------------------------------------------------------------------------------

    async def _observe(self, users: Sequence[User], known: Mapping[str, Known]) -> list[Seen]:
        """The metadata of all, then the pictures; last, bare 404s that only a companion's answer can prove."""
        batched = await self._metadata(users) if self.batch else {}
        rest = [user for user in users if user.id not in batched]
        alone = dict(zip((user.id for user in rest), await asyncio.gather(*map(self._alone, rest)), strict=True))
        spoke = any(speaks(answer) for answer in batched.values())
        pending = [
            user
            for user in users
            if ((answer := alone.get(user.id)) is not None and is_bare(answer))
            or (not spoke and (answer := batched.get(user.id)) is not None and is_bare(answer))
        ]
        waiting = {user.id for user in pending}
        settled = [user for user in users if user.id not in waiting]
        for answer in [*batched.values(), *alone.values()]:
            self._note_tag(answer)
        pictures = await self._pictures(
            [user for user in settled if _to_read(batched.get(user.id), known.get(user.id))], batched
        )
        seen = await asyncio.gather(
            *(
                self._user(user, alone.get(user.id, batched.get(user.id)), user.id in batched, pictures, known)
                for user in settled
            )
        )
        if pending:
            proved = await self._beside_another(pending, photo_path)
            seen += await asyncio.gather(
                *(self._user(user, proved[user.id], self.batch, {}, known) for user in pending)
            )  # fmt: skip
        return [one for of_a_user in seen for one in of_a_user]

    async def _metadata(self, users: Sequence[User]) -> dict[str, GraphAnswer]:
        """A batch's answers by object id; empty where the batch failed, or gives one user's metadata to another.

        Users of whom the batch says nothing are left out: they are asked alone.
        """
        paths = _paths(users, photo_path)
        answers = await self._ask([*paths.values()])
        found = {identity: answers[path] for identity, path in paths.items() if path in answers}
        if any(self._stranger(identity, answer) for identity, answer in found.items()):
            return {}
        return {identity: answer for identity, answer in found.items() if not _says_nothing(answer)}

    async def _pictures(
        self, users: Sequence[User], metadata: Mapping[str, GraphAnswer]
    ) -> dict[str, GraphAnswer]:  # fmt: skip
        """A batch's answers for the bytes, by object id; empty where it gives one user's picture to another."""
        if not users:
            return {}
        paths = _paths(users, _value_path)
        answers = await self._ask([*paths.values()])
        found = {identity: answers[path] for identity, path in paths.items() if path in answers}
        if any(self._bytes_of_another(answer, _codes(metadata[one])) for one, answer in found.items()):
            return {}
        return found

    def _note_tag(self, metadata: Heard) -> None:
        if isinstance(metadata, GraphAnswer) and metadata.status == 200 and meaning(metadata) is None:
            self._tags.add(_tag(_codes(metadata)["media_etag"]))

    def _bytes_of_another(self, picture: GraphAnswer, own: Mapping[str, str]) -> bool:
        """Whether a picture's ETag is another user's media ETag, and not this user's own."""
        tag = _tag(picture.etag)
        return bool(tag) and tag != _tag(own.get("media_etag", "")) and tag in self._tags

    async def _ask(self, paths: Sequence[str]) -> dict[str, GraphAnswer]:
        # After a batch that is refused or damaged, each user is asked alone.
        try:
            return await self.graph.batch(paths)
        except FinalForWorkload:
            raise
        except ServiceError:
            return {}

    async def _alone(self, user: User, path: Callable[[str], str] = photo_path) -> Heard:
        with one_user():
            try:
                return self._own(user, await self.graph.get(path(user.id)))
            except FinalForWorkload:
                raise
            except ServiceError as error:
                return error

    def _own(self, user: User, answer: GraphAnswer) -> GraphAnswer:
        """The same answer. Raises `BadAnswer` where it names another audited user."""
        if self._stranger(user.id, answer):
            raise BadAnswer(ANOTHERS)
        return answer

    def _stranger(self, object_id: str, answer: GraphAnswer) -> bool:
        """Whether metadata names another audited user; metadata that names nobody proves nothing."""
        named = _owners(answer) - {object_id.lower()}
        if not named:
            return False
        if named & self._asked:
            return True
        self._audited.update(user.id.lower() for user in self._unread)
        return bool(named & self._audited)

    # -- a 404 that says nothing -----------------------------------------------------------------------------------

    async def _beside_another(self, users: Sequence[User], path: Callable[[str], str]) -> dict[str, Heard]:
        """Graph's answers for these users, asked once more together with a companion.

        The companion is a user known to have a photo, whose metadata must come back. Where no such user is known, the
        same user's directory entry takes its place. A bare 404 in the result is proved.
        """
        heard: dict[str, Heard] = {}
        problem = ServiceError("the answer that would have proved it did not come")
        for _ in range(PROOFS):
            rest = [user for user in users if user.id not in heard]
            holder = next((one for one in self._holders if all(one != user.id for user in rest)), "")
            most = 1 if not self.batch else BATCH - 1 if holder else BATCH // 2
            for start in range(0, len(rest), most):
                group = rest[start : start + most]
                try:
                    heard |= self._proved(group, path, holder, await self._together(group, path, holder))
                except FinalForWorkload:
                    raise
                except ServiceError as error:
                    problem = error
        why = f"Graph answered 404 and nothing else, which alone is not believed: {problem.sentence}"
        return {user.id: heard.get(user.id, ServiceError(why, reason=problem.reason)) for user in users}

    async def _together(
        self, users: Sequence[User], path: Callable[[str], str], holder: str
    ) -> dict[str, GraphAnswer]:  # fmt: skip
        """The answers by path: from one batch, or, where batches are not used, one after the other."""
        companions = [photo_path(holder)] if holder else [user_path(user.id) for user in users]
        paths = [*(path(user.id) for user in users), *companions]
        if self.batch:
            return await self.graph.batch(paths)
        # The companion comes last: its answer shows that the service still answered after the user's.
        return {one: await self.graph.get(one) for one in paths}

    def _proved(
        self, users: Sequence[User], path: Callable[[str], str], holder: str, answers: Mapping[str, GraphAnswer]
    ) -> dict[str, Heard]:
        """The answers that stand, given the companion's; users who must be asked once more are left out."""
        heard: dict[str, Heard] = {}
        for user in users:
            answer = answers.get(path(user.id))
            companion = answers.get(photo_path(holder) if holder else user_path(user.id))
            if answer is None or (answer.status == 404 and _says_nothing(answer)):
                continue
            if self._stranger(user.id, answer):
                heard[user.id] = BadAnswer(ANOTHERS)
            elif not is_bare(answer):
                heard[user.id] = answer
            elif companion is None:
                continue
            elif self._vouches(user, holder, companion):
                heard[user.id] = answer
            elif not holder and companion.decides[0] == "Request_ResourceNotFound":
                heard[user.id] = companion
            elif holder and not is_bare(companion) and (told := meaning(companion)) and told[0] is Status.ABSENT:
                # This companion has lost the photo meanwhile: the next attempt takes another one.
                if holder in self._holders:
                    self._holders.remove(holder)
            else:
                heard[user.id] = BadAnswer(
                    "Graph answered 404 and nothing else, and as little for "
                    + ("a user whose photo it had shown before" if holder else "the same user's directory entry")
                    + ": it is not believed that there is no photo"
                )
        return heard

    def _vouches(self, user: User, holder: str, companion: GraphAnswer) -> bool:
        """Whether a companion's answer shows that the service itself is answering."""
        if holder:
            return companion.status == 200 and meaning(companion) is None and not self._stranger(holder, companion)
        return companion.status == 200 and str(companion.json().get("id", "")).lower() == user.id.lower()

    # -- one user --------------------------------------------------------------------------------------------------

    async def _user(
        self,
        user: User,
        metadata: Heard | None,
        batched: bool,
        pictures: Mapping[str, GraphAnswer],
        known: Mapping[str, Known],
    ) -> list[Seen]:
        with one_user():
            return await self._photo(user, metadata, batched, pictures.get(user.id), known.get(user.id))

    async def _photo(
        self, user: User, metadata: Heard | None, batched: bool, answer: GraphAnswer | None, known: Known | None
    ) -> list[Seen]:
        way = Way.GRAPH_BATCH if batched else Way.GRAPH_SINGLE
        if metadata is None or isinstance(metadata, ServiceError):
            return [unknown(user, self.workload, way, metadata or BadAnswer("no answer came"))]
        told = meaning(metadata)
        if told is not None:
            status, reason, detail = told
            return [observed(user, self.workload, status, way, reason=reason, detail=detail, signals=_codes(metadata))]
        seen: list[Seen] = []
        if known is not None and _unchanged(metadata, known):
            self._has_photo(user)
            seen.append(Unchanged(user.id, _codes(metadata)))
            if not known.recheck:
                return seen
        try:
            if answer is None or picture_flaw(answer):
                way = Way.GRAPH_SINGLE
                answer = await self.graph.value(_value_path(user.id))
                if self._bytes_of_another(answer, _codes(metadata)):
                    raise BadAnswer(BYTES_OF_ANOTHER)
            return [*seen, await self._picture(user, metadata, answer, way)]
        except FinalForWorkload:
            raise
        except ServiceError as error:
            return [*seen, unknown(user, self.workload, way, error)]

    async def _picture(self, user: User, metadata: GraphAnswer, answer: GraphAnswer, way: Way) -> Observation:
        signals = _codes(metadata)
        if answer.status != 200:
            return self._no_picture(user, answer, way, signals)

        async def again() -> bytes | None:
            second = await self.graph.value(_value_path(user.id))
            return second.body if second.status == 200 else None

        seen = await look(answer.body, again, self.keep, content_type=answer.content_type)
        if seen.status in {Status.PHOTO, Status.PLACEHOLDER}:
            self._has_photo(user)
        if (other := _tag(answer.etag)) not in {"", signals["media_etag"]}:
            # The bytes are of another moment than the metadata: the media ETag does not stand for them.
            signals["value_etag"] = other
        return observed(
            user, self.workload, seen.status, way, reason=seen.reason, detail=seen.detail,
            fingerprint=seen.fingerprint, digest=seen.digest, signals=signals | {"looks": seen.looks},
        )  # fmt: skip

    def _no_picture(
        self, user: User, answer: GraphAnswer, way: Way, signals: Mapping[str, str]
    ) -> Observation:  # fmt: skip
        told = meaning(answer, value=True)
        status, reason, detail = told or (
            Status.UNKNOWN, Reason.UNEXPECTED_ANSWER, f"Graph answered {answer.status} to the picture",
        )  # fmt: skip
        if status is Status.ABSENT:
            # Metadata says there is a photo and the picture's own address says there is none.
            status, reason = Status.UNKNOWN, Reason.PICTURE_NOT_READ
            detail = "Graph describes a photo and answers 404 for its bytes"
        return observed(user, self.workload, status, way, reason=reason, detail=detail, signals=signals)

    def _has_photo(self, user: User) -> None:
        if user.id in self._holders:
            self._holders.remove(user.id)
        self._holders.appendleft(user.id)

    # -- another way -----------------------------------------------------------------------------------------------

    async def _another_size(self, user: User, heard: Observation | None) -> Observation:
        with one_user():
            try:
                return await self._by_sizes(user, heard.signals.get("size", "") if heard is not None else "")
            except ServiceError as error:
                return unknown(user, self.workload, Way.GRAPH_SINGLE, error)

    async def _by_sizes(self, user: User, before: str) -> Observation:
        """Read the list of sizes, and the picture in the largest size that is not the one read `before`.

        Without a photo, Graph answers the list with an error, as it does the metadata, and never with an empty list
        (msgraph-sdk-dotnet#2673).
        """
        way = Way.GRAPH_SINGLE
        answer: Heard = self._own(user, await self.graph.get(photos_path(user.id)))
        if isinstance(answer, GraphAnswer) and is_bare(answer):
            answer = (await self._beside_another([user], photos_path))[user.id]
        if isinstance(answer, ServiceError):
            raise answer
        listed = _listed(answer) if answer.status == 200 else None
        if listed is None or (listed and all(map(_one_pixel, listed))):
            told = (Status.ABSENT, "", "") if listed else meaning(answer)
            status, reason, detail = told or (Status.UNKNOWN, Reason.UNEXPECTED_ANSWER, "Graph listed no sizes")
            signals = {"code": answer.decides[0]}
            return observed(user, self.workload, status, way, reason=reason, detail=detail, signals=signals)
        sizes = sorted(filter(None, map(_size_of, listed)), key=lambda one: one[0] * one[1], reverse=True)
        others = [one for one in sizes if f"{one[0]}x{one[1]}" != before] or sizes
        signals = {"media_etag": next((_codes_of(one)["media_etag"] for one in listed), "")}
        if others:
            width, height = others[0]
            path = f"{photos_path(user.id)}/{width}x{height}/$value"
            picture = await self.graph.value(path)
            if picture.status == 200:
                return await self._looked_at(user, picture, path, signals | {"size": f"{width}x{height}"})
        # Where one size is missing, there may still be a photo.
        path = _value_path(user.id)
        picture = await self.graph.value(path)
        if picture.status == 200:
            return await self._looked_at(user, picture, path, signals)
        if not listed and (told := meaning(picture, value=True)) and told[0] is Status.ABSENT and not is_bare(picture):
            # Nothing is listed, and there are no bytes: both say the same.
            return observed(user, self.workload, Status.ABSENT, way, signals={"code": picture.decides[0]})
        return self._no_picture(user, picture, way, signals)

    async def _looked_at(
        self, user: User, answer: GraphAnswer, path: str, signals: Mapping[str, str]
    ) -> Observation:  # fmt: skip
        async def again() -> bytes | None:
            second = await self.graph.value(path)
            return second.body if second.status == 200 else None

        if self._bytes_of_another(answer, signals):
            raise BadAnswer(BYTES_OF_ANOTHER)
        seen = await look(answer.body, again, self.keep, content_type=answer.content_type)
        if seen.status in {Status.PHOTO, Status.PLACEHOLDER}:
            self._has_photo(user)
        return observed(
            user, self.workload, seen.status, Way.GRAPH_SINGLE, reason=seen.reason, detail=seen.detail,
            fingerprint=seen.fingerprint, digest=seen.digest, signals={**signals, "looks": seen.looks},
        )  # fmt: skip


def meaning(answer: GraphAnswer, *, value: bool = False) -> tuple[Status, str, str] | None:
    """The meaning of an answer about a photo: (status, reason, sentence), or None where there is a photo.

    The status is `absent` only where the answer says so in one of the documented ways. Any other answer without a
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
    code, message = answer.decides
    plain = message.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip(" .")
    if answer.status == 404:
        if code in NO_PHOTO_CODES or (code and NO_PHOTO_EXCEPTION in plain):
            return Status.ABSENT, "", ""
        if (code == "GetUserPhoto" and plain == NO_PHOTO_MESSAGE) or is_bare(answer):
            return Status.ABSENT, "", ""
    if code in PERMISSION_CODES:
        return (
            Status.UNKNOWN, Reason.PERMISSION_MISSING,
            f"Graph refuses the photo ({code}): the app lacks ProfilePhoto.Read.All or User.Read.All",
        )  # fmt: skip
    if 300 <= answer.status < 400:
        # Graph never redirects: something else answered, and it says nothing about a photo.
        return Status.UNKNOWN, Reason.UNEXPECTED_ANSWER, f"Graph redirected ({answer.status}), which it never does"
    told = "ProfileNotFound" if "profilenotfoundexception" in plain else code
    detail = f"Graph answered {answer.status} ({told or 'without a code'}) instead of a photo"
    if answer.passes or answer.status >= 500 or answer.status in {408, 429}:
        return Status.UNKNOWN, Reason.SERVER_ERROR, detail
    if answer.status == 401 and told not in FINAL_CODES:
        return Status.UNKNOWN, "HTTP 401", detail
    # All of Graph's errors have a code: an error without one comes from something else.
    return Status.UNKNOWN, told or Reason.UNEXPECTED_ANSWER, detail


def is_bare(answer: object) -> bool:
    """Whether an answer is a bare 404: Graph gives one for a size (microsoft-graph-docs#2319), but a proxy may too."""
    return (
        isinstance(answer, GraphAnswer)
        and answer.status == 404
        and not answer.body.strip()
        and answer.content_type in UNTYPED
    )


def speaks(answer: GraphAnswer) -> bool:
    """Whether the service itself gave this item of a batch: it is a photo's metadata, or an error with a code."""
    return (answer.status == 200 and _describes(answer)) or bool(answer.error_code)


def _describes(answer: GraphAnswer) -> bool:
    """Whether an answer holds a photo's metadata."""
    metadata = answer.json()
    names = {"width", "height", "@odata.mediaEtag", "@odata.mediaContentType"}
    return bool(names & metadata.keys()) or _SIZE.fullmatch(str(metadata.get("id", ""))) is not None


def _says_nothing(answer: GraphAnswer) -> bool:
    """Whether an item of a batch must be asked alone: a 200 without metadata, or an empty 404 with a media type."""
    if answer.status == 404:
        return not answer.body.strip() and answer.content_type not in UNTYPED
    return answer.status == 200 and not _describes(answer)


def _paths(users: Iterable[User], path: Callable[[str], str]) -> dict[str, str]:
    """Path by object id. Users whose id can stand in no path are left out: asked alone, they get that error."""
    made: dict[str, str] = {}
    for user in users:
        with suppress(BadAnswer):
            made[user.id] = path(user.id)
    return made


def _value_path(object_id: str) -> str:
    return photo_path(object_id) + "/$value"


def _owners(answer: GraphAnswer) -> frozenset[str]:
    """Object ids that the metadata of a photo, or of any of its sizes, names as its owner."""
    return frozenset().union(*map(named_users, (answer.json(), *(_listed(answer) or ()))))


def _listed(answer: GraphAnswer) -> list[dict[str, object]] | None:
    """The metadata of each size of a photo; None where the answer is no list."""
    value = answer.json().get("value")
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else None


def _size_of(metadata: Mapping[str, object]) -> tuple[int, int] | None:
    """Width and height, from the id of a size in any letter case; None where that size cannot be asked for."""
    size = _SIZE.fullmatch(str(metadata.get("id", "")))
    return (int(size[1]), int(size[2])) if size and not _one_pixel(metadata) else None


def picture_flaw(answer: GraphAnswer) -> bool:
    """Whether a picture in a batch must be asked for alone: text or nothing came in its place, or a 404 although the
    metadata describes a photo."""
    if answer.status == 404:
        return True
    return answer.status == 200 and (not answer.body or answer.content_type.startswith("text/"))


def _to_read(metadata: GraphAnswer | None, known: Known | None) -> bool:
    """Whether a batch's metadata describes a photo whose bytes must be read."""
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


def _one_pixel(metadata: Mapping[str, object]) -> bool:
    # Documented for 'no photo': id 1x1 (any letter case), width 1, an empty media ETag, each with status 200.
    width, etag = metadata.get("width"), metadata.get("@odata.mediaEtag")
    return (
        str(metadata.get("id", "")).lower() == "1x1"
        or (isinstance(width, int) and width <= 1)
        or (isinstance(etag, str) and not _tag(etag))
    )


def _codes(answer: GraphAnswer) -> dict[str, str]:
    return {**_codes_of(answer.json()), "code": answer.decides[0]}


def _codes_of(metadata: Mapping[str, object]) -> dict[str, str]:
    return {
        "media_etag": str(metadata.get("@odata.mediaEtag") or "").strip('"'),
        "size": str(metadata.get("id") or "").lower(),
    }
