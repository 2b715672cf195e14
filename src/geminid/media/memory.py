"""What media was understood to be, kept for as long as there is room: conversations send the same files each turn.

Called by ``understand.py``. In memory only; what is not there is looked at again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from geminid.attachment import Shown
from geminid.media.base import Content
from geminid.media.measured import Measured

_HASHED_AT_ONCE = 256 * 1024
"""Bytes; more is hashed in a thread."""


class Memory:
    """``most_bytes`` of words, pictures and sound; what was not used for the longest time goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[Hashable, tuple[Shown, ...]] = OrderedDict()
        self._bytes = 0

    async def key(self, measured: Measured, *, sees: bool, hears: bool, number: int) -> Hashable:
        """All that decides what is shown of it: its bytes, how it is looked at, by whom, and its number."""
        found = measured.found
        content = await _hash(found.content)
        looked_at = (found.kind, found.mime_type, found.attachment.window, found.attachment.resolution)
        return content, looked_at, sees, hears, number

    def get(self, key: Hashable) -> tuple[Shown, ...] | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, shown: tuple[Shown, ...]) -> None:
        """Forgets others for it; what is larger than the whole room is not kept."""
        size = _size(shown)
        if size > self._most or key in self._kept:
            return
        self._kept[key] = shown
        self._bytes += size
        while self._bytes > self._most:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= _size(forgotten)


async def _hash(content: Content) -> bytes:
    if isinstance(content, bytes) and len(content) <= _HASHED_AT_ONCE:
        return hashlib.sha256(content).digest()
    return await asyncio.to_thread(_hash_slowly, content)


def _hash_slowly(content: Content) -> bytes:
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    return hashlib.sha256(content).digest()


def _size(shown: tuple[Shown, ...]) -> int:
    return sum(len(each.encode()) if isinstance(each, str) else len(each.data) for each in shown)
