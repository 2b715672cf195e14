from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from geminid import errors
from geminid.judgement import Category
from geminid.safety.base import Score
from geminid.safety.raters.http import HttpRater

HATE, DANGER, HARASSMENT, SEXUAL = Category
RATED = {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": 0.1, "severity": 0.2, "evidence": "rule 7"}


@dataclass
class Service:
    """Answers every request with ``answer``; without one it never does."""

    url: str = ""
    answer: Any = None
    status: int = 200
    bodies: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def rate(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_post("/rate", service.rate)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    service.url = f"http://{host}:{port}/rate"
    yield service
    await runner.cleanup()


@pytest.fixture
async def rater(service: Service) -> AsyncIterator[HttpRater]:
    rater = HttpRater(service.url, key_env="RATER_KEY", seconds=30)
    yield rater
    await rater.aclose()


async def test_texts_go_out_and_ratings_come_back(service: Service, rater: HttpRater) -> None:
    service.answer = {"ratings": [[RATED], []]}

    first, second = await rater.rate(["one", "two"])

    assert service.bodies == [{"texts": ["one", "two"]}]
    assert first == {HATE: Score(0.1, 0.2, "rule 7")}
    assert second == {}


async def test_the_key_is_a_bearer_token(
    service: Service, rater: HttpRater, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = {"ratings": [[]]}
    assert rater.ready() == "export RATER_KEY=…"
    monkeypatch.setenv("RATER_KEY", "secret")

    await rater.rate(["one"])

    assert rater.ready() is None
    assert service.keys == ["Bearer secret"]


@pytest.mark.parametrize(
    "answer",
    [
        {"ratings": []},
        {"ratings": [[RATED | {"probability": 1.5}]]},
        {"ratings": [[RATED | {"category": "HARM_CATEGORY_RUDENESS"}]]},
        {"scores": []},
        b"<html>",
        b'{"ratings": [["' + b"x" * 5_000_000,
    ],
)
async def test_an_answer_that_is_not_of_the_form_is_none(service: Service, rater: HttpRater, answer: Any) -> None:
    service.answer = answer

    with pytest.raises(errors.Unavailable):
        await rater.rate(["one"])


@pytest.mark.parametrize("status", [302, 401, 500])
async def test_only_200_is_an_answer(
    service: Service,
    rater: HttpRater,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("RATER_KEY", "secret")
    service.answer, service.status = {"ratings": [[]]}, status

    with caplog.at_level(logging.DEBUG, logger="geminid"), pytest.raises(errors.Unavailable) as caught:
        await rater.rate(["one"])

    assert str(status) in caplog.text
    told = caplog.text + str(caught.value)
    assert "secret" not in told
    assert service.url not in told


async def test_a_service_that_does_not_answer_in_time(service: Service) -> None:
    rater = HttpRater(service.url, seconds=0.3)

    with pytest.raises(errors.Unavailable):
        await rater.rate(["one"])

    await rater.aclose()


async def test_a_service_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        rater = HttpRater(f"http://127.0.0.1:{closed.getsockname()[1]}/rate")

        with pytest.raises(errors.Unavailable):
            await rater.rate(["one"])

    await rater.aclose()


async def test_a_closed_rater_rates_nothing(service: Service, rater: HttpRater) -> None:
    service.answer = {"ratings": [[]]}
    await rater.rate(["one"])

    await rater.aclose()
    await rater.aclose()

    with pytest.raises(errors.Unavailable):
        await rater.rate(["one"])


async def test_no_texts_are_no_request(service: Service, rater: HttpRater) -> None:
    assert await rater.rate([]) == []
    assert service.bodies == []
