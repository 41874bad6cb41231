"""The first settings file, from answers; and the page that tells how to connect a tenant.

The page is docs/connect-a-tenant.md. Comments in it say for whom the part below them is:
`<!-- applies: sharepoint -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from auditor.model import Workload
from auditor.services.clouds import CLOUDS
from auditor.services.origins import BadOrigin, origin_of
from auditor.services.tokens import CredentialError, read_certificate
from auditor.settings import PERSON_METHODS

PAGE = "connect-a-tenant.md"
EXAMPLE_APP, EXAMPLE_DELEGATED = "00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"
EXAMPLE_TENANT, EXAMPLE_SHAREPOINT = "contoso.onmicrosoft.com", "https://contoso.sharepoint.com"
_PACKAGE = Path(__file__).resolve().parent
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]{1,62}")
_MARK = re.compile(r"<!-- applies: (\w+) -->")


class BadAnswer(ValueError):
    """An answer that cannot be; the message says why, and what one looks like."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a first settings file is made of. No secret is among it."""

    tenant: str
    client_id: str
    cloud: str = "global"
    method: str = "certificate"
    """One of `auditor.settings.SIGN_IN_METHODS`."""
    certificate: str = ""
    federated_token_file: str = ""
    workloads: tuple[Workload, ...] = (Workload.ENTRA,)
    sharepoint: str = ""
    """Origin of the root site."""
    delegated_client_id: str = ""
    engage_sign_in: str = "browser"
    """One of `auditor.settings.DELEGATED_METHODS`."""
    engage_token_file: str = ""

    @property
    def parts(self) -> frozenset[str]:
        """Which parts of the page apply."""
        if self.method in PERSON_METHODS:
            return frozenset({"person", "everybody"})
        return frozenset({self.method, *map(str, self.workloads), str(Workload.ENTRA), "everybody"})


# -- checking what was typed ---------------------------------------------------------------------------------------


def tenant(text: str) -> str:
    """A tenant's id or one of its domain names."""
    kept = text.strip().lower()
    if _GUID.fullmatch(kept) or _DOMAIN.fullmatch(kept):
        return kept
    raise BadAnswer(f"'{text}' is neither a tenant id nor a domain name; one looks like contoso.onmicrosoft.com")


def client_id(text: str) -> str:
    """An application (client) id."""
    kept = text.strip().lower()
    if _GUID.fullmatch(kept):
        return kept
    raise BadAnswer(f"'{text}' is no application (client) id; one looks like {EXAMPLE_APP}")


def sharepoint(text: str) -> str:
    """The origin of a SharePoint root site."""
    kept = text.strip()
    try:
        origin = origin_of(kept if "://" in kept else f"https://{kept}")
    except BadOrigin as error:
        raise BadAnswer(f"'{text}' is no address of a site: {error}; one looks like {EXAMPLE_SHAREPOINT}") from None
    if re.match(r"https://[^.]+-my\.", origin):
        raise BadAnswer(f"'{text}' is a My Site host; the root site is the same name without -my")
    return origin


def file(text: str, base: Path) -> str:
    """A path to a file, read from the settings file's folder `base`; it need not be there yet."""
    kept = text.strip()
    if not kept or not kept.isprintable():
        raise BadAnswer("a path to a file is needed")
    if (base / Path(kept).expanduser()).is_dir():
        raise BadAnswer(f"'{text}' is a folder, not a file")
    return kept


def certificate(text: str, base: Path, password: str | None) -> tuple[str, str]:
    """A path to a certificate, and what to know of it; empty where it is there and good."""
    kept = file(text, base)
    path = base / Path(kept).expanduser()
    if not path.exists():
        return kept, f"{path} is not there yet: make it as told below"
    try:
        read_certificate(path, password)
    except CredentialError as error:
        if password is None and _may_want_a_password(path):
            return kept, f"{path} could not be looked into without AZURE_CLIENT_CERTIFICATE_PASSWORD"
        raise BadAnswer(str(error)) from None
    return kept, ""


