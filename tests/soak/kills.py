"""Kills an audit at a random moment of a chosen phase, resumes it, and holds what is left against an unbroken run."""

from __future__ import annotations

import csv
import functools
import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from tests import forked

PHASES = ("listing", "collecting", "judging", "reporting")
SHARD_USERS = 3
PATIENCE = 240


@dataclass
class Broken:
    """One audit that was killed and resumed."""

    phase: str
    """What the manifest said it was doing when it died."""
    parts: int
    code: int
    differences: list[str] = field(default_factory=list)
    asked_again: list[str] = field(default_factory=list)
    """Requests for users of parts that were complete, or for pages that were read."""
    err: str = ""

    @property
    def good(self) -> bool:
        return not self.differences and not self.asked_again


@dataclass
class Unbroken:
    """The run that the others must equal, and how long each phase of it took."""

    path: Path
    code: int
    lengths: dict[str, float]


def unbroken(served: Any, path: Path) -> Unbroken:
    process = _start(served, path)
    marks = [time.monotonic()]
    for phase in PHASES[1:]:
        _wait(process, path, lambda manifest, phase=phase: _reached(manifest, phase))
        marks.append(time.monotonic())
    process.communicate()
    marks.append(time.monotonic())
    return Unbroken(path, process.returncode, {phase: marks[n + 1] - marks[n] for n, phase in enumerate(PHASES)})


def kill_and_resume(served: Any, whole: Unbroken, path: Path, phase: str, rng: random.Random) -> Broken:
    while not _killed(served, whole, path, phase, rng):
        shutil.rmtree(path)
    manifest = _manifest(path) or {}
    hit = next(one for one in reversed(PHASES) if one == PHASES[0] or _reached(manifest, one))
    before = had(path, manifest)
    log = (served.dir / "requests.jsonl").open(encoding="utf-8")
    log.seek(0, os.SEEK_END)
    # Killed before there was a manifest, there is nothing to resume, and the same command line begins again.
    words = ["resume", str(path)] if manifest else _audit(served, path)
    done = forked.run("auditor", [*words, "--quiet"], _env(), Path.cwd())
    with log:
        requests = [json.loads(line) for line in log]
    broken = Broken(hit, len(before.parts), done.returncode, err=done.stderr.decode())
    if done.returncode != whole.code:
        broken.differences.append(f"exit code {done.returncode}: {broken.err.strip()}")
        return broken
    broken.differences += differences(whole.path, path)
    if manifest.get("shards"):
        broken.asked_again = asked_again(path, before, requests)
    return broken


def _killed(served: Any, whole: Unbroken, path: Path, phase: str, rng: random.Random) -> bool:
    """Kill an audit at a random moment of a phase; False where it was over before that moment came."""
    process = _start(served, path)
    if phase != PHASES[0]:
        _wait(process, path, lambda manifest: _reached(manifest, phase))
    moment = time.monotonic() + rng.random() * whole.lengths[phase]
    while time.monotonic() < moment:  # the point is a moment that nobody chose
        time.sleep(0.0005)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _env() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PHOTO_AUDITOR_"))}


def _audit(served: Any, path: Path) -> list[str]:
    return ["audit", "--config", str(served.config), "--run", str(path), "--shard-users", str(SHARD_USERS)]


def _start(served: Any, path: Path) -> forked.Going:
    return forked.begin("auditor", [*_audit(served, path), "--quiet"], _env())


