"""What the simulated tenant holds: plain data, known truth.

The population writes it, the services serve it, the truth file reports it. It says *what is in each
store*, in the stores' own terms; how a store answers is the business of the service modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

LAST_SYNCED = "2026-11-20T04:00:00Z"
"""When everybody was who is synchronised from on premises, in the first month."""
Store = Literal["graph", "exchange", "sharepoint", "yammer"]


@dataclass(frozen=True, slots=True)
class Rendition:
    """Bytes as a service sends them."""

    data: bytes
    content_type: str
    width: int
    height: int


class Picture(Protocol):
    """A picture somebody uploaded, made into bytes when first asked for.

    Two pictures with one `key` are the same upload.
    """

    @property
    def key(self) -> str:
        """Identity of the upload: equal keys, equal picture."""
        ...

    def sides(self, store: Store) -> tuple[int, ...]:
        """Sides (pixels) of the square sizes this store keeps of it, ascending; empty for an odd single size."""
        ...

    def largest(self, store: Store) -> Rendition:
        """The largest rendition that this store serves."""
        ...

    def at(self, store: Store, side: int) -> Rendition | None:
        """The rendition of just this side, or None where the store has no such size. Never upscaled."""
        ...


@dataclass(frozen=True, slots=True)
class GraphRefusal:
    """A Graph photo request that is answered with an error instead of a photo or of 'no photo'."""

    http: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class GraphPhoto:
    """What Graph answers for a user's photo, whichever store is behind it."""

    picture: Picture | None = None
    etag: str = ""
    """Eight hexadecimal digits, without quotes."""
    refusal: GraphRefusal | None = None
    no_photo: Literal[
        "image_not_found", "entity_not_found", "item_not_found", "get_user_photo", "one_pixel", "bare_404"
    ] = "image_not_found"
    """How 'no photo' is said: an error with one of four codes, metadata 200 of size 1x1 (and `$value` 404),
    or a 404 without a body."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An Exchange mailbox; a user without one has no `Mailbox`."""

    picture: Picture | None = None
    """What GetUserPhoto serves: the mailbox photo, else the directory thumbnail, else nothing (404)."""
    etag: str = ""
    ews_refused: bool = False
    """403 for this mailbox (a frontline licence)."""
    invalid_licence: bool = False
    """ErrorInvalidLicense in SOAP; in REST form 403 (assumption)."""
    purpose: Literal["user", "shared", "room", "equipment"] = "user"


@dataclass(frozen=True, slots=True)
class Profile:
    """A SharePoint user profile; a user without one has no `Profile`."""

    object_id: str
    """`msOnline-ObjectId`; another's for a reused account."""
    stored: Picture | None = None
    """The library file; None: no file."""
    picture_url: bool = False
    """Whether the property `PictureURL` is set (it may be although the file is gone or a placeholder is shown)."""
    old_host: bool = False
    """Whether that property still names the My Site host from before the tenant was renamed."""
    shown: Picture | None = None
    """What userphoto.aspx shows; None: the default person."""
    timestamp: str = ""
    placeholder_state: str = ""
    exchange_sync_state: str = ""
    """SPS-PictureTimestamp, SPS-PicturePlaceholderState, SPS-PictureExchangeSyncState as they stand; '' if never
    synced."""
    personal_site_state: str = "2"
    """SPS-PersonalSiteInstantiationState; '2' is provisioned."""
    saved_account_name: str = ""


@dataclass(frozen=True, slots=True)
class EngageUser:
    """A Viva Engage (Yammer) account. A user has none, one, or two that claim the same address."""

    id: int
    email: str
    full_name: str
    picture: Picture | None = None
    """None: no_photo.png."""
    picture_id: str = ""
    """The path id of the mugshot; stable while the picture is."""
    other_addresses: tuple[str, ...] = ()
    activated_at: str = "2021/10/08 11:45:32 +0000"
    """When the account was first used."""
    own_photo: bool = False
    """Whether the picture was uploaded in Engage itself, before it took photos from Microsoft 365."""
    state: Literal["active", "suspended"] = "active"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one workload of one user; verdict held against `entra`."""

    status: str
    verdict: str
    cause: str = ""
    """A cause slug; '' without drift."""
    by_looks: bool = False
    """The status is `placeholder` and only the picture's looks tell it."""
    needs_variant: bool = False
    """The verdict is right only with variant detection (an edited copy)."""
    cause_without_drift: str = ""
    """A cause slug where a copy that did not drift is absent or cannot be read for a reason; often ''."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the directory and everything the stores hold for them."""

    id: str
    upn: str
    mail: str
    display_name: str
    given_name: str
    surname: str
    department: str
    job_title: str
    office_location: str
    user_type: Literal["Member", "Guest"]
    enabled: bool
    skus: tuple[str, ...]
    """skuIds of assignedLicenses."""
    plans: tuple[tuple[str, str], ...]
    """assignedPlans as (service, servicePlanId), e.g. ("exchange", "efb87545-…")."""
    synced: bool
    proxy_addresses: tuple[str, ...]
    """As Graph gives them: 'SMTP:primary@…', 'smtp:other@…'."""
    geo: Literal["home", "satellite"]
    in_scope: bool
    scenario: str
    graph: GraphPhoto
    mailbox: Mailbox | None
    profile: Profile | None
    engage: tuple[EngageUser, ...]
    truth: Mapping[str, Truth]
    """By workload: entra, exchange, sharepoint, yammer."""
    groups: tuple[str, ...] = ()
    """Ids of the groups this account is a direct member of."""
    removed_plans: tuple[tuple[str, str], ...] = ()
    """assignedPlans with capabilityStatus "Deleted": once had, no longer live."""
    created: str = "2021-03-01T08:00:00Z"
    """createdDateTime."""
    last_synced: str = LAST_SYNCED
    """onPremisesLastSyncDateTime, told of those who are synchronised."""


@dataclass(frozen=True, slots=True)
class Group:
    """A security group."""

    id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is written beside the tenant's truth."""

    name: str
    """Of the file."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A whole tenant, as made from a seed."""

    tenant_id: str
    domain: str
    seed: int
    photo_store: Literal["split", "mailbox-first", "unified"]
    accounts: tuple[Account, ...]
    groups: tuple[Group, ...] = ()
    scenarios: tuple[str, ...] = field(default=())
    month: int = 0
    """How many months after its first audit."""
    beside: tuple[Table, ...] = ()
    """What is true of it held against an earlier month, or against the tenant it was moved from."""
    domain_rules: tuple[tuple[str, str], ...] = ()
    """Of a tenant that was moved: which domain became which."""

    def by_id(self) -> dict[str, Account]:
        """Accounts by object id."""
        return {account.id: account for account in self.accounts}
