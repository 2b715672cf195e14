"""GenAiCacheService: creates, tells, prolongs and deletes caches. CacheService of the Developer API is the same.

A cache belongs to a project and a location, and to the caller's project in the Developer API, which names neither.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from geminid.attachment import Kind
from geminid.call import Call, Stream
from geminid.errors import InvalidArgument
from geminid.gemini import cache_names, caching
from geminid.gemini.cache_names import Place
from geminid.generation import Generation, Prefix
from geminid.media.understand import Understanding
from geminid.service.cache_bodies import pack, summary_of, usage_in, without_data
from geminid.service.cached import body_of
from geminid.service.clock import SteadyClock
from geminid.service.media import reader_of
from geminid.service.prefixes import Prefixes
from geminid.service.registry import Registry, Served
from geminid.storage.records import CachedContentRecord, CachedContents
from geminid.wire.caching import (
    CachedContent,
    CreateCachedContentRequest,
    DeleteCachedContentRequest,
    GetCachedContentRequest,
    ListCachedContentsRequest,
    ListCachedContentsResponse,
    UpdateCachedContentRequest,
)
from geminid.wire.files import Empty
from geminid.wire.message import FieldMask, Timestamp

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1000
"""As gen_ai_cache_service.proto states; more is taken for this."""

_IN_BODY = ("contents", "system_instruction", "tools", "tool_config", "encryption_spec")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class GenAiCacheService:
    """The RPCs of google.cloud.aiplatform.GenAiCacheService."""

    def __init__(
        self,
        records: CachedContents,
        registry: Registry,
        understanding: Understanding,
        prefixes: Prefixes,
        *,
        minimum: caching.Minimum | None = None,
        clock: Callable[[], dt.datetime] | None = None,
    ) -> None:
        self._records = records
        self._registry = registry
        self._understanding = understanding
        self._prefixes = prefixes
        self._minimum = minimum or caching.Minimum()
        self._clock = clock or SteadyClock()

    async def create_cached_content(self, call: Call) -> Stream:
        """One CachedContent, kept. Raises InvalidArgument, NotFound for an unknown model, Unimplemented."""
        request = call.request
        assert isinstance(request, CreateCachedContentRequest)
        place = cache_names.place_of(request.parent, call.owner)
        content = request.cached_content or CachedContent()
        caching.check_form(content)
        now = self._clock()
        expires = caching.expiration(content, now) or now + caching.DEFAULT_TTL
        served = self._registry.find(content.model)
        call.model = served.model.id
        prefix, tokens = await self._counted(call, served, content)
        usage = caching.usage_of(prefix, sum(tokens.values()))
        record = CachedContentRecord(
            id=place.new_id(),
            project=place.project,
            location=place.location,
            model=content.model,
            created=now,
            updated=now,
            expires=expires,
            display_name=content.display_name,
            usage=summary_of(prefix, usage, tokens),
        )
        await self._records.create(record, await asyncio.to_thread(pack, content, prefix))
        known = replace(prefix, tenant=call.tenant, prefix=Prefix(record.id, len(prefix.turns)))
        await self._prefixes.read(served.engine, known, call.deadline)
        yield _message(record, place)

    async def get_cached_content(self, call: Call) -> Stream:
        """One CachedContent. Raises NotFound for one that is unknown, over, or another's."""
        request = call.request
        assert isinstance(request, GetCachedContentRequest)
        place, cache_id = cache_names.parsed(request.name, call.owner)
        record = await self._records.get(place.project, place.location, cache_id, self._clock())
        if record is None:
            raise cache_names.not_found(cache_id)
        yield _message(record, place)

    async def list_cached_contents(self, call: Call) -> Stream:
        """One page, the newest first."""
        request = call.request
        assert isinstance(request, ListCachedContentsRequest)
        if request.page_size < 0:
            raise InvalidArgument("The page size must not be negative.")
        place = cache_names.place_of(request.parent, call.owner)
        size = min(request.page_size or _DEFAULT_PAGE, _LARGEST_PAGE)
        after = _last_of(request.page_token, place)
        records = await self._records.list(
            place.project, place.location, self._clock(), size=size + 1, after=after
        )
        page = records[:size]
        yield ListCachedContentsResponse(
            cached_contents=[_message(record, place) for record in page],
            next_page_token=_token(page[-1], place) if len(records) > size else "",
        )

    async def update_cached_content(self, call: Call) -> Stream:
        """The CachedContent with its new expiration. Raises NotFound, and InvalidArgument for any other change."""
        request = call.request
        assert isinstance(request, UpdateCachedContentRequest)
        update = request.cached_content or CachedContent()
        place, cache_id = cache_names.parsed(update.name, call.owner)
        now = self._clock()
        record = await self._records.get(place.project, place.location, cache_id, now)
        if record is not None:
            expires = await self._renewed(record, update, request.update_mask, now) or record.expires
            record = await self._records.expire_at(place.project, place.location, cache_id, expires, now)
        if record is None:
            raise cache_names.nothing_to_change(cache_id)
        yield _message(record, place)

    async def delete_cached_content(self, call: Call) -> Stream:
        """Nothing, once the cache is gone. Raises NotFound."""
        request = call.request
        assert isinstance(request, DeleteCachedContentRequest)
        place, cache_id = cache_names.parsed(request.name, call.owner)
        if await self._records.delete(place.project, place.location, cache_id, self._clock()) is None:
            raise cache_names.nothing_to_change(cache_id)
        await self._prefixes.forget(cache_id)
        yield Empty()

    async def _renewed(
        self, record: CachedContentRecord, update: CachedContent, mask: FieldMask | None, now: dt.datetime
    ) -> dt.datetime | None:
        """None for the one it has. An update that says again what is in the body has to be held against that."""
        if not any(getattr(update, name) for name in _IN_BODY):
            kept = CachedContent(model=record.model, display_name=record.display_name)
            return caching.renewed(update, mask, kept, now)
        body, _ = await body_of(self._records, record)
        told = await asyncio.to_thread(without_data, update)
        return caching.renewed(told, mask, body.content, now)

    async def _counted(
        self, call: Call, served: Served, content: CachedContent
    ) -> tuple[Generation, dict[Kind, int]]:
        """The prefix, and how many tokens of which kind it has, which are neither too few nor too many."""
        prefix = await self._understood(call, served, content)
        texts = sum(await served.engine.count_tokens([text for text in prefix.texts() if text]))
        tokens = caching.tokens_by_kind(prefix, texts)
        window = min(served.model.profile.input_tokens, served.engine.capabilities.context_tokens)
        caching.check_size(sum(tokens.values()), self._minimum.of(served.model), window)
        return prefix, tokens

    async def _understood(self, call: Call, served: Served, content: CachedContent) -> Generation:
        """The prefix with its media understood, for as long as the cache lasts."""
        profile = served.model.profile
        if content.tools:
            prefix = await asyncio.to_thread(caching.prefix_of, content, profile)
        else:
            prefix = caching.prefix_of(content, profile)
        if prefix.attachments:
            prefix = await self._understanding.understand(prefix, reader_of(call, served))
        return prefix


