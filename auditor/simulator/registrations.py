"""The applications registered in the simulated tenant, and the resources they may ask tokens for."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

GRAPH_AUDIENCE = "https://graph.microsoft.com"
EXCHANGE_AUDIENCE = "https://outlook.office365.com"
SHAREPOINT_AUDIENCE = "https://contoso.sharepoint.com"
SHAREPOINT_MY_AUDIENCE = "https://contoso-my.sharepoint.com"
SHAREPOINT_SATELLITE_AUDIENCE = "https://contosoaus-my.sharepoint.com"
YAMMER_AUDIENCE = "https://www.yammer.com"
YAMMER_API_AUDIENCE = "https://api.yammer.com"

RESOURCE_NAMES = ("graph", "exchange", "sharepoint", "yammer")


@dataclass(frozen=True, slots=True)
class Resource:
    """A service that tokens are made for."""

    name: str
    app_id: str
    audiences: tuple[str, ...]
    """The first is what a request by application id gets."""


RESOURCES = (
    Resource("graph", "00000003-0000-0000-c000-000000000000", (GRAPH_AUDIENCE,)),
    Resource("exchange", "00000002-0000-0ff1-ce00-000000000000", (EXCHANGE_AUDIENCE,)),
    Resource(
        "sharepoint",
        "00000003-0000-0ff1-ce00-000000000000",
        (SHAREPOINT_AUDIENCE, SHAREPOINT_MY_AUDIENCE, SHAREPOINT_SATELLITE_AUDIENCE),
    ),
    Resource("yammer", "00000005-0000-0ff1-ce00-000000000000", (YAMMER_AUDIENCE, YAMMER_API_AUDIENCE)),
)

APP_ROLES: Mapping[str, frozenset[str]] = {
    "graph": frozenset(
        {
            "User.Read.All",
            "ProfilePhoto.Read.All",
            "GroupMember.Read.All",
            "MailboxSettings.Read",
            "PeopleSettings.Read.All",
        }
    ),
    "exchange": frozenset({"full_access_as_app"}),
    "sharepoint": frozenset({"User.Read.All", "Sites.Read.All"}),
    "yammer": frozenset(),
}
DELEGATED_SCOPES: Mapping[str, frozenset[str]] = {
    "graph": frozenset({"User.Read.All", "ProfilePhoto.Read.All", "GroupMember.Read.All", "PeopleSettings.Read.All"}),
    "exchange": frozenset({"EWS.AccessAsUser.All"}),
    "sharepoint": frozenset({"AllSites.Read", "User.Read.All"}),
    # Both names of the one permission are asked for in the wild.
    "yammer": frozenset({"access_as_user", "user_impersonation"}),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate with its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def thumbprint(self) -> bytes:
        """SHA-1 of the certificate: what `x5t` names."""
        return self.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - the protocol's choice

    def thumbprint_sha256(self) -> bytes:
        """SHA-256 of the certificate: what `x5t#S256` names."""
        return self.certificate.fingerprint(hashes.SHA256())

    def pem(self) -> bytes:
        """The key, then the certificate."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Application:
    """An app registration with its service principal."""

    client_id: str
    object_id: str
    name: str
    public: bool
    secret: str = ""
    certificate: Certificate | None = None
    roles: Mapping[str, frozenset[str]] | None = None
    scopes: Mapping[str, frozenset[str]] | None = None

    def roles_for(self, resource: str) -> frozenset[str]:
        """Application permissions on a resource."""
        return (self.roles or {}).get(resource, frozenset())

    def scopes_for(self, resource: str) -> frozenset[str]:
        """Delegated permissions on a resource that were consented to."""
        return (self.scopes or {}).get(resource, frozenset())


@dataclass(frozen=True, slots=True)
class Registrations:
    """The two applications of the simulated tenant."""

    app_only: Application
    delegated: Application

    def by_id(self, client_id: str) -> Application | None:
        """The application of this id."""
        wanted = client_id.lower()
        return next((app for app in (self.app_only, self.delegated) if app.client_id == wanted), None)


def make_certificate(*, expired: bool = False) -> Certificate:
    """A certificate that signs for itself, valid for a year or, if asked, no longer."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "photo-auditor (simulated tenant)")])
    now = dt.datetime.now(dt.UTC)
    start, end = (
        (now - dt.timedelta(days=400), now - dt.timedelta(days=35))
        if expired
        else (
            now - dt.timedelta(hours=1),
            now + dt.timedelta(days=365),
        )
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return Certificate(certificate, key)


def make_registrations(
    tenant_id: str, *, without_roles: frozenset[tuple[str, str]] = frozenset(), expired_certificate: bool = False
) -> Registrations:
    """The tenant's applications; `without_roles` takes single (resource, role) pairs away from both."""

    def kept(granted: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {
            resource: frozenset(role for role in roles if (resource, role.lower()) not in without_roles)
            for resource, roles in granted.items()
        }

    def identity(name: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant_id}/{name}"))

    return Registrations(
        app_only=Application(
            client_id=identity("app-only"),
            object_id=identity("app-only/principal"),
            name="photo-auditor",
            public=False,
            secret=base64.urlsafe_b64encode(hashlib.sha256(secrets.token_bytes(32)).digest()).decode()[:40],
            certificate=make_certificate(expired=expired_certificate),
            roles=kept(APP_ROLES),
        ),
        delegated=Application(
            client_id=identity("delegated"),
            object_id=identity("delegated/principal"),
            name="photo-auditor (signed in)",
            public=True,
            scopes=kept(DELEGATED_SCOPES),
        ),
    )
