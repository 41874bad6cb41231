"""Step 2 of the flow: every workload walks the shards on its own, and writes one part a shard.

A part is complete in itself: after a run was killed, only the shards in flight are asked again. `auditor.shortcut`
gives the collector what is known of a user's copy; where the collector finds it unchanged, the known copy stands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

import pyarrow as pa

from auditor.census import First, census
from auditor.collectors.build import Services
from auditor.collectors.contract import Collector, Known, Unchanged, WorkloadRefused, now, observed, unknown
from auditor.collectors.yammer import (
    ASKED_BESIDES_THE_LIST,
    CONTROLS,
    FEW,
    Found,
    Yammer,
    addresses_of,
    is_living,
    join,
    spread,
)
from auditor.directory import Listed
from auditor.model import FINGERPRINT_COLUMNS, Column, Observation, Reason, Status, User, Way, Workload
from auditor.runs import frames
from auditor.runs.erase import ERASED, was_erased
from auditor.runs.files import whole_file
from auditor.runs.folder import RunFolder, observations_part
from auditor.services.errors import BadAnswer, FinalForWorkload, ServiceError
from auditor.services.graph import PAGE, Graph
from auditor.services.yammer import EngageUser, can_be_asked, home_network
from auditor.shortcut import Carrying, Shortcut


class Progress(Protocol):
    """Is told how far a step is."""

    def start(self, step: str, total: int | None) -> None:
        """A step begins; `total` users, or None where nobody knows."""
        ...

    def advance(self, step: str, count: int = 1) -> None:
        """So many more are done."""
        ...

    def done(self, step: str) -> None:
        """The step is over."""
        ...

    def tell(self, text: str) -> None:
        """Something a person should read."""
        ...


async def collect(
    run: RunFolder, services: Services, progress: Progress, shortcut: Shortcut | None = None
) -> dict[str, float]:
    """Observe every user in every configured workload; existing parts are not made again.

    Returns how many seconds each workload took.
    """
    shortcut = shortcut or Shortcut(run)
    seconds: dict[str, float] = {}

    # The coroutine is made where it is awaited: a task that is cancelled before it began leaves none unawaited.
    async def timed(workload: Workload, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        begun = time.monotonic()
        await work()
        seconds[str(workload)] = round(time.monotonic() - begun, 1)

    tasks = [
        asyncio.create_task(timed(collector.workload, partial(_by_shards, run, collector, progress, shortcut)))
        for collector in services.collectors.values()
    ]
    if services.yammer is not None:
        tasks.append(
            asyncio.create_task(timed(Workload.YAMMER, partial(_engage, run, services.yammer, progress, shortcut)))
        )
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return seconds


_ACCOUNTS = (Column("id", "string", "object id"), Column("upn", "string", "user principal name"))
_ACCOUNTS_FILE = "accounts.parquet"


def remember_directory(run: RunFolder, listed: Listed) -> None:
    """Keep the directory's list for `recount`, until the run is finished."""
    if listed.accounts is None:
        return
    rows = ({"id": identity, "upn": upn} for identity, upn in listed.accounts.items())
    with whole_file(run.work("directory") / _ACCOUNTS_FILE) as temporary:
        frames.write_table(frames.table(_ACCOUNTS, rows), temporary)


async def recount(run: RunFolder, graph: Graph, progress: Progress, known: Iterable[str] = ()) -> None:
    """Compare the list from the run's beginning with the present directory, and record the differences.

    `known`: object ids of users of an earlier run.
    """
    file = run.work("directory") / _ACCOUNTS_FILE
    scope = dict(run.manifest.get("scope", {}))
    if not file.exists():
        return
    rows = frames.read_table(file, ["id", "upn"]).to_pylist()
    accounts = {row["id"]: row["upn"] for row in rows if row["id"] != ERASED}
    # A user who was erased from this run while it was interrupted is still in the directory, and did not join it.
    first = First(
        # Not `directory`: erasures lower that number, although the tenant still has those users.
        int(scope.get("listed", len(rows))),
        scope.get("counted_before"),
        int(scope.get("largest_page", PAGE)),
        bool(scope.get("full_end")),
        _begun(run),
    )
    taken = await census(graph, first, accounts, lambda one: was_erased(run.manifest, one), known)
    scope["counted_after"] = taken.after
    scope["joined"], scope["left"] = list(taken.joined), list(taken.left)
    scope["problem"] = "; ".join(filter(None, (str(scope.get("problem_of_list", "")), taken.problem)))
    run.update(scope=scope)
    if taken.joined or taken.left:
        progress.tell(
            f"While the audit ran {len(taken.joined)} accounts joined the directory and {len(taken.left)} left it;"
            " the run's manifest.json names them."
        )


