"""Every English text of the report that is not a template’s own: one catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model import Change, Outcome, Reason, Status, Verdict, Workload

PRODUCT = "photo-auditor"


@dataclass(frozen=True)
class Term:
    """A word of the vocabulary as people read it."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Trouble:
    """Why something could not be learned, and what helps."""

    name: str
    meaning: str
    remedy: str = ""


WORKLOADS: dict[str, Term] = {
    Workload.ENTRA: Term("Entra ID", "the Microsoft 365 photo, as Microsoft Graph serves it"),
    Workload.EXCHANGE: Term("Exchange", "the photo in the Exchange Online mailbox"),
    Workload.SHAREPOINT: Term("SharePoint", "the picture of the SharePoint user profile"),
    Workload.YAMMER: Term("Viva Engage", "the Viva Engage (Yammer) profile picture"),
}

CHANGES: dict[str, Term] = {
    Change.NEW: Term("New", "drift that was not there before"),
    Change.STILL: Term("Still", "drift before and now, with the same picture"),
    Change.CHANGED: Term("Changed", "another photo than before, or one where none was, or none where one was"),
    Change.FIXED: Term("Fixed", "drift before, and none now"),
    Change.APPEARED: Term("Appeared", "the user joined"),
    Change.GONE: Term("Gone", "the user left"),
    Change.NOT_COMPARABLE: Term(
        "Not comparable", "a side could not be checked, or its list may have missed the user; this is never a change"
    ),
}
OUTCOMES: dict[str, Term] = {
    Outcome.WRONG_PERSON: Term("Wrong person", "a photo that another user of the old tenant had"),
    Outcome.LOST: Term("Lost", "a photo before, and none now"),
    Outcome.REPLACED: Term("Replaced", "another photo than before, and nobody else's of the old tenant"),
    Outcome.EDITED: Term("Edited", "the same photograph, altered"),
    Outcome.SHRUNK: Term("Shrunk", "the same photo, of fewer pixels"),
    Outcome.NOT_MAPPED: Term("Not mapped", "the user has no partner in the other tenant"),
    Outcome.NOT_COMPARABLE: Term("Not comparable", "a side could not be read"),
    Outcome.ADDED: Term("Added", "no photo before, and one now"),
    Outcome.ARRIVED: Term("Arrived", "the same photo, no smaller"),
}

VERDICTS: dict[str, Term] = {
    Verdict.MISMATCH: Term("Different photo", "holds another photograph than the reference"),
    Verdict.UNEXPECTED: Term("Unexpected photo", "holds a photo though the reference has none"),
    Verdict.MISSING: Term("Missing", "holds no photo though the reference has one"),
    Verdict.BROKEN: Term("Broken", "answers with bytes that are no picture"),
    Verdict.PLACEHOLDER: Term("Placeholder", "shows initials, a silhouette or a default image"),
    Verdict.VARIANT: Term("Edited copy", "holds the same photograph, altered"),
    Verdict.UNCHECKED: Term("Not checked", "could not be learned or not be compared; this is never drift"),
    Verdict.MATCH: Term("Same photo", "holds the same photograph as the reference"),
    Verdict.REFERENCE: Term("Reference", "the photo the other copies are held against"),
    Verdict.NO_PHOTO: Term("No photo", "no photo here, and none at the reference"),
    Verdict.NOT_APPLICABLE: Term("No account", "the service keeps no record of this user"),
}
"""In the order in which tallies are shown: drift by gravity, then what is unknown, then what is well."""

ACCEPTED = "Of these accepted"
"""The line below the verdicts that counts accepted exceptions."""

ACCOUNTS = "Which accounts"
"""Over the list of those who have one picture."""

EXCEPTION_STATES: dict[str, str] = {
    "applied": "holds",
    "expired": "ended before this run: what it accepted counts again",
    "photo_changed": "another photo than the accepted one: it counts again",
    "unused": "fits no copy that differs",
}
"""What became of an entry of the file of accepted exceptions."""

STATUSES: dict[str, Term] = {
    Status.PHOTO: Term("Picture not kept", "there is a photo; the run did not keep the picture itself"),
    Status.PLACEHOLDER: Term("Placeholder", "initials, a silhouette, a blank or a default image"),
    Status.ABSENT: Term("No photo here", "the service says: no photo"),
    Status.NOT_PROVISIONED: Term("No account here", "the service keeps no record of this user"),
    Status.UNREADABLE: Term("Not a picture", "twice the same bytes, and no image in them"),
    Status.UNKNOWN: Term("Not known", "could not be learned"),
    "": Term("Not asked", "the run has no answer for this user"),
}
"""What an empty slot says."""

