"""The embedded model, asked as any HTTP client would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any, Protocol

import aiohttp
import psutil
import pytest

pytestmark = pytest.mark.model

MODELS = "/v1/projects/p/locations/l/publishers/google/models"


class Server(Protocol):
    url: str
    process: Any


def body(text: str, **config: Any) -> dict[str, Any]:
    return {"contents": {"role": "user", "parts": {"text": text}}, "generationConfig": config}


async def ask(server: Server, text: str, **config: Any) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session:
        url = f"{server.url}{MODELS}/gemini-1.5-flash:generateContent"
        async with session.post(url, json=body(text, **config)) as response:
            answer: dict[str, Any] = await response.json()
            return answer


async def said(server: Server, text: str, **config: Any) -> str:
    answer = await ask(server, text, **config)
    parts = answer["candidates"][0]["content"].get("parts", [])
    return "".join(part["text"] for part in parts)


async def test_temperature_0_says_the_same_each_time(embedded: Server) -> None:
    texts = {await said(embedded, "Tell me about rain.", temperature=0, maxOutputTokens=32) for _ in range(3)}

    assert len(texts) == 1


async def test_a_seed_says_the_same_each_time_and_another_one_something_else(embedded: Server) -> None:
    config = {"temperature": 1.5, "maxOutputTokens": 24}

    first, again = [await said(embedded, "Tell me a story.", seed=7, **config) for _ in range(2)]

    assert first == again
    assert first != await said(embedded, "Tell me a story.", seed=8, **config)


async def test_a_seed_holds_while_others_are_served(embedded: Server) -> None:
    config = {"temperature": 1.0, "maxOutputTokens": 24, "seed": 7}
    alone = await said(embedded, "Tell me a story.", **config)

    about = [f"Tell me about {thing}." for thing in ("rain", "snow", "fog")]
    crowd = [said(embedded, text, seed=1, maxOutputTokens=24) for text in about]
    together, *_ = await asyncio.gather(said(embedded, "Tell me a story.", **config), *crowd)

    assert together == alone


@pytest.mark.parametrize("stop", ["the", ". ", " is", "ai"])
async def test_a_stop_sequence_is_never_in_the_answer(embedded: Server, stop: str) -> None:
    text = await said(embedded, "Why does it rain?", temperature=0, maxOutputTokens=48, stopSequences=[stop])

    assert stop not in text


async def test_max_output_tokens_is_kept(embedded: Server) -> None:
    answer = await ask(embedded, "Count to one hundred.", temperature=0, maxOutputTokens=5)

    assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert answer["usageMetadata"]["candidatesTokenCount"] == 5


async def test_the_prompt_is_counted_by_the_models_own_tokenizer(embedded: Server) -> None:
    answer = await ask(embedded, "Hello world", temperature=0, maxOutputTokens=1)

    assert answer["usageMetadata"]["promptTokenCount"] == 2


async def test_too_long_a_prompt_is_refused_in_googles_words(embedded: Server) -> None:
    answer = await ask(embedded, "word " * 70_000)

    assert answer["error"]["code"] == 400
    assert "but model only supports up to" in answer["error"]["message"]


async def test_letters_are_never_broken(embedded: Server) -> None:
    request = body("Repeat: 😀 👩‍👩‍👧 你好 Grüße", temperature=1.5, seed=3, maxOutputTokens=48)
    url = f"{embedded.url}{MODELS}/gemini-1.5-flash:streamGenerateContent"
    async with aiohttp.ClientSession() as session, session.post(url, json=request) as response:
        raw = await response.read()

    chunks = json.loads(raw.decode("utf-8"))
    assert "\ufffd" not in "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)


async def test_an_engine_that_is_killed_ends_its_stream_with_an_error_and_comes_back(embedded: Server) -> None:
    children = psutil.Process(embedded.process.pid).children()
    (child,) = (child for child in children if "geminid.engines.llama_child" in child.cmdline())
    url = f"{embedded.url}{MODELS}/gemini-1.5-flash:streamGenerateContent?alt=sse"
    story = body("Write a long story.", temperature=0, maxOutputTokens=2000)
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        async with session.post(url, json=story) as response:
            first = await response.content.readline()
            os.kill(child.pid, signal.SIGKILL)
            rest = await response.content.read()

        *events, error = (first + rest).split(b"\r\n\r\n")
        assert all(event.startswith(b"data: ") for event in events)
        assert json.loads(error)["error"]["status"] == "UNAVAILABLE"
        assert await said(embedded, "Hello", temperature=0, maxOutputTokens=4)


async def test_ctrl_c_in_a_terminal_lets_answers_finish() -> None:
    """There the signal goes to the engine's process, too."""
    flags = ["--port", "0", "--grpc-port", "0", "--tls-port", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "geminid", "serve", *flags, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stderr
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        banner = (await process.stderr.readline()).decode()
        while b"ready" not in await process.stderr.readline():
            pass
        address = banner.split()[-1]
        request = body("Write a story.", temperature=0, maxOutputTokens=60)
        url = f"{address}{MODELS}/gemini-1.5-flash:streamGenerateContent?alt=sse"
        async with session.post(url, json=request) as response:
            await response.content.readline()
            os.killpg(process.pid, signal.SIGINT)
            rest = await response.content.read()

        assert b'"finishReason"' in rest
        assert await process.wait() == 0
