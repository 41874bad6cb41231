"""The same tenant, months on: who joined and left, and whose photo changed where.

A pure function of the first month, the seed and the number of months. Whoever nothing happens to keeps every
byte, ETag, path id and timestamp. Several per cent of the users are hit a month; in a small tenant every kind of
event comes round within three months or so.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from auditor.simulator.changes import Past, change_table
from auditor.simulator.events import HAPPENING, MENDING, Event, State, fed, first_state
from auditor.simulator.make_ups import MadeUp, seated
from auditor.simulator.moments import graph_time, moment, sharepoint_time, yammer_time
from auditor.simulator.pictures import StoredPicture
from auditor.simulator.population import Founded, found, guid, mugshot_id
from auditor.simulator.restock import Writing, restocked
from auditor.simulator.scenarios import Holdings, Who
from auditor.simulator.seats import Seat
from auditor.simulator.tenant import Account, GraphPhoto, GraphRefusal, Tenant
from auditor.simulator.truth import with_truth

_JOINED, _LEFT, _BLOCKED, _UNBLOCKED, _HIDDEN, _FED = 0.006, 0.004, 0.0015, 0.001, 0.003, 0.003
"""Shares of all users, a month; of the fed, once."""
_LEAST = 1 / 3
"""In a small tenant an event comes at least this often a month."""
_DAY = timedelta(days=1)
_ODATA_OFF = GraphRefusal(403, "ErrorAccessDenied", "Access to OData is disabled.")
_NEWCOMERS = ("in_step", "sharepoint_never_visited", "in_step", "never_set", "in_step", "not_in_engage")
_PLAIN_NEWCOMERS = ("in_step", "never_set", "in_step")

Befall = Callable[[int, int], None]
"""What happens to the user at a place; how many it happened to before."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A user to whom something has happened since the first month."""

    place: int
    seat: Seat
    held: Holdings
    state: State
    since: int = 0
    """The month since which they are so."""
    former: StoredPicture | None = None
    turn: int = 0
    readable: tuple[State, Account] | None = None
    """As they were before they could not be read."""


def make_month(
    users: int,
    seed: int,
    month: int,
    *,
    photos: Path | None,
    scenarios: Sequence[str] | None,
    photo_store: str,
    ews: bool = True,
    make_up: str = "",
    make_up_month: int | None = None,
) -> Tenant:
    """The tenant of `auditor.simulator.population.make_tenant`, `month` months on; month 0 is that very tenant.

    From month 1 on `changes.csv` stands beside its truth. Raises ValueError for what makes no sense.
    """
    founded = found(
        users,
        seed,
        photos=photos,
        scenarios=scenarios,
        photo_store=photo_store,
        make_up=make_up,
        make_up_month=make_up_month,
    )
    if not month:
        return replace(founded.tenant, accounts=with_truth(founded.tenant.accounts, ews=ews))
    life = Life(founded)
    for each in range(1, month):
        life.live(each)
    before = life.alive()
    life.live(month)
    now = with_truth(life.alive(), ews=ews, last_synced=graph_time(moment(month) - 2 * _DAY + timedelta(hours=4)))
    changes = change_table(month, before, now, life.pasts(), life.events(), ews=ews)
    return replace(founded.tenant, accounts=now, month=month, beside=(changes,))