KINDS: dict[str, str] = {
    "crop": "cropped",
    "mirror": "mirrored",
    "rotated": "rotated",
    "greyscale": "turned grey",
    "tone": "other brightness or colours",
    "overlay": "something laid over it",
    "letterbox": "set in a frame",
    "stretched": "stretched",
}

WAYS: dict[str, str] = {
    "graph_batch": "Microsoft Graph, in batches",
    "graph_single": "Microsoft Graph, one by one",
    "ews_soap": "Exchange Web Services (SOAP)",
    "ews_rest": "Exchange Web Services (REST)",
    "userphoto": "SharePoint userphoto.aspx",
    "picture_library": "SharePoint picture library",
    "users_list": "Engage list of users",
    "by_email": "Engage, by address",
    "none": "not asked",
}

EXCLUDED: dict[str, tuple[str, str]] = {
    "guests": ("guest", "guests"),
    "external-members": ("external member", "external members"),
    "shared": ("shared mailbox", "shared mailboxes"),
    "rooms": ("room or equipment mailbox", "room and equipment mailboxes"),
    "disabled": ("disabled account", "disabled accounts"),
    "unlicensed": ("unlicensed account", "unlicensed accounts"),
    "without id or user principal name": ("account without a name", "accounts without a name"),
    "excluded groups": ("member of an excluded group", "members of excluded groups"),
}

_ASK_GRAPH = "Grant the permissions User.Read.All and ProfilePhoto.Read.All on Microsoft Graph and consent to them."

