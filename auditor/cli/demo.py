"""`photo-auditor demo`."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import click

from auditor import interrupts
from auditor.audit import audit
from auditor.cli.ending import endings
from auditor.cli.options import output_option, talk
from auditor.cli.outcome import default_run, draw, present
from auditor.cli.progress import Bars
from auditor.settings import load
from auditor.simulator.population import make_tenant
from auditor.simulator.score import score
from auditor.simulator.server import Serving, running_tenant


@click.command("demo")
@click.option("--users", type=click.IntRange(1, 100_000), default=200, show_default=True, help="Users in the tenant.")
@click.option("--seed", type=int, default=1, show_default=True, help="The tenant is the same for the same seed.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [default: reports/TIME-demo].")
@output_option
def command(users: int, seed: int, out: Path | None, output: str) -> None:
    """Audit a simulated tenant and compare the result with its truth.

    The tenant runs on this machine only, over TLS, with drawn portraits; nothing leaves the machine.
    """
    path = out or default_run("demo")
    with (
        endings(again="Its tenant is gone with it: run the demo again."),
        tempfile.TemporaryDirectory(prefix="photo-auditor-demo-") as folder,
    ):
        click.echo(f"A simulated tenant of {users} users starts on this machine …", err=True)
        tenant = make_tenant(users, seed, photos=None, scenarios=None, photo_store="split")
        with running_tenant(tenant, Serving(), Path(folder)) as info:
            settings = load(Path(str(info["config_file"])), environ={})
            with Bars() as bars:
                run = interrupts.run(lambda: audit(settings, path, bars))
                with closing(run):
                    page = draw(run, None, bars)
        present(run, page, output)
        talk(output)(score(page.parent / "observations.csv", Path(str(info["truth_file"]))).summary())
