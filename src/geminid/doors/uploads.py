"""The bytes of files: Google's upload protocols in, downloads out.

A door of its own beside ``doors/developer.py``, since what passes here are no messages: it goes to disk and comes
from there in pieces. ``resumable`` is what https://ai.google.dev/gemini-api/docs/files shows and clients use;
``multipart`` and ``raw`` take one request (https://developers.google.com/photos/library/guides/upload-media).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, TypeVar

from starlette.types import Receive, Scope, Send

from geminid.call import Call, Handler, Stream
from geminid.doors import presented, pump
from geminid.doors.multipart import Related
from geminid.doors.transfers import Transfer, TransferReply
from geminid.errors import ApiError, InvalidArgument, NotFound
from geminid.service.files import FileService
from geminid.wire import developer_routes
from geminid.wire.developer_routes import Method
from geminid.wire.files import CreateFileRequest, CreateFileResponse, DownloadFileRequest, Empty
from geminid.wire.message import Message

UPLOADS: Final = "/upload/"
"""How the paths begin whose bodies are streamed to disk, and so have a limit of their own."""

FRAMING_BYTES: Final = 1_048_576
"""What the body of a multipart upload may have beside the file."""

_UPLOAD: Final = re.compile(r"/upload/(?P<version>v1|v1beta|v1alpha)/files")
_DOWNLOAD: Final = re.compile(r"/(?:v1|v1beta|v1alpha)/(?P<name>files/[^/:]+):download")

_T = TypeVar("_T")


class UploadDoor:
    """An ASGI application for ``/upload/v1beta/files`` and ``/v1beta/files/ID:download``.

    ``guard`` puts the gates before a handler. Downloads and the first request of an upload pass them; the other
    requests of an upload present its id, which nobody can guess.
    """

    def __init__(self, files: FileService, guard: Callable[[Handler], Handler]) -> None:
        self._files = files
        self._guard = guard

    def matches(self, scope: Scope) -> bool:
        """Whether a request is this door's."""
        path = scope["path"]
        return bool(_UPLOAD.fullmatch(path) or (scope["method"] == "GET" and _DOWNLOAD.fullmatch(path)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = TransferReply(send)
        if found := _DOWNLOAD.fullmatch(scope["path"]):
            await pump.ended(reply, self._download(found["name"], scope, reply))
        else:
            await pump.ended(reply, self._upload(Transfer(scope, receive), reply))

    async def _download(self, name: str, scope: Scope, reply: TransferReply) -> None:
        call = _call(scope, developer_routes.DOWNLOAD_FILE, DownloadFileRequest(name=name), name)
        path, mime_type = await self._admitted(call, self._files.download)
        await reply.file(path, mime_type)

    async def _upload(self, transfer: Transfer, reply: TransferReply) -> None:
        method, path = transfer.scope["method"], transfer.scope["path"]
        if method not in ("POST", "PUT"):
            raise NotFound(f"{method} {path} is not a method of this API.")
        if transfer.token:
            return await self._resume(transfer, reply)
        match transfer.protocol:
            case "resumable":
                await self._start(transfer, reply)
            case "multipart":
                await reply.final(await self._multipart(transfer))
            case "raw":
                await reply.final(await self._raw(transfer))
            case _:
                raise InvalidArgument(
                    "The upload protocol is not known. Set the header X-Goog-Upload-Protocol to resumable, "
                    "multipart or raw."
                )

    # Several requests: the first one begins the upload, the others bring the file.

    async def _start(self, transfer: Transfer, reply: TransferReply) -> None:
        if "start" not in transfer.commands:
            raise InvalidArgument("A resumable upload begins with the header X-Goog-Upload-Command: start.")
        metadata = await transfer.metadata()
        token = await self._begin(transfer, metadata, transfer.mime_type, transfer.size)
        await reply.started(transfer.upload_url + token)

    async def _resume(self, transfer: Transfer, reply: TransferReply) -> None:
        token, commands = transfer.token, transfer.commands
        if "cancel" in commands:
            await self._files.cancel(token)
            return await reply.cancelled()
        if commands.isdisjoint({"upload", "finalize", "query"}):
            raise InvalidArgument("X-Goog-Upload-Command must be upload, finalize, both, query or cancel.")
        received, done = await self._files.progress(token)
        if done is None and "upload" in commands:
            received = await self._files.append(token, transfer.offset, transfer.chunks())
        if done is None and "finalize" in commands:
            done = await self._files.finish(token)
        await (reply.final(done) if done else reply.active(received))

    # One request that brings the whole file.

    async def _multipart(self, transfer: Transfer) -> CreateFileResponse:
        related = Related(transfer.content_type, transfer.chunks())
        metadata = await related.metadata()
        mime_type = transfer.mime_type or await related.media_type()
        token = await self._begin(transfer, metadata, mime_type, None)
        return await self._whole(token, related.media())

    async def _raw(self, transfer: Transfer) -> CreateFileResponse:
        token = await self._begin(transfer, b"", transfer.raw_mime_type, transfer.raw_size)
        return await self._whole(token, transfer.chunks())

    async def _whole(self, token: str, chunks: AsyncIterator[bytes]) -> CreateFileResponse:
        try:
            await self._files.append(token, 0, chunks)
            return await self._files.finish(token)
        except (ApiError, pump.ClientGone):
            with contextlib.suppress(NotFound):
                await self._files.cancel(token)
            raise

    async def _begin(self, transfer: Transfer, metadata: bytes, mime_type: str, size: int | None) -> str:
        found = _UPLOAD.fullmatch(transfer.scope["path"])
        assert found is not None
        request = CreateFileRequest()
        if metadata.strip():
            request = await pump.decode(CreateFileRequest, metadata, found["version"])
        call = _call(transfer.scope, developer_routes.CREATE_FILE, request)
        return await self._admitted(call, lambda call: self._files.begin(call, mime_type, size))

    async def _admitted(self, call: Call, act: Callable[[Call], Awaitable[_T]]) -> _T:
        """What ``act`` comes to behind the gates."""
        results: list[_T] = []

        async def handler(call: Call) -> Stream:
            results.append(await act(call))
            yield Empty()

        async with aclosing(self._guard(handler)(call)) as stream:
            async for _ in stream:
                pass
        return results[0]


def _call(scope: Scope, method: Method, request: Message, resource: str = "") -> Call:
    return Call(
        method=method.full_name,
        request=request,
        received=dt.datetime.now(dt.UTC),
        door="uploads",
        resource=resource,
        credentials=presented.of_request(scope),
        started=time.monotonic(),
    )
