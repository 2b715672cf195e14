"""Cached contents by libraries for Node, Go and Java, by other versions of those for Python, and by LangChain."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]

HERE = Path(__file__).parent
VERTEXAI = [("google-cloud-aiplatform==1.71.1",), ("google-cloud-aiplatform>=2.7",)]
GENAI = [("google-genai==1.*",), ("google-genai==2.*",), ("google-genai>=3",)]
LANGCHAIN = ("langchain-google-genai>=4", "langchain-google-vertexai>=3")
NODE = ("@google/genai", "@google/generative-ai", "@google-cloud/vertexai", "openai")
JAVA = ("com.google.cloud:google-cloud-vertexai:1.48.0", "com.google.genai:google-genai:1.70.0")
MODES = ["v1", "v1beta1", "developer"]

Ask: TypeAlias = Callable[..., dict[str, Any]]


class Server(Protocol):
    tls: str
    ca: Path


def as_told_to(mode: str, expected: dict[str, Any]) -> dict[str, Any]:
    """The Developer API does not tell what is not there from what is another's."""
    return expected | ({"gone": [403, 403], "async_gone": [403]} if mode == "developer" else {})


@pytest.mark.parametrize("mode", MODES)
def test_genai_for_node(
    node_modules: Callable[..., Path],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    mode: str,
) -> None:
    modules = str(node_modules(*NODE))

    report = ask("node", HERE / "node" / "caches_genai.cjs", mode, NODE_PATH=modules, **caches_variables)

    assert report.items() <= as_told_to(mode, expected_of_caches).items()


def test_vertexai_for_node(
    node_modules: Callable[..., Path],
    ask: Ask,
    scripted: Server,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
) -> None:
    """Under ``geminid run``: where its caches are cannot be told to this library."""
    run = [
        sys.executable,
        "-m",
        "geminid",
        "run",
        "--server",
        f"https://{scripted.tls}",
        "--ca",
        scripted.ca,
        "--",
    ]

    program = ["node", HERE / "node" / "caches_vertexai.cjs"]
    report = ask(*run, *program, NODE_PATH=str(node_modules(*NODE)), **caches_variables)

    assert report.items() <= (expected_of_caches | {"chat": expected_of_caches["text"]}).items()


@pytest.mark.parametrize("mode", MODES)
def test_genai_for_go(
    go_program: Callable[[Path, str], Path],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    mode: str,
) -> None:
    program = go_program(HERE / "go" / "caches_genai", "google.golang.org/genai")

    report = ask(program, mode, **caches_variables)

    assert report.items() <= as_told_to(mode, expected_of_caches).items()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_vertexai_for_go(
    go_program: Callable[[Path, str], Path],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    transport: str,
) -> None:
    """This library tells prompts and totals, and not what is cached of them."""
    program = go_program(HERE / "go" / "caches_vertexai", "cloud.google.com/go/vertexai/genai")
    prompt, _, total = expected_of_caches["usage"]

    report = ask(program, transport, **caches_variables)

    assert report.items() <= (expected_of_caches | {"counts": [prompt, total]}).items()


@pytest.mark.parametrize("mode", MODES)
def test_genai_for_java(
    classpath: Callable[..., str],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    mode: str,
) -> None:
    command = ["java", "-cp", classpath(*JAVA), HERE / "java" / "CachesGenAI.java", mode]

    report = ask(*command, **caches_variables)

    assert report.items() <= as_told_to(mode, expected_of_caches).items()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("requirements", VERTEXAI, ids=lambda words: " ".join(words))
def test_vertexai_for_python(
    python_with: Callable[..., Path],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    requirements: tuple[str, ...],
    transport: str,
) -> None:
    """Until 1.71 only models of vertexai.preview use caches."""
    program = HERE / "python" / "caches_vertexai.py"

    report = ask(python_with(*requirements), program, transport, **caches_variables)

    assert "vertexai.preview.generative_models" in report
    assert all(told.items() <= expected_of_caches.items() for told in report.values())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("requirements", GENAI, ids=lambda words: " ".join(words))
def test_genai_for_python(
    python_with: Callable[..., Path],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    requirements: tuple[str, ...],
    mode: str,
) -> None:
    report = ask(python_with(*requirements), HERE / "python" / "caches_genai.py", mode, **caches_variables)

    assert report == as_told_to(mode, expected_of_caches)


@pytest.mark.parametrize("way", ["genai", "vertexai-rest", "vertexai-grpc"])
def test_langchain(
    python_with: Callable[..., Path],
    ask: Ask,
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    way: str,
) -> None:
    """Its models are given a cache, each call of them is, and Vertex AI's are content with its id."""
    text, counts = expected_of_caches["text"], [13, 7, 19]
    of_vertex = {} if way == "genai" else {"by_id": [text, counts]}

    report = ask(python_with(*LANGCHAIN), HERE / "python" / "caches_langchain.py", way, **caches_variables)

    assert report == {
        "of_model": [text, counts],
        "of_call": [text, counts],
        "stream": text,
        **of_vertex,
    }
