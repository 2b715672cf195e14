"""What is said waits until it was judged, and not for long."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from geminid.gemini.speech import Said
from geminid.generation import FinishReason, FunctionCall
from geminid.judgement import Category, Policy, Reason, Setting, Threshold
from geminid.safety.guard import Guard
from geminid.safety.lists import Blocklist
from geminid.safety.raters.scripted import ScriptedRater
from geminid.service.holding import WINDOW, Holding, ticking

STRICT = Policy({category: Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE) for category in Category})


def guarded(seconds: float = 60) -> Holding:
    return Holding(Guard(ScriptedRater(), {}, lenient=False).watch(STRICT), None, seconds)


async def test_without_a_watch_all_passes_at_once() -> None:
    held = Holding(None, None)

    assert await held.take(Said("Hello")) == (Said("Hello"),)
    assert await held.end([]) == ()
    assert not held.watches


async def test_a_window_goes_out_whole_when_it_was_judged() -> None:
    held = guarded()
    first, second = Said("x" * (WINDOW - 1)), Said("y")

    assert list(await held.take(first)) == []
    assert held.left
    assert list(await held.take(second)) == [first, second]
    assert held.left is None


async def test_what_has_waited_goes_out_with_what_comes_next() -> None:
    held = guarded(seconds=0)

    assert list(await held.take(Said("Hello"))) == [Said("Hello")]


async def test_nothing_of_a_window_that_is_blocked_goes_out() -> None:
    held = guarded()

    assert list(await held.take(Said("So: "))) == []
    assert list(await held.take(Said("HARASSMENT:HIGH " + "x" * WINDOW))) == []
    assert held.reason is FinishReason.SAFETY
    assert list(await held.end([])) == []


async def test_the_rest_is_judged_at_the_end_and_calls_with_it() -> None:
    fine, bad = guarded(), guarded()
    for held in (fine, bad):
        await held.take(Said("Calling."))

    assert list(await fine.end([FunctionCall("f", {"text": "fine"})])) == [Said("Calling.")]
    assert list(await bad.end([FunctionCall("f", {"text": "HARASSMENT:HIGH"})])) == []
    assert bad.reason is FinishReason.SAFETY


async def test_the_beginning_of_a_listed_word_is_kept_back(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("secret plan")
    finders = {Reason.BLOCKLIST: Blocklist.load([tmp_path / "list.txt"])}
    held = Holding(Guard(None, finders, lenient=False).watch(STRICT), None)

    released = [*await held.take(Said("x " * WINDOW)), *await held.take(Said("my secret")), *await held.judge()]
    await held.take(Said(" plan."))
    await held.end([])

    assert "secret" not in "".join(said.text for said in released)
    assert held.reason is FinishReason.BLOCKLIST


async def numbers(gate: asyncio.Event) -> AsyncGenerator[int, None]:
    yield 1
    await gate.wait()
    yield 2


async def test_a_slow_stream_ticks_while_something_waits() -> None:
    gate, held = asyncio.Event(), guarded(seconds=0.01)
    got: list[int | None] = []

    async for item in ticking(numbers(gate), held):
        got.append(item)
        if item == 1:
            await held.take(Said("Hello"))
        elif item is None:
            await held.judge()
            gate.set()

    assert got == [1, None, 2]


async def test_leaving_a_stream_that_waits_ends_it() -> None:
    gate = asyncio.Event()
    source = numbers(gate)
    items = ticking(source, guarded())
    await anext(items)
    waiting = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await items.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(source)


async def breaks() -> AsyncGenerator[int, None]:
    yield 1
    raise ConnectionError


async def ends() -> AsyncGenerator[int, None]:
    yield 1


@pytest.mark.parametrize("stream", [ends, breaks])
async def test_a_stream_that_is_over_is_freed_without_the_collector(stream: Any) -> None:
    source = stream()
    there = weakref.ref(source)

    with suppress(ConnectionError):
        async for _ in ticking(source, guarded()):
            pass
    del source

    assert there() is None
