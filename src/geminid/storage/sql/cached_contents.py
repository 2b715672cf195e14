"""``records.CachedContents`` in a database. Every statement names the project and the location."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from geminid.errors import AlreadyExists
from geminid.storage.records import CachedContentRecord
from geminid.storage.sql.connections import Connections
from geminid.storage.sql.schema import cached_contents as table

_NAMES: Final = tuple(field.name for field in dataclasses.fields(CachedContentRecord))
_COLUMNS: Final = tuple(table.c[name] for name in _NAMES)
_PLACE: Final = (table.c.created, table.c.id)


class SqlCachedContents:
    """Implements ``records.CachedContents``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def create(self, record: CachedContentRecord) -> None:
        """Raises AlreadyExists where the id is taken, by whomever."""
        values = {name: getattr(record, name) for name in _NAMES}

        def work(connection: Connection) -> None:
            connection.execute(insert(table), values)

        try:
            await self._connections.write(work)
        except IntegrityError as error:
            raise AlreadyExists(f"The id {record.id} is taken.") from error

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """As ``records.CachedContents`` says."""
        statement = select(*_COLUMNS).where(_alive(project, location, now), table.c.id == id)
        return await self._connections.read(lambda connection: _record(connection.execute(statement).first()))

    async def list(
        self, project: str, location: str, now: dt.datetime, *, size: int, after: str = ""
    ) -> Sequence[CachedContentRecord]:
        """As ``records.CachedContents`` says. ``after`` may have expired; once it is deleted, it begins anew."""
        statement = select(*_COLUMNS).where(_alive(project, location, now))
        newest_first = statement.order_by(table.c.created.desc(), table.c.id.desc()).limit(size)

        def work(connection: Connection) -> Sequence[CachedContentRecord]:
            place = connection.execute(
                select(*_PLACE).where(_owned(project, location), table.c.id == after)
            ).first()
            page = newest_first
            if place is not None:
                page = page.where(tuple_(*_PLACE) < tuple_(*place, types=[column.type for column in _PLACE]))
            return [CachedContentRecord(*row) for row in connection.execute(page)]

        return await self._connections.read(work)

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        """As ``records.CachedContents`` says."""
        statement = (
            update(table)
            .where(_alive(project, location, now), table.c.id == id)
            .values(expires=expires, updated=now)
            .returning(*_COLUMNS)
        )
        return await self._connections.write(lambda connection: _record(connection.execute(statement).first()))

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> bool:
        """As ``records.CachedContents`` says."""
        statement = delete(table).where(_alive(project, location, now), table.c.id == id)
        return await self._connections.write(lambda connection: connection.execute(statement).rowcount > 0)

    async def sweep(self, now: dt.datetime) -> Sequence[str]:
        """As ``records.CachedContents`` says."""
        statement = delete(table).where(table.c.expires <= now).returning(table.c.id)
        return await self._connections.write(lambda connection: connection.execute(statement).scalars().all())


def _owned(project: str, location: str) -> ColumnElement[bool]:
    return and_(table.c.project == project, table.c.location == location)


def _alive(project: str, location: str, now: dt.datetime) -> ColumnElement[bool]:
    return and_(_owned(project, location), table.c.expires > now)


def _record(row: Row[*tuple[Any, ...]] | None) -> CachedContentRecord | None:
    return CachedContentRecord(*row) if row is not None else None
