"""The page that tells how to connect a tenant is true of the code, and is found wherever the program is installed."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from auditor import connect
from auditor.collectors.build import permissions
from auditor.doctor.grants import EXCHANGE, GRANTS, GRAPH, OPTIONAL, RESOURCES, SHAREPOINT, granting
from auditor.model import Workload
from auditor.settings import APP_METHODS, SignIn

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = (CHECKOUT / "docs" / connect.PAGE).read_text(encoding="utf-8")
GUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
IN_CODE = {
    *(one for delegated in (False, True) for _, one in permissions(Workload, delegated=delegated)),
    *OPTIONAL,
}
ONLY_SPOKEN_OF = {"User.Read", "Sites.Selected", "EWS.AccessAsApp"}
"""Permissions that the page tells nobody to grant to photo-auditor."""


def test_every_permission_in_the_code_is_on_the_page_and_has_an_id() -> None:
    for permission in IN_CODE:
        assert f"`{permission.name}`" in PAGE, permission
        assert (permission.resource, permission.name) in GRANTS, permission


def test_every_permission_on_the_page_is_in_the_code() -> None:
    named = set(re.findall(r"\b(?:[A-Z][A-Za-z]+\.)+(?:Read|ReadWrite|Selected|AccessAs\w+)(?:\.All)?\b", PAGE))
    named |= set(re.findall(r"\b(?:full_access_as_app|access_as_user|user_impersonation)\b", PAGE))
    assert named - ONLY_SPOKEN_OF == {permission.name for permission in IN_CODE}
    assert named >= ONLY_SPOKEN_OF


def test_every_command_on_the_page_grants_what_its_comment_says() -> None:
    lines = PAGE.splitlines()
    seen = set()
    for before, line in itertools.pairwise(lines):
        match = re.search(rf"--api ({GUID}) --api-permissions (.+)$", line)
        if match is None or "THE-ID" in line:
            continue
        head, _, rest = before.removeprefix("# ").partition(": ")
        names, delegated = rest.split(", "), head.endswith(", delegated")
        (resource,) = [name for name, identity in RESOURCES.items() if identity == match[1]]
        grants = [GRANTS[resource, name] for name in names]
        told = [f"{one.delegated_id}=Scope" if delegated else f"{one.id}=Role" for one in grants]
        assert match[2].split() == told, line
        seen |= {(resource, name, delegated) for name in names}
    with_id = {(*key, False) for key, grant in GRANTS.items() if grant.id}
    assert seen == with_id | {(*key, True) for key, grant in GRANTS.items() if grant.delegated_id}


def test_no_other_id_stands_on_the_page() -> None:
    known = {*RESOURCES.values(), *(one for grant in GRANTS.values() for one in (grant.id, grant.delegated_id))}
    assert set(re.findall(GUID, PAGE)) <= known | {connect.EXAMPLE_APP, connect.EXAMPLE_DELEGATED}


def test_one_id_may_stand_for_two_permissions_and_the_command_names_the_service() -> None:
    assert GRANTS[GRAPH, "User.Read.All"].id == GRANTS[SHAREPOINT, "User.Read.All"].id
    sign_in = SignIn("https://login.microsoftonline.com", "contoso.com", "certificate", "the-app")
    for permission in IN_CODE:
        lines = granting([permission], sign_in, "the-app")
        assert permission.resource in lines[0]
        assert lines[-1].endswith("/contoso.com/adminconsent?client_id=the-app")
        assert all(RESOURCES[permission.resource] in line for line in lines[1:-1])
        kind = "Role" if permission.kind == "application" else "Scope"
        assert all(line.endswith(f"={kind}") for line in lines[1:-1])


def test_what_the_page_says_the_doctor_says_it_does_say() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (CHECKOUT / "auditor" / "doctor").glob("*.py")]
    said = "\n".join(sources).replace("{resource}", GRAPH)
    tests = " ".join(re.findall(r"\*\*Test\.\*\*(.*?)(?:\n\n|\*\*Remove)", PAGE, re.DOTALL))
    probes = re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", tests)
    assert len(probes) > 8
    assert [probe for probe in probes if probe not in said] == []


def test_every_part_is_for_something_that_can_be_chosen_and_tells_how_to_test_and_to_remove() -> None:
    found = connect.parts(PAGE)
    assert {word for word, _ in found} == {*APP_METHODS, *map(str, Workload), "person", "everybody"}
    for word, text in found:
        if word in {*map(str, Workload), "person"}:
            assert "**Test.**" in text, word
            assert "**Remove" in text, word
    exchange = next(text for word, text in found if word == "exchange")
    places = [
        exchange.index(name) for name in ("Not at all", "EWS.AccessAsUser.All", "EWS.AccessAsApp", "4. **As the app")
    ]
    assert places == sorted(places), "the narrower ways come first"
    assert EXCHANGE in exchange


def test_the_page_is_found_in_a_wheel_before_one_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "auditor"
    for folder in (package / "_docs", package.parent / "docs"):
        folder.mkdir(parents=True)
        (folder / connect.PAGE).write_text("page")
    assert connect.shipped(package) == package / "_docs" / connect.PAGE
    (package / "_docs" / connect.PAGE).unlink()
    assert connect.shipped(package) == package.parent / "docs" / connect.PAGE
    (package.parent / "docs" / connect.PAGE).unlink()
    with pytest.raises(FileNotFoundError, match=connect.PAGE):
        connect.shipped(package)
    build = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"][f"docs/{connect.PAGE}"] == f"auditor/_docs/{connect.PAGE}"


@pytest.mark.parametrize("text", ["ünï.example", 'a"b.pem', "C:\\keys\\app.pem", "a\\u0041.pem", "'quoted'.pem"])
def test_a_path_of_any_spelling_comes_back_from_the_file(text: str) -> None:
    answers = connect.Answers("contoso.com", connect.EXAMPLE_APP, certificate=text)
    assert tomllib.loads(connect.settings_text(answers))["sign_in"]["certificate"] == text
