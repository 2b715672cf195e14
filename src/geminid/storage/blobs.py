"""Blobs: bytes under a name that nobody guesses, written once, read whole, deleted. The interface, not a store.

``blob_folder.py`` and ``blob_bucket.py`` implement it. What a blob is of is known to the database alone, which
names it; one that no row names is an orphan (``blobbed_contents.py`` removes them).
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Collection
from typing import Final, Protocol

NAME: Final = re.compile(r"[0-9a-f]{32}(?:\.part)?")
"""Names that are ours; ``.part`` is one that was not written to its end. All else in a store is left alone."""


def new_name() -> str:
    """128 bits of chance."""
    return secrets.token_hex(16)


class Blobs(Protocol):
    """Where blobs are. All methods raise ``errors.Unavailable`` where it cannot be reached, read or written."""

    async def open(self) -> bool:
        """Makes it ready. Whether nobody but the caller can write to it until ``admit``."""

    async def admit(self) -> None:
        """Lets others write, who may be waiting for it since they have opened it."""

    async def put(self, name: str, data: bytes) -> None:
        """Returns once the blob is safe from a crash. Before that it is there as a whole or not at all."""

    async def get(self, name: str) -> bytes | None:
        """None where there is none of that name."""

    async def delete(self, name: str) -> None:
        """One that is not there is no error."""

    async def names(self, before: dt.datetime | None = None) -> Collection[str]:
        """Of all blobs, or of those that were written before that time."""

    async def aclose(self) -> None: ...
