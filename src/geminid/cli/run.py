"""``geminid run``: runs a program whose calls to Google's API end at a geminid, without a change to the program.

Its exit code is the program's. What happens is in ``cli/stage.py``; here the command line becomes a ``Plan``.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from geminid.cli import ecosystems, options
from geminid.settings import SettingsError

if TYPE_CHECKING:
    from geminid.doors.connect import Address

_FAILED: Final = 125
"""As env(1) has it, for what is not the program's failure."""

_INTERRUPTED: Final = 130

_VERBOSE: Final = {"geminid.calls": logging.DEBUG, "geminid.connect": logging.INFO}


def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments.")],
    engine: options.Engine = None,
    model: options.Model = None,
    config: options.Config = None,
    project: Annotated[
        str, typer.Option(envvar="GOOGLE_CLOUD_PROJECT", help="The project that the program finds.")
    ] = ecosystems.PROJECT,
    allow_net: Annotated[bool, typer.Option("--allow-net", help="Let the program reach other hosts.")] = False,
    server: Annotated[
        str | None,
        typer.Option(metavar="https://HOST:PORT", help="Use this running server, by its TLS port."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(help="The authority of --server.", show_default="this machine's", dir_okay=False),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List the calls.")] = False,
) -> None:
    """Run a program so that its calls to Gemini on Vertex AI are answered here.

    The program is not changed: its environment leads it here, with certificates and credentials for it.

    Calls to other hosts are refused.
    """
    inherited = os.environ.copy()
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # it would remark on stderr that the program starts

    from geminid.cli import stage

    logging.basicConfig(level=logging.WARNING, format="geminid: %(message)s")
    for name, level in _VERBOSE.items() if verbose else ():
        logging.getLogger(name).setLevel(level)
    try:
        plan = stage.Plan(
            command=command,
            settings=options.resolve(options.Flags(config, engine=engine, model=model)),
            server=_address(server) if server else None,
            ca=ca,
            project=ecosystems.checked_name(project),
            allow_net=allow_net,
        )
        code = stage.execute(plan, inherited)
    except SettingsError as error:
        typer.echo(f"geminid: {error}", err=True)
        code = _FAILED
    except stage.StageError as error:
        typer.echo(f"geminid: {error}", err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = _INTERRUPTED
    raise typer.Exit(code)


def _address(url: str) -> Address:
    from geminid.doors.connect import Address

    try:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return Address(parts.hostname, parts.port or 443)
    except ValueError:
        pass
    raise SettingsError(f"--server {url!r} is not the address of a TLS port. Give it as https://HOST:PORT.")
