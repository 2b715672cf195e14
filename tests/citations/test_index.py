"""The index as a server has it: open while others change it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.citations.base import CitationsError, Limits
from geminid.citations.index import Index, Watched
from geminid.citations.library import Library

Add: TypeAlias = Callable[..., Library]


def prose(seed: int) -> str:
    return " ".join(f"{seed}w{number}" for number in range(40))


async def cited(watched: Watched, *seeds: int) -> list[str]:
    matcher = await watched.matcher()
    matcher.feed(" and ".join(map(prose, seeds)))
    matcher.finish()
    return [each.title for each in matcher.citations()]


async def test_a_server_sees_what_is_added_and_removed(add: Add, shelf: Path) -> None:
    watched = Watched(shelf)
    await watched.open()
    seen = [await cited(watched, 1, 2)]

    library = add("a.txt", prose(1))
    seen.append(await cited(watched, 1, 2))
    add("b.txt", prose(2))
    seen.append(await cited(watched, 1, 2))
    library.remove([library.sources()[0].origin])
    seen.append(await cited(watched, 1, 2))

    assert seen == [[], ["a.txt"], ["a.txt", "b.txt"], ["b.txt"]]


async def test_an_answer_that_began_before_a_change_is_finished_with_what_was_there(add: Add, shelf: Path) -> None:
    library = add("a.txt", prose(1))
    watched = Watched(shelf)
    await watched.open()
    begun = await watched.matcher()
    begun.feed(prose(1)[:100])

    library.remove([library.sources()[0].origin])
    later = await cited(watched, 1)
    begun.feed(prose(1)[100:])
    begun.finish()

    assert (len(begun.citations()), later) == (1, [])


async def test_many_answers_open_a_changed_index_once(add: Add, shelf: Path) -> None:
    watched = Watched(shelf, Limits(recited_words=30))
    await watched.open()
    add("a.txt", prose(1))

    matchers = await asyncio.gather(*(watched.matcher() for _ in range(5)))

    for matcher in matchers:
        matcher.feed(prose(1))
        matcher.finish()
    assert [matcher.recites for matcher in matchers] == [True] * 5


def cut_off(shelf: Path) -> Path:
    """The segment, now with a byte less."""
    [segment] = shelf.glob("*.segment")
    segment.write_bytes(segment.read_bytes()[:-1])
    return segment


async def test_a_damaged_index_does_not_replace_the_one_that_is_open(
    add: Add, shelf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add("a.txt", prose(1))
    watched = Watched(shelf)
    await watched.open()
    add("b.txt", prose(2))
    segment = cut_off(shelf)

    assert [await cited(watched, 1, 2) for _ in range(2)] == [["a.txt"]] * 2

    [said] = caplog.messages
    assert f"{segment.name} is damaged" in said


async def test_a_server_does_not_start_on_a_damaged_index(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1))
    (shelf / "manifest.json").write_text("[]")

    with pytest.raises(CitationsError, match=r"manifest.json is damaged"):
        await Watched(shelf).open()


def test_what_is_open_already_is_not_opened_again(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1))
    before = Index.open(shelf)

    after = Index.open(shelf, before)

    assert after.segments[0] is before.segments[0]
