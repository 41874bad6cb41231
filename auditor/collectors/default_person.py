"""The picture that SharePoint's hosts show for people without a photo, and whether they still show it.

`userphoto.aspx` never says "no photo": it shows a default person. To learn which picture that is, two accounts that
cannot exist are asked for. The picture may be replaced while a run goes on. A cache that gives everybody one person's
photo gives it for these two accounts as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from auditor.collectors.pictures import Looked
from auditor.collectors.sharepoint_reading import alike, read
from auditor.model import Fingerprint, Status, User
from auditor.services.sharepoint import People

NOBODY = ("photo-auditor.nobody.8f3d1c72@{domain}", "photo-auditor.nobody.b61e90a4@{domain}")
"""Accounts that cannot exist: the picture that is shown for both is the default person."""


@dataclass
class DefaultPerson:
    """The default pictures of each host, by the size asked for."""

    people: People
    nobody: tuple[str, ...] = ()
    """The chosen accounts that cannot exist; empty until `name` was called."""
    _pictures: dict[tuple[str, str], list[Fingerprint]] = field(default_factory=dict, init=False)
    """Every picture that was a default in this run, the latest last."""
    _owned: dict[str, Fingerprint] = field(default_factory=dict, init=False)
    """By host: a person's own photo that was also shown for accounts that cannot exist."""

    def name(self, users: Iterable[User]) -> None:
        """Choose the accounts that cannot exist, in a domain of these users."""
        domain = next((user.upn.rpartition("@")[2] for user in users if "#EXT#" not in user.upn), "invalid")
        self.nobody = tuple(name.format(domain=domain) for name in NOBODY)

    def known(self, site: str, size: str = "L") -> bool:
        """Whether a default picture of this host was learned."""
        return bool(self._pictures.get((site, size)))

    def shown_as(self, site: str, picture: Fingerprint, size: str = "L") -> bool:
        """Whether this picture is the host's default person, or was earlier in this run."""
        return any(alike(picture, one) for one in self._pictures.get((site, size), ()))

    def disprove(self, site: str, picture: Fingerprint) -> None:
        """Note that this picture is a person's own photo, although it was shown for accounts that cannot exist."""
        self._owned[site] = picture

    def disproved(self, site: str, picture: Fingerprint) -> bool:
        """Whether this picture was taken for the default person and turned out to be a person's own photo."""
        return site in self._owned and alike(self._owned[site], picture)

    async def learn(self, site: str, size: str = "L") -> bool:
        """Ask for both accounts. True where both are shown one picture: from now on it is the default."""
        first, second = [await self._ask(site, name, size) for name in self.nobody]
        if first is None or second is None or not alike(first, second):
            return False
        pictures = self._pictures.setdefault((site, size), [])
        if not pictures or not alike(pictures[-1], first):
            pictures.append(first)
        return True

    async def check(self, site: str, size: str = "L") -> bool:
        """Whether the host's present default picture is known; where it has changed, the new one is learned.

        Where it has not changed, only one account is asked for.
        """
        pictures = self._pictures.get((site, size))
        if not pictures:
            return await self.learn(site, size)
        for name in self.nobody:
            now = await self._ask(site, name, size)
            if now is not None:
                return alike(now, pictures[-1]) or await self.learn(site, size)
        return False

    async def _ask(self, site: str, name: str, size: str) -> Fingerprint | None:
        seen: Looked = await read(partial(self.people.shown, site, name, size=size, anew=True), lambda *_: None)
        return seen.fingerprint if seen.status in {Status.PHOTO, Status.PLACEHOLDER} else None
