"""What a replica does with requests, before a real llama.cpp child."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from geminid.deploy.kept_child import KeptChild
from geminid.deploy.passing import Passing

pytestmark = pytest.mark.model

CHAT = "/v1/chat/completions"


@pytest.fixture
async def session(key: dict[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=key) as session:
        yield session


def asking(tokens: int) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": "Tell me a long story about a river."}],
        "stream": True,
        "return_progress": True,
        "max_tokens": tokens,
        "ignore_eos": True,
    }


async def test_an_answer_streams_through(address: str, session: aiohttp.ClientSession) -> None:
    async with session.post(address + CHAT, json=asking(60)) as response:
        chunks = [chunk async for chunk in response.content.iter_any()]

    assert response.status == 200
    assert response.content_type == "text/event-stream"
    assert len(chunks) > 6
    assert b"".join(chunks).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("path", ["/v1/models", "/props", "/health"])
async def test_what_the_server_tells_of_itself_is_passed(
    address: str, session: aiohttp.ClientSession, path: str
) -> None:
    async with session.get(address + path) as response:
        assert response.status == 200
        assert await response.json()


async def test_texts_are_tokenized(address: str, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{address}/tokenize", json={"content": "one two three"}) as response:
        assert len((await response.json())["tokens"]) == 3


async def test_an_error_of_the_child_is_passed_as_it_is(address: str, session: aiohttp.ClientSession) -> None:
    async with session.post(address + CHAT, data=b"{") as response:
        assert response.status in (400, 500)
        assert "error" in await response.json()


@pytest.mark.parametrize(("method", "path"), [("GET", "/slots"), ("GET", CHAT), ("POST", "/props")])
async def test_other_routes_are_not_there(
    address: str, session: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with session.request(method, address + path) as response:
        assert response.status == 404


async def test_without_the_key_only_health_answers(address: str) -> None:
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer guess"}) as session,
        session.post(address + CHAT, json=asking(1)) as chat,
        session.get(f"{address}/health") as health,
    ):
        assert (chat.status, health.status) == (401, 200)


async def test_who_finds_no_room_to_wait_is_told_when_to_come_back(
    kept: KeptChild, serve: Callable[[Any], Awaitable[str]], session: aiohttp.ClientSession
) -> None:
    passing = Passing(kept, 1, waiting=0)
    url = await serve(passing) + CHAT

    async with session.post(url, json=asking(1500)), session.post(url, json=asking(1)) as second:
        assert second.status == 429
        assert second.headers["Retry-After"] == "1"
    await passing.aclose()


async def test_a_client_that_leaves_ends_the_work(
    kept: KeptChild, address: str, session: aiohttp.ClientSession
) -> None:
    async with session.post(address + CHAT, json=asking(1500)) as response:
        await response.content.readany()
        child = await kept.ready()
        assert child.active == 1

    async with asyncio.timeout(5):
        while child.active:  # noqa: ASYNC110 - the server notices in its own time
            await asyncio.sleep(0.01)
    async with session.post(address + CHAT, json=asking(4)) as response:
        assert (await response.read()).endswith(b"data: [DONE]\n\n")


async def test_a_stream_whose_child_ends_is_cut_and_the_next_request_waits_for_another(
    kept: KeptChild, address: str, session: aiohttp.ClientSession
) -> None:
    first = await kept.ready()
    async with session.post(address + CHAT, json=asking(1500)) as response:
        await response.content.readany()
        first.process.kill()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    async with session.post(address + CHAT, json=asking(4)) as response:
        assert (await response.read()).endswith(b"data: [DONE]\n\n")
    assert await kept.ready() is not first


async def test_a_request_that_finds_the_child_gone_is_asked_of_the_next_one(
    kept: KeptChild, address: str, session: aiohttp.ClientSession
) -> None:
    (await kept.ready()).process.kill()

    async with session.post(address + CHAT, json=asking(4)) as response:
        assert response.status == 200
        assert (await response.read()).endswith(b"data: [DONE]\n\n")
