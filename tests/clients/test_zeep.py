"""zeep, a SOAP client, reads every mailbox photo by Microsoft's own description of the operation."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
import zeep
from zeep.exceptions import TransportError

BINDING = "{http://schemas.microsoft.com/exchange/services/2006/messages}ExchangeServiceBinding"


def session(running: Any) -> requests.Session:
    app = msal.ConfidentialClientApplication(
        running.info["client_id"],
        authority=running.info["authority"],
        client_credential=running.info["client_secret"],
        instance_discovery=False,
    )
    token = app.acquire_token_for_client(["https://outlook.office365.com/.default"])["access_token"]
    made = requests.Session()
    made.headers["Authorization"] = f"Bearer {token}"
    return made


def service(running: Any, contracts: Path, made: requests.Session) -> Any:
    client = zeep.Client(str(contracts / "ews" / "GetUserPhoto.wsdl"), transport=zeep.Transport(session=made))
    return client.create_service(BINDING, running.info["exchange"] + "/EWS/Exchange.asmx")


def photo(ews: Any, email: str, size: str = "HR648x648", version: str = "Exchange2013") -> Any:
    return ews.GetUserPhoto(Email=email, SizeRequested=size, _soapheaders={"RequestVersion": {"Version": version}})


def test_every_mailbox_photo_equals_the_truth(
    trusting: Any, contracts: Path, digests: dict[str, dict[str, str]]
) -> None:
    ews = service(trusting, contracts, session(trusting))
    found: dict[str, str] = {}
    for user in trusting.users():
        try:
            answer = photo(ews, user["mail"])
        except TransportError as error:
            found[user["id"]] = "" if error.status_code == 404 else f"HTTP {error.status_code}"
            continue
        assert answer.body.ResponseClass == "Success"
        assert answer.body.HasChanged is True
        data = answer.body.PictureData
        found[user["id"]] = sha256(data).hexdigest() if data else ""
    assert found == digests["exchange"]


def test_an_unchanged_photo_is_not_sent_again(
    trusting: Any, contracts: Path, digests: dict[str, dict[str, str]]
) -> None:
    made = session(trusting)
    with_photo = next(user for user in trusting.users() if digests["exchange"][user["id"]])
    first = made.get(
        trusting.info["exchange"] + "/ews/exchange.asmx/s/GetUserPhoto",
        params={"email": with_photo["mail"], "size": "HR648x648"},
        timeout=10,
    )
    made.headers["If-None-Match"] = first.headers["ETag"]
    answer = photo(service(trusting, contracts, made), with_photo["mail"])
    assert answer.body.HasChanged is False
    assert answer.body.PictureData is None


def test_an_unknown_address_is_a_server_error(trusting: Any, contracts: Path) -> None:
    with pytest.raises(TransportError) as failed:
        photo(service(trusting, contracts, session(trusting)), "nobody@contoso.com")
    assert failed.value.status_code == 500
