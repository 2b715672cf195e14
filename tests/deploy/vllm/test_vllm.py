"""What the server makes of a real vLLM: counts, schemas, calls, probabilities, clients that leave, tenants."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from geminid.app import App
from geminid.engines.dialects import VLLM

pytestmark = [pytest.mark.vllm, pytest.mark.model, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
CONFORMANCE = ROOT / "tests" / "conformance"
ENDLESS = [
    "test_schemas.py::test_the_answer_is_what_the_schema_asks_for[address-names that need quoting]",
    "test_unicode.py::test_many_emoji_are_streamed_whole[address]",
]
"""vLLM's grammar lets white space stand without end between a value and what follows; so small a model gets lost
in it."""

MODEL = "gemini-2.5-flash"
WINDOW = 8192
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "OBJECT",
        "properties": {
            "city": {"type": "STRING", "maxLength": 20},
            "unit": {"type": "STRING", "enum": ["C", "F"]},
        },
        "required": ["city", "unit"],
    },
}
TIME = {"name": "get_time", "description": "What time it is."}


def path(method: str, project: str = "p") -> str:
    return f"/v1/projects/{project}/locations/l/publishers/google/models/{MODEL}:{method}"


def asking(text: str, **config: Any) -> dict[str, Any]:
    return {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "generationConfig": {"maxOutputTokens": 64, "temperature": 0, **config},
    }


async def ask(
    client: aiohttp.ClientSession, request: dict[str, Any], method: str = "generateContent", project: str = "p"
) -> dict[str, Any]:
    async with client.post(path(method, project), json=request) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


def parts_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = answer["candidates"][0]["content"]["parts"]
    return parts


async def test_it_is_recognised(app: App) -> None:
    assert app.registry.fallback.capabilities == VLLM.capabilities(WINDOW)


@pytest.mark.parametrize("text", ["Hello", "one two three", "Zoë 😀", "<|im_start|>user", " \n x"])
async def test_tokens_are_counted_as_it_counts_them(vllm: Any, client: aiohttp.ClientSession, text: str) -> None:
    request = asking(text, maxOutputTokens=1)
    counted = await ask(client, {"contents": request["contents"]}, "countTokens")
    answered = await ask(client, request)

    assert counted["totalTokens"] == answered["usageMetadata"]["promptTokenCount"] == vllm.count(text)


async def test_a_schema_holds(client: aiohttp.ClientSession) -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"sky": {"type": "STRING", "enum": ["blue", "grey"]}, "clouds": {"type": "INTEGER"}},
        "required": ["sky", "clouds"],
        "propertyOrdering": ["clouds", "sky"],
    }
    request = asking("Describe the sky.", responseMimeType="application/json", responseSchema=schema)

    (part,) = parts_of(await ask(client, request))

    told = json.loads(part["text"])
    assert list(told) == ["clouds", "sky"]
    assert isinstance(told["clouds"], int)
    assert told["sky"] in ("blue", "grey")


async def test_a_choice_holds(client: aiohttp.ClientSession) -> None:
    schema = {"type": "STRING", "enum": ["yes (sure)", 'no "never"']}
    request = asking("Is water wet?", responseMimeType="text/x.enum", responseSchema=schema)

    (part,) = parts_of(await ask(client, request))

    assert part["text"] in schema["enum"]


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [("ANY", None), ("ANY", ["get_weather"]), ("AUTO", None), ("VALIDATED", None), ("NONE", None)],
)
async def test_functions_in_each_mode(client: aiohttp.ClientSession, mode: str, allowed: list[str] | None) -> None:
    calling = {"mode": mode, **({"allowedFunctionNames": allowed} if allowed else {})}
    request = asking("What is the weather in Paris?", maxOutputTokens=256) | {
        "tools": [{"functionDeclarations": [WEATHER, TIME]}],
        "toolConfig": {"functionCallingConfig": calling},
    }

    parts = parts_of(await ask(client, request))

    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    assert bool(calls) or mode != "ANY"
    assert not calls or mode != "NONE"
    for call in calls:
        assert call["name"] in (allowed or ["get_weather", "get_time"])
        if call["name"] == "get_weather":
            assert call["args"].keys() == {"city", "unit"}


async def test_a_call_is_streamed_as_it_is_told_whole(client: aiohttp.ClientSession) -> None:
    request = asking("What is the weather in Paris?", maxOutputTokens=256) | {
        "tools": [{"functionDeclarations": [WEATHER]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    }
    whole = parts_of(await ask(client, request))
    chunks: Any = await ask(client, request, "streamGenerateContent")

    streamed = [part for chunk in chunks for part in chunk["candidates"][0].get("content", {}).get("parts", [])]
    assert [part["functionCall"]["args"] for part in streamed if "functionCall" in part] == [
        part["functionCall"]["args"] for part in whole
    ]


async def test_what_a_function_gave_is_answered(client: aiohttp.ClientSession) -> None:
    called = {"functionCall": {"name": "get_weather", "args": {"city": "Paris", "unit": "C"}}}
    gave = {"functionResponse": {"name": "get_weather", "response": {"output": "sunny, 21 degrees"}}}
    request = asking("What is the weather in Paris?") | {"tools": [{"functionDeclarations": [WEATHER]}]}
    request["contents"] += [{"role": "model", "parts": [called]}, {"role": "user", "parts": [gave]}]

    assert parts_of(await ask(client, request))


async def test_log_probabilities_are_told(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, asking("Count to five.", maxOutputTokens=8, responseLogprobs=True, logprobs=3))

    told = answer["candidates"][0]["logprobsResult"]
    text = "".join(part["text"] for part in parts_of(answer))
    assert "".join(token["token"] for token in told["chosenCandidates"]) == text
    for chosen, place in zip(told["chosenCandidates"], told["topCandidates"], strict=True):
        best, *others = (one["logProbability"] for one in place["candidates"])
        assert chosen["logProbability"] == best <= 0
        assert len(others) == 2
        assert all(best >= other for other in others)


async def test_a_prompt_that_is_too_long_is_refused_in_googles_words(client: aiohttp.ClientSession) -> None:
    async with client.post(path("generateContent"), json=asking("word " * WINDOW)) as response:
        error = (await response.json())["error"]

    assert (response.status, error["status"]) == (400, "INVALID_ARGUMENT")
    assert f"only supports up to {WINDOW}" in error["message"]


async def test_what_the_window_does_not_hold_is_cut(client: aiohttp.ClientSession) -> None:
    """vLLM refuses an output that may exceed the window with its prompt; Gemini means a bound."""
    request = asking("word " * (WINDOW - 300), maxOutputTokens=WINDOW - 1, stopSequences=[" "])

    assert (await ask(client, request))["candidates"][0]["finishReason"] in ("STOP", "MAX_TOKENS")


async def test_a_client_that_leaves_ends_the_work(vllm: Any, client: aiohttp.ClientSession) -> None:
    """At such a temperature it would write for minutes."""
    request = asking("Count to ten thousand.", maxOutputTokens=8000, temperature=2, topP=1)
    async with client.post(path("streamGenerateContent?alt=sse"), json=request) as response:
        await response.content.readany()
        await vllm.until(running=1, seconds=5)
        response.close()

    await vllm.until(running=0, seconds=5)


async def test_a_prefix_is_read_once_for_each_project(client: aiohttp.ClientSession) -> None:
    """The salt keeps what one project has said from being found by another: the time would tell of it."""
    text = " ".join(f"River {number} is long." for number in range(500))

    def cached(answer: dict[str, Any]) -> int:
        count: int = answer["usageMetadata"].get("cachedContentTokenCount", 0)
        return count

    first, again = [await ask(client, asking(text, maxOutputTokens=1), project="ours") for _ in range(2)]
    others = await ask(client, asking(text, maxOutputTokens=1), project="theirs")

    assert (cached(first), cached(others)) == (0, 0)
    assert 0.9 * again["usageMetadata"]["promptTokenCount"] < cached(again)


async def test_the_conformance_tests(app: App) -> None:
    """Those of generation, schemas and tools, in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", str(CONFORMANCE), "--engine", "address",
        *(f"--deselect={CONFORMANCE.relative_to(ROOT)}/{case}" for case in ENDLESS),
        cwd=ROOT,
        env={**os.environ, "GEMINID_CONFORMANCE_URL": f"http://127.0.0.1:{app.listener.port}"},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()

    assert process.returncode == 0, told.decode()[-20_000:]
