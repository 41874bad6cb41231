"""Viva Engage of the simulated tenant and its pictures, held against the wire files and the published captures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


def said(response: Any) -> Any:
    return json.loads(response.body)


def users(simulated: Any) -> Any:
    return said(simulated.ask("yammer", "/api/v1/users.json"))


def test_a_page_of_users(simulated: Any, wire: Any, shape: Any, contracts: Path) -> None:
    found, expected = users(simulated), wire("yammer/users.json")
    published = json.loads((contracts / "captures" / "yammer-users.json").read_text())
    assert shape(found) == shape(expected) == shape(published)
    assert list(found[0]) == list(expected[0]) == list(published[0])
    assert isinstance(found[0]["admin"], str)
    assert isinstance(found[0]["id"], int)


def test_pages_end_with_an_empty_one(simulated: Any) -> None:
    assert len(users(simulated)) == 14
    assert said(simulated.ask("yammer", "/api/v1/users.json?page=2")) == []


def test_one_user(simulated: Any, wire: Any, shape: Any, contracts: Path) -> None:
    found = said(simulated.ask("yammer", "/api/v1/users/1001.json"))
    published = json.loads((contracts / "captures" / "yammer-user.json").read_text())
    assert shape(found) == shape(wire("yammer/user.json")) == shape(published)
    assert said(simulated.ask("yammer", "/api/v1/users/current.json"))["id"] == 1001
    assert simulated.ask("yammer", f"/api/v1/users/{simulated.id_of('adele')}.json").status == 404


def test_by_email(simulated: Any, wire: Any, shape: Any) -> None:
    found = said(simulated.ask("yammer", "/api/v1/users/by_email.json?email=ADELE%40contoso.com"))
    assert shape(found) == shape(wire("yammer/by-email.json"))
    assert found[0]["id"] == 1001
    assert simulated.ask("yammer", "/api/v1/users/by_email.json?email=nobody%40contoso.com").status == 404


def test_only_signed_in_users_may_ask(simulated: Any, same_error: Any) -> None:
    target = "/api/v1/users.json"
    for token in (simulated.app_token("yammer"), simulated.app_token("graph"), "garbage", None):
        same_error(simulated.ask("yammer", target, token), 401, "yammer/token-not-found.json")
    assert simulated.ask("yammer", target, simulated.services.yammer_token).status == 200


def test_no_engage(simulate: Any, same_error: Any) -> None:
    without = simulate(engage=False)
    same_error(without.ask("yammer", "/api/v1/users.json"), 401, "yammer/token-not-found.json")


# Pictures


def test_pictures_have_signed_addresses(simulated: Any, wire: Any) -> None:
    user, expected = users(simulated)[0], wire("yammer/users.json")[0]
    for name in ("mugshot_url", "mugshot_url_template"):
        found, wanted = urlsplit(user[name]), urlsplit(expected[name])
        assert list(parse_qs(found.query)) == list(parse_qs(wanted.query))
        assert found.path.rpartition("/")[0] == wanted.path.rpartition("/")[0]
        assert f"{found.scheme}://{found.netloc}" == "https://127.0.0.1:44007"
    template = user["mugshot_url_template"]
    large = simulated.ask("yammer_cdn", template.replace("{width}x{height}", "648x648"), None)
    assert (large.status, large.body) == (200, b"adele/yammer/120x120")
    assert simulated.ask("yammer_cdn", user["mugshot_url"], None).body == b"adele/yammer/48x48"


def test_no_photo(simulated: Any) -> None:
    user = next(user for user in users(simulated) if user["id"] == 1004)
    assert user["show_ask_for_photo"] is True
    assert urlsplit(user["mugshot_url"]).path == "/mugshot/images/no_photo.png"
    assert user["mugshot_redirect_url"].endswith("/mugshot/images/redirect/48x48/no_photo.png")
    picture = simulated.ask("yammer_cdn", user["mugshot_url"], None)
    assert (picture.status, picture.content_type) == (200, "image/png")


@pytest.mark.parametrize(
    ("old", "new"), [("P1=", "P1=1"), ("P4=", "P4=x"), ("/images/0", "/images/1"), ("?P1=", "?Q1=")]
)
def test_addresses_cannot_be_changed(simulated: Any, old: str, new: str) -> None:
    url = users(simulated)[0]["mugshot_url"].replace(old, new, 1)
    assert simulated.ask("yammer_cdn", url, None).status == 403


def test_addresses_expire(simulate: Any) -> None:
    expired = simulate(mugshot_lifetime=-2)
    assert expired.ask("yammer_cdn", users(expired)[0]["mugshot_url"], None).status == 403


def test_the_network_takes_no_token(simulated: Any) -> None:
    assert simulated.ask("yammer_cdn", users(simulated)[0]["mugshot_url"], "any").status == 400


def test_redirects_lead_to_fresh_addresses(simulated: Any) -> None:
    response = simulated.ask("yammer", users(simulated)[0]["mugshot_redirect_url"], None)
    assert response.status == 302
    assert simulated.ask("yammer_cdn", response.header("Location"), None).status == 200
