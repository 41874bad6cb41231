"""Signing in for each service, and asking each as an audit would, for a few users."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from auditor.collectors.build import Services
from auditor.collectors.contract import WorkloadRefused
from auditor.collectors.default_person import NOBODY
from auditor.collectors.entra import meaning
from auditor.collectors.exchange import OFF, ON, Exchange
from auditor.collectors.sharepoint import SharePoint, refused
from auditor.collectors.yammer import Yammer
from auditor.diagnosis.ews_end import ENDS, before_the_end
from auditor.directory import SELECT, parse
from auditor.doctor.claims import Claims, listed, read_claims
from auditor.doctor.findings import Finding, Level, failed, ok, problem, skipped, warning
from auditor.doctor.grants import (
    EXCHANGE,
    GRAPH,
    GROUPS,
    OPTIONAL,
    PURPOSES,
    SHAREPOINT,
    YAMMER,
    consent_link,
    granting,
    included_in,
    missing,
    needed,
)
from auditor.doctor.network import ATTEMPTS
from auditor.model import Reason, User, Workload
from auditor.services.errors import Passing, ServiceError
from auditor.services.graph import photo_path
from auditor.services.http import Api
from auditor.services.origins import BadOrigin, origin_of
from auditor.services.retries import full_jitter
from auditor.services.tokens import CredentialError
from auditor.settings import Settings

FEW = 100
"""Users that are listed to have somebody to ask about."""
MAILBOXES = 6
"""Mailboxes that are asked at most whether Exchange Web Services are on."""
PROFILES = 12
"""Profiles that are read to find a stored picture and further geos."""
TOKEN_ENDS_SOON = 7 * 86_400.0
"""Seconds before its end at which a token in a file is spoken of."""
EWS_ON_AGAIN = (
    "read the list of allowed apps first: Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List"
    " EwsEnabled,EwsAllowedAppIDs; then set EwsEnabled to true and the list to all that stood there and this app:"
    " -EwsAllowedAppIDs replaces it"
)


_OIDC = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that every sign-in of a person comes with."""
_HARMLESS = frozenset({"User.Read"})
"""What every new app registration asks for: the profile of whoever signs in."""


