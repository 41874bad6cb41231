"""What a baseline gives out: copies that were learned, of the same users under the same names, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.model import Observation, Picture, Reason, Status, User, Way, Workload
from auditor.runs import frames
from auditor.runs.baselines import save
from auditor.runs.earlier import Earlier, open_earlier
from auditor.runs.folder import RunFolder, create, observations_part, users_part
from auditor.runs.manifest import RunError
from tests.runs.conftest import MOMENT, make_run, picture_of, print_of, user

USERS = [user(number) for number in range(5)]
RECIPE = "g2"


def no(text: str) -> None:
    raise AssertionError(f"nothing was to be told: {text}")


def opened(path: Path, tell: Callable[[str], None] = no, tenant: str = "t", recipe: str = RECIPE) -> Earlier:
    return open_earlier(path, (tenant,), recipe, tell)


def run_of(path: Path, *observations: Observation, **manifest: Any) -> RunFolder:
    """A finished run of one user with these observations of SharePoint."""
    told: dict[str, Any] = {"run_id": "1" * 32, "tenant": {"id": "t"}, "recipe": RECIPE, "parts": {}, "photos": "all"}
    run = create(path, told | manifest)
    run.freeze_users([USERS[0]], 10)
    run.write_observations(Workload.SHAREPOINT, 0, observations)
    run.finish(finished=MOMENT.isoformat())
    run.close()
    return run


def seen(status: Status, picture: Picture = Picture.SHOWN, *, pixels: bool = True, **more: Any) -> Observation:
    made = print_of(picture_of(f"{status}")) if pixels else None
    return Observation(
        USERS[0].id, Workload.SHAREPOINT, status, Way.USERPHOTO, MOMENT, picture=picture, fingerprint=made, **more
    )


def test_what_was_read_is_given_out_with_when_and_in_which_run(tmp_path: Path) -> None:
    make_run(tmp_path / "run", USERS).close()
    found = opened(tmp_path / "run").copies(Workload.SHAREPOINT, USERS)
    assert set(found) == {one.id for one in USERS}
    for copies in found.values():
        (copy,) = copies
        assert (copy.status, copy.read_at, copy.read_in) == (Status.PHOTO, MOMENT, "0" * 32)
        assert copy.fingerprint == print_of(picture_of(f"{copy.user_id}{Workload.SHAREPOINT}"))


def test_a_copy_that_was_carried_over_already_keeps_the_run_that_read_it(tmp_path: Path) -> None:
    long_ago = MOMENT - timedelta(days=60)
    run_of(tmp_path / "run", seen(Status.PHOTO, read_at=long_ago, read_in="first"))
    ((copy,),) = opened(tmp_path / "run").copies(Workload.SHAREPOINT, USERS).values()
    assert (copy.read_at, copy.read_in, copy.observed_at) == (long_ago, "first", MOMENT)


@pytest.mark.parametrize(
    ("observation", "given"),
    [
        (seen(Status.PHOTO), True),
        (seen(Status.PLACEHOLDER), True),
        (seen(Status.ABSENT, pixels=False), True),  # the default person: dear to look at again
        (seen(Status.ABSENT, Picture.STORED, pixels=False), False),
        (seen(Status.NOT_PROVISIONED, pixels=False), False),
        (seen(Status.UNREADABLE, pixels=False, digest="ab" * 32), False),
        (seen(Status.UNKNOWN, pixels=False, reason=Reason.THROTTLED), False),
        (seen(Status.PLACEHOLDER, pixels=False), False),
    ],
)
def test_only_what_was_learned_is_given_out(tmp_path: Path, observation: Observation, given: bool) -> None:
    run_of(tmp_path / "run", observation)
    assert bool(opened(tmp_path / "run").copies(Workload.SHAREPOINT, USERS)) == given


@pytest.mark.parametrize(
    "now",
    [
        replace(USERS[0], id="11111111-0000-4000-8000-000000000000"),
        replace(USERS[0], upn="ada.new@contoso.com"),
        replace(USERS[0], mail="ada.new@contoso.com"),
        replace(USERS[0], exchange_plan=False),
    ],
    ids=["id", "upn", "mail", "licence"],
)
def test_a_user_who_is_asked_for_otherwise_than_then_is_unknown(tmp_path: Path, now: User) -> None:
    run_of(tmp_path / "run", seen(Status.PHOTO))
    earlier = opened(tmp_path / "run")
    assert earlier.copies(Workload.SHAREPOINT, [replace(USERS[0], department="Law")])
    assert not earlier.copies(Workload.SHAREPOINT, [now])


def test_a_fingerprint_of_another_recipe_is_not_given_out(tmp_path: Path) -> None:
    odd = seen(Status.PHOTO)
    assert odd.fingerprint
    run_of(tmp_path / "one", replace(odd, fingerprint=replace(odd.fingerprint, recipe="g1")))
    assert not opened(tmp_path / "one").copies(Workload.SHAREPOINT, USERS)
    run_of(tmp_path / "all", odd)
    whole = opened(tmp_path / "all", recipe="g3")
    assert "recipe g2" in whole.note
    assert not whole.copies(Workload.SHAREPOINT, USERS)


def test_pruned_fingerprints_are_none(tmp_path: Path) -> None:
    run_of(tmp_path / "run", seen(Status.PHOTO), fingerprints_dropped=True)
    earlier = opened(tmp_path / "run")
    assert "pruned" in earlier.note
    assert not earlier.copies(Workload.SHAREPOINT, USERS)


@pytest.mark.parametrize("part", [observations_part(Workload.SHAREPOINT, 0), users_part(0)])
@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_a_damaged_part_is_told_once_and_costs_only_its_own_users(tmp_path: Path, part: str, how: str) -> None:
    make_run(tmp_path / "run", USERS).close()
    file = tmp_path / "run" / part
    if how == "gone":
        file.unlink()
    else:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    told: list[str] = []
    earlier = opened(tmp_path / "run", told.append)
    for _ in range(3):
        assert set(earlier.copies(Workload.SHAREPOINT, USERS)) == {one.id for one in USERS[2:]}
    assert len(told) == 1
    assert str(file) in told[0]
    assert "read in full" in told[0]


@pytest.mark.parametrize("what", ["nothing", "unfinished", "tenant", "manifest"])
def test_what_is_no_baseline_of_this_tenant_is_refused_with_what_to_do(tmp_path: Path, what: str) -> None:
    path = tmp_path / "run"
    if what != "nothing":
        make_run(path, USERS, finished=None if what == "unfinished" else MOMENT).close()
    if what == "manifest":
        manifest = path / "manifest.json"
        manifest.write_bytes(manifest.read_bytes().replace(b"contoso", b"fabrika"))
    with pytest.raises(RunError) as refused:
        opened(path, tenant="other" if what == "tenant" else "t")
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("name", ["t", "contoso.com", "CONTOSO.com"])
def test_a_tenant_is_known_by_its_id_and_by_its_domain(tmp_path: Path, name: str) -> None:
    make_run(tmp_path / "run", USERS).close()
    assert opened(tmp_path / "run", tenant=name).copies(Workload.ENTRA, USERS)


def test_a_picture_is_given_out_only_as_it_was(tmp_path: Path) -> None:
    make_run(tmp_path / "run", USERS).close()
    earlier = opened(tmp_path / "run")
    data = picture_of(f"{USERS[0].id}{Workload.ENTRA}")
    kept = print_of(data)
    assert earlier.picture(kept.sha256, "PNG") == data
    earlier.run.picture(kept.sha256, "PNG").write_bytes(data[:-1])
    assert earlier.picture(kept.sha256, "PNG") is None
    assert earlier.picture("../../manifest", "PNG") is None


def test_a_saved_baseline_gives_out_the_pictures_of_the_run_that_it_was_saved_from(tmp_path: Path) -> None:
    make_run(tmp_path / "run", USERS).close()
    saved = save(tmp_path, tmp_path / "run", "october")
    data = picture_of(f"{USERS[0].id}{Workload.ENTRA}")
    assert opened(saved.path).picture(print_of(data).sha256, "PNG") == data
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    earlier = opened(saved.path)
    assert earlier.picture(print_of(data).sha256, "PNG") is None
    assert earlier.copies(Workload.ENTRA, USERS)


def test_a_run_from_before_pictures_had_a_reading_of_their_own_is_a_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts without the columns read_at and read_in, as earlier versions wrote them."""
    run = make_run(tmp_path / "run", USERS)
    for shard in range(run.shards):
        part = observations_part(Workload.ENTRA, shard)
        run.replace_part(part, run.read_part(part).drop_columns(["read_at", "read_in"]))
    run.close()
    ((copy,), *_) = opened(tmp_path / "run").copies(Workload.ENTRA, USERS).values()
    assert isinstance(copy.read_at, datetime)
    assert (copy.read_at, copy.read_in) == (MOMENT, "0" * 32)


