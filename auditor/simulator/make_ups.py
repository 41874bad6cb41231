"""Tenants of one kind, in one table: in each, something is true of all or nearly all users.

A make-up replaces what the user's scenario put into the stores. Its users are ordinary ones: seven of eight in step,
the others of any scenario. `auditor.simulator.truth` works out the truth about them, as for any other tenant.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from auditor.simulator.pictures import Blank, Logo, StoredPicture, Upload
from auditor.simulator.scenarios import IN_STEP, OUT_OF_SCOPE, SCENARIOS, Choice, Holdings, Who, without_mailbox
from auditor.simulator.seats import Seat

LOGO = StoredPicture(Upload("company-logo", Logo()))
"""A company's logo: no user's photo."""
_BLANKED = StoredPicture(Upload("blank-0", Blank(0)))


class Hand(Protocol):
    """What a make-up can use to fill the stores of one user."""

    @property
    def turn(self) -> int:
        """Number of users of the same scenario that came before."""
        ...

    @property
    def chance(self) -> float:
        """This user's own random number, from 0 up to 1."""
        ...

    def earlier(self) -> StoredPicture:
        """A photo that the user had before."""
        ...

    def new(self) -> StoredPicture:
        """A photo that nobody had before."""
        ...


@dataclass(frozen=True, slots=True)
class MakeUp:
    """One kind of tenant."""

    name: str
    about: str
    change: Callable[[Hand, Holdings], Holdings]
    """Returns what the stores of a user hold, given what they would hold in an ordinary tenant."""
    happens: bool = False
    """Whether it happens to the tenant in one month; otherwise it was always so."""
    month: int = 0
    """The month in which it happens unless another is chosen; 0 where it was always so."""
    kept: float = 0.0
    """Share of the audited users whom it leaves alone."""
    keeps_odd: bool = False
    """Whether users left alone may be of any scenario that has a photo; otherwise they are in step."""
    without: frozenset[str] = frozenset()
    """Scenarios that would contradict it. They are dealt only where they are asked for by name."""
    who: Who | None = None
    """The kind of account that every audited user has."""


# What the stores hold -------------------------------------------------------------------------------


def _not_in_engage(_hand: Hand, held: Holdings) -> Holdings:
    return replace(held, engage_accounts=0, engage=None, engage_own=False, engage_other=None)


def _never_synchronised(held: Holdings) -> Holdings:
    return replace(
        held,
        stored=None,
        picture_url=False,
        hidden=False,
        local=False,
        old_host=False,
        updated="never",
        placeholder_state="",
        exchange_sync_state="",
    )


def _never_visited(hand: Hand, held: Holdings) -> Holdings:
    return replace(_never_synchronised(held), personal_site_state="0" if hand.turn % 2 else "")


def _sharepoint_lost(_hand: Hand, held: Holdings) -> Holdings:
    # The profiles were made anew and say nothing about pictures; the personal sites are still there.
    return _never_synchronised(held)


def _without_exchange(_hand: Hand, held: Holdings) -> Holdings:
    return replace(without_mailbox(held), thumbnail=None, ews="open")


def _mass_upload(hand: Hand, held: Holdings) -> Holdings:
    # SharePoint keeps the earlier photo: it has not synchronised since.
    photo = hand.new()
    return replace(
        held,
        entra=photo,
        mailbox_photo=photo if held.mailbox else None,
        thumbnail=None,
        engage=photo if held.engage_accounts else None,
        engage_own=False,
    )


def _logo_in_engage(_hand: Hand, held: Holdings) -> Holdings:
    return replace(held, engage=LOGO) if held.engage_accounts else held


def _written(held: Holdings, picture: StoredPicture) -> Holdings:
    """The holdings with this picture in the library, and shown."""
    return replace(
        held,
        stored=picture,
        picture_url=True,
        hidden=False,
        local=False,
        old_host=False,
        placeholder_state="0",
        personal_site_state="2",
    )


def _blanked(_hand: Hand, held: Holdings) -> Holdings:
    if not held.profile:
        return held
    return replace(_written(held, _BLANKED), updated="lately", exchange_sync_state="1")


def _detached(hand: Hand, held: Holdings) -> Holdings:
    if not held.profile:
        return held
    return replace(_written(held, hand.earlier()), updated="long_ago", exchange_sync_state="0")


def _withdrawn(_hand: Hand, held: Holdings) -> Holdings:
    # SharePoint marks profiles that it synchronised before as without a picture, and leaves the other profiles alone.
    return replace(
        held,
        entra=None,
        mailbox_photo=None,
        thumbnail=None,
        stored=None,
        picture_url=False,
        hidden=False,
        local=False,
        old_host=False,
        placeholder_state="1" if held.placeholder_state else "",
        engage=None,
        engage_own=False,
        engage_other=None,
    )


def _never_had_one(hand: Hand, held: Holdings) -> Holdings:
    held = _withdrawn(hand, held)
    return _never_synchronised(held) if hand.chance < 0.5 else held


# The table ------------------------------------------------------------------------------------------


def _scenarios_of(*kinds: Who) -> frozenset[str]:
    return frozenset(name for name, scenario in SCENARIOS.items() if scenario.who in kinds)


