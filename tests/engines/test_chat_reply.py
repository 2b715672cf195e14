from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from geminid.engines.chat_reply import ErrorInStream, Reply
from geminid.engines.dialects import DIALECTS
from geminid.generation import (
    Called,
    Calling,
    Choices,
    Delta,
    Event,
    Finish,
    FinishReason,
    Function,
    FunctionCall,
    Generation,
    JsonSchema,
    Logprob,
    Sampling,
    TokenLogprobs,
    Tools,
    Usage,
)

STOP = Finish(FinishReason.STOP)
CLOCK = Function("clock", "", {"type": "object"})
TOOLS = Tools((CLOCK,), Calling.AUTO, frozenset({"clock"}))
WRITTEN = '<tool_call>\n{"name": "clock", "arguments": {"zone": "UTC"}}\n</tool_call>'
ZONED = FunctionCall("clock", {"zone": "UTC"})


def chunk(
    content: str | None = None, finish: str | None = None, tokens: Any = None, **delta: Any
) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    return {"choices": [choice | ({"logprobs": {"content": tokens}} if tokens else {})]}


def token(text: str, *top: str, id_: int | None = None) -> dict[str, Any]:
    others = [{"token": other, "logprob": -2.0, "id": None} for other in top]
    return {"token": text, "logprob": -1.0, "top_logprobs": others, **({"id": id_} if id_ else {})}


def place(text: str, *top: str, id_: int | None = None) -> TokenLogprobs:
    return TokenLogprobs(Logprob(text, -1.0, id_), tuple(Logprob(other, -2.0) for other in top))


def events_of(chunks: Sequence[dict[str, Any]], dialect: str = "vllm", **asked: Any) -> list[Event]:
    return read(Reply.to(Generation((), **asked), DIALECTS[dialect]), chunks)


def read(reply: Reply, chunks: Sequence[dict[str, Any]]) -> list[Event]:
    return [*fed(reply, chunks), *reply.feed(b"")]


def fed(reply: Reply, chunks: Sequence[dict[str, Any]]) -> list[Event]:
    """What they complete, where they come together."""
    return list(reply.feed(stream(chunks)))


def stream(chunks: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks)


def called(index: int, arguments: str | None = None, name: str | None = None, id_: str | None = None) -> Any:
    call = {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
    return chunk(tool_calls=[call])


def test_native_calls_come_whole_after_the_text() -> None:
    chunks = [
        chunk("Let me see."),
        called(0, "", "clock", "a"),
        called(0, '{"zone"'),
        called(1, None, "clock", "b"),
        called(0, ': "UTC"}'),
        chunk(finish="tool_calls"),
    ]

    assert events_of(chunks, tools=TOOLS) == [
        Delta("Let me see."),
        Called(FunctionCall("clock", {"zone": "UTC"}, "a"), tokens=4),
        Called(FunctionCall("clock", {}, "b")),
        STOP,
    ]


def test_servers_that_send_whole_calls_with_one_index() -> None:
    first = {"id": "a", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
    second = {"id": "b", "function": {"name": "clock", "arguments": "{}"}}

    events = events_of([chunk(tool_calls=[first, second]), chunk(finish="stop")], "generic", tools=TOOLS)

    assert [event.call for event in events if isinstance(event, Called)] == [
        FunctionCall("clock", {"zone": "UTC"}, "a"),
        FunctionCall("clock", {}, "b"),
    ]


@pytest.mark.parametrize("arguments", ['{"zone": ', "[1]", "UTC", '{"a": NaN}', "9" * 2000])
def test_native_calls_that_cannot_be_read(arguments: str) -> None:
    chunks = [called(0, "{}", "clock", "a"), called(1, arguments, "clock", "b"), chunk(finish="tool_calls")]

    (end,) = events_of(chunks, tools=TOOLS)

    assert isinstance(end, Finish)
    assert end.reason is FinishReason.MALFORMED_FUNCTION_CALL
    assert end.message == f"Malformed function call: {f'clock({arguments})'[:500]}"


@pytest.mark.parametrize("dialect", ["vllm", "llama"])
def test_a_call_that_is_cut_by_the_limit_is_dropped(dialect: str) -> None:
    native = [called(0, '{"zone": "UTC"}', "clock"), called(1, '{"zo', "clock"), chunk(finish="length")]
    written = [chunk(WRITTEN), chunk('\n<tool_call>\n{"name": "clo'), chunk(finish="length")]

    events = events_of(native if dialect == "vllm" else written, dialect, tools=TOOLS)

    assert events == [Called(ZONED, tokens=2), Finish(FinishReason.MAX_TOKENS)]


def test_written_calls() -> None:
    answer = f"I look.\n\n{WRITTEN}\n{WRITTEN}"

    events = events_of([*map(chunk, answer), chunk(finish="stop")], "llama", tools=TOOLS)

    deltas = [event for event in events if isinstance(event, Delta)]
    assert "".join(delta.text for delta in deltas) == "I look."
    assert events[len(deltas) :] == [Called(ZONED, tokens=len(answer) - len("I look.")), Called(ZONED), STOP]


def test_a_written_call_that_cannot_be_read() -> None:
    events = events_of([chunk("Hm. <tool_call>\nclock()"), chunk(finish="stop")], "llama", tools=TOOLS)

    assert events == [
        Delta("Hm."),
        Finish(FinishReason.MALFORMED_FUNCTION_CALL, message="Malformed function call: <tool_call>\nclock()"),
    ]


def test_what_looks_like_the_beginning_of_a_call() -> None:
    events = events_of([chunk("a <tool"), chunk(" b <"), chunk(finish="stop")], "llama", tools=TOOLS)

    assert "".join(event.text for event in events if isinstance(event, Delta)) == "a <tool b <"


def test_without_functions_nothing_is_read_as_a_call() -> None:
    assert events_of([chunk(WRITTEN), chunk(finish="stop")], "llama") == [Delta(WRITTEN), STOP]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_that_the_server_tells_apart(field: str) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 4}}
    chunks = [chunk(**{field: "Hm"}), chunk(**{field: "."}), chunk("Yes"), chunk(finish="stop"), usage]
    reply = Reply()

    events = read(reply, chunks)

    assert events == [Delta("Hm.", tokens=2, thought=True), Delta("Yes"), STOP]
    assert reply.usage == Usage(prompt=5, output=2, thoughts=2)


