"""How a chat completion is framed over HTTP: one JSON object, or server-sent events that end with ``[DONE]``.

Errors are arrays of one, as Google's is a streaming method. Used by ``door.py``; the JSON is ``response.py``'s.
"""

from __future__ import annotations

from typing import cast

import msgspec
from starlette.types import Send

from geminid.doors.openai.response import Completions
from geminid.doors.replies import Format, Reply, SseReply, error_headers, error_json, error_object, send_whole
from geminid.errors import ApiError
from geminid.wire.generation import GenerateContentResponse
from geminid.wire.message import Message

JSON = b"application/json; charset=UTF-8"


class ChatReply:
    """A reply whose form shows in the body of the request: ``open`` chooses it when that is read."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._form: Reply | None = None

    def open(self, completions: Completions, *, streams: bool) -> None:
        form = _Events if streams else _Whole
        self._form = form(self._send, completions)

    async def chunk(self, message: Message) -> None:
        assert self._form is not None, "a reply is opened before the call is made"
        await self._form.chunk(message)

    async def finish(self) -> None:
        assert self._form is not None, "a reply is opened before the call is made"
        await self._form.finish()

    async def fail(self, error: ApiError) -> None:
        if self._form is None:
            await send_error(self._send, error)
        else:
            await self._form.fail(error)


class _Whole:
    """One JSON object, for the one message of a unary method."""

    def __init__(self, send: Send, completions: Completions) -> None:
        self._send = send
        self._completions = completions
        self._body = b""

    async def chunk(self, message: Message) -> None:
        self._body = self._completions.whole(cast(GenerateContentResponse, message))

    async def finish(self) -> None:
        await send_whole(self._send, 200, JSON, self._body)

    async def fail(self, error: ApiError) -> None:
        await send_error(self._send, error)


class _Events(SseReply):
    """One ``data:`` line for each chunk.

    An error after the first of them is a ``data:`` line with the error object: OpenAI's SDKs raise on an object
    that has ``error``, and not on Google's array, which they would take for a chunk
    (https://github.com/openai/openai-python/blob/main/src/openai/_streaming.py).
    """

    def __init__(self, send: Send, completions: Completions) -> None:
        super().__init__(send, Format(sse=True))
        self._completions = completions

    async def chunk(self, message: Message) -> None:
        if chunk := self._completions.chunk(cast(GenerateContentResponse, message)):
            await self._write(_event(chunk))

    async def finish(self) -> None:
        usage = self._completions.usage_chunk()
        await self._write((_event(usage) if usage else b"") + _event(b"[DONE]"), last=True)

    async def fail(self, error: ApiError) -> None:
        if self._started:
            await self._write(_event(msgspec.json.encode(error_object(error))), last=True)
        else:
            await send_error(self._send, error)


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


async def send_error(send: Send, error: ApiError) -> None:
    """Sends ``[{"error": {…}}]`` with the status of its code."""
    body = b"[" + error_json(error) + b"]"
    await send_whole(send, error.code.http, JSON, body, extra=error_headers(error))
