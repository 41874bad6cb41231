"""A tenant that misbehaves for everybody: what it says, from which question on, and whom it touches."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from click.testing import CliRunner

from auditor.cli.simulate import command
from auditor.simulator.asgi import Response
from auditor.simulator.misbehaving import COLUMNS, Play
from auditor.simulator.misbehaviours import MISBEHAVIOURS, NoSuchMisbehaviourError, read_misbehaviour
from tests.conftest import CHECKOUT
from tests.simulator.conftest import Simulated, make_tiny

PEOPLE = [account for account in make_tiny().accounts if account.in_scope]
GRAPH, EXCHANGE, SHAREPOINT, ENGAGE, CDN = "graph", "exchange", "sharepoint_my", "yammer", "yammer_cdn"
SOAP = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<soap:Header><t:RequestServerVersion Version="Exchange2016"/></soap:Header>
<soap:Body><m:GetUserPhoto><m:Email>{address}</m:Email><m:SizeRequested>HR648x648</m:SizeRequested></m:GetUserPhoto>
</soap:Body></soap:Envelope>"""


@dataclass(frozen=True)
class Served:
    """The services, which take a while to make."""

    simulated: Simulated
    play: Play
    tokens: dict[str, str | None] = field(default_factory=lambda: {CDN: None})


@dataclass(frozen=True)
class Misbehaving:
    """The tiny tenant, what it plays, and where it writes down whom it touched."""

    simulated: Simulated
    play: Play
    file: Path

    tokens: dict[str, str | None]
    """By origin; to make one takes longer than to answer a question."""

    def ask(self, origin: str, target: str, token: str | None = "", **more: Any) -> Response:
        if token == "":
            if origin not in self.tokens:
                made = self.simulated.user_token if origin == ENGAGE else self.simulated.app_token
                self.tokens[origin] = made(origin)
            token = self.tokens[origin]
        return self.simulated.ask(origin, target, token, **more)

    def plays(self, name: str) -> None:
        chosen = read_misbehaviour(name)
        self.play.begin(chosen.misbehaviour, chosen.start, chosen.end)

    def photo(self, who: str, what: str = "photo") -> Response:
        return self.ask(GRAPH, f"/v1.0/users/{self.simulated.id_of(who)}/{what}")

    def batch(self, *what: str) -> dict[str, Any]:
        """The answers to one batch, by the name of whom each asks about."""
        people = [person.display_name.lower() for person in PEOPLE]
        steps = [
            {"id": str(number), "method": "GET", "url": f"/users/{self.simulated.id_of(person)}/{one}"}
            for number, (person, one) in enumerate((person, one) for one in what for person in people)
        ]
        told = self.ask(GRAPH, "/v1.0/$batch", method="POST", body={"requests": steps})
        answers = json.loads(told.body)["responses"] if told.status == 200 else []
        return {people[int(one["id"]) % len(people)]: one for one in answers}

    def mailbox(self, address: str) -> Response:
        return self.ask(EXCHANGE, "/EWS/Exchange.asmx", method="POST", body=SOAP.format(address=address))

    def profile(self, upn: str) -> Response:
        path = "/_api/SP.UserProfiles.PeopleManager/GetPropertiesFor(accountName=@v)"
        headers = {"Accept": "application/json;odata=nometadata"}
        return self.ask(SHAREPOINT, f"{path}?@v={self.simulated.claim(upn)}", headers=headers)

    def shown(self, upn: str) -> Response:
        """What is shown in the end."""
        told = self.ask(SHAREPOINT, f"/_layouts/15/userphoto.aspx?size=L&accountname={quote(upn)}")
        if told.status != 302:
            return told
        parts = urlsplit(told.header("Location") or "")
        return self.ask(SHAREPOINT, f"{parts.path}?{parts.query}", None)

    def stored(self, who: str) -> Response:
        file = f"/User Photos/Profile Pictures/{self.simulated.id_of(who)}_LThumb.jpg"
        return self.ask(SHAREPOINT, f"/_api/web/GetFileByServerRelativePath(decodedurl='{quote(file)}')/$value")

    def engage(self, path: str) -> list[dict[str, Any]]:
        told = self.ask(ENGAGE, f"/api/v1/users{path}")
        return json.loads(told.body) if told.status == 200 and told.body[:1] == b"[" else []

    def mugshot(self, entry: dict[str, Any]) -> Response:
        parts = urlsplit(entry["mugshot_url_template"].replace("{width}x{height}", "648x648"))
        return self.ask("yammer_cdn", f"{parts.path}?{parts.query}", None)

    def everything(self, origins: AbstractSet[str]) -> None:
        """Asks these services whatever an audit may ask."""
        people = PEOPLE
        if GRAPH in origins:
            names = "id,userPrincipalName,mail,proxyAddresses,assignedPlans,assignedLicenses"
            self.ask(GRAPH, f"/v1.0/users?$select={names}")
            self.ask(GRAPH, "/v1.0/users/$count", headers={"ConsistencyLevel": "eventual"})
            self.batch("photo")
            self.batch("photo/$value")
            for what in ("photo", "photo/$value", "photos"):
                for person in people:
                    self.ask(GRAPH, f"/v1.0/users/{person.id}/{what}")
        for person in people if EXCHANGE in origins else ():
            self.mailbox(person.upn)
            self.ask(EXCHANGE, f"/EWS/Exchange.asmx/s/GetUserPhoto?email={quote(person.upn)}&size=HR648x648")
        for person in people if SHAREPOINT in origins else ():
            self.profile(person.upn)
            self.shown(person.upn)
            self.stored(person.display_name.lower())
        if origins & {ENGAGE, CDN}:
            listed = [*self.engage(".json?page=1"), *self.engage(".json?page=2")]
            found = [one for person in people for one in self.engage(f"/by_email.json?email={quote(person.upn)}")]
            for entry in listed + found if CDN in origins else ():
                self.mugshot(entry)

    def touched(self) -> set[str]:
        """The names of whom something else was said than is true."""
        return {person.display_name.lower() for person in PEOPLE if person.id in self.play.touched}


