"""PDF pages are told one by one, and documents that are out to harm cost a refusal."""

from __future__ import annotations

import io
import zlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import pytest
from PIL import Image

from geminid.media.workers import Limits, Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Pdf: TypeAlias = Callable[..., bytes]

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), entries, data)


def deflated(data: bytes, entries: bytes = b"") -> bytes:
    return stream(zlib.compress(data, 9), b"/Filter /FlateDecode " + entries)


def paged(pdf: Pdf, *contents: bytes, box: bytes = b"0 0 612 792") -> bytes:
    """A document with a page for each of ``contents``, which are stream objects."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(contents)))
    objects = [CATALOG, b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(contents)), FONT]
    for index, content in enumerate(contents):
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [%b] /Contents %d 0 R " % (box, 5 + 2 * index)
        objects += [page + b"/Resources << /Font << /F1 3 0 R >> >> >>", content]
    return pdf(*objects)


def saying(text: bytes) -> bytes:
    return stream(b"BT /F1 24 Tf 72 700 Td (%b) Tj ET" % text)


async def pages(workers: Workers, content: bytes, **arguments: Any) -> list[dict[str, Any]]:
    async with aclosing(workers.stream("document.pages", content, **arguments)) as told:
        return [page async for page in told]


async def test_pages_come_in_order_with_their_text(workers: Workers, pdf: Pdf) -> None:
    told = await pages(workers, paged(pdf, saying(b"One fish"), saying(b"Two fish"), stream(b"")))

    assert [(page["number"], page["text"]) for page in told] == [(1, "One fish"), (2, "Two fish"), (3, "")]
    assert {(page["pages"], page["width"], page["height"]) for page in told} == {(3, 612, 792)}
    assert told[0]["pixels"] is None


async def test_a_page_is_rendered_to_the_long_side(workers: Workers, pdf: Pdf) -> None:
    content = paged(pdf, stream(b"0 0 1 rg 0 0 612 396 re f"))

    (colour,) = await pages(workers, content, long_side=1600, form="rgb")
    (picture,) = await pages(workers, content, long_side=800, form="png")
    (grey,) = await pages(workers, content, long_side=800, form="grey")

    pixels = colour["pixels"]
    assert (pixels["width"], pixels["height"]) == (1237, 1600)
    assert pixels["data"][:3] == b"\xff\xff\xff"
    assert pixels["data"][-3:] == b"\0\0\xff"
    assert Image.open(io.BytesIO(picture["pixels"]["data"])).size == (619, 800)
    assert len(grey["pixels"]["data"]) == 619 * 800


async def test_reading_can_begin_later_and_end_early(workers: Workers, pdf: Pdf) -> None:
    content = paged(pdf, *(saying(b"page %d" % number) for number in range(1, 31)))

    async with aclosing(workers.stream("document.pages", content, first=20)) as told:
        assert (await anext(told))["text"] == "page 20"
        assert (await anext(told))["text"] == "page 21"


async def test_the_largest_page_is_no_larger_a_picture(workers: Workers, pdf: Pdf) -> None:
    (page,) = await pages(workers, paged(pdf, stream(b""), box=b"0 0 14400 14400"), long_side=1600, form="rgb")

    assert (page["pixels"]["width"], page["pixels"]["height"]) == (1600, 1600)


async def test_a_tiny_page_is_not_blown_up(workers: Workers, pdf: Pdf) -> None:
    (page,) = await pages(workers, paged(pdf, stream(b""), box=b"0 0 10 100"), long_side=1600, form="rgb")

    assert (page["pixels"]["width"], page["pixels"]["height"]) == (40, 400)


def tree(pdf: Pdf, depth: int) -> bytes:
    """A page below so many levels of page tree."""
    levels = [
        b"<< /Type /Pages /Kids [%d 0 R] /Count 1 %b >>"
        % (level + 3, b"/Parent %d 0 R" % (level + 1) if level else b"")
        for level in range(depth)
    ]
    return pdf(CATALOG, *levels, b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 9 9] >>" % (depth + 1))


def encrypted(pdf: Pdf) -> bytes:
    standard = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O <%b> /U <%b> >> /ID [<00> <00>]"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    tree = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf(CATALOG, tree, page, trailer=standard % (b"ab" * 32, b"cd" * 32))


REFUSED: dict[str, Callable[[Pdf], bytes]] = {
    "empty": lambda pdf: b"",
    "one byte": lambda pdf: b"%",
    "header only": lambda pdf: b"%PDF-1.7\n",
    "garbage": lambda pdf: b"%PDF-1.7\n" + bytes(range(256)) * 64,
    "a picture": lambda pdf: b"\x89PNG\r\n\x1a\n" + bytes(99),
    "a web page": lambda pdf: b"<!doctype html><p>404",
    "without pages": lambda pdf: pdf(CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>"),
    "without catalog": lambda pdf: pdf(b"null"),
    "cyclic page tree": lambda pdf: pdf(CATALOG, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"),
    "cyclic page tree of two": lambda pdf: pdf(
        CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>", b"<< /Type /Pages /Kids [2 0 R] /Count 9 >>"
    ),
    "page tree 5000 levels deep": lambda pdf: tree(pdf, 5000),
    "200000 pages": lambda pdf: pdf(
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R] /Count 200000 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    ),
    "2 billion pages": lambda pdf: pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 2147483647 >>", b"null"),
    "page of 200000 points": lambda pdf: paged(pdf, stream(b""), box=b"0 0 200000 200000"),
    "encrypted": encrypted,
    "cut at its end": lambda pdf: paged(pdf, saying(b"x"))[:-60],
    "form that draws itself until memory ends": lambda pdf: pdf(
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /F 4 0 R >> >> >>",
        stream(b"/F Do /F Do", b"/Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 4 0 R >> >>"),
    ),
}

BOUNDED: dict[str, Callable[[Pdf], bytes]] = {
    "catalog that is its own page tree": lambda pdf: pdf(b"<< /Type /Catalog /Pages 1 0 R >>"),
    "page as long as a float": lambda pdf: paged(pdf, stream(b""), box=b"0 0 9 34" + b"0" * 37),
    "page without area": lambda pdf: paged(pdf, saying(b"x"), box=b"0 0 0 0"),
    "page turned inside out": lambda pdf: paged(pdf, saying(b"x"), box=b"612 792 0 0"),
    "cross-references in a circle": lambda pdf: paged(pdf, saying(b"x")).replace(b"/Root", b"/Prev 9 /Root"),
    "javascript": lambda pdf: paged(pdf, saying(b"x")).replace(
        b"/Pages 2 0 R", b"/Pages 2 0 R /OpenAction << /S /JavaScript /JS (while(1){}) >>"
    ),
    "arrays nested 100000 deep": lambda pdf: paged(pdf, deflated(b"[" * 100_000)),
    "states nested 1000000 deep": lambda pdf: paged(pdf, deflated(b"q " * 1_000_000)),
    "filters in a chain": lambda pdf: paged(pdf, stream(b"x", b"/Filter [" + b"/FlateDecode " * 5000 + b"]")),
    "picture of 10 gigapixels": lambda pdf: pdf(
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /I 5 0 R >> >> >>",
        stream(b"9 0 0 9 0 0 cm /I Do"),
        deflated(
            bytes(1_000_000),
            b"/Subtype /Image /Width 100000 /Height 100000 /BitsPerComponent 8 /ColorSpace /DeviceRGB",
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_hostile_document_is_refused(refused: Refusal, pdf: Pdf, name: str) -> None:
    await refused("document.pages", REFUSED[name](pdf), long_side=1600)


@pytest.mark.parametrize("name", BOUNDED)
async def test_an_odd_document_is_read_or_refused_but_not_fatal(workers: Workers, pdf: Pdf, name: str) -> None:
    told = await pages(workers, BOUNDED[name](pdf), long_side=1600)

    assert len(told) == 1


async def test_work_without_end_runs_out_of_time(refused: Refusal, pdf: Pdf) -> None:
    fill = b"0 0 m 600 0 l 600 790 l 0 790 l f\n" * 1_000_000

    message = await refused(
        "document.pages", paged(pdf, deflated(fill)), long_side=1600, limits=Limits(seconds=1.0)
    )

    assert message == "Unable to process input document in time. Provide a simpler file and try again."


async def test_text_without_end_is_cut(workers: Workers, pdf: Pdf) -> None:
    (page,) = await pages(workers, paged(pdf, saying(b") Tj (".join([b"a" * 30_000] * 5))))

    assert len(page["text"]) == 100_000


async def test_the_words_say_what_is_wrong(refused: Refusal, pdf: Pdf) -> None:
    two = paged(pdf, saying(b"1"), saying(b"2"))

    assert await refused("document.pages", two, most=1) == (
        "The document contains 2 pages which exceeds the supported page limit of 1."
    )
    assert await refused("document.pages", encrypted(pdf)) == (
        "Unable to process input document because it is encrypted."
    )
    assert await refused("document.pages", b"%PDF-") == "The document has no pages."
