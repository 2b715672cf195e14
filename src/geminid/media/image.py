"""The image decoder: one picture to its facts, and to pixels of the size that is wanted.

Runs in a worker, as the job ``image.look``; Pillow stays in this file. Of an animation the first picture counts.
Where a picture was taken (GPS) is never read.
"""

from __future__ import annotations

import datetime as dt
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from geminid.attachment import Kind
from geminid.media import colours, pixels, refusals
from geminid.media.pixels import Form, Pixels

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

MOST_PIXELS = 40_000_000
MOST_SIDE = 30_000
MOST_LONG_SIDE = 4096
"""What is handed out is at most this long, so that it fits a frame of ``workers.py`` also without compression."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_BROKEN = (OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, struct.error)
"""What Pillow raises for files that are not what they should be."""

_SAMPLE_SIDE = 64
_EXIF_IFD = 0x8769
_DATE_TAKEN = 0x9003
_DATE_CHANGED = 0x0132
_ORIENTATION = 0x0112
_COUNTED_AT_ONCE = ("PNG", "WEBP")
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF's orientations, by what undoes them in Pillow."""
_QUARTERS = (5, 6, 7, 8)
"""Those that exchange width and height."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture is. Sizes in pixels, as it is meant to be seen: turned as its EXIF says.

    ``frames`` is None for an animation whose frames would have to be walked through to be counted. ``taken`` is
    local time in ISO 8601, empty where the file does not say. ``brightness`` is a mean, 0 to 1.
    """

    width: int
    height: int
    format: str
    mode: str
    frames: int | None
    taken: str
    colours: tuple[str, ...]
    brightness: float
    pixels: Pixels | None


def look(file: BinaryIO, *, long_side: int = 0, form: Form | None = None) -> Look:
    """Decodes it. With ``form`` also gives the pixels, the longer side ``long_side`` at most, 4096 where it is 0.

    Raises InvalidArgument for what is too large, is none of the formats, or does not decode.
    """
    from PIL import Image as images

    images.MAX_IMAGE_PIXELS = MOST_PIXELS
    side = min(long_side or MOST_LONG_SIDE, MOST_LONG_SIDE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", images.DecompressionBombWarning)
            return _look(_open(file), side, form)
    except (images.DecompressionBombWarning, images.DecompressionBombError) as error:
        limit = f"{MOST_PIXELS // 1_000_000} megapixels"
        raise refusals.too_large(Kind.IMAGE, "too many pixels", limit) from error
    except _BROKEN as error:
        raise refusals.unprocessable(Kind.IMAGE) from error


def _open(file: BinaryIO) -> Image:
    """The image with its header read and its size judged; its pixels are not decoded yet."""
    # A format that is not there by itself makes Pillow load all of its forty, for 10 ms and a wider target.
    from PIL import Image as images
    from PIL import TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401

    try:
        image = images.open(file, formats=(*_FORMATS, "HEIF") if _register_heif() else _FORMATS)
    except UnidentifiedImageError as error:
        raise refusals.not_valid(Kind.IMAGE) from error
    if not all(0 < side <= MOST_SIDE for side in image.size):
        size = f"a size of {image.width} x {image.height} pixels"
        raise refusals.too_large(Kind.IMAGE, size, f"{MOST_SIDE} pixels for each side")
    return image


def _register_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _look(image: Image, side: int, form: Form | None) -> Look:
    size, mode, frames = image.size, image.mode, _frames(image)
    exif = image.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    image.draft("RGB", (side, side))  # a JPEG can be decoded at a half, a quarter or an eighth of its size
    picture = _upright(_flat(_scaled(_plain(image), side)), orientation)
    width, height = reversed(size) if orientation in _QUARTERS else size
    sample = _scaled(picture, _SAMPLE_SIDE)
    return Look(
        width=width,
        height=height,
        format="JPEG" if image.format == "MPO" else image.format or "",
        mode=mode,
        frames=frames,
        taken=_taken(exif),
        colours=_colours(sample),
        brightness=_brightness(sample),
        pixels=pixels.pack(picture, form) if form else None,
    )


def _frames(image: Image) -> int | None:
    if image.format in _COUNTED_AT_ONCE:
        return int(getattr(image, "n_frames", 1))
    return None if image.format == "GIF" and getattr(image, "is_animated", False) else 1


def _plain(image: Image) -> Image:
    """As L, RGB or RGBA with 8 bits to a channel: 16 are halved, floating point is stretched over the range."""
    if image.mode.startswith(("I", "F")):
        low, high = cast(tuple[float, float], image.getextrema())
        if image.mode.startswith("I"):
            low, high = 0, 65_535 if high > 255 else 255
        scale = 255 / ((high - low) or 1)
        return image.point(lambda value: value * scale - low * scale).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _scaled(image: Image, side: int) -> Image:
    if max(image.size) <= side:
        return image
    return image.resize(pixels.fit(image.width, image.height, side), reducing_gap=2.0)


def _flat(image: Image) -> Image:
    """On white, where something shines through."""
    from PIL import Image as images

    if image.mode != "RGBA":
        return image
    return images.alpha_composite(images.new("RGBA", image.size, "white"), image).convert("RGB")


def _upright(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose

    return image.transpose(Transpose[_TURNS[orientation]]) if orientation in _TURNS else image


def _taken(exif: Exif) -> str:
    """EXIF writes ``2026:05:01 14:03:00``, in the camera's own time."""
    for value in (exif.get_ifd(_EXIF_IFD).get(_DATE_TAKEN), exif.get(_DATE_CHANGED)):
        with suppress(ValueError):
            return dt.datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    return ""


def _colours(sample: Image) -> tuple[str, ...]:
    counted = sample.convert("RGB").getcolors(maxcolors=_SAMPLE_SIDE**2)
    return colours.dominant(cast(list[tuple[int, tuple[int, int, int]]], counted))


def _brightness(sample: Image) -> float:
    histogram = sample.convert("L").histogram()
    mean = sum(level * count for level, count in enumerate(histogram)) / sum(histogram)
    return round(mean / 255, 3)
