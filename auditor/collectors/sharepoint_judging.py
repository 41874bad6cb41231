"""SharePoint's answers for one user, and the observations made of them once it is known what may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.collectors.contract import Seen, Unchanged, observed, unknown
from auditor.collectors.default_person import DefaultPerson
from auditor.collectors.pictures import Looked
from auditor.collectors.sharepoint_reading import alike
from auditor.model import OWN, Fingerprint, Picture, Reason, Status, User, Way, Workload
from auditor.photos import classify
from auditor.photos.placeholders import REPEATED, PlaceholderKind
from auditor.services.errors import ServiceError
from auditor.services.sharepoint import ProfileAnswer

NEVER_SYNCED = ("SPS-PictureTimestamp", "SPS-PicturePlaceholderState", "SPS-PictureExchangeSyncState")
"""Properties that are there and empty in a profile that never received a picture (published answers)."""
SHOWS_PLACEHOLDER, SHOWS_PICTURE = "1", "0"
"""SPS-PicturePlaceholderState: the placeholder is used, or the picture (engineerer.ch, sp-dev-docs' uploader)."""
DEFAULT_LOOKS = "default: the default person of this host"
_PICTURES = frozenset({Status.PHOTO, Status.PLACEHOLDER})


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers for one user, as they came."""

    user: User
    at: datetime
    """When all of them had come."""
    site: str = ""
    """The My Site host of the user's geo; empty where it was not learned."""
    error: ServiceError | None = None
    """Why nothing was learned."""
    profile: ProfileAnswer | None = None
    url: str = ""
    """PictureURL."""
    signals: Mapping[str, str] = field(default_factory=dict)
    shown: Looked | None = None
    """None where it was not read."""
    stored: Looked | None = None
    same: frozenset[Picture] = frozenset()
    """Pictures that, by the profile, are still the known ones."""
    known_own: str = ""
    """The signal `own` of the pictures that were known."""

    @property
    def no_profile(self) -> bool:
        """Whether SharePoint says that it knows no such user."""
        return self.profile is not None and not self.profile.found

    @property
    def owner(self) -> str:
        """The object id that the profile names, lower case."""
        return self._property("msOnline-ObjectId").lower()

    @property
    def of_another(self) -> bool:
        """Whether the profile that came is not this user's."""
        return self._profile_came and self.owner != self.user.id.lower()

    @property
    def refused(self) -> bool:
        """Whether this user's profile was refused."""
        return self.profile is not None and self.profile.found and self.profile.status != 200

    @property
    def is_known(self) -> bool:
        """Whether this user's own profile came."""
        return self._profile_came and not self.of_another

    @property
    def picture(self) -> Fingerprint | None:
        """The picture that is shown, where one was read."""
        return self.shown.fingerprint if self.shown is not None and self.shown.status in _PICTURES else None

    @property
    def file(self) -> Fingerprint | None:
        """The picture that is stored, where one was read."""
        return self.stored.fingerprint if self.stored is not None and self.stored.status in _PICTURES else None

    @property
    def file_is_shown(self) -> bool:
        """Whether the shown picture is the user's own file."""
        return self.picture is not None and self.file is not None and alike(self.picture, self.file)

    @property
    def file_should_be_shown(self) -> bool:
        """Whether the user's file is not shown although the profile says so.

        Never for users without an Exchange licence: they are shown the Microsoft 365 photo (MC653734).
        """
        promised = self._property("SPS-PicturePlaceholderState") == SHOWS_PICTURE
        return self.user.exchange_plan and promised and self.file is not None and not self.file_is_shown

    @property
    def default_should_be_shown(self) -> bool:
        """Whether the profile says that the default person is shown; never for users without an Exchange licence."""
        if self.user.plans_known and not self.user.exchange_plan:
            return False
        return self._never_synced or self._property("SPS-PicturePlaceholderState") == SHOWS_PLACEHOLDER

    @property
    def _never_synced(self) -> bool:
        """Whether the profile never received a picture. Missing keys prove nothing: a gateway may have removed them."""
        properties = self.profile.properties if self.profile is not None else {}
        return not self.url and all(properties.get(name) == "" for name in NEVER_SYNCED)

    @property
    def _profile_came(self) -> bool:
        return self.profile is not None and self.profile.found and self.profile.status == 200

    def own(self, *, default: bool) -> str:
        """What in these answers is the user's own and agrees with the shown picture; empty where nothing does.

        `default`: the shown picture is the default person.
        """
        if default:
            if not self.default_should_be_shown:
                return ""
            return "profile" if self._never_synced else "placeholder_state"
        return "file" if self.file_is_shown and self.file is not None and _blank(self.file) else ""

    def _property(self, name: str) -> str:
        return self.profile.properties.get(name, "") if self.profile is not None else ""


def _blank(picture: Fingerprint) -> bool:
    return classify(picture, repeated=REPEATED).kind is PlaceholderKind.BLANK


@dataclass(frozen=True, slots=True)
class Belief:
    """Which pictures of the hosts may be believed when the observations of some users are made."""

    default: DefaultPerson
    size: str = "L"
    default_unproved: Mapping[str, bool] = field(default_factory=dict)
    """By host whose default person proves nothing of the user: whether the file in the library may stand for it."""
    repeated: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By host whose present default person is not known: SHA-256 of pictures shown to several users."""

    def is_default(self, heard: Heard) -> bool:
        """Whether this user is shown the default person."""
        return heard.picture is not None and self.default.shown_as(heard.site, heard.picture, self.size)

    def own(self, heard: Heard) -> str:
        """What in the answers is the user's own and agrees with the shown picture; empty where nothing does."""
        picture = heard.picture
        if picture is None or self.default.disproved(heard.site, picture):
            return ""
        return heard.own(default=self.is_default(heard))

    def shown(self, heard: Heard) -> Looked | None:
        """The shown picture, as far as it is believed."""
        seen, site, picture = heard.shown, heard.site, heard.picture
        if seen is not None and seen.status is Status.ABSENT:
            # userphoto.aspx shows the default person for a missing photo, and never a 404.
            return _not_read("nothing is shown (404)")
        if seen is None or picture is None:
            return seen
        if self.default.disproved(site, picture):
            return _not_believed(f"{site} shows one person's own photo also for accounts that do not exist")
        if not self.default.known(site, self.size) or picture.sha256 in self.repeated.get(site, ()):
            # Any picture may be the default person here, so the shown one proves nothing.
            return _not_read(f"what {site} shows for people without a photo could not be learned")
        if not self.is_default(heard):
            return seen
        if site in self.default_unproved and not self.own(heard):
            told = f"{site} shows the default person also for users who have a picture there"
            return replace(_not_believed(told), broken=not self.default_unproved[site])
        status = Status.PLACEHOLDER if heard.url else Status.ABSENT
        return Looked(status, picture if heard.url else None, looks=DEFAULT_LOOKS)


def _not_read(detail: str) -> Looked:
    return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail=detail)


