"""Engines that see and hear put media into words: what they are asked, and what is made of their answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import msgspec
import pytest

from geminid.attachment import Kind, Media, Picture, Sound
from geminid.engines.scripted import Script, Scripted
from geminid.errors import Unavailable
from geminid.generation import Event, Generation, Sampling, Text, Turn
from geminid.media.observers.base import Describer, Segment, Transcriber
from geminid.media.observers.by_engine import (
    DESCRIBE,
    NO_SPEECH,
    TRANSCRIBE,
    EngineDescriber,
    EngineTranscriber,
)
from geminid.media.wav import wav

SECOND = bytes(32_000)
PICTURE = Picture(b"\xff\xd8\xff a JPEG")


class Remembering(Scripted):
    """A scripted engine that can tell what it was asked."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.asked: list[Generation] = []

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        self.asked.append(generation)
        async with aclosing(super().generate(generation)) as events:
            async for event in events:
                yield event


Play: TypeAlias = Callable[..., Remembering]


@pytest.fixture
def play() -> Play:
    """An engine that gives these answers."""

    def play(*answers: dict[str, Any]) -> Remembering:
        return Remembering(msgspec.convert({"answers": answers}, Script))

    return play


async def blocks(*given: tuple[float, bytes]) -> AsyncIterator[tuple[float, bytes]]:
    for each in given:
        yield each


async def heard(engine: Scripted, *given: tuple[float, bytes]) -> list[Segment]:
    transcriber: Transcriber = EngineTranscriber(engine, title="ears")
    return [segment async for segment in transcriber.transcribe(blocks(*given))]


def sounds(engine: Remembering) -> list[bytes]:
    """The samples of each WAV file that the engine was given."""
    pieces = [generation.turns[0].pieces[0] for generation in engine.asked]
    shown = [piece.shown[0] for piece in pieces if isinstance(piece, Media)]
    return [each.data[44:] for each in shown if isinstance(each, Sound)]


async def test_a_picture_is_described_in_the_engine_s_words(play: Play) -> None:
    engine = play(
        {"when": TRANSCRIBE, "chunks": ["wrong"]},
        {
            "when": DESCRIBE,
            "chunks": [{"text": "Hm.", "thought": True}, "\nA cup", " of coffee.\n"],
        },
    )
    describer: Describer = EngineDescriber(engine, title="eyes")

    assert await describer.describe(PICTURE) == "A cup of coffee."
    assert describer.name == "eyes"


async def test_the_engine_is_given_the_picture_and_a_bound(play: Play) -> None:
    engine = play({"chunks": ["a"], "repeat": 1000})

    description = await EngineDescriber(engine, title="eyes").describe(PICTURE)

    (generation,) = engine.asked
    assert generation.turns == (Turn("user", (Media(Kind.IMAGE, (PICTURE,), 0), Text(DESCRIBE))),)
    assert generation.sampling == Sampling(temperature=0, max_output_tokens=300)
    assert description == "a" * 300


async def test_each_half_minute_of_sound_is_a_segment(play: Play) -> None:
    engine = play({"when": TRANSCRIBE, "chunks": ["one "]})

    segments = await heard(engine, (0.0, SECOND * 30), (30.0, SECOND * 30), (60.0, SECOND))

    assert segments == [Segment(0, 30, "one"), Segment(30, 60, "one"), Segment(60, 61, "one")]
    assert engine.asked[0].turns[0].pieces[0] == Media(Kind.AUDIO, (Sound(wav(SECOND * 30)),), 0)


@pytest.mark.parametrize("seconds", [1, 7, 30, 61])
async def test_pieces_of_any_length_are_heard_as_half_minutes(play: Play, seconds: int) -> None:
    engine = play({"chunks": ["said"]})
    sound = b"".join(n.to_bytes(2, "little") * 16_000 for n in range(61))
    pieces = [(float(at), sound[at * 32_000 : (at + seconds) * 32_000]) for at in range(0, 61, seconds)]

    segments = await heard(engine, *pieces)

    assert [(segment.start, segment.end) for segment in segments] == [(0, 30), (30, 60), (60, 61)]
    assert b"".join(sounds(engine)) == sound


async def test_what_begins_elsewhere_is_heard_by_itself(play: Play) -> None:
    engine = play({"chunks": ["one"]}, {"chunks": ["two"]})

    segments = await heard(engine, (5.0, SECOND), (6.03, SECOND), (40.0, SECOND * 2))

    assert segments == [Segment(5, 7, "one"), Segment(40, 42, "two")]


@pytest.mark.parametrize("answer", [NO_SPEECH, "[No speech].", " ", ""])
async def test_where_nobody_speaks_there_is_no_segment(play: Play, answer: str) -> None:
    assert await heard(play({"chunks": [answer]}), (0.0, SECOND)) == []


@pytest.mark.parametrize("given", [[], [(0.0, b"")], [(0.0, b"a"), (9.0, b"b")]])
async def test_without_a_sample_the_engine_is_not_asked(play: Play, given: list[tuple[float, bytes]]) -> None:
    engine = play({"chunks": ["wrong"]})

    assert await heard(engine, *given) == []
    assert engine.asked == []


async def test_the_engine_s_errors_pass_through(play: Play) -> None:
    engine = play({"fail": {"code": "UNAVAILABLE", "message": "Busy.", "after_chunks": 1}, "chunks": ["a", "b"]})

    with pytest.raises(Unavailable, match=r"^Busy\.$"):
        await EngineDescriber(engine, title="eyes").describe(PICTURE)
    with pytest.raises(Unavailable, match=r"^Busy\.$"):
        await heard(engine, (0.0, SECOND))


async def test_leaving_the_transcript_leaves_the_rest_unasked(play: Play) -> None:
    engine = play({"chunks": ["said"]})
    minutes = blocks(*((60.0 * n, SECOND * 60) for n in range(3)))

    async with aclosing(EngineTranscriber(engine, title="ears").transcribe(minutes)) as segments:
        await anext(segments)

    assert len(engine.asked) == 1
    assert engine.active == 0


def test_an_engine_without_eyes_and_ears_is_not_ready(play: Play) -> None:
    neither = Scripted(Script(sees=False, hears=False))

    assert EngineDescriber(neither, title="SmolLM").ready() == (
        "SmolLM does not see: configure an engine whose model takes pictures"
    )
    assert EngineTranscriber(neither, title="SmolLM").ready() == (
        "SmolLM does not hear: configure an engine whose model takes sound"
    )
    assert EngineDescriber(play(), title="eyes").ready() is None
    assert EngineTranscriber(play(), title="ears").ready() is None
