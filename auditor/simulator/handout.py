"""The files by which a simulated tenant is used: what a tenant's administrator would be given."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.simulator.registrations import (
    EXCHANGE_AUDIENCE,
    GRAPH_AUDIENCE,
    SHAREPOINT_AUDIENCE,
    SHAREPOINT_MY_AUDIENCE,
    SHAREPOINT_SATELLITE_AUDIENCE,
    YAMMER_AUDIENCE,
)
from auditor.simulator.services import ORIGINS, Services
from auditor.simulator.tenant import Account, Tenant
from auditor.simulator.truth import write_table, write_truth

BESIDE = ("changes.csv", "mapping.csv", "migration.csv")
"""Every table that may stand beside the truth."""
TENANT_FILE = "tenant.json"
REQUESTS_FILE = "requests.jsonl"
UNTHROTTLED = """\
# This tenant keeps no limits: asking it as slowly as the real services allow would only take longer.
pace = "none"
"""


def write_handout(services: Services, origins: Mapping[str, str], ca: bytes, out: Path) -> dict[str, str]:
    """Write every file into the folder; gives the content of tenant.json."""
    out = out.resolve()
    tenant, apps = services.tenant, services.apps
    assert apps.app_only.certificate is not None
    files = {
        "client_certificate": out / "client.pem",
        "ca_bundle": out / "ca-bundle.pem",
        "users_file": out / "users.jsonl",
        "truth_file": out / "truth.csv",
        "config_file": out / "photo-auditor.toml",
    }
    _write_private(files["client_certificate"], apps.app_only.certificate.pem())
    _write_private(out / "yammer-token.txt", services.yammer_token.encode() + b"\n")
    files["ca_bundle"].write_bytes(ca)
    _write_users(tenant, files["users_file"])
    write_truth(tenant, files["truth_file"])
    _write_beside(tenant, out)
    files["config_file"].write_text(_config(services, origins), encoding="utf-8")
    info = {
        "tenant_id": tenant.tenant_id,
        "client_id": apps.app_only.client_id,
        "client_secret": apps.app_only.secret,
        "client_certificate": str(files["client_certificate"]),
        "delegated_client_id": apps.delegated.client_id,
        "authority": f"{origins['identity']}/{tenant.tenant_id}",
        **{name: origins[name] for name in ORIGINS if name != "identity"},
        "yammer_token": services.yammer_token,
        "ca_bundle": str(files["ca_bundle"]),
        "users_file": str(files["users_file"]),
        "truth_file": str(files["truth_file"]),
        "config_file": str(files["config_file"]),
        **{f"{Path(table.name).stem}_file": str(out / table.name) for table in tenant.beside},
    }
    if tenant.domain_rules:
        info["domain_rules"] = ",".join(f"{old}={new}" for old, new in tenant.domain_rules)
    _write_private(out / TENANT_FILE, json.dumps(info, indent=2).encode() + b"\n")
    return info


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _write_beside(tenant: Tenant, out: Path) -> None:
    """The tables of this tenant; those of another that was served from this folder before are no longer true."""
    for name in BESIDE:
        (out / name).unlink(missing_ok=True)
    for table in tenant.beside:
        write_table(out / table.name, table.columns, table.rows)


def _write_users(tenant: Tenant, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for account in tenant.accounts:
            file.write(json.dumps(_user(account), ensure_ascii=False) + "\n")


def _user(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "userPrincipalName": account.upn,
        "mail": account.mail or None,
        "displayName": account.display_name,
        "userType": account.user_type,
        "accountEnabled": account.enabled,
        "department": account.department or None,
        "inScope": account.in_scope,
        "scenario": account.scenario,
    }


def _config(services: Services, origins: Mapping[str, str]) -> str:
    apps = services.apps

    def text(value: str) -> str:
        # What JSON writes as a string, TOML reads as one.
        return json.dumps(value)

    my_sites = "".join(
        f"""\
[[sharepoint.my_sites]]
origin = {text(origins[name])}
audience = {text(audience)}
"""
        for name, audience in (
            ("sharepoint_my", SHAREPOINT_MY_AUDIENCE),
            ("sharepoint_my_satellite", SHAREPOINT_SATELLITE_AUDIENCE),
        )
    )
    return f"""\
# A simulated tenant on this machine. Made by `photo-auditor simulate`; good while it runs.
[tenant]
id = {text(services.tenant.tenant_id)}
[sign_in]
client_id = {text(apps.app_only.client_id)}
certificate = "client.pem"
delegated_client_id = {text(apps.delegated.client_id)}
authority = {text(origins["identity"])}
[entra]
origin = {text(origins["graph"])}
audience = {text(GRAPH_AUDIENCE)}
[exchange]
enabled = true
origin = {text(origins["exchange"])}
audience = {text(EXCHANGE_AUDIENCE)}
[sharepoint]
origin = {text(origins["sharepoint"])}
audience = {text(SHAREPOINT_AUDIENCE)}
{my_sites}[yammer]
enabled = true
origin = {text(origins["yammer"])}
audience = {text(YAMMER_AUDIENCE)}
token_file = "yammer-token.txt"
picture_origins = [{text(origins["yammer_cdn"])}]
[network]
ca_bundle = "ca-bundle.pem"
{"" if services.throttled else UNTHROTTLED}"""
