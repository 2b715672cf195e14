"""Parts thoughts from the answer where the server does not: ``<think> ... </think>`` at the beginning of a text.

Most open models that reason were taught these two tags. Called by ``chat_reply.py``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TypeAlias

from geminid import marks

OPENS, CLOSES = "<think>", "</think>"


class Kind(enum.Enum):
    TEXT = "text"
    THOUGHT = "thought"
    TAG = "tag"
    """A tag, or the white space around it, which is neither thought nor text."""


Piece: TypeAlias = tuple[str, Kind]


class _Place(enum.Enum):
    BEFORE = "before"
    OPENED = "opened"
    WITHIN = "within"
    CLOSED = "closed"
    AFTER = "after"


class ThoughtReader:
    """Fed with an answer piece by piece, gives it back in pieces of one kind each, which together are the whole.

    What may turn out to be a tag is held back. An answer that does not begin with a thought is passed on from its
    first characters.
    """

    def __init__(self) -> None:
        self._place = _Place.BEFORE
        self._held = ""

    @property
    def done(self) -> bool:
        """Whether all that comes now is text."""
        return self._place is _Place.AFTER

    def feed(self, text: str) -> Iterator[Piece]:
        """What is certain of the text so far."""
        self._held += text
        if self._place is _Place.BEFORE:
            yield from self._open()
        if self._place in (_Place.OPENED, _Place.CLOSED):
            yield from self._skip_space()
        if self._place is _Place.WITHIN:
            yield from self._think()
        if self._place is _Place.AFTER and self._held:
            yield self._take(len(self._held), Kind.TEXT)

    def flush(self) -> Iterator[Piece]:
        """What was held back, once there is no more: it was no tag."""
        if self._held:
            yield self._take(len(self._held), Kind.TEXT if self._place is _Place.BEFORE else Kind.THOUGHT)

    def _open(self) -> Iterator[Piece]:
        begun = self._held.lstrip()
        if begun.startswith(OPENS):
            self._place = _Place.OPENED
            yield self._take(len(self._held) - len(begun) + len(OPENS), Kind.TAG)
        elif not OPENS.startswith(begun):
            self._place = _Place.AFTER

    def _skip_space(self) -> Iterator[Piece]:
        space = len(self._held) - len(self._held.lstrip())
        if space:
            yield self._take(space, Kind.TAG)
        if self._held:
            self._place = _Place.WITHIN if self._place is _Place.OPENED else _Place.AFTER

    def _think(self) -> Iterator[Piece]:
        closes = self._held.find(CLOSES)
        thought = self._held[
            : closes if closes >= 0 else len(self._held) - marks.begun(self._held, (CLOSES,))
        ].rstrip()
        if thought:
            yield self._take(len(thought), Kind.THOUGHT)
        if closes >= 0:
            self._place = _Place.CLOSED
            yield self._take(self._held.index(CLOSES) + len(CLOSES), Kind.TAG)
            yield from self._skip_space()

    def _take(self, length: int, kind: Kind) -> Piece:
        taken, self._held = self._held[:length], self._held[length:]
        return taken, kind
