"""A body of multipart/related (RFC 2387) as uploads have it: metadata in JSON, then the media. Read as it arrives.

Not a general parser: two parts, in this order, are what Google documents. Called by ``doors/uploads.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message
from typing import Final

from geminid.errors import InvalidArgument

_MOST_BYTES: Final = 65_536
"""Of the metadata, and of the headers of a part."""


class Related:
    """The parts of ``chunks``; ``content_type`` names the boundary. All of it may raise InvalidArgument."""

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        boundary = _header(content_type).get_boundary()
        if not boundary:
            raise InvalidArgument("A multipart upload needs the Content-Type multipart/related with a boundary.")
        self._chunks = chunks
        self._mark = b"\r\n--" + boundary.encode("latin-1", "replace")
        self._held = bytearray(b"\r\n")  # the first mark may begin the body

    async def metadata(self) -> bytes:
        """The content of the first part."""
        await self._before(self._mark)
        await self._before(b"\r\n\r\n")
        return await self._before(self._mark)

    async def media_type(self) -> str:
        """The Content-Type of the second part, to be asked for after the metadata; empty if it has none."""
        for line in (await self._before(b"\r\n\r\n")).decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-type":
                return value.strip()
        return ""

    async def media(self) -> AsyncIterator[bytes]:
        """The content of the second part, to be asked for last."""
        may_be_mark = len(self._mark) - 1
        while (at := self._held.find(self._mark)) < 0:
            yield self._take(max(0, len(self._held) - may_be_mark))
            await self._more()
        yield self._take(at)
        async for _ in self._chunks:  # the last mark and what may follow it
            pass

    async def _before(self, mark: bytes) -> bytes:
        while (at := self._held.find(mark)) < 0:
            if len(self._held) > _MOST_BYTES:
                raise _malformed()
            await self._more()
        found = self._take(at)
        self._take(len(mark))
        return found

    async def _more(self) -> None:
        try:
            self._held += await anext(self._chunks)
        except StopAsyncIteration:
            raise _malformed() from None

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


def _header(content_type: str) -> Message:
    message = Message()
    message["Content-Type"] = content_type
    return message


def _malformed() -> InvalidArgument:
    return InvalidArgument("The multipart body must have two parts: the metadata in JSON, then the media.")
