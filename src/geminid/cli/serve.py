"""``geminid serve``: fetches what is missing, starts the server, says where it is, drains on Ctrl-C.

On SIGHUP it reads the configuration file again, with the flags on top as before.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from geminid.cli import options
from geminid.settings import Settings, SettingsError

_Reload: TypeAlias = Callable[[Settings], Awaitable[None]]

err = Console(stderr=True, highlight=False)
log = logging.getLogger("geminid.serve")


def serve(
    host: options.Host = None,
    port: options.Port = None,
    grpc_port: options.GrpcPort = None,
    tls_port: options.TlsPort = None,
    engine: options.Engine = None,
    model: options.Model = None,
    config: options.Config = None,
    workers: options.Workers = None,
    record: options.RecordTo = None,
    replay: options.ReplayFrom = None,
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log every call."),
) -> None:
    """Start the server. The embedded model is fetched on first start."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # it would remark on stderr that the engine starts

    from geminid.cli.worker import logs
    from geminid.cli.workers import WorkersError
    from geminid.doors.authority import CertificateError
    from geminid.doors.listen import ListenError
    from geminid.engines.weights import WeightsError
    from geminid.storage.base import StorageError

    logs(verbose)
    flags = options.Flags(config, host, port, grpc_port, tls_port, engine, model, workers, record, replay)
    try:
        settings = options.resolve(flags)
        fetch(settings)
        _run(settings, flags, verbose)
    except (SettingsError, WeightsError, ListenError, CertificateError, StorageError, WorkersError) as error:
        err.print(f"[bold red]geminid:[/] {escape(str(error))}")  # which names tables of the file
        raise typer.Exit(2) from None


def fetch(settings: Settings) -> None:
    """Gets the model files that are not here yet, showing how it goes. Raises WeightsError and SettingsError."""
    from geminid.build.engines import used_weights
    from geminid.cli.models import pull_weights
    from geminid.engines import weights

    for model in used_weights(settings):
        if weights.prepared(model) is None or model.source.startswith("file:"):
            pull_weights(model)


def _run(settings: Settings, flags: options.Flags, verbose: bool) -> None:
    import uvloop

    from geminid.cli.worker import take_descriptors

    take_descriptors()
    uvloop.run(_serve_all(settings, flags, verbose) if settings.server.workers > 1 else _serve(settings, flags))


async def _serve(settings: Settings, flags: options.Flags) -> None:
    """In this process."""
    from geminid.app import App
    from geminid.cli.garbage import settle

    app = App(settings)

    async def reload(new: Settings) -> None:
        if left := await app.reload(new):
            log.warning("These wait for a restart: %s.", ", ".join(left))

    stop, asked = _stop_signal(), _reload_signal()
    try:
        await app.start()
        settle()
        _say_where(settings.server.host, app.listener.port, app.grpc.port, app.tls.port)
        await _until(stop, app.wait_ready, _reloads(asked, flags, reload))
    finally:
        await app.stop()


async def _serve_all(settings: Settings, flags: options.Flags, verbose: bool) -> None:
    """In processes of their own."""
    from geminid.cli.workers import Workers

    workers = Workers(settings, verbose=verbose)
    stop, asked = _stop_signal(), _reload_signal()
    try:
        if await _started(workers.start(), stop):
            _say_where(settings.server.host, *map(workers.port, ("http", "grpc", "tls")))
            await _until(stop, workers.wait_ready, _reloads(asked, flags, workers.reload))
    finally:
        await workers.stop()


async def _started(start: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Whether it has before it is told to stop: workers may hang for minutes. Raises what ``start`` raises."""
    starting, stopping = asyncio.create_task(start), asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return False


def _say_where(host: str, port: int, grpc_port: int, tls_port: int) -> None:
    err.print(f"geminid listens on [bold]http://{host}:{port}[/]")
    err.print(f"gRPC on {host}:{grpc_port}, both over TLS on {host}:{tls_port}")


async def _until(
    stop: asyncio.Event, ready: Callable[[], Awaitable[None]], reloads: Coroutine[None, None, None]
) -> None:
    """Says when it is ready, and reloads when it is told to."""
    tasks = [asyncio.create_task(_announce(ready)), asyncio.create_task(reloads)]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    err.print("stopping")


async def _announce(ready: Callable[[], Awaitable[None]]) -> None:
    await ready()
    err.print("ready")


def _reload_signal() -> asyncio.Event:
    """Set by SIGHUP, which would end the process otherwise."""
    asked = asyncio.Event()
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    return asked


async def _reloads(asked: asyncio.Event, flags: options.Flags, reload: _Reload) -> None:
    """One after the other; signals that come meanwhile are one more."""
    while True:
        await asked.wait()
        asked.clear()
        await _reload(flags, reload)


async def _reload(flags: options.Flags, reload: _Reload) -> None:
    from geminid.cli.workers import WorkersError
    from geminid.doors.listen import ListenError
    from geminid.engines.weights import WeightsError

    try:
        settings = await asyncio.to_thread(options.resolve, flags)
        await asyncio.to_thread(fetch, settings)
        await reload(settings)
    except (SettingsError, WeightsError, ListenError, WorkersError, OSError) as error:
        log.error("The configuration is not taken over, and nothing has changed: %s", error)
    else:
        err.print("reloaded")


def _stop_signal() -> asyncio.Event:
    """Set by the first Ctrl-C or SIGTERM; the second Ctrl-C ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    return stop
