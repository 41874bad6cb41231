"""Whether each service can be reached, and by whose certificate; and what its clock says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from auditor.doctor.findings import Finding, Level, failed, ok, problem, warning
from auditor.doctor.local import proxy_for, shown_proxy
from auditor.services.errors import ServerFault, ServiceError, Throttled, Unreachable, Untrusted
from auditor.services.http import Answer, Api, new_client
from auditor.services.origins import BadOrigin, origin_of
from auditor.services.retries import http_date
from auditor.services.text import told
from auditor.services.tls import tls_context
from auditor.services.tokens import explain
from auditor.settings import Settings

DEADLINE = 20.0
"""Seconds for one try of a host."""
ATTEMPTS = 3
"""A connection may break off once and say nothing about the way."""
_LONGEST_HEAD = 65_536
"""Bytes of a proxy's answer to CONNECT."""


@dataclass(frozen=True, slots=True)
class Host:
    """An origin that an audit asks, and what for."""

    name: str
    origin: str
    path: str = "/"
    """Asked without a token; any answer shows that the host is there."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking a host."""

    host: Host
    finding: Finding
    answer: Answer | None = None
    at: float = 0.0
    """Our own Unix time when the answer came."""

    @property
    def date(self) -> float | None:
        """The service's Unix time; None where it told none."""
        return None if self.answer is None else http_date(self.answer.headers.get("date", ""))


def hosts(settings: Settings) -> list[Host]:
    """Every origin that these settings have an audit ask, the sign-in service first; each once."""
    sign_in = settings.sign_in
    found = [
        Host("sign-in service", sign_in.authority, f"/{sign_in.tenant_id}/v2.0/.well-known/openid-configuration"),
        Host("Microsoft Graph", settings.entra.at.origin),
    ]
    wanted = set(settings.workloads)
    if settings.exchange is not None and "exchange" in wanted:
        found.append(Host("Exchange", settings.exchange.at.origin))
    if settings.sharepoint is not None and "sharepoint" in wanted:
        found.append(Host("SharePoint", settings.sharepoint.at.origin))
        sites = settings.sharepoint.my_sites
        found += [Host(f"My Site host {number}", site.origin) for number, site in enumerate(sites, 1)]
    if settings.yammer is not None and "yammer" in wanted:
        found.append(Host("Viva Engage", settings.yammer.at.origin))
    return list({host.origin: host for host in reversed(found)}.values())[::-1]


async def reach_all(settings: Settings, wall: Callable[[], float] = time.time) -> list[Reached]:
    """Ask every host once, all at the same time; in the order of `hosts`."""
    context = tls_context(settings.ca_bundle)
    return list(await asyncio.gather(*(_reach(host, context, wall) for host in hosts(settings))))


async def _reach(host: Host, context: ssl.SSLContext, wall: Callable[[], float]) -> Reached:
    async with new_client(context, connections=1) as client:
        api = Api(host.origin, client, deadline=DEADLINE)
        try:
            answer = await api.send("GET", host.path, attempts=ATTEMPTS)
        except Untrusted:
            return Reached(host, await _untrusted(host))
        except Unreachable as error:
            return Reached(host, await _unreachable(host, error))
        except (ServerFault, Throttled) as error:
            return Reached(host, warning(host.name, f"{error.sentence}: reached, and not well", "try again later"))
        except ServiceError as error:
            return Reached(host, failed(host.name, error))
    proxy = proxy_for(host.origin)
    by = f" by the proxy {shown_proxy(proxy)}" if proxy else ""
    return Reached(host, ok(host.name, f"{host.origin} answers{by}"), answer, wall())


# -- why not -------------------------------------------------------------------------------------------------------


async def _unreachable(host: Host, error: Unreachable) -> Finding:
    proxy, name = proxy_for(host.origin), urlsplit(host.origin).hostname or ""
    if proxy is not None:
        return problem(
            host.name, f"{error.sentence} (asked by the proxy {shown_proxy(proxy)})",
            f"let the proxy connect to {name}:443, or give its address and sign-in in HTTPS_PROXY;"
            " NO_PROXY names hosts that are asked without it",
        )  # fmt: skip
    try:
        await asyncio.to_thread(socket.getaddrinfo, name, None)
    except OSError:
        return problem(
            host.name, f"the name {name} cannot be resolved",
            f"check how {name} is spelled in the settings, and this machine's DNS; if the way out is a proxy, name it"
            " in HTTPS_PROXY",
        )  # fmt: skip
    return problem(host.name, error.sentence, f"let this machine connect to {name}, or name the proxy in HTTPS_PROXY")


