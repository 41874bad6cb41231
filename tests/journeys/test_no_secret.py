"""No secret and no token in anything that an audit writes or prints, whatever the tenant does to it."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from auditor.cli.ending import place_of
from benchmarks.hostile_tenant import TOGETHER, Hostile, Relay
from tests.relay import hostile_tenant

CRASH = """
import itertools, sys, httpx
sent, count = httpx.AsyncClient.stream, itertools.count()
def stream(self, *given, **named):
    if next(count) == 25:
        raise ArithmeticError(repr((given, {name: str(one) for name, one in named.items()}, named.get("headers"))))
    return sent(self, *given, **named)
httpx.AsyncClient.stream = stream
from auditor.cli import main
main()
"""
"""An error that nobody foresaw, which quotes the request's token."""
DEBUG = {"PHOTO_AUDITOR_DEBUG": "1"}


def secrets_of(tenant: Hostile) -> set[str]:
    """Whatever lets its holder do something in this tenant, each also in parts."""
    key = Path(tenant.info["client_certificate"]).read_text()
    private = re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", key, re.DOTALL)
    assert private
    found = {tenant.info["client_secret"], tenant.info["yammer_token"], *tenant.relay.tokens, *tenant.relay.signed}
    found |= {line for line in private[1].split() if len(line) > 40}
    # A token's head says nothing; what it claims, and its signature, must be nowhere by themselves either.
    return {part for secret in found for part in (secret, *secret.split(".")[1:]) if len(part) >= 12}


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's name and bytes, and what stands in its cells where these are packed."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield str(file), file.name.encode() + b"\n" + file.read_bytes()
            if file.suffix == ".parquet":
                yield f"{file} (cells)", repr(pq.read_table(file).to_pylist()).encode("utf-8", "replace")


def leaks(secrets: set[str], places: list[tuple[str, bytes]]) -> list[str]:
    """In which places a secret stands, as it is, URL-quoted or in base64."""
    spelled = {
        form: secret
        for secret in secrets
        for form in (secret.encode(), quote(secret, safe="").encode(), base64.b64encode(secret.encode()).rstrip(b"="))
    }
    return [
        f"{place}: {len(secret)} characters"
        for place, data in places
        for form, secret in spelled.items()
        if form in data
    ]


def everything(tenant: Hostile, said: str) -> list[tuple[str, bytes]]:
    runs = [entry for entry in tenant.folder.iterdir() if entry.name.startswith("run-")]
    return [
        ("terminal", said.encode()),
        *(one for run in runs for one in written(run)),
        *written(tenant.folder / "home"),
    ]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with hostile_tenant(tmp_path_factory.mktemp("secrets"), users=24, seed=4) as running:
        yield running


@pytest.mark.parametrize(
    ("places", "secret"),
    [
        ((), False),
        (TOGETHER[0], False),
        *(
            pytest.param(*one, marks=pytest.mark.soak)
            for one in (((), True), (TOGETHER[1], False), (("@odata.nextLink",), True))
        ),
    ],
)
def test_nothing_that_is_written_or_printed_holds_a_secret(
    tenant: Hostile, places: tuple[str, ...], secret: bool
) -> None:
    env = DEBUG | ({"AZURE_CLIENT_SECRET": tenant.info["client_secret"]} if secret else {})
    code, run, said, caught, elsewhere = tenant.audit(places, sign_in=secret, env=env)
    assert code in {0, 1, 3, 4}, said
    assert (caught, elsewhere) == (0, 0)
    if not places or places in TOGETHER:
        # There was something to find: a token for each service (SharePoint's My Sites give none for a client secret),
        # signed links, and what proves who the app is.
        assert len(tenant.relay.audiences) >= (4 if secret else 6)
        assert len(tenant.relay.signed) > 3
        assert list(run.rglob("*.parquet"))
    assert leaks(secrets_of(tenant), everything(tenant, said)) == []


def test_an_error_that_nobody_foresaw_prints_where_it_happened_and_no_secret(tenant: Hostile) -> None:
    for env in ({}, DEBUG):
        code, _, said, *_ = tenant.audit((), env=env, command=[sys.executable, "-c", CRASH])
        assert code == 3
        assert "ArithmeticError" in said
        assert ("in _once" in said) is bool(env)
        assert tenant.relay.tokens
        assert leaks(secrets_of(tenant), everything(tenant, said)) == []


def test_a_tenant_that_fails_in_every_way_has_no_secret_written_or_printed(tmp_path: Path) -> None:
    with hostile_tenant(tmp_path, users=16, seed=4, words=("--faults", "hostile")) as failing:
        code, run, said, *_ = failing.audit((), env=DEBUG)
        assert code in {0, 1, 3, 4}, said
        assert failing.relay.tokens
        assert run.exists() or code == 3
        assert leaks(secrets_of(failing), everything(failing, said)) == []


def test_the_search_finds_a_secret_wherever_it_may_stand(tmp_path: Path, tenant: Hostile) -> None:
    secrets = {"s3cret-value/with+more"}
    (tmp_path / "plain").write_text("x s3cret-value/with+more y")
    (tmp_path / "quoted").write_text("?a=s3cret-value%2Fwith%2Bmore")
    (tmp_path / "coded").write_bytes(base64.b64encode(b"s3cret-value/with+more"))
    (tmp_path / "none").write_text("nothing")
    assert {one.rpartition(":")[0].rpartition("/")[2] for one in leaks(secrets, list(written(tmp_path)))} == {
        "plain", "quoted", "coded",
    }  # fmt: skip
    noted = Relay({}, [], {})
    noted.note(b"client_id=1&client_assertion=eyJhbGciOi.eyJh.c2ln&x=1", b'{"access_token": "abcdefghijklmnop"}')
    assert noted.signed == {"eyJhbGciOi.eyJh.c2ln", "abcdefghijklmnop"}
    noted.tokens.add("head." + "claims" * 4 + "." + "sig" * 9)
    assert "claims" * 4 in secrets_of(replace(tenant, relay=noted))


def test_a_place_of_an_error_quotes_none_of_the_errors_behind_it() -> None:
    try:
        try:
            raise KeyError("hunter2")
        except KeyError as error:
            raise ValueError("Bearer hunter2") from error
    except ValueError as error:
        told = place_of(error)
    assert "hunter2" not in told.replace('raise KeyError("hunter2")', "").replace(
        'raise ValueError("Bearer hunter2")', ""
    )
    assert "KeyError" in told
    assert told.endswith("ValueError")
