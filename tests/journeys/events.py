"""What the audit says for every answer that a service can give: one table, for `test_events` and docs/answers.md.

Each cell holds what is said of a user's copy in one workload, with which exit code the audit ends where that is the
only thing that happened, and how the simulated tenant is brought to answer so. Nothing here runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.model import Workload

E, X, S, Y = Workload.ENTRA, Workload.EXCHANGE, Workload.SHAREPOINT, Workload.YAMMER
NO_RUN = "ends"
"""In the place of a status: the audit ends before anybody is asked."""

QUESTIONS: Mapping[str, tuple[str, str]] = {
    "photo": ("graph", "/users/{id}/photo$"),
    "picture": ("graph", r"/users/{id}/photo/\$value$"),
    "directory entry": ("graph", r"/users/{id}\?\$select=id$"),
    "mailbox": ("exchange", r"(exchange\.asmx |email=){mail}(&|$)"),
    "profile": ("sharepoint", "getpropertiesfor.*membership.{upn}'"),
    "shown": ("sharepoint_my", "(?i)accountname={upn}&"),
    "stored": ("sharepoint_my", "/user photos/.*{id}_"),
    "mugshot": ("yammer_cdn", "/mugshot/images/{mugshot}"),
    "any mugshot": ("yammer_cdn", "/mugshot/"),
    "account": ("yammer", r"by_email\.json.email={mail}$"),
    "sign-in": ("identity", "/token client_credentials"),
    "users": ("graph", r"GET /v1\.0/users\?"),
    "next page of users": ("graph", r"GET /v1\.0/users\?.*skiptoken"),
    "count": ("graph", r"/users/\$count"),
    "accounts": ("yammer", r"/users\.json\?page=1$"),
    "next page of accounts": ("yammer", r"/users\.json\?page=2$"),
    "default person": ("sharepoint_my", "(?i)accountname=photo-auditor.nobody"),
    "nobody's profile": ("sharepoint", "getpropertiesfor.*photo-auditor.nobody"),
}
"""Which origin is asked, and by what a question is known there (`match` of a fault plan)."""
ASKED_FIRST = {E: ("photo",), X: ("mailbox",), S: ("profile",), Y: ("mugshot",)}
ASKED_FOR_A_PICTURE = {E: ("picture",), X: ("mailbox",), S: ("shown", "stored"), Y: ("mugshot",)}

SINGLY = {"entra.batch": False, "exchange.protocol": "soap"}
BATCHED = {"entra.batch": True, "exchange.protocol": "rest"}


@dataclass(frozen=True, slots=True)
class Play:
    """What the simulated tenant plays: `[[always]]` of a fault plan."""

    question: str
    form: str = "own/answer"
    times: int | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is said, and what it takes."""

    status: str
    reason: str
    exit: int
    required: int
    """The exit code where the workload is named by `--require`."""
    plays: tuple[Play, ...] = ()
    scenario: str = "in_step"
    """Of which scenario of the simulated tenant the user is."""
    batched: bool = False
    """Asked in batches of Graph, and in the REST form of Exchange; else alone, and in SOAP."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row: who says what. `everyone`: how many users there are, all of whom meet it; 0: one among others."""

    what: str
    cells: Mapping[Workload, Cell]
    everyone: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    tenant: str = ""
    """Of which tenant of `TENANTS` this is true, and of everybody there."""
    deadline: float | None = None
    """Seconds that an answer may take, where the row is about that."""
    besides: tuple[str, ...] = ()
    """What is said of those who were read before it happened: status and reason."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the page."""

    title: str
    words: str
    events: tuple[Event, ...]


def cell(says: str, *plays: Play, scenario: str = "in_step", batched: bool = False) -> Cell:
    """`unknown HTTP 403 0/4`: status, reason, exit code and, after a stroke, that with `--require`."""
    status, *reason, codes = says.split(" ")
    first, _, second = codes.partition("/")
    return Cell(status, " ".join(reason), int(first), int(second or first), plays, scenario, batched)


def answer(question: str, status: int = 200, kind: str = "", *, times: int | None = None, **more: Any) -> Play:
    """An answer written down: `body`, or `file` by its name in `test_events.FILES` or in tests/wire."""
    return Play(question, times=times, answer={"status": status, "content_type": kind, **more})


