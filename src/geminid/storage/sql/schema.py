"""The tables, and how their values are spelled in either database. ``migrations/`` makes them.

A change here needs a migration, and its number in ``SCHEMA``; tests hold the three together.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

SCHEMA: Final = "0003"
"""The newest migration: four digits, counted up."""

VERSION_TABLE: Final = "geminid_schema"

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_UNTOLD: Final = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPED: Final = re.compile(r"\\([0-9a-f]{4})")


class Moment(TypeDecorator[dt.datetime]):
    """An aware time, to the microsecond. SQLite, which has no type for it, counts microseconds since 1970."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if _has_times(dialect) else BigInteger())

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        return value if value is None or _has_times(dialect) else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        moment: dt.datetime = value if _has_times(dialect) else _EPOCH + value * _MICROSECOND
        return moment.astimezone(dt.UTC)


class Words(TypeDecorator[str]):
    r"""Any Python string, ordered by code point.

    PostgreSQL's text holds neither NUL nor lone surrogates, which clients do send: they are kept as ``\`` and four
    hexadecimal digits, and so is ``\`` itself.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text(collation="C" if dialect.name == "postgresql" else None)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and _UNTOLD.sub(lambda found: f"\\{ord(found[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value and _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


def _has_times(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


metadata: Final = MetaData()

cached_contents: Final = Table(
    "cached_contents",
    metadata,
    Column("id", Words, primary_key=True),
    Column("project", Words, nullable=False),
    Column("location", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("display_name", Words, nullable=False),
    Column("usage", LargeBinary, nullable=False),
    Column("blob", Words, nullable=False),
    # The last: SQLite reads a row from its beginning, and a body lies on many pages.
    Column("body", LargeBinary, nullable=False),
    Index("cached_contents_listed", "project", "location", "created", "id"),
    Index("cached_contents_expires", "expires"),
    Index("cached_contents_blobs", "blob"),
)

usage_records: Final = Table(
    "usage_records",
    metadata,
    Column("id", Words, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("project", Words, nullable=False),
    Column("principal", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("method", Words, nullable=False),
    Column("code", Words, nullable=False),
    Column("finish", Words, nullable=False),
    # JSON and not JSONB, which refuses the NUL that a label may hold.
    Column("labels", JSON, nullable=False),
    Column("prompt", JSON, nullable=False),
    Column("output", JSON, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("thoughts", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("first_token_seconds", Double),
    Index("usage_records_time", "time", "id"),
)

buckets: Final = Table(
    "buckets",
    metadata,
    Column("key", Words, primary_key=True),
    Column("level", Double, nullable=False),
    # Microseconds since 1970: it is calculated with, in both databases.
    Column("filled", BigInteger, nullable=False),
    # When it will be full, in such microseconds; never, where it does not fill. Without an index, which would be
    # written with every call and read once a minute.
    Column("full_at", Double),
)

shares: Final = Table(
    "shares",
    metadata,
    Column("key", Words, primary_key=True),
    Column("holder", Words, primary_key=True),
    Column("places", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
)
