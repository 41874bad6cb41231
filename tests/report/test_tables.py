"""The CSV files: columns as documented, and no cell that a spreadsheet executes or that hides something."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from auditor.model import DRIFT, OBSERVATIONS_CSV
from auditor.report import tally, write_report
from auditor.report.files import replacing
from auditor.report.tables import safe_cell


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def head(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()[0].split(",")


def test_every_table_begins_with_the_documented_columns(fabricate, tmp_path):
    paths = write_report(fabricate(), tmp_path)
    assert head(paths.drift) == head(paths.observations) == [*OBSERVATIONS_CSV, "run_complete"]
    assert head(paths.drift)[:5] == ["user_id", "upn", "workload", "status", "verdict"]
    assert head(paths.users) == [
        "user_id",
        "upn",
        "verdict",
        "entra",
        "exchange",
        "sharepoint",
        "yammer",
        "run_complete",
    ]


def test_observations_hold_everything_and_drift_only_what_drifted(fabricate, tmp_path):
    view = fabricate()
    paths = write_report(view, tmp_path)
    assert len(rows(paths.observations)) == len(view.verdicts)
    assert Counter(row["verdict"] for row in rows(paths.drift)) == Counter(
        verdict for verdict in view.verdicts["verdict"] if verdict in DRIFT
    )
    assert len(rows(paths.users)) == len(view.users)


def test_every_row_of_every_table_tells_whether_the_run_is_complete(fabricate, tmp_path):
    view = fabricate()
    for complete in (True, False):
        view.manifest["complete"] = complete
        paths = write_report(view, tmp_path / str(complete))
        for table in (paths.drift, paths.observations, paths.users):
            assert {row["run_complete"] for row in rows(table)} == {str(complete).lower()}


def test_an_incomplete_run_without_drift_is_no_empty_drift_csv(fabricate, tmp_path):
    because = [
        "The directory's list may not be whole: =1+1.",
        "yammer: 3 of 3 copies could not be learned (throttled).",
    ]
    view = fabricate(scenarios=("step",), hostile=(), manifest={"complete": False, "incomplete_because": because})
    first, second = rows(write_report(view, tmp_path).drift)
    assert (first["workload"], second["workload"]) == ("", "yammer")
    assert [first["detail"], second["detail"]] == because
    for row in (first, second):
        assert (row["user_id"], row["upn"], row["run_complete"]) == ("", "", "false")
        assert (row["status"], row["verdict"], row["reason"]) == ("unknown", "unchecked", "run_incomplete")


def test_only_a_complete_run_without_drift_has_an_empty_drift_csv(fabricate, tmp_path):
    complete = fabricate(scenarios=("step",), hostile=())
    assert rows(write_report(complete, tmp_path / "complete").drift) == []
    silent = fabricate(scenarios=("step",), hostile=(), manifest={"complete": False, "incomplete_because": []})
    assert [row["reason"] for row in rows(write_report(silent, tmp_path / "silent").drift)] == ["run_incomplete"]


def test_drift_follows_the_reasons_why_a_run_is_incomplete(fabricate, tmp_path):
    view = fabricate(manifest={"complete": False, "incomplete_because": ["exchange: the service refused everyone."]})
    first, *rest = rows(write_report(view, tmp_path).drift)
    assert first["workload"] == "exchange"
    assert rest
    assert {row["verdict"] for row in rest} <= set(DRIFT)


def test_pandas_reads_back_what_was_written(fabricate, tmp_path):
    view = fabricate(hostile=())
    read = pd.read_csv(write_report(view, tmp_path).observations)
    assert read["sha256"].fillna("").tolist() == view.verdicts["sha256"].tolist()
    assert read["distance"].round(3).equals(view.verdicts["distance"].round(3))
    assert pd.to_datetime(read["observed_at"]).tolist() == view.verdicts["observed_at"].tolist()


def test_users_csv_repeats_each_workload_and_names_the_gravest(fabricate, tmp_path):
    view = fabricate(scenarios=("own",), users=3, hostile=())
    row = rows(write_report(view, tmp_path).users)[0]
    assert row["entra"] == "reference"
    assert (row["exchange"], row["sharepoint"], row["yammer"]) == ("mismatch", "match", "mismatch")
    assert row["verdict"] == "mismatch" == tally(view).verdicts.iloc[0]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_cell_that_a_spreadsheet_would_execute_is_quoted(start):
    assert safe_cell(start + "1+1").startswith("'")


@pytest.mark.parametrize("plain", ["", "Ümit Özgür", "田中", "a=b", "علی\u200cرضا", "o'neil@contoso.com"])
def test_ordinary_text_is_left_alone(plain):
    assert safe_cell(plain) == plain


@pytest.mark.parametrize(
    "unseen", ["\u202e", "\u2066", "\u200f", "\x00", "\x1b", "\u200b", "\ufeff", "\ud800", "\u2028"]
)
def test_what_cannot_be_seen_is_made_visible(unseen):
    assert safe_cell(f"a{unseen}b") == f"a⟨U+{ord(unseen):04X}⟩b"


def test_no_cell_of_a_hostile_run_begins_a_formula(fabricate, tmp_path):
    paths = write_report(fabricate(), tmp_path)
    cells = [
        cell for path in (paths.drift, paths.observations, paths.users) for row in rows(path) for cell in row.values()
    ]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "drift.csv"
    path.write_text("old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines(["half", None])
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["drift.csv"]
