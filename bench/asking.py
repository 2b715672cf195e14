"""A client that asks a watched server about media, and tells how long it took. Used by the benchmarks of media."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from watched import Server

MODEL = "gemini-1.5-pro-002"
"""Its window of 2 097 152 tokens holds an hour of film with its sound."""
MODELS = "/v1/projects/p/locations/l/publishers/google/models"


@dataclass(slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    seconds: float

    @property
    def message(self) -> str:
        return str(self.body.get("error", {}).get("message", ""))


class Client:
    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{server.port}{MODELS}/"
        self._session = session

    async def ask(
        self, part: dict[str, Any], method: str = "generateContent", *, model: str = MODEL, **config: Any
    ) -> Answer:
        """``config`` are fields of generationConfig."""
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [part, {"text": "What is it about?"}]}]}
        if config:
            body["generationConfig"] = config
        started = time.perf_counter()
        async with self._session.post(f"{self._url}{model}:{method}", json=body) as response:
            told = await response.json()
            return Answer(response.status, told, time.perf_counter() - started)


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[Client]:
    """A client that waits as long as it takes."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield Client(server, session)


def file_part(uri: str, mime_type: str) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri, "mimeType": mime_type}}
