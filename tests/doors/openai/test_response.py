from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from geminid.doors.openai.response import Completions
from geminid.wire.content import FunctionCall, Part
from geminid.wire.generation import (
    BlockedReason,
    Candidate,
    FinishReason,
    GenerateContentResponse,
    LogprobsCandidate,
    LogprobsResult,
    PromptFeedback,
    TopCandidates,
    UsageMetadata,
)
from geminid.wire.message import Bytes

Answer: TypeAlias = Callable[..., GenerateContentResponse]


@pytest.fixture
def completions() -> Completions:
    return Completions("google/gemini-2.0-flash", 1)


def blocked_prompt() -> GenerateContentResponse:
    return GenerateContentResponse(
        prompt_feedback=PromptFeedback(block_reason=BlockedReason.SAFETY),
        usage_metadata=UsageMetadata(prompt_token_count=4, total_token_count=4),
    )


def weather(**call: Any) -> Part:
    return Part(function_call=FunctionCall(name="weather", args={"city": "Paris"}, **call))


def test_a_completion_has_the_keys_of_googles_in_their_order(completions: Completions, answer: Answer) -> None:
    whole = completions.whole(answer("Hi", finish=FinishReason.STOP))

    assert whole.decode() == (
        '{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"Hi",'
        '"role":"assistant"}}],"created":1747411123,"id":"the-id","model":"google/gemini-2.0-flash",'
        '"object":"chat.completion","system_fingerprint":"","usage":{"completion_tokens":8,'
        '"extra_properties":{"google":{"traffic_type":"ON_DEMAND"}},"prompt_tokens":5,"total_tokens":13}}'
    )


def test_usage_tells_of_thoughts_and_cached_tokens(completions: Completions) -> None:
    counts = UsageMetadata(
        prompt_token_count=5,
        candidates_token_count=8,
        thoughts_token_count=20,
        total_token_count=33,
        cached_content_token_count=2,
    )

    whole = json.loads(completions.whole(GenerateContentResponse(usage_metadata=counts)))

    assert whole["usage"] == {
        "completion_tokens": 8,
        "completion_tokens_details": {"reasoning_tokens": 20},
        "prompt_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 2},
        "total_tokens": 33,
    }


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("OTHER", "stop"),
    ],
)
def test_finish_reasons(completions: Completions, answer: Answer, reason: str, expected: str) -> None:
    (choice,) = json.loads(completions.whole(answer("Hi", finish=FinishReason[reason])))["choices"]

    assert choice["finish_reason"] == expected
    assert choice["message"]["content"] == "Hi"


@pytest.mark.parametrize(("reason", "content"), [("SAFETY", None), ("MAX_TOKENS", "")])
def test_only_a_filter_leaves_no_content(
    completions: Completions, answer: Answer, reason: str, content: str | None
) -> None:
    (choice,) = json.loads(completions.whole(answer(finish=FinishReason[reason])))["choices"]

    assert choice["message"] == {"content": content, "role": "assistant"}


def test_a_blocked_prompt_is_a_filtered_choice(completions: Completions) -> None:
    whole = json.loads(completions.whole(blocked_prompt()))

    assert whole["choices"] == [
        {
            "finish_reason": "content_filter",
            "index": 0,
            "logprobs": None,
            "message": {"content": None, "role": "assistant"},
        }
    ]
    assert whole["usage"]["prompt_tokens"] == 4


def test_calls_are_tool_calls(completions: Completions, answer: Answer) -> None:
    given = answer(weather(id="call-1"), Part(function_call=FunctionCall(name="clock")), finish=FinishReason.STOP)

    (choice,) = json.loads(completions.whole(given))["choices"]

    first, second = choice["message"].pop("tool_calls")
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {"content": None, "role": "assistant"}
    assert first == {
        "function": {"arguments": '{"city":"Paris"}', "name": "weather"},
        "id": "call-1",
        "type": "function",
    }
    assert second["id"].startswith("function-call-")
    assert second["function"]["arguments"] == "{}"


def test_signatures_are_given_with_the_parts_they_sign(completions: Completions, answer: Answer) -> None:
    call = weather()
    call.thought_signature = Bytes(b"one")
    text = Part(text="Hm", thought_signature=Bytes(b"two"))

    (choice,) = json.loads(completions.whole(answer(text, call, finish=FinishReason.STOP)))["choices"]

    message = choice["message"]
    assert message["extra_content"] == {"google": {"thought_signature": "dHdv"}}
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "b25l"}}


def test_every_candidate_is_a_choice(completions: Completions, answer: Answer) -> None:
    given = answer("one", finish=FinishReason.STOP)
    given.candidates += answer("two", finish=FinishReason.MAX_TOKENS, index=1).candidates

    choices = json.loads(completions.whole(given))["choices"]

    assert [(choice["index"], choice["message"]["content"]) for choice in choices] == [(0, "one"), (1, "two")]


