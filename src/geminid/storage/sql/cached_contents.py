"""``records.CachedContents`` in a database. Every statement names the project and the location."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
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
_AT_ONCE: Final = 500
"""Ids in one statement."""


class SqlCachedContents:
    """Implements ``records.CachedContents``, and ``blobbed_contents.Rows``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def create(self, record: CachedContentRecord, body: bytes) -> None:
        """As ``records.CachedContents`` says. Raises AlreadyExists where the id is taken, by whomever."""
        values = {name: getattr(record, name) for name in _NAMES} | {"body": body}

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

    async def body(self, record: CachedContentRecord) -> bytes | None:
        """As ``records.CachedContents`` says."""
        statement = select(table.c.body).where(_owned(record.project, record.location), table.c.id == record.id)
        return await self._connections.read(lambda connection: connection.execute(statement).scalar())

    async def list(
        self,
        project: str,
        location: str,
        now: dt.datetime,
        *,
        size: int,
        after: tuple[dt.datetime, str] | None = None,
    ) -> Sequence[CachedContentRecord]:
        """As ``records.CachedContents`` says."""
        page = select(*_COLUMNS).where(_alive(project, location, now))
        if after is not None:
            page = page.where(tuple_(*_PLACE) < tuple_(*after, types=[column.type for column in _PLACE]))
        newest_first = page.order_by(table.c.created.desc(), table.c.id.desc()).limit(size)
        return await self._connections.read(lambda connection: _records(connection.execute(newest_first)))

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

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """As ``records.CachedContents`` says."""
        statement = delete(table).where(_alive(project, location, now), table.c.id == id).returning(*_COLUMNS)
        return await self._connections.write(lambda connection: _record(connection.execute(statement).first()))

    async def sweep(self, now: dt.datetime) -> Sequence[CachedContentRecord]:
        """As ``records.CachedContents`` says."""
        statement = delete(table).where(table.c.expires <= now).returning(*_COLUMNS)
        return await self._connections.write(lambda connection: _records(connection.execute(statement)))

    async def alive(self, ids: Collection[str], now: dt.datetime) -> set[str]:
        """As ``records.CachedContents`` says."""

        def work(connection: Connection) -> set[str]:
            found: set[str] = set()
            for some in _in_pieces(sorted(ids)):
                statement = select(table.c.id).where(table.c.id.in_(some), table.c.expires > now)
                found.update(connection.execute(statement).scalars())
            return found

        return await self._connections.read(work)

    async def blobs(self) -> Collection[str]:
        """The names of all blobs that rows name."""
        statement = select(table.c.blob).where(table.c.blob > "")
        return await self._connections.read(lambda connection: connection.execute(statement).scalars().all())


def _owned(project: str, location: str) -> ColumnElement[bool]:
    return and_(table.c.project == project, table.c.location == location)


def _alive(project: str, location: str, now: dt.datetime) -> ColumnElement[bool]:
    return and_(_owned(project, location), table.c.expires > now)


def _in_pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


def _records(rows: Iterable[Row[*tuple[Any, ...]]]) -> Sequence[CachedContentRecord]:
    return [CachedContentRecord(*row) for row in rows]


def _record(row: Row[*tuple[Any, ...]] | None) -> CachedContentRecord | None:
    return CachedContentRecord(*row) if row is not None else None
