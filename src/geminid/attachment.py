"""Media in a prompt: as a request attaches it, and as an engine is given it. Values only.

``gemini/turns.py`` makes an ``Attachment``; ``media/understand.py`` puts a ``Media`` in its place, so that engines
never see one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


class Kind(enum.Enum):
    """What a model would need to take media in. The names are those of Google's Modality."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"


class Resolution(enum.Enum):
    """How finely pictures are looked at: Google's MediaResolution."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    ULTRA_HIGH = "ultra_high"


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of a recording that is meant, in seconds, and how many pictures to take of each of them."""

    start: float = 0.0
    end: float | None = None
    fps: float = 1.0


WHOLE = Window()


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file: its bytes, or where they are. ``mime_type`` is the caller's word; ``path`` names the part.

    ``window`` holds for moving pictures and sound, ``resolution`` (None: the model's own) for what is seen.
    """

    mime_type: str
    data: bytes | None = None
    uri: str = ""
    window: Window = WHOLE
    resolution: Resolution | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as engines take it: ``mime_type`` is image/jpeg or image/png."""

    data: bytes
    mime_type: str = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording as engines take it: a WAV file, mono, 16 bits, 16 kHz."""

    data: bytes


Shown: TypeAlias = str | Picture | Sound


@dataclass(frozen=True, slots=True)
class Media:
    """What stands before the model for one attachment: words about it, or the thing itself, in order.

    ``tokens`` is what it counts by Google's rule for its ``kind``; None: it counts as the text that it is.
    ``pages`` are of a document, ``seconds`` of what is meant of a recording.
    """

    kind: Kind
    shown: tuple[Shown, ...]
    tokens: int | None = None
    pages: int = 0
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """All of its words."""
        return "\n".join(each for each in self.shown if isinstance(each, str))


Steps: TypeAlias = Mapping[Resolution | None, int]
"""Tokens by the resolution that is asked for. One that is not there counts as None, the model's own."""


@dataclass(frozen=True, slots=True)
class Counting:
    """What media counts: tokens for an image, a page, a frame of video, and a second of sound.

    ``tiled``: an image that is asked for in no resolution, or a high one, counts by its size.
    """

    image: Steps
    page: Steps
    frame: Steps
    sound: float = 25.0
    tiled: bool = False


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How much media a model takes with one request: numbers, seconds, pages, and bytes of a file by reference.

    ``kinds`` are those that it takes at all. ``inline_images`` bounds the images whose bytes are in the request.
    """

    counting: Counting
    kinds: frozenset[Kind] = frozenset(Kind)
    images: int = 3000
    inline_images: int = 3000
    videos: int = 10
    video_seconds: float = 3600.0
    audio_seconds: float = 8.4 * 3600
    pages: int = 1000
    file_bytes: int = 2 * 1024**3
