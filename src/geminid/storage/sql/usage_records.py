"""``records.UsageRecords`` in a database."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Dialect, Insert, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from geminid.storage.records import UsageRecord
from geminid.storage.sql.connections import Connections
from geminid.storage.sql.schema import Words
from geminid.storage.sql.schema import usage_records as table

PRUNED_AT_ONCE: Final = 5_000
"""Rows in one transaction: other writes have their turn between two."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NAMES: Final = tuple(field.name for field in dataclasses.fields(UsageRecord))
_COLUMNS: Final = tuple(table.c[name] for name in _NAMES)

_INSERTS: Final[dict[str, Insert]] = {
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
}


class SqlUsageRecords:
    """Implements ``records.UsageRecords``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, records: Sequence[UsageRecord]) -> None:
        """As ``records.UsageRecords`` says."""
        if not records:
            return
        # In one order everywhere, so that two servers which send the same ids do not wait for each other.
        ordered = sorted(records, key=attrgetter("id"))

        def work(connection: Connection) -> None:
            if connection.dialect.name == "sqlite":
                _insert_sqlite(connection, ordered)
            else:
                connection.execute(_INSERTS[connection.dialect.name], [_row(record) for record in ordered])

        await self._connections.write(work)

    async def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> Sequence[UsageRecord]:
        """As ``records.UsageRecords`` says: ``since`` is the first moment of it, ``until`` the first after it."""
        statement = select(*_COLUMNS).order_by(table.c.time, table.c.id)
        if since is not None:
            statement = statement.where(table.c.time >= since)
        if until is not None:
            statement = statement.where(table.c.time < until)
        return await self._connections.read(
            lambda connection: [UsageRecord(*row) for row in connection.execute(statement)]
        )

    async def prune(self, before: dt.datetime) -> int:
        """As ``records.UsageRecords`` says."""
        oldest = select(table.c.id).where(table.c.time < before).order_by(table.c.time).limit(PRUNED_AT_ONCE)
        statement = delete(table).where(table.c.id.in_(oldest))
        pruned = 0
        while count := await self._connections.write(lambda connection: connection.execute(statement).rowcount):
            pruned += count
        return pruned


def _insert_sqlite(connection: Connection, records: Sequence[UsageRecord]) -> None:
    """One statement for many rows: a sixth of the time of one for each, and without the interpreter's lock."""
    left = list(records)
    for size in (500, 50, 1):
        while len(left) >= size:
            values = [value for record in left[:size] for value in _values(record, connection.dialect)]
            connection.exec_driver_sql(_statement(size), tuple(values))
            del left[:size]


@functools.cache
def _statement(rows: int) -> str:
    row = f"({', '.join('?' * len(_NAMES))})"
    places = ", ".join([row] * rows)
    return f"INSERT INTO {table.name} ({', '.join(_NAMES)}) VALUES {places} ON CONFLICT DO NOTHING"


_WORDS: Final = Words()


def _values(record: UsageRecord, dialect: Dialect) -> tuple[Any, ...]:
    """In the order of the fields, as the column types of ``schema.py`` spell them."""
    told = _WORDS.process_bind_param
    return (
        record.id, (record.time - _EPOCH) // _MICROSECOND, told(record.project, dialect),
        told(record.principal, dialect), told(record.model, dialect),
        record.method, record.code, record.finish, _json(record.labels), _json(record.prompt),
        _json(record.output), record.cached, record.thoughts, record.seconds, record.first_token_seconds,
    )  # fmt: skip


def _json(value: Mapping[str, Any]) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half a surrogate pair, which json escapes
        return json.dumps(dict(value))


def _row(record: UsageRecord) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in _NAMES}
    counted = {name: dict(row[name]) for name in ("labels", "prompt", "output")}
    return row | counted
