"""How fetching is shown: lines for a log, a bar for a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from geminid.cli.progress import Bar, Lines, size


def test_a_log_gets_a_line_at_the_start_and_one_at_the_end() -> None:
    stream = io.StringIO()
    lines = Lines(stream, seconds=3600)

    lines.start("m.gguf", 98_362_432, 0)
    for amount in (30_000_000, 60_000_000, 8_362_432):
        lines.advance(amount)

    said = stream.getvalue().splitlines()
    assert said[0] == "m.gguf: 98.4 MB"
    assert said[1].startswith("m.gguf: 98.4 MB of 98.4 MB, ")
    assert len(said) == 2


def test_a_log_gets_a_line_now_and_then_with_the_speed() -> None:
    stream = io.StringIO()
    lines = Lines(stream, seconds=0)

    lines.start("m.gguf", None, 1_000_000)
    lines.advance(1_000_000)

    first, second = stream.getvalue().splitlines()
    assert first == "m.gguf: ?, 1.0 MB are here already"
    assert second.startswith("m.gguf: 2.0 MB of ?, ")
    assert second.endswith("B/s")


def test_waiting_is_not_progress() -> None:
    stream = io.StringIO()
    lines = Lines(stream, seconds=0)

    lines.note("Another process is fetching m.gguf. Waiting for it.")
    lines.advance(0)

    assert stream.getvalue() == "Another process is fetching m.gguf. Waiting for it.\n"


def test_a_terminal_gets_one_bar_for_each_file() -> None:
    screen = io.StringIO()
    with Bar(Console(file=screen, force_terminal=True, width=100)) as bar:
        bar.advance(0)
        bar.start("m.gguf", 2_000_000, 0)
        bar.advance(500_000)
        bar.note("The connection broke. Resuming [1].")
        bar.start("m.gguf", 2_000_000, 500_000)
        bar.advance(1_500_000)
        bar.start("eye.gguf", None, 0)
        bar.advance(1_000_000)

    last = screen.getvalue().rpartition("m.gguf")[2]
    assert "2.0/2.0 MB" in last
    assert "eye.gguf" in last
    assert "Resuming [1]." in screen.getvalue()


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "?"), (0, "0.0 MB"), (98_362_432, "98.4 MB"), (8_154_775_200, "8.2 GB")],
)
def test_sizes(count: int | None, text: str) -> None:
    assert size(count) == text
