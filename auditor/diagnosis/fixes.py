"""What mends each cause, as data: words, command, link, whom it touches, who may do it, and what else it does.

A cause may have several fixes. The first of a user's cause touches that user alone; whatever touches the whole
tenant comes after it. No fix buys a licence, leads to a retired service, or replaces a list that was not read first.
Commands are for a person to read and run; nothing here is ever run by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Touches = Literal["user", "tenant", "nothing"]


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to mend a cause."""

    words: str
    touches: Touches
    role: str
    """The least role that may do it."""
    undo: str
    """How it can be undone, or that it cannot."""
    side_effects: str
    wait: str
    """How long it may take until the copies follow, and where an old picture may still be seen."""
    command: str = ""
    """With `{user_id}` and `{upn}` where the user's stand; see `command_for`. Empty where there is none."""
    link: str = ""
    """Where Microsoft describes it, or where it is done."""


CLIENT_COPIES = (
    "Teams and Outlook keep pictures in caches of their own, and Outlook's offline address book is made once in 24"
    " hours: an old picture seen only there is such a copy, which no service shows and no audit can read."
)
"""Copies in clients that no store shows."""

_NOW = f"Minutes at the store itself, up to 72 hours in SharePoint. {CLIENT_COPIES}"
_SYNC = (
    "24 hours after the visit as a rule, 72 at most: SharePoint looks for a new photo once a day, and only when the"
    f" user comes by. {CLIENT_COPIES}"
)
_PHOTO_API = "https://learn.microsoft.com/graph/api/profilephoto-update"
_PICTURE_SYNC = (
    "https://support.microsoft.com/office/information-about-profile-picture-synchronization-in-microsoft-365"
    "-20594d76-d054-4af4-a660-401133e3d48a"
)
_UPDATE_SETTINGS = "https://learn.microsoft.com/graph/profilephoto-configure-settings"
_EWS_ACCESS = "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-control-access-to-ews-in-exchange"
_EXCHANGE_SETTINGS = "https://learn.microsoft.com/powershell/module/exchange/set-organizationconfig"
_SET = "Set-MgUserPhotoContent -UserId {user_id} -InFile photo.jpg"
_KEEP = "Keep the present picture first: setting that one again undoes it."
_USER_ADMIN = "User Administrator, or the user for their own photo"
_SHAREPOINT_ADMIN = "SharePoint Administrator"
_EVERYWHERE = "The new photo replaces the old one everywhere Microsoft 365 shows it."


def _set_again(words: str, *, wait: str = _NOW) -> Fix:
    """Setting the Microsoft 365 photo of one user."""
    return Fix(words, "user", _USER_ADMIN, _KEEP, _EVERYWHERE, wait, _SET, _PHOTO_API)


def _visit(words: str) -> Fix:
    """The user opens their own profile page, which makes SharePoint look for a photo."""
    return Fix(
        words, "user", "the user", "There is nothing to undo.",
        "If the user never opened SharePoint or OneDrive, their personal site may be made at this visit.", _SYNC,
        link=_PICTURE_SYNC,
    )  # fmt: skip


