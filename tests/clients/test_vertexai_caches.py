"""vertexai's cached contents over gRPC with TLS and over REST, each in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "matrix" / "python" / "caches_vertexai.py"


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_what_a_program_gets(
    ask: Callable[..., dict[str, Any]],
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    transport: str,
) -> None:
    report = ask(sys.executable, PROGRAM, transport, **caches_variables)

    assert list(report) == ["vertexai.preview.generative_models", "vertexai.generative_models"]
    assert all(told.items() <= expected_of_caches.items() for told in report.values())
