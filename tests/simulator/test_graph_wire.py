"""Microsoft Graph of the simulated tenant, held against the wire files and the published captures."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from auditor.simulator.services import Options, make_services
from auditor.simulator.tenant import GraphPhoto
from tests.simulator.conftest import PLACES, Simulated, account, make_tiny

JSON = "application/json"


def said(response: Any) -> Any:
    return json.loads(response.body)


# Photos


def test_metadata(simulated: Any, wire: Any, shape: Any, contracts: Path) -> None:
    response = simulated.ask("graph", f"/v1.0/users/{simulated.id_of('adele')}/photo")
    assert response.status == 200
    body = said(response)
    published = json.loads((contracts / "captures" / "graph-photo.json").read_text())
    assert list(body) == list(wire("graph/photo-metadata.json")) == list(published)
    assert (body["id"], body["width"], body["@odata.mediaEtag"]) == ("360x360", 360, '"00000001"')


def test_metadata_names_its_user_in_either_published_form(simulated: Any, wire: Any, shape: Any) -> None:
    forms: dict[bool, str] = {}
    for name in ("adele", "o'brien", "jörg", "aliased", "odd", "sydney", "onepixel"):
        identity = simulated.id_of(name)
        body = said(simulated.ask("graph", f"/v1.0/users/{identity}/photo"))
        me = body["@odata.context"].endswith("$metadata#Me/photo/$entity")
        forms[me] = "photo-metadata-me.json" if me else "photo-metadata.json"
        assert shape(body) == shape(wire(f"graph/{forms[me]}"))
        assert me or f"#users('{identity}')/photo" in body["@odata.context"]
        assert f"/users('{identity}@" in body["@odata.id"]
    assert len(forms) == 2


def test_metadata_of_no_photo_may_be_one_pixel(simulated: Any, wire: Any, contracts: Path) -> None:
    response = simulated.ask("graph", f"/v1.0/users/{simulated.id_of('onepixel')}/photo")
    body, expected = said(response), wire("graph/photo-none-1x1.json")
    published = json.loads((contracts / "captures" / "graph-photo-none.json").read_text())
    assert response.status == 200
    assert list(body) == list(expected) == list(published)
    told = ("@odata.mediaContentType", "@odata.mediaEtag", "id", "width", "height")
    assert [body[name] for name in told] == [expected[name] for name in told] == [published[name] for name in told]
    assert simulated.ask("graph", f"/v1.0/users/{simulated.id_of('onepixel')}/photo/$value").status == 404


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("none", "graph/image-not-found.json"),
        ("entity", "graph/entity-not-found.json"),
        ("item", "graph/item-not-found.json"),
    ],
)
@pytest.mark.parametrize("what", ["photo", "photo/$value", "photos", "photos/48x48/$value"])
def test_no_photo_is_an_error(simulated: Any, same_error: Any, name: str, file: str, what: str) -> None:
    same_error(simulated.ask("graph", f"/v1.0/users/{simulated.id_of(name)}/{what}"), 404, file)


def test_no_photo_may_be_told_by_the_message_alone(same_error: Any) -> None:
    worded = account("worded", 1, graph=GraphPhoto(no_photo="get_user_photo"))
    simulated = Simulated(make_services(replace(make_tiny(), accounts=(worded,)), PLACES, Options()))
    for what in ("photo", "photos"):
        same_error(simulated.ask("graph", f"/v1.0/users/{worded.id}/{what}"), 404, "graph/get-user-photo.json")


def test_no_photo_equals_the_published_report(simulated: Any, contracts: Path) -> None:
    response = simulated.ask("graph", f"/v1.0/users/{simulated.id_of('none')}/photo/$value")
    assert said(response) == json.loads((contracts / "captures" / "graph-photo-404.json").read_text())


def test_no_photo_may_be_a_bare_404(simulated: Any) -> None:
    response = simulated.ask("graph", f"/v1.0/users/{simulated.id_of('bare')}/photo/$value")
    assert (response.status, response.body, response.content_type) == (404, b"", "text/plain")


def test_a_size_that_is_not_stored_is_a_bare_404(simulated: Any) -> None:
    user = f"/v1.0/users/{simulated.id_of('adele')}"
    response = simulated.ask("graph", f"{user}/photos/648x648/$value")
    assert (response.status, response.body, response.content_type) == (404, b"", "text/plain")
    assert simulated.ask("graph", f"{user}/photos/48X48/$value").body == b"adele/graph/48x48"


def test_an_odd_single_size(simulated: Any) -> None:
    user = f"/v1.0/users/{simulated.id_of('odd')}"
    assert said(simulated.ask("graph", f"{user}/photo"))["id"] == "200x133"
    assert simulated.ask("graph", f"{user}/photos/48x48/$value").status == 404
    assert simulated.ask("graph", f"{user}/photos/200x133/$value").body == b"odd/graph/200x133"


def test_the_list_of_sizes(simulated: Any, wire: Any, shape: Any) -> None:
    body = said(simulated.ask("graph", f"/v1.0/users/{simulated.id_of('adele')}/photos"))
    assert shape(body) == shape(wire("graph/photos.json"))
    assert [photo["width"] for photo in body["value"]] == [48, 64, 96, 120, 240, 360]


def test_bytes_carry_an_etag_and_ignore_conditions(simulated: Any) -> None:
    response = simulated.ask(
        "graph", f"/v1.0/users/{simulated.id_of('adele')}/photo/$value", headers={"If-None-Match": '"00000001"'}
    )
    assert (response.status, response.header("ETag")) == (200, '"00000001"')
    assert (response.content_type, response.body) == ("image/jpeg", b"adele/graph/360x360")


def test_asked_by_a_mail_that_is_not_the_upn(simulated: Any, same_error: Any) -> None:
    same_error(simulated.ask("graph", "/v1.0/users/by.mail@contoso.com/photo"), 404, "graph/image-not-found.json")
    assert simulated.ask("graph", "/v1.0/users/aliased@contoso.com/photo").status == 200
    assert simulated.ask("graph", "/v1.0/users/by.mail@contoso.com").status == 404


def test_a_refusal_for_one_user(simulated: Any, same_error: Any) -> None:
    same_error(simulated.ask("graph", f"/v1.0/users/{simulated.id_of('refused')}/photo"), 400, "graph/no-mailbox.json")


# Who may ask


def test_missing_roles(simulated: Any, same_error: Any) -> None:
    user = simulated.id_of("adele")
    nothing = simulated.app_token("graph", roles=set())
    photo = f"/v1.0/users/{user}/photo/$value"
    same_error(simulated.ask("graph", photo, nothing), 403, "graph/photo-permission-missing.json")
    same_error(simulated.ask("graph", "/v1.0/users", nothing), 403, "graph/directory-permission-missing.json")
    settings = f"/v1.0/users/{user}/mailboxSettings"
    same_error(simulated.ask("graph", settings, nothing), 403, "graph/mailbox-permission-missing.json")
    only_photos = simulated.app_token("graph", roles={"ProfilePhoto.Read.All"})
    assert simulated.ask("graph", photo, only_photos).status == 200
    only_users = simulated.app_token("graph", roles={"User.Read.All"})
    assert simulated.ask("graph", photo, only_users).status == 200


def test_what_a_person_may_read(simulate: Any, simulated: Any, same_error: Any) -> None:
    """A scope counts as far as the person's own rights go."""
    adele, none = simulated.id_of("adele"), simulated.id_of("none")
    assert simulated.services.identity.user.id == adele
    photo, settings = f"/v1.0/users/{none}/photo", "/v1.0/users/{}/mailboxSettings"
    basic = simulated.user_token("graph", {"User.ReadBasic.All"})
    assert simulated.ask("graph", f"/v1.0/users/{adele}/photo", basic).status == 200
    same_error(
        simulated.ask("graph", photo, simulated.user_token("graph", {"Mail.Read"})), 403,
        "graph/photo-permission-missing.json",
    )  # fmt: skip
    mail = simulated.user_token("graph", {"MailboxSettings.Read"})
    assert simulated.ask("graph", settings.format(adele), mail).status == 200
    same_error(simulated.ask("graph", settings.format(none), mail), 403, "graph/mailbox-permission-missing.json")
    updates, denied = "/beta/admin/people/photoUpdateSettings", "graph/directory-permission-missing.json"
    same_error(simulated.ask("graph", updates, simulated.user_token("graph")), 403, denied)
    administrator = simulate(signed_in="administrator")
    assert administrator.ask("graph", updates, administrator.user_token("graph")).status == 200
    restricted = simulate(signed_in="restricted")
    token = restricted.user_token("graph")
    for path in ("/v1.0/users", f"/v1.0/users/{none}", "/v1.0/users/nobody@contoso.com"):
        same_error(restricted.ask("graph", path, token), 403, denied)
    assert restricted.ask("graph", f"/v1.0/users/{adele}", token).status == 200
    assert restricted.ask("graph", f"/v1.0/users/{adele}/photo", token).status == 200
    assert restricted.ask("graph", "/v1.0/users").status == 200, "the app itself is no member"


