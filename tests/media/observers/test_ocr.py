"""Text that the tests draw themselves is found again, in the order in which people read."""

from __future__ import annotations

import itertools
import re

import pytest

from geminid.media.observers.base import Picture
from geminid.media.observers.ocr import RapidOcr

images = pytest.importorskip("PIL.Image")
draw = pytest.importorskip("PIL.ImageDraw")
fonts = pytest.importorskip("PIL.ImageFont")

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = """The quick brown fox jumps over the lazy dog while seven wizards pack my box with five dozen liquor jugs
and 42 invoices from Friday evening remain unpaid until March"""
WORDS = TEXT.split()
FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSerif-BoldItalic.ttf")
SIZES = (14, 18, 24, 36, 48)
INKS = (("white", "black"), ("#102040", "#ffe080"), ("#f5e6c8", "#6b2010"), ("black", "white"))
TURNS = (0, 3, -4, 0, 6)

DRAWINGS = [
    (face, SIZES[number % 5], INKS[(number + number // 4) % 4], TURNS[number // 4])
    for number, face in zip(range(20), itertools.cycle(FACES), strict=False)
]


def font(face: str, size: int) -> object:
    try:
        return fonts.truetype(face, size)
    except OSError:
        return fonts.load_default(size)


def drawn(texts: dict[tuple[int, int], str], *, face: str = FACES[0], size: int = 20, **style: object) -> Picture:
    background, ink = style.get("inks", INKS[0])
    image = images.new("RGB", style.get("canvas", (900, 600)), background)
    for place, text in texts.items():
        draw.Draw(image).text(place, text, font=font(face, size), fill=ink)
    image = image.rotate(style.get("turn", 0), images.Resampling.BICUBIC, expand=True, fillcolor=background)
    return Picture(*image.size, image.tobytes())


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


async def test_of_the_words_in_twenty_drawings_95_percent_are_read(reader: RapidOcr) -> None:
    wanted, missed = 0, []
    for number, (face, size, inks, turn) in enumerate(DRAWINGS):
        lines = [" ".join(WORDS[(number + 5 * line) % 24 :][:4]) for line in range(4)]
        texts = {(40, round(40 + line * size * 1.9)): text for line, text in enumerate(lines)}
        read = await reader.read(drawn(texts, face=face, size=size, inks=inks, turn=turn))
        found = words(" ".join(line.text for line in read))
        for word in words(" ".join(lines)):
            wanted += 1
            if word in found:
                found.remove(word)
            else:
                missed.append((number, word))

    assert len(missed) <= 0.05 * wanted, missed


async def test_columns_are_read_one_after_the_other(reader: RapidOcr) -> None:
    left = [" ".join(WORDS[n : n + 4]) for n in range(0, 12, 2)]
    right = [" ".join(WORDS[n : n + 4]) for n in range(12, 24, 2)]
    texts = {(40, 100 + 40 * n): text for n, text in enumerate(left)}
    texts |= {(480, 100 + 40 * n): text for n, text in enumerate(right)}

    read = await reader.read(drawn({(300, 20): "Two columns of text", **texts}))

    assert words(" ".join(line.text for line in read)) == words(" ".join(["Two columns of text", *left, *right]))


async def test_a_table_is_read_by_its_rows(reader: RapidOcr) -> None:
    rows = [("Coffee", "3.20"), ("Bread", "4.10"), ("Butter", "2.75"), ("Total", "10.05")]
    texts = {(x, 60 + 60 * n): row[x > 100] for n, row in enumerate(rows) for x in (60, 600)}

    read = await reader.read(drawn(texts, size=24))

    assert [line.text for line in read] == ["\t".join(row) for row in rows]


async def test_a_line_says_where_it_is(reader: RapidOcr) -> None:
    (line,) = await reader.read(drawn({(300, 200): "Anchored"}, size=40))

    assert 285 < line.box.left < 305
    assert 190 < line.box.top < 215
    assert line.box.right > 480
    assert line.confidence > 0.9


@pytest.mark.parametrize("size", [(1, 1), (4000, 20), (3, 4000), (32, 32), (700, 500)])
async def test_a_picture_without_text_has_no_lines(reader: RapidOcr, size: tuple[int, int]) -> None:
    assert await reader.read(Picture(*size, b"\xc0\x40\x20" * (size[0] * size[1]))) == []
