"""What only earlier runs show: since when a copy is stale, an older photo that came back, a feed, a sync to come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auditor.changes.between import Changes, between
from auditor.changes.history import hours_before
from tests.changes.conftest import UNKNOWN, People, side_of
from tests.changes.test_between import of

SECOND = 63_900_000_000


def over(tmp_path: Path, months: Sequence[People], **options: Any) -> Changes:
    """The last two months, with all before them as history."""
    signals = options.pop("signals", None)
    *before, last = [
        side_of(tmp_path / f"m{month}", people, month=month, signals=signals if month == len(months) - 1 else None)
        for month, people in enumerate(months)
    ]
    return between(before[-1], last, before[:-1], **options)


def test_a_stale_copy_says_until_when_the_reference_held_its_photo(tmp_path: Path) -> None:
    stale: list[People] = [{1: {"entra": f"anna-{number}", "sharepoint": "anna"}} for number in (2, 3)]
    found = over(tmp_path, [{1: "anna"}, {1: {"entra": "anna", "yammer": UNKNOWN}}, *stale])
    row = of(found, 1, "sharepoint")
    assert row["change"] == "still"
    assert row["reference_until"] == "2026-02-23"
    assert row["evidence"] == "SharePoint still shows the photo that Entra ID held until 2026-02-23"
    assert row["cause"] == "unexplained"


def test_a_photo_that_no_run_at_hand_knows_is_not_dated(tmp_path: Path) -> None:
    found = over(tmp_path, [{1: {"entra": "anna", "sharepoint": "x"}}] * 2)
    assert of(found, 1, "sharepoint")["reference_until"] == ""
    assert "still shows" not in of(found, 1, "sharepoint")["evidence"]


def test_a_copy_of_unlearned_months_is_not_dated_by_them(tmp_path: Path) -> None:
    found = over(tmp_path, [{1: UNKNOWN}, {1: {"entra": "b", "yammer": "a"}}, {1: {"entra": "b", "yammer": "a"}}])
    assert of(found, 1, "yammer")["reference_until"] == ""


def test_an_older_photo_that_came_back_is_named_and_stays_named(tmp_path: Path) -> None:
    back = {1: {"entra": "new", "yammer": "old"}}
    months: list[People] = [{1: "old"}, {1: "new"}, back, back]
    (tmp_path / "three").mkdir()
    (tmp_path / "four").mkdir()
    for found, change in ((over(tmp_path / "three", months[:3]), "new"), (over(tmp_path / "four", months), "still")):
        row = of(found, 1, "yammer")
        assert (row["change"], row["cause"]) == (change, "older_photo_returned")
        assert row["reference_until"] == "2026-01-24"
        assert "2026-02-23" in row["evidence"]
        assert row["fix"]


def test_a_copy_that_never_followed_is_no_older_photo_that_returned(tmp_path: Path) -> None:
    stale = {1: {"entra": "new", "yammer": "old"}}
    assert of(over(tmp_path, [{1: "old"}, stale, stale]), 1, "yammer")["cause"] == "unexplained"


def test_a_feed_is_named_on_the_rows_of_both_its_strokes(tmp_path: Path) -> None:
    right, wrong = {1: "anna"}, {1: {"entra": "anna", "yammer": "badge"}}
    for number, months in enumerate(([wrong, right, wrong], [right, wrong, right])):
        (tmp_path / str(number)).mkdir()
        row = of(over(tmp_path / str(number), months), 1, "yammer")
        assert row["change"] == ("fixed" if number else "new")
        (first, *_) = json.loads(row["causes"])
        # Where the copy is right now, one repair would leave the same behind.
        assert (row["cause"], first["confidence"]) == ("rewritten_by_feed", "possible" if number else "likely")
        assert ("put right once" in row["evidence"]) == bool(number)
        assert "2026-01-24" in row["evidence"]
        assert row["fix"].startswith("Find what writes")
        assert first["cause"] == "rewritten_by_feed"


def test_months_without_an_answer_do_not_hide_a_feed(tmp_path: Path) -> None:
    wrong, right = {1: {"entra": "anna", "yammer": "badge"}}, {1: "anna"}
    unknown = {1: {"entra": "anna", "yammer": UNKNOWN}}
    assert of(over(tmp_path, [wrong, unknown, right, wrong]), 1, "yammer")["cause"] == "rewritten_by_feed"


def test_one_repair_is_no_feed(tmp_path: Path) -> None:
    months: list[People] = [{1: {"entra": "anna", "yammer": "x"}}, {1: {"entra": "anna", "yammer": "y"}}, {1: "anna"}]
    assert of(over(tmp_path, months), 1, "yammer")["cause"] == ""


def test_a_photo_removed_at_the_reference_is_certain_where_an_earlier_run_held_it(tmp_path: Path) -> None:
    row = of(over(tmp_path, [{1: "anna"}, {1: {"entra": None, "yammer": "anna"}}]), 1, "yammer")
    (first, *_) = json.loads(row["causes"])
    assert (row["cause"], first["confidence"]) == ("removed_at_reference", "certain")
    (tmp_path / "x").mkdir()
    row = of(over(tmp_path / "x", [{1: "other"}, {1: {"entra": None, "yammer": "anna"}}]), 1, "yammer")
    assert json.loads(row["causes"])[0]["confidence"] == "possible"


def test_a_sync_to_come_is_waited_for_and_an_old_one_is_not(tmp_path: Path) -> None:
    late = {"entra": "new", "sharepoint": "old"}
    stamps = {
        (1, "sharepoint"): {"SPS-PictureTimestamp": str(SECOND - 3600 * 20)},
        (2, "sharepoint"): {"SPS-PictureTimestamp": str(SECOND - 3600 * 200)},
        (3, "sharepoint"): {"SPS-PictureTimestamp": str(SECOND)},
    }
    found = over(tmp_path, [{1: "old", 2: "old", 3: "carl"}, {1: late, 2: late, 3: "carl"}], signals=stamps)
    assert of(found, 1, "sharepoint")["cause"] == "sync_pending"
    assert of(found, 2, "sharepoint")["cause"] == "unexplained"


def test_whose_photo_it_is_is_named_unless_nobody_asks(tmp_path: Path) -> None:
    months: list[People] = [{1: "anna", 2: "berta"}, {1: {"entra": "anna", "yammer": "berta"}, 2: "berta"}]
    row = of(over(tmp_path, months), 1, "yammer")
    assert row["cause"] == "photo_of_another_user"
    assert "user2@contoso.com" in row["evidence"]
    (tmp_path / "x").mkdir()
    row = of(over(tmp_path / "x", months, find_owner=False), 1, "yammer")
    assert row["cause"] == "unexplained"
    assert "user2" not in json.dumps(row)


def test_one_picture_on_several_accounts_is_listed_unless_nobody_asks(tmp_path: Path) -> None:
    months: list[People] = [{1: "logo", 2: "logo@200", 3: "carl", 4: "logo"}] * 2
    upns = tuple(f"user{number}@contoso.com" for number in (1, 2, 4))
    assert over(tmp_path, months).shared == (upns,)
    (tmp_path / "x").mkdir()
    assert over(tmp_path / "x", months, find_owner=False).shared == ()


@pytest.mark.parametrize("stamp", ["9" * 5_000, "²²²²²²²²²²²", "-1", ""])
def test_a_profiles_stamp_that_is_no_moment_is_no_clock(stamp: str) -> None:
    assert hours_before(63_799_442_436, {"SPS-PictureTimestamp": stamp}) is None
