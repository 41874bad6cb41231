"""The vocabulary: one word for one thing, and the columns of every table.

Everything else in the package speaks in these terms. Nothing here does any work; this module imports
nothing of ours, so that every other module may import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Workload(StrEnum):
    """A service that keeps a copy of a user's photo."""

    ENTRA = "entra"
    """The Microsoft 365 photo as Microsoft Graph serves it; which store behind Graph answered is not known."""
    EXCHANGE = "exchange"
    """The photo in the Exchange Online mailbox, read through Exchange Web Services."""
    SHAREPOINT = "sharepoint"
    """The picture of the SharePoint user profile."""
    YAMMER = "yammer"
    """The Viva Engage (Yammer) profile picture."""


class Status(StrEnum):
    """What one workload answered for one user."""

    PHOTO = "photo"
    PLACEHOLDER = "placeholder"
    """Initials, a silhouette, a blank or a default image."""
    ABSENT = "absent"
    """The service says: no photo."""
    NOT_PROVISIONED = "not_provisioned"
    """The service keeps no record of the user at all: no mailbox, no profile, no Engage account."""
    UNREADABLE = "unreadable"
    """Twice the same bytes, and no image in them."""
    UNKNOWN = "unknown"
    """Could not be learned; always with a reason. Never to be taken for `absent`."""


class Verdict(StrEnum):
    """What a copy is, held against the reference (`auditor.comparison` has the table)."""

    MATCH = "match"
    VARIANT = "variant"
    MISMATCH = "mismatch"
    PLACEHOLDER = "placeholder"
    MISSING = "missing"
    BROKEN = "broken"
    UNEXPECTED = "unexpected"
    NO_PHOTO = "no_photo"
    NOT_APPLICABLE = "not_applicable"
    UNCHECKED = "unchecked"
    REFERENCE = "reference"
    """The reference's own row, where it holds a photo."""


DRIFT = frozenset(
    {
        Verdict.VARIANT,
        Verdict.MISMATCH,
        Verdict.MISSING,
        Verdict.PLACEHOLDER,
        Verdict.BROKEN,
        Verdict.UNEXPECTED,
    }
)
"""The verdicts that are drift. What could not be checked never is."""


class Decision(StrEnum):
    """Are two pictures the same photograph?"""

    SAME = "same"
    VARIANT = "variant"
    DIFFERENT = "different"


class Picture(StrEnum):
    """Which picture of a workload an observation is about."""

    ONLY = "only"
    """The workload shows one picture."""
    SHOWN = "shown"
    """SharePoint: what `userphoto.aspx` shows."""
    STORED = "stored"
    """SharePoint: the file that the profile's `PictureURL` names."""


class Way(StrEnum):
    """By which way an observation was read."""

    GRAPH_BATCH = "graph_batch"
    GRAPH_SINGLE = "graph_single"
    EWS_SOAP = "ews_soap"
    EWS_REST = "ews_rest"
    USERPHOTO = "userphoto"
    PICTURE_LIBRARY = "picture_library"
    USERS_LIST = "users_list"
    BY_EMAIL = "by_email"
    NONE = "none"
    """Nobody was asked for this user, for the reason given."""


class Reason(StrEnum):
    """Why an observation is `unknown`, where the service's own code does not say it.

    A reason is a plain string in every table: one of these, or the code a service answered with.
    """

    NOT_SEPARATELY_READABLE = "not_separately_readable"
    EWS_REFUSED = "ews_refused"
    PERMISSION_MISSING = "permission_missing"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_NEEDS_CERTIFICATE = "sign_in_needs_certificate"
    PROFILE_OF_ANOTHER_ACCOUNT = "profile_of_another_account"
    AMBIGUOUS = "ambiguous"
    ENGAGE_NOT_SUBSCRIBED = "engage_not_subscribed"
    HOST_NOT_ALLOWED = "host_not_allowed"
    LIST_INCOMPLETE = "list_incomplete"
    PICTURE_NOT_READ = "picture_not_read"
    UNSTABLE_BYTES = "unstable_bytes"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    UNEXPECTED_ANSWER = "unexpected_answer"


FAULT_REASONS = frozenset(
    {
        Reason.PERMISSION_MISSING,
        Reason.SIGN_IN_FAILED,
        Reason.SIGN_IN_NEEDS_CERTIFICATE,
        Reason.LIST_INCOMPLETE,
        Reason.PICTURE_NOT_READ,
        Reason.UNSTABLE_BYTES,
        Reason.THROTTLED,
        Reason.UNREACHABLE,
        Reason.SERVER_ERROR,
        Reason.UNEXPECTED_ANSWER,
    }
)
"""Reasons that speak of a fault, of throttling or of a refusal: one such copy makes a run incomplete."""

EXEMPT_REASONS = frozenset({Reason.NOT_SEPARATELY_READABLE, Reason.ENGAGE_NOT_SUBSCRIBED, Reason.EWS_REFUSED})
"""Reasons that speak of the tenant's make-up or its licences: even for everyone they do not make a run incomplete."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a photo instead of the photo. It still is personal data.

    `sha256` is of the bytes as served; everything else is a function of the pixels alone, made by the
    recipe named in `recipe`. Fingerprints of different recipes are not comparable.
    """

    sha256: str
    recipe: str
    format: str
    """Pillow's name of the file format: JPEG, PNG, WEBP, GIF, BMP, TIFF."""
    width: int
    height: int
    """Pixels, upright (EXIF orientation applied)."""
    size: int
    """Bytes as served."""
    phash: str
    dhash: str
    """Perceptual hashes of imagehash, 16 hexadecimal digits each."""
    descriptor: bytes
    """The recipe's own binary descriptor; opaque outside `auditor.photos`."""


