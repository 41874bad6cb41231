"""`photo-auditor compare`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import click

from auditor.model import Decision, Fingerprint
from auditor.photos import Comparison, UnreadablePicture, fingerprint
from auditor.photos import compare as judge
from auditor.photos.decode import MAX_BYTES
from auditor.report.tables import safe_cell
from auditor.report.text import visible

ALL_SAME, NOT_ALL_SAME, UNUSABLE = 0, 1, 2
COLUMNS = ("a", "b", "decision", "kind", "kept_share", "distance", "confidence", "sentence")


@click.command("compare")
@click.argument("pictures", metavar="[A B]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    help="Compare many: a CSV file with the columns a and b, each a path, read from the file's folder.",
)
@click.option(
    "--format",
    "--output",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="Lines for people, JSON, or a table.",
)
def command(pictures: tuple[Path, ...], pairs: Path | None, form: str) -> None:
    """Tell whether two pictures are the same photograph, a variant of it, or two photographs.

    Distances are 0 for equal structure and about 1000 for unrelated pictures. Only the equality of pictures is
    judged: no face is detected or recognised.

    Exit codes: 0 the same (with --pairs: all of them), 1 a variant or different, 2 usage or a file that cannot
    be read.
    """
    if (pairs is None) != (len(pictures) == 2) or (pairs is not None and pictures):
        raise click.UsageError("Give two pictures, or --pairs FILE.csv.")
    wanted = [(pictures[0], pictures[1])] if pairs is None else _read_pairs(pairs)
    found = [(a, b, judge(one, other)) for (a, b), (one, other) in zip(wanted, _prints(wanted), strict=True)]
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    {"text": _text, "json": _json, "csv": _csv}[form](found, pairs is None)
    same = all(one.decision is Decision.SAME for _, _, one in found)
    sys.exit(ALL_SAME if same else NOT_ALL_SAME)


Found = Sequence[tuple[Path, Path, Comparison]]


def _read_pairs(path: Path) -> list[tuple[Path, Path]]:
    """The pairs of a CSV file; ends the program where there is none to be had."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(csv.DictReader(file), path))
    except OSError as error:
        _end(path, f"cannot be read: {error.strerror or type(error).__name__}")
    except ValueError as error:
        _end(path, "is not UTF-8 text" if isinstance(error, UnicodeError) else f"cannot be used: {_words(error)}")
    except csv.Error as error:
        _end(path, f"is no CSV file: {_words(error)}")
    if not rows:
        _end(path, "names no pairs")
    return rows


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[tuple[Path, Path]]:
    if not {"a", "b"} <= set(reader.fieldnames or ()):
        _end(path, "has no columns a and b")
    for row in reader:
        if not row["a"] or not row["b"]:
            _end(path, f"names no pair in line {reader.line_num}")
        yield path.parent / row["a"], path.parent / row["b"]


def _prints(pairs: Iterable[tuple[Path, Path]]) -> Iterator[tuple[Fingerprint, Fingerprint]]:
    """The fingerprints of each pair; a file that was in the pair before is read once."""
    kept: dict[Path, Fingerprint] = {}
    for pair in pairs:
        kept = {path: kept.get(path) or _print(path) for path in pair}
        yield kept[pair[0]], kept[pair[1]]


def _print(path: Path) -> Fingerprint:
    try:
        with path.open("rb") as file:
            return fingerprint(file.read(MAX_BYTES + 1))
    except UnreadablePicture as error:
        _end(path, f"is no picture that can be read: {str(error).rstrip('.')}")
    except OSError as error:
        _end(path, f"cannot be read: {error.strerror or type(error).__name__}")
    except ValueError:
        _end(path, "cannot be read: that is no path")


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _end(path: Path, what: str) -> NoReturn:
    """One sentence that names the file, and the exit code."""
    click.echo(visible(f"photo-auditor: {path} {what}.").encode("utf-8", "backslashreplace"), err=True)
    sys.exit(UNUSABLE)


def _text(found: Found, alone: bool) -> None:
    for number, (a, b, one) in enumerate(found):
        if not alone:
            click.echo(("\n" if number else "") + visible(f"{a} | {b}"))
        lines = [
            ("decision", str(one.decision)),
            ("kind", one.kind.replace("_", " ")),
            ("kept share", "" if one.kept_share is None else f"{one.kept_share:.1%} of the side"),
            ("distance", f"{one.distance:.1f}"),
            ("confidence", f"{one.confidence:.2f}"),
        ]
        click.echo(one.sentence)
        for name, value in lines:
            if value:
                click.echo(f"  {name:<11}{value}")


def _row(a: Path, b: Path, one: Comparison) -> dict[str, str | float | None]:
    return {
        "a": visible(str(a)),
        "b": visible(str(b)),
        "decision": str(one.decision),
        "kind": one.kind,
        "kept_share": one.kept_share,
        "distance": round(one.distance, 3),
        "confidence": one.confidence,
        "sentence": one.sentence,
    }


def _json(found: Found, alone: bool) -> None:
    """An object for two pictures, a list of them for pairs."""
    rows = [
        _row(*one) | {"distances": {name: round(value, 3) for name, value in one[2].distances.items()}} for one in found
    ]
    click.echo(json.dumps(rows[0] if alone else rows, ensure_ascii=False, indent=1))


def _csv(found: Found, _: bool) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        row = _row(*one)
        writer.writerow([safe_cell(value) if isinstance(value, str) else value for value in row.values()])