@pytest.fixture(scope="module")
def served(simulate: Callable[..., Simulated]) -> Served:
    play = Play()
    return Served(simulate(play=play), play)


@pytest.fixture
def tenant(served: Served, tmp_path: Path) -> Iterator[Misbehaving]:
    misbehaving = served.simulated.services.misbehaving
    assert misbehaving is not None
    served.play.begin(None)
    misbehaving.begin(tmp_path / "misbehaved.csv")
    yield Misbehaving(served.simulated, served.play, tmp_path / "misbehaved.csv", served.tokens)
    misbehaving.close()


def test_every_misbehaviour_says_something_untrue_of_somebody(tenant: Misbehaving) -> None:
    touched_nobody = []
    for name, misbehaviour in MISBEHAVIOURS.items():
        tenant.plays(name)
        tenant.everything({*misbehaviour.origins})
        if not tenant.play.touched and misbehaviour.asks != {"count"}:
            touched_nobody.append(name)
    # The tiny tenant's list has one page, and is answered singly where a batch is refused as a whole.
    assert touched_nobody == ["graph-batch-404", "engage-list-of-one-page", "engage-list-repeats"]


def test_what_nobody_plays_is_true(tenant: Misbehaving, simulated: Simulated) -> None:
    assert tenant.photo("adele").body == simulated.ask(GRAPH, f"/v1.0/users/{simulated.id_of('adele')}/photo").body
    tenant.everything({GRAPH, EXCHANGE, SHAREPOINT, ENGAGE, CDN})
    assert tenant.play.touched == set()


def test_it_begins_with_the_question_that_was_named(tenant: Misbehaving) -> None:
    tenant.plays("exchange-gone-404@3")
    people = ("adele@contoso.com", "aliased@contoso.com", "odd@contoso.com", "stale@contoso.com")
    assert [tenant.mailbox(person).status for person in people] == [200, 200, 404, 404]
    assert tenant.touched() == {"odd", "stale"}


def test_it_ends_after_the_question_that_was_named(tenant: Misbehaving) -> None:
    tenant.plays("exchange-gone-404@2-3")
    people = ("adele@contoso.com", "aliased@contoso.com", "odd@contoso.com", "stale@contoso.com")
    assert [tenant.mailbox(person).status for person in people] == [200, 404, 404, 200]


def test_a_batch_counts_as_its_steps(tenant: Misbehaving) -> None:
    tenant.plays(f"graph-batch-null-404@{len(PEOPLE) + 1}")
    assert {one["status"] for one in tenant.batch("photo").values()} >= {200}
    assert {one["status"] for one in tenant.batch("photo").values()} == {404}


def test_answers_under_swapped_ids_are_all_there_and_nobodys_own(tenant: Misbehaving) -> None:
    true = tenant.batch("photo")
    for name in ("graph-batch-rotated", "graph-batch-reversed", "graph-batch-mixed"):
        tenant.plays(name)
        told = tenant.batch("photo")
        assert told.keys() == true.keys()
        etags = {who: (one["body"] or {}).get("@odata.mediaEtag") for who, one in told.items()}
        assert sorted(map(str, etags.values())) == sorted(
            str((one["body"] or {}).get("@odata.mediaEtag")) for one in true.values()
        )
        assert len(tenant.play.touched) > len(PEOPLE) // 2, name


def test_only_batches_or_only_what_is_asked_alone(tenant: Misbehaving) -> None:
    tenant.plays("graph-batch-image-not-found")
    assert tenant.batch("photo")["adele"]["body"]["error"]["code"] == "ImageNotFound"
    assert tenant.photo("adele").status == 200
    tenant.plays("graph-batch-502-then-404")
    assert tenant.batch("photo") == {}
    assert (tenant.photo("adele").status, tenant.photo("adele").body) == (404, b"")


