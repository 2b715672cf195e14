"""What is counted can be read by Prometheus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from geminid.app import App
from geminid.settings import QuotaRule, Quotas, Safety, Scripted, Server, Settings

MODELS = "/v1/projects/p/locations/l/publishers/google/models"
ASKED = {"contents": {"parts": {"text": "x"}}}

Found: TypeAlias = dict[tuple[str, ...], float]


async def read(session: aiohttp.ClientSession, url: str) -> Found:
    """The values, by name and labels."""
    async with session.get(f"{url}/metrics") as response:
        families = list(text_string_to_metric_families(await response.text()))
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


async def test_calls_and_failures_are_told(start: Any, tmp_path: Any) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nwhen = "x"\nfail = {code = "INTERNAL"}\n')
    server = await start({"chunks": ["Well."]}, safety=Safety(rater=f"scripted:{rules}"))
    for model in ("gemini-1.5-flash-001", "gemini-none"):
        await server.post(f"{model}:generateContent", ASKED)

    found = await read(server.session, server.url)

    assert found["geminid_calls_running",] == 0
    assert found["geminid_calls_total", "OK"] == 1
    assert found["geminid_calls_total", "NOT_FOUND"] == 1
    assert found["geminid_rater_failures_total", "scripted"] == 1
    assert found["geminid_usage_records_lost_total",] == 0


class Narrow:
    """A server whose engine never ends its one answer, before which one call may wait."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app = app
        self._session = session
        self._url = f"http://127.0.0.1:{app.listener.port}"

    async def ask(self, model: str = "gemini-2.0-flash") -> int:
        url = f"{self._url}{MODELS}/{model}:generateContent"
        async with self._session.post(url, json=ASKED) as response:
            await response.read()
            return response.status

    async def read(self) -> Found:
        return await read(self._session, self._url)


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Narrow]:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"answers": [{"chunks": ["Well."], "hang": True}]}))
    settings = Settings(
        engine="one",
        engines={"one": Scripted(script=str(script), running=1, waiting=1)},
        server=Server(port=0, grpc_port=0, tls_port=0, drain_seconds=0.1),
        safety=Safety(rater="none"),
        quotas=Quotas(
            requests_per_minute=1, rules=[QuotaRule(model="gemini-2.0-flash", requests_per_minute=6000)]
        ),
    )
    app = App(settings, tmp_path)
    await app.start()
    async with aiohttp.ClientSession() as session:
        yield Narrow(app, session)
    await app.stop()


async def test_what_waits_for_an_engine_and_who_was_refused_is_told(
    narrow: Narrow, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    (lane,) = narrow.app.lanes.values()
    calls = [asyncio.create_task(narrow.ask()) for _ in range(2)]
    await eventually(lambda: lane.queued == 1)

    assert await narrow.ask() == 503
    found = await narrow.read()

    assert found["geminid_engine_places", "default"] == 1
    assert found["geminid_engine_places_taken", "default"] == 1
    assert found["geminid_engine_calls_waiting", "default"] == 1
    assert found["geminid_engine_calls_refused_total", "default", "full"] == 1
    assert found["geminid_engine_calls_refused_total", "default", "late"] == 0
    for call in calls:
        call.cancel()
    await eventually(lambda: lane.taken == 0)


async def test_who_asked_for_too_much_is_told_by_the_limit(
    narrow: Narrow, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    (lane,) = narrow.app.lanes.values()
    call = asyncio.create_task(narrow.ask("gemini-1.5-flash"))
    await eventually(lambda: lane.taken == 1)

    assert await narrow.ask("gemini-1.5-flash") == 429
    found = await narrow.read()

    assert found["geminid_quota_calls_refused_total", "requests_per_minute"] == 1
    assert found["geminid_quota_calls_refused_total", "tokens_per_minute"] == 0
    assert found["geminid_quota_calls_refused_total", "concurrent_requests"] == 0
    call.cancel()
    await eventually(lambda: lane.taken == 0)
