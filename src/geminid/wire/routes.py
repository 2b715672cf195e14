"""The table of URLs: which path and verb is which method, and what the path says.

The templates are those of Google's ``google.api.http`` annotations (prediction_service.proto,
gen_ai_cache_service.proto). Doors match a path here; nothing else in geminid knows a URL of the API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from geminid.wire.binding import WHOLE
from geminid.wire.caching import (
    CachedContent,
    CreateCachedContentRequest,
    DeleteCachedContentRequest,
    GetCachedContentRequest,
    ListCachedContentsRequest,
    ListCachedContentsResponse,
    UpdateCachedContentRequest,
)
from geminid.wire.files import Empty
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import VERTEX, Message
from geminid.wire.models import (
    GetPublisherModelRequest,
    ListPublisherModelsRequest,
    ListPublisherModelsResponse,
    PublisherModel,
)
from geminid.wire.tokens import (
    ComputeTokensRequest,
    ComputeTokensResponse,
    CountTokensRequest,
    CountTokensResponse,
)


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its service and name, what it takes and gives, and whether the server streams.

    ``binds`` and ``body`` are those of ``wire/binding.py``. ``verb`` is what stands after the colon of a URL; a
    standard method has a ``url`` instead, in which the braces hold the resource. ``beta_service`` has the method
    in v1beta1 when that differs.
    """

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    binds: str
    verb: str = ""
    url: str = ""
    body: str = WHOLE
    streams: bool = False
    beta_service: str = ""

    def service_name(self, version: str) -> str:
        """``google.cloud.aiplatform.v1.PredictionService``."""
        service = self.beta_service if self.beta_service and version == "v1beta1" else self.service
        return f"{VERTEX}.{version}.{service}"

    def full_name(self, version: str) -> str:
        """``google.cloud.aiplatform.v1.PredictionService.GenerateContent``."""
        return f"{self.service_name(version)}.{self.name}"


GENERATE_CONTENT = Method(
    "PredictionService",
    "GenerateContent",
    GenerateContentRequest,
    GenerateContentResponse,
    verb="generateContent",
    binds="model",
)
STREAM_GENERATE_CONTENT = Method(
    "PredictionService",
    "StreamGenerateContent",
    GenerateContentRequest,
    GenerateContentResponse,
    verb="streamGenerateContent",
    binds="model",
    streams=True,
)
COUNT_TOKENS = Method(
    "LlmUtilityService",
    "CountTokens",
    CountTokensRequest,
    CountTokensResponse,
    verb="countTokens",
    binds="endpoint",
    beta_service="PredictionService",
)
COMPUTE_TOKENS = Method(
    "LlmUtilityService",
    "ComputeTokens",
    ComputeTokensRequest,
    ComputeTokensResponse,
    verb="computeTokens",
    binds="endpoint",
)
GET_PUBLISHER_MODEL = Method(
    "ModelGardenService",
    "GetPublisherModel",
    GetPublisherModelRequest,
    PublisherModel,
    binds="name",
    url="GET {publishers/*/models/*}",
    body="",
)
LIST_PUBLISHER_MODELS = Method(
    "ModelGardenService",
    "ListPublisherModels",
    ListPublisherModelsRequest,
    ListPublisherModelsResponse,
    binds="parent",
    url="GET {publishers/*}/models",
    body="",
)

_CACHES = "GenAiCacheService"
CREATE_CACHED_CONTENT = Method(
    _CACHES,
    "CreateCachedContent",
    CreateCachedContentRequest,
    CachedContent,
    binds="parent",
    url="POST {projects/*/locations/*}/cachedContents",
    body="cached_content",
)
GET_CACHED_CONTENT = Method(
    _CACHES,
    "GetCachedContent",
    GetCachedContentRequest,
    CachedContent,
    binds="name",
    url="GET {projects/*/locations/*/cachedContents/*}",
    body="",
)
LIST_CACHED_CONTENTS = Method(
    _CACHES,
    "ListCachedContents",
    ListCachedContentsRequest,
    ListCachedContentsResponse,
    binds="parent",
    url="GET {projects/*/locations/*}/cachedContents",
    body="",
)
UPDATE_CACHED_CONTENT = Method(
    _CACHES,
    "UpdateCachedContent",
    UpdateCachedContentRequest,
    CachedContent,
    binds="cached_content.name",
    url="PATCH {projects/*/locations/*/cachedContents/*}",
    body="cached_content",
)
DELETE_CACHED_CONTENT = Method(
    _CACHES,
    "DeleteCachedContent",
    DeleteCachedContentRequest,
    Empty,
    binds="name",
    url="DELETE {projects/*/locations/*/cachedContents/*}",
    body="",
)

METHODS = (
    GENERATE_CONTENT,
    STREAM_GENERATE_CONTENT,
    COUNT_TOKENS,
    COMPUTE_TOKENS,
    GET_PUBLISHER_MODEL,
    LIST_PUBLISHER_MODELS,
    CREATE_CACHED_CONTENT,
    GET_CACHED_CONTENT,
    LIST_CACHED_CONTENTS,
    UPDATE_CACHED_CONTENT,
    DELETE_CACHED_CONTENT,
)


@dataclass(frozen=True, slots=True)
class Match:
    """A request line that is a method, with the resource its path names."""

    method: Method
    version: str
    resource: str


_RESOURCE = (
    r"(?P<resource>"
    r"(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/models/[^/:]+|endpoints/[^/:]+)"
    r")"
)
_VERSION = "(?P<version>v1|v1beta1)"
_CUSTOM = re.compile(rf"/{_VERSION}/{_RESOURCE}:(?P<verb>[A-Za-z]+)")
_BY_VERB = {method.verb: method for method in METHODS if method.verb}


def _standard(method: Method) -> tuple[str, re.Pattern[str], Method]:
    """A method by its HTTP method and its path; the last piece of a name has no colon, which begins a verb."""
    http_method, _, template = method.url.partition(" ")
    path = re.sub(r"\*\}$", "[^/:]+}", template).replace("*", "[^/]+")
    resource = path.replace("{", "(?P<resource>").replace("}", ")")
    return http_method, re.compile(f"/{_VERSION}/{resource}"), method


_STANDARD = tuple(_standard(method) for method in METHODS if method.url)

_NOT_SERVED = re.compile(
    rf"/{_VERSION}/(?:{_RESOURCE}:(?P<verb>predict|rawPredict|streamRawPredict|serverStreamingPredict|embedContent)"
    r"|projects/[^/]+/locations/[^/]+/(?P<collection>batchPredictionJobs)(?:/.*)?)"
)


def not_served(path: str) -> str | None:
    """The name of what a path asks for, when Google has it and geminid does not serve it."""
    found = _NOT_SERVED.fullmatch(path)
    return found and (found["verb"] or found["collection"])


def match(http_method: str, path: str) -> Match | None:
    """The method that a decoded path (``%3A`` is ``:``) and an HTTP method name, or None."""
    if custom := _CUSTOM.fullmatch(path):
        method = _BY_VERB.get(custom["verb"]) if http_method == "POST" else None
        return Match(method, custom["version"], custom["resource"]) if method else None
    for wanted, pattern, method in _STANDARD:
        if wanted == http_method and (found := pattern.fullmatch(path)):
            return Match(method, found["version"], found["resource"])
    return None
