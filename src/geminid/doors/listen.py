"""Opens the HTTP port, serves an ASGI app on it inside the running event loop, and drains it at the end.

It uses uvicorn's configuration and protocol and not its server, which owns the signals, the loop and the moment of
exit; here those belong to the caller.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import logging
import socket
import sys
from dataclasses import dataclass
from typing import Final, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from geminid.doors.http1 import Http1Protocol, protocol
from geminid.doors.limits import Limits
from geminid.doors.shared_port import TOGETHER, Accepting, SharedPort, bind

log = logging.getLogger("geminid.listen")

ARRIVAL_SECONDS: Final = 0.1
"""At a drain, how long a request that is on its way is waited for before its kept-alive connection is closed."""

CUT_SECONDS: Final = 0.4
"""How long after the drain a cancelled app may take to end, and then how long a client to take its last bytes."""


class ListenError(Exception):
    """The port cannot be opened; the message says what the operator can do."""


@dataclass(frozen=True, slots=True)
class Drain:
    """How a server that accepts no more ends: for how many ``seconds`` answers may go on before they are cut.

    An idle connection is kept for ``idle`` seconds, for a request that is on its way: its answer will say that it
    is the last.
    """

    seconds: float
    idle: float = ARRIVAL_SECONDS


class Listener:
    """One address that serves ``app`` over HTTP/1.1: a port of its own, or one that is ``shared``."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        limits: Limits | None = None,
        drain_seconds: float = 30.0,
        shared: SharedPort | None = None,
    ) -> None:
        limits = _within_descriptors(limits or Limits())
        self._config = _uvicorn_config(app, limits)
        self._together = max(1, min(TOGETHER, limits.connections // 4))
        self._host = host
        self._port = port
        self._drain = Drain(drain_seconds)
        self._state = ServerState()
        self._shared = shared
        self._accepting: Accepting | None = None
        if shared:
            self._port = shared.port
        self._stopping = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port that was asked for, or the one the system chose for port 0."""
        return self._port

    @property
    def connections(self) -> int:
        """How many clients are connected, idle ones included."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Binds and serves. Raises ``ListenError`` when the address cannot be had."""
        if self._shared is not None:
            sockets, share, connect = self._shared.sockets, self._shared.share, self._connect
        else:
            try:
                sockets, share, connect = bind(self._host, self._port), None, self.connect
            except OSError as error:
                raise ListenError(advice(error, self._host, self._port)) from error
            self._port = sockets[0].getsockname()[1]
        self._accepting = Accepting(sockets, connect, lambda: self.connections, share, most=self._together)
        self._accepting.start()

    def connect(self) -> Http1Protocol:
        """The protocol of one more connection; the TLS port has its own accept loop and asks for it here."""
        kind = cast(type[Http1Protocol], self._config.http_protocol_class)
        return kind(self._config, self._state, app_state={})

    def _connect(self) -> Http1Protocol:
        """One of the shared port, which counts them."""
        assert self._accepting is not None
        connection, accepting = self.connect(), self._accepting
        connection.gone().add_done_callback(lambda _: accepting.tell())
        return connection

    async def stop(self, drain: Drain | None = None) -> None:
        """Stops accepting, lets running responses finish, and cuts what is left after ``drain_seconds``.

        Returns at most one second after that. Stopping twice is the same as stopping once.
        """
        drain = drain or self._drain
        async with self._stopping:
            await self._close()
            try:
                async with asyncio.timeout(drain.seconds):
                    await self._end(drain.idle)
            except TimeoutError:
                await self._cut()
            await self._disconnect()

    async def _close(self) -> None:
        if self._accepting is not None:
            await self._accepting.stop()

    async def _end(self, idle: float) -> None:
        while True:
            connections = self._protocols()
            for connection in connections:
                connection.drain()
            if connections:
                await asyncio.wait([connection.gone() for connection in connections], timeout=idle)
            if not self._state.tasks:
                return
            await asyncio.wait(self._state.tasks)

    async def _cut(self) -> None:
        """The connections are still open, so that an app can end its response with an error."""
        tasks = set(self._state.tasks)
        if not tasks:
            return
        log.warning("%d responses were still running at the end of the drain and are cut.", len(tasks))
        for task in tasks:
            task.cancel()
        _, stubborn = await asyncio.wait(tasks, timeout=CUT_SECONDS)
        if stubborn:
            log.error("%d requests ignore their cancellation.", len(stubborn))

    async def _disconnect(self) -> None:
        connections = self._protocols()
        if not connections:
            return
        for connection in connections:
            connection.transport.close()
        await asyncio.wait([connection.gone() for connection in connections], timeout=CUT_SECONDS)
        for connection in self._protocols():
            connection.transport.abort()
            await connection.gone()

    def _protocols(self) -> list[Http1Protocol]:
        return cast(list[Http1Protocol], list(self._state.connections))


def _uvicorn_config(app: ASGIApp, limits: Limits) -> Config:
    """Plain ASGI 3 and nothing of uvicorn's own: no logging set-up, no server or date header, no lifespan."""
    config = Config(
        app,
        http=protocol(limits),
        ws="none",
        lifespan="off",
        interface="asgi3",
        workers=1,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    return config


def _within_descriptors(limits: Limits) -> Limits:
    """Leaves half of the process's file descriptors to engines, stores and files.

    uvloop survives running out of them by dropping what it accepts, but everything else that opens a file fails.
    """
    if sys.platform == "win32":
        return limits
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return limits
    return dataclasses.replace(limits, connections=min(limits.connections, soft // 2))


def advice(error: OSError, host: str, port: int) -> str:
    """What the operator can do about a port that cannot be had."""
    if isinstance(error, socket.gaierror):
        return f"The host {host!r} is unknown. Choose an address of this machine with --host."
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use by another program. Stop it, or choose another with --port."
        case errno.EACCES:
            return f"Port {port} of {host} needs privileges. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine. Choose another with --host."
        case _:
            return f"Cannot listen on port {port} of {host}: {error.strerror or error}."