async def _untrusted(host: Host) -> Finding:
    certificate = await _certificate(host.origin)
    if certificate is None:
        return problem(host.name, f"the certificate of {host.origin} is not trusted here", "set network.ca_bundle")
    issuer, name = _named(certificate.issuer), urlsplit(host.origin).hostname or ""
    begins, ends, now = certificate.not_valid_before_utc, certificate.not_valid_after_utc, datetime.now(UTC)
    if not begins <= now <= ends:
        return problem(
            host.name, f"the certificate of {host.origin} is good from {begins:%Y-%m-%d} to {ends:%Y-%m-%d} only",
            "check the clock of this machine; if it is right, whoever runs the host (or the proxy) renews it",
        )  # fmt: skip
    if not _is_for(certificate, name):
        return problem(
            host.name,
            f"what answers as {host.origin} has a certificate for another host ('{_named(certificate.subject)}')",
            "check the address in the settings, DNS, and what stands in between",
        )
    return problem(
        host.name,
        f"the certificate of {host.origin} was issued by '{issuer}', which is not trusted here: a proxy or a filter"
        " that inspects TLS is the common reason",
        "if that is your organisation's, save its root certificate as a PEM file and name it in network.ca_bundle"
        " (or --ca-bundle); if you do not know it, do not: whoever it is would read the tokens",
    )


async def _certificate(origin: str) -> x509.Certificate | None:
    """The certificate that a host shows, whether or not it is trusted; nothing is sent over that connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    parts = urlsplit(origin)
    host, port = parts.hostname or "", parts.port or 443
    try:
        async with asyncio.timeout(DEADLINE):
            _, writer = await _connected(origin, host, port)
            with contextlib.closing(writer):
                await writer.start_tls(context, server_hostname=host)
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown) if shown else None
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


async def _connected(origin: str, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    proxy = proxy_for(origin)
    if proxy is None:
        return await asyncio.open_connection(host, port)
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=_LONGEST_HEAD)
    writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200" not in head.split(b"\r\n", 1)[0]:
        writer.close()
        raise ValueError("the proxy refuses")
    return reader, writer


def _named(name: x509.Name) -> str:
    text = name.rfc4514_string()
    return told(text, 120) or "nobody"


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    exact = [one.lower() for one in names.get_values_for_type(x509.DNSName)]
    exact += [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    return host in exact or f"*.{host.partition('.')[2]}" in exact


# -- the sign-in service -------------------------------------------------------------------------------------------


def configuration(reached: Reached, settings: Settings) -> Finding:
    """Whether what answers is the sign-in service, and knows the tenant."""
    answer = reached.answer
    if answer is None:
        return replace(reached.finding, level=Level.PROBLEM, stops=True)
    said = _object(answer.body)
    name, authority = reached.host.name, settings.sign_in.authority
    if answer.status == 200 and isinstance(said.get("token_endpoint"), str):
        try:
            where = origin_of(said["token_endpoint"])
        except BadOrigin:
            where = "an address that is not asked"
        if where == authority:
            return ok(name, f"{reached.finding.says} and knows the tenant")
        return problem(
            name, f"{authority} points to {where} for tokens; an audit sends nothing there",
            "check sign_in.authority, and what stands between it and this machine", stops=True,
        )  # fmt: skip
    if isinstance(said.get("error"), str):
        return failed(name, explain(said, f"the app {settings.sign_in.app}", authority), stops=True)
    return problem(
        name, f"what answers at {authority} ({answer.status}) is not the sign-in service",
        "check sign_in.authority; a proxy's or a network's own sign-in page may stand in between", stops=True,
    )  # fmt: skip


def dates(reached: Sequence[Reached]) -> tuple[float, float] | None:
    """A service's Unix time and ours at the same moment, from the first host that told one."""
    return next(((one.date, one.at) for one in reached if one.date is not None), None)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
