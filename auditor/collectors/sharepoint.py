"""The picture of the SharePoint user profile: the one that is shown, and the one that is stored.

Answers wait until it is known what may be believed of them. Three things are checked: whether the default person is
still the one that was learned, whether SharePoint still knows users whom it knew, and whether it still shows them the
same picture.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from auditor.collectors.contract import (
    NOBODY_KNOWN,
    Keep,
    Known,
    Permission,
    Seen,
    WorkloadRefused,
    at_once,
    kept_signals,
    now,
    same_signals,
    unknown,
)
from auditor.collectors.default_person import DefaultPerson
from auditor.collectors.pictures import Looked
from auditor.collectors.proof import Proof
from auditor.collectors.sharepoint_judging import DEFAULT_LOOKS, Belief, Heard, observations
from auditor.collectors.sharepoint_reading import alike, read
from auditor.model import OWN, Fingerprint, Observation, Picture, Reason, Status, User, Way, Workload
from auditor.services.errors import BadAnswer, FinalForWorkload, HostRefused, ServiceError
from auditor.services.origins import BadOrigin, NotAHost
from auditor.services.retries import one_user
from auditor.services.sharepoint import People, ProfileAnswer, host_origin, picture_moment

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
"""Signals of a profile that are compared to tell whether its pictures are still the same."""
SYNCHRONISED = "1"
"""SPS-PictureExchangeSyncState of a picture that the synchronisation keeps up to date and stamps with its time."""
SETTLED = timedelta(days=3)
"""How long SharePoint may take to show a profile's new picture (72 hours are reported). A picture that was read sooner
after its stamp may be the earlier one."""
WAITING = 100
"""Maximum number of users whose answers wait for the checks on them all: the default person, and a control."""
FAILED_IN_A_ROW = 10
"""After this many users in a row of whom nothing was learned, answers wait no longer: a dead workload is noticed."""
SAME_STRANGER = 3
"""When the same other account's profile came for this many users, the answer is taken for one given to everybody."""
STRANGE_IN_A_ROW = 8
"""When this many users in a row get another account's profile or a refusal, the cause is not the single user."""
LOST_IN_A_ROW = 3
"""When a geo does not know this many users in a row who live there by the home geo's word, the geo is not believed."""
FEW = 8
"""With fewer users than this, what holds for all of them proves nothing."""
CONTROLS = 2
"""Number of users whose answers are remembered, to be asked for again as a proof: the first and the latest."""
OTHER_SIZE = "M"


