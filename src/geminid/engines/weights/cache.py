"""The folder that holds fetched model files: names, files that still grow, and the lock for each file.

It knows nothing of where files come from. A finished file is named by the start of its hash and its own name; it
only ever appears by a rename, after its hash was checked, so that being there means being right. A file that
grows is ``NAME.partial``, beside ``NAME.etag`` with the validator of the body that it is a part of.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import platformdirs

from geminid.engines.weights.pins import WeightsError
from geminid.file_lock import try_lock

_POLL_SECONDS = 0.1
_CHUNK = 1 << 20


def folder() -> Path:
    """``$GEMINID_CACHE/weights``, or ``weights`` in the user's own cache folder. It need not exist."""
    root = os.environ.get("GEMINID_CACHE")
    base = Path(root).expanduser().absolute() if root else platformdirs.user_cache_path("geminid", appauthor=False)
    return base / "weights"


def place(sha256: str, file_name: str) -> Path:
    return folder() / f"{sha256[:12]}-{file_name}"


def has(path: Path, size: int | None) -> bool:
    """Whether ``path`` is a file, of ``size`` bytes where that is known. Costs one ``stat``."""
    with contextlib.suppress(OSError):
        return path.is_file() and size in (None, path.stat().st_size)
    return False


def is_damaged(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path, lambda _: None) != sha256


def sha256_of(path: Path, heard: Callable[[int], None]) -> str:
    """Reads all of ``path``; ``heard`` gets the length of each piece."""
    digest = hashlib.sha256()
    with storage(path), path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            heard(len(chunk))
    return digest.hexdigest()


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turns an OSError of the disk into a WeightsError that says what to do."""
    try:
        yield
    except OSError as error:
        raise WeightsError(_advice(error, path)) from error


def _advice(error: OSError, path: Path) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return (
                f"The disk of {path.parent} is full. Free some space, or set GEMINID_CACHE to a folder on another "
                "disk, and start again; what has arrived is kept."
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return (
                f"No permission for {path} ({error.strerror}). Change its owner or mode, or set GEMINID_CACHE to "
                "a folder that you may write to."
            )
        case _:
            return f"{path} cannot be used: {error.strerror}."


def require_room(directory: Path, needed: int) -> None:
    """Raises WeightsError when ``needed`` more bytes do not fit on the disk of ``directory``."""
    with storage(directory / "x"):
        free = shutil.disk_usage(directory).free
    if needed > free:
        raise WeightsError(
            f"{directory} has {free / 1e6:,.0f} MB free, and {needed / 1e6:,.0f} MB are needed. Free some space, "
            "or set GEMINID_CACHE to a folder on another disk."
        )


@contextlib.contextmanager
def exclusive(final: Path, waits: Callable[[bool], None]) -> Iterator[None]:
    """Holds the lock of ``final`` against other threads and processes; makes its folder.

    While another holds it, ``waits`` is called over and over, with True the first time. The lock is the kernel's,
    on an empty file that stays, and goes with the process that held it: there are no stale locks to remove.
    """
    path = final.with_name(f".{final.name}.lock")
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        first = True
        while not _locked(descriptor, path):
            waits(first)
            first = False
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    with storage(path):
        return try_lock(descriptor)


class Partial:
    """``final`` while it grows, with the running hash of what it holds.

    Entering picks up an earlier part, and leaving without ``commit`` keeps it for the next time, where that
    ``resumes``; else each begins with nothing and leaves nothing.
    """

    def __init__(self, final: Path, *, resumes: bool) -> None:
        self._resumes = resumes
        self._final = final
        self._path = final.with_name(f"{final.name}.partial")
        self._tag = final.with_name(f"{final.name}.etag")
        self._digest = hashlib.sha256()
        self.length = 0

    def __enter__(self) -> Self:
        with storage(self._path):
            # Unbuffered: what was appended is on its way to the disk even when the process is killed.
            self._file = self._path.open("a+b" if self._resumes else "w+b", buffering=0)
            self._file.seek(0)
            while chunk := self._file.read(_CHUNK):
                self._digest.update(chunk)
                self.length += len(chunk)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.length == 0 or not self._resumes:
            self.discard()

    @property
    def folder(self) -> Path:
        return self._final.parent

    @property
    def validator(self) -> str:
        """The ETag or date of the body that this is a part of; empty when there is none to go by."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return self._tag.read_text("ascii")
        return ""

    def restart(self, validator: str = "") -> None:
        with storage(self._path):
            self._file.truncate(0)
            self._tag.write_text(validator, "ascii")
        self._digest = hashlib.sha256()
        self.length = 0

    def append(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        with storage(self._path):
            while view:
                view = view[self._file.write(view) :]
        self._digest.update(chunk)
        self.length += len(chunk)

    @property
    def sha256(self) -> str:
        """The hash of what it holds by now."""
        return self._digest.hexdigest()

    def require(self, sha256: str, origin: str) -> None:
        """Raises WeightsError, and leaves nothing behind, unless the content has this hash."""
        if self.sha256 != sha256:
            self.discard()
            raise WeightsError(
                f"{origin} is not the file that was pinned: its sha256 is {self.sha256}, not {sha256}. It was "
                "deleted. Try again; if it stays so, the file has changed at its source."
            )

    def commit(self) -> Path:
        """Makes it ``final``, on the disk for good."""
        with storage(self._final):
            os.fsync(self._file.fileno())
            self._file.close()
            self._path.replace(self._final)
            self._tag.unlink(missing_ok=True)
        return self._final

    def discard(self) -> None:
        self._file.close()
        with storage(self._path):
            self._path.unlink(missing_ok=True)
            self._tag.unlink(missing_ok=True)
