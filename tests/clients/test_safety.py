"""Ratings, blocks and citations: in vertexai's own objects, and on the wire, which stricter clients rely on."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import grpc
import pytest
from google.cloud.aiplatform_v1 import GenerateContentRequest, GenerateContentResponse

PROGRAM = Path(__file__).parent / "matrix" / "python" / "safety_vertexai.py"
MODEL = "gemini-1.5-flash-001"
"""By default it blocks from MEDIUM on."""
VERTEX = f"projects/p/locations/us-central1/publishers/google/models/{MODEL}"
HARSH_PROMPT = "HARASSMENT:HIGH, you."


class Server(Protocol):
    url: str
    grpc: str


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_vertexai(
    ask: Callable[..., dict[str, Any]], judged: Server, expected_of_judged: dict[str, Any], transport: str
) -> None:
    report = ask(sys.executable, PROGRAM, transport, server=judged)

    assert report.items() <= expected_of_judged.items()


Post: TypeAlias = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture
def post(judged: Server) -> Post:
    """Asks a question at a path: the chunks of a stream, or the one answer."""

    def post(path: str, question: str) -> list[dict[str, Any]]:
        body = {"contents": [{"role": "user", "parts": [{"text": question}]}]}
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(judged.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        return answer if isinstance(answer, list) else [answer]

    return post


MODELS = {"vertex": f"/v1/{VERTEX}", "developer": f"/v1beta/models/{MODEL}"}


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("question", ["hello", "mild", "harsh", "far", "quote", "recite"])
def test_an_answer_never_has_feedback_on_its_prompt(post: Post, question: str, model: str, verb: str) -> None:
    """Google's first library for Go takes any, even an empty one, for an error."""
    for chunk in post(f"{model}:{verb}", question):
        assert "promptFeedback" not in chunk
        assert len(chunk["candidates"]) == 1


@pytest.mark.parametrize("question", ["hello", "mild", "harsh", "far", "quote", "recite"])
def test_nor_does_it_over_grpc(judged: Server, question: str) -> None:
    request = GenerateContentRequest(model=VERTEX, contents=[{"role": "user", "parts": [{"text": question}]}])
    with grpc.insecure_channel(judged.grpc) as channel:
        stream = channel.unary_stream(
            "/google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent",
            request_serializer=GenerateContentRequest.serialize,
            response_deserializer=GenerateContentResponse.deserialize,
        )
        chunks = list(stream(request, timeout=30))

    assert chunks
    assert not any("prompt_feedback" in chunk for chunk in chunks)


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
def test_a_blocked_prompt(post: Post, verb: str) -> None:
    (answer,) = post(f"{MODELS['vertex']}:{verb}", HARSH_PROMPT)

    assert "candidates" not in answer
    assert answer["promptFeedback"]["blockReason"] == "SAFETY"
    assert answer["promptFeedback"]["safetyRatings"][2] == {
        "category": "HARM_CATEGORY_HARASSMENT",
        "probability": "HIGH",
        "blocked": True,
        "probabilityScore": 0.95,
        "severity": "HARM_SEVERITY_HIGH",
        "severityScore": 0.95,
    }
    assert answer["usageMetadata"].keys() == {"promptTokenCount", "totalTokenCount"}


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
def test_a_blocked_prompt_of_the_developer_api(post: Post, verb: str) -> None:
    (answer,) = post(f"{MODELS['developer']}:{verb}", HARSH_PROMPT)

    assert "candidates" not in answer
    assert answer["promptFeedback"] == {
        "blockReason": "SAFETY",
        "safetyRatings": [
            {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "NEGLIGIBLE"},
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "NEGLIGIBLE"},
            {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True},
            {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "probability": "NEGLIGIBLE"},
        ],
    }


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
def test_citations_of_the_developer_api(post: Post, expected_of_judged: dict[str, Any], verb: str) -> None:
    chunks = post(f"{MODELS['developer']}:{verb}", "quote")
    candidates = [chunk["candidates"][0] for chunk in chunks]
    text = "".join(part["text"] for candidate in candidates for part in candidate["content"]["parts"]).encode()

    metadata = [candidate["citationMetadata"] for candidate in candidates if "citationMetadata" in candidate]

    ((name, sources),) = [item for one in metadata for item in one.items()]
    assert name == "citationSources"
    assert {key for source in sources for key in source} == {"startIndex", "endIndex", "uri", "license"}
    spans = [text[source["startIndex"] : source["endIndex"]].decode() for source in sources]
    assert spans == [span for span, *_ in expected_of_judged["cited"]]
