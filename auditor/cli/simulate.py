"""`photo-auditor simulate`: serve a simulated tenant until interrupted."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Literal, cast

import click

from auditor.simulator.fault_plan import Plan, PlanError, read_plan
from auditor.simulator.graph_settings import Uploads
from auditor.simulator.make_ups import LOST_BY_A_MOVE, MAKE_UPS
from auditor.simulator.migration import migrated as move
from auditor.simulator.misbehaving import Play
from auditor.simulator.misbehaviours import MISBEHAVIOURS, NoSuchMisbehaviourError, read_misbehaviour
from auditor.simulator.months import make_month
from auditor.simulator.server import PortInUseError, Serving, serve
from auditor.simulator.services import ORIGINS, Options, SignedIn, parse_role

COULD_NOT_SERVE = 3
LAST_MONTH = 120
# Names are to be copied: the backspace keeps click from breaking them at a hyphen.
_MISBEHAVIOURS = "Misbehaviours (docs/faults.md says what each does):\n\n\b\n" + textwrap.fill(
    ", ".join(MISBEHAVIOURS), 76, break_on_hyphens=False
)
PhotoStore = Literal["split", "mailbox-first", "unified"]


def _roles(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    try:
        return frozenset(parse_role(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _plan(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Plan | None:
    try:
        return None if value is None else read_plan(value, ORIGINS)
    except PlanError as error:
        raise click.BadParameter(str(error)) from error


def _play(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Play | None:
    try:
        return None if value is None else read_misbehaviour(value)
    except NoSuchMisbehaviourError as error:
        raise click.BadParameter(str(error)) from error


def _names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


@click.command("simulate", epilog=_MISBEHAVIOURS)
@click.option("--users", type=click.IntRange(1), default=200, show_default=True, help="How many users it has.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same tenant.")
@click.option(
    "--month",
    type=click.IntRange(0, LAST_MONTH),
    default=0,
    show_default=True,
    metavar="K",
    help="The same tenant K months on: some joined, some left, some photos changed. What changed since month K-1 stands"
    " in DIR/changes.csv.",
)
@click.option(
    "--migrated",
    is_flag=True,
    help="The tenant after its move to another one. Who got another name stands in DIR/mapping.csv, what became of"
    " every photo in DIR/migration.csv.",
)
@click.option(
    "--make-up",
    type=click.Choice(list(MAKE_UPS)),
    metavar="NAME",
    help=f"A tenant of one kind: {', '.join(MAKE_UPS)}. What each is stands in docs/months.md.",
)
@click.option(
    "--make-up-month",
    type=click.IntRange(0, LAST_MONTH),
    metavar="K",
    help="The month in which it happens: until then the same users are ordinary ones.",
)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of portraits; without it they are drawn.",
)
@click.option("--scenarios", callback=_names, metavar="NAME,…", help="Only these scenarios, or `plain`.")
@click.option(
    "--photo-store",
    type=click.Choice(["split", "mailbox-first", "unified"]),
    default="split",
    show_default=True,
    help="Which store Microsoft Graph reads from.",
)
@click.option("--ews", type=click.Choice(["on", "off"]), default="on", show_default=True, help="Exchange Web Services.")
@click.option("--engage/--no-engage", default=True, help="Whether the tenant has Viva Engage.")
@click.option(
    "--uploads",
    type=click.Choice(["everyone", "admins", "on-premises"]),
    default="everyone",
    show_default=True,
    help="Who may change a user's photo.",
)
@click.option(
    "--signed-in",
    type=click.Choice(["member", "administrator", "restricted"]),
    default="member",
    show_default=True,
    help="What the person who signs in may do: an ordinary member; one with the role People Administrator; a member"
    " who may read nobody else in the directory.",
)
@click.option(
    "--without-role",
    "without_roles",
    multiple=True,
    callback=_roles,
    metavar="RESOURCE:ROLE",
    help="A permission that was not granted, for example graph:ProfilePhoto.Read.All; repeatable.",
)
@click.option("--expired-certificate", is_flag=True, help="Let the client certificate have expired.")
@click.option(
    "--base-port",
    type=click.IntRange(1, 65535 - len(ORIGINS) + 1),
    metavar="P",
    help=f"Use the ports P to P+{len(ORIGINS) - 1} instead of free ones.",
)
@click.option(
    "--faults",
    callback=_plan,
    metavar="PLAN",
    help="Answer with faults: `light` (2 % of the requests), `heavy` (20 %), `hostile` (40 %) or a TOML file; what was"
    " played stands in DIR/faults.csv.",
)
@click.option(
    "--misbehave",
    "play",
    callback=_play,
    metavar="NAME[@FROM[-TO]]",
    help="Answer everybody falsely, as a gateway, a cache or a half-moved service would: from the first question of its"
    " kind on, or from the FROM-th on (to the TO-th). Who was touched stands in DIR/misbehaved.csv. The names stand"
    " below.",
)
@click.option("--throttle", is_flag=True, help="Play the published limits of each service, with their headers.")
@click.option(
    "--throttle-speed",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    show_default=True,
    metavar="N",
    help="Let the windows of the limits, and what a photo takes, pass N times faster.",
)
@click.option("--request-log", is_flag=True, help="Record every request in DIR/requests.jsonl.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to write what is needed to use the tenant.",
)
def command(
    *,
    users: int,
    seed: int,
    month: int,
    migrated: bool,
    make_up: str | None,
    make_up_month: int | None,
    photos: Path | None,
    scenarios: tuple[str, ...],
    photo_store: str,
    ews: str,
    engage: bool,
    uploads: str,
    signed_in: str,
    without_roles: frozenset[tuple[str, str]],
    expired_certificate: bool,
    base_port: int | None,
    faults: Plan | None,
    play: Play | None,
    throttle: bool,
    throttle_speed: float,
    request_log: bool,
    out: Path,
) -> None:
    """Serve a simulated tenant on this machine.

    Prints one line of JSON when every service answers, and ends on Ctrl-C.
    """
    # A move that loses SharePoint does so when it happens, not before.
    lost_by_move = migrated and make_up == LOST_BY_A_MOVE
    if lost_by_move and make_up_month is None:
        make_up_month = month + 1
    if play is not None and faults is not None:
        raise click.UsageError("Give --misbehave or --faults, not both: what is said falsely is said without faults.")
    try:
        tenant = make_month(
            users,
            seed,
            month,
            photos=photos,
            scenarios=scenarios,
            photo_store=cast("PhotoStore", photo_store),
            ews=ews == "on",
            make_up=make_up or "",
            make_up_month=make_up_month,
        )
        if migrated:
            tenant = move(tenant, ews=ews == "on", sharepoint_lost=lost_by_move)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    options = Options(
        ews=ews == "on",
        engage=engage,
        uploads=cast("Uploads", uploads),
        signed_in=cast("SignedIn", signed_in),
        without_roles=without_roles,
        expired_certificate=expired_certificate,
        faults=faults,
        play=play,
        throttle_speed=throttle_speed if throttle else None,
    )
    serving = Serving(options, base_port, request_log)
    try:
        serve(tenant, serving, out, _announce)
    except PortInUseError as error:
        click.echo(f"{error} Choose another --base-port, or leave it out for free ports.", err=True)
        sys.exit(COULD_NOT_SERVE)
    except OSError as error:
        click.echo(f"The simulated tenant cannot be served: {error}", err=True)
        sys.exit(COULD_NOT_SERVE)


def _announce(info: dict[str, str]) -> None:
    click.echo(json.dumps(info))
    sys.stdout.flush()
    if sys.stderr.isatty():
        click.echo(f"Audit it with: photo-auditor audit --config {info['config_file']}", err=True)
        click.echo("It serves until Ctrl-C.", err=True)


if __name__ == "__main__":
    command()
