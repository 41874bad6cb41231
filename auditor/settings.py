"""Flags over environment over file over default, into one frozen `Settings`; each value knows its origin."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.model import Workload
from auditor.services.clouds import CLOUDS, YAMMER_PICTURE_HOSTS
from auditor.services.origins import BadOrigin, origin_of

ENV_PREFIX = "PHOTO_AUDITOR_"
INCLUDABLE = ("guests", "external-members", "shared", "rooms", "disabled", "unlicensed")
"""Classes of account that are left out unless asked for."""
PHOTOS = ("none", "drift", "all")
APP_METHODS = ("certificate", "secret", "federated")
"""The app signs in as itself."""
PERSON_METHODS = ("browser", "device_code")
"""A person signs in, and the app may do what this person may do."""
SIGN_IN_METHODS = (*APP_METHODS, *PERSON_METHODS)
DELEGATED_METHODS = ("token_file", "browser", "device_code")


class SettingsError(Exception):
    """A setting is missing or cannot be; the message names the setting and the remedy."""


class Secret(str):
    """A string that never shows itself: its repr is a mask."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'•••'"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a service is asked, and which audience its tokens are for."""

    origin: str
    audience: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a token is got."""

    authority: str
    """Origin of the sign-in service, without the tenant."""
    tenant_id: str
    method: str
    """One of `SIGN_IN_METHODS`."""
    client_id: str
    """The app that signs in as itself; may be empty where a person signs in."""
    certificate: Path | None = None
    certificate_password: Secret | None = None
    secret: Secret | None = None
    federated_token_file: Path | None = None
    delegated_client_id: str = ""

    @property
    def delegated(self) -> bool:
        """Whether a person signs in for every workload, and no app as itself."""
        return self.method in PERSON_METHODS

    @property
    def app(self) -> str:
        """The client id of the app that reads."""
        return self.delegated_client_id if self.delegated else self.client_id


@dataclass(frozen=True, slots=True)
class Entra:
    """Microsoft Graph."""

    at: Origin
    batch: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """Exchange Web Services."""

    at: Origin
    protocol: str = "soap"


