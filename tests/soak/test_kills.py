"""Killed at any moment, a run is finished by `resume` as if it had never been."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.soak.kills import (
    PHASES,
    SHARD_USERS,
    Broken,
    Had,
    Unbroken,
    asked_again,
    kill_and_resume,
    table,
    unbroken,
)

USERS, MANY_USERS = 15, 64
FEW = 2
MANY = int(os.environ.get("PHOTO_AUDITOR_SOAK_KILLS", "200"))
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on this platform")


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=USERS, seed=11, request_log=True)


@pytest.fixture(scope="module")
def whole(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    made = unbroken(served, tmp_path_factory.mktemp("whole") / "run")
    assert made.code == 1
    return made


def kills(served: Any, whole: Unbroken, folder: Path, count: int, seed: int) -> list[Broken]:
    rng = random.Random(seed)
    broken = []
    for number in range(count):
        # Collecting takes the most time, and has the most moments; the others are short and get their share.
        phase = ("collecting", "judging", "collecting", "reporting", "collecting", "listing")[number % 6]
        path = folder / f"kill-{number}"
        broken.append(kill_and_resume(served, whole, path, phase, rng))
        if broken[-1].good:
            shutil.rmtree(path)
    return broken


def test_a_run_that_is_killed_at_a_random_moment_is_finished_by_resume_as_if_it_never_was(
    served: Any, whole: Unbroken, tmp_path: Path
) -> None:
    broken = kills(served, whole, tmp_path, FEW, seed=5)
    assert [one for one in broken if not one.good] == [], table(broken)


def test_a_question_that_was_answered_before_would_be_noticed_in_each_workload(served: Any, whole: Unbroken) -> None:
    manifest = json.loads((whole.path / "manifest.json").read_text(encoding="utf-8"))
    again = asked_again(whole.path, Had(frozenset(manifest["parts"]), frozenset(), frozenset()), served.requests())
    assert {one.split()[0] for one in again} == {"the", "entra", "exchange", "sharepoint", "yammer"}
    nothing = asked_again(whole.path, Had(frozenset(), frozenset(), frozenset()), served.requests())
    assert set(nothing) == {"the list of users"}


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_one_of_many_kills_is_survived(tenant: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Two at a time, each at a tenant of its own, whose request log speaks of it alone.
    assert MANY_USERS / SHARD_USERS >= 20
    tenants = [tenant(users=MANY_USERS, seed=11, request_log=True, fresh=True) for _ in range(2)]
    lanes = [(one, unbroken(one, tmp_path / f"whole-{number}")) for number, one in enumerate(tenants)]
    assert {whole.code for _, whole in lanes} == {1}
    with ThreadPoolExecutor(len(lanes)) as pool:
        shares = [MANY // 2, MANY - MANY // 2]
        jobs = [
            pool.submit(kills, *lane, tmp_path / str(number), share, seed=number + 1)
            for number, (lane, share) in enumerate(zip(lanes, shares, strict=True))
        ]
    broken = [one for job in jobs for one in job.result()]
    with capsys.disabled():
        sys.stdout.write(f"\n{table(broken)}\n")
    assert [one for one in broken if not one.good] == []
    if MANY >= 24:
        assert {one.phase for one in broken} == set(PHASES)
