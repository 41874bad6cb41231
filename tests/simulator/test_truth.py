"""The truth: one row a user and workload, by the design's tables, and how an audit is held against it."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from auditor.model import Status, Verdict, Workload
from auditor.simulator import drawing
from auditor.simulator.pictures import Drawn, Edit, Initials, StoredPicture, Upload, waste
from auditor.simulator.population import make_tenant
from auditor.simulator.scenarios import SCENARIOS
from auditor.simulator.tenant import Account, EngageUser, GraphPhoto, GraphRefusal, Tenant
from auditor.simulator.truth import Score, engage_candidates, score, with_truth, write_truth

PHOTO = StoredPicture(Upload("mine", Drawn(1)))
OTHER = StoredPicture(Upload("other", Drawn(2)))
TILE = StoredPicture(Upload("tile", Initials("AB", 1)))
WASTE = waste("html", 1)
SLUGS = {
    "edited_copy",
    "unexplained",
    "removed_at_reference",
    "photo_of_another_user",
    "low_resolution_directory_copy",
    "sharepoint_never_visited",
    "sharepoint_detached",
    "sharepoint_placeholder_state",
    "sharepoint_blanked",
    "sharepoint_without_exchange_licence",
    "tenant_renamed",
    "engage_own_photo",
}
SLUGS_WITHOUT_DRIFT = {
    "never_set",
    "no_mailbox",
    "mailbox_on_premises",
    "sharepoint_no_profile",
    "not_in_engage",
    "account_deleted_or_renamed",
    "account_reused",
    "frontline_licence",
}


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return make_tenant(200, 1, photos=None, scenarios=None, photo_store="split")


@pytest.fixture(scope="module")
def written(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "truth.csv"
    small = replace(tenant, accounts=tenant.accounts[:40])
    write_truth(small, path)
    return path


@pytest.fixture
def somebody(tenant: Tenant) -> Account:
    """A member in step, to be changed."""
    return next(
        account
        for account in tenant.accounts
        if account.scenario == "in_step" and account.in_scope and account.upn == account.mail
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def engaged(account: Account, picture: StoredPicture | None) -> tuple[EngageUser, ...]:
    return (EngageUser(1, account.mail, "Somebody", picture),)


def reference_of(status: str) -> GraphPhoto:
    return {
        "photo": GraphPhoto(PHOTO),
        "placeholder": GraphPhoto(TILE),
        "absent": GraphPhoto(),
        "unreadable": GraphPhoto(WASTE),
        "unknown": GraphPhoto(refusal=GraphRefusal(400, "AuthenticationError", "")),
    }[status]


def copy_of(account: Account, status: str) -> tuple[EngageUser, ...]:
    return {
        "photo": engaged(account, PHOTO),
        "placeholder": engaged(account, TILE),
        "absent": engaged(account, None),
        "not_provisioned": (),
        "unreadable": engaged(account, WASTE),
        "unknown": engaged(account, PHOTO) * 2,
    }[status]


COLUMNS_OF_TABLE = ("photo", "placeholder", "absent", "not_provisioned", "unreadable", "unknown")
TABLE = {
    "photo": ("match", "placeholder", "missing", "not_applicable", "broken", "unchecked"),
    "placeholder": ("unexpected", "no_photo", "no_photo", "not_applicable", "broken", "unchecked"),
    "absent": ("unexpected", "no_photo", "no_photo", "not_applicable", "broken", "unchecked"),
    "unreadable": ("unchecked", "unchecked", "unchecked", "not_applicable", "unchecked", "unchecked"),
    "unknown": ("unchecked", "unchecked", "unchecked", "not_applicable", "unchecked", "unchecked"),
}


@pytest.mark.parametrize(
    ("reference", "copy", "verdict"),
    [
        (reference, copy, verdict)
        for reference, verdicts in TABLE.items()
        for copy, verdict in zip(COLUMNS_OF_TABLE, verdicts, strict=True)
    ],
)
def test_the_verdict_of_a_copy(somebody: Account, reference: str, copy: str, verdict: str) -> None:
    account = replace(somebody, graph=reference_of(reference), engage=copy_of(somebody, copy))
    truth = with_truth([account], ews=True)[0].truth["yammer"]
    assert (truth.status, truth.verdict) == (copy, verdict)
    assert bool(truth.cause) is (verdict in {"placeholder", "missing", "broken", "unexpected"})


@pytest.mark.parametrize(
    ("reference", "verdict"),
    [
        ("photo", "reference"),
        ("placeholder", "no_photo"),
        ("absent", "no_photo"),
        ("unreadable", "broken"),
        ("unknown", "unchecked"),
    ],
)
def test_the_verdict_of_the_reference_itself(somebody: Account, reference: str, verdict: str) -> None:
    truth = with_truth([replace(somebody, graph=reference_of(reference))], ews=True)[0].truth["entra"]
    assert (truth.status, truth.verdict) == (reference, verdict)


@pytest.mark.parametrize("edit", get_args(Edit))
def test_an_edited_copy_is_a_variant_unless_only_compressed(somebody: Account, edit: Edit) -> None:
    account = replace(somebody, graph=GraphPhoto(PHOTO), engage=engaged(somebody, PHOTO.edited(edit)))
    truth = with_truth([account], ews=True)[0].truth["yammer"]
    expected = ("match", "", False) if edit == "reencode" else ("variant", "edited_copy", True)
    assert (truth.verdict, truth.cause, truth.needs_variant) == expected


def test_the_same_edit_on_both_sides_is_a_match(somebody: Account) -> None:
    mirrored = PHOTO.edited("mirror")
    account = replace(somebody, graph=GraphPhoto(mirrored), engage=engaged(somebody, mirrored))
    assert with_truth([account], ews=True)[0].truth["yammer"].verdict == "match"


def test_a_copy_that_is_another_user_s_reference_is_named_so_only_where_that_user_is_audited(
    somebody: Account,
) -> None:
    mine = replace(somebody, graph=GraphPhoto(PHOTO), engage=engaged(somebody, OTHER))
    theirs = replace(somebody, id="another", graph=GraphPhoto(OTHER))
    assert with_truth([mine, theirs], ews=True)[0].truth["yammer"].cause == "photo_of_another_user"
    unseen = replace(theirs, in_scope=False)
    assert with_truth([mine, unseen], ews=True)[0].truth["yammer"].cause == "unexplained"


def test_engage_is_joined_by_mail_then_by_user_principal_name_then_by_proxy(somebody: Account) -> None:
    account = replace(
        somebody,
        mail="mail@contoso.com",
        upn="upn@contoso.com",
        proxy_addresses=("SMTP:mail@contoso.com", "smtp:x@y.z"),
    )
    by = {address: EngageUser(1, address, "") for address in ("Mail@contoso.com", "upn@contoso.com", "x@y.z")}
    for left in (list(by), ["upn@contoso.com", "x@y.z"], ["x@y.z"]):
        found = engage_candidates(replace(account, engage=tuple(by[address] for address in reversed(left))))
        assert [user.email for user in found] == [left[0]]
    assert engage_candidates(replace(account, engage=(EngageUser(1, "else@y.z", ""),))) == ()


def test_with_ews_off_nothing_is_known_of_any_mailbox() -> None:
    tenant = make_tenant(60, 1, photos=None, scenarios=None, photo_store="split", ews=False)
    on = make_tenant(60, 1, photos=None, scenarios=None, photo_store="split")
    for account, with_ews in zip(tenant.accounts, on.accounts, strict=True):
        assert (account.truth["exchange"].status, account.truth["exchange"].verdict) == ("unknown", "unchecked")
        for workload in ("entra", "sharepoint", "yammer"):
            assert account.truth[workload] == with_ews.truth[workload]


def test_only_drift_has_a_cause_and_every_cause_is_a_known_slug(tenant: Tenant) -> None:
    drift = {"variant", "mismatch", "missing", "placeholder", "broken", "unexpected"}
    causes = set()
    for account in tenant.accounts:
        assert set(account.truth) == {workload.value for workload in Workload}
        for truth in account.truth.values():
            assert truth.status in set(Status)
            assert truth.verdict in set(Verdict)
            assert bool(truth.cause) is (truth.verdict in drift)
            causes.add(truth.cause)
    assert causes == SLUGS | {""}


def test_a_copy_that_is_there_and_in_step_is_never_explained(tenant: Tenant) -> None:
    found = set()
    for account in tenant.accounts:
        for truth in account.truth.values():
            if truth.verdict not in {"no_photo", "not_applicable", "unchecked"}:
                assert truth.cause_without_drift == ""
            found.add(truth.cause_without_drift)
    assert found == SLUGS_WITHOUT_DRIFT | {""}


def test_looks_alone_tell_placeholders_but_not_the_default_person(tenant: Tenant) -> None:
    for account in tenant.accounts:
        truth = account.truth["sharepoint"]
        if account.scenario == "sharepoint_placeholder_state":
            assert (truth.status, truth.by_looks) == ("placeholder", False)
        if account.scenario == "sharepoint_blanked":
            assert (truth.status, truth.by_looks) == ("placeholder", True)
        assert not truth.by_looks or truth.status == "placeholder"


def test_truth_csv_has_a_row_for_every_user_and_workload(tenant: Tenant, written: Path) -> None:
    found = rows(written)
    assert list(found[0]) == ["user_id", "upn", "workload", "in_scope", "status", "verdict", "cause", "sha256"]
    keys = [(account.id, workload.value) for account in tenant.accounts[:40] for workload in Workload]
    assert [(row["user_id"], row["workload"]) for row in found] == keys
    assert {row["in_scope"] for row in found} == {"true", "false"}


def test_digests_are_of_the_largest_picture_served(tenant: Tenant, written: Path) -> None:
    by_key = {(row["user_id"], row["workload"]): row for row in rows(written)}
    for account in tenant.accounts[:40]:
        for row in (by_key[account.id, workload.value] for workload in Workload):
            assert bool(row["sha256"]) is (row["status"] in {"photo", "placeholder", "unreadable"})
        if account.graph.picture:
            digest = hashlib.sha256(account.graph.picture.largest("graph").data).hexdigest()
            assert by_key[account.id, "entra"]["sha256"] == digest
        row = by_key[account.id, "sharepoint"]
        if account.scenario == "sharepoint_placeholder_state":
            assert row["sha256"] == hashlib.sha256(drawing.default_person(300)).hexdigest()


def test_a_large_tenant_is_written_without_digests(tmp_path: Path) -> None:
    write_truth(make_tenant(501, 1, photos=None, scenarios=None, photo_store="split"), tmp_path / "truth.csv")
    assert {row["sha256"] for row in rows(tmp_path / "truth.csv")} == {""}


def test_the_notes_name_the_scenario_of_every_row(written: Path) -> None:
    notes = rows(written.with_name("truth-notes.csv"))
    assert list(notes[0]) == [
        "user_id", "workload", "scenario", "by_looks", "needs_variant", "cause_without_drift",
    ]  # fmt: skip
    assert len(notes) == 160
    assert {row["scenario"] for row in notes} <= set(SCENARIOS)


# Held against an audit ------------------------------------------------------------------------------

OBSERVED = ("user_id", "upn", "workload", "status", "verdict", "note")


def audited(path: Path, found: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, OBSERVED, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(found)
    return path


def in_scope(written: Path) -> list[dict[str, str]]:
    return [row for row in rows(written) if row["in_scope"] == "true"]


def test_an_audit_that_says_the_truth_scores_everything(written: Path, tmp_path: Path) -> None:
    right = in_scope(written)
    found = score(audited(tmp_path / "observations.csv", right), written)
    assert found == Score(len(right), len(right), len(right), (), (), ())
    assert found.perfect
    assert f"{len(right)} statuses and {len(right)} verdicts right" in found.summary()


def test_what_differs_is_named_with_its_scenario(written: Path, tmp_path: Path) -> None:
    right = in_scope(written)
    wrong = [
        row | {"status": "unknown", "verdict": "unchecked"} if not place else row for place, row in enumerate(right)
    ]
    found = score(audited(tmp_path / "observations.csv", wrong), written)
    (difference,) = found.differences
    assert (found.compared, found.statuses_right, found.verdicts_right) == (len(right), len(right) - 1, len(right) - 1)
    assert difference.scenario in SCENARIOS
    assert (difference.true_status, difference.true_verdict) == (right[0]["status"], right[0]["verdict"])
    assert not difference.status_right
    assert not difference.verdict_right
    assert difference.upn in found.summary()


def test_rows_that_are_missing_too_many_or_out_of_scope_are_told(written: Path, tmp_path: Path) -> None:
    right = in_scope(written)
    outside = next(row for row in rows(written) if row["in_scope"] == "false")
    stranger = right[0] | {"user_id": "nobody"}
    found = score(audited(tmp_path / "observations.csv", [*right[1:], right[1], outside, stranger]), written)
    assert found.missing == ((right[0]["user_id"], right[0]["workload"]),)
    assert len(found.too_many) == 3
    assert not found.perfect
    assert "1 rows are missing" in found.summary()


def test_the_score_does_without_notes(written: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_bytes(written.read_bytes())
    right = in_scope(written)
    wrong = [row | {"verdict": "variant"} for row in right[:1]]
    found = score(audited(tmp_path / "observations.csv", wrong + right[1:]), truth)
    assert found.differences[0].scenario == ""