def answers(what: str, reply: Mapping[str, Any], says: Mapping[Workload, str], **more: Any) -> Event:
    """The same answer in the place of a picture, in every workload that is named."""
    cells = {
        workload: cell(said, *(answer(one, **reply) for one in ASKED_FOR_A_PICTURE[workload]), batched=workload is X)
        for workload, said in says.items()
    }
    return Event(what, cells, **more)


def fault(
    what: str, form: str, says: Mapping[Workload, str] | str, times: int | None = None, *, picture: bool = False,
    **more: Any,
) -> Event:  # fmt: skip
    """The same fault in every workload that is named, for good or so many times."""
    said = says if not isinstance(says, str) else dict.fromkeys((E, X, S, Y), says)
    asked = ASKED_FOR_A_PICTURE if picture else {**ASKED_FIRST, Y: ("account",)} if "everyone" in more else ASKED_FIRST
    cells = {
        workload: cell(
            one, *(Play(question, form, times) for question in asked[workload]), batched=picture and workload is X
        )
        for workload, one in said.items()
    }
    return Event(what, cells, **more)


JSON, XML, JPEG, HTML = "application/json", "text/xml; charset=utf-8", "image/jpeg", "text/html"


def graph(says: str, status: int, file: str) -> dict[Workload, Cell]:
    """Graph's own words for a photo."""
    return {E: cell(says, answer("photo", status, JSON, file=f"graph/{file}.json"))}


def ews(says: str, status: int, **more: Any) -> dict[Workload, Cell]:
    """Exchange's own words for a mailbox."""
    return {X: cell(says, answer("mailbox", status, XML, **more))}


PHOTO = dict.fromkeys((E, X, S, Y), "photo 0")

