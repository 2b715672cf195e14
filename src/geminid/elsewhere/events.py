"""Google's stream of server-sent events: a JSON document on each ``data:`` line, perhaps an error at its end.

That error stands bare, without ``data:``, over several lines. Knows no message; called by ``vertex.py``.
"""

from __future__ import annotations

from geminid.errors import INTERNAL, Internal

LINE_BYTES = 64 * 1024 * 1024
"""A chunk may hold pictures; without a bound a broken server could fill the memory."""


class Events:
    """Collects bytes. ``stray`` are the lines that are no event: an error, once the stream is over."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._stray: list[bytes] = []

    @property
    def stray(self) -> bytes:
        return b"\n".join(self._stray)

    def feed(self, received: bytes) -> list[bytes]:
        """The documents that are complete now. Raises Internal for a line that is too long."""
        if b"\n" not in received:
            self._hold(received)
            return []
        lines = received.split(b"\n")
        lines[0] = b"".join([*self._parts, lines[0]])
        self._parts, self._held = [], 0
        self._hold(lines.pop())
        return [data for line in lines if (data := self._read(line))]

    def end(self) -> list[bytes]:
        """What the end of the stream completes."""
        return self.feed(b"\n")

    def _read(self, line: bytes) -> bytes:
        if line.startswith(b"data:"):
            return line[5:].strip()
        if line.strip() and not line.startswith(b":"):
            self._stray.append(line)
        return b""

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > LINE_BYTES:
            raise Internal(INTERNAL)
        if part:
            self._parts.append(part)
