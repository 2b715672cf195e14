"""``geminid db``: the database of cached contents, usage and quotas, looked through, copied and put back.

The work is done in ``geminid.storage``. A server that runs goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from geminid.cli import options
from geminid.cli.reported import reported
from geminid.settings import SettingsError, Storage, load

if TYPE_CHECKING:
    from geminid.storage.blobs import Blobs
    from geminid.storage.sql.database import Checked

app = typer.Typer(help="Check, back up and restore the database.", no_args_is_help=True)

Backup = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", dir_okay=False, show_default=False)]


@app.callback()
def db(
    context: typer.Context,
    database: Annotated[
        str,
        typer.Option(
            envvar="GEMINID_DATABASE",
            metavar="URL",
            help="sqlite:///FILE or postgresql://USER@HOST/NAME.",
            show_default="that of the settings, or geminid.db in the folder of the state",
        ),
    ] = "",
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Check, back up and restore the database."""
    from geminid.storage.durable import state_folder

    with reported(SettingsError):
        storage = load(config).storage
    url = database or storage.url or f"sqlite:///{(state or state_folder()) / 'geminid.db'}"
    context.obj = msgspec.structs.replace(storage, url=url)


@app.command()
def check(context: typer.Context) -> None:
    """Read all of it, and say what is in it. Exits with 1 where something is wrong."""
    with _reported():
        checked = asyncio.run(_check(context.obj))
    typer.echo(f"{checked.place}, schema {checked.schema}")
    for table, rows in checked.rows.items():
        typer.echo(f"{table}: {rows:,}")
    for problem in checked.problems:
        typer.echo(f"geminid: {problem}", err=True)
    if checked.problems:
        raise typer.Exit(1)
    typer.echo("sound")


@app.command()
def backup(context: typer.Context, file: Backup) -> None:
    """Write a copy of a SQLite database to a new file, with what it keeps as blobs beside it or in a bucket."""
    with _reported():
        asyncio.run(_backup(context.obj, file))
    typer.echo(f"wrote {file}")


@app.command()
def restore(context: typer.Context, file: Backup) -> None:
    """Put a backup in the place of everything that a SQLite database holds."""
    with _reported():
        from geminid.storage.sql import database, sqlite_copies

        path = database.sqlite_file(context.obj.url)
        sqlite_copies.restore(path, file)
    typer.echo(f"restored {path}")


async def _check(storage: Storage) -> Checked:
    from geminid.storage.blobbed_contents import BlobbedCachedContents
    from geminid.storage.sql.database import open_database

    blobs = _blobs(storage)
    database = await open_database(storage.url, upgrade=False)
    try:
        checked = await database.check()
        if blobs is None or checked.problems:
            return checked
        missing = await BlobbedCachedContents(database.cached_contents, blobs).missing()
        problems = [f"The blob {name} is missing: a cached content has lost its body." for name in sorted(missing)]
        return dataclasses.replace(checked, problems=problems)
    finally:
        await database.aclose()


async def _backup(storage: Storage, file: Path) -> None:
    from geminid.storage.sql import database, sqlite_copies

    path = database.sqlite_file(storage.url)
    blobs, loop = _blobs(storage), asyncio.get_running_loop()

    def blob(name: str) -> bytes | None:
        return asyncio.run_coroutine_threadsafe(blobs.get(name), loop).result() if blobs else None

    await asyncio.to_thread(sqlite_copies.backup, path, file, blob)


def _blobs(storage: Storage) -> Blobs | None:
    from geminid.build.stores import blobs_of

    return blobs_of(storage, storage.url)


def _reported() -> contextlib.AbstractContextManager[None]:
    from geminid.errors import Unavailable
    from geminid.storage.base import StorageError

    return reported(StorageError, Unavailable)
