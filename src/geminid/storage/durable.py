"""Small files that several processes share: replaced whole, private where they must be, one writer at a time.

Not a format: who calls (the credential store, the certificate authority) knows what is in them. Everything here
blocks; from the event loop it is called on a thread.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import platformdirs

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def state_folder() -> Path:
    """``$GEMINID_STATE``, or the user's own folder for state. It need not exist."""
    root = os.environ.get("GEMINID_STATE")
    if root:
        return Path(root).expanduser().absolute()
    return platformdirs.user_state_path("geminid", appauthor=False)


def replace(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Makes ``data`` the content of ``path``: readers see the old file or the new one, also after a crash."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # is made with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock of ``path`` against other threads and processes; makes its folder, for the owner alone.

    The lock is the kernel's, on an empty file that stays, and goes with the process that held it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)
