"""Pictures of text: twenty that differ in what makes reading hard, and the means to draw others."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from PIL import Image, ImageDraw, ImageFont

Place: TypeAlias = tuple[int, int]

TEXT = """The quick brown fox jumps over the lazy dog while seven wizards pack my box with five dozen liquor jugs
and 42 invoices from Friday evening remain unpaid until March"""
WORDS = TEXT.split()
FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSerif-BoldItalic.ttf", "")
"""The last one is Pillow's own, which also stands in for those that a machine does not have."""
SIZES = (14, 18, 24, 36, 48)
INKS = (("white", "black"), ("#102040", "#ffe080"), ("#f5e6c8", "#6b2010"), ("black", "white"))
"""Background and text."""
CANVAS = (900, 600)

_PLAIN = (
    ("image/png", 0),
    ("image/jpeg", 3),
    ("image/webp", 0),
    ("image/gif", 0),
    ("image/bmp", -4),
    ("image/tiff", 0),
    ("image/png", 6),
    ("image/jpeg", 0),
    ("image/webp", 0),
    ("image/png", 0),
)
"""Media types, and the degrees by which the text is turned."""
_ORIENTATIONS = (6, 3, 8, 3)
_STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""How a camera that was held so stores what it saw; readers turn it back: EXIF 2.3, tag 0x0112."""
_ORIENTATION = 0x0112
_TABLES = (
    (("Coffee", "3.20"), ("Bread", "4.10"), ("Butter", "2.75"), ("Total", "10.05")),
    (
        ("City", "Height", "People"),
        ("Bern", "542", "134794"),
        ("Chur", "593", "38293"),
        ("Davos", "1560", "10832"),
    ),
    (("Monday", "closed"), ("Tuesday", "14:30"), ("Saturday", "09:00")),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture as a file. ``size`` is that in which it is seen.

    ``text`` is what stands on it, line by line, with tabs between the cells of a table.
    """

    name: str
    content: bytes
    mime_type: str
    size: tuple[int, int]
    text: str


def drawings() -> list[Drawing]:
    """Twenty: plain text in ten ways, four that EXIF turns, three in two columns, and three tables."""
    return [*_plain(), *_turned(), *_columns(), *_tables()]


def drawn(
    texts: Mapping[Place, str],
    *,
    face: str = FACES[0],
    size: int = 20,
    inks: tuple[str, str] = INKS[0],
    canvas: tuple[int, int] = CANVAS,
    turn: float = 0,
) -> Image.Image:
    """Each text at its place, in pixels from the upper left. ``turn`` is in degrees, against the clock."""
    background, ink = inks
    image = Image.new("RGB", canvas, background)
    for place, text in texts.items():
        ImageDraw.Draw(image).text(place, text, font=font(face, size), fill=ink)
    return image.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=background)


def font(face: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype(face, size)
    except OSError:
        return ImageFont.load_default(size)


def saved(image: Image.Image, mime_type: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, mime_type.removeprefix("image/"), **options)
    return buffer.getvalue()


def words(text: str) -> list[str]:
    """Without case and punctuation."""
    return re.findall(r"\w+", text.lower())


def missed(wanted: str, found: str) -> list[str]:
    """The words that were not found, each of them as often as it is wanting. Their order does not count."""
    there = words(found)
    wanting = []
    for word in words(wanted):
        if word in there:
            there.remove(word)
        else:
            wanting.append(word)
    return wanting


def _lines(count: int, *, start: int, length: int = 4) -> list[str]:
    return [" ".join((WORDS * 2)[(start + 5 * n) % len(WORDS) :][:length]) for n in range(count)]


def _prose(number: int, *, turn: float = 0) -> tuple[Image.Image, str]:
    size = SIZES[number % 5]
    lines = _lines(4, start=number)
    texts = {(40, round(40 + n * size * 1.9)): line for n, line in enumerate(lines)}
    # Steps that have nothing in common, so that a face is not always of one size and one colour.
    face, inks = FACES[number * 2 // 3 % 5], INKS[(number + number // 4) % 4]
    return drawn(texts, face=face, size=size, inks=inks, turn=turn), "\n".join(lines)


def _plain() -> Iterator[Drawing]:
    for number, (mime_type, turn) in enumerate(_PLAIN):
        image, text = _prose(number, turn=turn)
        yield Drawing(f"plain {number + 1}", saved(image, mime_type), mime_type, image.size, text)


def _turned() -> Iterator[Drawing]:
    for number, orientation in enumerate(_ORIENTATIONS, 1):
        image, text = _prose(number + 10)
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        content = saved(image.transpose(_STORED[orientation]), "image/jpeg", exif=exif)
        yield Drawing(f"turned {number}", content, "image/jpeg", image.size, text)


def _columns() -> Iterator[Drawing]:
    head = "Two columns of text"
    for number, size in enumerate((16, 20, 24), 1):
        left, right = _lines(6, start=number), _lines(6, start=number + 12)
        tops = [size * (4 + 2 * n) for n in range(6)]
        texts = {(20, top): line for top, line in zip(tops, left, strict=True)}
        texts |= {(20 + 18 * size, top): line for top, line in zip(tops, right, strict=True)}
        image = drawn({(13 * size, size): head, **texts}, size=size, canvas=(36 * size, 18 * size))
        text = "\n".join([head, *left, *right])
        yield Drawing(f"columns {number}", saved(image, "image/png"), "image/png", image.size, text)


def _tables() -> Iterator[Drawing]:
    for number, rows in enumerate(_TABLES, 1):
        texts = {
            (60 + 300 * column, 60 + 60 * row): cell
            for row, cells in enumerate(rows)
            for column, cell in enumerate(cells)
        }
        image = drawn(texts, size=24, inks=INKS[number])
        text = "\n".join("\t".join(cells) for cells in rows)
        yield Drawing(f"table {number}", saved(image, "image/png"), "image/png", image.size, text)
