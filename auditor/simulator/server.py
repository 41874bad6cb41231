"""Serving a simulated tenant: every service on its own loopback origin, over TLS, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trustme
import uvicorn

from auditor.simulator.faults import FAULTS_FILE
from auditor.simulator.handout import REQUESTS_FILE, write_handout
from auditor.simulator.misbehaving import MISBEHAVED_FILE
from auditor.simulator.services import ORIGINS, Options, Services, make_services
from auditor.simulator.tenant import Tenant
from auditor.simulator.wire import Connection, Listener

LOOPBACK = "127.0.0.1"
_PATIENCE = 20.0


class PortInUseError(Exception):
    """A port that was asked for is taken."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} on {LOOPBACK} is in use or may not be used.")
        self.port = port


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve, besides how the services behave."""

    options: Options = field(default_factory=Options)
    base_port: int | None = None
    """The first of eight consecutive ports; None for free ones."""
    request_log: bool = False


_TICK = 0.5
"""Seconds between two looks of an idle origin: the date that it tells is renewed, and it learns that it is to end."""


class _Server(uvicorn.Server):
    """One origin. Signals are handled once for all origins, not by each."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        # Eight origins that each look ten times a second whether they are to end would keep an idle tenant busy.
        while not await self.on_tick(0):  # noqa: ASYNC110 - uvicorn has a flag for the end, no event
            await asyncio.sleep(_TICK)


@dataclass(frozen=True)
class _Tenancy:
    """A tenant whose sockets are open but not served yet."""

    services: Services
    sockets: dict[str, Listener]
    origins: dict[str, str]
    authority: trustme.CA


def serve(tenant: Tenant, serving: Serving, out: Path, announce: Callable[[dict[str, str]], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` gets the content of tenant.json once every origin answers."""
    out.mkdir(parents=True, exist_ok=True)
    tenancy = _prepare(tenant, serving)

    async def run() -> None:
        stop = asyncio.Event()
        with _signals(stop):
            await _serve(tenancy, serving, out, stop, announce)

    asyncio.run(run())


@contextlib.contextmanager
def running_tenant(tenant: Tenant, serving: Serving, out: Path) -> Iterator[dict[str, str]]:
    """Serve in a thread of this process; gives the content of tenant.json."""
    out.mkdir(parents=True, exist_ok=True)
    tenancy = _prepare(tenant, serving)
    ready = threading.Event()
    info: dict[str, str] = {}
    failure: list[BaseException] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def announce(content: dict[str, str]) -> None:
        info.update(content)
        ready.set()

    def work() -> None:
        try:
            loop.run_until_complete(_serve(tenancy, serving, out, stop, announce))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            failure.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=work, name="simulated-tenant", daemon=True)
    thread.start()
    ready.wait()
    if failure:
        raise failure[0]
    try:
        yield info
    finally:
        if not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=_PATIENCE)


def _prepare(tenant: Tenant, serving: Serving) -> _Tenancy:
    sockets = _bind(serving.base_port)
    origins = {name: f"https://{LOOPBACK}:{sock.getsockname()[1]}" for name, sock in sockets.items()}
    services = make_services(tenant, origins, serving.options)
    if services.faults is not None:
        for name, sock in sockets.items():
            sock.refuses = partial(services.faults.refuses, name)
    return _Tenancy(services, sockets, origins, trustme.CA(organization_name="photo-auditor simulated tenant"))


def _bind(base_port: int | None) -> dict[str, Listener]:
    sockets: dict[str, Listener] = {}
    try:
        for offset, name in enumerate(ORIGINS):
            port = 0 if base_port is None else base_port + offset
            sockets[name] = _bound(port)
    except BaseException:
        for sock in sockets.values():
            sock.close()
        raise
    return sockets


def _bound(port: int) -> Listener:
    sock = Listener(socket.AF_INET, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        # On Windows SO_REUSEADDR would let two processes share the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
        # Listening at once finds a port that somebody else listens on.
        sock.listen(256)
    except (OSError, OverflowError) as error:
        sock.close()
        raise PortInUseError(port) from error
    sock.setblocking(False)
    return sock


async def _serve(
    tenancy: _Tenancy, serving: Serving, out: Path, stop: asyncio.Event, announce: Callable[[dict[str, str]], None]
) -> None:
    context = _tls(tenancy.authority)
    servers = {name: _server(tenancy, name, context) for name in ORIGINS}
    tasks = [asyncio.create_task(server.serve(sockets=[tenancy.sockets[name]])) for name, server in servers.items()]
    try:
        ca = tenancy.authority.cert_pem.bytes()
        info = await asyncio.to_thread(write_handout, tenancy.services, tenancy.origins, ca, out)
        await _until_answering(tenancy, tasks)
        if serving.request_log:
            tenancy.services.log.open(out / REQUESTS_FILE)
        if tenancy.services.faults is not None:
            tenancy.services.faults.begin(out / FAULTS_FILE)
        if tenancy.services.misbehaving is not None:
            tenancy.services.misbehaving.begin(out / MISBEHAVED_FILE)
        if not stop.is_set():
            announce(info)
        await _first(stop, tasks)
    finally:
        for server in servers.values():
            server.should_exit = True
            server.force_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)
        tenancy.services.log.close()
        if tenancy.services.faults is not None:
            tenancy.services.faults.close()
        if tenancy.services.misbehaving is not None:
            tenancy.services.misbehaving.close()


def _server(tenancy: _Tenancy, name: str, context: ssl.SSLContext) -> _Server:
    config = uvicorn.Config(
        tenancy.services.services[name],
        http=Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        # A filter that names many ids makes a long address.
        h11_max_incomplete_event_size=64 * 1024,
        ssl_context_factory=lambda _config, _default: context,
    )
    return _Server(config)


def _tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(LOOPBACK, "localhost").configure_cert(context)
    return context


async def _until_answering(tenancy: _Tenancy, tasks: list[asyncio.Task[None]]) -> None:
    """Wait until every origin has answered a real request."""
    trusting = ssl.create_default_context(cadata=tenancy.authority.cert_pem.bytes().decode("ascii"))
    for name in ORIGINS:
        port = tenancy.sockets[name].getsockname()[1]
        async with asyncio.timeout(_PATIENCE):
            while not await _answers(port, trusting):
                for task in tasks:
                    if task.done():
                        task.result()
                        raise RuntimeError(f"The simulated {name} ended before it answered.")
                await asyncio.sleep(0.05)


async def _answers(port: int, trusting: ssl.SSLContext) -> bool:
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=trusting)
    except OSError:
        return False
    try:
        writer.write(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return (await reader.readline()).startswith(b"HTTP/1.1 ")
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _first(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the stop, or for an origin that ends without one."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in wanted:
            loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # Windows
        for number in wanted:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        yield
        return
    yield
    for number in wanted:
        loop.remove_signal_handler(number)
