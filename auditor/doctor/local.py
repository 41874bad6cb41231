"""What can be looked at without asking anybody: settings, the credential, the proxy, the authorities."""

from __future__ import annotations

import os
import stat
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from auditor.doctor.findings import Finding, ok, problem, warning
from auditor.services.http import BadProxy, new_client
from auditor.services.origins import is_loopback
from auditor.services.tls import BadBundle, tls_context
from auditor.services.tokens import CredentialError, read_certificate
from auditor.settings import Settings

ENDS_SOON = 30
"""Days before its end at which a certificate is spoken of."""
RENEW = "make a new certificate, upload its public part to the app registration, and name it in sign_in.certificate"


def local(settings: Settings, now: float) -> Iterator[Finding]:
    """Every finding of this machine; `now` is Unix time."""
    yield _settings(settings)
    yield from _overridden(settings)
    yield from _credential(settings, now)
    yield from _network(settings)


def _settings(settings: Settings) -> Finding:
    read = ", ".join(str(workload) for workload in settings.workloads)
    left = "; ".join(f"{workload}: {why}" for workload, why in settings.off.items())
    where = str(settings.file) if settings.file else "the environment alone"
    return ok("settings", f"{where}: tenant {settings.tenant_id}, reads {read}" + (f" (off: {left})" if left else ""))


def _overridden(settings: Settings) -> Iterator[Finding]:
    """A credential in the environment goes before the file's: nobody sees that in the file."""
    origins = {one.name: one.origin for one in settings.found}
    keys = {"certificate": "certificate", "secret": "client_secret", "federated": "federated_token_file"}
    method = settings.sign_in.method
    if settings.sign_in.delegated:
        # Nothing is hidden here: whoever wrote the method decided, and the app's credential may serve other settings.
        return
    used = f"sign_in.{keys[method]}"
    for key in keys.values():
        name = f"sign_in.{key}"
        if name != used and name in origins:
            yield warning(
                "settings",
                f"{name} ({origins[name]}) is set and not used: {used} ({origins.get(used, 'default')}) goes before it",
                f"unset the one that is not meant, or write sign_in.method = one of {', '.join(keys)}",
            )


def _credential(settings: Settings, now: float) -> Iterator[Finding]:
    sign_in = settings.sign_in
    if sign_in.delegated:
        way = "with a browser" if sign_in.method == "browser" else "with a device code"
        yield ok("credential", f"none: a person signs in {way} (the app {sign_in.app})")
        if {"shared", "rooms"} & set(settings.scope.include):
            yield problem(
                "credential",
                "shared and room mailboxes cannot be told apart with a person's sign-in: it reads the settings of this"
                " person's own mailbox only",
                "leave shared and rooms out of audit.include, or let the app sign in as itself",
            )
        return
    if sign_in.method == "secret":
        if settings.sharepoint is not None:
            yield problem(
                "credential", "a client secret: SharePoint takes no app-only token that was got with one",
                "sign in with a certificate (sign_in.certificate)",
            )  # fmt: skip
        else:
            yield ok("credential", "a client secret; when it ends only Entra ID knows")
        return
    if sign_in.method == "federated":
        assert sign_in.federated_token_file is not None
        yield ok("credential", f"a token of another identity provider, read from {sign_in.federated_token_file}")
        return
    assert sign_in.certificate is not None
    yield _certificate(sign_in.certificate, sign_in.certificate_password, now)
    yield from _readable_by_others(sign_in.certificate)


def _certificate(file: Path, password: str | None, now: float) -> Finding:
    try:
        read = read_certificate(file, password)
    except CredentialError as error:
        return problem("credential", str(error).rstrip("."), RENEW, stops=True)
    certificate = x509.load_pem_x509_certificate(read["public_certificate"].encode())
    key = load_pem_private_key(read["private_key"].encode(), None).public_key()
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_bytes(*form) != certificate.public_key().public_bytes(*form):
        return problem(
            "credential", f"the private key in {file} is not that of the certificate beside it",
            "put a certificate and its own key into the file", stops=True,
        )  # fmt: skip
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begins.timestamp() > now:
        return problem(
            "credential", f"the certificate {file} is not valid before {begins:%Y-%m-%d %H:%M} UTC",
            "set the clock of this machine, or make a new certificate", stops=True,
        )  # fmt: skip
    days = int((ends.timestamp() - now) / 86_400)
    told = f"the certificate {file} ends on {ends:%Y-%m-%d}, in {days} days"
    return warning("credential", told, RENEW) if days < ENDS_SOON else ok("credential", told)


def _readable_by_others(file: Path) -> Iterator[Finding]:
    if os.name == "posix" and (mode := file.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
        yield warning(
            "credential", f"others on this machine may read {file} ({stat.filemode(mode)}), and sign in with it",
            f"chmod 600 {file}",
        )  # fmt: skip


def _network(settings: Settings) -> Iterator[Finding]:
    try:
        context = tls_context(settings.ca_bundle)
    except BadBundle as error:
        yield problem("network", f"network.ca_bundle cannot be used: {error}", "name a PEM file", stops=True)
        return
    try:
        new_client(context)  # which connects nowhere before it is asked to, and has nothing to close
    except BadProxy as error:
        yield problem("network", str(error).rstrip("."), stops=True)
        return
    trust = f"the authorities of {settings.ca_bundle}" if settings.ca_bundle else "the system's trust store"
    proxy = proxy_for(settings.sign_in.authority)
    yield ok("network", f"{f'by the proxy {shown_proxy(proxy)}' if proxy else 'no proxy'}; {trust}")


def proxy_for(origin: str) -> str | None:
    """The proxy by which this origin is asked, as the environment (or the system) names it."""
    host = urlsplit(origin).hostname or ""
    if is_loopback(origin) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get("https") or proxies.get("all")


def shown_proxy(proxy: str) -> str:
    """A proxy's address without the name and password that it may hold."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return f"{parts.hostname or '?'}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return "?"


def clock(told: float, ours: float) -> Finding:
    """How this machine's clock stands against a service's, both Unix time."""
    apart = ours - told
    words = f"{abs(apart):.0f} seconds {'ahead of' if apart > 0 else 'behind'} the services"
    if abs(apart) > 300:
        return problem(
            "clock",
            f"the clock of this machine is {words}: a sign-in with a certificate is refused, and tokens seem to have"
            " ended or not to have begun",
            "set the clock: let it be kept by NTP",
        )
    if abs(apart) > 60:
        return warning("clock", f"the clock of this machine is {words}", "let it be kept by NTP")
    return ok("clock", f"within a minute of the services (UTC {datetime.fromtimestamp(ours, UTC):%Y-%m-%d %H:%M})")
