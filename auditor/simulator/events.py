"""What happens to users from one month to the next, in one readable table.

An event says among whom it is dealt, what the stores hold afterwards, and what the user is then. Who is hit in
which month is settled in `auditor.simulator.months`; what it means for an auditor is worked out in
`auditor.simulator.changes` from what the stores hold, not from the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from auditor.simulator.pictures import StoredPicture
from auditor.simulator.scenarios import IN_STEP, Holdings, Place, Who, put
from auditor.simulator.seats import Seat


class State(StrEnum):
    """What a user is, as far as it decides what may happen to them next."""

    IN_STEP = "in_step"
    RENEWED = "renewed"
    """In step since a new photo reached every store."""
    SETTLED = "settled"
    """In step again after drift; nothing more happens to their photo."""
    BEHIND = "behind"
    """A copy does not have the photo of the reference."""
    PENDING = "pending"
    """As that, and SharePoint's next look will bring it."""
    MIXED_UP = "mixed_up"
    """A copy shows another user's photo."""
    OLDER = "older"
    """The mailbox brought an older photo back."""
    WITHDRAWN = "withdrawn"
    """The photo was taken down at the reference and remains elsewhere."""
    HIDDEN = "hidden"
    """A copy, or the reference, cannot be read this month."""
    FED = "fed"
    """A nightly feed writes this user's photo, now one, now the other."""
    DRIFTED = "drifted"
    """Drifted from the first month on, and a look of the store would mend it."""
    WRONG = "wrong"
    """Drifted from the first month on, and only another upload mends it."""
    EMPTY = "empty"
    """Nobody ever set a photo."""
    BLOCKED = "blocked"
    """May not sign in, and has the same photo everywhere."""
    OTHER = "other"
    """Nothing happens to them but that they leave."""


_LOOK_MENDS = frozenset(
    {
        "stale_exchange",
        "stale_sharepoint",
        "stale_yammer",
        "missing_exchange",
        "missing_sharepoint",
        "missing_yammer",
        "placeholder_copy",
        "sharepoint_never_visited",
        "sharepoint_detached",
        "sharepoint_placeholder_state",
        "sharepoint_blanked",
        "cropped",
        "mirrored",
        "rotated",
        "letterboxed",
        "brightened",
        "badged",
    }
)
_UPLOAD_MENDS = frozenset(
    {
        "stale_entra",
        "placeholder_reference",
        "swapped",
        "removed_at_reference",
        "broken_bytes",
        "not_an_image",
        "engage_own_photo",
    }
)


def first_state(seat: Seat) -> State:
    """What a user is in the first month."""
    if seat.who is Who.DISABLED and seat.scenario == IN_STEP:
        return State.BLOCKED
    if seat.who is not Who.MEMBER:
        return State.OTHER
    if seat.scenario == IN_STEP:
        return State.IN_STEP
    if seat.scenario == "never_set":
        return State.EMPTY
    if seat.scenario in _LOOK_MENDS:
        return State.DRIFTED
    return State.WRONG if seat.scenario in _UPLOAD_MENDS else State.OTHER


class Hit(Protocol):
    """Whom an event befalls, and the pictures it may bring."""

    @property
    def held(self) -> Holdings:
        """What the stores hold."""
        ...

    @property
    def turn(self) -> int:
        """How many users were hit by this event before."""
        ...

    @property
    def former(self) -> StoredPicture | None:
        """The photo of the user before the one they have now; the feed's other photo."""
        ...

    @property
    def partner(self) -> StoredPicture | None:
        """The photo of the user this one is mixed up with."""
        ...

    def new(self) -> StoredPicture:
        """A photo that nobody had before."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to users from one month to the next."""

    name: str
    about: str
    among: frozenset[State]
    to: State
    befall: Callable[[Hit], Holdings]
    share: float = 0.0
    """Of all users, a month; several per cent in all. Zero: see `of_those`."""
    of_those: float = 0.0
    """Of the users in one of these states, rounded up."""
    together: int = 1


# What is written ------------------------------------------------------------------------------------

_SHARED: tuple[Place, ...] = ("yammer", "sharepoint")


def with_photo(held: Holdings, picture: StoredPicture) -> Holdings:
    """The same photo in every store there is, SharePoint following Exchange."""
    return replace(
        held,
        entra=picture,
        mailbox_photo=picture if held.mailbox else None,
        thumbnail=None,
        stored=picture if held.profile else None,
        picture_url=held.profile,
        hidden=False,
        old_host=False,
        updated="lately",
        placeholder_state="0" if held.profile else "",
        exchange_sync_state="1" if held.profile else "",
        personal_site_state="2",
        engage=picture if held.engage_accounts else None,
        engage_own=False,
    )


def followed(held: Holdings) -> Holdings:
    """Every copy that is not the reference's photo has become so; the others are not written to."""
    assert held.entra
    photo = held.entra.plain()
    new = with_photo(held, photo)
    kept: dict[str, Any] = {
        name: getattr(held, name)
        for name in ("entra", "mailbox_photo", "stored", "engage")
        if (one := getattr(held, name)) is not None and one.upload == photo.upload and not one.variant
    }
    if "stored" in kept and not held.hidden:
        kept |= {name: getattr(held, name) for name in ("picture_url", *_AS_TOLD)}
    return replace(new, **kept)


