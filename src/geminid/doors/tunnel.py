"""Two connections as one: the bytes of a client go to a port of this machine, and its answers come back.

``doors/tls.py`` makes one for each gRPC client, decrypted, and ``doors/grpc.py`` where workers share its port. Of
HTTP/2 it knows where frames end, so that it can tell a client to go elsewhere. It holds no more than the
transports' buffers do: a side that cannot write keeps the other from reading. There are no half-closed tunnels,
since asyncio's TLS has no half-closed state: the end of either connection ends both, after what was already read
is delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, cast

_HEADER_BYTES: Final = 9

GOAWAY: Final = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
"""No new streams, please; those that were begun are answered, whatever their number (RFC 9113 section 6.8)."""


NOTICE_SECONDS: Final = 5.0
"""A client that is there still after that waits for answers, or keeps idle connections whatever it is told."""


class Frames:
    """Where in a stream of bytes its frames begin and end (RFC 9113 section 4.1)."""

    def __init__(self) -> None:
        self.count = 0
        self._head = b""
        self._left = 0

    @property
    def between(self) -> bool:
        """Whether the last frame is complete, and there was one."""
        return self.count > 0 and not self._left and not self._head

    def feed(self, data: bytes) -> int:
        """Follows ``data``; where in it the last complete frame ends, 0 where none does."""
        at = end = 0
        while at < len(data):
            if not self._left:
                lacking = _HEADER_BYTES - len(self._head)
                self._head += data[at : at + lacking]
                at += lacking
                if len(self._head) < _HEADER_BYTES:
                    break
                self._left = int.from_bytes(self._head[:3])
                self._head = b""
            else:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
            if not self._left and at <= len(data):
                self.count += 1
                end = at
        return end


class _End(asyncio.Protocol):
    """One of the two connections: what it reads it writes to ``other``."""

    def __init__(self) -> None:
        self.other: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()


class _Far(_End):
    """The server's end, which can put in a word of its own between two frames."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = Frames()
        self._dismisses = False

    def data_received(self, data: bytes) -> None:
        end = self._frames.feed(data)
        if self._dismisses and end and self.other is not None:
            self._dismisses = False
            self.other.writelines([data[:end], GOAWAY, data[end:]])
        else:
            super().data_received(data)

    def dismiss(self) -> None:
        """The client is told now, or after the next frame: the first of all has to be the server's own."""
        if self._frames.between and self.other is not None:
            self.other.write(GOAWAY)
        else:
            self._dismisses = True


class Tunnel(_End):
    """The client's end, which opens the other one: to a port of 127.0.0.1, or to the path of a Unix socket."""

    def __init__(self, to: int | str) -> None:
        super().__init__()
        self._to = to
        self._far = _Far()
        self._early: list[bytes] = []
        loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = loop.create_future()

    def gone(self) -> asyncio.Future[None]:
        """Done when the client's connection is closed."""
        return self._gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast(asyncio.Transport, transport)
        self._client.pause_reading()
        self._opening = asyncio.create_task(self._open())

    def data_received(self, data: bytes) -> None:
        if self.other is None:  # one whose protocol was there from its beginning cannot be paused before it
            self._early.append(data)
            self._client.pause_reading()
        else:
            self.other.write(data)

    async def _open(self) -> None:
        self._far.other = self._client
        try:
            transport = await self._connect()
        except OSError:
            self._client.close()
            return
        self.other = transport
        transport.writelines(self._early)
        self._early.clear()
        if self._client.is_closing():
            transport.close()
        else:
            self._client.resume_reading()

    async def _connect(self) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        if isinstance(self._to, str):
            return (await loop.create_unix_connection(lambda: self._far, self._to))[0]
        return (await loop.create_connection(lambda: self._far, "127.0.0.1", self._to))[0]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gone.set_result(None)

    def dismiss(self) -> None:
        """Has the client begin no more calls here, and end the connection with its last one."""
        self._far.dismiss()

    def abort(self) -> None:
        self._client.abort()


async def dismiss(tunnels: Iterable[Tunnel], seconds: float) -> None:
    """Returns when their clients have left, or after that time: by then they all know."""
    dismissed = list(tunnels)
    for tunnel in dismissed:
        tunnel.dismiss()
    if dismissed:
        await asyncio.wait([tunnel.gone() for tunnel in dismissed], timeout=min(seconds, NOTICE_SECONDS))
