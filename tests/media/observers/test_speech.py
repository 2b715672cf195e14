"""Speech that people recorded is understood, with its times, and nothing is heard where nobody speaks."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from geminid.media.observers.base import SAMPLE_RATE, Segment
from geminid.media.observers.speech import Whisper

numpy = pytest.importorskip("numpy")

pytestmark = pytest.mark.asyncio(loop_scope="module")

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
TWO_CITIES = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the
season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had
nothing before us, we were all going direct to Heaven, we were all going direct the other way - in short, the
period was so far like the present period, that some of its noisiest authorities insisted on its being received,
for good or for evil, in the superlative degree of comparison only."""


def pcm(path: Path) -> bytes:
    """Of a WAV file of one channel and 16 bits, at a multiple of 16 kHz."""
    import wave

    with wave.open(str(path)) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
        each = file.getframerate() // SAMPLE_RATE
    whole = samples[: len(samples) // each * each]
    return bytes(whole.reshape(-1, each).mean(axis=1).astype("<i2").tobytes())


async def blocks(sound: bytes, start: float = 0.0) -> AsyncIterator[tuple[float, bytes]]:
    size = SAMPLE_RATE // 2 + 14
    for offset in range(0, len(sound), size):
        yield start + offset / (2 * SAMPLE_RATE), sound[offset : offset + size]


async def heard(whisper: Whisper, sound: bytes, start: float = 0.0) -> list[Segment]:
    return [segment async for segment in whisper.transcribe(blocks(sound, start))]


def word_error_rate(wanted: str, found: str) -> float:
    """Levenshtein's distance in words, by the number of words that were wanted."""
    one, other = (re.findall(r"\w+", text.lower()) for text in (wanted, found))
    row = list(range(len(other) + 1))
    for number, word in enumerate(one, 1):
        above, row[0] = row[0], number
        for column, each in enumerate(other, 1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (word != each))
    return row[-1] / len(one)


@pytest.mark.parametrize(("name", "text"), [("beckett.wav", BECKETT), ("two_cities.wav", TWO_CITIES)])
async def test_of_a_recording_one_word_in_twenty_may_be_wrong(
    whisper: Whisper, recordings: dict[str, Path], name: str, text: str
) -> None:
    segments = await heard(whisper, pcm(recordings[name]))

    assert word_error_rate(text, " ".join(segment.text for segment in segments)) <= 0.05


async def test_times_are_those_of_the_recording(whisper: Whisper, recordings: dict[str, Path]) -> None:
    sound = pcm(recordings["two_cities.wav"])
    seconds = len(sound) / (2 * SAMPLE_RATE)

    segments = await heard(whisper, sound, start=100.0)

    despair = next(segment for segment in segments if "despair" in segment.text)
    assert 117 < despair.start < despair.end < 127
    assert all(one.end <= other.start + 0.01 for one, other in itertools.pairwise(segments))
    assert 99.9 < segments[0].start < segments[-1].end <= 100 + seconds


async def test_what_begins_elsewhere_is_heard_by_itself(whisper: Whisper, recordings: dict[str, Path]) -> None:
    sound = pcm(recordings["beckett.wav"])

    async def twice() -> AsyncIterator[tuple[float, bytes]]:
        yield 10.0, sound
        yield 500.0, sound

    starts = [segment.start async for segment in whisper.transcribe(twice())]

    assert 10 <= starts[0] < 20
    assert any(500 <= start < 510 for start in starts)


@pytest.mark.parametrize("sound", [b"", b"\0\0\0", bytes(2 * SAMPLE_RATE * 70)])
async def test_nothing_is_heard_in_silence(whisper: Whisper, sound: bytes) -> None:
    assert await heard(whisper, sound) == []


async def test_nothing_is_heard_in_noise(whisper: Whisper) -> None:
    noise = numpy.random.default_rng(1).normal(0, 3000, SAMPLE_RATE * 40).astype("<i2").tobytes()

    assert await heard(whisper, noise) == []


async def test_closing_the_transcript_leaves_the_rest_unheard(
    whisper: Whisper, recordings: dict[str, Path]
) -> None:
    sound = pcm(recordings["two_cities.wav"])
    given = 0

    async def endless() -> AsyncIterator[tuple[float, bytes]]:
        nonlocal given
        while True:
            yield given * len(sound) / (2 * SAMPLE_RATE), sound
            given += 1
            await asyncio.sleep(0)

    async with aclosing(whisper.transcribe(endless())) as segments:
        first = await anext(segments)

    assert "best of times" in first.text
    assert given <= 1