TROUBLES: dict[str, Trouble] = {
    Reason.NOT_SEPARATELY_READABLE: Trouble(
        "Not separately readable",
        "This copy can only be read through the same answer as the reference, so it proves nothing of its own.",
        "Nothing is broken. A separate way of reading it has to be configured, where the service still has one.",
    ),
    Reason.EWS_REFUSED: Trouble(
        "Mailboxes refused",
        "Exchange Web Services answered 403 for single mailboxes; frontline licences are refused so.",
        "Read these users through Microsoft Graph alone; no licence is worth buying for a photo.",
    ),
    Reason.PERMISSION_MISSING: Trouble(
        "Permission missing",
        "The service refused everyone alike: the app lacks a permission there, or consent to it.",
        "Grant the permission named in the service’s answer, consent to it, and audit again.",
    ),
    Reason.SIGN_IN_FAILED: Trouble(
        "Sign-in failed",
        "No token was granted for this service.",
        "Check the app’s credential, or sign in anew, and that the app or the person may sign in; then audit again.",
    ),
    Reason.SIGN_IN_NEEDS_CERTIFICATE: Trouble(
        "Certificate needed",
        "SharePoint accepts app-only tokens only when the app signs in with a certificate.",
        "Configure a client certificate instead of a client secret.",
    ),
    Reason.PROFILE_OF_ANOTHER_ACCOUNT: Trouble(
        "Profile of another or earlier account",
        "The SharePoint profile found under this name belongs to another object id.",
        "An administrator first checks who owns the profile and its OneDrive; nothing should be overwritten.",
    ),
    Reason.AMBIGUOUS: Trouble(
        "Two candidates",
        "Two accounts of the service answer to this user’s addresses, or the user’s mail address is another account’s.",
        "Find out which one is the user’s, and mend the addresses of the other.",
    ),
    Reason.DOUBTFUL: Trouble(
        "Everybody got the same answer, so it is not believed",
        "The service answered many users alike and could not prove that it meant each of them.",
        "Audit again later. If it really is so in this tenant, say so in the accepted exceptions ([[true_here]]).",
    ),
    Reason.MAILBOX_NOT_KNOWN: Trouble(
        "Mailbox not known",
        "Exchange has no photo, and the directory did not tell whether the user has a mailbox at all.",
        "Grant MailboxSettings.Read on Microsoft Graph to the app that signs in as itself, and audit again.",
    ),
    Reason.ENGAGE_NOT_SUBSCRIBED: Trouble(
        "No Viva Engage here",
        "This tenant has no Viva Engage, or it is switched off.",
        "Nothing to mend. Leave the workload out of the settings.",
    ),
    Reason.GEO_UNKNOWN: Trouble(
        "Geo not known",
        "SharePoint’s geos disagree about where this user’s profile lives, or do not say.",
        "Audit again; while a profile is being moved between geos this is expected.",
    ),
    Reason.UNKNOWN_ADDRESS: Trouble(
        "Address unknown to Exchange",
        "Exchange answered 500 without a word, as it is documented to do for an address that it does not know.",
        "Check the user’s primary mail address.",
    ),
    Reason.HOST_NOT_ALLOWED: Trouble(
        "Host not allowed",
        "The picture lies on a host that the settings do not allow for this workload.",
        "Check the host, and allow it in the settings if it is yours.",
    ),
    Reason.LIST_INCOMPLETE: Trouble(
        "List not whole",
        "The service’s list of users broke off or does not name everybody: who is not in it may still be there.",
        "Audit again.",
    ),
    Reason.PICTURE_NOT_READ: Trouble(
        "Picture not read",
        "The service says there is a photo, but the picture itself could not be fetched.",
        "Audit again; if it stays, open the picture as this user.",
    ),
    Reason.UNSTABLE_BYTES: Trouble(
        "Answers differ",
        "Asked twice, the service gave two different answers that are no pictures.",
        "Audit again later.",
    ),
    Reason.TOO_LARGE: Trouble(
        "Too large",
        "The answer was larger than a profile photo can be, and was not read.",
        "Look at this picture by hand.",
    ),
    Reason.THROTTLED: Trouble(
        "Throttled",
        "The service kept asking for patience until the run’s patience ended.",
        "Audit again at a quieter hour.",
    ),
    Reason.UNREACHABLE: Trouble(
        "Unreachable",
        "No connection to the service.",
        "Check network, proxy and certificate authority; then audit again.",
    ),
    Reason.SERVER_ERROR: Trouble(
        "Server error",
        "The service failed, again and again.",
        "Audit again later.",
    ),
    Reason.UNEXPECTED_ANSWER: Trouble(
        "Unexpected answer",
        "The service answered in a way that its documentation does not know.",
        "Audit again; if it stays, report it with the run’s version.",
    ),
    "AuthenticationError": Trouble(
        "Mailbox not reachable for Graph",
        "Graph answered AuthenticationError, as it does for users whose mailbox it cannot open.",
        "Nothing to mend unless the user should have a mailbox.",
    ),
    "ErrorNonExistentMailbox": Trouble(
        "No mailbox",
        "Graph looked for a mailbox and found none.",
        "Nothing to mend unless the user should have a mailbox.",
    ),
    "MailboxNotHostedInExchangeOnline": Trouble(
        "Mailbox on premises",
        "The mailbox is not in Exchange Online, and its photo cannot be read from there.",
        "Read it on premises.",
    ),
    "MailboxNotEnabledForRESTAPI": Trouble(
        "Mailbox not reachable for Graph",
        "The mailbox is on premises, inactive or of a kind that Graph does not serve.",
        "Read it on premises.",
    ),
    "ErrorInvalidLicense": Trouble(
        "Mailbox without licence",
        "Exchange refuses to open a mailbox that has no licence.",
        "Nothing to mend for the photo’s sake.",
    ),
    "ProfileNotFound": Trouble(
        "No profile of the user",
        "Graph found no profile for this account.",
        "Audit again; if it stays, look at the account in the directory.",
    ),
    "Request_ResourceNotFound": Trouble(
        "Account gone",
        "The account was deleted or renamed between listing and reading.",
        "Audit again.",
    ),
    "ErrorInsufficientPermissionsInAccessToken": Trouble(
        "Permission missing", "The token does not carry the permission for photos.", _ASK_GRAPH
    ),
    "Authorization_RequestDenied": Trouble(
        "Permission missing", "Graph denied the request for lack of a permission.", _ASK_GRAPH
    ),
    "ErrorAccessDenied": Trouble(
        "Access denied",
        "The service denied access though a token was accepted.",
        "Check the app’s permissions, what the person who signed in may read, and the tenant’s access policies.",
    ),
}

REFERENCE_UNCHECKED = Trouble(
    "Nothing to hold it against",
    "The copy was read, but the reference was not, so that nothing can be said about it.",
    "What helps the reference helps here.",
)

NO_ANSWER = Trouble(
    "Not asked",
    "The run ended before these users were read.",
    "Resume the run.",
)

