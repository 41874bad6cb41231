"""What the manifest tells about a run, as the page shows it: every key may be missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from auditor.diagnosis.ews_end import before_the_end
from auditor.model import Workload
from auditor.report import carried, wording
from auditor.report.reasons import Mend
from auditor.report.since import Since, read_since
from auditor.report.text import count, listed
from auditor.runs.verify import parts_digest


@dataclass(frozen=True)
class WorkloadFacts:
    """How one workload was read."""

    workload: str
    way: str
    requests: int | None
    throttled: int | None
    retried: int | None
    seconds: float | None
    note: str


@dataclass(frozen=True)
class Setting:
    """One setting, without secrets, and where its value came from."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True)
class Permission:
    """What the run had to be allowed to do, and what else whoever holds its token may do with it."""

    workload: str
    resource: str
    name: str
    kind: str
    opens: str


@dataclass(frozen=True)
class ErrorRate:
    """How often a decision about pictures was wrong where it was measured."""

    what: str
    where: str
    errors: int
    trials: int
    bound: float
    """Below this the rate lies, with 95 % confidence."""


@dataclass(frozen=True)
class Exempt:
    """One accepted exception and what became of it."""

    whose: str
    where: str
    reason: str
    who: str
    until: str
    findings: int
    state: str
    """A word of `wording.EXCEPTION_STATES`."""


@dataclass(frozen=True)
class TenantFact:
    """A cause that concerns the whole tenant: found once, shown once."""

    cause: str
    sentence: str
    mend: Mend
    settle: str = ""
    confidence: str = ""


@dataclass(frozen=True)
class Scope:
    """Who was audited and who was left out."""

    directory: int | None
    in_scope: int | None
    excluded: tuple[tuple[str, int], ...]
    include: tuple[str, ...]
    only: str
    changes: tuple[str, ...] = ()
    """How the list of users was read, and who joined or left while the audit ran: a sentence each."""

    @property
    def left_out(self) -> str:
        """The excluded classes with their counts, as a sentence."""
        parts = [wording.excluded(name, number) for name, number in self.excluded]
        if not parts:
            return "Nobody in the directory was left out." if self.directory and not self.only else ""
        total = sum(number for _, number in self.excluded)
        listing = f" of {self.directory:,}" if self.directory else ""
        return f"{total:,}{listing} left out: {listed(parts)}."


@dataclass(frozen=True)
class SharedPictures:
    """Pictures that several accounts have as their reference."""

    pictures: int
    accounts: int
    groups: tuple[tuple[str, ...], ...]
    """User principal names, picture by picture; not all where there are many."""


@dataclass(frozen=True)
class Facts:
    """The manifest, read tolerantly."""

    run_id: str
    digest: str
    """Of what the run is made of; see `parts_digest`."""
    version: str
    recipe: str
    error_rates: tuple[ErrorRate, ...]
    tenant: str
    tenant_id: str
    domain: str
    asked_by: str
    started: datetime | None
    finished: datetime | None
    complete: bool
    incomplete_because: tuple[str, ...]
    reference: str
    workloads: tuple[WorkloadFacts, ...]
    off: tuple[tuple[str, str], ...]
    scope: Scope
    permissions: tuple[Permission, ...]
    settings: tuple[Setting, ...]
    photos: str
    tenant_facts: tuple[TenantFact, ...]
    since: Since | None = None
    """What changed since the baseline; None where the run had none."""
    carried: carried.Carried | None = None
    """What was carried over from a baseline; None where the run had none."""
    exceptions: tuple[Exempt, ...] = ()
    shared: SharedPictures | None = None
    ews_end: tuple[str, ...] = ()
    """What ends with Exchange Web Services, where the run read Exchange before that day."""

    @property
    def duration(self) -> str:
        """How long the run took, in words."""
        if self.started is None or self.finished is None:
            return ""
        return lasting((self.finished - self.started).total_seconds())


