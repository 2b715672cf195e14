"""One of several server processes, ``python -m geminid.cli.worker``: ``workers.py`` starts it and tells it what.

It gets an ``Order`` as the first line of standard input, and answers ``listening`` and ``ready`` on standard
output. Later lines are a ``Reload`` or a ``Retire``. Where its input ends its parent is gone, and it stops as by
SIGTERM. What the parent sees of it is in ``one_worker.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final, TextIO, TypeAlias

import msgspec
import uvloop

from geminid.app import App
from geminid.build.place import Place
from geminid.cli.garbage import settle
from geminid.doors.authority import CertificateError
from geminid.doors.listen import Drain, ListenError
from geminid.doors.shared_port import Board, SharedPort
from geminid.settings import EngineSettings, Settings, SettingsError
from geminid.storage.base import StorageError

log = logging.getLogger("geminid.worker")

PORTS: Final = ("http", "grpc", "tls")

READY_SECONDS: Final = 60.0
"""How long one that takes the place of another waits for its engines before it listens all the same."""

RETIRE_SECONDS: Final = 900.0
"""How long answers may go on in a process that was replaced: longer than any is expected to take."""

LINE_BYTES: Final = 1 << 24


class Order(msgspec.Struct, frozen=True, tag=True):
    """What a worker is: its settings, the file descriptors of its ports and of the board, its seat there.

    ``engines`` are embedded ones with the paths where they are lent. ``replaces``: others listen meanwhile, and it
    is to listen when it is ready.
    """

    name: str
    settings: Settings
    ports: dict[str, list[int]]
    board: int
    seat: int
    folder: str
    engines: list[tuple[EngineSettings, str]]
    verbose: bool = False
    replaces: bool = False


class Reload(msgspec.Struct, frozen=True, tag=True):
    """Settings that differ in the replicas of pools alone."""

    settings: Settings


class Retire(msgspec.Struct, frozen=True, tag=True):
    """Accept no more, and end when all that was begun has ended."""


Said: TypeAlias = Order | Reload | Retire

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Said).decode


def main() -> int:
    """The exit code: 2 where it could not start, after it has said why."""
    for ignored in (signal.SIGINT, signal.SIGHUP):  # the terminal's, which every process of it gets
        signal.signal(ignored, signal.SIG_IGN)
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    answers = _answers()
    # Without a buffer, which would keep from _hear what it was told while it started.
    order = _decode(io.FileIO(sys.stdin.fileno(), closefd=False).readline())
    assert isinstance(order, Order)
    logs(order.verbose, f"[{order.name}] ")
    try:
        uvloop.run(_Worker(order, answers).run())
    except (SettingsError, ListenError, CertificateError, StorageError) as error:
        sys.stderr.write(f"geminid: [{order.name}] {error}\n")
        return 2
    return 0


def _answers() -> TextIO:
    """Standard output for this file alone. What libraries print is log, and children do not inherit it."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def logs(verbose: bool, prefix: str = "") -> None:
    """Sets logging up, for this process alone."""
    form = f"%(levelname)s {prefix}%(name)s: %(message)s"
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, format=form)
    if not verbose:
        logging.getLogger("geminid.media").setLevel(logging.INFO)  # how far recordings of hours are


def take_descriptors() -> None:
    """As many open files as this process may have: a stream takes two. The usual 1,024 are for programs that use
    ``select``, https://man7.org/linux/man-pages/man2/select.2.html.
    """
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says that there is no limit, and then refuses it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Worker:
    def __init__(self, order: Order, answers: TextIO) -> None:
        self._order = order
        self._answers = answers
        self._app = App(order.settings, place=_place(order))
        self._stop: asyncio.Future[Drain | None]
        self._retiring: asyncio.Task[None] | None = None
        self._hurried = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, self._end, None)
        listening, hearing = asyncio.create_task(self._listen()), asyncio.create_task(self._hear())
        listening.add_done_callback(self._listened)
        try:
            drain = await self._stop
            listening.cancel()
            if drain is not None and not self._hurried:
                self._retiring = asyncio.create_task(self._app.drain(drain))
                await asyncio.wait([self._retiring])
        finally:
            for task in (listening, hearing):
                task.cancel()
            await asyncio.gather(listening, hearing, return_exceptions=True)
            await self._app.stop()

    def _listened(self, task: asyncio.Task[None]) -> None:
        if not self._stop.done() and not task.cancelled() and (error := task.exception()) is not None:
            self._stop.set_exception(error)

    async def _listen(self) -> None:
        app = self._app
        if self._order.replaces:
            await app.start_engines()
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await app.wait_ready()
            except TimeoutError:
                log.warning("The engines are not ready; it listens all the same.")
        await app.start()
        self._say("listening")
        settle()
        await app.wait_ready()
        self._say("ready")

    def _say(self, word: str) -> None:
        self._answers.write(f"{word}\n")
        self._answers.flush()

    async def _hear(self) -> None:
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        try:
            while line := await reader.readline():
                match _decode(line):
                    case Reload(settings):
                        await self._reload(settings)
                    case Retire():
                        self._end(Drain(RETIRE_SECONDS, idle=self._order.settings.server.keep_alive_seconds))
        finally:  # one that could not be told any more what to do would go on for ever
            self._end(None)

    async def _reload(self, settings: Settings) -> None:
        try:
            await self._app.reload(settings)
        except SettingsError as error:
            log.error("The replicas stay as they are: %s", error)

    def _end(self, drain: Drain | None) -> None:
        if not self._stop.done():
            self._stop.set_result(drain)
        elif drain is None:
            self._hurried = True
            if self._retiring is not None:
                self._retiring.cancel()


def _place(order: Order) -> Place:
    board = Board(order.board, len(PORTS))
    http, grpc, tls = (_shared(order, board, number) for number in range(len(PORTS)))
    socket_path = str(Path(order.folder, f"grpc-{os.getpid()}"))
    return Place(http, grpc, tls, socket_path, {engine: Path(path) for engine, path in order.engines})


def _shared(order: Order, board: Board, number: int) -> SharedPort:
    sockets = [socket.socket(fileno=descriptor) for descriptor in order.ports[PORTS[number]]]
    for bound in sockets:
        bound.setblocking(False)
    return SharedPort(sockets, board.share(number, order.seat))


if __name__ == "__main__":
    sys.exit(main())
