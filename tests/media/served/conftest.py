"""Whole servers, one for a test file and each way to take media, and what is sent to them."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import psutil
import pytest
import pytest_asyncio
from made_media.hostile import pictures

from geminid.app import App
from geminid.settings import Media, Server, Settings

Part: TypeAlias = dict[str, Any]
WORKERS = 2
_MODELS = "/v1/projects/p/locations/l/publishers/google/models"
_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    seconds: float

    @property
    def message(self) -> str:
        """That of its error; empty where it is none."""
        message: str = self.body.get("error", {}).get("message", "")
        return message

    @property
    def text(self) -> str:
        text: str = self.body["candidates"][0]["content"]["parts"][0]["text"]
        return text


@dataclass(frozen=True)
class Served:
    """A server that runs in this process, and how to ask it."""

    app: App
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.listener.port}"

    async def ask(self, *parts: Part, model: str = "gemini-2.5-flash") -> Answer:
        """What the server says to a turn with these parts, and how long it took."""
        return await self.post(
            f"{_MODELS}/{model}:generateContent", {"contents": {"role": "user", "parts": parts}}
        )

    async def post(self, path: str, request: Any) -> Answer:
        body = io.BytesIO(json.dumps(request).encode())
        begun = time.perf_counter()
        async with self.session.post(f"{self.url}{path}", data=body, headers=_HEADERS) as response:
            told = await response.read()
            assert response.content_type == "application/json"
            return Answer(response.status, json.loads(told), time.perf_counter() - begun)


@pytest.fixture(scope="session")
def inline() -> Callable[[str, bytes], Part]:
    def inline(mime_type: str, data: bytes) -> Part:
        return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}}

    return inline


@pytest.fixture(scope="session")
def by_uri() -> Callable[..., Part]:
    def by_uri(uri: str, mime_type: str = "image/png") -> Part:
        return {"fileData": {"mimeType": mime_type, "fileUri": uri}}

    return by_uri


@pytest.fixture(scope="session")
def picture() -> Part:
    """One that is good."""
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(pictures.png(40, 30)).decode()}}


Serve: TypeAlias = Callable[..., Awaitable[Served]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serve(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serve]:
    """Starts a server; keywords are keys of ``[media]``. Where it does not see, observers describe."""
    running: list[App] = []
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def serve(*, sees: bool = True, **media: Any) -> Served:
            folder = tmp_path_factory.mktemp("served")
            app = App(_settings(folder, sees, media), folder)
            await app.start()
            running.append(app)
            return Served(app, session)

        yield serve
    for app in running:
        await app.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeing(serve: Serve) -> Served:
    return await serve()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def blind(serve: Serve) -> Served:
    return await serve(sees=False)


@pytest.fixture(scope="session")
def decoders() -> Callable[[], list[int]]:
    """The processes that decode for the servers of this process."""

    def decoders() -> list[int]:
        return [child.pid for child in psutil.Process().children() if _is_decoder(child)]

    return decoders


def _is_decoder(process: psutil.Process) -> bool:
    try:
        return "geminid.media.worker" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _settings(folder: Path, sees: bool, media: dict[str, Any]) -> Settings:
    script = folder / "script.json"
    script.write_text(json.dumps({"answers": [{"chunks": ["Yes"]}], "sees": sees, "hears": sees}))
    observers = dict.fromkeys(("reader", "labeller", "transcriber"), "scripted")
    return Settings(
        engine=f"scripted:{script}",
        server=Server(port=0, grpc_port=0, tls_port=0),
        media=Media(**({"workers": WORKERS, "cache_dir": str(folder / "cache")} | observers | media)),
    )
