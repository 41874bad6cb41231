"""Broken set-ups over real sockets: simulated tenants, a TLS server whose answers a test writes down, proxies."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from auditor.doctor import Finding, Level, examine
from auditor.settings import load
from auditor.simulator.fault_plan import read_plan
from auditor.simulator.population import make_tenant
from auditor.simulator.server import Serving, running_tenant
from auditor.simulator.services import ORIGINS, Options

Elsewhere = Callable[..., "Diagnosis"]
Serve = Callable[..., "Served"]
Answer = Callable[[str, str], tuple[int, str, bytes]]
"""Path and the server's own origin to status, content type and body."""


@dataclass
class Diagnosis:
    """What the doctor said."""

    findings: list[Finding]
    told: list[str] = field(default_factory=list)

    def __getitem__(self, probe: str) -> Finding:
        """The gravest finding of this probe."""
        order = {Level.PROBLEM: 0, Level.WARNING: 1, Level.SKIPPED: 2, Level.OK: 3}
        found = sorted((one for one in self.findings if one.probe == probe), key=lambda one: order[one.level])
        assert found, f"nothing was said of {probe}, only of {[one.probe for one in self.findings]}"
        return found[0]

    @property
    def problems(self) -> list[str]:
        """The probes with a problem."""
        return [one.probe for one in self.findings if one.level is Level.PROBLEM]

    @property
    def warnings(self) -> list[str]:
        """The probes with a warning."""
        return [one.probe for one in self.findings if one.level is Level.WARNING]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join("\n".join((one.probe, one.says, *one.remedy)) for one in self.findings)


def diagnose(
    config: Path, environ: Mapping[str, str] | None = None, *, only: tuple[str, ...] = (), **timing: Any
) -> Diagnosis:
    """Let the doctor look at a settings file; `only`: of these workloads."""
    made = Diagnosis([])
    settings = load(config, {"audit.workloads": only}, environ or {})
    asyncio.run(examine(settings, made.findings.append, tell=made.told.append, **timing))
    return made


@dataclass(frozen=True)
class Served:
    """A simulated tenant that runs."""

    folder: Path
    info: dict[str, str]

    def settings(self, folder: Path, *changes: tuple[str, str]) -> Path:
        """Its settings file with changes (pattern, replacement) in another folder; files are named in full."""
        text = (self.folder / "photo-auditor.toml").read_text(encoding="utf-8")
        for name in ("client.pem", "yammer-token.txt", "ca-bundle.pem"):
            text = text.replace(f'"{name}"', f"'{self.folder / name}'")
        for pattern, replacement in changes:
            text, count = re.subn(pattern, lambda _, said=replacement: said, text, count=1)
            assert count == 1, pattern
        file = folder / "photo-auditor.toml"
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Starts simulated tenants in this process; equal ones are started once."""
    running: dict[str, Served] = {}
    with ExitStack() as stack:

        def start(
            *,
            users: int = 24,
            scenarios: tuple[str, ...] = ("plain",),
            plan: str = "",
            log: bool = False,
            **options: Any,
        ) -> Served:
            key = repr((users, scenarios, plan, log, sorted(options.items())))
            if key not in running:
                folder = tmp_path_factory.mktemp("tenant")
                faults = None
                if plan:
                    (folder / "plan.toml").write_text(plan, encoding="utf-8")
                    faults = read_plan(str(folder / "plan.toml"), ORIGINS)
                tenant = make_tenant(
                    users, 3, photos=None, scenarios=scenarios, photo_store="split", ews=options.get("ews", True)
                )
                serving = Serving(Options(faults=faults, **options), request_log=log)
                running[key] = Served(folder, stack.enter_context(running_tenant(tenant, serving, folder)))
            return running[key]

        yield start


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Contoso TLS Inspection")


@pytest.fixture(scope="session")
def ca_bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@contextlib.contextmanager
def tls_server(certificate: trustme.LeafCert, answer: Answer, date: str = "") -> Iterator[str]:
    """An origin that answers in this way; gives its address. `date`: what its clock says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, kind, body = answer(self.path, origin)
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  the name that http.server looks for

        def date_time_string(self, timestamp: float | None = None) -> str:
            return date or super().date_time_string(timestamp)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    origin = f"https://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield origin
    finally:
        http.shutdown()
        http.server_close()


@contextlib.contextmanager
def proxy(reply: bytes, certificate: trustme.LeafCert | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that answers each CONNECT so, and then, with a certificate, speaks TLS itself; and what it heard."""
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            line: socket.socket = self.request
            line.settimeout(5)
            asked = b""
            while b"\r\n\r\n" not in asked and (more := line.recv(4096)):
                asked += more
            heard.append(asked.split(b"\r\n", 1)[0])
            line.sendall(reply)
            if certificate is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                certificate.configure_cert(context)
                with contextlib.suppress(OSError):
                    inner = context.wrap_socket(line, server_side=True)
                    if sent := inner.recv(4096):
                        heard.append(sent)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
        server.shutdown()


def signing_in(answer: Mapping[str, Any], status: int = 400) -> Answer:
    """A sign-in service whose token endpoint always answers so; made for `tls_server`, which tells it its address."""

    def reply(path: str, origin: str) -> tuple[int, str, bytes]:
        if path.endswith("/openid-configuration"):
            base = f"{origin}/contoso/oauth2/v2.0"
            said = {
                "issuer": origin, "token_endpoint": f"{base}/token", "authorization_endpoint": f"{base}/authorize",
                "device_authorization_endpoint": f"{base}/devicecode",
            }  # fmt: skip
            return 200, "application/json", json.dumps(said).encode()
        return status, "application/json", json.dumps(answer).encode()

    return reply


def refusal(code: int, error: str = "invalid_grant") -> Answer:
    """A sign-in service that refuses everyone with this AADSTS code."""
    return signing_in(
        {"error": error, "error_description": f"AADSTS{code}: Refused. Trace ID: 1", "error_codes": [code]}
    )


def unsigned(claims: Mapping[str, object]) -> str:
    """A token with these claims that nobody accepts."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{body}.c2ln"


def token_answer(**claims: object) -> dict[str, object]:
    """What a sign-in service says that gives such a token."""
    return {"token_type": "Bearer", "expires_in": 3599, "access_token": unsigned(claims)}


def both(folder: Path, served: Served, ca_bundle: Path) -> tuple[str, str]:
    """The change of settings that trusts the tenant's authority and the test's."""
    file = folder / "both.pem"
    file.write_bytes((served.folder / "ca-bundle.pem").read_bytes() + ca_bundle.read_bytes())
    return r"ca_bundle = .*", f"ca_bundle = '{file}'"


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


@pytest.fixture
def elsewhere(served: Served, tmp_path: Path, authority: trustme.CA, ca_bundle: Path) -> Elsewhere:
    """A diagnosis of the sound tenant with another sign-in service, by what that answers."""

    def look(answer: Answer, **more: Any) -> Diagnosis:
        with tls_server(authority.issue_cert("127.0.0.1"), answer, more.pop("date", "")) as origin:
            changes = (r'authority = "[^"]+"', f'authority = "{origin}"'), both(tmp_path, served, ca_bundle)
            return diagnose(served.settings(tmp_path, *changes), **more)

    return look
