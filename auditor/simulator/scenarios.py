"""Every scenario of the simulated tenant: what each store holds for a user, in one readable table.

A scenario says what the Entra store, the mailbox, the SharePoint profile and Viva Engage hold. What
Graph and Exchange then serve depends on which stores stand behind them and is settled in
`auditor.simulator.population`; what is true of it, in `auditor.simulator.truth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Protocol

from auditor.simulator.pictures import (
    Blank,
    Edit,
    Initials,
    Junk,
    Silhouette,
    StoredPicture,
    Upload,
    waste,
)
from auditor.simulator.tenant import GraphRefusal

IN_STEP = "in_step"
PLAIN = "plain"


class Who(StrEnum):
    """The kind of account a scenario is about."""

    MEMBER = "member"
    """Enabled, licensed for everything."""
    NO_EXCHANGE = "no_exchange"
    """Licensed, but with the Exchange plan taken out."""
    FRONTLINE = "frontline"
    """Licensed with F1 or F3 only."""
    GUEST = "guest"
    EXTERNAL_MEMBER = "external_member"
    """A guest's user principal name and the user type Member."""
    DISABLED = "disabled"
    UNLICENSED = "unlicensed"
    SHARED = "shared"
    ROOM = "room"
    EQUIPMENT = "equipment"


OUT_OF_SCOPE = frozenset(
    {
        Who.GUEST,
        Who.EXTERNAL_MEMBER,
        Who.DISABLED,
        Who.UNLICENSED,
        Who.SHARED,
        Who.ROOM,
        Who.EQUIPMENT,
    }
)
"""Kinds of account that an audit leaves out unless told otherwise."""
WITHOUT_EXCHANGE = frozenset(
    {
        Who.NO_EXCHANGE,
        Who.GUEST,
        Who.EXTERNAL_MEMBER,
        Who.UNLICENSED,
        Who.SHARED,
        Who.ROOM,
        Who.EQUIPMENT,
    }
)
"""Kinds of account for which the directory shows no live Exchange plan."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the stores hold for one user, before it is settled which store Graph reads."""

    entra: StoredPicture | None = None
    refusal: GraphRefusal | None = None
    """What Graph answers instead of anything else."""
    mailbox: bool = True
    mailbox_photo: StoredPicture | None = None
    thumbnail: StoredPicture | None = None
    """The directory's thumbnail, served by Exchange where the mailbox holds no photo."""
    ews: Literal["open", "refused", "invalid_licence"] = "open"
    profile: bool = True
    reused: bool = False
    """The profile belongs to another or earlier account."""
    stored: StoredPicture | None = None
    picture_url: bool = False
    hidden: bool = False
    """The default person is shown, whatever is stored."""
    local: bool = False
    """What is stored is shown even to users without an Exchange licence."""
    old_host: bool = False
    """The profile's picture address is from before the tenant was renamed."""
    updated: Literal["never", "long_ago", "lately"] = "lately"
    placeholder_state: str = ""
    exchange_sync_state: str = ""
    personal_site_state: str = "2"
    engage_accounts: Literal[0, 1, 2] = 1
    engage: StoredPicture | None = None
    engage_own: bool = False
    """The Engage account is from before April 2020, and its picture was uploaded there."""
    engage_other: StoredPicture | None = None
    """The picture of the second account, where two claim the same address."""
    synced: bool | None = None
    """Synchronised from on premises; None: by chance."""


class Hand(Protocol):
    """The pictures a scenario may deal out to one user."""

    @property
    def turn(self) -> int:
        """How many users of this scenario came before; scenarios alternate by it."""
        ...

    @property
    def plain(self) -> bool:
        """Whether nothing odd may be dealt."""
        ...

    @property
    def chance(self) -> float:
        """This user's own random number, from 0 up to 1."""
        ...

    @property
    def letters(self) -> str:
        """The user's initials."""
        ...

    def own(
        self, shape: tuple[int, int] = (1, 1), *, oversized: bool = False, colourful: bool = False
    ) -> StoredPicture:
        """The photo the user means to show everywhere."""
        ...

    def earlier(self, shape: tuple[int, int] = (1, 1)) -> StoredPicture:
        """Another photo of the same user."""
        ...

    def partner(self) -> StoredPicture:
        """The photo of the user this one was mixed up with."""
        ...

    def common(self, block: int) -> StoredPicture:
        """A picture that several accounts of this scenario share."""
        ...


