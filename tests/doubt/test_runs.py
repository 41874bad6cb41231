"""What is not believed in a run: its verdicts, its facts, the runs after it, and what is left of somebody erased."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from auditor.changes.between import between
from auditor.changes.sides import read_side
from auditor.doubt.stored import is_sure, remember_earlier, write_again
from auditor.exceptions import TrueHere, recorded
from auditor.judgement import can_be_judged_otherwise, judge_run, judged_under
from auditor.model import Observation, Status, Way, Workload
from auditor.photos import RECIPE
from auditor.runs.earlier import open_earlier
from auditor.runs.erase import erase
from auditor.runs.folder import RunFolder, again_part, earlier_part, observations_part, open_run, verdicts_part
from auditor.runs.whom import identify, person_in
from tests.changes.conftest import START, Silent, print_of, run_of
from tests.runs.conftest import user

PEOPLE = {number: f"person-{number}" for number in range(1, 13)}
NOBODY_IN_SHAREPOINT = {number: {"entra": name, "sharepoint": None} for number, name in PEOPLE.items()}
TRUE_HERE = recorded(
    None, (), (TrueHere(("sharepoint",), ("absent",), "It is so", "Grace", date(2027, 3, 31)),)
)  # fmt: skip


def verdicts(run: RunFolder, workload: str) -> list[tuple[str, str, str]]:
    """Status, verdict and reason of a workload's rows."""
    frame = run.view().verdicts
    own = frame[frame["workload"] == workload]
    return list(zip(own["status"], own["verdict"], own["reason"], strict=True))


def again(number: int, name: str | None, moment=START) -> Observation:
    """What was heard of somebody in SharePoint when they were asked again."""
    return Observation(
        user(number).id, Workload.SHAREPOINT, Status.PHOTO if name else Status.ABSENT, Way.PICTURE_LIBRARY, moment,
        fingerprint=print_of(name, 240) if name else None,
    )  # fmt: skip


def test_what_is_not_believed_is_unchecked_and_the_observations_keep_what_was_heard(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", NOBODY_IN_SHAREPOINT)
    assert set(verdicts(run, "sharepoint")) == {("unknown", "unchecked", "doubtful")}
    assert set(run.read_part(observations_part(Workload.SHAREPOINT, 0))["status"].to_pylist()) == {"absent"}
    assert {verdict for _, verdict, _ in verdicts(run, "yammer")} == {"match"}
    assert run.manifest["complete"] is False
    (fact,) = run.manifest["tenant_facts"]
    assert fact["workload"] == "sharepoint"
    assert "12 of 12 users" in fact["sentence"]
    assert "not believed" in fact["sentence"]


def test_what_another_way_answered_is_judged_instead(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", NOBODY_IN_SHAREPOINT)
    run = open_run(run.path)
    write_again(run, Workload.SHAREPOINT, [again(number, name) for number, name in PEOPLE.items()])
    judge_run(run, (), Silent())
    assert {(status, verdict) for status, verdict, _ in verdicts(run, "sharepoint")} == {("photo", "match")}
    assert run.manifest["complete"] is True
    run.close()
    side = read_side(run.path)
    fingerprint = side.fingerprint((user(1).id, "sharepoint"))
    assert fingerprint is not None
    assert fingerprint.sha256 == print_of("person-1", 240).sha256


def test_who_was_not_answered_the_other_way_stays_not_believed(tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "run", NOBODY_IN_SHAREPOINT).path)
    write_again(run, Workload.SHAREPOINT, [again(number, name) for number, name in PEOPLE.items() if number != 5])
    judge_run(run, (), Silent())
    found = verdicts(run, "sharepoint")
    assert found.count(("unknown", "unchecked", "doubtful")) == 1
    assert run.manifest["complete"] is False
    run.close()


def test_a_run_is_judged_under_other_exceptions_and_stays_as_it_is(tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "run", NOBODY_IN_SHAREPOINT).path)
    write_again(run, Workload.SHAREPOINT, [again(number, None) for number in PEOPLE])
    before = dict(run.manifest)
    assert can_be_judged_otherwise(run, TRUE_HERE)
    assert not can_be_judged_otherwise(run, recorded(None, ()))
    view = judged_under(run, TRUE_HERE)
    own = view.verdicts[view.verdicts["workload"] == "sharepoint"]
    assert set(own["verdict"]) == {"missing"}
    assert view.manifest["complete"] is True
    assert run.manifest == before
    run.close()


