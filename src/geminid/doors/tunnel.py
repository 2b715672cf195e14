"""Two connections as one: the decrypted bytes of a client go to a port of this machine, and its answers come back.

``doors/tls.py`` makes one for each gRPC client. It reads no HTTP/2, and holds no more than the transports'
buffers do: a side that cannot write keeps the other from reading. There are no half-closed tunnels, since
asyncio's TLS has no half-closed state: the end of either connection ends both, after what was already read is
delivered.
"""

from __future__ import annotations

import asyncio
from typing import cast


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


class Tunnel(_End):
    """The client's end, which opens the other one: a connection to ``port`` of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast(asyncio.Transport, transport)
        self._client.pause_reading()
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        far = _End()
        far.other = self._client
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: far, "127.0.0.1", self._port)
        except OSError:
            self._client.close()
            return
        self.other = transport
        if self._client.is_closing():
            transport.close()
        else:
            self._client.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.closed.set_result(None)

    def abort(self) -> None:
        self._client.abort()