WORDS = Section(
    "What a service says of a user",
    "One user gets this answer in one service; the user's other copies, and everybody else's, are the same photo.",
    (
        Event("a photo", {one: cell("photo 0") for one in (E, X, S, Y)}),
        answers(
            "initials, a silhouette, a blank",
            {"kind": "image/png", "file": "initials.png"},
            dict.fromkeys((E, X, S, Y), "placeholder 1"),
        ),
        Event(
            "no photo, in the service's usual words: `ImageNotFound`; 404 for a user with an Exchange plan; the default"
            " person and no `PictureURL`; `no_photo.png`",
            {
                **graph("absent 1", 404, "image-not-found"),
                **ews("absent 1", 404),
                S: cell("absent 1", scenario="missing_sharepoint"),
                Y: cell("absent 1", scenario="missing_yammer"),
            },
        ),
        Event("404 `ErrorItemNotFound`", graph("absent 1", 404, "item-not-found")),
        Event(
            "404 `ErrorEntityNotFound` that names `ImageNotFoundException`", graph("absent 1", 404, "entity-not-found")
        ),
        Event(
            "404 without a body, as plain text; asked again, together with a user who has a photo, the same",
            {E: cell("absent 1", answer("photo", 404, "text/plain"))},
        ),
        Event(
            "404 without a body, as plain text, and nothing that shows that Graph itself gave it",
            {
                E: cell(
                    "unknown unexpected_answer 4",
                    answer("photo", 404, "text/plain"),
                    answer("directory entry", 404, "text/plain"),
                )
            },
            everyone=2,
        ),
        Event(
            "404 with a text that has no code",
            {E: cell("unknown unexpected_answer 4", answer("photo", 404, "text/plain", body="no such route"))},
        ),
        Event("404 `GetUserPhoto`: the photo wasn't found", graph("absent 1", 404, "get-user-photo")),
        Event("metadata of one pixel (`1x1`)", graph("absent 1", 200, "photo-none-1x1")),
        Event("200, success, no `PictureData`", ews("absent 1", 200, file="exchange/no-photo.xml")),
        Event(
            "the default person, though `PictureURL` is set",
            {S: cell("placeholder 1", scenario="sharepoint_placeholder_state")},
        ),
        Event(
            "no record: 404 for a user without an Exchange plan; a null for a profile; not in the list",
            {
                X: cell("not_provisioned 0", scenario="no_mailbox"),
                S: cell("not_provisioned 0", answer("profile", 200, JSON, file="sharepoint/no-profile.json")),
                Y: cell("not_provisioned 0", scenario="not_in_engage"),
            },
        ),
        Event(
            "500 without a body, no Exchange plan",
            {X: cell("not_provisioned 0", answer("mailbox", 500), scenario="no_mailbox")},
        ),
        Event(
            "500 without a body, though there is a plan",
            {X: cell("unknown unknown_address 0/4", answer("mailbox", 500))},
        ),
        Event(
            "500 `User Profile Error 1000`",
            {S: cell("not_provisioned 0", answer("profile", 500, JSON, file="sharepoint/no-profile-error.json"))},
        ),
        Event("400 `AuthenticationError`", graph("unknown AuthenticationError 0/4", 400, "no-mailbox")),
        Event(
            "404 `ErrorNonExistentMailbox`", graph("unknown ErrorNonExistentMailbox 0/4", 404, "non-existent-mailbox")
        ),
        Event(
            "404 `MailboxNotHostedInExchangeOnline`",
            graph("unknown MailboxNotHostedInExchangeOnline 0/4", 404, "mailbox-on-premises"),
        ),
        Event(
            "404 `MailboxNotEnabledForRESTAPI`",
            graph("unknown MailboxNotEnabledForRESTAPI 0/4", 404, "mailbox-not-enabled"),
        ),
        Event("404 `ProfileNotFoundException`", graph("unknown ProfileNotFound 0/4", 404, "profile-not-found")),
        Event(
            "404 `GetUserPhoto`: the operation is not supported (a personal account)",
            graph("unknown GetUserPhoto 0/4", 404, "get-user-photo-not-supported"),
        ),
        Event("404 `ErrorInvalidUser`", graph("unknown ErrorInvalidUser 0/4", 404, "invalid-user")),
        Event(
            "403 `UnknownError` with the page of an on-premises server",
            graph("unknown UnknownError 0/4", 403, "hybrid-forbidden"),
        ),
        Event("503 `MailboxInfoStale`", graph("unknown server_error 4", 503, "mailbox-info-stale")),
        Event(
            "404 `Request_ResourceNotFound`", graph("unknown Request_ResourceNotFound 0/4", 404, "resource-not-found")
        ),
        Event(
            "`ErrorInvalidLicense` in a 200",
            ews("unknown ErrorInvalidLicense 0/4", 200, file="exchange/invalid-licence.xml"),
        ),
        Event(
            "`ErrorNonExistentMailbox` in a 200, though there is a plan",
            ews("unknown ErrorNonExistentMailbox 0/4", 200, file="exchange/error-non-existent-mailbox.xml"),
        ),
        Event(
            "`ErrorItemCorrupt` inside an `ErrorInternalServerError`",
            ews("unknown ErrorItemCorrupt 0/4", 200, file="exchange/error-inner-corrupt.xml"),
        ),
        Event(
            "`ErrorInvalidPhotoSize` in a 200",
            ews("unknown ErrorInvalidPhotoSize 0/4", 200, file="exchange/invalid-size.xml"),
        ),
        Event(
            "a SOAP fault against the schema",
            ews("unknown ErrorSchemaValidation 0/4", 500, file="exchange/schema-fault.xml"),
        ),
        Event(
            "a profile of another or earlier account",
            {S: cell("unknown profile_of_another_account 0/4", scenario="account_reused")},
        ),
        Event("two accounts by the same address", {Y: cell("unknown ambiguous 0/4", scenario="engage_ambiguous")}),
        Event(
            "asked by address (25 users or fewer): nobody by any of the addresses",
            {Y: cell("not_provisioned 0", scenario="not_in_engage")},
            everyone=1,
        ),
        Event(
            "asked by address: 200 with somebody else",
            {Y: cell("unknown unexpected_answer 4", answer("account", 200, JSON, file="yammer/by-email.json"))},
            everyone=1,
        ),
        Event(
            "403 for one user",
            {
                E: cell("unknown ErrorAccessDenied 0/4", Play("photo", "denied/403")),
                X: cell("unknown ews_refused 0/4", Play("mailbox", "denied/403")),
                S: cell("unknown HTTP 403 0/4", Play("profile", "denied/403")),
                Y: cell("unknown picture_not_read 4", Play("mugshot", "denied/403")),
            },
        ),
        Event(
            "401 for one user",
            {
                E: cell("unknown InvalidAuthenticationToken 4", Play("photo", "denied/401")),
                X: cell("unknown HTTP 401 4", Play("mailbox", "denied/401")),
                S: cell("unknown sign_in_failed 4", Play("profile", "denied/401")),
            },
        ),
        Event(
            "a redirect to another host",
            {
                E: cell(
                    "unknown unexpected_answer 4", answer("photo", 302, headers={"Location": "https://a.example/"})
                ),
                X: cell(
                    "unknown unexpected_answer 4", answer("mailbox", 302, headers={"Location": "https://a.example/"})
                ),
                S: cell(
                    "unknown picture_not_read 4",
                    answer("shown", 302, headers={"Location": "https://a.example/"}),
                    answer("stored", 302, headers={"Location": "https://a.example/"}),
                ),
                Y: cell(
                    "unknown host_not_allowed 4", answer("mugshot", 302, headers={"Location": "https://a.example/"})
                ),
            },
        ),
    ),
)

