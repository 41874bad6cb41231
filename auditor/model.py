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
    """A picture that is no placeholder."""
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
    """The same photograph as the reference's."""
    VARIANT = "variant"
    """The same photograph, altered: cropped, mirrored, turned grey and the like."""
    MISMATCH = "mismatch"
    """Another photograph."""
    PLACEHOLDER = "placeholder"
    """A placeholder, though the reference has a photo."""
    MISSING = "missing"
    """No photo, though the reference has one."""
    BROKEN = "broken"
    """Bytes that are no image."""
    UNEXPECTED = "unexpected"
    """A photo, though the reference has none."""
    NO_PHOTO = "no_photo"
    """No photo here, and none at the reference."""
    NOT_APPLICABLE = "not_applicable"
    """The service keeps no record of the user: there is nothing to hold against the reference."""
    UNCHECKED = "unchecked"
    """This copy or the reference could not be learned."""
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
    """One photograph, perhaps of another size or encoding."""
    VARIANT = "variant"
    """One photograph, altered."""
    DIFFERENT = "different"
    """Two photographs."""


class Change(StrEnum):
    """What became of a copy between two runs: the first that applies, in this order."""

    NOT_COMPARABLE = "not_comparable"
    """A side is unchecked, both hold a photo and their fingerprints were made by different recipes or dropped, or the
    user is in one run alone and the other's list may have missed them."""
    APPEARED = "appeared"
    """The user is in the later run alone."""
    GONE = "gone"
    """The user is in the earlier run alone."""
    NEW = "new"
    """Drift that was not there before."""
    FIXED = "fixed"
    """Drift before, and none now."""
    CHANGED = "changed"
    """Another photo than before, or one where none was, or none where one was."""
    STILL = "still"
    """Drift before and now, and the copy's picture is the one it was."""


class Outcome(StrEnum):
    """What became of a copy in a migration."""

    NOT_MAPPED = "not_mapped"
    """The user has no partner in the other tenant."""
    NOT_COMPARABLE = "not_comparable"
    """A side could not be read, or the fingerprints cannot be held against each other."""
    LOST = "lost"
    """A photo before, and none now."""
    ARRIVED = "arrived"
    """The same photo, no smaller."""
    SHRUNK = "shrunk"
    """The same photo, of fewer pixels."""
    EDITED = "edited"
    """The same photograph, altered."""
    WRONG_PERSON = "wrong_person"
    """A photo that another user of the old tenant had."""
    REPLACED = "replaced"
    """Another photo, and nobody else's of the old tenant."""
    ADDED = "added"
    """No photo before, and one now."""


class Confidence(StrEnum):
    """How sure a cause is, the surest first."""

    CERTAIN = "certain"
    """The service said so, or the pictures show it."""
    LIKELY = "likely"
    """Signals that this cause leaves, and that others seldom do."""
    POSSIBLE = "possible"
    """It fits, and so may something that cannot be read."""


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
    """Microsoft Graph, in batches of 20."""
    GRAPH_SINGLE = "graph_single"
    """Microsoft Graph, one by one."""
    EWS_SOAP = "ews_soap"
    """Exchange Web Services, GetUserPhoto in SOAP form."""
    EWS_REST = "ews_rest"
    """Exchange Web Services, GetUserPhoto in REST form."""
    USERPHOTO = "userphoto"
    """SharePoint's `userphoto.aspx`."""
    PICTURE_LIBRARY = "picture_library"
    """The file behind the SharePoint profile's `PictureURL`."""
    USERS_LIST = "users_list"
    """Viva Engage's list of users, by pages."""
    BY_EMAIL = "by_email"
    """Viva Engage, asked by the user's addresses."""
    NONE = "none"
    """Nobody was asked for this user, for the reason given."""


