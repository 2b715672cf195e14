from __future__ import annotations

import datetime as dt
import re

import pytest

from geminid.gemini.profiles import Catalogue
from geminid.gemini.response import Ending, Responder, Whole, new_response_id
from geminid.generation import FinishReason, Usage
from geminid.wire.generation import FinishReason as WireFinishReason
from geminid.wire.generation import TrafficType
from geminid.wire.message import Timestamp

RECEIVED = dt.datetime(2026, 5, 5, 21, 30, 47, 262229, tzinfo=dt.UTC)
USAGE = Usage(prompt=7, output=4)
STOP = Ending(FinishReason.STOP, USAGE)


def responder(model_id: str = "gemini-2.0-flash") -> Responder:
    model = Catalogue().find(model_id)
    assert model
    return Responder(model.id, model.profile, RECEIVED)


def test_response_ids_have_the_form_of_googles() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", new_response_id())
    assert new_response_id() != new_response_id()


def test_all_chunks_of_an_answer_carry_the_same_marks() -> None:
    answer = responder()

    first, last = answer.text("Hi"), answer.last(STOP)

    marks = ("gemini-2.0-flash", Timestamp(1778016647, 262229000), answer.response_id)
    assert (first.model_version, first.create_time, first.response_id) == marks
    assert (last.model_version, last.create_time, last.response_id) == marks


def test_a_chunk_has_text_and_no_reason() -> None:
    (candidate,) = responder().text("Hi").candidates

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
    (candidate,) = responder().whole([Whole("", STOP)]).candidates

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
    assert (answer.text("x").usage_metadata is None) == (traffic is None)


@pytest.mark.parametrize("reason", FinishReason)
def test_every_reason_has_its_name_on_the_wire(reason: FinishReason) -> None:
    (candidate,) = responder().last(Ending(reason, USAGE)).candidates

    assert candidate.finish_reason
    assert candidate.finish_reason.name == reason.name


def test_candidates_are_numbered_and_their_tokens_added_up() -> None:
    answer = responder().whole([Whole("a", STOP), Whole("b", STOP), Whole("c", STOP)])

    assert [candidate.index for candidate in answer.candidates] == [0, 1, 2]
    assert answer.usage_metadata
    assert answer.usage_metadata.prompt_token_count == 7
    assert answer.usage_metadata.candidates_token_count == 12
    assert answer.usage_metadata.total_token_count == 19
