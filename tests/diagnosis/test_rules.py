"""The rules: which cause is named, in which order, and what the fixes may never say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.diagnosis.causes import explained, written
from auditor.diagnosis.fixes import CLIENT_COPIES, FIXES, command_for, literal
from auditor.diagnosis.over_time import OVER_TIME
from auditor.diagnosis.rules import RULES, UNEXPLAINED, WITHOUT_DRIFT, Case, diagnose, explain_without_drift
from auditor.diagnosis.tenant import RULES as TENANT_RULES
from auditor.diagnosis.tenant import UPLOADS
from auditor.model import DRIFT, FAULT_REASONS, Confidence, Reason, Status, Verdict, Workload
from auditor.report.wording import CAUSES

OF_A_USER = {rule.cause for rule in (*RULES, *WITHOUT_DRIFT, *OVER_TIME, UNEXPLAINED)}
OF_THE_TENANT = {rule.cause for rule in TENANT_RULES} | {UPLOADS[0]}

SHAREPOINT = Case(
    Workload.SHAREPOINT, Verdict.MISMATCH, Status.PHOTO, Status.PHOTO, exchange_plan=True,
    signals={"PictureURL": "set", "SPS-PictureExchangeSyncState": "1", "SPS-PictureTimestamp": "63849442436"},
    width=300, height=300,
)  # fmt: skip
UNREAD = Case(Workload.ENTRA, Verdict.UNCHECKED, Status.UNKNOWN, Status.UNKNOWN, exchange_plan=True, signals={})


def causes(case: Case) -> list[str]:
    return [rule.cause for rule in diagnose(case)]


def test_every_cause_has_fixes_and_a_name_and_every_fix_a_cause() -> None:
    assert set(FIXES) == OF_A_USER | OF_THE_TENANT
    assert set(CAUSES) >= set(FIXES)
    for rule in (*RULES, *WITHOUT_DRIFT, *OVER_TIME, UNEXPLAINED):
        assert rule.settle.endswith(".")
    for fixes in FIXES.values():
        for fix in fixes:
            for said in (fix.words, fix.undo, fix.side_effects, fix.wait):
                assert said.endswith((".", ")")), said
            assert fix.role
            assert fix.link.startswith("https://") or not fix.link


@pytest.mark.parametrize("cause", sorted(OF_A_USER))
def test_what_touches_the_whole_tenant_is_never_offered_first_for_one_user(cause: str) -> None:
    touched = [fix.touches for fix in FIXES[cause]]
    assert touched[0] in {"user", "nothing"}
    assert touched == sorted(touched, key=lambda one: one == "tenant")


@pytest.mark.parametrize("cause", sorted(FIXES))
def test_nobody_is_sold_a_licence_or_sent_to_a_retired_service_or_handed_a_list_to_replace(cause: str) -> None:
    for fix in FIXES[cause]:
        text = f"{fix.words} {fix.command} {fix.link}".lower()
        assert "delve" not in text
        assert "mguserlicense" not in text
        assert not any(word in text for word in ("buy", "purchase", "assign a licence", "upgrade"))
        command = command_for(fix, app="our-app")
        for setter in (line for line in command.splitlines() if "-EwsAllowedAppIDs" in line):
            before = command[: command.index(setter)]
            assert "Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy" in before
            assert "$org.EwsAllowedAppIDs" in before
            assert "'our-app'" in before
            assert "$apps" in setter
        assert "-EwsAllowList '" not in command
        assert "-EwsBlockList '" not in command


def test_where_an_old_picture_may_still_be_seen_in_a_client_is_said_with_every_new_photo() -> None:
    for cause in ("edited_copy", "unexplained", "sharepoint_never_visited", "never_set"):
        assert CLIENT_COPIES in FIXES[cause][0].wait


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["unexplained"]),
        ({"owners": ("ann@contoso.com",)}, ["photo_of_another_user"]),
        ({"signals": {"SPS-PictureExchangeSyncState": "0"}}, ["sharepoint_detached"]),
        (
            {"owners": ("ann@contoso.com",), "signals": {"SPS-PictureExchangeSyncState": "0"}},
            ["photo_of_another_user", "sharepoint_detached"],
        ),
        (
            {"exchange_plan": False, "signals": {"SPS-PictureExchangeSyncState": "0"}},
            ["sharepoint_without_exchange_licence"],
        ),
        ({"signals": {"PictureURL": "set", "PictureURL-host": "old-my.sharepoint.com"}}, ["tenant_renamed"]),
        ({"verdict": Verdict.VARIANT, "kind": "crop"}, ["edited_copy"]),
        (
            {"verdict": Verdict.UNEXPECTED, "reference_status": Status.ABSENT, "owners": ("ann@contoso.com",)},
            ["photo_of_another_user", "removed_at_reference"],
        ),
        ({"workload": Workload.YAMMER, "signals": {"activated_at": "2017/05/16"}}, ["engage_own_photo"]),
        ({"workload": Workload.YAMMER, "signals": {"activated_at": "2021/10/08"}}, ["unexplained"]),
        ({"workload": Workload.YAMMER, "signals": {}}, ["unexplained"]),
        ({"workload": Workload.EXCHANGE, "width": 96, "height": 96}, ["low_resolution_directory_copy"]),
    ],
)
def test_the_causes_that_fit_are_named_the_surest_first(change: dict[str, Any], expected: list[str]) -> None:
    assert causes(replace(SHAREPOINT, **change)) == expected


def test_no_rule_of_drift_speaks_of_a_copy_that_matches_and_none_of_the_others_of_drift() -> None:
    for rule in RULES:
        assert rule.verdicts <= DRIFT
    for rule in WITHOUT_DRIFT:
        assert not rule.verdicts & (DRIFT | {Verdict.MATCH, Verdict.REFERENCE})


@pytest.mark.parametrize("workload", list(Workload))
@pytest.mark.parametrize("reason", sorted(FAULT_REASONS | {Reason.NOT_SEPARATELY_READABLE, Reason.GEO_UNKNOWN, ""}))
def test_a_fault_is_never_taken_for_a_cause(workload: Workload, reason: str) -> None:
    assert explain_without_drift(replace(UNREAD, workload=workload, reason=reason)) == ()


def test_a_copy_waiting_for_its_reference_is_not_explained_by_the_reference_s_reason() -> None:
    waiting = replace(UNREAD, status=Status.PHOTO, reason="ErrorNonExistentMailbox")
    assert explain_without_drift(waiting) == ()


@pytest.mark.parametrize(
    ("others", "explains"),
    [
        ((), True),
        (((Status.ABSENT, ""), (Status.NOT_PROVISIONED, "")), True),
        (((Status.UNKNOWN, Reason.NOT_SEPARATELY_READABLE), (Status.ABSENT, "")), True),
        (((Status.UNKNOWN, Reason.THROTTLED), (Status.ABSENT, "")), False),
        (((Status.UNREADABLE, ""),), False),
        (((Status.PHOTO, ""),), False),
    ],
)
def test_nobody_is_said_never_to_have_set_a_photo_while_a_copy_is_unknown(
    others: tuple[tuple[Status, str], ...], explains: bool
) -> None:
    case = replace(
        UNREAD, verdict=Verdict.NO_PHOTO, status=Status.ABSENT, reference_status=Status.ABSENT, is_reference=True,
        others=others,
    )  # fmt: skip
    assert [rule.cause for rule in explain_without_drift(case)] == (["never_set"] if explains else [])


# Written down and read again ----------------------------------------------------------------------------------


def row(**more: str) -> dict[str, str]:
    return {"user_id": "0b5f-1", "upn": "o\u2019brien's@contoso.com", "workload": "sharepoint", **more}


def test_what_is_written_is_read_again_with_fixes_that_name_the_user() -> None:
    case = replace(SHAREPOINT, owners=("ann@contoso.com",), signals={"SPS-PictureExchangeSyncState": "0"})
    first, second = explained(row(causes=written(diagnose(case), case)))
    assert (first.cause, first.confidence) == ("photo_of_another_user", Confidence.CERTAIN)
    assert first.evidence == "the picture equals the reference photo of ann@contoso.com"
    assert first.settle
    assert first.remedies[0].command == "Set-MgUserPhotoContent -UserId '0b5f-1' -InFile photo.jpg"
    assert second.cause == "sharepoint_detached"
    # Every quote that PowerShell takes for one is doubled.
    assert "-Account 'o\u2019\u2019brien''s@contoso.com'" in second.remedies[0].command


def test_a_name_cannot_end_the_line_of_a_command() -> None:
    assert "\n" not in literal("ann@contoso.com'\nRemove-Item *")
    assert literal("'; Remove-Item *; '") == "'''; Remove-Item *; '''"


@pytest.mark.parametrize(
    "cell",
    ["", "nonsense", "7", "null", '{"cause": "never_set"}', "[7]", '[{"cause": "of_a_later_version"}]',
     '[{"cause": "never_set", "confidence": "utter"}]'],
)  # fmt: skip
def test_a_damaged_cell_names_no_cause(cell: str) -> None:
    assert explained(row(causes=cell)) == ()


def test_every_cause_of_a_user_can_be_written_and_read() -> None:
    for rule in (*RULES, *WITHOUT_DRIFT):
        for workload in rule.workloads:
            cell = json.dumps([{"cause": rule.cause, "confidence": rule.confidence, "evidence": ""}])
            (found,) = explained(row(causes=cell, workload=str(workload)))
            assert found.settle
            assert found.remedies
