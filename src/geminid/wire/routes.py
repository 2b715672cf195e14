"""The table of URLs: which path and verb is which method, and what the path says.

The templates are those of Google's ``google.api.http`` annotations (prediction_service.proto). Doors match a
path here; nothing else in geminid knows a URL of the API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import VERTEX, Message


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its service and name, what it takes, its verb in a URL, and whether the server streams.

    ``binds`` is the field of the request that the resource in the path fills.
    """

    service: str
    name: str
    request: type[Message]
    verb: str
    binds: str
    streams: bool = False

    def full_name(self, version: str) -> str:
        """``google.cloud.aiplatform.v1.PredictionService.GenerateContent``."""
        return f"{VERTEX}.{version}.{self.service}.{self.name}"


GENERATE_CONTENT = Method(
    "PredictionService", "GenerateContent", GenerateContentRequest, "generateContent", "model"
)
STREAM_GENERATE_CONTENT = Method(
    "PredictionService",
    "StreamGenerateContent",
    GenerateContentRequest,
    "streamGenerateContent",
    "model",
    streams=True,
)

METHODS = (GENERATE_CONTENT, STREAM_GENERATE_CONTENT)


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
_CUSTOM = re.compile(rf"/(?P<version>v1|v1beta1)/{_RESOURCE}:(?P<verb>[A-Za-z]+)")
_BY_VERB = {method.verb: method for method in METHODS}


def match(http_method: str, path: str) -> Match | None:
    """The method that a decoded path (``%3A`` is ``:``) and an HTTP method name, or None."""
    found = _CUSTOM.fullmatch(path)
    method = _BY_VERB.get(found["verb"]) if found else None
    if found is None or method is None or http_method != "POST":
        return None
    return Match(method, found["version"], found["resource"])
