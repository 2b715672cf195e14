"""Sound of every kind becomes samples, and sound that is out to harm costs a refusal."""

from __future__ import annotations

import array
import itertools
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from geminid.errors import InvalidArgument
from geminid.media.workers import Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Sound: TypeAlias = Callable[..., bytes]
Film: TypeAlias = Callable[..., bytes]

FORMATS = [
    ("audio/mpeg", "mp3", "libmp3lame", 44_100),
    ("audio/wav", "wav", "pcm_s16le", 16_000),
    ("audio/flac", "flac", "flac", 48_000),
    ("audio/ogg", "ogg", "libopus", 48_000),
    ("audio/mp4", "ipod", "aac", 44_100),
    ("audio/aac", "adts", "aac", 22_050),
    ("audio/aiff", "aiff", "pcm_s16be", 8000),
    ("audio/webm", "webm", "libopus", 48_000),
    ("audio/3gpp", "3gp", "libopencore_amrnb", 8000),
    ("audio/x-ms-wma", "asf", "wmav2", 44_100),
]


async def blocks(workers: Workers, content: bytes | Path, **arguments: Any) -> list[dict[str, Any]]:
    async with aclosing(workers.stream("audio.samples", content, **arguments)) as told:
        return [block async for block in told]


def pitch(data: bytes, rate: int) -> float:
    """In Hertz, by how often it rises through zero."""
    wave = array.array("h", data)
    return sum(a < 0 <= b for a, b in itertools.pairwise(wave)) * rate / len(wave)


@pytest.mark.parametrize(("format", "form", "codec", "rate"), FORMATS)
async def test_every_format_is_heard(
    workers: Workers, sound: Sound, format: str, form: str, codec: str, rate: int
) -> None:
    content = sound(form, codec, rate=rate)

    told = await workers.run("audio.look", content, format=format)
    (block,) = await blocks(workers, content, format=format)

    assert (told["channels"], told["rate"]) == (1, rate)
    assert told["claimed_seconds"] == pytest.approx(3, abs=0.1)
    assert block["seconds"] == pytest.approx(3, abs=0.1)
    assert len(block["data"]) == round(block["seconds"] * 16_000) * 2
    assert pitch(block["data"], 16_000) == pytest.approx(440, rel=0.05)


@pytest.mark.parametrize(
    ("format", "form", "pictures", "codec"),
    [
        ("video/mp4", "mp4", "libx264", "aac"),
        ("video/webm", "webm", "libvpx", "libopus"),
        ("video/x-flv", "flv", "flv", "aac"),
        ("video/mpeg", "dvd", "mpeg2video", "mp2"),
    ],
)
async def test_a_film_is_heard_too(
    workers: Workers, film: Film, format: str, form: str, pictures: str, codec: str
) -> None:
    content = film(form, pictures, seconds=2, rate=25, sound=codec)

    (block,) = await blocks(workers, content, format=format)

    assert block["seconds"] == pytest.approx(2, abs=0.1)
    assert pitch(block["data"], 16_000) == pytest.approx(440, rel=0.05)


@pytest.mark.parametrize("layout", ["stereo", "2.1", "5.1", "7.1"])
async def test_channels_become_one(workers: Workers, sound: Sound, layout: str) -> None:
    (block,) = await blocks(workers, sound("wav", "pcm_s16le", layout=layout), format="audio/wav")

    assert len(block["data"]) == 3 * 16_000 * 2
    assert pitch(block["data"], 16_000) == pytest.approx(440, rel=0.05)


async def test_blocks_of_thirty_seconds_follow_each_other(workers: Workers, sound: Sound) -> None:
    told = await blocks(workers, sound("mp3", "libmp3lame", seconds=70), format="audio/mpeg", rate=8000)

    assert [(block["start"], block["seconds"]) for block in told] == [
        (0, 30),
        (30, 30),
        (60, pytest.approx(10, abs=0.1)),
    ]
    assert [len(block["data"]) for block in told[:2]] == [30 * 8000 * 2] * 2


@pytest.mark.parametrize(("format", "form", "codec", "rate"), FORMATS[:6])
async def test_offsets_are_kept_to_the_sample(
    workers: Workers, sound: Sound, format: str, form: str, codec: str, rate: int
) -> None:
    content = sound(form, codec, rate=rate, seconds=40)

    (block,) = await blocks(workers, content, format=format, start=31.5, end=33.75)

    assert (block["start"], block["seconds"]) == (31.5, 2.25)
    assert pitch(block["data"], 16_000) == pytest.approx(440, rel=0.05)


async def test_seeking_finds_what_decoding_all_would_find(workers: Workers, sound: Sound) -> None:
    content = sound("flac", "flac", seconds=20)

    (whole,) = await blocks(workers, content, format="audio/flac")
    (part,) = await blocks(workers, content, format="audio/flac", start=12.25, end=13)

    assert part["data"] == whole["data"][round(12.25 * 32_000) : 13 * 32_000]


async def test_joined_streams_may_change_their_channels(workers: Workers, sound: Sound) -> None:
    joined = sound("mp3", "libmp3lame") + sound("mp3", "libmp3lame", layout="stereo", rate=32_000)

    told = await blocks(workers, joined, format="audio/mpeg")

    assert sum(block["seconds"] for block in told) == pytest.approx(6, abs=0.3)


async def test_its_length_is_what_was_decoded(workers: Workers, sound: Sound) -> None:
    content = bytearray(sound("wav", "pcm_s16le", seconds=2))
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xfe\xff\xff\xff"  # four gigabytes, 37 hours

    assert await workers.run("audio.seconds", bytes(content), format="audio/wav") == 2
    assert (await workers.run("audio.look", bytes(content), format="audio/wav"))["rate"] == 16_000
    (block,) = await blocks(workers, bytes(content), format="audio/wav")
    assert block["seconds"] == 2


async def test_too_long_is_refused(refused: Refusal, sound: Sound) -> None:
    content = sound("adts", "aac", seconds=70)

    for job in ("audio.samples", "audio.seconds"):
        message = await refused(job, content, format="audio/aac", most_seconds=40)
        assert "too many seconds but the supported limit is 40 seconds" in message


async def test_of_too_long_a_file_a_part_can_be_had(workers: Workers, sound: Sound) -> None:
    content = sound("mp3", "libmp3lame", seconds=70)

    (block,) = await blocks(workers, content, format="audio/mpeg", start=50, end=60, most_seconds=40)

    assert (block["start"], block["seconds"]) == (50, 10)


async def test_an_offset_beyond_the_end_is_refused(refused: Refusal, sound: Sound) -> None:
    message = await refused("audio.samples", sound("mp3", "libmp3lame"), format="audio/mpeg", start=20)

    assert "nothing at the start offset of 20 seconds" in message


async def test_a_film_without_sound_is_refused(refused: Refusal, film: Film) -> None:
    assert "audio is not valid" in await refused("audio.look", film("mp4", "libx264"), format="video/mp4")


async def test_a_format_that_is_not_served_is_refused(workers: Workers) -> None:
    with pytest.raises(InvalidArgument, match="sdp, which is not supported"):
        await workers.run("audio.look", b"v=0", format="application/sdp")
