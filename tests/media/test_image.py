"""Pictures are described as they are, and pictures that are out to harm cost a refusal."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from PIL import Image

from geminid.media import image
from geminid.media.workers import Limits, Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Png: TypeAlias = Callable[..., bytes]


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def halves(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red to the left, blue to the right."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    return picture.convert(mode)


async def look(content: bytes, **arguments: Any) -> image.Look:
    return image.look(io.BytesIO(content), **arguments)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
async def test_every_format_tells_its_size_and_colours(workers: Workers, form: str) -> None:
    told = await workers.run("image.look", saved(halves(), form))

    assert (told["width"], told["height"], told["format"]) == (60, 40, form)
    assert set(told["colours"]) == {"red", "blue"}
    assert told["frames"] == 1
    assert 0.1 < told["brightness"] < 0.3


async def test_heic_where_its_library_is_installed(workers: Workers) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(halves(size=(64, 64))).save(buffer)

    told = await workers.run("image.look", buffer.getvalue(), form="rgb")

    assert (told["width"], told["height"], told["format"]) == (64, 64, "HEIF")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16"])
async def test_every_mode_becomes_rgb(workers: Workers, mode: str) -> None:
    picture = Image.new("L", (50, 40), 200).convert("RGB").convert(mode if mode not in ("I", "F", "I;16") else "L")
    told = await workers.run("image.look", saved(picture.convert(mode), "TIFF"), form="rgb")

    assert len(told["pixels"]["data"]) == 50 * 40 * 3


async def test_sixteen_bits_are_brought_down_and_not_clipped(workers: Workers) -> None:
    told = await workers.run("image.look", saved(Image.new("I;16", (40, 40), 32768), "PNG"))

    assert told["brightness"] == pytest.approx(0.5, abs=0.01)


async def test_what_shines_through_is_white(workers: Workers) -> None:
    told = await workers.run("image.look", saved(Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG"), form="rgb")

    assert told["colours"] == ["white"]
    assert set(told["pixels"]["data"]) == {255}


async def test_pixels_are_scaled_to_the_long_side_and_not_enlarged(workers: Workers) -> None:
    large = await workers.run("image.look", saved(halves(size=(3000, 2000)), "JPEG"), long_side=768, form="jpeg")
    small = await workers.run("image.look", saved(halves(), "PNG"), long_side=768, form="png")

    assert Image.open(io.BytesIO(large["pixels"]["data"])).size == (768, 512)
    assert (large["width"], large["height"]) == (3000, 2000)
    assert Image.open(io.BytesIO(small["pixels"]["data"])).size == (60, 40)


async def test_a_picture_is_turned_as_its_exif_says_and_dated() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    exif.get_ifd(0x8769)[0x9003] = "2026:05:01 14:03:00"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 0.0)

    told = await look(saved(halves(size=(600, 400)), "JPEG", exif=exif), form="rgb")

    assert (told.width, told.height, told.taken) == (400, 600, "2026-05-01T14:03:00")
    assert told.pixels is not None
    assert told.pixels.data[0] > 200  # red is above now
    assert "48" not in repr(told.taken)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
async def test_an_orientation_that_is_none_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    told = await look(saved(halves(), "JPEG", exif=exif))

    assert (told.width, told.height) == (60, 40)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (30_000, 1)])
async def test_a_degenerate_picture_is_padded(workers: Workers, size: tuple[int, int]) -> None:
    told = await workers.run("image.look", saved(Image.new("RGB", size), "PNG"), long_side=1024, form="rgb")

    assert (told["width"], told["height"]) == size
    assert min(told["pixels"]["width"], told["pixels"]["height"]) == 32
    assert len(told["pixels"]["data"]) == told["pixels"]["width"] * told["pixels"]["height"] * 3


@pytest.mark.parametrize(("form", "frames"), [("PNG", 3), ("WEBP", 3), ("GIF", None)])
async def test_of_an_animation_the_first_picture_counts(workers: Workers, form: str, frames: int | None) -> None:
    first, *others = (Image.new("RGB", (40, 40), name) for name in ("red", "green", "blue"))
    content = saved(first, form, save_all=True, append_images=others, duration=100)

    told = await workers.run("image.look", content)

    assert told["colours"] == ["red"]
    assert told["frames"] == frames


async def test_forty_megapixels_pass(workers: Workers) -> None:
    told = await workers.run("image.look", saved(Image.new("RGB", (8000, 5000)), "PNG"), long_side=512, form="rgb")

    assert told["width"] * told["height"] == image.MOST_PIXELS


def jpeg(width: int, height: int) -> bytes:
    """A photograph whose header claims another size."""
    content = bytearray(saved(halves(), "JPEG"))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def gif(width: int, height: int, *, body: bytes = b"\x3b") -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + body


def bmp(width: int, height: int, *, bits: int = 24, compression: int = 0) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def tiff(*tags: tuple[int, int], more: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", more)


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMB = zlib.compress(bytes(32 * 1024 * 1024), 9)

HOSTILE: dict[str, Callable[[Png], bytes]] = {
    "empty": lambda png: b"",
    "one byte": lambda png: b"\x89",
    "png of 169 megapixels": lambda png: png(13_000, 13_000, pixels=b""),
    "png of 4 gigapixels": lambda png: png(65_000, 65_000, pixels=b""),
    "png with the largest sides": lambda png: png(2**31 - 1, 2**31 - 1, pixels=b""),
    "png with a long side": lambda png: png(30_001, 1, pixels=b""),
    "png without width": lambda png: png(0, 10, pixels=b""),
    "png without size": lambda png: png(0, 0, pixels=b""),
    "png of an unknown depth": lambda png: png(depth=7),
    "png signature only": lambda png: png()[:8],
    "png cut in its header": lambda png: png()[:20],
    "png cut behind its header": lambda png: png()[:33],
    "png cut in its pixels": lambda png: png(400, 400)[:-40],
    "png with too few rows": lambda png: png(400, 400, pixels=b"\0" * 90),
    "png with a wrong checksum": lambda png: png()[:29] + b"1234" + png()[33:],
    "png of 40 megapixels without pixels": lambda png: png(8000, 5000, pixels=b""),
    "png with a bomb as text": lambda png: png(between=((b"zTXt", b"Comment\0\0" + BOMB),)),
    "png with a bomb as international text": lambda png: png(between=((b"iTXt", b"a\0\1\0\0\0" + BOMB),)),
    "png that is an svg": lambda png: (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    ),
    "png that is postscript": lambda png: (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n"
    ),
    "png that is jpeg 2000": lambda png: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
    "png that is a photoshop file": lambda png: b"8BPS\0\x01" + bytes(64),
    "png that is a pdf": lambda png: b"%PDF-1.7\n",
    "png that is a zip": lambda png: b"PK\x03\x04" + bytes(64),
    "jpeg start only": lambda png: b"\xff\xd8\xff\xe0",
    "jpeg cut in half": lambda png: saved(halves(size=(400, 400)), "JPEG")[:1500],
    "jpeg of 4 gigapixels": lambda png: jpeg(65_500, 65_500),
    "jpeg without height": lambda png: jpeg(60, 0),
    "jpeg of zeros": lambda png: b"\xff\xd8\xff" + bytes(4096),
    "gif of 4 gigapixels": lambda png: gif(65_535, 65_535),
    "gif without a picture": lambda png: gif(10, 10),
    "gif with a frame beyond its screen": lambda png: gif(
        10, 10, body=b"," + struct.pack("<HHHHB", 60_000, 60_000, 65_535, 65_535, 0) + b"\x08\x01\x00\0;"
    ),
    "gif with a code size of 255": lambda png: gif(
        10, 10, body=b"," + struct.pack("<HHHHB", 0, 0, 10, 10, 0) + b"\xff\x01\x00\0;"
    ),
    "bmp of 4 exapixels": lambda png: bmp(2**31 - 1, 2**31 - 1),
    "bmp without pixels": lambda png: bmp(1000, 1000),
    "bmp of 255 bits": lambda png: bmp(10, 10, bits=255),
    "bmp of runs without pixels": lambda png: bmp(5000, 5000, bits=8, compression=1) + bytes(1025),
    "tiff without tags": lambda png: tiff(),
    "tiff of 4 gigapixels": lambda png: tiff((256, 65_000), (257, 65_000), (258, 8), (262, 1), (273, 8), (279, 8)),
    "tiff with strips beyond its end": lambda png: tiff(
        (256, 500), (257, 500), (258, 8), (262, 1), (273, 2**31), (278, 500), (279, 2**31)
    ),
    "tiff whose directory is itself": lambda png: tiff((256, 10), (257, 10), more=8),
    "tiff whose directory is beyond its end": lambda png: b"II*\0\xff\xff\xff\x7f",
    "webp of nothing": lambda png: webp(b"VP8 ", b""),
    "webp of 268 megapixels": lambda png: webp(b"VP8X", b"\0\0\0\0" + b"\xff\x3f\0" * 2),
    "webp cut in half": lambda png: saved(Image.effect_noise((99, 99), 90), "WEBP")[:900],
    "heic of nothing": lambda png: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_picture_is_refused(refused: Refusal, png: Png, name: str) -> None:
    await refused("image.look", HOSTILE[name](png), form="rgb")


async def test_a_bomb_behind_a_small_header_is_not_inflated(workers: Workers, png: Png) -> None:
    told = await workers.run(
        "image.look", png(pixels=bytes(64 * 1024 * 1024)), limits=Limits(memory_bytes=128 * 1024 * 1024)
    )

    assert told["width"] == 4


async def test_scans_without_end_run_out_of_time(refused: Refusal) -> None:
    content = saved(Image.new("RGB", (5000, 5000), "red"), "JPEG", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]

    message = await refused("image.look", content[:-2] + scan * 20_000 + content[-2:], limits=Limits(seconds=1.0))

    assert message == "Unable to process input image in time. Provide a simpler file and try again."


async def test_a_picture_that_needs_more_memory_than_allowed_is_refused(refused: Refusal, png: Png) -> None:
    content = saved(Image.new("RGBA", (6000, 6000)), "PNG")

    message = await refused("image.look", content, limits=Limits(memory_bytes=160 * 1024 * 1024))

    assert message.startswith("Unable to process input image.")


async def test_the_words_are_google_s(refused: Refusal, png: Png) -> None:
    assert await refused("image.look", b"no picture") == "Provided image is not valid."
    assert await refused("image.look", png(13_000, 13_000, pixels=b"")) == (
        "Unable to submit request because the image has too many pixels but the supported limit is 40 megapixels. "
        "Update the image and try again. Learn more: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
    )
