from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from geminid import errors
from geminid.judgement import Category
from geminid.safety.base import Score, Scores
from geminid.safety.raters.cached import CachedRater

HATE = Category.HATE_SPEECH


@dataclass
class Held:
    """Rates a text by its length, as soon as it may; ``begun`` is set by each call."""

    name: str = "held"
    calls: list[list[str]] = field(default_factory=list)
    may: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    fails: int = 0
    closed: int = 0

    def ready(self) -> str | None:
        return "install it"

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        self.calls.append(list(texts))
        self.begun.set()
        await self.may.wait()
        if self.fails:
            self.fails -= 1
            raise errors.Unavailable("down")
        return [{HATE: Score(len(text) / 100, 0.0)} for text in texts]

    async def aclose(self) -> None:
        self.closed += 1


class Silent(Held):
    """Judges no category."""

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        self.calls.append(list(texts))
        return [{} for _ in texts]


@pytest.fixture
def held() -> Held:
    held = Held()
    held.may.set()
    return held


def lengths(rated: Sequence[Scores]) -> list[float]:
    return [scores[HATE].probability * 100 for scores in rated]


async def test_a_text_is_rated_once(held: Held) -> None:
    rater = CachedRater(held)

    rated = [await rater.rate(["one", "three", "one"]), await rater.rate(["three"])]

    assert [lengths(each) for each in rated] == [[3, 5, 3], [5]]
    assert held.calls == [["one", "three"]]


async def test_texts_that_come_together_go_together(held: Held) -> None:
    rater = CachedRater(held)

    rated = await asyncio.gather(*(rater.rate(["x" * number]) for number in range(1, 9)))

    assert lengths([scores for (scores,) in rated]) == pytest.approx(range(1, 9))
    assert len(held.calls) == 1


async def test_a_batch_is_bounded(held: Held) -> None:
    rater = CachedRater(held, batch=4)

    await rater.rate(["x" * number for number in range(1, 11)])

    assert sorted(map(len, held.calls)) == [2, 4, 4]


async def test_a_text_under_way_is_not_asked_again(held: Held) -> None:
    held.may.clear()
    rater = CachedRater(held)
    first = asyncio.create_task(rater.rate(["same"]))
    await held.begun.wait()

    second = asyncio.create_task(rater.rate(["same"]))
    await asyncio.sleep(0)
    held.may.set()

    assert lengths(await first) == lengths(await second) == [4]
    assert held.calls == [["same"]]


async def test_texts_gather_while_the_rater_is_busy(held: Held) -> None:
    held.may.clear()
    rater = CachedRater(held, calls=1, linger=0)
    busy = asyncio.create_task(rater.rate(["busy"]))
    await held.begun.wait()

    waiting = [asyncio.create_task(rater.rate(["x" * number])) for number in range(1, 6)]
    await asyncio.sleep(0)
    held.may.set()
    await asyncio.gather(busy, *waiting)

    assert len(held.calls) == 2


async def test_one_who_leaves_takes_nothing_from_the_others(held: Held) -> None:
    held.may.clear()
    rater = CachedRater(held)
    leaves, stays = (asyncio.create_task(rater.rate(["same"])) for _ in range(2))
    await held.begun.wait()

    leaves.cancel()
    held.may.set()

    assert lengths(await stays) == [4]
    assert (await asyncio.gather(leaves, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_what_is_long_unused_is_forgotten(held: Held) -> None:
    rater = CachedRater(held, entries=2)
    for text in ("a", "bb", "a", "ccc"):
        await rater.rate([text])

    await rater.rate(["a"])
    await rater.rate(["bb"])

    assert held.calls == [["a"], ["bb"], ["ccc"], ["bb"]]


async def test_a_failure_is_everybodys_and_is_not_kept(held: Held) -> None:
    held.fails = 1
    rater = CachedRater(held)

    failed = await asyncio.gather(*(rater.rate(["same"]) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in failed] == [errors.Unavailable] * 3
    assert lengths(await rater.rate(["same"])) == [4]


async def test_a_call_has_its_time(held: Held) -> None:
    held.may.clear()
    rater = CachedRater(held, seconds=0.05)

    with pytest.raises(errors.DeadlineExceeded):
        await rater.rate(["slow"])


async def test_closing_ends_what_is_under_way(held: Held) -> None:
    held.may.clear()
    rater = CachedRater(held)
    asked = asyncio.create_task(rater.rate(["one"]))
    await held.begun.wait()

    await rater.aclose()

    with pytest.raises(asyncio.CancelledError):
        await asked
    assert held.closed == 1


def test_it_speaks_for_the_rater(held: Held) -> None:
    rater = CachedRater(held)

    assert (rater.name, rater.ready()) == ("held", "install it")


async def test_nothing_judged_is_kept_too() -> None:
    service = Silent()
    rater = CachedRater(service)

    assert [await rater.rate(["one"]), await rater.rate(["one"])] == [[{}], [{}]]
    assert service.calls == [["one"]]


async def test_a_text_may_have_half_a_surrogate(held: Held) -> None:
    assert lengths(await CachedRater(held).rate(["\ud800"])) == [1]
