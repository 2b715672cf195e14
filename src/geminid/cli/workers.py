"""``geminid serve --workers N``: the process that starts the others, replaces those that die, and serves nothing.

It keeps what must outlive a worker: the listening sockets, so that no connection is lost while workers come and
go, and the embedded engines, so that there is one of each. How a worker is kept is in ``posts.py``, what one does
in ``worker.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

from geminid.build.embedded import Owner, Sockets
from geminid.build.reload import only_replicas
from geminid.cli import ports
from geminid.cli.one_worker import START_SECONDS, Worker, WorkersError
from geminid.cli.posts import Post, Seats
from geminid.cli.worker import PORTS, Order, Reload
from geminid.doors.shared_port import SEATS
from geminid.settings import Settings, SettingsError
from geminid.storage.durable import state_folder

__all__ = ["Workers", "WorkersError"]

log = logging.getLogger("geminid.workers")

_STOP_SECONDS = 10.0
"""How much longer than its drain a worker may take to end."""


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
class _Setup:
    """What workers are started with."""

    settings: Settings
    ports: ports.Ports
    engines: Sockets


class Workers:
    """As many as the settings say, from ``start`` to ``stop``.

    A new one has ``start_seconds`` to come to listen. ``alive`` are all whose processes there are, also those that
    retire.
    """

    def __init__(self, settings: Settings, *, verbose: bool = False) -> None:
        self._setup = _Setup(checked(settings), {}, {})
        self._verbose = verbose
        self.start_seconds = START_SECONDS
        self._folder = tempfile.TemporaryDirectory(prefix="geminid-", ignore_cleanup_errors=True)
        self._owner = Owner(Path(self._folder.name), state_folder() / "prefixes")
        self._seats = Seats(len(PORTS))
        self._posts: list[Post] = []
        self.alive: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._changing = asyncio.Lock()
        self._refilling = asyncio.Lock()
        """Held while ``_posts`` and ``_setup`` change, so that none is refilled with what is over."""

    @property
    def settings(self) -> Settings:
        """Those that hold now."""
        return self._setup.settings

    @property
    def serving(self) -> list[Worker]:
        """The worker of each post, also one that has just died."""
        return [post.worker for post in self._posts]

    def port(self, name: str) -> int:
        """The number of one of PORTS."""
        return self._setup.ports[name].number

    async def start(self) -> None:
        """Returns when all listen. Raises ListenError, SettingsError, WorkersError and OSError."""
        settings = self.settings
        self._setup = replace(self._setup, ports=ports.opened(settings.server, {}))
        self._setup = replace(self._setup, engines=await self._owner.lend(settings))
        started = [await self._spawn(self._setup) for _ in range(settings.server.workers)]
        for worker in started:
            await worker.listens()
        self._posts = [self._post(worker) for worker in started]

    async def wait_ready(self) -> None:
        """Returns when every engine of every worker can answer."""
        for worker in self.serving:
            await worker.becomes(worker.ready)

    async def reload(self, settings: Settings) -> None:
        """Takes over settings without losing a call: in place where that can be, else with new workers for old.

        Raises SettingsError, ListenError, WorkersError and OSError, and then nothing has changed.
        """
        checked(settings)
        async with self._changing:
            if only_replicas(self.settings, settings):
                await self._tell_all(settings)
            else:
                await self._replace_all(settings)

    async def stop(self) -> None:
        """Drains all workers, then closes what they have used."""
        async with self._changing, self._refilling:
            for post in self._posts:
                post.give_up()
            for worker in self.alive:
                worker.stop()
            await self._end_all(self.settings.server.drain_seconds + _STOP_SECONDS)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._owner.aclose()
            ports.close(self._setup.ports.values())
            self._folder.cleanup()

    async def _end_all(self, seconds: float) -> None:
        ends = {worker.ended: worker for worker in self.alive}
        if not ends:
            return
        _, stubborn = await asyncio.wait(ends, timeout=seconds)
        for end in stubborn:
            log.error("%s does not end and is killed.", ends[end].name)
            ends[end].kill()
        await asyncio.wait(ends)

    # One worker.

    async def _spawn(self, setup: _Setup, *, replaces: bool = False) -> Worker:
        seat = self._seats.take()
        descriptors = {name: port.descriptors for name, port in setup.ports.items()}
        board = self._seats.board.fileno()
        order = Order(
            name=f"worker {next(self._numbers)}",
            settings=setup.settings,
            ports=descriptors,
            board=board,
            seat=seat,
            folder=self._folder.name,
            engines=[(engine, str(path)) for engine, path in setup.engines.items()],
            verbose=self._verbose,
            replaces=replaces,
        )
        try:
            worker = await Worker.start(
                order, [board, *itertools.chain(*descriptors.values())], self.start_seconds
            )
        except BaseException:
            self._seats.leave(seat)
            raise
        self.alive.add(worker)
        worker.ended.add_done_callback(lambda _: self._gone(worker))
        return worker

    def _gone(self, worker: Worker) -> None:
        self.alive.remove(worker)
        self._seats.leave(worker.seat)

    def _post(self, worker: Worker) -> Post:
        post = Post(worker, self._refill)
        self._begin(post.keep())
        return post

    async def _refill(self, post: Post) -> None:
        async with self._refilling:
            if post.given_up:
                return
            try:
                post.worker = await self._spawn(self._setup, replaces=True)
            except (OSError, WorkersError) as error:
                log.error("No other worker can begin: %s", error)

    # All of them.

    async def _tell_all(self, settings: Settings) -> None:
        async with self._refilling:
            for worker in self.serving:
                worker.tell(Reload(settings))
            self._setup = replace(self._setup, settings=settings)

    async def _replace_all(self, settings: Settings) -> None:
        """Starts the new ones, one after the other; the old ones retire when all of those listen."""
        before = self._setup
        opened = ports.opened(settings.server, before.ports)
        fresh: list[Worker] = []
        try:
            setup = _Setup(settings, opened, await self._owner.lend(settings))
            for _ in range(settings.server.workers):
                fresh.append(await self._spawn(setup, replaces=True))
                await fresh[-1].listens()
        except BaseException:
            ports.close(ports.only(opened, before.ports))
            for worker in fresh:
                worker.retire()
            self._begin(self._tidy())
            raise
        async with self._refilling:
            old, self._posts = self._posts, [self._post(worker) for worker in fresh]
            self._setup = setup
            for post in old:
                post.give_up()
                post.worker.retire()
        ports.close(ports.only(before.ports, opened))
        self._begin(self._tidy())
        await self._seats.left([post.worker for post in old])

    async def _tidy(self) -> None:
        """Closes engines that nobody uses any more, when all that have to leave have left."""
        while leaving := [worker.ended for worker in self.alive if worker.leaving]:
            await asyncio.wait(leaving)
        async with self._changing:
            if not any(worker.leaving for worker in self.alive):
                await self._owner.keep(self.settings)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
