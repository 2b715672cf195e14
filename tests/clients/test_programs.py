"""The libraries of the test environment, each in a process of its own, as some read their settings only at start.

``matrix/`` runs the same programs with other versions of these libraries, and others for other languages.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pytest

from geminid.storage.minting import service_account

PROGRAMS = Path(__file__).parent / "matrix" / "python"
VERTEX_OPENAI = "/v1/projects/p/locations/us-central1/endpoints/openapi"

Ask: TypeAlias = Callable[..., dict[str, Any]]
Expected: TypeAlias = dict[str, Any]


class HasUrl(Protocol):
    url: str


@pytest.fixture
def key_file(scripted: HasUrl, tmp_path: Path) -> str:
    """A service account's key, whose tokens the server itself gives out."""
    key, _ = service_account("robot", "p", token_uri=f"{scripted.url}/token", now=dt.datetime.now(dt.UTC))
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    return str(path)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_vertexai(ask: Ask, expected: Expected, transport: str) -> None:
    report = ask(sys.executable, PROGRAMS / "ask_vertexai.py", transport)

    assert report.items() <= expected.items()


@pytest.mark.parametrize("mode", ["vertex", "express", "developer"])
def test_google_genai(ask: Ask, expected: Expected, mode: str) -> None:
    report = ask(sys.executable, PROGRAMS / "ask_genai.py", mode)

    assert report.items() <= expected.items()


@pytest.mark.parametrize("path", ["/v1", "/v1beta/openai/", VERTEX_OPENAI])
def test_openai(ask: Ask, expected: Expected, path: str) -> None:
    report = ask(sys.executable, PROGRAMS / "ask_openai.py", path)

    assert report.items() <= expected.items()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(["ask_vertexai.py", "grpc"], id="vertexai signs its own tokens"),
        pytest.param(["ask_genai.py", "vertex"], id="google-genai gets them from token_uri"),
        pytest.param(["ask_openai.py", VERTEX_OPENAI, "adc"], id="openai is given one"),
    ],
)
def test_a_service_account(ask: Ask, expected: Expected, key_file: str, program: list[str]) -> None:
    name, *arguments = program

    report = ask(sys.executable, PROGRAMS / name, *arguments, GOOGLE_APPLICATION_CREDENTIALS=key_file)

    assert report.items() <= expected.items()


def test_google_genai_pointed_by_variables_alone(
    ask: Ask, expected: Expected, genai_variables: dict[str, str]
) -> None:
    report = ask(sys.executable, PROGRAMS / "ask_genai.py", "variables", **genai_variables)

    assert report.items() <= expected.items()
