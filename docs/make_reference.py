"""Writes docs/reference.md from the code: `python docs/make_reference.py`.

The page depends on nothing but the code: not on the terminal, the environment or the day.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path

import click

from auditor.cli import commands as program
from auditor.cli.ending import DRIFTED, FAILED, INCOMPLETE, INTERRUPTED, NO_DRIFT, USAGE
from auditor.comparison import OWN_ROW, TABLE
from auditor.diagnosis import tenant
from auditor.diagnosis.fixes import FIXES
from auditor.diagnosis.over_time import OVER_TIME
from auditor.diagnosis.rules import RULES, UNEXPLAINED, WITHOUT_DRIFT
from auditor.model import (
    CHANGE_COLUMNS,
    DRIFT,
    EXEMPT_REASONS,
    FAULT_REASONS,
    MIGRATION_COLUMNS,
    OBSERVATION_COLUMNS,
    USER_COLUMNS,
    VERDICT_COLUMNS,
    Change,
    Column,
    Confidence,
    Outcome,
    Picture,
    Reason,
    Status,
    Verdict,
    Way,
    Workload,
)
from auditor.report.best_photos import COLUMNS as PHOTOS_CSV
from auditor.report.tables import ACTION_PLAN, OBSERVATIONS, USERS_CSV
from auditor.report.tables import INCOMPLETE as RUN_INCOMPLETE
from auditor.report.wording import CAUSES, VERDICTS
from auditor.settings import _KNOWN as KNOWN_SETTINGS
from auditor.settings import env_name

PAGE = Path(__file__).resolve().parent / "reference.md"
WIDTH = 100
"""Columns of a help text, whatever the terminal."""

KINDS = {
    "str": "text",
    "bool": "true or false",
    "int": "number",
    "share": "percentage",
    "path": "path",
    "origin": "origin",
    "list": "list",
    "sites": "list of origins",
}

HEAD = """\
# Reference

Made from the code by `python docs/make_reference.py`; edit the code, not this page.