def test_tokens_that_are_refused(simulated: Any, same_error: Any) -> None:
    other = simulated.app_token("graph", audience="https://outlook.office365.com")
    same_error(simulated.ask("graph", "/v1.0/users", other), 401, "graph/invalid-audience.json")
    old = simulated.app_token("graph", lifetime=-1)
    same_error(simulated.ask("graph", "/v1.0/users", old), 401, "graph/token-expired.json")
    assert simulated.ask("graph", "/v1.0/users", None).status == 401
    forged = simulated.app_token("graph")[:-8] + "AAAAAAAA"
    assert simulated.ask("graph", "/v1.0/users", forged).status == 401


# Users


def test_a_page_of_users(simulated: Any, wire: Any, shape: Any, contracts: Path) -> None:
    body = said(simulated.ask("graph", "/v1.0/users?$top=1"))
    assert shape(body) == shape(wire("graph/users.json"))
    published = json.loads((contracts / "captures" / "graph-user-list.json").read_text())
    assert list(body["value"][0]) == list(published[0])


def test_pages_are_followed_verbatim(simulated: Any) -> None:
    found: list[str] = []
    target = "/v1.0/users?$select=id,userPrincipalName&$top=4"
    while target:
        body = said(simulated.ask("graph", target))
        found += [user["userPrincipalName"] for user in body["value"]]
        target = body.get("@odata.nextLink", "")
    assert len(found) == len(set(found)) == 15


