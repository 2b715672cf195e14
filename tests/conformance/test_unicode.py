"""Letters that take several tokens, and histories that take many turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

FAMILY = "👩‍👩‍👧‍👦"
EMOJI = ["😀", FAMILY, "🇯🇵", "🧑🏽‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "❤️‍🔥"]


def text_of(chunks: list[dict[str, Any]]) -> str:
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"].get("parts", [])]
    return "".join(part["text"] for part in parts)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text}]}


@pytest.mark.parametrize("seed", range(3))
def test_emoji_are_streamed_whole(server: Any, seed: int) -> None:
    schema = {"type": "STRING", "enum": EMOJI}
    config = {"responseMimeType": "text/x.enum", "responseSchema": schema, "seed": seed}

    chunks = server.stream("How do you feel?", generationConfig=config)

    assert all("\ufffd" not in text_of([chunk]) for chunk in chunks)
    assert text_of(chunks) in EMOJI


def test_many_emoji_are_streamed_whole(server: Any) -> None:
    schema = {"type": "ARRAY", "items": {"type": "STRING", "enum": EMOJI}, "minItems": 6, "maxItems": 6}
    config = {"responseMimeType": "application/json", "responseSchema": schema, "seed": 1, "temperature": 2}

    chunks = server.stream("Paint with emoji.", generationConfig=config)

    assert all("\ufffd" not in text_of([chunk]) for chunk in chunks)
    assert set(json.loads(text_of(chunks))) <= set(EMOJI)


@pytest.mark.parametrize("tokens", range(1, 8))
def test_an_emoji_that_the_limit_cuts_is_not_broken(server: Any, tokens: int) -> None:
    schema = {"type": "STRING", "enum": [FAMILY * 4]}
    config = {"responseMimeType": "text/x.enum", "responseSchema": schema, "maxOutputTokens": tokens}

    chunks = server.stream("Who are they?", generationConfig=config)

    assert (FAMILY * 4).startswith(text_of(chunks))


def test_a_stop_sequence_may_be_an_emoji(server: Any) -> None:
    schema = {"type": "STRING", "enum": [f"One {FAMILY} two"]}
    config = {"responseMimeType": "text/x.enum", "responseSchema": schema, "stopSequences": [FAMILY]}

    chunks = server.stream("Who are they?", generationConfig=config)

    assert text_of(chunks) == "One "
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_chat_goes_on(server: Any) -> None:
    """Answers go back as they came: that of a stream in as many contents as it had chunks."""
    history: list[dict[str, Any]] = []
    counts = []
    for text in ("My name is Zoë 😀.", "What is my name?", "Spell it.", "Thank you!"):
        history.append(user(text))
        chunks = server.stream(history, generationConfig={"seed": 1, "maxOutputTokens": 16})
        counts.append(chunks[-1]["usageMetadata"]["promptTokenCount"])
        history += [chunk["candidates"][0]["content"] for chunk in chunks]

    assert counts == sorted(set(counts))


def test_a_history_of_two_hundred_turns(server: Any) -> None:
    history = []
    for number in range(1, 200, 2):
        history += [user(str(number)), {"role": "model", "parts": [{"text": str(number + 1)}]}]

    answer = server.ask([*history, user("201")], generationConfig={"temperature": 0, "maxOutputTokens": 8})

    assert text_of([answer])
    assert answer["usageMetadata"]["promptTokenCount"] >= 201
