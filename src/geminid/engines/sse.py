"""Server-sent events out of a byte stream that is cut anywhere. Knows nothing of what the events say.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html for what model servers send: ``data`` lines
that end in LF or CRLF, comments and other fields skipped. Bytes are never decoded here, so a character that is
split over two reads stays whole. Called by ``chat_reply.py``.
"""

from __future__ import annotations

LINE_BYTES = 10 * 1024 * 1024
"""A line longer than this is no token of any model; without a bound a broken server could fill the memory."""


class LineTooLong(Exception):
    """The server sent more than LINE_BYTES without a line end."""


class EventReader:
    """Collects bytes and gives back the data of the events that they complete."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """The data of every event that is complete now. Raises LineTooLong."""
        if b"\n" not in received:
            self._hold(received)
            return []
        lines = received.split(b"\n")
        if self._parts:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts, self._held = [], 0
        self._hold(lines.pop())
        events = []
        for line in lines:
            if line == b"" or line == b"\r":
                if self._data:
                    events.append(self._take())
            elif line.startswith(b"data:"):
                start = 6 if line.startswith(b"data: ") else 5
                self._data.append(line[start:-1] if line.endswith(b"\r") else line[start:])
        return events

    def rest(self) -> list[bytes]:
        """What the end of the stream completes: servers leave out the last empty line now and then."""
        return self.feed(b"\n\n")

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > LINE_BYTES:
            raise LineTooLong
        if part:
            self._parts.append(part)

    def _take(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data = []
        return data
