from __future__ import annotations

import pytest

from geminid.citations.html_text import reduced


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<p>One<p>two", "One two"),
        ("<p>o<b>n</b>e t<i>w</i>o", "one two"),
        ("one<br>two<td>three", "one two three"),
        ("<style>p {}</style>one<script>if (a < b) x()</script> two<template>three</template>", "one two"),
        ("a &amp; b &#233; &eacute; &nosuch;", "a & b é é &nosuch;"),
        ("one<!-- two --> three", "one three"),
        ("</script>one</p></template>two", "one two"),
        ("plain text, a < b", "plain text, a < b"),
        ("<svg><title>not of the page</title></svg>one", "one"),
    ],
)
def test_a_page_is_what_its_reader_sees(page: str, words: str) -> None:
    assert " ".join(reduced(page)[0].split()) == words


def test_the_title_is_no_text() -> None:
    text, title = reduced("<html><head><title> A\n page </title></head><body>Text</body></html>")

    assert (text.split(), title) == (["Text"], "A page")
