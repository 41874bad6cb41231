"""A tenant that points elsewhere, audited by the installed command: what reached those who had no business.

    python benchmarks/hostile_tenant.py            every case; some minutes
    python benchmarks/hostile_tenant.py --quick    fewer tricks where each takes an audit of its own

A relay stands between the audit and a simulated tenant and changes links in the answers: next links, redirects,
picture URLs, My Site hosts, the sign-in's configuration. Three traps record whatever comes: a TLS server that the
audit has to trust, one without TLS, and the proxy named in the environment, which is where a request to any host that
is not this machine would go. A row a case: what reached the traps, and what the audit said of the users concerned.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import csv
import json
import os
import re
import signal
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import trustme

TRICKS = (
    "https://127.0.0.1:{tls}/x",
    "https://localhost:{tls}/x",
    "http://127.0.0.1:{plain}/x",
    "HTTPS://127.0.0.1:{tls}/x",
    "//127.0.0.1:{tls}/x",
    "https://user:pass@127.0.0.1:{tls}/x",
    "{good}@127.0.0.1:{tls}/x",
    "{good}\\@127.0.0.1:{tls}/x",
    "https:\\\\127.0.0.1:{tls}\\x",
    "https://127.0.0.1:{tls}#{good}/x",
    "https://127.0.0.1.:{tls}/x",
    "https://127.1:{tls}/x",
    "https://2130706433:{tls}/x",
    "https://[::ffff:127.0.0.1]:{tls}/x",
    "https://127。0。0。1:{tls}/x",
    "https://１２７.０.０.１:{tls}/x",
    "https://evil.example/x",
    "https://EVIL.example./x",
    "https://graph.microsoft.com.evil.example/x",
    "https://gráph.microsoft.com/x",
    "https://xn--grph-6na.microsoft.com/x",
    "https://127.0.0.1:99999/x",
    "https://127.0.0.1:-1/x",
    "https://.../x",
    "https:///x",
    "{good}.evil.example/x",
    "https://127.0.0.1:{tls}\r\nAuthorization: x/",
    "file:///etc/passwd",
    "data:application/json,%7B%22value%22%3A%5B%5D%7D",
    "ftp://127.0.0.1:{plain}/x",
    "javascript:alert(1)",
)
"""`{tls}` and `{plain}` are the ports of the traps, `{good}` the origin that the answer comes from."""
WORKLOAD_OF = {
    "Location of a photo in Graph": "entra",
    "Location of userphoto.aspx": "sharepoint",
    "PictureURL": "sharepoint",
    "PersonalSiteHostUrl": "sharepoint",
    "Location of a mugshot": "yammer",
    "mugshot_url_template": "yammer",
}
TOGETHER = (
    ("Location of a photo in Graph", "Location of userphoto.aspx", "Location of a mugshot"),
    ("PictureURL", "mugshot_url_template"),
    ("PersonalSiteHostUrl",),
)
"""Places where every user has a link of its own, so that one audit plays every trick: a user, a trick."""
ONE_BY_ONE = ("@odata.nextLink", "token_endpoint", "Location of the configuration")
_SECRETS = re.compile(rb"(?i)authorization:|bearer |client_assertion|client_secret|eyJ[\w-]{20}")
_SIGNED = re.compile(rb"[?&\"](?:_oat_|P4|client_secret|client_assertion|access_token)\"?[=:] ?\"?([\w.~%+/=-]{12,})")
_COMMAND = [sys.executable, "-m", "auditor"]


# -- the traps ---------------------------------------------------------------------------------------------------


@dataclass
class Trap:
    """A listener with no business in the audit; `caught` holds what came over each connection."""

    port: int
    caught: list[bytes]


def _whole(request: bytes) -> bool:
    """Whether the body has come that the headers announce: a credential of the app comes in a body."""
    headers, _, body = request.partition(b"\r\n\r\n")
    size = re.search(rb"(?i)content-length: *([0-9]+)", headers)
    return size is None or len(body) >= int(size[1])


@contextlib.contextmanager
def trap(context: ssl.SSLContext | None) -> Iterator[Trap]:
    """Listens on a free port of this machine, with TLS where a context is given."""
    caught: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            at = len(caught)
            caught.append(b"")  # a connection counts, whatever comes over it
            with contextlib.suppress(OSError):
                self.request.settimeout(5)
                line = context.wrap_socket(self.request, server_side=True) if context else self.request
                while b"\r\n\r\n" not in caught[at] or not _whole(caught[at]):
                    if not (more := line.recv(65_536)):
                        break
                    caught[at] += more
                line.sendall(
                    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"value": []}'
                )
                line.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Trap(server.server_address[1], caught)
        server.shutdown()


# -- the relay ---------------------------------------------------------------------------------------------------


@dataclass
class Relay:
    """Stands before every origin of a tenant, and changes what the places in `hostile` say."""

    true: Mapping[str, str]
    """Origin by name, as the simulated tenant serves it."""
    users: list[dict[str, Any]]
    ports: Mapping[str, int]
    """Of the traps: `tls` and `plain`."""
    seen: dict[str, str] = field(default_factory=dict)
    """Origin by name, as the audit knows it."""
    hostile: tuple[str, ...] = ()
    tricks: tuple[str, ...] = TRICKS
    played: dict[tuple[str, str], str] = field(default_factory=dict)
    """The trick that was played, by place and user id."""
    strangers: list[str] = field(default_factory=list)
    """Tokens that came to an origin which is not their audience."""
    audiences: dict[str, set[str]] = field(default_factory=dict)
    """Which origins received tokens, by the audience of the token."""
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    """The name of the origin, the path and the body of every request."""
    tokens: set[str] = field(default_factory=set)
    """Every token that came."""
    signed: set[str] = field(default_factory=set)
    """What lets its holder do something in every link and body that was handed out or sent: signatures, assertions."""
    pictures: dict[str, str] = field(default_factory=dict)
    """User id by the last part of a mugshot's path."""

    def note(self, *texts: bytes) -> None:
        """Remembers what in these texts may never be written down."""
        for text in texts:
            self.signed |= {found.decode() for found in _SIGNED.findall(text)}

    def link(self, place: str, user: str, name: str) -> str:
        """The hostile link for this user, remembered."""
        number = next((at for at, one in enumerate(self.users) if one["id"] == user), 0)
        trick = self.tricks[number % len(self.tricks)]
        self.played[place, user] = trick
        made = trick.replace("{good}", self.seen[name])
        return made.replace("{tls}", str(self.ports["tls"])).replace("{plain}", str(self.ports["plain"]))

    def user(self, address: str) -> str:
        """The object id of whoever goes by an address or id; empty where nobody does."""
        wanted = address.lower()
        return next(
            (u["id"] for u in self.users if wanted in {u["id"], u["upn"].lower(), (u["mail"] or "").lower()}), ""
        )

    def forwarded(self, name: str, path: str, asked: bytes) -> tuple[str, bytes]:
        """What is asked of the true origin instead: the same."""
        return path, asked

    def judge(self, name: str, headers: Mapping[str, str]) -> None:
        """Notes a token that has come to an origin which is not its audience."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return
        self.tokens.add(token)
        with contextlib.suppress(ValueError, IndexError, binascii.Error):
            audience = str(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["aud"])
            self.audiences.setdefault(audience, set()).add(name)
        if name == "yammer_cdn":
            self.strangers.append(name)

    def answer(self, name: str, path: str, asked: bytes, got: httpx.Response) -> tuple[int, dict[str, str], bytes]:
        """The true answer with true origins replaced by ours, and what is hostile in it."""
        body, headers = got.content, {"Content-Type": got.headers.get("content-type", "")}
        for one, origin in self.true.items():
            if headers["Content-Type"].startswith(("application/json", "text/")):
                body = body.replace(origin.encode(), self.seen[one].encode())
            if "location" in got.headers:
                headers["Location"] = headers.get("Location", got.headers["location"]).replace(origin, self.seen[one])
        for place in self.hostile:
            changed = _CHANGES[place](self, name, path, asked, got.status_code, body)
            if isinstance(changed, str):
                return 302, {"Location": _as_header(changed), "Content-Type": "text/plain"}, b""
            body = changed
        return got.status_code, headers, body


def _as_header(text: str) -> str:
    return text.replace("\r\n", "%0D%0A").encode().decode("latin-1")


def _next_link(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    if name != "graph" or status != 200 or not urlsplit(path).path.endswith("/users"):
        return body
    page = json.loads(body)
    page["@odata.nextLink"] = relay.link("@odata.nextLink", "", name)
    return json.dumps(page).encode()


def _photo(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    place = "Location of a photo in Graph"
    found = re.search(r"/users/([^/]+)/photo/\$value", path)
    if name == "graph" and status == 200 and found:
        return relay.link(place, found[1], name)
    if name == "graph" and path.endswith("/$batch") and status == 200:
        whole, questions = json.loads(body), json.loads(asked)
        by_id = {one["id"]: one["url"] for one in questions["requests"]}
        for item in whole["responses"]:
            found = re.search(r"/users/([^/]+)/photo", by_id[item["id"]])
            if found and item["status"] == 200 and isinstance(item.get("body"), str):
                item["status"], item["headers"] = 302, {"Location": relay.link(place, found[1], name)}
        return json.dumps(whole).encode()
    return body


def _userphoto(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    account = parse_qs(urlsplit(path).query).get("accountname", [""])[0]
    user = relay.user(account) if "userphoto.aspx" in path else ""
    return relay.link("Location of userphoto.aspx", user, name) if user else body


def _profile(place: str) -> Callable[..., bytes | str]:
    def change(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
        user = relay.user(unquote(path).rpartition("membership|")[2].rstrip("'"))
        if not user or "GetPropertiesFor" not in path or status != 200:
            return body
        profile = json.loads(body)
        if place == "PersonalSiteHostUrl":
            profile[place] = relay.link(place, user, name)
        for entry in profile.get("UserProfileProperties") or ():
            if entry.get("Key") == place and entry.get("Value"):
                entry["Value"] = relay.link(place, user, name) + "/User Photos/x_MThumb.jpg"
        return json.dumps(profile).encode()

    return change


def _mugshot_link(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    if name != "yammer" or status != 200 or "/users" not in path:
        return body
    listed = json.loads(body)
    for entry in listed:
        user = relay.user(entry.get("email") or "")
        last = urlsplit(str(entry.get("mugshot_url_template"))).path.rpartition("/")[2]
        if user and last != "no_photo.png":
            relay.pictures[last] = user
            if "mugshot_url_template" in relay.hostile:
                entry["mugshot_url"] = relay.link("mugshot_url_template", user, name)
                entry["mugshot_url_template"] = entry["mugshot_url"] + "/{width}x{height}/" + last
    return json.dumps(listed).encode()


def _mugshot(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    if name == "yammer":
        return _mugshot_link(relay, name, path, asked, status, body)
    user = relay.pictures.get(urlsplit(path).path.rpartition("/")[2], "") if name == "yammer_cdn" else ""
    return relay.link("Location of a mugshot", user, name) if user else body


def _sign_in(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    if name != "identity" or "openid-configuration" not in path:
        return body
    told = json.loads(body)
    for member in ("token_endpoint", "authorization_endpoint", "device_authorization_endpoint"):
        told[member] = relay.link("token_endpoint", "", name)
    return json.dumps(told).encode()


def _sign_in_redirect(relay: Relay, name: str, path: str, asked: bytes, status: int, body: bytes) -> bytes | str:
    asks = name == "identity" and "openid-configuration" in path
    return relay.link("Location of the configuration", "", name) if asks else body


_CHANGES: dict[str, Callable[[Relay, str, str, bytes, int, bytes], bytes | str]] = {
    "@odata.nextLink": _next_link,
    "Location of a photo in Graph": _photo,
    "Location of userphoto.aspx": _userphoto,
    "PictureURL": _profile("PictureURL"),
    "PersonalSiteHostUrl": _profile("PersonalSiteHostUrl"),
    "Location of a mugshot": _mugshot,
    "mugshot_url_template": _mugshot_link,
    "token_endpoint": _sign_in,
    "Location of the configuration": _sign_in_redirect,
}


@contextlib.contextmanager
def relayed(relay: Relay, authority: trustme.CA, tenant_bundle: Path) -> Iterator[None]:
    """Serve every origin anew on a port of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    client = httpx.Client(verify=ssl.create_default_context(cafile=str(tenant_bundle)), timeout=60, trust_env=False)
    servers = []

    def start(name: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {key.lower(): value for key, value in self.headers.items()}
                asked = self.rfile.read(int(headers.get("content-length", 0)))
                relay.judge(name, headers)
                relay.asked.append((name, self.path, asked))
                for key in ("host", "content-length", "connection", "accept-encoding"):
                    headers.pop(key, None)
                path, sent = relay.forwarded(name, self.path, asked)
                got = client.request(self.command, relay.true[name] + path, headers=headers, content=sent)
                status, told, body = relay.answer(name, self.path, asked, got)
                relay.note(asked, body, told.get("Location", "").encode("latin-1", "replace"))
                self.send_response(status)
                for key, value in {**told, "Content-Length": str(len(body))}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815  the name that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        relay.seen[name] = f"https://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)

    for name in relay.true:
        start(name)
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        client.close()


# -- the audits --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One trick in one place."""

    place: str
    trick: str
    tokens: int
    """Connections to a trap that carried a token or another secret, in the audit that played the case."""
    elsewhere: int
    """Connections that reached a trap."""
    said: str
    """What the audit said of the users concerned, or of the run."""
    falsely_absent: int
    """Copies called absent or not provisioned that an honest tenant's audit did not call so."""


Run = Callable[[Sequence[str], Mapping[str, str]], "subprocess.CompletedProcess[str]"]
Begin = Callable[[Sequence[str], Path], Any]


def run_anew(words: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run these words in a process of its own, with this environment alone."""
    return subprocess.run(
        words, env=dict(env), capture_output=True, text=True, encoding="utf-8", check=False, timeout=280
    )


def begin_anew(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """Start what goes on until it is signalled."""
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


@dataclass
class Hostile:
    """A tenant, its relay and the traps; `audit` runs the installed command against them."""

    folder: Path
    relay: Relay
    traps: tuple[Trap, ...]
    info: Mapping[str, str]
    """What the tenant says of itself (tenant.json)."""
    config: Path
    direct_config: Path
    run: Run = run_anew
    count: int = 0

    def audit(
        self,
        hostile: tuple[str, ...],
        *,
        sign_in: bool = False,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = _COMMAND,
    ) -> tuple[int, Path, str, int, int]:
        """Exit code, run, what was printed, secrets caught, connections caught."""
        self.count += 1
        self.relay.hostile = hostile
        self.relay.played.clear()
        for one in self.traps:
            one.caught.clear()
        before = len(self.relay.strangers)
        run, home = self.folder / f"run-{self.count}", self.folder / "home"
        home.mkdir(exist_ok=True)
        proxy = f"http://127.0.0.1:{self.traps[-1].port}"
        kept = {
            name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ
        }
        done = self.run(
            [*command, "audit", "--config", str(self.config if sign_in else self.direct_config), "--run", str(run)],
            {
                **kept, "HOME": str(home), "USERPROFILE": str(home), "NO_COLOR": "1",
                "PHOTO_AUDITOR_NETWORK_PACE": "none", "HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "ALL_PROXY": proxy,
                **(env or {}),
            },
        )  # fmt: skip
        caught = [data for one in self.traps for data in one.caught]
        secrets = sum(bool(_SECRETS.search(data)) for data in caught) + len(self.relay.strangers) - before
        return done.returncode, run, done.stdout + done.stderr, secrets, len(caught)


@contextlib.contextmanager
def hostile_tenant(
    folder: Path,
    users: int = 120,
    seed: int = 4,
    *,
    words: Sequence[str] = (),
    relay_of: type[Relay] = Relay,
    run: Run = run_anew,
    begin: Begin = begin_anew,
) -> Iterator[Hostile]:
    """A simulated tenant (`words`: more options of `simulate`) behind a relay, with the traps set.

    `run` and `begin` start the processes.
    """
    out = folder / "tenant"
    command = [*_COMMAND, "simulate", "--users", str(users), "--seed", str(seed), "--out", str(out), *words]
    process = begin(command, folder)
    assert process.stdout is not None
    try:
        info = json.loads(process.stdout.readline() or "{}")
        if not info:
            raise SystemExit("the simulated tenant did not start")
        text = Path(info["config_file"]).read_text(encoding="utf-8")
        names = ("graph", "exchange", "sharepoint", "sharepoint_my", "sharepoint_my_satellite", "yammer", "yammer_cdn")
        true = {name: info[name] for name in names} | {"identity": info["authority"].rpartition("/")[0]}
        listed = [json.loads(line) for line in Path(info["users_file"]).read_text(encoding="utf-8").splitlines()]
        everyone = [{"id": u["id"], "upn": u["userPrincipalName"], "mail": u["mail"]} for u in listed if u["inScope"]]
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost", "evil.example").configure_cert(context)
        with trap(context) as tls, trap(None) as plain, trap(None) as proxy:
            relay = relay_of(true, everyone, {"tls": tls.port, "plain": plain.port})
            with relayed(relay, authority, Path(info["ca_bundle"])):
                bundle = out / "both.pem"
                bundle.write_bytes(Path(info["ca_bundle"]).read_bytes() + authority.cert_pem.bytes())
                text = text.replace('"ca-bundle.pem"', '"both.pem"')
                for name, origin in true.items():
                    if name != "identity":
                        text = text.replace(f'"{origin}"', f'"{relay.seen[name]}"')
                direct, config = out / "direct.toml", out / "relayed.toml"
                direct.write_text(text, encoding="utf-8")
                config.write_text(
                    text.replace(f'"{true["identity"]}"', f'"{relay.seen["identity"]}"'), encoding="utf-8"
                )
                yield Hostile(folder, relay, (tls, plain, proxy), info, config, direct, run)
    finally:
        process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
        process.wait(60)


Rows = dict[tuple[str, str], dict[str, str]]


def rows_of(run: Path) -> Rows:
    """The report's observations by user and workload."""
    with (run / "report" / "observations.csv").open(encoding="utf-8-sig", newline="") as file:
        return {(row["user_id"], row["workload"]): row for row in csv.DictReader(file)}


NO_COPY = {"absent", "not_provisioned"}


def play(tenant: Hostile, tricks: tuple[str, ...] = TRICKS) -> Iterator[Case]:
    """Every place with every trick; where a trick needs an audit of its own, only `tricks`."""
    code, run, told, secrets, elsewhere = tenant.audit(())
    if code not in {0, 1}:
        raise SystemExit(f"the audit of the honest tenant ended with {code}:\n{told}")
    honest = rows_of(run)
    yield Case("(none)", "", secrets, elsewhere, f"exit {code}", 0)
    for places in TOGETHER:
        code, run, _, secrets, elsewhere = tenant.audit(places)
        now = rows_of(run)
        for place in places:
            for trick in TRICKS:
                users = [user for (where, user), one in tenant.relay.played.items() if (where, one) == (place, trick)]
                keys = [(user, WORKLOAD_OF[place]) for user in users]
                found = [(now[key]["status"], now[key]["reason"]) for key in keys if key in now]
                said = ", ".join(f"{n} × {' '.join(one).strip()}" for one, n in sorted(Counter(found).items()))
                false = sum(
                    now[key]["status"] in NO_COPY and honest[key]["status"] not in NO_COPY for key in keys if key in now
                )
                yield Case(place, trick, secrets, elsewhere, f"{said or 'nobody'}; exit {code}", false)
    for place in ONE_BY_ONE:
        for trick in tricks:
            tenant.relay.tricks = (trick,)
            code, run, told, secrets, elsewhere = tenant.audit((place,), sign_in=place != "@odata.nextLink")
            tenant.relay.tricks = TRICKS
            false = 0
            if (run / "report" / "observations.csv").exists():
                false = sum(
                    row["status"] in NO_COPY for key, row in rows_of(run).items() if honest.get(key, row) is row
                )
            line = next((one for one in told.splitlines() if one.strip()), "")
            yield Case(place, trick, secrets, elsewhere, f"exit {code}: {line.strip()[:90]}", false)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=120)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    tricks = TRICKS[::8] if given.quick else TRICKS
    cases = []
    with tempfile.TemporaryDirectory() as folder, hostile_tenant(Path(folder), given.users, given.seed) as tenant:
        print(f"{'place':<30} {'points to':<48} {'tokens':>6} {'else':>5} {'falsely absent':>14}  the audit said")
        for case in play(tenant, tricks):
            cases.append(case)
            shown = case.trick.encode("unicode_escape").decode()
            counts = f"{case.tokens:>6} {case.elsewhere:>5} {case.falsely_absent:>14}"
            print(f"{case.place:<30} {shown:<48} {counts}  {case.said}", flush=True)
        received = {audience: sorted(names) for audience, names in sorted(tenant.relay.audiences.items())}
    print(f"\n{len(cases)} cases: {sum(c.tokens for c in cases)} tokens at a foreign origin,")
    print(f"{sum(c.elsewhere for c in cases)} requests outside the allowed hosts,")
    print(f"{sum(c.falsely_absent for c in cases)} copies falsely absent. Which origin received tokens for whom:")
    for audience, names in received.items():
        print(f"  {audience}: {', '.join(names)}")


if __name__ == "__main__":
    main()
