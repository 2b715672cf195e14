"""Which runs of an answer are found, and where they are said to be."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from itertools import product, takewhile
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geminid.citations.base import Limits, Progress
from geminid.citations.index import Index
from geminid.citations.library import Details, Library
from geminid.citations.matching import ABREAST
from geminid.judgement import Citation, Date

Add: TypeAlias = Callable[..., Library]

GPL = Details("https://www.gnu.org/licenses/gpl-3.0.txt", "GNU GPL", "GPL-3.0-only", Date(2007, 6, 29))
APACHE = Details("https://www.apache.org/licenses/LICENSE-2.0", "Apache License", "Apache-2.0", Date(2004, 1))


def words(seed: int, count: int) -> list[str]:
    """So many words, which no other seed has."""
    return [f"{seed}w{random.Random(f'{seed} {number}').randrange(10**6)}" for number in range(count)]


def prose(seed: int, count: int) -> str:
    return " ".join(words(seed, count))


def cited(shelf: Path, answer: str, **limits: int) -> list[tuple[str, str]]:
    """What is cited of an answer, and the title that it is cited from."""
    matcher = Index.open(shelf).matcher(Limits(**limits))
    matcher.feed(answer)
    matcher.finish()
    said = answer.encode()
    return [(said[each.start : each.end].decode(), each.title) for each in matcher.citations()]


def passage(text: str, first: int, count: int) -> str:
    """``count`` words of ``text`` as they stand there, from a word on, without what is around them."""
    parts = text.split()
    start = end = 0
    for number, part in enumerate(parts[: first + count]):
        at = text.index(part, end)
        start = at if number == first else start
        end = at + len(part)
    return text[start:end].strip("\"'().,;:[]{}#-*`")


@pytest.fixture
def two(add: Add, book: str, licence: str) -> None:
    """An index of a book and a licence."""
    add("book.txt", book, GPL)
    add("licence.txt", licence, APACHE)


@pytest.mark.usefixtures("two")
def test_three_passages_are_cited_where_they_stand(shelf: Path, book: str, licence: str) -> None:
    quoted = [passage(book, 300, 40), passage(licence, 200, 60), passage(book, 1200, 90)]
    loud = quoted[1].upper()
    answer = f"It says 😀: “{quoted[0]}”. Then, élan: {loud}!\n\nElsewhere:\n> {quoted[2]}\n\nThat is all."
    matcher = Index.open(shelf).matcher()

    matcher.feed(answer)
    matcher.finish()

    said = answer.encode()
    places = [said.index(text.encode()) for text in (quoted[0], loud, quoted[2])]
    ends = [place + len(text.encode()) for place, text in zip(places, quoted, strict=True)]
    gpl, apache = [(each.uri, each.title, each.license, each.date) for each in (GPL, APACHE)]
    assert matcher.citations() == [
        Citation(place, end, *work) for place, end, work in zip(places, ends, (gpl, apache, gpl), strict=True)
    ]
    assert not matcher.recites


@pytest.mark.usefixtures("two")
def test_a_paraphrase_is_not_cited(shelf: Path) -> None:
    answer = (
        "The license lets anybody run, study, share and change the program, as long as whoever passes it on "
        "hands the same freedoms to the next person and offers the source code along with it. There is no "
        "warranty of any kind, and nobody who contributed can be held liable for damages from using it."
    )

    assert cited(shelf, answer) == []


@pytest.mark.usefixtures("two")
def test_a_quoted_paragraph_is_cited_and_four_hundred_words_recite(shelf: Path, licence: str) -> None:
    paragraph, much = (Index.open(shelf).matcher() for _ in range(2))

    paragraph.feed(passage(licence, 100, 60) + ".")
    much.feed("Here it is. " + passage(licence, 100, 400) + ".")

    assert (len(paragraph.citations()), paragraph.recites) == (1, False)
    assert (len(much.citations()), much.recites) == (1, True)
    assert much.longest_run_words >= 400


def test_a_recitation_is_known_at_the_word_that_is_one_too_many(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1, 300))
    matcher = Index.open(shelf).matcher(Limits(recited_words=50))

    known = []
    for word in words(1, 100):
        matcher.feed(f"{word} ")
        known.append(matcher.recites)

    assert known.index(True) == 50
    assert all(known[50:])


def test_a_recitation_stays_one_and_can_be_allowed(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1, 300))
    held, allowed = (Index.open(shelf).matcher(Limits(recited_words=limit)) for limit in (50, 0))

    for matcher in (held, allowed):
        matcher.feed(prose(1, 60) + " and then something else.")

    assert (held.recites, allowed.recites) == (True, False)
    assert held.longest_run_words == 60


@pytest.mark.parametrize("first", range(0, 30, 3))
def test_a_run_of_twenty_words_is_found_wherever_it_is(add: Add, shelf: Path, first: int) -> None:
    text = words(1, 60)
    add("a.txt", " ".join(text))
    twenty, nineteen = (" ".join(text[first : first + count]) for count in (20, 19))

    assert cited(shelf, f"before {twenty} after") == [(twenty, "a.txt")]
    assert cited(shelf, f"before {nineteen} after") == []


def test_a_run_of_short_words_is_no_citation(add: Add, shelf: Path) -> None:
    add("a.txt", " ".join(map(str, range(30))))

    assert cited(shelf, " ".join(map(str, range(30)))) == []
    assert len(cited(shelf, " ".join(map(str, range(30))), cited_bytes=0)) == 1


def test_case_space_and_punctuation_do_not_end_a_run(add: Add, shelf: Path) -> None:
    text = words(1, 40)
    add("a.txt", ", ".join(text).upper())
    answer = "**" + "**\n- `".join(text) + "`"

    assert [quoted.strip("*`") for quoted, _ in cited(shelf, answer)] == [answer.strip("*`")]


def test_another_word_ends_a_run(add: Add, shelf: Path) -> None:
    text = words(1, 60)
    add("a.txt", " ".join(text))
    answer = [*text[:30], "other", *text[31:]]

    assert cited(shelf, " ".join(answer)) == [(" ".join(part), "a.txt") for part in (answer[:30], answer[31:])]


def test_a_run_does_not_cross_from_one_text_to_the_next(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1, 30))
    add("b.txt", prose(2, 30))

    found = cited(shelf, f"{prose(1, 30)} {prose(2, 30)}")

    assert found == [(prose(1, 30), "a.txt"), (prose(2, 30), "b.txt")]


@pytest.mark.parametrize("after", ["", " and more"])
def test_the_longest_run_is_cited_and_of_equal_ones_the_first_that_was_added(
    add: Add, shelf: Path, after: str
) -> None:
    text = words(1, 90)
    add("short.txt", " ".join(text[20:50]))
    add("first.txt", " ".join(text))
    add("again.txt", " ".join(text))

    assert cited(shelf, " ".join(text) + after) == [(" ".join(text), "first.txt")]


def test_runs_of_two_sources_that_overlap_are_both_cited(add: Add, shelf: Path) -> None:
    text = words(1, 90)
    add("a.txt", " ".join(text[:60]))
    add("b.txt", " ".join(text[30:]))

    assert cited(shelf, " ".join(text)) == [(" ".join(text[:60]), "a.txt"), (" ".join(text[30:]), "b.txt")]


def test_the_head_of_every_file_does_not_hide_the_file_that_was_copied(
    shelf: Path, tmp_path: Path, heard: Progress
) -> None:
    head, last = prose(0, 30), 3 * ABREAST
    for number in range(1, last + 1):
        (tmp_path / f"{number:03}.txt").write_text(f"{head} {prose(number, 30)}")
    Library(shelf).add([str(tmp_path)], Details(), heard)

    assert cited(shelf, head) == [(head, "001.txt")]
    assert cited(shelf, f"{head} {prose(last, 30)}") == [(f"{head} {prose(last, 30)}", f"{last:03}.txt")]


def test_a_text_that_repeats_itself_stays_cheap(add: Add, shelf: Path) -> None:
    add("a.txt", "again and again " * 2_000)
    matcher = Index.open(shelf).matcher()

    matcher.feed("again and again " * 500)

    assert len(matcher.citations()) == 1


def test_a_group_with_the_same_checksum_is_not_taken_for_the_text(add: Add, shelf: Path) -> None:
    # CRC-32 of both groups is the same: "plumless" and "buckeroo" are a known pair.
    same = "one two three four five six seven"
    add("a.txt", f"plumless {same} " + prose(1, 20))

    assert cited(shelf, f"buckeroo {same}", cited_words=1, cited_bytes=0) == []
    assert len(cited(shelf, f"plumless {same}", cited_words=1, cited_bytes=0)) == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_places_are_bytes_of_the_answer_however_it_is_written(add: Add, shelf: Path, form: str) -> None:
    text = " ".join(f"{word} était naïve" for word in words(1, 20))
    add("a.txt", unicodedata.normalize("NFC", text))
    quoted = unicodedata.normalize(form, text)  # type: ignore[arg-type]

    assert cited(shelf, f"👩‍🔬 e\u0301 “{quoted}” 😀") == [(quoted, "a.txt")]


def test_scripts_without_spaces_are_cited(add: Add, shelf: Path) -> None:
    text = "".join(chr(0x4E00 + random.Random(number).randrange(20_000)) for number in range(200))
    add("a.txt", text)

    assert cited(shelf, f"引用\uff1a「{text[40:90]}」。") == [(text[40:90], "a.txt")]


def test_the_last_word_counts_when_it_is_whole(add: Add, shelf: Path) -> None:
    text = words(1, 30)
    add("a.txt", " ".join(text))
    grown, whole = (Index.open(shelf).matcher() for _ in range(2))

    for matcher, end in ((grown, "x"), (whole, "")):
        matcher.feed(" ".join(text[:20]))
        matcher.feed(end)
        matcher.finish()

    assert (grown.longest_run_words, grown.citations()) == (19, [])
    assert (whole.longest_run_words, len(whole.citations())) == (20, 1)


def test_runs_are_told_while_the_answer_goes_on(add: Add, shelf: Path) -> None:
    add("a.txt", prose(1, 60))
    matcher = Index.open(shelf).matcher()

    ends = []
    for word in words(1, 30):
        matcher.feed(f"{word} ")
        ends += [each.end for each in matcher.citations()]

    assert ends == [len(prose(1, count)) for count in range(20, 31)]


def test_without_an_index_nothing_is_done(shelf: Path) -> None:
    matcher = Index.open(shelf).matcher()

    matcher.feed(prose(1, 500))

    assert (matcher.citations(), matcher.longest_run_words, matcher.recites) == ([], 0, False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_does_not_matter_how_an_answer_is_cut(add: Add, shelf: Path, data: st.DataObject) -> None:
    text = "e\u0301té 😀 " + prose(1, 40) + " “naïve” 言葉 " + prose(2, 30)
    if not shelf.exists():
        add("a.txt", prose(1, 60))
        add("b.txt", prose(2, 60))
    answer = data.draw(st.permutations([text, prose(1, 25), "x\u00ady\u200b", "1️⃣", "末"]).map("".join))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)))))
    index = Index.open(shelf)
    whole, cut = index.matcher(), index.matcher()

    whole.feed(answer)
    whole.finish()
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        cut.feed(answer[start:end])
    cut.finish()

    assert cut.citations() == whole.citations()
    assert cut.longest_run_words == whole.longest_run_words


def runs_of(answer: list[str], texts: list[list[str]]) -> set[tuple[int, int]]:
    """First and last word of every run that is cited, found by comparing all with all."""
    found = set()
    for text in texts:
        for first, place in product(range(len(answer)), range(len(text))):
            if first and place and answer[first - 1] == text[place - 1]:
                continue
            pairs = zip(answer[first:], text[place:], strict=False)
            length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if length >= 20:
                found.add((first, first + length - 1))
    return {run for run in found if not any(o != run and o[0] <= run[0] and run[1] <= o[1] for o in found)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_what_is_found_is_what_comparing_all_with_all_finds(tmp_path: Path, heard: Progress, seed: int) -> None:
    dice = random.Random(seed)
    texts = [dice.choices("abcdef", k=dice.randrange(10, 90)) for _ in range(3)]
    answer: list[str] = []
    while len(answer) < 150:
        text = dice.choice(texts)
        first = dice.randrange(len(text))
        answer += text[first : first + dice.randrange(50)] + dice.choices("abcdef", k=dice.randrange(2))
    paths = [tmp_path / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(" ".join(text))
    Library(tmp_path / "index").add([str(path) for path in paths], Details(), heard)
    matcher = Index.open(tmp_path / "index").matcher(Limits(cited_bytes=0))

    matcher.feed(" ".join(answer))
    matcher.finish()

    found = {(each.start // 2, (each.end - 1) // 2) for each in matcher.citations()}
    assert found == runs_of(answer, texts)
