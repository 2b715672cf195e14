"""Media in words, for models that neither see nor hear: what is written in it, what it shows, what is said.

The observers recognise; this leads them and puts what they find into the lines that ``framing.py`` frames.
Called by ``understand.py``.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from geminid import attachment
from geminid.attachment import Kind, Resolution
from geminid.media import audio, document, framing, image, refusals
from geminid.media.base import Content
from geminid.media.framing import time
from geminid.media.measured import LONG, Measured, of_pages, samples_of
from geminid.media.observers.base import Describer, Labeller, Observer, Picture, TextReader, Transcriber
from geminid.media.pixels import Pixels
from geminid.media.room import Room
from geminid.media.video import Frame
from geminid.media.workers import Workers, typed

_SIDES = {
    None: 2048,
    Resolution.LOW: 768,
    Resolution.MEDIUM: 1280,
    Resolution.HIGH: 2048,
    Resolution.ULTRA_HIGH: 3072,
}
"""Pixels of the longer side: text that is meant to be read is found at 2048, whatever the size of the picture."""
_FRAME_SIDES = {None: 1024, Resolution.LOW: 512}
_DESCRIBED_SIDE = 1024
_LEAST_TEXT = 16
"""Characters of a page's text layer. Scans often have a few, the number of the page or a stamp."""
_LOGGED_SECONDS = 600

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observers:
    """Who recognises. None: the operator wants nobody to, and the description goes without."""

    reader: TextReader | None = None
    labeller: Labeller | None = None
    transcriber: Transcriber | None = None
    describer: Describer | None = None

    def check(self, kind: Kind, *, sees: bool, hears: bool) -> None:
        """Raises Unimplemented for the first that is needed and cannot be used."""
        seeing: tuple[Observer | None, ...] = (self.describer, self.reader, self.labeller)
        for observer in (*(seeing if sees else ()), *((self.transcriber,) if hears else ())):
            if observer is not None and (remedy := observer.ready()):
                raise refusals.lacking(kind, observer.name, remedy)

    async def aclose(self) -> None:
        for observer in (self.reader, self.labeller, self.transcriber, self.describer):
            if observer is not None:
                await observer.aclose()


