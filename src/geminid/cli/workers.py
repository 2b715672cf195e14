"""``geminid serve --workers N``: the process that starts the others, replaces those that die, and serves nothing.

It keeps what must outlive a worker: the listening sockets, so that no connection is lost while workers come and
go, and the embedded engines, so that there is one of each. A worker is ``worker.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from geminid.build.embedded import Owner, Sockets
from geminid.build.reload import only_replicas
from geminid.cli.worker import PORTS, Order, Reload, Retire, encode
from geminid.doors.listen import ListenError, advice
from geminid.doors.shared_port import SEATS, Board, bind
from geminid.settings import Settings, SettingsError
from geminid.storage.durable import state_folder

log = logging.getLogger("geminid.workers")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_HEALTHY_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0
"""How much longer than its drain a worker may take to end."""


class WorkersError(Exception):
    """Workers cannot start; the message says why, or that they have said it."""


def checked(settings: Settings) -> Settings:
    """Raises SettingsError for what several processes cannot do together."""
    if sys.platform == "win32":
        raise SettingsError("workers need sockets that processes inherit, which Windows does not have. Use one.")
    if settings.server.workers > SEATS // 2:
        raise SettingsError(f"[server] workers is {settings.server.workers}; there can be {SEATS // 2}.")
    quotas = settings.quotas
    limited = any(
        limit is not None
        for rule in (quotas, *quotas.rules)
        for limit in (rule.requests_per_minute, rule.tokens_per_minute, rule.concurrent_requests)
    )
    if limited and not settings.storage.url.startswith("postgres"):
        raise SettingsError(
            "[quotas] of several workers are counted in PostgreSQL: name one as `url` under [storage], or run one "
            "worker."
        )
    return settings


@dataclass(frozen=True, slots=True)
class _Port:
    """What was asked for, and the sockets that listen there."""

    host: str
    asked: int
    sockets: list[socket.socket]

    @property
    def number(self) -> int:
        return int(self.sockets[0].getsockname()[1])


class Worker:
    """One process. ``listening`` and ``ready`` are set when it says so, ``ended`` when it is over."""

    def __init__(self, name: str, seat: int, process: Process) -> None:
        self.name = name
        self.seat = seat
        self.process = process
        self.began = time.monotonic()
        self.leaving = False
        self.listening = asyncio.Event()
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.hearing = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        assert self.process.stdout is not None
        told = {b"listening\n": self.listening, b"ready\n": self.ready}
        while line := await self.process.stdout.readline():
            if line in told:
                told[line].set()
        await self.process.wait()
        self.ended.set()

    async def becomes(self, event: asyncio.Event) -> bool:
        """Waits for one of the events; False where the process ends before it."""
        waits = [asyncio.create_task(one.wait()) for one in (event, self.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return event.is_set()

    def tell(self, what: Reload | Retire) -> None:
        assert self.process.stdin is not None
        if not self.ended.is_set():
            self.process.stdin.write(encode(what) + b"\n")

    def retire(self) -> None:
        """It ends when all that it has begun has ended."""
        self.leaving = True
        self.tell(Retire())

    def stop(self) -> None:
        """It ends within its drain."""
        self.leaving = True
        if not self.ended.is_set():
            self.process.terminate()


class Workers:
    """As many as the settings say, from ``start`` to ``stop``."""

    def __init__(self, settings: Settings, *, verbose: bool = False) -> None:
        self.settings = checked(settings)
        self._verbose = verbose
        self._folder = tempfile.TemporaryDirectory(prefix="geminid-", ignore_cleanup_errors=True)
        self._owner = Owner(Path(self._folder.name), state_folder() / "prefixes")
        self._board = Board.new(len(PORTS))
        self._seats = set(range(SEATS))
        self._ports: Mapping[str, _Port] = {}
        self._engines: Sockets = {}
        self._workers: list[Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._changing = asyncio.Lock()
        self._stopping = False

    def port(self, name: str) -> int:
        """The number of one of PORTS."""
        return self._ports[name].number

    @property
    def serving(self) -> list[Worker]:
        """Those that are not on their way out."""
        return [worker for worker in self._workers if not worker.leaving]

    async def start(self) -> None:
        """Returns when all listen. Raises ListenError, SettingsError, and WorkersError."""
        self._ports = _bound(self.settings, {})
        self._engines = await self._owner.lend(self.settings)
        count = self.settings.server.workers
        started = [await self._spawn(self.settings, self._ports, self._engines) for _ in range(count)]
        for worker in started:
            await self._require(worker)
            self._follow(worker)

    async def wait_ready(self) -> None:
        """Returns when every engine of every worker can answer."""
        for worker in self.serving:
            await worker.becomes(worker.ready)

    async def reload(self, settings: Settings) -> None:
        """Takes over settings without losing a call: in place where that can be, else with new workers for old.

        Raises SettingsError, ListenError and WorkersError, and then nothing has changed.
        """
        checked(settings)
        async with self._changing:
            if only_replicas(self.settings, settings):
                for worker in self.serving:
                    worker.tell(Reload(settings))
                self.settings = settings
            else:
                await self._replace_all(settings)

    async def stop(self) -> None:
        """Drains all workers, then closes what they have used."""
        self._stopping = True
        for worker in self._workers:
            worker.stop()
        ends = [worker.hearing for worker in self._workers]
        if ends:
            _, stubborn = await asyncio.wait(ends, timeout=self.settings.server.drain_seconds + _STOP_SECONDS)
            for worker in self._workers:
                if worker.hearing in stubborn:
                    log.error("%s does not end and is killed.", worker.name)
                    worker.process.kill()
            await asyncio.gather(*ends)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._owner.aclose()
        _close(self._ports.values())
        self._folder.cleanup()

    # One worker.

    async def _spawn(
        self, settings: Settings, ports: Mapping[str, _Port], engines: Sockets, *, replaces: bool = False
    ) -> Worker:
        name, seat = f"worker {next(self._numbers)}", min(self._seats)
        descriptors = {key: [bound.fileno() for bound in port.sockets] for key, port in ports.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "geminid.cli.worker",
            stdin=PIPE, stdout=PIPE, pass_fds=[self._board.fileno(), *itertools.chain(*descriptors.values())],
        )  # fmt: skip
        order = Order(
            name=name,
            settings=settings,
            ports=descriptors,
            board=self._board.fileno(),
            seat=seat,
            folder=self._folder.name,
            engines=[(engine, str(path)) for engine, path in engines.items()],
            verbose=self._verbose,
            replaces=replaces,
        )
        assert process.stdin is not None
        process.stdin.write(encode(order) + b"\n")
        worker = Worker(name, seat, process)
        self._workers.append(worker)
        self._seats.remove(seat)
        worker.hearing.add_done_callback(lambda _: self._vacate(seat))
        return worker

    def _vacate(self, seat: int) -> None:
        self._board.leave(seat)
        self._seats.add(seat)

    async def _require(self, worker: Worker) -> None:
        """Raises WorkersError where it does not come to listen."""
        if not await worker.becomes(worker.listening):
            self._workers.remove(worker)
            raise WorkersError(f"{worker.name} did not start; it has said why.")

    def _follow(self, worker: Worker) -> None:
        self._begin(self._keep_alive(worker))

    async def _keep_alive(self, worker: Worker) -> None:
        """Puts another in its place when it ends without being told to, and so on."""
        pause = _FIRST_PAUSE
        while True:
            await worker.hearing
            lived = time.monotonic() - worker.began
            pause = _FIRST_PAUSE if lived > _HEALTHY_SECONDS else min(2 * pause, _LONGEST_PAUSE)
            if not worker.leaving and not self._stopping:
                log.error("%s ended with %s; another begins.", worker.name, worker.process.returncode)
                await asyncio.sleep(pause)
            async with self._changing:
                self._workers.remove(worker)
                if worker.leaving or self._stopping:
                    return
                worker = await self._spawn(self.settings, self._ports, self._engines, replaces=True)

    # All of them.

    async def _replace_all(self, settings: Settings) -> None:
        """One new worker, then one old less, and so on. Where the first cannot start, nothing has changed."""
        if len(self._seats) < settings.server.workers:
            raise WorkersError("Too many workers of earlier reloads are still retiring. Try again later.")
        old, before, ports = self.serving, self._ports, _bound(settings, self._ports)
        try:
            engines = await self._owner.lend(settings)
            first = await self._spawn(settings, ports, engines, replaces=True)
            await self._require(first)
        except BaseException:
            _close(_only(ports, before))
            await self._owner.keep(self.settings)
            raise
        self.settings, self._ports, self._engines = settings, ports, engines
        self._follow(first)
        for number in range(max(settings.server.workers, len(old))):
            if 0 < number < settings.server.workers:
                worker = await self._spawn(settings, ports, engines, replaces=True)
                await worker.becomes(worker.listening)
                self._follow(worker)
            for leaving in old[number : number + 1]:
                leaving.retire()
        _close(_only(before, ports))
        self._begin(self._tidy([worker for worker in self._workers if worker.leaving]))

    async def _tidy(self, leaving: Iterable[Worker]) -> None:
        """Closes engines that were theirs alone."""
        for worker in leaving:
            await worker.hearing
        async with self._changing:
            await self._owner.keep(self.settings)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _bound(settings: Settings, have: Mapping[str, _Port]) -> dict[str, _Port]:
    """The ports of these settings: those there are, where they are the same. Raises ListenError."""
    server = settings.server
    ports: dict[str, _Port] = {}
    for name, asked in zip(PORTS, (server.port, server.grpc_port, server.tls_port), strict=True):
        port = have.get(name)
        if port is None or (port.host, port.asked) != (server.host, asked):
            try:
                port = _Port(server.host, asked, bind(server.host, asked))
            except OSError as error:
                _close(_only(ports, have))
                raise ListenError(advice(error, server.host, asked)) from error
        ports[name] = port
    return ports


def _only(ports: Mapping[str, _Port], others: Mapping[str, _Port]) -> list[_Port]:
    """Those that the others are not."""
    return [port for name, port in ports.items() if port is not others.get(name)]


def _close(ports: Iterable[_Port]) -> None:
    for port in ports:
        for bound in port.sockets:
            bound.close()
