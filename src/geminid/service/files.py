"""The Files API: FileService of google.ai.generativelanguage, and what ``doors/uploads.py`` does with bytes.

An upload's first step names its caller, the others are let in by its token, which only that caller was told.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from geminid.call import Call, Stream
from geminid.errors import AlreadyExists, InvalidArgument, PermissionDenied
from geminid.storage.upload_folder import Begun, Kept
from geminid.storage.uploads import Uploads
from geminid.wire.files import (
    CreateFileRequest,
    CreateFileResponse,
    DeleteFileRequest,
    DownloadFileRequest,
    Empty,
    File,
    GetFileRequest,
    ListFilesRequest,
    ListFilesResponse,
    Source,
    State,
)
from geminid.wire.message import Bytes, Int64, Timestamp

# The bounds are those that Google's file.proto and file_service.proto state.
_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_DISPLAY_NAME_CHARACTERS: Final = 512
_MIME_TYPE: Final = re.compile(r"([!-.0-~]{1,128})/[ -~]{1,256}")
_TOP_LEVEL_TYPES: Final = frozenset(
    {"application", "audio", "font", "image", "message", "model", "multipart", "text", "video"}
)
"""https://www.iana.org/assignments/top-level-media-types"""
_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 100

_URI: Final = "https://generativelanguage.googleapis.com/v1beta/files/"
"""Whatever address the server has: clients only hand it back, as a ``fileUri``."""


