"""How much of a window is left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from geminid.engines.scripted import Scripted
from geminid.errors import PromptTooLong, Unimplemented
from geminid.media.room import Room


class Counting(Scripted):
    """Knows what it was asked to count."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[str] = []

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.counted += texts
        return await super().count_tokens(texts)


class WithoutTokenizer(Scripted):
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise Unimplemented("no tokenizer")


async def test_what_surely_fits_is_not_counted() -> None:
    engine = Counting()

    await Room(engine, 100).take("a few words")

    assert engine.counted == []


async def test_each_text_is_counted_once() -> None:
    engine = Counting()
    room = Room(engine, 6)

    for text in ("one two", "three four", "five six"):
        await room.take(text)

    assert engine.counted == ["one two", "three four", "five six"]


async def test_too_much_is_refused_with_the_count() -> None:
    room = Room(Scripted(), 4)
    await room.take("one two three")

    with pytest.raises(PromptTooLong) as refusal:
        await room.take("four five")

    assert (refusal.value.tokens, refusal.value.limit) == (5, 4)


async def test_what_is_required_is_not_taken() -> None:
    room = Room(Scripted(), 4)

    await room.require("one two three")
    await room.take("one two three")
    with pytest.raises(PromptTooLong):
        await room.require("four five")
    await room.take("four")


async def test_an_engine_that_cannot_count_refuses_by_itself() -> None:
    await Room(WithoutTokenizer(), 1).take("one two three")
