"""Which account owns an address, and by which addresses services are asked about a user.

`mail` is not unique in a tenant (learn.microsoft.com/answers/questions/263625, KB 3166795) and may carry white space
(microsoft/idfix#62). An address belongs to the account that has it as user principal name or proxy address.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from auditor.model import User
from auditor.services.text import told

LONGEST_ADDRESS = 320
"""Maximum number of characters of an address that is asked for: 64 before the @ and 255 behind it (RFC 5321)."""
_NO_WIDTH = frozenset("\u200b\u2060\ufeff")
_PROXY, _PRIMARY, _UPN = 1, 2, 3
"""Ranks of claims to an address: the highest rank wins."""
_NOBODY = ""
"""The owner of an address that several accounts claim equally well."""


def trimmed(value: object) -> str:
    """An address without white space (characters of no width included) or control characters at its ends."""
    text = told(value)
    first = next((place for place, one in enumerate(text) if not _blank(one)), len(text))
    last = next((place for place in range(len(text), first, -1) if not _blank(text[place - 1])), first)
    return text[first:last]


def _blank(character: str) -> bool:
    return character.isspace() or character in _NO_WIDTH or unicodedata.category(character) == "Cc"


def askable(value: object) -> str:
    """The address in lower case as services are asked for it; empty where no request can hold it."""
    address = trimmed(value).lower()
    local, _, domain = address.rpartition("@")
    seen = address.isprintable() and " " not in address and "\ufffd" not in address
    return address if seen and local and domain and len(address) <= LONGEST_ADDRESS else ""


def smtp_addresses(proxies: Sequence[object]) -> tuple[str, tuple[str, ...]]:
    """The primary SMTP address, which `SMTP:` in capitals names (user resource type), and all of them in order.

    Lower case, without prefix; the primary is empty where there is none. Other kinds (X500, SIP, …) are left out.
    """
    primary, found = "", dict[str, None]()
    for proxy in proxies:
        kind, _, rest = told(proxy).partition(":")
        if kind.strip().lower() == "smtp" and (address := askable(rest)):
            found[address] = None
            primary = primary or (address if kind.strip() == "SMTP" else "")
    return primary, tuple(found)


def in_order(primary: str, upn: str, mail: str, addresses: Iterable[str]) -> tuple[str, ...]:
    """Addresses to ask by, the best three first. The others are sorted, because Graph promises no order of proxies."""
    return tuple(one for one in dict.fromkeys((primary, askable(upn), askable(mail), *sorted(addresses))) if one)


class Owners:
    """Which of these accounts owns which address. A user principal name is the best claim, then the primary SMTP
    address, then another proxy address. Where the best claims of two accounts are equal, neither owns the address.

    `mail` is no claim. Where nobody owns an address and several accounts have it as `mail`, it is nobody's.
    """

    def __init__(self, accounts: Iterable[User]) -> None:
        self._owners: dict[str, str] = {}
        self._ranks: dict[str, int] = {}
        self._mails: dict[str, str] = {}
        for account in accounts:
            for address, rank in _claims(account):
                best = self._ranks.get(address, 0)
                if rank > best:
                    self._owners[address], self._ranks[address] = account.id, rank
                elif rank == best and self._owners[address] != account.id:
                    self._owners[address] = _NOBODY
            if mail := askable(account.mail):
                self._mails[mail] = account.id if self._mails.get(mail, account.id) == account.id else _NOBODY

    def settled(self, user: User) -> User:
        """The user, asked about by no address of another account. Their own user principal name always stays."""
        upn, mail = askable(user.upn), askable(user.mail)
        asked_by = tuple(one for one in user.asked_by if one == upn or self._is_of(one, user))
        of_another = bool(mail) and mail not in asked_by
        if asked_by == user.asked_by and of_another == user.mail_of_another:
            return user
        return replace(user, asked_by=asked_by, mail_of_another=of_another)

    def _is_of(self, address: str, user: User) -> bool:
        owner = self._owners.get(address)
        return (owner if owner is not None else self._mails.get(address, user.id)) == user.id


def _claims(account: User) -> Iterator[tuple[str, int]]:
    upn = askable(account.upn)
    if upn:
        yield upn, _UPN
    first = account.asked_by[0] if account.asked_by else ""
    for address in account.addresses:
        if address != upn:
            yield address, _PRIMARY if address == first else _PROXY
