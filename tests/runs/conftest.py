"""Small runs made by hand: no tenant, the real folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from auditor.model import FINGERPRINT_COLUMNS, VERDICT_COLUMNS, Fingerprint, Observation, Status, User, Way, Workload
from auditor.runs import frames
from auditor.runs.folder import RunFolder, create, verdicts_part
from tests import forked

MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


def picture_of(name: str) -> bytes:
    """A small PNG that is this name's alone."""
    out = io.BytesIO()
    Image.frombytes("RGB", (4, 4), hashlib.sha384(name.encode()).digest()).save(out, "PNG")
    return out.getvalue()


def user(number: int, **changed: Any) -> User:
    upn = f"user{number}@contoso.com"
    values: dict[str, Any] = {
        "id": f"00000000-0000-4000-8000-{number:012d}", "upn": upn, "mail": upn, "display_name": f"User Number{number}",
        "user_type": "Member", "enabled": True, "licensed": True, "department": "Sales", "synced": False,
        "exchange_plan": True, "kiosk": False, "addresses": (upn,),
    }  # fmt: skip
    return User(**values | changed)


def print_of(data: bytes) -> Fingerprint:
    digest = hashlib.sha256(data).hexdigest()
    return Fingerprint(digest, "g2", "PNG", 4, 4, len(data), digest[:16], digest[16:32], digest.encode())


def make_run(
    path: Path,
    users: Sequence[User],
    *,
    shard_users: int = 2,
    texts: Mapping[str, str] | None = None,
    finished: datetime | None = MOMENT,
    **manifest: Any,
) -> RunFolder:
    """A run of these users with two workloads, a picture for each, and what `texts` says in every verdict."""
    told: dict[str, Any] = {
        "run_id": "0" * 32, "started": (finished or MOMENT).isoformat(), "tenant": {"id": "t", "domain": "contoso.com"},
        "configured": ["entra", "sharepoint"], "reference": "entra", "recipe": "g2", "photos": "all", "complete": False,
        "scope": {"directory": len(users), "in_scope": len(users), "excluded": {}}, "settings": [], "parts": {},
    }  # fmt: skip
    run = create(path, told | manifest)
    run.freeze_users(users, shard_users)
    for shard in range(run.shards):
        rows: list[dict[str, Any]] = []
        for workload in (Workload.ENTRA, Workload.SHAREPOINT):
            observations = []
            for one in run.users(shard):
                data = picture_of(f"{one.id}{workload}")
                picture = print_of(data)
                run.keep(picture.sha256, picture.format, data)
                observations.append(
                    Observation(
                        one.id, workload, Status.PHOTO, Way.GRAPH_BATCH, MOMENT, fingerprint=picture,
                        signals={"etag": (texts or {}).get("signals", "1")},
                    )
                )  # fmt: skip
                own = workload is Workload.ENTRA
                row = {column.name: _NOTHING[column.type] for column in VERDICT_COLUMNS} | {
                    "user_id": one.id, "upn": one.upn, "workload": str(workload), "status": "photo",
                    "verdict": "reference" if own else "mismatch", "reference": "entra", "observed_at": MOMENT,
                    "cause": "" if own else "unexplained", "sha256": picture.sha256, "format": "PNG",
                    "width": 4, "height": 4, "size": picture.size, "way": "graph_batch", "picture": "only",
                    "signals": json.dumps({"etag": (texts or {}).get("signals", "1")}),
                }  # fmt: skip
                rows.append(row | {name: text for name, text in (texts or {}).items() if name != "signals"})
            run.write_observations(workload, shard, observations)
        if finished:
            run.write_part(verdicts_part(shard), frames.table(VERDICT_COLUMNS, rows))
    if finished:
        run.finish(finished=finished.isoformat(), complete=True, tallies={"sharepoint": {"mismatch": len(users)}})
    return run


_NOTHING: dict[str, Any] = {
    "string": "", "bool": False, "int64": 0, "float64": None, "binary": b"", "timestamp": None,
}  # fmt: skip
assert {column.type for column in FINGERPRINT_COLUMNS} <= set(_NOTHING)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Ended]:
    """`photo-auditor` as its users run it."""

    def run(*words: object) -> Ended:
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        given = {**kept, "HOME": str(tmp_path), "NO_COLOR": "1"}
        done = forked.run("auditor", [str(word) for word in words], given, tmp_path)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err, err
        return Ended(done.returncode, out, err)

    return run
