"""``geminid serve``: fetches what is missing, starts the server, says where it is, drains on Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from geminid.cli import options
from geminid.settings import Settings, SettingsError

if TYPE_CHECKING:
    from geminid.app import App

err = Console(stderr=True, highlight=False)


def serve(
    host: options.Host = None,
    port: options.Port = None,
    grpc_port: options.GrpcPort = None,
    tls_port: options.TlsPort = None,
    engine: options.Engine = None,
    model: options.Model = None,
    config: options.Config = None,
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log every call."),
) -> None:
    """Start the server. The embedded model is fetched on first start."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # it would remark on stderr that the engine starts

    from geminid.doors.authority import CertificateError
    from geminid.doors.listen import ListenError
    from geminid.engines.weights import WeightsError
    from geminid.storage.base import StorageError

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    if not verbose:
        logging.getLogger("geminid.media").setLevel(logging.INFO)  # how far recordings of hours are
    try:
        settings = options.resolve(options.Flags(config, host, port, grpc_port, tls_port, engine, model))
        fetch(settings)
        code = _run(settings)
    except (SettingsError, WeightsError, ListenError, CertificateError, StorageError) as error:
        err.print(f"[bold red]geminid:[/] {error}")
        raise typer.Exit(2) from None
    raise typer.Exit(code)


def fetch(settings: Settings) -> None:
    """Gets the model files that are not here yet, showing how it goes. Raises WeightsError and SettingsError."""
    from geminid.build.engines import used_weights
    from geminid.cli.models import pull_weights
    from geminid.engines import weights

    for model in used_weights(settings):
        if weights.cached(model) is None or model.source.startswith("file:"):
            pull_weights(model)


def _run(settings: Settings) -> int:
    import uvloop

    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    from geminid.app import App

    app = App(settings)
    stop = _stop_signal()
    try:
        await app.start()
        host = settings.server.host
        err.print(f"geminid listens on [bold]http://{host}:{app.listener.port}[/]")
        err.print(f"gRPC on {host}:{app.grpc.port}, both over TLS on {host}:{app.tls.port}")
        waiting = asyncio.create_task(_announce_ready(app))
        await stop.wait()
        waiting.cancel()
        err.print("stopping")
    finally:
        await app.stop()
    return 0


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


async def _announce_ready(app: App) -> None:
    await app.wait_ready()
    err.print("ready")
