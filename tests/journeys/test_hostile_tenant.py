"""An audit of a tenant that points elsewhere: nothing reaches the traps, and what was not read is unknown, aloud."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.hostile_tenant import ONE_BY_ONE, TOGETHER, TRICKS, Case, Hostile, play
from tests.relay import hostile_tenant

pytestmark = pytest.mark.timeout(900)  # the first test waits for eight audits
USERS = 2 * len(TRICKS)
"""Everyone has a photo everywhere, so that every trick meets two; some have it on a satellite."""
QUICK = (TRICKS[6],)
"""For places where a trick takes an audit of its own; `benchmarks/hostile_tenant.py` plays them all."""


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with hostile_tenant(
        tmp_path_factory.mktemp("hostile"), users=USERS, seed=4, words=("--scenarios", "in_step")
    ) as running:
        yield running


@pytest.fixture(scope="module")
def cases(tenant: Hostile) -> list[Case]:
    return list(play(tenant, QUICK))


PLACES = [place for places in TOGETHER for place in places] + list(ONE_BY_ONE)


@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_link_of_this_place_points_no_token_and_no_request_arrives(cases: list[Case], place: str) -> None:
    mine = [case for case in cases if case.place == place]
    assert mine
    assert [case for case in mine if case.tokens or case.elsewhere] == []


@pytest.mark.parametrize("place", PLACES)
def test_a_copy_behind_a_link_that_points_elsewhere_is_never_called_absent(cases: list[Case], place: str) -> None:
    assert [case for case in cases if case.place == place and case.falsely_absent] == []


def test_every_case_was_played_to_somebody(cases: list[Case]) -> None:
    """With fewer users some tricks meet nobody, and would keep every promise above."""
    assert [case for case in cases if case.said.startswith("nobody")] == []


def test_a_list_that_goes_on_elsewhere_and_a_sign_in_elsewhere_end_the_audit_with_words(cases: list[Case]) -> None:
    for case in cases:
        if case.place in ONE_BY_ONE:
            assert case.said.startswith(("exit 3: photo-auditor: ", "exit 4: ")), case
            assert "unforeseen" not in case.said, case


def test_every_token_reaches_only_the_service_that_it_is_for(tenant: Hostile, cases: list[Case]) -> None:
    assert len(cases) > 100
    assert tenant.relay.audiences == {
        "https://graph.microsoft.com": {"graph"},
        "https://outlook.office365.com": {"exchange"},
        "https://contoso.sharepoint.com": {"sharepoint"},
        "https://contoso-my.sharepoint.com": {"sharepoint_my"},
        "https://contosoaus-my.sharepoint.com": {"sharepoint_my_satellite"},
        "https://www.yammer.com": {"yammer"},
    }
    assert tenant.relay.strangers == []


def test_the_traps_catch_what_does_go_elsewhere(tenant: Hostile) -> None:
    """Without this, a trap that hears nothing would make every promise above hold."""
    tls, plain, _ = tenant.traps
    tls.caught.clear()
    plain.caught.clear()
    context = ssl.create_default_context(cafile=str(tenant.folder / "tenant" / "both.pem"))
    for url in (
        f"https://127.0.0.1:{tls.port}/x",
        f"https://localhost:{tls.port}/x",
        f"http://127.0.0.1:{plain.port}/x",
    ):
        httpx.get(url, verify=context, headers={"Authorization": "Bearer abc"}, trust_env=False)
    assert len(tls.caught) == 2
    assert len(plain.caught) == 1
    assert all(b"Bearer abc" in data for data in tls.caught + plain.caught)
