from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.attachment import Kind, Media
from geminid.engines.base import Capabilities
from geminid.errors import InvalidArgument, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.gemini.request import to_generation
from geminid.gemini.tokens import computed_texts, count_response, to_count
from geminid.generation import Generation, Text, Turn
from geminid.wire.content import Blob, Content, FunctionCall, FunctionResponse, Part
from geminid.wire.generation import GenerateContentRequest, GenerationConfig, Modality, ModalityTokenCount
from geminid.wire.message import Bytes
from geminid.wire.tokens import ComputeTokensRequest, CountTokensRequest, CountTokensResponse
from geminid.wire.tools import FunctionDeclaration, GoogleSearch, Schema, Tool, Type

FLASH = Catalogue().find("gemini-3.5-flash")
ENGINE = Capabilities(context_tokens=8_192)


def turn(role: str, *texts: str) -> Content:
    return Content(role=role, parts=[Part(text=text) for text in texts])


def counted_texts(request: CountTokensRequest) -> list[str]:
    return [text for text in to_count(request).texts() if text]


def counted(*contents: Content, **fields: Any) -> list[str]:
    return counted_texts(CountTokensRequest(contents=list(contents), **fields))


def test_system_paragraphs_come_first() -> None:
    system = turn("user", "Be brief.", "Be kind.")

    assert counted(turn("user", "Hello"), system_instruction=system) == ["Be brief.", "Be kind.", "Hello"]


def test_an_empty_system_instruction_is_absent() -> None:
    assert counted(turn("user", "Hello"), system_instruction=Content()) == ["Hello"]


def test_half_a_conversation_can_be_counted() -> None:
    assert counted(turn("user", "Hello"), turn("model", "Hi")) == ["Hello", "Hi"]


TEXTS = st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3)
TURNS = st.lists(st.tuples(st.sampled_from(["user", "model", "USER"]), TEXTS), max_size=5)


@given(system=st.lists(st.text(max_size=4), max_size=3), turns=TURNS, last=TEXTS)
def test_the_same_is_counted_as_by_a_generation(
    system: list[str], turns: list[tuple[str, list[str]]], last: list[str]
) -> None:
    assert FLASH
    contents = [turn(role, *texts) for role, texts in [*turns, ("user", last)]]
    fields: dict[str, Any] = {"contents": contents, "system_instruction": turn("user", *system)}

    generation = to_generation(GenerateContentRequest(**fields), FLASH.profile, ENGINE)

    assert counted_texts(CountTokensRequest(**fields)) == [text for text in generation.texts() if text]


def function_call(name: str) -> Part:
    return Part(function_call=FunctionCall(name=name, args={"sides": 6}))


def function_response(name: str) -> Part:
    return Part(function_response=FunctionResponse(name=name, response={"output": 4}))


def test_declarations_calls_responses_and_schemas_count_as_in_a_generation() -> None:
    assert FLASH
    fields: dict[str, Any] = {
        "contents": [
            turn("user", "Roll."),
            Content(role="model", parts=[function_call("a"), Part(text="Rolling."), function_call("b")]),
            Content(role="user", parts=[function_response("b"), function_response("a")]),
        ],
        "tools": [Tool(function_declarations=[FunctionDeclaration(name="a"), FunctionDeclaration(name="b")])],
        "generation_config": GenerationConfig(
            response_mime_type="application/json", response_schema=Schema(type=Type.STRING)
        ),
    }

    generation = to_generation(GenerateContentRequest(**fields), FLASH.profile, ENGINE)

    texts = counted_texts(CountTokensRequest(**fields))
    assert texts == generation.texts()
    assert len(texts) == len(["Roll.", "Rolling.", "call", "call", "response", "response", "a", "b", "schema"])


def test_a_call_without_its_response_can_be_counted() -> None:
    (text,) = counted(Content(role="model", parts=[function_call("dice")]))

    assert '"dice"' in text


@pytest.mark.parametrize("request_type", [CountTokensRequest, ComputeTokensRequest])
def test_contents_are_required(request_type: Any) -> None:
    read = to_count if request_type is CountTokensRequest else computed_texts

    with pytest.raises(InvalidArgument, match="at least one contents field is required"):
        read(request_type())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"instances": [{"prompt": "Hello"}]}, "instances"),
        ({"tools": [Tool(google_search=GoogleSearch())]}, "tools[0].google_search"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Unimplemented) as error:
        counted_texts(CountTokensRequest(**{"contents": [turn("user", "Hello")]} | fields))

    assert f"`{path}`" in error.value.message


def test_a_configuration_without_a_schema_does_not_matter() -> None:
    config = GenerationConfig(candidate_count=4, temperature=99)

    assert counted(turn("user", "Hello"), generation_config=config) == ["Hello"]


def test_white_space_is_not_billed() -> None:
    prompt = Generation((Turn("user", (Text("Why is\tthe sky\u3000blue?\n"), Text("日本 🗻"))),))

    response = count_response(prompt, tokens=9)

    assert response == CountTokensResponse(
        total_tokens=9,
        total_billable_characters=len("Whyistheskyblue?日本🗻"),
        prompt_tokens_details=[ModalityTokenCount(modality=Modality.TEXT, token_count=9)],
    )


def test_media_counts_beside_the_texts_in_the_order_of_the_prompt() -> None:
    media = Media(Kind.IMAGE, ("a cat",), 258), Text("Hi"), Media(Kind.TEXT, ("a file",))
    prompt = Generation((Turn("user", media),))

    response = count_response(prompt, tokens=3)

    assert response.total_tokens == 261
    assert response.total_billable_characters == len("Hiafile")
    assert [(each.modality, each.token_count) for each in response.prompt_tokens_details] == [
        (Modality.IMAGE, 258),
        (Modality.TEXT, 3),
    ]


def test_media_has_no_tokens_to_be_told() -> None:
    part = Part(inline_data=Blob(mime_type="image/png", data=Bytes(b"x")))

    with pytest.raises(Unimplemented, match=r"`contents\[0\].parts\[0\]`"):
        computed_texts(ComputeTokensRequest(contents=[Content(parts=[part])]))


def test_each_part_is_split_by_itself() -> None:
    request = ComputeTokensRequest(contents=[turn("user", "Hello", "there"), turn("", "Hi")])

    assert computed_texts(request) == [("user", "Hello"), ("user", "there"), ("", "Hi")]


def test_a_call_is_split_as_its_json() -> None:
    request = ComputeTokensRequest(contents=[Content(role="model", parts=[function_call("dice"), Part(text="")])])

    assert computed_texts(request) == [("model", '{"name":"dice","args":{"sides":6}}')]
