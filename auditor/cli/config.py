"""`photo-auditor config show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli.ending import endings
from auditor.cli.options import config_option, find_config, flags, output_option, print_json, settings_options
from auditor.settings import load


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@config_option
@settings_options
@output_option
def show(config: Path | None, output: str, **given: Any) -> None:
    """Every setting that has a value, and whether a flag, the environment, the file or a default gave it.

    Secrets are masked. The settings are checked as for an audit.
    """
    with endings():
        settings = load(find_config(config), flags(**given))
        if output == "json":
            rows = [{"name": one.name, "value": one.value, "origin": one.origin} for one in settings.found]
            print_json(rows)
            return
        width = max(len(one.name) for one in settings.found)
        for one in settings.found:
            click.echo(f"{one.name:<{width}}  {one.value}  ({one.origin})")
        click.echo(f"{'sign in with':<{width}}  {settings.sign_in.method}")
        for workload, why in settings.off.items():
            click.echo(f"{workload!s:<{width}}  off ({why})")
