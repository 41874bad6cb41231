"""The picture of the SharePoint user profile: what is shown, and what is stored."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from auditor.collectors.contract import (
    NOBODY_KNOWN,
    Keep,
    Known,
    Permission,
    Seen,
    Unchanged,
    WorkloadRefused,
    at_once,
    observed,
    same_signals,
    unknown,
)
from auditor.collectors.pictures import Looked, look
from auditor.model import Decision, Fingerprint, Picture, Reason, Status, User, Way, Workload
from auditor.photos import compare
from auditor.services.errors import BadAnswer, FinalForWorkload, HostRefused, ServiceError
from auditor.services.http import Answer
from auditor.services.origins import BadOrigin, origin_of
from auditor.services.retries import one_user
from auditor.services.sharepoint import People, ProfileAnswer, no_such_file, picture_moment

NOBODY = ("photo-auditor.nobody.8f3d1c72@{domain}", "photo-auditor.nobody.b61e90a4@{domain}")
"""Accounts that cannot exist: what is shown for both is the default person."""
SIGNALS = (
    "SPS-PictureTimestamp",
    "SPS-PicturePlaceholderState",
    "SPS-PictureExchangeSyncState",
    "SPS-PersonalSiteInstantiationState",
    "SPS-SavedAccountName",
)
STAMP = (
    "SPS-PictureTimestamp",
    "SPS-PicturePlaceholderState",
    "SPS-PictureExchangeSyncState",
    "PictureURL",
    "PictureURL-host",
    "PictureURL-sha256",
)
"""What of a profile tells whether its pictures are still the same."""
SYNCHRONISED = "1"
"""SPS-PictureExchangeSyncState of a picture that the synchronisation looks after, and stamps with its time."""
SETTLED = timedelta(days=3)
"""How long SharePoint may take to show what a profile says (72 hours are reported): what was read sooner after its
stamp may be the picture from before."""


@dataclass
class SharePoint:
    """The profile, asked on the user's own geo; then the picture that is shown and the one that is stored.

    Pictures that are known are not read where the profile's stamp is the same. Only the synchronisation from Exchange
    is known to stamp: a picture that a tool wrote, or that users without an Exchange licence are shown, is always read.
    """

    people: People
    root: str
    my_sites: tuple[str, ...]
    """Origins of the My Site hosts, the home geo's first."""
    keep: Keep
    concurrency: int = 6
    delegated: bool = False
    """Whether the token is a person's."""
    workload = Workload.SHAREPOINT
    permissions = (
        Permission("SharePoint", "User.Read.All", "application", "every profile of the User Profile service"),
        Permission("SharePoint", "Sites.Read.All", "application", "every site's content, to read"),
    )
    delegated_permissions = (
        Permission(
            "SharePoint",
            "User.Read.All",
            "delegated",
            "every profile of the User Profile service, as far as the person who signs in may read it",
        ),
        Permission(
            "SharePoint",
            "AllSites.Read",
            "delegated",
            "the content of every site that the person who signs in may read",
        ),
    )
    tells_apart = "photo, default person with and without a stored picture, no profile, another account's profile"
    requests_per_user = 4.0
    learned: str = field(default="", init=False)
    _default: dict[str, Fingerprint | None] = field(default_factory=dict, init=False)
    """What each host shows for nobody; None where that could not be learned."""
    _taken: bool = field(default=False, init=False)
    """Whether the credential was ever taken."""

    async def prepare(self, users: Iterable[User]) -> None:
        """Learn each host's default person, and whether this credential is accepted at all."""
        domain = next((user.upn.rpartition("@")[2] for user in users if "#EXT#" not in user.upn), "invalid")
        nobody = tuple(name.format(domain=domain) for name in NOBODY)
        profile = await self.people.profile(self.root, nobody[0])
        if refusal := refused(profile, delegated=self.delegated):
            raise refusal
        self._taken = True
        for site in self.my_sites:
            self._default[site] = await self._learn(site, nobody)

    async def _learn(self, site: str, nobody: Sequence[str]) -> Fingerprint | None:
        """What `site` shows for people who do not exist; None unless it shows the same picture for both."""
        seen = [await _read(partial(self.people.shown, site, name), lambda *_: None) for name in nobody]
        first, second = (one.fingerprint for one in seen)
        return first if first is not None and second is not None and _equal(first, second) else None

    async def collect(
        self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN
    ) -> AsyncGenerator[Seen, None]:
        """One observation a user for the picture that counts, and one for the other where there is one."""
        work = (self._observe(user, known.get(user.id)) for user in users)
        async with aclosing(at_once(work, self.concurrency)) as results:
            async for observations in results:
                for observation in observations:
                    yield observation

    async def _observe(self, user: User, known: Known | None) -> list[Seen]:
        with one_user():
            return await self._profile_and_pictures(user, known)

    async def _profile_and_pictures(self, user: User, known: Known | None) -> list[Seen]:
        try:
            profile, site = await self._profile(user)
        except FinalForWorkload:
            raise
        except ServiceError as error:
            return [unknown(user, self.workload, Way.USERPHOTO, error)]
        if not profile.found:
            return [observed(user, self.workload, Status.NOT_PROVISIONED, Way.USERPHOTO)]
        signals = {name: profile.properties.get(name, "") for name in SIGNALS}
        url = profile.properties.get("PictureURL", "")
        signals["PictureURL"] = "set" if url else ""
        signals["PictureURL-host"] = self._strange_host(url)
        signals["PictureURL-sha256"] = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:16] if url else ""
        if profile.status != 200:
            told = profile.error or f"HTTP {profile.status}"
            return [
                observed(user, self.workload, Status.UNKNOWN, Way.USERPHOTO, reason=f"HTTP {profile.status}",
                         detail=f"SharePoint refused the profile: {told}", signals=signals)
            ]  # fmt: skip
        owner = profile.properties.get("msOnline-ObjectId", "")
        if owner.lower() != user.id.lower():
            told = "belongs to another or an earlier account" if owner else "does not say whose it is"
            return [
                observed(user, self.workload, Status.UNKNOWN, Way.USERPHOTO, reason=Reason.PROFILE_OF_ANOTHER_ACCOUNT,
                         detail=f"the profile under this name {told}",
                         signals=signals | {"msOnline-ObjectId": owner})
            ]  # fmt: skip
        return await self._pictures(user, site, url, signals, known)

    async def _profile(self, user: User) -> tuple[ProfileAnswer, str]:
        """The profile as the user's own geo has it, and that geo's My Site host.

        The home geo answers for everyone and names the host of the user's geo (PersonalSiteHostUrl, which
        Microsoft recommends for telling where a profile lives); the full profile is there.
        """
        profile = await self.people.profile(self.root, user.upn)
        if refusal := refused(profile, delegated=self.delegated):
            if not self._taken:
                raise refusal
            # The credential was taken for others: what is refused is this one user's profile.
            raise ServiceError(refusal.sentence, remedy=refusal.remedy, reason=refusal.reason)
        self._taken = True
        host = str(profile.top.get("PersonalSiteHostUrl") or "")
        if not host:
            if profile.found and profile.status == 200 and len(self.my_sites) > 1:
                raise BadAnswer("the profile does not say on which geo it lives", reason=Reason.GEO_UNKNOWN)
            return profile, self.my_sites[0]
        try:
            site = origin_of(host)
        except BadOrigin as error:
            raise HostRefused(f"the profile names a My Site host that is not asked: {error}") from None
        if site not in self.my_sites:
            raise HostRefused(
                f"the profile lives on {site}, which is not among sharepoint.my_sites",
                remedy=f"add {site} to sharepoint.my_sites if it is a geo of this tenant",
            )
        if site != self.my_sites[0]:
            # What this geo refuses it refuses its own users: the others are asked on.
            profile = await self.people.profile(site, user.upn)
            if refusal := refused(profile, delegated=self.delegated):
                raise ServiceError(f"{site}: {refusal.sentence}", remedy=refusal.remedy, reason=refusal.reason)
            if not profile.found:
                raise BadAnswer(
                    f"the home geo says that the profile lives on {site}, which does not have it",
                    reason=Reason.GEO_UNKNOWN,
                )
        return profile, site

    def _strange_host(self, url: str) -> str:
        """The host of a `PictureURL` that lies on none of the My Site hosts, as after a tenant was renamed."""
        try:
            origin = origin_of(url) if url else ""
        except BadOrigin:
            return ""
        return "" if origin in self.my_sites else origin.removeprefix("https://")

    async def _pictures(
        self, user: User, site: str, url: str, signals: Mapping[str, str], known: Known | None
    ) -> list[Seen]:
        same = _unchanged(user, signals, known) if known is not None else frozenset()
        left_out = frozenset() if known is not None and known.recheck else same
        shown, stored = await asyncio.gather(
            _nothing() if Picture.SHOWN in left_out else self._shown(user, site, url=bool(url)),
            _nothing() if Picture.STORED in left_out else self._stored(url),
        )
        # What is shown counts. Where it cannot be read, what is stored counts for users with an Exchange
        # licence; without one SharePoint shows the Microsoft 365 photo whatever is stored (MC653734). Where bytes
        # came that are no image, users may see just that: another picture must not stand in for it. A file that is
        # gone although the profile names it says nothing of what is shown.
        is_stored = Picture.STORED in left_out or (stored is not None and stored.status is not Status.ABSENT)
        not_seen = shown is not None and shown.status is Status.UNKNOWN and not shown.broken
        from_stored = not_seen and is_stored and user.exchange_plan
        seen: list[Seen] = []
        if Picture.SHOWN in same:
            seen.append(Unchanged(user.id, signals, Picture.SHOWN, judged=not from_stored))
        if shown is not None:
            seen.append(
                observed(
                    user, self.workload, shown.status, Way.USERPHOTO, reason=shown.reason, detail=shown.detail,
                    picture=Picture.SHOWN, judged=not from_stored, fingerprint=shown.fingerprint, digest=shown.digest,
                    signals={**signals, "looks": shown.looks},
                )
            )  # fmt: skip
        if Picture.STORED in same:
            seen.append(Unchanged(user.id, signals, Picture.STORED, judged=from_stored))
        if stored is not None:
            seen.append(
                observed(
                    user, self.workload, stored.status, Way.PICTURE_LIBRARY, reason=stored.reason,
                    detail=stored.detail, picture=Picture.STORED, judged=from_stored,
                    fingerprint=stored.fingerprint, digest=stored.digest, signals={**signals, "looks": stored.looks},
                )
            )  # fmt: skip
        return seen

    async def _shown(self, user: User, site: str, *, url: bool) -> Looked:
        async def read() -> Answer:
            return await self.people.shown(site, user.upn)

        seen = await _read(read, self.keep)
        if seen.status is Status.ABSENT:
            # userphoto.aspx shows the default person for a missing photo, and never a 404.
            return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail="nothing is shown (404)")
        if seen.fingerprint is None or seen.status not in {Status.PHOTO, Status.PLACEHOLDER}:
            return seen
        default = self._default.get(site)
        if default is None:
            # Any picture may be the default person here: whatever was shown, nothing was learned from it.
            detail = f"what {site} shows for people without a photo could not be learned"
            return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail=detail)
        if _equal(seen.fingerprint, default):
            status = Status.PLACEHOLDER if url else Status.ABSENT
            return Looked(status, seen.fingerprint if url else None, looks="default: the default person of this host")
        return seen

    async def _stored(self, url: str) -> Looked | None:
        if not url:
            return None

        async def read() -> Answer:
            return await self.people.stored(url)

        return await _read(read, self.keep)


