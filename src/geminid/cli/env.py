"""``geminid env``: prints what a client library needs in order to reach a running geminid.

``eval "$(geminid env --client python)"`` sets it; what variables cannot do stands beside them in comments.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from geminid.cli import ecosystems, options
from geminid.cli.ecosystems import Client, Ecosystem, Reach, checked_name
from geminid.cli.shells import Shell, assignment
from geminid.settings import Server, Settings, SettingsError


class Format(StrEnum):
    """A shell's language, or JSON."""

    BASH = Shell.BASH
    FISH = Shell.FISH
    POWERSHELL = Shell.POWERSHELL
    JSON = "json"


def env(
    client: Annotated[Client | None, typer.Option(help="Only for this one.", show_default="all")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.BASH,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="The server, if not the one of the settings.")
    ] = None,
    project: Annotated[
        str, typer.Option(envvar="GOOGLE_CLOUD_PROJECT", help="Any name, for an open server.")
    ] = ecosystems.PROJECT,
    location: Annotated[str, typer.Option(envvar="GOOGLE_CLOUD_LOCATION")] = ecosystems.LOCATION,
    host: options.Host = None,
    port: options.Port = None,
    grpc_port: options.GrpcPort = None,
    tls_port: options.TlsPort = None,
    config: options.Config = None,
) -> None:
    """Print the variables with which clients reach a running geminid."""
    try:
        settings = options.resolve(options.Flags(config, host, port, grpc_port, tls_port))
        address = _address(server) if server else (_reachable(settings.server), settings.server.port)
        if 0 in (address[1], settings.server.grpc_port, settings.server.tls_port):
            raise SettingsError(
                "a port of 0 is another one at every start. Give those that `geminid serve` printed."
            )
        reach = _reach(address, settings, (checked_name(project), checked_name(location)))
    except SettingsError as error:
        typer.echo(f"geminid: {error}", err=True)
        raise typer.Exit(2) from None
    chosen = {client: ecosystems.of(client, reach)} if client else ecosystems.merged(reach)
    typer.echo(_json(chosen) if format_ is Format.JSON else _script(Shell(format_), chosen))


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname:
            return parts.hostname, parts.port or 80
    except ValueError:
        pass
    raise SettingsError(f"--server {url!r} is not the address of a server. Give it as http://HOST:PORT.")


def _reachable(server: Server) -> str:
    """Where a server that listens on every address can be reached from here."""
    return "127.0.0.1" if server.host in ("", "0.0.0.0", "::", "localhost") else server.host


def _reach(address: tuple[str, int], settings: Settings, place: tuple[str, str]) -> Reach:
    ca, bundle, trust_store = _trusted(settings.tls.names)
    project, location = place
    return Reach(
        host=address[0],
        http_port=address[1],
        grpc_port=settings.server.grpc_port,
        tls_port=settings.server.tls_port,
        ca=ca,
        bundle=bundle,
        trust_store=trust_store,
        project=project,
        location=location,
    )


def _trusted(names: list[str]) -> tuple[Path, Path, Path]:
    """The files of the server's own authority, made now if it has not run yet. Raises SettingsError."""
    from geminid.doors.authority import Authority, CertificateError
    from geminid.storage.durable import state_folder

    folder = state_folder() / "tls"
    authority = Authority(folder, names=names)
    bundle, trust_store = folder / "bundle.pem", folder / "truststore.p12"
    try:
        authority.certificate()
        authority.bundle(bundle)
        authority.trust_store(trust_store)
    except (CertificateError, OSError) as error:
        raise SettingsError(f"the files for TLS cannot be written. {error}") from error
    return authority.ca, bundle, trust_store


def _json(chosen: dict[Client, Ecosystem]) -> str:
    table = {
        client: {"title": one.title, "variables": dict(one.variables), "notes": list(one.notes)}
        for client, one in chosen.items()
    }
    return json.dumps(table, indent=2)


def _script(shell: Shell, chosen: dict[Client, Ecosystem]) -> str:
    """A block for each; a variable that an earlier block has set is not set again."""
    blocks = []
    printed: set[str] = set()
    for one in chosen.values():
        comments = [f"# {one.title}", *(f"#   {note}" for note in one.notes)]
        new = [(name, value) for name, value in one.variables.items() if name not in printed]
        printed.update(one.variables)
        blocks.append("\n".join(comments + [assignment(shell, name, value) for name, value in new]))
    return "\n\n".join(blocks)