class Describing:
    """Writes the body of a description, line by line, as far as the room lasts."""

    def __init__(self, workers: Workers, observers: Observers, room: Room) -> None:
        self._workers = workers
        self._observers = observers
        self._room = room

    async def image(self, measured: Measured) -> list[str]:
        """What it shows and says, then what can be measured of it."""
        self._observers.check(Kind.IMAGE, sees=True, hears=False)
        found = measured.found
        side = _SIDES.get(found.attachment.resolution, _SIDES[None])
        look = typed(image.Look, await self._workers.run("image.look", found.content, long_side=side, form="rgb"))
        assert look.pixels is not None
        lines = [
            *await self._described(found.content),
            *await self._labelled(look.pixels),
            *await self._read(look.pixels),
            *_facts(look),
        ]
        await self._room.take(*lines)
        return lines

    async def document(self, measured: Measured) -> list[str]:
        lines: list[str] = []
        for number, text in enumerate(await self._layers(measured), 1):
            lines.append(f"Page {number}:")
            if _suffices(text):
                lines.append(text)
                continue
            scanned = await self._scanned(measured, number) or [text.strip() or "(no text)"]
            await self._room.take(*scanned)
            lines += scanned
        return lines

    async def _layers(self, measured: Measured) -> list[str]:
        """The text of each page. Its worker is given back before one is asked to draw a page: a job that waited
        for another would hold the worker that the other waits for."""
        layers: list[str] = []
        most = measured.pages
        job = self._workers.stream("document.pages", measured.found.content, limits=of_pages(most), most=most)
        async with aclosing(job) as pages:
            async for value in pages:
                page = typed(document.Page, value)
                layers.append(page.text)
                await self._room.take(f"Page {page.number}:", *([page.text] if _suffices(page.text) else []))
        return layers

    async def _scanned(self, measured: Measured, number: int) -> list[str]:
        """What is to be read on a page that has no text of its own."""
        if self._observers.reader is None:
            return []
        self._observers.check(Kind.DOCUMENT, sees=True, hears=False)
        page = typed(
            document.Page,
            await self._workers.run(
                "document.pages", measured.found.content, limits=of_pages(1),
                most=measured.pages, first=number, last=number, long_side=2048, form="rgb",
            ),
        )  # fmt: skip
        assert page.pixels is not None
        return [line.text for line in await self._observers.reader.read(_picture(page.pixels))]

    async def audio(self, measured: Measured) -> list[str]:
        """A line for each stretch of speech, and for each half minute at least."""
        if self._observers.transcriber is None:
            return ["(nobody has listened to it)"]
        self._observers.check(measured.found.kind, sees=False, hears=True)
        start = measured.found.attachment.window.start
        await self._room.require(_transcript_at_least(start, measured.seconds))
        lines: list[str] = []
        told = start
        segments = self._observers.transcriber.transcribe(self._blocks(measured))
        async with aclosing(segments) as heard:
            async for segment in heard:
                silent = list(_silence(told, segment.start))
                spoken = f"{time(segment.start)} {segment.text}"
                await self._room.take(*silent, spoken)
                lines += [*silent, spoken]
                told = max(told, segment.end)
        silent = list(_silence(told, start + measured.seconds))
        await self._room.take(*silent)
        return [*lines, *silent]

    async def video(self, measured: Measured) -> list[str]:
        """What is seen, with times, wherever it changes; then what is heard."""
        self._observers.check(Kind.VIDEO, sees=True, hears=measured.sound)
        lines = ["Seen:"]
        last = ""
        async for frame in self._frames(measured):
            if frame.pixels is None:
                continue
            note = await self._note(frame.pixels)
            if note != last:
                line, last = f"{time(frame.seconds)} {note}", note
                await self._room.take(line)
                lines.append(line)
        if measured.sound:
            lines += ["Heard:", *await self.audio(measured)]
        return lines

    async def _frames(self, measured: Measured) -> AsyncIterator[Frame]:
        found = measured.found
        window = found.attachment.window
        side = _FRAME_SIDES.get(found.attachment.resolution, _FRAME_SIDES[None])
        job = self._workers.stream(
            "video.frames", found.content, limits=LONG, format=found.mime_type,
            start=window.start, end=window.end, fps=window.fps, long_side=side, changes=True,
            form="jpeg" if self._observers.describer else "rgb",
        )  # fmt: skip
        progress = _Progress("video", measured.seconds, window.start)
        async with aclosing(job) as frames:
            async for value in frames:
                frame = typed(Frame, value)
                progress.reached(frame.seconds)
                yield frame

    async def _blocks(self, measured: Measured) -> AsyncGenerator[tuple[float, bytes], None]:
        progress = _Progress("sound", measured.seconds, measured.found.attachment.window.start)
        async with aclosing(samples_of(measured, self._workers)) as blocks:
            async for value in blocks:
                block = typed(audio.Block, value)
                yield block.start, block.data
                progress.reached(block.start + block.seconds)

    async def _note(self, pixels: Pixels) -> str:
        """A frame in one line. An engine that sees needs nobody beside it."""
        if self._observers.describer is not None:
            return " ".join((await self._observers.describer.describe(attachment.Picture(pixels.data))).split())
        picture = _picture(pixels)
        parts = []
        if self._observers.labeller is not None:
            parts.append(framing.shows(await self._observers.labeller.label(picture)))
        if self._observers.reader is not None:
            lines = await self._observers.reader.read(picture)
            parts.append(f'text "{framing.in_one_line(lines)}"' if lines else "")
        return "; ".join(part for part in parts if part) or "(nothing that could be named or read)"

    async def _described(self, content: Content) -> list[str]:
        """In the words of an engine that sees."""
        if self._observers.describer is None:
            return []
        value = await self._workers.run("image.look", content, long_side=_DESCRIBED_SIDE, form="jpeg")
        pixels = typed(image.Look, value).pixels
        assert pixels is not None
        said = await self._observers.describer.describe(attachment.Picture(pixels.data))
        return [f"{self._observers.describer.name} sees: {said}"]

    async def _labelled(self, pixels: Pixels) -> list[str]:
        if self._observers.labeller is None:
            return []
        labels = await self._observers.labeller.label(_picture(pixels))
        return [f"It seems to show: {framing.shows(labels)}"] if labels else []

    async def _read(self, pixels: Pixels) -> list[str]:
        if self._observers.reader is None:
            return []
        lines = [line.text for line in await self._observers.reader.read(_picture(pixels))]
        if len(lines) == 1:
            return [f'Text in it: "{lines[0]}"']
        return ["Text in it:", *lines] if lines else ["No text in it"]


def _facts(look: image.Look) -> list[str]:
    facts = [f"Colours: {', '.join(look.colours) or 'mixed'}; {framing.brightness(look.brightness)}"]
    if look.taken:
        facts.append(f"Taken on {look.taken.replace('T', ' at ')}")
    if look.frames is None or look.frames > 1:
        facts.append("An animation, of which this is the first picture")
    return facts


class _Progress:
    """Tells the log how far a long recording is."""

    def __init__(self, what: str, seconds: float, start: float) -> None:
        self._what = what
        self._end = start + seconds
        self._told = start

    def reached(self, seconds: float) -> None:
        if seconds - self._told >= _LOGGED_SECONDS:
            self._told = seconds
            _log.info("%s: %s of %s described", self._what, time(seconds), time(self._end))


def _transcript_at_least(start: float, seconds: float) -> str:
    """The shortest that a transcript can be."""
    return "\n".join(framing.barred(line) for line in _silence(start, start + seconds))


def _silence(start: float, end: float) -> Iterator[str]:
    """A line for each whole half minute in which nothing is said."""
    at = start
    while at + framing.LINE_SECONDS <= end:
        yield f"{time(at)} -"
        at += framing.LINE_SECONDS


def _suffices(layer: str) -> bool:
    return len(layer.strip()) >= _LEAST_TEXT


def _picture(pixels: Pixels) -> Picture:
    return Picture(pixels.width, pixels.height, pixels.data)
