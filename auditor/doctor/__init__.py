"""Probes a set-up from the inside out: this machine, the way to the services, sign-in, permissions, each service.

    local      settings, credential, proxy, authorities          nobody is asked
    network    each host once, without a token; the clock
    asking     a token for each audience, what it carries, and a question to each service as an audit asks it

Whatever is asked is a read. What a token says of itself is told, never believed: a service's own answer goes before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from auditor.collectors.build import Services
from auditor.doctor.asking import Asking
from auditor.doctor.findings import Finding, Level, problem, skipped
from auditor.doctor.local import clock, local
from auditor.doctor.network import configuration, dates, reach_all
from auditor.settings import Settings

PATIENCE = 60
"""Seconds that a service may ask a diagnosis to wait."""


async def examine(
    settings: Settings,
    report: Callable[[Finding], None],
    *,
    tell: Callable[[str], None],
    wall: Callable[[], float] = time.time,
) -> None:
    """Give `report` each finding as it is made; ends where nothing further can be asked.

    `tell` gets what a person who signs in must read. `wall` is this machine's clock, Unix time.
    """
    stopped = False
    for finding in local(settings, wall()):
        report(finding)
        stopped = stopped or finding.stops
    if stopped:
        report(skipped("services", "nobody was asked: mend the problem above first"))
        return
    reached = await reach_all(settings, wall)
    sign_in = configuration(reached[0], settings)
    for finding in (sign_in, *(one.finding for one in reached[1:])):
        report(finding)
    told = dates(reached)
    report(clock(*told) if told else skipped("clock", "no service told the time"))
    if sign_in.level is not Level.OK:
        report(skipped("services", "nobody can sign in: mend the problem of the sign-in service first"))
        return
    answering = frozenset(one.host.origin for one in reached if one.finding.level is not Level.PROBLEM)
    hurried = replace(settings, patience=min(settings.patience, PATIENCE))
    async with Services(hurried, _nothing, tell) as services:
        async for finding in Asking(settings, services, answering, wall).everything():
            report(finding)


def _nothing(_digest: str, _format: str, _data: bytes) -> None:
    """A picture that was read to see whether it can be is not kept."""


def unusable(sentence: str) -> Finding:
    """Settings that cannot be loaded, as a finding."""
    return problem("settings", sentence.rstrip("."), stops=True)


__all__ = ["Finding", "Level", "examine", "unusable"]
