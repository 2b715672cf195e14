"""Blobs in a folder of this machine, or of a file system that several share: ``root/AB/ABCDEF…``.

For the owner alone. Implements ``blobs.Blobs``; made by ``build/stores.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from geminid.errors import UNAVAILABLE, Unavailable
from geminid.storage import durable
from geminid.storage.blobs import NAME

_FOLDER: Final = 0o700
_log = logging.getLogger("geminid.storage")

if sys.platform == "win32":

    def _alone(descriptor: int) -> bool:
        return False  # no lock of Windows can be shared afterwards

    def _share(descriptor: int) -> None:
        pass

    def _sync(folder: Path) -> None:
        pass  # a folder cannot be opened there
else:
    import fcntl

    def _alone(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _share(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_SH)

    def _sync(folder: Path) -> None:
        """Has the entries of ``folder`` on disk."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class BlobFolder:
    """``root``, which need not exist. A server holds a lock there that others share, and that ends with it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock: int | None = None

    async def open(self) -> bool:
        """As ``Blobs`` says: alone is who finds no other server there."""
        return await asyncio.to_thread(self._open)

    async def admit(self) -> None:
        """As ``Blobs`` says. Waits for a server that is alone to let others in."""
        assert self._lock is not None
        await asyncio.to_thread(_share, self._lock)

    async def put(self, name: str, data: bytes) -> None:
        """As ``Blobs`` says."""
        await asyncio.to_thread(self._put, name, data)

    async def get(self, name: str) -> bytes | None:
        """As ``Blobs`` says."""
        return await asyncio.to_thread(self._get, name)

    async def delete(self, name: str) -> None:
        """As ``Blobs`` says."""
        await asyncio.to_thread(self._delete, name)

    async def names(self, before: dt.datetime | None = None) -> Collection[str]:
        """As ``Blobs`` says."""
        return await asyncio.to_thread(self._names, before)

    async def aclose(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> bool:
        with self._reported():
            self._root.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            self._lock = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, durable.PRIVATE)
        return _alone(self._lock)

    def _put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        part = path.with_name(f"{name}.part")
        with self._reported():
            if not path.parent.exists():
                path.parent.mkdir(mode=_FOLDER, exist_ok=True)
                _sync(self._root)
            try:
                _write(part, data)
                part.rename(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _sync(path.parent)

    def _get(self, name: str) -> bytes | None:
        with self._reported():
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                return None

    def _delete(self, name: str) -> None:
        with self._reported():
            self._path(name).unlink(missing_ok=True)

    def _names(self, before: dt.datetime | None) -> Collection[str]:
        with self._reported():
            return [entry.name for entry in self._entries() if before is None or _older(entry, before)]

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        if not self._root.exists():  # no server has opened it, or it is lost
            return
        for shard in os.scandir(self._root):
            if shard.is_dir():
                yield from (entry for entry in os.scandir(shard) if NAME.fullmatch(entry.name))

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _log.error("the blobs in %s cannot be used: %s", self._root, error.strerror)
            raise Unavailable(UNAVAILABLE) from error


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, durable.PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _older(entry: os.DirEntry[str], before: dt.datetime) -> bool:
    try:
        return entry.stat().st_mtime < before.timestamp()
    except FileNotFoundError:  # somebody has deleted it meanwhile
        return False
