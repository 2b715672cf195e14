"""Scripted observers tell which picture and which stretch of sound reached them, the same way every time."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import pytest

from geminid.media.observers.base import Box, Label, Line, Picture, Segment, TextReader, Transcriber
from geminid.media.observers.scripted import LABELS, ScriptedLabeller, ScriptedReader, ScriptedTranscriber

SECOND = bytes(32_000)
RED = Picture(4, 2, b"\xff\0\0" * 8)
BLUE = Picture(4, 2, b"\0\0\xff" * 8)


async def blocks(*given: tuple[float, bytes]) -> AsyncIterator[tuple[float, bytes]]:
    for each in given:
        yield each


async def heard(*given: tuple[float, bytes]) -> list[Segment]:
    return [segment async for segment in ScriptedTranscriber().transcribe(blocks(*given))]


async def test_a_picture_is_read_as_its_size_and_a_mark_of_its_pixels() -> None:
    reader: TextReader = ScriptedReader()

    assert await reader.read(RED) == [
        Line("text of a picture of 4 x 2 pixels, #5442fa1d", Box(0, 0, 4, 2), confidence=1.0)
    ]


async def test_other_pixels_are_other_text() -> None:
    reader = ScriptedReader()
    (red,), (blue,) = await reader.read(RED), await reader.read(BLUE)

    assert red.text.partition("#")[0] == blue.text.partition("#")[0]
    assert red.text != blue.text


async def test_a_picture_has_one_label_always_the_same() -> None:
    (label,) = await ScriptedLabeller().label(RED)

    assert label.name in LABELS
    assert await ScriptedLabeller().label(RED) == [label] == [Label(label.name, 0.9)]


async def test_every_label_is_some_picture_s() -> None:
    labeller = ScriptedLabeller()

    found = {(await labeller.label(Picture(1, 1, bytes([n, n, n]))))[0].name for n in range(256)}

    assert found == set(LABELS)


@pytest.mark.parametrize(
    ("start", "sound", "told"),
    [
        (0.0, SECOND * 30, "sound from 0 s to 30 s, #"),
        (30.0, SECOND * 2, "sound from 30 s to 32 s, #"),
        (7.25, SECOND[:16_000], "sound from 7.25 s to 7.75 s, #"),
        (30_239.999, SECOND, "sound from 30240 s to 30241 s, #"),
        (100.0, b"", "sound from 100 s to 100 s, #00000000"),
    ],
)
async def test_a_block_of_sound_is_told_by_its_times(start: float, sound: bytes, told: str) -> None:
    (segment,) = await heard((start, sound))

    assert segment.text.startswith(told)
    assert segment.start == round(start, 2)
    assert segment.end == pytest.approx(start + len(sound) / 32_000, abs=0.01)


async def test_every_block_is_a_segment_and_the_same_sound_has_the_same_mark() -> None:
    first, second, other = await heard((0, SECOND), (1, SECOND), (9, b"\1" * 32_000))

    marks = [segment.text.partition("#")[2] for segment in (first, second, other)]
    assert marks[0] == marks[1] != marks[2]


async def test_no_block_is_kept() -> None:
    async def hour() -> AsyncIterator[tuple[float, bytes]]:
        for start in range(0, 3600, 30):
            yield start, bytes(30 * 32_000)

    transcriber: Transcriber = ScriptedTranscriber()
    tracemalloc.start()
    try:
        told = [segment.text async for segment in transcriber.transcribe(hour())]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(told) == 120
    assert peak < 3 * 30 * 32_000


async def test_they_are_always_ready() -> None:
    observers = [ScriptedReader(), ScriptedLabeller(), ScriptedTranscriber()]
    for observer in observers:
        await observer.aclose()

    assert [observer.ready() for observer in observers] == [None] * 3
    assert {observer.name for observer in observers} == {"scripted"}
