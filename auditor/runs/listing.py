"""What runs there are, and how old and how large they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.runs.folder import RunFolder, open_run
from auditor.runs.manifest import MANIFEST, RunError

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Listed:
    """One run of a folder of runs."""

    path: Path
    when: datetime | None
    """When it was finished, or begun where it was not."""
    state: str
    """finished, incomplete (finished, and not everything was learned), interrupted, or damaged."""
    tenant: str = ""
    users: int = 0
    pictures: int = 0
    picture_bytes: int = 0
    fingerprints: bool = False
    """Whether it still holds fingerprints."""
    erasures: int = 0


def runs_in(folder: Path) -> list[Path]:
    """The runs that lie directly in a folder, or the folder itself where it is one; in the order of their names.

    Raises `RunError` where there is no such folder.
    """
    if (folder / MANIFEST).is_file():
        return [folder]
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder}. Name the folder that holds the runs with --runs.")
    return sorted(one for one in folder.iterdir() if (one / MANIFEST).is_file())


def newest_first(folder: Path) -> list[Path]:
    """The finished runs about whole tenants in a folder, the newest first; none where there is no such folder.

    One about a few users can be no baseline for everybody: all others would be called new.
    """
    found = []
    for path in runs_in(folder) if folder.is_dir() else ():
        with suppress(RunError):
            run = open_run(path, exclusive=False)
            whole = not run.manifest.get("scope", {}).get("only")
            if run.finished and whole and (moment := when(run)) is not None:
                found.append((moment, path))
    return [path for _, path in sorted(found, reverse=True)]


def list_runs(paths: Sequence[Path]) -> list[Listed]:
    """Describe runs, the oldest first; one whose manifest cannot be read is listed as damaged."""
    found = [_described(path) for path in paths]
    return sorted(found, key=lambda one: (one.when or datetime.max.replace(tzinfo=UTC), one.path))


def when(run: RunFolder) -> datetime | None:
    """When a run was finished, or begun where it was not; None where the manifest does not say."""
    for name in ("finished", "started"):
        try:
            made = datetime.fromisoformat(str(run.manifest.get(name)))
        except ValueError:
            continue
        return made if made.tzinfo else made.replace(tzinfo=UTC)
    return None


def _described(path: Path) -> Listed:
    try:
        run = open_run(path, exclusive=False)
    except RunError:
        return Listed(path, None, "damaged")
    manifest = run.manifest
    files = [file for file in run.photos.glob("*/*") if file.is_file()]
    tenant = manifest.get("tenant", {})
    if not run.finished or manifest.get("underway"):
        state = "interrupted"
    else:
        state = "finished" if manifest.get("complete") else "incomplete"
    return Listed(
        path,
        when(run),
        state,
        str(tenant.get("domain") or tenant.get("id") or ""),
        int(manifest.get("scope", {}).get("in_scope", 0)),
        len(files),
        sum(file.stat().st_size for file in files),
        not manifest.get("fingerprints_dropped", False),
        len(manifest.get("erasures", ())),
    )


def same_tenant(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two manifests are of one tenant.

    Its id is what the settings say, a GUID or one of its domains. Two GUIDs decide; a domain alone would not, because
    it may have moved to another tenant.
    """
    left, right = (tenant_names(manifest) for manifest in (one, other))
    ids = [str(manifest.get("tenant", {}).get("id") or "").lower() for manifest in (one, other)]
    if all(_GUID.fullmatch(name) for name in ids):
        return ids[0] == ids[1]
    return bool(left & right)


def tenant_names(manifest: Mapping[str, Any]) -> frozenset[str]:
    """The id and the default domain of a run's tenant as far as they are known, in lower case."""
    known = manifest.get("tenant", {})
    return frozenset(str(known.get(name) or "").lower() for name in ("id", "domain")) - {""}
