"""Progress on a terminal: a bar a step. Elsewhere silence."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from auditor.report.text import visible


class Bars:
    """What `auditor.collection.Progress` asks for, drawn by rich on stderr; quiet when that is no terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._quiet = quiet
        self._shown = not quiet and console.is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not self._shown,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, step: str, total: int | None) -> None:
        """A new bar."""
        self._tasks[step] = self._bars.add_task(step, total=total)

    def advance(self, step: str, count: int = 1) -> None:
        """Move a bar on."""
        self._bars.advance(self._tasks[step], count)

    def done(self, step: str) -> None:
        """Fill a bar."""
        task = self._bars.tasks[list(self._tasks).index(step)]
        total = task.total if task.total is not None else 1
        self._bars.update(self._tasks[step], total=total, completed=total)

    def tell(self, text: str) -> None:
        """Print above the bars; also where there are none, because somebody has to act on it."""
        shown = visible(text)
        if self._shown:
            self._bars.console.print(shown, markup=False)
        else:
            click.echo(shown, err=True)
