"""Ratings, blocks and citations in google-genai's own objects, in its Vertex and its Developer mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from google import genai
from google.genai import types
from google.genai.types import BlockedReason, FinishReason, HarmBlockMethod, HarmBlockThreshold, HarmCategory
from google.oauth2.credentials import Credentials

HARSH_PROMPT = "HARASSMENT:HIGH, you."
LOW, MEDIUM = HarmBlockThreshold.BLOCK_LOW_AND_ABOVE, HarmBlockThreshold.BLOCK_MEDIUM_AND_ABOVE

# The client subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


class Server(Protocol):
    url: str


def client_of(server: Server, mode: str) -> genai.Client:
    options = types.HttpOptions(base_url=server.url)
    if mode == "developer":
        return genai.Client(api_key="any", http_options=options)
    credentials = Credentials("any token")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=credentials, http_options=options
    )


class Client:
    """google-genai in one of its modes, with a model that blocks nothing unless it is told to."""

    def __init__(self, client: genai.Client) -> None:
        self.vertex = client.vertexai
        self._models = client.models

    def ask(self, question: str, **setting: Any) -> types.GenerateContentResponse:
        return self._models.generate_content(**self._asked(question, setting))

    def stream(self, question: str, **setting: Any) -> list[types.GenerateContentResponse]:
        return list(self._models.generate_content_stream(**self._asked(question, setting)))

    def _asked(self, question: str, setting: dict[str, Any]) -> dict[str, Any]:
        harassment = types.SafetySetting(category=HarmCategory.HARM_CATEGORY_HARASSMENT, **setting)
        config = types.GenerateContentConfig(safety_settings=[harassment] if setting else None)
        return {"model": "gemini-2.5-flash", "contents": question, "config": config}


@pytest.fixture(params=["vertex", "developer"])
def client(judged: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    with client_of(judged, request.param) as client:
        yield Client(client)


@pytest.fixture
def vertex(judged: Server) -> Iterator[Client]:
    with client_of(judged, "vertex") as client:
        yield Client(client)


def candidate_of(answer: types.GenerateContentResponse) -> types.Candidate:
    (candidate,) = answer.candidates or []
    return candidate


def test_a_category_with_a_threshold_is_rated(client: Client) -> None:
    (rating,) = candidate_of(client.ask("mild", threshold=MEDIUM)).safety_ratings or []

    assert (rating.category, rating.probability, rating.blocked) == (
        HarmCategory.HARM_CATEGORY_HARASSMENT,
        types.HarmProbability.LOW,
        None,
    )
    scores = (rating.probability_score, rating.severity, rating.severity_score)
    assert scores == ((0.5, types.HarmSeverity.HARM_SEVERITY_LOW, 0.3) if client.vertex else (None,) * 3)


def test_without_settings_nothing_is_rated(client: Client, expected_of_judged: dict[str, Any]) -> None:
    answer = client.ask("harsh")

    assert answer.text == expected_of_judged["tolerated"]
    assert candidate_of(answer).safety_ratings is None


def test_a_blocked_prompt(client: Client) -> None:
    answer = client.ask(HARSH_PROMPT, threshold=MEDIUM)
    chunks = client.stream(HARSH_PROMPT, threshold=MEDIUM)

    for blocked in (answer, *chunks):
        assert blocked.candidates is None
        assert blocked.text is None
        assert blocked.prompt_feedback
        assert blocked.prompt_feedback.block_reason is BlockedReason.SAFETY
        (rating,) = blocked.prompt_feedback.safety_ratings or []
        assert rating.blocked
    assert len(chunks) == 1


def test_a_blocked_answer(client: Client) -> None:
    answer = client.ask("mild", threshold=LOW)

    assert answer.text is None
    assert answer.prompt_feedback is None
    candidate = candidate_of(answer)
    (rating,) = candidate.safety_ratings or []
    assert (candidate.finish_reason, candidate.content, rating.blocked) == (FinishReason.SAFETY, None, True)


def test_a_stream_that_goes_too_far(client: Client, expected_of_judged: dict[str, Any]) -> None:
    *chunks, last = client.stream("far", threshold=MEDIUM)

    assert "".join(chunk.text or "" for chunk in chunks) == expected_of_judged["let_out"]
    assert {candidate_of(chunk).finish_reason for chunk in chunks} == {None}
    assert candidate_of(last).finish_reason is FinishReason.SAFETY
    assert last.text is None


def test_the_method_decides(vertex: Client, expected_of_judged: dict[str, Any]) -> None:
    by_probability = vertex.ask("harsh", threshold=MEDIUM, method=HarmBlockMethod.PROBABILITY)
    by_severity = vertex.ask("harsh", threshold=MEDIUM, method=HarmBlockMethod.SEVERITY)

    assert candidate_of(by_probability).finish_reason is FinishReason.SAFETY
    assert by_severity.text == expected_of_judged["by_severity"]


@pytest.mark.parametrize("streaming", [False, True])
def test_quotations_are_cited(client: Client, expected_of_judged: dict[str, Any], streaming: bool) -> None:
    chunks = client.stream("quote") if streaming else [client.ask("quote")]
    text = "".join(chunk.text or "" for chunk in chunks)
    metadata = candidate_of(chunks[-1]).citation_metadata
    assert metadata
    citations = metadata.citations or []

    spans = [text.encode()[one.start_index : one.end_index].decode() for one in citations]
    sources = [[one.uri, one.license] for one in citations]
    assert [[span, *source] for span, source in zip(spans, sources, strict=True)] == expected_of_judged["cited"]
    dates = [one.publication_date or types.GoogleTypeDate() for one in citations]
    told = [[one.title, date.year, date.month, date.day or 0] for one, date in zip(citations, dates, strict=True)]
    assert told == (expected_of_judged["told"] if client.vertex else [[None, None, None, 0]] * 2)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_long_run_is_a_recitation(client: Client, streaming: bool) -> None:
    answer = client.stream("recite")[-1] if streaming else client.ask("recite")

    assert candidate_of(answer).finish_reason is FinishReason.RECITATION
    assert answer.text is None