def test_log_probabilities_have_their_bytes(completions: Completions, answer: Answer) -> None:
    chosen = LogprobsCandidate(token="é", log_probability=-0.5)
    result = LogprobsResult(
        chosen_candidates=[chosen, LogprobsCandidate(token="!", log_probability=0.0)],
        top_candidates=[TopCandidates(candidates=[chosen])],
    )

    (choice,) = json.loads(completions.whole(answer("é!", finish=FinishReason.STOP, logprobs_result=result)))[
        "choices"
    ]

    token = {"bytes": [195, 169], "logprob": -0.5, "token": "é"}
    assert choice["logprobs"] == {
        "content": [
            token | {"top_logprobs": [token]},
            {"bytes": [33], "logprob": 0.0, "token": "!", "top_logprobs": []},
        ],
        "refusal": None,
    }


def test_chunks_have_a_role_each_and_usage_on_the_last(completions: Completions, answer: Answer) -> None:
    first = completions.chunk(answer("Hi"))
    last = completions.chunk(answer("", finish=FinishReason.STOP))

    assert first.decode() == (
        '{"choices":[{"delta":{"content":"Hi","role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],'
        '"created":1747411123,"id":"the-id","model":"google/gemini-2.0-flash","object":"chat.completion.chunk",'
        '"system_fingerprint":""}'
    )
    assert last.decode() == (
        '{"choices":[{"delta":{"content":"","role":"assistant"},"finish_reason":"stop","index":0,"logprobs":null}],'
        '"created":1747411123,"id":"the-id","model":"google/gemini-2.0-flash","object":"chat.completion.chunk",'
        '"system_fingerprint":"","usage":{"completion_tokens":8,"extra_properties":{"google":{"traffic_type":'
        '"ON_DEMAND"}},"prompt_tokens":5,"total_tokens":13}}'
    )
    assert completions.usage_chunk() == b""


def test_usage_that_was_asked_for_has_a_chunk_of_its_own(answer: Answer) -> None:
    completions = Completions("m", 1, include_usage=True)

    last = json.loads(completions.chunk(answer("Hi", finish=FinishReason.STOP)))
    extra = json.loads(completions.usage_chunk())

    assert last["usage"] is None
    assert extra["choices"] == []
    assert extra["usage"]["total_tokens"] == 13


def test_calls_are_numbered_through_the_stream(completions: Completions, answer: Answer) -> None:
    chunks = [answer(weather(), weather()), answer(weather()), answer("", finish=FinishReason.STOP)]

    choices = [json.loads(completions.chunk(chunk))["choices"][0] for chunk in chunks]

    calls = [call["index"] for choice in choices for call in choice["delta"].get("tool_calls", [])]
    assert calls == [0, 1, 2]
    assert choices[-1]["finish_reason"] == "tool_calls"
    assert [choice["delta"]["content"] for choice in choices] == ["", "", ""]


def test_one_call_alone_is_told_where_parallel_ones_are_not_wanted(
    completions: Completions, answer: Answer
) -> None:
    completions.parallel_calls = False

    given = answer(weather(), Part(function_call=FunctionCall(name="clock")), finish=FinishReason.STOP)
    (choice,) = json.loads(completions.whole(given))["choices"]

    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["weather"]


def test_a_prompt_blocked_in_a_stream_is_one_filtered_choice(completions: Completions) -> None:
    (choice,) = json.loads(completions.chunk(blocked_prompt()))["choices"]

    assert choice["finish_reason"] == "content_filter"
    assert choice["delta"]["content"] == ""


@pytest.mark.parametrize(("total", "choices"), [(0, None), (4, 1)])
def test_a_message_without_candidates_is_a_chunk_only_for_its_usage(
    completions: Completions, total: int, choices: int | None
) -> None:
    chunk = completions.chunk(GenerateContentResponse(usage_metadata=UsageMetadata(total_token_count=total)))

    assert (len(json.loads(chunk)["choices"]) if chunk else None) == choices


def test_thoughts_are_marked_in_chunks(completions: Completions, answer: Answer) -> None:
    thought = json.loads(completions.chunk(answer(Part(text="Hm", thought=True))))["choices"][0]["delta"]
    said = json.loads(completions.chunk(answer("Hi")))["choices"][0]["delta"]

    assert thought == {"content": "Hm", "extra_content": {"google": {"thought": True}}, "role": "assistant"}
    assert said == {"content": "Hi", "role": "assistant"}


def test_thoughts_stand_between_tags_when_a_tag_is_named(answer: Answer) -> None:
    completions = Completions("m", 1, thought_tag="think")
    thinking = Part(text="Hm", thought=True)
    chunks = [answer(thinking), answer(thinking), answer("Hi", finish=FinishReason.STOP)]

    texts = [json.loads(completions.chunk(chunk))["choices"][0]["delta"]["content"] for chunk in chunks]

    assert "".join(texts) == "<think>HmHm</think>Hi"


def test_thoughts_that_were_cut_off_are_closed(answer: Answer) -> None:
    completions = Completions("m", 1, thought_tag="think")

    whole = completions.whole(answer(Part(text="Hm", thought=True), finish=FinishReason.MAX_TOKENS))

    assert json.loads(whole)["choices"][0]["message"]["content"] == "<think>Hm</think>"


def test_the_time_of_the_request_stands_in_for_that_of_the_answer() -> None:
    whole = Completions("m", 7).whole(GenerateContentResponse(candidates=[Candidate()]))

    assert json.loads(whole)["created"] == 7
