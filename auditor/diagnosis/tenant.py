"""Causes of the whole tenant: found once in what a workload said of everyone alike, and shown once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.diagnosis.fixes import FIXES, command_for
from auditor.model import Confidence, Reason, Workload

Refusal = Mapping[str, str]
"""Why a workload refused everyone: reason, sentence, remedy, as the manifest has them."""


@dataclass(frozen=True, slots=True)
class TenantRule:
    """A cause that a workload's one answer to everyone shows."""

    cause: str
    when: Callable[[str, str, Refusal], bool]
    """Whether it applies: workload, reason, refusal."""
    confidence: Confidence
    sentence: str
    """What is found, as people read it. Empty: the service's own sentence says it better."""
    settle: str


_POLICY_CODES = ("AADSTS53003", "AADSTS50076")
"""Entra's codes for Conditional Access: the sign-in is refused, or wants a second factor."""

RULES = (
    TenantRule(
        "ews_off",
        lambda _, reason, __: reason == Reason.NOT_SEPARATELY_READABLE,
        Confidence.LIKELY,
        "Exchange Web Services are off for this app, so the mailbox's own copy cannot be seen separately from Graph's.",
        "Get-OrganizationConfig names EwsEnabled, and EwsAllowedAppIDs without this app.",
    ),
    TenantRule(
        "engage_not_subscribed",
        lambda _, reason, __: reason == Reason.ENGAGE_NOT_SUBSCRIBED,
        Confidence.CERTAIN,
        "This tenant has no Viva Engage, or it is switched off: there is no copy to check.",
        "The Microsoft 365 admin centre lists no Viva Engage plan.",
    ),
    TenantRule(
        "sharepoint_sign_in",
        lambda _, reason, __: reason == Reason.SIGN_IN_NEEDS_CERTIFICATE,
        Confidence.CERTAIN,
        "SharePoint takes no app-only token that was got with a client secret.",
        "With a certificate the same app is let in.",
    ),
    TenantRule(
        "access_policy_refuses",
        lambda _, reason, refusal: (
            reason == Reason.SIGN_IN_FAILED and any(code in refusal.get("sentence", "") for code in _POLICY_CODES)
        ),
        Confidence.CERTAIN,
        "",
        "The sign-in log of the app in Entra ID names the policy.",
    ),
    TenantRule(
        "access_policy_refuses",
        lambda workload, reason, _: workload == Workload.SHAREPOINT and reason == "HTTP 403",
        Confidence.POSSIBLE,
        "SharePoint took the app's token and answered 403 for everyone, as it does where a policy lets nobody in from"
        " this network.",
        "The same question from an allowed network is answered.",
    ),
    TenantRule(
        "sharepoint_sign_in",
        # A person's token that is refused has nothing to do with a certificate.
        lambda workload, reason, refusal: (
            workload == Workload.SHAREPOINT
            and reason == Reason.SIGN_IN_FAILED
            and "who signed in" not in refusal.get("sentence", "")
        ),
        Confidence.LIKELY,
        "",
        "A token for SharePoint's own audience, got with a certificate, is taken.",
    ),
    TenantRule(
        "client_access_policy",
        # The directory was read with User.Read.All, which allows photos too: a missing role is the lesser guess.
        lambda workload, reason, _: workload == Workload.ENTRA and reason == "ErrorAccessDenied",
        Confidence.LIKELY,
        "Graph answered ErrorAccessDenied to every photo although it let the app read the directory: an Exchange policy"
        " on client programs (EwsApplicationAccessPolicy) blocks Graph's way to the photos as well.",
        "Get-OrganizationConfig names an EwsApplicationAccessPolicy. If it names none, the app lacks"
        " ProfilePhoto.Read.All.",
    ),
    TenantRule(
        "permission_missing",
        lambda _, reason, __: (
            reason
            in {
                Reason.PERMISSION_MISSING,
                "ErrorInsufficientPermissionsInAccessToken",
                "Authorization_RequestDenied",
                "ErrorAccessDenied",
            }
        ),
        Confidence.CERTAIN,
        "",
        "The token names the permission neither among its roles nor among its scopes.",
    ),
)
"""In order: the first that applies."""


UPLOADS = ("uploads_not_allowed", "An administrator reads the same settings.")
"""The cause that the tenant's photo update settings show by themselves, and what would settle it."""


def tenant_facts(
    alike: Iterable[tuple[str, str]],
    refusals: Mapping[str, Refusal],
    photo_updates: Mapping[str, Any] | None = None,
    app: str = "",
) -> list[dict[str, str]]:
    """The facts of a tenant. `alike`: (workload, reason) where a workload answered everyone so.

    `photo_updates`: the tenant's photo update settings, where they could be read. `app`: the application id that a
    command names.
    """
    facts = [_fact(workload, reason, refusals.get(workload, {}), app) for workload, reason in alike]
    if (sentence := uploads_refused(photo_updates or {})) is not None:
        facts.append(
            {"workload": str(Workload.ENTRA), "cause": UPLOADS[0], "sentence": sentence}
            | _settled(Confidence.CERTAIN, UPLOADS[1])
            | _fix(UPLOADS[0], app)
        )
    return facts


def _fact(workload: str, reason: str, refusal: Refusal, app: str) -> dict[str, str]:
    said = refusal.get("sentence", "")
    rule = next((rule for rule in RULES if rule.when(workload, reason, refusal)), None)
    if rule is None:
        sentence = said or f"Every copy is unknown: {reason}."
        return {"workload": workload, "cause": reason, "sentence": sentence, "fix": refusal.get("remedy", "")}
    told = {"workload": workload, "cause": rule.cause, "sentence": rule.sentence or said or f"{reason} for everyone."}
    told |= _settled(rule.confidence, rule.settle) | _fix(rule.cause, app)
    # What the service names (a permission, a resource) helps more than what holds in general.
    return told | ({"fix": refusal["remedy"]} if not rule.sentence and refusal.get("remedy") else {})


def _settled(confidence: Confidence, settle: str) -> dict[str, str]:
    return {"confidence": str(confidence), "settle": settle}


def _fix(cause: str, app: str) -> dict[str, str]:
    fix = FIXES[cause][0]
    return {
        "fix": fix.words,
        "command": command_for(fix, app=app),
        "link": fix.link,
        "touches": fix.touches,
        "role": fix.role,
        "undo": fix.undo,
        "side_effects": fix.side_effects,
        "wait": fix.wait,
    }


_ROLES = {
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
}


def uploads_refused(settings: Mapping[str, Any]) -> str | None:
    """What the photo update settings forbid, as a sentence; None where users may change their photo.

    `source` is `cloud`, `onPremises` or empty. `allowedRoles` is a list of role template ids; an empty one restricts
    nobody (photoupdatesettings-update).
    """
    if str(settings.get("source", "")).lower() == "onpremises":
        return (
            "Photos are kept on premises (photo update settings, source onPremises): nobody can change one in the"
            " cloud, administrators included."
        )
    roles: Sequence[str] = settings.get("allowedRoles", ())
    names = [_ROLES.get(role.lower(), role) for role in roles]
    if not names:
        return None
    return f"Users may not change their own photo (photo update settings): only {' and '.join(names)} may."
