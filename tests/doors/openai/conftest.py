"""The door behind a real listener, answered by handlers of a few lines; and translations without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from geminid.call import Call, Handler, Stream
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.openai import chat
from geminid.doors.openai.door import OpenAIDoor
from geminid.doors.openai.request import to_request
from geminid.gemini.profiles import Catalogue
from geminid.wire import json as wire_json
from geminid.wire.content import Content, Part
from geminid.wire.generation import (
    Candidate,
    FinishReason,
    GenerateContentRequest,
    GenerateContentResponse,
    TrafficType,
    UsageMetadata,
)
from geminid.wire.message import Timestamp

REQUEST_BYTES = 600_000


@pytest.fixture
def translate() -> Callable[..., dict[str, Any]]:
    """The JSON of the Gemini request that a chat completion request comes to; one user message by default."""

    def run(**body: Any) -> dict[str, Any]:
        asked = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]} | body
        request = to_request(chat.decode(json.dumps(asked).encode()), "v1")
        translated: dict[str, Any] = json.loads(wire_json.encode(request))
        return translated

    return run


@pytest.fixture
def answer() -> Callable[..., GenerateContentResponse]:
    """One message of an answer: parts of one candidate, or texts for them, and token counts at its end."""

    def make(*parts: Part | str, finish: FinishReason | None = None, **candidate: Any) -> GenerateContentResponse:
        content = Content(
            role="model", parts=[Part(text=part) if isinstance(part, str) else part for part in parts]
        )
        usage = UsageMetadata(traffic_type=TrafficType.ON_DEMAND)
        if finish is not None:
            usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count = 5, 8, 13
        return GenerateContentResponse(
            candidates=[Candidate(content=content, finish_reason=finish, **candidate)],
            usage_metadata=usage,
            create_time=Timestamp(1_747_411_123, 0),
            response_id="the-id",
        )

    return make


@dataclass
class Server:
    """A door that runs. ``calls`` are those that it made."""

    origin: str
    session: aiohttp.ClientSession
    calls: list[Call] = field(default_factory=list)

    @property
    def requests(self) -> list[GenerateContentRequest]:
        return [call.request for call in self.calls if isinstance(call.request, GenerateContentRequest)]

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer. A body that is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.session.request(method, self.origin + path, data=data, **options) as response:
            return response.status, response.headers["content-type"], await response.read()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[Server]]]:
    """Starts a door whose methods are both answered by one handler."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        listeners: list[Listener] = []

        async def start(handler: Handler) -> Server:
            calls: list[Call] = []

            def noted(call: Call) -> Stream:
                calls.append(call)
                return handler(call)

            door = OpenAIDoor(noted, noted, noted, Catalogue(), request_bytes=REQUEST_BYTES)
            listener = Listener(door, host="127.0.0.1", port=0, limits=Limits(), drain_seconds=1)
            await listener.start()
            listeners.append(listener)
            return Server(f"http://127.0.0.1:{listener.port}", session, calls)

        yield start
        for listener in listeners:
            await listener.stop()
