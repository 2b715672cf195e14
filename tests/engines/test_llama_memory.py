"""What the embedded engine knows of prompts that it has read: how much of the next one it need not read again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.engines.llama import Llama
from geminid.generation import Delta, Generation, JsonSchema, Prefix, Sampling, Text, Turn, Usage

pytestmark = pytest.mark.model

Start: TypeAlias = Callable[..., Awaitable[Llama]]


@pytest.fixture
async def start(smollm2: Path, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts engines that keep their prefixes in the same place."""
    started: list[Llama] = []

    async def start(**options: object) -> Llama:
        engine = Llama(smollm2, **{"slots": 2, "context_tokens": 1024, "states": tmp_path, **options})  # type: ignore[arg-type]
        started.append(engine)
        await engine.start()
        async with asyncio.timeout(30):
            await engine.wait_ready()
        return engine

    yield start
    for engine in started:
        await engine.aclose()


def book(number: int, question: str = "What is it?", tenant: str = "a") -> Generation:
    """A question on one of several cached books, of some 300 tokens."""
    text = f"Book {number}. " + "The river flows past stones and trees, and nobody asks it why. " * 20
    return Generation(
        (Turn("user", (Text(question),)),),
        (Text(text),),
        Sampling(temperature=0, max_output_tokens=8),
        tenant=tenant,
        prefix=Prefix(str(number), 0),
    )


def uncached(generation: Generation) -> Generation:
    return replace(generation, prefix=None)


async def ask(engine: Llama, generation: Generation) -> tuple[str, Usage]:
    events = [event async for event in engine.generate(generation)]
    usage = events[-1]
    assert isinstance(usage, Usage)
    return "".join(event.text for event in events if isinstance(event, Delta)), usage


def files(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def known(engine: Llama, generation: Generation) -> bool:
    """Whether all but the question had been read before."""
    _, usage = await ask(engine, generation)
    return usage.cached > 0.8 * usage.prompt


async def test_what_was_remembered_is_not_read_again(start: Start) -> None:
    engine = await start()

    await engine.remember(book(1))

    assert engine.remembered() == ("1",)
    assert await known(engine, book(1))


async def test_more_prefixes_than_slots_used_in_turn(start: Start) -> None:
    engine = await start()
    for number in range(4):
        await engine.remember(book(number))

    assert [await known(engine, book(number)) for number in (0, 1, 2, 3, 2, 1, 0)] == [True] * 7


async def test_many_at_once_read_a_prefix_once(start: Start, tmp_path: Path) -> None:
    engine = await start()

    answers = await asyncio.gather(*(ask(engine, book(1, f"Why {number}?")) for number in range(5)))

    assert all(usage.cached > 0.8 * usage.prompt for _, usage in answers)
    assert len(files(tmp_path, "*/*.state")) == 1


async def test_a_prefix_survives_its_child(start: Start) -> None:
    engine = await start()
    await engine.remember(book(1))
    assert engine.pid is not None

    os.kill(engine.pid, signal.SIGKILL)

    assert await known(engine, book(1))


async def test_a_prefix_survives_its_server(start: Start) -> None:
    first = await start()
    await first.remember(book(1))
    await first.aclose()

    assert await known(await start(), book(1))


async def test_a_broken_state_is_read_anew(start: Start, tmp_path: Path) -> None:
    first = await start()
    await first.remember(book(1))
    expected, _ = await ask(first, book(1))
    await first.aclose()
    (state,) = files(tmp_path, "*/*.state")
    state.write_bytes(bytes(state.stat().st_size))

    text, _ = await ask(await start(), book(1))

    assert text == expected


async def test_a_forgotten_prefix_leaves_nothing(start: Start, tmp_path: Path) -> None:
    engine = await start()
    await engine.remember(book(1))

    await engine.forget(["1"])

    assert engine.remembered() == ()
    assert not files(tmp_path, "*/*.state")
    assert not await known(engine, uncached(book(1)))


async def test_the_answer_is_the_same_with_a_restored_prefix(start: Start) -> None:
    engine = await start()
    plain, _ = await ask(engine, uncached(book(1)))
    await engine.remember(book(1))
    await ask(engine, book(2))
    await ask(engine, book(3))

    restored, usage = await ask(engine, book(1))

    assert usage.cached
    assert restored == plain


async def test_a_schema_does_not_part_a_prompt_from_its_prefix(start: Start) -> None:
    engine = await start()
    await engine.remember(book(1))

    schema = JsonSchema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})

    _, usage = await ask(engine, replace(book(1), constraint=schema))
    assert usage.cached > 100


async def test_a_tenant_learns_nothing_of_what_another_asked(start: Start) -> None:
    engine = await start(slots=1)
    await ask(engine, uncached(book(1, tenant="a")))

    _, others = await ask(engine, uncached(book(1, tenant="b")))
    _, own = await ask(engine, uncached(book(1, tenant="b")))

    assert others.cached == 0
    assert own.cached > 100


async def test_conversations_that_left_their_slots_come_back(start: Start) -> None:
    engine = await start()

    def turns(number: int, *more: str) -> Generation:
        return replace(
            uncached(book(number)), turns=(*book(number).turns, *(Turn("user", (Text(text),)) for text in more))
        )

    for number in range(4):
        await ask(engine, turns(number))

    assert [await known(engine, turns(number, "Go on.")) for number in range(4)] == [True] * 4


async def test_what_was_parked_is_removed_at_the_end(start: Start, tmp_path: Path) -> None:
    engine = await start()
    for number in range(4):
        await ask(engine, uncached(book(number)))
    assert files(tmp_path, "*/passing-*")

    await engine.aclose()

    assert not files(tmp_path, "*/passing-*")


async def test_without_a_folder_prefixes_are_known_while_they_lie_in_a_slot(start: Start) -> None:
    engine = await start(states=None)

    await engine.remember(book(1))

    assert engine.remembered() == ()
    assert await known(engine, book(1))