def test_a_skip_token_belongs_to_its_query(simulated: Any) -> None:
    link = said(simulated.ask("graph", "/v1.0/users?$top=4"))["@odata.nextLink"]
    assert simulated.ask("graph", link.replace("$top=4", "$top=5")).status == 400


def test_page_sizes(simulated: Any, same_error: Any) -> None:
    same_error(simulated.ask("graph", "/v1.0/users?$top=1000"), 400, "graph/page-too-large.json")
    assert simulated.ask("graph", "/v1.0/users?$top=999").status == 200
    assert simulated.ask("graph", "/v1.0/users?$skip=10").status == 400


def test_selected_properties(simulated: Any, wire: Any, shape: Any) -> None:
    expected = wire("graph/user-with-plans.json")
    names = ",".join(name for name in expected if not name.startswith("@"))
    body = said(simulated.ask("graph", f"/v1.0/users/{simulated.id_of('adele')}?$select={names}"))
    assert shape(body) == shape(expected)


def test_selecting_a_photo_has_no_effect(simulated: Any) -> None:
    body = said(simulated.ask("graph", "/v1.0/users?$select=id,photo&$top=1"))
    assert list(body["value"][0]) == ["id"]


def test_properties_no_collection_has(simulated: Any) -> None:
    assert simulated.ask("graph", "/v1.0/users?$select=id,mailboxSettings").status == 501
    assert simulated.ask("graph", "/v1.0/users?$select=nonsense").status == 400


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("userPrincipalName eq 'ADELE@contoso.com'", ["adele"]),
        ("mail eq 'by.mail@contoso.com'", ["aliased"]),
        ("userPrincipalName eq 'o''brien@contoso.com'", ["o'brien"]),
        ("startswith(displayName,'o') and not startswith(displayName,'Od')", ["o'brien", "onepixel"]),
        ("accountEnabled eq false", ["room"]),
        ("userType eq 'Guest' or accountEnabled eq false", ["room", "guest"]),
        ("userType eq 'Member' and accountEnabled eq true and assignedLicenses/$count eq 0", []),
        ("assignedLicenses/$count ne 0 and displayName in ('Adele', 'Guest')", ["adele"]),
        ("(userType eq 'Guest')", ["guest"]),
        ("proxyAddresses/any(p:p eq 'smtp:aliased@contoso.com')", ["aliased"]),
        ("assignedPlans/any(p:p/service eq 'exchange') and startswith(mail,'by')", ["aliased"]),
        ("onPremisesSyncEnabled eq true", []),
    ],
)
def test_filters(simulated: Any, text: str, names: list[str]) -> None:
    target = f"/v1.0/users?$select=displayName&$count=true&$filter={quote(text)}"
    response = simulated.ask("graph", target, headers={"ConsistencyLevel": "eventual"})
    assert response.status == 200, response.body
    body = said(response)
    assert [user["displayName"].lower() for user in body["value"]] == names
    assert body["@odata.count"] == len(names)


