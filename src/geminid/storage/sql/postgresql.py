"""PostgreSQL, through psycopg: its URLs are libpq's own, with all that those can say of TLS, passwords and hosts.

Several servers share it. What returned from a write is as safe as ``synchronous_commit`` of that database says.
"""

from __future__ import annotations

from typing import Final, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from geminid.storage.base import StorageError
from geminid.storage.sql import migrate
from geminid.storage.sql.connections import Work, reported, told
from geminid.storage.sql.schema import SCHEMA

_LOCK: Final = int.from_bytes(b"geminid", "big")
"""The advisory lock of migrations: a number that nobody else is likely to use."""

_POOL: Final = 8
_POOL_SECONDS: Final = 10
_LIBPQ: Final = {"connect_timeout": "10", "tcp_user_timeout": "30000", "application_name": "geminid"}
"""For what the URL leaves open: that a server which is silent does not hold a request for long."""

_T = TypeVar("_T")


class PostgresqlConnections:
    """Of a database that ``open_postgresql`` has made ready. Lives in one event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, work: Work[_T]) -> _T:
        """As ``Connections`` says."""
        with reported():
            async with self._reader.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Work[_T]) -> _T:
        """As ``Connections`` says. PostgreSQL groups the commits of its connections itself."""
        with reported():
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    async def aclose(self) -> None:
        """As ``Connections`` says."""
        await self._engine.dispose()


async def open_postgresql(url: URL, *, upgrade: bool) -> PostgresqlConnections:
    """Makes the tables, if they are not there; not without ``upgrade``. Raises StorageError."""
    try:
        engine = create_async_engine(
            url.set(drivername="postgresql+psycopg").update_query_dict({**_LIBPQ, **url.query}),
            pool_size=_POOL,
            max_overflow=0,
            pool_timeout=_POOL_SECONDS,
            pool_pre_ping=True,  # a server that was restarted costs no request
            hide_parameters=True,
        )
    except ImportError as error:
        raise StorageError("PostgreSQL needs a package more: pip install 'geminid[postgresql]'.") from error
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade if upgrade else migrate.require_current)
    except DBAPIError as error:
        await engine.dispose()
        shown = url.render_as_string(hide_password=True)
        raise StorageError(f"{shown} cannot be opened: {told(error)}.") from error
    except StorageError:
        await engine.dispose()
        raise
    return PostgresqlConnections(engine)


def _upgrade(connection: Connection) -> None:
    if migrate.schema_of(connection) == SCHEMA:
        return
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})  # goes with the transaction
    migrate.upgrade(connection)