FIXES: Mapping[str, tuple[Fix, ...]] = {
    "edited_copy": (
        _set_again("Decide which of the two is right, and set that one again as the Microsoft 365 photo."),
    ),
    "photo_of_another_user": (
        _set_again(
            "Set the right photo again as the Microsoft 365 photo, and look for the feed that mixed the two accounts"
            " up."
        ),
    ),
    "removed_at_reference": (
        Fix(
            "Ask whether the photo was withdrawn: if so, delete it here too; if not, set it again at the reference.",
            "user", "User Administrator for the photo; the administrator of SharePoint or Viva Engage for a copy",
            "A deleted picture is gone: keep it until the user has answered.",
            "A photo that was withdrawn and is set again may be against the user's will.", _NOW, link=_PHOTO_API,
        ),
    ),
    "low_resolution_directory_copy": (
        _set_again("Set the photo again as the Microsoft 365 photo, at 648 × 648 pixels or more."),
    ),
    "sharepoint_never_visited": (
        _visit(
            "Ask the user to open their own profile page (person.aspx on the My Site host) once; SharePoint then"
            " fetches the photo within 24 to 72 hours."
        ),
    ),
    "sharepoint_blanked": (
        _set_again(
            "Set the Microsoft 365 photo again, then ask the user to open their own profile page.", wait=_SYNC
        ),
    ),
    "sharepoint_placeholder_state": (
        Fix(
            "Check that the file behind the profile's PictureURL exists, then set SPS-PicturePlaceholderState to 0.",
            "user", _SHAREPOINT_ADMIN, "Set the property to 1 again.",
            "If the file is gone, SharePoint shows a broken picture instead of the default person.",
            f"Minutes in SharePoint. {CLIENT_COPIES}",
            "Set-PnPUserProfileProperty -Account {upn} -PropertyName 'SPS-PicturePlaceholderState' -Value 0",
        ),
    ),
    "sharepoint_detached": (
        Fix(
            "Delete the picture in the user's profile in the SharePoint admin centre, set SPS-PictureExchangeSyncState"
            " to 1, and ask the user to open their own profile page.",
            "user", _SHAREPOINT_ADMIN, "Keep the picture first: uploading it again, and setting 0, undoes it.",
            "Until SharePoint has fetched the Microsoft 365 photo, the user has no picture there.", _SYNC,
            "Set-PnPUserProfileProperty -Account {upn} -PropertyName 'SPS-PictureExchangeSyncState' -Value 1",
            _PICTURE_SYNC,
        ),
    ),
    "sharepoint_without_exchange_licence": (
        _set_again(
            "Set the photo again as the Microsoft 365 photo, never in SharePoint's picture library: without a mailbox"
            " SharePoint copies nothing, and comes to show the Microsoft 365 photo itself. The old file can stay."
        ),
    ),
    "tenant_renamed": (
        _visit(
            "Ask the user to open their own profile page, which makes SharePoint write the picture's address anew. If"
            " it keeps the old host, ask Microsoft for the profile update that belongs to the tenant's renaming."
        ),
        Fix(
            "Where many users are affected, ask Microsoft support to finish the update of profiles after the renaming.",
            "tenant", _SHAREPOINT_ADMIN, "It cannot be undone.", "None for the photos themselves.",
            f"Days, as Microsoft's support says. {CLIENT_COPIES}",
        ),
    ),
    "engage_own_photo": (
        _set_again(
            "Set the photo again as the Microsoft 365 photo; a Viva Engage network in native mode then takes it over."
        ),
        Fix(
            "If many accounts keep photos of their own, ask whether this Viva Engage network is in native mode.",
            "tenant", "Viva Engage administrator", "A network cannot leave native mode again.",
            "Native mode concerns groups, files and guests as well: it is never a change for a photo's sake.",
            "Weeks, with a plan of its own.",
        ),
    ),
    # Only earlier runs show these ----------------------------------------------------------------------------
    "older_photo_returned": (
        _set_again(
            "Set the present photo again as the Microsoft 365 photo: a mailbox that was moved or restored brought the"
            " older one along."
        ),
    ),
    "rewritten_by_feed": (
        Fix(
            "Find what writes the photo (a feed from the personnel or badge system, a third-party tool) before anything"
            " is repaired: it overwrites every repair. Give it the right photo, or take this user out of it.",
            "user", "whoever runs the feed; the audit log names the account that wrote last",
            "There is nothing to undo: it is a search.",
            "A feed that is stopped no longer updates the photos of anybody else.",
            "Until after the feed's next run, as a rule a night.",
            link="https://learn.microsoft.com/purview/audit-search",
        ),
        _set_again("When the feed no longer writes, set the right photo again as the Microsoft 365 photo."),
    ),
    "sync_pending": (
        Fix(
            "Wait, and audit again: SharePoint has not yet come to fetch the photo that was set since the last run. If"
            " it still differs after 72 hours, ask the user to open their own profile page.",
            "nothing", "nobody's", "There is nothing to undo.", "None.", _SYNC, link=_PICTURE_SYNC,
        ),
    ),
    "unexplained": (
        _set_again("Set the photo again as the Microsoft 365 photo and audit again after 72 hours."),
    ),
    # Rows without drift --------------------------------------------------------------------------------------
    "never_set": (
        Fix(
            "Ask the user to set a photo, or set one with the user's consent.", "user", _USER_ADMIN,
            "Delete the photo again.", "The photo is seen everywhere in Microsoft 365.", _NOW, _SET, _PHOTO_API,
        ),
    ),
    "no_mailbox": (
        Fix(
            "Nothing is broken: a photo set as the Microsoft 365 photo is kept without a mailbox. Expect no copy in"
            " Exchange.", "user", _USER_ADMIN, "Delete the photo again.", _EVERYWHERE, _NOW, _SET, _PHOTO_API,
        ),
    ),
    "mailbox_on_premises": (
        Fix(
            "Set the photo where the mailbox is, on premises.", "user", "Recipient Management on premises", _KEEP,
            "Exchange on premises writes a small thumbnail to the directory as well.",
            f"Exchange on premises keeps pictures up to seven days in a cache. {CLIENT_COPIES}",
            "Set-UserPhoto -Identity {upn} -PictureData ([IO.File]::ReadAllBytes('photo.jpg'))",
        ),
        Fix(
            "Where photos are only to be kept on premises, the tenant's photo settings can say so (source onPremises).",
            "tenant", "Global Administrator", "Set the source back to cloud.",
            "It blocks every change of a photo in the cloud, for everyone, administrators included.",
            "Up to 24 hours.", link=_UPDATE_SETTINGS,
        ),
    ),
    "sharepoint_no_profile": (
        _visit(
            "If the user already has SharePoint, ask them to open it once: the profile is made at the first visit. For"
            " everyone else nothing needs mending."
        ),
    ),
    "not_in_engage": (
        Fix(
            "If the user should be in Viva Engage, ask them to open it once: accounts are made at the first sign-in.",
            "user", "the user", "An administrator can remove the account again.", "The user appears in Viva Engage.",
            f"Minutes. {CLIENT_COPIES}",
        ),
    ),
    "account_deleted_or_renamed": (
        Fix(
            "Name both accounts, the one that was listed and the one that now goes by the name; an administrator first"
            " checks who owns the SharePoint profile and its OneDrive. Then audit again.",
            "user", "User Administrator", "There is nothing to undo: it is a check.",
            "None, as long as nothing is deleted or overwritten.", "Audit again at once: the list is then a new one.",
        ),
    ),
    "account_reused": (
        Fix(
            "Name both accounts; an administrator first checks who owns the profile and its OneDrive. Nothing should be"
            " overwritten or deleted before that.",
            "user", "SharePoint Administrator or Viva Engage administrator, with the owner of the OneDrive",
            "There is nothing to undo: it is a check.",
            "A profile that is deleted in haste can take an earlier owner's OneDrive with it.",
            "There is nothing to wait for.",
        ),
    ),
    "frontline_licence": (
        Fix(
            "Read these users through Microsoft Graph alone: a photo is no reason for another licence.",
            "nothing", "nobody's", "There is nothing to undo.", "None.", "There is nothing to wait for.",
        ),
    ),
    # Tenant-wide ---------------------------------------------------------------------------------------------
    "permission_missing": (
        Fix(
            "Grant the application the permission that is named, on the resource that is named, and consent to it.",
            "tenant", "Privileged Role Administrator", "Take the permission away again.",
            "The app may then read what the permission opens, for everyone.", "Minutes; a new token is needed.",
            link="https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent",
        ),
    ),
    "ews_off": (
        Fix(
            "If the mailbox's copy must be checked: read EwsAllowedAppIDs with Get-OrganizationConfig"
            " -RetrieveEwsOperationAccessPolicy, and set the list again with this app added to it. The setting replaces"
            " the whole list, and Exchange Web Services end in Exchange Online on 2027-04-01.",
            "tenant", "Exchange Administrator", "Set the list again as it was read.",
            "Exchange Web Services are opened for this app and for every app on the list.",
            "24 hours and more have been seen until the switch took effect.",
            "$org = Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy\n"
            "$apps = @($org.EwsAllowedAppIDs -split ',' | ForEach-Object Trim | Where-Object {{ $_ }}) + {app}\n"
            "$org | Format-List EwsEnabled, EwsAllowedAppIDs   # keep this: it undoes the next line\n"
            "Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs (($apps | Select-Object -Unique) -join ',')",
            _EWS_ACCESS,
        ),
    ),
    "client_access_policy": (
        Fix(
            "Read the policy with Get-OrganizationConfig before anything else. Where EwsApplicationAccessPolicy is"
            " EnforceAllowList, add this app's user agent to EwsAllowList without replacing what is in it; where it is"
            " EnforceBlockList, take it off EwsBlockList. Or accept that photos are not read.",
            "tenant", "Exchange Administrator", "Take the added user agent off again, or put the removed one back.",
            "The policy is by user agent: whoever names itself so is let in.", "Up to a day.",
            "$org = Get-OrganizationConfig\n"
            "$org | Format-List EwsApplicationAccessPolicy, EwsAllowList, EwsBlockList   # keep this\n"
            "# under EnforceAllowList:\n"
            "Set-OrganizationConfig -EwsAllowList @{{Add='photo-auditor/*'}}",
            _EXCHANGE_SETTINGS,
        ),
    ),
    "access_policy_refuses": (
        Fix(
            "Find the policy in the sign-in log of the app (Conditional Access), or in the SharePoint admin centre"
            " under Access control. Then run from a place that it allows, or have its owner exempt this app.",
            "tenant", "Security Reader to find it; Conditional Access or SharePoint Administrator to exempt",
            "Take the exemption away again.",
            "An exempted app may be used from anywhere by whoever holds its credential.",
            "Minutes to an hour.", link="https://learn.microsoft.com/sharepoint/control-access-based-on-network-location",
        ),
    ),
    "uploads_not_allowed": (
        Fix(
            "If users should set their own photos, allow them to: in the photo settings, and in the Outlook web policy"
            " (SetPhotoEnabled). If the restriction is meant, somebody who is allowed has to set the photos.",
            "tenant", "Global Administrator", "Set the values that were read before.",
            "Every user may then choose their own photo.", "Up to 24 hours.",
            "Invoke-MgGraphRequest -Method GET -Uri '/beta/admin/people/photoUpdateSettings'   # keep what it says",
            _UPDATE_SETTINGS,
        ),
    ),
    "engage_not_subscribed": (
        Fix(
            "Nothing: leave yammer.enabled out of the settings.", "nothing", "nobody's", "There is nothing to undo.",
            "None.", "There is nothing to wait for.",
        ),
    ),
    "sharepoint_sign_in": (
        Fix(
            "Sign in with a certificate (sign_in.certificate).", "tenant", "Application Administrator",
            "Remove the certificate from the app registration.",
            "Whoever holds the certificate's key may act as the app.", "Minutes.",
            link="https://learn.microsoft.com/sharepoint/dev/solution-guidance/security-apponly-azuread",
        ),
    ),
}  # fmt: skip
"""By cause, the first to be offered first."""

_QUOTES = str.maketrans({quote: quote * 2 for quote in "'\u2018\u2019\u201a\u201b"})


def literal(text: str) -> str:
    """A text as PowerShell's own literal: in single quotes, every quote that PowerShell takes for one doubled.

    Control characters have no place in a name, and could end the line that a person pastes: they become U+FFFD.
    """
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return f"'{shown.translate(_QUOTES)}'"


def command_for(fix: Fix, *, user_id: str = "", upn: str = "", app: str = "") -> str:
    """The command with its user or app in it; empty where the fix has none."""
    return fix.command.format(user_id=literal(user_id), upn=literal(upn), app=literal(app)) if fix.command else ""
