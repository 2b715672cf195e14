"""``geminid deploy``: engines on other machines, deployed, looked at and taken down.

The work is done in ``geminid.deploy``; this file puts it in order and says what happened.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console

from geminid.cli import options
from geminid.cli.reported import reported
from geminid.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from geminid.deploy.ray_head import Heads

app = typer.Typer(help="Run engines with Ray Serve, on this machine or a cluster.", no_args_is_help=True)

err = Console(stderr=True, highlight=False)

Wait = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait until all replicas run.")]


@app.command()
def ray(
    config: options.Config = None,
    write_only: Annotated[
        Path | None,
        typer.Option(
            "--write-only",
            metavar="FOLDER",
            help="Write serve.json and ray.env there, and no more.",
            file_okay=False,
        ),
    ] = None,
    wait: Wait = 600.0,
) -> None:
    """Deploy what [deploy.ray] of the configuration says, or change it to that. Starts a node where none runs."""
    with _reported():
        settings = load(config)
        if write_only is not None:
            _write(settings, write_only)
            return
        _deploy(settings, wait)


@app.command()
def status(config: options.Config = None) -> None:
    """Say what runs. Exits with 1 where not all of it does."""
    with _reported():
        state = _status(load(config))
    if state != "RUNNING":
        raise typer.Exit(1)


@app.command()
def down(config: options.Config = None) -> None:
    """End it: the application, and the node where `geminid deploy ray` has started one."""
    with _reported():
        _down(load(config))


def _write(settings: Settings, folder: Path) -> None:
    from geminid.deploy.serve_config import ENVIRONMENT, serve_config

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "serve.json").write_bytes(_json(serve_config(settings)))
    (folder / "ray.env").write_text("".join(f"{name}={value!r}\n" for name, value in ENVIRONMENT.items()))
    typer.echo(f"wrote {folder / 'serve.json'} and {folder / 'ray.env'}")


def _deploy(settings: Settings, wait: float) -> None:
    from geminid.cli.models import pull_weights
    from geminid.deploy import ray_serve
    from geminid.deploy.serve_config import APPLICATION, engine_table, serve_config, weights_here
    from geminid.engines import weights
    from geminid.storage import durable

    table = serve_config(settings)
    heads = _heads()
    environment = _environment(settings, heads)
    ray_serve.prepare(environment)
    ray_serve.checked(table)
    model = weights_here(settings)
    if model is not None and weights.prepared(model) is None:
        pull_weights(model)
    address = _started(settings, heads, environment)
    file = _folder() / "serve.json"
    durable.replace(file, _json(table))
    ray_serve.apply(file, address)
    with ray_serve.connected(address):
        told = ray_serve.wait_running(APPLICATION, wait)
    if told.state != "RUNNING":
        raise ray_serve.RayError(
            f"after {wait:g} s not all replicas run ({told.state}; {told.message or 'no reason given'}). "
            "It goes on in the background: geminid deploy status"
        )
    err.print(f"Ray Serve answers on {settings.deploy.ray.host}:{settings.deploy.ray.port}. In geminid.toml:")
    typer.echo(engine_table(settings))


def _started(settings: Settings, heads: Heads, environment: dict[str, str]) -> str:
    """The address of the cluster, after starting a node where that is wanted and none runs."""
    ray = settings.deploy.ray
    if ray.address:
        return ray.address
    if ray.key_env and not os.environ.get(ray.key_env):
        raise SettingsError(f"[deploy.ray] `key_env`: there is no {ray.key_env} in the environment.")
    head = heads.find()
    if head is None:
        err.print("starting Ray")
        head = heads.start(ray.host, ray.head_port, environment)
    return head.address


def _status(settings: Settings) -> str:
    from geminid.deploy import ray_serve
    from geminid.deploy.serve_config import APPLICATION

    heads = _heads()
    address = settings.deploy.ray.address or getattr(heads.find(), "address", "")
    if not address:
        typer.echo("nothing runs")
        return ""
    ray_serve.prepare(_environment(settings, heads))
    with ray_serve.connected(address):
        told = ray_serve.status(APPLICATION)
    typer.echo(f"cluster {address}: {told.state or 'nothing is deployed'}")
    for name, replicas in told.replicas.items():
        typer.echo(f"{name}: {replicas}")
    if told.message:
        typer.echo(told.message)
    return told.state


def _down(settings: Settings) -> None:
    from geminid.deploy import ray_serve
    from geminid.deploy.serve_config import APPLICATION

    heads = _heads()
    address = settings.deploy.ray.address
    if address:
        ray_serve.prepare(_environment(settings, heads))
        with ray_serve.connected(address):
            ray_serve.delete(APPLICATION)
        typer.echo(f"deleted from {address}")
        return
    typer.echo("nothing runs" if heads.stop() is None else "stopped")


def _json(config: dict[str, Any]) -> bytes:
    """Ray reads YAML, which all JSON is."""
    return msgspec.json.format(msgspec.json.encode(config), indent=2)


def _folder() -> Path:
    from geminid.storage.durable import state_folder

    return state_folder() / "ray"


def _heads() -> Heads:
    from geminid.deploy.ray_head import Heads

    return Heads(_folder())


def _environment(settings: Settings, heads: Heads) -> dict[str, str]:
    """That of every process of Ray. What the operator has set counts."""
    from geminid.deploy.serve_config import ENVIRONMENT, is_local

    own: dict[str, str] = {}
    if is_local(settings.deploy.ray):
        heads.make_token()
        own["RAY_AUTH_TOKEN_PATH"] = str(heads.token)
    return {**ENVIRONMENT, **own, **os.environ}


def _reported() -> contextlib.AbstractContextManager[None]:
    from geminid.deploy.ray_head import HeadError
    from geminid.deploy.ray_serve import RayError
    from geminid.engines.weights import WeightsError

    return reported(SettingsError, WeightsError, HeadError, RayError)
