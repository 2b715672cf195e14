"""PDF pages are told one by one, and documents that are out to harm cost a refusal."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import pytest
from made_media.documents import paged, saying, stream
from made_media.hostile import documents
from PIL import Image

from geminid.media.workers import Limits, Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal: TypeAlias = Callable[..., Awaitable[str]]


async def pages(workers: Workers, content: bytes, **arguments: Any) -> list[dict[str, Any]]:
    async with aclosing(workers.stream("document.pages", content, **arguments)) as told:
        return [page async for page in told]


async def test_pages_come_in_order_with_their_text(workers: Workers) -> None:
    told = await pages(workers, paged(saying(b"One fish"), saying(b"Two fish"), stream(b"")))

    assert [(page["number"], page["text"]) for page in told] == [(1, "One fish"), (2, "Two fish"), (3, "")]
    assert {(page["pages"], page["width"], page["height"]) for page in told} == {(3, 612, 792)}
    assert told[0]["pixels"] is None


async def test_a_page_is_rendered_to_the_long_side(workers: Workers) -> None:
    content = paged(stream(b"0 0 1 rg 0 0 612 396 re f"))

    (colour,) = await pages(workers, content, long_side=1600, form="rgb")
    (picture,) = await pages(workers, content, long_side=800, form="png")
    (grey,) = await pages(workers, content, long_side=800, form="grey")

    pixels = colour["pixels"]
    assert (pixels["width"], pixels["height"]) == (1237, 1600)
    assert pixels["data"][:3] == b"\xff\xff\xff"
    assert pixels["data"][-3:] == b"\0\0\xff"
    assert Image.open(io.BytesIO(picture["pixels"]["data"])).size == (619, 800)
    assert len(grey["pixels"]["data"]) == 619 * 800


async def test_reading_can_begin_later_and_end_early(workers: Workers) -> None:
    content = paged(*(saying(b"page %d" % number) for number in range(1, 31)))

    async with aclosing(workers.stream("document.pages", content, first=20)) as told:
        assert (await anext(told))["text"] == "page 20"
        assert (await anext(told))["text"] == "page 21"


async def test_the_largest_page_is_no_larger_a_picture(workers: Workers) -> None:
    (page,) = await pages(workers, paged(stream(b""), box=b"0 0 14400 14400"), long_side=1600, form="rgb")

    assert (page["pixels"]["width"], page["pixels"]["height"]) == (1600, 1600)


async def test_a_tiny_page_is_not_blown_up(workers: Workers) -> None:
    (page,) = await pages(workers, paged(stream(b""), box=b"0 0 10 100"), long_side=1600, form="rgb")

    assert (page["pixels"]["width"], page["pixels"]["height"]) == (40, 400)


@pytest.mark.parametrize("name", documents.REFUSED)
async def test_a_hostile_document_is_refused(refused: Refusal, name: str) -> None:
    await refused("document.pages", documents.REFUSED[name](), long_side=1600)


@pytest.mark.parametrize("name", documents.BOUNDED)
async def test_an_odd_document_is_read_or_refused_but_not_fatal(workers: Workers, name: str) -> None:
    told = await pages(workers, documents.BOUNDED[name](), long_side=1600)

    assert len(told) == 1


async def test_work_without_end_runs_out_of_time(refused: Refusal) -> None:
    message = await refused("document.pages", documents.painted(), long_side=1600, limits=Limits(seconds=1.0))

    assert message == "Unable to process input document in time. Provide a simpler file and try again."


async def test_text_without_end_is_cut(workers: Workers) -> None:
    (page,) = await pages(workers, paged(saying(b") Tj (".join([b"a" * 30_000] * 5))))

    assert len(page["text"]) == 100_000


async def test_the_words_say_what_is_wrong(refused: Refusal) -> None:
    two = paged(saying(b"1"), saying(b"2"))

    assert await refused("document.pages", two, most=1) == (
        "The document contains 2 pages which exceeds the supported page limit of 1."
    )
    assert await refused("document.pages", documents.encrypted()) == (
        "Unable to process input document because it is encrypted."
    )
    assert await refused("document.pages", b"%PDF-") == "The document has no pages."
