"""The flow: list, collect, judge. (The report is drawn from the finished run by `auditor.report`.)

    list      directory → users, frozen
    collect   shards of users → collectors, all workloads at once → observations, one part a shard and workload
    judge     observations, whole → what repeats, what fails alike → verdicts → causes

Judging is a pure function of the run folder: a resumed run and an uninterrupted one give equal results.
"""

from __future__ import annotations

import platform
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.asking import ask_again
from auditor.collection import Progress, collect, read_again, recount, remember_directory
from auditor.collectors.build import Services, permissions
from auditor.directory import ScopeError, list_users
from auditor.exceptions import EXCEPTIONS, recorded_file
from auditor.judgement import judge_run, lacking_pictures
from auditor.model import Workload
from auditor.photos import RECIPE
from auditor.photos.thresholds import ERROR_RATES
from auditor.runs.baselines import LAST, find
from auditor.runs.earlier import Earlier, open_earlier
from auditor.runs.files import account
from auditor.runs.folder import RunFolder, create, open_run
from auditor.runs.listing import newest_first
from auditor.runs.manifest import RunError
from auditor.services.graph import Graph
from auditor.services.http import Timing
from auditor.settings import Settings
from auditor.shortcut import Shortcut, baseline_entry


class ResumeRefused(Exception):
    """A run cannot go on under these settings; the message names what differs."""


async def audit(
    settings: Settings,
    path: Path,
    progress: Progress,
    *,
    timing: Timing | None = None,
    reports: Path = Path("reports"),
) -> RunFolder:
    """A whole run into the folder `path`; the caller closes it. `reports`: where baselines are looked for by name."""
    manifest = _manifest(settings)
    earlier = None
    if settings.baseline == LAST:
        earlier = _open_last(settings, reports, progress)
    elif settings.baseline:
        try:
            earlier = _open_earlier(settings, find(reports, settings.baseline), progress)
        except RunError as error:
            raise RunError(
                f"The baseline {settings.baseline} cannot be used. {error} Or leave the baseline out: everything is"
                " read then."
            ) from None
    if earlier is not None:
        # A run about a few people is nobody's baseline: those after it would begin where it did.
        follows = settings.baseline == LAST and not (settings.scope.users or settings.scope.groups)
        manifest["baseline"] = baseline_entry(earlier, manifest["run_id"], settings.recheck, follows=follows)
    run = create(path, manifest)
    try:
        await _go_on(settings, run, progress, timing, earlier, reports)
    except BaseException:
        # Nobody was listed yet: there is nothing to go on with.
        (run.close if run.shards else run.discard)()
        raise
    return run


async def resume(settings: Settings, path: Path, progress: Progress, *, reports: Path = Path("reports")) -> RunFolder:
    """Go on with a run that was interrupted; a finished one is left as it is. `reports`: as of `audit`."""
    run = open_run(path)
    try:
        if not run.finished:
            _same_question(settings, run)
            for told in run.drop_damaged():
                progress.tell(told)
            earlier = _earlier_of(settings, run, progress)
            await _go_on(settings, run, progress, earlier=earlier, reports=reports)
    except BaseException:
        run.close()
        raise
    return run


def _open_earlier(settings: Settings, path: Path, progress: Progress) -> Earlier:
    earlier = open_earlier(path, (settings.tenant_id,), RECIPE, progress.tell)
    if earlier.note:
        progress.tell(f"{earlier.note} Everything is read.")
    return earlier


def _open_last(settings: Settings, reports: Path, progress: Progress) -> Earlier | None:
    """The newest run in `reports` that can be a baseline; None where there is none, as before the first audit."""
    for path in newest_first(reports):
        try:
            return _open_earlier(settings, path, progress)
        except RunError:
            continue  # not finished, damaged, or another tenant's
    progress.tell(f"There is no earlier run of this tenant in {reports}: everything is read.")
    return None


def _earlier_of(settings: Settings, run: RunFolder, progress: Progress) -> Earlier | None:
    """The baseline that an interrupted run was begun with, whatever the settings say now; None where it is gone."""
    entry = run.manifest.get("baseline")
    if entry is None:
        return None
    try:
        earlier = _open_earlier(settings, Path(entry["path"]), progress)
        if earlier.run_id == entry["run_id"]:
            return earlier
        why = f"{entry['path']} holds another run now."
    except RunError as error:
        why = str(error)
    note = f"The baseline was there no longer when the run was resumed. {why} What was not yet asked was read in full."
    progress.tell(note)
    run.update(baseline=entry | {"note": note})
    return None


async def _go_on(
    settings: Settings,
    run: RunFolder,
    progress: Progress,
    timing: Timing | None = None,
    earlier: Earlier | None = None,
    reports: Path = Path("reports"),
) -> None:
    def keep(sha256: str, form: str, data: bytes) -> None:
        if settings.photos != "none":
            run.keep(sha256, form, data)

    async with Services(settings, keep, progress.tell, timing or Timing()) as services:
        if not run.shards:
            await _list(settings, run, services.graph, progress)
        services.expect(int(run.manifest["scope"]["in_scope"]))
        if "photo_updates" not in run.manifest:
            run.update(photo_updates=await services.graph.photo_updates())
        shortcut = Shortcut(run, earlier)
        seconds = await collect(run, services, progress, shortcut)
        await ask_again(run, services, progress, earlier.run.path if earlier is not None else None, reports)
        while lacking := lacking_pictures(run, shortcut):
            await read_again(run, services, progress, shortcut, lacking)
        shortcut.sum_up(settings.workloads)
        await recount(run, services.graph, progress, earlier.people() if earlier is not None else ())
        run.update(requests=_add(run.manifest.get("requests", {}), services.requests()), seconds=seconds)
    judge_run(run, settings.require, progress)


