"""aimock, a double for tests: https://aimock.copilotkit.dev. It answers by itself, as our scripted engine does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateways.base import Format, Gateway, Route, Start
from gateways.ours import WORDS
from gateways.recipes import Npm

_CHUNK = str(len("word "))


def _command(start: Start) -> Sequence[str | Path]:
    fixtures = [
        {"match": {"userMessage": f"words={words} "}, "response": {"content": "word " * words}} for words in WORDS
    ]
    path = start.write("fixtures.json", {"fixtures": fixtures})
    quiet = ["--log-level", "silent", "--journal-max", "1"]
    return [start.program, "--port", str(start.port), "--fixtures", path, "--chunk-size", _CHUNK, *quiet]


AIMOCK = Gateway(
    "aimock",
    Npm("@copilotkit/aimock@1.43.0", "llmock"),
    _command,
    {
        Format.GEMINI: Route("/v1beta/models/gemini-2.5-flash"),
        Format.OPENAI: Route("/v1/chat/completions", model="gemini-2.5-flash"),
    },
    forwards=False,
)