class FileService:
    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def get_file(self, call: Call) -> Stream:
        """One File. Raises PermissionDenied for a file that is unknown, over, or another's."""
        request = call.request
        assert isinstance(request, GetFileRequest)
        yield _file(await self._named(request.name, call))

    async def list_files(self, call: Call) -> Stream:
        """One page of the caller's files, the newest first."""
        request = call.request
        assert isinstance(request, ListFilesRequest)
        files = await self._uploads.owned(call.owner)
        page, token = _page(files, request.page_size, request.page_token)
        yield ListFilesResponse(files=[_file(kept) for kept in page], next_page_token=token)

    async def delete_file(self, call: Call) -> Stream:
        """Nothing, once the file is gone. Raises PermissionDenied as ``get_file`` does."""
        request = call.request
        assert isinstance(request, DeleteFileRequest)
        await self._uploads.delete(await self._named(request.name, call))
        yield Empty()

    async def find(self, file_id: str, owner: str) -> tuple[Path, str]:
        """Where the bytes of a file are, and its MIME type. Raises PermissionDenied."""
        kept = await self._kept(file_id, owner)
        return self._uploads.path(kept), kept.mime_type

    async def download(self, call: Call) -> tuple[Path, str]:
        """``find`` for a caller that has passed the gates."""
        request = call.request
        assert isinstance(request, DownloadFileRequest)
        return await self.find(request.name.removeprefix("files/"), call.owner)

    # Uploading.

    async def begin(self, call: Call, mime_type: str, size: int | None) -> str:
        """The token of a new upload of ``size`` bytes, as far as that is known.

        Raises InvalidArgument, AlreadyExists for a name that is taken, ResourceExhausted.
        """
        request = call.request
        assert isinstance(request, CreateFileRequest)
        file = request.file or File()
        if len(file.display_name) > _DISPLAY_NAME_CHARACTERS:
            raise InvalidArgument(
                "* CreateFileRequest.file.display_name: display_name must not be longer than "
                f"{_DISPLAY_NAME_CHARACTERS} characters"
            )
        mime_type = mime_type or file.mime_type
        _check_type(mime_type)
        begun = Begun(
            id=_id(file.name),
            owner=call.owner,
            display_name=file.display_name,
            mime_type=mime_type,
            size=size,
            expires=call.received,
        )
        return await self._uploads.begin(begun)

    async def progress(self, token: str) -> tuple[int, CreateFileResponse | None]:
        """How many bytes an upload has, and what ``finish`` answered if it did. Raises NotFound."""
        progress = await self._uploads.progress(token)
        return progress.received, CreateFileResponse(file=_file(progress.kept)) if progress.kept else None

    async def append(self, token: str, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """How many bytes there are now. An upload that brings too much is over."""
        try:
            return await self._uploads.append(token, offset, chunks)
        except InvalidArgument:
            await self._uploads.cancel(token)
            raise

    async def finish(self, token: str) -> CreateFileResponse:
        """The File. An upload that cannot become one is over."""
        try:
            return CreateFileResponse(file=_file(await self._uploads.finish(token)))
        except (InvalidArgument, AlreadyExists):
            await self._uploads.cancel(token)
            raise

    async def cancel(self, token: str) -> None:
        """Ends an upload. Raises NotFound."""
        await self._uploads.cancel(token)

    async def _named(self, name: str, call: Call) -> Kept:
        return await self._kept(name.removeprefix("files/"), call.owner)

    async def _kept(self, file_id: str, owner: str) -> Kept:
        kept = await self._uploads.find(file_id, owner) if _ID.fullmatch(file_id) else None
        if kept is None:
            raise PermissionDenied(f"You do not have permission to access the File {file_id} or it may not exist.")
        return kept


def _check_type(mime_type: str) -> None:
    """One that is not told is found in the bytes later. Raises InvalidArgument."""
    if not mime_type:
        return
    found = _MIME_TYPE.fullmatch(mime_type)
    if found is None:
        raise InvalidArgument("* CreateFileRequest.file.mime_type: mime_type must be of the form type/subtype")
    if found[1].lower() not in _TOP_LEVEL_TYPES:
        raise InvalidArgument(f"Unsupported MIME type: {mime_type}")


def _id(name: str) -> str:
    """The id of a name that the client chose, empty if it chose none."""
    if not name:
        return ""
    file_id = name.removeprefix("files/")
    if file_id == name or not _ID.fullmatch(file_id):
        raise InvalidArgument(
            "* CreateFileRequest.file.name: name must be of the form files/ID, where the ID has at most 40 "
            "lowercase alphanumeric characters or dashes and neither starts nor ends with a dash"
        )
    return file_id


def _file(kept: Kept) -> File:
    return File(
        name=f"files/{kept.id}",
        display_name=kept.display_name,
        mime_type=kept.mime_type,
        size_bytes=Int64(kept.size),
        create_time=_timestamp(kept.created),
        update_time=_timestamp(kept.created),
        expiration_time=_timestamp(kept.expires),
        sha256_hash=Bytes(kept.sha256.encode()),
        uri=_URI + kept.id,
        state=State.ACTIVE,
        source=Source.UPLOADED,
    )


def _timestamp(moment: dt.datetime) -> Timestamp:
    return Timestamp(int(moment.timestamp()), moment.microsecond * 1000)


def _page(files: Sequence[Kept], size: int, token: str) -> tuple[Sequence[Kept], str]:
    """The files of one page, and the token of the next: the last file of its page, which may be gone by then."""
    if size < 0:
        raise InvalidArgument("The page size must not be negative.")
    if token:
        last = _place(token)
        files = [kept for kept in files if _key(kept) < last]
    page = files[: min(size or _DEFAULT_PAGE, _LARGEST_PAGE)]
    return page, base64.urlsafe_b64encode("/".join(_key(page[-1])).encode()).decode() if len(page) < len(
        files
    ) else ""


def _key(kept: Kept) -> tuple[str, str]:
    return kept.created.isoformat(timespec="microseconds"), kept.id


def _place(token: str) -> tuple[str, str]:
    try:
        created, _, file_id = base64.urlsafe_b64decode(token).decode().partition("/")
    except (binascii.Error, ValueError):
        created = file_id = ""
    if not file_id:
        raise InvalidArgument("The page token is invalid. Use the token of the page before, unchanged.")
    return created, file_id
