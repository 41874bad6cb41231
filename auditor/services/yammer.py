"""The wire format of Viva Engage's (Yammer's) REST API and of its picture CDN.

Sources: Microsoft's Yammer REST reference, pnp/cli-microsoft365 (engage-user-list, engage-user-get), and recorded
answers of older networks for their shapes (`tests/wire/yammer/README.md`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from auditor.services.errors import BadAnswer, Damaged, SignInRefused
from auditor.services.http import EMPTY_CONFIRMED, Answer, Web, Whole
from auditor.services.retries import CONFIRMED
from auditor.services.text import writable
from auditor.services.whole import json_answer, picture_answer

SIDE = 648
OTHER_SIDE = 360
"""The side, in pixels, in which a picture is read once more: for the picture network this is another request."""
_SIZE = re.compile(r"[0-9]+x[0-9]+")
_SIZE_OF_A_URL = re.compile(r"(?<=[?&]size=)[0-9]+x[0-9]+|(?<=/)[0-9]+x[0-9]+(?=/)")
"""The size in a picture's URL: in the query or, in older networks, in the path, as their templates show."""
_DEFAULT = re.compile(r"no[_-]photo[a-z0-9_-]*\.[a-z]{3,4}", re.IGNORECASE)
"""The default picture's name: `no_photo.png` (engage-user-list), `no_photo_small.gif` in older networks. Its other
sizes and formats count as the default picture too. The id of a person's own picture has no dot."""
_ALIVE = frozenset({"", "active"})
"""States of an account that is in use; an account without a state counts as in use."""


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
    """When the account was first used, as `2021/10/08 11:45:32 +0000`; empty where it comes in no such form."""
    other_size: str = ""
    """The picture's URL at `OTHER_SIDE`; empty where no URL shows how to ask for a size."""
    network: str = ""
    """The id of the network that the account belongs to."""
    answered_at: datetime | None = None
    """When the answer that named the account came."""

    @property
    def nameless(self) -> bool:
        """Whether the entry has neither an id nor an address: then it cannot be matched to any user."""
        return not self.id and not self.addresses

    @property
    def alive(self) -> bool:
        """False for an account that is suspended, deleted or in any other state than `active`."""
        return self.state.casefold() in _ALIVE

    @property
    def has_default(self) -> bool:
        """Whether the account shows the default picture, which the service serves like any other."""
        return is_default(self.picture_url)

    @property
    def has_picture(self) -> bool:
        """Whether the account names a picture that is not the default one."""
        return bool(self.picture_id) and not self.has_default


@dataclass
class Engage:
    """A thin client of users and their pictures."""

    web: Web
    origin: str
    accepted: bool = False
    """Whether Viva Engage ever accepted the token."""

    async def page(self, number: int) -> list[EngageUser]:
        """Page `number` (from 1) of all users, 50 a page; an empty page is the end.

        An entry without an id does not spoil the page: it is given with an empty id, and the user whose addresses it
        has is not learned.
        """
        answer = await self._get(f"/api/v1/users.json?page={number}")
        if answer.status != 200:
            raise BadAnswer(f"Viva Engage answered {answer.status} to page {number} of its users")
        return [parse(entry) for entry in _array(answer.body)]

    async def by_email(self, email: str) -> list[EngageUser]:
        """The users who go by this address; none where the service answers 404, or 200 with nothing.

        Sources disagree on the service's answer where nobody goes by it (cli365 engage-user-get: 404; recorded clients
        look for an empty answer). Anything that is not Viva Engage may answer so, too: the caller must prove that the
        answer means something.
        """
        if not can_be_asked(email):
            raise BadAnswer("the address holds half a character, and no request can carry it")
        answer = await self._get(f"/api/v1/users/by_email.json?email={quote(email, safe='')}", _json_or_nothing())
        if answer.status == 404:
            return []
        if answer.status != 200:
            raise BadAnswer(f"Viva Engage answered {answer.status} when asked for one address")
        found = [parse(entry) for entry in _array(answer.body, nothing=True)]
        named = [one for one in found if email.lower() in one.addresses]
        if found and not named:
            # A 200 that names somebody else is no answer about this address.
            raise BadAnswer("Viva Engage answered for one address with accounts that do not have it")
        return named

    async def current(self) -> EngageUser | None:
        """The account of the person who signed in; None where the service names none."""
        answer = await self._get("/api/v1/users/current.json")
        if answer.status == 404:
            return None
        told = _parsed(answer.body)
        if answer.status != 200 or not isinstance(told, dict):
            raise BadAnswer(f"Viva Engage answered {answer.status} when asked who is signed in")
        return parse(told)

    async def picture(self, url: str) -> Answer:
        """A picture from the CDN, which never receives the token."""
        return await self.web.fetch(url, whole=picture_answer)

    async def _get(self, path: str, whole: Whole = json_answer) -> Answer:
        api = self.web.apis[self.origin]
        for _ in range(CONFIRMED[401]):
            answer = await api.get(path, headers={"Accept": "application/json"}, whole=whole)
            if not _names_the_token(answer):
                break
        if answer.status in {401, 403} and self.accepted:
            # The token is good: the service refuses only this request.
            raise BadAnswer(f"Viva Engage refuses this question ({answer.status})", reason=f"HTTP {answer.status}")
        self.accepted = self.accepted or answer.status == 200
        if answer.status in {401, 403} or _names_the_token(answer):
            raise SignInRefused(
                f"Viva Engage refuses the token ({answer.status}): it has ended, or is not a delegated one",
                remedy="sign a person in anew; Viva Engage takes no app-only tokens",
            )
        return answer


