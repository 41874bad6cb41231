"""When a simulated month is: what its services tell of dates follows from here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FIRST = datetime(2026, 11, 22, tzinfo=UTC)
"""The moment of month 0. Nothing it tells is younger."""
MONTH = timedelta(days=30)
_SHAREPOINT_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def moment(month: int) -> datetime:
    """When the tenant of this month is audited."""
    return FIRST + month * MONTH


def graph_time(at: datetime) -> str:
    """A moment as Microsoft Graph writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def yammer_time(at: datetime) -> str:
    """A moment as Viva Engage writes it."""
    return at.strftime("%Y/%m/%d %H:%M:%S +0000")


def sharepoint_time(at: datetime) -> str:
    """A moment as SPS-PictureTimestamp counts it: seconds since the first day of the year 1."""
    return str(int((at - _SHAREPOINT_EPOCH).total_seconds()))


def from_sharepoint(stamp: str) -> datetime | None:
    """The moment of an SPS-PictureTimestamp; None where there is none."""
    return _SHAREPOINT_EPOCH + timedelta(seconds=int(stamp)) if stamp else None
