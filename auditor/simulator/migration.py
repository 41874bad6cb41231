"""The tenant after its move to another one: other domain, other object ids, and not every photo arrived.

A pure function of the tenant that is moved and of its seed. What became of each photo is worked out in
`auditor.simulator.arrivals` from the uploads both tenants hold, not from the fates dealt here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from auditor.model import Status, Workload
from auditor.simulator import names
from auditor.simulator.arrivals import MAPPING_COLUMNS, MAPPING_FILE, Moved, migration_table
from auditor.simulator.moments import graph_time, moment, sharepoint_time, yammer_time
from auditor.simulator.pictures import Edit, StoredPicture
from auditor.simulator.population import DOMAIN, INITIAL_DOMAIN, guid, mugshot_id, photo_etag
from auditor.simulator.portraits import Portraits
from auditor.simulator.tenant import Account, GraphPhoto, GraphRefusal, Group, Picture, Table, Tenant
from auditor.simulator.truth import DRIFT, has_exchange_plan, with_truth

NEW_DOMAIN = "northwindtraders.com"
NEW_INITIAL_DOMAIN = "northwindtraders.onmicrosoft.com"
DOMAIN_RULES = ((DOMAIN, NEW_DOMAIN), (INITIAL_DOMAIN, NEW_INITIAL_DOMAIN))

_RENAMED, _HIRED = 0.05, 0.02
"""Shares of the audited users: of those who get another name, and of new people beside them."""
_SMALL = 96
_ODATA_OFF = GraphRefusal(403, "ErrorAccessDenied", "Access to OData is disabled.")
_EDITS: tuple[Edit, ...] = ("mirror", "crop", "letterbox", "brighten", "badge")


@dataclass(frozen=True, slots=True)
class Fate:
    """What the move does to some users' photos."""

    name: str
    share: float
    """Of the audited users."""
    among: str
    """`whole`: the same photo everywhere; `none`: no photo anywhere; `drifting`; `any`."""
    together: int = 1


FATES: tuple[Fate, ...] = (
    Fate("left_behind", 0.03, "any"),
    Fate("swapped", 0.01, "whole", together=2),
    Fate("given_away", 0.004, "none"),
    Fate("lost", 0.03, "whole"),
    Fate("lost_in_one", 0.02, "whole"),
    Fate("shrunk", 0.04, "whole"),
    Fate("edited", 0.03, "whole"),
    Fate("replaced", 0.02, "whole"),
    Fate("added", 0.02, "none"),
    Fate("hidden", 0.02, "whole"),
    Fate("levelled", 0.06, "drifting"),
)
"""In the order they are dealt; whoever is dealt none arrives as they were, copy by copy."""


def migrated(tenant: Tenant, *, ews: bool = True, sharepoint_lost: bool = False) -> Tenant:
    """The tenant after its move; `mapping.csv` and `migration.csv` stand beside its truth.

    `sharepoint_lost`: no picture arrived in SharePoint.
    """
    return _Move(tenant, ews, sharepoint_lost).done()


