"""Uploaded files on disk: each is its bytes and, beside them, a record in JSON.

Not the rules, which are those of ``uploads.py``. The record is what makes a file exist: it is written after the
bytes and removed before them. Everything here blocks; it is called on threads.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from geminid.storage import durable
from geminid.storage.base import StorageError, digest

_ORPHAN_SECONDS: Final = 3600
"""How old bytes without a record are when they are removed: younger ones may be about to get theirs."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished file. ``owner`` is a project, empty where nobody checks; ``sha256`` is hexadecimal."""

    id: str
    owner: str
    display_name: str
    mime_type: str
    size: int
    sha256: str
    created: dt.datetime
    expires: dt.datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload. ``size`` is what was announced, None where nothing was. A ``finished`` one is the file ``id``."""

    id: str
    owner: str
    display_name: str
    mime_type: str
    size: int | None
    expires: dt.datetime
    finished: bool = False


_Record = TypeVar("_Record", Kept, Begun)


class UploadFolder:
    """``root/kept/OWNER/ID`` and ``root/begun/KEY``, where OWNER is a hash: a project may have any name."""

    def __init__(self, root: Path) -> None:
        self._kept = root / "kept"
        self._begun = root / "begun"

    def begin(self, key: str, begun: Begun) -> None:
        self._begun.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._begun / key, "xb", opener=_private):
            pass
        _write(self._begun / key, begun)

    def begun(self, key: str) -> Begun | None:
        return _read(self._begun / key, Begun)

    def unfinished(self, owner: str) -> int:
        """How many uploads of ``owner`` are under way."""
        found = (begun for _, begun in _records(self._begun, Begun))
        return sum(begun.owner == owner and not begun.finished for begun in found)

    def received(self, key: str) -> int:
        """In bytes."""
        return (self._begun / key).stat().st_size

    def open(self, key: str, offset: int) -> BinaryIO:
        """To go on writing at ``offset``; what was written after it is dropped."""
        file = open(self._begun / key, "r+b", opener=_private)  # noqa: SIM115 - the caller closes it
        file.truncate(offset)
        file.seek(offset)
        return file

    def sha256(self, key: str) -> str:
        """Of what was received, which is on disk for good after this."""
        with open(self._begun / key, "rb") as file:
            os.fsync(file.fileno())
            return hashlib.file_digest(file, "sha256").hexdigest()

    def finish(self, key: str, begun: Begun, kept: Kept) -> None:
        path = self.path(kept)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._begun / key).replace(path)
        _write(path, kept)
        _write(self._begun / key, begun)

    def drop(self, key: str) -> None:
        _remove(self._begun / key)

    def path(self, kept: Kept) -> Path:
        """Where the bytes of a file are."""
        return self._of(kept.owner) / kept.id

    def kept(self, owner: str, file_id: str) -> Kept | None:
        return _read(self._of(owner) / file_id, Kept)

    def owned(self, owner: str) -> list[Kept]:
        return [kept for _, kept in _records(self._of(owner), Kept)]

    def count(self, owner: str) -> int:
        """How many files ``owner`` has, without reading their records."""
        return sum(path.suffix == ".json" for path in _listed(self._of(owner)))

    def delete(self, kept: Kept) -> None:
        _remove(self.path(kept))

    def sweep(self, now: dt.datetime) -> int:
        """Removes what is over, and what a crash left behind. The bytes that are in use after that."""
        used = _sweep(self._begun, Begun, now)
        for owner in _listed(self._kept):
            used += _sweep(owner, Kept, now)
        return used

    def _of(self, owner: str) -> Path:
        return self._kept / digest(owner)[:32]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, durable.PRIVATE)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _records(folder: Path, cls: type[_Record]) -> Iterator[tuple[Path, _Record]]:
    """The records of a folder, each with the place of its bytes."""
    for path in _listed(folder):
        if path.suffix == ".json" and (record := _read(path.with_suffix(""), cls)):
            yield path.with_suffix(""), record


def _sweep(folder: Path, cls: type[_Record], now: dt.datetime) -> int:
    for path, record in _records(folder, cls):
        if record.expires <= now:
            _remove(path)
    used = 0
    for path in _listed(folder):
        try:
            status = path.stat()
            if (
                not path.suffix
                and not _record_of(path).exists()
                and time.time() - status.st_mtime > _ORPHAN_SECONDS
            ):
                path.unlink()
            else:
                used += status.st_size
        except FileNotFoundError:  # somebody removed it meanwhile
            continue
    return used


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _write(path: Path, record: Kept | Begun) -> None:
    durable.replace(_record_of(path), msgspec.json.encode(record))


def _read(path: Path, cls: type[_Record]) -> _Record | None:
    try:
        return msgspec.json.decode(_record_of(path).read_bytes(), type=cls)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise StorageError(f"{_record_of(path)} is damaged: {error}.") from error


def _remove(path: Path) -> None:
    _record_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
