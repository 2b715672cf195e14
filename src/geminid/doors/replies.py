"""How an answer is framed over HTTP: one JSON object, Google's JSON array, or server-sent events.

A reply is written chunk by chunk and either finished or failed. Before the first chunk a failure has an HTTP
status; after it, the documented form inside the stream. Used by the REST doors; knows no method.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Scope, Send

from geminid.errors import ApiError, RetryInfo
from geminid.wire import json
from geminid.wire.message import Message

JSON = b"application/json; charset=UTF-8"
COMMON_HEADERS = [
    (b"vary", b"Origin"),
    (b"vary", b"X-Origin"),
    (b"vary", b"Referer"),
    (b"x-content-type-options", b"nosniff"),
]


@dataclass(frozen=True, slots=True)
class Format:
    """What the query asks for: ``alt``, ``$alt=json;enum-encoding=int`` and ``prettyPrint``."""

    sse: bool = False
    enum_ints: bool = False
    pretty: bool = True

    @classmethod
    def parse(cls, query: bytes) -> Format:
        """Reads a raw query string; parameters that mean nothing here are ignored, as Google does."""
        if not query:
            return _DEFAULT
        asked = dict(parse_qsl(query.decode("latin-1")))
        alt, *options = asked.get("$alt", asked.get("alt", "json")).split(";")
        return cls(
            sse=alt == "sse",
            enum_ints="enum-encoding=int" in options,
            pretty=asked.get("prettyPrint", "true").lower() not in ("false", "0"),
        )


_DEFAULT = Format()


def error_object(error: ApiError) -> dict[str, object]:
    """``{"error": {…}}``, as a dict."""
    return {"error": error.as_object()}


def error_json(error: ApiError) -> bytes:
    """The error object as Google prints it: two-space indent, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(error_object(error)), indent=2) + b"\n"


def error_headers(error: ApiError) -> list[tuple[bytes, bytes]]:
    """``retry-after`` in whole seconds where the error tells when: OpenAI's clients and proxies wait by it."""
    waits = (detail.seconds for detail in error.details if isinstance(detail, RetryInfo))
    return [(b"retry-after", str(math.ceil(seconds)).encode()) for seconds in waits]


class Reply(Protocol):
    async def chunk(self, message: Message) -> None:
        """Writes, or keeps, one message of the answer."""

    async def finish(self) -> None:
        """Ends an answer that is complete."""

    async def fail(self, error: ApiError) -> None:
        """Ends the answer with an error, in the form that fits how far it got."""


class UnaryReply:
    """One JSON object with its length known; compressed when the client accepts gzip, as Google does."""

    def __init__(self, send: Send, format_: Format, *, gzips: bool) -> None:
        self._send = send
        self._format = format_
        self._gzips = gzips
        self._message: Message | None = None

    async def chunk(self, message: Message) -> None:
        self._message = message

    async def finish(self) -> None:
        assert self._message is not None, "a unary method answers with exactly one message"
        format_ = self._format
        body = json.encode(self._message, enum_ints=format_.enum_ints, pretty=format_.pretty)
        await send_whole(self._send, 200, JSON, body, gzips=self._gzips)

    async def fail(self, error: ApiError) -> None:
        headers = error_headers(error)
        await send_whole(self._send, error.code.http, JSON, error_json(error), gzips=self._gzips, extra=headers)


class _StreamReply:
    """What the two streamed forms share: the first chunk decides the status."""

    content_type: bytes
    extra_headers: Iterable[tuple[bytes, bytes]] = ()

    def __init__(self, send: Send, format_: Format) -> None:
        self._send = send
        self._format = format_
        self._started = False

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        if not self._started:
            self._started = True
            headers = [(b"content-type", self.content_type), *self.extra_headers, *COMMON_HEADERS]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})


class ArrayReply(_StreamReply):
    """The default stream: ``[{…}\\n,\\r\\n{…}\\n]`` with nothing after the bracket.

    Python's REST clients count brackets and refuse a newline there
    (google-api-core, rest_streaming_base.py).
    """

    content_type = JSON

    async def chunk(self, message: Message) -> None:
        format_ = self._format
        element = json.encode(message, enum_ints=format_.enum_ints, pretty=format_.pretty)
        await self._write((b",\r\n" if self._started else b"[") + element)

    async def finish(self) -> None:
        await self._write(b"]" if self._started else b"[]", last=True)

    async def fail(self, error: ApiError) -> None:
        if self._started:
            await self._write(b",\r\n" + error_json(error) + b"]", last=True)
        else:
            body = b"[" + error_json(error) + b"]"
            await send_whole(self._send, error.code.http, JSON, body, extra=error_headers(error))


class SseReply(_StreamReply):
    """``alt=sse``: one ``data:`` line for each message, no other lines (Node's clients parse by one regex).

    An error after the first event is the bare error object, without ``data:``, as recorded from Google.
    """

    content_type = b"text/event-stream"
    extra_headers = ((b"content-disposition", b"attachment"),)

    async def chunk(self, message: Message) -> None:
        line = json.encode_line(message, enum_ints=self._format.enum_ints)
        await self._write(b"data: " + line + b"\r\n\r\n")

    async def finish(self) -> None:
        await self._write(b"", last=True)

    async def fail(self, error: ApiError) -> None:
        if self._started:
            await self._write(error_json(error), last=True)
        else:
            headers = error_headers(error)
            await send_whole(self._send, error.code.http, self.content_type, error_json(error), extra=headers)


def reply_to(scope: Scope, send: Send, *, streams: bool) -> Reply:
    """The framing that a request asks for by its query and its headers."""
    format_ = Format.parse(scope["query_string"])
    if streams:
        return SseReply(send, format_) if format_.sse else ArrayReply(send, format_)
    gzips = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
    return UnaryReply(send, format_, gzips=gzips)


async def send_whole(
    send: Send,
    status: int,
    content_type: bytes,
    body: bytes,
    *,
    gzips: bool = False,
    extra: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Sends a complete response, with ``extra`` headers."""
    headers = [(b"content-type", content_type), *COMMON_HEADERS, *extra]
    if gzips:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