async def _nothing() -> None:
    """In place of a picture that is not read."""


def _unchanged(user: User, signals: Mapping[str, str], known: Known) -> frozenset[Picture]:
    """Which of the known pictures the profile says are still the same; none where it cannot tell."""
    if not user.exchange_plan or signals["SPS-PictureExchangeSyncState"] != SYNCHRONISED:
        return frozenset()
    stamped = picture_moment(signals["SPS-PictureTimestamp"])
    if stamped is None or known.read_at - stamped < SETTLED or not same_signals(known.signals, signals, STAMP):
        return frozenset()
    return known.pictures


async def _read(read: Callable[[], Awaitable[Answer]], keep: Keep) -> Looked:
    try:
        answer = await read()
        if no_such_file(answer):
            return Looked(Status.ABSENT)
        if answer.status != 200:
            raise BadAnswer(f"SharePoint answered {answer.status} instead of a picture", reason=Reason.PICTURE_NOT_READ)

        async def again() -> bytes | None:
            second = await read()
            return second.body if second.status == 200 else None

        return await look(answer.body, again, keep, content_type=answer.content_type)
    except FinalForWorkload:
        raise
    except ServiceError as error:
        return Looked(Status.UNKNOWN, reason=error.reason, detail=error.sentence)


def _equal(a: Fingerprint, b: Fingerprint) -> bool:
    if a.sha256 == b.sha256:
        return True
    # A portrait is nowhere near the default person: the hash keeps the dear comparison from every user.
    near = (int(a.phash, 16) ^ int(b.phash, 16)).bit_count() <= 12
    return near and compare(a, b).decision is Decision.SAME


