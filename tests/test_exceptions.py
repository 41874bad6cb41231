"""Accepted exceptions: what a file may say, whose findings it accepts, and when they come back."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from auditor.exceptions import (
    ExceptionsError,
    apply,
    drafted,
    of_manifest,
    outcome,
    read_file,
    read_true_here,
    recorded,
    recorded_file,
    true_here,
)
from tests.test_docs import CHECKOUT, blocks

DAY = date(2026, 11, 26)
ADA, BEN = "0000000a-0000-4000-8000-000000000001", "0000000b-0000-4000-8000-000000000002"
ENTRY = """
[[accepted]]
user = "Ada@contoso.com"
workload = "yammer"
verdict = "mismatch"
reason = "Her own photo, agreed with her manager."
who = "Grace Hopper"
until = 2027-03-31
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(text: str) -> Path:
        file = tmp_path / "exceptions.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return made


def users(**changed: Any) -> pd.DataFrame:
    ada = {
        "user_id": ADA, "upn": "ada@contoso.com", "user_type": "Member", "department": "Sales", "synced": False,
        "enabled": True,
    }  # fmt: skip
    ben = ada | {"user_id": BEN, "upn": "ben@fabrikam.example", "user_type": "Guest"}
    return pd.DataFrame([ada | changed, ben])


def verdicts() -> pd.DataFrame:
    rows = []
    for user_id, upn in ((ADA, "ada@contoso.com"), (BEN, "ben@fabrikam.example")):
        for workload, verdict, digest in (("entra", "reference", "aa" * 32), ("yammer", "mismatch", "bb" * 32)):
            rows.append(
                {"user_id": user_id, "upn": upn, "workload": workload, "verdict": verdict, "reference": "entra",
                 "sha256": digest}
            )  # fmt: skip
    return pd.DataFrame(rows)


def accepted(file: Path, day: date = DAY) -> list[str]:
    """Whose mismatch is accepted."""
    found = apply(read_file(file), day, users(), verdicts())
    return [upn for upn, said in zip(verdicts()["upn"], found.sentences, strict=True) if said]


def test_a_users_finding_is_accepted_with_who_why_and_until_when(write: Write) -> None:
    found = apply(read_file(write(ENTRY)), DAY, users(), verdicts())
    said = "Her own photo, agreed with her manager. Accepted by Grace Hopper until 2027-03-31."
    assert found.sentences == ("", said, "", "")


@pytest.mark.parametrize(
    ("rule", "whose"),
    [
        ('user_type = "guest"', ["ben@fabrikam.example"]),
        ('domain = "CONTOSO.com"', ["ada@contoso.com"]),
        ('department = "sales"', ["ada@contoso.com", "ben@fabrikam.example"]),
        ('department = "Sales", user_type = "Member"', ["ada@contoso.com"]),
        ("synced = true", []),
        ("enabled = true", ["ada@contoso.com", "ben@fabrikam.example"]),
    ],
)
def test_a_filter_accepts_those_of_whom_all_of_it_holds(write: Write, rule: str, whose: list[str]) -> None:
    assert accepted(write(ENTRY.replace('user = "Ada@contoso.com"', f"filter = {{ {rule} }}"))) == whose


@pytest.mark.parametrize(
    ("entry", "other"),
    [
        ('"yammer"', '["exchange", "sharepoint"]'),
        ('"mismatch"', '"missing"'),
        ('"Ada@contoso.com"', '"nobody@contoso.com"'),
    ],
)
def test_another_workload_verdict_or_user_is_not_accepted(write: Write, entry: str, other: str) -> None:
    assert accepted(write(ENTRY)) == ["ada@contoso.com"]
    assert accepted(write(ENTRY.replace(entry, other))) == []


def test_an_exception_holds_on_its_last_day_and_not_on_the_next(write: Write) -> None:
    file = write(ENTRY)
    assert accepted(file, date(2027, 3, 31)) == ["ada@contoso.com"]
    assert accepted(file, date(2027, 4, 1)) == []
    entries, day = read_file(file), date(2027, 4, 1)
    assert outcome(entries, day, [apply(entries, day, users(), verdicts())])[0]["state"] == "expired"


@pytest.mark.parametrize(("key", "right"), [("sha256", "bb" * 32), ("reference_sha256", "aa" * 32)])
def test_an_exception_comes_back_when_the_photo_or_the_references_changes(write: Write, key: str, right: str) -> None:
    assert accepted(write(f'{ENTRY}{key} = "{right.upper()}"\n')) == ["ada@contoso.com"]
    file = write(f'{ENTRY}{key} = "{"cc" * 32}"\n')
    assert accepted(file) == []
    entries = read_file(file)
    told = outcome(entries, DAY, [apply(entries, DAY, users(), verdicts())])
    assert told == [{"state": "photo_changed", "findings": 0, "changed": 1}]


def test_an_entry_that_fits_nobody_is_told_as_unused_and_the_first_that_fits_counts(write: Write) -> None:
    entries = read_file(write(ENTRY + ENTRY + ENTRY.replace("Ada", "nobody")))
    told = outcome(entries, DAY, [apply(entries, DAY, users(), verdicts())])
    assert [(one["state"], one["findings"]) for one in told] == [("applied", 1), ("unused", 0), ("unused", 0)]


def test_what_the_manifest_holds_is_read_back_as_it_was(write: Write) -> None:
    file = write(ENTRY + ENTRY.replace('user = "Ada@contoso.com"', 'filter = { synced = true, domain = "A.example" }'))
    entries = read_file(file)
    assert of_manifest({"exceptions": recorded(file, entries)}) == entries


