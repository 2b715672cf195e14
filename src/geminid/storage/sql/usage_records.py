"""``records.UsageRecords`` in a database.

Millions of them are written and read: what the column types of ``schema.py`` do to each value is done here for a
whole row at once, and only once for words that come again and again.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Text,
    cast,
    delete,
    literal,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.engine.default import DefaultDialect

from geminid.storage.records import UNTOLD, UsageRecord
from geminid.storage.sql.connections import Connections
from geminid.storage.sql.schema import Words
from geminid.storage.sql.schema import usage_records as table

PRUNED_AT_ONCE: Final = 5_000
"""Rows in one transaction: other writes have their turn between two."""

READ_AT_ONCE: Final = 5_000
"""Rows that are in memory while they are read: about 3 MB."""

_CACHED: Final = "CACHED"
"""The key beside the modalities of a prompt under which stands what of it was cached, if anything was."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NAMES: Final = UsageRecord.__struct_fields__
_WORDS: Final = Words()
_ANY: Final = DefaultDialect()
"""What spells ``Words`` does not look at the dialect."""


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
            insert = _insert_sqlite if connection.dialect.name == "sqlite" else _insert_postgresql
            insert(connection, ordered)

        await self._connections.write(work)

    async def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """As ``records.UsageRecords`` says: ``since`` is the first moment of it, ``until`` the first after it."""
        statement = _EVERYTHING
        if since is not None:
            statement = statement.where(table.c.time >= since)
        if until is not None:
            statement = statement.where(table.c.time < until)
        page = await self._connections.read(lambda connection: _read(connection, statement))
        while page:
            yield page
            page = await self._connections.read(functools.partial(_read, statement=_after(statement, page[-1])))

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
    rows = [_values(record, (record.time - _EPOCH) // _MICROSECOND) for record in records]
    start = 0
    for size in (500, 50, 1):
        while len(rows) - start >= size:
            values = tuple(chain.from_iterable(rows[start : start + size]))
            connection.exec_driver_sql(_statement(size), values)
            start += size


@functools.cache
def _statement(rows: int) -> str:
    row = f"({', '.join('?' * len(_NAMES))})"
    places = ", ".join([row] * rows)
    return f"INSERT INTO {table.name} ({', '.join(_NAMES)}) VALUES {places} ON CONFLICT DO NOTHING"


def _insert_postgresql(connection: Connection, records: Sequence[UsageRecord]) -> None:
    """All rows in one parameter: a tenth of the time that as many parameters take here."""
    rows = [dict(zip(_NAMES, _values(record, record.time), strict=True)) for record in records]
    connection.exec_driver_sql(_postgresql_statement(connection.dialect), (msgspec.json.encode(rows).decode(),))


@functools.lru_cache(maxsize=1)
def _postgresql_statement(dialect: Dialect) -> str:
    """JSON in JSON is sent as text, since PostgreSQL would look into it for what its own text cannot hold."""
    json_names = {name for name in _NAMES if isinstance(table.c[name].type, JSON)}
    types = {name: table.c[name].type.compile(dialect) for name in _NAMES}
    sent = ", ".join(f"{name} {'text' if name in json_names else types[name]}" for name in _NAMES)
    chosen = ", ".join(f"{name}::json" if name in json_names else name for name in _NAMES)
    return (
        f"INSERT INTO {table.name} ({', '.join(_NAMES)}) "
        f"SELECT {chosen} FROM json_to_recordset(%s::json) AS sent ({sent}) ON CONFLICT DO NOTHING"
    )


def _values(record: UsageRecord, time: Any) -> tuple[Any, ...]:
    """In the order of the fields, each as both databases have it, but for the time."""
    cached = record.cached
    return (
        record.id, time, _kept(record.project), _kept(record.principal), _kept(record.model), record.method,
        record.code, record.finish, _json(record.labels), _json(_prompt(record) if cached else record.prompt),
        _json(record.output), sum(cached.values()) if cached else 0, record.thoughts, record.seconds,
        record.first_token_seconds,
    )  # fmt: skip


def _prompt(record: UsageRecord) -> dict[str, Any]:
    return {**record.prompt, _CACHED: record.cached}


def _kept(word: str) -> str:
    """As ``schema.Words`` spells it, which most words are already."""
    if word.isprintable() and "\\" not in word:
        return word
    return _WORDS.process_bind_param(word, _ANY) or ""


def _json(value: Mapping[str, Any]) -> str:
    if not value:
        return "{}"
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half a surrogate pair, which json escapes
        return json.dumps(dict(value))


def _read(connection: Connection, statement: Select[Any]) -> list[UsageRecord]:
    return [_record(row) for row in connection.execute(statement)]


def _after(statement: Select[Any], last: UsageRecord) -> Select[Any]:
    columns = (table.c.time, table.c.id)
    place = tuple_(*(literal(getattr(last, column.name), column.type) for column in columns))
    return statement.where(tuple_(*columns) > place)


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as text, without what SQLAlchemy makes of it: that would take most of the time."""
    match column.type:
        case Words():
            return type_coerce(column, Text)
        case JSON():
            return cast(column, Text)
        case _:
            return column


_EVERYTHING: Final = (
    select(*(_plain(table.c[name]) for name in _NAMES)).order_by(table.c.time, table.c.id).limit(READ_AT_ONCE)
)


def _record(row: Sequence[Any]) -> UsageRecord:
    """Of a row of ``_EVERYTHING``."""
    id, time, project, principal, model, method, code, finish, labels, told, output, total, *rest = row
    prompt, cached = _mapping(told), _NOTHING
    if total:
        prompt = dict(prompt)
        cached = prompt.pop(_CACHED, None) or {UNTOLD: total}
    return UsageRecord(
        _said(id), time, _said(project), _said(principal), _said(model), method, code, finish,
        _mapping(labels), prompt, _mapping(output), cached, *rest,
    )  # fmt: skip


_NOTHING: Final[Mapping[str, int]] = {}


def _said(word: str) -> str:
    return word if "\\" not in word else _WORDS.process_result_value(word, _ANY) or ""


@functools.lru_cache(maxsize=8_192)
def _mapping(text: str) -> Any:
    """The same ones come again and again; nobody writes to them."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # half a surrogate pair
        return json.loads(text)
