"""What a database keeps for the server, and how it is asked: the seam between services or gates and ``sql/``.

Values and Protocols only. Times are aware and in UTC. Whatever returns has been kept: a crash right after loses
nothing. All raise ``errors.Unavailable`` where the database cannot be reached.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CachedContentRecord:
    """A ``CachedContent``: ``id`` is the last piece of its name, ``body`` the message as it was created."""

    id: str
    project: str
    location: str
    model: str
    created: dt.datetime
    updated: dt.datetime
    expires: dt.datetime
    body: bytes
    display_name: str = ""


class CachedContents(Protocol):
    """Of one project and location nothing is seen, and nothing can be learnt, by another."""

    async def create(self, record: CachedContentRecord) -> None: ...

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """None where it is not there, belongs to others, or has expired at ``now``."""

    async def list(
        self, project: str, location: str, now: dt.datetime, *, size: int, after: str = ""
    ) -> Sequence[CachedContentRecord]:
        """Newest first, at most ``size``, those after the one with the id ``after``."""

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        """With its new expiration, and ``updated``; None as for ``get``."""

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> bool:
        """Whether there was one."""

    async def sweep(self, now: dt.datetime) -> Sequence[str]:
        """Deletes what has expired; the ids."""


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One call that is over, also one that failed. ``id`` is unique: a record that is added twice counts once.

    ``prompt`` and ``output`` are tokens by modality (``{"TEXT": 12, "IMAGE": 258}``); seconds are of the whole
    call and until its first token. ``code`` is a name of google.rpc.Code.
    """

    id: str
    time: dt.datetime
    project: str
    principal: str
    model: str
    method: str
    code: str
    finish: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: Mapping[str, int] = field(default_factory=dict)
    output: Mapping[str, int] = field(default_factory=dict)
    cached: int = 0
    thoughts: int = 0
    seconds: float = 0.0
    first_token_seconds: float | None = None


class UsageRecords(Protocol):
    async def add(self, records: Sequence[UsageRecord]) -> None:
        """In one transaction. Those whose id is there already are passed over."""

    async def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> Sequence[UsageRecord]:
        """In the order of their times."""

    async def prune(self, before: dt.datetime) -> int:
        """Deletes what is older; how many."""


class Buckets(Protocol):
    """Token buckets that several servers share."""

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        """0.0 where ``amount`` was taken out of the bucket ``key``; it fills by ``per_minute`` up to ``burst``.

        Otherwise nothing was taken, and it is in how many seconds it could be. ``burst`` bounds ``amount``: more
        is taken when the bucket is full, which it then owes.
        """

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        """Takes ``amount`` even where it is not there, which the bucket then owes; gives it back if negative."""