@dataclass(frozen=True, slots=True)
class SharePoint:
    """The root site, and the My Site host of every geo, the home geo first."""

    at: Origin
    my_sites: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Yammer:
    """Viva Engage: the API, and where its pictures may be."""

    at: Origin
    sign_in: str
    """One of `DELEGATED_METHODS`."""
    token_file: Path | None
    picture_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Who is audited."""

    include: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    """UPNs or object ids named one by one; audited whatever class they are of."""
    groups: tuple[str, ...] = ()
    exclude_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One value as it was found."""

    name: str
    value: Any
    origin: str
    """Which flag, variable or file said so, or `default`."""


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know; nothing reads the environment after this."""

    tenant_id: str
    cloud: str
    sign_in: SignIn
    entra: Entra
    exchange: Exchange | None
    sharepoint: SharePoint | None
    yammer: Yammer | None
    workloads: tuple[Workload, ...]
    """Configured and selected, the reference among them."""
    reference: Workload
    scope: Scope
    photos: str
    shard_users: int
    fail_on: tuple[str, ...]
    require: tuple[Workload, ...]
    exceptions: Path | None
    """The file of accepted exceptions that an audit applies."""
    ca_bundle: Path | None
    file: Path | None
    off: Mapping[Workload, str]
    """Workloads that are not read, and why."""
    patience: int = 3600
    """Seconds that a run waits in all because services ask it to."""
    paced: bool = True
    """Whether published limits are kept before a service refuses."""
    find_owner: bool = True
    """Whether it is looked whose photo a wrong one is, and for one picture on several accounts."""
    baseline: str = ""
    """The name or the folder of an earlier run, whose unchanged copies are not read again; empty: read everything."""
    recheck: float = 0.05
    """The share of these copies that is read again all the same, from 0 to 1."""
    found: tuple[Setting, ...] = field(default=())
    """Every setting with its origin, secrets masked."""


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    kind: str  # str, bool, int, share, path, origin, list, sites
    meaning: str
    default: Any = None
    env: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()


# One row a setting: the file, the environment, `config show` and docs/reference.md are all read off this table.
_KNOWN = (
    _Known("tenant.id", "str", "the tenant's id or one of its domain names", env="AZURE_TENANT_ID"),
    _Known("tenant.cloud", "str", "which Microsoft cloud, and so which hosts", "global", choices=tuple(CLOUDS)),
    _Known(
        "sign_in.method", "str",
        "which credential is used; browser, device_code: a person signs in for every workload; unset: the credential"
        " that is given",
        choices=SIGN_IN_METHODS,
    ),
    _Known(
        "sign_in.client_id", "str", "application (client) id of the app that signs in as itself", env="AZURE_CLIENT_ID"
    ),
    _Known(
        "sign_in.certificate", "path", "PEM or PKCS #12 file that holds the private key and its certificate",
        env="AZURE_CLIENT_CERTIFICATE_PATH",
    ),
    _Known(
        "sign_in.certificate_password", "str", "password of that file; never in the settings file",
        env="AZURE_CLIENT_CERTIFICATE_PASSWORD", secret=True,
    ),
    _Known(
        "sign_in.client_secret", "str", "client secret; never in the settings file; SharePoint refuses it",
        env="AZURE_CLIENT_SECRET", secret=True,
    ),
    _Known(
        "sign_in.federated_token_file", "path", "file with a token of another identity provider (workload identity)",
        env="AZURE_FEDERATED_TOKEN_FILE",
    ),
    _Known(
        "sign_in.delegated_client_id", "str",
        "the app with which a person signs in: for Viva Engage, or for every workload (sign_in.method)",
    ),
    _Known("sign_in.authority", "origin", "sign-in service; unset: the cloud's own", env="AZURE_AUTHORITY_HOST"),
    _Known("entra.origin", "origin", "where Microsoft Graph is asked; unset: the cloud's own"),
    _Known("entra.audience", "str", "audience of its tokens; unset: entra.origin"),
    _Known("entra.batch", "bool", "read photos in batches of 20 rather than one by one", True),
    _Known("exchange.enabled", "bool", "whether mailboxes are read, through Exchange Web Services", False),
    _Known("exchange.origin", "origin", "where Exchange is asked; unset: the cloud's own"),
    _Known("exchange.audience", "str", "audience of its tokens; unset: exchange.origin"),
    _Known("exchange.protocol", "str", "which form of GetUserPhoto is asked", "soap", choices=("rest", "soap")),
    _Known("sharepoint.enabled", "bool", "false leaves SharePoint out; unset: read where sharepoint.origin is set"),
    _Known("sharepoint.origin", "origin", "the root site, for example https://contoso.sharepoint.com"),
    _Known("sharepoint.audience", "str", "audience of its tokens; unset: sharepoint.origin"),
    _Known(
        "sharepoint.my_sites", "sites",
        "My Site host of every geo, the home geo's first; unset: told from sharepoint.origin",
    ),
    _Known("yammer.enabled", "bool", "whether Viva Engage is read; unset: where yammer.token_file is set"),
    _Known("yammer.origin", "origin", "where Viva Engage is asked; unset: the cloud's own"),
    _Known("yammer.audience", "str", "audience of its tokens; unset: yammer.origin"),
    _Known(
        "yammer.sign_in", "str",
        "how a person signs in; unset: token_file where one is set, else as sign_in.method says, else browser",
        choices=DELEGATED_METHODS,
    ),
    _Known("yammer.token_file", "path", "file that holds a person's token for Viva Engage"),
    _Known("yammer.picture_origins", "list", "hosts that may be asked for pictures; unset: Viva Engage's own"),
    _Known("network.ca_bundle", "path", "certificate authorities (PEM) to trust instead of the system's"),
    _Known(
        "network.patience", "int",
        "seconds that a run waits in all because services ask it to, before it gives up: 0 to 86400", 3600,
    ),
    _Known(
        "network.pace", "str",
        "published: stay within the limits that services publish; none: ask on until a service refuses", "published",
        choices=("published", "none"),
    ),
    _Known("audit.reference", "str", "the workload the others are held against", "entra", choices=tuple(Workload)),
    _Known("audit.workloads", "list", "read only these workloads; unset: all configured ones", choices=tuple(Workload)),
    _Known("audit.include", "list", "classes of account that are audited too", choices=INCLUDABLE),
    _Known("audit.exclude_groups", "list", "groups whose members are left out, by name or object id"),
    _Known("audit.photos", "str", "which pictures the run keeps", "drift", choices=PHOTOS),
    _Known(
        "audit.baseline", "str",
        "the name or folder of an earlier run, or last: copies that have not changed since are carried over; unset:"
        " read all",
    ),
    _Known("audit.recheck", "share", "how much of what could be carried over is read again all the same", "5%"),
    _Known("audit.shard_users", "int", "users in a shard, the unit of memory and of resumption: 1 to 100000", 1000),
    _Known("audit.find_owner", "bool", "look whose photo a wrong one is, and who has the same picture", True),
    _Known("audit.fail_on", "list", "verdicts, drift or none: what makes the exit code 1; unset: drift"),
    _Known(
        "audit.require", "list", "workloads of which everything must be learned, else the exit code is 4",
        choices=tuple(Workload),
    ),
    _Known(
        "audit.exceptions", "path",
        "file of accepted exceptions; unset: exceptions.toml beside the settings file, if it is there",
    ),
)  # fmt: skip
_BY_NAME = {known.name: known for known in _KNOWN}


def env_name(name: str) -> str:
    """The environment variable of a setting: Azure's own name where Azure has one."""
    return _BY_NAME[name].env or ENV_PREFIX + name.upper().replace(".", "_")


