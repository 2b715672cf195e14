"""What a request's limits leave of a scripted answer."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest

from geminid.engines.script import Script
from geminid.engines.script_plan import Plan
from geminid.generation import Delta, Event, Finish, FinishReason, Sampling, Usage


def said(toml: str, **sampling: Any) -> list[Event]:
    """What the only answer of a script says to a prompt of one token."""
    (answer,) = msgspec.convert(tomllib.loads(toml), Script).answers
    plan = Plan.of(answer).within(Sampling(**sampling))
    return [*(step.silent for step in plan.steps), plan.finish, plan.usage(prompt=1)]


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [
        (1, "Hello", FinishReason.MAX_TOKENS),
        (2, "Hello,", FinishReason.MAX_TOKENS),
        (3, "Hello, world", FinishReason.MAX_TOKENS),
        (4, "Hello, world!", FinishReason.STOP),
        (9, "Hello, world!", FinishReason.STOP),
    ],
)
def test_the_limit_cuts_between_tokens(limit: int, text: str, reason: FinishReason) -> None:
    answer = 'answers = [{chunks = ["Hello, world", "!"]}]'

    *deltas, finish, usage = said(answer, max_output_tokens=limit)

    assert "".join(delta.text for delta in deltas) == text
    assert finish == Finish(reason)
    assert usage.output == sum(delta.tokens for delta in deltas) == min(limit, 4)


@pytest.mark.parametrize(
    ("limit", "thought", "text", "calls", "usage"),
    [
        (2, "Let me", "", 0, Usage(prompt=1, output=0, thoughts=2)),
        (3, "Let me think", "", 0, Usage(prompt=1, output=0, thoughts=3)),
        (4, "Let me think", "So", 0, Usage(prompt=1, output=1, thoughts=3)),
        (9, "Let me think", "So be it", 0, Usage(prompt=1, output=3, thoughts=3)),
        (10, "Let me think", "So be it", 1, Usage(prompt=1, output=7, thoughts=3)),
        (13, "Let me think", "So be it", 1, Usage(prompt=1, output=7, thoughts=3)),
    ],
)
def test_the_limit_takes_in_thoughts_and_drops_calls(
    limit: int, thought: str, text: str, calls: int, usage: Usage
) -> None:
    answer = """
        [[answers]]
        chunks = [
          {text = "Let me think", thought = true},
          "So be it",
          {call = {name = "f"}, tokens = 4},
          {call = {name = "g"}, tokens = 4},
        ]
        finish_message = "Done."
    """

    *events, finish, told = said(answer, max_output_tokens=limit)

    deltas = [event for event in events if isinstance(event, Delta)]
    assert "".join(delta.text for delta in deltas if delta.thought) == thought
    assert "".join(delta.text for delta in deltas if not delta.thought) == text
    assert len(events) - len(deltas) == calls
    assert finish == Finish(FinishReason.MAX_TOKENS)
    assert told == usage


def test_a_chunk_with_a_count_of_its_own_is_not_cut() -> None:
    answer = 'answers = [{chunks = ["Hello", {text = " world", tokens = 5}]}]'

    assert said(answer, max_output_tokens=4) == [
        Delta("Hello"),
        Finish(FinishReason.MAX_TOKENS),
        Usage(prompt=1, output=1),
    ]


@pytest.mark.parametrize(
    ("chunks", "stops", "text"),
    [
        (["public static string reverse(string myString)"], ("Str", "reverse"), "public static string "),
        (["1 2 E", "N", "D 3"], ("END",), "1 2 "),
        (["1 2 EN"], ("END",), "1 2 EN"),
        (["abcd"], ("abcd", "bc"), "a"),
        (["abcd"], ("cd", "bcd"), "a"),
        (["stop"], ("stop",), ""),
    ],
)
def test_stop_sequences_cut_before_the_first_one(chunks: list[str], stops: tuple[str, ...], text: str) -> None:
    *deltas, finish, usage = said(f"answers = [{{chunks = {chunks}}}]", stop_sequences=stops)

    assert "".join(delta.text for delta in deltas) == text
    assert finish == Finish(FinishReason.STOP)
    assert usage.output == sum(delta.tokens for delta in deltas)


def test_a_stop_sequence_ends_text_alone_and_calls_with_it() -> None:
    answer = 'answers = [{chunks = [{text = "END?", thought = true}, "1 2", " END", {call = {name = "END"}}]}]'

    assert said(answer, stop_sequences=("END",)) == [
        Delta("END?", tokens=2, thought=True),
        Delta("1 2", tokens=2),
        Delta(" ", tokens=1),
        Finish(FinishReason.STOP),
        Usage(prompt=1, output=3, thoughts=2),
    ]
    *_, call, _, _ = said(answer, stop_sequences=("name",))
    assert call.call.name == "END"


def test_a_stop_sequence_beyond_the_limit_does_not_count() -> None:
    answer = 'answers = [{chunks = ["a", " b", " c", " END"]}]'

    *_, finish, _ = said(answer, max_output_tokens=2, stop_sequences=("END",))

    assert finish == Finish(FinishReason.MAX_TOKENS)
