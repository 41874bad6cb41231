"""What is written is true of the code: the reference, the commands, the settings, the links."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType

import click
import pytest
from PIL import Image

from auditor import model
from auditor.cli import commands as program
from auditor.model import DRIFT, Status, Verdict, Workload
from auditor.report.wording import VERDICTS
from auditor.settings import _KNOWN, env_name, load

CHECKOUT = Path(__file__).resolve().parents[1]
README = CHECKOUT / "README.md"
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md"), CHECKOUT / "reports" / "README.md"])
ENUMS = [one for one in vars(model).values() if isinstance(one, type) and issubclass(one, Enum) and list(one)]
LARGEST_IMAGE = 300_000
FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)
SOMEBODYS_MACHINE = re.compile(r"(?<![\w.}\]/])/(?:home|root|work|Users)/\w|\b[A-Za-z]:\\+Users\\+\w")
"""An absolute path that is good on one machine only."""


def script(name: str) -> ModuleType:
    """A script of docs/, which is no package's."""
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return script("make_reference")


def commands(command: click.Command = program, path: str = "photo-auditor") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}")


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def command_lines(page: Path) -> list[list[str]]:
    """The words after `photo-auditor` of every command line that a page quotes, in a block or in a sentence."""
    text = page.read_text(encoding="utf-8")
    quoted = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCE.sub("", text))
    lines = [line for name, block in FENCE.findall(text) if name != "text" for line in block.splitlines()]
    found = []
    for line in [*quoted, *lines]:
        match = re.match(r"\s*(?:\.venv[/\\]\S+[/\\])?photo-auditor\s+(.+)", line)
        if match:
            found.append(shlex.split(match[1], comments=True))
    return found


def parse(words: list[str]) -> None:
    """Raises `click.UsageError` for a command line that the program does not understand; runs nothing."""
    command: click.Command = program
    context = click.Context(program, info_name="photo-auditor")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no command {name}")
        command = found
    if isinstance(command, click.Group):
        assert not words or words in (["--help"], ["--version"]), words
        return
    command.make_context(command.name, list(words), parent=context)


