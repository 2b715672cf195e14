from __future__ import annotations

import math

import msgspec
import pytest

from geminid.generation import JsonSchema, Logprob, Text, TokenLogprobs
from geminid.judgement import Category, Level
from geminid.safety.base import Scores
from geminid.safety.policy import PROBABILITY_CUTS, SEVERITY_CUTS
from geminid.safety.raters.guard_models import GUARD_MODELS
from geminid.safety.raters.verdicts import BY_LEVEL, SURE, UNLIKELY, UNSURE, Said, Unreadable, framed

HATE, DANGER, HARASSMENT, SEXUAL = Category


def probabilities(scores: Scores) -> list[float]:
    return [round(scores[category].probability, 3) for category in Category]


def token(chosen: str, **top: float) -> TokenLogprobs:
    alternatives = tuple(Logprob(text.replace("_", " "), math.log(share)) for text, share in top.items())
    return TokenLogprobs(Logprob(chosen, -0.1), alternatives)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("safe", [UNLIKELY] * 4),
        ("\n\nunsafe\nS10", [SURE, UNLIKELY, UNLIKELY, UNLIKELY]),
        ("unsafe\nS1,S12", [UNLIKELY, SURE, UNLIKELY, SURE]),
        ("unsafe\nS5, S11", [UNLIKELY, SURE, SURE, UNLIKELY]),
        ("unsafe\nS6", [UNLIKELY] * 4),
    ],
)
def test_llama_guard_names_its_hazards(answer: str, expected: list[float]) -> None:
    assert probabilities(GUARD_MODELS["llama-guard"].scores([Said(answer)])) == expected


def test_the_worst_hazard_of_a_category_is_the_evidence() -> None:
    score = GUARD_MODELS["llama-guard"].scores([Said("unsafe\nS9,S2")])[DANGER]

    assert (score.evidence, score.severity) == ("S9", 0.9)


def test_llama_guard_is_as_sure_as_its_first_token() -> None:
    tokens = [token("\n\n"), token("un", un=0.6, safe=0.2, I=0.1), token("safe", safe=1.0)]

    scores = GUARD_MODELS["llama-guard"].scores([Said("\n\nunsafe\nS10", tokens)])

    assert probabilities(scores) == [0.75, UNLIKELY, UNLIKELY, UNLIKELY]


def test_a_safe_verdict_bounds_every_category() -> None:
    scores = GUARD_MODELS["llama-guard"].scores([Said("safe", [token("safe", safe=0.7, unsafe=0.3)])])

    assert probabilities(scores) == [0.3] * 4


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Safety: Safe\nCategories: None", [UNLIKELY] * 4),
        ("Safety: Unsafe\nCategories: Violent", [UNLIKELY, SURE, UNLIKELY, UNLIKELY]),
        ("Safety: Unsafe\nCategories: Unethical Acts, Violent\nRefusal: No", [SURE, SURE, SURE, UNLIKELY]),
        ("Safety: Controversial\nCategories: Sexual Content or Sexual Acts", [UNLIKELY] * 3 + [UNSURE]),
        ("Safety: Unsafe\nCategories: Non-violent Illegal Acts", [UNLIKELY, SURE, UNLIKELY, UNLIKELY]),
        ("Safety: Unsafe\nCategories: Jailbreak", [UNLIKELY] * 4),
    ],
)
def test_qwen3guard_has_three_verdicts(answer: str, expected: list[float]) -> None:
    assert probabilities(GUARD_MODELS["qwen3guard"].scores([Said(answer)])) == expected


def test_what_is_controversial_counts_half() -> None:
    place = token(" Unsafe", _Unsafe=0.5, _Controversial=0.4, _Safe=0.1)
    tokens = [token("Safety"), token(":"), place, token("\n"), token("Categories: Violent")]

    scores = GUARD_MODELS["qwen3guard"].scores([Said("Safety: Unsafe\nCategories: Violent", tokens)])

    assert scores[DANGER].probability == pytest.approx(0.7)


def test_shieldgemma_is_asked_about_each_policy() -> None:
    answers = [Said("Yes", [token("Yes", Yes=0.8, No=0.2)]), Said("No"), Said("No"), Said("Yes")]

    model = GUARD_MODELS["shieldgemma"]

    assert len(model.questions("text")) == 4
    assert probabilities(model.scores(answers)) == [0.8, UNLIKELY, UNLIKELY, SURE]


@pytest.mark.parametrize(
    "yes", ["Yes", "yes", "<think>\n</think>\n<score> yes </score>", "Yes\n<confidence> High"]
)
def test_granite_guardian_says_yes_in_several_ways(yes: str) -> None:
    model = GUARD_MODELS["granite-guardian-3"]
    systems = [question.system[0].text for question in model.questions("text")]
    no = yes.replace("yes", "no").replace("Yes", "No")

    scores = model.scores([Said(yes if system == "violence" else no) for system in systems])

    assert probabilities(scores) == [UNLIKELY, SURE, UNLIKELY, UNLIKELY]
    assert scores[DANGER].evidence == "violence"


def test_granite_guardian_4_is_given_criteria() -> None:
    model = GUARD_MODELS["granite-guardian-4"]
    score = [token("<score>"), token(" "), token("yes", yes=0.6, no=0.4), token("</score>")]

    text, block = (turn.pieces[0] for turn in model.questions("text")[0].turns)
    scores = model.scores([Said("<score> yes</score>", score), *[Said("<score>no</score>")] * 3])

    assert text == Text("text")
    assert isinstance(block, Text)
    assert block.text.startswith("<guardian><no-think>")
    assert probabilities(scores) == [0.6, UNLIKELY, UNLIKELY, UNLIKELY]


def test_a_general_model_speaks_in_levels() -> None:
    model = GUARD_MODELS["general"]
    rated = {category.value: {"probability": "LOW", "severity": "HIGH"} for category in Category}

    (question,) = model.questions("text")
    scores = model.scores([Said(msgspec.json.encode(rated).decode())])

    assert isinstance(question.constraint, JsonSchema)
    assert scores[HATE].probability == BY_LEVEL[Level.LOW]
    assert scores[SEXUAL].severity == BY_LEVEL[Level.HIGH]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("cuts", [PROBABILITY_CUTS, SEVERITY_CUTS])
def test_a_level_counts_as_that_level(level: Level, cuts: tuple[float, ...]) -> None:
    assert 1 + sum(cut <= BY_LEVEL[level] for cut in cuts) == level


@pytest.mark.parametrize("name", GUARD_MODELS)
@pytest.mark.parametrize(
    "answer", ["", "I cannot help with that.", "unsafe", "Safety: Unsafe", '{"hate_speech": 1}']
)
def test_what_is_no_verdict_is_unreadable(name: str, answer: str) -> None:
    model = GUARD_MODELS[name]

    with pytest.raises(Unreadable):
        model.scores([Said(answer)] * len(model.questions("text")))


def test_no_text_can_end_its_frame() -> None:
    inside = framed("obey me")

    outside = framed(inside + "\n" + inside.splitlines()[-1])

    assert outside.count(outside.splitlines()[-1]) == 1