# For users without an Exchange licence SharePoint shows the Graph photo, whatever its own stores hold.
_NOT_SHAREPOINTS_OWN = _scenarios_of(Who.NO_EXCHANGE)
_NO_PROFILE = frozenset({"no_profile", "account_reused"})

_ALL: tuple[MakeUp, ...] = (
    MakeUp("engage-few", "3 % of the users have a Viva Engage account", _not_in_engage, kept=0.03),
    MakeUp(
        "sharepoint-few",
        "5 % of the users have ever visited SharePoint; the others' profiles were never synchronised",
        _never_visited,
        kept=0.05,
        without=_NOT_SHAREPOINTS_OWN | _NO_PROFILE,
    ),
    MakeUp(
        "sharepoint-nobody",
        "nobody has ever visited SharePoint: every profile exists and was never synchronised",
        _never_visited,
        without=_NOT_SHAREPOINTS_OWN | _NO_PROFILE,
    ),
    MakeUp(
        "no-exchange",
        "nobody has an Exchange plan or a mailbox",
        _without_exchange,
        without=_scenarios_of(Who.DISABLED),
        who=Who.NO_EXCHANGE,
    ),
    MakeUp(
        "mass-upload",
        "everybody has a new photo, and SharePoint still has the one before",
        _mass_upload,
        happens=True,
        without=_NOT_SHAREPOINTS_OWN,
    ),
    MakeUp("engage-logo", "everybody has the company's logo as photo in Viva Engage", _logo_in_engage, happens=True),
    MakeUp(
        "thumbnails-blanked",
        "SharePoint's synchronisation wrote blank thumbnails for everybody",
        _blanked,
        happens=True,
        without=_NOT_SHAREPOINTS_OWN,
    ),
    MakeUp(
        "all-detached",
        "every picture in SharePoint is an earlier one of the user and follows Exchange no more",
        _detached,
        happens=True,
        without=_NOT_SHAREPOINTS_OWN,
    ),
    MakeUp("withdrawn", "all photos were withdrawn everywhere", _withdrawn, happens=True, month=1),
    MakeUp(
        "sharepoint-lost",
        "SharePoint's profiles were made anew without any picture",
        _sharepoint_lost,
        happens=True,
        month=1,
        without=_NOT_SHAREPOINTS_OWN | _NO_PROFILE,
    ),
    MakeUp("no-photos-70", "70 % of the users never had a photo anywhere", _never_had_one, kept=0.30, keeps_odd=True),
    MakeUp("no-photos-97", "97 % of the users never had a photo anywhere", _never_had_one, kept=0.03, keeps_odd=True),
)
MAKE_UPS: Mapping[str, MakeUp] = {make_up.name: make_up for make_up in _ALL}
"""By name, in the order in which messages list them."""
LOST_BY_A_MOVE = "sharepoint-lost"
"""The make-up that a move to another tenant brings about by itself."""
_NO_PHOTO_TO_KEEP = frozenset({"never_set", "placeholder_reference"})


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A make-up in one tenant: from which month on, and whom it leaves alone."""

    make_up: MakeUp
    month: int
    kept: frozenset[int]
    """Places in the directory of the users whom it leaves alone."""

    def touches(self, place: int) -> bool:
        """Whether the make-up changes the user at this place."""
        return place not in self.kept

    def held(self, place: int, hand: Hand, held: Holdings) -> Holdings:
        """What the stores of the user at this place hold, changed by the make-up or left alone."""
        return self.make_up.change(hand, held) if self.touches(place) else held


def find(name: str, month: int | None) -> tuple[MakeUp, int]:
    """The make-up of this name, and the month in which it begins. Raises ValueError where either is wrong."""
    make_up = MAKE_UPS.get(name)
    if make_up is None:
        raise ValueError(f"Unknown make-up {name}; there are {', '.join(MAKE_UPS)}.")
    if month is not None and not make_up.happens:
        raise ValueError(f"The make-up {name} holds in every month: it has no month in which it happens.")
    return make_up, make_up.month if month is None else month


def narrowed(choice: Choice, make_up: MakeUp) -> Choice:
    """The scenarios without those that contradict the make-up; all stay where they were asked for by name."""
    if not choice.everything:
        return choice
    return replace(choice, names=tuple(name for name in choice.names if name not in make_up.without))


def seated(seat: Seat, make_up: MakeUp) -> Seat:
    """The seat with the kind of account that the make-up gives every audited user."""
    return replace(seat, who=make_up.who) if make_up.who and seat.who not in OUT_OF_SCOPE else seat


def left_alone(make_up: MakeUp, seats: Sequence[Seat], seed: int) -> frozenset[int]:
    """The places of the users whom a make-up leaves alone: at least one if `kept` is not 0 and a user qualifies."""
    if not make_up.kept:
        return frozenset()
    audited = [place for place, seat in enumerate(seats) if seat.who not in OUT_OF_SCOPE]
    pool = [place for place in audited if _may_be_kept(make_up, seats[place].scenario)]
    count = min(max(1, round(make_up.kept * len(audited))), len(pool))
    return frozenset(random.Random(f"make-up:{seed}:{len(seats)}").sample(pool, count))


def _may_be_kept(make_up: MakeUp, scenario: str) -> bool:
    without: Collection[str] = _NO_PHOTO_TO_KEEP
    return scenario not in without if make_up.keeps_odd else scenario == IN_STEP
