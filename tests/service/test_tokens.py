from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from geminid.call import Call
from geminid.engines.base import Engine
from geminid.engines.scripted import Scripted
from geminid.errors import NotFound, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.generation import Token
from geminid.media.understand import Understanding
from geminid.service.generative import PredictionService
from geminid.service.judges import Judges
from geminid.service.registry import Registry
from geminid.service.tokens import LlmUtilityService
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import Message
from geminid.wire.tokens import (
    ComputeTokensRequest,
    ComputeTokensResponse,
    CountTokensRequest,
    CountTokensResponse,
    TokensInfo,
)

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"


class Letters(Scripted):
    """Every character is a token, its id the code point."""

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return [[Token(ord(letter), letter.encode()) for letter in text] for text in texts]


class WithoutTokenizer(Scripted):
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise Unimplemented("no tokenizer")


def registry(engine: Engine | None = None) -> Registry:
    return Registry(Catalogue(), engine or Scripted(), {})


def call(request: Message) -> Call:
    return Call(method="…Service.Method", request=request, received=dt.datetime.now(dt.UTC), door="rest")


async def only(stream: Any) -> Any:
    (message,) = [message async for message in stream]
    return message


def turn(role: str, *texts: str) -> Content:
    return Content(role=role, parts=[Part(text=text) for text in texts])


async def test_counts_are_the_engines(understanding: Understanding) -> None:
    request = CountTokensRequest(endpoint=MODEL, contents=[turn("user", "Why is the sky blue?")])

    response = await only(LlmUtilityService(registry(), understanding).count_tokens(call(request)))

    assert isinstance(response, CountTokensResponse)
    assert response.total_tokens == 6
    assert response.total_billable_characters == 16


async def test_the_count_is_the_prompt_token_count_of_the_same_request(
    understanding: Understanding, judges: Judges
) -> None:
    prompt: dict[str, Any] = {
        "contents": [
            turn("user", "Hi"),
            turn("model", "Hel"),
            turn("model", "lo."),
            turn("user", "Why?", "Really?"),
        ],
        "system_instruction": turn("user", "Be brief.", "Be kind."),
    }
    counting = CountTokensRequest(endpoint=MODEL, **prompt)
    generating = GenerateContentRequest(model=MODEL, **prompt)

    counted = await only(LlmUtilityService(registry(), understanding).count_tokens(call(counting)))
    generated = await only(PredictionService(registry(), understanding, judges).generate_content(call(generating)))

    assert isinstance(generated, GenerateContentResponse)
    assert generated.usage_metadata
    assert counted.total_tokens == generated.usage_metadata.prompt_token_count


@pytest.mark.parametrize("names", [{"endpoint": MODEL}, {"model": MODEL}, {"model": "models/gemini-2.5-flash"}])
async def test_the_model_is_named_by_endpoint_or_model(
    names: dict[str, str], understanding: Understanding
) -> None:
    asked = call(CountTokensRequest(contents=[turn("user", "Hi")], **names))

    await only(LlmUtilityService(registry(), understanding).count_tokens(asked))

    assert asked.model == "gemini-2.5-flash"


async def test_an_unknown_model_is_not_found(understanding: Understanding) -> None:
    request = CountTokensRequest(endpoint=MODEL + "-x", contents=[turn("user", "Hi")])

    with pytest.raises(NotFound, match="was not found"):
        await only(LlmUtilityService(registry(), understanding).count_tokens(call(request)))


async def test_nothing_is_estimated_without_a_tokenizer(understanding: Understanding) -> None:
    request = CountTokensRequest(endpoint=MODEL, contents=[turn("user", "Hi")])

    with pytest.raises(Unimplemented):
        await only(LlmUtilityService(registry(WithoutTokenizer()), understanding).count_tokens(call(request)))


async def test_tokens_are_told_part_by_part(understanding: Understanding) -> None:
    request = ComputeTokensRequest(endpoint=MODEL, contents=[turn("user", "a", "b"), turn("model", "é")])

    response = await only(LlmUtilityService(registry(Letters()), understanding).compute_tokens(call(request)))

    assert response == ComputeTokensResponse(
        tokens_info=[
            TokensInfo(tokens=[b"a"], token_ids=[97], role="user"),
            TokensInfo(tokens=[b"b"], token_ids=[98], role="user"),
            TokensInfo(tokens=["é".encode()], token_ids=[233], role="model"),
        ]
    )