Deal = Callable[[Hand], Holdings]
Place = Literal["entra", "exchange", "sharepoint", "yammer"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: its name, what it is about, and what it deals to a user."""

    name: str
    about: str
    deal: Deal
    who: Who = Who.MEMBER
    together: int = 1
    """How many users it takes at the least."""


# Dealing --------------------------------------------------------------------------------------------


COPIES: tuple[Place, ...] = ("sharepoint", "yammer", "sharepoint", "yammer", "yammer", "exchange")
"""Where an odd copy is put, by turns; seldom in the mailbox, as it is no copy where one store serves both."""


def everywhere(picture: StoredPicture) -> Holdings:
    """The same photo in every store, SharePoint following Exchange."""
    return Holdings(
        entra=picture,
        mailbox_photo=picture,
        stored=picture,
        picture_url=True,
        placeholder_state="0",
        exchange_sync_state="1",
        engage=picture,
    )


def nowhere() -> Holdings:
    """A user whom every store knows and none has a photo of."""
    return Holdings(placeholder_state="1", exchange_sync_state="1")


def without_mailbox(holdings: Holdings) -> Holdings:
    """No mailbox, so SharePoint has nothing to follow."""
    return replace(holdings, mailbox=False, mailbox_photo=None, exchange_sync_state="0")


def initials(hand: Hand) -> StoredPicture:
    """The user's initials on a tile."""
    look = int(hand.chance * 9973)
    return StoredPicture(Upload(f"initials-{hand.letters}-{look}", Initials(hand.letters, look)))


def silhouette(hand: Hand) -> StoredPicture:
    """One of a handful of silhouettes, so that many users have the same."""
    look = int(hand.chance * 1009) % 5
    return StoredPicture(Upload(f"silhouette-{look}", Silhouette(look)))


def blank(hand: Hand) -> StoredPicture:
    """Thumbnails a synchronisation left empty."""
    look = int(hand.chance * 1009) % 7
    return StoredPicture(Upload(f"blank-{look}", Blank(look)))


def put(holdings: Holdings, place: Place, picture: StoredPicture | None) -> Holdings:
    """The same holdings with another picture in one store."""
    match place:
        case "entra":
            return replace(holdings, entra=picture)
        case "exchange":
            return replace(holdings, mailbox_photo=picture)
        case "sharepoint":
            return replace(holdings, stored=picture, picture_url=picture is not None)
        case "yammer":
            return replace(holdings, engage=picture)


def _in_step(hand: Hand) -> Holdings:
    own = hand.own()
    held = everywhere(own)
    if hand.plain:
        return held
    # Now and then a picture in a form that is unusual and nothing to complain about.
    if hand.chance < 0.03:
        return replace(held, entra=own.formed("exif"))
    if hand.chance < 0.06:
        return replace(held, engage=own.formed("transparent"))
    return held


def _never_set(hand: Hand) -> Holdings:
    if hand.chance < 0.5:
        return replace(nowhere(), updated="never", placeholder_state="", exchange_sync_state="")
    return nowhere()


def _stale(place: Place) -> Deal:
    def deal(hand: Hand) -> Holdings:
        held = put(everywhere(hand.own()), place, hand.earlier())
        return replace(held, updated="long_ago") if place == "sharepoint" else held

    return deal


def _missing(place: Place) -> Deal:
    def deal(hand: Hand) -> Holdings:
        held = put(everywhere(hand.own()), place, None)
        return replace(held, placeholder_state="1") if place == "sharepoint" else held

    return deal


def _placeholder_reference(hand: Hand) -> Holdings:
    if hand.turn % 2 == 0:
        return replace(nowhere(), entra=initials(hand), engage=initials(hand))
    held = replace(nowhere(), entra=silhouette(hand))
    if hand.plain:
        return held
    return replace(put(held, "sharepoint", hand.own()), placeholder_state="0")


def _placeholder_copy(hand: Hand) -> Holdings:
    place = COPIES[hand.turn % len(COPIES)]
    picture = initials(hand) if hand.turn % 2 else silhouette(hand)
    return put(everywhere(hand.own()), place, picture)


def _never_visited(hand: Hand) -> Holdings:
    return replace(
        everywhere(hand.own()),
        stored=None,
        picture_url=False,
        updated="never",
        placeholder_state="",
        exchange_sync_state="",
        personal_site_state="0" if hand.turn % 2 else "",
    )


def _detached(hand: Hand) -> Holdings:
    return replace(everywhere(hand.own()), stored=hand.earlier(), updated="long_ago", exchange_sync_state="0")


def _placeholder_state(hand: Hand) -> Holdings:
    return replace(everywhere(hand.own()), hidden=True, placeholder_state="1")


def _without_licence(hand: Hand) -> Holdings:
    # Users without an Exchange licence are shown the Graph photo where that has come to them (MC653734, in stages);
    # here it has not, and SharePoint shows the file that nothing has updated since.
    return replace(
        without_mailbox(everywhere(hand.own())), stored=hand.earlier(), updated="long_ago", local=True, synced=False
    )


def _renamed_tenant(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), old_host=True, updated="long_ago")
    return replace(held, stored=hand.earlier()) if hand.turn % 2 else replace(held, hidden=True)