def test_between_two_runs_what_is_not_believed_is_never_a_change(tmp_path: Path) -> None:
    drifting = {number: {"entra": name, "sharepoint": f"old-{number}"} for number, name in PEOPLE.items()}
    a, b = run_of(tmp_path / "a", drifting), run_of(tmp_path / "b", NOBODY_IN_SHAREPOINT, month=1)
    for before, after in ((a, b), (b, a)):
        rows = between(read_side(before.path), read_side(after.path)).rows
        own = rows[rows["workload"] == "sharepoint"]
        assert set(own["change"]) == {"not_comparable"}
        assert set(own["reason"]) == {"doubtful"}


def test_nothing_doubtful_or_replaced_is_carried_over(tmp_path: Path) -> None:
    one_picture = {number: {"entra": name, "sharepoint": "person-3"} for number, name in PEOPLE.items()}
    run = run_of(tmp_path / "run", one_picture)
    assert set(verdicts(run, "sharepoint")) == {("unknown", "unchecked", "doubtful")}
    users = [user(number) for number in PEOPLE]
    earlier = open_earlier(run.path, ("t",), RECIPE, lambda _: None)
    assert earlier.copies(Workload.SHAREPOINT, users) == {}
    assert len(earlier.copies(Workload.YAMMER, users)) == len(users)


def test_only_a_run_that_believed_what_it_heard_is_what_the_next_is_held_against(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    sure = run_of(reports / "october", PEOPLE)
    doubtful = run_of(reports / "november", NOBODY_IN_SHAREPOINT, month=1)
    assert is_sure(sure.manifest, Workload.SHAREPOINT)
    assert not is_sure(doubtful.manifest, Workload.SHAREPOINT)
    run = open_run(run_of(reports / "december", NOBODY_IN_SHAREPOINT, month=2).path)
    remember_earlier(run, None, reports)
    assert run.manifest["earlier_runs"] == {
        "entra": doubtful.manifest["run_id"],
        "sharepoint": sure.manifest["run_id"],
        "yammer": doubtful.manifest["run_id"],
    }
    rows = run.read_part(earlier_part(Workload.SHAREPOINT)).to_pylist()
    assert {row["status"] for row in rows} == {"photo"}
    assert all(row["phash"] for row in rows)
    run.close()


def test_whoever_is_erased_is_gone_from_what_was_asked_again_and_from_what_was_heard_before(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    run_of(reports / "october", PEOPLE)
    run = open_run(run_of(reports / "november", NOBODY_IN_SHAREPOINT, month=1).path)
    remember_earlier(run, None, reports)
    write_again(run, Workload.SHAREPOINT, [again(number, name) for number, name in PEOPLE.items()])
    erase(run, person_in(run, identify([run.path], user(4).upn)), "somebody")
    for part in (again_part(Workload.SHAREPOINT), earlier_part(Workload.SHAREPOINT)):
        ids = run.read_part(part)["user_id"].to_pylist()
        assert user(4).id not in ids
        assert user(5).id in ids
    run.close()


def test_fewer_than_eight_users_prove_nothing(tmp_path: Path) -> None:
    few = {number: held for number, held in NOBODY_IN_SHAREPOINT.items() if number < 8}
    run = run_of(tmp_path / "run", few)
    assert {verdict for _, verdict, _ in verdicts(run, "sharepoint")} == {"missing"}


def test_of_a_baseline_whose_verdicts_are_damaged_nothing_that_may_be_doubtful_is_carried_over(tmp_path: Path) -> None:
    one_picture = {number: {"entra": name, "sharepoint": "person-3"} for number, name in PEOPLE.items()}
    run = run_of(tmp_path / "run", one_picture)
    (run.path / verdicts_part(1)).write_bytes(b"damaged")
    told: list[str] = []
    earlier = open_earlier(run.path, ("t",), RECIPE, told.append)
    assert earlier.copies(Workload.SHAREPOINT, [user(number) for number in PEOPLE]) == {}
    assert len(told) == 1
