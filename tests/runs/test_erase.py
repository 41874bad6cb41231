"""Whom an erasure concerns, and what it refuses; that it leaves no byte is shown by a journey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from auditor.model import Workload
from auditor.runs import frames
from auditor.runs.erase import ERASED, erase, traces
from auditor.runs.folder import observations_part
from auditor.runs.manifest import RunError
from auditor.runs.verify import verify
from auditor.runs.whom import Whom
from tests.runs.conftest import make_run, user


def test_a_run_of_one_person_is_empty_when_that_person_is_erased_and_still_a_run(
    tmp_path: Path, program: Callable[..., Any]
) -> None:
    make_run(tmp_path / "run", [user(1)]).close()
    done = program("erase", "--user", "user1@contoso.com", "run", "--yes")
    assert done.code == 0, done.err
    assert program("verify", "run").code == 0
    assert program("report", "run").code == 0
    assert not list((tmp_path / "run" / "photos").rglob("*.png"))


@pytest.mark.parametrize(
    "named", ["00000000-0000-4000-8000-000000000001", "USER1@contoso.com", "mail1@x.org", "old@x.org"]
)
def test_a_person_is_found_by_id_upn_mail_and_old_addresses(tmp_path: Path, named: str) -> None:
    run = make_run(tmp_path / "run", [user(1, mail="Mail1@x.org", addresses=("old@x.org",)), user(2)])
    assert traces(run, Whom(named)).user
    erase(run, Whom(named), "tester")
    assert [one.upn for one in run.users(0)] == ["user2@contoso.com"]
    assert not traces(run, Whom(named)).any
    run.close()


def test_a_name_that_two_users_go_by_is_refused_and_an_id_or_upn_beats_an_address(tmp_path: Path) -> None:
    people = [user(1, addresses=("both@x.org",)), user(2, addresses=("both@x.org", "user1@contoso.com"))]
    run = make_run(tmp_path / "run", people)
    with pytest.raises(RunError, match="by its object id"):
        erase(run, Whom("both@x.org"), "tester")
    erase(run, Whom("user1@contoso.com"), "tester")
    assert [one.id for one in run.users(0)] == [people[1].id]
    run.close()


def test_only_the_whole_address_is_taken_for_the_person(tmp_path: Path) -> None:
    texts = {"detail": "user1@contoso.com, xuser1@contoso.com, user1@contoso.com.br; user1%40contoso.com."}
    run = make_run(tmp_path / "run", [user(1), user(2)], texts=texts)
    erase(run, Whom("user1@contoso.com"), "tester")
    (told,) = set(next(run.verdicts())["detail"])
    assert told == f"{ERASED}, xuser1@contoso.com, user1@contoso.com.br; {ERASED}."
    run.close()


@pytest.mark.parametrize("upn", ["anna@contoso.com", 'a"nna\\b@contoso.com', "jürgen.o'brien@contoso.com"])
def test_a_person_named_among_the_causes_of_others_is_erased_there_however_json_spells_the_name(
    tmp_path: Path, upn: str
) -> None:
    said = [{"cause": "photo_of_another_user", "confidence": "certain", "evidence": f"the photo of {upn}"}]
    texts = {"causes": json.dumps(said, ensure_ascii=False), "signals": f"seen for {upn}"}
    people = [user(1, upn=upn, mail=upn, addresses=(upn,)), user(2)]
    run = make_run(tmp_path / "run", people, texts=texts)
    erase(run, Whom(upn), "tester")
    kept = next(run.verdicts())
    assert [json.loads(cell)[0] for cell in set(kept["causes"])] == [said[0] | {"evidence": f"the photo of {ERASED}"}]
    assert {json.loads(cell)["etag"] for cell in kept["signals"]} == {f"seen for {ERASED}"}
    assert not traces(run, Whom(upn)).any
    run.close()


@pytest.mark.parametrize("address", ["user1@contoso.com", "user1+x@contoso.com", "o%27neill@contoso.com"])
def test_an_account_in_the_work_of_an_unfinished_run_is_erased_however_its_address_is_written(
    tmp_path: Path, address: str
) -> None:
    run = make_run(tmp_path / "run", [user(1, addresses=(address,)), user(2)], finished=None)
    file = run.work("yammer") / "page-00001.parquet"
    rows = [{"id": "1", "addresses": quote(address, safe="@"), "status": "photo", "sha256": "a" * 64}]
    frames.write_table(pa.Table.from_pylist([*rows, {**rows[0], "id": "2", "addresses": "user2@contoso.com"}]), file)
    erase(run, Whom("user1@contoso.com"), "tester")
    left = frames.read_table(file).to_pylist()
    assert [(row["id"], row["addresses"]) for row in left] == [(ERASED, ""), ("2", "user2@contoso.com")]
    run.close()


def test_a_part_that_a_killed_process_did_not_come_to_name_goes_with_an_erasure(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)], finished=None)
    part = observations_part(Workload.ENTRA, 0)
    named = {name: entry for name, entry in run.manifest["parts"].items() if name != part}
    run.update(parts=named)
    erase(run, Whom("user1@contoso.com"), "tester")
    assert not (run.path / part).exists()
    assert all((run.path / name).exists() for name in named)
    run.close()


def test_the_list_of_accounts_with_one_picture_no_longer_names_the_person(tmp_path: Path) -> None:
    shared = {"pictures": 1, "accounts": 2, "groups": [["user1@contoso.com", "user2@contoso.com"]]}
    run = make_run(tmp_path / "run", [user(1), user(2)], shared_pictures=shared)
    erase(run, Whom("user1@contoso.com"), "tester")
    assert run.manifest["shared_pictures"]["groups"] == [[ERASED, "user2@contoso.com"]]
    run.close()


def test_the_manifest_no_longer_names_who_was_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)], question={"users": ["User1@contoso.com", "user2@contoso.com"]})
    erase(run, Whom("user1@contoso.com"), "tester")
    assert run.manifest["question"]["users"] == [ERASED, "user2@contoso.com"]
    assert run.manifest["scope"]["in_scope"] == 1
    assert run.manifest["tallies"]["sharepoint"] == {"mismatch": 1}
    run.close()


def test_an_interrupted_erasure_is_finished_for_that_person_before_another(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2), user(3)])
    run.update(underway={"what": "erasure", "when": "", "asked_by": "", "salt": "00", "whom": "11", "users": 1})
    with pytest.raises(RunError, match="somebody else"):
        erase(run, Whom("user2@contoso.com"), "tester")
    assert len(run.users(0)) == 2
    run.close()


def test_a_picture_that_another_has_too_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)])
    part = "observations/entra/part-00000.parquet"
    rows = run.read_part(part).to_pylist()
    shared = rows[0]["sha256"]
    rows[1] |= {name: rows[0][name] for name in ("sha256", "phash", "dhash", "descriptor")}
    run.replace_part(part, run.read_part(part).from_pylist(rows, schema=run.read_part(part).schema))
    erase(run, Whom("user1@contoso.com"), "tester")
    left = {file.stem for file in run.photos.rglob("*.png")}
    assert shared in left
    assert len(left) == 3
    run.close()
    assert verify(run.path).problems == ()
