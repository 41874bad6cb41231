"""Tenants of one kind: everybody, or nearly everybody, is what the name says, and the truth says so too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pytest
from click.testing import CliRunner

from auditor.cli.simulate import command
from auditor.simulator.make_ups import LOGO, MAKE_UPS
from auditor.simulator.migration import migrated
from auditor.simulator.months import make_month
from auditor.simulator.pictures import StoredPicture
from auditor.simulator.population import make_tenant
from auditor.simulator.tenant import Account, Picture, Tenant
from auditor.simulator.truth import EXCHANGE_PLANS
from tests.simulator.conftest import printed_by_two_processes

USERS = 60
STORES = ("split", "mailbox-first", "unified")
HAPPENING = [name for name, make_up in MAKE_UPS.items() if make_up.happens]

DIGEST = """
import hashlib
from auditor.simulator.months import make_month
tenant = make_month(40, 5, 1, photos=None, scenarios=None, photo_store="split", make_up="all-detached", make_up_month=1)
print(hashlib.sha256(repr(tenant).encode()).hexdigest())
"""


@cache
def of_month(name: str, month: int, happens_in: int | None = None, photo_store: str = "split") -> Tenant:
    return make_month(
        USERS, 1, month, photos=None, scenarios=None, photo_store=photo_store, make_up=name, make_up_month=happens_in
    )


def made_up(name: str, photo_store: str = "split") -> Tenant:
    """In the first month in which it is so."""
    return of_month(name, MAKE_UPS[name].month, None, photo_store)


def audited(tenant: Tenant) -> list[Account]:
    return [account for account in tenant.accounts if account.in_scope]


@dataclass(frozen=True)
class Copies:
    """What nearly all copies of one workload are."""

    verdict: str
    cause: str = ""
    least: float = 0.85
    """Share of the audited users; the others are of odd scenarios, or left alone."""
    most: float = 1.0


MATCHING = Copies("match")
REFERENCE = Copies("reference")
NEVER_VISITED = Copies("missing", "sharepoint_never_visited")
NO_PHOTO = Copies("no_photo")
EXPECTED: dict[str, tuple[Copies, Copies, Copies, Copies]] = {
    "engage-few": (REFERENCE, MATCHING, MATCHING, Copies("not_applicable", "not_in_engage", least=0.95)),
    "sharepoint-few": (REFERENCE, MATCHING, NEVER_VISITED, MATCHING),
    "sharepoint-nobody": (REFERENCE, MATCHING, NEVER_VISITED, MATCHING),
    "no-exchange": (REFERENCE, Copies("not_applicable", "no_mailbox", least=1.0), MATCHING, MATCHING),
    "mass-upload": (REFERENCE, MATCHING, Copies("mismatch", "unexplained"), MATCHING),
    "engage-logo": (REFERENCE, MATCHING, MATCHING, Copies("mismatch", "unexplained")),
    "thumbnails-blanked": (REFERENCE, MATCHING, Copies("placeholder", "sharepoint_blanked"), MATCHING),
    "all-detached": (REFERENCE, MATCHING, Copies("mismatch", "sharepoint_detached"), MATCHING),
    "withdrawn": (Copies("no_photo", "never_set"), NO_PHOTO, NO_PHOTO, NO_PHOTO),
    "sharepoint-lost": (REFERENCE, MATCHING, NEVER_VISITED, MATCHING),
    "no-photos-70": (
        Copies("no_photo", "never_set", 0.6, 0.72),
        Copies("no_photo", least=0.6, most=0.72),
        Copies("no_photo", least=0.6, most=0.72),
        Copies("no_photo", least=0.6, most=0.72),
    ),
    "no-photos-97": (Copies("no_photo", "never_set"), NO_PHOTO, NO_PHOTO, NO_PHOTO),
}


def test_every_make_up_is_tried() -> None:
    assert list(EXPECTED) == list(MAKE_UPS)


@pytest.mark.parametrize("photo_store", STORES)
@pytest.mark.parametrize("name", MAKE_UPS)
def test_the_truth_says_of_nearly_everybody_what_the_make_up_is(name: str, photo_store: str) -> None:
    people = audited(made_up(name, photo_store))
    for workload, copies in zip(("entra", "exchange", "sharepoint", "yammer"), EXPECTED[name], strict=True):
        truths = [account.truth[workload] for account in people]
        told = Counter((truth.verdict, truth.cause or truth.cause_without_drift) for truth in truths)
        share = told[copies.verdict, copies.cause] / len(people)
        assert copies.least <= share <= copies.most, (workload, told)


def shown(account: Account) -> list[Picture | None]:
    """Every picture of a user, wherever it is held or shown."""
    profile, mailbox = account.profile, account.mailbox
    return [
        account.graph.picture,
        mailbox.picture if mailbox else None,
        *((profile.stored, profile.shown) if profile else ()),
        *(user.picture for user in account.engage),
    ]


def upload(picture: Picture | None) -> str:
    assert isinstance(picture, StoredPicture)
    return picture.upload.name


def never_synchronised(people: Sequence[Account]) -> list[Account]:
    """Whose profile exists, is their own, and has neither a picture nor a word of one."""
    return [
        account
        for account in people
        if (profile := account.profile)
        and profile.object_id == account.id
        and not (profile.stored or profile.shown or profile.picture_url)
        and not (profile.timestamp or profile.placeholder_state or profile.exchange_sync_state)
    ]


def test_three_in_a_hundred_have_an_engage_account() -> None:
    people = audited(made_up("engage-few"))
    assert sum(bool(account.engage) for account in people) == round(0.03 * len(people)) > 0


def test_the_profiles_of_those_who_never_visited_sharepoint_say_nothing_of_pictures() -> None:
    few, nobody, lost = (audited(made_up(name)) for name in ("sharepoint-few", "sharepoint-nobody", "sharepoint-lost"))
    assert len(few) - len(never_synchronised(few)) == round(0.05 * len(few)) > 0
    assert never_synchronised(nobody) == nobody
    assert never_synchronised(lost) == lost


def test_nobody_has_an_exchange_plan_and_the_directory_answers_that_there_are_others() -> None:
    accounts = made_up("no-exchange").accounts
    assert not any(plan in EXCHANGE_PLANS for account in accounts for _, plan in account.plans)
    assert not any(account.mailbox for account in accounts)
    assert all(account.plans for account in audited(made_up("no-exchange")))


def test_a_mass_upload_reached_every_store_but_sharepoint_which_shows_the_users_own_photo_before_it() -> None:
    behind = of_month("mass-upload", 0, 1).by_id()
    people = [account for account in audited(made_up("mass-upload")) if account.scenario == "in_step"]
    assert len({upload(account.graph.picture) for account in people}) == len(people) > 45
    for account in people:
        assert account.mailbox
        assert account.profile
        current = {upload(picture) for picture in (account.graph.picture, account.mailbox.picture)}
        assert current == {upload(account.engage[0].picture)}
        assert upload(account.profile.shown) == upload(behind[account.id].graph.picture) not in current


def test_one_logo_is_everybodys_engage_photo_and_nobodys_reference() -> None:
    people = audited(made_up("engage-logo"))
    assert {account.engage[0].picture for account in people if account.engage} == {LOGO}
    assert LOGO not in {account.graph.picture for account in people}
    assert LOGO.kind == "photo"
    assert LOGO.largest("yammer").width == LOGO.native


def test_blank_thumbnails_are_stored_and_shown() -> None:
    profiles = [account.profile for account in audited(made_up("thumbnails-blanked")) if account.profile]
    blank = {picture for profile in profiles for picture in (profile.stored, profile.shown)}
    assert [upload(picture) for picture in blank] == ["blank-0"]
    assert all(profile.picture_url for profile in profiles)


def test_detached_pictures_are_earlier_ones_of_the_same_user() -> None:
    people = [account for account in audited(made_up("all-detached")) if account.profile]
    pictures = [upload(account.profile.shown) for account in people if account.profile]
    assert len(set(pictures)) == len(people)
    assert all(picture.startswith("earlier-") for picture in pictures)
    assert {account.profile.exchange_sync_state for account in people if account.profile} == {"0"}


def test_withdrawn_photos_were_there_a_month_before_and_are_nowhere_now() -> None:
    before, now = of_month("withdrawn", 0), made_up("withdrawn")
    stayed = before.by_id().keys() & now.by_id().keys()
    assert len(stayed) > 0.95 * USERS
    assert sum(any(shown(account)) for account in before.accounts) > 0.9 * USERS
    assert not [account.upn for account in now.accounts if any(shown(account))]


@pytest.mark.parametrize(("name", "share"), [("no-photos-70", 0.7), ("no-photos-97", 0.97)])
def test_so_many_users_never_had_a_photo_anywhere(name: str, share: float) -> None:
    people = audited(made_up(name))
    without = sum(not any(shown(account)) for account in people)
    assert without == pytest.approx(share * len(people), abs=1.5)


# Over time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HAPPENING)
def test_until_it_happens_the_users_are_ordinary_and_then_it_happens_to_all_of_them(name: str) -> None:
    before, now = of_month(name, 0, 1), of_month(name, 1, 1)
    verdicts = [account.truth["sharepoint"].verdict for account in audited(before)]
    assert verdicts.count("match") >= 0.8 * len(verdicts)
    (changes,) = now.beside
    rows = [dict(zip(changes.columns, row, strict=True)) for row in changes.rows]
    # Users come and go besides; nothing else happens in that month.
    assert {row["event"] for row in rows} - {"joined", "left", ""} == {name}
    assert len({row["user_id"] for row in rows if row["event"] == name}) > 0.85 * USERS
    assert not {row["cause"] for row in rows} & {"sync_pending", "older_photo_returned", "rewritten_by_feed"}


def test_only_the_stores_that_were_written_to_have_new_marks() -> None:
    before, now = of_month("mass-upload", 0, 1).by_id(), of_month("mass-upload", 1, 1)
    stayed = [account for account in audited(now) if account.id in before and account.scenario == "in_step"]
    for account in stayed:
        was = before[account.id]
        assert account.profile == was.profile
        assert account.graph.etag != was.graph.etag
        assert account.engage[0].picture_id != was.engage[0].picture_id


@pytest.mark.parametrize("name", [name for name in MAKE_UPS if name not in HAPPENING])
def test_what_always_was_so_is_so_a_month_later_and_of_those_who_join(name: str) -> None:
    first, second = (of_month(name, month) for month in (0, 1))
    workload = {"engage-few": "yammer", "no-exchange": "exchange"}.get(name, "sharepoint")
    joined = [account for account in second.accounts if account.id not in first.by_id()]
    assert joined
    usual = Counter(account.truth[workload].verdict for account in audited(first)).most_common(1)[0][0]
    assert {account.truth[workload].verdict for account in joined} == {usual}


def test_a_refusal_and_another_accounts_profile_outlast_what_happens() -> None:
    tenant = make_month(
        12, 1, 1, photos=None, scenarios=["refused_access_denied", "account_reused", "engage_ambiguous"],
        photo_store="split", make_up="withdrawn",
    )  # fmt: skip
    unread = {
        (account.scenario, workload)
        for account in tenant.accounts
        for workload, truth in account.truth.items()
        if truth.status == "unknown"
    }
    assert unread == {
        ("refused_access_denied", "entra"), ("account_reused", "sharepoint"), ("engage_ambiguous", "yammer"),
    }  # fmt: skip


def test_a_move_that_loses_sharepoint_leaves_everything_else_to_an_ordinary_move() -> None:
    old = of_month("sharepoint-lost", 0)
    lossy, ordinary = migrated(old, sharepoint_lost=True), migrated(old)
    assert never_synchronised(audited(lossy)) == [one for one in audited(lossy) if not hidden(one)]
    outcomes = [Counter((row[2], row[3]) for row in moved.beside[1].rows) for moved in (lossy, ordinary)]
    for (workload, outcome), count in outcomes[1].items():
        assert workload == "sharepoint" or outcomes[0][workload, outcome] == count
    kept = {outcome for workload, outcome in outcomes[0] if workload == "sharepoint"}
    assert kept <= {"lost", "not_mapped", "not_comparable"}
    assert outcomes[0]["sharepoint", "lost"] > 0.8 * USERS


def hidden(account: Account) -> bool:
    """Whose profile is another account's since the move."""
    return account.profile is not None and account.profile.object_id != account.id