class _Move:
    """One move of one tenant."""

    def __init__(self, tenant: Tenant, ews: bool, sharepoint_lost: bool) -> None:
        self._old, self._ews, self._sharepoint_lost = tenant, ews, sharepoint_lost
        self._rng = random.Random(f"migration:{tenant.seed}:{len(tenant.accounts)}:{tenant.month}")
        self._portraits = Portraits(tenant.seed, None)
        self._groups = {group.id: Group(guid(self._rng), group.display_name) for group in tenant.groups}
        self._fates: dict[str, tuple[Fate, int, Account | None]] = {}
        self._at = moment(tenant.month) - timedelta(days=10)

    def done(self) -> Tenant:
        """The new tenant, with its truth."""
        tenant_id = guid(self._rng)
        audited = [account for account in self._old.accounts if account.in_scope]
        self._deal(audited)
        renamed = self._renamed(audited)
        moved: list[Moved] = []
        accounts: list[Account] = []
        for place, account in enumerate(self._old.accounts):
            fate = self._fates.get(account.id)
            if fate and fate[0].name == "left_behind":
                moved.append(Moved(account, None, fate[0].name))
                continue
            after = self._carried(account, renamed.get(account.id, ""), place)
            after = self._befallen(after, fate) if fate else after
            after = _without_sharepoint(after) if self._sharepoint_lost else after
            accounts.append(after)
            moved.append(Moved(account, after, fate[0].name if fate else ""))
        for number in range(max(1, round(_HIRED * len(audited))) if audited else 0):
            hired = self._hired(number, accounts, audited, renamed)
            hired = _without_sharepoint(hired) if self._sharepoint_lost else hired
            accounts.append(hired)
            moved.append(Moved(None, hired, "hired"))
        mapping = tuple((one.old.upn, one.new.upn) for one in moved if one.old and one.new and one.old.id in renamed)
        return replace(
            self._old,
            tenant_id=tenant_id,
            domain=NEW_DOMAIN,
            accounts=with_truth(accounts, ews=self._ews),
            groups=tuple(self._groups.values()),
            beside=(Table(MAPPING_FILE, MAPPING_COLUMNS, mapping), migration_table(moved, ews=self._ews)),
            domain_rules=DOMAIN_RULES,
        )

    # Fates ------------------------------------------------------------------------------------------

    def _deal(self, audited: Sequence[Account]) -> None:
        pools: dict[str, list[Account]] = {"whole": [], "none": [], "drifting": [], "any": list(audited)}
        for account in audited:
            pools[_kind(account)].append(account)
        for fate in FATES:
            free = [account for account in pools[fate.among] if account.id not in self._fates]
            count = min(max(1, round(fate.share * len(audited))) * fate.together, len(free))
            hit = self._rng.sample(free, count - count % fate.together)
            for turn, account in enumerate(hit):
                self._fates[account.id] = fate, turn, self._partner(fate, hit, turn, pools["whole"])

    def _partner(self, fate: Fate, hit: Sequence[Account], turn: int, whole: Sequence[Account]) -> Account | None:
        if fate.together > 1:
            return hit[turn ^ 1]
        return self._rng.choice(whole) if fate.name == "given_away" and whole else None

    def _renamed(self, audited: Sequence[Account]) -> dict[str, str]:
        """New local parts, by old user id, of those whose name does not follow from a domain rule."""
        count = max(1, round(_RENAMED * len(audited))) if audited else 0
        stay = [account for account in audited if self._fate(account) != "left_behind"]
        chosen = self._rng.sample(stay, min(count, len(stay)))
        return {account.id: f"p{700_000 + number}" for number, account in enumerate(chosen)}

    def _fate(self, account: Account) -> str:
        fate = self._fates.get(account.id)
        return fate[0].name if fate else ""

    # Accounts ---------------------------------------------------------------------------------------

    def _carried(self, account: Account, local: str, place: int) -> Account:
        """The account in the new tenant, its copies as they were: everything about it is written anew."""
        rng = random.Random(f"moving:{self._old.seed}:{self._old.month}:{account.id}")
        new_id = guid(rng)
        upn = f"{local}@{NEW_DOMAIN}" if local else in_new_domain(account.upn)

        def address(old: str) -> str:
            return upn if old.lower() == account.upn.lower() else in_new_domain(old)

        graph, mailbox, profile = account.graph, account.mailbox, account.profile
        if graph.refusal:
            told = graph.refusal.message.replace(account.id, new_id)
            graph = replace(graph, refusal=replace(graph.refusal, message=told))
        if profile:
            profile = replace(
                profile,
                object_id=new_id if profile.object_id == account.id else guid(rng),
                old_host=False,
                timestamp=self._stamp(rng) if profile.timestamp else "",
                saved_account_name=f"i:0#.f|membership|{upn}",
            )
        after = replace(
            account,
            id=new_id,
            upn=upn,
            mail=address(account.mail) if account.mail else "",
            proxy_addresses=tuple(_proxy(proxy, address) for proxy in account.proxy_addresses),
            groups=tuple(self._groups[group].id for group in account.groups),
            created=graph_time(self._at),
            graph=graph,
            mailbox=mailbox,
            profile=profile,
            engage=tuple(
                replace(
                    user,
                    id=2_400_000_000 + 4 * place + 2 * number,
                    email=address(user.email).lower(),
                    other_addresses=tuple(address(other) for other in user.other_addresses),
                    activated_at=yammer_time(self._at),
                    own_photo=False,
                )
                for number, user in enumerate(account.engage)
            ),
        )
        return _repictured(after, lambda picture: picture, rng)

    def _stamp(self, rng: random.Random) -> str:
        return sharepoint_time(self._at + timedelta(seconds=rng.randint(0, 5 * 86_400)))

    def _hired(
        self, number: int, accounts: Sequence[Account], audited: Sequence[Account], renamed: dict[str, str]
    ) -> Account:
        """Somebody new. The first of them has the name of a user who got another one with the move."""
        rng = random.Random(f"hired:{self._old.seed}:{self._old.month}:{number}")
        like = next((account for account in audited if _kind(account) == "whole"), audited[0])
        taken = {address.lower() for account in accounts for address in (account.upn, account.mail)}
        name = names.person(rng)
        upn = f"{name.address}.{number}@{NEW_DOMAIN}"
        freed = [in_new_domain(account.upn) for account in audited if account.id in renamed]
        if number == 0 and freed and freed[0].lower() not in taken:
            upn = freed[0]
        after = self._carried(replace(like, id=guid(rng)), "", len(self._old.accounts) + number)
        profile = replace(after.profile, saved_account_name=f"i:0#.f|membership|{upn}") if after.profile else None
        after = replace(
            after,
            upn=upn,
            mail=upn,
            display_name=name.display,
            given_name=name.given,
            surname=name.surname,
            proxy_addresses=(f"SMTP:{upn}",),
            profile=profile,
            engage=tuple(replace(user, email=upn.lower(), full_name=name.display) for user in after.engage),
        )
        return self._given(after, self._upload(f"hired-{number:06d}"), rng)

    # Photos -----------------------------------------------------------------------------------------

    def _upload(self, name: str) -> StoredPicture:
        return StoredPicture(self._portraits.upload(name))

    def _befallen(self, account: Account, dealt: tuple[Fate, int, Account | None]) -> Account:
        fate, turn, partner = dealt
        rng = random.Random(f"fate:{self._old.seed}:{self._old.month}:{account.id}")
        match fate.name:
            case "swapped" | "given_away":
                return self._given(account, _reference(partner), rng) if partner else account
            case "lost":
                return _repictured(account, lambda _picture: None, rng)
            case "lost_in_one":
                only = (Workload.YAMMER, Workload.SHAREPOINT)[turn % 2]
                return _repictured(account, lambda _picture: None, rng, only)
            case "shrunk":
                return _repictured(account, lambda picture: picture.shrunk(_SMALL), rng)
            case "edited":
                edit = _EDITS[turn % len(_EDITS)]
                return _repictured(account, lambda picture: picture.formed("renditions").edited(edit), rng)
            case "replaced" | "added":
                return self._given(account, self._upload(f"moved-{account.id}"), rng)
            case "levelled":
                return self._given(account, _reference(account), rng)
            case "hidden":
                return _hidden(account, turn, rng)
        return account

    def _given(self, account: Account, picture: StoredPicture, rng: random.Random) -> Account:
        """One photo in every store that the user has."""
        profile = account.profile
        if profile:
            profile = replace(
                profile,
                stored=picture,
                shown=picture,
                picture_url=True,
                timestamp=self._stamp(rng),
                placeholder_state="0",
                exchange_sync_state="1",
                personal_site_state="2",
            )
        mailbox = account.mailbox
        if mailbox:
            held = picture.shared_with("graph") if self._old.photo_store == "unified" else picture
            mailbox = replace(mailbox, picture=held)
        full = replace(
            account,
            graph=GraphPhoto(picture=picture),
            mailbox=mailbox,
            profile=profile,
            engage=tuple(replace(user, picture=picture) for user in account.engage),
        )
        return _repictured(full, lambda one: one, rng)


