from __future__ import annotations

import os
from pathlib import Path

import pytest

from geminid.engines.llama_states import States, folder_of


@pytest.fixture
def states(tmp_path: Path) -> States:
    return opened(tmp_path)


def opened(root: Path, most_bytes: int = 1000) -> States:
    states = States(root / "model-0123456789abcdef", most_bytes)
    states.open()
    return states


async def keep(states: States, key: str, size: int = 100) -> Path:
    """The file."""
    name = states.passing()
    (states.folder / name).write_bytes(key.encode() * size)
    await states.keep(name, key)
    found = await states.find(key)
    assert found is not None
    return states.folder / found


async def test_what_was_kept_is_found_by_the_next_process(tmp_path: Path) -> None:
    await keep(opened(tmp_path), "1")

    after = opened(tmp_path)

    assert "1" in after
    assert await after.find("1") is not None


async def test_nobody_else_may_read_them(states: States) -> None:
    assert states.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"x" + content[1:]])
async def test_what_is_not_whole_is_not_found(tmp_path: Path, damage: object) -> None:
    file = await keep(opened(tmp_path), "1")
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))

    after = opened(tmp_path)

    assert await after.find("1") is None
    assert "1" not in after
    assert not file.exists()


async def test_what_another_process_has_removed_is_not_found(states: States) -> None:
    (await keep(states, "1")).unlink()

    assert await states.find("1") is None


async def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    states = opened(tmp_path, most_bytes=250)
    await keep(states, "1")
    await keep(states, "2")
    await states.find("1")

    await keep(states, "3")

    assert set(states.keys()) == {"1", "3"}
    assert len(list(states.folder.iterdir())) == 2


async def test_forgotten_is_gone(states: States) -> None:
    file = await keep(states, "1")

    states.forget(["1", "unknown"])

    assert not file.exists()
    assert await states.find("1") is None


async def test_a_key_that_is_no_name_is_not_kept(states: States) -> None:
    name = states.passing()
    (states.folder / name).write_bytes(b"x")

    await states.keep(name, "../1")

    assert list(states.folder.iterdir()) == []


async def test_what_others_keep_in_the_same_folder_is_found(tmp_path: Path) -> None:
    states, others = opened(tmp_path), opened(tmp_path)
    await keep(others, "1")

    assert await states.find("1") is not None
    assert await states.find("2") is None


def test_files_of_processes_that_ended_are_removed(tmp_path: Path) -> None:
    states = opened(tmp_path)
    dead, alive = states.folder / f"passing-{os.getpid()}-0123abcd-0", states.folder / states.passing()
    dead.touch()
    alive.touch()

    opened(tmp_path)

    assert not dead.exists()
    assert alive.exists()


def test_states_of_the_same_model_from_before_are_removed(tmp_path: Path) -> None:
    before, other = tmp_path / "model-aaaaaaaaaaaaaaaa", tmp_path / "model-2-aaaaaaaaaaaaaaaa"
    before.mkdir()
    other.mkdir()

    opened(tmp_path)

    assert not before.exists()
    assert other.exists()


def test_other_weights_have_another_folder(tmp_path: Path) -> None:
    weights = tmp_path / "model.gguf"
    weights.write_bytes(b"GGUF" + bytes(100))
    before = folder_of(tmp_path, weights)
    weights.write_bytes(b"GGUF" + bytes(99) + b"1")

    assert folder_of(tmp_path, weights) != before