def test_a_cache_gives_everybody_what_the_first_was_given(tenant: Misbehaving) -> None:
    adele = tenant.mailbox("adele@contoso.com").body
    shown, photo = tenant.shown("adele@contoso.com").body, tenant.photo("adele", "photo/$value").body
    for name, ask, first in (
        ("exchange-one-picture", lambda: tenant.mailbox("odd@contoso.com").body, adele),
        ("sharepoint-one-picture", lambda: tenant.shown("odd@contoso.com").body, shown),
        ("graph-photo-of-one", lambda: tenant.photo("odd", "photo/$value").body, photo),
    ):
        tenant.plays(name)
        assert ask() == first, name


def test_pictures_move_on_by_one_user(tenant: Misbehaving) -> None:
    second, third = PEOPLE[1], PEOPLE[2]
    tenant.plays("exchange-next-picture")
    pictures = {person.upn: _picture(tenant.mailbox(person.upn)) for person in PEOPLE[:2]}
    assert pictures[PEOPLE[0].upn].startswith(f"{second.display_name.lower()}/exchange".encode())
    assert pictures[second.upn].startswith(f"{third.display_name.lower()}/exchange".encode())
    tenant.plays("sharepoint-next-picture")
    assert tenant.shown("adele@contoso.com").body.startswith(f"{second.display_name.lower()}/sharepoint".encode())
    tenant.plays("engage-list-next-mugshot")
    adele = next(one for one in tenant.engage(".json?page=1") if one["email"] == "adele@contoso.com")
    assert tenant.mugshot(adele).body.startswith(f"{second.display_name.lower()}/yammer".encode())


def _picture(response: Response) -> bytes:
    found = re.search(rb"<PictureData>([^<]*)<", response.body)
    return base64.b64decode(found[1]) if found else b""


def test_metadata_of_the_next_user_name_that_user_unless_they_are_given_out_as_ones_own(tenant: Misbehaving) -> None:
    adele, second = PEOPLE[0], PEOPLE[1]
    tenant.plays("graph-metadata-of-next")
    assert second.id in json.loads(tenant.photo("adele").body)["@odata.id"]
    tenant.plays("graph-user-of-next")
    told = json.loads(tenant.photo("adele").body)
    assert adele.id in told["@odata.id"]
    assert told["@odata.mediaEtag"] == f'"{second.graph.etag}"'


def test_the_default_person_is_replaced_for_those_who_have_no_picture_only(tenant: Misbehaving) -> None:
    nobody, adele = tenant.shown("none@contoso.com").body, tenant.shown("adele@contoso.com").body
    tenant.plays("sharepoint-default-replaced")
    assert tenant.shown("adele@contoso.com").body == adele
    assert tenant.shown("none@contoso.com").body != nobody


def test_who_was_touched_is_written_down_and_marked_in_the_request_log(tenant: Misbehaving, tmp_path: Path) -> None:
    tenant.simulated.services.log.open(tmp_path / "requests.jsonl")
    tenant.plays("exchange-photo-404@2")
    tenant.mailbox("adele@contoso.com")
    tenant.mailbox("odd@contoso.com")
    tenant.simulated.services.log.close()
    with tenant.file.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            list(COLUMNS),
            ["exchange-photo-404", "exchange", "mailbox", "2", tenant.simulated.id_of("odd")],
        ]
    rows = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["status"], row["fault"]) for row in rows] == [(200, ""), (404, "misbehaviour/played")]


def test_whoever_brings_no_good_token_is_told_so(tenant: Misbehaving) -> None:
    tenant.plays("exchange-gone-404")
    assert tenant.ask(EXCHANGE, "/EWS/Exchange.asmx", None, method="POST", body=SOAP).status == 401


def test_a_name_that_is_none_is_refused_with_those_that_are_near(tmp_path: Path) -> None:
    with pytest.raises(NoSuchMisbehaviourError, match="there are graph-width-0"):
        read_misbehaviour("width-0")
    with pytest.raises(NoSuchMisbehaviourError, match="numbers no question"):
        read_misbehaviour("graph-width-0@soon")
    both = ["--misbehave", "graph-width-0", "--faults", "light", "--out", str(tmp_path)]
    refused = CliRunner().invoke(command, both)
    assert (refused.exit_code, "not both" in refused.output) == (2, True)


def test_the_help_and_the_page_name_every_misbehaviour_and_no_other() -> None:
    told = CliRunner().invoke(command, ["--help"]).output
    named = re.search(r"Misbehaviours \(.*?\):\s+(.*)", told, re.DOTALL)
    assert named is not None
    assert named[1].replace(",", " ").split() == list(MISBEHAVIOURS)
    page = (CHECKOUT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `((?:exchange|graph|users|sharepoint|engage)-[\w-]+)` \| (.*) \| (yes|no) \|$", page, re.M)
    assert rows == [(one.name, one.does, "yes" if one.later else "no") for one in MISBEHAVIOURS.values()]
    looks = re.findall(r"^\* `([\w-]+)`: (.*)\.$", page, re.M)
    assert looks == [(one.name, one.looks_true) for one in MISBEHAVIOURS.values() if one.looks_true]
    assert len(MISBEHAVIOURS) >= 60