def test_the_example_of_the_page_can_be_used(write: Write) -> None:
    example, so_here = blocks(CHECKOUT / "docs" / "exceptions.md", "toml")
    entries = read_file(write(example))
    assert [entry.user or dict(entry.filter) for entry in entries] == [
        "ada@contoso.com",
        {"domain": "fabrikam.example", "user_type": "guest"},
    ]
    assert [entry.kinds for entry in read_true_here(write(so_here))] == [("absent",)]


def test_an_empty_file_accepts_nothing(write: Write) -> None:
    assert read_file(write("# nothing yet\n")) == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[[accepted]]", "[accepted]", "twice bracketed"),
        ("[[accepted]]", "[[exceptions]]", "no 'exceptions'"),
        ('workload = "yammer"', 'workload = "teams"', "workload is 'teams'; it can be entra"),
        ('workload = "yammer"', "", "has no workload"),
        ('verdict = "mismatch"', 'verdict = "unchecked"', "verdict is 'unchecked'"),
        ('verdict = "mismatch"', "verdict = []", "has no verdict"),
        ('reason = "Her own photo, agreed with her manager."', 'reason = " "', "has no reason"),
        ('who = "Grace Hopper"', "", "has no who"),
        ("until = 2027-03-31", "", "has no until"),
        ("until = 2027-03-31", 'until = "soon"', "has no until"),
        ("until = 2027-03-31", "until = 2027-03-31T10:00:00", "until is a moment"),
        ('user = "Ada@contoso.com"', "", "either user"),
        ('user = "Ada@contoso.com"', 'user = "a"\nfilter = { synced = true }', "either user"),
        ('user = "Ada@contoso.com"', "filter = {}", "at least one of"),
        ('user = "Ada@contoso.com"', 'filter = { city = "Rome" }', "filter has 'city'"),
        ('user = "Ada@contoso.com"', 'filter = { synced = "yes" }', "must be true or false"),
        ('user = "Ada@contoso.com"', 'filter = { domain = "" }', "not empty"),
        ('who = "Grace Hopper"', 'who = "Grace Hopper"\nphoto = "x"', "has 'photo'"),
        ('who = "Grace Hopper"', 'who = "Grace Hopper"\nsha256 = "x"', "is no SHA-256"),
    ],
)
def test_a_bad_entry_is_named_with_its_line(write: Write, before: str, after: str, said: str) -> None:
    file = write(ENTRY + ENTRY.replace(before, after))
    with pytest.raises(ExceptionsError) as raised:
        read_file(file if before != "[[accepted]]" else write(ENTRY.replace(before, after)))
    assert said in str(raised.value)
    assert str(file) in str(raised.value)
    if before != "[[accepted]]":
        assert "entry 2 (line 10)" in str(raised.value)


@pytest.mark.parametrize(("content", "said"), [(b"[[accepted]]\nuser = \n", "line 2"), (b"\xff\xfe", "not UTF-8")])
def test_a_file_that_is_no_toml_says_where(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "exceptions.toml"
    file.write_bytes(content)
    with pytest.raises(ExceptionsError, match=said):
        read_file(file)
    with pytest.raises(ExceptionsError, match="There is no file"):
        read_file(tmp_path / "none.toml")


def test_a_drafted_entry_is_toml_whatever_the_names_are(write: Write) -> None:
    hostile = 'a"\n[[accepted]]\x7f\u202e\\@contoso.com'
    row = verdicts().iloc[1].to_dict() | {"upn": hostile, "reference_sha256": "aa" * 32}
    text = drafted([row], reason=hostile, who="Ben \U0001f600", until=date(2027, 1, 1))
    (entry,) = tomllib.loads(text)["accepted"]
    assert (entry["reason"], entry["who"], entry["user"]) == (hostile, "Ben \U0001f600", ADA)
    assert "\u202e" not in text
    (read,) = read_file(write(text))
    assert (read.sha256, read.reference_sha256, read.until) == ("bb" * 32, "aa" * 32, date(2027, 1, 1))


# -- what is so here ----------------------------------------------------------------------------------------

SO = """
[[true_here]]
workload = ["exchange", "sharepoint"]
kind = "absent"
reason = "Nobody may set one"
who = "Grace"
until = 2027-03-31
"""


def test_what_is_so_here_stands_beside_what_is_accepted_and_is_read_back(write: Write) -> None:
    file = write(ENTRY + SO)
    assert len(read_file(file)) == 1
    (entry,) = read_true_here(file)
    assert (entry.workloads, entry.kinds) == (("exchange", "sharepoint"), ("absent",))
    manifest = {"started": "2027-03-31T23:00:00+00:00", "exceptions": recorded_file(file)}
    assert true_here(manifest) == {("exchange", "absent"), ("sharepoint", "absent")}
    assert true_here(manifest | {"started": "2027-04-01T00:00:00+00:00"}) == frozenset()
    assert true_here({"started": "2027-04-01T00:00:00+00:00"}) == frozenset()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('kind = "absent"', 'kind = "away"', "kind is 'away'"),
        ('kind = "absent"', "", "has no kind"),
        ('reason = "Nobody may set one"', "", "has no reason"),
        ('who = "Grace"', 'who = "Grace"\nuser = "ada@contoso.com"', "has 'user'"),
        ("until = 2027-03-31", 'until = "soon"', "has no until"),
    ],
)
def test_a_wrong_entry_about_what_is_so_here_is_named_with_its_line(
    write: Write, before: str, after: str, told: str
) -> None:
    with pytest.raises(ExceptionsError, match=re.escape(told)) as caught:
        read_true_here(write(SO.replace(before, after)))
    assert "[[true_here]] entry 1 (line 2)" in str(caught.value)