def load(
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    scope_users: Sequence[str] = (),
    scope_groups: Sequence[str] = (),
) -> Settings:
    """Settings from a file, the environment and flags.

    `flags` maps setting names (`network.ca_bundle`) to values, None meaning not given. Raises
    `SettingsError` with one sentence that names the setting, where it came from and what to do.
    """
    environ = os.environ if environ is None else environ
    found = {known.name: Setting(known.name, known.default, "default") for known in _KNOWN}
    if file is not None:
        found.update({setting.name: setting for setting in _from_file(file)})
    for known in _KNOWN:
        name = env_name(known.name)
        if environ.get(name):
            value = _from_text(known, environ[name], f"the environment variable {name}")
            found[known.name] = Setting(known.name, value, f"environment {name}")
    for name, value in (flags or {}).items():
        if value is not None and value != ():
            known = _BY_NAME[name]
            checked = _check(known, value, f"--{name.split('.')[-1].replace('_', '-')}", base=Path.cwd())
            found[name] = Setting(name, checked, f"flag --{name.split('.')[-1].replace('_', '-')}")
    return _build(found, file, tuple(scope_users), tuple(scope_groups))


def _from_file(file: Path) -> list[Setting]:
    try:
        with file.open("rb") as stream:
            raw = tomllib.load(stream)
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {file}. Name one with --config FILE.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The settings file {file} is not UTF-8 text.") from None
    except OSError as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error.strerror}.") from None
    settings = []
    for table, entries in raw.items():
        if not isinstance(entries, dict):
            raise SettingsError(f"{file}: '{table}' stands outside a table; write it under [{table}] or remove it.")
        for key, value in entries.items():
            name = f"{table}.{key}"
            known = _BY_NAME.get(name)
            if known is None:
                close = difflib.get_close_matches(name, _BY_NAME, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise SettingsError(f"{file}: there is no setting {name}.{hint}")
            if known.secret:
                raise SettingsError(
                    f"{file}: {name} does not belong in a file. Set the environment variable "
                    f"{env_name(name)} instead, and remove it from the file."
                )
            value = _check(known, value, f"{file}: {name}", base=file.resolve().parent)
            settings.append(Setting(name, value, f"file {file}"))
    return settings


def _from_text(known: _Known, text: str, where: str) -> Any:
    value: Any = text
    if known.kind == "bool":
        lowered = text.strip().lower()
        if lowered not in {"1", "0", "true", "false", "yes", "no", "on", "off"}:
            raise SettingsError(f"{where} is '{text}', which is neither true nor false.")
        value = lowered in {"1", "true", "yes", "on"}
    elif known.kind == "int":
        if not re.fullmatch(r"[0-9]{1,9}", text.strip()):
            raise SettingsError(f"{where} is '{text}', which is not a whole number.")
        value = int(text)
    elif known.kind in {"list", "sites"}:
        value = [part.strip() for part in text.split(",") if part.strip()]
    return _check(known, value, where, base=Path.cwd())


def _check(known: _Known, value: Any, where: str, *, base: Path) -> Any:
    kinds: dict[str, type | tuple[type, ...]] = {
        "bool": bool,
        "int": int,
        "list": (list, tuple),
        "sites": (list, tuple),
        "path": (str, Path),
        "share": (str, int, float),
    }
    fits = isinstance(value, kinds.get(known.kind, str)) and not (
        known.kind in {"int", "share"} and isinstance(value, bool)
    )
    if not fits:
        words = {
            "bool": "true or false", "int": "a whole number", "list": "a list", "sites": "a list", "path": "a path",
            "share": "a percentage",
        }  # fmt: skip
        raise SettingsError(f"{where} must be {words.get(known.kind, 'text')}.")
    if known.choices:
        for one in value if known.kind == "list" else [value]:
            if one not in known.choices:
                raise SettingsError(f"{where} is '{one}'; it can be {', '.join(known.choices)}.")
    if known.kind == "share":
        return _share(str(value), where)
    if known.kind == "path":
        return (base / Path(value).expanduser()).resolve()
    if known.kind == "origin":
        return _origin(value, where)
    if known.kind == "sites":
        return tuple(_site(entry, where) for entry in value)
    if known.kind == "list":
        return tuple(str(entry) for entry in value)
    if known.kind == "str":
        if known.secret:
            return Secret(value)
        return value.strip()
    return value


def _share(text: str, where: str) -> str:
    """A percentage in one spelling, `5%` or `0.5%`, however it was written."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*%?", text.strip())
    if found is None or float(found[1]) > 100:
        raise SettingsError(f"{where} is '{text}'; it can be 0% to 100%.")
    return f"{float(found[1]):g}%"


def _origin(value: str, where: str) -> str:
    try:
        return origin_of(value if "://" in value else f"https://{value}")
    except BadOrigin as error:
        raise SettingsError(f"{where} cannot be used as an origin: {error}. Write https://host[:port].") from None


def _site(entry: Any, where: str) -> Origin:
    if isinstance(entry, str):
        origin = _origin(entry, where)
        return Origin(origin, origin)
    if isinstance(entry, dict) and isinstance(entry.get("origin"), str):
        origin = _origin(entry["origin"], where)
        audience = entry.get("audience", origin)
        unknown = set(entry) - {"origin", "audience"}
        if isinstance(audience, str) and not unknown:
            return Origin(origin, audience)
    raise SettingsError(f"{where}: each site is an origin, or a table with origin and, if need be, audience.")


def _build(found: dict[str, Setting], file: Path | None, users: tuple[str, ...], groups: tuple[str, ...]) -> Settings:
    def value(name: str) -> Any:
        return found[name].value

    tenant_id = value("tenant.id")
    if not tenant_id:
        raise SettingsError(_missing("tenant.id", "the tenant's id or one of its domain names", file))
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.-]{0,254}", tenant_id):
        raise SettingsError(f"tenant.id is '{tenant_id}', which is neither a tenant id nor a domain name.")
    cloud = CLOUDS[value("tenant.cloud")]
    authority = value("sign_in.authority") or cloud.authority
    sign_in = _sign_in(found, authority, tenant_id, file)
    workloads: dict[Workload, Any] = {}
    off: dict[Workload, str] = {}
    graph = value("entra.origin") or cloud.graph
    workloads[Workload.ENTRA] = Entra(Origin(graph, value("entra.audience") or graph), batch=value("entra.batch"))
    if value("exchange.enabled"):
        origin = value("exchange.origin") or cloud.exchange
        workloads[Workload.EXCHANGE] = Exchange(
            Origin(origin, value("exchange.audience") or origin), value("exchange.protocol")
        )
    else:
        off[Workload.EXCHANGE] = "not configured: exchange.enabled is not true"
    if value("sharepoint.origin") and value("sharepoint.enabled") is not False:
        workloads[Workload.SHAREPOINT] = _sharepoint(found)
    else:
        off[Workload.SHAREPOINT] = "not configured: sharepoint.origin is not set"
    token_file, delegated = value("yammer.token_file"), sign_in.delegated_client_id
    wanted = value("yammer.enabled")
    if wanted is None:
        wanted = bool(token_file)
    if wanted:
        yammer = value("yammer.origin") or cloud.yammer
        if yammer is None:
            raise SettingsError(f"yammer.enabled: there is no Viva Engage in the cloud {value('tenant.cloud')}.")
        person = sign_in.method if sign_in.delegated else "browser"
        method = value("yammer.sign_in") or ("token_file" if token_file else person)
        if method == "token_file" and not token_file:
            raise SettingsError(_missing("yammer.token_file", "the file that holds a delegated token", file))
        if method == "token_file" and not token_file.is_file():
            raise SettingsError(f"yammer.token_file names {token_file}, which is not a file.")
        if method != "token_file" and not delegated:
            raise SettingsError(
                _missing("sign_in.delegated_client_id", "the app that signs a person in to Viva Engage", file)
            )
        workloads[Workload.YAMMER] = Yammer(
            Origin(yammer, value("yammer.audience") or yammer),
            method,
            token_file,
            tuple(
                entry if entry.startswith("*.") else _origin(entry, "yammer.picture_origins")
                for entry in value("yammer.picture_origins") or YAMMER_PICTURE_HOSTS
            ),
        )
    else:
        off[Workload.YAMMER] = "not configured: yammer.enabled is not true"
    reference = Workload(value("audit.reference"))
    selected = tuple(Workload(name) for name in value("audit.workloads") or ()) or tuple(workloads)
    selected = tuple(dict.fromkeys((*selected, reference)))
    for workload in selected:
        if workload not in workloads:
            raise SettingsError(
                f"The workload {workload} is asked for but {off[workload]}."
                f" Set it{f' in {file}' if file else ''} or leave the workload out."
            )
    off.update({workload: "not selected" for workload in workloads if workload not in selected})
    shard_users = value("audit.shard_users")
    if not 1 <= shard_users <= 100_000:
        raise SettingsError(f"audit.shard_users is {shard_users}; it can be 1 to 100000.")
    patience = value("network.patience")
    if not 0 <= patience <= 86_400:
        raise SettingsError(f"network.patience is {patience}; it can be 0 to 86400 seconds.")
    bundle = value("network.ca_bundle")
    if bundle is not None and not bundle.is_file():
        raise SettingsError(f"network.ca_bundle names {bundle}, which is not a file.")
    return Settings(
        tenant_id=tenant_id,
        cloud=value("tenant.cloud"),
        sign_in=sign_in,
        entra=workloads[Workload.ENTRA],
        exchange=workloads.get(Workload.EXCHANGE),
        sharepoint=workloads.get(Workload.SHAREPOINT),
        yammer=workloads.get(Workload.YAMMER),
        workloads=tuple(workload for workload in Workload if workload in selected),
        reference=reference,
        scope=Scope(tuple(value("audit.include") or ()), users, groups, tuple(value("audit.exclude_groups") or ())),
        photos=value("audit.photos"),
        shard_users=shard_users,
        fail_on=tuple(value("audit.fail_on") or ()),
        require=tuple(Workload(name) for name in value("audit.require") or ()),
        exceptions=value("audit.exceptions") or _beside(file, "exceptions.toml"),
        ca_bundle=bundle,
        file=file,
        off=off,
        patience=patience,
        paced=value("network.pace") == "published",
        find_owner=value("audit.find_owner"),
        baseline=value("audit.baseline") or "",
        recheck=float(value("audit.recheck").rstrip("%")) / 100,
        found=tuple(_shown(setting) for setting in found.values() if setting.value is not None),
    )


def _beside(file: Path | None, name: str) -> Path | None:
    found = file.resolve().parent / name if file is not None else None
    return found if found is not None and found.is_file() else None


def _missing(name: str, what: str, file: Path | None) -> str:
    table, key = name.split(".")
    place = f"in {file}" if file else "in a settings file (--config FILE)"
    return f'{name} is not set: {what}. Write {key} = "…" under [{table}] {place}, or set {env_name(name)}.'


def _rank(origin: str) -> int:
    return {"default": 0, "file": 1, "environment": 2, "flag": 3}[origin.split(" ", 1)[0]]


def _sign_in(found: dict[str, Setting], authority: str, tenant_id: str, file: Path | None) -> SignIn:
    keys = {
        "certificate": "sign_in.certificate",
        "federated": "sign_in.federated_token_file",
        "secret": "sign_in.client_secret",
    }
    method = found["sign_in.method"].value
    if method is None:
        given = [name for name, key in keys.items() if found[key].value]
        # The higher source wins (a secret in the environment over a certificate in the file);
        # within one source the certificate, because SharePoint accepts nothing else app-only.
        method = max(given, key=lambda name: _rank(found[keys[name]].origin), default=None)
    if method is None:
        raise SettingsError(
            "There is no credential to sign in with. Set sign_in.certificate (AZURE_CLIENT_CERTIFICATE_PATH), "
            "a federated token file (AZURE_FEDERATED_TOKEN_FILE) or AZURE_CLIENT_SECRET; or let a person sign in: "
            "sign_in.method = browser or device_code."
        )
    if method in PERSON_METHODS:
        if not found["sign_in.delegated_client_id"].value:
            what = f"the app with which a person signs in (sign_in.method is {method})"
            raise SettingsError(_missing("sign_in.delegated_client_id", what, file))
        return _given(found, authority, tenant_id, method)
    if not found[keys[method]].value:
        raise SettingsError(f"sign_in.method is {method}, but {keys[method]} ({env_name(keys[method])}) is not set.")
    if not found["sign_in.client_id"].value:
        raise SettingsError(_missing("sign_in.client_id", "the application (client) id of the app", file))
    path = found[keys[method]].value
    if method != "secret" and not path.is_file():
        raise SettingsError(f"{keys[method]} names {path}, which is not a file.")
    return _given(found, authority, tenant_id, method)


def _given(found: dict[str, Setting], authority: str, tenant_id: str, method: str) -> SignIn:
    return SignIn(
        authority=authority,
        tenant_id=tenant_id,
        method=method,
        client_id=found["sign_in.client_id"].value or "",
        certificate=found["sign_in.certificate"].value,
        certificate_password=found["sign_in.certificate_password"].value,
        secret=found["sign_in.client_secret"].value,
        federated_token_file=found["sign_in.federated_token_file"].value,
        delegated_client_id=found["sign_in.delegated_client_id"].value or "",
    )


def _sharepoint(found: dict[str, Setting]) -> SharePoint:
    origin = found["sharepoint.origin"].value
    root = Origin(origin, found["sharepoint.audience"].value or origin)
    sites = found["sharepoint.my_sites"].value
    if not sites:
        match = re.fullmatch(r"https://([a-z0-9-]+)\.(.+)", origin)
        if match is None:
            raise SettingsError(
                "sharepoint.my_sites is not set and cannot be told from sharepoint.origin;"
                " list the origin of each My Site host."
            )
        my_site = f"https://{match[1]}-my.{match[2]}"
        sites = (Origin(my_site, my_site),)
    return SharePoint(root, tuple(sites))


def _shown(setting: Setting) -> Setting:
    if _BY_NAME[setting.name].secret:
        return Setting(setting.name, "•••", setting.origin)
    shown = setting.value
    if isinstance(shown, tuple):
        shown = ", ".join(entry.origin if isinstance(entry, Origin) else str(entry) for entry in shown)
    return Setting(setting.name, shown if isinstance(shown, (bool, int)) else str(shown), setting.origin)
