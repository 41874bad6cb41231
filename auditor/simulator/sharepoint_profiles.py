"""What SharePoint's user profile service holds of a user, as `PersonProperties`."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from auditor.simulator.lookup import CLAIM_PREFIX, Lookup
from auditor.simulator.moments import FIRST, from_sharepoint, graph_time
from auditor.simulator.tenant import Account, Picture, Profile

Geo = Literal["home", "satellite"]

LIBRARY = "/User Photos"
OLD_HOST = "https://contosoltd-my.sharepoint.com:443"
"""The home geo's My Site host before the tenant was renamed; nobody serves it."""
FOLDERS: dict[Geo, str] = {"home": "Profile Pictures", "satellite": "Profilbilder"}
"""The folder's name is in the language of the My Site host's root web."""
# What a host says of a profile that lives in another geo: nothing of its picture.
REDUCED_KEYS = frozenset(
    {
        "UserProfile_GUID",
        "SID",
        "AccountName",
        "FirstName",
        "LastName",
        "PreferredName",
        "UserName",
        "WorkEmail",
        "SPS-UserPrincipalName",
        "SPS-ClaimID",
        "SPS-ClaimProviderID",
        "SPS-ClaimProviderType",
        "SPS-UserType",
        "SPS-MultiGeoFlags",
        "msOnline-ObjectId",
        "PreferredDataLocation",
    }
)
# The properties of a profile in the order in which the service lists them; all values are strings.
KEYS = (
    *("UserProfile_GUID", "SID", "ADGuid", "AccountName", "FirstName", "SPS-PhoneticFirstName", "LastName"),
    *("SPS-PhoneticLastName", "PreferredName", "SPS-PhoneticDisplayName", "WorkPhone", "Department", "Title"),
    *("SPS-Department", "Manager", "AboutMe", "PersonalSpace", "PictureURL", "UserName", "QuickLinks", "WebSite"),
    *("PublicSiteRedirect", "SPS-JobTitle", "SPS-DataSource", "SPS-MemberOf", "SPS-Dotted-line", "SPS-Peers"),
    *("SPS-Responsibility", "SPS-SipAddress", "SPS-MySiteUpgrade", "SPS-DontSuggestList", "SPS-ProxyAddresses"),
    *("SPS-HireDate", "SPS-DisplayOrder", "SPS-ClaimID", "SPS-ClaimProviderID", "SPS-LastColleagueAdded"),
    *("SPS-OWAUrl", "SPS-ResourceSID", "SPS-ResourceAccountName", "SPS-MasterAccountName"),
    *("SPS-UserPrincipalName", "SPS-O15FirstRunExperience", "SPS-PersonalSiteInstantiationState"),
    *("SPS-DistinguishedName", "SPS-SourceObjectDN", "SPS-LastKeywordAdded", "SPS-ClaimProviderType"),
    *("SPS-SavedAccountName", "SPS-SavedSID", "SPS-ObjectExists", "SPS-PersonalSiteCapabilities"),
    *("SPS-PersonalSiteFirstCreationTime", "SPS-PersonalSiteLastCreationTime", "SPS-PersonalSiteNumberOfRetries"),
    *("SPS-PersonalSiteFirstCreationError", "SPS-FeedIdentifier", "WorkEmail", "CellPhone", "Fax", "HomePhone"),
    *("Office", "SPS-Location", "Assistant", "SPS-PastProjects", "SPS-Skills", "SPS-School", "SPS-Birthday"),
    *("SPS-StatusNotes", "SPS-Interests", "SPS-HashTags", "SPS-EmailOptin", "SPS-PrivacyPeople"),
    *("SPS-PrivacyActivity", "SPS-PictureTimestamp", "SPS-PicturePlaceholderState"),
    *("SPS-PictureExchangeSyncState", "SPS-MUILanguages", "SPS-ContentLanguages", "SPS-TimeZone"),
    *("SPS-RegionalSettings-FollowWeb", "SPS-Locale", "SPS-CalendarType", "SPS-AltCalendarType"),
    *("SPS-AdjustHijriDays", "SPS-ShowWeeks", "SPS-WorkDays", "SPS-WorkDayStartHour", "SPS-WorkDayEndHour"),
    *("SPS-Time24", "SPS-FirstDayOfWeek", "SPS-FirstWeekOfYear", "SPS-RegionalSettings-Initialized"),
    *("OfficeGraphEnabled", "SPS-UserType", "SPS-HideFromAddressLists", "SPS-RecipientTypeDetails", "DelveFlags"),
    *("PulseMRUPeople", "msOnline-ObjectId", "SPS-PointPublishingUrl", "SPS-TenantInstanceId"),
    *("SPS-SharePointHomeExperienceState", "SPS-RefreshToken", "SPS-MultiGeoFlags", "PreferredDataLocation"),
)
MODIFIED = "2026-11-01T08:00:00Z"
_NOT_A_LETTER = re.compile(r"[^0-9A-Za-z]")


