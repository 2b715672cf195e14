"""The table of URLs: which path and verb is which method, and what the path says.

The templates are those of Google's ``google.api.http`` annotations (prediction_service.proto). Doors match a
path here; nothing else in geminid knows a URL of the API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
    """One RPC: its service and name, what it takes, its verb in a URL, and whether the server streams.

    ``binds`` is the field of the request that the resource in the path fills. A method without a verb is a GET,
    and the rest of its request is the query. ``beta_service`` has the method in v1beta1 when that differs.
    """

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    verb: str
    binds: str
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
    verb="",
    binds="name",
)
LIST_PUBLISHER_MODELS = Method(
    "ModelGardenService",
    "ListPublisherModels",
    ListPublisherModelsRequest,
    ListPublisherModelsResponse,
    verb="",
    binds="parent",
)

METHODS = (
    GENERATE_CONTENT,
    STREAM_GENERATE_CONTENT,
    COUNT_TOKENS,
    COMPUTE_TOKENS,
    GET_PUBLISHER_MODEL,
    LIST_PUBLISHER_MODELS,
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
_READS = (
    (re.compile(rf"/{_VERSION}/(?P<resource>publishers/[^/]+/models/[^/:]+)"), GET_PUBLISHER_MODEL),
    (re.compile(rf"/{_VERSION}/(?P<resource>publishers/[^/]+)/models"), LIST_PUBLISHER_MODELS),
)
_BY_VERB = {method.verb: method for method in METHODS if method.verb}


_NOT_SERVED = re.compile(
    rf"/{_VERSION}/(?:{_RESOURCE}:(?P<verb>predict|rawPredict|streamRawPredict|serverStreamingPredict|embedContent)"
    r"|projects/[^/]+/locations/[^/]+/(?P<collection>cachedContents|batchPredictionJobs)(?:/.*)?)"
)


def not_served(path: str) -> str | None:
    """The name of what a path asks for, when Google has it and geminid does not serve it."""
    found = _NOT_SERVED.fullmatch(path)
    return found and (found["verb"] or found["collection"])


def match(http_method: str, path: str) -> Match | None:
    """The method that a decoded path (``%3A`` is ``:``) and an HTTP method name, or None."""
    if http_method == "GET":
        return _match_read(path)
    found = _CUSTOM.fullmatch(path)
    method = _BY_VERB.get(found["verb"]) if found else None
    if found is None or method is None or http_method != "POST":
        return None
    return Match(method, found["version"], found["resource"])


def _match_read(path: str) -> Match | None:
    for pattern, method in _READS:
        if found := pattern.fullmatch(path):
            return Match(method, found["version"], found["resource"])
    return None
