"""azure-identity and the Microsoft Graph SDK read every user and photo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from azure.identity.aio import CertificateCredential as AsyncCertificateCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core import GraphClientFactory, PageIterator
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

SCOPE = "https://graph.microsoft.com/.default"


def identity_options(running: Any) -> dict[str, Any]:
    return {
        "tenant_id": running.info["tenant_id"],
        "client_id": running.info["client_id"],
        "authority": running.info["authority"].rpartition("/")[0],
        "disable_instance_discovery": True,
        "connection_verify": running.info["ca_bundle"],
    }


@asynccontextmanager
async def sdk(running: Any) -> AsyncIterator[GraphServiceClient]:
    certificate = running.info["client_certificate"]
    async with AsyncCertificateCredential(certificate_path=certificate, **identity_options(running)) as credential:
        access = AzureIdentityAuthenticationProvider(credential, scopes=[SCOPE], allowed_hosts=["127.0.0.1"])
        plain_client = httpx.AsyncClient(verify=running.info["ca_bundle"], timeout=30)
        client = GraphClientFactory.create_with_default_middleware(client=plain_client)
        adapter = GraphRequestAdapter(access, client=client)
        adapter.base_url = running.info["graph"] + "/v1.0/"
        yield GraphServiceClient(request_adapter=adapter)


def run(running: Any, work: Callable[[GraphServiceClient], Awaitable[Any]]) -> Any:
    async def inner() -> Any:
        async with sdk(running) as client:
            return await work(client)

    return asyncio.run(inner())


async def all_users(client: GraphServiceClient) -> list[Any]:
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "userPrincipalName", "mail", "accountEnabled", "assignedLicenses", "photo"], top=17
    )
    first = await client.users.get(request_configuration=RequestConfiguration(query_parameters=query))
    found: list[Any] = []
    pages = PageIterator(first, client.request_adapter)
    await pages.iterate(lambda user: found.append(user) or True)
    return found


def test_azure_identity_signs_in_by_certificate_and_secret(plain: Any) -> None:
    for credential in (
        CertificateCredential(certificate_path=plain.info["client_certificate"], **identity_options(plain)),
        ClientSecretCredential(client_secret=plain.info["client_secret"], **identity_options(plain)),
    ):
        assert credential.get_token(SCOPE).token


def test_azure_identity_names_the_wrong_secret(plain: Any) -> None:
    credential = ClientSecretCredential(client_secret="wrong", **identity_options(plain))
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token(SCOPE)


def test_every_user_is_listed_over_pages(plain: Any) -> None:
    users = run(plain, all_users)
    assert {user.id for user in users} == {user["id"] for user in plain.users()}
    assert all(user.account_enabled and user.assigned_licenses for user in users)


def test_every_photo_equals_the_truth(
    plain: Any, digests: dict[str, dict[str, str]], statuses: dict[str, dict[str, str]]
) -> None:
    async def work(client: GraphServiceClient) -> dict[str, str]:
        found: dict[str, str] = {}
        for user_id in digests["entra"]:
            photo = client.users.by_user_id(user_id).photo
            try:
                described = await photo.get()
                if described.width <= 1:
                    found[user_id] = ""
                    continue
                content = await photo.content.get()
            except APIError as error:
                found[user_id] = "" if error.response_status_code == 404 else f"HTTP {error.response_status_code}"
                continue
            found[user_id] = sha256(content).hexdigest()
        return found

    assert run(plain, work) == digests["entra"]
    assert sum(status == "photo" for status in statuses["entra"].values()) > len(digests["entra"]) / 3


def test_batches_bring_the_same_bytes(plain: Any, digests: dict[str, dict[str, str]]) -> None:
    wanted = list(digests["entra"].items())

    async def work(client: GraphServiceClient) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(wanted), 20):
            content = BatchRequestContent()
            for user_id, _ in wanted[start : start + 20]:
                information = client.users.by_user_id(user_id).photo.content.to_get_request_information()
                content.add_request(user_id, BatchRequestItem(information, id=user_id))
            answer = await BatchRequestBuilder(client.request_adapter).post(content)
            for user_id, item in answer.responses.items():
                if item.status == 200:
                    # The SDK has decoded it already, to bytes or to a stream.
                    body = item.body if isinstance(item.body, bytes) else item.body.getvalue()
                    found[user_id] = sha256(body).hexdigest()
                else:
                    assert item.status == 404
                    found[user_id] = ""
        return found

    assert run(plain, work) == dict(wanted)
