"""Sound and film that are out to harm cost a refusal each, within ten seconds, and one worker."""

from __future__ import annotations

import asyncio
import io
import random
import re
import struct
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import av
import pytest
from made_media.hostile.recordings import PRETENDERS, alias, disordered, edited, silence, wav

from geminid.errors import InvalidArgument
from geminid.media import audio, video
from geminid.media.workers import Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Sound: TypeAlias = Callable[..., bytes]
Film: TypeAlias = Callable[..., bytes]

FILMS = [
    ("video/mp4", "mp4", "libx264"),
    ("video/mpeg", "mpeg", "mpeg1video"),
    ("video/mp2t", "mpegts", "libx264"),
    ("video/x-msvideo", "avi", "mpeg4"),
    ("video/x-flv", "flv", "flv"),
    ("video/x-ms-wmv", "asf", "wmv2"),
    ("video/webm", "webm", "libvpx"),
]
REFUSED = re.compile(
    r"Provided (video|audio) is not valid|Unable to process input (video|audio)|supported limit is"
)
SOUNDS = [
    ("audio/mpeg", "mp3", "libmp3lame"),
    ("audio/wav", "wav", "pcm_s16le"),
    ("audio/flac", "flac", "flac"),
    ("audio/ogg", "ogg", "flac"),
    ("audio/mp4", "ipod", "aac"),
    ("audio/aac", "adts", "aac"),
    ("audio/aiff", "aiff", "pcm_s16be"),
]


def seen(content: bytes, format: str) -> int:
    """How many frames there are; none where it is refused. In this process, for what is not out to crash it."""
    try:
        return len(list(video.frames(io.BytesIO(content), format=format, form="rgb")))
    except InvalidArgument:
        return 0


def heard(content: bytes, format: str) -> float:
    try:
        return sum(block.seconds for block in audio.samples(io.BytesIO(content), format=format))
    except InvalidArgument:
        return 0


