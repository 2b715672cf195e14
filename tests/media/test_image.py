"""Pictures are described as they are, and pictures that are out to harm cost a refusal."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from made_media.hostile import pictures
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


@pytest.mark.parametrize("name", pictures.REFUSED)
async def test_a_hostile_picture_is_refused(refused: Refusal, name: str) -> None:
    await refused("image.look", pictures.REFUSED[name](), form="rgb")


async def test_a_bomb_behind_a_small_header_is_not_inflated(workers: Workers, png: Png) -> None:
    told = await workers.run(
        "image.look", png(pixels=bytes(64 * 1024 * 1024)), limits=Limits(memory_bytes=128 * 1024 * 1024)
    )

    assert told["width"] == 4


async def test_scans_without_end_run_out_of_time(refused: Refusal) -> None:
    message = await refused("image.look", pictures.endless(), limits=Limits(seconds=1.0))

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
