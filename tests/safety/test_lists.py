from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geminid.safety.lists import Blocklist, ListError


def listed(*entries: str, leet: bool = False) -> Blocklist:
    return Blocklist({entry: entry for entry in entries}, leet=leet)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("ass", "Such an ASS."),
        ("Project Nightingale", "about project\n  nightingale!"),
        ("straße", "Die STRASSE ist lang"),
        ("résumé", "my re\u0301sume\u0301"),
        ("bomb", "a \uff42\uff4f\uff4d\uff42"),
        ("bomb", "a b\u200bo\u00adm\u2060b"),
        ("bomb", "a b\u0336o\u0336m\u0336b\u0336"),
        ("法轮", "是法轮吗"),
        ("c++", "I like C++!"),
        ("f*ck", "oh f*ck that"),
        ("हिन्दी", "यह हिन्दी है"),
        ("ไทย", "ภาษาไทยง่าย"),
        (r"re:ticket-\d{6}", "see TICKET-123456 now"),
        (r"re:\bfoo\pL+", "a foobar"),
    ],
)
def test_what_is_listed_is_found(entry: str, text: str) -> None:
    assert listed("never", entry).find(text) == entry


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("ass", "the assets of a class pass"),
        ("ass", "x_assess"),
        ("Project Nightingale", "projectnightingale"),
        ("Project Nightingale", "project of a nightingale"),
        ("हि", "हिन्दी"),
        ("bad", "b4d"),
        (r"re:ticket-\d{6}", "ticket-12345"),
        ("ass", ""),
        ("ass", " \n"),
    ],
)
def test_what_only_looks_like_it_is_not(entry: str, text: str) -> None:
    assert listed(entry).find(text) is None


@pytest.mark.parametrize("text", ["b4d", "B@D!", "bad!", "l33t", "lee7"])
def test_leet_is_read_when_asked_for(text: str) -> None:
    assert listed("bad", "leet", leet=True).find(text)


def windows(text: str, size: int, overlap: int) -> Iterator[tuple[str, bool, bool]]:
    for start in range(0, len(text), size):
        first = max(0, start - overlap)
        yield text[first : start + size], first == 0, start + size >= len(text)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40])
@pytest.mark.parametrize(
    "text", ["the assets", "an ass", "ass", "we say project  nightingale here", "a foo77 b", "foo777"]
)
def test_windows_with_their_overlap_find_what_the_whole_has(text: str, size: int) -> None:
    blocklist = listed("ass", "project nightingale", r"re:\bfoo\d\d\b")

    found = [
        name
        for window, begins, ends in windows(text, size, blocklist.overlap)
        if (name := blocklist.find(window, begins=begins, ends=ends))
    ]

    assert bool(found) == bool(blocklist.find(text))


def test_a_file_names_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# words\n\nnightingale\n  blackbird  \n", encoding="utf-8")

    assert Blocklist.load([path]).find("a blackbird") == "words.txt, line 4"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (r"re:(a)\1", "RE2 cannot compile"),
        ("re:(?=a)", "RE2 cannot compile"),
        ("re:((a{100}){100}){100}", "RE2 cannot compile"),
        ("re:a*", "empty text"),
        ("\u200b", "nothing to compare"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(line, encoding="utf-8")

    with pytest.raises(ListError, match=rf"words\.txt, line 1: .*{reason}"):
        Blocklist.load([path])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"none\.txt"):
        Blocklist.load([tmp_path / "none.txt"])


def test_an_empty_list_finds_nothing() -> None:
    assert listed().find("anything") is None
