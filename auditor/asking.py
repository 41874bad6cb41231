"""Asking again, in step 2: where many users got the same answer, the service is asked about them another way.

`auditor.doubt` works out whom to ask about. Each second answer is kept in the run folder, so that a killed run asks
about no user twice, and judging needs no service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from auditor.collection import Progress
from auditor.collectors.build import Services
from auditor.collectors.contract import WorkloadRefused, observed
from auditor.doubt.answers import Everybody
from auditor.doubt.settling import unfold
from auditor.doubt.stored import read_again, read_everybody, remember_earlier, write_again
from auditor.doubt.suspicion import IN_A_ROW
from auditor.doubt.wording import NAMES
from auditor.exceptions import true_here
from auditor.model import Observation, Reason, Status, User, Way, Workload
from auditor.repetition import repeated_tiles
from auditor.runs import frames
from auditor.runs.folder import RunFolder, observations_part
from auditor.services.errors import ServiceError

MOST_ASKED = {Workload.YAMMER: 200}
"""Maximum number of users who are asked again, by workload: Viva Engage allows ten requests in thirty seconds. In the
other workloads every user may be asked again once."""
ROUNDS = 12
"""Maximum number of times that it is worked out whom to ask again; each time fewer users are left."""


class AsksAgain(Protocol):
    """Asks one workload another way (`auditor.collectors.contract.Collector`)."""

    def ask_again(self, users: Sequence[User], heard: Mapping[str, Observation]) -> AsyncGenerator[Observation, None]:
        """One judged observation a user."""
        ...


async def ask_again(
    run: RunFolder, services: Services, progress: Progress, baseline: Path | None, reports: Path
) -> None:
    """Ask again until no suspicion needs another answer, and keep the answers.

    `baseline`: the run that this one is compared with, if any. `reports`: the folder that is searched for earlier runs
    of the tenant.
    """
    if int(run.manifest["scope"]["in_scope"]) < IN_A_ROW:
        return
    await asyncio.to_thread(remember_earlier, run, baseline, reports)
    everybody = await asyncio.to_thread(_everybody, run)
    believed = true_here(run.manifest)
    again = {workload: dict(rows) for workload, rows in read_again(run, everybody.user_ids).items()}
    told: set[Workload] = set()
    for _ in range(ROUNDS):
        wanted = (await asyncio.to_thread(unfold, everybody, again, believed)).wanted
        jobs = {}
        for workload, places in wanted.items():
            heard = again.setdefault(workload, {})
            most = MOST_ASKED.get(workload, len(everybody.user_ids))
            asked = [place for place in places if place not in heard][: max(0, most - len(heard))]
            if asked:
                jobs[workload] = asked
        if not jobs:
            return
        for workload in jobs.keys() - told:
            progress.tell(f"{NAMES[workload]} answered many users alike: some of them are asked another way.")
            told.add(workload)
        results = await asyncio.gather(
            *(_ask(run, services, everybody, workload, places) for workload, places in jobs.items())
        )
        for workload, rows in zip(jobs, results, strict=True):
            again[workload].update(rows)
            write_again(run, workload, [again[workload][place] for place in sorted(again[workload])])


def _everybody(run: RunFolder) -> Everybody:
    workloads = [Workload(name) for name in run.manifest["configured"]]
    return read_everybody(run, repeated_tiles(run, workloads))


async def _ask(
    run: RunFolder, services: Services, everybody: Everybody, workload: Workload, places: Sequence[int]
) -> dict[int, Observation]:
    """The answers about these users when asked another way; a user without an answer is unknown."""
    asker: AsksAgain | None = services.yammer if workload is Workload.YAMMER else services.collectors.get(workload)
    place_of = {everybody.user_ids[place]: place for place in places}
    users, heard = await asyncio.to_thread(_heard, run, workload, set(place_of))
    found: dict[int, Observation] = {}
    why, reason = "nothing came when it was asked again", str(Reason.UNEXPECTED_ANSWER)
    if asker is not None:
        try:
            async with aclosing(asker.ask_again(users, heard)) as stream:
                async for one in stream:
                    found[place_of[one.user_id]] = one
        except (ServiceError, WorkloadRefused) as error:
            why, reason = error.sentence, str(error.reason)
    for user in users:
        if place_of[user.id] not in found:
            found[place_of[user.id]] = observed(user, workload, Status.UNKNOWN, Way.NONE, reason=reason, detail=why)
    return found


def _heard(run: RunFolder, workload: Workload, user_ids: set[str]) -> tuple[list[User], dict[str, Observation]]:
    users: list[User] = []
    heard: dict[str, Observation] = {}
    for shard in range(run.shards):
        own = [user for user in run.users(shard) if user.id in user_ids]
        if not own:
            continue
        users += own
        part = run.read_part(observations_part(workload, shard))
        for row in part.filter(part["judged"]).to_pylist():
            if row["user_id"] in user_ids:
                heard[row["user_id"]] = frames.observation_of(row)
    return users, heard