CAUSES: dict[str, str] = {
    "never_set": "Nobody ever set a photo",
    "no_mailbox": "User without a mailbox",
    "mailbox_on_premises": "Mailbox on premises",
    "permission_missing": "The app lacks a permission",
    "ews_off": "Exchange Web Services are switched off",
    "photo_tombstoned": "Photo deleted in the mailbox",
    "directory_photo_changed_after_sync": "On-premises photo changed after the first sync",
    "directory_photo_too_large": "On-premises photo too large to sync",
    "low_resolution_directory_copy": "Small copy from the on-premises directory",
    "sharepoint_never_visited": "SharePoint never visited",
    "sharepoint_placeholder_state": "SharePoint is told to show a placeholder",
    "sharepoint_detached": "SharePoint copy detached from Exchange",
    "sharepoint_without_exchange_licence": "SharePoint does not sync without a mailbox",
    "sharepoint_blanked": "SharePoint sync wrote a blank picture",
    "sync_pending": "Sync still pending",
    "sharepoint_no_profile": "No SharePoint profile",
    "sharepoint_sign_in": "SharePoint refuses the app",
    "not_in_engage": "Not in Viva Engage",
    "engage_own_photo": "Viva Engage holds a photo of its own",
    "uploads_not_allowed": "Users may not upload photos",
    "throttled": "Throttled, not missing",
    "account_deleted_or_renamed": "Account deleted or renamed",
    "frontline_licence": "Frontline licence",
    "removed_at_reference": "Removed at the reference, kept elsewhere",
    "older_photo_returned": "An older photo came back",
    "hybrid_app_missing": "Exchange hybrid application missing",
    "client_access_policy": "An Exchange access policy blocks the app",
    "rewritten_by_feed": "A feed rewrites the photo",
    "account_reused": "Account reused or recreated",
    "tenant_renamed": "Tenant renamed",
    "access_policy_refuses": "A location or access policy refuses the app",
    "engage_not_subscribed": "No Viva Engage in this tenant",
    "photo_of_another_user": "Another user’s photo",
    "edited_copy": "The same photograph, edited",
    "unexplained": "No readable signal tells why",
    "answered_alike": "Everybody got the same answer, so it is not believed",
    "answered_otherwise": "Asked another way, the service answered otherwise",
    "true_of_everybody": "True of nearly everybody",
    "": "No cause named",
}

WAITS: dict[str, str] = {
    Workload.ENTRA: "No source says how long Microsoft Graph takes. Do not worry before 24 hours have passed.",
    Workload.EXCHANGE: "No source says how long a mailbox takes. Do not worry before 24 hours have passed.",
    Workload.SHAREPOINT: (
        "SharePoint fetches a photo at most once in 24 hours, and up to 72 hours have been reported. Do not worry "
        "before that."
    ),
    Workload.YAMMER: "No source says how long Viva Engage takes. Do not worry before 72 hours have passed.",
}
"""How long to wait after the fix before worrying, by workload. Where no source tells, the sentence says so."""

SETTLED_BY_A_WHOLE_AUDIT = (
    "A whole audit tells whether this picture is another user’s: look with --last-run, or audit everyone."
)
CLIENTS = (
    "Teams, Outlook and phones keep pictures of their own for a while, and Outlook’s offline address book is made anew "
    "once in 24 hours. What they show is in none of the places above: sign out and in there before reporting it."
)

PERSONAL_DATA = "This page holds personal data: names, addresses and photographs. Share it as you would share them."
NUMBERS_ONLY = "This page holds numbers only: no names, no addresses, no photographs."
NO_FACES = (
    "Only the equality of pictures was judged. No face was detected, measured or recognised, and nothing here "
    "says who is in a picture."
)

ALONE = "This file asks nobody for anything: it works from a mail attachment."
BESIDE = (
    "This file asks nobody for anything but its own folder report-data, which has to lie beside it: send both together."
)

TOUCHES: dict[str, str] = {
    "user": "this user alone",
    "tenant": "everyone in the tenant",
    "nothing": "nothing",
}
"""Whom a fix touches."""

MENDS: dict[str, str] = {
    "touches": "Touches",
    "role": "Who may do it",
    "undo": "To undo it",
    "side_effects": "What else it does",
}
NOT_SHOWN: dict[str, str] = {
    Verdict.MATCH: "Not shown here",
    Verdict.REFERENCE: "Not shown here",
    Verdict.NO_PHOTO: "No photo here",
    Verdict.NOT_APPLICABLE: "No account here",
    Verdict.UNCHECKED: "Not known",
}
"""What stands in the place of a picture that the page does not bring along, since its user has no drift."""
SETTLES = "Would settle it"
ABOUT_FIXES = "More about the fixes"
ABOUT_FIX = "Who may do it, what it touches, how it is undone"
WAIT = "How long to wait"
ACCEPTED_BY = "Accepted"
FOUND = "Found"
FIX = "Fix"
OR_FIX = "Or"
COMMAND = "Command"
LINK = "Described at"

