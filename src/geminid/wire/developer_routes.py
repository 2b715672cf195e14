"""The URLs of the Developer API: which path and verb is which method, and what the path says.

The templates are those of the ``google.api.http`` annotations in generative_service.proto and model_service.proto,
under every version that clients use. Nothing else in geminid knows a URL of this API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from geminid.wire.developer import PACKAGE, GetModelRequest, ListModelsRequest
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Message
from geminid.wire.tokens import CountTokensRequest


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its service and name, and the message it is decoded into, which for most is Vertex AI's.

    ``binds`` is the field of the request that the resource in the path fills. The query is the rest of a request
    that ``reads``, the body that of all others.
    """

    service: str
    name: str
    request: type[Message]
    binds: str = ""
    streams: bool = False
    reads: bool = False

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
GET_MODEL = Method("ModelService", "GetModel", GetModelRequest, "name", reads=True)
LIST_MODELS = Method("ModelService", "ListModels", ListModelsRequest, reads=True)

METHODS = (GENERATE_CONTENT, STREAM_GENERATE_CONTENT, COUNT_TOKENS, GET_MODEL, LIST_MODELS)


@dataclass(frozen=True, slots=True)
class Match:
    """A request line that is a method. ``resource`` is ``models/ID``, or empty for a list."""

    method: Method
    version: str
    resource: str = ""


_PATH = re.compile(r"/(?P<version>v1|v1beta|v1alpha)/models(?:/(?P<id>[^/:]+)(?::(?P<verb>[A-Za-z]+))?)?")
_BY_VERB = {method.verb: method for method in METHODS if not method.reads}


def match(http_method: str, path: str) -> Match | None:
    """The method that a decoded path (``%3A`` is ``:``) and an HTTP method name, or None."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    method = _method(http_method, found["id"], found["verb"])
    if method is None:
        return None
    return Match(method, found["version"], f"models/{found['id']}" if found["id"] else "")


def _method(http_method: str, model_id: str | None, verb: str | None) -> Method | None:
    match http_method:
        case "POST":
            return _BY_VERB.get(verb or "")
        case "GET" if verb is None:
            return GET_MODEL if model_id else LIST_MODELS
    return None
