"""An engine that another process has, spoken to over a real socket. The contract of all engines is elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geminid import errors
from geminid.attachment import Kind, Media, Picture, Sound
from geminid.engines import remote_frames
from geminid.engines.base import State
from geminid.engines.remote import Host, Remote
from geminid.engines.script import Answer, Failure, Script
from geminid.engines.scripted import Scripted
from geminid.generation import (
    Called,
    Calling,
    Choices,
    Delta,
    Finish,
    FinishReason,
    Function,
    FunctionCall,
    FunctionResponse,
    Generation,
    JsonSchema,
    Logprob,
    Prefix,
    Sampling,
    Text,
    Thinking,
    TokenLogprobs,
    Tools,
    Turn,
    Usage,
)

QUESTION = Generation((Turn("user", (Text("Hello"),)),))

EVERYTHING = Generation(
    (
        Turn("user", (Text("Look"), Media(Kind.IMAGE, ("a cat", Picture(b"\xff\x00"), Sound(b"RIFF")), 258))),
        Turn("model", (FunctionCall("find", {"ids": [1, 2.5, 2**70], "deep": {"none": None, "yes": True}}, "1"),)),
        Turn("user", (FunctionResponse("find", {"found": [{"a": []}]}),)),
    ),
    (Text("Be brief."),),
    Sampling(temperature=0.5, stop_sequences=("a", "b"), seed=7, logprobs=3),
    constraint=JsonSchema({"type": "object", "properties": {"x": {"enum": ["tuple", "list"]}}}),
    tools=Tools((Function("find", "Finds.", {"type": "object"}),), Calling.ANY, frozenset({"find"})),
    thinking=Thinking(True, 100, "low"),
    tenant="t",
    prefix=Prefix("k", 1),
)

EVENTS = [
    Delta("é", logprobs=(TokenLogprobs(Logprob("é", -0.5, 3), (Logprob("e", -1.0),)),), thought=True),
    Called(FunctionCall("find", {"id": -(2**65)})),
    Finish(FinishReason.MAX_TOKENS, message="long"),
    Usage(1, 2, 3, 4),
]


async def there_and_back(*values: object) -> list[Any]:
    reader = asyncio.StreamReader()
    reader.feed_data(remote_frames.frame(*values))
    return await remote_frames.read(reader)


@pytest.mark.parametrize("value", [EVERYTHING, replace(EVERYTHING, constraint=Choices(("a",))), *EVENTS])
async def test_what_is_sent_arrives(value: object) -> None:
    assert await there_and_back("generate", value) == ["generate", value]


async def test_what_is_no_value_of_an_engine_is_refused() -> None:
    with pytest.raises(TypeError, match="Path cannot be sent"):
        remote_frames.frame(Path())


@pytest.fixture
async def lend(tmp_path: Path) -> AsyncIterator[Any]:
    """Lends an engine with these answers: its host, and who borrows it."""
    opened: list[Any] = []

    async def lend(*answers: Answer) -> tuple[Host, Remote]:
        far = Scripted(Script(answers=list(answers)))
        path = tmp_path / "engine"
        host, near = Host(far, path), Remote(path, far.capabilities)
        await host.start()
        await near.start()
        opened.extend([near, host])
        return host, near

    yield lend
    for one in opened:
        await one.aclose()


async def test_errors_are_those_of_the_engine(lend: Any) -> None:
    _, engine = await lend(Answer(chunks=["one"], fail=Failure("RESOURCE_EXHAUSTED", "later", 1)))
    events = engine.generate(QUESTION)

    assert (await anext(events)).text == "one"
    with pytest.raises(errors.ResourceExhausted, match="later"):
        await anext(events)


async def test_a_prompt_that_is_too_long_says_by_how_much(tmp_path: Path) -> None:
    far = Scripted(Script(context_tokens=1))
    host, near = Host(far, tmp_path / "engine"), Remote(tmp_path / "engine", far.capabilities)
    await host.start()

    with pytest.raises(errors.PromptTooLong) as raised:
        await anext(near.generate(replace(QUESTION, system=(Text("word " * 50),))))

    assert raised.value.limit == 1
    await host.aclose()


async def test_the_end_of_its_process_is_unavailable_and_noticed(lend: Any) -> None:
    host, engine = await lend(Answer(chunks=["one"], hang=True))
    await engine.wait_ready()
    events = engine.generate(QUESTION)
    await anext(events)

    await host.aclose()

    with pytest.raises(errors.Unavailable):
        await anext(events)
    with pytest.raises(errors.Unavailable):
        await engine.count_tokens(["a"])
    async with asyncio.timeout(5):
        while (await engine.health()).state is not State.DOWN:  # noqa: ASYNC110 - health is asked, it tells no event
            await asyncio.sleep(0.01)
