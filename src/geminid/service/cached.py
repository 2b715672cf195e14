"""Caches as they are kept, and how a request uses one. Called by ``caching.py`` and by services that answer.

What is kept of a cache is its message as it was created, and beside it what it counts, so that a list of caches
reads no contents.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from geminid.attachment import Kind
from geminid.call import Call
from geminid.gemini.cache_names import Place, expired, not_found, parsed
from geminid.gemini.caching import check_model, with_cache
from geminid.service.clock import SteadyClock
from geminid.service.registry import Registry
from geminid.storage.records import CachedContentRecord, CachedContents
from geminid.wire import json
from geminid.wire.caching import CachedContent, CachedContentUsageMetadata
from geminid.wire.generation import GenerateContentRequest

_OFF_LOOP_BYTES = 256 * 1024
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""Asked for at this time, a cache is told also when it has expired."""


class _Kept(msgspec.Struct):
    """The body of a record. ``tokens`` are by kind."""

    usage: msgspec.Raw
    tokens: dict[str, int]
    content: msgspec.Raw


def pack(content: CachedContent, usage: CachedContentUsageMetadata, tokens: Mapping[Kind, int]) -> bytes:
    """The body of the record of a new cache."""
    kept = _Kept(
        usage=msgspec.Raw(json.encode(usage, pretty=False)),
        tokens={kind.name: count for kind, count in tokens.items()},
        content=msgspec.Raw(json.encode(content, pretty=False)),
    )
    return msgspec.json.encode(kept)


def usage_in(body: bytes) -> CachedContentUsageMetadata:
    return json.decode(CachedContentUsageMetadata, bytes(_kept(body).usage))


async def content_in(body: bytes) -> CachedContent:
    """The message as it was created; a large one is read on a thread."""
    if len(body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(_content, body)
    return _content(body)


def _content(body: bytes) -> CachedContent:
    return json.decode(CachedContent, bytes(_kept(body).content))


def _kept(body: bytes) -> _Kept:
    return msgspec.json.decode(body, type=_Kept)


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A request with what is cached in front of it. ``tokens`` are what that counts, by kind."""

    request: GenerateContentRequest
    tokens: Mapping[Kind, int]


class CachedPrompts:
    """Puts caches before requests."""

    def __init__(
        self, records: CachedContents, registry: Registry, *, clock: Callable[[], dt.datetime] | None = None
    ) -> None:
        self._records = records
        self._registry = registry
        self._clock = clock or SteadyClock()

    async def prefixed(self, call: Call, request: GenerateContentRequest) -> Prefixed:
        """``request`` names a cache. Raises NotFound and InvalidArgument.

        The caches of other projects and locations than the call's are not there.
        """
        record = await self._find(call, request.cached_content)
        asked, cached = self._registry.find(request.model), self._registry.find(record.model)
        check_model(asked.model, cached.model)
        whole = with_cache(request, await content_in(record.body))
        return Prefixed(whole, {Kind[name]: count for name, count in _kept(record.body).tokens.items()})

    async def _find(self, call: Call, name: str) -> CachedContentRecord:
        place, cache_id = parsed(name, call.owner)
        record = None
        if _may_use(call, place):
            record = await self._records.get(place.project, place.location, cache_id, _BEGINNING)
        if record is None:
            raise not_found(cache_id)
        if record.expires <= self._clock():
            raise expired(cache_id)
        return record


def _may_use(call: Call, place: Place) -> bool:
    """A path that names no project is of the caller's, and of any where nobody is told apart."""
    if call.project is None:
        return not call.owner or place.project == call.owner
    return call.resource.startswith(f"projects/{place.project}/locations/{place.location}/")
