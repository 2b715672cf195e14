"""A folder for what is being kept, one for each server. Called by ``cache.py``, on a thread: everything blocks.

Servers that share a folder for caches do not share what is in it. Each holds a lock on its own part; the parts of
servers that are gone are removed by the next that comes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from geminid.file_lock import try_lock

_PREFIX: Final = "server-"
_SUFFIX: Final = ".lock"


class Lease:
    """A new folder below ``parent``, readable by the owner alone, until ``end``."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock, name = tempfile.mkstemp(_SUFFIX, _PREFIX, parent)
        try_lock(self._lock)
        self.folder = Path(name).with_suffix("")
        self.folder.mkdir(mode=0o700)  # only now, so that there is never a folder without its lock
        _remove_abandoned(parent, self.folder)

    def end(self) -> None:
        """Removes the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)
        self.folder.with_suffix(_SUFFIX).unlink(missing_ok=True)


def _remove_abandoned(parent: Path, own: Path) -> None:
    for folder in parent.glob(_PREFIX + "*"):
        if folder != own and folder.is_dir() and _is_abandoned(folder.with_suffix(_SUFFIX)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(_SUFFIX).unlink(missing_ok=True)


def _is_abandoned(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)