def headings(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_reference_is_up_to_date() -> None:
    # Drawn in a process of its own: click remembers how a command was first asked for its help, by any test.
    draw = "import runpy, sys; sys.stdout.buffer.write(runpy.run_path(sys.argv[1])['page']().encode())"
    drawn = subprocess.run(
        [sys.executable, "-c", draw, str(CHECKOUT / "docs" / "make_reference.py")], capture_output=True, check=True
    )
    written = (CHECKOUT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == drawn.stdout.decode(), "run: python docs/make_reference.py"


def test_the_answers_are_up_to_date() -> None:
    written = (CHECKOUT / "docs" / "answers.md").read_text(encoding="utf-8")
    assert written == script("make_answers").page(), "run: python docs/make_answers.py"


def test_the_reference_does_not_depend_on_the_terminal(reference: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reference.page()
    monkeypatch.setenv("COLUMNS", "43")
    monkeypatch.setenv("PHOTO_AUDITOR_CONFIG", "elsewhere.toml")
    assert reference.page() == before


@pytest.mark.parametrize(("path", "command"), [pytest.param(*one, id=one[0]) for one in commands()])
def test_every_command_and_option_has_help(path: str, command: click.Command) -> None:
    assert command.help, path
    context = click.Context(command, help_option_names=["-h", "--help"])
    silent = [
        " ".join(option.opts)
        for option in command.get_params(context)
        if isinstance(option, click.Option) and not option.hidden and not option.help
    ]
    assert not silent, f"{path}: options without help"


def test_every_setting_has_a_meaning_of_its_own() -> None:
    assert all(known.meaning for known in _KNOWN)
    assert len({env_name(known.name) for known in _KNOWN}) == len(_KNOWN)


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_every_word_of_the_vocabulary_is_explained(kind: type[Enum], reference: ModuleType) -> None:
    assert [name for name, meaning in reference.meanings(kind).items() if not meaning] == []


def test_every_column_is_explained() -> None:
    tables = (model.USER_COLUMNS, model.OBSERVATION_COLUMNS, model.VERDICT_COLUMNS)
    assert all(column.meaning for table in tables for column in table)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_every_link_and_picture_exists(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'\b(?:src|srcset|href)="([^"]+)"', text)
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.is_file() or (anchor and anchor not in headings(file)):
            broken.append(target)
    assert not broken


def test_the_pictures_are_small_and_come_in_light_and_dark() -> None:
    pictures = {file.stem: file for file in (CHECKOUT / "docs" / "images").glob("*.png")}
    assert pictures
    for name, file in pictures.items():
        assert file.stat().st_size < LARGEST_IMAGE, name
        light, dark = (pictures[f"{name.rpartition('-')[0]}-{theme}"] for theme in ("light", "dark"))
        with Image.open(light) as one, Image.open(dark) as other:
            assert one.size == other.size


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_every_quoted_command_line_is_understood(page: Path) -> None:
    for words in command_lines(page):
        parse(words)


def test_a_command_line_that_is_wrong_is_noticed() -> None:
    for words in (["audit", "--no-such-option"], ["no-such-command"], ["report"]):
        with pytest.raises(click.UsageError):
            parse(words)
    assert ["audit"] in command_lines(README)
    assert ["demo"] in command_lines(README)


def test_the_settings_of_the_readme_load(tmp_path: Path) -> None:
    (example,) = blocks(README, "toml")
    (tmp_path / "photo-auditor.pem").write_text("stand-in", encoding="utf-8")
    file = tmp_path / "photo-auditor.toml"
    file.write_text(example, encoding="utf-8")
    settings = load(file, environ={})
    assert settings.workloads == (Workload.ENTRA, Workload.SHAREPOINT, Workload.YAMMER)
    assert settings.sign_in.certificate == (tmp_path / "photo-auditor.pem").resolve()


def test_the_environment_names_of_the_readme_exist() -> None:
    named = set(re.findall(r"\b(?:AZURE|PHOTO_AUDITOR)_[A-Z_]*[A-Z]\b", README.read_text(encoding="utf-8")))
    assert named - {env_name(known.name) for known in _KNOWN} == {"PHOTO_AUDITOR_CONFIG"}
    assert {known.env for known in _KNOWN if known.env} <= named


def test_the_settings_that_the_pages_name_exist() -> None:
    names = {known.name for known in _KNOWN}
    tables = "|".join(sorted({name.partition(".")[0] for name in names}))
    for page in PAGES:
        named = re.findall(rf"`((?:{tables})\.\w+)(?: = [^`]*)?`", page.read_text(encoding="utf-8"))
        files = {"yammer.py", "sharepoint.py", "exchange.py"}
        assert set(named) - files <= names, page


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = {*re.findall(r"`make ([a-z]+)", text), *re.findall(r"^make ([a-z]+)", text, re.MULTILINE)}
        assert named <= targets, page
    assert {"demo", "test"} <= targets


def test_the_readme_has_every_word_and_means_the_same() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in README.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    words = {row[0].strip("`"): row[1:] for row in rows if len(row) == 2}
    assert set(Status) <= set(words)
    verdicts = {row[0].strip("`"): (row[1], row[3]) for row in rows if len(row) == 4 and row[3] in {"yes", "no"}}
    assert verdicts == {str(one): (VERDICTS[one].name, "yes" if one in DRIFT else "no") for one in Verdict}


def test_the_readme_has_every_exit_code(reference: ModuleType) -> None:
    text = README.read_text(encoding="utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == [str(code) for code, _ in reference.EXIT_CODES]


def test_nothing_names_somebodys_machine() -> None:
    folders = ("auditor", "templates", "tests", "docs", "benchmarks", ".ci", ".github")
    files = [file for folder in folders for file in (CHECKOUT / folder).rglob("*") if file.is_file()]
    files += [*CHECKOUT.glob("*.md"), CHECKOUT / "Makefile", CHECKOUT / "pyproject.toml"]
    found = []
    for file in files:
        if "__pycache__" in file.parts or file.suffix in {".png", ".pyc"}:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{file.relative_to(CHECKOUT)}: {match[0]}" for match in SOMEBODYS_MACHINE.finditer(text)]
    assert not found
