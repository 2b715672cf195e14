"""What media was understood to be, kept."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from geminid.attachment import WHOLE, Attachment, Kind, Picture, Window
from geminid.media.base import Content
from geminid.media.found import Found
from geminid.media.measured import Measured
from geminid.media.memory import Memory


async def key_of(content: Content, *, window: Window = WHOLE, sees: bool = False, number: int = 1) -> Hashable:
    found = Found(Attachment("video/mp4", window=window), content, Kind.VIDEO, "video/mp4")
    return await Memory(0).key(Measured(found), sees=sees, hears=False, number=number)


async def test_the_same_bytes_looked_at_alike_are_known(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(b"clip")

    assert await key_of(b"clip") == await key_of(tmp_path / "clip")


async def test_another_look_is_another_thing() -> None:
    keys = [
        await key_of(b"clip"),
        await key_of(b"other"),
        await key_of(b"clip", window=Window(1.0)),
        await key_of(b"clip", sees=True),
        await key_of(b"clip", number=2),
    ]

    assert len(set(keys)) == len(keys)


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    memory = Memory(10)
    memory.put("a", ("four",))
    memory.put("b", ("four",))

    memory.get("a")
    memory.put("c", (Picture(b"four"),))

    assert [name for name in "abc" if memory.get(name)] == ["a", "c"]


def test_what_is_too_large_is_not_kept() -> None:
    memory = Memory(10)
    memory.put("a", ("four",))

    memory.put("b", ("x" * 11,))

    assert memory.get("b") is None
    assert memory.get("a")