def in_new_domain(address: str) -> str:
    """The address by the domain rules."""
    local, _, domain = address.rpartition("@")
    for old, new in DOMAIN_RULES:
        if domain.lower() == old:
            return f"{local}@{new}"
    return address


def _proxy(proxy: str, address: Callable[[str], str]) -> str:
    kind, _, old = proxy.partition(":")
    return f"{kind}:{address(old)}"


def _kind(account: Account) -> str:
    """The pool of fates an audited account belongs to."""
    verdicts = [truth.verdict for truth in account.truth.values()]
    if account.graph.refusal is None and set(verdicts) == {"reference", "match"}:
        return "whole"
    if set(verdicts) == {"no_photo"} and all(truth.status == Status.ABSENT for truth in account.truth.values()):
        return "none"
    # An edited copy that is levelled would be held against the photo it was made of: an edit undone.
    if verdicts[0] == "reference" and DRIFT.intersection(verdicts) and "variant" not in verdicts:
        return "drifting"
    return "any"


def _reference(account: Account) -> StoredPicture:
    assert isinstance(account.graph.picture, StoredPicture)
    return account.graph.picture.plain()


def _repictured(
    account: Account,
    change: Callable[[StoredPicture], StoredPicture | None],
    rng: random.Random,
    only: Workload | None = None,
) -> Account:
    """The account after every picture that it holds was changed so, and written anew."""

    def changed(picture: Picture | None, workload: Workload) -> StoredPicture | None:
        held = cast("StoredPicture | None", picture)
        return held if held is None or only not in {None, workload} else change(held)

    graph, mailbox, profile = account.graph, account.mailbox, account.profile
    picture = changed(graph.picture, Workload.ENTRA)
    if graph.picture:
        graph = GraphPhoto(picture, photo_etag(picture, account.id)) if picture else GraphPhoto()
    if mailbox:
        kept = changed(mailbox.picture, Workload.EXCHANGE)
        mailbox = replace(mailbox, picture=kept, etag=photo_etag(kept, f"{account.id}|mailbox") if kept else "")
    if profile and profile.stored:
        stored = changed(profile.stored, Workload.SHAREPOINT)
        shown = changed(profile.shown, Workload.SHAREPOINT)
        profile = replace(profile, stored=stored, shown=shown)
        if stored is None:
            profile = replace(profile, picture_url=False, placeholder_state="1")
    elif profile:
        profile = replace(profile, shown=changed(profile.shown, Workload.SHAREPOINT))
    engage = []
    for user in account.engage:
        mugshot = changed(user.picture, Workload.YAMMER)
        engage.append(replace(user, picture=mugshot, picture_id=mugshot_id(rng) if mugshot else ""))
    return replace(account, graph=graph, mailbox=mailbox, profile=profile, engage=tuple(engage))


def _without_sharepoint(account: Account) -> Account:
    """The profile without a picture and never synchronised; the Graph photo is shown to whoever has no Exchange."""
    if account.profile is None:
        return account
    profile = replace(
        account.profile,
        stored=None,
        picture_url=False,
        shown=None if has_exchange_plan(account) else cast("StoredPicture | None", account.graph.picture),
        timestamp="",
        placeholder_state="",
        exchange_sync_state="",
    )
    return replace(account, profile=profile)


def _hidden(account: Account, turn: int, rng: random.Random) -> Account:
    """One copy, or the reference, cannot be read."""
    if turn % 2 and account.profile:
        return replace(account, profile=replace(account.profile, object_id=guid(rng)))
    return replace(account, graph=GraphPhoto(refusal=_ODATA_OFF))
