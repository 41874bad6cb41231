"""One picture on several accounts: found by its hash, decided by the comparison, and never by chance."""

from __future__ import annotations

import numpy as np

from auditor.diagnosis.owners import SHARED_RADIUS, _near_pairs, index, shared
from auditor.runs.folder import open_run
from tests.changes.conftest import People, print_of, run_of


def test_near_hashes_are_found_as_a_search_of_all_pairs_finds_them() -> None:
    rng = np.random.default_rng(7)
    hashes = rng.integers(0, 2**64, 300, dtype=np.uint64)
    for place in range(0, 300, 3):
        bits = rng.choice(64, size=place % 9, replace=False)
        hashes[place] = hashes[place + 1] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=0)
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    expected = {(int(a), int(b)) for a, b in np.argwhere(np.triu(apart <= SHARED_RADIUS, 1))}
    assert expected
    assert set(_near_pairs(hashes)) == expected


def test_equal_hashes_of_two_photos_are_not_one_picture() -> None:
    prints = {"a": print_of("anna", 400), "b": print_of("berta", 400), "c": print_of("anna", 200)}
    found = shared(index(list(prints), [prints["a"].phash] * 3, prints.get), [one.sha256 for one in prints.values()])
    assert found == (("a", "c"),)


def test_the_audit_notes_it_and_can_be_asked_not_to(tmp_path) -> None:  # type: ignore[no-untyped-def]
    people: People = {1: "logo", 2: {"entra": "logo@200", "yammer": "carl"}, 3: "carl", 4: "logo"}
    for asked in (True, False):
        run_of(tmp_path / str(asked), people, find_owner=asked)
        run = open_run(tmp_path / str(asked), exclusive=False)
        rows = {(int(row.user_id[-12:]), row.workload): row for row in run.view().verdicts.itertuples()}
        notes = [rows[number, "entra"].note for number in (1, 2, 3, 4)]
        if asked:
            told = "the same picture is the reference photo of"
            first, second = "user1@contoso.com and 1 more", "user2@contoso.com and 1 more"
            assert notes == [f"{told} {second}", f"{told} {first}", "", f"{told} {first}"]
            accounts = ["user1@contoso.com", "user2@contoso.com", "user4@contoso.com"]
            assert run.manifest["shared_pictures"] == {"pictures": 1, "accounts": 3, "groups": [accounts]}
            assert rows[2, "yammer"].cause == "photo_of_another_user"
        else:
            assert set(notes) == {""}
            assert rows[2, "yammer"].cause == "unexplained"
        assert rows[1, "sharepoint"].note == ""
