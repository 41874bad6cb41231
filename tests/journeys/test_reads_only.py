"""Whatever an audit asks is a read: every request of whole audits, as the simulated tenant saw them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.journeys.conftest import Command
from tests.relay import hostile_tenant

SIGN_IN = re.compile(r"/oauth2/v2\.0/(token|devicecode|authorize)$")
"""Where a token is asked for; what is posted there changes nothing in the tenant."""


def could_write(request: dict[str, Any], origin: str) -> bool:
    """Whether a request could change something: anything but GET, and the reads that services only offer as POST."""
    if request["method"] == "GET":
        return False
    path = request["path"]
    if request["method"] != "POST" or request["in_batch"]:
        return True
    if origin == "identity":
        return not SIGN_IN.search(path)
    if origin == "graph":
        return not path.endswith("/$batch")  # its steps have rows of their own
    return not (origin == "exchange" and path.lower() == "/ews/exchange.asmx")


@pytest.mark.parametrize(
    "options",
    [{}, pytest.param({"faults": "hostile"}, marks=pytest.mark.soak), {"ews": "off"}],
    ids=["ordinary", "failing", "EWS off"],
)
def test_no_request_of_an_audit_could_write(tenant: Any, command: Command, options: dict[str, str]) -> None:
    served = tenant(users=20, seed=12, request_log=True, fresh=True, **options)
    done = command("audit", "--config", served.config, "--include", "guests,shared,rooms,disabled")
    asked = served.requests()
    assert len(asked) > 80, done.err
    assert {one["origin"] for one in asked} >= {"identity", "graph", "exchange", "sharepoint", "yammer"}
    assert [one for one in asked if could_write(one, one["origin"])] == []
    assert any(one["in_batch"] for one in asked)


@pytest.mark.parametrize("protocol", ["soap", "rest"])
def test_every_question_to_exchange_is_for_a_photo(command: Command, protocol: str) -> None:
    """A SOAP request says in its body what it does: what was sent is seen by what stands between."""
    with hostile_tenant(command.folder, users=8, seed=3) as relayed:
        text = relayed.direct_config.read_text(encoding="utf-8")
        relayed.direct_config.write_text(text.replace("[exchange]\n", f'[exchange]\nprotocol = "{protocol}"\n'))
        relayed.audit(())
        asked = [(path, body) for name, path, body in relayed.relay.asked if name == "exchange"]
        assert len(asked) > 5
        for path, body in asked:
            if body:
                assert re.findall(rb"<(?:soap:)?Body><m:(\w+)>", body) == [b"GetUserPhoto"]
            else:
                assert path.startswith("/EWS/Exchange.asmx/s/GetUserPhoto?")
        assert all(bool(body) is (protocol == "soap") for _, body in asked[:3])
        steps = [body for name, _, body in relayed.relay.asked if name == "graph" and body]
        assert steps
        assert all(set(re.findall(rb'"method": ?"(\w+)"', body)) == {b"GET"} for body in steps)


def test_the_check_sees_a_write() -> None:
    for method, path, origin, in_batch in (
        ("PUT", "/v1.0/users/1/photo/$value", "graph", False),
        ("PATCH", "/v1.0/users/1", "graph", True),
        ("POST", "/v1.0/users", "graph", False),
        ("POST", "/_api/contextinfo", "sharepoint", False),
        ("DELETE", "/v1.0/users/1/photo", "graph", True),
        ("POST", "/common/oauth2/v2.0/logout", "identity", False),
    ):
        assert could_write({"method": method, "path": path, "in_batch": in_batch}, origin)