def _message(record: CachedContentRecord, place: Place) -> CachedContent:
    """What is told of a cache: not its contents."""
    return CachedContent(
        name=place.name_of(record.id),
        model=record.model,
        create_time=_timestamp(record.created),
        update_time=_timestamp(record.updated),
        expire_time=_timestamp(record.expires),
        display_name=record.display_name,
        usage_metadata=usage_in(record.usage),
    )


def _timestamp(moment: dt.datetime) -> Timestamp:
    since = moment - _EPOCH
    return Timestamp(since.days * 86_400 + since.seconds, since.microseconds * 1000)


def _token(last: CachedContentRecord, place: Place) -> str:
    """Where a page ends: the place, the moment and the id of its last cache."""
    microseconds = (last.created - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{microseconds}/{place.name_of(last.id)}".encode()).decode()


def _last_of(token: str, place: Place) -> tuple[dt.datetime, str] | None:
    """What ``_token`` was given, None for the first page. Raises InvalidArgument: a token is of one place only."""
    if not token:
        return None
    try:
        microseconds, _, name = base64.urlsafe_b64decode(token).decode().partition("/")
        created = _EPOCH + int(microseconds) * _MICROSECOND
    except (binascii.Error, ValueError, OverflowError):
        raise _invalid_token() from None
    cache_id = name.removeprefix(place.name_of(""))
    if not cache_id or cache_id == name:
        raise _invalid_token()
    return created, cache_id


def _invalid_token() -> InvalidArgument:
    return InvalidArgument("The page token is invalid. Use the token of the page before, unchanged.")
