"""SharePoint of the simulated tenant, held against the wire files and the published capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

MANAGER = "/_api/SP.UserProfiles.PeopleManager"
NOMETADATA = {"Accept": "application/json;odata=nometadata"}
VERBOSE = {"Accept": "application/json;odata=verbose"}


def said(response: Any) -> Any:
    return json.loads(response.body)


def profile(simulated: Any, upn: str, origin: str = "sharepoint", **options: Any) -> Any:
    target = f"{MANAGER}/GetPropertiesFor(accountName=@v)?@v={simulated.claim(upn)}"
    return simulated.ask(origin, target, **({"headers": NOMETADATA} | options))


def values(body: Any) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in body["UserProfileProperties"]}


# Profiles


def test_a_profile_with_a_picture(simulated: Any, wire: Any, shape: Any, contracts: Path) -> None:
    response = profile(simulated, "adele@contoso.com")
    body, expected = said(response), wire("sharepoint/person-properties.json")
    published = json.loads((contracts / "captures" / "sharepoint-person-properties.json").read_text())
    assert response.status == 200
    assert response.content_type.startswith("application/json;odata=nometadata")
    assert shape(body) == shape(expected)
    assert list(body) == list(expected) == list(published)
    assert list(values(body)) == list(values(expected)) == list(values(published))
    assert body["PictureUrl"] == f"{values(body)['PictureURL']}?t=63799442436"
    assert values(body)["msOnline-ObjectId"] == simulated.id_of("adele")


def test_a_profile_that_shows_the_placeholder(simulated: Any, wire: Any) -> None:
    body, expected = (
        said(profile(simulated, "stale@contoso.com")),
        wire("sharepoint/person-properties-placeholder.json"),
    )
    assert body["PictureUrl"] is expected["PictureUrl"] is None
    for found in (values(body), values(expected)):
        assert found["PictureURL"]
        assert found["SPS-PicturePlaceholderState"] == "1"


def test_a_profile_that_was_never_visited(simulated: Any) -> None:
    found = values(said(profile(simulated, "none@contoso.com")))
    for key in ("PictureURL", "SPS-PictureTimestamp", "SPS-PicturePlaceholderState", "SPS-PictureExchangeSyncState"):
        assert found[key] == ""


def test_flavours(simulated: Any, wire: Any, shape: Any) -> None:
    minimal = said(profile(simulated, "adele@contoso.com", headers={"Accept": "application/json"}))
    assert shape(minimal) == shape(wire("sharepoint/person-properties-minimal.json"))
    verbose = said(profile(simulated, "adele@contoso.com", headers=VERBOSE))
    assert shape(verbose) == shape(wire("sharepoint/person-properties-verbose.json"))
    results = verbose["d"]["UserProfileProperties"]["results"]
    assert all(item["__metadata"]["type"] == "SP.KeyValue" for item in results)


@pytest.mark.parametrize(
    "target",
    [
        MANAGER + "/GetPropertiesFor(accountName=@v)?@v={claim}",
        MANAGER + "/GetPropertiesFor(accountName=@v)?%40v={claim}",
        MANAGER.lower() + "/getpropertiesfor(@v)?%40v={claim}",
        MANAGER + "/GetPropertiesFor(accountName={claim})",
        "/sites/team" + MANAGER + "/GetPropertiesFor(accountName=@a)?@a={claim}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("upn", ["adele@contoso.com", "jörg@contoso.com"])
def test_the_forms_of_the_address(simulated: Any, target: str, method: str, upn: str) -> None:
    filled = target.format(claim=simulated.claim(upn))
    response = simulated.ask("sharepoint", filled, method=method, headers=NOMETADATA)
    assert said(response)["AccountName"] == f"i:0#.f|membership|{upn}"


def test_an_apostrophe_is_doubled(simulated: Any) -> None:
    assert said(profile(simulated, "o''brien@contoso.com"))["Email"] == "o'brien@contoso.com"


def test_an_alias_without_quotes_is_refused(simulated: Any) -> None:
    assert simulated.ask("sharepoint", f"{MANAGER}/GetPropertiesFor(accountName=@v)?@v=adele").status == 400


def test_one_property(simulated: Any, wire: Any, shape: Any) -> None:
    claim = simulated.claim("adele@contoso.com")
    target = f"{MANAGER}/GetUserProfilePropertyFor(accountName=@v,propertyName='PictureURL')?@v={claim}"
    body = said(simulated.ask("sharepoint", target, headers=NOMETADATA))
    assert shape(body) == shape(wire("sharepoint/property-for.json"))
    assert body["value"].endswith("_MThumb.jpg")


def test_one_member(simulated: Any) -> None:
    target = f"{MANAGER.lower()}/getpropertiesfor(@v)/personalsitehosturl?@v={simulated.claim('sydney@contoso.com')}"
    body = said(simulated.ask("sharepoint", target, headers=NOMETADATA))
    assert body["value"] == "https://127.0.0.1:44005/"


@pytest.mark.parametrize("upn", ["nobody@contoso.com", "onepixel@contoso.com", "by.mail@contoso.com"])
def test_no_profile(simulated: Any, wire: Any, upn: str) -> None:
    response = profile(simulated, upn)
    assert (response.status, said(response)) == (200, wire("sharepoint/no-profile.json"))
    assert said(profile(simulated, upn, headers=VERBOSE)) == wire("sharepoint/no-profile-verbose.json")


def test_no_profile_as_an_error(simulate: Any, same_error: Any) -> None:
    response = profile(simulate(unknown_profile="error_1000"), "nobody@contoso.com")
    same_error(response, 500, "sharepoint/no-profile-error.json")


def test_a_profile_of_the_satellite_geo(simulated: Any) -> None:
    reduced = said(profile(simulated, "sydney@contoso.com"))
    assert reduced["PictureUrl"] is None
    assert "PictureURL" not in values(reduced)
    assert not any(key.startswith("SPS-Picture") for key in values(reduced))
    host = urlsplit(reduced["PersonalSiteHostUrl"])
    assert f"{host.scheme}://{host.netloc}" == "https://127.0.0.1:44005"
    whole = said(profile(simulated, "sydney@contoso.com", "sharepoint_my_satellite"))
    assert unquote(values(whole)["PictureURL"]).startswith("https://127.0.0.1:44005/User Photos/Profilbilder/")


# Who may ask


def test_tokens_that_are_refused(simulated: Any, wire: Any, same_error: Any) -> None:
    secret = profile(simulated, "adele@contoso.com", token=simulated.app_token("sharepoint", by_secret=True))
    same_error(secret, 401, "sharepoint/unsupported-app-only-token.json")
    expected = wire("sharepoint/unsupported-app-only-token.headers.json")
    assert secret.header("x-ms-diagnostics") == expected["x-ms-diagnostics"]
    other = profile(simulated, "adele@contoso.com", token=simulated.app_token("graph"))
    same_error(other, 401, "sharepoint/invalid-issuer.json")
    assert other.header("x-ms-diagnostics") == wire("sharepoint/invalid-issuer.headers.json")["x-ms-diagnostics"]
    nothing = profile(simulated, "adele@contoso.com", token=simulated.app_token("sharepoint", roles={"Sites.Read.All"}))
    same_error(nothing, 403, "sharepoint/profile-permission-missing.json")
    garbage = profile(simulated, "adele@contoso.com", token="garbage")
    same_error(garbage, 401, "sharepoint/unsupported-security-token.json")
    assert profile(simulated, "adele@contoso.com", token=None).status == 401


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        ("sharepoint", {"sharepoint"}),
        ("sharepoint_my", {"sharepoint", "sharepoint_my"}),
        ("sharepoint_my_satellite", {"sharepoint", "sharepoint_my", "sharepoint_my_satellite"}),
    ],
)
def test_audiences(simulated: Any, origin: str, accepted: set[str]) -> None:
    for audience in ("sharepoint", "sharepoint_my", "sharepoint_my_satellite"):
        response = profile(simulated, "adele@contoso.com", origin, token=simulated.app_token(audience))
        assert (response.status == 200) is (audience in accepted), (origin, audience)


def test_a_signed_in_user_may_read_profiles(simulated: Any) -> None:
    assert profile(simulated, "adele@contoso.com", token=simulated.user_token("sharepoint")).status == 200


# userphoto.aspx


def shown(simulated: Any, account: str, origin: str = "sharepoint_my", size: str = "L", more: str = "") -> Any:
    return simulated.ask(origin, f"/_layouts/15/userphoto.aspx?size={size}&accountname={quote(account)}{more}")


def followed(simulated: Any, response: Any, origin: str = "sharepoint_my") -> Any:
    assert response.status == 302
    return simulated.ask(origin, response.header("Location"), None)


def test_userphoto_redirects_to_a_time_limited_address(simulated: Any, wire: Any) -> None:
    response = shown(simulated, "adele@contoso.com")
    found, expected = (
        urlsplit(location)
        for location in (response.header("Location"), wire("sharepoint/userphoto-redirect.headers.json")["location"])
    )
    assert found.path == expected.path
    assert list(parse_qs(found.query)) == list(parse_qs(expected.query))
    picture = followed(simulated, response)
    assert (picture.status, picture.body) == (200, b"adele/sharepoint/300x300")
    stale = simulated.ask("sharepoint_my", response.header("Location").replace("_oat_=", "_oat_=1"), None)
    assert (stale.status, stale.body.decode()) == (403, wire("sharepoint/time-limited-url.txt"))


def test_sizes(simulated: Any) -> None:
    for size, side in (("S", 48), ("M", 72), ("L", 300)):
        picture = followed(simulated, shown(simulated, "i:0#.f|membership|adele@contoso.com", size=size))
        assert picture.body == f"adele/sharepoint/{side}x{side}".encode()


def test_nobody_s_picture_is_the_same_for_all(simulated: Any) -> None:
    for size in "SML":
        pictures = {
            followed(simulated, shown(simulated, name, size=size)).body
            for name in ("nobody@contoso.com", "none@contoso.com", "stale@contoso.com", "sydney@contoso.com")
        }
        assert len(pictures) == 1
    assert shown(simulated, "nobody@contoso.com", more="&default=none").status == 404
    assert shown(simulated, "adele@contoso.com", more="&default=none").status == 302


def test_the_satellite_shows_its_own(simulated: Any) -> None:
    origin = "sharepoint_my_satellite"
    picture = followed(simulated, shown(simulated, "sydney@contoso.com", origin), origin)
    assert picture.body == b"sydney/sharepoint/300x300"


# The library


def path_of(simulated: Any, name: str, size: str = "L") -> str:
    url = values(said(profile(simulated, f"{name}@contoso.com", "sharepoint_my")))["PictureURL"]
    return unquote(urlsplit(url).path).replace("_MThumb", f"_{size}Thumb")


def test_a_file_in_every_way(simulated: Any) -> None:
    path = path_of(simulated, "adele")
    for target in (
        quote(path),
        f"/_api/web/GetFileByServerRelativeUrl('{quote(path)}')/$value",
        f"/_api/web/getfilebyserverrelativepath(decodedurl='{quote(path)}')/$value",
        f"/_api/web/GetFileByServerRelativePath(decodedurl=@p)/$value?@p='{quote(path)}'",
    ):
        response = simulated.ask("sharepoint_my", target)
        assert (response.status, response.body) == (200, b"adele/sharepoint/300x300"), target
    small = simulated.ask("sharepoint_my", quote(path_of(simulated, "adele", "S")))
    assert small.body == b"adele/sharepoint/48x48"


def test_files_that_are_not_there(simulated: Any) -> None:
    path = path_of(simulated, "adele")
    assert simulated.ask("sharepoint_my", quote(path.replace("Profile Pictures", "Profilbilder"))).status == 404
    assert simulated.ask("sharepoint", quote(path)).status == 404
    missing = quote(path.replace(simulated.id_of("adele"), simulated.id_of("none")))
    assert simulated.ask("sharepoint_my", f"/_api/web/GetFileByServerRelativeUrl('{missing}')/$value").status == 404


def test_the_word_for_a_missing_file_is_in_the_sites_language(simulated: Any, wire: Any) -> None:
    for origin, language in (("sharepoint_my", "en-US"), ("sharepoint_my_satellite", "de-DE")):
        target = "/_api/web/GetFileByServerRelativePath(decodedurl='/User%20Photos/P/x_LThumb.jpg')/$value"
        for flavour, member in ((NOMETADATA, "odata.error"), (VERBOSE, "error")):
            response = simulated.ask(origin, target, headers=flavour)
            error, expected = said(response)[member], wire("sharepoint/file-does-not-exist.json")["odata.error"]
            assert (response.status, error["code"], error["message"]["lang"]) == (404, expected["code"], language)


def test_the_web_of_each_host(simulated: Any, wire: Any, shape: Any) -> None:
    expected = wire("sharepoint/web.json")
    target = f"/_api/web?$select={','.join(expected)}"
    for origin in ("sharepoint", "sharepoint_my", "sharepoint_my_satellite"):
        body = said(simulated.ask(origin, target, headers=NOMETADATA))
        assert shape(body) == shape(dict(sorted(expected.items())))
        assert body["Url"].startswith("https://127.0.0.1:")
        assert said(simulated.ask(origin, target, headers=VERBOSE))["d"]["Id"] == body["Id"]
    only_profiles = simulated.app_token("sharepoint", roles={"User.Read.All"})
    denied = simulated.ask("sharepoint", target, only_profiles, headers=NOMETADATA)
    assert (denied.status, said(denied)["odata.error"]["code"]) == (
        403, wire("sharepoint/access-denied.json")["odata.error"]["code"],
    )  # fmt: skip


def test_files_need_a_role_of_their_own(simulated: Any) -> None:
    only_profiles = simulated.app_token("sharepoint_my", roles={"User.Read.All"})
    assert simulated.ask("sharepoint_my", quote(path_of(simulated, "adele")), only_profiles).status == 403


def test_context_info(simulated: Any, wire: Any, shape: Any) -> None:
    plain = simulated.ask("sharepoint", "/_api/contextInfo", method="POST", headers=NOMETADATA)
    assert shape(said(plain)) == shape(wire("sharepoint/context-info.json"))
    verbose = simulated.ask("sharepoint", "/_api/contextinfo", method="POST", headers=VERBOSE)
    assert shape(said(verbose)) == shape(wire("sharepoint/context-info-verbose.json"))