_JUNK = {"status": 200, "kind": JPEG}
PICTURES = Section(
    "What comes in the place of a picture",
    "Asked for the bytes of one user's picture; in SharePoint for both, what is shown and what is stored.",
    (
        answers("twice the same bytes, and no image in them", _JUNK | {"body": "no image"},
                dict.fromkeys(PHOTO, "unreadable 1")),
        answers("a picture that is cut short", _JUNK | {"file": "cut.jpg"},
                dict.fromkeys(PHOTO, "unreadable 1")),
        answers("a picture that is cut short and filled up with zeros", _JUNK | {"file": "filled.jpg"},
                dict.fromkeys(PHOTO, "unreadable 1")),
        fault("other damaged bytes each time", "damaged/corrupted", "unknown unstable_bytes 4", picture=True),
        fault("damaged bytes twice, then the picture", "damaged/corrupted", PHOTO, 2, picture=True),
        answers("the picture, called `text/plain`", {"kind": "text/plain", "file": "photo"}, PHOTO),
        answers("nothing", _JUNK | {"body": ""}, dict.fromkeys(PHOTO, "unknown picture_not_read 4")),
        answers("a web page", {"kind": HTML, "body": "<html>sign in</html>"},
                dict.fromkeys(PHOTO, "unknown picture_not_read 4")),
        answers("JSON", {"kind": JSON, "body": "{}"}, dict.fromkeys(PHOTO, "unknown picture_not_read 4")),
        answers("404, though there is said to be a picture", {"status": 404, "kind": "text/plain"},
                {E: "unknown picture_not_read 4", S: "unknown picture_not_read 4", Y: "unknown picture_not_read 4"}),
        Event("what is shown cannot be read; what is stored can",
              {S: cell("photo 0", answer("shown", 200, HTML, body="<html>sign in</html>"))}),
        answers("more pixels than a picture may have", _JUNK | {"file": "pixels.png"},
                dict.fromkeys(PHOTO, "unknown too_large 0/4")),
        answers("more bytes than a picture may have (16 MB)", _JUNK | {"file": "bytes.jpg"},
                dict.fromkeys(PHOTO, "unknown too_large 0/4")),
        answers("an animation", {"kind": "image/gif", "file": "animation.gif"}, PHOTO),
    ),
)  # fmt: skip

