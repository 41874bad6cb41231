"""A real TLS server on loopback whose answers a test writes down."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

Reply = tuple[int, dict[str, str], bytes]
Script = Callable[[str, dict[str, str], int], Reply]


@dataclass
class Server:
    """An origin; `seen` holds the path and headers (lower case) of every request."""

    origin: str
    script: list[Script] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def answers(self, script: Script) -> None:
        """From now on answer with `script(path, headers, number of this request)`."""
        self.script[:] = [script]
        self.seen.clear()
        self.bodies.clear()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def start(authority: trustme.CA) -> Iterator[Callable[[], Server]]:
    running: list[ThreadingHTTPServer] = []

    def make() -> Server:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.bodies.append(self.rfile.read(int(headers.get("content-length", 0))))
                server.seen.append((self.path, headers))
                status, sent, body = server.script[0](self.path, headers, len(server.seen))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **sent}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815  the name that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.socket = context.wrap_socket(http.socket, server_side=True)
        server = Server(f"https://127.0.0.1:{http.server_address[1]}")
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        running.append(http)
        return server

    yield make
    for http in running:
        http.shutdown()
        http.server_close()
