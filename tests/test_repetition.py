"""An undecided picture that many accounts have is a placeholder; a photo that many have is not."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from auditor.model import Fingerprint, Observation, Status, User, Way, Workload
from auditor.photos import fingerprint
from auditor.photos.placeholders import REPEATED
from auditor.repetition import repeated_tiles, settled
from auditor.runs import frames
from auditor.runs.folder import RunFolder, create, observations_part


def tile(text: str, quality: int) -> Fingerprint:
    image = Image.new("RGB", (96, 96), (16, 124, 16))
    ImageDraw.Draw(image).text((48, 48), text, "white", ImageFont.load_default(40), anchor="mm")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return fingerprint(out.getvalue())


TILE, SAME_TILE = tile("AB", 80), tile("AB", 92)


def seen(number: int, picture: Fingerprint, workload: Workload = Workload.YAMMER, *, undecided: bool) -> Observation:
    signals = {"looks": "undecided: it may be a tile"} if undecided else {}
    return Observation(
        f"id-{number}", workload, Status.PHOTO, Way.USERS_LIST, datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint=picture, signals=signals,
    )  # fmt: skip


def run_with(folder: Path, observations: list[Observation]) -> RunFolder:
    run = create(folder / "run", {})
    users = [
        User(f"id-{number}", f"user{number}@contoso.example", "", "", "Member", True, True, "", False, True, False)
        for number in range(9)
    ]
    run.freeze_users(users, shard_users=4)
    for shard in range(run.shards):
        ids = {user.id for user in run.users(shard)}
        run.write_observations(Workload.YAMMER, shard, [one for one in observations if one.user_id in ids])
    return run


def statuses(run: RunFolder) -> list[str]:
    tiles = repeated_tiles(run, [Workload.YAMMER])
    parts = [run.read_part(observations_part(Workload.YAMMER, shard)) for shard in range(run.shards)]
    return [status for part in parts for status in settled(part, tiles).column("status").to_pylist()]


def test_an_undecided_tile_on_many_accounts_is_a_placeholder_in_every_shard(tmp_path: Path) -> None:
    pictures = [TILE, SAME_TILE] * 4
    run = run_with(tmp_path, [seen(number, picture, undecided=True) for number, picture in enumerate(pictures)])
    assert statuses(run) == ["placeholder"] * len(pictures)


def test_an_undecided_tile_on_a_few_accounts_stays_a_photo(tmp_path: Path) -> None:
    run = run_with(tmp_path, [seen(number, TILE, undecided=True) for number in range(REPEATED - 1)])
    assert set(statuses(run)) == {"photo"}


def test_what_did_not_look_undecided_stays_a_photo_however_many_have_it(tmp_path: Path) -> None:
    run = run_with(tmp_path, [seen(number, TILE, undecided=False) for number in range(9)])
    assert set(statuses(run)) == {"photo"}


def test_the_signal_says_on_how_many_accounts_the_picture_lies(tmp_path: Path) -> None:
    run = run_with(tmp_path, [seen(number, TILE, undecided=True) for number in range(7)])
    part = settled(run.read_part(observations_part(Workload.YAMMER, 0)), repeated_tiles(run, [Workload.YAMMER]))
    looks = [json.loads(signals)["looks"] for signals in part.column("signals").to_pylist()]
    assert all(text.split(":")[0] in {"initials", "default"} for text in looks)
    assert part.schema.equals(frames.observations_table([]).schema)