def _not_believed(detail: str) -> Looked:
    return Looked(Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail=detail)


def observations(heard: Heard, belief: Belief, damaged: str = "") -> list[Seen]:
    """One observation for the picture that counts, and one for the other picture where there is one.

    `damaged`: a sentence why the answer is not believed to be about this user; empty where it may be.
    """
    user = heard.user
    if damaged:
        return [_unknown(heard, Reason.UNEXPECTED_ANSWER, damaged)]
    if heard.error is not None:
        made = unknown(user, Workload.SHAREPOINT, Way.USERPHOTO, heard.error, signals=heard.signals)
        return [replace(made, observed_at=heard.at)]
    assert heard.profile is not None
    if heard.no_profile:
        return [observed(user, Workload.SHAREPOINT, Status.NOT_PROVISIONED, Way.USERPHOTO, at=heard.at)]
    if heard.refused:
        profile = heard.profile
        told = profile.error or f"HTTP {profile.status}"
        # An answer without SharePoint's code may come from something before it, and then says nothing of this user.
        # A 403 counts as a refusal of this one profile until others are refused, too.
        own_word = bool(profile.code) or profile.status == 403
        reason = f"HTTP {profile.status}" if own_word else Reason.UNEXPECTED_ANSWER
        return [_unknown(heard, reason, f"SharePoint refused the profile: {told}")]
    if heard.of_another:
        told = "belongs to another or an earlier account" if heard.owner else "does not say whose it is"
        return [_unknown(heard, Reason.PROFILE_OF_ANOTHER_ACCOUNT, f"the profile under this name {told}")]
    return _pictures(heard, belief)


def _unknown(heard: Heard, reason: str, detail: str) -> Seen:
    signals = {**heard.signals, "msOnline-ObjectId": heard.owner if heard.of_another else ""}
    return observed(
        heard.user, Workload.SHAREPOINT, Status.UNKNOWN, Way.USERPHOTO, reason=reason, detail=detail, signals=signals,
        at=heard.at,
    )  # fmt: skip


def _pictures(heard: Heard, belief: Belief) -> list[Seen]:
    user, stored, same = heard.user, heard.stored, heard.same
    shown, own = belief.shown(heard), belief.own(heard)
    # The shown picture counts. Where it cannot be read, the stored one counts for users with an Exchange licence;
    # to others SharePoint shows the Microsoft 365 photo whatever is stored (MC653734). Where bytes came that are no
    # image, users may see just those: no other picture may stand for them. A stored file says nothing of the shown
    # picture where it is gone although the profile names it, or where the profile says that it is not shown.
    is_stored = Picture.STORED in same or (stored is not None and stored.status is not Status.ABSENT)
    not_seen = shown is not None and shown.status is Status.UNKNOWN and not shown.broken
    from_stored = not_seen and is_stored and user.exchange_plan and not heard.default_should_be_shown
    seen: list[Seen] = []
    if Picture.SHOWN in same:
        signals = {**heard.signals, OWN: heard.known_own}
        seen.append(Unchanged(user.id, signals, Picture.SHOWN, judged=not from_stored))
    if shown is not None:
        seen.append(
            observed(
                user, Workload.SHAREPOINT, shown.status, Way.USERPHOTO, reason=shown.reason, detail=shown.detail,
                picture=Picture.SHOWN, judged=not from_stored, fingerprint=shown.fingerprint, digest=shown.digest,
                signals={**heard.signals, "looks": shown.looks, OWN: own}, at=heard.at,
            )
        )  # fmt: skip
    if Picture.STORED in same:
        seen.append(Unchanged(user.id, heard.signals, Picture.STORED, judged=from_stored))
    if stored is not None:
        signals = {**heard.signals, "looks": stored.looks, OWN: own if own == "file" else ""}
        seen.append(
            observed(
                user, Workload.SHAREPOINT, stored.status, Way.PICTURE_LIBRARY, reason=stored.reason,
                detail=stored.detail, picture=Picture.STORED, judged=from_stored, fingerprint=stored.fingerprint,
                digest=stored.digest, signals=signals, at=heard.at,
            )
        )  # fmt: skip
    return seen
