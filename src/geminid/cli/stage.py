"""Sets the stage for one program and runs it there: a folder of its own, a server, a proxy, an environment.

All of it goes when the program has ended. Called by ``geminid run``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from geminid.app import App
from geminid.cli import kit, proxied, serve
from geminid.cli.foreground import Foreground
from geminid.doors.authority import Authority, CertificateError
from geminid.doors.connect import Address, ConnectProxy
from geminid.doors.listen import ListenError
from geminid.engines.weights import WeightsError
from geminid.settings import Auth, Settings, Tls
from geminid.storage.durable import state_folder

log = logging.getLogger("geminid.run")

_FAILED: Final = 125
_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127
"""As env(1) and the shells have them; 125 is the stage's own failure."""

_PATIENCE_SECONDS: Final = 3.0
_READY_SECONDS: Final = 180.0


class StageError(Exception):
    """The program was not run; the message says why."""

    def __init__(self, message: str, exit_code: int = _FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, and on which stage. Without a ``server`` one is started from ``settings``.

    ``ca`` is the authority that ``server`` has its certificate from; None means this machine's.
    """

    command: list[str]
    settings: Settings
    server: Address | None
    ca: Path | None
    project: str
    allow_net: bool


def execute(plan: Plan, inherited: Mapping[str, str]) -> int:
    """Runs the program, with ``inherited`` and what it needs here for its environment.

    Returns its exit code, or 128 and the number of the signal that ended it. Raises StageError and SettingsError.
    """
    with tempfile.TemporaryDirectory(prefix="geminid-run-", ignore_cleanup_errors=True) as folder, _told():
        return uvloop.run(_Stage(plan, Path(folder), inherited).run())


class _Stage:
    """``folder`` is new, empty and nobody else's. Blocks while it is made."""

    def __init__(self, plan: Plan, folder: Path, inherited: Mapping[str, str]) -> None:
        self._plan = plan
        self._folder = folder
        self._inherited = inherited
        self._files = kit.make(folder, self._authority(), project=plan.project, system_roots=plan.allow_net)
        self._program = self._find(plan.command[0])
        if plan.server is None:
            serve.fetch(plan.settings)

    def _authority(self) -> Authority:
        """A new one for an own server; of a running server's authority the certificate."""
        authority = Authority(self._folder / "tls")
        if self._plan.server is None:
            authority.certificate()
        else:
            authority.ca.parent.mkdir()
            shutil.copyfile(self._plan.ca or Authority(state_folder() / "tls").ca, authority.ca)
        return authority

    def _find(self, name: str) -> str:
        """The path of a program, as a shell would find it."""
        path = os.pathsep.join([str(self._files.programs), self._inherited.get("PATH", os.defpath)])
        found = shutil.which(name, path=path)
        if found is not None:
            return found
        if os.path.dirname(name) and os.path.exists(name):
            raise StageError(f"{name} cannot be executed.", _NOT_EXECUTABLE)
        raise StageError(f"there is no program {name!r}.", _NOT_FOUND)

    async def run(self) -> int:
        """The exit code, as of ``execute``."""
        foreground = Foreground()
        with foreground.signals():
            try:
                async with self._server() as server, self._proxy(server) as proxy:
                    return await self._perform(foreground, proxy)
            except asyncio.CancelledError:
                if foreground.ended_by is None:
                    raise
                return 128 + foreground.ended_by

    async def _perform(self, foreground: Foreground, proxy: ConnectProxy) -> int:
        plan = self._plan
        environment = proxied.environment(
            self._inherited, self._files, proxy_port=proxy.port, project=plan.project, allow_net=plan.allow_net
        )
        try:
            return await foreground.run(self._program, plan.command[1:], environment)
        except OSError as error:
            raise StageError(f"{self._program} cannot be run: {error.strerror}.", _NOT_EXECUTABLE) from error

    @contextlib.asynccontextmanager
    async def _server(self) -> AsyncIterator[Address]:
        if self._plan.server is not None:
            yield self._plan.server
            return
        app = App(_private(self._plan.settings), self._folder)
        try:
            await app.start()
            await _wait_ready(app)
            yield Address("127.0.0.1", app.tls.port)
        finally:
            await app.stop()

    @contextlib.asynccontextmanager
    async def _proxy(self, server: Address) -> AsyncIterator[ConnectProxy]:
        proxy = ConnectProxy(server, allow_net=self._plan.allow_net)
        await proxy.start()
        try:
            yield proxy
        finally:
            await proxy.stop()


def _private(settings: Settings) -> Settings:
    """On free ports, open to the key that the program gets, and gone as soon as the program is."""
    server = msgspec.structs.replace(
        settings.server, host="127.0.0.1", port=0, grpc_port=0, tls_port=0, drain_seconds=0.1
    )
    return msgspec.structs.replace(settings, server=server, tls=Tls(), auth=Auth())


async def _wait_ready(app: App) -> None:
    ready = asyncio.create_task(app.wait_ready())
    try:
        done, _ = await asyncio.wait([ready], timeout=_PATIENCE_SECONDS)
        if not done:
            log.warning("waiting for the engine: %s", await _unready(app))
            done, _ = await asyncio.wait([ready], timeout=_READY_SECONDS)
        if not done:
            raise StageError(f"the engine does not get ready: {await _unready(app)}")
    finally:
        ready.cancel()


async def _unready(app: App) -> str:
    healths = [await engine.health() for engine in app.registry.all_engines()]
    return next((health.detail for health in healths if health.detail), "it is starting")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the user can mend is told as StageError."""
    try:
        yield
    except (CertificateError, ListenError, WeightsError) as error:
        raise StageError(str(error)) from error
    except OSError as error:
        raise StageError(f"{error.filename}: {error.strerror}." if error.filename else str(error)) from error
