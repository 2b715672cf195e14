"""The REST door: Vertex AI's URLs and JSON, over any ASGI server.

It matches the route, decodes the body into the method's message, makes the call, and chooses how the answer is
framed. What happens in between is ``doors/pump.py``'s.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import time
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from geminid.call import Call, Handler, Stream
from geminid.doors import pump
from geminid.doors.replies import ArrayReply, Format, Reply, SseReply, UnaryReply, send_whole
from geminid.wire import json, routes
from geminid.wire.message import Message
from geminid.wire.routes import Match, Method

_OFF_LOOP_BYTES = 256 * 1024
"""Bodies larger than this are decoded on a thread, so that other requests are served meanwhile."""

_NOT_FOUND_PAGE = b"""<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Error 404 (Not Found)!!1</title>
  <p><b>404.</b> The requested URL was not found on this server.
"""


class RestDoor:
    """An ASGI application for ``/v1`` and ``/v1beta1``. ``handlers`` answers each method that is served."""

    def __init__(self, handlers: Mapping[Method, Handler], *, request_bytes: int) -> None:
        self._handlers = handlers
        self._request_bytes = request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = routes.match(scope["method"], scope["path"])
        if match is None:
            # Google's front end answers an unknown path with a page, not with JSON.
            await send_whole(send, 404, b"text/html; charset=UTF-8", _NOT_FOUND_PAGE)
            return
        reply = _reply(match.method, scope, send)
        await pump.exchange(receive, reply, self._request_bytes, functools.partial(self._begin, match))

    async def _begin(self, match: Match, body: bytes) -> Stream:
        request = await _decode(match, body)
        call = Call(
            method=match.method.full_name(match.version),
            request=request,
            received=dt.datetime.now(dt.UTC),
            door="rest",
            started=time.monotonic(),
        )
        return self._handlers[match.method](call)


def _reply(method: Method, scope: Scope, send: Send) -> Reply:
    format_ = Format.parse(scope["query_string"])
    if not method.streams:
        return UnaryReply(send, format_, gzips=_accepts_gzip(scope))
    return SseReply(send, format_) if format_.sse else ArrayReply(send, format_)


def _accepts_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])


async def _decode(match: Match, body: bytes) -> Message:
    if len(body) > _OFF_LOOP_BYTES:
        request = await asyncio.to_thread(json.decode, match.method.request, body, match.version)
    else:
        request = json.decode(match.method.request, body, match.version)
    setattr(request, match.method.binds, match.resource)
    return request
