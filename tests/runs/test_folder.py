"""The run folder itself: what is named is there, whoever writes it."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.model import Workload
from auditor.runs.files import make_folder
from auditor.runs.folder import create, observations_part, open_run, users_part
from auditor.runs.manifest import MANIFEST, RunError, read_manifest
from auditor.runs.verify import verify
from tests.runs.conftest import make_run, user


def test_parts_that_are_written_by_several_threads_are_all_named(tmp_path: Path) -> None:
    run = create(tmp_path / "run", {"parts": {}, "settings": [{"name": str(n), "value": "x" * 50} for n in range(400)]})

    def write(number: int) -> bool:
        run.write_observations(Workload.ENTRA, number, [])
        return observations_part(Workload.ENTRA, number) in read_manifest(run.path)["parts"]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(100)))
    run.close()
    parts = read_manifest(run.path)["parts"]
    assert set(parts) == {observations_part(Workload.ENTRA, number) for number in range(100)}
    assert verify(run.path).problems == ()


def test_a_part_that_is_being_replaced_is_whole_before_and_after(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)])
    part = users_part(0)
    old, entry = (run.path / part).read_bytes(), dict(run.manifest["parts"][part])
    run.replace_part(part, run.read_part(part).slice(0, 1))
    new = (run.path / part).read_bytes()
    # Killed after the manifest knew the new digest: the file may be either.
    run.manifest["parts"][part] = entry | {"next": run.manifest["parts"][part]}
    for content, rows in ((old, 2), (new, 1)):
        (run.path / part).write_bytes(content)
        assert run.read_part(part).num_rows == rows
    (run.path / part).write_bytes(new[:-1])
    with pytest.raises(RunError, match="damaged"):
        run.read_part(part)
    run.close()


def test_a_listing_that_broke_off_leaves_nothing_of_itself_in_the_next(tmp_path: Path) -> None:
    run = create(tmp_path / "run", {"parts": {}})
    run.freeze_users([user(number) for number in range(9)], 2)
    run.freeze_users([user(number) for number in range(4)], 2)
    assert set(run.manifest["parts"]) == {users_part(0), users_part(1)}
    run.close()


def test_a_run_that_is_taken_back_leaves_no_folder(tmp_path: Path) -> None:
    run = create(tmp_path / "run", {"parts": {}})
    run.write_part(users_part(0), make_run(tmp_path / "other", [user(1)]).read_part(users_part(0)))
    run.discard()
    assert not (tmp_path / "run").exists()


def test_whoever_opens_a_run_sweeps_up_what_a_killed_process_left(tmp_path: Path) -> None:
    make_run(tmp_path / "run", [user(1)]).close()
    (tmp_path / "run" / "users" / ".tmp-abc").write_bytes(b"half")
    open_run(tmp_path / "run").close()
    assert not (tmp_path / "run" / "users" / ".tmp-abc").exists()


def test_a_manifest_is_json_for_everybody(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1, display_name="Zoë")], tenant={"name": "Zoë"})
    run.close()
    assert json.loads((run.path / MANIFEST).read_text(encoding="utf-8"))["tenant"]["name"] == "Zoë"


def test_every_folder_that_is_made_is_its_owners_alone_and_one_that_was_there_is_left(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    (tmp_path / "mine").chmod(0o755)
    made = make_folder(tmp_path / "mine" / "a" / "b")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (made, made.parent, tmp_path / "mine")] == [0o700, 0o700, 0o755]
