"""The simulated tenant as a process: its one line, its files, its ports and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from auditor.simulator.population import make_tenant
from auditor.simulator.server import Serving, running_tenant
from auditor.simulator.services import ORIGINS, Options

KEYS = [
    "tenant_id",
    "client_id",
    "client_secret",
    "client_certificate",
    "delegated_client_id",
    "authority",
    "graph",
    "exchange",
    "sharepoint",
    "sharepoint_my",
    "sharepoint_my_satellite",
    "yammer",
    "yammer_cdn",
    "yammer_token",
    "ca_bundle",
    "users_file",
    "truth_file",
    "config_file",
]


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auditor.cli.simulate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_line_the_files_and_the_end(tenant: Any) -> None:
    running = tenant(users=20, seed=5, fresh=True, request_log=True)
    assert list(running.info) == KEYS
    assert json.loads((running.dir / "tenant.json").read_text()) == running.info
    assert running.info["authority"].endswith("/" + running.info["tenant_id"])
    for name in ("client_certificate", "ca_bundle", "users_file", "truth_file", "config_file"):
        assert Path(running.info[name]).is_absolute()
        assert Path(running.info[name]).is_file()
    assert Path(running.info["client_certificate"]).read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert (running.dir / "yammer-token.txt").read_text().strip() == running.info["yammer_token"]
    assert len(running.users()) == 20
    assert len(running.truth()) == 80
    assert {"id", "userPrincipalName", "mail"} <= running.users()[0].keys()
    if os.name == "posix":
        for name in ("client.pem", "yammer-token.txt", "tenant.json"):
            assert stat.S_IMODE((running.dir / name).stat().st_mode) == 0o600
    trusting = ssl.create_default_context(cafile=running.info["ca_bundle"])
    with httpx.Client(verify=trusting) as client:
        assert client.get(running.info["graph"] + "/v1.0/users?$top=1").status_code == 401
        headers = {"Authorization": f"Bearer {running.info['yammer_token']}"}
        url = running.info["yammer"].replace("127.0.0.1", "localhost") + "/api/v1/users.json"
        assert client.get(url, headers=headers).status_code == 200
    first, second = running.requests()
    assert (first["origin"], first["path"], first["status"]) == ("graph", "/v1.0/users", 401)
    assert (first["method"], first["query"], first["authorization"]) == ("GET", "$top=1", False)
    assert (second["origin"], second["authorization"]) == ("yammer", True)
    assert running.info["yammer_token"] not in (running.dir / "requests.jsonl").read_text()
    assert running.stop() == 0
    assert running.stderr.read_text() == ""


@pytest.mark.parametrize(("speed", "pace"), [(None, "none"), (1.0, None)])
def test_its_settings_hold_back_only_where_it_keeps_limits(
    tmp_path: Path, speed: float | None, pace: str | None
) -> None:
    made = make_tenant(5, 1, photos=None, scenarios=None, photo_store="split")
    with running_tenant(made, Serving(Options(throttle_speed=speed)), tmp_path) as info:
        settings = tomllib.loads(Path(info["config_file"]).read_text(encoding="utf-8"))
    assert settings["network"].get("pace") == pace


def test_sigterm_ends_it_too(tenant: Any) -> None:
    running = tenant(users=5, seed=5, fresh=True)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0
    assert running.process.stdout.read() == ""


def test_the_settings_file(tenant: Any) -> None:
    running = tenant(users=20, seed=5)
    settings = tomllib.loads(running.config.read_text())
    assert settings["tenant"]["id"] == running.info["tenant_id"]
    assert settings["sign_in"] == {
        "client_id": running.info["client_id"],
        "certificate": "client.pem",
        "delegated_client_id": running.info["delegated_client_id"],
        "authority": running.info["authority"].rpartition("/")[0],
    }
    assert settings["entra"] == {"origin": running.info["graph"], "audience": "https://graph.microsoft.com"}
    assert [site["origin"] for site in settings["sharepoint"]["my_sites"]] == [
        running.info["sharepoint_my"],
        running.info["sharepoint_my_satellite"],
    ]
    assert settings["yammer"]["picture_origins"] == [running.info["yammer_cdn"]]
    for name in (settings["network"]["ca_bundle"], settings["yammer"]["token_file"]):
        assert (running.dir / name).is_file()


def free_ports(count: int) -> int:
    """The first of so many consecutive ports that nobody listens on."""
    for base in range(20_000, 32_000, count):
        with contextlib.ExitStack() as held:
            try:
                for port in range(base, base + count):
                    held.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", port))))
            except OSError:
                continue
            return base
    raise AssertionError("no consecutive ports are free")


def test_consecutive_ports(tenant: Any) -> None:
    # Below the ports that the system hands out, which other tenants hold.
    base = free_ports(len(ORIGINS))
    running = tenant(users=5, seed=5, fresh=True, base_port=base)
    assert running.info["authority"].startswith(f"https://127.0.0.1:{base}/")
    assert running.info["yammer_cdn"] == f"https://127.0.0.1:{base + len(ORIGINS) - 1}"


def test_a_port_in_use(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ran = simulate("--users", "5", "--base-port", str(min(port, 65528)), "--out", str(tmp_path))
    assert ran.returncode == 3
    assert ran.stdout == ""
    assert "--base-port" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--users", "0"),
        ("--users", "many"),
        ("--photo-store", "nowhere"),
        ("--scenarios", "nonsense"),
        ("--without-role", "nonsense"),
        ("--photos", "/nowhere/at/all"),
        ("--base-port", "70000"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ran = simulate(*arguments, "--out", str(tmp_path))
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert ran.stderr


def test_in_this_process(tmp_path: Path) -> None:
    made = make_tenant(5, 2, photos=None, scenarios=["plain"], photo_store="split")
    with running_tenant(made, Serving(Options(ews=False)), tmp_path / "new" / "folder") as info:
        assert list(info) == KEYS
        trusting = ssl.create_default_context(cafile=info["ca_bundle"])
        with httpx.Client(verify=trusting) as client:
            answer = client.get(info["authority"] + "/v2.0/.well-known/openid-configuration")
            assert answer.json()["token_endpoint"] == info["authority"] + "/oauth2/v2.0/token"
    with pytest.raises(OSError, match=r"(?i)refused|reset"):
        socket.create_connection(("127.0.0.1", int(info["graph"].rpartition(":")[2])), timeout=5)


def test_the_same_seed_is_the_same_tenant(tenant: Any) -> None:
    first, second = tenant(users=20, seed=5), tenant(users=20, seed=5, fresh=True)
    assert first is not second
    assert first.truth() == second.truth()
    assert first.users() == second.users()


def test_a_question_that_breaks_off_was_never_asked(tenant: Any) -> None:
    """Whoever is killed in the middle of a request leaves no request behind."""
    running = tenant(users=5, seed=5, fresh=True, request_log=True)
    context = ssl.create_default_context(cafile=running.info["ca_bundle"])
    exchange = httpx.URL(running.info["exchange"])
    head = f"POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: {exchange.netloc.decode()}\r\nContent-Length: 500\r\n\r\n"
    with (
        socket.create_connection((exchange.host, exchange.port)) as plain,
        context.wrap_socket(plain, server_hostname=exchange.host) as connection,
    ):
        connection.sendall(head.encode() + b"<half")
    # The next connection is taken up after the end of that one.
    asked = httpx.post(f"{running.info['exchange']}/EWS/Exchange.asmx", content=b"<all/>", verify=context)
    running.stop()
    assert [(one["origin"], one["status"]) for one in running.requests()] == [("exchange", asked.status_code)]
    assert running.stderr.read_text() == ""
