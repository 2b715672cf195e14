from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.errors import ApiError, InvalidArgument, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.gemini.request import to_generation
from geminid.generation import Generation, Text, Turn
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest

HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
HI = {"role": "model", "parts": [{"text": "Hi!"}]}


def generation(model: str = "gemini-1.5-flash-002", **request: Any) -> Generation:
    """What a request body, given by its top-level fields, comes to."""
    found = Catalogue().find(model)
    assert found
    body = msgspec.json.encode({"contents": [HELLO]} | request)
    return to_generation(json.decode(GenerateContentRequest, body), found.profile)


def refused(model: str = "gemini-1.5-flash-002", **request: Any) -> str:
    with pytest.raises(InvalidArgument) as error:
        generation(model, **request)
    return error.value.message


def test_roles_and_parts_become_turns() -> None:
    turns = generation(contents=[HELLO, HI, HELLO]).turns

    assert [turn.role for turn in turns] == ["user", "model", "user"]
    assert turns[0] == Turn("user", (Text("Hello"),))


def test_roles_compare_without_case() -> None:
    assert generation(contents=[HELLO | {"role": "USER"}]).turns[0].role == "user"


def test_a_single_turn_needs_no_role() -> None:
    assert generation(contents=[{"parts": [{"text": "Hello"}]}]).turns[0].role == "user"


def test_the_chunks_of_a_streamed_answer_come_back_as_one_text() -> None:
    chunks = [{"role": "model", "parts": [{"text": text}]} for text in ("Hel", "lo", "")]

    turns = generation(contents=[HELLO, *chunks, HELLO]).turns

    assert turns[1] == Turn("model", (Text("Hello"),))


def test_system_instruction_is_paragraphs_whatever_its_role() -> None:
    system = {"role": "anything", "parts": [{"text": "Be brief."}, {"text": "Be kind."}]}

    assert generation(systemInstruction=system).system == (Text("Be brief."), Text("Be kind."))


@pytest.mark.parametrize("system", [{}, {"role": "user"}, {"parts": []}])
def test_an_empty_system_instruction_is_absent(system: dict[str, Any]) -> None:
    assert generation("gemini-1.0-pro-001", systemInstruction=system).system == ()


def test_defaults_are_those_of_the_profile() -> None:
    vision = generation("gemini-1.0-pro-vision-001").sampling

    assert (vision.temperature, vision.top_p, vision.top_k) == (0.4, 1.0, 32)
    assert generation("gemini-2.5-pro").sampling.max_output_tokens == 65_536


def test_what_is_asked_for_is_kept() -> None:
    config = {"temperature": 0, "topP": 0.5, "topK": 3.0, "maxOutputTokens": 7, "stopSequences": ["x"], "seed": 5}

    sampling = generation(generationConfig=config).sampling

    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0, 0.5, 3)
    assert (sampling.max_output_tokens, sampling.stop_sequences, sampling.seed) == (7, ("x",), 5)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([], "at least one contents field is required"),
        ([{"role": "user"}], "it must include at least one parts field"),
        ([{"role": "user", "parts": [{}]}], "it must have a text parameter"),
        ([{"role": "user", "parts": [{"text": ""}]}], "it has an empty text parameter"),
        ([{"role": "root", "parts": [{"text": "x"}]}], "Please use a valid role: user, model.."),
        ([HELLO, {"parts": [{"text": "x"}]}], "Please use a valid role: user, model.."),
        ([HI], "Please ensure that single turn requests end with a user role or the role field is empty."),
        ([HELLO, HI], "Please ensure that multiturn requests ends with a user role or a function response."),
    ],
)
def test_contents_are_refused_in_googles_words(contents: list[Any], words: str) -> None:
    assert words in refused(contents=contents)


def test_old_models_want_turns_to_alternate() -> None:
    words = refused("gemini-1.0-pro-002", contents=[HELLO, HELLO])

    assert words == "Please ensure that multiturn requests alternate between user and model."