def _begun(run: RunFolder) -> datetime | None:
    try:
        begun = datetime.fromisoformat(str(run.manifest.get("started", "")))
    except ValueError:
        return None
    return begun if begun.tzinfo else begun.replace(tzinfo=UTC)


async def read_again(
    run: RunFolder,
    services: Services,
    progress: Progress,
    shortcut: Shortcut,
    wanted: Mapping[Workload, Mapping[int, Collection[str]]],
) -> None:
    """Read copies in full that were carried over. `wanted`: object ids by workload and shard."""
    for workload, shards in wanted.items():
        for user_ids in shards.values():
            shortcut.recheck(workload, user_ids)
        if workload in services.collectors:
            collector = services.collectors[workload]
            refusal = await _prepare(run, collector, list(shards))
            refusal = await _again(run, collector, progress, shortcut, refusal, shards)
            if shortcut.dropped(workload):
                await _again(run, collector, progress, shortcut, refusal, _carried(run, workload, shortcut))
        elif services.yammer is not None:
            await _engage(run, services.yammer, progress, shortcut, shards)


async def _by_shards(
    run: RunFolder, collector: Collector, progress: Progress, shortcut: Shortcut | None = None
) -> None:
    shortcut = shortcut or Shortcut(run)
    workload = collector.workload
    waiting = [shard for shard in range(run.shards) if not run.has(observations_part(workload, shard))]
    step = str(workload)
    total = int(run.manifest.get("scope", {}).get("in_scope", 0))
    progress.start(step, total)
    again = _carried(run, workload, shortcut) if shortcut.dropped(workload) else {}
    refusal = await _prepare(run, collector, waiting or list(again))
    breaker = Breaker(workload)
    for shard in range(run.shards):
        users = run.users(shard)
        if shard not in waiting:
            progress.advance(step, len(users))
            continue
        carrying = await asyncio.to_thread(shortcut.of, workload, users)
        observations, refusal = await _ask(
            collector, users, carrying, refusal, partial(progress.advance, step), breaker
        )
        # Before the part is written: a run that is killed right after its last part must still know the refusal.
        _remember(run, workload, refusal)
        if told := shortcut.count(carrying, shard):
            progress.tell(told)
        run.write_observations(workload, shard, observations)
    if breaker.broke:
        progress.tell(f"{workload}: {breaker.broke}.")
    if shortcut.dropped(workload):
        await _again(run, collector, progress, shortcut, refusal, _carried(run, workload, shortcut))
    progress.done(step)


def _carried(run: RunFolder, workload: Workload, shortcut: Shortcut) -> dict[int, set[str]]:
    """Object ids of users whose copies are carried over, by shard."""
    found = {shard: {row["user_id"] for row in shortcut.carried(workload, shard)} for shard in range(run.shards)}
    return {shard: user_ids for shard, user_ids in found.items() if user_ids}


async def _again(
    run: RunFolder,
    collector: Collector,
    progress: Progress,
    shortcut: Shortcut,
    refusal: WorkloadRefused | None,
    wanted: Mapping[int, Collection[str]],
) -> WorkloadRefused | None:
    """Read these users' copies in full, and replace the observations that were carried over."""
    workload = collector.workload
    breaker = Breaker(workload)
    for shard, user_ids in wanted.items():
        users = run.users(shard)
        asked = [user for user in users if user.id in user_ids]
        carrying = await asyncio.to_thread(shortcut.of, workload, asked)
        observations, refusal = await _ask(collector, asked, carrying, refusal, lambda _: None, breaker)
        _remember(run, workload, refusal)
        if told := shortcut.count(carrying):
            progress.tell(told)
        rows = run.read_part(observations_part(workload, shard)).to_pylist()
        kept = [frames.observation_of(row) for row in rows if row["user_id"] not in user_ids]
        run.write_observations(workload, shard, _in_order(users, [*kept, *observations]))
    if breaker.broke:
        progress.tell(f"{workload}: {breaker.broke}.")
    return refusal