@dataclass
class SharePoint:
    """Reads the profile on the user's own geo; then the picture that is shown and the one that is stored.

    Known pictures are not read where the profile's stamp is the same. Only the synchronisation from Exchange is known
    to stamp. Pictures that a tool wrote are always read, and so are those of users without an Exchange licence.
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
    _default: DefaultPerson = field(init=False)
    _taken: bool = field(default=False, init=False)
    """Whether SharePoint ever accepted the credential."""
    _known: list[User] = field(default_factory=list, init=False)
    """Users whose own profile came in this run."""
    _shown: dict[str, list[tuple[User, Fingerprint]]] = field(default_factory=dict, init=False)
    """By host: users who were shown a picture that is no default, with that picture."""
    _contradicted: set[str] = field(default_factory=set, init=False)
    """Hosts that showed only the default person, although profiles promise other pictures."""
    _strangers: Counter[str] = field(default_factory=Counter, init=False)
    """By object id of another account: how many users were answered with its profile."""
    _strange: int = field(default=0, init=False)
    """How many users in a row, until now, got another account's profile or a refusal."""
    _lost: Counter[str] = field(default_factory=Counter, init=False)
    """By My Site host: how many users in a row it did not know, although the home geo says that they live there."""

    def __post_init__(self) -> None:
        self._default = DefaultPerson(self.people)

    async def prepare(self, users: Iterable[User]) -> None:
        """Check that the credential is accepted, and learn each host's default person."""
        self._default.name(users)
        profile = await self.people.profile(self.root, self._default.nobody[0])
        if refusal := refused(profile, delegated=self.delegated):
            raise refusal
        self._taken = True
        for site in self.my_sites:
            await self._default.learn(site)

    async def collect(
        self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN
    ) -> AsyncGenerator[Seen, None]:
        """One observation a user for the picture that counts, and one for the other picture where there is one."""
        if not self._default.nobody:
            self._default.name(users)
        proof = Proof(
            self._still_knows, "SharePoint said that it knows no such user, and no longer knew one whom it had known"
        )
        waiting: list[Heard] = []
        settled = True
        work = (self._hear(user, known.get(user.id)) for user in users)
        async with aclosing(at_once(work, self.concurrency)) as results:
            async for heard in results:
                waiting.append(heard)
                settled = settled and self._is_settled(heard)
                if settled or _is_time(waiting):
                    for seen in await self._release(waiting, proof, len(users)):
                        yield seen
                    waiting, settled = [], True
        for seen in await self._release(waiting, proof, len(users)):
            yield seen
        for seen in await proof.settle():
            yield seen

    def _is_settled(self, heard: Heard) -> bool:
        """Whether no later answer could change the meaning of these answers."""
        if not heard.is_known or heard.picture is None:
            return not heard.of_another and not heard.refused and not _is_lost(heard)
        belief = Belief(self._default)
        if self._default.known(heard.site) and not belief.is_default(heard):
            return heard.file_is_shown
        return bool(belief.own(heard))

    async def _release(self, waiting: Sequence[Heard], proof: Proof, users: int) -> list[Seen]:
        """The observations of these users, asked for since the last call. `users`: how many the part has in all."""
        damaged = self._damaged(waiting, alone=len(waiting) == users)
        belief = await self._belief(waiting, few=users < FEW)
        given: list[Seen] = []
        for heard, why in zip(waiting, damaged, strict=True):
            seen = observations(heard, belief, why)
            if heard.is_known:
                _remember(self._known, heard.user)
            given += await proof.take(seen, nothing=heard.no_profile)
        return given

    # -- proving who answered --------------------------------------------------------------------------------

    async def _still_knows(self) -> bool:
        """Whether SharePoint still knows a user whom it knew; where it knew none, whether SharePoint answers at all."""
        for user in reversed(self._known):
            try:
                profile = await self.people.profile(self.root, user.upn, anew=True)
            except ServiceError:
                continue
            if Heard(user, now(), profile=profile).is_known:
                return True
        if self._known:
            return False
        try:
            return await self.people.answers_as_sharepoint(self.root)
        except ServiceError:
            return False

    def _damaged(self, waiting: Sequence[Heard], *, alone: bool) -> list[str]:
        """For each of these, why it is not believed to be about this user; empty where it may be.

        `alone`: these are all users of the part.
        """
        for heard in waiting:
            if heard.of_another and heard.owner:
                self._strangers[heard.owner] += 1
        strange = [heard.of_another or heard.refused for heard in waiting]
        everyone = alone and len(waiting) >= SAME_STRANGER and all(strange)
        rows = _rows(strange, self._strange)
        self._strange = rows[-1] if rows and strange[-1] else 0 if rows else self._strange
        lost = self._rows_of_lost(waiting)
        found = []
        for heard, row, gone in zip(waiting, rows, lost, strict=True):
            why = ""
            if heard.of_another and self._strangers[heard.owner] >= SAME_STRANGER and heard.owner:
                why = "SharePoint gave the profile of one and the same other account for several users"
            elif heard.refused and not self._known:
                # No profile was ever readable: a policy refuses them all, so the refusals stand.
                why = ""
            elif row >= STRANGE_IN_A_ROW or (everyone and (heard.of_another or heard.refused)):
                why = "SharePoint gave no profile of their own for many users in a row"
            elif gone >= LOST_IN_A_ROW:
                why = f"{heard.site} knows none of several users of whom the home geo says that they live there"
            found.append(why)
        return found

    def _rows_of_lost(self, waiting: Sequence[Heard]) -> list[int]:
        found = [0] * len(waiting)
        for site in {heard.site for heard in waiting if heard.site}:
            at = [number for number, heard in enumerate(waiting) if heard.site == site]
            lost = [_is_lost(waiting[number]) for number in at]
            rows = _rows(lost, self._lost[site])
            self._lost[site] = rows[-1] if lost[-1] else 0
            for number, row in zip(at, rows, strict=True):
                found[number] = row
        return found

    async def _belief(self, waiting: Sequence[Heard], *, few: bool) -> Belief:
        """Which of the pictures that these users are shown may be believed. `few`: their number proves nothing."""
        unproved: dict[str, bool] = {}
        repeated: dict[str, frozenset[str]] = {}
        for site in sorted({heard.site for heard in waiting if heard.picture is not None}):
            here = [heard for heard in waiting if heard.site == site and heard.is_known and heard.picture is not None]
            open_ones = [heard for heard in here if not self._is_settled(heard)]
            belief = Belief(self._default)
            checked = True
            if any(not belief.is_default(heard) for heard in open_ones):
                checked = await self._default.check(site)
            self._disprove(here)
            if not checked:
                # The present default person is not known: a picture that several users are shown may be it.
                times = Counter(heard.picture.sha256 for heard in open_ones if heard.picture is not None)
                repeated[site] = frozenset(sha256 for sha256, count in times.items() if count > 1)
            for heard in here:
                if heard.picture is not None and checked and not belief.is_default(heard):
                    _remember(self._shown.setdefault(site, []), (heard.user, heard.picture))
            if not await self._default_is_proved(site, [heard for heard in here if belief.is_default(heard)]):
                # With no control and few users, the file in the library does not stand for the shown picture either.
                unproved[site] = bool(self._shown.get(site)) or not few
        return Belief(self._default, default_unproved=unproved, repeated=repeated)

    def _disprove(self, here: Sequence[Heard]) -> None:
        """Notice a default person that is one user's own photo, which a cache gave for accounts that do not exist."""
        for site, controls in self._shown.items():
            for _, picture in controls:
                # The picture was shown to this user before it was shown for accounts that do not exist.
                if self._default.shown_as(site, picture):
                    self._default.disprove(site, picture)
        for heard in here:
            if heard.picture is None or heard.stored is None or heard.stored.status is not Status.PHOTO:
                continue
            if not heard.stored.looks and heard.file_is_shown and self._default.shown_as(heard.site, heard.picture):
                self._default.disprove(heard.site, heard.picture)

    async def _default_is_proved(self, site: str, shown_default: Sequence[Heard]) -> bool:
        """Whether the host still shows other pictures than the default person.

        A user who was shown another picture is asked for anew. Where there is no such user, the host is contradicted
        by any user who is shown the default person although the profile promises a picture that lies in the library.
        """
        belief = Belief(self._default)
        doubted = [heard for heard in shown_default if not belief.own(heard)]
        if not doubted:
            return True
        if controls := self._shown.get(site, []):
            return await self._one_stays(site, controls)
        if any(heard.file_should_be_shown for heard in doubted):
            self._contradicted.add(site)
        return site not in self._contradicted

    # -- asking ------------------------------------------------------------------------------------------------

    async def _hear(self, user: User, known: Known | None) -> Heard:
        with one_user():
            try:
                profile, site = await self._profile(user)
            except FinalForWorkload:
                raise
            except _Lost as error:
                return Heard(user, now(), site=error.site, error=error)
            except ServiceError as error:
                return Heard(user, now(), error=error)
            heard = self._of_profile(user, profile, site)
            if not heard.is_known:
                return heard
            same = _unchanged(user, heard.signals, known) if known is not None else frozenset()
            left_out = frozenset() if known is not None and known.recheck else same
            shown, stored = await asyncio.gather(
                _nothing() if Picture.SHOWN in left_out else self._read_shown(user, site),
                _nothing() if Picture.STORED in left_out else self._read_stored(heard.url),
            )
            own = known.signals.get(OWN, "") if known is not None and same else ""
            return replace(heard, at=now(), shown=shown, stored=stored, same=same, known_own=own)

    def _of_profile(self, user: User, profile: ProfileAnswer, site: str) -> Heard:
        if not profile.found:
            return Heard(user, now(), site=site, profile=profile)
        signals = {name: profile.properties.get(name, "") for name in SIGNALS}
        url = profile.properties.get("PictureURL", "")
        signals["PictureURL"] = "set" if url else ""
        signals["PictureURL-host"] = self._strange_host(url)
        signals["PictureURL-sha256"] = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:16] if url else ""
        return Heard(user, now(), site=site, profile=profile, url=url, signals=signals)

    async def _read_shown(self, user: User, site: str, size: str = "L", *, anew: bool = False) -> Looked:
        return await read(partial(self.people.shown, site, user.upn, size=size, anew=anew), self.keep)

    async def _read_stored(self, url: str) -> Looked | None:
        return await read(partial(self.people.stored, url), self.keep) if url else None

    async def _profile(self, user: User) -> tuple[ProfileAnswer, str]:
        """The profile as the user's own geo has it, and that geo's My Site host.

        The home geo answers for everyone and names the host of the user's geo (PersonalSiteHostUrl, which Microsoft
        recommends for telling where a profile lives). The user's geo has the full profile.
        """
        profile = await self.people.profile(self.root, user.upn)
        if refusal := refused(profile, delegated=self.delegated):
            if not self._taken:
                raise refusal
            # The credential was accepted for others: only this user's profile is refused.
            raise ServiceError(refusal.sentence, remedy=refusal.remedy, reason=refusal.reason)
        self._taken = True
        return await self._at_home(user, profile)

    async def _at_home(
        self, user: User, profile: ProfileAnswer, *, asked: str = "", anew: bool = False
    ) -> tuple[ProfileAnswer, str]:
        """The profile from the geo that this one names, and that geo's host. `asked`: the host that gave this one."""
        host = str(profile.top.get("PersonalSiteHostUrl") or "")
        if not host:
            if profile.found and profile.status == 200 and len(self.my_sites) > 1:
                raise BadAnswer("the profile does not say on which geo it lives", reason=Reason.GEO_UNKNOWN)
            return profile, self.my_sites[0]
        try:
            site = host_origin(host)
        except NotAHost as error:
            told = f"the profile does not say on which geo it lives: {error}"
            raise BadAnswer(told, reason=Reason.GEO_UNKNOWN) from None
        except BadOrigin as error:
            raise HostRefused(f"the profile names a My Site host that is not asked: {error}") from None
        if site not in self.my_sites:
            raise HostRefused(
                f"the profile lives on {site}, which is not among sharepoint.my_sites",
                remedy=f"add {site} to sharepoint.my_sites if it is a geo of this tenant",
            )
        if site not in {self.my_sites[0], asked}:
            # A geo's refusal concerns only its own users: users of other geos are asked for as before.
            profile = await self.people.profile(site, user.upn, anew=anew)
            if refusal := refused(profile, delegated=self.delegated):
                raise ServiceError(f"{site}: {refusal.sentence}", remedy=refusal.remedy, reason=refusal.reason)
            if not profile.found:
                raise _Lost(site)
        return profile, site

    def _strange_host(self, url: str) -> str:
        """The host of a `PictureURL` where it is no My Site host, as after a tenant was renamed; else empty."""
        try:
            origin = host_origin(url) if url else ""
        except BadOrigin:
            return ""
        return "" if origin in self.my_sites else origin.removeprefix("https://")

    # -- asking again ------------------------------------------------------------------------------------------

    async def ask_again(
        self, users: Sequence[User], heard: Mapping[str, Observation]
    ) -> AsyncGenerator[Observation, None]:
        """Ask anew at the My Site hosts: for another size of the shown picture, and for the file in the library.

        The shown picture is believed where it is another one than before. Where it is the same, the file in the library
        stands for users with an Exchange licence whose profile says that this file is shown.
        """
        if not self._default.nobody:
            self._default.name(users)
        try:
            for site in self.my_sites:
                for size in ("L", OTHER_SIZE):
                    await self._default.check(site, size)
            unproved = {site: True for site in self.my_sites if not await self._still_shows(site, users, heard)}
        except ServiceError as error:
            for user in users:
                yield unknown(user, self.workload, heard[user.id].way, error)
            return
        times = Counter(one.fingerprint.sha256 for one in heard.values() if one.fingerprint is not None)
        shared = frozenset(sha256 for sha256, count in times.items() if count > 1)
        belief = Belief(self._default, OTHER_SIZE, unproved)
        work = (self._again(user, heard[user.id], belief, shared) for user in users)
        async with aclosing(at_once(work, self.concurrency)) as results:
            async for observation in results:
                yield observation

    async def _still_shows(self, site: str, users: Sequence[User], heard: Mapping[str, Observation]) -> bool:
        """Whether the host still shows a control the same picture; without controls, whether nothing contradicts it."""
        controls = list(self._shown.get(site, ()))
        if not controls and len(self.my_sites) == 1:
            # A resumed run has no controls yet. With several geos it is not known where these users live.
            for user in users:
                before = heard[user.id]
                if before.status is Status.PHOTO and before.way is Way.USERPHOTO and before.fingerprint is not None:
                    _remember(controls, (user, before.fingerprint))
        return await self._one_stays(site, controls) if controls else site not in self._contradicted

    async def _one_stays(self, site: str, controls: Sequence[tuple[User, Fingerprint]]) -> bool:
        for user, picture in reversed(controls):
            if self._default.shown_as(site, picture):
                # A picture that is also shown for accounts that do not exist proves nothing.
                continue
            seen = await read(partial(self.people.shown, site, user.upn, anew=True), lambda *_: None)
            if _alike(seen.fingerprint, picture):
                return True
        return False

    async def _again(self, user: User, before: Observation, belief: Belief, shared: Collection[str]) -> Observation:
        with one_user():
            try:
                profile, site = await self._profile_anew(user)
                heard = self._of_profile(user, profile, site)
                if heard.is_known:
                    shown, stored = await asyncio.gather(
                        self._read_shown(user, site, OTHER_SIZE, anew=True), self._read_stored(heard.url)
                    )
                    heard = replace(heard, at=now(), shown=shown, stored=stored)
                    self._disprove([heard])
            except _Lost as error:
                heard = Heard(user, now(), site=error.site, error=error)
            except ServiceError as error:
                return unknown(user, self.workload, before.way, error)
        return _judged_again(heard, before, belief, shared)

    async def _profile_anew(self, user: User) -> tuple[ProfileAnswer, str]:
        """The profile, asked for at the home geo's My Site host; where it is not found there, at the root site.

        The question is encoded otherwise than in `collect`.
        """
        for host in dict.fromkeys((self.my_sites[0], self.root)):
            profile = await self.people.profile(host, user.upn, anew=True, plainly=True)
            if refusal := refused(profile, delegated=self.delegated):
                raise ServiceError(refusal.sentence, remedy=refusal.remedy, reason=refusal.reason)
            if profile.found:
                break
        return await self._at_home(user, profile, asked=self.my_sites[0], anew=True)


