"""`photo-auditor init`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from auditor import connect, interrupts
from auditor.cli.ending import endings
from auditor.cli.options import CONFIG_ENV, DEFAULT_CONFIG
from auditor.model import Workload
from auditor.report.text import visible
from auditor.runs.files import write_bytes
from auditor.services.clouds import CLOUDS
from auditor.settings import DELEGATED_METHODS, PERSON_METHODS, SIGN_IN_METHODS, SettingsError

T = TypeVar("T")
PASSWORD_ENV = "AZURE_CLIENT_CERTIFICATE_PASSWORD"  # noqa: S105  the name of it


@click.command("init")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Settings file to write [default: ${CONFIG_ENV}, else ./{DEFAULT_CONFIG}].",
)
@click.option("--tenant", metavar="ID|DOMAIN", help="The tenant's id or one of its domain names.")
@click.option("--cloud", type=click.Choice(list(CLOUDS)), help="Which Microsoft cloud [default: global].")
@click.option("--client-id", metavar="ID", help="Application (client) id of the app.")
@click.option(
    "--sign-in",
    "method",
    type=click.Choice(SIGN_IN_METHODS),
    help="How the app signs in, or a person with it: browser, device_code [default: certificate].",
)
@click.option("--certificate", metavar="FILE", help="PEM or PKCS #12 file [default: photo-auditor.pem].")
@click.option("--federated-token-file", metavar="FILE", help="File with another identity provider's token.")
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice([str(one) for one in Workload]),
    help="Read this workload; may be repeated. Entra ID is always read.",
)
@click.option("--sharepoint", metavar="URL", help="The root site, for example https://contoso.sharepoint.com.")
@click.option("--delegated-client-id", metavar="ID", help="The app with which a person signs in.")
@click.option(
    "--engage-sign-in", type=click.Choice(DELEGATED_METHODS), help="How that person signs in [default: browser]."
)
@click.option("--engage-token-file", metavar="FILE", help="File that holds a person's token for Viva Engage.")
@click.option("--no-input", is_flag=True, help="Ask nothing: take the options and the defaults.")
@click.option("--force", is_flag=True, help="Replace a settings file that is there.")
@click.option("--no-steps", is_flag=True, help="Do not print how to connect the tenant.")
def command(
    config: Path | None,
    tenant: str | None,
    cloud: str | None,
    client_id: str | None,
    method: str | None,
    certificate: str | None,
    federated_token_file: str | None,
    workloads: tuple[str, ...],
    sharepoint: str | None,
    delegated_client_id: str | None,
    engage_sign_in: str | None,
    engage_token_file: str | None,
    no_input: bool,
    force: bool,
    no_steps: bool,
) -> None:
    """Write a first settings file by asking, and print how to connect the tenant.

    Every answer can also be given as an option. A secret is neither asked for nor written: passwords and client
    secrets come from the environment. Nobody is asked over the network; `photo-auditor doctor` does that next.

    Exit codes: 0 written, 2 an answer that cannot be, or a file that is there and may not be replaced.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with endings():
        target = config or Path(os.environ.get(CONFIG_ENV) or DEFAULT_CONFIG)
        if target.exists() and not force:
            raise SettingsError(
                f"{target} is there already, and is not replaced. Name another --config, or add --force."
            )
        base, ask, notes = target.resolve().parent, _Asking(no_input), list[str]()
        if not base.is_dir():
            raise SettingsError(f"There is no folder {base} to write the settings file into.")

        def checked_certificate(text: str) -> str:
            kept, note = connect.certificate(text, base, os.environ.get(PASSWORD_ENV))
            notes[:] = [note] if note else []
            return kept

        in_cloud = ask.choice("--cloud", "Which Microsoft cloud", cloud, tuple(CLOUDS), "global")
        name = ask.text("--tenant", "The tenant's id or one of its domain names", tenant, connect.tenant)
        way = ask.choice(
            "--sign-in", "How the app, or a person with it, signs in", method, SIGN_IN_METHODS, "certificate"
        )
        app = cert = federated = site = person = token_file = ""
        everywhere = way in PERSON_METHODS
        if everywhere:
            question = "Client id of the app with which a person signs in"
            person = ask.text("--delegated-client-id", question, delegated_client_id, connect.client_id)
        else:
            app = ask.text("--client-id", "Application (client) id of the app", client_id, connect.client_id)
        signs_in = "browser"
        if way == "certificate":
            question = "File with the certificate and its key"
            cert = ask.text("--certificate", question, certificate, checked_certificate, "photo-auditor.pem")
        elif way == "federated":
            question = "File with the other identity provider's token"
            federated = ask.text(
                "--federated-token-file", question, federated_token_file, lambda t: connect.file(t, base)
            )
        wanted = ask.workloads(workloads, connect.has_engage(in_cloud), everywhere=everywhere)
        if Workload.SHAREPOINT in wanted:
            likely = connect.likely_sharepoint(name, in_cloud)
            site = ask.text("--sharepoint", "SharePoint's root site", sharepoint, connect.sharepoint, likely)
        if Workload.YAMMER in wanted and not connect.has_engage(in_cloud):
            raise SettingsError(f"--workload yammer: there is no Viva Engage in the cloud {in_cloud}.")
        if Workload.YAMMER in wanted and not everywhere:
            question = "How a person signs in to Viva Engage"
            signs_in = ask.choice("--engage-sign-in", question, engage_sign_in, DELEGATED_METHODS, "browser")
            if signs_in == "token_file":
                question = "File that holds a person's token for Viva Engage"
                token_file = ask.text(
                    "--engage-token-file", question, engage_token_file, lambda t: connect.file(t, base)
                )
            else:
                question = "Client id of the app with which the person signs in"
                person = ask.text("--delegated-client-id", question, delegated_client_id, connect.client_id)
        answers = connect.Answers(
            name, app, in_cloud, way, cert, federated, wanted, site, person, signs_in, token_file
        )  # fmt: skip
        write_bytes(target, connect.settings_text(answers).encode())
        if not no_steps:
            page = connect.shipped().read_text(encoding="utf-8")
            click.echo(visible_lines(connect.steps(page, answers.parts, answers)))
        for note in notes:
            click.echo(visible(f"Note: {note}."), err=True)
        click.echo(
            visible(f"Written: {target}. When the steps are done: photo-auditor doctor --config {target}"), err=True
        )


