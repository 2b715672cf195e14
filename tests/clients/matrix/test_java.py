"""Google's libraries for Java."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from geminid.doors.authority import Authority

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]

PROGRAMS = Path(__file__).parent / "java"
ARTIFACTS = ("com.google.cloud:google-cloud-vertexai:1.48.0", "com.google.genai:google-genai:1.70.0")


class Server(Protocol):
    ca: Path


@pytest.fixture
def java_options(scripted: Server, tmp_path: Path) -> str:
    """What makes Java trust the server."""
    store = tmp_path / "truststore.p12"
    Authority(scripted.ca.parent).trust_store(store)
    return f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit"


@pytest.mark.parametrize(
    ("program", "argument"),
    [
        ("AskVertexAI.java", "grpc"),
        ("AskVertexAI.java", "rest"),
        ("AskGenAI.java", "vertex"),
        ("AskGenAI.java", "developer"),
    ],
)
def test_java(
    classpath: Callable[..., str],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    java_options: str,
    program: str,
    argument: str,
) -> None:
    command = ["java", "-cp", classpath(*ARTIFACTS), PROGRAMS / program, argument]

    report = ask(*command, JAVA_TOOL_OPTIONS=java_options)

    assert report.items() <= expected.items()
