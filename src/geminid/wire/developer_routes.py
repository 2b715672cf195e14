"""The URLs of the Developer API: which path and verb is which method, and what the path says.

The templates are those of the ``google.api.http`` annotations in generative_service.proto, model_service.proto,
file_service.proto and cache_service.proto, under every version that clients use. The bytes of files have URLs of
their own, which ``doors/uploads.py`` knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from geminid.wire.binding import WHOLE
from geminid.wire.caching import (
    CreateCachedContentRequest,
    DeleteCachedContentRequest,
    GetCachedContentRequest,
    ListCachedContentsRequest,
    UpdateCachedContentRequest,
)
from geminid.wire.developer import PACKAGE, GetModelRequest, ListModelsRequest
from geminid.wire.developer_count import CountTokensRequest
from geminid.wire.files import (
    CreateFileRequest,
    DeleteFileRequest,
    DownloadFileRequest,
    GetFileRequest,
    ListFilesRequest,
)
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Message


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its service and name, and the message it is decoded into, which for most is Vertex AI's.

    ``binds`` and ``body`` are those of ``wire/binding.py``.
    """

    service: str
    name: str
    request: type[Message]
    binds: str = ""
    streams: bool = False
    body: str = WHOLE

    @property
    def full_name(self) -> str:
        """``google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent`` for every version."""
        return f"{PACKAGE}.{self.service}.{self.name}"

    @property
    def verb(self) -> str:
        """``generateContent``, as URLs and the texts of errors have it."""
        return self.name[0].lower() + self.name[1:]


GENERATE_CONTENT = Method("GenerativeService", "GenerateContent", GenerateContentRequest, "model")
STREAM_GENERATE_CONTENT = Method(
    "GenerativeService", "StreamGenerateContent", GenerateContentRequest, "model", streams=True
)
COUNT_TOKENS = Method("GenerativeService", "CountTokens", CountTokensRequest, "model")
GET_MODEL = Method("ModelService", "GetModel", GetModelRequest, "name", body="")
LIST_MODELS = Method("ModelService", "ListModels", ListModelsRequest, body="")

GET_FILE = Method("FileService", "GetFile", GetFileRequest, "name", body="")
LIST_FILES = Method("FileService", "ListFiles", ListFilesRequest, body="")
DELETE_FILE = Method("FileService", "DeleteFile", DeleteFileRequest, "name", body="")
CREATE_CACHED_CONTENT = Method(
    "CacheService", "CreateCachedContent", CreateCachedContentRequest, body="cached_content"
)
GET_CACHED_CONTENT = Method("CacheService", "GetCachedContent", GetCachedContentRequest, "name", body="")
LIST_CACHED_CONTENTS = Method("CacheService", "ListCachedContents", ListCachedContentsRequest, body="")
UPDATE_CACHED_CONTENT = Method(
    "CacheService",
    "UpdateCachedContent",
    UpdateCachedContentRequest,
    "cached_content.name",
    body="cached_content",
)
DELETE_CACHED_CONTENT = Method("CacheService", "DeleteCachedContent", DeleteCachedContentRequest, "name", body="")

CREATE_FILE = Method("FileService", "CreateFile", CreateFileRequest)
DOWNLOAD_FILE = Method("FileService", "DownloadFile", DownloadFileRequest, "name", body="")

METHODS = (
    GENERATE_CONTENT,
    STREAM_GENERATE_CONTENT,
    COUNT_TOKENS,
    GET_MODEL,
    LIST_MODELS,
    GET_FILE,
    LIST_FILES,
    DELETE_FILE,
    CREATE_CACHED_CONTENT,
    GET_CACHED_CONTENT,
    LIST_CACHED_CONTENTS,
    UPDATE_CACHED_CONTENT,
    DELETE_CACHED_CONTENT,
)
"""Those that ``match`` finds."""


@dataclass(frozen=True, slots=True)
class Match:
    """A request line that is a method. ``resource`` is ``models/ID`` or the like, empty for a collection."""

    method: Method
    version: str
    resource: str = ""


_PATH = re.compile(
    r"/(?P<version>v1|v1beta|v1alpha)/(?P<collection>models|files|cachedContents)"
    r"(?:/(?P<id>[^/:]+)(?::(?P<verb>[A-Za-z]+))?)?"
)
_BY_VERB = {method.verb: method for method in METHODS if method.body == WHOLE}
_STANDARD = {
    ("GET", "models", True): GET_MODEL,
    ("GET", "models", False): LIST_MODELS,
    ("GET", "files", True): GET_FILE,
    ("GET", "files", False): LIST_FILES,
    ("DELETE", "files", True): DELETE_FILE,
    ("POST", "cachedContents", False): CREATE_CACHED_CONTENT,
    ("GET", "cachedContents", True): GET_CACHED_CONTENT,
    ("GET", "cachedContents", False): LIST_CACHED_CONTENTS,
    ("PATCH", "cachedContents", True): UPDATE_CACHED_CONTENT,
    ("DELETE", "cachedContents", True): DELETE_CACHED_CONTENT,
}
"""By HTTP method, collection, and whether the path names one of it."""


def match(http_method: str, path: str) -> Match | None:
    """The method that a decoded path (``%3A`` is ``:``) and an HTTP method name, or None."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    collection, resource_id, verb = found["collection"], found["id"], found["verb"]
    if verb is None:
        method = _STANDARD.get((http_method, collection, resource_id is not None))
    else:
        method = _BY_VERB.get(verb) if http_method == "POST" and collection == "models" else None
    if method is None:
        return None
    return Match(method, found["version"], f"{collection}/{resource_id}" if resource_id else "")