_ODD = dict.fromkeys(PHOTO, "unknown unexpected_answer 4")
FOR_GOOD = Section(
    "What goes wrong for one user",
    "One user's question goes wrong each time it is asked: six times in passing, twelve times where the service asks us"
    " to slow down. In Viva Engage the question is the picture; its list is further down.",
    (
        fault("connection refused", "connection/refused", "unknown unreachable 4"),
        fault("connection reset before the answer", "connection/reset_before", "unknown unreachable 4"),
        fault("connection reset inside the answer", "connection/reset_inside", "unknown unreachable 4"),
        fault("less than `Content-Length`", "damaged/truncated", "unknown unreachable 4"),
        fault("no last chunk", "damaged/chunk_cut", "unknown unreachable 4"),
        fault("a `Content-Length` of half the answer", "damaged/wrong_length", _ODD | {Y: "unreadable 1"}),
        fault("zeros after the end", "damaged/overlong", _ODD | {Y: "photo 0"}),
        fault("a sign-in page with status 200", "wrong_answer/sign_in_page", _ODD | {Y: "unknown picture_not_read 4"}),
        fault("the right answer, called a web page", "wrong_answer/content_type", _ODD | {Y: "photo 0"}),
        fault("500", "server_error/500", "unknown server_error 4"),
        fault("502", "server_error/502", "unknown server_error 4"),
        fault("504", "server_error/504", "unknown server_error 4"),
        fault("429 with `Retry-After`", "throttled/429_seconds", "unknown throttled 4"),
        fault("429 without", "throttled/429_absent", "unknown throttled 4"),
        fault("429 with a `Retry-After` of zero", "throttled/429_zero", "unknown throttled 4"),
        fault("503 with `Retry-After`", "throttled/503_date", "unknown throttled 4"),
        fault("503 without", "throttled/503_absent", "unknown server_error 4"),
        fault("`ErrorServerBusy` in a 500", "soap/busy_500", {X: "unknown throttled 4"}),
        fault("`ErrorServerBusy` in a 200", "soap/busy_200", {X: "unknown throttled 4"}),
        fault("`ErrorInternalServerTransientError`", "soap/fault", {X: "unknown server_error 4"}),
        fault("`ErrorMailboxMoveInProgress`", "soap/moving", {X: "unknown server_error 4"}),
        fault("`ErrorTooManyObjectsOpened`", "soap/objects", {X: "unknown server_error 4"}),
        fault("`ErrorServerBusy` inside an `ErrorInternalServerError`", "soap/inner_busy", {X: "unknown throttled 4"}),
        fault("a redirect to Exchange's error page", "soap/error_page", {X: "unknown server_error 4"}),
    ),
)

_PASSING = {
    "connection refused, then reset": ("connection/refused", 1),
    "connection reset before the answer": ("connection/reset_before", 3),
    "connection reset inside the answer": ("connection/reset_inside", 3),
    "slow, and whole": ("slow/drip", None),
    "less than `Content-Length`": ("damaged/truncated", 3),
    "no last chunk": ("damaged/chunk_cut", 3),
    "a `Content-Length` of half the answer": ("damaged/wrong_length", 1),
    "zeros after the end": ("damaged/overlong", 2),
    "bits flipped": ("damaged/corrupted", 2),
    "a sign-in page with status 200": ("wrong_answer/sign_in_page", 3),
    "the right answer, called a web page": ("wrong_answer/content_type", 3),
    "500": ("server_error/500", 3),
    "502": ("server_error/502", 3),
    "504": ("server_error/504", 3),
    "429, `Retry-After` in seconds": ("throttled/429_seconds", 8),
    "429, `Retry-After` as a date": ("throttled/429_date", 8),
    "429, `Retry-After` of zero": ("throttled/429_zero", 8),
    "429, `Retry-After` below zero": ("throttled/429_negative", 8),
    "429, `Retry-After` that is none": ("throttled/429_garbage", 8),
    "429 without `Retry-After`": ("throttled/429_absent", 8),
    "503, `Retry-After` in seconds": ("throttled/503_seconds", 8),
    "503, `Retry-After` as a date": ("throttled/503_date", 8),
    "503, `Retry-After` that is none": ("throttled/503_garbage", 3),
    "503 without `Retry-After`": ("throttled/503_absent", 3),
    "a `Retry-After` of a year, once": ("throttled/very_long", 1),
    "403, once": ("denied/403", 1),
}
PASSING = Section(
    "What passes",
    "The same, and then the service answers. The number tells how often it was played.",
    (
        *(
            fault(what if times is None or what.endswith("once") else f"{what} ({times})", form, PHOTO, times)
            for what, (form, times) in _PASSING.items()
        ),
        fault("401, once", "denied/401", dict.fromkeys((E, X, S), "photo 0"), 1),
        fault("`ErrorServerBusy` in a 500 (3)", "soap/busy_500", {X: "photo 0"}, 3),
        fault("`ErrorServerBusy` in a 200 (3)", "soap/busy_200", {X: "photo 0"}, 3),
        fault("`ErrorInternalServerTransientError` (3)", "soap/fault", {X: "photo 0"}, 3),
        *(
            Event(f"an item of a batch: {what}", {E: cell("photo 0", Play("photo", f"batch/{form}"), batched=True)})
            for what, form in (
                ("throttled for good", "throttled"),
                ("throttled without `Retry-After`, for good", "throttled_absent"),
                ("missing for good", "missing"),
                ("twice, for good", "duplicate"),
                ("failed for good", "failed"),
            )
        ),
    ),
)

