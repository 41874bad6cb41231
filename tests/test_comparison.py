"""The verdict table, every cell of it, and what judging makes of a user's copies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO

import pandas as pd
import pytest
from PIL import Image, ImageDraw

from auditor.comparison import OWN_ROW, TABLE, judge
from auditor.model import (
    DRIFT,
    VERDICT_COLUMNS,
    Observation,
    Picture,
    Status,
    User,
    Verdict,
    Way,
    Workload,
)
from auditor.photos import fingerprint
from auditor.runs.frames import observations_table, users_table

# Written from the design's table by hand: reference status, then the copies' verdicts in the order of `COPIES`.
COPIES = ("photo", "placeholder", "absent", "not_provisioned", "unreadable", "unknown")
DESIGN = {
    "photo": (None, "placeholder", "missing", "not_applicable", "broken", "unchecked"),
    "placeholder": ("unexpected", "no_photo", "no_photo", "not_applicable", "broken", "unchecked"),
    "absent": ("unexpected", "no_photo", "no_photo", "not_applicable", "broken", "unchecked"),
    "not_provisioned": ("unexpected", "no_photo", "no_photo", "not_applicable", "broken", "unchecked"),
    "unreadable": ("unchecked", "unchecked", "unchecked", "not_applicable", "unchecked", "unchecked"),
    "unknown": ("unchecked", "unchecked", "unchecked", "not_applicable", "unchecked", "unchecked"),
}
CELLS = [
    (reference, copy, verdict) for reference, row in DESIGN.items() for copy, verdict in zip(COPIES, row, strict=True)
]


@pytest.mark.parametrize(("reference", "copy", "verdict"), CELLS)
def test_every_cell_of_the_verdict_table_is_the_designs(reference: str, copy: str, verdict: str | None) -> None:
    assert TABLE[Status(reference), Status(copy)] == verdict


def test_the_table_has_a_cell_for_every_pair_of_statuses_and_no_other() -> None:
    assert set(TABLE) == {(reference, copy) for reference in Status for copy in Status}


def test_the_references_own_row_says_what_it_holds() -> None:
    assert {str(status): str(verdict) for status, verdict in OWN_ROW.items()} == {
        "photo": "reference",
        "placeholder": "no_photo",
        "absent": "no_photo",
        "not_provisioned": "not_applicable",
        "unreadable": "broken",
        "unknown": "unchecked",
    }


def test_what_could_not_be_checked_is_never_drift() -> None:
    assert {str(verdict) for verdict in DRIFT} == {
        "variant", "mismatch", "missing", "placeholder", "broken", "unexpected",
    }  # fmt: skip


def user(number: int) -> User:
    return User(f"id-{number}", f"u{number}@contoso.com", "", "", "Member", True, True, "", False, True, False)


def picture(seed: int, side: int = 240, quality: int = 90) -> bytes:
    image = Image.new("RGB", (480, 480), (40 + 30 * seed % 200, 90, 140))
    draw = ImageDraw.Draw(image)
    for step in range(12):
        x, y = (seed * 97 + step * 61) % 400, (seed * 53 + step * 137) % 400
        draw.ellipse((x, y, x + 60 + step * 7, y + 90), fill=((seed * 40 + step * 20) % 255, (step * 45) % 255, 90))
    made = BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(made, "JPEG", quality=quality)
    return made.getvalue()


def observation(who: User, workload: str, status: str, data: bytes | None = None, **more: object) -> Observation:
    made = fingerprint(data) if data else None
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    return Observation(
        who.id, Workload(workload), Status(status), Way.GRAPH_BATCH, moment, fingerprint=made, **more  # type: ignore[arg-type]
    )  # fmt: skip


def verdicts(users: list[User], observations: list[Observation], reference: str = "entra") -> pd.DataFrame:
    return judge(users_table(users).to_pandas(), observations_table(observations).to_pandas(), reference)


def test_renditions_of_one_photo_match_and_another_photo_does_not() -> None:
    anna, ben = user(1), user(2)
    found = verdicts(
        [anna, ben],
        [
            observation(anna, "entra", "photo", picture(1, 480)),
            observation(anna, "exchange", "photo", picture(1, 96, 70)),
            observation(ben, "entra", "photo", picture(2)),
            observation(ben, "exchange", "photo", picture(3)),
        ],
    )
    assert list(found["verdict"]) == ["reference", "match", "reference", "mismatch"]
    assert found.loc[1, "distance"] < 17 < found.loc[3, "distance"]


def test_what_looks_like_a_stand_in_and_is_the_references_photo_is_a_photo() -> None:
    grey = BytesIO()
    Image.open(BytesIO(picture(1))).convert("L").save(grey, "JPEG")
    people = [user(number) for number in range(5)]
    looks = {"looks": "initials: It shows one or two letters on an even ground."}
    default = {"looks": "default: Five accounts have the same picture."}
    held = [observation(one, "entra", "photo", picture(1)) for one in people]
    copies = [
        observation(people[0], "sharepoint", "placeholder", picture(1, 120), signals=looks),
        observation(people[1], "sharepoint", "placeholder", picture(2), signals=looks),
        observation(people[2], "sharepoint", "placeholder", picture(1, 120), signals=default),
        observation(people[3], "sharepoint", "placeholder", picture(1, 120)),
        observation(people[4], "sharepoint", "placeholder", grey.getvalue(), signals=looks),
    ]
    told = verdicts(people, [*held, *copies])
    told = told[told["workload"] == "sharepoint"]
    assert told["status"].tolist() == ["photo", "placeholder", "placeholder", "placeholder", "photo"]
    assert told["verdict"].tolist() == ["match", "placeholder", "placeholder", "placeholder", "variant"]


def test_rows_come_in_the_directorys_order_with_the_documented_columns() -> None:
    anna, ben = user(1), user(2)
    found = verdicts(
        [ben, anna],
        [
            observation(anna, "yammer", "absent"),
            observation(anna, "entra", "absent"),
            observation(ben, "entra", "absent"),
        ],
    )
    assert list(found.columns) == [column.name for column in VERDICT_COLUMNS]
    assert list(zip(found["upn"], found["workload"], strict=True)) == [
        (ben.upn, "entra"),
        (anna.upn, "entra"),
        (anna.upn, "yammer"),
    ]


def test_a_readable_copy_of_an_unreadable_reference_is_unchecked_for_the_references_reason() -> None:
    anna = user(1)
    found = verdicts(
        [anna],
        [
            observation(anna, "entra", "unknown", reason="AuthenticationError", detail="Graph answered 400"),
            observation(anna, "exchange", "photo", picture(1)),
        ],
    )
    row = found[found["workload"] == "exchange"].iloc[0]
    assert (row["verdict"], row["reason"]) == ("unchecked", "AuthenticationError")
    assert "Graph answered 400" in row["detail"]


def test_a_picture_that_is_only_stored_changes_no_verdict_and_is_noted() -> None:
    anna = user(1)
    found = verdicts(
        [anna],
        [
            observation(anna, "entra", "photo", picture(1)),
            observation(anna, "sharepoint", "photo", picture(1, 200), picture=Picture.SHOWN),
            observation(anna, "sharepoint", "photo", picture(5, 200), picture=Picture.STORED, judged=False),
        ],
    )
    row = found[found["workload"] == "sharepoint"].iloc[0]
    assert row["verdict"] == "match"
    assert "stored picture is another one" in row["note"]
    assert len(found) == 2


def test_another_reference_gives_its_own_verdicts() -> None:
    anna = user(1)
    rows = [observation(anna, "entra", "absent"), observation(anna, "exchange", "photo", picture(1))]
    by_entra, by_exchange = verdicts([anna], rows), verdicts([anna], rows, "exchange")
    assert list(by_entra["verdict"]) == ["no_photo", "unexpected"]
    assert list(by_exchange["verdict"]) == ["missing", "reference"]


def test_signals_survive_as_json() -> None:
    anna = user(1)
    found = verdicts([anna], [observation(anna, "entra", "absent", signals={"code": "ImageNotFound"})])
    assert json.loads(found.loc[0, "signals"]) == {"code": "ImageNotFound"}


def test_every_verdict_is_reachable() -> None:
    reachable = {verdict for verdict in TABLE.values() if verdict} | set(OWN_ROW.values())
    assert reachable | {Verdict.MATCH, Verdict.VARIANT, Verdict.MISMATCH} == set(Verdict)
