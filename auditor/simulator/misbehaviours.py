"""Every way in which the simulated tenant can misbehave for everybody, by name."""

from __future__ import annotations

from auditor.simulator import misbehaving_engage, misbehaving_exchange, misbehaving_graph, misbehaving_sharepoint
from auditor.simulator.misbehaving import Misbehaviour, Play

MISBEHAVIOURS: dict[str, Misbehaviour] = {
    one.name: one
    for module in (misbehaving_exchange, misbehaving_graph, misbehaving_sharepoint, misbehaving_engage)
    for one in module.MISBEHAVIOURS
}


class NoSuchMisbehaviourError(Exception):
    """What was asked for is no misbehaviour; the message says what is wrong."""


def read_misbehaviour(text: str) -> Play:
    """What `NAME` or `NAME@FROM` plays: the misbehaviour of that name, from the FROM-th question of its kind on."""
    name, at, number = text.partition("@")
    if name not in MISBEHAVIOURS:
        near = [one for one in MISBEHAVIOURS if name and name in one] or sorted(MISBEHAVIOURS)
        raise NoSuchMisbehaviourError(f"There is no misbehaviour {name!r}; there are {', '.join(near)}.")
    if at and not (number.isascii() and number.isdecimal() and int(number) >= 1):
        raise NoSuchMisbehaviourError(f"{number!r} is not the number of a question: give {name}@26, for example.")
    return Play(MISBEHAVIOURS[name], int(number) if at else 1)
