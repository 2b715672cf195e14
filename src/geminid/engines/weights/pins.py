"""What a pinned model file is, and the shapes that fetching one shares.

Values only: nothing here touches the disk or the network. Imported by every sibling, and through the package by
``cli/`` and ``app.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol


class WeightsError(Exception):
    """A model file that cannot be had. The message says why and what to do, and never holds credentials."""


@dataclass(frozen=True, slots=True)
class Licence:
    """``name`` is an SPDX id where there is one. ``accept``: whoever downloads agrees to the terms at ``url``."""

    name: str
    url: str = ""
    accept: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """One file: where it is (``sources.parse`` knows the forms), its hash in lower-case hex, its length in bytes.

    ``source`` may hold credentials, so it is left out of ``repr``. A ``size`` of None means not known.
    """

    source: str = field(repr=False)
    sha256: str
    size: int | None = None

    def __post_init__(self) -> None:
        _require_hash(self.sha256)


@dataclass(frozen=True, slots=True)
class Conversion:
    """The same model in another format, which is made here of the file that was fetched, from Q4_1 to Q8_0.

    What is made is always the same, so it is pinned, too. ``size`` is its length in bytes.
    """

    file_name: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        _require_hash(self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model that can be fetched and served.

    ``context_tokens`` is the window that the model was trained for. ``system`` is what the model is told when a
    request gives no system instruction. ``projector`` is the second file, which models that see images need.
    ``conversion`` is served in the place of the model file where that is in a format that engines are slow with.
    """

    name: str
    title: str
    source: str = field(repr=False)
    sha256: str
    licence: Licence
    context_tokens: int
    parameters: str = ""
    size: int | None = None
    system: str | None = None
    projector: File | None = None
    conversion: Conversion | None = None

    def __post_init__(self) -> None:
        _ = self.files  # so that a wrong hash is told here

    @property
    def files(self) -> tuple[File, ...]:
        """What is fetched: the model, then the projector."""
        model = File(self.source, self.sha256, self.size)
        return (model,) if self.projector is None else (model, self.projector)

    @property
    def sees(self) -> bool:
        return self.projector is not None

    @property
    def total_size(self) -> int | None:
        """Bytes of all files together; None when one of them is not known."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


def _require_hash(sha256: str) -> None:
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
        raise WeightsError(f"sha256 must be 64 lower-case hexadecimal digits, not {sha256!r}.")


class Progress(Protocol):
    """Hears how fetching goes, on the thread that fetches.

    An exception raised by one of these methods ends the fetching; what has arrived stays for the next time.
    """

    def start(self, label: str, total: int | None, done: int) -> None:
        """``label`` begins, or begins again: ``total`` bytes (None: not known), of which ``done`` are there."""

    def advance(self, amount: int) -> None:
        """``amount`` more bytes, 0 now and then while waiting."""

    def note(self, text: str) -> None:
        """Something that a person who waits wants to know, as one sentence."""


class Silent:
    """The Progress of a caller that does not look."""

    def start(self, label: str, total: int | None, done: int) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass

    def note(self, text: str) -> None:
        pass
