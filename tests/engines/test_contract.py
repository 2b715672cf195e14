"""What every engine keeps to, whatever is behind it. The contract is the text of ``engines/base.py``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest

from geminid.engines.base import Engine, State
from geminid.engines.llama import Llama
from geminid.engines.openai_http import OpenAIHTTP
from geminid.engines.pool import Pool
from geminid.engines.remote import Host, Remote
from geminid.generation import (
    Called,
    Calling,
    Choices,
    Delta,
    Event,
    Finish,
    FinishReason,
    Function,
    FunctionCall,
    FunctionResponse,
    Generation,
    JsonSchema,
    Sampling,
    Text,
    Thinking,
    TokenLogprobs,
    Tools,
    Turn,
    Usage,
)

FREE_SECONDS = 10.0
"""The promise is a second; the machines that run tests are sometimes busy."""

QUESTION = "Why is the sky blue?"
STORY = "Tell me a long story about a river."
LONG_PROMPT = "This is a long prompt. " + "word " * 2000
FORM = "Tell me of a river, in the form that is asked for."
RIDDLE = "A riddle: what runs and never walks?"
EMOJI = "Reply only with these emoji and letters: 👩‍👩‍👧 你好 😀 é"


@dataclass(frozen=True)
class Subject:
    """An engine, and a way to see from behind it how many generations it is working on.

    ``thinks``: what answers the riddle is a model that reasons.
    """

    engine: Engine
    busy: Callable[[], Awaitable[int]]
    thinks: bool = False

    async def ready(self) -> Subject:
        async with asyncio.timeout(30):
            await self.engine.wait_ready()
        return self

    async def becomes(self, busy: int) -> None:
        async with asyncio.timeout(FREE_SECONDS):
            while await self.busy() != busy:  # noqa: ASYNC110 - a server has no event to wait for
                await asyncio.sleep(0.01)


@pytest.fixture
async def scripted(fake: Any) -> Subject:
    engine = fake.speaker

    async def busy() -> int:
        return int(engine.active)

    return await Subject(engine, busy, thinks=True).ready()


@pytest.fixture
async def openai_http(fake: Any) -> AsyncIterator[Subject]:
    engine = OpenAIHTTP(fake.url, "any", dialect="vllm")

    async def busy() -> int:
        return fake.active

    yield await Subject(engine, busy, thinks=True).ready()
    await engine.aclose()


@pytest.fixture
async def pool(fake: Any) -> AsyncIterator[Subject]:
    def make() -> OpenAIHTTP:
        return OpenAIHTTP(fake.url, "any", dialect="vllm")

    engine = Pool({"one": make, "two": make})
    await engine.start()

    async def busy() -> int:
        return fake.active

    yield await Subject(engine, busy, thinks=True).ready()
    await engine.aclose()


@pytest.fixture
async def openai_http_on_llama(child: Any) -> AsyncIterator[Subject]:
    process, told = child
    url = f"http://127.0.0.1:{told.port}"
    engine = OpenAIHTTP(url, api_key=process.key, dialect="llama")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {process.key}"}) as session:

        async def busy() -> int:
            async with session.get(f"{url}/slots") as answer:
                return sum(slot["is_processing"] for slot in await answer.json())

        yield await Subject(engine, busy).ready()
    await engine.aclose()


@pytest.fixture
async def llama(smollm2: Any) -> AsyncIterator[Subject]:
    engine = Llama(smollm2, slots=4, context_tokens=4096)
    await engine.start()

    async def busy() -> int:
        return engine.active

    yield await Subject(engine, busy).ready()
    await engine.aclose()


@pytest.fixture
async def pool_of_llamas(smollm2: Any) -> AsyncIterator[Subject]:
    children = [Llama(smollm2, slots=2, context_tokens=4096, threads=1) for _ in range(2)]
    engine = Pool({f"child {number}": lambda child=child: child for number, child in enumerate(children)})
    await engine.start()

    async def busy() -> int:
        return sum(child.active for child in children)

    yield await Subject(engine, busy).ready()
    await engine.aclose()


@pytest.fixture
async def remote(fake: Any, tmp_path: Path) -> AsyncIterator[Subject]:
    far = fake.speaker
    host = Host(far, tmp_path / "engine")
    await host.start()
    engine = Remote(tmp_path / "engine", far.capabilities)
    await engine.start()

    async def busy() -> int:
        return int(far.active)

    yield await Subject(engine, busy, thinks=True).ready()
    await engine.aclose()
    await host.aclose()


@pytest.fixture(
    params=[
        "scripted",
        "remote",
        "openai_http",
        "pool",
        pytest.param("openai_http_on_llama", marks=pytest.mark.model),
        pytest.param("llama", marks=pytest.mark.model),
        pytest.param("pool_of_llamas", marks=pytest.mark.model),
    ]
)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def asking(
    text: str,
    constraint: JsonSchema | Choices | None = None,
    tools: Tools | None = None,
    thinking: Thinking | None = None,
    **sampling: Any,
) -> Generation:
    return Generation(
        (Turn("user", (Text(text),)),),
        sampling=Sampling(temperature=0, **sampling),
        constraint=constraint,
        tools=tools,
        thinking=thinking,
    )


async def events_of(engine: Engine, generation: Generation) -> list[Event]:
    return [event async for event in engine.generate(generation)]


def text_of(events: list[Event], *, thought: bool = False) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta) and event.thought is thought)


def calls_of(events: list[Event]) -> list[FunctionCall]:
    return [event.call for event in events if isinstance(event, Called)]


def places_of(events: list[Event]) -> list[TokenLogprobs]:
    return [place for event in events if isinstance(event, Delta) for place in event.logprobs]


async def test_it_says_when_it_is_ready(subject: Subject) -> None:
    assert (await subject.engine.health()).state is State.READY
    assert subject.engine.capabilities.context_tokens >= 4096


async def test_deltas_then_finish_then_usage(subject: Subject) -> None:
    *deltas, finish, usage = await events_of(subject.engine, asking(QUESTION, max_output_tokens=2000))

    assert deltas
    assert {type(event) for event in deltas} == {Delta}
    assert finish == Finish(FinishReason.STOP)
    assert isinstance(usage, Usage)
    assert 0 < sum(event.tokens for event in deltas if isinstance(event, Delta)) <= usage.output
    assert usage.prompt > 0


async def test_the_limit_ends_it_with_max_tokens(subject: Subject) -> None:
    events = await events_of(subject.engine, asking(STORY, max_output_tokens=3))

    assert Finish(FinishReason.MAX_TOKENS) in events
    assert events[-1].output == 3


async def test_a_stop_sequence_is_not_in_the_text(subject: Subject) -> None:
    whole = text_of(await events_of(subject.engine, asking(QUESTION, max_output_tokens=40)))
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]

    events = await events_of(subject.engine, asking(QUESTION, max_output_tokens=40, stop_sequences=(stop,)))

    assert text_of(events) == whole[: whole.index(stop)]
    assert Finish(FinishReason.STOP) in events


async def test_characters_are_never_broken(subject: Subject) -> None:
    deltas = await events_of(subject.engine, asking(EMOJI, max_output_tokens=40))

    assert "\ufffd" not in text_of(deltas)
    assert "你好" in text_of(deltas)


RIVER = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 20},
        "length": {"type": "integer", "minimum": 1, "maximum": 10_000},
        "countries": {
            "type": "array",
            "items": {"enum": ["France", "Peru", "China"]},
            "minItems": 1,
            "maxItems": 3,
        },
    },
    "required": ["name", "length", "countries"],
    "additionalProperties": False,
}
LOOK_UP = Function("look_up", "Looks up a river.", RIVER)
ASK = Function("ask", "Asks the user.", {"type": "object", "properties": {}, "additionalProperties": False})


async def test_a_constrained_answer_validates(subject: Subject) -> None:
    events = await events_of(subject.engine, asking(FORM, JsonSchema(RIVER), max_output_tokens=200))

    jsonschema.validate(json.loads(text_of(events)), RIVER)
    assert Finish(FinishReason.STOP) in events


async def test_it_chooses_one_of_the_choices(subject: Subject) -> None:
    assert subject.engine.capabilities.choices
    choices = ("🌊🎉", "👩‍👩‍👧 alpha", "你好")

    deltas = await events_of(subject.engine, asking(FORM, Choices(choices), max_output_tokens=40))

    assert text_of(deltas) in choices
    assert not any("\ufffd" in delta.text for delta in deltas if isinstance(delta, Delta))


@pytest.mark.parametrize("allowed", [{"look_up", "ask"}, {"look_up"}, {"ask"}])
async def test_where_it_must_call_it_calls_what_it_may(subject: Subject, allowed: set[str]) -> None:
    tools = Tools((LOOK_UP, ASK), Calling.ANY, frozenset(allowed))

    events = await events_of(subject.engine, asking(FORM, tools=tools, max_output_tokens=400))

    calls = calls_of(events)
    assert calls
    assert text_of(events) == ""
    for call in calls:
        assert call.name in allowed
        jsonschema.validate(call.args, LOOK_UP.parameters if call.name == "look_up" else ASK.parameters)
    assert [type(event) for event in events] == [Called] * len(calls) + [Finish, Usage]
    assert Finish(FinishReason.STOP) in events
    assert 0 < sum(event.tokens for event in events if isinstance(event, Called)) <= events[-1].output


async def test_what_a_call_gave_is_heard(subject: Subject) -> None:
    calls = (FunctionCall("look_up", {"name": "Seine"}), FunctionCall("ask", {}))
    answers = (FunctionResponse("look_up", {"length": 775}), FunctionResponse("ask", {"error": "asleep"}))
    turns = (Turn("user", (Text(QUESTION),)), Turn("model", calls), Turn("user", answers))
    tools = Tools((LOOK_UP, ASK), Calling.AUTO, frozenset({"look_up", "ask"}))

    events = await events_of(
        subject.engine, Generation(turns, sampling=Sampling(0, max_output_tokens=60), tools=tools)
    )

    assert text_of(events) or calls_of(events)
    assert isinstance(events[-2], Finish)


@pytest.mark.parametrize("top", [0, 3])
async def test_each_token_has_its_log_probability(subject: Subject, top: int) -> None:
    events = await events_of(subject.engine, asking(QUESTION, logprobs=top, max_output_tokens=20))

    deltas = [event for event in events if isinstance(event, Delta)]
    places = places_of(events)
    assert [len(delta.logprobs) for delta in deltas] == [delta.tokens for delta in deltas]
    assert "".join(place.chosen.token for place in places) == text_of(events)
    assert all(place.chosen.logprob <= 0 for place in places)
    assert all(len(place.top) <= top for place in places)
    assert all(list(place.top) == sorted(place.top, key=lambda one: -one.logprob) for place in places)
    assert any(place.top for place in places) == (top > 0)


async def test_log_probabilities_are_told_where_they_are_asked_for(subject: Subject) -> None:
    assert not places_of(await events_of(subject.engine, asking(QUESTION, max_output_tokens=20)))


async def test_thoughts_are_no_text(subject: Subject) -> None:
    thinking = Thinking(include=True, budget=100)

    *deltas, finish, usage = await events_of(
        subject.engine, asking(RIDDLE, thinking=thinking, max_output_tokens=60)
    )

    assert "<think>" not in text_of(deltas)
    assert finish in (Finish(FinishReason.STOP), Finish(FinishReason.MAX_TOKENS))
    if subject.thinks:
        assert text_of(deltas, thought=True) == "Hm, a river?"
        assert text_of(deltas) == "A river."
        assert usage.thoughts > 0


async def test_nothing_happens_before_the_first_event_is_asked_for(subject: Subject) -> None:
    stream = subject.engine.generate(asking(STORY))

    assert await subject.busy() == 0
    await stream.aclose()


async def test_closing_stops_the_engine(subject: Subject) -> None:
    async with aclosing(subject.engine.generate(asking(STORY, max_output_tokens=3000))) as stream:
        await anext(stream)
        assert await subject.busy() == 1

    await subject.becomes(busy=0)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_cancelling_while_it_reads_the_prompt_stops_the_engine(subject: Subject) -> None:
    stream = subject.engine.generate(asking(LONG_PROMPT))
    first = asyncio.create_task(anext(stream))
    await subject.becomes(busy=1)

    first.cancel()
    await asyncio.wait([first])

    assert first.cancelled()
    await subject.becomes(busy=0)


async def test_streams_run_side_by_side(subject: Subject) -> None:
    first = subject.engine.generate(asking(STORY, max_output_tokens=3000))
    async with aclosing(first):
        await anext(first)

        answers = await asyncio.gather(
            *(events_of(subject.engine, asking(QUESTION, max_output_tokens=8)) for _ in range(6))
        )

        assert isinstance(await anext(first), Delta)
    assert {text_of(answer) for answer in answers} == {text_of(answers[0])}


async def test_tokens_are_counted_for_each_text(subject: Subject) -> None:
    once, nothing, again, more = await subject.engine.count_tokens(["Hello", "", "Hello", "Hello world"])

    assert once == again == 1
    assert nothing == 0
    assert more == 2


async def test_closing_the_engine_twice_is_no_error(subject: Subject) -> None:
    await subject.engine.aclose()
    await subject.engine.aclose()