def refused(profile: ProfileAnswer, *, delegated: bool = False) -> WorkloadRefused | None:
    """Whether the answer refuses this credential, and so everyone. `delegated`: it is a person's."""
    words = f"{profile.error} {profile.diagnostics}"
    if "required permissions to access profile" in words:
        kind = "delegated" if delegated else "application"
        return WorkloadRefused(
            Reason.PERMISSION_MISSING,
            "SharePoint refuses the app: it has no permission to read profiles",
            f"grant the SharePoint {kind} permission User.Read.All (not Graph's of the same name)",
        )
    if profile.status != 401:
        return None
    if delegated:
        return WorkloadRefused(
            Reason.SIGN_IN_FAILED,
            "SharePoint refuses the token of the person who signed in"
            f" (401{': ' + profile.error if profile.error else ''})",
            "check sharepoint.audience, and that this person may use SharePoint",
        )
    if "app only token" in words or "Unsupported security token" in words:
        return WorkloadRefused(
            Reason.SIGN_IN_NEEDS_CERTIFICATE,
            "SharePoint takes no app-only token that was got with a client secret",
            "sign in with a certificate (sign_in.certificate)",
        )
    return WorkloadRefused(
        Reason.SIGN_IN_FAILED,
        f"SharePoint refuses the token (401{': ' + profile.error if profile.error else ''})",
        "check sharepoint.audience, and sign in with a certificate",
    )
