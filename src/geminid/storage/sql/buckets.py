"""``records.Buckets`` in a database: a row is how full a bucket was at a moment, and one statement takes from it.

A bucket that refuses is only read, so that overload costs no writes.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Executable,
    bindparam,
    case,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from geminid.storage.sql.connections import Connections
from geminid.storage.sql.schema import buckets as table

_Attempt: TypeAlias = dict[str, Any]
"""The parameters of the statements. ``rate`` is by the microsecond, ``now`` in microseconds since 1970."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_MICROSECONDS_A_MINUTE: Final = 60_000_000
_ROUNDING: Final = 1e-9
_SWEPT: Final = 10_000
"""Rows at a time, so that no call waits long for one of them."""

_amount = bindparam("amount", type_=Double)
_burst = bindparam("burst", type_=Double)
_needed = bindparam("needed", type_=Double)
_rate = bindparam("rate", type_=Double)
_now = bindparam("now", type_=BigInteger)

# The clocks of servers differ a little; the time of a bucket does not go back.
_latest = case((table.c.filled < _now, _now), else_=table.c.filled)
_filled = table.c.level + _rate * (_latest - table.c.filled)
_level = case((_filled < _burst, _filled), else_=_burst)

_SELECT: Final = select(_level).where(table.c.key == bindparam("name"))

_left: ColumnElement[float] = _level - _amount
_found = {"level": _left, "filled": _latest, "full_at": _latest + (_burst - _left) / func.nullif(_rate, 0)}
_new = {"level": _burst - _amount, "filled": _now, "full_at": _now + _amount / func.nullif(_rate, 0)}

_full = select(table.c.key).where(table.c.full_at <= _now).limit(_SWEPT)
_SWEEP: Final = delete(table).where(table.c.key.in_(_full), table.c.full_at <= _now)


def _taking(dialect: Any, *more: ColumnElement[str]) -> Executable:
    """Takes, in a row that is new or full enough, and returns the key; nothing where it is not."""
    insert = dialect.insert(table).values(key=bindparam("name"), **_new)
    taking: Executable = insert.on_conflict_do_update(
        index_elements=[table.c.key], set_=_found, where=_level >= _needed
    ).returning(table.c.key, *more)
    return taking


def _settling(dialect: Any, *more: ColumnElement[str]) -> Executable:
    """Takes whatever is there."""
    insert = dialect.insert(table).values(key=bindparam("name"), **_new)
    settling: Executable = insert.on_conflict_do_update(index_elements=[table.c.key], set_=_found).returning(
        table.c.key, *more
    )
    return settling


_SETTLE: Final = {
    "postgresql": _settling(postgresql, func.set_config("synchronous_commit", "off", True)),
    "sqlite": _settling(sqlite),
}

_TAKE: Final = {
    # No request waits for the disk: a crash of PostgreSQL may give back what was taken in its last moment.
    "postgresql": _taking(postgresql, func.set_config("synchronous_commit", "off", True)),
    "sqlite": _taking(sqlite),
}


class SqlBuckets:
    """Implements ``records.SweptBuckets``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        """As ``records.Buckets`` says; infinite where a bucket does not fill."""
        rate = per_minute / _MICROSECONDS_A_MINUTE
        enough = min(amount, burst)
        attempt: _Attempt = {
            "name": key,
            "amount": amount,
            "burst": burst,
            "rate": rate,
            "now": (now - _EPOCH) // _MICROSECOND,
            "needed": enough - rate - _ROUNDING * burst,  # what a microsecond brings, nobody can wait for
        }
        while True:
            level = await self._connections.read(lambda connection: _level_of(connection, attempt))
            if level is not None and level < attempt["needed"]:
                return (enough - level) / (rate * 1e6) if rate > 0 else math.inf
            if await self._connections.write(lambda connection: _took(connection, attempt)):
                return 0.0

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        """As ``records.Buckets`` says."""
        rate = per_minute / _MICROSECONDS_A_MINUTE
        moment = (now - _EPOCH) // _MICROSECOND
        change: _Attempt = {"name": key, "amount": amount, "burst": burst, "rate": rate, "now": moment}
        await self._connections.write(
            lambda connection: connection.execute(_SETTLE[connection.dialect.name], change).first()
        )

    async def sweep(self, now: dt.datetime) -> int:
        """As ``records.SweptBuckets`` says."""
        moment, swept = {"now": (now - _EPOCH) // _MICROSECOND}, 0
        while True:
            rows = await self._connections.write(lambda connection: connection.execute(_SWEEP, moment).rowcount)
            swept += rows
            if rows < _SWEPT:
                return swept


def _level_of(connection: Connection, attempt: _Attempt) -> float | None:
    """How full the bucket is; None for one that is not there, which is full."""
    return connection.execute(_SELECT, attempt).scalar()


def _took(connection: Connection, attempt: _Attempt) -> bool:
    return connection.execute(_TAKE[connection.dialect.name], attempt).first() is not None
