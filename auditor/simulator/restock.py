"""Writing into the stores of an account that exists: only what was written gets a new mark.

An ETag, a mugshot's path id and an SPS-PictureTimestamp stay what they are until their store is written to,
and are new after that even where the picture is one the store held before: so the services have it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from auditor.simulator.population import (
    NO_PHOTO_WAYS,
    PhotoStore,
    behind_graph,
    mailbox_of,
    mugshot_id,
    photo_etag,
    shown_of,
)
from auditor.simulator.scenarios import Holdings, Who
from auditor.simulator.tenant import Account, EngageUser, GraphPhoto, Mailbox, Profile


@dataclass(frozen=True, slots=True)
class Writing:
    """When and where something is written."""

    photo_store: PhotoStore
    who: Who
    mark: str
    """What makes the ETags of this writing its own."""
    stamp: str
    """The SPS-PictureTimestamp of a profile that is written to."""
    rng: random.Random
    plain: bool = False
    looked: bool = False
    """SharePoint looked for a newer picture, and found none."""


def restocked(account: Account, before: Holdings, now: Holdings, writing: Writing) -> Account:
    """The account after its stores came to hold `now` instead of `before`."""
    return replace(
        account,
        graph=_graph(account, before, now, writing),
        mailbox=_mailbox(account, now, writing),
        profile=_profile(account, before, now, writing),
        engage=_engage(account, before, now, writing),
    )


def _graph(account: Account, before: Holdings, now: Holdings, writing: Writing) -> GraphPhoto:
    held, holds = behind_graph(before, writing.photo_store), behind_graph(now, writing.photo_store)
    if holds == held or now.refusal:
        return account.graph
    if holds is None:
        return GraphPhoto(no_photo="image_not_found" if writing.plain else writing.rng.choice(NO_PHOTO_WAYS))
    return GraphPhoto(picture=holds, etag=photo_etag(holds, f"{account.id}|{writing.mark}"))


def _mailbox(account: Account, now: Holdings, writing: Writing) -> Mailbox | None:
    mailbox = account.mailbox
    made = mailbox_of(now, writing.who, writing.photo_store, behind_graph(now, writing.photo_store))
    if mailbox is None or made is None or made.picture == mailbox.picture:
        return mailbox
    tag = photo_etag(made.picture, f"{account.id}|mailbox|{writing.mark}") if made.picture else ""
    return replace(mailbox, picture=made.picture, etag=tag)


_WRITTEN = ("stored", "picture_url", "hidden", "placeholder_state", "exchange_sync_state", "old_host", "updated")
"""What of the holdings is written into a SharePoint profile."""


def _profile(account: Account, before: Holdings, now: Holdings, writing: Writing) -> Profile | None:
    profile = account.profile
    if profile is None:
        return None
    written = writing.looked or any(getattr(before, name) != getattr(now, name) for name in _WRITTEN)
    # A profile that was made anew has no picture timestamp.
    made_anew = now.updated == "never" != before.updated
    stamp = "" if made_anew else writing.stamp
    return replace(
        profile,
        stored=now.stored,
        picture_url=now.picture_url,
        old_host=now.old_host,
        shown=shown_of(now, writing.who, behind_graph(now, writing.photo_store)),
        timestamp=stamp if written else profile.timestamp,
        placeholder_state=now.placeholder_state,
        exchange_sync_state=now.exchange_sync_state,
        personal_site_state=now.personal_site_state,
    )


def _engage(account: Account, before: Holdings, now: Holdings, writing: Writing) -> tuple[EngageUser, ...]:
    if not account.engage or before.engage == now.engage:
        return account.engage
    first = replace(
        account.engage[0],
        picture=now.engage,
        picture_id=mugshot_id(writing.rng) if now.engage else "",
        own_photo=now.engage_own,
    )
    return (first, *account.engage[1:])