@pytest.mark.parametrize(("format", "form", "codec"), FILMS)
async def test_a_film_that_is_cut_off_is_shorter_or_refused(
    film: Film, format: str, form: str, codec: str
) -> None:
    content = film(form, codec, seconds=3, rate=25)

    counts = [seen(content[: len(content) * n // 30], format) for n in range(31)]

    assert counts[0] == 0
    assert counts[-1] == 3
    assert max(counts) == 3


@pytest.mark.parametrize(("format", "form", "codec"), SOUNDS)
async def test_sound_that_is_cut_off_is_shorter_or_refused(
    sound: Sound, format: str, form: str, codec: str
) -> None:
    content = sound(form, codec)

    lengths = [heard(content[: len(content) * n // 30], format) for n in range(31)]

    assert lengths[0] == 0
    assert lengths[-1] == pytest.approx(3, abs=0.1)
    assert max(lengths) <= lengths[-1] + 0.1


@pytest.mark.parametrize(("format", "form", "codec"), [*FILMS, *SOUNDS])
async def test_bytes_that_are_wrong_do_no_harm(
    workers: Workers, film: Film, sound: Sound, format: str, form: str, codec: str
) -> None:
    made = film(form, codec, seconds=3, rate=25) if format.startswith("video/") else sound(form, codec)
    chance = random.Random(format)
    content = bytearray(made)
    for _ in range(len(content) // 200):
        content[chance.randrange(len(content))] = chance.randrange(256)

    outcome = await outcome_of(workers, bytes(content), format)

    assert outcome is None or REFUSED.search(outcome)


async def outcome_of(workers: Workers, content: bytes, format: str) -> str | None:
    """What it is refused for, if it is."""
    job = "video.frames" if format.startswith("video/") else "audio.samples"
    try:
        async with asyncio.timeout(20):
            async for _ in workers.stream(job, content, format=format):
                pass
    except InvalidArgument as refusal:
        return refusal.message
    return None


@pytest.mark.parametrize(
    "format", ["video/mp4", "video/webm", "video/mp2t", "video/mpeg", "audio/mpeg", "audio/wav"]
)
async def test_what_is_something_else_opens_nothing(tmp_path: Path, film: Film, format: str) -> None:
    """Neither a file that is there nor a server that listens is taken for it."""
    (tmp_path / "film.mp4").write_bytes(film("mp4", "libx264", seconds=1, sound="aac"))
    callers: list[Any] = []
    server = await asyncio.start_server(lambda _, writer: callers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    addresses = (
        bytes(tmp_path / "film.mp4"),
        b"http://127.0.0.1:%d/film.mp4" % port,
        b"tcp://127.0.0.1:%d" % port,
    )

    for content in PRETENDERS.values():
        for address in addresses:
            made = content.replace(b"%b", address)
            assert await asyncio.to_thread(seen, made, format) == 0
            assert await asyncio.to_thread(heard, made, format) == 0

    server.close()
    await server.wait_closed()
    assert callers == []


@pytest.mark.parametrize("name", PRETENDERS)
async def test_what_is_something_else_is_refused(refused: Refusal, name: str) -> None:
    assert "not valid" in await refused("video.look", PRETENDERS[name], format="video/mp4")


@pytest.mark.parametrize("job", ["audio.look", "audio.seconds", "audio.samples"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (wav(channels=1000, data=bytes(200_000)), ""),
        (wav(channels=9), "9 channels but the supported limit is 8 channels"),
        (wav(channels=65_535, data=bytes(400_000)), ""),
        (wav(channels=0), ""),
        (wav(rate=1), "a sample rate of 1 Hz"),
        (wav(rate=0), ""),
        (wav(rate=10_000_000), "a sample rate of 10000000 Hz but the supported limit is 1000 to 384000 Hz"),
        (wav(data=b""), ""),
        (wav(data=b"", size=0xFFFFFFFF), ""),
    ],
)
async def test_absurd_sound_is_refused(refused: Refusal, job: str, content: bytes, says: str) -> None:
    assert says in await refused(job, content, format="audio/wav")


async def test_a_header_of_four_gigabytes_is_not_believed(workers: Workers) -> None:
    assert await workers.run("audio.seconds", wav(size=0xFFFFFFFE), format="audio/wav") == 1


@pytest.mark.parametrize("said", [None, 0, 1])
async def test_a_day_of_silence_is_refused_whatever_it_says(refused: Refusal, said: float | None) -> None:
    content = silence(24, said=said)
    assert len(content) < 250_000

    for job in ("audio.seconds", "audio.samples"):
        assert "limit is 30240 seconds" in await refused(job, content, format="audio/flac")


async def test_eight_hours_are_never_held_and_can_be_left(
    workers: Workers, decoding: Callable[[], list[int]]
) -> None:
    async with aclosing(workers.stream("audio.samples", silence(8), format="audio/flac")) as told:
        starts = [(await anext(told))["start"] for _ in range(10)]
        before = max(decoding())
        starts += [(await anext(told))["start"] for _ in range(500)]
        after = max(decoding())

    assert starts == list(range(0, 510 * 30, 30))
    assert after - before < 4 * 1024 * 1024
    assert await workers.run("audio.seconds", wav(), format="audio/wav") == 1
    assert len(decoding()) <= workers.size


async def test_frames_of_many_pixels_are_refused(refused: Refusal, film: Film) -> None:
    content = film("webm", "libvpx", times=[0], width=8000, height=5000)

    for job in ("video.look", "video.frames"):
        message = await refused(job, content, format="video/webm")
        assert "a size of 8000 x 5000 pixels but the supported limit is 36 megapixels" in message


@pytest.mark.parametrize(
    ("form", "codec", "size", "absurd"),
    [
        ("webm", "libvpx", b"\x9d\x01\x2a" + struct.pack("<HH", 96, 64), b"\x9d\x01\x2a\xff\x3f\xff\x3f"),
        ("avi", "rawvideo", struct.pack("<II", 96, 64), struct.pack("<II", 16_384, 16_384)),
        ("avi", "mjpeg", struct.pack(">HH", 64, 96), struct.pack(">HH", 16_384, 16_384)),
        ("avi", "mjpeg", struct.pack(">HH", 64, 96), struct.pack(">HH", 0, 0)),
    ],
)
async def test_a_size_that_is_a_lie_is_refused(
    refused: Refusal, film: Film, form: str, codec: str, size: bytes, absurd: bytes
) -> None:
    content = film(form, codec, seconds=1)
    assert size in content

    assert REFUSED.search(
        await refused(
            "video.frames",
            content.replace(size, absurd),
            format="video/webm" if form == "webm" else "video/x-msvideo",
        )
    )


async def test_a_hundred_thousand_frames_a_second_are_refused(refused: Refusal, film: Film) -> None:
    times = [n / 100_000 for n in range(12_000)]
    content = film("matroska", "libx264", rate=100_000, times=times)

    message = await refused("video.frames", content, format="video/x-matroska")

    assert "too many frames for each second" in message


async def test_no_frames_at_all_are_refused(refused: Refusal, film: Film) -> None:
    for job in ("video.look", "video.frames"):
        assert REFUSED.search(await refused(job, film("mp4", "libx264", times=[]), format="video/mp4"))


async def test_channels_in_an_order_of_their_own_do_no_harm(workers: Workers, sound: Sound) -> None:
    """PyAV 18.1 frees such an order twice."""
    content = edited(sound("mov", "pcm_s16le", layout="stereo"), b"stsd", disordered)

    outcome = await outcome_of(workers, content, "audio/mp4")

    assert outcome is None or REFUSED.search(outcome)
    assert await workers.run("audio.seconds", wav(), format="audio/wav") == 1


async def test_a_film_whose_pictures_are_in_another_file_is_refused(
    refused: Refusal, film: Film, tmp_path: Path
) -> None:
    content = film("mp4", "libx264", seconds=1)
    other = tmp_path / "other.mp4"
    other.write_bytes(content)

    elsewhere = edited(content, b"dref", lambda _: alias(bytes(other)))

    with av.open(io.BytesIO(elsewhere), options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert len(list(container.decode(video=0))) == 10  # it can be followed
    assert seen(elsewhere, "video/mp4") == 0
    assert REFUSED.search(await refused("video.frames", elsewhere, format="video/mp4"))


@pytest.mark.parametrize("size", [1, 1000])
async def test_a_billion_samples_in_a_table_are_refused(refused: Refusal, film: Film, size: int) -> None:
    content = film("mp4", "libx264", seconds=1)
    table = edited(content, b"stsz", lambda _: struct.pack(">III", 0, size, 10**9))
    table = edited(table, b"stsc", lambda _: struct.pack(">IIIII", 0, 1, 1, 10**9, 1))

    assert REFUSED.search(await refused("video.frames", table, format="video/mp4"))


@pytest.mark.parametrize("name", [b"moov", b"trak", b"stsd", b"stts", b"mdat"])
async def test_a_box_larger_than_the_file_does_no_harm(workers: Workers, film: Film, name: bytes) -> None:
    content = film("mp4", "libx264", seconds=1)
    at = content.find(name) - 4
    huge = content[:at] + b"\xff\xff\xff\xf0" + content[at + 4 :]

    outcome = await outcome_of(workers, huge, "video/mp4")

    assert outcome is None or REFUSED.search(outcome)


async def test_codecs_that_are_not_on_the_list_are_not_tried(refused: Refusal, film: Film, sound: Sound) -> None:
    assert "not valid" in await refused(
        "video.look", film("avi", "huffyuv", pix_fmt="yuv422p"), format="video/x-msvideo"
    )
    assert "not valid" in await refused("audio.look", sound("matroska", "wavpack"), format="audio/webm")


@pytest.mark.parametrize("size", [b"\x08\x40\x00\x00\x00", b"\x01\x7f\xff\xff\xff\xff\xff\xfe"])
async def test_an_element_larger_than_the_file_is_refused(refused: Refusal, film: Film, size: bytes) -> None:
    content = film("matroska", "libx264", seconds=1)
    at = content.index(b"\x1a\x45\xdf\xa3") + 4
    huge = content[:at] + size + content[at + 1 :]

    assert "not valid" in await refused("video.look", huge, format="video/x-matroska")
