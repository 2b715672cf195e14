"""Answers and errors of Vertex AI in the Developer API's form."""

from __future__ import annotations

from typing import Any

import pytest

from geminid.engines.base import Capabilities
from geminid.engines.scripted import Scripted
from geminid.errors import ApiError, InvalidArgument, NotFound, PromptTooLong, Unavailable
from geminid.gemini.developer import reword, translate
from geminid.gemini.profiles import Catalogue
from geminid.gemini.request import to_generation
from geminid.service.registry import Registry
from geminid.wire import content, developer, generation, grounding, json, safety
from geminid.wire import developer_routes as routes
from geminid.wire.developer_routes import Match
from geminid.wire.message import Message, Timestamp
from geminid.wire.tokens import CountTokensResponse
from geminid.wire.tools import FunctionDeclaration, Tool

GENERATE = Match(routes.GENERATE_CONTENT, "v1beta", "models/gemini-1.5-flash")


def response(**candidate: Any) -> generation.GenerateContentResponse:
    return generation.GenerateContentResponse(candidates=[generation.Candidate(**candidate)])


def test_a_last_chunk() -> None:
    message = response(
        content=content.Content(role="model", parts=[content.Part(text="Hi")]),
        finish_reason=generation.FinishReason.STOP,
        score=0.5,
    )
    message.usage_metadata = generation.UsageMetadata(
        prompt_token_count=1, total_token_count=1, traffic_type=generation.TrafficType.ON_DEMAND
    )
    message.create_time = Timestamp(1)
    message.response_id = "id"

    assert translate(message, "gemini-1.5-flash-002") == developer.GenerateContentResponse(
        candidates=[
            developer.Candidate(
                content=developer.Content(parts=[developer.Part(text="Hi")], role="model"),
                finish_reason=developer.FinishReason.STOP,
                index=0,
            )
        ],
        usage_metadata=developer.UsageMetadata(prompt_token_count=1, total_token_count=1),
        model_version="gemini-1.5-flash-002",
        response_id="id",
    )


def test_usage_of_the_traffic_type_alone_is_none() -> None:
    message = response()
    message.usage_metadata = generation.UsageMetadata(traffic_type=generation.TrafficType.ON_DEMAND)

    answer = translate(message, "m")

    assert isinstance(answer, developer.GenerateContentResponse)
    assert answer.usage_metadata is None


def test_ratings_lose_their_scores_and_citations_their_titles() -> None:
    message = response(
        safety_ratings=[
            safety.SafetyRating(
                category=safety.HarmCategory.HARM_CATEGORY_HARASSMENT,
                probability=safety.HarmProbability.LOW,
                probability_score=0.1,
                severity=safety.HarmSeverity.HARM_SEVERITY_LOW,
            )
        ],
        citation_metadata=grounding.CitationMetadata(
            citations=[grounding.Citation(end_index=9, uri="https://example.com", title="A title")]
        ),
    )

    assert json.encode(translate(message, ""), pretty=False) == (
        b'{"candidates":[{"index":0,"safetyRatings":[{"category":"HARM_CATEGORY_HARASSMENT","probability":"LOW"}],'
        b'"citationMetadata":{"citationSources":[{"endIndex":9,"uri":"https://example.com"}]}}]}'
    )


@pytest.mark.parametrize("reason", generation.FinishReason)
def test_every_finish_reason_has_a_name_here(reason: generation.FinishReason) -> None:
    answer = translate(response(finish_reason=reason), "")

    assert isinstance(answer, developer.GenerateContentResponse)
    known = "OTHER" if reason is generation.FinishReason.MODEL_ARMOR else reason.value
    assert answer.candidates[0].finish_reason == (None if reason.number == 0 else developer.FinishReason[known])


def test_a_count_is_not_billed_by_characters() -> None:
    counted = CountTokensResponse(total_tokens=3, total_billable_characters=9)

    assert translate(counted, "m") == developer.CountTokensResponse(total_tokens=3)


def test_the_developer_apis_own_messages_pass() -> None:
    model = developer.Model(name="models/m")

    assert translate(model, "m") is model


def text(*texts: str, role: str = "user") -> content.Content:
    return content.Content(role=role, parts=[content.Part(text=text) for text in texts])


