"""Safety settings through every door: each category, threshold, method and level, of prompts and of answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import pytest
from google.cloud.aiplatform_v1.types import GenerateContentRequest, GenerateContentResponse
from google.protobuf import json_format

from geminid.settings import Safety

MODEL = "gemini-1.5-flash-001"
CATEGORIES = ("HATE_SPEECH", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT")
LEVELS = ("NEGLIGIBLE", "LOW", "MEDIUM", "HIGH")
BLOCKED_FROM = {
    "BLOCK_LOW_AND_ABOVE": 1, "BLOCK_MEDIUM_AND_ABOVE": 2, "BLOCK_ONLY_HIGH": 3, "BLOCK_NONE": 9, "OFF": 9,
}  # fmt: skip
"""The index of the lowest level that each threshold blocks."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One of the table, and what is to come of it."""

    category: str
    threshold: str
    method: str
    level: str

    @property
    def mark(self) -> str:
        """What the scripted rater takes for it; by severity something is judged that is likely."""
        pair = f"{self.level}/NEGLIGIBLE" if self.method == "PROBABILITY" else f"HIGH/{self.level}"
        return f"{self.category}:{pair}"

    @property
    def settings(self) -> list[dict[str, str]]:
        asked = {"threshold": self.threshold, "method": self.method}
        others = [{"category": f"HARM_CATEGORY_{name}", "threshold": "BLOCK_NONE"} for name in CATEGORIES]
        return [*others, {"category": f"HARM_CATEGORY_{self.category}", **asked}]

    @property
    def blocked(self) -> bool:
        return LEVELS.index(self.level) >= BLOCKED_FROM[self.threshold]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client sees. ``rated`` are the categories with a rating, ``blamed`` those that block."""

    text: str | None
    blocked_prompt: bool
    finish: str | None
    rated: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()


def cells() -> Iterator[Cell]:
    return itertools.starmap(
        Cell, itertools.product(CATEGORIES, BLOCKED_FROM, ("PROBABILITY", "SEVERITY"), LEVELS)
    )


def outcome_of(chunks: list[dict[str, Any]]) -> Outcome:
    """Of the chunks of a stream, or the one answer."""
    feedback = next((chunk["promptFeedback"] for chunk in chunks if chunk.get("promptFeedback")), {})
    candidates = [chunk["candidates"][0] for chunk in chunks if chunk.get("candidates")]
    parts = [part for one in candidates for part in (one.get("content") or {}).get("parts", [])]
    ratings = feedback.get("safetyRatings") or (candidates[-1].get("safetyRatings", []) if candidates else [])
    finish = candidates[-1]["finishReason"] if candidates else None
    text = "".join(part.get("text", "") for part in parts) if candidates and finish == "STOP" else None
    return Outcome(
        text,
        feedback.get("blockReason") == "SAFETY",
        finish,
        tuple(rating["category"].removeprefix("HARM_CATEGORY_") for rating in ratings),
        tuple(rating["category"].removeprefix("HARM_CATEGORY_") for rating in ratings if rating.get("blocked")),
    )


def body_of(text: str, settings: list[dict[str, str]]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], "safetySettings": settings}


Door: TypeAlias = Callable[[Any, str, list[dict[str, str]]], Awaitable[Outcome]]


async def unary(server: Any, text: str, settings: list[dict[str, str]]) -> Outcome:
    _, body = await server.post(f"{MODEL}:generateContent", body_of(text, settings))
    return outcome_of([json.loads(body)])


async def stream(server: Any, text: str, settings: list[dict[str, str]]) -> Outcome:
    _, body = await server.post(f"{MODEL}:streamGenerateContent", body_of(text, settings))
    return outcome_of(json.loads(body))


async def developer(server: Any, text: str, settings: list[dict[str, str]]) -> Outcome:
    url = f"{server.url}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse&key=k"
    async with server.session.post(url, json=body_of(text, settings)) as response:
        events = (await response.text()).split("\r\n\r\n")
    return outcome_of([json.loads(event.removeprefix("data: ")) for event in events if event])


async def over_grpc(server: Any, text: str, settings: list[dict[str, str]]) -> Outcome:
    message = json_format.ParseDict(body_of(text, settings), GenerateContentRequest.pb(GenerateContentRequest()))
    message.model = f"projects/p/locations/l/publishers/google/models/{MODEL}"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.app.grpc.port}") as channel:
        call = channel.unary_stream(
            "/google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent",
            response_deserializer=GenerateContentResponse.deserialize,
        )(message.SerializeToString())
        chunks = [GenerateContentResponse.to_json(chunk, use_integers_for_enums=False) async for chunk in call]
    return outcome_of([json.loads(chunk) for chunk in chunks])


async def openai_stream(server: Any, text: str, settings: list[dict[str, str]]) -> Outcome:
    """No chunk is without content, since clients add it up."""
    url = f"{server.url}/v1/projects/p/locations/l/endpoints/openapi/chat/completions"
    async with server.session.post(url, json=chat_of(text, settings) | {"stream": True}) as response:
        events = [event.removeprefix("data: ") for event in (await response.text()).split("\n\n")]
    choices = [json.loads(event)["choices"][0] for event in events if event and event != "[DONE]"]
    said = "".join(choice["delta"]["content"] for choice in choices)
    blocked = choices[-1]["finish_reason"] == "content_filter"
    return Outcome(None if blocked else said, False, "SAFETY" if blocked else "STOP")


def chat_of(text: str, settings: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "model": f"google/{MODEL}",
        "messages": [{"role": "user", "content": text}],
        "extra_body": {"google": {"safety_settings": settings}},
    }


async def openai(server: Any, text: str, settings: list[dict[str, str]]) -> Outcome:
    """No ratings are told here, and a blocked prompt looks like a blocked answer."""
    url = f"{server.url}/v1/projects/p/locations/l/endpoints/openapi/chat/completions"
    async with server.session.post(url, json=chat_of(text, settings)) as response:
        (choice,) = (await response.json())["choices"]
    blocked = choice["finish_reason"] == "content_filter"
    return Outcome(choice["message"]["content"], False, "SAFETY" if blocked else "STOP")


def seen_by(door: Door, outcome: Outcome) -> Outcome:
    if door not in (openai, openai_stream):
        return outcome
    withheld = outcome.blocked_prompt or outcome.finish == "SAFETY"
    return Outcome(outcome.text, False, "SAFETY" if withheld else "STOP")


def rated_by(cell: Cell) -> tuple[str, ...]:
    return tuple(name for name in CATEGORIES if (name, cell.threshold) != (cell.category, "OFF"))


DOORS: list[Door] = [unary, stream, developer, over_grpc, openai, openai_stream]
SCRIPTED = Safety(rater="scripted")


@pytest.mark.parametrize("door", DOORS)
async def test_prompts(start: Any, door: Door) -> None:
    server = await start({"chunks": ["Well."]}, safety=SCRIPTED)

    for cell in cells():
        outcome = await door(server, cell.mark, cell.settings)

        if cell.blocked:
            expected = Outcome(None, True, None, rated_by(cell), (cell.category,))
        else:
            expected = Outcome("Well.", False, "STOP", rated_by(cell))
        assert outcome == seen_by(door, expected), cell


@pytest.mark.parametrize("door", DOORS)
async def test_answers(start: Any, door: Door) -> None:
    answers = [
        {"when": f"say {number}.", "chunks": ["So: ", cell.mark, " it is."]} for number, cell in enumerate(cells())
    ]
    server = await start(*answers, safety=SCRIPTED)

    for number, cell in enumerate(cells()):
        outcome = await door(server, f"say {number}.", cell.settings)

        if cell.blocked:
            expected = Outcome(None, False, "SAFETY", rated_by(cell), (cell.category,))
        else:
            expected = Outcome(f"So: {cell.mark} it is.", False, "STOP", rated_by(cell))
        assert outcome == seen_by(door, expected), cell


@pytest.mark.parametrize(
    ("model", "rated"), [("gemini-1.0-pro-002", True), ("gemini-1.5-pro-001", True), ("gemini-1.5-pro-002", False)]
)
async def test_models_of_early_days_rate_by_default(start: Any, model: str, rated: bool) -> None:
    server = await start({"chunks": ["Well."]}, safety=SCRIPTED)

    _, body = await server.post(f"{model}:generateContent", body_of("Hello", []))

    assert ("safetyRatings" in json.loads(body)["candidates"][0]) is rated


async def test_with_everything_off_there_are_no_ratings(start: Any) -> None:
    server = await start({"chunks": ["Well."]}, safety=SCRIPTED)
    off = [{"category": f"HARM_CATEGORY_{name}", "threshold": "OFF"} for name in CATEGORIES]

    assert await unary(server, "HATE_SPEECH:HIGH", off) == Outcome("Well.", False, "STOP")


async def test_a_blocked_answer_counts_only_its_prompt(start: Any) -> None:
    server = await start({"chunks": ["HARASSMENT:HIGH"]}, safety=SCRIPTED)

    _, body = await server.post(f"{MODEL}:generateContent", body_of("Hello there", []))

    answer = json.loads(body)
    assert answer["usageMetadata"] == {"promptTokenCount": 2, "totalTokenCount": 2}
    assert "content" not in answer["candidates"][0]


async def test_no_byte_of_a_blocked_window_is_sent(start: Any) -> None:
    """The engine is slow, so that each of its words waits for its own judgement."""
    words = [{"text": f"word{number} ", "delay_ms": 15} for number in range(20)]
    server = await start(
        {"chunks": [*words, {"text": "HARASSMENT:HIGH ", "delay_ms": 15}, "never"]}, safety=SCRIPTED
    )

    _, body = await server.post(f"{MODEL}:streamGenerateContent?alt=sse", body_of("Hello", []))

    assert b"word3 " in body
    assert b"HARASSMENT:HIGH" not in body
    assert b"never" not in body
    assert b'"finishReason":"SAFETY"' in body.replace(b" ", b"")


@pytest.mark.parametrize(("on_failure", "status"), [("open", 200), ("closed", 503)])
async def test_a_rater_that_fails(start: Any, tmp_path: Any, on_failure: Any, status: int) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nwhen = "x"\nfail = {code = "INTERNAL"}\n')
    server = await start({"chunks": ["Well."]}, safety=Safety(rater=f"scripted:{rules}", on_failure=on_failure))

    got, body = await server.post(f"{MODEL}:generateContent", body_of("xyz", []))

    assert got == status
    assert server.app.judges.failures["scripted"] == 1
    if status == 503:
        assert json.loads(body)["error"]["status"] == "UNAVAILABLE"


async def test_lists_hold_whatever_a_request_says(start: Any, tmp_path: Any) -> None:
    (tmp_path / "ours.txt").write_text("house secret\n")
    (tmp_path / "worse.txt").write_text("the unspeakable\n")
    lists = Safety(rater="none", blocklists=[str(tmp_path / "ours.txt")], prohibited=[str(tmp_path / "worse.txt")])
    server = await start(
        {"when": "say it", "chunks": ["It is a House", "  secret, no?"]}, {"chunks": ["."]}, safety=lists
    )

    blocked, worse = [
        json.loads((await server.post(f"{MODEL}:generateContent", body_of(text, [])))[1])
        for text in ("The house  secret", "The unspeakable")
    ]
    _, answer = await server.post(f"{MODEL}:streamGenerateContent", body_of("say it", []))

    assert blocked["promptFeedback"]["blockReason"] == "BLOCKLIST"
    assert worse["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    assert [chunk["candidates"][0]["finishReason"] for chunk in json.loads(answer)] == ["BLOCKLIST"]


async def test_identity_numbers_are_withheld(start: Any) -> None:
    pytest.importorskip("stdnum")
    server = await start(
        {"chunks": ["Pay with 4111 1111", " 1111 1111 then."]}, safety=Safety(rater="none", spii=True)
    )

    _, body = await server.post(f"{MODEL}:streamGenerateContent", body_of("Hello", []))

    assert [chunk["candidates"][0]["finishReason"] for chunk in json.loads(body)] == ["SPII"]
