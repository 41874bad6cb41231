"""The purpose of a mailbox, from its own settings (`mailboxSettings/userPurpose`, MailboxSettings.Read).

Shared, room and equipment mailboxes need no licence. So for a user without an Exchange plan who is disabled or
unlicensed, only these settings tell whether there is a mailbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import quote

from auditor.collectors.contract import at_once
from auditor.model import User
from auditor.services.errors import ServiceError
from auditor.services.graph import Graph, GraphAnswer

PURPOSES = frozenset({"user", "linked", "shared", "room", "equipment", "others"})
"""mailboxSettings resource type. `unknownFutureValue`, and purposes that are added later, count as `others`."""
NONE, UNREADABLE = "none", "unreadable"
_NO_MAILBOX = frozenset({"ErrorNonExistentMailbox", "AuthenticationError"})
"""developer.microsoft.com/en-us/graph/docs/concepts/known_issues (old): "The SMTP address has no mailbox associated
with it"; microsoft-graph-docs#8877, msgraph-beta-sdk-dotnet#141 (400)."""
_NONE_ONLINE = frozenset({"MailboxNotEnabledForRESTAPI"})
"""aomail-ai/aomail-app#18, microsoft-graph-docs-contrib#717: "inactive, soft-deleted, or is hosted on-premise"."""
_AT_ONCE = 8
_REFUSALS = 5
"""After so many refusals and no answer, the permission is missing, and no further mailbox is asked about."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What Graph told about one mailbox."""

    mailbox: str
    """As `User.mailbox`, never empty."""
    forbidden: bool = False
    """Graph refused to tell (403)."""
    failed: str = ""
    """Why nothing could be learned, as a sentence; empty where Graph told something about the mailbox."""


def is_open(user: User) -> bool:
    """Whether only the mailbox's settings can tell that this user has one."""
    return not user.exchange_plan and not (user.enabled and user.licensed)


async def purposes(graph: Graph, users: Sequence[User]) -> dict[str, Purpose]:
    """The purposes of these users' mailboxes, by object id. Never raises because Graph fails or refuses."""
    heard = _Heard()
    async with aclosing(at_once((_purpose(graph, user, heard) for user in users), _AT_ONCE)) as results:
        return {user_id: purpose async for user_id, purpose in results}


@dataclass
class _Heard:
    answered: bool = False
    refusals: int = 0


async def _purpose(graph: Graph, user: User, heard: _Heard) -> tuple[str, Purpose]:
    if heard.refusals >= _REFUSALS and not heard.answered:
        return user.id, Purpose(UNREADABLE, forbidden=True)
    try:
        answer = await graph.get(f"/users/{quote(user.id, safe='')}/mailboxSettings?$select=userPurpose")
    except ServiceError as error:
        return user.id, Purpose(UNREADABLE, failed=error.sentence)
    found = _told(answer, user)
    heard.refusals += found.forbidden
    heard.answered = heard.answered or not (found.forbidden or found.failed)
    return user.id, found


def _told(answer: GraphAnswer, user: User) -> Purpose:
    if answer.status == 403:
        return Purpose(UNREADABLE, forbidden=True)
    if answer.status == 200:
        purpose = answer.json().get("userPurpose")
        if isinstance(purpose, dict):  # both shapes are published
            purpose = purpose.get("value")
        if isinstance(purpose, str) and purpose:
            return Purpose(purpose.lower() if purpose.lower() in PURPOSES else "others")
        return Purpose(UNREADABLE, failed="Graph told no purpose")
    if answer.error_code in _NO_MAILBOX:
        return Purpose(NONE)
    # A synchronised account with an address may have its mailbox on premises, where nobody was asked.
    on_premises = user.synced and bool(user.addresses or user.mail)
    if answer.error_code in _NONE_ONLINE and not on_premises:
        return Purpose(NONE)
    if answer.error_code and 400 <= answer.status < 500 and answer.status not in {401, 429}:
        return Purpose(UNREADABLE)  # about this mailbox, but not whether it exists
    return Purpose(UNREADABLE, failed=f"Graph answered {answer.error_code or f'HTTP {answer.status}'}")
