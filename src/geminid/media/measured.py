"""How much of it there is: the size of an image, the pages of a document, the seconds of a recording; its tokens.

Nothing is recognised here, and of a recording that says how long it is only the beginning is decoded. Called by
``understand.py``.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, assert_never

from geminid.attachment import Kind, MediaLimits
from geminid.media import audio, counting, document, image, video
from geminid.media.found import Found
from geminid.media.workers import Limits, Workers, typed

LONG = Limits(seconds=30.0, cpu_seconds=1200)
"""For recordings of hours: one result may take longer, and all of them together much longer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """``tokens`` by Google's rule, None for text, which counts as it is. ``seconds`` is of what is meant of it."""

    found: Found
    tokens: int | None = None
    facts: tuple[str, ...] = ()
    seconds: float = 0.0
    pages: int = 0
    sound: bool = False


async def measure(found: Found, workers: Workers, limits: MediaLimits) -> Measured:
    """Raises InvalidArgument for what does not decode and for more than ``limits`` allow."""
    match found.kind:
        case Kind.TEXT:
            return Measured(found, facts=(found.mime_type,))
        case Kind.IMAGE:
            return await _image(found, workers, limits)
        case Kind.DOCUMENT:
            return await _document(found, workers, limits)
        case Kind.AUDIO:
            return await _audio(found, workers, limits)
        case Kind.VIDEO:
            return await _video(found, workers, limits)
        case _:
            assert_never(found.kind)


async def _image(found: Found, workers: Workers, limits: MediaLimits) -> Measured:
    look = typed(image.Look, await workers.run("image.look", found.content))
    tokens = counting.image_tokens(limits.counting, found.attachment.resolution, look.width, look.height)
    return Measured(found, tokens, (found.mime_type, f"{look.width} x {look.height} pixels"))


async def _document(found: Found, workers: Workers, limits: MediaLimits) -> Measured:
    job = workers.run("document.pages", found.content, limits=of_pages(1), most=limits.pages, last=1)
    page = typed(document.Page, await job)
    tokens = counting.document_tokens(limits.counting, found.attachment.resolution, page.pages)
    return Measured(found, tokens, (found.mime_type, plural(page.pages, "page")), pages=page.pages)


async def _audio(found: Found, workers: Workers, limits: MediaLimits) -> Measured:
    window: dict[str, Any] = {"format": found.mime_type, "most_seconds": most_seconds(found, limits.audio_seconds)}
    look = typed(audio.Look, await workers.run("audio.look", found.content, **window))
    whole = look.claimed_seconds
    if whole is None:
        whole = float(await workers.run("audio.seconds", found.content, limits=LONG, **window))
    seconds = counting.stretch(found.attachment.window, whole)
    tokens = counting.sound_tokens(limits.counting, seconds)
    return Measured(found, tokens, (found.mime_type, f"{whole:.1f} seconds"), seconds, sound=True)


async def _video(found: Found, workers: Workers, limits: MediaLimits) -> Measured:
    window: dict[str, Any] = {"format": found.mime_type, "most_seconds": most_seconds(found, limits.video_seconds)}
    look = typed(video.Look, await workers.run("video.look", found.content, **window))
    whole = look.claimed_seconds
    if whole is None:
        whole = float(await workers.run("video.seconds", found.content, limits=LONG, **window))
    attachment = found.attachment
    seconds = counting.stretch(attachment.window, whole)
    tokens = counting.video_tokens(
        limits.counting, attachment.resolution, seconds, attachment.window.fps, sound=look.sound
    )
    facts = (found.mime_type, f"{whole:.1f} seconds", f"{look.width} x {look.height} pixels")
    return Measured(found, tokens, facts, seconds, sound=look.sound)


def of_pages(pages: int) -> Limits:
    """For a document: a page that takes as long as it may is not to be followed by hundreds like it."""
    return Limits(cpu_seconds=10 + pages // 5)


def samples_of(measured: Measured, workers: Workers) -> AsyncGenerator[Any, None]:
    """The sound of what is meant of a recording: an ``audio.Block`` after the other, to be ``typed``."""
    found = measured.found
    window = found.attachment.window
    return workers.stream(
        "audio.samples", found.content, limits=LONG, format=found.mime_type, start=window.start, end=window.end
    )


def most_seconds(found: Found, limit: float) -> float:
    """How long the recording may be: of a longer one, a stretch that is short enough can be meant."""
    window = found.attachment.window
    return math.inf if window.end is not None and window.end - window.start <= limit else limit


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
