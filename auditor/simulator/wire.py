"""Below HTTP: connections that are refused, broken off, or that say other than they promised."""

from __future__ import annotations

import asyncio
import http
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from auditor.simulator.asgi import Receive, Response, Scope, Send, on_the_wire

TRANSPORT = "simulated_tenant.transport"
"""Under this name a request's scope holds the transport it came by."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""
_BEFORE_RESET = 0.02
"""Seconds in which what was sent reaches the other side, before the reset overtakes it."""


class Connection(H11Protocol):
    """uvicorn's protocol, which lets the application at the transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport on with every request."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, TRANSPORT: transport}, receive, send)

        self.app = with_transport


class Listener(socket.socket):
    """A listening socket that can refuse: the connection is accepted and reset before TLS begins.

    Event loops that accept without asking the socket (Windows) refuse nothing.
    """

    refuses: Callable[[], bool] = staticmethod(lambda: False)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that is not refused."""
        connection, address = super().accept()
        if self.refuses():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
            raise ConnectionAbortedError("refused on purpose")
        return connection, address


async def reset(scope: Scope, receive: Receive) -> None:
    """Break the connection off."""
    transport: asyncio.Transport = scope[TRANSPORT]
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
    await _gone(receive)


async def reset_inside(scope: Scope, receive: Receive, response: Response) -> None:
    """Send half of the body, then break the connection off."""
    scope[TRANSPORT].write(_head(response, len(response.body)) + response.body[: len(response.body) // 2])
    await asyncio.sleep(_BEFORE_RESET)
    await reset(scope, receive)


async def send_short(scope: Scope, receive: Receive, response: Response) -> None:
    """Send half of the body that Content-Length promises, and end the connection."""
    await _send(scope, receive, _head(response, len(response.body)) + response.body[: len(response.body) // 2])


async def send_chunks_short(scope: Scope, receive: Receive, response: Response) -> None:
    """Send one chunk with half of the body, and end the connection without the last chunk."""
    half = response.body[: (len(response.body) + 1) // 2]
    await _send(scope, receive, _head(response, None) + f"{len(half):x}\r\n".encode() + half + b"\r\n")


async def send_under_promise(scope: Scope, receive: Receive, response: Response) -> None:
    """Send the whole body under a Content-Length of half of it."""
    await _send(scope, receive, _head(response, len(response.body) // 2) + response.body)


async def drip(send: Send, response: Response, method: str, seconds: float) -> None:
    """Send the body in twenty pieces over this time."""
    headers, body = on_the_wire(response, method)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    size = max(1, -(-len(body) // 20))
    pieces = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    for piece in pieces:
        await asyncio.sleep(seconds / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send(scope: Scope, receive: Receive, content: bytes) -> None:
    transport: asyncio.Transport = scope[TRANSPORT]
    transport.write(content)
    transport.close()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until the connection is closed: the server then knows that no answer is to come."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _head(response: Response, length: int | None) -> bytes:
    """Status line and headers; without a length in chunks."""
    headers = [(name, value) for name, value in on_the_wire(response, "GET")[0] if name != b"content-length"]
    framing = (b"transfer-encoding", b"chunked") if length is None else (b"content-length", str(length).encode())
    lines = [b"%s: %s" % pair for pair in (*headers, framing, (b"connection", b"close"))]
    phrase = http.HTTPStatus(response.status).phrase
    return b"\r\n".join([f"HTTP/1.1 {response.status} {phrase}".encode(), *lines, b"", b""])
