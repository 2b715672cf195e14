from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from geminid.attachment import Kind
from geminid.errors import BadRequest, Unimplemented
from geminid.gemini import support
from geminid.gemini.profiles import Catalogue
from geminid.gemini.response import Ending, Responder, Whole
from geminid.gemini.speech import Said
from geminid.gemini.support import FILLED, Support, check, support_of
from geminid.generation import FinishReason, FunctionCall, Logprob, TokenLogprobs, Usage
from geminid.judgement import Category, Citation, Date, Level, Rating, Reason, Verdict
from geminid.wire.content import Content, ExecutableCode, Part
from geminid.wire.generation import GenerateContentRequest, GenerationConfig
from geminid.wire.message import Message, describe
from geminid.wire.output import ImageConfig, ResponseModality, SpeechConfig
from geminid.wire.tools import GoogleSearch, Schema, Tool

RATING = Rating(Category.HARASSMENT, Level.HIGH, 0.9, Level.LOW, 0.3, blocked=True)


def set_fields(message: Message) -> Iterator[tuple[type[Message], str]]:
    """Every field that is set in a message and in those inside it."""
    for spec in describe(type(message)).fields:
        value = getattr(message, spec.name)
        if value not in (None, "", b"", 0, []):
            yield type(message), spec.name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Message):
                yield from set_fields(item)


def test_the_fields_said_to_be_filled_are_those_that_are() -> None:
    model = Catalogue().find("gemini-2.5-flash")
    assert model
    received = dt.datetime.now(dt.UTC)
    responder = Responder(model.id, model.profile, received, top_logprobs=1, cached={Kind.TEXT: 2})
    token = TokenLogprobs(Logprob("Hi", -0.5, 7), (Logprob("Hi", -0.5, 7),))
    said = [Said("Hm.", thought=True), Said("Hi", logprobs=(token,))]
    ending = Ending(
        FinishReason.STOP,
        Usage(prompt=3, output=2, thoughts=1),
        message="Said all.",
        calls=(FunctionCall("dice", {"sides": 6}, "1"),),
        average=-0.5,
        ratings=(RATING,),
        citations=(Citation(1, 2, "https://a", "A", "MIT", Date(2020, 1, 2)),),
    )

    answer = responder.whole([Whole(said, ending), Whole(said, ending)])
    blocked = responder.blocked(Verdict((RATING,), Reason.SAFETY), 3)

    assert {*set_fields(answer), *set_fields(blocked)} == {
        (message, name) for message, names in FILLED.items() for name in names
    }


def test_every_name_in_the_tables_is_a_field() -> None:
    tables = [support._WORKS, support._ACCEPTED, FILLED]
    names = {(message, name) for table in tables for message, names in table.items() for name in names}

    assert {(message, name) for message, name in names if name not in message.declared} == set()


def test_a_field_nobody_wrote_down_is_refused() -> None:
    (armor,) = (spec for spec in describe(GenerateContentRequest).fields if spec.name == "model_armor_config")

    assert support_of(GenerateContentRequest, armor) == (Support.REFUSED, "")


def test_nothing_in_a_schema_is_refused() -> None:
    states = {support_of(Schema, spec)[0] for spec in describe(Schema).fields}

    assert Support.REFUSED not in states


def test_all_refused_fields_are_named_at_once() -> None:
    request = GenerateContentRequest(
        contents=[Content(parts=[Part(text="x"), Part(executable_code=ExecutableCode(code="1"))])],
        tools=[Tool(), Tool(google_search=GoogleSearch())],
        generation_config=GenerationConfig(image_config=ImageConfig(aspect_ratio="1:1")),
    )

    with pytest.raises(Unimplemented) as error:
        check(request)

    (detail,) = error.value.details
    assert isinstance(detail, BadRequest)
    fields = [violation.field for violation in detail.violations]
    assert sorted(fields) == [
        "contents[0].parts[1].executable_code", "generation_config.image_config", "tools[1].google_search",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        GenerationConfig(image_config=ImageConfig()),
        GenerationConfig(speech_config=SpeechConfig()),
        GenerationConfig(response_modalities=[ResponseModality.TEXT]),
    ],
)
def test_zero_values_and_empty_messages_ask_for_nothing(config: GenerationConfig) -> None:
    check(GenerateContentRequest(generation_config=config))


def test_a_list_of_empty_messages_asks_for_nothing() -> None:
    check(GenerateContentRequest(tools=[Tool()]))
