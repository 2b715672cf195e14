"""A small HTTP/1.1 load generator on a bare protocol: cheap enough not to be what is measured.

Used by the benchmarks of this folder. Each connection sends the same request again and again and reads each
answer to its end; times are seconds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, cast

Request: TypeAlias = bytes | Callable[[], bytes]
"""The same one always, or what makes the next."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Sample:
    """One answer: when its first body byte and its last came, counted from the request, and how long it was.

    ``pieces`` are the reads that brought it, each with the monotonic time, in nanoseconds, when it came.
    """

    first: float
    total: float
    pieces: list[tuple[int, bytes]]
    chunked: bool = False

    @property
    def body(self) -> bytes:
        received = b"".join(piece for _, piece in self.pieces)
        return b"".join(_dechunked(received)) if self.chunked else received


@dataclass(slots=True)
class Load:
    """``requests`` answers over ``connections`` connections, and the wall time they took together."""

    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, share: float, *, of: str = "total") -> float:
        values: list[float] = sorted(getattr(sample, of) for sample in self.samples)
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


async def run(port: int, request: Request, *, requests: int, connections: int) -> Load:
    """Sends ``requests`` in all. Raises RuntimeError on an answer that is not 200, ConnectionError on one that
    breaks off."""
    return await _run(port, request, iter(range(requests)), connections)


async def run_for(port: int, request: Request, *, seconds: float, connections: int) -> Load:
    """Sends for ``seconds``, at least one request on each connection, and waits for the answers. Raises as ``run``
    does."""
    return await _run(port, request, _until(time.perf_counter() + seconds, connections), connections)


def _until(end: float, least: int) -> Iterator[int]:
    number = 0
    while number < least or time.perf_counter() < end:
        yield number
        number += 1


async def _run(port: int, request: Request, left: Iterator[int], connections: int) -> Load:
    load = Load()
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: _Connection(request, left, load.samples), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    started = time.perf_counter()
    for connection in opened:
        connection.ask()
    try:
        await asyncio.gather(*(connection.over for connection in opened))
    finally:
        for connection in opened:
            connection.close()
    load.seconds = time.perf_counter() - started
    return load


class _Connection(asyncio.Protocol):
    """Asks as long as there is something ``left``; ``over`` is done when there is nothing, or fails."""

    def __init__(self, request: Request, left: Iterator[int], samples: list[Sample]) -> None:
        self.over = asyncio.get_running_loop().create_future()
        self._request = request
        self._left = left
        self._samples = samples
        self._transport: asyncio.WriteTransport
        self._started = 0.0
        self._head = b""
        self._lacking = 0
        self._tail = b""
        self._sample: Sample | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the server hung up before its answer was complete"))

    def close(self) -> None:
        self._transport.close()

    def ask(self) -> None:
        if next(self._left, None) is None:
            if not self.over.done():
                self.over.set_result(None)
            return
        self._head, self._sample, self._tail = b"", None, b""
        self._started = time.perf_counter()
        self._transport.write(self._request if isinstance(self._request, bytes) else self._request())

    def data_received(self, data: bytes) -> None:
        if self._sample is None:
            self._head += data
            head, ended, data = self._head.partition(b"\r\n\r\n")
            if not ended:
                return
            self._begin(head)
        if data and self._sample is not None:
            self._take(self._sample, data)

    def _begin(self, head: bytes) -> None:
        if b" 200 " not in head[:20]:
            self._fail(RuntimeError(head.decode(errors="replace")))
            return
        length = _LENGTH.search(head)
        self._lacking = int(length[1]) if length else 0
        self._sample = Sample(0.0, 0.0, [], chunked=_CHUNKED.search(head) is not None)

    def _take(self, sample: Sample, data: bytes) -> None:
        now = time.perf_counter() - self._started
        sample.first = sample.first or now
        sample.pieces.append((time.monotonic_ns(), data))
        if sample.chunked:
            self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
            complete = self._tail == _LAST_CHUNK
        else:
            self._lacking -= len(data)
            complete = self._lacking <= 0
        if complete:
            sample.total = now
            self._samples.append(sample)
            self.ask()

    def _fail(self, error: Exception) -> None:
        if not self.over.done():
            self.over.set_exception(error)


def _dechunked(received: bytes) -> Iterator[bytes]:
    at = 0
    while size := int(received[at : (line := received.index(b"\r\n", at))].split(b";")[0], 16):
        yield received[line + 2 : line + 2 + size]
        at = line + size + 4
