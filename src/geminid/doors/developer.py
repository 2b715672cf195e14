"""The Developer API's door: the URLs and the JSON of generativelanguage.googleapis.com, over any ASGI server.

Requests are decoded into Vertex AI's messages and answered by the handlers that answer those; on the way out each
message and each error is put into this API's form by ``gemini/developer.py``.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager

from starlette.types import Receive, Scope, Send

from geminid.call import Call, Handler, Stream
from geminid.doors import presented, pump
from geminid.doors.replies import reply_to
from geminid.doors.transcode import request_of
from geminid.errors import ApiError, NotFound, Unimplemented
from geminid.gemini import developer
from geminid.gemini.profiles import Catalogue
from geminid.wire import developer_routes
from geminid.wire.developer_routes import Match, Method
from geminid.wire.message import Message

_OWN_PATHS = re.compile(r"/(?:v1|v1beta|v1alpha)/(?:models|files|cachedContents)(?:/.*)?")
_NOT_SERVED = re.compile(
    r".*:(?:embedContent|batchEmbedContents|asyncBatchEmbedContent|batchGenerateContent|predict)"
)
_SHARED_PATHS = re.compile(r"/v1/models(?:/[^/:]+)?")


class DeveloperDoor:
    """An ASGI application for ``/v1beta/models``, ``files`` and ``cachedContents``, also of v1 and v1alpha.

    ``handlers`` answers each method that is served, ``catalogue`` tells which version an alias stands for.
    """

    def __init__(self, handlers: Mapping[Method, Handler], catalogue: Catalogue, *, request_bytes: int) -> None:
        self._handlers = handlers
        self._catalogue = catalogue
        self._request_bytes = request_bytes

    def matches(self, scope: Scope) -> bool:
        """Whether a request is this door's. ``GET /v1/models`` is also OpenAI's: a key in Google's way decides."""
        path = scope["path"]
        if scope["method"] == "GET" and _SHARED_PATHS.fullmatch(path):
            return bool(presented.of_request(scope).api_key)
        return _OWN_PATHS.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = developer_routes.match(scope["method"], scope["path"])
        reply = reply_to(scope, send, streams=match is not None and match.method.streams)
        await pump.exchange(receive, reply, self._request_bytes, functools.partial(self._begin, match, scope))

    async def _begin(self, match: Match | None, scope: Scope, body: bytes) -> Stream:
        if match is None:
            if _NOT_SERVED.fullmatch(scope["path"]):
                verb = scope["path"].rpartition(":")[2]
                raise Unimplemented(f"{verb} is not supported by this server.")
            raise NotFound(f"{scope['method']} {scope['path']} is not a method of this API.")
        with _own_words(match):
            request = await request_of(match.method, match.resource, scope["query_string"], body, match.version)
        call = Call(
            method=match.method.full_name,
            request=request,
            received=dt.datetime.now(dt.UTC),
            door="developer",
            resource=match.resource,
            credentials=presented.of_request(scope),
            started=time.monotonic(),
        )
        return self._answer(match, call)

    async def _answer(self, match: Match, call: Call) -> Stream:
        model_id = match.resource.removeprefix("models/")
        model = self._catalogue.find(model_id)
        version = model.stable if model else model_id
        with _own_words(match, call.request):
            async with aclosing(self._handlers[match.method](call)) as stream:
                async for message in stream:
                    yield developer.translate(message, version)


@contextmanager
def _own_words(match: Match, request: Message | None = None) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        # Not from the error: it may be the same one, which would have itself for its cause, a cycle of references.
        raise developer.reword(error, match, request) from error.__cause__
