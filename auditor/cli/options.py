"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from auditor.model import Workload
from auditor.report.text import as_json
from auditor.settings import INCLUDABLE, PHOTOS

F = TypeVar("F", bound=Callable[..., Any])
CA_BUNDLE_HELP = "Certificate authorities (PEM) to trust instead of the system's."
CONFIG_ENV = "PHOTO_AUDITOR_CONFIG"
DEFAULT_CONFIG = Path("photo-auditor.toml")


def names(choices: tuple[str, ...] = ()) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """A callback that reads a comma-separated list, each of which must be among the choices (if there are any)."""

    def split(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        given = tuple(part.strip() for part in value.split(",") if part.strip())
        for name in given:
            if choices and name not in choices:
                raise click.BadParameter(f"'{name}' is none of {', '.join(choices)}.")
        return given

    return split


def config_option(command: F) -> F:
    """`--config`: the settings file."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Settings file [default: ${CONFIG_ENV}, else ./{DEFAULT_CONFIG} if it is there].",
    )(command)


def output_option(command: F) -> F:
    """`--output`: what stands on stdout."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Lines for people, or one JSON document on stdout; talk goes to stderr in any case.",
    )(command)


def unattended_output_option(command: F) -> F:
    """`--output` of commands that run unattended: also as one line."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json", "line"]),
        default="text",
        show_default=True,
        help="Lines for people, one JSON document on stdout, or one line of JSON for a log collector, whatever the"
        " end; talk goes to stderr in any case.",
    )(command)


def print_json(document: object) -> None:
    """One JSON document on stdout, in UTF-8 whatever the terminal is set to."""
    click.echo(as_json(document).encode())


def talk(output: str) -> Callable[[str], None]:
    """How a command tells a person something: on stdout, or on stderr where a program reads that."""
    return partial(click.echo, err=output == "json")


def settings_options(command: F) -> F:
    """Flags that override settings."""
    for decorator in reversed(
        (
            click.option("--ca-bundle", type=click.Path(path_type=Path), help=CA_BUNDLE_HELP),
            click.option(
                "--workload", "workloads", multiple=True, type=click.Choice([str(one) for one in Workload]),
                help="Read this workload only; may be repeated.",
            ),
            click.option(
                "--reference", type=click.Choice([str(one) for one in Workload]),
                help="The workload the others are held against [default: entra].",
            ),
            click.option(
                "--include", callback=names(INCLUDABLE), metavar="CLASS,…",
                help=f"Audit these classes of account too: {', '.join(INCLUDABLE)}.",
            ),
            click.option(
                "--exclude-group", "exclude_groups", multiple=True,
                help="Leave out a group's members; may be repeated.",
            ),
            click.option("--photos", type=click.Choice(PHOTOS), help="Which pictures the run keeps [default: drift]."),
            click.option(
                "--no-find-owner", is_flag=True,
                help="Do not look whose photo a wrong one is, nor for one picture on several accounts.",
            ),
            click.option(
                "--baseline", metavar="NAME_OR_RUN",
                help="Do not read again what has not changed since this earlier run: a baseline, a run folder, or last"
                " for the newest in reports.",
            ),
            click.option(
                "--recheck", metavar="SHARE",
                help="How much of that is read again all the same, to show that it has not changed [default: 5%].",
            ),
            click.option("--shard-users", type=click.IntRange(1, 100_000), help="Users in a shard [default: 1000]."),
            click.option(
                "--fail-on", callback=names(), metavar="VERDICT,…",
                help="What makes the exit code 1: verdicts, 'drift' or 'none' [default: drift].",
            ),
            click.option(
                "--require", callback=names(tuple(Workload)), metavar="WORKLOAD,…",
                help="Exit 4 if anything of these workloads could not be learned.",
            ),
            click.option(
                "--exceptions", type=click.Path(path_type=Path), metavar="FILE",
                help="Drift that is accepted [default: exceptions.toml beside the settings file, if it is there].",
            ),
        )
    ):  # fmt: skip
        command = decorator(command)
    return command


def find_config(given: Path | None) -> Path | None:
    """The settings file to read: the one named, else the environment's, else the one that lies here."""
    if given is not None:
        return given
    if os.environ.get(CONFIG_ENV):
        return Path(os.environ[CONFIG_ENV])
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def flags(
    *,
    ca_bundle: Path | None,
    workloads: tuple[str, ...],
    reference: str | None,
    include: tuple[str, ...] | None,
    exclude_groups: tuple[str, ...],
    photos: str | None,
    no_find_owner: bool,
    baseline: str | None,
    recheck: str | None,
    shard_users: int | None,
    fail_on: tuple[str, ...] | None,
    require: tuple[str, ...] | None,
    exceptions: Path | None,
) -> dict[str, Any]:
    """The flags of `settings_options` by the names of the settings."""
    return {
        "network.ca_bundle": ca_bundle,
        "audit.workloads": workloads,
        "audit.reference": reference,
        "audit.include": include,
        "audit.exclude_groups": exclude_groups,
        "audit.photos": photos,
        "audit.find_owner": False if no_find_owner else None,
        "audit.baseline": baseline,
        "audit.recheck": recheck,
        "audit.shard_users": shard_users,
        "audit.fail_on": fail_on,
        "audit.require": require,
        "audit.exceptions": exceptions,
    }