def _engage_own_photo(hand: Hand) -> Holdings:
    return replace(everywhere(hand.own()), engage=hand.earlier(), engage_own=True)


def _blanked(hand: Hand) -> Holdings:
    return put(everywhere(hand.own()), "sharepoint", blank(hand))


def _edited(edit: Edit, first: int = 0) -> Deal:
    def deal(hand: Hand) -> Holdings:
        own = hand.own(colourful=edit == "grey")
        place = COPIES[(hand.turn + first) % len(COPIES)]
        return put(everywhere(own), place, own.edited(edit))

    return deal


def _squared(hand: Hand) -> Holdings:
    own = hand.own((4, 3) if hand.turn % 2 else (3, 4))
    return replace(everywhere(own), entra=own.formed("original"))


def _swapped(hand: Hand) -> Holdings:
    place = COPIES[hand.turn // 2 % len(COPIES)]
    return put(everywhere(hand.own()), place, hand.partner())


def _shared_picture(hand: Hand) -> Holdings:
    common = hand.common(hand.turn // 6)
    if hand.turn % 2 == 0:
        return replace(everywhere(common), engage=hand.earlier())
    return replace(everywhere(hand.own()), stored=common, engage=common)


def _removed_at_reference(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), entra=None)
    return held if hand.turn % 2 else replace(held, mailbox_photo=None)


def _directory_thumbnail(hand: Hand) -> Holdings:
    shown = hand.earlier() if hand.turn % 2 else hand.own()
    return replace(everywhere(hand.own()), mailbox_photo=None, thumbnail=shown.formed("thumbnail"), synced=True)


def _non_square(hand: Hand) -> Holdings:
    own = hand.own((3, 4))
    shown = hand.earlier((3, 4)) if hand.turn % 2 else own
    return replace(
        everywhere(own),
        entra=own.formed("only"),
        mailbox_photo=None,
        thumbnail=shown.formed("thumbnail"),
        synced=True,
    )


def _animated(hand: Hand) -> Holdings:
    shown = hand.earlier() if hand.turn % 2 else hand.own()
    return replace(everywhere(hand.own()), engage=shown.formed("animated"))


def _oversized(hand: Hand) -> Holdings:
    own = hand.own((4, 3), oversized=True)
    held = replace(everywhere(own), entra=own.formed("original"))
    return put(held, "sharepoint", hand.earlier()) if hand.turn % 2 else held


def _junk(kinds: Sequence[Junk], places: Sequence[Place]) -> Deal:
    def deal(hand: Hand) -> Holdings:
        junk = waste(kinds[hand.turn % len(kinds)], int(hand.chance * 1_000_003))
        return put(everywhere(hand.own()), places[hand.turn % len(places)], junk)

    return deal


def _no_mailbox(hand: Hand) -> Holdings:
    # The library file is old; since SharePoint shows such users the Graph photo, that is no drift.
    held = replace(without_mailbox(everywhere(hand.own())), stored=hand.earlier(), updated="long_ago")
    return replace(held, engage=hand.earlier()) if hand.turn % 2 else held


def _no_profile(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), profile=False, stored=None, picture_url=False)
    return replace(held, engage=hand.earlier()) if hand.turn % 2 else held