@pytest.mark.parametrize(
    ("model", "config", "name", "value", "allowed"),
    [
        ("gemini-1.5-flash", {"temperature": 2.5}, "temperature", "2.5", "0 (inclusive) to 2.0001 (exclusive)"),
        ("gemini-1.0-pro-001", {"temperature": 1.5}, "temperature", "1.5", "0 (inclusive) to 1.0001 (exclusive)"),
        ("gemini-1.5-flash", {"temperature": -1}, "temperature", "-1", "0 (inclusive) to 2.0001 (exclusive)"),
        ("gemini-1.5-flash", {"topP": 1.5}, "topP", "1.5", "0 (inclusive) to 1.0001 (exclusive)"),
        ("gemini-1.5-flash", {"topK": 41}, "topK", "41", "1 (inclusive) to 41 (exclusive)"),
        ("gemini-1.5-flash", {"topK": 0}, "topK", "0", "1 (inclusive) to 41 (exclusive)"),
        (
            "gemini-1.5-flash", {"maxOutputTokens": 9000}, "maxOutputTokens", "9000",
            "1 (inclusive) to 8193 (exclusive)",
        ),
        (
            "gemini-2.5-pro", {"maxOutputTokens": 1_000_000}, "maxOutputTokens", "1000000",
            "1 (inclusive) to 65537 (exclusive)",
        ),
        ("gemini-1.5-flash", {"maxOutputTokens": 0}, "maxOutputTokens", "0", "1 (inclusive) to 8193 (exclusive)"),
        (
            "gemini-1.5-flash", {"stopSequences": list("abcdef")}, "stopSequences", "6",
            "1 (inclusive) to 6 (exclusive)",
        ),
        ("gemini-1.5-flash", {"stopSequences": [""]}, "stopSequences", "0", "1 (inclusive) to 6 (exclusive)"),
        ("gemini-1.5-flash", {"candidateCount": 9}, "candidateCount", "9", "1 (inclusive) to 9 (exclusive)"),
        ("gemini-1.5-flash", {"presencePenalty": 2}, "presencePenalty", "2", "-2 (inclusive) to 2 (exclusive)"),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_in_googles_words(
    model: str, config: dict[str, Any], name: str, value: str, allowed: str
) -> None:
    assert refused(model, generationConfig=config) == (
        f"Unable to submit request because it has a {name} value of {value} but the supported range is from "
        f"{allowed}. Update the value and try again."
    )


@pytest.mark.parametrize(
    ("model", "request_", "words"),
    [
        ("gemini-1.0-pro-001", {"systemInstruction": HELLO}, "The input system_instruction is not supported."),
        (
            "gemini-1.0-pro-002", {"generationConfig": {"frequencyPenalty": 1}},
            "Penalty is not enabled for this model",
        ),
        (
            "gemini-1.0-pro-002", {"generationConfig": {"candidateCount": 2}},
            "Multiple candidates is not enabled for this model",
        ),
    ],
)  # fmt: skip
def test_what_a_model_lacks_is_refused_in_googles_words(model: str, request_: dict[str, Any], words: str) -> None:
    assert refused(model, **request_) == words


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"tools": [{"googleSearch": {}}]}, "tools"),
        ({"cachedContent": "projects/p/locations/l/cachedContents/1"}, "cached_content"),
        ({"generationConfig": {"responseMimeType": "application/json"}}, "generation_config.response_mime_type"),
        ({"generationConfig": {"responseSchema": {"type": "STRING"}}}, "generation_config.response_schema"),
        (
            {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
            "generation_config.thinking_config.include_thoughts",
        ),
        (
            {"contents": [{"parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}]},
            "contents[0].parts[1].inline_data",
        ),
    ],
)
def test_fields_that_are_not_served_are_refused_by_name(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(Unimplemented, match="not supported by this server") as error:
        generation(**request_)
    assert f"`{field}`" in error.value.message


@pytest.mark.parametrize(
    "request_",
    [
        {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        {"safetySettings": {}},
        {"labels": {"team": "blue"}},
        {"generationConfig": {}},
        {"generationConfig": {"responseMimeType": "text/plain", "candidateCount": 1}},
        {"generationConfig": {"responseModalities": ["TEXT"], "responseLogprobs": False}},
        {"tools": [], "toolConfig": {}},
    ],
)
def test_what_asks_for_nothing_more_than_text_is_accepted(request_: dict[str, Any]) -> None:
    assert generation(**request_).texts() == ["Hello"]


def test_no_refusal_is_anything_but_an_api_error() -> None:
    with pytest.raises(ApiError):
        generation(contents=[{"role": "user", "parts": [{"text": "x" * 10}] * 3}], generationConfig={"topK": -1})