async def _list(settings: Settings, run: RunFolder, graph: Graph, progress: Progress) -> None:
    progress.start("directory", None)
    with_exchange = settings.exchange is not None and Workload.EXCHANGE in settings.workloads
    listed = await list_users(graph, settings.scope, mailboxes=with_exchange)
    for note in listed.notes:
        progress.tell(note)
    if not listed.users:
        raise ScopeError("Nobody is left to audit: every account that was read is outside the scope (see --include).")
    run.update(
        tenant=await _tenant(settings, graph),
        scope={
            "directory": listed.directory,
            "in_scope": len(listed.users),
            "excluded": dict(listed.excluded),
            "include": list(settings.scope.include),
            "only": _only(settings),
            "counted_before": listed.before,
            "notes": list(listed.notes),
            "listed": listed.directory,
            "largest_page": listed.largest_page,
            "full_end": listed.full_end,
            "problem_of_list": listed.problem,
            "problem": listed.problem,
        },
    )
    remember_directory(run, listed)
    run.freeze_users(listed.users, settings.shard_users)
    progress.done("directory")


async def _tenant(settings: Settings, graph: Graph) -> dict[str, str]:
    answer = await graph.get("/organization?$select=id,displayName,verifiedDomains")
    found = answer.json().get("value") if answer.status == 200 else None
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    domains = first.get("verifiedDomains")
    named = [one for one in domains if isinstance(one, dict)] if isinstance(domains, list) else []
    default = next((one for one in named if one.get("isDefault")), {})
    return {
        "id": settings.tenant_id,
        "name": str(first.get("displayName") or ""),
        "domain": str(default.get("name") or ""),
    }


def _only(settings: Settings) -> str:
    scope = settings.scope
    if scope.users:
        return f"{len(scope.users)} named users"
    return f"members of {', '.join(scope.groups)}" if scope.groups else ""


def _manifest(settings: Settings) -> dict[str, Any]:
    return {
        "run_id": uuid.uuid4().hex,
        "version": __version__,
        "recipe": RECIPE,
        "error_rates": [asdict(rate) | {"bound": rate.bound} for rate in ERROR_RATES],
        "python": platform.python_version(),
        "tenant": {"id": settings.tenant_id},
        "asked_by": account(),
        "app": settings.sign_in.app,
        "started": _now(),
        "complete": False,
        "reference": str(settings.reference),
        "configured": [str(workload) for workload in settings.workloads],
        "workloads_off": {str(workload): why for workload, why in settings.off.items()},
        "permissions": [
            {"workload": str(workload)} | asdict(permission)
            for workload, permission in permissions(settings.workloads, delegated=settings.sign_in.delegated)
        ],
        "photos": settings.photos,
        "find_owner": settings.find_owner,
        "settings_file": str(settings.file or ""),
        "settings": [asdict(setting) for setting in settings.found],
        "question": _question(settings),
        "parts": {},
        **_exceptions(settings),
    }


def _exceptions(settings: Settings) -> dict[str, Any]:
    """What is accepted is read once, when the run begins: a resumed run goes by the same."""
    file = settings.exceptions
    return {EXCEPTIONS: recorded_file(file)} if file is not None else {}


def _question(settings: Settings) -> dict[str, Any]:
    """What was asked; a resumed run must ask the same."""
    return {
        "tenant": settings.tenant_id,
        "reference": str(settings.reference),
        "workloads": [str(workload) for workload in settings.workloads],
        "include": sorted(settings.scope.include),
        "users": list(settings.scope.users),
        "groups": list(settings.scope.groups),
        "exclude_groups": list(settings.scope.exclude_groups),
        "photos": settings.photos,
        "shard_users": settings.shard_users,
    }


def _same_question(settings: Settings, run: RunFolder) -> None:
    if run.manifest.get("recipe") != RECIPE:
        raise ResumeRefused(
            f"The run {run.path} was begun with fingerprint recipe {run.manifest.get('recipe')}; this version makes"
            f" {RECIPE}. Go on with the version that began it ({run.manifest.get('version')}), or audit anew."
        )
    then, now = run.manifest.get("question", {}), _question(settings)
    for name, value in then.items():
        if now.get(name) != value:
            raise ResumeRefused(
                f"The run {run.path} was begun with another {name.replace('_', ' ')} ({value}, now {now.get(name)})."
                " Resume with the settings it was begun with, or audit anew."
            )


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def _add(before: dict[str, dict[str, int]], now: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {
        workload: {name: count + before.get(workload, {}).get(name, 0) for name, count in counts.items()}
        for workload, counts in now.items()
    }