@dataclass(frozen=True, slots=True)
class User:
    """One user of the directory."""

    id: str
    upn: str
    mail: str
    display_name: str
    user_type: str
    enabled: bool
    licensed: bool
    department: str
    synced: bool
    """Synchronised from an on-premises directory."""
    exchange_plan: bool
    """The directory shows a live Exchange service plan."""
    kiosk: bool
    """Its only Exchange plan is Kiosk (frontline): Exchange Web Services refuse such mailboxes."""
    addresses: tuple[str, ...] = ()
    """SMTP proxy addresses, lower case, without prefix."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one workload answered for one user."""

    user_id: str
    workload: Workload
    status: Status
    way: Way
    observed_at: datetime
    reason: str = ""
    """Why the status is `unknown`: a `Reason` or the service's own code. Empty otherwise."""
    detail: str = ""
    """The same as one sentence for people."""
    picture: Picture = Picture.ONLY
    judged: bool = True
    """Whether the verdict comes from this picture. Exactly one row a user and workload is judged."""
    fingerprint: Fingerprint | None = None
    signals: Mapping[str, str] = field(default_factory=dict)
    """The workload's own signals: an `SPS-*` property, an ETag, an error code."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, its type as Parquet knows it, and what it holds."""

    name: str
    type: str
    """string, bool, int64, float64, binary, or timestamp (UTC)."""
    meaning: str


USER_COLUMNS = (
    Column("user_id", "string", "Entra object id"),
    Column("upn", "string", "user principal name"),
    Column("mail", "string", "primary mail address; may differ from the UPN"),
    Column("display_name", "string", "display name"),
    Column("user_type", "string", "Member or Guest"),
    Column("enabled", "bool", "whether the account may sign in"),
    Column("licensed", "bool", "whether at least one licence is assigned"),
    Column("department", "string", "department"),
    Column("synced", "bool", "synchronised from an on-premises directory"),
    Column("exchange_plan", "bool", "whether the directory shows a live Exchange service plan"),
    Column("kiosk", "bool", "whether the only Exchange plan is Kiosk (frontline)"),
    Column("addresses", "string", "SMTP addresses, space-separated, lower case"),
)
"""The columns of RUN/users."""

FINGERPRINT_COLUMNS = (
    Column("sha256", "string", "SHA-256 of the bytes as served; empty without a picture"),
    Column("recipe", "string", "version of the fingerprint recipe"),
    Column("format", "string", "file format of the picture"),
    Column("width", "int64", "pixels, upright; 0 without a picture"),
    Column("height", "int64", "pixels, upright; 0 without a picture"),
    Column("size", "int64", "bytes as served; 0 without a picture"),
    Column("phash", "string", "imagehash.phash, 16 hexadecimal digits"),
    Column("dhash", "string", "imagehash.dhash, 16 hexadecimal digits"),
    Column("descriptor", "binary", "the recipe's own descriptor"),
)

OBSERVATION_COLUMNS = (
    Column("user_id", "string", "Entra object id"),
    Column("workload", "string", "entra, exchange, sharepoint or yammer"),
    Column("picture", "string", "only, shown or stored: which picture of the workload this is"),
    Column("judged", "bool", "whether the verdict comes from this row; true once a user and workload"),
    Column("status", "string", "photo, placeholder, absent, not_provisioned, unreadable or unknown"),
    Column("reason", "string", "why the status is unknown: our word or the service's code"),
    Column("detail", "string", "the reason as a sentence"),
    Column("way", "string", "by which way it was read"),
    Column("observed_at", "timestamp", "when"),
    Column("signals", "string", "the workload's own signals, as a JSON object of strings"),
    *FINGERPRINT_COLUMNS,
)
"""The columns of RUN/observations/WORKLOAD."""

VERDICT_COLUMNS = (
    Column("user_id", "string", "Entra object id"),
    Column("upn", "string", "user principal name"),
    Column("workload", "string", "entra, exchange, sharepoint or yammer"),
    Column("status", "string", "what the workload answered"),
    Column("verdict", "string", "what the copy is, held against the reference"),
    Column("reference", "string", "the workload it was held against"),
    Column("reason", "string", "why it is unknown or unchecked"),
    Column("detail", "string", "the reason as a sentence"),
    Column("kind", "string", "how a variant differs (crop, mirror, …)"),
    Column("distance", "float64", "1000 × (1 − correlation of gradients) to the reference; empty where not compared"),
    Column("note", "string", "what is worth knowing and changes nothing, as a sentence"),
    Column("cause", "string", "why a copy drifted, as a slug; empty without drift"),
    Column("evidence", "string", "the signals that speak for the cause, as a sentence"),
    Column("fix", "string", "what mends it, as a sentence"),
    Column("picture", "string", "which picture of the workload was judged"),
    Column("way", "string", "by which way it was read"),
    Column("observed_at", "timestamp", "when it was read"),
    Column("sha256", "string", "SHA-256 of the picture as served; empty without one"),
    Column("format", "string", "file format of the picture"),
    Column("width", "int64", "pixels; 0 without a picture"),
    Column("height", "int64", "pixels; 0 without a picture"),
    Column("size", "int64", "bytes; 0 without a picture"),
    Column("signals", "string", "the workload's own signals, as a JSON object of strings"),
)
"""The columns of RUN/verdicts: one row a user and workload."""

_FIRST = ("user_id", "upn", "workload", "status", "verdict")
OBSERVATIONS_CSV = (*_FIRST, *(column.name for column in VERDICT_COLUMNS if column.name not in _FIRST))
"""The columns of observations.csv and drift.csv, in order."""