_NO_PERMISSIONS = {"x-ms-diagnostics": '2000008;reason="The token contains no permissions"'}
EVERYONE = Section(
    "What everyone meets",
    "Every user meets it in this service, and none in the others.",
    (
        Event("403", {
            E: cell("unknown ErrorAccessDenied 4", Play("photo", "denied/403")),
            X: cell("unknown not_separately_readable 0/4", Play("mailbox", "denied/403")),
            S: cell("unknown HTTP 403 4", Play("profile", "denied/403")),
            Y: cell("unknown HTTP 403 4", Play("account", "denied/403")),
        }, everyone=3),
        Event("403 or 401: a permission is missing", {
            E: cell("unknown permission_missing 4",
                    answer("photo", 403, JSON, file="graph/photo-permission-missing.json")),
            X: cell("unknown permission_missing 4",
                    answer("mailbox", 401, headers=_NO_PERMISSIONS)),
            S: cell("unknown permission_missing 4",
                    answer("profile", 403, JSON, file="sharepoint/profile-permission-missing.json")),
        }, everyone=3),
        Event("401 for good", {
            E: cell("unknown InvalidAuthenticationToken 4", Play("photo", "denied/401")),
            X: cell("unknown sign_in_failed 4", Play("mailbox", "denied/401")),
            S: cell("unknown sign_in_failed 4", Play("profile", "denied/401")),
            Y: cell("unknown HTTP 401 4", answer("account", 401, JSON, file="yammer/token-not-found.json")),
        }, everyone=3),
        Event("every mailbox or account unknown to Graph", {
            E: cell("unknown ErrorNonExistentMailbox 4",
                    answer("photo", 404, JSON, file="graph/non-existent-mailbox.json")),
        }, everyone=3),
        fault("connection refused", "connection/refused", "unknown unreachable 4", everyone=3),
        fault("502 for good", "server_error/502", "unknown server_error 4", everyone=3),
        fault("429 for good", "throttled/429_absent", "unknown throttled 4", everyone=3),
        fault("a `Retry-After` of a year", "throttled/very_long", "unknown throttled 4", everyone=3),
        fault("429 once, and no patience (`network.patience = 0`)", "throttled/429_seconds", "unknown throttled 4", 1,
              everyone=3, settings={"network.patience": 0}),
        Event("nothing listens there", {one: cell("unknown unreachable 4") for one in (X, S, Y)}, everyone=2,
              settings={f"{one}.origin": "https://127.0.0.1:9" for one in (X, S, Y)}),
        Event("its certificate is not trusted", {one: cell("unknown unreachable 4") for one in (X, S, Y)}, everyone=2,
              settings={f"{one}.origin": "{stranger}" for one in (X, S, Y)}),
        Event("a client secret in the place of a certificate", {S: cell("unknown sign_in_needs_certificate 4")},
              everyone=2, settings={"AZURE_CLIENT_SECRET": "{client_secret}"}),
        fault("no answer in time", "slow/stall", "unknown unreachable 4", everyone=2, deadline=0.6),
        fault("25 users in a row fail: the rest is not asked", "connection/reset_before",
              dict.fromkeys((E, X, S), "unknown unreachable 4"), everyone=28,
              settings={"audit.workloads": ("entra", "exchange", "sharepoint")}),
    ),
)  # fmt: skip


