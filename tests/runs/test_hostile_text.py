"""Whatever names, addresses and messages hold, they reach page, tables and terminal as data."""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.report import write_report
from auditor.runs.folder import open_run
from tests.runs.conftest import make_run, user

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><svg/onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    " =1+1",
    "\t@SUM(1)",
    "\u202egnp.exe",
    "\x1b]0;owned\x07\x1b[2J\x1b[31m",
    "a\r\nb,c\x00d",
    "../../../etc/passwd",
    "..\\..\\con",
    "[link](javascript:alert(1))",
    "[bold red]no markup[/bold red]",
    "`code` <b>",
    "\ud800 alone",
    "\u200b\ufeff\U000e0041",
    "%2e%2e%2f&amp;&#60;",
)
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(min_size=1, max_size=40),
    st.lists(st.sampled_from([*"<>&\"'`={}%@+-\t\r\n\x1b\x00\u202e\u2066;,/\\[]()", "script", "on", "é"])).map("".join),
)


class Shape(HTMLParser):
    """Which elements a page has, with which attributes, and what its scripts and styles say."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.kinds: set[tuple[str, tuple[str, ...]]] = set()
        self.code: list[str] = []
        self.data: list[str] = []
        self.links: set[str] = set()
        self.text = ""
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds.add((tag, tuple(sorted(name for name, _ in attrs))))
        self.links |= {re.split(r"[#:,]", value or "")[0] for name, value in attrs if name in {"href", "src", "action"}}
        self._in = "data" if ("type", "application/json") in attrs else tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in {"script", "style"}:
            self.code.append(data)
        if self._in == "data":
            self.data.append(data)
        else:
            self.text += data


def drawn(folder: Path, told: dict[str, str]) -> dict[str, str]:
    """A run in which every text of a directory or a service is one of these; the files of its report."""
    person = user(
        1, display_name=told["name"], upn=told["upn"], mail=told["mail"], department=told["department"],
        addresses=(told["mail"].replace(" ", "_"),),
    )  # fmt: skip
    written = {"detail": told["detail"], "note": told["detail"], "evidence": told["detail"], "reason": told["reason"]}
    run = make_run(
        folder / "run", [person], texts=written | {"signals": told["signal"], "kind": told["reason"]},
        tenant={"id": "t", "name": told["name"], "domain": told["upn"]}, complete=False,
        tenant_facts=[{"cause": told["reason"], "sentence": told["detail"], "fix": told["detail"]}],
        settings=[{"name": "x", "value": told["name"], "origin": told["reason"]}],
        asked_by=told["name"], workloads={"entra": {"note": told["detail"]}},
    )  # fmt: skip
    run.update(incomplete_because=[told["detail"]], complete=False)
    paths = write_report(open_run(run.path, exclusive=False).view(), folder / "out")
    run.close()
    assert {file.name for file in (folder / "out").iterdir()} == {
        "report.html", "drift.csv", "observations.csv", "users.csv", "action-plan.csv", "junit.xml", "report.json",
        "summary.md",
    }  # fmt: skip
    return {file.name: file.read_bytes().decode("utf-8") for file in paths.written}


PLAIN = dict.fromkeys(
    ("name", "upn", "mail", "department", "detail", "reason", "signal"), "Some words `here`\nand below"
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Shape:
    return Shape(drawn(tmp_path_factory.mktemp("plain"), PLAIN)["report.html"])


ANY_TEXTS = st.fixed_dictionaries(dict.fromkeys(PLAIN, texts))


@settings(max_examples=8, deadline=None)
@given(told=ANY_TEXTS)
@example(told=dict.fromkeys(PLAIN, "one line\x85another\u2028a third"))
def test_no_text_becomes_markup_a_formula_or_something_unseen(plain: Shape, told: dict[str, str]) -> None:
    is_only_data(plain, told)


@pytest.mark.soak
@settings(max_examples=int(os.environ.get("PHOTO_AUDITOR_EXAMPLES", "100")), deadline=None)
@given(told=ANY_TEXTS)
def test_nor_does_any_of_many_texts(plain: Shape, told: dict[str, str]) -> None:
    is_only_data(plain, told)


def is_only_data(plain: Shape, told: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = drawn(Path(folder), told)
    page = Shape(files["report.html"])
    assert page.kinds <= plain.kinds
    assert page.code == plain.code
    for data in page.data:
        json.loads(data)
        assert not set("<>&") & set(data)  # neither its end nor a character reference can stand in it
    assert page.links <= plain.links
    assert ElementTree.fromstring(files["junit.xml"]).tag == "testsuites"
    assert json.loads(files["report.json"])["users"] == 1
    for name, text in files.items():
        assert not UNSEEN.search(text), name
        if name.endswith(".csv"):
            for row in csv.reader(text.splitlines(keepends=True)):
                assert not [cell for cell in row if cell.strip()[:1] in {"=", "+", "@"}], row
                assert not [cell for cell in row if re.match(r"\s*-(?!\d)", cell)], row


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_shown_as_it_is_spelled(tmp_path: Path, text: str) -> None:
    files = drawn(tmp_path, dict.fromkeys(PLAIN, text))
    shown = re.sub("[\ud800-\udfff]", "\ufffd", text)
    shown = re.sub(
        "[\x00-\x1f\x7f-\x9f\u200b\u202e\ufeff\U000e0000-\U000e0fff]", lambda one: f"⟨U+{ord(one[0]):04X}⟩", shown
    )
    assert shown in Shape(files["report.html"]).text
    with_names = list(csv.DictReader(files["users.csv"].splitlines(keepends=True)))
    assert with_names[0]["upn"].removeprefix("'") == shown


def test_the_installed_command_prints_nothing_that_steers_a_terminal(
    tmp_path: Path, program: Callable[..., Any]
) -> None:
    people = [user(n, display_name=text, upn=f"{text}@x", department=text) for n, text in enumerate(HOSTILE)]
    before = {path for path in tmp_path.parent.rglob("*") if tmp_path not in (path, *path.parents)}
    make_run(
        tmp_path / "run", people, texts={"detail": HOSTILE[8], "evidence": HOSTILE[8]},
        tenant={"name": HOSTILE[8], "domain": HOSTILE[8]},
    ).close()  # fmt: skip
    for words in (
        ("report", "run"), ("verify", "run"), ("runs", "list", "--runs", "."), ("runs", "prune", "--runs", "."),
        ("erase", "--user", f"{HOSTILE[8]}@x", "run"), ("erase", "--user", f"{HOSTILE[10]}@x", "run", "--yes"),
        ("report", f"no{HOSTILE[7]}run"), ("audit", "--run", "other", "--config", f"no{HOSTILE[3]}\x1b[2J"),
    ):  # fmt: skip
        done = program(*words)
        assert not UNSEEN.search((done.out + done.err).replace("\n", "")), words
    # Nothing was written anywhere but where it was asked for.
    assert {path for path in tmp_path.parent.rglob("*") if tmp_path not in (path, *path.parents)} == before
    inside = {path.relative_to(tmp_path / "run").parts[0] for path in (tmp_path / "run").rglob("*")}
    known = {"manifest.json", "users", "observations", "verdicts", "photos", "photos.sha256", "report", ".lock"}
    assert inside <= known


def test_a_lone_surrogate_in_a_name_does_not_end_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1, display_name="\ud800x")], tenant={"name": "\udfff"})
    assert run.users(0)[0].display_name == "\ufffdx"
    run.close()
    assert open_run(tmp_path / "run", exclusive=False).manifest["tenant"]["name"] == "\ufffd"
