"""From Q4_1 to Q8_0: what comes out, when it is made, and what happens when it cannot be."""

from __future__ import annotations

import hashlib
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geminid.engines.weights import (
    CATALOGUE,
    DEFAULT,
    Conversion,
    Silent,
    Weights,
    WeightsError,
    cached,
    damaged,
    fetch,
    prepared,
)
from geminid.engines.weights.conversion import convert

Pinned = Callable[..., Weights]

F32, Q4_1, Q8_0 = 0, 3, 8
BLOCKS = 5000
"""More than are converted at once."""


def q4_1(number: int) -> bytes:
    """A block with every nibble: the weights are ``-1 + number / 8 * nibble``."""
    return struct.pack("<ee", number / 8, -1) + bytes(low | 15 - low << 4 for low in range(16))


def q8_0(number: int) -> bytes:
    """The same block as the format is defined: the largest weight is 127 steps."""
    weights = [-1 + number / 8 * low for low in range(16)] + [-1 + number / 8 * (15 - low) for low in range(16)]
    step = max(map(abs, weights)) / 127
    return struct.pack("<e32b", step, *(round(weight / step) for weight in weights))


def model(kind: int, file_type: int, blocks: bytes, norm: bytes, tail: bytes) -> bytes:
    """A GGUF file of three tensors, whose table is not in the order of the data."""
    rows, padding = [], bytes(-len(blocks) % 32)
    places = {"tail": len(blocks + padding) + 128, "blocks": 0, "norm": len(blocks + padding)}
    for name, shape, of in (("tail", (8,), F32), ("blocks", (32, BLOCKS), kind), ("norm", (32,), F32)):
        rows += [struct.pack("<Q", len(name)), name.encode(), struct.pack(f"<I{len(shape)}Q", len(shape), *shape)]
        rows += [struct.pack("<IQ", of, places[name])]
    key = b"general.file_type"
    pairs = struct.pack("<Q", len(key)) + key + struct.pack("<II", 4, file_type)
    head = struct.pack("<4sIQQ", b"GGUF", 3, 3, 1) + pairs + b"".join(rows)
    return head + bytes(-len(head) % 32) + blocks + padding + norm + tail


NORM, TAIL = bytes(range(128)), bytes(range(32))
OLD = model(Q4_1, 3, b"".join(q4_1(number % 7) for number in range(BLOCKS)), NORM, TAIL)
NEW = model(Q8_0, 7, b"".join(q8_0(number % 7) for number in range(BLOCKS)), NORM, TAIL)


def conversion(**given: Any) -> Conversion:
    pins = {"file_name": "new.gguf", "sha256": hashlib.sha256(NEW).hexdigest(), "size": len(NEW)}
    return Conversion(**(pins | given))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.gguf"
    path.write_bytes(OLD)
    return path


@pytest.fixture(scope="session")
def fetched() -> Path:
    """The default model as it is fetched; found before the cache of the tests takes the place of the user's."""
    path = cached(replace(CATALOGUE[DEFAULT], conversion=None))
    if path is None:
        pytest.skip("only the converted file is here")
    return path


@pytest.fixture
def weights(old: Path, pinned: Pinned) -> Weights:
    pins = {"sha256": hashlib.sha256(OLD).hexdigest(), "size": len(OLD)}
    return pinned(f"file:{old}", **pins, conversion=conversion())


def test_what_comes_out(old: Path, heard: Any, cache_root: Path) -> None:
    path = convert(old, conversion(), heard)

    assert path.read_bytes() == NEW
    assert path.parent == cache_root / "weights"
    assert path.name == f"{hashlib.sha256(NEW).hexdigest()[:12]}-new.gguf"
    assert heard.starts == [("converting to new.gguf", len(NEW), 0)]
    assert heard.amount == len(NEW)


def test_it_is_made_when_the_model_is_fetched(weights: Weights, old: Path) -> None:
    assert cached(weights) == old
    assert prepared(weights) is None

    path = fetch(weights)

    assert path.read_bytes() == NEW
    assert cached(weights) == prepared(weights) == path


