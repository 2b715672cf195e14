"""google-genai with its project and location in the environment only, which loses the path of every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from geminid.doors.bare_url import BareUrlDoor
from geminid.doors.listen import Listener

ASKED: dict[str, Any] = {"model": "gemini-2.5-flash", "contents": "Hello"}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = Listener(BareUrlDoor(request_bytes=600_000), host="127.0.0.1", port=0, drain_seconds=1)
    await listener.start()
    yield listener.port
    await listener.stop()


async def first_chunk(models: Any) -> None:
    await anext(await models.generate_content_stream(**ASKED))


@pytest.mark.parametrize("stream", [False, True])
async def test_genai_is_told_what_to_set(port: int, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "True")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"http://127.0.0.1:{port}")
    async with httpx.AsyncClient() as session:
        with genai.Client(http_options=types.HttpOptions(httpx_async_client=session)) as client:
            models = client.aio.models
            with pytest.raises(errors.ClientError) as error:
                await first_chunk(models) if stream else await models.generate_content(**ASKED)

    assert (error.value.code, error.value.status) == (400, "INVALID_ARGUMENT")
    assert f"GOOGLE_GEMINI_BASE_URL='http://127.0.0.1:{port}/#.googleapis.com'" in (error.value.message or "")


@pytest.mark.parametrize(
    ("method", "path", "own"), [("POST", "/", True), ("GET", "/", False), ("POST", "/v1", False)]
)
def test_only_a_post_without_a_path_is_this_doors(method: str, path: str, own: bool) -> None:
    scope = {"type": "http", "method": method, "path": path}

    assert BareUrlDoor(request_bytes=1).matches(scope) is own
