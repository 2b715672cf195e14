from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from geminid.engines.llama_slots import Slots, length, shared
from geminid.generation import Choices, Generation, Prefix, Text, Turn


def turns(*texts: str) -> tuple[Turn, ...]:
    return tuple(Turn("model" if number % 2 else "user", (Text(text),)) for number, text in enumerate(texts))


CONVERSATION = Generation(turns("What is a river?", "Water that flows."), (Text("Be brief."),), tenant="a")
CONTINUED = replace(CONVERSATION, turns=turns("What is a river?", "Water that flows.", "And a lake?"))


def test_a_conversation_shares_all_of_what_was_said_before() -> None:
    assert shared(CONVERSATION, CONTINUED) == length(CONVERSATION) < length(CONTINUED)


@pytest.mark.parametrize(
    "other",
    [
        replace(CONTINUED, tenant="b"),
        replace(CONTINUED, system=(Text("Be long."),)),
        replace(CONTINUED, constraint=Choices(("yes", "no"))),
        None,
    ],
    ids=["of another tenant", "another system text", "a constraint, told in the system text", "nothing"],
)
def test_what_begins_otherwise_shares_nothing(other: Generation | None) -> None:
    assert shared(other, CONVERSATION) == 0


def test_a_constraint_is_told_after_a_prefix() -> None:
    cached = replace(CONVERSATION, prefix=Prefix("1", 2))

    assert shared(cached, replace(cached, constraint=Choices(("yes", "no")))) == length(CONVERSATION)


async def test_the_slot_that_knows_most_is_taken() -> None:
    slots = Slots(3)
    slots.free[1].holds = CONVERSATION
    slots.free[2].holds = replace(CONVERSATION, turns=turns("What is a river?"))

    assert (await slots.take(CONTINUED)).number == 1
    assert (await slots.take(CONTINUED)).number == 2


async def test_where_none_knows_anything_the_longest_unused_is_taken() -> None:
    slots = Slots(2)
    first, second = await slots.take(CONVERSATION), await slots.take(CONVERSATION)
    slots.leave(second)
    slots.leave(first)

    assert await slots.take(CONVERSATION) is second


async def test_who_comes_when_all_are_taken_waits() -> None:
    slots = Slots(1)
    taken = await slots.take(CONVERSATION)
    waiting = asyncio.create_task(slots.take(CONTINUED))
    await asyncio.sleep(0)
    assert not waiting.done()

    slots.leave(taken)

    assert await waiting is taken
