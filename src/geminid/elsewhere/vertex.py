"""The real service as one more engine: Vertex AI, the Developer API, or another geminid, over HTTPS.

Requests go out in JSON and answers come back message by message, with nothing made of either. The caller's
credentials, headers and names are not sent; the operator's are not told.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING

import geminid
from geminid.elsewhere import http, tolerant
from geminid.elsewhere.base import Asked, Elsewhere
from geminid.elsewhere.credentials import Credentials
from geminid.elsewhere.dialects import Dialect
from geminid.elsewhere.events import Events
from geminid.elsewhere.http import Connections
from geminid.elsewhere.refusals import Refusals
from geminid.errors import EXPIRED, INTERNAL, UNAVAILABLE, DeadlineExceeded, Internal, Unavailable
from geminid.wire import json
from geminid.wire.message import Message

if TYPE_CHECKING:
    import aiohttp

_ANSWER_BYTES = 256 * 1024 * 1024
_ERROR_BYTES = 1024 * 1024
_OFF_LOOP_BYTES = 256 * 1024
_OK = 200


class Vertex(Elsewhere):
    """``endpoint`` is the address without a path. ``model`` is asked for in place of every id, unless empty.

    ``refusals`` knows the operator's project, which errors must not tell.
    """

    def __init__(
        self,
        endpoint: str,
        dialect: Dialect,
        credentials: Credentials,
        *,
        model: str = "",
        refusals: Refusals | None = None,
        connections: Connections | None = None,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._dialect = dialect
        self._credentials = credentials
        self._model = model
        self._refusals = refusals or Refusals()
        self._connections = connections or Connections()

    async def answer(self, asked: Asked) -> AsyncGenerator[Message, None]:
        if self._model:
            asked = dataclasses.replace(asked, base=self._model)
        response = await self._ask(asked)
        try:
            if response.status != _OK:
                body = await http.read(response, _ERROR_BYTES, asked.deadline)
                raise self._refusals.read(
                    response.status, body, self._dialect.resource(asked), _name_in(asked.request)
                )
            if not asked.method.streams:
                whole = await http.read(response, _ANSWER_BYTES, asked.deadline)
                yield await _decoded(asked, whole)
                return
            async for message in self._streamed(asked, response):
                yield message
        finally:
            response.close()

    async def _ask(self, asked: Asked) -> aiohttp.ClientResponse:
        dialect = self._dialect
        url = self._endpoint + dialect.path(asked) + ("?alt=sse" if asked.method.streams else "")
        request = dialect.body(asked)
        body = await _encoded(request)
        headers = {**_HEADERS, **_time_left(asked.deadline), **await self._credentials.headers()}
        return await self._connections.post(url, body, headers, asked.deadline)

    async def _streamed(self, asked: Asked, response: aiohttp.ClientResponse) -> AsyncGenerator[Message, None]:
        if response.content_type != "text/event-stream":
            raise Internal(INTERNAL)
        events, begun, more = Events(), False, True
        while more:
            received = await http.receive(response, asked.deadline)
            more = bool(received)
            for data in events.feed(received) if more else events.end():
                begun = True
                yield await _decoded(asked, data)
        if events.stray:
            raise self._refusals.read(_OK, events.stray, self._dialect.resource(asked), _name_in(asked.request))
        if not begun:
            raise Unavailable(UNAVAILABLE)

    async def aclose(self) -> None:
        await self._connections.aclose()


_HEADERS = {"content-type": "application/json", "user-agent": f"geminid/{geminid.__version__}"}


def _time_left(deadline: float | None) -> Mapping[str, str]:
    """In the header by which Google's own clients carry their deadlines over HTTP. Raises DeadlineExceeded."""
    if deadline is None:
        return {}
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded(EXPIRED)
    return {"x-server-timeout": str(math.ceil(left))}


async def _encoded(request: Message) -> bytes:
    """Media is written off the event loop."""
    contents = getattr(request, "contents", ())
    if any(part.inline_data is not None for content in contents for part in content.parts):
        return await asyncio.to_thread(json.encode, request, pretty=False)
    return json.encode(request, pretty=False)


async def _decoded(asked: Asked, body: bytes) -> Message:
    if len(body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(tolerant.decode, asked.method.response, body)
    return tolerant.decode(asked.method.response, body)


def _name_in(request: Message) -> str:
    """What the caller calls the model."""
    return str(getattr(request, "endpoint", "") or getattr(request, "model", ""))