def _not_in_engage(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), engage_accounts=0, engage=None)
    return put(held, "sharepoint", hand.earlier()) if hand.turn % 2 else held


def _account_reused(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), reused=True, stored=hand.earlier(), updated="long_ago")
    return replace(held, engage=None) if hand.turn % 2 else held


def _engage_ambiguous(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), engage_accounts=2, engage_other=hand.earlier())
    return put(held, "sharepoint", hand.earlier()) if hand.turn % 2 else held


def _refused(refusal: GraphRefusal, *, mailbox: bool = True, synced: bool | None = None) -> Deal:
    def deal(hand: Hand) -> Holdings:
        held = replace(everywhere(hand.own()), refusal=refusal, synced=synced)
        return held if mailbox else without_mailbox(held)

    return deal


def _ews_licence(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), ews="invalid_licence", exchange_sync_state="0")
    return replace(held, engage=hand.earlier()) if hand.turn % 2 else held


def _frontline(hand: Hand) -> Holdings:
    held = replace(everywhere(hand.own()), ews="refused")
    return replace(held, engage=hand.earlier()) if hand.turn % 2 else held


def _guest(hand: Hand) -> Holdings:
    entra = hand.own() if hand.turn % 2 else None
    return Holdings(entra=entra, mailbox=False, profile=False, engage_accounts=0)


def _external_member(hand: Hand) -> Holdings:
    held = without_mailbox(everywhere(hand.own()))
    return replace(held, profile=False, stored=None, picture_url=False, engage_accounts=1)


def _disabled(hand: Hand) -> Holdings:
    return put(everywhere(hand.own()), "sharepoint", hand.earlier())


def _mailbox_only(hand: Hand) -> Holdings:
    picture = hand.own() if hand.turn % 2 else None
    return Holdings(entra=picture, mailbox_photo=picture, profile=False, engage_accounts=0, synced=False)


def _unlicensed(hand: Hand) -> Holdings:
    held = without_mailbox(everywhere(hand.own()))
    return replace(held, stored=hand.earlier(), updated="long_ago", engage_accounts=0, engage=None)


