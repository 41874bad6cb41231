"""`photo-auditor doctor`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from auditor import interrupts
from auditor.cli.ending import endings
from auditor.cli.options import CA_BUNDLE_HELP, config_option, find_config
from auditor.doctor import Finding, Level, examine, unusable
from auditor.report.text import count, visible
from auditor.settings import SettingsError, load

WELL, IN_PART, UNUSABLE, IN_VAIN = 0, 1, 2, 3


@click.command("doctor")
@config_option
@click.option("--ca-bundle", type=click.Path(path_type=Path), help=CA_BUNDLE_HELP)
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or JSON.",
)
def command(config: Path | None, ca_bundle: Path | None, output: str) -> None:
    """Probe a set-up, and say of each part whether it works, and if not, what mends it.

    Looks at the settings, the certificate, the clock, the proxy and every host; signs in for each service, tells which
    permissions are missing, and asks each service about a few users as an audit would. It only reads.

    Exit codes: 0 an audit can read all that is configured, 1 a part of it cannot be read, 2 the settings cannot be
    used, 3 an audit could not begin (no credential, no sign-in, no list of users).
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with endings():
        findings: list[Finding] = []

        def report(finding: Finding) -> None:
            findings.append(finding)
            if output == "text":
                for line in lines(finding):
                    click.echo(line)

        try:
            settings = load(find_config(config), {"network.ca_bundle": ca_bundle})
        except SettingsError as error:
            report(unusable(str(error)))
            code = UNUSABLE
        else:
            interrupts.run(lambda: examine(settings, report, tell=lambda text: click.echo(visible(text), err=True)))
            code = exit_code(findings)
        if output == "json":
            rows = [_shown(asdict(finding)) for finding in findings]
            click.echo(json.dumps({"exit_code": code, "findings": rows}, ensure_ascii=False, indent=1))
        else:
            click.echo(summary(findings, code))
        sys.exit(code)


def exit_code(findings: list[Finding]) -> int:
    """The exit code of a finished diagnosis."""
    if any(finding.stops for finding in findings):
        return IN_VAIN
    return IN_PART if any(finding.level is Level.PROBLEM for finding in findings) else WELL


def lines(finding: Finding) -> list[str]:
    """A finding for the terminal: one line, and a line for each thing to do."""
    level = finding.level.upper() if finding.level is Level.PROBLEM else str(finding.level)
    told = [f"{level:<9}{finding.probe}: {finding.says}", *(f"{'':<9}→ {one}" for one in finding.remedy)]
    return [visible(line) for line in told]


def summary(findings: list[Finding], code: int) -> str:
    """The last line."""
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    words = {
        WELL: "An audit can read all that is configured.",
        IN_PART: "An audit would be incomplete.",
        UNUSABLE: "The settings cannot be used.",
        IN_VAIN: "An audit could not begin.",
    }
    return f"{words[code]} {count(problems, 'problem')}, {count(warnings, 'warning')}."


def _shown(row: dict[str, object]) -> dict[str, object]:
    """A finding for JSON: unseen characters made visible, as everywhere."""
    remedy = row["remedy"]
    assert isinstance(remedy, tuple)
    return {
        "probe": visible(str(row["probe"])),
        "level": str(row["level"]),
        "says": visible(str(row["says"])),
        "remedy": [visible(str(one)) for one in remedy],
        "stops": row["stops"],
    }
