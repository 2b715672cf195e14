"""What the makers of test media promise is there, as the decoders see it."""

from __future__ import annotations

import io
import itertools
from contextlib import aclosing
from typing import Any

import pytest
from made_media import documents, pictures, recordings
from PIL import Image, ImageChops

from geminid.media import image
from geminid.media.workers import Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def results(workers: Workers, job: str, content: bytes, **arguments: Any) -> list[Any]:
    async with aclosing(workers.stream(job, content, **arguments)) as told:
        return [each async for each in told]


async def test_twenty_drawings_are_the_same_each_time_and_seen_upright() -> None:
    drawings = pictures.drawings()

    assert len({drawing.name for drawing in drawings}) == 20
    assert drawings == pictures.drawings()
    for drawing in drawings:
        look = image.look(io.BytesIO(drawing.content))
        assert (look.width, look.height) == drawing.size
        assert f"image/{look.format.lower()}" == drawing.mime_type


async def test_words_that_were_not_found_are_counted() -> None:
    assert pictures.missed("The fox, the FOX: 3.20", "the\tfox 3") == ["the", "fox", "20"]


async def test_typed_pages_have_their_text_and_scanned_ones_have_none(workers: Workers) -> None:
    typed = await results(workers, "document.pages", documents.typed())
    scanned = await results(workers, "document.pages", documents.scanned(), long_side=200, form="grey")

    assert tuple(page["text"].replace("\r\n", "\n") for page in typed) == documents.PAGES
    assert [page["text"] for page in scanned] == ["", "", ""]
    assert all(min(page["pixels"]["data"]) < 200 for page in scanned)  # there is ink
    assert documents.scanned() == documents.scanned()


async def test_captions_change_when_they_should(workers: Workers) -> None:
    content = recordings.captioned({1: "HARBOUR", 3: "LIGHTHOUSE"}, seconds=5)

    frames = await results(workers, "video.frames", content, format="video/mp4", form="png")
    (sound,) = await results(workers, "audio.samples", content, format="video/mp4")

    shown = [Image.open(io.BytesIO(frame["pixels"]["data"])).convert("L") for frame in frames]
    differences = [ImageChops.difference(*each).getextrema()[1] for each in itertools.pairwise(shown)]
    assert [difference > 128 for difference in differences] == [True, False, True, False]
    assert sound["seconds"] == pytest.approx(5, abs=0.1)


async def test_noise_is_no_tone() -> None:
    tone, noise = recordings.tone(8000), recordings.noise(8000)

    assert noise == recordings.noise(8000)
    assert len(tone) == len(noise) == 8000
    assert sum(a < 0 <= b for a, b in itertools.pairwise(tone)) < 450
    assert sum(a < 0 <= b for a, b in itertools.pairwise(noise)) > 1500
