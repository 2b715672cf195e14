"""How a request uses a cache. Called by services that answer or count.

Whether there is such a cache is found out without its body, so that the time it takes tells nothing of others'.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from geminid.attachment import Kind, Media
from geminid.call import Call
from geminid.engines.base import Capabilities
from geminid.gemini import support
from geminid.gemini.cache_names import Place, expired, invalid_name, not_found, parsed
from geminid.gemini.caching import check_model, with_cache
from geminid.generation import Prefix
from geminid.service.cache_bodies import Cached, Summary, needs, summary_in, unpack
from geminid.service.clock import SteadyClock
from geminid.service.registry import Registry
from geminid.storage.records import CachedContentRecord, CachedContents
from geminid.wire.content import Content
from geminid.wire.generation import GenerateContentRequest

_OFF_LOOP_BYTES = 256 * 1024
_REMEMBERED_BYTES = 64 * 1024 * 1024
"""Of bodies that were used last, as they are kept."""
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""Asked for at this time, a cache is told also when it has expired."""


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A request with what is cached in front of it: ``tokens`` are what that counts, by kind.

    The cache ``id`` has the first ``turns`` of the prompt whole. Where it ends with a turn of the user and the
    request begins with one, the two are one turn: the cache's are the first ``pieces`` of it. ``media`` is what
    stands for the first attachments.
    """

    request: GenerateContentRequest
    tokens: Mapping[Kind, int]
    id: str
    turns: int
    pieces: int = 0
    media: tuple[Media, ...] = ()

    @property
    def prefix(self) -> Prefix:
        """What engines are told of it."""
        return Prefix(self.id, self.turns, self.pieces)


class CachedPrompts:
    """Puts caches before requests."""

    def __init__(
        self, records: CachedContents, registry: Registry, *, clock: Callable[[], dt.datetime] | None = None
    ) -> None:
        self._records = records
        self._registry = registry
        self._clock = clock or SteadyClock()
        self._recent = _Recent(_REMEMBERED_BYTES)

    async def prefixed(self, call: Call, request: GenerateContentRequest) -> Prefixed:
        """``request`` names a cache. Raises NotFound and InvalidArgument.

        The caches of other projects and locations than the call's are not there. One whose media was made ready
        for an engine that sees or hears is over for an engine that does not.
        """
        record = await self._find(call, request.cached_content)
        asked, cached = self._registry.find(request.model, call.attempt), self._registry.find(record.model)
        check_model(asked.model, cached.model)
        body = await self._body(record)
        _check_senses(body.media, asked.engine.capabilities, record.id)
        whole = with_cache(request, body.content)
        summary = summary_in(record.usage)
        turns, pieces = _share(summary, body.content.contents, request.contents)
        tokens = {Kind[name]: count for name, count in summary.tokens.items()}
        return Prefixed(whole, tokens, record.id, turns, pieces, body.media)

    async def _find(self, call: Call, name: str) -> CachedContentRecord:
        place, cache_id = parsed(name, call.owner)
        if place.location and call.door == "developer":
            raise invalid_name(name)
        record = None
        if _may_use(call, place):
            record = await self._records.get(place.project, place.location, cache_id, _BEGINNING)
        if record is None:
            raise not_found(cache_id)
        if record.expires <= self._clock():
            raise expired(cache_id)
        return record

    async def _body(self, record: CachedContentRecord) -> Cached:
        known = self._recent.get(record.id)
        if known is not None:
            return known
        cached, size = await body_of(self._records, record)
        self._recent.put(record.id, cached, size)
        return cached


async def body_of(records: CachedContents, record: CachedContentRecord) -> tuple[Cached, int]:
    """The body of a cache, and how many bytes it has; a large one is read on a thread. Raises NotFound."""
    body = await records.body(record)
    if body is None:  # deleted since the record was read
        raise not_found(record.id)
    cached = await asyncio.to_thread(unpack, body) if len(body) > _OFF_LOOP_BYTES else unpack(body)
    return cached, len(body)


class _Recent:
    """Bodies by the ids of their caches, which never change; what was not used for the longest time goes first.

    Whether a cache is still there, and whose it is, is asked of the database each time.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[str, tuple[Cached, int]] = OrderedDict()
        self._bytes = 0

    def get(self, id: str) -> Cached | None:
        if id not in self._kept:
            return None
        self._kept.move_to_end(id)
        return self._kept[id][0]

    def put(self, id: str, cached: Cached, size: int) -> None:
        if size > self._most or id in self._kept:
            return
        self._kept[id] = cached, size
        self._bytes += size
        while self._bytes > self._most:
            self._bytes -= self._kept.popitem(last=False)[1][1]


async def prefixed_by(caches: CachedPrompts | None, call: Call, request: GenerateContentRequest) -> Prefixed:
    """As ``CachedPrompts.prefixed``. Raises Unimplemented, naming the field, where there are none."""
    if caches is None:
        raise support.refusal("cached_content")
    return await caches.prefixed(call, request)


def _may_use(call: Call, place: Place) -> bool:
    """A path that names no project is of the caller's, and of any where nobody is told apart."""
    if call.project is None:
        return not call.owner or place.project == call.owner
    return call.resource.startswith(f"projects/{place.project}/locations/{place.location}/")


def _check_senses(media: Sequence[Media], capabilities: Capabilities, id: str) -> None:
    """Another engine may stand behind the model than when the cache was made: clients make one anew then."""
    to_see, to_hear = needs(media)
    if (to_see and not capabilities.sees) or (to_hear and not capabilities.hears):
        raise expired(id)


def _share(summary: Summary, cached: Sequence[Content], own: Sequence[Content]) -> tuple[int, int]:
    """How many turns of the prompt are the cache's whole, and how many pieces of the next one.

    Neighbours of one role are one turn (``gemini/turns.py``): of the user's, pieces follow pieces; the model's
    text becomes one, of which no piece is the cache's.
    """
    if not cached or _of_model(cached[-1]) != _of_model(own[0]):
        return summary.turns, 0
    return max(summary.turns - 1, 0), 0 if _of_model(own[0]) else summary.pieces


def _of_model(content: Content) -> bool:
    return content.role.lower() == "model"
