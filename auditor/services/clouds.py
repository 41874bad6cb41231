"""The hosts of each Microsoft cloud.

Sign-in and Graph hosts: Microsoft Graph's "National cloud deployments". The Exchange hosts
of the national clouds are an assumption: no source that we read states them for this use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """Origins. SharePoint's are the tenant's own and come from the settings."""

    authority: str
    graph: str
    exchange: str
    yammer: str | None
    """None where Viva Engage does not exist."""


CLOUDS = {
    "global": Cloud(
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
        "https://outlook.office365.com",
        "https://www.yammer.com",
    ),
    "gcc-high": Cloud(
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "https://outlook.office365.us",
        None,
    ),
    "dod": Cloud(
        "https://login.microsoftonline.us",
        "https://dod-graph.microsoft.us",
        "https://webmail.apps.mil",
        None,
    ),
    "china": Cloud(
        "https://login.chinacloudapi.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://partner.outlook.cn",
        None,
    ),
}
"""By the name used in settings."""

YAMMER_PICTURE_HOSTS = ("*.assets-yammer.com",)
"""Where Viva Engage's own answers say pictures are (`mugshot0.assets-yammer.com`, `mugshot0eu-1.…`)."""