def test_it_is_made_once(weights: Weights, heard: Any) -> None:
    fetch(weights)

    fetch(weights, heard)

    assert heard.starts == [("checking old.gguf", len(OLD), 0)]


def test_it_serves_without_the_file_that_it_was_made_of(weights: Weights, old: Path) -> None:
    path = fetch(weights)
    old.unlink()

    assert cached(weights) == prepared(weights) == path


def test_a_model_without_conversion_is_served_as_it_is(pinned: Pinned, old: Path) -> None:
    weights = pinned(f"file:{old}", sha256=hashlib.sha256(OLD).hexdigest(), size=len(OLD))

    assert fetch(weights) == cached(weights) == prepared(weights) == old


def test_two_at_once_make_it_once(old: Path, heard: Any) -> None:
    begun, waits = threading.Event(), threading.Event()

    class First(Silent):
        def start(self, label: str, total: int | None, done: int) -> None:
            begun.set()
            assert waits.wait(30)

    class Second(Silent):
        def start(self, label: str, total: int | None, done: int) -> None:
            pytest.fail("it was made twice")

        def note(self, text: str) -> None:
            heard.note(text)
            waits.set()

    first = threading.Thread(target=convert, args=(old, conversion(), First()))
    first.start()
    assert begun.wait(30)
    path = convert(old, conversion(), Second())
    first.join()

    assert path.read_bytes() == NEW
    assert heard.notes == [f"Another process is making {path.name}. Waiting for it."]


def test_damage_is_that_of_either_file(weights: Weights, old: Path) -> None:
    path = fetch(weights)
    assert damaged(weights) == []

    path.write_bytes(NEW[::-1])
    assert damaged(weights) == [path]

    old.write_bytes(OLD[::-1])
    assert damaged(weights) == [old, path]


def test_what_came_out_wrong_is_not_used(weights: Weights, old: Path, left: Any, heard: Any) -> None:
    weights = replace(weights, conversion=conversion(sha256="0" * 64))

    assert fetch(weights, heard) == old
    assert left() == []
    assert heard.notes == [
        "old.gguf is used as it is, though it is slower: new.gguf came out with another sha256, "
        f"{hashlib.sha256(NEW).hexdigest()}."
    ]


def test_where_nothing_can_be_stored_the_original_is_used(
    weights: Weights, old: Path, cache_root: Path, heard: Any
) -> None:
    cache_root.write_text("no folder")

    assert fetch(weights, heard) == cached(weights) == old
    [note] = heard.notes
    assert note.startswith("old.gguf is used as it is, though it is slower: ")
    assert note.endswith(" cannot be used: Not a directory.")


def test_there_must_be_room(old: Path, left: Any, heard: Any) -> None:
    with pytest.raises(WeightsError, match=r"MB free, and 1,000,000,000,000 MB are needed"):
        convert(old, conversion(size=10**18), heard)

    assert left() == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((sys.executable, "-c", "import os; os.abort()"), r"ended with status -6\.$"),
        ((sys.executable, "-c", "exit('no such function')"), r"ended with status 1: no such function\.$"),
        (("/nowhere/python",), r"cannot be started: No such file or directory\.$"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
def test_a_process_that_fails(old: Path, left: Any, heard: Any, command: Sequence[str], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        convert(old, conversion(), heard, command)

    assert left() == []


@pytest.mark.parametrize("content", [b"", b"GGUF", OLD[:1000], OLD[: len(OLD) // 2]])
def test_what_is_no_model(old: Path, heard: Any, content: bytes) -> None:
    old.write_bytes(content)

    with pytest.raises(WeightsError, match=r"status 1: old\.gguf is not a whole GGUF model file\.$"):
        convert(old, conversion(), heard)


@pytest.mark.model
def test_the_default_model(fetched: Path, heard: Any) -> None:
    made = CATALOGUE[DEFAULT].conversion
    assert made

    path = convert(fetched, made, heard)

    assert heard.amount == path.stat().st_size == made.size
