"""Ports that several processes accept on: sockets that all have inherited, and a board of who has how many.

The kernel wakes every process for a new connection. One that has more than another waits a moment before it takes
it, so that few connections are spread as evenly as many. While a process ends or starts, its sockets are the
others' too: no connection is lost. The doors accept here; ``cli/workers.py`` makes sockets and board.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

log = logging.getLogger("geminid.listen")

BACKLOG: Final = 2048

SEATS: Final = 64
"""Processes that accept at the same time, those that are being replaced included."""

_ABSENT: Final = -1
_CELL_BYTES: Final = 4
_GIVE_WAY_SECONDS: Final = 0.002
"""Longer than an idle process takes to accept, and too short to be noticed where no other does."""

_BUSY_SECONDS: Final = 0.005
"""Where others accept, too, only a process in which a connection takes longer to begin takes several together."""

TOGETHER: Final = 32
"""Connections that are accepted in one turn of the loop. One at a time, as libuv does, the last of some hundred
that come together would wait for as many turns, each with more connections to serve."""

_STARVED_SECONDS: Final = 0.5
"""How long nothing is accepted after the system refused to: it lacks descriptors or memory."""

Protocol: TypeAlias = Callable[[], asyncio.BaseProtocol]


class Board:
    """For each of ``ports`` ports, how many connections each seat has: a file, known by its open descriptor."""

    def __init__(self, descriptor: int, ports: int) -> None:
        self._descriptor = descriptor
        self._cells = memoryview(mmap.mmap(descriptor, SEATS * ports * _CELL_BYTES)).cast("i")

    @classmethod
    def new(cls, ports: int) -> Board:
        """One where nobody sits."""
        with tempfile.TemporaryFile() as file:
            file.truncate(SEATS * ports * _CELL_BYTES)
            board = cls(os.dup(file.fileno()), ports)
        for cell in range(len(board._cells)):
            board._cells[cell] = _ABSENT
        return board

    def fileno(self) -> int:
        return self._descriptor

    def share(self, port: int, seat: int) -> Share:
        return Share(self._cells[port * SEATS : (port + 1) * SEATS], seat)

    def sits(self, seat: int) -> bool:
        """Whether the process there accepts on any port."""
        return any(self._cells[cell] != _ABSENT for cell in range(seat, len(self._cells), SEATS))

    def leave(self, seat: int) -> None:
        """Nobody sits there any more, whatever was written."""
        for cell in range(seat, len(self._cells), SEATS):
            self._cells[cell] = _ABSENT


class Share:
    """The row of one port, as the process on ``seat`` sees it."""

    def __init__(self, row: memoryview[int], seat: int) -> None:
        self._row = row
        self._seat = seat

    def tell(self, connections: int) -> None:
        self._row[self._seat] = connections

    def leave(self) -> None:
        """This process accepts no more."""
        self._row[self._seat] = _ABSENT

    @property
    def excess(self) -> int:
        """How many connections this process has more than the one that has fewest."""
        return self._row[self._seat] - min(count for count in self._row if count != _ABSENT)


@dataclass(frozen=True, slots=True)
class SharedPort:
    """The listening sockets of one port, on each address of its host, and the share of this process in it."""

    sockets: Sequence[socket.socket]
    share: Share

    @property
    def port(self) -> int:
        return cast(int, self.sockets[0].getsockname()[1])


def bind(host: str, port: int) -> list[socket.socket]:
    """Listens on each address of ``host``, on the same port. Raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            # All addresses of a name share the port that the system chose for the first.
            where = cast(tuple[str, int], (address[0], port, *address[2:]))
            bound = socket.create_server(where, family=family, backlog=BACKLOG)
            bound.setblocking(False)
            sockets.append(bound)
            port = bound.getsockname()[1]
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return sockets


async def accepted(bound: socket.socket, share: Share | None = None, most: int = 1) -> list[socket.socket]:
    """Connections that wait at a listening socket, at least one; with a ``share``, once it is our turn."""
    while True:
        await _readable(bound)
        if share is not None and share.excess > 0:
            await asyncio.sleep(_GIVE_WAY_SECONDS)
        try:
            first, _ = bound.accept()
        except (BlockingIOError, ConnectionError):  # another process took it, or the client has left
            continue
        except OSError as error:
            log.warning("A connection could not be accepted: %s.", error.strerror)
            await asyncio.sleep(_STARVED_SECONDS)
            continue
        clients = [_prepared(first)]
        with contextlib.suppress(OSError):
            while len(clients) < most:
                clients.append(_prepared(bound.accept()[0]))
        return clients


def _prepared(client: socket.socket) -> socket.socket:
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


async def _readable(bound: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(bound, _fulfil, readable)
    try:
        await readable
    finally:
        loop.remove_reader(bound)


def _fulfil(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


class Accepting:
    """Gives each connection that comes to ``sockets`` to a protocol, from ``start`` to ``stop``.

    ``held`` is how many connections of this port the process has: what a ``share`` is told. No more than ``most``
    are accepted at once.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        protocol: Protocol,
        held: Callable[[], int],
        share: Share | None = None,
        *,
        most: int = TOGETHER,
    ) -> None:
        self._most = most
        self._sockets = sockets
        self._protocol = protocol
        self._held = held
        self._share = share
        self._accepting: list[asyncio.Task[None]] = []
        self._beginning: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.tell()
        self._accepting = [asyncio.create_task(self._accept(bound)) for bound in self._sockets]

    def tell(self) -> None:
        """To be called also when a connection of this port has ended."""
        if self._share is not None:
            self._share.tell(self._held())

    async def stop(self) -> None:
        """Accepts no more, and closes the sockets; other processes have them still."""
        share, self._share = self._share, None
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, *self._beginning, return_exceptions=True)
        if share is not None:
            share.leave()
        for bound in self._sockets:
            bound.close()

    async def _accept(self, bound: socket.socket) -> None:
        loop, alone = asyncio.get_running_loop(), self._share is None
        most = self._most if alone else 1
        while True:
            clients = await accepted(bound, self._share, most)
            began = loop.time()
            beginning = [asyncio.create_task(self._begin(client)) for client in clients]
            self._beginning.update(beginning)
            for task in beginning:
                task.add_done_callback(self._beginning.discard)
            await asyncio.wait(beginning)
            most = self._most if alone or loop.time() - began > _BUSY_SECONDS else 1

    async def _begin(self, client: socket.socket) -> None:
        """A task of its own, since one that ends meanwhile would lose the connection."""
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, client)
        self.tell()