class _Lost(BadAnswer):
    """The home geo says that a profile lives on another geo, which does not know the user."""

    reason = Reason.GEO_UNKNOWN

    def __init__(self, site: str) -> None:
        super().__init__(f"the home geo says that the profile lives on {site}, which does not have it")
        self.site = site


def _is_lost(heard: Heard) -> bool:
    return isinstance(heard.error, _Lost)


def _is_time(waiting: Sequence[Heard]) -> bool:
    """Whether these answers must wait no longer."""
    failed = waiting[-FAILED_IN_A_ROW:]
    all_failed = len(failed) == FAILED_IN_A_ROW and not any(one.is_known or one.no_profile for one in failed)
    return len(waiting) >= WAITING or all_failed


def _judged_again(heard: Heard, before: Observation, belief: Belief, shared: Collection[str]) -> Observation:
    """The observation that stands if the one `before` is not believed.

    `belief`: for the size that was asked for now. `shared`: SHA-256 of pictures that several users were shown before.
    """
    made = [one for one in observations(heard, belief) if isinstance(one, Observation)]
    judged = next(one for one in made if one.judged)
    if judged.picture is not Picture.SHOWN or judged.status is Status.UNKNOWN:
        return judged
    default, own = belief.is_default(heard), belief.own(heard)
    stays = _stays(judged, before, default=default)
    library = next((one for one in made if one.picture is Picture.STORED), None)
    if library is not None and heard.user.exchange_plan and not own:
        # The file in the library can confirm the picture shown now or before, or stand against both.
        agrees = heard.file_is_shown or _alike(library.fingerprint, before.fingerprint)
        if agrees or (heard.file_should_be_shown and (stays or default)):
            return replace(library, judged=True)
    if default and not own and before.status is Status.PHOTO and _alike(heard.picture, before.fingerprint):
        return _no_word(judged, f"{heard.site} shows the same picture for this user and for accounts that do not exist")
    alone = before.fingerprint is None or before.fingerprint.sha256 not in shared
    by_graph = heard.user.plans_known and not heard.user.exchange_plan and not heard.file_is_shown
    if stays and not default and not alone and (heard.default_should_be_shown or by_graph):
        return _no_word(judged, f"{heard.site} shows one picture for several users, and no second word of this one")
    if not stays:
        return judged
    # The size that was asked for first shows more of the picture.
    signals = {**judged.signals, "looks": before.signals.get("looks", "")}
    return replace(before, observed_at=heard.at, signals=kept_signals(signals))


