"""Office365-REST-Python-Client reads every profile and downloads the pictures."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msal
import pytest
from office365.runtime.client_request_exception import ClientRequestException
from office365.sharepoint.client_context import ClientContext
from office365.sharepoint.userprofiles.people_manager import PeopleManager


def context(running: Any, name: str, audience: str, *, by_secret: bool = False) -> ClientContext:
    """A client whose tokens come from msal, because its own sign-in asks the public cloud first."""
    key, _, public_part = Path(running.info["client_certificate"]).read_text().partition("-----BEGIN CERTIFICATE-----")
    certificate = {"private_key": key, "public_certificate": "-----BEGIN CERTIFICATE-----" + public_part}
    app = msal.ConfidentialClientApplication(
        running.info["client_id"],
        authority=running.info["authority"],
        client_credential=running.info["client_secret"] if by_secret else certificate,
        instance_discovery=False,
    )
    return ClientContext(running.info[name]).with_access_token(
        lambda: app.acquire_token_for_client([f"{audience}/.default"])
    )


def root(running: Any, **options: Any) -> ClientContext:
    return context(running, "sharepoint", "https://contoso.sharepoint.com", **options)


def my_site(running: Any) -> ClientContext:
    return context(running, "sharepoint_my", "https://contoso-my.sharepoint.com")


def properties(client: ClientContext, upn: str) -> Any:
    person = PeopleManager(client).get_properties_for(f"i:0#.f|membership|{upn}")
    client.execute_query()
    return person


def test_every_profile_and_its_picture(trusting: Any, digests: dict[str, dict[str, str]]) -> None:
    profiles, files = root(trusting), my_site(trusting)
    read: dict[str, str] = {}
    for user in trusting.users():
        person = properties(profiles, user["userPrincipalName"])
        values = person.properties["UserProfileProperties"]
        assert values["msOnline-ObjectId"] == user["id"]
        if not values["PictureURL"] or values["SPS-PicturePlaceholderState"] == "1":
            continue
        path = unquote(urlsplit(values["PictureURL"]).path).replace("_MThumb.jpg", "_LThumb.jpg")
        target = io.BytesIO()
        files.web.get_file_by_server_relative_path(path).download(target).execute_query()
        read[user["id"]] = sha256(target.getvalue()).hexdigest()
    assert len(read) > len(digests["sharepoint"]) / 3
    assert read.items() <= digests["sharepoint"].items()


def test_the_older_form_of_a_file_address(trusting: Any) -> None:
    profiles, files = root(trusting), my_site(trusting)
    for user in trusting.users():
        url = properties(profiles, user["userPrincipalName"]).properties["UserProfileProperties"]["PictureURL"]
        if url:
            path = unquote(urlsplit(url).path)
            content = files.web.get_file_by_server_relative_url(path).get_content().execute_query()
            assert content.value
            return
    pytest.fail("no user has a picture")


def test_an_unknown_user_has_no_properties(trusting: Any) -> None:
    person = properties(root(trusting), "nobody@contoso.com")
    assert not person.properties.get("AccountName")


def test_a_secret_is_refused(trusting: Any) -> None:
    with pytest.raises(ClientRequestException) as refused:
        properties(root(trusting, by_secret=True), trusting.users()[0]["userPrincipalName"])
    assert refused.value.response.status_code == 401
