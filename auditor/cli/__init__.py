"""The command line: one module a command; parse, call and print, nothing else."""

from __future__ import annotations

import importlib
import sys

import click

from auditor import __version__, interrupts

_COMMANDS = {
    "init": "Write a first settings file by asking, and print how to connect the tenant.",
    "doctor": "Probe a set-up: credential, network, permissions, each service.",
    "audit": "Audit a tenant: every user, every workload, into a run folder and a report.",
    "explain": "Tell what one user's photos are like now, why they differ, and what mends it.",
    "resume": "Go on with a run that was interrupted.",
    "report": "Draw a finished run's report again; nobody is asked.",
    "verify": "Check that a run is as it was written.",
    "erase": "Remove every trace of one person from runs and their reports.",
    "runs": "List runs, their numbers over time, share them, and drop what is older than it is needed.",
    "baseline": "Name a finished run, so that later ones can be held against it.",
    "diff": "Tell what changed between two runs, or what a migration did to each photo.",
    "exceptions": "Check the file of accepted exceptions, and write entries to paste into it.",
    "photos": "Take pictures out of a run: each user's largest good copy.",
    "compare": "Tell whether two pictures are the same photograph.",
    "config": "Show the settings and where each comes from.",
    "simulate": "Serve a simulated tenant on this machine.",
    "demo": "Audit a simulated tenant and compare the result with its truth.",
}


class _Lazy(click.Group):
    """Imports a command only when it is used: `--help` need not wait for pandas."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"auditor.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="photo-auditor")
def commands() -> None:
    """Is every user's profile photo the same wherever Microsoft 365 keeps a copy of it, and if not, why?"""


def main() -> None:
    """Run the command line; an interrupt is 130 from the first moment on (click's own 1 would mean drift)."""
    interrupts.install()
    try:
        code = commands(standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        interrupts.last_words()
        click.echo("photo-auditor: Interrupted.", err=True)
        sys.exit(interrupts.EXIT_CODE)
    except click.ClickException as error:
        interrupts.last_words()
        error.show()
        sys.exit(error.exit_code)
    interrupts.last_words()
    sys.exit(code if isinstance(code, int) else 0)
