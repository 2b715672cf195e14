"""Films become pictures of the times that were asked for."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from fractions import Fraction
from typing import Any, TypeAlias

import pytest
from PIL import Image

from geminid.errors import InvalidArgument
from geminid.media.workers import Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Sound: TypeAlias = Callable[..., bytes]
Film: TypeAlias = Callable[..., bytes]
Read: TypeAlias = Callable[[Any], int]

FORMATS = [
    ("video/mp4", "mp4", "libx264"),
    ("video/mp4", "mp4", "libx265"),
    ("video/quicktime", "mov", "mpeg4"),
    ("video/quicktime", "mov", "mjpeg"),
    ("video/mpeg", "mpeg", "mpeg1video"),
    ("video/mpeg", "dvd", "mpeg2video"),
    ("video/mpeg", "mpeg2video", "mpeg2video"),
    ("video/mp2t", "mpegts", "libx264"),
    ("video/x-msvideo", "avi", "mpeg4"),
    ("video/x-flv", "flv", "flv"),
    ("video/x-ms-wmv", "asf", "wmv2"),
    ("video/webm", "webm", "libvpx"),
    ("video/x-matroska", "matroska", "libx264"),
    ("video/3gpp", "3gp", "mpeg4"),
]


async def frames(workers: Workers, content: bytes, *, form: str = "png", **arguments: Any) -> list[dict[str, Any]]:
    async with aclosing(workers.stream("video.frames", content, form=form, **arguments)) as told:
        return [frame async for frame in told]


@pytest.fixture
def seen(workers: Workers, read: Read) -> Callable[..., Awaitable[list[tuple[float, int]]]]:
    """The times of the frames, each with the second that is written on its picture."""

    async def seen(content: bytes, **arguments: Any) -> list[tuple[float, int]]:
        told = await frames(workers, content, **arguments)
        return [(frame["seconds"], read(frame["pixels"])) for frame in told]

    return seen


Seen: TypeAlias = Callable[..., Awaitable[list[tuple[float, int]]]]


@pytest.mark.parametrize(("format", "form", "codec"), FORMATS)
async def test_every_format_is_seen_second_by_second(
    film: Film, seen: Seen, format: str, form: str, codec: str
) -> None:
    content = film(form, codec, seconds=4, rate=25)

    assert await seen(content, format=format) == [(0, 0), (1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(("format", "form", "codec"), FORMATS)
async def test_only_what_is_inside_the_offsets_is_seen(
    film: Film, seen: Seen, format: str, form: str, codec: str
) -> None:
    content = film(form, codec, seconds=9, rate=25)

    assert await seen(content, format=format, start=5.5, end=7.5) == [(5.5, 5), (6.5, 6)]


async def test_a_film_tells_what_it_is(workers: Workers, film: Film) -> None:
    told = await workers.run("video.look", film("mp4", "libx264", sound="aac"), format="video/mp4")

    assert told == {
        "claimed_seconds": pytest.approx(6, abs=0.1),
        "width": 96,
        "height": 64,
        "rate": 10,
        "codec": "h264",
        "sound": True,
    }


@pytest.mark.parametrize(
    ("fps", "times"),
    [(2.0, [0, 0.5, 1, 1.5]), (0.4, [0]), (0.75, [0, 1.333]), (24, [round(n / 24, 3) for n in range(48)])],
)
async def test_fps_says_how_often(film: Film, seen: Seen, fps: float, times: list[float]) -> None:
    told = await seen(film("mp4", "libx264", seconds=2), format="video/mp4", fps=fps)

    assert told == [(time, int(time)) for time in times]


async def test_a_picture_that_stands_still_comes_again(film: Film, seen: Seen) -> None:
    content = film("matroska", "libx264", times=[0, 5, 8])

    told = await seen(content, format="video/x-matroska", fps=0.5)

    assert told == [(0, 0), (2, 0), (4, 0), (6, 5), (8, 8)]


async def test_a_window_inside_a_still_picture_shows_it(film: Film, seen: Seen) -> None:
    content = film("matroska", "libx264", times=[0, 5, 30])

    assert await seen(content, format="video/x-matroska", start=20, end=22) == [(20, 5), (21, 5)]


async def test_a_film_that_begins_late_is_seen_from_its_beginning(film: Film, seen: Seen) -> None:
    content = film("matroska", "libx264", times=[3.5, 4, 5, 6], sound="aac")

    assert await seen(content, format="video/x-matroska", end=5.5) == [(3, 3), (4, 4), (5, 5)]


async def test_times_count_from_the_beginning_of_a_recording(film: Film, seen: Seen) -> None:
    content = film("mpegts", "libx264", times=[1000 + n / 10 for n in range(40)])

    assert [time for time, _ in await seen(content, format="video/mp2t")] == [0, 1, 2, 3]


async def test_recordings_that_were_joined_go_on(film: Film, seen: Seen) -> None:
    joined = film("mpegts", "libx264", seconds=4) + film("mpegts", "libx264", seconds=3)

    assert await seen(joined, format="video/mp2t") == list(enumerate([0, 1, 2, 3, 0, 1, 2]))


@pytest.mark.parametrize("keyframes", [1, 25, 250])
async def test_seeking_finds_what_decoding_all_would_find(film: Film, seen: Seen, keyframes: int) -> None:
    content = film("mp4", "libx264", seconds=40, rate=25, gop_size=keyframes)

    whole = await seen(content, format="video/mp4", fps=0.5)

    assert whole == [(n, n) for n in range(0, 40, 2)]
    assert await seen(content, format="video/mp4", fps=0.5, start=30) == whole[15:]


@pytest.mark.parametrize(("turned", "size"), [(90, (64, 96)), (-90, (64, 96)), (180, (96, 64))])
async def test_a_film_is_turned_as_it_says(
    workers: Workers, film: Film, written: Callable[[str], Image.Image], turned: int, size: tuple[int, int]
) -> None:
    content = film("mp4", "libx264", seconds=1, turned=turned)

    told = await workers.run("video.look", content, format="video/mp4")
    (frame,) = await frames(workers, content, format="video/mp4", form="grey")

    assert (told["width"], told["height"]) == size
    assert (frame["pixels"]["width"], frame["pixels"]["height"]) == size
    upright = written("00").rotate(turned, expand=True).convert("L").tobytes()
    difference = sum(abs(a - b) for a, b in zip(frame["pixels"]["data"], upright, strict=True)) / len(upright)
    assert difference < 20


async def test_pixels_that_are_not_square_are_made_so(workers: Workers, film: Film) -> None:
    content = film("mp4", "libx264", seconds=1, sample_aspect_ratio=Fraction(4, 3))

    (frame,) = await frames(workers, content, format="video/mp4")

    assert (frame["pixels"]["width"], frame["pixels"]["height"]) == (128, 64)


@pytest.mark.parametrize("form", ["jpeg", "png", "rgb", "grey"])
async def test_pictures_are_scaled_and_packed(workers: Workers, film: Film, form: str) -> None:
    (frame,) = await frames(
        workers, film("mp4", "libx264", seconds=1), format="video/mp4", form=form, long_side=48
    )

    pixels = frame["pixels"]
    assert (pixels["width"], pixels["height"], pixels["form"]) == (48, 32, form)
    if form in ("jpeg", "png"):
        assert Image.open(io.BytesIO(pixels["data"])).size == (48, 32)
    else:
        assert len(pixels["data"]) == 48 * 32 * (3 if form == "rgb" else 1)


async def test_too_long_is_refused(workers: Workers, refused: Refusal, film: Film) -> None:
    content = film("mp4", "libx264", seconds=20)

    for job in ("video.look", "video.frames"):
        message = await refused(job, content, format="video/mp4", most_seconds=10)
        assert "too many seconds but the supported limit is 10 seconds" in message


async def test_a_film_that_does_not_say_how_long_it_is_is_refused_when_it_gets_there(
    workers: Workers, film: Film
) -> None:
    content = film("mpeg2video", "mpeg2video", seconds=20, rate=25)

    async with aclosing(workers.stream("video.frames", content, format="video/mpeg", most_seconds=10)) as told:
        assert [(await anext(told))["seconds"] for _ in range(10)] == list(range(10))
        with pytest.raises(InvalidArgument, match="limit is 10 seconds"):
            assert [frame["seconds"] async for frame in told] == []


async def test_of_too_long_a_film_a_part_can_be_had(film: Film, seen: Seen) -> None:
    content = film("mp4", "libx264", seconds=20)

    assert await seen(content, format="video/mp4", start=15, end=17, most_seconds=10) == [(15, 15), (16, 16)]


async def test_frames_are_counted(refused: Refusal, film: Film) -> None:
    content = film("mp4", "libx264", seconds=20)

    assert "limit is 5 frames" in await refused("video.frames", content, format="video/mp4", most_frames=5)


async def test_an_offset_beyond_the_end_is_refused(refused: Refusal, film: Film) -> None:
    message = await refused("video.frames", film("mp4", "libx264"), format="video/mp4", start=20)

    assert "nothing at the start offset of 20 seconds" in message


async def test_sound_alone_is_no_film(refused: Refusal, sound: Sound) -> None:
    for job in ("video.look", "video.frames"):
        assert "Provided video is not valid" in await refused(job, sound("ipod", "aac"), format="video/mp4")


async def test_an_hour_is_never_held(workers: Workers, film: Film, decoding: Callable[[], list[int]]) -> None:
    content = film("matroska", "libx264", seconds=3600, rate=1)

    async with aclosing(workers.stream("video.frames", content, format="video/x-matroska", form="rgb")) as told:
        times = [(await anext(told))["seconds"] for _ in range(100)]
        before = max(decoding())
        times += [frame["seconds"] async for frame in told]
        after = max(decoding())

    assert times == list(range(3600))
    assert after - before < 4 * 1024 * 1024