async def _ask(
    collector: Collector,
    users: Sequence[User],
    carrying: Carrying,
    refusal: WorkloadRefused | None,
    advance: Callable[[int], None],
    breaker: Breaker,
) -> tuple[list[Observation], WorkloadRefused | None]:
    """The observations of these users, complete and in order, and the refusal that stands from now on, if any."""
    observations: list[Observation] = []
    if refusal is None:
        try:
            async with aclosing(collector.collect(users, carrying.known)) as stream:
                async for seen in stream:
                    observation = carrying.take(seen)
                    if observation is None:
                        continue
                    observations.append(observation)
                    advance(observation.judged)
                    breaker.see(observation)
        except WorkloadRefused as found:
            refusal = found
        except ServiceError as error:
            refusal = WorkloadRefused(error.reason, error.sentence, error.remedy)
    seen_ids = {observation.user_id for observation in observations}
    rest = [user for user in users if user.id not in seen_ids]
    observations += [_without_answer(user, collector.workload, refusal) for user in rest]
    advance(len(rest))
    return _in_order(users, observations), refusal


IN_A_ROW = 25
"""After this many users in a row who could not be asked, retries included, the workload is taken for dead."""
_DEAD = frozenset({Reason.UNREACHABLE, Reason.THROTTLED, Reason.SERVER_ERROR, Reason.SIGN_IN_FAILED,
                   Reason.UNEXPECTED_ANSWER, "HTTP 401", "InvalidAuthenticationToken"})  # fmt: skip
"""Reasons that say nothing about the user and are the same for the next one."""


@dataclass
class Breaker:
    """Ends a workload that has died: no other user is asked, and the remaining users' observations say why."""

    workload: Workload
    in_a_row: int = 0
    broke: str = ""

    def see(self, observation: Observation) -> None:
        """Count this user. Raises `WorkloadRefused` after `IN_A_ROW` users in a row who could not be asked."""
        if not observation.judged:
            return
        dead = observation.status is Status.UNKNOWN and observation.reason in _DEAD
        self.in_a_row = self.in_a_row + 1 if dead else 0
        if self.in_a_row >= IN_A_ROW:
            self.broke = (
                f"{IN_A_ROW} users in a row could not be asked ({observation.reason}: {observation.detail}),"
                " so the rest were not asked"
            )
            raise WorkloadRefused(observation.reason, self.broke, "audit again when the service answers")


async def _prepare(run: RunFolder, collector: Collector, waiting: Sequence[int]) -> WorkloadRefused | None:
    if not waiting:
        return None
    step = str(collector.workload)
    collector.learned = str(run.manifest.get("learned", {}).get(step, ""))
    # All users are offered, so that a resumed run learns the same; those who are asked in any case come first.
    order = sorted(range(run.shards), key=lambda shard: shard not in waiting)
    try:
        await collector.prepare(user for shard in order for user in run.users(shard))
    except WorkloadRefused as refusal:
        return refusal
    except ServiceError as error:
        return WorkloadRefused(error.reason, error.sentence, error.remedy)
    if collector.learned:
        run.update(learned=run.manifest.get("learned", {}) | {step: collector.learned})
    return None


def _without_answer(user: User, workload: Workload, refusal: WorkloadRefused | None) -> Observation:
    if refusal is None:
        return observed(
            user, workload, Status.UNKNOWN, Way.NONE, reason=Reason.UNEXPECTED_ANSWER, detail="no answer came"
        )
    return observed(user, workload, Status.UNKNOWN, Way.NONE, reason=refusal.reason, detail=refusal.sentence)


def _in_order(users: Sequence[User], observations: Iterable[Observation]) -> list[Observation]:
    # Answers come in any order. Parts have a fixed order, so that interrupted and other runs give equal results.
    rank = {user.id: number for number, user in enumerate(users)}
    return sorted(observations, key=lambda one: (rank[one.user_id], not one.judged, one.picture))


