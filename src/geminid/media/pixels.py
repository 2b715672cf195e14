"""Pictures on their way out of a worker: scaled, made presentable, and put into bytes.

Shared by the decoders that make pictures (``image.py``, ``document.py``). Runs in workers only.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

Form: TypeAlias = Literal["png", "jpeg", "rgb", "grey"]
"""``rgb`` and ``grey`` are bare: rows from the top, three bytes or one for each pixel, nothing in between."""

LEAST_SIDE = 32
"""Vision encoders cut a picture into patches of up to 28 pixels; less than one of them crashed servers."""

_JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Pixels:
    width: int
    height: int
    form: Form
    data: bytes


def fit(width: int, height: int, long_side: int) -> tuple[int, int]:
    """The size with its longer side at most ``long_side``, never enlarged, neither side below 1."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def pack(image: Image, form: Form) -> Pixels:
    """In bytes. ``image`` is RGB or L; short sides are padded to ``LEAST_SIDE`` with white, right and below."""
    wanted = image.convert("L" if form == "grey" else "RGB")
    size = (max(wanted.width, LEAST_SIDE), max(wanted.height, LEAST_SIDE))
    if size != wanted.size:
        # A crop beyond the edge would pad with black.
        from PIL import Image as images

        padded = images.new(wanted.mode, size, "white")
        padded.paste(wanted)
        wanted = padded
    return Pixels(wanted.width, wanted.height, form, _data(wanted, form))


def _data(image: Image, form: Form) -> bytes:
    if form in ("rgb", "grey"):
        return image.tobytes()
    buffer = io.BytesIO()
    if form == "png":
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