@dataclass(frozen=True)
class Profiles:
    """The profiles of a tenant, and the picture library files behind them."""

    lookup: Lookup
    my_sites: dict[Geo, str]
    """Origin of the My Site host of each geo."""
    prefixes: dict[str, str]
    """File name prefix by account id."""
    files: dict[tuple[Geo, str], Account]
    """Account by lower-cased prefix."""

    def file(self, geo: Geo, path: str) -> tuple[Picture, Literal["S", "M", "L"]] | None:
        """The picture and size letter of a library file by its server-relative path."""
        match = _named(geo, path)
        profile = self._behind(geo, match)
        if match is None or profile is None or profile.stored is None:
            return None
        letter: Literal["S", "M", "L"] = match["size"].upper()  # type: ignore[assignment]
        return profile.stored, letter

    def modified(self, geo: Geo, path: str) -> str:
        """When a library file was written; of files from before the first month nobody kept it."""
        profile = self._behind(geo, _named(geo, path))
        written = from_sharepoint(profile.timestamp) if profile else None
        return graph_time(written) if written and written > FIRST else MODIFIED

    def _behind(self, geo: Geo, match: re.Match[str] | None) -> Profile | None:
        account = self.files.get((geo, match["prefix"].lower())) if match else None
        return account.profile if account else None

    def picture_url(self, account: Account) -> str:
        """The property PictureURL: always the M thumb."""
        profile = account.profile
        if profile is None or not profile.picture_url:
            return ""
        name = f"{LIBRARY}/{FOLDERS[account.geo]}/{self.prefixes[account.id]}_MThumb.jpg"
        return f"{OLD_HOST if profile.old_host else self.my_sites[account.geo]}{quote(name)}"

    def person(self, account: Account, profile: Profile, asked: Geo) -> dict[str, Any]:
        """`PersonProperties`, without metadata, as the hosts of one geo answer it.

        Assumption: a host knows little of a profile in another geo, but names its My Site host.
        """
        own = account.geo == asked
        values = self._values(account, profile)
        properties = [
            {"Key": key, "Value": values.get(key, ""), "ValueType": "Edm.String"}
            for key in KEYS
            if own or key in REDUCED_KEYS
        ]
        claim = CLAIM_PREFIX + account.upn
        host = self.my_sites[account.geo]
        shown = None
        if own and profile.placeholder_state == "0" and values["PictureURL"]:
            stamp = f"?t={profile.timestamp}" if profile.timestamp else ""
            shown = values["PictureURL"] + stamp
        return {
            "AccountName": claim,
            "DirectReports": [],
            "DisplayName": account.display_name,
            "Email": account.mail,
            "ExtendedManagers": [],
            "ExtendedReports": [claim],
            "IsFollowed": False,
            "LatestPost": None,
            "Peers": [],
            "PersonalSiteHostUrl": f"{host}/",
            "PersonalUrl": f"{host}{values['PersonalSpace'] or '/Person.aspx?accountname=' + quote(claim, safe='')}",
            "PictureUrl": shown,
            "Title": account.job_title or None,
            "UserProfileProperties": properties,
            "UserUrl": f"{host}/Person.aspx?accountname={quote(claim, safe='')}",
        }

    def _values(self, account: Account, profile: Profile) -> dict[str, str]:
        claim = CLAIM_PREFIX + account.upn
        provisioned = profile.personal_site_state == "2"
        created = "9/12/2022 6:19:29 PM" if provisioned else ""
        return {
            "UserProfile_GUID": str(uuid.uuid5(uuid.NAMESPACE_OID, account.id)),
            "SID": f"i:0h.f|membership|{uuid.uuid5(uuid.NAMESPACE_DNS, account.id).hex[:16]}@live.com",
            "ADGuid": "System.Byte[]",
            "AccountName": claim,
            "FirstName": account.given_name,
            "LastName": account.surname,
            "PreferredName": account.display_name,
            "Department": account.department,
            "Title": account.job_title,
            "PersonalSpace": f"/personal/{_site_name(account.upn)}/" if provisioned else "",
            "PictureURL": self.picture_url(account),
            "UserName": account.upn,
            "SPS-JobTitle": account.job_title,
            "SPS-SipAddress": account.mail,
            "SPS-ClaimID": account.upn,
            "SPS-ClaimProviderID": "membership",
            "SPS-UserPrincipalName": account.upn,
            "SPS-PersonalSiteInstantiationState": profile.personal_site_state,
            "SPS-DistinguishedName": f"CN={profile.object_id},OU={self.lookup.tenant.tenant_id},OU=Tenants,"
            "OU=MSOnline,DC=SPODS000001,DC=msft,DC=net",
            "SPS-ClaimProviderType": "Forms",
            "SPS-SavedAccountName": profile.saved_account_name or claim,
            "SPS-SavedSID": "System.Byte[]",
            "SPS-PersonalSiteCapabilities": "36" if provisioned else "",
            "SPS-PersonalSiteFirstCreationTime": created,
            "SPS-PersonalSiteLastCreationTime": created,
            "SPS-PersonalSiteNumberOfRetries": "1" if provisioned else "",
            "WorkEmail": account.mail,
            "Office": account.office_location,
            "SPS-PrivacyPeople": "True",
            "SPS-PrivacyActivity": "4095",
            "SPS-PictureTimestamp": profile.timestamp,
            "SPS-PicturePlaceholderState": profile.placeholder_state,
            "SPS-PictureExchangeSyncState": profile.exchange_sync_state,
            "SPS-MUILanguages": "en-US",
            "SPS-RegionalSettings-Initialized": "True",
            "SPS-UserType": "1" if account.user_type == "Guest" else "0",
            "SPS-HideFromAddressLists": "False",
            "msOnline-ObjectId": profile.object_id,
            "SPS-SharePointHomeExperienceState": "17301504",
            "PreferredDataLocation": "AUS" if account.geo == "satellite" else "",
        }


