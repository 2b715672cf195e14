"""Deterministic observers: they say of media what it is, for the tests of those who build on geminid.

No models and no libraries. The same pixels and samples are always told in the same words, so that a test can see
which picture, and which stretch of a recording, it was. Built by ``build/media.py``.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterable

from geminid.media.observers.base import SAMPLE_BYTES, SAMPLE_RATE, Box, Label, Line, Picture, Segment

LABELS = ("lighthouse", "teapot", "bicycle", "orange", "umbrella", "violin", "sailboat", "beaver")
PROBABILITY = 0.9


class _Scripted:
    """What they have in common: there is nothing to lack, and nothing to close."""

    name = "scripted"

    def ready(self) -> str | None:
        return None

    async def aclose(self) -> None:
        pass


class ScriptedReader(_Scripted):
    """A TextReader: of every picture one line, ``text of a picture of 640 x 480 pixels, #a1b2c3d4``.

    The digits are the CRC-32 of the pixels. A JPEG may decode to others elsewhere, a PNG does not.
    """

    async def read(self, picture: Picture) -> list[Line]:
        text = f"text of a picture of {picture.width} x {picture.height} pixels, {_mark(picture.data)}"
        return [Line(text, Box(0, 0, picture.width, picture.height), confidence=1.0)]


class ScriptedLabeller(_Scripted):
    """A Labeller: for every picture one of ``LABELS``, which its pixels choose."""

    async def label(self, picture: Picture) -> list[Label]:
        return [Label(LABELS[zlib.crc32(picture.data) % len(LABELS)], PROBABILITY)]


class ScriptedTranscriber(_Scripted):
    """A Transcriber: of every block, as it comes, ``sound from 0 s to 30 s, #a1b2c3d4``. It keeps none."""

    async def transcribe(self, blocks: AsyncIterable[tuple[float, bytes]]) -> AsyncGenerator[Segment, None]:
        async for start, data in blocks:
            end = start + len(data) / SAMPLE_BYTES / SAMPLE_RATE
            text = f"sound from {_seconds(start)} s to {_seconds(end)} s, {_mark(data)}"
            yield Segment(round(start, 2), round(end, 2), text)


def _mark(data: bytes) -> str:
    return f"#{zlib.crc32(data):08x}"


def _seconds(time: float) -> str:
    """To the hundredth, without zeros that say nothing: 30, 7.5."""
    return f"{time:.2f}".rstrip("0").rstrip(".")