def test_ids_in_a_list(simulated: Any) -> None:
    wanted = [simulated.id_of("adele"), simulated.id_of("odd")]
    text = quote(f"id in ('{wanted[0]}','{wanted[1]}')")
    body = said(simulated.ask("graph", f"/v1.0/users?$filter={text}"))
    assert [user["id"] for user in body["value"]] == wanted


@pytest.mark.parametrize("text", ["assignedLicenses/$count ne 0", "not startswith(mail,'a')", "mail ne null"])
def test_advanced_filters_need_to_be_asked_for(simulated: Any, text: str) -> None:
    target = f"/v1.0/users?$filter={quote(text)}"
    assert simulated.ask("graph", target).status == 400
    assert simulated.ask("graph", target, headers={"ConsistencyLevel": "eventual"}).status == 400
    eventual = {"ConsistencyLevel": "eventual"}
    assert simulated.ask("graph", f"{target}&$count=true", headers=eventual).status == 200


@pytest.mark.parametrize("text", ["mail eq", "nonsense eq 1", "mail eq 'a' and", "((mail eq 'a')", "mail like 'a'"])
def test_what_is_no_filter(simulated: Any, text: str) -> None:
    assert simulated.ask("graph", f"/v1.0/users?$filter={quote(text)}").status == 400


def test_counting(simulated: Any) -> None:
    response = simulated.ask("graph", "/v1.0/users/$count", headers={"ConsistencyLevel": "eventual"})
    assert (response.body, response.content_type) == (b"15", "text/plain")
    assert simulated.ask("graph", "/v1.0/users/$count").status == 400


def test_an_unknown_user(simulated: Any, same_error: Any) -> None:
    target = "/v1.0/users/11111111-2222-3333-4444-555555555555"
    same_error(simulated.ask("graph", target), 404, "graph/resource-not-found.json")


def test_a_guest_by_upn_and_a_double_slash(simulated: Any) -> None:
    upn = quote("guest_fabrikam.com#EXT#@contoso.com")
    assert said(simulated.ask("graph", f"/v1.0//users/{upn}"))["id"] == simulated.id_of("guest")


def test_the_purpose_of_a_mailbox(simulated: Any, wire: Any, shape: Any, same_error: Any) -> None:
    room = f"/v1.0/users/{simulated.id_of('room')}/mailboxSettings"
    body = said(simulated.ask("graph", f"{room}/userPurpose"))
    assert shape(body) == shape(wire("graph/user-purpose.json"))
    assert body["value"] == "room"
    assert said(simulated.ask("graph", f"{room}?$select=userPurpose"))["userPurpose"] == "room"
    nobody = f"/v1.0/users/{simulated.id_of('onepixel')}/mailboxSettings"
    same_error(simulated.ask("graph", nobody), 404, "graph/mailbox-not-enabled.json")


def test_groups_and_their_members(simulated: Any) -> None:
    group = said(simulated.ask("graph", "/v1.0/groups?$filter=displayName eq 'Sales'"))["value"][0]
    assert said(simulated.ask("graph", f"/v1.0/groups/{group['id']}"))["displayName"] == "Sales"
    members = f"/v1.0/groups/{group['id']}/transitiveMembers"
    everybody = said(simulated.ask("graph", members))["value"]
    assert len(everybody) == 14
    assert everybody[0]["@odata.type"] == "#microsoft.graph.user"
    users = said(simulated.ask("graph", f"{members}/microsoft.graph.user?$select=id"))["value"]
    assert list(users[0]) == ["id"]
    assert simulated.ask("graph", "/v1.0/groups/nowhere/members").status == 404