def _named(geo: Geo, path: str) -> re.Match[str] | None:
    return re.fullmatch(
        rf"(?i){re.escape(LIBRARY)}/{re.escape(FOLDERS[geo])}/(?P<prefix>.+)_(?P<size>[SML])Thumb\.jpg", path
    )


def make_profiles(lookup: Lookup, my_sites: dict[Geo, str]) -> Profiles:
    """The profiles of a tenant."""
    prefixes: dict[str, str] = {}
    files: dict[tuple[Geo, str], Account] = {}
    for account in lookup.tenant.accounts:
        if account.profile is None:
            continue
        prefix = _prefix(account, account.profile, lookup)
        while (account.geo, prefix.lower()) in files:
            prefix += "_1"
        prefixes[account.id] = prefix
        files[account.geo, prefix.lower()] = account
    return Profiles(lookup, my_sites, prefixes, files)


def _prefix(account: Account, profile: Profile, lookup: Lookup) -> str:
    """The service names files by object id; a picture uploaded by a tool is named after the UPN."""
    if profile.exchange_sync_state == "0":
        return account.upn.replace("@", "_").replace(".", "_")
    taken = profile.object_id != account.id and profile.object_id.lower() in lookup.by_id
    return account.id if taken else profile.object_id


def _site_name(upn: str) -> str:
    return _NOT_A_LETTER.sub("_", upn).lower()
