"""Whom an erasure concerns, and what it refuses; that it leaves no byte is shown by a journey."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from auditor.model import Workload
from auditor.runs import frames
from auditor.runs.erase import ERASED, erase, traces
from auditor.runs.folder import observations_part, open_run
from auditor.runs.manifest import RunError
from auditor.runs.verify import verify
from auditor.runs.whom import Whom, person_in
from tests.runs.conftest import make_run, picture_of, user


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
    assert traces(run, person_in(run, Whom(named))).user
    erase(run, person_in(run, Whom(named)), "tester")
    assert [one.upn for one in run.users(0)] == ["user2@contoso.com"]
    assert not traces(run, person_in(run, Whom(named))).any
    run.close()


def test_a_name_that_two_users_go_by_is_refused_and_an_id_or_upn_beats_an_address(tmp_path: Path) -> None:
    people = [user(1, addresses=("both@x.org",)), user(2, addresses=("both@x.org", "user1@contoso.com"))]
    run = make_run(tmp_path / "run", people)
    with pytest.raises(RunError, match="by its object id"):
        erase(run, person_in(run, Whom("both@x.org")), "tester")
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    assert [one.id for one in run.users(0)] == [people[1].id]
    run.close()


def test_only_the_whole_address_is_taken_for_the_person(tmp_path: Path) -> None:
    texts = {"detail": "user1@contoso.com, xuser1@contoso.com, user1@contoso.com.br; user1%40contoso.com."}
    run = make_run(tmp_path / "run", [user(1), user(2)], texts=texts)
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
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
    erase(run, person_in(run, Whom(upn)), "tester")
    kept = next(run.verdicts())
    assert [json.loads(cell)[0] for cell in set(kept["causes"])] == [said[0] | {"evidence": f"the photo of {ERASED}"}]
    assert {json.loads(cell)["etag"] for cell in kept["signals"]} == {f"seen for {ERASED}"}
    assert not traces(run, person_in(run, Whom(upn))).any
    run.close()


@pytest.mark.parametrize("address", ["user1@contoso.com", "user1+x@contoso.com", "o%27neill@contoso.com"])
def test_an_account_in_the_work_of_an_unfinished_run_is_erased_however_its_address_is_written(
    tmp_path: Path, address: str
) -> None:
    run = make_run(tmp_path / "run", [user(1, addresses=(address,)), user(2)], finished=None)
    file = run.work("yammer") / "page-00001.parquet"
    rows = [{"id": "1", "addresses": quote(address, safe="@"), "status": "photo", "sha256": "a" * 64}]
    frames.write_table(pa.Table.from_pylist([*rows, {**rows[0], "id": "2", "addresses": "user2@contoso.com"}]), file)
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    left = frames.read_table(file).to_pylist()
    assert [(row["id"], row["addresses"]) for row in left] == [(ERASED, ""), ("2", "user2@contoso.com")]
    run.close()


def test_a_part_that_a_killed_process_did_not_come_to_name_goes_with_an_erasure(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)], finished=None)
    part = observations_part(Workload.ENTRA, 0)
    named = {name: entry for name, entry in run.manifest["parts"].items() if name != part}
    run.update(parts=named)
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    assert not (run.path / part).exists()
    assert all((run.path / name).exists() for name in named)
    run.close()


def test_the_list_of_accounts_with_one_picture_no_longer_names_the_person(tmp_path: Path) -> None:
    shared = {"pictures": 1, "accounts": 2, "groups": [["user1@contoso.com", "user2@contoso.com"]]}
    run = make_run(tmp_path / "run", [user(1), user(2)], shared_pictures=shared)
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    assert run.manifest["shared_pictures"]["groups"] == [[ERASED, "user2@contoso.com"]]
    run.close()


def test_the_manifest_no_longer_names_who_was_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)], question={"users": ["User1@contoso.com", "user2@contoso.com"]})
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    assert run.manifest["question"]["users"] == [ERASED, "user2@contoso.com"]
    assert run.manifest["scope"]["in_scope"] == 1
    assert run.manifest["tallies"]["sharepoint"] == {"mismatch": 1}
    run.close()


def test_an_interrupted_erasure_is_finished_for_that_person_before_another(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2), user(3)])
    run.update(underway={"what": "erasure", "when": "", "asked_by": "", "salt": "00", "whom": "11", "users": 1})
    with pytest.raises(RunError, match="somebody else"):
        erase(run, person_in(run, Whom("user2@contoso.com")), "tester")
    assert len(run.users(0)) == 2
    run.close()


def test_a_picture_that_another_has_too_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)])
    part = "observations/entra/part-00000.parquet"
    rows = run.read_part(part).to_pylist()
    shared = rows[0]["sha256"]
    rows[1] |= {name: rows[0][name] for name in ("sha256", "phash", "dhash", "descriptor")}
    run.replace_part(part, run.read_part(part).from_pylist(rows, schema=run.read_part(part).schema))
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    left = {file.stem for file in run.photos.rglob("*.png")}
    assert shared in left
    assert len(left) == 3
    run.close()
    assert verify(run.path).problems == ()


def test_somebody_who_was_renamed_is_erased_from_runs_that_know_the_old_name_alone(
    tmp_path: Path, program: Callable[..., Any]
) -> None:
    make_run(tmp_path / "reports" / "old", [user(1, upn="born@contoso.com", mail="", addresses=()), user(2)]).close()
    make_run(tmp_path / "reports" / "new", [user(1, upn="married@contoso.com"), user(2)]).close()
    assert program("erase", "--user", "married@contoso.com", "--runs", "reports", "--yes").code == 0
    for name in ("old", "new"):
        with closing(open_run(tmp_path / "reports" / name)) as run:
            assert [one.upn for one in run.users(0)] == ["user2@contoso.com"]


def test_an_address_that_was_given_to_somebody_else_erases_neither(tmp_path: Path, program: Callable[..., Any]) -> None:
    make_run(tmp_path / "reports" / "old", [user(1, mail="desk@contoso.com")]).close()
    make_run(tmp_path / "reports" / "new", [user(2, mail="desk@contoso.com")]).close()
    done = program("erase", "--user", "desk@contoso.com", "--runs", "reports", "--yes")
    assert done.code == 2
    assert user(1).id in done.err
    assert user(2).id in done.err
    # By the id, the address that is another's now stays with that one.
    assert program("erase", "--user", user(1).id, "--runs", "reports", "--yes").code == 0
    with closing(open_run(tmp_path / "reports" / "new")) as run:
        assert [one.mail for one in run.users(0)] == ["desk@contoso.com"]


def test_of_an_unfinished_run_go_the_pictures_of_shards_that_were_not_written(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2), user(3)], finished=None)
    part = observations_part(Workload.ENTRA, 0)
    run.update(parts={name: entry for name, entry in run.manifest["parts"].items() if name != part})
    erase(run, person_in(run, Whom("user1@contoso.com")), "tester")
    named = {one for name in run.manifest["parts"] if name.startswith("observations/")
             for one in run.read_part(name).column("sha256").to_pylist()}  # fmt: skip
    assert {file.stem for file in run.photos.rglob("*.png")} == named
    assert hashlib.sha256(picture_of(f"{user(2).id}sharepoint")).hexdigest() in named
    run.close()


def test_what_was_accepted_of_the_person_goes_with_its_digests_and_who_accepted_it_loses_the_name(
    tmp_path: Path,
) -> None:
    def entry(**changed: Any) -> dict[str, Any]:
        made = {"user": "", "filter": {}, "workload": ["sharepoint"], "verdict": ["mismatch"], "reason": "A pilot.",
                "who": "Help desk", "until": "2027-03-31", "sha256": "", "reference_sha256": ""}  # fmt: skip
        return made | changed

    own = hashlib.sha256(picture_of(f"{user(1).id}sharepoint")).hexdigest()
    entries = [
        entry(user=user(1).upn, sha256=own), entry(filter={"department": "Sales"}, sha256=own),
        entry(user=user(2).upn, who="User Number1", reason="As user1@contoso.com asked."),
    ]  # fmt: skip
    told = {"file": "", "entries": entries, "outcome": [{"findings": number} for number in range(3)]}
    drawn = {"report": {"drawn": "", "redact": False, "templates": "", "exceptions": told, "files": {}}}
    run = make_run(tmp_path / "run", [user(1), user(2)], exceptions=told, reports=drawn)
    erase(run, person_in(run, Whom(user(1).upn)), "tester")
    for held in (run.manifest["exceptions"], run.manifest["reports"]["report"]["exceptions"]):
        (left,) = held["entries"]
        assert (left["user"], left["who"], left["reason"]) == (user(2).upn, ERASED, f"As {ERASED} asked.")
        assert held["outcome"] == [{"findings": 2}]
    assert own not in json.dumps(run.manifest)
    run.close()


def test_an_erasure_that_was_killed_at_its_end_still_knows_every_name(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", [user(1, mail="mail1@x.org"), user(2)], question={"users": [user(1).id]})
    erase(made, person_in(made, Whom("mail1@x.org")), "tester")
    record = made.manifest["erasures"].pop()
    # As it was before the last step: the rows are gone, the manifest is not clean.
    words = [user(1).id, "mail1@x.org", user(1).upn]
    made.update(question={"users": [user(1).id]}, underway={**record, "what": "erasure", "users": 1, "words": words})
    erase(made, person_in(made, Whom("mail1@x.org")), "tester")
    assert made.manifest["question"]["users"] == [ERASED]
    assert user(1).id not in json.dumps(made.manifest)
    made.close()


def test_what_a_killed_process_left_of_a_baseline_goes_with_an_erasure(
    tmp_path: Path, program: Callable[..., Any]
) -> None:
    make_run(tmp_path / "reports" / "run", [user(1), user(2)]).close()
    half = tmp_path / "reports" / "baselines" / ".tmp-abc"
    shutil.copytree(tmp_path / "reports" / "run" / "users", half / "users")
    assert program("erase", "--user", user(1).upn, "--runs", "reports").code == 1
    assert half.exists()
    assert program("erase", "--user", user(1).upn, "--runs", "reports", "--yes").code == 0
    assert not half.exists()
