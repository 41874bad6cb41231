"""Which request gets which fault: a function of the seed and of the question, never of who came first.

Every question (`Asked.subject`) is counted for itself. The accounts of a kind of question stand in a row, and the row
is divided into blocks of 450 × (1 − rate): so many first asks and the repetitions that their faults cause stay under
500 requests. Each block has the same layout, drawn from the seed: as many of its places as the rate says hold a
fault, and among these is every form that applies (or, where the rate leaves too few places, as under `light`, every
kind, whose forms take turns from block to block: two in a hundred of 500 requests are ten faults, and there are ten
kinds). The first ask about an account falls on the account's place, each further ask eleven places on. So whoever
asks about 500 accounts of the scope meets everything at least once, in whatever order and however many at a time.
What concerns no account (a file by its path, an account that does not exist) has the place that its digest says, and
meets everything on average only.

A client that asks five times gets through: the same question is not hit more than `in_a_row` times in succession,
one by one and in batches together. What even such a client may take for final (`Form.rare`: a 403 for one user, a
Retry-After of a year) comes once a block, only for the question that a user's workload is asked first: about one
observation in two hundred. An expired or endless page, after which a list has to be begun anew, comes at most twice
a list, and one user of a list may slip through between two pages, once.

Altered bytes that still make a good picture are no fault here: TLS lets no network do that, and nothing could tell
such a picture from a changed one. What is corrupted is so that its format breaks.
"""

from __future__ import annotations

import csv
import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from auditor.simulator.asgi import Request, Response
from auditor.simulator.asked import Asked, Asking
from auditor.simulator.fault_plan import BY_NAME, OWN, Form, Plan, Rule, Share

