"""google-genai in Vertex mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

MODEL = "gemini-2.5-flash"

# The client subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


class HasUrl(Protocol):
    url: str


def client_of(server: HasUrl) -> genai.Client:
    return genai.Client(
        vertexai=True,
        project="my-project",
        location="us-central1",
        credentials=Credentials("any token"),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=server.url),
    )


@pytest.fixture
def client(embedded: HasUrl) -> Iterator[genai.Client]:
    with client_of(embedded) as client:
        yield client


def config(**values: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(max_output_tokens=24, temperature=0, seed=1, **values)


@pytest.mark.model
def test_generate(client: genai.Client) -> None:
    response = client.models.generate_content(model=MODEL, contents="Why is the sky blue?", config=config())

    usage = response.usage_metadata
    assert response.text
    assert response.model_version == MODEL
    assert response.candidates
    assert response.candidates[0].finish_reason in (types.FinishReason.STOP, types.FinishReason.MAX_TOKENS)
    assert usage
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0)


@pytest.mark.model
def test_stream_says_the_same_as_unary(client: genai.Client) -> None:
    asked: dict[str, Any] = {"model": MODEL, "contents": "Why is the sky blue?", "config": config()}

    chunks = list(client.models.generate_content_stream(**asked))

    assert len(chunks) > 2
    assert all(chunk.text is not None for chunk in chunks)
    assert "".join(chunk.text or "" for chunk in chunks) == client.models.generate_content(**asked).text
    assert len({chunk.response_id for chunk in chunks}) == 1


@pytest.mark.model
async def test_async_stream(client: genai.Client) -> None:
    stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Hello", config=config())

    assert "".join([chunk.text or "" async for chunk in stream])
    await client.aio.aclose()


@pytest.mark.model
def test_chat_keeps_its_history(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config=config(system_instruction="Be brief."))

    for _ in chat.send_message_stream("Name a colour."):
        pass
    answer = chat.send_message("Name another one.")

    assert answer.text
    assert [content.role for content in chat.get_history()][-2:] == ["user", "model"]


def test_errors_arrive_as_the_clients_own(scripted: HasUrl) -> None:
    with client_of(scripted) as client, pytest.raises(errors.ClientError) as error:
        client.models.generate_content(model="no-such-model", contents="Hello")

    assert (error.value.code, error.value.status) == (404, "NOT_FOUND")
    assert "no-such-model` was not found" in (error.value.message or "")
