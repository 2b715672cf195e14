"""What ``doors/uploads.py`` reads from a request of Google's upload protocol, and how it answers one.

Headers and framing only; no file and no service is known here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from geminid.doors import pump
from geminid.doors.replies import COMMON_HEADERS, JSON, error_json, send_whole
from geminid.errors import (
    AlreadyExists,
    ApiError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from geminid.wire import json
from geminid.wire.message import Message

_GRANULARITY: Final = b"8388608"
"""What Google answers: chunks but the last are to be multiples of it. Here any size is taken."""

_METADATA_BYTES: Final = 65_536
_READ_BYTES: Final = 1_048_576
_FORM: Final = "application/x-www-form-urlencoded"
_PROTOCOLS: Final = {"media": "raw"}
"""Names that ``uploadType`` has for what X-Goog-Upload-Protocol names otherwise."""

_FOR_GOOD: Final = (AlreadyExists, InvalidArgument, NotFound, PermissionDenied, Unauthenticated)


class Transfer:
    """One request that brings a file, or a part of it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self._headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._query: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1")))

    @property
    def token(self) -> str:
        """The upload that it goes on with, empty for a new one."""
        return self._query.get("upload_id", "")

    @property
    def protocol(self) -> str:
        asked = self._header("protocol") or self._query.get("upload_protocol") or self._query.get("uploadType", "")
        return _PROTOCOLS.get(asked.lower(), asked.lower())

    @property
    def commands(self) -> frozenset[str]:
        """``upload, finalize`` is two."""
        return frozenset(word.strip().lower() for word in self._header("command").split(","))

    @property
    def offset(self) -> int:
        return self._number("x-goog-upload-offset") or 0

    @property
    def content_type(self) -> str:
        """Of the body."""
        return self._headers.get("content-type", "")

    @property
    def mime_type(self) -> str:
        """Of the file, if a header of the protocol says it."""
        return self._header("header-content-type") or self._header("content-type")

    @property
    def raw_mime_type(self) -> str:
        """Of a file that is the body; what curl says of every body counts for nothing."""
        return self.mime_type or ("" if self.content_type == _FORM else self.content_type)

    @property
    def size(self) -> int | None:
        """Of the file, in bytes, if it is announced."""
        return self._number("x-goog-upload-header-content-length")

    @property
    def raw_size(self) -> int | None:
        """Of a file that is the body."""
        return self._number("content-length")

    @property
    def upload_url(self) -> str:
        """Where this upload goes on, but for its id: the address that the client used."""
        host = self._headers.get("host") or "{}:{}".format(*self.scope["server"])
        return f"{self.scope['scheme']}://{host}{self.scope['path']}?upload_protocol=resumable&upload_id="

    def chunks(self) -> AsyncIterator[bytes]:
        return pump.chunks(self._receive)

    async def metadata(self) -> bytes:
        """The body of a request that brings no part of the file."""
        return await pump.read(self._receive, _METADATA_BYTES)

    def _header(self, name: str) -> str:
        return self._headers.get(f"x-goog-upload-{name}", "")

    def _number(self, name: str) -> int | None:
        value = self._headers.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) < 16):
            raise InvalidArgument(f"The header {name} must be a number of bytes.")
        return int(value)


class TransferReply:
    """One answer. Google's clients send the same again after an answer that tells no status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False

    async def started(self, url: str) -> None:
        """An upload has begun, and goes on at ``url``."""
        await self._status(
            b"active",
            (b"x-goog-upload-url", url.encode("latin-1")),
            (b"x-goog-upload-control-url", url.encode("latin-1")),
            (b"x-goog-upload-chunk-granularity", _GRANULARITY),
        )

    async def active(self, received: int) -> None:
        await self._status(b"active", (b"x-goog-upload-size-received", b"%d" % received))

    async def cancelled(self) -> None:
        await self._status(b"cancelled")

    async def final(self, message: Message) -> None:
        """The upload has become a file."""
        await self._whole(200, json.encode(message), (b"x-goog-upload-status", b"final"))

    async def file(self, path: Path, mime_type: str) -> None:
        """The bytes of a file, never to be taken for a page of this server."""
        source = await asyncio.to_thread(path.open, "rb")
        try:
            size = os.fstat(source.fileno()).st_size
            headers = [
                (b"content-type", mime_type.encode("latin-1", "replace") or b"application/octet-stream"),
                (b"content-length", b"%d" % size),
                (b"content-disposition", b"attachment"),
                *COMMON_HEADERS,
            ]
            self._started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            while size:
                chunk = await asyncio.to_thread(source.read, min(size, _READ_BYTES))
                size -= len(chunk)
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            await self._send({"type": "http.response.body"})
        finally:
            source.close()

    async def fail(self, error: ApiError) -> None:
        """An error; once bytes of a file were sent, the end of the connection has to say it."""
        if self._started:
            return
        for_good = isinstance(error, _FOR_GOOD)
        await self._whole(
            error.code.http, error_json(error), *([(b"x-goog-upload-status", b"final")] if for_good else [])
        )

    async def _status(self, status: bytes, *headers: tuple[bytes, bytes]) -> None:
        await self._whole(200, b"", (b"x-goog-upload-status", status), *headers)

    async def _whole(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        await send_whole(self._send, status, JSON, body, extra=headers)
