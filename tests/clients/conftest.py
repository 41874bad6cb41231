"""What the client programs are pointed at: a plain tenant, whose every user any of them can read."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

USERS = int(os.environ.get("PHOTO_AUDITOR_CLIENT_USERS", "60"))


@pytest.fixture(scope="session")
def plain(tenant: Callable[..., Any]) -> Any:
    """A running tenant with only what any client can read."""
    return tenant(users=USERS, seed=11, scenarios="plain", request_log=True)


@pytest.fixture(scope="session")
def digests(plain: Any) -> dict[str, dict[str, str]]:
    """By workload: the sha256 of each user's picture as truth.csv has it, empty where there is none."""
    found: dict[str, dict[str, str]] = {}
    for row in plain.truth():
        found.setdefault(row["workload"], {})[row["user_id"]] = row["sha256"]
    return found


@pytest.fixture(scope="session")
def statuses(plain: Any) -> dict[str, dict[str, str]]:
    """By workload: the status of each user."""
    found: dict[str, dict[str, str]] = {}
    for row in plain.truth():
        found.setdefault(row["workload"], {})[row["user_id"]] = row["status"]
    return found


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


@pytest.fixture
def trusting(plain: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The plain tenant, with its authority trusted by requests and by whatever else reads the environment."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, plain.info["ca_bundle"])
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return plain
