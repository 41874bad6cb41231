"""The wire format of Viva Engage's (Yammer's) REST API and of its picture CDN.

Sources: Microsoft's Yammer REST reference, pnp/cli-microsoft365 (engage-user-list, engage-user-get).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from auditor.services.errors import BadAnswer, SignInRefused
from auditor.services.http import Answer, Web
from auditor.services.text import writable
from auditor.services.whole import json_answer, picture_answer

SIDE = 648


@dataclass(frozen=True, slots=True)
class EngageUser:
    """One user as the API lists them."""

    id: str
    addresses: tuple[str, ...]
    """Lower case, the primary first."""
    state: str
    picture_url: str
    """Signed and expiring; never kept."""
    picture_id: str
    """The last part of the picture's path: stable while the picture is."""
    activated_at: str = ""
    """When the account was first used, as `2021/10/08 11:45:32 +0000`; empty where it is not said so."""

    @property
    def nameless(self) -> bool:
        """Whether the entry says neither who it is nor by which address: it can be nobody's."""
        return not self.id and not self.addresses

    @property
    def has_picture(self) -> bool:
        """False for the default picture, which the service serves like any other."""
        return bool(self.picture_id) and self.picture_id != "no_photo.png"


@dataclass
class Engage:
    """A thin client of users and their pictures."""

    web: Web
    origin: str
    accepted: bool = False
    """Whether the token was ever taken."""

    async def page(self, number: int) -> list[EngageUser]:
        """Page `number` (from 1) of all users, 50 a page; an empty page is the end.

        An entry without an id costs nobody else anything: it is given with an empty one, and whoever it belongs
        to by its addresses is not learned.
        """
        answer = await self._get(f"/api/v1/users.json?page={number}")
        if answer.status != 200:
            raise BadAnswer(f"Viva Engage answered {answer.status} to page {number} of its users")
        return [parse(entry) for entry in _array(answer.body)]

    async def by_email(self, email: str) -> list[EngageUser]:
        """The users who go by this address; none where the service answers 404."""
        answer = await self._get(f"/api/v1/users/by_email.json?email={quote(email, safe='')}")
        if answer.status == 404:
            return []
        if answer.status != 200:
            raise BadAnswer(f"Viva Engage answered {answer.status} when asked for one address")
        found = [parse(entry) for entry in _array(answer.body)]
        if not any(email.lower() in one.addresses for one in found):
            # Nobody by that address is a 404; a 200 that names nobody or somebody else is no answer.
            raise BadAnswer("Viva Engage answered for one address with accounts that do not have it")
        return found

    async def picture(self, url: str) -> Answer:
        """A picture from the CDN, which never receives the token."""
        return await self.web.fetch(url, whole=picture_answer)

    async def _get(self, path: str) -> Answer:
        answer = await self.web.apis[self.origin].get(path, headers={"Accept": "application/json"}, whole=json_answer)
        if answer.status in {401, 403} and self.accepted:
            # The token is good: what is refused is this one question.
            raise BadAnswer(f"Viva Engage refuses this question ({answer.status})", reason=f"HTTP {answer.status}")
        self.accepted = self.accepted or answer.status == 200
        if answer.status in {401, 403}:
            raise SignInRefused(
                f"Viva Engage refuses the token ({answer.status}): it has ended, or is not a delegated one",
                remedy="sign a person in anew; Viva Engage takes no app-only tokens",
            )
        return answer


def parse(entry: Mapping[str, Any]) -> EngageUser:
    """One element of `users.json`; what it does not say is left empty."""
    template, plain = entry.get("mugshot_url_template"), entry.get("mugshot_url")
    url = ""
    if isinstance(template, str) and "{width}" in template:
        url = template.replace("{width}", str(SIDE)).replace("{height}", str(SIDE))
    elif isinstance(plain, str):
        url = plain
    contact = entry.get("contact")
    listed = contact.get("email_addresses") if isinstance(contact, dict) else None
    listed = listed if isinstance(listed, list) else []
    found = [entry.get("email"), *(one.get("address") for one in listed if isinstance(one, dict))]
    addresses = tuple(
        dict.fromkeys(writable(one).strip().lower() for one in found if isinstance(one, str) and one.strip())
    )
    identity = "" if entry.get("id") is None else str(entry["id"])
    since = str(entry.get("activated_at") or "")
    since = since if re.match(r"[0-9]{4}/[0-9]{2}/[0-9]{2} ", since) else ""
    return EngageUser(identity, addresses, str(entry.get("state") or ""), url, picture_id(url), since[:25])


def picture_id(url: str) -> str:
    """What stays of a picture's URL: `…/images/<id>?P1=…` and the older `…/images/48x48/<id>` name the same id."""
    try:
        name = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""
    return "" if re.fullmatch(r"[0-9]+x[0-9]+", name) else name


def _array(body: bytes) -> list[dict[str, Any]]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, list):
        raise BadAnswer("Viva Engage answered with something that is no list of users")
    return [entry if isinstance(entry, dict) else {} for entry in parsed]
