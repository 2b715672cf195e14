"""``geminid auth``: service accounts, keys and tokens for a server in the strict mode.

What is secret is printed, or written to a file, once: when it is made. Only hashes and public keys are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geminid.cli import options

if TYPE_CHECKING:
    from geminid.storage.base import CredentialStore, Kind

app = typer.Typer(help="Make, list and revoke credentials.", no_args_is_help=True)

_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

# A table that goes to a file or another program is not folded to a terminal's width.
_FILE_COLUMNS = 180

Project = Annotated[
    str, typer.Option("--project", "-p", help="The project that they are for.", show_default=False)
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Who holds it.", show_default=False)]


class _Problem(Exception):
    """What the user can mend."""


@app.callback()
def auth(
    context: typer.Context,
    state: options.State = None,
) -> None:
    """Make, list and revoke credentials."""
    from geminid.storage.durable import state_folder
    from geminid.storage.file import FileCredentials

    context.obj = FileCredentials((state or state_folder()) / "credentials.json")


@app.command("create-service-account")
def create_service_account(
    context: typer.Context,
    name: Name,
    project: Project,
    out: Annotated[Path | None, typer.Option(help="File to write the key to.", show_default="print it")] = None,
    server: Annotated[str, typer.Option(help="Where clients reach this server.")] = "http://127.0.0.1:8080",
) -> None:
    """Make a service account and its key file, which GOOGLE_APPLICATION_CREDENTIALS may name."""
    from geminid.storage import durable
    from geminid.storage.minting import service_account

    with _reported():
        token_uri = f"{server.rstrip('/')}/token"
        key_file, account = service_account(_plain(name), _plain(project), token_uri=token_uri, now=_now())
        store: CredentialStore = context.obj
        if asyncio.run(store.account(account.email)) is not None:
            raise _Problem(f"{account.email} exists. Revoke it first, or choose another name.")
        text = json.dumps(key_file, indent=2) + "\n"
        if out is not None:
            durable.replace(out, text.encode())
        asyncio.run(store.put_account(account))
    typer.echo(f"wrote {out}" if out else text, nl=out is not None)
    typer.echo(f"{account.email} may call the models of project {project}.", err=True)


@app.command("create-key")
def create_key(
    context: typer.Context,
    project: Project,
    name: Annotated[str, typer.Option(help="Who holds it.")] = "api-key",
) -> None:
    """Make an API key, and print it."""
    from geminid.storage.base import Kind

    with _reported():
        _print_new(context.obj, Kind.API_KEY, _plain(name), _plain(project))


@app.command("create-token")
def create_token(
    context: typer.Context,
    name: Name,
    project: Project,
    federated: Annotated[
        bool,
        typer.Option("--federated", help="A subject token for external_account, not a refresh token."),
    ] = False,
) -> None:
    """Make a refresh token (authorized_user) or a subject token (external_account), and print it."""
    from geminid.storage.base import Kind

    with _reported():
        kind = Kind.SUBJECT_TOKEN if federated else Kind.REFRESH_TOKEN
        _print_new(context.obj, kind, _plain(name), _plain(project), scopes=(_CLOUD_PLATFORM,))


@app.command("print-access-token")
def print_access_token(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="EMAIL", help="A service account.", show_default=False)],
) -> None:
    """Print a token that acts as the account for an hour."""
    from geminid.doors.grants import GrantRefused, StrictIssuer

    with _reported():
        try:
            issued = asyncio.run(StrictIssuer(context.obj).for_account(account, (_CLOUD_PLATFORM,)))
        except GrantRefused:
            raise _Problem(f"{account} is not known. `geminid auth list` shows the accounts.") from None
    typer.echo(issued.access_token)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show accounts, keys and tokens, without what is secret of them."""
    import sys

    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "KIND", "NAME", "PROJECT", "CREATED", "EXPIRES", "STATE"):
        table.add_column(heading, overflow="fold")
    with _reported():
        for row in asyncio.run(_rows(context.obj)):
            table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else _FILE_COLUMNS, highlight=False, markup=False).print(table)


@app.command()
def revoke(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="An id from the list.", show_default=False)],
) -> None:
    """Make a key, token or account worthless. A running server knows at once."""
    with _reported():
        store: CredentialStore = context.obj
        if not asyncio.run(store.revoke(id_)):
            raise _Problem(f"There is nothing to revoke by the id {id_!r}.")
    typer.echo(f"revoked {id_}", err=True)


def _print_new(store: CredentialStore, kind: Kind, name: str, project: str, scopes: tuple[str, ...] = ()) -> None:
    from geminid.storage.minting import mint

    text, record = mint(kind, name=name, project=project, now=_now(), scopes=scopes)
    asyncio.run(store.put_secret(record))
    typer.echo(text)
    typer.echo(f"Keep it: it is not shown again. Its id is {record.id}.", err=True)


async def _rows(store: CredentialStore) -> list[list[str]]:
    rows = []
    for account in await store.accounts():
        keys = f"{len(account.keys)} key{'' if len(account.keys) == 1 else 's'}"
        rows.append([account.email, "service_account", keys, account.project, _day(account.created), "", ""])
    now = _now()
    for secret in await store.secrets():
        over = secret.expires is not None and secret.expires <= now
        name = f"{secret.name} (…{secret.hint})" if secret.hint else secret.name
        rows.append(
            [
                secret.id, secret.kind.value, name, secret.project, _day(secret.created),
                _day(secret.expires), "revoked" if secret.revoked else "expired" if over else "",
            ]
        )  # fmt: skip
    return rows


def _day(moment: dt.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _plain(text: str) -> str:
    """A name or project that can stand in an e-mail address and a resource name."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.:-]{0,61}[a-z0-9])?", text):
        raise _Problem(f"{text!r} is not a name: give lower-case letters, digits, dots and hyphens.")
    return text


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """An error that the user can mend ends the command with one line."""
    from geminid.storage.base import StorageError

    try:
        yield
    except (_Problem, StorageError) as error:
        typer.echo(f"geminid: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"geminid: {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
