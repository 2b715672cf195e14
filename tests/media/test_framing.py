"""The words that media has in a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.attachment import Kind
from geminid.media import framing


def test_a_frame_says_what_it_is_and_whose_words_it_holds() -> None:
    text = framing.framed(Kind.IMAGE, 1, ["image/png", "4 x 4 pixels"], "Text in it: HELLO")

    assert text == (
        "[image 1: image/png, 4 x 4 pixels; described by software, not by the user]\n"
        "| Text in it: HELLO\n"
        "[end of image 1]"
    )


@given(st.text())
def test_no_media_ends_its_own_frame(body: str) -> None:
    head, *lines, end = framing.framed(Kind.DOCUMENT, 2, ["application/pdf"], body).splitlines()

    assert head.startswith("[document 2: ")
    assert all(line.startswith("|") for line in lines)
    assert end == "[end of document 2]"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00"), (65.9, "0:01:05"), (30_240, "8:24:00")])
def test_times(seconds: float, text: str) -> None:
    assert framing.time(seconds) == text
