"""Text that the tests draw themselves is found again, in the order in which people read."""

from __future__ import annotations

import io

import pytest
from made_media import pictures
from made_media.pictures import Drawing

from geminid.media import image
from geminid.media.observers.base import Picture
from geminid.media.observers.ocr import RapidOcr

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARRANGED = [name for kind in ("columns", "table") for name in (f"{kind} {number}" for number in (1, 2, 3))]


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in pictures.drawings()}


async def read(reader: RapidOcr, drawing: Drawing) -> str:
    """The lines of a file, one below the other."""
    look = image.look(io.BytesIO(drawing.content), form="rgb")
    assert look.pixels
    lines = await reader.read(Picture(look.pixels.width, look.pixels.height, look.pixels.data))
    return "\n".join(line.text for line in lines)


async def test_of_the_words_in_twenty_drawings_95_percent_are_read(
    reader: RapidOcr, drawings: dict[str, Drawing]
) -> None:
    wanted, missed = 0, {}
    for name, drawing in drawings.items():
        wanted += len(pictures.words(drawing.text))
        missed[name] = pictures.missed(drawing.text, await read(reader, drawing))

    assert len(drawings) == 20
    assert sum(map(len, missed.values())) <= 0.05 * wanted, missed


@pytest.mark.parametrize("name", ARRANGED)
async def test_columns_are_read_one_after_the_other_and_tables_by_their_rows(
    reader: RapidOcr, drawings: dict[str, Drawing], name: str
) -> None:
    assert await read(reader, drawings[name]) == drawings[name].text


async def test_a_line_says_where_it_is(reader: RapidOcr) -> None:
    drawn = pictures.drawn({(300, 200): "Anchored"}, size=40)

    (line,) = await reader.read(Picture(*drawn.size, drawn.tobytes()))

    assert 285 < line.box.left < 305
    assert 190 < line.box.top < 215
    assert line.box.right > 480
    assert line.confidence > 0.9


@pytest.mark.parametrize("size", [(1, 1), (4000, 20), (3, 4000), (32, 32), (700, 500)])
async def test_a_picture_without_text_has_no_lines(reader: RapidOcr, size: tuple[int, int]) -> None:
    assert await reader.read(Picture(*size, b"\xc0\x40\x20" * (size[0] * size[1]))) == []