FAULTS_FILE = "faults.csv"
COLUMNS = ("origin", "kind", "form", "asked", "subject", "nth", "in_batch")
BLOCK = 450
STEP = 11
FIRST_EVERY = 16
RESTARTS = 2
"""Faults of one list after which it has to be begun anew."""
_ANEW = frozenset({"expired_token", "endless"})


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault for a request."""

    form: Form
    asked: Asked
    nth: int
    """How often this was asked, this time included."""
    digest: int
    """Decides what the form leaves open."""
    in_batch: bool = False
    answer: Response | None = None
    """What is answered, where the plan writes it down."""


@dataclass(slots=True)
class _Count:
    asks: int = 0
    in_a_row: int = 0


@dataclass
class Faults:
    """Draws faults once it was begun; none before."""

    plan: Plan
    seed: int
    asking: Asking
    began: bool = False
    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)
    _layouts: dict[tuple[str, str, tuple[Form, ...]], tuple[int | None, ...]] = field(default_factory=dict)
    _lists: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _endless: dict[tuple[str, str], int] = field(default_factory=dict)
    _refusals: Counter[str] = field(default_factory=Counter)
    _file: IO[str] | None = None

    def begin(self, path: Path) -> None:
        """Play faults from now on, and write each into this file: its columns are `COLUMNS`."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._write(COLUMNS)
        self.began = True

    def close(self) -> None:
        """Play no more."""
        self.began = False
        if self._file is not None:
            self._file.close()
            self._file = None

    def draw(
        self, origin: str, request: Request, *, more: Callable[[], bool] = lambda: False, in_batch: bool = False
    ) -> Hit | None:
        """The fault for this request, if it gets one. `more` tells of a page whether another follows."""
        asked = self.asking.read(origin, request) if self.began else None
        if asked is None:
            return None
        count = self._counts.setdefault((origin, asked.subject), _Count())
        count.asks += 1
        share = self.plan.at(origin)
        digest = self._digest(origin, asked.subject, count.asks)
        rule = self._ruled(origin, asked, count.asks, in_batch=in_batch)
        form = rule.form if rule is not None else None
        if form is None:
            start = self._endless_from(origin, asked)
            if start is not None:
                form = BY_NAME["pages/endless"]
            elif count.in_a_row < share.in_a_row:
                form = self._placed(origin, asked, count.asks, share, digest, more=more, in_batch=in_batch)
        if form is None:
            count.in_a_row = 0
            return None
        count.in_a_row += 1
        if form.name == "endless" and origin == "yammer":
            self._endless.setdefault((origin, asked.listing), asked.position)
        return Hit(form, asked, count.asks, digest, in_batch, rule.answer if rule is not None else None)

    def record(self, origin: str, hit: Hit, form: Form) -> None:
        """Write down what was really played."""
        asked = hit.asked
        row = (origin, form.kind, form.name, asked.what, asked.subject, hit.nth, "true" if hit.in_batch else "false")
        self._write(row)

    def _write(self, row: tuple[object, ...]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow(row)
            # Readers look while the tenant runs.
            self._file.flush()

    # Connections, of which nobody knows yet what they will ask

    def refuse_next(self, origin: str) -> None:
        """Let the next connection to this origin be refused."""
        self._refusals[origin] += 1

    def refuses(self, origin: str) -> bool:
        """Whether this new connection is to be refused."""
        if not self._refusals[origin]:
            return False
        self._refusals[origin] -= 1
        return True

    # Drawing

    def _ruled(self, origin: str, asked: Asked, nth: int, *, in_batch: bool) -> Rule | None:
        for rule in self.plan.always:
            right = rule.origin == origin and (rule.times is None or nth <= rule.times)
            if right and _playable(rule.form, in_batch=in_batch) and rule.match.search(asked.subject):
                return rule
        return None

    def _placed(
        self,
        origin: str,
        asked: Asked,
        nth: int,
        share: Share,
        digest: int,
        *,
        more: Callable[[], bool],
        in_batch: bool,
    ) -> Form | None:
        forms = tuple(form for form in share.forms if _applies(form, origin, asked, in_batch=in_batch))
        if not forms or not share.rate:
            return None
        size = max(20, round(BLOCK * (1 - share.rate)))
        count = max(1, round(size * share.rate))
        step = next(step for step in range(STEP, STEP + size) if math.gcd(step, size) == 1)
        rank = asked.rank if asked.rank is not None else self._digest(origin, asked.subject, 0)
        block, place = divmod(rank + (nth - 1) * step, size)
        where = "in a batch" if in_batch else asked.what
        key = (origin, where, forms)
        if key not in self._layouts:
            self._layouts[key] = self._layout(origin, where, size, count)
        slot = self._layouts[key][place]
        if slot is None:
            return None
        form = _form(forms, slot, count, block, self._digest(origin, where, count))
        return self._possible(form, forms, origin, asked, nth, digest, more=more)

    def _layout(self, origin: str, where: str, size: int, count: int) -> tuple[int | None, ...]:
        """A block: at each place the number of a fault, or None."""
        places: list[int | None] = [None] * size
        chosen = random.Random(f"{self.seed} {origin} {where}").sample(range(size), count)
        for number, place in enumerate(chosen):
            places[place] = number
        return tuple(places)

    def _possible(
        self,
        form: Form,
        forms: tuple[Form, ...],
        origin: str,
        asked: Asked,
        nth: int,
        digest: int,
        *,
        more: Callable[[], bool],
    ) -> Form | None:
        """The form, or another where it cannot be now."""
        if form.kind == "pages":
            if not self._page_allows(form, origin, asked, nth, more=more):
                form = _other(forms, digest)
        elif (form.rare and asked.rank is None) or ((form.rare or form.first_only) and (nth - 1) % FIRST_EVERY):
            form = _other(forms, digest)
        return None if form.kind == "none" else form

    def _page_allows(self, form: Form, origin: str, asked: Asked, nth: int, *, more: Callable[[], bool]) -> bool:
        if (nth - 1) % FIRST_EVERY or asked.laps or (origin == "yammer" and not asked.position):
            return False
        if not (asked.by_token if form.name == "expired_token" else more()):
            return False
        limit = RESTARTS if form.name in _ANEW else 1 if form.name == "vanished_users" else None
        group = "anew" if form.name in _ANEW else form.name
        if limit is not None and self._lists[origin, asked.listing, group] >= limit:
            return False
        self._lists[origin, asked.listing, group] += 1
        return True

    def _endless_from(self, origin: str, asked: Asked) -> int | None:
        """Where a list by numbered pages began to repeat itself; asking for that page or one before ends it."""
        start = self._endless.get((origin, asked.listing)) if asked.what == "list" else None
        if start is not None and asked.position <= start:
            del self._endless[origin, asked.listing]
            return None
        return start

    def endless_start(self, origin: str, asked: Asked) -> int:
        """The position of the page that an endless list by numbers repeats."""
        return self._endless.get((origin, asked.listing), asked.position)

    def _digest(self, origin: str, subject: str, nth: int) -> int:
        text = f"{self.seed}|{origin}|{subject}|{nth}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _playable(form: Form, *, in_batch: bool) -> bool:
    """Whether a form can be an item of a batch, or an answer outside of one, as the case is."""
    if in_batch:
        return form.kind == "batch" or form == OWN or str(form) == "denied/403"
    return form.kind != "batch"


def _applies(form: Form, origin: str, asked: Asked, *, in_batch: bool) -> bool:
    """Whether a form makes sense for a question."""
    if form.rare and not asked.entry:
        return False
    if in_batch:
        return _playable(form, in_batch=True)
    only: dict[str, Callable[[], bool]] = {
        "batch": lambda: False,
        "pages": lambda: asked.what == "list" and (origin != "yammer" or form.name != "expired_token"),
        "soap": lambda: asked.soap,
        "denied": lambda: form.name == "403" or origin not in {"identity", "yammer_cdn"},
    }
    return only[form.kind]() if form.kind in only else True


def _form(forms: tuple[Form, ...], number: int, count: int, block: int, shift: int) -> Form:
    """The form of a block's numbered fault: every one, then the common ones again; or, where there are too few
    faults, every kind, its forms by turns. Pages of lists are few: half of their faults are faults of paging."""
    pages = tuple(form for form in forms if form.kind == "pages")
    if pages and len(pages) < len(forms):
        if number % 2:
            return pages[(number // 2 + block + shift) % len(pages)]
        forms = tuple(form for form in forms if form.kind != "pages")
        number, count = number // 2, (count + 1) // 2
    if count >= len(forms):
        if number < len(forms):
            return forms[number]
        common = [form for form in forms if not form.rare and not form.first_only] or list(forms)
        return common[(number + block) % len(common)]
    kinds = list(dict.fromkeys(form.kind for form in forms))
    turn = number if count >= len(kinds) else block * count + number
    chosen = [form for form in forms if form.kind == kinds[turn % len(kinds)]]
    return chosen[(block + turn // len(kinds) + shift) % len(chosen)]


_NONE = Form("none", "none")


def _other(forms: tuple[Form, ...], digest: int) -> Form:
    common = [form for form in forms if form.kind != "pages" and not form.rare and not form.first_only]
    return common[digest % len(common)] if common else _NONE