TENANTS: Mapping[str, Mapping[str, Any]] = {
    "roles": {"users": 60, "without_role": ["exchange:full_access_as_app", "sharepoint:User.Read.All"]},
    "switches": {"users": 60, "ews": "off"},
    "tokens": {"users": 60},
    "pictures": {"users": 60},
    "no list": {"users": 12},
    "expired list": {"users": 12},
    "endless list": {"users": 12},
    "long list": {"users": 12},
    "no sign-in": {"users": 12},
    "moving lists": {"users": 60},
    "slipped": {"users": 12},
    "page again": {"users": 12},
}
"""By the options of `simulate`; the rows of one tenant do not meet, for each is about another workload."""


def there(tenant: str, what: str, workload: Workload, says: str, *plays: Play, besides: tuple[str, ...] = ()) -> Event:
    """A row about everybody of a tenant."""
    return Event(what, {workload: cell(says, *plays)}, tenant=tenant, besides=besides)


WHOLE = Section(
    "Lists, switches and sign-in",
    "What concerns a whole tenant. *Ends*: before anybody's photo is asked for, with a message.",
    (
        there("no list", "the list of users cannot be read", E, f"{NO_RUN} 3", Play("users", "server_error/500")),
        there("expired list", "the token of the next page of users expires each time", E, f"{NO_RUN} 3",
              Play("next page of users", "pages/expired_token")),
        there("tokens", "the token of the next page of users expires, twice", E, "photo 0",
              Play("next page of users", "pages/expired_token", 2)),
        there("endless list", "the pages of users never end", E, f"{NO_RUN} 3",
              Play("next page of users", "pages/endless")),
        there("long list", "the pages of users never end, and do once the list is begun anew", E, "photo 0",
              Play("next page of users", "pages/endless", 1)),
        there("page again", "a page of users comes twice", E, "photo 0",
              Play("next page of users", "pages/repeated", 1)),
        there("moving lists", "a user stands on two pages of the list of users", E, "photo 0",
              Play("next page of users", "pages/duplicate_users", 1)),
        there("slipped", "a user slips through between two pages (all others; that one is named as having joined)", E,
              "photo 0", Play("next page of users", "pages/vanished_users", 1)),
        there("switches", "the directory counts six users more than it lists", E, "photo 4",
              answer("count", 200, "text/plain", body="66")),
        there("no sign-in", "no token for the app", E, f"{NO_RUN} 3",
              answer("sign-in", 401, JSON, file="identity/wrong-secret.json")),
        there("roles", "the role is not granted (Exchange: `full_access_as_app`)", X, "unknown permission_missing 4"),
        there("roles", "the role is not granted (SharePoint: `User.Read.All`)", S, "unknown permission_missing 4"),
        there("switches", "Exchange Web Services are switched off", X, "unknown not_separately_readable 0/4"),
        there("switches", "the token is refused from the start", S, "unknown sign_in_failed 4",
              answer("nobody's profile", 401, JSON, file="sharepoint/invalid-issuer.json")),
        there("tokens", "a person's token is refused", Y, "unknown sign_in_failed 4",
              answer("accounts", 401, JSON, file="yammer/token-not-found.json")),
        there("roles", "a page of the list of accounts cannot be read (users of that page and after)", Y,
              "unknown list_incomplete 4", Play("next page of accounts", "server_error/502"), besides=("photo",)),
        there("switches", "the pages of accounts never end (users of the page that repeats, and after)", Y,
              "unknown list_incomplete 4", Play("next page of accounts", "pages/repeated"), besides=("photo",)),
        there("moving lists", "an account goes while the list is read (whoever moves up to the page before)", Y,
              "photo 0", Play("next page of accounts", "pages/vanished_users", 1)),
        there("pictures", "25 pictures in a row cannot be read: the rest is not asked for", Y,
              "unknown picture_not_read 4", Play("any mugshot", "connection/reset_before"),
              besides=("unknown unreachable",)),
    ),
)  # fmt: skip
SECTIONS = (WORDS, PICTURES, FOR_GOOD, PASSING, EVERYONE, WHOLE)
