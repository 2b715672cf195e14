"""Calls whose model is elsewhere: passed on in the API's own words, and answered by the messages that come back.

Wrapped around the services that answer from engines. Gates were passed before, and usage is told as theirs is;
what a request may ask for, what is safe, and what it quotes is for others to say.
"""

from __future__ import annotations

import time
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.elsewhere.base import Asked, Elsewhere
from geminid.gemini.labels import labels_of
from geminid.gemini.tokens import to_be_counted, whole_prompt
from geminid.generation import FinishReason, Usage
from geminid.service.cached import CachedPrompts
from geminid.service.registry import Registry, Served
from geminid.wire import developer_count, routes
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import Message

_METHODS = {
    method.name: method
    for method in (
        routes.GENERATE_CONTENT,
        routes.STREAM_GENERATE_CONTENT,
        routes.COUNT_TOKENS,
        routes.COMPUTE_TOKENS,
    )
}


class PassingOn:
    """A gate in form: it asks elsewhere where that answers, and the service behind it otherwise."""

    def __init__(self, registry: Registry, caches: CachedPrompts) -> None:
        self._registry = registry
        self._caches = caches

    def __call__(self, call: Call, proceed: Handler) -> Stream:
        served = self._registry.find(model_named(call.request), call.attempt)
        if isinstance(served.engine, Elsewhere):
            return self._pass(call, served, served.engine)
        return proceed(call)

    async def _pass(self, call: Call, served: Served, elsewhere: Elsewhere) -> Stream:
        call.model = served.model.id
        asked = Asked(
            method=_METHODS[call.rpc],
            version="v1beta1" if ".v1beta" in call.method else "v1",
            model=served.model.id,
            base=self._registry.catalogue.added.get(served.model.id, served.model.id),
            request=await self._whole(call, elsewhere),
            deadline=call.deadline,
        )
        async with call.turn, aclosing(elsewhere.answer(asked)) as stream:
            async for message in stream:
                if isinstance(message, GenerateContentResponse):
                    _hear(call, message)
                yield message

    async def _whole(self, call: Call, elsewhere: Elsewhere) -> Message:
        """The request with all that it stands for. Raises InvalidArgument and NotFound."""
        request = call.request
        counts = isinstance(request, developer_count.CountTokensRequest)
        if isinstance(request, developer_count.CountTokensRequest):
            request = whole_prompt(request)
        if not isinstance(request, GenerateContentRequest):
            return request
        labels_of(request)
        if request.cached_content and elsewhere.whole:
            request = (await self._caches.prefixed(call, request)).request
        return to_be_counted(request) if counts else request


def model_named(request: Message) -> str:
    """The resource name of the model that a request asks for."""
    return str(getattr(request, "endpoint", "") or getattr(request, "model", ""))


def _hear(call: Call, answer: GenerateContentResponse) -> None:
    """What a usage record tells."""
    if call.first_token is None and answer.candidates:
        call.first_token = time.monotonic()
    for candidate in answer.candidates:
        if candidate.finish_reason is not None:
            call.finish = FinishReason.__members__.get(candidate.finish_reason.name, FinishReason.OTHER)
    told = answer.usage_metadata
    if told is not None and told.total_token_count:
        call.usage = Usage(
            prompt=told.prompt_token_count,
            output=told.candidates_token_count,
            cached=told.cached_content_token_count,
            thoughts=told.thoughts_token_count,
        )