def test_whoever_is_asked_for_by_another_address_is_read_anew(tmp_path: Path) -> None:
    before = replace(USERS[0], asked_by=(USERS[0].upn, USERS[0].mail, "old@contoso.com"))
    make_run(tmp_path / "run", [before, *USERS[1:]]).close()
    earlier = opened(tmp_path / "run")
    for asked_by, given in ((before.asked_by, True), ((USERS[0].upn,), False), (("new@contoso.com",), False)):
        copies = earlier.copies(Workload.ENTRA, [replace(before, asked_by=asked_by)])
        assert bool(copies) == given
    # A run of an older version did not say it: there the mail was asked for, whose it was.
    assert earlier.copies(Workload.ENTRA, [replace(USERS[1], asked_by=(USERS[1].upn,))])
    assert not earlier.copies(Workload.ENTRA, [replace(USERS[1], asked_by=(USERS[1].upn,), mail_of_another=True)])


def test_a_run_of_an_older_version_asked_by_mail_name_and_proxy_addresses(tmp_path: Path) -> None:
    older = frames.users_table(USERS).drop_columns(["asked_by", "mail_of_another", "plans_known", "mailbox"])
    frames.write_table(older, tmp_path / "users.parquet")
    rows = frames.as_today(frames.read_table(tmp_path / "users.parquet")).to_pylist()
    assert [frames.user_of(row).asked_by for row in rows] == [(user.upn,) for user in USERS]
    assert {(row["plans_known"], row["mailbox"]) for row in rows} == {(True, "")}
