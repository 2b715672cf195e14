"""``records.Shares`` in a database: a row is how many places one server has of a key, and until when.

Servers that ask for the same key at the same time take turns, since each has to see what the others have.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final

from sqlalchemy import Connection, Executable, bindparam, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from geminid.storage.sql.connections import Connections
from geminid.storage.sql.schema import Moment, Words
from geminid.storage.sql.schema import shares as table

# Until the end of the transaction. SQLite lets one write at a time anyway. No call waits for the disk: a crash of
# PostgreSQL may forget places, which their server tells of again.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:lock), set_config('synchronous_commit', 'off', true)")

_name = bindparam("name", type_=Words)
_holder = bindparam("who", type_=Words)
_now = bindparam("now", type_=Moment)
_until = bindparam("then", type_=Moment)

_OTHERS: Final = select(func.coalesce(func.sum(table.c.places), 0)).where(
    table.c.key == _name, table.c.holder != _holder, table.c.until > _now
)
_GIVE_BACK: Final = delete(table).where(table.c.key == _name, table.c.holder == _holder)
_PROLONG: Final = update(table).where(table.c.holder == _holder).values(until=_until)
_FORGET: Final = delete(table).where(table.c.until <= _now)


def _holding(dialect: Any) -> Executable:
    values = {"places": bindparam("places"), "until": _until}
    holding: Executable = (
        dialect.insert(table)
        .values(key=_name, holder=_holder, **values)
        .on_conflict_do_update(index_elements=[table.c.key, table.c.holder], set_=values)
    )
    return holding


_HOLD: Final = {"postgresql": _holding(postgresql), "sqlite": _holding(sqlite)}


class SqlShares:
    """Implements ``records.Shares``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def hold(
        self, key: str, holder: str, wanted: int, *, limit: int, now: dt.datetime, until: dt.datetime
    ) -> int:
        """As ``records.Shares`` says."""
        asked = {"name": key, "who": holder, "now": now, "then": until}
        return await self._connections.write(lambda connection: _held(connection, asked, wanted, limit))

    async def prolong(self, holder: str, *, now: dt.datetime, until: dt.datetime) -> None:
        """As ``records.Shares`` says."""
        asked = {"who": holder, "now": now, "then": until}
        await self._connections.write(lambda connection: _prolonged(connection, asked))


def _held(connection: Connection, asked: dict[str, Any], wanted: int, limit: int) -> int:
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"lock": _lock_of(asked["name"])})
    others = connection.execute(_OTHERS, asked).scalar_one() if wanted else 0
    places = max(0, min(wanted, limit - int(others)))
    if places:
        connection.execute(_HOLD[connection.dialect.name], asked | {"places": places})
    else:
        connection.execute(_GIVE_BACK, asked)
    return places


def _prolonged(connection: Connection, asked: dict[str, Any]) -> None:
    connection.execute(_PROLONG, asked)
    connection.execute(_FORGET, asked)


def _lock_of(key: str) -> int:
    """The number of an advisory lock; keys that share one only wait for each other."""
    digest = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