def _no_word(judged: Observation, detail: str) -> Observation:
    return replace(judged, status=Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail=detail, fingerprint=None)


def _stays(now: Observation, before: Observation, *, default: bool) -> bool:
    """Whether the shown picture is the same as before; `default`: now it is the default person."""
    if default and before.signals.get("looks") == DEFAULT_LOOKS:
        return now.status is before.status
    if now.fingerprint is None or before.fingerprint is None:
        return now.status is before.status and now.fingerprint is before.fingerprint
    return alike(now.fingerprint, before.fingerprint)


def _alike(a: Fingerprint | None, b: Fingerprint | None) -> bool:
    return a is not None and b is not None and alike(a, b)


def _rows(flags: Sequence[bool], before: int) -> list[int]:
    """For each set flag, the length of its row of set flags. `before`: how many set flags came before the first."""
    found = [0] * len(flags)
    begin = 0
    for number in range(len(flags) + 1):
        if number < len(flags) and flags[number]:
            continue
        length = number - begin + (before if begin == 0 else 0)
        found[begin:number] = [length] * (number - begin)
        begin = number + 1
    return found


T = TypeVar("T")


def _remember(controls: list[T], one: T) -> None:
    """Keep the first and the latest of the controls."""
    if len(controls) < CONTROLS:
        controls.append(one)
    else:
        controls[-1] = one


async def _nothing() -> None:
    """Awaited in place of reading a picture."""


def _unchanged(user: User, signals: Mapping[str, str], known: Known) -> frozenset[Picture]:
    """The known pictures that are still the same by the profile; none where it cannot tell."""
    if not user.exchange_plan or signals["SPS-PictureExchangeSyncState"] != SYNCHRONISED:
        return frozenset()
    stamped = picture_moment(signals["SPS-PictureTimestamp"])
    if stamped is None or known.read_at - stamped < SETTLED or not same_signals(known.signals, signals, STAMP):
        return frozenset()
    return known.pictures


def refused(profile: ProfileAnswer, *, delegated: bool = False) -> WorkloadRefused | None:
    """The refusal, where the answer refuses this credential and so everyone. `delegated`: it is a person's."""
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
