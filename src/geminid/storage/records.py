"""What a database keeps for the server, and how it is asked: the seam between services or gates and ``sql/``.

Values and Protocols only. Times are aware and in UTC. Whatever returns has been kept: a crash right after loses
nothing. All raise ``errors.Unavailable`` where the database cannot be reached.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class CachedContentRecord:
    """What is known of a ``CachedContent`` without its body. ``id`` is the last piece of its name.

    ``usage`` is what it counts, as the service writes it. ``blob`` names the blob that its body is, if it is one.
    """

    id: str
    project: str
    location: str
    model: str
    created: dt.datetime
    updated: dt.datetime
    expires: dt.datetime
    display_name: str = ""
    usage: bytes = b""
    blob: str = ""


class CachedContents(Protocol):
    """Of one project and location nothing is seen, and nothing can be learnt, by another."""

    async def create(self, record: CachedContentRecord, body: bytes) -> None: ...

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """None where it is not there, belongs to others, or has expired at ``now``."""

    async def body(self, record: CachedContentRecord) -> bytes | None:
        """Of a record that was got; it never changes. None where it has been deleted since."""

    async def list(
        self,
        project: str,
        location: str,
        now: dt.datetime,
        *,
        size: int,
        after: tuple[dt.datetime, str] | None = None,
    ) -> Sequence[CachedContentRecord]:
        """Newest first, at most ``size``; those after the one that was created ``after[0]`` with that id."""

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        """With its new expiration, and ``updated``; None as for ``get``."""

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """What there was; None as for ``get``."""

    async def sweep(self, now: dt.datetime) -> Sequence[CachedContentRecord]:
        """Deletes what has expired; what there was."""

    async def alive(self, ids: Collection[str], now: dt.datetime) -> set[str]:
        """Those of ``ids`` that have not expired at ``now``, whosever they are: for the server's own use."""


UNTOLD: Final = ""
"""The modality of tokens of which nobody tells what they stand for."""


class UsageRecord(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One call that is over, also one that failed. ``id`` is unique: a record that is added twice counts once.

    ``prompt``, ``output`` and what of the prompt was ``cached`` are tokens by modality (``{"TEXT": 12, "IMAGE":
    258}``); seconds are of the whole call and until its first token. ``code`` is a name of google.rpc.Code.

    Every call makes one, so that it is a struct and an array in JSON, which cost a fifth of a dataclass. What a
    server left behind is read by its next version: new fields come last, and have defaults.
    """

    id: str
    time: dt.datetime
    project: str
    principal: str
    model: str
    method: str
    code: str
    finish: str = ""
    labels: Mapping[str, str] = {}
    prompt: Mapping[str, int] = {}
    output: Mapping[str, int] = {}
    cached: Mapping[str, int] = {}
    thoughts: int = 0
    seconds: float = 0.0
    first_token_seconds: float | None = None


class UsageRecords(Protocol):
    async def add(self, records: Sequence[UsageRecord]) -> None:
        """In one transaction. Those whose id is there already are passed over."""

    def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """In the order of their times, some thousands at a time, none twice.

        Each part is as the database has it when its turn comes: this is not one moment's view of all.
        """

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


class SweptBuckets(Buckets, Protocol):
    """Those of a database."""

    async def sweep(self, now: dt.datetime) -> int:
        """Forgets those that are full, which nobody can tell from those that are not there; how many."""


class Shares(Protocol):
    """Who has how many places of a number that several servers share, each until it is time to say so again.

    ``holder`` names a server as long as it runs. Each writes one key from one place at a time.
    """

    async def hold(
        self, key: str, holder: str, wanted: int, *, limit: int, now: dt.datetime, until: dt.datetime
    ) -> int:
        """How many ``holder`` has from now on, in all: ``wanted``, or what others leave of ``limit``."""

    async def prolong(self, holder: str, *, now: dt.datetime, until: dt.datetime) -> None:
        """All that ``holder`` has it keeps until then. What others did not prolong in time is forgotten."""
