"""Adding and removing, what is on disk meanwhile, and what a damaged index says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.citations import manifest
from geminid.citations.base import CitationsError, Progress
from geminid.citations.index import Index
from geminid.citations.library import Details, Library
from geminid.file_lock import try_lock
from geminid.judgement import Date

Add: TypeAlias = Callable[..., Library]


def prose(seed: int, count: int = 40) -> str:
    return " ".join(f"{seed}w{number}" for number in range(count))


def titles(shelf: Path, *seeds: int) -> list[str]:
    """What the texts with these seeds are cited from."""
    matcher = Index.open(shelf).matcher()
    matcher.feed(" and ".join(map(prose, seeds)))
    matcher.finish()
    return [each.title for each in matcher.citations()]


def test_what_is_added_is_listed_and_recognised(add: Add, shelf: Path, tmp_path: Path) -> None:
    library = add("a.txt", prose(1), Details("https://example.com/a", "A", "MIT", Date(2024)))

    [source] = library.sources()

    assert (source.origin, source.texts, source.words) == (str(tmp_path / "texts" / "a.txt"), 1, 40)
    assert (source.uri, source.title, source.license, source.date) == (
        "https://example.com/a",
        "A",
        "MIT",
        Date(2024),
    )
    assert source.size == len(prose(1))
    assert titles(shelf, 1) == ["A"]


def test_more_can_be_added_and_small_parts_are_put_together(add: Add, shelf: Path) -> None:
    for seed in range(1, 6):
        add(f"{seed}.txt", prose(seed))

    assert titles(shelf, 1, 2, 3, 4, 5) == [f"{seed}.txt" for seed in range(1, 6)]
    assert len(manifest.read(shelf).pieces) == 1
    assert len(list(shelf.glob("*.segment"))) == 1


def test_a_part_that_is_full_is_not_added_to(shelf: Path, tmp_path: Path, heard: Progress) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for seed in range(1, 6):
        (folder / f"{seed}.txt").write_text(prose(seed))
    (tmp_path / "6.txt").write_text(prose(6))
    library = Library(shelf, full=2 * len(prose(1)))

    library.add([str(folder)], Details(), heard)
    library.add([str(tmp_path / "6.txt")], Details(), heard)

    assert len(manifest.read(shelf).pieces) == 4, "two texts fill a part"
    assert titles(shelf, *range(1, 7)) == [f"{seed}.txt" for seed in range(1, 7)]
    library.remove([str(folder)])
    assert titles(shelf, *range(1, 7)) == ["6.txt"]


def test_what_is_added_again_is_read_anew(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1))
    add("b.txt", prose(2))
    library = add("a.txt", prose(3))

    assert titles(shelf, 1, 2, 3) == ["b.txt", "a.txt"]
    assert [Path(source.origin).name for source in library.sources()] == ["b.txt", "a.txt"]


def test_what_is_removed_is_recognised_no_longer(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1))
    library = add("b.txt", prose(2))
    first, second = library.sources()

    library.remove([str(first.id)])

    assert (library.sources(), titles(shelf, 1, 2)) == ((second,), ["b.txt"])
    library.remove([second.origin])
    assert (library.sources(), titles(shelf, 1, 2)) == ((), [])
    assert list(shelf.glob("*.segment")) == []


def test_removing_what_is_not_there_changes_nothing(add: Add, shelf: Path) -> None:
    library = add("a.txt", prose(1))

    with pytest.raises(CitationsError, match=r"/b\.txt is not in the index"):
        library.remove(["1", "/b.txt"])

    assert titles(shelf, 1) == ["a.txt"]


def test_all_are_added_or_nothing(add: Add, shelf: Path, tmp_path: Path, heard: Progress) -> None:
    library = add("a.txt", prose(1))
    (tmp_path / "b.txt").write_text(prose(2))
    (tmp_path / "binary").write_bytes(b"\0\1\2")
    before = sorted(shelf.iterdir())

    with pytest.raises(CitationsError, match="binary is binary, not text"):
        library.add([str(tmp_path / "b.txt"), str(tmp_path / "binary")], Details(), heard)

    assert sorted(shelf.iterdir()) == before
    assert titles(shelf, 1, 2) == ["a.txt"]


def test_what_has_no_words_is_refused(shelf: Path, tmp_path: Path, heard: Progress) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(CitationsError, match="empty has no text"):
        Library(shelf).add([str(tmp_path / "empty")], Details(), heard)


def test_the_files_of_a_folder_have_their_place_below_its_uri(
    shelf: Path, tmp_path: Path, heard: Progress
) -> None:
    (tmp_path / "src" / "in it").mkdir(parents=True)
    (tmp_path / "src" / "in it" / "a.py").write_text(prose(1))
    Library(shelf).add([str(tmp_path / "src")], Details("https://example.com/tree/"), heard)
    matcher = Index.open(shelf).matcher()

    matcher.feed(prose(1))
    matcher.finish()

    [citation] = matcher.citations()
    assert (citation.uri, citation.title) == ("https://example.com/tree/in%20it/a.py", "in it/a.py")


def test_what_a_crash_left_is_swept_away(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1))
    for name in ("00000099.segment", "00000100.segment.partial", "manifest.json.partial"):
        (shelf / name).write_bytes(b"half")

    assert titles(shelf, 1) == ["a.txt"]
    add("b.txt", prose(2))

    assert sorted(path.suffix for path in shelf.iterdir()) == ["", ".json", ".segment"]


def test_one_command_changes_an_index_at_a_time(add: Add, shelf: Path) -> None:
    library = add("a.txt", prose(1))
    lock = os.open(shelf / ".lock", os.O_RDWR)
    try:
        assert try_lock(lock)
        with pytest.raises(CitationsError, match="another command is changing"):
            library.remove(["1"])
    finally:
        os.close(lock)


def test_damage_is_found_out_and_named(add: Add, shelf: Path) -> None:
    library = add("a.txt", prose(1))
    [segment] = shelf.glob("*.segment")
    whole = segment.read_bytes()

    segment.write_bytes(whole[:-9] + b"x" + whole[-8:])
    for use in (lambda: Index.open(shelf), lambda: add("b.txt", prose(2))):
        with pytest.raises(CitationsError, match=f"{segment.name} is damaged"):
            use()
    segment.unlink()
    with pytest.raises(CitationsError, match=f"{segment.name} is missing"):
        Index.open(shelf)
    (shelf / "manifest.json").write_text("{")
    with pytest.raises(CitationsError, match=r"manifest\.json is damaged"):
        library.sources()


def test_a_reader_finds_a_whole_index_while_another_adds(add: Add, shelf: Path) -> None:
    add("0.txt", prose(0))
    adding = threading.Thread(target=lambda: [add(f"{seed}.txt", prose(seed)) for seed in range(1, 15)])
    seen = set()

    adding.start()
    while adding.is_alive():
        found = titles(shelf, *range(15))
        assert found == [f"{seed}.txt" for seed in range(len(found))]
        seen.add(len(found))
    adding.join()

    assert min(seen) >= 1
    assert len(titles(shelf, *range(15))) == 15
