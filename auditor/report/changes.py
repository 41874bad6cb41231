"""What changed, or what a migration did, for people and programs: CSV, JSON, lines and a page."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import pandas as pd

from auditor.changes.between import Changes
from auditor.changes.migration import Migration
from auditor.model import CHANGE_COLUMNS, MIGRATION_COLUMNS, Change, Column, Outcome, Workload
from auditor.report import wording
from auditor.report.tables import table_rows
from auditor.report.templating import environment, inline
from auditor.report.text import as_json, as_sentence, count, visible

FORMAT = "photo-auditor/diff/1"
"""What the document says of itself. Members may be added under the same number."""
CHANGES_PAGE = "changes.html.j2"
_SHOWN = 20
"""Rows of a kind that the terminal lists."""
_ON_PAGE = 2_000
"""Rows that the page lists; the CSV has all."""


@dataclass(frozen=True)
class Told:
    """Either of the two, as it is told."""

    title: str
    """One line: what was held against what."""
    lead: str
    """One sentence in numbers."""
    kinds: Sequence[str]
    """The changes or outcomes that there are, in order."""
    workloads: Sequence[str]
    counts: Mapping[tuple[str, str], int]
    notes: Sequence[str]
    columns: Sequence[Column]
    rows: pd.DataFrame
    kind: str
    """The column of the change or outcome."""
    loud: frozenset[str]
    """Kinds that want somebody to act."""
    shared: Sequence[Sequence[str]] = ()


def told(found: Changes | Migration) -> Told:
    """A comparison in words."""
    return _changes(found) if isinstance(found, Changes) else _migration(found)


def _changes(found: Changes) -> Told:
    numbers = {kind: sum(n for (_, one), n in found.counts.items() if one == kind) for kind in wording.CHANGES}
    parts = [f"{numbers[kind]:,} {wording.CHANGES[kind].name.lower()}" for kind in wording.CHANGES if numbers[kind]]
    return Told(
        title=f"What changed from {found.day_before} to {found.day_after}: {found.tenant}",
        lead=(
            f"{count(found.users_before, 'user')} before, {found.users_after:,} now. Copies: "
            f"{', '.join(parts) if parts else 'nothing changed'}."
        ),
        kinds=[str(kind) for kind in wording.CHANGES if numbers[kind]],
        workloads=_workloads(found.counts),
        counts=found.counts,
        notes=found.notes,
        columns=CHANGE_COLUMNS,
        rows=found.rows,
        kind="change",
        loud=frozenset({Change.NEW, Change.STILL, Change.CHANGED, Change.APPEARED}),
        shared=found.shared,
    )


def _migration(found: Migration) -> Told:
    numbers = {kind: sum(n for (_, one), n in found.counts.items() if one == kind) for kind in wording.OUTCOMES}
    parts = [f"{numbers[kind]:,} {wording.OUTCOMES[kind].name.lower()}" for kind in wording.OUTCOMES if numbers[kind]]
    held = ", ".join(parts) or "none had a photo"
    alone = f"{found.alone_old:,} of the old tenant and {found.alone_new:,} of the new have no partner"
    return Told(
        title=f"What became of the photos from {found.tenant_before} to {found.tenant_after}",
        lead=(f"{count(found.pairs, 'user')} paired; {alone}. Copies: {held}."),
        kinds=[str(kind) for kind in wording.OUTCOMES if numbers[kind]],
        workloads=_workloads(found.counts),
        counts=found.counts,
        notes=found.notes,
        columns=MIGRATION_COLUMNS,
        rows=found.rows,
        kind="outcome",
        loud=frozenset(
            {Outcome.LOST, Outcome.WRONG_PERSON, Outcome.REPLACED, Outcome.EDITED, Outcome.SHRUNK, Outcome.NOT_MAPPED}
        ),
    )


def _workloads(counts: Mapping[tuple[str, str], int]) -> list[str]:
    known = {workload for workload, _ in counts}
    return [workload.value for workload in Workload if workload in known]


def write_csv(found: Changes | Migration, file: TextIO) -> None:
    """Every row, the columns of the model in order; nothing in it is a formula to a spreadsheet."""
    said = told(found)
    names = [column.name for column in said.columns]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(table_rows(said.rows, names))


def write_json(found: Changes | Migration, file: TextIO) -> None:
    """One document: what was compared, counts, notes, rows."""
    said = told(found)
    head: dict[str, Any] = {"format": FORMAT, "kind": said.kind, "complete": found.complete, **_between(found)}
    head["counts"] = {
        workload: {kind: number for kind in said.kinds if (number := said.counts.get((workload, kind), 0))}
        for workload in said.workloads
    }
    head["notes"] = list(said.notes)
    head["shared_pictures"] = [list(group) for group in said.shared]
    begun = as_json(head).removesuffix("\n}")
    file.write(f'{begun},\n "rows": [')
    between = "\n  "
    for row in _records(said.rows):
        file.write(between + as_json(row, indent=None))
        between = ",\n  "
    file.write("\n ]\n}\n")


def _between(found: Changes | Migration) -> dict[str, Any]:
    sides: dict[str, dict[str, Any]] = {
        "before": {"run": str(found.before), "run_id": found.run_before, "day": found.day_before},
        "after": {"run": str(found.after), "run_id": found.run_after, "day": found.day_after},
    }
    if isinstance(found, Changes):
        sides["before"] |= {"users": found.users_before}
        sides["after"] |= {"users": found.users_after}
        return {**sides, "tenant": found.tenant, "reference": found.reference, "earlier_runs": found.earlier}
    sides["before"] |= {"tenant": found.tenant_before, "alone": found.alone_old}
    sides["after"] |= {"tenant": found.tenant_after, "alone": found.alone_new}
    return {**sides, "pairs": found.pairs}


def _records(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), 4_000):
        part = rows.iloc[start : start + 4_000]
        plain = part.astype(object).where(part.notna(), None)
        for row in plain.to_dict("records"):
            yield {str(name): value for name, value in row.items()}


def lines(found: Changes | Migration) -> Iterator[str]:
    """Lines for a terminal: the counts, what to look at first, the notes."""
    said = told(found)
    yield visible(said.title)
    yield said.lead
    if said.kinds:
        yield ""
        yield from _counted(said)
    for kind in (kind for kind in said.kinds if kind in said.loud):
        rows = said.rows[said.rows[said.kind] == kind]
        listed = rows[rows.apply(_worth, axis=1)] if kind in {Change.CHANGED, Change.APPEARED} else rows
        if listed.empty:
            continue
        yield ""
        yield f"{word(kind)}:"
        yield from (f"  {line(row)}" for row in _records(listed.iloc[:_SHOWN]))
        if len(listed) > _SHOWN:
            yield f"  … and {len(listed) - _SHOWN:,} more (--format csv)"
    if said.shared:
        yield ""
        yield "One picture on several accounts:"
        yield from (f"  {visible(', '.join(group[:6]))}{_more(group)}" for group in said.shared[:_SHOWN])
        if len(said.shared) > _SHOWN:
            yield f"  … and {len(said.shared) - _SHOWN:,} more (--format json)"
    for note in said.notes:
        yield ""
        yield visible(f"Note: {note}")


def _worth(row: pd.Series) -> bool:
    """Of copies that changed or appeared only those that drift, or that something rewrites."""
    return bool(row["cause"])


def _more(group: Sequence[str]) -> str:
    return f" and {len(group) - 6} more" if len(group) > 6 else ""


def word(kind: str) -> str:
    """A change or an outcome in words."""
    known = {**{str(one): term for one, term in wording.CHANGES.items()}}
    known |= {str(one): term for one, term in wording.OUTCOMES.items()}
    return known[kind].name


def line(row: Mapping[str, Any]) -> str:
    """One row as a line: whom, where, and what was found."""
    who = row.get("upn") or row.get("old_upn") or row.get("new_upn") or ""
    other = row.get("new_upn") if row.get("old_upn") else ""
    name = f"{who} → {other}" if other and other != who else str(who)
    told_ = as_sentence(str(row.get("evidence") or "")) or _plainly(row)
    accepted = f" {wording.ACCEPTED_BY}: {row['accepted']}" if row.get("accepted") else ""
    return visible(f"{name}, {wording.workload(str(row['workload']))}: {told_}{accepted}")


def _plainly(row: Mapping[str, Any]) -> str:
    before, after = (str(row.get(f"verdict_{side}") or "") for side in ("before", "after"))
    return f"{wording.verdict(before) if before else '–'} → {wording.verdict(after) if after else '–'}."


def _counted(said: Told) -> Iterable[str]:
    table = [["", *(wording.workload(name) for name in said.workloads)]]
    for kind in said.kinds:
        numbers = (said.counts.get((name, kind), 0) for name in said.workloads)
        table.append([word(kind), *(f"{number:,}" if number else "-" for number in numbers)])
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    for row in table:
        cells = (cell.rjust(w) if at else cell.ljust(w) for at, (cell, w) in enumerate(zip(row, widths, strict=True)))
        yield "  ".join(cells).rstrip()


def write_page(found: Changes | Migration, file: TextIO) -> None:
    """A page by itself: it asks nobody for anything and needs no script."""
    said = told(found)
    filled = environment()
    style = inline(filled, "base.css")
    loud = said.rows[said.rows[said.kind].isin(said.loud)]
    quiet = said.rows[~said.rows[said.kind].isin(said.loud)]
    shown = pd.concat([loud, quiet]).iloc[:_ON_PAGE]
    groups = [
        (kind, word(kind), meaning(kind), sum(said.counts.get((name, kind), 0) for name in said.workloads),
         _records(shown[shown[said.kind] == kind]), kind in set(shown[said.kind]))
        for kind in said.kinds
    ]  # fmt: skip
    file.writelines(
        filled.get_template(CHANGES_PAGE).generate(
            wording=wording,
            said=said,
            groups=groups,
            left=len(said.rows) - len(shown),
            plainly=_plainly,
            migration=said.kind == "outcome",
            complete=found.complete,
            style=style,
            policy=f"default-src 'none'; style-src '{style.hash}'; base-uri 'none'; form-action 'none'",
        )
    )


def meaning(kind: str) -> str:
    """What a change or an outcome means, as a sentence."""
    known = {str(one): term for terms in (wording.CHANGES, wording.OUTCOMES) for one, term in terms.items()}
    return known[kind].meaning
