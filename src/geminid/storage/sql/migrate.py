"""Brings the tables of a database to what this version knows. ``sqlite.py`` and ``postgresql.py`` call, and lock.

Alembic is imported only where there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from geminid.storage.base import StorageError
from geminid.storage.sql.schema import SCHEMA, VERSION_TABLE

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def schema_of(connection: Connection) -> str:
    """The number of the last migration; empty where there was none. Raises StorageError for one not known here."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    found = str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or "")
    if found > SCHEMA:
        raise StorageError(
            f"The database was made by a newer geminid: its schema is {found}, and this version knows none above "
            f"{SCHEMA}. Start that version, or restore a backup from before it."
        )
    return found


def require_current(connection: Connection) -> None:
    """Raises StorageError where a migration is due."""
    found = schema_of(connection)
    if found != SCHEMA:
        raise StorageError(
            f"The schema of the database is {found or 'none'}, not {SCHEMA}. `geminid serve` brings it up to date."
        )


def upgrade(connection: Connection) -> None:
    """Runs the migrations that are due, in the caller's transaction and under its lock. Raises StorageError."""
    if schema_of(connection) == SCHEMA:
        return

    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