def _manifest(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((path / "manifest.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _reached(manifest: dict[str, Any], phase: str) -> bool:
    observed = sum(part.startswith("observations/") for part in manifest.get("parts", {}))
    return {
        "listing": True,
        "collecting": bool(manifest.get("shards")),
        "judging": bool(manifest.get("shards")) and observed == manifest["shards"] * len(manifest["configured"]),
        "reporting": bool(manifest.get("finished")),
    }[phase]


def _wait(process: forked.Going, path: Path, until: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    seen = 0
    while time.monotonic() < deadline and process.poll() is None:
        # Reading the whole manifest all the time would take the processor from the audit that is watched.
        if (now := _written(path)) != seen:
            seen = now
            if (manifest := _manifest(path)) and until(manifest):
                return
        time.sleep(0.001)


def _written(path: Path) -> int:
    try:
        return (path / "manifest.json").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


# -- equal, but for run id, times and request counts -------------------------------------------------------------

_TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?: UTC|Z)?|\d{1,2} [A-Z][a-z]+ \d{4}(?:, \d\d:\d\d UTC)?"
    r"|(?<=<dt>Duration</dt><dd>)[^<]+|(?<=<dt>Run</dt><dd>)[0-9a-f]+|(?<=<dd class=\"mono\">)[0-9a-f]{64}"
)


def page_without_times(page: str) -> str:
    head, facts, rest = page.partition('aria-labelledby="facts"')
    counted = re.sub(r'(<td class="num">)[^<]*', r"\1", rest)
    return _TIMES.sub("…", head + facts + counted)


def _text_without_times(file: Path, run_id: str) -> str:
    text = file.read_text(encoding="utf-8").replace(run_id, "…")
    if file.suffix == ".json":
        # How often and how long services were asked is no matter of what was found.
        text = re.sub(r'"(requests|throttled|retried|seconds)": [0-9.]+', r'"\1": …', text)
    return _TIMES.sub("…", text)


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs and their reports."""
    found = []
    here, there = _manifest(one) or {}, _manifest(other) or {}
    if set(here["parts"]) != set(there["parts"]):
        found.append(f"parts: {sorted(set(here['parts']) ^ set(there['parts']))}")
    for part in sorted(set(here["parts"]) & set(there["parts"])):
        a, b = _kept(one / part), _table(other / part)
        if not a.equals(b):
            found.append(f"{part}: {[name for name in a.column_names if a[name] != b[name]]}")
    told = (
        "tallies",
        "unknown_reasons",
        "tenant_facts",
        "incomplete_because",
        "complete",
        "scope",
        "tenant",
        "pictures",
    )
    found += [f"manifest: {name}" for name in told if here.get(name) != there.get(name)]
    for name in ("action-plan.csv", "drift.csv", "observations.csv", "users.csv"):
        if _rows(one / "report" / name) != _rows(other / "report" / name):
            found.append(name)
    pages = [page_without_times((run / "report" / "report.html").read_text(encoding="utf-8")) for run in (one, other)]
    if pages[0] != pages[1]:
        found.append("report.html")
    for name in ("report.json", "summary.md", "junit.xml"):
        texts = [
            _text_without_times(run / "report" / name, manifest["run_id"])
            for run, manifest in ((one, here), (other, there))
        ]
        if texts[0] != texts[1]:
            found.append(name)
    names = [sorted(file.name for file in (run / "report").iterdir()) for run in (one, other)]
    if names[0] != names[1]:
        found.append(f"files of the report: {names[1]}")
    return found


def _table(part: Path) -> pa.Table:
    table = pq.read_table(part)
    return table.drop_columns([name for name in ("observed_at", "read_at") if name in table.column_names])


_kept = functools.cache(_table)
"""Of the unbroken run, with which many are compared."""


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return [
            {name: cell for name, cell in row.items() if name not in {"observed_at", "read_at"}}
            for row in csv.DictReader(stream)
        ]


# -- only what was in flight is asked again ----------------------------------------------------------------------


@dataclass(frozen=True)
class Had:
    """What a run had when it was killed: nobody in it needs to be asked about again."""

    parts: frozenset[str]
    pages: frozenset[int]
    """Pages of Viva Engage's list; one that names nobody is the list's end, which is always asked for."""
    pictures: frozenset[str]
    """The ids of the pictures on those pages."""


def had(path: Path, manifest: dict[str, Any]) -> Had:
    """What is complete in the folder of a run that was killed."""
    pages = {
        int(file.stem[5:]): pq.read_table(file, columns=["picture_id"]).column(0).to_pylist()
        for file in (path / "work" / "yammer").glob("page-*.parquet")
    }
    pictures = frozenset(name for names in pages.values() for name in names if name)
    return Had(frozenset(manifest.get("parts", {})), frozenset(page for page in pages if pages[page]), pictures)


def asked_again(path: Path, before: Had, requests: list[dict[str, Any]]) -> list[str]:
    """The requests about somebody whose part was complete, or for what was kept, each told in words."""
    shards: dict[int, list[dict[str, Any]]] = {
        int(file.stem[5:]): pq.read_table(file).to_pylist() for file in sorted((path / "users").glob("*.parquet"))
    }

    def missing(workload: str) -> list[dict[str, Any]]:
        waiting = [shard for shard in shards if f"observations/{workload}/part-{shard:05d}.parquet" not in before.parts]
        return [user for shard in waiting for user in shards[shard]]

    entra = {user["user_id"] for user in missing("entra")}
    exchange = {(user["mail"] or user["upn"]).lower() for user in missing("exchange")} | {NOBODY_AT_EXCHANGE}
    sharepoint = {user["upn"].lower() for user in missing("sharepoint")}
    again = []
    for request in requests:
        where, asked, query = request["origin"], request["path"], unquote(request["query"]).lower().replace("''", "'")
        if where == "graph" and asked == "/v1.0/users":
            again.append("the list of users")
        elif where == "graph" and (match := re.match(r"/v1.0/users/([^/]+)/photo", asked)):
            if match[1] not in entra:
                again.append(f"entra {match[1]}")
        elif where.startswith("sharepoint") and (match := _ACCOUNT.search(query)):
            name = match["claim"] or match["name"]
            if name not in sharepoint and not (sharepoint and name.startswith(NOBODY_AT_SHAREPOINT)):
                again.append(f"sharepoint {name}")
        elif where == "exchange":
            if request["about"] not in exchange:
                again.append(f"exchange {request['about']}")
        elif where == "yammer" and asked.endswith("/users.json"):
            page = int(re.search(r"page=(\d+)", query)[1])  # type: ignore[index]
            # With a page comes a look at the one before it, to which somebody may have moved up.
            if (page in before.pages and page + 1 in before.pages) or not missing("yammer"):
                again.append(f"yammer page {page}")
        elif where == "yammer_cdn" and asked.rpartition("/")[2] in before.pictures:
            again.append(f"yammer picture {asked}")
    return again


NOBODY_AT_EXCHANGE = "nobody@example.invalid"
"""Asked about to find out whether Exchange Web Services answer at all."""
NOBODY_AT_SHAREPOINT = "photo-auditor.nobody."
"""Asked about to learn what is shown for people without a photo."""
_ACCOUNT = re.compile(r"membership\|(?P<claim>.+)'|(?:^|&)accountname=(?P<name>[^&]+)")


def table(broken: list[Broken]) -> str:
    """The outcome, a line a phase."""
    lines = [
        f"{'killed while':<12}  {'kills':>5}  {'parts then':>10}  {'equal':>5}  {'asked only what was missing':>27}"
    ]
    for phase in (*PHASES, ""):
        these = [one for one in broken if not phase or one.phase == phase]
        if these:
            parts = f"{min(one.parts for one in these)}–{max(one.parts for one in these)}"
            equal = sum(not one.differences for one in these)
            modest = sum(not one.asked_again for one in these)
            lines.append(f"{phase or 'all':<12}  {len(these):>5}  {parts:>10}  {equal:>5}  {modest:>27}")
    return "\n".join(lines)
