"""What the files of this folder share: media as it was fetched, and as it was taken apart.

Nothing here does I/O. ``fetch/`` makes a ``File``, ``sniff.py`` says what it is, ``workers.py`` runs the decoders
(``image.py``, ``document.py``, ``audio.py``, ``video.py``) on them, ``observers/`` recognise what is in what was
decoded, and ``understand.py`` leads all this.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Content: TypeAlias = bytes | Path
"""Bytes in memory, or a file on disk for what is larger than ``IN_MEMORY_BYTES``."""

IN_MEMORY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """Media in hand. ``mime_type`` is what its source said of it, empty where it said nothing."""

    content: Content
    mime_type: str = ""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)
