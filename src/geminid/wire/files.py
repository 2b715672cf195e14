"""The Files API of the Developer API: uploaded files and what is asked about them.

The messages of file.proto and file_service.proto (google.ai.generativelanguage.v1beta). Declarations only.
"""

from __future__ import annotations

from geminid.wire.developer import PACKAGE
from geminid.wire.message import Bytes, Duration, Int32, Int64, Message, Timestamp, WireEnum, field


class State(WireEnum, proto=f"{PACKAGE}.File.State"):
    """Whether a file can be used."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED", 0
    PROCESSING = "PROCESSING", 1
    ACTIVE = "ACTIVE", 2
    FAILED = "FAILED", 10


class Source(WireEnum, proto=f"{PACKAGE}.File.Source"):
    """Where a file came from."""

    SOURCE_UNSPECIFIED = "SOURCE_UNSPECIFIED", 0
    UPLOADED = "UPLOADED", 1
    GENERATED = "GENERATED", 2
    REGISTERED = "REGISTERED", 3


class Status(Message, proto="google.rpc.Status"):
    """Why processing failed."""

    code: Int32 = field(1)
    message: str = field(2)


class VideoFileMetadata(Message, proto=f"{PACKAGE}.VideoFileMetadata"):
    """What is known of a video."""

    video_duration: Duration | None = field(1)


class File(Message, proto=f"{PACKAGE}.File"):
    """An uploaded file, ``files/ID``. ``sha256_hash`` is the hexadecimal digest, and so its base64 in JSON."""

    name: str = field(1)
    display_name: str = field(2)
    mime_type: str = field(3)
    size_bytes: Int64 = field(4)
    create_time: Timestamp | None = field(5)
    update_time: Timestamp | None = field(6)
    expiration_time: Timestamp | None = field(7)
    sha256_hash: Bytes = field(8)
    uri: str = field(9)
    state: State | None = field(10)
    error: Status | None = field(11)
    video_metadata: VideoFileMetadata | None = field(12)
    download_uri: str = field(13)
    source: Source | None = field(15)


class CreateFileRequest(Message, proto=f"{PACKAGE}.CreateFileRequest"):
    """Announces an upload."""

    file: File | None = field(1)


class CreateFileResponse(Message, proto=f"{PACKAGE}.CreateFileResponse"):
    """The file, once all of it is here; nothing before."""

    file: File | None = field(1)


class ListFilesRequest(Message, proto=f"{PACKAGE}.ListFilesRequest"):
    """Asks for a page of the caller's files: 10 unless told, at most 100."""

    page_size: Int32 = field(1)
    page_token: str = field(3)


class ListFilesResponse(Message, proto=f"{PACKAGE}.ListFilesResponse"):
    """A page of files; the last one has no token."""

    files: list[File] = field(1)
    next_page_token: str = field(2)


class GetFileRequest(Message, proto=f"{PACKAGE}.GetFileRequest"):
    """Asks for one file, as ``files/ID``."""

    name: str = field(1)


class DeleteFileRequest(Message, proto=f"{PACKAGE}.DeleteFileRequest"):
    """Asks that one file go."""

    name: str = field(1)


class DownloadFileRequest(Message, proto=f"{PACKAGE}.DownloadFileRequest"):
    """Asks for the bytes of one file."""

    name: str = field(1)


class Empty(Message, proto="google.protobuf.Empty"):
    """The answer that says nothing but that it was done."""
