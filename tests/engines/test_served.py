"""What servers tell of their models, as each of them tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from geminid import errors
from geminid.engines.dialects import ASSUMED_WINDOW, GENERIC, LLAMA, VLLM, Dialect
from geminid.engines.served import Served
from geminid.engines.upstream import Upstream

VLLM_ROW = {"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 4096}
LLAMA_ROW = {"id": "m", "meta": {"n_ctx": 2048}}
EARLIER_LLAMA = {"models": [{"capabilities": ["completion", "multimodal"]}], "data": [LLAMA_ROW]}


def modalities(*kinds: str) -> dict[str, Any]:
    return {"data": [{**LLAMA_ROW, "architecture": {"input_modalities": ["text", *kinds]}}]}


@pytest.fixture
async def server() -> AsyncIterator[Callable[..., Awaitable[Upstream]]]:
    """Starts a server with these answers; what is None is not there."""
    runners, upstreams = [], []

    async def start(models: Any, properties: Any = None) -> Upstream:
        app = web.Application()
        for path, answer in (("/v1/models", models), ("/props", properties)):
            if answer is not None:
                app.router.add_get(path, _answering(answer))
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        upstreams.append(Upstream(f"http://127.0.0.1:{runners[-1].addresses[0][1]}/v1", {}))
        return upstreams[-1]

    yield start
    for upstream in upstreams:
        await upstream.aclose()
    for runner in runners:
        await runner.cleanup()


def _answering(answer: Any) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)

    return handle


@pytest.mark.parametrize(
    ("dialect", "models", "properties", "expected"),
    [
        pytest.param(VLLM, {"data": [VLLM_ROW]}, None, (4096, False, False), id="vLLM"),
        pytest.param(LLAMA, modalities("image", "video"), None, (2048, True, False), id="llama-server"),
        pytest.param(LLAMA, modalities("audio"), None, (2048, False, True), id="llama-server that hears"),
        pytest.param(LLAMA, modalities(), {"modalities": {"vision": True}}, (2048, False, False), id="text alone"),
        pytest.param(
            LLAMA, EARLIER_LLAMA, {"modalities": {"vision": True, "audio": True}}, (2048, True, True), id="earlier"
        ),
        pytest.param(LLAMA, EARLIER_LLAMA, {"total_slots": 4}, (2048, False, False), id="still earlier"),
        pytest.param(LLAMA, EARLIER_LLAMA, None, (2048, False, False), id="no properties"),
        pytest.param(LLAMA, EARLIER_LLAMA, '{"modalities": 5}', (2048, False, False), id="strange properties"),
        pytest.param(GENERIC, modalities("image", "audio"), None, (2048, True, True), id="a gateway"),
        pytest.param(
            GENERIC, {"data": [{"id": "m", "architecture": "llama"}]}, None, (ASSUMED_WINDOW, False, False),
            id="another architecture",
        ),
    ],
)  # fmt: skip
async def test_windows_and_senses(
    server: Any, dialect: Dialect, models: Any, properties: Any, expected: tuple[int, bool, bool]
) -> None:
    served = Served("m")

    await served.learn(await server(models, properties), dialect)

    able = served.capabilities(dialect)
    assert (able.context_tokens, able.sees, able.hears) == expected


async def test_the_operators_word_counts(server: Any) -> None:
    served = Served("m", context_tokens=512, sees=False, hears=None)

    await served.learn(await server(modalities("image", "audio")), LLAMA)

    assert (served.context_tokens, served.sees, served.hears) == (512, False, True)


async def test_who_is_told_everything_asks_for_nothing(server: Any) -> None:
    served = Served("m", context_tokens=512, sees=True, hears=False)

    await served.learn(await server(models=None), LLAMA)

    assert served == Served("m", 512, sees=True, hears=False)


async def test_a_server_without_models_cannot_be_used_by_no_name(server: Any) -> None:
    with pytest.raises(errors.Unavailable):
        await Served("").learn(await server({"data": []}), GENERIC)


def test_what_is_sure_before_anything_is_known() -> None:
    able = Served("").capabilities(LLAMA)

    assert (able.context_tokens, able.sees, able.hears) == (ASSUMED_WINDOW, False, False)
