"""What a pipeline shows by itself: junit.xml, with a failure for each copy that drifted, and summary.md in numbers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from auditor.model import DRIFT
from auditor.report import wording
from auditor.report.facts import Facts, read, redacted
from auditor.report.files import replacing
from auditor.report.shares import NO_ANSWER, REFERENCE_UNCHECKED, Tally, WorkloadTally
from auditor.report.terminal import rows, sentence
from auditor.report.text import as_markdown, as_sentence, count, visible
from auditor.runs.view import RunView

_ROWS = 4_000
_NO_XML = re.compile("[\ufffe\uffff]")
"""XML knows no such characters, not even escaped; the control characters are visible by then."""


def write_junit(view: RunView, tally: Tally, path: Path) -> None:
    """A suite a workload, and one for the run, whose errors say why it is incomplete.

    A failure for each copy that drifted, a skip where it is accepted; one pass for the others, and a skip for each
    reason of copies that could not be checked.
    """
    facts = read(view.manifest)
    reasons = () if facts.complete else facts.incomplete_because or ("The run does not say why it is incomplete.",)
    skips = len(tally.unchecked) + tally.accepted_copies
    cases = sum(item.drifting + bool(_passing(item)) for item in tally.workloads)
    tests = cases + len(tally.unchecked) + max(1, len(reasons))
    failures = tally.drifting_copies - tally.accepted_copies
    with replacing(path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(_open("testsuites", tests=tests, failures=failures, errors=len(reasons), skipped=skips))
        file.writelines(_run_suite(reasons))
        for item in tally.workloads:
            file.writelines(_suite(view, tally, item))
        unasked = [found for found in tally.unchecked if not found.workload]
        if unasked:
            file.write(
                _open("testsuite", name="not asked", tests=len(unasked), failures=0, errors=0, skipped=len(unasked))
            )
            file.writelines(_skip(found.reason, found.copies, "run") for found in unasked)
            file.write("</testsuite>\n")
        file.write("</testsuites>\n")


def _run_suite(reasons: tuple[str, ...]) -> Iterator[str]:
    yield _open("testsuite", name="run", tests=max(1, len(reasons)), failures=0, errors=len(reasons), skipped=0)
    for number, reason in enumerate(reasons, 1):
        yield _case("run", f"everything was learned ({number})", f"<error {_attributes(message=reason)}/>")
    if not reasons:
        yield _case("run", "everything was learned")
    yield "</testsuite>\n"


def _suite(view: RunView, tally: Tally, item: WorkloadTally) -> Iterator[str]:
    skips = [found for found in tally.unchecked if found.workload == item.workload]
    tests = item.drifting + bool(_passing(item)) + len(skips)
    yield _open(
        "testsuite",
        name=item.workload,
        tests=tests,
        failures=item.drifting - item.accepted,
        errors=0,
        skipped=len(skips) + item.accepted,
    )  # fmt: skip
    own = view.verdicts[view.verdicts["workload"] == item.workload]
    yield from _failures(own[own["verdict"].isin([verdict.value for verdict in DRIFT])], item.workload)
    if _passing(item):
        yield _case(item.workload, f"{count(_passing(item), 'copy', 'copies')} without drift")
    for found in skips:
        yield _skip(found.reason, found.copies, item.workload)
    yield "</testsuite>\n"


def _failures(drifted: pd.DataFrame, workload: str) -> Iterator[str]:
    for start in range(0, len(drifted), _ROWS):
        for row in drifted.iloc[start : start + _ROWS].to_dict("records"):
            verdict = str(row["verdict"])
            if accepted := _said(row.get("accepted")):
                yield _case(workload, str(row["upn"]), f"<skipped {_attributes(message=f'Accepted: {accepted}')}/>")
                continue
            message = f"{wording.workload(workload)} {wording.VERDICTS[verdict].meaning}"
            told = (f"Cause: {wording.cause(str(row['cause']))}", as_sentence(str(row["evidence"])), str(row["fix"]))
            failure = f"<failure {_attributes(type=verdict, message=message)}>{_text(' | '.join(filter(None, told)))}"
            yield _case(workload, str(row["upn"]), f"{failure}</failure>")


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""


def _passing(item: WorkloadTally) -> int:
    """Copies that were compared, or are the reference, and are well."""
    return item.compared + item.verdicts.get("reference", 0) - item.drifting


def _skip(reason: str, copies: int, workload: str) -> str:
    name = f"{count(copies, 'copy', 'copies')} not checked: {_because(reason)}"
    return _case(workload, name, f"<skipped {_attributes(message=_because(reason))}/>")


def _because(reason: str) -> str:
    """A reason in words."""
    known = {NO_ANSWER: wording.NO_ANSWER, REFERENCE_UNCHECKED: wording.REFERENCE_UNCHECKED}
    return (known.get(reason) or wording.trouble(reason)).name


def _case(suite: str, name: str, inside: str = "") -> str:
    begun = f"<testcase {_attributes(classname=f'photo-auditor.{suite}', name=name)}"
    return f"{begun}>{inside}</testcase>\n" if inside else f"{begun}/>\n"


def _open(element: str, **attributes: object) -> str:
    return f"<{element} {_attributes(**{'name': 'photo-auditor'} | attributes)}>\n"


def _attributes(**attributes: object) -> str:
    return " ".join(f'{name}="{_text(str(value))}"' for name, value in attributes.items())


def _text(value: str) -> str:
    return html.escape(_NO_XML.sub("\ufffd", visible(value)))


def write_summary(view: RunView, tally: Tally, path: Path, *, redact: bool = False) -> None:
    """The numbers as Markdown; no user is named, so that it may stand where a pipeline is seen by many.

    Sentences of services (why a run is incomplete) may name what they will; with `redact` they are left out.
    """
    told = read(view.manifest)
    facts = redacted(told) if redact else told
    with replacing(path) as file:
        file.writelines(f"{line}\n" for line in _summary(facts, tally, redact=redact))


def _summary(facts: Facts, tally: Tally, *, redact: bool) -> Iterator[str]:
    said = as_markdown
    state = "Drift" if tally.drifting else "No drift found"
    yield f"## {state}{'' if facts.complete else ', incomplete'}: {said(facts.tenant)}"
    yield ""
    yield said(as_sentence(sentence(tally)))
    yield ""
    first, *others = rows(tally)
    yield f"| {' | '.join(map(said, first))} |"
    yield f"| --- |{' ---: |' * (len(first) - 1)}"
    yield from (f"| {' | '.join(map(said, row))} |" for row in others)
    if facts.incomplete_because:
        yield from ("", "### Incomplete", "")
        yield from (f"- {said(reason)}" for reason in facts.incomplete_because)
    if facts.tenant_facts:
        yield from ("", "### True for the whole tenant", "")
        yield from (f"- {said(fact.sentence)}" for fact in facts.tenant_facts)
    if tally.causes:
        yield from ("", "### Causes", "", "| cause | users | copies |", "| --- | ---: | ---: |")
        for cause in tally.causes:
            name = wording.CAUSES.get(cause.cause, "Another cause") if redact else wording.cause(cause.cause)
            yield f"| {said(name)} | {cause.users:,} | {sum(cause.copies.values()):,} |"
    if tally.unchecked:
        yield from ("", "### Not checked", "", "| workload | why | copies |", "| --- | --- | ---: |")
        for item in tally.unchecked:
            secret = redact and not wording.is_known_reason(item.reason) and item.reason not in _OURS
            name = "Another answer" if secret else _because(item.reason)
            yield f"| {said(wording.workload(item.workload))} | {said(name)} | {item.copies:,} |"


_OURS = frozenset({NO_ANSWER, REFERENCE_UNCHECKED})
