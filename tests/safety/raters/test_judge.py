from __future__ import annotations

from typing import Any

import pytest

from geminid import errors
from geminid.engines.script import Answer, Chunk, Failure, Script
from geminid.engines.scripted import Scripted
from geminid.judgement import Category
from geminid.safety.raters.guard_models import GUARD_MODELS
from geminid.safety.raters.judge import OVERLAP, Judge, pieces
from geminid.safety.raters.verdicts import SURE, UNLIKELY

HATE, DANGER, HARASSMENT, SEXUAL = Category


def judging(*answers: Answer, family: str = "llama-guard", **limits: Any) -> Judge:
    return Judge(Scripted(Script(answers=list(answers))), GUARD_MODELS[family], title="guard", **limits)


SAFE = Answer(chunks=["safe"])


async def test_texts_are_judged_in_order() -> None:
    judge = judging(Answer(when="hated", chunks=["unsafe", "\n", "S10"]), SAFE)

    first, second = await judge.rate(["loved", "hated"])

    assert first[HATE].probability < 0.5 < second[HATE].probability


async def test_tokens_tell_how_sure_the_model_is() -> None:
    sure = Chunk(text="unsafe", top={"unsafe": -0.5108, "safe": -0.9163})  # 0.6 and 0.4
    judge = judging(Answer(chunks=[sure, "\nS10"]))

    (scores,) = await judge.rate(["text"])

    assert scores[HATE].probability == pytest.approx(0.6, abs=0.001)


async def test_thoughts_are_no_verdict() -> None:
    judge = judging(Answer(chunks=[Chunk(text="unsafe?", thought=True), Chunk(text="safe", logprob=-0.01)]))

    (scores,) = await judge.rate(["text"])

    assert scores[HATE].probability <= UNLIKELY


async def test_a_general_model_is_held_to_the_schema() -> None:
    judge = judging(Answer(conform=True), family="general")

    (scores,) = await judge.rate(["text"])

    assert list(scores) == list(Category)


async def test_one_question_a_policy() -> None:
    judge = judging(
        Answer(when="hatred", chunks=[Chunk(text="Yes", tokens=1, logprob=-0.01)]),
        Answer(chunks=["No"]),
        family="shieldgemma",
    )

    (scores,) = await judge.rate(["text"])

    assert scores[HATE].probability >= SURE > UNLIKELY >= scores[SEXUAL].probability


async def test_the_worst_piece_of_a_long_text_counts() -> None:
    judge = judging(Answer(when="bomb", chunks=["unsafe\nS9"]), SAFE, longest=1000)

    (scores,) = await judge.rate(["calm " * 500 + "bomb" + " calm" * 500])

    assert scores[DANGER].probability > 0.5
    assert scores[DANGER].evidence == "S9"


def test_pieces_cover_the_text_and_overlap() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(2500))

    cut = pieces(text, 1000)

    assert all(len(piece) <= 1000 for piece in cut)
    assert cut[0] + "".join(piece[OVERLAP:] for piece in cut[1:]) == text


async def test_no_texts_are_no_questions() -> None:
    assert await judging(Answer(fail=Failure(code="INTERNAL"))).rate([]) == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(fail=Failure(code="UNAVAILABLE")), errors.Unavailable),
        (Answer(fail=Failure(code="INVALID_ARGUMENT")), errors.Unavailable),
        (Answer(chunks=["As a model, I will not judge."]), errors.Internal),
        (Answer(hang=True), errors.DeadlineExceeded),
    ],
)
async def test_a_judge_that_fails_says_so(answer: Answer, error: type[errors.ApiError]) -> None:
    with pytest.raises(error):
        await judging(answer, seconds=0.2).rate(["text"])


async def test_it_is_always_ready_and_closes_nothing() -> None:
    judge = judging(SAFE)

    await judge.aclose()

    assert judge.ready() is None
    assert await judge.rate(["text"])
