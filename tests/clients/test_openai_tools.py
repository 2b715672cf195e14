"""openai's tools, schemas and token probabilities, on both paths that Google has for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

VERTEX = "/v1/projects/p/locations/us-central1/endpoints/openapi"
PARIS = "What is the weather in Paris?"
BOTH = "Is it warmer in Paris or in Rome?"
TIME = "What time is it in Rome?"
TEXT = "This is a scripted answer."


class HasUrl(Protocol):
    url: str


class Ingredient(BaseModel):
    name: str
    grams: float


class Recipe(BaseModel):
    title: str
    kind: Literal["bread", "cake"]
    main: Ingredient
    author: str | None


RECIPE = Recipe(title="1", kind="bread", main=Ingredient(name="1", grams=1), author="1")


class GetTime(BaseModel):
    """Tells the time."""

    zone: Literal["Europe/Rome", "UTC"]


def function(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": [*properties]}
    return {"type": "function", "function": {"name": name, "description": "Tells it.", "parameters": parameters}}


WEATHER = {"Paris": "sunny", "Rome": "rainy"}
TOOLS = [
    function("get_weather", city={"type": "string"}),
    function("get_time", zone={"enum": ["Europe/Rome", "UTC"]}),
]


class Chat:
    """One path of the server. What is asked is a text, or the messages so far."""

    def __init__(self, server: HasUrl, path: str) -> None:
        self.server = {"base_url": server.url + path, "api_key": "any"}
        self.model = "google/gemini-2.5-flash" if path == VERTEX else "gemini-2.5-flash"
        self.client = OpenAI(**self.server)

    def question(self, asked: str | list[Any], **options: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        return {"model": self.model, "messages": messages, **options}

    def ask(self, asked: str | list[Any], **options: Any) -> Any:
        return self.client.chat.completions.create(**self.question(asked, **options))


@pytest.fixture(params=["/v1beta/openai", VERTEX], ids=["developer", "vertex"])
def chat(tools: HasUrl, request: pytest.FixtureRequest) -> Iterator[Chat]:
    chat = Chat(tools, request.param)
    with chat.client:
        yield chat


@pytest.fixture
def embedded_chat(embedded: HasUrl) -> Iterator[Chat]:
    chat = Chat(embedded, VERTEX)
    with chat.client:
        yield chat


def calls_of(answer: ChatCompletion) -> list[tuple[str, Any]]:
    calls = [call for call in answer.choices[0].message.tool_calls or () if call.type == "function"]
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


def test_calls_have_ids_and_end_the_answer(chat: Chat) -> None:
    answer = chat.ask(BOTH, tools=TOOLS)

    assert calls_of(answer) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    assert len({call.id for call in answer.choices[0].message.tool_calls}) == 2


def test_a_loop_of_tool_messages(chat: Chat) -> None:
    messages: list[Any] = [{"role": "user", "content": BOTH}]
    asking = chat.ask(messages, tools=TOOLS).choices[0].message
    cities = [json.loads(call.function.arguments)["city"] for call in asking.tool_calls]
    messages += [asking, *map(tool_message, asking.tool_calls, map(WEATHER.get, cities))]

    said = chat.ask(messages, tools=TOOLS).choices[0]
    messages += [said.message, {"role": "user", "content": "And now?"}]

    assert (said.message.content, said.finish_reason) == ("It is warmer in Paris.", "stop")
    assert chat.ask(messages, tools=TOOLS).choices[0].message.content == TEXT


def test_tool_messages_may_come_in_another_order(chat: Chat) -> None:
    asking = chat.ask(BOTH, tools=TOOLS).choices[0].message
    results = [*map(tool_message, asking.tool_calls, ("sunny", "rainy"))]

    said = chat.ask([{"role": "user", "content": BOTH}, asking, *reversed(results)], tools=TOOLS)

    assert said.choices[0].message.content == "It is warmer in Paris."


def tool_message(call: Any, content: str | None) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.id, "content": content}


def test_a_stream_gives_whole_calls(chat: Chat) -> None:
    chunks = list(chat.ask(BOTH, tools=TOOLS, stream=True, stream_options={"include_usage": True}))

    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert [call.index for call in calls] == [0, 1]
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Rome"]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "tool_calls"
    assert chunks[-1].usage.completion_tokens > 0


def test_the_streams_helper_puts_text_and_calls_together(chat: Chat) -> None:
    with chat.client.chat.completions.stream(**chat.question(TIME, tools=TOOLS)) as stream:
        answer = stream.get_final_completion()

    assert answer.choices[0].message.content == "Let me look."
    assert calls_of(answer) == [("get_time", {"zone": "Europe/Rome"})]


async def test_an_async_stream_gives_whole_calls(chat: Chat) -> None:
    async with AsyncOpenAI(**chat.server) as client:
        stream = await client.chat.completions.create(**chat.question(PARIS, tools=TOOLS, stream=True))
        calls = [call async for chunk in stream for call in chunk.choices[0].delta.tool_calls or ()]

    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("get_weather", '{"city":"Paris"}')
    ]


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ("none", []),
        ("auto", []),
        ("required", [("get_weather", {"city": "1"})]),
        ({"type": "function", "function": {"name": "get_time"}}, [("get_time", {"zone": "Europe/Rome"})]),
    ],
)
def test_tool_choice(chat: Chat, choice: Any, calls: list[Any]) -> None:
    answer = chat.ask("Hello", tools=TOOLS, tool_choice=choice)

    assert calls_of(answer) == calls
    assert answer.choices[0].message.content == (None if calls else TEXT)


def test_a_tool_choice_that_was_not_declared_is_refused(chat: Chat) -> None:
    with pytest.raises(openai.BadRequestError):
        chat.ask("Hello", tools=TOOLS, tool_choice={"type": "function", "function": {"name": "sing"}})


def test_calls_in_parallel_may_be_asked_for(chat: Chat) -> None:
    assert len(calls_of(chat.ask(BOTH, tools=TOOLS, parallel_tool_calls=True))) == 2


def test_an_answer_is_parsed(chat: Chat) -> None:
    answer = chat.client.chat.completions.parse(**chat.question("A recipe", response_format=Recipe))

    assert answer.choices[0].message.parsed == RECIPE


def test_a_stream_is_parsed(chat: Chat) -> None:
    with chat.client.chat.completions.stream(**chat.question("A recipe", response_format=Recipe)) as stream:
        answer = stream.get_final_completion()

    assert answer.choices[0].message.parsed == RECIPE


def test_calls_are_parsed(chat: Chat) -> None:
    tool = openai.pydantic_function_tool(GetTime)

    answer = chat.client.chat.completions.parse(**chat.question("Hello", tools=[tool], tool_choice="required"))

    (call,) = answer.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == GetTime(zone="Europe/Rome")


def test_json_without_a_schema(chat: Chat) -> None:
    answer = chat.ask("A recipe", response_format={"type": "json_object"})

    assert json.loads(answer.choices[0].message.content) is not None


@pytest.mark.parametrize(("top", "alternatives"), [(2, ["Blue", "Red"]), (None, [])])
def test_logprobs(chat: Chat, top: int | None, alternatives: list[str]) -> None:
    options = {} if top is None else {"top_logprobs": top}

    first, last = chat.ask("Name a colour.", logprobs=True, **options).choices[0].logprobs.content

    assert [(one.token, one.logprob) for one in (first, last)] == [("Blue", -0.25), (".", -0.5)]
    assert [one.token for one in first.top_logprobs] == alternatives
    assert first.bytes == [*b"Blue"]


def test_logprobs_of_a_stream(chat: Chat) -> None:
    chunks = list(chat.ask("Name a colour.", logprobs=True, top_logprobs=2, stream=True))

    places = [one for chunk in chunks if chunk.choices[0].logprobs for one in chunk.choices[0].logprobs.content]
    assert [(one.token, one.logprob, one.top_logprobs[1].token) for one in places] == [
        ("Blue", -0.25, "Red"),
        (".", -0.5, "!"),
    ]


def test_several_choices(chat: Chat) -> None:
    answer = chat.ask("Hello", n=3)

    assert [(choice.index, choice.message.content) for choice in answer.choices] == [
        (0, TEXT),
        (1, TEXT),
        (2, TEXT),
    ]
    assert answer.usage.prompt_tokens == 1
    assert answer.usage.completion_tokens == 18


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high"])
def test_reasoning_effort(chat: Chat, effort: str) -> None:
    answer = chat.ask(PARIS, tools=TOOLS, reasoning_effort=effort)

    assert answer.choices[0].message.content is None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5


def test_thoughts_come_in_googles_extension(chat: Chat) -> None:
    google = {"thinking_config": {"include_thoughts": True}, "thought_tag_marker": "thought"}

    answer = chat.ask(PARIS, tools=TOOLS, extra_body={"extra_body": {"google": google}})

    assert answer.choices[0].message.content == "<thought>I need the weather.</thought>"
    assert calls_of(answer) == [("get_weather", {"city": "Paris"})]


@pytest.mark.model
def test_a_model_keeps_to_a_schema(embedded_chat: Chat) -> None:
    class Bird(BaseModel):
        colour: Literal["red", "green", "blue"]
        flies: bool

    question = embedded_chat.question("Describe a parrot.", response_format=Bird, max_tokens=60, seed=1)

    answer = embedded_chat.client.chat.completions.parse(**question)

    assert isinstance(answer.choices[0].message.parsed, Bird)


@pytest.mark.model
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_calls_what_it_must(embedded_chat: Chat, stream: bool) -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    question = embedded_chat.question("Hello", tools=TOOLS, tool_choice=choice, max_tokens=100, seed=1)
    completions = embedded_chat.client.chat.completions
    if stream:
        with completions.stream(**question) as events:
            answer: ChatCompletion = events.get_final_completion()
    else:
        answer = completions.create(**question)

    ((name, arguments),) = calls_of(answer)
    assert (name, arguments["zone"] in ("Europe/Rome", "UTC")) == ("get_time", True)


@pytest.mark.model
def test_logprobs_of_a_model(embedded_chat: Chat) -> None:
    answer = embedded_chat.ask("Hello", logprobs=True, top_logprobs=3, max_tokens=5, temperature=0)

    choice = answer.choices[0]
    assert len(choice.logprobs.content) == answer.usage.completion_tokens
    assert all(one.logprob == one.top_logprobs[0].logprob <= 0 for one in choice.logprobs.content)
