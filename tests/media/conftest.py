"""A pool of workers, the oracle for files that are out to harm, and the smallest PNG and PDF, to be made wrong."""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from geminid.errors import InvalidArgument
from geminid.media.workers import Workers

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Png: TypeAlias = Callable[..., bytes]
Pdf: TypeAlias = Callable[..., bytes]

_BETRAYAL = re.compile(r"/|0x[0-9a-f]{4}|Traceback|Error|\.py|<_io")
"""What no message may hold, links apart."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(size=2)
    yield pool
    await pool.aclose()


@pytest.fixture
def refused(workers: Workers, png: Png) -> Refusal:
    """Has a job refused: within ten seconds, in words that betray nothing, the pool as good as before."""

    async def refused(job: str, content: bytes, **arguments: Any) -> str:
        with pytest.raises(InvalidArgument) as refusal:
            await asyncio.wait_for(workers.run(job, content, **arguments), 10)
        message = refusal.value.message
        assert not _BETRAYAL.search(re.sub(r"https://\S+", "", message)), message
        async with asyncio.timeout(10):
            assert (await workers.run("image.look", png()))["width"] == 4
        assert len(workers.pids) <= workers.size
        return message

    return refused


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture(scope="session")
def png() -> Png:
    """``between`` are chunks before the pixels, as pairs of kind and data; ``pixels`` are the inflated rows."""

    def png(
        width: int = 4,
        height: int = 4,
        *,
        depth: int = 8,
        colour: int = 2,
        between: tuple[tuple[bytes, bytes], ...] = (),
        pixels: bytes | None = None,
    ) -> bytes:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
        rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height)) if pixels is None else pixels
        extras = b"".join(chunk(*each) for each in between)
        return b"".join(
            [b"\x89PNG\r\n\x1a\n", header, extras, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
        )

    return png


@pytest.fixture(scope="session")
def pdf() -> Pdf:
    """Objects 1, 2, … as they are given, the first the catalog; with their cross-reference table."""

    def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
        out = bytearray(b"%PDF-1.7\n")
        offsets = []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<< /Size %d /Root 1 0 R %b >>\n" % (len(objects) + 1, trailer)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)

    return pdf
