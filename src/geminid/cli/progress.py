"""How fetching looks to a person: a bar on a terminal, plain lines in a log.

Both are a ``geminid.engines.weights.Progress``. Used by ``geminid models pull`` and by ``geminid serve``.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from geminid.engines.weights import Progress


@contextlib.contextmanager
def shown() -> Iterator[Progress]:
    """Shows on standard error how fetching goes."""
    if not sys.stderr.isatty():
        yield Lines(sys.stderr)
        return
    from rich.console import Console

    with Bar(Console(stderr=True, highlight=False)) as bar:
        yield bar


class Bar:
    """One line for each file, with a bar, the speed and the remaining time."""

    def __init__(self, console: Console) -> None:
        from rich import progress, table

        self._bars = progress.Progress(
            progress.TextColumn("{task.description}", table_column=table.Column(no_wrap=True, ratio=2)),
            progress.BarColumn(bar_width=None, table_column=table.Column(ratio=1)),
            progress.DownloadColumn(table_column=table.Column(no_wrap=True)),
            progress.TransferSpeedColumn(table_column=table.Column(no_wrap=True)),
            progress.TimeRemainingColumn(table_column=table.Column(no_wrap=True)),
            console=console,
            expand=True,
        )
        self._tasks: dict[str, progress.TaskID] = {}
        self._label = ""

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, label: str, total: int | None, done: int) -> None:
        self._label = label
        if label in self._tasks:
            self._bars.update(self._tasks[label], total=total, completed=done)
        else:
            self._tasks[label] = self._bars.add_task(label, total=total, completed=done)

    def advance(self, amount: int) -> None:
        if self._label:
            self._bars.advance(self._tasks[self._label], amount)

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)


class Lines:
    """A line when a file begins, one every ``seconds``, and one when it is whole."""

    def __init__(self, stream: TextIO, seconds: float = 5.0) -> None:
        self._stream = stream
        self._seconds = seconds
        self._label = ""
        self._total: int | None = None
        self._first = self._done = 0
        self._began = self._said = time.monotonic()

    def start(self, label: str, total: int | None, done: int) -> None:
        self._label, self._total, self._first, self._done = label, total, done, done
        self._began = self._said = time.monotonic()
        here = f", {size(done)} are here already" if done else ""
        self.note(f"{label}: {size(total)}{here}")

    def advance(self, amount: int) -> None:
        self._done += amount
        now = time.monotonic()
        if self._label and amount and (self._done == self._total or now - self._said >= self._seconds):
            self._said = now
            speed = (self._done - self._first) / max(now - self._began, 0.001)
            self.note(f"{self._label}: {size(self._done)} of {size(self._total)}, {size(int(speed))}/s")

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def size(count: int | None) -> str:
    """A length in bytes, as disks and networks count it: 1 MB is 1,000,000."""
    if count is None:
        return "?"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