[Commands](#commands) · [Exit codes](#exit-codes) · [Settings](#settings) · [Statuses](#statuses) ·
[Verdicts](#verdicts) · [Reasons](#reasons) · [Changes](#changes) · [Causes](#causes) · [Tables](#tables)
"""

EXIT_CODES = (
    (NO_DRIFT, "no drift: nothing that `--fail-on` names"),
    (DRIFTED, "drift: at least one copy has a verdict that `--fail-on` names"),
    (
        USAGE,
        "a wrong command line, a setting or credential that is missing or cannot be, an unknown user or group,"
        " a run that cannot be used as asked",
    ),
    (FAILED, "the audit could not go on: no sign-in, no list of users, no disk; what was collected is kept"),
    (
        INCOMPLETE,
        "incomplete: copies could not be learned through faults, throttling or a refusal for everyone,"
        " or anything of a workload named by `--require`; the run and its report are there",
    ),
    (INTERRUPTED, "interrupted with Ctrl-C or SIGTERM; what was collected is kept"),
)

EXIT_WORDS = f"""\
{INCOMPLETE} goes before {DRIFTED}: what was found is in the report all the same. Drift that is an
[accepted exception](exceptions.md) does not count. `audit` and `resume` end so. `resume`
of a finished run goes by the `--fail-on` of the command line that began it, else by any drift. `explain` goes by one
user's copies and the setting `audit.fail_on`. `report` and `demo` end with {NO_DRIFT} whatever they show. `verify` ends
with 1 where a run is not intact, `erase` where traces are left.
`diff` ends with {DRIFTED} where something is found that its `--fail-on` names, and with {INCOMPLETE} where a run is
incomplete or the two cannot be compared.
`simulate` knows {NO_DRIFT}, {USAGE} and {FAILED} (it cannot serve). `doctor` ends with {NO_DRIFT} where an audit can
read all that is configured, 1 where a part of it cannot be read, {USAGE} where the settings cannot be used, and
{FAILED} where an audit could not begin.
"""

SETTINGS_WORDS = """\
A setting stands in the settings file (TOML: `[table]`, then `name = value`), in the environment, or on the command
line. The command line beats the environment, which beats the file. Lists are separated by commas in the environment.
A path in the file is read from the file's folder. `photo-auditor config show` tells what is in force and who said so.
"""

STATUSES_WORDS = "What one workload answered for one user."

VERDICTS_WORDS = """\
What a copy is, held against the reference. *Drift* are the verdicts marked so; what could not be checked never is.
"""

MATRIX_WORDS = "Which verdict a copy gets, by the reference's status (rows) and its own (columns):"

REASONS_WORDS = """\
Why a status is `unknown`. A reason is one of these, or the code with which the service itself answered (for example
`ErrorNonExistentMailbox`, `HTTP 403`). A copy that was read and has no reference to be held against carries the
reference's reason, or `reference_not_readable`.
"""

CHANGES_WORDS = """\
What became of a copy between two runs of one tenant (`diff A B`): a row a user and workload, with the first that
applies in this order. Users are paired by object id. Copies that neither changed nor drift have no row. A copy is
`changed` when it shows another photo than before; another size or encoding, or the centre square of a photo that is
not square, is no other photo. One placeholder for another is no change.
"""

MIGRATION_WORDS = """\
What became of a copy between two tenants (`diff A B` with `--mapping` or `--rename`): a row a pair of users and
workload, unless neither side shows a photo. Whom the mapping does not name is paired by the rule on domains, else by an
equal user principal name; a name that the mapping gives to somebody belongs to nobody else. A copy is held against the
same workload's of the old tenant, then against the user's other photos there. A picture that several users of the old
tenant had as their reference photo is nobody's: it is never `wrong_person`.
"""

CAUSES_WORDS = """\
Why a copy drifted (the column `cause`), why one that did not drift is absent or could not be read (only in `causes`),
and what is true of the whole tenant (`tenant_facts` in the run's `manifest.json`). Several may fit one copy: they are
ranked by confidence. A fix is for a person to carry out, who may do so with the role that is named.
"""

TABLES_WORDS = """\
A run keeps Parquet parts, the report has CSV files. Times are UTC. In CSV files a cell that a spreadsheet would take
for a formula begins with an apostrophe, and invisible characters are made visible.
"""


ACTION_PLAN_WORDS = f"""\
### action-plan.csv

One row a user and workload that drifted, with cause and fix; `owner`, `decision` and `date` are empty, for people to
fill in. An incomplete run's begins with a row for each reason why, `cause` `{RUN_INCOMPLETE}`. Fill in a copy of it
under another name: the file is written anew whenever the report is drawn, after an erasure too. In order:
"""

PHOTOS_WORDS = """\
### photos.csv

What `photos export --best` writes beside the pictures: one row a user of the run. A copy is *good* where it is the
reference's photo, or matches it whatever its size: a variant is altered, a mismatch another photograph, and a photo
that the reference does not have may have been withdrawn. Of the good copies the one with the most pixels is taken, the
reference's where they are equal; pixels are counted, not sharpness. The file is as the service gave it, with whatever
the picture says of itself (EXIF).
"""

FILES_WORDS = """\
### report.json

The run for a program to read: counts, shares, causes, what could not be checked, and each user with drift with all
copies. [report.schema.json](report.schema.json) describes it (JSON Schema 2020-12); members may be added under the same
`format`. A redacted one has no findings, no names and nothing that a service said.

### junit.xml

A suite for the run, with an error for each reason why it is incomplete, and one a workload: a failure for each copy
that drifted, whatever `--fail-on` says; one pass for the others; a skip for each reason why copies were not checked.

### summary.md

The numbers as Markdown, for where a pipeline shows them. No user is named but by what a service said of an incomplete
run; a redacted one leaves that and the tenant's name out.

A redacted report consists of `report.html`, `report.json` and `summary.md`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_commands(), *_exit_codes(), *_settings(), *_vocabulary(), *_tables()])


def meanings(kind: type[Enum]) -> dict[str, str]:
    """What each member of an enum means: the string literal below it; empty where there is none."""
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(found, ast.ClassDef)
    said: dict[str, str] = {}
    name = ""
    for statement in found.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
        elif name and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            said[name], name = " ".join(str(statement.value.value).split()), ""
    return {str(member.value): said.get(member.name, "") for member in kind}


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with the words that call it, the program first."""

    def below(
        command: click.Command, name: str, above: click.Context | None
    ) -> Iterator[tuple[str, click.Command, click.Context]]:
        context = click.Context(
            command, info_name=name, parent=above, terminal_width=WIDTH, max_content_width=WIDTH,
            help_option_names=["-h", "--help"],
        )  # fmt: skip
        yield context.command_path, command, context
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield from below(found, inner, context)

    yield from below(program, "photo-auditor", None)


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for path, command, context in commands():
        yield f"### {path}\n"
        yield f"```text\n{command.get_help(context)}\n```\n"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES])
    yield EXIT_WORDS


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield SETTINGS_WORDS
    rows = [
        (
            f"`{known.name}`",
            f"`{env_name(known.name)}`",
            known.meaning,
            KINDS[known.kind] if not known.choices else ", ".join(f"`{choice}`" for choice in known.choices),
            "" if known.default is None else f"`{str(known.default).lower()}`",
        )
        for known in KNOWN_SETTINGS
    ]
    yield _table(("setting", "environment", "meaning", "value", "default"), rows)


def _vocabulary() -> Iterator[str]:
    yield "## Statuses\n"
    yield STATUSES_WORDS + "\n"
    yield _table(("status", "meaning"), [(f"`{name}`", text) for name, text in meanings(Status).items()])
    yield "## Verdicts\n"
    yield VERDICTS_WORDS
    said = meanings(Verdict)
    yield _table(
        ("verdict", "on the page", "drift", "meaning"),
        [(f"`{one}`", VERDICTS[one].name, "drift" if one in DRIFT else "", said[one]) for one in Verdict],
    )
    yield MATRIX_WORDS + "\n"
    yield _table(
        ("reference ↓ copy →", *(f"`{copy}`" for copy in Status)),
        [(f"`{held}`", *(_cell(TABLE[held, copy]) for copy in Status)) for held in Status],
    )
    yield "The reference's own row, by its status:\n"
    yield _table(tuple(f"`{status}`" for status in OWN_ROW), [tuple(f"`{one}`" for one in OWN_ROW.values())])
    yield "## Reasons\n"
    yield REASONS_WORDS
    said = meanings(Reason)
    yield _table(("reason", "meaning", "exit code"), [(f"`{one}`", said[one], _weight(one)) for one in Reason])
    yield "## Changes\n"
    yield CHANGES_WORDS
    yield _table(("change", "meaning"), [(f"`{name}`", text) for name, text in meanings(Change).items()])
    yield MIGRATION_WORDS
    yield _table(("outcome", "meaning"), [(f"`{name}`", text) for name, text in meanings(Outcome).items()])
    yield "## Causes\n"
    yield CAUSES_WORDS
    yield _table(("confidence", "meaning"), [(f"`{name}`", text) for name, text in meanings(Confidence).items()])
    for title, rules in (
        ("Of drift", [(rule.cause, rule.settle) for rule in (*RULES, UNEXPLAINED)]),
        (
            "Of drift, seen over several runs (`diff`)",
            list(dict.fromkeys((rule.cause, rule.settle) for rule in OVER_TIME)),
        ),
        ("Of copies without drift", [(rule.cause, rule.settle) for rule in WITHOUT_DRIFT]),
        ("Of the whole tenant", [*((rule.cause, rule.settle) for rule in tenant.RULES), tenant.UPLOADS]),
    ):
        yield f"### {title}\n"
        yield _table(
            ("cause", "in words", "what would settle it", "fix", "touches", "role", "undo", "what else it does"),
            [
                (f"`{cause}`", CAUSES[cause], settle, fix.words, fix.touches, fix.role, fix.undo, fix.side_effects)
                for cause, settle in _once(rules)
                for fix in FIXES[cause]
            ],
        )


def _once(rules: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each cause once, with what its first rule says."""
    for cause in dict.fromkeys(cause for cause, _ in rules):
        yield cause, next(settle for named, settle in rules if named == cause)


def _cell(verdict: Verdict | None) -> str:
    if verdict is not None:
        return f"`{verdict}`"
    return ", ".join(f"`{one}`" for one in (Verdict.MATCH, Verdict.VARIANT, Verdict.MISMATCH))


def _weight(reason: Reason) -> str:
    if reason in FAULT_REASONS:
        return f"one such copy makes it {INCOMPLETE}"
    if reason in EXEMPT_REASONS:
        return f"never {INCOMPLETE} but for `--require`"
    return f"{INCOMPLETE} if everyone's copies have it"


def _tables() -> Iterator[str]:
    yield "## Tables\n"
    yield TABLES_WORDS
    yield "### RUN/users/part-NNNNN.parquet\n"
    yield _columns(USER_COLUMNS)
    yield "### RUN/observations/WORKLOAD/part-NNNNN.parquet\n"
    yield _columns(OBSERVATION_COLUMNS)
    yield "### RUN/verdicts/part-NNNNN.parquet\n"
    yield _columns(VERDICT_COLUMNS)
    yield "### observations.csv and drift.csv\n"
    yield "One row a user and workload; `drift.csv` has only those that drifted. Columns of the verdicts, in order,"
    yield "and `run_complete`, which is false in every row of an incomplete run. `drift.csv` of such a run begins with"
    yield f"a row for each reason why: `user_id` and `upn` empty, `reason` `{RUN_INCOMPLETE}`, the reason in `detail`."
    yield "A `drift.csv` of nothing but its head is that of a complete run without drift.\n"
    yield _listed(OBSERVATIONS)
    yield "### users.csv\n"
    yield "One row a user: the gravest verdict among the user's copies, then each workload's. In order:\n"
    yield _listed(USERS_CSV)
    yield ACTION_PLAN_WORDS
    yield _listed(ACTION_PLAN)
    yield "### `diff`, in CSV\n"
    yield "By user id and workload. Of an audit with `--baseline` the report has the same as `changes.csv`.\n"
    yield _columns(CHANGE_COLUMNS)
    yield "### `diff` across two tenants, in CSV\n"
    yield "By old user id and workload.\n"
    yield _columns(MIGRATION_COLUMNS)
    yield PHOTOS_WORDS
    yield _table(("column", "meaning"), [(f"`{name}`", meaning) for name, meaning in PHOTOS_CSV.items()])
    yield FILES_WORDS
    for title, kind in (("Values of `workload`", Workload), ("Values of `picture`", Picture), ("Values of `way`", Way)):
        yield f"### {title}\n"
        yield _table(("value", "meaning"), [(f"`{name}`", text) for name, text in meanings(kind).items()])


def _columns(columns: Sequence[Column]) -> str:
    return _table(("column", "type", "meaning"), [(f"`{one.name}`", one.type, one.meaning) for one in columns])


def _listed(names: Sequence[str]) -> str:
    return textwrap.fill(", ".join(f"`{name}`" for name in names) + ".", 120, break_on_hyphens=False) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
