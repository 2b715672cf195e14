from __future__ import annotations

import datetime as dt
import re

import pytest

from geminid.gemini.profiles import Catalogue
from geminid.gemini.response import Ending, Responder, Whole, new_response_id
from geminid.gemini.speech import Said
from geminid.generation import FinishReason, FunctionCall, Logprob, TokenLogprobs, Usage
from geminid.wire.generation import FinishReason as WireFinishReason
from geminid.wire.generation import TrafficType
from geminid.wire.message import Timestamp

RECEIVED = dt.datetime(2026, 5, 5, 21, 30, 47, 262229, tzinfo=dt.UTC)
USAGE = Usage(prompt=7, output=4)
STOP = Ending(FinishReason.STOP, USAGE)


def responder(model_id: str = "gemini-2.0-flash", top_logprobs: int | None = None) -> Responder:
    model = Catalogue().find(model_id)
    assert model
    return Responder(model.id, model.profile, RECEIVED, top_logprobs)


def whole(text: str) -> Whole:
    return Whole([Said(text)], STOP)


def token(text: str, logprob: float, *top: tuple[str, float]) -> TokenLogprobs:
    return TokenLogprobs(Logprob(text, logprob, 7), tuple(Logprob(other, value) for other, value in top))


def test_response_ids_have_the_form_of_googles() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", new_response_id())
    assert new_response_id() != new_response_id()


def test_all_chunks_of_an_answer_carry_the_same_marks() -> None:
    answer = responder()

    first, last = answer.chunk(Said("Hi")), answer.last(STOP)

    marks = ("gemini-2.0-flash", Timestamp(1778016647, 262229000), answer.response_id)
    assert (first.model_version, first.create_time, first.response_id) == marks
    assert (last.model_version, last.create_time, last.response_id) == marks


def test_a_chunk_has_text_and_no_reason() -> None:
    (candidate,) = responder().chunk(Said("Hi")).candidates

    assert candidate.content
    assert (candidate.content.role, candidate.content.parts[0].text) == ("model", "Hi")
    assert candidate.finish_reason is None


def test_the_last_chunk_has_a_text_too_and_all_counts() -> None:
    last = responder().last(Ending(FinishReason.MAX_TOKENS, USAGE))

    usage = last.usage_metadata
    assert last.candidates[0].content
    assert last.candidates[0].content.parts[0].text == ""
    assert last.candidates[0].finish_reason is WireFinishReason.MAX_TOKENS
    assert usage
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (7, 4, 11)


def test_a_whole_answer_without_text_has_a_role_and_no_parts() -> None:
    (candidate,) = responder().whole([Whole([], STOP)]).candidates

    assert candidate.content
    assert (candidate.content.role, candidate.content.parts) == ("model", [])


@pytest.mark.parametrize(
    ("model_id", "traffic"), [("gemini-1.5-flash", None), ("gemini-2.5-pro", TrafficType.ON_DEMAND)]
)
def test_traffic_type_came_with_2_0(model_id: str, traffic: TrafficType | None) -> None:
    answer = responder(model_id)

    usage = answer.last(STOP).usage_metadata

    assert usage
    assert usage.traffic_type is traffic
    assert (answer.chunk(Said("x")).usage_metadata is None) == (traffic is None)


@pytest.mark.parametrize("reason", FinishReason)
def test_every_reason_has_its_name_on_the_wire(reason: FinishReason) -> None:
    (candidate,) = responder().last(Ending(reason, USAGE)).candidates

    assert candidate.finish_reason
    assert candidate.finish_reason.name == reason.name


def test_candidates_are_numbered_and_their_tokens_added_up() -> None:
    answer = responder().whole([whole("a"), whole("b"), whole("c")])

    assert [candidate.index for candidate in answer.candidates] == [0, 1, 2]
    assert answer.usage_metadata
    assert answer.usage_metadata.prompt_token_count == 7
    assert answer.usage_metadata.candidates_token_count == 12
    assert answer.usage_metadata.total_token_count == 19


def test_thoughts_are_a_part_before_the_text() -> None:
    said = [Said("Let me ", thought=True), Said("see.", thought=True), Said("It is "), Said("4.")]

    (candidate,) = responder().whole([Whole(said, STOP)]).candidates

    assert candidate.content
    assert [(part.text, part.thought) for part in candidate.content.parts] == [
        ("Let me see.", True),
        ("It is 4.", False),
    ]


def test_calls_come_whole_with_the_last_chunk() -> None:
    ending = Ending(FinishReason.STOP, USAGE, calls=(FunctionCall("f", {"a": 1}), FunctionCall("g", {}, "id")))

    (candidate,) = responder().last(ending).candidates

    assert candidate.content
    calls = [part.function_call for part in candidate.content.parts]
    assert [(call.name, call.args, call.id) for call in calls if call] == [("f", {"a": 1}, ""), ("g", {}, "id")]


def test_a_malformed_call_leaves_no_parts() -> None:
    ending = Ending(FinishReason.MALFORMED_FUNCTION_CALL, USAGE, "Malformed function call: f(")

    (candidate,) = responder().last(ending).candidates

    assert candidate.content
    assert candidate.content.parts == []
    assert candidate.finish_message == "Malformed function call: f("


def test_what_is_withheld_is_neither_told_nor_counted() -> None:
    answer = responder().whole([Whole([Said("secret")], Ending(FinishReason.SAFETY, USAGE))])

    assert answer.candidates[0].content is None
    assert answer.usage_metadata
    assert (answer.usage_metadata.candidates_token_count, answer.usage_metadata.total_token_count) == (0, 7)


def test_the_average_is_told_without_being_asked_for() -> None:
    (candidate,) = responder().whole([Whole([], Ending(FinishReason.STOP, USAGE, average=-0.25))]).candidates

    assert candidate.avg_logprobs == -0.25
    assert candidate.logprobs_result is None


def test_log_probabilities_have_one_entry_a_token() -> None:
    said = [
        Said("It", logprobs=(token("It", -0.5, ("It", -0.5), ("A", -1.0)),)),
        Said("!", logprobs=(token("!", 0),)),
    ]

    (candidate,) = responder(top_logprobs=2).whole([Whole(said, STOP)]).candidates

    result = candidate.logprobs_result
    assert result
    assert [(one.token, one.log_probability, one.token_id) for one in result.chosen_candidates] == [
        ("It", -0.5, 7),
        ("!", 0, 7),
    ]
    assert [[one.token for one in top.candidates] for top in result.top_candidates] == [["It", "A"], []]


def test_top_candidates_are_absent_unless_asked_for() -> None:
    said = Said("It", logprobs=(token("It", -0.5),))

    (candidate,) = responder(top_logprobs=0).chunk(said).candidates

    assert candidate.logprobs_result
    assert candidate.logprobs_result.top_candidates == []
    assert len(candidate.logprobs_result.chosen_candidates) == 1
