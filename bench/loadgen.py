"""A small HTTP/1.1 load generator on raw sockets: cheap enough not to be what is measured.

Used by the benchmarks of this folder. Each connection sends the same request again and again and reads each
answer to its end; times are seconds.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sample:
    """One answer: when its first body byte and its last came, counted from the request, and how long it was."""

    first: float
    total: float
    body: bytes


@dataclass(slots=True)
class Load:
    """``requests`` answers over ``connections`` connections, and the wall time they took together."""

    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, share: float, *, of: str = "total") -> float:
        values = sorted(getattr(sample, of) for sample in self.samples)
        return values[min(len(values) - 1, int(share * len(values)))]

    @property
    def per_second(self) -> float:
        return len(self.samples) / self.seconds


def post(path: str, body: bytes, *headers: str) -> bytes:
    """The bytes of a POST request with a JSON body."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(port: int, request: bytes, *, requests: int, connections: int) -> Load:
    """Sends ``requests`` in all. Raises RuntimeError on an answer that is not 200."""
    load = Load()
    left = iter(range(requests))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(port, request, left, load.samples))
    load.seconds = time.perf_counter() - started
    return load


async def _connection(port: int, request: bytes, left: object, samples: list[Sample]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    for _ in left:  # type: ignore[attr-defined]
        samples.append(await _exchange(reader, writer, request))
    writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Sample:
    started = time.perf_counter()
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head[:20]:
        raise RuntimeError(head.decode())
    if b"content-length:" in head:
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        first = time.perf_counter()
        return Sample(first - started, first - started, body)
    return await _chunked(reader, started)


async def _chunked(reader: asyncio.StreamReader, started: float) -> Sample:
    first = 0.0
    parts = []
    while size := int(await reader.readline(), 16):
        data = await reader.readexactly(size + 2)
        first = first or time.perf_counter() - started
        parts.append(data[:-2])
    await reader.readexactly(2)
    return Sample(first, time.perf_counter() - started, b"".join(parts))
