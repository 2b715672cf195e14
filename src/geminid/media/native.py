"""Media for models that see or hear: decoded by us, and handed on in the few forms that every model server takes.

What the caller sent never reaches a model server, whose decoders are less careful. Called by ``understand.py``.
"""

from __future__ import annotations

from contextlib import aclosing

from geminid.attachment import Picture, Resolution, Shown, Sound
from geminid.media import audio, document, framing, image, refusals, video
from geminid.media.framing import time
from geminid.media.measured import LONG, Measured, of_pages, samples_of
from geminid.media.room import Room
from geminid.media.wav import wav
from geminid.media.workers import Workers, typed

MOST_BYTES = 64 * 1024 * 1024
"""Of pictures and sound for one attachment: a thousand pages, or half an hour of sound."""
_SIDES = {
    None: 1536,
    Resolution.LOW: 512,
    Resolution.MEDIUM: 1024,
    Resolution.HIGH: 2048,
    Resolution.ULTRA_HIGH: 3072,
}
_FRAME_SIDES = {None: 768, Resolution.LOW: 384, Resolution.HIGH: 1024}


class Showing:
    """Makes what is shown of one attachment."""

    def __init__(self, workers: Workers, room: Room) -> None:
        self._workers = workers
        self._room = room
        self._bytes = 0

    async def image(self, measured: Measured) -> list[Shown]:
        found = measured.found
        side = _SIDES.get(found.attachment.resolution, _SIDES[None])
        look = typed(image.Look, await self._workers.run("image.look", found.content, long_side=side, form="jpeg"))
        assert look.pixels is not None
        return [self._picture(measured, look.pixels.data)]

    async def document(self, measured: Measured) -> list[Shown]:
        """Each page as a picture, after the text that it carries, as Gemini has it."""
        found = measured.found
        shown: list[Shown] = []
        side = _SIDES.get(found.attachment.resolution, _SIDES[None])
        job = self._workers.stream(
            "document.pages",
            found.content,
            limits=of_pages(measured.pages),
            most=measured.pages,
            long_side=side,
            form="jpeg",
        )
        async with aclosing(job) as pages:
            async for value in pages:
                page = typed(document.Page, value)
                text = framing.barred(page.text) if page.text.strip() else ""
                text = f"[page {page.number} of {page.pages}]" + (f"\n{text}" if text else "")
                await self._room.take(text)
                assert page.pixels is not None
                shown += [text, self._picture(measured, page.pixels.data)]
        return shown

    async def sound(self, measured: Measured) -> list[Shown]:
        samples = bytearray()
        async with aclosing(samples_of(measured, self._workers)) as blocks:
            async for value in blocks:
                block = typed(audio.Block, value)
                self._count(measured, block.data)
                samples += block.data
        return [Sound(wav(samples))]

    async def video(self, measured: Measured) -> list[Shown]:
        """Frames, each after its time."""
        found = measured.found
        window = found.attachment.window
        side = _FRAME_SIDES.get(found.attachment.resolution, _FRAME_SIDES[None])
        job = self._workers.stream(
            "video.frames", found.content, limits=LONG, format=found.mime_type,
            start=window.start, end=window.end, fps=window.fps, long_side=side, form="jpeg",
        )  # fmt: skip
        shown: list[Shown] = []
        async with aclosing(job) as frames:
            async for value in frames:
                frame = typed(video.Frame, value)
                mark = f"[{time(frame.seconds)}]"
                await self._room.take(mark)
                assert frame.pixels is not None
                shown += [mark, self._picture(measured, frame.pixels.data)]
        return shown

    def _picture(self, measured: Measured, data: bytes) -> Picture:
        self._count(measured, data)
        return Picture(data)

    def _count(self, measured: Measured, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            limit = f"{MOST_BYTES // 1024**2} MiB of pictures and sound for one file"
            raise refusals.too_large(measured.found.kind, "too much in it", limit)