class Life:
    """What became of a tenant so far."""

    def __init__(self, founded: Founded) -> None:
        self._maker, self._choice = founded.maker, founded.choice
        self._made_up = founded.made_up
        self._photo_store, self._seed = founded.tenant.photo_store, founded.tenant.seed
        self._first = founded.tenant.accounts
        self._accounts: list[Account | None] = list(founded.tenant.accounts)
        self._seats, self._held = list(founded.seats), list(founded.held)
        self._users = len(founded.seats)
        self._states = [self._first_state(place, seat) for place, seat in enumerate(founded.seats)]
        self._residents: dict[int, Resident] = {}
        self._turns: dict[str, int] = {}
        self._past: dict[int, list[tuple[int, Account | None]]] = {}
        self._events: dict[int, str] = {}
        self._month = 0

    def alive(self) -> list[Account]:
        """Everybody in the directory."""
        return [account for account in self._accounts if account is not None]

    def pasts(self) -> Mapping[str, Past]:
        """By user id, what became of those to whom anything happened."""
        return {next(account.id for _, account in past if account): past for past in self._past.values()}

    def events(self) -> Mapping[str, str]:
        """By user id, the event of the last month lived."""
        found = {}
        for place, event in self._events.items():
            account = self._accounts[place] or self._past[place][-2][1]
            assert account
            found[account.id] = event
        return found

    def live(self, month: int) -> None:
        """One month more."""
        self._month, self._events = month, {}
        rng = random.Random(f"month:{self._seed}:{self._users}:{month}")
        if month == 1:
            self._begin_feed(rng)
        pools = self._pools()
        if self._made_up and self._made_up.month == month:
            self._live_made_up(self._made_up, pools, rng)
            return
        self._feed(pools)
        for place in pools.get(State.HIDDEN, ()):
            self._show_again(place)
        for event in (*MENDING, *HAPPENING):
            self._deal(event, pools, rng)
        if not self._choice.plain:
            self._take("hidden", _HIDDEN, _of(pools, State.IN_STEP, State.SETTLED), rng, self._hide)
        self._take("left", _LEFT, _of(pools, *(set(State) - {State.FED})), rng, self._leave)
        self._take("blocked", _BLOCKED, _of(pools, State.IN_STEP, State.DRIFTED), rng, self._block)
        self._take("unblocked", _UNBLOCKED, _of(pools, State.BLOCKED), rng, self._unblock)
        self._newcomers()

    def _newcomers(self) -> None:
        for _ in range(self._count("joined", _JOINED)):
            self._join()

    # Made up ----------------------------------------------------------------------------------------

    def _first_state(self, place: int, seat: Seat) -> State:
        """Whoever is made up stays so."""
        always = self._made_up is not None and not self._made_up.month and self._made_up.touches(place)
        return State.OTHER if always else first_state(seat)

    def _live_made_up(self, made_up: MadeUp, pools: Mapping[State, list[int]], rng: random.Random) -> None:
        """The month in which a make-up happens: besides it, users only come and go."""
        for place in pools.get(State.HIDDEN, ()):
            self._show_again(place)
        self._take("left", _LEFT, _of(pools, *(set(State) - {State.FED})), rng, self._leave)
        for place, account in enumerate(self._accounts):
            if account is None or not made_up.touches(place):
                continue
            resident = self._resident(place)
            held = made_up.held(place, self._maker.hand(place, resident.seat), resident.held)
            resident = replace(resident, state=State.OTHER, readable=None)
            if held == resident.held:
                self._keep(resident)
                continue
            self._write(place, resident, held)
            self._became(made_up.make_up.name, replace(resident, held=held, since=self._month))
        self._newcomers()

    # Who is hit -------------------------------------------------------------------------------------

    def _pools(self) -> dict[State, list[int]]:
        """Places by state; of those nothing has happened to, by their scenario."""
        pools: dict[State, list[int]] = {state: [] for state in State}
        for place, state in enumerate(self._states):
            if self._accounts[place] is not None:
                pools[state].append(place)
        return pools

    def _count(self, name: str, share: float) -> int:
        """How many users an event hits this month: its share over all months, evenly spread."""
        rate = max(share * self._users, _LEAST)
        # Not all events of a small tenant in the same months.
        phase = int.from_bytes(name.encode()[:4], "big") % 97 / 97
        return math.floor(rate * self._month + phase) - math.floor(rate * (self._month - 1) + phase)

    def _deal(self, event: Event, pools: Mapping[State, list[int]], rng: random.Random) -> None:
        free = [place for place in _of(pools, *event.among) if place not in self._events]
        if event.of_those:
            count = math.ceil(event.of_those * len(free))
        else:
            count = self._count(event.name, event.share) * event.together
        count = min(count, len(free))
        hit = rng.sample(free, count - count % event.together)
        partners = {place: self._photo_of(hit[number ^ 1]) for number, place in enumerate(hit) if event.together > 1}
        for place in hit:
            self._befall(event, place, partners.get(place))

    # What befalls them ------------------------------------------------------------------------------

    def _resident(self, place: int) -> Resident:
        seat = self._seats[place]
        return self._residents.get(place) or Resident(place, seat, self._held[place], self._states[place])

    def _photo_of(self, place: int) -> StoredPicture:
        entra = self._resident(place).held.entra
        assert entra
        return entra.plain()

    def _turn(self, name: str) -> int:
        turn = self._turns.get(name, 0)
        self._turns[name] = turn + 1
        return turn

    def _befall(self, event: Event, place: int, partner: StoredPicture | None) -> None:
        resident = self._resident(place)
        turn = self._turn(event.name)
        hit = _Hit(self, place, resident.held, turn, resident.former, partner)
        held = event.befall(hit)
        pending = event.to is State.PENDING
        self._write(place, resident, held, looked=pending, late=pending)
        entra = resident.held.entra
        former = entra.plain() if event.to is State.RENEWED and entra else resident.former
        self._became(event.name, replace(resident, held=held, state=event.to, since=self._month, former=former))

    def new_photo(self, place: int) -> StoredPicture:
        """A photo of this user that nobody had before this month."""
        return StoredPicture(self._maker.portraits.upload(f"month-{self._month:03d}-photo-{place:06d}"))

    def _write(
        self, place: int, resident: Resident, held: Holdings, *, looked: bool = False, late: bool = False
    ) -> None:
        account = self._accounts[place]
        assert account
        rng = random.Random(f"writing:{self._seed}:{place}:{self._month}")
        end = moment(self._month)
        # A pending picture came after SharePoint's last look, which was within the day.
        at = end - timedelta(hours=rng.randint(4, 20)) if late else self._within(rng)
        writing = Writing(
            self._photo_store,
            resident.seat.who,
            str(self._month),
            sharepoint_time(at),
            rng,
            plain=self._choice.plain,
            looked=looked,
        )
        self._put(place, restocked(account, resident.held, held, writing))

    def _within(self, rng: random.Random) -> datetime:
        """A moment of the month, its last days left out: what is so old is no news to SharePoint."""
        return moment(self._month) - 4 * _DAY - timedelta(seconds=rng.randint(0, 24 * 86_400))

    def _put(self, place: int, account: Account | None) -> None:
        past = self._past.setdefault(place, [])
        if not past and place < len(self._first):
            past.append((0, self._first[place]))
        past.append((self._month, account))
        self._accounts[place] = account

    def _became(self, event: str, resident: Resident) -> None:
        self._events[resident.place] = event
        self._keep(resident)

    def _keep(self, resident: Resident) -> None:
        self._residents[resident.place] = resident
        self._states[resident.place] = resident.state

    # Feed -------------------------------------------------------------------------------------------

    def _begin_feed(self, rng: random.Random) -> None:
        pool = self._pools().get(State.IN_STEP, [])
        count = min(max(1, round(_FED * self._users)), len(pool) // 4)
        for turn, place in enumerate(rng.sample(pool, count)):
            other = StoredPicture(self._maker.portraits.upload(f"feed-{place:06d}"))
            resident = replace(self._resident(place), state=State.FED, former=other, turn=turn)
            self._keep(resident)

    def _feed(self, pools: Mapping[State, list[int]]) -> None:
        for place in pools.get(State.FED, ()):
            resident = self._residents[place]
            hit = _Hit(self, place, resident.held, resident.turn, resident.former, None)
            held = fed(hit)
            self._write(place, resident, held)
            # What it wrote over comes back next time.
            shown = {0: resident.held.stored, 1: resident.held.engage}.get(resident.turn % 3, resident.held.entra)
            assert shown
            self._became("fed", replace(resident, held=held, former=shown.plain()))

    # Readable and not -------------------------------------------------------------------------------

    def _hide(self, place: int, turn: int) -> None:
        resident, account = self._resident(place), self._accounts[place]
        assert account
        rng = random.Random(f"hiding:{self._seed}:{place}:{self._month}")
        hidden = account
        if turn % 3 == 0 or not (account.engage and account.profile):
            hidden = replace(account, graph=GraphPhoto(refusal=_ODATA_OFF))
        elif turn % 3 == 1:
            first = account.engage[0]
            second = replace(
                first, id=first.id + 2, full_name=f"{account.display_name} (2)", picture_id=mugshot_id(rng)
            )
            # Both must be found by the address that is asked for first.
            email = (account.mail or account.upn).lower()
            hidden = replace(account, engage=(replace(first, email=email), replace(second, email=email)))
        else:
            assert account.profile
            hidden = replace(account, profile=replace(account.profile, object_id=guid(rng)))
        self._put(place, hidden)
        self._became("hidden", replace(resident, state=State.HIDDEN, readable=(resident.state, account)))

    def _show_again(self, place: int) -> None:
        resident = self._residents[place]
        assert resident.readable
        state, account = resident.readable
        self._put(place, account)
        self._became("seen_again", replace(resident, state=state, readable=None))

    # Coming and going -------------------------------------------------------------------------------

    def _take(self, name: str, share: float, pool: Sequence[int], rng: random.Random, befall: Befall) -> None:
        free = [place for place in pool if place not in self._events]
        for place in rng.sample(free, min(self._count(name, share), len(free))):
            befall(place, self._turn(name))

    def _leave(self, place: int, _turn: int) -> None:
        self._put(place, None)
        self._became("left", self._resident(place))

    def _block(self, place: int, _turn: int) -> None:
        self._admit("blocked", place, enabled=False)

    def _unblock(self, place: int, _turn: int) -> None:
        self._admit("unblocked", place, enabled=True)

    def _admit(self, event: str, place: int, *, enabled: bool) -> None:
        account = self._accounts[place]
        assert account
        # Sign-in is all that keeps such a user out of the default scope, or in it.
        self._put(place, replace(account, enabled=enabled, in_scope=enabled))
        self._became(event, replace(self._resident(place), state=State.OTHER))

    def _join(self) -> None:
        place, turn = len(self._accounts), self._turn("joined")
        names = _PLAIN_NEWCOMERS if self._choice.plain else _NEWCOMERS
        seat = Seat(names[turn % len(names)], Who.MEMBER, 0)
        made_up = self._made_up
        if made_up and made_up.make_up.happens and made_up.month != self._month:
            # Who joins later was not there when it happened.
            made_up = None
        if made_up:
            seat = seated(seat, made_up.make_up)
        account, held = self._maker.account(place, seat, made_up)
        rng = random.Random(f"joining:{self._seed}:{place}:{self._month}")
        at = self._within(rng)
        profile = account.profile
        if profile and profile.timestamp:
            profile = replace(profile, timestamp=sharepoint_time(at))
        account = replace(
            account,
            created=graph_time(at - _DAY),
            profile=profile,
            engage=tuple(replace(user, activated_at=yammer_time(at)) for user in account.engage),
        )
        self._accounts.append(None)
        self._seats.append(seat)
        state = State.OTHER if made_up else first_state(seat)
        self._states.append(state)
        self._held.append(held)
        self._put(place, account)
        self._became("joined", Resident(place, seat, held, state, self._month))


def _of(pools: Mapping[State, list[int]], *states: State) -> list[int]:
    """The places of these states, in an order that no set decides."""
    return [place for state in sorted(states) for place in pools.get(state, ())]


@dataclass(frozen=True, slots=True)
class _Hit:
    """`auditor.simulator.events.Hit`."""

    life: Life
    place: int
    held: Holdings
    turn: int
    former: StoredPicture | None
    partner: StoredPicture | None

    def new(self) -> StoredPicture:
        return self.life.new_photo(self.place)
