"""Other versions of Google's libraries for Python than the test environment's, and others that wrap them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]

PROGRAMS = Path(__file__).parent / "python"

VERTEXAI = [("google-cloud-aiplatform==1.71.1",), ("google-cloud-aiplatform>=2.7",)]
GENAI = [("google-genai==1.*",), ("google-genai==2.*",), ("google-genai>=3",)]
GENERATIVEAI = ("google-generativeai==0.8.*",)
OPENAI_OLD = ("openai==1.55.0", "httpx<0.28")  # with httpx 0.28 this version cannot make a client
LANGCHAIN = ("langchain-google-genai>=4", "langchain-google-vertexai>=3")
VERTEX_OPENAI = "/v1/projects/p/locations/us-central1/endpoints/openapi"


@pytest.mark.parametrize(
    ("requirements", "program"),
    [
        *((version, ["ask_vertexai.py", way]) for version in VERTEXAI for way in ("grpc", "rest")),
        *((version, ["ask_genai.py", way]) for version in GENAI for way in ("vertex", "express", "developer")),
        (GENERATIVEAI, ["ask_generativeai.py"]),
        *((OPENAI_OLD, ["ask_openai.py", path]) for path in ("/v1", "/v1beta/openai", VERTEX_OPENAI)),
        *((LANGCHAIN, ["ask_langchain.py", way]) for way in ("genai", "vertexai-rest", "vertexai-grpc")),
        (("litellm>=1.80",), ["ask_litellm.py"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_python(
    python_with: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    requirements: tuple[str, ...],
    program: list[str],
) -> None:
    name, *arguments = program

    report = ask(python_with(*requirements), PROGRAMS / name, *arguments)

    assert report.items() <= expected.items()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("requirements", VERTEXAI, ids=lambda words: " ".join(words))
def test_tools_of_vertexai(
    python_with: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    tools: Any,
    expected_of_vertexai: dict[str, Any],
    requirements: tuple[str, ...],
    transport: str,
) -> None:
    report = ask(python_with(*requirements), PROGRAMS / "tools_vertexai.py", transport, server=tools)

    assert report == expected_of_vertexai


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("requirements", VERTEXAI, ids=lambda words: " ".join(words))
def test_safety_of_vertexai(
    python_with: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    judged: Any,
    expected_of_judged: dict[str, Any],
    requirements: tuple[str, ...],
    transport: str,
) -> None:
    report = ask(python_with(*requirements), PROGRAMS / "safety_vertexai.py", transport, server=judged)

    assert report.items() <= expected_of_judged.items()


@pytest.mark.parametrize("requirements", GENAI, ids=lambda words: " ".join(words))
def test_google_genai_pointed_by_variables_alone(
    python_with: Callable[..., Path],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    genai_variables: dict[str, str],
    requirements: tuple[str, ...],
) -> None:
    report = ask(python_with(*requirements), PROGRAMS / "ask_genai.py", "variables", **genai_variables)

    assert report.items() <= expected.items()