class Reason(StrEnum):
    """Why an observation is `unknown`, where the service's own code does not say it.

    A reason is a plain string in every table: one of these, or the code a service answered with.
    """

    NOT_SEPARATELY_READABLE = "not_separately_readable"
    """The only way left is the reference's own answer, which would prove nothing."""
    EWS_REFUSED = "ews_refused"
    """Exchange Web Services refuse this one mailbox: its licence, or a switch on the mailbox."""
    PERMISSION_MISSING = "permission_missing"
    """The app lacks a permission, or consent to it."""
    SIGN_IN_FAILED = "sign_in_failed"
    """No token was granted, or the service refuses it."""
    SIGN_IN_NEEDS_CERTIFICATE = "sign_in_needs_certificate"
    """SharePoint takes no app-only token that was got with a client secret."""
    PROFILE_OF_ANOTHER_ACCOUNT = "profile_of_another_account"
    """The SharePoint profile under this name belongs to another or an earlier account."""
    AMBIGUOUS = "ambiguous"
    """More than one account or mailbox goes by this user's addresses, or one that may be another user's."""
    MAILBOX_NOT_KNOWN = "mailbox_not_known"
    """Exchange has no photo, and whether the user has a mailbox at all could not be learned."""
    DOUBTFUL = "doubtful"
    """The service answered many users alike and could not prove that it meant each of them: it is not believed."""
    ENGAGE_NOT_SUBSCRIBED = "engage_not_subscribed"
    """The tenant has no Viva Engage, or it is switched off."""
    REFERENCE_NOT_READABLE = "reference_not_readable"
    """The copy was read; the reference it would be held against was not, and gave no reason."""
    GEO_UNKNOWN = "geo_unknown"
    """SharePoint's geos disagree about where the profile lives, or do not say."""
    UNKNOWN_ADDRESS = "unknown_address"
    """Exchange answered 500 without a body, as documented for an address that it does not know; or no service can be
    asked: the user's addresses or user principal name hold characters that no request can carry."""
    HOST_NOT_ALLOWED = "host_not_allowed"
    """The answer points to a host that this workload may not ask."""
    LIST_INCOMPLETE = "list_incomplete"
    """Viva Engage's list of users was not read to its end, or does not name everybody."""
    PICTURE_NOT_READ = "picture_not_read"
    """There is a picture, and its bytes could not be had."""
    UNSTABLE_BYTES = "unstable_bytes"
    """Two readings gave different bytes, and no image in either."""
    TOO_LARGE = "too_large"
    """More bytes or pixels than a profile photo may have; it was not read."""
    THROTTLED = "throttled"
    """The service asked for more patience than a run has."""
    UNREACHABLE = "unreachable"
    """No answer came."""
    SERVER_ERROR = "server_error"
    """The service failed every time."""
    UNEXPECTED_ANSWER = "unexpected_answer"
    """An answer in no documented shape, or none at all for this user."""


FAULT_REASONS = frozenset(
    {
        Reason.PERMISSION_MISSING,
        Reason.SIGN_IN_FAILED,
        Reason.SIGN_IN_NEEDS_CERTIFICATE,
        Reason.HOST_NOT_ALLOWED,
        Reason.LIST_INCOMPLETE,
        Reason.PICTURE_NOT_READ,
        Reason.UNSTABLE_BYTES,
        Reason.THROTTLED,
        Reason.UNREACHABLE,
        Reason.SERVER_ERROR,
        Reason.UNEXPECTED_ANSWER,
        Reason.DOUBTFUL,
        "InvalidAuthenticationToken",
        "ErrorInternalServerError",
        "Fault",
        "HTTP 200",
        "HTTP 401",
        "HTTP 408",
        "HTTP 500",
    }
)
"""Reasons that speak of a fault, of throttling or of a refusal: one such copy makes a run incomplete."""

UNDECIDED_LOOKS = "undecided"
"""How the signal `looks` of a photo begins that might be a placeholder: repetition over accounts settles it."""
UNDECIDED_LOOKS_BEFORE = "doubtful"
"""The same in runs of version 0.1."""

OWN = "own"
"""The signal that names what in an answer is this user's own (a profile, an account, a plan, a file). An answer that
carries it is believed however many users are answered alike."""

EXEMPT_REASONS = frozenset(
    {Reason.NOT_SEPARATELY_READABLE, Reason.ENGAGE_NOT_SUBSCRIBED, Reason.EWS_REFUSED, Reason.MAILBOX_NOT_KNOWN}
)
"""Reasons that speak of the tenant's make-up, its licences or what the directory tells: even for everyone they do not
make a run incomplete."""


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
    asked_by: tuple[str, ...] = ()
    """The addresses by which services are asked for this user, the best first: the primary SMTP address, the user
    principal name, then `mail` and the other proxy addresses. None that belongs to another account; lower case."""
    mail_of_another: bool = False
    """`mail` is another account's user principal name or proxy address, or is shared by several accounts of which none
    owns it so; it is not among `asked_by`."""
    plans_known: bool = True
    """Whether the directory answered `assignedPlans`; where not, `exchange_plan` False says nothing."""
    mailbox: str = ""
    """The mailbox's purpose as its settings tell it: user, linked, shared, room, equipment, others; `none` where
    Graph says that there is no mailbox, `unreadable` where it was asked and not told; empty where it was not asked."""


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
    digest: str = ""
    """SHA-256 of the bytes of an `unreadable` picture; a readable one's is in its fingerprint."""
    signals: Mapping[str, str] = field(default_factory=dict)
    """The workload's own signals: an `SPS-*` property, an ETag, an error code."""
    read_at: datetime | None = None
    """When the picture was read, where that was before `observed_at`: it was found unchanged then."""
    read_in: str = ""
    """The run that read it, where that was an earlier one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, its type as Parquet knows it, and what it holds."""

    name: str
    type: str
    """string, bool, int64, float64, binary, timestamp (UTC, whole seconds) or moment (UTC, milliseconds)."""
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
    Column("asked_by", "string", "the addresses by which services are asked, the best first, space-separated"),
    Column("mail_of_another", "bool", "whether the mail address is another account's"),
    Column("plans_known", "bool", "whether the directory told the service plans"),
    Column("mailbox", "string", "the mailbox's purpose (user, shared, room, …); empty where it was not asked"),
)
"""The columns of RUN/users."""

