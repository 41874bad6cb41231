"""Erasing one person leaves nothing of them in the bytes of runs and reports, and everybody else as they were."""

from __future__ import annotations

import hashlib
import html
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.journeys.conftest import Command, parts_of, start_audit, wait_until

USERS = 24


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    scenarios = "in_step,swapped,stale_entra,missing_sharepoint,placeholder_copy,engage_own_photo,guest,shared_picture"
    return tenant(users=USERS, seed=7, scenarios=scenarios)


@pytest.fixture(scope="module")
def audited(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and its reports, one of them without names."""
    command = Command(tmp_path_factory.mktemp("audited"))
    run = command.folder / "runs" / "one"
    done = command("audit", "--config", served.config, "--shard-users", "12", "--photos", "all", run=run)
    assert done.code == 1, done.err
    assert command("report", run, "--redact").code == 0
    return command.folder


@pytest.fixture
def copied(audited: Path, command: Command) -> Path:
    """The same, to be spoiled."""
    return Path(shutil.copytree(audited / "runs" / "one", command.folder / "runs" / "one"))


def table(run: Path, kind: str) -> pd.DataFrame:
    return pd.concat([pq.read_table(file).to_pandas() for file in sorted((run / kind).rglob("*.parquet"))])


def needles(run: Path, upn: str) -> dict[str, bytes]:
    """Everything that is this user's and nobody else's: names, addresses, digests, fingerprints."""
    users = table(run, "users").set_index("upn")
    user = users.loc[upn]
    observed = table(run, "observations")
    own = observed[observed["user_id"] == user["user_id"]]
    others = observed[observed["user_id"] != user["user_id"]]
    if (run / "verdicts").exists():
        # Copies that are known to show this person's photo under another name hold nothing of that other.
        verdicts = table(run, "verdicts")
        shown = verdicts[verdicts["evidence"].str.endswith(f" {upn}")]
        places = set(zip(shown["user_id"], shown["workload"], shown["sha256"], strict=True))
        rows = zip(others["user_id"], others["workload"], others["sha256"], strict=True)
        others = others[[row not in places for row in rows]]
    found = {"id": user["user_id"], "upn": upn, "mail": user["mail"], "name": user["display_name"]}
    found |= {f"address {n}": one for n, one in enumerate(user["addresses"].split())}
    for column in ("sha256", "phash", "dhash"):
        mine = set(own[column]) - set(others[column]) - {""}
        found |= {f"{column} {n}": one for n, one in enumerate(sorted(mine))}
    made = {name: str(one).lower().encode() for name, one in found.items() if one}
    prints = set(own["descriptor"]) - set(others["descriptor"]) - {b""}
    signals = [json.loads(one) for one in own["signals"]]
    made |= {f"engage {one['engage_id']}": one["engage_id"].encode() for one in signals if "engage_id" in one}
    return made | {f"descriptor {n}": one for n, one in enumerate(prints)}


def contents(file: Path) -> bytes:
    """A file's name and its bytes, and what stands compressed or escaped in them."""
    data = file.read_bytes()
    if file.suffix == ".parquet":
        plain = io.BytesIO()
        pq.write_table(pq.read_table(file), plain, compression="none", use_dictionary=False)
        return file.name.encode() + data.lower() + plain.getvalue().lower() + plain.getvalue()
    if file.suffix in {".html", ".csv", ".json", ".xml", ".md"}:
        return data.lower() + html.unescape(data.decode()).lower().encode()
    return file.name.encode() + data


def search(wanted: dict[str, bytes], *folders: Path) -> list[str]:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    return [f"{name} in {file}" for file in files for name, one in wanted.items() if one in contents(file)]


def named_by_another(run: Path) -> tuple[str, str]:
    """The UPN of a user whose photo stands under another's name too, and that other's."""
    verdicts = table(run, "verdicts")
    row = verdicts[verdicts["cause"] == "photo_of_another_user"].iloc[0]
    return row["evidence"].split(" ")[-1], row["upn"]


def test_no_byte_of_an_erased_person_is_left_and_verify_says_that_one_was_erased(
    copied: Path, command: Command
) -> None:
    exported = command.folder / "exported"
    assert command("report", copied, "--out", exported).code == 0
    upn, other = named_by_another(copied)
    wanted = needles(copied, upn)
    assert {"id", "name", "sha256 0", "phash 0", "descriptor 0"} <= set(wanted)
    assert any(name.startswith("engage") for name in wanted)
    before = search(wanted, copied, exported)
    for where in ("users/", "observations/", "verdicts/", "photos/", "report/", "exported/"):
        assert any(where in found for found in before), where
    told = command("erase", "--user", upn, copied)
    assert told.code == 1
    assert "--yes" in told.out
    assert search(wanted, copied, exported) == before

    done = command("erase", "--user", upn.upper(), "--runs", copied.parent, "--yes")
    assert done.code == 0, done.out + done.err
    assert search(wanted, copied, exported) == []
    checked = command("verify", copied)
    assert checked.code == 0, checked.err
    assert "intact, 1 erasure" in checked.out
    # The finding of the other user stays, and no longer says whose photo it is.
    mended = table(copied, "verdicts")
    evidence = mended.loc[(mended["upn"] == other) & (mended["cause"] == "photo_of_another_user"), "evidence"]
    assert evidence.str.endswith("(erased)").all()
    again = command("erase", "--user", upn, copied)
    assert again.code == 0
    assert "no trace" in again.out


def test_everybody_else_keeps_every_row(audited: Path, copied: Path, command: Command) -> None:
    upn, other = named_by_another(copied)
    assert command("erase", "--user", upn, copied, "--yes").code == 0
    for kind in ("users", "observations", "verdicts"):
        before, after = table(audited / "runs" / "one", kind), table(copied, kind)
        gone = table(audited / "runs" / "one", "users").set_index("upn").loc[upn, "user_id"]
        others = before["user_id"].isin(table(copied, "users").loc[lambda users: users["upn"] != other, "user_id"])
        kept = before[others & (before["user_id"] != gone)].reset_index(drop=True)
        same = after[after["user_id"].isin(kept["user_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, same)
    page = (copied / "report" / "report.html").read_text(encoding="utf-8")
    assert f"{scope_of(audited) - 1}" in page
    kept_pictures, all_pictures = (
        {file.stem for file in (run / "photos").rglob("*.*")} for run in (copied, audited / "runs" / "one")
    )
    deleted = all_pictures - kept_pictures
    assert deleted
    assert deleted.isdisjoint(table(copied, "observations")["sha256"])


def scope_of(folder: Path) -> int:
    return len(table(folder / "runs" / "one", "users"))


def test_the_record_of_an_erasure_fits_the_object_id_and_names_nobody(copied: Path, command: Command) -> None:

    upn, _ = named_by_another(copied)
    user_id = table(copied, "users").set_index("upn").loc[upn, "user_id"]
    assert command("erase", "--user", user_id, copied, "--yes").code == 0
    (record,) = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))["erasures"]
    assert set(record) == {"when", "asked_by", "salt", "whom"}
    assert record["whom"] == hashlib.sha256(f"{record['salt']}{user_id}".encode()).hexdigest()


@pytest.mark.soak
def test_an_erasure_that_is_killed_is_seen_and_can_be_run_again(copied: Path, command: Command) -> None:
    upn, _ = named_by_another(copied)
    wanted = needles(copied, upn)
    rng = random.Random(3)
    for number in range(4):
        run = command.folder / f"killed-{number}" / "one"
        shutil.copytree(copied, run)
        process = subprocess.Popen(
            [sys.executable, "-m", "auditor", "erase", "--user", upn, "--yes", str(run)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(process, lambda run=run: b'"underway"' in (run / "manifest.json").read_bytes())  # type: ignore[misc]
        moment = time.monotonic() + rng.random() * 0.2 * number
        while time.monotonic() < moment:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        if b'"underway"' in (run / "manifest.json").read_bytes():
            seen = command("verify", run)
            assert seen.code == 1
            assert "interrupted" in seen.err
            refused = command("report", run)
            assert refused.code == 2
            assert "erase" in refused.err
        done = command("erase", "--user", upn, "--yes", run)
        assert done.code == 0, done.out + done.err
        assert search(wanted, run) == []
        assert command("verify", run).code == 0


def test_somebody_in_no_run_leaves_it_alone(copied: Path, command: Command) -> None:
    before = (copied / "verdicts" / "part-00000.parquet").read_bytes()
    done = command("erase", "--user", "nobody@nowhere.example", copied, "--yes")
    assert done.code == 0
    assert "no trace" in done.out
    assert (copied / "verdicts" / "part-00000.parquet").read_bytes() == before


def test_a_strangers_file_beside_a_report_that_names_the_person_is_told(copied: Path, command: Command) -> None:
    upn, _ = named_by_another(copied)
    (copied / "report" / "notes.txt").write_text(f"call {upn} about it", encoding="utf-8")
    done = command("erase", "--user", upn, copied, "--yes")
    assert done.code == 1
    assert "notes.txt" in done.err


def test_a_person_is_erased_from_an_interrupted_run_and_stays_erased_when_it_is_resumed(
    served: Any, command: Command
) -> None:
    path = command.folder / "interrupted"
    process = start_audit(served, path, "--shard-users", "4", "--quiet")
    wait_until(process, lambda: sum("observ" in part for part in parts_of(path)) >= 12)
    process.kill()
    process.communicate()
    # One of whom everything was read, and one who may be in flight. With two the directory's list is counted anew.
    parts = sorted((path / "users").glob("*.parquet"))
    upns = [pq.read_table(part).to_pylist()[0]["upn"] for part in (parts[0], parts[-1])]
    wanted = {f"{name} of {upn}": one for upn in upns for name, one in needles(path, upn).items()}
    for upn in upns:
        assert command("erase", "--user", upn, path, "--yes").code == 0
    assert search(wanted, path) == []
    assert command("verify", path).code == 0
    assert command("resume", path).code == 1
    names = {name: one for name, one in wanted.items() if name.split()[0] in {"id", "upn", "name"}}
    assert search(names, path) == []
