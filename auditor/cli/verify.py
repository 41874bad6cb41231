"""`photo-auditor verify`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option, print_json
from auditor.report.text import count, visible
from auditor.runs.verify import verify

INTACT, CHANGED = 0, 1


@click.command("verify")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@output_option
def command(run_path: Path, output: str) -> None:
    """Check that a run is as it was written: parts, pictures, manifest and reports.

    Every file is read and held against its digest. What was erased or pruned was recorded, and is no damage. Each page
    of the run carries the digest of its parts. The manifest's digest, noted elsewhere, shows later whether the run was
    rewritten on purpose.

    Exit codes: 0 intact, 1 changed or damaged, 2 usage or no run.
    """
    with endings():
        found = verify(run_path)
        if output == "json":
            print_json(asdict(found) | {"path": str(found.path), "intact": not found.problems})
            sys.exit(CHANGED if found.problems else INTACT)
        for problem in found.problems:
            click.echo(visible(problem), err=True)
        if found.problems:
            click.echo(visible(f"{run_path}: not intact, {count(len(found.problems), 'problem')}."))
            sys.exit(CHANGED)
        told = ["intact" if found.finished else "intact as far as it is; not finished"]
        told += [count(found.erasures, "erasure")] if found.erasures else []
        told += [count(found.prunings, "pruning")] if found.prunings else []
        told += [f"shared with the group {found.group}"] if found.group else []
        held = (
            f"{count(found.parts, 'part')}, {count(found.pictures, 'picture')}"
            f" and {count(found.reports, 'file')} of reports"
        )
        click.echo(visible(f"{run_path}: {', '.join(told)}. {held} are as they were written."))
        click.echo(f"Digest of its parts, as its pages carry it: {found.digest}")
        click.echo(f"Digest of the manifest: {found.seal}")
        sys.exit(INTACT)