def test_thoughts_and_text_in_one_chunk() -> None:
    events = events_of([chunk("Yes", reasoning="Hm"), chunk(finish="stop")])

    assert [(event.text, event.thought) for event in events if isinstance(event, Delta)] == [
        ("Hm", True),
        ("Yes", False),
    ]


def test_thoughts_between_tags() -> None:
    chunks = [
        chunk("<th"),
        chunk("ink>\nHm"),
        chunk(".\n</think"),
        chunk(">\n\nYes"),
        chunk("."),
        chunk(finish="stop"),
    ]

    events = events_of(chunks)

    deltas = [event for event in events if isinstance(event, Delta)]
    assert [(delta.text, delta.thought) for delta in deltas] == [
        ("Hm.", True),
        ("Yes.", False),
    ]


def test_what_comes_together_is_told_together_and_what_does_not_is_not() -> None:
    reply = Reply()

    events = [event for chunks in ([chunk("One, "), chunk("two")], [chunk(".")]) for event in fed(reply, chunks)]

    assert events == [Delta("One, two", tokens=2), Delta(".")]


def test_text_before_an_error_is_told() -> None:
    events = Reply().feed(stream([chunk("One, "), chunk("two"), {"error": {"message": "no"}}]))

    assert next(events) == Delta("One, two", tokens=2)
    with pytest.raises(ErrorInStream):
        next(events)


@pytest.mark.parametrize(
    "asked",
    [
        {"constraint": JsonSchema({})},
        {"constraint": Choices(("<think>", "b"))},
        {"tools": Tools((CLOCK,), Calling.ANY, frozenset({"clock"}))},
    ],
)
def test_an_answer_that_is_bound_to_a_grammar_is_no_thought(asked: dict[str, Any]) -> None:
    """A model that always thinks has its template open the thought, and its server takes the answer for one."""
    text = WRITTEN if "tools" in asked else "<think>"

    events = events_of([chunk(reasoning_content=text), chunk(finish="stop")], "llama", **asked)

    assert not any(event.thought for event in events if isinstance(event, Delta))
    assert Called(ZONED, tokens=1) in events if "tools" in asked else Delta("<think>") in events


def test_log_probabilities() -> None:
    chunks = [
        chunk("Hello", tokens=[token("Hello", "Hello", "Hi", "Hey", id_=7)]),
        chunk(" big world", tokens=[token(" big", " big"), token(" world")]),
        chunk("", tokens=[token("<|im_end|>")], finish="stop"),
    ]

    events = events_of(chunks, sampling=Sampling(logprobs=2))

    assert events == [
        Delta("Hello", logprobs=(place("Hello", "Hello", "Hi", id_=7),)),
        Delta(" big world", tokens=2, logprobs=(place(" big", " big"), place(" world"))),
        STOP,
    ]


def test_the_tokens_of_a_split_character() -> None:
    half = "\ufffd"
    chunks = [
        chunk("", tokens=[token(half)]),
        chunk("😀!", tokens=[token(half), token("!")]),
        chunk(finish="stop"),
    ]

    delta, _ = events_of(chunks, sampling=Sampling(logprobs=0))

    assert isinstance(delta, Delta)
    assert delta.text == "😀!"
    assert "".join(one.chosen.token for one in delta.logprobs) == "😀!"
    assert len(delta.logprobs) == delta.tokens == 3


def test_log_probabilities_stay_with_their_text_when_it_is_held_back() -> None:
    told = [("<", "<"), ("think>", "think>"), ("Hm", "Hm"), ("</think>", "</think>"), ("Yes", "Yes"), (" <", " <")]
    chunks = [*(chunk(text, tokens=[token(one)]) for text, one in told), chunk(finish="stop")]

    events = events_of(chunks, "llama", tools=TOOLS, sampling=Sampling(logprobs=0))

    deltas = [event for event in events if isinstance(event, Delta)]
    assert "".join(delta.text for delta in deltas if not delta.thought) == "Yes <"
    for delta in deltas:
        assert "".join(one.chosen.token for one in delta.logprobs) == delta.text


def test_the_log_probabilities_of_a_call() -> None:
    chunks = [chunk("Hm.", tokens=[token("Hm.")]), chunk("\n", tokens=[token("\n")])]
    chunks += [chunk(WRITTEN, tokens=[token(WRITTEN)]), chunk(finish="stop")]

    delta, call, _ = events_of(chunks, "llama", tools=TOOLS, sampling=Sampling(logprobs=0))

    assert delta == Delta("Hm.", logprobs=(place("Hm."),))
    assert call == Called(ZONED, 2, (place("\n"), place(WRITTEN)))


def test_other_candidates_were_not_asked_for() -> None:
    second = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}

    assert events_of([chunk("a"), second, chunk(finish="stop")]) == [Delta("a"), STOP]
