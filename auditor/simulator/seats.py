"""Which scenario each user of a tenant gets: the shares, and the order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.simulator.scenarios import IN_STEP, OUT_OF_SCOPE, SCENARIOS, Choice, Who

SMALL = 200
"""Below this many users, scenarios are dealt one after another as far as they go."""

_IN_STEP_IN_SCOPE = 0.4415
"""Share of the audited users in step. Scenarios that end in step as well (a hard re-encoding, a photo that
was only squared) bring all users in step to about half, whichever store Graph reads."""
_IN_STEP_OUT_OF_SCOPE = 0.055
"""Share of all users that are in step and out of scope: leavers whose licence or sign-in was taken away."""
_LEAST_IN_STEP = 0.44
_ODD_OF_CALM = 8
"""In a calm tenant one user of so many has another scenario."""
_COMMON = (
    # What tenants have most of: these get the seats left over.
    "never_set",
    "missing_sharepoint",
    "stale_sharepoint",
    "sharepoint_never_visited",
    "missing_yammer",
    "stale_yammer",
)


@dataclass(frozen=True, slots=True)
class Seat:
    """One user to be: scenario, kind of account, and how many of the scenario came before."""

    scenario: str
    who: Who
    turn: int
    partner: int = -1
    """For users mixed up with each other: whose photo this one got, as a place in the tenant."""


def seats(users: int, seed: int, choice: Choice, *, calm: bool = False) -> list[Seat]:
    """One seat a user, in the order of the directory. `calm`: unless scenarios are asked for, most are in step."""
    if users < 1:
        raise ValueError(f"A tenant needs at least one user, not {users}.")
    if calm and choice.everything:
        names = list(choice.names)
        random.Random(f"calm:{seed}").shuffle(names)
        dealt = _round_robin(users, names, users // _ODD_OF_CALM)
    elif users >= SMALL and choice.everything:
        dealt = _by_share(users, choice.names)
    else:
        dealt = _round_robin(users, choice.names, users // 2)
    random.Random(f"seats:{seed}:{users}").shuffle(dealt)
    return _numbered(dealt)


def _round_robin(users: int, names: Sequence[str], odd: int) -> list[tuple[str, Who]]:
    """So many users of these scenarios by turns, the others in step."""
    counts = dict.fromkeys(names, 0)
    left = odd if names else 0
    while left:
        before = left
        for name in names:
            take = SCENARIOS[name].together if not counts[name] else 1
            if take <= left:
                counts[name] += take
                left -= take
        if left == before:
            break
    dealt = [(name, SCENARIOS[name].who) for name in names for _ in range(counts[name])]
    return dealt + [(IN_STEP, Who.MEMBER)] * (users - len(dealt))


def _by_share(users: int, names: Sequence[str]) -> list[tuple[str, Who]]:
    inside = [name for name in names if SCENARIOS[name].who not in OUT_OF_SCOPE]
    outside = [name for name in names if SCENARIOS[name].who in OUT_OF_SCOPE]
    leavers = round(_IN_STEP_OUT_OF_SCOPE * users)
    each = -(-users // 100)
    in_scope = users - leavers - each * len(outside)
    # Where one per cent rounded up would push those in step below their half, it is rounded down.
    if in_scope - each * len(inside) < _LEAST_IN_STEP * in_scope:
        each = max(2, users // 100)
        in_scope = users - leavers - each * len(outside)
    in_step = min(round(_IN_STEP_IN_SCOPE * in_scope), in_scope - each * len(inside))
    dealt = [(name, SCENARIOS[name].who) for name in names for _ in range(each)]
    spare = in_scope - in_step - each * len(inside)
    dealt += [(name, Who.MEMBER) for name in (_COMMON[place % len(_COMMON)] for place in range(spare))]
    dealt += [(IN_STEP, Who.UNLICENSED if place % 3 == 2 else Who.DISABLED) for place in range(leavers)]
    return dealt + [(IN_STEP, Who.MEMBER)] * in_step


def _numbered(dealt: Sequence[tuple[str, Who]]) -> list[Seat]:
    turns: dict[str, int] = {}
    numbered: list[Seat] = []
    mixed_up: list[int] = []
    for place, (name, who) in enumerate(dealt):
        turn = turns.get(name, 0)
        turns[name] = turn + 1
        numbered.append(Seat(name, who, turn))
        if name == "swapped":
            mixed_up.append(place)
    for place, partner in _pairs(mixed_up):
        seat = numbered[place]
        numbered[place] = Seat(seat.scenario, seat.who, seat.turn, partner)
    return numbered


def _pairs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Two by two, each with the other; the last three in a ring where the number is odd."""
    ring = 3 if len(places) % 2 and len(places) > 1 else 0
    paired = places[: len(places) - ring]
    pairs = [(place, paired[number ^ 1]) for number, place in enumerate(paired) if number ^ 1 < len(paired)]
    last = places[len(places) - ring :] if ring else []
    return pairs + [(place, last[(number + 1) % 3]) for number, place in enumerate(last)]