def _renewed(hit: Hit) -> Holdings:
    return with_photo(hit.held, hit.new())


def _partly(hit: Hit) -> Holdings:
    held, now = hit.held, with_photo(hit.held, hit.new())
    behind: dict[str, Any] = {"stored": held.stored, **{name: getattr(held, name) for name in _AS_TOLD}}
    match hit.turn % 4:
        case 0:
            return replace(now, **behind)
        case 1:
            return replace(now, engage=held.engage)
        case 2:
            return replace(now, engage=held.engage, **behind)
        case _:
            return replace(now, mailbox_photo=held.mailbox_photo)


def _pending(hit: Hit) -> Holdings:
    return replace(with_photo(hit.held, hit.new()), stored=hit.held.stored)


def _lost(hit: Hit) -> Holdings:
    if hit.turn % 2:
        return replace(put(hit.held, "sharepoint", None), placeholder_state="1")
    return put(hit.held, "yammer", None)


def _swapped(hit: Hit) -> Holdings:
    return put(hit.held, _SHARED[hit.turn // 2 % 2], hit.partner)


def _moved(hit: Hit) -> Holdings:
    return replace(hit.held, mailbox_photo=hit.former)


def _withdrawn(hit: Hit) -> Holdings:
    held = replace(hit.held, entra=None)
    return held if hit.turn % 2 else replace(held, mailbox_photo=None)


def _taken_down(hit: Hit) -> Holdings:
    return replace(
        hit.held,
        mailbox_photo=None,
        stored=None,
        picture_url=False,
        placeholder_state="1",
        engage=None,
    )


def _first(hit: Hit) -> Holdings:
    now = with_photo(hit.held, hit.new())
    if hit.turn % 3 == 2:
        # SharePoint has not looked since.
        profile: dict[str, Any] = {name: getattr(hit.held, name) for name in ("stored", "picture_url", *_AS_TOLD)}
        return replace(now, **profile)
    return now


_AS_TOLD = ("updated", "placeholder_state", "exchange_sync_state", "personal_site_state")
"""What a profile says of its picture."""


def fed(hit: Hit) -> Holdings:
    """The feed's other photo, in one store or in all."""
    assert hit.former
    match hit.turn % 3:
        case 0:
            return put(hit.held, "sharepoint", hit.former)
        case 1:
            return put(hit.held, "yammer", hit.former)
        case _:
            return with_photo(hit.held, hit.former)


# The table ------------------------------------------------------------------------------------------

_STEADY = frozenset({State.IN_STEP, State.RENEWED})

MENDING: tuple[Event, ...] = (
    Event("synchronised", "SharePoint has looked and taken the photo over", frozenset({State.PENDING}),
          State.SETTLED, lambda hit: followed(hit.held), of_those=1.0),
    Event("mended", "the copy that was behind has been brought up", frozenset({State.BEHIND}),
          State.SETTLED, lambda hit: followed(hit.held), of_those=0.5),
    Event("set_anew", "a wrong photo was mended by uploading another", frozenset({State.MIXED_UP, State.OLDER}),
          State.SETTLED, _renewed, of_those=0.5),
    Event("taken_down", "the copies of a withdrawn photo were removed too", frozenset({State.WITHDRAWN}),
          State.OTHER, _taken_down, of_those=0.5),
    Event("repaired", "old drift mended: the copies follow the reference", frozenset({State.DRIFTED}),
          State.SETTLED, lambda hit: followed(hit.held), share=0.004),
    Event("uploaded_anew", "old drift mended by uploading another photo", frozenset({State.WRONG}),
          State.SETTLED, _renewed, share=0.002),
)  # fmt: skip
HAPPENING: tuple[Event, ...] = (
    Event("renewed", "a new photo, and it reached every store", _STEADY, State.RENEWED, _renewed, share=0.006),
    Event("partly_renewed", "a new photo, and it did not reach every store", _STEADY, State.BEHIND, _partly,
          share=0.005),
    Event("sync_pending", "a new photo a few hours ago: SharePoint looked before", _STEADY, State.PENDING, _pending,
          share=0.002),
    Event("swapped", "two users' photos landed on each other's account", _STEADY, State.MIXED_UP, _swapped,
          share=0.001, together=2),
    Event("mailbox_moved", "the mailbox was moved and brought an older photo back", frozenset({State.RENEWED}),
          State.OLDER, _moved, share=0.001),
    Event("withdrawn", "the photo was removed in Entra, copies remain", _STEADY, State.WITHDRAWN, _withdrawn,
          share=0.0015),
    Event("lost", "a copy lost its photo", _STEADY, State.BEHIND, _lost, share=0.002),
    Event("first_photo", "a user set a photo for the first time", frozenset({State.EMPTY}), State.SETTLED, _first,
          share=0.002),
)  # fmt: skip
EVENTS: Mapping[str, Event] = {event.name: event for event in (*MENDING, *HAPPENING)}
"""By name. Besides these: `joined`, `left`, `blocked`, `unblocked`, `hidden`, `seen_again`, `fed`."""
