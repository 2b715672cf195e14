"""Where marks stand in a text that is still growing: stop sequences, and the tags of thoughts and calls."""

from __future__ import annotations

from collections.abc import Sequence


def first(text: str, marks: Sequence[str]) -> int | None:
    """Where the text ends before the mark that is complete first; of two such, the longer one."""
    found = [(start + len(mark), start) for mark in marks if (start := text.find(mark)) >= 0]
    return min(found)[1] if found else None


def begun(text: str, marks: Sequence[str]) -> int:
    """The length of the longest end of ``text`` that begins a mark and is not all of it."""
    longest = max(map(len, marks), default=0)
    lengths = range(min(longest - 1, len(text)), 0, -1)
    return next((length for length in lengths if any(mark.startswith(text[-length:]) for mark in marks)), 0)