class _Asking:
    """Answers from options or, unless `never`, from whoever sits at the terminal."""

    def __init__(self, never: bool) -> None:
        self.never = never

    def text(
        self, option: str, question: str, given: str | None, check: Callable[[str], str], default: str = ""
    ) -> str:
        """One answer that passes `check`; asked again at the terminal until it does."""
        if given is not None or (self.never and default):
            try:
                return check(given if given is not None else default)
            except connect.BadAnswer as error:
                raise SettingsError(f"{option}: {str(error).rstrip('.')}.") from None

        def value(text: str) -> str:
            try:
                return check(text)
            except connect.BadAnswer as error:
                raise click.BadParameter(visible(str(error))) from None

        return self._asked(
            option, lambda: str(click.prompt(question, default=default or None, value_proc=value, err=True))
        )

    def choice(self, option: str, question: str, given: str | None, choices: tuple[str, ...], default: str) -> str:
        """One of several words."""
        if given is not None or self.never:
            return given or default
        kind = click.Choice(choices)
        return self._asked(option, lambda: str(click.prompt(question, default=default, type=kind, err=True)))

    def workloads(self, given: tuple[str, ...], engage: bool, *, everywhere: bool) -> tuple[Workload, ...]:
        """Which workloads are read; Entra ID always. `everywhere`: by a person who signs in."""
        if given or self.never:
            return tuple(one for one in Workload if one == Workload.ENTRA or str(one) in given)
        questions = {
            Workload.SHAREPOINT: ("Read SharePoint, with the app's certificate", True),
            Workload.YAMMER: ("Read Viva Engage, with a person's sign-in", True),
            Workload.EXCHANGE: ("Read Exchange mailboxes? Its widest permission opens all of every mailbox", False),
        }
        if everywhere:
            questions = {
                Workload.SHAREPOINT: ("Read SharePoint, as the person who signs in", True),
                Workload.YAMMER: ("Read Viva Engage, as the person who signs in", True),
                Workload.EXCHANGE: ("Read Exchange mailboxes? Its permission opens this person's own mailbox", False),
            }
        wanted = {Workload.ENTRA}
        for workload, (question, default) in questions.items():
            if workload is Workload.YAMMER and not engage:
                continue
            confirm = partial(click.confirm, question, default=default, err=True)
            if self._asked("--workload", confirm):
                wanted.add(workload)
        return tuple(one for one in Workload if one in wanted)

    def _asked(self, option: str, ask: Callable[[], T]) -> T:
        if self.never:
            raise SettingsError(f"{option} is missing, and with --no-input nobody is asked for it.")
        try:
            return ask()
        except click.Abort:
            if interrupts.asked():
                raise
            raise SettingsError(f"{option} is missing, and nobody is there to be asked for it.") from None


def visible_lines(text: str) -> str:
    """A text of several lines with all else that cannot be seen made visible."""
    return "\n".join(visible(line) for line in text.splitlines())
