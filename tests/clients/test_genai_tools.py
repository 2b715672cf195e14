"""google-genai's tools: functions that the client calls by itself, and calls that the program carries out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from google import genai
from google.genai import types
from google.genai.types import FunctionCallingConfigMode as Mode
from google.oauth2.credentials import Credentials

MODEL = "gemini-2.5-flash"
PARIS = "What is the weather in Paris?"
BOTH = "Is it warmer in Paris or in Rome?"
MOON = "What is the weather on the moon?"
TIME = "What time is it in Rome?"

# The client subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


class HasUrl(Protocol):
    url: str


def client_of(server: HasUrl, mode: str = "vertex") -> genai.Client:
    options = types.HttpOptions(base_url=server.url)
    if mode == "developer":
        return genai.Client(api_key="any", http_options=options)
    credentials = Credentials("any token")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=credentials, http_options=options
    )


@pytest.fixture(params=["vertex", "developer"])
def client(tools: HasUrl, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with client_of(tools, request.param) as client:
        yield client


WEATHER = {"Paris": "sunny", "Rome": "rainy"}


def get_weather(city: str) -> str:
    """Tells the weather of a city.

    Args:
        city: The name of the city.
    """
    if city not in WEATHER:
        raise LookupError(f"{city} has no weather")
    return WEATHER[city]


DECLARED = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="get_weather",
                description="Tells the weather of a city.",
                parameters=types.Schema(
                    type=types.Type.OBJECT,
                    properties={"city": types.Schema(type=types.Type.STRING)},
                    required=["city"],
                ),
            ),
            types.FunctionDeclaration(
                name="get_time",
                description="Tells the time.",
                parameters_json_schema={
                    "type": "object",
                    "properties": {"zone": {"enum": ["Europe/Rome", "UTC"]}, "hours": {"enum": [12, 24]}},
                    "required": ["zone", "hours"],
                },
            ),
        ]
    )
]
AUTOMATIC = types.GenerateContentConfig(tools=[get_weather])
BY_HAND = types.GenerateContentConfig(tools=DECLARED)


def forced(mode: Mode, *allowed: str, **more: Any) -> types.GenerateContentConfig:
    calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=list(allowed) or None)
    return types.GenerateContentConfig(
        tools=DECLARED, tool_config=types.ToolConfig(function_calling_config=calling), **more
    )


def shape(contents: list[types.Content]) -> list[tuple[str | None, str]]:
    """Each part as its role and the field that it has."""
    parts = [(content.role, part) for content in contents for part in content.parts or ()]
    return [(role, next(iter(part.model_dump(exclude_none=True)))) for role, part in parts]


ONE_LOOP = [("user", "text"), ("model", "function_call"), ("user", "function_response"), ("model", "text")]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        pytest.param(PARIS, "It is sunny in Paris.", id="one call"),
        pytest.param(BOTH, "It is warmer in Paris.", id="two calls at once"),
        pytest.param(MOON, "I cannot tell.", id="a function that raises"),
    ],
)
def test_the_client_calls_functions_by_itself(client: genai.Client, question: str, text: str) -> None:
    said = client.models.generate_content(model=MODEL, contents=question, config=AUTOMATIC)

    assert said.text == text


@pytest.mark.parametrize(
    ("question", "text"), [(PARIS, "It is sunny in Paris."), (BOTH, "It is warmer in Paris.")]
)
def test_it_does_so_in_a_stream(client: genai.Client, question: str, text: str) -> None:
    chunks = list(client.models.generate_content_stream(model=MODEL, contents=question, config=AUTOMATIC))

    assert [bool(chunk.function_calls) for chunk in chunks] == [True, False, False, False]
    assert "".join(chunk.text or "" for chunk in chunks) == text


async def test_it_calls_coroutines(client: genai.Client) -> None:
    called = []

    async def get_weather(city: str) -> str:
        """Tells the weather of a city."""
        called.append(city)
        return WEATHER[city]

    asked: dict[str, Any] = {
        "model": MODEL,
        "contents": BOTH,
        "config": types.GenerateContentConfig(tools=[get_weather]),
    }
    said = await client.aio.models.generate_content(**asked)
    stream = [chunk.text or "" async for chunk in await client.aio.models.generate_content_stream(**asked)]
    await client.aio.aclose()

    assert said.text == "".join(stream) == "It is warmer in Paris."
    assert sorted(called) == ["Paris", "Paris", "Rome", "Rome"]


def test_a_chat_goes_on_after_calls(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config=AUTOMATIC)

    texts = [chat.send_message(question).text for question in (PARIS, MOON, "And now?")]

    assert texts == ["It is sunny in Paris.", "I cannot tell.", "This is a scripted answer."]
    assert shape(chat.get_history()) == [*ONE_LOOP * 2, ("user", "text"), ("model", "text")]


def test_a_streaming_chat_goes_on_after_calls(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config=AUTOMATIC)

    texts = [
        "".join(chunk.text or "" for chunk in chat.send_message_stream(question)) for question in (BOTH, PARIS)
    ]

    assert texts == ["It is warmer in Paris.", "It is sunny in Paris."]
    assert chat.send_message("And now?").text == "This is a scripted answer."


async def test_an_async_chat_goes_on_after_calls(client: genai.Client) -> None:
    chat = client.aio.chats.create(model=MODEL, config=AUTOMATIC)

    first = await chat.send_message(BOTH)
    second = [chunk.text or "" async for chunk in await chat.send_message_stream(PARIS)]
    await client.aio.aclose()

    assert (first.text, "".join(second)) == ("It is warmer in Paris.", "It is sunny in Paris.")


def test_a_program_carries_out_calls_in_a_chat(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config=BY_HAND)
    said = chat.send_message(TIME)
    (call,) = said.function_calls or []

    answer = chat.send_message(types.Part.from_function_response(name="get_time", response={"time": "noon"}))

    assert (call.name, call.args) == ("get_time", {"zone": "Europe/Rome"})
    assert shape(chat.get_history()[1:2]) == [("model", "text"), ("model", "function_call")]
    assert answer.text == "It is noon in Rome."


def test_a_program_carries_out_calls_of_a_stream(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config=BY_HAND)
    calls = [call for chunk in chat.send_message_stream(BOTH) for call in chunk.function_calls or ()]
    responses = [
        types.Part.from_function_response(
            name="get_weather", response={"result": WEATHER[(call.args or {})["city"]]}
        )
        for call in calls
    ]

    answer = [chunk.text or "" for chunk in chat.send_message_stream(responses)]

    assert "".join(answer) == "It is warmer in Paris."
    assert chat.send_message("And now?").text == "This is a scripted answer."


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        pytest.param(forced(Mode.ANY), [("get_weather", {"city": "1"})], id="any function"),
        pytest.param(forced(Mode.ANY, "get_time"), [("get_time", {"zone": "Europe/Rome", "hours": 12})], id="one"),
        pytest.param(forced(Mode.NONE), [], id="none"),
        pytest.param(forced(Mode.AUTO), [], id="as the model likes"),
        pytest.param(forced(Mode.VALIDATED, "get_time"), [], id="as the model likes, validated"),
    ],
)
def test_modes(client: genai.Client, config: types.GenerateContentConfig, calls: list[Any]) -> None:
    said = client.models.generate_content(model=MODEL, contents="Hello", config=config)

    assert [(call.name, call.args) for call in said.function_calls or ()] == calls
    assert bool(said.text) is not bool(calls)


def test_thoughts_are_parts_of_their_own(client: genai.Client) -> None:
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    config = types.GenerateContentConfig(tools=[get_weather], thinking_config=thinking)
    chat = client.chats.create(model=MODEL, config=config)

    texts = [chat.send_message(text).text for text in (PARIS, "And now?")]

    thoughts = [part.text for content in chat.get_history() for part in content.parts or () if part.thought]
    assert texts == ["It is sunny in Paris.", "This is a scripted answer."]
    assert thoughts == ["I need the weather."]


def test_thoughts_are_counted_and_not_told_unless_asked_for(client: genai.Client) -> None:
    chunks = list(client.models.generate_content_stream(model=MODEL, contents=PARIS, config=BY_HAND))

    usage = chunks[-1].usage_metadata
    parts = [part for chunk in chunks if chunk.candidates for part in chunk.parts or ()]
    assert not any(part.thought for part in parts)
    assert usage
    assert usage.thoughts_token_count == 5


def test_logprobs(client: genai.Client) -> None:
    config = types.GenerateContentConfig(response_logprobs=True, logprobs=2)

    said = client.models.generate_content(model=MODEL, contents="Name a colour.", config=config)

    (candidate,) = said.candidates or []
    result = candidate.logprobs_result or types.LogprobsResult()
    tops = [
        [(one.token, one.log_probability) for one in top.candidates or ()] for top in result.top_candidates or ()
    ]
    chosen = [(one.token, one.log_probability) for one in result.chosen_candidates or ()]
    assert chosen == [("Blue", -0.25), (".", -0.5)]
    assert tops == [[("Blue", -0.25), ("Red", -1.75)], [(".", -0.5), ("!", -1.5)]]
    assert candidate.avg_logprobs == -0.375


@pytest.mark.model
@pytest.mark.parametrize("question", [PARIS, "Hello", "2 + 2"])
def test_a_model_calls_what_it_must(embedded: HasUrl, question: str) -> None:
    config = forced(Mode.ANY, "get_time", seed=1, max_output_tokens=100)
    with client_of(embedded) as client:
        said = client.models.generate_content(model=MODEL, contents=question, config=config)

    (call,) = said.function_calls or []
    args = call.args or {}
    assert (call.name, said.text) == ("get_time", None)
    assert (args["zone"] in ("Europe/Rome", "UTC"), args["hours"] in (12, 24), len(args)) == (True, True, 2)


@pytest.mark.model
def test_a_chat_with_a_model_goes_on_after_a_call(embedded: HasUrl) -> None:
    with client_of(embedded) as client:
        chat = client.chats.create(
            model=MODEL, config=forced(Mode.ANY, "get_weather", seed=1, max_output_tokens=100)
        )
        (call,) = chat.send_message(PARIS).function_calls or []
        response = types.Part.from_function_response(name=call.name or "", response={"weather": "sunny"})
        said = chat.send_message(response, config=forced(Mode.NONE, max_output_tokens=24, temperature=0))

    assert said.text
    assert not said.function_calls
