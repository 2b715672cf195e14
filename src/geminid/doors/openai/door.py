"""The OpenAI door: chat completions on Vertex AI's and on OpenAI's own paths, and the list of models.

It resolves what the path and the ``model`` field name, and makes the call, which either form of Gemini's method
answers. ``app.py`` sends here what ``matches``.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import time
from contextlib import aclosing
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from geminid.call import Call, Credentials, Handler, Stream
from geminid.doors import presented, pump
from geminid.doors.openai import chat, models
from geminid.doors.openai.chat import ChatRequest
from geminid.doors.openai.replies import JSON, ChatReply, send_error
from geminid.doors.openai.request import thought_tag, to_request
from geminid.doors.openai.response import Completions
from geminid.doors.replies import send_whole
from geminid.errors import ApiError, InvalidArgument, NotFound, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.wire import developer_routes, routes
from geminid.wire.generation import GenerateContentRequest

_CHAT = re.compile(
    r"/(?:(?P<version>v1|v1beta1)/(?P<parent>projects/[^/]+/locations/[^/]+)/endpoints/(?P<endpoint>[^/:]+)"
    r"|v1|v1beta/openai)/chat/completions"
)
_EMBEDDINGS = re.compile(r".*/(?:v1|openai|endpoints/[^/]+)/embeddings")
_MODELS = re.compile(r"/(?P<base>v1|v1beta/openai)/models(?:/(?P<id>.+))?")


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path of chat completions says. ``parent`` is empty on the paths that name no project."""

    version: str
    parent: str
    endpoint: str

    def resource(self, model: str) -> str:
        """The resource that a ``model`` field names here. Raises InvalidArgument in Google's words."""
        if not self.parent:
            name = models.bare(model)
            if not name:
                raise InvalidArgument("model is required.")
            return f"publishers/google/models/{name}"
        publisher, _, name = model.partition("/")
        if not publisher or not name:
            raise InvalidArgument(
                f"Malformed publisher model (`model`: '{model[:300]}') for the '{self.endpoint}' request endpoint "
                "ID; expected '<publisher>/<model>'."
            )
        return f"{self.parent}/publishers/{publisher}/models/{name}"


class OpenAIDoor:
    """An ASGI application for what ``matches``. ``generate`` and ``stream`` answer Gemini's two methods.

    ``list_models`` is asked before models are listed, so that the same gates decide who may see them. A body may
    have ``request_bytes``.
    """

    def __init__(
        self,
        generate: Handler,
        stream: Handler,
        list_models: Handler,
        catalogue: Catalogue,
        *,
        request_bytes: int,
    ) -> None:
        self._generate = generate
        self._stream = stream
        self._list_models = list_models
        self._catalogue = catalogue
        self._request_bytes = request_bytes

    def matches(self, scope: Scope) -> bool:
        """Whether a request is this door's.

        ``GET /v1/models`` is also the Developer API's, whose clients bring a key: in a header, or as ``key``.
        """
        if scope["method"] == "POST":
            return bool(_CHAT.fullmatch(scope["path"]) or _EMBEDDINGS.fullmatch(scope["path"]))
        found = _MODELS.fullmatch(scope["path"]) if scope["method"] == "GET" else None
        return found is not None and (found["base"] != "v1" or not presented.of_request(scope).api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if found := _CHAT.fullmatch(scope["path"]):
            target = _Target(found["version"] or "v1", found["parent"] or "", found["endpoint"] or "")
            reply = ChatReply(send)
            begin = functools.partial(self._begin, target, _presented(scope), reply)
            await pump.exchange(receive, reply, self._request_bytes, begin)
        elif _EMBEDDINGS.fullmatch(scope["path"]):
            await send_error(send, Unimplemented("embeddings is not supported by this server."))
        elif found := _MODELS.fullmatch(scope["path"]):
            await self._send_models(scope, send, found["base"], found["id"])
        else:
            await send_error(send, NotFound("The requested URL was not found on this server."))

    async def _begin(self, target: _Target, credentials: Credentials, reply: ChatReply, body: bytes) -> Stream:
        asked, request = await pump.parsed(functools.partial(_translate, target), body)
        method = routes.STREAM_GENERATE_CONTENT if asked.stream else routes.GENERATE_CONTENT
        call = Call(
            method=method.full_name(target.version),
            request=request,
            received=dt.datetime.now(dt.UTC),
            door="openai",
            resource=request.model,
            credentials=credentials,
            started=time.monotonic(),
        )
        reply.open(_completions(asked, call), streams=method.streams)
        return (self._stream if method.streams else self._generate)(call)

    async def _send_models(self, scope: Scope, send: Send, base: str, model_id: str | None) -> None:
        prefix = "" if base == "v1" else "models/"
        catalogue = self._catalogue
        call = Call(
            method=developer_routes.LIST_MODELS.full_name,
            request=developer_routes.LIST_MODELS.request(),
            received=dt.datetime.now(dt.UTC),
            door="openai",
            credentials=_presented(scope),
            started=time.monotonic(),
        )
        try:
            async with aclosing(self._list_models(call)) as stream:
                await anext(stream)
            found = models.one(catalogue, prefix, model_id) if model_id else models.listing(catalogue, prefix)
        except ApiError as error:
            await send_error(send, error)
        else:
            await send_whole(send, 200, JSON, found)


def _presented(scope: Scope) -> Credentials:
    """OpenAI's clients send an API key as the bearer; Google's keys are told by how they begin."""
    credentials = presented.of_request(scope)
    if credentials.bearer.startswith("AIza") and not credentials.api_key:
        return Credentials(api_key=credentials.bearer)
    return credentials


def _translate(target: _Target, body: bytes) -> tuple[ChatRequest, GenerateContentRequest]:
    asked = chat.decode(body)
    request = to_request(asked, target.version)
    request.model = target.resource(asked.model)
    return asked, request


def _completions(asked: ChatRequest, call: Call) -> Completions:
    return Completions(
        model=asked.model,
        created=int(call.received.timestamp()),
        include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        thought_tag=thought_tag(asked),
        parallel_calls=asked.parallel_tool_calls is not False,
    )