def refused(asked: str = "gemini-1.0-pro", **fields: Any) -> tuple[ApiError, Message]:
    """What Vertex AI says to a request, and the request."""
    model = Catalogue().find(asked)
    assert model
    request = generation.GenerateContentRequest(**{"contents": [text("Hello")]} | fields)
    with pytest.raises(ApiError) as error:
        to_generation(request, model.profile, Capabilities(context_tokens=8_192))
    return error.value, request


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"contents": []}, "* GenerateContentRequest.contents: contents is not specified"),
        (
            {"contents": [content.Content(role="user")]},
            "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.",
        ),
        (
            {"contents": [text("Hello"), text("", role="model"), text("a", "")]},
            "* GenerateContentRequest.contents[2].parts[1].data: required oneof field 'data' must have one "
            "initialized field",
        ),
        (
            {"generation_config": generation.GenerationConfig(stop_sequences=list("abcdef"))},
            "* GenerateContentRequest.generation_config.stop_sequences: the number of stop_sequences must not "
            "exceed 5",
        ),
        (
            {"generation_config": generation.GenerationConfig(presence_penalty=1)},
            "Penalty is not enabled for models/gemini-1.5-flash",
        ),
        (
            {"generation_config": generation.GenerationConfig(candidate_count=2)},
            "Multiple candidates is not enabled for models/gemini-1.5-flash",
        ),
        (
            {"generation_config": generation.GenerationConfig(response_mime_type="application/json")},
            "Json mode is not enabled for models/gemini-1.5-flash",
        ),
        (
            {
                "asked": "gemini-3.5-flash",
                "generation_config": generation.GenerationConfig(response_logprobs=True),
            },
            "Logprobs is not enabled for models/gemini-1.5-flash",
        ),
        (
            {"generation_config": generation.GenerationConfig(logprobs=0)},
            "logprobs may only be set when response_logprobs is true.",
        ),
        (
            {
                "generation_config": generation.GenerationConfig(
                    thinking_config=generation.ThinkingConfig(thinking_budget=5)
                )
            },
            "Thinking is not enabled for models/gemini-1.5-flash",
        ),
        (
            {
                "asked": "gemini-2.5-pro",
                "generation_config": generation.GenerationConfig(
                    thinking_config=generation.ThinkingConfig(thinking_budget=5)
                ),
            },
            "The thinking budget 5 is invalid. Please choose a value between 128 and 32768.",
        ),
        (
            {
                "asked": "gemini-1.0-pro-vision",
                "tools": [Tool(function_declarations=[FunctionDeclaration(name="f")])],
            },
            "Function calling is not enabled for models/gemini-1.5-flash",
        ),
        (
            {
                "contents": [
                    text("Hello"),
                    content.Content(
                        role="model", parts=[content.Part(function_call=content.FunctionCall(name="f"))]
                    ),
                    content.Content(
                        role="user",
                        parts=[
                            content.Part(text="x"),
                            content.Part(function_response=content.FunctionResponse(response={})),
                        ],
                    ),
                ]
            },
            "* GenerateContentRequest.contents[2].parts[1].function_response.name: Name cannot be empty.",
        ),
        ({"contents": [text("Hello", role="robot")]}, "Please use a valid role: user, model."),
    ],
)
def test_refusals_in_the_developer_apis_words(fields: dict[str, Any], message: str) -> None:
    error, request = refused(**fields)

    reworded = reword(error, GENERATE, request)

    assert isinstance(reworded, InvalidArgument)
    assert reworded.message == message


def test_a_part_of_the_system_instruction_has_no_known_text() -> None:
    error, request = refused(system_instruction=content.Content(parts=[content.Part()]))

    assert reword(error, GENERATE, request) is error


async def test_an_unknown_model_is_looked_for_among_models() -> None:
    registry = Registry(Catalogue(), Scripted(), {})
    with pytest.raises(NotFound) as error:
        registry.find("publishers/google/models/gemini-9")

    reworded = reword(error.value, Match(routes.COUNT_TOKENS, "v1", "models/gemini-9"))

    assert reworded.message == (
        "models/gemini-9 is not found for API version v1, or is not supported for countTokens. Call ListModels to "
        "see the list of available models and their supported methods."
    )


def test_a_prompt_that_is_too_long() -> None:
    reworded = reword(PromptTooLong(20, 10), GENERATE)

    assert reworded.message == "The input token count (20) exceeds the maximum number of tokens allowed (10)."


def test_violations_name_the_developer_apis_types() -> None:
    with pytest.raises(InvalidArgument) as error:
        json.decode(generation.GenerateContentRequest, b'{"safetySettings": [{"category": "X"}]}', "v1beta")

    reworded = reword(error.value, GENERATE)

    text = (
        "Invalid value at 'safety_settings[0].category' "
        '(type.googleapis.com/google.ai.generativelanguage.v1beta.HarmCategory), "X"'
    )
    assert reworded.message == text
    assert reworded.details[0].fields() == {
        "fieldViolations": [{"field": "safety_settings[0].category", "description": text}]
    }


@pytest.mark.parametrize("error", [Unavailable("gone"), InvalidArgument("Something else."), NotFound("No cache.")])
def test_other_errors_stay(error: ApiError) -> None:
    assert reword(error, GENERATE) is error
