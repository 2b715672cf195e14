"""The Developer API's declarations against Vertex AI's: what an answer can hold must have a place in both."""

from __future__ import annotations

import json as plain

import pytest

from geminid.gemini.support import FILLED
from geminid.wire import content, developer, generation, json
from geminid.wire.message import Message, describe

COUNTERPARTS: list[tuple[type[Message], type[Message], set[str]]] = [
    (generation.GenerateContentResponse, developer.GenerateContentResponse, {"create_time"}),
    (generation.Candidate, developer.Candidate, set()),
    (generation.UsageMetadata, developer.UsageMetadata, {"traffic_type"}),
    (content.Content, developer.Content, set()),
    (content.Part, developer.Part, set()),
]


@pytest.mark.parametrize(("vertex", "own", "dropped"), COUNTERPARTS)
def test_every_field_that_is_filled_has_a_place(
    vertex: type[Message], own: type[Message], dropped: set[str]
) -> None:
    assert FILLED[vertex] - own.declared.keys() == dropped


@pytest.mark.parametrize(
    "message",
    [
        value
        for value in vars(developer).values()
        if isinstance(value, type) and value.__module__ == developer.__name__
    ],
)
def test_names_are_those_of_the_developer_api(message: type[Message]) -> None:
    assert message.proto_name.startswith("google.ai.generativelanguage.v1beta.")


def test_fields_are_declared_in_the_order_of_their_numbers() -> None:
    for message in (developer.GenerateContentResponse, developer.Candidate, developer.Part, developer.Model):
        assert [spec.name for spec in describe(message).fields] == list(message.declared)


def test_parts_come_before_the_role_and_an_index_of_zero_is_printed() -> None:
    candidate = developer.Candidate(
        content=developer.Content(parts=[developer.Part(text="Hi")], role="model"),
        finish_reason=developer.FinishReason.STOP,
        index=0,
    )

    body = json.encode(developer.GenerateContentResponse(candidates=[candidate], model_version="m"), pretty=False)

    assert body == (
        b'{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"STOP","index":0}],'
        b'"modelVersion":"m"}'
    )


def test_enums_have_the_developer_apis_numbers() -> None:
    candidate = developer.Candidate(
        finish_reason=developer.FinishReason.SPII,
        safety_ratings=[developer.SafetyRating(category=developer.HarmCategory.HARM_CATEGORY_HARASSMENT)],
    )

    body = plain.loads(json.encode(candidate, enum_ints=True))

    assert body == {"finishReason": 9, "safetyRatings": [{"category": 7}]}