def _remember(run: RunFolder, workload: Workload, refusal: WorkloadRefused | None) -> None:
    if refusal is None:
        return
    known = dict(run.manifest.get("refusals", {}))
    told = {"reason": str(refusal.reason), "sentence": refusal.sentence, "remedy": refusal.remedy}
    if known.get(str(workload)) != told:
        known[str(workload)] = told
        run.update(refusals=known)


# -- Viva Engage: it only lists in bulk, so it runs beside the shards, with one checkpoint file a page ----------

_FOUND_COLUMNS = (
    Column("id", "string", "Engage id"),
    Column("addresses", "string", "addresses, URL-quoted and space-separated"),
    Column("status", "string", "status"),
    Column("reason", "string", "reason"),
    Column("detail", "string", "detail"),
    Column("picture_id", "string", "picture id"),
    Column("looks", "string", "why a placeholder was taken for one"),
    Column("activated_at", "string", "when the account was first used"),
    Column("known", "string", "unread or reread where the picture's id is the one that was known; else empty"),
    Column("alive", "bool", "whether the account is in use"),
    Column("network", "string", "id of the network that the account belongs to"),
    Column("answered_at", "moment", "when the page came that names the account"),
    *FINGERPRINT_COLUMNS,
)
_UNREAD, _REREAD = "unread", "reread"
Place = tuple[int, int]
"""The place of an account: the number of the checkpoint, and the row in it."""


@dataclass
class Accounts:
    """The places of a list's accounts by their addresses, in lower case; all else stays in the checkpoints."""

    pages: Sequence[Path]
    home: str = ""
    """The tenant's own network."""
    living: dict[str, list[Place]] = field(default_factory=dict)
    others: dict[str, list[Place]] = field(default_factory=dict)
    """Accounts that are suspended, deleted or of another network."""

    def places(self, user: User) -> list[Place]:
        """The accounts of the user's first address that has one in use; else of the first that has any."""
        addresses = addresses_of(user)
        for found in (self.living, self.others):
            for address in addresses:
                if address in found:
                    return found[address]
        return []

    def controls(self) -> list[Found]:
        """A few accounts in use from the whole list: Viva Engage should find them by their addresses."""
        places = spread(sorted({place for found in self.living.values() for place in found}), CONTROLS)
        return [found for _, found in sorted(_read_places(self.pages, set(places)).items())]


async def _engage(
    run: RunFolder,
    yammer: Yammer,
    progress: Progress,
    shortcut: Shortcut | None = None,
    again: Mapping[int, Collection[str]] | None = None,
) -> None:
    """Write Viva Engage's parts. `again`: shards already written, with the users whose copies must be read in full."""
    shortcut = shortcut or Shortcut(run)
    workload = Workload.YAMMER
    waiting = [shard for shard in range(run.shards) if not run.has(observations_part(workload, shard))]
    waiting += list(again or ())
    if shortcut.dropped(workload):
        waiting += [shard for shard in _carried(run, workload, shortcut) if shard not in waiting]
    total = int(run.manifest.get("scope", {}).get("in_scope", 0))
    if again is None:
        progress.start(str(workload), total)
    while waiting:
        if total <= FEW:
            await _engage_few(run, yammer, waiting, progress, shortcut)
            waiting = []
        else:
            waiting = await _engage_many(run, yammer, waiting, progress, shortcut)
        # Copies that were carried over before they turned out to be untrustworthy are read, too.
        if shortcut.dropped(workload):
            waiting += [shard for shard in _carried(run, workload, shortcut) if shard not in waiting]
    progress.done(str(workload))


async def _engage_few(
    run: RunFolder, yammer: Yammer, waiting: Sequence[int], progress: Progress, shortcut: Shortcut
) -> None:
    for shard in waiting:
        users = run.users(shard)
        carrying = shortcut.of(Workload.YAMMER, users)
        observations: list[Observation] = []
        refusal: WorkloadRefused | None = None
        try:
            async for seen in yammer.by_email(users, carrying.known):
                observation = carrying.take(seen)
                if observation is not None:
                    observations.append(observation)
                    progress.advance("yammer")
        except ServiceError as error:
            refusal = WorkloadRefused(error.reason, error.sentence, error.remedy)
        seen_ids = {observation.user_id for observation in observations}
        observations += [_without_answer(user, Workload.YAMMER, refusal) for user in users if user.id not in seen_ids]
        _remember(run, Workload.YAMMER, refusal)
        if told := shortcut.count(carrying, shard):
            progress.tell(told)
        run.write_observations(Workload.YAMMER, shard, _in_order(users, observations))


