"""The permissions that reading takes, by name and resource, and how each is granted.

A permission's id says nothing without its resource: `User.Read.All` of Microsoft Graph and of SharePoint have the same.
Ids: cli-microsoft365 (app-permission-list), Microsoft Graph permissions reference, office-developer-exchange-docs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auditor.collectors.build import permissions
from auditor.collectors.contract import Permission
from auditor.settings import Settings, SignIn

GRAPH, EXCHANGE, SHAREPOINT, YAMMER = "Microsoft Graph", "Office 365 Exchange Online", "SharePoint", "Yammer"
RESOURCES = {
    GRAPH: "00000003-0000-0000-c000-000000000000",
    EXCHANGE: "00000002-0000-0ff1-ce00-000000000000",
    SHAREPOINT: "00000003-0000-0ff1-ce00-000000000000",
    YAMMER: "00000005-0000-0ff1-ce00-000000000000",
}
"""Application ids of the services, the same in every tenant."""


@dataclass(frozen=True, slots=True)
class Grant:
    """How Entra ID knows a permission, and which others include it."""

    id: str
    """Empty where no source tells it."""
    included_in: frozenset[str] = frozenset()
    delegated_id: str = ""
    """The id of the permission of this name for a person who signs in; empty where no source tells it."""


GRANTS = {
    (GRAPH, "User.Read.All"): Grant(
        "df021288-bdef-4463-88db-98f22de89214",
        frozenset({"User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}),
        "a154be20-db9c-4678-8ab7-66f6cc099a59",
    ),
    (GRAPH, "ProfilePhoto.Read.All"): Grant(
        "e24d31aa-e1ab-4c80-85fe-23018690335d",
        frozenset({"ProfilePhoto.ReadWrite.All", "User.ReadWrite.All"}),
        "469cd065-729e-4dee-b1fa-d92e0fab6310",
    ),
    (GRAPH, "GroupMember.Read.All"): Grant(
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
        frozenset({"GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All"}),
        "bc024368-1153-4739-b217-4326f2e966d0",
    ),
    (GRAPH, "MailboxSettings.Read"): Grant(
        "40f97065-369a-49f4-947c-6a255697ae91", frozenset({"MailboxSettings.ReadWrite"})
    ),
    (GRAPH, "PeopleSettings.Read.All"): Grant(
        "ef02f2e7-e22d-4c77-8614-8f765683b86e",
        frozenset({"PeopleSettings.ReadWrite.All"}),
        "ec762c5f-388b-4b16-8693-ac1efbc611bc",
    ),
    (SHAREPOINT, "User.Read.All"): Grant(
        "df021288-bdef-4463-88db-98f22de89214",
        frozenset({"User.ReadWrite.All"}),
        "0cea5a30-f6f8-42b5-87a0-84cc26822e02",
    ),
    (SHAREPOINT, "Sites.Read.All"): Grant(
        "d13f72ca-a275-4b96-b789-48ebcc4da984",
        frozenset({"Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"}),
    ),
    (SHAREPOINT, "AllSites.Read"): Grant(
        "",
        frozenset({"AllSites.Write", "AllSites.Manage", "AllSites.FullControl"}),
        "4e0d77b0-96ba-4398-af14-3baa780278f4",
    ),
    (EXCHANGE, "full_access_as_app"): Grant("dc890d15-9560-4a4c-9b7f-a736ec74ec40"),
    (EXCHANGE, "EWS.AccessAsUser.All"): Grant("", delegated_id="3b5f3d61-589b-4a3c-a359-5dd4b5ee5bd5"),
    (YAMMER, "access_as_user"): Grant("", frozenset({"user_impersonation"})),
}

GROUPS = Permission(GRAPH, "GroupMember.Read.All", "application", "the members of every group")
PURPOSES = Permission(GRAPH, "MailboxSettings.Read", "application", "the mailbox settings of every user")
UPLOADS = Permission(GRAPH, "PeopleSettings.Read.All", "application", "the tenant's settings for profiles")
OPTIONAL = (GROUPS, PURPOSES, UPLOADS)
"""What only some audits use, or what tells a cause more; nobody is told to take them away."""


def needed(settings: Settings, resource: str) -> list[Permission]:
    """What reading takes on this resource, under these settings and with their sign-in."""
    delegated = settings.sign_in.delegated
    found = [permission for _, permission in permissions(settings.workloads, delegated=delegated)]
    if settings.scope.groups or settings.scope.exclude_groups:
        found.append(replace(GROUPS, kind="delegated") if delegated else GROUPS)
    if {"shared", "rooms"} & set(settings.scope.include) and not delegated:
        # A person's sign-in reads the settings of this person's own mailbox only, whatever was consented to.
        found.append(PURPOSES)
    return [one for one in found if one.resource == resource]


def missing(wanted: Iterable[Permission], carried: frozenset[str]) -> list[Permission]:
    """Those that a token carries neither by name nor as part of a wider one."""
    return [one for one in wanted if not {one.name, *included_in(one)} & carried]


def included_in(permission: Permission) -> frozenset[str]:
    """Wider permissions on the same resource that include this one."""
    return _grant(permission).included_in


def _grant(permission: Permission) -> Grant:
    return GRANTS.get((permission.resource, permission.name), Grant(""))


def _id(permission: Permission) -> str:
    grant = _grant(permission)
    return grant.id if permission.kind == "application" else grant.delegated_id


def consent_link(sign_in: SignIn, client_id: str) -> str:
    """The page on which an administrator consents to all that the app registration asks for."""
    return f"{sign_in.authority}/{sign_in.tenant_id}/adminconsent?client_id={client_id}"


def granting(lacking: Iterable[Permission], sign_in: SignIn, client_id: str) -> tuple[str, ...]:
    """How these permissions are granted, as lines: commands, and the page for consent."""
    lacking = list(lacking)
    commands = [
        f"az ad app permission add --id {client_id} --api {RESOURCES[one.resource]}"
        f" --api-permissions {_id(one)}={'Role' if one.kind == 'application' else 'Scope'}"
        for one in lacking
        if _id(one)
    ]
    return (
        "in Entra ID, under the app's API permissions, add "
        + ", ".join(f"{one.resource}: {one.name} ({one.kind})" for one in lacking)
        + ", then have an administrator consent",
        *commands,
        f"consent: {consent_link(sign_in, client_id)}",
    )
