"""A report of many is many files: whoever records, verifies or erases finds them all."""

from __future__ import annotations

from pathlib import Path

from auditor.runs.erase import erase, traces
from auditor.runs.exports import DATA, delete_reports, record, recorded
from auditor.runs.verify import verify
from auditor.runs.whom import Whom, person_in
from tests.runs.conftest import make_run, user

UPN = "user1@contoso.com"


def large(folder: Path) -> list[Path]:
    """Files as a large report has them, each naming the same person."""
    names = ("report.html", "report-2.html", "drift.csv", f"{DATA}/index.js", f"{DATA}/part-12.js")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(UPN, encoding="utf-8")
    return [folder / name for name in names]


def test_the_files_of_a_large_report_are_recorded_verified_and_erased(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1), user(2)])
    report = run.path / "report"
    files = large(report)
    record(run, report, files, redact=False)
    (known,) = recorded(run)
    assert set(known.files) == {file.relative_to(report).as_posix() for file in files}
    assert verify(run.path).reports == len(files)
    (report / DATA / "part-12.js").write_text("changed", encoding="utf-8")
    assert str(report / DATA / "part-12.js") in " ".join(verify(run.path).problems)
    (report / DATA / ".part-9.js.abc.part").write_text(UPN, encoding="utf-8")
    assert traces(run, person_in(run, Whom(UPN))).reports == len(files) + 1
    erase(run, person_in(run, Whom(UPN)), "tester")
    assert list(report.rglob("*")) == []
    run.close()


def test_what_is_not_ours_stays_where_a_report_is_deleted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1)])
    large(run.path / "report")
    for name in ("notes.txt", "part-1.js.bak", "jquery.js"):
        (run.path / "report" / DATA / name).touch()
    assert delete_reports(run) == 5
    left = {file.name for file in (run.path / "report").rglob("*") if file.is_file()}
    assert left == {"notes.txt", "part-1.js.bak", "jquery.js"}
    run.close()