async def _engage_many(
    run: RunFolder, yammer: Yammer, waiting: Sequence[int], progress: Progress, shortcut: Shortcut
) -> list[int]:
    """Read the list and write these shards. Returns the shards that could not be written and must be read again."""
    folder = run.work("yammer")
    known = await asyncio.to_thread(shortcut.accounts)
    await asyncio.to_thread(_forget_pages, folder, {account: one for account, (_, one) in known.items()})
    problem = await _engage_pages(yammer, folder, progress, {account: one for account, (_, one) in known.items()})
    ended = now()
    accounts = await asyncio.to_thread(_accounts, folder)
    if problem is None:
        before = {user_id for user_id, _ in known.values()}
        unlisted = await asyncio.to_thread(_likeliest_unlisted, run, accounts, before)
        if unlisted:
            controls = await asyncio.to_thread(accounts.controls)
            problem = await yammer.not_whole(unlisted, controls, accounts.home)
        if problem is not None:
            progress.tell(f"{Workload.YAMMER}: the list of users is not believed to be whole: {problem.sentence}.")
    if problem is not None:
        _remember(run, Workload.YAMMER, WorkloadRefused(problem.reason, problem.sentence, problem.remedy))
    if yammer.gave_up:
        progress.tell(f"{Workload.YAMMER}: {yammer.gave_up}.")
    strangers = await asyncio.to_thread(_engage_parts, run, accounts, waiting, problem, ended, shortcut, progress)
    shortcut.recheck(
        Workload.YAMMER,
        {known[account][0] for found in strangers.values() for account in found if account in known},
    )
    return list(strangers)


def _forget_pages(folder: Path, known: Mapping[str, Known]) -> None:
    """Delete checkpoints whose pages must be read anew: those of an older version, and those with accounts that were
    left unread but must be read now."""
    for file in sorted(folder.glob("page-*.parquet")):
        rows = frames.read_table(file).to_pylist()
        older = any("answered_at" not in row for row in rows)
        unread = [row["id"] for row in rows if row.get("known") == _UNREAD]
        if older or any(account not in known or known[account].recheck for account in unread):
            file.unlink()


def _accounts(folder: Path) -> Accounts:
    pages = sorted(folder.glob("page-*.parquet"))
    home = home_network(network for file in pages for network in frames.read_table(file, ["network"])[0].to_pylist())
    accounts = Accounts(pages, home)
    for page, file in enumerate(pages):
        for number, row in enumerate(frames.read_table(file, ["addresses", "alive", "network"]).to_pylist()):
            mine = row["alive"] and (not home or row["network"] in {"", home})
            where = accounts.living if mine else accounts.others
            for address in row["addresses"].split():
                where.setdefault(unquote(address), []).append((page, number))
    return accounts


