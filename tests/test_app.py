"""The whole server, as it is put together."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from geminid.app import App
from geminid.build.engines import used_weights
from geminid.settings import Llama, ModelSettings, Server, Settings, SettingsError

PORTS = Server(port=0, grpc_port=0, tls_port=0)


async def status_of(app: App, path: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{app.listener.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


async def test_a_server_is_alive_before_its_engine_is_ready(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        app = App(Settings(engine=f"http://127.0.0.1:{nobody.getsockname()[1]}/v1", server=PORTS), tmp_path)
        await app.start()

        live, ready = await status_of(app, "/livez"), await status_of(app, "/readyz")

        await app.stop()
    assert live == (200, {"status": "ok"})
    assert ready[0] == 503
    assert ready[1]["engines"][0]["state"] == "down"


async def test_a_ready_server_says_so(tmp_path: Path) -> None:
    app = App(Settings(engine="scripted", server=PORTS), tmp_path)
    await app.start()

    ready = await status_of(app, "/readyz")

    await app.stop()
    assert ready == (200, {"status": "ok", "engines": [{"state": "ready", "detail": ""}]})


async def test_stopping_twice_and_before_starting_is_fine(tmp_path: Path) -> None:
    app = App(Settings(engine="scripted", server=PORTS), tmp_path)

    await app.stop()
    await app.stop()


def test_ids_may_share_an_engine_and_have_their_own(tmp_path: Path) -> None:
    settings = Settings(
        engine="scripted",
        models={
            "gemini-1.5-pro": ModelSettings(engine="scripted"),
            "house-model": ModelSettings(like="gemini-2.5-flash"),
        },
        server=PORTS,
    )

    registry = App(settings, tmp_path).registry

    assert len(registry.all_engines()) == 1
    assert registry.find("publishers/google/models/house-model").model.profile.traffic_type


def test_an_id_that_nobody_knows_needs_one_that_it_is_like(tmp_path: Path) -> None:
    settings = Settings(engine="scripted", models={"house-model": ModelSettings(engine="scripted")})

    with pytest.raises(SettingsError, match=r"house-model.*like"):
        App(settings, tmp_path)


def test_only_the_weights_that_are_used_are_needed() -> None:
    settings = Settings(engine="mine", engines={"mine": Llama(weights="gemma3-1b"), "other": Llama()})

    assert [model.name for model in used_weights(settings)] == ["gemma3-1b"]