def lasting(seconds: float) -> str:
    """A duration in words: `8.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def read(manifest: Mapping[str, Any]) -> Facts:
    """The facts of a manifest."""
    tenant = _mapping(manifest.get("tenant"))
    scope = _mapping(manifest.get("scope"))
    return Facts(
        run_id=_text(manifest.get("run_id")),
        digest=parts_digest({name: _mapping(entry) for name, entry in _mapping(manifest.get("parts")).items()}),
        version=_text(manifest.get("version")),
        recipe=_text(manifest.get("recipe")),
        error_rates=tuple(_error_rates(_sequence(manifest.get("error_rates")))),
        tenant=_text(tenant.get("name")) or _text(tenant.get("domain")) or "Unnamed tenant",
        tenant_id=_text(tenant.get("id")),
        domain=_text(tenant.get("domain")),
        asked_by=_text(manifest.get("asked_by")),
        started=_instant(manifest.get("started")),
        finished=_instant(manifest.get("finished")),
        # A manifest that does not say it is complete is not.
        complete=manifest.get("complete") is True,
        incomplete_because=tuple(_text(item) for item in _sequence(manifest.get("incomplete_because"))),
        reference=_text(manifest.get("reference")) or Workload.ENTRA.value,
        workloads=tuple(_workloads(_mapping(manifest.get("workloads")))),
        off=tuple((str(k), _text(v)) for k, v in _mapping(manifest.get("workloads_off")).items()),
        scope=Scope(
            directory=_number(scope.get("directory")),
            in_scope=_number(scope.get("in_scope")),
            excluded=tuple(
                (str(name), number)
                for name, value in _mapping(scope.get("excluded")).items()
                if (number := _number(value))
            ),
            include=tuple(_text(item) for item in _sequence(scope.get("include"))),
            only=_text(scope.get("only")),
            changes=tuple(_changes(scope)),
        ),
        permissions=tuple(
            Permission(*(_text(item.get(name)) for name in ("workload", "resource", "name", "kind", "opens")))
            for item in map(_mapping, _sequence(manifest.get("permissions")))
        ),
        settings=tuple(
            Setting(_text(item.get("name")), _text(item.get("value")), _text(item.get("origin")))
            for item in map(_mapping, _sequence(manifest.get("settings")))
        ),
        photos=_text(manifest.get("photos")),
        tenant_facts=tuple(
            _tenant_fact({name: _text(value) for name, value in item.items()})
            for item in map(_mapping, _sequence(manifest.get("tenant_facts")))
        ),
        since=read_since(manifest),
        carried=carried.read(manifest),
        exceptions=tuple(_exceptions(_mapping(manifest.get("exceptions")))),
        shared=_shared(_mapping(manifest.get("shared_pictures"))),
        ews_end=_ews_end(manifest),
    )


def _ews_end(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    began = _instant(manifest.get("started"))
    off = any(_mapping(fact).get("cause") == "ews_off" for fact in _sequence(manifest.get("tenant_facts")))
    if began is None or off or Workload.EXCHANGE.value not in _mapping(manifest.get("workloads")):
        return ()
    return before_the_end(began.date())


def _tenant_fact(item: Mapping[str, str]) -> TenantFact:
    said = tuple(
        (label, wording.TOUCHES.get(item[name], item[name]) if name == "touches" else item[name])
        for name, label in wording.MENDS.items()
        if item.get(name)
    )
    return TenantFact(
        item.get("cause", ""),
        item.get("sentence", ""),
        Mend(item.get("fix", ""), item.get("command", ""), item.get("link", ""), said, item.get("wait", "")),
        item.get("settle", ""),
        item.get("confidence", ""),
    )


_NAMED = 50
"""So many who joined or left, or have one picture, are named on the page; the manifest names all."""


def _changes(scope: Mapping[str, Any]) -> Iterator[str]:
    yield from (_text(note) for note in _sequence(scope.get("notes")))
    for name, words in (("joined", "joined the directory"), ("left", "left the directory")):
        upns = [_text(upn) for upn in _sequence(scope.get(name))]
        if upns:
            more = f" and {len(upns) - _NAMED:,} more (manifest.json)" if len(upns) > _NAMED else ""
            shown = ", ".join(upns[:_NAMED])
            yield f"{count(len(upns), 'account')} {words} while the audit ran: {shown}{more}."


def _exceptions(told: Mapping[str, Any]) -> Iterator[Exempt]:
    entries, outcomes = _sequence(told.get("entries")), _sequence(told.get("outcome"))
    for entry, outcome in zip(map(_mapping, entries), map(_mapping, outcomes), strict=False):
        rules = (f"{name} {_text(value)}" for name, value in _mapping(entry.get("filter")).items())
        places = [wording.workload(name) for name in _sequence(entry.get("workload"))]
        verdicts = [wording.verdict(name).lower() for name in _sequence(entry.get("verdict"))]
        yield Exempt(
            whose=_text(entry.get("user")) or listed(list(rules)),
            where=f"{listed(places)}: {listed(verdicts)}",
            reason=_text(entry.get("reason")),
            who=_text(entry.get("who")),
            until=_text(entry.get("until")),
            findings=_number(outcome.get("findings")) or 0,
            state=wording.EXCEPTION_STATES.get(_text(outcome.get("state")), ""),
        )


def _shared(told: Mapping[str, Any]) -> SharedPictures | None:
    pictures, accounts = _number(told.get("pictures")), _number(told.get("accounts"))
    if not pictures or not accounts:
        return None
    groups = _sequence(told.get("groups"))[:_PICTURES_NAMED]
    return SharedPictures(pictures, accounts, tuple(tuple(_some(_sequence(group))) for group in groups))


_PICTURES_NAMED = 200
"""Of so many pictures that several accounts have the page names the accounts."""


def _some(upns: Sequence[Any]) -> Iterator[str]:
    yield from (_text(upn) for upn in upns[:_NAMED])
    if len(upns) > _NAMED:
        yield f"and {len(upns) - _NAMED:,} more (manifest.json)"


def redacted(facts: Facts) -> Facts:
    """The same facts with numbers and our own words alone.

    Whatever a person, a service or a settings file wrote is dropped rather than searched for names: a sentence
    may hold an address, a setting a path with a user's name, a host the tenant's.
    """
    reasons = len(facts.incomplete_because)
    return replace(
        facts,
        run_id="",
        digest="",
        tenant="A Microsoft 365 tenant",
        tenant_id="",
        domain="",
        asked_by="",
        incomplete_because=(f"{count(reasons, 'reason')} in the full report.",) if reasons else (),
        workloads=tuple(replace(item, note="") for item in facts.workloads),
        off=tuple((name, "") for name, _ in facts.off),
        scope=replace(
            facts.scope,
            excluded=_known_classes(facts.scope.excluded),
            include=tuple(item for item in facts.scope.include if item in wording.EXCLUDED),
            only="a selection of users" if facts.scope.only else "",
            changes=(),
        ),
        settings=(),
        exceptions=(),
        shared=replace(facts.shared, groups=()) if facts.shared else None,
        tenant_facts=tuple(
            TenantFact(item.cause, f"{wording.cause(item.cause)}.", Mend(""))
            for item in facts.tenant_facts
            if item.cause in wording.CAUSES or item.cause in wording.TROUBLES
        ),
        since=replace(facts.since, note="") if facts.since else None,
        carried=replace(facts.carried, run_id="", path="", note="") if facts.carried else None,
    )


def _known_classes(excluded: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    others = sum(number for name, number in excluded if name not in wording.EXCLUDED)
    known = tuple(item for item in excluded if item[0] in wording.EXCLUDED)
    return (*known, ("other accounts", others)) if others else known


def _workloads(workloads: Mapping[str, Any]) -> list[WorkloadFacts]:
    order = {workload.value: place for place, workload in enumerate(Workload)}
    return [
        WorkloadFacts(
            workload=str(name),
            way=_text(facts.get("way")),
            requests=_number(facts.get("requests")),
            throttled=_number(facts.get("throttled")),
            retried=_number(facts.get("retried")),
            seconds=float(facts["seconds"]) if isinstance(facts.get("seconds"), int | float) else None,
            note=_text(facts.get("note")),
        )
        for name, facts in sorted(
            ((name, _mapping(value)) for name, value in workloads.items()),
            key=lambda item: (order.get(item[0], len(order)), item[0]),
        )
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [value] if value else []
    return list(value) if isinstance(value, list | tuple) else []


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return str(value)


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _instant(value: Any) -> datetime | None:
    try:
        made = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)


def _error_rates(items: Sequence[Any]) -> Iterator[ErrorRate]:
    for item in map(_mapping, items):
        errors, trials, bound = _number(item.get("errors")), _number(item.get("trials")), item.get("bound")
        if errors is not None and trials and isinstance(bound, float):
            yield ErrorRate(_text(item.get("what")), _text(item.get("where")), errors, trials, bound)