def _likeliest_unlisted(run: RunFolder, accounts: Accounts, before: Collection[str]) -> list[User]:
    """A few of the run's users who are not in the list and most likely have an account.

    Half of them had an account in the earlier run (`before`), the others are enabled and licensed members, as far as
    there are such users. They are spread over the run: a list may lose only the accounts at its end.
    """
    ranked: list[list[tuple[int, str]]] = [[], [], []]
    for shard in range(run.shards):
        for user in run.users(shard):
            if not accounts.places(user) and any(can_be_asked(one) for one in addresses_of(user)):
                likely = user.enabled and user.licensed and user.user_type == "Member"
                ranked[0 if user.id in before else 1 if likely else 2].append((shard, user.id))
    picked = spread(ranked[0], ASKED_BESIDES_THE_LIST // 2)
    for rank in (1, 2, 0):
        left = [one for one in ranked[rank] if one not in picked]
        picked += spread(left, ASKED_BESIDES_THE_LIST - len(picked))
    wanted = {user_id for _, user_id in picked}
    return [user for shard in sorted({shard for shard, _ in picked}) for user in run.users(shard) if user.id in wanted]


PAGE_ATTEMPTS = 4
"""How often a page of Viva Engage's list is asked for that cannot be read, or names the same people again."""
MOST_PAGES = 40_000
"""Pages of two million accounts; a longer list is taken for one that does not end."""


async def _engage_pages(
    yammer: Yammer, folder: Path, progress: Progress, known: Mapping[str, Known]
) -> ServiceError | None:
    """Read the list to its end, with one checkpoint file a page. Returns the error that stopped it, if any."""
    seen: set[str] = set()
    for number in range(1, MOST_PAGES + 1):
        file = folder / f"page-{number:06d}.parquet"
        ids = set(frames.read_table(file, ["id"]).column(0).to_pylist()) if file.exists() else set()
        last = False
        if not ids:
            # A resumed run asks again where a checkpoint is empty: that may have other reasons than the list's end.
            try:
                listed, last = await _engage_page(yammer, number, seen)
                if number > 1:
                    listed += await _moved_up(yammer, number - 1, seen, _ids(listed), last=last)
                found = await yammer.found(listed, known)
            except ServiceError as error:
                return error
            ids = {one.id for one in found}
            with whole_file(file) as temporary:
                frames.write_table(frames.table(_FOUND_COLUMNS, map(_found_row, found)), temporary)
            progress.advance("yammer", len(found))
        if last:
            return None
        seen |= ids
    return BadAnswer(f"Viva Engage's list did not end after {MOST_PAGES} pages", reason=Reason.LIST_INCOMPLETE)


async def _engage_page(yammer: Yammer, number: int, seen: set[str]) -> tuple[list[EngageUser], bool]:
    """One page that may be believed, and whether the list ends with it.

    A page that cannot be read, or names nobody new, is asked for again. The end is believed when it comes twice. Before
    a page that named nobody new is asked for again, so is the page before it: this lets a list that hangs go on.
    """
    problem: ServiceError | None = None
    ends = 0
    hangs = False
    for _ in range(PAGE_ATTEMPTS):
        try:
            if hangs and number > 1:
                await yammer.page(number - 1)
            listed = await yammer.page(number)
        except FinalForWorkload:
            raise
        except ServiceError as error:
            problem = error
            continue
        ids = _ids(listed)
        last = not listed
        hangs = bool(ids) and ids <= seen
        if hangs or (last and number == 1):
            problem = BadAnswer("Viva Engage lists nobody, or the same people again", reason=Reason.LIST_INCOMPLETE)
            continue
        ends += last
        if not last or ends > 1:
            return listed, last
    raise problem or BadAnswer("Viva Engage's list ends and goes on again", reason=Reason.LIST_INCOMPLETE)


async def _moved_up(yammer: Yammer, number: int, seen: set[str], now: set[str], *, last: bool) -> list[EngageUser]:
    """Accounts that an earlier page holds now, but did not hold when it was read. `now`: ids of the page just read.

    Pages are numbered: when an account leaves the list while it is read, the first account of the next page moves to
    the end of a page that was already read. The page before may hold a moved account only where a whole page is new.
    """
    moved: list[EngageUser] = []
    while number:
        again = await _page_again(yammer, number, may_be_gone=last)
        new = [one for one in again if one.id and one.id not in seen and one.id not in now]
        moved += new
        if not new or len(new) < len(again):
            break
        number -= 1
    return moved


async def _page_again(yammer: Yammer, number: int, *, may_be_gone: bool) -> list[EngageUser]:
    problem: ServiceError = BadAnswer("a page of Viva Engage's list is empty now", reason=Reason.LIST_INCOMPLETE)
    for _ in range(PAGE_ATTEMPTS):
        try:
            if (listed := await yammer.page(number)) or may_be_gone:
                return listed
        except FinalForWorkload:
            raise
        except ServiceError as error:
            problem = error
    raise problem


def _ids(listed: Iterable[EngageUser]) -> set[str]:
    return {one.id for one in listed if not one.nameless}


def _engage_parts(
    run: RunFolder,
    listed: Accounts,
    waiting: Sequence[int],
    problem: ServiceError | None,
    ended: datetime,
    shortcut: Shortcut,
    progress: Progress,
) -> dict[int, set[str]]:
    """Match accounts to users and write the parts, shard by shard; only addresses are in memory for all users.

    `ended`: when the list ended, and so showed who is not in it. Returns the shards that were not written, with the ids
    of accounts that must be read: each was known as one user's, and now proves to be another's.
    """
    strangers: dict[int, set[str]] = {}
    for shard in waiting:
        users = run.users(shard)
        wanted = {user.id: listed.places(user) for user in users}
        accounts = _read_places(listed.pages, {place for places in wanted.values() for place in places})
        carrying = shortcut.of(Workload.YAMMER, users)
        observations = []
        for user in users:
            # An account that is listed twice, because the list moved while it was read, is one account.
            candidates = list({one.id: one for place in wanted[user.id] if (one := accounts[place])}.values())
            # In a list that was cut short a better candidate may be missing, unless this one has the best address.
            best = addresses_of(user)[:1]
            sure = [one for one in candidates if {*best} & {*one.addresses} and is_living(one, listed.home)]
            if problem is not None and not sure:
                observations.append(_not_listed(user, problem))
                continue
            for seen in join(user, candidates, Way.USERS_LIST, ended):
                if isinstance(seen, Unchanged) and not _same_account(carrying, seen):
                    if not candidates[0].read:
                        strangers.setdefault(shard, set()).add(candidates[0].id)
                elif (observation := carrying.take(seen)) is not None:
                    observations.append(observation)
        if told := shortcut.count(carrying, shard):
            progress.tell(told)
        if shard not in strangers:
            run.write_observations(Workload.YAMMER, shard, observations)
    return strangers


def _same_account(carrying: Carrying, seen: Unchanged) -> bool:
    """Whether the account was already known as this user's."""
    known = carrying.known.get(seen.user_id)
    return known is not None and known.signals.get("engage_id") == seen.signals["engage_id"]


def _read_places(pages: Sequence[Path], places: set[Place]) -> dict[Place, Found]:
    by_page: dict[int, list[int]] = {}
    for page, row in sorted(places):
        by_page.setdefault(page, []).append(row)
    found: dict[Place, Found] = {}
    for page, rows in by_page.items():
        picked: pa.Table = frames.read_table(pages[page]).take(rows)
        for row, values in zip(rows, picked.to_pylist(), strict=True):
            found[page, row] = _found_of(values)
    return found


def _not_listed(user: User, problem: ServiceError) -> Observation:
    error = ServiceError(f"the list of Viva Engage users is not whole: {problem.sentence}")
    # A refusal for everyone keeps its own reason; anything else means that the list was cut short.
    error.reason = problem.reason if problem.remedy or problem.reason == Reason.ENGAGE_NOT_SUBSCRIBED else (
        Reason.LIST_INCOMPLETE
    )  # fmt: skip
    if error.reason != Reason.LIST_INCOMPLETE:
        error.sentence = problem.sentence
    return unknown(user, Workload.YAMMER, Way.USERS_LIST, error)


def _found_row(found: Found) -> dict[str, Any]:
    return {
        "id": found.id,
        # Escaped: an address with a space would be read back as two, and one of these may be another user's.
        "addresses": " ".join(quote(address, safe="@") for address in found.addresses),
        "status": str(found.status),
        "reason": str(found.reason),
        "detail": found.detail,
        "picture_id": found.picture_id,
        "looks": found.looks,
        "activated_at": found.activated_at,
        "known": (_REREAD if found.read else _UNREAD) if found.unchanged else "",
        "alive": found.alive,
        "network": found.network,
        "answered_at": found.answered_at,
        **frames.fingerprint_row(found.fingerprint, found.digest),
    }


def _found_of(row: dict[str, Any]) -> Found:
    return Found(
        row["id"], tuple(map(unquote, row["addresses"].split())), Status(row["status"]), frames.fingerprint_of(row),
        row["reason"], row["detail"], row["picture_id"], row["looks"],
        "" if row["recipe"] else row["sha256"], row["activated_at"], bool(row["known"]), row["known"] != _UNREAD,
        row["alive"], row["network"], row["answered_at"],
    )  # fmt: skip
