"""vertexai's tools and schemas: over gRPC and REST in a process of its own, and with a model over REST."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
import vertexai
from google.auth.credentials import AnonymousCredentials
from vertexai.generative_models import FunctionDeclaration, GenerationConfig, GenerativeModel, Tool, ToolConfig

PROGRAM = Path(__file__).parent / "matrix" / "python" / "tools_vertexai.py"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


class HasUrl(Protocol):
    url: str


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_what_a_program_gets(
    ask: Callable[..., dict[str, Any]], tools: HasUrl, expected_of_vertexai: dict[str, Any], transport: str
) -> None:
    assert ask(sys.executable, PROGRAM, transport, server=tools) == expected_of_vertexai


@pytest.fixture
def model(embedded: HasUrl) -> GenerativeModel:
    vertexai.init(
        project="my-project",
        location="us-central1",
        api_transport="rest",
        api_endpoint=embedded.url,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    )
    return GenerativeModel("gemini-1.5-flash-002")


COLOUR = {"type": "STRING", "enum": ["red", "green", "blue"]}
BIRD = {
    "type": "OBJECT",
    "properties": {"wings": {"type": "INTEGER", "minimum": 0, "maximum": 4}, "colour": COLOUR},
    "required": ["wings", "colour"],
    "propertyOrdering": ["wings", "colour"],
}


@pytest.mark.model
def test_a_model_keeps_to_a_schema(model: GenerativeModel) -> None:
    config = GenerationConfig(
        response_mime_type="application/json", response_schema=BIRD, max_output_tokens=60, seed=1
    )

    bird = json.loads(model.generate_content("Describe a parrot.", generation_config=config).text)

    assert list(bird) == ["wings", "colour"]
    assert bird["wings"] in range(5)
    assert bird["colour"] in COLOUR["enum"]


@pytest.mark.model
def test_a_model_calls_what_it_must(model: GenerativeModel) -> None:
    paint = FunctionDeclaration(name="paint", description="Paints a bird.", parameters=BIRD)
    listen = FunctionDeclaration(
        name="listen", description="Listens.", parameters={"type": "object", "properties": {}}
    )
    calling = ToolConfig.FunctionCallingConfig
    must = ToolConfig(calling(mode=calling.Mode.ANY, allowed_function_names=["paint"]))
    config = GenerationConfig(seed=1)

    answer = model.generate_content(
        "Hello", tools=[Tool([listen, paint])], tool_config=must, generation_config=config
    )

    (call,) = answer.candidates[0].function_calls
    assert call.name == "paint"
    assert call.args["wings"] in range(5)
    assert call.args["colour"] in COLOUR["enum"]
