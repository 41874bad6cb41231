"""From a seed to a tenant: accounts, what every store holds for them, and what is true of it.

The same seed gives the same tenant in every process and on every platform. Nothing is drawn here: pictures
are made when somebody asks for them.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from auditor.simulator import names
from auditor.simulator.make_ups import MadeUp, find, left_alone, narrowed, seated
from auditor.simulator.pictures import StoredPicture
from auditor.simulator.portraits import Portraits
from auditor.simulator.scenarios import (
    OUT_OF_SCOPE,
    SCENARIOS,
    WITHOUT_EXCHANGE,
    Choice,
    Holdings,
    Who,
    choose,
)
from auditor.simulator.seats import Seat, seats
from auditor.simulator.tenant import (
    Account,
    EngageUser,
    GraphPhoto,
    GraphRefusal,
    Group,
    Mailbox,
    Picture,
    Profile,
    Tenant,
)
from auditor.simulator.truth import with_truth

PhotoStore = Literal["split", "mailbox-first", "unified"]
NoPhoto = Literal["image_not_found", "entity_not_found", "item_not_found", "one_pixel", "bare_404"]

DOMAIN = "contoso.com"
INITIAL_DOMAIN = "contoso.onmicrosoft.com"

M365_E3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
O365_E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
O365_E1 = "18181a46-0d4e-45cd-891e-60aabd171b4e"
M365_F3 = "66b55226-6b4f-492c-910c-a3b7a3c9d993"
M365_F1 = "44575883-256e-4a79-9da4-ebe9acabe2b2"

Plan = tuple[str, str]
_EXCHANGE_ENTERPRISE: Plan = ("exchange", "efb87545-963c-4e0d-99df-69c6916d9eb0")
_EXCHANGE_STANDARD: Plan = ("exchange", "9aaf7827-d63c-4b61-89c3-182f06f82e5c")
_EXCHANGE_DESKLESS: Plan = ("exchange", "4a82b400-a79f-41a4-b4e2-e94f5787b113")
_SHAREPOINT: Plan = ("SharePoint", "5dbe027f-2339-4123-9542-606e4d348a72")
_SHAREPOINT_STANDARD: Plan = ("SharePoint", "c7699d2e-19aa-44de-8edf-1736da088ca1")
_SHAREPOINT_DESKLESS: Plan = ("SharePoint", "902b47e5-dcb2-4fdc-858b-c63a90a2bdb9")
_YAMMER: Plan = ("YammerEnterprise", "7547a3fe-08ee-4ccb-b430-5077c5041653")
_EXCHANGE_FOUNDATION: Plan = ("exchange", "113feb6c-3fe4-4440-bddc-54d774bf0318")
_PLANS: dict[str, tuple[Plan, ...]] = {
    M365_E3: (_EXCHANGE_ENTERPRISE, _SHAREPOINT, _YAMMER),
    O365_E3: (_EXCHANGE_ENTERPRISE, _SHAREPOINT, _YAMMER),
    O365_E1: (_EXCHANGE_STANDARD, _SHAREPOINT_STANDARD, _YAMMER),
    M365_F3: (_EXCHANGE_DESKLESS, _SHAREPOINT_DESKLESS, _YAMMER),
    M365_F1: (_EXCHANGE_DESKLESS, _SHAREPOINT_DESKLESS, _YAMMER),
}

_SATELLITE = 0.08
_ACTIVATED = "2021/10/08 11:45:32 +0000"
_BEFORE_NATIVE_MODE = "2017/05/16 08:20:11 +0000"
_PARTNERS = ("fabrikam.com", "adventure-works.com", "tailspintoys.com", "wingtip.example")
NO_PHOTO_WAYS: tuple[NoPhoto, ...] = get_args(NoPhoto)
_PICTURE_ID = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789"

# Seconds since 0001-01-01, as SharePoint counts them.
_LATELY = (63_871_632_000, 63_929_600_000)  # 2025-01-01 to 2026-11-02
_LONG_AGO = (63_587_376_000, 63_713_606_400)  # 2016-01-01 to 2020-01-01


def make_tenant(
    users: int,
    seed: int,
    *,
    photos: Path | None,
    scenarios: Sequence[str] | None,
    photo_store: str,
    ews: bool = True,
    make_up: str = "",
    make_up_month: int | None = None,
) -> Tenant:
    """The tenant of this seed.

    `photos` is a folder of portraits, used before any is drawn; `scenarios` limits what is dealt besides
    users in step (`plain` for what any client can read); `photo_store` settles which store Graph reads;
    `ews` off changes only what is true of Exchange; `make_up` names a kind of tenant of
    `auditor.simulator.make_ups`, and `make_up_month` the month in which it happens (this tenant's is 0).
    Raises ValueError for what makes no sense.
    """
    founded = found(
        users,
        seed,
        photos=photos,
        scenarios=scenarios,
        photo_store=photo_store,
        make_up=make_up,
        make_up_month=make_up_month,
    )
    return replace(founded.tenant, accounts=with_truth(founded.tenant.accounts, ews=ews))


@dataclass(frozen=True)
class Founded:
    """A tenant in its first month, whose truth is not worked out yet, and what it takes to go on with it."""

    tenant: Tenant
    seats: Sequence[Seat]
    """By place in the directory."""
    held: Sequence[Holdings]
    """What the stores hold of each user, by place."""
    maker: Maker
    choice: Choice
    made_up: MadeUp | None = None


def found(
    users: int,
    seed: int,
    *,
    photos: Path | None,
    scenarios: Sequence[str] | None,
    photo_store: str,
    make_up: str = "",
    make_up_month: int | None = None,
) -> Founded:
    """The tenant of `make_tenant`, without truth."""
    if photo_store not in get_args(PhotoStore):
        raise ValueError(f"Unknown photo store {photo_store}; there are {', '.join(get_args(PhotoStore))}.")
    choice = choose(scenarios)
    if make_up_month is not None and not make_up:
        raise ValueError("The month of a make-up needs the make-up.")
    kind, begins = find(make_up, make_up_month) if make_up else (None, 0)
    if kind:
        choice = narrowed(choice, kind)
    rng = random.Random(f"tenant:{seed}")
    tenant_id = guid(rng)
    departments = {name: Group(guid(rng), name) for name in names.DEPARTMENTS}
    pilot = Group(guid(rng), "Pilot")
    maker = Maker(
        seed,
        choice,
        cast("PhotoStore", photo_store),
        Portraits(seed, photos),
        {name: group.id for name, group in departments.items()},
        pilot.id,
    )
    dealt = seats(users, seed, choice, calm=kind is not None)
    made_up = None
    if kind:
        dealt = [seated(seat, kind) for seat in dealt]
        made_up = MadeUp(kind, begins, left_alone(kind, dealt, seed))
    from_the_first = made_up if made_up and not made_up.month else None
    made = [maker.account(place, seat, from_the_first) for place, seat in enumerate(dealt)]
    tenant = Tenant(
        tenant_id=tenant_id,
        domain=DOMAIN,
        seed=seed,
        photo_store=cast("PhotoStore", photo_store),
        accounts=tuple(account for account, _ in made),
        groups=(*departments.values(), pilot),
        scenarios=tuple(name for name in SCENARIOS if any(seat.scenario == name for seat in dealt)),
    )
    return Founded(tenant, dealt, [held for _, held in made], maker, choice, made_up)


def guid(rng: random.Random) -> str:
    """An object id."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class _Hand:
    """The pictures of one user: `auditor.simulator.scenarios.Hand`."""

    portraits: Portraits
    place: int
    seat: Seat
    plain: bool
    chance: float
    letters: str

    @property
    def turn(self) -> int:
        return self.seat.turn

    def own(
        self, shape: tuple[int, int] = (1, 1), *, oversized: bool = False, colourful: bool = False
    ) -> StoredPicture:
        name = f"photo-{self.place:06d}"
        return StoredPicture(self.portraits.upload(name, shape=shape, oversized=oversized, colourful=colourful))

    def earlier(self, shape: tuple[int, int] = (1, 1)) -> StoredPicture:
        return StoredPicture(self.portraits.upload(f"earlier-{self.place:06d}", shape=shape))

    def new(self) -> StoredPicture:
        return StoredPicture(self.portraits.upload(f"renewed-{self.place:06d}"))

    def partner(self) -> StoredPicture:
        return StoredPicture(self.portraits.upload(f"photo-{self.seat.partner:06d}"))

    def common(self, block: int) -> StoredPicture:
        return StoredPicture(self.portraits.upload(f"common-{block:06d}"))


@dataclass(frozen=True, slots=True)
class _Person:
    """Who a user is, before anything is known of photos."""

    display_name: str
    given_name: str
    surname: str
    job_title: str
    letters: str
    upn: str
    mail: str
    proxies: tuple[str, ...]


class Maker:
    """Makes one account after another; remembers only which addresses are taken."""

    def __init__(
        self,
        seed: int,
        choice: Choice,
        photo_store: PhotoStore,
        portraits: Portraits,
        departments: dict[str, str],
        pilot: str,
    ) -> None:
        self._seed = seed
        self._plain = choice.plain
        self._photo_store = photo_store
        self._portraits = portraits
        self._departments = departments
        self._pilot = pilot
        self._taken: dict[str, int] = {}

    @property
    def portraits(self) -> Portraits:
        """Who deals the pictures."""
        return self._portraits

    def hand(self, place: int, seat: Seat) -> _Hand:
        """What a make-up may deal to the user at this place: `auditor.simulator.make_ups.Hand`."""
        chance = random.Random(f"made up:{self._seed}:{place}").random()
        return _Hand(self._portraits, place, seat, self._plain, chance, "")

    def account(self, place: int, seat: Seat, made_up: MadeUp | None = None) -> tuple[Account, Holdings]:
        """The account at this place of the directory, and what the stores hold for it."""
        rng = random.Random(f"account:{self._seed}:{place}")
        who = seat.who
        account_id = guid(rng)
        person = self._person(rng, place, seat)
        skus, plans, removed = _licences(rng, who)
        hand = _Hand(self._portraits, place, seat, self._plain, rng.random(), person.letters)
        held = SCENARIOS[seat.scenario].deal(hand)
        if made_up:
            held = made_up.held(place, self.hand(place, seat), held)
        department = rng.choice(names.DEPARTMENTS) if who not in {Who.ROOM, Who.EQUIPMENT} else ""
        groups = [self._departments[department]] if department else []
        if rng.random() < 0.1 or place < 2:
            groups.append(self._pilot)
        synced = rng.random() < 0.4 if held.synced is None else held.synced
        geo: Literal["home", "satellite"] = "home"
        if rng.random() < _SATELLITE and not self._plain:
            geo = "satellite"
        behind = behind_graph(held, self._photo_store)
        account = Account(
            id=account_id,
            upn=person.upn,
            mail=person.mail,
            display_name=person.display_name,
            given_name=person.given_name,
            surname=person.surname,
            department=department,
            job_title=person.job_title,
            office_location=rng.choice(names.OFFICES),
            user_type="Guest" if who is Who.GUEST else "Member",
            enabled=who not in {Who.DISABLED, Who.SHARED, Who.ROOM, Who.EQUIPMENT},
            skus=skus,
            plans=plans,
            synced=synced and who not in {Who.GUEST, Who.EXTERNAL_MEMBER},
            proxy_addresses=person.proxies,
            geo=geo,
            in_scope=who not in OUT_OF_SCOPE,
            scenario=seat.scenario,
            graph=self._graph(rng, account_id, held, behind),
            mailbox=mailbox_of(held, who, self._photo_store, behind),
            profile=_profile(rng, account_id, person.upn, held, who, behind),
            engage=(),
            truth={},
            groups=tuple(groups),
            removed_plans=removed,
        )
        return replace(account, engage=self._engage(rng, place, account, held)), held

    # Names and addresses ----------------------------------------------------------------------------

    def _person(self, rng: random.Random, place: int, seat: Seat) -> _Person:
        match seat.who:
            case Who.ROOM:
                return self._resource(rng, f"Room {rng.choice(names.ROOMS)}", place)
            case Who.EQUIPMENT:
                return self._resource(rng, rng.choice(names.EQUIPMENT), place)
            case Who.SHARED:
                return self._resource(rng, rng.choice(names.SHARED), place)
        # The first users of a full tenant are those whose names look most dangerous.
        if not self._plain and place % 7 == 3 and place // 7 < len(names.UNUSUAL):
            name = names.UNUSUAL[place // 7]
        else:
            name = names.person(rng)
        letters = names.letters(name, rng)
        job = rng.choice(names.JOB_TITLES)
        if seat.who in {Who.GUEST, Who.EXTERNAL_MEMBER}:
            local = self._free(name.address)
            partner = rng.choice(_PARTNERS)
            upn = f"{local}_{partner}#EXT#@{INITIAL_DOMAIN}"
            mail = f"{local}@{partner}"
            return _Person(name.display, name.given, name.surname, job, letters, upn, mail, (f"SMTP:{mail}",))
        upn, mail, proxies = self._addresses(rng, name, place)
        if seat.who is Who.NO_EXCHANGE and seat.scenario == "no_mailbox" and seat.turn % 3 == 2:
            mail, proxies = "", ()
        return _Person(name.display, name.given, name.surname, job, letters, upn, mail, proxies)

    def _addresses(self, rng: random.Random, name: names.Name, place: int) -> tuple[str, str, tuple[str, ...]]:
        local = self._free(name.address)
        upn = mail = f"{local}@{DOMAIN}"
        aliases = [f"{local}@{INITIAL_DOMAIN}"]
        differs = rng.random()
        if differs < 0.04:
            upn = f"u{100_000 + place}@{DOMAIN}"
        elif differs < 0.07:
            upn = f"u{100_000 + place}@{INITIAL_DOMAIN}"
        elif differs < 0.10 and not self._plain:
            # The address is written as the name is, where the script allows it.
            spelled = self._free(name.own_script.replace(" ", "") if name.own_script else f"{local}.mail")
            mail = f"{spelled}@{DOMAIN}"
            aliases.append(upn)
        elif differs < 0.10:
            mail = f"{self._free(local + '.mail')}@{DOMAIN}"
            aliases.append(upn)
        elif differs < 0.14 and not self._plain:
            upn = mail = ".".join(part.capitalize() for part in local.split(".")) + f"@{DOMAIN}"
        if rng.random() < 0.15:
            aliases.append(f"{self._free(local + '.alias')}@{DOMAIN}")
        others = [f"smtp:{alias}" for alias in aliases]
        if rng.random() < 0.3:
            others.append(f"SIP:{upn}")
        return upn, mail, (f"SMTP:{mail}", *others)

    def _resource(self, rng: random.Random, display: str, place: int) -> _Person:
        local = self._free("".join(part for part in display.lower() if part.isascii() and part.isalnum()))
        address = f"{local}@{DOMAIN}"
        letters = display[0]
        proxies = (f"SMTP:{address}", f"smtp:{local}@{INITIAL_DOMAIN}")
        title = f"{display} {place}" if rng.random() < 0.5 else display
        return _Person(title, "", "", "", letters, address, address, proxies)

    def _free(self, local: str) -> str:
        """The local part, with a number where it is taken."""
        key = local.lower()
        count = self._taken.get(key, 0) + 1
        self._taken[key] = count
        if count == 1:
            return local
        return self._free(f"{local}{count}")

    # What the services hold -------------------------------------------------------------------------

    def _graph(self, rng: random.Random, account_id: str, held: Holdings, picture: StoredPicture | None) -> GraphPhoto:
        refusal = held.refusal
        if refusal:
            told = refusal.message.replace("{id}", account_id)
            return GraphPhoto(refusal=GraphRefusal(refusal.http, refusal.code, told))
        if picture:
            return GraphPhoto(picture=picture, etag=photo_etag(picture, account_id))
        way = "image_not_found" if self._plain else rng.choice(NO_PHOTO_WAYS)
        return GraphPhoto(no_photo=way)

    def _engage(self, rng: random.Random, place: int, account: Account, held: Holdings) -> tuple[EngageUser, ...]:
        if not held.engage_accounts:
            return ()
        aliases = [proxy[5:] for proxy in account.proxy_addresses if proxy.startswith("smtp:")]
        email, draw = account.mail or account.upn, rng.random()
        # Engage keeps the address of the first sign-in: an older one, or the UPN, for some.
        if account.mail and account.upn.lower() != account.mail.lower() and draw < 0.4:
            email = account.upn
        elif account.mail and aliases and draw < 0.06 and not self._plain:
            email = aliases[0]
        if held.engage_accounts == 2:
            email = account.mail or account.upn
        number = 1_500_000_000 + 4 * place
        first = EngageUser(
            id=number,
            email=email.lower(),
            full_name=account.display_name,
            picture=held.engage,
            picture_id=mugshot_id(rng) if held.engage else "",
            activated_at=_BEFORE_NATIVE_MODE if held.engage_own else _ACTIVATED,
            own_photo=held.engage_own,
        )
        if held.engage_accounts == 1:
            return (first,)
        second = replace(
            first,
            id=number + 2,
            picture=held.engage_other,
            picture_id=mugshot_id(rng) if held.engage_other else "",
            full_name=f"{account.display_name} (2)",
        )
        return first, second


def _licences(rng: random.Random, who: Who) -> tuple[tuple[str, ...], tuple[Plan, ...], tuple[Plan, ...]]:
    """SKUs, live plans, and plans that are live no longer."""
    match who:
        case Who.MEMBER | Who.DISABLED:
            draw = rng.random()
            sku = M365_E3 if draw < 0.6 else O365_E3 if draw < 0.85 else O365_E1
            # A frontline licence beside a full one: EWS stays open to such a mailbox.
            skus = (sku, M365_F3) if rng.random() < 0.02 else (sku,)
            return skus, tuple(dict.fromkeys(plan for each in skus for plan in _PLANS[each])), ()
        case Who.NO_EXCHANGE:
            # The foundation plan belongs to the service `exchange` too, and comes without a mailbox.
            return (M365_E3,), (_EXCHANGE_FOUNDATION, _SHAREPOINT, _YAMMER), (_EXCHANGE_ENTERPRISE,)
        case Who.FRONTLINE:
            sku = M365_F3 if rng.random() < 0.6 else M365_F1
            return (sku,), _PLANS[sku], ()
        case Who.UNLICENSED:
            return (), (), _PLANS[O365_E3]
        case _:
            return (), (), ()


def behind_graph(held: Holdings, photo_store: PhotoStore) -> StoredPicture | None:
    """What the store that Graph reads holds."""
    if photo_store == "mailbox-first" and held.mailbox and held.mailbox_photo:
        return held.mailbox_photo
    return held.entra


def mailbox_of(held: Holdings, who: Who, photo_store: PhotoStore, behind: StoredPicture | None) -> Mailbox | None:
    """The mailbox, where there is one; `behind` is what Graph reads."""
    if not held.mailbox:
        return None
    picture = held.mailbox_photo or held.thumbnail
    if photo_store == "unified":
        picture = behind.shared_with("graph") if behind else None
    purposes: dict[Who, Literal["shared", "room", "equipment"]] = {
        Who.SHARED: "shared",
        Who.ROOM: "room",
        Who.EQUIPMENT: "equipment",
    }
    return Mailbox(
        picture=picture,
        etag=photo_etag(picture, "mailbox") if picture else "",
        ews_refused=held.ews == "refused",
        invalid_licence=held.ews == "invalid_licence",
        purpose=purposes.get(who, "user"),
    )


def shown_of(held: Holdings, who: Who, behind: StoredPicture | None) -> StoredPicture | None:
    """What userphoto.aspx shows of a user; `behind` is what Graph reads."""
    if who in WITHOUT_EXCHANGE and behind and not held.local:
        # Since MC653734: users without an Exchange licence are shown the Graph photo, whatever is stored.
        return behind
    return None if held.hidden else held.stored


def _profile(
    rng: random.Random,
    account_id: str,
    upn: str,
    held: Holdings,
    who: Who,
    behind: StoredPicture | None,
) -> Profile | None:
    earlier_account = guid(rng)
    lately, long_ago = rng.randint(*_LATELY), rng.randint(*_LONG_AGO)
    if not held.profile:
        return None
    timestamp = {"never": "", "lately": str(lately), "long_ago": str(long_ago)}[held.updated]
    return Profile(
        object_id=earlier_account if held.reused else account_id,
        stored=held.stored,
        picture_url=held.picture_url,
        old_host=held.old_host,
        shown=shown_of(held, who, behind),
        timestamp=timestamp,
        placeholder_state=held.placeholder_state,
        exchange_sync_state=held.exchange_sync_state,
        personal_site_state=held.personal_site_state,
        saved_account_name=f"i:0#.f|membership|{upn}",
    )


def photo_etag(picture: Picture, owner: str) -> str:
    """Eight hexadecimal digits; another for another picture or another writing of it (`owner` tells them apart)."""
    return hashlib.sha256(f"{picture.key}|{owner}".encode()).hexdigest()[:8].upper()


def mugshot_id(rng: random.Random) -> str:
    """The path id of a mugshot."""
    bare = "".join(rng.choices(_PICTURE_ID, k=32))
    return f"{bare}_{guid(rng)}" if rng.random() < 0.3 else bare
