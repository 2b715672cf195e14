"""Puts what media holds in its place in a prompt: shown to models that take it so, described to all others.

Called by ``service/``. It leads the way of each attachment: found (``found.py``), measured and counted
(``measured.py``), then shown (``native.py``) or described (``described.py``). Made by ``app.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import assert_never

from geminid.abreast import all_of
from geminid.attachment import Attachment, Kind, Media, MediaLimits, Shown
from geminid.engines.base import Engine
from geminid.errors import PromptTooLong
from geminid.generation import Generation, Piece
from geminid.media import framing, refusals
from geminid.media.described import Describing, Observers
from geminid.media.fetch import Fetcher
from geminid.media.found import Found, check_together, find
from geminid.media.measured import Measured, measure
from geminid.media.memory import Memory
from geminid.media.native import Showing
from geminid.media.room import Room
from geminid.media.workers import Workers

TEXT_BYTES = 32 * 1024 * 1024
"""Of a text file: more than any window holds."""
_MOST_FILES = 4000
"""Of one request: more than any model takes of all kinds together. Each costs a task before it is looked at."""
_ABREAST = 8
"""Files of one request that are fetched and measured at a time."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who the media is for: the engine, and how many tokens it takes; the model that it stands for, and how many
    that takes; and whose files may be read."""

    engine: Engine
    window: int
    model_window: int
    limits: MediaLimits
    owner: str = ""


class Understanding:
    """``fetcher``, ``workers`` and ``observers`` are closed with it."""

    def __init__(self, fetcher: Fetcher, workers: Workers, observers: Observers, memory: Memory) -> None:
        self._fetcher = fetcher
        self._workers = workers
        self._observers = observers
        self._memory = memory
        self._recordings = asyncio.Semaphore(max(1, workers.size - 1))
        """Recordings take long: one worker is left for what does not."""

    async def understand(self, generation: Generation, reader: Reader, known: Sequence[Media] = ()) -> Generation:
        """``generation`` with a ``Media`` for each attachment. Raises whatever finds fault with one of them.

        ``known`` stands for the first attachments, which were understood before: nothing is done for them. What
        is too long for the model is refused before it is described, as far as its length tells.
        """
        all_measured = await self._measure(generation.attachments, reader, known)
        _check_window(all_measured, known, reader)
        room = Room(reader.engine, reader.window)
        if all_measured:
            await room.take(*generation.texts(), *(one.text for one in known))
        media = [
            _media(one, await self._shown(one, number, reader, room))
            for number, one in enumerate(all_measured, 1 + len(known))
        ]
        return _with_media(generation, [*known, *media])

    async def count(self, generation: Generation, reader: Reader, known: Sequence[Media] = ()) -> Generation:
        """The same for counting alone: nothing is recognised, and only text files are read."""
        all_measured = await self._measure(generation.attachments, reader, known)
        room = Room(reader.engine, reader.window)
        media = [
            _media(one, () if one.tokens is not None else await self._text(one, number, room))
            for number, one in enumerate(all_measured, 1 + len(known))
        ]
        return _with_media(generation, [*known, *media])

    async def aclose(self) -> None:
        await self._fetcher.aclose()
        await self._workers.aclose()
        await self._observers.aclose()

    async def _measure(
        self, attachments: Sequence[Attachment], reader: Reader, known: Sequence[Media]
    ) -> list[Measured]:
        """Those after ``known``, which have a part in the limits of a request."""
        if len(attachments) > _MOST_FILES:
            raise refusals.too_many(len(attachments), _MOST_FILES, "files")
        attachments = attachments[len(known) :]
        turns = asyncio.Semaphore(_ABREAST)

        async def find_one(attachment: Attachment) -> Found:
            async with turns:
                return await find(attachment, self._fetcher, reader.limits, reader.owner)

        async def measure_one(found: Found) -> Measured:
            async with turns:
                return await measure(found, self._workers, reader.limits)

        founds = await all_of([find_one(attachment) for attachment in attachments])
        check_together(founds, reader.limits)
        _check_with(known, founds, reader.limits)
        return await all_of([measure_one(found) for found in founds])

    async def _shown(self, measured: Measured, number: int, reader: Reader, room: Room) -> tuple[Shown, ...]:
        kind = measured.found.kind
        if kind is Kind.TEXT:
            return await self._text(measured, number, room)
        capabilities = reader.engine.capabilities
        sees, hears = capabilities.sees, capabilities.hears
        key = await self._memory.key(measured, sees=sees, hears=hears, number=number)
        shown = self._memory.get(key)
        if shown is None:
            async with self._recordings if kind in (Kind.AUDIO, Kind.VIDEO) else nullcontext():
                shown = await self._looked_at(measured, number, sees=sees, hears=hears, room=room)
            self._memory.put(key, shown)
        else:
            await room.take(*(each for each in shown if isinstance(each, str)))
        return shown

    async def _looked_at(
        self, measured: Measured, number: int, *, sees: bool, hears: bool, room: Room
    ) -> tuple[Shown, ...]:
        describing = Describing(self._workers, self._observers, room)
        showing = Showing(self._workers, room)
        kind = measured.found.kind
        match kind:
            case Kind.IMAGE if sees:
                return tuple(await showing.image(measured))
            case Kind.DOCUMENT if sees:
                return tuple(await showing.document(measured))
            case Kind.AUDIO if hears:
                return tuple(await showing.sound(measured))
            case Kind.VIDEO if sees:
                seen = await showing.video(measured)
                heard = await self._heard(measured, number, hears=hears, showing=showing, describing=describing)
                return (*seen, *heard)
            case Kind.IMAGE:
                body = await describing.image(measured)
            case Kind.DOCUMENT:
                body = await describing.document(measured)
            case Kind.AUDIO:
                body = await describing.audio(measured)
            case Kind.VIDEO:
                body = await describing.video(measured)
            case Kind.TEXT:
                raise AssertionError("text is read, not looked at")
            case _:
                assert_never(kind)
        return (framing.framed(kind, number, measured.facts, "\n".join(body)),)

    async def _heard(
        self, measured: Measured, number: int, *, hears: bool, showing: Showing, describing: Describing
    ) -> list[Shown]:
        """The sound of a video, for an engine that has seen its frames."""
        if not measured.sound:
            return []
        if hears:
            return await showing.sound(measured)
        heard = "\n".join(await describing.audio(measured))
        return [framing.framed(Kind.VIDEO, number, (*measured.facts, "its sound"), heard)]

    async def _text(self, measured: Measured, number: int, room: Room) -> tuple[Shown, ...]:
        found = measured.found
        if found.size > TEXT_BYTES:
            raise refusals.too_large(Kind.TEXT, f"a size of {found.size} bytes", f"{TEXT_BYTES} bytes")
        text: str = await self._workers.run("plain_text.read", found.content)
        framed = framing.framed(Kind.TEXT, number, measured.facts, text, described=False)
        await room.take(framed)
        return (framed,)


def _check_with(known: Sequence[Media], founds: Sequence[Found], limits: MediaLimits) -> None:
    """Raises InvalidArgument for more of a kind than the model takes, with those that are known."""
    kinds = [*(one.kind for one in known), *(one.kind for one in founds)]
    for kind, limit, of in ((Kind.IMAGE, limits.images, "images"), (Kind.VIDEO, limits.videos, "videos")):
        if founds and kinds.count(kind) > limit:
            raise refusals.too_many(kinds.count(kind), limit, of)


def _check_window(all_measured: Sequence[Measured], known: Sequence[Media], reader: Reader) -> None:
    """By Google's rule, against what Google's model takes."""
    tokens = sum(one.tokens or 0 for one in known) + sum(one.tokens or 0 for one in all_measured)
    if tokens > reader.model_window:
        raise PromptTooLong(tokens, reader.model_window)


def _media(measured: Measured, shown: tuple[Shown, ...]) -> Media:
    return Media(measured.found.kind, shown, measured.tokens, measured.pages, measured.seconds)


def _with_media(generation: Generation, media: Sequence[Media]) -> Generation:
    """``media`` in the places of the attachments, in their order."""
    following = iter(media)

    def of(piece: Piece) -> Piece:
        return next(following) if isinstance(piece, Attachment) else piece

    turns = tuple(replace(turn, pieces=tuple([of(piece) for piece in turn.pieces])) for turn in generation.turns)
    return replace(generation, turns=turns)
