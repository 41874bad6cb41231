"""Hostile names, addresses and ids through a whole audit: each reaches its service as data, and says nothing false.

A relay gives some people other ids, addresses and names than the simulated tenant knows them by, and puts the true ones
back into every question. It finds a person only where the question spells the id or address as that service reads
it: one that is quoted wrongly reaches the tenant as it is, and the answer is another than the honest tenant's.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import httpx
import pytest

from benchmarks.hostile_tenant import Hostile, Relay, Rows, rows_of
from tests.relay import hostile_tenant
from tests.runs.test_hostile_text import UNSEEN

PEOPLE: tuple[tuple[str, str], ...] = (
    ("../../organization", "<script>alert(1)</script>"),
    ("a/../b", '"><img src=x onerror=alert(1)>'),
    ("%2e%2e%2fme", "o'brien''s'); drop"),
    ("a%2fb%00", "=cmd|' /C calc'!A0"),
    ("x?$select=id", "+1+1"),
    ("x#y", "-1"),
    ("a b&c=d", "@SUM(1)"),
    ("';--", "tab\there"),
    ("${jndi:ldap://x}", "cr\rhere"),
    ("\u202egnp", "\u202egnp.exe"),
    ("..\\..\\con", "line\nbreak"),
    ("{0}%s", "\x1b[2J\x1b]0;owned\x07"),
    ("<&]]>", "a & b ]]> <x>"),
    ("caf\u00e9\U0001f600", "\ud800 alone"),
    ("con.parquet", "x" * 900),
    ("...", "nul\x00nul"),
)
"""What stands in a person's id, and in the person's addresses, name and department."""
GRAPH_PATHS = re.compile(r"/v1\.0/(users|organization|groups|\$batch)|/beta/admin/people/photoupdatesettings$")
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
NOT_ASKABLE = re.compile("[\x00-\x20\x7f\u202e\ud800-\udfff]|.{300}")
"""What no address has that a service can be asked for."""


def shown(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


class Masks(Relay):
    """Some people under other ids, addresses and names."""

    worn: bool = False

    @property
    def masks(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """Who wears what: the user as the tenant knows it, and what the audit hears."""
        if not self.worn:
            return []
        made = []
        for number, (user, (identity, text)) in enumerate(zip(self.users, PEOPLE, strict=False)):
            domain = user["upn"].rpartition("@")[2]
            mask = {"id": f"{number}{identity}", "upn": f"{text}{number}@{domain}", "name": text}
            made.append((user, mask | {"mail": f"{text}.{number}@{domain}" if user["mail"] else ""}))
        return made

    def known(self, member: str, heard: str) -> str:
        """The true id or address for what the audit asks with; what it asks with where nobody wears that."""
        for user, mask in self.masks:
            if shown(mask[member]).lower() == heard.lower() and heard:
                return str(user[member])
        return heard

    def forwarded(self, name: str, path: str, asked: bytes) -> tuple[str, bytes]:
        """The same question about the person behind the mask."""
        if name == "graph" and path.endswith("/$batch"):
            steps = json.loads(asked)
            for step in steps["requests"]:
                step["url"] = self._graph("/v1.0" + step["url"]).removeprefix("/v1.0")
            return path, json.dumps(steps).encode()
        if name == "graph":
            return self._graph(path), asked
        if name == "exchange" and asked:
            root = ElementTree.fromstring(asked)
            for element in root.iter():
                if element.tag.endswith(("}Email", "}SmtpAddress")) and element.text:
                    # A parser gives every line break as \n; whoever asks is meant all the same.
                    true = {one.replace("\r", "\n"): one for one in map(shown, (m["mail"] for _, m in self.masks))}
                    asked_by = true.get(element.text, element.text)
                    found = self.known("mail", asked_by)
                    element.text = found if found != asked_by else self.known("upn", asked_by)
            return path, ElementTree.tostring(root)
        query = parse_qs(urlsplit(path).query)
        if name == "yammer" and "email" in query:
            asked_by = query["email"][0]
            found = self.known("mail", asked_by)
            query["email"] = [found if found != asked_by else self.known("upn", asked_by)]
            return f"{urlsplit(path).path}?{urlencode(query, doseq=True)}", asked
        if name.startswith("sharepoint") and "accountname" in query:
            query["accountname"] = [self.known("upn", query["accountname"][0])]
            return f"{urlsplit(path).path}?{urlencode(query, doseq=True)}", asked
        if name.startswith("sharepoint") and "@v" in query:
            literal = query["@v"][0]
            assert literal[0] == literal[-1] == "'"
            assert "'" not in literal[1:-1].replace("''", "")
            claim, _, upn = literal[1:-1].replace("''", "'").rpartition("membership|")
            literal = "'" + f"{claim}membership|{self.known('upn', upn)}".replace("'", "''") + "'"
            return f"{urlsplit(path).path}?@v={quote(literal)}", asked
        return path, asked

    def _graph(self, path: str) -> str:
        parts = path.split("?", 1)[0].split("/")
        if len(parts) > 3 and parts[2] == "users":
            parts[3] = quote(self.known("id", unquote(parts[3])), safe="$")
        return "/".join(parts) + (f"?{path.split('?', 1)[1]}" if "?" in path else "")

    def answer(self, name: str, path: str, asked: bytes, got: httpx.Response) -> tuple[int, dict[str, str], bytes]:
        """The true answer with the masks on."""
        status, headers, body = super().answer(name, path, asked, got)
        if headers["Content-Type"].startswith("application/json") and self.masks and not path.endswith("/$batch"):
            body = json.dumps(self._masked(json.loads(body))).encode()
        return status, headers, body

    def _masked(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._masked(one) for one in value]
        if not isinstance(value, dict):
            return value
        found = {name: self._masked(one) for name, one in value.items()}
        for user, mask in self.masks:
            if found.get("id") == user["id"]:
                found |= {"id": mask["id"], "userPrincipalName": mask["upn"], "displayName": mask["name"],
                          "department": mask["name"], "mail": mask["mail"] or None,
                          "proxyAddresses": _proxies(mask["mail"], found.get("proxyAddresses", ()))}  # fmt: skip
            elif found.get("Value") == user["id"]:
                found["Value"] = mask["id"]
            elif "mugshot_url" in found:
                for member in ("upn", "mail"):
                    if user[member] and str(found.get("email", "")).lower() == user[member].lower():
                        found |= {"email": mask[member], "full_name": mask["name"], "contact": {}}
        return found


def _proxies(mail: str, true: Iterable[str]) -> list[str]:
    """The hostile address as the primary one; others only beside one that a service can be asked for."""
    others = () if NOT_ASKABLE.search(mail) else true
    return [*([f"SMTP:{mail}"] if mail else []), *(f"smtp:{one.partition(':')[2]}" for one in others)]


class Played:
    """An honest audit and one of people in masks, of one tenant."""

    def __init__(self, tenant: Hostile, relay: Masks) -> None:
        code, run, self.said, *_ = tenant.audit(())
        assert code in {0, 1}, self.said
        self.honest = rows_of(run)
        relay.worn = True
        relay.asked.clear()
        self.code, self.run, self.said, _, self.elsewhere = tenant.audit(())
        self.rows: Rows = rows_of(self.run)
        self.masks = relay.masks
        self.asked = list(relay.asked)
        self.folder = tenant.folder


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("masks")
    with hostile_tenant(folder, users=36, seed=6, relay_of=Masks) as tenant:
        assert isinstance(tenant.relay, Masks)
        yield Played(tenant, tenant.relay)


def test_every_copy_of_people_with_hostile_ids_and_addresses_is_what_it_is_for_the_same_people_without(
    played: Played,
) -> None:
    worn = {user["id"]: mask for user, mask in played.masks}
    assert len(worn) == len(PEOPLE)
    other, seen, unknown = [], set(), set()
    for (user_id, workload), row in played.honest.items():
        mask = worn.get(user_id)
        now = played.rows[_cell(mask["id"]) if mask else user_id, workload]
        if mask and workload != "entra" and now["reason"] == "unknown_address":
            # Who cannot be asked for is unknown, and nobody else is.
            assert NOT_ASKABLE.search(mask["upn"]), now
            assert now["status"] == "unknown", now
            unknown.add((mask["upn"], workload))
            continue
        assert not (mask and workload == "exchange" and NO_XML.search(mask["mail"])), now
        seen.add(now["status"])
        if (now["status"], now["reason"]) != (row["status"], row["reason"]):
            other.append((mask, workload, row["status"], now["status"], now["reason"], now["detail"]))
    assert other == [], other
    assert {"photo", "absent"} <= seen
    assert {workload for _, workload in unknown} == {"exchange", "sharepoint", "yammer"}
    assert played.code in {0, 1}, played.said
    assert played.elsewhere == 0


def test_no_question_leaves_its_path_because_of_whom_it_is_about(played: Played) -> None:
    for name, path, body in played.asked:
        bare = path.split("?", 1)[0]
        assert not {"..", "."} & set(bare.split("/")), path
        assert not UNSEEN.search(path), path
        assert "#" not in path
        if name == "graph":
            assert GRAPH_PATHS.match(bare), path
            for step in json.loads(body)["requests"] if body else ():
                assert re.fullmatch(r"/users/[^/?#]+/photo(/\$value)?", step["url"]), step
        elif name == "exchange" and body:
            ElementTree.fromstring(body)
            assert body.count(b"<m:Email>") == 1


def test_what_the_run_and_its_report_hold_of_them_is_data(played: Played) -> None:
    assert not UNSEEN.search(played.said.replace("\n", "")), played.said
    names = {path.name for path in played.run.rglob("*")}
    assert not [name for name in names if not re.fullmatch(r"[A-Za-z0-9._-]+", name)]
    page = (played.run / "report" / "report.html").read_text(encoding="utf-8")
    for _, text in PEOPLE:
        if "<" in text:
            assert text not in page
    for file in (played.run / "report").glob("*.csv"):
        content = file.read_bytes().decode("utf-8")
        assert not UNSEEN.search(content), file
        for row in csv.reader(content.splitlines(keepends=True)):
            assert not [cell for cell in row if cell.strip()[:1] in {"=", "+", "@"}], row
    shown_names = {row["upn"] for row in played.rows.values()}
    for _, mask in played.masks:
        assert _cell(mask["upn"]) in shown_names
    outside = {path.relative_to(played.folder).parts[0] for path in played.folder.rglob("*")}
    assert outside == {"tenant", "home", "run-1", "run-2"}


def _cell(text: str) -> str:
    """As the tables spell it."""
    spelled = re.sub("[\x00-\x1f\x7f\u202e]", lambda one: f"\u27e8U+{ord(one[0]):04X}\u27e9", shown(text))
    return f"'{spelled}" if re.match(r"\s*[=+\-@]|[\t\r\n]", shown(text)) else spelled


def test_the_masks_are_seen_through_only_by_questions_that_are_quoted_well(tmp_path: Path) -> None:
    """Without this, a relay that hands everything on would make the promise above hold."""
    users = [{"id": f"true-{n}", "upn": f"u{n}@contoso.com", "mail": f"m{n}@contoso.com"} for n in range(len(PEOPLE))]
    relay = Masks({}, users, {})
    relay.worn = True
    good = quote("0../../organization", safe="")
    assert relay.forwarded("graph", f"/v1.0/users/{good}/photo", b"")[0] == "/v1.0/users/true-0/photo"
    bad = "/v1.0/users/0../../organization/photo"
    assert "true" not in relay.forwarded("graph", bad, b"")[0]
    soap = '<a xmlns:m="m"><m:Email>{}</m:Email></a>'
    mail = relay.masks[12][1]["mail"]
    assert b"m12@contoso.com" in relay.forwarded("exchange", "/", soap.format(escape(mail)).encode())[1]
