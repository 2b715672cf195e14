"""A real Ray Serve with two llama.cpp replicas, deployed by the command and reached through the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from geminid.app import App
from geminid.settings import OpenAI, Pool, Safety, Server, Settings

pytestmark = [pytest.mark.ray, pytest.mark.model, pytest.mark.timeout(300)]

MODELS = "/v1/projects/p/locations/l/publishers/google/models/gemini-1.5-flash"
READY_SECONDS = 30


@pytest.fixture
async def server(deployment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A server whose engine is Ray's one address, under two names: so it is asked again where a call fails."""
    monkeypatch.setenv("RAY_TEST_KEY", deployment.environment["RAY_TEST_KEY"])
    engine = OpenAI(
        urls=(f"http://127.0.0.1:{deployment.port}/v1", f"http://localhost:{deployment.port}/v1"),
        api_key_env="RAY_TEST_KEY",
        dialect="llama",
        pool=Pool(check_seconds=1, ejection_seconds=0.5, slow_start_seconds=1),
    )
    ports = Server(port=0, grpc_port=0, tls_port=0)
    app = App(Settings(engine="ray", engines={"ray": engine}, server=ports, safety=Safety(rater="none")), tmp_path)
    await app.start()
    async with asyncio.timeout(READY_SECONDS):
        await app.wait_ready()
    yield f"http://127.0.0.1:{app.listener.port}{MODELS}"
    await app.stop()


def asking(text: str, tokens: int = 24, **config: Any) -> dict[str, Any]:
    return {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "generationConfig": {"maxOutputTokens": tokens, "temperature": 0, **config},
    }


@dataclass
class Answers:
    """How streamed calls ended, with the seconds when they did."""

    whole: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What those ended with that had begun."""
    failed: list[str] = field(default_factory=list)
    """Those that had not."""

    async def ask(self, session: aiohttp.ClientSession, url: str, number: int) -> None:
        request = asking(f"Tell me a story about {number} rivers.")
        async with session.post(f"{url}:streamGenerateContent?alt=sse", json=request) as response:
            body = (await response.read()).decode()
        if response.status != 200:
            self.failed.append(body)
        elif '"finishReason"' in body:
            self.whole.append(time.monotonic())
        else:
            self.broken.append(body)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - processes tell nobody that they have begun
            await asyncio.sleep(0.2)


async def test_answers_stream_through_ray(server: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server}:streamGenerateContent?alt=sse", json=asking("Count to ten.")) as response,
    ):
        chunks = [chunk async for chunk in response.content.iter_any()]

    assert response.status == 200
    assert len(chunks) > 5


async def test_tokens_are_counted_by_the_replicas_tokenizer(server: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server}:countTokens", json={"contents": asking("one two three")["contents"]}) as response,
    ):
        assert (await response.json())["totalTokens"] == 3


async def test_a_schema_holds_through_ray(server: str) -> None:
    schema = {"type": "OBJECT", "properties": {"yes": {"type": "BOOLEAN"}}, "required": ["yes"]}
    request = asking("Is water wet?", responseMimeType="application/json", responseSchema=schema)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server}:generateContent", json=request) as response,
    ):
        text = (await response.json())["candidates"][0]["content"]["parts"][0]["text"]

    assert text.replace(" ", "") in ('{"yes":true}', '{"yes":false}')


async def test_a_client_that_leaves_frees_the_slot(deployment: Any, server: str) -> None:
    """More calls than there are slots are left; one more is answered long before they would have ended."""
    async with aiohttp.ClientSession() as session:
        for number in range(12):
            request = asking(f"Tell me a story about {number} kings.", tokens=1500)
            async with session.post(f"{server}:streamGenerateContent?alt=sse", json=request) as response:
                await response.content.readany()
        async with (
            asyncio.timeout(10),
            session.post(f"{server}:generateContent", json=asking("Hi", 4)) as response,
        ):
            assert response.status == 200


async def test_without_the_key_nobody_is_let_in(deployment: Any) -> None:
    url = f"http://127.0.0.1:{deployment.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/v1/models") as models, session.get(f"{url}/health") as health:
            assert (models.status, health.status) == (401, 200)
        async with session.get(f"{url}/slots", headers={"Authorization": "Bearer none"}) as slots:
            assert slots.status == 404


async def test_a_replica_that_is_killed_costs_only_the_streams_it_had_begun(deployment: Any, server: str) -> None:
    await _killed_under_load(deployment, server, lambda: deployment.replicas()[0])

    assert len(deployment.replicas()) == 2


async def test_a_child_that_is_killed_is_started_again_in_its_replica(deployment: Any, server: str) -> None:
    before = {process.pid for process in deployment.replicas()}

    await _killed_under_load(deployment, server, lambda: deployment.children()[0])

    assert {process.pid for process in deployment.replicas()} == before


async def _killed_under_load(deployment: Any, server: str, victim: Callable[[], Any]) -> None:
    """Eight callers ask without a pause, while one process is killed and until there are two children again."""
    answers, running = Answers(), True
    children = {process.pid for process in deployment.children()}

    async def caller(number: int) -> None:
        async with aiohttp.ClientSession() as session:
            while running:
                await answers.ask(session, server, number)
                number += 8

    async def all_back() -> bool:
        now = await asyncio.to_thread(deployment.children)
        return len(now) == 2 and {process.pid for process in now} != children

    async def so_many_more() -> bool:
        return len(answers.whole) >= enough

    async with asyncio.TaskGroup() as callers:
        for number in range(8):
            callers.create_task(caller(number))
        enough = 16
        await until(so_many_more, 60)
        killed = time.monotonic()
        victim().kill()
        await until(all_back, 60)
        back, enough = time.monotonic(), len(answers.whole) + 32
        await until(so_many_more, 60)
        running = False

    gap = max(later - earlier for earlier, later in zip(answers.whole, answers.whole[1:], strict=False))
    print(
        f"{len(answers.whole)} answered, {len(answers.broken)} broken, {len(answers.failed)} failed; a new child "
        f"after {back - killed:.1f} s; longest time without an answer {gap:.1f} s"
    )
    assert answers.failed == []
    assert all('"error"' in body for body in answers.broken)


def test_status_tells_what_runs(deployment: Any) -> None:
    told = deployment.call("status")

    assert told.returncode == 0
    assert "llama: 2 RUNNING" in told.stdout
