"""``geminid db``: the database of cached contents, usage and quotas, looked through, copied and put back.

The work is done in ``geminid.storage.sql``. A server that runs goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geminid.cli import options
from geminid.cli.reported import reported

if TYPE_CHECKING:
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
            show_default="geminid.db in the folder of the state",
        ),
    ] = "",
    state: options.State = None,
) -> None:
    """Check, back up and restore the database."""
    from geminid.storage.durable import state_folder

    context.obj = database or f"sqlite:///{(state or state_folder()) / 'geminid.db'}"


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
    """Write a copy of a SQLite database to a new file."""
    with _reported():
        from geminid.storage.sql import database, sqlite_copies

        sqlite_copies.backup(database.sqlite_file(context.obj), file)
    typer.echo(f"wrote {file}")


@app.command()
def restore(context: typer.Context, file: Backup) -> None:
    """Put a backup in the place of everything that a SQLite database holds."""
    with _reported():
        from geminid.storage.sql import database, sqlite_copies

        path = database.sqlite_file(context.obj)
        sqlite_copies.restore(path, file)
    typer.echo(f"restored {path}")


async def _check(url: str) -> Checked:
    from geminid.storage.sql.database import open_database

    database = await open_database(url, upgrade=False)
    try:
        return await database.check()
    finally:
        await database.aclose()


def _reported() -> contextlib.AbstractContextManager[None]:
    from geminid.errors import Unavailable
    from geminid.storage.base import StorageError

    return reported(StorageError, Unavailable)
