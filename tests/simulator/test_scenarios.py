"""Every scenario: that it is dealt, to whom, and what is true of it under each photo store."""

from __future__ import annotations

from collections import Counter

import pytest

from auditor.simulator.population import make_tenant
from auditor.simulator.scenarios import IN_STEP, OUT_OF_SCOPE, PLAIN_SCENARIOS, SCENARIOS, choose
from auditor.simulator.tenant import Account, Tenant

PHOTO_STORES = ("split", "mailbox-first", "unified")


def tenant_of(users: int, seed: int = 1, photo_store: str = "split", scenarios: list[str] | None = None) -> Tenant:
    return make_tenant(users, seed, photos=None, scenarios=scenarios, photo_store=photo_store)


def of_scenario(name: str, photo_store: str, users: int = 24) -> list[Account]:
    """The users of one scenario, by turns."""
    accounts = tenant_of(users, photo_store=photo_store, scenarios=[name]).accounts
    return [account for account in accounts if account.scenario == name]


def told(account: Account) -> list[str]:
    """Status, verdict and cause of each workload, as the tables below write them."""
    return [
        " ".join(filter(None, (truth.status, truth.verdict, truth.cause)))
        for truth in (account.truth[name] for name in ("entra", "exchange", "sharepoint", "yammer"))
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("users", [200, 500, 1000])
def test_every_scenario_has_at_least_two_users_and_one_per_cent(users: int, seed: int) -> None:
    tenant = tenant_of(users, seed)
    counts = Counter(account.scenario for account in tenant.accounts)
    assert set(counts) == set(SCENARIOS) == set(tenant.scenarios)
    assert min(counts.values()) >= max(2, -(-users // 100))
    for account in tenant.accounts:
        if account.scenario != IN_STEP:
            assert account.in_scope is (SCENARIOS[account.scenario].who not in OUT_OF_SCOPE)


def test_a_small_tenant_deals_as_many_scenarios_as_it_has_seats_for() -> None:
    counts = Counter(account.scenario for account in tenant_of(40).accounts)
    assert counts[IN_STEP] == 20
    assert set(list(SCENARIOS)[:10]) <= set(counts)


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != IN_STEP])
def test_one_scenario_alone_can_be_asked_for(name: str) -> None:
    counts = Counter(account.scenario for account in tenant_of(10, scenarios=[name]).accounts)
    assert counts == {IN_STEP: 5, name: 5}


def test_names_are_chosen_by_themselves_or_by_their_family() -> None:
    assert choose(None).everything
    assert choose(["Plain"]).names == PLAIN_SCENARIOS
    assert choose(["stale"]).names == ("stale_entra", "stale_exchange", "stale_sharepoint", "stale_yammer")
    assert choose(["no-mailbox", "in_step", "no_mailbox"]).names == ("no_mailbox",)
    assert choose(["in_step"]).names == ()


def test_in_step_alone_is_a_tenant_without_drift() -> None:
    for account in tenant_of(30, scenarios=["in_step"]).accounts:
        assert told(account) == ["photo reference", "photo match", "photo match", "photo match"]


REFERENCE, MATCH = "photo reference", "photo match"
OTHER = "photo mismatch unexplained"
EDITED = "photo variant edited_copy"
ANOTHER = "photo mismatch photo_of_another_user"
LEFT_OVER = "photo unexpected removed_at_reference"
UNCHECKED, UNKNOWN = "photo unchecked", "unknown unchecked"
NOT_KEPT = "not_provisioned not_applicable"

ALWAYS: dict[str, list[list[str]]] = {
    # The same whichever store Graph reads; the first users of the scenario, in turn.
    "stale_sharepoint": [[REFERENCE, MATCH, OTHER, MATCH]],
    "stale_yammer": [[REFERENCE, MATCH, MATCH, OTHER]],
    "missing_sharepoint": [[REFERENCE, MATCH, "absent missing unexplained", MATCH]],
    "missing_yammer": [[REFERENCE, MATCH, MATCH, "absent missing unexplained"]],
    "never_set": [["absent no_photo"] * 4],
    "placeholder_copy": [
        [REFERENCE, MATCH, "placeholder placeholder unexplained", MATCH],
        [REFERENCE, MATCH, MATCH, "placeholder placeholder unexplained"],
    ],
    "sharepoint_never_visited": [[REFERENCE, MATCH, "absent missing sharepoint_never_visited", MATCH]],
    "sharepoint_detached": [[REFERENCE, MATCH, "photo mismatch sharepoint_detached", MATCH]],
    "sharepoint_placeholder_state": [[REFERENCE, MATCH, "placeholder placeholder sharepoint_placeholder_state", MATCH]],
    "sharepoint_blanked": [[REFERENCE, MATCH, "placeholder placeholder sharepoint_blanked", MATCH]],
    "sharepoint_without_licence": [[REFERENCE, NOT_KEPT, "photo mismatch sharepoint_without_exchange_licence", MATCH]],
    "tenant_renamed": [
        [REFERENCE, MATCH, "placeholder placeholder tenant_renamed", MATCH],
        [REFERENCE, MATCH, "photo mismatch tenant_renamed", MATCH],
    ],
    "engage_own_photo": [[REFERENCE, MATCH, MATCH, "photo mismatch engage_own_photo"]],
    "cropped": [[REFERENCE, MATCH, MATCH, EDITED], [REFERENCE, MATCH, EDITED, MATCH]],
    "mirrored": [[REFERENCE, MATCH, MATCH, EDITED], [REFERENCE, MATCH, EDITED, MATCH]],
    "rotated": [[REFERENCE, MATCH, EDITED, MATCH], [REFERENCE, MATCH, MATCH, EDITED]],
    "greyed": [[REFERENCE, MATCH, EDITED, MATCH], [REFERENCE, MATCH, MATCH, EDITED]],
    "reencoded": [[REFERENCE, MATCH, MATCH, MATCH]] * 6,
    "squared": [[REFERENCE, MATCH, MATCH, MATCH]] * 2,
    "swapped": [[REFERENCE, MATCH, ANOTHER, MATCH]] * 2 + [[REFERENCE, MATCH, MATCH, ANOTHER]] * 2,
    "shared_picture": [[REFERENCE, MATCH, MATCH, OTHER], [REFERENCE, MATCH, ANOTHER, ANOTHER]],
    "animated": [[REFERENCE, MATCH, MATCH, MATCH], [REFERENCE, MATCH, MATCH, OTHER]],
    "oversized": [[REFERENCE, MATCH, MATCH, MATCH], [REFERENCE, MATCH, OTHER, MATCH]],
    "no_mailbox": [[REFERENCE, NOT_KEPT, MATCH, MATCH], [REFERENCE, NOT_KEPT, MATCH, OTHER]],
    "no_profile": [[REFERENCE, MATCH, NOT_KEPT, MATCH]],
    "not_in_engage": [[REFERENCE, MATCH, MATCH, NOT_KEPT]],
    "account_reused": [
        [REFERENCE, MATCH, UNKNOWN, MATCH],
        [REFERENCE, MATCH, UNKNOWN, "absent missing unexplained"],
    ],
    "engage_ambiguous": [[REFERENCE, MATCH, MATCH, UNKNOWN]],
    "refused_authentication_error": [[UNKNOWN, NOT_KEPT, UNCHECKED, UNCHECKED]],
    "refused_non_existent_mailbox": [[UNKNOWN, NOT_KEPT, UNCHECKED, UNCHECKED]],
    "refused_mailbox_on_premises": [[UNKNOWN, "absent unchecked", UNCHECKED, UNCHECKED]],
    "refused_mailbox_inactive": [[UNKNOWN, "absent unchecked", UNCHECKED, UNCHECKED]],
    "refused_access_denied": [[UNKNOWN, UNCHECKED, UNCHECKED, UNCHECKED]],
    "refused_profile_not_found": [[UNKNOWN, UNCHECKED, UNCHECKED, UNCHECKED]],
    "refused_user_gone": [[UNKNOWN, UNCHECKED, UNCHECKED, UNCHECKED]],
    "refused_ews_licence": [[REFERENCE, UNKNOWN, MATCH, MATCH]],
    "frontline": [[REFERENCE, UNKNOWN, MATCH, MATCH], [REFERENCE, UNKNOWN, MATCH, OTHER]],
    "guest": [["absent no_photo", NOT_KEPT, NOT_KEPT, NOT_KEPT], [REFERENCE, NOT_KEPT, NOT_KEPT, NOT_KEPT]],
    "external_member": [[REFERENCE, NOT_KEPT, NOT_KEPT, MATCH]],
    "disabled": [[REFERENCE, MATCH, OTHER, MATCH]],
    "unlicensed": [[REFERENCE, NOT_KEPT, MATCH, NOT_KEPT]],
    "room_mailbox": [
        ["absent no_photo", "absent no_photo", NOT_KEPT, NOT_KEPT],
        [REFERENCE, MATCH, NOT_KEPT, NOT_KEPT],
    ],
}
BY_STORE: dict[str, dict[str, list[list[str]]]] = {
    "stale_entra": {
        "split": [[REFERENCE, OTHER, OTHER, OTHER]],
        "mailbox-first": [[REFERENCE, MATCH, MATCH, MATCH]],
        "unified": [[REFERENCE, MATCH, OTHER, OTHER]],
    },
    "stale_exchange": {
        "split": [[REFERENCE, OTHER, MATCH, MATCH]],
        "mailbox-first": [[REFERENCE, MATCH, OTHER, OTHER]],
        "unified": [[REFERENCE, MATCH, MATCH, MATCH]],
    },
    "missing_exchange": {
        "split": [[REFERENCE, "absent missing unexplained", MATCH, MATCH]],
        "mailbox-first": [[REFERENCE, "absent missing unexplained", MATCH, MATCH]],
        "unified": [[REFERENCE, MATCH, MATCH, MATCH]],
    },
    "removed_at_reference": {
        "split": [
            ["absent no_photo", "absent no_photo", LEFT_OVER, LEFT_OVER],
            ["absent no_photo", LEFT_OVER, LEFT_OVER, LEFT_OVER],
        ],
        "mailbox-first": [
            ["absent no_photo", "absent no_photo", LEFT_OVER, LEFT_OVER],
            [REFERENCE, MATCH, MATCH, MATCH],
        ],
        "unified": [["absent no_photo", "absent no_photo", LEFT_OVER, LEFT_OVER]] * 2,
    },
    "directory_thumbnail": {
        "split": [
            [REFERENCE, MATCH, MATCH, MATCH],
            [REFERENCE, "photo mismatch low_resolution_directory_copy", MATCH, MATCH],
        ],
        "mailbox-first": [
            [REFERENCE, MATCH, MATCH, MATCH],
            [REFERENCE, "photo mismatch low_resolution_directory_copy", MATCH, MATCH],
        ],
        "unified": [[REFERENCE, MATCH, MATCH, MATCH]] * 2,
    },
    # The mailbox holds nothing of its own here: only a unified store shows the tile in it.
    "placeholder_reference": {
        "split": [
            ["placeholder no_photo", "absent no_photo", "absent no_photo", "placeholder no_photo"],
            ["placeholder no_photo", "absent no_photo", "photo unexpected unexplained", "absent no_photo"],
        ],
        "unified": [
            ["placeholder no_photo", "placeholder no_photo", "absent no_photo", "placeholder no_photo"],
            ["placeholder no_photo", "placeholder no_photo", "photo unexpected unexplained", "absent no_photo"],
        ],
    },
    "broken_bytes": {
        "split": [
            [REFERENCE, MATCH, "unreadable broken unexplained", MATCH],
            [REFERENCE, MATCH, MATCH, "unreadable broken unexplained"],
            ["unreadable broken unexplained", UNCHECKED, UNCHECKED, UNCHECKED],
            [REFERENCE, "unreadable broken unexplained", MATCH, MATCH],
        ],
        "mailbox-first": [
            [REFERENCE, MATCH, "unreadable broken unexplained", MATCH],
            [REFERENCE, MATCH, MATCH, "unreadable broken unexplained"],
            [REFERENCE, MATCH, MATCH, MATCH],
            ["unreadable broken unexplained", "unreadable unchecked", UNCHECKED, UNCHECKED],
        ],
        "unified": [
            [REFERENCE, MATCH, "unreadable broken unexplained", MATCH],
            [REFERENCE, MATCH, MATCH, "unreadable broken unexplained"],
            ["unreadable broken unexplained", "unreadable unchecked", UNCHECKED, UNCHECKED],
            [REFERENCE, MATCH, MATCH, MATCH],
        ],
    },
}


@pytest.mark.parametrize("photo_store", PHOTO_STORES)
@pytest.mark.parametrize("name", ALWAYS)
def test_what_is_true_whichever_store_graph_reads(name: str, photo_store: str) -> None:
    _check(name, photo_store, ALWAYS[name])


@pytest.mark.parametrize(
    ("name", "photo_store"), [(name, photo_store) for name, stores in BY_STORE.items() for photo_store in stores]
)
def test_what_is_true_of_each_store_that_graph_may_read(name: str, photo_store: str) -> None:
    _check(name, photo_store, BY_STORE[name][photo_store])


def _check(name: str, photo_store: str, expected: list[list[str]]) -> None:
    found = [told(account) for account in of_scenario(name, photo_store)]
    assert found[: len(expected)] == expected


@pytest.mark.parametrize("photo_store", PHOTO_STORES)
def test_a_variant_in_the_mailbox_is_one_wherever_it_is_compared(photo_store: str) -> None:
    fifth = told(of_scenario("mirrored", photo_store)[4])
    assert (
        fifth
        == {
            "split": [REFERENCE, EDITED, MATCH, MATCH],
            "mailbox-first": [REFERENCE, MATCH, EDITED, EDITED],
            "unified": [REFERENCE, MATCH, MATCH, MATCH],
        }[photo_store]
    )


def test_three_that_were_mixed_up_go_round_in_a_ring() -> None:
    accounts = of_scenario("swapped", "split", users=10)
    copies = [account.profile.shown.key for account in accounts if account.profile and account.profile.shown]
    photos = [account.graph.picture.key for account in accounts if account.graph.picture]
    shown = [{user.picture.key for user in account.engage if user.picture} for account in accounts]
    for place, photo in enumerate(photos):
        others = [other for other in range(5) if other != place]
        assert sum(copies[other] == photo or photo in shown[other] for other in others) == 1


@pytest.mark.parametrize(
    ("name", "http", "code", "words"),
    [
        ("refused_authentication_error", 400, "AuthenticationError", "Error authenticating with resource"),
        ("refused_non_existent_mailbox", 404, "ErrorNonExistentMailbox", "has no mailbox associated"),
        ("refused_mailbox_on_premises", 404, "MailboxNotHostedInExchangeOnline", "hosted by an on-premise"),
        ("refused_mailbox_inactive", 404, "MailboxNotEnabledForRESTAPI", "inactive, soft-deleted"),
        ("refused_access_denied", 403, "ErrorAccessDenied", "Access to OData is disabled."),
        ("refused_profile_not_found", 404, "ErrorProfileNotFound", "ProfileNotFoundException"),
        ("refused_user_gone", 404, "Request_ResourceNotFound", "does not exist"),
    ],
)
def test_graph_refuses_in_its_own_words(name: str, http: int, code: str, words: str) -> None:
    for account in of_scenario(name, "split"):
        refusal = account.graph.refusal
        assert refusal
        assert (refusal.http, refusal.code) == (http, code)
        assert words in refusal.message
        assert "{" not in refusal.message


def test_sharepoint_shows_users_without_an_exchange_licence_what_graph_does() -> None:
    for account in of_scenario("no_mailbox", "split"):
        assert account.profile
        assert account.profile.shown == account.graph.picture
        assert account.profile.stored != account.profile.shown


def test_a_profile_never_synchronised_has_no_sign_of_it() -> None:
    for account in of_scenario("sharepoint_never_visited", "split"):
        profile = account.profile
        assert profile
        assert (profile.timestamp, profile.placeholder_state, profile.exchange_sync_state) == ("", "", "")
        assert not profile.picture_url
        assert profile.stored is None
        assert profile.personal_site_state in {"", "0"}


def test_a_detached_profile_is_told_from_a_stale_one_by_its_state() -> None:
    states = {
        name: {account.profile.exchange_sync_state for account in of_scenario(name, "split") if account.profile}
        for name in ("sharepoint_detached", "stale_sharepoint")
    }
    assert states == {"sharepoint_detached": {"0"}, "stale_sharepoint": {"1"}}


def test_a_reused_account_s_profile_names_another_object() -> None:
    for account in of_scenario("account_reused", "split"):
        assert account.profile
        assert account.profile.object_id != account.id
