"""`photo-auditor photos`: take pictures out of a run."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option, print_json
from auditor.report.best_photos import export
from auditor.report.text import count, visible
from auditor.runs.exports import PHOTOS_TABLE
from auditor.runs.files import account
from auditor.runs.folder import open_run

_WHY = {
    "no_reference_photo": "the reference has none",
    "reference_unchecked": "the reference could not be read",
    "reference_unreadable": "the reference gave bytes that are no image this version reads",
    "not_kept": "the run does not hold the picture any more, or it was damaged",
    "unsafe_id": "the object id is no GUID, or stands there twice",
}


@click.group("photos")
def command() -> None:
    """Take pictures out of a run."""


@command.command("export")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--best", is_flag=True, required=True, help="Each user's largest good copy.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to: an empty folder, or one to be made. Only its owner can read it.",
)
@output_option
def export_command(run_path: Path, best: bool, out: Path, output: str) -> None:
    """Write each user's largest good copy, named by object id, and a table of them.

    Good is the reference's photo, or a larger copy that matches it. Variants, other photographs and photos that the
    reference does not have are left out. The run must keep every picture (audit --photos all). The table, photos.csv,
    has a row for each user, and says where there is no photo and why. The export is recorded in the run.
    """
    if not best:
        raise click.UsageError("Say which copies: --best.")
    with endings(again=f"Empty {out}, and export again."), closing(open_run(run_path)) as run:
        done = export(run, out, account())
    if output == "json":
        told = {"folder": str(done.folder.resolve()), "photos": done.photos, "bytes": done.size}
        print_json(told | {"without": dict(done.without)})
        return
    click.echo(
        visible(f"{count(done.photos, 'photo')} ({done.size / 1e6:.1f} MB) and {PHOTOS_TABLE} in {done.folder}.")
    )
    for reason, users in sorted(done.without.items()):
        click.echo(f"{count(users, 'user')} without: {_WHY[reason]}.")
