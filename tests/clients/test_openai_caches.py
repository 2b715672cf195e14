"""Cached contents as openai is told of them: Google's extension, on both of Google's paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from openai import APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError, OpenAI, PermissionDeniedError

MODEL = "gemini-2.5-flash"
QUESTION: Any = [{"role": "user", "content": "What did the keeper do?"}]
VERTEX = "/v1/projects/p/locations/us-central1/endpoints/openapi"


class Server(Protocol):
    url: str


@dataclass(frozen=True, slots=True)
class Chat:
    """openai on one of its paths, and a cache that it may use."""

    client: OpenAI
    model: str
    cache: types.CachedContent

    def ask(self, extra_body: Any = None, **options: Any) -> Any:
        named = {"model": self.model, "messages": QUESTION, "extra_body": extra_body or self.extension()}
        return self.client.chat.completions.create(**named | options)

    def extension(self, name: str | None = None) -> dict[str, Any]:
        return {"google": {"cached_content": name or self.cache.name}}


@pytest.fixture(params=["/v1beta/openai", VERTEX], ids=["developer", "vertex"])
def chat(scripted: Server, request: pytest.FixtureRequest) -> Iterator[Chat]:
    options = types.HttpOptions(base_url=scripted.url)
    if request.param == VERTEX:
        place: dict[str, Any] = {"vertexai": True, "project": "p", "location": "us-central1"}
        google = genai.Client(credentials=Credentials("any"), http_options=options, **place)  # type: ignore[no-untyped-call]
    else:
        google = genai.Client(api_key="any", http_options=options)
    config = types.CreateCachedContentConfig(contents=["The keeper wrote a log."], system_instruction="Be brief.")
    cache = google.caches.create(model=MODEL, config=config)
    assert cache.name
    with OpenAI(base_url=scripted.url + request.param, api_key="any", max_retries=0) as client:
        yield Chat(client, f"google/{MODEL}" if request.param == VERTEX else MODEL, cache)
    google.caches.delete(name=cache.name)


def counts(usage: Any) -> list[int]:
    return [usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.total_tokens]


@pytest.mark.parametrize("deep", [False, True], ids=["google", "extra_body.google"])
def test_a_whole_answer(chat: Chat, deep: bool) -> None:
    """The second form is the one that Google's pages show."""
    answer = chat.ask({"extra_body": chat.extension()} if deep else None)

    assert answer.choices[0].message.content == "This is a scripted answer."
    assert counts(answer.usage) == [15, 9, 21]


def test_a_stream(chat: Chat) -> None:
    chunks = list(chat.ask(stream=True, stream_options={"include_usage": True}))

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == "This is a scripted answer."
    assert counts(chunks[-1].usage) == [15, 9, 21]


async def test_a_coroutine(chat: Chat) -> None:
    async with AsyncOpenAI(base_url=chat.client.base_url, api_key="any") as client:
        answer = await client.chat.completions.create(
            model=chat.model, messages=QUESTION, extra_body=chat.extension()
        )

    assert counts(answer.usage) == [15, 9, 21]


TOOL = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    "options",
    [{"messages": [{"role": "system", "content": "Be long."}, *QUESTION]}, {"tools": [TOOL]}],
    ids=["system", "tools"],
)
def test_what_is_in_the_cache_is_not_told_again(chat: Chat, options: Any) -> None:
    with pytest.raises(BadRequestError) as error:
        chat.ask(**options)

    assert "tools" in message_of(error.value)


def test_a_cache_is_for_one_model(chat: Chat) -> None:
    with pytest.raises(BadRequestError) as error:
        chat.ask(model=chat.model.replace("2.5", "2.0"))

    assert "model" in message_of(error.value).lower()


def test_a_cache_that_is_not_there(chat: Chat) -> None:
    with pytest.raises((NotFoundError, PermissionDeniedError)) as error:
        chat.ask(chat.extension(f"{chat.cache.name}0"))

    assert "not found" in message_of(error.value).lower()


def message_of(error: APIStatusError) -> str:
    """Google puts its errors into a list."""
    (told,) = error.response.json()
    return str(told["error"]["message"])
