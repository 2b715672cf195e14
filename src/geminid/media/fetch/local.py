"""Files of this machine: below the roots that file:// may reach, and in folders that stand for buckets.

Nothing is copied and nothing is cached. Called by ``fetcher.py``, on a thread: everything blocks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from geminid import errors
from geminid.media import base
from geminid.media.fetch import refusals, uris


def of_root(local: uris.Local, roots: Iterable[Path], limit: int) -> base.File:
    """A file:// URI. Whether a file outside ``roots`` exists is not told."""
    path = Path(os.path.normpath(local.path))
    for root in roots:
        if path.is_relative_to(root.absolute()) or path.is_relative_to(root.resolve()):
            real = _within(path, root.resolve())
            if real is None:
                raise errors.NotFound(f"{refusals.shown(str(local))} was not found: there is no such file.")
            return _read(real, str(local), limit)
    raise refusals.unsupported(str(local), "no folder that the server may read from has it")


def of_bucket(stored: uris.Stored, folder: Path, limit: int) -> base.File:
    """An object of a bucket that ``folder`` stands for."""
    path = folder / stored.name
    real = _within(path, folder.resolve())
    if real is None:
        raise errors.NotFound(
            f"{refusals.shown(str(stored))} was not found: the folder {folder} stands for the bucket "
            f"{stored.bucket}, and there is no file {path}."
        )
    return _read(real, str(stored), limit)


def _within(path: Path, root: Path) -> Path | None:
    """Where ``path`` leads, None if it leads nowhere or to what is no file. ``root`` has no symbolic links."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # the latter for a loop of links, before Python 3.13
        return None
    if not real.is_relative_to(root):
        raise refusals.denied("it is a link that leads out of its folder")
    return real if real.is_file() else None


def _read(path: Path, uri: str, limit: int) -> base.File:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise refusals.denied("the server may not read it") from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refusals.denied("it is no file")
        refusals.require_size(uri, status.st_size, limit)
        if status.st_size > base.IN_MEMORY_BYTES:
            return base.File(path)
        return base.File(file.read(base.IN_MEMORY_BYTES))
