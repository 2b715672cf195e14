"""Prompts and answers before the guard: windows, seams, finders, and raters that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from geminid.errors import Unavailable
from geminid.judgement import Category, Policy, Reason, Setting, Threshold
from geminid.safety.guard import WINDOW, Guard, windows
from geminid.safety.lists import Blocklist
from geminid.safety.raters.scripted import Failure, Rule, Rules, ScriptedRater

STRICT = Policy({category: Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE) for category in Category})
OFF = Policy({category: Setting(Threshold.OFF) for category in Category})


def guard(*rules: Rule, lenient: bool = False, **finders: Blocklist) -> Guard:
    named = {Reason[name.upper()]: finder for name, finder in finders.items()}
    return Guard(ScriptedRater(Rules(rules=list(rules))), named, lenient=lenient)


def listed(tmp_path: Path, *words: str) -> Blocklist:
    (tmp_path / "list.txt").write_text("\n".join(words))
    return Blocklist.load([tmp_path / "list.txt"])


async def test_a_prompt_is_as_bad_as_its_worst_text() -> None:
    verdict = await guard().prompt(["Hello", "HARASSMENT:MEDIUM", "HARASSMENT:LOW"], STRICT)

    assert verdict.reason is Reason.SAFETY
    assert [rating.category for rating in verdict.ratings if rating.blocked] == [Category.HARASSMENT]


async def test_nothing_is_asked_where_everything_is_off() -> None:
    rater = ScriptedRater()
    judging = Guard(rater, {}, lenient=False)

    assert not judging.watches(OFF)
    assert (await judging.prompt(["HARASSMENT:HIGH"], OFF)).reason is None
    assert not rater.rated


async def test_a_long_prompt_is_rated_in_windows_that_overlap() -> None:
    text = "x" * (WINDOW - 6) + " HARASSMENT:HIGH " + "x" * 3 * WINDOW

    assert all(len(window) <= WINDOW for window in windows(text))
    assert (await guard().prompt([text], STRICT)).reason is Reason.SAFETY


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_what_lies_on_a_seam_is_seen(size: int) -> None:
    watch = guard(Rule(when="so bad", category="HARASSMENT", probability=0.9)).watch(STRICT)
    text = "This is all so bad that it ends."

    reasons = [await watch.judge(text[at : at + size], ends=False) for at in range(0, len(text), size)]

    assert Reason.SAFETY in reasons


async def test_ratings_are_the_worst_of_all_windows() -> None:
    watch = guard().watch(STRICT)

    await watch.judge("HATE_SPEECH:LOW ", ends=False)
    await watch.judge("Well. " * 100, ends=True)

    assert watch.ratings[0].probability_score == pytest.approx(0.45)


async def test_a_word_of_a_list_counts_when_it_is_whole(tmp_path: Path) -> None:
    watch = guard(blocklist=listed(tmp_path, "ass")).watch(OFF)

    assert await watch.judge("He is an ass", ends=False) is None
    assert await watch.judge("et.", ends=True) is None
    assert await guard(blocklist=listed(tmp_path, "ass")).watch(OFF).judge("an ass", ends=True) is Reason.BLOCKLIST
    assert watch.lag > 0


async def test_lists_of_prompts_and_of_answers(tmp_path: Path) -> None:
    words = listed(tmp_path, "secret")

    assert (await guard(blocklist=words).prompt(["a secret"], OFF)).reason is Reason.BLOCKLIST
    assert (await guard(prohibited_content=words).prompt(["a secret"], OFF)).reason is Reason.PROHIBITED_CONTENT
    assert (await guard(spii=words).prompt(["a secret"], OFF)).reason is None
    assert await guard(spii=words).watch(OFF).judge("a secret", ends=True) is Reason.SPII


FAILING = Rule(when="x", fail=Failure(code="INTERNAL"))


async def test_a_rater_that_fails_lets_pass_or_refuses_and_is_counted() -> None:
    lenient, strict = guard(FAILING, lenient=True), guard(FAILING)

    assert (await lenient.prompt(["x"], STRICT)).reason is None
    with pytest.raises(Unavailable, match="cannot be judged"):
        await strict.prompt(["x"], STRICT)

    assert lenient.failures["scripted"] == strict.failures["scripted"] == 1