FINGERPRINT_COLUMNS = (
    Column("sha256", "string", "SHA-256 of the bytes as served, image or not; empty where none came"),
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
    Column("observed_at", "moment", "when the workload was asked"),
    Column(
        "read_at",
        "moment",
        "when the picture itself was last read: as observed_at, or earlier where it was unchanged and carried over",
    ),
    Column("read_in", "string", "id of the earlier run that read the picture; empty where this run did"),
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
    Column(
        "causes",
        "string",
        "every cause that fits, the surest first, as a JSON array of objects with cause, confidence and evidence; also"
        " why a copy without drift could not be read, or is not there",
    ),
    Column("accepted", "string", "why this drift is accepted, by whom and until when, as a sentence; empty otherwise"),
    Column("picture", "string", "which picture of the workload was judged"),
    Column("way", "string", "by which way it was read"),
    Column("observed_at", "timestamp", "when the workload was asked"),
    Column(
        "read_at",
        "timestamp",
        "when the picture itself was last read: as observed_at, or earlier where it was unchanged and carried over",
    ),
    Column("read_in", "string", "id of the earlier run that read the picture; empty where this run did"),
    Column("sha256", "string", "SHA-256 of the bytes as served, image or not; empty where none came"),
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

CHANGE_COLUMNS = (
    Column("user_id", "string", "Entra object id, by which users are paired"),
    Column("workload", "string", "entra, exchange, sharepoint or yammer"),
    Column("change", "string", "not_comparable, appeared, gone, new, fixed, changed or still: the first that applies"),
    Column("upn", "string", "user principal name, in the later run where the user is in it"),
    Column("verdict_before", "string", "the verdict of the earlier run; empty where the user was not in it"),
    Column("verdict_after", "string", "the verdict of the later run; empty where the user is not in it"),
    Column("side", "string", "whose photo is another than before: copy, reference or both; empty where neither's is"),
    Column(
        "distance",
        "float64",
        "1000 × (1 − correlation of gradients) between the copy's picture before and now; empty where not compared",
    ),
    Column("cause", "string", "why the copy drifts, or was rewritten, as a slug"),
    Column("evidence", "string", "what speaks for it, as a sentence; in it what the copy's picture equals"),
    Column("fix", "string", "what mends it, as a sentence"),
    Column("reference_until", "string", "the day of the last earlier run whose reference held the copy's photo"),
    Column("reason", "string", "why it is not comparable"),
    Column("status_before", "string", "what the workload answered in the earlier run"),
    Column("status_after", "string", "what the workload answered in the later run"),
    Column("sha256_before", "string", "SHA-256 of the bytes as served in the earlier run"),
    Column("sha256_after", "string", "SHA-256 of the bytes as served in the later run"),
    Column("causes", "string", "every cause that fits, as in the verdicts"),
    Column("accepted", "string", "why the later run accepts this drift, by whom and until when; empty otherwise"),
)
"""The columns of changes.csv and of `diff` in CSV: one row a user and workload that changed or still drifts."""

MIGRATION_COLUMNS = (
    Column("old_user_id", "string", "object id in the old tenant; empty where nobody of it is paired"),
    Column("new_user_id", "string", "object id in the new tenant; empty where nobody of it is paired"),
    Column("workload", "string", "entra, exchange, sharepoint or yammer"),
    Column("outcome", "string", "what became of the copy: the first that applies"),
    Column("old_upn", "string", "user principal name in the old tenant"),
    Column("new_upn", "string", "user principal name in the new tenant"),
    Column("paired_by", "string", "mapping, rename or upn"),
    Column("owner", "string", "of wrong_person: the old user principal name of whose photo it is"),
    Column("evidence", "string", "what was found, as a sentence"),
    Column("distance", "float64", "1000 × (1 − correlation of gradients) to what it is held against"),
    Column("old_width", "int64", "pixels; 0 without a picture"),
    Column("old_height", "int64", "pixels; 0 without a picture"),
    Column("new_width", "int64", "pixels; 0 without a picture"),
    Column("new_height", "int64", "pixels; 0 without a picture"),
    Column("status_before", "string", "what the workload of the old tenant answered"),
    Column("status_after", "string", "what the workload of the new tenant answered"),
)
"""The columns of `diff` across two tenants in CSV."""