_NO_MAILBOX_400 = GraphRefusal(400, "AuthenticationError", "Error authenticating with resource")
_NO_MAILBOX_404 = GraphRefusal(404, "ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
_ON_PREMISES = GraphRefusal(
    404,
    "MailboxNotHostedInExchangeOnline",
    "Mailbox is hosted by an on-premise or non-Exchange server, which is not supported.",
)
_INACTIVE = GraphRefusal(
    404,
    "MailboxNotEnabledForRESTAPI",
    "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
)
_ODATA_OFF = GraphRefusal(403, "ErrorAccessDenied", "Access to OData is disabled.")
_NO_PROFILE = GraphRefusal(
    404,
    "ErrorProfileNotFound",
    "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ProfileNotFoundException' was thrown.",
)
_GONE = GraphRefusal(
    404,
    "Request_ResourceNotFound",
    "Resource '{id}' does not exist or one of its queried reference-property objects are not present.",
)

# The table ------------------------------------------------------------------------------------------

_ALL: tuple[Scenario, ...] = (
    Scenario(IN_STEP, "the same photo in every store", _in_step),
    Scenario("never_set", "nobody ever set a photo", _never_set),
    Scenario("stale_entra", "Entra kept the earlier photo", _stale("entra")),
    Scenario("stale_exchange", "the mailbox kept the earlier photo", _stale("exchange")),
    Scenario("stale_sharepoint", "SharePoint kept the earlier photo", _stale("sharepoint")),
    Scenario("stale_yammer", "Engage kept the earlier photo", _stale("yammer")),
    Scenario("missing_exchange", "no photo in the mailbox", _missing("exchange")),
    Scenario("missing_sharepoint", "no photo in SharePoint", _missing("sharepoint")),
    Scenario("missing_yammer", "no photo in Engage", _missing("yammer")),
    Scenario("placeholder_reference", "initials or a silhouette in Entra", _placeholder_reference),
    Scenario("placeholder_copy", "initials or a silhouette in one copy", _placeholder_copy),
    Scenario("sharepoint_never_visited", "never opened SharePoint, so nothing came over", _never_visited),
    Scenario("sharepoint_detached", "uploaded in SharePoint by hand, no longer following", _detached),
    Scenario("sharepoint_placeholder_state", "a URL is stored, yet the default is shown", _placeholder_state),
    Scenario("sharepoint_blanked", "the synchronisation wrote empty thumbnails", _blanked),
    Scenario(
        "sharepoint_without_licence",
        "no mailbox, and SharePoint shows its own old file",
        _without_licence,
        Who.NO_EXCHANGE,
    ),
    Scenario("tenant_renamed", "the picture's address is on the tenant's old host", _renamed_tenant),
    Scenario("engage_own_photo", "Engage kept a photo that was uploaded there years ago", _engage_own_photo),
    Scenario("cropped", "one copy is a part of the photo", _edited("crop", first=1)),
    Scenario("mirrored", "one copy is mirrored", _edited("mirror", first=1)),
    Scenario("rotated", "one copy lies on its side", _edited("rotate")),
    Scenario("greyed", "one copy is grey", _edited("grey")),
    Scenario("letterboxed", "one copy stands in a black frame", _edited("letterbox", first=2)),
    Scenario("brightened", "one copy is brighter by a quarter", _edited("brighten", first=1)),
    Scenario("badged", "one copy has a badge in its corner", _edited("badge")),
    Scenario("reencoded", "one copy is compressed hard", _edited("reencode")),
    Scenario("squared", "not square at Graph, squared by the other services", _squared),
    Scenario("swapped", "one copy is another user's, and theirs is this one's", _swapped, together=2),
    Scenario("shared_picture", "one picture on several accounts", _shared_picture, together=2),
    Scenario("removed_at_reference", "removed in Entra, copies remain", _removed_at_reference),
    Scenario("directory_thumbnail", "the mailbox only has the directory's thumbnail", _directory_thumbnail),
    Scenario("non_square", "not square, and in one size only", _non_square),
    Scenario("animated", "Engage has an animation", _animated),
    Scenario("oversized", "twelve megapixels in Entra", _oversized),
    Scenario(
        "broken_bytes",
        "a file cut short, damaged or random",
        _junk(("truncated", "flipped", "random"), ("sharepoint", "yammer", "entra", "exchange")),
    ),
    Scenario(
        "not_an_image",
        "a web page or a PDF instead of a picture",
        _junk(("html", "pdf"), ("entra", "yammer", "sharepoint")),
    ),
    Scenario("no_mailbox", "no mailbox; SharePoint shows the Graph photo", _no_mailbox, Who.NO_EXCHANGE),
    Scenario("no_profile", "no SharePoint profile", _no_profile),
    Scenario("not_in_engage", "no Engage account", _not_in_engage),
    Scenario("account_reused", "the SharePoint profile is an earlier account's", _account_reused),
    Scenario("engage_ambiguous", "two Engage accounts claim the address", _engage_ambiguous),
    Scenario(
        "refused_authentication_error",
        "Graph: AuthenticationError, for lack of a mailbox",
        _refused(_NO_MAILBOX_400, mailbox=False),
        Who.NO_EXCHANGE,
    ),
    Scenario(
        "refused_non_existent_mailbox",
        "Graph: ErrorNonExistentMailbox",
        _refused(_NO_MAILBOX_404, mailbox=False),
        Who.NO_EXCHANGE,
    ),
    Scenario(
        "refused_mailbox_on_premises",
        "Graph: MailboxNotHostedInExchangeOnline",
        _refused(_ON_PREMISES, mailbox=False, synced=True),
    ),
    Scenario(
        "refused_mailbox_inactive",
        "Graph: MailboxNotEnabledForRESTAPI",
        _refused(_INACTIVE, mailbox=False),
    ),
    Scenario("refused_access_denied", "Graph: ErrorAccessDenied for one mailbox", _refused(_ODATA_OFF)),
    Scenario("refused_profile_not_found", "Graph: ProfileNotFoundException", _refused(_NO_PROFILE)),
    Scenario("refused_user_gone", "Graph: deleted since it was listed", _refused(_GONE)),
    Scenario("refused_ews_licence", "Exchange: ErrorInvalidLicense for the mailbox", _ews_licence, Who.NO_EXCHANGE),
    Scenario("frontline", "Exchange: 403 for an F1 or F3 licence", _frontline, Who.FRONTLINE),
    Scenario("guest", "a guest", _guest, Who.GUEST),
    Scenario("external_member", "an external member", _external_member, Who.EXTERNAL_MEMBER),
    Scenario("disabled", "may not sign in; SharePoint kept the earlier photo", _disabled, Who.DISABLED),
    Scenario("unlicensed", "no licence", _unlicensed, Who.UNLICENSED),
    Scenario("shared_mailbox", "a shared mailbox", _mailbox_only, Who.SHARED),
    Scenario("room_mailbox", "a room", _mailbox_only, Who.ROOM),
    Scenario("equipment_mailbox", "a piece of equipment", _mailbox_only, Who.EQUIPMENT),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""By name, in the order they are dealt."""

PLAIN_SCENARIOS: tuple[str, ...] = (
    "never_set",
    "missing_exchange",
    "missing_sharepoint",
    "missing_yammer",
    "placeholder_reference",
    "placeholder_copy",
)
"""What a plain tenant has besides users in step."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The scenarios a tenant deals, besides users in step."""

    names: tuple[str, ...]
    plain: bool = False
    everything: bool = False


def choose(asked: Iterable[str] | None) -> Choice:
    """What `--scenarios` asks for: nothing (everything), `plain`, or names; `stale` means every `stale_…`.

    Raises ValueError for a name that is unknown.
    """
    names = [name.strip().lower().replace("-", "_") for name in asked or ()]
    names = [name for name in names if name]
    if not names:
        return Choice(tuple(name for name in SCENARIOS if name != IN_STEP), everything=True)
    if PLAIN in names:
        if len(names) > 1:
            raise ValueError("The scenario plain stands for a whole tenant: it goes with no other.")
        return Choice(PLAIN_SCENARIOS, plain=True)
    chosen: list[str] = []
    for name in names:
        meant = [name] if name in SCENARIOS else [known for known in SCENARIOS if known.startswith(f"{name}_")]
        if not meant:
            raise ValueError(f"Unknown scenario {name}; there are plain, {', '.join(SCENARIOS)}.")
        chosen += [known for known in meant if known != IN_STEP and known not in chosen]
    return Choice(tuple(chosen))
