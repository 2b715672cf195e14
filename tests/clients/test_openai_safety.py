"""What is blocked and recited as openai sees it, on both paths that Google has for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from openai import OpenAI

MODEL = "gemini-1.5-flash-001"
"""By default it blocks from MEDIUM on."""
HARSH_PROMPT = "HARASSMENT:HIGH, you."


class Server(Protocol):
    url: str


class Chat:
    """openai on one of its paths."""

    def __init__(self, server: Server, path: str) -> None:
        self.client = OpenAI(base_url=server.url + path, api_key="any")
        self._model = MODEL if path == "/v1beta/openai" else f"google/{MODEL}"

    def ask(self, question: str, **options: Any) -> Any:
        messages: Any = [{"role": "user", "content": question}]
        return self.client.chat.completions.create(model=self._model, messages=messages, **options)


@pytest.fixture(params=["/v1beta/openai", "/v1/projects/p/locations/us-central1/endpoints/openapi"])
def chat(judged: Server, request: pytest.FixtureRequest) -> Iterator[Chat]:
    chat = Chat(judged, request.param)
    with chat.client:
        yield chat


@pytest.mark.parametrize("question", [HARSH_PROMPT, "harsh", "recite"])
def test_openai_filters(chat: Chat, question: str) -> None:
    (choice,) = chat.ask(question).choices

    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)


@pytest.mark.parametrize(
    ("question", "let_out"), [(HARSH_PROMPT, False), ("harsh", False), ("far", True), ("recite", True)]
)
def test_openai_filters_a_stream(chat: Chat, question: str, let_out: bool) -> None:
    choices = [chunk.choices[0] for chunk in chat.ask(question, stream=True)]

    texts = [choice.delta.content for choice in choices]
    assert None not in texts
    assert bool("".join(texts)) is let_out
    assert [choice.finish_reason for choice in choices] == [None] * (len(choices) - 1) + ["content_filter"]


def test_settings_come_in_googles_extension(chat: Chat, expected_of_judged: dict[str, Any]) -> None:
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]

    (choice,) = chat.ask("harsh", extra_body={"extra_body": {"google": {"safety_settings": settings}}}).choices

    assert (choice.finish_reason, choice.message.content) == ("stop", expected_of_judged["tolerated"])
