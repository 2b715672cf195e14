"""How a text is cited, when a run of words is a citation, and how building is reported. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import msgspec

from geminid.judgement import Date


class CitationsError(Exception):
    """What the operator can mend: a text that cannot be read, a damaged index. The message names it."""


def parsed(text: str) -> Date:
    """The date of YYYY, YYYY-MM or YYYY-MM-DD. Raises ValueError."""
    if not re.fullmatch(r"\d{4}(-\d\d){0,2}", text, re.ASCII):
        raise ValueError(f"{text!r} is not a date: write YYYY, YYYY-MM or YYYY-MM-DD.")
    parts = [int(part) for part in text.split("-")]
    if not all(1 <= part <= most for part, most in zip(parts, (9999, 12, 31), strict=False)):
        raise ValueError(f"{text!r} is not a day of the calendar.")
    return Date(*parts)


def written(date: Date) -> str:
    """As ``parsed`` takes it."""
    return "-".join(f"{part:02}" for part in (f"{date.year:04}", date.month, date.day) if part)


class Work(msgspec.Struct, frozen=True, array_like=True):
    """One text of the index: how to cite it, and the id of the source that it came with."""

    source: int
    uri: str = ""
    title: str = ""
    license: str = ""
    date: Date | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """When a verbatim run is cited, and beyond how many words it is a recitation (0: never).

    A run is cited from ``cited_words`` words that take ``cited_bytes`` bytes of UTF-8, each with one space: the
    second keeps out lists of numbers and letters. Below 20 words not every run is found.
    """

    cited_words: int = 20
    cited_bytes: int = 100
    recited_words: int = 200


class Progress(Protocol):
    """Hears how building goes."""

    def start(self, label: str, total: int | None, done: int) -> None:
        """``label`` begins: ``total`` bytes, of which ``done`` are done."""

    def advance(self, amount: int) -> None:
        """``amount`` more bytes."""

    def note(self, text: str) -> None:
        """Something that the operator wants to know, as one sentence."""
