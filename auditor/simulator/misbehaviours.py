"""Every way in which the simulated tenant can misbehave for everybody, by name."""

from __future__ import annotations

import re

from auditor.simulator import misbehaving_engage, misbehaving_exchange, misbehaving_graph, misbehaving_sharepoint
from auditor.simulator.misbehaving import Misbehaviour, Play

MISBEHAVIOURS: dict[str, Misbehaviour] = {
    one.name: one
    for module in (misbehaving_exchange, misbehaving_graph, misbehaving_sharepoint, misbehaving_engage)
    for one in module.MISBEHAVIOURS
}


class NoSuchMisbehaviourError(Exception):
    """The words name no misbehaviour, or no questions of it; the message says what is wrong."""


_QUESTIONS = re.compile(r"([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?")


def read_misbehaviour(text: str) -> Play:
    """The play that `NAME`, `NAME@FROM` or `NAME@FROM-TO` names; FROM and TO count questions of its kind from 1."""
    name, at, questions = text.partition("@")
    if name not in MISBEHAVIOURS:
        near = [one for one in MISBEHAVIOURS if name and name in one] or sorted(MISBEHAVIOURS)
        raise NoSuchMisbehaviourError(f"There is no misbehaviour {name!r}; there are {', '.join(near)}.")
    if not at:
        return Play(MISBEHAVIOURS[name])
    found = _QUESTIONS.fullmatch(questions)
    if found is None:
        raise NoSuchMisbehaviourError(
            f"{questions!r} numbers no question: give {name}@26 or {name}@26-60, for example."
        )
    return Play(MISBEHAVIOURS[name], int(found[1]), int(found[2]) if found[2] else None)
