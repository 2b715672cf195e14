"""What may be uploaded. How, and what comes of it, is told by ``tests/doors/test_uploads.py``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from geminid.call import Call
from geminid.errors import InvalidArgument
from geminid.service.files import FileService
from geminid.storage.uploads import Uploads
from geminid.wire.files import CreateFileRequest

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def files(tmp_path: Path) -> FileService:
    return FileService(Uploads(tmp_path, file_bytes=1000, total_bytes=1000))


def call() -> Call:
    return Call("a.Service.CreateFile", CreateFileRequest(), NOW, "developer")


@pytest.mark.parametrize("mime_type", ["", "text/plain", "Image/PNG", "application/x-own; version=2"])
async def test_types_of_every_kind_are_taken(files: FileService, mime_type: str) -> None:
    token = await files.begin(call(), mime_type, size=1)

    assert (await files.progress(token)) == (0, None)


@pytest.mark.parametrize(
    ("mime_type", "message"),
    [
        ("bad/mime_type", "Unsupported MIME type: bad/mime_type"),
        ("text", "* CreateFileRequest.file.mime_type: mime_type must be of the form type/subtype"),
    ],
)
async def test_what_is_no_media_type_is_refused(files: FileService, mime_type: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await files.begin(call(), mime_type, size=1)

    assert refused.value.message == message
