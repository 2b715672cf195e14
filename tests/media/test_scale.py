"""Long recordings: only what is asked for is looked at, little is held at a time, and nothing is done in vain."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest
from made_media import recordings

from geminid.attachment import Attachment, Media, Picture, Window
from geminid.engines.scripted import Script, Scripted
from geminid.errors import PromptTooLong
from geminid.gemini.profiles import Catalogue
from geminid.generation import Generation, Turn
from geminid.media.described import Observers
from geminid.media.fetch import Fetcher, Policy
from geminid.media.memory import Memory
from geminid.media.observers.base import Segment
from geminid.media.observers.ocr import RapidOcr
from geminid.media.observers.scripted import ScriptedTranscriber
from geminid.media.understand import Reader, Understanding
from geminid.media.workers import Workers

MINUTES = 20
CAPTIONS: dict[float, str] = {1: "HARBOUR", 3: "LANTERN", 5: "GRANITE"}
"""By the second from which each stands on the film; it ends at 7."""

Make: TypeAlias = Callable[[Observers], Understanding]


class Listener(ScriptedTranscriber):
    """A transcriber that notes how far it is, and the memory of the workers then."""

    def __init__(self) -> None:
        self.reached = 0.0
        self.memory: list[int] = []
        self.half_way = asyncio.Event()

    async def transcribe(self, blocks: AsyncIterable[tuple[float, bytes]]) -> AsyncGenerator[Segment, None]:
        async for segment in super().transcribe(blocks):
            self.reached = segment.end
            self.memory.append(sum(worker.memory_info().rss for worker in decoding()))
            if self.reached >= 30 * MINUTES:
                self.half_way.set()
            yield segment


@pytest.fixture(scope="module")
def speech() -> bytes:
    return recordings.sound("flac", "flac", seconds=60 * MINUTES, rate=8000)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes what understands media, with one worker; it may read from ``tmp_path``."""
    made: list[Understanding] = []

    def make(observers: Observers) -> Understanding:
        policy = Policy(cache_dir=tmp_path / "cache", file_roots=(tmp_path,))
        made.append(Understanding(Fetcher(policy), Workers(1), observers, Memory(0)))
        return made[-1]

    yield make
    for understanding in made:
        await understanding.aclose()


def decoding() -> list[psutil.Process]:
    """The workers that there are."""
    return [child for child in psutil.Process().children() if "geminid.media.worker" in cmdline(child)]


def cmdline(process: psutil.Process) -> list[str]:
    """Nothing where it has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def asking(*attachments: Attachment) -> Generation:
    return Generation((Turn("user", attachments),))


def blind(window: int = 1_048_576) -> Reader:
    return reader(Script(sees=False, hears=False, context_tokens=window))


def reader(script: Script) -> Reader:
    """As Gemini 1.5 Pro, with the engine of a script."""
    model = Catalogue().find("gemini-1.5-pro-002")
    assert model is not None
    profile = model.profile
    return Reader(Scripted(script), script.context_tokens, profile.input_tokens, profile.media)


def only(generation: Generation) -> Media:
    (turn,) = generation.turns
    (media,) = turn.pieces
    assert isinstance(media, Media)
    return media


async def test_a_long_recording_is_never_held_at_once(
    make: Make, speech: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    caplog.set_level(logging.INFO, "geminid.media")

    understood = await make(Observers(transcriber=listener)).understand(
        asking(Attachment("audio/flac", data=speech)), blind()
    )

    assert only(understood).tokens == 25 * 60 * MINUTES
    assert "sound from 1170 s to 1200 s" in only(understood).text
    assert max(listener.memory) - listener.memory[0] < 16 * 1024**2  # its samples have 38 MB
    assert "sound: 0:10:00 of 0:20:00 described" in caplog.messages


async def test_who_gives_up_half_way_frees_the_worker(make: Make, speech: bytes) -> None:
    listener = Listener()
    understanding = make(Observers(transcriber=listener))
    describing = asyncio.create_task(
        understanding.understand(asking(Attachment("audio/flac", data=speech)), blind())
    )
    await asyncio.wait_for(listener.half_way.wait(), 60)
    (worker,) = decoding()

    describing.cancel()
    with suppress(asyncio.CancelledError):
        await describing

    async with asyncio.timeout(20):
        short = Attachment("audio/wav", data=recordings.sound("wav", "pcm_s16le", seconds=1))
        assert only(await understanding.count(asking(short), blind())).tokens == 25
    assert not worker.is_running()


async def test_nobody_listens_to_what_cannot_fit(make: Make, tmp_path: Path) -> None:
    hours = tmp_path / "hours.wav"
    silence(hours, seconds=30_000)
    listener = Listener()
    understanding = make(Observers(transcriber=listener))
    before = "What was said before. " * 100

    with pytest.raises(PromptTooLong, match="but model only supports up to 8192"):
        await understanding.understand(
            asking(Attachment("text/plain", data=before.encode()), Attachment("audio/wav", uri=hours.as_uri())),
            blind(window=8192),
        )

    assert listener.reached == 0


@pytest.mark.parametrize(
    ("window", "captions"), [(Window(2, 4), ["HARBOUR", "LANTERN"]), (Window(5, 6), ["GRANITE"])]
)
async def test_only_captions_within_the_offsets_reach_the_prompt(
    make: Make, window: Window, captions: list[str]
) -> None:
    ocr = RapidOcr()
    if command := ocr.ready():
        pytest.skip(f"needs: {command}")
    film = Attachment("video/mp4", data=recordings.captioned(CAPTIONS, seconds=7), window=window)

    understood = await make(Observers(reader=ocr)).understand(asking(film), blind())

    assert [caption for caption in CAPTIONS.values() if caption in only(understood).text] == captions


@pytest.mark.parametrize(("fps", "frames"), [(0.5, 2), (1.0, 4), (5.0, 20)])
async def test_as_many_frames_are_shown_as_were_asked_for(make: Make, fps: float, frames: int) -> None:
    film = Attachment("video/mp4", data=recordings.captioned(CAPTIONS, seconds=7), window=Window(2, 6, fps))

    understood = await make(Observers()).understand(asking(film), reader(Script(hears=False)))

    assert sum(isinstance(each, Picture) for each in only(understood).shown) == frames


def silence(path: Path, seconds: int) -> None:
    """A WAV file of 8 kHz and 8 bits, whose samples take no room on most disks."""
    rate = 8000
    form = struct.pack("<HHIIHH", 1, 1, rate, rate, 1, 8)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", rate * seconds)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(head) + rate * seconds) + head)
        file.truncate(8 + len(head) + rate * seconds)
