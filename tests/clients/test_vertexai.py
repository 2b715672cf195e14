"""vertexai (google-cloud-aiplatform) over REST: integer enums, and the stream as a JSON array."""

from __future__ import annotations

from typing import Protocol

import pytest
import vertexai
from google.api_core.exceptions import BadRequest
from google.auth.credentials import AnonymousCredentials
from vertexai.generative_models import Content, FinishReason, GenerationConfig, GenerativeModel, Part

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


class HasUrl(Protocol):
    url: str


def model_of(server: HasUrl, name: str = "gemini-1.5-flash-002", **options: str) -> GenerativeModel:
    vertexai.init(
        project="my-project",
        location="us-central1",
        api_transport="rest",
        api_endpoint=server.url,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    )
    return GenerativeModel(name, **options)  # type: ignore[arg-type]


CONFIG = GenerationConfig(temperature=0, max_output_tokens=24, seed=1)


@pytest.mark.model
def test_generate(embedded: HasUrl) -> None:
    response = model_of(embedded).generate_content("Why is the sky blue?", generation_config=CONFIG)

    assert response.text
    assert response.candidates[0].finish_reason in (FinishReason.STOP, FinishReason.MAX_TOKENS)
    assert response.usage_metadata.candidates_token_count <= 24


@pytest.mark.model
def test_stream_says_the_same_as_unary(embedded: HasUrl) -> None:
    model = model_of(embedded, system_instruction="Answer in one sentence.")

    chunks = list(model.generate_content("Why is the sky blue?", generation_config=CONFIG, stream=True))

    unary = model.generate_content("Why is the sky blue?", generation_config=CONFIG)
    assert len(chunks) > 2
    assert "".join(chunk.text for chunk in chunks) == unary.text


def test_chat(scripted: HasUrl) -> None:
    texts = {"user": "Hi", "model": "Hello"}
    history = [Content(role=role, parts=[Part.from_text(text)]) for role, text in texts.items()]
    chat = model_of(scripted).start_chat(history=history)

    assert chat.send_message("How are you?").text
    assert "".join(chunk.text for chunk in chat.send_message("And now?", stream=True))
    assert [content.role for content in chat.history] == ["user", "model"] * 3


def test_errors_arrive_as_the_clients_own(scripted: HasUrl) -> None:
    with pytest.raises(BadRequest, match=r"supported range is from 0 \(inclusive\) to 2.0001 \(exclusive\)"):
        model_of(scripted).generate_content("Hello", generation_config=GenerationConfig(temperature=3))
