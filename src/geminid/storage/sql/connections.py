"""How the stores reach a database: work on a connection, for reading or in a transaction. The interface, not one.

``sqlite.py`` and ``postgresql.py`` implement it. Work is a plain function, so that both share all statements.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from geminid.errors import UNAVAILABLE, Unavailable

log = logging.getLogger("geminid.storage")

_T = TypeVar("_T")

Work: TypeAlias = Callable[[Connection], _T]


class Connections(Protocol):
    """A database that is open. All but ``aclose`` raise Unavailable where it cannot be reached or written."""

    async def read(self, work: Work[_T]) -> _T:
        """What ``work`` finds. Each of its statements sees what has been committed before it."""

    async def write(self, work: Work[_T]) -> _T:
        """What ``work`` returns, once what it did is committed. All of it is, or nothing."""

    async def aclose(self) -> None:
        """Finishes the writes that were begun, then closes."""


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Errors of the database's own are told as Unavailable; those of a statement, such as a taken id, are not."""
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except (DBAPIError, PoolTimeout) as error:
        log.error("the database fails: %s", told(error))
        raise Unavailable(UNAVAILABLE) from error


def told(error: DBAPIError | PoolTimeout) -> str:
    """What the database says of an error, in one line and without statements."""
    return " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