SCRIPT: dict[str, str] = {
    "accepted": "Accepted exception: {why}",
    "all_users": "{all} users",
    "some_users": "{shown} of {all} users",
    "every_w": "Every workload",
    "every_v": "Every verdict",
    "every_c": "Every cause",
    "every_t": "Every user type",
    "every_d": "Every domain",
    "every_dept": "Every department",
    "kind_member": "member",
    "kind_guest": "guest",
    "kind_disabled": "account disabled",
    "kind_synced": "synced from on premises",
    "none": "none",
    "distance": "distance {distance}",
    "picture_of": "picture of {date}",
    "read_on": "read {date}",
    "bytes": "{number} bytes",
    "causes": "Why, and what mends it",
    "or": "Or: {cause} ({confidence}).",
    "everything_read": "Everything that was read",
    "no_drift": "No copy of this user differs.",
    "in_step": "What was read about users without drift is in observations.csv.",
    "any": "Everyone, in step or not",
    "accepted_v": "Accepted, whatever the verdict",
    "difference": "Difference",
    "difference_alt": "Difference to the reference: black where both are the same. {alt}",
    "copy_fix": "Copy the fix",
    "copy_command": "Copy the command",
    "settles": SETTLES,
    "wait": WAIT,
    "link": "Described by Microsoft",
    "copy_link": "Copy link",
    "copied": "Copied.",
    "previous": "Previous",
    "next": "Next",
    "close": "Close",
    "relaxed": "The filter was cleared: it hid {name}.",
    "exported": "A table of {number} users was made.",
    "preparing": "Preparing the print.",
    "unprinted": "The first {shown} of {all} users. drift.csv holds them all.",
    "unloaded": "{bare} of them without pictures, evidence and fix, which had not been loaded: {print} on the page"
    " loads them first.",
    "printed_query": "Only what fits: {query}",
    "no_data": "The folder {folder} that belongs to this page is not beside it. Without it only the open text can be "
    "shown, without search and filters.",
}
"""What the page’s script says."""

LETTERS = "Keys of one character do something"
"""A choice: whoever speaks to the browser may do without them."""
KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("/",), "to the search box; Esc empties it"),
    (("j", "k"), "next and previous user, as ↓ and ↑ in the list"),
    (("Home", "End"), "first and last user, in the list"),
    (("Enter",), "open the user; Esc closes"),
    (("→", "←"), "next and previous user while one is open"),
    (("d",), "the difference to the reference, while a user is open"),
    (("l",), "copy a link to the user, while one is open"),
    (("e",), "the selection as CSV"),
    (("p",), "print the selection"),
    (("x",), "clear the filters"),
    (("t",), "theme: system, light, dark"),
    (("?",), "these keys"),
)
"""Keys and what they do."""

QUERIES: tuple[tuple[str, str], ...] = (
    ("finance", "name, address, department or cause holds this word"),
    ("w:sharepoint", "drift in this workload"),
    ("v:missing", "a copy with this verdict; w:, v: and c: look at one copy at a time"),
    ("v:match", "users in step too, once a verdict is named; v:any lists everyone"),
    ("v:accepted", "drift that is an accepted exception; !v:accepted leaves it out"),
    ("c:never_visited", "a copy with this cause"),
    ("t:guest", "user type: member, guest, disabled, synced"),
    ("d:contoso.com", "domain of the address"),
    ('dept:"people & culture"', "department; quotes hold words together"),
    ("!t:guest", "! turns any of them round; the same field twice means either"),
)
"""What the search box understands."""


def in_words(slug: str) -> str:
    """A slug that the catalogue does not know, as readable as it gets: `odd_size_only` → `Odd size only`."""
    words = slug.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def workload(name: str) -> str:
    """A workload’s name in words."""
    return WORKLOADS[name].name if name in WORKLOADS else in_words(name)


def verdict(name: str) -> str:
    """A verdict in words."""
    return VERDICTS[name].name if name in VERDICTS else in_words(name)


def cause(slug: str) -> str:
    """A cause in words; a tenant-wide one may be named by the reason that everyone's copies gave."""
    return CAUSES.get(slug) or (TROUBLES[slug].name if slug in TROUBLES else in_words(slug))


def trouble(reason: str) -> Trouble:
    """A reason in words; a service’s own code that is not in the catalogue names itself."""
    if reason in TROUBLES:
        return TROUBLES[reason]
    if not reason:
        return REFERENCE_UNCHECKED
    name = in_words(reason) if "_" in reason and reason.islower() else reason
    return Trouble(name, "The service answered with this code.", "")


def is_known_reason(reason: str) -> bool:
    """Whether a reason comes from our catalogue, and so cannot hold anything personal."""
    return not reason or reason in TROUBLES


def excluded(name: str, number: int) -> str:
    """A class of accounts that was left out, with its count."""
    one, many = EXCLUDED.get(name, (name.replace("-", " "),) * 2)
    return f"{number:,} {one if number == 1 else many}"