# How it is asked for ----------------------------------------------------------------------------------


def test_a_second_process_makes_the_very_same_tenant() -> None:
    assert len(printed_by_two_processes(DIGEST)) == 1


def test_a_make_up_goes_with_scenarios_that_are_asked_for() -> None:
    asked = {"photos": None, "photo_store": "split", "make_up": "sharepoint-nobody"}
    assert set(make_tenant(40, 1, scenarios=["stale_yammer"], **asked).scenarios) == {"stale_yammer", "in_step"}
    plain = make_tenant(40, 1, scenarios=["plain"], **asked)
    assert never_synchronised(plain.accounts) == list(plain.accounts)


@pytest.mark.parametrize("users", [1, 2, 3])
@pytest.mark.parametrize("name", MAKE_UPS)
def test_a_tenant_of_hardly_anybody_can_be_made_up(name: str, users: int) -> None:
    for month in (0, 1, 2):
        make_month(users, 1, month, photos=None, scenarios=None, photo_store="split", make_up=name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--make-up", "nonsense"], "is not one of"),
        (["--make-up", "engage-few", "--make-up-month", "1"], "holds in every month"),
        (["--make-up-month", "1"], "needs the make-up"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(words: list[str], said: str) -> None:
    done = CliRunner().invoke(command, [*words, "--users", "2", "--out", "unused"])
    assert done.exit_code == 2
    assert said in done.output