def _may_want_a_password(path: Path) -> bool:
    """Whether a certificate's file is encrypted, or in PKCS #12, which usually is."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return b"ENCRYPTED" in data or b"-----BEGIN" not in data


def likely_sharepoint(tenant_name: str, cloud: str) -> str:
    """The root site of a tenant that goes by its first domain name; empty where it cannot be told."""
    name, _, rest = tenant_name.partition(".")
    return f"https://{name}.sharepoint.com" if rest == "onmicrosoft.com" and cloud == "global" else ""


def has_engage(cloud: str) -> bool:
    """Whether there is Viva Engage in this cloud."""
    return CLOUDS[cloud].yammer is not None


# -- the file ------------------------------------------------------------------------------------------------------


def settings_text(answers: Answers) -> str:
    """The settings file."""

    def line(name: str, value: str | bool) -> str:
        # What JSON writes as a string, TOML reads as one.
        return f"{name} = {json.dumps(value, ensure_ascii=False)}"

    wanted = set(answers.workloads)
    tables = [["[tenant]", line("id", answers.tenant)], ["[sign_in]"]]
    if answers.method not in PERSON_METHODS:
        tables[1].append(line("client_id", answers.client_id))
    if answers.cloud != "global":
        tables[0].append(line("cloud", answers.cloud))
    if answers.method == "certificate":
        tables[1].append(line("certificate", answers.certificate))
    elif answers.method == "federated":
        tables[1].append(line("federated_token_file", answers.federated_token_file))
    elif answers.method in PERSON_METHODS:
        tables[1].append(line("method", answers.method))
    else:
        tables[1].append('method = "secret"    # its value comes from the environment: AZURE_CLIENT_SECRET')
    if answers.delegated_client_id:
        everywhere = answers.method in PERSON_METHODS
        tables[1].append(f"# The app with which a person signs in{'' if everywhere else ' to Viva Engage'}.")
        tables[1].append(line("delegated_client_id", answers.delegated_client_id))
    if Workload.SHAREPOINT in wanted:
        tables.append(["[sharepoint]", line("origin", answers.sharepoint)])
        tables[-1].append("# With several geos: my_sites = [the My Site host of each, the home geo's first]")
    if Workload.YAMMER in wanted:
        tables.append(["[yammer]", line("enabled", True)])
        if answers.method not in PERSON_METHODS:
            tables[-1].append(line("sign_in", answers.engage_sign_in))
        if answers.engage_sign_in == "token_file" and answers.method not in PERSON_METHODS:
            tables[-1].append(line("token_file", answers.engage_token_file))
    tables.append(
        [
            "[exchange]",
            "# Its permission opens mailboxes: read docs/connect-a-tenant.md first.",
            line("enabled", Workload.EXCHANGE in wanted),
        ]
    )
    head = "# Settings of photo-auditor, begun by `photo-auditor init`. No secret belongs in here.\n"
    return head + "".join("\n" + "\n".join(table) + "\n" for table in tables)


# -- the page ------------------------------------------------------------------------------------------------------


def shipped(package: Path = _PACKAGE) -> Path:
    """The page's file: a wheel carries it as `auditor/_docs`; in a checkout it lies in docs/, beside the package."""
    for folder in (package / "_docs", package.parent / "docs"):
        if (folder / PAGE).is_file():
            return folder / PAGE
    raise FileNotFoundError(f"the page {PAGE} is missing: it is neither in {package / '_docs'} nor in docs/")


def parts(page: str) -> list[tuple[str, str]]:
    """The page's parts, each with the word that says for whom it is; what stands before the first is for readers."""
    pieces = _MARK.split(page)
    return list(zip(pieces[1::2], (piece.strip("\n") for piece in pieces[2::2]), strict=True))


def steps(page: str, applies: Set[str], answers: Answers) -> str:
    """The parts that apply, with the tenant's own names in place of the examples."""
    text = "\n\n".join(piece for word, piece in parts(page) if word in applies)
    own = {
        EXAMPLE_APP: answers.client_id,
        EXAMPLE_DELEGATED: answers.delegated_client_id,
        EXAMPLE_TENANT: answers.tenant,
        EXAMPLE_SHAREPOINT: answers.sharepoint,
        "https://login.microsoftonline.com": CLOUDS[answers.cloud].authority,
    }
    for example, given in own.items():
        text = text.replace(example, given or example)
    return text + "\n"
