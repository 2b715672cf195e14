"""Where to ask, and in whose words: Vertex AI's, or the Developer API's. Pure, for ``vertex.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from geminid.elsewhere.base import Asked
from geminid.errors import Unimplemented
from geminid.wire import developer_count
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Message
from geminid.wire.tokens import ComputeTokensRequest, CountTokensRequest


class Dialect(Protocol):
    def resource(self, asked: Asked) -> str:
        """What the model is called there."""

    def path(self, asked: Asked) -> str:
        """The path of the method, beginning with a slash."""

    def body(self, asked: Asked) -> Message:
        """The request, without the names that the caller gave. Raises Unimplemented."""


@dataclass(frozen=True, slots=True)
class VertexAI:
    """Without a ``project`` it is express mode, where the key says whose request it is."""

    project: str
    location: str

    def resource(self, asked: Asked) -> str:
        parent = f"projects/{self.project}/locations/{self.location}/" if self.project else ""
        return f"{parent}publishers/google/models/{asked.base}"

    def path(self, asked: Asked) -> str:
        return f"/{asked.version}/{self.resource(asked)}:{asked.method.verb}"

    def body(self, asked: Asked) -> Message:
        return nameless(asked.request)


class DeveloperAPI:
    """What Vertex AI alone has stays behind where it means nothing to the answer: labels."""

    def resource(self, asked: Asked) -> str:
        return f"models/{asked.base}"

    def path(self, asked: Asked) -> str:
        return f"/v1beta/{self.resource(asked)}:{asked.method.verb}"

    def body(self, asked: Asked) -> Message:
        request = nameless(asked.request)
        match request:
            case GenerateContentRequest():
                return msgspec.structs.replace(request, labels={})
            case CountTokensRequest():
                return self._count(request, asked)
        raise Unimplemented(f"{asked.method.verb} is not supported by the Developer API.")

    def _count(self, request: CountTokensRequest, asked: Asked) -> Message:
        """Whatever is counted beside contents has to be a whole request there."""
        whole = GenerateContentRequest(
            model=self.resource(asked),
            contents=request.contents,
            system_instruction=request.system_instruction,
            tools=request.tools,
            generation_config=request.generation_config,
        )
        return developer_count.CountTokensRequest(generate_content_request=whole)


def nameless(request: Message) -> Message:
    """A request that does not name its model, as the path does."""
    match request:
        case GenerateContentRequest():
            return msgspec.structs.replace(request, model="")
        case CountTokensRequest() | ComputeTokensRequest():
            return msgspec.structs.replace(request, model="", endpoint="")
    return request
