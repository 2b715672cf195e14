"""What servers tell of their models, as each of them tells it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from geminid import errors
from geminid.engines.bounds import SMALL_MODEL_BOUNDS, Bounds
from geminid.engines.dialects import ASSUMED_WINDOW, GENERIC, LLAMA, VLLM, Dialect
from geminid.engines.served import Served
from geminid.engines.upstream import Upstream

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]

VLLM_ROW = {"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 4096}
LLAMA_ROW = {"id": "m", "meta": {"n_ctx": 2048}}
EARLIER_LLAMA = {"models": [{"capabilities": ["completion", "multimodal"]}], "data": [LLAMA_ROW]}


def modalities(*kinds: str) -> dict[str, Any]:
    return {"data": [{**LLAMA_ROW, "architecture": {"input_modalities": ["text", *kinds]}}]}


@pytest.fixture
async def server() -> AsyncIterator[Callable[..., Awaitable[Upstream]]]:
    """Starts a server with these answers; what is None is not there."""
    runners, upstreams = [], []

    async def start(models: Any, properties: Any = None, tokenizer: Handler | None = None) -> Upstream:
        app = web.Application()
        for path, answer in (("/v1/models", models), ("/props", properties)):
            if answer is not None:
                app.router.add_get(path, answer if callable(answer) else _answering(answer))
        if tokenizer is not None:
            app.router.add_post("/tokenize", tokenizer)
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


async def _busy(_request: web.Request) -> web.Response:
    return web.Response(status=503)


def _answering(answer: Any) -> Handler:
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

    await served.learn(await server(models=None), GENERIC)

    assert served == Served("m", 512, sees=True, hears=False)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [(134_515_008, SMALL_MODEL_BOUNDS), (999_999_999, SMALL_MODEL_BOUNDS), (1_000_000_000, None), (None, None)],
)
async def test_a_small_model_is_held_to_bounds_whatever_the_operator_said(
    server: Any, parameters: int | None, expected: Bounds | None
) -> None:
    served = Served("m", context_tokens=512, sees=False, hears=False)
    meta = {"n_ctx": 2048, "n_params": parameters}

    await served.learn(await server({"data": [{"id": "m", "meta": meta}]}), LLAMA)

    assert served.bounds == expected


@pytest.mark.parametrize("told", [None, 7_000_000_000])
async def test_the_operators_word_on_its_size_counts(server: Any, told: int | None) -> None:
    served = Served("m", parameters=135_000_000)
    assert served.bounds == SMALL_MODEL_BOUNDS

    await served.learn(await server({"data": [{"id": "m", "meta": {"n_params": told}}]}), VLLM)

    assert served.bounds == SMALL_MODEL_BOUNDS


TEMPLATE = {"chat_template": "{{ '<|user|>' + content }}", "bos_token": "<s>", "eos_token": 5}
CONTROL = {"<|user|>": 1, "<s>": 2}


async def read_apart(request: web.Request) -> web.Response:
    """A tokenizer of letters, and of control tokens where they are to be read."""
    body = await request.json()
    told = []
    for text in body["content"]:
        pieces = re.split(r"(<\|user\|>|<s>)", text)
        control = CONTROL if body["parse_special"] else {}
        for piece in pieces:
            told += [(piece, control[piece])] if piece in control else [(letter, ord(letter)) for letter in piece]
    return web.json_response({"tokens": [{"id": number, "piece": piece} for piece, number in told]})


async def test_control_tokens_are_what_the_tokenizer_reads_as_such(server: Any) -> None:
    served = Served("m")

    await served.learn(await server(modalities(), TEMPLATE, read_apart), LLAMA)

    assert set(served.control_tokens) == {"<|user|>", "<s>"}


@pytest.mark.parametrize(
    "answer", ["no JSON", {"tokens": [1, 2]}, {"tokens": [{"id": 1, "piece": [255]}]}, {"count": 3}]
)
async def test_a_tokenizer_that_tells_nothing_has_no_control_tokens(server: Any, answer: Any) -> None:
    served = Served("m")

    await served.learn(await server(modalities(), TEMPLATE, _answering(answer)), LLAMA)

    assert served.control_tokens == ()
    assert served.complete


@pytest.mark.parametrize("busy", ["models", "properties", "tokenizer"])
async def test_a_server_that_cannot_tell_now_is_asked_again(server: Any, busy: str) -> None:
    served = Served("m")
    answers = {"models": modalities(), "properties": TEMPLATE, "tokenizer": read_apart, busy: _busy}

    with pytest.raises(errors.Unavailable):
        await served.learn(await server(**answers), LLAMA)

    assert not served.complete
    assert not served.known(LLAMA)


async def test_a_server_without_models_cannot_be_used_by_no_name(server: Any) -> None:
    with pytest.raises(errors.Unavailable):
        await Served("").learn(await server({"data": []}), GENERIC)


def test_what_is_sure_before_anything_is_known() -> None:
    able = Served("").capabilities(LLAMA)

    assert (able.context_tokens, able.sees, able.hears) == (ASSUMED_WINDOW, False, False)
