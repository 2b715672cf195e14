"""How each kind of server is spoken to, and what its refusals mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geminid import errors
from geminid.engines.chat_request import Writer, salt_of
from geminid.engines.dialects import DIALECTS, LMSTUDIO, SGLANG, TGI, VLLM
from geminid.engines.openai_http import OpenAIHTTP
from geminid.engines.upstream_errors import Refusal
from geminid.generation import (
    Calling,
    Choices,
    Function,
    Generation,
    JsonSchema,
    Prefix,
    Sampling,
    Text,
    Thinking,
    Tools,
    Turn,
)


def asking(text: str = "Hello", **about: Any) -> Generation:
    return Generation((Turn("user", (Text(text),)),), **about)


def sent(dialect: Any, generation: Generation) -> dict[str, Any]:
    return Writer(dialect).body("m", generation, 8192)


CITY = JsonSchema({"type": "object", "properties": {"city": {"type": "string"}}})
OPENAI_CITY = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": CITY.schema, "strict": True},
    }
}
YES_NO = Choices(("yes", "no (really)"))
REGEX = r"(yes|no \(really\))"
LOOK_UP = Function("look_up", "Looks up.", {"type": "object"})


@pytest.mark.parametrize("dialect", [VLLM, SGLANG])
def test_tenants_have_salts_of_their_own(dialect: Any) -> None:
    ours, theirs = (sent(dialect, asking(tenant=tenant))["cache_salt"] for tenant in ("project-a", "project-b"))

    assert ours == salt_of("project-a") != theirs
    assert "project" not in ours
    assert "cache_salt" not in sent(dialect, asking())


@pytest.mark.parametrize("name", sorted(DIALECTS.keys() - {"vllm", "sglang"}))
def test_other_servers_are_sent_no_salt(name: str) -> None:
    assert "salt" not in json.dumps(sent(DIALECTS[name], asking(tenant="project-a")))


@pytest.mark.parametrize("dialect", [VLLM, SGLANG, TGI])
def test_beside_functions_the_model_is_only_told(dialect: Any) -> None:
    tools = Tools((LOOK_UP,), Calling.AUTO, frozenset({"look_up"}))

    body = sent(dialect, asking(constraint=CITY, tools=tools))

    assert not {"regex", "response_format", "structured_outputs"} & set(body)
    assert "city" in body["messages"][0]["content"]


@pytest.mark.parametrize("dialect", [VLLM, SGLANG])
@pytest.mark.parametrize(("calling", "strict"), [("AUTO", None), ("VALIDATED", True), ("ANY", True)])
def test_it_is_told_where_arguments_have_to_validate(dialect: Any, calling: str, strict: bool | None) -> None:
    (told,) = sent(dialect, asking(tools=Tools((LOOK_UP,), Calling[calling], frozenset({"look_up"}))))["tools"]

    assert told["function"].get("strict") is strict


def test_small_differences() -> None:
    must_call = Tools((LOOK_UP,), Calling.ANY, frozenset({"look_up"}))

    assert "top_p" not in sent(TGI, asking(sampling=Sampling(top_p=1)))
    assert sent(TGI, asking(sampling=Sampling(top_p=0.9)))["top_p"] == 0.9
    assert sent(LMSTUDIO, asking(tools=must_call))["tool_choice"] == "required"
    assert sent(SGLANG, asking(tools=must_call))["tool_choice"]["function"] == {"name": "look_up"}


async def test_a_model_that_cannot_call_is_told_of_functions_in_words(fake: Any) -> None:
    tools, thinking = Tools((LOOK_UP,), Calling.AUTO, frozenset({"look_up"})), Thinking(budget=100)
    fake.details = {"/api/version": {"version": "0.40.12"}, "/api/show": {"capabilities": ["completion"]}}
    engine = OpenAIHTTP(fake.url, "first", dialect="ollama")
    await engine.wait_ready()

    async for _ in engine.generate(asking(tools=tools, thinking=thinking)):
        pass
    await engine.aclose()

    assert not {"tools", "reasoning_effort"} & set(fake.body)
    assert "look_up" in fake.body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("dialect", "asked"), [("vllm", 1), ("sglang", 1), ("llama", 1), ("generic", 0), ("tgi", 0)]
)
async def test_prefixes_are_read_where_that_helps(fake: Any, dialect: str, asked: int) -> None:
    engine = OpenAIHTTP(fake.url, "any", dialect=dialect)

    await engine.remember(asking("The prefix.", prefix=Prefix("key", 1), tenant="project-a"))
    await engine.aclose()

    assert [body["max_tokens"] for body in fake.bodies] == [1] * asked
    assert not engine.remembered()


async def test_keys_go_into_the_header_that_is_asked_for(fake: Any) -> None:
    engine = OpenAIHTTP(fake.url, "any", api_key="k-1", key_header="api-key")

    async for _ in engine.generate(asking()):
        pass
    await engine.aclose()

    assert fake.headers[-1]["api-key"] == "k-1"
    assert "Authorization" not in fake.headers[-1]


@pytest.mark.parametrize(
    "message",
    [
        "The input (9000 tokens) is longer than the model's context length (4096 tokens).",
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total "
        "of 9100 tokens: 9000 tokens from the input messages and 100 tokens for the completion.",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000 `inputs` tokens "
        "and 100 `max_new_tokens`",
        "Input validation error: `inputs` must have less than 4096 tokens. Given: 9000",
    ],
)
def test_prompts_that_do_not_fit(message: str) -> None:
    error = Refusal.read(422, json.dumps({"error": message}).encode()).as_error()

    assert isinstance(error, errors.PromptTooLong)
    assert (error.tokens, error.limit) == (9000, 4096)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b"<html>Bad Request</html>", errors.Unavailable),  # whoever says so is no model server
        (400, b'{"error": "seed is bad"}', errors.InvalidArgument),
        (413, b"<html>Too Large</html>", errors.InvalidArgument),
        (424, b'{"error": "Request failed during generation", "error_type": "generation"}', errors.Internal),
    ],
)
def test_refusals(status: int, body: bytes, expected: type[errors.ApiError]) -> None:
    assert type(Refusal.read(status, body).as_error()) is expected