@dataclass
class Asking:
    """One look at a tenant. `reached`: the origins that answered; only those are asked."""

    settings: Settings
    services: Services
    reached: frozenset[str]
    wall: Callable[[], float] = time.time
    users: Sequence[User] = field(default=(), init=False)

    async def everything(self) -> AsyncIterator[Finding]:
        """Every finding, service by service; ends early where no audit could begin."""
        stopped = False
        async for finding in self._graph():
            stopped = stopped or finding.stops
            yield finding
        asks = {
            Workload.EXCHANGE: self._exchange,
            Workload.SHAREPOINT: self._sharepoint,
            Workload.YAMMER: self._yammer,
        }
        for workload in self.settings.workloads:
            if workload in asks and not stopped:
                async for finding in asks[workload]():
                    yield finding

    # -- tokens and roles ------------------------------------------------------------------------------------------

    async def _signed_in(self, api: Api, name: str, resource: str) -> tuple[Finding, str]:
        """Whether a token for this resource can be had for this origin, and the token."""
        assert api.tokens is not None
        probe = f"sign-in for {name}"
        if api.origin not in self.reached:
            return skipped(probe, f"{api.origin} does not answer"), ""
        for attempt in range(ATTEMPTS):
            try:
                token = await api.tokens.token(api.audience)
            except CredentialError as error:
                return problem(probe, str(error).rstrip("."), stops=True), ""
            except Passing as error:
                refusal = self._refused(probe, error, resource)
                await api.sleep(full_jitter(attempt, api.jitter))
            except ServiceError as error:
                return self._refused(probe, error, resource), ""
            else:
                return ok(probe, f"a token for {api.audience}"), token
        return refusal, ""

    def _refused(self, probe: str, error: ServiceError, resource: str) -> Finding:
        if error.reason == Reason.ENGAGE_NOT_SUBSCRIBED:
            return warning(
                probe, error.sentence, "leave yammer.enabled off: there is no photo to compare in Viva Engage here"
            )  # fmt: skip
        if "AADSTS65001" in error.sentence and (self.settings.sign_in.delegated or resource == YAMMER):
            # A person gets no token where nothing was consented to; an app gets one that carries nothing.
            lacking, sign_in = needed(self.settings, resource), self.settings.sign_in
            says = f"{error.sentence}; missing: {listed(one.name for one in lacking)} (delegated, on {resource})"
            return problem(probe, says, *granting(lacking, sign_in, sign_in.delegated_client_id))
        if "AADSTS65001" in error.sentence:
            sign_in = self.settings.sign_in
            return problem(probe, error.sentence, error.remedy, f"consent: {consent_link(sign_in, sign_in.app)}")
        return failed(probe, error)

    def _permissions(self, resource: str, token: str, proven: Iterable[str]) -> list[Finding]:
        """Which permissions the token carries, and which are missing: an app's roles, or a person's scopes.

        `proven`: permissions for which the service has answered; what a token says of itself is only told then.
        """
        probe, sign_in = f"permissions on {resource}", self.settings.sign_in
        claims = read_claims(token)
        if claims is None:
            return [ok(probe, "the token cannot be looked into; what the service answers is told below")]
        wanted = needed(self.settings, resource)
        carries = (claims.scopes - _OIDC) if sign_in.delegated else claims.roles
        lacking = missing(wanted, carries)
        carried = listed(carries) or "none"
        grave = [one for one in lacking if one.name not in set(proven)]
        found: list[Finding] = []
        if grave:
            names = listed(one.name for one in grave)
            says = f"missing: {names} ({grave[0].kind}, on {resource}); the token carries: {carried}"
            found.append(problem(probe, says, *granting(grave, sign_in, sign_in.app)))
        elif lacking:
            names = listed(one.name for one in lacking)
            found.append(ok(probe, f"{carried}; {names} is not in the token, and {resource} answers all the same"))
        else:
            found.append(ok(probe, carried))
        optional = {one.name for one in (*wanted, *OPTIONAL) if one.resource == resource}
        if surplus := carries - optional - _HARMLESS:
            wider = " (some include what is needed)" if any(included_in(one) & surplus for one in wanted) else ""
            says = f"more than photo-auditor needs: {listed(surplus)}{wider}"
            remedy = "take away what no other use of this app needs; better, give photo-auditor an app of its own"
            found.append(warning(probe, says, remedy))
        return found

    # -- Microsoft Graph -------------------------------------------------------------------------------------------

    @property
    def _kind(self) -> str:
        """Which kind of permission the sign-in takes."""
        return "delegated" if self.settings.sign_in.delegated else "application"

    async def _graph(self) -> AsyncIterator[Finding]:
        graph = self.services.graph
        signed_in, token = await self._signed_in(graph.api, GRAPH, GRAPH)
        if not token:
            yield Finding(signed_in.probe, signed_in.level, signed_in.says, signed_in.remedy, stops=True)
            return
        yield signed_in
        proven: set[str] = set()
        findings = []
        try:
            findings.append(await self._users(proven))
            if self.users:
                findings.append(await self._photo(proven))
            for permission in (GROUPS, PURPOSES):
                if permission in needed(self.settings, GRAPH):
                    await self._extra(permission.name, proven)
        except ServiceError as error:
            findings.append(failed("users", error, stops=not self.users))
        for finding in [*self._permissions(GRAPH, token, proven), *findings]:
            yield finding

    async def _users(self, proven: set[str]) -> Finding:
        query = urlencode({"$select": SELECT, "$top": FEW}, safe="$,")
        answer = await self.services.graph.get(f"/users?{query}")
        listed_users = answer.json().get("value")
        if answer.status != 200 or not isinstance(listed_users, list):
            said = f"{answer.status}{f' ({answer.error_code})' if answer.error_code else ''}"
            remedy = "check entra.audience" if answer.status == 401 else ""
            if answer.status == 403:
                remedy = f"grant User.Read.All of Microsoft Graph ({self._kind}) and have an administrator consent"
                if self.settings.sign_in.delegated:
                    remedy += "; where the token carries it, the person who signed in may not read other users"
            return problem("users", f"Graph answers {said} when asked for the list of users", remedy, stops=True)
        found = [parse(entry) for entry in listed_users if isinstance(entry, dict)]
        self.users = [user for user in found if user is not None]
        # With the narrower User.ReadBasic.All a person is shown names, and neither licences nor plans.
        if not self.settings.sign_in.delegated or any(user.licensed for user in self.users):
            proven.add("User.Read.All")
        if not self.users:
            return problem("users", "Graph lists nobody in this tenant", "check tenant.id", stops=True)
        return ok("users", f"Graph lists users (the first {len(self.users)} were read)")

    async def _photo(self, proven: set[str]) -> Finding:
        usual = [user for user in self.users if user.enabled and user.user_type == "Member" and "#EXT#" not in user.upn]
        answer = await self.services.graph.get(photo_path((usual or self.users)[0].id))
        said = meaning(answer)
        if said is not None and said[1] == Reason.PERMISSION_MISSING:
            remedy = f"grant ProfilePhoto.Read.All of Microsoft Graph ({self._kind})"
            return problem("photos in Graph", said[2], remedy)
        if answer.status in {200, 404}:
            proven.add("ProfilePhoto.Read.All")
            return ok("photos in Graph", "Graph answers for a user's photo")
        return warning("photos in Graph", said[2] if said else f"Graph answers {answer.status} for a user's photo")

    async def _extra(self, name: str, proven: set[str]) -> None:
        path = "/groups?$select=id&$top=1"
        if name == PURPOSES.name:
            path = f"/users/{self.users[0].id}/mailboxSettings?$select=userPurpose" if self.users else ""
        if path and (await self.services.graph.get(path)).status not in {401, 403}:
            proven.add(name)

    # -- Exchange --------------------------------------------------------------------------------------------------

    async def _exchange(self) -> AsyncIterator[Finding]:
        collector = self.services.collectors[Workload.EXCHANGE]
        assert isinstance(collector, Exchange)
        signed_in, token = await self._signed_in(collector.ews.api, "Exchange", EXCHANGE)
        yield signed_in
        if not token:
            return
        finding = await self._ews(collector)
        proven = [one.name for one in needed(self.settings, EXCHANGE)] if collector.learned else []
        for one in [*self._permissions(EXCHANGE, token, proven), finding]:
            yield one
        if collector.learned == ON and (told := before_the_end(datetime.fromtimestamp(self.wall(), UTC).date())):
            ending, *rest = told
            yield Finding("end of Exchange Web Services", Level.OK, ending.rstrip("."), tuple(rest))

    async def _ews(self, collector: Exchange) -> Finding:
        probe = "Exchange Web Services"
        asked = [user for user in self.users if user.exchange_plan and not user.kiosk][:MAILBOXES]
        if not asked:
            return skipped(probe, f"none of the first {len(self.users)} users has a mailbox that could be asked for")
        try:
            await collector.prepare(asked)
        except WorkloadRefused as refusal:
            return problem(probe, refusal.sentence, refusal.remedy)
        except ServiceError as error:
            return failed(probe, error)
        if collector.learned == ON:
            return ok(probe, "on for this app: a mailbox answered")
        if collector.learned == OFF:
            return problem(
                probe,
                "off in this tenant or for this app: every mailbox that was asked refuses (403)",
                "leave exchange.enabled off: the mailboxes' copies cannot be read otherwise, and Microsoft ends"
                f" Exchange Web Services for good on {ENDS.isoformat()}",
                EWS_ON_AGAIN,
            )
        return warning(
            probe,
            f"whether they are on could not be told from {len(asked)} mailboxes: single ones may be refused for their"
            " licence or by a switch of their own",
        )

    # -- SharePoint ------------------------------------------------------------------------------------------------

    async def _sharepoint(self) -> AsyncIterator[Finding]:
        collector = self.services.collectors[Workload.SHAREPOINT]
        assert isinstance(collector, SharePoint)
        root = collector.people.web.apis[collector.root]
        signed_in, token = await self._signed_in(root, "SharePoint", SHAREPOINT)
        yield signed_in
        if not token:
            return
        proven: set[str] = set()
        findings = [await self._credential(collector, proven)]
        if "User.Read.All" in proven:
            findings += [await self._my_site(collector, site) for site in collector.my_sites]
            findings += await self._pictures(collector, proven)
        for finding in [*self._permissions(SHAREPOINT, token, proven), *findings]:
            yield finding

    def _nobody(self) -> str:
        domain = next((user.upn.rpartition("@")[2] for user in self.users if "#EXT#" not in user.upn), "invalid")
        return NOBODY[0].format(domain=domain)

    async def _credential(self, collector: SharePoint, proven: set[str]) -> Finding:
        probe = "profiles in SharePoint"
        try:
            profile = await collector.people.profile(collector.root, self._nobody())
        except ServiceError as error:
            return failed(probe, error)
        if refusal := refused(profile, delegated=self.settings.sign_in.delegated):
            return problem(probe, refusal.sentence, refusal.remedy)
        if profile.found and profile.status != 200:
            said = profile.error or f"HTTP {profile.status}"
            remedy = "a location policy, Conditional Access or a missing permission: see the sign-in log of the app"
            return problem(probe, f"SharePoint refuses to read profiles: {said}", remedy)
        proven.add("User.Read.All")
        return ok(probe, "SharePoint accepts this credential and reads profiles")

    async def _my_site(self, collector: SharePoint, site: str) -> Finding:
        probe = f"My Site {site}"
        signed_in, token = await self._signed_in(collector.people.web.apis[site], site, SHAREPOINT)
        if not token:
            return Finding(probe, signed_in.level, signed_in.says, signed_in.remedy)
        try:
            answer = await collector.people.shown(site, self._nobody())
        except ServiceError as error:
            return failed(probe, error)
        if answer.status != 200:
            return problem(
                probe, f"answers {answer.status} when asked for a picture",
                "check sharepoint.my_sites: origin and audience of each geo's host",
            )  # fmt: skip
        return ok(probe, "shows pictures")

    async def _pictures(self, collector: SharePoint, proven: set[str]) -> list[Finding]:
        """Read a few users' profiles: a stored picture to try the library with, and geos that are not listed."""
        probe, elsewhere, tried = "pictures in SharePoint", set[str](), ""
        status = 0
        for user in [one for one in self.users if one.enabled and "#EXT#" not in one.upn][:PROFILES]:
            try:
                profile = await collector.people.profile(collector.root, user.upn)
                host = str(profile.top.get("PersonalSiteHostUrl") or "")
                if host and (site := origin_of(host)) not in collector.my_sites:
                    elsewhere.add(site)
                if not tried and (url := profile.properties.get("PictureURL", "")):
                    status, tried = (await collector.people.stored(url)).status, url
            except (ServiceError, BadOrigin):
                continue
        found = [
            warning(
                probe,
                f"there are users whose profile lives on {site}, which is not among sharepoint.my_sites",
                f"add {site} if it is a geo of this tenant",
            )
            for site in sorted(elsewhere)
        ]
        if status in {401, 403}:
            remedy = "grant SharePoint's own Sites.Read.All (application); Graph's of the same name does not count"
            if self.settings.sign_in.delegated:
                remedy = (
                    "grant SharePoint's AllSites.Read (delegated); where the token carries it, the person who signed in"
                    " may not read that library"
                )
            return [problem(probe, f"the picture library answers {status}", remedy), *found]
        if tried and status in {200, 404}:
            proven.update({"Sites.Read.All", "AllSites.Read"})
            return [ok(probe, "the picture library can be read"), *found]
        if tried:
            return [warning(probe, f"the picture library answers {status}"), *found]
        return [skipped(probe, f"none of the first {PROFILES} profiles names a picture to try"), *found]

    # -- Viva Engage -----------------------------------------------------------------------------------------------

    async def _yammer(self) -> AsyncIterator[Finding]:
        collector, yammer = self.services.yammer, self.settings.yammer
        assert isinstance(collector, Yammer)
        assert yammer is not None
        api = collector.engage.web.apis[collector.engage.origin]
        signed_in, token = await self._signed_in(api, "Viva Engage", YAMMER)
        yield signed_in
        if not token:
            return
        claims = read_claims(token)
        for finding in self._delegated(claims, api.audience):
            yield finding
        try:
            page = await collector.engage.page(1)
        except ServiceError as error:
            yield await self._no_engage(error)
            return
        yield ok("Viva Engage", f"lists users ({len(page)} on the first page)")
        picture = next((one for one in page if one.picture_url), None)
        if picture is None:
            yield skipped("pictures of Viva Engage", "nobody on the first page names a picture")
            return
        try:
            answer = await collector.engage.picture(picture.picture_url)
        except ServiceError as error:
            yield failed("pictures of Viva Engage", error)
            return
        if answer.status == 200:
            yield ok("pictures of Viva Engage", "the picture network answers")
        else:
            remedy = "check the clock, and let this machine connect to the hosts of yammer.picture_origins"
            yield problem("pictures of Viva Engage", f"the picture network answers {answer.status}", remedy)

    def _delegated(self, claims: Claims | None, audience: str) -> Iterable[Finding]:
        """What the token says of itself: an app's own, one that has ended or ends soon, one for somebody else."""
        probe, anew = "token for Viva Engage", "sign in anew, and write the new token into yammer.token_file"
        if claims is None:
            yield ok(probe, "it cannot be looked into; what Viva Engage answers is told below")
            return
        if claims.app_only:
            yield problem(probe, "it is the app's own, and Viva Engage takes only a person's", "sign a person in")
            return
        left = None if claims.expires is None else claims.expires - self.wall()
        ends = "" if claims.expires is None else f"{datetime.fromtimestamp(claims.expires, UTC):%Y-%m-%d %H:%M} UTC"
        lacking = missing(needed(self.settings, YAMMER), claims.scopes)
        from_file = self.settings.yammer is not None and self.settings.yammer.sign_in == "token_file"
        if left is not None and left <= 0:
            yield problem(probe, f"it ended at {ends}", anew if from_file else "sign in anew")
        elif claims.audience and claims.audience.rstrip("/").lower() != audience.rstrip("/").lower():
            says = f"it is for {claims.audience}, and the audience is {audience}"
            yield warning(probe, says, "check yammer.audience")
        elif lacking:
            sign_in = self.settings.sign_in
            yield problem(
                probe, f"it lacks {listed(one.name for one in lacking)} (delegated, on Yammer)",
                *granting(lacking, sign_in, sign_in.delegated_client_id),
            )  # fmt: skip
        elif from_file and left is not None and left < TOKEN_ENDS_SOON:
            yield warning(probe, f"a person's; it ends at {ends}", anew)
        else:
            yield ok(probe, f"a person's{f', until {ends}' if ends else ''}")

    async def _no_engage(self, refusal: ServiceError) -> Finding:
        """Viva Engage refuses the token: because it is not there? The sign-in service tells that (AADSTS650052)."""
        tokens, yammer = self.services.graph.api.tokens, self.settings.yammer
        assert tokens is not None
        assert yammer is not None
        if refusal.reason == Reason.SIGN_IN_FAILED:
            try:
                await tokens.token(yammer.at.audience)
            except ServiceError as error:
                if error.reason == Reason.ENGAGE_NOT_SUBSCRIBED:
                    return self._refused("Viva Engage", error, YAMMER)
        return failed("Viva Engage", refusal)