def test_the_organisation(simulated: Any) -> None:
    body = said(simulated.ask("graph", "/v1.0/organization"))
    assert body["value"][0]["verifiedDomains"][0]["name"] == "contoso.com"


@pytest.mark.parametrize(
    ("uploads", "file"),
    [("admins", "graph/photo-update-settings.json"), ("everyone", "graph/photo-update-settings-default.json")],
)
def test_who_may_change_a_photo(simulate: Any, same_error: Any, wire: Any, uploads: str, file: str) -> None:
    simulated = simulate(uploads=uploads)
    path = "/beta/admin/people/photoUpdateSettings"
    body, expected = said(simulated.ask("graph", path)), wire(file)
    assert list(body) == list(expected)
    assert {name: body[name] for name in ("source", "allowedRoles")} == {
        name: expected[name] for name in ("source", "allowedRoles")
    }
    without = simulated.app_token("graph", roles={"User.Read.All"})
    same_error(simulated.ask("graph", path, without), 403, "graph/directory-permission-missing.json")


# Batches


def batch(simulated: Any, items: list[dict[str, Any]]) -> Any:
    return simulated.ask("graph", "/v1.0/$batch", method="POST", body={"requests": items})


def get(identity: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "method": "GET", "url": url, **more}


def test_a_batch(simulated: Any, wire: Any, shape: Any) -> None:
    items = [
        get("1", f"/users/{simulated.id_of('adele')}/photo/$value"),
        get("2", f"/users/{simulated.id_of('bare')}/photo/$value"),
        get("3", f"/users/{simulated.id_of('none')}/photo/$value"),
    ]
    response = batch(simulated, items)
    assert response.status == 200
    answers = {answer["id"]: answer for answer in said(response)["responses"]}
    expected = {answer["id"]: answer for answer in wire("graph/batch-response.json")["responses"]}
    assert shape(answers) == shape(expected)
    assert base64.b64decode(answers["1"]["body"]) == b"adele/graph/360x360"
    assert answers["2"] == expected["2"]
    assert answers["3"]["body"] == expected["3"]["body"]


def test_a_batch_answers_in_an_order_of_its_own(simulated: Any) -> None:
    items = [get(str(number), "/users?$top=1") for number in range(20)]
    first, second = batch(simulated, items), batch(simulated, items)
    order = [answer["id"] for answer in said(first)["responses"]]
    assert order == [answer["id"] for answer in said(second)["responses"]]
    assert order != sorted(order, key=int)
    assert sorted(order, key=int) == [item["id"] for item in items]


def test_the_forms_of_a_batch_item_s_url(simulated: Any) -> None:
    user = simulated.id_of("adele")
    urls = [f"/users/{user}", f"users/{user}", f"/v1.0/users/{user}", f"https://graph.microsoft.com/v1.0/users/{user}"]
    answers = said(batch(simulated, [get(url, url) for url in urls]))["responses"]
    assert {answer["id"]: answer["status"] for answer in answers} == dict.fromkeys(urls, 200)


def test_batches_that_are_refused(simulated: Any) -> None:
    assert batch(simulated, [get(str(number), "/users") for number in range(21)]).status == 400
    assert batch(simulated, [get("1", "/users"), get("1", "/users")]).status == 400
    assert batch(simulated, [{"id": "1"}]).status == 400
    assert simulated.ask("graph", "/v1.0/$batch", method="POST", body="nonsense").status == 400
    assert simulated.ask("graph", "/v1.0/$batch", None, method="POST", body={"requests": []}).status == 401


def test_steps_that_depend_on_others(simulated: Any) -> None:
    items = [
        get("1", "/users/nobody@contoso.com"),
        get("2", "/users?$top=1", dependsOn=["1"]),
        get("3", "/users?$top=1"),
        get("4", "/users?$top=1", dependsOn=["3"]),
    ]
    answers = {answer["id"]: answer["status"] for answer in said(batch(simulated, items))["responses"]}
    assert answers == {"1": 404, "2": 424, "3": 200, "4": 200}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_nothing_is_written(simulated: Any, method: str) -> None:
    target = f"/v1.0/users/{simulated.id_of('adele')}/photo/$value"
    assert simulated.ask("graph", target, method=method).status == 405
