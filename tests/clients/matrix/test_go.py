"""Google's libraries for Go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]

PROGRAMS = Path(__file__).parent / "go"
MODULES = {"vertexai": "cloud.google.com/go/vertexai/genai", "genai": "google.golang.org/genai"}


@pytest.mark.parametrize(
    ("program", "argument"),
    [("vertexai", "grpc"), ("vertexai", "rest"), ("genai", "vertex"), ("genai", "developer")],
)
def test_go(
    go_program: Callable[[Path, str], Path],
    ask: Callable[..., dict[str, Any]],
    expected: dict[str, Any],
    program: str,
    argument: str,
) -> None:
    report = ask(go_program(PROGRAMS / program, MODULES[program]), argument)

    assert report.items() <= expected.items()


@pytest.mark.parametrize(
    ("library", "argument"),
    [("vertexai", "grpc"), ("vertexai", "rest"), ("genai", "vertex"), ("genai", "developer")],
)
def test_safety(
    go_program: Callable[[Path, str], Path],
    ask: Callable[..., dict[str, Any]],
    judged: Any,
    expected_of_judged: dict[str, Any],
    library: str,
    argument: str,
) -> None:
    program = go_program(PROGRAMS / f"safety_{library}", MODULES[library])

    assert ask(program, argument, server=judged).items() <= expected_of_judged.items()
