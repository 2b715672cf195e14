from __future__ import annotations

import asyncio

import pytest

from geminid.engines.token_counts import AT_ONCE, KEPT_TEXTS, WHOLE_CHARACTERS, TokenCounts


class Counter:
    """Counts characters, and what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, text: str) -> int:
        self.asked.append(text)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return len(text)


@pytest.fixture
def counter() -> Counter:
    return Counter()


async def test_each_text_is_asked_for_once(counter: Counter) -> None:
    counts = TokenCounts(counter)

    assert await counts.of(["a", "bb", "", "a"]) == [1, 2, 0, 1]
    assert await counts.of(["bb", "ccc"]) == [2, 3]
    assert counter.asked == ["a", "bb", "ccc"]


async def test_a_few_at_a_time(counter: Counter) -> None:
    await TokenCounts(counter).of([str(n) for n in range(50)])

    assert counter.most_at_once == AT_ONCE


async def test_long_texts_are_asked_for_once_too(counter: Counter) -> None:
    counts = TokenCounts(counter)
    long, other = "x" * (WHOLE_CHARACTERS + 1), "x" * (WHOLE_CHARACTERS + 2)

    assert await counts.of([long, other]) == [WHOLE_CHARACTERS + 1, WHOLE_CHARACTERS + 2]
    assert await counts.of([other, long]) == [WHOLE_CHARACTERS + 2, WHOLE_CHARACTERS + 1]
    assert counter.asked == [long, other]


async def test_old_ones_are_forgotten(counter: Counter) -> None:
    counts = TokenCounts(counter)

    await counts.of(["old", *(f"new {n}" for n in range(KEPT_TEXTS))])
    counter.asked.clear()
    await counts.of(["old", f"new {KEPT_TEXTS - 1}"])

    assert counter.asked == ["old"]
