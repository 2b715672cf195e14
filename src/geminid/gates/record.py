"""Keeps each exchange as it was: what was asked, what was answered, and when. A gate for tests of applications.

It stands behind authentication and before all else, so that refusals are kept, too, but strangers leave nothing.
An exchange that the client left is not whole, and not kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.elsewhere.exchanges import METHODS, Exchange
from geminid.errors import ApiError
from geminid.gemini.tokens import to_be_counted, whole_prompt
from geminid.wire import developer_count
from geminid.wire.message import Message
from geminid.wire.routes import Method

_BY_RPC = {method.name: method for method in METHODS.values()}


class Record:
    """The gate. ``keep`` is awaited when an answer is complete: ``elsewhere.recordings.Recordings.keep``."""

    def __init__(self, keep: Callable[[Exchange], Awaitable[None]]) -> None:
        self._keep = keep

    def __call__(self, call: Call, proceed: Handler) -> Stream:
        method = _BY_RPC.get(call.rpc)
        return self._watched(call, proceed, method) if method else proceed(call)

    async def _watched(self, call: Call, proceed: Handler, method: Method) -> AsyncGenerator[Message, None]:
        answer: list[Message] = []
        seconds: list[float] = []
        began = call.started or time.monotonic()

        async def keep(error: ApiError | None = None) -> None:
            request = _of_vertex(call.request)
            named = str(getattr(request, "endpoint", "") or getattr(request, "model", ""))
            model = named.rpartition("/")[2]
            await self._keep(Exchange(method, model, request, answer, error, call.received, seconds))

        try:
            async with aclosing(proceed(call)) as stream:
                async for message in stream:
                    answer.append(message)
                    seconds.append(time.monotonic() - began)
                    yield message
        except ApiError as error:
            seconds.append(time.monotonic() - began)
            await keep(error)
            raise
        await keep()


def _of_vertex(request: Message) -> Message:
    """As others are asked, whichever API the caller speaks."""
    if isinstance(request, developer_count.CountTokensRequest):
        return to_be_counted(whole_prompt(request))
    return request
