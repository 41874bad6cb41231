"""`--output json`: one document on stdout and nothing else, on every command that prints what it found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from auditor.cli import commands
from tests.runs.conftest import make_run, user


def every(command: click.Command = commands, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from every(found, f"{name} {inner}".strip())
    else:
        yield name, command


NO_RESULT = {"simulate", "init", "exceptions draft"}
"""The first says in one line of JSON that it serves, the second asks a person, the third prints TOML to paste."""
COMMANDS = [pytest.param(*one, id=one[0]) for one in every() if one[0] not in NO_RESULT]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json") / "reports"
    make_run(folder / "one", [user(number, display_name="A \x1b[2J\u202eb") for number in range(2)]).close()
    return folder


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command_knows_the_option(name: str, command: click.Command) -> None:
    (option,) = (one for one in command.params if "--output" in one.opts)
    assert isinstance(option.type, click.Choice)
    assert {"text", "json"} <= set(option.type.choices)


@pytest.mark.parametrize(
    ("words", "member"),
    [
        (("report", "{runs}/one"), "drifting_users"),
        (("resume", "{runs}/one"), "drifting_users"),
        (("explain", "user1@contoso.com", "--run", "{runs}/one"), "differences"),
        (("verify", "{runs}/one"), "intact"),
        (("runs", "list", "--runs", "{runs}"), "state"),
        (("runs", "prune", "--runs", "{runs}", "--pictures-days", "0"), "pictures"),
        (("erase", "--user", "user1@contoso.com", "{runs}/one"), "traces_left"),
    ],
)
def test_stdout_is_one_document(runs: Path, program: Callable[..., Any], words: tuple[str, ...], member: str) -> None:
    done = program(*(word.format(runs=runs) for word in words), "--output", "json")
    assert done.code in {0, 1}, done.err
    document = json.loads(done.out)
    (one,) = document if isinstance(document, list) else [document]
    assert member in one
    assert done.out.isascii() or done.out.replace("\n", "").isprintable()


def test_what_went_wrong_is_no_document(program: Callable[..., Any], tmp_path: Path) -> None:
    done = program("report", tmp_path / "nothing", "--output", "json")
    assert done.code == 2
    assert done.out == ""
    assert "There is no run" in done.err


def test_a_run_that_is_not_intact_says_so_in_the_document(
    runs: Path, program: Callable[..., Any], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "hurt", [user(1)])
    run.close()
    (run.path / "users" / "part-00000.parquet").write_bytes(b"")
    done = program("verify", run.path, "--output", "json")
    assert done.code == 1
    document = json.loads(done.out)
    assert document["intact"] is False
    assert any("part-00000" in problem for problem in document["problems"])