def parse(entry: Mapping[str, Any]) -> EngageUser:
    """One element of `users.json`; fields that it does not have are left empty.

    Older networks leave out `email` (recorded answers): then the addresses are those of `contact`, the primary first.
    """
    url, other_size = _picture_urls(entry)
    contact = entry.get("contact")
    listed = contact.get("email_addresses") if isinstance(contact, dict) else None
    listed = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    listed.sort(key=lambda one: one.get("type") != "primary")
    found = [entry.get("email"), *(one.get("address") for one in listed)]
    addresses = tuple(
        dict.fromkeys(writable(one).strip().lower() for one in found if isinstance(one, str) and one.strip())
    )
    since = _text(entry, "activated_at")
    since = since if re.match(r"[0-9]{4}/[0-9]{2}/[0-9]{2} ", since) else ""
    return EngageUser(
        _text(entry, "id"), addresses, _text(entry, "state"), url, picture_id(url), since[:25], other_size,
        _text(entry, "network_id"),
    )  # fmt: skip


def home_network(networks: Iterable[str]) -> str:
    """The network that most of these accounts belong to; empty where none says."""
    counted = Counter(network for network in networks if network)
    return counted.most_common(1)[0][0] if counted else ""


def can_be_asked(address: str) -> bool:
    """Whether a URL can carry the address: half a character has no encoding."""
    return not any("\ud800" <= char <= "\udfff" for char in address)


def picture_id(url: str) -> str:
    """The lasting part of a picture's URL: `…/images/<id>?P1=…` and the older `…/images/48x48/<id>` name one id."""
    try:
        name = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""
    return "" if _SIZE.fullmatch(name) else name


def is_default(url: str) -> bool:
    """Whether a picture's URL names the default picture, in whatever directory, size, format or letter case."""
    return _DEFAULT.fullmatch(unquote(picture_id(url))) is not None


def _picture_urls(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The picture's URL in the size that is read first, and in the size that is read again.

    From a template, a plain URL, or the URL that redirects to the picture (engage-user-list).
    """
    for kind in ("mugshot_url", "mugshot_redirect_url"):
        template, plain = entry.get(f"{kind}_template"), entry.get(kind)
        if isinstance(template, str) and "{width}" in template:
            return _sized(template, SIDE), _sized(template, OTHER_SIDE)
        if isinstance(plain, str) and plain.strip():
            resized = _SIZE_OF_A_URL.sub(f"{OTHER_SIDE}x{OTHER_SIDE}", plain)
            return plain, resized if resized != plain else ""
    return "", ""


def _sized(template: str, side: int) -> str:
    return template.replace("{width}", str(side)).replace("{height}", str(side))


def _text(entry: Mapping[str, Any], name: str) -> str:
    return "" if entry.get(name) is None else str(entry[name])


def _names_the_token(answer: Answer) -> bool:
    """Whether a 400 speaks of the token: `OAuthException` (yammer/yam-python, its client's tests)."""
    return answer.status == 400 and b"OAuthException" in answer.body


def _json_or_nothing() -> Whole:
    """A check that accepts JSON, or an empty 200 that came several times: a single one may be cut short."""
    heard = 0

    def whole(answer: Any) -> Damaged | None:
        nonlocal heard
        flaw = json_answer(answer)
        if flaw is None or answer.status != 200 or answer.body.strip() or "html" in answer.content_type:
            return flaw
        heard += 1
        return None if heard >= EMPTY_CONFIRMED else flaw

    return whole


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _array(body: bytes, *, nothing: bool = False) -> list[dict[str, Any]]:
    """The entries of a JSON array. `nothing`: whether an empty body, or `null`, counts as an empty array."""
    if nothing and body.strip() in {b"", b"null"}:
        return []
    parsed = _parsed(body)
    if not isinstance(parsed, list):
        raise BadAnswer("Viva Engage answered with something that is no list of users")
    return [entry if isinstance(entry, dict) else {} for entry in parsed]
