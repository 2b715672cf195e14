"""The REST door: Vertex AI's URLs and JSON, over any ASGI server.

It matches the route, decodes the body into the method's message, makes the call, and chooses how the answer is
framed. What happens in between is ``doors/pump.py``'s.
"""

from __future__ import annotations

import datetime as dt
import functools
import time
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from geminid.call import Call, Handler, Stream
from geminid.doors import presented, pump
from geminid.doors.replies import JSON, error_json, reply_to, send_whole
from geminid.doors.transcode import request_of
from geminid.errors import Unimplemented
from geminid.wire import routes
from geminid.wire.routes import Match, Method

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
            await _refuse(send, scope["path"])
            return
        reply = reply_to(scope, send, streams=match.method.streams)
        await pump.exchange(receive, reply, self._request_bytes, functools.partial(self._begin, match, scope))

    async def _begin(self, match: Match, scope: Scope, body: bytes) -> Stream:
        method, version = match.method, match.version
        request = await request_of(method, match.resource, scope["query_string"], body, version)
        call = Call(
            method=method.full_name(version),
            request=request,
            received=dt.datetime.now(dt.UTC),
            door="rest",
            resource=match.resource,
            credentials=presented.of_request(scope),
            started=time.monotonic(),
        )
        return self._handlers[method](call)


async def _refuse(send: Send, path: str) -> None:
    if name := routes.not_served(path):
        error = Unimplemented(f"{name} is not supported by this server.")
        await send_whole(send, error.code.http, JSON, error_json(error))
    else:
        # Google's front end answers an unknown path with a page, not with JSON.
        await send_whole(send, 404, b"text/html; charset=UTF-8", _NOT_FOUND_PAGE)
