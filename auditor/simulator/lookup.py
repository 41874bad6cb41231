"""Finding accounts by what the services know them by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.simulator.tenant import Account, Group, Tenant

CLAIM_PREFIX = "i:0#.f|membership|"


@dataclass(frozen=True)
class Lookup:
    """Indices over a tenant's accounts. Letter case never matters."""

    tenant: Tenant
    by_id: dict[str, Account]
    by_upn: dict[str, Account]
    by_address: dict[str, Account]
    """By UPN, mail and proxy address."""
    members: dict[str, list[Account]]
    """By group id."""
    groups: dict[str, Group]

    def directory_user(self, key: str) -> Account | None:
        """The user as Graph finds them: by object id (also as `oid@tid`) or by UPN, never by mail."""
        wanted = key.lower()
        object_id, _, tenant_id = wanted.partition("@")
        if tenant_id == self.tenant.tenant_id.lower():
            wanted = object_id
        return self.by_id.get(wanted) or self.by_upn.get(wanted)

    def claim_user(self, claim: str) -> Account | None:
        """The user as SharePoint finds them: by UPN, plain or as a claim."""
        wanted = claim.lower()
        if wanted.startswith(CLAIM_PREFIX):
            wanted = wanted[len(CLAIM_PREFIX) :]
        return self.by_upn.get(wanted)


def make_lookup(tenant: Tenant) -> Lookup:
    """The indices of a tenant."""
    by_address: dict[str, Account] = {}
    members: dict[str, list[Account]] = {group.id.lower(): [] for group in tenant.groups}
    for account in tenant.accounts:
        for address in _addresses(account):
            by_address.setdefault(address, account)
        for group in account.groups:
            members.setdefault(group.lower(), []).append(account)
    return Lookup(
        tenant=tenant,
        by_id={account.id.lower(): account for account in tenant.accounts},
        by_upn={account.upn.lower(): account for account in tenant.accounts},
        by_address=by_address,
        members=members,
        groups={group.id.lower(): group for group in tenant.groups},
    )


def _addresses(account: Account) -> Iterator[str]:
    yield account.upn.lower()
    if account.mail:
        yield account.mail.lower()
    for proxy in account.proxy_addresses:
        kind, _, address = proxy.partition(":")
        if kind.lower() == "smtp" and address:
            yield address.lower()
