"""What a gateway is: where its program comes from, how it is started before an upstream, and how it is asked."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import loadgen


class Unavailable(Exception):
    """A gateway that cannot be had or started here; the message says why."""


class Format(enum.Enum):
    GEMINI = "Gemini"
    OPENAI = "OpenAI"


@dataclass(frozen=True, slots=True)
class Order:
    """What the upstream shall answer, see ``chat_upstream.py``; ``pace`` is words a second, 0 is at once."""

    words: int
    stream: bool
    pace: int = 0

    @property
    def prompt(self) -> str:
        return f"Tell me a story about a lighthouse keeper and the sea. words={self.words} pace={self.pace}"


@dataclass(frozen=True, slots=True)
class Route:
    """Where one format is asked for: ``path`` up to ``:`` for Gemini, all of it for OpenAI; headers; a model."""

    path: str
    headers: Sequence[str] = ()
    model: str = ""

    def request(self, form: Format, order: Order) -> bytes:
        if form is Format.GEMINI:
            method = "streamGenerateContent?alt=sse" if order.stream else "generateContent"
            contents = [{"role": "user", "parts": [{"text": order.prompt}]}]
            return _post(f"{self.path}:{method}", {"contents": contents}, self.headers)
        messages = [{"role": "user", "content": order.prompt}]
        streaming = {"stream": True} if order.stream else {}
        return _post(self.path, {"model": self.model, "messages": messages, **streaming}, self.headers)


def _post(path: str, body: Mapping[str, object], headers: Sequence[str]) -> bytes:
    return loadgen.post(path, json.dumps(body).encode(), *headers)


@dataclass(frozen=True, slots=True)
class Start:
    """What is known when a gateway is started. ``upstream`` is the address without ``/v1``; ``folder`` its own."""

    program: Path
    port: int
    spare_port: int
    upstream: str
    folder: Path

    def write(self, name: str, content: object) -> Path:
        """A configuration file as JSON, which is YAML, too."""
        path = self.folder / name
        path.write_text(json.dumps(content, indent=1))
        return path


class Recipe(Protocol):
    """How a program is had; ``version`` is what is asked for."""

    @property
    def version(self) -> str: ...

    def get(self, folder: Path) -> Path:
        """The program, in ``folder`` if it has to be installed. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """``command`` writes what configuration there is into the folder of the start.

    ``forwards`` is False for what answers by itself, without an upstream: a double, which heeds no pace.
    """

    name: str
    recipe: Recipe
    command: Callable[[Start], Sequence[str | Path]]
    routes: Mapping[Format, Route]
    environment: Callable[[Start], Mapping[str, str]] = lambda start: {}
    forwards: bool = True
    remarks: Sequence[str] = field(default=())
