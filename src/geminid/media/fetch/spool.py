"""One download as it comes in: in memory, and on disk once it is larger than ``IN_MEMORY_BYTES``.

Its memory is bounded by that and by one batch, whatever the size of the file. Used by what downloads.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
from io import FileIO
from pathlib import Path
from types import TracebackType

from geminid import errors
from geminid.media import base
from geminid.media.fetch import refusals
from geminid.media.fetch.cache import Cache, Validator

_log = logging.getLogger(__name__)

_BATCH = 1 << 20
"""Bytes that go to the disk at once, in one trip to a thread."""


class Spool:
    """An async context: what was written is gone at its end unless ``keep`` was called.

    ``limit`` is the most bytes that ``uri`` may have; one more is refused with InvalidArgument.
    """

    def __init__(self, cache: Cache, uri: str, limit: int) -> None:
        self._cache = cache
        self._uri = uri
        self._limit = limit
        self._size = 0
        self._reserved = 0
        self._pending = bytearray()
        self._digest = hashlib.sha256()
        self._part: Path | None = None
        self._file: FileIO | None = None
        self._writing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Spool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing is not None and not self._writing.done():
            self._writing.add_done_callback(lambda _: self._end())  # not under the thread that writes
            await asyncio.wait([self._writing])
        else:
            self._end()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        refusals.require_size(self._uri, self._size, self._limit)
        self._pending += data
        if len(self._pending) >= (_BATCH if self._file else base.IN_MEMORY_BYTES + 1):
            await self._flush()

    async def keep(self, key: str, mime_type: str, validator: Validator) -> base.File:
        """The file. It is found again under ``key`` if there is a validator to ask its source with."""
        if self._file is None and not validator:
            return base.File(bytes(self._pending), mime_type)
        content: base.Content | None = None if self._file else bytes(self._pending)
        try:
            path = await self._adopt()
        except (errors.ResourceExhausted, OSError) as error:
            if content is None:
                raise
            _log.info("a download is not kept: %s", error)
            return base.File(content, mime_type)
        if validator:
            self._cache.remember(key, self._digest.hexdigest(), mime_type, validator)
        return base.File(path if content is None else content, mime_type)

    async def _adopt(self) -> base.Content:
        await self._flush()
        assert self._file is not None
        assert self._part is not None
        self._file.close()
        held = self._cache.adopt(self._part, self._size, self._digest.hexdigest())
        self._part, self._reserved = None, 0
        return held

    async def _flush(self) -> None:
        pending, self._pending = self._pending, bytearray()
        self._cache.reserve(len(pending))
        self._reserved += len(pending)
        if self._part is None:
            self._part = await self._cache.part()
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._put, self._part, pending))
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise refusals.no_room() from error
            raise

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._part is not None:
            self._cache.remove(self._part)
            self._part = None
        self._cache.release(self._reserved)
        self._reserved = 0

    def _put(self, part: Path, data: bytearray) -> None:
        if self._file is None:
            self._file = FileIO(part, "xb")
        view = memoryview(data)
        self._digest.update(view)
        while view:
            view = view[self._file.write(view) :]
