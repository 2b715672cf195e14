"""The seam of recognition: what an observer takes and gives. ``understand.py`` calls observers through these.

An observer keeps its models and their libraries out of the server, and off its event loop: ``recogniser.py`` runs
them. These raise InvalidArgument for media that they fail on, and Unavailable when they are closed or when their
process cannot be started. Those that ask an engine (``by_engine.py``) pass on its errors; scripted ones have none.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Protocol

from geminid import attachment

SAMPLE_RATE = 16_000
"""Of the sound that a Transcriber takes, in hertz."""
SAMPLE_BYTES = 2
"""Signed, the low byte first."""
SEAM_SECONDS = 0.05
"""Blocks of one recording are this near to each other; their times are rounded."""

INSTALL = "pip install 'geminid[media]'"


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows from the top, three bytes for each pixel: the form ``rgb`` of ``pixels.Pixels``."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Box:
    """In pixels from the upper left corner; the smallest upright box around what may stand at an angle."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Line:
    """Text on one line. Pieces far apart on it, as in a table, are separated by tabs. ``confidence`` is 0 to 1."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Label:
    """A name for what a picture shows, and its probability among all names that the model knows."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Something said, from ``start`` to ``end`` in seconds."""

    start: float
    end: float
    text: str


class Observer(Protocol):
    @property
    def name(self) -> str:
        """Of the model, as it is told to whoever reads the description."""

    def ready(self) -> str | None:
        """None when it can be used, otherwise what to do: the command that installs what it lacks, or where none
        helps, a sentence that says what to configure. Cheap.
        """

    async def aclose(self) -> None:
        """Ends its process, if it has one; what is under way is told so. Idempotent."""


class TextReader(Observer, Protocol):
    async def read(self, picture: Picture) -> list[Line]:
        """In the order in which people would read, columns one after the other. Empty without text."""


class Labeller(Observer, Protocol):
    async def label(self, picture: Picture) -> list[Label]:
        """The most probable first. Empty when nothing is probable."""


class Transcriber(Observer, Protocol):
    def transcribe(self, blocks: AsyncIterable[tuple[float, bytes]]) -> AsyncGenerator[Segment, None]:
        """What is said in a recording, while it comes.

        ``blocks`` are pieces of any length, each with its start in seconds; one that does not begin where the last
        one ended begins anew. Closing the generator ends the work.
        """


class Describer(Observer, Protocol):
    async def describe(self, picture: attachment.Picture) -> str:
        """What a picture shows, and the text that it holds, in a few hundred tokens at most. May be empty."""
